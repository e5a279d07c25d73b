//! Requests over real sockets: what was sent when it went wrong, and what nothing was sent of.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::{BodyExt, Full, Limited};
use model::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::super::{BufferedReply, Egress, EgressError, OutBody, Outbound, full_body};
use crate::hosts::Origin;

const LONG: Duration = Duration::from_mins(1);
const SHORT_MS: u64 = 100;
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What a server does with each connection, once a request's head is there.
#[derive(Clone, Copy)]
enum Server {
    /// Answers with this, and closes.
    Says(&'static str),
    /// Answers with `OK` after a while.
    SaysLate,
    /// Never answers.
    Hangs,
    /// Reads nothing: a connection is all there is.
    IsMute,
}

/// A server on loopback, which tells the head of each request.
async fn serve(server: Server) -> (u16, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (heads, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            if let Server::IsMute = server {
                kept.push(stream);
                continue;
            }
            let heads = heads.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0_u8; 1];
                    if stream.read_exact(&mut byte).await.is_err() {
                        return;
                    }
                    head.extend(byte);
                }
                let _ = heads.send(String::from_utf8_lossy(&head).into_owned());
                let text = match server {
                    Server::Says(text) => text,
                    Server::SaysLate => {
                        tokio::time::sleep(Duration::from_millis(5 * SHORT_MS)).await;
                        OK
                    }
                    Server::Hangs | Server::IsMute => std::future::pending().await,
                };
                let _ = stream.write_all(text.as_bytes()).await;
            });
        }
    });
    (port, told)
}

fn origin(text: &str) -> Origin {
    Origin::parse(text).expect("an origin")
}

fn here(port: u16) -> Origin {
    origin(&format!("http://127.0.0.1:{port}"))
}

fn egress(allow: &Origin, connect_ms: u64, first_byte_ms: u64) -> Egress {
    let limits = Limits {
        upstream_connect_ms: connect_ms,
        upstream_first_byte_ms: first_byte_ms,
        proxy_request_body_max_bytes: 3,
        ..Limits::default()
    };
    Egress::new(vec![allow.clone()], &limits).expect("TLS")
}

fn outbound<'a, B>(origin: &'a Origin, target: &'a str, body: B) -> Outbound<'a, B> {
    Outbound {
        origin,
        method: Method::POST,
        target,
        headers: HeaderMap::new(),
        body,
    }
}

async fn once(egress: &Egress, origin: &Origin, total: Duration) -> Result<BufferedReply, EgressError> {
    let outbound = outbound(origin, "/token?a=b", Bytes::from_static(b"x=1"));
    egress.send_once(outbound, total, 2, || true).await
}

async fn sent(
    egress: &Egress,
    origin: &Origin,
    deadline: Duration,
    streamed: bool,
) -> Result<u16, EgressError> {
    let outbound = outbound(origin, "/data", full_body(None));
    let reply = egress.send(outbound, Instant::now() + deadline, streamed).await;
    reply.map(|reply| reply.status().as_u16())
}

fn unreachable(sent: bool) -> impl Fn(&EgressError) -> bool {
    move |error| matches!(error, EgressError::Unreachable { sent: told, .. } if *told == sent)
}

#[test]
fn each_error_tells_whether_the_provider_may_have_received_the_request() {
    for (error, sent) in [
        (EgressError::Refused { what: "" }, false),
        (EgressError::Lapsed, false),
        (EgressError::Unreachable { sent: true, what: "" }, true),
        (
            EgressError::Unreachable {
                sent: false,
                what: "",
            },
            false,
        ),
        (EgressError::Timeout { sent: true }, true),
        (EgressError::Timeout { sent: false }, false),
        (EgressError::Redirect { status: 302 }, true),
        (EgressError::too_large(1), true),
        (EgressError::BadReply { what: "" }, true),
        (EgressError::RequestTooLarge { max_bytes: 1 }, true),
    ] {
        assert_eq!(error.sent(), sent, "{error:?}");
    }
}

#[test]
fn only_listed_origins_and_https_to_names_are_admitted() {
    let listed = here(1);
    let egress = egress(&listed, SHORT_MS, SHORT_MS);
    let admitted = egress.admit(&listed).expect("the operator lists it");
    assert!(std::ptr::eq(admitted, &raw const egress.allowed));
    let public = origin("https://acme.example.com");
    let admitted = egress.admit(&public).expect("https to a name");
    assert!(std::ptr::eq(admitted, &raw const egress.public));
    for (refused, why) in [
        ("http://acme.example.com", "the origin is not https"),
        ("http://127.0.0.1:2", "the origin is not https"),
        ("https://127.0.0.1:1", "the host is an address"),
        ("https://8.8.8.8", "the host is an address"),
    ] {
        let error = egress.admit(&origin(refused)).err();
        assert_eq!(error, Some(EgressError::Refused { what: why }), "{refused}");
    }
}

