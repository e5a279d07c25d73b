//! Idempotency keys: of all requests with one key, one makes the write.
//!
//! The claim is one INSERT on the database's own clock. A claim whose holder never came back is not given to anybody
//! else: whether its write was carried out is not known, and a second one could not be undone. So no fence is needed
//! beyond the claim's own name, and a late holder may still tell what became of its write.

use model::{ConnectionId, TenantId};

use crate::checks::{KEY_MAX_CHARS, check_text};
use crate::connections::scope;
use crate::database::{Argument, Database, Row, Scope, arguments};
use crate::sealing::Place;
use crate::store::{hash, hex};
use crate::{IdempotencyClaim, IdempotencyOutcome, IdempotencyRequest, Store, StoreError, Tenant};

/// Longest lease or retention: thirty days.
const SPAN_MAX_MS: u64 = 30 * 86_400_000;
/// A row that was let go between claiming and looking is claimed again.
const CLAIM_ATTEMPTS: usize = 3;
/// Rows of one sweeping statement: short enough for no writer to wait for it.
const SWEEP_ROWS: i64 = 500;

const CLAIM: &str = "INSERT INTO idempotency_keys (tenant_id, connection_id, key_hash, fingerprint, claim, state, \
                     lease_until_ms, expires_at_ms) VALUES ($1, $2, $3, $4, $5, 'started', {now_ms} + $6, {now_ms} + $7) \
                     ON CONFLICT (tenant_id, connection_id, key_hash) DO UPDATE SET fingerprint = excluded.fingerprint, \
                     claim = excluded.claim, state = excluded.state, lease_until_ms = excluded.lease_until_ms, \
                     sealed_answer = NULL, expires_at_ms = excluded.expires_at_ms \
                     WHERE idempotency_keys.expires_at_ms <= {now_ms} RETURNING claim";
const LOOK: &str = "SELECT fingerprint, claim, state, sealed_answer, lease_until_ms - {now_ms} AS lease_left_ms \
                    FROM idempotency_keys WHERE tenant_id = $1 AND connection_id = $2 AND key_hash = $3";
const SETTLE: &str = "UPDATE idempotency_keys SET state = $5, sealed_answer = $6 \
                      WHERE tenant_id = $1 AND connection_id = $2 AND key_hash = $3 AND claim = $4 RETURNING claim";
const RELEASE: &str = "DELETE FROM idempotency_keys \
                       WHERE tenant_id = $1 AND connection_id = $2 AND key_hash = $3 AND claim = $4 RETURNING claim";
const SWEEP: &str = "DELETE FROM idempotency_keys WHERE (tenant_id, connection_id, key_hash) IN \
                     (SELECT tenant_id, connection_id, key_hash FROM idempotency_keys \
                     WHERE expires_at_ms <= {now_ms} LIMIT $1) AND expires_at_ms <= {now_ms} RETURNING claim";

/// The right to make the write of one key, and the duty to say what became of it ([`Store::settle_idempotency_key`]).
#[derive(Debug)]
pub struct HeldKey {
    tenant: TenantId,
    connection: ConnectionId,
    key_hash: [u8; 32],
    claim: String,
}

impl HeldKey {
    fn arguments(&self) -> Vec<Argument> {
        arguments![
            self.tenant.as_str(),
            self.connection.as_str(),
            self.key_hash,
            self.claim.as_str(),
        ]
    }
}

/// What an answer's row is called where it is sealed: its claim too, so that no earlier answer fits.
fn row_name(connection: &ConnectionId, key_hash: &[u8; 32], claim: &str) -> String {
    format!("{connection}/{}/{claim}", hex(key_hash))
}

fn place<'a>(tenant: &'a TenantId, row: &'a str) -> Place<'a> {
    Place {
        table: "idempotency_keys",
        column: "sealed_answer",
        tenant: tenant.as_str(),
        row,
        version: 0,
    }
}

fn span(span_ms: u64) -> i64 {
    i64::try_from(span_ms.min(SPAN_MAX_MS)).unwrap_or(i64::MAX)
}

