//! A warm request asks nobody.

use std::sync::Arc;
use std::time::Duration;

use model::ManualClock;
use store::Store;

use crate::support::{Counters, World, connection, credentials, on_both_databases, tenant_and_key};

on_both_databases!(a_warm_request_runs_no_sql);

async fn a_warm_request_runs_no_sql(world: &World) {
    let counters = Counters::default();
    let _counting = metrics::set_default_local_recorder(&counters);
    // A clock that stands still: on a slow machine nothing grows old meanwhile.
    let store = world.store_with(Arc::new(ManualClock::new(1_000_000))).await;
    warm_requests_ask_nobody(&store, &counters).await;
}

pub(crate) async fn warm_requests_ask_nobody(store: &Store, counters: &Counters) {
    let (tenant, key) = tenant_and_key(store).await;
    let own = store
        .save_new_credentials(&tenant, credentials(Some("customer")))
        .await
        .unwrap();
    let request = async || {
        store.authenticate(key.expose()).await.unwrap();
        let found = store.connection(&tenant, &own.id).await.unwrap();
        store
            .connection_by_external_id(&tenant, "testcrm", "customer")
            .await
            .unwrap();
        store.tokens(&tenant, &own.id).await.unwrap();
        store.overrides_for(&tenant, &found, "contacts").await.unwrap();
    };
    // What was changed above is still being told to other nodes.
    tokio::time::sleep(Duration::from_millis(500)).await;
    request().await;
    let asked = || {
        (
            counters.get("crosswalk_sql_statements_total"),
            counters.get("crosswalk_redis_commands_total"),
        )
    };
    let before = asked();
    assert!(before.0 > 0, "the counter counts");
    for _ in 0..100 {
        request().await;
    }
    assert_eq!(asked(), before);
    // Another connection's change leaves this one warm. Three tries: topics share generations by hash.
    let mut stayed_warm = 0;
    for _ in 0..3 {
        let other = connection(store, &tenant).await;
        store.delete_connection(&tenant, &other.id).await.unwrap();
        let before = counters.get("crosswalk_sql_statements_total");
        request().await;
        stayed_warm += usize::from(counters.get("crosswalk_sql_statements_total") == before);
    }
    assert!(stayed_warm >= 2, "{stayed_warm}");
}
