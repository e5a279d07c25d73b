//! Upserts, many records at once, and duplicates, through real gateway processes on both databases.

use serde_json::{Value, json};

use crate::support::{Backend, World, both};

/// The value of a custom field in the org itself, past the gateway.
fn raw(world: &World, id: &str) -> Value {
    let contacts = world.simulator.org().raw_records("Contact");
    let found = contacts.into_iter().find(|contact| contact["Id"] == id);
    found.unwrap_or_else(|| panic!("no contact {id} in the org"))
}

both!(an_upsert_creates_once_and_changes_after_that);
async fn an_upsert_creates_once_and_changes_after_that(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    // What a path would cut in two, were it not one segment.
    let key = "a/b?c#d %2F+é";
    let body = |last_name: &str| {
        json!({
            "upsert_on": {"field": "custom_fields.Ext_Id__c", "value": key},
            "record": {"last_name": last_name, "custom_fields": {"Ext_Id__c": key}},
        })
    };
    let upsert = "/unified/crm/contacts/upsert";
    let created = caller.send("POST", upsert, Some(&body("One"))).await;
    assert_eq!(created.status, 201, "{created:?}");
    let id = created.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(raw(&world, &id)["Ext_Id__c"], key);

    let changed = caller.send("POST", upsert, Some(&body("Two"))).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.json()["id"], id);
    assert_eq!(changed.json()["last_name"], "Two");

    let mut other = body("Three");
    other["record"]["custom_fields"]["Ext_Id__c"] = json!("another");
    for (wrong, named) in [
        (other, "Ext_Id__c"),
        (
            json!({"upsert_on": {"field": "last_name", "value": "x"}, "record": {"last_name": "x"}}),
            "custom_fields.Ext_Id__c",
        ),
        (
            json!({"upsert_on": {"field": "id", "value": id}, "record": {"last_name": "x"}}),
            "custom_fields.Ext_Id__c",
        ),
        (
            json!({"upsert_on": {"field": "custom_fields.Ext_Id__c", "value": " "}, "record": {"last_name": "x"}}),
            "upsert_on.value",
        ),
        (
            json!({"upsert_on": {"field": "custom_fields.Ext_Id__c", "value": "a/../b"}, "record": {"last_name": "x"}}),
            "upsert_on.value",
        ),
        (json!({"record": {"last_name": "x"}}), "upsert_on.field"),
        (
            json!({"upsert_on": {"field": "custom_fields.Ext_Id__c", "value": 1}}),
            "record",
        ),
        (json!([]), "upsert_on"),
    ] {
        let before = world.ask_simulator("counters").await["requests_total"].clone();
        let reply = caller.send("POST", upsert, Some(&wrong)).await;
        assert_eq!(
            (reply.status, reply.code()),
            (400, "invalid_body".to_owned()),
            "{wrong}"
        );
        assert!(reply.text().contains(named), "{wrong}: {}", reply.text());
        let after = world.ask_simulator("counters").await["requests_total"].clone();
        assert_eq!(before, after, "nothing was sent for {wrong}");
    }
    assert_eq!(raw(&world, &id)["LastName"], "Two");
}

both!(an_upsert_on_a_value_of_several_records_is_a_conflict_that_names_them);
async fn an_upsert_on_a_value_of_several_records_is_a_conflict_that_names_them(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let mut ids = Vec::new();
    for name in ["One", "Two"] {
        let body = json!({"last_name": name, "email_addresses": [{"email": "same@example.com"}]});
        let created = caller.send("POST", "/unified/crm/contacts", Some(&body)).await;
        ids.push(created.json()["id"].clone());
    }
    let body = json!({
        "upsert_on": {"field": "email_addresses", "value": "same@example.com"},
        "record": {"last_name": "Three"},
    });
    let reply = caller
        .send("POST", "/unified/crm/contacts/upsert", Some(&body))
        .await;
    assert_eq!(
        (reply.status, reply.code()),
        (409, "conflict".to_owned()),
        "{reply:?}"
    );
    let mut named = reply.json()["duplicates"].as_array().expect("ids").clone();
    named.sort_by_key(Value::to_string);
    ids.sort_by_key(Value::to_string);
    assert_eq!(named, ids);
}

