//! Opening and closing the store.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use model::{Clock, Random, Secret};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

use crate::api_keys::{CachedKey, LastUses};
use crate::cache::Cache;
use crate::changes::{self, Changes, Topic};
use crate::database::Database;
use crate::leases::LocalLeases;
use crate::readiness::LastReadiness;
use crate::redis_link::RedisLink;
use crate::sealer::{NO_TENANT, Sealer};
use crate::sealing::Place;
use crate::sweeps;
use crate::witness::Witness;
use crate::{Connection, KeyService, MappingOverride, MasterKey, MasterKeys, StoreError, VersionedTokens};
use model::ConnectionId;

/// Shortest operator key: below this it could be guessed.
const OPERATOR_KEY_MIN_CHARS: usize = 16;
/// Most connections, keys or pairs of tokens kept in memory.
const CACHED_ROWS_MAX: u64 = 100_000;
/// Most bytes of override documents kept in memory.
const CACHED_OVERRIDES_MAX_BYTES: u64 = 128 << 20;
const LOCK_FILE: &str = "crosswalk.lock";

/// What the store needs to know.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// `postgres://user:password@host/database`, or `sqlite://path` of a file.
    pub database_url: Secret,
    /// `redis://host:port/database`. Without it leases are of this process, and other nodes hear of changes within 2 s.
    pub redis_url: Option<Secret>,
    /// Where a rotated token is kept while the database does not take it. With SQLite also locked against a second
    /// process, and by default the folder of the database file.
    pub data_dir: Option<PathBuf>,
    /// The first wraps data keys, all unwrap them. Not used by [`Store::open_with`].
    pub master_keys: Vec<MasterKey>,
    /// The operator's key, at least 16 characters; without it nobody is the operator.
    pub operator_key: Option<Secret>,
    /// Most connections to the database.
    pub pool_max: u32,
}

/// Everything remembered or coordinated. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Store")
    }
}

pub(crate) struct Inner {
    pub(crate) database: Database,
    pub(crate) redis: Option<Arc<RedisLink>>,
    pub(crate) leases: LocalLeases,
    pub(crate) sealer: Sealer,
    pub(crate) operator_key_hash: Option<[u8; 32]>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) changes: Arc<Changes>,
    pub(crate) keys: Cache<Arc<CachedKey>>,
    pub(crate) connections: Cache<Arc<Connection>>,
    pub(crate) external_ids: Cache<ConnectionId>,
    pub(crate) tokens: Cache<Arc<VersionedTokens>>,
    pub(crate) overrides: Cache<Arc<Vec<MappingOverride>>>,
    pub(crate) last_uses: Arc<LastUses>,
    pub(crate) last_readiness: LastReadiness,
    pub(crate) witness: Arc<Witness>,
    pub(crate) spill_dir: Option<PathBuf>,
    /// Told when this node may have recorded an event.
    pub(crate) webhooks_due: Arc<Notify>,
    tasks: Vec<AbortHandle>,
    locks: Mutex<Vec<File>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// The hash that stands for a secret in the database.
pub(crate) fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _infallible = write!(text, "{byte:02x}");
            text
        })
}

fn unusable(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::configuration(format!("cannot use {}: {}", path.display(), error.kind()))
}

/// Creates a folder that only this user may enter.
fn create_private_dir(dir: &Path) -> Result<(), StoreError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|error| unusable(dir, &error))
}

/// Locks a file for as long as the answer lives. The operating system frees it also when the process is killed.
fn lock(path: &Path) -> Result<File, StoreError> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|error| unusable(path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::configuration(format!(
            "another crosswalk process is using {}: SQLite serves one process; stop the other one, or use Postgres",
            path.display()
        ))),
        Err(std::fs::TryLockError::Error(error)) => Err(unusable(path, &error)),
    }
}

/// The file named by an `sqlite:` address.
fn sqlite_file(address: &str) -> Result<&Path, StoreError> {
    let path = address.strip_prefix("//").unwrap_or(address);
    if path.is_empty() || path.contains(":memory:") || path.contains('?') {
        return Err(StoreError::configuration(
            "database_url is not valid: expected sqlite://path of a file, without parameters",
        ));
    }
    Ok(Path::new(path))
}

struct Opened {
    database: Database,
    data_dir: Option<PathBuf>,
    locks: Vec<File>,
}

