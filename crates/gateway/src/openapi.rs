//! The OpenAPI 3.1 document, made from the list of routes, the catalog's JSON Schemas and the taxonomy of errors.

mod audit;
mod components;
mod keyring;
mod operations;
mod webhooks;

use std::collections::BTreeMap;

use mapping::{Catalog, ResourceSchema};
use serde_json::{Map, Value, json};

use crate::access::{Access, Scope};
use crate::code::Code;
use crate::router::{Route, routes};
use operations::{Content, Details, Parameter, details};

/// Paths under this stand once for any resource, and once for each resource that ships, with its schema.
const RECORDS_PATH: &str = "/unified/crm/{resource}";
/// Paths under this are those of records, of an object that the customer made.
const OBJECTS_PATH: &str = "/unified/crm/custom_objects/{object}";
const CUSTOM_OBJECTS: &str = "custom_objects";
/// Methods that a route for all of them is documented with.
const ANY_METHODS: &[&str] = &["get", "post", "put", "patch", "delete"];

/// The document. `servers` is left out: the API stands where the document was fetched from.
pub fn openapi(catalog: &Catalog) -> Value {
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for route in routes() {
        // A wildcard is one parameter in OpenAPI's words.
        let path = route.path.replace("{*", "{");
        let lower = route.method.to_ascii_lowercase();
        let methods = if lower == "any" {
            ANY_METHODS.to_vec()
        } else {
            vec![lower.as_str()]
        };
        for method in methods {
            // The customer's own objects share one shape, and are reached below their own path only.
            let shared = catalog
                .schema(CUSTOM_OBJECTS)
                .filter(|_| path.starts_with(OBJECTS_PATH));
            paths.entry(path.clone()).or_default().insert(
                method.to_owned(),
                operation(&route, &path, method, shared.map(AsRef::as_ref)),
            );
            if path.starts_with(RECORDS_PATH) {
                for resource in catalog.resources().filter(|known| known.name != CUSTOM_OBJECTS) {
                    let own = path.replace("{resource}", &resource.name);
                    let operation = operation(&route, &own, method, Some(resource));
                    paths.entry(own).or_default().insert(method.to_owned(), operation);
                }
            }
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Crosswalk",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "One REST API over customers' CRMs. A request names a connection, one customer's CRM org; the answer is in \
                            one shape whatever the CRM. Errors are `application/problem+json`; `x-error-codes` lists every `code`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This gateway."}],
        "tags": operations::TAGS.iter().map(|(name, text)| json!({"name": name, "description": text})).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "securitySchemes": {
                "tenant_key": {"type": "http", "scheme": "bearer", "description": "A tenant's API key: `cw_live_…` or `cw_test_…`."},
                "operator_key": {"type": "http", "scheme": "bearer", "description": "The operator key of the gateway's configuration."},
            },
            "parameters": components::parameters(),
            "headers": components::headers(),
            "responses": components::responses(),
            "schemas": components::schemas(catalog),
        },
        "x-error-codes": Code::ALL.iter().map(|code| json!({
            "code": code.name(),
            "status": code.status().as_u16(),
            "retryable": code.is_retryable(),
            "title": code.title(),
            "remedy": code.remedy(),
        })).collect::<Vec<_>>(),
    })
}

fn operation(route: &Route, path: &str, method: &str, resource: Option<&ResourceSchema>) -> Value {
    let known = details(route.id);
    // Resources that ship repeat the operations of any resource, with their own schema.
    let repeated = resource.filter(|_| path != route.path);
    let id = match (repeated, route.method) {
        (Some(resource), _) => format!(
            "{}_{}",
            route.id.split('_').next().unwrap_or_default(),
            resource.name
        ),
        (None, "ANY") => format!("{}_{method}", route.id),
        (None, _) => route.id.to_owned(),
    };
    let summary = match repeated {
        Some(resource) => format!("{}: {}", resource.name, known.summary),
        None => known.summary.to_owned(),
    };
    let mut operation = Map::new();
    operation.insert("operationId".to_owned(), json!(id));
    if repeated.is_some() {
        operation.insert("x-repeats".to_owned(), json!(route.id));
    }
    operation.insert("tags".to_owned(), json!([known.tag]));
    operation.insert("summary".to_owned(), json!(summary));
    if !known.description.is_empty() {
        operation.insert("description".to_owned(), json!(known.description));
    }
    operation.insert("security".to_owned(), security(route.access));
    let parameters = parameters(path, &known);
    if !parameters.is_empty() {
        operation.insert("parameters".to_owned(), json!(parameters));
    }
    let has_body = route.method != "ANY" || matches!(method, "post" | "put" | "patch");
    if has_body && let Some(body) = content(known.body, resource) {
        operation.insert(
            "requestBody".to_owned(),
            json!({"required": true, "content": body}),
        );
    }
    operation.insert("responses".to_owned(), responses(route, &known, resource));
    if let Access::Tenant(scope) = route.access {
        operation.insert("x-scope".to_owned(), json!(scope.name()));
    }
    Value::Object(operation)
}

fn security(access: Access) -> Value {
    match access {
        Access::Public => json!([]),
        Access::Tenant(_) => json!([{"tenant_key": []}]),
        Access::Operator => json!([{"operator_key": []}]),
    }
}

fn parameters(path: &str, known: &Details) -> Vec<Value> {
    let named = path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Value> = named
        .map(|name| {
            json!({
                "name": name, "in": "path", "required": true,
                "description": operations::path_parameter(name), "schema": {"type": "string"},
            })
        })
        .collect();
    if known.takes_connection {
        let names = [
            "ConnectionId",
            "ConnectionIdParameter",
            "ConnectionExternalId",
            "Provider",
        ];
        parameters.extend(names.map(|name| json!({"$ref": format!("#/components/parameters/{name}")})));
    }
    parameters.extend(known.query.iter().map(query_parameter));
    parameters
}

