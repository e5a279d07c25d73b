//! Every route below `/services/data`, on one screen.

use std::sync::MutexGuard;
use std::sync::atomic::Ordering;

use serde_json::{Map, Value, json};

use super::call::Call;
use super::reply::{Answer, Reply};
use super::state::Simulator;
use super::{actions, batch, collections, composite, describe, errors, limits, query, rows, search, tree};
use crate::org::{Caller, DmlOptions};

/// Oldest version that is not retired.
pub(crate) const OLDEST_VERSION: u32 = 31;
/// Newest version.
pub(crate) const NEWEST_VERSION: u32 = 67;

/// One authenticated call to a resource of one version.
#[derive(Debug, Clone)]
pub(crate) struct Context<'a> {
    /// The server.
    pub(crate) simulator: &'a Simulator,
    /// The request.
    pub(crate) call: &'a Call,
    /// Access token of the session.
    pub(crate) token: &'a str,
    /// Its user.
    pub(crate) caller: Caller,
    /// `60.0`.
    pub(crate) version: String,
    /// The method after `_HttpMethod`.
    pub(crate) method: String,
    /// Path segments after the version.
    pub(crate) parts: Vec<String>,
    /// A transaction around this call holds the write lock already.
    pub(crate) in_transaction: bool,
}

impl Context<'_> {
    /// Refuses other methods with 405.
    pub(crate) fn only(&self, allowed: &[&str]) -> Result<(), Reply> {
        if allowed.contains(&self.method.as_str()) {
            Ok(())
        } else {
            Err(errors::method_not_allowed(&self.method, allowed))
        }
    }

    /// The headers that change what a write does.
    pub(crate) fn dml_options(&self, all_or_none: bool) -> DmlOptions {
        let rules = self.call.header("sforce-duplicate-rule-header").unwrap_or("");
        let assign = self.call.header("sforce-auto-assign");
        DmlOptions {
            all_or_none,
            allow_duplicates: header_flag(rules, "allowSave"),
            include_record_details: header_flag(rules, "includeRecordDetails"),
            auto_assign: !assign.is_some_and(|value| value.trim().eq_ignore_ascii_case("false")),
            update_only: self
                .call
                .query_value("updateOnly")
                .is_some_and(|value| value.eq_ignore_ascii_case("true")),
            version: self.version.clone(),
        }
    }

    /// Keeps other writers out, unless a transaction around this call does.
    pub(crate) fn writing(&self) -> Option<MutexGuard<'_, ()>> {
        (!self.in_transaction).then(|| self.simulator.writing())
    }

    /// `/services/data/vNN.0`.
    pub(crate) fn root(&self) -> String {
        format!("/services/data/v{}", self.version)
    }

    /// The version as a whole number.
    pub(crate) fn version_number(&self) -> u32 {
        version_number(&self.version).unwrap_or(NEWEST_VERSION)
    }
}

/// `name=true` among pairs separated by `;` or `,` (documents show both).
fn header_flag(text: &str, name: &str) -> bool {
    text.split([';', ',']).any(|pair| {
        pair.split_once('=').is_some_and(|(key, value)| {
            key.trim().eq_ignore_ascii_case(name) && value.trim().eq_ignore_ascii_case("true")
        })
    })
}

fn version_number(text: &str) -> Option<u32> {
    text.strip_suffix(".0")?.parse().ok()
}

/// Serves `/services/data…`.
pub(crate) fn serve(simulator: &Simulator, call: &Call) -> Reply {
    let segments = call.segments();
    let Some(version) = segments.get(2) else {
        return match call.method.as_str() {
            "GET" | "HEAD" => versions(),
            other => errors::method_not_allowed(other, &["HEAD", "GET"]),
        };
    };
    let number = version.strip_prefix(['v', 'V']).and_then(version_number);
    match number {
        Some(number) if number < OLDEST_VERSION => {
            return errors::refuse(
                410,
                "UNSUPPORTED_API_VERSION",
                "The requested resource has been retired or removed. Delete or update any references to the resource.",
            );
        }
        Some(number) if number <= NEWEST_VERSION => {}
        _ => return errors::not_found(),
    }
    let version = version[1..].to_owned();
    let token = match token_of(call) {
        Ok(token) => token,
        Err(reply) => return reply,
    };
    let Some(session) = simulator.use_session(&token) else {
        return errors::session_invalid();
    };
    if !session
        .scope
        .iter()
        .any(|scope| scope == "api" || scope == "full" || scope == "web")
    {
        return errors::session_not_for_rest();
    }
    if let Err(reply) = limits::count_call(simulator) {
        return reply;
    }
    let context = Context {
        simulator,
        call,
        token: &token,
        caller: Caller {
            user_id: session.user_id,
        },
        version,
        method: effective_method(call),
        parts: segments[3..].to_vec(),
        in_transaction: false,
    };
    resource(&context)
}

