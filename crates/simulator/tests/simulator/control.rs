//! The control plane itself: what it counts, shows and refuses.

use serde_json::json;

use crate::support::{start, start_with};

#[tokio::test]
async fn it_lists_its_routes_and_names_what_it_does_not_know() {
    let api = start().await;
    let list = api.visit("/__control", "").await.json();
    assert!(list["routes"].as_array().unwrap().len() >= 20);
    let unknown = api.visit("/__control/nope", "").await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.text().contains("/__control/faults"));
    for (path, body) in [
        ("settings", json!({"rotatoin": true})),
        ("settings", json!({"rotation": "yes"})),
        ("faults", json!({"kind": "nope"})),
        ("faults", json!({"kind": "outage", "tmies": 1})),
        ("faults", json!({"kind": "outage", "times": 0})),
        ("clock", json!({"advance": 1})),
        ("session", json!({"username": "nobody"})),
        ("session", json!({"scope": "api nope"})),
        ("kill_sessions", json!({"user": "x"})),
        ("fields", json!({"action": "paint", "object": "Account"})),
        (
            "fields",
            json!({"action": "hide", "object": "Nope", "field": "x"}),
        ),
        ("validation_rules", json!({"object": "Account"})),
    ] {
        let reply = api
            .send("POST", &format!("/__control/{path}"), &[], body.to_string())
            .await;
        assert_eq!(reply.status, 400, "{path} {body}");
        assert!(!reply.json()["error"].as_str().unwrap().is_empty());
    }
    let settings = api.visit("/__control/settings", "").await.json();
    assert_eq!(settings["rotation"], true, "a refused change changes nothing");
}

