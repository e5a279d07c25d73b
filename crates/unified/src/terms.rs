//! A caller's filters as an or of ands, for providers whose requests an expression makes: every value is read as its
//! field's type before the expression sees it.

use mapping::{FieldKind, FilterRule, ObjectMetadata, Plan};
use serde_json::{Value, json};

use crate::Error;
use crate::filter;
use crate::parameters::{Filter, Operator};

/// Most groups that one request's filters may come to when they are written as an or of ands.
const GROUPS_MAX: usize = 64;

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Term {
    field: String,
    operator: &'static str,
    values: Vec<Value>,
    kind: FieldKind,
    parameter: String,
}

/// At least one group must hold, all of whose terms hold.
pub(crate) type Groups = Vec<Vec<Term>>;

/// Filters that must all hold, and groups of them of which one must.
pub(crate) fn groups(all: Vec<Groups>, any: Vec<Vec<Groups>>) -> Result<Groups, Error> {
    let mut either: Groups = Vec::new();
    for group in any {
        either.extend(every(group)?);
    }
    let mut conditions = all;
    if !either.is_empty() {
        conditions.push(either);
    }
    every(conditions)
}

/// The groups as expressions see them; none for all records.
pub(crate) fn described(groups: &Groups) -> Value {
    let filters = |group: &Vec<Term>| -> Vec<Value> {
        group
            .iter()
            .map(|term| {
                json!({
                    "field": term.field, "operator": term.operator, "values": term.values, "kind": term.kind,
                    "parameter": term.parameter,
                })
            })
            .collect()
    };
    let is_all = groups.iter().any(Vec::is_empty);
    let groups = groups.iter().filter(|_| !is_all);
    groups.map(|group| json!({ "filters": filters(group) })).collect()
}

/// Conditions that must all hold, multiplied out.
fn every(conditions: Vec<Groups>) -> Result<Groups, Error> {
    conditions
        .into_iter()
        .try_fold(vec![Vec::new()], |product, groups| {
            if product.len().saturating_mul(groups.len()) > GROUPS_MAX {
                return Err(Error::InvalidParameter {
                    parameter: "or".to_owned(),
                    message: format!("the filters come to more than {GROUPS_MAX} alternatives"),
                    allowed: Vec::new(),
                });
            }
            let pairs = product.iter().flat_map(|left: &Vec<Term>| {
                groups
                    .iter()
                    .map(move |right| left.iter().chain(right).cloned().collect::<Vec<Term>>())
            });
            Ok(pairs.collect())
        })
}

/// What every record of the resource holds.
pub(crate) fn only(plan: &Plan, metadata: &ObjectMetadata) -> Vec<Groups> {
    let term = |(field, values): (&String, &Vec<Value>)| Term {
        field: field.clone(),
        operator: Operator::In.name(),
        values: values.clone(),
        kind: metadata.field(field).map_or(FieldKind::Text, |field| field.kind),
        parameter: "only".to_owned(),
    };
    plan.only.iter().map(|rule| vec![vec![term(rule)]]).collect()
}

/// One filter on `field`, whose values are of `kind`.
pub(crate) fn of_field(filter: &Filter, field: &str, kind: FieldKind) -> Result<Groups, Error> {
    filter::check_operator(filter, kind)?;
    let values = filter::values(filter, kind)?;
    let term = |operator: &'static str, values: Vec<Value>| Term {
        field: field.to_owned(),
        operator,
        values,
        kind,
        parameter: filter.parameter.clone(),
    };
    let is_nothing = values.iter().any(Value::is_null);
    let (is_equal, is_unequal) = (
        matches!(filter.operator, Operator::Eq),
        matches!(filter.operator, Operator::Ne),
    );
    if is_nothing && (is_equal || is_unequal) {
        let operator = if is_equal { "is_null" } else { "is_not_null" };
        return Ok(vec![vec![term(operator, Vec::new())]]);
    }
    if kind != FieldKind::MultiPicklist {
        return Ok(vec![vec![term(filter.operator.name(), values)]]);
    }
    // `a;b` means both; several values mean any of them.
    let sets: Vec<Vec<Value>> = filter
        .values
        .iter()
        .map(|value| {
            let choices = value
                .split(';')
                .map(str::trim)
                .filter(|choice| !choice.is_empty());
            choices.map(Value::from).collect()
        })
        .collect();
    if sets.iter().any(Vec::is_empty) {
        // No choice would be no condition, and all records.
        return Err(filter::wrong(filter, "names no choice"));
    }
    let sets = sets.into_iter();
    if matches!(filter.operator, Operator::Ne | Operator::Nin) {
        let without = sets.map(|set| {
            let each = set.into_iter().map(|choice| vec![term("excludes", vec![choice])]);
            each.collect::<Groups>()
        });
        return every(without.collect());
    }
    Ok(sets
        .map(|set| {
            let each = set.into_iter().map(|choice| term("includes", vec![choice]));
            each.collect()
        })
        .collect())
}

/// A filter on a unified field whose values are the document's own: each is what it says of the provider's fields.
pub(crate) fn of_values(filter: &Filter, rule: &FilterRule) -> Result<Groups, Error> {
    let named = filter::named_values(filter, rule)?;
    let is_negated = matches!(filter.operator, Operator::Ne | Operator::Nin);
    let alternatives: Groups = named
        .into_iter()
        .map(|fields| {
            let each = fields.iter().map(|(field, value)| Term {
                field: field.clone(),
                operator: match (value.is_null(), is_negated) {
                    (true, false) => "is_null",
                    (true, true) => "is_not_null",
                    (false, false) => "eq",
                    (false, true) => "ne",
                },
                values: Some(value.clone())
                    .filter(|value| !value.is_null())
                    .into_iter()
                    .collect(),
                kind: kind_of(value),
                parameter: filter.parameter.clone(),
            });
            each.collect()
        })
        .collect();
    if !is_negated {
        return Ok(alternatives);
    }
    // None of the alternatives: of each, one term fails.
    every(
        alternatives
            .into_iter()
            .map(|terms| terms.into_iter().map(|term| vec![term]).collect())
            .collect(),
    )
}

const fn kind_of(value: &Value) -> FieldKind {
    match value {
        Value::Bool(_) => FieldKind::Boolean,
        Value::Number(_) => FieldKind::Decimal,
        _ => FieldKind::Text,
    }
}

#[cfg(test)]
mod tests;
