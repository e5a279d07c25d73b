//! One call: what is sent, what comes back, and what is never done.

use std::sync::atomic::Ordering;

use http::{HeaderName, HeaderValue, Method};
use provider::{Call, CallError, Dialect, rate_limit_headers};
use serde_json::json;

use crate::fake::Fake;
use crate::support::World;

/// A world whose token is fresh already.
pub(crate) async fn warm() -> World {
    let world = World::new().await;
    assert_eq!(world.get("/things").await.unwrap().status, 200);
    world.fake.seen.lock().unwrap().clear();
    world
}

fn requests(fake: &Fake) -> usize {
    fake.seen().len()
}

#[tokio::test]
async fn claim_16_an_expired_session_is_refreshed_and_replayed_once() {
    let world = World::new().await;
    let reply = world.get("/things").await.unwrap();
    assert_eq!(reply.status.as_u16(), 200);
    assert_eq!((world.fake.posts(), requests(&world.fake)), (1, 2));
    let error = world.get("/always-over").await.unwrap_err();
    assert!(matches!(error, CallError::SessionRefused), "{error:?}");
    assert!(error.is_retryable() && !error.outcome_unknown());
    assert_eq!(
        (world.fake.posts(), requests(&world.fake)),
        (2, 4),
        "one refresh, one replay, never two"
    );
}

#[tokio::test]
async fn claim_18_limits_of_the_provider_pass_with_one_request() {
    let world = warm().await;
    let reply = world.get("/limited").await.unwrap();
    assert_eq!(
        (reply.status.as_u16(), reply.value()),
        (429, json!({"code": "SLOW_DOWN"}))
    );
    assert_eq!(requests(&world.fake), 1);
    let reply = world.get("/forbidden").await.unwrap();
    assert_eq!(
        (reply.status.as_u16(), reply.value()),
        (403, json!({"code": "LIMIT"}))
    );
    assert_eq!((requests(&world.fake), world.fake.posts()), (2, 1));
    assert_eq!(reply.quotas[0].remaining, 0);
}

#[tokio::test]
async fn claim_19_the_quota_of_a_reply_is_told_and_remembered() {
    let world = warm().await;
    let reply = world.get("/things").await.unwrap();
    let (remembered, _) = world.providers.quota(&world.connection.id).unwrap();
    assert_eq!(remembered, reply.quotas);
    let headers: Vec<String> = rate_limit_headers(&reply.quotas, Dialect::Legacy)
        .into_iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    assert_eq!(headers, ["ratelimit-limit: 100000", "ratelimit-remaining: 54968"]);
}

#[tokio::test]
async fn claim_34_a_redirect_is_not_followed() {
    let world = warm().await;
    let error = world.get("/moved").await.unwrap_err();
    assert!(
        matches!(error, CallError::UnexpectedRedirect { status: 302 }),
        "{error:?}"
    );
    assert_eq!(requests(&world.fake), 1);
}

#[tokio::test]
async fn claim_37_a_gzip_bomb_ends_at_the_cap_and_deep_json_is_a_text() {
    let world = warm().await;
    let error = world.get("/bomb").await.unwrap_err();
    assert!(
        matches!(
            error,
            CallError::ReplyTooLarge {
                max_bytes: 16_777_216
            }
        ),
        "{error:?}"
    );
    let reply = world.get("/deep").await.unwrap();
    assert!(reply.value().is_string());
    let reply = world.get("/zipped").await.unwrap();
    assert_eq!(reply.value(), json!({"zipped": true}));
}

#[tokio::test]
async fn a_call_is_written_under_the_base_path_with_the_credential() {
    let world = warm().await;
    let mut call = Call::get("/things/a%40b").with_query("q", "x = 'y' & z+é");
    call.method = Method::POST;
    call.body = Some("{}".into());
    call.headers
        .push((HeaderName::from_static("x-more"), HeaderValue::from_static("1")));
    call.headers.push((
        HeaderName::from_static("authorization"),
        HeaderValue::from_static("Bearer theirs"),
    ));
    call.headers.push((
        HeaderName::from_static("host"),
        HeaderValue::from_static("evil.example"),
    ));
    let connection = world.now().await;
    world
        .providers
        .send(&world.tenant, &connection, call.clone())
        .await
        .unwrap();
    let seen = world.fake.seen().pop().unwrap();
    assert_eq!(
        seen.target,
        "/data/v1/things/a%40b?q=x%20%3D%20%27y%27%20%26%20z%2B%C3%A9"
    );
    assert_eq!(
        (seen.method, seen.body.as_ref()),
        (Method::POST, b"{}".as_slice())
    );
    for (name, value) in [
        ("authorization", "Bearer access-2"),
        ("x-acme-client", "crosswalk"),
        ("x-more", "1"),
        ("content-type", "application/json"),
        ("accept-encoding", "gzip"),
    ] {
        assert_eq!(seen.headers[name], value, "{name}");
    }
    assert_eq!(
        seen.headers["host"],
        world.fake.origin.trim_start_matches("http://")
    );
    let described = world.providers.describe_call(&connection, &call).unwrap();
    assert_eq!(described["url"], format!("{}{}", world.fake.origin, seen.target));
    assert_eq!(described["headers"]["authorization"], "Bearer [redacted]");
    assert!(!described.to_string().contains("access-2"));
}

#[tokio::test]
async fn a_locator_s_whole_path_is_taken_as_it_is_and_tricks_are_refused() {
    let world = warm().await;
    world.get("/data/v1/things/next-2000?page=2").await.unwrap();
    assert_eq!(
        world.fake.seen().pop().unwrap().target,
        "/data/v1/things/next-2000?page=2"
    );
    for path in [
        "//evil.example/a",
        "/../oauth/revoke",
        "/a/%2e%2e/b",
        "https://evil.example/",
        "/a%2f..%2fb",
        "a",
    ] {
        let error = world.get(path).await.unwrap_err();
        assert!(matches!(error, CallError::BadPath { .. }), "{path}: {error:?}");
    }
    assert_eq!(requests(&world.fake), 1);
}

#[tokio::test]
async fn calls_share_a_connection_and_token_requests_do_not() {
    let world = warm().await;
    let before = world.fake.connections.load(Ordering::SeqCst);
    for _ in 0..5 {
        world.get("/things").await.unwrap();
    }
    assert_eq!(world.fake.connections.load(Ordering::SeqCst), before);
}

#[tokio::test]
async fn a_private_address_is_not_called_unless_the_operator_says_so() {
    let world = warm().await;
    for host in [
        "http://127.0.0.1:1",
        "https://127.0.0.1",
        "https://localhost",
        "http://[::1]:1",
    ] {
        world
            .tamper(&format!("UPDATE connections SET instance_url = '{host}'"))
            .await;
        let row = world
            .store
            .tokens_fresh(&world.tenant, &world.connection.id)
            .await
            .unwrap();
        assert_eq!(row.instance_url.as_deref(), Some(host));
        let error = world.get("/things").await.unwrap_err();
        assert!(matches!(error, CallError::Refused { .. }), "{host}: {error:?}");
    }
    assert_eq!(requests(&world.fake), 0);
}
