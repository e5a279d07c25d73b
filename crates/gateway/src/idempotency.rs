//! `Idempotency-Key` on every route that writes records (draft-ietf-httpapi-idempotency-key-header-07).
//!
//! ```text
//! authenticate → claim the key → the route's handler, on a task of its own → settle the key → answer
//! ```
//!
//! A layer around the routes rather than a call in each handler, so that no new route is without it. What is decided at
//! the end rests on what was handed to the network ([`provider::WriteTally`]), not on which error came back: an answer
//! that reached the provider is kept, a refusal before that frees the key, and what may have been carried out without
//! an answer is never sent again.

mod answer;
mod key;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::FutureExt;
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use http_body_util::BodyExt;
use model::RequestId;
use provider::{WriteTally, tally_writes};
use store::{HeldKey, IdempotencyClaim, IdempotencyOutcome, IdempotencyRequest, StoreError};

use crate::access::{ConnectionCall, missing_connection};
use crate::body;
use crate::code::Code;
use crate::observe::{panicked, trace_id};
use crate::problem::{Problem, RequestFacts};
use crate::state::{App, Gateway};

/// Names a write.
pub(crate) const KEY_HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Time a write's outcome has to be stored once the write has ended, ms.
const SETTLE_MS: u64 = 5_000;
/// When a request whose key is in use may try again, s: most writes take less.
const IN_USE_RETRY_AFTER_S: u64 = 1;

/// A call that the layer has admitted already, for the handler's extractor to take.
#[derive(Clone)]
pub(crate) struct Admitted(Arc<Mutex<Option<ConnectionCall>>>);

impl Admitted {
    pub(crate) fn take(&self) -> Option<ConnectionCall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Makes a write once for all requests that name one key.
pub(crate) async fn once(State(app): State<App>, request: Request, next: Next) -> Response {
    if !request.headers().contains_key(&KEY_HEADER) {
        let (mut response, tally) = tally_writes(next.run(request)).await;
        warn_of_repetition(&mut response, tally);
        return response;
    }
    keyed(&app, request, next)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

async fn keyed(app: &App, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut head, body) = request.into_parts();
    let call = ConnectionCall::from_request_parts(&mut head, app).await?;
    let key = key::read(&head.headers)?;
    let limits = &app.settings.limits;
    let body = body::read(&head.headers, body, limits.request_body_max_bytes).await?;
    let request = IdempotencyRequest {
        key: &key,
        fingerprint: &key::fingerprint(&head, &call, &body),
        lease_ms: limits.request_total_ms.saturating_add(SETTLE_MS),
        keep_ms: u64::try_from(limits.idempotency_ttl_ms).unwrap_or_default(),
    };
    let claim = app
        .store
        .claim_idempotency_key(&call.tenant, &call.connection.id, request);
    let held = match claim.await.map_err(unclaimed)? {
        IdempotencyClaim::Claimed(held) => held,
        IdempotencyClaim::Done { answer } => return answer::replay(&answer),
        other => return Err(refusal(&other)),
    };
    let origin = Origin::of(&head);
    head.extensions.insert(Admitted(Arc::new(Mutex::new(Some(call)))));
    let request = Request::from_parts(head, Body::from(body));
    // On a task of its own: a caller who goes away must not leave the write half made, or its outcome untold.
    let work = write(Arc::clone(app), held, origin, request, next);
    app.writes
        .spawn(work)
        .await
        .map_err(|_| Problem::new(Code::Internal, "The request was stopped."))
}

/// The connection may have been deleted since it was looked up.
fn unclaimed(error: StoreError) -> Problem {
    match error {
        StoreError::NotFound => missing_connection(error),
        other => other.into(),
    }
}

fn refusal(claim: &IdempotencyClaim) -> Problem {
    match claim {
        IdempotencyClaim::UnderWay { .. } => Problem::new(
            Code::IdempotencyKeyInUse,
            "The first request with this `Idempotency-Key` is still under way.",
        )
        .retry_after(IN_USE_RETRY_AFTER_S),
        IdempotencyClaim::OtherRequest => Problem::new(
            Code::IdempotencyKeyReused,
            "This `Idempotency-Key` was sent with another method, path, query or body.",
        ),
        _ => Problem::new(
            Code::OutcomeUnknown,
            "The first request with this `Idempotency-Key` was sent to the provider and had no answer: whether it was carried out is \
             not known. Nothing was sent again.",
        ),
    }
}

/// Makes the write and tells the store what became of it, before anybody is answered.
async fn write(app: App, held: HeldKey, origin: Origin, request: Request, next: Next) -> Response {
    let handled = AssertUnwindSafe(next.run(request)).catch_unwind();
    let (handled, tally) = tally_writes(handled).await;
    let mut response = handled.unwrap_or_else(|_| panicked());
    warn_of_repetition(&mut response, tally);
    let verdict = judge(&response, tally);
    let (response, outcome) = match verdict {
        Verdict::Keep => kept(&app, &origin, response).await,
        Verdict::Unknown => (response, IdempotencyOutcome::Indeterminate),
        Verdict::NothingDone => (response, IdempotencyOutcome::NothingDone),
    };
    if let Err(error) = app.store.settle_idempotency_key(held, outcome).await {
        // The answer is still the truth. A retry hears that the outcome is not known, which repeats nothing.
        tracing::error!(%error, request_id = origin.request_id(), "a write's outcome could not be stored");
    }
    response
}

/// What becomes of a key when its write has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The answer is the answer of every retry.
    Keep,
    /// Something may have been carried out, and the answer does not tell what.
    Unknown,
    /// Nothing was carried out: a retry may succeed.
    NothingDone,
}

