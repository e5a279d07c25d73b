//! A write's body, checked against the resource's schema before anything is sent.

use mapping::{Plan, Shape};
use serde_json::Value;

use crate::Error;

/// Refuses a body that is no object, names unknown or read-only fields, or gives a field another type than it has.
pub(crate) fn check(plan: &Plan, body: &Value) -> Result<(), Error> {
    let Some(object) = body.as_object() else {
        return Err(invalid(
            None,
            "the body must be a JSON object of unified fields",
            plan.writable.clone(),
        ));
    };
    if object.is_empty() {
        return Err(invalid(None, "the body names no field", plan.writable.clone()));
    }
    for (name, value) in object {
        if !plan.writable.iter().any(|field| field == name) {
            let message = match plan.schema.field(name) {
                Some(_) => format!("`{name}` cannot be written"),
                None => format!("`{name}` is no field of {}", plan.resource),
            };
            return Err(invalid(Some(name), message, plan.writable.clone()));
        }
        if let Some(field) = plan.schema.field(name)
            && !value.is_null()
            && let Some(wanted) = mismatch(&field.shape, value)
        {
            return Err(invalid(
                Some(name),
                format!("`{name}` must be {wanted}"),
                Vec::new(),
            ));
        }
        if let Some(field) = plan.schema.field(name)
            && let Some(parts) = unwritable(&field.shape, value)
        {
            return Err(invalid(
                Some(name),
                format!("`{name}` names nothing that can be written"),
                parts,
            ));
        }
        if let Some(field) = plan.schema.field(name)
            && let Some(text) = value.as_str()
            && !field.values.is_empty()
            && !field.values.iter().any(|known| known.eq_ignore_ascii_case(text))
        {
            return Err(invalid(
                Some(name),
                format!("`{name}` does not take this value"),
                field.values.clone(),
            ));
        }
    }
    Ok(())
}

/// An error of one record among many, naming which.
pub(crate) fn of_record(index: usize, error: Error) -> Error {
    match error {
        Error::InvalidBody {
            field,
            message,
            allowed,
        } => Error::InvalidBody {
            field: Some(field.map_or_else(
                || format!("records[{index}]"),
                |field| format!("records[{index}].{field}"),
            )),
            message: format!("record {index}: {message}"),
            allowed,
        },
        other => other,
    }
}

pub(crate) fn invalid(field: Option<&str>, message: impl Into<String>, allowed: Vec<String>) -> Error {
    Error::InvalidBody {
        field: field.map(str::to_owned),
        message: message.into(),
        allowed,
    }
}

/// The writable parts of an object, or of a list's items, when the body's names none of them: a reference by its name
/// alone would clear what it was meant to set.
fn unwritable(shape: &Shape, value: &Value) -> Option<Vec<String>> {
    match (shape, value) {
        (Shape::Object(parts), Value::Object(given)) => {
            let writable = parts.iter().filter(|part| !part.read_only).map(|part| &part.name);
            let names: Vec<String> = writable.cloned().collect();
            (!names.iter().any(|name| given.contains_key(name))).then_some(names)
        }
        (Shape::List(item), Value::Array(values)) => values.iter().find_map(|value| unwritable(item, value)),
        _ => None,
    }
}

/// What the value should have been, when it is not.
fn mismatch(shape: &Shape, value: &Value) -> Option<&'static str> {
    let (fits, wanted) = match shape {
        Shape::Text => (value.is_string(), "a text"),
        Shape::Date => (value.is_string(), "a date such as \"2026-05-01\""),
        Shape::DateTime => (
            value.is_string(),
            "a date and time such as \"2026-05-01T07:25:37Z\"",
        ),
        Shape::Integer => (value.is_i64() || value.is_u64(), "a whole number"),
        Shape::Number => (value.is_number(), "a number"),
        Shape::Boolean => (value.is_boolean(), "true or false"),
        Shape::List(_) => (value.is_array(), "a list"),
        Shape::Object(_) | Shape::OpenObject => (value.is_object(), "an object"),
        Shape::Any => (true, "anything"),
    };
    (!fits).then_some(wanted)
}
