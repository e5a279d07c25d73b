//! From rows to the JSON of a record.

use serde_json::{Map, Value, json};

use super::cell::Cell;
use super::ids::RecordId;
use super::schema::Kind;
use super::state::{Row, Table};

/// `{"type","url"}` of a record.
pub(crate) fn attributes(object: &str, id: RecordId, version: &str) -> Value {
    let mut attributes = Map::with_capacity(2);
    attributes.insert("type".to_owned(), Value::String(object.to_owned()));
    attributes.insert(
        "url".to_owned(),
        Value::String(format!("/services/data/v{version}/sobjects/{object}/{id}")),
    );
    Value::Object(attributes)
}

/// One field's value, compound addresses and blob links included.
pub(crate) fn field(table: &Table, row: &Row, slot: usize, version: &str) -> Value {
    let field = &table.object.fields[slot];
    match field.kind {
        kind if kind.is_compound() => compound(table, row, slot),
        Kind::Encryptedstring => masked(row.cell(slot)),
        Kind::Base64 if !row.cell(slot).is_null() => Value::String(format!(
            "/services/data/v{version}/sobjects/{}/{}/{}",
            table.object.name, row.id, field.name
        )),
        Kind::Boolean => Value::Bool(row.cell(slot).as_bool()),
        _ => row.cell(slot).to_json(),
    }
}

/// What users without the permission to see encrypted data are shown.
fn masked(cell: &Cell) -> Value {
    cell.as_text().map_or(Value::Null, |text| {
        Value::String("*".repeat(text.chars().count()))
    })
}

/// The compound of `…Street`, `…City` and so on; null when all parts are.
fn compound(table: &Table, row: &Row, slot: usize) -> Value {
    let parts = table.object.compound_parts(slot);
    if parts.iter().all(|(_, part)| row.cell(*part).is_null()) {
        return Value::Null;
    }
    Value::Object(
        parts
            .iter()
            .map(|(key, part)| ((*key).to_owned(), row.cell(*part).to_json()))
            .collect(),
    )
}

/// A record with these fields.
pub(crate) fn some(table: &Table, row: &Row, slots: &[usize], version: &str) -> Value {
    let mut out = Map::with_capacity(slots.len() + 1);
    out.insert(
        "attributes".to_owned(),
        attributes(&table.object.name, row.id, version),
    );
    for &slot in slots {
        out.insert(
            table.object.fields[slot].name.clone(),
            field(table, row, slot, version),
        );
    }
    Value::Object(out)
}

/// A record with everything the user may see.
pub(crate) fn whole(table: &Table, row: &Row, user: Option<RecordId>, version: &str) -> Value {
    let slots: Vec<usize> = table.visible_fields(user).map(|(slot, _)| slot).collect();
    some(table, row, &slots, version)
}

/// Field name to value without `attributes`; what tests and the token endpoint read.
pub(crate) fn raw(table: &Table, row: &Row) -> Value {
    let mut out = json!({});
    if let Some(out) = out.as_object_mut() {
        for (slot, field) in table.object.live_fields() {
            let cell = row.cell(slot);
            let value = if field.kind.is_compound() {
                compound(table, row, slot)
            } else {
                cell.to_json()
            };
            let value = if field.kind == Kind::Boolean && *cell == Cell::Null {
                Value::Bool(false)
            } else {
                value
            };
            out.insert(field.name.clone(), value);
        }
    }
    out
}
