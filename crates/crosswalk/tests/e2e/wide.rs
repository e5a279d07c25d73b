//! What only an org as large customers have them shows: every type of custom field, people as accounts, several currencies,
//! fields that the connected user may not see. The rest of the suite runs against it too (`CROSSWALK_TEST_ORG=wide`).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::org::{HIDDEN, wide};
use crate::support::{Backend, Caller, Plan, World, both};

async fn world(backend: Backend) -> World {
    let mut plan = Plan::new(backend);
    plan.simulator.org = wide();
    World::build(plan).await
}

fn by_id(rows: &[Value], key: &str) -> BTreeMap<String, Value> {
    let id = |row: &Value| row[key].as_str().expect("an id").to_owned();
    rows.iter().map(|row| (id(row), row.clone())).collect()
}

async fn all(caller: &Caller<'_>, resource: &str) -> Vec<Value> {
    let mut records = Vec::new();
    let mut path = format!("/unified/crm/{resource}?limit=100");
    loop {
        let reply = caller.get(&path).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let page = reply.json();
        records.extend(page["result"].as_array().expect("records").clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/unified/crm/{resource}?limit=100&cursor={cursor}"),
            None => return records,
        }
    }
}

/// What the API shows of a value in the org, by its field's type as the provider describes it.
fn shown(value: &Value, remote_type: &str) -> Value {
    match (remote_type, value) {
        ("encryptedstring", Value::String(text)) => json!("*".repeat(text.chars().count())),
        ("datetime", Value::String(text)) => json!(text.replace("+0000", "Z")),
        // `178` and `178.0` are one number.
        (_, Value::Number(number)) => json!(number.as_f64()),
        _ => value.clone(),
    }
}

both!(custom_fields_of_every_type_are_read_as_they_are);
async fn custom_fields_of_every_type_are_read_as_they_are(backend: Backend) {
    let world = world(backend).await;
    let caller = world.connected().await;
    for (resource, object) in [
        ("contacts", "Contact"),
        ("accounts", "Account"),
        ("leads", "Lead"),
        ("opportunities", "Opportunity"),
    ] {
        let fields = caller
            .get(&format!("/unified/crm/fields?entity={resource}"))
            .await
            .json();
        let types: BTreeMap<String, String> = fields["result"]
            .as_array()
            .expect("fields")
            .iter()
            .filter(|field| field["is_custom"] == true)
            .map(|field| {
                let text = |key: &str| field[key].as_str().expect("a text").to_owned();
                (text("name"), text("remote_type"))
            })
            .collect();
        assert!(types.len() > 800, "{resource}: {}", types.len());
        let rows = by_id(&world.simulator.org().raw_records(object), "Id");
        let mut seen = BTreeMap::new();
        for record in all(&caller, resource).await {
            let row = &rows[record["id"].as_str().expect("an id")];
            let mut wanted = BTreeMap::new();
            for (name, remote_type) in &types {
                // A geolocation is read as its two numbers.
                if !row[name].is_null() && remote_type != "location" {
                    wanted.insert(name.clone(), shown(&row[name], remote_type));
                    *seen.entry(remote_type.clone()).or_insert(0) += 1;
                }
            }
            let got: BTreeMap<String, Value> =
                serde_json::from_value(record["custom_fields"].clone()).expect("custom fields");
            let got: BTreeMap<String, Value> = got
                .into_iter()
                .map(|(name, value)| (name, shown(&value, "")))
                .collect();
            assert_eq!(got, wanted, "{resource} {}", record["id"]);
        }
        for remote_type in [
            "string",
            "textarea",
            "boolean",
            "double",
            "currency",
            "percent",
            "date",
            "datetime",
            "time",
            "email",
            "phone",
            "url",
            "picklist",
            "multipicklist",
            "reference",
            "encryptedstring",
        ] {
            assert!(
                seen.contains_key(remote_type),
                "{resource} has no {remote_type}: {seen:?}"
            );
        }
    }
}

