//! The standard duplicate rules of Account, Contact and Lead, when an admin has switched them on.

use serde_json::{Map, Value, json};

use super::super::cell::Cell;
use super::super::ids::RecordId;
use super::super::shape;
use super::super::state::State;
use super::super::types::{ApiError, DmlOptions};

/// Refuses a row that looks like another one: same e-mail (contacts, leads) or same name (accounts).
pub(crate) fn check(
    state: &State,
    place: usize,
    cells: &[Cell],
    own: Option<RecordId>,
    user: Option<RecordId>,
    options: &DmlOptions,
) -> Option<ApiError> {
    let table = &state.tables[place];
    let allow_save = table.duplicate_rule?;
    if allow_save && options.allow_duplicates {
        return None;
    }
    let object = table.object.name.as_str();
    let slot = table
        .object
        .slot(if object == "Account" { "Name" } else { "Email" })?;
    if cells[slot].is_null() {
        return None;
    }
    let records: Vec<Value> = table
        .live_rows()
        .filter(|row| Some(row.id) != own && row.cell(slot).compare(&cells[slot]).is_eq())
        .take(100)
        .map(|row| {
            let record = if options.include_record_details {
                shape::whole(table, row, user, &options.version)
            } else {
                let mut record = Map::new();
                record.insert(
                    "attributes".to_owned(),
                    shape::attributes(object, row.id, &options.version),
                );
                record.insert("Id".to_owned(), Value::String(row.id.to_string()));
                Value::Object(record)
            };
            json!({"additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0, "record": record})
        })
        .collect();
    if records.is_empty() {
        return None;
    }
    let message = "Use one of these records?";
    let extra = vec![(
        // Misspelt on Salesforce's wire.
        "duplicateResut".to_owned(),
        json!({
            "allowSave": allow_save,
            "duplicateRule": format!("Standard_{object}_Duplicate_Rule"),
            "duplicateRuleEntityType": object,
            "errorMessage": message,
            "matchResults": [{
                "entityType": object,
                "errors": [],
                "matchEngine": "FuzzyMatchEngine",
                "matchRecords": records,
                "rule": format!("Standard_{object}_Match_Rule_v1_0"),
                "size": records.len(),
                "success": true,
            }],
        }),
    )];
    Some(ApiError {
        extra: Some(extra),
        ..ApiError::about("DUPLICATES_DETECTED", message, &[])
    })
}
