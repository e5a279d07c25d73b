//! Rows, describes, limits and the rest of the data API.

use serde_json::{Value, json};

use crate::support::{escape, start, start_with};

#[tokio::test]
async fn versions_need_no_session_and_retired_ones_are_gone() {
    let api = start().await;
    let reply = api.visit("/services/data", "").await;
    assert_eq!(reply.header("sforce-limit-info"), "");
    let list = reply.json();
    assert_eq!(
        list[0],
        json!({"label": "Summer '14", "url": "/services/data/v31.0", "version": "31.0"})
    );
    assert_eq!(list[35]["label"], "Spring '26");
    assert_eq!(list.as_array().unwrap().last().unwrap()["label"], "Summer '26");
    let bearer = api.bearer();
    let headers = [("authorization", bearer.as_str())];
    for (version, status) in [
        ("v30.0", 410),
        ("v20.0", 410),
        ("v31.0", 200),
        ("v68.0", 404),
        ("60.0", 404),
    ] {
        let path = format!("/services/data/{version}/limits");
        assert_eq!(
            api.send("GET", &path, &headers, "").await.status,
            status,
            "{version}"
        );
    }
}

#[tokio::test]
async fn recorded_headers_are_there() {
    let api = start().await;
    let reply = api.get("/limits/").await;
    assert_eq!(reply.status, 200, "a trailing slash is accepted");
    assert_eq!(reply.header("content-type"), "application/json;charset=UTF-8");
    assert_eq!(reply.header("sforce-limit-info"), "api-usage=1/15000");
    assert_eq!(
        reply.header("cache-control"),
        "no-cache,must-revalidate,max-age=0,no-store,private"
    );
    assert_eq!(reply.header("x-request-id").len(), 32);
    assert_eq!(reply.header("x-request-id"), reply.header("x-sfdc-request-id"));
    assert_eq!(reply.headers.get_all("set-cookie").iter().count(), 3);
    assert_eq!(
        api.get("/limits").await.header("sforce-limit-info"),
        "api-usage=2/15000"
    );
}

#[tokio::test]
async fn the_daily_limit_ends_calls_and_the_app_has_its_own_meter() {
    let api = start_with(|options| options.daily_limit = 2).await;
    api.control(
        "settings",
        json!({"per_app": {"name": "sample", "used": 17, "max": 250}}),
    )
    .await;
    let reply = api.get("/limits").await;
    assert_eq!(
        reply.header("sforce-limit-info"),
        "api-usage=1/2; per-app-api-usage=18/250(appName=sample)"
    );
    assert_eq!(
        reply.json()["DailyApiRequests"],
        json!({"Max": 2, "Remaining": 1})
    );
    assert_eq!(api.get("/limits").await.status, 200);
    let reply = api.get("/limits").await;
    assert_eq!(reply.status, 403);
    assert_eq!(
        reply.text(),
        r#"[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]"#
    );
    assert_eq!(reply.header("retry-after"), "");
}

