//! Records made, changed and refused.

use super::{page, world};
use crate::support::{Backend, both};
use serde_json::{Value, json};

both!(records_live_and_die_through_the_api);
async fn records_live_and_die_through_the_api(backend: Backend) {
    let world = world(backend).await;
    let caller = world.connected_to(simulator::SECOND_PROVIDER).await;
    let company = page(&caller, "accounts?limit=1").await["result"][0]["id"].clone();
    let owner = page(&caller, "users?limit=1").await["result"][0]["id"].clone();
    for (resource, created, changed) in [
        (
            "contacts",
            json!({
                "first_name": "Ada", "last_name": "O'Brien \\ \"x\" \u{1F600}", "account": {"id": company},
                "email_addresses": [{"email": "ada@example.com"}],
                "custom_fields": {"loyalty_points": 0, "is_vip": false, "favourite_colours": ["red", "grün"], "nickname": "A"}
            }),
            json!({"title": "Countess", "custom_fields": {"loyalty_points": null}}),
        ),
        (
            "accounts",
            json!({"name": "Analytical Engines", "number_of_employees": 0, "owner": {"id": owner}}),
            json!({"description": "first\nsecond"}),
        ),
        (
            "opportunities",
            json!({
                "name": "Big", "amount": 12.5, "stage": {"id": "appointmentscheduled"}, "pipeline": {"id": "default"},
                "close_date": "2026-06-01", "account": {"id": company}
            }),
            json!({"stage": {"id": "closedwon"}}),
        ),
        (
            "notes",
            json!({"content": "Hi", "account": {"id": company}}),
            json!({"content": "Ho"}),
        ),
        (
            "tasks",
            json!({"subject": "Call", "due_date": "2026-06-01"}),
            json!({"status": "completed"}),
        ),
    ] {
        let path = format!("/unified/crm/{resource}");
        let reply = caller.send("POST", &path, Some(&created)).await;
        assert_eq!(reply.status, 201, "{resource}: {reply:?}");
        let record = reply.json();
        for (name, value) in created.as_object().expect("an object") {
            match name.as_str() {
                "email_addresses" => assert_eq!(record[name][0]["email"], value[0]["email"]),
                "account" if resource == "notes" => {}
                "account" | "owner" | "stage" | "pipeline" => {
                    assert_eq!(record[name]["id"], value["id"], "{resource}.{name}");
                }
                "amount" => assert_eq!(record[name].as_f64(), value.as_f64()),
                "custom_fields" => assert_eq!(&record[name], value),
                _ => assert_eq!(&record[name], value, "{resource}.{name}"),
            }
        }
        let path = format!("{path}/{}", record["id"].as_str().expect("an id"));
        let reply = caller.send("PATCH", &path, Some(&changed)).await;
        assert_eq!(reply.status, 200, "{resource}: {reply:?}");
        let after = reply.json();
        match resource {
            "contacts" => assert_eq!(
                (&after["title"], after["custom_fields"].get("loyalty_points")),
                (&json!("Countess"), None)
            ),
            "opportunities" => assert_eq!(
                (&after["status"], after["probability"].as_f64()),
                (&json!("won"), Some(100.0))
            ),
            "tasks" => assert!(
                after["completed_at"].is_string() && after["status"] == "completed",
                "{after}"
            ),
            _ => assert!(
                after.to_string().contains("second") || after["content"] == "Ho",
                "{after}"
            ),
        }
        let reply = caller.send("DELETE", &path, None).await;
        assert_eq!(
            (reply.status, &reply.json()["id"]),
            (200, &record["id"]),
            "{resource}"
        );
        assert_eq!(caller.get(&path).await.status, 404, "{resource}");
    }
    let reply = caller
        .send(
            "PATCH",
            "/unified/crm/opportunities/12000000001",
            Some(&json!({"account": {"id": company}})),
        )
        .await;
    assert_eq!(reply.status, 400, "links are not silently dropped: {reply:?}");
    assert!(reply.text().contains("created"), "{}", reply.text());
}

