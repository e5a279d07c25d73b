//! Delete: rows go to the recycle bin, with what belongs to them.

use std::sync::Arc;

use super::super::cell::Cell;
use super::super::ids::RecordId;
use super::super::state::{Row, State};
use super::super::types::{ApiError, Caller};
use super::person;
use super::write::find_target;

/// Deletes a row and, through cascading relationships, its children; other children lose the reference.
pub(crate) fn delete(
    state: &mut State,
    caller: &Caller,
    object: &str,
    id: &str,
    now_ms: i64,
) -> Result<(), Vec<ApiError>> {
    let place = state.require(object).map_err(|error| vec![error])?;
    if !state.tables[place].object.is("deletable") {
        return Err(vec![ApiError::method_not_allowed("DELETE", "HEAD,GET,PATCH")]);
    }
    let id = find_target(state, place, id).map_err(|error| vec![error])?;
    let table = &state.tables[place];
    let is_half = table.object.name == "Contact"
        && table
            .row(id)
            .is_some_and(|row| person::is_person(table, &row.cells));
    if is_half {
        let message = "Contacts of person accounts cannot be deleted: delete the account";
        return Err(vec![ApiError::about("DELETE_FAILED", message, &[])]);
    }
    let user = State::user(caller).unwrap_or(state.admin);
    remove(state, place, id, user, now_ms);
    Ok(())
}

fn remove(state: &mut State, place: usize, id: RecordId, user: RecordId, now_ms: i64) {
    let table = &mut state.tables[place];
    let Ok(position) = table.position(id) else { return };
    if table.rows[position].deleted {
        return;
    }
    let mut row = Row::clone(&table.rows[position]);
    row.deleted = true;
    table.put(&mut row.cells, "IsDeleted", Cell::Bool(true));
    for field in ["SystemModstamp", "LastModifiedDate"] {
        table.put(&mut row.cells, field, Cell::DateTime(now_ms));
    }
    table.put(&mut row.cells, "LastModifiedById", Cell::Id(user));
    table.rows[position] = Arc::new(row);
    for child in table.object.child_relationships.clone() {
        let Some(place) = state.place(&child.object) else {
            continue;
        };
        let table = &mut state.tables[place];
        let Some(slot) = table.object.slot(&child.field) else {
            continue;
        };
        let target = Cell::Id(id);
        if child.cascades {
            let below: Vec<RecordId> = table
                .live_rows()
                .filter(|row| *row.cell(slot) == target)
                .map(|row| row.id)
                .collect();
            for id in below {
                remove(state, place, id, user, now_ms);
            }
        } else {
            for row in table
                .rows
                .iter_mut()
                .filter(|row| !row.deleted && *row.cell(slot) == target)
            {
                Arc::make_mut(row).cells[slot] = Cell::Null;
            }
        }
    }
}
