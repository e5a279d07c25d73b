//! Webhooks: endpoints, the outbox that a trigger fills, claims, and what becomes of deliveries.

use std::collections::HashSet;

use model::{OsRandom, WebhookDeliveryId, WebhookEndpointId};
use store::{
    HeldDelivery, NewWebhookEndpoint, Store, StoreError, Tenant, WebhookBatch, WebhookDelivery,
    WebhookDeliveryState, WebhookDisabledReason, WebhookEndpoint, WebhookEndpointChange, WebhookFate,
    WebhookFinish, WebhookOutcome,
};

use crate::support::{World, assert_not_found, connection, credentials, on_both_databases, tenant};

const LEASE_MS: u64 = 45_000;
const FIVE_DAYS_MS: u64 = 5 * 86_400_000;

on_both_databases!(
    an_event_is_recorded_with_its_deliveries_or_not_at_all,
    endpoints_are_kept_changed_and_forgotten,
    there_are_no_more_endpoints_than_allowed,
    secrets_are_shown_once_sealed_to_their_place_and_rotate,
    of_two_nodes_one_claims_a_delivery,
    a_lapsed_claim_is_another_nodes_and_its_holder_changes_nothing,
    a_backlog_hides_nobody,
    attempts_are_logged_and_fates_followed,
    an_endpoint_without_success_is_disabled,
    what_is_gone_is_disabled_and_what_comes_due_is_not_sent,
    failures_are_replayed,
    another_tenants_webhooks_are_unknown,
    old_deliveries_are_swept,
);

fn to(url: &str, types: &[&str]) -> NewWebhookEndpoint {
    NewWebhookEndpoint {
        url: url.to_owned(),
        description: None,
        event_types: types.iter().map(|name| (*name).to_owned()).collect(),
    }
}

async fn endpoint(store: &Store, tenant: &Tenant) -> WebhookEndpoint {
    store
        .create_webhook_endpoint(tenant, to("https://hooks.example/", &[]), 10)
        .await
        .unwrap()
        .0
}

async fn deliveries(store: &Store, tenant: &Tenant, id: &WebhookEndpointId) -> Vec<WebhookDelivery> {
    store
        .list_webhook_deliveries(tenant, id, None, None, 1_000)
        .await
        .unwrap()
}

async fn claim(store: &Store, id: &WebhookEndpointId, limit: u32) -> Option<WebhookBatch> {
    store.claim_webhook_deliveries(id, limit, LEASE_MS).await.unwrap()
}

async fn claim_one(store: &Store, id: &WebhookEndpointId) -> HeldDelivery {
    let mut batch = claim(store, id, 1).await.expect("something is due");
    assert_eq!(batch.deliveries.len(), 1);
    batch.deliveries.remove(0)
}

async fn finish(store: &Store, held: HeldDelivery, fate: WebhookFate) -> WebhookFinish {
    let outcome = match fate {
        WebhookFate::Delivered => WebhookOutcome {
            status: Some(204),
            duration_ms: 12,
            ..WebhookOutcome::default()
        },
        _ => WebhookOutcome {
            status: Some(500),
            error: Some("status"),
            detail: Some("é".repeat(1_000)),
            duration_ms: 34,
        },
    };
    store
        .finish_webhook_delivery(held, outcome, fate, FIVE_DAYS_MS)
        .await
        .unwrap()
}

async fn disable(store: &Store, tenant: &Tenant, id: &WebhookEndpointId, disabled: bool) -> WebhookEndpoint {
    let change = WebhookEndpointChange {
        disabled: Some(disabled),
        ..WebhookEndpointChange::default()
    };
    store.change_webhook_endpoint(tenant, id, change).await.unwrap()
}

