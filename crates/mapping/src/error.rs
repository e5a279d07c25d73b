//! What can go wrong when a mapping runs, and whose fault it is.

/// Time that mappings may take. Source: `model::Limits::{mapping_record_ms, mapping_request_ms}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Time for one record, ms.
    pub record_ms: u64,
    /// Time for all records of one request, ms: the bound that holds whatever the number of records.
    pub request_ms: u64,
}

impl Budget {
    /// Time in all for `records` records, ms: never more than the request's.
    pub(crate) fn total_ms(self, records: usize) -> u64 {
        let records = u64::try_from(records.max(1)).unwrap_or(u64::MAX);
        self.record_ms.saturating_mul(records).min(self.request_ms)
    }
}

impl Default for Budget {
    fn default() -> Self {
        let limits = model::Limits::default();
        Self {
            record_ms: limits.mapping_record_ms,
            request_ms: limits.mapping_request_ms,
        }
    }
}

/// The level of the documents that ship with Crosswalk, in [`MappingError`] and [`crate::Plan::sources`].
pub const BASE_LEVEL: &str = "base";

/// A mapping that could not be evaluated. No variant holds a value of a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// The expression failed.
    #[error("{part} ({level}): {code}: {message}")]
    Evaluation {
        /// The level the expression came from: `base`, `tenant`, `connection`.
        level: String,
        /// Which expression: `response_mapping`, `query_mapping`, `errors`, …
        part: &'static str,
        /// JSONata's error code, as `T2001`.
        code: String,
        /// What JSONata says about it.
        message: String,
        /// Where in the expression: an offset in UTF-16 units.
        position: Option<usize>,
        /// The token at that place.
        token: Option<Box<str>>,
    },
    /// The expression took more time or steps than it may.
    #[error("{part} ({level}): stopped after {limit_ms} ms")]
    TimedOut {
        /// The level the expression came from.
        level: String,
        /// Which expression.
        part: &'static str,
        /// The time it had, ms.
        limit_ms: u64,
    },
    /// The expression built more, or went deeper, than it may.
    #[error("{part} ({level}): {message}")]
    TooLarge {
        /// The level the expression came from.
        level: String,
        /// Which expression.
        part: &'static str,
        /// Which limit was met.
        message: String,
    },
    /// The expression answered something of another shape than its place asks for.
    #[error("{part} ({level}): must answer {wanted}, answered {found}")]
    Shape {
        /// The level the expression came from.
        level: String,
        /// Which expression.
        part: &'static str,
        /// What its place asks for.
        wanted: String,
        /// The kind of value it answered.
        found: String,
    },
}

impl MappingError {
    /// The level of the expression that failed.
    pub fn level(&self) -> &str {
        match self {
            Self::Evaluation { level, .. }
            | Self::TimedOut { level, .. }
            | Self::TooLarge { level, .. }
            | Self::Shape { level, .. } => level,
        }
    }

    /// Whether an override of the caller's own is at fault (422), not a document of ours (500).
    pub fn callers_own(&self) -> bool {
        self.level() != BASE_LEVEL
    }
}

/// A document that cannot be used, with the place of the mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{document}{}: {}{message}", place(*.line, *.column), key_prefix(.key.as_deref()))]
pub struct DocumentError {
    /// File path, or the level of an override.
    pub document: String,
    /// Line in the document, from 1.
    pub line: Option<usize>,
    /// Column in the document, from 1.
    pub column: Option<usize>,
    /// The key at fault: `methods.list.response_mapping`.
    pub key: Option<String>,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl DocumentError {
    pub(crate) fn new(document: &str, key: Option<&str>, message: impl Into<String>) -> Self {
        Self {
            document: document.to_owned(),
            line: None,
            column: None,
            key: key.map(str::to_owned),
            message: message.into(),
        }
    }
}

fn place(line: Option<usize>, column: Option<usize>) -> String {
    match (line, column) {
        (Some(line), Some(column)) => format!(":{line}:{column}"),
        (Some(line), None) => format!(":{line}"),
        _ => String::new(),
    }
}

fn key_prefix(key: Option<&str>) -> String {
    key.map(|key| format!("{key}: ")).unwrap_or_default()
}
