//! `/connect/mapping`: the page on which a customer's admin says which of their fields fill which unified names.
//!
//! A link of the tenant's opens it once, in one browser, whose cookie from then on is the credential. Every form brings a
//! token made from that cookie, which no other site can know; the cookie itself does not come with other sites' requests.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri, header};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::{Connection, MappingSession, NewMappingSession, OverrideLevel, StoreError, Tenant};
use unified::{FieldPicks, Outcome};

use super::connect::{display_name, end, redirect, return_to, returning};
use super::cookies::{self, MAPPING_PAGE};
use super::mapping_form::{Action, Checked, Posted, merged};
use super::{Path, invalid_key, json_body, within};
use crate::access::{TenantCall, by_id};
use crate::body;
use crate::code::Code;
use crate::headers;
use crate::limits::Permit;
use crate::pages::endings::Ending;
use crate::pages::mapping::{self as page, Notice, PATH, Preview, View};
use crate::problem::Problem;
use crate::query;
use crate::state::{App, Gateway};
use crate::time::iso;

/// Largest form, bytes.
const FORM_MAX_BYTES: usize = 256 << 10;
/// Records that samples are taken from and that can be previewed.
const RECORDS_MAX: &str = "5";
/// What a form's token is a hash of, before the cookie.
const TOKEN_PURPOSE: &str = "mapping form ";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPage {
    #[serde(default)]
    resources: Vec<String>,
    return_to: Option<String>,
}

/// A page that a browser has open.
struct Open {
    cookie: String,
    tenant: Tenant,
    session: MappingSession,
    connection: Arc<Connection>,
    resources: Vec<String>,
    _permit: Permit,
}

/// What goes into the page besides the form.
struct Around {
    resource: String,
    record: String,
    find: String,
    notice: Option<Notice>,
    /// The version of the override that the form was made from.
    version: i64,
    status: StatusCode,
}

/// Makes a link, for a tenant's backend.
pub(crate) async fn create(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    call: TenantCall,
    body: Body,
) -> Result<Response, Problem> {
    let connection = by_id(&app, &call.tenant, &id).await?;
    let new: NewPage = json_body(&app, &headers, body).await?;
    let return_to = new
        .return_to
        .as_deref()
        .map(|text| return_to(text, &app.settings.return_to_allowed))
        .transpose()?;
    let known = app.unified.pickable_resources(&call.tenant, &connection).await?;
    if let Some(unknown) = new.resources.iter().find(|name| !known.contains(name)) {
        let shown: String = unknown.chars().take(64).collect();
        let detail = format!("`{shown}` is no resource in which fields can be mapped.");
        return Err(invalid_key("resources", detail).allowed(known));
    }
    let (session, url) = link(&app, &call.tenant, &connection, new.resources, return_to).await?;
    headers::json(
        StatusCode::CREATED,
        &json!({"id": session.id, "url": url, "expires_at": iso(session.expires_at_ms)}),
    )
}

/// A new link to the page.
pub(super) async fn link(
    app: &Gateway,
    tenant: &Tenant,
    connection: &Connection,
    resources: Vec<String>,
    return_to: Option<String>,
) -> Result<(MappingSession, String), Problem> {
    let new = NewMappingSession {
        connection_id: connection.id.clone(),
        resources,
        return_to,
    };
    let ttl_ms = app.settings.limits.connect_session_ttl_ms;
    let (session, token) = app.store.create_mapping_session(tenant, new, ttl_ms).await?;
    let url = format!("{}/{}", address(app), token.expose());
    Ok((session, url))
}

/// Shows what the link is for. Uses nothing up: mail scanners and previews open links too.
pub(crate) async fn enter(State(app): State<App>, Path(link): Path<String>) -> Response {
    match app.store.mapping_session_of_link(&link).await {
        Ok(session) => {
            let provider = display_name(&app, &session.provider);
            page::entrance(&session.tenant_name, &provider).response(&app.settings.public_url)
        }
        Err(StoreError::NotFound) => end(&app, &Ending::LinkOver, None),
        Err(error) => end(&app, &failed(&app, "", &error.into()), None),
    }
}

