//! A world for one test: the fake provider, a store, a tenant, a connection, and the crate between them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use mapping::Catalog;
use model::{Clock, Limits, OsRandom, Secret, SystemClock};
use provider::{App, ProviderSettings, Providers};
use sqlx::{Connection as _, SqliteConnection};
use store::{
    Caller, Connection, MasterKey, NewApiKey, NewCredentials, RefreshClaim, Refreshed, Store, StoreConfig,
    Tenant, Tokens,
};
use tempfile::TempDir;

use crate::fake::Fake;

const OPERATOR_KEY: &str = "operator-key-of-a-test";

pub(crate) struct World {
    pub(crate) fake: Arc<Fake>,
    pub(crate) store: Store,
    pub(crate) tenant: Tenant,
    pub(crate) connection: Arc<Connection>,
    pub(crate) providers: Providers,
    pub(crate) dir: TempDir,
}

pub(crate) fn store_config(dir: &Path) -> StoreConfig {
    StoreConfig {
        database_url: Secret::new(format!("sqlite://{}", dir.join("store.db").display())),
        redis_url: None,
        data_dir: Some(dir.join("data")),
        master_keys: vec![MasterKey {
            id: "k1".to_owned(),
            key: Secret::new("ab".repeat(32)),
        }],
        operator_key: Some(Secret::new(OPERATOR_KEY)),
        pool_max: 10,
    }
}

pub(crate) fn providers(fake: &Fake, store: &Store, limits: Limits, clock: Arc<dyn Clock>) -> Providers {
    providers_at(&fake.origin, fake, store, limits, clock)
}

/// As [`providers`], with a login origin of its own.
pub(crate) fn providers_at(
    login: &str,
    fake: &Fake,
    store: &Store,
    limits: Limits,
    clock: Arc<dyn Clock>,
) -> Providers {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/provider/mappings");
    let catalog = Catalog::from_dir(&folder).unwrap();
    let app = || App {
        client_id: "client".to_owned(),
        client_secret: Some(Secret::new("s3cret&=")),
        login_urls: HashMap::from([("production".to_owned(), login.to_owned())]),
        api_url: None,
        api_version: None,
    };
    let settings = ProviderSettings {
        public_url: "https://crosswalk.example.com/".to_owned(),
        apps: ["acme", "basic"].map(|name| (name.to_owned(), app())).into(),
        egress_allow: vec![fake.origin.clone(), login.to_owned()],
        webhook_allow: vec![fake.origin.clone()],
        limits,
    };
    Providers::new(&catalog, store.clone(), settings, clock, Arc::new(OsRandom)).unwrap()
}

impl World {
    /// The connection's access token is over; refresh-1 gets a new one.
    pub(crate) async fn new() -> Self {
        Self::with(Limits::default(), Arc::new(SystemClock), Some("refresh-1")).await
    }

    pub(crate) async fn with(limits: Limits, clock: Arc<dyn Clock>, refresh_token: Option<&str>) -> Self {
        let fake = Fake::start().await;
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(
            store_config(dir.path()),
            Arc::new(SystemClock),
            Arc::new(OsRandom),
        )
        .await
        .unwrap();
        let tenant = tenant(&store).await;
        let connection = connection(&store, &tenant, &fake, refresh_token).await;
        let providers = providers(&fake, &store, limits, clock);
        Self {
            fake,
            store,
            tenant,
            connection,
            providers,
            dir,
        }
    }

    /// The connection as the store has it now.
    pub(crate) async fn now(&self) -> Arc<Connection> {
        self.store
            .connection(&self.tenant, &self.connection.id)
            .await
            .unwrap()
    }

