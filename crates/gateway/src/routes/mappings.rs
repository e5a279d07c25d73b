//! `/mappings` and `/connections/{id}/mappings`: a tenant's own layers over the mappings that ship.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{MappingOverride, OverrideLevel, OverrideVersion, StoreError, Tenant};

use super::{Path, for_connection, invalid_key, json_body, within};
use crate::access::{ConnectionCall, TenantCall, by_id};
use crate::body;
use crate::code::Code;
use crate::headers;
use crate::problem::Problem;
use crate::state::{App, Gateway};
use crate::time::iso;

/// Types a mapping document may come as. JSON is YAML, so one reader serves all.
const MEDIA_TYPES: &[&str] = &[
    "application/yaml",
    "application/json",
    "application/x-yaml",
    "text/yaml",
    "text/x-yaml",
];

/// Which override a route speaks of.
struct Target {
    level: OverrideLevel,
    provider: String,
    resource: String,
}

/// A document to try.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Preview {
    /// YAML or JSON text, as it would be put.
    document: String,
    /// The provider's id of the record to try it on; without it, the first one found.
    record_id: Option<String>,
}

/// Which version to go back to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    version: i64,
}

pub(crate) async fn list(State(app): State<App>, call: TenantCall) -> Result<Response, Problem> {
    let kept = app.store.list_overrides(&call.tenant).await?;
    let result: Vec<Value> = kept.iter().map(view).collect();
    headers::json(
        StatusCode::OK,
        &json!({"result_count": result.len(), "result": result, "next_cursor": null}),
    )
}

pub(crate) async fn read(
    State(app): State<App>,
    Path(path): Path<(String, String)>,
    call: TenantCall,
) -> Result<Response, Problem> {
    show(&app, &call.tenant, &of_tenant(&app, path)?).await
}

pub(crate) async fn read_own(
    State(app): State<App>,
    Path(path): Path<(String, String)>,
    call: TenantCall,
) -> Result<Response, Problem> {
    show(
        &app,
        &call.tenant,
        &of_connection(&app, &call.tenant, path).await?,
    )
    .await
}

pub(crate) async fn write(
    State(app): State<App>,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
    call: TenantCall,
    body: Body,
) -> Result<Response, Problem> {
    let target = of_tenant(&app, path)?;
    keep(
        &app,
        &call.tenant,
        &target,
        &document(&app, &headers, body).await?,
    )
    .await
}

pub(crate) async fn write_own(
    State(app): State<App>,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
    call: TenantCall,
    body: Body,
) -> Result<Response, Problem> {
    let target = of_connection(&app, &call.tenant, path).await?;
    keep(
        &app,
        &call.tenant,
        &target,
        &document(&app, &headers, body).await?,
    )
    .await
}

pub(crate) async fn remove(
    State(app): State<App>,
    Path(path): Path<(String, String)>,
    call: TenantCall,
) -> Result<Response, Problem> {
    take_back(&app, &call.tenant, &of_tenant(&app, path)?).await
}

pub(crate) async fn remove_own(
    State(app): State<App>,
    Path(path): Path<(String, String)>,
    call: TenantCall,
) -> Result<Response, Problem> {
    take_back(
        &app,
        &call.tenant,
        &of_connection(&app, &call.tenant, path).await?,
    )
    .await
}

pub(crate) async fn history(
    State(app): State<App>,
    Path(path): Path<(String, String)>,
    call: TenantCall,
) -> Result<Response, Problem> {
    versions(&app, &call.tenant, &of_tenant(&app, path)?).await
}

pub(crate) async fn history_own(
    State(app): State<App>,
    Path(path): Path<(String, String)>,
    call: TenantCall,
) -> Result<Response, Problem> {
    versions(
        &app,
        &call.tenant,
        &of_connection(&app, &call.tenant, path).await?,
    )
    .await
}

pub(crate) async fn roll_back(
    State(app): State<App>,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
    call: TenantCall,
    body: Body,
) -> Result<Response, Problem> {
    let target = of_tenant(&app, path)?;
    restore(&app, &call.tenant, &target, &headers, body).await
}

pub(crate) async fn roll_back_own(
    State(app): State<App>,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
    call: TenantCall,
    body: Body,
) -> Result<Response, Problem> {
    let target = of_connection(&app, &call.tenant, path).await?;
    restore(&app, &call.tenant, &target, &headers, body).await
}

/// A tenant's document is tried on a record of the connection that the request chooses.
pub(crate) async fn preview(
    State(app): State<App>,
    Path((provider, resource)): Path<(String, String)>,
    headers: HeaderMap,
    call: ConnectionCall,
    body: Body,
) -> Result<Response, Problem> {
    if call.connection.provider != provider {
        return Err(Problem::new(
            Code::InvalidParameter,
            format!(
                "The chosen connection's provider is `{}`, not the one in the path.",
                call.connection.provider
            ),
        ));
    }
    let tried: Preview = json_body(&app, &headers, body).await?;
    let level = OverrideLevel::Tenant;
    let work = app.unified.preview(
        &call.tenant,
        &call.connection,
        &resource,
        &tried.document,
        &level,
        tried.record_id.as_deref(),
    );
    headers::json(StatusCode::OK, &for_connection(&app, &call, work).await?)
}

