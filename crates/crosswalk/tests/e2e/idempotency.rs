//! `Idempotency-Key`, end to end. The oracle is the simulated org: how many records it holds and how many writes it saw.

use std::time::{Duration, Instant};

use crate::support::{Backend, Caller, Plan, Reply, World, both};
use futures_util::future::join_all;
use serde_json::{Value, json};

const CONTACTS: &str = "/unified/crm/contacts";
/// What the paths of the simulated org's data calls begin with.
const PROVIDER_PATH: &str = "/services/data";
/// The same of writes of one record; a query of many fields is a POST elsewhere.
const WRITES_PATH: &str = "/services/data/v60.0/sobjects";

async fn write(caller: &Caller<'_>, method: &str, path: &str, key: &str, body: Option<&Value>) -> Reply {
    let mut headers = caller.headers();
    headers.push(("idempotency-key", key.to_owned()));
    let url = caller.world.url(path);
    caller.world.client.send(method, &url, &headers, body).await
}

async fn create(caller: &Caller<'_>, key: &str, last_name: &str) -> Reply {
    write(caller, "POST", CONTACTS, key, Some(&contact(last_name))).await
}

fn contact(last_name: &str) -> Value {
    json!({ "last_name": last_name, "email_addresses": [{ "email": "ada@example.com" }] })
}

/// Contacts of this name in the org.
fn held(world: &World, last_name: &str) -> usize {
    let records = world.simulator.org().raw_records("Contact");
    records
        .iter()
        .filter(|record| record["LastName"] == last_name && record["IsDeleted"] != true)
        .count()
}

/// Writes that the org has seen with this method.
async fn seen(world: &World, method: &str) -> usize {
    let path = format!("requests?method={method}&path={WRITES_PATH}");
    let seen = world.ask_simulator(&path).await;
    seen["requests"].as_array().expect("requests").len()
}

fn outcome(reply: &Reply) -> (u16, String, bool) {
    let retryable = reply.json()["retryable"].as_bool().unwrap_or_default();
    (reply.status, reply.code(), retryable)
}

