//! The unified path, end to end: a real gateway, a simulated org, both databases.

use std::collections::HashSet;

use crate::support::org::{is_wide, usual_warnings};
use crate::support::{Backend, Caller, Plan, World, both};
use serde_json::{Value, json};

both!(a_contact_is_read_as_the_model_says);
async fn a_contact_is_read_as_the_model_says(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let page = caller.contacts("limit=5").await;
    assert_eq!(page["result_count"], 5);
    assert_eq!(page["prev_cursor"], Value::Null);
    for contact in page["result"].as_array().expect("records") {
        for field in [
            "id",
            "name",
            "first_name",
            "last_name",
            "email_addresses",
            "phone_numbers",
            "addresses",
            "custom_fields",
        ] {
            assert!(contact.get(field).is_some(), "{field} is missing: {contact}");
        }
        assert!(
            contact.get("remote_data").is_none(),
            "remote_data only on request"
        );
        let created = contact["created_at"].as_str().expect("created_at");
        assert!(created.ends_with('Z') && created.len() == 24, "{created}");
    }
    let id = page["result"][0]["id"].as_str().expect("an id");
    let one = caller.get(&format!("/unified/crm/contacts/{id}")).await;
    assert_eq!(one.status, 200, "{one:?}");
    assert_eq!(one.json(), page["result"][0], "a read shows what the list showed");
    let remote = caller.contacts("limit=1&include=remote_data").await;
    assert_eq!(remote["result"][0]["remote_data"]["Id"], page["result"][0]["id"]);
}

both!(a_record_lives_and_dies_through_the_api);
async fn a_record_lives_and_dies_through_the_api(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    for (resource, object, created, changed, field, unified) in [
        (
            "contacts",
            "Contact",
            json!({ "first_name": "Ada", "last_name": "O'Brien \\ \"x\"", "email_addresses": [{ "email": "ada@example.com" }],
                    "custom_fields": { "LTV_Score__c": 0, "Is_Champion__c": false } }),
            json!({ "title": "Countess" }),
            "Title",
            "title",
        ),
        (
            "accounts",
            "Account",
            json!({ "name": "Analytical Engines", "number_of_employees": 0 }),
            json!({ "description": "first line\nsecond line" }),
            "Description",
            "description",
        ),
    ] {
        let path = format!("/unified/crm/{resource}");
        let reply = caller.send("POST", &path, Some(&created)).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        let record = reply.json();
        let id = record["id"].as_str().expect("an id").to_owned();
        for (name, value) in created.as_object().expect("an object") {
            match name.as_str() {
                "email_addresses" => assert_eq!(record[name][0]["email"], value[0]["email"]),
                "custom_fields" => {
                    for (custom, value) in value.as_object().expect("an object") {
                        assert_eq!(record[name][custom].as_f64(), value.as_f64(), "{custom} {record}");
                        assert_eq!(
                            record[name][custom].as_bool(),
                            value.as_bool(),
                            "{custom} {record}"
                        );
                    }
                }
                _ => assert_eq!(&record[name], value, "{name}"),
            }
        }
        let seen = || {
            world
                .simulator
                .org()
                .raw_records(object)
                .into_iter()
                .find(|row| row["Id"] == *id.as_str())
        };
        assert!(seen().is_some(), "the org holds it");

        let path = format!("{path}/{id}");
        let reply = caller.send("PATCH", &path, Some(&changed)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.json()[unified], changed[unified]);
        assert_eq!(seen().expect("a row")[field], changed[unified]);

        let reply = caller.send("DELETE", &path, None).await;
        assert_eq!((reply.status, reply.json()), (200, json!({ "id": id })));
        let gone = caller.get(&path).await;
        assert_eq!(
            (gone.status, gone.code()),
            (404, "not_found".to_owned()),
            "{gone:?}"
        );
        assert!(seen().is_none_or(|row| row["IsDeleted"] == true));
    }
}

both!(a_record_that_cannot_be_read_back_is_told_as_written);
async fn a_record_that_cannot_be_read_back_is_told_as_written(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    caller.contacts("limit=1").await;
    // A query of many fields does not fit a URL and goes elsewhere.
    for path in ["query", "composite"] {
        let fault = json!({ "kind": "outage", "path": format!("/services/data/v60.0/{path}") });
        world.tell_simulator("faults", fault).await;
    }
    let reply = caller
        .send(
            "POST",
            "/unified/crm/contacts",
            Some(&json!({ "last_name": "Written" })),
        )
        .await;
    assert_eq!(
        reply.status, 201,
        "an error would make callers create it twice: {reply:?}"
    );
    let id = reply.json()["id"].as_str().expect("an id").to_owned();
    assert!(
        reply
            .header("x-crosswalk-warnings")
            .is_some_and(|text| text.contains("read back")),
        "{reply:?}"
    );
    assert!(
        world
            .simulator
            .org()
            .raw_records("Contact")
            .iter()
            .any(|row| row["Id"] == *id.as_str())
    );
}

