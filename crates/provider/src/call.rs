//! A data call, its reply, and what can go wrong.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use mapping::MappingError;
use serde_json::Value;
use store::{ConnectionState, StoreError};

use crate::egress::EgressError;
use crate::paths::PathError;
use crate::quota::QuotaReading;
use crate::settings::LoginError;

/// Where a call's path begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PathRoot {
    /// Below the API's base path, unless it begins as that does.
    #[default]
    Api,
    /// At the host's root; `{version}` in it stands for the API's version.
    Host,
}

/// A call to a provider's API, without credentials.
#[derive(Debug, Clone)]
pub struct Call {
    /// HTTP method.
    pub method: Method,
    /// Path below `api.base_path`, beginning with `/`, its parts percent-encoded; or a whole path of the provider that
    /// begins as `api.base_path` does, as locators of a next page are. May carry a query.
    pub path: String,
    /// Where the path begins.
    pub root: PathRoot,
    /// Query parameters, not encoded.
    pub query: Vec<(String, String)>,
    /// Further headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body; JSON unless a `content-type` header says otherwise.
    pub body: Option<Bytes>,
    /// The byte of an XML body before which the access token is written, for protocols that carry it there.
    pub credential_at: Option<usize>,
}

impl Call {
    /// A GET of a path.
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            root: PathRoot::Api,
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            credential_at: None,
        }
    }

    /// The body with a text in the place of the credential.
    pub(crate) fn body_with(&self, credential: &str) -> Result<Option<Bytes>, CallError> {
        let (Some(body), Some(at)) = (&self.body, self.credential_at) else {
            return Ok(self.body.clone());
        };
        let wrong = CallError::BadReply {
            what: "a token request with a token that no body can carry",
        };
        let parts = body.split_at_checked(at).zip(mapping::xml_escaped(credential));
        let ((head, tail), credential) = parts.ok_or(wrong)?;
        Ok(Some([head, credential.as_bytes(), tail].concat().into()))
    }

    /// The same call with a query parameter more.
    #[must_use]
    pub fn with_query(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }
}

/// A provider's reply, whatever its status.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The provider's status.
    pub status: StatusCode,
    /// The provider's headers.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Bytes,
    /// What the reply tells about rate limits.
    pub quotas: Vec<QuotaReading>,
    /// From the first byte sent to the last one read, all requests of the call together.
    pub elapsed: Duration,
}

impl Reply {
    /// The body as JSON; as a text when it is none; `null` when empty.
    pub fn value(&self) -> Value {
        body_value(&self.body)
    }

    /// The headers as mapping expressions see them: lower-case names, repeated ones joined.
    pub fn headers_value(&self) -> Value {
        headers_value(&self.headers)
    }
}

/// Why a call gave no reply. No text here holds a token, a body or a query.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// The connection needs a person to connect again; the provider was not called. 409.
    #[error("the connection must be authorized again")]
    NeedsReauth {
        /// The connection's state.
        state: ConnectionState,
        /// Why it is in it.
        reason: Option<String>,
    },
    /// The tenant has paused the connection; the provider was not called. 409.
    #[error("the connection is paused")]
    Paused,
    /// Somebody else refreshes the token, or a cool-down runs. 503, retryable.
    #[error("the connection's token is being refreshed")]
    RefreshInProgress {
        /// When to try again, s.
        retry_after_s: u64,
    },
    /// The token had expired and is refreshed now, but the streamed request body cannot be sent a second time. 503,
    /// retryable at once.
    #[error("the token was refreshed while the request body was streamed: send the request again")]
    RefreshedRetry,
    /// The provider refused a session that had just been renewed: somebody ends sessions as fast as they are made, or the
    /// provider is out of order. Nothing was carried out, and nothing says that the grant is over. 503, retryable.
    #[error("the provider refused a session that had just been renewed")]
    SessionRefused,
    /// The provider gave a new token that could not be stored yet. 503, retryable.
    #[error("the refreshed token could not be stored yet")]
    TokenNotSaved {
        /// When to try again, s.
        retry_after_s: u64,
    },
    /// Our application at the provider, or our configuration, is wrong. The operator's fault.
    #[error("misconfigured: {what}")]
    Misconfigured {
        /// What is wrong.
        what: String,
    },
    /// The customer's side does not let our application in: it is not installed or approved there, or calls from this
    /// gateway's address are refused. The grant may be good. 403.
    #[error("the customer's org does not let the app in, or not from this gateway's address")]
    NotAdmitted,
    /// No connection, or it broke. 502.
    #[error("the provider could not be reached: {what}")]
    Unreachable {
        /// Whether the provider may have received the request.
        sent: bool,
        /// At which stage.
        what: &'static str,
    },
    /// Too slow. 504.
    #[error("the provider did not answer in time")]
    DeadlineExceeded {
        /// Whether the provider may have received the request.
        sent: bool,
    },
    /// A redirect, which is never followed. 502.
    #[error("the provider answered with a redirect ({status})")]
    UnexpectedRedirect {
        /// Its status.
        status: u16,
    },
    /// A reply beyond the cap. 502.
    #[error("the provider's reply is larger than {max_bytes} bytes")]
    ReplyTooLarge {
        /// The cap, bytes, after decompression.
        max_bytes: u64,
    },
    /// A reply that is not what was agreed. 502.
    #[error("the provider answered {what}")]
    BadReply {
        /// What was found.
        what: &'static str,
    },
    /// A path that is not let through. The caller's fault: 400.
    #[error("{reason}")]
    BadPath {
        /// Which rule.
        reason: PathError,
    },
    /// A request that the proxy does not pass on. The caller's fault: 400, 405, 413.
    #[error("{what}")]
    BadRequest {
        /// 400, 405 or 413.
        status: u16,
        /// What is wrong and what is allowed.
        what: String,
    },
    /// An origin that we do not talk to. 502.
    #[error("refused to connect: {what}")]
    Refused {
        /// Which rule.
        what: &'static str,
    },
    /// The provider answered a call of ours (a description of an object) with an error status.
    #[error("the provider rejected the request ({})", .reply.status)]
    Rejected {
        /// Its reply.
        reply: Arc<Reply>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A document's expression failed.
    #[error(transparent)]
    Document(Box<MappingError>),
}