/// A POST may carry the real method in `_HttpMethod`; its value is case-sensitive.
fn effective_method(call: &Call) -> String {
    match call.query_value("_HttpMethod") {
        Some(method @ ("PATCH" | "DELETE" | "GET" | "PUT" | "HEAD")) if call.method == "POST" => {
            method.to_owned()
        }
        _ => call.method.clone(),
    }
}

fn token_of(call: &Call) -> Result<String, Reply> {
    let Some(header) = call.header("authorization") else {
        return Err(errors::session_invalid());
    };
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth") {
        Ok(token.trim().to_owned())
    } else {
        Err(errors::refuse(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE"))
    }
}

/// Serves one resource; composite subrequests come in here as well.
pub(crate) fn resource(context: &Context<'_>) -> Reply {
    route(context).unwrap_or_else(|reply| reply)
}

fn route(context: &Context<'_>) -> Answer {
    let lower: Vec<String> = context
        .parts
        .iter()
        .map(|part| part.to_ascii_lowercase())
        .collect();
    let names: Vec<&str> = lower.iter().map(String::as_str).collect();
    match names.as_slice() {
        [] => resources(context),
        ["limits"] => limits::limits(context),
        ["limits", "recordcount"] => limits::record_count(context),
        ["sobjects"] => describe::global(context),
        ["sobjects", _] => rows::object(context),
        ["sobjects", _, "describe"] => describe::describe(context),
        ["sobjects", _, "updated"] => rows::changed(context, false),
        ["sobjects", _, "deleted"] => rows::changed(context, true),
        ["sobjects", _, _] => rows::row(context),
        ["sobjects", _, _, _] => rows::by_external_id(context),
        ["query"] => query::query(context, false),
        ["queryall"] => query::query(context, true),
        ["query" | "queryall", _] => query::more(context),
        ["search"] => search::search(context),
        ["parameterizedsearch"] => search::parameterized(context),
        ["recent"] => rows::recent(context),
        ["composite"] => composite::composite(context),
        ["composite", "batch"] => batch::batch(context),
        ["composite", "graph"] => composite::graph(context),
        ["composite", "tree", _] => tree::tree(context),
        ["composite", "sobjects"] => collections::any_object(context),
        ["composite", "sobjects", _] => collections::retrieve(context),
        ["composite", "sobjects", _, _] => collections::upsert(context),
        ["actions"] => actions::index(context),
        ["actions", "standard"] => actions::standard(context),
        ["actions", "standard" | "custom", ..] => Err(actions::unknown()),
        _ => Err(errors::not_found()),
    }
}

fn resources(context: &Context<'_>) -> Answer {
    context.only(&["HEAD", "GET"])?;
    let root = context.root();
    let mut map: Map<String, Value> = [
        "sobjects",
        "query",
        "queryAll",
        "search",
        "parameterizedSearch",
        "limits",
        "recent",
        "composite",
        "actions",
    ]
    .iter()
    .map(|name| ((*name).to_owned(), Value::from(format!("{root}/{name}"))))
    .collect();
    let identity = context
        .simulator
        .identity_url(context.call, &context.caller.user_id);
    map.insert("identity".to_owned(), Value::from(identity));
    Ok(Reply::json(200, Value::Object(map)))
}

/// `GET /services/data`: no token needed, not counted.
fn versions() -> Reply {
    let list: Vec<Value> = (OLDEST_VERSION..=NEWEST_VERSION)
        .map(|number| {
            let since = number - OLDEST_VERSION;
            let season = ["Summer", "Winter", "Spring"][(since % 3) as usize];
            json!({
                "label": format!("{season} '{}", 14 + since.div_ceil(3)),
                "url": format!("/services/data/v{number}.0"),
                "version": format!("{number}.0"),
            })
        })
        .collect();
    Reply::json(200, Value::Array(list))
}

/// `Last-Modified` of describes, Unix milliseconds.
pub(crate) fn schema_changed_ms(context: &Context<'_>) -> i64 {
    context.simulator.schema_changed_ms.load(Ordering::Relaxed)
}
