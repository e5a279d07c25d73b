//! `/crm/v3/objects/{object}/batch/{create,update,upsert,read,archive}`.
//!
//! A write batch is one unit: the first fault refuses all of it. Where every input carries an `objectWriteTraceId`, each
//! stands for itself, and the answer is a 207 that names faults by that id.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::errors::{self, Fault};
use super::objects::Object;
use super::portal::Data;
use super::{Context, Outcome, records, render, values, write};
use crate::http::reply::Reply;

const INPUTS_MAX: usize = 100;

/// A batch that writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Create,
    Update,
    Upsert,
    Archive,
}

/// Serves `batch/{action}`.
pub(super) fn batch(context: &Context<'_>, object: Object, action: &str) -> Outcome {
    let action = match action {
        "create" => Action::Create,
        "update" => Action::Update,
        "upsert" => Action::Upsert,
        "archive" => Action::Archive,
        "read" => return read(context, object),
        _ => {
            return Err(Fault::new(
                404,
                None,
                "The requested resource was not found".to_owned(),
            ));
        }
    };
    context.needs_object(object, "write")?;
    let body = context.body()?;
    let inputs = inputs(body.get("inputs"))?;
    let traced =
        action != Action::Archive && inputs.iter().all(|input| input["objectWriteTraceId"].is_string());
    if matches!(action, Action::Update | Action::Upsert) && !traced {
        check_distinct(inputs)?;
    }
    let now_ms = context.simulator.clock.now_ms();
    let mut data = context.simulator.portal.data();
    let before = data.clone();
    let (mut results, mut faults) = (Vec::new(), Vec::new());
    for input in inputs {
        let trace = &input["objectWriteTraceId"];
        match apply(&mut data, object, action, input, now_ms) {
            Ok(mut result) => {
                if trace.is_string() {
                    result["objectWriteTraceId"] = trace.clone();
                }
                results.push(result);
            }
            Err(fault) if traced => faults.push(with_trace(fault, trace).entry()),
            Err(fault) => {
                *data = before;
                return Err(fault);
            }
        }
    }
    if action == Action::Archive {
        return Ok(Reply::empty(204));
    }
    let status = if action == Action::Create { 201 } else { 200 };
    Ok(answer(status, &results, &faults, now_ms))
}

fn inputs(given: Option<&Value>) -> Result<&Vec<Value>, Fault> {
    given
        .and_then(Value::as_array)
        .filter(|inputs| (1..=INPUTS_MAX).contains(&inputs.len()))
        .ok_or_else(|| errors::invalid(format!("inputs must be a list of 1 to {INPUTS_MAX} entries")))
}

fn check_distinct(inputs: &[Value]) -> Result<(), Fault> {
    let mut seen = BTreeSet::new();
    let twice: Vec<String> = inputs
        .iter()
        .filter_map(|input| values::text_of(&input["id"]))
        .filter(|id| !seen.insert(id.to_lowercase()))
        .collect();
    if twice.is_empty() {
        Ok(())
    } else {
        let message = format!(
            "Duplicate IDs found in batch input: [{}]. IDs must be unique",
            twice.join(", ")
        );
        Err(errors::invalid(message))
    }
}

/// Names the input in the fault's `context`, beside what stands there.
fn with_trace(mut fault: Fault, trace: &Value) -> Fault {
    let key = "objectWriteTraceId";
    match fault.more.iter_mut().find(|(name, _)| *name == "context") {
        Some((_, context)) => context[key] = json!([trace]),
        None => fault.more.push(("context", json!({key: [trace]}))),
    }
    fault
}

fn answer(status: u16, results: &[Value], faults: &[Value], now_ms: i64) -> Reply {
    let now = values::instant(now_ms);
    let mut body = json!({"status": "COMPLETE", "results": results});
    let status = if faults.is_empty() { status } else { 207 };
    if !faults.is_empty() {
        body["numErrors"] = Value::from(faults.len());
        body["errors"] = Value::from(faults);
    }
    body["startedAt"] = Value::from(now.as_str());
    body["completedAt"] = Value::from(now);
    Reply::json(status, body)
}

