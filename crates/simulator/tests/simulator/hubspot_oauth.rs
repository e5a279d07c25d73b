//! The HubSpot portal: codes, tokens, scopes.

use http::Method;
use serde_json::json;

use crate::hubspot::{Portal, portal, sign_in, without_id};
use crate::support::{CALLBACK, Reply, encode, parameter, start, start_with};

fn hidden(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"transaction\" value=\"").expect("a form");
    rest.split('"').next().unwrap().to_owned()
}

const SCOPE: &str = "crm.objects.contacts.read crm.objects.contacts.write";

async fn walk_to_consent(portal: &Portal, more: &[(&str, &str)]) -> (String, Reply) {
    let mut pairs = vec![
        ("client_id", "simulator-client-id"),
        ("redirect_uri", CALLBACK),
        ("scope", SCOPE),
        ("optional_scope", "crm.objects.deals.read"),
        ("state", "st at&e="),
    ];
    pairs.extend_from_slice(more);
    let page = portal
        .api
        .visit(&format!("/oauth/authorize?{}", encode(&pairs)), "")
        .await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("simulated HubSpot"));
    let transaction = hidden(&page.text());
    let form = [
        ("transaction", transaction.as_str()),
        ("username", "zoe.oneil@crosswalk.example"),
        ("password", simulator::PASSWORD),
    ];
    let logged_in = portal.api.form("/oauth/login", &form).await;
    assert_eq!(logged_in.status, 303, "{}", logged_in.text());
    let consent = portal.api.visit(logged_in.header("location"), "").await;
    assert!(consent.text().contains("crm.objects.deals.read"));
    (transaction, consent)
}

async fn decide(portal: &Portal, transaction: &str, decision: &str) -> String {
    let form = [("transaction", transaction), ("decision", decision)];
    let reply = portal.api.form("/oauth/consent", &form).await;
    assert_eq!(reply.status, 302, "{}", reply.text());
    reply.header("location").to_owned()
}

#[tokio::test]
async fn a_code_becomes_tokens_once_and_refreshing_does_not_rotate() {
    let portal = portal().await;
    let (transaction, consent) = walk_to_consent(&portal, &[]).await;
    assert!(consent.text().contains("zoe.oneil@crosswalk.example"));
    let location = decide(&portal, &transaction, "allow").await;
    assert_eq!(parameter(&location, "state").unwrap(), "st at&e=");
    let code = parameter(&location, "code").unwrap();
    let exchange = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
    ];
    let first = portal.token(&exchange).await.json();
    assert_eq!(first["token_type"], "bearer");
    assert_eq!(first["expires_in"], 1_800);
    let (access, refresh) = (
        first["access_token"].as_str().unwrap(),
        first["refresh_token"].as_str().unwrap(),
    );
    let about = portal
        .api
        .visit(&format!("/oauth/v1/access-tokens/{access}"), "")
        .await
        .json();
    assert_eq!(about["user"], "zoe.oneil@crosswalk.example");
    assert_eq!(about["hub_id"], 48_600_123);
    assert_eq!(about["token_type"], "access");
    let scopes = about["scopes"].as_array().unwrap();
    assert_eq!(scopes.len(), 4, "oauth, two asked for, one optional: {scopes:?}");

    let again = portal.token(&exchange).await;
    assert_eq!(again.status, 400);
    assert_eq!(
        without_id(&again),
        r#"{"status":"BAD_AUTH_CODE","message":"missing or unknown auth code","correlationId":"…"}"#
    );
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let (one, other) = tokio::join!(portal.token(&pairs), portal.token(&pairs));
    assert_eq!(one.json()["refresh_token"], refresh);
    assert_eq!(other.json()["refresh_token"], refresh);
    assert_ne!(one.json()["access_token"], other.json()["access_token"]);
    let counters = portal.api.counters().await;
    assert_eq!(counters["token_posts"]["refresh_token"], 2);
    assert_eq!(counters["tokens_issued"]["authorization_code"], 1);
    let shown = portal.api.visit("/__control/requests", "").await.text();
    assert!(!shown.contains(access) && !shown.contains(refresh));
    assert!(!counters.to_string().contains(access));
}

#[tokio::test]
async fn a_challenge_that_was_sent_is_checked_and_a_no_comes_back() {
    let portal = portal().await;
    // RFC 7636, appendix B.
    let (verifier, challenge) = (
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    );
    let pkce = [("code_challenge", challenge), ("code_challenge_method", "S256")];
    for (sent, status) in [(verifier, 200), ("wrong", 400), ("", 400)] {
        let (transaction, _) = walk_to_consent(&portal, &pkce).await;
        let location = decide(&portal, &transaction, "allow").await;
        let code = parameter(&location, "code").unwrap();
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", CALLBACK),
            ("code_verifier", sent),
        ];
        assert_eq!(portal.token(&pairs).await.status, status, "{sent}");
    }
    let (transaction, _) = walk_to_consent(&portal, &[]).await;
    let location = decide(&portal, &transaction, "deny").await;
    assert_eq!(parameter(&location, "error").unwrap(), "access_denied");
    assert_eq!(parameter(&location, "code"), None);
}

