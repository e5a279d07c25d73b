//! A lead becomes an account, a contact and a deal.

use serde_json::{Value, json};

use crate::support::{Backend, Caller, Reply, World, both};

const CONVERTED: &str = "Closed - Converted";

fn leads(world: &World) -> Vec<Value> {
    let rows = world.simulator.org().raw_records("Lead");
    rows.into_iter()
        .filter(|row| row["IsDeleted"] != true && row["IsConverted"] != true)
        .collect()
}

fn row(world: &World, object: &str, id: &Value) -> Value {
    let rows = world.simulator.org().raw_records(object);
    let found = rows.into_iter().find(|row| row["Id"] == *id);
    found.unwrap_or_else(|| panic!("no {object} {id}"))
}

fn path(lead: &Value) -> String {
    format!(
        "/unified/crm/leads/{}/convert",
        lead["Id"].as_str().expect("an id")
    )
}

async fn convert(caller: &Caller<'_>, lead: &Value, body: &Value) -> Reply {
    caller.send("POST", &path(lead), Some(body)).await
}

both!(a_lead_becomes_an_account_a_contact_and_a_deal);
async fn a_lead_becomes_an_account_a_contact_and_a_deal(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let open = leads(&world);
    let lead = &open[0];
    let name = "Größe & <Söhne> \"x\"";
    let body = json!({"remote_status": CONVERTED, "opportunity_name": name});
    let done = convert(&caller, lead, &body).await;
    assert_eq!(done.status, 200, "{done:?}");
    let told = done.json();
    assert_eq!(
        (
            &told["id"],
            &told["is_converted"],
            &told["status"],
            &told["remote_status"]
        ),
        (&lead["Id"], &json!(true), &json!("converted"), &json!(CONVERTED)),
        "{told}"
    );
    let account = row(&world, "Account", &told["converted_account"]["id"]);
    assert_eq!(account["Name"], lead["Company"]);
    let contact = row(&world, "Contact", &told["converted_contact"]["id"]);
    assert_eq!(
        (&contact["LastName"], &contact["AccountId"]),
        (&lead["LastName"], &account["Id"])
    );
    let deal = row(&world, "Opportunity", &told["converted_opportunity"]["id"]);
    assert_eq!(
        (&deal["Name"], &deal["AccountId"]),
        (&json!(name), &account["Id"]),
        "every word as it was"
    );

    // Once only, and said in words that tell whose fault it is.
    let again = convert(&caller, lead, &body).await;
    assert_eq!(
        (again.status, again.code()),
        (400, "conflict".to_owned()),
        "{again:?}"
    );
    let again = again.json();
    assert_eq!(
        again["upstream"]["code"], "CANNOT_UPDATE_CONVERTED_LEAD",
        "{again}"
    );
    assert_eq!(again["retryable"], false);

    // Joined to what there is, without a deal.
    let lead = &open[1];
    let body = json!({
        "remote_status": CONVERTED, "account": {"id": account["Id"]}, "contact": {"id": contact["Id"]},
        "create_opportunity": false,
    });
    let deals = world.simulator.org().record_count("Opportunity");
    let joined = convert(&caller, lead, &body).await.json();
    assert_eq!(
        (
            &joined["converted_account"]["id"],
            &joined["converted_contact"]["id"],
            &joined["converted_opportunity"]["id"]
        ),
        (&account["Id"], &contact["Id"], &Value::Null),
        "{joined}"
    );
    assert_eq!(world.simulator.org().record_count("Opportunity"), deals);
}

/// Bodies that cannot be, and the field at fault.
fn wrong_bodies() -> Vec<(Value, &'static str)> {
    let contact = json!({"id": "003000000000001AAA"});
    vec![
        (json!({}), "remote_status"),
        (json!({"remote_status": ""}), "remote_status"),
        (json!({"remote_status": null}), "remote_status"),
        (json!({"remote_status": 1}), "remote_status"),
        (
            json!({"remote_status": CONVERTED, "notify_owner": "yes"}),
            "notify_owner",
        ),
        (
            json!({"remote_status": CONVERTED, "create_opportunity": null}),
            "create_opportunity",
        ),
        (json!({"remote_status": CONVERTED, "account": "001"}), "account"),
        (
            json!({"remote_status": CONVERTED, "account": {"name": "x"}}),
            "account",
        ),
        (json!({"remote_status": CONVERTED, "owner": null}), "owner"),
        (json!({"remote_status": CONVERTED, "contact": contact}), "contact"),
        (
            json!({"remote_status": CONVERTED, "opportunity_name": 7}),
            "opportunity_name",
        ),
        (
            json!({"remote_status": CONVERTED, "opportunity": {"id": "006"}, "create_opportunity": false}),
            "create_opportunity",
        ),
        (json!({"remote_status": CONVERTED, "Status": "x"}), "Status"),
    ]
}