pub(crate) async fn preview_own(
    State(app): State<App>,
    Path((id, resource)): Path<(String, String)>,
    headers: HeaderMap,
    call: TenantCall,
    body: Body,
) -> Result<Response, Problem> {
    let connection = by_id(&app, &call.tenant, &id).await?;
    let tried: Preview = json_body(&app, &headers, body).await?;
    let _permit = app
        .permits
        .connection(call.permit, connection.id.as_str())
        .await?;
    let level = OverrideLevel::Connection(connection.id.clone());
    let work = app.unified.preview(
        &call.tenant,
        &connection,
        &resource,
        &tried.document,
        &level,
        tried.record_id.as_deref(),
    );
    headers::json(StatusCode::OK, &within(&app, work).await?)
}

fn of_tenant(app: &Gateway, (provider, resource): (String, String)) -> Result<Target, Problem> {
    known_provider(app, &provider)?;
    Ok(Target {
        level: OverrideLevel::Tenant,
        provider,
        resource,
    })
}

async fn of_connection(
    app: &Gateway,
    tenant: &Tenant,
    (id, resource): (String, String),
) -> Result<Target, Problem> {
    let connection = by_id(app, tenant, &id).await?;
    Ok(Target {
        level: OverrideLevel::Connection(connection.id.clone()),
        provider: connection.provider.clone(),
        resource,
    })
}

/// An override may only be made for a provider that is there: its name would otherwise be any text.
pub(super) fn known_provider(app: &Gateway, provider: &str) -> Result<(), Problem> {
    if app.catalog.provider(provider).is_some() {
        return Ok(());
    }
    Err(Problem::new(Code::UnknownProvider, "There is no such provider.")
        .allowed(app.catalog.provider_names()))
}

async fn document(app: &Gateway, headers: &HeaderMap, body: Body) -> Result<String, Problem> {
    if !body::has_media_type(headers, MEDIA_TYPES) {
        return Err(
            Problem::new(Code::UnsupportedMediaType, "A mapping is sent as YAML or JSON.")
                .allowed(MEDIA_TYPES.iter().copied()),
        );
    }
    let bytes = body::read(headers, body, app.settings.limits.mapping_document_max_bytes).await?;
    String::from_utf8(bytes.into()).map_err(|_| Problem::new(Code::InvalidBody, "The document is not UTF-8."))
}

async fn show(app: &Gateway, tenant: &Tenant, target: &Target) -> Result<Response, Problem> {
    let kept = app
        .store
        .get_override(tenant, &target.level, &target.provider, &target.resource)
        .await;
    headers::json(StatusCode::OK, &view(&kept.map_err(no_override)?))
}

async fn keep(app: &Gateway, tenant: &Tenant, target: &Target, document: &str) -> Result<Response, Problem> {
    app.unified
        .check_override(&target.provider, &target.resource, document)?;
    let kept = app
        .store
        .put_override(
            tenant,
            &target.level,
            &target.provider,
            &target.resource,
            document,
        )
        .await?;
    headers::json(StatusCode::OK, &view(&kept))
}

async fn take_back(app: &Gateway, tenant: &Tenant, target: &Target) -> Result<Response, Problem> {
    let was_there = app
        .store
        .delete_override(tenant, &target.level, &target.provider, &target.resource)
        .await?;
    if was_there {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(no_override(StoreError::NotFound))
    }
}

async fn versions(app: &Gateway, tenant: &Tenant, target: &Target) -> Result<Response, Problem> {
    let versions = app
        .store
        .override_history(tenant, &target.level, &target.provider, &target.resource)
        .await?;
    let result: Vec<Value> = versions.iter().map(version_view).collect();
    headers::json(
        StatusCode::OK,
        &json!({"result_count": result.len(), "result": result, "next_cursor": null}),
    )
}

/// Puts the document of an earlier version again: a version of its own, checked as any other that is put, since documents
/// below it may have changed since.
async fn restore(
    app: &Gateway,
    tenant: &Tenant,
    target: &Target,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let wanted: Rollback = json_body(app, headers, body).await?;
    let Target {
        level,
        provider,
        resource,
    } = target;
    let found = app
        .store
        .override_version(tenant, level, provider, resource, wanted.version)
        .await;
    let found = found.map_err(|error| match error {
        StoreError::NotFound => Problem::new(
            Code::ResourceNotFound,
            format!("This override has no version {}.", wanted.version),
        ),
        other => other.into(),
    })?;
    match found.document {
        Some(document) => keep(app, tenant, target, &document).await,
        None => Err(invalid_key(
            "version",
            format!(
                "Version {} took the override back: DELETE does that again.",
                wanted.version
            ),
        )),
    }
}

fn no_override(error: StoreError) -> Problem {
    match error {
        StoreError::NotFound => Problem::new(Code::ResourceNotFound, "There is no such mapping override."),
        other => other.into(),
    }
}

fn view(kept: &MappingOverride) -> Value {
    let (level, connection_id) = match &kept.level {
        OverrideLevel::Tenant => ("tenant", None),
        OverrideLevel::Connection(id) => ("connection", Some(id)),
    };
    json!({
        "id": kept.id,
        "level": level,
        "connection_id": connection_id,
        "provider": kept.provider,
        "resource": kept.resource,
        "version": kept.version,
        "document": kept.document,
        "updated_at": iso(kept.updated_at_ms),
    })
}

fn version_view(version: &OverrideVersion) -> Value {
    json!({
        "version": version.version,
        "document": version.document,
        "created_at": iso(version.created_at_ms),
    })
}
