//! From the JSON of a request body to typed cells.

use serde_json::{Map, Value};

use super::super::cell::Cell;
use super::super::ids::RecordId;
use super::super::lookup;
use super::super::schema::{Field, Kind, flag};
use super::super::state::State;
use super::super::time::{parse_date, parse_datetime, parse_time};
use super::super::types::ApiError;

/// What a body writes, in its order.
pub(crate) type Written = Vec<(usize, Cell)>;

fn no_such_column(name: &str, object: &str) -> ApiError {
    ApiError::plain(
        "INVALID_FIELD",
        format!("No such column '{name}' on sobject of type {object}"),
    )
}

/// Reads a body for one object. `skip` is the external id field of an upsert, which the body must not repeat.
pub(crate) fn body(
    state: &State,
    place: usize,
    user: Option<RecordId>,
    body: &Map<String, Value>,
    creating: bool,
    skip: Option<usize>,
) -> Result<Written, Vec<ApiError>> {
    let table = &state.tables[place];
    let object = &table.object;
    let mut written = Vec::new();
    let mut refused: Vec<&str> = Vec::new();
    let mut errors = Vec::new();
    for (key, value) in body {
        if key == "attributes" {
            continue;
        }
        let Some(slot) = table.visible_slot(user, key) else {
            match object.relationship(key).filter(|&slot| table.sees(user, slot)) {
                Some(slot) if value.is_object() => {
                    match by_external_id(state, user, &object.fields[slot], value) {
                        Ok(id) => written.push((slot, Cell::Id(id))),
                        Err(error) => errors.push(error),
                    }
                }
                _ => errors.push(no_such_column(key, &object.name)),
            }
            continue;
        };
        let field = &object.fields[slot];
        if field.kind == Kind::Id && creating {
            errors.push(ApiError::about(
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                "cannot specify Id in an insert call",
                &["Id"],
            ));
        } else if field.kind == Kind::Id || skip == Some(slot) {
            errors.push(ApiError::about(
                "INVALID_FIELD",
                format!(
                    "The {} field should not be specified in the sobject data.",
                    field.name
                ),
                &[&field.name],
            ));
        } else if !field.has(if creating {
            flag::CREATEABLE
        } else {
            flag::UPDATEABLE
        }) {
            refused.push(&field.name);
        } else {
            match cell(field, value) {
                Ok(cell) => written.push((slot, cell)),
                Err(error) => errors.push(error),
            }
        }
    }
    if !refused.is_empty() {
        let message = format!(
            "Unable to create/update fields: {}. Please check the security settings of this field and verify \
             that it is read/write for your profile or permission set.",
            refused.join(", ")
        );
        errors.push(ApiError::about(
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            message,
            &refused,
        ));
    }
    if errors.is_empty() {
        Ok(written)
    } else {
        Err(errors)
    }
}

/// Resolves `{"Ext_Id__c": "x"}` of a relationship key.
fn by_external_id(
    state: &State,
    user: Option<RecordId>,
    field: &Field,
    value: &Value,
) -> Result<RecordId, ApiError> {
    let named = value
        .get("attributes")
        .and_then(|attributes| attributes.get("type"))
        .and_then(Value::as_str);
    let pair = value
        .as_object()
        .and_then(|object| object.iter().find(|(key, _)| *key != "attributes"))
        .filter(|(_, value)| value.is_string() || value.is_number());
    let Some((key, value)) = pair else {
        return Err(ApiError::plain(
            "INVALID_FIELD",
            format!(
                "Reference {} needs one external id field with a value",
                field.name
            ),
        ));
    };
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let targets = field
        .reference_to
        .iter()
        .filter(|target| named.is_none_or(|named| named == target.as_str()));
    let mut last = field.reference_to.first().map_or("", String::as_str);
    for target in targets {
        let Some(place) = state.place(target) else {
            continue;
        };
        last = target;
        let Some(slot) = lookup::lookup_slot(state, place, user, key) else {
            continue;
        };
        match lookup::matches(state, place, slot, &text).as_slice() {
            [] => {}
            [row] => return Ok(row.id),
            several => {
                return Err(ApiError::plain(
                    "INVALID_FIELD",
                    format!(
                        "Foreign key external ID: {text} is not unique for field {key} in entity {target}: {} rows",
                        several.len()
                    ),
                ));
            }
        }
    }
    Err(ApiError::plain(
        "INVALID_FIELD",
        format!(
            "Foreign key external ID: {} not found for field {key} in entity {last}",
            text.to_lowercase()
        ),
    ))
}

