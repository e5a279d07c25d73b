//! `/connect` and `/oauth/callback`: how a customer connects an org. Bound to one browser by a cookie (RFC 9700 §4.7).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use model::Secret;
use provider::{AuthorizationError, Callback, Finished, LoginChoice};
use serde::Deserialize;
use serde_json::json;
use store::{ConnectSession, Connection, NewConnectSession, StoreError};
use url::Url;

use super::cookies::{self, JOURNEY};
use super::mappings::known_provider;
use super::{Path, invalid_key, json_body, mapping_page};
use crate::access::{TenantCall, by_id};
use crate::body;
use crate::code::Code;
use crate::headers;
use crate::pages::connect::{Choice, Waiting};
use crate::pages::endings::Ending;
use crate::pages::{connect as connect_page, security_headers};
use crate::problem::Problem;
use crate::query::{self, Pairs};
use crate::state::{App, Gateway};
use crate::time::iso;

/// Longest external id, characters.
const EXTERNAL_ID_MAX_CHARS: usize = 255;
/// Most scopes of one session.
const SCOPES_MAX: usize = 64;
/// Environment of a session that names none, unless the browser chooses another.
pub(super) const DEFAULT_ENVIRONMENT: &str = "production";
/// Largest form of the connect page, bytes.
const FORM_MAX_BYTES: usize = 16 << 10;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSession {
    provider: String,
    environment: Option<String>,
    login_host: Option<String>,
    external_id: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
    return_to: Option<String>,
    connection_id: Option<String>,
    #[serde(default)]
    allow_account_change: bool,
    #[serde(default)]
    mode: Mode,
    opener_origin: Option<String>,
}

/// How the link is opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// In place of the tenant's page, which the browser comes back to.
    #[default]
    Redirect,
    /// In a popup beside it.
    Popup,
}

pub(crate) async fn create_session(
    State(app): State<App>,
    headers: HeaderMap,
    call: TenantCall,
    body: Body,
) -> Result<Response, Problem> {
    let new: NewSession = json_body(&app, &headers, body).await?;
    known_provider(&app, &new.provider)?;
    check_scopes(&new.scopes)?;
    if let Some(external_id) = &new.external_id {
        check_external_id(external_id)?;
    }
    let return_to = new
        .return_to
        .as_deref()
        .map(|text| return_to(text, &app.settings.return_to_allowed))
        .transpose()?;
    let opener_origin = opener_origin(&new, return_to.as_deref(), &app.settings.return_to_allowed)?;
    let reconnected = match &new.connection_id {
        Some(id) => Some(reconnected(&app, &call, id, &new.provider).await?),
        None => None,
    };
    let login = login(&app, &new, reconnected.as_deref())?;
    let session = NewConnectSession {
        provider: new.provider,
        environment: login.environment,
        login_url: login.origin,
        is_environment_open: login.is_open,
        external_id: new.external_id,
        scopes: new.scopes,
        return_to,
        connection_id: reconnected.map(|connection| connection.id.clone()),
        allow_account_change: new.allow_account_change,
        opener_origin,
    };
    let (session, link) = app
        .store
        .create_connect_session(&call.tenant, session, link_ttl_ms(&app))
        .await?;
    let url = address(&app, &link);
    headers::json(
        StatusCode::CREATED,
        &json!({"id": session.id, "url": url, "expires_at": iso(session.expires_at_ms)}),
    )
}

/// Where a session logs in, and whether the browser may choose another place.
struct Login {
    environment: String,
    origin: String,
    is_open: bool,
}

/// Where the tenant says, where the connection to be reconnected is, or where the browser will say.
fn login(app: &Gateway, new: &NewSession, reconnected: Option<&Connection>) -> Result<Login, Problem> {
    let fixed = |environment: &str| {
        let login = app
            .providers
            .login_origin(&new.provider, environment, new.login_host.as_deref())?;
        Ok(Login {
            environment: environment.to_owned(),
            origin: login.as_str().to_owned(),
            is_open: false,
        })
    };
    match (&new.environment, &new.login_host, reconnected) {
        (Some(environment), _, _) => fixed(environment),
        // The org is in one environment, and stays there.
        (None, None, Some(connection)) => Ok(Login {
            environment: connection.environment.clone(),
            origin: connection.login_url.clone(),
            is_open: false,
        }),
        (None, None, None) => {
            let choices = app.providers.login_choices(&new.provider)?;
            let is_usual = |choice: &&LoginChoice| choice.environment == DEFAULT_ENVIRONMENT;
            let usual = choices.iter().find(is_usual).or(choices.first());
            let login = usual.and_then(|choice| Some((choice, choice.login_url.as_ref()?)));
            match login {
                Some((choice, login_url)) => Ok(Login {
                    environment: choice.environment.clone(),
                    origin: login_url.as_str().to_owned(),
                    is_open: choices.len() > 1,
                }),
                None => fixed(usual.map_or(DEFAULT_ENVIRONMENT, |choice| choice.environment.as_str())),
            }
        }
        (None, Some(_), _) => fixed(DEFAULT_ENVIRONMENT),
    }
}

