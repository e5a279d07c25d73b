//! Mapping overrides and their versions.

use store::{OverrideLevel, StoreError};

use crate::support::{World, assert_not_found, connection, on_both_databases, tenant};

on_both_databases!(
    versions_count_on_through_a_deletion,
    overrides_apply_tenant_first_and_follow_every_change,
    simultaneous_puts_get_versions_of_their_own,
    a_document_too_long_is_refused,
    a_version_that_was_not_seen_is_not_written_over,
    one_version_is_found_by_its_number,
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

async fn a_version_that_was_not_seen_is_not_written_over(world: &World) {
    let store = world.store().await;
    let (own, other) = (tenant(&store).await, tenant(&store).await);
    let level = OverrideLevel::Connection(connection(&store, &own).await.id);
    let replace = |document: &'static str, seen: i64| {
        store.replace_override(&own, &level, "testcrm", "contacts", document, seen)
    };
    let is_conflict = |answer: Result<_, StoreError>| matches!(answer, Err(StoreError::Conflict { .. }));
    assert!(is_conflict(replace("a: 0", 1).await), "nothing stands there");
    assert_eq!(replace("a: 1", 0).await.unwrap().version, 1);
    assert!(is_conflict(replace("a: 2", 0).await), "something stands there");
    assert_eq!(replace("a: 2", 1).await.unwrap().version, 2);
    assert!(is_conflict(replace("a: 3", 1).await), "it has changed");
    assert_not_found(
        store
            .replace_override(&other, &level, "testcrm", "contacts", "evil: 1", 2)
            .await,
    );
    let present = store
        .get_override(&own, &level, "testcrm", "contacts")
        .await
        .unwrap();
    assert_eq!((present.version, present.document.as_str()), (2, "a: 2"));
    store
        .delete_override(&own, &level, "testcrm", "contacts")
        .await
        .unwrap();
    assert!(is_conflict(replace("a: 4", 2).await), "it was taken back");
    assert_eq!(replace("a: 4", 0).await.unwrap().version, 4);

    let races = (0..10).map(|index| {
        let (store, own, level) = (store.clone(), own.clone(), level.clone());
        tokio::spawn(async move {
            let document = format!("n: {index}");
            let raced = store.replace_override(&own, &level, "testcrm", "contacts", &document, 4);
            raced.await.is_ok()
        })
    });
    let mut won = 0;
    for race in races.collect::<Vec<_>>() {
        won += usize::from(race.await.unwrap());
    }
    assert_eq!(won, 1, "of all who saw one version one writes the next");
}

async fn one_version_is_found_by_its_number(world: &World) {
    let store = world.store().await;
    let (own, other) = (tenant(&store).await, tenant(&store).await);
    let level = OverrideLevel::Tenant;
    for document in ["a: 1", "a: 2"] {
        store
            .put_override(&own, &level, "testcrm", "contacts", document)
            .await
            .unwrap();
    }
    store
        .delete_override(&own, &level, "testcrm", "contacts")
        .await
        .unwrap();
    for (version, document) in [(1, Some("a: 1")), (2, Some("a: 2")), (3, None)] {
        let found = store
            .override_version(&own, &level, "testcrm", "contacts", version)
            .await;
        assert_eq!(found.unwrap().document.as_deref(), document);
    }
    for version in [0, 4, -1, i64::MAX] {
        assert_not_found(
            store
                .override_version(&own, &level, "testcrm", "contacts", version)
                .await,
        );
    }
    assert_not_found(
        store
            .override_version(&own, &level, "testcrm", "accounts", 1)
            .await,
    );
    assert_not_found(
        store
            .override_version(&other, &level, "testcrm", "contacts", 1)
            .await,
    );
}