async fn open_database(config: &StoreConfig) -> Result<Opened, StoreError> {
    let url = config.database_url.expose();
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        if let Some(dir) = &config.data_dir {
            create_private_dir(dir)?;
        }
        let database = Database::postgres(url, config.pool_max).await?;
        return Ok(Opened {
            database,
            data_dir: config.data_dir.clone(),
            locks: Vec::new(),
        });
    }
    let Some(address) = url.strip_prefix("sqlite:") else {
        return Err(StoreError::configuration(
            "database_url is not valid: expected postgres://… or sqlite://path",
        ));
    };
    let file = sqlite_file(address)?;
    let parent = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    create_private_dir(parent)?;
    // A symbolic link must not be a second door to one file.
    let file = match file.canonicalize() {
        Ok(file) => file,
        Err(_) => parent
            .canonicalize()
            .map_err(|error| unusable(parent, &error))?
            .join(file.file_name().unwrap_or_default()),
    };
    let data_dir = config.data_dir.clone().unwrap_or_else(|| parent.to_path_buf());
    create_private_dir(&data_dir)?;
    let mut beside_database = file.clone().into_os_string();
    beside_database.push(".lock");
    // Both: one data folder must not serve two databases, nor one database two data folders.
    let locks = vec![
        lock(&data_dir.join(LOCK_FILE))?,
        lock(Path::new(&beside_database))?,
    ];
    let database = Database::sqlite(&file, config.pool_max).await?;
    Ok(Opened {
        database,
        data_dir: Some(data_dir),
        locks,
    })
}

fn operator_key_hash(config: &StoreConfig) -> Result<Option<[u8; 32]>, StoreError> {
    let Some(key) = &config.operator_key else {
        return Ok(None);
    };
    if key.expose().chars().count() < OPERATOR_KEY_MIN_CHARS {
        return Err(StoreError::configuration(format!(
            "operator_key is too short: give at least {OPERATOR_KEY_MIN_CHARS} characters"
        )));
    }
    Ok(Some(hash(key.expose())))
}

fn weigh_overrides(overrides: &Arc<Vec<MappingOverride>>) -> u32 {
    let bytes: usize = overrides.iter().map(|one| one.document.len() + 256).sum();
    u32::try_from(bytes + 256).unwrap_or(u32::MAX)
}

