//! Sealing by envelope: each tenant's records by the tenant's own data key, data keys by a master key.
//!
//! Data keys are made on first use and kept in memory once unwrapped, bounded; nothing that is warm asks the database.
//! What belongs to no tenant (cursors) is sealed by the data key of the tenant '', which is unwrapped when the store
//! opens, so that it seals and opens without waiting.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Clock, Random, TenantId};
use moka::sync::Cache as Map;
use zeroize::Zeroizing;

use crate::StoreError;
use crate::cache::Cache;
use crate::changes::{Changes, Topic};
use crate::database::{Database, Row, Scope, Transaction, arguments};
use crate::key_service::{KeyService, KeyServiceError, is_key_id};
use crate::sealing::{DataKey, Place, Sealed, by_master_key};

/// Most data keys kept in memory.
const CACHED_KEYS_MAX: u64 = 100_000;
/// Stands for what belongs to no tenant.
pub(crate) const NO_TENANT: &str = "";
const FIRST_GENERATION: i64 = 1;

/// Locks the master key's row against being retired, for as long as the transaction runs.
const WRAPPING: &str = "UPDATE master_keys SET wrapped_at_ms = {now_ms} WHERE id = $1 AND retired_at_ms IS NULL \
                        RETURNING id";

/// Seals and opens.
pub(crate) struct Sealer {
    pub(crate) service: Arc<dyn KeyService>,
    database: Database,
    changes: Arc<Changes>,
    random: Arc<dyn Random>,
    /// The data key of a tenant that seals.
    newest: Cache<Arc<DataKey>>,
    /// All that were unwrapped, by tenant and generation.
    unwrapped: Map<(String, i64), Arc<DataKey>>,
    house: HashMap<i64, Arc<DataKey>>,
}

fn key_place<'a>(tenant: &'a str, row: &'a str) -> Place<'a> {
    Place {
        table: "tenant_keys",
        column: "wrapped_key",
        tenant,
        row,
        version: 0,
    }
}

/// The tenant's own rows, or those of none.
fn scope(tenant: &str) -> Result<Scope, StoreError> {
    if tenant == NO_TENANT {
        return Ok(Scope::Operator);
    }
    TenantId::parse(tenant)
        .map(Scope::Tenant)
        .map_err(|_| StoreError::Corrupt { what: "tenant" })
}

fn topic(tenant: &str) -> Topic {
    Topic::DataKeys(tenant.to_owned())
}

fn is_away(error: KeyServiceError, what: &'static str) -> StoreError {
    match error {
        KeyServiceError::Refused => StoreError::Seal { what },
        KeyServiceError::Unavailable(reason) => StoreError::unavailable("key service", reason),
    }
}

