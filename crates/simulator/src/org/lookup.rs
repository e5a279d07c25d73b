//! Finding rows outside SOQL: by id, by external id, by time window.

use std::sync::Arc;

use serde_json::{Value, json};

use super::cell::Cell;
use super::ids::RecordId;
use super::schema::{Kind, flag};
use super::shape;
use super::state::{Row, State, Table};
use super::time::{DAY_MS, format_datetime};
use super::types::{ApiError, Caller, Lookup};

/// The slot of a field rows may be looked up by: the Id, an external id or an `idLookup` field.
pub(crate) fn lookup_slot(state: &State, place: usize, user: Option<RecordId>, field: &str) -> Option<usize> {
    let table = &state.tables[place];
    let slot = table.visible_slot(user, field)?;
    let field = &table.object.fields[slot];
    (field.kind == Kind::Id || field.has(flag::EXTERNAL_ID) || field.has(flag::ID_LOOKUP)).then_some(slot)
}

/// Live rows whose field carries a value given as text.
pub(crate) fn matches<'a>(state: &'a State, place: usize, slot: usize, value: &str) -> Vec<&'a Arc<Row>> {
    let table = &state.tables[place];
    let field = &table.object.fields[slot];
    let Ok(wanted) = super::dml::cell_from_text(field, value) else {
        return Vec::new();
    };
    if let (Kind::Id, Cell::Id(id)) = (field.kind, &wanted) {
        return table.row(*id).filter(|row| !row.deleted).into_iter().collect();
    }
    if wanted.is_null() {
        return Vec::new();
    }
    table
        .live_rows()
        .filter(|row| row.cell(slot).compare(&wanted).is_eq() && !row.cell(slot).is_null())
        .collect()
}

/// The record paths of the 300 answer.
pub(crate) fn paths(table: &Table, ids: &[RecordId], version: &str) -> Vec<String> {
    ids.iter()
        .map(|id| format!("/services/data/v{version}/sobjects/{}/{id}", table.object.name))
        .collect()
}

/// `GET /sobjects/X/<id>`.
pub(crate) fn retrieve(
    state: &State,
    caller: &Caller,
    object: &str,
    id: &str,
    fields: Option<&[String]>,
    version: &str,
) -> Result<Value, ApiError> {
    let table = &state.tables[state.require(object)?];
    // Something that is no id is taken for the name of an external id field.
    let id = RecordId::parse(id).ok_or_else(|| ApiError::no_external_id(id))?;
    let row = table.row(id).ok_or_else(ApiError::not_found)?;
    if row.deleted {
        return Err(ApiError::deleted());
    }
    one(table, row, State::user(caller), fields, version)
}

fn one(
    table: &Table,
    row: &Row,
    user: Option<RecordId>,
    fields: Option<&[String]>,
    version: &str,
) -> Result<Value, ApiError> {
    let Some(fields) = fields else {
        return Ok(shape::whole(table, row, user, version));
    };
    let mut slots = Vec::with_capacity(fields.len());
    for name in fields {
        let slot = table.visible_slot(user, name.trim()).ok_or_else(|| {
            ApiError::plain(
                "INVALID_FIELD",
                format!(
                    "No such column '{}' on sobject of type {}",
                    name.trim(),
                    table.object.name
                ),
            )
        })?;
        if !slots.contains(&slot) {
            slots.push(slot);
        }
    }
    Ok(shape::some(table, row, &slots, version))
}

/// `GET /sobjects/X/<field>/<value>`.
pub(crate) fn by_external_id(
    state: &State,
    caller: &Caller,
    object: &str,
    key: (&str, &str),
    fields: Option<&[String]>,
    version: &str,
) -> Result<Lookup, ApiError> {
    let (field, value) = key;
    let user = State::user(caller);
    let place = state.require(object)?;
    let slot = lookup_slot(state, place, user, field).ok_or_else(|| ApiError::no_external_id(field))?;
    let table = &state.tables[place];
    match matches(state, place, slot, value).as_slice() {
        [] => Err(ApiError::not_found()),
        [row] => one(table, row, user, fields, version).map(Lookup::One),
        several => {
            let ids: Vec<RecordId> = several.iter().map(|row| row.id).collect();
            Ok(Lookup::Many(paths(table, &ids, version)))
        }
    }
}

