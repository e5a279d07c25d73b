//! The connect flow, where it ends otherwise than it should.

use serde_json::{Value, json};
use url::Url;

use crate::support::{Backend, World, both, client::Browser};

async fn token_posts(world: &World) -> Value {
    world.ask_simulator("counters").await["token_posts"].clone()
}

both!(claim_24_a_callback_that_comes_too_late_exchanges_nothing);
async fn claim_24_a_callback_that_comes_too_late_exchanges_nothing(backend: Backend) {
    let world = World::small(backend).await;
    let tenant = world.tenant("Test").await;
    let session =
        json!({ "provider": simulator::PROVIDER, "environment": "production", "external_id": "late" });
    let reply = world
        .client
        .post(&world.url("/connect/sessions"), &tenant.bearer(), &session)
        .await;
    let link = reply.json()["url"].as_str().expect("a link").to_owned();
    let mut browser = Browser::new(&world.client);
    let is_callback = |url: &Url| url.path().starts_with("/oauth/callback/");
    let sent_back = browser.walk_until(&link, is_callback).await;
    let callback = sent_back.header("location").expect("a redirect").to_owned();
    let callback = Url::parse(&callback).expect("a URL");

    let expire = "UPDATE connect_sessions SET authorization_expires_at_ms = 1";
    assert_eq!(world.tamper(expire).await, 1);
    let late = browser.visit(&callback, None).await;
    assert_eq!(late.status, 400, "{late:?}");
    assert!(late.text().contains("cannot be continued"), "{late:?}");
    assert_eq!(token_posts(&world).await, json!({}), "a code was exchanged");
    // The person starts again from where the link came from.
    world.connect(&tenant, "late").await;
    assert_eq!(token_posts(&world).await, json!({ "authorization_code": 1 }));
}
