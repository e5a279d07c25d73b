//! The audit log: who changed what through the management routes.

use model::{AuditEntryId, TenantId};

use crate::checks::KEY_MAX_CHARS;
use crate::connections::scope;
use crate::database::{Argument, Database, Row, Scope, arguments};
use crate::{Operator, Store, StoreError, Tenant};

/// Most entries of one list call.
const LIST_MAX: u32 = 1_000;
/// How long entries are kept: a year, and time for those who audit once a year.
const KEEP_MS: i64 = 400 * 86_400_000;
/// Rows of one sweeping statement.
const SWEEP_ROWS: i64 = 500;

/// A change that was made or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id.
    pub id: AuditEntryId,
    /// Whose matter was changed, if a tenant's.
    pub tenant_id: Option<TenantId>,
    /// `operator`, or the id of the API key.
    pub actor: String,
    /// The operation's name in the OpenAPI document: `delete_connection`.
    pub action: String,
    /// The path that was called.
    pub path: String,
    /// The id of what was made or concerned, when the path does not say it.
    pub subject: Option<String>,
    /// The status that was answered.
    pub status: i64,
    /// The request, as in logs and error bodies.
    pub request_id: String,
    /// When, ms since 1970 on the database's clock.
    pub created_at_ms: i64,
}

/// A change to record.
#[derive(Debug, Clone)]
pub struct NewAuditEntry {
    /// Whose matter was changed, if a tenant's.
    pub tenant_id: Option<TenantId>,
    /// `operator`, or the id of the API key.
    pub actor: String,
    /// The operation's name.
    pub action: &'static str,
    /// The path, cut after 512 characters.
    pub path: String,
    /// The id of what was made or concerned.
    pub subject: Option<String>,
    /// The status that was answered.
    pub status: u16,
    /// The request.
    pub request_id: String,
}

macro_rules! columns {
    () => {
        "id, tenant_id, actor, action, path, subject, status, request_id, created_at_ms"
    };
}

fn read(row: &Row) -> Result<AuditEntry, StoreError> {
    let corrupt = |_| StoreError::Corrupt { what: "audit entry" };
    let tenant = row.optional_text("tenant_id")?;
    Ok(AuditEntry {
        id: AuditEntryId::parse(&row.text("id")?).map_err(corrupt)?,
        tenant_id: tenant
            .map(|id| TenantId::parse(&id))
            .transpose()
            .map_err(corrupt)?,
        actor: row.text("actor")?,
        action: row.text("action")?,
        path: row.text("path")?,
        subject: row.optional_text("subject")?,
        status: row.integer("status")?,
        request_id: row.text("request_id")?,
        created_at_ms: row.integer("created_at_ms")?,
    })
}

impl Store {
    /// Records a change that was made or refused.
    pub async fn record_audit(&self, entry: NewAuditEntry) -> Result<(), StoreError> {
        let sql = "INSERT INTO audit_log \
                   (id, tenant_id, actor, action, path, subject, status, request_id, created_at_ms) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, {now_ms}) RETURNING id";
        let id = AuditEntryId::generate(&*self.inner.random);
        let path: String = entry.path.chars().take(KEY_MAX_CHARS).collect();
        let arguments = arguments![
            id.as_str(),
            entry.tenant_id.as_ref().map(TenantId::as_str),
            entry.actor,
            entry.action,
            path,
            entry.subject,
            i64::from(entry.status),
            entry.request_id,
        ];
        let database = self.inner.database.clone();
        let record = async move { database.write(&Scope::Operator, sql, arguments).await.map(|_| ()) };
        self.detached(Vec::new(), record).await
    }

    /// Changes of the tenant's matters, the latest first, those before `before`, at most `limit` (and 1,000).
    pub async fn list_audit(
        &self,
        tenant: &Tenant,
        before: Option<&AuditEntryId>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM audit_log WHERE tenant_id = $1 \
             AND ($2 IS NULL OR seq < (SELECT seq FROM audit_log WHERE tenant_id = $1 AND id = $2)) \
             ORDER BY seq DESC LIMIT $3"
        );
        let arguments = arguments![
            tenant.id().as_str(),
            before.map(AuditEntryId::as_str),
            i64::from(limit.min(LIST_MAX)),
        ];
        self.read_audit(&scope(tenant), sql, arguments).await
    }

    /// Changes of everybody's matters, or of one tenant's, as [`Store::list_audit`].
    pub async fn list_all_audit(
        &self,
        _: &Operator,
        tenant: Option<&TenantId>,
        before: Option<&AuditEntryId>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM audit_log WHERE ($1 IS NULL OR tenant_id = $1) \
             AND ($2 IS NULL OR seq < (SELECT seq FROM audit_log WHERE id = $2)) ORDER BY seq DESC LIMIT $3"
        );
        let arguments = arguments![
            tenant.map(TenantId::as_str),
            before.map(AuditEntryId::as_str),
            i64::from(limit.min(LIST_MAX)),
        ];
        self.read_audit(&Scope::Operator, sql, arguments).await
    }

    async fn read_audit(
        &self,
        scope: &Scope,
        sql: &'static str,
        arguments: Vec<Argument>,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let rows = self.inner.database.read(scope, sql, arguments).await?;
        rows.iter().map(read).collect()
    }
}

/// Deletes entries past their time; answers how many.
pub(crate) async fn sweep(database: &Database) -> Result<u64, StoreError> {
    let sql = "DELETE FROM audit_log WHERE seq IN \
               (SELECT seq FROM audit_log WHERE created_at_ms <= {now_ms} - $1 LIMIT $2) RETURNING id";
    let mut swept = 0;
    loop {
        let rows = database
            .write(&Scope::Operator, sql, arguments![KEEP_MS, SWEEP_ROWS])
            .await?;
        swept += rows.len() as u64;
        if rows.is_empty() {
            return Ok(swept);
        }
    }
}
