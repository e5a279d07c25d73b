//! The edge: limits passed on, isolation, the proxy, hostile requests.

use crate::support::{Backend, Caller, Plan, World, both};
use serde_json::{Value, json};

async fn requests(world: &World) -> u64 {
    world.ask_simulator("counters").await["requests_total"]
        .as_u64()
        .expect("a count")
}

both!(claim_18_a_limit_answer_passes_through_after_one_request);
async fn claim_18_a_limit_answer_passes_through_after_one_request(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    caller.contacts("limit=1").await;
    for (status, body) in [
        (
            403,
            r#"[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]"#,
        ),
        (
            403,
            r#"[{"message":"ConcurrentPerOrgLongTxn Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]"#,
        ),
        (429, r#"{"message":"slow down"}"#),
    ] {
        for path in ["/unified/crm/contacts?limit=1", "/proxy/limits"] {
            let fault = json!({ "kind": "status", "path": "/services/data", "status": status, "content_type": "application/json", "body": body, "times": 1 });
            world.tell_simulator("faults", fault).await;
            let before = requests(&world).await;
            let reply = caller.get(path).await;
            assert_eq!(reply.status, status, "{path}: {reply:?}");
            assert_eq!(requests(&world).await - before, 1, "{path}: one upstream request");
            if path.starts_with("/proxy") {
                assert_eq!(reply.text(), body);
            } else {
                let problem = reply.json();
                assert_eq!(problem["code"], "rate_limited", "{problem}");
                assert_eq!(
                    problem["upstream"]["body"],
                    serde_json::from_str::<Value>(body).expect("JSON")
                );
                assert_eq!(
                    (&problem["is_remote_error"], &problem["retryable"]),
                    (&json!(true), &json!(true))
                );
            }
        }
    }
}

both!(claim_19_the_daily_quota_is_told_in_both_dialects_without_a_reset);
async fn claim_19_the_daily_quota_is_told_in_both_dialects_without_a_reset(backend: Backend) {
    let mut plan = Plan::new(backend);
    plan.simulator.daily_limit = 100_000;
    let world = World::build(plan).await;
    let caller = world.connected().await;
    for path in ["/unified/crm/contacts?limit=1", "/proxy/limits"] {
        let reply = caller.get(path).await;
        assert_eq!(
            reply.header("ratelimit-limit"),
            Some("100000"),
            "{path}: {reply:?}"
        );
        let remaining: u64 = reply
            .header("ratelimit-remaining")
            .expect("remaining")
            .parse()
            .expect("a number");
        assert!((1..100_000).contains(&remaining));
        assert_eq!(reply.header("ratelimit-reset"), None, "nobody knows when");
        let policy = reply.header("ratelimit-policy").expect("a policy");
        assert!(policy.contains("q=100000;w=86400"), "{policy}");
        assert_eq!(
            reply.header("ratelimit"),
            Some(format!("\"salesforce-daily\";r={remaining}").as_str())
        );
    }
    let quota = caller
        .get(&format!("/connections/{}/quota", caller.connection_id))
        .await;
    assert_eq!(quota.status, 200);
    assert!(quota.text().contains("100000"), "{}", quota.text());
}

both!(claim_23_a_cursor_moved_changed_or_tampered_with_is_one_and_the_same_400);
async fn claim_23_a_cursor_moved_changed_or_tampered_with_is_one_and_the_same_400(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let other_tenant = world.tenant("Other").await;
    let other = Caller {
        world: &world,
        connection_id: world.connect(&other_tenant, "acme").await,
        tenant: other_tenant,
    };
    let cursor = caller.contacts("limit=2").await["next_cursor"]
        .as_str()
        .expect("a cursor")
        .to_owned();
    assert_eq!(
        caller
            .get(&format!("/unified/crm/contacts?limit=2&cursor={cursor}"))
            .await
            .status,
        200
    );
    let mut tampered = cursor.clone().into_bytes();
    let last = tampered.len() - 5;
    tampered[last] = if tampered[last] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).expect("ASCII");
    let mut answers = Vec::new();
    for (who, path) in [
        (
            &caller,
            format!("/unified/crm/contacts?limit=2&cursor={tampered}"),
        ),
        (
            &caller,
            "/unified/crm/contacts?limit=2&cursor=nonsense".to_owned(),
        ),
        (
            &caller,
            format!("/unified/crm/contacts?limit=2&last_name=x&cursor={cursor}"),
        ),
        (
            &caller,
            format!("/unified/crm/contacts?limit=2&sort=name&cursor={cursor}"),
        ),
        (&caller, format!("/unified/crm/accounts?limit=2&cursor={cursor}")),
        (&other, format!("/unified/crm/contacts?limit=2&cursor={cursor}")),
    ] {
        let reply = who.get(&path).await;
        assert_eq!(
            (reply.status, reply.code()),
            (400, "invalid_cursor".to_owned()),
            "{path}"
        );
        answers.push(without_request_id(reply.json()));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
}

fn without_request_id(mut problem: Value) -> Value {
    for key in ["request_id", "instance", "trace_id"] {
        if let Some(object) = problem.as_object_mut() {
            object.remove(key);
        }
    }
    problem
}

both!(claim_32_another_tenants_connection_is_as_unknown_as_one_that_does_not_exist);
async fn claim_32_another_tenants_connection_is_as_unknown_as_one_that_does_not_exist(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let stranger = world.tenant("Stranger").await;
    let foreign = caller.connection_id.clone();
    let unknown = "con_000000000000000000000000".to_owned();
    let record = json!({ "last_name": "x" });
    // Every route that chooses a connection, by the API's own description: one that is added is tried as well.
    let described = caller.get("/openapi.json").await.json();
    let mut routes: Vec<(String, String)> = Vec::new();
    for (path, operations) in described["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let takes_connection = operation["parameters"]
                .to_string()
                .contains("/parameters/ConnectionId\"");
            let names_connection = path.starts_with("/connections/{id}");
            if (takes_connection || names_connection) && operation["x-repeats"].is_null() {
                let path = if names_connection {
                    path.replace("{id}", "{connection}")
                } else {
                    path.replace("{id}", "003000000000001AAA")
                };
                let path = path
                    .replace("{resource}", "contacts")
                    .replace("{object}", "Deal_Registration__c")
                    .replace("{path}", "limits");
                routes.push((method.to_uppercase(), path));
            }
        }
    }
    assert!(routes.len() > 30, "{routes:?}");
    for (method, path) in routes {
        let body = ["POST", "PUT", "PATCH"]
            .contains(&method.as_str())
            .then_some(&record);
        let mut answers = Vec::new();
        for connection in [&foreign, &unknown] {
            let mut headers = stranger.bearer();
            headers.push(("x-connection-id", connection.clone()));
            let path = path.replace("{connection}", connection);
            let reply = world
                .client
                .send(&method, &world.url(&path), &headers, body)
                .await;
            assert_eq!(reply.status, 404, "{method} {path}: {reply:?}");
            answers.push(without_request_id(reply.json()));
        }
        assert_eq!(answers[0], answers[1], "{method} {path}");
    }
    assert_eq!(
        caller.get("/unified/crm/contacts?limit=1").await.status,
        200,
        "the owner's connection still stands"
    );
}

