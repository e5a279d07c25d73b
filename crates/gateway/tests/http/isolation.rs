//! Who may call what: keys, scopes, and another tenant's ids on every route.

use model::Limits;
use serde_json::{Value, json};

use crate::support::{OPERATOR_KEY, Options, Reply, World};

const UNKNOWN_ID: &str = "con_000000000000000000000000";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Every documented operation: method, path, whether a connection is chosen by header, and the key it takes.
fn operations(document: &Value) -> Vec<(String, String, bool, Option<String>)> {
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in METHODS {
            let operation = &methods[method];
            if operation.is_null() {
                continue;
            }
            let takes_connection = operation["parameters"].as_array().is_some_and(|list| {
                list.iter()
                    .any(|one| one["$ref"] == "#/components/parameters/ConnectionId")
            });
            let key = operation["security"][0]
                .as_object()
                .and_then(|schemes| schemes.keys().next().cloned());
            operations.push((method.to_uppercase(), path.clone(), takes_connection, key));
        }
    }
    operations
}

fn filled(path: &str, world: &World, connection: &str) -> String {
    let id = if path.starts_with("/connections/") {
        connection
    } else {
        "1"
    };
    path.replace("{id}", id)
        .replace("{resource}", "contacts")
        .replace("{provider}", &world.provider)
        .replace("{path}", "anything")
        .replace("{link}", "link")
}

