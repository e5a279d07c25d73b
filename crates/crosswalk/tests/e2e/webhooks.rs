//! Webhooks, end to end: a receiver that verifies what it is sent, and fails in every way that receivers do.

use std::collections::VecDeque;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{Backend, Plan, Reply, Tenant, World, both, webhook_log};

const README: &str = include_str!("../../../../README.md");

/// What the receiver does with the next message; it takes those that nothing is said about.
enum Answer {
    Status(u16),
    Redirect,
    Hang,
}

#[derive(Debug, Clone)]
struct Message {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Default)]
struct Receiver {
    origin: String,
    answers: Mutex<VecDeque<Answer>>,
    messages: Mutex<Vec<Message>>,
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert_eq!(method, Method::POST);
    let message = Message {
        path: uri.to_string(),
        headers,
        body,
    };
    receiver.messages.lock().expect("a list").push(message);
    let answer = receiver.answers.lock().expect("a list").pop_front();
    match answer {
        None => StatusCode::NO_CONTENT.into_response(),
        Some(Answer::Status(status)) => StatusCode::from_u16(status).expect("a status").into_response(),
        Some(Answer::Redirect) => (StatusCode::FOUND, [("location", "/elsewhere")]).into_response(),
        Some(Answer::Hang) => std::future::pending().await,
    }
}

