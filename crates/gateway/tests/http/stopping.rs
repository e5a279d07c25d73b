//! An orderly end.

use std::time::Duration;

use model::Limits;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::support::{OPERATOR_KEY, Options, World, parse, rest};

/// The head of a request whose body is still to come.
fn half_a_request(length: usize) -> String {
    format!(
        "POST /admin/tenants HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPERATOR_KEY}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
}

#[tokio::test]
async fn requests_in_flight_are_finished_and_new_ones_are_not_taken() {
    let mut world = World::start(Options {
        drain_announce_ms: 500,
        ..Options::default()
    })
    .await;
    let body = r#"{"name":"late"}"#;
    let mut socket = TcpStream::connect(world.address).await.unwrap();
    socket
        .write_all(half_a_request(body.len()).as_bytes())
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.shutdown.take().unwrap().send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    // While it announces, the node still answers, and says that it is leaving.
    let ready = world.call("GET", "/readyz", &[], None).await;
    assert_eq!((ready.status, ready.header("connection")), (503, Some("close")));
    assert_eq!(world.call("GET", "/livez", &[], None).await.status, 200);
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert!(
        TcpStream::connect(world.address).await.is_err(),
        "the node still listens"
    );
    socket.write_all(body.as_bytes()).await.unwrap();
    let answer = parse(&rest(&mut socket).await).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
    timeout(Duration::from_secs(5), world.running.take().unwrap().finished())
        .await
        .unwrap();
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut() {
    let limits = Limits {
        drain_ms: 300,
        ..Limits::default()
    };
    let mut world = World::start(Options {
        limits,
        ..Options::default()
    })
    .await;
    let mut socket = TcpStream::connect(world.address).await.unwrap();
    socket.write_all(half_a_request(10).as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let started = Instant::now();
    world.shutdown.take().unwrap().send(()).unwrap();
    timeout(Duration::from_secs(5), world.running.take().unwrap().finished())
        .await
        .unwrap();
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert_eq!(rest(&mut socket).await.len(), 0);
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let mut world = World::start(Options::default()).await;
    let mut socket = TcpStream::connect(world.address).await.unwrap();
    socket
        .write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.shutdown.take().unwrap().send(()).unwrap();
    timeout(Duration::from_secs(3), world.running.take().unwrap().finished())
        .await
        .unwrap();
    assert!(!rest(&mut socket).await.is_empty());
}