    pub(crate) async fn stored(&self) -> (i64, String, Option<String>) {
        let row = self
            .store
            .tokens_fresh(&self.tenant, &self.connection.id)
            .await
            .unwrap();
        let refresh = row
            .tokens
            .refresh_token
            .as_ref()
            .map(|token| token.expose().to_owned());
        (row.version, row.tokens.access_token.expose().to_owned(), refresh)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<provider::Reply, provider::CallError> {
        let connection = self.now().await;
        self.providers
            .send(&self.tenant, &connection, provider::Call::get(path))
            .await
    }

    /// What another node does: takes the claim over, and saves tokens above `version`.
    pub(crate) async fn another_node_saves(&self, version: i64, access_token: &str, refresh_token: &str) {
        self.tamper("UPDATE connections SET refresh_lease_until_ms = 0")
            .await;
        let (store, id) = (&self.store, &self.connection.id);
        let claim = store
            .claim_refresh(&self.tenant, id, version, "other", 25_000)
            .await
            .unwrap();
        let RefreshClaim::Claimed { fence, .. } = claim else {
            panic!("{claim:?}")
        };
        let refreshed = Refreshed {
            tokens: Tokens {
                access_token: Secret::new(access_token),
                refresh_token: Some(Secret::new(refresh_token)),
            },
            instance_url: None,
            scopes: None,
            access_expires_at_ms: None,
            was_refused: false,
        };
        store
            .save_refreshed(&self.tenant, id, version, fence, &refreshed)
            .await
            .unwrap();
    }

    /// Reads a number behind the store's back.
    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        let mut connection = self.own_connection().await;
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
    }

    async fn own_connection(&self) -> SqliteConnection {
        let path = self.dir.path().join("store.db");
        SqliteConnection::connect(&format!("sqlite://{}", path.display()))
            .await
            .unwrap()
    }

    /// Runs SQL behind the store's back.
    pub(crate) async fn tamper(&self, sql: &str) {
        let mut connection = self.own_connection().await;
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    }
}

/// A connection whose access token is over.
pub(crate) async fn connection(
    store: &Store,
    tenant: &Tenant,
    fake: &Fake,
    refresh_token: Option<&str>,
) -> Arc<Connection> {
    connection_with(store, tenant, fake, "access-1", refresh_token, None).await
}

pub(crate) async fn connection_with(
    store: &Store,
    tenant: &Tenant,
    fake: &Fake,
    access_token: &str,
    refresh_token: Option<&str>,
    access_expires_at_ms: Option<i64>,
) -> Arc<Connection> {
    let new = NewCredentials {
        access_expires_at_ms,
        ..new_credentials(fake, access_token, refresh_token)
    };
    Arc::new(store.save_new_credentials(tenant, new).await.unwrap())
}

pub(crate) fn new_credentials(
    fake: &Fake,
    access_token: &str,
    refresh_token: Option<&str>,
) -> NewCredentials {
    NewCredentials {
        connection_id: None,
        provider: "acme".to_owned(),
        environment: "production".to_owned(),
        login_url: fake.origin.clone(),
        external_id: None,
        instance_url: Some(fake.origin.clone()),
        account_id: Some("account-1".to_owned()),
        user_id: None,
        scopes: Vec::new(),
        tokens: Tokens {
            access_token: Secret::new(access_token),
            refresh_token: refresh_token.map(Secret::new),
        },
        access_expires_at_ms: None,
    }
}

pub(crate) async fn tenant(store: &Store) -> Tenant {
    let operator = match store.authenticate(OPERATOR_KEY).await {
        Ok(Caller::Operator(operator)) => operator,
        other => panic!("the operator key is accepted: {other:?}"),
    };
    let tenant = store.create_tenant(&operator, "Acme").await.unwrap();
    let new = NewApiKey {
        name: "first".to_owned(),
        test: false,
        scopes: Vec::new(),
        expires_at_ms: None,
    };
    let (_, key) = store.create_api_key(&operator, &tenant.id, new).await.unwrap();
    match store.authenticate(key.expose()).await {
        Ok(Caller::Tenant(caller)) => caller.tenant,
        other => panic!("the key is accepted: {other:?}"),
    }
}