async fn walk(caller: &Caller<'_>, query: &str, mut between: impl AsyncFnMut(usize)) -> Vec<Value> {
    let mut records = Vec::new();
    let mut cursor: Option<String> = None;
    for page_number in 0.. {
        let query = cursor
            .as_ref()
            .map_or_else(|| query.to_owned(), |cursor| format!("{query}&cursor={cursor}"));
        let page = caller.contacts(&query).await;
        records.extend(page["result"].as_array().expect("records").clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return records,
        }
        between(page_number).await;
    }
    records
}

fn ids(records: &[Value]) -> HashSet<String> {
    records
        .iter()
        .map(|record| record["id"].as_str().expect("an id").to_owned())
        .collect()
}

both!(paging_yields_each_record_once_whatever_happens_to_the_session);
async fn paging_yields_each_record_once_whatever_happens_to_the_session(backend: Backend) {
    let mut plan = Plan::new(backend);
    // Each record of the wide org costs a debug build ten times as much: fewer of them, on as many pages.
    let (contacts, limit) = if is_wide() { (250, 12) } else { (2_500, 100) };
    plan.simulator.org.contacts = contacts;
    plan.simulator.rotation = true;
    let world = World::build(plan).await;
    let caller = world.connected().await;
    let live = world.simulator.org().raw_records("Contact");
    let live: HashSet<String> = live
        .iter()
        .filter(|row| row["IsDeleted"] != true)
        .map(|row| row["Id"].as_str().expect("an id").to_owned())
        .collect();
    for sort in ["", "&sort=-updated_at", "&sort=name,-created_at"] {
        let query = format!("limit={limit}{sort}");
        let records = walk(&caller, &query, async |page| {
            // In the middle: every session dies, so the next call refreshes; with rotation, so does every locator.
            if page == 7 || page == 15 {
                world.tell_simulator("kill_sessions", json!({})).await;
            }
        })
        .await;
        assert_eq!(records.len(), live.len(), "{query}: nothing twice");
        assert_eq!(ids(&records), live, "{query}: nothing lost");
    }
    let counters = world.ask_simulator("counters").await;
    assert_eq!(counters["family_revocations"], 0, "{counters}");
}

both!(a_short_page_of_the_provider_loses_nothing);
async fn a_short_page_of_the_provider_loses_nothing(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let all = walk(&caller, "limit=2000", async |_| {}).await;
    world
        .tell_simulator("settings", json!({ "random_short_pages": true }))
        .await;
    let again = walk(&caller, "limit=150", async |_| {}).await;
    assert_eq!(again.len(), all.len());
    assert_eq!(ids(&again), ids(&all));
}

both!(filters_and_sorts_choose_what_they_say);
async fn filters_and_sorts_choose_what_they_say(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let all = walk(&caller, "limit=200", async |_| {}).await;
    let with_email: Vec<&Value> = all
        .iter()
        .filter(|contact| !contact["email_addresses"].as_array().expect("a list").is_empty())
        .collect();
    let email = with_email[0]["email_addresses"][0]["email"]
        .as_str()
        .expect("an address");
    let encoded: String = url::form_urlencoded::byte_serialize(email.as_bytes()).collect();
    let found = caller.contacts(&format!("email_addresses={encoded}")).await;
    assert!(found["result_count"].as_u64() >= Some(1));
    for contact in found["result"].as_array().expect("records") {
        assert_eq!(
            contact["email_addresses"][0]["email"]
                .as_str()
                .map(str::to_lowercase),
            Some(email.to_lowercase())
        );
    }
    let after = all[all.len() / 2]["created_at"].as_str().expect("a time");
    let wanted = all
        .iter()
        .filter(|contact| contact["created_at"].as_str() > Some(after))
        .count();
    let found = walk(&caller, &format!("limit=50&created_at[gt]={after}"), async |_| {}).await;
    assert_eq!(found.len(), wanted, "created_at[gt]={after}");
    let scored = |contact: &&Value| contact["custom_fields"]["LTV_Score__c"].as_f64() >= Some(50.0);
    let wanted = all.iter().filter(scored).count();
    assert!(wanted > 0, "the org has scored contacts");
    let found = walk(
        &caller,
        "limit=50&custom_fields[LTV_Score__c][gte]=50",
        async |_| {},
    )
    .await;
    assert_eq!(found.len(), wanted);
    let sorted = walk(&caller, "limit=40&sort=-created_at", async |_| {}).await;
    let times: Vec<_> = sorted
        .iter()
        .map(|contact| contact["created_at"].as_str().expect("a time"))
        .collect();
    assert!(times.is_sorted_by(|left, right| left >= right), "newest first");
    assert_eq!(sorted.len(), all.len());
    let trimmed = caller.contacts("limit=1&fields=id,name").await;
    assert_eq!(
        trimmed["result"][0].as_object().map(serde_json::Map::len),
        Some(2),
        "{trimmed}"
    );
    let either = caller
        .contacts(&format!(
            "limit=50&or[0][email_addresses]={encoded}&or[1][created_at][gt]=2200-01-01T00:00:00Z"
        ))
        .await;
    assert!(either["result_count"].as_u64() >= Some(1));
}

