//! A world to test in: real gateway processes, a simulated org, real databases.
//!
//! Every test that can runs on both databases: `both!(name)` makes `name::sqlite` and `name::postgres`. Without
//! `CROSSWALK_TEST_POSTGRES_URL` and `CROSSWALK_TEST_REDIS_URL` (`./test` sets both) the latter says that it skips.

pub(crate) mod answers;
pub(crate) mod canaries;
pub(crate) mod client;
pub(crate) mod org;
pub(crate) mod process;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use sqlx::Connection as _;

pub(crate) use client::{Client, Reply};
pub(crate) use process::Gateway;

/// Which database the gateways share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// Declares one test on both databases.
macro_rules! both {
    ($name:ident) => {
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name($crate::support::Backend::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if $crate::support::postgres_url().is_some() {
                    super::$name($crate::support::Backend::Postgres).await;
                } else {
                    eprintln!("skipped: set CROSSWALK_TEST_POSTGRES_URL, as ./test does");
                }
            }
        }
    };
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by ./test where the servers are"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

pub(crate) fn postgres_url() -> Option<String> {
    variable("CROSSWALK_TEST_POSTGRES_URL")
}

pub(crate) fn redis_url() -> Option<String> {
    variable("CROSSWALK_TEST_REDIS_URL")
}

/// Where the simulated orgs of all tests keep what they are asked, for `./test` to show it to other parsers.
pub(crate) fn query_log() -> Option<String> {
    variable("CROSSWALK_TEST_QUERY_LOG")
}

/// Where the receivers of all tests keep what they are sent, for `./test` to show it to the reference library.
pub(crate) fn webhook_log() -> Option<String> {
    variable("CROSSWALK_TEST_WEBHOOK_LOG")
}

pub(crate) fn redis_binary() -> Option<String> {
    variable("CROSSWALK_TEST_REDIS_BIN")
}

pub(crate) use both;

pub(crate) const OPERATOR_KEY: &str = "operator-key-of-the-end-to-end-tests";

/// What to build.
pub(crate) struct Plan {
    pub(crate) backend: Backend,
    /// Gateway processes to begin with; SQLite takes one.
    pub(crate) nodes: usize,
    pub(crate) simulator: simulator::Options,
    /// Another Redis than the shared one.
    pub(crate) redis_url: Option<String>,
    /// More of the gateways' configuration: variables without their `CROSSWALK_`.
    pub(crate) settings: Vec<(&'static str, &'static str)>,
    /// A libfaketime for the gateways.
    pub(crate) clock_library: Option<String>,
}

impl Plan {
    pub(crate) fn new(backend: Backend) -> Self {
        let org = if org::is_wide() { org::wide() } else { org::plain() };
        let simulator = simulator::Options {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            query_log: query_log().map(PathBuf::from),
            org,
            ..simulator::Options::default()
        };
        Self {
            backend,
            nodes: 1,
            simulator,
            redis_url: redis_url(),
            settings: Vec::new(),
            clock_library: None,
        }
    }

    pub(crate) fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes;
        self
    }
}

/// A tenant with a key and, once connected, a connection.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    pub(crate) key: String,
}

/// Everything a test talks to.
pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) simulator: simulator::Running,
    pub(crate) gateways: Vec<Gateway>,
    pub(crate) operator_key: String,
    pub(crate) database: Database,
    pub(crate) settings: Vec<(&'static str, &'static str)>,
    /// Lets [`World::set_clock`] move the gateways' clocks.
    pub(crate) clock_library: Option<String>,
    pub(crate) directory: Arc<tempfile::TempDir>,
}

/// The database that the gateways share.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) backend: Backend,
    pub(crate) url: String,
    pub(crate) redis_url: Option<String>,
}

static DATABASES: AtomicU32 = AtomicU32::new(0);

