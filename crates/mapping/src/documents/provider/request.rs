//! Asking for records with a request that an expression makes, and bodies that are not the record itself.
//!
//! The expression sees typed values and answers a call; its path and parameters are escaped by those who send it.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ProviderDocument;
use super::list::list;
use super::run::{SLOW, evaluate};
use crate::error::{BASE_LEVEL, MappingError};
use crate::expression::Expression;
use crate::run::shape_error;

const PART: &str = "query.request";

/// What is asked for: a page of records, or with `id` one record.
#[derive(Debug, Clone, Copy)]
pub struct RequestInput<'a> {
    /// The provider's name of the object.
    pub object: &'a str,
    /// The one record wanted.
    pub id: Option<&'a str>,
    /// The provider's fields to read.
    pub select: &'a [String],
    /// Of these at least one must hold: `[{filters: [{field, operator, values, kind, parameter}]}]`. Empty: all records.
    pub groups: &'a Value,
    /// `[{field, descending, parameter}]`.
    pub sorts: &'a Value,
    /// Most records of the page.
    pub limit: u32,
    /// What the page before called the next one.
    pub cursor: Option<&'a Value>,
    /// The id of the last record of the page before.
    pub last_id: Option<&'a str>,
    /// Words to search for.
    pub search_term: Option<&'a str>,
    /// Whether deleted records are wanted too.
    pub include_deleted: bool,
}

/// What the expression made of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Requested {
    /// A call.
    Call(RequestCall),
    /// The provider cannot do that: the caller's request is refused before anything is sent.
    Refused(Refusal),
}

/// A call below the API's base.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestCall {
    /// HTTP method.
    pub method: String,
    /// Path, its parts escaped.
    pub path: String,
    /// URL parameters, not escaped.
    pub parameters: Vec<(String, String)>,
    /// The body.
    pub body: Option<Value>,
    /// What the caller should know: filters done approximately.
    pub warnings: Vec<String>,
}

/// Why a request cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// The parameter at fault, as the caller wrote it.
    pub parameter: String,
    /// What is wrong with it.
    pub message: String,
    /// What would be accepted.
    #[serde(default, deserialize_with = "list")]
    pub allowed: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    parameters: Map<String, Value>,
    #[serde(default)]
    body: Value,
    #[serde(default, deserialize_with = "list")]
    warnings: Vec<String>,
    #[serde(default)]
    refused: Option<Refusal>,
}

impl ProviderDocument {
    /// The call that asks for records. `own` is the expression of a resource that is asked for in another way.
    pub(crate) fn request(
        &self,
        own: Option<&Expression>,
        input: &RequestInput<'_>,
    ) -> Result<Requested, MappingError> {
        let wrong = |found: &str| shape_error(BASE_LEVEL, PART, "{method, path, …} or {refused}", found);
        let expression = own.or(self.expressions.request.as_ref());
        let expression = expression.ok_or_else(|| wrong("nothing: the key is missing"))?;
        let told: [(&str, Option<Value>); 7] = [
            ("object", Some(json!(input.object))),
            ("id", input.id.map(Value::from)),
            ("select", Some(json!(input.select))),
            ("limit", Some(json!(input.limit))),
            ("last_id", input.last_id.map(Value::from)),
            ("search_term", input.search_term.map(Value::from)),
            ("include_deleted", Some(json!(input.include_deleted))),
        ];
        let mut fields: Vec<(&str, &Value)> = told
            .iter()
            .filter_map(|(name, value)| Some((*name, value.as_ref()?)))
            .collect();
        fields.extend([("groups", input.groups), ("sorts", input.sorts)]);
        fields.extend(input.cursor.map(|cursor| ("cursor", cursor)));
        let answer = evaluate(PART, expression, &fields, &SLOW)?;
        let answer: Answer = serde_json::from_value(answer).map_err(|error| wrong(&error.to_string()))?;
        if let Some(refused) = answer.refused {
            return Ok(Requested::Refused(refused));
        }
        let (Some(method), Some(path)) = (answer.method, answer.path) else {
            return Err(wrong("no method or no path"));
        };
        Ok(Requested::Call(RequestCall {
            method,
            path,
            parameters: parameters(answer.parameters),
            body: Some(answer.body).filter(|body| !body.is_null()),
            warnings: answer.warnings,
        }))
    }

    /// The body of a write of one record by the document's own expression, which reads `object`, `field`, `value` (the key
    /// of an upsert) and `record`; `None` where the record is the body.
    pub fn record_body(
        &self,
        operation: &str,
        object: &str,
        key: Option<(&str, &str)>,
        record: &Value,
    ) -> Result<Option<Value>, MappingError> {
        let Some(expression) = self.expressions.record_bodies.get(operation) else {
            return Ok(None);
        };
        let object = json!(object);
        let key = key.map(|(field, value)| (json!(field), json!(value)));
        let mut fields = vec![("object", &object), ("record", record)];
        if let Some((field, value)) = &key {
            fields.extend([("field", field), ("value", value)]);
        }
        evaluate("records.body", expression, &fields, &SLOW).map(Some)
    }
}

/// Scalars as texts; of a list each item, under the same name. What is empty is left out.
fn parameters(given: Map<String, Value>) -> Vec<(String, String)> {
    let mut written = Vec::with_capacity(given.len());
    for (name, value) in given {
        let items = match value {
            Value::Array(items) => items,
            one => vec![one],
        };
        for item in items {
            match item {
                Value::Null => {}
                Value::String(text) => written.push((name.clone(), text)),
                other => written.push((name.clone(), other.to_string())),
            }
        }
    }
    written
}
