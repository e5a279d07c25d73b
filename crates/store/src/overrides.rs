//! Mapping overrides: what a tenant or a customer changed in the mappings, with every version kept.

use std::sync::Arc;

use model::{ConnectionId, MappingOverrideId};

use crate::changes::Topic;
use crate::checks::{KEY_MAX_CHARS, check_text};
use crate::connections::{scope, topic};
use crate::database::{DatabaseError, Row, arguments};
use crate::{Connection, MappingOverride, OverrideLevel, OverrideVersion, Store, StoreError, Tenant};

/// Longest document: above every limit that the gateway may set.
const DOCUMENT_MAX_BYTES: usize = 1 << 20;
/// Most versions of one history answer.
const HISTORY_MAX: i64 = 1_000;

macro_rules! columns {
    () => {
        "id, connection_id, provider, resource, version, document, updated_at_ms"
    };
}

/// Sets an override, whatever stands there, or only under a condition on it.
macro_rules! put_sql {
    ($condition:literal) => {
        concat!(
            "INSERT INTO mapping_overrides (id, tenant_id, connection_id, level_key, provider, resource, version, \
             document, updated_at_ms) VALUES ($6, $1, $7, $2, $3, $4, 1, $5, {now_ms}) \
             ON CONFLICT (tenant_id, level_key, provider, resource) DO UPDATE SET \
             version = mapping_overrides.version + 1, document = excluded.document, updated_at_ms = {now_ms}",
            $condition,
            " RETURNING ",
            columns!()
        )
    };
}

fn read(row: &Row) -> Result<MappingOverride, StoreError> {
    let corrupt = |_| StoreError::Corrupt {
        what: "mapping override",
    };
    let level = match row.optional_text("connection_id")? {
        None => OverrideLevel::Tenant,
        Some(id) => OverrideLevel::Connection(ConnectionId::parse(&id).map_err(corrupt)?),
    };
    Ok(MappingOverride {
        id: MappingOverrideId::parse(&row.text("id")?).map_err(corrupt)?,
        level,
        provider: row.text("provider")?,
        resource: row.text("resource")?,
        version: row.integer("version")?,
        document: row.text("document")?,
        updated_at_ms: row.integer("updated_at_ms")?,
    })
}

fn read_version(row: &Row) -> Result<OverrideVersion, StoreError> {
    Ok(OverrideVersion {
        version: row.integer("version")?,
        document: row.optional_text("document")?,
        created_at_ms: row.integer("created_at_ms")?,
    })
}

const fn connection_of(level: &OverrideLevel) -> Option<&ConnectionId> {
    match level {
        OverrideLevel::Tenant => None,
        OverrideLevel::Connection(id) => Some(id),
    }
}

/// The level as one text that is never null.
fn level_key(level: &OverrideLevel) -> &str {
    connection_of(level).map_or("", ConnectionId::as_str)
}

fn topic_of(tenant: &Tenant, level: &OverrideLevel) -> Topic {
    connection_of(level).map_or_else(|| Topic::Overrides(tenant.id().as_str().to_owned()), topic)
}

const KEEP_VERSION: &str = "INSERT INTO mapping_override_versions (override_id, tenant_id, version, document, \
                            created_at_ms) SELECT id, tenant_id, version, document, updated_at_ms \
                            FROM mapping_overrides WHERE tenant_id = $1 AND id = $2";

impl Store {
    /// Sets an override; its version rises by one, from 1.
    pub async fn put_override(
        &self,
        tenant: &Tenant,
        level: &OverrideLevel,
        provider: &str,
        resource: &str,
        document: &str,
    ) -> Result<MappingOverride, StoreError> {
        self.write_override(tenant, level, provider, resource, document, None)
            .await
    }

    /// As [`Store::put_override`], but only over the version that the caller has seen: 0 where it has seen none. A
    /// conflict when another one stands now.
    pub async fn replace_override(
        &self,
        tenant: &Tenant,
        level: &OverrideLevel,
        provider: &str,
        resource: &str,
        document: &str,
        seen_version: i64,
    ) -> Result<MappingOverride, StoreError> {
        self.check_level(tenant, level).await?;
        self.write_override(tenant, level, provider, resource, document, Some(seen_version))
            .await
    }

