//! Filters, sorts, searches and pages.

use super::{ids, live, page, records, walk, world};
use crate::support::{Backend, both};
use serde_json::{Value, json};

both!(filters_sorts_and_searches);
async fn filters_sorts_and_searches(backend: Backend) {
    let world = world(backend).await;
    let caller = world.connected_to(simulator::SECOND_PROVIDER).await;
    let all = walk(&caller, "contacts?limit=100", async || {}).await;
    let some = all
        .iter()
        .find(|contact| {
            contact["email_addresses"][0]["email"].is_string() && contact["account"]["id"].is_string()
        })
        .expect("a contact");
    let email = some["email_addresses"][0]["email"]
        .as_str()
        .expect("an address")
        .to_uppercase();
    for query in [
        format!("email_addresses={email}"),
        format!("email_addresses[in]={email},x@y.z"),
    ] {
        let found = page(&caller, &format!("contacts?{query}")).await;
        assert_eq!(
            (&found["result_count"], &found["total_count"]),
            (&json!(1), &json!(1)),
            "{query}: {found}"
        );
        assert_eq!(&found["result"][0], some);
    }
    let is =
        |test: &dyn Fn(&Value) -> bool| ids(&all.iter().filter(|one| test(one)).cloned().collect::<Vec<_>>());
    let vip = |one: &Value| one["custom_fields"]["is_vip"] == true;
    let points = |one: &Value| {
        one["custom_fields"]["loyalty_points"]
            .as_f64()
            .is_some_and(|points| points > 5.0)
    };
    let colour = |one: &Value, colour: &str| {
        one["custom_fields"]["favourite_colours"]
            .as_array()
            .is_some_and(|all| all.contains(&json!(colour)))
    };
    let account = some["account"]["id"].as_str().expect("an id").to_owned();
    for (query, wanted) in [
        ("custom_fields[is_vip]=true".to_owned(), is(&vip)),
        ("custom_fields[loyalty_points][gt]=5".to_owned(), is(&points)),
        (
            "custom_fields[favourite_colours]=blue".to_owned(),
            is(&|one| colour(one, "blue")),
        ),
        (
            "custom_fields[favourite_colours]=red%3Bblue".to_owned(),
            is(&|one| colour(one, "blue") && colour(one, "red")),
        ),
        (
            "or[0][custom_fields][is_vip]=true&or[1][custom_fields][loyalty_points][gt]=5".to_owned(),
            is(&|one| vip(one) || points(one)),
        ),
        (
            format!("account={account}"),
            is(&|one| one["account"]["id"] == account.as_str()),
        ),
        (
            "email_addresses=".to_owned(),
            is(&|one| one["email_addresses"] == json!([])),
        ),
    ] {
        let found = walk(&caller, &format!("contacts?{query}&limit=7"), async || {}).await;
        assert_eq!(ids(&found), wanted, "{query}");
        assert_eq!(found.len(), wanted.len(), "{query}: each once");
        assert!(!wanted.is_empty(), "{query} is tried in vain");
    }
    let sorted = walk(&caller, "contacts?limit=90&sort=-created_at", async || {}).await;
    let times: Vec<&str> = sorted
        .iter()
        .filter_map(|one| one["created_at"].as_str())
        .collect();
    assert!(times.len() == all.len() && times.is_sorted_by(|left, right| left >= right));
    let found = page(&caller, &format!("contacts?search_term={}", email.to_lowercase())).await;
    assert!(
        ids(records(&found)).contains(some["id"].as_str().expect("an id")),
        "{found}"
    );
}

