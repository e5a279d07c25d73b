//! One resource per file. A handler parses, calls, answers.

pub(crate) mod admin;
pub(crate) mod audit;
pub(crate) mod connect;
pub(crate) mod connections;
mod cookies;
pub(crate) mod docs;
pub(crate) mod events;
pub(crate) mod grants;
pub(crate) mod health;
pub(crate) mod keyring;
mod mapping_form;
pub(crate) mod mapping_page;
pub(crate) mod mappings;
pub(crate) mod meta;
pub(crate) mod metrics;
pub(crate) mod proxy;
pub(crate) mod unified;
pub(crate) mod webhooks;

use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::access::ConnectionCall;
use crate::body;
use crate::code::Code;
use crate::headers;
use crate::problem::Problem;
use crate::state::Gateway;

/// Parameters of the path, with our own answer when they are not UTF-8.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|path| Self(path.0))
            .map_err(|_| Problem::new(Code::MalformedRequest, "The path holds bytes that are not UTF-8."))
    }
}

/// Answers within `limits.request_total_ms`, or says that it could not.
///
/// The work is boxed before anything waits for it: a pipeline's future is some tens of KiB, and would be copied into that of
/// each caller above.
pub(crate) fn within<T, E: Into<Problem>>(
    app: &Gateway,
    work: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, Problem>> {
    let total_ms = app.settings.limits.request_total_ms;
    let work = Box::pin(work);
    async move {
        let answered = tokio::time::timeout(Duration::from_millis(total_ms), work).await;
        let late = |_| {
            Problem::new(
                Code::DeadlineExceeded,
                format!("The request was not answered within {total_ms} ms."),
            )
        };
        answered.map_err(late)?.map_err(Into::into)
    }
}

/// As [`within`], for a request that chose a connection: an error that needs the customer says which connection it is.
pub(crate) fn for_connection<T, E: Into<Problem>>(
    app: &Gateway,
    call: &ConnectionCall,
    work: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, Problem>> {
    let work = within(app, work);
    async move {
        work.await
            .map_err(|problem| problem.about_connection(&call.connection.id))
    }
}

/// Refuses query parameters on a route that has none.
pub(crate) fn no_parameters(call: &ConnectionCall) -> Result<(), Problem> {
    let Some((name, _)) = call.parameters.first() else {
        return Ok(());
    };
    let name: String = name.chars().take(64).collect();
    Err(Problem::new(
        Code::InvalidParameter,
        format!("`{name}` is not a parameter of this route."),
    )
    .fields([name]))
}

/// The JSON body of a request as the type a management route takes.
pub(crate) async fn json_body<T: DeserializeOwned>(
    app: &Gateway,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    typed(body::read_json(headers, body, app.settings.limits.request_body_max_bytes).await?)
}

/// A JSON body as the type a management route takes; the type refuses unknown keys.
pub(crate) fn typed<T: DeserializeOwned>(body: Value) -> Result<T, Problem> {
    // The message names the key and what is allowed; it quotes values of the caller's own body only.
    serde_json::from_value(body)
        .map_err(|error| Problem::new(Code::InvalidBody, format!("The body is not accepted: {error}.")))
}

/// An error about one key of a body.
pub(crate) fn invalid_key(key: &str, detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidBody, detail).fields([key.to_owned()])
}

/// A page of what the store found: of one row more than the limit, which tells whether there is a next page, the cursor is
/// the id of the last row shown.
fn page<T>(
    mut found: Vec<T>,
    limit: u32,
    id: impl Fn(&T) -> String,
    view: impl Fn(&T) -> Value,
) -> Result<Response, Problem> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = found.len() > limit;
    found.truncate(limit);
    let result: Vec<Value> = found.iter().map(view).collect();
    headers::json(
        StatusCode::OK,
        &json!({
            "result_count": result.len(),
            "result": result,
            "next_cursor": found.last().filter(|_| has_more).map(id),
            "prev_cursor": null,
            "total_count": null,
            "warnings": [],
        }),
    )
}
