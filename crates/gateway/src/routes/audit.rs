//! `/audit` and `/admin/audit`: who changed what.

use axum::extract::State;
use axum::response::Response;
use http::Uri;
use model::{AuditEntryId, TenantId};
use serde_json::{Value, json};
use store::AuditEntry;

use super::page;
use crate::access::{OperatorCall, TenantCall};
use crate::code::Code;
use crate::problem::Problem;
use crate::query::Known;
use crate::state::App;
use crate::time::iso;

const PAGE_DEFAULT: u32 = 100;
const PAGE_MAX: u32 = 200;

pub(crate) async fn list(State(app): State<App>, uri: Uri, call: TenantCall) -> Result<Response, Problem> {
    let known = Known::read(uri.query(), &["limit", "cursor"])?;
    let limit = known.limit(PAGE_DEFAULT, PAGE_MAX)?;
    let before = before(&known)?;
    // One more than asked for tells whether there is a next page.
    let found = app
        .store
        .list_audit(&call.tenant, before.as_ref(), limit + 1)
        .await?;
    page(found, limit, |entry| entry.id.to_string(), view)
}

pub(crate) async fn list_all(
    State(app): State<App>,
    uri: Uri,
    call: OperatorCall,
) -> Result<Response, Problem> {
    let known = Known::read(uri.query(), &["limit", "cursor", "tenant_id"])?;
    let limit = known.limit(PAGE_DEFAULT, PAGE_MAX)?;
    let before = before(&known)?;
    let tenant = known.get("tenant_id").map(TenantId::parse).transpose();
    let tenant = tenant.map_err(|_| Problem::new(Code::ResourceNotFound, "There is no such tenant."))?;
    let found = app
        .store
        .list_all_audit(&call.0, tenant.as_ref(), before.as_ref(), limit + 1)
        .await?;
    page(found, limit, |entry| entry.id.to_string(), view)
}

/// The id of the last entry seen: nothing that is a secret, and nothing that grants anything.
fn before(known: &Known) -> Result<Option<AuditEntryId>, Problem> {
    let before = known.get("cursor").map(AuditEntryId::parse).transpose();
    before.map_err(|_| Problem::new(Code::InvalidCursor, "The cursor does not belong to this request."))
}

fn view(entry: &AuditEntry) -> Value {
    json!({
        "id": entry.id,
        "timestamp": iso(entry.created_at_ms),
        "actor": entry.actor,
        "action": entry.action,
        "path": entry.path,
        "subject": entry.subject,
        "tenant_id": entry.tenant_id,
        "status": entry.status,
        "request_id": entry.request_id,
    })
}
