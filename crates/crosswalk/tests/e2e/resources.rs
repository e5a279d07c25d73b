//! Every resource through its whole life: made, read, found, changed, and gone.

use serde_json::{Value, json};

use crate::support::{Backend, World, both};

/// What to make, what to change, and the filter that finds it: resource, body, changes, filter.
fn lives() -> Vec<(&'static str, Value, Value, &'static str)> {
    vec![
        (
            "accounts",
            json!({"name": "Œuvre & Sons", "website": "https://oeuvre.example"}),
            json!({"description": "line one\nline two"}),
            "name=%C5%92uvre%20%26%20Sons",
        ),
        (
            "contacts",
            json!({"last_name": "O'Neil \"Ωmega\"", "email_addresses": [{"email": "omega@example.com"}]}),
            json!({"title": "Head of \\ Nothing"}),
            "email_addresses=omega@example.com",
        ),
        (
            "leads",
            json!({"last_name": "Lead", "company_name": "O'Neil %_ Ltd"}),
            json!({"rating": "Hot"}),
            "company_name=O'Neil%20%25_%20Ltd",
        ),
        (
            "opportunities",
            json!({"name": "Deal {1}", "stage": {"name": "Prospecting"}, "close_date": "2026-12-31"}),
            json!({"amount": 12.5}),
            "name=Deal%20{1}",
        ),
        (
            "tasks",
            json!({"subject": "Call: back?"}),
            json!({"content": "They were out."}),
            "subject=Call:%20back?",
        ),
        (
            "events",
            json!({"subject": "Meet", "start_time": "2026-12-01T09:00:00.000Z", "end_time": "2026-12-01T10:00:00.000Z"}),
            json!({"location": "Zürich"}),
            "subject=Meet",
        ),
        (
            "campaigns",
            json!({"name": "Spring; DROP"}),
            json!({"budget": 1000}),
            "name=Spring;%20DROP",
        ),
        (
            "cases",
            json!({"subject": "It's broken"}),
            json!({"priority": "high"}),
            "subject=It's%20broken",
        ),
    ]
}

both!(every_resource_is_made_found_changed_and_gone);
async fn every_resource_is_made_found_changed_and_gone(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    for (resource, body, changes, filter) in lives() {
        let path = format!("/unified/crm/{resource}");
        let made = caller.send("POST", &path, Some(&body)).await;
        assert_eq!(made.status, 201, "{resource}: {made:?}");
        let made = made.json();
        for (name, value) in body.as_object().expect("a body") {
            // Parts that the body leaves out are answered beside those that it has.
            let found = match (value, &made[name]) {
                (Value::Object(_), found) => json!({"name": found["name"]}),
                (Value::Array(_), found) => json!([{"email": found[0]["email"]}]),
                (_, found) => found.clone(),
            };
            assert_eq!(&found, value, "{resource}.{name}: {made}");
        }
        let id = made["id"].as_str().expect("an id");
        let found = caller.get(&format!("{path}?{filter}")).await.json();
        let ids: Vec<&Value> = found["result"]
            .as_array()
            .expect("records")
            .iter()
            .map(|record| &record["id"])
            .collect();
        assert_eq!(ids, [id], "{resource}: {found}");
        assert_eq!(
            found["result"][0],
            caller.get(&format!("{path}/{id}")).await.json(),
            "{resource}"
        );
        let one = format!("{path}/{id}");
        let changed = caller.send("PATCH", &one, Some(&changes)).await;
        assert_eq!(changed.status, 200, "{resource}: {changed:?}");
        for (name, value) in changes.as_object().expect("changes") {
            assert_eq!(&changed.json()[name], value, "{resource}.{name}: {changed:?}");
        }
        let gone = caller.send("DELETE", &one, None).await;
        assert_eq!(gone.status, 200, "{resource}: {gone:?}");
        let missing = caller.get(&one).await;
        assert_eq!(
            (missing.status, missing.code().as_str()),
            (404, "not_found"),
            "{resource}: {missing:?}"
        );
    }
}

both!(what_is_only_read_is_read_and_not_written);
async fn what_is_only_read_is_read_and_not_written(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    for resource in ["stages", "engagements"] {
        let path = format!("/unified/crm/{resource}");
        let listed = caller.get(&format!("{path}?limit=3")).await.json();
        let first = &listed["result"][0];
        let id = first["id"]
            .as_str()
            .unwrap_or_else(|| panic!("no {resource}: {listed}"));
        assert_eq!(
            &caller.get(&format!("{path}/{id}")).await.json(),
            first,
            "{resource}"
        );
        for (method, path, body) in [
            ("POST", path.clone(), Some(json!({"name": "x"}))),
            ("PATCH", format!("{path}/{id}"), Some(json!({"name": "x"}))),
            ("DELETE", format!("{path}/{id}"), None),
        ] {
            let refused = caller.send(method, &path, body.as_ref()).await;
            assert_eq!(
                (refused.status, refused.code().as_str()),
                (400, "unsupported_operation"),
                "{method} {path}: {refused:?}"
            );
        }
    }
}
