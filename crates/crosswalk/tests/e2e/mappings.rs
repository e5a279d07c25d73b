//! Overrides over HTTP: put, previewed, merged, removed, in effect at once on every node.

use crate::support::org::{is_wide, usual_warnings};
use crate::support::{Backend, Caller, Plan, World, both};
use serde_json::{Value, json};

/// The widely published contact mapping, as people bring it.
const PUBLISHED: &str = include_str!("published_mapping.yaml");

async fn put(caller: &Caller<'_>, path: &str, document: &str) -> crate::support::Reply {
    caller
        .world
        .client
        .send_text(
            "PUT",
            &caller.world.url(path),
            &caller.headers(),
            "application/yaml",
            document,
        )
        .await
}

both!(an_override_takes_effect_at_once_and_goes_when_removed);
async fn an_override_takes_effect_at_once_and_goes_when_removed(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let before = caller.contacts("limit=1").await;
    assert!(before["result"][0].get("shout").is_none());
    let document = "methods:\n  list:\n    response_mapping: 'response.{ \"shout\": $uppercase(LastName) }'\n  get:\n    response_mapping: 'response.{ \"shout\": $uppercase(LastName) }'\n";
    let path = format!("/connections/{}/mappings/contacts", caller.connection_id);
    for path in ["/mappings/salesforce/contacts", path.as_str()] {
        let reply = put(&caller, path, document).await;
        assert!(matches!(reply.status, 200 | 201), "{path}: {reply:?}");
        let page = caller.contacts("limit=3").await;
        for contact in page["result"].as_array().expect("records") {
            let name = contact["last_name"].as_str().expect("a name");
            assert_eq!(
                contact["shout"].as_str(),
                Some(name.to_uppercase().as_str()),
                "{page}"
            );
        }
        let meta = caller.get("/unified/meta/crm/contacts").await.json();
        assert!(
            meta["sources"]
                .to_string()
                .contains(if path.starts_with("/mappings") {
                    "tenant"
                } else {
                    "connection"
                }),
            "{meta}"
        );
        let reply = caller.send("DELETE", path, None).await;
        assert!(matches!(reply.status, 200 | 204), "{path}: {reply:?}");
        assert!(
            caller.contacts("limit=1").await["result"][0]
                .get("shout")
                .is_none()
        );
    }
}

