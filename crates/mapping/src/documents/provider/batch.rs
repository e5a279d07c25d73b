//! Writing many records with one call: the document's way, and what its reply says of each record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ProviderDocument;
use super::run::{SLOW, evaluate};
use crate::error::{BASE_LEVEL, MappingError};
use crate::run::shape_error;

/// How many records are written with one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Most records of one call.
    pub max_records: usize,
    /// The call of each operation, by `create`, `update`, `upsert`, `delete`.
    pub calls: BTreeMap<String, BatchCall>,
}

/// One call that writes many records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchCall {
    /// HTTP method.
    pub method: String,
    /// Path below the API's base, with `{object}`, `{field}`, `{ids}` (commas between them) and `{all_or_none}`.
    pub path: String,
}

/// What is to be written with one call.
#[derive(Debug, Clone, Copy)]
pub struct BatchInput<'a> {
    /// `create`, `update`, `upsert` or `delete`.
    pub operation: &'a str,
    /// The provider's name of the object.
    pub object: &'a str,
    /// Whether a record that fails takes the others with it.
    pub all_or_none: bool,
    /// The key of an upsert, in the provider's words.
    pub field: &'a str,
    /// One object each: `id` where the record has one, and `fields` as a write of this record alone would send them.
    pub records: &'a Value,
}

impl BatchInput<'_> {
    /// What expressions see of it beside the records.
    fn told(&self) -> [(&'static str, Value); 4] {
        [
            ("operation", json!(self.operation)),
            ("object", json!(self.object)),
            ("all_or_none", json!(self.all_or_none)),
            ("field", json!(self.field)),
        ]
    }
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct BatchItem {
    /// Its id, when it was written.
    #[serde(default)]
    pub id: Option<String>,
    /// Whether it was written.
    pub success: bool,
    /// Whether an upsert made it.
    #[serde(default)]
    pub created: Option<bool>,
    /// What the provider said against it, in the form of an error reply's body.
    #[serde(default)]
    pub errors: Value,
}

impl ProviderDocument {
    /// The body of a call that writes many records; `None` for one without a body.
    pub fn batch_body(&self, input: &BatchInput<'_>) -> Result<Option<Value>, MappingError> {
        let part = "batch.body";
        let wrong = |found: &str| shape_error(BASE_LEVEL, part, "a body", found);
        let expression = self.expressions.batch_body.as_ref();
        let expression = expression.ok_or_else(|| wrong("nothing: the key is missing"))?;
        let told = input.told();
        let fields: Vec<(&str, &Value)> = told.iter().map(|(name, value)| (*name, value)).collect();
        let fields = [fields, vec![("records", input.records)]].concat();
        Ok(match evaluate(part, expression, &fields, &SLOW)? {
            Value::Null => None,
            body => Some(body),
        })
    }

    /// What the reply to such a call says of each record, in the order they were sent. The expression sees what was to be
    /// written besides the reply: providers answer in an order of their own, or nothing at all.
    pub fn batch_reply(&self, input: &BatchInput<'_>, body: &Value) -> Result<Vec<BatchItem>, MappingError> {
        let part = "batch.reply";
        let wrong = |found: &str| {
            shape_error(
                BASE_LEVEL,
                part,
                "[{id, success, created, errors}], one for each record sent",
                found,
            )
        };
        let expression = self.expressions.batch_reply.as_ref();
        let expression = expression.ok_or_else(|| wrong("nothing: the key is missing"))?;
        let told = input.told();
        let fields: Vec<(&str, &Value)> = told.iter().map(|(name, value)| (*name, value)).collect();
        let fields = [fields, vec![("records", input.records), ("body", body)]].concat();
        let answer = evaluate(part, expression, &fields, &SLOW)?;
        let items: Vec<BatchItem> = serde_json::from_value(answer).map_err(|_| wrong("something else"))?;
        let records = input.records.as_array().map_or(0, Vec::len);
        if items.len() == records {
            Ok(items)
        } else {
            Err(wrong(&format!("{} for {records}", items.len())))
        }
    }
}
