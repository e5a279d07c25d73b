//! `crosswalk connect`, `connections` and `events`.

use serde_json::{Value, json};
use url::Url;

use super::{Shell, text};
use crate::support::client::Browser;
use crate::support::{Backend, Caller, Plan, World, both};

const KEY_FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../provider/tests/keys/first.key.pem"
);
const CERTIFICATE: &str = include_str!("../../../../provider/tests/keys/first.cert.pem");

async fn shown(caller: &Caller<'_>, id: &str) -> Value {
    caller.get(&format!("/connections/{id}")).await.json()
}

both!(connections_are_looked_after);
async fn connections_are_looked_after(backend: Backend) {
    let mut plan = Plan::new(backend);
    plan.simulator.daily_limit = 100_000;
    let world = World::build(plan).await;
    let caller = world.connected().await;
    let tenant = Shell::of(&caller.tenant, &world);
    let id = caller.connection_id.as_str();

    assert!(tenant.done(&["connections", "list"]).contains(id));
    let nothing = tenant.done(&["connections", "list", "--search", "nothing"]);
    assert_eq!(nothing.lines().count(), 1, "{nothing}");
    let listed = tenant.lines(&["connections", "list", "--sort", "-created_at", "--json"]);
    assert_eq!(listed, [shown(&caller, id).await]);
    tenant.refused(&["connections", "list", "--state", "odd"], "Allowed: pending");
    assert_eq!(
        tenant.json(&["connections", "show", id]),
        shown(&caller, id).await
    );
    for elsewhere in ["../admin/tenants", "con_1"] {
        tenant.refused(
            &["connections", "show", elsewhere],
            "No such connection. (connection_not_found, req_",
        );
    }

    let contacts = "/unified/crm/contacts?limit=1";
    assert!(tenant.done(&["connections", "test", id]).starts_with("works, "));
    assert!(
        tenant
            .done(&["connections", "pause", id])
            .contains("is paused; its state is active")
    );
    assert_eq!(caller.get(contacts).await.code(), "connection_paused");
    tenant.refused(&["connections", "test", id], "connection_paused");
    assert!(
        tenant
            .done(&["connections", "resume", id])
            .contains("is not paused")
    );
    assert_eq!(caller.get(contacts).await.status, 200);

    let quota = tenant.done(&["connections", "quota", id]);
    assert!(
        quota.contains("100000") && quota.contains("observed at 2"),
        "{quota}"
    );
    assert_eq!(
        tenant.json(&["connections", "quota", id, "--json"]),
        caller.get(&format!("/connections/{id}/quota")).await.json()
    );

    let renamed = tenant.done(&["connections", "rename", id, "Zoë's 100%"]);
    assert!(renamed.contains("has the external id Zoë's 100%"), "{renamed}");
    assert_eq!(shown(&caller, id).await["external_id"], "Zoë's 100%");
    tenant.refused(&["connections", "rename", id], "EXTERNAL_ID");
    tenant.refused(&["connections", "rename", id, "two", "--none"], "--none");
    assert!(
        tenant
            .done(&["connections", "rename", id, "--none"])
            .contains("no external id")
    );
    assert_eq!(shown(&caller, id).await["external_id"], Value::Null);

    assert!(tenant.done(&["connections", "delete", id]).contains("is deleted"));
    assert_eq!(caller.get(&format!("/connections/{id}")).await.status, 404);
    tenant.refused(&["connections", "quota", id], "No such connection");
    // Not the list that stands above the one that is named.
    tenant.refused(&["connections", "show", ".."], "neither an id");
    tenant.refused(&["connections", "show", ""], "neither an id");
}

both!(events_are_listed_and_shown);
async fn events_are_listed_and_shown(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let second = world.connect(&caller.tenant, "second").await;
    let tenant = Shell::of(&caller.tenant, &world);
    tenant.done(&["connections", "delete", &second]);
    let all = tenant.lines(&["events", "list", "--json"]);
    assert_eq!(
        all,
        *caller.get("/events").await.json()["result"]
            .as_array()
            .expect("a list")
    );
    assert_eq!(all.len(), 3);
    let deleted = tenant.done(&["events", "list", "--type", "connection.deleted"]);
    assert!(
        deleted.lines().count() == 2 && deleted.contains(&second),
        "{deleted}"
    );
    let of_first = tenant.lines(&["events", "list", "--connection", &caller.connection_id, "--json"]);
    assert_eq!(of_first, all[2..]);
    let told = tenant.done(&["events", "list", "--limit", "2"]);
    assert!(told.ends_with("There are more: --limit\n"), "{told}");
    assert_eq!(tenant.json(&["events", "show", text(&all[0]["id"])]), all[0]);
    tenant.refused(&["events", "show", "evt_1"], "No such event");
}

