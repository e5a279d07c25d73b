//! Creating, changing and archiving one record: what the single routes and the batches share.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::associations;
use super::errors::{self, BadValue, Fault};
use super::objects::Object;
use super::portal::Data;
use super::values;

/// A checked change: the new value of each property, `None` to clear it.
type Changes = BTreeMap<String, Option<String>>;

fn read_changes(
    data: &Data,
    object: Object,
    input: &Value,
    before: Option<&BTreeMap<String, String>>,
) -> Result<Changes, Fault> {
    let empty = Map::new();
    let given = match &input["properties"] {
        Value::Object(given) => given,
        Value::Null => &empty,
        _ => return Err(errors::invalid("properties must be an object".to_owned())),
    };
    let mut changes = Changes::new();
    let mut bad = Vec::new();
    for (name, raw) in given {
        let Some(property) = data.property(object, name) else {
            bad.push(BadValue {
                property: name.clone(),
                code: "PROPERTY_DOESNT_EXIST",
                message: format!("Property \"{name}\" does not exist"),
            });
            continue;
        };
        if raw.is_object() || raw.is_array() {
            return Err(errors::invalid(format!(
                "the value of property {name} must be a string"
            )));
        }
        let text = values::text_of(raw).filter(|text| !text.is_empty());
        let held = before.and_then(|before| before.get(name));
        match text {
            None if property.read_only => bad.extend(values::check(data, property, "", None).err()),
            None => {
                changes.insert(name.clone(), None);
            }
            Some(text) => match values::check(data, property, &text, held.map(String::as_str)) {
                Ok(value) => {
                    changes.insert(name.clone(), Some(value));
                }
                Err(refused) => bad.push(refused),
            },
        }
    }
    if !bad.is_empty() {
        return Err(errors::bad_values(&bad));
    }
    Ok(changes)
}

/// The values after the change, with what the portal itself sets.
fn settle(
    data: &Data,
    object: Object,
    mut after: BTreeMap<String, String>,
    changes: Changes,
    now_ms: i64,
) -> Result<BTreeMap<String, String>, Fault> {
    for (name, value) in changes {
        match value {
            Some(value) => after.insert(name, value),
            None => after.remove(&name),
        };
    }
    match object {
        Object::Deals => {
            let pipeline = after
                .entry("pipeline".to_owned())
                .or_insert_with(|| "default".to_owned())
                .clone();
            let known = data
                .pipelines
                .iter()
                .find(|known| known.id == pipeline && known.object == "deals");
            let Some(known) = known else {
                let message = format!("{pipeline} was not one of the allowed options: pipelines of deals");
                return Err(invalid_option("pipeline", message));
            };
            if let Some(stage) = after.get("dealstage")
                && data.stage(known.id, stage).is_none()
            {
                let ids: Vec<&str> = known.stages.iter().map(|stage| stage.id).collect();
                let message = format!("{stage} was not one of the allowed options: [{}]", ids.join(", "));
                return Err(invalid_option("dealstage", message));
            }
        }
        Object::Tasks => {
            after
                .entry("hs_task_status".to_owned())
                .or_insert_with(|| "NOT_STARTED".to_owned());
            if after
                .get("hs_task_status")
                .is_some_and(|status| status == "COMPLETED")
            {
                after
                    .entry("hs_task_completion_date".to_owned())
                    .or_insert_with(|| values::instant(now_ms));
            } else {
                after.remove("hs_task_completion_date");
            }
        }
        Object::Contacts | Object::Companies | Object::Notes => {}
    }
    Ok(after)
}

fn invalid_option(property: &str, message: String) -> Fault {
    errors::bad_values(&[BadValue {
        property: property.to_owned(),
        code: "INVALID_OPTION",
        message,
    }])
}

/// 400 when a property is missing without which a record of this object cannot be made.
fn check_required(object: Object, values: &BTreeMap<String, String>) -> Result<(), Fault> {
    let (all, any): (&[&str], &[&str]) = match object {
        Object::Contacts => (&[], &["email", "firstname", "lastname"]),
        Object::Companies => (&[], &["name", "domain"]),
        Object::Deals => (&["dealname", "dealstage"], &[]),
        Object::Notes | Object::Tasks => (&["hs_timestamp"], &[]),
    };
    let mut missing: Vec<&str> = all
        .iter()
        .copied()
        .filter(|name| !values.contains_key(*name))
        .collect();
    if !any.is_empty() && !any.iter().any(|name| values.contains_key(*name)) {
        missing.extend(any);
    }
    if missing.is_empty() {
        return Ok(());
    }
    let name = object.singular().to_uppercase();
    let message = format!("Error creating {name}. Some required properties were not set.");
    Err(errors::invalid(message).with("context", json!({"properties": missing})))
}

