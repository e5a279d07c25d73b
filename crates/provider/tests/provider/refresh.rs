//! Claims about refreshing: one request for everybody, nothing lost, nobody blamed on a guess.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use model::{Clock, Limits, OsRandom, SystemClock};
use provider::{Call, CallError};
use serde_json::json;
use store::{ConnectionState, Store};

use crate::fake::TokenScript;
use crate::support::{World, connection, providers, store_config};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claim_01_five_hundred_callers_make_one_token_request() {
    let world = Arc::new(World::new().await);
    let calls: Vec<_> = (0..500)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.get("/things").await.map(|reply| reply.status.as_u16()) })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), 200);
    }
    assert_eq!(world.fake.posts(), 1);
    assert_eq!(world.fake.revocations.load(Ordering::SeqCst), 0);
    assert_eq!(
        world.stored().await,
        (2, "access-2".to_owned(), Some("refresh-2".to_owned()))
    );
    assert_eq!(world.providers.refreshes_under_way(), 0);
}

/// A clock that shows half a minute more each time it is read: a process that is stopped again and again.
#[derive(Debug)]
struct LurchingClock(AtomicI64);

impl Clock for LurchingClock {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.0.fetch_add(30_000, Ordering::SeqCst)
    }
}

#[tokio::test]
async fn claim_03_a_holder_stopped_past_its_lease_sends_nothing() {
    let limits = Limits {
        refresh_wait_ms: 1_000,
        ..Limits::default()
    };
    let world = World::with(
        limits,
        Arc::new(LurchingClock(AtomicI64::new(0))),
        Some("refresh-1"),
    )
    .await;
    let error = world.get("/things").await.unwrap_err();
    assert!(matches!(error, CallError::RefreshInProgress { .. }), "{error:?}");
    assert_eq!(world.fake.posts(), 0);
    assert_eq!(world.stored().await.0, 1);
}

#[tokio::test]
async fn claim_08_when_the_database_fails_after_rotation_callers_get_no_token_and_it_is_recovered() {
    let world = World::new().await;
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE OF sealed_tokens ON connections \
                  BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    world.tamper(refuse).await;
    let error = world.get("/things").await.unwrap_err();
    assert!(matches!(error, CallError::TokenNotSaved { .. }), "{error:?}");
    assert!(error.is_retryable());
    let used = world.fake.seen();
    assert!(
        used.iter()
            .all(|seen| seen.headers["authorization"] == "Bearer access-1"),
        "{used:?}"
    );
    // The process ends here; the next one finds the sealed copy.
    world.providers.drain().await;
    world.store.close().await;
    world.tamper("DROP TRIGGER refuse").await;
    let store = Store::open(
        store_config(world.dir.path()),
        Arc::new(SystemClock),
        Arc::new(OsRandom),
    )
    .await
    .unwrap();
    let row = store
        .tokens_fresh(&world.tenant, &world.connection.id)
        .await
        .unwrap();
    assert_eq!((row.version, row.tokens.access_token.expose()), (2, "access-2"));
    assert_eq!(
        row.tokens.refresh_token.as_ref().map(model::Secret::expose),
        Some("refresh-2")
    );
    assert_eq!(world.fake.posts(), 1);
}

#[tokio::test]
async fn claim_09_a_caller_who_leaves_does_not_lose_the_rotated_token() {
    let world = World::new().await;
    world.fake.next(TokenScript::WaitForPermit);
    {
        let call = world.get("/things");
        tokio::pin!(call);
        world.fake.until_presented(call.as_mut()).await;
    }
    assert_eq!(world.stored().await.0, 1);
    world.fake.permits.add_permits(1);
    world.providers.drain().await;
    assert_eq!(
        world.stored().await,
        (2, "access-2".to_owned(), Some("refresh-2".to_owned()))
    );
}

#[tokio::test]
async fn claim_10_a_reply_without_a_refresh_token_keeps_the_stored_one() {
    let world = World::new().await;
    world.fake.next(TokenScript::KeepRefreshToken);
    assert_eq!(world.get("/things").await.unwrap().status, 200);
    assert_eq!(
        world.stored().await,
        (2, "access-kept".to_owned(), Some("refresh-1".to_owned()))
    );
}

#[tokio::test]
async fn claim_11_already_being_processed_is_waited_out() {
    let world = World::new().await;
    let busy = r#"{"error":"invalid_grant","error_description":"token request is already being processed"}"#;
    world.fake.next(TokenScript::Answer(400, busy.to_owned()));
    assert_eq!(world.get("/things").await.unwrap().status, 200);
    assert_eq!(world.fake.posts(), 2);
    assert_eq!(world.now().await.state, ConnectionState::Active);
}

