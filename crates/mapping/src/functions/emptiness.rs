//! What counts as empty, and what to take in its place.

use serde_json::Value;

use super::{Answer, Arguments, HostCall, Table, argument, truthy};

pub(super) fn register(table: &mut Table) {
    table.add("removeEmptyItems", 1, remove_empty_items);
    table.add("removeEmpty", 1, remove_empty);
    table.add("firstNonEmpty", 1, first_non_empty);
    table.add("compact", 1, compact);
}

/// `$removeEmptyItems(array)`: without `null`, `false`, `0`, `""`, `{}`, `[]`. Anything but an array stays as it is.
///
/// `$removeEmptyItems(["Ann", null, ""])` is `["Ann"]`.
fn remove_empty_items(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    Ok(match argument(arguments, 0) {
        Some(Value::Array(items)) => Some(Value::Array(
            items.iter().filter(|item| !is_empty(item)).cloned().collect(),
        )),
        other => other.cloned(),
    })
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        scalar => !truthy(scalar),
    }
}

/// `$removeEmpty(value)`: an array or text that has something in it, otherwise undefined.
///
/// `$removeEmpty([])` is undefined, `$removeEmpty(["1", ""])` is `["1", ""]`.
fn remove_empty(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    Ok(argument(arguments, 0)
        .filter(|value| match value {
            Value::Array(items) => !items.is_empty(),
            Value::String(text) => !text.is_empty(),
            _ => false,
        })
        .cloned())
}

/// `$firstNonEmpty(a, b, …)`: the first argument that is neither undefined nor `null`.
///
/// `$firstNonEmpty(null, "", "x")` is `""`.
fn first_non_empty(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    Ok(arguments.iter().flatten().find(|value| !value.is_null()).cloned())
}

/// `$compact(array)`: without `null`, `false`, `0` and `""`.
///
/// `$compact([0, 1, "", "a"])` is `[1, "a"]`.
fn compact(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let items = super::items(argument(arguments, 0));
    Ok(Some(Value::Array(items.into_iter().filter(truthy).collect())))
}
