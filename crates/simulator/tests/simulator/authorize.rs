//! The authorize pages, as a browser walks them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::{Api, CALLBACK, Reply, encode, parameter, start, start_with};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

fn path(pairs: &[(&str, &str)]) -> String {
    let mut all = vec![
        ("response_type", "code"),
        ("client_id", "simulator-client-id"),
        ("redirect_uri", CALLBACK),
        ("state", "st at&e="),
    ];
    all.retain(|(name, _)| !pairs.iter().any(|(other, _)| other == name));
    all.extend(pairs.iter().filter(|(_, value)| !value.is_empty()));
    format!("/services/oauth2/authorize?{}", encode(&all))
}

fn hidden(page: &str, name: &str) -> String {
    let marker = format!("name=\"{name}\" value=\"");
    let start = page
        .find(&marker)
        .unwrap_or_else(|| panic!("no {name} in {page}"))
        + marker.len();
    page[start..].split('"').next().unwrap().to_owned()
}

async fn admin(api: &Api) -> String {
    let page = api.visit("/__control/records/User", "").await.json();
    let admin = api.running.org().admin_user_id();
    let users = page["records"].as_array().unwrap().clone();
    let user = users.iter().find(|user| user["Id"] == admin.as_str()).unwrap();
    user["Username"].as_str().unwrap().to_owned()
}

async fn log_in(api: &Api, page: &Reply, password: &str) -> Reply {
    let transaction = hidden(&page.text(), "transaction");
    let username = admin(api).await;
    api.form(
        "/login",
        &[
            ("transaction", &transaction),
            ("username", &username),
            ("password", password),
        ],
    )
    .await
}

/// Login and consent; gives the last redirect and the login cookie.
async fn walk(api: &Api, pairs: &[(&str, &str)], decision: &str) -> (String, String) {
    // The session the tests start with counts as consent; these walk the pages of a new customer.
    api.control("revoke_grants", json!({})).await;
    let page = api.visit(&path(pairs), "").await;
    assert_eq!(page.status, 200, "{}", page.text());
    let logged_in = log_in(api, &page, "simulator").await;
    assert_eq!(logged_in.status, 303);
    let cookies = logged_in.headers.get_all("set-cookie").iter();
    let cookie = cookies
        .filter_map(|value| value.to_str().ok())
        .find(|value| value.starts_with("sid="))
        .unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let consent = api.visit(logged_in.header("location"), &cookie).await;
    assert!(consent.text().contains("Allow"));
    let transaction = hidden(&consent.text(), "transaction");
    let done = api
        .form(
            "/setup/secur/RemoteAccessAuthorizationPage.apexp",
            &[("transaction", &transaction), ("decision", decision)],
        )
        .await;
    assert_eq!(done.status, 302);
    (done.header("location").to_owned(), cookie)
}

async fn exchange(api: &Api, code: &str, verifier: Option<&str>) -> Reply {
    let mut pairs = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
    ];
    if let Some(verifier) = verifier {
        pairs.push(("code_verifier", verifier));
    }
    api.token(&pairs).await
}

#[tokio::test]
async fn a_person_logs_in_allows_and_the_code_works_once() {
    let api = start().await;
    let challenge = challenge();
    let pairs = [
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("scope", "api refresh_token"),
    ];
    let (location, _) = walk(&api, &pairs, "allow").await;
    assert!(location.starts_with(CALLBACK));
    assert!(
        location.contains("%3D%3D"),
        "the code is percent-encoded: {location}"
    );
    assert_eq!(parameter(&location, "state").unwrap(), "st at&e=");
    let code = parameter(&location, "code").unwrap();
    let tokens = exchange(&api, &code, Some(VERIFIER)).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text());
    assert_eq!(tokens.json()["scope"], "api refresh_token");
    let again = exchange(&api, &code, Some(VERIFIER)).await;
    assert_eq!(
        again.text(),
        r#"{"error":"invalid_grant","error_description":"expired authorization code"}"#
    );
}

#[tokio::test]
async fn a_wrong_password_stays_on_the_login_page() {
    let api = start().await;
    let page = api.visit(&path(&[]), "").await;
    let refused = log_in(&api, &page, "wrong").await;
    assert_eq!(refused.status, 200);
    assert!(refused.text().contains("role=\"alert\""));
    assert!(
        !refused
            .headers
            .get_all("set-cookie")
            .iter()
            .any(|value| value.as_bytes().starts_with(b"sid="))
    );
}

#[tokio::test]
async fn denial_goes_back_without_a_code() {
    let api = start().await;
    let (location, _) = walk(&api, &[], "deny").await;
    assert_eq!(parameter(&location, "error").unwrap(), "access_denied");
    assert_eq!(parameter(&location, "state").unwrap(), "st at&e=");
    assert!(parameter(&location, "code").is_none());
}

#[tokio::test]
async fn a_known_browser_skips_the_pages_unless_prompted() {
    let api = start().await;
    let (location, cookie) = walk(&api, &[], "allow").await;
    let code = parameter(&location, "code").unwrap();
    assert_eq!(exchange(&api, &code, None).await.status, 200);
    let again = api.visit(&path(&[]), &cookie).await;
    assert_eq!(again.status, 302);
    assert!(parameter(again.header("location"), "code").is_some());
    let consent = api.visit(&path(&[("prompt", "consent")]), &cookie).await;
    assert!(consent.text().contains("Allow access?"));
    let login = api.visit(&path(&[("prompt", "login consent")]), &cookie).await;
    assert!(login.text().contains("Password"));
}