#[tokio::test]
async fn claim_11_a_token_that_stays_busy_gives_up_and_the_connection_stays_active() {
    let world = World::new().await;
    let busy = r#"{"error":"invalid_grant","error_description":"token request is already being processed"}"#;
    for _ in 0..4 {
        world.fake.next(TokenScript::Answer(400, busy.to_owned()));
    }
    let error = world.get("/things").await.unwrap_err();
    assert!(matches!(error, CallError::RefreshInProgress { .. }), "{error:?}");
    assert_eq!(world.fake.posts(), 4);
    assert_eq!(world.now().await.state, ConnectionState::Active);
}

/// A second node saves while the first is being refused: the refusal is about an old token.
#[tokio::test]
async fn claim_12_invalid_grant_with_an_advanced_row_uses_the_new_token() {
    let world = World::new().await;
    world.fake.next(TokenScript::WaitForPermit);
    let racing = world.get("/things");
    tokio::pin!(racing);
    world.fake.until_presented(racing.as_mut()).await;
    world.another_node_saves(1, "good", "refresh-9").await;
    world.fake.generation.store(9, Ordering::SeqCst);
    world.fake.permits.add_permits(1);
    assert_eq!(racing.await.unwrap().status, 200);
    assert_eq!(
        world.stored().await,
        (2, "good".to_owned(), Some("refresh-9".to_owned()))
    );
    assert_eq!(world.now().await.state, ConnectionState::Active);
}

