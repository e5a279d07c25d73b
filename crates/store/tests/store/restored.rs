//! A restored backup: rows that are behind what was saved once.

use store::{
    Connection, ConnectionState, NewCredentials, RefreshClaim, Refreshed, SaveOutcome, Store, Tenant,
};

use crate::support::{World, connection, credentials, environment, on_both_databases, tenant, tokens};

on_both_databases!(
    a_token_that_came_back_is_claimed_by_nobody,
    connections_that_were_set_back_are_told_when_the_store_opens,
    a_token_that_never_rotated_is_claimed_after_a_restore,
    an_access_token_whose_end_is_known_is_used_to_it,
    a_new_authorization_begins_anew,
    a_row_that_is_ahead_of_its_witness_is_not_suspect,
);

/// A store with a witness: Redis where nodes share the database. None without one, which says that it skips.
async fn witnessed(world: &World) -> Option<Store> {
    let mut config = world.config.clone();
    if world.is_postgres() {
        config.redis_url = Some(model::Secret::new(environment("CROSSWALK_TEST_REDIS_URL")?));
    }
    let opened = Store::open(
        config,
        std::sync::Arc::new(model::SystemClock),
        std::sync::Arc::new(model::OsRandom),
    );
    Some(opened.await.expect("the store opens"))
}

async fn back_up(world: &World) {
    world
        .tamper("CREATE TABLE backup AS SELECT id, token_version, sealed_tokens, refresh_fence, access_expires_at_ms FROM connections")
        .await;
}

/// Sets every connection back to the backup.
async fn restore(world: &World) {
    for column in [
        "token_version",
        "sealed_tokens",
        "refresh_fence",
        "access_expires_at_ms",
    ] {
        let sql = format!(
            "UPDATE connections SET {column} = (SELECT {column} FROM backup WHERE backup.id = connections.id)"
        );
        assert!(world.tamper(&sql).await > 0);
    }
}

async fn claim(store: &Store, tenant: &Tenant, own: &Connection, version: i64) -> RefreshClaim {
    let claim = store
        .claim_refresh(tenant, &own.id, version, "test", 25_000)
        .await;
    claim.expect("an answer")
}

/// Refreshes once, which gives this refresh token.
async fn refresh(store: &Store, tenant: &Tenant, own: &Connection, version: i64, refresh_token: &str) {
    let RefreshClaim::Claimed { fence, .. } = claim(store, tenant, own, version).await else {
        panic!("not granted");
    };
    let refreshed = Refreshed {
        tokens: tokens("access", Some(refresh_token)),
        instance_url: None,
        scopes: None,
        access_expires_at_ms: None,
        was_refused: false,
    };
    let saved = store
        .save_refreshed(tenant, &own.id, version, fence, &refreshed)
        .await
        .unwrap();
    assert!(matches!(saved, SaveOutcome::Saved { .. }));
}

async fn a_token_that_came_back_is_claimed_by_nobody(world: &World) {
    let Some(store) = witnessed(world).await else {
        return;
    };
    let tenant = tenant(&store).await;
    let own = connection(&store, &tenant).await;
    refresh(&store, &tenant, &own, 1, "refresh-2").await;
    back_up(world).await;
    refresh(&store, &tenant, &own, 2, "refresh-3").await;
    restore(world).await;
    // The end of the access token is not known: whoever refreshes has seen it refused.
    assert_eq!(
        claim(&store, &tenant, &own, 2).await,
        RefreshClaim::NotActive {
            state: ConnectionState::NeedsReauth
        }
    );
    let told = store.connection(&tenant, &own.id).await.unwrap();
    assert_eq!(told.state_reason.as_deref(), Some("restored_backup"));
    // Nor on the next try.
    assert!(matches!(
        claim(&store, &tenant, &own, 2).await,
        RefreshClaim::NotActive { .. }
    ));
}

