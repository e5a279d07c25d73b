//! Connecting: what the browser is sent with, what a callback may do, and what is stored.

use std::collections::HashMap;

use provider::{AuthorizationError, Callback, LoginError};
use serde_json::json;
use store::{ConnectSession, ConnectionFilter, NewConnectSession};

use crate::fake::TokenScript;
use crate::support::World;

const BROWSER: &str = "cookie-of-a-browser";

async fn session(world: &World, reconnect: bool) -> (ConnectSession, String) {
    let new = NewConnectSession {
        provider: "acme".to_owned(),
        environment: "production".to_owned(),
        login_url: world.fake.origin.clone(),
        is_environment_open: false,
        external_id: (!reconnect).then(|| "customer-7".to_owned()),
        scopes: Vec::new(),
        return_to: None,
        connection_id: reconnect.then(|| world.connection.id.clone()),
        allow_account_change: false,
        opener_origin: None,
    };
    let (session, link) = world
        .store
        .create_connect_session(&world.tenant, new, 60_000)
        .await
        .unwrap();
    (session, link.expose().to_owned())
}

async fn started(world: &World, reconnect: bool) -> HashMap<String, String> {
    let (session, link) = session(world, reconnect).await;
    let url = world
        .providers
        .start_authorization(&session, &link, BROWSER)
        .await
        .unwrap();
    let url = url::Url::parse(&url).unwrap();
    assert_eq!(url.path(), "/oauth/authorize");
    url.query_pairs()
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

fn callback(parameters: &HashMap<String, String>) -> Callback {
    Callback {
        provider: "acme".to_owned(),
        state: parameters["state"].clone(),
        code: Some("code=1".to_owned()),
        ..Callback::default()
    }
}

async fn connections(world: &World) -> usize {
    world
        .store
        .list_connections(&world.tenant, ConnectionFilter::default(), None, 100)
        .await
        .unwrap()
        .len()
}

#[tokio::test]
async fn a_customer_connects() {
    let world = World::new().await;
    let parameters = started(&world, false).await;
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "client"),
        (
            "redirect_uri",
            "https://crosswalk.example.com/oauth/callback/acme",
        ),
        ("scope", "api offline"),
        ("code_challenge_method", "S256"),
        ("prompt", "consent"),
    ] {
        assert_eq!(parameters[name], value, "{name}");
    }
    assert_ne!(
        parameters["state"], "never-this",
        "a document cannot set the state"
    );
    let finished = world
        .providers
        .finish_authorization(callback(&parameters), Some(BROWSER))
        .await
        .unwrap();
    assert_eq!(
        finished.connection.instance_url.as_deref(),
        Some(world.fake.origin.as_str())
    );
    assert_eq!(finished.connection.account_id.as_deref(), Some("account-1"));
    let body = world.fake.token_bodies.lock().unwrap()[0].clone();
    let form: HashMap<_, _> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    assert_eq!(form["code"], "code=1");
    assert_eq!(form["client_secret"], "s3cret&=");
    assert_eq!(form["redirect_uri"], parameters["redirect_uri"]);
    assert_eq!(challenge(&form["code_verifier"]), parameters["code_challenge"]);
    // Claim 24: the second time it is worth nothing.
    let again = world
        .providers
        .finish_authorization(callback(&parameters), Some(BROWSER))
        .await;
    assert!(matches!(again, Err(AuthorizationError::Invalid)), "{again:?}");
    assert_eq!(world.fake.posts(), 1);
}

fn challenge(verifier: &str) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    assert_eq!(verifier.len(), 43);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(verifier.as_bytes()))
}

#[tokio::test]
async fn claim_24_another_browser_gets_nothing_and_burns_the_transaction() {
    let world = World::new().await;
    let parameters = started(&world, false).await;
    for browser in [None, Some("another"), Some(BROWSER)] {
        let answer = world
            .providers
            .finish_authorization(callback(&parameters), browser)
            .await;
        assert!(
            matches!(answer, Err(AuthorizationError::Invalid)),
            "{browser:?}: {answer:?}"
        );
    }
    assert_eq!(world.fake.posts(), 0);
}

