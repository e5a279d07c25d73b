//! JSON values as an evaluation answers them: objects are lists of pairs.
//!
//! A page has thousands of small objects that are built, fitted and written once. Hash maps and a text of its own on the
//! heap for every key were a quarter of a list's time.

use compact_str::CompactString;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Number, Value};

/// A unified record, written out as JSON in the order of its fields.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Record(pub(crate) Fields);

impl Record {
    /// The text of a field; `None` when there is none.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Tree::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Any JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Number(Number),
    Text(CompactString),
    List(Vec<Tree>),
    Object(Fields),
}

/// An object: each name once, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Fields(Vec<(CompactString, Tree)>);

impl Fields {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn with_capacity(length: usize) -> Self {
        Self(Vec::with_capacity(length))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Tree)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Tree)> {
        self.0.iter_mut().map(|(name, value)| (name.as_str(), value))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Tree> {
        self.iter()
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The value of a name, taken out of the object that is no longer needed.
    pub(crate) fn into_value(self, name: &str) -> Option<Tree> {
        let mut fields = self.0.into_iter();
        fields.find_map(|(key, value)| (key == name).then_some(value))
    }

    /// Sets a field, in its place where the name is known.
    pub(crate) fn insert(&mut self, name: &str, value: Tree) {
        match self.0.iter_mut().find(|(key, _)| key == name) {
            Some((_, known)) => *known = value,
            None => self.push(name, value),
        }
    }

    /// Adds a field whose name is not there yet.
    pub(crate) fn push(&mut self, name: &str, value: Tree) {
        self.0.push((CompactString::new(name), value));
    }

    /// Sets all fields of another object.
    pub(crate) fn extend(&mut self, other: Self) {
        for (name, value) in other.0 {
            self.insert(&name, value);
        }
    }

    pub(crate) fn retain(&mut self, mut wanted: impl FnMut(&str) -> bool) {
        self.0.retain(|(name, _)| wanted(name));
    }
}

impl<'a> FromIterator<(&'a str, Tree)> for Fields {
    /// Names must differ.
    fn from_iter<I: IntoIterator<Item = (&'a str, Tree)>>(fields: I) -> Self {
        let pairs = fields.into_iter();
        Self(
            pairs
                .map(|(name, value)| (CompactString::new(name), value))
                .collect(),
        )
    }
}

impl Tree {
    /// The value, `Null` left in its place.
    pub(crate) const fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Null)
    }

    pub(crate) fn text(text: &str) -> Self {
        Self::Text(CompactString::new(text))
    }

    pub(crate) const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The kind of value, without its content.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

impl From<&Value> for Tree {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::text(text),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(fields) => {
                let fields = fields.iter();
                Self::Object(
                    fields
                        .map(|(name, value)| (name.as_str(), value.into()))
                        .collect(),
                )
            }
        }
    }
}

impl From<Tree> for Value {
    fn from(tree: Tree) -> Self {
        match tree {
            Tree::Null => Self::Null,
            Tree::Bool(flag) => Self::Bool(flag),
            Tree::Number(number) => Self::Number(number),
            Tree::Text(text) => Self::String(text.into_string()),
            Tree::List(items) => items.into_iter().map(Self::from).collect(),
            Tree::Object(fields) => fields.into(),
        }
    }
}

impl From<Fields> for Value {
    fn from(fields: Fields) -> Self {
        let pairs = fields.0.into_iter();
        let fields: Map<String, Self> = pairs
            .map(|(name, value)| (name.into_string(), value.into()))
            .collect();
        Self::Object(fields)
    }
}

impl From<Record> for Value {
    fn from(record: Record) -> Self {
        record.0.into()
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => items.serialize(serializer),
            Self::Object(fields) => fields.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests;
