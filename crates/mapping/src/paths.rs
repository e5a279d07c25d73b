//! Places in a reply, as documents write them.

use serde_json::Value;

/// The value at a path: dots lead into objects, and numbers between them into lists. `results.0.id`.
pub fn value_at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        Value::Object(fields) => fields.get(part),
        _ => None,
    })
}
