//! From the caller's words to the provider's: query values and bodies.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Method, Plan, QueryInput, QueryValue};
use crate::documents::{Layer, is_field_path};
use crate::error::{Budget, MappingError};
use crate::expression::{Allowance, Input};
use crate::functions::{self, KIND_FUNCTIONS, Kinds};
use crate::run::{kind_of, mapping_error, now_ms, shape_error};

/// Largest query value or body, bytes of JSON.
const RESULT_MAX_BYTES: usize = 4 << 20;
/// Most names whose kinds are asked for in one evaluation.
const KINDS_MAX: usize = 2_000;
/// Most custom fields in one body.
const CUSTOM_FIELDS_MAX: usize = 1_000;

impl Plan {
    /// The query value of a query mapping; `None` when the document has none and the caller compiles `filters` itself.
    ///
    /// The texts in it may hold the caller's words put there by concatenation: parse them before they are sent.
    pub fn query(
        &self,
        method: Method,
        input: &QueryInput<'_>,
        budget: &Budget,
    ) -> Result<Option<QueryValue>, MappingError> {
        let Some(layer) = self.methods.get(&method).and_then(|method| method.query.as_ref()) else {
            return Ok(None);
        };
        let part = "query_mapping";
        let answer = self.evaluate(layer, part, input, budget)?.unwrap_or(Value::Null);
        query_value(answer, layer, part).map(Some)
    }

    /// The provider's record to write: the request body mapping's, with `field_map` and `custom_fields` merged in.
    ///
    /// A key that the caller gave as `null` is `null` in it; a key not given is absent. A field that only some orgs have
    /// is not cleared where it does not exist: providers refuse the whole record for its name.
    pub fn request_body(
        &self,
        method: Method,
        input: &QueryInput<'_>,
        budget: &Budget,
    ) -> Result<Value, MappingError> {
        let part = "request_body_mapping";
        let mut body = Map::new();
        let layers = self
            .methods
            .get(&method)
            .map(|method| method.body.as_slice())
            .unwrap_or_default();
        for layer in layers {
            match self.evaluate(layer, part, input, budget)? {
                Some(Value::Object(fields)) => body.extend(fields),
                None | Some(Value::Null) => {}
                Some(other) => return Err(shape_error(&layer.level, part, "an object", kind_of(&other))),
            }
        }
        body.retain(|name, value| {
            !value.is_null() || !self.optional_fields.contains(name) || (input.field_kinds)(name).is_some()
        });
        for (name, field) in &self.field_map {
            // A field of another record is read through its path; it cannot be written through it.
            if let Some(value) = input.body.get(name)
                && !field.contains('.')
            {
                body.insert(field.clone(), value.clone());
            }
        }
        if let Some(Value::Object(custom)) = input.body.get("custom_fields") {
            for (name, value) in custom.iter().take(CUSTOM_FIELDS_MAX) {
                body.insert(name.clone(), value.clone());
            }
        }
        self.as_texts(&mut body);
        Ok(Value::Object(body))
    }

    fn evaluate(
        &self,
        layer: &Layer,
        part: &'static str,
        input: &QueryInput<'_>,
        budget: &Budget,
    ) -> Result<Option<Value>, MappingError> {
        let id = input.id.map_or(Value::Null, Value::from);
        let mut fields: Vec<(&str, &Value)> = vec![
            ("query", input.query),
            ("body", input.body),
            ("context", input.context),
            ("connection", input.connection),
        ];
        if input.id.is_some() {
            fields.push(("id", &id));
        }
        let by_kind = KIND_FUNCTIONS.iter().any(|name| layer.expression.mentions(name));
        let own;
        let bindings = if by_kind {
            own = functions::bindings_with(&self.kinds(layer, input));
            &own
        } else {
            functions::bindings()
        };
        let allowance = Allowance {
            time_ms: budget.total_ms(1),
            result_max_bytes: RESULT_MAX_BYTES,
            now_ms: now_ms(input.context),
        };
        layer
            .expression
            .evaluate(
                &Input {
                    fields: &fields,
                    strip: &[],
                },
                bindings,
                &allowance,
            )
            .map_err(|error| mapping_error(&layer.level, part, allowance.time_ms, error))
    }

