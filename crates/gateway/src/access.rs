//! Who may call a route, and for which connection. Fails closed: a route without an [`Access`] answers nobody.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use model::ConnectionId;
use store::{AuthenticationError, Caller, Connection, Operator, StoreError, Tenant};

use crate::audit::Actor;
use crate::bad_keys::Source;
use crate::code::Code;
use crate::idempotency::Admitted;
use crate::limits::{Permit, TenantPermit};
use crate::observe::TenantSlot;
use crate::problem::Problem;
use crate::query::{self, CONNECTION_PARAMETER, Pairs};
use crate::state::{App, Gateway};

/// Chooses the connection by its id.
const CONNECTION_HEADER: HeaderName = HeaderName::from_static("x-connection-id");
/// Chooses the connection by the tenant's own id of the customer, together with [`PROVIDER_HEADER`].
const EXTERNAL_ID_HEADER: HeaderName = HeaderName::from_static("x-connection-external-id");
/// The provider that the external id belongs to.
const PROVIDER_HEADER: HeaderName = HeaderName::from_static("x-provider");

/// What a tenant's key may be limited to. A key without scopes may do all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Reading records, connections and mappings.
    Read,
    /// Writing records.
    Write,
    /// Calling the provider's own API through the proxy.
    Proxy,
    /// Making connect sessions, deleting connections, changing mappings and webhooks.
    Manage,
}

impl Scope {
    /// All scopes.
    pub const ALL: &'static [Self] = &[Self::Read, Self::Write, Self::Proxy, Self::Manage];

    /// The name in a key's list of scopes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Proxy => "proxy",
            Self::Manage => "manage",
        }
    }
}

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody: health, documentation, and pages whose link is the credential.
    Public,
    /// A tenant's key with this scope.
    Tenant(Scope),
    /// The operator key.
    Operator,
}

/// A tenant who may call this route, with its place among its requests in flight.
pub(crate) struct TenantCall {
    pub(crate) tenant: Tenant,
    pub(crate) permit: TenantPermit,
}

/// A tenant who may call this route, and the connection it chose.
pub(crate) struct ConnectionCall {
    pub(crate) tenant: Tenant,
    pub(crate) connection: Arc<Connection>,
    /// Query parameters, the one that chose the connection taken out.
    pub(crate) parameters: Pairs,
    pub(crate) permit: Permit,
}

/// The operator.
pub(crate) struct OperatorCall(pub(crate) Operator);

impl FromRequestParts<App> for TenantCall {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Some(Access::Tenant(scope)) = parts.extensions.get::<Access>().copied() else {
            return Err(undeclared(parts));
        };
        let Caller::Tenant(caller) = authenticate(app, parts).await? else {
            return Err(Problem::new(
                Code::TenantKeyRequired,
                "This route takes a tenant's API key, not the operator key.",
            ));
        };
        if !caller.scopes.is_empty() && !caller.scopes.iter().any(|held| held == scope.name()) {
            return Err(Problem::new(
                Code::ScopeRequired,
                format!("The API key lacks the scope `{}`.", scope.name()),
            ));
        }
        if let Some(slot) = parts.extensions.get::<TenantSlot>() {
            slot.set(caller.tenant.id());
        }
        let permit = app.permits.tenant(caller.tenant.id().as_str()).await?;
        Ok(Self {
            tenant: caller.tenant,
            permit,
        })
    }
}

impl FromRequestParts<App> for ConnectionCall {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if let Some(call) = parts.extensions.get::<Admitted>().and_then(Admitted::take) {
            return Ok(call);
        }
        let call = TenantCall::from_request_parts(parts, app).await?;
        let mut parameters = query::decode(parts.uri.query())?;
        let connection = chosen(app, &call.tenant, &parts.headers, &parameters).await?;
        parameters.retain(|(name, _)| name != CONNECTION_PARAMETER);
        let permit = app
            .permits
            .connection(call.permit, connection.id.as_str())
            .await?;
        Ok(Self {
            tenant: call.tenant,
            connection,
            parameters,
            permit,
        })
    }
}

impl FromRequestParts<App> for OperatorCall {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if parts.extensions.get::<Access>() != Some(&Access::Operator) {
            return Err(undeclared(parts));
        }
        match authenticate(app, parts).await? {
            Caller::Operator(operator) => Ok(Self(operator)),
            Caller::Tenant(_) => Err(Problem::new(
                Code::OperatorKeyRequired,
                "This route takes the operator key, not a tenant's key.",
            )),
        }
    }
}

/// A handler asks for another caller than its route declares: a mistake of ours.
fn undeclared(parts: &Parts) -> Problem {
    tracing::error!(
        path_known = parts.extensions.get::<Access>().is_some(),
        "a route's access is not what its handler takes"
    );
    Problem::new(Code::Internal, "The route is not set up.")
}

