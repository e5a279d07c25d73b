//! `/connections`: a tenant's connected orgs.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri};
use model::ConnectionId;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use store::{Connection, ConnectionChange, ConnectionFilter, ConnectionOrder, ConnectionState};
use tokio::time::Instant;

use super::connect::check_external_id;
use super::{Path, json_body, page, within};
use crate::access::{TenantCall, by_id, missing_connection};
use crate::code::Code;
use crate::headers;
use crate::problem::Problem;
use crate::query::Known;
use crate::redact::redact_text;
use crate::state::{App, Gateway};
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

const SORTS: [&str; 2] = ["created_at", "-created_at"];
/// Longest text searched for, characters.
const SEARCH_MAX_CHARS: usize = 255;

pub(crate) async fn list(State(app): State<App>, uri: Uri, call: TenantCall) -> Result<Response, Problem> {
    let known = Known::read(
        uri.query(),
        &[
            "limit",
            "cursor",
            "provider",
            "external_id",
            "state",
            "environment",
            "search",
            "sort",
        ],
    )?;
    let limit = known.limit(PAGE_DEFAULT, PAGE_MAX)?;
    let state = known.get("state").map(|text| {
        ConnectionState::parse(text).ok_or_else(|| {
            invalid("state", "`state` is not a state of a connection.")
                .allowed(STATES.map(ConnectionState::as_str))
        })
    });
    let order = match known.get("sort") {
        None => ConnectionOrder::Id,
        Some("created_at") => ConnectionOrder::OldestFirst,
        Some("-created_at") => ConnectionOrder::NewestFirst,
        Some(_) => return Err(invalid("sort", "`sort` is none of a list of connections.").allowed(SORTS)),
    };
    let search = known.get("search").filter(|text| !text.is_empty());
    if search
        .is_some_and(|text| text.chars().count() > SEARCH_MAX_CHARS || text.chars().any(char::is_control))
    {
        let detail =
            format!("`search` takes at most {SEARCH_MAX_CHARS} characters, none of them control characters.");
        return Err(invalid("search", &detail));
    }
    let (after_created_at_ms, after) = match known.get("cursor") {
        Some(text) => position(text, order).map(|(at_ms, id)| (at_ms, Some(id)))?,
        None => (None, None),
    };
    let filter = ConnectionFilter {
        provider: known.get("provider").map(str::to_owned),
        external_id: known.get("external_id").map(str::to_owned),
        state: state.transpose()?,
        environment: known.get("environment").map(str::to_owned),
        search: search.map(str::to_owned),
        order,
        after_created_at_ms,
    };
    // One more than asked for tells whether there is a next page.
    let found = app
        .store
        .list_connections(&call.tenant, filter, after.as_ref(), limit + 1)
        .await?;
    page(found, limit, |connection| cursor(connection, order), view)
}

fn invalid(parameter: &str, detail: &str) -> Problem {
    Problem::new(Code::InvalidParameter, detail).fields([parameter.to_owned()])
}

/// The last connection seen, and in an order by time when it was created: nothing that is a secret, and nothing that grants
/// anything.
fn cursor(connection: &Connection, order: ConnectionOrder) -> String {
    match order {
        ConnectionOrder::Id => connection.id.to_string(),
        ConnectionOrder::OldestFirst | ConnectionOrder::NewestFirst => {
            format!("{}.{}", connection.id, connection.created_at_ms)
        }
    }
}

fn position(text: &str, order: ConnectionOrder) -> Result<(Option<i64>, ConnectionId), Problem> {
    let foreign = || Problem::new(Code::InvalidCursor, "The cursor does not belong to this request.");
    let (id, at_ms) = match text.split_once('.') {
        Some((id, at_ms)) => (id, Some(at_ms.parse().map_err(|_| foreign())?)),
        None => (text, None),
    };
    if at_ms.is_some() == (order == ConnectionOrder::Id) {
        return Err(foreign());
    }
    Ok((at_ms, ConnectionId::parse(id).map_err(|_| foreign())?))
}

