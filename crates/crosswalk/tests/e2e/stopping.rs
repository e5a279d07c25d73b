//! Processes that stop, by a signal or by death, and neighbours that hang.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Backend, Caller, Gateway, Plan, World, both};

fn signal(gateway: &Gateway, name: &str) {
    let status = std::process::Command::new("kill")
        .args([format!("-{name}"), gateway.process.id().to_string()])
        .status();
    assert!(status.expect("a status").success());
}

async fn counted(world: &World, pointer: &str) -> u64 {
    let counters = world.ask_simulator("counters").await;
    counters
        .pointer(pointer)
        .and_then(serde_json::Value::as_u64)
        .unwrap_or_default()
}

const CONTACTS: &str = "/unified/crm/contacts?limit=1";

both!(claim_40_sigterm_under_load_drops_no_request_and_cuts_no_refresh);
async fn claim_40_sigterm_under_load_drops_no_request_and_cuts_no_refresh(backend: Backend) {
    let mut plan = Plan::new(backend);
    plan.simulator.rotation = true;
    plan.settings.push(("SERVER_DRAIN_ANNOUNCE_MS", "1500"));
    let mut world = World::build(plan).await;
    let (status, connection_id, tenant) = {
        let caller = world.connected().await;
        caller.contacts("limit=1").await;
        // A refresh that takes longer than it takes to stop accepting.
        let slow = json!({ "kind": "latency", "latency_ms": 2_500, "phase": "after", "grant_type": "refresh_token" });
        world.tell_simulator("faults", slow).await;
        world.tell_simulator("kill_sessions", json!({})).await;
        let before = counted(&world, "/token_posts/refresh_token").await;
        let gateway = &world.gateways[0];
        let ready = format!("{}/readyz", gateway.url);
        let callers = join_all((0..20).map(|_| async {
            let mut calls = 0_u32;
            // As behind a load balancer: nothing is sent to a node that says it is stopping.
            while world
                .client
                .try_get(&ready)
                .await
                .is_some_and(|reply| reply.status == 200)
            {
                let reply = caller.get(CONTACTS).await;
                assert_eq!(reply.status, 200, "{reply:?}");
                calls += 1;
            }
            calls
        }));
        let stop = async {
            while counted(&world, "/token_posts/refresh_token").await == before {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            signal(gateway, "TERM");
        };
        let (calls, ()) = tokio::join!(callers, stop);
        assert!(calls.iter().all(|calls| *calls > 0), "{calls:?}");
        (before, caller.connection_id.clone(), caller.tenant.clone())
    };
    let mut stopped = world.gateways.remove(0);
    let ended = tokio::task::spawn_blocking(move || stopped.process.wait());
    let ended = tokio::time::timeout(Duration::from_mins(1), ended).await;
    let ended = ended
        .expect("it ends within its grace")
        .expect("a task")
        .expect("a status");
    assert!(ended.success(), "{ended}");
    assert_eq!(counted(&world, "/token_posts/refresh_token").await, status + 1);

    // What the refresh brought is there for the next process.
    world.tell_simulator("clear_faults", json!({})).await;
    world.add_gateway().await;
    let caller = Caller {
        world: &world,
        tenant,
        connection_id,
    };
    assert_eq!(caller.get(CONTACTS).await.status, 200);
    assert_eq!(counted(&world, "/token_posts/refresh_token").await, status + 1);
    assert_eq!(counted(&world, "/family_revocations").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claim_02_a_holder_killed_before_its_request_is_carried_out_is_replaced() {
    if crate::support::postgres_url().is_none() || crate::support::redis_url().is_none() {
        return eprintln!(
            "skipped: set CROSSWALK_TEST_POSTGRES_URL and CROSSWALK_TEST_REDIS_URL, as ./test does"
        );
    }
    let mut plan = Plan::new(Backend::Postgres).nodes(2);
    plan.simulator.rotation = true;
    // A third of the usual leases, so that nobody waits half a minute for this test.
    plan.settings.extend([
        ("LIMITS_TOKEN_REQUEST_MS", "2000"),
        ("LIMITS_REFRESH_LEASE_MS", "8000"),
        ("LIMITS_REFRESH_REDIS_LEASE_MS", "9000"),
    ]);
    let mut world = World::build(plan).await;
    let (connection_id, tenant) = {
        let caller = world.connected().await;
        for node in 0..2 {
            assert_eq!(caller.get_on(node, CONTACTS).await.status, 200);
        }
        // The provider takes the request, does nothing with it until the caller is gone, and then drops it.
        for mut fault in [
            json!({ "kind": "latency", "latency_ms": 5_000 }),
            json!({ "kind": "cut" }),
        ] {
            fault["times"] = json!(1);
            fault["grant_type"] = json!("refresh_token");
            world.tell_simulator("faults", fault).await;
        }
        world.tell_simulator("kill_sessions", json!({})).await;
        let url = format!("{}{CONTACTS}", world.gateways[0].url);
        let mut request = http::Request::get(url);
        for (name, value) in caller.headers() {
            request = request.header(name, value);
        }
        let request = request.body(http_body_util::Full::default()).expect("a request");
        let begun = counted(&world, "/token_posts/refresh_token").await;
        let client = world.client.clone();
        tokio::spawn(async move { client.request(request).await });
        while counted(&world, "/token_posts/refresh_token").await == begun {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        (caller.connection_id.clone(), caller.tenant.clone())
    };
    let mut killed = world.gateways.remove(0);
    signal(&killed, "KILL");
    killed.process.wait().expect("a process");
    let caller = Caller {
        world: &world,
        tenant,
        connection_id,
    };
    let begun = Instant::now();
    loop {
        let reply = caller.get(CONTACTS).await;
        if reply.status == 200 {
            break;
        }
        assert_eq!(
            (reply.status, reply.code()),
            (503, "refresh_in_progress".to_owned()),
            "{reply:?}"
        );
        assert!(begun.elapsed() < Duration::from_secs(90), "no recovery");
    }
    assert_eq!(counted(&world, "/family_revocations").await, 0);
    // Nobody can know that the request was never carried out, so it is told.
    let events = caller
        .get("/events?type=connection.refresh_outcome_unknown")
        .await
        .json();
    assert_eq!(events["result_count"], 1, "{events}");
}

both!(claim_39_a_provider_that_hangs_for_one_tenant_does_not_slow_another);
async fn claim_39_a_provider_that_hangs_for_one_tenant_does_not_slow_another(backend: Backend) {
    const CALLS: usize = 60;
    let world = World::small(backend).await;
    let well = world.connected().await;
    let ill = world.connected_to(simulator::SECOND_PROVIDER).await;
    well.contacts("limit=1").await;
    ill.contacts("limit=1").await;
    let slowest = async || {
        let mut times = Vec::new();
        for _ in 0..CALLS {
            let begun = Instant::now();
            let reply = well.get(CONTACTS).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        times[CALLS * 95 / 100]
    };
    let quiet = slowest().await;
    let hang = json!({ "kind": "latency", "latency_ms": 600_000, "path": "/crm/" });
    world.tell_simulator("faults", hang).await;
    let client = world.client.clone();
    let mut hanging = Vec::new();
    for _ in 0..200 {
        let mut request = http::Request::get(world.url(CONTACTS));
        for (name, value) in ill.headers() {
            request = request.header(name, value);
        }
        let request = request.body(http_body_util::Full::default()).expect("a request");
        let client = client.clone();
        hanging.push(tokio::spawn(async move { client.request(request).await }));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(
        hanging.iter().filter(|call| !call.is_finished()).count() >= 10,
        "they hang"
    );
    let beside = slowest().await;
    for call in hanging {
        call.abort();
    }
    // Ten times is for a busy machine; what it costs is measured by bench/run, and is nothing that can be seen.
    assert!(
        beside < quiet * 10,
        "{quiet:?} alone, {beside:?} beside calls that hang"
    );
}
