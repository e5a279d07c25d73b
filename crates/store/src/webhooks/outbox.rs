//! The node's side of the outbox: what is due, claims, and how attempts ended.
//!
//! A claim is one UPDATE on the database's clock that moves the delivery's due time to the end of the lease: a delivery
//! whose node died is simply due again, and of two nodes at one moment one finds the row changed. So an event arrives at
//! least once, and never from two nodes at a time while the lease holds.

use model::{ConnectionId, EventId, TenantId, WebhookDeliveryId, WebhookEndpointId};

use super::endpoints::open_secrets;
use super::{WebhookBatch, WebhookEvent, WebhookFate, WebhookFinish, WebhookOutcome};
use crate::database::{Database, DatabaseError, Row, Scope, Transaction, arguments};
use crate::store::hex;
use crate::{Store, StoreError};

/// Longest lease, delay or time of failing: a hundred days.
const SPAN_MAX_MS: u64 = 100 * 86_400_000;
/// Longest text kept of what was wrong, characters.
const DETAIL_MAX_CHARS: usize = 200;
/// How long deliveries are kept: as long as events.
const KEEP_MS: i64 = crate::events::KEEP_MS;
/// Rows of one sweeping statement: short enough for no writer to wait for it.
const SWEEP_ROWS: i64 = 500;

/// Walks from endpoint to endpoint along the index, however much is pending for each. The time is asked in a SELECT of its
/// own because Postgres uses an index only with what it computes once.
const DUE: &str = "WITH RECURSIVE found (endpoint_id) AS (\
                   SELECT (SELECT endpoint_id FROM webhook_deliveries WHERE state = 'pending' AND endpoint_id > $1 \
                   ORDER BY endpoint_id LIMIT 1) \
                   UNION ALL SELECT (SELECT endpoint_id FROM webhook_deliveries WHERE state = 'pending' \
                   AND endpoint_id > found.endpoint_id ORDER BY endpoint_id LIMIT 1) \
                   FROM found WHERE found.endpoint_id IS NOT NULL) \
                   SELECT endpoint_id FROM found WHERE endpoint_id IS NOT NULL AND EXISTS (SELECT 1 FROM webhook_deliveries due \
                   WHERE due.endpoint_id = found.endpoint_id AND due.state = 'pending' AND due.due_at_ms <= (SELECT {now_ms})) \
                   LIMIT $2";
const CLAIM: &str = "UPDATE webhook_deliveries SET claim = $2, due_at_ms = {now_ms} + $3, attempts = attempts + 1, \
                     round_attempts = round_attempts + 1, updated_at_ms = {now_ms} WHERE seq IN (\
                     SELECT seq FROM webhook_deliveries WHERE endpoint_id = $1 AND state = 'pending' \
                     AND due_at_ms <= (SELECT {now_ms}) ORDER BY due_at_ms, seq LIMIT $4) \
                     AND state = 'pending' AND due_at_ms <= {now_ms} \
                     RETURNING id, tenant_id, event_id, event_type, connection_id, data, event_at_ms, round_attempts";
const TARGET: &str = "SELECT url, disabled_at_ms, secret_version, sealed_secret, \
                      CASE WHEN previous_secret_until_ms > {now_ms} THEN sealed_previous_secret END AS sealed_previous_secret \
                      FROM webhook_endpoints WHERE id = $1";
const FINISH: &str = "UPDATE webhook_deliveries SET state = $3, due_at_ms = {now_ms} + $4, claim = NULL, last_status = $5, \
                      last_error = $6, last_duration_ms = $7, updated_at_ms = {now_ms} \
                      WHERE id = $1 AND claim = $2 AND state = 'pending' RETURNING seq, attempts";
const LOG: &str = "INSERT INTO webhook_attempts (delivery_seq, tenant_id, number, status, error, detail, duration_ms, \
                   ended_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, {now_ms}) RETURNING number";
const WORKS: &str = "UPDATE webhook_endpoints SET failing_since_ms = NULL \
                     WHERE id = $1 AND failing_since_ms IS NOT NULL RETURNING id";
const FAILS: &str = "UPDATE webhook_endpoints SET failing_since_ms = {now_ms} \
                     WHERE id = $1 AND failing_since_ms IS NULL RETURNING id";
const DISABLE: &str = "UPDATE webhook_endpoints SET disabled_at_ms = {now_ms}, disabled_reason = $2, updated_at_ms = {now_ms} \
                       WHERE id = $1 AND disabled_at_ms IS NULL AND ($3 IS NULL OR failing_since_ms <= {now_ms} - $3) \
                       RETURNING id";
