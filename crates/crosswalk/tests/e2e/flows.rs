//! Connections without a browser: client credentials and assertions, against the simulated org's own checks.

use serde_json::{Value, json};

use crate::support::client::Reply;
use crate::support::{Backend, Plan, Tenant, World, both};

const KEY: &str = include_str!("../../../provider/tests/keys/first.key.pem");
const CERTIFICATE: &str = include_str!("../../../provider/tests/keys/first.cert.pem");
const OTHER_KEY: &str = include_str!("../../../provider/tests/keys/second.key.pem");
const SMALL_KEY: &str = include_str!("../../../provider/tests/keys/small.pem");

const ASSERTED: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

async fn world(backend: Backend) -> World {
    let world = World::small(backend).await;
    let settings = json!({ "jwt_certificate": CERTIFICATE });
    world.tell_simulator("settings", settings).await;
    world
}

fn jwt() -> Value {
    json!({
        "provider": "salesforce", "flow": "jwt_bearer", "external_id": "server",
        "username": simulator::USERNAME, "private_key": KEY,
    })
}

fn credentials(world: &World) -> Value {
    json!({
        "provider": "salesforce", "flow": "client_credentials", "external_id": "server",
        "environment": "custom", "login_host": world.simulator.base_url(),
    })
}

fn with(mut body: Value, changes: &Value) -> Value {
    for (key, value) in changes.as_object().expect("an object") {
        body[key] = value.clone();
        if value.is_null() {
            body.as_object_mut().expect("an object").remove(key);
        }
    }
    body
}

async fn post(world: &World, tenant: &Tenant, body: &Value) -> Reply {
    let url = world.url("/connections");
    world.client.post(&url, &tenant.bearer(), body).await
}

async fn contacts(world: &World, tenant: &Tenant, id: &Value) -> Reply {
    let mut headers = tenant.bearer();
    headers.push(("x-connection-id", id.as_str().expect("an id").to_owned()));
    let url = world.url("/unified/crm/contacts?limit=1");
    world.client.get(&url, &headers).await
}

async fn token_posts(world: &World) -> Value {
    world.ask_simulator("counters").await["token_posts"].clone()
}

both!(a_server_connects_and_refreshes_with_an_assertion);
async fn a_server_connects_and_refreshes_with_an_assertion(backend: Backend) {
    let world = world(backend).await;
    let tenant = world.tenant("Test").await;
    let made = post(&world, &tenant, &jwt()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let connection = made.json();
    assert_eq!(connection["flow"], "jwt_bearer");
    assert_eq!(connection["state"], "active");
    assert_eq!(connection["last_refreshed_at"], Value::Null);
    assert!(!made.text().contains("PRIVATE KEY"), "{made:?}");

    let id = &connection["id"];
    assert_eq!(contacts(&world, &tenant, id).await.status, 200);
    world.tell_simulator("kill_sessions", json!({})).await;
    let read = contacts(&world, &tenant, id).await;
    assert_eq!(read.status, 200, "{read:?}");
    // Again, so that what the first refresh saved is what the second one presents.
    world.tell_simulator("kill_sessions", json!({})).await;
    assert_eq!(contacts(&world, &tenant, id).await.status, 200);
    assert_eq!(token_posts(&world).await, json!({ ASSERTED: 3 }));
    let shown = format!("/connections/{}", id.as_str().expect("an id"));
    let shown = world
        .client
        .get(&world.url(&shown), &tenant.bearer())
        .await
        .json();
    assert!(shown["last_refreshed_at"].is_string(), "{shown}");

    // The user's admission is taken back: told once, and then nothing more is sent.
    let nobody = json!({ "jwt_users": [] });
    world.tell_simulator("settings", nobody).await;
    world.tell_simulator("kill_sessions", json!({})).await;
    for _ in 0..2 {
        let refused = contacts(&world, &tenant, id).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (409, "needs_reauth"),
            "{refused:?}"
        );
    }
    assert_eq!(token_posts(&world).await, json!({ ASSERTED: 4 }));
    let listed = world
        .client
        .get(&world.url("/connections"), &tenant.bearer())
        .await
        .json();
    assert_eq!(
        listed["result"][0]["state_reason"], "credential_refused",
        "{listed}"
    );
    // Other connections of the provider are none the worse, and this one is made anew under its id.
    world.connect(&tenant, "person").await;
    world
        .tell_simulator("settings", json!({ "jwt_users": null }))
        .await;
    let again = post(&world, &tenant, &jwt()).await;
    assert_eq!((again.status, &again.json()["id"]), (201, id), "{again:?}");
    assert_eq!(contacts(&world, &tenant, id).await.status, 200);
}

