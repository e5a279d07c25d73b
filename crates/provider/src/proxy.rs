//! A caller's own request to the provider, streamed both ways with the connection's credential.
//!
//! Request headers pass by the document's allow-list, response headers but for its deny-list; hop-by-hop fields never pass
//! (RFC 9110 §7.6.1), nor does anything the caller used to prove itself to us.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{AUTHORIZATION, CONNECTION, HeaderValue, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use store::{Connection, Tenant};
use tokio::time::Instant;

use crate::call::{CallError, body_value};
use crate::egress::{Encoding, OutBody, Outbound, StreamBody, content_encoding, full_body, unzip};
use crate::paths::{self, PathError, caller_path};
use crate::quota::QuotaReading;
use crate::send::{add_document_headers, api_origin, bearer};
use crate::settings::Configured;
use crate::{Inner, Providers, USER_AGENT_TEXT};

/// Request bodies up to this size are held, so that they can be sent again after a refresh.
const REPLAY_MAX_BYTES: u64 = 64 << 10;
/// How much of an error's body is looked at before it streams on.
const ERROR_LOOK_BYTES: usize = 64 << 10;
/// How much an error's body may unzip to for that look.
const ERROR_UNZIPPED_MAX_BYTES: usize = 1 << 20;

/// Fields that concern one connection only (RFC 9110 §7.6.1), and those that our client writes itself.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-authentication-info",
];
/// Request fields that never pass, whatever a document lists: credentials, routing, framing, method overrides.
const NEVER_SENT: &[&str] = &[
    "authorization",
    "cookie",
    "cookie2",
    "host",
    "content-length",
    "expect",
    "forwarded",
    "via",
    "x-real-ip",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-connection-id",
    "x-connection-external-id",
    "x-provider",
    "x-api-key",
    "idempotency-key",
    "traceparent",
    "tracestate",
    "baggage",
];

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A caller's request.
#[derive(Debug)]
pub struct ProxyRequest<B> {
    /// HTTP method; CONNECT and TRACE are refused.
    pub method: Method,
    /// The part after `/proxy`, still percent-encoded, with the query.
    pub path_and_query: String,
    /// The caller's headers, as they came.
    pub headers: HeaderMap,
    /// The caller's body.
    pub body: B,
}

/// The provider's reply, its body on the way.
#[derive(Debug)]
pub struct ProxyReply {
    /// The provider's status.
    pub status: StatusCode,
    /// The provider's headers that pass.
    pub headers: HeaderMap,
    /// The body as the provider sends it, compressed if it is.
    pub body: StreamBody,
    /// What the reply tells about rate limits.
    pub quotas: Vec<QuotaReading>,
}

impl Providers {
    /// Passes a caller's request on and streams the reply back.
    ///
    /// After an expired session the token is refreshed once. A request with a known length of at most 64 KiB is then
    /// sent once more; a longer or streamed one cannot be, and gives [`CallError::RefreshedRetry`].
    pub async fn proxy<B>(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        request: ProxyRequest<B>,
    ) -> Result<ProxyReply, CallError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.inner.proxy(tenant, connection, request).await
    }
}

/// A request body: held for a second sending, or streamed once.
enum Outgoing {
    Held(Option<Bytes>),
    Streamed(Option<OutBody>),
}

impl Inner {
    async fn proxy<B>(
        self: &Arc<Self>,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        request: ProxyRequest<B>,
    ) -> Result<ProxyReply, CallError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let configured = self.settings.provider(&connection.provider)?;
        check_method(&request.method)?;
        let target = target(configured, connection, &request.path_and_query)?;
        let headers = request_headers(configured, &request.headers)?;
        let deadline = Instant::now() + Duration::from_millis(self.settings.limits.upstream_total_ms);
        let mut body = self.outgoing(request.body, deadline).await?;
        let mut refused_version = None;
        loop {
            let tokens = self
                .credential_in_time(tenant, connection, refused_version, deadline)
                .await?;
            let origin = api_origin(configured, connection, &tokens)?;
            let mut headers = headers.clone();
            headers.insert(AUTHORIZATION, bearer(&tokens)?);
            let (streamed, out) = match &mut body {
                Outgoing::Held(bytes) => (false, full_body(bytes.clone())),
                Outgoing::Streamed(stream) => match stream.take() {
                    Some(stream) => (true, stream),
                    // The refresh for the first sending went well; a second is not possible.
                    None => return Err(CallError::RefreshedRetry),
                },
            };
            let outbound = Outbound {
                origin: &origin,
                method: request.method.clone(),
                target: &target,
                headers,
                body: out,
            };
            let sent_at = Instant::now();
            let reply = self.egress.send(outbound, deadline, streamed).await?;
            configured.durations.record(reply.status().as_u16(), sent_at);
            let (head, incoming) = reply.into_parts();
            let (first, rest) = self.look_at_error(head.status, incoming, deadline).await?;
            let seen = || error_value(&head.headers, first.as_deref().unwrap_or_default());
            let judged = self.judge(configured, connection, head.status.as_u16(), &head.headers, seen);
            if judged.session_expired && refused_version.is_none() {
                refused_version = Some(tokens.version);
                continue;
            }
            let limits = &self.settings.limits;
            return Ok(ProxyReply {
                status: head.status,
                headers: response_headers(configured, &head.headers),
                body: StreamBody::new(
                    first,
                    rest,
                    limits.proxy_response_body_max_bytes,
                    Duration::from_millis(limits.upstream_idle_ms),
                ),
                quotas: judged.quotas,
            });
        }
    }

    async fn outgoing<B>(&self, body: B, deadline: Instant) -> Result<Outgoing, CallError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let max_bytes = self.settings.limits.proxy_request_body_max_bytes;
        let too_large = || CallError::from(crate::egress::EgressError::RequestTooLarge { max_bytes });
        match body.size_hint().exact() {
            Some(0) => Ok(Outgoing::Held(None)),
            Some(length) if length > max_bytes => Err(too_large()),
            Some(length) if length <= REPLAY_MAX_BYTES => {
                let collected = tokio::time::timeout_at(deadline, body.collect()).await;
                let cut_off = || CallError::BadRequest {
                    status: 400,
                    what: "the request body was cut off".to_owned(),
                };
                let collected = collected.map_err(|_| cut_off())?.map_err(|_| cut_off())?;
                Ok(Outgoing::Held(Some(collected.to_bytes())))
            }
            _ => {
                let cap = usize::try_from(max_bytes).unwrap_or(usize::MAX);
                Ok(Outgoing::Streamed(Some(Limited::new(body, cap).boxed_unsync())))
            }
        }
    }

    /// Reads the beginning of an error's body, so that it can be judged; the rest streams on.
    async fn look_at_error(
        &self,
        status: StatusCode,
        mut body: Incoming,
        deadline: Instant,
    ) -> Result<(Option<Bytes>, Option<Incoming>), CallError> {
        if !status.is_client_error() && !status.is_server_error() {
            return Ok((None, Some(body)));
        }
        let mut first = BytesMut::new();
        let idle = Duration::from_millis(self.settings.limits.upstream_idle_ms);
        while first.len() < ERROR_LOOK_BYTES {
            let until = deadline.min(Instant::now() + idle);
            match tokio::time::timeout_at(until, body.frame()).await {
                Err(_) => return Err(CallError::DeadlineExceeded { sent: true }),
                Ok(None) => return Ok((Some(first.freeze()), None)),
                Ok(Some(Err(_))) => {
                    return Err(CallError::Unreachable {
                        sent: true,
                        what: "the reply was cut off",
                    });
                }
                Ok(Some(Ok(frame))) => {
                    if let Ok(piece) = frame.into_data() {
                        first.extend_from_slice(&piece);
                    }
                }
            }
        }
        Ok((Some(first.freeze()), Some(body)))
    }
}

