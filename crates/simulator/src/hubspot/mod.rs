//! A small HubSpot portal on the same listener: its paths (`/oauth`, `/crm`, `/account-info`) and Salesforce's do not clash.
//!
//! Shapes come from HubSpot's public documentation (CRM objects, search, properties, owners, pipelines, associations v4,
//! OAuth, usage guidelines), from the models of its official client `@hubspot/api-client` 13.5.0, and from error bodies
//! that public issues and tests of other projects have recorded. Doubtful, because no source shows the bytes:
//!
//! - `paging.next.after` of a list is the last id plus one; only that it is opaque is documented;
//! - messages of faults in `limit`, `after`, batch inputs and required properties; search faults answer the recorded
//!   `There was a problem with the request.` without a category;
//! - `NEQ`, `NOT_IN` and `NOT_CONTAINS_TOKEN` leave out records without a value, as users report;
//! - a null property value clears it like `""`, the documented way;
//! - 6 filters a group and 18 in all is what the guide says; a changelog of 2024 says 10 and 25;
//! - `X-HubSpot-RateLimit-Daily*`: the usage guidelines say that answers to OAuth tokens go without them. The setting
//!   `hubspot_daily_headers` takes them away.
//!
//! Unlike the real one: a write is in the search index at once (the real index lags by seconds); limits per ten seconds
//! and per second are far higher unless set, because a test suite is faster than a customer; record ids count per object.
//! Not here: `propertiesWithHistory`, merges, lists, imports, custom objects and labels, writes to properties and pipelines.

mod associations;
mod batch;
mod catalog;
pub(crate) mod control;
pub(crate) mod errors;
pub(crate) mod limits;
mod metadata;
pub(crate) mod oauth;
mod objects;
pub(crate) mod portal;
mod records;
mod render;
mod search;
mod seed;
mod token;
mod values;
mod write;

use serde_json::{Map, Value};

use self::errors::Fault;
use self::oauth::Session;
use self::objects::Object;
use crate::http::call::Call;
use crate::http::reply::Reply;
use crate::http::state::Simulator;

/// Number of the one portal ("hub").
const HUB_ID: u64 = 48_600_123;
/// Number of the one app.
const APP_ID: u64 = 1_234_567;
/// The portal's own domain.
const HUB_DOMAIN: &str = "crosswalk-simulator.example";

/// One authenticated call.
struct Context<'a> {
    simulator: &'a Simulator,
    call: &'a Call,
    session: Session,
}

/// What a handler answers; the error side lets `?` end it early.
type Outcome = Result<Reply, Fault>;

