//! Functions that mappings may call besides JSONata's own.
//!
//! Most are the ones people know from npm `@truto/truto-jsonata` 3.0.6, with the same results (golden file
//! `tests/golden/functions.json`). Where we answer otherwise, it is on purpose:
//!
//! - `$convertQueryToSql` always escapes, quotes by the field's kind when no type is given, ignores `noQuotes` for
//!   texts, refuses field names and operators that are not plain words, and knows `contains`, `starts_with` and
//!   `ends_with`; nothing to compare with (`null`) is left out instead of failing.
//! - `$convertCurrencyToSubunit(19.99, "USD")` is 1999 (there 1998: a binary fraction cut off).
//! - `$dtFromIso`, `$dtFromFormat` answer an object of plain fields and `iso`, without methods, and know UTC and fixed
//!   offsets, not named time zones.
//! - `$parseUrl` answers an object of plain fields; a text that is no URL is undefined instead of an error.
//! - Predicates given as functions work in `$find`, `$lofilter`, `$groupBy`, `$keyBy` and `$orderBy`.
//! - A missing value is undefined where the original fails with a JavaScript error.
//! - `$join` stays JSONata's own.
//!
//! Ours besides: `$address`, `$picklist`, `$hostname`; `$reference`, `$primary`, `$ofType`, `$part`, `$street` for bodies;
//! `$soqlString`, `$soqlValue`, `$soqlList`, `$soqlLike`, `$soqlField`, `$soslTerm` for literals. (The engine's values
//! hold no functions, so `$soql.string(x)` cannot be.)
//!
//! Left out: what needs randomness (`$uuid`), bytes, streams or files (`$blob`, `$getArrayBuffer`, `$getDataUri`,
//! `$base64ToBlob`, `$bufferToString`, `$teeStream`, `$parseDocument`), keys (`$sign`, `$signJwt`, `$digest`, `$awsSigV4`),
//! a network (`$generateEmbeddingsCohere`), or another document format (`$xmlToJs`, `$jsToXml`, `$jsonToCsv`,
//! `$jsonToParquet`, Markdown, HTML, Notion, Slack, PDF), and `$recursiveCharacterTextSplitter`.

#![expect(
    clippy::unnecessary_wraps,
    reason = "every function has the signature that the engine calls"
)]

mod address;
mod collections;
mod dates;
mod emptiness;
mod lookup;
mod numbers;
mod parsing;
mod query;
mod unified;

pub(crate) use dates::{read_iso, write_instant};

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use jlens_core::Bindings;
use serde_json::Value;

use crate::expression::{EngineError, HostCall, HostFunction};
use crate::metadata::FieldKind;

/// Kinds of provider fields by name, for functions that write values by their kind.
pub(crate) type Kinds = Arc<HashMap<String, FieldKind>>;

type Arguments<'a> = [Option<Value>];
type Answer = Result<Option<Value>, EngineError>;

/// All functions, knowing nothing about the kinds of fields.
pub(crate) fn bindings() -> &'static Bindings {
    static BINDINGS: OnceLock<Bindings> = OnceLock::new();
    BINDINGS.get_or_init(|| {
        let mut table = Table(Bindings::new());
        emptiness::register(&mut table);
        lookup::register(&mut table);
        parsing::register(&mut table);
        numbers::register(&mut table);
        dates::register(&mut table);
        collections::register(&mut table);
        address::register(&mut table);
        unified::register(&mut table);
        query::register(&mut table, &Kinds::default());
        // Refused when an expression is compiled; a second lock on the same door.
        table.add("eval", 1, |_, _| Err(fault("$eval is not available")));
        table.0
    })
}

/// All functions, writing values by these kinds.
pub(crate) fn bindings_with(kinds: &Kinds) -> Bindings {
    let mut table = Table(bindings().clone());
    query::register(&mut table, kinds);
    table.0
}

/// Names of functions whose answer depends on the kinds of fields.
pub(crate) const KIND_FUNCTIONS: &[&str] = &["convertQueryToSql", "soqlValue", "soqlList"];

/// The functions gathered so far.
struct Table(Bindings);

impl Table {
    fn add<F>(&mut self, name: &str, arity: usize, function: F)
    where
        F: Fn(&Arguments<'_>, &HostCall<'_>) -> Answer + Send + Sync + 'static,
    {
        let bindings = std::mem::take(&mut self.0);
        self.0 = bindings.function(name, HostFunction::new(arity, function).without_input());
    }
}

/// An error that ends the evaluation.
fn fault(message: impl Into<String>) -> EngineError {
    EngineError::new("D3137").with("message", message.into())
}

fn argument<'a>(arguments: &'a Arguments<'_>, index: usize) -> Option<&'a Value> {
    arguments.get(index).and_then(Option::as_ref)
}

fn text<'a>(arguments: &'a Arguments<'_>, index: usize) -> Option<&'a str> {
    argument(arguments, index).and_then(Value::as_str)
}

fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// A value as text the way JavaScript's `String()` writes a scalar; JSON text otherwise.
fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "null".to_owned(),
        other => other.to_string(),
    }
}

/// A number as JSON; a whole one without a fraction.
fn number(value: f64) -> Value {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked: whole and within what a float holds exactly"
    )]
    if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
        return Value::from(value as i64);
    }
    serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// Items of an array; a single value counts as an array of one, a missing one as none.
fn items(value: Option<&Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(items)) => items.clone(),
        Some(other) => vec![other.clone()],
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
