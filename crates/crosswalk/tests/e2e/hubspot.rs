//! A provider that is nothing but documents, end to end: the small HubSpot beside the simulated org.

mod lists;
mod writes;

use std::collections::HashSet;

use crate::support::{Backend, Caller, Plan, World, both};
use serde_json::{Value, json};

async fn world(backend: Backend) -> World {
    let mut plan = Plan::new(backend);
    plan.simulator.portal = simulator::PortalOptions {
        companies: 40,
        contacts: 260,
        deals: 60,
        notes: 20,
        tasks: 20,
    };
    World::build(plan).await
}

async fn page(caller: &Caller<'_>, path: &str) -> Value {
    let reply = caller.get(&format!("/unified/crm/{path}")).await;
    assert_eq!(reply.status, 200, "{path}: {reply:?}");
    reply.json()
}

fn records(page: &Value) -> &Vec<Value> {
    page["result"].as_array().expect("records")
}

/// All pages of a list. `path` ends in a parameter.
async fn walk(caller: &Caller<'_>, path: &str, mut between: impl AsyncFnMut()) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let found = page(caller, &format!("{path}{cursor}")).await;
        all.extend(records(&found).clone());
        match found["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
        between().await;
    }
}

fn ids(records: &[Value]) -> HashSet<String> {
    let id = |record: &Value| record["id"].as_str().expect("an id").to_owned();
    records.iter().map(id).collect()
}

/// Ids of the portal's records that are not archived.
async fn live(world: &World, object: &str) -> HashSet<String> {
    let rows = world.ask_simulator(&format!("hubspot/records/{object}")).await;
    let rows = rows["records"]
        .as_array()
        .or(rows.as_array())
        .expect("rows")
        .clone();
    let live: Vec<Value> = rows.into_iter().filter(|row| row["archived"] != true).collect();
    ids(&live)
}

both!(contacts_are_read_as_the_model_says);
async fn contacts_are_read_as_the_model_says(backend: Backend) {
    let world = world(backend).await;
    let caller = world.connected_to(simulator::SECOND_PROVIDER).await;
    let found = caller.contacts("limit=100&include=remote_data").await;
    assert_eq!(
        (&found["result_count"], &found["warnings"]),
        (&json!(100), &json!([])),
        "{found}"
    );
    let mut kinds = HashSet::new();
    for contact in records(&found) {
        let created = contact["created_at"].as_str().expect("created_at");
        assert!(created.ends_with('Z') && created.len() == 24, "{created}");
        assert_eq!(
            contact["remote_data"]["properties"]["hs_object_id"],
            contact["id"]
        );
        let custom = contact["custom_fields"].as_object().expect("custom fields");
        for (name, value) in custom {
            let is_typed = match name.as_str() {
                "is_vip" => value.is_boolean(),
                "loyalty_points" => value.is_number(),
                "favourite_colours" => value.as_array().is_some_and(|colours| !colours.is_empty()),
                "last_survey_at" => value.as_str().is_some_and(|text| text.len() == 24),
                _ => value.is_string(),
            };
            assert!(is_typed, "{name}: {value}");
            kinds.insert(name.clone());
        }
    }
    for name in [
        "is_vip",
        "loyalty_points",
        "favourite_colours",
        "last_survey_at",
        "nickname",
    ] {
        assert!(kinds.contains(name), "{name}: {kinds:?}");
    }
    let id = found["result"][0]["id"].as_str().expect("an id");
    let reply = caller
        .get(&format!("/unified/crm/contacts/{id}?include=remote_data"))
        .await;
    assert_eq!(
        reply.json(),
        found["result"][0],
        "a read shows what the list showed"
    );
    assert!(
        reply.header("etag").is_some() && reply.header("ratelimit-limit").is_some(),
        "{reply:?}"
    );
    let policy = reply.header("ratelimit-policy").expect("a policy");
    assert!(
        policy.contains("\"hubspot-ten-seconds\";q=10000;w=10") && policy.contains("w=86400"),
        "{policy}"
    );
    let gone = caller.get("/unified/crm/contacts/999999999").await;
    assert_eq!(
        (gone.status, gone.code()),
        (404, "not_found".to_owned()),
        "{gone:?}"
    );
    let wrong = caller.get("/unified/crm/contacts/..%2Fdeals").await;
    assert_eq!(wrong.status, 404, "{wrong:?}");
}

both!(deals_and_owners_are_read);
async fn deals_and_owners_are_read(backend: Backend) {
    let world = world(backend).await;
    let caller = world.connected_to(simulator::SECOND_PROVIDER).await;
    let deals = walk(&caller, "opportunities?limit=100", async || {}).await;
    assert_eq!(ids(&deals), live(&world, "deals").await);
    for status in ["open", "won", "lost"] {
        let found = walk(
            &caller,
            &format!("opportunities?status={status}&limit=100"),
            async || {},
        )
        .await;
        let wanted: Vec<Value> = deals
            .iter()
            .filter(|deal| deal["status"] == status)
            .cloned()
            .collect();
        assert!(!wanted.is_empty() && ids(&found) == ids(&wanted), "{status}");
    }
    let owners = walk(&caller, "users?limit=2", async || {}).await;
    assert!(
        owners.len() > 2 && ids(&owners).len() == owners.len(),
        "{owners:?}"
    );
    for deal in deals.iter().filter(|deal| deal["owner"]["id"].is_string()) {
        let is_known = owners.iter().any(|owner| owner["id"] == deal["owner"]["id"]);
        assert!(is_known || deal["owner"]["id"].is_string(), "{deal}");
    }
    let path = format!("users/{}", owners[0]["id"].as_str().expect("an id"));
    assert_eq!(page(&caller, &path).await, owners[0]);
    let email = owners[0]["email"].as_str().expect("an address");
    let found = page(&caller, &format!("users?email={email}")).await;
    assert_eq!(found["result"], json!([owners[0]]), "{found}");
    let former = page(&caller, "users?is_deleted=true").await;
    assert!(
        records(&former).iter().all(|owner| owner["is_active"] == false),
        "{former}"
    );
    let written = caller
        .send("POST", "/unified/crm/users", Some(&json!({"email": "a@b.c"})))
        .await;
    assert_eq!(
        (written.status, written.code()),
        (400, "unsupported_operation".to_owned()),
        "{written:?}"
    );
}