#[tokio::test]
async fn token_faults_say_which() {
    let portal = portal().await;
    let refresh = portal.refresh.clone();
    for (pairs, status, message) in [
        (
            vec![("grant_type", "password")],
            "BAD_GRANT_TYPE",
            "missing or unknown grant type",
        ),
        (vec![], "BAD_GRANT_TYPE", "missing or unknown grant type"),
        (
            vec![
                ("grant_type", "refresh_token"),
                ("refresh_token", &refresh),
                ("client_id", "x"),
            ],
            "BAD_CLIENT_ID",
            "missing or unknown client id",
        ),
        (
            vec![
                ("grant_type", "refresh_token"),
                ("refresh_token", &refresh),
                ("client_secret", "x"),
            ],
            "BAD_CLIENT_SECRET",
            "missing or invalid client secret",
        ),
        (
            vec![("grant_type", "refresh_token"), ("refresh_token", "nope")],
            "BAD_REFRESH_TOKEN",
            "missing or invalid refresh token",
        ),
        (
            vec![("grant_type", "authorization_code"), ("code", "x")],
            "BAD_REDIRECT_URI",
            "missing or invalid redirect URI",
        ),
    ] {
        let reply = portal.token(&pairs).await;
        assert_eq!(reply.status, 400);
        let expected = json!({"status": status, "message": message, "correlationId": "…"});
        assert_eq!(without_id(&reply), expected.to_string());
    }
    for (query, text) in [
        ("client_id=x", "BAD_CLIENT_ID"),
        (
            "client_id=simulator-client-id&redirect_uri=ftp://x&scope=oauth",
            "BAD_REDIRECT_URI",
        ),
        (
            "client_id=simulator-client-id&redirect_uri=https://x",
            "missing scope",
        ),
        (
            "client_id=simulator-client-id&redirect_uri=https://x&scope=oauth+%3Cb%3E",
            "&lt;b&gt;",
        ),
    ] {
        let page = portal.api.visit(&format!("/oauth/authorize?{query}"), "").await;
        assert_eq!(page.status, 400, "{query}");
        assert!(page.text().contains(text), "{}", page.text());
    }
}

#[tokio::test]
async fn tokens_run_out_after_half_an_hour_and_end_when_revoked() {
    let mut portal = portal().await;
    let list = "/crm/v3/objects/contacts?limit=1";
    portal
        .api
        .control("clock", json!({"advance_ms": 1_799_000}))
        .await;
    assert_eq!(portal.get(list).await.status, 200);
    portal.api.control("clock", json!({"advance_ms": 61_000})).await;
    let late = portal.get(list).await;
    assert_eq!(late.status, 401);
    let body = late.json();
    assert_eq!(body["category"], "EXPIRED_AUTHENTICATION");
    assert!(body["context"]["expire time"][0].as_str().unwrap().ends_with('Z'));
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .starts_with("The OAuth token used to make this call expired ")
    );
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", portal.refresh.as_str()),
    ];
    let renewed = portal.token(&pairs).await.json();
    renewed["access_token"]
        .as_str()
        .unwrap()
        .clone_into(&mut portal.access);
    assert_eq!(portal.get(list).await.status, 200);

    let path = format!("/oauth/v1/refresh-tokens/{}", portal.refresh);
    assert_eq!(portal.api.visit(&path, "").await.json()["token_type"], "refresh");
    assert_eq!(portal.api.send("DELETE", &path, &[], "").await.status, 204);
    let ended = portal.get(list).await;
    assert_eq!(ended.status, 401);
    assert_eq!(
        without_id(&ended),
        r#"{"status":"error","message":"Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview","correlationId":"…","category":"INVALID_AUTHENTICATION"}"#
    );
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", portal.refresh.as_str()),
    ];
    assert_eq!(portal.token(&pairs).await.json()["status"], "BAD_REFRESH_TOKEN");
}

#[tokio::test]
async fn a_token_reaches_no_further_than_its_scopes() {
    let portal = sign_in(start().await, json!({"scope": "crm.objects.contacts.read"})).await;
    assert_eq!(portal.get("/crm/v3/objects/contacts").await.status, 200);
    assert_eq!(
        portal.get("/crm/v3/objects/notes").await.status,
        200,
        "activities go with contacts"
    );
    let refused = portal.get("/crm/v3/objects/deals").await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.json()["category"], "MISSING_SCOPES");
    assert_eq!(
        refused.json()["errors"][0]["context"]["requiredGranularScopes"],
        json!(["crm.objects.deals.read"])
    );
    let write = portal
        .post(
            "/crm/v3/objects/contacts",
            json!({"properties": {"lastname": "x"}}),
        )
        .await;
    assert_eq!(write.status, 403);
    assert_eq!(portal.get("/crm/v3/owners").await.status, 403);
    assert_eq!(portal.get("/crm/v3/nothing").await.status, 404);
    assert_eq!(
        portal
            .call(Method::PUT, "/crm/v3/objects/contacts", None)
            .await
            .status,
        405
    );
}

#[tokio::test]
async fn the_two_halves_keep_their_tokens_apart() {
    let portal = sign_in(start_with(|options| options.portal.contacts = 5).await, json!({})).await;
    assert_eq!(portal.api.status_with(&portal.access).await, 401);
    let bearer = portal.api.bearer();
    let reply = portal
        .api
        .send(
            "GET",
            "/crm/v3/objects/contacts",
            &[("authorization", &bearer)],
            "",
        )
        .await;
    assert_eq!(reply.status, 401);
    assert_eq!(
        portal.get("/crm/v3/objects/contacts").await.json()["results"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
}
