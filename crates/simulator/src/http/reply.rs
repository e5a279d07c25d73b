//! What a handler answers, before it becomes bytes.

use serde_json::Value;

/// The body of a [`Reply`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    /// No body.
    Empty,
    /// JSON, printed compact or pretty as the caller asked.
    Json(Value),
    /// Any other text with its media type.
    Text(String, String),
    /// Bytes with their media type.
    Bytes(String, Vec<u8>),
}

/// Status, extra headers and body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    /// HTTP status.
    pub(crate) status: u16,
    /// Headers beside those every answer carries.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) content: Content,
}

impl Reply {
    /// A JSON answer.
    pub(crate) fn json(status: u16, value: Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content: Content::Json(value),
        }
    }

    /// An answer without a body.
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content: Content::Empty,
        }
    }

    /// An HTML page.
    pub(crate) fn html(status: u16, page: String) -> Self {
        Self::text(status, "text/html;charset=UTF-8", page)
    }

    /// Text of any media type.
    pub(crate) fn text(status: u16, content_type: &str, body: String) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content: Content::Text(content_type.to_owned(), body),
        }
    }

    /// A redirect.
    pub(crate) fn redirect(status: u16, location: String) -> Self {
        Self::empty(status).with("Location", location)
    }

    /// Adds a header.
    pub(crate) fn with(mut self, name: &str, value: String) -> Self {
        self.headers.push((name.to_owned(), value));
        self
    }
}

/// A handler's answer; the error side is an answer as well and lets `?` end a handler early.
pub(crate) type Answer = Result<Reply, Reply>;