fn query_parameter(parameter: &Parameter) -> Value {
    let Parameter { name, kind, text } = parameter;
    let mut written = json!({"name": name, "in": "query", "description": text});
    match *kind {
        "flag" => written["schema"] = json!({"type": "boolean", "default": false}),
        "object" => {
            written["style"] = json!("deepObject");
            written["explode"] = json!(true);
            written["schema"] = json!({"type": "object", "additionalProperties": true});
        }
        "limit" => written["schema"] = json!({"type": "integer", "minimum": 1}),
        "required" => {
            written["required"] = json!(true);
            written["schema"] = json!({"type": "string"});
        }
        "header" => {
            written["in"] = json!("header");
            written["schema"] = json!({"type": "string"});
        }
        _ => written["schema"] = json!({"type": "string"}),
    }
    written
}

fn responses(route: &Route, known: &Details, resource: Option<&ResourceSchema>) -> Value {
    let mut success = json!({"description": known.success_text});
    let dry_run = known
        .query
        .iter()
        .any(|parameter| parameter.name == "dry_run")
        .then(|| json!({"$ref": "#/components/schemas/DryRun"}));
    if let Some(mut content) = content(known.success, resource) {
        if known.status == "200" {
            or_dry_run(&mut content, dry_run.as_ref());
        }
        success["content"] = content;
    }
    if known.takes_connection {
        let mut headers = vec![
            "RateLimit-Policy",
            "RateLimit",
            "ratelimit-limit",
            "ratelimit-remaining",
            "ratelimit-reset",
        ];
        if route.access == Access::Tenant(Scope::Write) {
            headers.push("Idempotency-Replayed");
        }
        success["headers"] = headers
            .iter()
            .map(|name| {
                (
                    (*name).to_owned(),
                    json!({"$ref": format!("#/components/headers/{name}")}),
                )
            })
            .collect::<Map<_, _>>()
            .into();
    }
    let mut responses = Map::new();
    if let Some(dry_run) = dry_run.filter(|_| known.status != "200") {
        // An upsert of a record that was there answers 200 too.
        let mut content = json!({"application/json": {"schema": dry_run}});
        let mut text = "With `dry_run=true`, the request that would have been sent.";
        if route.id.starts_with("upsert_") {
            content = self::content(known.success, resource).unwrap_or_default();
            or_dry_run(&mut content, Some(&dry_run));
            text = "The record that was there, changed; with `dry_run=true`, the request that would have been sent.";
        }
        responses.insert("200".to_owned(), json!({"description": text, "content": content}));
    }
    // The provider decides which success its answer is.
    let status = match known.success {
        Content::Anything => "2XX",
        _ => known.status,
    };
    responses.insert(status.to_owned(), success);
    if route.id == "get_record" {
        responses.insert(
            "304".to_owned(),
            json!({"description": "The record is the one that `If-None-Match` names."}),
        );
    }
    if route.id == "readyz" {
        let content = content(known.success, resource);
        let response = json!({"description": "The node is not to be sent requests.", "content": content});
        responses.insert("503".to_owned(), response);
    }
    if route.access != Access::Public {
        let problem = match known.success {
            // The provider's own errors pass through as they are.
            Content::Anything => "ProblemOrProvider",
            _ => "Problem",
        };
        for status in ["4XX", "5XX"] {
            let reference = format!("#/components/responses/{problem}");
            responses.insert(status.to_owned(), json!({"$ref": reference}));
        }
    }
    Value::Object(responses)
}

/// An answer that is another one with `dry_run=true`.
fn or_dry_run(content: &mut Value, dry_run: Option<&Value>) {
    if let (Some(dry_run), Some(json)) = (dry_run, content.get_mut("application/json")) {
        let schema = json["schema"].take();
        json["schema"] = json!({"anyOf": [schema, dry_run]});
    }
}

fn content(content: Content, resource: Option<&ResourceSchema>) -> Option<Value> {
    let record = || match resource {
        Some(resource) => json!({"$ref": format!("#/components/schemas/{}", resource.name)}),
        None => json!({"$ref": "#/components/schemas/Record"}),
    };
    let as_json = |schema: Value| Some(json!({"application/json": {"schema": schema}}));
    match content {
        Content::Nothing => None,
        Content::Schema(name) => as_json(json!({"$ref": format!("#/components/schemas/{name}")})),
        Content::List(name) => as_json(components::page(
            &json!({"$ref": format!("#/components/schemas/{name}")}),
        )),
        Content::Record => as_json(record()),
        Content::Records => as_json(components::page(&record())),
        Content::AnyJson => as_json(json!({})),
        Content::Anything => Some(json!({"*/*": {"schema": {}}})),
        Content::Html => Some(json!({"text/html": {"schema": {"type": "string"}}})),
        Content::Text => Some(json!({"text/plain": {"schema": {"type": "string"}}})),
        Content::Health => Some(json!({
            "text/plain": {"schema": {"type": "string"}},
            "application/json": {"schema": {"type": "object"}},
        })),
        Content::Form => Some(json!({"application/x-www-form-urlencoded": {"schema": {"type": "object"}}})),
        Content::Mapping => Some(json!({
            "application/yaml": {"schema": {"type": "string"}},
            "application/json": {"schema": {"type": "object"}},
        })),
    }
}

#[cfg(test)]
mod tests;