#[tokio::test]
async fn a_row_lives_from_create_to_delete() {
    let api = start().await;
    let made = api
        .json("POST", "/sobjects/account/", &json!({"Name": "Ünïcode & Co"}))
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 18);
    assert_eq!(
        made.text(),
        format!(r#"{{"id":"{id}","success":true,"errors":[]}}"#)
    );
    let path = format!("/sobjects/Account/{id}");
    assert_eq!(made.header("location"), format!("/services/data/v60.0{path}"));
    let row = api.get(&format!("{path}?fields=Name,Id")).await;
    assert_eq!(row.json()["Name"], "Ünïcode & Co");
    assert_eq!(
        row.json()["attributes"]["url"],
        format!("/services/data/v60.0{path}")
    );
    assert!(row.text().starts_with(r#"{"attributes":"#), "{}", row.text());
    let short = api.get(&format!("/sobjects/Account/{}", &id[..15])).await;
    assert_eq!(short.json()["Id"], id.as_str(), "15 characters in, 18 out");
    let patched = api
        .json("PATCH", &path, &json!({"Name": "New", "Phone": null}))
        .await;
    assert_eq!((patched.status, patched.body.len()), (204, 0));
    let posted = api
        .json(
            "POST",
            &format!("{path}?_HttpMethod=PATCH"),
            &json!({"Name": "Newer"}),
        )
        .await;
    assert_eq!(posted.status, 204, "{}", posted.text());
    assert_eq!(api.get(&path).await.json()["Name"], "Newer");
    assert_eq!(api.json("DELETE", &path, &json!({})).await.status, 204);
    let gone = api.get(&path).await;
    assert_eq!(
        (gone.status, gone.text().as_str()),
        (
            404,
            r#"[{"message":"entity is deleted","errorCode":"ENTITY_IS_DELETED","fields":[]}]"#
        )
    );
}

#[tokio::test]
async fn upsert_by_an_encoded_external_id_creates_then_updates() {
    let api = start().await;
    let email = "a+b/c?d#e%40@example.com";
    let path = format!("/sobjects/Contact/Email/{}", escape("ann+sales@example.com"));
    let made = api.json("PATCH", &path, &json!({"LastName": "Ann"})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let body = made.json();
    assert_eq!(body["created"], true);
    let again = api.json("PATCH", &path, &json!({"LastName": "Anne"})).await;
    assert_eq!(again.status, 200);
    assert_eq!(
        again.json(),
        json!({"id": body["id"], "success": true, "errors": [], "created": false})
    );
    let bearer = api.bearer();
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let old = format!("/services/data/v45.0{path}");
    let reply = api.send("PATCH", &old, &headers, r#"{"LastName":"Anna"}"#).await;
    assert_eq!((reply.status, reply.body.len()), (204, 0), "before v46");
    let found = api.get(&path).await;
    assert_eq!(found.json()["LastName"], "Anna");
    let missing = api
        .get(&format!("/sobjects/Contact/Email/{}", escape(email)))
        .await;
    assert_eq!(missing.status, 404);
    let extension = api
        .get(&format!("/sobjects/Contact/Email/{}", escape("ann@company.inc")))
        .await;
    assert_eq!(
        (extension.status, extension.text().as_str()),
        (
            404,
            r#"[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]"#
        )
    );
    let only = api
        .json(
            "PATCH",
            &format!(
                "/sobjects/Contact/Email/{}?updateOnly=true",
                escape("nobody@example.com")
            ),
            &json!({"LastName": "No"}),
        )
        .await;
    assert_eq!(only.status, 404);
}

#[tokio::test]
async fn several_matches_answer_300_with_their_paths() {
    let api = start().await;
    for name in ["One", "Two"] {
        let body = json!({"LastName": name, "Email": "twins@example.com"});
        assert_eq!(api.json("POST", "/sobjects/Contact", &body).await.status, 201);
    }
    let path = format!("/sobjects/Contact/Email/{}", escape("twins@example.com"));
    let reply = api.json("PATCH", &path, &json!({"Title": "x"})).await;
    assert_eq!(reply.status, 300);
    let paths = reply.json();
    assert_eq!(paths.as_array().unwrap().len(), 2);
    assert!(
        paths[0]
            .as_str()
            .unwrap()
            .starts_with("/services/data/v60.0/sobjects/Contact/003")
    );
}

#[tokio::test]
async fn describe_answers_304_until_the_schema_changes() {
    let api = start().await;
    let first = api.get("/sobjects/Contact/describe").await;
    assert_eq!(first.status, 200);
    assert!(first.json()["fields"].as_array().unwrap().len() > 20);
    let date = first.header("last-modified").to_owned();
    assert!(date.ends_with(" GMT"), "{date}");
    let bearer = api.bearer();
    let headers = [
        ("authorization", bearer.as_str()),
        ("if-modified-since", date.as_str()),
    ];
    for path in ["/sobjects/Contact/describe", "/sobjects"] {
        let path = format!("/services/data/v60.0{path}");
        let reply = api.send("GET", &path, &headers, "").await;
        assert_eq!((reply.status, reply.body.len()), (304, 0));
    }
    api.control("clock", json!({"advance_ms": 5_000})).await;
    api.control(
        "fields",
        json!({"action": "hide", "object": "Contact", "field": "Title"}),
    )
    .await;
    let reply = api
        .send(
            "GET",
            "/services/data/v60.0/sobjects/Contact/describe",
            &headers,
            "",
        )
        .await;
    assert_eq!(reply.status, 200);
    let names: Vec<Value> = reply.json()["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["name"].clone())
        .collect();
    assert!(!names.contains(&json!("Title")), "a hidden field does not exist");
}

#[tokio::test]
async fn the_small_resources_answer() {
    let api = start().await;
    let root = api.get("").await.json();
    assert_eq!(root["query"], "/services/data/v60.0/query");
    assert!(root["identity"].as_str().unwrap().contains("/id/00D"));
    let global = api.get("/sobjects").await.json();
    assert_eq!(global["maxBatchSize"], 200);
    assert!(api.get("/sobjects/Account").await.json()["objectDescribe"].is_object());
    let counts = api.get("/limits/recordCount?sObjects=Account,Nope").await.json();
    assert_eq!(counts, json!({"sObjects": [{"count": 30, "name": "Account"}]}));
    assert!(api.get("/limits").await.json().as_object().unwrap().len() > 55);
    assert!(api.get("/recent?limit=3").await.json().is_array());
    let clock = api.visit("/__control/clock", "").await.json();
    let now = jiff::Timestamp::from_millisecond(clock["now_ms"].as_i64().unwrap()).unwrap();
    let yesterday = now - jiff::SignedDuration::from_hours(24);
    let window = format!(
        "start={yesterday}&end={}",
        escape(&now.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string())
    );
    let updated = api.get(&format!("/sobjects/Account/updated?{window}")).await;
    assert!(updated.json()["ids"].is_array(), "{}", updated.text());
    let deleted = api.get(&format!("/sobjects/Account/deleted?{window}")).await;
    assert!(deleted.json()["deletedRecords"].is_array(), "{}", deleted.text());
    let bad = api.get("/sobjects/Account/updated?start=soon&end=later").await;
    assert_eq!(bad.status, 400);
    let lead = api
        .json("POST", "/actions/standard/convertLead", &json!({"inputs": [{}]}))
        .await;
    assert_eq!(
        (lead.status, lead.text().as_str()),
        (
            404,
            r#"[{"errorCode":"NOT_FOUND","message":"Invalid Action Type"}]"#
        )
    );
}

#[tokio::test]
async fn pretty_and_zipped_answers_say_the_same() {
    let api = start().await;
    let bearer = api.bearer();
    let plain = api.get("/sobjects").await;
    let path = "/services/data/v60.0/sobjects";
    let headers = [("authorization", bearer.as_str()), ("x-prettyprint", "1")];
    let pretty = api.send("GET", path, &headers, "").await;
    assert!(
        pretty.text().contains("\n  \"maxBatchSize\" : 200"),
        "{}",
        &pretty.text()[..200]
    );
    assert_eq!(pretty.json(), plain.json());
    let headers = [
        ("authorization", bearer.as_str()),
        ("accept-encoding", "br, gzip"),
    ];
    let zipped = api.send("GET", path, &headers, "").await;
    assert_eq!(zipped.header("content-encoding"), "gzip");
    assert!(zipped.body.len() * 3 < plain.body.len());
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&zipped.body[..]), &mut text).unwrap();
    assert_eq!(text, plain.body);
}

#[tokio::test]
async fn a_zipped_request_body_is_read() {
    let api = start().await;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, br#"{"Name":"Zipped"}"#).unwrap();
    let bearer = api.bearer();
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("content-encoding", "gzip"),
    ];
    let reply = api
        .send(
            "POST",
            "/services/data/v60.0/sobjects/Account",
            &headers,
            encoder.finish().unwrap(),
        )
        .await;
    assert_eq!(reply.status, 201, "{}", reply.text());
}

#[tokio::test]
async fn rows_have_dates_to_compare_with() {
    let api = start().await;
    let made = api
        .json("POST", "/sobjects/Account", &json!({"Name": "Dated"}))
        .await
        .json();
    let path = format!(
        "/services/data/v60.0/sobjects/Account/{}",
        made["id"].as_str().unwrap()
    );
    let bearer = api.bearer();
    let ask = async |name: &str, date: &str| {
        let headers = [("authorization", bearer.as_str()), (name, date)];
        api.send("GET", &path, &headers, "").await.status
    };
    assert_eq!(
        ask("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT").await,
        304
    );
    assert_eq!(
        ask("if-modified-since", "Sat, 01 Jan 2000 00:00:00 GMT").await,
        200
    );
    assert_eq!(
        ask("if-unmodified-since", "Sat, 01 Jan 2000 00:00:00 GMT").await,
        412
    );
}