both!(claim_33_no_proxy_path_leaves_the_provider);
async fn claim_33_no_proxy_path_leaves_the_provider(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    assert_eq!(caller.get("/proxy/limits").await.status, 200);
    assert_eq!(caller.get("/proxy/services/data/v60.0/limits").await.status, 200);
    let before = requests(&world).await;
    for path in [
        "//evil.example/x",
        "/%2e%2e/%2e%2e/secur/frontdoor.jsp",
        "/..%2f..%2fsecur",
        "/services/data/../../secur/frontdoor.jsp",
        "/a%5cb",
        "/a%00b",
        "/http://127.0.0.1:1/",
        "/https:%2f%2fevil",
        "/@evil.example/",
        "/services/oauth2/token",
        "/a;b=c",
        "/./a",
        "/a//b",
        "/%2F%2Fevil",
    ] {
        let reply = caller.get(&format!("/proxy{path}")).await;
        assert!(matches!(reply.status, 400 | 404), "{path}: {reply:?}");
        assert_eq!(reply.json()["is_remote_error"], false, "{path}: {reply:?}");
    }
    assert_eq!(requests(&world).await, before, "nothing was sent");
}

both!(claim_34_a_redirect_is_not_followed);
async fn claim_34_a_redirect_is_not_followed(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    caller.contacts("limit=1").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let elsewhere = format!("http://{}/steal", listener.local_addr().expect("an address"));
    for path in ["/unified/crm/contacts?limit=1", "/proxy/limits"] {
        let fault =
            json!({ "kind": "redirect", "path": "/services/data", "location": elsewhere, "times": 1 });
        world.tell_simulator("faults", fault).await;
        let reply = caller.get(path).await;
        assert_eq!(
            (reply.status, reply.code()),
            (502, "unexpected_redirect".to_owned()),
            "{path}: {reply:?}"
        );
    }
    let contacted = tokio::time::timeout(std::time::Duration::from_millis(200), listener.accept()).await;
    assert!(contacted.is_err(), "nobody came");
}