    /// Kinds of all fields that the expression can name: those it spells out, those the filters name, and those the
    /// caller names.
    fn kinds(&self, layer: &Layer, input: &QueryInput<'_>) -> Kinds {
        let mut names: BTreeSet<&str> = layer.expression.literals().iter().map(String::as_str).collect();
        caller_names(input.query, &mut names, 0);
        let mut kinds = HashMap::new();
        for (name, rule) in &self.filters {
            let kind = (input.field_kinds)(&rule.field).unwrap_or(rule.kind);
            kinds.insert(name.clone(), kind);
            kinds.insert(rule.field.clone(), kind);
        }
        for name in names
            .into_iter()
            .take(KINDS_MAX)
            .filter(|name| is_field_path(name))
        {
            if let Some(kind) = (input.field_kinds)(name) {
                kinds.insert(name.to_owned(), kind);
            }
        }
        Arc::new(kinds)
    }
}

fn caller_names<'a>(value: &'a Value, names: &mut BTreeSet<&'a str>, depth: usize) {
    if depth > 4 || names.len() >= KINDS_MAX {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                names.insert(name);
                caller_names(value, names, depth + 1);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| caller_names(item, names, depth + 1)),
        _ => {}
    }
}

fn query_value(answer: Value, layer: &Layer, part: &'static str) -> Result<QueryValue, MappingError> {
    let wrong = |key: &str, wanted: &str, found: &Value| {
        shape_error(
            &layer.level,
            part,
            &format!("`{key}` as {wanted}"),
            kind_of(found),
        )
    };
    let fields = match answer {
        Value::Null => return Ok(QueryValue::default()),
        Value::Object(fields) => fields,
        other => return Err(shape_error(&layer.level, part, "an object", kind_of(&other))),
    };
    let mut query = QueryValue::default();
    for (key, value) in fields {
        match (key.as_str(), value) {
            (_, Value::Null) => {}
            ("select", Value::String(text)) => {
                query.select = Some(text.split(',').map(|name| name.trim().to_owned()).collect());
            }
            ("select", Value::Array(items)) => {
                let names = items.iter().map(|item| item.as_str().map(str::to_owned));
                let names: Option<Vec<String>> = names.collect();
                query.select =
                    Some(names.ok_or_else(|| wrong("select", "a list of texts", &Value::Array(items)))?);
            }
            ("where", Value::String(text)) => query.where_text = clause(&text, "WHERE "),
            ("order_by", Value::String(text)) => query.order_by = clause(&text, "ORDER BY "),
            ("q", Value::String(text)) => query.q = clause(&text, ""),
            ("limit", Value::Number(number)) => {
                let limit = number.as_u64().and_then(|limit| u32::try_from(limit).ok());
                query.limit =
                    Some(limit.ok_or_else(|| wrong("limit", "a whole number", &Value::Number(number)))?);
            }
            ("select", other) => return Err(wrong("select", "a list of texts", &other)),
            ("limit", other) => return Err(wrong("limit", "a whole number", &other)),
            ("where" | "order_by" | "q", other) => return Err(wrong(&key, "a text", &other)),
            _ => {
                let wanted = "an object of `select`, `where`, `order_by`, `limit` and `q`";
                return Err(shape_error(&layer.level, part, wanted, "another key"));
            }
        }
    }
    Ok(query)
}

/// A clause without its keyword; nothing when it is empty.
fn clause(text: &str, keyword: &str) -> Option<String> {
    let text = text.trim();
    let rest = match text.get(..keyword.len()) {
        Some(head) if head.eq_ignore_ascii_case(keyword) => {
            text.get(keyword.len()..).unwrap_or_default().trim()
        }
        _ => text,
    };
    (!rest.is_empty()).then(|| rest.to_owned())
}
