//! `@{referenceId.path}` in composite subrequests.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Bodies of the subrequests before, by reference id; `None` = it failed.
pub(crate) type Results = HashMap<String, Option<Value>>;

/// Fills the references of a text. The error is the message of a halted subrequest.
///
/// `encode` is used for values put into a URL.
pub(crate) fn fill(text: &str, results: &Results, encode: fn(&str) -> String) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("@{") {
        let Some(length) = rest[start..].find('}') else {
            break;
        };
        filled.push_str(&rest[..start]);
        let value = look_up(&rest[start + 2..start + length], results)?;
        filled.push_str(&encode(&plain(&value)));
        rest = &rest[start + length + 1..];
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Fills the references in every string of a body. A string that is one reference takes the value with its type.
pub(crate) fn fill_value(value: &Value, results: &Results) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => {
            let whole = text
                .strip_prefix("@{")
                .and_then(|rest| rest.strip_suffix('}'))
                .filter(|inner| !inner.contains('}'));
            match whole {
                Some(path) => look_up(path, results)?,
                None => Value::String(fill(text, results, str::to_owned)?),
            }
        }
        Value::Array(items) => items
            .iter()
            .map(|item| fill_value(item, results))
            .collect::<Result<_, _>>()?,
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(key, item)| Ok((key.clone(), fill_value(item, results)?)))
                .collect::<Result<Map<_, _>, String>>()?,
        ),
        other => other.clone(),
    })
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `ref.field`, `ref.records[0].Id`, `ref[2].id`. Names are case-sensitive.
fn look_up(path: &str, results: &Results) -> Result<Value, String> {
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let (reference, tail) = path.split_at(end);
    let missing = || format!("Invalid reference specified. No value for {path} found in {reference}");
    let mut value = results
        .get(reference)
        .and_then(Option::as_ref)
        .ok_or_else(missing)?;
    for step in tail.split(['.', '[']).filter(|step| !step.is_empty()) {
        let found = match step.strip_suffix(']') {
            Some(index) => index.parse::<usize>().ok().and_then(|index| value.get(index)),
            None => value.get(step),
        };
        value = found.ok_or_else(missing)?;
    }
    Ok(value.clone())
}
