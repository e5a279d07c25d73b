//! `/composite/sobjects`: up to 200 records, results by position, 200 even when all fail.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::reply::{Answer, Reply};
use super::router::Context;
use super::rows::known_object;
use super::{errors, json, rows};
use crate::org::{ApiError, Upserted};

/// Records of one write.
const MOST_RECORDS: usize = 200;
/// Ids of one POST retrieve.
const MOST_RETRIEVED: usize = 2_000;
/// Runs of equal object types in one write.
const MOST_CHUNKS: usize = 10;

/// One record to write.
#[derive(Debug)]
struct Record {
    object: String,
    id: Option<String>,
    body: Map<String, Value>,
}

/// What became of one record.
type Outcome = Result<Value, Vec<ApiError>>;

/// `POST`, `PATCH` and `DELETE /composite/sobjects`.
pub(crate) fn any_object(context: &Context<'_>) -> Answer {
    context.only(&["POST", "PATCH", "DELETE"])?;
    match context.method.as_str() {
        "DELETE" => delete(context),
        "PATCH" => {
            let (all_or_none, records) = read(context)?;
            let options = context.dml_options(all_or_none);
            let prefixes = prefixes(context);
            Ok(write(context, all_or_none, &records, |record| {
                let id = record.id.as_deref().ok_or_else(|| {
                    vec![errors::error(
                        400,
                        "MISSING_ARGUMENT",
                        "Id not specified in an update call",
                    )]
                })?;
                right_object(&prefixes, &record.object, id)?;
                let org = &context.simulator.org;
                org.update(&context.caller, &record.object, id, &record.body, &options)
                    .map(|()| success(id))
            }))
        }
        _ => {
            let (all_or_none, records) = read(context)?;
            let options = context.dml_options(all_or_none);
            Ok(write(context, all_or_none, &records, |record| {
                let org = &context.simulator.org;
                org.create(&context.caller, &record.object, &record.body, &options)
                    .map(|id| success(&id))
            }))
        }
    }
}

/// An id whose prefix belongs to another object is that object's id.
fn right_object(prefixes: &HashMap<String, String>, object: &str, id: &str) -> Result<(), Vec<ApiError>> {
    let other = id.get(..3).and_then(|prefix| prefixes.get(prefix));
    if other.is_none_or(|name| name.eq_ignore_ascii_case(object)) {
        return Ok(());
    }
    Err(vec![ApiError {
        fields: Some(vec!["Id".to_owned()]),
        ..errors::error(
            400,
            "MALFORMED_ID",
            &format!("{object} ID: id value of incorrect type: {id}"),
        )
    }])
}

fn success(id: &str) -> Value {
    json!({"id": id, "success": true, "errors": []})
}

fn too_many() -> Reply {
    errors::refuse(
        400,
        "EXCEEDED_ID_LIMIT",
        &format!("record limit reached. cannot submit more than {MOST_RECORDS} records into this call"),
    )
}

/// Reads and checks the list of records; a malformed one fails the call.
fn read(context: &Context<'_>) -> Result<(bool, Vec<Record>), Reply> {
    let body = json::read_object(context.call)?;
    let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
    let list = body.get("records").and_then(Value::as_array);
    let Some(list) = list.filter(|list| !list.is_empty()) else {
        return Err(errors::refuse(
            400,
            "REQUIRED_FIELD_MISSING",
            "At least 1 record is required",
        ));
    };
    if list.len() > MOST_RECORDS {
        return Err(too_many());
    }
    let mut records: Vec<Record> = Vec::new();
    let mut chunks = 0;
    for item in list {
        let record = read_record(item)?;
        if records.last().is_none_or(|last| last.object != record.object) {
            chunks += 1;
        }
        records.push(record);
    }
    if chunks > MOST_CHUNKS {
        return Err(errors::refuse(
            400,
            "LIMIT_EXCEEDED",
            "Cannot have more than 10 chunks in a single operation. Please rearrange the data to reduce chunking.",
        ));
    }
    Ok((all_or_none, records))
}

