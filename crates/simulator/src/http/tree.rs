//! `/composite/tree/X`: records with their children, all or nothing.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::reply::{Answer, Reply};
use super::router::Context;
use super::rows::known_object;
use super::{errors, json};
use crate::org::ApiError;

/// Records of one call.
const MOST_RECORDS: usize = 200;
/// Levels of nesting.
const MOST_LEVELS: usize = 5;

/// One record of a tree, parents before children.
#[derive(Debug)]
struct Node {
    object: String,
    reference: String,
    /// The parent's place in the list, and the lookup field that names it.
    parent: Option<(usize, String)>,
    body: Map<String, Value>,
}

/// `POST /composite/tree/X`.
pub(crate) fn tree(context: &Context<'_>) -> Answer {
    context.only(&["POST"])?;
    let object = known_object(context, &context.parts[2])?;
    let body = json::read_object(context.call)?;
    let records = body
        .get("records")
        .and_then(Value::as_array)
        .ok_or_else(|| json::parser_error("records must be a list"))?;
    let mut nodes = Vec::new();
    for record in records {
        read(context, record, &object, None, 1, &mut nodes)?;
    }
    if nodes.is_empty() {
        return Err(errors::refuse(
            400,
            "REQUIRED_FIELD_MISSING",
            "At least 1 record is required",
        ));
    }
    let mut seen = HashSet::new();
    if let Some(twice) = nodes.iter().find(|node| !seen.insert(node.reference.as_str())) {
        let message = format!(
            "Duplicate ReferenceId provided in the request: {}.",
            twice.reference
        );
        return Ok(failed(
            &twice.reference,
            &[errors::error(400, "INVALID_INPUT", &message)],
        ));
    }
    let org = &context.simulator.org;
    let options = context.dml_options(true);
    let _writing = context.writing();
    let before = org.snapshot();
    let mut ids: Vec<String> = Vec::new();
    for node in &nodes {
        let mut body = node.body.clone();
        if let Some((parent, field)) = &node.parent {
            body.insert(field.clone(), Value::from(ids[*parent].as_str()));
        }
        match org.create(&context.caller, &node.object, &body, &options) {
            Ok(id) => ids.push(id),
            Err(list) => {
                org.restore(before);
                return Ok(failed(&node.reference, &list));
            }
        }
    }
    let results: Vec<Value> = nodes
        .iter()
        .zip(&ids)
        .map(|(node, id)| json!({"referenceId": node.reference, "id": id}))
        .collect();
    Ok(Reply::json(201, json!({"hasErrors": false, "results": results})))
}

fn failed(reference: &str, list: &[ApiError]) -> Reply {
    let errors = errors::collection_errors(list);
    Reply::json(
        400,
        json!({"hasErrors": true, "results": [{"referenceId": reference, "errors": errors}]}),
    )
}

fn read(
    context: &Context<'_>,
    record: &Value,
    object: &str,
    parent: Option<(usize, String)>,
    level: usize,
    nodes: &mut Vec<Node>,
) -> Result<(), Reply> {
    if level > MOST_LEVELS || nodes.len() >= MOST_RECORDS {
        return Err(errors::refuse(
            400,
            "LIMIT_EXCEEDED",
            &format!("A tree takes at most {MOST_RECORDS} records and {MOST_LEVELS} levels"),
        ));
    }
    let map = record
        .as_object()
        .ok_or_else(|| json::parser_error("a record must be an object"))?;
    let reference = map
        .get("attributes")
        .and_then(|attributes| attributes.get("referenceId"))
        .and_then(Value::as_str)
        .ok_or_else(|| json::parser_error("Include a reference ID for each record in the request."))?;
    let place = nodes.len();
    let mut node = Node {
        object: object.to_owned(),
        reference: reference.to_owned(),
        parent,
        body: Map::new(),
    };
    let mut children = Vec::new();
    for (key, value) in map {
        match value.get("records").and_then(Value::as_array) {
            Some(records) => children.push((key, records)),
            None if key == "attributes" => {}
            None => {
                node.body.insert(key.clone(), value.clone());
            }
        }
    }
    nodes.push(node);
    for (relationship, records) in children {
        let (child, field) = child_of(context, object, relationship)?;
        for record in records {
            read(
                context,
                record,
                &child,
                Some((place, field.clone())),
                level + 1,
                nodes,
            )?;
        }
    }
    Ok(())
}

/// Object and lookup field behind a child relationship name.
fn child_of(context: &Context<'_>, object: &str, relationship: &str) -> Result<(String, String), Reply> {
    let describe = context
        .simulator
        .org
        .describe(&context.caller, object, &context.version)
        .map_err(|error| errors::from_org(&error))?;
    let found = describe["childRelationships"].as_array().and_then(|list| {
        list.iter().find(|child| {
            child["relationshipName"]
                .as_str()
                .is_some_and(|name| name.eq_ignore_ascii_case(relationship))
        })
    });
    found
        .and_then(|child| {
            Some((
                child["childSObject"].as_str()?.to_owned(),
                child["field"].as_str()?.to_owned(),
            ))
        })
        .ok_or_else(|| {
            errors::refuse(
                400,
                "INVALID_FIELD",
                &format!("No such column '{relationship}' on sobject of type {object}"),
            )
        })
}
