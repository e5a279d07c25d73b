//! `/unified/meta/crm/{resource}`: how a resource maps for a connection, and where each part comes from.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::{Path, for_connection, no_parameters};
use crate::access::ConnectionCall;
use crate::headers::json;
use crate::problem::Problem;
use crate::state::App;

pub(crate) async fn read(
    State(app): State<App>,
    Path(resource): Path<String>,
    call: ConnectionCall,
) -> Result<Response, Problem> {
    no_parameters(&call)?;
    let merged = for_connection(
        &app,
        &call,
        app.unified.meta(&call.tenant, &call.connection, &resource),
    )
    .await?;
    json(StatusCode::OK, &merged)
}