/// Shows who asks for what. Uses nothing up: mail scanners and previews open links too.
pub(crate) async fn open(State(app): State<App>, Path(link): Path<String>, headers: HeaderMap) -> Response {
    match app.store.open_connect_session(&link).await {
        Ok(session) => page(&app, &session, &Choice::of(&session), &link),
        Err(StoreError::NotFound) => unfinished(&app, &link, JOURNEY.read(&app, &headers)).await,
        Err(error) => link_failed(&app, error),
    }
}

/// Behind a used link, in the browser that used it: the provider may have kept it at a page of its own.
async fn unfinished(app: &Gateway, link: &str, browser: Option<&str>) -> Response {
    match app.store.connect_progress(link, browser).await {
        Ok(progress) if progress.is_own && !progress.is_over => {
            let ending = Ending::Unfinished {
                provider: display_name(app, &progress.session.provider),
                explanation: stranded(app, &progress.session.provider),
            };
            end(app, &ending, progress.session.return_to.as_deref())
        }
        _ => end(app, &Ending::LinkOver, None),
    }
}

/// What to do when the provider does not send the browser back, if its document knows.
fn stranded(app: &Gateway, provider: &str) -> Option<String> {
    app.catalog.provider(provider)?.auth.stranded.clone()
}

/// How far a journey has come, for the page that waits for its end. The link is the credential.
pub(crate) async fn status(State(app): State<App>, Path(link): Path<String>) -> Result<Response, Problem> {
    let missing = || Problem::new(Code::ResourceNotFound, "There is no such link.");
    let progress = match app.store.connect_progress(&link, None).await {
        Ok(progress) => progress,
        Err(StoreError::NotFound) => return Err(missing()),
        Err(error) => return Err(error.into()),
    };
    let status = match progress.outcome {
        Some(outcome) => outcome.as_str(),
        None if progress.is_over => "expired",
        None if progress.is_begun => "waiting",
        None => "open",
    };
    headers::json(
        StatusCode::OK,
        &json!({"status": status, "connection_id": progress.connection_id}),
    )
}

/// Uses the link up, binds the journey to this browser and sends it to the provider.
pub(crate) async fn start(
    State(app): State<App>,
    Path(link): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut session = match app.store.open_connect_session(&link).await {
        Ok(session) => session,
        Err(error) => return link_failed(&app, error),
    };
    let form = form(&headers, body).await;
    // Said by the page's script where a page that opened it can hear of the end.
    if value(&form, "popup").is_none() {
        session.opener_origin = None;
    }
    if session.is_environment_open {
        let mut choice = chosen(&form).unwrap_or_else(|| Choice::of(&session));
        let login_host = Some(choice.login_host.as_str()).filter(|host| !host.is_empty());
        match app
            .providers
            .login_origin(&session.provider, &choice.environment, login_host)
        {
            Ok(login) => {
                session.environment = choice.environment;
                login.as_str().clone_into(&mut session.login_url);
            }
            Err(error) => {
                choice.mistake = Some(error);
                return page(&app, &session, &choice, &link);
            }
        }
    }
    // Reused, so that two journeys in two tabs do not undo each other.
    let browser = JOURNEY.read(&app, &headers);
    let browser = browser.map_or_else(|| cookies::new_value(&app), str::to_owned);
    match app.providers.start_authorization(&session, &link, &browser).await {
        Ok(url) => {
            let mut response = redirect(&app, &url);
            if let Some(cookie) = JOURNEY.set(&app, &browser, app.settings.limits.connect_session_ttl_ms) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            response
        }
        // Somebody was quicker with the same link.
        Err(AuthorizationError::Invalid) => end(&app, &Ending::LinkOver, None),
        Err(error) => authorization_failed(&app, error).await,
    }
}

