//! What can go wrong in the store. No text here holds a value of a row, a key or a token.

/// A failure of the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No such row for this tenant. Another tenant's row is answered the same way as an unknown one. The caller's
    /// fault; retrying does not help.
    #[error("not found")]
    NotFound,
    /// The row exists in a state that forbids the change. The caller's fault; retrying does not help.
    #[error("conflict: {what}")]
    Conflict {
        /// What stands in the way, and what would be allowed.
        what: String,
    },
    /// A value that cannot be stored. The caller's fault; retrying does not help.
    #[error("invalid: {what}")]
    Invalid {
        /// Which value, and what is allowed.
        what: String,
    },
    /// The database, Redis or the data directory did not answer. Nobody's fault; retrying helps.
    #[error("{service} is unavailable: {reason}")]
    Unavailable {
        /// Which service: `database`, `redis`, `data directory`.
        service: &'static str,
        /// The kind of failure, without any value that was being stored.
        reason: String,
    },
    /// Something sealed does not open: tampered with, moved, or sealed with a master key that is not configured.
    #[error("a sealed {what} does not open")]
    Seal {
        /// What kind of thing it is.
        what: &'static str,
    },
    /// A row that this version of the program cannot read.
    #[error("a stored {what} cannot be read")]
    Corrupt {
        /// What kind of thing it is.
        what: &'static str,
    },
    /// The store cannot be opened with this configuration. The operator's fault.
    #[error("{what}")]
    Configuration {
        /// The setting, and what is allowed.
        what: String,
    },
}

impl StoreError {
    pub(crate) fn conflict(what: impl Into<String>) -> Self {
        Self::Conflict { what: what.into() }
    }

    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }

    pub(crate) fn configuration(what: impl Into<String>) -> Self {
        Self::Configuration { what: what.into() }
    }

    pub(crate) fn unavailable(service: &'static str, reason: impl Into<String>) -> Self {
        Self::Unavailable {
            service,
            reason: reason.into(),
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// Why a presented key is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    /// Malformed, unknown, expired or revoked: the same answer for all.
    #[error("the key is not valid")]
    Unknown,
    /// The key could not be checked.
    #[error(transparent)]
    Unavailable(StoreError),
}