async fn with_connection(
    world: &World,
    key: &str,
    method: &str,
    path: &str,
    connection: &str,
    by_header: bool,
) -> Reply {
    let authorization = format!("Bearer {key}");
    let mut headers = vec![
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
    ];
    if by_header {
        headers.push(("x-connection-id", connection));
    }
    let body = matches!(method, "POST" | "PUT" | "PATCH").then_some(r#"{"document":"{}"}"#);
    world.call(method, path, &headers, body).await
}

#[tokio::test]
async fn another_tenants_connection_is_answered_like_an_unknown_one_on_every_route() {
    let world = World::start(Options::default()).await;
    let document = gateway::openapi(&world.catalog);
    let theirs = world.first.connection.id.as_str();
    let mut tried = 0;
    for (method, path, by_header, _) in operations(&document) {
        if !by_header && !path.starts_with("/connections/") {
            continue;
        }
        tried += 1;
        let mut answers = Vec::new();
        for id in [theirs, UNKNOWN_ID, "con_x", "no-id-at-all", "con_';--", "%27"] {
            // In a path the odd letters must be written as escapes.
            let in_path = id.replace('\'', "%27").replace(';', "%3B");
            let path = filled(&path, &world, &in_path);
            let reply = with_connection(&world, &world.second.key, &method, &path, id, by_header).await;
            assert_eq!(reply.status, 404, "{method} {path} with {id}: {}", reply.text());
            answers.push(reply.problem());
        }
        assert_eq!(answers[0]["code"], "connection_not_found", "{method} {path}");
        assert!(
            answers.iter().all(|answer| *answer == answers[0]),
            "{method} {path} tells ids apart: {answers:#?}"
        );
    }
    assert!(tried >= 15, "only {tried} routes were tried");
    // The owner still has it.
    let kept = world
        .as_party(&world.first, "GET", &format!("/connections/{theirs}"), None)
        .await;
    assert_eq!(kept.status, 200, "{}", kept.text());
}

#[tokio::test]
async fn another_tenants_external_ids_sessions_and_mappings_are_out_of_reach() {
    let world = World::start(Options::default()).await;
    let authorization = format!("Bearer {}", world.second.key);
    let mut answers = Vec::new();
    for external_id in ["customer of First & Co", "nobody"] {
        let headers = [
            ("authorization", authorization.as_str()),
            ("x-connection-external-id", external_id),
            ("x-provider", &world.provider),
        ];
        let reply = world.call("GET", "/unified/crm/contacts", &headers, None).await;
        assert_eq!(reply.status, 404);
        answers.push(reply.problem());
    }
    assert_eq!(answers[0], answers[1]);

    let sessions = [world.first.connection.id.as_str(), UNKNOWN_ID];
    let mut answers = Vec::new();
    for id in sessions {
        let body = json!({"provider": world.provider, "connection_id": id}).to_string();
        let reply = world
            .as_party(&world.second, "POST", "/connect/sessions", Some(&body))
            .await;
        assert_eq!(reply.status, 404);
        answers.push(reply.problem());
    }
    assert_eq!(answers[0], answers[1]);

    let listed = world
        .as_party(&world.second, "GET", "/connections", None)
        .await
        .json();
    assert_eq!(listed["result_count"], 1);
    assert_eq!(listed["result"][0]["id"], world.second.connection.id.as_str());
    let page = world
        .as_party(
            &world.second,
            "GET",
            &format!("/connections?cursor={}", world.first.connection.id),
            None,
        )
        .await;
    assert!(!page.text().contains(world.first.connection.id.as_str()));
}

#[tokio::test]
async fn routes_take_the_key_they_declare_and_no_other() {
    let limits = Limits {
        bad_keys_max: u32::MAX,
        ..Limits::default()
    };
    let world = World::start(Options {
        limits,
        ..Options::default()
    })
    .await;
    let document = gateway::openapi(&world.catalog);
    let operator = format!("Bearer {OPERATOR_KEY}");
    let tenant = format!("Bearer {}", world.first.key);
    for (method, path, _, key) in operations(&document) {
        let Some(key) = key else {
            continue;
        };
        let path = filled(&path, &world, UNKNOWN_ID);
        let bare = world.call(&method, &path, &[], Some("{}")).await;
        assert_eq!(bare.status, 401, "{method} {path}");
        assert_eq!(bare.problem()["code"], "authentication_required");
        assert!(bare.header("www-authenticate").unwrap().starts_with("Bearer"));
        for wrong in ["Bearer cw_live_nonsense", "Bearer é", "Basic abc", "Bearer "] {
            assert_eq!(
                world
                    .call(&method, &path, &[("authorization", wrong)], Some("{}"))
                    .await
                    .status,
                401,
                "{wrong}"
            );
        }
        let (other, code) = match key.as_str() {
            "operator_key" => (&tenant, "operator_key_required"),
            _ => (&operator, "tenant_key_required"),
        };
        let refused = world
            .call(&method, &path, &[("authorization", other)], Some("{}"))
            .await;
        assert_eq!(refused.status, 403, "{method} {path}");
        assert_eq!(refused.problem()["code"], code);
    }
}

#[tokio::test]
async fn a_key_reaches_what_its_scopes_name() {
    let world = World::start(Options::default()).await;
    let operator = format!("Bearer {OPERATOR_KEY}");
    let headers = [
        ("authorization", operator.as_str()),
        ("content-type", "application/json"),
    ];
    let body = json!({"tenant_id": world.first.tenant.id().as_str(), "name": "reader", "scopes": ["read"]})
        .to_string();
    let made = world.call("POST", "/admin/keys", &headers, Some(&body)).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let key = made.json()["key"].as_str().unwrap().to_owned();
    let reader = format!("Bearer {key}");
    let with_key = [
        ("authorization", reader.as_str()),
        ("content-type", "application/json"),
    ];
    assert_eq!(
        world.call("GET", "/connections", &with_key, None).await.status,
        200
    );
    let refused = world
        .call("POST", "/connect/sessions", &with_key, Some("{}"))
        .await;
    assert_eq!(refused.problem()["code"], "scope_required");

    let id = made.json()["id"].as_str().unwrap().to_owned();
    let tenant_id = world.first.tenant.id().as_str();
    let listed = world
        .call(
            "GET",
            &format!("/admin/keys?tenant_id={tenant_id}"),
            &headers,
            None,
        )
        .await;
    assert!(!listed.text().contains(&key), "a key is shown once");
    let revoked = world
        .call(
            "DELETE",
            &format!("/admin/keys/{id}?tenant_id={tenant_id}"),
            &headers,
            None,
        )
        .await;
    assert_eq!(revoked.status, 204);
    assert_eq!(
        world.call("GET", "/connections", &with_key, None).await.status,
        401
    );

    let unknown = json!({"tenant_id": tenant_id, "name": "x", "scopes": ["root"]}).to_string();
    let refused = world.call("POST", "/admin/keys", &headers, Some(&unknown)).await;
    assert_eq!(
        (refused.status, refused.json()["fields"][0].clone()),
        (400, json!("scopes"))
    );
}

#[tokio::test]
async fn a_connection_is_chosen_in_one_way() {
    let world = World::start(Options::default()).await;
    let own = world.first.connection.id.as_str();
    let by_id = ("x-connection-id", own);
    let other_id = ("x-connection-id", UNKNOWN_ID);
    let external = ("x-connection-external-id", "customer of First & Co");
    let provider = ("x-provider", world.provider.as_str());
    let own_parameter = format!("connection_id={own}");
    let other_parameter = format!("connection_id={UNKNOWN_ID}");
    // Then its provider is asked, and nobody is there.
    let chosen = (502, "upstream_unreachable", "no connection");
    let required = (400, "connection_required", "Send `X-Connection-Id`");
    let both_ways = (400, "connection_required", "in two ways");
    let twice = |what| (400, "malformed_request", what);
    for (parameter, headers, (status, code, detail)) in [
        ("", &[][..], required),
        ("", &[provider], required),
        ("", &[by_id], chosen),
        ("", &[by_id, by_id], chosen),
        ("", &[by_id, provider], chosen),
        (&own_parameter, &[], chosen),
        (&own_parameter, &[by_id], chosen),
        (&other_parameter, &[by_id], both_ways),
        ("", &[by_id, other_id], both_ways),
        ("", &[by_id, external, provider], both_ways),
        (&own_parameter, &[external, provider], both_ways),
        ("", &[external, provider], chosen),
        ("", &[external], (400, "connection_required", "X-Provider")),
        (
            "",
            &[external, external, provider],
            twice("x-connection-external-id"),
        ),
        ("", &[external, provider, provider], twice("x-provider")),
        ("", &[other_id], (404, "connection_not_found", "")),
    ] {
        let authorization = format!("Bearer {}", world.first.key);
        let headers: Vec<_> = [("authorization", authorization.as_str())]
            .into_iter()
            .chain(headers.iter().copied())
            .collect();
        let path = format!("/unified/crm/contacts?{parameter}");
        let reply = world.call("GET", &path, &headers, None).await;
        let problem = reply.problem();
        assert_eq!(
            (reply.status, &problem["code"]),
            (status, &json!(code)),
            "{parameter} {headers:?}"
        );
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{problem}");
    }
}

#[tokio::test]
async fn answers_hold_no_token() {
    let world = World::start(Options::default()).await;
    let id = world.first.connection.id.as_str();
    for path in [
        "/connections".to_owned(),
        format!("/connections/{id}"),
        format!("/connections/{id}/quota"),
    ] {
        let reply = world.as_party(&world.first, "GET", &path, None).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert!(!reply.text().contains("canary"), "{path}");
        assert!(reply.header("x-request-id").unwrap().starts_with("req_"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
}
