//! What an admin changes in Setup: security, fields, rules.

use serde::Deserialize;
use serde_json::Value;

use super::cell::Cell;
use super::ids::RecordId;
use super::schema::{Child, Field, Kind, Pick, text_field};
use super::state::{State, ValidationRule};
use std::sync::Arc;

fn place(state: &State, object: &str) -> Result<usize, String> {
    state.place(object).ok_or_else(|| format!("no object {object:?}"))
}

fn slot(state: &State, object: &str, field: &str) -> Result<(usize, usize), String> {
    let place = place(state, object)?;
    let slot = state.tables[place].object.slot(field);
    slot.map(|slot| (place, slot))
        .ok_or_else(|| format!("no field {field:?} on {object}"))
}

fn user(text: &str) -> Result<RecordId, String> {
    RecordId::parse(text).ok_or_else(|| format!("{text:?} is no 15- or 18-character user id"))
}

/// Hides or shows a field for a user, or for everyone.
pub(crate) fn set_hidden(
    state: &mut State,
    object: &str,
    field: &str,
    user_id: Option<&str>,
    hide: bool,
) -> Result<(), String> {
    let (place, slot) = slot(state, object, field)?;
    let who = user_id.map(user).transpose()?;
    let table = &mut state.tables[place];
    if hide && table.object.fields[slot].kind == Kind::Id {
        return Err("the Id cannot be hidden".to_owned());
    }
    let hidden = table.hidden.entry(slot).or_default();
    match (who, hide) {
        (None, _) => hidden.everyone = hide,
        (Some(who), true) => {
            hidden.users.insert(who);
        }
        (Some(who), false) => {
            hidden.users.remove(&who);
        }
    }
    if !hidden.everyone && hidden.users.is_empty() {
        table.hidden.remove(&slot);
    }
    Ok(())
}

fn custom_name(name: &str) -> Result<(), String> {
    let letters = name.strip_suffix("__c").unwrap_or_default();
    let plain = letters.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && letters
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if plain {
        Ok(())
    } else {
        Err(format!(
            "{name:?} is no custom field name: letters, digits, _ and then __c"
        ))
    }
}

/// Renames a custom field; its values stay.
pub(crate) fn rename(state: &mut State, object: &str, from: &str, to: &str) -> Result<(), String> {
    let (place, slot) = slot(state, object, from)?;
    custom_name(to)?;
    let object = &mut state.tables[place].object;
    if !object.fields[slot].is_custom() {
        return Err(format!("{from} is a standard field"));
    }
    if object.slot(to).is_some_and(|other| other != slot) {
        return Err(format!("{} already has a field {to}", object.name));
    }
    to.clone_into(&mut object.fields[slot].name);
    object.reindex();
    let (parent_of, renamed) = (object.name.clone(), from.to_owned());
    for table in &mut state.tables {
        for child in &mut table.object.child_relationships {
            if child.object == parent_of && child.field.eq_ignore_ascii_case(&renamed) {
                to.clone_into(&mut child.field);
            }
        }
    }
    Ok(())
}

/// Deletes a custom field and its values.
pub(crate) fn remove(state: &mut State, object: &str, field: &str) -> Result<(), String> {
    let (place, slot) = slot(state, object, field)?;
    let table = &mut state.tables[place];
    if !table.object.fields[slot].is_custom() {
        return Err(format!("{field} is a standard field"));
    }
    table.object.fields[slot].removed = true;
    table.object.reindex();
    for row in &mut table.rows {
        if let Some(cell) = Arc::make_mut(row).cells.get_mut(slot) {
            *cell = Cell::Null;
        }
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one box of the new-field form"
)]
struct Spec {
    name: String,
    #[serde(rename = "type")]
    kind: Kind,
    label: Option<String>,
    length: Option<usize>,
    precision: Option<u32>,
    scale: Option<u32>,
    #[serde(default)]
    picklist: Vec<Pick>,
    #[serde(default)]
    restricted: bool,
    #[serde(default)]
    external_id: bool,
    #[serde(default)]
    unique: bool,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    reference_to: Vec<String>,
    relationship_name: Option<String>,
}

/// Flags a custom field of a type is made with.
fn flags(spec: &Spec) -> String {
    let long = spec.kind == Kind::Textarea && spec.length.unwrap_or(255) > 255;
    let mut flags = match spec.kind {
        Kind::Boolean => "CDfGmoU",
        Kind::Multipicklist => "CfnmU",
        Kind::Textarea if long => "CnmU",
        Kind::Double | Kind::Currency | Kind::Percent => "gCfnmoU",
        Kind::Reference => "gCfGnmSoU",
        _ => "gCfGnmoU",
    }
    .to_owned();
    if spec.required {
        flags.retain(|letter| letter != 'n' && letter != 'm');
    }
    for (set, letters) in [
        (spec.restricted, "R"),
        (spec.external_id, "xK"),
        (spec.unique, "u"),
    ] {
        if set {
            flags.push_str(letters);
        }
    }
    flags
}

