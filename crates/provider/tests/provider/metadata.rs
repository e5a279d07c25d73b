//! Descriptions of objects: read once, kept, asked for again conditionally.

use std::sync::Arc;

use futures_util::future::join_all;
use model::{Limits, ManualClock};
use provider::CallError;

use crate::calls::warm;
use crate::support::World;

#[tokio::test]
async fn many_who_ask_cause_one_read() {
    let world = warm().await;
    let connection = world.now().await;
    let asked = ["Thing", "thing", "THING", "Thing"]
        .map(|name| world.providers.object_metadata(&world.tenant, &connection, name));
    for described in join_all(asked).await {
        assert!(described.unwrap().field("colour__c").unwrap().is_custom);
    }
    assert_eq!(world.fake.seen().len(), 1);
}

#[tokio::test]
async fn an_old_description_is_used_while_it_is_read_again_conditionally() {
    let clock = Arc::new(ManualClock::new(1_795_298_400_000));
    let limits = Limits::default();
    let ttl_ms = limits.metadata_ttl_ms;
    let world = World::with(limits, Arc::clone(&clock) as _, Some("refresh-1")).await;
    let connection = world.now().await;
    let first = world
        .providers
        .object_metadata(&world.tenant, &connection, "Thing")
        .await
        .unwrap();
    let reads = world.fake.seen().len();
    clock.advance_ms(ttl_ms);
    let second = world
        .providers
        .object_metadata(&world.tenant, &connection, "Thing")
        .await
        .unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    world.providers.drain().await;
    let seen = world.fake.seen();
    assert_eq!(seen.len(), reads + 1);
    assert_eq!(
        seen.last().unwrap().headers["if-modified-since"],
        "Sat, 21 Nov 2026 10:00:00 GMT"
    );
    // 304: still the same one, and young again.
    let third = world
        .providers
        .object_metadata(&world.tenant, &connection, "Thing")
        .await
        .unwrap();
    assert!(Arc::ptr_eq(&first, &third));
    world.providers.drain().await;
    assert_eq!(world.fake.seen().len(), reads + 1);
}

#[tokio::test]
async fn an_unknown_object_is_the_provider_s_answer_and_a_hostile_one_is_none() {
    let world = warm().await;
    let connection = world.now().await;
    let error = world
        .providers
        .object_metadata(&world.tenant, &connection, "Absent")
        .await
        .unwrap_err();
    let CallError::Rejected { reply } = error else {
        panic!("{error:?}")
    };
    assert_eq!(reply.status, 404);
    for name in ["../../oauth/revoke", "a/b", ".", "a\\b"] {
        let error = world
            .providers
            .object_metadata(&world.tenant, &connection, name)
            .await
            .unwrap_err();
        assert!(matches!(error, CallError::BadPath { .. }), "{name}: {error:?}");
    }
    assert_eq!(world.fake.seen().len(), 1);
}
