//! The proxy: what passes, what is stripped, what is refused, and what can be sent twice.

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use provider::{CallError, ProxyReply, ProxyRequest};

use crate::calls::warm;
use crate::support::World;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}

async fn get(world: &World, path: &str, given: HeaderMap) -> Result<ProxyReply, CallError> {
    let request = ProxyRequest {
        method: Method::GET,
        path_and_query: path.to_owned(),
        headers: given,
        body: Full::<Bytes>::default(),
    };
    world
        .providers
        .proxy(&world.tenant, &world.now().await, request)
        .await
}

async fn post(world: &World, body: Bytes) -> Result<ProxyReply, CallError> {
    let request = ProxyRequest {
        method: Method::POST,
        path_and_query: "/data/v1/things".to_owned(),
        headers: HeaderMap::new(),
        body: Full::new(body),
    };
    world
        .providers
        .proxy(&world.tenant, &world.now().await, request)
        .await
}

async fn text(reply: ProxyReply) -> Bytes {
    reply.body.collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn what_a_document_lists_passes_and_nothing_else() {
    let world = warm().await;
    let given = headers(&[
        ("accept", "text/csv"),
        ("x-acme-options", "1"),
        ("x-acme-hop", "1"),
        ("connection", "close, X-Acme-Hop"),
        ("authorization", "Bearer cw_live_key"),
        ("cookie", "a=b"),
        ("x-forwarded-for", "1.2.3.4"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("x-unknown", "1"),
    ]);
    let reply = get(&world, "/things?b=2&a=1&a=%20", given).await.unwrap();
    assert_eq!(reply.quotas[0].remaining, 54_968);
    for (name, passes) in [
        ("x-kept", true),
        ("x-dropped", false),
        ("set-cookie", false),
        ("acme-usage", true),
    ] {
        assert_eq!(reply.headers.contains_key(name), passes, "{name}");
    }
    assert_eq!(text(reply).await, r#"{"ok":true}"#);
    let seen = world.fake.seen().pop().unwrap();
    assert_eq!(seen.target, "/data/v1/things?b=2&a=1&a=%20");
    assert_eq!(seen.headers["authorization"], "Bearer access-2");
    assert_eq!(seen.headers["accept"], "text/csv");
    assert_eq!(seen.headers["x-acme-options"], "1");
    for name in [
        "x-acme-hop",
        "cookie",
        "x-forwarded-for",
        "transfer-encoding",
        "upgrade",
        "x-unknown",
        "connection",
    ] {
        assert!(!seen.headers.contains_key(name), "{name}");
    }
}

/// Claim 33: the corpus itself is in `src/paths/tests.rs`; here nothing arrives anywhere.
#[tokio::test]
async fn claim_33_hostile_paths_reach_nobody() {
    let world = warm().await;
    for path in [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "/https://evil.example/",
        "/../oauth/revoke",
        "/data/v1/../../oauth/revoke",
        "/data/%2e%2e/oauth/revoke",
        "/data/%2E%2E%2Foauth",
        "/data/a%00",
        "/data/a;b",
        "/data/a@b",
        "/data/%5c..%5coauth",
        "/data//v1",
        "data",
        "",
        "/data/v1/things?a=b#c",
        "/data/v1/things?a b",
    ] {
        let error = get(&world, path, HeaderMap::new()).await.unwrap_err();
        assert!(matches!(error, CallError::BadPath { .. }), "{path}: {error:?}");
    }
    assert!(world.fake.seen().is_empty());
}

#[tokio::test]
async fn a_small_body_is_sent_again_after_a_refresh() {
    let world = World::new().await;
    let reply = post(&world, Bytes::from_static(b"{\"a\":1}")).await.unwrap();
    assert_eq!(reply.status, 200);
    let seen = world.fake.seen();
    assert_eq!((world.fake.posts(), seen.len()), (1, 2));
    assert_eq!(seen[1].body.as_ref(), b"{\"a\":1}");
    assert_eq!(seen[1].headers["content-length"], "7");
}

#[tokio::test]
async fn a_large_body_is_not_sent_again_but_the_token_is_refreshed() {
    let world = World::new().await;
    let large = Bytes::from(vec![b'a'; 100_000]);
    let error = post(&world, large.clone()).await.unwrap_err();
    assert!(matches!(error, CallError::RefreshedRetry), "{error:?}");
    assert_eq!((world.fake.posts(), world.fake.seen().len()), (1, 1));
    let reply = post(&world, large.clone()).await.unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(world.fake.seen().pop().unwrap().body, large);
}

#[tokio::test]
async fn a_body_past_the_cap_is_refused_announced_or_not() {
    let world = warm().await;
    let error = post(&world, Bytes::from(vec![0; (10 << 20) + 1]))
        .await
        .unwrap_err();
    assert!(
        matches!(error, CallError::BadRequest { status: 413, .. }),
        "{error:?}"
    );
    assert!(world.fake.seen().is_empty());
    let pieces = (0..11).map(|_| Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![0; 1 << 20]))));
    let request = ProxyRequest {
        method: Method::POST,
        path_and_query: "/things".to_owned(),
        headers: HeaderMap::new(),
        body: StreamBody::new(stream::iter(pieces)),
    };
    let error = world
        .providers
        .proxy(&world.tenant, &world.now().await, request)
        .await
        .unwrap_err();
    assert!(
        matches!(error, CallError::BadRequest { status: 413, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn errors_of_the_provider_pass_with_their_bodies() {
    let world = warm().await;
    let reply = get(&world, "/limited", HeaderMap::new()).await.unwrap();
    assert_eq!(
        (
            reply.status.as_u16(),
            reply.headers["retry-after"].to_str().unwrap()
        ),
        (429, "7")
    );
    assert_eq!(text(reply).await, r#"{"code":"SLOW_DOWN"}"#);
    let error = get(&world, "/moved", HeaderMap::new()).await.unwrap_err();
    assert!(matches!(error, CallError::UnexpectedRedirect { status: 302 }));
    let reply = get(&world, "/bomb", HeaderMap::new()).await.unwrap();
    assert_eq!(reply.headers["content-encoding"], "gzip");
    assert!(
        text(reply).await.len() < 1 << 20,
        "nobody inflates what only passes through"
    );
}
