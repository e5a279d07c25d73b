//! Errors as `application/problem+json` (RFC 9457), one shape for everything that can go wrong.
//!
//! A handler answers a [`Problem`]; the layer `observe` writes it out, because only there is the request id known.
//! Besides RFC 9457's members the document carries `statusCode`, `error` and `message`, which callers of older unified
//! APIs read.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use model::ConnectionId;
use provider::{Dialect, QuotaReading, rate_limit_headers};
use serde_json::{Map, Value, json};

use crate::code::Code;
use crate::redact::{redact_json, redact_text};

/// Most of a provider's error body that is shown, bytes.
const UPSTREAM_BODY_MAX_BYTES: usize = 64 << 10;
const MEDIA_TYPE: &str = "application/problem+json";

/// An error on its way to the caller.
#[derive(Debug, Clone)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    code: Code,
    status: StatusCode,
    detail: String,
    is_retryable: bool,
    is_remote: bool,
    upstream: Option<Upstream>,
    fields: Vec<String>,
    allowed: Vec<String>,
    /// Ids of records that the provider thinks the same as the one to be written.
    duplicates: Vec<String>,
    errors: Vec<Value>,
    violated_policies: Vec<String>,
    connection_id: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    quotas: Vec<QuotaReading>,
}

/// What the provider said.
#[derive(Debug, Clone, Default)]
pub(crate) struct Upstream {
    /// Which provider, when the error tells.
    pub(crate) provider: Option<String>,
    /// Its status, when it answered.
    pub(crate) status: Option<u16>,
    /// Its own code.
    pub(crate) code: Option<String>,
    /// Its body.
    pub(crate) body: Option<Bytes>,
}

/// What only the edge knows about the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestFacts<'a> {
    /// `req_…`
    pub(crate) request_id: &'a str,
    /// From the caller's `traceparent`, when it sent one.
    pub(crate) trace_id: Option<&'a str>,
    /// Where this gateway is reached: the documentation stands there.
    pub(crate) public_url: &'a str,
    /// Which rate-limit header families are written.
    pub(crate) dialect: Dialect,
}

