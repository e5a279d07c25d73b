//! From the provider's records to unified ones.

use std::time::Instant;

use serde_json::Value;

use super::{Mapped, Method, Plan, ResponseInput};
use crate::documents::Layer;
use crate::error::{Budget, MappingError};
use crate::expression::{Allowance, Input};
use crate::fit::{self, Fitter};
use crate::functions;
use crate::metadata::FieldKind;
use crate::run::{mapping_error, now_ms, shape_error};
use crate::tree::{Fields, Record, Tree};

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
        let mut records = vec![Fields::new(); raw_records.len()];
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
                Record(fitter.record(record, &self.schema.fields, &known, input.fields))
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
    ) -> Result<Vec<Fields>, MappingError> {
        let answer = self.evaluate_response(layer, raw, raw_records.len(), clocked)?;
        match answer {
            Some(Tree::Object(record)) if raw_records.len() == 1 => return Ok(vec![record]),
            Some(Tree::List(items))
                if items.len() == raw_records.len()
                    && items.iter().all(|item| matches!(item, Tree::Object(_))) =>
            {
                return Ok(items.into_iter().filter_map(into_object).collect());
            }
            _ => {}
        }
        let each = raw_records
            .iter()
            .map(|raw| match self.evaluate_response(layer, raw, 1, clocked)? {
                Some(Tree::Object(record)) => Ok(record),
                None | Some(Tree::Null) => Ok(Fields::new()),
                Some(Tree::List(mut items)) if matches!(items.as_slice(), [Tree::Object(_)]) => {
                    Ok(items.pop().and_then(into_object).unwrap_or_default())
                }
                Some(other) => Err(shape_error(
                    &layer.level,
                    PART,
                    "one object for each record",
                    other.kind(),
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
    ) -> Result<Option<Tree>, MappingError> {
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
            .evaluate_tree(
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
    fn finish(&self, record: &mut Fields, raw: &Value, original: &Value, input: &ResponseInput<'_>) {
        for (name, path) in &self.field_map {
            let value = at(raw, path).map_or(Tree::Null, Tree::from);
            record.insert(name, value);
        }
        if record.get("custom_fields").is_none()
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
                    Some((name.as_str(), value))
                });
            record.push("custom_fields", Tree::Object(custom.collect()));
        }
        if self.schema.field(ASSOCIATIONS).is_some()
            && record.get(ASSOCIATIONS).is_none()
            && let Value::Object(fields) = raw
        {
            let points = |name: &str| (input.custom_fields)(name) == Some(FieldKind::Reference);
            let associations = fields
                .iter()
                .filter(|(name, value)| value.is_string() && points(name))
                .map(|(name, id)| {
                    let reference = Fields::from_iter([("id", id.into())]);
                    (name.as_str(), Tree::Object(reference))
                });
            record.push(ASSOCIATIONS, Tree::Object(associations.collect()));
            // All fields of an object of the customer's own are custom.
            let own = record.get("custom_fields").cloned().unwrap_or(Tree::Null);
            record.insert(FIELDS, own);
            record.insert("object", Tree::text(&self.object));
        }
        if input.keep_remote_data {
            record.insert("remote_data", self.stripped(original));
        }
    }

    /// A copy without the keys that are not data, at any depth.
    fn stripped(&self, raw: &Value) -> Tree {
        match raw {
            Value::Object(fields) => {
                let kept = fields.iter().filter(|(name, _)| !self.strip.contains(name));
                Tree::Object(
                    kept.map(|(name, value)| (name.as_str(), self.stripped(value)))
                        .collect(),
                )
            }
            Value::Array(items) => Tree::List(items.iter().map(|item| self.stripped(item)).collect()),
            scalar => scalar.into(),
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

fn into_object(value: Tree) -> Option<Fields> {
    match value {
        Tree::Object(fields) => Some(fields),
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