#[tokio::test]
async fn claim_26_a_wrong_issuer_stops_before_the_exchange() {
    let world = World::new().await;
    for issuer in [
        "https://evil.example".to_owned(),
        format!("{}/", world.fake.origin),
        String::new(),
    ] {
        let parameters = started(&world, false).await;
        let mut callback = callback(&parameters);
        callback.issuer = Some(issuer.clone());
        let answer = world
            .providers
            .finish_authorization(callback, Some(BROWSER))
            .await;
        assert!(
            matches!(answer, Err(AuthorizationError::WrongIssuer { .. })),
            "{issuer}: {answer:?}"
        );
    }
    assert_eq!(world.fake.posts(), 0);
    let parameters = started(&world, false).await;
    let mut callback = callback(&parameters);
    callback.issuer = Some(world.fake.origin.clone());
    assert!(
        world
            .providers
            .finish_authorization(callback, Some(BROWSER))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn claim_27_no_hostile_instance_url_is_stored() {
    let world = World::new().await;
    for host in [
        "https://evil.example",
        "http://acme.my.acme.example",
        "https://acme.my.acme.example@evil.example",
        "https://evilmy.acme.example",
        "https://my.acme.example",
        "https://acme.my.acme.example:8443",
        "https://169.254.169.254",
        "http://127.0.0.1:1",
        "https://acme.my.acme.example.evil.example",
        "https://acme.my.acme.example/x",
        "",
        " ",
    ] {
        let parameters = started(&world, false).await;
        world
            .fake
            .next(TokenScript::RotateWith(json!({"instance_url": host})));
        let answer = world
            .providers
            .finish_authorization(callback(&parameters), Some(BROWSER))
            .await;
        assert!(
            matches!(answer, Err(AuthorizationError::Host { .. })),
            "{host:?}: {answer:?}"
        );
        assert_eq!(connections(&world).await, 1, "{host:?}");
    }
    assert!(world.fake.seen().is_empty());
}

#[tokio::test]
async fn a_refusal_is_explained_by_the_document() {
    let world = World::new().await;
    let parameters = started(&world, false).await;
    let mut callback = callback(&parameters);
    callback.code = None;
    callback.error = Some("access_denied".to_owned());
    let answer = world
        .providers
        .finish_authorization(callback, Some(BROWSER))
        .await;
    let Err(AuthorizationError::Denied {
        code,
        explanation,
        session,
    }) = answer
    else {
        panic!("{answer:?}")
    };
    assert_eq!(
        (code.as_str(), explanation.as_deref()),
        ("access_denied", Some("You said no. Say yes."))
    );
    assert_eq!(session.external_id.as_deref(), Some("customer-7"));
    assert_eq!(world.fake.posts(), 0);
}

#[tokio::test]
async fn reconnecting_to_another_account_is_refused_and_the_new_grant_ended() {
    let world = World::new().await;
    let parameters = started(&world, true).await;
    world
        .fake
        .next(TokenScript::RotateWith(json!({"account": "account-2"})));
    let answer = world
        .providers
        .finish_authorization(callback(&parameters), Some(BROWSER))
        .await;
    assert!(
        matches!(answer, Err(AuthorizationError::Conflict { .. })),
        "{answer:?}"
    );
    assert_eq!(world.stored().await.0, 1);
    assert_eq!(world.fake.revoked.lock().unwrap().len(), 1);
    let parameters = started(&world, true).await;
    let finished = world
        .providers
        .finish_authorization(callback(&parameters), Some(BROWSER))
        .await
        .unwrap();
    assert_eq!(
        (finished.connection.id, finished.connection.token_version),
        (world.connection.id.clone(), 2)
    );
}

#[tokio::test]
async fn login_hosts_are_held_against_the_environment() {
    let world = World::new().await;
    let login =
        |environment: &str, host: Option<&str>| world.providers.login_origin("acme", environment, host);
    assert_eq!(login("production", None).unwrap().as_str(), world.fake.origin);
    assert_eq!(
        login("custom", Some("Shop.my.acme.example")).unwrap().as_str(),
        "https://shop.my.acme.example"
    );
    assert!(matches!(
        login("custom", None),
        Err(LoginError::HostMissing { .. })
    ));
    assert!(matches!(
        login("production", Some("x.my.acme.example")),
        Err(LoginError::HostGiven { .. })
    ));
    assert!(matches!(login("moon", None), Err(LoginError::Environment { .. })));
    for host in [
        "evil.example",
        "my.acme.example",
        "a.my.acme.example/x",
        "a@b.my.acme.example",
        "http://a.my.acme.example",
    ] {
        assert!(
            matches!(login("custom", Some(host)), Err(LoginError::Host { .. })),
            "{host}"
        );
    }
}

#[tokio::test]
async fn people_choose_among_the_environments_of_the_document() {
    let world = World::new().await;
    let choices = world.providers.login_choices("acme").unwrap();
    let seen: Vec<_> = choices
        .iter()
        .map(|choice| {
            let login = choice.login_url.as_ref().map(ToString::to_string);
            (choice.environment.as_str(), login, choice.host_suffixes.join(" "))
        })
        .collect();
    assert_eq!(
        seen[0],
        ("production", Some(world.fake.origin.clone()), String::new())
    );
    let custom = seen.last().unwrap();
    assert_eq!(
        (custom.0, &custom.1),
        ("custom", &None),
        "hosts to be named come last"
    );
    assert!(custom.2.starts_with('.'), "{custom:?}");
    assert!(world.providers.login_choices("nobody").is_err());
}
