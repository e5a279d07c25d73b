//! Endpoints and their secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{Random, Secret, TenantId, WebhookEndpointId};

use super::{NewWebhookEndpoint, WebhookDisabledReason, WebhookEndpoint, WebhookEndpointChange};
use crate::checks::{KEY_MAX_CHARS, URL_MAX_CHARS, check_optional, check_text, read_list, write_list};
use crate::connections::scope;
use crate::database::{Argument, DatabaseError, Row, arguments};
use crate::sealer::Sealer;
use crate::sealing::Place;
use crate::{Store, StoreError, Tenant};

/// What a secret begins with (Standard Webhooks, "Signature scheme").
const SECRET_PREFIX: &str = "whsec_";
/// Longest description, characters.
const DESCRIPTION_MAX_CHARS: usize = 255;
/// Most types of one endpoint.
const TYPES_MAX: usize = 100;
/// Most endpoints of one list call.
const LIST_MAX: u32 = 1_000;
/// A rotation that lost against another one is tried again.
const ATTEMPTS: usize = 3;
/// Rows of one deleting statement: short enough for no writer to wait for it.
const DELETE_ROWS: i64 = 500;

const SECRET: &str = "sealed_secret";
const PREVIOUS_SECRET: &str = "sealed_previous_secret";

macro_rules! columns {
    () => {
        "id, url, description, event_types, \
         CASE WHEN previous_secret_until_ms > {now_ms} THEN previous_secret_until_ms END AS previous_secret_until_ms, \
         failing_since_ms, disabled_at_ms, disabled_reason, created_at_ms, updated_at_ms"
    };
}

fn read(row: &Row) -> Result<WebhookEndpoint, StoreError> {
    const CORRUPT: StoreError = StoreError::Corrupt {
        what: "webhook endpoint",
    };
    let reason = row.optional_text("disabled_reason")?;
    let reason = reason.map(|text| WebhookDisabledReason::parse(&text).ok_or(CORRUPT));
    Ok(WebhookEndpoint {
        id: WebhookEndpointId::parse(&row.text("id")?).map_err(|_| CORRUPT)?,
        url: row.text("url")?,
        description: row.optional_text("description")?,
        event_types: read_list(&row.text("event_types")?)?,
        previous_secret_until_ms: row.optional_integer("previous_secret_until_ms")?,
        failing_since_ms: row.optional_integer("failing_since_ms")?,
        disabled: row.optional_integer("disabled_at_ms")?.zip(reason.transpose()?),
        created_at_ms: row.integer("created_at_ms")?,
        updated_at_ms: row.integer("updated_at_ms")?,
    })
}

fn place<'a>(column: &'a str, tenant: &'a TenantId, id: &'a WebhookEndpointId, version: i64) -> Place<'a> {
    Place {
        table: "webhook_endpoints",
        column,
        tenant: tenant.as_str(),
        row: id.as_str(),
        version,
    }
}

/// 256 random bits, written as Standard Webhooks writes a secret.
fn new_secret(random: &dyn Random) -> Secret {
    Secret::new(format!("{SECRET_PREFIX}{}", STANDARD.encode(random.bytes_32())))
}

async fn open(
    sealer: &Sealer,
    column: &str,
    tenant: &TenantId,
    id: &WebhookEndpointId,
    version: i64,
    sealed: &[u8],
) -> Result<Secret, StoreError> {
    let plain = sealer
        .open("webhook secret", &place(column, tenant, id, version), sealed)
        .await?;
    let text = std::str::from_utf8(&plain).map_err(|_| StoreError::Corrupt {
        what: "webhook secret",
    })?;
    Ok(Secret::new(text))
}

/// The secrets that sign at this moment, of a row with `secret_version`, `sealed_secret` and `sealed_previous_secret`, which
/// is null once it signs no longer.
pub(super) async fn open_secrets(
    sealer: &Sealer,
    tenant: &TenantId,
    id: &WebhookEndpointId,
    row: &Row,
) -> Result<Vec<Secret>, StoreError> {
    let version = row.integer("secret_version")?;
    let mut secrets = vec![open(sealer, SECRET, tenant, id, version, &row.bytes(SECRET)?).await?];
    if let Some(sealed) = row.optional_bytes(PREVIOUS_SECRET)? {
        secrets.push(open(sealer, PREVIOUS_SECRET, tenant, id, version, &sealed).await?);
    }
    Ok(secrets)
}

fn check_types(types: &[String]) -> Result<(), StoreError> {
    if types.len() > TYPES_MAX {
        return Err(StoreError::invalid(format!(
            "event_types: expected at most {TYPES_MAX}"
        )));
    }
    types
        .iter()
        .try_for_each(|name| check_text("event_types", name, KEY_MAX_CHARS))
}

