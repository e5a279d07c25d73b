//! Keys made, rotated and retired as an operator does it: with the configuration's list and `crosswalk keys`.

use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Backend, Client, Gateway, Plan, World, both, process};

both!(keys_are_counted_rotated_and_retired_by_command);

/// Lists of master keys as configurations have them.
const OLD: &str = r#"[{ id = "old", key = "b2xkLW1hc3Rlci1rZXktb2YtdGhlLWUyZS10ZXN0czE" }]"#;
const OLD_THEN_NEW: &str = r#"[{ id = "old", key = "b2xkLW1hc3Rlci1rZXktb2YtdGhlLWUyZS10ZXN0czE" }, { id = "new", key = "bmV3LW1hc3Rlci1rZXktb2YtdGhlLWUyZS10ZXN0czI" }]"#;
const NEW_THEN_OLD: &str = r#"[{ id = "new", key = "bmV3LW1hc3Rlci1rZXktb2YtdGhlLWUyZS10ZXN0czI" }, { id = "old", key = "b2xkLW1hc3Rlci1rZXktb2YtdGhlLWUyZS10ZXN0czE" }]"#;
const NEW: &str = r#"[{ id = "new", key = "bmV3LW1hc3Rlci1rZXktb2YtdGhlLWUyZS10ZXN0czI" }]"#;
const LIST: &str = "KEYS_MASTER_KEYS";

/// `crosswalk keys …` against one gateway.
fn keys(world: &World, node: usize, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crosswalk"))
        .arg("keys")
        .args(arguments)
        .env_clear()
        .env("CROSSWALK_URL", &world.gateways[node].url)
        .env("CROSSWALK_OPERATOR_KEY", &world.operator_key)
        .output()
        .expect("the program runs")
}

fn told(output: &Output) -> String {
    let (said, complained) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(said),
        String::from_utf8_lossy(complained)
    )
}