/// Adds a custom field; every row has it as null (false for a checkbox).
pub(crate) fn add(state: &mut State, object: &str, spec: &Value) -> Result<(), String> {
    let spec: Spec = serde_json::from_value(spec.clone()).map_err(|error| format!("field spec: {error}"))?;
    custom_name(&spec.name)?;
    let place = place(state, object)?;
    if state.tables[place].object.slot(&spec.name).is_some() {
        return Err(format!("{object} already has a field {}", spec.name));
    }
    if matches!(
        spec.kind,
        Kind::Id | Kind::Address | Kind::Location | Kind::Base64 | Kind::Combobox
    ) {
        return Err(format!("a custom field cannot be of type {}", spec.kind.name()));
    }
    if (spec.kind == Kind::Reference) == spec.reference_to.is_empty() {
        return Err("a reference needs referenceTo, and only a reference has it".to_owned());
    }
    for target in &spec.reference_to {
        self::place(state, target)?;
    }
    let length = spec.length.unwrap_or(match spec.kind {
        Kind::Reference => 18,
        Kind::Email => 80,
        Kind::Phone => 40,
        Kind::Multipicklist => 4_099,
        kind if kind.is_text() => 255,
        _ => 0,
    });
    let stem = spec.name.trim_end_matches("__c").to_owned();
    let relationship = spec
        .relationship_name
        .clone()
        .unwrap_or_else(|| format!("{stem}__r"));
    let field = Field {
        kind: spec.kind,
        length,
        precision: spec
            .precision
            .unwrap_or(if spec.kind.is_number() { 18 } else { 0 }),
        scale: spec.scale.unwrap_or(0),
        digits: if spec.kind == Kind::Int { 9 } else { 0 },
        flags: flags(&spec),
        relationship_name: (spec.kind == Kind::Reference).then_some(relationship),
        reference_to: spec.reference_to.clone(),
        picklist: spec.picklist,
        ..text_field(
            spec.name.clone(),
            spec.label.unwrap_or_else(|| stem.replace('_', " ")),
        )
    };
    let blank = if spec.kind == Kind::Boolean {
        Cell::Bool(false)
    } else {
        Cell::Null
    };
    let table = &mut state.tables[place];
    table.object.fields.push(field);
    table.object.reindex();
    for row in &mut table.rows {
        Arc::make_mut(row).cells.push(blank.clone());
    }
    let own = table.object.name.clone();
    let plural = format!("{stem}_{}s__r", own.trim_end_matches("__c"));
    for target in spec.reference_to {
        let Some(place) = state.place(&target) else {
            continue;
        };
        state.tables[place].object.child_relationships.push(Child {
            object: own.clone(),
            field: spec.name.clone(),
            name: Some(plural.clone()),
            cascades: false,
            restricts: false,
        });
    }
    Ok(())
}

/// Adds a validation rule.
pub(crate) fn add_rule(
    state: &mut State,
    object: &str,
    (field, value): (String, Value),
    message: String,
    error_field: Option<String>,
) -> Result<(), String> {
    let (place, slot) = slot(state, object, &field)?;
    state.tables[place].rules.push(ValidationRule {
        slot,
        value,
        message,
        error_field,
    });
    Ok(())
}

/// Drops the validation rules of an object.
pub(crate) fn clear_rules(state: &mut State, object: &str) -> Result<(), String> {
    let place = place(state, object)?;
    state.tables[place].rules.clear();
    Ok(())
}

/// Switches the standard duplicate rule of an object.
pub(crate) fn set_duplicate_rule(
    state: &mut State,
    object: &str,
    on: bool,
    allow_save: bool,
) -> Result<(), String> {
    let place = place(state, object)?;
    let table = &mut state.tables[place];
    if !matches!(table.object.name.as_str(), "Account" | "Contact" | "Lead") {
        return Err(format!(
            "{} has no duplicate rule; Account, Contact and Lead have",
            table.object.name
        ));
    }
    table.duplicate_rule = on.then_some(allow_save);
    Ok(())
}

/// Gives new rows to a user or queue unless the caller switched assignment off; `None` takes the rule away.
pub(crate) fn set_assignment_rule(
    state: &mut State,
    object: &str,
    owner: Option<&str>,
) -> Result<(), String> {
    let place = place(state, object)?;
    let owner = owner.map(user).transpose()?;
    if !matches!(
        state.tables[place].object.name.as_str(),
        "Account" | "Case" | "Lead"
    ) {
        return Err(format!(
            "{object} has no assignment rules; Account, Case and Lead have"
        ));
    }
    if let Some(owner) = owner
        && state.row(owner).is_none()
    {
        return Err(format!("no user or queue {owner}"));
    }
    state.tables[place].assignee = owner;
    Ok(())
}
