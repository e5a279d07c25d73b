//! Worlds to test in: a database of its own, tenants, connections, counters.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use model::{Clock, OsRandom, Secret, SystemClock};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use store::{
    Caller, Connection, MasterKey, NewApiKey, NewCredentials, Operator, Store, StoreConfig, StoreError,
    Tenant, Tokens,
};
use tempfile::TempDir;

pub(crate) const OPERATOR_KEY: &str = "operator-key-of-the-tests";

#[expect(
    clippy::disallowed_methods,
    reason = "tests are configured by the environment"
)]
pub(crate) fn environment(name: &str) -> Option<String> {
    let value = std::env::var(name).ok();
    if value.is_none() {
        eprintln!("skipped: {name} is not set");
    }
    value
}

pub(crate) fn random_name() -> String {
    let id = model::RequestId::generate(&OsRandom);
    id.as_str()
        .trim_start_matches(model::RequestId::PREFIX)
        .to_owned()
}

/// One database, as a fresh installation finds it.
pub(crate) struct World {
    pub(crate) config: StoreConfig,
    pub(crate) dir: TempDir,
    postgres: Option<PostgresWorld>,
}

struct PostgresWorld {
    admin_url: String,
    own_admin_url: String,
    name: String,
}

fn with_database(url: &str, user: Option<&str>, database: &str) -> String {
    let mut options = url_parts::parse(url);
    if let Some(user) = user {
        user.clone_into(&mut options.user_info);
    }
    format!("postgres://{}@{}/{database}", options.user_info, options.host)
}

mod url_parts {
    pub(super) struct Parts {
        pub(super) user_info: String,
        pub(super) host: String,
    }

    /// Takes `postgres://user:password@host:port/database` apart.
    pub(super) fn parse(url: &str) -> Parts {
        let rest = url.split_once("://").expect("an address").1;
        let (user_info, rest) = rest
            .split_once('@')
            .expect("CROSSWALK_TEST_POSTGRES_URL names a user");
        let host = rest.split('/').next().expect("a host");
        Parts {
            user_info: user_info.to_owned(),
            host: host.to_owned(),
        }
    }
}

async fn run_on_postgres(url: &str, sql: String) -> u64 {
    let mut connection = PgConnection::connect(url).await.expect("Postgres answers");
    let done = sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await
        .expect("the statement runs");
    connection.close().await.expect("closes");
    done.rows_affected()
}

impl World {
    fn new(database_url: String, dir: TempDir, postgres: Option<PostgresWorld>) -> Self {
        let config = StoreConfig {
            database_url: Secret::new(database_url),
            redis_url: None,
            data_dir: Some(dir.path().join("data")),
            master_keys: vec![MasterKey {
                id: "k1".to_owned(),
                key: Secret::new("ab".repeat(32)),
            }],
            operator_key: Some(Secret::new(OPERATOR_KEY)),
            pool_max: 10,
        };
        Self {
            config,
            dir,
            postgres,
        }
    }

    pub(crate) fn sqlite() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let url = format!("sqlite://{}", dir.path().join("store.db").display());
        Self::new(url, dir, None)
    }

    /// A database of its own with a role that owns it and is no superuser.
    pub(crate) async fn postgres() -> Option<Self> {
        let admin_url = environment("CROSSWALK_TEST_POSTGRES_URL")?;
        let name = format!("cw_{}", random_name());
        let role = format!("CREATE ROLE {name} LOGIN PASSWORD 'test' NOSUPERUSER NOBYPASSRLS");
        run_on_postgres(&admin_url, role).await;
        run_on_postgres(&admin_url, format!("CREATE DATABASE {name} OWNER {name}")).await;
        let url = with_database(&admin_url, Some(&format!("{name}:test")), &name);
        let own_admin_url = with_database(&admin_url, None, &name);
        let dir = tempfile::tempdir().expect("a directory");
        Some(Self::new(
            url,
            dir,
            Some(PostgresWorld {
                admin_url,
                own_admin_url,
                name,
            }),
        ))
    }

    pub(crate) async fn end(self) {
        if let Some(postgres) = self.postgres {
            run_on_postgres(
                &postgres.admin_url,
                format!("DROP DATABASE {} WITH (FORCE)", postgres.name),
            )
            .await;
            run_on_postgres(&postgres.admin_url, format!("DROP ROLE {}", postgres.name)).await;
        }
    }

    pub(crate) async fn store(&self) -> Store {
        self.store_with(Arc::new(SystemClock)).await
    }

    pub(crate) async fn store_with(&self, clock: Arc<dyn Clock>) -> Store {
        Store::open(self.config.clone(), clock, Arc::new(OsRandom))
            .await
            .expect("the store opens")
    }

    /// A store of another node: same database, own data folder.
    pub(crate) async fn other_node(&self) -> Store {
        let mut config = self.config.clone();
        config.data_dir = Some(self.dir.path().join(random_name()));
        Store::open(config, Arc::new(SystemClock), Arc::new(OsRandom))
            .await
            .expect("the other node opens")
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.postgres.is_some()
    }

    pub(crate) fn spill_dir(&self) -> PathBuf {
        self.dir.path().join("data").join("rotated")
    }

    /// Cuts every connection of the role to its Postgres; `and_stay_away` also lets no new one in.
    pub(crate) async fn cut_postgres(&self, and_stay_away: bool) {
        let postgres = self.postgres.as_ref().expect("a world on Postgres");
        let name = &postgres.name;
        let allow = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {}", !and_stay_away);
        run_on_postgres(&postgres.admin_url, allow).await;
        let cut = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{name}'");
        run_on_postgres(&postgres.admin_url, cut).await;
    }

    /// Changes rows behind the store's back, past every wall; answers how many.
    pub(crate) async fn tamper(&self, sql: &str) -> u64 {
        if let Some(postgres) = &self.postgres {
            return run_on_postgres(&postgres.own_admin_url, sql.to_owned()).await;
        }
        let path = self.dir.path().join("store.db");
        let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display()))
            .await
            .expect("the file opens");
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::raw_sql(sql)
            .execute(&mut connection)
            .await
            .expect("the statement runs")
            .rows_affected()
    }
}

