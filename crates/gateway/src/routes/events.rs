//! `/events`: what happened to a tenant's connections.

use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use model::{ConnectionId, EventId};
use serde_json::{Value, json};
use store::{Event, EventFilter, StoreError};

use super::{Path, page};
use crate::access::{TenantCall, missing_connection};
use crate::code::Code;
use crate::headers;
use crate::problem::Problem;
use crate::query::Known;
use crate::state::App;
use crate::time::iso;

const PAGE_DEFAULT: u32 = 100;
const PAGE_MAX: u32 = 200;

pub(crate) async fn list(State(app): State<App>, uri: Uri, call: TenantCall) -> Result<Response, Problem> {
    let known = Known::read(uri.query(), &["limit", "cursor", "connection_id", "type"])?;
    let limit = known.limit(PAGE_DEFAULT, PAGE_MAX)?;
    let connection_id = known.get("connection_id").map(ConnectionId::parse).transpose();
    let filter = EventFilter {
        connection_id: connection_id.map_err(|_| missing_connection(StoreError::NotFound))?,
        kind: known.get("type").map(str::to_owned),
    };
    // The id of the last event seen: nothing that is a secret, and nothing that grants anything.
    let before = known.get("cursor").map(EventId::parse).transpose();
    let before = before
        .map_err(|_| Problem::new(Code::InvalidCursor, "The cursor does not belong to this request."))?;
    // One more than asked for tells whether there is a next page.
    let found = app
        .store
        .list_events(&call.tenant, &filter, before.as_ref(), limit + 1)
        .await?;
    page(found, limit, |event| event.id.to_string(), view)
}

pub(crate) async fn read(
    State(app): State<App>,
    Path(id): Path<String>,
    call: TenantCall,
) -> Result<Response, Problem> {
    let missing = || {
        Problem::new(
            Code::ResourceNotFound,
            "No such event; events are kept thirty days.",
        )
    };
    let id = EventId::parse(&id).map_err(|_| missing())?;
    match app.store.event(&call.tenant, &id).await {
        Ok(event) => headers::json(StatusCode::OK, &view(&event)),
        Err(StoreError::NotFound) => Err(missing()),
        Err(error) => Err(error.into()),
    }
}

/// An event as the API shows it.
fn view(event: &Event) -> Value {
    json!({
        "id": event.id,
        "type": event.kind,
        "timestamp": iso(event.created_at_ms),
        "connection_id": event.connection_id,
        // Ours to the last byte; were it not JSON, the text itself would still say what it is.
        "data": serde_json::from_str(&event.data).unwrap_or_else(|_| Value::from(event.data.as_str())),
    })
}
