//! What is made of several objects: deals with their contacts, events with their guests, engagements, notes of both kinds,
//! sales processes.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use simulator::org::{Caller as OrgUser, DmlOptions};

use crate::support::org::usual_warnings;
use crate::support::{Backend, Caller, Plan, World, both};

/// Rows of the simulated org, deleted ones left out.
fn live(world: &World, object: &str) -> Vec<Value> {
    let rows = world.simulator.org().raw_records(object);
    rows.into_iter().filter(|row| row["IsDeleted"] != true).collect()
}

fn insert(world: &World, object: &str, row: &Value) -> String {
    let org = world.simulator.org();
    let user = OrgUser {
        user_id: org.admin_user_id(),
    };
    let row: &Map<String, Value> = row.as_object().expect("an object");
    org.create(&user, object, row, &DmlOptions::default())
        .unwrap_or_else(|errors| panic!("{object}: {errors:?}"))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

async fn page(caller: &Caller<'_>, path: &str) -> Value {
    let reply = caller.get(&format!("/unified/crm/{path}")).await;
    assert_eq!(reply.status, 200, "{path}: {reply:?}");
    reply.json()
}

/// All records of a list, page by page, and every warning on the way.
async fn walk(caller: &Caller<'_>, path: &str) -> (Vec<Value>, BTreeSet<String>) {
    let (mut records, mut warnings) = (Vec::new(), BTreeSet::new());
    let mut next = path.to_owned();
    for _ in 0..200 {
        let found = page(caller, &next).await;
        records.extend(found["result"].as_array().expect("records").iter().cloned());
        let told = found["warnings"].as_array().expect("warnings").iter();
        warnings.extend(told.map(|warning| warning.as_str().expect("a text").to_owned()));
        match found["next_cursor"].as_str() {
            Some(cursor) => next = format!("{path}&cursor={cursor}"),
            None => return (records, warnings),
        }
    }
    panic!("{path}: the pages do not end");
}

fn ids(records: &[Value]) -> Vec<String> {
    records
        .iter()
        .map(|record| text(record, "id").to_owned())
        .collect()
}

both!(engagements_are_tasks_and_then_events_each_once);
async fn engagements_are_tasks_and_then_events_each_once(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let (tasks, events) = (live(&world, "Task"), live(&world, "Event"));
    assert!(!tasks.is_empty() && !events.is_empty(), "an org with activities");
    let (found, warnings) = walk(&caller, "engagements?limit=7").await;
    let wanted: Vec<String> = tasks
        .iter()
        .chain(&events)
        .map(|row| text(row, "Id").to_owned())
        .collect();
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    assert_eq!(sorted(ids(&found)), sorted(wanted), "all of both, each once");
    assert_eq!(warnings, BTreeSet::new());
    assert_eq!(
        ids(&found),
        sorted(ids(&found)),
        "in the order of their ids, as any list that is not sorted"
    );

    let call = tasks
        .iter()
        .find(|task| task["TaskSubtype"] == "Call")
        .expect("a call");
    let read = page(&caller, &format!("engagements/{}", text(call, "Id"))).await;
    assert_eq!(
        (&read["type"], &read["subject"]),
        (&json!("call"), &call["Subject"]),
        "{read}"
    );
    let event = &events[0];
    let read = page(&caller, &format!("engagements/{}", text(event, "Id"))).await;
    assert_eq!(read["type"], "meeting", "{read}");
    assert_eq!(
        read["duration_seconds"],
        json!(event["DurationInMinutes"].as_i64().expect("minutes") * 60)
    );

    // What events cannot be filtered by leaves them out, and says so.
    let (open, warnings) = walk(&caller, "engagements?limit=50&status=open").await;
    let wanted = tasks.iter().filter(|task| task["IsClosed"] == false).count();
    assert_eq!(open.len(), wanted);
    assert!(open.iter().all(|record| record["status"] == "open"));
    let told: Vec<&String> = warnings.iter().collect();
    assert!(
        matches!(told.as_slice(), [one] if one.contains("Event") && one.contains("`status`")),
        "{told:?}"
    );
    let (_, warnings) = walk(&caller, "engagements?limit=50&sort=-updated_at").await;
    assert_eq!(warnings.len(), 2, "one for each kind: {warnings:?}");

    // A cursor into one kind is no cursor of another resource, and engagements are written as what they are.
    let first = page(&caller, "engagements?limit=7").await;
    let cursor = text(&first, "next_cursor");
    let reply = caller
        .get(&format!("/unified/crm/tasks?limit=7&cursor={cursor}"))
        .await;
    assert_eq!((reply.status, reply.code()), (400, "invalid_cursor".to_owned()));
    let reply = caller
        .send("POST", "/unified/crm/engagements", Some(&json!({"subject": "x"})))
        .await;
    assert!((400..500).contains(&reply.status), "{reply:?}");
    for part in ["engagements.events", "notes.enhanced"] {
        let reply = caller.get(&format!("/unified/crm/{part}")).await;
        assert_eq!(
            (reply.status, reply.code()),
            (404, "unknown_resource".to_owned()),
            "{part}"
        );
    }
}

both!(deals_come_with_their_contacts);
async fn deals_come_with_their_contacts(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let deal = json!({"Name": "Bare", "StageName": "Prospecting", "CloseDate": "2027-01-31"});
    let deal_id = insert(&world, "Opportunity", &deal);
    let contact = live(&world, "Contact").pop().expect("a contact");
    let contact_id = text(&contact, "Id").to_owned();
    let path = format!("opportunities/{deal_id}");
    assert_eq!(
        page(&caller, &path).await["contacts"],
        json!([]),
        "none is an empty list"
    );
    insert(
        &world,
        "OpportunityContactRole",
        &json!({
            "OpportunityId": deal_id, "ContactId": contact_id, "Role": "Decision Maker", "IsPrimary": true,
        }),
    );
    let read = page(&caller, &path).await;
    let told =
        json!([{"id": contact_id, "name": contact["Name"], "role": "Decision Maker", "is_primary": true}]);
    assert_eq!(read["contacts"], told);
    assert_eq!(
        read["primary_contact"],
        json!({"id": contact_id, "name": contact["Name"]})
    );

    let listed = page(&caller, &format!("opportunities?id={deal_id}&fields=id,contacts")).await;
    assert_eq!(listed["result"], json!([{"id": deal_id, "contacts": told}]));
    assert_eq!(listed["warnings"], json!(usual_warnings("Opportunity")));
    let searched = page(&caller, "opportunities?search_term=Grand&limit=1").await;
    assert!(
        searched["warnings"].to_string().contains("not read by a search"),
        "{searched}"
    );

    // A page of child rows is no promise that these are all.
    for _ in 0..200 {
        insert(
            &world,
            "OpportunityContactRole",
            &json!({"OpportunityId": deal_id, "ContactId": contact_id}),
        );
    }
    let listed = page(&caller, &format!("opportunities?id={deal_id}")).await;
    assert_eq!(
        listed["result"][0]["contacts"].as_array().map(Vec::len),
        Some(200)
    );
    let told = listed["warnings"].to_string();
    assert!(
        told.contains("`contacts`") && told.contains("cut short in 1 of the records"),
        "{told}"
    );

    // A field of the rows that the user may not see is left out, with a warning; the deal still comes.
    world
        .simulator
        .org()
        .hide_field("OpportunityContactRole", "Role", None)
        .expect("a field");
    let listed = page(&caller, &format!("opportunities?id={deal_id}")).await;
    let told = listed["warnings"].to_string();
    assert!(told.contains("OpportunityContactRole.Role"), "{told}");
    let first = &listed["result"][0]["contacts"][0];
    assert_eq!((&first["id"], &first["role"]), (&json!(contact_id), &Value::Null));
    let without = page(&caller, &format!("opportunities?id={deal_id}&fields=id,name")).await;
    assert_eq!(
        without["warnings"],
        json!(usual_warnings("Opportunity")),
        "rows that nobody asked for are not read"
    );
}

both!(events_come_with_their_guests);
async fn events_come_with_their_guests(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let contact = live(&world, "Contact").pop().expect("a contact");
    let event = live(&world, "Event").pop().expect("an event");
    insert(
        &world,
        "EventRelation",
        &json!({
            "EventId": event["Id"], "RelationId": contact["Id"], "Status": "Accepted",
        }),
    );
    let all = live(&world, "EventRelation");
    let read = page(&caller, &format!("events/{}", text(&event, "Id"))).await;
    let guests = read["attendees"].as_array().expect("guests");
    assert_eq!(
        guests.len(),
        all.iter().filter(|row| row["EventId"] == event["Id"]).count()
    );
    let guest = guests
        .iter()
        .find(|guest| guest["id"] == contact["Id"])
        .expect("the contact");
    assert_eq!(
        (
            &guest["name"],
            &guest["email"],
            &guest["status"],
            &guest["contact"]["id"],
            &guest["user"]
        ),
        (
            &contact["Name"],
            &contact["Email"],
            &json!("Accepted"),
            &contact["Id"],
            &Value::Null
        )
    );
    let (events, _) = walk(&caller, "events?limit=25").await;
    let told: usize = events
        .iter()
        .map(|event| event["attendees"].as_array().map_or(0, Vec::len))
        .sum();
    assert_eq!(told, all.len(), "each invitation once");
}

both!(notes_are_classic_and_enhanced);
async fn notes_are_classic_and_enhanced(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let (classic, enhanced) = (live(&world, "Note"), live(&world, "ContentNote"));
    assert!(!classic.is_empty() && !enhanced.is_empty(), "an org with both");
    let (notes, _) = walk(&caller, "notes?limit=5").await;
    assert_eq!(notes.len(), classic.len() + enhanced.len());
    let one = &enhanced[0];
    let path = format!("notes/{}", text(one, "Id"));
    let read = page(&caller, &path).await;
    assert_eq!(
        (&read["title"], &read["content"]),
        (&one["Title"], &one["TextPreview"]),
        "{read}"
    );
    let whole = read["urls"]
        .as_array()
        .expect("urls")
        .iter()
        .find(|url| url["type"] == "content");
    assert!(text(whole.expect("the address of the whole text"), "url").ends_with("/Content"));

    let change = json!({"title": "Größe", "content": "<p>Hi & bye</p>"});
    let changed = caller
        .send("PATCH", &format!("/unified/crm/{path}"), Some(&change))
        .await;
    assert_eq!(
        (changed.status, &changed.json()["title"]),
        (200, &json!("Größe")),
        "{changed:?}"
    );
    let org = world.simulator.org();
    let user = OrgUser {
        user_id: org.admin_user_id(),
    };
    let blob = org
        .blob(&user, "ContentNote", text(one, "Id"), "Content")
        .expect("its text");
    assert_eq!(blob, "PHA+SGkgJiBieWU8L3A+", "as files are sent");
    let wrong = caller
        .send(
            "PATCH",
            &format!("/unified/crm/{path}"),
            Some(&json!({"visibility": "private"})),
        )
        .await;
    assert_eq!(
        (wrong.status, wrong.code()),
        (400, "invalid_body".to_owned()),
        "{wrong:?}"
    );

    let account = &classic[0]["ParentId"];
    let (about, warnings) = walk(
        &caller,
        &format!("notes?limit=5&related_to={}", account.as_str().expect("an id")),
    )
    .await;
    assert_eq!(
        about.len(),
        classic.iter().filter(|note| note["ParentId"] == *account).count()
    );
    assert!(
        warnings.iter().any(|warning| warning.contains("ContentNote")),
        "{warnings:?}"
    );

    let deleted = caller.send("DELETE", &format!("/unified/crm/{path}"), None).await;
    assert_eq!(deleted.status, 200, "{deleted:?}");
    assert_eq!(caller.get(&format!("/unified/crm/{path}")).await.status, 404);
}

both!(pipelines_are_the_sales_processes);
async fn pipelines_are_the_sales_processes(backend: Backend) {
    let mut plan = Plan::new(backend);
    plan.simulator.org.record_types = true;
    let world = World::build(plan).await;
    let caller = world.connected().await;
    let types = world.simulator.org().raw_records("RecordType");
    let (of_deals, others): (Vec<Value>, Vec<Value>) = types
        .into_iter()
        .partition(|row| row["SobjectType"] == "Opportunity");
    assert!(
        !of_deals.is_empty() && !others.is_empty(),
        "an org with record types"
    );
    let (pipelines, warnings) = walk(&caller, "pipelines?limit=1").await;
    assert_eq!(ids(&pipelines).len(), of_deals.len());
    assert_eq!(warnings, BTreeSet::new());
    for pipeline in &pipelines {
        assert_eq!(pipeline["entity"], "opportunities");
        assert_eq!(
            page(&caller, &format!("pipelines/{}", text(pipeline, "id"))).await,
            *pipeline
        );
    }
    let strange = caller
        .get(&format!("/unified/crm/pipelines/{}", text(&others[0], "Id")))
        .await;
    assert_eq!(strange.status, 404, "the process of another object: {strange:?}");
    let named = text(&of_deals[0], "Name").replace(' ', "%20");
    let found = page(&caller, &format!("pipelines?name={named}")).await;
    assert_eq!(found["result"][0]["id"], of_deals[0]["Id"], "{found}");
    let deals = page(
        &caller,
        &format!("opportunities?pipeline={}", text(&of_deals[0], "Id")),
    )
    .await;
    assert_eq!(
        deals["result"][0]["pipeline"]["name"], of_deals[0]["Name"],
        "{deals}"
    );
}

both!(what_cannot_be_searched_is_refused_before_the_provider_is_asked);
async fn what_cannot_be_searched_is_refused_before_the_provider_is_asked(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let before = world.ask_simulator("counters").await;
    let refused = caller.get("/unified/crm/stages?search_term=won").await;
    assert_eq!(
        (refused.status, refused.code()),
        (400, "invalid_parameter".to_owned()),
        "{refused:?}"
    );
    let told = refused.json();
    assert!(told.to_string().contains("search_term"), "{told}");
    let allowed: Vec<&str> = told["allowed"]
        .as_array()
        .expect("resources")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        allowed.contains(&"contacts") && !allowed.contains(&"stages"),
        "{allowed:?}"
    );
    assert_eq!(
        world.ask_simulator("counters").await["requests_total"],
        before["requests_total"],
        "nobody asked the provider"
    );
}
