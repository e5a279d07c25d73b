//! Connect sessions and the OAuth transactions that come of them (claim 24).

use std::time::Duration;

use model::Secret;
use store::{ConnectOutcome, ConnectSession, NewAuthorization, NewConnectSession, Store, StoreError, Tenant};

use crate::support::{World, assert_not_found, connection, on_both_databases, tenant};

on_both_databases!(
    a_link_is_used_once,
    an_authorization_is_taken_once,
    a_wrong_browser_burns_the_authorization,
    what_has_expired_is_not_found,
    of_many_browsers_and_callbacks_one_wins,
    only_hashes_of_secrets_are_stored,
    a_session_reconnects_only_the_tenants_own,
    the_environment_is_the_browsers_only_where_it_may_choose,
    a_journey_that_came_to_nothing_begins_anew_once,
    a_journey_tells_how_far_it_has_come,
    a_page_without_an_opener_ends_as_one_without,
);

const TTL_MS: u64 = 600_000;

fn new() -> NewConnectSession {
    NewConnectSession {
        provider: "testcrm".to_owned(),
        environment: "sandbox".to_owned(),
        login_url: "https://test.example".to_owned(),
        is_environment_open: false,
        external_id: Some("customer-1".to_owned()),
        scopes: vec!["api".to_owned()],
        return_to: Some("https://app.example/done".to_owned()),
        connection_id: None,
        allow_account_change: false,
        opener_origin: None,
    }
}

fn authorization<'a>(
    state: &'a str,
    browser: &'a str,
    verifier: &'a Secret,
    ttl_ms: u64,
) -> NewAuthorization<'a> {
    NewAuthorization {
        state,
        browser,
        verifier,
        redirect_uri: "https://us.example/callback",
        token_url: "https://test.example/token",
        issuer: "https://test.example",
        environment: "sandbox",
        login_url: "https://test.example",
        is_popup: true,
        ttl_ms,
    }
}

async fn begun(store: &Store, tenant: &Tenant, state: &str, browser: &str, ttl_ms: u64) -> ConnectSession {
    let (_, link) = store.create_connect_session(tenant, new(), TTL_MS).await.unwrap();
    let verifier = Secret::new("canary-verifier");
    store
        .begin_authorization(link.expose(), authorization(state, browser, &verifier, ttl_ms))
        .await
        .unwrap()
}

async fn a_link_is_used_once(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let (session, link) = store
        .create_connect_session(&tenant, new(), TTL_MS)
        .await
        .unwrap();
    assert_eq!(session.tenant_name, "Acme");
    for _ in 0..2 {
        assert_eq!(
            store.open_connect_session(link.expose()).await.unwrap(),
            session,
            "opening does not use it up"
        );
    }
    let verifier = Secret::new("verifier");
    let begin =
        |state| store.begin_authorization(link.expose(), authorization(state, "browser", &verifier, TTL_MS));
    assert_eq!(begin("state-1").await.unwrap(), session);
    assert_not_found(begin("state-2").await);
    assert_not_found(store.open_connect_session(link.expose()).await);
    for unknown in [
        "",
        "cw_link_",
        "\0",
        &format!("{}0", link.expose()),
        &"x".repeat(1 << 20),
    ] {
        assert_not_found(store.open_connect_session(unknown).await);
    }
}

async fn an_authorization_is_taken_once(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let session = begun(&store, &tenant, "state", "browser", TTL_MS).await;
    let (taken_by, taken) = store.take_authorization("state", Some("browser")).await.unwrap();
    assert_eq!(taken_by, tenant);
    assert_eq!(taken.session, session);
    assert_eq!(taken.verifier, Secret::new("canary-verifier"));
    assert_eq!(taken.token_url, "https://test.example/token");
    assert_eq!(taken.issuer, "https://test.example");
    assert_eq!(taken.redirect_uri, "https://us.example/callback");
    assert_not_found(store.take_authorization("state", Some("browser")).await);
    assert_not_found(store.take_authorization("", Some("browser")).await);
    assert_not_found(store.take_authorization("never", Some("browser")).await);
}

async fn a_wrong_browser_burns_the_authorization(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    for (state, wrong) in [
        ("state-1", Some("browser ")),
        ("state-2", Some("")),
        ("state-3", None),
    ] {
        begun(&store, &tenant, state, "browser", TTL_MS).await;
        assert_not_found(store.take_authorization(state, wrong).await);
        assert_not_found(store.take_authorization(state, Some("browser")).await);
    }
}

