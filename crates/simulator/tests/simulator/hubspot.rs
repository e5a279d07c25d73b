//! The HubSpot portal: records and links; and what its other tests share.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Api, Reply, parameter, start};

/// A session of the portal on a running simulator.
pub(crate) struct Portal {
    pub(crate) api: Api,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

pub(crate) async fn portal() -> Portal {
    sign_in(start().await, json!({})).await
}

pub(crate) async fn sign_in(api: Api, body: Value) -> Portal {
    let session = api.control("hubspot/session", body).await;
    let text = |key: &str| session[key].as_str().unwrap().to_owned();
    let (access, refresh) = (text("access_token"), text("refresh_token"));
    Portal { api, access, refresh }
}

impl Portal {
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let bearer = format!("Bearer {}", self.access);
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        self.api.send(method.as_str(), path, &headers, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Creates a record; gives its id.
    pub(crate) async fn make(&self, object: &str, properties: Value) -> String {
        let body = json!({"properties": properties});
        let reply = self.post(&format!("/crm/v3/objects/{object}"), body).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        reply.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn token(&self, pairs: &[(&str, &str)]) -> Reply {
        let mut all = vec![
            ("client_id", "simulator-client-id"),
            ("client_secret", "simulator-client-secret"),
        ];
        all.retain(|(name, _)| !pairs.iter().any(|(other, _)| other == name));
        all.extend_from_slice(pairs);
        self.api.form("/oauth/v1/token", &all).await
    }
}

/// The body without what no two answers share.
pub(crate) fn without_id(reply: &Reply) -> String {
    let mut body = reply.json();
    let id = body["correlationId"]
        .as_str()
        .expect("a correlation id")
        .to_owned();
    assert_eq!(id.len(), 36);
    assert_eq!(reply.header("x-hubspot-correlation-id"), id);
    body["correlationId"] = json!("…");
    body.to_string()
}

#[tokio::test]
async fn a_record_lives_from_create_to_archive() {
    let portal = portal().await;
    let properties = json!({
        "email": "Zoë.New@Example.com", "firstname": "Zoë 美咲 🎉", "loyalty_points": 0, "is_vip": false,
        "favourite_colours": "grün;red", "contract_end_date": "2026-05-01", "last_survey_at": 1_777_620_337_123_i64,
    });
    let made = portal
        .post("/crm/v3/objects/contacts", json!({"properties": properties}))
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    assert_eq!(made["properties"]["email"], "zoë.new@example.com");
    assert_eq!(made["properties"]["loyalty_points"], "0");
    assert_eq!(made["properties"]["is_vip"], "false");
    assert_eq!(made["properties"]["contract_end_date"], "2026-05-01");
    assert_eq!(made["properties"]["last_survey_at"], "2026-05-01T07:25:37.123Z");
    assert_eq!(made["archived"], false);
    let id = made["id"].as_str().unwrap();
    let path = format!("/crm/v3/objects/contacts/{id}");

    let read = portal
        .get(&format!("{path}?properties=firstname,nickname,no_such_thing"))
        .await
        .json();
    let expected: Vec<&str> = read["properties"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        expected,
        [
            "createdate",
            "firstname",
            "hs_object_id",
            "lastmodifieddate",
            "nickname"
        ]
    );
    assert_eq!(read["properties"]["nickname"], Value::Null);
    assert_eq!(read["properties"]["createdate"], read["createdAt"]);

    let change = json!({"properties": {"favourite_colours": ";blue", "is_vip": ""}});
    let changed = portal.call(Method::PATCH, &path, Some(change)).await.json();
    assert_eq!(changed["properties"]["favourite_colours"], "grün;red;blue");
    assert_eq!(changed["properties"]["is_vip"], Value::Null);
    assert!(changed["updatedAt"].as_str() >= made["updatedAt"].as_str());

    let by_email = "/crm/v3/objects/contacts/ZO%C3%8B.new@example.com?idProperty=email";
    assert_eq!(portal.get(by_email).await.json()["id"], id);
    let bad = portal.get("/crm/v3/objects/contacts/x?idProperty=lastname").await;
    assert_eq!(
        (bad.status, bad.json()["category"].as_str().unwrap()),
        (400, "VALIDATION_ERROR")
    );

    for _ in 0..2 {
        assert_eq!(portal.call(Method::DELETE, &path, None).await.status, 204);
    }
    let gone = portal.get(&path).await;
    assert_eq!(gone.status, 404);
    assert_eq!(
        without_id(&gone),
        r#"{"status":"error","message":"resource not found","correlationId":"…","category":"OBJECT_NOT_FOUND"}"#
    );
    let archived = portal.get(&format!("{path}?archived=true")).await.json();
    assert_eq!(archived["archived"], true);
    assert!(archived["archivedAt"].is_string());
    assert_eq!(
        portal
            .call(Method::PATCH, &path, Some(json!({"properties": {}})))
            .await
            .status,
        404
    );
    assert_eq!(
        portal
            .call(Method::DELETE, "/crm/v3/objects/contacts/1", None)
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn bad_values_are_all_named() {
    let portal = portal().await;
    let properties = json!({"email": "a@b.co", "x": "1", "loyalty_points": "many", "is_vip": "perhaps", "hs_object_id": "5"});
    let reply = portal
        .post("/crm/v3/objects/contacts", json!({"properties": properties}))
        .await;
    assert_eq!(reply.status, 400);
    let body = reply.json();
    assert_eq!(body["category"], "VALIDATION_ERROR");
    let codes: Vec<&str> = body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["code"].as_str().unwrap())
        .collect();
    assert_eq!(
        codes,
        [
            "PROPERTY_DOESNT_EXIST",
            "INVALID_LONG",
            "INVALID_OPTION",
            "READ_ONLY_VALUE"
        ]
    );
    assert_eq!(body["errors"][0]["context"]["propertyName"], json!(["x"]));
    let only = portal
        .post(
            "/crm/v3/objects/contacts",
            json!({"properties": {"email": "a@b.co", "x": "1"}}),
        )
        .await;
    assert_eq!(
        without_id(&only),
        r#"{"status":"error","message":"Property values were not valid: [{\"isValid\":false,\"message\":\"Property \\\"x\\\" does not exist\",\"error\":\"PROPERTY_DOESNT_EXIST\",\"name\":\"x\",\"localizedErrorMessage\":\"Property \\\"x\\\" does not exist\",\"portalId\":48600123}]","correlationId":"…","category":"VALIDATION_ERROR","errors":[{"message":"Property \"x\" does not exist","code":"PROPERTY_DOESNT_EXIST","context":{"propertyName":["x"]}}]}"#
    );
    for (object, properties, text) in [
        ("contacts", json!({"email": "no address"}), "INVALID_EMAIL"),
        (
            "contacts",
            json!({"lastname": "x", "hubspot_owner_id": "1"}),
            "INVALID_OWNER_ID",
        ),
        (
            "contacts",
            json!({"lastname": "x", "contract_end_date": "1777620337000"}),
            "not midnight",
        ),
        (
            "contacts",
            json!({"lastname": "x", "last_survey_at": "9999999999999999"}),
            "INVALID_DATE",
        ),
        (
            "contacts",
            json!({"lastname": "x", "associatedcompanyid": "1"}),
            "associatedcompanyid",
        ),
        ("contacts", json!({}), "required properties"),
        ("deals", json!({"dealname": "x"}), "dealstage"),
        (
            "deals",
            json!({"dealname": "x", "dealstage": "884123001"}),
            "INVALID_OPTION",
        ),
        (
            "deals",
            json!({"dealname": "x", "dealstage": "1", "pipeline": "0"}),
            "INVALID_OPTION",
        ),
        ("notes", json!({"hs_note_body": "x"}), "hs_timestamp"),
        ("contacts", json!({"lastname": {"a": 1}}), "lastname"),
        ("contacts", json!([1]), "properties"),
        ("nothings", json!({}), "nothings"),
    ] {
        let body = json!({"properties": properties});
        let reply = portal.post(&format!("/crm/v3/objects/{object}"), body).await;
        assert_eq!(reply.status, 400, "{object} {}", reply.text());
        assert!(reply.text().contains(text), "{object} {text}: {}", reply.text());
    }
    for body in ["", "[]", "{", "null"] {
        let bearer = format!("Bearer {}", portal.access);
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let reply = portal
            .api
            .send("POST", "/crm/v3/objects/contacts", &headers, body)
            .await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(
            reply.text().contains("Invalid input JSON on line"),
            "{}",
            reply.text()
        );
    }
}

#[tokio::test]
async fn addresses_and_other_unique_values_are_held_once() {
    let portal = portal().await;
    let id = portal
        .make("contacts", json!({"email": "once@example.com"}))
        .await;
    let twice = json!({"properties": {"email": "ONCE@example.com"}});
    let reply = portal.post("/crm/v3/objects/contacts", twice.clone()).await;
    assert_eq!(reply.status, 409);
    let message = format!("Contact already exists. Existing ID: {id}");
    let expected =
        json!({"status": "error", "message": message, "correlationId": "…", "category": "CONFLICT"});
    assert_eq!(without_id(&reply), expected.to_string());
    let other = portal
        .make("contacts", json!({"email": "other@example.com"}))
        .await;
    let path = format!("/crm/v3/objects/contacts/{other}");
    assert_eq!(portal.call(Method::PATCH, &path, Some(twice)).await.status, 409);
    let own = json!({"properties": {"email": "other@example.com"}});
    assert_eq!(portal.call(Method::PATCH, &path, Some(own)).await.status, 200);
    portal
        .make("companies", json!({"name": "A", "erp_number": "E1"}))
        .await;
    let reply = portal
        .post(
            "/crm/v3/objects/companies",
            json!({"properties": {"name": "B", "erp_number": "E1"}}),
        )
        .await;
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("already has that value"));

    let body = json!({"properties": {"email": "race@example.com"}});
    let replies =
        futures_util::future::join_all((0..8).map(|_| portal.post("/crm/v3/objects/contacts", body.clone())))
            .await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    assert_eq!(replies.iter().filter(|reply| reply.status == 409).count(), 7);
}

#[tokio::test]
async fn lists_page_through_every_record_once() {
    let portal = portal().await;
    let raw = portal
        .api
        .visit("/__control/hubspot/records/contacts", "")
        .await
        .json();
    let raw = raw["records"].as_array().unwrap().clone();
    let live = raw.iter().filter(|record| record["archived"] == false).count();
    let mut ids = Vec::new();
    let mut path = "/crm/v3/objects/contacts?limit=100&properties=email&associations=companies".to_owned();
    let base = portal.api.running.base_url();
    loop {
        let page = portal.get(&path).await.json();
        for record in page["results"].as_array().unwrap() {
            ids.push(record["id"].as_str().unwrap().to_owned());
        }
        let Some(link) = page["paging"]["next"]["link"].as_str() else {
            break;
        };
        assert_eq!(
            parameter(link, "after").unwrap(),
            page["paging"]["next"]["after"].as_str().unwrap()
        );
        link.strip_prefix(&base).unwrap().clone_into(&mut path);
    }
    assert_eq!(ids.len(), live);
    ids.dedup();
    assert_eq!(ids.len(), live);
    let archived = portal
        .get("/crm/v3/objects/contacts?limit=100&archived=true")
        .await
        .json();
    assert_eq!(archived["results"].as_array().unwrap().len(), raw.len() - live);
    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "after=x",
        "associations=nothings",
    ] {
        let reply = portal.get(&format!("/crm/v3/objects/contacts?{query}")).await;
        assert_eq!(reply.status, 400, "{query}");
    }
    assert_eq!(
        portal.get("/crm/v3/objects/contacts").await.json()["results"]
            .as_array()
            .unwrap()
            .len(),
        10
    );
}

#[tokio::test]
async fn links_are_seen_from_both_ends_and_one_company_is_primary() {
    let portal = portal().await;
    let first = portal.make("companies", json!({"name": "First"})).await;
    let second = portal.make("companies", json!({"name": "Second"})).await;
    let spec = |id: &str, kind: u64| json!({"to": {"id": id}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": kind}]});
    let body = json!({"properties": {"lastname": "Linked"}, "associations": [spec(&first, 279), spec(&second, 279)]});
    let id = portal.post("/crm/v3/objects/contacts", body).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path =
        format!("/crm/v3/objects/contacts/{id}?properties=associatedcompanyid&associations=companies,deals");
    let read = portal.get(&path).await.json();
    assert_eq!(read["properties"]["associatedcompanyid"], first);
    assert_eq!(
        read["associations"],
        json!({"companies": {"results": [
            {"id": first, "type": "contact_to_company"},
            {"id": first, "type": "contact_to_company_unlabeled"},
            {"id": second, "type": "contact_to_company_unlabeled"},
        ]}})
    );
    let change = json!({"properties": {"associatedcompanyid": second}});
    portal
        .call(
            Method::PATCH,
            &format!("/crm/v3/objects/contacts/{id}"),
            Some(change),
        )
        .await;
    assert_eq!(
        portal.get(&path).await.json()["properties"]["associatedcompanyid"],
        second
    );
    let links = portal
        .get(&format!(
            "/crm/v4/objects/companies/{second}/associations/contacts"
        ))
        .await
        .json();
    assert_eq!(
        links["results"],
        json!([{"toObjectId": id.parse::<u64>().unwrap(), "associationTypes": [
            {"category": "HUBSPOT_DEFINED", "typeId": 2, "label": "Primary"},
            {"category": "HUBSPOT_DEFINED", "typeId": 280, "label": null},
        ]}])
    );
    let note = portal
        .make(
            "notes",
            json!({"hs_timestamp": "2026-05-01T00:00:00Z", "hs_note_body": "Hi"}),
        )
        .await;
    let put = format!("/crm/v4/objects/notes/{note}/associations/default/contacts/{id}");
    assert_eq!(portal.call(Method::PUT, &put, None).await.status, 200);
    let read = portal
        .get(&format!("/crm/v3/objects/notes/{note}?associations=contact"))
        .await
        .json();
    assert_eq!(
        read["associations"]["contacts"]["results"][0]["type"],
        "note_to_contact"
    );
    let batch = json!({"inputs": [{"id": note}, {"id": "1"}]});
    let reply = portal
        .post("/crm/v4/associations/notes/contacts/batch/read", batch)
        .await;
    assert_eq!(reply.status, 207);
    assert_eq!(
        reply.json()["results"][0]["to"][0]["toObjectId"],
        id.parse::<u64>().unwrap()
    );
    assert_eq!(reply.json()["numErrors"], 1);
    let cut = format!("/crm/v4/objects/notes/{note}/associations/contacts/{id}");
    assert_eq!(portal.call(Method::DELETE, &cut, None).await.status, 204);
    let links = portal
        .get(&format!("/crm/v4/objects/contacts/{id}/associations/notes"))
        .await
        .json();
    assert_eq!(links["results"], json!([]));
    for bad in [
        spec("1", 279),
        spec(&first, 5),
        spec(&first, 0),
        json!({"to": {"id": first}}),
        json!(7),
    ] {
        let body = json!({"properties": {"lastname": "Unlinked"}, "associations": [bad]});
        assert_eq!(portal.post("/crm/v3/objects/contacts", body).await.status, 400);
    }
    let raw = portal
        .api
        .visit("/__control/hubspot/records/contacts", "")
        .await
        .text();
    assert!(
        !raw.contains("Unlinked"),
        "a refused create leaves nothing behind"
    );
}

#[tokio::test]
async fn a_deal_knows_where_its_stage_stands() {
    let portal = portal().await;
    let id = portal
        .make(
            "deals",
            json!({"dealname": "D", "dealstage": "qualifiedtobuy", "amount": "1000"}),
        )
        .await;
    let path = format!(
        "/crm/v3/objects/deals/{id}?properties=pipeline,hs_is_closed,hs_is_closed_won,hs_deal_stage_probability,hs_projected_amount"
    );
    let read = portal.get(&path).await.json()["properties"].clone();
    assert_eq!(read["pipeline"], "default");
    assert_eq!(
        (
            read["hs_is_closed"].as_str(),
            read["hs_projected_amount"].as_str()
        ),
        (Some("false"), Some("400"))
    );
    let won = json!({"properties": {"dealstage": "closedwon"}});
    portal
        .call(Method::PATCH, &format!("/crm/v3/objects/deals/{id}"), Some(won))
        .await;
    let read = portal.get(&path).await.json()["properties"].clone();
    assert_eq!(
        (
            read["hs_is_closed_won"].as_str(),
            read["hs_deal_stage_probability"].as_str()
        ),
        (Some("true"), Some("1.0"))
    );
}