both!(what_cannot_be_right_is_refused_before_anything_is_sent);
async fn what_cannot_be_right_is_refused_before_anything_is_sent(backend: Backend) {
    let world = world(backend).await;
    let tenant = world.tenant("Test").await;
    for (changes, field, told) in [
        (json!({"private_key": SMALL_KEY}), "private_key", "too small"),
        (
            json!({"private_key": CERTIFICATE}),
            "private_key",
            "is a certificate",
        ),
        (json!({"private_key": "secret"}), "private_key", "holds no PEM"),
        (json!({"private_key": ""}), "private_key", "1 to"),
        (json!({"private_key": null}), "private_key", "needs `private_key`"),
        (json!({"username": null}), "username", "needs `username`"),
        (json!({"username": "a\nb"}), "username", "control"),
        (
            json!({"client_secret": "x"}),
            "client_secret",
            "takes no `client_secret`",
        ),
        (json!({"flow": "password"}), "flow", "not offered"),
        (json!({"flow": "authorization_code"}), "flow", "/connect/sessions"),
        (json!({"flow": "telepathy"}), "flow", "none of this route's"),
        (json!({"environment": "moon"}), "environment", "no environment"),
        (
            json!({"login_host": "evil.example"}),
            "login_host",
            "leave `login_host` out",
        ),
        (
            json!({"environment": "custom", "login_host": "evil.example"}),
            "login_host",
            "not allowed",
        ),
        (json!({"provider": "hubspot"}), "flow", "does not offer"),
        (json!({"external_id": ""}), "external_id", "1 to"),
    ] {
        let refused = post(&world, &tenant, &with(jwt(), &changes)).await;
        let problem = refused.json();
        assert_eq!(
            (refused.status, &problem["code"]),
            (400, &json!("invalid_body")),
            "{changes}: {refused:?}"
        );
        assert_eq!(problem["fields"][0], field, "{changes}: {refused:?}");
        assert!(
            problem["detail"].as_str().expect("a text").contains(told),
            "{changes}: {refused:?}"
        );
    }
    assert_eq!(token_posts(&world).await, json!({}));
}

both!(what_the_provider_refuses_is_explained_and_nothing_is_kept);
async fn what_the_provider_refuses_is_explained_and_nothing_is_kept(backend: Backend) {
    let world = world(backend).await;
    let tenant = world.tenant("Test").await;
    for (settings, changes, told) in [
        (
            json!({}),
            json!({"private_key": OTHER_KEY}),
            "certificate that was uploaded",
        ),
        (
            json!({}),
            json!({"username": "nobody@crosswalk.example"}),
            "pre-authorized",
        ),
        (json!({"jwt_users": []}), json!({}), "pre-authorized"),
        (json!({"sandbox": true}), json!({}), "A sandbox takes `sandbox`"),
        (
            json!({}),
            json!({"client_id": "another-app"}),
            "no app with this client id",
        ),
    ] {
        let usual = json!({"jwt_users": null, "sandbox": false});
        world.tell_simulator("settings", usual).await;
        world.tell_simulator("settings", settings.clone()).await;
        let refused = post(&world, &tenant, &with(jwt(), &changes)).await;
        let problem = refused.json();
        assert_eq!(
            (refused.status, &problem["code"]),
            (422, &json!("credential_refused")),
            "{settings} {changes}: {refused:?}"
        );
        assert!(
            problem["detail"].as_str().expect("a text").contains(told),
            "{settings} {changes}: {refused:?}"
        );
        assert_eq!(problem["upstream"]["status"], 400, "{refused:?}");
    }
    // A sandbox's own host belongs to the sandboxes' login host.
    let sandbox = json!({"environment": "custom", "login_host": world.simulator.base_url()});
    world.tell_simulator("settings", json!({"sandbox": false})).await;
    let made = post(&world, &tenant, &with(jwt(), &sandbox)).await;
    assert_eq!(made.status, 201, "{made:?}");
    let listed = world
        .client
        .get(&world.url("/connections"), &tenant.bearer())
        .await
        .json();
    assert_eq!(listed["result_count"], 1, "{listed}");
    // The provider's own explanation, when the clock is not.
    world
        .tell_simulator("clock", json!({"advance_ms": 3_600_000}))
        .await;
    let late = post(&world, &tenant, &jwt()).await;
    assert_eq!(late.code(), "credential_refused", "{late:?}");
    assert!(late.text().contains("clock"), "{late:?}");
}

