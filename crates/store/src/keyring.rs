//! The keyring: what is sealed by which key, moving on to new keys while everybody is served, and letting old ones go.
//!
//! Nothing here has a state of its own. A rotation is a walk over rows, in steps of about a second; each step says where the
//! next one goes on, each row is changed by compare-and-swap, and whoever begins again finds done what is done.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use crate::database::{Argument, Row, Scope, arguments};
use crate::sealed_columns::{Reseal, SEALED_COLUMNS, SealedColumn};
use crate::sealer::{NO_TENANT, Sealer};
use crate::sealing::{Place, Sealed};
use crate::{Operator, Store, StoreError};

/// About how long one step of a rotation takes.
const STEP: Duration = Duration::from_secs(1);
/// Data keys or tenants of one batch.
const KEYS_OF_A_BATCH: i64 = 100;
/// Records looked at in one statement.
const RECORDS_OF_A_PAGE: i64 = 1_000;
/// That no record is left which a master key sealed itself. Nothing makes one any more.
const NONE_BY_MASTER_KEYS: &str = "no_record_is_sealed_by_a_master_key";
/// The stages of a rotation before the columns, as they stand in [`Rotation::after`].
const WRAPPING: &str = "data_keys";
const MAKING: &str = "tenants";

/// How a master key is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterKeyUse {
    /// Its id.
    pub id: String,
    /// Whether this node was given it.
    pub is_configured: bool,
    /// Whether it is the one that wraps new data keys.
    pub is_first: bool,
    /// When it was retired, ms since 1970.
    pub retired_at_ms: Option<i64>,
    /// How many data keys it wraps.
    pub data_keys: u64,
    /// How many records it sealed itself, before there were data keys, by `table.column`.
    pub records: BTreeMap<String, u64>,
}

impl MasterKeyUse {
    /// Whether something could not be opened without it.
    pub fn is_needed(&self) -> bool {
        self.data_keys > 0 || self.records.values().any(|count| *count > 0)
    }
}

/// How the data keys of one generation are used, those of all tenants together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerationUse {
    /// The generation: a tenant's first data key is of generation 1.
    pub generation: i64,
    /// How many tenants have a data key of it.
    pub data_keys: u64,
    /// How many records are sealed by them.
    pub records: u64,
}

/// What is sealed by what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keyring {
    /// The master keys that any node was ever given, by id.
    pub master_keys: Vec<MasterKeyUse>,
    /// The data keys by generation.
    pub generations: Vec<GenerationUse>,
    /// Records that name no key that is known: they do not open.
    pub unreadable: u64,
}

/// Where a rotation goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rotation {
    /// [`RotationStep::next`] of the step before; none begins.
    pub after: Option<String>,
    /// Tenants whose newest data key is older than this, ms since 1970, get a new one.
    pub data_keys_before_ms: Option<i64>,
}

/// What one step of a rotation did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RotationStep {
    /// Data keys wrapped by the first master key now.
    pub rewrapped: u64,
    /// Data keys made.
    pub made: u64,
    /// Records sealed anew.
    pub resealed: u64,
    /// Data keys and records that do not open; they stay as they are.
    pub failed: u64,
    /// Where the next step goes on; none when this was the last.
    pub next: Option<String>,
}

/// Who sealed the records of one column.
#[derive(Debug, Default)]
struct Census {
    by_master_key: BTreeMap<String, BTreeMap<String, u64>>,
    by_generation: BTreeMap<i64, u64>,
    unreadable: u64,
}

fn count(row: &Row) -> Result<u64, StoreError> {
    Ok(u64::try_from(row.integer("held")?).unwrap_or(0))
}

impl Sealer {
    /// Looks at the head of every sealed record.
    async fn census(&self) -> Result<Census, StoreError> {
        let mut census = Census::default();
        for column in SEALED_COLUMNS {
            let mut after = column.key.start();
            loop {
                let rows = self.page(column, after).await?;
                let Some(last) = rows.last() else { break };
                after = column.key.after(last)?;
                for row in &rows {
                    match Sealed::read(&row.bytes("head")?) {
                        Some(Sealed::DataKey { generation, .. }) => {
                            *census.by_generation.entry(generation).or_default() += 1;
                        }
                        Some(Sealed::MasterKey { id, .. }) => {
                            let columns = census.by_master_key.entry(id.to_owned()).or_default();
                            *columns.entry(column.name()).or_default() += 1;
                        }
                        None => census.unreadable += 1,
                    }
                }
            }
        }
        Ok(census)
    }