async fn an_event_is_recorded_with_its_deliveries_or_not_at_all(world: &World) {
    let store = world.store().await;
    let (one, other) = (tenant(&store).await, tenant(&store).await);
    let make = async |url: &str, types: &[&str]| {
        let made = store.create_webhook_endpoint(&one, to(url, types), 10).await;
        made.unwrap().0.id
    };
    let all = make("https://all.example/", &[]).await;
    let some = make(
        "https://some.example/",
        &["connection.deleted", "connection.created"],
    )
    .await;
    let none = make("https://none.example/", &["connection.needs_reauth"]).await;
    let off = make("https://off.example/", &[]).await;
    disable(&store, &one, &off, true).await;
    let foreign = endpoint(&store, &other).await.id;

    let first = store
        .save_new_credentials(&one, credentials(Some("a \"quoted\" Ωne")))
        .await
        .unwrap();
    for id in [&all, &some] {
        let made = deliveries(&store, &one, id).await;
        assert_eq!(made.len(), 1);
        assert_eq!(made[0].state, WebhookDeliveryState::Pending);
        assert_eq!((made[0].attempts, made[0].last_status), (0, None));
        let event = store.event(&one, &made[0].event_id).await.unwrap();
        assert_eq!(event.kind, made[0].event_type);
        let held = claim_one(&store, id).await;
        assert_eq!(
            (held.event.id, held.event.data, held.event.at_ms),
            (event.id, event.data, event.created_at_ms)
        );
        assert_eq!(held.event.connection_id.as_ref(), Some(&first.id));
    }
    for id in [&none, &off] {
        assert_eq!(deliveries(&store, &one, id).await, []);
    }
    assert_eq!(deliveries(&store, &other, &foreign).await, []);

    // The external id is taken: the statement that would have told of a change is undone, with what it told.
    let second = store.save_new_credentials(&one, credentials(Some("two"))).await;
    let taken = store::NewCredentials {
        connection_id: Some(first.id.clone()),
        ..credentials(Some("two"))
    };
    second.unwrap();
    assert!(matches!(
        store.save_new_credentials(&one, taken).await,
        Err(StoreError::Conflict { .. })
    ));
    assert_eq!(deliveries(&store, &one, &all).await.len(), 2);
    // What cannot be delivered cannot be recorded: the two are one transaction.
    let break_outbox = if world.is_postgres() {
        "ALTER TABLE webhook_deliveries RENAME TO elsewhere"
    } else {
        "DROP TRIGGER event_deliveries; CREATE TRIGGER event_deliveries AFTER INSERT ON events \
         BEGIN SELECT RAISE(ABORT, 'broken'); END"
    };
    world.tamper(break_outbox).await;
    assert!(
        store
            .save_new_credentials(&one, credentials(Some("three")))
            .await
            .is_err()
    );
    let events = store
        .list_events(&one, &store::EventFilter::default(), None, 100)
        .await
        .unwrap();
    assert_eq!(events.len(), 2);
}

async fn endpoints_are_kept_changed_and_forgotten(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let new = NewWebhookEndpoint {
        description: Some("für Ωmega".to_owned()),
        ..to("https://a.example/hook?x=1", &["connection.created"])
    };
    let (made, _) = store.create_webhook_endpoint(&tenant, new, 10).await.unwrap();
    assert_eq!(store.webhook_endpoint(&tenant, &made.id).await.unwrap(), made);
    assert_eq!((made.disabled, made.failing_since_ms), (None, None));
    let second = endpoint(&store, &tenant).await;
    let mut both = [made.clone(), second.clone()];
    both.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(
        store.list_webhook_endpoints(&tenant, None, 10).await.unwrap(),
        both
    );
    let after = store
        .list_webhook_endpoints(&tenant, Some(&both[0].id), 10)
        .await
        .unwrap();
    assert_eq!(after, both[1..]);

    let change = WebhookEndpointChange {
        url: Some("https://b.example/".to_owned()),
        description: Some(None),
        event_types: Some(Vec::new()),
        disabled: None,
    };
    let changed = store
        .change_webhook_endpoint(&tenant, &made.id, change)
        .await
        .unwrap();
    assert_eq!(
        (changed.url.as_str(), &changed.description, &changed.event_types),
        ("https://b.example/", &None, &Vec::new())
    );
    let nothing = store
        .change_webhook_endpoint(&tenant, &made.id, WebhookEndpointChange::default())
        .await
        .unwrap();
    assert_eq!(
        (&nothing.url, nothing.disabled, nothing.created_at_ms),
        (&changed.url, None, made.created_at_ms)
    );
    for url in ["", "a\u{7}b", &"x".repeat(3_000)] {
        let change = WebhookEndpointChange {
            url: Some(url.to_owned()),
            ..WebhookEndpointChange::default()
        };
        let refused = store.change_webhook_endpoint(&tenant, &made.id, change).await;
        assert!(matches!(refused, Err(StoreError::Invalid { .. })));
    }

    connection(&store, &tenant).await;
    assert_eq!(deliveries(&store, &tenant, &made.id).await.len(), 1);
    let held = claim_one(&store, &made.id).await;
    store.delete_webhook_endpoint(&tenant, &made.id).await.unwrap();
    assert_not_found(store.webhook_endpoint(&tenant, &made.id).await);
    assert_not_found(store.delete_webhook_endpoint(&tenant, &made.id).await);
    assert_eq!(
        finish(&store, held, WebhookFate::Delivered).await,
        WebhookFinish::Lapsed
    );
    assert_eq!(deliveries(&store, &tenant, &second.id).await.len(), 1);
}

