//! `/connections`: a tenant's connected orgs.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, Uri};
use model::ConnectionId;
use serde_json::{Value, json};
use store::{Connection, ConnectionFilter, ConnectionState};

use super::{Path, page};
use crate::access::{TenantCall, by_id, missing_connection};
use crate::code::Code;
use crate::headers;
use crate::problem::Problem;
use crate::query::Known;
use crate::state::App;
use crate::time::iso;

const PAGE_DEFAULT: u32 = 100;
const PAGE_MAX: u32 = 200;
const STATES: [ConnectionState; 5] = [
    ConnectionState::Pending,
    ConnectionState::Active,
    ConnectionState::Degraded,
    ConnectionState::NeedsReauth,
    ConnectionState::Revoked,
];

pub(crate) async fn list(State(app): State<App>, uri: Uri, call: TenantCall) -> Result<Response, Problem> {
    let known = Known::read(
        uri.query(),
        &["limit", "cursor", "provider", "external_id", "state"],
    )?;
    let limit = known.limit(PAGE_DEFAULT, PAGE_MAX)?;
    let state = known.get("state").map(|text| {
        ConnectionState::parse(text).ok_or_else(|| {
            Problem::new(Code::InvalidParameter, "`state` is not a state of a connection.")
                .fields(["state".to_owned()])
                .allowed(STATES.map(ConnectionState::as_str))
        })
    });
    let filter = ConnectionFilter {
        provider: known.get("provider").map(str::to_owned),
        external_id: known.get("external_id").map(str::to_owned),
        state: state.transpose()?,
    };
    // The id of the last connection seen: nothing that is a secret, and nothing that grants anything.
    let after = known.get("cursor").map(|text| {
        ConnectionId::parse(text)
            .map_err(|_| Problem::new(Code::InvalidCursor, "The cursor does not belong to this request."))
    });
    let after = after.transpose()?;
    // One more than asked for tells whether there is a next page.
    let found = app
        .store
        .list_connections(&call.tenant, filter, after.as_ref(), limit + 1)
        .await?;
    page(found, limit, |connection| connection.id.to_string(), view)
}

pub(crate) async fn read(
    State(app): State<App>,
    Path(id): Path<String>,
    call: TenantCall,
) -> Result<Response, Problem> {
    headers::json(StatusCode::OK, &view(&*by_id(&app, &call.tenant, &id).await?))
}

pub(crate) async fn remove(
    State(app): State<App>,
    Path(id): Path<String>,
    call: TenantCall,
) -> Result<Response, Problem> {
    let connection = by_id(&app, &call.tenant, &id).await?;
    app.providers
        .disconnect(&call.tenant, &connection.id)
        .await
        .map_err(missing_connection)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) async fn quota(
    State(app): State<App>,
    Path(id): Path<String>,
    call: TenantCall,
) -> Result<Response, Problem> {
    let connection = by_id(&app, &call.tenant, &id).await?;
    let (readings, observed_at_ms) = app.providers.quota(&connection.id).unzip();
    headers::json(
        StatusCode::OK,
        &json!({
            "connection_id": connection.id,
            "quotas": readings.unwrap_or_default(),
            "observed_at": observed_at_ms.map(iso),
        }),
    )
}

/// A connection as the API shows it: no credential, and none of our own book-keeping.
pub(crate) fn view(connection: &Connection) -> Value {
    json!({
        "id": connection.id,
        "provider": connection.provider,
        "environment": connection.environment,
        "external_id": connection.external_id,
        "state": connection.state.as_str(),
        "state_reason": connection.state_reason,
        "instance_url": connection.instance_url,
        "account_id": connection.account_id,
        "user_id": connection.user_id,
        "scopes": connection.scopes,
        "api_version": connection.api_version,
        "created_at": iso(connection.created_at_ms),
        "updated_at": iso(connection.updated_at_ms),
    })
}
