//! `/unified/crm/{resource}`: records in one shape, whatever the CRM.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::Value;
use unified::Outcome;

use super::{Path, for_connection, no_parameters};
use crate::access::ConnectionCall;
use crate::body;
use crate::headers::{answer, json, minimal_applied, prefers_minimal};
use crate::problem::Problem;
use crate::state::{App, Gateway};

/// The resource that a path names, and the record's id where it names one. An object of the customer's own is a resource
/// as others are: `custom_objects/{name}`.
pub(crate) struct Target {
    resource: String,
    id: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Target {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(mut named) = Path::<BTreeMap<String, String>>::from_request_parts(parts, state).await?;
        let mut take = |name: &str| named.remove(name);
        let resource = match take("object") {
            Some(object) => format!("custom_objects/{object}"),
            None => take("resource").unwrap_or_default(),
        };
        Ok(Self {
            resource,
            id: take("id").unwrap_or_default(),
        })
    }
}

/// The body of a write, and whether the caller wants no more of the record back than its id.
pub(crate) struct Written {
    json: Value,
    is_minimal: bool,
}

impl FromRequest<App> for Written {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        let max_bytes = app.settings.limits.request_body_max_bytes;
        Ok(Self {
            json: body::read_json(&head.headers, body, max_bytes).await?,
            is_minimal: prefers_minimal(&head.headers),
        })
    }
}

pub(crate) async fn list(
    State(app): State<App>,
    Target { resource, .. }: Target,
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
    Target { resource, id }: Target,
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
    Target { resource, .. }: Target,
    call: ConnectionCall,
    Written { json, is_minimal }: Written,
) -> Result<Response, Problem> {
    let work = app.unified.create(
        &call.tenant,
        &call.connection,
        &resource,
        &call.parameters,
        json,
        is_minimal,
    );
    let outcome = for_connection(&app, &call, work).await?;
    written(&app, StatusCode::CREATED, outcome, is_minimal)
}

pub(crate) async fn upsert(
    State(app): State<App>,
    Target { resource, .. }: Target,
    call: ConnectionCall,
    Written { json, is_minimal }: Written,
) -> Result<Response, Problem> {
    let work = app.unified.upsert(
        &call.tenant,
        &call.connection,
        &resource,
        &call.parameters,
        json,
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
    Target { resource, .. }: Target,
    call: ConnectionCall,
    Written { json, .. }: Written,
) -> Result<Response, Problem> {
    let work = app
        .unified
        .batch(&call.tenant, &call.connection, &resource, &call.parameters, json);
    let outcome = for_connection(&app, &call, work).await?;
    respond(&app, StatusCode::MULTI_STATUS, outcome, &HeaderMap::new())
}

pub(crate) async fn update(
    State(app): State<App>,
    Target { resource, id }: Target,
    call: ConnectionCall,
    Written { json, is_minimal }: Written,
) -> Result<Response, Problem> {
    let ConnectionCall {
        tenant,
        connection,
        parameters,
        ..
    } = &call;
    let work = app
        .unified
        .update(tenant, connection, &resource, &id, parameters, json, is_minimal);
    let outcome = for_connection(&app, &call, work).await?;
    written(&app, StatusCode::OK, outcome, is_minimal)
}

pub(crate) async fn convert(
    State(app): State<App>,
    Target { resource, id }: Target,
    call: ConnectionCall,
    Written { json, is_minimal }: Written,
) -> Result<Response, Problem> {
    let ConnectionCall {
        tenant,
        connection,
        parameters,
        ..
    } = &call;
    let work = app
        .unified
        .convert(tenant, connection, &resource, &id, parameters, json, is_minimal);
    let outcome = for_connection(&app, &call, work).await?;
    written(&app, StatusCode::OK, outcome, is_minimal)
}

pub(crate) async fn remove(
    State(app): State<App>,
    Target { resource, id }: Target,
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

pub(crate) async fn fields(State(app): State<App>, call: ConnectionCall) -> Result<Response, Problem> {
    let work = app
        .unified
        .fields(&call.tenant, &call.connection, &call.parameters);
    json(StatusCode::OK, &for_connection(&app, &call, work).await?)
}

pub(crate) async fn object_schemas(
    State(app): State<App>,
    call: ConnectionCall,
) -> Result<Response, Problem> {
    no_parameters(&call)?;
    let work = app.unified.object_schemas(&call.tenant, &call.connection);
    json(StatusCode::OK, &for_connection(&app, &call, work).await?)
}

pub(crate) async fn object_schema(
    State(app): State<App>,
    Path(object): Path<String>,
    call: ConnectionCall,
) -> Result<Response, Problem> {
    no_parameters(&call)?;
    let work = app.unified.object_schema(&call.tenant, &call.connection, &object);
    json(StatusCode::OK, &for_connection(&app, &call, work).await?)
}

/// The answer to a write. A write is no conditional read: its answer is never 304.
fn written(
    app: &Gateway,
    status: StatusCode,
    outcome: Outcome<Value>,
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