fn judge(response: &Response, tally: WriteTally) -> Verdict {
    match response.extensions().get::<Problem>() {
        _ if tally.sent == 0 => Verdict::NothingDone,
        None => Verdict::Keep,
        Some(_) if tally.may_have_changed() => Verdict::Unknown,
        Some(problem) if problem.is_final_refusal() => Verdict::Keep,
        Some(_) => Verdict::NothingDone,
    }
}

/// An error after something may have been carried out must not tell programs to send the write again.
fn warn_of_repetition(response: &mut Response, tally: WriteTally) {
    if tally.may_have_changed()
        && let Some(problem) = response.extensions_mut().remove::<Problem>()
    {
        response.extensions_mut().insert(problem.retryable(false));
    }
}

/// The answer as it is kept, and as it goes out.
async fn kept(app: &Gateway, origin: &Origin, response: Response) -> (Response, IdempotencyOutcome) {
    let max_bytes = app.settings.limits.idempotency_answer_max_bytes;
    if let Some(problem) = response.extensions().get::<Problem>() {
        // Written out here as `observe` will write it.
        let (head, body) = problem.render(&origin.facts(app)).into_parts();
        let answer = match collect(body).await {
            Ok(body) => answer::keep(&head, &body, max_bytes),
            Err(outcome) => return (response, outcome),
        };
        return (response, IdempotencyOutcome::Done { answer });
    }
    let (head, body) = response.into_parts();
    match collect(body).await {
        Ok(body) => {
            let answer = answer::keep(&head, &body, max_bytes);
            let response = Response::from_parts(head, Body::from(body));
            (response, IdempotencyOutcome::Done { answer })
        }
        Err(outcome) => {
            let problem = Problem::new(Code::Internal, "The answer could not be written.");
            (problem.into_response(), outcome)
        }
    }
}

async fn collect(body: Body) -> Result<Bytes, IdempotencyOutcome> {
    let collected = body.collect().await;
    collected
        .map(http_body_util::Collected::to_bytes)
        .map_err(|_| IdempotencyOutcome::Indeterminate)
}

/// What the answer's document says of the request.
struct Origin {
    request_id: Option<RequestId>,
    traceparent: Option<HeaderValue>,
}

impl Origin {
    fn of(head: &Parts) -> Self {
        Self {
            request_id: head.extensions.get::<RequestId>().cloned(),
            traceparent: head.headers.get("traceparent").cloned(),
        }
    }

    fn request_id(&self) -> &str {
        self.request_id.as_ref().map_or("", RequestId::as_str)
    }

    fn facts<'a>(&'a self, app: &'a Gateway) -> RequestFacts<'a> {
        RequestFacts {
            request_id: self.request_id(),
            trace_id: self.traceparent.as_ref().and_then(trace_id),
            public_url: &app.settings.public_url,
            dialect: app.settings.rate_limit_headers,
        }
    }
}

#[cfg(test)]
mod tests;
