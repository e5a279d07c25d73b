//! The token endpoint and its neighbours.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use crate::support::{CALLBACK, start, start_with};

#[tokio::test]
async fn the_answer_has_salesforces_keys_and_no_others() {
    let api = start().await;
    let reply = api.refresh(&api.refresh).await;
    let body = reply.json();
    let keys: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "access_token",
            "refresh_token",
            "signature",
            "scope",
            "instance_url",
            "id",
            "token_type",
            "issued_at"
        ]
    );
    assert!(
        body.as_object()
            .unwrap()
            .values()
            .all(serde_json::Value::is_string)
    );
    assert!(body["access_token"].as_str().unwrap().starts_with("00D"));
    assert_eq!(body["access_token"].as_str().unwrap().find('!'), Some(15));
    assert!(body["refresh_token"].as_str().unwrap().starts_with("5Aep861"));
    assert_eq!(body["instance_url"], api.running.base_url());
    assert_eq!(body["issued_at"].as_str().unwrap().len(), 13, "milliseconds");
    assert_eq!(reply.header("cache-control"), "no-cache, no-store");
    assert_eq!(reply.header("content-type"), "application/json;charset=UTF-8");

    let mut mac = Hmac::<Sha256>::new_from_slice(b"simulator-client-secret").unwrap();
    mac.update(body["id"].as_str().unwrap().as_bytes());
    mac.update(body["issued_at"].as_str().unwrap().as_bytes());
    assert_eq!(body["signature"], STANDARD.encode(mac.finalize().into_bytes()));
}

#[tokio::test]
async fn errors_are_the_documented_pairs() {
    let api = start().await;
    let id = ("client_id", "simulator-client-id");
    let secret = ("client_secret", "simulator-client-secret");
    let refresh = ("grant_type", "refresh_token");
    let cases: [(&[(&str, &str)], &str); 8] = [
        (
            &[id, secret],
            r#"{"error":"invalid_request","error_description":"missing required parameter: grant_type"}"#,
        ),
        (
            &[refresh],
            r#"{"error":"invalid_request","error_description":"missing required parameter: client_id"}"#,
        ),
        (
            &[refresh, ("client_id", "no"), secret],
            r#"{"error":"invalid_client_id","error_description":"client identifier invalid"}"#,
        ),
        (
            &[refresh, id, ("client_secret", "no")],
            r#"{"error":"invalid_client","error_description":"invalid client credentials"}"#,
        ),
        (
            &[("grant_type", "telepathy"), id, secret],
            r#"{"error":"unsupported_grant_type","error_description":"grant type not supported"}"#,
        ),
        (
            &[refresh, id, secret, ("refresh_token", "5Aep861nothing")],
            r#"{"error":"invalid_grant","error_description":"expired access/refresh token"}"#,
        ),
        (
            &[
                ("grant_type", "authorization_code"),
                id,
                secret,
                ("code", "aPrx=="),
                ("redirect_uri", CALLBACK),
            ],
            r#"{"error":"invalid_grant","error_description":"invalid authorization code"}"#,
        ),
        (
            &[
                ("grant_type", "password"),
                id,
                secret,
                ("username", "x"),
                ("password", "y"),
            ],
            r#"{"error":"invalid_grant","error_description":"authentication failure"}"#,
        ),
    ];
    for (pairs, expected) in cases {
        let reply = api.form("/services/oauth2/token", pairs).await;
        assert_eq!((reply.status, reply.text().as_str()), (400, expected));
    }
    let get = api.visit("/services/oauth2/token", "").await;
    assert_eq!(get.status, 400);
}

#[tokio::test]
async fn basic_authentication_works_and_yields_to_the_body() {
    let api = start().await;
    let basic = |secret: &str| {
        format!(
            "Basic {}",
            STANDARD.encode(format!("simulator-client-id:{secret}"))
        )
    };
    let body = format!("grant_type=refresh_token&refresh_token={}", api.refresh);
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let wrong = basic("no");
    let right = basic("simulator-client-secret");
    let headers = [kind, ("authorization", wrong.as_str())];
    let refused = api
        .send("POST", "/services/oauth2/token", &headers, body.clone())
        .await;
    assert_eq!(refused.json()["error"], "invalid_client");
    let both = format!("{body}&client_id=simulator-client-id&client_secret=simulator-client-secret");
    let accepted = api.send("POST", "/services/oauth2/token", &headers, both).await;
    assert_eq!(
        accepted.status, 200,
        "the header is ignored when the body holds both"
    );
    let next = accepted.json()["refresh_token"].as_str().unwrap().to_owned();
    let headers = [kind, ("authorization", right.as_str())];
    let body = format!("grant_type=refresh_token&refresh_token={next}");
    let accepted = api.send("POST", "/services/oauth2/token", &headers, body).await;
    assert_eq!(accepted.status, 200);
}