    async fn write_override(
        &self,
        tenant: &Tenant,
        level: &OverrideLevel,
        provider: &str,
        resource: &str,
        document: &str,
        seen_version: Option<i64>,
    ) -> Result<MappingOverride, StoreError> {
        check_text("provider", provider, KEY_MAX_CHARS)?;
        check_text("resource", resource, KEY_MAX_CHARS)?;
        if document.len() > DOCUMENT_MAX_BYTES {
            return Err(StoreError::invalid(format!(
                "document: expected at most {DOCUMENT_MAX_BYTES} bytes"
            )));
        }
        let put = match seen_version {
            None => put_sql!(""),
            Some(0) => put_sql!(" WHERE mapping_overrides.document IS NULL"),
            Some(_) => concat!(
                "UPDATE mapping_overrides SET version = version + 1, document = $5, updated_at_ms = {now_ms} \
                 WHERE tenant_id = $1 AND level_key = $2 AND provider = $3 AND resource = $4 \
                 AND document IS NOT NULL AND version = $6 RETURNING ",
                columns!()
            ),
        };
        let mut arguments = arguments![
            tenant.id().as_str(),
            level_key(level),
            provider,
            resource,
            document
        ];
        if let Some(version) = seen_version.filter(|version| *version != 0) {
            arguments.extend(arguments![version]);
        } else {
            let id = MappingOverrideId::generate(&*self.inner.random);
            let connection_id = connection_of(level).map(ConnectionId::as_str);
            arguments.extend(arguments![id.as_str(), connection_id]);
        }
        let (database, scope, tenant_id) = (self.inner.database.clone(), scope(tenant), tenant.id().clone());
        let change = async move {
            let mut transaction = database.begin(&scope).await?;
            let rows = transaction.run(put, arguments).await?;
            let changed = || StoreError::conflict("the override is no longer the version that was seen");
            let put = rows.first().map_or_else(|| Err(changed()), read)?;
            transaction
                .run(KEEP_VERSION, arguments![tenant_id.as_str(), put.id.as_str()])
                .await?;
            transaction.commit().await?;
            Ok::<_, DatabaseError>(put)
        };
        self.detached(vec![topic_of(tenant, level)], change).await
    }

    /// Deletes an override; answers whether there was one. Its history stays, with the deletion as a version.
    pub async fn delete_override(
        &self,
        tenant: &Tenant,
        level: &OverrideLevel,
        provider: &str,
        resource: &str,
    ) -> Result<bool, StoreError> {
        self.check_level(tenant, level).await?;
        let delete = "UPDATE mapping_overrides SET document = NULL, version = version + 1, updated_at_ms = {now_ms} \
                      WHERE tenant_id = $1 AND level_key = $2 AND provider = $3 AND resource = $4 \
                      AND document IS NOT NULL RETURNING id";
        let arguments = arguments![tenant.id().as_str(), level_key(level), provider, resource];
        let (database, scope, tenant_id) = (self.inner.database.clone(), scope(tenant), tenant.id().clone());
        let change = async move {
            let mut transaction = database.begin(&scope).await?;
            let rows = transaction.run(delete, arguments).await?;
            let Some(row) = rows.first() else { return Ok(false) };
            transaction
                .run(KEEP_VERSION, arguments![tenant_id.as_str(), row.text("id")?])
                .await?;
            transaction.commit().await?;
            Ok::<_, DatabaseError>(true)
        };
        self.detached(vec![topic_of(tenant, level)], change).await
    }

    /// A level that names another tenant's connection is not found, rather than merely empty.
    async fn check_level(&self, tenant: &Tenant, level: &OverrideLevel) -> Result<(), StoreError> {
        match connection_of(level) {
            Some(id) => self.connection(tenant, id).await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// One override as it stands.
    pub async fn get_override(
        &self,
        tenant: &Tenant,
        level: &OverrideLevel,
        provider: &str,
        resource: &str,
    ) -> Result<MappingOverride, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM mapping_overrides WHERE tenant_id = $1 AND level_key = $2 AND provider = $3 AND resource = $4 \
             AND document IS NOT NULL"
        );
        let arguments = arguments![tenant.id().as_str(), level_key(level), provider, resource];
        let rows = self.inner.database.read(&scope(tenant), sql, arguments).await?;
        rows.first().map_or(Err(StoreError::NotFound), read)
    }