fn token(value: &Value) -> (&'static str, String) {
    match value {
        Value::Null => ("VALUE_NULL", "null".to_owned()),
        Value::Bool(true) => ("VALUE_TRUE", "true".to_owned()),
        Value::Bool(false) => ("VALUE_FALSE", "false".to_owned()),
        Value::Number(number) if number.is_f64() => ("VALUE_NUMBER_FLOAT", number.to_string()),
        Value::Number(number) => ("VALUE_NUMBER_INT", number.to_string()),
        Value::String(text) => ("VALUE_STRING", text.clone()),
        Value::Array(_) => ("START_ARRAY", "[".to_owned()),
        Value::Object(_) => ("START_OBJECT", "{".to_owned()),
    }
}

fn wrong_type(field: &Field, value: &Value) -> ApiError {
    let (token, text) = token(value);
    ApiError::plain(
        "JSON_PARSER_ERROR",
        format!(
            "Cannot deserialize instance of {} from {token} value {text} or request may be missing a required \
             field at [line:1, column:2]",
            field.kind.name()
        ),
    )
}

/// Reads one value for a field. Texts are trimmed and an empty text is null, as Salesforce does.
pub(crate) fn cell(field: &Field, value: &Value) -> Result<Cell, ApiError> {
    if value.is_null() {
        return Ok(if field.kind == Kind::Boolean {
            Cell::Bool(false)
        } else {
            Cell::Null
        });
    }
    let wrong = || wrong_type(field, value);
    if let Some(text) = value.as_str() {
        let text = text.trim();
        if text.is_empty() && field.kind != Kind::Boolean {
            return Ok(Cell::Null);
        }
        return match field.kind {
            Kind::Boolean => match text {
                "true" => Ok(Cell::Bool(true)),
                "false" => Ok(Cell::Bool(false)),
                _ => Err(wrong()),
            },
            Kind::Int => text.parse().map(Cell::Int).map_err(|_| wrong()),
            Kind::Double | Kind::Currency | Kind::Percent => text
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite())
                .map(Cell::Number)
                .ok_or_else(wrong),
            Kind::Date => parse_date(text)
                .or_else(|| parse_datetime(text).map(|ms| ms.div_euclid(super::super::time::DAY_MS)))
                .map(Cell::Date)
                .ok_or_else(wrong),
            Kind::Datetime => parse_datetime(text)
                .map(|ms| Cell::DateTime(ms - ms.rem_euclid(1_000)))
                .or_else(|| parse_date(text).map(|days| Cell::DateTime(days * super::super::time::DAY_MS)))
                .ok_or_else(wrong),
            Kind::Id | Kind::Reference => RecordId::parse(text)
                .map(Cell::Id)
                .ok_or_else(|| wrong_id(field, text)),
            Kind::Address | Kind::Location => Err(wrong()),
            Kind::Time => parse_time(text).map(|text| Cell::text(&text)).ok_or_else(wrong),
            _ => Ok(Cell::text(text)),
        };
    }
    match (value, field.kind) {
        (Value::Bool(value), Kind::Boolean) => Ok(Cell::Bool(*value)),
        (Value::Number(number), Kind::Int) => number.as_i64().map(Cell::Int).ok_or_else(wrong),
        (Value::Number(number), Kind::Double | Kind::Currency | Kind::Percent) => {
            number.as_f64().map(Cell::Number).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

/// `<Label>: id value of incorrect type: <value>`.
pub(crate) fn wrong_id(field: &Field, text: &str) -> ApiError {
    ApiError::about(
        "MALFORMED_ID",
        format!("{}: id value of incorrect type: {text}", field.label),
        &[&field.name],
    )
}
