//! The HubSpot portal: search and batches.

use serde_json::{Value, json};

use crate::hubspot::{Portal, portal, sign_in, without_id};
use crate::support::start_with;

const SEARCH: &str = "/crm/v3/objects/contacts/search";

fn filter(name: &str, operator: &str, value: Value) -> Value {
    let key = if value.is_array() { "values" } else { "value" };
    let mut filter = json!({"propertyName": name, "operator": operator});
    filter[key] = value;
    filter
}

fn body(filters: Value) -> Value {
    let mut body = json!({"filterGroups": [{}], "properties": ["lastname"], "limit": 200});
    body["filterGroups"][0]["filters"] = filters;
    body
}

async fn names(portal: &Portal, body: Value) -> Vec<String> {
    let reply = portal.post(SEARCH, body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let reply = reply.json();
    let results = reply["results"].as_array().unwrap();
    results
        .iter()
        .map(|record| record["properties"]["lastname"].as_str().unwrap_or("").to_owned())
        .collect()
}

/// A portal of five contacts that differ in what the tests look for.
async fn five() -> Portal {
    let api = start_with(|options| {
        options.portal.contacts = 0;
        options.portal.companies = 0;
        options.portal.deals = 0;
        options.portal.notes = 0;
        options.portal.tasks = 0;
    })
    .await;
    let portal = sign_in(api, json!({})).await;
    for properties in [
        json!({"lastname": "Ärger", "email": "a.one@north-wind.io", "loyalty_points": "9", "is_vip": "true", "favourite_colours": "red;blue"}),
        json!({"lastname": "Brown", "email": "b@other.example", "loyalty_points": "10", "is_vip": "false", "contract_end_date": "2026-05-01"}),
        json!({"lastname": "Chen", "loyalty_points": "0", "last_survey_at": "2026-05-01T00:00:00Z"}),
        json!({"lastname": "D'Angelo", "favourite_colours": "grün"}),
        json!({"lastname": "Ève", "email": "eve@north-wind.io", "loyalty_points": "-3"}),
    ] {
        portal.make("contacts", properties).await;
    }
    portal
}

#[tokio::test]
async fn every_operator_picks_its_records() {
    let portal = five().await;
    for (one, expected) in [
        (filter("lastname", "EQ", json!("ärger")), vec!["Ärger"]),
        (
            filter("lastname", "NEQ", json!("Brown")),
            vec!["Ärger", "Chen", "D'Angelo", "Ève"],
        ),
        (filter("loyalty_points", "GT", json!("9")), vec!["Brown"]),
        (filter("loyalty_points", "GTE", json!(9)), vec!["Ärger", "Brown"]),
        (filter("loyalty_points", "LT", json!("0")), vec!["Ève"]),
        (filter("loyalty_points", "LTE", json!("0")), vec!["Chen", "Ève"]),
        (
            filter("loyalty_points", "NEQ", json!("0")),
            vec!["Ärger", "Brown", "Ève"],
        ),
        (
            json!({"propertyName": "loyalty_points", "operator": "BETWEEN", "value": "0", "highValue": "9"}),
            vec!["Ärger", "Chen"],
        ),
        (
            filter("loyalty_points", "IN", json!(["0", "10"])),
            vec!["Brown", "Chen"],
        ),
        (
            filter("lastname", "IN", json!(["brown", "chen"])),
            vec!["Brown", "Chen"],
        ),
        (filter("lastname", "IN", json!(["Brown"])), vec![]),
        (
            filter("loyalty_points", "NOT_IN", json!(["0", "10"])),
            vec!["Ärger", "Ève"],
        ),
        (
            json!({"propertyName": "email", "operator": "HAS_PROPERTY"}),
            vec!["Ärger", "Brown", "Ève"],
        ),
        (
            json!({"propertyName": "email", "operator": "NOT_HAS_PROPERTY"}),
            vec!["Chen", "D'Angelo"],
        ),
        (
            filter("email", "CONTAINS_TOKEN", json!("north*")),
            vec!["Ärger", "Ève"],
        ),
        (
            filter("email", "CONTAINS_TOKEN", json!("@north-wind.io")),
            vec!["Ärger", "Ève"],
        ),
        (filter("email", "CONTAINS_TOKEN", json!("nort")), vec![]),
        (
            filter("email", "NOT_CONTAINS_TOKEN", json!("north")),
            vec!["Brown"],
        ),
        (filter("is_vip", "EQ", json!("false")), vec!["Brown"]),
        (filter("favourite_colours", "EQ", json!("blue")), vec!["Ärger"]),
        (
            filter("favourite_colours", "IN", json!(["grün", "red"])),
            vec!["Ärger", "D'Angelo"],
        ),
        (
            filter("contract_end_date", "EQ", json!("1777593600000")),
            vec!["Brown"],
        ),
        (
            filter("last_survey_at", "GTE", json!("2026-05-01T02:00:00+02:00")),
            vec!["Chen"],
        ),
        (filter("last_survey_at", "GT", json!("1777593600000")), vec![]),
    ] {
        assert_eq!(names(&portal, body(json!([one]))).await, expected, "{one}");
    }
    let both = json!([
        filter("is_vip", "EQ", json!("true")),
        filter("loyalty_points", "EQ", json!("10"))
    ]);
    assert_eq!(
        names(&portal, body(both)).await,
        Vec::<String>::new(),
        "filters of a group all hold"
    );
    let either = json!({"properties": ["lastname"], "filterGroups": [
        {"filters": [filter("is_vip", "EQ", json!("true"))]}, {"filters": [filter("loyalty_points", "EQ", json!("10"))]},
    ]});
    assert_eq!(names(&portal, either).await, ["Ärger", "Brown"]);
}

#[tokio::test]
async fn sorts_pages_words_and_links() {
    let portal = five().await;
    for (sorts, expected) in [
        (
            json!([{"propertyName": "loyalty_points", "direction": "DESCENDING"}]),
            ["Brown", "Ärger", "Chen", "Ève", "D'Angelo"],
        ),
        (
            json!(["loyalty_points"]),
            ["Ève", "Chen", "Ärger", "Brown", "D'Angelo"],
        ),
        (
            json!(["-loyalty_points"]),
            ["Brown", "Ärger", "Chen", "Ève", "D'Angelo"],
        ),
        (json!([]), ["Ärger", "Brown", "Chen", "D'Angelo", "Ève"]),
    ] {
        assert_eq!(
            names(&portal, json!({"properties": ["lastname"], "sorts": sorts})).await,
            expected
        );
    }
    let mut seen = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = portal
            .post(
                SEARCH,
                json!({"limit": 2, "after": after, "properties": ["lastname"]}),
            )
            .await
            .json();
        assert_eq!(page["total"], 5);
        seen.extend(
            page["results"]
                .as_array()
                .unwrap()
                .iter()
                .map(|record| record["id"].clone()),
        );
        after = page["paging"]["next"]["after"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(seen.len(), 5);
    assert_eq!(
        names(
            &portal,
            json!({"query": "NORTH-wind eve", "properties": ["lastname"]})
        )
        .await,
        ["Ève"]
    );

    let company = portal.make("companies", json!({"name": "C"})).await;
    portal
        .make(
            "contacts",
            json!({"lastname": "Linked", "associatedcompanyid": company}),
        )
        .await;
    let linked = body(json!([filter("associations.company", "EQ", json!(company))]));
    assert_eq!(names(&portal, linked).await, ["Linked"]);
    let by_property = body(json!([filter("associatedcompanyid", "EQ", json!(company))]));
    assert_eq!(names(&portal, by_property).await, ["Linked"], "found at once");
}

#[tokio::test]
async fn a_search_that_cannot_be_answered_is_refused() {
    let portal = five().await;
    let one = filter("lastname", "EQ", json!("x"));
    let groups = |groups: usize, filters: usize| {
        let group = json!({"filters": vec![one.clone(); filters]});
        json!({"filterGroups": vec![group; groups]})
    };
    for good in [
        groups(5, 3),
        groups(3, 6),
        json!({"limit": 200, "after": "9800"}),
        json!({}),
    ] {
        assert_eq!(portal.post(SEARCH, good.clone()).await.status, 200, "{good}");
    }
    for bad in [
        groups(6, 1),
        groups(1, 7),
        groups(4, 5),
        json!({"limit": 201}),
        json!({"limit": 0}),
    ] {
        let reply = portal.post(SEARCH, bad.clone()).await;
        assert_eq!(
            (reply.status, reply.json()["category"].as_str()),
            (400, Some("VALIDATION_ERROR")),
            "{bad}"
        );
    }
    for bad in [
        json!({"limit": 200, "after": "9801"}),
        json!({"after": "99999999999999999999"}),
        json!({"after": "x"}),
        json!({"sorts": ["lastname", "email"]}),
        json!({"sorts": ["no_such_thing"]}),
        body(json!([filter("no_such_thing", "EQ", json!("x"))])),
        body(json!([filter("lastname", "LIKE", json!("x"))])),
        body(json!([filter("lastname", "IN", json!("x"))])),
        body(json!([filter("lastname", "EQ", Value::Null)])),
        body(json!([filter("loyalty_points", "GT", json!("many"))])),
        body(json!([filter("last_survey_at", "GT", json!("yesterday"))])),
        body(json!([filter("associations.nothing", "EQ", json!("1"))])),
        json!({"filterGroups": [{}]}),
    ] {
        let reply = portal.post(SEARCH, bad.clone()).await;
        assert_eq!(reply.status, 400, "{bad}");
        assert_eq!(
            without_id(&reply),
            r#"{"status":"error","message":"There was a problem with the request.","correlationId":"…"}"#,
            "{bad}"
        );
    }
}

#[tokio::test]
async fn a_batch_is_done_whole_or_not_at_all() {
    let portal = five().await;
    let make = "/crm/v3/objects/contacts/batch/create";
    let input =
        |name: &str, points: &str| json!({"properties": {"lastname": name, "loyalty_points": points}});
    let made = portal
        .post(make, json!({"inputs": [input("One", "1"), input("Two", "2")]}))
        .await;
    assert_eq!(
        (made.status, made.json()["status"].as_str()),
        (201, Some("COMPLETE"))
    );
    let ids: Vec<String> = made.json()["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["id"].as_str().unwrap().to_owned())
        .collect();
    let bad = portal
        .post(
            make,
            json!({"inputs": [input("Three", "3"), input("Four", "many")]}),
        )
        .await;
    assert_eq!(bad.status, 400);
    let three = body(json!([filter("lastname", "EQ", json!("Three"))]));
    assert_eq!(names(&portal, three.clone()).await, Vec::<String>::new());

    let mut traced = [input("Three", "3"), input("Four", "many")];
    for (place, input) in traced.iter_mut().enumerate() {
        input["objectWriteTraceId"] = json!(place.to_string());
    }
    let partly = portal.post(make, json!({"inputs": traced})).await;
    assert_eq!(partly.status, 207, "{}", partly.text());
    assert_eq!(partly.json()["results"][0]["objectWriteTraceId"], "0");
    assert_eq!(
        partly.json()["errors"][0]["context"]["objectWriteTraceId"],
        json!(["1"])
    );
    assert_eq!(names(&portal, three).await, ["Three"]);

    let update = "/crm/v3/objects/contacts/batch/update";
    let change = |id: &str| json!({"id": id, "properties": {"nickname": "N"}});
    let reply = portal
        .post(update, json!({"inputs": [change(&ids[0]), change(&ids[1])]}))
        .await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["results"][1]["properties"]["nickname"], "N");
    let twice = portal
        .post(update, json!({"inputs": [change(&ids[0]), change(&ids[0])]}))
        .await;
    assert!(twice.text().contains("Duplicate IDs found in batch input"));
    assert_eq!(
        portal.post(update, json!({"inputs": [change("1")]})).await.status,
        404
    );

    let read = json!({"properties": ["nickname"], "inputs": [{"id": ids[0]}, {"id": "1"}]});
    let reply = portal.post("/crm/v3/objects/contacts/batch/read", read).await;
    assert_eq!(reply.status, 207);
    assert_eq!(reply.json()["errors"][0]["context"]["ids"], json!(["1"]));
    let by_email = json!({"idProperty": "email", "inputs": [{"id": "EVE@north-wind.io"}]});
    let reply = portal.post("/crm/v3/objects/contacts/batch/read", by_email).await;
    assert_eq!(
        (
            reply.status,
            reply.json()["results"][0]["properties"]["lastname"].as_str()
        ),
        (200, Some("Ève"))
    );

    let archive = json!({"inputs": [{"id": ids[0]}, {"id": "1"}]});
    assert_eq!(
        portal
            .post("/crm/v3/objects/contacts/batch/archive", archive)
            .await
            .status,
        204
    );
    assert_eq!(
        portal
            .get(&format!("/crm/v3/objects/contacts/{}", ids[0]))
            .await
            .status,
        404
    );
    let many = vec![input("Many", "1"); 101];
    for inputs in [json!([]), json!("x"), json!(many)] {
        assert_eq!(portal.post(make, json!({"inputs": inputs})).await.status, 400);
    }
    assert_eq!(
        portal
            .post("/crm/v3/objects/contacts/batch/paint", json!({}))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn upserts_go_by_a_unique_value() {
    let portal = portal().await;
    let path = "/crm/v3/objects/companies/batch/upsert";
    let input =
        |id: &str, name: &str| json!({"id": id, "idProperty": "erp_number", "properties": {"name": name}});
    let first = portal.post(path, json!({"inputs": [input("X1", "First")]})).await;
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!(first.json()["results"][0]["new"], true);
    assert_eq!(first.json()["results"][0]["properties"]["erp_number"], "X1");
    let both = portal
        .post(
            path,
            json!({"inputs": [input("x1", "Again"), input("X2", "Second")]}),
        )
        .await
        .json();
    assert_eq!(
        (
            both["results"][0]["new"].as_bool(),
            both["results"][1]["new"].as_bool()
        ),
        (Some(false), Some(true))
    );
    assert_eq!(both["results"][0]["id"], first.json()["results"][0]["id"]);
    assert_eq!(both["results"][0]["properties"]["name"], "Again");
    let by_name = json!({"inputs": [{"id": "x", "idProperty": "name", "properties": {}}]});
    assert_eq!(portal.post(path, by_name).await.status, 400);
    let by_id = json!({"inputs": [{"id": "1", "properties": {"name": "x"}}]});
    assert_eq!(portal.post(path, by_id).await.status, 404);
}
