//! `Idempotency-Key` at the edge: what is refused before a key is claimed, and what frees it again. Replays and unknown
//! outcomes need a provider: they are tested end to end.

use crate::support::{Options, Party, Reply, World};

async fn write(world: &World, party: &Party, method: &str, path: &str, key: &str, body: &str) -> Reply {
    let authorization = format!("Bearer {}", party.key);
    let headers = [
        ("authorization", authorization.as_str()),
        ("x-connection-id", party.connection.id.as_str()),
        ("content-type", "application/json"),
        ("idempotency-key", key),
    ];
    world.call(method, path, &headers, Some(body)).await
}

const CONTACT: &str = "{\"last_name\":\"Lovelace\"}";
const CONTACTS: &str = "/unified/crm/contacts";

#[tokio::test]
async fn a_header_that_is_no_key_is_a_400_that_names_it_on_every_write() {
    let world = World::start(Options::default()).await;
    let long = "k".repeat(256);
    let one = format!("{CONTACTS}/003");
    for (method, path) in [("POST", CONTACTS), ("PATCH", &one), ("DELETE", &one)] {
        for key in ["", "a b", "\"open", &long] {
            let reply = write(&world, &world.first, method, path, key, CONTACT).await;
            let problem = reply.json();
            assert_eq!(reply.status, 400, "{method} {key}: {problem}");
            assert_eq!(problem["code"], "invalid_parameter");
            assert_eq!(problem["fields"][0], "Idempotency-Key");
        }
    }
    // Who is asked for comes first, and a read has no use for a key.
    let anonymous = world
        .call("POST", CONTACTS, &[("idempotency-key", "a b")], Some(CONTACT))
        .await;
    assert_eq!(anonymous.status, 401, "{}", anonymous.text());
    let read = write(&world, &world.first, "GET", CONTACTS, "a b", "").await;
    assert_eq!(
        read.status,
        502,
        "nobody listens at the provider: {}",
        read.text()
    );
}

#[tokio::test]
async fn what_never_reached_the_provider_frees_the_key() {
    let world = World::start(Options::default()).await;
    for (path, body, status) in [
        (CONTACTS, CONTACT, 502),
        (CONTACTS, "{\"no_such_field\":1}", 400),
        (CONTACTS, "{", 400),
        ("/unified/crm/nonsense", CONTACT, 404),
    ] {
        for _ in 0..2 {
            let reply = write(&world, &world.first, "POST", path, "one-key", body).await;
            assert_eq!(reply.status, status, "{path} {body}: {}", reply.text());
            assert!(reply.header("idempotency-replayed").is_none());
        }
    }
}

#[tokio::test]
async fn another_tenants_connection_is_unknown_with_a_key_too() {
    let world = World::start(Options::default()).await;
    let authorization = format!("Bearer {}", world.second.key);
    let mut problems = Vec::new();
    for id in [world.first.connection.id.as_str(), "con_000000000000000000000000"] {
        let headers = [
            ("authorization", authorization.as_str()),
            ("x-connection-id", id),
            ("content-type", "application/json"),
            ("idempotency-key", "k"),
        ];
        let reply = world.call("POST", CONTACTS, &headers, Some(CONTACT)).await;
        assert_eq!(reply.status, 404);
        problems.push(reply.problem());
    }
    assert_eq!(problems[0], problems[1]);
}
