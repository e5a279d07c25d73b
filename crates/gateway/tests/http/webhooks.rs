//! `/webhooks`: what may be named, what is shown, and whose it is.

use serde_json::{Value, json};

use crate::support::{Options, Reply, WEBHOOK_ORIGIN, World};

async fn create(world: &World, body: &Value) -> Reply {
    world
        .as_party(&world.first, "POST", "/webhooks", Some(&body.to_string()))
        .await
}

async fn created(world: &World, body: Value) -> Value {
    let reply = create(world, &body).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()
}

async fn call(world: &World, method: &str, path: &str, body: Option<Value>) -> Reply {
    let body = body.map(|body| body.to_string());
    world.as_party(&world.first, method, path, body.as_deref()).await
}

#[tokio::test]
async fn a_webhook_is_made_read_changed_and_deleted_and_its_secret_shown_once() {
    let world = World::start(Options::default()).await;
    let made = created(
        &world,
        json!({
            "url": "https://Hooks.Example.com:443?key=1", "description": "für Ωmega",
            "event_types": ["connection.deleted", "connection.deleted"],
        }),
    )
    .await;
    assert_eq!(made["url"], "https://hooks.example.com/?key=1");
    assert_eq!(made["event_types"], json!(["connection.deleted"]));
    assert_eq!(
        (&made["disabled"], &made["failing_since"]),
        (&json!(false), &Value::Null)
    );
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_"));
    let path = format!("/webhooks/{}", made["id"].as_str().unwrap());

    for shown in [&path, "/webhooks"] {
        let reply = call(&world, "GET", shown, None).await;
        assert_eq!(reply.status, 200);
        assert!(reply.text().contains("hooks.example.com"));
        assert!(!reply.text().contains("whsec_") && !reply.text().contains(&secret[6..]));
    }
    let change = json!({"description": null, "event_types": [], "disabled": true});
    let changed = call(&world, "PATCH", &path, Some(change)).await.json();
    assert_eq!(
        (&changed["description"], &changed["event_types"], &changed["url"]),
        (&Value::Null, &json!([]), &made["url"])
    );
    assert_eq!(
        (&changed["disabled"], &changed["disabled_reason"]),
        (&json!(true), &json!("requested"))
    );
    let refused = call(&world, "POST", &format!("{path}/test"), None).await;
    assert_eq!(
        (refused.status, &refused.problem()["code"]),
        (409, &json!("conflict"))
    );
    let unchanged = call(&world, "PATCH", &path, Some(json!({}))).await.json();
    assert_eq!(unchanged["disabled"], true);
    let enabled = call(&world, "PATCH", &path, Some(json!({"disabled": false})))
        .await
        .json();
    assert_eq!(
        (
            &enabled["disabled"],
            &enabled["disabled_at"],
            &enabled["disabled_reason"]
        ),
        (&json!(false), &Value::Null, &Value::Null)
    );

    let rotated = call(&world, "POST", &format!("{path}/rotate_secret"), None).await;
    assert_eq!(rotated.status, 200);
    assert_ne!(rotated.json()["secret"], made["secret"]);
    assert!(rotated.json()["previous_secret_expires_at"].is_string());

    let test = call(&world, "POST", &format!("{path}/test"), None).await;
    assert_eq!(test.status, 202);
    let delivery = test.json();
    assert_eq!(
        (&delivery["event_type"], &delivery["state"]),
        (&json!("webhook.test"), &json!("pending"))
    );
    let deliveries = format!("{path}/deliveries");
    let listed = call(
        &world,
        "GET",
        &format!("{deliveries}?state=pending&limit=1"),
        None,
    )
    .await
    .json();
    assert_eq!(
        (&listed["result"], &listed["next_cursor"]),
        (&json!([delivery]), &Value::Null)
    );
    let none = call(&world, "GET", &format!("{deliveries}?state=failed"), None)
        .await
        .json();
    assert_eq!(none["result_count"], 0);
    let one = format!("{deliveries}/{}", delivery["id"].as_str().unwrap());
    assert_eq!(
        call(&world, "GET", &one, None).await.json()["attempts"],
        json!([])
    );
    let replayed = call(&world, "POST", &format!("{one}/replay"), None).await;
    assert_eq!(replayed.status, 202, "{}", replayed.text());
    let since = json!({"since": "2026-05-01T00:00:00Z"});
    let replayed = call(&world, "POST", &format!("{path}/replay"), Some(since)).await;
    assert_eq!((replayed.status, replayed.json()), (202, json!({"replayed": 0})));

    assert_eq!(call(&world, "DELETE", &path, None).await.status, 204);
    for gone in [&path, &one, &deliveries] {
        assert_eq!(call(&world, "GET", gone, None).await.status, 404, "{gone}");
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_what_can() {
    let world = World::start(Options::default()).await;
    let allowed = created(&world, json!({"url": format!("{WEBHOOK_ORIGIN}/hook")})).await;
    let path = format!("/webhooks/{}", allowed["id"].as_str().unwrap());
    let urls = [
        ("http://hooks.example.com/", "https://"),
        ("https://10.0.0.1/", "public internet"),
        ("https://169.254.169.254/latest/meta-data", "public internet"),
        ("https://[::1]/", "public internet"),
        ("https://localhost/", "public internet"),
        ("https://user:hunter2@hooks.example.com/", "no user"),
        ("https://hooks.example.com/#here", "no fragment"),
        ("https://hooks.example.com/ a", "%XX"),
        ("javascript:alert(1)", "https://"),
        ("", "https://"),
    ];
    for (url, teaches) in urls {
        for reply in [
            create(&world, &json!({"url": url})).await,
            call(&world, "PATCH", &path, Some(json!({"url": url}))).await,
        ] {
            let problem = reply.problem();
            assert_eq!(
                (reply.status, &problem["fields"]),
                (400, &json!(["url"])),
                "{url}"
            );
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains(teaches), "{url}: {detail}");
            assert!(!detail.contains("hunter2"), "{detail}");
        }
    }
    let unknown = json!({"url": "https://a.example/", "event_types": ["connection.exploded"]});
    let problem = create(&world, &unknown).await.problem();
    assert_eq!(problem["fields"], json!(["event_types"]));
    let types: Vec<&str> = problem["allowed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    assert!(types.contains(&"connection.created") && !types.contains(&"webhook.test"));
    for body in [
        json!({}),
        json!({"url": 1}),
        json!({"url": "https://a.example/", "secret": "mine"}),
        json!({"url": "https://a.example/", "event_types": "connection.created"}),
        json!({"url": "https://a.example/", "description": "x".repeat(300)}),
        json!([]),
    ] {
        assert_eq!(create(&world, &body).await.status, 400, "{body}");
    }
    for (suffix, body) in [
        ("/replay", json!({})),
        ("/replay", json!({"since": "yesterday"})),
        ("/replay", json!({"since": 5})),
    ] {
        assert_eq!(
            call(&world, "POST", &format!("{path}{suffix}"), Some(body))
                .await
                .status,
            400
        );
    }
    for query in ["state=lost", "limit=0", "cursor=x", "order=up"] {
        let reply = call(&world, "GET", &format!("{path}/deliveries?{query}"), None).await;
        assert_eq!(reply.status, 400, "{query}");
    }
    for _ in 1..10 {
        created(&world, json!({"url": "https://a.example/"})).await;
    }
    let full = create(&world, &json!({"url": "https://a.example/"})).await;
    assert_eq!(full.status, 409);
    assert!(
        full.problem()["detail"]
            .as_str()
            .unwrap()
            .contains("10 webhook endpoints")
    );
    let page = call(&world, "GET", "/webhooks?limit=6", None).await.json();
    let next = format!("/webhooks?cursor={}", page["next_cursor"].as_str().unwrap());
    let rest = call(&world, "GET", &next, None).await.json();
    assert_eq!(
        (&page["result_count"], &rest["result_count"], &rest["next_cursor"]),
        (&json!(6), &json!(4), &Value::Null)
    );
}

#[tokio::test]
async fn another_tenants_webhook_is_answered_like_an_unknown_one_on_every_route() {
    let world = World::start(Options::default()).await;
    let made = created(&world, json!({"url": "https://a.example/"})).await;
    let theirs = made["id"].as_str().unwrap();
    let sent = call(&world, "POST", &format!("/webhooks/{theirs}/test"), None)
        .await
        .json();
    let delivery = sent["id"].as_str().unwrap();
    let mine = world
        .as_party(
            &world.second,
            "POST",
            "/webhooks",
            Some(r#"{"url":"https://b.example/"}"#),
        )
        .await
        .json();
    let mine = mine["id"].as_str().unwrap();
    let unknown = "whe_000000000000000000000000";
    let document = gateway::openapi(&world.catalog);
    let mut tried = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        if !path.starts_with("/webhooks/{id}") {
            continue;
        }
        for method in methods.as_object().unwrap().keys() {
            tried += 1;
            let mut answers = Vec::new();
            let ids = [theirs, unknown, "whe_x", "no-id-at-all", "%27"];
            // A delivery of another tenant is none of one's own webhook either.
            let own = path.contains("{delivery_id}").then_some(mine);
            for id in ids.into_iter().chain(own) {
                let path = path.replace("{id}", id).replace("{delivery_id}", delivery);
                let body = matches!(method.as_str(), "post" | "patch")
                    .then_some(r#"{"since":"2026-05-01T00:00:00Z"}"#);
                let reply = world
                    .as_party(&world.second, &method.to_uppercase(), &path, body)
                    .await;
                assert_eq!(reply.status, 404, "{method} {path}: {}", reply.text());
                answers.push(reply.problem());
            }
            assert_eq!(answers[0]["code"], "resource_not_found", "{method} {path}");
            assert!(
                answers.iter().all(|answer| *answer == answers[0]),
                "{method} {path} tells ids apart: {answers:#?}"
            );
        }
    }
    assert_eq!(tried, 9);
    let listed = world
        .as_party(&world.second, "GET", "/webhooks", None)
        .await
        .json();
    assert_eq!(
        (&listed["result_count"], &listed["result"][0]["id"]),
        (&json!(1), &json!(mine))
    );
    let page = format!("/webhooks?cursor={theirs}");
    assert!(
        !world
            .as_party(&world.second, "GET", &page, None)
            .await
            .text()
            .contains(theirs)
    );
    let kept = call(&world, "GET", &format!("/webhooks/{theirs}"), None).await;
    assert_eq!((kept.status, &kept.json()["disabled"]), (200, &json!(false)));
}

#[tokio::test]
async fn reading_and_managing_are_two_scopes() {
    let world = World::start(Options::default()).await;
    let operator = format!("Bearer {}", crate::support::OPERATOR_KEY);
    let headers = [
        ("authorization", operator.as_str()),
        ("content-type", "application/json"),
    ];
    let body = json!({"tenant_id": world.first.tenant.id().as_str(), "name": "reader", "scopes": ["read"]});
    let key = world
        .call("POST", "/admin/keys", &headers, Some(&body.to_string()))
        .await;
    let reader = format!("Bearer {}", key.json()["key"].as_str().unwrap());
    let headers = [
        ("authorization", reader.as_str()),
        ("content-type", "application/json"),
    ];
    assert_eq!(world.call("GET", "/webhooks", &headers, None).await.status, 200);
    let refused = world
        .call(
            "POST",
            "/webhooks",
            &headers,
            Some(r#"{"url":"https://a.example/"}"#),
        )
        .await;
    assert_eq!(refused.problem()["code"], "scope_required");
}