fn is_replay(reply: &Reply) -> bool {
    reply.header("idempotency-replayed") == Some("true")
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "never happened: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

both!(claim_21_a_repeated_write_is_made_once_and_answered_alike);
async fn claim_21_a_repeated_write_is_made_once_and_answered_alike(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let first = create(&caller, "\"create-1\"", "Lovelace").await;
    assert_eq!(first.status, 201, "{first:?}");
    assert!(!is_replay(&first));
    let posts = seen(&world, "POST").await;
    // With and without quotes it is one key; parameters in another order are the same query.
    for key in ["\"create-1\"", "create-1"] {
        let again = create(&caller, key, "Lovelace").await;
        assert_eq!((again.status, &again.body), (201, &first.body));
        assert!(is_replay(&again), "{again:?}");
        assert_eq!(again.header("etag"), first.header("etag"));
        assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    }
    assert_eq!((held(&world, "Lovelace"), seen(&world, "POST").await), (1, posts));

    let id = first.json()["id"].as_str().expect("an id").to_owned();
    let one = format!("{CONTACTS}/{id}");
    let title = json!({ "title": "Countess" });
    let changed = write(&caller, "PATCH", &one, "update-1", Some(&title)).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let patches = seen(&world, "PATCH").await;
    let again = write(&caller, "PATCH", &one, "update-1", Some(&title)).await;
    assert_eq!((again.status, &again.body), (200, &changed.body));
    assert_eq!(seen(&world, "PATCH").await, patches);

    let deleted = write(&caller, "DELETE", &one, "delete-1", None).await;
    let again = write(&caller, "DELETE", &one, "delete-1", None).await;
    assert_eq!((deleted.status, again.status), (200, 200), "not 404: {again:?}");
    assert!(is_replay(&again) && again.body == deleted.body);
    assert_eq!(seen(&world, "DELETE").await, 1);
}

both!(claim_21_many_records_in_one_call_are_a_write_like_others);
async fn claim_21_many_records_in_one_call_are_a_write_like_others(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let records = [
        contact("Batch"),
        contact("Batch"),
        json!({ "first_name": "refused" }),
    ];
    let body = json!({ "operation": "create", "records": records });
    let path = format!("{CONTACTS}/batch");
    let first = write(&caller, "POST", &path, "batch-1", Some(&body)).await;
    assert_eq!(first.status, 207, "{first:?}");
    let made = seen(&world, "POST").await;
    let again = write(&caller, "POST", &path, "batch-1", Some(&body)).await;
    assert_eq!((again.status, &again.body), (207, &first.body));
    assert!(is_replay(&again));
    assert_eq!((held(&world, "Batch"), seen(&world, "POST").await), (2, made));
}

both!(claim_21_another_request_with_the_key_is_refused);
async fn claim_21_another_request_with_the_key_is_refused(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let path = format!("{CONTACTS}?fields=id,name&include=remote_data");
    let body = contact("Hopper");
    let first = write(&caller, "POST", &path, "k", Some(&body)).await;
    assert_eq!(first.status, 201, "{first:?}");
    let id = first.json()["id"].as_str().expect("an id").to_owned();
    let other = contact("Other");
    for (method, path, body) in [
        ("POST", path.clone(), Some(&other)),
        ("POST", CONTACTS.to_owned(), Some(&body)),
        ("POST", "/unified/crm/accounts".to_owned(), Some(&body)),
        ("PATCH", format!("{CONTACTS}/{id}"), Some(&body)),
        ("DELETE", format!("{CONTACTS}/{id}"), None),
    ] {
        let refused = write(&caller, method, &path, "k", body).await;
        let expected = (422, "idempotency_key_reused".to_owned(), false);
        assert_eq!(outcome(&refused), expected, "{method} {path}");
    }
    assert_eq!(
        (held(&world, "Hopper"), held(&world, "Other")),
        (1, 0),
        "nothing was written"
    );
    let reordered = format!("{CONTACTS}?include=remote_data&fields=id,name");
    let again = write(&caller, "POST", &reordered, "k", Some(&body)).await;
    assert!(is_replay(&again), "the same query: {again:?}");

    // A key belongs to one connection: one event told to two customers' orgs is two writes.
    let second = Caller {
        world: &world,
        tenant: caller.tenant.clone(),
        connection_id: world.connect(&caller.tenant, "second").await,
    };
    let reply = write(&second, "POST", &path, "k", Some(&body)).await;
    assert_eq!((reply.status, is_replay(&reply)), (201, false), "{reply:?}");
}

both!(claim_21_of_twenty_at_once_one_writes);
async fn claim_21_of_twenty_at_once_one_writes(backend: Backend) {
    let nodes = if backend == Backend::Postgres { 2 } else { 1 };
    let world = World::build(Plan::new(backend).nodes(nodes)).await;
    let caller = world.connected().await;
    caller.contacts("limit=1").await;
    world
        .tell_simulator(
            "faults",
            json!({ "kind": "latency", "latency_ms": 500, "method": "POST", "path": PROVIDER_PATH }),
        )
        .await;
    let mut headers = caller.headers();
    headers.push(("idempotency-key", "burst".to_owned()));
    let body = contact("Noether");
    let replies = join_all((0..20).map(|index| {
        let url = format!("{}{CONTACTS}", world.gateways[index % nodes].url);
        let (world, headers, body) = (&world, &headers, &body);
        async move { world.client.send("POST", &url, headers, Some(body)).await }
    }))
    .await;
    let written: Vec<&Reply> = replies
        .iter()
        .filter(|reply| !is_replay(reply) && reply.status == 201)
        .collect();
    assert_eq!(written.len(), 1);
    for reply in &replies {
        if reply.status == 201 {
            assert_eq!(reply.body, written[0].body);
        } else {
            let expected = (409, "idempotency_key_in_use".to_owned(), true);
            assert_eq!(outcome(reply), expected);
            assert_eq!(reply.header("retry-after"), Some("1"));
        }
    }
    assert_eq!(held(&world, "Noether"), 1);
    let later = create(&caller, "burst", "Noether").await;
    assert!(is_replay(&later) && later.body == written[0].body, "{later:?}");
    assert_eq!(held(&world, "Noether"), 1);
}

both!(claim_22_a_write_without_an_answer_is_never_made_again);
async fn claim_22_a_write_without_an_answer_is_never_made_again(backend: Backend) {
    let mut plan = Plan::new(backend);
    plan.settings = vec![("LIMITS_UPSTREAM_FIRST_BYTE_MS", "1000")];
    let world = World::build(plan).await;
    let caller = world.connected().await;
    caller.contacts("limit=1").await;
    for (index, (fault, status, is_carried_out)) in [
        // The reply is cut after the record was written, or before anything was.
        (json!({ "kind": "cut", "phase": "after" }), 502, true),
        (json!({ "kind": "cut", "phase": "before" }), 502, false),
        // The provider is too slow, after it has written and before.
        (json!({ "kind": "latency", "latency_ms": 3_000, "phase": "after" }), 504, true),
        // An error page of whatever stands in front of it.
        (json!({ "kind": "status", "status": 502, "body": "bad gateway", "phase": "after" }), 502, true),
        // A reply that is cut short, too large or not what was agreed.
        (json!({ "kind": "status", "status": 201, "body": "{}", "content_type": "application/json", "phase": "after" }), 502, true),
    ]
    .into_iter()
    .enumerate()
    {
        let mut fault = fault;
        fault["times"] = json!(1);
        fault["method"] = json!("POST");
        fault["path"] = json!(PROVIDER_PATH);
        world.tell_simulator("faults", fault.clone()).await;
        let (key, name) = (format!("key-{index}"), format!("Turing-{index}"));
        let first = create(&caller, &key, &name).await;
        assert_eq!(first.status, status, "{fault}: {first:?}");
        assert_eq!(first.json()["retryable"], false, "a program must not send it again: {fault}");
        let posts = seen(&world, "POST").await;
        for _ in 0..2 {
            let again = create(&caller, &key, &name).await;
            assert_eq!(outcome(&again), (409, "outcome_unknown".to_owned(), false), "{fault}");
        }
        assert_eq!(seen(&world, "POST").await, posts, "no second call: {fault}");
        assert_eq!(held(&world, &name), usize::from(is_carried_out), "{fault}");
    }
}

both!(what_the_provider_refused_is_replayed_and_what_it_put_off_is_not);
async fn what_the_provider_refused_is_replayed_and_what_it_put_off_is_not(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    caller.contacts("limit=1").await;
    let fault = |fault: Value| {
        let mut fault = fault;
        fault["times"] = json!(1);
        fault["method"] = json!("POST");
        fault["path"] = json!(PROVIDER_PATH);
        fault
    };
    let refusal = json!({ "kind": "error", "status": 400, "code": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "no Babbages",
        "fields": ["LastName"] });
    world.tell_simulator("faults", fault(refusal)).await;
    let first = create(&caller, "refused", "Babbage").await;
    assert_eq!(first.status, 400, "{first:?}");
    let again = create(&caller, "refused", "Babbage").await;
    assert_eq!((again.status, &again.body), (400, &first.body), "to the letter");
    assert!(is_replay(&again));
    assert_eq!(again.header("content-type"), Some("application/problem+json"));
    assert_eq!(held(&world, "Babbage"), 0);

    for (index, put_off) in [
        json!({ "kind": "limit", "limit": "daily" }),
        json!({ "kind": "limit", "limit": "http429" }),
        json!({ "kind": "outage" }),
        json!({ "kind": "error", "status": 400, "code": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access" }),
    ]
    .into_iter()
    .enumerate()
    {
        let (key, name) = (format!("put-off-{index}"), format!("Boole-{index}"));
        world.tell_simulator("faults", fault(put_off.clone())).await;
        let first = create(&caller, &key, &name).await;
        assert!(first.status >= 400, "{put_off}: {first:?}");
        assert_eq!(first.json()["retryable"], true, "{put_off}: {first:?}");
        let again = create(&caller, &key, &name).await;
        assert_eq!((again.status, is_replay(&again)), (201, false), "{put_off}: {again:?}");
        assert_eq!(held(&world, &name), 1);
    }
    // A dry run writes nothing, so the key is still free.
    let dry = write(
        &caller,
        "POST",
        &format!("{CONTACTS}?dry_run=true"),
        "dry",
        Some(&contact("Dry")),
    )
    .await;
    assert_eq!(dry.status, 200, "{dry:?}");
    let wet = create(&caller, "dry", "Dry").await;
    assert_eq!((wet.status, held(&world, "Dry")), (201, 1), "{wet:?}");
}

both!(claim_22_a_node_killed_in_the_middle_leaves_an_unknown_outcome);
async fn claim_22_a_node_killed_in_the_middle_leaves_an_unknown_outcome(backend: Backend) {
    let mut plan = Plan::new(backend);
    // The lease of a key is this and the time to store the outcome.
    plan.settings = vec![("LIMITS_REQUEST_TOTAL_MS", "2000")];
    let mut world = World::build(plan).await;
    let (tenant, connection_id) = {
        let caller = world.connected().await;
        caller.contacts("limit=1").await;
        (caller.tenant, caller.connection_id)
    };
    let slow = json!({ "kind": "latency", "latency_ms": 1_500, "method": "POST", "path": PROVIDER_PATH, "phase": "after" });
    world.tell_simulator("faults", slow).await;
    {
        let caller = Caller {
            world: &world,
            tenant: tenant.clone(),
            connection_id: connection_id.clone(),
        };
        let mut headers = caller.headers();
        headers.push(("idempotency-key", "killed".to_owned()));
        let (client, url) = (world.client.clone(), world.url(CONTACTS));
        // Its answer never comes.
        let _abandoned = tokio::spawn(async move {
            client
                .send("POST", &url, &headers, Some(&contact("Galois")))
                .await
        });
        until("the record is written", async || held(&world, "Galois") == 1).await;
    }
    world.gateways[0].process.kill().expect("a process");
    world.gateways[0].process.wait().expect("a process");
    world.gateways.clear();
    world.add_gateway().await;
    world.tell_simulator("clear_faults", json!({})).await;
    let posts = seen(&world, "POST").await;
    let caller = Caller {
        world: &world,
        tenant,
        connection_id,
    };
    // Until the lease ends nobody can tell a dead node from a slow one.
    until("the lease ends", async || {
        let again = create(&caller, "killed", "Galois").await;
        let (status, code, retryable) = outcome(&again);
        assert_eq!(
            (status, retryable),
            (409, code == "idempotency_key_in_use"),
            "{again:?}"
        );
        code == "outcome_unknown"
    })
    .await;
    assert_eq!((held(&world, "Galois"), seen(&world, "POST").await), (1, posts));
}

both!(a_caller_who_leaves_finds_the_answer_later);
async fn a_caller_who_leaves_finds_the_answer_later(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    caller.contacts("limit=1").await;
    let slow = json!({ "kind": "latency", "latency_ms": 1_000, "method": "POST", "path": PROVIDER_PATH, "times": 1 });
    world.tell_simulator("faults", slow).await;
    let mut headers = caller.headers();
    headers.push(("idempotency-key", "left".to_owned()));
    // A client of its own: dropping the request closes its connection.
    let (client, url) = (crate::support::Client::new(), world.url(CONTACTS));
    let posts = seen(&world, "POST").await;
    let calling = tokio::spawn(async move {
        client
            .send("POST", &url, &headers, Some(&contact("Germain")))
            .await
    });
    until("the write is on its way", async || {
        seen(&world, "POST").await > posts
    })
    .await;
    assert_eq!(held(&world, "Germain"), 0, "it is not written yet");
    calling.abort();
    until("the write ends", async || {
        let again = create(&caller, "left", "Germain").await;
        again.status != 409 || again.code() != "idempotency_key_in_use"
    })
    .await;
    let answered = create(&caller, "left", "Germain").await;
    assert_eq!(
        (answered.status, is_replay(&answered)),
        (201, true),
        "{answered:?}"
    );
    assert_eq!(
        (held(&world, "Germain"), seen(&world, "POST").await),
        (1, posts + 1)
    );
}

both!(an_answer_too_large_to_keep_is_replayed_as_its_id);
async fn an_answer_too_large_to_keep_is_replayed_as_its_id(backend: Backend) {
    let mut plan = Plan::new(backend);
    plan.settings = vec![("LIMITS_IDEMPOTENCY_ANSWER_MAX_BYTES", "200")];
    let world = World::build(plan).await;
    let caller = world.connected().await;
    let first = create(&caller, "large", "Hypatia").await;
    assert_eq!(first.status, 201, "{first:?}");
    assert!(first.body.len() > 200);
    let again = create(&caller, "large", "Hypatia").await;
    assert_eq!(
        (again.status, again.json()),
        (201, json!({ "id": first.json()["id"] }))
    );
    let warnings = again.header("x-crosswalk-warnings").expect("a warning");
    assert!(warnings.contains("too large"), "{warnings}");
    assert_eq!(held(&world, "Hypatia"), 1);
}