/// What a PATCH may name. `external_id: null` takes the id away.
#[expect(
    clippy::option_option,
    reason = "null takes the id away, a missing key leaves it"
)]
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Change {
    #[serde(deserialize_with = "named")]
    external_id: Option<Option<String>>,
    paused: Option<bool>,
}

/// A key that stands in the body, null or not.
#[expect(
    clippy::option_option,
    reason = "null takes the id away, a missing key leaves it"
)]
fn named<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}

pub(crate) async fn change(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    call: TenantCall,
    body: Body,
) -> Result<Response, Problem> {
    let connection = by_id(&app, &call.tenant, &id).await?;
    let change: Change = json_body(&app, &headers, body).await?;
    if let Some(Some(external_id)) = &change.external_id {
        check_external_id(external_id)?;
    }
    if change.external_id.is_none() && change.paused.is_none() {
        return Err(
            Problem::new(Code::InvalidBody, "The body names nothing to change.")
                .allowed(["external_id", "paused"]),
        );
    }
    let change = ConnectionChange {
        external_id: change.external_id,
        paused: change.paused,
    };
    let changed = app
        .store
        .change_connection(&call.tenant, &connection.id, change)
        .await
        .map_err(missing_connection)?;
    headers::json(StatusCode::OK, &view(&changed))
}

/// One cheap call to the provider. What goes wrong is the answer, not an error of this route.
pub(crate) async fn test(
    State(app): State<App>,
    Path(id): Path<String>,
    call: TenantCall,
) -> Result<Response, Problem> {
    let connection = by_id(&app, &call.tenant, &id).await?;
    let _permit = app
        .permits
        .connection(call.permit, connection.id.as_str())
        .await?;
    let started = Instant::now();
    let probe = app.providers.probe(&call.tenant, &connection);
    let reply = within(&app, async { Ok::<_, Problem>(probe.await) }).await?;
    let latency_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (provider_status, problem) = match reply {
        Some(Ok(reply)) if reply.status.is_success() => (Some(reply.status.as_u16()), None),
        Some(Ok(reply)) => (
            Some(reply.status.as_u16()),
            Some(refused(&app, &connection, &reply)),
        ),
        Some(Err(error)) => (None, Some(Problem::from(error))),
        None => {
            return Err(Problem::new(
                Code::UnsupportedOperation,
                "The provider's document names no call to test a connection with.",
            ));
        }
    };
    // The call may have found out that the connection is dead.
    let now = by_id(&app, &call.tenant, &id).await?;
    headers::json(
        StatusCode::OK,
        &json!({
            "connection_id": now.id,
            "ok": problem.is_none(),
            "state": now.state.as_str(),
            "paused": now.paused_at_ms.is_some(),
            "latency_ms": latency_ms,
            "provider_status": provider_status,
            "error": problem.map(|problem| json!({
                "code": problem.code().name(),
                "detail": problem.detail(),
                "remedy": problem.code().remedy(),
                "retryable": problem.is_retryable(),
            })),
        }),
    )
}

/// An error reply in our words.
fn refused(app: &Gateway, connection: &Connection, reply: &provider::Reply) -> Problem {
    let status = reply.status.as_u16();
    match app.catalog.provider(&connection.provider) {
        Some(document) => {
            let fault = document.fault(status, &reply.headers_value(), &reply.value());
            let code = Code::by_name(&fault.code).unwrap_or(Code::UpstreamError);
            Problem::new(code, redact_text(&fault.message)).retryable(fault.retryable)
        }
        None => Problem::new(Code::UpstreamError, format!("The provider answered {status}.")),
    }
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
        "flow": connection.flow.as_str(),
        "state": connection.state.as_str(),
        "state_reason": connection.state_reason,
        "paused": connection.paused_at_ms.is_some(),
        "paused_at": connection.paused_at_ms.map(iso),
        "instance_url": connection.instance_url,
        "account_id": connection.account_id,
        "user_id": connection.user_id,
        "scopes": connection.scopes,
        "api_version": connection.api_version,
        "access_expires_at": connection.access_expires_at_ms.map(iso),
        "last_refreshed_at": connection.last_refreshed_at_ms.map(iso),
        "created_at": iso(connection.created_at_ms),
        "updated_at": iso(connection.updated_at_ms),
    })
}
