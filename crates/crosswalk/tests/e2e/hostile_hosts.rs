//! A token endpoint that names hosts which are not the provider's: none is stored, none is contacted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::support::{Backend, World, both};

const KEY: &str = include_str!("../../../provider/tests/keys/first.key.pem");
const CERTIFICATE: &str = include_str!("../../../provider/tests/keys/first.cert.pem");

/// Somebody on loopback who must not be called.
async fn listener() -> (String, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a listener");
    let port = listener.local_addr().expect("an address").port().to_string();
    let knocks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&knocks);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, knocks)
}

/// More than two hundred values: hosts that are somebody else's in schemes and spellings, and the provider's own spoilt.
fn corpus(port: &str) -> Vec<String> {
    let theirs = [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "localhost.",
        "127.0.0.1.nip.io",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "metadata.google.internal",
        "100.100.100.200",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "[fe80::1]",
        "[64:ff9b::7f00:1]",
        "evil.example",
        "salesforce.com",
        "my.salesforce.com",
        "evilmy.salesforce.com",
        "acme.my.salesforce.com.evil.example",
        "acme.my.salesforce.co",
        "acme.my-salesforce.com",
        "acme.my.salesforce.com%2eevil.example",
        "ａcme.my.salesforce.com",
    ];
    let mut values: Vec<String> = Vec::new();
    for host in theirs {
        for scheme in ["http", "https"] {
            values.push(format!("{scheme}://{host}"));
            values.push(format!("{scheme}://{host}:{port}"));
        }
        values.push(format!("//{host}:{port}"));
        values.push(format!("https://acme.my.salesforce.com@{host}:{port}"));
    }
    // The provider's own host, with something that makes a reader take another.
    let own = "acme.my.salesforce.com";
    let there = format!("127.0.0.1:{port}");
    for spoilt in [
        format!("http://{own}"),
        format!("https://{own}:8443"),
        format!("https://{own}/x"),
        format!("https://{own}?@{there}"),
        format!("https://{own}#@{there}"),
        format!("https://{there}#.{own}"),
        format!("https://{there}?.{own}"),
        format!("https://{there}/.{own}"),
        format!("https://{there}\\.{own}"),
        format!("https://{there}%23.{own}"),
        format!("https://{there}%00.{own}"),
        format!("https://{there}\u{0}.{own}"),
        format!("https://{there} .{own}"),
        format!("https://{there}\t.{own}"),
        format!("https://{there}\r\n.{own}"),
        format!("https://user:pass@{own}"),
        format!("https://{own}:@{there}"),
        format!("https://{own}:443@{there}"),
        format!("https:{own}"),
        format!("https:/{own}"),
        format!("https:///{own}"),
        format!("https:\\\\{own}"),
        format!("ftp://{own}"),
        format!("file://{own}/etc/passwd"),
        format!("javascript://{own}/%0aalert(1)"),
        format!("data:text/html,{own}"),
        format!("gopher://{own}"),
        format!("ws://{own}"),
        format!(" https://{own}"),
        format!("https://{own} "),
        format!("https://{own}\n"),
        format!("https://-{own}"),
        format!("https://.{own}"),
        format!("https://{own}."),
        format!("https://{}.my.salesforce.com", "a".repeat(64)),
        format!("https://{}my.salesforce.com", "a.".repeat(1_000)),
        format!("https://[{own}]"),
        format!("https://{own},{there}"),
        format!("https://{own};{there}"),
        format!("https://{there}.{own}"),
        own.to_owned(),
        String::new(),
        " ".to_owned(),
        "null".to_owned(),
        "https://".to_owned(),
    ] {
        values.push(spoilt);
    }
    values.sort();
    values.dedup();
    values
}

both!(claim_27_no_hostile_instance_url_is_stored_or_contacted);
async fn claim_27_no_hostile_instance_url_is_stored_or_contacted(backend: Backend) {
    let world = World::small(backend).await;
    let tenant = world.tenant("Test").await;
    let (port, knocks) = listener().await;
    let values = corpus(&port);
    assert!(values.len() >= 200, "{} values", values.len());
    world
        .tell_simulator("settings", json!({ "jwt_certificate": CERTIFICATE }))
        .await;
    let body = json!({
        "provider": "salesforce", "flow": "jwt_bearer", "username": simulator::USERNAME, "private_key": KEY,
        "external_id": "target",
    });
    let url = world.url("/connections");
    for value in &values {
        world
            .tell_simulator("settings", json!({ "instance_url": value }))
            .await;
        let refused = world.client.post(&url, &tenant.bearer(), &body).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (502, "egress_refused"),
            "{value:?}: {refused:?}"
        );
    }
    let listed = world.client.get(&url, &tenant.bearer()).await.json();
    assert_eq!(listed["result_count"], 0, "{listed}");

    // A refresh that names one: the tokens are kept, the host is not.
    world
        .tell_simulator("settings", json!({ "instance_url": null }))
        .await;
    let made = world.client.post(&url, &tenant.bearer(), &body).await.json();
    let good = made["instance_url"].clone();
    let id = made["id"].as_str().expect("an id").to_owned();
    let mut headers = tenant.bearer();
    headers.push(("x-connection-id", id.clone()));
    for value in values.iter().step_by(10) {
        world
            .tell_simulator("settings", json!({ "instance_url": value }))
            .await;
        world.tell_simulator("kill_sessions", json!({})).await;
        let read = world
            .client
            .get(&world.url("/unified/crm/contacts?limit=1"), &headers)
            .await;
        assert_eq!(read.status, 200, "{value:?}: {read:?}");
        let shown = world
            .client
            .get(&format!("{url}/{id}"), &tenant.bearer())
            .await
            .json();
        assert_eq!(shown["instance_url"], good, "{value:?}");
    }
    assert_eq!(
        knocks.load(Ordering::SeqCst),
        0,
        "somebody on loopback was called"
    );
    let metrics = world.client.get(&world.url("/metrics"), &[]).await.text();
    // An empty one names no host: the stored one stays, and nothing is refused.
    let named = values.iter().step_by(10).filter(|value| !value.is_empty());
    let refused = values.len() + named.count();
    let counted = format!("crosswalk_instance_url_refused_total {refused}");
    assert!(metrics.contains(&counted), "{counted}: {metrics}");
}
