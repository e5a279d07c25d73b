//! A caller's filter as a typed condition: every value is read as its field's type before it is written.

use std::collections::BTreeMap;

use mapping::{FieldKind, FilterRule, Plan};
use serde_json::Value;
use soql::{Comparison, Condition, FieldPath, LikePattern, Literal};

use crate::Error;
use crate::parameters::{Filter, Operator};

/// Writes one filter on `field`, whose values are of `kind`.
pub(crate) fn condition(filter: &Filter, field: &FieldPath, kind: FieldKind) -> Result<Condition, Error> {
    let operator = filter.operator;
    check_operator(filter, kind)?;
    let first = filter.values.first().map_or("", String::as_str);
    let field = field.clone();
    if kind == FieldKind::MultiPicklist {
        return Ok(multi_picklist(filter, field));
    }
    Ok(match operator {
        Operator::Eq => compare(field, Comparison::Equal, literal(filter, kind, first)?),
        Operator::Ne => compare(field, Comparison::NotEqual, literal(filter, kind, first)?),
        Operator::Gt => compare(field, Comparison::Greater, literal(filter, kind, first)?),
        Operator::Gte => compare(field, Comparison::GreaterOrEqual, literal(filter, kind, first)?),
        Operator::Lt => compare(field, Comparison::Less, literal(filter, kind, first)?),
        Operator::Lte => compare(field, Comparison::LessOrEqual, literal(filter, kind, first)?),
        Operator::In | Operator::Nin => Condition::In {
            field,
            negated: operator == Operator::Nin,
            values: literals(filter, kind)?,
        },
        Operator::Like => Condition::Like {
            field,
            pattern: like(first),
        },
        Operator::Contains => Condition::Like {
            field,
            pattern: LikePattern::contains(first),
        },
        Operator::StartsWith => Condition::Like {
            field,
            pattern: LikePattern::starts_with(first),
        },
    })
}

/// Refuses an operator that does not apply to fields of this kind.
pub(crate) fn check_operator(filter: &Filter, kind: FieldKind) -> Result<(), Error> {
    if allowed(kind).contains(&filter.operator) {
        return Ok(());
    }
    Err(Error::InvalidParameter {
        parameter: filter.parameter.clone(),
        message: format!(
            "`{}` does not apply to {}",
            filter.operator.name(),
            describe(kind)
        ),
        allowed: allowed(kind)
            .iter()
            .map(|operator| operator.name().to_owned())
            .collect(),
    })
}

fn literals(filter: &Filter, kind: FieldKind) -> Result<Vec<Literal>, Error> {
    if filter.values.is_empty() {
        return Err(wrong(filter, "needs at least one value"));
    }
    let values = filter.values.iter();
    values.map(|value| literal(filter, kind, value)).collect()
}

/// The filter's values as JSON of their field's kind: numbers, booleans, texts; `null` for the empty text.
pub(crate) fn values(filter: &Filter, kind: FieldKind) -> Result<Vec<Value>, Error> {
    let number = |text: &str| {
        let number: Option<serde_json::Number> = serde_json::from_str(text).ok();
        number
            .map(Value::Number)
            .ok_or_else(|| wrong(filter, "expected a number, such as 1234.5"))
    };
    let values = literals(filter, kind)?.into_iter().map(|literal| {
        Ok(match literal {
            Literal::Null => Value::Null,
            Literal::Boolean(flag) => Value::Bool(flag),
            Literal::Integer(whole) => Value::from(whole),
            Literal::Decimal(text) => number(text.as_str())?,
            Literal::Text(text) => Value::String(text),
            Literal::Date(text) => Value::from(text.as_str()),
            Literal::DateTime(text) => Value::from(text.as_str()),
            Literal::DateLiteral(_) => return Err(wrong(filter, "expected a date and time")),
        })
    });
    values.collect()
}

/// What each value of a filter on a unified field of fixed values says of the provider's fields.
pub(crate) fn named_values<'r>(
    filter: &Filter,
    rule: &'r FilterRule,
) -> Result<Vec<&'r BTreeMap<String, Value>>, Error> {
    const ALLOWED: [Operator; 4] = [Operator::Eq, Operator::Ne, Operator::In, Operator::Nin];
    if !ALLOWED.contains(&filter.operator) {
        return Err(Error::InvalidParameter {
            parameter: filter.parameter.clone(),
            message: format!(
                "`{}` does not apply to a field of fixed values",
                filter.operator.name()
            ),
            allowed: ALLOWED
                .iter()
                .map(|operator| operator.name().to_owned())
                .collect(),
        });
    }
    if filter.values.is_empty() {
        return Err(wrong(filter, "needs at least one value"));
    }
    let named = filter.values.iter().map(|value| {
        rule.values.get(value).ok_or_else(|| Error::InvalidParameter {
            parameter: filter.parameter.clone(),
            message: format!("`{value}` is none of its values"),
            allowed: rule.values.keys().cloned().collect(),
        })
    });
    named.collect()
}

/// Writes a filter on a unified field whose values are the document's own: each is what it says of the provider's fields.
pub(crate) fn of_values(filter: &Filter, rule: &FilterRule) -> Result<Condition, Error> {
    let mut any = Vec::with_capacity(filter.values.len());
    for fields in named_values(filter, rule)? {
        let all: Result<Vec<Condition>, Error> = fields
            .iter()
            .map(|(field, value)| {
                let field = FieldPath::parse(field).map_err(|error| wrong(filter, error.to_string()))?;
                Ok(compare(field, Comparison::Equal, own_literal(filter, value)?))
            })
            .collect();
        any.push(Condition::And(all?));
    }
    let is_negated = matches!(filter.operator, Operator::Ne | Operator::Nin);
    let any = Condition::Or(any);
    Ok(if is_negated {
        Condition::Not(Box::new(any))
    } else {
        any
    })
}