impl Store {
    /// Creates an endpoint and its secret, which is in this answer and nowhere else. A tenant that has `endpoints_max`
    /// already gets a conflict.
    pub async fn create_webhook_endpoint(
        &self,
        tenant: &Tenant,
        new: NewWebhookEndpoint,
        endpoints_max: usize,
    ) -> Result<(WebhookEndpoint, Secret), StoreError> {
        check_text("url", &new.url, URL_MAX_CHARS)?;
        check_optional("description", new.description.as_deref(), DESCRIPTION_MAX_CHARS)?;
        check_types(&new.event_types)?;
        let id = WebhookEndpointId::generate(&*self.inner.random);
        let secret = new_secret(&*self.inner.random);
        let sealed = self
            .inner
            .sealer
            .seal(&place(SECRET, tenant.id(), &id, 1), secret.expose().as_bytes())
            .await?;
        // Of several at one moment, each waits here for the one before: none is counted past.
        let wait = "UPDATE tenants SET name = name WHERE id = $1 RETURNING id";
        let sql = concat!(
            "INSERT INTO webhook_endpoints (id, tenant_id, url, description, event_types, secret_version, sealed_secret, \
             created_at_ms, updated_at_ms) SELECT $1, $2, $3, $4, $5, 1, $6, {now_ms}, {now_ms} \
             WHERE (SELECT count(*) FROM webhook_endpoints WHERE tenant_id = $2) < $7 RETURNING ",
            columns!()
        );
        let tenant_argument = arguments![tenant.id().as_str()];
        let arguments = arguments![
            id.as_str(),
            tenant.id().as_str(),
            new.url,
            new.description,
            write_list(&new.event_types)?,
            sealed,
            i64::try_from(endpoints_max).unwrap_or(i64::MAX),
        ];
        let (database, scope) = (self.inner.database.clone(), scope(tenant));
        let create = async move {
            let mut transaction = database.begin(&scope).await?;
            transaction.run(wait, tenant_argument).await?;
            let rows = transaction.run(sql, arguments).await?;
            transaction.commit().await?;
            Ok::<_, DatabaseError>(rows)
        };
        let rows = self.detached(Vec::new(), create).await?;
        let full = || {
            StoreError::conflict(format!(
                "the tenant has {endpoints_max} webhook endpoints, the most there may be; delete one first"
            ))
        };
        Ok((read(rows.first().ok_or_else(full)?)?, secret))
    }