/// Runs each named test on SQLite, and on Postgres where there is one.
macro_rules! on_both_databases {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&crate::support::World::sqlite()).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test]
            async fn $name() {
                if let Some(world) = crate::support::World::postgres().await {
                    super::$name(&world).await;
                    world.end().await;
                }
            })+
        }
    };
}
pub(crate) use on_both_databases;

pub(crate) async fn operator(store: &Store) -> Operator {
    match store.authenticate(OPERATOR_KEY).await {
        Ok(Caller::Operator(operator)) => operator,
        other => panic!("the operator key is accepted: {other:?}"),
    }
}

/// A new tenant, authenticated, and its key.
pub(crate) async fn tenant_and_key(store: &Store) -> (Tenant, Secret) {
    let operator = operator(store).await;
    let tenant = store.create_tenant(&operator, "Acme").await.expect("a tenant");
    let new = NewApiKey {
        name: "first".to_owned(),
        test: false,
        scopes: Vec::new(),
        expires_at_ms: None,
    };
    let (_, key) = store
        .create_api_key(&operator, &tenant.id, new)
        .await
        .expect("a key");
    match store.authenticate(key.expose()).await {
        Ok(Caller::Tenant(caller)) => (caller.tenant, key),
        other => panic!("the key is accepted: {other:?}"),
    }
}

pub(crate) async fn tenant(store: &Store) -> Tenant {
    tenant_and_key(store).await.0
}

pub(crate) fn tokens(access: &str, refresh: Option<&str>) -> Tokens {
    Tokens {
        access_token: Secret::new(access),
        refresh_token: refresh.map(Secret::new),
    }
}

pub(crate) fn credentials(external_id: Option<&str>) -> NewCredentials {
    NewCredentials {
        connection_id: None,
        provider: "testcrm".to_owned(),
        environment: "production".to_owned(),
        login_url: "https://login.example".to_owned(),
        external_id: external_id.map(str::to_owned),
        instance_url: Some("https://org.example".to_owned()),
        account_id: Some("account-1".to_owned()),
        user_id: Some("user-1".to_owned()),
        scopes: vec!["api".to_owned(), "refresh_token".to_owned()],
        tokens: tokens("access-1", Some("refresh-1")),
        access_expires_at_ms: Some(5_000),
    }
}

pub(crate) async fn connection(store: &Store, tenant: &Tenant) -> Connection {
    store
        .save_new_credentials(tenant, credentials(None))
        .await
        .expect("a connection")
}

/// That two answers are the same refusal, to the letter.
pub(crate) fn assert_not_found<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
    let error = answer.expect_err("must not be found");
    assert_eq!(error, StoreError::NotFound);
}

/// Counters of the code that runs on this thread.
#[derive(Clone, Default)]
pub(crate) struct Counters(Arc<Mutex<HashMap<String, Arc<Count>>>>);

#[derive(Default)]
struct Count(std::sync::atomic::AtomicU64);

impl CounterFn for Count {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, std::sync::atomic::Ordering::SeqCst);
    }
    fn absolute(&self, value: u64) {
        self.0.store(value, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Counters {
    pub(crate) fn get(&self, name: &str) -> u64 {
        let counters = self.0.lock().expect("not poisoned");
        counters
            .get(name)
            .map_or(0, |count| count.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let mut counters = self.0.lock().expect("not poisoned");
        Counter::from_arc(Arc::clone(counters.entry(key.name().to_owned()).or_default()))
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// Waits until `check` holds, or fails after five seconds.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, check: impl Fn() -> F) {
    for _ in 0..100 {
        if check().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("never happened: {what}");
}
