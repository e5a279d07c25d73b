//! Every field of every resource is filled by a provider's mappings, or `mappings/<provider>/_unfilled.yaml` says why not.
//!
//! A field counts as filled when a golden case answers it with something: what no case shows may as well not work.

#![expect(clippy::panic, reason = "a failing test says which field it is")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use mapping::Catalog;
use serde::Deserialize;
use serde_json::Value;

/// A resource that a provider does not have, or the fields of one that it cannot fill; each with its reason.
#[derive(Deserialize)]
#[serde(untagged)]
enum Unfilled {
    Resource(String),
    Fields(BTreeMap<String, String>),
}

#[derive(Deserialize)]
struct CaseFile {
    resource: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    #[serde(default)]
    overrides: Vec<String>,
    unified: Option<Value>,
}

fn mappings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../mappings")
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The fields that the golden cases of a provider's own documents answer, by resource.
fn filled(provider: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut filled: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let folder = mappings().join(provider).join("cases");
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for file in files {
        let file = file.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let cases: CaseFile = read(&file.path());
        let names = filled.entry(cases.resource).or_default();
        for case in cases.cases.iter().filter(|case| case.overrides.is_empty()) {
            let records = match &case.unified {
                Some(Value::Array(records)) => records.as_slice(),
                Some(record) => std::slice::from_ref(record),
                None => &[],
            };
            // Cases leave out what is null or empty: what they name is there.
            names.extend(
                records
                    .iter()
                    .filter_map(Value::as_object)
                    .flat_map(|record| record.keys().cloned()),
            );
        }
    }
    filled
}

#[test]
fn every_field_is_filled_or_listed_with_its_reason() {
    let catalog = Catalog::from_dir(&mappings()).unwrap_or_else(|error| panic!("{error}"));
    let mut mistakes = Vec::new();
    let mut mistake = |provider: &str, text: String| mistakes.push(format!("{provider} {text}"));
    for provider in catalog.provider_names() {
        let listed: BTreeMap<String, Unfilled> = read(&mappings().join(provider).join("_unfilled.yaml"));
        let filled = filled(provider);
        let mapped: BTreeSet<&str> = catalog.provider_resources(provider).collect();
        for name in listed.keys().filter(|name| catalog.schema(name).is_none()) {
            mistake(provider, format!("{name}: listed, but there is no such resource"));
        }
        for schema in catalog.resources() {
            let name = schema.name.as_str();
            let reasons = match (mapped.contains(name), listed.get(name)) {
                (false, Some(Unfilled::Resource(reason))) if !reason.is_empty() => continue,
                (false, _) => {
                    mistake(
                        provider,
                        format!("{name}: neither mapped nor listed with a reason"),
                    );
                    continue;
                }
                (true, Some(Unfilled::Resource(_))) => {
                    mistake(provider, format!("{name}: listed as a whole though it is mapped"));
                    continue;
                }
                (true, Some(Unfilled::Fields(reasons))) => reasons.clone(),
                (true, None) => BTreeMap::new(),
            };
            let shown = filled.get(name).cloned().unwrap_or_default();
            for field in schema.fields.iter().filter(|field| !field.on_request) {
                match (shown.contains(&field.name), reasons.get(&field.name)) {
                    (true, None) => {}
                    (false, Some(reason)) if !reason.is_empty() => {}
                    (true, Some(_)) => {
                        mistake(
                            provider,
                            format!("{name}.{}: listed though it is filled", field.name),
                        );
                    }
                    (false, _) => mistake(
                        provider,
                        format!(
                            "{name}.{}: no golden case fills it, no reason is listed",
                            field.name
                        ),
                    ),
                }
            }
            for unknown in reasons.keys().filter(|field| schema.field(field).is_none()) {
                mistake(
                    provider,
                    format!("{name}.{unknown}: listed, but the resource has no such field"),
                );
            }
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn filters_sorts_and_expansions_are_of_fields_that_callers_see() {
    let catalog = Catalog::from_dir(&mappings()).unwrap_or_else(|error| panic!("{error}"));
    for provider in catalog.provider_names() {
        for resource in catalog.provider_resources(provider) {
            let plan = catalog
                .plan(provider, resource, &[])
                .unwrap_or_else(|error| panic!("{error}"));
            let names = plan
                .filters
                .keys()
                .chain(plan.sorts.keys())
                .chain(plan.expand.keys());
            for name in names.chain(&plan.writable) {
                assert!(
                    plan.schema.field(name).is_some(),
                    "{provider} {resource}.{name} is no field of the schema"
                );
            }
            for (name, rule) in plan.filters.iter().filter(|(_, rule)| !rule.values.is_empty()) {
                let values: BTreeSet<&String> = rule.values.keys().collect();
                let seen = plan.schema.field(name).map(|field| field.values.iter().collect());
                assert_eq!(
                    Some(values),
                    seen,
                    "{provider} {resource}.{name}: the filter's values are not those that callers see"
                );
            }
            for path in plan.expand.values().flat_map(|rule| &rule.fields) {
                assert!(
                    path.contains('.'),
                    "{provider} {resource}: {path} leads to no other record"
                );
            }
        }
    }
}
