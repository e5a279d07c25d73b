//! Connections and their tokens.

use model::{ConnectionId, OsRandom};
use store::{ConnectionFilter, ConnectionState, NewCredentials, OverrideLevel, StoreError};

use crate::support::{World, assert_not_found, connection, credentials, on_both_databases, tenant, tokens};

on_both_databases!(
    a_connection_reads_back_and_its_tokens_open,
    reconnecting_keeps_the_id_and_raises_the_version,
    another_account_is_refused,
    an_external_id_finds_its_connection_and_is_reconnected,
    lists_are_filtered_and_paged,
    a_deleted_connection_is_gone_with_its_overrides,
    sealed_tokens_moved_do_not_open,
    the_database_holds_no_token_in_clear,
    simultaneous_first_authorizations_make_one_connection,
    hostile_values_are_refused,
);

async fn a_connection_reads_back_and_its_tokens_open(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let saved = store
        .save_new_credentials(&tenant, credentials(Some("Ωmega")))
        .await
        .unwrap();
    assert_eq!(saved.state, ConnectionState::Active);
    assert_eq!(saved.token_version, 1);
    assert_eq!(saved.scopes, ["api", "refresh_token"]);
    assert_eq!(*store.connection(&tenant, &saved.id).await.unwrap(), saved);
    let found = store.tokens(&tenant, &saved.id).await.unwrap();
    assert_eq!(found.tokens, tokens("access-1", Some("refresh-1")));
    assert_eq!((found.version, found.access_expires_at_ms), (1, Some(5_000)));
    assert_eq!(found.instance_url.as_deref(), Some("https://org.example"));
    assert!(!format!("{found:?}").contains("access-1"));
    // A second process finds the same.
    store.close().await;
    let store = world.store().await;
    assert_eq!(store.tokens(&tenant, &saved.id).await.unwrap(), found);
}

async fn reconnecting_keeps_the_id_and_raises_the_version(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let first = connection(&store, &tenant).await;
    let again = NewCredentials {
        connection_id: Some(first.id.clone()),
        tokens: tokens("access-2", None),
        instance_url: None,
        ..credentials(None)
    };
    let second = store.save_new_credentials(&tenant, again).await.unwrap();
    assert_eq!((&second.id, second.token_version), (&first.id, 2));
    assert_eq!(second.instance_url, first.instance_url);
    // A new grant: the refresh token of the old one does not belong to it.
    assert_eq!(
        store.tokens(&tenant, &first.id).await.unwrap().tokens,
        tokens("access-2", None)
    );
    let unknown = NewCredentials {
        connection_id: Some(ConnectionId::generate(&OsRandom)),
        ..credentials(None)
    };
    assert_not_found(store.save_new_credentials(&tenant, unknown).await);
}

async fn another_account_is_refused(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let first = connection(&store, &tenant).await;
    let swapped = NewCredentials {
        connection_id: Some(first.id.clone()),
        account_id: Some("account-2".to_owned()),
        ..credentials(None)
    };
    let error = store.save_new_credentials(&tenant, swapped).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { .. }));
    assert!(!error.to_string().contains("account-2"));
    let other_provider = NewCredentials {
        connection_id: Some(first.id.clone()),
        provider: "othercrm".to_owned(),
        ..credentials(None)
    };
    assert!(matches!(
        store.save_new_credentials(&tenant, other_provider).await,
        Err(StoreError::Conflict { .. })
    ));
    assert_eq!(store.tokens_fresh(&tenant, &first.id).await.unwrap().version, 1);
}

async fn an_external_id_finds_its_connection_and_is_reconnected(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let first = store
        .save_new_credentials(&tenant, credentials(Some("customer-7")))
        .await
        .unwrap();
    let again = store
        .save_new_credentials(&tenant, credentials(Some("customer-7")))
        .await
        .unwrap();
    assert_eq!((&again.id, again.token_version), (&first.id, 2));
    let find = |external_id: &'static str| store.connection_by_external_id(&tenant, "testcrm", external_id);
    assert_eq!(find("customer-7").await.unwrap().id, first.id);
    assert_not_found(find("customer-8").await);
    assert_not_found(find("").await);
    assert_not_found(find("nul\0").await);
    // The id moves to another connection: the remembered answer must not outlive that.
    let renamed = NewCredentials {
        connection_id: Some(first.id.clone()),
        ..credentials(Some("customer-8"))
    };
    store.save_new_credentials(&tenant, renamed).await.unwrap();
    assert_not_found(find("customer-7").await);
    let heir = store
        .save_new_credentials(&tenant, credentials(Some("customer-7")))
        .await
        .unwrap();
    assert_eq!(find("customer-7").await.unwrap().id, heir.id);
    assert_eq!(find("customer-8").await.unwrap().id, first.id);
    // Taking an id that is in use is refused.
    let clash = NewCredentials {
        connection_id: Some(first.id.clone()),
        ..credentials(Some("customer-7"))
    };
    assert!(matches!(
        store.save_new_credentials(&tenant, clash).await,
        Err(StoreError::Conflict { .. })
    ));
    // A deleted connection gives its id free.
    store.delete_connection(&tenant, &heir.id).await.unwrap();
    assert_not_found(find("customer-7").await);
}

