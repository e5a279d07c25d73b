//! Deliveries as their tenant sees them: the log, tests and replays.

use model::{EventId, WebhookDeliveryId, WebhookEndpointId};

use super::{WebhookAttempt, WebhookDelivery, WebhookDeliveryState};
use crate::connections::scope;
use crate::database::{Row, arguments};
use crate::events::WEBHOOK_TEST;
use crate::{Store, StoreError, Tenant};

/// Most deliveries of one list call.
const LIST_MAX: u32 = 1_000;
/// Rows of one replaying statement: short enough for no writer to wait for it.
const REPLAY_ROWS: i64 = 500;

macro_rules! columns {
    () => {
        "id, event_id, event_type, state, attempts, CASE WHEN state = 'pending' THEN due_at_ms END AS due_at_ms, \
         last_status, last_error, last_duration_ms, created_at_ms, updated_at_ms"
    };
}

const CORRUPT: StoreError = StoreError::Corrupt {
    what: "webhook delivery",
};

fn read(row: &Row) -> Result<WebhookDelivery, StoreError> {
    Ok(WebhookDelivery {
        id: WebhookDeliveryId::parse(&row.text("id")?).map_err(|_| CORRUPT)?,
        event_id: EventId::parse(&row.text("event_id")?).map_err(|_| CORRUPT)?,
        event_type: row.text("event_type")?,
        state: WebhookDeliveryState::parse(&row.text("state")?).ok_or(CORRUPT)?,
        attempts: row.integer("attempts")?,
        next_attempt_at_ms: row.optional_integer("due_at_ms")?,
        last_status: row.optional_integer("last_status")?,
        last_error: row.optional_text("last_error")?,
        last_duration_ms: row.optional_integer("last_duration_ms")?,
        created_at_ms: row.integer("created_at_ms")?,
        updated_at_ms: row.integer("updated_at_ms")?,
    })
}

/// The attempt beside a delivery, if there is one.
fn read_attempt(row: &Row) -> Result<Option<WebhookAttempt>, StoreError> {
    let Some(number) = row.optional_integer("number")? else {
        return Ok(None);
    };
    Ok(Some(WebhookAttempt {
        number,
        status: row.optional_integer("status")?,
        error: row.optional_text("error")?,
        detail: row.optional_text("detail")?,
        duration_ms: row.integer("duration_ms")?,
        ended_at_ms: row.integer("ended_at_ms")?,
    }))
}

fn disabled() -> StoreError {
    StoreError::conflict("the webhook endpoint is disabled; enable it first")
}

impl Store {
    /// Makes an event of the type `webhook.test`, for this endpoint alone whatever its types are, and answers its delivery.
    pub async fn send_webhook_test(
        &self,
        tenant: &Tenant,
        endpoint: &WebhookEndpointId,
    ) -> Result<WebhookDelivery, StoreError> {
        self.enabled_endpoint(tenant, endpoint).await?;
        let sql = concat!(
            "INSERT INTO webhook_deliveries (id, tenant_id, endpoint_id, event_id, event_type, data, event_at_ms, state, \
             due_at_ms, created_at_ms, updated_at_ms) \
             SELECT $3, tenant_id, id, $4, $5, '{\"message\":\"A test: this endpoint receives events.\"}', \
             {now_ms}, 'pending', {now_ms}, {now_ms}, {now_ms} \
             FROM webhook_endpoints WHERE tenant_id = $1 AND id = $2 RETURNING ",
            columns!()
        );
        let arguments = arguments![
            tenant.id().as_str(),
            endpoint.as_str(),
            WebhookDeliveryId::generate(&*self.inner.random).as_str(),
            EventId::generate(&*self.inner.random).as_str(),
            WEBHOOK_TEST,
        ];
        let rows = self.change_webhooks(tenant, sql, arguments).await?;
        self.inner.webhooks_due.notify_one();
        rows.first().map_or(Err(StoreError::NotFound), read)
    }

    /// The endpoint, which must be there and enabled.
    async fn enabled_endpoint(&self, tenant: &Tenant, id: &WebhookEndpointId) -> Result<(), StoreError> {
        match self.webhook_endpoint(tenant, id).await?.disabled {
            None => Ok(()),
            Some(_) => Err(disabled()),
        }
    }

