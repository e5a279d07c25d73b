//! What Salesforce refuses in a typed row before it is stored.

use super::super::cell::{Cell, compare_text};
use super::super::ids::RecordId;
use super::super::schema::{Field, Kind, flag};
use super::super::state::State;
use super::super::types::ApiError;

/// Required fields of a new row that are missing or null.
pub(crate) fn required(state: &State, place: usize, cells: &[Cell]) -> Option<ApiError> {
    let table = &state.tables[place];
    let person = table.object.name == "Account" && !table.get(cells, "LastName").is_null();
    let missing: Vec<&str> = table
        .object
        .live_fields()
        .filter(|(slot, field)| {
            field.has(flag::CREATEABLE)
                && !field.has(flag::NILLABLE)
                && !field.has(flag::DEFAULTED)
                && field.kind != Kind::Boolean
                && cells[*slot].is_null()
                && !(table.object.name == "Account"
                    && (field.name == "LastName" || (person && field.name == "Name")))
        })
        .map(|(_, field)| field.name.as_str())
        .collect();
    (!missing.is_empty()).then(|| {
        ApiError::about(
            "REQUIRED_FIELD_MISSING",
            format!("Required fields are missing: [{}]", missing.join(", ")),
            &missing,
        )
    })
}

/// Checks each written value against its field.
pub(crate) fn values(state: &State, written: &[(usize, Cell)], place: usize) -> Vec<ApiError> {
    let object = &state.tables[place].object;
    written
        .iter()
        .filter_map(|(slot, cell)| {
            let field = &object.fields[*slot];
            match cell {
                Cell::Null => cleared(field),
                Cell::Text(text) => text_value(field, text),
                Cell::Int(_) | Cell::Number(_) => number(field, cell),
                Cell::Id(id) => reference(state, field, *id, &object.name),
                _ => None,
            }
        })
        .collect()
}

/// A required field cannot be cleared by an update.
fn cleared(field: &Field) -> Option<ApiError> {
    let required = !field.has(flag::NILLABLE) && !field.has(flag::DEFAULTED) && field.kind != Kind::Boolean;
    required.then(|| {
        ApiError::about(
            "REQUIRED_FIELD_MISSING",
            format!("Required fields are missing: [{}]", field.name),
            &[&field.name],
        )
    })
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|letter| letter.is_alphanumeric() || letter == '-')
    };
    let local_ok = !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && !local
            .chars()
            .any(|letter| letter.is_whitespace() || "\"(),:;<>@[\\]".contains(letter));
    local_ok && domain.contains('.') && domain.split('.').all(label)
}

fn text_value(field: &Field, text: &str) -> Option<ApiError> {
    let length = text.encode_utf16().count();
    if field.kind != Kind::Base64 && field.length > 0 && length > field.length {
        return Some(ApiError::about(
            "STRING_TOO_LONG",
            format!(
                "{}: data value too large: {text} (max length={})",
                field.label, field.length
            ),
            &[&field.name],
        ));
    }
    if field.kind == Kind::Email && !is_email(text) {
        return Some(ApiError::about(
            "INVALID_EMAIL_ADDRESS",
            format!("{}: invalid email address: {text}", field.label),
            &[&field.name],
        ));
    }
    if !field.has(flag::RESTRICTED) {
        return None;
    }
    let known = |value: &str| {
        field
            .picklist
            .iter()
            .any(|pick| pick.active && compare_text(&pick.value, value).is_eq())
    };
    let bad = match field.kind {
        Kind::Picklist if !known(text) => Some(text),
        Kind::Multipicklist => text.split(';').find(|value| !known(value)),
        _ => None,
    }?;
    Some(ApiError::about(
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        format!("{}: bad value for restricted picklist field: {bad}", field.label),
        &[&field.name],
    ))
}

fn number(field: &Field, cell: &Cell) -> Option<ApiError> {
    let value = cell.as_f64()?;
    let digits = if field.kind == Kind::Int {
        field.digits.max(1)
    } else {
        field.precision.saturating_sub(field.scale)
    };
    let limit = 10_f64.powi(i32::try_from(digits).unwrap_or(18));
    (digits > 0 && value.abs() >= limit).then(|| {
        ApiError::about(
            "NUMBER_OUTSIDE_VALID_RANGE",
            format!(
                "{}: value outside of valid range on numeric field: {value}",
                field.label
            ),
            &[&field.name],
        )
    })
}