impl Sealer {
    /// Takes the keys, which must have been checked ([`Sealer::open_house`] follows).
    pub(crate) fn new(
        service: Arc<dyn KeyService>,
        database: Database,
        changes: &Arc<Changes>,
        clock: &Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, StoreError> {
        let ids = service.ids();
        if ids.is_empty() || ids.iter().any(|id| !is_key_id(id)) {
            return Err(StoreError::configuration(
                "the key service names no key, or one whose id is not 1 to 32 letters, digits, - or _",
            ));
        }
        Ok(Self {
            service,
            database,
            changes: Arc::clone(changes),
            random,
            newest: Cache::new(changes, clock, CACHED_KEYS_MAX, |_| 1),
            unwrapped: Map::new(CACHED_KEYS_MAX),
            house: HashMap::new(),
        })
    }

    pub(crate) const fn database(&self) -> &Database {
        &self.database
    }

    /// The master key that wraps.
    pub(crate) fn first_id(&self) -> &str {
        self.service.ids().first().map_or("", String::as_str)
    }

    /// Unwraps what belongs to no tenant, or makes it.
    pub(crate) async fn open_house(&mut self) -> Result<(), StoreError> {
        let key = self.load_newest(NO_TENANT).await?;
        self.house.insert(key.generation(), key);
        Ok(())
    }

    /// Seals `plain` to its place, by the newest data key of the place's tenant.
    pub(crate) async fn seal(&self, place: &Place<'_>, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let key = self.newest(place.tenant).await?;
        Ok(key.seal(place, plain, &*self.random))
    }

    /// Opens what was sealed to this place; `what` names it in the error. One error for every cause but a service that
    /// does not answer.
    pub(crate) async fn open(
        &self,
        what: &'static str,
        place: &Place<'_>,
        record: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        match Sealed::read(record) {
            Some(Sealed::MasterKey { id, body }) => self
                .service
                .unwrap(id, body, &place.by_master_key())
                .await
                .map_err(|error| is_away(error, what)),
            Some(Sealed::DataKey { generation, body }) => {
                let key = self.data_key(what, place.tenant, generation).await?;
                key.open(place, body).ok_or(StoreError::Seal { what })
            }
            None => Err(StoreError::Seal { what }),
        }
    }

    /// Seals what belongs to no tenant.
    pub(crate) fn seal_loose(&self, place: &Place<'_>, plain: &[u8]) -> Vec<u8> {
        let newest = self.house.values().max_by_key(|key| key.generation());
        // There is one since the store is open; what no key sealed does not open.
        newest.map_or_else(Vec::new, |key| key.seal(place, plain, &*self.random))
    }

    /// Opens what [`Sealer::seal_loose`] made.
    pub(crate) fn open_loose(
        &self,
        what: &'static str,
        place: &Place<'_>,
        record: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let opened = match Sealed::read(record) {
            Some(Sealed::DataKey { generation, body }) => {
                let key = self.house.get(&generation);
                key.and_then(|key| key.open(place, body))
            }
            _ => None,
        };
        opened.ok_or(StoreError::Seal { what })
    }

    /// The data key that seals for a tenant.
    pub(crate) async fn newest(&self, tenant: &str) -> Result<Arc<DataKey>, StoreError> {
        let load = || self.load_newest(tenant);
        self.newest.get(tenant, &[topic(tenant)], load).await
    }

    /// The same, past memory.
    pub(crate) async fn newest_fresh(&self, tenant: &str) -> Result<Arc<DataKey>, StoreError> {
        let load = self.load_newest(tenant);
        self.newest.reload(tenant, &[topic(tenant)], load).await
    }

    async fn load_newest(&self, tenant: &str) -> Result<Arc<DataKey>, StoreError> {
        let sql = "SELECT generation, wrapped_key FROM tenant_keys WHERE tenant_id = $1 \
                   ORDER BY generation DESC LIMIT 1";
        // What is read after the attempt to make one counts: another node may have been first.
        for is_last in [false, true] {
            let rows = self
                .database
                .read(&scope(tenant)?, sql, arguments![tenant])
                .await?;
            if let Some(row) = rows.first() {
                return self.unwrap(tenant, row).await;
            }
            if !is_last {
                self.make(tenant, FIRST_GENERATION).await?;
            }
        }
        Err(StoreError::Corrupt { what: "data key" })
    }

    async fn unwrap(&self, tenant: &str, row: &Row) -> Result<Arc<DataKey>, StoreError> {
        let generation = row.integer("generation")?;
        let name = (tenant.to_owned(), generation);
        if let Some(key) = self.unwrapped.get(&name) {
            return Ok(key);
        }
        let plain = self
            .unwrap_bytes(tenant, generation, &row.bytes("wrapped_key")?)
            .await?;
        let key = DataKey::new(generation, &plain).map(Arc::new);
        let key = key.ok_or(StoreError::Corrupt { what: "data key" })?;
        self.unwrapped.insert(name, Arc::clone(&key));
        Ok(key)
    }

    /// The bytes of a wrapped data key.
    pub(crate) async fn unwrap_bytes(
        &self,
        tenant: &str,
        generation: i64,
        wrapped: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let what = "data key";
        let Some(Sealed::MasterKey { id, body }) = Sealed::read(wrapped) else {
            return Err(StoreError::Seal { what });
        };
        let row = generation.to_string();
        let place = key_place(tenant, &row).by_master_key();
        self.service.unwrap(id, body, &place).await.map_err(|error| {
            tracing::error!(tenant, generation, master_key = id, %error, "a data key does not unwrap");
            is_away(error, what)
        })
    }

    /// Wraps a data key by the first master key.
    pub(crate) async fn wrap_bytes(
        &self,
        tenant: &str,
        generation: i64,
        plain: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let (id, row) = (self.first_id(), generation.to_string());
        let place = key_place(tenant, &row).by_master_key();
        let body = self.service.wrap(id, plain, &place).await;
        let body = body.map_err(|error| is_away(error, "data key"))?;
        Ok(by_master_key(id, &body))
    }

    /// Begins a transaction in which the first master key may wrap.
    pub(crate) async fn begin_wrapping(&self) -> Result<Transaction, StoreError> {
        let mut transaction = self.database.begin(&Scope::Operator).await?;
        let first = self.first_id();
        if transaction.run(WRAPPING, arguments![first]).await?.is_empty() {
            return Err(StoreError::configuration(format!(
                "master_keys: `{first}` is the first key and has been retired: nothing new may be wrapped by it"
            )));
        }
        Ok(transaction)
    }

    /// Makes a data key of this generation, unless another node did.
    pub(crate) async fn make(&self, tenant: &str, generation: i64) -> Result<(), StoreError> {
        let key = DataKey::generate(generation, &*self.random);
        let wrapped = self.wrap_bytes(tenant, generation, key.expose()).await?;
        let sql = "INSERT INTO tenant_keys (tenant_id, generation, kek_id, wrapped_key, created_at_ms) \
                   VALUES ($1, $2, $3, $4, {now_ms}) ON CONFLICT (tenant_id, generation) DO NOTHING \
                   RETURNING generation";
        let mut transaction = self.begin_wrapping().await?;
        let arguments = arguments![tenant, generation, self.first_id(), wrapped];
        transaction.run(sql, arguments).await?;
        Ok(transaction.commit().await?)
    }

    /// Makes every node look for a tenant's newest data key again.
    pub(crate) fn announce_newest(&self, tenant: &str) {
        self.changes.announce(&[topic(tenant)]);
    }

    /// The data key of a generation.
    async fn data_key(
        &self,
        what: &'static str,
        tenant: &str,
        generation: i64,
    ) -> Result<Arc<DataKey>, StoreError> {
        if let Some(key) = self.unwrapped.get(&(tenant.to_owned(), generation)) {
            return Ok(key);
        }
        let sql = "SELECT generation, wrapped_key FROM tenant_keys WHERE tenant_id = $1 AND generation = $2";
        let rows = self
            .database
            .read(&scope(tenant)?, sql, arguments![tenant, generation])
            .await?;
        let row = rows.first().ok_or(StoreError::Seal { what })?;
        match self.unwrap(tenant, row).await {
            // A caller asked for a token, not for a key.
            Err(StoreError::Seal { .. } | StoreError::Corrupt { .. }) => Err(StoreError::Seal { what }),
            other => other,
        }
    }
}
