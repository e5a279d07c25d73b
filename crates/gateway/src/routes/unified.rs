//! `/unified/crm/{resource}`: records in one shape, whatever the CRM.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use unified::Outcome;

use super::{Path, for_connection};
use crate::access::ConnectionCall;
use crate::body;
use crate::headers::{answer, json, minimal_applied, prefers_minimal};
use crate::problem::Problem;
use crate::state::{App, Gateway};

pub(crate) async fn list(
    State(app): State<App>,
    Path(resource): Path<String>,
    headers: HeaderMap,
    call: ConnectionCall,
) -> Result<Response, Problem> {
    let work = app
        .unified
        .list(&call.tenant, &call.connection, &resource, &call.parameters);
    respond(
        &app,
        StatusCode::OK,
        for_connection(&app, &call, work).await?,
        &headers,
    )
}

pub(crate) async fn read(
    State(app): State<App>,
    Path((resource, id)): Path<(String, String)>,
    headers: HeaderMap,
    call: ConnectionCall,
) -> Result<Response, Problem> {
    let work = app
        .unified
        .get(&call.tenant, &call.connection, &resource, &id, &call.parameters);
    respond(
        &app,
        StatusCode::OK,
        for_connection(&app, &call, work).await?,
        &headers,
    )
}

pub(crate) async fn create(
    State(app): State<App>,
    Path(resource): Path<String>,
    headers: HeaderMap,
    call: ConnectionCall,
    body: Body,
) -> Result<Response, Problem> {
    let record = body::read_json(&headers, body, app.settings.limits.request_body_max_bytes).await?;
    let is_minimal = prefers_minimal(&headers);
    let work = app.unified.create(
        &call.tenant,
        &call.connection,
        &resource,
        &call.parameters,
        record,
        is_minimal,
    );
    let outcome = for_connection(&app, &call, work).await?;
    written(&app, StatusCode::CREATED, outcome, is_minimal)
}

pub(crate) async fn upsert(
    State(app): State<App>,
    Path(resource): Path<String>,
    headers: HeaderMap,
    call: ConnectionCall,
    body: Body,
) -> Result<Response, Problem> {
    let body = body::read_json(&headers, body, app.settings.limits.request_body_max_bytes).await?;
    let is_minimal = prefers_minimal(&headers);
    let work = app.unified.upsert(
        &call.tenant,
        &call.connection,
        &resource,
        &call.parameters,
        body,
        is_minimal,
    );
    let upserted = for_connection(&app, &call, work).await?;
    let status = if upserted.is_created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    written(&app, status, upserted.outcome, is_minimal)
}

pub(crate) async fn batch(
    State(app): State<App>,
    Path(resource): Path<String>,
    headers: HeaderMap,
    call: ConnectionCall,
    body: Body,
) -> Result<Response, Problem> {
    let body = body::read_json(&headers, body, app.settings.limits.request_body_max_bytes).await?;
    let work = app
        .unified
        .batch(&call.tenant, &call.connection, &resource, &call.parameters, body);
    let outcome = for_connection(&app, &call, work).await?;
    respond(&app, StatusCode::MULTI_STATUS, outcome, &HeaderMap::new())
}

pub(crate) async fn update(
    State(app): State<App>,
    Path((resource, id)): Path<(String, String)>,
    headers: HeaderMap,
    call: ConnectionCall,
    body: Body,
) -> Result<Response, Problem> {
    let record = body::read_json(&headers, body, app.settings.limits.request_body_max_bytes).await?;
    let is_minimal = prefers_minimal(&headers);
    let ConnectionCall {
        tenant,
        connection,
        parameters,
        ..
    } = &call;
    let work = app
        .unified
        .update(tenant, connection, &resource, &id, parameters, record, is_minimal);
    let outcome = for_connection(&app, &call, work).await?;
    written(&app, StatusCode::OK, outcome, is_minimal)
}

pub(crate) async fn remove(
    State(app): State<App>,
    Path((resource, id)): Path<(String, String)>,
    call: ConnectionCall,
) -> Result<Response, Problem> {
    let work = app
        .unified
        .delete(&call.tenant, &call.connection, &resource, &id, &call.parameters);
    respond(
        &app,
        StatusCode::OK,
        for_connection(&app, &call, work).await?,
        &HeaderMap::new(),
    )
}

/// The answer to a write. A write is no conditional read: its answer is never 304.
fn written(
    app: &Gateway,
    status: StatusCode,
    outcome: Outcome<serde_json::Value>,
    is_minimal: bool,
) -> Result<Response, Problem> {
    let mut response = respond(app, status, outcome, &HeaderMap::new())?;
    if is_minimal {
        minimal_applied(&mut response);
    }
    Ok(response)
}

fn respond<T: Serialize>(
    app: &Gateway,
    status: StatusCode,
    outcome: Outcome<T>,
    request_headers: &HeaderMap,
) -> Result<Response, Problem> {
    match outcome {
        Outcome::Done(done) => answer(status, &done, request_headers, app.settings.rate_limit_headers),
        Outcome::DryRun(described) => json(StatusCode::OK, &described),
    }
}