    async fn page(&self, column: &SealedColumn, mut after: Vec<Argument>) -> Result<Vec<Row>, StoreError> {
        after.extend(arguments![RECORDS_OF_A_PAGE]);
        Ok(self.database().read(&Scope::Operator, column.page, after).await?)
    }

    /// How many data keys each master key wraps.
    async fn wrapped(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let sql = "SELECT kek_id, CAST(COUNT(*) AS BIGINT) AS held FROM tenant_keys GROUP BY kek_id";
        let rows = self.database().read(&Scope::Operator, sql, Vec::new()).await?;
        rows.iter()
            .map(|row| Ok((row.text("kek_id")?, count(row)?)))
            .collect()
    }

    /// Refuses keys with which this node could serve only half: a master key that is still needed and was not given, or
    /// given with other bytes, or a first key that was retired.
    pub(crate) async fn check_keys(&self) -> Result<(), StoreError> {
        let ids = self.service.ids();
        let name = "INSERT INTO master_keys (id, created_at_ms) VALUES ($1, {now_ms}) \
                    ON CONFLICT (id) DO NOTHING RETURNING id";
        for id in ids {
            let arguments = arguments![id.as_str()];
            self.database().write(&Scope::Operator, name, arguments).await?;
        }
        for id in self.retired().await?.keys().filter(|id| ids.contains(id)) {
            if id == self.first_id() {
                return Err(StoreError::configuration(format!(
                    "master_keys: the first key `{id}` was retired: put the key that wraps now first, and leave it out"
                )));
            }
            tracing::warn!(master_key = %id, "this master key was retired and nothing needs it: take it off the list");
        }
        for (id, data_keys) in self.wrapped().await? {
            if !ids.contains(&id) {
                return Err(StoreError::configuration(format!(
                    "master_keys: `{id}` is not on the list and still wraps {data_keys} data keys: put it back, behind \
                     the first, and run `crosswalk keys rotate` before it goes"
                )));
            }
            self.check_bytes(&id).await?;
        }
        self.check_records().await
    }

    /// That the key which was given under an id is the one that wrapped.
    async fn check_bytes(&self, id: &str) -> Result<(), StoreError> {
        let sql = "SELECT tenant_id, generation, wrapped_key FROM tenant_keys WHERE kek_id = $1 LIMIT 1";
        let rows = self
            .database()
            .read(&Scope::Operator, sql, arguments![id])
            .await?;
        let Some(row) = rows.first() else { return Ok(()) };
        let (tenant, generation) = (row.text("tenant_id")?, row.integer("generation")?);
        match self
            .unwrap_bytes(&tenant, generation, &row.bytes("wrapped_key")?)
            .await
        {
            Err(StoreError::Seal { .. }) => Err(StoreError::configuration(format!(
                "master_keys: what `{id}` wrapped does not unwrap: the list has other bytes under this id"
            ))),
            Err(error) => Err(error),
            Ok(_) => Ok(()),
        }
    }

    /// Records from before there were data keys are looked for until none is left.
    async fn check_records(&self) -> Result<(), StoreError> {
        let known = "SELECT name FROM sealing_facts WHERE name = $1";
        let known = self
            .database()
            .read(&Scope::Operator, known, arguments![NONE_BY_MASTER_KEYS]);
        if !known.await?.is_empty() {
            return Ok(());
        }
        let census = self.census().await?;
        let ids = self.service.ids();
        if let Some((id, columns)) = census.by_master_key.iter().find(|(id, _)| !ids.contains(id)) {
            return Err(StoreError::configuration(format!(
                "master_keys: `{id}` is not on the list and still seals {}: put it back, behind the first, and run \
                 `crosswalk keys rotate` before it goes",
                described(columns)
            )));
        }
        if census.by_master_key.is_empty() {
            let fact = "INSERT INTO sealing_facts (name, since_ms) VALUES ($1, {now_ms}) \
                        ON CONFLICT (name) DO NOTHING RETURNING name";
            let arguments = arguments![NONE_BY_MASTER_KEYS];
            self.database().write(&Scope::Operator, fact, arguments).await?;
        }
        Ok(())
    }