both!(a_server_connects_with_client_credentials_at_the_orgs_own_host);
async fn a_server_connects_with_client_credentials_at_the_orgs_own_host(backend: Backend) {
    let world = world(backend).await;
    let tenant = world.tenant("Test").await;
    let wrong_place = with(
        credentials(&world),
        &json!({"environment": "production", "login_host": null}),
    );
    let refused = post(&world, &tenant, &wrong_place).await;
    assert_eq!(
        (refused.status, refused.json()["allowed"].clone()),
        (400, json!(["custom"])),
        "{refused:?}"
    );
    assert_eq!(token_posts(&world).await, json!({}));
    world
        .tell_simulator("settings", json!({"login_host": true}))
        .await;
    let refused = post(&world, &tenant, &credentials(&world)).await;
    assert_eq!(refused.code(), "credential_refused", "{refused:?}");
    assert!(refused.text().contains("My Domain"), "{refused:?}");
    let no_user = json!({"login_host": false, "run_as_username": "nobody@crosswalk.example"});
    world.tell_simulator("settings", no_user).await;
    let refused = post(&world, &tenant, &credentials(&world)).await;
    assert!(refused.text().contains("no user to run as"), "{refused:?}");
    world
        .tell_simulator("settings", json!({"run_as_username": null}))
        .await;

    let made = post(&world, &tenant, &credentials(&world)).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.json()["id"].clone();
    assert_eq!(contacts(&world, &tenant, &id).await.status, 200);
    world.tell_simulator("kill_sessions", json!({})).await;
    assert_eq!(contacts(&world, &tenant, &id).await.status, 200);
    let counters = world.ask_simulator("counters").await;
    assert_eq!(counters["tokens_issued"]["client_credentials"], 2, "{counters}");
    assert_eq!(counters["family_revocations"], 0);
}

both!(a_tenants_own_client_is_its_own_affair);
async fn a_tenants_own_client_is_its_own_affair(backend: Backend) {
    let mut plan = Plan::new(backend);
    // The gateway's own application is not known to the org.
    plan.settings = vec![("PROVIDERS_SALESFORCE_CLIENT_SECRET", "wrong")];
    let world = World::build(plan).await;
    let tenant = world.tenant("Test").await;
    let refused = post(&world, &tenant, &credentials(&world)).await;
    assert_eq!(refused.code(), "credential_refused", "{refused:?}");
    let options = simulator::Options::default();
    let own = json!({"client_id": options.client_id, "client_secret": options.client_secret});
    let half = with(credentials(&world), &json!({"client_id": options.client_id}));
    let refused = post(&world, &tenant, &half).await;
    assert!(refused.text().contains("go together"), "{refused:?}");
    let made = post(&world, &tenant, &with(credentials(&world), &own)).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert!(!made.text().contains(&options.client_secret), "{made:?}");
    let id = made.json()["id"].clone();
    world.tell_simulator("kill_sessions", json!({})).await;
    assert_eq!(contacts(&world, &tenant, &id).await.status, 200);
    // Nothing of it stands in the database, or in the log, as it was sent.
    let log = world.gateways[0].log();
    assert!(!log.contains(&options.client_secret), "the log holds a secret");
}
