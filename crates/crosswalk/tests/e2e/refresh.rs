//! Refresh with several real gateway processes, Postgres, Redis and strict rotation. The oracle is the simulator: a
//! refresh token presented twice revokes its whole family, and it counts those.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{Backend, Caller, Plan, World, both};
use futures_util::future::join_all;
use serde_json::{Value, json};

/// Three gateways with rotation on, or `None` without a Postgres to share.
async fn three_nodes(redis_url: Option<String>) -> Option<World> {
    if crate::support::postgres_url().is_none() || redis_url.is_none() {
        eprintln!("skipped: set CROSSWALK_TEST_POSTGRES_URL and CROSSWALK_TEST_REDIS_URL, as ./test does");
        return None;
    }
    let mut plan = Plan::new(Backend::Postgres).nodes(3);
    plan.simulator.rotation = true;
    plan.redis_url = redis_url;
    Some(World::build(plan).await)
}

async fn posts(world: &World) -> u64 {
    let counters = world.ask_simulator("counters").await;
    counters["token_posts"]["refresh_token"]
        .as_u64()
        .unwrap_or_default()
}

/// Warms every node, so that the burst measures the refresh and not the first look at the fields.
async fn warm(caller: &Caller<'_>) {
    for node in 0..caller.world.gateways.len() {
        let reply = caller.get_on(node, "/unified/crm/contacts?limit=1").await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
}

async fn burst(caller: &Caller<'_>, calls: usize) -> Vec<u16> {
    let nodes = caller.world.gateways.len();
    join_all((0..calls).map(|call| async move {
        caller
            .get_on(call % nodes, "/unified/crm/contacts?limit=1")
            .await
            .status
    }))
    .await
}

async fn no_revocations(world: &World) {
    let counters = world.ask_simulator("counters").await;
    assert_eq!(counters["family_revocations"], 0, "{counters}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claim_01_500_callers_on_3_nodes_make_one_token_post() {
    let Some(world) = three_nodes(crate::support::redis_url()).await else {
        return;
    };
    let caller = world.connected().await;
    warm(&caller).await;
    let before = posts(&world).await;
    world.tell_simulator("kill_sessions", json!({})).await;
    let statuses = burst(&caller, 500).await;
    assert_eq!(posts(&world).await - before, 1);
    no_revocations(&world).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
}

/// A Redis of the test's own, to be killed, stopped or flushed.
pub(crate) struct OwnRedis {
    process: Child,
    port: u16,
    pub(crate) url: String,
}

impl OwnRedis {
    pub(crate) fn start() -> Option<Self> {
        let port = crate::support::process::free_port();
        let own = Self {
            process: Self::spawn(port)?,
            port,
            url: format!("redis://127.0.0.1:{port}"),
        };
        for _ in 0..200 {
            if own
                .client()
                .get_connection_with_timeout(Duration::from_millis(200))
                .is_ok()
            {
                return Some(own);
            }
            #[expect(clippy::disallowed_methods, reason = "waits for another process to listen")]
            std::thread::sleep(Duration::from_millis(50));
        }
        None
    }

    fn spawn(port: u16) -> Option<Child> {
        let binary = crate::support::redis_binary()?;
        let port = port.to_string();
        Command::new(binary)
            .args(["--port", &port, "--save", "", "--appendonly", "no"])
            .args(["--bind", "127.0.0.1"])
            .stdout(Stdio::null())
            .spawn()
            .ok()
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("a process");
        self.process.wait().expect("a process");
    }

    /// After [`OwnRedis::kill`]: empty, on the same port.
    pub(crate) fn start_again(&mut self) {
        self.process = Self::spawn(self.port).expect("a process");
    }

    pub(crate) fn flush(&self) {
        let mut connection = self.client().get_connection().expect("Redis");
        redis::cmd("FLUSHALL").exec(&mut connection).expect("FLUSHALL");
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([format!("-{name}"), self.process.id().to_string()])
            .status();
        assert!(status.expect("a status").success());
    }

    fn client(&self) -> redis::Client {
        redis::Client::open(self.url.as_str()).expect("a Redis URL")
    }
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a burst whose refresh takes a second, and `harm` in its middle.
async fn burst_with_harm(world: &World, harm: impl AsyncFnOnce()) {
    let caller = world.connected().await;
    warm(&caller).await;
    let before = posts(world).await;
    world
        .tell_simulator(
            "faults",
            json!({ "kind": "latency", "latency_ms": 1_000, "grant_type": "refresh_token" }),
        )
        .await;
    world.tell_simulator("kill_sessions", json!({})).await;
    let harmed = async {
        // The harm comes while the one token request is on its way.
        wait_until(async || posts(world).await > before).await;
        harm().await;
    };
    let (statuses, ()) = tokio::join!(burst(&caller, 150), harmed);
    assert_eq!(posts(world).await - before, 1);
    no_revocations(world).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
}

async fn wait_until(is_so: impl AsyncFn() -> bool) {
    for _ in 0..1_000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not come to be");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claim_05_redis_killed_in_a_burst_leaves_one_token_post() {
    let Some(mut own) = OwnRedis::start() else {
        return eprintln!("skipped: set CROSSWALK_TEST_REDIS_BIN, as ./test does");
    };
    let Some(world) = three_nodes(Some(own.url.clone())).await else {
        return;
    };
    burst_with_harm(&world, async || {
        own.kill();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claim_06_redis_flushed_while_the_lock_is_held_leaves_one_token_post() {
    let Some(own) = OwnRedis::start() else {
        return eprintln!("skipped: set CROSSWALK_TEST_REDIS_BIN, as ./test does");
    };
    let Some(world) = three_nodes(Some(own.url.clone())).await else {
        return;
    };
    burst_with_harm(&world, async || {
        own.flush();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claim_07_without_the_database_nothing_is_refreshed_and_cached_tokens_serve() {
    let Some(admin) = crate::support::postgres_url() else {
        return eprintln!("skipped: set CROSSWALK_TEST_POSTGRES_URL, as ./test does");
    };
    let mut plan = Plan::new(Backend::Postgres);
    plan.simulator.rotation = true;
    // Without Redis a node reads its row anew after two seconds: what serves then is stale, and says so in a metric.
    plan.redis_url = None;
    let world = World::build(plan).await;
    let caller = world.connected().await;
    warm(&caller).await;
    let name = url::Url::parse(&world.database.url)
        .expect("a URL")
        .path()
        .trim_start_matches('/')
        .to_owned();
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&admin)
        .await
        .expect("Postgres");
    for statement in [
        format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"),
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
    ] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(&mut connection)
            .await
            .expect("an admin statement");
    }
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let reply = caller.get("/unified/crm/contacts?limit=1").await;
    assert_eq!(reply.status, 200, "a cached token serves: {reply:?}");
    let before = posts(&world).await;
    world.tell_simulator("kill_sessions", json!({})).await;
    let reply = caller.get("/unified/crm/contacts?limit=1").await;
    assert_eq!(reply.status, 503, "{reply:?}");
    assert_eq!(reply.json()["retryable"], true);
    assert_eq!(
        posts(&world).await,
        before,
        "a rotation that cannot be saved must not be made"
    );

    let restore = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true");
    sqlx::raw_sql(sqlx::AssertSqlSafe(restore))
        .execute(&mut connection)
        .await
        .expect("an admin statement");
    wait_until(async || caller.get("/unified/crm/contacts?limit=1").await.status == 200).await;
    no_revocations(&world).await;
}

both!(claim_13_a_dead_grant_is_told_once_and_never_called_again);
async fn claim_13_a_dead_grant_is_told_once_and_never_called_again(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    caller.contacts("limit=1").await;
    world.tell_simulator("revoke_grants", json!({})).await;
    let first = caller.get("/unified/crm/contacts?limit=1").await;
    assert_eq!(
        (first.status, first.code()),
        (409, "needs_reauth".to_owned()),
        "{first:?}"
    );
    let before = world.ask_simulator("counters").await["requests_total"].clone();
    let second = caller.get("/unified/crm/contacts?limit=1").await;
    assert_eq!((second.status, second.code()), (409, "needs_reauth".to_owned()));
    assert_eq!(
        world.ask_simulator("counters").await["requests_total"],
        before,
        "zero upstream calls"
    );

    // Connecting again brings the same connection back.
    let again = world.connect(&caller.tenant, "acme").await;
    assert_eq!(again, caller.connection_id);
    assert_eq!(caller.get("/unified/crm/contacts?limit=1").await.status, 200);
}

both!(claim_16_an_expired_session_is_refreshed_and_replayed_once);
async fn claim_16_an_expired_session_is_refreshed_and_replayed_once(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    caller.contacts("limit=1").await;
    let before = world.ask_simulator("counters").await;
    world.tell_simulator("kill_sessions", json!({})).await;
    caller.contacts("limit=1").await;
    let after = world.ask_simulator("counters").await;
    let made = |counters: &Value| counters["requests_total"].as_u64().expect("a count");
    assert_eq!(
        made(&after) - made(&before),
        3,
        "the call, one refresh, one replay: {after}"
    );

    // A session that dies again at once: the second 401 is the caller's answer, not another refresh.
    world
        .tell_simulator(
            "faults",
            json!({ "kind": "session_invalid", "path": "/services/data" }),
        )
        .await;
    let reply = caller.get("/unified/crm/contacts?limit=1").await;
    // The connection is well, and nobody says that it is not.
    assert_eq!(
        (reply.status, reply.code()),
        (503, "upstream_unavailable".to_owned())
    );
    let connection = caller
        .get(&format!("/connections/{}", caller.connection_id))
        .await;
    assert_eq!(connection.json()["state"], "active");
    let last = world.ask_simulator("counters").await;
    assert!(made(&last) - made(&after) <= 3, "never two replays: {last}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claim_17_a_second_process_on_the_same_data_directory_refuses_to_start() {
    let world = World::small(Backend::Sqlite).await;
    let log = world.directory.path().join("second.log");
    let port = crate::support::process::free_port();
    let mut second = crate::support::process::command(&world, 1, port, &log)
        .spawn()
        .expect("a process");
    let status = tokio::task::spawn_blocking(move || second.wait())
        .await
        .expect("a task")
        .expect("a status");
    assert!(!status.success());
    let said = std::fs::read_to_string(&log).expect("a log");
    assert!(said.contains("another crosswalk process is using"), "{said}");
    assert_eq!(
        world.client.get(&world.url("/readyz"), &[]).await.status,
        200,
        "the first is unharmed"
    );
}
