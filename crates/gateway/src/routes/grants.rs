//! `POST /connections`: connections that no browser is needed for.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use model::Secret;
use provider::NewGrant;
use serde::Deserialize;
use store::{ConnectionFlow, Grant, OwnClient};

use super::connect::{DEFAULT_ENVIRONMENT, check_external_id, reconnected};
use super::connections::view;
use super::mappings::known_provider;
use super::{invalid_key, json_body};
use crate::access::TenantCall;
use crate::headers;
use crate::problem::Problem;
use crate::state::App;

/// The flows of this route.
const FLOWS: [ConnectionFlow; 2] = [ConnectionFlow::ClientCredentials, ConnectionFlow::JwtBearer];
/// Names by which people ask for the grant that is not offered (RFC 6749 §4.3, taken out by RFC 9700 §2.4).
const PASSWORD_FLOWS: [&str; 3] = [
    "password",
    "username_password",
    "resource_owner_password_credentials",
];
/// Longest id of a client and longest username, characters.
const NAME_MAX_CHARS: usize = 255;
/// Longest secret of a client and longest private key, bytes.
const SECRET_MAX_BYTES: usize = 16 << 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewConnection {
    provider: String,
    flow: String,
    environment: Option<String>,
    login_host: Option<String>,
    external_id: Option<String>,
    connection_id: Option<String>,
    #[serde(default)]
    allow_account_change: bool,
    client_id: Option<String>,
    client_secret: Option<Secret>,
    username: Option<String>,
    private_key: Option<Secret>,
}

pub(crate) async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    call: TenantCall,
    body: Body,
) -> Result<Response, Problem> {
    let new: NewConnection = json_body(&app, &headers, body).await?;
    known_provider(&app, &new.provider)?;
    if let Some(external_id) = &new.external_id {
        check_external_id(external_id)?;
    }
    let reconnected = match &new.connection_id {
        Some(id) => Some(reconnected(&app, &call, id, &new.provider).await?),
        None => None,
    };
    let grant = grant(&new)?;
    let default = || DEFAULT_ENVIRONMENT.to_owned();
    let new = NewGrant {
        provider: new.provider,
        environment: new.environment.unwrap_or_else(default),
        login_host: new.login_host,
        external_id: new.external_id,
        connection_id: reconnected.map(|connection| connection.id.clone()),
        allow_account_change: new.allow_account_change,
        grant,
    };
    let connection = app.providers.connect_without_browser(&call.tenant, new).await?;
    // A connection made anew is answered as one that is made: the caller gave the credential for it.
    headers::json(StatusCode::CREATED, &view(&connection))
}

/// The credential of the flow: everything that it needs and nothing that belongs to another.
fn grant(new: &NewConnection) -> Result<Grant, Problem> {
    let given = [
        ("client_id", new.client_id.is_some()),
        ("client_secret", new.client_secret.is_some()),
        ("username", new.username.is_some()),
        ("private_key", new.private_key.is_some()),
    ];
    let only = |flow: &str, allowed: &[&str]| {
        let foreign = given
            .iter()
            .find(|(key, is_given)| *is_given && !allowed.contains(key));
        foreign.map_or(Ok(()), |(key, _)| {
            Err(invalid_key(key, format!("`{flow}` takes no `{key}`.")).allowed(allowed.iter().copied()))
        })
    };
    match ConnectionFlow::parse(&new.flow) {
        Some(ConnectionFlow::ClientCredentials) => {
            only("client_credentials", &["client_id", "client_secret"])?;
            let client = match (&new.client_id, &new.client_secret) {
                (None, None) => None,
                (Some(id), Some(secret)) => Some(OwnClient {
                    id: named("client_id", id)?,
                    secret: kept("client_secret", secret)?,
                }),
                _ => {
                    return Err(invalid_key(
                        "client_id",
                        "`client_id` and `client_secret` go together; without both the gateway's own application is used.",
                    ));
                }
            };
            Ok(Grant::ClientCredentials { client })
        }
        Some(ConnectionFlow::JwtBearer) => {
            only("jwt_bearer", &["client_id", "username", "private_key"])?;
            let needed =
                |key: &str, what: &str| invalid_key(key, format!("`jwt_bearer` needs `{key}`, {what}."));
            let username = new.username.as_deref().ok_or_else(|| {
                needed(
                    "username",
                    "the user on whose behalf records are read and written",
                )
            })?;
            let private_key = new.private_key.as_ref().ok_or_else(|| {
                needed(
                    "private_key",
                    "the PEM of the RSA key whose certificate the app at the provider has",
                )
            })?;
            Ok(Grant::JwtBearer {
                client_id: new
                    .client_id
                    .as_deref()
                    .map(|id| named("client_id", id))
                    .transpose()?,
                username: named("username", username)?,
                private_key: kept("private_key", private_key)?,
            })
        }
        _ => Err(unknown_flow(&new.flow)),
    }
}

fn unknown_flow(flow: &str) -> Problem {
    let refuse = |detail: &str| invalid_key("flow", detail).allowed(FLOWS.map(ConnectionFlow::as_str));
    if PASSWORD_FLOWS.contains(&flow) {
        return refuse(
            "A flow with username and password is not offered: it would hand a person's password to you and to this gateway, it \
             goes around second factors and single sign-on, and providers switch it off. Use `jwt_bearer` or \
             `client_credentials` for servers, or a link from POST /connect/sessions for people.",
        );
    }
    if flow == ConnectionFlow::AuthorizationCode.as_str() {
        return refuse(
            "`authorization_code` needs a person and a browser: make a link with POST /connect/sessions.",
        );
    }
    refuse("`flow` is none of this route's.")
}

fn named(key: &str, text: &str) -> Result<String, Problem> {
    let length = text.chars().count();
    if (1..=NAME_MAX_CHARS).contains(&length) && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(invalid_key(
        key,
        format!("`{key}` must have 1 to {NAME_MAX_CHARS} characters, none of them control characters."),
    ))
}

fn kept(key: &str, secret: &Secret) -> Result<Secret, Problem> {
    if (1..=SECRET_MAX_BYTES).contains(&secret.expose().len()) {
        return Ok(secret.clone());
    }
    Err(invalid_key(
        key,
        format!("`{key}` must have 1 to {SECRET_MAX_BYTES} bytes."),
    ))
}