#[tokio::test]
async fn requests_are_shown_without_secrets() {
    let api = start().await;
    api.get("/query?q=SELECT+Id+FROM+Account").await;
    api.refresh(&api.refresh).await;
    let shown = api.visit("/__control/requests", "").await;
    for secret in [&api.access, &api.refresh, &"simulator-client-secret".to_owned()] {
        assert!(!shown.text().contains(secret.as_str()));
    }
    let list = shown.json()["requests"].clone();
    assert_eq!(list[0]["method"], "GET");
    assert_eq!(list[0]["query"], json!([["q", "SELECT Id FROM Account"]]));
    assert_eq!(list[0]["status"], 200);
    assert_eq!(list[1]["grant_type"], "refresh_token");
    assert!(list[0]["headers"].to_string().contains("Bearer redacted:"));
    let only = api
        .visit("/__control/requests?path=/services/oauth2&method=POST", "")
        .await
        .json();
    assert_eq!(only["requests"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn counters_count_and_reset() {
    let api = start().await;
    api.control(
        "faults",
        json!({"kind": "latency", "latency_ms": 150, "path": "/services/data/"}),
    )
    .await;
    tokio::join!(api.get("/limits"), api.get("/limits"), api.get("/nope"));
    let counters = api.counters().await;
    assert_eq!(counters["requests_total"], 3);
    assert_eq!(counters["failures"], 1);
    assert_eq!(counters["concurrent_max"], 3);
    assert_eq!(counters["concurrent"], 0);
    assert_eq!(counters["by_route"]["GET /services/data/v60.0/limits"], 2);
    assert_eq!(counters["daily_used"], 3);
    api.control("settings", json!({"rotation": false})).await;
    api.control("reset", json!({})).await;
    let counters = api.counters().await;
    assert_eq!(counters["requests_total"], 0);
    assert_eq!(
        api.visit("/__control/settings", "").await.json()["rotation"],
        true
    );
    assert_eq!(api.visit("/__control/faults", "").await.text(), "[]");
    assert_eq!(api.status_with(&api.access).await, 401, "sessions are gone");
}

#[tokio::test]
async fn faults_strike_where_and_as_often_as_told() {
    let api = start().await;
    api.control(
        "faults",
        json!({"kind": "limit", "limit": "concurrent", "times": 1, "skip": 1, "path": "/services/data/v60.0/limits"}),
    )
    .await;
    assert_eq!(api.get("/sobjects").await.status, 200);
    assert_eq!(api.get("/limits").await.status, 200, "spared");
    let struck = api.get("/limits").await;
    assert_eq!(
        (struck.status, struck.text().as_str()),
        (
            403,
            r#"[{"message":"ConcurrentPerOrgLongTxn Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]"#
        )
    );
    assert_eq!(api.get("/limits").await.status, 200, "used up");

    let kinds = [
        (json!({"kind": "outage"}), 503, "We are down for maintenance."),
        (json!({"kind": "limit", "limit": "http429"}), 429, "Too many"),
        (
            json!({"kind": "limit", "limit": "daily"}),
            403,
            "TotalRequests Limit exceeded.",
        ),
        (
            json!({"kind": "session_not_for_rest"}),
            401,
            "not valid for use with the REST API",
        ),
        (
            json!({"kind": "session_invalid"}),
            401,
            "Session expired or invalid",
        ),
        (
            json!({"kind": "error", "status": 400, "code": "UNABLE_TO_LOCK_ROW", "message": "locked", "fields": []}),
            400,
            r#"[{"message":"locked","errorCode":"UNABLE_TO_LOCK_ROW","fields":[]}]"#,
        ),
        (
            json!({"kind": "status", "status": 502, "body": "<!doctype html>", "headers": [["X-A", "b"]]}),
            502,
            "<!doctype html>",
        ),
        (
            json!({"kind": "redirect", "location": "http://127.0.0.1:9/"}),
            302,
            "",
        ),
    ];
    for (mut fault, status, text) in kinds {
        fault["times"] = json!(1);
        api.control("faults", fault.clone()).await;
        let reply = api.get("/limits").await;
        assert_eq!(reply.status, status, "{fault}");
        assert!(reply.text().contains(text), "{fault}: {}", reply.text());
    }
    api.control("faults", json!({"kind": "outage"})).await;
    assert_eq!(api.get("/limits").await.status, 503);
    api.control("clear_faults", json!({})).await;
    assert_eq!(api.get("/limits").await.status, 200);
}

#[tokio::test]
async fn an_error_after_the_commit_has_committed() {
    let api = start().await;
    api.control(
        "faults",
        json!({"kind": "outage", "phase": "after", "times": 1, "method": "POST"}),
    )
    .await;
    let reply = api
        .json("POST", "/sobjects/Account", &json!({"Name": "Twice?"}))
        .await;
    assert_eq!(reply.status, 503);
    let raw = api.visit("/__control/records/Account", "").await.json();
    let made = raw["records"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["Name"] == "Twice?")
        .count();
    assert_eq!(made, 1);
}

#[tokio::test]
async fn token_answers_can_be_anything() {
    let api = start_with(|options| options.rotation = false).await;
    let once = |mut fault: serde_json::Value| {
        fault["times"] = json!(1);
        fault["path"] = json!("/services/oauth2/token");
        fault
    };
    api.control("faults", once(json!({"kind": "outage"}))).await;
    assert_eq!(
        api.refresh(&api.refresh).await.header("content-type"),
        "text/html"
    );
    api.control(
        "faults",
        once(json!({"kind": "token_error", "error": "invalid_client", "error_description": "invalid client credentials"})),
    )
    .await;
    assert_eq!(
        api.refresh(&api.refresh).await.text(),
        r#"{"error":"invalid_client","error_description":"invalid client credentials"}"#
    );
    api.control(
        "faults",
        once(json!({"kind": "token_fields", "fields": {"instance_url": "http://169.254.169.254/", "scope": null}})),
    )
    .await;
    let body = api.refresh(&api.refresh).await.json();
    assert_eq!(body["instance_url"], "http://169.254.169.254/");
    assert!(body.get("scope").is_none());
}

#[tokio::test]
async fn sessions_end_and_expire_by_user() {
    let api = start().await;
    let other = api
        .control("session", json!({"username": "renee.dupont@crosswalk.example"}))
        .await;
    let other = other["access_token"].as_str().unwrap().to_owned();
    let ended = api
        .control(
            "kill_sessions",
            json!({"username": "renee.dupont@crosswalk.example"}),
        )
        .await;
    assert_eq!(ended["ended"], 1);
    assert_eq!(api.status_with(&other).await, 401);
    assert_eq!(api.status_with(&api.access).await, 200);
    assert_eq!(api.control("expire_sessions", json!({})).await["expired"], 1);
    assert_eq!(api.status_with(&api.access).await, 401);
    assert_eq!(api.refresh(&api.refresh).await.status, 200, "the grant lives on");
    assert_eq!(api.control("revoke_grants", json!({})).await["revoked"], 2);
    assert_eq!(
        api.counters().await["family_revocations"],
        0,
        "an admin's doing is no reuse"
    );
}

#[tokio::test]
async fn assignment_rules_fire_unless_switched_off() {
    let api = start().await;
    let other = api
        .control("session", json!({"username": "renee.dupont@crosswalk.example"}))
        .await;
    let rule = json!({"object": "Lead", "owner_id": other["user_id"]});
    api.control("assignment_rules", rule).await;
    let bearer = api.bearer();
    let lead = json!({"LastName": "Assigned", "Company": "Co"}).to_string();
    for (header, owner) in [
        ("TRUE", other["user_id"].as_str().unwrap()),
        ("FALSE", &api.running.org().admin_user_id()),
    ] {
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("sforce-auto-assign", header),
        ];
        let path = "/services/data/v60.0/sobjects/Lead";
        let made = api.send("POST", path, &headers, lead.clone()).await.json();
        let row = api
            .get(&format!("/sobjects/Lead/{}", made["id"].as_str().unwrap()))
            .await;
        assert_eq!(row.json()["OwnerId"], owner, "{header}");
    }
}

#[tokio::test]
async fn rows_can_be_made_and_read_raw() {
    let api = start().await;
    let made = api.control("records/contact", json!({"LastName": "Raw"})).await;
    let raw = api.visit("/__control/records/Contact", "").await.json();
    let row = raw["records"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["Id"] == made["id"])
        .cloned();
    assert_eq!(row.unwrap()["LastName"], "Raw");
    let admin = api
        .control("session", json!({"username": simulator::USERNAME}))
        .await;
    assert_eq!(admin["user_id"], api.running.org().admin_user_id());
}
