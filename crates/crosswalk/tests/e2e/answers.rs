//! The check that every answer of these tests goes through finds what it is there to find.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};

use crate::support::Reply;
use crate::support::answers::check;

fn reply(status: u16, content_type: &'static str, body: &Value) -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", http::HeaderValue::from_static(content_type));
    Reply {
        status,
        headers,
        body: Bytes::from(body.to_string()),
    }
}

fn contact(path: &str, query: &str, status: u16, body: &Value) -> Result<(), String> {
    check("GET", path, query, &reply(status, "application/json", body))
}

/// A contact with every field of the description, each of them empty.
fn whole() -> Value {
    let description: Value =
        serde_json::from_str(include_str!("../../../../docs/openapi.json")).expect("JSON");
    let properties = &description["components"]["schemas"]["contacts"]["properties"];
    let properties = properties.as_object().expect("properties").iter();
    let properties = properties.filter(|(_, property)| property["x-on-request"] != true);
    let mut record: Value = properties
        .map(|(name, property)| {
            let empty = match property["type"].as_str() {
                Some("array") => json!([]),
                Some("object") => json!({}),
                Some("string") => json!("003"),
                _ => Value::Null,
            };
            (name.clone(), empty)
        })
        .collect();
    record["created_at"] = json!("2026-05-01T07:25:37.000Z");
    record
}

#[test]
fn an_answer_as_described_is_let_through() {
    let page = json!({"result": [whole()], "next_cursor": null, "prev_cursor": null, "result_count": 1});
    contact("/unified/crm/contacts", "limit=1", 200, &page).expect("a page");
    contact("/unified/crm/contacts/003", "", 200, &whole()).expect("a record");
    let trimmed = json!({"id": "003"});
    contact("/unified/crm/contacts/003", "fields=id", 200, &trimmed).expect("what was asked for");
    check("GET", "/services/data", "", &reply(500, "text/html", &json!("x"))).expect("not the gateway's");
}

#[test]
fn an_answer_out_of_its_description_is_refused() {
    let with = |name: &str, value: Value| {
        let mut record = whole();
        record[name] = value;
        record
    };
    let problem = |status: u16| {
        json!({"type": "https://x.example/y", "title": "t", "status": status, "detail": "d", "code": "not_found",
               "retryable": false, "is_remote_error": false, "request_id": "r"})
    };
    let one = "/unified/crm/contacts/003";
    for (wrong, said) in [
        (contact(one, "", 200, &with("id", json!(5))), "id"),
        (
            contact(one, "", 200, &with("email_opt_out", json!("yes"))),
            "email_opt_out",
        ),
        (
            contact(one, "", 200, &with("birthday", json!("May 1"))),
            "birthday",
        ),
        (
            contact(one, "", 200, &with("created_at", json!("2026-05-01 07:25"))),
            "created_at",
        ),
        (
            contact(one, "", 200, &with("addresses", json!([{"type": "pigeon"}]))),
            "addresses",
        ),
        (contact(one, "", 200, &json!({"id": "003"})), "missing"),
        (
            contact("/unified/crm/contacts", "", 200, &json!({"result": []})),
            "next_cursor",
        ),
        (contact(one, "", 202, &whole()), "202"),
        (contact(one, "", 404, &problem(404)), "application/json"),
        (
            contact("/unified/crm/nowhere/at/all", "", 200, &json!({})),
            "application/json",
        ),
        (
            check(
                "GET",
                one,
                "",
                &reply(404, "application/problem+json", &json!({"code": "not_found"})),
            ),
            "request_id",
        ),
        (
            check("GET", one, "", &reply(304, "application/json", &whole())),
            "body",
        ),
    ] {
        let told = wrong.expect_err(said);
        assert!(told.contains(said), "{told}");
    }
    let right = reply(404, "application/problem+json", &problem(404));
    check("GET", one, "", &right).expect("a problem");
}
