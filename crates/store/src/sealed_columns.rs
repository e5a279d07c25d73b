//! Every column that holds something sealed: who counts and who rotates reads this list. A test holds that no migration
//! makes a `sealed_…` column which is missing here.

use crate::StoreError;
use crate::database::{Argument, Row, arguments};

/// What tells the rows of a table apart, to go through them page by page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowKey {
    /// `id`.
    Id,
    /// `tenant_id`, `connection_id`, `key_hash`.
    IdempotencyKey,
}

impl RowKey {
    /// The arguments of a page's statement that come before every row.
    pub(crate) fn start(self) -> Vec<Argument> {
        match self {
            Self::Id => arguments![""],
            Self::IdempotencyKey => arguments!["", "", Vec::<u8>::new()],
        }
    }

    /// The arguments that come after a row.
    pub(crate) fn after(self, row: &Row) -> Result<Vec<Argument>, StoreError> {
        Ok(match self {
            Self::Id => arguments![row.text("id")?],
            Self::IdempotencyKey => arguments![
                row.text("tenant_id")?,
                row.text("connection_id")?,
                row.bytes("key_hash")?
            ],
        })
    }
}

/// How a record is sealed anew in its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reseal {
    /// The whole record of the row `$1`, as `sealed`, with the `version` and `tenant_id` of its place.
    pub(crate) read: &'static str,
    /// Puts `$3` where `$2` still stands in row `$1`.
    pub(crate) write: &'static str,
}

/// A column of sealed records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SealedColumn {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    /// The row's key, `tenant_id` and the first bytes of its record as `head`, in order of the key. Its arguments are those
    /// of the row before the page, then the length of a page. Records that nobody will open any more are left out.
    pub(crate) page: &'static str,
    pub(crate) key: RowKey,
    /// None where records live for so short a time that they are left to end.
    pub(crate) reseal: Option<Reseal>,
}

/// All of them, in the order in which they are gone through. `substr(…, 1, 35)` is the longest head
/// of a record (`sealing::HEAD_BYTES`).
pub(crate) const SEALED_COLUMNS: &[SealedColumn] = &[
    SealedColumn {
        table: "connections",
        column: "sealed_tokens",
        page: "SELECT id, tenant_id, substr(sealed_tokens, 1, 35) AS head FROM connections \
               WHERE id > $1 AND sealed_tokens IS NOT NULL ORDER BY id LIMIT $2",
        key: RowKey::Id,
        reseal: Some(Reseal {
            read: "SELECT tenant_id, token_version AS version, sealed_tokens AS sealed FROM connections \
                   WHERE id = $1 AND sealed_tokens IS NOT NULL",
            write: "UPDATE connections SET sealed_tokens = $3 WHERE id = $1 AND sealed_tokens = $2 RETURNING id",
        }),
    },
    SealedColumn {
        table: "connect_sessions",
        column: "sealed_verifier",
        page: "SELECT id, tenant_id, substr(sealed_verifier, 1, 35) AS head FROM connect_sessions \
               WHERE id > $1 AND sealed_verifier IS NOT NULL AND authorization_used_at_ms IS NULL \
               AND authorization_expires_at_ms > {now_ms} ORDER BY id LIMIT $2",
        key: RowKey::Id,
        reseal: None,
    },
    SealedColumn {
        table: "idempotency_keys",
        column: "sealed_answer",
        page: "SELECT tenant_id, connection_id, key_hash, substr(sealed_answer, 1, 35) AS head FROM idempotency_keys \
               WHERE (tenant_id, connection_id, key_hash) > ($1, $2, $3) AND sealed_answer IS NOT NULL \
               AND expires_at_ms > {now_ms} ORDER BY tenant_id, connection_id, key_hash LIMIT $4",
        key: RowKey::IdempotencyKey,
        reseal: None,
    },
    SealedColumn {
        table: "webhook_endpoints",
        column: "sealed_secret",
        page: "SELECT id, tenant_id, substr(sealed_secret, 1, 35) AS head FROM webhook_endpoints \
               WHERE id > $1 ORDER BY id LIMIT $2",
        key: RowKey::Id,
        reseal: Some(Reseal {
            read: "SELECT tenant_id, secret_version AS version, sealed_secret AS sealed FROM webhook_endpoints WHERE id = $1",
            write: "UPDATE webhook_endpoints SET sealed_secret = $3 WHERE id = $1 AND sealed_secret = $2 RETURNING id",
        }),
    },
    SealedColumn {
        table: "webhook_endpoints",
        column: "sealed_previous_secret",
        page: "SELECT id, tenant_id, substr(sealed_previous_secret, 1, 35) AS head FROM webhook_endpoints \
               WHERE id > $1 AND sealed_previous_secret IS NOT NULL ORDER BY id LIMIT $2",
        key: RowKey::Id,
        reseal: Some(Reseal {
            read: "SELECT tenant_id, secret_version AS version, sealed_previous_secret AS sealed FROM webhook_endpoints \
                   WHERE id = $1 AND sealed_previous_secret IS NOT NULL",
            write: "UPDATE webhook_endpoints SET sealed_previous_secret = $3 \
                    WHERE id = $1 AND sealed_previous_secret = $2 RETURNING id",
        }),
    },
];

impl SealedColumn {
    /// `table.column`.
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.table, self.column)
    }
}

#[cfg(test)]
mod tests;
