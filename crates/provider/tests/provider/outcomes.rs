//! What a refresh does when the provider, the claim or the connection is not as it was; and what its request looks like.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{Clock, Limits, SystemClock};
use provider::{Call, CallError, GrantError};
use store::{ConnectionState, NewCredentials};
use tokio::net::TcpListener;

use crate::fake::TokenScript;
use crate::grants;
use crate::support::{World, connection, new_credentials, providers, providers_at};

/// A clock that goes on by a step whenever it is read.
#[derive(Debug)]
struct SteppingClock {
    now_ms: AtomicI64,
    step_ms: i64,
}

impl Clock for SteppingClock {
    fn now_ms(&self) -> i64 {
        self.now_ms.fetch_add(self.step_ms, Ordering::SeqCst)
    }
}

/// Read when it claims, before it connects and before the first byte: two steps lie between the first and the last.
#[tokio::test]
async fn a_claim_is_looked_at_again_before_the_first_byte() {
    let limits = Limits {
        refresh_wait_ms: 1_000,
        ..Limits::default()
    };
    let latest_ms = i64::try_from(limits.refresh_lease_ms - limits.token_request_ms - 3_000).unwrap();
    for (step_ms, posts) in [(latest_ms / 2 - 50, 1), (latest_ms / 2 + 1, 0)] {
        let clock = SteppingClock {
            now_ms: AtomicI64::new(SystemClock.now_ms()),
            step_ms,
        };
        let world = World::with(limits.clone(), Arc::new(clock), Some("refresh-1")).await;
        let status = world.get("/things").await;
        assert_eq!(world.fake.posts(), posts, "{step_ms} ms a step: {status:?}");
        assert_eq!(status.is_ok(), posts == 1, "{status:?}");
    }
}

#[tokio::test]
async fn how_long_tokens_last_is_learned_from_those_that_were_refused() {
    for refused in [true, false] {
        let world = World::new().await;
        for _ in 0..2 {
            world
                .tamper("UPDATE connections SET tokens_saved_at_ms = tokens_saved_at_ms - 7200000")
                .await;
            if refused {
                let over = world.get("/always-over").await.unwrap_err();
                assert!(matches!(over, CallError::SessionRefused), "{over:?}");
            } else {
                world
                    .tamper("UPDATE connections SET access_expires_at_ms = 1")
                    .await;
                world.stored().await;
                assert_eq!(world.get("/things").await.unwrap().status, 200);
            }
        }
        assert_eq!(world.fake.posts(), 2);
        let row = world
            .store
            .tokens_fresh(&world.tenant, &world.connection.id)
            .await
            .unwrap();
        assert_eq!(row.learned_lifetime_ms.is_some(), refused, "{row:?}");
    }
}

/// Until new tokens are saved, nobody else may present the old one.
#[tokio::test]
async fn a_claim_is_held_on_to_while_tokens_cannot_be_saved() {
    let world = World::new().await;
    world.fake.next(TokenScript::WaitForPermit);
    let call = world.get("/things");
    tokio::pin!(call);
    world.fake.until_presented(call.as_mut()).await;
    world
        .tamper(
            "UPDATE connections SET refresh_lease_until_ms = refresh_lease_until_ms - 20000;
             CREATE TRIGGER refuse BEFORE UPDATE OF sealed_tokens ON connections
             BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
        )
        .await;
    let held_until = "SELECT refresh_lease_until_ms FROM connections";
    let before_ms = world.number(held_until).await;
    world.fake.permits.add_permits(1);
    let error = call.await.unwrap_err();
    assert!(matches!(error, CallError::TokenNotSaved { .. }), "{error:?}");
    let after_ms = world.number(held_until).await;
    assert!(after_ms >= before_ms + 20_000, "from {before_ms} to {after_ms}");
}

#[tokio::test]
async fn tokens_of_a_connection_that_was_deleted_meanwhile_are_ended() {
    let world = World::new().await;
    world.fake.next(TokenScript::WaitForPermit);
    let call = world.get("/things");
    tokio::pin!(call);
    world.fake.until_presented(call.as_mut()).await;
    world
        .store
        .delete_connection(&world.tenant, &world.connection.id)
        .await
        .unwrap();
    world.fake.permits.add_permits(1);
    let error = call.await.unwrap_err();
    assert!(
        matches!(error, CallError::Store(store::StoreError::NotFound)),
        "{error:?}"
    );
    world.providers.drain().await;
    let revoked = world.fake.revoked.lock().unwrap().clone();
    assert_eq!(revoked.len(), 1);
    assert!(revoked[0].starts_with("token=refresh-2&"), "{revoked:?}");
}

