//! Connections managed: tried, paused, renamed, found, deleted, and passed to another account.

use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use crate::support::client::{Browser, Reply};
use crate::support::{Backend, Caller, World, both};

const KEY: &str = include_str!("../../../provider/tests/keys/first.key.pem");
const CERTIFICATE: &str = include_str!("../../../provider/tests/keys/first.cert.pem");

async fn connection(caller: &Caller<'_>) -> Value {
    let path = format!("/connections/{}", caller.connection_id);
    caller.get(&path).await.json()
}

async fn change(caller: &Caller<'_>, body: Value) -> Reply {
    let path = format!("/connections/{}", caller.connection_id);
    caller.send("PATCH", &path, Some(&body)).await
}

async fn test(caller: &Caller<'_>) -> Value {
    let path = format!("/connections/{}/test", caller.connection_id);
    let tested = caller.send("POST", &path, None).await;
    assert_eq!(tested.status, 200, "{tested:?}");
    tested.json()
}

async fn requests(world: &World, path: &str) -> usize {
    let seen = world.ask_simulator(&format!("requests?path={path}")).await;
    seen["requests"].as_array().expect("a list").len()
}

both!(a_paused_connection_keeps_its_state_and_sends_nothing);
async fn a_paused_connection_keeps_its_state_and_sends_nothing(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    assert_eq!(caller.get("/unified/crm/contacts?limit=1").await.status, 200);
    let paused = change(&caller, json!({"paused": true})).await;
    assert_eq!(paused.status, 200, "{paused:?}");
    let view = paused.json();
    assert_eq!(
        (&view["paused"], &view["state"]),
        (&json!(true), &json!("active"))
    );
    let since = view["paused_at"].clone();
    let before = requests(&world, "/services/").await;
    for path in [
        "/unified/crm/contacts?limit=1",
        "/proxy/services/data/v60.0/limits",
    ] {
        let refused = caller.get(path).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (409, "connection_paused"),
            "{path}: {refused:?}"
        );
    }
    let tested = test(&caller).await;
    assert_eq!(
        (&tested["ok"], &tested["error"]["code"]),
        (&json!(false), &json!("connection_paused"))
    );
    assert_eq!(requests(&world, "/services/").await, before);
    // Once more changes nothing, not even since when.
    assert_eq!(
        change(&caller, json!({"paused": true})).await.json()["paused_at"],
        since
    );
    let resumed = change(&caller, json!({"paused": false})).await.json();
    assert_eq!(
        (&resumed["paused"], &resumed["paused_at"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(caller.get("/unified/crm/contacts?limit=1").await.status, 200);
    let events = caller.get("/events").await.json();
    assert_eq!(
        events["result_count"], 1,
        "a pause is no change of state: {events}"
    );
}

both!(a_connection_is_renamed_and_found);
async fn a_connection_is_renamed_and_found(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let second = world.connect(&caller.tenant, "second").await;
    let odd = json!({"external_id": "100%_sure"});
    let renamed = caller
        .send("PATCH", &format!("/connections/{second}"), Some(&odd))
        .await;
    assert_eq!(renamed.status, 200, "{renamed:?}");
    let third = world
        .connect_to(simulator::SECOND_PROVIDER, &caller.tenant, "Third")
        .await;
    let renamed = change(&caller, json!({"external_id": "zeta"})).await;
    assert_eq!(renamed.json()["external_id"], "zeta", "{renamed:?}");
    let taken = change(&caller, json!({"external_id": "100%_sure"})).await;
    assert_eq!(
        (taken.status, taken.code().as_str()),
        (409, "conflict"),
        "{taken:?}"
    );
    for (body, told) in [
        (json!({}), "names nothing"),
        (json!({"external_id": ""}), "1 to"),
        (json!({"paused": "yes"}), "boolean"),
        (json!({"state": "active"}), "unknown field"),
    ] {
        let refused = change(&caller, body.clone()).await;
        assert_eq!(refused.status, 400, "{body}: {refused:?}");
        assert!(refused.text().contains(told), "{body}: {refused:?}");
    }
    let first = caller.connection_id.as_str();
    let found = async |query: &str| {
        let page = caller.get(&format!("/connections?{query}")).await;
        assert_eq!(page.status, 200, "{query}: {page:?}");
        let page = page.json();
        let ids = page["result"].as_array().expect("a list").iter();
        let mut ids: Vec<String> = ids
            .map(|one| one["id"].as_str().expect("an id").to_owned())
            .collect();
        if !query.contains("sort") {
            ids.sort();
        }
        (ids, page["next_cursor"].clone())
    };
    let host = world.simulator.base_url();
    let host = host.trim_start_matches("http://");
    for (query, expected) in [
        ("search=ZET", vec![first]),
        ("search=100%25_", vec![second.as_str()]),
        ("search=%25", vec![]),
        ("search=1___", vec![]),
        ("search=eta", vec![]),
        ("search=third&provider=salesforce", vec![]),
        ("environment=sandbox", vec![]),
        ("provider=hubspot", vec![third.as_str()]),
        ("sort=created_at", vec![first, second.as_str(), third.as_str()]),
        ("sort=-created_at", vec![third.as_str(), second.as_str(), first]),
    ] {
        assert_eq!(found(query).await.0, expected, "{query}");
    }
    // The account's id and the address of the API, with and without the scheme.
    let account = connection(&caller).await["account_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!(
        found(&format!("search={}&provider=salesforce", &account[..8]))
            .await
            .0
            .len(),
        2
    );
    let scheme: String = url::form_urlencoded::byte_serialize(b"http://").collect();
    assert_eq!(found(&format!("search={scheme}{host}")).await.0.len(), 2);
    // Page by page, and a cursor is for its own order.
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let (ids, next) = found(&format!("sort=-created_at&limit=1{cursor}")).await;
        seen.extend(ids);
        let Some(next) = next.as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, [third.as_str(), second.as_str(), first]);
    for query in [
        format!("limit=1{cursor}"),
        format!("sort=created_at&cursor={first}"),
        "cursor=con_x.y".to_owned(),
    ] {
        let refused = caller.get(&format!("/connections?{query}")).await;
        assert_eq!(refused.code(), "invalid_cursor", "{query}: {refused:?}");
    }
    let refused = caller.get("/connections?sort=name").await;
    assert_eq!(refused.json()["allowed"], json!(["created_at", "-created_at"]));
    // Taken away, the id is free.
    assert_eq!(
        change(&caller, json!({"external_id": null})).await.json()["external_id"],
        Value::Null
    );
    assert_eq!(found("external_id=zeta").await.0, Vec::<String>::new());
}

both!(a_test_call_tells_what_is_wrong);
async fn a_test_call_tells_what_is_wrong(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let works = test(&caller).await;
    assert_eq!(
        (&works["ok"], &works["provider_status"], &works["error"]),
        (&json!(true), &json!(200), &Value::Null)
    );
    assert!(works["latency_ms"].is_u64());
    // A token that is over is refreshed by it.
    world.tell_simulator("kill_sessions", json!({})).await;
    assert_eq!(test(&caller).await["ok"], true);
    assert!(connection(&caller).await["last_refreshed_at"].is_string());
    world
        .tell_simulator(
            "faults",
            json!({"kind": "status", "status": 503, "body": "away", "times": 1, "path": "/services/data"}),
        )
        .await;
    let away = test(&caller).await;
    assert_eq!(
        (&away["ok"], &away["error"]["code"]),
        (&json!(false), &json!("upstream_unavailable")),
        "{away}"
    );
    world.tell_simulator("revoke_grants", json!({})).await;
    let dead = test(&caller).await;
    assert_eq!(dead["error"]["code"], "needs_reauth", "{dead}");
    assert_eq!(dead["state"], "needs_reauth", "{dead}");
    let portal = world
        .connect_to(simulator::SECOND_PROVIDER, &caller.tenant, "portal")
        .await;
    let tested = caller
        .send("POST", &format!("/connections/{portal}/test"), None)
        .await
        .json();
    assert_eq!(tested["ok"], true, "{tested}");
}

/// Waits for what is done in the background, by what the log tells of it.
async fn eventually(world: &World, told: &str, count: usize) {
    for _ in 0..500 {
        if world.gateways[0].log().matches(told).count() >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{told:?} is not told {count} times: {}", world.gateways[0].log());
}

both!(deleting_ends_the_grant_at_the_provider);
async fn deleting_ends_the_grant_at_the_provider(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let revoke = "/services/oauth2/revoke";
    let delete = async |id: &str| {
        caller
            .send("DELETE", &format!("/connections/{id}"), None)
            .await
            .status
    };
    // The access token of the connection, to see whether it has ended.
    let proxied = async |id: &str| {
        let mut headers = caller.tenant.bearer();
        headers.push(("x-connection-id", id.to_owned()));
        world
            .client
            .get(&world.url("/proxy/services/data/v60.0"), &headers)
            .await
    };
    assert_eq!(proxied(&caller.connection_id).await.status, 200);
    assert_eq!(delete(&caller.connection_id).await, 204);
    let ended = "was ended at its provider";
    eventually(&world, ended, 1).await;
    assert_eq!(requests(&world, revoke).await, 1);
    let live = async || {
        // Only what the simulator would still serve can be ended by it.
        world.tell_simulator("kill_sessions", json!({})).await["ended"].clone()
    };
    assert_eq!(live().await, 0, "the session lives on");
    // Where there is no refresh token, the access token is what is ended.
    world
        .tell_simulator("settings", json!({"jwt_certificate": CERTIFICATE}))
        .await;
    let jwt = json!({"provider": "salesforce", "flow": "jwt_bearer", "username": simulator::USERNAME, "private_key": KEY});
    let made = caller.send("POST", "/connections", Some(&jwt)).await;
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(delete(&id).await, 204);
    eventually(&world, ended, 2).await;
    assert_eq!(live().await, 0, "the session lives on");
    // The provider is out of order: deleted all the same, and told.
    let id = world.connect(&caller.tenant, "orphan").await;
    world
        .tell_simulator(
            "faults",
            json!({"kind": "status", "status": 503, "body": "away", "path": revoke}),
        )
        .await;
    assert_eq!(delete(&id).await, 204);
    let gone = caller.get(&format!("/connections/{id}")).await;
    assert_eq!(gone.status, 404, "{gone:?}");
    eventually(&world, "may live on at its provider", 1).await;
    let metrics = world.client.get(&world.url("/metrics"), &[]).await.text();
    for outcome in ["ended\"} 2", "not_ended\"} 1"] {
        assert!(metrics.contains(outcome), "{outcome}: {metrics}");
    }
}

both!(a_connection_passes_to_another_account_only_when_that_is_wanted);
async fn a_connection_passes_to_another_account_only_when_that_is_wanted(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    assert_eq!(caller.get("/unified/crm/contacts?limit=1").await.status, 200);
    // As if the connection had been made to another org.
    let before = connection(&caller).await;
    world
        .tamper("UPDATE connections SET account_id = '00D000000000001AAA'")
        .await;
    let reconnect = async |more: Value| {
        let mut session = json!({"provider": "salesforce", "connection_id": caller.connection_id, "return_to": "http://127.0.0.1:9/back"});
        for (key, value) in more.as_object().expect("an object") {
            session[key] = value.clone();
        }
        let made = caller.send("POST", "/connect/sessions", Some(&session)).await;
        assert_eq!(made.status, 201, "{made:?}");
        let link = made.json()["url"].as_str().expect("a link").to_owned();
        let is_back = |url: &Url| url.path() == "/back";
        Browser::new(&world.client).walk_until(&link, is_back).await
    };
    let refused = reconnect(json!({})).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(refused.text().contains("another account"), "{refused:?}");
    world
        .tamper("UPDATE connections SET state = 'needs_reauth', state_reason = 'grant_ended'")
        .await;
    let moved = reconnect(json!({"allow_account_change": true})).await;
    let back = moved.header("location").expect("a location").to_owned();
    assert!(back.contains("status=connected"), "{back}");
    let after = connection(&caller).await;
    assert_eq!(
        (&after["id"], &after["account_id"]),
        (&before["id"], &before["account_id"])
    );
    assert_eq!(
        (&after["state"], &after["state_reason"]),
        (&json!("active"), &Value::Null)
    );
    let events = caller.get("/events?type=connection.recovered").await.json();
    assert_eq!(events["result_count"], 1, "{events}");
    assert_eq!(caller.get("/unified/crm/contacts?limit=1").await.status, 200);
}
