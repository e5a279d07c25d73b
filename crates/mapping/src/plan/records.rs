//! From the provider's records to unified ones.

use std::time::Instant;

use serde_json::{Map, Value, json};

use super::{Mapped, Method, Plan, ResponseInput};
use crate::documents::Layer;
use crate::error::{Budget, MappingError};
use crate::expression::{Allowance, Input};
use crate::fit::{self, Fitter};
use crate::functions;
use crate::metadata::FieldKind;
use crate::run::{kind_of, mapping_error, now_ms, shape_error};

const PART: &str = "response_mapping";
/// Of resources that have it: what a record's own reference fields point to, from the describe.
const ASSOCIATIONS: &str = "associations";
/// Beside it, the fields themselves.
const FIELDS: &str = "fields";
/// What a result may have beyond four times its input, bytes of JSON.
const RESULT_SPARE_BYTES: usize = 1 << 20;

/// Where one evaluation of a request stands: how much time is left.
struct Clocked<'a> {
    started: Instant,
    budget: &'a Budget,
    input: &'a ResponseInput<'a>,
}

impl Plan {
    /// Provider records (an array, or one) as unified ones: one per record, in their order.
    pub fn records(
        &self,
        method: Method,
        raw: &Value,
        input: &ResponseInput<'_>,
        budget: &Budget,
    ) -> Result<Mapped, MappingError> {
        let originals = list_of(raw);
        let flat = self.flat(raw, input);
        let raw = flat.as_ref();
        let raw_records = list_of(raw);
        if raw_records.is_empty() {
            return Ok(Mapped::default());
        }
        let mut records: Vec<Map<String, Value>> = raw_records.iter().map(|_| Map::new()).collect();
        let clocked = Clocked {
            started: Instant::now(),
            budget,
            input,
        };
        for layer in self.response_layers(method) {
            let answers = self.layer_records(layer, raw, raw_records, &clocked)?;
            for (record, answer) in records.iter_mut().zip(answers) {
                if record.is_empty() {
                    *record = answer;
                } else {
                    record.extend(answer);
                }
            }
        }
        let mut fitter = Fitter::default();
        let known = |name: &str| self.field_map.contains_key(name);
        let told = raw_records.iter().zip(originals);
        let finished = records
            .into_iter()
            .zip(told)
            .map(|(mut record, (raw, original))| {
                self.finish(&mut record, raw, original, input);
                fitter.record(record, &self.schema.fields, &known, input.fields)
            });
        let records = finished.collect();
        Ok(Mapped {
            records,
            warnings: fitter.into_warnings(),
        })
    }

    /// The layers of a method, or those of reading one record: a written record is answered as a read one.
    pub(super) fn response_layers(&self, method: Method) -> &[Layer] {
        let layers = |method: Method| self.methods.get(&method).map(|method| method.response.as_slice());
        [Some(method), Some(Method::Get), Some(Method::List)]
            .into_iter()
            .flatten()
            .find_map(|method| layers(method).filter(|layers| !layers.is_empty()))
            .unwrap_or_default()
    }

    /// One layer's answers: all records in one evaluation; one by one when the answers cannot be told apart.
    fn layer_records(
        &self,
        layer: &Layer,
        raw: &Value,
        raw_records: &[Value],
        clocked: &Clocked<'_>,
    ) -> Result<Vec<Map<String, Value>>, MappingError> {
        let answer = self.evaluate_response(layer, raw, raw_records.len(), clocked)?;
        match answer {
            Some(Value::Object(record)) if raw_records.len() == 1 => return Ok(vec![record]),
            Some(Value::Array(items))
                if items.len() == raw_records.len() && items.iter().all(Value::is_object) =>
            {
                return Ok(items.into_iter().filter_map(into_object).collect());
            }
            _ => {}
        }
        let each = raw_records
            .iter()
            .map(|raw| match self.evaluate_response(layer, raw, 1, clocked)? {
                Some(Value::Object(record)) => Ok(record),
                None | Some(Value::Null) => Ok(Map::new()),
                Some(Value::Array(mut items)) if items.len() == 1 && items[0].is_object() => {
                    Ok(items.pop().and_then(into_object).unwrap_or_default())
                }
                Some(other) => Err(shape_error(
                    &layer.level,
                    PART,
                    "one object for each record",
                    kind_of(&other),
                )),
            });
        each.collect()
    }

