use std::sync::Arc;

use model::Limits;

use super::{Keyed, Permits};
use crate::code::Code;

#[tokio::test(start_paused = true)]
async fn one_connection_cannot_take_more_than_its_share() {
    let permits = Permits::new(&Limits {
        connection_inflight_max: 2,
        ..Limits::default()
    });
    let tenant = permits.tenant("ten_a").await.unwrap();
    let first = permits.connection(Arc::clone(&tenant), "con_a").await.unwrap();
    let _second = permits.connection(Arc::clone(&tenant), "con_a").await.unwrap();
    let refused = permits
        .connection(Arc::clone(&tenant), "con_a")
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::Overloaded);
    permits.connection(Arc::clone(&tenant), "con_b").await.unwrap();
    drop(first);
    permits.connection(tenant, "con_a").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_tenant_cannot_take_anothers_share() {
    let permits = Permits::new(&Limits {
        tenant_inflight_max: 1,
        inflight_max: 1,
        ..Limits::default()
    });
    let held = permits.tenant("ten_a").await.unwrap();
    assert_eq!(
        permits.tenant("ten_a").await.unwrap_err().code(),
        Code::Overloaded
    );
    permits.tenant("ten_b").await.unwrap();
    drop(held);
    permits.tenant("ten_a").await.unwrap();
    let node = permits.node().await.unwrap();
    assert_eq!(permits.node().await.unwrap_err().code(), Code::Overloaded);
    drop(node);
    permits.node().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_waiter_gets_the_place_that_is_given_back() {
    let keyed = Arc::new(Keyed::new(1));
    let held = keyed.acquire("key", 1_000).await.unwrap();
    let waiter = tokio::spawn({
        let keyed = Arc::clone(&keyed);
        async move { keyed.acquire("key", 1_000).await.is_some() }
    });
    tokio::task::yield_now().await;
    drop(held);
    assert!(waiter.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn keys_without_a_request_are_forgotten() {
    let keyed = Arc::new(Keyed::new(1));
    for index in 0..1_000 {
        let _permit = keyed.acquire(&format!("key{index}"), 10).await.unwrap();
    }
    assert_eq!(keyed.len(), 0);
    let held = keyed.acquire("key", 10).await.unwrap();
    assert!(keyed.acquire("key", 10).await.is_none());
    assert_eq!(keyed.len(), 1);
    let waiter = tokio::spawn({
        let keyed = Arc::clone(&keyed);
        async move { keyed.acquire("key", 60_000).await.is_some() }
    });
    tokio::task::yield_now().await;
    waiter.abort();
    let _ = waiter.await;
    drop(held);
    assert_eq!(keyed.len(), 0);
}
