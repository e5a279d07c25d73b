//! `POST /oauth/v1/token`, and what the portal tells of tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::errors::{self, token_error};
use super::oauth::Grant;
use super::{APP_ID, HUB_DOMAIN, HUB_ID};
use crate::http::call::{Call, value_of};
use crate::http::reply::{Answer, Reply};
use crate::http::state::Simulator;

/// `POST /oauth/v1/token`.
pub(super) fn token(simulator: &Simulator, call: &Call) -> Reply {
    exchange(simulator, call).unwrap_or_else(|reply| reply)
}

fn exchange(simulator: &Simulator, call: &Call) -> Answer {
    let form = call.form();
    let value = |name: &str| value_of(&form, name).filter(|text| !text.is_empty());
    let refuse = |status: &str, message: &str| token_error(&simulator.random, 400, status, message);
    let grant_type = value("grant_type").unwrap_or("");
    if !["authorization_code", "refresh_token"].contains(&grant_type) {
        return Err(refuse("BAD_GRANT_TYPE", "missing or unknown grant type"));
    }
    if value("client_id") != Some(simulator.client_id.as_str()) {
        return Err(refuse("BAD_CLIENT_ID", "missing or unknown client id"));
    }
    let is_secret_needed = simulator.settings().require_secret || value("client_secret").is_some();
    if is_secret_needed && value("client_secret") != Some(simulator.client_secret.as_str()) {
        return Err(refuse("BAD_CLIENT_SECRET", "missing or invalid client secret"));
    }
    let refresh_token = if grant_type == "authorization_code" {
        from_code(simulator, &form)?
    } else {
        value("refresh_token").unwrap_or("").to_owned()
    };
    let body = open(simulator, &refresh_token)
        .ok_or_else(|| refuse("BAD_REFRESH_TOKEN", "missing or invalid refresh token"))?;
    let mut counters = simulator.counters();
    *counters.tokens_issued.entry(grant_type.to_owned()).or_default() += 1;
    Ok(Reply::json(200, body))
}

/// Uses up a code; gives the refresh token of the new grant.
fn from_code(simulator: &Simulator, form: &[(String, String)]) -> Result<String, Reply> {
    let refuse = |status: &str, message: &str| token_error(&simulator.random, 400, status, message);
    let unknown = || refuse("BAD_AUTH_CODE", "missing or unknown auth code");
    let code = value_of(form, "code").unwrap_or("");
    let redirect_uri = value_of(form, "redirect_uri").filter(|uri| !uri.is_empty());
    let redirect_uri =
        redirect_uri.ok_or_else(|| refuse("BAD_REDIRECT_URI", "missing or invalid redirect URI"))?;
    let found = {
        let mut store = simulator.portal.oauth();
        let found = store.codes.get(code).cloned();
        // One try only.
        if let Some(code) = store.codes.get_mut(code) {
            code.used = true;
        }
        found.filter(|code| !code.used).ok_or_else(unknown)?
    };
    let ends_ms = found.issued_ms.saturating_add(simulator.settings().code_ttl_ms);
    if simulator.clock.now_ms() >= ends_ms {
        return Err(refuse("EXPIRED_AUTH_CODE", "auth code is expired"));
    }
    if found.request.redirect_uri != redirect_uri {
        let message = "redirect URI does not match initial auth code URI";
        return Err(refuse("MISMATCH_REDIRECT_URI_AUTH_CODE", message));
    }
    if let Some(challenge) = &found.request.challenge {
        let verifier = value_of(form, "code_verifier").unwrap_or("");
        let computed = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        if computed != challenge.trim_end_matches('=') {
            return Err(refuse("BAD_CODE_VERIFIER", "missing or invalid code verifier"));
        }
    }
    Ok(grant(simulator, &found.email, found.request.scopes))
}

/// Keeps a new grant; gives its refresh token.
pub(super) fn grant(simulator: &Simulator, email: &str, scopes: Vec<String>) -> String {
    let refresh_token = format!("na1-{}", errors::correlation_id(&simulator.random));
    let grant = Grant {
        email: email.to_owned(),
        scopes,
        dead: false,
    };
    let mut store = simulator.portal.oauth();
    store.grants.insert(refresh_token.clone(), grant);
    refresh_token
}

/// Opens a session and prints the token answer; `None` when the refresh token is no good.
pub(super) fn open(simulator: &Simulator, refresh_token: &str) -> Option<Value> {
    let ttl_ms = simulator.settings().hubspot_token_ttl_ms;
    let access_token = format!("C{}{}", simulator.random.secret(90), simulator.random.text(64));
    let expires_ms = simulator.clock.now_ms().saturating_add(ttl_ms);
    let mut store = simulator.portal.oauth();
    store
        .open(access_token.clone(), refresh_token, expires_ms)
        .then(|| {
            json!({
                "token_type": "bearer", "refresh_token": refresh_token, "access_token": access_token,
                "expires_in": ttl_ms / 1_000,
            })
        })
}

fn user_id(simulator: &Simulator, email: &str) -> Option<u64> {
    let data = simulator.portal.data();
    let owner = data.owners.iter().find(|owner| owner.email == email);
    owner.map(|owner| owner.user_id)
}

/// `GET /oauth/v1/access-tokens/{token}`.
pub(super) fn about_access(simulator: &Simulator, token: &str) -> Reply {
    let now_ms = simulator.clock.now_ms();
    let session = simulator.portal.oauth().session(token).cloned();
    let Some(session) = session.filter(|session| now_ms < session.expires_ms) else {
        let message = "The access token is invalid";
        return errors::Fault::new(404, Some("OBJECT_NOT_FOUND"), message.to_owned())
            .reply(&simulator.random);
    };
    let left_s = (session.expires_ms - now_ms) / 1_000;
    Reply::json(
        200,
        json!({
            "token": token, "user": session.email, "hub_domain": HUB_DOMAIN, "scopes": session.scopes,
            "hub_id": HUB_ID, "app_id": APP_ID, "expires_in": left_s,
            "user_id": user_id(simulator, &session.email), "token_type": "access",
        }),
    )
}

/// `GET /oauth/v1/refresh-tokens/{token}`.
pub(super) fn about_refresh(simulator: &Simulator, token: &str) -> Reply {
    let grant = simulator.portal.oauth().grants.get(token).cloned();
    let Some(grant) = grant.filter(|grant| !grant.dead) else {
        return token_error(
            &simulator.random,
            404,
            "BAD_REFRESH_TOKEN",
            "missing or invalid refresh token",
        );
    };
    Reply::json(
        200,
        json!({
            "token": token, "user": grant.email, "hub_domain": HUB_DOMAIN, "scopes": grant.scopes,
            "hub_id": HUB_ID, "client_id": simulator.client_id, "user_id": user_id(simulator, &grant.email),
            "token_type": "refresh",
        }),
    )
}

/// `DELETE /oauth/v1/refresh-tokens/{token}`. Its access tokens end as well.
pub(super) fn forget_refresh(simulator: &Simulator, token: &str) -> Reply {
    if simulator.portal.oauth().revoke(|known, _| known == token) == 0 {
        return token_error(
            &simulator.random,
            404,
            "BAD_REFRESH_TOKEN",
            "missing or invalid refresh token",
        );
    }
    Reply::empty(204)
}