both!(limits_pass_through_once);
async fn limits_pass_through_once(backend: Backend) {
    let world = world(backend).await;
    let caller = world.connected_to(simulator::SECOND_PROVIDER).await;
    caller.contacts("limit=1").await;
    world
        .tell_simulator(
            "settings",
            json!({"hubspot_interval_limit": 1, "hubspot_search_limit": 0}),
        )
        .await;
    for (path, policy) in [
        ("contacts?limit=1", "\"hubspot-ten-seconds\""),
        ("contacts?last_name=x", "\"hubspot-search\""),
    ] {
        let before = world.ask_simulator("counters").await["requests_total"].as_u64();
        let reply = caller.get(&format!("/unified/crm/{path}")).await;
        let after = world.ask_simulator("counters").await["requests_total"].as_u64();
        assert_eq!(
            (reply.status, reply.code()),
            (429, "rate_limited".to_owned()),
            "{reply:?}"
        );
        assert_eq!(after, before.map(|count| count + 1), "never retried");
        assert_eq!(reply.header("ratelimit-remaining"), Some("0"), "{reply:?}");
        let told = reply.header("ratelimit").expect("a reading");
        assert!(told.contains(&format!("{policy};r=0")), "{told}");
        assert_eq!(reply.json()["upstream"]["code"], "RATE_LIMIT", "{reply:?}");
    }
}

both!(tokens_are_refreshed_once_and_a_dead_grant_is_told);
async fn tokens_are_refreshed_once_and_a_dead_grant_is_told(backend: Backend) {
    let world = world(backend).await;
    let caller = world.connected_to(simulator::SECOND_PROVIDER).await;
    caller.contacts("limit=1").await;
    let refreshes = async || {
        let counters = world.ask_simulator("counters").await;
        counters["tokens_issued"]["refresh_token"]
            .as_u64()
            .unwrap_or_default()
    };
    let before = refreshes().await;
    world.tell_simulator("hubspot/expire_sessions", json!({})).await;
    let calls = (0..20).map(|_| caller.get("/unified/crm/contacts?limit=1"));
    let replies = futures_util::future::join_all(calls).await;
    assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
    assert_eq!(refreshes().await - before, 1, "one refresh for all");
    world.tell_simulator("hubspot/revoke_grants", json!({})).await;
    world.tell_simulator("hubspot/expire_sessions", json!({})).await;
    let reply = caller.get("/unified/crm/contacts?limit=1").await;
    assert!(matches!(reply.status, 401 | 409), "{reply:?}");
    assert_eq!(reply.code(), "needs_reauth", "{reply:?}");
}

both!(a_hidden_property_is_null_and_told);
async fn a_hidden_property_is_null_and_told(backend: Backend) {
    let world = world(backend).await;
    let caller = world.connected_to(simulator::SECOND_PROVIDER).await;
    assert_eq!(caller.contacts("limit=5").await["warnings"], json!([]));
    let hide = json!({"action": "hide", "object": "contacts", "name": "jobtitle"});
    world.tell_simulator("hubspot/properties", hide).await;
    // Nothing fails: the property is just not in the reply, although the connection's list of fields has it.
    for path in ["contacts?limit=50", "contacts?limit=50&last_name[ne]=x"] {
        let found = page(&caller, path).await;
        assert!(records(&found).iter().all(|contact| contact["title"].is_null()));
        assert!(
            found["warnings"].to_string().contains("`title` is null"),
            "{path}: {}",
            found["warnings"]
        );
    }
    let other = world
        .connect_to(simulator::SECOND_PROVIDER, &caller.tenant, "other")
        .await;
    let other = Caller {
        world: &world,
        tenant: caller.tenant.clone(),
        connection_id: other,
    };
    let found = other.contacts("limit=5").await;
    assert!(
        found["warnings"].to_string().contains("`title` is null"),
        "{}",
        found["warnings"]
    );
    let reply = other.get("/unified/crm/contacts?title=CEO").await;
    assert_eq!(
        (reply.status, reply.code()),
        (400, "invalid_parameter".to_owned()),
        "{reply:?}"
    );
}

both!(a_deleted_connection_ends_its_grant);
async fn a_deleted_connection_ends_its_grant(backend: Backend) {
    let world = world(backend).await;
    let caller = world.connected_to(simulator::SECOND_PROVIDER).await;
    let path = format!("/connections/{}", caller.connection_id);
    let reply = caller.send("DELETE", &path, None).await;
    assert!(reply.status < 300, "{reply:?}");
    let ended = async || {
        let counters = world.ask_simulator("counters").await;
        counters["by_route"]
            .to_string()
            .contains("DELETE /oauth/v1/refresh-tokens/")
    };
    // The provider is told in the background.
    for _ in 0..500 {
        if ended().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the grant was not ended");
}
