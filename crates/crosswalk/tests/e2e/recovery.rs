//! All tokens of a large tenant end in the same minute.
//!
//! `./test` runs it with two hundred connections; with more by `CROSSWALK_RECOVERY_CONNECTIONS` (docs/nemesis.md has the
//! figures of ten thousand).

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Backend, Plan, Tenant, World, both, variable};

/// Token requests that the gateway may have under way.
const TOKEN_REQUESTS_MAX: u64 = 8;
const CALLERS: usize = 100;
/// An authenticated call that needs nothing else of the org.
const PATH: &str = "/proxy/services/data/v60.0/limits";

async fn connect_all(world: &World, tenant: &Tenant, count: usize) -> Vec<String> {
    let next = Cell::new(0);
    let connector = async || {
        let mut ids = Vec::new();
        while next.get() < count {
            let index = next.replace(next.get() + 1);
            ids.push(world.connect(tenant, &format!("customer-{index}")).await);
        }
        ids
    };
    join_all((0..8).map(|_| connector())).await.concat()
}

async fn call(world: &World, tenant: &Tenant, connection: &str) -> u16 {
    let mut headers = tenant.bearer();
    headers.push(("x-connection-id", connection.to_owned()));
    world.client.get(&world.url(PATH), &headers).await.status
}

both!(a_tenant_whose_tokens_all_end_at_once_recovers_in_turn_and_starves_nobody);
async fn a_tenant_whose_tokens_all_end_at_once_recovers_in_turn_and_starves_nobody(backend: Backend) {
    let count = variable("CROSSWALK_RECOVERY_CONNECTIONS").map_or(200, |text| text.parse().expect("a count"));
    let mut plan = Plan::new(backend);
    plan.simulator.rotation = true;
    plan.settings.push(("LIMITS_TOKEN_REQUESTS_MAX", "8"));
    plan.settings.push(("TELEMETRY_LOG", "warn"));
    let world = World::build(plan).await;
    world
        .tell_simulator("settings", json!({ "grants_per_user": 1_000_000 }))
        .await;
    let (large, small) = (world.tenant("Large").await, world.tenant("Small").await);
    let of_large = connect_all(&world, &large, count).await;
    let of_small = connect_all(&world, &small, 5).await;
    // A token endpoint takes its time.
    let slow = json!({ "kind": "latency", "latency_ms": 100, "grant_type": "refresh_token" });
    world.tell_simulator("faults", slow).await;
    world.tell_simulator("kill_sessions", json!({})).await;

    let begun = Instant::now();
    let waiting = RefCell::new(of_large.clone());
    let statuses = RefCell::new(std::collections::BTreeMap::<u16, u64>::new());
    let caller = async || {
        loop {
            let next = waiting.borrow_mut().pop();
            let Some(connection) = next else { break };
            let status = call(&world, &large, &connection).await;
            *statuses.borrow_mut().entry(status).or_default() += 1;
            if status != 200 {
                // As a backend does that was told to come back.
                tokio::time::sleep(Duration::from_millis(500)).await;
                waiting.borrow_mut().insert(0, connection);
            }
        }
    };
    let callers = join_all((0..CALLERS).map(|_| caller()));
    let neighbour = async {
        // The large tenant's line is there first.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let mut slowest = Duration::ZERO;
        for connection in &of_small {
            let begun = Instant::now();
            assert_eq!(call(&world, &small, connection).await, 200);
            slowest = slowest.max(begun.elapsed());
        }
        (slowest, begun.elapsed())
    };
    let (_, (slowest, neighbour_took)) = tokio::join!(callers, neighbour);
    let took = begun.elapsed();

    let counters = world.ask_simulator("counters").await;
    let at_once = counters["token_concurrent_max"].as_u64().expect("a count");
    assert!(at_once <= TOKEN_REQUESTS_MAX, "{at_once} at once");
    assert_eq!(counters["family_revocations"], 0, "{counters}");
    assert_eq!(
        counters["token_posts"]["refresh_token"].as_u64(),
        Some((count + of_small.len()) as u64),
        "each once"
    );
    assert!(
        neighbour_took * 2 < took,
        "the neighbour's five took {neighbour_took:?} of {took:?}"
    );
    eprintln!(
        "{count} connections: all well after {:.1} s, at most {at_once} token requests at once; a neighbour's slowest call took \
         {:.2} s; answers {:?}",
        took.as_secs_f64(),
        slowest.as_secs_f64(),
        statuses.borrow()
    );
}