const OLDEST: &str =
    "SELECT {now_ms} - min(created_at_ms) AS age_ms FROM webhook_deliveries WHERE state = 'pending'";
const SWEEP: &str = "DELETE FROM webhook_deliveries WHERE seq IN \
                     (SELECT seq FROM webhook_deliveries WHERE created_at_ms <= (SELECT {now_ms}) - $1 LIMIT $2) RETURNING id";

/// A delivery that this node may send, and the duty to say what became of it ([`Store::finish_webhook_delivery`]).
#[derive(Debug)]
pub struct HeldDelivery {
    /// Its id.
    pub id: WebhookDeliveryId,
    /// What to send.
    pub event: WebhookEvent,
    /// Which attempt this is since the delivery was made or replayed, from 1.
    pub attempt: u32,
    tenant: TenantId,
    endpoint: WebhookEndpointId,
    claim: String,
}

fn span(span_ms: u64) -> i64 {
    i64::try_from(span_ms.min(SPAN_MAX_MS)).unwrap_or(i64::MAX)
}

fn read(row: &Row, endpoint: &WebhookEndpointId, claim: &str) -> Result<HeldDelivery, StoreError> {
    let corrupt = |_| StoreError::Corrupt {
        what: "webhook delivery",
    };
    let connection_id = row.optional_text("connection_id")?;
    let connection_id = connection_id.map(|id| ConnectionId::parse(&id)).transpose();
    Ok(HeldDelivery {
        id: WebhookDeliveryId::parse(&row.text("id")?).map_err(corrupt)?,
        event: WebhookEvent {
            id: EventId::parse(&row.text("event_id")?).map_err(corrupt)?,
            kind: row.text("event_type")?,
            connection_id: connection_id.map_err(corrupt)?,
            data: row.text("data")?,
            at_ms: row.integer("event_at_ms")?,
        },
        attempt: u32::try_from(row.integer("round_attempts")?).unwrap_or(u32::MAX),
        tenant: TenantId::parse(&row.text("tenant_id")?).map_err(corrupt)?,
        endpoint: endpoint.clone(),
        claim: claim.to_owned(),
    })
}

impl Store {
    /// Resolves when this node may have recorded an event since it was last asked. Other nodes' events, and attempts that
    /// are due again, are found by asking now and then.
    pub async fn webhooks_due(&self) {
        self.inner.webhooks_due.notified().await;
    }

    /// Endpoints, of every tenant, with a delivery that is due; by id, those after `after`, at most `limit`.
    pub async fn due_webhook_endpoints(
        &self,
        after: Option<&WebhookEndpointId>,
        limit: u32,
    ) -> Result<Vec<WebhookEndpointId>, StoreError> {
        let after = after.map_or("", WebhookEndpointId::as_str);
        let arguments = arguments![after, i64::from(limit)];
        let rows = self.inner.database.read(&Scope::Operator, DUE, arguments).await?;
        rows.iter()
            .map(|row| {
                WebhookEndpointId::parse(&row.text("endpoint_id")?).map_err(|_| StoreError::Corrupt {
                    what: "webhook delivery",
                })
            })
            .collect()
    }

    /// Claims what is due of one endpoint for `lease_ms`, the longest due first, at most `limit`; nothing when others were
    /// faster.
    pub async fn claim_webhook_deliveries(
        &self,
        endpoint: &WebhookEndpointId,
        limit: u32,
        lease_ms: u64,
    ) -> Result<Option<WebhookBatch>, StoreError> {
        let claim = hex(&self.inner.random.bytes_32());
        let arguments = arguments![
            endpoint.as_str(),
            claim.as_str(),
            span(lease_ms),
            i64::from(limit)
        ];
        let target = arguments![endpoint.as_str()];
        let database = self.inner.database.clone();
        let claiming = async move {
            let mut transaction = database.begin(&Scope::Operator).await?;
            let claimed = transaction.run(CLAIM, arguments).await?;
            let target = transaction.run(TARGET, target).await?;
            transaction.commit().await?;
            Ok::<_, DatabaseError>((claimed, target))
        };
        let (claimed, target) = self.detached(Vec::new(), claiming).await?;
        let deliveries = claimed
            .iter()
            .map(|row| read(row, endpoint, &claim))
            .collect::<Result<Vec<_>, _>>()?;
        let (Some(first), Some(target)) = (deliveries.first(), target.first()) else {
            return Ok(None);
        };
        let secrets = match open_secrets(&self.inner.sealer, &first.tenant, endpoint, target).await {
            Err(error @ (StoreError::Seal { .. } | StoreError::Corrupt { .. })) => {
                tracing::error!(%endpoint, %error, "the secret of a webhook endpoint cannot be read");
                Vec::new()
            }
            // What cannot be had at this moment is claimed again when the lease is over.
            secrets => secrets?,
        };
        Ok(Some(WebhookBatch {
            url: target.text("url")?,
            secrets,
            is_disabled: target.optional_integer("disabled_at_ms")?.is_some(),
            deliveries,
        }))
    }