async fn authenticate(app: &Gateway, parts: &Parts) -> Result<Caller, Problem> {
    let key = bearer(&parts.headers)?;
    let source = parts.extensions.get::<Source>().copied().unwrap_or_default();
    let now_ms = app.clock.now_ms();
    if let Some(wait_s) = app.bad_keys.held_back_s(source, now_ms)
        && !app.store.remembers_key(key)
    {
        metrics::counter!("crosswalk_bad_keys_total", "outcome" => "held_back").increment(1);
        let detail = "As many keys from your address were not valid as may be within a minute.";
        return Err(Problem::new(Code::TooManyBadKeys, detail).retry_after(wait_s));
    }
    let caller = app.store.authenticate(key).await.map_err(|error| match error {
        AuthenticationError::Unknown => {
            metrics::counter!("crosswalk_bad_keys_total", "outcome" => "refused").increment(1);
            app.bad_keys.note(source, now_ms);
            Problem::new(Code::InvalidApiKey, "The API key is unknown, expired or revoked.").header(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"crosswalk\", error=\"invalid_token\""),
            )
        }
        AuthenticationError::Unavailable(error) => error.into(),
    })?;
    if let Some(actor) = parts.extensions.get::<Actor>() {
        actor.set(&caller);
    }
    Ok(caller)
}

/// The key of an `Authorization: Bearer` header (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let key = match (sent.next(), sent.next()) {
        (Some(value), None) => value.to_str().ok().and_then(|text| {
            let (scheme, key) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
        }),
        _ => None,
    };
    key.filter(|key| !key.is_empty()).ok_or_else(|| {
        Problem::new(
            Code::AuthenticationRequired,
            "Send one `Authorization: Bearer <key>` header.",
        )
        .header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"crosswalk\""),
        )
    })
}

/// The connection a request chose: by id in a header or parameter, or by external id and provider.
async fn chosen(
    app: &Gateway,
    tenant: &Tenant,
    headers: &HeaderMap,
    parameters: &Pairs,
) -> Result<Arc<Connection>, Problem> {
    let mut ids = Vec::new();
    for value in headers.get_all(&CONNECTION_HEADER) {
        ids.push(text_of(value)?);
    }
    ids.extend(
        parameters
            .iter()
            .filter(|(name, _)| name == CONNECTION_PARAMETER)
            .map(|(_, id)| id.as_str()),
    );
    let external_id = single(headers, &EXTERNAL_ID_HEADER)?;
    let provider = single(headers, &PROVIDER_HEADER)?;
    match (ids.as_slice(), external_id, provider) {
        ([id, rest @ ..], None, _) if rest.iter().all(|other| other == id) => by_id(app, tenant, id).await,
        ([], Some(external_id), Some(provider)) => {
            let found = app
                .store
                .connection_by_external_id(tenant, provider, external_id)
                .await;
            found.map_err(missing_connection)
        }
        ([], Some(_), None) => Err(Problem::new(
            Code::ConnectionRequired,
            "`X-Connection-External-Id` needs `X-Provider` beside it: an external id belongs to one provider.",
        )),
        ([], None, _) => Err(Problem::new(
            Code::ConnectionRequired,
            "Send `X-Connection-Id`, or `X-Connection-External-Id` with `X-Provider`.",
        )),
        _ => Err(Problem::new(
            Code::ConnectionRequired,
            "The request chooses its connection in two ways; one is enough.",
        )),
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => text_of(value).map(Some),
        _ => Err(Problem::new(
            Code::MalformedRequest,
            format!("The header `{name}` stands twice."),
        )),
    }
}

fn text_of(value: &HeaderValue) -> Result<&str, Problem> {
    std::str::from_utf8(value.as_bytes()).map_err(|_| {
        Problem::new(
            Code::MalformedRequest,
            "A header that chooses the connection is not UTF-8.",
        )
    })
}

/// A connection of this tenant. A malformed id, an unknown one and another tenant's are answered alike.
pub(crate) async fn by_id(app: &Gateway, tenant: &Tenant, id: &str) -> Result<Arc<Connection>, Problem> {
    let id = ConnectionId::parse(id).map_err(|_| missing_connection(StoreError::NotFound))?;
    app.store
        .connection(tenant, &id)
        .await
        .map_err(missing_connection)
}

/// The one answer for a connection that the caller cannot have, whatever the reason.
pub(crate) fn missing_connection(error: StoreError) -> Problem {
    match error {
        StoreError::NotFound => Problem::new(Code::ConnectionNotFound, "No such connection."),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::bearer;

    #[test]
    fn one_bearer_header_is_a_key_and_nothing_else_is() {
        let mut headers = HeaderMap::new();
        assert!(bearer(&headers).is_err());
        for refused in ["Basic abc", "Bearer", "Bearer ", "cw_live_x", "Bearer\tabc"] {
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(refused));
            assert!(bearer(&headers).is_err(), "{refused}");
        }
        headers.insert(
            header::AUTHORIZATION,
            HeaderValue::from_static("bearer  cw_live_x"),
        );
        assert_eq!(bearer(&headers).unwrap(), "cw_live_x");
        headers.append(
            header::AUTHORIZATION,
            HeaderValue::from_static("Bearer cw_live_y"),
        );
        assert!(
            bearer(&headers).is_err(),
            "two keys: which of them is meant cannot be told"
        );
    }
}
