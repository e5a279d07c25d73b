//! Every answer of the gateway, held against the API's own description in `docs/openapi.json`.
//!
//! The client of these tests shows each answer here, problem documents too: a test fails when any answer is of a status,
//! a type or a shape that the description of its route does not name.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use serde_json::Value;

use super::Reply;

static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../../../docs/openapi.json")).expect("JSON"));

/// Where the description is said to stand; nothing is fetched from there.
const DESCRIPTION_URL: &str = "https://description.example/openapi.json";
/// What is answered when no route is found, or none for this method.
const PROBLEM: &str = "/components/responses/Problem";

/// Tells what is wrong with an answer, or that its route is not one of the gateway's.
pub(crate) fn check(method: &str, path: &str, query: &str, reply: &Reply) -> Result<(), String> {
    if is_page(path) {
        return Ok(());
    }
    let operation = operation(method, path);
    let Some(response) = operation.as_deref().map_or_else(
        || path.starts_with("/unified").then(|| PROBLEM.to_owned()),
        |operation| response(operation, reply.status),
    ) else {
        return match operation {
            Some(_) => Err(format!("the status {} is not described", reply.status)),
            // Of the simulator.
            None => Ok(()),
        };
    };
    let Some(described) = at(&response)["content"].as_object().filter(|_| method != "HEAD") else {
        let is_empty = reply.body.is_empty();
        return is_empty.then_some(()).ok_or("a body is not described".to_owned());
    };
    let content_type = reply.header("content-type").unwrap_or_default();
    let content_type = content_type.split(';').next().unwrap_or_default();
    let key = ["*/*"]
        .into_iter()
        .find(|any| !described.contains_key(content_type) && described.contains_key(*any))
        .unwrap_or(content_type);
    if !described.contains_key(key) {
        return Err(format!("the type {content_type:?} is not described"));
    }
    if key == "*/*" || !key.ends_with("json") {
        return Ok(());
    }
    let schema = format!("{response}/content/{}/schema", escaped(key));
    let answer: Value = serde_json::from_slice(&reply.body).map_err(|error| error.to_string())?;
    validate(&schema, &answer)?;
    let is_whole =
        method == "GET" && reply.status == 200 && !is_asked(query, "fields") && !is_asked(query, "dry_run");
    if is_whole {
        whole_records(&schema, &answer)
    } else {
        Ok(())
    }
}

/// What a person's browser is shown; only what programs read has a shape.
fn is_page(path: &str) -> bool {
    path.starts_with("/oauth/callback/") || path.starts_with("/connect/") && path != "/connect/sessions"
}

fn is_asked(query: &str, name: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes()).any(|(key, _)| key == name)
}

/// The description's part at a JSON pointer; null where there is none.
fn at(pointer: &str) -> &'static Value {
    DESCRIPTION.pointer(pointer).unwrap_or(&Value::Null)
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The pointer of the operation that answers: of all templates that fit the path, the one with the most of it.
fn operation(method: &str, path: &str) -> Option<String> {
    let method = if method == "HEAD" {
        "get".to_owned()
    } else {
        method.to_ascii_lowercase()
    };
    let templates = at("/paths").as_object()?;
    let fitting = templates
        .keys()
        .filter_map(|template| Some((fit(template, path)?, template)));
    let template = fitting.max_by_key(|(literals, _)| *literals)?.1;
    at("/paths")[template].get(&method)?;
    Some(format!("/paths/{}/{method}", escaped(template)))
}

/// How many segments of the path the template names itself, when it fits.
fn fit(template: &str, path: &str) -> Option<usize> {
    // The one template whose last parameter takes more than a segment.
    if template == "/proxy/{path}" {
        return path.starts_with("/proxy/").then_some(1);
    }
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let fits = template.len() == path.len()
        && template.iter().zip(&path).all(|(named, given)| {
            if named.starts_with('{') {
                !given.is_empty()
            } else {
                named == given
            }
        });
    fits.then(|| template.iter().filter(|named| !named.starts_with('{')).count())
}

/// The pointer of what the operation says about a status.
fn response(operation: &str, status: u16) -> Option<String> {
    let range = format!("{}XX", status / 100);
    let key = [status.to_string(), range]
        .into_iter()
        .find(|key| at(operation)["responses"].get(key).is_some())?;
    let pointer = format!("{operation}/responses/{key}");
    let elsewhere = at(&pointer)["$ref"]
        .as_str()
        .map(|target| target.trim_start_matches('#').to_owned());
    Some(elsewhere.unwrap_or(pointer))
}

struct Validators {
    compiler: Compiler,
    schemas: Schemas,
    compiled: HashMap<String, SchemaIndex>,
}

thread_local! {
    // A compiler cannot be shared between threads; a test has three at most, and compiles what it is answered with.
    static VALIDATORS: RefCell<Validators> = RefCell::new(Validators::new());
}

impl Validators {
    fn new() -> Self {
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        compiler
            .add_resource(DESCRIPTION_URL, DESCRIPTION.clone())
            .expect("a resource");
        Self {
            compiler,
            schemas: Schemas::new(),
            compiled: HashMap::new(),
        }
    }
}

/// Holds a value against the schema at a pointer of the description.
fn validate(schema: &str, answer: &Value) -> Result<(), String> {
    VALIDATORS.with_borrow_mut(|validators| {
        let Validators {
            compiler,
            schemas,
            compiled,
        } = validators;
        let index = if let Some(index) = compiled.get(schema) {
            *index
        } else {
            let fragment: String = schema.replace('{', "%7B").replace('}', "%7D");
            let index = compiler
                .compile(&format!("{DESCRIPTION_URL}#{fragment}"), schemas)
                .unwrap_or_else(|error| panic!("{schema} is no schema: {error:#}"));
            compiled.insert(schema.to_owned(), index);
            index
        };
        schemas
            .validate(answer, index)
            .map_err(|error| format!("{error:#}"))
    })
}

/// Nothing that a resource defines is missing from a record that was read whole. The schemas cannot say so: with `fields`
/// a record has fewer.
fn whole_records(schema: &str, answer: &Value) -> Result<(), String> {
    let described = at(schema);
    let described = described["anyOf"].get(0).unwrap_or(described);
    let (described, records) = match answer["result"].as_array() {
        Some(records) => (
            &described["properties"]["result"]["items"],
            records.iter().collect(),
        ),
        None => (described, vec![answer]),
    };
    let Some(resource) = described["$ref"].as_str() else {
        return Ok(());
    };
    // Only resources of the model are always whole; they alone say which of their fields come on request.
    let properties = &at(resource.trim_start_matches('#'))["properties"];
    if properties.get("remote_data").is_none() {
        return Ok(());
    }
    let properties: BTreeMap<&String, &Value> = properties.as_object().into_iter().flatten().collect();
    let missing = records.iter().find_map(|record| {
        let is_missing = |(name, property): &(&&String, &&Value)| {
            property["x-on-request"] != true && record.get(name).is_none()
        };
        properties.iter().find(is_missing).map(|(name, _)| *name)
    });
    missing.map_or(Ok(()), |name| Err(format!("`{name}` is missing from a record")))
}
