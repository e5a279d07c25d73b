//! One authenticated data call: at most one refresh and one replay, no other retry of any kind.

use std::sync::Arc;
use std::time::Duration;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue,
    TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderMap, HeaderName};
use mapping::ProviderDocument;
use serde_json::{Map, Value, json};
use store::{Connection, Tenant, VersionedTokens};
use tokio::time::Instant;

use crate::call::{Call, CallError, PathRoot, Reply, body_value, header_text, headers_value};
use crate::egress::{BodyLimits, Outbound, full_body, read_body};
use crate::hosts::Origin;
use crate::paths::{self, own_path};
use crate::quota::{self, QuotaReading};
use crate::settings::Configured;
use crate::writes::OneWrite;
use crate::{Inner, Providers, USER_AGENT_TEXT};

impl Providers {
    /// Makes a call with the connection's credential and answers the provider's reply, whatever its status.
    ///
    /// When the reply says that the session has expired, the token is refreshed once and the call sent once more. The
    /// limits `upstream_first_byte_ms`, `upstream_idle_ms`, `upstream_total_ms` and `response_body_max_bytes` hold.
    pub async fn send(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        call: Call,
    ) -> Result<Reply, CallError> {
        self.inner.send(tenant, connection, call).await
    }

    /// The request target of a call below the API's origin: path and query, as a request line holds it.
    pub fn target(&self, connection: &Connection, call: &Call) -> Result<String, CallError> {
        target(
            self.inner.settings.provider(&connection.provider)?,
            connection,
            call,
        )
    }

    /// What [`Providers::send`] would send now: method, URL, headers with the credential redacted, body.
    pub fn describe_call(&self, connection: &Connection, call: &Call) -> Result<Value, CallError> {
        self.inner.describe_call(connection, call)
    }
}

impl Inner {
    pub(crate) async fn send(
        self: &Arc<Self>,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        call: Call,
    ) -> Result<Reply, CallError> {
        let configured = self.settings.provider(&connection.provider)?;
        let target = target(configured, connection, &call)?;
        let headers = call_headers(&configured.document, &call)?;
        let started = Instant::now();
        let deadline = started + Duration::from_millis(self.settings.limits.upstream_total_ms);
        let mut refused_version = None;
        loop {
            let tokens = self
                .credential_in_time(tenant, connection, refused_version, deadline)
                .await?;
            let origin = api_origin(configured, connection, &tokens)?;
            let mut headers = headers.clone();
            headers.insert(AUTHORIZATION, bearer(&tokens)?);
            let body = call.body_with(tokens.tokens.access_token.expose())?;
            let outbound = Outbound {
                origin: &origin,
                method: call.method.clone(),
                target: &target,
                headers,
                body: full_body(body),
            };
            let sent_at = Instant::now();
            let write = OneWrite::begin(&call.method);
            let reply = self.egress.send(outbound, deadline, false).await;
            let reply = reply
                .map_err(CallError::from)
                .inspect_err(|error| write.failed(error))?;
            write.answered(reply.status());
            let (head, body) = reply.into_parts();
            let limits = BodyLimits {
                max_bytes: self.settings.limits.response_body_max_bytes,
                idle: Duration::from_millis(self.settings.limits.upstream_idle_ms),
                deadline,
            };
            let body = read_body(&head.headers, body, limits).await?;
            configured.durations.record(head.status.as_u16(), sent_at);
            let judged = self.judge(
                configured,
                connection,
                head.status.as_u16(),
                &head.headers,
                || body_value(&body),
            );
            if judged.session_expired {
                if refused_version.is_some() {
                    return Err(CallError::SessionRefused);
                }
                refused_version = Some(tokens.version);
                continue;
            }
            return Ok(Reply {
                status: head.status,
                headers: head.headers,
                body,
                quotas: judged.quotas,
                elapsed: started.elapsed(),
            });
        }
    }

    /// The credential, but not later than the call's own deadline: the refresh goes on without us.
    pub(crate) async fn credential_in_time(
        self: &Arc<Self>,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        above: Option<i64>,
        deadline: Instant,
    ) -> Result<Arc<VersionedTokens>, CallError> {
        tokio::time::timeout_at(deadline, self.credential(tenant, connection, above))
            .await
            .unwrap_or(Err(CallError::DeadlineExceeded { sent: false }))
    }

    /// Reads quotas and the state of the session from a reply, and remembers the quotas.
    pub(crate) fn judge(
        &self,
        configured: &Configured,
        connection: &Connection,
        status: u16,
        headers: &HeaderMap,
        body: impl FnOnce() -> Value,
    ) -> Judged {
        let document = &configured.document;
        // A body of records is not looked at: what it tells is in the records.
        let told = match status {
            ..400 => document.header_quotas(|name| header_text(headers, name)),
            _ => None,
        };
        let (told, session_expired) = if let Some(told) = told {
            (told, false)
        } else {
            let headers = headers_value(headers);
            let body = if status < 400 { Value::Null } else { body() };
            (
                document.quotas(&headers, status, &body),
                status >= 400 && document.session_expired(status, &headers, &body),
            )
        };
        let now_ms = self.clock.now_ms();
        let quotas = quota::readings(told, headers, now_ms);
        self.quotas.remember(&connection.id, &quotas, now_ms);
        Judged {
            quotas,
            session_expired,
        }
    }

