//! The routes of the control plane.

use serde_json::{Map, Value, json};

use super::faults::Fault;
use crate::http::call::Call;
use crate::http::errors;
use crate::http::reply::{Content, Reply};
use crate::http::state::Simulator;
use crate::hubspot;
use crate::oauth::token;
use crate::org::{Caller, DmlOptions};

/// Methods and paths, as `GET /__control` lists them.
const ROUTES: [&str; 21] = [
    "GET /__control",
    "GET /__control/settings",
    "POST /__control/settings",
    "GET /__control/faults",
    "POST /__control/faults",
    "POST /__control/clear_faults",
    "GET /__control/clock",
    "POST /__control/clock",
    "GET /__control/counters",
    "GET /__control/requests",
    "POST /__control/session",
    "POST /__control/kill_sessions",
    "POST /__control/expire_sessions",
    "POST /__control/revoke_grants",
    "POST /__control/fields",
    "POST /__control/validation_rules",
    "POST /__control/duplicate_rules",
    "POST /__control/assignment_rules",
    "GET /__control/records/{object}",
    "POST /__control/records/{object}",
    "POST /__control/reset",
];

/// What a route answers, or the text of its 400.
type Outcome = Result<Value, String>;

/// Serves `/__control…`.
pub(crate) fn serve(simulator: &Simulator, call: &Call) -> Reply {
    let body = if call.method == "POST" && !call.body.is_empty() {
        serde_json::from_slice::<Map<String, Value>>(&call.body)
            .map_err(|error| format!("the body must be a JSON object: {error}"))
    } else {
        Ok(Map::new())
    };
    let outcome = body.and_then(|body| route(simulator, call, &body).unwrap_or_else(|| Err(unknown(call))));
    match outcome {
        Ok(value) => Reply::json(200, value),
        Err(message) => Reply::json(400, json!({"error": message})),
    }
}

fn routes() -> Vec<&'static str> {
    ROUTES.iter().chain(&hubspot::control::ROUTES).copied().collect()
}

fn unknown(call: &Call) -> String {
    format!(
        "{} {} is no route of the control plane; they are: {}",
        call.method,
        call.path,
        routes().join(", ")
    )
}

fn route(simulator: &Simulator, call: &Call, body: &Map<String, Value>) -> Option<Outcome> {
    let segments = call.segments();
    let names: Vec<&str> = segments.iter().skip(1).map(String::as_str).collect();
    Some(match (call.method.as_str(), names.as_slice()) {
        ("GET", []) => Ok(json!({"routes": routes()})),
        ("GET", ["settings"]) => {
            serde_json::to_value(simulator.settings()).map_err(|error| error.to_string())
        }
        ("POST", ["settings"]) => change_settings(simulator, body),
        ("GET", ["faults"]) => {
            serde_json::to_value(simulator.faults().list()).map_err(|error| error.to_string())
        }
        ("POST", ["faults"]) => add_fault(simulator, body),
        ("POST", ["clear_faults"]) => {
            *simulator.faults() = super::faults::FaultBoard::default();
            Ok(json!({}))
        }
        ("GET", ["clock"]) => Ok(clock(simulator)),
        ("POST", ["clock"]) => set_clock(simulator, body),
        ("GET", ["counters"]) => counters(simulator),
        ("GET", ["requests"]) => {
            let prefix = call.query_value("path").unwrap_or("");
            let counters = simulator.counters();
            Ok(json!({"requests": counters.recent(prefix, call.query_value("method"))}))
        }
        ("POST", ["session"]) => session(simulator, call, body),
        ("POST", ["kill_sessions"]) => with_user(simulator, body, |user| kill_sessions(simulator, user)),
        ("POST", ["expire_sessions"]) => with_user(simulator, body, |user| expire_sessions(simulator, user)),
        ("POST", ["revoke_grants"]) => with_user(simulator, body, |user| revoke_grants(simulator, user)),
        ("POST", ["fields"]) => change_field(simulator, body),
        ("POST", ["validation_rules"]) => validation_rule(simulator, body),
        ("POST", ["duplicate_rules"]) => duplicate_rule(simulator, body),
        ("POST", ["assignment_rules"]) => assignment_rule(simulator, body),
        ("GET", ["records", object]) => {
            known(simulator, object).map(|name| json!({"records": simulator.org.raw_records(&name)}))
        }
        ("POST", ["records", object]) => create(simulator, object, body),
        ("POST", ["reset"]) => {
            simulator.reset();
            Ok(json!({}))
        }
        (method, ["hubspot", names @ ..]) => return hubspot::control::route(simulator, method, names, body),
        _ => return None,
    })
}