impl Database {
    async fn create(plan: &Plan, directory: &std::path::Path) -> Self {
        match plan.backend {
            Backend::Sqlite => Self {
                backend: Backend::Sqlite,
                url: format!("sqlite://{}", directory.join("crosswalk.db").display()),
                redis_url: None,
            },
            Backend::Postgres => {
                let admin = postgres_url().expect("CROSSWALK_TEST_POSTGRES_URL");
                let name = format!(
                    "e2e_{}_{}",
                    std::process::id(),
                    DATABASES.fetch_add(1, Ordering::SeqCst)
                );
                let role = format!("{name}_app");
                // Not the admin role: row-level security does not bind a superuser.
                for statement in [
                    format!("CREATE ROLE {role} LOGIN PASSWORD 'app' NOSUPERUSER"),
                    format!("CREATE DATABASE {name} OWNER {role}"),
                ] {
                    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&admin)
                        .await
                        .expect("Postgres");
                    sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
                        .execute(&mut connection)
                        .await
                        .expect("a database");
                }
                let mut url = url::Url::parse(&admin).expect("a URL");
                url.set_username(&role).expect("a user");
                url.set_password(Some("app")).expect("a password");
                url.set_path(&name);
                Self {
                    backend: Backend::Postgres,
                    url: url.to_string(),
                    redis_url: plan.redis_url.clone(),
                }
            }
        }
    }
}

impl Drop for World {
    /// Whatever the gateways of this test wrote is searched for what they must never write.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            canaries::search(self);
        }
    }
}

impl World {
    /// One gateway, a small org.
    pub(crate) async fn small(backend: Backend) -> Self {
        Self::build(Plan::new(backend)).await
    }

    pub(crate) async fn build(plan: Plan) -> Self {
        let directory = Arc::new(tempfile::tempdir().expect("a directory"));
        let database = Database::create(&plan, directory.path()).await;
        let is_closed = plan.simulator.org.every_field_kind;
        let simulator = simulator::start(plan.simulator).await.expect("a simulator");
        if is_closed {
            org::hide_fields(simulator.org());
        }
        let operator_key = OPERATOR_KEY.to_owned();
        let mut world = Self {
            client: Client::new(),
            simulator,
            gateways: Vec::new(),
            operator_key,
            database,
            settings: plan.settings,
            clock_library: plan.clock_library,
            directory,
        };
        assert!(
            plan.nodes <= 1 || plan.backend == Backend::Postgres,
            "SQLite serves one process"
        );
        for _ in 0..plan.nodes {
            world.add_gateway().await;
        }
        world
    }

    pub(crate) async fn add_gateway(&mut self) -> usize {
        let index = self.gateways.len();
        let gateway = Gateway::start(self, index).await;
        self.gateways.push(gateway);
        index
    }

    /// Moves the wall clock of a gateway by `+20s`, `-10m`, …, from the real time; `+0` sets it right.
    pub(crate) fn set_clock(&self, node: usize, offset: &str) {
        std::fs::write(self.clock_file(node), offset).expect("the clock's file");
    }

    pub(crate) fn clock_file(&self, node: usize) -> PathBuf {
        self.directory.path().join(format!("clock-{node}"))
    }

    /// Changes rows behind the gateways' back; answers how many.
    pub(crate) async fn tamper(&self, sql: &'static str) -> u64 {
        let url = &self.database.url;
        match self.database.backend {
            Backend::Sqlite => {
                let mut database = sqlx::SqliteConnection::connect(url).await.expect("SQLite");
                let done = sqlx::query(sql).execute(&mut database).await;
                done.expect("a change").rows_affected()
            }
            Backend::Postgres => {
                let mut database = sqlx::PgConnection::connect(url).await.expect("Postgres");
                let wall = sqlx::query("SELECT set_config('app.tenant_id', '*operator*', false)");
                wall.execute(&mut database).await.expect("a setting");
                let done = sqlx::query(sql).execute(&mut database).await;
                done.expect("a change").rows_affected()
            }
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.gateways[0].url)
    }

    pub(crate) fn control(&self, path: &str) -> String {
        format!("{}/__control/{path}", self.simulator.base_url())
    }