both!(custom_fields_of_every_type_are_written_and_filtered);
async fn custom_fields_of_every_type_are_written_and_filtered(backend: Backend) {
    let world = world(backend).await;
    let caller = world.connected().await;
    let account = caller.get("/unified/crm/accounts?limit=1").await.json()["result"][0]["id"].clone();
    let written = json!({
        "acme__Score__c": "O'Brien \\ 50%_",
        "Select__c": "WHERE 1 = 1",
        "Wide_003__c": true,
        "Wide_004__c": 12.5,
        "Wide_005__c": 7,
        "Wide_008__c": "2026-02-28",
        "Wide_009__c": "2026-02-28T23:59:59.000Z",
        "Wide_010__c": "10:30:00.000Z",
        "Wide_011__c": "a+b@example.com",
        "Wide_014__c": "O'Neil & Söhne",
        "Wide_015__c": "50%_off;東京",
        "Wide_016__c": account,
        "Wide_019__Latitude__s": 52.52,
        "Wide_019__Longitude__s": -13.405,
    });
    let body = json!({ "last_name": "Every", "custom_fields": written });
    let created = caller.send("POST", "/unified/crm/contacts", Some(&body)).await;
    assert_eq!(created.status, 201, "{created:?}");
    let created = created.json();
    for (name, value) in written.as_object().expect("fields") {
        assert_eq!(&created["custom_fields"][name], value, "{name}");
    }
    for (name, value) in written.as_object().expect("fields") {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        let path = format!("/unified/crm/contacts?limit=200&custom_fields[{name}]={encoded}&fields=id");
        let reply = caller.get(&path).await;
        if name == "Wide_010__c" {
            // The org does not filter times of day.
            assert_eq!(
                (reply.status, reply.code()),
                (400, "invalid_parameter".to_owned()),
                "{reply:?}"
            );
            continue;
        }
        assert_eq!(reply.status, 200, "{name}: {reply:?}");
        let found = reply.json();
        let ids = found["result"].as_array().expect("records");
        assert!(
            ids.iter().any(|record| record["id"] == created["id"]),
            "{name}: {found}"
        );
    }
    for (name, value) in [
        ("Wide_018__c", json!("a formula's own")),
        ("Wide_014__c", json!("none of the choices")),
        ("Wide_019__c", json!({ "latitude": 1, "longitude": 2 })),
    ] {
        let body = json!({ "last_name": "Wrong", "custom_fields": { name: value } });
        let reply = caller.send("POST", "/unified/crm/contacts", Some(&body)).await;
        assert_eq!(reply.status, 400, "{name}: {reply:?}");
        assert!(reply.text().contains(name), "{name}: {}", reply.text());
    }
}

both!(a_person_is_an_account_and_a_contact_at_once);
async fn a_person_is_an_account_and_a_contact_at_once(backend: Backend) {
    let world = world(backend).await;
    let caller = world.connected().await;
    let rows = by_id(&world.simulator.org().raw_records("Account"), "Id");
    let is_person = |record: &&Value| rows[record["id"].as_str().expect("an id")]["IsPersonAccount"] == true;
    let accounts = all(&caller, "accounts").await;
    let (people, companies): (Vec<&Value>, Vec<&Value>) = accounts.iter().partition(is_person);
    assert!(
        people.len() > 5 && companies.len() > 20,
        "{} {}",
        people.len(),
        companies.len()
    );
    let contacts = by_id(&all(&caller, "contacts").await, "id");
    for person in &people {
        let row = &rows[person["id"].as_str().expect("an id")];
        assert_eq!(
            person["email_addresses"][0]["email"], row["PersonEmail"],
            "{person}"
        );
        assert_eq!(person["name"], row["Name"], "{person}");
        let contact = &contacts[row["PersonContactId"].as_str().expect("a contact")];
        assert_eq!(contact["account"]["id"], person["id"]);
        assert_eq!(
            (&contact["name"], &contact["email_addresses"][0]["email"]),
            (&person["name"], &row["PersonEmail"]),
        );
    }
    let person = people[0];
    let id = person["id"].as_str().expect("an id");
    let contact = rows[id]["PersonContactId"]
        .as_str()
        .expect("a contact")
        .to_owned();
    let contact_path = format!("/unified/crm/contacts/{contact}");

    // Written as one, read as the other.
    let body = json!({ "last_name": "Renamed", "title": "Dr." });
    let changed = caller.send("PATCH", &contact_path, Some(&body)).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let account = caller.get(&format!("/unified/crm/accounts/{id}")).await.json();
    assert!(
        account["name"]
            .as_str()
            .is_some_and(|name| name.ends_with("Renamed")),
        "{account}"
    );
    let body = json!({ "email_addresses": [{ "email": "new@example.com" }] });
    let changed = caller
        .send("PATCH", &format!("/unified/crm/accounts/{id}"), Some(&body))
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let read = caller.get(&contact_path).await.json();
    assert_eq!(read["email_addresses"][0]["email"], "new@example.com", "{read}");

    // What a person's account cannot have, and a company's neither.
    for (path, body, named) in [
        (
            format!("/unified/crm/accounts/{id}"),
            json!({ "name": "A company" }),
            "name",
        ),
        (
            format!(
                "/unified/crm/accounts/{}",
                companies[0]["id"].as_str().expect("an id")
            ),
            json!({ "email_addresses": [{ "email": "x@example.com" }] }),
            "email_addresses",
        ),
    ] {
        let reply = caller.send("PATCH", &path, Some(&body)).await;
        assert_eq!(
            (reply.status, reply.code()),
            (400, "validation_failed".to_owned()),
            "{reply:?}"
        );
        assert_eq!(reply.json()["fields"], json!([named]), "{reply:?}");
    }
    let kept = caller.send("DELETE", &contact_path, None).await;
    assert!((400..500).contains(&kept.status), "{kept:?}");
    assert_eq!(kept.json()["is_remote_error"], true, "{kept:?}");
    let gone = caller
        .send("DELETE", &format!("/unified/crm/accounts/{id}"), None)
        .await;
    assert_eq!(gone.status, 200, "{gone:?}");
    assert_eq!(
        caller.get(&contact_path).await.status,
        404,
        "the contact goes with the account"
    );
}