    fn evaluate_response(
        &self,
        layer: &Layer,
        raw: &Value,
        records: usize,
        clocked: &Clocked<'_>,
    ) -> Result<Option<Value>, MappingError> {
        let request_ms = clocked.budget.request_ms;
        let spent_ms = u64::try_from(clocked.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let left_ms = request_ms.saturating_sub(spent_ms);
        let time_ms = clocked.budget.total_ms(records).min(left_ms);
        if time_ms == 0 {
            return Err(MappingError::TimedOut {
                level: layer.level.clone(),
                part: PART,
                limit_ms: request_ms,
            });
        }
        let allowance = Allowance {
            time_ms,
            result_max_bytes: weight(raw).saturating_mul(4).saturating_add(RESULT_SPARE_BYTES),
            now_ms: now_ms(clocked.input.context),
        };
        let fields: [(&str, &Value); 4] = [
            ("response", raw),
            ("query", clocked.input.query),
            ("context", clocked.input.context),
            ("headers", clocked.input.headers),
        ];
        layer
            .expression
            .evaluate(
                &Input {
                    fields: &fields,
                    strip: &self.strip,
                },
                functions::bindings(),
                &allowance,
            )
            .map_err(|error| mapping_error(&layer.level, PART, time_ms, error))
    }

    /// What no mapping needs to say: the short form, custom fields, the raw record.
    fn finish(
        &self,
        record: &mut Map<String, Value>,
        raw: &Value,
        original: &Value,
        input: &ResponseInput<'_>,
    ) {
        for (name, path) in &self.field_map {
            let value = at(raw, path).cloned().unwrap_or(Value::Null);
            record.insert(name.clone(), value);
        }
        if !record.contains_key("custom_fields")
            && let Value::Object(fields) = raw
        {
            let custom = fields
                .iter()
                .filter(|(_, value)| !value.is_null())
                .filter_map(|(name, value)| {
                    let value = match ((input.custom_fields)(name)?, value) {
                        (FieldKind::DateTime, Value::String(text)) => fit::custom_datetime(text),
                        _ => self.stripped(value),
                    };
                    Some((name.clone(), value))
                });
            record.insert("custom_fields".to_owned(), Value::Object(custom.collect()));
        }
        if self.schema.field(ASSOCIATIONS).is_some()
            && !record.contains_key(ASSOCIATIONS)
            && let Value::Object(fields) = raw
        {
            let points = |name: &str| (input.custom_fields)(name) == Some(FieldKind::Reference);
            let associations = fields
                .iter()
                .filter(|(name, value)| value.is_string() && points(name))
                .map(|(name, id)| (name.clone(), json!({ "id": id })));
            record.insert(ASSOCIATIONS.to_owned(), Value::Object(associations.collect()));
            // All fields of an object of the customer's own are custom.
            let own = record.get("custom_fields").cloned().unwrap_or_default();
            record.insert(FIELDS.to_owned(), own);
            record.insert("object".to_owned(), Value::from(self.object.as_str()));
        }
        if input.keep_remote_data {
            record.insert("remote_data".to_owned(), self.stripped(original));
        }
    }

    /// A copy without the keys that are not data, at any depth.
    fn stripped(&self, raw: &Value) -> Value {
        match raw {
            Value::Object(fields) => {
                let kept = fields.iter().filter(|(name, _)| !self.strip.contains(name));
                Value::Object(
                    kept.map(|(name, value)| (name.clone(), self.stripped(value)))
                        .collect(),
                )
            }
            Value::Array(items) => items.iter().map(|item| self.stripped(item)).collect(),
            scalar => scalar.clone(),
        }
    }
}

/// The records of a reply: a list, or one.
fn list_of(raw: &Value) -> &[Value] {
    match raw {
        Value::Array(items) => items.as_slice(),
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
}

fn into_object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}

/// The value at a path; upper and lower case alike, as providers read names.
fn at<'a>(raw: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(raw, |value, name| {
        let fields = value.as_object()?;
        fields.get(name).or_else(|| {
            let found = fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value)
        })
    })
}

/// About how many bytes of JSON a value is.
fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 3,
        Value::Array(items) => items.iter().map(weight).sum::<usize>() + 2,
        Value::Object(fields) => {
            fields
                .iter()
                .map(|(name, value)| name.len() + 4 + weight(value))
                .sum::<usize>()
                + 2
        }
    }
}