both!(what_cannot_be_asked_is_refused_and_the_rest_is_shown);
async fn what_cannot_be_asked_is_refused_and_the_rest_is_shown(backend: Backend) {
    let world = world(backend).await;
    let caller = world.connected_to(simulator::SECOND_PROVIDER).await;
    for (query, named) in [
        ("sort=-created_at,first_name", "sort"),
        ("include_deleted=true", "include_deleted"),
        ("last_name[like]=a%25", "last_name"),
        ("created_at[gt]=yesterday", "created_at"),
        ("custom_fields[nope]=1", "nope"),
        ("custom_fields[is_vip][gt]=true", "is_vip"),
    ] {
        let reply = caller.get(&format!("/unified/crm/contacts?{query}")).await;
        assert_eq!(
            (reply.status, reply.code()),
            (400, "invalid_parameter".to_owned()),
            "{query}: {reply:?}"
        );
        assert!(reply.text().contains(named), "{query}: {}", reply.text());
    }
    let dry = page(&caller, "contacts?last_name[contains]=%22%5D%7D&dry_run=true").await;
    assert_eq!(dry["request"]["method"], "POST", "{dry}");
    assert_eq!(
        dry["request"]["body"]["filterGroups"][0]["filters"][0]["value"], "*\"]}*",
        "{dry}"
    );
}

both!(pages_hold_each_record_once);
async fn pages_hold_each_record_once(backend: Backend) {
    let world = world(backend).await;
    let caller = world.connected_to(simulator::SECOND_PROVIDER).await;
    let wanted = live(&world, "contacts").await;
    assert!(wanted.len() > 200, "{}", wanted.len());
    for query in [
        "contacts?limit=37",
        "contacts?limit=37&created_at[gt]=2000-01-01T00:00:00Z",
    ] {
        // Records made and sessions ended between two pages take nothing away and give nothing twice.
        let found = walk(&caller, query, async || {
            world.tell_simulator("hubspot/expire_sessions", json!({})).await;
            let body = json!({"last_name": "New"});
            let reply = caller.send("POST", "/unified/crm/contacts", Some(&body)).await;
            assert_eq!(reply.status, 201, "{reply:?}");
        })
        .await;
        let seen = ids(&found);
        assert_eq!(seen.len(), found.len(), "{query}: each once");
        assert!(wanted.is_subset(&seen), "{query}: all");
    }
    let first = page(&caller, "contacts?limit=2").await;
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    for path in [
        format!("accounts?limit=2&cursor={cursor}"),
        format!("contacts?last_name=x&cursor={cursor}"),
    ] {
        let reply = caller.get(&format!("/unified/crm/{path}")).await;
        assert_eq!(
            (reply.status, reply.code()),
            (400, "invalid_cursor".to_owned()),
            "{path}: {reply:?}"
        );
    }
}

both!(pipelines_are_told_at_once_and_paged_here);
async fn pipelines_are_told_at_once_and_paged_here(backend: Backend) {
    let world = world(backend).await;
    let caller = world.connected_to(simulator::SECOND_PROVIDER).await;
    let all = page(&caller, "pipelines").await;
    assert_eq!(
        (&all["result_count"], &all["next_cursor"]),
        (&json!(2), &Value::Null),
        "{all}"
    );
    let paged = walk(&caller, "pipelines?limit=1", async || {}).await;
    assert_eq!(&paged, records(&all), "the same, one by one");
    for pipeline in &paged {
        assert_eq!(pipeline["entity"], "opportunities");
        let stages = pipeline["stages"].as_array().expect("stages");
        let won: Vec<&Value> = stages.iter().filter(|stage| stage["is_won"] == true).collect();
        assert!(
            won.len() == 1 && won[0]["probability"] == json!(100),
            "{pipeline}"
        );
        assert!(
            stages
                .iter()
                .any(|stage| stage["is_closed"] == true && stage["is_won"] == false)
        );
        let id = pipeline["id"].as_str().expect("an id");
        assert_eq!(page(&caller, &format!("pipelines/{id}")).await, *pipeline);
    }
    let unknown = caller.get("/unified/crm/pipelines/nope").await;
    assert_eq!(
        (unknown.status, unknown.code()),
        (404, "not_found".to_owned()),
        "{unknown:?}"
    );
    let searched = caller.get("/unified/crm/pipelines?search_term=sales").await;
    assert_eq!(
        (searched.status, searched.code()),
        (400, "invalid_parameter".to_owned())
    );
}
