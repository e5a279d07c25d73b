//! Mapping sessions: a link that one browser uses once, and the page that it then has open.
//!
//! As with connect sessions, each step is one conditional UPDATE on the database's clock, so that of two browsers one wins.

use model::{ConnectionId, MappingSessionId, Secret, TenantId};

use crate::checks::{KEY_MAX_CHARS, URL_MAX_CHARS, check_optional, check_text, read_list, write_list};
use crate::connections::scope;
use crate::database::{DatabaseError, Row, Scope, arguments};
use crate::store::{hash, hex};
use crate::{MappingSession, NewMappingSession, Store, StoreError, Tenant};

/// What a link token begins with, so that a scanner finds a leaked one.
const LINK_PREFIX: &str = "cw_map_";
/// Longest life of a link or a page: a day.
const TTL_MAX_MS: i64 = 86_400_000;
/// Longer texts are not looked at.
const PRESENTED_MAX_BYTES: usize = 1_024;
/// Most resources that a session names.
const RESOURCES_MAX: usize = 100;

macro_rules! columns {
    () => {
        "id, tenant_id, connection_id, resources, return_to, expires_at_ms, page_expires_at_ms, \
         (SELECT name FROM tenants WHERE tenants.id = mapping_sessions.tenant_id) AS tenant_name, \
         (SELECT provider FROM connections WHERE connections.id = mapping_sessions.connection_id) AS provider"
    };
}

fn read(row: &Row) -> Result<MappingSession, StoreError> {
    let corrupt = |_| StoreError::Corrupt {
        what: "mapping session",
    };
    Ok(MappingSession {
        id: MappingSessionId::parse(&row.text("id")?).map_err(corrupt)?,
        tenant_name: row.text("tenant_name")?,
        provider: row.text("provider")?,
        connection_id: ConnectionId::parse(&row.text("connection_id")?).map_err(corrupt)?,
        resources: read_list(&row.text("resources")?)?,
        return_to: row.optional_text("return_to")?,
        expires_at_ms: row.integer("expires_at_ms")?,
        page_expires_at_ms: row.optional_integer("page_expires_at_ms")?,
    })
}

fn read_tenant(row: &Row) -> Result<TenantId, StoreError> {
    TenantId::parse(&row.text("tenant_id")?).map_err(|_| StoreError::Corrupt {
        what: "mapping session",
    })
}

fn is_link(text: &str) -> bool {
    text.len() <= PRESENTED_MAX_BYTES && text.starts_with(LINK_PREFIX)
}

impl Store {
    /// Creates a session and the token of its link, which is in this answer and nowhere else. `ttl_ms` is cut at a day.
    pub async fn create_mapping_session(
        &self,
        tenant: &Tenant,
        new: NewMappingSession,
        ttl_ms: i64,
    ) -> Result<(MappingSession, Secret), StoreError> {
        if new.resources.len() > RESOURCES_MAX {
            return Err(StoreError::invalid(format!(
                "resources: expected at most {RESOURCES_MAX}"
            )));
        }
        for resource in &new.resources {
            check_text("resources", resource, KEY_MAX_CHARS)?;
        }
        check_optional("return_to", new.return_to.as_deref(), URL_MAX_CHARS)?;
        let id = MappingSessionId::generate(&*self.inner.random);
        let link_token = Secret::new(format!("{LINK_PREFIX}{}", hex(&self.inner.random.bytes_32())));
        let sweep = "DELETE FROM mapping_sessions WHERE tenant_id = $1 \
                     AND COALESCE(page_expires_at_ms, expires_at_ms) < {now_ms} - 86400000";
        let sql = concat!(
            "INSERT INTO mapping_sessions (id, tenant_id, connection_id, resources, return_to, link_hash, \
             created_at_ms, expires_at_ms) VALUES ($1, $2, $3, $4, $5, $6, {now_ms}, {now_ms} + $7) RETURNING ",
            columns!()
        );
        let tenant_argument = arguments![tenant.id().as_str()];
        let arguments = arguments![
            id.as_str(),
            tenant.id().as_str(),
            new.connection_id.as_str(),
            write_list(&new.resources)?,
            new.return_to,
            hash(link_token.expose()),
            ttl_ms.clamp(0, TTL_MAX_MS),
        ];
        let (database, scope) = (self.inner.database.clone(), scope(tenant));
        let create = async move {
            let mut transaction = database.begin(&scope).await?;
            transaction.run(sweep, tenant_argument).await?;
            let rows = transaction.run(sql, arguments).await?;
            transaction.commit().await?;
            Ok::<_, DatabaseError>(rows)
        };
        let rows = self.detached(Vec::new(), create).await?;
        Ok((rows.first().map_or(Err(StoreError::NotFound), read)?, link_token))
    }