#[tokio::test]
async fn a_token_request_is_one_whole_exchange() {
    let (port, mut told) = serve(Server::Says(OK)).await;
    let origin = here(port);
    let egress = egress(&origin, 60_000, 60_000);
    let reply = once(&egress, &origin, LONG).await.expect("an answer");
    assert_eq!((reply.status.as_u16(), reply.body.as_ref()), (200, &b"ok"[..]));
    let head = told.recv().await.expect("a request");
    assert!(head.starts_with("POST /token?a=b HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: 127.0.0.1:{port}\r\n")), "{head}");
    assert_eq!(sent(&egress, &origin, LONG, false).await, Ok(200));
    let head = told.recv().await.expect("a request");
    assert!(head.starts_with("POST /data HTTP/1.1\r\n"), "{head}");
    for target in ["data", ""] {
        let body = Bytes::new();
        let error = egress.send_once(outbound(&origin, target, body), LONG, 2, || true);
        let error = error.await.expect_err("no target");
        assert!(matches!(error, EgressError::Refused { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn the_last_look_comes_when_the_connection_stands_and_nothing_was_sent() {
    let (port, mut told) = serve(Server::Says(OK)).await;
    let origin = here(port);
    let egress = egress(&origin, 60_000, 60_000);
    let body = Bytes::from_static(b"x=1");
    let lapsed = egress.send_once(outbound(&origin, "/", body), LONG, 2, || false);
    assert_eq!(lapsed.await.err(), Some(EgressError::Lapsed));
    assert_eq!(
        once(&egress, &origin, LONG)
            .await
            .map(|reply| reply.status.as_u16()),
        Ok(200)
    );
    let first = told.recv().await.expect("a request");
    assert!(first.starts_with("POST /token"), "the lapsed one came: {first}");
}

#[tokio::test]
async fn what_was_not_connected_was_not_sent() {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = closed.local_addr().expect("an address").port();
    drop(closed);
    let origin = here(port);
    let egress_to_nobody = egress(&origin, 60_000, 60_000);
    let error = once(&egress_to_nobody, &origin, LONG)
        .await
        .expect_err("nobody listens");
    assert!(unreachable(false)(&error), "{error:?}");
    let error = sent(&egress_to_nobody, &origin, LONG, false)
        .await
        .expect_err("nobody listens");
    assert!(unreachable(false)(&error), "{error:?}");
    // TLS that never gets on: the connection's own limit, and that of the whole.
    let (port, _told) = serve(Server::IsMute).await;
    let tls = Origin::parse(&format!("https://127.0.0.1:{port}")).expect("an origin");
    let not_sent = Some(EgressError::Timeout { sent: false });
    let hasty = egress(&tls, SHORT_MS, 60_000);
    assert_eq!(once(&hasty, &tls, LONG).await.err(), not_sent);
    assert_eq!(sent(&hasty, &tls, LONG, false).await.err(), not_sent);
    let patient = egress(&tls, 60_000, 60_000);
    assert_eq!(
        once(&patient, &tls, Duration::from_millis(SHORT_MS)).await.err(),
        not_sent
    );
}

#[tokio::test]
async fn a_name_for_private_addresses_is_refused_before_a_connection() {
    let (port, _told) = serve(Server::IsMute).await;
    let egress = egress(&here(port), 60_000, 60_000);
    let name = origin(&format!("https://localhost:{port}"));
    let refused = Some(EgressError::Refused {
        what: "the host's address is not a public one",
    });
    assert_eq!(once(&egress, &name, LONG).await.err(), refused);
    assert_eq!(sent(&egress, &name, LONG, false).await.err(), refused);
}

#[tokio::test]
async fn what_was_sent_and_not_answered_may_have_been_received() {
    let (port, _told) = serve(Server::Hangs).await;
    let origin = here(port);
    let egress_to_it = egress(&origin, 60_000, SHORT_MS);
    let (short, timeout) = (
        Duration::from_millis(SHORT_MS),
        EgressError::Timeout { sent: true },
    );
    assert_eq!(once(&egress_to_it, &origin, short).await.err(), Some(timeout));
    assert_eq!(sent(&egress_to_it, &origin, LONG, false).await, Err(timeout));
    assert_eq!(sent(&egress_to_it, &origin, short, true).await, Err(timeout));
    let (port, _told) = serve(Server::Says("")).await;
    let origin = here(port);
    let egress_to_it = egress(&origin, 60_000, 60_000);
    let error = once(&egress_to_it, &origin, LONG).await.expect_err("it closes");
    assert!(unreachable(true)(&error), "{error:?}");
    let error = sent(&egress_to_it, &origin, LONG, false)
        .await
        .expect_err("it closes");
    assert!(unreachable(true)(&error), "{error:?}");
}

#[tokio::test]
async fn the_first_byte_may_take_longer_while_a_body_is_streamed() {
    let (port, _told) = serve(Server::SaysLate).await;
    let origin = here(port);
    let egress = egress(&origin, 60_000, SHORT_MS);
    assert_eq!(sent(&egress, &origin, LONG, true).await, Ok(200));
}

#[tokio::test]
async fn replies_that_are_none_of_ours_to_use_are_refused() {
    let (port, _told) = serve(Server::Says(
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
    ))
    .await;
    let origin = here(port);
    let to_redirect = egress(&origin, 60_000, 60_000);
    let redirect = EgressError::Redirect { status: 302 };
    assert_eq!(once(&to_redirect, &origin, LONG).await.err(), Some(redirect));
    assert_eq!(sent(&to_redirect, &origin, LONG, false).await, Err(redirect));
    let (port, _told) = serve(Server::Says("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nlarge")).await;
    let origin = here(port);
    let to_large = egress(&origin, 60_000, 60_000);
    let too_large = EgressError::TooLarge { max_bytes: 2 };
    assert_eq!(once(&to_large, &origin, LONG).await.err(), Some(too_large));
}

#[tokio::test]
async fn a_body_that_outgrows_its_cap_is_the_callers_fault() {
    let (port, _told) = serve(Server::Hangs).await;
    let origin = here(port);
    let egress = egress(&origin, 60_000, 60_000);
    let body: OutBody = Limited::new(Full::new(Bytes::from_static(b"four")), 3).boxed_unsync();
    let too_large = egress.send(outbound(&origin, "/", body), Instant::now() + LONG, true);
    assert_eq!(
        too_large.await.err(),
        Some(EgressError::RequestTooLarge { max_bytes: 3 })
    );
}
