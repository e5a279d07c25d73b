//! API keys and the operator key.

use std::sync::Arc;
use std::time::Duration;

use model::{ApiKeyId, ManualClock, OsRandom, TenantId};
use store::{AuthenticationError, Caller, NewApiKey, StoreError};

use crate::support::{
    OPERATOR_KEY, World, assert_not_found, eventually, on_both_databases, operator, tenant_and_key,
};

on_both_databases!(
    a_key_is_shown_once_and_stored_as_a_hash,
    a_revoked_key_stops_at_once,
    an_expired_key_stops,
    nothing_else_is_a_key,
    the_last_use_is_written,
    uses_are_written_while_the_store_is_open,
    scopes_are_few_and_have_names,
    a_rotated_key_s_time_of_grace_may_be_without_end,
    a_key_is_remembered_once_it_was_seen_to_be_good,
    bad_names_are_refused,
    keys_belong_to_their_tenant,
);

fn new(name: &str) -> NewApiKey {
    NewApiKey {
        name: name.to_owned(),
        test: true,
        scopes: vec!["read".to_owned()],
        expires_at_ms: None,
    }
}

async fn a_key_is_shown_once_and_stored_as_a_hash(world: &World) {
    let store = world.store().await;
    let operator = operator(&store).await;
    let tenant = store.create_tenant(&operator, "Ünïcode ✓").await.unwrap();
    assert_eq!(
        store.list_tenants(&operator).await.unwrap(),
        std::slice::from_ref(&tenant)
    );
    let (record, key) = store
        .create_api_key(&operator, &tenant.id, new("ci"))
        .await
        .unwrap();
    assert!(key.expose().starts_with(&format!("{}_", record.prefix)));
    assert!(record.prefix.starts_with("cw_test_"));
    assert_eq!(
        store.list_api_keys(&operator, &tenant.id).await.unwrap(),
        std::slice::from_ref(&record)
    );
    let Caller::Tenant(caller) = store.authenticate(key.expose()).await.unwrap() else {
        panic!("a tenant's key makes a tenant");
    };
    assert_eq!((caller.tenant.id(), &caller.key_id), (&tenant.id, &record.id));
    assert_eq!(caller.scopes, ["read"]);
    // A wrong hash in the row makes the key useless: nothing else in the row lets it in.
    store.close().await;
    let zero = if world.is_postgres() {
        "'\\x00'::bytea"
    } else {
        "zeroblob(1)"
    };
    assert_eq!(
        world
            .tamper(&format!("UPDATE api_keys SET secret_hash = {zero}"))
            .await,
        1
    );
    let store = world.store().await;
    assert!(store.authenticate(key.expose()).await.is_err());
}

async fn a_revoked_key_stops_at_once(world: &World) {
    let store = world.store().await;
    let operator = operator(&store).await;
    let (tenant, key) = tenant_and_key(&store).await;
    let id = store.list_api_keys(&operator, tenant.id()).await.unwrap()[0]
        .id
        .clone();
    assert!(store.authenticate(key.expose()).await.is_ok());
    store.revoke_api_key(&operator, tenant.id(), &id).await.unwrap();
    assert_eq!(
        store.authenticate(key.expose()).await.err(),
        Some(AuthenticationError::Unknown)
    );
    let revoked_at_ms = store.list_api_keys(&operator, tenant.id()).await.unwrap()[0].revoked_at_ms;
    assert!(revoked_at_ms.is_some());
    store.revoke_api_key(&operator, tenant.id(), &id).await.unwrap();
    assert_eq!(
        store.list_api_keys(&operator, tenant.id()).await.unwrap()[0].revoked_at_ms,
        revoked_at_ms
    );
}

async fn an_expired_key_stops(world: &World) {
    let clock = Arc::new(ManualClock::new(1_000_000));
    let store = world
        .store_with(Arc::clone(&clock) as Arc<dyn model::Clock>)
        .await;
    let operator = operator(&store).await;
    let tenant = store.create_tenant(&operator, "Acme").await.unwrap();
    let expiring = NewApiKey {
        expires_at_ms: Some(1_000_500),
        ..new("short")
    };
    let (_, key) = store
        .create_api_key(&operator, &tenant.id, expiring)
        .await
        .unwrap();
    assert!(store.authenticate(key.expose()).await.is_ok());
    clock.advance_ms(499);
    assert!(store.authenticate(key.expose()).await.is_ok());
    clock.advance_ms(1);
    assert_eq!(
        store.authenticate(key.expose()).await.err(),
        Some(AuthenticationError::Unknown)
    );
}

async fn nothing_else_is_a_key(world: &World) {
    let store = world.store().await;
    let (_, key) = tenant_and_key(&store).await;
    let other_world = World::sqlite();
    let (_, foreign) = tenant_and_key(&other_world.store().await).await;
    let longer = format!("{} ", key.expose());
    let upper = key.expose().to_uppercase();
    let huge = "x".repeat(1 << 20);
    for text in [
        "",
        " ",
        "cw_live_",
        &longer,
        &upper,
        foreign.expose(),
        &OPERATOR_KEY[1..],
        "\0",
        &huge,
    ] {
        assert_eq!(
            store.authenticate(text).await.err(),
            Some(AuthenticationError::Unknown),
            "{text:.80}"
        );
    }
    assert!(store.authenticate(key.expose()).await.is_ok());
}