both!(a_conversion_that_cannot_be_is_refused_and_leaves_nothing_behind);
async fn a_conversion_that_cannot_be_is_refused_and_leaves_nothing_behind(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let lead = leads(&world).swap_remove(0);
    let count = |object: &str| world.simulator.org().record_count(object);
    let before = (count("Account"), count("Contact"), count("Opportunity"));

    // The provider says which statuses stand for converted; another is refused by it.
    let wrong = convert(&caller, &lead, &json!({"remote_status": "Open - Not Contacted"})).await;
    assert_eq!(
        (wrong.status, wrong.code()),
        (400, "validation_failed".to_owned()),
        "{wrong:?}"
    );
    assert!(
        wrong.text().contains("invalid convertedStatus"),
        "{}",
        wrong.text()
    );

    let requests = world.ask_simulator("counters").await["requests_total"].clone();
    for (body, field) in wrong_bodies() {
        let refused = convert(&caller, &lead, &body).await;
        assert_eq!(
            (refused.status, refused.code()),
            (400, "invalid_body".to_owned()),
            "{body}: {refused:?}"
        );
        assert_eq!(refused.json()["fields"], json!([field]), "{body}");
    }
    for body in [json!([]), json!("x"), json!({"remote_status": "a\u{0}b"})] {
        let refused = convert(&caller, &lead, &body).await;
        assert_eq!(
            (refused.status, refused.code()),
            (400, "invalid_body".to_owned()),
            "{body}: {refused:?}"
        );
    }
    let strange = caller
        .send(
            "POST",
            "/unified/crm/leads/nope/convert",
            Some(&json!({"remote_status": CONVERTED})),
        )
        .await;
    assert_eq!((strange.status, strange.code()), (404, "not_found".to_owned()));
    let contacts = caller
        .send(
            "POST",
            "/unified/crm/contacts/003000000000001AAA/convert",
            Some(&json!({})),
        )
        .await;
    assert_eq!(contacts.code(), "unsupported_operation", "{contacts:?}");
    assert_eq!(
        world.ask_simulator("counters").await["requests_total"],
        requests,
        "none of these was sent"
    );

    // What the provider refuses half way is undone by it.
    let rule = ("LastName".to_owned(), lead["LastName"].clone());
    world
        .simulator
        .org()
        .set_validation_rule(
            "Contact",
            rule,
            "Kein Nachname".to_owned(),
            Some("LastName".to_owned()),
        )
        .expect("a rule");
    let refused = convert(&caller, &lead, &json!({"remote_status": CONVERTED})).await;
    assert_eq!(
        (refused.status, refused.code()),
        (400, "validation_failed".to_owned()),
        "{refused:?}"
    );
    assert!(refused.text().contains("Kein Nachname"), "{}", refused.text());
    assert_eq!((count("Account"), count("Contact"), count("Opportunity")), before);
    assert_eq!(row(&world, "Lead", &lead["Id"])["IsConverted"], false);
}

both!(a_conversion_is_sent_once_and_survives_an_expired_session);
async fn a_conversion_is_sent_once_and_survives_an_expired_session(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let lead = leads(&world).swap_remove(0);
    let words = "</urn:leadId><urn:leadId>00Q000000000001AAA";
    let body = json!({"remote_status": CONVERTED, "opportunity_name": words});
    let shown = caller
        .send("POST", &format!("{}?dry_run=true", path(&lead)), Some(&body))
        .await;
    assert_eq!(shown.status, 200, "{shown:?}");
    let sent = shown.json()["request"]["body"].as_str().expect("XML").to_owned();
    assert!(
        sent.contains("<urn:sessionId>[redacted]</urn:sessionId>"),
        "{sent}"
    );
    assert!(
        sent.contains("&lt;/urn:leadId&gt;&lt;urn:leadId&gt;00Q"),
        "{sent}"
    );
    assert_eq!(
        sent.matches("<urn:leadId>").count(),
        1,
        "a caller's words are no elements: {sent}"
    );
    assert_eq!(row(&world, "Lead", &lead["Id"])["IsConverted"], false);

    // The session ends between the calls: the token in the body is renewed as the one in the header.
    world.tell_simulator("expire_sessions", json!({})).await;
    let mut headers = caller.headers();
    headers.push(("idempotency-key", "convert-1".to_owned()));
    headers.push(("prefer", "return=minimal".to_owned()));
    let url = world.url(&path(&lead));
    let done = world.client.send("POST", &url, &headers, Some(&body)).await;
    assert_eq!(
        (done.status, done.json()),
        (200, json!({"id": lead["Id"]})),
        "{done:?}"
    );
    let deals = world.simulator.org().record_count("Opportunity");
    let again = world.client.send("POST", &url, &headers, Some(&body)).await;
    assert_eq!(
        (again.status, again.json()),
        (200, json!({"id": lead["Id"]})),
        "{again:?}"
    );
    assert_eq!(
        world.simulator.org().record_count("Opportunity"),
        deals,
        "not a second deal"
    );
}