impl Store {
    /// Opens the store with the configuration's master keys: checks the configuration, takes the locks, migrates, and
    /// applies tokens that a former process could not save. Redis may be absent or dead.
    pub async fn open(
        config: StoreConfig,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, StoreError> {
        let keys = Arc::new(MasterKeys::new(&config.master_keys, Arc::clone(&random))?);
        Self::open_with(config, keys, clock, random).await
    }

    /// The same with master keys that somebody else holds.
    pub async fn open_with(
        config: StoreConfig,
        key_service: Arc<dyn KeyService>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, StoreError> {
        let operator_key_hash = operator_key_hash(&config)?;
        let redis = config
            .redis_url
            .as_ref()
            .map(|url| RedisLink::new(url.expose()))
            .transpose()?
            .map(Arc::new);
        let Opened {
            database,
            data_dir,
            locks,
        } = open_database(&config).await?;
        // Of a shared database other nodes save too, and a file of this one would not hear of it.
        let witness_dir = data_dir.as_deref().filter(|_| !database.is_shared());
        let witness = Arc::new(Witness::open(redis.clone(), witness_dir)?);
        let spill_dir = data_dir.map(|dir| dir.join("rotated"));
        if let Some(dir) = &spill_dir {
            create_private_dir(dir)?;
        }

        let is_shared = database.is_shared();
        let mut tasks = Vec::new();
        let (outbox, inbox) = redis.as_ref().map(|_| mpsc::unbounded_channel()).unzip();
        let changes = Arc::new(Changes::new(is_shared, outbox));
        let mut sealer = Sealer::new(
            key_service,
            database.clone(),
            &changes,
            &clock,
            Arc::clone(&random),
        )?;
        sealer.check_keys().await?;
        sealer.open_house().await?;
        if let (Some(redis), Some(inbox)) = (&redis, inbox) {
            let node = format!("{:x?}", random.bytes_32());
            tasks.push(tokio::spawn(changes::publish(Arc::clone(redis), node.clone(), inbox)).abort_handle());
            let listening = changes::subscribe(Arc::clone(redis), node, Arc::clone(&changes), is_shared);
            tasks.push(tokio::spawn(listening).abort_handle());
        }
        let last_uses = Arc::new(LastUses::default());
        tasks.push(tokio::spawn(Arc::clone(&last_uses).write_regularly(database.clone())).abort_handle());
        tasks.push(tokio::spawn(sweeps::sweep_regularly(database.clone())).abort_handle());

        let inner = Inner {
            keys: Cache::new(&changes, &clock, CACHED_ROWS_MAX, |_| 1),
            connections: Cache::new(&changes, &clock, CACHED_ROWS_MAX, |_| 1),
            external_ids: Cache::new(&changes, &clock, CACHED_ROWS_MAX, |_| 1),
            tokens: Cache::new(&changes, &clock, CACHED_ROWS_MAX, |_| 1),
            overrides: Cache::new(&changes, &clock, CACHED_OVERRIDES_MAX_BYTES, weigh_overrides),
            database,
            redis,
            leases: LocalLeases::default(),
            sealer,
            operator_key_hash,
            clock,
            random,
            changes,
            last_uses,
            last_readiness: LastReadiness::default(),
            witness,
            spill_dir,
            webhooks_due: Arc::default(),
            tasks,
            locks: Mutex::new(locks),
        };
        let store = Self {
            inner: Arc::new(inner),
        };
        store.recover_spilled().await?;
        store.compare_with_witness().await;
        Ok(store)
    }

    /// Looks for connections that a restored backup set back: at once where the answers lie in memory, else beside the first
    /// requests. It is for telling them; before a refresh each is compared again.
    async fn compare_with_witness(&self) {
        if !self.inner.witness.is_there() {
            return;
        }
        let store = self.clone();
        let compare = async move {
            match store.look_for_restored().await {
                Ok(0) => {}
                Ok(suspects) => tracing::error!(suspects, "connections were set back by a restored backup"),
                Err(error) => tracing::warn!(%error, "connections could not be compared with the witness"),
            }
        };
        if self.inner.database.is_shared() {
            tokio::spawn(compare);
        } else {
            compare.await;
        }
    }

    /// Waits for statements under way, writes what is still to be written, and lets go of database and locks.
    pub async fn close(&self) {
        self.inner.last_uses.write(&self.inner.database).await;
        for task in &self.inner.tasks {
            task.abort();
        }
        self.inner.database.close().await;
        self.inner
            .locks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Runs a change to its end even when the caller goes away in the middle, then makes every node forget `topics`:
    /// also when it failed, because a commit whose answer was lost may have happened.
    pub(crate) async fn detached<T, E>(
        &self,
        topics: Vec<Topic>,
        change: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        E: Into<StoreError> + Send + 'static,
    {
        let changes = Arc::clone(&self.inner.changes);
        let webhooks_due = Arc::clone(&self.inner.webhooks_due);
        let task = tokio::spawn(async move {
            let outcome = change.await.map_err(Into::into);
            changes.announce(&topics);
            // What is announced may be a change of state, and that an event.
            if !topics.is_empty() {
                webhooks_due.notify_one();
            }
            outcome
        });
        task.await
            .unwrap_or_else(|_| Err(StoreError::unavailable("database", "the change was stopped")))
    }

    /// Seals `plain` for `purpose` (a constant, such as `cursor`), bound to `associated`.
    pub fn seal(&self, purpose: &str, associated: &str, plain: &[u8]) -> Vec<u8> {
        self.inner.sealer.seal_loose(&loose(purpose, associated), plain)
    }

    /// Opens what [`Store::seal`] made for the same purpose and `associated`; anything else is [`StoreError::Seal`].
    pub fn open_sealed(&self, purpose: &str, associated: &str, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.inner
            .sealer
            .open_loose("text", &loose(purpose, associated), sealed)
            .map(|plain| plain.to_vec())
    }
}

/// The place of something that is sealed but not stored here.
const fn loose<'a>(purpose: &'a str, associated: &'a str) -> Place<'a> {
    Place {
        table: "sealed",
        column: purpose,
        tenant: NO_TENANT,
        row: associated,
        version: 0,
    }
}