async fn there_are_no_more_endpoints_than_allowed(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let other = if world.is_postgres() {
        world.other_node().await
    } else {
        store.clone()
    };
    let create = async |store: &Store| {
        store
            .create_webhook_endpoint(&tenant, to("https://a.example/", &[]), 2)
            .await
            .is_ok()
    };
    let made = tokio::join!(create(&store), create(&other), create(&store), create(&other));
    let made = [made.0, made.1, made.2, made.3];
    assert_eq!(made.iter().filter(|made| **made).count(), 2);
    let full = store
        .create_webhook_endpoint(&tenant, to("https://a.example/", &[]), 2)
        .await;
    assert!(matches!(full, Err(StoreError::Conflict { .. })));
    assert_eq!(
        store
            .list_webhook_endpoints(&tenant, None, 10)
            .await
            .unwrap()
            .len(),
        2
    );
}

async fn secrets_are_shown_once_sealed_to_their_place_and_rotate(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let new = || to("https://a.example/", &[]);
    let (one, first) = store.create_webhook_endpoint(&tenant, new(), 10).await.unwrap();
    let (two, _) = store.create_webhook_endpoint(&tenant, new(), 10).await.unwrap();
    assert!(first.expose().starts_with("whsec_") && first.expose().len() == 6 + 44);
    connection(&store, &tenant).await;
    store
        .save_new_credentials(&tenant, credentials(Some("x")))
        .await
        .unwrap();
    store
        .save_new_credentials(&tenant, credentials(Some("y")))
        .await
        .unwrap();
    let secrets = async |id: &WebhookEndpointId| {
        let batch = claim(&store, id, 1).await.unwrap();
        world.tamper("UPDATE webhook_deliveries SET due_at_ms = 0").await;
        batch.secrets
    };
    assert_eq!(secrets(&one.id).await, std::slice::from_ref(&first));

    let (rotated, second) = store
        .rotate_webhook_secret(&tenant, &one.id, 86_400_000)
        .await
        .unwrap();
    assert_ne!(first, second);
    let left_ms = rotated.previous_secret_until_ms.unwrap() - rotated.updated_at_ms;
    assert!((86_300_000..=86_400_000).contains(&left_ms));
    assert_eq!(secrets(&one.id).await, [second.clone(), first]);
    let (_, third) = store
        .rotate_webhook_secret(&tenant, &one.id, 86_400_000)
        .await
        .unwrap();
    assert_eq!(secrets(&one.id).await, [third.clone(), second]);
    world
        .tamper("UPDATE webhook_endpoints SET previous_secret_until_ms = 1 WHERE previous_secret_until_ms IS NOT NULL")
        .await;
    assert_eq!(secrets(&one.id).await, [third]);
    let seen = store.webhook_endpoint(&tenant, &one.id).await.unwrap();
    assert_eq!(seen.previous_secret_until_ms, None);

    // One endpoint's secret does not open as another's, nor the one before as the present one.
    let moved = format!(
        "UPDATE webhook_endpoints SET sealed_secret = (SELECT sealed_secret FROM webhook_endpoints WHERE id = '{}'), \
         secret_version = (SELECT secret_version FROM webhook_endpoints WHERE id = '{}') WHERE id = '{}'",
        one.id, one.id, two.id
    );
    world.tamper(&moved).await;
    assert_eq!(secrets(&two.id).await, []);
    let older = "UPDATE webhook_endpoints SET sealed_secret = sealed_previous_secret WHERE sealed_previous_secret IS NOT NULL";
    world.tamper(older).await;
    assert_eq!(secrets(&one.id).await, []);
    assert!(matches!(
        store.rotate_webhook_secret(&tenant, &one.id, 1).await,
        Err(StoreError::Seal { .. })
    ));
}

