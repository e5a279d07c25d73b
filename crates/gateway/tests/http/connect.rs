//! The connect journey as far as the provider's door, and back with a bad answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{Options, Reply, World};

/// A provider that counts who knocks. Nobody should.
async fn silent_provider() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let knocks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&knocks);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (url, knocks)
}

/// A link's path and token.
async fn link(world: &World, return_to: Option<&str>) -> String {
    let environment = world.first.connection.environment.clone();
    let body = json!({"provider": world.provider, "environment": environment, "return_to": return_to});
    let made = world
        .as_party(&world.first, "POST", "/connect/sessions", Some(&body.to_string()))
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let url = made.json()["url"].as_str().unwrap().to_owned();
    assert!(made.json()["expires_at"].as_str().unwrap().ends_with('Z'));
    url.strip_prefix("https://gateway.example").unwrap().to_owned()
}

/// Presses the button: the cookie, the state and the whole address of the provider.
async fn begin(world: &World, path: &str, headers: &[(&str, &str)]) -> (String, String, String) {
    let left = world.call("POST", path, headers, Some("")).await;
    assert_eq!(left.status, 303, "{}", left.text());
    let cookie = left.header("set-cookie").unwrap();
    for part in [
        "__Host-cw_tx=",
        "; Path=/",
        "; HttpOnly",
        "; SameSite=Lax",
        "; Secure",
        "; Max-Age=600",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let location = left.header("location").unwrap().to_owned();
    let state = location
        .split("state=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap()
        .to_owned();
    (cookie.split(';').next().unwrap().to_owned(), state, location)
}

async fn come_back(world: &World, cookie: Option<&str>, query: &str) -> Reply {
    let headers: Vec<(&str, &str)> = cookie.map(|cookie| ("cookie", cookie)).into_iter().collect();
    world
        .call(
            "GET",
            &format!("/oauth/callback/{}?{query}", world.provider),
            &headers,
            None,
        )
        .await
}

#[tokio::test]
async fn a_link_shows_who_asks_and_works_once() {
    let (login_url, _) = silent_provider().await;
    let world = World::start(Options {
        login_url: login_url.clone(),
        ..Options::default()
    })
    .await;
    let path = link(&world, None).await;
    for _ in 0..2 {
        let page = world.call("GET", &path, &[], None).await;
        assert_eq!(page.status, 200, "looking does not use the link up");
        assert!(page.text().contains("First &amp; Co") && page.text().contains("<form method=\"post\">"));
        assert!(
            page.header("content-security-policy")
                .unwrap()
                .contains("frame-ancestors 'none'")
        );
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    }
    let (_, state, location) = begin(&world, &path, &[]).await;
    assert!(location.starts_with(&login_url), "{location}");
    assert!(
        location.contains("code_challenge_method=S256") && state.len() >= 43,
        "{location}"
    );
    for method in ["GET", "POST"] {
        let again = world.call(method, &path, &[], None).await;
        assert_eq!(again.status, 404, "{method}");
        assert!(again.text().contains("does not work any more"));
    }
    assert_eq!(world.call("GET", "/connect/unknown", &[], None).await.status, 404);
}

#[tokio::test]
async fn a_callback_works_in_its_own_browser_and_once() {
    let (login_url, knocks) = silent_provider().await;
    let world = World::start(Options {
        login_url,
        ..Options::default()
    })
    .await;

    let (_, state, _) = begin(&world, &link(&world, None).await, &[]).await;
    let other = format!("__Host-cw_tx={}", "0".repeat(64));
    assert_eq!(
        come_back(&world, Some(&other), &format!("state={state}&code=x"))
            .await
            .status,
        400
    );

    let (cookie, state, _) = begin(&world, &link(&world, None).await, &[]).await;
    assert_eq!(
        come_back(&world, None, &format!("state={state}&code=x"))
            .await
            .status,
        400
    );
    // The wrong browser burned it: the right one comes too late.
    assert_eq!(
        come_back(&world, Some(&cookie), &format!("state={state}&code=x"))
            .await
            .status,
        400
    );

    let (cookie, state, _) = begin(&world, &link(&world, None).await, &[]).await;
    for query in [
        "",
        "code=x",
        "state=unknown&code=x",
        &format!("state={state}&state={state}&code=x"),
        "state=%ff",
    ] {
        assert_eq!(
            come_back(&world, Some(&cookie), query).await.status,
            400,
            "{query}"
        );
    }
    let denied = come_back(
        &world,
        Some(&cookie),
        &format!("state={state}&error=access_denied"),
    )
    .await;
    assert_eq!(denied.status, 200, "{}", denied.text());
    let replayed = come_back(&world, Some(&cookie), &format!("state={state}&code=x")).await;
    assert_eq!(replayed.status, 400);
    assert!(replayed.text().contains("cannot be continued"));
    assert_eq!(knocks.load(Ordering::SeqCst), 0, "a code was exchanged");
}

#[tokio::test]
async fn a_refusal_goes_back_to_the_tenants_page() {
    let (login_url, knocks) = silent_provider().await;
    let world = World::start(Options {
        login_url,
        ..Options::default()
    })
    .await;
    let path = link(&world, Some("https://app.example/settings?tab=crm")).await;
    let (cookie, state, _) = begin(&world, &path, &[]).await;
    let denied = come_back(
        &world,
        Some(&cookie),
        &format!("state={state}&error=access_denied"),
    )
    .await;
    assert_eq!(denied.status, 303);
    assert_eq!(
        denied.header("location"),
        Some("https://app.example/settings?tab=crm&status=denied")
    );

    let path = link(&world, Some("https://app.example/settings")).await;
    let (cookie, state, _) = begin(&world, &path, &[]).await;
    let hostile = "%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let query = format!("state={state}&error=unheard_of{hostile}&error_description={hostile}");
    let failed = come_back(&world, Some(&cookie), &query).await;
    assert_eq!(failed.status, 200);
    assert!(!failed.text().contains("<script"), "{}", failed.text());
    assert!(
        failed
            .text()
            .contains("https://app.example/settings?status=failed")
    );

    let (cookie, state, _) = begin(&world, &link(&world, None).await, &[]).await;
    let query = format!("state={state}&code=x&iss=https%3A%2F%2Fevil.example");
    assert_eq!(come_back(&world, Some(&cookie), &query).await.status, 400);
    assert_eq!(knocks.load(Ordering::SeqCst), 0, "a code was exchanged");
}

#[tokio::test]
async fn the_redirect_uri_comes_from_the_configuration() {
    let (login_url, _) = silent_provider().await;
    let world = World::start(Options {
        login_url,
        ..Options::default()
    })
    .await;
    let spoofed = [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("forwarded", "host=evil.example;proto=http"),
        ("x-original-host", "evil.example"),
    ];
    let (_, _, location) = begin(&world, &link(&world, None).await, &spoofed).await;
    let expected = format!(
        "redirect_uri=https%3A%2F%2Fgateway.example%2Foauth%2Fcallback%2F{}",
        world.provider
    );
    assert!(location.contains(&expected), "{location}");
    assert!(!location.contains("evil"), "{location}");
}

#[tokio::test]
async fn a_session_is_checked_when_it_is_made() {
    let world = World::start(Options::default()).await;
    let environment = world.first.connection.environment.as_str();
    let provider = world.provider.as_str();
    for (body, field) in [
        (
            json!({"provider": provider, "environment": "moon"}),
            "environment",
        ),
        (
            json!({"provider": provider, "environment": environment, "login_host": "evil.example"}),
            "login_host",
        ),
        (
            json!({"provider": provider, "environment": environment, "return_to": "javascript:alert(1)"}),
            "return_to",
        ),
        (
            json!({"provider": provider, "environment": environment, "return_to": "http://app.example/"}),
            "return_to",
        ),
        (
            json!({"provider": provider, "environment": environment, "return_to": "https://u:p@app.example/"}),
            "return_to",
        ),
        (
            json!({"provider": provider, "environment": environment, "return_to": "/settings"}),
            "return_to",
        ),
        (
            json!({"provider": provider, "environment": environment, "scopes": ["a b"]}),
            "scopes",
        ),
        (
            json!({"provider": provider, "environment": environment, "external_id": ""}),
            "external_id",
        ),
        (
            json!({"provider": provider, "environment": environment, "mode": "popup"}),
            "opener_origin",
        ),
        (
            json!({"provider": provider, "environment": environment, "opener_origin": "https://app.example"}),
            "opener_origin",
        ),
        (
            json!({"provider": provider, "environment": environment, "mode": "popup", "opener_origin": "*"}),
            "opener_origin",
        ),
        (
            json!({"provider": provider, "environment": environment, "mode": "popup", "opener_origin": "http://app.example"}),
            "opener_origin",
        ),
        (
            json!({"provider": provider, "environment": environment, "mode": "popup", "opener_origin": "https://app.example/x"}),
            "opener_origin",
        ),
        (
            json!({"provider": provider, "environment": environment, "mode": "popup", "opener_origin": "https://u@app.example"}),
            "opener_origin",
        ),
    ] {
        let refused = world
            .as_party(&world.first, "POST", "/connect/sessions", Some(&body.to_string()))
            .await;
        assert_eq!(refused.status, 400, "{body}: {}", refused.text());
        assert_eq!(refused.json()["fields"][0], field, "{body}");
    }
    let unknown = world
        .as_party(
            &world.first,
            "POST",
            "/connect/sessions",
            Some("{\"provider\":\"nobody\"}"),
        )
        .await;
    assert_eq!(
        (unknown.status, unknown.json()["code"].as_str()),
        (404, Some("unknown_provider"))
    );
}
