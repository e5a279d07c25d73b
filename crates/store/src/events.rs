//! Events: what a tenant's backend should hear of its connections. Triggers of the database write those of a state that
//! changes (`migrations/*/0007_events.sql`); what else is worth telling is recorded here, once.

use model::{ConnectionId, EventId};

use crate::checks::{KEY_MAX_CHARS, check_text};
use crate::connections::scope;
use crate::database::{Database, Row, Scope, arguments};
use crate::store::hash;
use crate::{Store, StoreError, Tenant};

/// Longest data of one event, bytes of JSON text.
const DATA_MAX_BYTES: usize = 64 << 10;
/// Most events of one list call.
const LIST_MAX: u32 = 1_000;
/// How long events are kept: as long as a consumer that was away may want to catch up.
pub(crate) const KEEP_MS: i64 = 30 * 86_400_000;
/// Rows of one sweeping statement: short enough for no writer to wait for it.
const SWEEP_ROWS: i64 = 500;

/// Every type of event that a tenant's backend may choose to hear of. Triggers write some of them: see the migrations.
pub const EVENT_TYPES: &[&str] = &[
    "connection.created",
    "connection.active",
    "connection.degraded",
    "connection.needs_reauth",
    "connection.recovered",
    "connection.deleted",
    "connection.schema_drift",
    "connection.refresh_outcome_unknown",
];
/// The type of an event that only tries an endpoint.
pub(crate) const WEBHOOK_TEST: &str = "webhook.test";

/// Something that happened to a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its id, the same however often it is told.
    pub id: EventId,
    /// What happened: `connection.needs_reauth`.
    pub kind: String,
    /// To which connection; it may be gone by now.
    pub connection_id: ConnectionId,
    /// JSON text: of states `provider`, `environment`, `external_id`, `state`, `state_reason`; of others their own.
    pub data: String,
    /// When, ms since 1970 on the database's clock.
    pub created_at_ms: i64,
}

/// Which events to list.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Of this connection only.
    pub connection_id: Option<ConnectionId>,
    /// Of this type only.
    pub kind: Option<String>,
}

/// An event to record.
#[derive(Debug, Clone, Copy)]
pub struct NewEvent<'a> {
    /// What happened.
    pub kind: &'a str,
    /// To which connection.
    pub connection_id: &'a ConnectionId,
    /// JSON text.
    pub data: &'a str,
    /// What must be told once, whichever node notices it: a second event of the same name is not recorded.
    pub once: &'a str,
}

macro_rules! columns {
    () => {
        "id, connection_id, type, data, created_at_ms"
    };
}

fn read(row: &Row) -> Result<Event, StoreError> {
    let corrupt = |_| StoreError::Corrupt { what: "event" };
    Ok(Event {
        id: EventId::parse(&row.text("id")?).map_err(corrupt)?,
        kind: row.text("type")?,
        connection_id: ConnectionId::parse(&row.text("connection_id")?).map_err(corrupt)?,
        data: row.text("data")?,
        created_at_ms: row.integer("created_at_ms")?,
    })
}

impl Store {
    /// Records an event of one of the tenant's connections; answers whether it was new.
    pub async fn record_event(&self, tenant: &Tenant, event: NewEvent<'_>) -> Result<bool, StoreError> {
        check_text("type", event.kind, KEY_MAX_CHARS)?;
        if event.data.len() > DATA_MAX_BYTES {
            return Err(StoreError::invalid(format!(
                "data: expected at most {DATA_MAX_BYTES} bytes"
            )));
        }
        let sql = "INSERT INTO events (id, tenant_id, connection_id, type, data, once_key, created_at_ms) \
                   SELECT $1, tenant_id, id, $4, $5, $6, {now_ms} FROM connections WHERE tenant_id = $2 AND id = $3 \
                   ON CONFLICT (tenant_id, once_key) DO NOTHING RETURNING id";
        let id = EventId::generate(&*self.inner.random);
        let arguments = arguments![
            id.as_str(),
            tenant.id().as_str(),
            event.connection_id.as_str(),
            event.kind,
            event.data,
            hash(event.once),
        ];
        let (database, scope) = (self.inner.database.clone(), scope(tenant));
        let record = async move { database.write(&scope, sql, arguments).await };
        let is_new = !self.detached(Vec::new(), record).await?.is_empty();
        if is_new {
            self.inner.webhooks_due.notify_one();
        }
        Ok(is_new)
    }

    /// Events of the tenant, the latest first, those before `before`, at most `limit` (and 1,000).
    pub async fn list_events(
        &self,
        tenant: &Tenant,
        filter: &EventFilter,
        before: Option<&EventId>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM events WHERE tenant_id = $1 AND ($2 IS NULL OR connection_id = $2) AND ($3 IS NULL OR type = $3) \
             AND ($4 IS NULL OR seq < (SELECT seq FROM events WHERE tenant_id = $1 AND id = $4)) \
             ORDER BY seq DESC LIMIT $5"
        );
        let arguments = arguments![
            tenant.id().as_str(),
            filter.connection_id.as_ref().map(ConnectionId::as_str),
            filter.kind.as_deref(),
            before.map(EventId::as_str),
            i64::from(limit.min(LIST_MAX)),
        ];
        let rows = self.inner.database.read(&scope(tenant), sql, arguments).await?;
        rows.iter().map(read).collect()
    }

    /// One event of the tenant.
    pub async fn event(&self, tenant: &Tenant, id: &EventId) -> Result<Event, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM events WHERE tenant_id = $1 AND id = $2"
        );
        let arguments = arguments![tenant.id().as_str(), id.as_str()];
        let rows = self.inner.database.read(&scope(tenant), sql, arguments).await?;
        rows.first().map_or(Err(StoreError::NotFound), read)
    }

    /// Deletes events past their time, of every tenant; answers how many. Done every few minutes by itself.
    pub async fn sweep_events(&self) -> Result<u64, StoreError> {
        sweep(&self.inner.database).await
    }
}

/// Deletes events past their time, of every tenant; answers how many.
pub(crate) async fn sweep(database: &Database) -> Result<u64, StoreError> {
    let sql = "DELETE FROM events WHERE seq IN \
               (SELECT seq FROM events WHERE created_at_ms <= {now_ms} - $1 LIMIT $2) RETURNING id";
    let mut swept = 0;
    loop {
        let arguments = arguments![KEEP_MS, SWEEP_ROWS];
        let rows = database.write(&Scope::Operator, sql, arguments).await?;
        swept += rows.len() as u64;
        if rows.is_empty() {
            return Ok(swept);
        }
    }
}