both!(a_customer_connects_by_a_link_from_the_command_line);
async fn a_customer_connects_by_a_link_from_the_command_line(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let tenant = Shell::of(&caller.tenant, &world);
    let session = [
        "connect",
        "session",
        "salesforce",
        "--environment",
        "production",
        "--external-id",
        "linked",
    ];
    let link = tenant.done(&session);
    assert_eq!(link.lines().count(), 1, "{link}");
    Browser::new(&world.client).walk(link.trim_end()).await;
    let found = caller.get("/connections?external_id=linked").await.json();
    let made = text(&found["result"][0]["id"]);
    assert_eq!(found["result"][0]["state"], "active");

    // Anew, the same connection.
    let again = ["connect", "session", "salesforce", "--connection", made, "--json"];
    let again = tenant.json(&again);
    assert!(text(&again["expires_at"]).ends_with('Z'));
    Browser::new(&world.client).walk(text(&again["url"])).await;
    let all = caller.get("/connections").await.json();
    assert_eq!(all["result_count"], 2, "{all}");

    let scope = ["connect", "session", "salesforce", "--scope", "a b"];
    tenant.refused(&scope, "scopes");
    let popup = [
        "connect",
        "session",
        "salesforce",
        "--popup-of",
        "https://evil.example",
    ];
    tenant.refused(&popup, "opener_origin");
    let elsewhere = [
        "connect",
        "session",
        "salesforce",
        "--return-to",
        "https://evil.example",
    ];
    tenant.refused(&elsewhere, "return_to");
    tenant.refused(&["connect", "session", "nobody"], "Allowed: hubspot,salesforce");

    let page = tenant.done(&["connect", "mapping-session", made, "--resource", "contacts"]);
    let mut admin = Browser::new(&world.client);
    let is_page = |url: &Url| url.path() == "/connect/mapping";
    admin.walk_until(page.trim_end(), is_page).await;
    let opened = Url::parse(&world.url("/connect/mapping")).expect("a URL");
    let opened = admin.visit(&opened, None).await;
    assert_eq!(opened.status, 200, "{opened:?}");
    assert!(
        opened.text().contains("contacts") && !opened.text().contains("opportunities"),
        "{opened:?}"
    );
    let unknown = ["connect", "mapping-session", made, "--resource", "shoes"];
    tenant.refused(&unknown, "`shoes` is no resource");
}

both!(a_server_connects_from_the_command_line);
async fn a_server_connects_from_the_command_line(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let tenant = Shell::of(&caller.tenant, &world);
    world
        .tell_simulator("settings", json!({"jwt_certificate": CERTIFICATE}))
        .await;
    let asserted = tenant.json(&[
        "connections",
        "create",
        "salesforce",
        "--flow",
        "jwt_bearer",
        "--external-id",
        "server",
        "--username",
        simulator::USERNAME,
        "--private-key-file",
        KEY_FILE,
    ]);
    assert_eq!(asserted, shown(&caller, text(&asserted["id"])).await);
    assert_eq!(
        (&asserted["flow"], &asserted["external_id"], &asserted["state"]),
        (&json!("jwt_bearer"), &json!("server"), &json!("active"))
    );
    let (client, host) = (simulator::Options::default(), world.simulator.base_url());
    let of_customer = [
        "connections",
        "create",
        "salesforce",
        "--flow",
        "client_credentials",
        "--environment",
        "custom",
        "--login-host",
        &host,
        "--client-id",
        &client.client_id,
        "--client-secret-file",
        "-",
    ];
    let told = tenant.done_with(&of_customer, &format!("{}\r\n", client.client_secret));
    let made: Value = serde_json::from_str(&told).expect("JSON");
    assert!(
        tenant
            .done(&["connections", "test", text(&made["id"])])
            .starts_with("works, ")
    );
    assert!(!told.contains(&client.client_secret), "{told}");

    let missing = [
        "connections",
        "create",
        "salesforce",
        "--flow",
        "jwt_bearer",
        "--private-key-file",
        "/no/such/key",
    ];
    tenant.refused(&missing, "/no/such/key: No such file");
    tenant.refused(
        &["connections", "create", "salesforce", "--flow", "password"],
        "is not offered",
    );
}