both!(a_hostile_value_changes_nothing_but_its_literal);
async fn a_hostile_value_changes_nothing_but_its_literal(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let huge = "'".repeat(3_900);
    let corpus = [
        "'",
        "\\",
        "\\'",
        "' OR Name != '",
        "\n",
        "%",
        "_",
        "}",
        "x} RETURNING User(Id)",
        "\u{2019}",
        "\u{2018}\u{201c}",
        "a\u{0}b",
        "') OR (Name != '",
        "\u{1F600}",
        "NULL",
        "TODAY",
        "*",
        "AND",
        "\"",
        ")",
        "--",
        "/*",
        huge.as_str(),
    ];
    let all = caller.contacts("limit=1").await;
    assert_eq!(all["result_count"], 1);
    for value in corpus {
        let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        for parameter in [
            "email_addresses",
            "last_name",
            "first_name[ne]",
            "last_name[in]",
            "custom_fields[Segment__c]",
        ] {
            let reply = caller
                .get(&format!("/unified/crm/contacts?limit=3&{parameter}={encoded}"))
                .await;
            let is_negative = parameter.ends_with("[ne]");
            match reply.status {
                200 if is_negative => {}
                200 => assert_eq!(
                    reply.json()["result_count"],
                    0,
                    "{parameter}={value:?} matched: {}",
                    reply.text()
                ),
                // Too long for the provider, or nothing but separators in a list: said, not sent.
                400 => assert!(
                    !reply.json()["is_remote_error"].as_bool().unwrap_or(true),
                    "{parameter}={value:?}: {}",
                    reply.text()
                ),
                status => panic!("{parameter}={value:?}: {status} {}", reply.text()),
            }
        }
        for parameter in [
            "limit",
            "cursor",
            "sort",
            "fields",
            "expand",
            "include",
            "dry_run",
            "sort_by[name]",
            "created_at[gt]",
            "custom_fields[X']",
            "nope",
            "or[x][name]",
        ] {
            let reply = caller
                .get(&format!("/unified/crm/contacts?{parameter}={encoded}"))
                .await;
            // A list of names that holds nothing but blanks names nothing.
            let is_empty_list =
                value.trim().is_empty() && ["sort", "fields", "expand", "include"].contains(&parameter);
            assert_eq!(
                reply.status,
                if is_empty_list { 200 } else { 400 },
                "{parameter}={value:?}: {}",
                reply.text()
            );
        }
        let reply = caller
            .get(&format!("/unified/crm/contacts?search_term={encoded}"))
            .await;
        assert!(
            matches!(reply.status, 200 | 400),
            "search_term={value:?}: {}",
            reply.text()
        );
        // A term of one character is the provider's to refuse; a broken statement would be called malformed otherwise.
        assert!(
            !reply.text().contains("must be enclosed in braces"),
            "search_term={value:?}: {}",
            reply.text()
        );
    }
    let beyond = "x".repeat(100_000);
    let mut headers = String::new();
    for (name, value) in caller.headers() {
        headers.extend([
            name, ": ", &value, "
",
        ]);
    }
    let request =
        format!("GET /unified/crm/contacts?last_name={beyond} HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
    let status = crate::support::client::raw(&world.gateways[0].url, &request).await;
    assert!(
        ["400", "414", "431"].iter().any(|code| status.contains(code)),
        "{status}"
    );
    let body = json!({ "last_name": beyond });
    let reply = caller.send("POST", "/unified/crm/contacts", Some(&body)).await;
    assert_eq!(
        (reply.status, reply.code()),
        (400, "validation_failed".to_owned()),
        "{}",
        reply.status
    );
}

both!(an_unknown_parameter_is_refused_with_those_that_are_allowed);
async fn an_unknown_parameter_is_refused_with_those_that_are_allowed(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    for (query, named) in [
        ("emial=x", "email_addresses"),
        ("email_addresses[near]=x", "starts_with"),
        ("sort=shoe_size", "updated_at"),
        ("fields=id,shoe_size", "first_name"),
    ] {
        let reply = caller.get(&format!("/unified/crm/contacts?{query}")).await;
        assert_eq!(reply.status, 400, "{query}");
        let problem = reply.json();
        assert_eq!(problem["code"], "invalid_parameter", "{problem}");
        let allowed = problem["allowed"].as_array().expect("what is allowed");
        assert!(allowed.iter().any(|name| name == named), "{query}: {problem}");
    }
    let before = world.ask_simulator("counters").await;
    let reply = caller.get("/unified/crm/spaceships").await;
    assert_eq!(reply.status, 404);
    assert!(reply.text().contains("contacts"), "{}", reply.text());
    assert_eq!(
        world.ask_simulator("counters").await["requests_total"],
        before["requests_total"],
        "nothing was sent"
    );
}

both!(a_dry_run_shows_the_query_and_sends_nothing);
async fn a_dry_run_shows_the_query_and_sends_nothing(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    caller.contacts("limit=1").await;
    let before = world.ask_simulator("counters").await["requests_total"].clone();
    let shown = caller
        .get("/unified/crm/contacts?email_addresses=a'b@c.d&limit=7&dry_run=true")
        .await;
    assert_eq!(shown.status, 200, "{shown:?}");
    let soql = shown.json()["query"].as_str().expect("the query").to_owned();
    assert!(
        soql.contains(r"Email = 'a\'b@c.d'") && soql.ends_with("LIMIT 8"),
        "{soql}"
    );
    assert!(!shown.text().contains("00D"), "no token in {}", shown.text());
    let shown = caller
        .send(
            "POST",
            "/unified/crm/contacts?dry_run=true",
            Some(&json!({ "last_name": "x" })),
        )
        .await;
    assert_eq!(shown.json()["request"]["method"], "POST", "{shown:?}");
    assert_eq!(
        world.ask_simulator("counters").await["requests_total"],
        before,
        "nothing was sent"
    );
}

both!(a_hidden_or_renamed_field_gives_null_and_a_warning);
async fn a_hidden_or_renamed_field_gives_null_and_a_warning(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    assert_eq!(
        caller.contacts("limit=1").await["warnings"],
        json!(usual_warnings("Contact"))
    );
    world
        .simulator
        .org()
        .hide_field("Contact", "Title", None)
        .expect("a field");
    // The field list of the connection is cached and knows nothing yet: the provider's error says it.
    let page = caller.contacts("limit=50").await;
    assert!(
        page["result"]
            .as_array()
            .expect("records")
            .iter()
            .all(|contact| contact["title"].is_null())
    );
    let warnings = page["warnings"].to_string();
    assert!(warnings.contains("title"), "{warnings}");
    world
        .simulator
        .org()
        .rename_field("Contact", "LTV_Score__c", "Lifetime_Value__c")
        .expect("a field");
    let page = caller.contacts("limit=50").await;
    let renamed = page["result"]
        .as_array()
        .expect("records")
        .iter()
        .any(|contact| contact["custom_fields"].get("Lifetime_Value__c").is_some());
    assert!(renamed, "the new name is read: {page}");
}

both!(an_org_with_800_custom_fields_is_read_and_written);
async fn an_org_with_800_custom_fields_is_read_and_written(backend: Backend) {
    let mut plan = Plan::new(backend);
    plan.simulator.org.extra_custom_fields = 800;
    let world = World::build(plan).await;
    let caller = world.connected().await;
    let records = walk(&caller, "limit=100", async |_| {}).await;
    assert_eq!(records.len(), ids(&records).len());
    let most = records
        .iter()
        .filter_map(|contact| contact["custom_fields"].as_object())
        .map(serde_json::Map::len)
        .max();
    assert!(most > Some(100), "custom fields of a wide org: {most:?}");
    let shown = caller.get("/unified/crm/contacts?dry_run=true").await.json();
    assert_eq!(
        shown["request"]["method"], "POST",
        "too long for a URL: {}",
        shown["request"]["url"]
    );
    let reply = caller
        .send(
            "POST",
            "/unified/crm/contacts",
            Some(&json!({ "last_name": "Wide" })),
        )
        .await;
    assert_eq!(reply.status, 201, "{reply:?}");
}

both!(zero_false_and_the_empty_text_are_values);
async fn zero_false_and_the_empty_text_are_values(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let body =
        json!({ "last_name": "Zero", "custom_fields": { "LTV_Score__c": 0, "Is_Champion__c": false } });
    let created = caller
        .send("POST", "/unified/crm/contacts", Some(&body))
        .await
        .json();
    assert_eq!(
        created["custom_fields"]["LTV_Score__c"].as_f64(),
        Some(0.0),
        "{created}"
    );
    assert_eq!(created["custom_fields"]["Is_Champion__c"], false, "{created}");
    let nulled = caller
        .send(
            "PATCH",
            &format!("/unified/crm/contacts/{}", created["id"].as_str().expect("an id")),
            Some(&json!({ "custom_fields": { "LTV_Score__c": null } })),
        )
        .await
        .json();
    assert!(
        nulled["custom_fields"].get("LTV_Score__c").is_none(),
        "only null is left out: {nulled}"
    );
}

both!(every_instant_has_one_form_custom_ones_too);
async fn every_instant_has_one_form_custom_ones_too(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let page = caller
        .contacts("limit=200&fields=id,updated_at,custom_fields")
        .await;
    let text = page["result"].to_string();
    assert!(
        text.contains("Last_Touch__c"),
        "some contacts have an instant of their own: {text}"
    );
    assert!(!text.contains("+0000"), "{text}");
}

both!(a_search_stays_within_its_object);
async fn a_search_stays_within_its_object(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let body =
        json!({ "last_name": "Featherstonehaugh", "email_addresses": [{ "email": "a+b@x-y.example" }] });
    let created = caller.send("POST", "/unified/crm/contacts", Some(&body)).await;
    assert_eq!(created.status, 201, "{created:?}");
    for term in ["Featherstonehaugh", "a%2Bb%40x-y.example"] {
        let found = caller.contacts(&format!("search_term={term}")).await;
        assert_eq!(found["result_count"], 1, "{term}: {found}");
        assert_eq!(found["result"][0]["id"], created.json()["id"]);
    }
    let hostile = caller.contacts("search_term=x%7D%20RETURNING%20User(Id)").await;
    assert_eq!(hostile["result_count"], 0, "{hostile}");
}

both!(what_the_provider_refuses_is_told_in_unified_names);
async fn what_the_provider_refuses_is_told_in_unified_names(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let reply = caller
        .send(
            "POST",
            "/unified/crm/contacts",
            Some(&json!({ "first_name": "Nameless" })),
        )
        .await;
    assert_eq!(reply.status, 400, "{reply:?}");
    let problem = reply.json();
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    assert_eq!(problem["is_remote_error"], true);
    assert_eq!(problem["fields"], json!(["last_name"]), "{problem}");
    assert_eq!(problem["upstream"]["code"], "REQUIRED_FIELD_MISSING", "{problem}");
    for (body, named) in [
        (json!({ "last_name": 5 }), "last_name"),
        (json!({ "last_name": "x", "nope": 1 }), "nope"),
        (json!({ "last_name": "x", "id": "003" }), "id"),
        (
            json!({ "last_name": "x", "custom_fields": { "Nope__c": 1 } }),
            "Nope__c",
        ),
        (json!([]), "object"),
        (json!({}), "field"),
    ] {
        let reply = caller.send("POST", "/unified/crm/contacts", Some(&body)).await;
        assert_eq!(reply.status, 400, "{body}: {reply:?}");
        assert_eq!(reply.json()["is_remote_error"], false, "{body}");
        assert!(reply.text().contains(named), "{body}: {}", reply.text());
    }
}

both!(an_entity_tag_saves_the_body);
async fn an_entity_tag_saves_the_body(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let id = caller.contacts("limit=1").await["result"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let path = format!("/unified/crm/contacts/{id}");
    let first = caller.get(&path).await;
    let tag = first.header("etag").expect("a tag").to_owned();
    let mut headers = caller.headers();
    headers.push(("if-none-match", tag));
    let same = world.client.get(&world.url(&path), &headers).await;
    assert_eq!((same.status, same.body.len()), (304, 0));
    caller
        .send("PATCH", &path, Some(&json!({ "title": "Changed" })))
        .await;
    let changed = world.client.get(&world.url(&path), &headers).await;
    assert_eq!(changed.status, 200);
}