    /// Endpoints of the tenant by id, those after `after`, at most `limit` (and 1,000).
    pub async fn list_webhook_endpoints(
        &self,
        tenant: &Tenant,
        after: Option<&WebhookEndpointId>,
        limit: u32,
    ) -> Result<Vec<WebhookEndpoint>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM webhook_endpoints WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3"
        );
        let arguments = arguments![
            tenant.id().as_str(),
            after.map_or("", WebhookEndpointId::as_str),
            i64::from(limit.min(LIST_MAX)),
        ];
        let rows = self.inner.database.read(&scope(tenant), sql, arguments).await?;
        rows.iter().map(read).collect()
    }

    /// One endpoint of the tenant.
    pub async fn webhook_endpoint(
        &self,
        tenant: &Tenant,
        id: &WebhookEndpointId,
    ) -> Result<WebhookEndpoint, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM webhook_endpoints WHERE tenant_id = $1 AND id = $2"
        );
        let arguments = arguments![tenant.id().as_str(), id.as_str()];
        let rows = self.inner.database.read(&scope(tenant), sql, arguments).await?;
        rows.first().map_or(Err(StoreError::NotFound), read)
    }

    /// Changes an endpoint. Enabling one, or sending its events elsewhere, forgets for how long it has been failing.
    pub async fn change_webhook_endpoint(
        &self,
        tenant: &Tenant,
        id: &WebhookEndpointId,
        change: WebhookEndpointChange,
    ) -> Result<WebhookEndpoint, StoreError> {
        check_optional("url", change.url.as_deref(), URL_MAX_CHARS)?;
        let description = change.description.as_ref().and_then(Option::as_deref);
        check_optional("description", description, DESCRIPTION_MAX_CHARS)?;
        check_types(change.event_types.as_deref().unwrap_or_default())?;
        let sql = concat!(
            "UPDATE webhook_endpoints SET url = COALESCE($3, url), \
             description = CASE WHEN $4 = 1 THEN $5 ELSE description END, event_types = COALESCE($6, event_types), \
             disabled_at_ms = CASE WHEN $7 = 0 THEN NULL WHEN $7 = 1 THEN COALESCE(disabled_at_ms, {now_ms}) \
             ELSE disabled_at_ms END, \
             disabled_reason = CASE WHEN $7 = 0 THEN NULL WHEN $7 = 1 THEN COALESCE(disabled_reason, 'requested') \
             ELSE disabled_reason END, \
             failing_since_ms = CASE WHEN $7 = 0 OR $3 IS NOT NULL THEN NULL ELSE failing_since_ms END, \
             updated_at_ms = {now_ms} WHERE tenant_id = $1 AND id = $2 RETURNING ",
            columns!()
        );
        let arguments = arguments![
            tenant.id().as_str(),
            id.as_str(),
            change.url,
            i64::from(change.description.is_some()),
            change.description.flatten(),
            change.event_types.as_deref().map(write_list).transpose()?,
            change.disabled.map(i64::from),
        ];
        let rows = self.change_webhooks(tenant, sql, arguments).await?;
        rows.first().map_or(Err(StoreError::NotFound), read)
    }

    /// Gives an endpoint a new secret, which is in this answer and nowhere else. The one before signs beside it for
    /// `overlap_ms`; one before that no longer.
    pub async fn rotate_webhook_secret(
        &self,
        tenant: &Tenant,
        id: &WebhookEndpointId,
        overlap_ms: u64,
    ) -> Result<(WebhookEndpoint, Secret), StoreError> {
        let look =
            "SELECT secret_version, sealed_secret FROM webhook_endpoints WHERE tenant_id = $1 AND id = $2";
        let sql = concat!(
            "UPDATE webhook_endpoints SET secret_version = secret_version + 1, sealed_secret = $4, \
             sealed_previous_secret = $5, previous_secret_until_ms = {now_ms} + $6, updated_at_ms = {now_ms} \
             WHERE tenant_id = $1 AND id = $2 AND secret_version = $3 RETURNING ",
            columns!()
        );
        let (sealer, of) = (&self.inner.sealer, tenant.id());
        for _ in 0..ATTEMPTS {
            let arguments = arguments![of.as_str(), id.as_str()];
            let rows = self.inner.database.read(&scope(tenant), look, arguments).await?;
            let row = rows.first().ok_or(StoreError::NotFound)?;
            let version = row.integer("secret_version")?;
            let previous = open(sealer, SECRET, of, id, version, &row.bytes(SECRET)?).await?;
            let secret = new_secret(&*self.inner.random);
            let seal = async |column: &str, secret: &Secret| {
                let place = place(column, of, id, version + 1);
                sealer.seal(&place, secret.expose().as_bytes()).await
            };
            let arguments = arguments![
                of.as_str(),
                id.as_str(),
                version,
                seal(SECRET, &secret).await?,
                seal(PREVIOUS_SECRET, &previous).await?,
                i64::try_from(overlap_ms).unwrap_or(i64::MAX / 2),
            ];
            if let Some(row) = self.change_webhooks(tenant, sql, arguments).await?.first() {
                return Ok((read(row)?, secret));
            }
        }
        Err(StoreError::conflict(
            "the secret is being rotated by others at the same moment",
        ))
    }

    /// Forgets an endpoint with all its deliveries.
    pub async fn delete_webhook_endpoint(
        &self,
        tenant: &Tenant,
        id: &WebhookEndpointId,
    ) -> Result<(), StoreError> {
        // No new ones, then those that there are, in pieces that finish in time, then the endpoint.
        let disable = "UPDATE webhook_endpoints SET disabled_at_ms = COALESCE(disabled_at_ms, {now_ms}), \
                       disabled_reason = COALESCE(disabled_reason, 'requested') WHERE tenant_id = $1 AND id = $2 RETURNING id";
        let empty = "DELETE FROM webhook_deliveries WHERE seq IN \
                     (SELECT seq FROM webhook_deliveries WHERE endpoint_id = $2 AND tenant_id = $1 LIMIT $3) RETURNING id";
        let delete = "DELETE FROM webhook_endpoints WHERE tenant_id = $1 AND id = $2 RETURNING id";
        let arguments = arguments![tenant.id().as_str(), id.as_str()];
        let (database, scope) = (self.inner.database.clone(), scope(tenant));
        let delete = async move {
            if database
                .write(&scope, disable, arguments.clone())
                .await?
                .is_empty()
            {
                return Ok::<_, DatabaseError>(false);
            }
            let mut with_rows = arguments.clone();
            with_rows.push(Argument::from(DELETE_ROWS));
            while !database.write(&scope, empty, with_rows.clone()).await?.is_empty() {}
            Ok(!database.write(&scope, delete, arguments).await?.is_empty())
        };
        if self.detached(Vec::new(), delete).await? {
            Ok(())
        } else {
            Err(StoreError::NotFound)
        }
    }

    /// One changing statement of a tenant, to its end even when the caller goes away.
    pub(super) async fn change_webhooks(
        &self,
        tenant: &Tenant,
        sql: &'static str,
        arguments: Vec<Argument>,
    ) -> Result<Vec<Row>, StoreError> {
        let (database, scope) = (self.inner.database.clone(), scope(tenant));
        let change = async move { database.write(&scope, sql, arguments).await };
        self.detached(Vec::new(), change).await
    }
}
