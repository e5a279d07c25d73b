//! `/search` and `/parameterizedSearch`.

use serde_json::{Map, Value, json};

use super::reply::{Answer, Reply};
use super::router::Context;
use super::{errors, json};
use crate::query::read_sosl;

fn found(context: &Context<'_>, rows: Vec<Value>) -> Reply {
    if context.version_number() < 37 {
        return Reply::json(200, Value::Array(rows));
    }
    Reply::json(200, json!({"searchRecords": rows}))
}

/// `GET /search?q=FIND {…}`.
pub(crate) fn search(context: &Context<'_>) -> Answer {
    context.only(&["HEAD", "GET"])?;
    let Some(sosl) = context.call.query_value("q") else {
        return Err(errors::refuse(
            400,
            "MALFORMED_SEARCH",
            "No search term found. The search term must be enclosed in braces.",
        ));
    };
    if let Some(log) = &context.simulator.query_log {
        log.note("sosl", sosl, read_sosl);
    }
    context
        .simulator
        .org
        .search(&context.caller, sosl, &context.version)
        .map(|rows| found(context, rows))
        .map_err(|error| errors::from_org(&error))
}

/// `GET /parameterizedSearch?q=&sobject=&X.fields=` or POST with the same as JSON.
pub(crate) fn parameterized(context: &Context<'_>) -> Answer {
    context.only(&["HEAD", "GET", "POST"])?;
    let body = if context.method == "POST" {
        Value::Object(json::read_object(context.call)?)
    } else {
        from_parameters(&context.call.query)
    };
    context
        .simulator
        .org
        .parameterized_search(&context.caller, &body, &context.version)
        .map(|rows| found(context, rows))
        .map_err(|error| errors::from_org(&error))
}

fn list(text: &str) -> Value {
    text.split(',').map(|name| Value::from(name.trim())).collect()
}

fn number(text: &str) -> Value {
    text.parse::<u64>()
        .map_or_else(|_| Value::from(text), Value::from)
}

/// The query parameters as the JSON body says it.
fn from_parameters(pairs: &[(String, String)]) -> Value {
    let mut body = Map::new();
    let mut objects: Vec<Map<String, Value>> = Vec::new();
    for (_, name) in pairs.iter().filter(|(key, _)| key == "sobject") {
        let mut object = Map::new();
        object.insert("name".to_owned(), Value::from(name.as_str()));
        objects.push(object);
    }
    for (key, value) in pairs {
        if let Some((name, option)) = key.split_once('.') {
            let target = objects.iter_mut().find(|object| {
                object
                    .get("name")
                    .and_then(Value::as_str)
                    .is_some_and(|known| known.eq_ignore_ascii_case(name))
            });
            if let Some(object) = target {
                let parsed = match option {
                    "fields" => list(value),
                    "limit" => number(value),
                    _ => Value::from(value.as_str()),
                };
                object.insert(option.to_owned(), parsed);
            }
            continue;
        }
        let parsed = match key.as_str() {
            "sobject" => continue,
            "fields" => list(value),
            "overallLimit" | "defaultLimit" => number(value),
            "spellCorrection" => Value::Bool(value == "true"),
            _ => Value::from(value.as_str()),
        };
        body.insert(key.clone(), parsed);
    }
    if !objects.is_empty() {
        body.insert(
            "sobjects".to_owned(),
            objects.into_iter().map(Value::Object).collect(),
        );
    }
    Value::Object(body)
}
