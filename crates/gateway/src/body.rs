//! Request bodies: read whole within a size and a time, then parsed strictly.

use std::fmt;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::code::Code;
use crate::problem::Problem;

/// Time to send a whole body, ms.
const BODY_READ_MS: u64 = 30_000;
/// Bodies up to this size are read before a handler decides whether it wants them.
const READ_AHEAD_MAX_BYTES: usize = 64 << 10;
/// Deepest nesting of arrays and objects.
const DEPTH_MAX: usize = 64;

/// Reads a body of at most `max_bytes`.
pub(crate) async fn read(headers: &HeaderMap, body: Body, max_bytes: usize) -> Result<Bytes, Problem> {
    let is_compressed = headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if is_compressed {
        // What a few kilobytes inflate to cannot be told beforehand.
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            "Compressed request bodies are not accepted.",
        )
        .allowed(["identity"]));
    }
    if declared_bytes(headers).is_some_and(|length| length > max_bytes as u64) {
        return Err(too_large(max_bytes));
    }
    collect(body, max_bytes).await
}

/// Reads a small body ahead of whoever may want it. A body left unread closes the connection under a caller that has
/// just been told no, and its next request with it.
pub(crate) async fn read_ahead(request: Request) -> Result<Request, Problem> {
    let is_small =
        declared_bytes(request.headers()).is_some_and(|length| length <= READ_AHEAD_MAX_BYTES as u64);
    if !is_small {
        return Ok(request);
    }
    let (head, body) = request.into_parts();
    let bytes = collect(body, READ_AHEAD_MAX_BYTES).await?;
    Ok(Request::from_parts(head, Body::from(bytes)))
}

fn declared_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(max_bytes: usize) -> Problem {
    Problem::new(
        Code::BodyTooLarge,
        format!("The body may have {max_bytes} bytes at most."),
    )
    // What is left of the body is not read: the connection cannot carry another request.
    .header(header::CONNECTION, HeaderValue::from_static("close"))
}

async fn collect(body: Body, max_bytes: usize) -> Result<Bytes, Problem> {
    let collected = tokio::time::timeout(
        Duration::from_millis(BODY_READ_MS),
        Limited::new(body, max_bytes).collect(),
    );
    match collected.await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(max_bytes)),
        Ok(Err(_)) => Err(Problem::new(
            Code::MalformedRequest,
            "The body ended before its announced end.",
        )),
        Err(_) => Err(Problem::new(
            Code::BodyTimeout,
            format!("The body did not arrive within {BODY_READ_MS} ms."),
        )),
    }
}

/// Reads a JSON body; the content type must say `application/json`.
pub(crate) async fn read_json(headers: &HeaderMap, body: Body, max_bytes: usize) -> Result<Value, Problem> {
    if !has_media_type(headers, &["application/json"]) {
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            "The body must be sent as `Content-Type: application/json`.",
        )
        .allowed(["application/json"]));
    }
    parse_json(&read(headers, body, max_bytes).await?)
}

/// Whether the body is said to be of one of these types, parameters such as `charset` aside.
pub(crate) fn has_media_type(headers: &HeaderMap, accepted: &[&str]) -> bool {
    let Some(declared) = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let essence = declared.split(';').next().unwrap_or_default().trim();
    accepted.iter().any(|wanted| essence.eq_ignore_ascii_case(wanted))
}

/// Parses one JSON value: no key twice, at most [`DEPTH_MAX`] levels, nothing after it.
///
/// A key that stands twice is refused because two readers may take different ones (RFC 8259 §4).
pub(crate) fn parse_json(bytes: &[u8]) -> Result<Value, Problem> {
    let invalid = |detail: String| Problem::new(Code::InvalidJson, detail);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(invalid("The body is empty; JSON is expected.".to_owned()));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Strict { depth: 0 }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| invalid(format!("The body is not acceptable JSON: {error}.")))
}

/// Builds a value, refusing what `serde_json::Value` would let pass.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            return Err(E::custom(format_args!("nested deeper than {DEPTH_MAX} levels")));
        }
        Ok(Self {
            depth: self.depth + 1,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut fields = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(inner)?;
            if fields.contains_key(&key) {
                let shown: String = key.chars().take(64).collect();
                return Err(de::Error::custom(format_args!(
                    "the key `{shown}` stands twice in one object"
                )));
            }
            fields.insert(key, value);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests;
