//! What is sent. Source: Standard Webhooks 1.0.0, "Payload structure", "Webhook headers" and "Signature scheme".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use model::Secret;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::Sha256;
use store::WebhookEvent;

use crate::USER_AGENT_TEXT;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
/// What a secret begins with; its key follows as base64.
const SECRET_PREFIX: &str = "whsec_";

#[derive(Serialize)]
struct Payload<'a> {
    r#type: &'a str,
    timestamp: String,
    data: Map<String, Value>,
}

/// The body: the same bytes with every attempt.
pub(super) fn body(event: &WebhookEvent) -> Bytes {
    let mut data = match serde_json::from_str(&event.data) {
        Ok(Value::Object(data)) => data,
        // Events of ours hold objects; anything else is passed on under a name.
        Ok(value) => Map::from_iter([("value".to_owned(), value)]),
        Err(_) => Map::from_iter([("value".to_owned(), Value::from(event.data.as_str()))]),
    };
    if let Some(connection_id) = &event.connection_id {
        data.insert("connection_id".to_owned(), Value::from(connection_id.as_str()));
    }
    let at = Timestamp::from_millisecond(event.at_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let payload = Payload {
        r#type: &event.kind,
        timestamp: format!("{at:.3}"),
        data,
    };
    // Only maps with keys that are no texts fail to be written.
    Bytes::from(serde_json::to_vec(&payload).unwrap_or_default())
}

/// `v1,<base64>` of each secret, with a space between; nothing when a secret is none.
pub(super) fn signature(secrets: &[Secret], id: &str, timestamp_s: i64, body: &[u8]) -> Option<String> {
    let mut signatures = Vec::with_capacity(secrets.len());
    for secret in secrets {
        let key = STANDARD
            .decode(secret.expose().strip_prefix(SECRET_PREFIX)?)
            .ok()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        mac.update(format!("{id}.{timestamp_s}.").as_bytes());
        mac.update(body);
        signatures.push(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())));
    }
    (!signatures.is_empty()).then(|| signatures.join(" "))
}

/// The headers; nothing when no secret signs.
pub(super) fn headers(secrets: &[Secret], id: &str, now_ms: i64, body: &[u8]) -> Option<HeaderMap> {
    let timestamp_s = now_ms.div_euclid(1_000);
    let signature = signature(secrets, id, timestamp_s, body)?;
    let mut headers = HeaderMap::with_capacity(5);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_TEXT));
    headers.insert(ID, HeaderValue::from_str(id).ok()?);
    headers.insert(TIMESTAMP, HeaderValue::from(timestamp_s));
    headers.insert(SIGNATURE, HeaderValue::from_str(&signature).ok()?);
    Some(headers)
}