fn text<'a>(body: &'a Map<String, Value>, key: &str) -> Result<&'a str, String> {
    optional(body, key)?.ok_or_else(|| format!("{key} is required"))
}

fn optional<'a>(body: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, String> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(format!("{key} must be a string, not {other}")),
    }
}

fn flag(body: &Map<String, Value>, key: &str, default: bool) -> Result<bool, String> {
    match body.get(key) {
        None => Ok(default),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(other) => Err(format!("{key} must be true or false, not {other}")),
    }
}

/// Refuses keys a route does not take: a misspelt switch must not pass for a set one.
fn only_keys(body: &Map<String, Value>, allowed: &[&str]) -> Result<(), String> {
    match body.keys().find(|key| !allowed.contains(&key.as_str())) {
        Some(key) => Err(format!("unknown key {key}; allowed: {}", allowed.join(", "))),
        None => Ok(()),
    }
}

fn known(simulator: &Simulator, object: &str) -> Result<String, String> {
    let names = simulator.org.object_names();
    names
        .iter()
        .find(|name| name.eq_ignore_ascii_case(object))
        .cloned()
        .ok_or_else(|| format!("unknown object {object}; objects: {}", names.join(", ")))
}

fn user_id(simulator: &Simulator, username: &str) -> Result<String, String> {
    simulator
        .user_id(username)
        .ok_or_else(|| format!("{username} is no active standard user"))
}

fn with_user(
    simulator: &Simulator,
    body: &Map<String, Value>,
    act: impl Fn(Option<&str>) -> Value,
) -> Outcome {
    only_keys(body, &["username"])?;
    match optional(body, "username")? {
        Some(username) => Ok(act(Some(&user_id(simulator, username)?))),
        None => Ok(act(None)),
    }
}

/// What an act on both halves comes to: on the portal's too where no user of the org is named.
fn and_portal(own: usize, user: Option<&str>, portal: impl FnOnce() -> usize) -> usize {
    own + if user.is_none() { portal() } else { 0 }
}

fn kill_sessions(simulator: &Simulator, user: Option<&str>) -> Value {
    let ended = simulator
        .oauth()
        .sessions
        .end(|_, session| user.is_none_or(|user| session.user_id == user));
    json!({"ended": and_portal(ended, user, || simulator.portal.oauth().end(None))})
}

fn expire_sessions(simulator: &Simulator, user: Option<&str>) -> Value {
    let expired = simulator
        .oauth()
        .sessions
        .expire(|session| user.is_none_or(|user| session.user_id == user));
    let now_ms = simulator.clock.now_ms();
    json!({"expired": and_portal(expired, user, || simulator.portal.oauth().expire(None, now_ms))})
}

fn revoke_grants(simulator: &Simulator, user: Option<&str>) -> Value {
    let revoked = simulator.oauth().revoke_all(user);
    json!({"revoked": and_portal(revoked, user, || simulator.portal.oauth().revoke(|_, _| true))})
}

fn change_settings(simulator: &Simulator, body: &Map<String, Value>) -> Outcome {
    let mut settings = simulator.settings_mut();
    *settings = settings.patch(body)?;
    serde_json::to_value(&*settings).map_err(|error| error.to_string())
}

fn add_fault(simulator: &Simulator, body: &Map<String, Value>) -> Outcome {
    let fault: Fault =
        serde_json::from_value(Value::Object(body.clone())).map_err(|error| error.to_string())?;
    let read = serde_json::to_value(&fault).map_err(|error| error.to_string())?;
    // Flattened effects cannot refuse unknown keys while reading, so what was read is compared with what was sent.
    if let Some((key, _)) = body
        .iter()
        .find(|(key, value)| !value.is_null() && read.get(key.as_str()).is_none())
    {
        return Err(format!("unknown key {key} for this kind of fault"));
    }
    if fault.times == Some(0) {
        return Err("times must be at least 1".to_owned());
    }
    let id = simulator.faults().add(fault);
    Ok(json!({"id": id}))
}

fn clock(simulator: &Simulator) -> Value {
    json!({"now_ms": simulator.clock.now_ms(), "offset_ms": simulator.clock.offset_ms()})
}

