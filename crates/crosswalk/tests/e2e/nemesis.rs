//! The refresh protocol at large: three gateways, Postgres, Redis, strict rotation, many connections, and a nemesis that kills,
//! stops, pauses, flushes, cuts and moves clocks while callers call.
//!
//! The oracle is the simulator: it counts grants that were revoked because a token was presented twice. Each must belong to
//! the one window that nobody can close (a token request was committed and its reply never became durable), and the gateway
//! must have told of it before (`connection.refresh_outcome_unknown`). Everything else heals by itself.
//!
//! `./test` runs it for half a minute; `bench/nemesis` for ten, and writes docs/nemesis.md.

mod callers;
mod faults;
mod nodes;
mod pausing;
mod report;

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::refresh::OwnRedis;
use crate::support::{Backend, Plan, Tenant, World, postgres_url, variable};
use callers::{Customer, Tally};
use faults::Injected;
use nodes::Nodes;
use pausing::PausingProxy;

/// Customers that share one tenant.
const CUSTOMERS_PER_TENANT: usize = 50;
/// Longest wait for everything to be well again once the faults are over: a lease, a cool-down, and time to spare.
const HEALING_TIMEOUT: Duration = Duration::from_mins(3);

/// How long, how many, and where the report goes.
struct Settings {
    seconds: u64,
    connections: usize,
    seed: u64,
    report: Option<String>,
}

impl Settings {
    fn read() -> Self {
        let number = |name: &str, otherwise: u64| {
            variable(name).map_or(otherwise, |text| {
                text.parse().unwrap_or_else(|_| panic!("{name}: {text}"))
            })
        };
        Self {
            seconds: number("CROSSWALK_NEMESIS_SECONDS", 30),
            connections: usize::try_from(number("CROSSWALK_NEMESIS_CONNECTIONS", 24)).expect("a count"),
            seed: number("CROSSWALK_NEMESIS_SEED", 1),
            report: variable("CROSSWALK_NEMESIS_REPORT"),
        }
    }

    /// Whether the limits are those of production; a short run has shorter leases, so that it sees them end.
    fn is_long(&self) -> bool {
        self.seconds >= 300
    }
}

/// What callers, faults and the supervisor of the nodes share.
struct Arena<'a> {
    world: &'a World,
    settings: &'a Settings,
    nodes: Nodes<'a>,
    postgres: PausingProxy,
    redis: RefCell<OwnRedis>,
    customers: Vec<Customer>,
    tally: RefCell<Tally>,
    injected: RefCell<Injected>,
    over: Cell<bool>,
}

/// Numbers that look random and are the same for one seed (splitmix64).
struct Dice(Cell<u64>);

impl Dice {
    fn below(&self, end: u64) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn index(&self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("below a length")
    }
}

// The proxy must live on while the world is taken down, which keeps this thread busy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_grant_is_lost_to_the_nemesis_but_in_the_window_that_is_told() {
    let settings = Settings::read();
    if postgres_url().is_none() {
        return eprintln!("skipped: set CROSSWALK_TEST_POSTGRES_URL, as ./test does");
    }
    let Some(redis) = OwnRedis::start() else {
        return eprintln!("skipped: set CROSSWALK_TEST_REDIS_BIN, as ./test does");
    };
    let (world, postgres) = world(&settings, &redis).await;
    let customers = customers(&world, settings.connections).await;
    let arena = Arena {
        nodes: Nodes::new(&world),
        world: &world,
        settings: &settings,
        postgres,
        redis: RefCell::new(redis),
        tally: RefCell::new(Tally::new(customers.len())),
        customers,
        injected: RefCell::default(),
        over: Cell::new(false),
    };
    arena.warm().await;
    let before = world.ask_simulator("counters").await;
    let begun = Instant::now();
    tokio::join!(
        arena.call_until_over(),
        arena.kill_sessions_until_over(),
        arena.harm_nodes_until_over(),
        arena.harm_services_until_over(),
        arena.nodes.supervise(&arena.over),
        async {
            tokio::time::sleep(Duration::from_secs(settings.seconds)).await;
            arena.over.set(true);
        },
    );
    let ran = begun.elapsed();
    arena.heal().await;
    let after = world.ask_simulator("counters").await;
    let verdict = arena.judge(&before, &after, ran).await;
    eprintln!("{verdict}");
    if let Some(path) = &settings.report {
        std::fs::write(path, &verdict).expect("the report is written");
    }
}