impl Store {
    /// Claims a key, or says what became of the request that claimed it before. A key past its time is a new one.
    ///
    /// A connection that is not the tenant's is [`StoreError::NotFound`].
    pub async fn claim_idempotency_key(
        &self,
        tenant: &Tenant,
        connection: &ConnectionId,
        request: IdempotencyRequest<'_>,
    ) -> Result<IdempotencyClaim, StoreError> {
        check_text("idempotency key", request.key, KEY_MAX_CHARS)?;
        let held = HeldKey {
            tenant: tenant.id().clone(),
            connection: connection.clone(),
            key_hash: hash(request.key),
            claim: hex(&self.inner.random.bytes_32()),
        };
        for _ in 0..CLAIM_ATTEMPTS {
            let arguments = arguments![
                tenant.id().as_str(),
                connection.as_str(),
                held.key_hash,
                *request.fingerprint,
                held.claim.as_str(),
                span(request.lease_ms),
                span(request.keep_ms),
            ];
            let (database, scope) = (self.inner.database.clone(), scope(tenant));
            let claim = async move { database.write(&scope, CLAIM, arguments).await };
            if !self.detached(Vec::new(), claim).await?.is_empty() {
                return Ok(IdempotencyClaim::Claimed(held));
            }
            let arguments = arguments![tenant.id().as_str(), connection.as_str(), held.key_hash];
            let rows = self
                .inner
                .database
                .read(&Scope::Tenant(tenant.id().clone()), LOOK, arguments)
                .await?;
            if let Some(row) = rows.first() {
                return self.judge(&held, request.fingerprint, row).await;
            }
        }
        Ok(IdempotencyClaim::UnderWay { lease_left_ms: 1 })
    }

    /// What a row says to a request that comes after the one that claimed it.
    async fn judge(
        &self,
        wanted: &HeldKey,
        fingerprint: &[u8; 32],
        row: &Row,
    ) -> Result<IdempotencyClaim, StoreError> {
        if row.bytes("fingerprint")? != fingerprint {
            return Ok(IdempotencyClaim::OtherRequest);
        }
        let lease_left_ms = row.integer("lease_left_ms")?;
        match row.text("state")?.as_str() {
            "started" if lease_left_ms > 0 => Ok(IdempotencyClaim::UnderWay {
                lease_left_ms: lease_left_ms.unsigned_abs(),
            }),
            // Lapsed: the node that made the write died, or could not say what became of it.
            "started" | "indeterminate" => Ok(IdempotencyClaim::Indeterminate),
            "done" => {
                let claim = row.text("claim")?;
                let name = row_name(&wanted.connection, &wanted.key_hash, &claim);
                let sealed = row.optional_bytes("sealed_answer")?.unwrap_or_default();
                let answer = self
                    .inner
                    .sealer
                    .open("answer", &place(&wanted.tenant, &name), &sealed)
                    .await?;
                Ok(IdempotencyClaim::Done {
                    answer: answer.to_vec(),
                })
            }
            _ => Err(StoreError::Corrupt {
                what: "idempotency key",
            }),
        }
    }

    /// Says what became of a claimed write; answers whether the key was still known.
    pub async fn settle_idempotency_key(
        &self,
        held: HeldKey,
        outcome: IdempotencyOutcome,
    ) -> Result<bool, StoreError> {
        let mut arguments = held.arguments();
        let sql = match outcome {
            IdempotencyOutcome::Done { answer } => {
                let name = row_name(&held.connection, &held.key_hash, &held.claim);
                let sealed = self
                    .inner
                    .sealer
                    .seal(&place(&held.tenant, &name), &answer)
                    .await?;
                arguments.extend(arguments!["done", sealed]);
                SETTLE
            }
            IdempotencyOutcome::Indeterminate => {
                arguments.extend(arguments!["indeterminate", None::<Vec<u8>>]);
                SETTLE
            }
            IdempotencyOutcome::NothingDone => RELEASE,
        };
        let (database, scope) = (self.inner.database.clone(), Scope::Tenant(held.tenant));
        let settle = async move { database.write(&scope, sql, arguments).await };
        Ok(!self.detached(Vec::new(), settle).await?.is_empty())
    }

    /// Deletes keys past their time, of every tenant; answers how many. Done every few minutes by itself.
    pub async fn sweep_idempotency_keys(&self) -> Result<u64, StoreError> {
        sweep(&self.inner.database).await
    }
}

/// Deletes keys past their time.
pub(crate) async fn sweep(database: &Database) -> Result<u64, StoreError> {
    let mut swept = 0;
    loop {
        let rows = database
            .write(&Scope::Operator, SWEEP, arguments![SWEEP_ROWS])
            .await?;
        swept += rows.len() as u64;
        if rows.is_empty() {
            return Ok(swept);
        }
    }
}
