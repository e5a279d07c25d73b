//! Fits what a mapping answers to the resource's shape: every field there, of its own type, in the mapping's order; those
//! that the mapping does not answer follow in the schema's.
//!
//! Values are fitted where they stand. What cannot be fitted becomes `null` and is told once in the warnings.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::functions::{read_iso, write_instant};
use crate::schema::{SchemaField, Shape};

/// Most warnings of one reply.
const WARNINGS_MAX: usize = 50;
/// Keys that say what a list item is, not what it holds: an item that has only these is empty.
const LABELS: [&str; 4] = ["type", "is_primary", "role", "entity"];

/// Fits records, remembering what the caller should know.
#[derive(Debug, Default)]
pub(crate) struct Fitter {
    warnings: Vec<String>,
    said: BTreeSet<String>,
}

impl Fitter {
    /// The warnings, each once.
    pub(crate) fn into_warnings(self) -> Vec<String> {
        self.warnings
    }

    fn warn(&mut self, message: String) {
        if self.warnings.len() < WARNINGS_MAX && self.said.insert(message.clone()) {
            self.warnings.push(message);
        }
    }

    /// One record in the shape of its resource. `wanted` trims it; `known` are unified names besides the schema's.
    pub(crate) fn record(
        &mut self,
        mut record: Map<String, Value>,
        fields: &[SchemaField],
        known: &dyn Fn(&str) -> bool,
        wanted: Option<&[String]>,
    ) -> Value {
        let is_wanted = |name: &str| wanted.is_none_or(|wanted| wanted.iter().any(|field| field == name));
        let mut places = Places::new(fields);
        for (name, value) in &mut record {
            match places.find(name) {
                Some(field) if is_wanted(name) => *value = self.value(value.take(), &field.shape, name),
                Some(_) => {}
                None if known(name) => {}
                None => self.warn(format!(
                    "the mapping answers `{name}`, which the resource does not define; it is kept as it is"
                )),
            }
        }
        for field in places.unseen() {
            if !field.on_request {
                record.insert(field.name.clone(), missing(&field.shape));
            }
        }
        if wanted.is_some() {
            record.retain(|name, _| is_wanted(name));
        }
        Value::Object(record)
    }

    fn value(&mut self, value: Value, shape: &Shape, path: &str) -> Value {
        match (shape, value) {
            (Shape::List(inner), value) => self.list(value, inner, path),
            (Shape::Any, value) | (Shape::OpenObject, value @ Value::Object(_)) => value,
            (Shape::OpenObject, Value::Null) => missing(shape),
            (_, Value::Null) => Value::Null,
            (Shape::Object(fields), Value::Object(found)) => self.object(found, fields, path),
            // A reference given as its id, an e-mail address as its text.
            (Shape::Object(fields), scalar @ (Value::String(_) | Value::Number(_))) => match fields.first() {
                Some(first) => {
                    let mut found = Map::new();
                    found.insert(first.name.clone(), scalar);
                    self.object(found, fields, path)
                }
                None => Value::Null,
            },
            (shape, value) => match scalar(value, shape) {
                Ok(value) => value,
                Err(found) => {
                    self.warn(format!(
                        "`{path}` should be {}, the mapping answered {found}",
                        wanted(shape)
                    ));
                    missing(shape)
                }
            },
        }
    }

    fn list(&mut self, value: Value, inner: &Shape, path: &str) -> Value {
        let items = match value {
            Value::Array(items) => items,
            Value::Null => return Value::Array(Vec::new()),
            single => vec![single],
        };
        let mut fitted = Vec::with_capacity(items.len());
        for item in items {
            let item = self.value(item, inner, path);
            if !is_empty_item(&item) {
                fitted.push(item);
            }
        }
        Value::Array(fitted)
    }