impl Context<'_> {
    /// Refuses with 403 a token that has none of these scopes.
    fn needs(&self, scopes: &[String]) -> Result<(), Fault> {
        if scopes.iter().any(|scope| self.session.scopes.contains(scope)) {
            Ok(())
        } else {
            Err(errors::missing_scopes(scopes))
        }
    }

    fn needs_object(&self, object: Object, verb: &str) -> Result<(), Fault> {
        self.needs(&[format!("crm.objects.{}.{verb}", object.scope())])
    }

    /// Every value of a query parameter, split at commas.
    fn list(&self, name: &str) -> Vec<String> {
        let values = self.call.query.iter().filter(|(key, _)| key == name);
        values
            .flat_map(|(_, value)| value.split(','))
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn flag(&self, name: &str) -> bool {
        self.call
            .query_value(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// `limit`, 1 to `most`.
    fn limit(&self, default: usize, most: usize) -> Result<usize, Fault> {
        let Some(text) = self.call.query_value("limit") else {
            return Ok(default);
        };
        let read = text.parse().ok().filter(|limit| (1..=most).contains(limit));
        read.ok_or_else(|| errors::invalid(format!("limit must be between 1 and {most}, got {text}")))
    }

    /// `after`, a whole number.
    fn after(&self) -> Result<u64, Fault> {
        let text = self.call.query_value("after").unwrap_or("").trim();
        if text.is_empty() {
            return Ok(0);
        }
        let read = text.parse();
        read.map_err(|_| errors::invalid(format!("after is not a paging cursor of this request: {text}")))
    }

    /// `paging` of an answer that goes on at `after`.
    fn paging(&self, after: u64) -> Value {
        let mut link = format!("{}{}", self.call.base_url, self.call.path);
        for (name, value) in self.call.query.iter().filter(|(name, _)| name != "after") {
            link = crate::http::call::with_query(&link, &[(name, value)]);
        }
        let after = after.to_string();
        let link = crate::http::call::with_query(&link, &[("after", &after)]);
        serde_json::json!({"next": {"after": after, "link": link}})
    }

    /// The body, which must be a JSON object.
    fn body(&self) -> Result<Map<String, Value>, Fault> {
        let kind = self.call.header("content-type").unwrap_or("");
        if !kind.to_ascii_lowercase().starts_with("application/json") {
            return Err(Fault::new(
                415,
                None,
                "HTTP 415 Unsupported Media Type".to_owned(),
            ));
        }
        serde_json::from_slice(&self.call.body).map_err(|error| {
            errors::invalid(format!(
                "Invalid input JSON on line {}, column {}: {error}",
                error.line(),
                error.column()
            ))
        })
    }
}

/// Whether a path belongs to the portal.
pub(crate) fn is_ours(path: &str) -> bool {
    ["/crm/", "/oauth/", "/account-info/"]
        .iter()
        .any(|prefix| path.starts_with(prefix))
}

/// Serves a path that [`is_ours`].
pub(crate) fn serve(simulator: &Simulator, call: &Call) -> Reply {
    let segments = call.segments();
    let names: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (call.method.as_str(), names.as_slice()) {
        ("GET", ["oauth", "authorize"]) => oauth::authorize(simulator, call),
        ("POST", ["oauth", "login"]) => oauth::login(simulator, call),
        ("GET" | "POST", ["oauth", "consent"]) => oauth::consent(simulator, call),
        ("POST", ["oauth", "v1", "token"]) => token::token(simulator, call),
        ("GET", ["oauth", "v1", "access-tokens", token]) => token::about_access(simulator, token),
        ("GET", ["oauth", "v1", "refresh-tokens", token]) => token::about_refresh(simulator, token),
        ("DELETE", ["oauth", "v1", "refresh-tokens", token]) => token::forget_refresh(simulator, token),
        _ => data(simulator, call, &names),
    }
}

fn data(simulator: &Simulator, call: &Call, names: &[&str]) -> Reply {
    let is_search = matches!(names, ["crm", "v3", "objects", _, "search"]);
    let outcome = oauth::authenticate(simulator, call).and_then(|session| {
        limits::count(simulator, is_search)?;
        let context = Context {
            simulator,
            call,
            session,
        };
        route(&context, names)
    });
    let is_known = !matches!(&outcome, Err(fault) if fault.status == 401);
    let reply = outcome.unwrap_or_else(|fault| fault.reply(&simulator.random));
    if is_known && !is_search {
        limits::with_headers(simulator, reply)
    } else {
        reply
    }
}

fn route(context: &Context<'_>, names: &[&str]) -> Outcome {
    match (context.call.method.as_str(), names) {
        (_, ["crm", "v3", "objects", object, rest @ ..]) => {
            let object = Object::find(object).ok_or_else(|| errors::no_such_object(object))?;
            of_object(context, object, rest)
        }
        ("GET", ["crm", "v3", "properties", object]) => metadata::properties(context, object),
        ("GET", ["crm", "v3", "properties", object, name]) => metadata::property(context, object, name),
        ("GET", ["crm", "v3", "owners"]) => metadata::owners(context),
        ("GET", ["crm", "v3", "owners", id]) => metadata::owner(context, id),
        ("GET", ["crm", "v3", "pipelines", object, rest @ ..]) => metadata::pipelines(context, object, rest),
        ("GET", ["crm", "v3", "schemas"]) => metadata::schemas(context),
        ("GET", ["account-info", "v3", "details"]) => metadata::account(context),
        (_, ["crm", "v4", "objects", from, id, "associations", rest @ ..]) => {
            associations::of_record(context, from, id, rest)
        }
        ("GET", ["crm", "v4", "associations", from, to, "labels"]) => associations::labels(context, from, to),
        ("POST", ["crm", "v4", "associations", from, to, "batch", "read"]) => {
            associations::batch_read(context, from, to)
        }
        _ => Err(Fault::new(
            404,
            None,
            "The requested resource was not found".to_owned(),
        )),
    }
}

fn of_object(context: &Context<'_>, object: Object, rest: &[&str]) -> Outcome {
    match (context.call.method.as_str(), rest) {
        ("GET", []) => records::list(context, object),
        ("POST", []) => records::create(context, object),
        ("POST", ["search"]) => search::search(context, object),
        ("POST", ["batch", action]) => batch::batch(context, object, action),
        ("GET", [id]) => records::read(context, object, id),
        ("PATCH", [id]) => records::update(context, object, id),
        ("DELETE", [id]) => records::archive(context, object, id),
        (_, [] | [_] | ["batch", _]) => Err(Fault::new(405, None, "HTTP 405 Method Not Allowed".to_owned())),
        _ => Err(Fault::new(
            404,
            None,
            "The requested resource was not found".to_owned(),
        )),
    }
}