fn page(app: &Gateway, session: &ConnectSession, choice: &Choice, link: &str) -> Response {
    let choices = app.providers.login_choices(&session.provider);
    match (app.catalog.provider(&session.provider), choices) {
        (Some(provider), Ok(choices)) => {
            let waiting = session.opener_origin.as_deref().map(|origin| Waiting {
                origin,
                status: format!(
                    "{}/connect/{link}/status",
                    app.settings.public_url.trim_end_matches('/')
                ),
            });
            connect_page::page(session, provider, &choices, choice, waiting.as_ref())
                .response(&app.settings.public_url)
        }
        _ => end(app, &Ending::LinkOver, None),
    }
}

/// The fields of the connect page's form; none when it is no form.
async fn form(headers: &HeaderMap, body: Body) -> Pairs {
    let bytes = body::read(headers, body, FORM_MAX_BYTES)
        .await
        .unwrap_or_default();
    query::decode(std::str::from_utf8(&bytes).ok()).unwrap_or_default()
}

fn value(form: &Pairs, name: &str) -> Option<String> {
    let found = form.iter().find(|(key, _)| key == name)?;
    Some(found.1.trim().to_owned())
}

/// What the form of an open session chose; nothing when it names no environment.
fn chosen(form: &Pairs) -> Option<Choice> {
    Some(Choice {
        environment: value(form, "environment")?,
        login_host: value(form, "login_host").unwrap_or_default(),
        mistake: None,
    })
}

/// The redirect URI. One attempt per journey, whatever comes of it.
pub(crate) async fn finish(
    State(app): State<App>,
    Path(provider): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Ok(pairs) = query::decode(uri.query()) else {
        return end(&app, &Ending::NotThisJourney, None);
    };
    let Some(callback) = callback(&provider, &pairs) else {
        return end(&app, &Ending::NotThisJourney, None);
    };
    match app
        .providers
        .finish_authorization(callback, JOURNEY.read(&app, &headers))
        .await
    {
        Ok(finished) => {
            let id = finished.connection.id.as_str();
            match finished.session.return_to.as_deref() {
                // The page that opened the popup hears of it from the page that waits.
                _ if finished.session.opener_origin.is_some() => {
                    let provider = display_name(&app, &finished.session.provider);
                    end(
                        &app,
                        &Ending::Connected {
                            provider,
                            mapping_link: None,
                        },
                        None,
                    )
                }
                Some(url) => redirect(
                    &app,
                    &returning(url, &[("connection_id", id), ("status", "connected")]),
                ),
                None => connected(&app, &finished).await,
            }
        }
        Err(error) => authorization_failed(&app, error).await,
    }
}

/// The end of a journey that leads nowhere else: from here the person may go on to the mapping page.
async fn connected(app: &Gateway, finished: &Finished) -> Response {
    let link = mapping_page::link(app, &finished.tenant, &finished.connection, Vec::new(), None).await;
    let mapping_link = link
        .inspect_err(|problem| tracing::warn!(code = problem.code().name(), "no mapping link was made"))
        .map(|(_, url)| url)
        .ok();
    let ending = Ending::Connected {
        provider: display_name(app, &finished.session.provider),
        mapping_link,
    };
    end(app, &ending, None)
}

/// What the provider's redirect brought. A parameter that stands twice makes the whole callback unreadable: which of the
/// two the provider meant cannot be told.
fn callback(provider: &str, pairs: &Pairs) -> Option<Callback> {
    let mut callback = Callback {
        provider: provider.to_owned(),
        ..Callback::default()
    };
    let mut state = None;
    for (name, value) in pairs {
        let place = match name.as_str() {
            "state" => &mut state,
            "code" => &mut callback.code,
            "error" => &mut callback.error,
            "error_description" => &mut callback.error_description,
            "iss" => &mut callback.issuer,
            _ => continue,
        };
        if place.replace(value.clone()).is_some() {
            return None;
        }
    }
    callback.state = state?;
    Some(callback)
}