impl Problem {
    /// A problem with its code's usual status; `detail` is for a person and names what was wrong.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            status: code.status(),
            detail: detail.into(),
            is_retryable: code.is_retryable(),
            is_remote: false,
            upstream: None,
            fields: Vec::new(),
            allowed: Vec::new(),
            duplicates: Vec::new(),
            errors: Vec::new(),
            violated_policies: Vec::new(),
            connection_id: None,
            headers: Vec::new(),
            quotas: Vec::new(),
        }))
    }

    pub(crate) fn code(&self) -> Code {
        self.0.code
    }

    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    pub(crate) fn is_retryable(&self) -> bool {
        self.0.is_retryable
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Whether the provider refused for good: the same request would be refused again.
    pub(crate) fn is_final_refusal(&self) -> bool {
        let upstream_status = self.0.upstream.as_ref().and_then(|upstream| upstream.status);
        let is_refused = upstream_status.is_some_and(|status| (400..500).contains(&status));
        self.0.is_remote && is_refused && !self.0.is_retryable && self.0.code != Code::NeedsReauth
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    pub(crate) fn retryable(mut self, is_retryable: bool) -> Self {
        self.0.is_retryable = is_retryable;
        self
    }

    /// Says that the provider spoke, or failed to.
    pub(crate) fn remote(mut self, upstream: Option<Upstream>) -> Self {
        self.0.is_remote = true;
        self.0.upstream = upstream;
        self
    }

    pub(crate) fn fields(mut self, fields: impl IntoIterator<Item = String>) -> Self {
        self.0.fields.extend(fields);
        self
    }

    pub(crate) fn allowed<T: Into<String>>(mut self, allowed: impl IntoIterator<Item = T>) -> Self {
        self.0.allowed.extend(allowed.into_iter().map(Into::into));
        self
    }

    pub(crate) fn duplicates(mut self, ids: Vec<String>) -> Self {
        self.0.duplicates = ids;
        self
    }

    pub(crate) fn errors(mut self, errors: Vec<Value>) -> Self {
        self.0.errors = errors;
        self
    }

    pub(crate) fn violated_policies(mut self, policies: Vec<String>) -> Self {
        self.0.violated_policies = policies;
        self
    }

    /// Names the connection when it must be connected again: what a connect session takes.
    pub(crate) fn about_connection(mut self, id: &ConnectionId) -> Self {
        if self.0.code == Code::NeedsReauth {
            self.0.connection_id = Some(id.to_string());
        }
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// What the provider told about its limits along with the error.
    pub(crate) fn quotas(mut self, quotas: Vec<QuotaReading>) -> Self {
        self.0.quotas = quotas;
        self
    }

    /// Seconds to wait; rounded up to one, because `Retry-After: 0` makes callers spin.
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// The document, as the caller gets it.
    pub(crate) fn document(&self, facts: &RequestFacts<'_>) -> Value {
        let Parts {
            code, status, detail, ..
        } = &*self.0;
        let docs = format!("{}/docs#{}", facts.public_url.trim_end_matches('/'), code.name());
        let reason = status.canonical_reason().unwrap_or("Error");
        let mut document = Map::new();
        let mut put = |key: &str, value: Value| document.insert(key.to_owned(), value);
        put("type", json!(docs));
        put("title", json!(code.title()));
        put("status", json!(status.as_u16()));
        put("detail", json!(detail));
        put(
            "instance",
            json!(format!("urn:crosswalk:request:{}", facts.request_id)),
        );
        put("code", json!(code.name()));
        put("retryable", json!(self.0.is_retryable));
        put("is_remote_error", json!(self.0.is_remote));
        put("request_id", json!(facts.request_id));
        if let Some(trace_id) = facts.trace_id {
            put("trace_id", json!(trace_id));
        }
        for (key, list) in [
            ("fields", &self.0.fields),
            ("allowed", &self.0.allowed),
            ("duplicates", &self.0.duplicates),
            ("violated-policies", &self.0.violated_policies),
        ] {
            if !list.is_empty() {
                put(key, json!(list));
            }
        }
        if !self.0.errors.is_empty() {
            put("errors", json!(self.0.errors));
        }
        if let Some(connection_id) = &self.0.connection_id {
            put("connection_id", json!(connection_id));
        }
        if let Some(upstream) = &self.0.upstream {
            put("upstream", upstream.document());
        }
        put("remedy", json!(code.remedy()));
        put("docs", json!(docs));
        put("statusCode", json!(status.as_u16()));
        put("error", json!(reason));
        put("message", json!(detail));
        Value::Object(document)
    }

    /// The whole response.
    pub(crate) fn render(&self, facts: &RequestFacts<'_>) -> Response {
        let body = self.document(facts).to_string();
        let mut response = (self.0.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in &self.0.headers {
            headers.append(name.clone(), value.clone());
        }
        for (name, value) in rate_limit_headers(&self.0.quotas, facts.dialect) {
            headers.append(name, value);
        }
        response
    }
}

impl Upstream {
    fn document(&self) -> Value {
        let mut document = Map::new();
        document.insert("provider".to_owned(), json!(self.provider));
        document.insert("status".to_owned(), json!(self.status));
        document.insert("code".to_owned(), json!(self.code));
        if let Some(body) = &self.body {
            let truncated = body.len() > UPSTREAM_BODY_MAX_BYTES;
            match serde_json::from_slice::<Value>(body) {
                Ok(mut value) if !truncated => {
                    redact_json(&mut value);
                    document.insert("body".to_owned(), value);
                }
                _ => {
                    let shown = &body[..body.len().min(UPSTREAM_BODY_MAX_BYTES)];
                    let text = redact_text(&String::from_utf8_lossy(shown));
                    document.insert("body_text".to_owned(), json!(text));
                }
            }
            document.insert("truncated".to_owned(), json!(truncated));
        }
        Value::Object(document)
    }
}

/// An empty response that carries the problem to the layer that writes it.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests;