async fn of_two_nodes_one_claims_a_delivery(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let id = endpoint(&store, &tenant).await.id;
    for index in 0..20 {
        let new = credentials(Some(&format!("c{index}")));
        store.save_new_credentials(&tenant, new).await.unwrap();
    }
    let other = if world.is_postgres() {
        world.other_node().await
    } else {
        store.clone()
    };
    let mut claimed = Vec::new();
    for _ in 0..10 {
        let (one, two) = tokio::join!(claim(&store, &id, 3), claim(&other, &id, 3));
        claimed.extend(one.into_iter().chain(two).flat_map(|batch| batch.deliveries));
    }
    let distinct: HashSet<&WebhookDeliveryId> = claimed.iter().map(|held| &held.id).collect();
    assert_eq!((claimed.len(), distinct.len()), (20, 20));
    assert!(claimed.iter().all(|held| held.attempt == 1));
    assert!(claim(&store, &id, 3).await.is_none());
    assert_eq!(store.due_webhook_endpoints(None, 10).await.unwrap(), []);
    for held in claimed {
        assert_eq!(
            finish(&store, held, WebhookFate::Delivered).await,
            WebhookFinish::Recorded
        );
    }
    assert_eq!(store.oldest_pending_webhook_ms().await.unwrap(), None);
}

async fn a_lapsed_claim_is_another_nodes_and_its_holder_changes_nothing(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let id = endpoint(&store, &tenant).await.id;
    connection(&store, &tenant).await;
    let late = claim_one(&store, &id).await;
    assert!(claim(&store, &id, 1).await.is_none(), "the lease holds");
    world
        .tamper("UPDATE webhook_deliveries SET due_at_ms = due_at_ms - 45001")
        .await;
    assert_eq!(
        store.due_webhook_endpoints(None, 10).await.unwrap(),
        std::slice::from_ref(&id)
    );
    let held = claim_one(&store, &id).await;
    assert_eq!((held.attempt, &held.id), (2, &late.id));
    assert_eq!(
        finish(&store, late, WebhookFate::GiveUp).await,
        WebhookFinish::Lapsed
    );
    let seen = deliveries(&store, &tenant, &id).await;
    assert_eq!(
        (seen[0].state, seen[0].attempts),
        (WebhookDeliveryState::Pending, 2)
    );
    assert_eq!(
        finish(&store, held, WebhookFate::Delivered).await,
        WebhookFinish::Recorded
    );
    let (seen, attempts) = store.webhook_delivery(&tenant, &id, &seen[0].id).await.unwrap();
    assert_eq!(seen.state, WebhookDeliveryState::Delivered);
    assert_eq!(
        attempts.iter().map(|one| one.number).collect::<Vec<_>>(),
        [2],
        "the attempt that could not tell is missing"
    );
}