/// Ends a journey that failed: back to the tenant's page when the person merely said no, else on a page that tells them.
async fn authorization_failed(app: &Gateway, error: AuthorizationError) -> Response {
    let session = error.session().cloned();
    let provider = session
        .as_ref()
        .map_or_else(String::new, |session| session.provider.clone());
    let back = |status: &str| {
        let session = session
            .as_ref()
            .filter(|session| session.opener_origin.is_none())?;
        let mut parameters = vec![("status", status)];
        if let Some(id) = &session.connection_id {
            parameters.push(("connection_id", id.as_str()));
        }
        Some(returning(session.return_to.as_deref()?, &parameters))
    };
    let name = display_name(app, &provider);
    let ending = match error {
        AuthorizationError::Invalid => Ending::NotThisJourney,
        AuthorizationError::Denied { code, explanation, .. } => match explanation {
            // RFC 6749 §4.1.2.1: the person, or the server for them, said no.
            _ if code == "access_denied" && back("denied").is_some() => {
                return redirect(app, &back("denied").unwrap_or_default());
            }
            Some(explanation) => Ending::Explained { provider: name, explanation, error: code },
            None if code == "access_denied" => Ending::Denied { provider: name },
            None => Ending::Explained {
                provider: name,
                explanation: "The provider ended the attempt and gave only the error below. Start again; if it comes back, \
                              show it to your administrator."
                    .to_owned(),
                error: code,
            },
        },
        AuthorizationError::WrongIssuer { .. } => {
            tracing::warn!("an answer came from another authorization server than the one asked");
            Ending::NotThisJourney
        }
        AuthorizationError::Conflict { .. } => Ending::OtherAccount { provider: name },
        AuthorizationError::Exchange { what, misconfigured, .. } => {
            tracing::warn!(what, misconfigured, "a code was not exchanged");
            let status = if misconfigured { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::BAD_GATEWAY };
            Ending::Failed { provider: name, status }
        }
        AuthorizationError::Host { reason, .. } => {
            tracing::error!(%reason, "a provider named a host that is not its own");
            Ending::Failed { provider: name, status: StatusCode::BAD_GATEWAY }
        }
        AuthorizationError::Login(error) => {
            tracing::error!(%error, "a connect session's provider is not configured any more");
            Ending::Failed { provider: name, status: StatusCode::INTERNAL_SERVER_ERROR }
        }
        AuthorizationError::Store(error) => return failed(app, &error.into(), &provider),
    };
    let back = back("failed");
    let again = match &session {
        Some(session) if session.is_environment_open => again(app, session).await,
        _ => None,
    };
    let page = match again {
        Some(link) => ending.page_with_another_way(back.as_deref(), &link),
        None => ending.page(back.as_deref()),
    };
    page.response(&app.settings.public_url)
}

/// A link to choose the environment again, after a journey that came to nothing.
async fn again(app: &Gateway, session: &ConnectSession) -> Option<String> {
    match app.store.renew_connect_session(session, link_ttl_ms(app)).await {
        Ok((_, link)) => Some(address(app, &link)),
        Err(error) => {
            tracing::warn!(%error, "a connect session was not renewed");
            None
        }
    }
}

fn link_ttl_ms(app: &Gateway) -> u64 {
    u64::try_from(app.settings.limits.connect_session_ttl_ms).unwrap_or_default()
}

/// Where a link leads.
fn address(app: &Gateway, link: &Secret) -> String {
    format!(
        "{}/connect/{}",
        app.settings.public_url.trim_end_matches('/'),
        link.expose()
    )
}

pub(super) async fn reconnected(
    app: &Gateway,
    call: &TenantCall,
    id: &str,
    provider: &str,
) -> Result<Arc<Connection>, Problem> {
    let connection = by_id(app, &call.tenant, id).await?;
    if connection.provider == provider {
        return Ok(connection);
    }
    Err(invalid_key(
        "connection_id",
        format!("The connection's provider is `{}`.", connection.provider),
    ))
}

pub(super) fn check_external_id(external_id: &str) -> Result<(), Problem> {
    let length = external_id.chars().count();
    if (1..=EXTERNAL_ID_MAX_CHARS).contains(&length) && !external_id.chars().any(char::is_control) {
        return Ok(());
    }
    Err(invalid_key(
        "external_id",
        format!(
            "`external_id` must have 1 to {EXTERNAL_ID_MAX_CHARS} characters, none of them control characters."
        ),
    ))
}

/// Scopes are joined with spaces: RFC 6749 §3.3 says which letters they are made of.
fn check_scopes(scopes: &[String]) -> Result<(), Problem> {
    let is_scope = |scope: &String| {
        !scope.is_empty()
            && scope.len() <= 128
            && scope
                .bytes()
                .all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
    };
    if scopes.len() <= SCOPES_MAX && scopes.iter().all(is_scope) {
        return Ok(());
    }
    Err(invalid_key(
        "scopes",
        format!(
            "`scopes` takes at most {SCOPES_MAX} scopes of printable ASCII without spaces, quotes and backslashes."
        ),
    ))
}