both!(many_records_are_written_with_one_call_and_answered_one_by_one);
async fn many_records_are_written_with_one_call_and_answered_one_by_one(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let batch = "/unified/crm/contacts/batch";
    caller.contacts("limit=1").await;
    let before = world.ask_simulator("counters").await["requests_total"].as_u64();

    let records: Vec<Value> = (0..200)
        .map(|index| match index {
            // The provider wants a last name.
            7 => json!({"first_name": "Nobody"}),
            _ => json!({"last_name": format!("Batch {index}"), "custom_fields": {"Ext_Id__c": format!("b{index}")}}),
        })
        .collect();
    let body = json!({"operation": "create", "records": records});
    let reply = caller.send("POST", batch, Some(&body)).await;
    assert_eq!(reply.status, 207, "{}", reply.text());
    let after = world.ask_simulator("counters").await["requests_total"].as_u64();
    assert_eq!(after, before.map(|before| before + 1), "one call");
    let answer = reply.json();
    assert_eq!(
        (&answer["succeeded"], &answer["failed"]),
        (&json!(199), &json!(1))
    );
    let results = answer["results"].as_array().expect("results");
    for (index, result) in results.iter().enumerate() {
        assert_eq!(result["index"], index);
        if index == 7 {
            assert_eq!((&result["status"], &result["id"]), (&json!(400), &Value::Null));
            assert_eq!(result["error"]["code"], "validation_failed", "{result}");
            assert_eq!(
                result["error"]["fields"],
                json!(["last_name"]),
                "unified names: {result}"
            );
        } else {
            assert_eq!(result["status"], 201, "{result}");
            let id = result["id"].as_str().expect("an id");
            if index % 50 == 0 {
                assert_eq!(raw(&world, id)["LastName"], format!("Batch {index}"));
            }
        }
    }
    let id = |index: usize| results[index]["id"].as_str().expect("an id").to_owned();

    let records = json!([{"id": id(0), "title": "Zero"}, {"id": "003000000000000AAA", "title": "Nobody"}]);
    let body = json!({"operation": "update", "records": records});
    let answer = caller.send("POST", batch, Some(&body)).await.json();
    assert_eq!(answer["results"][0]["status"], 200, "{answer}");
    assert_eq!(
        answer["results"][1]["error"]["code"], "validation_failed",
        "{answer}"
    );
    assert_eq!(raw(&world, &id(0))["Title"], "Zero");
    assert_eq!(
        raw(&world, &id(0))["LastName"],
        "Batch 0",
        "what was not named stays"
    );

    let body = json!({
        "operation": "upsert",
        "upsert_on": {"field": "custom_fields.Ext_Id__c"},
        "records": [
            {"last_name": "Was 1", "custom_fields": {"Ext_Id__c": "b1"}},
            {"last_name": "New", "custom_fields": {"Ext_Id__c": "b-new"}},
        ],
    });
    let answer = caller.send("POST", batch, Some(&body)).await.json();
    assert_eq!(answer["results"][0]["status"], 200, "{answer}");
    assert_eq!(answer["results"][0]["id"], id(1), "{answer}");
    assert_eq!(answer["results"][1]["status"], 201, "{answer}");

    let body = json!({"operation": "delete", "records": [id(0), {"id": id(1)}]});
    let answer = caller.send("POST", batch, Some(&body)).await.json();
    assert_eq!(
        (&answer["succeeded"], &answer["failed"]),
        (&json!(2), &json!(0)),
        "{answer}"
    );
    let gone = caller.get(&format!("/unified/crm/contacts/{}", id(0))).await;
    assert_eq!(gone.status, 404);
}

both!(all_or_none_writes_nothing_when_one_record_fails);
async fn all_or_none_writes_nothing_when_one_record_fails(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let before = world.simulator.org().raw_records("Contact").len();
    let body = json!({
        "operation": "create",
        "all_or_none": true,
        "records": [{"last_name": "Good"}, {"first_name": "Bad"}],
    });
    let reply = caller
        .send("POST", "/unified/crm/contacts/batch", Some(&body))
        .await;
    assert_eq!(reply.status, 207, "{reply:?}");
    let results = &reply.json()["results"];
    assert_eq!(results[0]["error"]["code"], "rolled_back", "{results}");
    assert_eq!(results[0]["status"], 424, "{results}");
    assert_eq!(results[1]["error"]["code"], "validation_failed", "{results}");
    assert_eq!(world.simulator.org().raw_records("Contact").len(), before);
}

