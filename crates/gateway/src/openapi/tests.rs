use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use mapping::Catalog;
use serde_json::Value;

use super::openapi;
use super::operations::details;
use crate::access::{Access, Scope};
use crate::router::routes;

fn document() -> Value {
    openapi(&Catalog::embedded().unwrap())
}

#[test]
fn the_committed_document_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let committed: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(
        committed == document(),
        "docs/openapi.json is out of date: run `cargo run -- openapi > docs/openapi.json`"
    );
}

#[test]
fn every_route_is_documented_and_nothing_else_is() {
    let document = document();
    let mut documented: BTreeMap<String, HashSet<String>> = BTreeMap::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let is_route = routes().iter().any(|route| route.path == path);
        let template = match path.strip_prefix("/unified/crm/").filter(|_| !is_route) {
            Some(rest) => match rest.split_once('/') {
                Some((_, tail)) => format!("/unified/crm/{{resource}}/{tail}"),
                None => "/unified/crm/{resource}".to_owned(),
            },
            None => path.clone(),
        };
        let methods = methods.as_object().unwrap().keys().cloned();
        documented.entry(template).or_default().extend(methods);
    }
    let mut routed: BTreeMap<String, HashSet<String>> = BTreeMap::new();
    for route in routes() {
        let methods: Vec<String> = match route.method {
            "ANY" => super::ANY_METHODS
                .iter()
                .map(|method| (*method).to_owned())
                .collect(),
            method => vec![method.to_ascii_lowercase()],
        };
        routed
            .entry(route.path.replace("{*", "{"))
            .or_default()
            .extend(methods);
    }
    assert_eq!(documented, routed);
}

#[test]
fn every_operation_says_what_it_is() {
    let mut ids = HashSet::new();
    for route in routes() {
        let known = details(route.id);
        assert!(
            !known.summary.is_empty() && !known.tag.is_empty(),
            "{} is not described",
            route.id
        );
        assert!(ids.insert(route.id), "{} stands twice", route.id);
    }
    let document = document();
    let mut operation_ids = HashSet::new();
    for methods in document["paths"].as_object().unwrap().values() {
        for operation in methods.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(operation_ids.insert(id), "the operation id {id} stands twice");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(
                    parameter["description"] != "" || parameter["$ref"].is_string(),
                    "{id}: {parameter}"
                );
            }
        }
    }
}

#[test]
fn every_write_takes_an_idempotency_key() {
    let document = document();
    let mut writes = 0;
    for route in routes() {
        let is_write = route.access == Access::Tenant(Scope::Write);
        for method in document["paths"][route.path.replace("{*", "{")]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(method, _)| method.eq_ignore_ascii_case(route.method))
            .map(|(_, operation)| operation)
        {
            let takes_key = method["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|parameter| parameter["name"] == "Idempotency-Key");
            assert_eq!(takes_key, is_write, "{}", route.id);
            writes += usize::from(takes_key);
        }
    }
    assert!(writes >= 3, "{writes}");
}

#[test]
fn references_lead_somewhere() {
    let document = document();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 50);
    for reference in references {
        let pointer = reference
            .strip_prefix('#')
            .unwrap_or_else(|| panic!("{reference} leaves the document"));
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                references.push(reference.clone());
            }
            fields.values().for_each(|field| collect(field, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

#[test]
fn resources_have_their_own_schemas() {
    let catalog = Catalog::embedded().unwrap();
    let document = openapi(&catalog);
    for resource in catalog.resources() {
        let path = match resource.name.as_str() {
            own @ "custom_objects" => format!("/unified/crm/{own}/{{object}}"),
            name => format!("/unified/crm/{name}"),
        };
        let listed = &document["paths"][path]["get"];
        let item = &listed["responses"]["200"]["content"]["application/json"]["schema"]["anyOf"][0]["properties"]
            ["result"]["items"];
        assert_eq!(item["$ref"], format!("#/components/schemas/{}", resource.name));
    }
    assert!(catalog.resources().count() > 0);
}

#[test]
fn only_a_few_routes_answer_without_a_key() {
    let public: Vec<&str> = routes()
        .iter()
        .filter(|route| route.access == Access::Public)
        .map(|route| route.path)
        .collect();
    assert_eq!(
        public,
        [
            "/connect/mapping/{link}",
            "/connect/mapping/{link}",
            "/connect/mapping",
            "/connect/mapping",
            "/connect/{link}",
            "/connect/{link}",
            "/connect/{link}/status",
            "/oauth/callback/{provider}",
            "/livez",
            "/readyz",
            "/metrics",
            "/openapi.json",
            "/docs",
        ]
    );
}

#[test]
fn the_page_shows_every_operation_and_code() {
    let document = document();
    let html = crate::pages::docs::main_html(&document);
    for route in routes().iter().filter(|route| route.method != "ANY") {
        assert!(html.contains(&format!("id=\"{}\"", route.id)), "{}", route.id);
    }
    for code in crate::code::Code::ALL {
        assert!(html.contains(&format!("<tr id=\"{}\">", code.name())));
    }
    assert!(!html.contains("<script"));
}