#[tokio::test]
async fn claim_13_a_definite_invalid_grant_needs_a_person_and_no_more_calls() {
    let world = World::new().await;
    let dead = r#"{"error":"invalid_grant","error_description":"expired access/refresh token"}"#;
    world.fake.next(TokenScript::Answer(400, dead.to_owned()));
    let error = world.get("/things").await.unwrap_err();
    assert!(matches!(error, CallError::NeedsReauth { .. }), "{error:?}");
    let (posts, calls) = (world.fake.posts(), world.fake.seen().len());
    let error = world.get("/things").await.unwrap_err();
    assert!(
        matches!(
            error,
            CallError::NeedsReauth {
                state: ConnectionState::NeedsReauth,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!((world.fake.posts(), world.fake.seen().len()), (posts, calls));
}

#[tokio::test]
async fn claim_14_invalid_client_blames_the_application_and_rests() {
    let world = World::new().await;
    let refused = r#"{"error":"invalid_client","error_description":"invalid client credentials"}"#;
    world.fake.next(TokenScript::Answer(400, refused.to_owned()));
    for _ in 0..3 {
        let error = world.get("/things").await.unwrap_err();
        assert!(matches!(error, CallError::Misconfigured { .. }), "{error:?}");
        assert!(!error.to_string().contains("s3cret"));
    }
    assert_eq!(
        world.fake.posts(),
        1,
        "the application rests after the first refusal"
    );
    assert_eq!(world.now().await.state, ConnectionState::Active);
}

#[tokio::test]
async fn an_org_that_does_not_admit_the_app_is_told_so_and_nobody_else_rests() {
    let world = World::new().await;
    let other = connection(&world.store, &world.tenant, &world.fake, Some("refresh-1")).await;
    let refused = r#"{"error":"app_not_found","error_description":"not installed in this org"}"#;
    world.fake.next(TokenScript::Answer(400, refused.to_owned()));
    for _ in 0..3 {
        let error = world.get("/things").await.unwrap_err();
        assert!(matches!(error, CallError::NotAdmitted), "{error:?}");
    }
    assert_eq!(
        world.fake.posts(),
        1,
        "the connection rests after the first refusal"
    );
    assert_eq!(
        world.now().await.state,
        ConnectionState::Active,
        "its grant may be good"
    );
    let call = world.providers.send(&world.tenant, &other, Call::get("/things"));
    let answered = call.await;
    assert!(answered.is_ok(), "another org lets the app in: {answered:?}");
}

#[tokio::test]
async fn a_lost_reply_cools_down_and_is_not_presented_again() {
    for script in [
        TokenScript::LoseReply,
        TokenScript::Answer(503, "<html>We are down for maintenance.</html>".to_owned()),
        TokenScript::Answer(500, r#"{"error":"invalid_grant"}"#.to_owned()),
        TokenScript::Answer(307, String::new()),
    ] {
        let world = World::new().await;
        world.fake.next(script);
        for _ in 0..3 {
            let error = world.get("/things").await.unwrap_err();
            assert!(matches!(error, CallError::RefreshInProgress { .. }), "{error:?}");
        }
        assert_eq!(world.fake.posts(), 1);
        assert_eq!(world.now().await.state, ConnectionState::Active);
    }
}

#[tokio::test]
async fn a_connection_without_a_refresh_token_needs_a_person_and_nothing_is_sent() {
    let world = World::with(Limits::default(), Arc::new(SystemClock), None).await;
    let error = world.get("/things").await.unwrap_err();
    assert!(matches!(error, CallError::NeedsReauth { .. }), "{error:?}");
    assert_eq!(world.fake.posts(), 0);
    assert_eq!(
        world.now().await.state_reason.as_deref(),
        Some("no_refresh_token")
    );
}

#[tokio::test]
async fn a_refresh_that_names_a_foreign_host_keeps_the_tokens_and_the_stored_host() {
    let world = World::new().await;
    world.fake.next(TokenScript::RotateWith(
        json!({"instance_url": "https://evil.example"}),
    ));
    assert_eq!(world.get("/things").await.unwrap().status, 200);
    let row = world
        .store
        .tokens_fresh(&world.tenant, &world.connection.id)
        .await
        .unwrap();
    assert_eq!(
        (row.version, row.instance_url.as_deref()),
        (2, Some(world.fake.origin.as_str()))
    );
}

#[tokio::test]
async fn two_nodes_of_one_process_group_share_one_refresh() {
    let world = World::new().await;
    let other = providers(
        &world.fake,
        &world.store,
        Limits::default(),
        Arc::new(SystemClock),
    );
    let connection = world.now().await;
    let calls = (0..20).map(|index| {
        let providers = if index % 2 == 0 { &world.providers } else { &other };
        providers.send(&world.tenant, &connection, Call::get("/things"))
    });
    for reply in futures_util::future::join_all(calls).await {
        assert_eq!(reply.unwrap().status, 200);
    }
    assert_eq!(
        (world.fake.posts(), world.fake.revocations.load(Ordering::SeqCst)),
        (1, 0)
    );
}

#[tokio::test]
async fn a_token_that_is_about_to_end_is_refreshed_before_it_is_used() {
    let world = World::new().await;
    world
        .fake
        .next(TokenScript::RotateWith(json!({"expires_in": 30})));
    assert_eq!(world.get("/things").await.unwrap().status, 200);
    assert_eq!(world.get("/things").await.unwrap().status, 200);
    assert_eq!(world.fake.posts(), 2, "30 s are within the leeway");
    assert_eq!(
        world.fake.seen().len(),
        3,
        "one refused call, one replay, one call with the newer token"
    );
}

#[tokio::test]
async fn a_deleted_connection_s_grant_is_ended() {
    let world = World::new().await;
    world
        .providers
        .disconnect(&world.tenant, &world.connection.id)
        .await
        .unwrap();
    world.providers.drain().await;
    let revoked = world.fake.revoked.lock().unwrap().clone();
    assert_eq!(revoked.len(), 1);
    assert!(revoked[0].starts_with("token=refresh-1&"), "{revoked:?}");
    assert!(
        world
            .store
            .connection(&world.tenant, &world.connection.id)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_token_that_a_backup_brought_back_is_not_presented_and_the_access_token_serves_to_its_end() {
    let world = World::new().await;
    world
        .fake
        .next(TokenScript::RotateWith(json!({"expires_in": 30})));
    assert_eq!(world.get("/things").await.unwrap().status, 200);
    world.store.close().await;
    // A later token was saved once, as the witness says; the database does not know it.
    let line = format!("{} 9 0123456789abcdef\n", world.connection.id);
    std::fs::write(world.dir.path().join("data").join("witness"), line).unwrap();
    let store = Store::open(
        store_config(world.dir.path()),
        Arc::new(SystemClock),
        Arc::new(OsRandom),
    )
    .await
    .unwrap();
    let again = providers(&world.fake, &store, Limits::default(), Arc::new(SystemClock));
    let call = async || {
        let connection = store
            .connection(&world.tenant, &world.connection.id)
            .await
            .unwrap();
        (
            connection.state,
            again.send(&world.tenant, &connection, Call::get("/things")).await,
        )
    };
    // It ends within half a minute, which is when it would be refreshed.
    for _ in 0..2 {
        let (state, reply) = call().await;
        assert_eq!(state, ConnectionState::Degraded);
        assert_eq!(reply.unwrap().status, 200);
    }
    world
        .tamper("UPDATE connections SET access_expires_at_ms = 1")
        .await;
    assert_eq!(world.fake.posts(), 1);
    store.close().await;
    let store = Store::open(
        store_config(world.dir.path()),
        Arc::new(SystemClock),
        Arc::new(OsRandom),
    )
    .await
    .unwrap();
    let again = providers(&world.fake, &store, Limits::default(), Arc::new(SystemClock));
    let connection = store
        .connection(&world.tenant, &world.connection.id)
        .await
        .unwrap();
    let over = again.send(&world.tenant, &connection, Call::get("/things")).await;
    assert!(
        matches!(
            over,
            Err(CallError::NeedsReauth {
                state: ConnectionState::NeedsReauth,
                ..
            })
        ),
        "{over:?}"
    );
    assert_eq!(
        (world.fake.posts(), world.fake.revocations.load(Ordering::SeqCst)),
        (1, 0)
    );
}
