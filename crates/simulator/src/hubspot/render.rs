//! Records as JSON.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::objects::Object;
use super::portal::{Data, Record};
use super::values::instant;

/// The properties an answer holds: those asked for that the app can see, always with the id and both dates.
/// Unknown names are left out without a word.
pub(super) fn names(data: &Data, object: Object, asked: &[String]) -> BTreeSet<String> {
    let defaults = object.defaults().iter().map(|name| (*name).to_owned());
    let wanted: Vec<String> = if asked.is_empty() {
        defaults.collect()
    } else {
        asked.to_vec()
    };
    wanted
        .into_iter()
        .chain(["hs_object_id", object.created(), object.modified()].map(str::to_owned))
        .filter(|name| data.property(object, name).is_some())
        .collect()
}

/// What the answer to a write holds: every value that is set.
pub(super) fn names_of(data: &Data, object: Object, record: &Record) -> BTreeSet<String> {
    let set: Vec<String> = data
        .properties(object)
        .iter()
        .filter(|property| data.value(object, record, &property.name).is_some())
        .map(|property| property.name.clone())
        .collect();
    names(data, object, &set)
}

/// `{"id","properties","createdAt","updatedAt","archived"}`; every value is text or null.
pub(super) fn record(data: &Data, object: Object, record: &Record, names: &BTreeSet<String>) -> Value {
    let mut properties = Map::new();
    for name in names {
        properties.insert(name.clone(), Value::from(data.value(object, record, name)));
    }
    let mut body = json!({
        "id": record.id.to_string(), "properties": properties, "createdAt": instant(record.created_ms),
        "updatedAt": instant(record.updated_ms), "archived": record.archived_ms.is_some(),
    });
    if let Some(archived_ms) = record.archived_ms {
        body["archivedAt"] = Value::from(instant(archived_ms));
    }
    body
}