#[tokio::test]
async fn client_credentials_need_the_my_domain_host() {
    let api = start().await;
    let reply = api.token(&[("grant_type", "client_credentials")]).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.json().get("refresh_token").is_none());
    let access = reply.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(api.status_with(&access).await, 200);
    api.control("settings", json!({"login_host": true})).await;
    let reply = api.token(&[("grant_type", "client_credentials")]).await;
    assert_eq!(
        (reply.status, reply.text().as_str()),
        (
            400,
            r#"{"error":"invalid_grant","error_description":"request not supported on this domain"}"#
        )
    );
}

#[tokio::test]
async fn an_uninstalled_app_is_refused_at_the_token_endpoint() {
    let api = start().await;
    api.control("settings", json!({"uninstalled_app": "token"})).await;
    assert_eq!(
        api.refresh(&api.refresh).await.text(),
        r#"{"error":"invalid_client","error_description":"app must be installed into org"}"#
    );
}

#[tokio::test]
async fn revoking_a_refresh_token_takes_its_sessions_and_not_the_other_way_round() {
    let api = start_with(|options| options.rotation = false).await;
    let reply = api
        .form("/services/oauth2/revoke", &[("token", &api.access)])
        .await;
    assert_eq!((reply.status, reply.body.len()), (200, 0));
    assert_eq!(api.status_with(&api.access).await, 401);
    let fresh = api.refresh(&api.refresh).await;
    let access = fresh.json()["access_token"].as_str().unwrap().to_owned();
    let reply = api
        .form("/services/oauth2/revoke", &[("token", &api.refresh)])
        .await;
    assert_eq!(reply.status, 200);
    assert_eq!(api.status_with(&access).await, 401);
    assert_eq!(api.refresh(&api.refresh).await.status, 400);
    let again = api
        .form("/services/oauth2/revoke", &[("token", &api.refresh)])
        .await;
    assert_eq!(again.json()["error"], "invalid_token");
}

#[tokio::test]
async fn introspection_tells_the_end_of_a_sliding_session() {
    let api = start().await;
    let pairs = |token| {
        [
            ("token", token),
            ("client_id", "simulator-client-id"),
            ("client_secret", "simulator-client-secret"),
        ]
    };
    let access = api.access.clone();
    let first = api
        .form("/services/oauth2/introspect", &pairs(&access))
        .await
        .json();
    assert_eq!(first["active"], true);
    assert_eq!(
        first["exp"].as_i64().unwrap() - first["iat"].as_i64().unwrap(),
        7200
    );
    let organization = api.running.org().organization_id();
    assert!(first["sub"].as_str().unwrap().contains(&organization));
    api.control("clock", json!({"advance_ms": 60_000})).await;
    assert_eq!(api.status_with(&access).await, 200);
    let later = api
        .form("/services/oauth2/introspect", &pairs(&access))
        .await
        .json();
    assert!(later["exp"].as_i64().unwrap() >= first["exp"].as_i64().unwrap() + 60);
    let unknown = api.form("/services/oauth2/introspect", &pairs("nonsense")).await;
    assert_eq!(unknown.text(), r#"{"active":false}"#);
    api.control("settings", json!({"introspection_permitted": false}))
        .await;
    let hidden = api.form("/services/oauth2/introspect", &pairs(&access)).await;
    assert_eq!(hidden.text(), r#"{"active":false}"#);
}

#[tokio::test]
async fn userinfo_and_identity_know_the_user_and_say_bad_token_in_plain_text() {
    let api = start().await;
    let bearer = api.bearer();
    let headers = [("authorization", bearer.as_str())];
    let info = api
        .send("GET", "/services/oauth2/userinfo", &headers, "")
        .await
        .json();
    assert_eq!(info["organization_id"], api.running.org().organization_id());
    assert_eq!(info["user_id"], api.running.org().admin_user_id());
    assert!(info["urls"]["rest"].as_str().unwrap().contains("{version}"));
    let path = info["sub"]
        .as_str()
        .unwrap()
        .strip_prefix(&api.running.base_url())
        .unwrap()
        .to_owned();
    let identity = api.send("GET", &path, &headers, "").await.json();
    assert_eq!(identity["username"], info["preferred_username"]);
    for path in ["/services/oauth2/userinfo", path.as_str()] {
        let bad = api.send("GET", path, &[("authorization", "Bearer no")], "").await;
        assert_eq!((bad.status, bad.text().as_str()), (403, "Bad_OAuth_Token"));
        assert!(bad.header("content-type").starts_with("text/plain"));
    }
}

#[tokio::test]
async fn a_hostile_instance_url_is_answered_when_asked_for() {
    let api = start().await;
    api.control("settings", json!({"instance_url": "https://evil.example/"}))
        .await;
    assert_eq!(
        api.refresh(&api.refresh).await.json()["instance_url"],
        "https://evil.example/"
    );
}