    /// Every master key that was ever named, with the time of its retirement.
    async fn known(&self) -> Result<BTreeMap<String, Option<i64>>, StoreError> {
        let sql = "SELECT id, retired_at_ms FROM master_keys";
        let rows = self.database().read(&Scope::Operator, sql, Vec::new()).await?;
        rows.iter()
            .map(|row| Ok((row.text("id")?, row.optional_integer("retired_at_ms")?)))
            .collect()
    }

    async fn retired(&self) -> Result<BTreeMap<String, i64>, StoreError> {
        let known = self.known().await?;
        Ok(known.into_iter().filter_map(|(id, at)| Some((id, at?))).collect())
    }

    async fn keyring(&self) -> Result<Keyring, StoreError> {
        let sql = "SELECT generation, CAST(COUNT(*) AS BIGINT) AS held FROM tenant_keys WHERE tenant_id <> $1 \
                   GROUP BY generation";
        let rows = self
            .database()
            .read(&Scope::Operator, sql, arguments![NO_TENANT])
            .await?;
        let mut data_keys: BTreeMap<i64, u64> = BTreeMap::new();
        for row in &rows {
            data_keys.insert(row.integer("generation")?, count(row)?);
        }
        let (known, wrapped) = (self.known().await?, self.wrapped().await?);
        let mut census = self.census().await?;
        let ids = self.service.ids();
        let mut every: BTreeSet<&String> = known.keys().chain(wrapped.keys()).collect();
        every.extend(ids);
        let master_by: Vec<String> = census.by_master_key.keys().cloned().collect();
        every.extend(&master_by);
        let master_keys = every.into_iter().map(|id| MasterKeyUse {
            id: id.clone(),
            is_configured: ids.contains(id),
            is_first: id == self.first_id(),
            retired_at_ms: known.get(id).copied().flatten(),
            data_keys: wrapped.get(id).copied().unwrap_or(0),
            records: census.by_master_key.remove(id).unwrap_or_default(),
        });
        let master_keys = master_keys.collect();
        let every: BTreeSet<i64> = data_keys
            .keys()
            .chain(census.by_generation.keys())
            .copied()
            .collect();
        let generations = every.into_iter().map(|generation| GenerationUse {
            generation,
            data_keys: data_keys.get(&generation).copied().unwrap_or(0),
            records: census.by_generation.get(&generation).copied().unwrap_or(0),
        });
        Ok(Keyring {
            master_keys,
            generations: generations.collect(),
            unreadable: census.unreadable,
        })
    }

    /// Wraps a batch of data keys by the first master key.
    async fn rewrap(&self, after: &str, step: &mut RotationStep) -> Result<Option<String>, StoreError> {
        let (tenant, generation) = after.rsplit_once('/').unwrap_or((after, "0"));
        let generation: i64 = generation.parse().unwrap_or(0);
        let sql = "SELECT tenant_id, generation, wrapped_key FROM tenant_keys WHERE kek_id <> $1 \
                   AND (tenant_id, generation) > ($2, $3) ORDER BY tenant_id, generation LIMIT $4";
        let arguments = arguments![self.first_id(), tenant, generation, KEYS_OF_A_BATCH];
        let rows = self.database().read(&Scope::Operator, sql, arguments).await?;
        let mut changes = Vec::with_capacity(rows.len());
        let mut last = None;
        for row in &rows {
            let (tenant, generation) = (row.text("tenant_id")?, row.integer("generation")?);
            last = Some(format!("{tenant}/{generation}"));
            let old = row.bytes("wrapped_key")?;
            match self.unwrap_bytes(&tenant, generation, &old).await {
                Ok(plain) => {
                    let new = self.wrap_bytes(&tenant, generation, &plain).await?;
                    changes.push(arguments![tenant, generation, old, new, self.first_id()]);
                }
                Err(StoreError::Seal { .. }) => step.failed += 1,
                Err(error) => return Err(error),
            }
        }
        if !changes.is_empty() {
            let swap = "UPDATE tenant_keys SET wrapped_key = $4, kek_id = $5 \
                        WHERE tenant_id = $1 AND generation = $2 AND wrapped_key = $3 RETURNING generation";
            let mut transaction = self.begin_wrapping().await?;
            for arguments in changes {
                step.rewrapped += transaction.run(swap, arguments).await?.len() as u64;
            }
            transaction.commit().await?;
        }
        Ok(last)
    }