fn error_value(headers: &HeaderMap, first: &[u8]) -> serde_json::Value {
    match content_encoding(headers) {
        Encoding::Identity => body_value(first),
        Encoding::Gzip => {
            unzip(first, ERROR_UNZIPPED_MAX_BYTES).map_or(serde_json::Value::Null, |bytes| body_value(&bytes))
        }
        Encoding::Other => serde_json::Value::Null,
    }
}

fn check_method(method: &Method) -> Result<(), CallError> {
    if *method == Method::CONNECT || *method == Method::TRACE {
        return Err(CallError::BadRequest {
            status: 405,
            what: "the proxy passes GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS".to_owned(),
        });
    }
    Ok(())
}

fn target(
    configured: &Configured,
    connection: &Connection,
    path_and_query: &str,
) -> Result<String, CallError> {
    let document = &configured.document;
    let (path, query) = match path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path_and_query, None),
    };
    let path = caller_path(path)?;
    let path = if document.proxy_allows(path.as_str()) {
        path
    } else if document.proxy.default_base {
        let base = document.base_path(configured.api_version(connection.api_version.as_deref()));
        // A path that begins as the provider's own do is meant as it stands: one that is not listed is refused.
        if first_segment(path.as_str()) == first_segment(&base) {
            return Err(PathError::NotListed.into());
        }
        let below = path.below(&base);
        if !document.proxy_allows(below.as_str()) {
            return Err(PathError::NotListed.into());
        }
        below
    } else {
        return Err(PathError::NotListed.into());
    };
    let mut target = path.as_str().to_owned();
    if let Some(query) = query {
        target.push('?');
        target.push_str(&paths::raw_query(query)?);
    }
    Ok(target)
}

fn first_segment(path: &str) -> Option<&str> {
    path.split('/').find(|segment| !segment.is_empty())
}

fn request_headers(configured: &Configured, given: &HeaderMap) -> Result<HeaderMap, CallError> {
    let document = &configured.document;
    let mut headers = HeaderMap::with_capacity(given.len() + 4);
    headers.insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_TEXT));
    add_document_headers(document, &mut headers)?;
    let named = named_in_connection(given);
    for name in given.keys() {
        let text = name.as_str();
        let passes = document
            .proxy
            .request_headers
            .iter()
            .any(|rule| matches_rule(rule, text))
            && !NEVER_SENT.contains(&text)
            && !text.starts_with("x-forwarded-")
            && !text.contains('_')
            && !is_hop_by_hop(text, &named);
        if !passes {
            continue;
        }
        headers.remove(name);
        for value in given.get_all(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    Ok(headers)
}

fn response_headers(configured: &Configured, given: &HeaderMap) -> HeaderMap {
    let dropped = &configured.document.proxy.response_headers_dropped;
    let named = named_in_connection(given);
    let mut headers = HeaderMap::with_capacity(given.len());
    for (name, value) in given {
        let text = name.as_str();
        let passes = !dropped.iter().any(|rule| matches_rule(rule, text))
            && name != SET_COOKIE
            && !is_hop_by_hop(text, &named);
        if passes {
            headers.append(name.clone(), value.clone());
        }
    }
    headers
}

/// A rule is a lower-case name; a final `*` stands for any rest.
fn matches_rule(rule: &str, name: &str) -> bool {
    match rule.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => rule == name,
    }
}

fn is_hop_by_hop(name: &str, named: &[HeaderName]) -> bool {
    HOP_BY_HOP.contains(&name) || named.iter().any(|other| other.as_str() == name)
}

/// The fields that `Connection` declares to be for one hop.
fn named_in_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .collect()
}

#[cfg(test)]
mod tests;