    fn object(&mut self, mut found: Map<String, Value>, fields: &[SchemaField], path: &str) -> Value {
        let mut filled = false;
        let mut places = Places::new(fields);
        for (name, value) in &mut found {
            if let Some(field) = places.find(name) {
                *value = self.value(value.take(), &field.shape, path);
                filled = filled || !value.is_null() && !value.as_array().is_some_and(Vec::is_empty);
            } else {
                self.warn(format!(
                    "the mapping answers `{path}.{name}`, which the resource does not define; it is kept as it is"
                ));
                filled = filled || !value.is_null();
            }
        }
        if !filled {
            return Value::Null;
        }
        for field in places.unseen() {
            found.insert(field.name.clone(), missing(&field.shape));
        }
        Value::Object(found)
    }
}

/// Where the keys of one object stand among the fields of its shape.
struct Places<'a> {
    fields: &'a [SchemaField],
    seen: Vec<bool>,
    /// Mappings answer most keys in the order of the schema: the next one is looked for here.
    next: usize,
}

impl<'a> Places<'a> {
    fn new(fields: &'a [SchemaField]) -> Self {
        Self {
            fields,
            seen: vec![false; fields.len()],
            next: 0,
        }
    }

    /// The field of this name; a key stands in an object once, so each is found once.
    fn find(&mut self, name: &str) -> Option<&'a SchemaField> {
        let (before, after) = self.fields.split_at(self.next);
        let at = |fields: &[SchemaField]| fields.iter().position(|field| field.name == name);
        let index = at(after).map(|index| index + self.next).or_else(|| at(before))?;
        self.seen[index] = true;
        self.next = index + 1;
        self.fields.get(index)
    }

    /// The fields that no key named, in the order of the schema.
    fn unseen(self) -> impl Iterator<Item = &'a SchemaField> {
        let fields = self.fields.iter().zip(self.seen);
        fields.filter_map(|(field, seen)| (!seen).then_some(field))
    }
}

/// An item of a list that holds nothing but what kind of item it would be.
fn is_empty_item(item: &Value) -> bool {
    match item {
        Value::Null => true,
        Value::Object(fields) => {
            fields.iter().all(|(name, value)| value.is_null() || LABELS.contains(&name.as_str()))
                // An attendee is its labels, too: what has only labels by its shape stays.
                && fields.keys().any(|name| !LABELS.contains(&name.as_str()))
        }
        _ => false,
    }
}

/// What stands for nothing.
fn missing(shape: &Shape) -> Value {
    match shape {
        Shape::List(_) => Value::Array(Vec::new()),
        Shape::OpenObject => Value::Object(Map::new()),
        _ => Value::Null,
    }
}

const fn wanted(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text => "a text",
        Shape::Date => "a date",
        Shape::DateTime => "a datetime",
        Shape::Integer => "a whole number",
        Shape::Number => "a number",
        Shape::Boolean => "true or false",
        Shape::List(_) => "a list",
        Shape::Object(_) | Shape::OpenObject => "an object",
        Shape::Any => "anything",
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text of another form",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A scalar in the type its place asks for; `Err` tells what it was instead, without its content.
fn scalar(value: Value, shape: &Shape) -> Result<Value, &'static str> {
    match (shape, value) {
        (Shape::Text, text @ Value::String(_)) => Ok(text),
        (Shape::Text, value @ (Value::Number(_) | Value::Bool(_))) => Ok(Value::from(value.to_string())),
        (Shape::DateTime, Value::String(text)) => datetime(text),
        (Shape::DateTime, Value::Number(number)) => epoch(&number).ok_or("a number"),
        // What `$dtFromIso` answers, put where its text is wanted.
        (Shape::DateTime, Value::Object(mut parts)) => match parts.shift_remove("iso") {
            Some(Value::String(text)) => datetime(text),
            _ => Err("an object"),
        },
        (Shape::Date, Value::String(text)) => date(text),
        (Shape::Integer, Value::Number(number)) => integer(&number).ok_or("a number with a fraction"),
        (Shape::Integer, Value::String(text)) => match text.trim().parse::<f64>() {
            Ok(number) => serde_json::Number::from_f64(number)
                .and_then(|number| integer(&number))
                .ok_or("a text of another form"),
            Err(_) if text.trim().is_empty() => Ok(Value::Null),
            Err(_) => Err("a text of another form"),
        },
        (Shape::Number, number @ Value::Number(_)) => Ok(number),
        (Shape::Number, Value::String(text)) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::from(number)),
            _ if text.trim().is_empty() => Ok(Value::Null),
            _ => Err("a text of another form"),
        },
        (Shape::Boolean, value @ Value::Bool(_)) => Ok(value),
        (Shape::Boolean, Value::String(text)) => match text.as_str() {
            "true" | "TRUE" | "True" => Ok(Value::Bool(true)),
            "false" | "FALSE" | "False" => Ok(Value::Bool(false)),
            "" => Ok(Value::Null),
            _ => Err("a text of another form"),
        },
        (Shape::Boolean, Value::Number(number)) => match number.as_f64() {
            Some(0.0) => Ok(Value::Bool(false)),
            Some(1.0) => Ok(Value::Bool(true)),
            _ => Err("a number"),
        },
        (_, value) => Err(kind(&value)),
    }
}

