//! `/__control/hubspot/…`: tokens, definitions and records of the portal.

use serde_json::{Map, Value, json};

use super::catalog::{self, Property};
use super::objects::Object;
use super::portal::Data;
use super::{oauth, token, write};
use crate::http::state::Simulator;

/// Methods and paths, as `GET /__control` lists them.
pub(crate) const ROUTES: [&str; 7] = [
    "POST /__control/hubspot/session",
    "POST /__control/hubspot/kill_sessions",
    "POST /__control/hubspot/expire_sessions",
    "POST /__control/hubspot/revoke_grants",
    "POST /__control/hubspot/properties",
    "GET /__control/hubspot/records/{object}",
    "POST /__control/hubspot/records/{object}",
];

type Outcome = Result<Value, String>;

/// Serves the path after `/__control/hubspot/`; `None` when there is no such route.
pub(crate) fn route(
    simulator: &Simulator,
    method: &str,
    names: &[&str],
    body: &Map<String, Value>,
) -> Option<Outcome> {
    Some(match (method, names) {
        ("POST", ["session"]) => session(simulator, body),
        ("POST", ["kill_sessions"]) => {
            email(simulator, body).map(|email| json!({"ended": simulator.portal.oauth().end(email)}))
        }
        ("POST", ["expire_sessions"]) => email(simulator, body).map(|email| {
            let now_ms = simulator.clock.now_ms();
            json!({"expired": simulator.portal.oauth().expire(email, now_ms)})
        }),
        ("POST", ["revoke_grants"]) => email(simulator, body).map(|email| {
            let picked = |grant: &oauth::Grant| email.is_none_or(|email| grant.email == email);
            json!({"revoked": simulator.portal.oauth().revoke(|_, grant| picked(grant))})
        }),
        ("POST", ["properties"]) => change_property(simulator, body),
        ("GET", ["records", object]) => find(object).map(|object| records(&simulator.portal.data(), object)),
        ("POST", ["records", object]) => find(object).and_then(|object| create(simulator, object, body)),
        _ => return None,
    })
}

fn find(text: &str) -> Result<Object, String> {
    Object::find(text).ok_or_else(|| {
        let names = Object::ALL.map(Object::plural);
        format!("unknown object {text}; objects: {}", names.join(", "))
    })
}

fn only_keys(body: &Map<String, Value>, allowed: &[&str]) -> Result<(), String> {
    match body.keys().find(|key| !allowed.contains(&key.as_str())) {
        Some(key) => Err(format!("unknown key {key}; allowed: {}", allowed.join(", "))),
        None => Ok(()),
    }
}

fn text<'a>(body: &'a Map<String, Value>, key: &str) -> Result<&'a str, String> {
    let value = body.get(key).and_then(Value::as_str);
    value.ok_or_else(|| format!("{key} is required and must be a string"))
}

/// `{"email"?}`, which must be a person's.
fn email<'a>(simulator: &Simulator, body: &'a Map<String, Value>) -> Result<Option<&'a str>, String> {
    only_keys(body, &["email"])?;
    if !body.contains_key("email") {
        return Ok(None);
    }
    let email = text(body, "email")?;
    let known = oauth::emails(simulator);
    if known.iter().any(|other| other == email) {
        Ok(Some(email))
    } else {
        Err(format!("{email} is no active user; users: {}", known.join(", ")))
    }
}

fn session(simulator: &Simulator, body: &Map<String, Value>) -> Outcome {
    only_keys(body, &["email", "scope"])?;
    let mut person = body.clone();
    let scopes = match person.remove("scope") {
        None => oauth::all_scopes(),
        Some(Value::String(scope)) => {
            oauth::scopes(&scope).map_err(|name| format!("the scope {name} is unknown"))?
        }
        Some(other) => return Err(format!("scope must be a string, not {other}")),
    };
    let email = email(simulator, &person)?.unwrap_or(crate::USERNAME);
    let refresh_token = token::grant(simulator, email, scopes);
    let mut answer = token::open(simulator, &refresh_token).ok_or("no session was made")?;
    answer["hub_id"] = Value::from(super::HUB_ID);
    answer["user"] = Value::from(email);
    Ok(answer)
}

/// `{"action","object","name","to"?,"spec"?}`; actions: hide, show, rename, add, remove.
fn change_property(simulator: &Simulator, body: &Map<String, Value>) -> Outcome {
    only_keys(body, &["action", "object", "name", "to", "spec"])?;
    let object = find(text(body, "object")?)?;
    let action = text(body, "action")?;
    let now_ms = simulator.clock.now_ms();
    let mut data = simulator.portal.data();
    if action == "add" {
        let spec = body.get("spec").ok_or("spec is required")?;
        let property = Property::read(spec, catalog::group(object), now_ms)?;
        if data
            .properties(object)
            .iter()
            .any(|known| known.name == property.name)
        {
            return Err(format!(
                "{} has a property {} already",
                object.plural(),
                property.name
            ));
        }
        data.properties_mut(object).push(property);
        return Ok(json!({}));
    }
    let name = text(body, "name")?;
    let place = data
        .properties(object)
        .iter()
        .position(|known| known.name == name);
    let place = place.ok_or_else(|| format!("{} has no property {name}", object.plural()))?;
    match action {
        "hide" | "show" => data.properties_mut(object)[place].invisible = action == "hide",
        "rename" => {
            let to = text(body, "to")?;
            if data.properties(object).iter().any(|known| known.name == to) {
                return Err(format!("{} has a property {to} already", object.plural()));
            }
            to.clone_into(&mut data.properties_mut(object)[place].name);
            move_values(&mut data, object, name, Some(to));
        }
        "remove" => {
            data.properties_mut(object).remove(place);
            move_values(&mut data, object, name, None);
        }
        other => {
            return Err(format!(
                "unknown action {other}; allowed: hide, show, rename, add, remove"
            ));
        }
    }
    Ok(json!({}))
}

fn move_values(data: &mut Data, object: Object, from: &str, to: Option<&str>) {
    for record in data.records_mut(object).values_mut() {
        if let (Some(value), Some(to)) = (record.values.remove(from), to) {
            record.values.insert(to.to_owned(), value);
        }
    }
}

/// Every record, archived ones too, with its set values as they are held and its links.
fn records(data: &Data, object: Object) -> Value {
    let rows: Vec<Value> = data
        .records(object)
        .values()
        .map(|record| {
            let mut links = Map::new();
            for to in Object::ALL {
                let ids: Vec<String> = data
                    .links
                    .of(object, record.id, to)
                    .map(|(id, _)| id.to_string())
                    .collect();
                if !ids.is_empty() {
                    links.insert(to.plural().to_owned(), json!(ids));
                }
            }
            json!({
                "id": record.id.to_string(), "properties": record.values, "created_ms": record.created_ms,
                "updated_ms": record.updated_ms, "archived": record.archived_ms.is_some(), "links": links,
            })
        })
        .collect();
    json!({"records": rows})
}

fn create(simulator: &Simulator, object: Object, body: &Map<String, Value>) -> Outcome {
    only_keys(body, &["properties", "associations"])?;
    let input = Value::Object(body.clone());
    let mut data = simulator.portal.data();
    let id = write::create(&mut data, object, &input, simulator.clock.now_ms());
    id.map(|id| json!({"id": id.to_string()}))
        .map_err(|fault| fault.message)
}