async fn what_has_expired_is_not_found(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let (_, link) = store.create_connect_session(&tenant, new(), 1).await.unwrap();
    begun(&store, &tenant, "state", "browser", 1).await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_not_found(store.open_connect_session(link.expose()).await);
    let verifier = Secret::new("verifier");
    let late = store
        .begin_authorization(link.expose(), authorization("late", "browser", &verifier, TTL_MS))
        .await;
    assert_not_found(late);
    assert_not_found(store.take_authorization("state", Some("browser")).await);
}

async fn of_many_browsers_and_callbacks_one_wins(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let (_, link) = store
        .create_connect_session(&tenant, new(), TTL_MS)
        .await
        .unwrap();
    let begins = (0..10).map(|index| {
        let (store, link) = (store.clone(), link.clone());
        tokio::spawn(async move {
            let (state, verifier) = (format!("state-{index}"), Secret::new("verifier"));
            let new = authorization(&state, "browser", &verifier, TTL_MS);
            store
                .begin_authorization(link.expose(), new)
                .await
                .is_ok()
                .then_some(state)
        })
    });
    let mut winners = Vec::new();
    for begin in begins.collect::<Vec<_>>() {
        winners.extend(begin.await.unwrap());
    }
    assert_eq!(winners.len(), 1);
    let takes = (0..10).map(|_| {
        let (store, state) = (store.clone(), winners[0].clone());
        tokio::spawn(async move { store.take_authorization(&state, Some("browser")).await.is_ok() })
    });
    let mut taken = 0;
    for take in takes.collect::<Vec<_>>() {
        taken += usize::from(take.await.unwrap());
    }
    assert_eq!(taken, 1);
}

async fn only_hashes_of_secrets_are_stored(world: &World) {
    if world.is_postgres() {
        return;
    }
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let (_, link) = store
        .create_connect_session(&tenant, new(), TTL_MS)
        .await
        .unwrap();
    begun(&store, &tenant, "canary-state", "canary-browser", TTL_MS).await;
    store.close().await;
    let bytes = std::fs::read(world.dir.path().join("store.db")).unwrap();
    for secret in ["canary-state", "canary-browser", "canary-verifier", link.expose()] {
        assert!(
            !bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes()),
            "{secret:.14}"
        );
    }
}

async fn a_session_reconnects_only_the_tenants_own(world: &World) {
    let store = world.store().await;
    let (one, other) = (tenant(&store).await, tenant(&store).await);
    let own = connection(&store, &one).await;
    let reconnect = NewConnectSession {
        connection_id: Some(own.id.clone()),
        ..new()
    };
    let (session, _) = store
        .create_connect_session(&one, reconnect.clone(), TTL_MS)
        .await
        .unwrap();
    assert_eq!(session.connection_id, Some(own.id));
    assert_not_found(
        store
            .create_connect_session(&other, reconnect.clone(), TTL_MS)
            .await,
    );
    let wrong_provider = NewConnectSession {
        provider: "othercrm".to_owned(),
        ..reconnect
    };
    assert!(matches!(
        store.create_connect_session(&one, wrong_provider, TTL_MS).await,
        Err(StoreError::Conflict { .. })
    ));
}

async fn a_journey_tells_how_far_it_has_come(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let (session, link) = store
        .create_connect_session(&tenant, new(), TTL_MS)
        .await
        .unwrap();
    let progress = async |browser| {
        let told = store.connect_progress(link.expose(), browser).await.unwrap();
        assert_eq!(told.session.id, session.id);
        (told.is_begun, told.is_own, told.is_over, told.outcome)
    };
    assert_eq!(progress(Some("browser")).await, (false, false, false, None));
    let verifier = Secret::new("verifier");
    store
        .begin_authorization(
            link.expose(),
            authorization("state-1", "browser", &verifier, TTL_MS),
        )
        .await
        .unwrap();
    assert_eq!(progress(Some("browser")).await, (true, true, false, None));
    for stranger in [None, Some("another"), Some("")] {
        assert!(!progress(stranger).await.1, "{stranger:?}");
    }
    let own = connection(&store, &tenant).await;
    let connected = ConnectOutcome::Connected;
    store
        .settle_connect_session(&session, connected, Some(&own.id))
        .await
        .unwrap();
    // The first ending stays.
    store
        .settle_connect_session(&session, ConnectOutcome::Failed, None)
        .await
        .unwrap();
    assert_eq!(progress(None).await, (true, false, true, Some(connected)));
    let told = store.connect_progress(link.expose(), None).await.unwrap();
    assert_eq!(told.connection_id, Some(own.id));
    for unknown in ["", "cw_link_nothing", session.id.as_str()] {
        assert_not_found(store.connect_progress(unknown, None).await);
    }
    // A link that ran out unused, and a browser that stayed away too long.
    let (_, unused) = store.create_connect_session(&tenant, new(), 0).await.unwrap();
    assert!(
        store
            .connect_progress(unused.expose(), None)
            .await
            .unwrap()
            .is_over
    );
    let (_, late) = store
        .create_connect_session(&tenant, new(), TTL_MS)
        .await
        .unwrap();
    store
        .begin_authorization(late.expose(), authorization("state-2", "browser", &verifier, 0))
        .await
        .unwrap();
    assert!(store.connect_progress(late.expose(), None).await.unwrap().is_over);
}