/// 409 when another record holds a value that must be unique.
fn check_unique(
    data: &Data,
    object: Object,
    id: Option<u64>,
    values: &BTreeMap<String, String>,
) -> Result<(), Fault> {
    for property in data.properties(object).iter().filter(|property| property.unique) {
        let Some(value) = values.get(&property.name) else {
            continue;
        };
        if let Some(other) = data.find(object, value, Some(&property.name))
            && Some(other) != id
        {
            return Err(errors::conflict(object, &property.name, value, id, other));
        }
    }
    Ok(())
}

/// What a write says of a contact's primary company.
#[derive(Debug, Clone, Copy)]
enum Company {
    Unsaid,
    None,
    Is(u64),
}

/// `associatedcompanyid` is a link in a property's clothes.
fn take_company(data: &Data, object: Object, changes: &mut Changes) -> Result<Company, Fault> {
    let given = match object {
        Object::Contacts => changes.remove("associatedcompanyid"),
        _ => None,
    };
    let Some(given) = given else {
        return Ok(Company::Unsaid);
    };
    let Some(text) = given else {
        return Ok(Company::None);
    };
    let id = text
        .parse()
        .ok()
        .filter(|id| data.live(Object::Companies, *id).is_some());
    id.map(Company::Is).ok_or_else(|| {
        let message = format!("company {text} to associate with does not exist");
        invalid_option("associatedcompanyid", message)
    })
}

fn link_company(data: &mut Data, id: u64, company: Company) {
    match company {
        Company::Is(company) => data.links.add((Object::Contacts, id), company, 1),
        Company::None => {
            if let Some(company) = data.links.primary_company(Object::Contacts, id) {
                data.links
                    .cut((Object::Contacts, id), (Object::Companies, company));
            }
        }
        Company::Unsaid => {}
    }
}

/// Creates a record of `{"properties","associations"?}`. Everything is checked before anything is written.
pub(super) fn create(data: &mut Data, object: Object, input: &Value, now_ms: i64) -> Result<u64, Fault> {
    let mut changes = read_changes(data, object, input, None)?;
    let company = take_company(data, object, &mut changes)?;
    let values = settle(data, object, BTreeMap::new(), changes, now_ms)?;
    check_required(object, &values)?;
    check_unique(data, object, None, &values)?;
    let mut links = Vec::new();
    match &input["associations"] {
        Value::Null => {}
        Value::Array(specs) => {
            for spec in specs {
                links.extend(associations::read_spec(data, object, spec)?);
            }
        }
        _ => return Err(errors::invalid("associations must be a list".to_owned())),
    }
    let id = data.insert(object, values, (now_ms, now_ms));
    for (to, type_id) in links {
        data.links.add((object, id), to, type_id);
    }
    link_company(data, id, company);
    Ok(id)
}

/// Changes a record that is not archived. Gives the names that were given.
pub(super) fn update(
    data: &mut Data,
    object: Object,
    id: u64,
    input: &Value,
    now_ms: i64,
) -> Result<Vec<String>, Fault> {
    let before = data
        .live(object, id)
        .ok_or_else(errors::not_found)?
        .values
        .clone();
    let mut changes = read_changes(data, object, input, Some(&before))?;
    let names: Vec<String> = changes.keys().cloned().collect();
    let company = take_company(data, object, &mut changes)?;
    let values = settle(data, object, before, changes, now_ms)?;
    check_unique(data, object, Some(id), &values)?;
    link_company(data, id, company);
    if let Some(record) = data.records_mut(object).get_mut(&id) {
        record.values = values;
        record.updated_ms = record.updated_ms.max(now_ms);
    }
    Ok(names)
}

/// Archives a record. Archiving it again is no fault; a record that never was is.
pub(super) fn archive(data: &mut Data, object: Object, id: u64, now_ms: i64) -> Result<(), Fault> {
    let record = data
        .records_mut(object)
        .get_mut(&id)
        .ok_or_else(errors::not_found)?;
    if record.archived_ms.is_none() {
        record.archived_ms = Some(now_ms);
        record.updated_ms = record.updated_ms.max(now_ms);
        data.links.forget((object, id));
    }
    Ok(())
}
