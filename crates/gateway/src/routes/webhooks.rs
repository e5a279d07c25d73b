//! `/webhooks`: where a tenant's backend hears of events, and the log of what was sent there.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri};
use model::{Secret, WebhookDeliveryId, WebhookEndpointId};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{
    EVENT_TYPES, NewWebhookEndpoint, StoreError, WebhookAttempt, WebhookDelivery, WebhookDeliveryState,
    WebhookEndpoint, WebhookEndpointChange,
};

use super::{Path, invalid_key, json_body, page, typed};
use crate::access::TenantCall;
use crate::audit;
use crate::body;
use crate::code::Code;
use crate::headers;
use crate::problem::Problem;
use crate::query::Known;
use crate::state::{App, Gateway};
use crate::time::{iso, parse_iso};

const PAGE_DEFAULT: u32 = 100;
const PAGE_MAX: u32 = 200;
/// Longest part of an unknown type that is shown, characters.
const SHOWN_MAX_CHARS: usize = 64;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewWebhook {
    url: String,
    description: Option<String>,
    #[serde(default)]
    event_types: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookChange {
    url: Option<String>,
    description: Option<String>,
    event_types: Option<Vec<String>>,
    disabled: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Replay {
    since: String,
}

pub(crate) async fn list(State(app): State<App>, uri: Uri, call: TenantCall) -> Result<Response, Problem> {
    let known = Known::read(uri.query(), &["limit", "cursor"])?;
    let limit = known.limit(PAGE_DEFAULT, PAGE_MAX)?;
    // The id of the last one seen: nothing that is a secret, and nothing that grants anything.
    let after = known.get("cursor").map(WebhookEndpointId::parse).transpose();
    let after = after.map_err(|_| wrong_cursor())?;
    // One more than asked for tells whether there is a next page.
    let found = app
        .store
        .list_webhook_endpoints(&call.tenant, after.as_ref(), limit + 1)
        .await?;
    page(found, limit, |endpoint| endpoint.id.to_string(), view)
}

pub(crate) async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    call: TenantCall,
    body: Body,
) -> Result<Response, Problem> {
    let new: NewWebhook = json_body(&app, &headers, body).await?;
    let new = NewWebhookEndpoint {
        url: checked_url(&app, &new.url)?,
        description: new.description,
        event_types: checked_types(new.event_types)?,
    };
    let endpoints_max = app.settings.limits.webhook_endpoints_max;
    let (endpoint, secret) = app
        .store
        .create_webhook_endpoint(&call.tenant, new, endpoints_max)
        .await?;
    let response = headers::json(StatusCode::CREATED, &with_secret(&endpoint, &secret))?;
    Ok(audit::about(response, &endpoint.id, None))
}

pub(crate) async fn read(
    State(app): State<App>,
    Path(id): Path<String>,
    call: TenantCall,
) -> Result<Response, Problem> {
    let found = app.store.webhook_endpoint(&call.tenant, &endpoint_id(&id)?).await;
    headers::json(StatusCode::OK, &view(&found.map_err(missing)?))
}

pub(crate) async fn change(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    call: TenantCall,
    body: Body,
) -> Result<Response, Problem> {
    let id = own_endpoint(&app, &call, &id).await?;
    let body = body::read_json(&headers, body, app.settings.limits.request_body_max_bytes).await?;
    let is_taken_away = body.get("description").is_some_and(Value::is_null);
    let change: WebhookChange = typed(body)?;
    let change = WebhookEndpointChange {
        url: change.url.map(|url| checked_url(&app, &url)).transpose()?,
        description: if is_taken_away {
            Some(None)
        } else {
            change.description.map(Some)
        },
        event_types: change.event_types.map(checked_types).transpose()?,
        disabled: change.disabled,
    };
    let changed = app.store.change_webhook_endpoint(&call.tenant, &id, change).await;
    headers::json(StatusCode::OK, &view(&changed.map_err(missing)?))
}

pub(crate) async fn remove(
    State(app): State<App>,
    Path(id): Path<String>,
    call: TenantCall,
) -> Result<Response, Problem> {
    app.store
        .delete_webhook_endpoint(&call.tenant, &endpoint_id(&id)?)
        .await
        .map_err(missing)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) async fn rotate_secret(
    State(app): State<App>,
    Path(id): Path<String>,
    call: TenantCall,
) -> Result<Response, Problem> {
    let overlap_ms = app.settings.limits.webhook_secret_overlap_ms;
    let (endpoint, secret) = app
        .store
        .rotate_webhook_secret(&call.tenant, &endpoint_id(&id)?, overlap_ms)
        .await
        .map_err(missing)?;
    headers::json(StatusCode::OK, &with_secret(&endpoint, &secret))
}

pub(crate) async fn test(
    State(app): State<App>,
    Path(id): Path<String>,
    call: TenantCall,
) -> Result<Response, Problem> {
    let id = endpoint_id(&id)?;
    let delivery = app
        .store
        .send_webhook_test(&call.tenant, &id)
        .await
        .map_err(missing)?;
    headers::json(StatusCode::ACCEPTED, &delivery_view(&id, &delivery))
}

pub(crate) async fn list_deliveries(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    call: TenantCall,
) -> Result<Response, Problem> {
    let id = endpoint_id(&id)?;
    let known = Known::read(uri.query(), &["limit", "cursor", "state"])?;
    let limit = known.limit(PAGE_DEFAULT, PAGE_MAX)?;
    let state = known.get("state").map(|text| {
        WebhookDeliveryState::parse(text).ok_or_else(|| {
            Problem::new(Code::InvalidParameter, "`state` is not a state of a delivery.")
                .fields(["state".to_owned()])
                .allowed(WebhookDeliveryState::ALL.map(WebhookDeliveryState::as_str))
        })
    });
    let state = state.transpose()?;
    let before = known.get("cursor").map(WebhookDeliveryId::parse).transpose();
    let before = before.map_err(|_| wrong_cursor())?;
    let found = app
        .store
        .list_webhook_deliveries(&call.tenant, &id, state, before.as_ref(), limit + 1)
        .await
        .map_err(missing)?;
    page(
        found,
        limit,
        |delivery| delivery.id.to_string(),
        |delivery| delivery_view(&id, delivery),
    )
}

pub(crate) async fn read_delivery(
    State(app): State<App>,
    Path((id, delivery_id)): Path<(String, String)>,
    call: TenantCall,
) -> Result<Response, Problem> {
    let (id, delivery_id) = delivery_ids(&id, &delivery_id)?;
    let (delivery, attempts) = app
        .store
        .webhook_delivery(&call.tenant, &id, &delivery_id)
        .await
        .map_err(missing_delivery)?;
    let mut view = delivery_view(&id, &delivery);
    view["attempts"] = attempts.iter().map(attempt_view).collect();
    headers::json(StatusCode::OK, &view)
}

pub(crate) async fn replay_delivery(
    State(app): State<App>,
    Path((id, delivery_id)): Path<(String, String)>,
    call: TenantCall,
) -> Result<Response, Problem> {
    let (id, delivery_id) = delivery_ids(&id, &delivery_id)?;
    let delivery = app
        .store
        .replay_webhook_delivery(&call.tenant, &id, &delivery_id)
        .await
        .map_err(missing_delivery)?;
    headers::json(StatusCode::ACCEPTED, &delivery_view(&id, &delivery))
}

pub(crate) async fn replay(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    call: TenantCall,
    body: Body,
) -> Result<Response, Problem> {
    let id = own_endpoint(&app, &call, &id).await?;
    let replay: Replay = json_body(&app, &headers, body).await?;
    let since_ms = parse_iso(&replay.since)
        .ok_or_else(|| invalid_key("since", "`since` must be an instant, as `2026-05-01T00:00:00Z`."))?;
    let replayed = app
        .store
        .replay_webhook_failures(&call.tenant, &id, since_ms)
        .await
        .map_err(missing)?;
    headers::json(StatusCode::ACCEPTED, &json!({"replayed": replayed}))
}

/// The URL in its one form.
fn checked_url(app: &Gateway, url: &str) -> Result<String, Problem> {
    match app.providers.webhook_target(url) {
        Ok(target) => Ok(target.to_string()),
        Err(error) => Err(invalid_key("url", format!("`url` {error}."))),
    }
}

/// The types, each once.
fn checked_types(types: Vec<String>) -> Result<Vec<String>, Problem> {
    let mut checked: Vec<String> = Vec::with_capacity(types.len().min(EVENT_TYPES.len()));
    for name in types {
        if !EVENT_TYPES.contains(&name.as_str()) {
            let shown: String = name.chars().take(SHOWN_MAX_CHARS).collect();
            return Err(
                invalid_key("event_types", format!("`{shown}` is not a type of event."))
                    .allowed(EVENT_TYPES.iter().copied()),
            );
        }
        if !checked.contains(&name) {
            checked.push(name);
        }
    }
    Ok(checked)
}

fn wrong_cursor() -> Problem {
    Problem::new(Code::InvalidCursor, "The cursor does not belong to this request.")
}

/// A malformed id, an unknown one and another tenant's are answered alike.
fn missing(error: StoreError) -> Problem {
    match error {
        StoreError::NotFound => Problem::new(Code::ResourceNotFound, "No such webhook."),
        other => other.into(),
    }
}

fn missing_delivery(error: StoreError) -> Problem {
    match error {
        StoreError::NotFound => Problem::new(
            Code::ResourceNotFound,
            "No such delivery of this webhook; deliveries are kept thirty days.",
        ),
        other => other.into(),
    }
}

/// The id of an endpoint of the caller's, looked up before the body is read: another tenant's is not told apart by what the
/// body is answered with.
async fn own_endpoint(app: &Gateway, call: &TenantCall, id: &str) -> Result<WebhookEndpointId, Problem> {
    let id = endpoint_id(id)?;
    let found = app.store.webhook_endpoint(&call.tenant, &id).await;
    found.map(|_| id).map_err(missing)
}

fn endpoint_id(text: &str) -> Result<WebhookEndpointId, Problem> {
    WebhookEndpointId::parse(text).map_err(|_| missing(StoreError::NotFound))
}

fn delivery_ids(id: &str, delivery_id: &str) -> Result<(WebhookEndpointId, WebhookDeliveryId), Problem> {
    let ids = WebhookEndpointId::parse(id).and_then(|id| Ok((id, WebhookDeliveryId::parse(delivery_id)?)));
    ids.map_err(|_| missing_delivery(StoreError::NotFound))
}

/// An endpoint as the API shows it.
fn view(endpoint: &WebhookEndpoint) -> Value {
    let (disabled_at_ms, reason) = endpoint.disabled.unzip();
    json!({
        "id": endpoint.id,
        "url": endpoint.url,
        "description": endpoint.description,
        "event_types": endpoint.event_types,
        "disabled": endpoint.disabled.is_some(),
        "disabled_at": disabled_at_ms.map(iso),
        "disabled_reason": reason.map(store::WebhookDisabledReason::as_str),
        "failing_since": endpoint.failing_since_ms.map(iso),
        "previous_secret_expires_at": endpoint.previous_secret_until_ms.map(iso),
        "created_at": iso(endpoint.created_at_ms),
        "updated_at": iso(endpoint.updated_at_ms),
    })
}

/// The one time the secret is shown: the store keeps it sealed.
fn with_secret(endpoint: &WebhookEndpoint, secret: &Secret) -> Value {
    let mut view = view(endpoint);
    view["secret"] = Value::from(secret.expose());
    view
}

fn delivery_view(endpoint: &WebhookEndpointId, delivery: &WebhookDelivery) -> Value {
    json!({
        "id": delivery.id,
        "webhook_id": endpoint,
        "event_id": delivery.event_id,
        "event_type": delivery.event_type,
        "state": delivery.state.as_str(),
        "attempt_count": delivery.attempts,
        "next_attempt_at": delivery.next_attempt_at_ms.map(iso),
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
        "last_duration_ms": delivery.last_duration_ms,
        "created_at": iso(delivery.created_at_ms),
        "updated_at": iso(delivery.updated_at_ms),
    })
}

fn attempt_view(attempt: &WebhookAttempt) -> Value {
    json!({
        "number": attempt.number,
        "status": attempt.status,
        "error": attempt.error,
        "detail": attempt.detail,
        "duration_ms": attempt.duration_ms,
        "ended_at": iso(attempt.ended_at_ms),
    })
}