impl CallError {
    /// Whether the provider may have carried the request out although no reply came.
    pub const fn outcome_unknown(&self) -> bool {
        match self {
            Self::Unreachable { sent, .. } | Self::DeadlineExceeded { sent } => *sent,
            Self::ReplyTooLarge { .. } | Self::BadReply { .. } => true,
            _ => false,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::RefreshInProgress { .. }
            | Self::RefreshedRetry
            | Self::SessionRefused
            | Self::TokenNotSaved { .. }
            | Self::Unreachable { .. }
            | Self::DeadlineExceeded { .. } => true,
            Self::Store(error) => error.is_retryable(),
            _ => false,
        }
    }
}

impl From<EgressError> for CallError {
    fn from(error: EgressError) -> Self {
        match error {
            EgressError::Refused { what } => Self::Refused { what },
            EgressError::Unreachable { sent, what } => Self::Unreachable { sent, what },
            EgressError::Timeout { sent } => Self::DeadlineExceeded { sent },
            EgressError::Lapsed => Self::DeadlineExceeded { sent: false },
            EgressError::Redirect { status } => Self::UnexpectedRedirect { status },
            EgressError::TooLarge { max_bytes } => Self::ReplyTooLarge { max_bytes },
            EgressError::BadReply { what } => Self::BadReply { what },
            EgressError::RequestTooLarge { max_bytes } => Self::BadRequest {
                status: 413,
                what: format!("the request body is larger than {max_bytes} bytes"),
            },
        }
    }
}

impl From<MappingError> for CallError {
    fn from(error: MappingError) -> Self {
        Self::Document(Box::new(error))
    }
}

impl From<PathError> for CallError {
    fn from(reason: PathError) -> Self {
        Self::BadPath { reason }
    }
}

impl From<LoginError> for CallError {
    fn from(error: LoginError) -> Self {
        Self::Misconfigured {
            what: error.to_string(),
        }
    }
}

/// Headers as expressions see them.
pub(crate) fn headers_value(headers: &HeaderMap) -> Value {
    let texts = headers.keys().filter_map(|name| {
        let text = header_text(headers, name.as_str())?.into_owned();
        Some((name.as_str().to_owned(), Value::String(text)))
    });
    Value::Object(texts.collect())
}

/// A header as documents see it: one that came several times is joined (RFC 9110 §5.3).
pub(crate) fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<Cow<'a, str>> {
    let mut values = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let mut text = values.next()?;
    for more in values {
        let text = text.to_mut();
        text.push_str(", ");
        text.push_str(&more);
    }
    Some(text)
}

/// A body as expressions see it. JSON nested deeper than 128 (`serde_json`'s limit) is taken as a text.
pub(crate) fn body_value(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}
