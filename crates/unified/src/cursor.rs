//! Cursors: where the next page starts, sealed so that nobody can read, change or move one.
//!
//! A cursor holds the sort values of the last record (a keyset) where the provider's language can express one: a locator
//! dies with the session that opened it, and a token refresh may end that session. Elsewhere it holds what the provider
//! calls the next page, and the id of the last record.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use store::Store;

use crate::Error;

const PREFIX: &str = "v1.";
const PURPOSE: &str = "cursor";
/// Longest cursor that is looked at: ours stay far below.
const CURSOR_MAX_BYTES: usize = 16 << 10;

/// What a cursor says once opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Sort values of the last record served, in the order of the sort keys.
    pub(crate) values: Vec<Value>,
    /// Provider id of the last record served.
    pub(crate) id: String,
    /// What the provider calls the next page, where there is no keyset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<Value>,
    /// The further document of the resource that the page is of; the first one's when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) part: Option<String>,
    /// How many records were told, of a list that the provider always answers whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) told: Option<usize>,
}

impl Position {
    /// Before the first record of a further document.
    pub(crate) const fn start_of(part: String) -> Self {
        Self {
            values: Vec::new(),
            id: String::new(),
            after: None,
            part: Some(part),
            told: None,
        }
    }

    /// Whether it stands before the first record.
    pub(crate) const fn is_start(&self) -> bool {
        self.id.is_empty() && self.after.is_none()
    }
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    position: Position,
    query: String,
    expires_at_ms: i64,
}

/// What a cursor is bound to.
pub(crate) struct Scope<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) connection: &'a str,
    pub(crate) resource: &'a str,
    /// [`crate::parameters::ListQuery::identity`] of the query it continues.
    pub(crate) query: String,
}

impl Scope<'_> {
    fn associated(&self) -> String {
        format!("{}|{}|{}", self.tenant, self.connection, self.resource)
    }

    fn query_hash(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.query.as_bytes()))
    }
}

/// Writes the cursor that continues after `position`.
pub(crate) fn seal(
    store: &Store,
    scope: &Scope<'_>,
    position: Position,
    expires_at_ms: i64,
) -> Result<String, Error> {
    let sealed = Sealed {
        position,
        query: scope.query_hash(),
        expires_at_ms,
    };
    let plain = serde_json::to_vec(&sealed).map_err(|_| Error::InvalidCursor)?;
    let bytes = store.seal(PURPOSE, &scope.associated(), &plain);
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// Opens a cursor, or refuses it with the same answer whatever the cause.
pub(crate) fn open(store: &Store, scope: &Scope<'_>, cursor: &str, now_ms: i64) -> Result<Position, Error> {
    if cursor.len() > CURSOR_MAX_BYTES {
        return Err(Error::InvalidCursor);
    }
    let text = cursor.strip_prefix(PREFIX).ok_or(Error::InvalidCursor)?;
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::InvalidCursor)?;
    let plain = store
        .open_sealed(PURPOSE, &scope.associated(), &bytes)
        .map_err(|_| Error::InvalidCursor)?;
    let sealed: Sealed = serde_json::from_slice(&plain).map_err(|_| Error::InvalidCursor)?;
    if sealed.query != scope.query_hash() {
        return Err(Error::InvalidCursor);
    }
    if sealed.expires_at_ms < now_ms {
        return Err(Error::CursorExpired);
    }
    Ok(sealed.position)
}