    /// Makes a data key for each of a batch of tenants whose newest is too old.
    async fn make_new(
        &self,
        after: &str,
        before_ms: i64,
        step: &mut RotationStep,
    ) -> Result<Option<String>, StoreError> {
        let sql = "SELECT tenant_id, MAX(generation) AS generation FROM tenant_keys WHERE tenant_id > $1 \
                   AND tenant_id <> $2 GROUP BY tenant_id HAVING MAX(created_at_ms) < $3 ORDER BY tenant_id LIMIT $4";
        let arguments = arguments![after, NO_TENANT, before_ms, KEYS_OF_A_BATCH];
        let rows = self.database().read(&Scope::Operator, sql, arguments).await?;
        let mut last = None;
        for row in &rows {
            let tenant = row.text("tenant_id")?;
            self.make(&tenant, row.integer("generation")? + 1).await?;
            self.announce_newest(&tenant);
            step.made += 1;
            last = Some(tenant);
        }
        Ok(last)
    }

    /// Seals anew what of one page of a column is not sealed by its tenant's newest data key.
    async fn reseal_page(
        &self,
        column: &SealedColumn,
        reseal: Reseal,
        after: &str,
        step: &mut RotationStep,
    ) -> Result<Option<String>, StoreError> {
        let rows = self.page(column, arguments![after]).await?;
        let mut newest: HashMap<String, i64> = HashMap::new();
        let mut last = None;
        for row in &rows {
            let (id, tenant) = (row.text("id")?, row.text("tenant_id")?);
            let wanted = match newest.get(&tenant) {
                Some(generation) => *generation,
                None => self.newest_fresh(&tenant).await?.generation(),
            };
            newest.insert(tenant, wanted);
            let head = row.bytes("head")?;
            let is_newest = matches!(Sealed::read(&head), Some(Sealed::DataKey { generation, .. }) if generation == wanted);
            if !is_newest {
                match self.reseal(column, reseal, &id).await {
                    Ok(changed) => step.resealed += u64::from(changed),
                    Err(StoreError::Seal { .. }) => {
                        tracing::error!(column = %column.name(), row = %id, "a sealed record does not open");
                        step.failed += 1;
                    }
                    Err(error) => return Err(error),
                }
            }
            last = Some(id);
        }
        Ok(last)
    }

    /// Seals one record anew; answers whether it still stood there.
    async fn reseal(&self, column: &SealedColumn, reseal: Reseal, id: &str) -> Result<bool, StoreError> {
        let rows = self
            .database()
            .read(&Scope::Operator, reseal.read, arguments![id])
            .await?;
        let Some(row) = rows.first() else {
            return Ok(false);
        };
        let tenant = row.text("tenant_id")?;
        let place = Place {
            table: column.table,
            column: column.column,
            tenant: &tenant,
            row: id,
            version: row.integer("version")?,
        };
        let old = row.bytes("sealed")?;
        let plain = self.open("record", &place, &old).await?;
        let new = self.seal(&place, &plain).await?;
        let arguments = arguments![id, old, new];
        let rows = self
            .database()
            .write(&Scope::Operator, reseal.write, arguments)
            .await?;
        Ok(!rows.is_empty())
    }

    /// One batch of the stage that `at` names; answers where the next one goes on.
    async fn rotate_batch(
        &self,
        at: &str,
        data_keys_before_ms: Option<i64>,
        step: &mut RotationStep,
    ) -> Result<Option<String>, StoreError> {
        let (stage, after) = at.split_once('/').unwrap_or((at, ""));
        let stages: Vec<String> = [WRAPPING, MAKING]
            .into_iter()
            .map(str::to_owned)
            .chain(SEALED_COLUMNS.iter().map(SealedColumn::name))
            .collect();
        let Some(index) = stages.iter().position(|name| name == stage) else {
            return Err(StoreError::invalid(format!(
                "`after` must be what the step before answered, in one of the stages {}",
                stages.join(", ")
            )));
        };
        let column = SEALED_COLUMNS.iter().find(|column| column.name() == stage);
        let last = match (stage, data_keys_before_ms, column) {
            (WRAPPING, _, _) => self.rewrap(after, step).await?,
            (MAKING, Some(before_ms), _) => self.make_new(after, before_ms, step).await?,
            (_, _, Some(column)) => match column.reseal {
                Some(reseal) => self.reseal_page(column, reseal, after, step).await?,
                None => None,
            },
            _ => None,
        };
        Ok(match last {
            Some(last) => Some(format!("{stage}/{last}")),
            None => stages.get(index + 1).cloned(),
        })
    }