async fn a_page_without_an_opener_ends_as_one_without(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let verifier = Secret::new("verifier");
    let popup = || NewConnectSession {
        opener_origin: Some("https://app.example".to_owned()),
        ..new()
    };
    for is_popup in [true, false] {
        let (session, link) = store
            .create_connect_session(&tenant, popup(), TTL_MS)
            .await
            .unwrap();
        assert_eq!(session.opener_origin.as_deref(), Some("https://app.example"));
        let state = format!("state-{is_popup}");
        let authorization = NewAuthorization {
            is_popup,
            ..authorization(&state, "browser", &verifier, TTL_MS)
        };
        let begun = store
            .begin_authorization(link.expose(), authorization)
            .await
            .unwrap();
        assert_eq!(begun.opener_origin.is_some(), is_popup);
    }
}

async fn the_environment_is_the_browsers_only_where_it_may_choose(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let verifier = Secret::new("verifier");
    for is_environment_open in [false, true] {
        let new = NewConnectSession {
            is_environment_open,
            ..new()
        };
        let (session, link) = store.create_connect_session(&tenant, new, TTL_MS).await.unwrap();
        assert_eq!(session.is_environment_open, is_environment_open);
        let states = ["a", "b", "c"].map(|state| format!("{state}-{is_environment_open}"));
        let begin = |state, environment, login_url| {
            let authorization = NewAuthorization {
                environment,
                login_url,
                ..authorization(state, "browser", &verifier, TTL_MS)
            };
            store.begin_authorization(link.expose(), authorization)
        };
        if is_environment_open {
            let begun = begin(&states[0], "production", "https://login.example")
                .await
                .unwrap();
            assert_eq!(
                (begun.environment.as_str(), begun.login_url.as_str()),
                ("production", "https://login.example")
            );
            let (_, taken) = store
                .take_authorization(&states[0], Some("browser"))
                .await
                .unwrap();
            assert_eq!(taken.session, begun, "what was chosen is what is connected");
        } else {
            assert_not_found(begin(&states[0], "production", "https://test.example").await);
            assert_not_found(begin(&states[1], "sandbox", "https://login.example").await);
            begin(&states[2], "sandbox", "https://test.example")
                .await
                .unwrap();
        }
    }
}

async fn a_journey_that_came_to_nothing_begins_anew_once(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let verifier = Secret::new("verifier");
    for is_environment_open in [false, true] {
        let new = NewConnectSession {
            is_environment_open,
            ..new()
        };
        let (session, link) = store.create_connect_session(&tenant, new, TTL_MS).await.unwrap();
        assert_not_found(store.renew_connect_session(&session, TTL_MS).await);
        let state = format!("state-{is_environment_open}");
        let begun = store
            .begin_authorization(link.expose(), authorization(&state, "browser", &verifier, TTL_MS))
            .await
            .unwrap();
        assert_not_found(store.renew_connect_session(&begun, TTL_MS).await);
        store.take_authorization(&state, Some("browser")).await.unwrap();
        let renewed = store.renew_connect_session(&begun, TTL_MS).await;
        if !is_environment_open {
            assert_not_found(renewed);
            continue;
        }
        let (again, link) = renewed.unwrap();
        assert_ne!(again.id, session.id);
        let same = ConnectSession {
            id: session.id.clone(),
            expires_at_ms: session.expires_at_ms,
            ..again.clone()
        };
        assert_eq!(same, session);
        assert_eq!(store.open_connect_session(link.expose()).await.unwrap(), again);
        assert_not_found(store.renew_connect_session(&begun, TTL_MS).await);
        assert_not_found(store.renew_connect_session(&again, TTL_MS).await);
    }
}