/// Where the browser may end: never a place that a browser named, since only a tenant's server makes sessions, and only a
/// listed one when the operator lists any (RFC 9700 §4.11).
pub(super) fn return_to(text: &str, allowed: &[String]) -> Result<String, Problem> {
    let refuse = |detail: &str| invalid_key("return_to", detail).allowed(allowed.iter().cloned());
    let url = Url::parse(text).map_err(|_| refuse("`return_to` must be an absolute URL."))?;
    let is_loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback) {
        return Err(refuse(
            "`return_to` must begin with https:// (http:// only on this machine).",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(refuse("`return_to` must hold neither a user nor a fragment."));
    }
    let is_listed = allowed
        .iter()
        .filter_map(|entry| Url::parse(entry).ok())
        .any(|entry| entry.origin() == url.origin() && entry.path() == url.path());
    if !allowed.is_empty() && !is_listed {
        return Err(refuse(
            "`return_to` is not among the URLs that the operator allows.",
        ));
    }
    Ok(url.into())
}

/// Whose page may hear how a popup ended: one origin, never one that a browser named, and a listed one when the operator lists
/// pages to return to.
fn opener_origin(
    new: &NewSession,
    return_to: Option<&str>,
    allowed: &[String],
) -> Result<Option<String>, Problem> {
    let refuse = |detail: &str| invalid_key("opener_origin", detail);
    let origin_of = |text: &str| {
        Url::parse(text)
            .ok()
            .map(|url| url.origin().ascii_serialization())
    };
    match (new.mode, &new.opener_origin) {
        (Mode::Redirect, None) => Ok(None),
        (Mode::Redirect, Some(_)) => Err(refuse("`opener_origin` is of `mode: popup` only.")),
        (Mode::Popup, None) => return_to
            .and_then(origin_of)
            .map(Some)
            .ok_or_else(|| refuse("`mode: popup` needs `opener_origin`, or `return_to` whose origin it is.")),
        (Mode::Popup, Some(text)) => {
            let url = Url::parse(text)
                .map_err(|_| refuse("`opener_origin` must be an origin, as `https://app.example.com`."))?;
            let origin = url.origin().ascii_serialization();
            let is_loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
            if origin != text.trim_end_matches('/')
                || !(url.scheme() == "https" || url.scheme() == "http" && is_loopback)
            {
                return Err(refuse(
                    "`opener_origin` must be a bare origin, as `https://app.example.com` (http:// only on this machine).",
                ));
            }
            let is_listed = allowed
                .iter()
                .filter_map(|entry| origin_of(entry))
                .any(|entry| entry == origin);
            if !allowed.is_empty() && !is_listed {
                return Err(
                    refuse("`opener_origin` is not that of a URL that the operator allows.")
                        .allowed(allowed.iter().filter_map(|entry| origin_of(entry))),
                );
            }
            Ok(Some(origin))
        }
    }
}

/// A stored `return_to` with parameters added to its own.
pub(super) fn returning(return_to: &str, parameters: &[(&str, &str)]) -> String {
    match Url::parse(return_to) {
        Ok(mut url) => {
            url.query_pairs_mut().extend_pairs(parameters);
            url.into()
        }
        // Only parsed URLs are stored.
        Err(_) => return_to.to_owned(),
    }
}

/// 303, because the browser must come with a GET and without the form (RFC 9700 §4.12).
pub(super) fn redirect(app: &Gateway, url: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(url) else {
        return end(app, &Ending::NotThisJourney, None);
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    for (name, value) in security_headers(&app.settings.public_url) {
        response.headers_mut().insert(name, value);
    }
    response.headers_mut().insert(header::LOCATION, location);
    response
}

pub(super) fn end(app: &Gateway, ending: &Ending, return_to: Option<&str>) -> Response {
    ending.page(return_to).response(&app.settings.public_url)
}

fn link_failed(app: &Gateway, error: StoreError) -> Response {
    match error {
        StoreError::NotFound => end(app, &Ending::LinkOver, None),
        other => failed(app, &other.into(), ""),
    }
}

/// A failure that the person cannot change: a page for them, and the reason in the log.
fn failed(app: &Gateway, problem: &Problem, provider: &str) -> Response {
    tracing::warn!(code = problem.code().name(), "a connect journey failed");
    let ending = Ending::Failed {
        provider: display_name(app, provider),
        status: problem.status(),
    };
    end(app, &ending, None)
}

pub(super) fn display_name(app: &Gateway, provider: &str) -> String {
    app.catalog.provider(provider).map_or_else(
        || "The provider".to_owned(),
        |document| document.display_name.clone(),
    )
}
