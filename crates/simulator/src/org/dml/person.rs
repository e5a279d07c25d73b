//! Accounts that are persons: each is an account and a contact at once, kept alike whichever of the two is written.
//!
//! What the describe shows is recorded; how the pair is kept alike is general knowledge of the platform.

use std::sync::Arc;

use super::super::cell::Cell;
use super::super::ids::RecordId;
use super::super::schema::flag;
use super::super::state::{State, Table};
use super::super::types::ApiError;

/// Fields that both have under one name.
const SHARED: [&str; 11] = [
    "FirstName",
    "LastName",
    "Salutation",
    "Phone",
    "Fax",
    "OwnerId",
    "CurrencyIsoCode",
    "IsPersonAccount",
    "CreatedDate",
    "LastModifiedDate",
    "SystemModstamp",
];

/// What the account calls a field of its contact.
fn account_name(contact_field: &str) -> String {
    if SHARED.contains(&contact_field) {
        return contact_field.to_owned();
    }
    contact_field
        .strip_suffix("__c")
        .map_or_else(|| format!("Person{contact_field}"), |stem| format!("{stem}__pc"))
}

/// The slots of account and contact that hold the same.
fn pairs(account: &Table, contact: &Table) -> Vec<(usize, usize)> {
    contact
        .object
        .live_fields()
        .filter(|(_, field)| !field.kind.is_compound())
        .filter_map(|(slot, field)| Some((account.object.slot(&account_name(&field.name))?, slot)))
        .collect()
}

pub(super) fn is_person(table: &Table, cells: &[Cell]) -> bool {
    table.get(cells, "IsPersonAccount").as_bool()
}

/// The other half of a row that was just written, made when it is not there yet.
pub(crate) fn keep_alike(state: &mut State, written: RecordId) {
    let (Some(accounts), Some(contacts)) = (state.place("Account"), state.place("Contact")) else {
        return;
    };
    let Some((table, row)) = state.row(written) else {
        return;
    };
    let is_account = table.object.name == "Account";
    if !is_person(table, &row.cells) || !(is_account || table.object.name == "Contact") {
        return;
    }
    let (account, contact) = (&state.tables[accounts], &state.tables[contacts]);
    let pairs = pairs(account, contact);
    let (from, link, place) = if is_account {
        (row.cells.clone(), "PersonContactId", contacts)
    } else {
        (row.cells.clone(), "AccountId", accounts)
    };
    let other = table.get(&from, link).as_id();
    let copied = pairs.into_iter().map(|(of_account, of_contact)| {
        if is_account {
            (of_account, of_contact)
        } else {
            (of_contact, of_account)
        }
    });
    let read = |slot: usize| from.get(slot).cloned().unwrap_or(Cell::Null);
    let Some(other) = other else {
        let mut cells = contact.blank();
        for (source, target) in copied {
            cells[target] = read(source);
        }
        contact.put(&mut cells, "AccountId", Cell::Id(written));
        for field in ["CreatedById", "LastModifiedById"] {
            contact.put(&mut cells, field, account.get(&from, field).clone());
        }
        contact.put(&mut cells, "Name", account.get(&from, "Name").clone());
        let twin = state.tables[contacts].push(cells);
        change(state, accounts, written, |table, cells| {
            table.put(cells, "PersonContactId", Cell::Id(twin));
        });
        return;
    };
    let name = table.get(&from, "Name").clone();
    let copied: Vec<(usize, Cell)> = copied.map(|(source, target)| (target, read(source))).collect();
    change(state, place, other, |table, cells| {
        for (slot, cell) in copied {
            cells[slot] = cell;
        }
        table.put(cells, "Name", name);
    });
}

fn change(state: &mut State, place: usize, id: RecordId, set: impl FnOnce(&Table, &mut [Cell])) {
    let Ok(position) = state.tables[place].position(id) else {
        return;
    };
    let mut row = Arc::clone(&state.tables[place].rows[position]);
    let fields = state.tables[place].object.fields.len();
    let cells = &mut Arc::make_mut(&mut row).cells;
    cells.resize(fields, Cell::Null);
    set(&state.tables[place], cells);
    state.tables[place].rows[position] = row;
}

/// A person's name is made of its parts, and a company has no part of a person.
pub(super) fn refused(table: &Table, cells: &[Cell], written: &[usize]) -> Option<ApiError> {
    if table.object.name != "Account" || table.object.slot("IsPersonAccount").is_none() {
        return None;
    }
    let is_person = !table.get(cells, "LastName").is_null();
    let is_wrong = |name: &str| {
        if is_person {
            return name == "Name";
        }
        name.starts_with("Person") || name.ends_with("__pc") || name == "FirstName" || name == "Salutation"
    };
    let wrong: Vec<&str> = written
        .iter()
        .filter(|slot| is_person || !cells[**slot].is_null())
        .map(|slot| &table.object.fields[*slot])
        .filter(|field| is_wrong(&field.name) && field.has(flag::CREATEABLE) && !field.has(flag::DEFAULTED))
        .map(|field| field.name.as_str())
        .collect();
    (!wrong.is_empty()).then(|| {
        let message = format!(
            "Account: bad field names on insert/update call: {}",
            wrong.join(", ")
        );
        ApiError::about("INVALID_FIELD_FOR_INSERT_UPDATE", message, &wrong)
    })
}

#[cfg(test)]
mod tests;