/// What every record of the resource holds.
pub(crate) fn only(plan: &Plan) -> Result<Vec<Condition>, String> {
    let rules = plan.only.iter().map(|(field, values)| {
        let field = FieldPath::parse(field).map_err(|error| error.to_string())?;
        let values: Result<Vec<Literal>, String> = values.iter().map(document_literal).collect();
        let mut values = values?;
        Ok(match (values.pop(), values.is_empty()) {
            (Some(value), true) => compare(field, Comparison::Equal, value),
            (last, _) => {
                values.extend(last);
                Condition::In {
                    field,
                    negated: false,
                    values,
                }
            }
        })
    });
    rules.collect()
}

/// A document's own value as a literal.
fn own_literal(filter: &Filter, value: &Value) -> Result<Literal, Error> {
    document_literal(value).map_err(|message| wrong(filter, message))
}

fn document_literal(value: &Value) -> Result<Literal, String> {
    Ok(match value {
        Value::Bool(flag) => Literal::Boolean(*flag),
        Value::String(text) => Literal::text(text.as_str()),
        Value::Number(number) => Literal::decimal(&number.to_string()).map_err(|error| error.to_string())?,
        _ => Literal::Null,
    })
}

fn compare(field: FieldPath, comparison: Comparison, value: Literal) -> Condition {
    Condition::Compare {
        field,
        comparison,
        value,
    }
}

fn multi_picklist(filter: &Filter, field: FieldPath) -> Condition {
    let sets = filter
        .values
        .iter()
        .map(|value| value.split(';').map(str::to_owned).collect())
        .collect();
    let negated = matches!(filter.operator, Operator::Ne | Operator::Nin);
    Condition::Includes { field, negated, sets }
}

/// `like` takes the caller's own wildcards: `%` for any text, `_` for one character; all else is literal.
fn like(value: &str) -> LikePattern {
    LikePattern::parse(value)
}

fn allowed(kind: FieldKind) -> &'static [Operator] {
    use Operator::{Contains, Eq, Gt, Gte, In, Like, Lt, Lte, Ne, Nin, StartsWith};
    match kind {
        FieldKind::Boolean => &[Eq, Ne],
        FieldKind::Id | FieldKind::Reference => &[Eq, Ne, In, Nin],
        FieldKind::Integer | FieldKind::Decimal | FieldKind::Date | FieldKind::DateTime | FieldKind::Time => {
            &[Eq, Ne, Gt, Gte, Lt, Lte, In, Nin]
        }
        FieldKind::MultiPicklist => &[Eq, Ne, In, Nin, Contains],
        FieldKind::LongText | FieldKind::Address | FieldKind::Other => &[],
        FieldKind::Text | FieldKind::Email | FieldKind::Phone | FieldKind::Url | FieldKind::Picklist => {
            &[Eq, Ne, Gt, Gte, Lt, Lte, In, Nin, Like, Contains, StartsWith]
        }
    }
}

fn describe(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Boolean => "a true/false field",
        FieldKind::Id | FieldKind::Reference => "an id",
        FieldKind::Integer | FieldKind::Decimal => "a number",
        FieldKind::Date => "a date",
        FieldKind::DateTime => "a date and time",
        FieldKind::Time => "a time of day",
        FieldKind::MultiPicklist => "a list of choices",
        FieldKind::LongText => "long text, which the provider cannot filter",
        FieldKind::Address => "an address as a whole",
        FieldKind::Other => "a field of this type",
        FieldKind::Text | FieldKind::Email | FieldKind::Phone | FieldKind::Url | FieldKind::Picklist => {
            "text"
        }
    }
}

pub(crate) fn wrong(filter: &Filter, message: impl Into<String>) -> Error {
    Error::InvalidParameter {
        parameter: filter.parameter.clone(),
        message: message.into(),
        allowed: Vec::new(),
    }
}

/// Reads one value as its field's type. The empty text asks for records where the field is empty.
fn literal(filter: &Filter, kind: FieldKind, value: &str) -> Result<Literal, Error> {
    if value.is_empty() {
        return match filter.operator {
            Operator::Eq | Operator::Ne => Ok(Literal::Null),
            _ => Err(wrong(filter, "the value is empty")),
        };
    }
    match kind {
        FieldKind::Boolean => match value {
            "true" => Ok(Literal::Boolean(true)),
            "false" => Ok(Literal::Boolean(false)),
            _ => Err(wrong(filter, "expected true or false")),
        },
        FieldKind::Integer => value
            .parse()
            .map(Literal::Integer)
            .map_err(|_| wrong(filter, "expected a whole number, such as 42")),
        FieldKind::Decimal => {
            Literal::decimal(value).map_err(|_| wrong(filter, "expected a number, such as 1234.5"))
        }
        FieldKind::Date => {
            Literal::date(value).map_err(|_| wrong(filter, "expected a date, such as 2026-05-01"))
        }
        FieldKind::DateTime => Literal::date_time(value).map_err(|_| {
            wrong(
                filter,
                "expected a date and time with its offset, such as 2026-05-01T07:25:37Z",
            )
        }),
        FieldKind::Id | FieldKind::Reference => {
            let plain = value.len() <= 64
                && value
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
            if plain {
                Ok(Literal::text(value))
            } else {
                Err(wrong(filter, "expected an id: letters and digits"))
            }
        }
        _ => Ok(Literal::text(value)),
    }
}
