//! Values Salesforce computes from others when a row is written.

use super::super::cell::Cell;
use super::super::ids::RecordId;
use super::super::state::{State, Table};
use super::super::time::{DAY_MS, civil_from_days};

/// Fills the derived cells of a row. `before` is the stored row of an update, `written` the slots the body sets.
pub(crate) fn derive(
    state: &State,
    place: usize,
    cells: &mut [Cell],
    before: Option<&[Cell]>,
    written: &[usize],
    now_ms: i64,
) {
    let table = &state.tables[place];
    let wrote = |field: &str| {
        table
            .object
            .slot(field)
            .is_some_and(|slot| written.contains(&slot))
    };
    match table.object.name.as_str() {
        "Contact" | "Lead" | "User" => full_name(table, cells),
        "Account" if !table.get(cells, "LastName").is_null() => {
            full_name(table, cells);
            table.put(cells, "IsPersonAccount", Cell::Bool(true));
        }
        "Opportunity" => {
            let moved =
                before.is_none_or(|before| table.get(before, "StageName") != table.get(cells, "StageName"));
            if moved {
                stage(
                    state,
                    table,
                    cells,
                    wrote("Probability"),
                    wrote("ForecastCategoryName"),
                );
                if before.is_some() {
                    table.put(cells, "LastStageChangeDate", Cell::DateTime(now_ms));
                }
            }
            fiscal(table, cells);
        }
        "Task" => task(state, table, cells, now_ms),
        "Event" => event(
            state,
            table,
            cells,
            wrote("EndDateTime") && !wrote("DurationInMinutes"),
        ),
        "Case" => case(state, table, cells, now_ms),
        "CampaignMember" => {
            let responded = table.get(cells, "Status").as_text() == Some("Responded");
            table.put(cells, "HasResponded", Cell::Bool(responded));
            let person = [table.get(cells, "ContactId"), table.get(cells, "LeadId")]
                .into_iter()
                .find_map(Cell::as_id);
            let name = person.map_or(Cell::Null, |id| cell_of(state, id, "Name"));
            table.put(cells, "Name", name);
        }
        "Subscription__c" if table.get(cells, "Name").is_null() => {
            table.put(
                cells,
                "Name",
                Cell::text(&format!("SUB-{:05}", table.rows.len() + 1)),
            );
        }
        _ => {}
    }
    if state.options.state_country_picklists {
        codes(table, cells, written);
    }
}

/// A cell of another row by field name; null when row or field is missing.
fn cell_of(state: &State, id: RecordId, field: &str) -> Cell {
    state
        .row(id)
        .map_or(Cell::Null, |(table, row)| table.get(&row.cells, field).clone())
}

fn full_name(table: &Table, cells: &mut [Cell]) {
    let part = |field: &str| table.get(cells, field).as_text().filter(|text| !text.is_empty());
    let parts: Vec<&str> = ["FirstName", "LastName"].into_iter().filter_map(part).collect();
    let name = Cell::text(&parts.join(" "));
    table.put(cells, "Name", name);
}

/// The row of a status or stage table whose `ApiName` is this value.
fn value_row<'a>(state: &'a State, object: &str, value: &Cell) -> Option<(&'a Table, &'a [Cell])> {
    let table = state.table(object)?;
    let row = table
        .live_rows()
        .find(|row| table.get(&row.cells, "ApiName").compare(value).is_eq())?;
    Some((table, &row.cells))
}

fn stage(state: &State, table: &Table, cells: &mut [Cell], keep_probability: bool, keep_category: bool) {
    let Some((stages, row)) = value_row(state, "OpportunityStage", table.get(cells, "StageName")) else {
        return;
    };
    for field in ["IsClosed", "IsWon", "ForecastCategory"] {
        table.put(cells, field, stages.get(row, field).clone());
    }
    if !keep_category {
        table.put(
            cells,
            "ForecastCategoryName",
            stages.get(row, "ForecastCategoryName").clone(),
        );
    }
    if !keep_probability {
        table.put(
            cells,
            "Probability",
            stages.get(row, "DefaultProbability").clone(),
        );
    }
}

fn fiscal(table: &Table, cells: &mut [Cell]) {
    let amount = table.get(cells, "Amount").as_f64();
    let probability = table.get(cells, "Probability").as_f64();
    let expected = amount
        .zip(probability)
        .map_or(Cell::Null, |(amount, share)| Cell::Number(amount * share / 100.0));
    table.put(cells, "ExpectedRevenue", expected);
    if let Cell::Date(days) = *table.get(cells, "CloseDate") {
        let (year, month, _) = civil_from_days(days);
        let quarter = (month - 1) / 3 + 1;
        table.put(cells, "FiscalYear", Cell::Int(year));
        table.put(cells, "FiscalQuarter", Cell::Int(quarter));
        table.put(cells, "Fiscal", Cell::text(&format!("{year} {quarter}")));
    }
}

/// The account an activity hangs under.
fn activity_account(state: &State, table: &Table, cells: &mut [Cell]) {
    let ids = [table.get(cells, "WhatId"), table.get(cells, "WhoId")];
    let account = ids.into_iter().filter_map(Cell::as_id).find_map(|id| {
        if id.prefix() == *b"001" {
            Some(Cell::Id(id))
        } else {
            Some(cell_of(state, id, "AccountId")).filter(|cell| !cell.is_null())
        }
    });
    table.put(cells, "AccountId", account.unwrap_or(Cell::Null));
}