    fn describe_call(&self, connection: &Connection, call: &Call) -> Result<Value, CallError> {
        let configured = self.settings.provider(&connection.provider)?;
        let target = target(configured, connection, call)?;
        let origin = origin_of(configured, connection.instance_url.as_deref())?;
        let mut shown = Map::new();
        for (name, value) in &call_headers(&configured.document, call)? {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            shown.insert(name.as_str().to_owned(), Value::String(value));
        }
        shown.insert("authorization".to_owned(), Value::from("Bearer [redacted]"));
        Ok(json!({
            "method": call.method.as_str(),
            "url": format!("{origin}{target}"),
            "headers": shown,
            "body": call.body_with("[redacted]")?.as_deref().map_or(Value::Null, body_value),
        }))
    }
}

/// What a reply tells besides its contents.
pub(crate) struct Judged {
    pub(crate) quotas: Vec<QuotaReading>,
    pub(crate) session_expired: bool,
}

/// `Authorization: Bearer …`, marked so that nobody prints it.
pub(crate) fn bearer(tokens: &VersionedTokens) -> Result<HeaderValue, CallError> {
    let text = format!("Bearer {}", tokens.tokens.access_token.expose());
    let mut value = HeaderValue::from_str(&text).map_err(|_| CallError::BadReply {
        what: "a token request with a token that no header can carry",
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The origin that the token is for, checked again: documents and settings may have changed since it was stored.
pub(crate) fn api_origin(
    configured: &Configured,
    connection: &Connection,
    tokens: &VersionedTokens,
) -> Result<Origin, CallError> {
    origin_of(
        configured,
        tokens
            .instance_url
            .as_deref()
            .or(connection.instance_url.as_deref()),
    )
}

fn origin_of(configured: &Configured, stored: Option<&str>) -> Result<Origin, CallError> {
    let text = stored
        .or(configured.base_url().map(Origin::as_str))
        .ok_or_else(|| CallError::Misconfigured {
            what: "the connection has no API host, and the provider's document names none".to_owned(),
        })?;
    configured.api_origin(text).map_err(|_| CallError::Refused {
        what: "the connection's API host is no longer one of the provider's",
    })
}

/// The request target of a call: base path, path, query.
fn target(configured: &Configured, connection: &Connection, call: &Call) -> Result<String, CallError> {
    let document = &configured.document;
    let version = configured.api_version(connection.api_version.as_deref());
    let own;
    let told = match call.root {
        PathRoot::Api => &call.path,
        PathRoot::Host => {
            own = call.path.replace("{version}", &document.version(version));
            &own
        }
    };
    let (path, raw) = match told.split_once('?') {
        Some((path, raw)) => (path, Some(paths::raw_query(raw)?)),
        None => (told.as_str(), None),
    };
    let path = own_path(path)?;
    let path = if call.root == PathRoot::Host || is_whole(document, path.as_str()) {
        path
    } else {
        path.below(&document.base_path(version))
    };
    let mut target = path.as_str().to_owned();
    let query = [raw.unwrap_or_default(), paths::query_text(&call.query)];
    for (index, part) in query.iter().filter(|part| !part.is_empty()).enumerate() {
        target.push(if index == 0 { '?' } else { '&' });
        target.push_str(part);
    }
    Ok(target)
}

/// Whether a path begins as the API's base path does, whatever version it names.
fn is_whole(document: &ProviderDocument, path: &str) -> bool {
    let base = document.api.base_path.as_str();
    let fixed = base.split("{version}").next().unwrap_or(base);
    if fixed.len() < base.len() {
        return fixed.len() > 1 && path.starts_with(fixed);
    }
    let fixed = fixed.trim_end_matches('/');
    !fixed.is_empty()
        && path
            .strip_prefix(fixed)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn call_headers(document: &ProviderDocument, call: &Call) -> Result<HeaderMap, CallError> {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_TEXT));
    if call.body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    add_document_headers(document, &mut headers)?;
    for (index, (name, value)) in call.headers.iter().enumerate() {
        let again = call
            .headers
            .iter()
            .take(index)
            .any(|(earlier, _)| earlier == name);
        if again {
            headers.append(name.clone(), value.clone());
        } else {
            headers.insert(name.clone(), value.clone());
        }
    }
    // Written by `bearer` and by the client alone.
    for name in [AUTHORIZATION, HOST, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    Ok(headers)
}

/// The headers that the provider's document asks for on every call.
pub(crate) fn add_document_headers(
    document: &ProviderDocument,
    headers: &mut HeaderMap,
) -> Result<(), CallError> {
    for (name, value) in &document.api.request_headers {
        let wrong = || CallError::Misconfigured {
            what: format!("provider.yaml: api.request_headers.{name} is not a header"),
        };
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let value = HeaderValue::from_str(value).map_err(|_| wrong())?;
        headers.insert(header, value);
    }
    Ok(())
}