fn reference(state: &State, field: &Field, id: RecordId, object: &str) -> Option<ApiError> {
    let place = state.place_of(id);
    if place.is_none()
        || !field
            .reference_to
            .iter()
            .any(|target| state.place(target) == place)
    {
        // Objects the simulator does not hold (Pricebook2, Individual, ...) cannot be checked further.
        let unknown = place.is_none()
            && field
                .reference_to
                .iter()
                .any(|target| state.place(target).is_none());
        return (!unknown).then(|| super::convert::wrong_id(field, &id.to_string()));
    }
    match state.row(id) {
        None if field.name == "RecordTypeId" => Some(ApiError::about(
            "INVALID_CROSS_REFERENCE_KEY",
            format!("{}: this ID value isn't valid for the user: {id}", field.label),
            &[&field.name],
        )),
        None => Some(ApiError::about(
            "INVALID_CROSS_REFERENCE_KEY",
            "invalid cross reference id",
            &[],
        )),
        Some((_, row)) if row.deleted => Some(ApiError::about("ENTITY_IS_DELETED", "entity is deleted", &[])),
        Some((table, row)) if field.name == "OwnerId" && table.object.name == "User" => {
            let inactive = !table.get(&row.cells, "IsActive").as_bool();
            inactive.then(|| {
                ApiError::about(
                    "INACTIVE_OWNER_OR_USER",
                    format!(
                        "operation performed with inactive user [{id}] as owner of {}",
                        object.to_lowercase()
                    ),
                    &[],
                )
            })
        }
        Some((table, row)) if field.name == "RecordTypeId" => {
            let fits = table.get(&row.cells, "SobjectType").as_text() == Some(object);
            (!fits).then(|| {
                ApiError::about(
                    "INVALID_CROSS_REFERENCE_KEY",
                    format!("{}: this ID value isn't valid for the user: {id}", field.label),
                    &[&field.name],
                )
            })
        }
        Some(_) => None,
    }
}

/// Rules that span fields of one object.
pub(crate) fn whole_row(state: &State, place: usize, cells: &[Cell]) -> Vec<ApiError> {
    let table = &state.tables[place];
    let integrity =
        |message: &str, field: &str| ApiError::about("FIELD_INTEGRITY_EXCEPTION", message, &[field]);
    let mut errors = Vec::new();
    match table.object.name.as_str() {
        "Event" => {
            let start = table.get(cells, "StartDateTime");
            let end = table.get(cells, "EndDateTime");
            if start.is_null() || end.is_null() {
                errors.push(ApiError::about(
                    "REQUIRED_FIELD_MISSING",
                    "Required fields are missing: [DurationInMinutes, ActivityDateTime]",
                    &["DurationInMinutes", "ActivityDateTime"],
                ));
            } else if end.compare(start).is_lt() {
                errors.push(integrity(
                    "End Date/Time: Event end must be after its start",
                    "EndDateTime",
                ));
            }
        }
        "CampaignMember"
            if table.get(cells, "LeadId").is_null() && table.get(cells, "ContactId").is_null() =>
        {
            errors.push(ApiError::about(
                "REQUIRED_FIELD_MISSING",
                "Required fields are missing: [LeadId, ContactId]",
                &["LeadId", "ContactId"],
            ));
        }
        _ => {}
    }
    if state.options.state_country_picklists {
        errors.extend(places(state, place, cells));
    }
    for rule in &table.rules {
        if table.object.fields[rule.slot].removed {
            continue;
        }
        if super::convert::cell(&table.object.fields[rule.slot], &rule.value)
            .is_ok_and(|value| value == cells[rule.slot])
        {
            let field = rule.error_field.as_deref();
            errors.push(ApiError::about(
                "FIELD_CUSTOM_VALIDATION_EXCEPTION",
                rule.message.clone(),
                field.as_slice(),
            ));
        }
    }
    errors
}

/// With state and country picklists on, the free text must be a known label.
fn places(state: &State, place: usize, cells: &[Cell]) -> Vec<ApiError> {
    let table = &state.tables[place];
    let mut errors = Vec::new();
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
        let known = cells[text_slot].as_text().is_none_or(|text| {
            field
                .picklist
                .iter()
                .any(|pick| compare_text(&pick.label, text).is_eq())
        });
        if !known && cells[slot].is_null() {
            let kind = if stem.ends_with("State") {
                "state"
            } else {
                "country"
            };
            let listed = if kind == "state" { "states" } else { "countries" };
            errors.push(ApiError::about(
                "FIELD_INTEGRITY_EXCEPTION",
                format!(
                    "There's a problem with this {kind}, even though it may appear correct. Please select a \
                     {kind} from the list of valid {listed}.: {}",
                    table.object.fields[text_slot].label
                ),
                &[stem],
            ));
        }
    }
    errors
}

/// Unique fields: the first value another row already carries.
pub(crate) fn unique(state: &State, place: usize, cells: &[Cell], own: Option<RecordId>) -> Option<ApiError> {
    let table = &state.tables[place];
    table.object.live_fields().find_map(|(slot, field)| {
        if !field.has(flag::UNIQUE) || cells[slot].is_null() {
            return None;
        }
        let other = table
            .live_rows()
            .find(|row| Some(row.id) != own && row.cell(slot).compare(&cells[slot]).is_eq())?;
        Some(ApiError::about(
            "DUPLICATE_VALUE",
            format!(
                "duplicate value found: {} duplicates value on record with id: {}",
                field.name, other.id
            ),
            &[],
        ))
    })
}