#[tokio::test]
async fn pkce_is_checked_as_documented() {
    let api = start_with(|options| options.auto_consent = true).await;
    let challenge = challenge();
    // A long verifier without its method is served: a client in wide use does so.
    let long = "v".repeat(171);
    let long_challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&long));
    let cases = [
        (challenge.as_str(), Some(VERIFIER), None),
        (long_challenge.as_str(), Some(long.as_str()), None),
        (challenge.as_str(), None, Some("invalid_grant")),
        (
            challenge.as_str(),
            Some("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
            Some("invalid_request"),
        ),
    ];
    for (challenge, verifier, error) in cases {
        let reply = api.visit(&path(&[("code_challenge", challenge)]), "").await;
        let code = parameter(reply.header("location"), "code").unwrap();
        let tokens = exchange(&api, &code, verifier).await;
        match error {
            None => assert_eq!(tokens.status, 200, "{}", tokens.text()),
            Some(error) => assert_eq!(tokens.json()["error"], error),
        }
    }
    let plain = path(&[("code_challenge", VERIFIER), ("code_challenge_method", "plain")]);
    let refused = api.visit(&plain, "").await;
    assert_eq!(
        parameter(refused.header("location"), "error").unwrap(),
        "invalid_request"
    );
}

#[tokio::test]
async fn a_late_code_and_another_callback_are_refused() {
    let api = start_with(|options| options.auto_consent = true).await;
    let reply = api.visit(&path(&[]), "").await;
    let code = parameter(reply.header("location"), "code").unwrap();
    let tokens = api
        .token(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", "http://127.0.0.1:9/other"),
        ])
        .await;
    assert_eq!(tokens.json()["error"], "redirect_uri_mismatch");
    let reply = api.visit(&path(&[]), "").await;
    let code = parameter(reply.header("location"), "code").unwrap();
    api.control("clock", json!({"advance_ms": 15 * 60_000})).await;
    let tokens = exchange(&api, &code, None).await;
    assert_eq!(tokens.json()["error_description"], "expired authorization code");
}

#[tokio::test]
async fn a_scope_without_refresh_token_gives_none() {
    let api = start_with(|options| options.auto_consent = true).await;
    for (scope, has) in [("api", false), ("api offline_access", true), ("full", false)] {
        let reply = api.visit(&path(&[("scope", scope)]), "").await;
        let code = parameter(reply.header("location"), "code").unwrap();
        let tokens = exchange(&api, &code, None).await.json();
        assert_eq!(tokens.get("refresh_token").is_some(), has, "{scope}");
    }
}

#[tokio::test]
async fn faults_of_client_or_callback_never_leave_the_page() {
    let api = start_with(|options| options.redirect_uris = vec![CALLBACK.to_owned()]).await;
    for pair in [
        ("client_id", "no"),
        ("redirect_uri", "http://127.0.0.1:9/callback/"),
        ("redirect_uri", "https://evil.example/"),
    ] {
        let reply = api.visit(&path(&[pair]), "").await;
        assert_eq!(reply.status, 400, "{pair:?}");
        assert_eq!(reply.header("location"), "");
    }
    let open = start().await;
    for uri in [
        "http://evil.example/",
        "http://127.0.0.1.evil.example/",
        "javascript:x",
    ] {
        let reply = open.visit(&path(&[("redirect_uri", uri)]), "").await;
        assert_eq!(reply.status, 400, "{uri}");
    }
}

#[tokio::test]
async fn other_faults_reach_the_callback() {
    let api = start().await;
    for (pair, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("scope", "api everything"), "invalid_scope"),
        (("prompt", "please"), "invalid_request"),
        (("immediate", "true"), "immediate_unsuccessful"),
    ] {
        let reply = api.visit(&path(&[pair]), "").await;
        assert_eq!(reply.status, 302, "{pair:?}");
        assert_eq!(parameter(reply.header("location"), "error").unwrap(), error);
        assert_eq!(parameter(reply.header("location"), "state").unwrap(), "st at&e=");
    }
}

#[tokio::test]
async fn an_uninstalled_app_strands_the_browser() {
    let api = start().await;
    api.control("settings", json!({"uninstalled_app": "dead_end"}))
        .await;
    let reply = api.visit(&path(&[]), "").await;
    let location = reply.header("location").to_owned();
    let page = location.strip_prefix(&api.running.base_url()).unwrap();
    assert!(
        page.starts_with("/setup/secur/RemoteAccessErrorPage.apexp?error=invalid_client&error_description=app+must+be+installed+into+org"),
        "{page}"
    );
    let page = api.visit(page, "").await;
    assert!(
        page.text()
            .contains("OAUTH_APPROVAL_ERROR_GENERIC : An unexpected error has occured")
    );
    api.control("settings", json!({"uninstalled_app": "callback"}))
        .await;
    let reply = api.visit(&path(&[]), "").await;
    assert!(reply.header("location").starts_with(CALLBACK));
    api.control("settings", json!({"uninstalled_app": "dead_end_external"}))
        .await;
    let reply = api.visit(&path(&[]), "").await;
    assert!(reply.header("location").contains("error=OAUTH_EC_APP_NOT_FOUND"));
}

#[tokio::test]
async fn text_from_the_caller_is_escaped_on_pages() {
    let api = start().await;
    let page = api
        .visit(&path(&[("login_hint", "\"><script>alert(1)</script>")]), "")
        .await;
    assert!(!page.text().contains("<script>"));
    let error = "/setup/secur/RemoteAccessErrorPage.apexp?error=%3Cscript%3E&error_description=%3Cscript%3E";
    assert!(!api.visit(error, "").await.text().contains("<script>"));
}