    /// What the key is needed for yet, or nothing.
    async fn retire(&self, id: &str) -> Result<(), StoreError> {
        if id == self.first_id() {
            return Err(StoreError::conflict(format!(
                "`{id}` is the first key of this node: it wraps what is new. Put another one first on every node"
            )));
        }
        let records = self.census().await?.by_master_key.remove(id).unwrap_or_default();
        let mark = "UPDATE master_keys SET retired_at_ms = COALESCE(retired_at_ms, {now_ms}) WHERE id = $1 RETURNING id";
        let wraps = "SELECT CAST(COUNT(*) AS BIGINT) AS held FROM tenant_keys WHERE kek_id = $1";
        // Marked first: whoever is about to wrap with it waits for this transaction, or is counted by it.
        let mut transaction = self.database().begin(&Scope::Operator).await?;
        if transaction.run(mark, arguments![id]).await?.is_empty() {
            return Err(StoreError::NotFound);
        }
        let rows = transaction.run(wraps, arguments![id]).await?;
        let data_keys = rows.first().map_or(Ok(0), count)?;
        if data_keys > 0 || !records.is_empty() {
            let sealed = if records.is_empty() {
                String::new()
            } else {
                format!(" and seals {}", described(&records))
            };
            return Err(StoreError::conflict(format!(
                "`{id}` still wraps {data_keys} data keys{sealed}: run `crosswalk keys rotate` first; what stands in \
                 columns that are not sealed anew ends by itself within its time"
            )));
        }
        Ok(transaction.commit().await?)
    }
}

/// `12 records (connections.sealed_tokens: 12)`.
fn described(columns: &BTreeMap<String, u64>) -> String {
    let parts: Vec<String> = columns
        .iter()
        .map(|(name, count)| format!("{name}: {count}"))
        .collect();
    let total: u64 = columns.values().sum();
    format!("{total} records ({})", parts.join(", "))
}

impl Store {
    /// What is sealed by which key. Looks at every sealed record's first bytes, in pages.
    pub async fn keyring(&self, _: &Operator) -> Result<Keyring, StoreError> {
        self.inner.sealer.keyring().await
    }

    /// One step of a rotation, about a second's work: data keys are wrapped by the first master key, data keys that are
    /// too old get a successor, and records are sealed anew that their tenant's newest data key did not seal. Any number
    /// of these may run at once, on any node, beside everything else.
    pub async fn rotate_keys(&self, _: &Operator, rotation: &Rotation) -> Result<RotationStep, StoreError> {
        let begun = Instant::now();
        let mut step = RotationStep::default();
        let mut at = rotation.after.clone().unwrap_or_else(|| WRAPPING.to_owned());
        loop {
            let batch = self
                .inner
                .sealer
                .rotate_batch(&at, rotation.data_keys_before_ms, &mut step);
            match batch.await? {
                Some(next) if begun.elapsed() < STEP => at = next,
                next => {
                    step.next = next;
                    return Ok(step);
                }
            }
        }
    }

    /// Records that a master key is no longer used, once nothing needs it; a conflict tells what does. Not found: no node
    /// was ever given a key of this id.
    pub async fn retire_master_key(&self, _: &Operator, id: &str) -> Result<(), StoreError> {
        self.inner.sealer.retire(id).await
    }

    /// The database's clock, ms since 1970.
    pub async fn database_now_ms(&self, _: &Operator) -> Result<i64, StoreError> {
        let sql = "SELECT {now_ms} AS now_ms";
        let rows = self
            .inner
            .database
            .read(&Scope::Operator, sql, Vec::new())
            .await?;
        rows.first()
            .map_or(Err(StoreError::Corrupt { what: "clock" }), |row| {
                row.integer("now_ms")
            })
    }
}
