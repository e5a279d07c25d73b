//! The HubSpot portal: metadata, limits, faults, and the control plane's hand in it.

use http::Method;
use serde_json::{Value, json};

use crate::hubspot::{portal, sign_in, without_id};
use crate::support::start;

#[tokio::test]
async fn metadata_tells_properties_owners_pipelines_and_the_account() {
    let portal = portal().await;
    let all = portal.get("/crm/v3/properties/contacts").await.json();
    let find = |name: &str| {
        all["results"]
            .as_array()
            .unwrap()
            .iter()
            .find(|property| property["name"] == name)
            .cloned()
            .unwrap()
    };
    assert_eq!(find("email")["hasUniqueValue"], true);
    assert_eq!(find("email")["hubspotDefined"], true);
    let colours = find("favourite_colours");
    assert_eq!(colours.get("hubspotDefined"), None);
    assert_eq!(
        (colours["type"].as_str(), colours["fieldType"].as_str()),
        (Some("enumeration"), Some("checkbox"))
    );
    assert_eq!(
        colours["options"][2],
        json!({"label": "Grün", "value": "grün", "displayOrder": 2, "hidden": false})
    );
    assert_eq!(
        find("hs_object_id")["modificationMetadata"]["readOnlyValue"],
        true
    );
    assert_eq!(
        portal.get("/crm/v3/properties/contacts/email").await.json(),
        find("email")
    );
    assert_eq!(portal.get("/crm/v3/properties/contacts/nope").await.status, 404);

    let owners = portal.get("/crm/v3/owners?limit=2").await.json();
    assert_eq!(owners["results"].as_array().unwrap().len(), 2);
    let link = owners["paging"]["next"]["after"].as_str().unwrap();
    let rest = portal.get(&format!("/crm/v3/owners?after={link}")).await.json();
    assert_eq!(rest["results"].as_array().unwrap().len(), 3);
    let left = portal.get("/crm/v3/owners?archived=true").await.json();
    assert_eq!(
        (
            left["results"][0]["archived"].as_bool(),
            left["results"][0]["userId"].as_u64()
        ),
        (Some(true), None)
    );
    let one = &owners["results"][1];
    assert_eq!(
        portal
            .get(&format!(
                "/crm/v3/owners?email={}",
                one["email"].as_str().unwrap()
            ))
            .await
            .json()["results"][0],
        *one
    );
    assert_eq!(
        portal
            .get(&format!("/crm/v3/owners/{}?idProperty=userId", one["userId"]))
            .await
            .json(),
        *one
    );
    assert_eq!(portal.get("/crm/v3/owners/1").await.status, 404);

    let pipelines = portal.get("/crm/v3/pipelines/deals").await.json();
    assert_eq!(pipelines["results"].as_array().unwrap().len(), 2);
    let stage = &pipelines["results"][0]["stages"][5];
    assert_eq!(
        stage["metadata"],
        json!({"isClosed": "true", "probability": "1.0"})
    );
    assert_eq!(
        portal
            .get("/crm/v3/pipelines/deals/default/stages/closedwon")
            .await
            .json(),
        *stage
    );
    assert_eq!(portal.get("/crm/v3/pipelines/deals/nope").await.status, 404);
    assert_eq!(portal.get("/crm/v3/pipelines/tickets").await.status, 200);
    assert_eq!(portal.get("/crm/v3/schemas").await.json(), json!({"results": []}));
    assert_eq!(
        portal.get("/account-info/v3/details").await.json()["portalId"],
        48_600_123
    );
}

#[tokio::test]
async fn allowances_are_counted_told_and_kept() {
    let portal = portal().await;
    portal
        .api
        .control(
            "settings",
            json!({"hubspot_interval_limit": 110, "hubspot_search_limit": 5, "daily_limit": 1_000}),
        )
        .await;
    let reply = portal.get("/crm/v3/owners").await;
    for (name, value) in [
        ("x-hubspot-ratelimit-daily", "1000"),
        ("x-hubspot-ratelimit-daily-remaining", "999"),
        ("x-hubspot-ratelimit-interval-milliseconds", "10000"),
        ("x-hubspot-ratelimit-max", "110"),
        ("x-hubspot-ratelimit-remaining", "109"),
        ("x-hubspot-ratelimit-secondly", "11"),
    ] {
        assert_eq!(reply.header(name), value, "{name}");
    }
    portal
        .api
        .control(
            "settings",
            json!({"hubspot_daily_headers": false, "hubspot_interval_limit": 2}),
        )
        .await;
    assert_eq!(
        portal
            .get("/crm/v3/owners")
            .await
            .header("x-hubspot-ratelimit-daily"),
        ""
    );
    let over = portal.get("/crm/v3/owners").await;
    assert_eq!(
        (over.status, over.header("x-hubspot-ratelimit-remaining")),
        (429, "0")
    );
    assert_eq!(
        without_id(&over),
        r#"{"status":"error","message":"You have reached your ten_secondly_rolling limit.","errorType":"RATE_LIMIT","correlationId":"…","policyName":"TEN_SECONDLY_ROLLING"}"#
    );
    let search = || portal.post("/crm/v3/objects/deals/search", json!({"limit": 1}));
    let found = search().await;
    assert_eq!((found.status, found.header("x-hubspot-ratelimit-max")), (200, ""));
    // The window moves with the simulator's clock, which tests advance; the machine's own pace may have ended it.
    portal
        .api
        .control("settings", json!({"hubspot_search_limit": 0}))
        .await;
    let over = search().await;
    assert_eq!(
        (over.status, over.json()["policyName"].as_str()),
        (429, Some("SECONDLY"))
    );
    portal.api.control("clock", json!({"advance_ms": 10_000})).await;
    assert_eq!(portal.get("/crm/v3/owners").await.status, 200);
    portal.api.control("settings", json!({"daily_used": 1_000})).await;
    assert_eq!(portal.get("/crm/v3/owners").await.json()["policyName"], "DAILY");
}

