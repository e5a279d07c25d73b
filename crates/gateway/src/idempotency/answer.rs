//! An answer as it is kept: a line of JSON for its head, then its body.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::code::Code;
use crate::headers::{PREFERENCE_APPLIED, WARNINGS_HEADER};
use crate::problem::Problem;

/// Says that the answer is the one of an earlier request.
const REPLAYED_HEADER: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Headers that belong to the answer. Others belong to the moment, such as what is left of a rate limit.
const KEPT_HEADERS: [HeaderName; 5] = [
    header::CONTENT_TYPE,
    header::CACHE_CONTROL,
    header::ETAG,
    WARNINGS_HEADER,
    PREFERENCE_APPLIED,
];
const SHORTENED_WARNING: &str = "[\"the answer was too large to keep for retries: only the id is told\"]";

/// How much of the body is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Whole,
    /// Too large: only the id of the one record it told of.
    Id,
    /// Too large, and told of no single record.
    Nothing,
}

#[derive(Serialize, Deserialize)]
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
    kept: Kept,
}

/// Writes an answer to be kept. Of a body beyond `max_bytes` the record's id is kept, or the mere fact of the answer.
pub(super) fn keep(parts: &Parts, body: &[u8], max_bytes: usize) -> Vec<u8> {
    let headers = KEPT_HEADERS.into_iter().filter_map(|name| {
        let value = parts.headers.get(&name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    if body.len() <= max_bytes {
        return written(parts.status, headers.collect(), Kept::Whole, body);
    }
    let id = serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|answer| Some(answer.get("id")?.as_str()?.to_owned()));
    match id {
        Some(id) => {
            let headers = vec![
                (
                    header::CONTENT_TYPE.as_str().to_owned(),
                    "application/json".to_owned(),
                ),
                (header::CACHE_CONTROL.as_str().to_owned(), "no-store".to_owned()),
                (WARNINGS_HEADER.as_str().to_owned(), SHORTENED_WARNING.to_owned()),
            ];
            let body = json!({ "id": id }).to_string();
            written(parts.status, headers, Kept::Id, body.as_bytes())
        }
        None => written(parts.status, Vec::new(), Kept::Nothing, &[]),
    }
}

fn written(status: StatusCode, headers: Vec<(String, String)>, kept: Kept, body: &[u8]) -> Vec<u8> {
    let head = Head {
        status: status.as_u16(),
        headers,
        kept,
    };
    // JSON on one line holds no line feed of its own. `json!` of texts and numbers does not fail.
    let mut answer = json!(head).to_string().into_bytes();
    answer.push(b'\n');
    answer.extend_from_slice(body);
    answer
}

/// The kept answer, as a response of its own.
pub(super) fn replay(answer: &[u8]) -> Result<Response, Problem> {
    let unreadable = || {
        tracing::error!("a kept answer cannot be read");
        Problem::new(Code::Internal, "Something stored cannot be read.")
    };
    let end = answer
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or_else(unreadable)?;
    let (head, body) = answer.split_at(end);
    let head: Head = serde_json::from_slice(head).map_err(|_| unreadable())?;
    let status = StatusCode::from_u16(head.status).map_err(|_| unreadable())?;
    if head.kept == Kept::Nothing {
        return Err(Problem::new(
            Code::AnswerNotKept,
            format!(
                "The first request with this `Idempotency-Key` was answered {status}; its answer was too large to be kept."
            ),
        ));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in &head.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unreadable())?;
        headers.insert(name, HeaderValue::from_str(value).map_err(|_| unreadable())?);
    }
    headers.insert(REPLAYED_HEADER, HeaderValue::from_static("true"));
    let body = Body::from(body.get(1..).unwrap_or_default().to_vec());
    let mut response = (status, body).into_response();
    // The body's own type, not the one the framework takes for bytes.
    *response.headers_mut() = headers;
    Ok(response)
}