fn integer(number: &serde_json::Number) -> Option<Value> {
    if number.is_i64() || number.is_u64() {
        return Some(Value::Number(number.clone()));
    }
    let value = number
        .as_f64()
        .filter(|value| value.fract() == 0.0 && value.abs() < 9.0e15)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked: whole and far below 2^63"
    )]
    Some(Value::from(value as i64))
}

/// Seconds or milliseconds since 1970; what is above 1e11 counts as milliseconds.
fn epoch(number: &serde_json::Number) -> Option<Value> {
    let value = number.as_f64()?;
    let value = if value.abs() > 1e11 {
        value
    } else {
        value * 1_000.0
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "jiff refuses what is out of range"
    )]
    let instant = jiff::Timestamp::from_millisecond(value as i64).ok()?;
    Some(Value::from(write_instant(instant)))
}

/// A custom field's instant in the form that every instant has; what is none stays as it is.
pub(crate) fn custom_datetime(text: &str) -> Value {
    datetime(text.to_owned()).unwrap_or_else(|_| Value::from(text))
}

fn datetime(mut text: String) -> Result<Value, &'static str> {
    // The two forms nearly all values have: `2026-05-01T07:25:37.000+0000` and `2026-05-01T07:25:37.000Z`.
    let bytes = text.as_bytes();
    if bytes.len() == 28 && bytes.ends_with(b"+0000") && is_millisecond_form(bytes) {
        text.truncate(23);
        text.push('Z');
        return Ok(Value::String(text));
    }
    if bytes.len() == 24 && bytes.ends_with(b"Z") && is_millisecond_form(bytes) {
        return Ok(Value::String(text));
    }
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    read_iso(&text)
        .map(|instant| Value::from(write_instant(instant)))
        .ok_or("a text of another form")
}

/// Whether a text begins as `2026-05-01T07:25:37.000`.
fn is_millisecond_form(bytes: &[u8]) -> bool {
    const FORM: &[u8; 23] = b"0000-00-00T00:00:00.000";
    bytes.iter().zip(FORM).all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        mark => byte == mark,
    })
}

fn date(text: String) -> Result<Value, &'static str> {
    let plain = text.len() == 10
        && text.bytes().zip(b"0000-00-00").all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            mark => byte == *mark,
        });
    if plain {
        return Ok(Value::String(text));
    }
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    let instant = read_iso(&text).ok_or("a text of another form")?;
    Ok(Value::from(
        instant.to_zoned(jiff::tz::TimeZone::UTC).date().to_string(),
    ))
}

#[cfg(test)]
mod tests;
