//! Calls to token endpoints: one POST, no retry, no redirect, and an answer that says what is known.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method};
use mapping::{ClientAuthentication, TokenFacts, TokenFault};
use model::Secret;
use serde_json::Value;

use crate::USER_AGENT_TEXT;
use crate::call::body_value;
use crate::egress::{Egress, EgressError, Outbound};
use crate::hosts::Origin;
use crate::paths::{escape_component, form_text};
use crate::settings::Configured;

/// Largest token reply read. They are below 4 KiB.
const TOKEN_REPLY_MAX_BYTES: usize = 256 << 10;

/// What is known after a token request.
#[derive(Debug)]
pub(crate) enum TokenReply {
    /// Tokens.
    Granted(TokenFacts),
    /// A definite no, as the provider's document reads it.
    Refused(TokenFault),
    /// Nothing was sent.
    NotSent(EgressError),
    /// Something was sent, and there is no usable answer.
    Unknown(&'static str),
}

/// Presents a refresh token. `may_send` is the last look at the claim before the first byte.
pub(crate) async fn present_refresh_token(
    egress: &Egress,
    configured: &Configured,
    login: &Origin,
    refresh_token: &Secret,
    timeout: Duration,
    may_send: impl FnOnce() -> bool + Send,
) -> TokenReply {
    // No `scope`: some providers refuse a refresh that names one, and none needs it.
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.expose()),
    ];
    post(egress, configured, login, &fields, timeout, may_send).await
}

/// Exchanges an authorization code.
pub(crate) async fn exchange_code(
    egress: &Egress,
    configured: &Configured,
    login: &Origin,
    code: &str,
    redirect_uri: &str,
    verifier: &Secret,
    timeout: Duration,
) -> TokenReply {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect_uri),
        ("code_verifier", verifier.expose()),
    ];
    post(egress, configured, login, &fields, timeout, || true).await
}

/// Asks the provider to end a grant. Answers whether it said yes.
pub(crate) async fn revoke(
    egress: &Egress,
    configured: &Configured,
    login: &Origin,
    token: &Secret,
    timeout: Duration,
) -> bool {
    let Some(path) = configured.document.auth.revoke_path.as_deref() else {
        return false;
    };
    let mut escaped = String::new();
    escape_component(&mut escaped, token.expose());
    let target = path.replace("{token}", &escaped);
    // Where the path names the token, it is what is deleted; it proves itself.
    let (method, (headers, body)) = if path == target {
        (Method::POST, form(configured, &[("token", token.expose())]))
    } else {
        (Method::DELETE, (HeaderMap::new(), Bytes::new()))
    };
    let outbound = Outbound {
        origin: login,
        method,
        target: &target,
        headers,
        body,
    };
    let reply = egress
        .send_once(outbound, timeout, TOKEN_REPLY_MAX_BYTES, || true)
        .await;
    matches!(reply, Ok(reply) if reply.status.is_success())
}

async fn post(
    egress: &Egress,
    configured: &Configured,
    login: &Origin,
    fields: &[(&str, &str)],
    timeout: Duration,
    may_send: impl FnOnce() -> bool + Send,
) -> TokenReply {
    let (headers, body) = form(configured, fields);
    let outbound = Outbound {
        origin: login,
        method: Method::POST,
        target: &configured.document.auth.token_path,
        headers,
        body,
    };
    let reply = match egress
        .send_once(outbound, timeout, TOKEN_REPLY_MAX_BYTES, may_send)
        .await
    {
        Ok(reply) => reply,
        Err(error) if error.sent() => return TokenReply::Unknown("no reply that can be read"),
        Err(error) => return TokenReply::NotSent(error),
    };
    let status = reply.status.as_u16();
    let body = body_value(&reply.body);
    if reply.status.is_success() {
        return match configured.document.token_facts(&body) {
            Ok(facts) if facts.access_token.is_some() => TokenReply::Granted(facts),
            _ => TokenReply::Unknown("a reply without an access token"),
        };
    }
    classify(configured, status, &body)
}

/// A server that is out of order says nothing about the grant, whatever its error page looks like.
fn classify(configured: &Configured, status: u16, body: &Value) -> TokenReply {
    if status >= 500 || status == 429 || status == 408 {
        return TokenReply::Unknown("the token endpoint is out of order");
    }
    match configured.document.token_fault(status, body) {
        TokenFault::Unavailable => TokenReply::Unknown("the token endpoint is out of order"),
        fault => TokenReply::Refused(fault),
    }
}

fn form(configured: &Configured, fields: &[(&str, &str)]) -> (HeaderMap, Bytes) {
    let app = &configured.app;
    let mut fields = fields.to_vec();
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    headers.insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_TEXT));
    let basic = configured.document.auth.client_authentication == ClientAuthentication::Basic;
    match &app.client_secret {
        Some(secret) if basic => {
            if let Some(value) = basic_credentials(&app.client_id, secret) {
                headers.insert(AUTHORIZATION, value);
            }
        }
        Some(secret) => {
            fields.push(("client_id", &app.client_id));
            fields.push(("client_secret", secret.expose()));
        }
        None => fields.push(("client_id", &app.client_id)),
    }
    (headers, Bytes::from(form_text(&fields)))
}

/// RFC 6749 §2.3.1: both parts form-encoded, then joined and encoded.
fn basic_credentials(client_id: &str, secret: &Secret) -> Option<HeaderValue> {
    let mut pair = String::new();
    escape_component(&mut pair, client_id);
    pair.push(':');
    escape_component(&mut pair, secret.expose());
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).ok()?;
    value.set_sensitive(true);
    Some(value)
}