#[tokio::test]
async fn faults_speak_the_portals_language() {
    let portal = portal().await;
    let path = "/crm/v3/objects/contacts";
    for (fault, status, text) in [
        (
            json!({"kind": "limit", "limit": "daily"}),
            429,
            r#""policyName":"DAILY""#,
        ),
        (
            json!({"kind": "limit", "limit": "http429"}),
            429,
            "TEN_SECONDLY_ROLLING",
        ),
        (json!({"kind": "limit", "limit": "secondly"}), 429, "SECONDLY"),
        (json!({"kind": "session_invalid"}), 401, "EXPIRED_AUTHENTICATION"),
        (json!({"kind": "session_not_for_rest"}), 403, "MISSING_SCOPES"),
        (json!({"kind": "outage"}), 503, "<html>"),
        (
            json!({"kind": "error", "status": 423, "code": "LOCKED", "message": "wait"}),
            423,
            r#""category":"LOCKED""#,
        ),
        (json!({"kind": "hostile", "shape": "not_json"}), 200, ""),
    ] {
        let mut fault = fault;
        fault["times"] = json!(1);
        fault["path"] = json!("/crm/");
        portal.api.control("faults", fault.clone()).await;
        let reply = portal.get(path).await;
        assert_eq!(reply.status, status, "{fault}");
        assert!(reply.text().contains(text), "{fault}: {}", reply.text());
        assert_eq!(portal.get(path).await.status, 200, "used up");
    }
    portal.api.control("faults", json!({"kind": "token_error", "error": "BAD_REFRESH_TOKEN", "error_description": "gone", "times": 1})).await;
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", portal.refresh.as_str()),
    ];
    let reply = portal.token(&pairs).await;
    assert_eq!(
        (reply.status, reply.json()["status"].as_str()),
        (400, Some("BAD_REFRESH_TOKEN"))
    );
    portal
        .api
        .control(
            "faults",
            json!({"kind": "cut", "phase": "after", "times": 1, "path": "/crm/"}),
        )
        .await;
    let bearer = format!("Bearer {}", portal.access);
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let body = json!({"properties": {"lastname": "Lost answer"}}).to_string();
    assert!(portal.api.try_send("POST", path, &headers, body).await.is_none());
    let raw = portal
        .api
        .visit("/__control/hubspot/records/contacts", "")
        .await
        .text();
    assert!(
        raw.contains("Lost answer"),
        "carried out although its answer was lost"
    );
    for (control, status) in [
        ("expire_sessions", 401),
        ("kill_sessions", 401),
        ("revoke_grants", 401),
    ] {
        let portal = sign_in(start().await, json!({})).await;
        assert_eq!(portal.get(path).await.status, 200);
        portal.api.control(control, json!({})).await;
        assert_eq!(portal.get(path).await.status, status, "{control}");
        let refreshed = portal
            .token(&[
                ("grant_type", "refresh_token"),
                ("refresh_token", &portal.refresh),
            ])
            .await;
        assert_eq!(
            refreshed.status,
            if control == "revoke_grants" { 400 } else { 200 }
        );
    }
}

#[tokio::test]
async fn a_property_can_be_hidden_renamed_removed_and_added() {
    let portal = portal().await;
    let id = portal
        .make("contacts", json!({"lastname": "x", "nickname": "Nick"}))
        .await;
    let read = async |name: &str| {
        let path = format!("/crm/v3/objects/contacts/{id}?properties={name}");
        portal.get(&path).await.json()["properties"].get(name).cloned()
    };
    let change = async |body: Value| portal.api.control("hubspot/properties", body).await;
    change(json!({"action": "hide", "object": "contacts", "name": "nickname"})).await;
    assert_eq!(read("nickname").await, None, "left out without a word");
    assert_eq!(
        portal.get("/crm/v3/properties/contacts/nickname").await.status,
        404
    );
    let write = json!({"properties": {"nickname": "N"}});
    let reply = portal
        .call(
            Method::PATCH,
            &format!("/crm/v3/objects/contacts/{id}"),
            Some(write),
        )
        .await;
    assert!(reply.text().contains("PROPERTY_DOESNT_EXIST"));
    change(json!({"action": "show", "object": "contacts", "name": "nickname"})).await;
    change(json!({"action": "rename", "object": "contacts", "name": "nickname", "to": "call_name"})).await;
    assert_eq!(
        (read("nickname").await, read("call_name").await),
        (None, Some(json!("Nick")))
    );
    change(json!({"action": "remove", "object": "contacts", "name": "call_name"})).await;
    assert_eq!(read("call_name").await, None);
    let spec = json!({"name": "shoe_size", "type": "number"});
    change(json!({"action": "add", "object": "contacts", "spec": spec})).await;
    assert_eq!(read("shoe_size").await, Some(Value::Null));
    for body in [
        json!({"action": "hide", "object": "contacts", "name": "nope"}),
        json!({"action": "paint", "object": "contacts", "name": "email"}),
        json!({"action": "rename", "object": "contacts", "name": "email", "to": "phone"}),
        json!({"action": "add", "object": "contacts", "spec": {"name": "x", "type": "colour"}}),
        json!({"action": "hide", "object": "nope", "name": "email"}),
    ] {
        let reply = portal
            .api
            .send("POST", "/__control/hubspot/properties", &[], body.to_string())
            .await;
        assert_eq!(reply.status, 400, "{body}");
    }
}
