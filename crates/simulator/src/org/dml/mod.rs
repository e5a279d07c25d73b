//! Writes: reading a body, Salesforce's checks and texts, derived values, delete.

mod checks;
mod convert;
mod delete;
pub(crate) mod derive;
mod duplicates;
mod lead;
pub(crate) mod person;
mod write;

pub(crate) use delete::delete;
pub(crate) use lead::convert as convert_lead;
pub(crate) use write::{create, update, upsert};

use base64::Engine as _;
use serde_json::Value;

use super::cell::Cell;
use super::schema::Field;
use super::types::ApiError;

/// Reads a value that came as text (a path segment) for a field.
pub(crate) fn cell_from_text(field: &Field, text: &str) -> Result<Cell, ApiError> {
    convert::cell(field, &Value::String(text.to_owned()))
}

/// Base64 of a text, as blob fields carry it.
pub(crate) fn base64_text(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[cfg(test)]
mod tests;
