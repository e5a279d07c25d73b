//! What the simulator has seen: the oracle of the refresh and limit tests.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::http::call::{Call, value_of};

/// How many requests are remembered.
const REMEMBERED: usize = 2_000;
/// How many different routes are counted apart; later ones share `(other)`.
const ROUTES_APART: usize = 10_000;
/// Longest body part remembered, bytes.
const BODY_BYTES: usize = 65_536;
/// Headers whose value is shown as a fingerprint only.
const SECRET_HEADERS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// Numbers that only grow until a reset.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct Counters {
    /// POSTs to the token endpoint by `grant_type`, whatever became of them.
    pub(crate) token_posts: BTreeMap<String, u64>,
    /// Successful token answers by `grant_type`.
    pub(crate) tokens_issued: BTreeMap<String, u64>,
    /// Refresh tokens exchanged for new ones.
    pub(crate) rotations: u64,
    /// Rotated-out refresh tokens presented again.
    pub(crate) reuse_detections: u64,
    /// Grants revoked because of that.
    pub(crate) family_revocations: u64,
    /// "token request is already being processed" answers.
    pub(crate) duplicate_refreshes: u64,
    /// Grants revoked because the user had too many.
    pub(crate) evictions: u64,
    /// Every request beside the control plane's.
    pub(crate) requests_total: u64,
    /// Requests answered with a status of 4xx or 5xx.
    pub(crate) failures: u64,
    /// `METHOD /path` without the query.
    pub(crate) by_route: BTreeMap<String, u64>,
    /// Most requests at once.
    pub(crate) concurrent_max: u64,
    /// Requests under way now.
    pub(crate) concurrent: u64,
    /// Most token requests at once.
    pub(crate) token_concurrent_max: usize,
    /// Authorization codes issued.
    pub(crate) codes_issued: u64,
    /// Numbers of the token requests under way.
    #[serde(skip)]
    token_requests: BTreeSet<u64>,
    #[serde(skip)]
    recent: VecDeque<Value>,
    #[serde(skip)]
    last_number: u64,
}

impl Counters {
    /// Notes a request that has come in; gives its number.
    pub(crate) fn arrive(&mut self, call: &Call, now_ms: i64) -> u64 {
        self.requests_total += 1;
        self.concurrent += 1;
        self.concurrent_max = self.concurrent_max.max(self.concurrent);
        let path = shown_path(call);
        let mut route = format!("{} {path}", call.method);
        if self.by_route.len() >= ROUTES_APART && !self.by_route.contains_key(&route) {
            "(other)".clone_into(&mut route);
        }
        *self.by_route.entry(route).or_default() += 1;
        let form = call.form();
        let grant_type = value_of(&form, "grant_type").map(str::to_owned);
        if is_token_post(call) {
            let grant = grant_type.clone().unwrap_or_else(|| "(none)".to_owned());
            *self.token_posts.entry(grant).or_default() += 1;
            self.token_requests.insert(self.last_number + 1);
            self.token_concurrent_max = self.token_concurrent_max.max(self.token_requests.len());
        }
        self.last_number += 1;
        let mut seen = json!({
            "number": self.last_number, "at_ms": now_ms, "method": call.method, "path": path,
            "query": call.query.iter().map(|(key, value)| json!([key, value])).collect::<Vec<_>>(),
            "headers": headers(call), "body_bytes": call.body.len(), "status": null,
        });
        if call.path.starts_with("/services/oauth2/") || !form.is_empty() {
            seen["grant_type"] = json!(grant_type);
            seen["form_keys"] = form.iter().map(|(key, _)| Value::from(key.as_str())).collect();
            seen["refresh_token"] = json!(value_of(&form, "refresh_token").map(fingerprint));
        } else {
            let part = &call.body[..call.body.len().min(BODY_BYTES)];
            seen["body"] = Value::from(String::from_utf8_lossy(part).into_owned());
        }
        self.recent.push_back(seen);
        if self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
        self.last_number
    }

    /// Notes how a request ended; no status = the connection was cut.
    pub(crate) fn leave(&mut self, number: u64, status: Option<u16>) {
        self.concurrent = self.concurrent.saturating_sub(1);
        self.token_requests.remove(&number);
        if status.is_some_and(|status| status >= 400) {
            self.failures += 1;
        }
        let seen = self.recent.iter_mut().rev().find(|seen| seen["number"] == number);
        if let Some(seen) = seen {
            seen["status"] = json!(status);
        }
    }

    /// Remembered requests whose path begins so, oldest first.
    pub(crate) fn recent(&self, prefix: &str, method: Option<&str>) -> Vec<&Value> {
        self.recent
            .iter()
            .filter(|seen| seen["path"].as_str().is_some_and(|path| path.starts_with(prefix)))
            .filter(|seen| method.is_none_or(|method| seen["method"] == method))
            .collect()
    }

    /// Back to zero; requests under way stay counted as such.
    pub(crate) fn reset(&mut self) {
        *self = Self {
            concurrent: self.concurrent,
            concurrent_max: self.concurrent,
            last_number: self.last_number,
            ..Self::default()
        };
    }
}

/// A POST to a token endpoint.
fn is_token_post(call: &Call) -> bool {
    let path = call.path.trim_end_matches('/');
    call.method == "POST" && ["/services/oauth2/token", "/oauth/v1/token"].contains(&path)
}

/// The path, without the tokens that HubSpot puts into some.
fn shown_path(call: &Call) -> String {
    for prefix in ["/oauth/v1/access-tokens/", "/oauth/v1/refresh-tokens/"] {
        if let Some(token) = call.path.strip_prefix(prefix) {
            return format!("{prefix}redacted:{}", fingerprint(token));
        }
    }
    call.path.clone()
}

/// A short name of a secret: the first twelve characters of its SHA-256.
pub(crate) fn fingerprint(secret: &str) -> String {
    let hash = Sha256::digest(secret.as_bytes());
    let mut text = URL_SAFE_NO_PAD.encode(hash);
    text.truncate(12);
    text
}

fn headers(call: &Call) -> Vec<Value> {
    call.headers
        .iter()
        .map(|(name, value)| {
            let text = String::from_utf8_lossy(value.as_bytes());
            if SECRET_HEADERS.contains(&name.as_str()) {
                let (scheme, secret) = text.split_once(' ').unwrap_or(("", &text));
                json!([
                    name.as_str(),
                    format!("{scheme} redacted:{}", fingerprint(secret)).trim()
                ])
            } else {
                json!([name.as_str(), text])
            }
        })
        .collect()
}
