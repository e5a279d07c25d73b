//! Bodies, unknown routes, compression, health and documentation.

use model::Limits;
use serde_json::json;

use crate::support::{OPERATOR_KEY, Options, World};

#[tokio::test]
async fn bodies_are_json_of_a_known_shape_and_size() {
    let limits = Limits {
        request_body_max_bytes: 1_000,
        ..Limits::default()
    };
    let world = World::start(Options {
        limits,
        ..Options::default()
    })
    .await;
    let authorization = format!("Bearer {OPERATOR_KEY}");
    let send = async |content_type: &str, body: &str| {
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", content_type),
        ];
        let reply = world.call("POST", "/admin/tenants", &headers, Some(body)).await;
        (
            reply.status,
            reply.json()["code"].as_str().unwrap_or_default().to_owned(),
            reply.text(),
        )
    };
    let long = json!({"name": "x".repeat(2_000)}).to_string();
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    for (content_type, body, status, code) in [
        ("text/plain", "{}", 415, "unsupported_media_type"),
        ("application/json", "", 400, "invalid_json"),
        (
            "application/json",
            "{\"name\":\"a\",\"name\":\"b\"}",
            400,
            "invalid_json",
        ),
        ("application/json", "{\"name\":\"a\"}x", 400, "invalid_json"),
        ("application/json", &deep, 400, "invalid_json"),
        ("application/json", &long, 413, "body_too_large"),
        ("application/json", "{}", 400, "invalid_body"),
        (
            "application/json",
            "{\"name\":\"a\",\"tenant_id\":\"b\"}",
            400,
            "invalid_body",
        ),
        ("application/json", "{\"name\":7}", 400, "invalid_body"),
        ("application/json", "[]", 400, "invalid_body"),
        ("application/json", "{\"name\":\" \"}", 400, "invalid_body"),
        ("application/json", "{\"name\":\"a\\u0000\"}", 400, "invalid_body"),
    ] {
        let (found, found_code, text) = send(content_type, body).await;
        assert_eq!((found, found_code.as_str()), (status, code), "{body}: {text}");
    }
    let (status, _, text) = send("application/json; charset=utf-8", "{\"name\":\"Zoë & Söhne\"}").await;
    assert_eq!(status, 201, "{text}");
}

#[tokio::test]
async fn what_is_not_there_says_so() {
    let world = World::start(Options::default()).await;
    for path in [
        "/",
        "/nowhere",
        "/connections/",
        "//livez",
        "/unified/crm",
        "/admin",
        "/.env",
    ] {
        let reply = world.call("GET", path, &[], None).await;
        assert_eq!(
            (reply.status, reply.problem()["code"].as_str()),
            (404, Some("unknown_route")),
            "{path}"
        );
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    }
    let reply = world.call("DELETE", "/livez", &[], None).await;
    assert_eq!(
        (reply.status, reply.problem()["code"].as_str()),
        (405, Some("method_not_allowed"))
    );
    assert!(reply.header("allow").unwrap().contains("GET"));
    let parameter = world
        .as_party(&world.first, "GET", "/connections?tenant_id=x", None)
        .await;
    assert_eq!(
        (parameter.status, parameter.json()["fields"][0].as_str()),
        (400, Some("tenant_id"))
    );
    assert!(
        parameter.json()["allowed"]
            .as_array()
            .unwrap()
            .contains(&json!("provider"))
    );
    let broken = world
        .as_party(&world.first, "GET", "/connections?provider=%ff", None)
        .await;
    assert_eq!(broken.problem()["code"], "malformed_request");
}

#[tokio::test]
async fn errors_name_the_request_and_the_callers_trace() {
    let world = World::start(Options::default()).await;
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let reply = world
        .call("GET", "/nowhere", &[("traceparent", traceparent)], None)
        .await;
    let document = reply.json();
    assert_eq!(document["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(document["request_id"].as_str(), reply.header("x-request-id"));
    assert_eq!(
        document["instance"],
        format!(
            "urn:crosswalk:request:{}",
            document["request_id"].as_str().unwrap()
        )
    );
    assert_eq!(document["docs"], "https://gateway.example/docs#unknown_route");
    assert_eq!(
        (&document["statusCode"], &document["error"]),
        (&json!(404), &json!("Not Found"))
    );
}

#[tokio::test]
async fn answers_are_compressed_on_request() {
    let world = World::start(Options::default()).await;
    let plain = world.call("GET", "/openapi.json", &[], None).await;
    assert_eq!(plain.json(), gateway::openapi(&world.catalog));
    assert_eq!(plain.header("content-encoding"), None);
    for encoding in ["gzip", "br"] {
        let small = world
            .call("GET", "/openapi.json", &[("accept-encoding", encoding)], None)
            .await;
        assert_eq!(small.header("content-encoding"), Some(encoding));
        assert!(small.body.len() * 4 < plain.body.len());
    }
}

#[tokio::test]
async fn health_metrics_and_documentation_answer_without_a_key() {
    let world = World::start(Options::default()).await;
    assert_eq!(world.call("GET", "/livez", &[], None).await.text(), "ok\n");
    assert_eq!(world.call("GET", "/readyz", &[], None).await.status, 200);
    let verbose = world.call("GET", "/readyz?verbose", &[], None).await.json();
    assert_eq!(
        verbose,
        json!({"ready": true, "checks": {"database": "ok", "migrations": "ok", "draining": false}})
    );
    assert_eq!(
        world.call("GET", "/metrics", &[], None).await.text(),
        "# metrics\n"
    );
    let docs = world.call("GET", "/docs", &[], None).await;
    assert_eq!(docs.status, 200);
    assert!(
        docs.header("content-security-policy")
            .unwrap()
            .starts_with("default-src 'none'")
    );
    assert!(docs.text().contains("needs_reauth"));
    let head = world.call("HEAD", "/livez", &[], None).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}