both!(amounts_are_told_in_the_currency_of_their_record);
async fn amounts_are_told_in_the_currency_of_their_record(backend: Backend) {
    let world = world(backend).await;
    let caller = world.connected().await;
    for (resource, object) in [
        ("accounts", "Account"),
        ("opportunities", "Opportunity"),
        ("leads", "Lead"),
    ] {
        let rows = by_id(&world.simulator.org().raw_records(object), "Id");
        let mut currencies = BTreeMap::new();
        for record in all(&caller, resource).await {
            let row = &rows[record["id"].as_str().expect("an id")];
            assert_eq!(record["currency"], row["CurrencyIsoCode"], "{record}");
            *currencies.entry(record["currency"].to_string()).or_insert(0) += 1;
        }
        assert!(currencies.len() > 1, "{resource}: {currencies:?}");
    }
    let body = json!({ "name": "Euro", "annual_revenue": 10, "currency": "EUR" });
    let created = caller.send("POST", "/unified/crm/accounts", Some(&body)).await;
    assert_eq!(
        (created.status, &created.json()["currency"]),
        (201, &json!("EUR")),
        "{created:?}"
    );
    let found = caller
        .get("/unified/crm/accounts?currency=EUR&limit=200")
        .await
        .json();
    let found = found["result"].as_array().expect("records");
    assert!(found.iter().any(|record| record["name"] == "Euro"));
    assert!(found.iter().all(|record| record["currency"] == "EUR"));
}

both!(fields_that_the_user_may_not_see_are_null_and_told);
async fn fields_that_the_user_may_not_see_are_null_and_told(backend: Backend) {
    let world = world(backend).await;
    let caller = world.connected().await;
    for (resource, object) in [
        ("contacts", "Contact"),
        ("accounts", "Account"),
        ("leads", "Lead"),
        ("opportunities", "Opportunity"),
        ("cases", "Case"),
        ("events", "Event"),
        ("campaigns", "Campaign"),
    ] {
        let page = caller
            .get(&format!("/unified/crm/{resource}?limit=50"))
            .await
            .json();
        let hidden: Vec<_> = HIDDEN.iter().filter(|(of, _, _)| *of == object).collect();
        let warnings = page["warnings"].as_array().expect("warnings");
        assert_eq!(warnings.len(), hidden.len(), "{resource}: {warnings:?}");
        for (_, field, unified) in hidden {
            let told = format!("`{unified}` is null: the field {object}.{field} does not exist");
            let is_told =
                |warning: &&Value| warning.as_str().is_some_and(|warning| warning.starts_with(&told));
            assert_eq!(warnings.iter().filter(is_told).count(), 1, "{told}: {warnings:?}");
        }
    }
    let page = caller.contacts("limit=200").await;
    let text = page["result"].to_string();
    assert!(!text.contains("Budget__c"), "an own field that is hidden");
    assert!(
        page["result"]
            .as_array()
            .expect("records")
            .iter()
            .all(|contact| contact["department"].is_null()),
        "{text}"
    );
    for query in [
        "department=Sales",
        "sort=department",
        "custom_fields[Budget__c][gt]=1",
    ] {
        let before = world.ask_simulator("counters").await["requests_total"].clone();
        let reply = caller.get(&format!("/unified/crm/contacts?{query}")).await;
        assert_eq!(
            (reply.status, reply.code()),
            (400, "invalid_parameter".to_owned()),
            "{query}: {reply:?}"
        );
        let named = if query.contains("Budget__c") {
            "Budget__c"
        } else {
            "department"
        };
        let told = reply.text().to_lowercase();
        assert!(told.contains(&named.to_lowercase()), "{query}: {told}");
        assert_eq!(
            world.ask_simulator("counters").await["requests_total"],
            before,
            "nothing was sent"
        );
    }
    let body = json!({ "last_name": "Hidden", "department": "Sales" });
    let reply = caller.send("POST", "/unified/crm/contacts", Some(&body)).await;
    assert_eq!(
        reply.status, 400,
        "not written where it cannot be seen: {reply:?}"
    );
    assert_eq!(reply.json()["fields"], json!(["department"]), "{reply:?}");
}
