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
use store::Grant;

use crate::USER_AGENT_TEXT;
use crate::call::body_value;
use crate::egress::{Egress, EgressError, Outbound};
use crate::grants::TokenRefusal;
use crate::hosts::Origin;
use crate::paths::{escape_component, form_text};
use crate::settings::Configured;

/// Largest token reply read. They are below 4 KiB.
const TOKEN_REPLY_MAX_BYTES: usize = 256 << 10;
/// Longest `error` and `error_description` told, characters.
const CODE_MAX_CHARS: usize = 64;
const DESCRIPTION_MAX_CHARS: usize = 300;

/// What is known after a token request.
#[derive(Debug)]
pub(crate) enum TokenReply {
    /// Tokens.
    Granted(TokenFacts),
    /// A definite no.
    Refused {
        /// What it means, as the provider's document reads it.
        fault: TokenFault,
        /// What was said.
        refusal: Box<TokenRefusal>,
    },
    /// Nothing was sent.
    NotSent(EgressError),
    /// Something was sent, and there is no usable answer.
    Unknown(&'static str),
}

/// Who proves itself at the token endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Client<'a> {
    /// The operator's application.
    App,
    /// A client of the tenant's own, with its secret.
    Own(&'a str, &'a Secret),
    /// What is presented proves itself.
    Nobody,
}

impl<'a> Client<'a> {
    /// Who presents a grant.
    pub(crate) const fn of(grant: &'a Grant) -> Self {
        match grant {
            Grant::ClientCredentials { client: Some(client) } => {
                Self::Own(client.id.as_str(), &client.secret)
            }
            Grant::ClientCredentials { client: None } => Self::App,
            Grant::JwtBearer { .. } => Self::Nobody,
        }
    }
}

/// One request to a token endpoint.
pub(crate) struct TokenRequest<'a> {
    pub(crate) egress: &'a Egress,
    pub(crate) configured: &'a Configured,
    /// The origin of the token endpoint.
    pub(crate) login: &'a Origin,
    pub(crate) client: Client<'a>,
    pub(crate) fields: Vec<(&'a str, &'a str)>,
    pub(crate) timeout: Duration,
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
    let request = TokenRequest {
        egress,
        configured,
        login,
        client: Client::App,
        fields: vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose()),
        ],
        timeout,
    };
    request_token(request, may_send).await
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
    let request = TokenRequest {
        egress,
        configured,
        login,
        client: Client::App,
        fields: vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier.expose()),
        ],
        timeout,
    };
    request_token(request, || true).await
}

/// Asks the provider to end a grant. Answers whether it said yes.
pub(crate) async fn revoke(
    egress: &Egress,
    configured: &Configured,
    login: &Origin,
    client: Client<'_>,
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
        (
            Method::POST,
            form(configured, client, &[("token", token.expose())]),
        )
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

/// Asks for tokens, once. `may_send` is the last look before the first byte.
pub(crate) async fn request_token(
    request: TokenRequest<'_>,
    may_send: impl FnOnce() -> bool + Send,
) -> TokenReply {
    let TokenRequest {
        egress,
        configured,
        login,
        client,
        fields,
        timeout,
    } = request;
    let (headers, body) = form(configured, client, &fields);
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
        fault => TokenReply::Refused {
            fault,
            refusal: Box::new(refusal(configured, status, body)),
        },
    }
}

/// What was said, in plain characters only: it is shown to tenants.
fn refusal(configured: &Configured, status: u16, body: &Value) -> TokenRefusal {
    let plain = |name: &str, max_chars: usize| {
        let text = body.get(name)?.as_str()?;
        let plain = |character: &char| matches!(character, ' '..='~');
        let text: String = text.chars().filter(plain).take(max_chars).collect();
        Some(text).filter(|text| !text.trim().is_empty())
    };
    let (code, description) = (
        plain("error", CODE_MAX_CHARS),
        plain("error_description", DESCRIPTION_MAX_CHARS),
    );
    let explanation = configured
        .document
        .grant_fault(code.as_deref(), description.as_deref())
        .map(str::to_owned);
    TokenRefusal {
        provider: configured.document.name.clone(),
        status,
        code,
        description,
        explanation,
    }
}

fn form(configured: &Configured, client: Client<'_>, fields: &[(&str, &str)]) -> (HeaderMap, Bytes) {
    let app = &configured.app;
    let (client_id, client_secret) = match client {
        Client::App => (Some(app.client_id.as_str()), app.client_secret.as_ref()),
        Client::Own(id, secret) => (Some(id), Some(secret)),
        Client::Nobody => (None, None),
    };
    let mut fields = fields.to_vec();
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    headers.insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_TEXT));
    let basic = configured.document.auth.client_authentication == ClientAuthentication::Basic;
    match (client_id, client_secret) {
        (Some(client_id), Some(secret)) if basic => {
            if let Some(value) = basic_credentials(client_id, secret) {
                headers.insert(AUTHORIZATION, value);
            }
        }
        (Some(client_id), Some(secret)) => {
            fields.push(("client_id", client_id));
            fields.push(("client_secret", secret.expose()));
        }
        (Some(client_id), None) => fields.push(("client_id", client_id)),
        (None, _) => {}
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
