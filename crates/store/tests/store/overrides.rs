//! Mapping overrides and their versions.

use store::{OverrideLevel, StoreError};

use crate::support::{World, assert_not_found, connection, on_both_databases, tenant};

on_both_databases!(
    versions_count_on_through_a_deletion,
    overrides_apply_tenant_first_and_follow_every_change,
    simultaneous_puts_get_versions_of_their_own,
    a_document_too_long_is_refused,
);

async fn versions_count_on_through_a_deletion(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let level = OverrideLevel::Tenant;
    let put = |document: &'static str| store.put_override(&tenant, &level, "testcrm", "contacts", document);
    let first = put("a: 1").await.unwrap();
    let second = put("a: ✓").await.unwrap();
    assert_eq!((first.version, second.version, &first.id), (1, 2, &second.id));
    assert_eq!(
        store
            .get_override(&tenant, &level, "testcrm", "contacts")
            .await
            .unwrap(),
        second
    );
    assert!(
        store
            .delete_override(&tenant, &level, "testcrm", "contacts")
            .await
            .unwrap()
    );
    assert!(
        !store
            .delete_override(&tenant, &level, "testcrm", "contacts")
            .await
            .unwrap()
    );
    assert_not_found(store.get_override(&tenant, &level, "testcrm", "contacts").await);
    assert!(store.list_overrides(&tenant).await.unwrap().is_empty());
    assert_eq!(put("a: 4").await.unwrap().version, 4);
    let history = store
        .override_history(&tenant, &level, "testcrm", "contacts")
        .await
        .unwrap();
    let seen: Vec<_> = history
        .iter()
        .map(|one| (one.version, one.document.as_deref()))
        .collect();
    assert_eq!(
        seen,
        [(4, Some("a: 4")), (3, None), (2, Some("a: ✓")), (1, Some("a: 1"))]
    );
    assert_not_found(
        store
            .override_history(&tenant, &level, "testcrm", "accounts")
            .await,
    );
}

async fn overrides_apply_tenant_first_and_follow_every_change(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let (mine, sibling) = (
        connection(&store, &tenant).await,
        connection(&store, &tenant).await,
    );
    let own = OverrideLevel::Connection(mine.id.clone());
    let documents = async |connection| {
        let found = store
            .overrides_for(&tenant, connection, "contacts")
            .await
            .unwrap();
        found.iter().map(|one| one.document.clone()).collect::<Vec<_>>()
    };
    assert!(documents(&mine).await.is_empty());
    store
        .put_override(&tenant, &own, "testcrm", "contacts", "connection")
        .await
        .unwrap();
    assert_eq!(documents(&mine).await, ["connection"]);
    store
        .put_override(&tenant, &OverrideLevel::Tenant, "testcrm", "contacts", "tenant")
        .await
        .unwrap();
    store
        .put_override(
            &tenant,
            &OverrideLevel::Tenant,
            "testcrm",
            "accounts",
            "other resource",
        )
        .await
        .unwrap();
    store
        .put_override(
            &tenant,
            &OverrideLevel::Tenant,
            "othercrm",
            "contacts",
            "other provider",
        )
        .await
        .unwrap();
    assert_eq!(documents(&mine).await, ["tenant", "connection"]);
    assert_eq!(documents(&sibling).await, ["tenant"]);
    store
        .put_override(&tenant, &OverrideLevel::Tenant, "testcrm", "contacts", "tenant 2")
        .await
        .unwrap();
    assert_eq!(documents(&sibling).await, ["tenant 2"]);
    store
        .delete_override(&tenant, &own, "testcrm", "contacts")
        .await
        .unwrap();
    assert_eq!(documents(&mine).await, ["tenant 2"]);
}

async fn simultaneous_puts_get_versions_of_their_own(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let puts = (0..10).map(|index| {
        let (store, tenant) = (store.clone(), tenant.clone());
        tokio::spawn(async move {
            let document = format!("n: {index}");
            store
                .put_override(&tenant, &OverrideLevel::Tenant, "testcrm", "contacts", &document)
                .await
        })
    });
    let mut versions = Vec::new();
    for put in puts.collect::<Vec<_>>() {
        versions.push(put.await.unwrap().unwrap().version);
    }
    versions.sort_unstable();
    assert_eq!(versions, (1..=10).collect::<Vec<_>>());
    let history = store
        .override_history(&tenant, &OverrideLevel::Tenant, "testcrm", "contacts")
        .await
        .unwrap();
    assert_eq!(history.len(), 10);
}

async fn a_document_too_long_is_refused(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let long = "x".repeat((1 << 20) + 1);
    let put = store
        .put_override(&tenant, &OverrideLevel::Tenant, "testcrm", "contacts", &long)
        .await;
    assert!(matches!(put, Err(StoreError::Invalid { .. })));
    let nul = store
        .put_override(&tenant, &OverrideLevel::Tenant, "testcrm", "contacts", "a: \0")
        .await;
    assert!(matches!(nul, Err(StoreError::Invalid { .. })));
}