fn id_property(input: &Value) -> Option<&str> {
    input["idProperty"].as_str().filter(|name| !name.is_empty())
}

fn id_text(input: &Value) -> Result<String, Fault> {
    values::text_of(&input["id"])
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| errors::invalid("inputs[].id is required".to_owned()))
}

/// One input; gives the record as it is then (null for an archived one).
fn apply(
    data: &mut Data,
    object: Object,
    action: Action,
    input: &Value,
    now_ms: i64,
) -> Result<Value, Fault> {
    let (id, is_new) = match action {
        Action::Create => (write::create(data, object, input, now_ms)?, true),
        Action::Update => {
            records::check_id_property(data, object, id_property(input))?;
            let id = data.find(object, &id_text(input)?, id_property(input));
            let id = id.ok_or_else(errors::not_found)?;
            write::update(data, object, id, input, now_ms)?;
            (id, false)
        }
        Action::Upsert => upsert(data, object, input, now_ms)?,
        Action::Archive => {
            let id = data.find(object, &id_text(input)?, None);
            // Ids that are no record's are passed over.
            if let Some(id) = id.filter(|id| data.live(object, *id).is_some()) {
                write::archive(data, object, id, now_ms)?;
            }
            return Ok(Value::Null);
        }
    };
    let record = data.live(object, id).ok_or_else(errors::not_found)?;
    let names = render::names_of(data, object, record);
    let mut body = render::record(data, object, record, &names);
    if action == Action::Upsert {
        body["new"] = Value::from(is_new);
    }
    Ok(body)
}

/// Updates the record that holds this value of a unique property, or creates one that does.
fn upsert(data: &mut Data, object: Object, input: &Value, now_ms: i64) -> Result<(u64, bool), Fault> {
    let name = id_property(input);
    records::check_id_property(data, object, name)?;
    let text = id_text(input)?;
    if let Some(id) = data
        .find(object, &text, name)
        .filter(|id| data.live(object, *id).is_some())
    {
        write::update(data, object, id, input, now_ms)?;
        return Ok((id, false));
    }
    let Some(name) = name.filter(|name| *name != "hs_object_id") else {
        return Err(errors::not_found());
    };
    let mut input = input.clone();
    if !input["properties"].is_object() {
        input["properties"] = json!({});
    }
    if input["properties"][name].is_null() {
        input["properties"][name] = Value::from(text);
    }
    Ok((write::create(data, object, &input, now_ms)?, true))
}

/// `batch/read`: what is not there is told in one error of a 207.
fn read(context: &Context<'_>, object: Object) -> Outcome {
    context.needs_object(object, "read")?;
    let body = context.body()?;
    let inputs = inputs(body.get("inputs"))?;
    let asked: Vec<String> = body
        .get("properties")
        .and_then(Value::as_array)
        .map_or_else(Vec::new, |names| {
            names.iter().filter_map(values::text_of).collect()
        });
    let archived = context.flag("archived");
    let id_property = body.get("idProperty").and_then(Value::as_str);
    let data = context.simulator.portal.data();
    records::check_id_property(&data, object, id_property)?;
    let names = render::names(&data, object, &asked);
    let (mut results, mut missing) = (Vec::new(), Vec::new());
    for input in inputs {
        let text = id_text(input)?;
        let record = data
            .find(object, &text, id_property)
            .and_then(|id| data.records(object).get(&id))
            .filter(|record| record.archived_ms.is_some() == archived);
        match record {
            Some(record) => results.push(render::record(&data, object, record, &names)),
            None => missing.push(text),
        }
    }
    let mut faults = Vec::new();
    if !missing.is_empty() {
        let name = object.singular().to_uppercase();
        let message = format!(
            "Could not get some {name} objects, they may be deleted or not exist. Check that ids are valid."
        );
        let fault = Fault::new(404, Some("OBJECT_NOT_FOUND"), message);
        faults.push(fault.with("context", json!({"ids": missing})).entry());
    }
    Ok(answer(200, &results, &faults, context.simulator.clock.now_ms()))
}