/// Three gateways on a database behind a proxy that can stop, and a Redis of their own.
async fn world(settings: &Settings, redis: &OwnRedis) -> (World, PausingProxy) {
    let mut plan = Plan::new(Backend::Postgres).nodes(0);
    plan.simulator.rotation = true;
    plan.clock_library = variable("CROSSWALK_TEST_FAKETIME");
    plan.redis_url = Some(redis.url.clone());
    plan.settings = vec![("TELEMETRY_LOG", "info")];
    if !settings.is_long() {
        plan.settings.extend([
            ("LIMITS_TOKEN_REQUEST_MS", "2000"),
            ("LIMITS_REFRESH_LEASE_MS", "8000"),
            ("LIMITS_REFRESH_REDIS_LEASE_MS", "9000"),
            ("LIMITS_REFRESH_COOLDOWN_MS", "3000"),
            ("LIMITS_REFRESH_WAIT_MS", "10000"),
        ]);
    }
    let mut world = World::build(plan).await;
    let mut url = url::Url::parse(&world.database.url).expect("a URL");
    let upstream = (
        url.host_str().expect("a host").to_owned(),
        url.port().unwrap_or(5432),
    );
    let proxy = PausingProxy::start(upstream).await;
    url.set_host(Some("127.0.0.1")).expect("a host");
    url.set_port(Some(proxy.port)).expect("a port");
    world.database.url = url.to_string();
    for _ in 0..3 {
        world.add_gateway().await;
    }
    // Every customer of the test signs in as the same user of the one simulated org.
    world
        .tell_simulator("settings", json!({ "grants_per_user": 1_000_000 }))
        .await;
    (world, proxy)
}

async fn customers(world: &World, count: usize) -> Vec<Customer> {
    let mut customers = Vec::with_capacity(count);
    let mut tenant: Option<Tenant> = None;
    for index in 0..count {
        if index % CUSTOMERS_PER_TENANT == 0 {
            tenant = Some(world.tenant("Nemesis").await);
        }
        let tenant = tenant.clone().expect("the first makes one");
        let external_id = format!("customer-{index}");
        let connection_id = world.connect(&tenant, &external_id).await;
        customers.push(Customer {
            tenant,
            external_id,
            connection_id,
        });
    }
    customers
}

impl Arena<'_> {
    /// Lets every node read the fields of the customers' orgs once: the run is about tokens.
    async fn warm(&self) {
        for customer in &self.customers {
            for node in 0..self.nodes.len() {
                let reply = self.call(customer, node).await.expect("a reply");
                assert_eq!(reply.status, 200, "{reply:?}");
            }
        }
    }

    async fn kill_sessions_until_over(&self) {
        while !self.over.get() {
            self.world.tell_simulator("kill_sessions", json!({})).await;
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
    }

    /// All faults are over: every connection that was not lost answers again.
    async fn heal(&self) {
        self.postgres.resume();
        self.world.tell_simulator("clear_faults", json!({})).await;
        self.nodes.heal().await;
        let begun = Instant::now();
        for (index, customer) in self.customers.iter().enumerate() {
            loop {
                let reply = self.call(customer, index % self.nodes.len()).await;
                match reply {
                    Some(reply) if reply.status == 200 => break,
                    Some(reply) if reply.status == 409 && reply.code() == "needs_reauth" => {
                        self.tally.borrow_mut().lose(index);
                        break;
                    }
                    other => assert!(
                        begun.elapsed() < HEALING_TIMEOUT,
                        "{} does not heal: {other:?}",
                        customer.connection_id
                    ),
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        self.tally.borrow_mut().healed_in = begun.elapsed();
    }

    /// Compares what the simulator counted with what the gateway told, and has the lost ones connected again.
    async fn judge(&self, before: &Value, after: &Value, ran: Duration) -> String {
        let lost = self.tally.borrow().lost();
        let mut told = 0_u64;
        for index in 0..self.customers.len() {
            let customer = &self.customers[index];
            let path = format!(
                "/events?connection_id={}&type=connection.refresh_outcome_unknown",
                customer.connection_id
            );
            let url = format!("{}{path}", self.nodes.url(0));
            let events = self
                .world
                .client
                .get(&url, &customer.tenant.bearer())
                .await
                .json();
            let count = events["result_count"].as_u64().expect("a count");
            told += count;
            assert!(
                count > 0 || !lost.contains(&index),
                "{} was lost and nobody told: {events}\n{}",
                customer.connection_id,
                self.nodes.logs_of(&customer.connection_id)
            );
        }
        let counted = |path: &str| {
            let at = |counters: &Value| counters.pointer(path).and_then(Value::as_u64).unwrap_or_default();
            at(after) - at(before)
        };
        let revocations = counted("/family_revocations");
        assert!(
            usize::try_from(revocations).expect("a count") <= lost.len(),
            "{revocations} grants revoked, {} connections lost",
            lost.len()
        );
        for index in &lost {
            let customer = &self.customers[*index];
            let again = self.world.connect(&customer.tenant, &customer.external_id).await;
            assert_eq!(again, customer.connection_id, "connected again in place");
            let reply = self.call(customer, 1).await.expect("a reply");
            assert_eq!(reply.status, 200, "{reply:?}");
        }
        report::write(
            self,
            &report::Counts {
                ran,
                refreshes: counted("/token_posts/refresh_token"),
                revocations,
                told,
            },
        )
    }
}