async fn a_backlog_hides_nobody(world: &World) {
    let store = world.store().await;
    let tenants = [tenant(&store).await, tenant(&store).await, tenant(&store).await];
    let mut ids = Vec::new();
    for tenant in &tenants {
        ids.push(endpoint(&store, tenant).await.id);
    }
    ids.push(endpoint(&store, &tenants[0]).await.id);
    for index in 0..30 {
        let new = credentials(Some(&format!("c{index}")));
        store.save_new_credentials(&tenants[0], new).await.unwrap();
    }
    connection(&store, &tenants[1]).await;
    // The third tenant's only delivery waits for its next attempt.
    connection(&store, &tenants[2]).await;
    let held = claim_one(&store, &ids[2]).await;
    let later = WebhookFate::Retry { delay_ms: 60_000 };
    finish(&store, held, later).await;

    let mut due: Vec<WebhookEndpointId> = [&ids[0], &ids[1], &ids[3]].map(Clone::clone).to_vec();
    due.sort();
    assert_eq!(store.due_webhook_endpoints(None, 10).await.unwrap(), due);
    assert_eq!(store.due_webhook_endpoints(None, 2).await.unwrap(), due[..2]);
    assert_eq!(
        store.due_webhook_endpoints(Some(&due[0]), 10).await.unwrap(),
        due[1..]
    );
    assert_eq!(store.due_webhook_endpoints(Some(&due[2]), 10).await.unwrap(), []);
    let batch = claim(&store, &ids[0], 4).await.unwrap();
    assert_eq!(batch.deliveries.len(), 4);
    let oldest = deliveries(&store, &tenants[0], &ids[0]).await;
    let oldest: HashSet<_> = oldest[26..].iter().map(|one| &one.id).collect();
    assert!(batch.deliveries.iter().all(|held| oldest.contains(&held.id)));
    assert!(store.oldest_pending_webhook_ms().await.unwrap().unwrap() >= 0);
}

async fn attempts_are_logged_and_fates_followed(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let id = endpoint(&store, &tenant).await.id;
    let test = store.send_webhook_test(&tenant, &id).await.unwrap();
    assert_eq!(test.event_type, "webhook.test");
    let held = claim_one(&store, &id).await;
    assert_eq!(held.event.connection_id, None);
    serde_json::from_str::<serde_json::Value>(&held.event.data).unwrap();
    let retry = WebhookFate::Retry { delay_ms: 5_000 };
    assert_eq!(finish(&store, held, retry).await, WebhookFinish::Recorded);
    let (seen, attempts) = store.webhook_delivery(&tenant, &id, &test.id).await.unwrap();
    let delay_ms = seen.next_attempt_at_ms.unwrap() - seen.updated_at_ms;
    assert!((4_900..=5_100).contains(&delay_ms), "{delay_ms}");
    assert_eq!(
        (seen.attempts, seen.last_status, seen.last_error.as_deref()),
        (1, Some(500), Some("status"))
    );
    assert_eq!(attempts.len(), 1);
    assert_eq!((attempts[0].number, attempts[0].status), (1, Some(500)));
    assert_eq!(attempts[0].detail.as_ref().unwrap().chars().count(), 200);
    assert!(
        store
            .webhook_endpoint(&tenant, &id)
            .await
            .unwrap()
            .failing_since_ms
            .is_some()
    );
    assert!(claim(&store, &id, 1).await.is_none());

    world.tamper("UPDATE webhook_deliveries SET due_at_ms = 0").await;
    let held = claim_one(&store, &id).await;
    assert_eq!(held.attempt, 2);
    finish(&store, held, WebhookFate::Delivered).await;
    let (seen, attempts) = store.webhook_delivery(&tenant, &id, &test.id).await.unwrap();
    assert_eq!(
        (
            seen.state,
            seen.next_attempt_at_ms,
            seen.last_status,
            seen.last_error
        ),
        (WebhookDeliveryState::Delivered, None, Some(204), None)
    );
    assert_eq!(attempts.iter().map(|one| one.number).collect::<Vec<_>>(), [1, 2]);
    let seen = store.webhook_endpoint(&tenant, &id).await.unwrap();
    assert_eq!(seen.failing_since_ms, None, "it works again");

    for state in WebhookDeliveryState::ALL {
        let found = store
            .list_webhook_deliveries(&tenant, &id, Some(state), None, 10)
            .await
            .unwrap();
        assert_eq!(found.len(), usize::from(state == WebhookDeliveryState::Delivered));
    }
}