both!(refusals_are_told_in_unified_names);
async fn refusals_are_told_in_unified_names(backend: Backend) {
    let world = world(backend).await;
    let caller = world.connected_to(simulator::SECOND_PROVIDER).await;
    let body = json!({"last_name": "x", "email_addresses": [{"email": "one@example.com"}]});
    let first = caller.send("POST", "/unified/crm/contacts", Some(&body)).await;
    assert_eq!(first.status, 201, "{first:?}");
    let second = caller.send("POST", "/unified/crm/contacts", Some(&body)).await;
    assert_eq!(
        (second.status, second.code()),
        (409, "duplicate_detected".to_owned()),
        "{second:?}"
    );
    let problem = second.json();
    assert!(
        problem
            .to_string()
            .contains(first.json()["id"].as_str().expect("an id")),
        "{problem}"
    );
    assert_eq!(problem["fields"], json!(["email_addresses"]), "{problem}");
    for (body, field) in [
        (
            json!({"last_name": "x", "lifecycle_stage": "nonsense"}),
            "lifecycle_stage",
        ),
        (
            json!({"last_name": "x", "email_addresses": [{"email": "no address"}]}),
            "email_addresses",
        ),
        (json!({"title": "nobody"}), "last_name"),
    ] {
        let reply = caller.send("POST", "/unified/crm/contacts", Some(&body)).await;
        assert_eq!(
            (reply.status, reply.code()),
            (400, "validation_failed".to_owned()),
            "{reply:?}"
        );
        let problem = reply.json();
        let fields = problem["fields"].as_array().expect("fields");
        assert!(fields.iter().any(|name| name == field), "{field}: {problem}");
        assert_eq!(problem["is_remote_error"], true);
    }
}

both!(many_records_are_written_with_one_call);
async fn many_records_are_written_with_one_call(backend: Backend) {
    let world = world(backend).await;
    let caller = world.connected_to(simulator::SECOND_PROVIDER).await;
    let path = "/unified/crm/contacts/batch";
    let body = json!({"operation": "create", "records": [
        {"last_name": "One", "custom_fields": {"external_key": "k-1", "loyalty_points": 1}},
        {"last_name": "Two", "lifecycle_stage": "nonsense"},
        {"last_name": "Three"}
    ]});
    let reply = caller.send("POST", path, Some(&body)).await;
    assert_eq!(reply.status, 207, "{reply:?}");
    let told = reply.json();
    let statuses: Vec<u64> = told["results"]
        .as_array()
        .expect("results")
        .iter()
        .filter_map(|result| result["status"].as_u64())
        .collect();
    assert_eq!(statuses, [201, 400, 201], "{told}");
    assert_eq!(
        told["results"][1]["error"]["fields"],
        json!(["lifecycle_stage"]),
        "{told}"
    );
    let first = told["results"][0]["id"].as_str().expect("an id").to_owned();
    let third = told["results"][2]["id"].as_str().expect("an id").to_owned();
    assert_eq!(
        page(&caller, &format!("contacts/{third}")).await["last_name"],
        "Three"
    );

    let all_or_none = json!({"operation": "update", "all_or_none": true, "records": [
        {"id": first, "title": "CEO"}, {"id": third, "lifecycle_stage": "nonsense"}
    ]});
    let reply = caller.send("POST", path, Some(&all_or_none)).await;
    assert_eq!(reply.status, 400, "{reply:?}");
    assert!(
        page(&caller, &format!("contacts/{first}")).await["title"].is_null(),
        "none of it"
    );

    let upsert = json!({
        "upsert_on": {"field": "custom_fields.external_key", "value": "k-1"},
        "record": {"title": "CTO"}
    });
    let reply = caller
        .send("POST", "/unified/crm/contacts/upsert", Some(&upsert))
        .await;
    assert_eq!(
        (reply.status, &reply.json()["id"], &reply.json()["title"]),
        (200, &json!(first), &json!("CTO")),
        "{reply:?}"
    );
    let upsert = json!({
        "upsert_on": {"field": "custom_fields.external_key", "value": "k-'2"},
        "record": {"last_name": "Four"}
    });
    let reply = caller
        .send("POST", "/unified/crm/contacts/upsert", Some(&upsert))
        .await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(reply.json()["custom_fields"]["external_key"], "k-'2", "{reply:?}");

    let many = json!({"operation": "upsert", "upsert_on": {"field": "custom_fields.external_key"}, "records": [
        {"title": "CFO", "custom_fields": {"external_key": "k-1"}},
        {"last_name": "Five", "custom_fields": {"external_key": "k-3"}}
    ]});
    let told = caller.send("POST", path, Some(&many)).await.json();
    assert_eq!(
        (
            &told["results"][0]["status"],
            &told["results"][0]["id"],
            &told["results"][1]["status"]
        ),
        (&json!(200), &json!(first), &json!(201)),
        "{told}"
    );
    let gone = json!({"operation": "delete", "records": [first, third]});
    let told = caller.send("POST", path, Some(&gone)).await.json();
    assert_eq!(told["succeeded"], 2, "{told}");
    assert_eq!(
        caller.get(&format!("/unified/crm/contacts/{first}")).await.status,
        404
    );
    let too_many: Vec<Value> = (0..101)
        .map(|number| json!({"last_name": number.to_string()}))
        .collect();
    let reply = caller
        .send(
            "POST",
            path,
            Some(&json!({"operation": "create", "records": too_many})),
        )
        .await;
    assert_eq!(reply.status, 400, "{reply:?}");
}
