//! The management API from a shell: a file for each noun.

pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod connect;
pub(crate) mod connections;
pub(crate) mod events;
pub(crate) mod overrides;
pub(crate) mod providers;
pub(crate) mod tenants;
pub(crate) mod webhooks;

use std::path::Path;

use anyhow::Context as _;
use serde_json::{Map, Value};

/// A body of those keys that have a value.
fn body<const N: usize>(given: [(&str, Option<Value>); N]) -> Value {
    let given = given.into_iter();
    let given = given.filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(given.collect::<Map<_, _>>())
}

/// A text as a value of a body.
fn text(given: Option<&String>) -> Option<Value> {
    given.map(|text| Value::from(text.as_str()))
}

/// A list as a value of a body; an empty one is not said.
fn texts(given: &[String]) -> Option<Value> {
    (!given.is_empty()).then(|| Value::from(given))
}

/// A switch as a value of a body, when it is on.
fn switch(given: bool) -> Option<Value> {
    given.then_some(Value::Bool(true))
}

/// The text of a file; `-` is standard input.
fn file(path: &Path) -> anyhow::Result<String> {
    let read = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    read.with_context(|| path.display().to_string())
}