    /// Says how an attempt ended. An endpoint without one success for `disable_after_ms` is disabled.
    pub async fn finish_webhook_delivery(
        &self,
        held: HeldDelivery,
        outcome: WebhookOutcome,
        fate: WebhookFate,
        disable_after_ms: u64,
    ) -> Result<WebhookFinish, StoreError> {
        let database = self.inner.database.clone();
        let finish = async move {
            let scope = Scope::Tenant(held.tenant.clone());
            let mut transaction = database.begin(&scope).await?;
            if !log(&mut transaction, &held, outcome, fate).await? {
                return Ok::<_, StoreError>(WebhookFinish::Lapsed);
            }
            let is_disabled = judge(&mut transaction, &held.endpoint, fate, disable_after_ms).await?;
            transaction.commit().await?;
            Ok(if is_disabled {
                WebhookFinish::Disabled
            } else {
                WebhookFinish::Recorded
            })
        };
        self.detached(Vec::new(), finish).await
    }

    /// How long the oldest delivery has been pending, ms; nothing when none is.
    pub async fn oldest_pending_webhook_ms(&self) -> Result<Option<i64>, StoreError> {
        let rows = self
            .inner
            .database
            .read(&Scope::Operator, OLDEST, Vec::new())
            .await?;
        rows.first()
            .map_or(Ok(None), |row| row.optional_integer("age_ms"))
    }

    /// Deletes deliveries past their time, of every tenant; answers how many. Done every few minutes by itself.
    pub async fn sweep_webhook_deliveries(&self) -> Result<u64, StoreError> {
        sweep(&self.inner.database).await
    }
}

/// Writes an attempt down; answers whether the claim was still the holder's.
async fn log(
    transaction: &mut Transaction,
    held: &HeldDelivery,
    outcome: WebhookOutcome,
    fate: WebhookFate,
) -> Result<bool, StoreError> {
    let (state, delay_ms) = match fate {
        WebhookFate::Delivered => ("delivered", None),
        WebhookFate::Retry { delay_ms } => ("pending", Some(span(delay_ms))),
        WebhookFate::GiveUp | WebhookFate::Gone | WebhookFate::Unsent => ("failed", None),
    };
    let status = outcome.status.map(i64::from);
    let duration_ms = span(outcome.duration_ms);
    let arguments = arguments![
        held.id.as_str(),
        held.claim.as_str(),
        state,
        delay_ms,
        status,
        outcome.error,
        duration_ms,
    ];
    let rows = transaction.run(FINISH, arguments).await?;
    let Some(row) = rows.first() else {
        return Ok(false);
    };
    let detail = outcome
        .detail
        .map(|text| text.chars().take(DETAIL_MAX_CHARS).collect::<String>());
    let arguments = arguments![
        row.integer("seq")?,
        held.tenant.as_str(),
        row.integer("attempts")?,
        status,
        outcome.error,
        detail,
        duration_ms,
    ];
    transaction.run(LOG, arguments).await?;
    Ok(true)
}

/// What an attempt says about its endpoint; answers whether it was disabled for it.
async fn judge(
    transaction: &mut Transaction,
    endpoint: &WebhookEndpointId,
    fate: WebhookFate,
    disable_after_ms: u64,
) -> Result<bool, StoreError> {
    let (reason, after_ms) = match fate {
        WebhookFate::Unsent => return Ok(false),
        WebhookFate::Delivered => {
            transaction.run(WORKS, arguments![endpoint.as_str()]).await?;
            return Ok(false);
        }
        WebhookFate::Gone => ("gone", None),
        WebhookFate::Retry { .. } | WebhookFate::GiveUp => ("failing", Some(span(disable_after_ms))),
    };
    transaction.run(FAILS, arguments![endpoint.as_str()]).await?;
    let arguments = arguments![endpoint.as_str(), reason, after_ms];
    Ok(!transaction.run(DISABLE, arguments).await?.is_empty())
}

/// Deletes deliveries past their time, of every tenant; answers how many.
pub(crate) async fn sweep(database: &Database) -> Result<u64, StoreError> {
    let mut swept = 0;
    loop {
        let arguments = arguments![KEEP_MS, SWEEP_ROWS];
        let rows = database.write(&Scope::Operator, SWEEP, arguments).await?;
        swept += rows.len() as u64;
        if rows.is_empty() {
            return Ok(swept);
        }
    }
}
