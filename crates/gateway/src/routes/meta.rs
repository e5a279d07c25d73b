//! `/unified/meta/crm/{resource}`: how a resource maps for a connection, and where each part comes from.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::{Path, for_connection};
use crate::access::ConnectionCall;
use crate::code::Code;
use crate::headers::json;
use crate::problem::Problem;
use crate::state::App;

pub(crate) async fn read(
    State(app): State<App>,
    Path(resource): Path<String>,
    call: ConnectionCall,
) -> Result<Response, Problem> {
    if let Some((name, _)) = call.parameters.first() {
        let name: String = name.chars().take(64).collect();
        return Err(Problem::new(
            Code::InvalidParameter,
            format!("`{name}` is not a parameter of this route."),
        )
        .fields([name]));
    }
    let merged = for_connection(
        &app,
        &call,
        app.unified.meta(&call.tenant, &call.connection, &resource),
    )
    .await?;
    json(StatusCode::OK, &merged)
}