both!(an_override_is_seen_by_every_node);
async fn an_override_is_seen_by_every_node(backend: Backend) {
    let nodes = if backend == Backend::Postgres { 2 } else { 1 };
    let world = World::build(Plan::new(backend).nodes(nodes)).await;
    let caller = world.connected().await;
    for node in 0..nodes {
        assert_eq!(
            caller.get_on(node, "/unified/crm/contacts?limit=1").await.status,
            200
        );
    }
    let document = "methods:\n  list:\n    response_mapping: 'response.{ \"marked\": true }'\n";
    assert!(
        put(&caller, "/mappings/salesforce/contacts", document)
            .await
            .status
            < 300
    );
    for node in 0..nodes {
        let mut is_seen = false;
        // Within a second; ten times that on a busy machine.
        for _ in 0..200 {
            let page = caller.get_on(node, "/unified/crm/contacts?limit=1").await.json();
            is_seen = page["result"][0]["marked"] == true;
            if is_seen {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert!(is_seen, "node {node}");
    }
}

both!(the_published_mapping_works_verbatim);
async fn the_published_mapping_works_verbatim(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let reply = put(&caller, "/mappings/salesforce/contacts", PUBLISHED).await;
    assert!(reply.status < 300, "{reply:?}");
    // The mapping looks at every field of a record with a regular expression: of 900 fields, a debug build does so for a few
    // records only in the time that an expression may take.
    let limit = if is_wide() { 4 } else { 200 };
    let page = caller
        .contacts(&format!(
            "limit={limit}&fields=id,name,email_addresses,phone_numbers,custom_fields"
        ))
        .await;
    let records = page["result"].as_array().expect("records");
    assert!(!records.is_empty());
    for contact in records {
        assert!(
            contact["phone_numbers"].is_array(),
            "none, one or several: a list: {contact}"
        );
        let custom = contact["custom_fields"].as_object().expect("an object");
        let is_dropped = |value: &Value| *value == json!(false) || value.as_f64() == Some(0.0);
        // Of a record that has nothing else it answers nothing, and what lies below shows.
        assert!(
            !custom.values().any(is_dropped) || custom.values().all(is_dropped),
            "this mapping drops them: {contact}"
        );
    }
    let email = records
        .iter()
        .find_map(|contact| contact["email_addresses"][0]["email"].as_str())
        .expect("an address");
    let encoded: String = url::form_urlencoded::byte_serialize(email.as_bytes()).collect();
    let shown = caller
        .get(&format!(
            "/unified/crm/contacts?email_addresses={encoded}&dry_run=true"
        ))
        .await
        .json();
    assert!(
        shown["query"]
            .as_str()
            .is_some_and(|soql| soql.contains(&format!("Email = '{email}'"))),
        "{shown}"
    );
    let found = caller.contacts(&format!("email_addresses={encoded}")).await;
    assert!(found["result_count"].as_u64() >= Some(1));
    let hostile = caller
        .get("/unified/crm/contacts?email_addresses=x'%20OR%20Name%20!=%20'")
        .await;
    assert_eq!(
        (hostile.status, &hostile.json()["result_count"]),
        (200, &json!(0)),
        "{hostile:?}"
    );
    let hostile = caller
        .get("/unified/crm/contacts?search_term=x%7D%20RETURNING%20User(Id)")
        .await;
    assert_eq!(
        (hostile.status, &hostile.json()["result_count"]),
        (200, &json!(0)),
        "{hostile:?}"
    );
}

both!(a_preview_shows_a_real_record_before_and_after);
async fn a_preview_shows_a_real_record_before_and_after(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let id = caller.contacts("limit=1").await["result"][0]["id"].clone();
    let document =
        "methods:\n  get:\n    response_mapping: 'response.{ \"initial\": $substring(LastName, 0, 1) }'\n";
    let path = format!("/connections/{}/mappings/contacts/preview", caller.connection_id);
    let reply = caller
        .send(
            "POST",
            &path,
            Some(&json!({ "document": document, "record_id": id })),
        )
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let shown = reply.json();
    assert!(shown["before"].get("initial").is_none(), "{shown}");
    assert_eq!(
        shown["after"]["initial"]
            .as_str()
            .map(str::len)
            .map(|length| length > 0),
        Some(true),
        "{shown}"
    );
    assert!(
        caller.contacts("limit=1").await["result"][0]
            .get("initial")
            .is_none(),
        "a preview keeps nothing"
    );
}

both!(a_mistake_is_refused_with_its_place_and_the_old_override_stays);
async fn a_mistake_is_refused_with_its_place_and_the_old_override_stays(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let good = "methods:\n  list:\n    response_mapping: 'response.{ \"good\": 1 }'\n";
    assert!(put(&caller, "/mappings/salesforce/contacts", good).await.status < 300);
    for (document, named) in [
        (
            "methods:\n  list:\n    response_mapping: 'response.{ \"a\": '\n",
            "response_mapping",
        ),
        ("methods: [1\n", "line"),
        ("shoes: 1\n", "shoes"),
        (
            "methods:\n  list:\n    response_mapping: '$eval(\"1\")'\n",
            "eval",
        ),
    ] {
        let reply = put(&caller, "/mappings/salesforce/contacts", document).await;
        assert!(matches!(reply.status, 400 | 422), "{document}: {reply:?}");
        assert!(reply.text().contains(named), "{document}: {}", reply.text());
        assert_eq!(
            caller.contacts("limit=1").await["result"][0]["good"],
            1,
            "the old one stays"
        );
    }
    let huge = format!("# {}\n{good}", "x".repeat(70_000));
    assert!(matches!(
        put(&caller, "/mappings/salesforce/contacts", &huge).await.status,
        400 | 413 | 422
    ));
    let unknown = put(&caller, "/mappings/nobody/contacts", good).await;
    assert!(matches!(unknown.status, 400 | 404), "{unknown:?}");
}

both!(claim_38_a_runaway_expression_harms_nobody_else);
async fn claim_38_a_runaway_expression_harms_nobody_else(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let other_tenant = world.tenant("Other").await;
    let other = Caller {
        world: &world,
        connection_id: world.connect(&other_tenant, "acme").await,
        tenant: other_tenant,
    };
    for expression in [
        "($f := function($x) { $f($x + 1) }; response.{ \"a\": $f(1) })",
        "($f := function($x) { 1 + $f($x) }; response.{ \"a\": $f(1) })",
        "response.{ \"a\": $contains(\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\", /^(a+)+$/) }",
        "response.{ \"a\": $pad(\"\", 1000000000) }",
        "response.{ \"a\": [1..9999999].($ * 2) }",
        "($x := {\"a\": 1}; $d := function($v, $n) { $n = 0 ? $v : $d({\"a\": $v, \"b\": $v}, $n - 1) }; $d($x, 60))",
    ] {
        let document =
            serde_json::to_string(&json!({ "methods": { "list": { "response_mapping": expression } } }))
                .expect("JSON");
        let reply = put(&caller, "/mappings/salesforce/contacts", &document).await;
        if reply.status >= 400 {
            assert!(matches!(reply.status, 400 | 422), "refused when put: {reply:?}");
            continue;
        }
        let (harmed, unharmed) = tokio::join!(
            caller.get("/unified/crm/contacts?limit=50"),
            other.get("/unified/crm/contacts?limit=50")
        );
        assert_eq!(unharmed.status, 200, "{expression}: {unharmed:?}");
        // An endless tail call and a huge range are stopped; a regex in linear time may simply answer.
        assert!(matches!(harmed.status, 200 | 422), "{expression}: {harmed:?}");
        if harmed.status == 422 {
            assert_eq!(harmed.code(), "mapping_failed", "{expression}: {harmed:?}");
        }
        assert_eq!(world.client.get(&world.url("/livez"), &[]).await.status, 200);
    }
    caller.send("DELETE", "/mappings/salesforce/contacts", None).await;
    assert_eq!(caller.get("/unified/crm/contacts?limit=1").await.status, 200);
    let _: Value = other.contacts("limit=1").await;
}

both!(a_field_that_the_customer_renames_is_told_and_its_new_name_suggested);
async fn a_field_that_the_customer_renames_is_told_and_its_new_name_suggested(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let path = format!("/connections/{}/mappings/contacts", caller.connection_id);
    let mapped = |field: &str| format!("field_map: {{source_channel: {field}}}");
    assert_eq!(put(&caller, &path, &mapped("Lead_Source__c")).await.status, 200);
    let first = caller.contacts("limit=1").await;
    assert_eq!(first["warnings"], json!(usual_warnings("Contact")), "{first}");
    let id = first["result"][0]["id"].as_str().expect("an id").to_owned();
    let body = json!({ "source_channel": "Partner" });
    let written = caller
        .send("PATCH", &format!("/unified/crm/contacts/{id}"), Some(&body))
        .await;
    assert_eq!(written.json()["source_channel"], "Partner", "{written:?}");

    world
        .simulator
        .org()
        .rename_field("Contact", "Lead_Source__c", "Marketing_Channel__c")
        .expect("a field");
    for _ in 0..2 {
        let page = caller.contacts(&format!("id={id}")).await;
        assert_eq!(page["result"][0]["source_channel"], json!(null), "{page}");
        assert_eq!(
            page["result"][0]["custom_fields"]["Marketing_Channel__c"], "Partner",
            "{page}"
        );
        let warnings = page["warnings"].as_array().expect("warnings");
        let told = warnings.iter().filter_map(|warning| warning.as_str());
        let told: Vec<&str> = told
            .filter(|warning| warning.contains("`source_channel` is null"))
            .collect();
        assert_eq!(told.len(), 1, "{page}");
        assert!(told[0].contains("Marketing_Channel__c now"), "{}", told[0]);
    }
    let events = caller.get("/events?type=connection.schema_drift").await.json();
    assert_eq!(events["result_count"], 1, "told once: {events}");
    let event = &events["result"][0];
    assert_eq!(event["connection_id"], caller.connection_id.as_str(), "{event}");
    assert_eq!(
        (&event["data"]["object"], &event["data"]["gone"]),
        (
            &json!("Contact"),
            &json!([{"field": "Lead_Source__c", "now_perhaps": "Marketing_Channel__c"}])
        ),
        "{event}"
    );
    let path_of_event = format!("/events/{}", event["id"].as_str().expect("an id"));
    assert_eq!(&caller.get(&path_of_event).await.json(), event);
    let one = caller.get(&format!("/unified/crm/contacts/{id}")).await;
    let header = one
        .header("x-crosswalk-warnings")
        .expect("a record tells its warnings in a header");
    assert!(header.contains("Marketing_Channel__c"), "{header}");

    assert_eq!(
        put(&caller, &path, &mapped("Marketing_Channel__c")).await.status,
        200
    );
    let page = caller.contacts("source_channel=Partner").await;
    assert_eq!(page["result"][0]["id"], id, "{page}");
    assert_eq!(page["result"][0]["source_channel"], "Partner", "{page}");
    assert_eq!(page["warnings"], json!(usual_warnings("Contact")), "{page}");
}
