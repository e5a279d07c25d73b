//! `crosswalk webhooks`.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::{Shell, text};
use crate::support::{Backend, Caller, Plan, World, both};

/// What came: the event's id and the signatures of each message. The first is refused for good, the others are taken.
type Seen = Arc<Mutex<Vec<(String, String)>>>;

async fn receive(State(seen): State<Seen>, headers: HeaderMap) -> StatusCode {
    let header = |name| headers[name].to_str().expect("a text").to_owned();
    let mut seen = seen.lock().expect("a list");
    seen.push((header("webhook-id"), header("webhook-signature")));
    if seen.len() <= 1 {
        StatusCode::GONE
    } else {
        StatusCode::NO_CONTENT
    }
}

async fn receiver() -> (String, Seen) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let seen = Seen::default();
    let routes = Router::new().fallback(receive).with_state(Arc::clone(&seen));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (origin, seen)
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

async fn shown(caller: &Caller<'_>, id: &str) -> Value {
    caller.get(&format!("/webhooks/{id}")).await.json()
}

/// A world whose gateway may send webhooks to this origin, and looks for them often.
async fn world(backend: Backend, origin: &str) -> World {
    let mut plan = Plan::new(backend);
    let allow: &'static str = Box::leak(format!("[\"{origin}\"]").into_boxed_str());
    plan.settings = vec![("EGRESS_WEBHOOK_ALLOW", allow), ("LIMITS_WEBHOOK_POLL_MS", "200")];
    World::build(plan).await
}

both!(webhooks_are_made_changed_and_deleted);
async fn webhooks_are_made_changed_and_deleted(backend: Backend) {
    let (origin, _) = receiver().await;
    let world = world(backend, &origin).await;
    let caller = world.connected().await;
    let tenant = Shell::of(&caller.tenant, &world);
    let target = format!("{origin}/hook");
    let made = tenant.json(&[
        "webhooks",
        "create",
        &target,
        "--description",
        "Zoë's",
        "--event-type",
        "connection.deleted",
        "--event-type",
        "connection.created",
    ]);
    let id = text(&made["id"]);
    assert!(text(&made["secret"]).starts_with("whsec_"));
    let kept = shown(&caller, id).await;
    assert_eq!(
        (&kept["url"], &kept["description"], &kept["event_types"]),
        (
            &json!(target),
            &json!("Zoë's"),
            &json!(["connection.deleted", "connection.created"])
        )
    );
    assert_eq!(tenant.json(&["webhooks", "show", id]), kept);
    assert_eq!(tenant.lines(&["webhooks", "list", "--json"]), [kept]);
    assert!(tenant.done(&["webhooks", "list"]).contains(&target));

    let elsewhere = format!("{origin}/other");
    let changed = tenant.json(&[
        "webhooks",
        "update",
        id,
        "--target",
        &elsewhere,
        "--description",
        "",
        "--every-event",
        "--disable",
    ]);
    assert_eq!(shown(&caller, id).await, changed);
    assert_eq!(
        (
            &changed["url"],
            &changed["description"],
            &changed["event_types"],
            &changed["disabled"]
        ),
        (&json!(elsewhere), &Value::Null, &json!([]), &json!(true))
    );
    let one = ["webhooks", "update", id, "--event-type", "connection.deleted"];
    assert_eq!(tenant.json(&one)["event_types"], json!(["connection.deleted"]));
    tenant.refused(&["webhooks", "update", id], "required");
    tenant.refused(
        &["webhooks", "update", id, "--enable", "--disable"],
        "cannot be used",
    );
    tenant.refused(&["webhooks", "update", id, "--event-type", "odd"], "Allowed: ");
    tenant.refused(&["webhooks", "create", "http://10.0.0.1/"], "(invalid_body, req_");

    assert_eq!(
        tenant.done(&["webhooks", "delete", id]),
        format!("{id} is deleted\n")
    );
    assert_eq!(caller.get(&format!("/webhooks/{id}")).await.status, 404);
    tenant.refused(&["webhooks", "show", id], "No such webhook");
}

both!(what_is_sent_is_followed_and_sent_again);
async fn what_is_sent_is_followed_and_sent_again(backend: Backend) {
    let (origin, seen) = receiver().await;
    let world = world(backend, &origin).await;
    let caller = world.connected().await;
    let tenant = Shell::of(&caller.tenant, &world);
    let arrived = async |count: usize| {
        until("messages arrive", async || {
            seen.lock().expect("a list").len() >= count
        })
        .await;
        seen.lock().expect("a list").clone()
    };
    let made = tenant.json(&[
        "webhooks",
        "create",
        &origin,
        "--event-type",
        "connection.deleted",
    ]);
    let (id, secret) = (text(&made["id"]), text(&made["secret"]));

    // Gone, says the receiver: the delivery fails for good and the webhook is disabled.
    let delivery = tenant.json(&["webhooks", "test", id]);
    let delivery = text(&delivery["id"]);
    arrived(1).await;
    until("it is disabled", async || {
        shown(&caller, id).await["disabled"] == true
    })
    .await;
    let failed = tenant.lines(&["webhooks", "deliveries", id, "--state", "failed", "--json"]);
    assert_eq!(failed[0]["id"], delivery);
    let told = tenant.done(&["webhooks", "deliveries", id]);
    assert!(told.contains(delivery) && told.contains("410"), "{told}");
    tenant.refused(
        &["webhooks", "deliveries", id, "--state", "odd"],
        "Allowed: pending",
    );
    let since = ["webhooks", "replay", id, "--since", "2026-01-01T00:00:00Z"];
    tenant.refused(&since, "(conflict, req_");
    let enabled = tenant.json(&["webhooks", "update", id, "--enable"]);
    assert_eq!(
        (&enabled["disabled"], &enabled["event_types"]),
        (&json!(false), &json!(["connection.deleted"]))
    );
    assert_eq!(tenant.done(&since), "1 deliveries are sent again\n");
    arrived(2).await;
    until("it is delivered", async || {
        tenant.json(&["webhooks", "delivery", id, delivery])["state"] == "delivered"
    })
    .await;
    let attempts = tenant.json(&["webhooks", "delivery", id, delivery]);
    let route = format!("/webhooks/{id}/deliveries/{delivery}");
    assert_eq!(attempts, caller.get(&route).await.json());
    assert_eq!(attempts["attempts"].as_array().map(Vec::len), Some(2));

    let rotated = tenant.json(&["webhooks", "rotate-secret", id]);
    assert_ne!(text(&rotated["secret"]), secret);
    let again = tenant.done(&["webhooks", "replay", id, "--delivery", delivery]);
    assert_eq!(again, format!("{delivery} is sent again\n"));
    let messages = arrived(3).await;
    assert_eq!(messages[2].0, messages[0].0, "a replay is the same event");
    assert_eq!(
        (messages[1].1.split(' ').count(), messages[2].1.split(' ').count()),
        (1, 2),
        "signed by both secrets"
    );
    tenant.refused(&["webhooks", "replay", id], "--since");
}