fn set_clock(simulator: &Simulator, body: &Map<String, Value>) -> Outcome {
    only_keys(body, &["offset_ms", "advance_ms"])?;
    let number = |key: &str| match body.get(key) {
        None => Ok(None),
        Some(value) => value
            .as_i64()
            .map(Some)
            .ok_or_else(|| format!("{key} must be whole milliseconds, not {value}")),
    };
    let offset = number("offset_ms")?.unwrap_or_else(|| simulator.clock.offset_ms());
    let advance = number("advance_ms")?.unwrap_or(0);
    simulator.clock.set_offset_ms(offset.saturating_add(advance));
    Ok(clock(simulator))
}

fn counters(simulator: &Simulator) -> Outcome {
    let mut value = serde_json::to_value(&*simulator.counters()).map_err(|error| error.to_string())?;
    value["daily_used"] = Value::from(simulator.settings().daily_used);
    Ok(value)
}

fn session(simulator: &Simulator, call: &Call, body: &Map<String, Value>) -> Outcome {
    only_keys(body, &["username", "scope"])?;
    let user = match optional(body, "username")? {
        Some(username) => user_id(simulator, username)?,
        None => simulator.org.admin_user_id(),
    };
    let reply = token::mint(simulator, call, user.clone(), optional(body, "scope")?)?;
    let Content::Json(mut value) = reply.content else {
        return Err("no session was made".to_owned());
    };
    value["user_id"] = Value::from(user);
    value["organization_id"] = Value::from(simulator.org.organization_id());
    Ok(value)
}

fn change_field(simulator: &Simulator, body: &Map<String, Value>) -> Outcome {
    only_keys(body, &["action", "object", "field", "to", "spec", "username"])?;
    let org = &simulator.org;
    let object = known(simulator, text(body, "object")?)?;
    let user = match optional(body, "username")? {
        Some(username) => Some(user_id(simulator, username)?),
        None => None,
    };
    match text(body, "action")? {
        "hide" => org.hide_field(&object, text(body, "field")?, user.as_deref())?,
        "show" => org.show_field(&object, text(body, "field")?, user.as_deref())?,
        "rename" => org.rename_field(&object, text(body, "field")?, text(body, "to")?)?,
        "add" => org.add_field(&object, body.get("spec").ok_or("spec is required")?)?,
        "remove" => org.remove_field(&object, text(body, "field")?)?,
        other => {
            return Err(format!(
                "unknown action {other}; allowed: hide, show, rename, add, remove"
            ));
        }
    }
    simulator.schema_changed();
    Ok(json!({}))
}

fn validation_rule(simulator: &Simulator, body: &Map<String, Value>) -> Outcome {
    only_keys(
        body,
        &["object", "field", "equals", "message", "error_field", "clear"],
    )?;
    let object = known(simulator, text(body, "object")?)?;
    if flag(body, "clear", false)? {
        simulator.org.clear_validation_rules(&object)?;
    } else {
        let when = (
            text(body, "field")?.to_owned(),
            body.get("equals").cloned().ok_or("equals is required")?,
        );
        let message = text(body, "message")?.to_owned();
        let error_field = optional(body, "error_field")?.map(str::to_owned);
        simulator
            .org
            .set_validation_rule(&object, when, message, error_field)?;
    }
    Ok(json!({}))
}

fn duplicate_rule(simulator: &Simulator, body: &Map<String, Value>) -> Outcome {
    only_keys(body, &["object", "on", "allow_save"])?;
    let object = known(simulator, text(body, "object")?)?;
    simulator
        .org
        .set_duplicate_rule(&object, flag(body, "on", true)?, flag(body, "allow_save", true)?)?;
    Ok(json!({}))
}

fn assignment_rule(simulator: &Simulator, body: &Map<String, Value>) -> Outcome {
    only_keys(body, &["object", "owner_id"])?;
    let object = known(simulator, text(body, "object")?)?;
    simulator
        .org
        .set_assignment_rule(&object, optional(body, "owner_id")?)?;
    Ok(json!({}))
}

fn create(simulator: &Simulator, object: &str, body: &Map<String, Value>) -> Outcome {
    let object = known(simulator, object)?;
    let admin = Caller {
        user_id: simulator.org.admin_user_id(),
    };
    let options = DmlOptions {
        allow_duplicates: true,
        auto_assign: false,
        ..DmlOptions::default()
    };
    let _writing = simulator.writing();
    match simulator.org.create(&admin, &object, body, &options) {
        Ok(id) => Ok(json!({"id": id})),
        Err(list) => match errors::from_org_list(&list).content {
            Content::Json(value) => Err(value.to_string()),
            Content::Empty | Content::Text(..) | Content::Bytes(..) => Err("the row was refused".to_owned()),
        },
    }
}
