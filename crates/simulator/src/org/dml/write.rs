//! Create, update, upsert.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::super::cell::Cell;
use super::super::ids::RecordId;
use super::super::lookup;
use super::super::schema::{Kind, flag};
use super::super::state::State;
use super::super::types::{ApiError, Caller, DmlOptions, Upserted};
use super::{checks, convert, derive, duplicates, person};

fn one(error: ApiError) -> Vec<ApiError> {
    vec![error]
}

/// The live row a path names, or what Salesforce says of it.
pub(crate) fn find_target(state: &State, place: usize, text: &str) -> Result<RecordId, ApiError> {
    let table = &state.tables[place];
    let Some(id) = RecordId::parse(text) else {
        return Err(ApiError::about(
            "MALFORMED_ID",
            format!("malformed id {text}"),
            &[],
        ));
    };
    if id.prefix() != table.object.prefix() {
        let label = &table.object.label;
        return Err(ApiError::about(
            "MALFORMED_ID",
            format!("{label} ID: id value of incorrect type: {text}"),
            &["Id"],
        ));
    }
    match table.row(id) {
        None => Err(ApiError {
            status: 404,
            code_first: true,
            ..ApiError::plain("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        }),
        Some(row) if row.deleted => Err(ApiError::deleted()),
        Some(_) => Ok(id),
    }
}

/// Creates a row.
pub(crate) fn create(
    state: &mut State,
    caller: &Caller,
    object: &str,
    body: &Map<String, Value>,
    options: &DmlOptions,
    now_ms: i64,
) -> Result<RecordId, Vec<ApiError>> {
    let place = state.require(object).map_err(one)?;
    if !state.tables[place].object.is("createable") {
        return Err(one(ApiError::method_not_allowed("POST", "HEAD,GET")));
    }
    let written = convert::body(state, place, State::user(caller), body, true, None)?;
    insert(state, caller, place, &written, options, now_ms)
}

fn insert(
    state: &mut State,
    caller: &Caller,
    place: usize,
    written: &convert::Written,
    options: &DmlOptions,
    now_ms: i64,
) -> Result<RecordId, Vec<ApiError>> {
    let user = State::user(caller).unwrap_or(state.admin);
    let table = &state.tables[place];
    let mut cells = table.blank();
    defaults(state, place, &mut cells, user);
    for (slot, cell) in written {
        // A null for a field with a default takes the default.
        if !(cell.is_null() && table.object.fields[*slot].has(flag::DEFAULTED)) {
            cells[*slot] = cell.clone();
        }
    }
    if let (Some(assignee), true) = (table.assignee, options.auto_assign) {
        table.put(&mut cells, "OwnerId", Cell::Id(assignee));
    }
    if let Some(error) = checks::required(state, place, &cells) {
        return Err(one(error));
    }
    let errors = checks::values(state, written, place);
    if !errors.is_empty() {
        return Err(errors);
    }
    for field in [
        "CreatedDate",
        "LastModifiedDate",
        "SystemModstamp",
        "LastStageChangeDate",
        "ContentModifiedDate",
    ] {
        table.put(&mut cells, field, Cell::DateTime(now_ms));
    }
    for field in ["CreatedById", "LastModifiedById"] {
        table.put(&mut cells, field, Cell::Id(user));
    }
    let slots: Vec<usize> = written.iter().map(|(slot, _)| *slot).collect();
    derive::derive(state, place, &mut cells, None, &slots, now_ms);
    if let Some(error) = person::refused(&state.tables[place], &cells, &slots) {
        return Err(one(error));
    }
    let cells = finish(state, place, cells, None, Some(user), options)?;
    let id = state.tables[place].push(cells);
    person::keep_alike(state, id);
    state.note_recent(user, id);
    Ok(id)
}

/// Picklist defaults, the caller as owner, the corporate currency.
fn defaults(state: &State, place: usize, cells: &mut [Cell], user: RecordId) {
    let table = &state.tables[place];
    for (slot, field) in table.object.live_fields() {
        let picked = field
            .picklist
            .iter()
            .find(|pick| pick.default)
            .map(|pick| &pick.value);
        if let Some(value) = field.default.as_ref().or(picked)
            && field.kind.is_text()
        {
            cells[slot] = Cell::text(value);
        }
    }
    table.put(cells, "OwnerId", Cell::Id(user));
    if table.object.name == "User" {
        table.put(cells, "IsActive", Cell::Bool(true));
        table.put(cells, "UserType", Cell::text("Standard"));
    }
    if table.object.slot("RecordTypeId").is_some()
        && let Some(types) = state.table("RecordType")
    {
        let own = types
            .live_rows()
            .find(|row| types.get(&row.cells, "SobjectType").as_text() == Some(&table.object.name));
        table.put(
            cells,
            "RecordTypeId",
            own.map_or(Cell::Null, |row| Cell::Id(row.id)),
        );
    }
}

/// The last checks: validation rules, unique values, duplicate rules.
fn finish(
    state: &State,
    place: usize,
    cells: Vec<Cell>,
    own: Option<RecordId>,
    user: Option<RecordId>,
    options: &DmlOptions,
) -> Result<Vec<Cell>, Vec<ApiError>> {
    let errors = checks::whole_row(state, place, &cells);
    if !errors.is_empty() {
        return Err(errors);
    }
    let refused = checks::unique(state, place, &cells, own)
        .or_else(|| duplicates::check(state, place, &cells, own, user, options));
    refused.map_or(Ok(cells), |error| Err(one(error)))
}

/// Changes a row.
pub(crate) fn update(
    state: &mut State,
    caller: &Caller,
    object: &str,
    id: &str,
    body: &Map<String, Value>,
    options: &DmlOptions,
    now_ms: i64,
) -> Result<(), Vec<ApiError>> {
    let place = state.require(object).map_err(one)?;
    if !state.tables[place].object.is("updateable") {
        return Err(one(ApiError::method_not_allowed("PATCH", "HEAD,GET")));
    }
    let id = find_target(state, place, id).map_err(one)?;
    let written = convert::body(state, place, State::user(caller), body, false, None)?;
    change(state, caller, place, id, written, options, now_ms)
}

fn change(
    state: &mut State,
    caller: &Caller,
    place: usize,
    id: RecordId,
    written: convert::Written,
    options: &DmlOptions,
    now_ms: i64,
) -> Result<(), Vec<ApiError>> {
    let user = State::user(caller).unwrap_or(state.admin);
    let errors = checks::values(state, &written, place);
    if !errors.is_empty() {
        return Err(errors);
    }
    let table = &state.tables[place];
    let position = table.position(id).map_err(|_| one(ApiError::not_found()))?;
    let before = Arc::clone(&table.rows[position]);
    let mut cells = before.cells.clone();
    cells.resize(table.object.fields.len(), Cell::Null);
    let slots: Vec<usize> = written.iter().map(|(slot, _)| *slot).collect();
    for (slot, cell) in written {
        if !(cell.is_null() && table.object.fields[slot].has(flag::DEFAULTED)) {
            cells[slot] = cell;
        }
    }
    // A stamp never runs backwards, whatever the clock does.
    let stamp_ms = match table.get(&cells, "SystemModstamp") {
        Cell::DateTime(last_ms) => now_ms.max(*last_ms),
        _ => now_ms,
    };
    for field in ["LastModifiedDate", "SystemModstamp"] {
        table.put(&mut cells, field, Cell::DateTime(stamp_ms));
    }
    table.put(&mut cells, "LastModifiedById", Cell::Id(user));
    derive::derive(state, place, &mut cells, Some(&before.cells), &slots, now_ms);
    if let Some(error) = person::refused(&state.tables[place], &cells, &slots) {
        return Err(one(error));
    }
    let cells = finish(state, place, cells, Some(id), Some(user), options)?;
    Arc::make_mut(&mut state.tables[place].rows[position]).cells = cells;
    person::keep_alike(state, id);
    state.note_recent(user, id);
    Ok(())
}

/// Creates or updates by an external id or `idLookup` field.
pub(crate) fn upsert(
    state: &mut State,
    caller: &Caller,
    object: &str,
    key: (&str, &str),
    body: &Map<String, Value>,
    options: &DmlOptions,
    now_ms: i64,
) -> Result<Upserted, Vec<ApiError>> {
    let (field, value) = key;
    let place = state.require(object).map_err(one)?;
    let user = State::user(caller);
    let slot =
        lookup::lookup_slot(state, place, user, field).ok_or_else(|| one(ApiError::no_external_id(field)))?;
    let by_id = state.tables[place].object.fields[slot].kind == Kind::Id;
    if by_id && value.is_empty() {
        return create(state, caller, object, body, options, now_ms)
            .map(|id| Upserted::Created(id.to_string()));
    }
    let found: Vec<RecordId> = lookup::matches(state, place, slot, value)
        .into_iter()
        .map(|row| row.id)
        .collect();
    match found.as_slice() {
        [] if by_id => Err(one(find_target(state, place, value)
            .err()
            .unwrap_or_else(ApiError::not_found))),
        [] if options.update_only => Err(one(ApiError::not_found())),
        [] => {
            if !state.tables[place].object.is("createable") {
                return Err(one(ApiError::method_not_allowed("PATCH", "HEAD,GET")));
            }
            let mut written = convert::body(state, place, user, body, true, Some(slot))?;
            let own = convert::cell(
                &state.tables[place].object.fields[slot],
                &Value::String(value.to_owned()),
            )
            .map_err(one)?;
            written.push((slot, own));
            insert(state, caller, place, &written, options, now_ms)
                .map(|id| Upserted::Created(id.to_string()))
        }
        [id] => {
            let written = convert::body(state, place, user, body, false, Some(slot))?;
            change(state, caller, place, *id, written, options, now_ms)?;
            Ok(Upserted::Updated(id.to_string()))
        }
        several => Ok(Upserted::Multiple(lookup::paths(
            &state.tables[place],
            several,
            &options.version,
        ))),
    }
}