both!(a_batch_that_cannot_be_right_is_refused_before_anything_is_sent);
async fn a_batch_that_cannot_be_right_is_refused_before_anything_is_sent(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    caller.contacts("limit=1").await;
    let before = world.ask_simulator("counters").await["requests_total"].clone();
    let good = json!({"last_name": "x"});
    for (wrong, field) in [
        (json!({"operation": "merge", "records": [good]}), "operation"),
        (json!({"operation": "create", "records": []}), "records"),
        (
            json!({"operation": "create", "records": vec![good.clone(); 201]}),
            "records",
        ),
        (json!({"operation": "create", "records": good}), "records"),
        (
            json!({"operation": "create", "records": [good, {"lastname": "x"}]}),
            "records[1].lastname",
        ),
        (json!({"operation": "create", "records": [good, 5]}), "records[1]"),
        (
            json!({"operation": "create", "records": [good, {"last_name": "x", "custom_fields": {"Nope__c": 1}}]}),
            "records[1].custom_fields.Nope__c",
        ),
        (
            json!({"operation": "create", "records": [{"last_name": "x", "custom_fields": {"Nope__c": 1}}]}),
            "records[0].custom_fields.Nope__c",
        ),
        (json!({"operation": "update", "records": [good]}), "records[0].id"),
        (
            json!({"operation": "delete", "records": ["../x"]}),
            "records[0].id",
        ),
        (
            json!({"operation": "create", "records": [good], "all_or_none": "yes"}),
            "all_or_none",
        ),
        (
            json!({"operation": "create", "records": [good], "rows": []}),
            "rows",
        ),
        (json!({"operation": "upsert", "records": [good]}), "upsert_on"),
        (
            json!({"operation": "upsert", "upsert_on": {"field": "custom_fields.Ext_Id__c"}, "records": [good]}),
            "records[0]",
        ),
    ] {
        let reply = caller
            .send("POST", "/unified/crm/contacts/batch", Some(&wrong))
            .await;
        assert_eq!(
            (reply.status, reply.code()),
            (400, "invalid_body".to_owned()),
            "{wrong}"
        );
        assert_eq!(
            reply.json()["fields"],
            json!([field]),
            "{wrong}: {}",
            reply.text()
        );
    }
    let after = world.ask_simulator("counters").await["requests_total"].clone();
    assert_eq!(after, before, "nothing was sent");
}

both!(a_duplicate_is_named_and_can_be_written_all_the_same);
async fn a_duplicate_is_named_and_can_be_written_all_the_same(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    world
        .tell_simulator(
            "duplicate_rules",
            json!({"object": "Contact", "on": true, "allow_save": true}),
        )
        .await;
    let body = json!({"last_name": "Twin", "email_addresses": [{"email": "twin@example.com"}]});
    let first = caller.send("POST", "/unified/crm/contacts", Some(&body)).await;
    assert_eq!(first.status, 201, "{first:?}");
    let id = first.json()["id"].clone();

    let second = caller.send("POST", "/unified/crm/contacts", Some(&body)).await;
    assert_eq!(second.code(), "duplicate_detected", "{second:?}");
    assert_eq!(second.json()["duplicates"], json!([id]), "{}", second.text());
    let batch = json!({"operation": "create", "records": [body]});
    let many = caller
        .send("POST", "/unified/crm/contacts/batch", Some(&batch))
        .await;
    assert_eq!(
        many.json()["results"][0]["error"]["duplicates"],
        json!([id]),
        "{}",
        many.text()
    );

    let path = "/unified/crm/contacts?allow_duplicates=true";
    let allowed = caller.send("POST", path, Some(&body)).await;
    assert_eq!(allowed.status, 201, "{allowed:?}");
    assert_ne!(allowed.json()["id"], id);
    let path = "/unified/crm/contacts/batch?allow_duplicates=true";
    let many = caller.send("POST", path, Some(&batch)).await;
    assert_eq!(many.json()["results"][0]["status"], 201, "{}", many.text());
}
