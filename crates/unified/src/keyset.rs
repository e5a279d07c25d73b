//! Paging by key: the next page is what sorts after the last record, whatever happened in between.
//!
//! The order is made total by the record's id as last key, because real data has hundreds of rows with one timestamp.
//! Empty values come last in both directions, so that one rule serves.

use mapping::FieldKind;
use serde_json::Value;
use soql::{Comparison, Condition, Direction, FieldPath, Literal, Nulls, Order};

use crate::Error;
use crate::cursor::Position;

/// One sort key: the provider's field and how its values are written.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) field: FieldPath,
    pub(crate) kind: FieldKind,
    pub(crate) descending: bool,
}

/// The order of a page: the keys, then the id.
pub(crate) fn order(keys: &[Key], id_field: &FieldPath) -> Vec<Order> {
    let mut order: Vec<Order> = keys
        .iter()
        .map(|key| Order {
            field: key.field.clone(),
            direction: if key.descending {
                Direction::Descending
            } else {
                Direction::Ascending
            },
            nulls: Nulls::Last,
        })
        .collect();
    order.push(Order::ascending(id_field.clone()));
    order
}

/// The condition that holds for exactly the records after `position`.
pub(crate) fn after(keys: &[Key], id_field: &FieldPath, position: &Position) -> Result<Condition, Error> {
    if position.values.len() != keys.len() {
        return Err(Error::InvalidCursor);
    }
    let mut branches = Vec::new();
    let mut equal: Vec<Condition> = Vec::new();
    for (key, value) in keys.iter().zip(&position.values) {
        let literal = literal(key.kind, value)?;
        // Nothing sorts after an empty value but the records that share it.
        if literal != Literal::Null {
            let comparison = if key.descending {
                Comparison::Less
            } else {
                Comparison::Greater
            };
            let later = Condition::Or(vec![
                compare(&key.field, comparison, literal.clone()),
                compare(&key.field, Comparison::Equal, Literal::Null),
            ]);
            branches.push(all(&equal, later));
        }
        equal.push(compare(&key.field, Comparison::Equal, literal));
    }
    let later_id = compare(id_field, Comparison::Greater, Literal::text(position.id.as_str()));
    branches.push(all(&equal, later_id));
    Ok(match branches.len() {
        1 => branches.remove(0),
        _ => Condition::Or(branches),
    })
}

fn compare(field: &FieldPath, comparison: Comparison, value: Literal) -> Condition {
    Condition::Compare {
        field: field.clone(),
        comparison,
        value,
    }
}

fn all(conditions: &[Condition], last: Condition) -> Condition {
    if conditions.is_empty() {
        return last;
    }
    let mut conditions = conditions.to_vec();
    conditions.push(last);
    Condition::And(conditions)
}

/// Writes a value that the provider answered as a literal of its field's kind.
fn literal(kind: FieldKind, value: &Value) -> Result<Literal, Error> {
    let written = match (kind, value) {
        (_, Value::Null) => Some(Literal::Null),
        (_, Value::Bool(flag)) => Some(Literal::Boolean(*flag)),
        (_, Value::Number(number)) => number.as_i64().map(Literal::Integer).or_else(|| {
            number
                .as_f64()
                .and_then(|float| Literal::decimal(&format!("{float}")).ok())
        }),
        (FieldKind::DateTime, Value::String(text)) => Literal::date_time(&with_colon(text)).ok(),
        (FieldKind::Date, Value::String(text)) => Literal::date(text).ok(),
        (_, Value::String(text)) => Some(Literal::text(text.as_str())),
        _ => None,
    };
    written.ok_or(Error::InvalidCursor)
}

/// `…+0000`, as some providers write an offset, becomes `…+00:00`, as every standard reads it.
fn with_colon(text: &str) -> String {
    let bytes = text.as_bytes();
    let offset = bytes.len().checked_sub(5).and_then(|at| bytes.get(at..));
    match offset {
        Some([b'+' | b'-', digits @ ..]) if digits.iter().all(u8::is_ascii_digit) => {
            let (head, minutes) = text.split_at(text.len() - 2);
            format!("{head}:{minutes}")
        }
        _ => text.to_owned(),
    }
}

/// Where the page ends: the sort values and the id of its last raw record.
pub(crate) fn position(keys: &[Key], id_field: &FieldPath, record: &Value) -> Option<Position> {
    let id = at(record, id_field.as_str())?.as_str()?.to_owned();
    let values = keys
        .iter()
        .map(|key| at(record, key.field.as_str()).cloned().unwrap_or(Value::Null))
        .collect();
    Some(Position {
        values,
        id,
        after: None,
        part: None,
        told: None,
    })
}

/// The value at a dotted path of a raw record; a missing parent is a missing value.
fn at<'a>(record: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(record, |value, name| value.get(name))
}

#[cfg(test)]
mod tests;