async fn an_endpoint_without_success_is_disabled(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let id = endpoint(&store, &tenant).await.id;
    for index in 0..4 {
        let new = credentials(Some(&format!("c{index}")));
        store.save_new_credentials(&tenant, new).await.unwrap();
    }
    let retry = WebhookFate::Retry { delay_ms: 60_000 };
    finish(&store, claim_one(&store, &id).await, retry).await;
    // A little less than five days.
    world
        .tamper("UPDATE webhook_endpoints SET failing_since_ms = failing_since_ms - 431990000")
        .await;
    assert_eq!(
        finish(&store, claim_one(&store, &id).await, retry).await,
        WebhookFinish::Recorded
    );
    world
        .tamper("UPDATE webhook_endpoints SET failing_since_ms = failing_since_ms - 10001")
        .await;
    assert_eq!(
        finish(&store, claim_one(&store, &id).await, WebhookFate::GiveUp).await,
        WebhookFinish::Disabled
    );
    let seen = store.webhook_endpoint(&tenant, &id).await.unwrap();
    assert_eq!(seen.disabled.unwrap().1, WebhookDisabledReason::Failing);
    // Said once; and what the tenant says later does not change why.
    assert_eq!(
        finish(&store, claim_one(&store, &id).await, WebhookFate::GiveUp).await,
        WebhookFinish::Recorded
    );
    let seen = disable(&store, &tenant, &id, true).await;
    assert_eq!(seen.disabled.unwrap().1, WebhookDisabledReason::Failing);
    let seen = disable(&store, &tenant, &id, false).await;
    assert_eq!((seen.disabled, seen.failing_since_ms), (None, None));
    connection(&store, &tenant).await;
    assert_eq!(deliveries(&store, &tenant, &id).await.len(), 5);
}

async fn what_is_gone_is_disabled_and_what_comes_due_is_not_sent(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let id = endpoint(&store, &tenant).await.id;
    connection(&store, &tenant).await;
    store
        .save_new_credentials(&tenant, credentials(Some("x")))
        .await
        .unwrap();
    let held = claim_one(&store, &id).await;
    assert_eq!(
        finish(&store, held, WebhookFate::Gone).await,
        WebhookFinish::Disabled
    );
    let seen = store.webhook_endpoint(&tenant, &id).await.unwrap();
    assert_eq!(seen.disabled.unwrap().1, WebhookDisabledReason::Gone);
    connection(&store, &tenant).await;
    assert_eq!(
        deliveries(&store, &tenant, &id).await.len(),
        2,
        "nothing is kept for an endpoint that is disabled"
    );
    let mut batch = claim(&store, &id, 10).await.unwrap();
    assert!(batch.is_disabled && batch.deliveries.len() == 1);
    let held = batch.deliveries.remove(0);
    assert_eq!(
        finish(&store, held, WebhookFate::Unsent).await,
        WebhookFinish::Recorded
    );
    assert!(
        deliveries(&store, &tenant, &id)
            .await
            .iter()
            .all(|one| one.state == WebhookDeliveryState::Failed)
    );
    for refused in [
        store.send_webhook_test(&tenant, &id).await.err(),
        store.replay_webhook_failures(&tenant, &id, 0).await.err(),
    ] {
        assert!(
            matches!(refused, Some(StoreError::Conflict { .. })),
            "{refused:?}"
        );
    }
}