fn read_record(item: &Value) -> Result<Record, Reply> {
    let map = item
        .as_object()
        .ok_or_else(|| json::parser_error("a record must be an object"))?;
    // The real parser streams: the type must be known before any other key arrives.
    let first = map.iter().next().filter(|(key, _)| *key == "attributes");
    let object = first
        .and_then(|(_, attributes)| attributes.get("type"))
        .and_then(Value::as_str);
    let Some(object) = object else {
        return Err(json::parser_error(
            "Nested object for polymorphic foreign key must have an attributes field before any other fields.",
        ));
    };
    let mut record = Record {
        object: object.to_owned(),
        id: None,
        body: Map::new(),
    };
    for (key, value) in map.iter().skip(1) {
        if key.eq_ignore_ascii_case("id") {
            record.id = value.as_str().map(str::to_owned);
        } else {
            record.body.insert(key.clone(), value.clone());
        }
    }
    Ok(record)
}

fn no_such_object(object: &str) -> Vec<ApiError> {
    vec![errors::error(
        400,
        "INVALID_TYPE",
        &format!("sObject type '{object}' is not supported."),
    )]
}

/// Writes record by record, all or none if asked, and prints the results by position.
fn write(
    context: &Context<'_>,
    all_or_none: bool,
    records: &[Record],
    one: impl Fn(&Record) -> Outcome,
) -> Reply {
    let names = context.simulator.org.object_names();
    let outcomes = transaction(context, all_or_none, records, |record| {
        if names.iter().any(|name| name.eq_ignore_ascii_case(&record.object)) {
            one(record)
        } else {
            Err(no_such_object(&record.object))
        }
    });
    Reply::json(200, Value::Array(outcomes))
}

fn transaction<T>(
    context: &Context<'_>,
    all_or_none: bool,
    items: &[T],
    one: impl Fn(&T) -> Outcome,
) -> Vec<Value> {
    let org = &context.simulator.org;
    let _writing = context.writing();
    let before = all_or_none.then(|| org.snapshot());
    let outcomes: Vec<Outcome> = items.iter().map(one).collect();
    let failed = outcomes.iter().any(Result::is_err);
    let rolled_back = match before {
        Some(before) if failed => {
            org.restore(before);
            true
        }
        _ => false,
    };
    outcomes
        .into_iter()
        .map(|outcome| match outcome {
            Ok(_) if rolled_back => errors::collection_failure(&[errors::error(
                400,
                "ALL_OR_NONE_OPERATION_ROLLED_BACK",
                "Record rolled back because not all records were valid and the request was using AllOrNone header",
            )]),
            Ok(value) => value,
            Err(list) => errors::collection_failure(&list),
        })
        .collect()
}

fn prefixes(context: &Context<'_>) -> HashMap<String, String> {
    let global = context
        .simulator
        .org
        .describe_global(&context.caller, &context.version);
    global["sobjects"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|object| {
            Some((
                object["keyPrefix"].as_str()?.to_owned(),
                object["name"].as_str()?.to_owned(),
            ))
        })
        .collect()
}

/// `DELETE /composite/sobjects?ids=a,b&allOrNone=`.
fn delete(context: &Context<'_>) -> Answer {
    let all_or_none = context
        .call
        .query_value("allOrNone")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let ids: Vec<&str> = context
        .call
        .query_value("ids")
        .unwrap_or("")
        .split(',')
        .map(str::trim)
        .filter(|id| !id.is_empty())
        .collect();
    if ids.is_empty() {
        return Err(errors::refuse(
            400,
            "REQUIRED_FIELD_MISSING",
            "At least 1 record is required",
        ));
    }
    if ids.len() > MOST_RECORDS {
        return Err(too_many());
    }
    let prefixes = prefixes(context);
    let outcomes = transaction(context, all_or_none, &ids, |id| {
        let malformed = || {
            vec![ApiError {
                fields: Some(Vec::new()),
                ..errors::error(400, "MALFORMED_ID", &format!("malformed id {id}"))
            }]
        };
        let object = id
            .get(..3)
            .and_then(|prefix| prefixes.get(prefix))
            .ok_or_else(malformed)?;
        let org = &context.simulator.org;
        org.delete(&context.caller, object, id).map(|()| success(id))
    });
    Ok(Reply::json(200, Value::Array(outcomes)))
}