fn task(state: &State, table: &Table, cells: &mut [Cell], now_ms: i64) {
    let status = table.get(cells, "Status").clone();
    let closed = value_row(state, "TaskStatus", &status)
        .is_some_and(|(statuses, row)| statuses.get(row, "IsClosed").as_bool());
    let high = table
        .get(cells, "Priority")
        .as_text()
        .is_some_and(|text| text.eq_ignore_ascii_case("High"));
    table.put(cells, "IsClosed", Cell::Bool(closed));
    table.put(cells, "IsHighPriority", Cell::Bool(high));
    if !closed {
        table.put(cells, "CompletedDateTime", Cell::Null);
    } else if table.get(cells, "CompletedDateTime").is_null() {
        table.put(cells, "CompletedDateTime", Cell::DateTime(now_ms));
    }
    let count = |field: &str| Cell::Int(i64::from(!table.get(cells, field).is_null()));
    let (who, what) = (count("WhoId"), count("WhatId"));
    table.put(cells, "WhoCount", who);
    table.put(cells, "WhatCount", what);
    activity_account(state, table, cells);
}

fn event(state: &State, table: &Table, cells: &mut [Cell], end_given: bool) {
    let moment = |cells: &[Cell], field: &str| match table.get(cells, field) {
        Cell::DateTime(ms) => Some(*ms),
        _ => None,
    };
    let all_day = table.get(cells, "IsAllDayEvent").as_bool();
    let start = moment(cells, "StartDateTime")
        .or_else(|| moment(cells, "ActivityDateTime"))
        .or_else(|| {
            if let (true, Cell::Date(days)) = (all_day, table.get(cells, "ActivityDate")) {
                Some(days * DAY_MS)
            } else {
                None
            }
        });
    let minutes = table
        .get(cells, "DurationInMinutes")
        .as_f64()
        .map(|minutes| Cell::Number(minutes * 60_000.0));
    let end = match (start, minutes) {
        (Some(start), Some(Cell::Number(length))) if !end_given =>
        {
            #[expect(clippy::cast_possible_truncation, reason = "a duration of minutes fits")]
            Some(start + length as i64)
        }
        _ => moment(cells, "EndDateTime"),
    };
    if let Some(start) = start {
        table.put(cells, "StartDateTime", Cell::DateTime(start));
        table.put(cells, "ActivityDateTime", Cell::DateTime(start));
        table.put(cells, "ActivityDate", Cell::Date(start.div_euclid(DAY_MS)));
    }
    if let (Some(start), Some(end)) = (start, end) {
        table.put(cells, "EndDateTime", Cell::DateTime(end));
        table.put(cells, "EndDate", Cell::Date(end.div_euclid(DAY_MS)));
        table.put(cells, "DurationInMinutes", Cell::Int((end - start) / 60_000));
    }
    activity_account(state, table, cells);
}

fn case(state: &State, table: &Table, cells: &mut [Cell], now_ms: i64) {
    let closed = value_row(state, "CaseStatus", table.get(cells, "Status"))
        .is_some_and(|(statuses, row)| statuses.get(row, "IsClosed").as_bool());
    table.put(cells, "IsClosed", Cell::Bool(closed));
    if !closed {
        table.put(cells, "ClosedDate", Cell::Null);
    } else if table.get(cells, "ClosedDate").is_null() {
        table.put(cells, "ClosedDate", Cell::DateTime(now_ms));
    }
    if table.get(cells, "CaseNumber").is_null() {
        table.put(
            cells,
            "CaseNumber",
            Cell::text(&format!("{:08}", 1_001 + table.rows.len())),
        );
    }
    let contact = table.get(cells, "ContactId").as_id();
    for (field, source) in [
        ("ContactPhone", "Phone"),
        ("ContactMobile", "MobilePhone"),
        ("ContactEmail", "Email"),
        ("ContactFax", "Fax"),
    ] {
        table.put(
            cells,
            field,
            contact.map_or(Cell::Null, |id| cell_of(state, id, source)),
        );
    }
    if let (Some(contact), true) = (contact, table.get(cells, "AccountId").is_null()) {
        table.put(cells, "AccountId", cell_of(state, contact, "AccountId"));
    }
}

/// State and country picklists: a written code decides the text, else the text decides the code.
fn codes(table: &Table, cells: &mut [Cell], written: &[usize]) {
    for (slot, field) in table.object.live_fields() {
        let Some(stem) = field.name.strip_suffix("Code") else {
            continue;
        };
        let Some(text_slot) = table
            .object
            .slot(stem)
            .filter(|_| field.when.as_deref() == Some("stateCountry"))
        else {
            continue;
        };
        if written.contains(&slot) {
            let label = field
                .picklist
                .iter()
                .find(|pick| cells[slot].as_text() == Some(&pick.value));
            cells[text_slot] = label.map_or(Cell::Null, |pick| Cell::text(&pick.label));
        } else if written.contains(&text_slot) {
            let pick = field
                .picklist
                .iter()
                .find(|pick| cells[text_slot].compare(&Cell::text(&pick.label)).is_eq());
            cells[slot] = pick.map_or(Cell::Null, |pick| Cell::text(&pick.value));
        }
    }
}
