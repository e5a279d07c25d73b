//! What reaches a handler and what does not: framing, header rules, slow callers.

use std::time::Duration;

use model::Limits;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::support::{Options, World, exchange, parse, rest};

/// How often a status line begins in the bytes.
fn answers(raw: &[u8]) -> usize {
    raw.windows(9).filter(|window| window == b"HTTP/1.1 ").count()
}

#[tokio::test]
async fn ambiguous_framing_is_refused_and_nothing_is_smuggled() {
    let world = World::start(Options::default()).await;
    let smuggled = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
    let length = smuggled.len();
    let cases = [
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{smuggled}"),
        format!("Content-Length: 0\r\nContent-Length: 0\r\n\r\n{smuggled}"),
        format!("Transfer-Encoding: identity\r\n\r\n{smuggled}"),
        format!("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("X-Folded: a\r\n Transfer-Encoding: chunked\r\n\r\n{smuggled}"),
        format!("X-Bare: a\nContent-Length: {length}\r\n\r\n{smuggled}"),
        format!("X-Bare: a\rContent-Length: {length}\r\n\r\n{smuggled}"),
        format!("Content-Length : 0\r\n\r\n{smuggled}"),
        format!("Content_Length: {length}\r\n\r\n{smuggled}"),
        format!("X-Nul: a\0b\r\n\r\n{smuggled}"),
    ];
    for headers in cases {
        let text = format!("POST /admin/tenants HTTP/1.1\r\nHost: x\r\n{headers}");
        let raw = timeout(Duration::from_secs(5), exchange(world.address, text.as_bytes())).await;
        let raw = raw.unwrap_or_else(|_| panic!("the connection stays open after {headers:?}"));
        let reply = parse(&raw).unwrap_or_else(|| panic!("no answer to {headers:?}"));
        assert_eq!(reply.status, 400, "{headers:?}");
        assert_eq!(answers(&raw), 1, "a second request was read out of {headers:?}");
    }
}

#[tokio::test]
async fn sound_requests_share_a_connection() {
    let world = World::start(Options::default()).await;
    let text = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n\
                POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
                POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc\
                GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let raw = exchange(world.address, text.as_bytes()).await;
    let text = String::from_utf8(raw.clone()).unwrap();
    assert_eq!(answers(&raw), 4, "{text}");
    assert!(
        text.starts_with("HTTP/1.1 200") && text.matches("HTTP/1.1 404").count() == 2,
        "{text}"
    );
}

#[tokio::test]
async fn methods_and_upgrades_that_tunnel_are_not_answered() {
    let world = World::start(Options::default()).await;
    for line in ["TRACE / HTTP/1.1", "CONNECT example.com:443 HTTP/1.1"] {
        let raw = exchange(
            world.address,
            format!("{line}\r\nHost: example.com:443\r\n\r\n").as_bytes(),
        )
        .await;
        assert_eq!(parse(&raw).unwrap().status, 405, "{line}");
    }
    let upgrade = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let raw = exchange(world.address, upgrade.as_bytes()).await;
    assert_eq!((parse(&raw).unwrap().status, answers(&raw)), (200, 1));
}

#[tokio::test]
async fn heads_have_limits() {
    let world = World::start(Options::default()).await;
    let long = world
        .call("GET", &format!("/livez?{}", "a".repeat(17 << 10)), &[], None)
        .await;
    assert_eq!(
        (long.status, long.problem()["code"].as_str()),
        (414, Some("url_too_long"))
    );
    let underscore = world
        .call("GET", "/livez", &[("x_forwarded_for", "1")], None)
        .await;
    assert_eq!(
        (underscore.status, underscore.header("connection")),
        (400, Some("close"))
    );
    let many: Vec<(String, String)> = (0..150)
        .map(|index| (format!("x-{index}"), "v".to_owned()))
        .collect();
    let many: Vec<(&str, &str)> = many
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(world.call("GET", "/livez", &many, None).await.status, 431);
    let without_host = exchange(world.address, b"GET /livez HTTP/1.1\r\n\r\n").await;
    assert_eq!(parse(&without_host).unwrap().status, 400);
}

#[tokio::test]
async fn half_a_head_does_not_hold_a_socket() {
    const SOCKETS: usize = 1_000;
    let limits = Limits {
        header_read_ms: 1_000,
        ..Limits::default()
    };
    let world = World::start(Options {
        limits,
        ..Options::default()
    })
    .await;
    let mut sockets = Vec::with_capacity(SOCKETS);
    let started = Instant::now();
    for index in 0..SOCKETS {
        let mut socket = TcpStream::connect(world.address).await.unwrap();
        if index % 2 == 0 {
            socket
                .write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ")
                .await
                .unwrap();
        }
        sockets.push(socket);
    }
    // Others are served meanwhile.
    assert_eq!(world.call("GET", "/livez", &[], None).await.status, 200);
    // Drip by drip does not help: the deadline is for the whole head.
    let mut was_cut = false;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        was_cut = sockets[0].write_all(b"a").await.is_err();
        if was_cut {
            break;
        }
    }
    assert!(was_cut, "a head sent drop by drop holds its socket");
    for socket in &mut sockets {
        let closed = timeout(Duration::from_secs(5), rest(socket)).await;
        assert_eq!(
            closed.map(|bytes| bytes.len()),
            Ok(0),
            "a socket with half a head is still open"
        );
    }
    assert!(started.elapsed() < Duration::from_secs(12));
}

#[tokio::test]
async fn a_connection_may_rest_between_requests() {
    let limits = Limits {
        header_read_ms: 300,
        ..Limits::default()
    };
    let world = World::start(Options {
        limits,
        ..Options::default()
    })
    .await;
    let mut socket = TcpStream::connect(world.address).await.unwrap();
    socket
        .write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(900)).await;
    socket
        .write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(answers(&rest(&mut socket).await), 2);
}

#[tokio::test]
async fn sockets_beyond_the_limit_wait() {
    let limits = Limits {
        sockets_max: 1,
        header_read_ms: 500,
        ..Limits::default()
    };
    let world = World::start(Options {
        limits,
        ..Options::default()
    })
    .await;
    let _held = TcpStream::connect(world.address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let started = Instant::now();
    assert_eq!(world.call("GET", "/livez", &[], None).await.status, 200);
    assert!(
        started.elapsed() > Duration::from_millis(200),
        "the second socket did not wait for the first"
    );
}