/// Ends a gateway as an orchestrator does, and waits for it.
pub(crate) async fn stop(mut gateway: Gateway) {
    let pid = gateway.process.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(sent.expect("a signal").success());
    for _ in 0..1_000 {
        if gateway.process.try_wait().expect("a process").is_some() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the gateway does not stop: {}", gateway.log());
}

/// What a start says that must not succeed.
fn refused_start(world: &World, list: &str) -> String {
    let log = world.directory.path().join("refused.log");
    let status = process::command(world, 7, process::free_port(), &log)
        .env(format!("CROSSWALK_{LIST}"), list)
        .status()
        .expect("the program runs");
    let said = std::fs::read_to_string(&log).expect("a log");
    assert!(!status.success(), "{said}");
    std::fs::remove_file(log).expect("a file");
    said
}

async fn restart_all(world: &mut World, list: &'static str) {
    world.settings = vec![(LIST, list)];
    for gateway in std::mem::take(&mut world.gateways) {
        stop(gateway).await;
    }
    world.add_gateway().await;
}

async fn keys_are_counted_rotated_and_retired_by_command(backend: Backend) {
    let mut plan = Plan::new(backend);
    plan.settings = vec![(LIST, OLD)];
    let mut world = World::build(plan).await;
    let tenant = world.tenant("Test").await;
    world.connect(&tenant, "acme").await;
    let status = told(&keys(&world, 0, &["status"]));
    assert!(
        status.contains("old ") && status.contains("wraps what is new"),
        "{status}"
    );
    let refused = keys(&world, 0, &["retire", "old"]);
    assert!(
        !refused.status.success() && told(&refused).contains("first key"),
        "{refused:?}"
    );

    restart_all(&mut world, NEW_THEN_OLD).await;
    let refused = keys(&world, 0, &["retire", "old"]);
    assert!(
        !refused.status.success() && told(&refused).contains("still wraps 2 data keys"),
        "{refused:?}"
    );
    let rotated = keys(&world, 0, &["rotate", "--data-keys"]);
    assert!(rotated.status.success(), "{rotated:?}");
    let said = told(&rotated);
    assert!(
        said.contains("2 data keys wrapped")
            && said.contains("1 made")
            && said.contains("1 records sealed anew"),
        "{said}"
    );
    assert!(told(&keys(&world, 0, &["status"])).contains("not needed: may be retired"));
    let retired = keys(&world, 0, &["retire", "old"]);
    assert!(retired.status.success(), "{retired:?}");
    assert!(told(&keys(&world, 0, &["retire", "never"])).contains("No node was ever given"));

    let wrong_key = Command::new(env!("CARGO_BIN_EXE_crosswalk"))
        .args(["keys", "status", "--key", "another-operator-key"])
        .args(["--url", &world.gateways[0].url])
        .output()
        .expect("the program runs");
    assert!(!wrong_key.status.success() && !told(&wrong_key).contains("data keys"));

    restart_all(&mut world, NEW).await;
    let list = world
        .client
        .get(
            &world.url("/unified/crm/contacts?limit=1"),
            &bearer_of(&tenant.key, "acme"),
        )
        .await;
    assert_eq!(list.status, 200, "{list:?}");
    for gateway in std::mem::take(&mut world.gateways) {
        stop(gateway).await;
    }
    let said = refused_start(&world, OLD_THEN_NEW);
    assert!(said.contains("the first key `old` was retired"), "{said}");
    let said = refused_start(&world, OLD);
    assert!(said.contains("`old` was retired"), "{said}");
    let said = refused_start(&world, "[]");
    assert!(
        said.contains("no master key") && said.contains("generate-key"),
        "{said}"
    );
}

fn bearer_of(key: &str, external_id: &str) -> Vec<(&'static str, String)> {
    vec![
        ("authorization", format!("Bearer {key}")),
        ("x-connection-external-id", external_id.to_owned()),
        ("x-provider", simulator::PROVIDER.to_owned()),
    ]
}

/// Callers that never stop, as a load balancer spreads them over the nodes that are up.
struct Load {
    nodes: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

impl Load {
    fn begin(world: &World, callers: &[Vec<(&'static str, String)>]) -> Self {
        let nodes: Vec<String> = world.gateways.iter().map(|gateway| gateway.url.clone()).collect();
        let mut load = Self {
            nodes: Arc::new(Mutex::new(nodes)),
            is_over: Arc::default(),
            calls: Arc::default(),
            tasks: Vec::new(),
        };
        for (index, headers) in callers.iter().enumerate() {
            for lane in 0..2 {
                let one = Caller {
                    client: world.client.clone(),
                    headers: headers.clone(),
                    nodes: Arc::clone(&load.nodes),
                    calls: Arc::clone(&load.calls),
                    name: format!("{index}-{lane}"),
                };
                load.tasks
                    .push(tokio::spawn(one.call_until(Arc::clone(&load.is_over))));
            }
        }
        load
    }

    /// Takes a node out, and waits until nobody is under way to it.
    async fn take_out(&self, url: &str) {
        self.nodes.lock().expect("nodes").retain(|own| own != url);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }

    fn put_in(&self, url: &str) {
        self.nodes.lock().expect("nodes").push(url.to_owned());
    }

    /// Everything that went wrong, and how many calls there were.
    async fn end(self) -> (Vec<String>, usize) {
        self.is_over.store(true, Ordering::SeqCst);
        let mut wrong = Vec::new();
        for task in self.tasks {
            wrong.extend(task.await.expect("a caller"));
        }
        (wrong, self.calls.load(Ordering::SeqCst))
    }
}

struct Caller {
    client: Client,
    headers: Vec<(&'static str, String)>,
    nodes: Arc<Mutex<Vec<String>>>,
    calls: Arc<AtomicUsize>,
    name: String,
}

impl Caller {
    fn node(&self, turn: usize) -> String {
        let nodes = self.nodes.lock().expect("nodes");
        nodes[turn % nodes.len()].clone()
    }

    /// Lists page after page, by cursors of whichever node, and writes each record twice under one idempotency key.
    async fn call_until(self, is_over: Arc<AtomicBool>) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut cursor: Option<String> = None;
        let mut turn = 0;
        while !is_over.load(Ordering::SeqCst) {
            let query = cursor
                .take()
                .map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
            let url = format!("{}/unified/crm/contacts?limit=20{query}", self.node(turn));
            let page = self.client.get(&url, &self.headers).await;
            if page.status == 200 {
                cursor = page.json()["next_cursor"].as_str().map(str::to_owned);
            } else {
                wrong.push(format!("list: {page:?}"));
            }
            let mut headers = self.headers.clone();
            headers.push(("idempotency-key", format!("{}-{turn}", self.name)));
            let body = json!({ "last_name": format!("Rotation {} {turn}", self.name) });
            let mut ids = Vec::new();
            for again in 0..2 {
                let url = format!("{}/unified/crm/contacts", self.node(turn + again));
                let written = self.client.send("POST", &url, &headers, Some(&body)).await;
                if written.status == 201 {
                    ids.push(written.json()["id"].clone());
                } else {
                    wrong.push(format!("write: {written:?}"));
                }
            }
            ids.dedup();
            if ids.len() > 1 {
                wrong.push(format!("written twice: {ids:?}"));
            }
            self.calls.fetch_add(3, Ordering::SeqCst);
            turn += 1;
        }
        wrong
    }
}

/// Gives every node another list, one node after the other.
async fn roll(world: &mut World, load: &Load, list: &'static str) {
    world.settings = vec![(LIST, list)];
    for node in 0..world.gateways.len() {
        let url = world.gateways[node].url.clone();
        load.take_out(&url).await;
        let next = Gateway::start(world, node).await;
        let before = std::mem::replace(&mut world.gateways[node], next);
        stop(before).await;
        load.put_in(&world.gateways[node].url);
    }
}

async fn refreshes(world: &World) -> u64 {
    let counters = world.ask_simulator("counters").await;
    counters["token_posts"]["refresh_token"]
        .as_u64()
        .unwrap_or_default()
}

/// Ends all sessions at the provider and waits until the connections have new ones.
async fn refresh_all(world: &World, connections: u64) {
    let before = refreshes(world).await;
    world.tell_simulator("kill_sessions", json!({})).await;
    for _ in 0..1_000 {
        if refreshes(world).await >= before + connections {
            // The one that came last is still being saved.
            tokio::time::sleep(Duration::from_millis(300)).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nobody refreshed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claim_29_a_master_key_rotated_under_load_costs_nobody_an_error() {
    if crate::support::postgres_url().is_none() || crate::support::redis_url().is_none() {
        return eprintln!(
            "skipped: set CROSSWALK_TEST_POSTGRES_URL and CROSSWALK_TEST_REDIS_URL, as ./test does"
        );
    }
    let mut plan = Plan::new(Backend::Postgres).nodes(3);
    plan.simulator.rotation = true;
    plan.settings = vec![(LIST, OLD)];
    let mut world = World::build(plan).await;
    let mut callers = Vec::new();
    for name in ["One", "Two"] {
        let tenant = world.tenant(name).await;
        world.connect(&tenant, "acme").await;
        callers.push(bearer_of(&tenant.key, "acme"));
    }
    let load = Load::begin(&world, &callers);
    refresh_all(&world, 2).await;
    roll(&mut world, &load, OLD_THEN_NEW).await;
    roll(&mut world, &load, NEW_THEN_OLD).await;
    refresh_all(&world, 2).await;
    let rotated = keys(&world, 0, &["rotate", "--data-keys"]);
    assert!(rotated.status.success(), "{rotated:?}");
    assert!(told(&rotated).contains("2 made"), "{rotated:?}");
    refresh_all(&world, 2).await;
    // A tenant who comes only now.
    let late = world.tenant("Late").await;
    world.connect(&late, "acme").await;
    let retired = keys(&world, 1, &["retire", "old"]);
    assert!(retired.status.success(), "{retired:?}");
    roll(&mut world, &load, NEW).await;
    refresh_all(&world, 2).await;
    let (wrong, calls) = load.end().await;
    assert!(wrong.is_empty(), "{} of {calls}: {wrong:#?}", wrong.len());
    assert!(calls > 100, "{calls}");
    let counters = world.ask_simulator("counters").await;
    assert_eq!(counters["family_revocations"], 0, "{counters}");
    let status: Value = world
        .client
        .get(
            &world.url("/admin/keyring"),
            &[("authorization", format!("Bearer {}", world.operator_key))],
        )
        .await
        .json();
    let old = status["master_keys"]
        .as_array()
        .and_then(|keys| keys.iter().find(|key| key["id"] == "old").cloned());
    assert_eq!(old.expect("the old key")["is_needed"], false, "{status}");
    let said = refused_start(&world, OLD);
    assert!(said.contains("`old` was retired"), "{said}");
}