    /// The session of a link that still works. Looking does not use it up.
    pub async fn mapping_session_of_link(&self, link_token: &str) -> Result<MappingSession, StoreError> {
        if !is_link(link_token) {
            return Err(StoreError::NotFound);
        }
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM mapping_sessions WHERE link_hash = $1 AND used_at_ms IS NULL AND expires_at_ms > {now_ms}"
        );
        let arguments = arguments![hash(link_token)];
        let rows = self.inner.database.read(&Scope::Operator, sql, arguments).await?;
        rows.first().map_or(Err(StoreError::NotFound), read)
    }

    /// Uses the link up and opens the page for one browser, named by the value of its cookie. Of several browsers one
    /// wins; the others find nothing. `ttl_ms` is cut at a day.
    pub async fn begin_mapping_session(
        &self,
        link_token: &str,
        browser: &str,
        ttl_ms: i64,
    ) -> Result<MappingSession, StoreError> {
        check_text("browser", browser, URL_MAX_CHARS)?;
        if !is_link(link_token) {
            return Err(StoreError::NotFound);
        }
        let sql = concat!(
            "UPDATE mapping_sessions SET used_at_ms = {now_ms}, browser_hash = $2, page_expires_at_ms = {now_ms} + $3 \
             WHERE link_hash = $1 AND used_at_ms IS NULL AND expires_at_ms > {now_ms} RETURNING ",
            columns!()
        );
        let arguments = arguments![hash(link_token), hash(browser), ttl_ms.clamp(0, TTL_MAX_MS)];
        let database = self.inner.database.clone();
        let begin = async move { database.write(&Scope::Operator, sql, arguments).await };
        self.detached(Vec::new(), begin)
            .await?
            .first()
            .map_or(Err(StoreError::NotFound), read)
    }

    /// The page that a browser has open, and the tenant for whom it may be used.
    pub async fn mapping_session_of_browser(
        &self,
        browser: &str,
    ) -> Result<(Tenant, MappingSession), StoreError> {
        if browser.is_empty() || browser.len() > PRESENTED_MAX_BYTES {
            return Err(StoreError::NotFound);
        }
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM mapping_sessions WHERE browser_hash = $1 AND ended_at_ms IS NULL AND page_expires_at_ms > {now_ms}"
        );
        let arguments = arguments![hash(browser)];
        let rows = self.inner.database.read(&Scope::Operator, sql, arguments).await?;
        let row = rows.first().ok_or(StoreError::NotFound)?;
        Ok((Tenant::new(read_tenant(row)?), read(row)?))
    }

    /// Ends a page; answers whether it was open.
    pub async fn end_mapping_session(
        &self,
        tenant: &Tenant,
        id: &MappingSessionId,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE mapping_sessions SET ended_at_ms = {now_ms} WHERE tenant_id = $1 AND id = $2 \
                   AND used_at_ms IS NOT NULL AND ended_at_ms IS NULL RETURNING id";
        let arguments = arguments![tenant.id().as_str(), id.as_str()];
        let (database, scope) = (self.inner.database.clone(), scope(tenant));
        let end = async move { database.write(&scope, sql, arguments).await };
        Ok(!self.detached(Vec::new(), end).await?.is_empty())
    }
}
