//! Fits what a mapping answers to the resource's shape: every field there, of its own type, in the mapping's order; those
//! that the mapping does not answer follow in the schema's.
//!
//! Values are fitted where they stand. What cannot be fitted becomes `null` and is told once in the warnings.

use std::collections::BTreeSet;

use compact_str::{CompactString, ToCompactString};
use serde_json::Number;

use crate::functions::{read_iso, write_instant};
use crate::schema::{SchemaField, Shape};
use crate::tree::{Fields, Tree};

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
        mut record: Fields,
        fields: &[SchemaField],
        known: &dyn Fn(&str) -> bool,
        wanted: Option<&[String]>,
    ) -> Fields {
        let is_wanted = |name: &str| wanted.is_none_or(|wanted| wanted.iter().any(|field| field == name));
        let mut places = Places::new(fields);
        for (name, value) in record.iter_mut() {
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
                record.push(&field.name, missing(&field.shape));
            }
        }
        if wanted.is_some() {
            record.retain(is_wanted);
        }
        record
    }

    fn value(&mut self, value: Tree, shape: &Shape, path: &str) -> Tree {
        match (shape, value) {
            (Shape::List(inner), value) => self.list(value, inner, path),
            (Shape::Any, value) | (Shape::OpenObject, value @ Tree::Object(_)) => value,
            (Shape::OpenObject, Tree::Null) => missing(shape),
            (_, Tree::Null) => Tree::Null,
            (Shape::Object(fields), Tree::Object(found)) => self.object(found, fields, path),
            // A reference given as its id, an e-mail address as its text.
            (Shape::Object(fields), scalar @ (Tree::Text(_) | Tree::Number(_))) => match fields.first() {
                Some(first) => {
                    let found = Fields::from_iter([(first.name.as_str(), scalar)]);
                    self.object(found, fields, path)
                }
                None => Tree::Null,
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

    fn list(&mut self, value: Tree, inner: &Shape, path: &str) -> Tree {
        let items = match value {
            Tree::List(items) => items,
            Tree::Null => return Tree::List(Vec::new()),
            single => vec![single],
        };
        let mut fitted = Vec::with_capacity(items.len());
        for item in items {
            let item = self.value(item, inner, path);
            if !is_empty_item(&item) {
                fitted.push(item);
            }
        }
        Tree::List(fitted)
    }

    fn object(&mut self, mut found: Fields, fields: &[SchemaField], path: &str) -> Tree {
        let mut filled = false;
        let mut places = Places::new(fields);
        for (name, value) in found.iter_mut() {
            if let Some(field) = places.find(name) {
                *value = self.value(value.take(), &field.shape, path);
                filled =
                    filled || !value.is_null() && !matches!(value, Tree::List(items) if items.is_empty());
            } else {
                self.warn(format!(
                    "the mapping answers `{path}.{name}`, which the resource does not define; it is kept as it is"
                ));
                filled = filled || !value.is_null();
            }
        }
        if !filled {
            return Tree::Null;
        }
        for field in places.unseen() {
            found.push(&field.name, missing(&field.shape));
        }
        Tree::Object(found)
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
fn is_empty_item(item: &Tree) -> bool {
    match item {
        Tree::Null => true,
        Tree::Object(fields) => {
            fields.iter().all(|(name, value)| value.is_null() || LABELS.contains(&name))
                // An attendee is its labels, too: what has only labels by its shape stays.
                && fields.iter().any(|(name, _)| !LABELS.contains(&name))
        }
        _ => false,
    }
}

/// What stands for nothing.
fn missing(shape: &Shape) -> Tree {
    match shape {
        Shape::List(_) => Tree::List(Vec::new()),
        Shape::OpenObject => Tree::Object(Fields::new()),
        _ => Tree::Null,
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

/// A scalar in the type its place asks for; `Err` tells what it was instead, without its content.
fn scalar(value: Tree, shape: &Shape) -> Result<Tree, &'static str> {
    match (shape, value) {
        (Shape::Text, text @ Tree::Text(_)) => Ok(text),
        (Shape::Text, Tree::Number(number)) => Ok(Tree::Text(number.to_compact_string())),
        (Shape::Text, Tree::Bool(flag)) => Ok(Tree::Text(flag.to_compact_string())),
        (Shape::DateTime, Tree::Text(text)) => datetime(text),
        (Shape::DateTime, Tree::Number(number)) => epoch(&number).ok_or("a number"),
        // What `$dtFromIso` answers, put where its text is wanted.
        (Shape::DateTime, Tree::Object(parts)) => match parts.into_value("iso") {
            Some(Tree::Text(text)) => datetime(text),
            _ => Err("an object"),
        },
        (Shape::Date, Tree::Text(text)) => date(text),
        (Shape::Integer, Tree::Number(number)) => integer(&number).ok_or("a number with a fraction"),
        (Shape::Integer, Tree::Text(text)) => match text.trim().parse::<f64>() {
            Ok(number) => Number::from_f64(number)
                .and_then(|number| integer(&number))
                .ok_or("a text of another form"),
            Err(_) if text.trim().is_empty() => Ok(Tree::Null),
            Err(_) => Err("a text of another form"),
        },
        (Shape::Number, number @ Tree::Number(_)) => Ok(number),
        (Shape::Number, Tree::Text(text)) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Number::from_f64(number).map_or(Tree::Null, Tree::Number)),
            _ if text.trim().is_empty() => Ok(Tree::Null),
            _ => Err("a text of another form"),
        },
        (Shape::Boolean, value @ Tree::Bool(_)) => Ok(value),
        (Shape::Boolean, Tree::Text(text)) => match text.as_str() {
            "true" | "TRUE" | "True" => Ok(Tree::Bool(true)),
            "false" | "FALSE" | "False" => Ok(Tree::Bool(false)),
            "" => Ok(Tree::Null),
            _ => Err("a text of another form"),
        },
        (Shape::Boolean, Tree::Number(number)) => match number.as_f64() {
            Some(0.0) => Ok(Tree::Bool(false)),
            Some(1.0) => Ok(Tree::Bool(true)),
            _ => Err("a number"),
        },
        (_, Tree::Text(_)) => Err("a text of another form"),
        (_, value) => Err(value.kind()),
    }
}

fn integer(number: &Number) -> Option<Tree> {
    if number.is_i64() || number.is_u64() {
        return Some(Tree::Number(number.clone()));
    }
    let value = number
        .as_f64()
        .filter(|value| value.fract() == 0.0 && value.abs() < 9.0e15)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked: whole and far below 2^63"
    )]
    Some(Tree::Number(Number::from(value as i64)))
}

/// Seconds or milliseconds since 1970; what is above 1e11 counts as milliseconds.
fn epoch(number: &Number) -> Option<Tree> {
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
    Some(Tree::text(&write_instant(instant)))
}

/// A custom field's instant in the form that every instant has; what is none stays as it is.
pub(crate) fn custom_datetime(text: &str) -> Tree {
    datetime(CompactString::from(text)).unwrap_or_else(|_| Tree::text(text))
}

fn datetime(mut text: CompactString) -> Result<Tree, &'static str> {
    // The two forms nearly all values have: `2026-05-01T07:25:37.000+0000` and `2026-05-01T07:25:37.000Z`.
    let bytes = text.as_bytes();
    if bytes.len() == 28 && bytes.ends_with(b"+0000") && is_millisecond_form(bytes) {
        text.truncate(23);
        text.push('Z');
        return Ok(Tree::Text(text));
    }
    if bytes.len() == 24 && bytes.ends_with(b"Z") && is_millisecond_form(bytes) {
        return Ok(Tree::Text(text));
    }
    if text.trim().is_empty() {
        return Ok(Tree::Null);
    }
    read_iso(&text)
        .map(|instant| Tree::text(&write_instant(instant)))
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

fn date(text: CompactString) -> Result<Tree, &'static str> {
    let plain = text.len() == 10
        && text.bytes().zip(b"0000-00-00").all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            mark => byte == *mark,
        });
    if plain {
        return Ok(Tree::Text(text));
    }
    if text.trim().is_empty() {
        return Ok(Tree::Null);
    }
    let instant = read_iso(&text).ok_or("a text of another form")?;
    let date = instant.to_zoned(jiff::tz::TimeZone::UTC).date();
    Ok(Tree::Text(date.to_compact_string()))
}

#[cfg(test)]
mod tests;
