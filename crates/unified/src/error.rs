//! What can go wrong on the way, by whose fault.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

/// A request that could not be answered. The edge turns each into one response, in one match.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller named a resource that this provider's documents do not hold.
    #[error("unknown resource `{resource}`")]
    UnknownResource {
        /// What was asked for.
        resource: String,
        /// Resources of the connection's provider.
        allowed: Vec<String>,
    },
    /// The resource exists, the method does not.
    #[error("{resource} cannot be {method}")]
    Unsupported {
        /// The resource.
        resource: String,
        /// What was tried: `listed`, `created`, …
        method: &'static str,
    },
    /// A query parameter is unknown, or its value is not allowed.
    #[error("{parameter}: {message}")]
    InvalidParameter {
        /// The parameter as the caller wrote it.
        parameter: String,
        /// What is wrong with it.
        message: String,
        /// What would be accepted.
        allowed: Vec<String>,
    },
    /// A request body is not what the resource takes.
    #[error("{message}")]
    InvalidBody {
        /// The unified field at fault, when one is.
        field: Option<String>,
        /// What is wrong with it.
        message: String,
        /// What would be accepted.
        allowed: Vec<String>,
    },
    /// A cursor that was not made for this tenant, connection, route and query: one text for every cause.
    #[error("the cursor does not belong to this request")]
    InvalidCursor,
    /// A cursor that was good once.
    #[error("the cursor has expired; start from the first page")]
    CursorExpired,
    /// No such record, as far as this connection's user can see.
    #[error("no such record in {resource}")]
    NotFound {
        /// The resource.
        resource: String,
    },
    /// A mapping override that cannot be used, with every mistake found.
    #[error("the mapping override cannot be used")]
    InvalidOverride(Vec<mapping::DocumentError>),
    /// The text a mapping answered is no query, or lets a caller's value change its structure.
    #[error("the query mapping's answer was refused: {message}")]
    QueryRefused {
        /// What is wrong with it.
        message: String,
        /// Whether a tenant's own override wrote it.
        callers_own: bool,
    },
    /// An expression failed, ran out of time or grew too large.
    #[error(transparent)]
    Mapping(Box<mapping::MappingError>),
    /// The call to the provider could not be made, or was not answered.
    #[error(transparent)]
    Call(#[from] provider::CallError),
    /// Nothing could be read or written on our side.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The provider answered with an error.
    #[error("{} answered {}", .0.provider, .0.status)]
    Rejected(Box<Rejection>),
}

/// What a provider answered instead of what it was asked for.
#[derive(Debug, Clone)]
pub struct Rejection {
    /// Which provider.
    pub provider: String,
    /// Its status, passed on unchanged.
    pub status: u16,
    /// What it said, in our taxonomy, with unified field names.
    pub fault: mapping::Fault,
    /// Its body, for the caller to read.
    pub body: Bytes,
    /// What it told about its limits.
    pub quotas: Vec<provider::QuotaReading>,
    /// Headers to pass on, such as `retry-after`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl From<mapping::MappingError> for Error {
    fn from(error: mapping::MappingError) -> Self {
        Self::Mapping(Box::new(error))
    }
}