async fn connections_that_were_set_back_are_told_when_the_store_opens(world: &World) {
    let Some(store) = witnessed(world).await else {
        return;
    };
    let tenant = tenant(&store).await;
    let (back, same) = (
        connection(&store, &tenant).await,
        connection(&store, &tenant).await,
    );
    refresh(&store, &tenant, &same, 1, "refresh-2").await;
    back_up(world).await;
    refresh(&store, &tenant, &back, 1, "refresh-2").await;
    store.close().await;
    restore(world).await;
    let Some(store) = witnessed(world).await else {
        return;
    };
    crate::support::eventually("the connection is told as suspect", || async {
        let told = store.list_connections(&tenant, store::ConnectionFilter::default(), None, 10);
        told.await.unwrap().iter().any(|told| {
            told.id == back.id
                && told.state == ConnectionState::Degraded
                && told.state_reason.as_deref() == Some("restored_backup")
        })
    })
    .await;
    let same = store.connection(&tenant, &same.id).await.unwrap();
    assert_eq!((same.state, same.token_version), (ConnectionState::Active, 2));
    // Its access token may still be good: it is there to be used.
    assert!(store.tokens(&tenant, &back.id).await.is_ok());
}

async fn a_token_that_never_rotated_is_claimed_after_a_restore(world: &World) {
    let Some(store) = witnessed(world).await else {
        return;
    };
    let tenant = tenant(&store).await;
    let own = connection(&store, &tenant).await;
    back_up(world).await;
    refresh(&store, &tenant, &own, 1, "refresh-1").await;
    refresh(&store, &tenant, &own, 2, "refresh-1").await;
    restore(world).await;
    refresh(&store, &tenant, &own, 1, "refresh-1").await;
}

async fn an_access_token_whose_end_is_known_is_used_to_it(world: &World) {
    let Some(store) = witnessed(world).await else {
        return;
    };
    let tenant = tenant(&store).await;
    let own = NewCredentials {
        access_expires_at_ms: Some(i64::MAX / 2),
        ..credentials(None)
    };
    let own = store.save_new_credentials(&tenant, own).await.unwrap();
    back_up(world).await;
    refresh(&store, &tenant, &own, 1, "refresh-2").await;
    restore(world).await;
    for _ in 0..2 {
        assert_eq!(
            claim(&store, &tenant, &own, 1).await,
            RefreshClaim::NotActive {
                state: ConnectionState::Degraded
            }
        );
    }
}

async fn a_new_authorization_begins_anew(world: &World) {
    let Some(store) = witnessed(world).await else {
        return;
    };
    let tenant = tenant(&store).await;
    let own = connection(&store, &tenant).await;
    back_up(world).await;
    for version in 1..5 {
        refresh(
            &store,
            &tenant,
            &own,
            version,
            &format!("refresh-{}", version + 1),
        )
        .await;
    }
    restore(world).await;
    assert!(matches!(
        claim(&store, &tenant, &own, 1).await,
        RefreshClaim::NotActive { .. }
    ));
    let again = NewCredentials {
        connection_id: Some(own.id.clone()),
        tokens: tokens("access", Some("another-grant")),
        ..credentials(None)
    };
    let again = store.save_new_credentials(&tenant, again).await.unwrap();
    // Its version is lower than what was seen of the old grant.
    assert_eq!((again.token_version, again.state), (2, ConnectionState::Active));
    refresh(&store, &tenant, &own, 2, "another-grant-2").await;
    refresh(&store, &tenant, &own, 3, "another-grant-3").await;
}

async fn a_row_that_is_ahead_of_its_witness_is_not_suspect(world: &World) {
    // Saved by a store without a witness, as while Redis was away.
    let plain = world.store().await;
    let tenant = tenant(&plain).await;
    let own = connection(&plain, &tenant).await;
    plain.close().await;
    let Some(store) = witnessed(world).await else {
        return;
    };
    refresh(&store, &tenant, &own, 1, "refresh-2").await;
    store.close().await;
    std::fs::remove_file(world.dir.path().join("data").join("witness")).ok();
    let Some(store) = witnessed(world).await else {
        return;
    };
    refresh(&store, &tenant, &own, 2, "refresh-3").await;
}
