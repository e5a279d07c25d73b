//! `/admin`: tenants, their keys and the providers, for the operator.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri};
use model::{ApiKeyId, Secret, TenantId};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{ApiKeyRecord, NewApiKey, StoreError, TenantRecord};

use super::{Path, invalid_key, json_body};
use crate::access::{OperatorCall, Scope};
use crate::audit;
use crate::code::Code;
use crate::headers;
use crate::problem::Problem;
use crate::query::Known;
use crate::state::App;
use crate::time::{iso, parse_iso};

/// Longest time that a rotated key still works, s: thirty days.
const GRACE_MAX_S: u64 = 30 * 86_400;
/// Longest name of a tenant or key, characters.
const NAME_MAX_CHARS: usize = 200;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTenant {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKey {
    tenant_id: String,
    name: String,
    #[serde(default)]
    test: bool,
    #[serde(default)]
    scopes: Vec<String>,
    expires_at: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// How long the old key still works, s.
    #[serde(default = "a_day_s")]
    grace_s: u64,
}

const fn a_day_s() -> u64 {
    86_400
}

pub(crate) async fn list_tenants(State(app): State<App>, call: OperatorCall) -> Result<Response, Problem> {
    let tenants = app.store.list_tenants(&call.0).await?;
    listing(&tenants.iter().map(tenant_view).collect::<Vec<_>>())
}

pub(crate) async fn create_tenant(
    State(app): State<App>,
    headers: HeaderMap,
    call: OperatorCall,
    body: Body,
) -> Result<Response, Problem> {
    let new: NewTenant = json_body(&app, &headers, body).await?;
    let tenant = app.store.create_tenant(&call.0, checked_name(&new.name)?).await?;
    let response = headers::json(StatusCode::CREATED, &tenant_view(&tenant))?;
    Ok(audit::about(response, &tenant.id, Some(&tenant.id)))
}

pub(crate) async fn list_keys(
    State(app): State<App>,
    uri: Uri,
    call: OperatorCall,
) -> Result<Response, Problem> {
    let tenant = tenant_parameter(&uri)?;
    let keys = app
        .store
        .list_api_keys(&call.0, &tenant)
        .await
        .map_err(no_tenant)?;
    listing(&keys.iter().map(key_view).collect::<Vec<_>>())
}

pub(crate) async fn create_key(
    State(app): State<App>,
    headers: HeaderMap,
    call: OperatorCall,
    body: Body,
) -> Result<Response, Problem> {
    let new: NewKey = json_body(&app, &headers, body).await?;
    let tenant = TenantId::parse(&new.tenant_id).map_err(|_| no_tenant(StoreError::NotFound))?;
    if let Some(unknown) = new
        .scopes
        .iter()
        .find(|name| Scope::ALL.iter().all(|scope| scope.name() != **name))
    {
        let unknown: String = unknown.chars().take(64).collect();
        return Err(invalid_key("scopes", format!("`{unknown}` is not a scope."))
            .allowed(Scope::ALL.iter().map(|scope| scope.name())));
    }
    let expires_at_ms = new.expires_at.as_deref().map(|text| {
        parse_iso(text)
            .filter(|at_ms| *at_ms > app.clock.now_ms())
            .ok_or_else(|| {
                invalid_key(
                    "expires_at",
                    "`expires_at` must be a future instant, as `2027-05-01T00:00:00Z`.",
                )
            })
    });
    let new = NewApiKey {
        name: checked_name(&new.name)?.to_owned(),
        test: new.test,
        scopes: new.scopes,
        expires_at_ms: expires_at_ms.transpose()?,
    };
    let (record, secret) = app
        .store
        .create_api_key(&call.0, &tenant, new)
        .await
        .map_err(no_tenant)?;
    with_secret(&record, &secret, &tenant)
}

/// The one time that a key is shown: the store keeps a hash.
fn with_secret(record: &ApiKeyRecord, secret: &Secret, tenant: &TenantId) -> Result<Response, Problem> {
    let mut view = key_view(record);
    view["key"] = Value::from(secret.expose());
    let response = headers::json(StatusCode::CREATED, &view)?;
    Ok(audit::about(response, &record.id, Some(tenant)))
}

pub(crate) async fn rotate_key(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    call: OperatorCall,
    body: Body,
) -> Result<Response, Problem> {
    let tenant = tenant_parameter(&uri)?;
    let rotation: Rotation = json_body(&app, &headers, body).await?;
    if rotation.grace_s > GRACE_MAX_S {
        return Err(invalid_key(
            "grace_s",
            format!("`grace_s` must be at most {GRACE_MAX_S}: thirty days."),
        ));
    }
    let key = ApiKeyId::parse(&id).map_err(|_| no_key(StoreError::NotFound))?;
    let (record, secret) = app
        .store
        .rotate_api_key(&call.0, &tenant, &key, rotation.grace_s * 1_000)
        .await
        .map_err(no_key)?;
    with_secret(&record, &secret, &tenant)
}

pub(crate) async fn revoke_key(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    call: OperatorCall,
) -> Result<Response, Problem> {
    let tenant = tenant_parameter(&uri)?;
    let key = ApiKeyId::parse(&id).map_err(|_| no_key(StoreError::NotFound))?;
    app.store
        .revoke_api_key(&call.0, &tenant, &key)
        .await
        .map_err(no_key)?;
    Ok(audit::about(
        StatusCode::NO_CONTENT.into_response(),
        &key,
        Some(&tenant),
    ))
}

pub(crate) async fn list_providers(State(app): State<App>, _call: OperatorCall) -> Result<Response, Problem> {
    let configured = app.providers.configured();
    let public_url = app.settings.public_url.trim_end_matches('/');
    let providers = app.catalog.provider_names().filter_map(|name| {
        let document = app.catalog.provider(name)?;
        Some(json!({
            "name": document.name,
            "display_name": document.display_name,
            "docs_url": document.docs_url,
            "is_configured": configured.contains(&name),
            "redirect_uri": format!("{public_url}/oauth/callback/{name}"),
            "environments": document.environments,
            "flows": document.auth.flows,
            "scopes": document.auth.scopes,
            "resources": app.catalog.provider_resources(name).collect::<Vec<_>>(),
        }))
    });
    listing(&providers.collect::<Vec<_>>())
}

fn listing(result: &[Value]) -> Result<Response, Problem> {
    headers::json(
        StatusCode::OK,
        &json!({"result_count": result.len(), "result": result, "next_cursor": null}),
    )
}

fn tenant_parameter(uri: &Uri) -> Result<TenantId, Problem> {
    let known = Known::read(uri.query(), &["tenant_id"])?;
    let text = known.get("tenant_id").ok_or_else(|| {
        Problem::new(
            Code::InvalidParameter,
            "`tenant_id` is needed: keys belong to a tenant.",
        )
        .fields(["tenant_id".to_owned()])
    })?;
    TenantId::parse(text).map_err(|_| no_tenant(StoreError::NotFound))
}

fn no_key(error: StoreError) -> Problem {
    match error {
        StoreError::NotFound => Problem::new(Code::ResourceNotFound, "There is no such key."),
        other => other.into(),
    }
}

fn no_tenant(error: StoreError) -> Problem {
    match error {
        StoreError::NotFound => Problem::new(Code::ResourceNotFound, "There is no such tenant."),
        other => other.into(),
    }
}

fn checked_name(name: &str) -> Result<&str, Problem> {
    let trimmed = name.trim();
    if trimmed.is_empty() || trimmed.chars().count() > NAME_MAX_CHARS || trimmed.chars().any(char::is_control)
    {
        return Err(invalid_key(
            "name",
            format!("`name` must have 1 to {NAME_MAX_CHARS} characters, none of them control characters."),
        ));
    }
    Ok(trimmed)
}

fn tenant_view(tenant: &TenantRecord) -> Value {
    json!({"id": tenant.id, "name": tenant.name, "created_at": iso(tenant.created_at_ms)})
}

fn key_view(key: &ApiKeyRecord) -> Value {
    json!({
        "id": key.id,
        "prefix": key.prefix,
        "name": key.name,
        "scopes": key.scopes,
        "created_at": iso(key.created_at_ms),
        "expires_at": key.expires_at_ms.map(iso),
        "revoked_at": key.revoked_at_ms.map(iso),
        "last_used_at": key.last_used_at_ms.map(iso),
    })
}
