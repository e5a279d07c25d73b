//! What an org is made of: the fields of its resources, and objects of the customer's own.

use serde_json::{Value, json};

use crate::support::{Backend, World, both};

const DEALS: &str = "/unified/crm/custom_objects/Deal_Registration__c";

fn field<'a>(list: &'a Value, name: &str) -> &'a Value {
    let fields = list.as_array().expect("fields");
    fields
        .iter()
        .find(|field| field["name"] == name)
        .unwrap_or_else(|| panic!("no field {name}"))
}

both!(the_fields_of_a_resource_are_those_that_the_connections_user_sees);
async fn the_fields_of_a_resource_are_those_that_the_connections_user_sees(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    world
        .simulator
        .org()
        .hide_field("Contact", "Title", None)
        .expect("a field");
    let answer = caller.get("/unified/crm/fields?entity=contacts").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let fields = &answer.json()["result"];

    let email = field(fields, "Email");
    assert_eq!(
        (&email["type"], &email["unified_field"]),
        (&json!("email"), &json!("email_addresses"))
    );
    assert_eq!(
        (&email["is_custom"], &email["is_hidden"]),
        (&json!(false), &json!(false))
    );
    let score = field(fields, "LTV_Score__c");
    assert_eq!(
        (&score["type"], &score["is_custom"]),
        (&json!("decimal"), &json!(true))
    );
    assert_eq!(field(fields, "Ext_Id__c")["is_external_id"], true);
    let account = field(fields, "AccountId");
    assert_eq!(account["reference_entities"], json!(["accounts"]));
    let source = field(fields, "LeadSource");
    assert!(
        !source["options"].as_array().expect("options").is_empty(),
        "{source}"
    );
    let title = field(fields, "Title");
    assert_eq!(
        (&title["is_hidden"], &title["unified_field"]),
        (&json!(true), &json!("title"))
    );

    for (query, named) in [
        ("", "contacts"),
        ("?entity=", "contacts"),
        ("?entity=contacts&entity=accounts", "more than once"),
        ("?entity=contacts&limit=1", "entity"),
    ] {
        let reply = caller.get(&format!("/unified/crm/fields{query}")).await;
        assert_eq!(
            (reply.status, reply.code()),
            (400, "invalid_parameter".to_owned()),
            "{query}"
        );
        assert!(reply.text().contains(named), "{query}: {}", reply.text());
    }
    let reply = caller.get("/unified/crm/fields?entity=spaceships").await;
    assert_eq!((reply.status, reply.code()), (404, "unknown_resource".to_owned()));
}

both!(objects_of_the_customers_own_are_described);
async fn objects_of_the_customers_own_are_described(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let listed = caller.get("/unified/crm/custom_object_schemas").await;
    assert_eq!(listed.status, 200, "{listed:?}");
    let listed = listed.json();
    let deals = field(&listed["result"], "Deal_Registration__c");
    assert_eq!(
        (&deals["is_custom"], &deals["is_queryable"]),
        (&json!(true), &json!(true)),
        "{deals}"
    );
    let names = listed["result"].as_array().expect("objects");
    assert!(
        names.iter().all(|object| object["name"] != "Contact"),
        "only the customer's own"
    );

    // Names are the provider's, upper and lower case alike.
    let path = "/unified/crm/custom_object_schemas/deal_registration__C";
    let one = caller.get(path).await;
    assert_eq!(one.status, 200, "{one:?}");
    let one = one.json();
    assert_eq!(one["name"], "Deal_Registration__c");
    assert_eq!(field(&one["fields"], "Ext_Id__c")["is_external_id"], true);
    let associations = one["associations"].as_array().expect("associations");
    let account = associations.iter().find(|found| found["field"] == "Contact__c");
    assert_eq!(account.expect("a lookup")["entities"], json!(["contacts"]));

    for missing in ["Nope__c", "Contact", "'; DROP", "..%2Fx"] {
        let path = format!("/unified/crm/custom_object_schemas/{missing}").replace(' ', "%20");
        let reply = caller.get(&path).await;
        assert_eq!(
            (reply.status, reply.code()),
            (404, "unknown_resource".to_owned()),
            "{missing}"
        );
        assert!(reply.text().contains("Deal_Registration__c"), "{}", reply.text());
    }
}

both!(records_of_an_own_object_are_read_and_written_as_any_others);
async fn records_of_an_own_object_are_read_and_written_as_any_others(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let contact = caller.contacts("limit=1").await["result"][0]["id"].clone();
    let body = json!({"name": "D-1", "fields": {"Ext_Id__c": "k-1", "Contact__c": contact}});
    let created = caller.send("POST", DEALS, Some(&body)).await;
    assert_eq!(created.status, 201, "{created:?}");
    let created = created.json();
    assert_eq!(created["object"], "Deal_Registration__c");
    assert_eq!(created["fields"]["Ext_Id__c"], "k-1");
    assert_eq!(
        created["associations"]["Contact__c"],
        json!({"id": contact}),
        "{created}"
    );
    let id = created["id"].as_str().expect("an id").to_owned();

    let filtered = caller
        .get(&format!("{DEALS}?custom_fields[Ext_Id__c]=k-1&sort=-created_at"))
        .await;
    assert_eq!(filtered.json()["result"][0]["id"], id, "{filtered:?}");
    let changed = json!({"fields": {"Ext_Id__c": "k-2"}});
    let changed = caller
        .send("PATCH", &format!("{DEALS}/{id}"), Some(&changed))
        .await;
    assert_eq!(changed.json()["fields"]["Ext_Id__c"], "k-2", "{changed:?}");
    let upsert = json!({
        "upsert_on": {"field": "custom_fields.Ext_Id__c", "value": "k-2"},
        "record": {"name": "D-1b"},
    });
    let upserted = caller
        .send("POST", &format!("{DEALS}/upsert"), Some(&upsert))
        .await;
    assert_eq!(
        (upserted.status, &upserted.json()["id"]),
        (200, &json!(id)),
        "{upserted:?}"
    );
    let batch = json!({"operation": "create", "records": [{"name": "D-2"}, {"name": "D-3"}]});
    let batch = caller.send("POST", &format!("{DEALS}/batch"), Some(&batch)).await;
    assert_eq!(batch.json()["succeeded"], 2, "{batch:?}");

    let mut seen = Vec::new();
    let mut path = format!("{DEALS}?limit=2");
    loop {
        let page = caller.get(&path).await.json();
        seen.extend(
            page["result"]
                .as_array()
                .expect("records")
                .iter()
                .map(|record| record["id"].to_string()),
        );
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{DEALS}?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    let all = world.simulator.org().raw_records("Deal_Registration__c").len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all, "each once");

    let deleted = caller.send("DELETE", &format!("{DEALS}/{id}"), None).await;
    assert_eq!(deleted.status, 200, "{deleted:?}");
    assert_eq!(caller.get(&format!("{DEALS}/{id}")).await.status, 404);
    let unknown = caller.get("/unified/crm/custom_objects/Nope__c").await;
    assert_eq!(
        (unknown.status, unknown.code()),
        (404, "unknown_resource".to_owned())
    );
}