/// `GET /recent`: rows this user wrote, newest first.
pub(crate) fn recent(state: &State, caller: &Caller, limit: usize, version: &str) -> Vec<Value> {
    let user = State::user(caller);
    let own = state.recents.iter().rev().filter(|(who, _)| Some(*who) == user);
    own.filter_map(|(_, id)| state.row(*id))
        .filter(|(_, row)| !row.deleted)
        .take(limit)
        .map(|(table, row)| {
            let slots: Vec<usize> = table
                .object
                .slot("Id")
                .into_iter()
                .chain(table.object.name_slot())
                .collect();
            shape::some(table, row, &slots, version)
        })
        .collect()
}

fn stamp_ms(table: &Table, row: &Row) -> i64 {
    match table.get(&row.cells, "SystemModstamp") {
        Cell::DateTime(ms) => *ms,
        _ => 0,
    }
}

fn window(state: &State, object: &str, start_ms: i64, end_ms: i64) -> Result<usize, ApiError> {
    let place = state.require(object)?;
    if !state.tables[place].object.is("replicateable") {
        return Err(ApiError::not_found());
    }
    if end_ms <= start_ms {
        return Err(ApiError::plain(
            "INVALID_REPLICATION_DATE",
            "startDate must be before endDate",
        ));
    }
    Ok(place)
}

/// `GET /sobjects/X/updated`; the window is at most 30 days.
pub(crate) fn updated(
    state: &State,
    object: &str,
    start_ms: i64,
    end_ms: i64,
    now_ms: i64,
) -> Result<Value, ApiError> {
    let table = &state.tables[window(state, object, start_ms, end_ms)?];
    if start_ms < now_ms - 30 * DAY_MS {
        return Err(ApiError::plain(
            "INVALID_REPLICATION_DATE",
            "startDate before org replication enabled date",
        ));
    }
    let ids: Vec<String> = table
        .live_rows()
        .filter(|row| (start_ms..end_ms).contains(&stamp_ms(table, row)))
        .map(|row| row.id.to_string())
        .collect();
    Ok(json!({"ids": ids, "latestDateCovered": format_datetime(end_ms.min(now_ms))}))
}

/// `GET /sobjects/X/deleted`; the log goes back 15 days.
pub(crate) fn deleted(
    state: &State,
    object: &str,
    start_ms: i64,
    end_ms: i64,
    now_ms: i64,
) -> Result<Value, ApiError> {
    let table = &state.tables[window(state, object, start_ms, end_ms)?];
    let earliest_ms = now_ms - 15 * DAY_MS;
    if start_ms < earliest_ms {
        return Err(ApiError::plain(
            "INVALID_REPLICATION_DATE",
            "startDate before org replication enabled date",
        ));
    }
    let records: Vec<Value> = table
        .rows
        .iter()
        .filter(|row| row.deleted && (start_ms..end_ms).contains(&stamp_ms(table, row)))
        .map(|row| json!({"deletedDate": format_datetime(stamp_ms(table, row)), "id": row.id.to_string()}))
        .collect();
    Ok(json!({
        "deletedRecords": records,
        "earliestDateAvailable": format_datetime(earliest_ms),
        "latestDateCovered": format_datetime(end_ms.min(now_ms)),
    }))
}

/// The base64 text of a blob field.
pub(crate) fn blob(
    state: &State,
    caller: &Caller,
    object: &str,
    id: &str,
    field: &str,
) -> Result<String, ApiError> {
    let table = &state.tables[state.require(object)?];
    let slot = table
        .visible_slot(State::user(caller), field)
        .filter(|&slot| table.object.fields[slot].kind == Kind::Base64)
        .ok_or_else(ApiError::not_found)?;
    let row = RecordId::parse(id)
        .and_then(|id| table.row(id))
        .ok_or_else(ApiError::not_found)?;
    if row.deleted {
        return Err(ApiError::deleted());
    }
    Ok(row.cell(slot).as_text().unwrap_or_default().to_owned())
}
