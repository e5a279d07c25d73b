//! Errors of evaluation in the words of a mapping.

use crate::error::MappingError;
use crate::expression::{ExpressionError, Failure};

/// An evaluation's error, with the place of its expression.
pub(crate) fn mapping_error(
    level: &str,
    part: &'static str,
    limit_ms: u64,
    error: ExpressionError,
) -> MappingError {
    let level = level.to_owned();
    match error.failure {
        Failure::TimedOut => MappingError::TimedOut {
            level,
            part,
            limit_ms,
        },
        Failure::TooLarge => MappingError::TooLarge {
            level,
            part,
            message: error.message,
        },
        Failure::Failed => MappingError::Evaluation {
            level,
            part,
            code: error.code,
            message: error.message,
            position: error.position,
            token: error.token.map(String::into_boxed_str),
        },
    }
}

/// An answer of the wrong shape.
pub(crate) fn shape_error(level: &str, part: &'static str, wanted: &str, found: &str) -> MappingError {
    MappingError::Shape {
        level: level.to_owned(),
        part,
        wanted: wanted.to_owned(),
        found: found.to_owned(),
    }
}

/// The kind of a value, without its content.
pub(crate) const fn kind_of(value: &serde_json::Value) -> &'static str {
    match value {
        serde_json::Value::Null => "null",
        serde_json::Value::Bool(_) => "a boolean",
        serde_json::Value::Number(_) => "a number",
        serde_json::Value::String(_) => "a text",
        serde_json::Value::Array(_) => "a list",
        serde_json::Value::Object(_) => "an object",
    }
}

/// The time that a request's context tells, ms since 1970.
pub(crate) fn now_ms(context: &serde_json::Value) -> Option<i64> {
    context.get("now_ms").and_then(serde_json::Value::as_i64)
}