impl Receiver {
    async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let receiver = Arc::new(Self {
            origin: format!("http://{}", listener.local_addr().expect("an address")),
            ..Self::default()
        });
        let routes = Router::new().fallback(receive).with_state(Arc::clone(&receiver));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        receiver
    }

    fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.answers.lock().expect("a list").extend(answers);
    }

    fn messages(&self) -> Vec<Message> {
        self.messages.lock().expect("a list").clone()
    }

    /// The messages, once there are this many.
    async fn until(&self, count: usize) -> Vec<Message> {
        until("messages arrive", async || self.messages().len() >= count).await;
        let messages = self.messages();
        assert_eq!(messages.len(), count, "{messages:?}");
        messages
    }
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "never happened: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What Standard Webhooks says a signature is, computed here from the words of it.
fn signature(secret: &str, message: &Message) -> String {
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").expect("a secret"))
        .expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
    let (id, timestamp) = (message.header("webhook-id"), message.header("webhook-timestamp"));
    mac.update(id.as_bytes());
    mac.update(b".");
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(&message.body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

impl Message {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().expect("a text")
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// That exactly these secrets sign it, in this order; and for `./test`, what other people's libraries say of it.
    fn assert_signed_by(&self, secrets: &[&str]) {
        let wanted: Vec<String> = secrets.iter().map(|secret| signature(secret, self)).collect();
        assert_eq!(self.header("webhook-signature"), wanted.join(" "));
        let at_s: i64 = self.header("webhook-timestamp").parse().expect("a number");
        let now_s = jiff::Timestamp::now().as_second();
        assert!((now_s - 60..=now_s + 5).contains(&at_s), "{at_s}");
        let Some(log) = webhook_log() else { return };
        let headers: serde_json::Map<String, Value> =
            ["webhook-id", "webhook-timestamp", "webhook-signature"]
                .into_iter()
                .map(|name| (name.to_owned(), json!(self.header(name))))
                .collect();
        let line =
            json!({"secrets": secrets, "headers": headers, "body": String::from_utf8_lossy(&self.body)});
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log);
        writeln!(log.expect("a file"), "{line}").expect("written");
    }
}

/// A world whose gateways may send webhooks to the receiver, and look for them often.
async fn world(backend: Backend, nodes: usize, receiver: &Receiver) -> World {
    let mut plan = Plan::new(backend).nodes(nodes);
    let allow: &'static str = Box::leak(format!("[\"{}\"]", receiver.origin).into_boxed_str());
    plan.settings = vec![
        ("EGRESS_WEBHOOK_ALLOW", allow),
        ("LIMITS_WEBHOOK_POLL_MS", "200"),
        ("LIMITS_WEBHOOK_REQUEST_MS", "3000"),
    ];
    World::build(plan).await
}

async fn call(world: &World, tenant: &Tenant, method: &str, path: &str, body: Option<Value>) -> Reply {
    let url = world.url(path);
    world
        .client
        .send(method, &url, &tenant.bearer(), body.as_ref())
        .await
}

/// A webhook of the tenant: its path and its secret.
async fn hook(world: &World, tenant: &Tenant, url: &str, types: &[&str]) -> (String, String) {
    let body = json!({"url": url, "event_types": types});
    let made = call(world, tenant, "POST", "/webhooks", Some(body)).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let text = |name: &str| made[name].as_str().expect("a text").to_owned();
    (format!("/webhooks/{}", text("id")), text("secret"))
}

async fn test(world: &World, tenant: &Tenant, hook: &str) -> String {
    let sent = call(world, tenant, "POST", &format!("{hook}/test"), None).await;
    assert_eq!(sent.status, 202, "{sent:?}");
    format!("{hook}/deliveries/{}", sent.json()["id"].as_str().expect("an id"))
}

/// A delivery once it has had this many attempts that could tell.
async fn after(world: &World, tenant: &Tenant, attempts: usize, delivery: &str) -> Value {
    let begun = Instant::now();
    loop {
        let reply = call(world, tenant, "GET", delivery, None).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let seen = reply.json();
        if seen["attempts"].as_array().expect("attempts").len() >= attempts {
            return seen;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{seen}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

both!(events_arrive_signed_where_they_are_wanted);
async fn events_arrive_signed_where_they_are_wanted(backend: Backend) {
    let receiver = Receiver::start().await;
    let world = world(backend, 1, &receiver).await;
    let tenant = world.tenant("Test").await;
    let other = world.tenant("Other").await;
    let (all, secret) = hook(&world, &tenant, &format!("{}/all?key=1", receiver.origin), &[]).await;
    let deleted = ["connection.deleted"];
    let (some, own_secret) = hook(&world, &tenant, &format!("{}/some", receiver.origin), &deleted).await;
    hook(&world, &other, &format!("{}/other", receiver.origin), &[]).await;

    let connection_id = world.connect(&tenant, "acme").await;
    let first = receiver.until(1).await.remove(0);
    first.assert_signed_by(&[&secret]);
    let told = first.json();
    assert_eq!(
        (first.path.as_str(), &told["type"]),
        ("/all?key=1", &json!("connection.created"))
    );
    assert_eq!(
        (&told["data"]["connection_id"], &told["data"]["external_id"]),
        (&json!(connection_id), &json!("acme"))
    );
    let events = call(&world, &tenant, "GET", "/events", None).await.json();
    assert_eq!(
        (&events["result"][0]["id"], &events["result"][0]["timestamp"]),
        (&json!(first.header("webhook-id")), &told["timestamp"])
    );

    let path = format!("/connections/{connection_id}");
    assert_eq!(call(&world, &tenant, "DELETE", &path, None).await.status, 204);
    let mut messages = receiver.until(3).await.split_off(1);
    messages.sort_by(|a, b| a.path.cmp(&b.path));
    messages[0].assert_signed_by(&[&secret]);
    messages[1].assert_signed_by(&[&own_secret]);
    assert_eq!(
        (messages[1].path.as_str(), &messages[1].json()["type"]),
        ("/some", &json!("connection.deleted"))
    );
    assert_eq!(messages[0].header("webhook-id"), messages[1].header("webhook-id"));
    for (hook, count) in [(&all, 2), (&some, 1)] {
        until("deliveries are recorded", async || {
            let path = format!("{hook}/deliveries?state=delivered");
            call(&world, &tenant, "GET", &path, None).await.json()["result_count"] == count
        })
        .await;
    }
    let log = world.gateways[0].log();
    assert!(
        !log.contains("whsec_") && !log.contains("key=1"),
        "nothing secret is logged"
    );
    let metrics = call(&world, &tenant, "GET", "/metrics", None).await.text();
    assert!(
        metrics.contains("crosswalk_webhook_attempts_total{outcome=\"delivered\"} 3")
            && metrics.contains("crosswalk_webhook_oldest_pending_age_seconds"),
        "{metrics}"
    );
    assert_readme_verifies(&secret, &first);
}

/// The README's own lines say that the message is ours, and that a changed one is not.
fn assert_readme_verifies(secret: &str, message: &Message) {
    let (_, rest) = README.split_once("```python\n").expect("a block");
    let (code, _) = rest.split_once("\n```").expect("its end");
    let asking = "import json, sys\nasked = json.load(sys.stdin)\nh, b = asked['headers'], asked['body'].encode()\n\
                  print(is_ours(asked['secret'], h, b), is_ours(asked['secret'], h, b + b' '), \
                  is_ours(asked['secret'], dict(h, **{'webhook-timestamp': '1'}), b))";
    let python = Command::new("python3")
        .args(["-c", &format!("{code}\n{asking}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut python) = python else {
        eprintln!("skipped: the README's lines need python3");
        return;
    };
    let headers: serde_json::Map<String, Value> = message
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), json!(value.to_str().expect("a text"))))
        .collect();
    let asked = json!({"secret": secret, "headers": headers, "body": String::from_utf8_lossy(&message.body)});
    let mut stdin = python.stdin.take().expect("a pipe");
    stdin.write_all(asked.to_string().as_bytes()).expect("written");
    drop(stdin);
    let output = python.wait_with_output().expect("it ends");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "True False False\n",
        "{output:?}"
    );
}

both!(failures_are_sent_again_and_what_is_gone_is_left_alone);
async fn failures_are_sent_again_and_what_is_gone_is_left_alone(backend: Backend) {
    let receiver = Receiver::start().await;
    let world = world(backend, 1, &receiver).await;
    let tenant = world.tenant("Test").await;
    let (hook, secret) = hook(&world, &tenant, &format!("{}/hook", receiver.origin), &[]).await;
    receiver.answer([Answer::Status(500), Answer::Hang, Answer::Redirect]);
    let delivery = test(&world, &tenant, &hook).await;
    for (attempts, status, error) in [
        (1, json!(500), "status"),
        (2, Value::Null, "timeout"),
        (3, json!(302), "redirect"),
    ] {
        let seen = after(&world, &tenant, attempts, &delivery).await;
        assert_eq!(
            (&seen["state"], &seen["last_status"], &seen["last_error"]),
            (&json!("pending"), &status, &json!(error))
        );
        assert_eq!(
            world.tamper("UPDATE webhook_deliveries SET due_at_ms = 0").await,
            1
        );
    }
    let seen = after(&world, &tenant, 4, &delivery).await;
    assert_eq!(
        (&seen["state"], &seen["attempt_count"]),
        (&json!("delivered"), &json!(4))
    );
    let messages = receiver.until(4).await;
    for message in &messages {
        message.assert_signed_by(&[&secret]);
        assert_eq!(
            (message.path.as_str(), &message.body),
            ("/hook", &messages[0].body),
            "redirects lead nowhere, and the bytes stay the same"
        );
    }

    receiver.answer([Answer::Status(410)]);
    let delivery = test(&world, &tenant, &hook).await;
    let seen = after(&world, &tenant, 1, &delivery).await;
    assert_eq!(
        (&seen["state"], &seen["last_status"]),
        (&json!("failed"), &json!(410))
    );
    let seen = call(&world, &tenant, "GET", &hook, None).await.json();
    assert_eq!(
        (&seen["disabled"], &seen["disabled_reason"]),
        (&json!(true), &json!("gone"))
    );
    world.connect(&tenant, "acme").await;
    let since = json!({"since": "2026-01-01T00:00:00Z"});
    let refused = call(
        &world,
        &tenant,
        "POST",
        &format!("{hook}/replay"),
        Some(since.clone()),
    )
    .await;
    assert_eq!((refused.status, refused.code()), (409, "conflict".to_owned()));
    receiver.until(5).await;

    let enabled = call(&world, &tenant, "PATCH", &hook, Some(json!({"disabled": false}))).await;
    assert_eq!(enabled.json()["disabled"], false);
    let replayed = call(&world, &tenant, "POST", &format!("{hook}/replay"), Some(since)).await;
    assert_eq!((replayed.status, replayed.json()), (202, json!({"replayed": 1})));
    let seen = after(&world, &tenant, 2, &delivery).await;
    assert_eq!(seen["state"], "delivered");
    let replayed = call(&world, &tenant, "POST", &format!("{delivery}/replay"), None).await;
    assert_eq!(replayed.status, 202);
    let messages = receiver.until(7).await;
    assert_eq!(
        messages[6].header("webhook-id"),
        messages[4].header("webhook-id"),
        "a replay is the same event"
    );
}

both!(secrets_rotate_without_a_gap);
async fn secrets_rotate_without_a_gap(backend: Backend) {
    let receiver = Receiver::start().await;
    let world = world(backend, 1, &receiver).await;
    let tenant = world.tenant("Test").await;
    let (hook, old) = hook(&world, &tenant, &receiver.origin, &[]).await;
    let rotated = call(&world, &tenant, "POST", &format!("{hook}/rotate_secret"), None).await;
    assert_eq!(rotated.status, 200, "{rotated:?}");
    let new = rotated.json()["secret"].as_str().expect("a secret").to_owned();
    test(&world, &tenant, &hook).await;
    receiver.until(1).await[0].assert_signed_by(&[&new, &old]);
    let over = "UPDATE webhook_endpoints SET previous_secret_until_ms = 1";
    assert_eq!(world.tamper(over).await, 1);
    test(&world, &tenant, &hook).await;
    receiver.until(2).await[1].assert_signed_by(&[&new]);
}

both!(private_targets_are_refused);
async fn private_targets_are_refused(backend: Backend) {
    let receiver = Receiver::start().await;
    let world = world(backend, 1, &receiver).await;
    let tenant = world.tenant("Test").await;
    // Allowed for providers, and so not for the tenants' webhooks.
    let simulator = world.simulator.base_url();
    for url in [
        "http://10.0.0.1/",
        "https://10.0.0.1/",
        "https://localhost/",
        "http://hooks.example.com/",
        &simulator,
    ] {
        let refused = call(&world, &tenant, "POST", "/webhooks", Some(json!({"url": url}))).await;
        assert_eq!(
            (refused.status, refused.code()),
            (400, "invalid_body".to_owned()),
            "{url}"
        );
        assert_eq!(refused.json()["fields"], json!(["url"]));
    }
    // A name that stands for a private address when it comes to sending.
    let (hook, _) = hook(&world, &tenant, "https://hooks.example.com/", &[]).await;
    world
        .tamper("UPDATE webhook_endpoints SET url = 'https://localhost/'")
        .await;
    let delivery = test(&world, &tenant, &hook).await;
    let seen = after(&world, &tenant, 1, &delivery).await;
    assert_eq!(
        (&seen["state"], &seen["last_error"]),
        (&json!("pending"), &json!("refused"))
    );
    let detail = seen["attempts"][0]["detail"].as_str().expect("a text");
    assert!(detail.contains("not a public one"), "{detail}");
    assert!(receiver.messages().is_empty());
}

both!(a_node_killed_while_it_delivers_is_followed_by_another);
async fn a_node_killed_while_it_delivers_is_followed_by_another(backend: Backend) {
    let receiver = Receiver::start().await;
    let mut world = world(backend, 1, &receiver).await;
    let tenant = world.tenant("Test").await;
    let (hook, secret) = hook(&world, &tenant, &receiver.origin, &[]).await;
    receiver.answer([Answer::Hang]);
    let delivery = test(&world, &tenant, &hook).await;
    receiver.until(1).await;
    let mut killed = world.gateways.remove(0);
    killed.process.kill().expect("a process");
    killed.process.wait().expect("a process");
    world.add_gateway().await;
    // Several looks of the new node: while the lease holds nobody can tell a dead node from a slow one.
    tokio::time::sleep(Duration::from_secs(1)).await;
    receiver.until(1).await;
    let lapsed = "UPDATE webhook_deliveries SET due_at_ms = due_at_ms - 45000 WHERE claim IS NOT NULL";
    assert_eq!(world.tamper(lapsed).await, 1);
    let messages = receiver.until(2).await;
    assert_eq!(messages[0].header("webhook-id"), messages[1].header("webhook-id"));
    messages[1].assert_signed_by(&[&secret]);
    let seen = after(&world, &tenant, 1, &delivery).await;
    assert_eq!(
        (&seen["state"], &seen["attempt_count"]),
        (&json!("delivered"), &json!(2))
    );
    assert_eq!(seen["attempts"][0]["number"], 2);
}

both!(nodes_share_the_work_and_send_each_event_once);
async fn nodes_share_the_work_and_send_each_event_once(backend: Backend) {
    let receiver = Receiver::start().await;
    let nodes = if backend == Backend::Postgres { 3 } else { 1 };
    let world = world(backend, nodes, &receiver).await;
    let tenant = world.tenant("Test").await;
    let (hook, _) = hook(&world, &tenant, &receiver.origin, &[]).await;
    for _ in 0..30 {
        test(&world, &tenant, &hook).await;
    }
    let mut ids: Vec<String> = Vec::new();
    for message in receiver.until(30).await {
        ids.push(message.header("webhook-id").to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 30);
    // Several looks of every node later it is still once.
    tokio::time::sleep(Duration::from_secs(1)).await;
    receiver.until(30).await;
}
