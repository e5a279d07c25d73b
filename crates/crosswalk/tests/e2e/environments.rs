//! Where a customer logs in: said by the session, by the connection to be reconnected, or by the person on the page.

use serde_json::{Value, json};
use url::Url;

use crate::support::client::Browser;
use crate::support::{Backend, Caller, Reply, World, both};

async fn link(caller: &Caller<'_>, session: Value) -> Url {
    let made = caller.send("POST", "/connect/sessions", Some(&session)).await;
    assert_eq!(made.status, 201, "{made:?}");
    Url::parse(made.json()["url"].as_str().expect("a link")).expect("a URL")
}

async fn sends(world: &World, link: &Url, form: &str) -> Reply {
    Browser::new(&world.client)
        .visit(link, Some(form.to_owned()))
        .await
}

/// The origin that the browser is sent to.
fn origin(reply: &Reply) -> String {
    assert_eq!(reply.status, 303, "{reply:?}");
    let location = Url::parse(reply.header("location").expect("a location")).expect("a URL");
    location.origin().ascii_serialization()
}

both!(the_person_says_where_to_log_in_when_the_session_does_not);
async fn the_person_says_where_to_log_in_when_the_session_does_not(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let simulator = world.simulator.base_url();
    let open = json!({ "provider": "salesforce", "external_id": "open" });

    let page = link(&caller, open.clone()).await;
    let shown = Browser::new(&world.client).visit(&page, None).await;
    assert_eq!(shown.status, 200);
    for part in [
        "value=\"production\" checked",
        "value=\"sandbox\"",
        "value=\"custom\"",
        "name=\"login_host\"",
        ".my.salesforce.com",
    ] {
        assert!(shown.text().contains(part), "{part}: {}", shown.text());
    }
    for (form, told) in [
        ("environment=moon", "Choose one of these."),
        ("environment=custom", "Name the host where you log in"),
        (
            "environment=custom&login_host=evil.example",
            "not a host where one logs in",
        ),
        (
            "environment=custom&login_host=https%3A%2F%2Fa.my.salesforce.com%2Fx",
            "not a host where one logs in",
        ),
        (
            "environment=custom&login_host=a%40b.my.salesforce.com",
            "not a host where one logs in",
        ),
        (
            "environment=sandbox&login_host=a.my.salesforce.com",
            "You named a host but chose Sandbox.",
        ),
        (
            "environment=%3Cscript%3E&login_host=%22%3E%3Cscript%3E",
            "Choose one of these.",
        ),
    ] {
        let refused = sends(&world, &page, form).await;
        assert_eq!(refused.status, 422, "{form}: {refused:?}");
        assert!(refused.text().contains(told), "{form}: {}", refused.text());
        assert!(!refused.text().contains("<script"), "{form}");
        assert!(
            refused.header("set-cookie").is_none() && refused.header("location").is_none(),
            "{form}"
        );
    }
    // After all that the link is still good; and a form that says nothing takes the usual one.
    let chosen = sends(
        &world,
        &page,
        "environment=custom&login_host=Acme.my.salesforce.com",
    )
    .await;
    assert_eq!(origin(&chosen), "https://acme.my.salesforce.com");
    for (form, expected) in [
        ("", simulator.as_str()),
        ("environment=production&login_host=", simulator.as_str()),
        ("environment=sandbox", "https://test.salesforce.com"),
    ] {
        let page = link(&caller, open.clone()).await;
        assert_eq!(origin(&sends(&world, &page, form).await), expected, "{form}");
    }
    // What a session fixes is not the browser's to change.
    let fixed = json!({ "provider": "salesforce", "environment": "production" });
    let page = link(&caller, fixed).await;
    let shown = Browser::new(&world.client).visit(&page, None).await;
    assert!(!shown.text().contains("name=\"environment\""), "{shown:?}");
    assert_eq!(
        origin(&sends(&world, &page, "environment=sandbox").await),
        simulator
    );
    // A provider with one environment leaves nothing to choose.
    let page = link(&caller, json!({ "provider": "hubspot" })).await;
    let shown = Browser::new(&world.client).visit(&page, None).await;
    assert!(!shown.text().contains("name=\"environment\""), "{shown:?}");
}

both!(a_connection_is_reconnected_where_it_is);
async fn a_connection_is_reconnected_where_it_is(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let simulator = world.simulator.base_url();
    // The first time by a host that the person named.
    let page = link(
        &caller,
        json!({ "provider": "salesforce", "external_id": "by-host" }),
    )
    .await;
    let mut browser = Browser::new(&world.client);
    let host: String = url::form_urlencoded::byte_serialize(simulator.as_bytes()).collect();
    let left = browser
        .visit(&page, Some(format!("environment=custom&login_host={host}")))
        .await;
    assert_eq!(origin(&left), simulator);
    let ended = browser.walk(left.header("location").expect("a location")).await;
    assert_eq!(ended.status, 200, "{ended:?}");
    assert!(
        ended.text().contains("/connect/mapping/cw_map_"),
        "the way to the mapping page: {ended:?}"
    );
    let listed = caller.get("/connections?external_id=by-host").await.json();
    let connection = &listed["result"][0];
    assert_eq!(connection["environment"], "custom", "{listed}");

    let again = json!({ "provider": "salesforce", "connection_id": connection["id"] });
    let page = link(&caller, again).await;
    let shown = browser.visit(&page, None).await;
    assert!(shown.text().contains("<dd>My Domain</dd>"), "{shown:?}");
    assert!(!shown.text().contains("name=\"environment\""), "{shown:?}");
    let ended = browser.walk(page.as_str()).await;
    assert_eq!(ended.status, 200, "{ended:?}");
    let after = caller.get("/connections?external_id=by-host").await.json();
    assert_eq!(after["result_count"], 1, "{after}");
    assert_eq!(after["result"][0]["environment"], "custom", "{after}");
}