async fn failures_are_replayed(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let id = endpoint(&store, &tenant).await.id;
    for index in 0..3 {
        let new = credentials(Some(&format!("c{index}")));
        store.save_new_credentials(&tenant, new).await.unwrap();
    }
    let batch = claim(&store, &id, 3).await.unwrap();
    let [first, second, third]: [HeldDelivery; 3] = batch.deliveries.try_into().unwrap();
    let (first_id, second_id, third_id) = (first.id.clone(), second.id.clone(), third.id.clone());
    finish(&store, first, WebhookFate::GiveUp).await;
    finish(&store, second, WebhookFate::Delivered).await;
    let replay = async |id_of: &WebhookDeliveryId| store.replay_webhook_delivery(&tenant, &id, id_of).await;
    assert!(
        matches!(replay(&third_id).await, Err(StoreError::Conflict { .. })),
        "it is being sent"
    );
    finish(&store, third, WebhookFate::GiveUp).await;
    assert!(claim(&store, &id, 10).await.is_none());

    let again = replay(&second_id).await.unwrap();
    assert_eq!((again.state, again.attempts), (WebhookDeliveryState::Pending, 1));
    let held = claim_one(&store, &id).await;
    assert_eq!(
        (&held.id, held.attempt),
        (&second_id, 1),
        "its schedule begins again"
    );
    finish(&store, held, WebhookFate::Delivered).await;
    let (_, attempts) = store.webhook_delivery(&tenant, &id, &second_id).await.unwrap();
    assert_eq!(attempts.iter().map(|one| one.number).collect::<Vec<_>>(), [1, 2]);

    let older = format!("UPDATE webhook_deliveries SET event_at_ms = 1000 WHERE id = '{first_id}'");
    assert_eq!(world.tamper(&older).await, 1);
    assert_eq!(
        store.replay_webhook_failures(&tenant, &id, 1_001).await.unwrap(),
        1
    );
    assert_eq!(claim_one(&store, &id).await.id, third_id);
    assert_eq!(
        store.replay_webhook_failures(&tenant, &id, 1_000).await.unwrap(),
        1
    );
    assert_eq!(claim_one(&store, &id).await.id, first_id);
    assert_eq!(store.replay_webhook_failures(&tenant, &id, 0).await.unwrap(), 0);
}

async fn another_tenants_webhooks_are_unknown(world: &World) {
    let store = world.store().await;
    let (victim, attacker) = (tenant(&store).await, tenant(&store).await);
    let own = endpoint(&store, &victim).await;
    let sent = store.send_webhook_test(&victim, &own.id).await.unwrap();
    let unknown = WebhookEndpointId::generate(&OsRandom);
    for id in [&own.id, &unknown] {
        let change = WebhookEndpointChange {
            disabled: Some(true),
            ..WebhookEndpointChange::default()
        };
        assert_not_found(store.webhook_endpoint(&attacker, id).await);
        assert_not_found(store.change_webhook_endpoint(&attacker, id, change).await);
        assert_not_found(store.rotate_webhook_secret(&attacker, id, 1).await);
        assert_not_found(store.delete_webhook_endpoint(&attacker, id).await);
        assert_not_found(store.send_webhook_test(&attacker, id).await);
        assert_not_found(store.list_webhook_deliveries(&attacker, id, None, None, 10).await);
        assert_not_found(store.webhook_delivery(&attacker, id, &sent.id).await);
        assert_not_found(store.replay_webhook_delivery(&attacker, id, &sent.id).await);
        assert_not_found(store.replay_webhook_failures(&attacker, id, 0).await);
    }
    // A delivery is one of its endpoint, and its id no key to those of another.
    let mine = endpoint(&store, &attacker).await;
    assert_not_found(store.webhook_delivery(&attacker, &mine.id, &sent.id).await);
    assert_not_found(store.replay_webhook_delivery(&attacker, &mine.id, &sent.id).await);
    let page = store
        .list_webhook_deliveries(&attacker, &mine.id, None, Some(&sent.id), 10)
        .await;
    assert_eq!(page.unwrap(), []);
    assert_eq!(
        store.list_webhook_endpoints(&attacker, None, 10).await.unwrap(),
        [mine]
    );
    assert_eq!(store.webhook_endpoint(&victim, &own.id).await.unwrap(), own);
    assert_eq!(deliveries(&store, &victim, &own.id).await, [sent]);
}

async fn old_deliveries_are_swept(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let id = endpoint(&store, &tenant).await.id;
    for index in 0..3 {
        let new = credentials(Some(&format!("c{index}")));
        store.save_new_credentials(&tenant, new).await.unwrap();
    }
    finish(&store, claim_one(&store, &id).await, WebhookFate::GiveUp).await;
    let kept = deliveries(&store, &tenant, &id).await[0].clone();
    let aged = format!(
        "UPDATE webhook_deliveries SET created_at_ms = created_at_ms - 2678400000 WHERE id <> '{}'",
        kept.id
    );
    assert_eq!(world.tamper(&aged).await, 2);
    assert_eq!(store.sweep_webhook_deliveries().await.unwrap(), 2);
    assert_eq!(deliveries(&store, &tenant, &id).await, [kept]);
}
