//! One filter of a search.

use serde_json::Value;

use super::super::catalog::Kind;
use super::super::errors::{self, Fault};
use super::super::objects::Object;
use super::super::portal::{Data, Record};
use super::super::values::{parse_moment, text_of};

/// What a filter looks at.
#[derive(Debug, Clone)]
enum Subject {
    Property(String, Kind),
    /// `associations.contact`: the ids of linked records.
    Linked(Object),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Eq,
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
    Between,
    In,
    NotIn,
    Has,
    HasNot,
    Contains,
    ContainsNot,
}

/// A checked filter.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    subject: Subject,
    operator: Operator,
    /// The value, the two ends of a range, or the list.
    operands: Vec<String>,
}

/// A value in the order of its type.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub(super) enum Comparable {
    Number(f64),
    Text(String),
}

/// Reads a value for comparing; text without regard to case. `None` when it is none of that type.
pub(super) fn comparable(kind: Option<Kind>, text: &str) -> Option<Comparable> {
    match kind {
        Some(Kind::Number) => text.trim().parse().ok().map(Comparable::Number),
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of any year fit 53 bits")]
        Some(Kind::Date | Kind::DateTime) => parse_moment(text).map(|ms| Comparable::Number(ms as f64)),
        _ => Some(Comparable::Text(text.trim().to_lowercase())),
    }
}

fn operator(text: &str) -> Option<Operator> {
    Some(match text {
        "EQ" => Operator::Eq,
        "NEQ" => Operator::Neq,
        "LT" => Operator::Lt,
        "LTE" => Operator::Lte,
        "GT" => Operator::Gt,
        "GTE" => Operator::Gte,
        "BETWEEN" => Operator::Between,
        "IN" => Operator::In,
        "NOT_IN" => Operator::NotIn,
        "HAS_PROPERTY" => Operator::Has,
        "NOT_HAS_PROPERTY" => Operator::HasNot,
        "CONTAINS_TOKEN" => Operator::Contains,
        "NOT_CONTAINS_TOKEN" => Operator::ContainsNot,
        _ => return None,
    })
}

/// The words of a text: everything between characters that are neither letters, digits nor `_`.
fn tokens(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Whether a word fits a pattern in which `*` stands for anything.
fn fits(word: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = word.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(place) => rest = &rest[place + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

impl Filter {
    /// Reads `{"propertyName","operator","value"?,"values"?,"highValue"?}`.
    pub(super) fn read(data: &Data, object: Object, filter: &Value) -> Result<Self, Fault> {
        let name = filter["propertyName"].as_str().unwrap_or("");
        let subject = if let Some(linked) = name.strip_prefix("associations.") {
            Object::find(linked).map(Subject::Linked)
        } else {
            let property = data.property(object, name);
            property.map(|property| Subject::Property(property.name.clone(), property.kind))
        };
        let subject = subject.ok_or_else(errors::problem)?;
        let operator = filter["operator"]
            .as_str()
            .and_then(operator)
            .ok_or_else(errors::problem)?;
        let text = |key: &str| text_of(&filter[key]).filter(|text| !text.is_empty());
        let operands = match operator {
            Operator::Has | Operator::HasNot => Vec::new(),
            Operator::In | Operator::NotIn => {
                let list = filter["values"].as_array().filter(|list| !list.is_empty());
                list.ok_or_else(errors::problem)?
                    .iter()
                    .filter_map(text_of)
                    .collect()
            }
            Operator::Between => vec![
                text("value").ok_or_else(errors::problem)?,
                text("highValue").ok_or_else(errors::problem)?,
            ],
            _ => vec![text("value").ok_or_else(errors::problem)?],
        };
        let typed = |kind: Kind| operands.iter().all(|text| comparable(Some(kind), text).is_some());
        let readable = match (&subject, operator) {
            (Subject::Linked(_), Operator::Eq | Operator::In | Operator::Neq | Operator::NotIn) => {
                typed(Kind::Number)
            }
            (Subject::Linked(_), _) => matches!(operator, Operator::Has | Operator::HasNot),
            (Subject::Property(_, kind), _) => typed(*kind),
        };
        if !readable {
            return Err(errors::problem());
        }
        Ok(Self {
            subject,
            operator,
            operands,
        })
    }

    /// Whether a record passes. Records without a value pass `NOT_HAS_PROPERTY` alone.
    pub(super) fn matches(&self, data: &Data, object: Object, record: &Record) -> bool {
        match &self.subject {
            Subject::Linked(to) => {
                let ids: Vec<String> = data
                    .links
                    .of(object, record.id, *to)
                    .map(|(id, _)| id.to_string())
                    .collect();
                let among = ids.iter().any(|id| self.operands.contains(id));
                match self.operator {
                    Operator::Has => !ids.is_empty(),
                    Operator::HasNot => ids.is_empty(),
                    Operator::Neq | Operator::NotIn => !ids.is_empty() && !among,
                    _ => among,
                }
            }
            Subject::Property(name, kind) => match data.value(object, record, name) {
                Some(value) => self.passes(*kind, &value),
                None => self.operator == Operator::HasNot,
            },
        }
    }

    fn passes(&self, kind: Kind, value: &str) -> bool {
        let first = self.operands.first().map_or("", String::as_str);
        let compare =
            |operand: &str| comparable(Some(kind), value).partial_cmp(&comparable(Some(kind), operand));
        // Of several checked boxes each one counts.
        let equals = |operand: &str| {
            compare(operand).is_some_and(std::cmp::Ordering::is_eq)
                || kind == Kind::Enumeration
                    && value.split(';').any(|part| part.eq_ignore_ascii_case(operand))
        };
        // Values of text in a list must be lower case: one with a capital meets nothing.
        let in_list = || {
            self.operands.iter().any(|operand| {
                let spelt =
                    !matches!(kind, Kind::String | Kind::PhoneNumber) || operand.to_lowercase() == *operand;
                spelt && equals(operand)
            })
        };
        let contains = || {
            let words = tokens(value);
            let wanted: Vec<String> = first
                .to_lowercase()
                .split(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != '*')
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect();
            wanted
                .iter()
                .all(|pattern| words.iter().any(|word| fits(word, pattern)))
        };
        match self.operator {
            Operator::Eq => equals(first),
            Operator::Neq => !equals(first),
            Operator::Lt => compare(first).is_some_and(std::cmp::Ordering::is_lt),
            Operator::Lte => compare(first).is_some_and(std::cmp::Ordering::is_le),
            Operator::Gt => compare(first).is_some_and(std::cmp::Ordering::is_gt),
            Operator::Gte => compare(first).is_some_and(std::cmp::Ordering::is_ge),
            Operator::Between => {
                let high = self.operands.get(1).map_or("", String::as_str);
                compare(first).is_some_and(std::cmp::Ordering::is_ge)
                    && compare(high).is_some_and(std::cmp::Ordering::is_le)
            }
            Operator::In => in_list(),
            Operator::NotIn => !in_list(),
            Operator::Has => true,
            Operator::HasNot => false,
            Operator::Contains => contains(),
            Operator::ContainsNot => !contains(),
        }
    }
}

#[cfg(test)]
mod tests;