#[tokio::test]
async fn a_token_endpoint_that_was_not_reached_was_sent_nothing_and_is_tried_again() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let sql = format!("UPDATE connections SET login_url = '{nobody}'");
    world.tamper(&sql).await;
    let clock = Arc::new(SystemClock);
    let there = providers_at(
        &nobody,
        &world.fake,
        &world.store,
        Limits::default(),
        clock.clone(),
    );
    let moved = world
        .store
        .list_connections(&world.tenant, store::ConnectionFilter::default(), None, 10);
    let moved = Arc::new(moved.await.unwrap().remove(0));
    assert_eq!(moved.login_url, nobody);
    for _ in 0..2 {
        let error = there
            .send(&world.tenant, &moved, Call::get("/things"))
            .await
            .unwrap_err();
        assert!(
            matches!(error, CallError::Unreachable { sent: false, .. }),
            "{error:?}"
        );
    }
    // A login that the operator no longer allows is not called.
    let here = providers(&world.fake, &world.store, Limits::default(), clock);
    let error = here
        .send(&world.tenant, &moved, Call::get("/things"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, CallError::Unreachable { sent: false, .. }),
        "{error:?}"
    );
    assert_eq!(world.fake.posts(), 0);
    // Nothing was presented: the next one who can reach it need not wait for a claim or a cool-down.
    let sql = format!("UPDATE connections SET login_url = '{}'", world.fake.origin);
    world.tamper(&sql).await;
    let reply = here
        .send(&world.tenant, &world.connection, Call::get("/things"))
        .await;
    assert_eq!(reply.unwrap().status, 200);
}

#[tokio::test]
async fn an_application_that_is_refused_rests_for_all_its_connections() {
    let world = World::new().await;
    let other = connection(&world.store, &world.tenant, &world.fake, Some("refresh-1")).await;
    let refused = r#"{"error":"invalid_client"}"#;
    world.fake.next(TokenScript::Answer(400, refused.to_owned()));
    world.get("/things").await.unwrap_err();
    let error = world
        .providers
        .send(&world.tenant, &other, Call::get("/things"))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Misconfigured { .. }), "{error:?}");
    assert_eq!(world.fake.posts(), 1);
}

#[tokio::test]
async fn a_token_endpoint_out_of_order_says_nothing_about_the_grant() {
    let dead = r#"{"error":"invalid_grant"}"#;
    for (status, body) in [
        (429, dead),
        (408, dead),
        (500, dead),
        (599, dead),
        (400, r#"{"error":"other"}"#),
        (200, "{}"),
    ] {
        let world = World::new().await;
        world.fake.next(TokenScript::Answer(status, body.to_owned()));
        let error = world.get("/things").await.unwrap_err();
        assert!(
            matches!(error, CallError::RefreshInProgress { .. }),
            "{status}: {error:?}"
        );
        assert_eq!(world.now().await.state, ConnectionState::Active, "{status}");
    }
    for status in [400, 407, 409, 428, 430, 499] {
        let world = World::new().await;
        world.fake.next(TokenScript::Answer(status, dead.to_owned()));
        let error = world.get("/things").await.unwrap_err();
        assert!(
            matches!(error, CallError::NeedsReauth { .. }),
            "{status}: {error:?}"
        );
    }
}

#[tokio::test]
async fn what_a_token_endpoint_says_is_told_in_plain_and_few_characters() {
    let world = World::new().await;
    for (code, description, told) in [
        (
            "invalid_client".to_owned(),
            " ~\u{7f}\u{e9}\n".to_owned(),
            Some(" ~".to_owned()),
        ),
        ("invalid_client".to_owned(), " \u{e9}".to_owned(), None),
        ("long".repeat(17), "d".repeat(301), Some("d".repeat(300))),
    ] {
        let body = serde_json::json!({"error": code, "error_description": description}).to_string();
        world.fake.next(TokenScript::Answer(400, body));
        let refused = world
            .providers
            .connect_without_browser(&world.tenant, grants::new(None))
            .await;
        let Err(GrantError::Refused(refusal)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(refusal.status, 400);
        assert_eq!(refusal.code.as_deref(), Some(&code[..code.len().min(64)]));
        assert_eq!(refusal.description, told);
    }
}

#[tokio::test]
async fn an_application_proves_itself_in_a_header_where_the_document_says_so() {
    let world = World::new().await;
    let new = NewCredentials {
        provider: "basic".to_owned(),
        ..new_credentials(&world.fake, "access-1", Some("refresh-1"))
    };
    let made = Arc::new(
        world
            .store
            .save_new_credentials(&world.tenant, new)
            .await
            .unwrap(),
    );
    let reply = world
        .providers
        .send(&world.tenant, &made, Call::get("/things"))
        .await;
    // The other provider's fake knows the client from the body alone: only what was sent counts here.
    drop(reply);
    let head = world.fake.token_heads.lock().unwrap()[0].clone();
    let credentials = head["authorization"]
        .to_str()
        .unwrap()
        .strip_prefix("Basic ")
        .unwrap()
        .to_owned();
    assert_eq!(STANDARD.decode(credentials).unwrap(), b"client:s3cret%26%3D");
    assert_eq!(head["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(head["accept"], "application/json");
    let body = world.fake.token_bodies.lock().unwrap()[0].clone();
    assert_eq!(body, "grant_type=refresh_token&refresh_token=refresh-1");
    // The token stands in the path, is what is deleted, and proves itself.
    let held = world.store.tokens_fresh(&world.tenant, &made.id).await.unwrap();
    let held = held.tokens.refresh_token.as_ref().unwrap().expose().to_owned();
    world.providers.disconnect(&world.tenant, &made.id).await.unwrap();
    world.providers.drain().await;
    let revoked = world.fake.revoked.lock().unwrap().clone();
    assert_eq!(revoked, [format!("/oauth/grants/{held}")]);
}
