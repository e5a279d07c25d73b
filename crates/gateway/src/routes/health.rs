//! `/livez` and `/readyz`.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, Uri};
use serde_json::{Map, Value, json};
use store::Readiness;
use tokio::time::Instant;

use crate::headers;
use crate::problem::Problem;
use crate::query;
use crate::state::{App, Gateway};

/// How long the store's word is believed, ms: probes must not become a load.
const READINESS_AGE_MS: u64 = 1_000;
/// How long the store may take to answer, ms.
const READINESS_WAIT_MS: u64 = 500;

/// The process answers. Nothing else is asked: a database that is down is not cured by restarting gateways.
pub(crate) async fn live() -> Response {
    (StatusCode::OK, "ok\n").into_response()
}

/// The node may be sent requests. Redis down is a degradation, not a reason to take the node out.
pub(crate) async fn ready(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let is_verbose = query::decode(uri.query())?
        .iter()
        .any(|(name, _)| name == "verbose");
    let is_draining = app.is_draining.load(Ordering::Relaxed);
    let readiness = readiness(&app).await;
    let is_ready = readiness.is_ready() && !is_draining;
    let status = if is_ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    if !is_verbose {
        return Ok((status, if is_ready { "ok\n" } else { "not ready\n" }).into_response());
    }
    let mut checks = Map::new();
    checks.insert("database".to_owned(), check(&readiness.database));
    checks.insert("migrations".to_owned(), check(&readiness.migrations));
    if let Some(redis) = &readiness.redis {
        checks.insert("redis".to_owned(), check(redis));
    }
    checks.insert("draining".to_owned(), Value::from(is_draining));
    headers::json(status, &json!({"ready": is_ready, "checks": checks}))
}

fn check(outcome: &Result<(), String>) -> Value {
    match outcome {
        Ok(()) => Value::from("ok"),
        // The reason is for the log: it may name hosts.
        Err(_) => Value::from("failed"),
    }
}

async fn readiness(app: &Gateway) -> Readiness {
    // Held while asking, so that many probes ask once.
    let mut last = app.readiness.lock().await;
    if let Some((at, readiness)) = &*last
        && at.elapsed() < Duration::from_millis(READINESS_AGE_MS)
    {
        return readiness.clone();
    }
    let asked = tokio::time::timeout(Duration::from_millis(READINESS_WAIT_MS), app.store.readiness()).await;
    let readiness = asked.unwrap_or_else(|_| Readiness {
        database: Err(format!("no answer within {READINESS_WAIT_MS} ms")),
        migrations: Err("not known".to_owned()),
        redis: None,
    });
    for (name, outcome) in [
        ("database", &readiness.database),
        ("migrations", &readiness.migrations),
    ] {
        if let Err(reason) = outcome {
            tracing::warn!(check = name, reason, "the node is not ready");
        }
    }
    *last = Some((Instant::now(), readiness.clone()));
    readiness
}