both!(an_outage_page_is_told_as_an_outage);
async fn an_outage_page_is_told_as_an_outage(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    caller.contacts("limit=1").await;
    let page = "<html><body>We are down for maintenance.</body></html>";
    let fault = json!({ "kind": "status", "path": "/services/data", "status": 503, "content_type": "text/html", "body": page, "times": 1 });
    world.tell_simulator("faults", fault).await;
    let reply = caller.get("/unified/crm/contacts?limit=1").await;
    assert_eq!(reply.status, 503, "{reply:?}");
    let problem = reply.json();
    assert_eq!(
        (&problem["code"], &problem["is_remote_error"]),
        (&json!("upstream_unavailable"), &json!(true)),
        "{problem}"
    );
    assert!(
        problem["upstream"]["body_text"]
            .as_str()
            .is_some_and(|text| text.contains("maintenance")),
        "{problem}"
    );
}

both!(the_proxy_streams_both_ways_and_keeps_what_is_not_its_own);
async fn the_proxy_streams_both_ways_and_keeps_what_is_not_its_own(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let body = json!({ "LastName": "Proxied" });
    let created = caller.send("POST", "/proxy/sobjects/Contact", Some(&body)).await;
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(created.header("set-cookie"), None);
    let id = created.json()["id"].as_str().expect("an id").to_owned();
    let read = caller
        .get(&format!("/proxy/sobjects/Contact/{id}?fields=LastName"))
        .await;
    assert_eq!(read.json()["LastName"], "Proxied");
    let missing = caller.get("/proxy/sobjects/Nope/describe").await;
    assert_eq!(missing.status, 404);
    assert_eq!(
        missing.json()[0]["errorCode"],
        "NOT_FOUND",
        "the provider's own words: {missing:?}"
    );
    let recent = world.ask_simulator("requests").await.to_string();
    assert!(
        !recent.contains(&caller.tenant.key),
        "the caller's key stays here"
    );
    assert!(!recent.contains("x-connection-id"), "{recent}");
}

both!(a_warm_request_asks_no_database_and_no_redis);
async fn a_warm_request_asks_no_database_and_no_redis(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    caller.contacts("limit=1").await;
    caller.get("/proxy/limits").await;
    let before = statements(&world).await;
    for _ in 0..50 {
        caller.contacts("limit=1").await;
        caller.get("/proxy/limits").await;
    }
    let after = statements(&world).await;
    // Background work of a node (a health check, one cache poll) may fall into the measured time.
    assert!(
        after - before < 20.0,
        "{} statements for 100 warm requests",
        after - before
    );
}

async fn statements(world: &World) -> f64 {
    let text = world.client.get(&world.url("/metrics"), &[]).await.text();
    text.lines()
        .filter(|line| {
            line.starts_with("crosswalk_sql_statements_total")
                || line.starts_with("crosswalk_redis_commands_total")
        })
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_of_the_edge_answer() {
    let world = World::small(Backend::Sqlite).await;
    for (path, status) in [
        ("/livez", 200),
        ("/readyz", 200),
        ("/openapi.json", 200),
        ("/docs", 200),
        ("/metrics", 200),
        ("/nope", 404),
    ] {
        let reply = world.client.get(&world.url(path), &[]).await;
        assert_eq!(reply.status, status, "{path}");
    }
    for key in ["", "Bearer nope", "Bearer cw_live_00000000", "Basic eDp5"] {
        let reply = world
            .client
            .get(
                &world.url("/unified/crm/contacts"),
                &[("authorization", key.to_owned())],
            )
            .await;
        assert_eq!(reply.status, 401, "{key}");
        assert!(reply.header("www-authenticate").is_some());
    }
}
