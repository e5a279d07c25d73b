//! Links to the mapping page, and the pages that come of them.

use std::time::Duration;

use model::{MappingSessionId, OsRandom, Secret};
use store::{MappingSession, NewMappingSession, Store, StoreError, Tenant};

use crate::support::{World, assert_not_found, connection, on_both_databases, tenant};

on_both_databases!(
    a_link_opens_one_page_in_one_browser,
    links_and_pages_end,
    of_many_browsers_one_opens_the_page,
    a_page_goes_with_its_connection,
    only_hashes_of_links_and_cookies_are_stored,
    what_cannot_be_a_session_is_refused,
);

const TTL_MS: i64 = 600_000;

async fn made(store: &Store, tenant: &Tenant, ttl_ms: i64) -> (MappingSession, Secret) {
    let new = NewMappingSession {
        connection_id: connection(store, tenant).await.id,
        resources: vec!["contacts".to_owned()],
        return_to: Some("https://app.example/done".to_owned()),
    };
    store.create_mapping_session(tenant, new, ttl_ms).await.unwrap()
}

async fn a_link_opens_one_page_in_one_browser(world: &World) {
    let store = world.store().await;
    let (own, other) = (tenant(&store).await, tenant(&store).await);
    let (session, link) = made(&store, &own, TTL_MS).await;
    assert_eq!(
        (session.tenant_name.as_str(), session.page_expires_at_ms),
        ("Acme", None)
    );
    assert_eq!(session.provider, "testcrm");
    for _ in 0..2 {
        let seen = store.mapping_session_of_link(link.expose()).await.unwrap();
        assert_eq!(seen, session, "looking does not use it up");
    }
    assert_not_found(store.mapping_session_of_browser("browser").await);
    let begun = store
        .begin_mapping_session(link.expose(), "browser", TTL_MS)
        .await
        .unwrap();
    assert_eq!(begun.id, session.id);
    assert!(begun.page_expires_at_ms.is_some());
    assert_not_found(
        store
            .begin_mapping_session(link.expose(), "browser", TTL_MS)
            .await,
    );
    assert_not_found(store.begin_mapping_session(link.expose(), "other", TTL_MS).await);
    assert_not_found(store.mapping_session_of_link(link.expose()).await);
    let (whose, page) = store.mapping_session_of_browser("browser").await.unwrap();
    assert_eq!((whose, page), (own.clone(), begun));
    for unknown in ["", "other", link.expose(), &"x".repeat(1 << 20), "\0"] {
        assert_not_found(store.mapping_session_of_browser(unknown).await);
    }
    for unknown in ["", "cw_map_", "\0", "cw_link_x", &"x".repeat(1 << 20)] {
        assert_not_found(store.mapping_session_of_link(unknown).await);
        assert_not_found(store.begin_mapping_session(unknown, "browser 2", TTL_MS).await);
    }
    assert!(
        !store.end_mapping_session(&other, &session.id).await.unwrap(),
        "not theirs"
    );
    store.mapping_session_of_browser("browser").await.unwrap();
    assert!(store.end_mapping_session(&own, &session.id).await.unwrap());
    assert!(!store.end_mapping_session(&own, &session.id).await.unwrap());
    assert_not_found(store.mapping_session_of_browser("browser").await);
}

async fn links_and_pages_end(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let (_, late) = made(&store, &tenant, 1).await;
    let (_, link) = made(&store, &tenant, TTL_MS).await;
    store
        .begin_mapping_session(link.expose(), "browser", 1)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_not_found(store.mapping_session_of_link(late.expose()).await);
    assert_not_found(store.begin_mapping_session(late.expose(), "late", TTL_MS).await);
    assert_not_found(store.mapping_session_of_browser("browser").await);
}

async fn of_many_browsers_one_opens_the_page(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let (_, link) = made(&store, &tenant, TTL_MS).await;
    let begins = (0..10).map(|index| {
        let (store, link) = (store.clone(), link.clone());
        tokio::spawn(async move {
            let browser = format!("browser {index}");
            store
                .begin_mapping_session(link.expose(), &browser, TTL_MS)
                .await
                .is_ok()
        })
    });
    let mut begun = 0;
    for begin in begins.collect::<Vec<_>>() {
        begun += usize::from(begin.await.unwrap());
    }
    assert_eq!(begun, 1);
}

async fn a_page_goes_with_its_connection(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let (session, link) = made(&store, &tenant, TTL_MS).await;
    store
        .begin_mapping_session(link.expose(), "browser", TTL_MS)
        .await
        .unwrap();
    store
        .delete_connection(&tenant, &session.connection_id)
        .await
        .unwrap();
    assert_not_found(store.mapping_session_of_browser("browser").await);
    let new = NewMappingSession {
        connection_id: session.connection_id,
        resources: Vec::new(),
        return_to: None,
    };
    assert_not_found(store.create_mapping_session(&tenant, new, TTL_MS).await);
}

async fn only_hashes_of_links_and_cookies_are_stored(world: &World) {
    if world.is_postgres() {
        return;
    }
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let (_, link) = made(&store, &tenant, TTL_MS).await;
    store
        .begin_mapping_session(link.expose(), "canary-browser", TTL_MS)
        .await
        .unwrap();
    store.close().await;
    let bytes = std::fs::read(world.dir.path().join("store.db")).unwrap();
    for secret in ["canary-browser", link.expose()] {
        let is_there = bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!is_there, "{secret:.14}");
    }
}

async fn what_cannot_be_a_session_is_refused(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let own = connection(&store, &tenant).await.id;
    let new = |resources: Vec<String>, return_to: Option<String>| NewMappingSession {
        connection_id: own.clone(),
        resources,
        return_to,
    };
    for refused in [
        new(vec!["contacts".to_owned(); 101], None),
        new(vec![String::new()], None),
        new(vec!["a\0".to_owned()], None),
        new(Vec::new(), Some("x".repeat(2_049))),
    ] {
        let answer = store.create_mapping_session(&tenant, refused, TTL_MS).await;
        assert!(matches!(answer, Err(StoreError::Invalid { .. })), "{answer:?}");
    }
    let unknown = MappingSessionId::generate(&OsRandom);
    assert!(!store.end_mapping_session(&tenant, &unknown).await.unwrap());
}
