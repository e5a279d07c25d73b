//! What happened to connections, told once, in the transaction in which it happened.

use model::{ConnectionId, EventId, OsRandom};
use serde_json::{Value, json};
use store::{Event, EventFilter, NewEvent, RefreshClaim, Store, StoreError, Tenant};

use crate::support::{World, connection, credentials, on_both_databases, tenant, tokens};

on_both_databases!(
    each_change_of_a_state_is_one_event,
    a_change_that_is_rolled_back_is_none,
    what_is_told_once_is_told_once,
    events_are_a_tenants_own_and_paged,
    old_events_are_swept,
);

async fn events(store: &Store, tenant: &Tenant) -> Vec<Event> {
    store
        .list_events(tenant, &EventFilter::default(), None, 100)
        .await
        .unwrap()
}

fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}

async fn fence(store: &Store, tenant: &Tenant, id: &ConnectionId) -> i64 {
    match store.claim_refresh(tenant, id, 1, "node", 10_000).await.unwrap() {
        RefreshClaim::Claimed { fence, .. } => fence,
        other => panic!("{other:?}"),
    }
}

async fn each_change_of_a_state_is_one_event(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let first = store
        .save_new_credentials(&tenant, credentials(Some("Ωmega \"1\"")))
        .await
        .unwrap();
    let fence = fence(&store, &tenant, &first.id).await;
    assert!(
        store
            .mark_needs_reauth(&tenant, &first.id, 1, fence, "they said \"no\"")
            .await
            .unwrap()
    );
    // The loser of a race changes nothing, so it tells nothing.
    assert!(
        !store
            .mark_needs_reauth(&tenant, &first.id, 1, fence, "again")
            .await
            .unwrap()
    );
    let again = store::NewCredentials {
        connection_id: Some(first.id.clone()),
        tokens: tokens("access-2", None),
        ..credentials(None)
    };
    store.save_new_credentials(&tenant, again.clone()).await.unwrap();
    // Connected again while it works: its state is what it was.
    store.save_new_credentials(&tenant, again).await.unwrap();
    store.delete_connection(&tenant, &first.id).await.unwrap();

    let told = events(&store, &tenant).await;
    assert_eq!(
        kinds(&told),
        [
            "connection.deleted",
            "connection.recovered",
            "connection.needs_reauth",
            "connection.created"
        ]
    );
    let data: Value = serde_json::from_str(&told[2].data).unwrap();
    assert_eq!(
        data,
        json!({
            "provider": first.provider, "environment": first.environment, "external_id": "Ωmega \"1\"",
            "state": "needs_reauth", "state_reason": "they said \"no\""
        })
    );
    assert!(told.iter().all(|event| event.connection_id == first.id));
    assert!(
        told.windows(2)
            .all(|pair| pair[0].created_at_ms >= pair[1].created_at_ms)
    );
    assert_eq!(store.event(&tenant, &told[1].id).await.unwrap(), told[1]);
}

async fn a_change_that_is_rolled_back_is_none(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let first = store
        .save_new_credentials(&tenant, credentials(Some("one")))
        .await
        .unwrap();
    let second = store
        .save_new_credentials(&tenant, credentials(Some("two")))
        .await
        .unwrap();
    // The external id belongs to another connection: the whole statement is undone.
    let taken = store::NewCredentials {
        connection_id: Some(second.id.clone()),
        ..credentials(Some("one"))
    };
    assert!(matches!(
        store.save_new_credentials(&tenant, taken).await,
        Err(StoreError::Conflict { .. })
    ));
    let told = events(&store, &tenant).await;
    assert_eq!(kinds(&told), ["connection.created", "connection.created"]);
    assert_eq!(
        (&told[0].connection_id, &told[1].connection_id),
        (&second.id, &first.id)
    );
}

async fn what_is_told_once_is_told_once(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let id = connection(&store, &tenant).await.id;
    let event = NewEvent {
        kind: "connection.schema_drift",
        connection_id: &id,
        data: "{\"object\":\"Contact\"}",
        once: "this change",
    };
    // Two nodes notice at the same moment.
    let other = if world.is_postgres() {
        world.other_node().await
    } else {
        store.clone()
    };
    let (one, two) = tokio::join!(
        store.record_event(&tenant, event),
        other.record_event(&tenant, event)
    );
    assert!(one.unwrap() ^ two.unwrap());
    assert!(!store.record_event(&tenant, event).await.unwrap());
    assert!(
        store
            .record_event(
                &tenant,
                NewEvent {
                    once: "another",
                    ..event
                }
            )
            .await
            .unwrap()
    );
    let unknown = ConnectionId::generate(&OsRandom);
    let foreign = NewEvent {
        connection_id: &unknown,
        once: "a third",
        ..event
    };
    assert!(!store.record_event(&tenant, foreign).await.unwrap());
    let large = "x".repeat(100_000);
    assert!(
        store
            .record_event(
                &tenant,
                NewEvent {
                    data: &large,
                    ..event
                }
            )
            .await
            .is_err()
    );
    assert_eq!(
        kinds(&events(&store, &tenant).await),
        [
            "connection.schema_drift",
            "connection.schema_drift",
            "connection.created"
        ]
    );
}

async fn events_are_a_tenants_own_and_paged(world: &World) {
    let store = world.store().await;
    let (one, other) = (tenant(&store).await, tenant(&store).await);
    let first = connection(&store, &one).await.id;
    for index in 0..5 {
        store
            .save_new_credentials(&one, credentials(Some(&format!("c{index}"))))
            .await
            .unwrap();
    }
    let all = events(&store, &one).await;
    assert_eq!(all.len(), 6);
    assert_eq!(events(&store, &other).await, []);
    assert!(matches!(
        store.event(&other, &all[0].id).await,
        Err(StoreError::NotFound)
    ));
    let mut walked = Vec::new();
    while let page = store
        .list_events(
            &one,
            &EventFilter::default(),
            walked.last().map(|event: &Event| &event.id),
            4,
        )
        .await
        .unwrap()
        && !page.is_empty()
    {
        walked.extend(page);
    }
    assert_eq!(walked, all);
    let foreign = store
        .list_events(&other, &EventFilter::default(), Some(&all[0].id), 10)
        .await
        .unwrap();
    assert_eq!(foreign, []);
    let of = |connection_id, kind: Option<&str>| EventFilter {
        connection_id,
        kind: kind.map(str::to_owned),
    };
    let found = store
        .list_events(&one, &of(Some(first.clone()), None), None, 10)
        .await
        .unwrap();
    assert_eq!((found.len(), &found[0].connection_id), (1, &first));
    let none = store
        .list_events(&one, &of(None, Some("connection.deleted")), None, 10)
        .await
        .unwrap();
    assert_eq!(none, []);
    let unknown = EventId::generate(&OsRandom);
    assert!(matches!(
        store.event(&one, &unknown).await,
        Err(StoreError::NotFound)
    ));
}

async fn old_events_are_swept(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    for index in 0..3 {
        store
            .save_new_credentials(&tenant, credentials(Some(&format!("c{index}"))))
            .await
            .unwrap();
    }
    let kept = events(&store, &tenant).await[0].clone();
    let aged = format!(
        "UPDATE events SET created_at_ms = created_at_ms - 2678400000 WHERE id <> '{}'",
        kept.id
    );
    assert_eq!(world.tamper(&aged).await, 2);
    assert_eq!(store.sweep_events().await.unwrap(), 2);
    assert_eq!(events(&store, &tenant).await, [kept]);
}
