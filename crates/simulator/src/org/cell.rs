//! One typed value of a row.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::{Number, Value};

use super::ids::RecordId;
use super::time::{format_date, format_datetime};

/// A value as stored. Compound fields have no cell of their own and stay `Null`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Number(f64),
    Text(Arc<str>),
    /// Days since 1970-01-01.
    Date(i64),
    /// Milliseconds since 1970-01-01 UTC.
    DateTime(i64),
    Id(RecordId),
}

/// What a path over a missing parent answers.
pub(crate) static NULL: Cell = Cell::Null;

impl Cell {
    /// A text cell.
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(Arc::from(text))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    pub(crate) fn as_id(&self) -> Option<RecordId> {
        if let Self::Id(id) = self { Some(*id) } else { None }
    }

    pub(crate) fn as_bool(&self) -> bool {
        matches!(self, Self::Bool(true))
    }

    /// A number of either kind.
    #[expect(
        clippy::cast_precision_loss,
        reason = "integers of a CRM row stay far below 2^53"
    )]
    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The wire form.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(number) => Value::from(*number),
            Self::Number(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
            Self::Text(text) => Value::String(text.as_ref().to_owned()),
            Self::Date(days) => Value::String(format_date(*days)),
            Self::DateTime(ms) => Value::String(format_datetime(*ms)),
            Self::Id(id) => Value::String(id.to_string()),
        }
    }

    /// Orders two values of one field; null first, text without case.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Less,
            (_, Self::Null) => Ordering::Greater,
            (Self::Bool(left), Self::Bool(right)) => left.cmp(right),
            (Self::Int(left), Self::Int(right))
            | (Self::Date(left), Self::Date(right))
            | (Self::DateTime(left), Self::DateTime(right)) => left.cmp(right),
            (Self::Text(left), Self::Text(right)) => compare_text(left, right),
            (Self::Id(left), Self::Id(right)) => left.cmp(right),
            _ => match (self.as_f64(), other.as_f64()) {
                (Some(left), Some(right)) => left.total_cmp(&right),
                _ => Ordering::Equal,
            },
        }
    }
}

/// Compares as Salesforce's filters and sorts do: case does not count.
pub(crate) fn compare_text(left: &str, right: &str) -> Ordering {
    if left.is_ascii() && right.is_ascii() {
        return left
            .bytes()
            .map(|byte| byte.to_ascii_lowercase())
            .cmp(right.bytes().map(|byte| byte.to_ascii_lowercase()));
    }
    left.chars()
        .flat_map(char::to_lowercase)
        .cmp(right.chars().flat_map(char::to_lowercase))
}
