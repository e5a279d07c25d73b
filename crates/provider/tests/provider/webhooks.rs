//! Webhooks delivered over real HTTP: what arrives, what each answer leads to, and who waits for whom.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Limits, SystemClock, WebhookDeliveryId, WebhookEndpointId};
use serde_json::{Value, json};
use store::{
    NewWebhookEndpoint, WebhookAttempt, WebhookDelivery, WebhookDeliveryState, WebhookDisabledReason,
};

use crate::fake::{Hook, Seen};
use crate::support::{World, providers};

const POLL_MS: u64 = 20;

fn limits() -> Limits {
    Limits {
        webhook_poll_ms: POLL_MS,
        webhook_request_ms: 1_000,
        webhook_lease_ms: 10_000,
        webhook_endpoints_max: 4,
        webhook_endpoint_inflight_max: 2,
        webhook_inflight_max: 9,
        ..Limits::default()
    }
}

/// A world in which webhooks are delivered.
async fn world() -> World {
    let world = World::with(limits(), Arc::new(SystemClock), Some("refresh-1")).await;
    world.providers.deliver_webhooks();
    world
}

impl World {
    async fn hook(&self, path: &str) -> WebhookEndpointId {
        self.hook_at(&format!("{}{path}", self.fake.origin)).await
    }

    async fn hook_at(&self, url: &str) -> WebhookEndpointId {
        let new = NewWebhookEndpoint {
            url: url.to_owned(),
            description: None,
            event_types: Vec::new(),
        };
        let made = self.store.create_webhook_endpoint(&self.tenant, new, 10).await;
        made.unwrap().0.id
    }

    async fn test(&self, hook: &WebhookEndpointId) -> WebhookDeliveryId {
        self.store.send_webhook_test(&self.tenant, hook).await.unwrap().id
    }

    async fn delivery(
        &self,
        hook: &WebhookEndpointId,
        id: &WebhookDeliveryId,
    ) -> (WebhookDelivery, Vec<WebhookAttempt>) {
        self.store.webhook_delivery(&self.tenant, hook, id).await.unwrap()
    }