    /// Deliveries to an endpoint of the tenant, the latest first, those before `before`, at most `limit` (and 1,000).
    pub async fn list_webhook_deliveries(
        &self,
        tenant: &Tenant,
        endpoint: &WebhookEndpointId,
        state: Option<WebhookDeliveryState>,
        before: Option<&WebhookDeliveryId>,
        limit: u32,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        self.webhook_endpoint(tenant, endpoint).await?;
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM webhook_deliveries WHERE tenant_id = $1 AND endpoint_id = $2 AND ($3 IS NULL OR state = $3) \
             AND ($4 IS NULL OR seq < (SELECT seq FROM webhook_deliveries WHERE tenant_id = $1 AND id = $4)) \
             ORDER BY seq DESC LIMIT $5"
        );
        let arguments = arguments![
            tenant.id().as_str(),
            endpoint.as_str(),
            state.map(WebhookDeliveryState::as_str),
            before.map(WebhookDeliveryId::as_str),
            i64::from(limit.min(LIST_MAX)),
        ];
        let rows = self.inner.database.read(&scope(tenant), sql, arguments).await?;
        rows.iter().map(read).collect()
    }

    /// One delivery, and what became of its attempts, the first first.
    pub async fn webhook_delivery(
        &self,
        tenant: &Tenant,
        endpoint: &WebhookEndpointId,
        id: &WebhookDeliveryId,
    ) -> Result<(WebhookDelivery, Vec<WebhookAttempt>), StoreError> {
        // One statement, so that the attempts are those of which the delivery tells.
        let sql = concat!(
            "SELECT ",
            columns!(),
            ", number, status, error, detail, duration_ms, ended_at_ms FROM webhook_deliveries LEFT JOIN \
             (SELECT delivery_seq, number, status, error, detail, duration_ms, ended_at_ms FROM webhook_attempts \
             WHERE tenant_id = $1) AS attempt ON attempt.delivery_seq = seq \
             WHERE tenant_id = $1 AND endpoint_id = $2 AND id = $3 ORDER BY number"
        );
        let arguments = arguments![tenant.id().as_str(), endpoint.as_str(), id.as_str()];
        let rows = self.inner.database.read(&scope(tenant), sql, arguments).await?;
        let delivery = read(rows.first().ok_or(StoreError::NotFound)?)?;
        let attempts = rows
            .iter()
            .filter_map(|row| read_attempt(row).transpose())
            .collect::<Result<_, _>>()?;
        Ok((delivery, attempts))
    }

    /// Sends a delivery again, from the beginning of its schedule, whatever became of it. One that is being sent at this
    /// moment, and one of a disabled endpoint, is a conflict.
    pub async fn replay_webhook_delivery(
        &self,
        tenant: &Tenant,
        endpoint: &WebhookEndpointId,
        id: &WebhookDeliveryId,
    ) -> Result<WebhookDelivery, StoreError> {
        self.enabled_endpoint(tenant, endpoint).await?;
        let sql = concat!(
            "UPDATE webhook_deliveries SET state = 'pending', claim = NULL, round_attempts = 0, due_at_ms = {now_ms}, \
             updated_at_ms = {now_ms} WHERE tenant_id = $1 AND endpoint_id = $2 AND id = $3 \
             AND (state <> 'pending' OR claim IS NULL OR due_at_ms <= {now_ms}) RETURNING ",
            columns!()
        );
        let arguments = arguments![tenant.id().as_str(), endpoint.as_str(), id.as_str()];
        let rows = self.change_webhooks(tenant, sql, arguments).await?;
        if let Some(row) = rows.first() {
            self.inner.webhooks_due.notify_one();
            return read(row);
        }
        self.webhook_delivery(tenant, endpoint, id).await?;
        Err(StoreError::conflict("the delivery is being sent at this moment"))
    }

    /// Sends again whatever of the events since `since_ms` (ms since 1970) was given up; answers how many. A disabled
    /// endpoint is a conflict.
    pub async fn replay_webhook_failures(
        &self,
        tenant: &Tenant,
        endpoint: &WebhookEndpointId,
        since_ms: i64,
    ) -> Result<u64, StoreError> {
        let sql = "UPDATE webhook_deliveries SET state = 'pending', claim = NULL, round_attempts = 0, due_at_ms = {now_ms}, \
                   updated_at_ms = {now_ms} WHERE seq IN (SELECT seq FROM webhook_deliveries \
                   WHERE tenant_id = $1 AND endpoint_id = $2 AND state = 'failed' AND event_at_ms >= $3 \
                   ORDER BY seq LIMIT $4) AND state = 'failed' RETURNING id";
        let mut replayed = 0;
        loop {
            // Again each time: what a receiver that is gone refuses meanwhile would be taken up without end.
            self.enabled_endpoint(tenant, endpoint).await?;
            let arguments = arguments![tenant.id().as_str(), endpoint.as_str(), since_ms, REPLAY_ROWS];
            let rows = self.change_webhooks(tenant, sql, arguments).await?;
            if rows.is_empty() {
                return Ok(replayed);
            }
            replayed += rows.len() as u64;
            self.inner.webhooks_due.notify_one();
        }
    }
}