    /// All overrides of the tenant and its connections, tenant level first.
    pub async fn list_overrides(&self, tenant: &Tenant) -> Result<Vec<MappingOverride>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM mapping_overrides WHERE tenant_id = $1 AND document IS NOT NULL \
             ORDER BY level_key, provider, resource"
        );
        let arguments = arguments![tenant.id().as_str()];
        self.inner
            .database
            .read(&scope(tenant), sql, arguments)
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// Every version of an override, newest first, at most 1,000; `NotFound` if there never was one.
    pub async fn override_history(
        &self,
        tenant: &Tenant,
        level: &OverrideLevel,
        provider: &str,
        resource: &str,
    ) -> Result<Vec<OverrideVersion>, StoreError> {
        let sql = "SELECT kept.version, kept.document, kept.created_at_ms FROM mapping_override_versions AS kept \
                   JOIN mapping_overrides AS present ON present.id = kept.override_id \
                   WHERE present.tenant_id = $1 AND kept.tenant_id = $1 AND present.level_key = $2 \
                   AND present.provider = $3 AND present.resource = $4 ORDER BY kept.version DESC LIMIT $5";
        let arguments = arguments![
            tenant.id().as_str(),
            level_key(level),
            provider,
            resource,
            HISTORY_MAX
        ];
        let rows = self.inner.database.read(&scope(tenant), sql, arguments).await?;
        if rows.is_empty() {
            return Err(StoreError::NotFound);
        }
        rows.iter().map(read_version).collect()
    }

    /// One version of an override; `NotFound` if there never was such a one.
    pub async fn override_version(
        &self,
        tenant: &Tenant,
        level: &OverrideLevel,
        provider: &str,
        resource: &str,
        version: i64,
    ) -> Result<OverrideVersion, StoreError> {
        let sql = "SELECT kept.version, kept.document, kept.created_at_ms FROM mapping_override_versions AS kept \
                   JOIN mapping_overrides AS present ON present.id = kept.override_id \
                   WHERE present.tenant_id = $1 AND kept.tenant_id = $1 AND present.level_key = $2 \
                   AND present.provider = $3 AND present.resource = $4 AND kept.version = $5";
        let arguments = arguments![
            tenant.id().as_str(),
            level_key(level),
            provider,
            resource,
            version
        ];
        let rows = self.inner.database.read(&scope(tenant), sql, arguments).await?;
        rows.first().map_or(Err(StoreError::NotFound), read_version)
    }

    /// The overrides that apply to a connection's resource, in the order in which they apply: the tenant's, then the
    /// connection's. From memory while nobody changed them.
    pub async fn overrides_for(
        &self,
        tenant: &Tenant,
        connection: &Connection,
        resource: &str,
    ) -> Result<Arc<Vec<MappingOverride>>, StoreError> {
        let key = format!("{}/{}/{resource}", tenant.id(), connection.id);
        let topics = [topic_of(tenant, &OverrideLevel::Tenant), topic(&connection.id)];
        let load = || async {
            let sql = concat!(
                "SELECT ",
                columns!(),
                " FROM mapping_overrides WHERE tenant_id = $1 AND level_key IN ('', $2) AND provider = $3 \
                 AND resource = $4 AND document IS NOT NULL ORDER BY level_key"
            );
            let arguments = arguments![
                tenant.id().as_str(),
                connection.id.as_str(),
                connection.provider.as_str(),
                resource
            ];
            let rows = self.inner.database.read(&scope(tenant), sql, arguments).await?;
            rows.iter().map(read).collect::<Result<Vec<_>, _>>().map(Arc::new)
        };
        self.inner.overrides.get(&key, &topics, load).await
    }
}
