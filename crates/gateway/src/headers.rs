//! Headers of answers: rate limits, entity tags, warnings, preferences.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use provider::{Dialect, rate_limit_headers};
use serde::Serialize;
use unified::Answer;

use crate::code::Code;
use crate::problem::Problem;

/// Warnings of an answer whose body has no place for them: a JSON array of strings, in ASCII.
pub(crate) const WARNINGS_HEADER: HeaderName = HeaderName::from_static("x-crosswalk-warnings");
/// Longest value of it, bytes: proxies before us commonly take 8 KiB of headers in all.
const WARNINGS_MAX_BYTES: usize = 4 << 10;
const PREFER: HeaderName = HeaderName::from_static("prefer");
pub(crate) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// JSON with a status. Nothing of ours is to be kept by caches on the way.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Result<Response, Problem> {
    // Serializing our own types fails only for maps with keys that are not strings: ours have none.
    let body = serde_json::to_vec(value)
        .map_err(|_| Problem::new(Code::Internal, "The answer could not be written."))?;
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// An answer of the pipeline: its value as the body, the rest as headers; 304 when the caller has it already.
pub(crate) fn answer<T: Serialize>(
    status: StatusCode,
    answer: &Answer<T>,
    request_headers: &HeaderMap,
    dialect: Dialect,
) -> Result<Response, Problem> {
    let etag = answer
        .etag
        .as_deref()
        .and_then(|tag| HeaderValue::from_str(tag).ok());
    let is_known = answer
        .etag
        .as_deref()
        .is_some_and(|tag| matches_tag(request_headers, tag));
    let mut response = if is_known && status == StatusCode::OK {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        json(status, &answer.value)?
    };
    let headers = response.headers_mut();
    if let Some(etag) = etag {
        headers.insert(header::ETAG, etag);
        // May be kept by the caller itself, never used without asking.
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-cache"),
        );
    }
    for (name, value) in rate_limit_headers(&answer.quotas, dialect) {
        headers.append(name, value);
    }
    if let Some(value) = warnings(&answer.warnings) {
        headers.insert(WARNINGS_HEADER, value);
    }
    Ok(response)
}

/// Whether `If-None-Match` names this tag, compared weakly (RFC 9110 §13.1.2).
fn matches_tag(headers: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let wanted = opaque(tag);
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|candidate| candidate.trim() == "*" || opaque(candidate) == wanted)
}

/// Warnings as one header value; those that do not fit are counted.
fn warnings(warnings: &[String]) -> Option<HeaderValue> {
    if warnings.is_empty() {
        return None;
    }
    let mut text = String::from("[");
    for (index, warning) in warnings.iter().enumerate() {
        let item = ascii_json(warning);
        if text.len() + item.len() > WARNINGS_MAX_BYTES {
            push_item(
                &mut text,
                &ascii_json(&format!("… and {} more", warnings.len() - index)),
            );
            break;
        }
        push_item(&mut text, &item);
    }
    text.push(']');
    HeaderValue::from_str(&text).ok()
}

fn push_item(text: &mut String, item: &str) {
    if text.len() > 1 {
        text.push(',');
    }
    text.push_str(item);
}

/// A JSON string with everything beyond printable ASCII escaped.
fn ascii_json(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 2);
    written.push('"');
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte @ (b'"' | b'\\')) => {
                written.push('\\');
                written.push(char::from(byte));
            }
            Ok(byte @ b' '..=b'~') => written.push(char::from(byte)),
            _ => {
                use std::fmt::Write;
                // Writing to a `String` does not fail.
                let _ = write!(written, "\\u{unit:04x}");
            }
        }
    }
    written.push('"');
    written
}

/// Whether the caller asked for `Prefer: return=minimal` (RFC 7240 §4.2).
pub(crate) fn prefers_minimal(headers: &HeaderMap) -> bool {
    headers
        .get_all(&PREFER)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|preference| {
            let preference = preference.split(';').next().unwrap_or_default();
            preference.trim().eq_ignore_ascii_case("return=minimal")
        })
}

/// Tells that the preference was followed.
pub(crate) fn minimal_applied(response: &mut Response) {
    response
        .headers_mut()
        .insert(PREFERENCE_APPLIED, HeaderValue::from_static("return=minimal"));
}

#[cfg(test)]
mod tests;