/// `PATCH /composite/sobjects/X/<ExtField>`.
pub(crate) fn upsert(context: &Context<'_>) -> Answer {
    context.only(&["PATCH"])?;
    let object = known_object(context, &context.parts[2])?;
    let field = context.parts[3].as_str();
    let (all_or_none, records) = read(context)?;
    let options = context.dml_options(all_or_none);
    Ok(write(context, all_or_none, &records, |record| {
        if !record.object.eq_ignore_ascii_case(&object) {
            return Err(no_such_object(&record.object));
        }
        let mut body = record.body.clone();
        let value = if field.eq_ignore_ascii_case("id") {
            record.id.clone().unwrap_or_default()
        } else {
            let key = body.keys().find(|key| key.eq_ignore_ascii_case(field)).cloned();
            let value = key.and_then(|key| body.shift_remove(&key));
            match value {
                Some(Value::String(text)) if !text.is_empty() => text,
                Some(Value::Number(number)) => number.to_string(),
                _ => {
                    return Err(vec![errors::error(
                        400,
                        "MISSING_ARGUMENT",
                        &format!("{field} not specified"),
                    )]);
                }
            }
        };
        let org = &context.simulator.org;
        let outcome = org.upsert(&context.caller, &object, field, &value, &body, &options)?;
        let (id, created) = match outcome {
            Upserted::Created(id) => (id, true),
            Upserted::Updated(id) => (id, false),
            Upserted::Multiple(paths) => {
                return Err(vec![errors::error(
                    300,
                    "DUPLICATE_EXTERNAL_ID",
                    &format!("{field}: more than one record found for external id field: {paths:?}"),
                )]);
            }
        };
        let mut result = success(&id);
        result["created"] = Value::Bool(created);
        Ok(result)
    }))
}

/// `GET /composite/sobjects/X?ids=&fields=` and POST with a JSON body: missing rows are `null` in place.
pub(crate) fn retrieve(context: &Context<'_>) -> Answer {
    context.only(&["HEAD", "GET", "POST"])?;
    let object = known_object(context, &context.parts[2])?;
    let (ids, fields) = if context.method == "POST" {
        let body = json::read_object(context.call)?;
        let list = |name: &str| -> Vec<String> {
            body.get(name)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect()
        };
        (list("ids"), list("fields"))
    } else {
        let ids = context.call.query_value("ids").unwrap_or("");
        let ids = ids.split(',').map(str::trim).filter(|id| !id.is_empty());
        (
            ids.map(str::to_owned).collect(),
            rows::fields(context).unwrap_or_default(),
        )
    };
    if ids.is_empty() || fields.is_empty() {
        return Err(errors::refuse(
            400,
            "MISSING_ARGUMENT",
            "ids and fields are required",
        ));
    }
    if ids.len() > MOST_RETRIEVED {
        return Err(errors::refuse(
            400,
            "EXCEEDED_ID_LIMIT",
            &format!("record limit reached. cannot retrieve more than {MOST_RETRIEVED} records in one call"),
        ));
    }
    let org = &context.simulator.org;
    let mut found = Vec::with_capacity(ids.len());
    for id in &ids {
        match org.retrieve(&context.caller, &object, id, Some(&fields), &context.version) {
            Ok(row) => found.push(row),
            Err(error) if error.status == 404 => found.push(Value::Null),
            Err(error) => return Err(errors::from_org(&error)),
        }
    }
    Ok(Reply::json(200, Value::Array(found)))
}
