//! Connections that a restored backup set back: told as suspect, and their refresh tokens not presented.
//!
//! Two looks at the [witness](crate::witness). When the store opens, every connection is compared and the suspect ones become
//! `degraded`: their access tokens may well be good. Before a claim, the one connection is compared again; nobody presents
//! the token of a row that is behind. By then the access token is over, unless its end is known and lies ahead: the
//! connection becomes `needs_reauth`. A new authorization begins anew.

use model::{ConnectionId, TenantId};

use crate::connections::{open_tokens, read_id, read_state, topic};
use crate::database::{Row, Scope, arguments};
use crate::witness::Seen;
use crate::{ConnectionState, Store, StoreError};

/// The reason of the state.
pub(crate) const RESTORED_BACKUP: &str = "restored_backup";
/// Connections compared at once.
const PAGE: i64 = 1_000;

const PAGE_OF_CONNECTIONS: &str = "SELECT id, tenant_id, token_version FROM connections \
                                   WHERE id > $1 AND sealed_tokens IS NOT NULL AND state IN ('active', 'degraded') \
                                   ORDER BY id LIMIT $2";
const DEGRADE: &str = "UPDATE connections SET state = 'degraded', state_reason = $4, updated_at_ms = {now_ms} \
                       WHERE tenant_id = $1 AND id = $2 AND token_version = $3 AND state = 'active' RETURNING state";
const REFUSE: &str = "UPDATE connections SET state_reason = $4, updated_at_ms = {now_ms}, \
                      state = CASE WHEN access_expires_at_ms > {now_ms} THEN 'degraded' ELSE 'needs_reauth' END \
                      WHERE tenant_id = $1 AND id = $2 AND token_version = $3 AND state IN ('active', 'degraded') \
                      RETURNING state";

fn read_tenant(row: &Row) -> Result<TenantId, StoreError> {
    TenantId::parse(&row.text("tenant_id")?).map_err(|_| StoreError::Corrupt { what: "connection" })
}

impl Store {
    /// The state that a connection has got because its refresh token must not be presented; nothing if it may be.
    pub(crate) async fn refuse_restored(
        &self,
        tenant: &TenantId,
        id: &ConnectionId,
        version: i64,
    ) -> Result<Option<ConnectionState>, StoreError> {
        let seen = self.inner.witness.seen(std::slice::from_ref(id)).await;
        let Some(seen) = seen.into_iter().flatten().find(|seen| seen.version > version) else {
            return Ok(None);
        };
        let Some(version) = self.restored_version(tenant, id, &seen).await? else {
            return Ok(None);
        };
        self.suspect(REFUSE, tenant, id, version).await
    }

    /// The version of a row that is behind what was seen. It is read after the witness was: what was saved in between makes
    /// it no older.
    async fn restored_version(
        &self,
        tenant: &TenantId,
        id: &ConnectionId,
        seen: &Seen,
    ) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT token_version, sealed_tokens FROM connections WHERE tenant_id = $1 AND id = $2 \
                   AND sealed_tokens IS NOT NULL";
        let arguments = arguments![tenant.as_str(), id.as_str()];
        let scope = Scope::Tenant(tenant.clone());
        let rows = self.inner.database.read(&scope, sql, arguments).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let version = row.integer("token_version")?;
        if seen.version <= version {
            return Ok(None);
        }
        let sealed = row.bytes("sealed_tokens")?;
        let tokens = open_tokens(&self.inner.sealer, tenant, id, version, &sealed).await?;
        let is_behind = tokens
            .0
            .refresh_token
            .is_some_and(|token| seen.outdates(id, version, &token));
        Ok(is_behind.then_some(version))
    }

    async fn suspect(
        &self,
        sql: &'static str,
        tenant: &TenantId,
        id: &ConnectionId,
        version: i64,
    ) -> Result<Option<ConnectionState>, StoreError> {
        let arguments = arguments![tenant.as_str(), id.as_str(), version, RESTORED_BACKUP];
        let (database, scope) = (self.inner.database.clone(), Scope::Tenant(tenant.clone()));
        let mark = async move { database.write(&scope, sql, arguments).await };
        let rows = self.detached(vec![topic(id)], mark).await?;
        let state = rows.first().map(read_state).transpose()?;
        if state.is_some() {
            metrics::counter!("crosswalk_restored_connections_total").increment(1);
            tracing::error!(
                connection = %id, version,
                "the database holds an older refresh token than was saved once: a restored backup? It is not presented"
            );
        }
        Ok(state)
    }

    /// Compares every connection with the witness; answers how many are suspect and were not known to be.
    pub(crate) async fn look_for_restored(&self) -> Result<u64, StoreError> {
        let mut after = String::new();
        let mut suspects = 0;
        loop {
            let arguments = arguments![after.as_str(), PAGE];
            let read = self
                .inner
                .database
                .read(&Scope::Operator, PAGE_OF_CONNECTIONS, arguments);
            let rows = read.await?;
            let ids = rows.iter().map(read_id).collect::<Result<Vec<_>, _>>()?;
            let Some(last) = ids.last() else {
                return Ok(suspects);
            };
            last.as_str().clone_into(&mut after);
            let seen = self.inner.witness.seen(&ids).await;
            for ((row, id), seen) in rows.iter().zip(&ids).zip(seen) {
                let version = row.integer("token_version")?;
                let Some(seen) = seen.filter(|seen| seen.version > version) else {
                    continue;
                };
                let tenant = read_tenant(row)?;
                if let Some(version) = self.restored_version(&tenant, id, &seen).await? {
                    let state = self.suspect(DEGRADE, &tenant, id, version).await?;
                    suspects += u64::from(state.is_some());
                }
            }
        }
    }
}
