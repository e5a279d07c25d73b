//! Records whose fields stand below a key of their own, and whose values are all texts: read and written as if the fields
//! stood in the record, each of its kind.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Plan, ResponseInput};
use crate::fit;
use crate::functions::write_instant;
use crate::metadata::FieldKind;

/// What separates the choices of a text that holds several.
const CHOICE_SEPARATOR: char = ';';

impl Plan {
    /// Raw records with their fields in them; as they are where no `fields_key` is.
    pub(super) fn flat<'a>(&self, raw: &'a Value, input: &ResponseInput<'_>) -> Cow<'a, Value> {
        if self.fields_key.is_none() && !self.has_texts {
            return Cow::Borrowed(raw);
        }
        Cow::Owned(match raw {
            Value::Array(records) => records
                .iter()
                .map(|record| self.flat_record(record, input))
                .collect(),
            one => self.flat_record(one, input),
        })
    }

    fn flat_record(&self, raw: &Value, input: &ResponseInput<'_>) -> Value {
        let Value::Object(outer) = raw else {
            return raw.clone();
        };
        let inner = self
            .fields_key
            .as_ref()
            .and_then(|key| outer.get(key)?.as_object());
        let mut flat = Map::with_capacity(outer.len() + inner.map_or(0, Map::len));
        for (name, value) in inner.unwrap_or(outer) {
            flat.insert(name.clone(), self.typed(name, value, input));
        }
        if inner.is_some() {
            let beside = outer
                .iter()
                .filter(|(name, _)| self.fields_key.as_ref() != Some(name));
            // The record's own id is never a field's value of the same name.
            flat.extend(beside.map(|(name, value)| (name.clone(), value.clone())));
        }
        Value::Object(flat)
    }

    /// A text as what its field's kind says, where every value is a text; what is not of the kind stays a text.
    fn typed(&self, name: &str, value: &Value, input: &ResponseInput<'_>) -> Value {
        let (true, Value::String(text)) = (self.has_texts, value) else {
            return value.clone();
        };
        let declared = || {
            self.filters
                .values()
                .find(|rule| rule.field == name)
                .map(|rule| rule.kind)
        };
        let Some(kind) = (input.custom_fields)(name).or_else(declared) else {
            return value.clone();
        };
        of_kind(kind, text).unwrap_or_else(|| value.clone())
    }

    /// A mapped body as it is sent: fields below `fields_key`, what stands beside them there.
    pub fn enveloped(&self, body: Value) -> Value {
        match (&self.fields_key, body) {
            (Some(key), Value::Object(fields)) => {
                let is_beside = |name: &String| self.envelope.contains(name);
                let (beside, inner): (Map<_, _>, Map<_, _>) =
                    fields.into_iter().partition(|(name, _)| is_beside(name));
                let mut whole = Map::from_iter([(key.clone(), Value::Object(inner))]);
                whole.extend(beside);
                Value::Object(whole)
            }
            (_, body) => body,
        }
    }

    /// Whether a path is answered without being asked for.
    pub fn is_envelope(&self, name: &str) -> bool {
        self.envelope.iter().any(|known| known == name)
    }

    /// Values as texts, where the provider takes no others: several choices in one, and the empty text for nothing.
    pub(super) fn as_texts(&self, body: &mut Map<String, Value>) {
        if !self.has_texts {
            return;
        }
        for (_, value) in body.iter_mut().filter(|(name, _)| !self.envelope.contains(name)) {
            if let Some(text) = text_of(value) {
                *value = Value::String(text);
            }
        }
    }
}

fn of_kind(kind: FieldKind, text: &str) -> Option<Value> {
    let is_text = matches!(
        kind,
        FieldKind::Text | FieldKind::LongText | FieldKind::Id | FieldKind::Reference | FieldKind::Other
    );
    if is_text {
        return None;
    }
    if text.trim().is_empty() {
        return Some(Value::Null);
    }
    match kind {
        FieldKind::Boolean => match text.trim().to_ascii_lowercase().as_str() {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        FieldKind::Integer | FieldKind::Decimal => {
            let number = text.trim();
            let whole = number.parse::<i64>().ok().map(Value::from);
            whole.or_else(|| {
                let number = number.parse::<f64>().ok()?;
                serde_json::Number::from_f64(number).map(Value::Number)
            })
        }
        FieldKind::DateTime => Some(match epoch_ms(text) {
            Some(instant) => Value::String(write_instant(instant)),
            None => fit::custom_datetime(text).into(),
        }),
        FieldKind::Date => {
            let instant = epoch_ms(text)?;
            let date = instant.to_zoned(jiff::tz::TimeZone::UTC).date();
            Some(Value::String(date.to_string()))
        }
        FieldKind::MultiPicklist => {
            let choices = text.split(CHOICE_SEPARATOR).map(str::trim);
            Some(
                choices
                    .filter(|choice| !choice.is_empty())
                    .map(Value::from)
                    .collect(),
            )
        }
        _ => None,
    }
}

/// Milliseconds since 1970, when a text holds nothing but their digits.
fn epoch_ms(text: &str) -> Option<jiff::Timestamp> {
    let ms: i64 = text.trim().parse().ok()?;
    jiff::Timestamp::from_millisecond(ms).ok()
}

/// A value that is no text yet as one; objects have none.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(items) => {
            let texts = items.iter().filter_map(|item| match item {
                Value::String(text) => Some(text.clone()),
                other => text_of(other),
            });
            let texts: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
            Some(texts.join(&CHOICE_SEPARATOR.to_string()))
        }
        Value::String(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests;