async fn lists_are_filtered_and_paged(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    for index in 0..5 {
        store
            .save_new_credentials(&tenant, credentials(Some(&format!("customer-{index}"))))
            .await
            .unwrap();
    }
    let all = store
        .list_connections(&tenant, ConnectionFilter::default(), None, 100)
        .await
        .unwrap();
    assert_eq!(all.len(), 5);
    assert!(all.is_sorted_by(|one, next| one.id < next.id));
    let mut paged: Vec<store::Connection> = Vec::new();
    loop {
        let after = paged.last().map(|connection| connection.id.clone());
        let page = store
            .list_connections(&tenant, ConnectionFilter::default(), after.as_ref(), 2)
            .await
            .unwrap();
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, all);
    let filtered = |filter| store.list_connections(&tenant, filter, None, 100);
    let by_id = ConnectionFilter {
        external_id: Some("customer-3".to_owned()),
        ..ConnectionFilter::default()
    };
    assert_eq!(filtered(by_id).await.unwrap().len(), 1);
    let by_state = ConnectionFilter {
        state: Some(ConnectionState::NeedsReauth),
        ..ConnectionFilter::default()
    };
    assert!(filtered(by_state).await.unwrap().is_empty());
    let by_provider = ConnectionFilter {
        provider: Some("testcrm".to_owned()),
        ..ConnectionFilter::default()
    };
    assert_eq!(filtered(by_provider).await.unwrap().len(), 5);
    assert!(
        store
            .list_connections(&tenant, ConnectionFilter::default(), None, 0)
            .await
            .unwrap()
            .is_empty()
    );
}

async fn a_deleted_connection_is_gone_with_its_overrides(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let connection = connection(&store, &tenant).await;
    let level = OverrideLevel::Connection(connection.id.clone());
    store
        .put_override(&tenant, &level, "testcrm", "contacts", "a: 1")
        .await
        .unwrap();
    store.tokens(&tenant, &connection.id).await.unwrap();
    store.delete_connection(&tenant, &connection.id).await.unwrap();
    assert_not_found(store.connection(&tenant, &connection.id).await);
    assert_not_found(store.tokens(&tenant, &connection.id).await);
    assert_not_found(store.delete_connection(&tenant, &connection.id).await);
    assert!(store.list_overrides(&tenant).await.unwrap().is_empty());
    assert_not_found(
        store
            .put_override(&tenant, &level, "testcrm", "contacts", "a: 1")
            .await,
    );
}

/// Claim 28.
async fn sealed_tokens_moved_do_not_open(world: &World) {
    let store = world.store().await;
    let (one, other) = (tenant(&store).await, tenant(&store).await);
    let source = connection(&store, &one).await;
    let sibling = connection(&store, &one).await;
    let foreign = connection(&store, &other).await;
    let sealed = format!(
        "(SELECT sealed_tokens FROM connections WHERE id = '{}')",
        source.id
    );
    for (tenant, target) in [(&one, &sibling), (&other, &foreign)] {
        let moved = format!(
            "UPDATE connections SET sealed_tokens = {sealed} WHERE id = '{}'",
            target.id
        );
        assert_eq!(world.tamper(&moved).await, 1);
        assert!(matches!(
            store.tokens_fresh(tenant, &target.id).await,
            Err(StoreError::Seal { .. })
        ));
    }
    assert!(store.tokens_fresh(&one, &source.id).await.is_ok());
    let aged = format!(
        "UPDATE connections SET token_version = 2 WHERE id = '{}'",
        source.id
    );
    assert_eq!(world.tamper(&aged).await, 1);
    assert!(matches!(
        store.tokens_fresh(&one, &source.id).await,
        Err(StoreError::Seal { .. })
    ));
    let stolen = format!(
        "UPDATE connections SET token_version = 1, tenant_id = '{}' WHERE id = '{}'",
        other.id(),
        source.id
    );
    assert_eq!(world.tamper(&stolen).await, 1);
    assert!(matches!(
        store.tokens_fresh(&other, &source.id).await,
        Err(StoreError::Seal { .. })
    ));
}

async fn the_database_holds_no_token_in_clear(world: &World) {
    if world.is_postgres() {
        return;
    }
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let secret = NewCredentials {
        tokens: tokens("canary-access", Some("canary-refresh")),
        ..credentials(None)
    };
    store.save_new_credentials(&tenant, secret).await.unwrap();
    store.close().await;
    for entry in std::fs::read_dir(world.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(
                !bytes.windows(6).any(|window| window == b"canary"),
                "{}",
                path.display()
            );
        }
    }
}

async fn simultaneous_first_authorizations_make_one_connection(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let saves = (0..4).map(|_| {
        let (store, tenant) = (store.clone(), tenant.clone());
        tokio::spawn(async move {
            store
                .save_new_credentials(&tenant, credentials(Some("same")))
                .await
        })
    });
    let mut ids = Vec::new();
    for save in saves.collect::<Vec<_>>() {
        ids.push(save.await.unwrap().unwrap().id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(store.tokens_fresh(&tenant, &ids[0]).await.unwrap().version, 4);
}

async fn hostile_values_are_refused(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    for external_id in ["", "a\0b", "new\nline", &"x".repeat(256)] {
        let error = store
            .save_new_credentials(&tenant, credentials(Some(external_id)))
            .await
            .unwrap_err();
        assert!(
            matches!(&error, StoreError::Invalid { what } if what.contains("external_id")),
            "{error}"
        );
    }
    let quoted = "'; DROP TABLE connections; --";
    let saved = store
        .save_new_credentials(&tenant, credentials(Some(quoted)))
        .await
        .unwrap();
    assert_eq!(saved.external_id.as_deref(), Some(quoted));
    assert_eq!(
        store
            .connection_by_external_id(&tenant, "testcrm", quoted)
            .await
            .unwrap()
            .id,
        saved.id
    );
}