    /// Waits until the delivery has had this many attempts.
    async fn after(
        &self,
        attempts: usize,
        hook: &WebhookEndpointId,
        id: &WebhookDeliveryId,
    ) -> (WebhookDelivery, Vec<WebhookAttempt>) {
        let begun = Instant::now();
        loop {
            let seen = self.delivery(hook, id).await;
            if seen.1.len() >= attempts {
                return seen;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{seen:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn hooks_seen(&self) -> Vec<Seen> {
        let seen = self.fake.seen();
        seen.into_iter()
            .filter(|seen| seen.target.starts_with("/hook"))
            .collect()
    }

    fn answer_with(&self, hooks: impl IntoIterator<Item = Hook>) {
        self.fake.hooks.lock().unwrap().extend(hooks);
    }
}

fn header<'a>(seen: &'a Seen, name: &str) -> &'a str {
    seen.headers[name].to_str().unwrap()
}

#[tokio::test]
async fn an_event_arrives_signed_and_once() {
    let world = world().await;
    let hook = world.hook("/hook?key=1").await;
    let id = world.test(&hook).await;
    let (delivery, attempts) = world.after(1, &hook, &id).await;
    assert_eq!(
        (delivery.state, delivery.last_status, delivery.last_error),
        (WebhookDeliveryState::Delivered, Some(204), None)
    );
    assert_eq!((attempts.len(), attempts[0].error.as_deref()), (1, None));
    // An event of a connection wakes the deliverer as well.
    world
        .store
        .delete_connection(&world.tenant, &world.connection.id)
        .await
        .unwrap();
    let page = world
        .store
        .list_webhook_deliveries(&world.tenant, &hook, None, None, 10)
        .await
        .unwrap();
    assert_eq!(page[0].event_type, "connection.deleted");
    world.after(1, &hook, &page[0].id).await;

    let seen = world.hooks_seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(
        (seen[1].method.as_str(), seen[1].target.as_str()),
        ("POST", "/hook?key=1")
    );
    assert_eq!(header(&seen[1], "content-type"), "application/json");
    assert_eq!(header(&seen[1], "webhook-id"), page[0].event_id.as_str());
    assert!(header(&seen[1], "user-agent").starts_with("crosswalk/"));
    assert!(header(&seen[1], "webhook-signature").starts_with("v1,"));
    assert!(!seen[1].headers.contains_key("authorization"));
    let body: Value = serde_json::from_slice(&seen[1].body).unwrap();
    assert_eq!(body["type"], "connection.deleted");
    assert_eq!(body["data"]["connection_id"], json!(world.connection.id));
    assert_eq!(body["data"]["state"], "active");
    let test: Value = serde_json::from_slice(&seen[0].body).unwrap();
    assert_eq!(test["type"], "webhook.test");
    assert!(test["data"].get("connection_id").is_none());
    tokio::time::sleep(Duration::from_millis(5 * POLL_MS)).await;
    assert_eq!(world.hooks_seen().len(), 2, "what was taken is not sent again");
}

#[tokio::test]
async fn what_is_not_taken_is_sent_again_and_says_why() {
    let world = world().await;
    let hook = world.hook("/hook").await;
    world.answer_with([
        Hook::Answer(500, None),
        Hook::Hang,
        Hook::Answer(302, Some(("location", "http://127.0.0.1:1/stolen"))),
        Hook::Answer(429, Some(("retry-after", "7200"))),
        Hook::Answer(404, None),
        Hook::Flood,
    ]);
    let id = world.test(&hook).await;
    let expected: [(Option<i64>, Option<&str>, i64); 5] = [
        (Some(500), Some("status"), 5_000),
        (None, Some("timeout"), 300_000),
        (Some(302), Some("redirect"), 1_800_000),
        (Some(429), Some("status"), 7_200_000),
        (Some(404), Some("status"), 18_000_000),
    ];
    let mut ids = Vec::new();
    for (index, (status, error, pause_ms)) in expected.into_iter().enumerate() {
        let (delivery, attempts) = world.after(index + 1, &hook, &id).await;
        let last = attempts.last().unwrap();
        assert_eq!((last.status, last.error.as_deref()), (status, error));
        assert_eq!(delivery.state, WebhookDeliveryState::Pending);
        let waits_ms = delivery.next_attempt_at_ms.unwrap() - delivery.updated_at_ms;
        assert!(
            (pause_ms - 50..=pause_ms + pause_ms / 10 + 50).contains(&waits_ms),
            "{waits_ms} after attempt {}",
            index + 1
        );
        ids.push(header(world.hooks_seen().last().unwrap(), "webhook-id").to_owned());
        world.tamper("UPDATE webhook_deliveries SET due_at_ms = 0").await;
    }
    let (delivery, attempts) = world.after(6, &hook, &id).await;
    assert_eq!(delivery.state, WebhookDeliveryState::Delivered);
    assert_eq!(attempts.len(), 6);
    let seen = world.hooks_seen();
    assert_eq!(seen.len(), 6, "the redirect led nowhere");
    assert!(ids.iter().all(|id| *id == delivery.event_id.as_str()));
    assert!(
        seen.iter().all(|one| one.body == seen[0].body),
        "the same bytes each time"
    );
}

#[tokio::test]
async fn the_last_attempt_of_the_schedule_is_the_last() {
    let world = world().await;
    let hook = world.hook("/hook").await;
    world.answer_with((0..10).map(|_| Hook::Answer(503, None)));
    let id = world.test(&hook).await;
    for attempt in 1..10 {
        let (delivery, _) = world.after(attempt, &hook, &id).await;
        assert_eq!(delivery.state, WebhookDeliveryState::Pending, "{attempt}");
        world.tamper("UPDATE webhook_deliveries SET due_at_ms = 0").await;
    }
    let (delivery, attempts) = world.after(10, &hook, &id).await;
    assert_eq!(
        (delivery.state, attempts.len()),
        (WebhookDeliveryState::Failed, 10)
    );
    let endpoint = world.store.webhook_endpoint(&world.tenant, &hook).await.unwrap();
    assert_eq!(endpoint.disabled, None);
    world
        .store
        .replay_webhook_delivery(&world.tenant, &hook, &id)
        .await
        .unwrap();
    let (delivery, _) = world.after(11, &hook, &id).await;
    assert_eq!(delivery.state, WebhookDeliveryState::Delivered);
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_sent_nothing_more() {
    let world = world().await;
    let hook = world.hook("/hook").await;
    world.answer_with([Hook::Answer(500, None), Hook::Answer(410, None)]);
    let first = world.test(&hook).await;
    world.after(1, &hook, &first).await;
    let second = world.test(&hook).await;
    let (delivery, _) = world.after(1, &hook, &second).await;
    assert_eq!(
        (delivery.state, delivery.last_status),
        (WebhookDeliveryState::Failed, Some(410))
    );
    let endpoint = world.store.webhook_endpoint(&world.tenant, &hook).await.unwrap();
    assert_eq!(endpoint.disabled.unwrap().1, WebhookDisabledReason::Gone);
    world
        .tamper("UPDATE webhook_deliveries SET due_at_ms = 0 WHERE state = 'pending'")
        .await;
    let (delivery, attempts) = world.after(2, &hook, &first).await;
    assert_eq!(delivery.state, WebhookDeliveryState::Failed);
    assert_eq!(attempts[1].error.as_deref(), Some("endpoint_disabled"));
    assert_eq!(world.hooks_seen().len(), 2);
}

#[tokio::test]
async fn private_addresses_and_plain_http_are_not_called() {
    let world = world().await;
    let port = world.fake.origin.rsplit(':').next().unwrap();
    let plain = format!("http://localhost:{port}/hook");
    for (url, why) in [
        (format!("https://localhost:{port}/hook"), "address"),
        (plain, "https"),
        (format!("https://127.0.0.1:{port}/hook"), "host"),
    ] {
        // Past the check that a tenant's URL goes through, as when the operator's list has changed since.
        let hook = world.hook_at(&url).await;
        let id = world.test(&hook).await;
        let (delivery, attempts) = world.after(1, &hook, &id).await;
        assert_eq!(delivery.last_error.as_deref(), Some("refused"), "{url}");
        assert!(attempts[0].detail.as_ref().unwrap().contains(why), "{attempts:?}");
    }
    assert_eq!(world.hooks_seen().len(), 0);
}

#[tokio::test]
async fn a_slow_receiver_keeps_nobody_else_waiting() {
    let world = world().await;
    let slow = world.hook("/hook/slow").await;
    world.answer_with((0..6).map(|_| Hook::WaitForPermit));
    let mut waiting = Vec::new();
    for _ in 0..6 {
        waiting.push(world.test(&slow).await);
    }
    let begun = Instant::now();
    while world.hooks_seen().len() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.fake.hooks.lock().unwrap().clear();
    let quick = world.hook("/hook/quick").await;
    let id = world.test(&quick).await;
    let (delivery, _) = world.after(1, &quick, &id).await;
    assert_eq!(delivery.state, WebhookDeliveryState::Delivered);
    let to_slow = world
        .hooks_seen()
        .iter()
        .filter(|seen| seen.target == "/hook/slow")
        .count();
    assert_eq!(to_slow, 2, "no more at a time than an endpoint may have");
    world.fake.permits.add_permits(6);
    for id in &waiting {
        world.after(1, &slow, id).await;
    }
}

#[tokio::test]
async fn a_node_that_stops_finishes_what_it_sends_and_begins_nothing() {
    let world = world().await;
    let hook = world.hook("/hook").await;
    world.answer_with([Hook::WaitForPermit]);
    let id = world.test(&hook).await;
    let begun = Instant::now();
    while world.hooks_seen().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let draining = tokio::spawn({
        let providers = world.providers.clone();
        async move { providers.drain().await }
    });
    // Long enough for the loop to end.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let later = world.test(&hook).await;
    tokio::time::sleep(Duration::from_millis(5 * POLL_MS)).await;
    assert!(!draining.is_finished());
    world.fake.permits.add_permits(1);
    draining.await.unwrap();
    let (delivery, _) = world.delivery(&hook, &id).await;
    assert_eq!(delivery.state, WebhookDeliveryState::Delivered);
    let (delivery, _) = world.delivery(&hook, &later).await;
    assert_eq!(
        (delivery.state, delivery.attempts),
        (WebhookDeliveryState::Pending, 0)
    );
}

#[tokio::test]
async fn a_secret_that_does_not_open_sends_nothing() {
    let world = world().await;
    let hook = world.hook("/hook").await;
    world
        .tamper("UPDATE webhook_endpoints SET secret_version = secret_version + 1")
        .await;
    let id = world.test(&hook).await;
    let (delivery, _) = world.after(1, &hook, &id).await;
    assert_eq!(delivery.last_error.as_deref(), Some("secret_unreadable"));
    assert_eq!(world.hooks_seen().len(), 0);
}

#[tokio::test]
async fn of_two_nodes_one_sends() {
    let world = world().await;
    let hook = world.hook("/hook").await;
    let other = providers(&world.fake, &world.store, limits(), Arc::new(SystemClock));
    other.deliver_webhooks();
    let mut sent = Vec::new();
    for _ in 0..20 {
        sent.push(world.test(&hook).await);
    }
    for id in &sent {
        world.after(1, &hook, id).await;
    }
    world.providers.drain().await;
    other.drain().await;
    assert_eq!(world.hooks_seen().len(), 20);
}
