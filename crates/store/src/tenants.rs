//! Tenants, as the operator keeps them.

use model::TenantId;

use crate::checks::check_text;
use crate::database::{Row, Scope, arguments};
use crate::{Operator, Store, StoreError, TenantRecord};

pub(crate) const NAME_MAX_CHARS: usize = 200;

fn read(row: &Row) -> Result<TenantRecord, StoreError> {
    let id = TenantId::parse(&row.text("id")?).map_err(|_| StoreError::Corrupt { what: "tenant" })?;
    Ok(TenantRecord {
        id,
        name: row.text("name")?,
        created_at_ms: row.integer("created_at_ms")?,
    })
}

impl Store {
    /// Creates a tenant. The name is 1 to 200 characters, and need not be its own.
    pub async fn create_tenant(&self, _: &Operator, name: &str) -> Result<TenantRecord, StoreError> {
        check_text("name", name, NAME_MAX_CHARS)?;
        let id = TenantId::generate(&*self.inner.random);
        let sql = "INSERT INTO tenants (id, name, created_at_ms) VALUES ($1, $2, {now_ms}) \
                   RETURNING id, name, created_at_ms";
        let database = self.inner.database.clone();
        let arguments = arguments![id.as_str(), name];
        let rows = self
            .detached(Vec::new(), async move {
                database.write(&Scope::Operator, sql, arguments).await
            })
            .await?;
        rows.first().map_or(Err(StoreError::NotFound), read)
    }

    /// All tenants, by id.
    pub async fn list_tenants(&self, _: &Operator) -> Result<Vec<TenantRecord>, StoreError> {
        let sql = "SELECT id, name, created_at_ms FROM tenants ORDER BY id";
        self.inner
            .database
            .read(&Scope::Operator, sql, Vec::new())
            .await?
            .iter()
            .map(read)
            .collect()
    }
}
