//! The short form of an override, read and replaced: for pages on which people pick instead of writing documents.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::resource::ResourceDocument;
use super::source::{OVERRIDE_MAX_BYTES, Source};
use crate::error::DocumentError;

const KEY: &str = "field_map";
/// How the document is called in errors.
const NAME: &str = "override";

/// Unified names and the provider's fields that an override maps them to; `None` where it takes a mapping away.
pub type FieldMap = BTreeMap<String, Option<String>>;

/// The short form of an override.
pub fn field_map(document: &str) -> Result<FieldMap, DocumentError> {
    let source = Source {
        name: NAME,
        text: document,
    };
    let read: ResourceDocument = source.read(OVERRIDE_MAX_BYTES)?;
    Ok(read.field_map)
}

/// An override with another short form and all else as it was, written as JSON, which is YAML too. Comments are not
/// kept; `None` stands for no override yet.
pub fn with_field_map(document: Option<&str>, entries: &FieldMap) -> Result<String, DocumentError> {
    let mut whole: Map<String, Value> = match document {
        Some(text) => Source { name: NAME, text }.read(OVERRIDE_MAX_BYTES)?,
        None => Map::new(),
    };
    let entries = entries
        .iter()
        .map(|(name, field)| (name.clone(), field.clone().map_or(Value::Null, Value::String)));
    whole.insert(KEY.to_owned(), Value::Object(entries.collect()));
    Ok(format!("{:#}\n", Value::Object(whole)))
}

#[cfg(test)]
mod tests;