/// Uses the link up and opens the page in this browser.
pub(crate) async fn begin(State(app): State<App>, Path(link): Path<String>, headers: HeaderMap) -> Response {
    if is_from_elsewhere(&headers) {
        return end(&app, &Ending::LinkOver, None);
    }
    let cookie = cookies::new_value(&app);
    let ttl_ms = app.settings.limits.mapping_session_ttl_ms;
    match app.store.begin_mapping_session(&link, &cookie, ttl_ms).await {
        Ok(_) => {
            let mut response = redirect(&app, &address(&app));
            if let Some(cookie) = MAPPING_PAGE.set(&app, &cookie, ttl_ms) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(StoreError::NotFound) => end(&app, &Ending::LinkOver, None),
        Err(error) => end(&app, &failed(&app, "", &error.into()), None),
    }
}

/// The page as its browser finds it: the connection's own picks in the inputs.
pub(crate) async fn show(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Response {
    let shown = async {
        let open = opened(&app, &headers).await?;
        let pairs = query::decode(uri.query()).unwrap_or_default();
        let asked = |wanted: &str| {
            let found = pairs.iter().find(|(name, _)| name == wanted);
            found.map_or_else(String::new, |(_, value)| value.clone())
        };
        let resource = open.resource(&asked("resource"))?;
        let seen = open.picks(&app, &resource).await?;
        let saved = asked("saved");
        let around = Around {
            resource,
            record: String::new(),
            find: String::new(),
            notice: open.resources.contains(&saved).then_some(Notice::Saved(saved)),
            version: seen.version,
            status: StatusCode::OK,
        };
        let checked = Checked::of_picks(&seen.picks, &seen);
        Ok(open.page(&app, &seen, &checked, around).await)
    };
    shown
        .await
        .unwrap_or_else(|ending: Ending| end(&app, &ending, None))
}

/// A button of the page.
pub(crate) async fn act(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    acted(&app, &headers, body)
        .await
        .unwrap_or_else(|ending| end(&app, &ending, None))
}

async fn acted(app: &Gateway, headers: &HeaderMap, body: Body) -> Result<Response, Ending> {
    let open = opened(app, headers).await?;
    let posted = form(headers, body).await.ok_or(Ending::PageOver)?;
    // Hashes are compared, so that the time it takes tells nothing about the token.
    let is_ours =
        Sha256::digest(&posted.token) == Sha256::digest(token(&open.cookie)) && !is_from_elsewhere(headers);
    if !is_ours || !open.resources.contains(&posted.resource) {
        return Err(Ending::PageOver);
    }
    let seen = open.picks(app, &posted.resource).await?;
    let checked = posted.checked(&seen);
    let mut around = Around {
        resource: posted.resource.clone(),
        record: posted.record.clone(),
        find: posted.find.clone(),
        notice: None,
        // Not the present one: what somebody else saved since is told when this is saved.
        version: posted.version,
        status: StatusCode::OK,
    };
    let Action::Save { is_last } = posted.action else {
        return Ok(open.page(app, &seen, &checked, around).await);
    };
    if checked.has_mistakes() {
        around.notice = Some(Notice::Refused);
        around.status = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(open.page(app, &seen, &checked, around).await);
    }
    if !open.keep(app, &posted, &seen, &checked).await? {
        return open.changed(app, &posted, &checked, around).await;
    }
    if is_last {
        open.ended(app).await
    } else {
        let resource: String = url::form_urlencoded::byte_serialize(posted.resource.as_bytes()).collect();
        let address = format!("{}?resource={resource}&saved={resource}", address(app));
        Ok(redirect(app, &address))
    }
}

impl Open {
    /// The resource that is asked for, or the first of those that may be mapped.
    fn resource(&self, asked: &str) -> Result<String, Ending> {
        let found = self.resources.iter().find(|known| *known == asked);
        found.or(self.resources.first()).cloned().ok_or(Ending::PageOver)
    }

    async fn picks(&self, app: &Gateway, resource: &str) -> Result<FieldPicks, Ending> {
        let work = app.unified.field_picks(&self.tenant, &self.connection, resource);
        within(app, work)
            .await
            .map_err(|problem| failed(app, &self.connection.provider, &problem))
    }

    /// Saves; `false` when another version stands now than the one that the form was made from.
    async fn keep(
        &self,
        app: &Gateway,
        posted: &Posted,
        seen: &FieldPicks,
        checked: &Checked,
    ) -> Result<bool, Ending> {
        if seen.version != posted.version {
            return Ok(false);
        }
        if checked.picks == seen.picks {
            return Ok(true);
        }
        let kept = app
            .unified
            .keep_field_picks(
                &self.tenant,
                &self.connection,
                &posted.resource,
                seen,
                &checked.picks,
            )
            .await;
        match kept {
            Ok(_) => Ok(true),
            Err(unified::Error::Store(StoreError::Conflict { .. })) => Ok(false),
            Err(error) => Err(failed(app, &self.connection.provider, &error.into())),
        }
    }

    /// Somebody else saved: the form with both people's choices, to be looked at and saved again.
    async fn changed(
        &self,
        app: &Gateway,
        posted: &Posted,
        checked: &Checked,
        mut around: Around,
    ) -> Result<Response, Ending> {
        let seen = self.picks(app, &posted.resource).await?;
        let found = app
            .unified
            .field_picks_of_version(&self.tenant, &self.connection, &posted.resource, posted.version)
            .await
            .map_err(|error| failed(app, &self.connection.provider, &error.into()))?;
        let (together, clashes) = merged(&found, &seen.picks, &checked.picks);
        let mut checked = Checked::of_picks(&together, &seen);
        for (name, theirs) in clashes {
            let message = if theirs.is_empty() {
                "The other person emptied this.".to_owned()
            } else {
                format!("The other person chose {theirs}.")
            };
            checked.tell(&name, message);
        }
        around.notice = Some(Notice::Changed);
        around.version = seen.version;
        around.status = StatusCode::CONFLICT;
        Ok(self.page(app, &seen, &checked, around).await)
    }

    /// Ends the page.
    async fn ended(&self, app: &Gateway) -> Result<Response, Ending> {
        let ended = app
            .store
            .end_mapping_session(&self.tenant, &self.session.id)
            .await;
        ended.map_err(|error| failed(app, &self.connection.provider, &error.into()))?;
        let ending = Ending::Mapped {
            tenant: self.session.tenant_name.clone(),
        };
        let back = self.session.return_to.as_deref().map(|url| {
            let id = self.connection.id.as_str();
            returning(url, &[("connection_id", id), ("status", "mapped")])
        });
        let mut response = end(app, &ending, back.as_deref());
        if let Some(cookie) = MAPPING_PAGE.set(app, "", 0) {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }

    async fn page(&self, app: &Gateway, seen: &FieldPicks, checked: &Checked, around: Around) -> Response {
        let records = self.records(app, &around.resource).await;
        let asked = |record: &&Value| record["id"] == around.record.as_str();
        let listed = records.as_deref().unwrap_or_default();
        let record = listed.iter().find(asked).or(listed.first());
        let preview = match (&records, record) {
            (None, _) => Preview::Failed,
            (_, None) => Preview::NoRecord,
            (_, Some(record)) => self.preview(app, &around.resource, seen, checked, record).await,
        };
        let path = path(app);
        let view = View {
            path: &path,
            tenant: &self.session.tenant_name,
            provider: &display_name(app, &self.connection.provider),
            resources: &self.resources,
            resource: &around.resource,
            names: &seen.names,
            picks: &checked.inputs,
            own: &checked.own,
            mistakes: &checked.mistakes,
            metadata: &seen.metadata,
            records: listed,
            record: record
                .and_then(|record| record["id"].as_str())
                .unwrap_or_default(),
            preview: &preview,
            find: &around.find,
            notice: around.notice,
            version: around.version,
            token: &token(&self.cookie),
            status: around.status,
        };
        page::page(&view).response(&app.settings.public_url)
    }

    /// Some records as they are answered now, with the provider's own beside; none when they cannot be read.
    async fn records(&self, app: &Gateway, resource: &str) -> Option<Vec<Value>> {
        let parameters = [("limit", RECORDS_MAX), ("include", "remote_data")];
        let parameters: unified::Parameters = parameters
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let work = app
            .unified
            .list(&self.tenant, &self.connection, resource, &parameters);
        let answer = within(app, work).await.inspect_err(tell).ok()?;
        let Outcome::Done(answer) = answer else {
            return None;
        };
        let mut page = serde_json::to_value(&answer.value).ok()?;
        match page["result"].take() {
            Value::Array(records) => Some(records),
            _ => None,
        }
    }

    /// A record now and with the picks of the form.
    async fn preview(
        &self,
        app: &Gateway,
        resource: &str,
        seen: &FieldPicks,
        checked: &Checked,
        record: &Value,
    ) -> Preview {
        if checked.picks == seen.picks {
            return Preview::Shown {
                before: record.clone(),
                after: record.clone(),
            };
        }
        let Ok(document) = seen.document(&checked.picks) else {
            return Preview::Failed;
        };
        let level = OverrideLevel::Connection(self.connection.id.clone());
        let work = app.unified.preview(
            &self.tenant,
            &self.connection,
            resource,
            &document,
            &level,
            record["id"].as_str(),
        );
        match within(app, work).await.inspect_err(tell) {
            Ok(mut shown) => Preview::Shown {
                before: shown["before"].take(),
                after: shown["after"].take(),
            },
            Err(_) => Preview::Failed,
        }
    }
}

/// The page that the browser's cookie opens, and a place among the requests of its connection.
async fn opened(app: &Gateway, headers: &HeaderMap) -> Result<Open, Ending> {
    let cookie = MAPPING_PAGE.read(app, headers).ok_or(Ending::PageOver)?;
    let (tenant, session) = match app.store.mapping_session_of_browser(cookie).await {
        Ok(found) => found,
        Err(StoreError::NotFound) => return Err(Ending::PageOver),
        Err(error) => return Err(failed(app, "", &error.into())),
    };
    let fail = |problem: Problem| failed(app, &session.provider, &problem);
    let permit = app.permits.tenant(tenant.id().as_str()).await.map_err(fail)?;
    let permit = app.permits.connection(permit, session.connection_id.as_str());
    let permit = permit.await.map_err(fail)?;
    let connection = app.store.connection(&tenant, &session.connection_id).await;
    let connection = connection.map_err(|error| fail(error.into()))?;
    let known = app.unified.pickable_resources(&tenant, &connection).await;
    let known = known.map_err(|error| fail(error.into()))?;
    // In the order of the tenant's, when it named some.
    let resources = if session.resources.is_empty() {
        known
    } else {
        let mut wanted = session.resources.clone();
        wanted.retain(|name| known.contains(name));
        wanted
    };
    Ok(Open {
        cookie: cookie.to_owned(),
        tenant,
        session,
        connection,
        resources,
        _permit: permit,
    })
}

async fn form(headers: &HeaderMap, body: Body) -> Option<Posted> {
    if !body::has_media_type(headers, &["application/x-www-form-urlencoded"]) {
        return None;
    }
    let bytes = body::read(headers, body, FORM_MAX_BYTES).await.ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    query::decode(Some(text)).ok().map(Posted::read)
}

/// The text that shows that a form is one of this browser's page: its cookie is no other site's to know.
fn token(cookie: &str) -> String {
    cookies::hex(&Sha256::digest(format!("{TOKEN_PURPOSE}{cookie}")))
}

/// Whether the browser says that another site makes it send this (W3C Fetch Metadata).
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let site = headers
        .get("sec-fetch-site")
        .and_then(|value| value.to_str().ok());
    site.is_some_and(|site| !matches!(site, "same-origin" | "none"))
}

/// Where the page stands, as browsers reach it.
fn address(app: &Gateway) -> String {
    format!("{}{PATH}", app.settings.public_url.trim_end_matches('/'))
}

/// The same, without the origin.
fn path(app: &Gateway) -> String {
    let address = address(app);
    url::Url::parse(&address).map_or_else(|_| PATH.to_owned(), |url| url.path().to_owned())
}

fn tell(problem: &Problem) {
    tracing::warn!(
        code = problem.code().name(),
        "a mapping page could not read a record"
    );
}

/// A failure that the person cannot change: an ending for them, and the reason in the log.
fn failed(app: &Gateway, provider: &str, problem: &Problem) -> Ending {
    tracing::warn!(code = problem.code().name(), "a mapping page could not be shown");
    let provider = display_name(app, provider);
    match problem.code() {
        Code::NeedsReauth => Ending::Reconnect { provider },
        Code::ConnectionNotFound | Code::ResourceNotFound => Ending::PageOver,
        _ => Ending::NoFields {
            provider,
            status: problem.status(),
        },
    }
}
