//! Which token a call is made with: the stored one, to its end or a minute before it, and whose refresh is waited for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Limits, ManualClock};
use provider::{Call, CallError};
use store::ConnectionState;

use crate::fake::TokenScript;
use crate::support::{World, connection_with};

/// When the tokens of these tests end, ms.
const END_MS: i64 = 2_000_000_000_000;
const DEAD: &str = r#"{"error":"invalid_grant","error_description":"expired access/refresh token"}"#;

/// Calls with a token that the provider takes, `left_ms` before its end; answers how many token requests it took.
async fn call(
    refresh_token: Option<&str>,
    left_ms: i64,
    script: Option<TokenScript>,
) -> (Result<u16, CallError>, usize) {
    let clock = Arc::new(ManualClock::new(END_MS - left_ms));
    let world = World::with(Limits::default(), clock, None).await;
    world.fake.script.lock().unwrap().extend(script);
    let (store, tenant, fake) = (&world.store, &world.tenant, &world.fake);
    let connection = connection_with(store, tenant, fake, "good", refresh_token, Some(END_MS)).await;
    let reply = world
        .providers
        .send(tenant, &connection, Call::get("/things"))
        .await;
    (reply.map(|reply| reply.status.as_u16()), world.fake.posts())
}

#[tokio::test]
async fn a_token_is_refreshed_in_its_last_minute_and_used_before_it() {
    for (left_ms, posts) in [(60_001, 0), (60_000, 1), (1, 1), (0, 1), (-1, 1)] {
        let (status, posted) = call(Some("refresh-1"), left_ms, None).await;
        assert_eq!(
            (status.unwrap(), posted),
            (200, posts),
            "{left_ms} ms before its end"
        );
    }
}

#[tokio::test]
async fn a_token_that_nothing_renews_is_used_to_its_end() {
    for left_ms in [60_001, 60_000, 1] {
        let (status, posted) = call(None, left_ms, None).await;
        assert_eq!((status.unwrap(), posted), (200, 0), "{left_ms} ms before its end");
    }
    for left_ms in [0, -1] {
        let (status, posted) = call(None, left_ms, None).await;
        assert!(
            matches!(status, Err(CallError::NeedsReauth { .. })),
            "{left_ms}: {status:?}"
        );
        assert_eq!(posted, 0);
    }
}

#[tokio::test]
async fn an_early_refresh_that_fails_costs_nothing_before_the_token_s_end() {
    let down = || Some(TokenScript::Answer(503, String::new()));
    let (status, posted) = call(Some("refresh-1"), 1, down()).await;
    assert_eq!((status.unwrap(), posted), (200, 1));
    let (status, posted) = call(Some("refresh-1"), 0, down()).await;
    assert!(
        matches!(status, Err(CallError::RefreshInProgress { .. })),
        "{status:?}"
    );
    assert_eq!(posted, 1);
    // A grant that is over is no reason to go on.
    let dead = TokenScript::Answer(400, DEAD.to_owned());
    let (status, _) = call(Some("refresh-1"), 30_000, Some(dead)).await;
    let state = ConnectionState::NeedsReauth;
    assert!(
        matches!(status, Err(CallError::NeedsReauth { state: told, .. }) if told == state),
        "{status:?}"
    );
}

#[tokio::test]
async fn a_connection_that_rests_says_for_how_long_and_takes_what_another_node_has_got() {
    let limits = Limits {
        refresh_cooldown_ms: 10_000,
        ..Limits::default()
    };
    let world = World::with(limits, Arc::new(model::SystemClock), Some("refresh-1")).await;
    let began = Instant::now();
    world.fake.next(TokenScript::LoseReply);
    for _ in 0..2 {
        let error = world.get("/things").await.unwrap_err();
        let CallError::RefreshInProgress { retry_after_s } = error else {
            panic!("{error:?}")
        };
        let left = Duration::from_secs(10).saturating_sub(began.elapsed());
        assert!(
            Duration::from_secs(retry_after_s) >= left,
            "{retry_after_s} s are too early"
        );
        assert!(retry_after_s <= 10, "{retry_after_s} s");
    }
    assert_eq!(world.fake.posts(), 1);
    world.another_node_saves(1, "good", "refresh-2").await;
    assert_eq!(world.get("/things").await.unwrap().status, 200);
    assert_eq!(world.fake.posts(), 1);
}

/// One caller's token was refused, and another node has a newer one; the next caller's is that newer one, refused too. It
/// waits for the first one's refresh, which does not reach far enough for it.
#[tokio::test]
async fn a_refresh_that_does_not_reach_far_enough_is_followed_by_another() {
    let world = World::new().await;
    world.fake.next(TokenScript::WaitForPermit);
    let first = world.get("/things");
    tokio::pin!(first);
    world.fake.until_presented(first.as_mut()).await;
    world.another_node_saves(1, "refused", "refresh-2").await;
    let second = world.get("/things");
    tokio::pin!(second);
    // Until its call was refused, and a little longer, for it to join.
    let refused = async {
        let is_there = || {
            let seen = world.fake.seen();
            seen.iter()
                .any(|seen| seen.headers["authorization"] == "Bearer refused")
        };
        while !is_there() {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    tokio::select! {
        _ = &mut second => panic!("the first one's refresh is under way"),
        () = refused => {}
    }
    world.fake.permits.add_permits(1);
    let (first, second) = tokio::join!(first, second);
    let _ = first;
    assert_eq!(second.unwrap().status, 200);
    assert_eq!(world.stored().await.0, 3);
}