async fn the_last_use_is_written(world: &World) {
    let store = world.store().await;
    let (tenant, _) = tenant_and_key(&store).await;
    store.close().await;
    let store = world.store().await;
    let operator = operator(&store).await;
    let keys = store.list_api_keys(&operator, tenant.id()).await.unwrap();
    let used_at_ms = keys[0].last_used_at_ms.expect("closing writes what was noted");
    assert!((keys[0].created_at_ms - used_at_ms).abs() < 60_000);
}

async fn uses_are_written_while_the_store_is_open(world: &World) {
    let store = world.store().await;
    let operator = operator(&store).await;
    let (tenant, _) = tenant_and_key(&store).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(16)).await;
    tokio::time::resume();
    eventually("the use is written", || async {
        let keys = store.list_api_keys(&operator, tenant.id()).await.unwrap();
        keys[0].last_used_at_ms.is_some()
    })
    .await;
}

async fn scopes_are_few_and_have_names(world: &World) {
    let store = world.store().await;
    let operator = operator(&store).await;
    let (tenant, _) = tenant_and_key(&store).await;
    let create = |scopes: Vec<String>| {
        let new = NewApiKey { scopes, ..new("ci") };
        store.create_api_key(&operator, tenant.id(), new)
    };
    let named = |count: usize| (0..count).map(|number| format!("scope-{number}")).collect();
    assert!(create(named(100)).await.is_ok());
    for scopes in [named(101), vec![String::new()]] {
        let error = create(scopes).await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Invalid { what } if what.starts_with("scopes")),
            "{error}"
        );
    }
}

async fn a_rotated_key_s_time_of_grace_may_be_without_end(world: &World) {
    let store = world.store().await;
    let operator = operator(&store).await;
    let (tenant, key) = tenant_and_key(&store).await;
    let old = store
        .list_api_keys(&operator, tenant.id())
        .await
        .unwrap()
        .remove(0);
    let rotate = |grace_ms| store.rotate_api_key(&operator, tenant.id(), &old.id, grace_ms);
    let (successor, next) = rotate(u64::MAX).await.unwrap();
    assert_eq!(
        (successor.name, successor.scopes),
        (old.name.clone(), old.scopes.clone())
    );
    assert!(store.authenticate(key.expose()).await.is_ok());
    rotate(0).await.unwrap();
    eventually("the old key is over", || async {
        store.authenticate(key.expose()).await.is_err()
    })
    .await;
    assert!(store.authenticate(next.expose()).await.is_ok());
}

async fn a_key_is_remembered_once_it_was_seen_to_be_good(world: &World) {
    let store = world.store().await;
    let (tenant, key) = tenant_and_key(&store).await;
    store.close().await;
    let store = world.store().await;
    let operator = operator(&store).await;
    assert!(store.remembers_key(OPERATOR_KEY) && !store.remembers_key(&OPERATOR_KEY[1..]));
    assert!(!store.remembers_key(key.expose()), "nobody has asked yet");
    assert!(store.authenticate(key.expose()).await.is_ok());
    assert!(store.remembers_key(key.expose()));
    for text in ["", &key.expose()[1..], &"x".repeat(1 << 20)] {
        assert!(!store.remembers_key(text), "{text:.80}");
    }
    let id = store.list_api_keys(&operator, tenant.id()).await.unwrap()[0]
        .id
        .clone();
    store.revoke_api_key(&operator, tenant.id(), &id).await.unwrap();
    assert!(store.authenticate(key.expose()).await.is_err());
    assert!(!store.remembers_key(key.expose()), "revoked, and seen to be");

    // Its public part is in lists and logs: who knows that alone is not remembered with it.
    let (_, key) = tenant_and_key(&store).await;
    store.close().await;
    let other_hash = if world.is_postgres() {
        "decode(repeat('00', 32), 'hex')"
    } else {
        "zeroblob(32)"
    };
    world
        .tamper(&format!("UPDATE api_keys SET secret_hash = {other_hash}"))
        .await;
    let store = world.store().await;
    assert!(
        store.authenticate(key.expose()).await.is_err(),
        "read, and of another secret"
    );
    assert!(!store.remembers_key(key.expose()));
}

async fn bad_names_are_refused(world: &World) {
    let store = world.store().await;
    let operator = operator(&store).await;
    for name in ["", "a\0b", "line\nbreak", &"x".repeat(201)] {
        let error = store.create_tenant(&operator, name).await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Invalid { what } if what.contains("name")),
            "{error}"
        );
    }
    assert!(store.create_tenant(&operator, &"é".repeat(200)).await.is_ok());
}

async fn keys_belong_to_their_tenant(world: &World) {
    let store = world.store().await;
    let operator = operator(&store).await;
    let (one, key) = tenant_and_key(&store).await;
    let (other, _) = tenant_and_key(&store).await;
    let id = store.list_api_keys(&operator, one.id()).await.unwrap()[0]
        .id
        .clone();
    assert_not_found(store.revoke_api_key(&operator, other.id(), &id).await);
    assert_not_found(
        store
            .revoke_api_key(&operator, one.id(), &ApiKeyId::generate(&OsRandom))
            .await,
    );
    let nobody = TenantId::generate(&OsRandom);
    assert_not_found(store.list_api_keys(&operator, &nobody).await);
    assert_not_found(store.create_api_key(&operator, &nobody, new("x")).await);
    eventually("the key still works", || async {
        store.authenticate(key.expose()).await.is_ok()
    })
    .await;
}