    /// Sets a fault, or asks for one of the simulator's counters.
    pub(crate) async fn tell_simulator(&self, path: &str, body: Value) -> Value {
        let reply = self.client.post(&self.control(path), &[], &body).await;
        assert!(reply.status < 300, "{path}: {reply:?}");
        reply.json()
    }

    pub(crate) async fn ask_simulator(&self, path: &str) -> Value {
        self.client.get(&self.control(path), &[]).await.json()
    }

    pub(crate) async fn tenant(&self, name: &str) -> Tenant {
        let operator = [("authorization", format!("Bearer {}", self.operator_key))];
        let tenant = self
            .client
            .post(&self.url("/admin/tenants"), &operator, &json!({ "name": name }))
            .await;
        assert_eq!(tenant.status, 201, "{tenant:?}");
        let id = tenant.json()["id"].as_str().expect("an id").to_owned();
        let key = self
            .client
            .post(
                &self.url("/admin/keys"),
                &operator,
                &json!({ "tenant_id": id, "name": "test" }),
            )
            .await;
        assert_eq!(key.status, 201, "{key:?}");
        Tenant {
            key: key.json()["key"].as_str().expect("a key").to_owned(),
        }
    }

    /// Connects the simulated org through the whole flow, as a browser would; answers the connection's id.
    pub(crate) async fn connect(&self, tenant: &Tenant, external_id: &str) -> String {
        self.connect_to(simulator::PROVIDER, tenant, external_id).await
    }

    /// As [`World::connect`], to one of the two providers that the simulator plays.
    pub(crate) async fn connect_to(&self, provider: &str, tenant: &Tenant, external_id: &str) -> String {
        let session =
            json!({ "provider": provider, "environment": "production", "external_id": external_id });
        let reply = self
            .client
            .post(&self.url("/connect/sessions"), &tenant.bearer(), &session)
            .await;
        assert_eq!(reply.status, 201, "{reply:?}");
        let link = reply.json()["url"].as_str().expect("a link").to_owned();
        client::Browser::new(&self.client).walk(&link).await;
        let path = format!("/connections?external_id={external_id}");
        let list = self.client.get(&self.url(&path), &tenant.bearer()).await.json();
        list["result"][0]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("no connection: {list}"))
            .to_owned()
    }

    /// A tenant with one connection.
    pub(crate) async fn connected(&self) -> Caller<'_> {
        self.connected_to(simulator::PROVIDER).await
    }

    /// A tenant with one connection to this provider.
    pub(crate) async fn connected_to(&self, provider: &str) -> Caller<'_> {
        let tenant = self.tenant("Test").await;
        let connection_id = self.connect_to(provider, &tenant, "acme").await;
        Caller {
            world: self,
            tenant,
            connection_id,
        }
    }
}

impl Tenant {
    pub(crate) fn bearer(&self) -> Vec<(&'static str, String)> {
        vec![("authorization", format!("Bearer {}", self.key))]
    }
}

/// A tenant's backend, calling for one connection.
pub(crate) struct Caller<'a> {
    pub(crate) world: &'a World,
    pub(crate) tenant: Tenant,
    pub(crate) connection_id: String,
}

impl Caller<'_> {
    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = self.tenant.bearer();
        headers.push(("x-connection-id", self.connection_id.clone()));
        headers
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.world
            .client
            .get(&self.world.url(path), &self.headers())
            .await
    }

    pub(crate) async fn get_on(&self, node: usize, path: &str) -> Reply {
        let url = format!("{}{path}", self.world.gateways[node].url);
        self.world.client.get(&url, &self.headers()).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        self.world
            .client
            .send(method, &self.world.url(path), &self.headers(), body)
            .await
    }

    /// One page of contacts, which must succeed.
    pub(crate) async fn contacts(&self, query: &str) -> Value {
        let reply = self.get(&format!("/unified/crm/contacts?{query}")).await;
        assert_eq!(reply.status, 200, "{query}: {reply:?}");
        reply.json()
    }
}
