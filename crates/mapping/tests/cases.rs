//! Golden cases of every provider: `mappings/<provider>/cases/*.yaml`.

#![expect(clippy::panic, reason = "a failing case says which one it is")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mapping::{
    Budget, Catalog, FieldKind, Method, OverrideSource, Plan, ProviderDocument, QueryInput, RequestInput,
    Requested, ResponseInput,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    resource: String,
    #[serde(default)]
    overrides: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    method: Method,
    #[serde(default)]
    overrides: Vec<String>,
    #[serde(default)]
    query: Value,
    #[serde(default)]
    body: Value,
    /// Provider fields that the org of a written record does not have.
    #[serde(default)]
    absent: Vec<String>,
    /// Kinds of the org's custom fields, by name; without them those that end in `__c` are texts.
    #[serde(default)]
    custom: BTreeMap<String, FieldKind>,
    /// What is asked for: `{id?, groups?, sorts?, limit?, cursor?, last_id?, search_term?}`.
    #[serde(default)]
    request: Asked,
    /// The call that asks for it: `{method, path, parameters, body, warnings}`, or `{refused}` with the parameter.
    provider_request: Option<Value>,
    query_value: Option<Value>,
    provider_body: Option<Value>,
    reply: Option<Value>,
    unified: Option<Value>,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    id: Option<String>,
    select: Option<Vec<String>>,
    groups: Vec<Value>,
    sorts: Vec<Value>,
    limit: Option<u32>,
    cursor: Option<Value>,
    last_id: Option<String>,
    search_term: Option<String>,
    include_deleted: bool,
}

/// 2026-05-01T00:00:00Z.
const NOW_MS: i64 = 1_777_593_600_000;
const BUDGET: Budget = Budget {
    record_ms: 5_000,
    request_ms: 20_000,
};

fn mappings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../mappings")
}

/// Without what is null or empty, so that a case says only what matters; falsy values stay.
fn without_nothing(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields
                .iter()
                .map(|(key, value)| (key.clone(), without_nothing(value)));
            kept.filter(|(_, value)| !is_nothing(value))
                .collect::<Map<_, _>>()
                .into()
        }
        Value::Array(items) => items.iter().map(without_nothing).collect(),
        other => other.clone(),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// The call that the documents make of what is asked for; with no fields named, those of the plan.
fn requested(plan: &Plan, document: &ProviderDocument, asked: &Asked) -> Value {
    let (groups, sorts) = (json!(asked.groups), json!(asked.sorts));
    let input = RequestInput {
        object: &plan.object,
        id: asked.id.as_deref(),
        select: asked.select.as_deref().unwrap_or(&plan.fields),
        groups: &groups,
        sorts: &sorts,
        limit: asked.limit.unwrap_or(100),
        cursor: asked.cursor.as_ref(),
        last_id: asked.last_id.as_deref(),
        search_term: asked.search_term.as_deref(),
        include_deleted: asked.include_deleted,
    };
    match plan.request(document, &input) {
        Err(error) => panic!("{error}"),
        Ok(Requested::Refused(refused)) => json!({ "refused": refused.parameter }),
        Ok(Requested::Call(call)) => without_nothing(&json!({
            "method": call.method,
            "path": call.path,
            "parameters": call.parameters.into_iter().map(|(name, value)| (name, json!(value))).collect::<Map<_, _>>(),
            "body": call.body,
            "warnings": call.warnings,
        })),
    }
}

fn run(catalog: &Catalog, provider: &str, cases: &CaseFile, case: &Case) {
    let name = format!("{provider} {}: {}", cases.resource, case.name);
    let overrides: Vec<OverrideSource<'_>> = cases
        .overrides
        .iter()
        .chain(&case.overrides)
        .map(|document| OverrideSource {
            level_name: "tenant",
            document,
        })
        .collect();
    let plan = catalog
        .plan(provider, &cases.resource, &overrides)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(plan.supports(case.method), "{name}");
    let context = json!({
        "instance_url": "https://acme.my.salesforce.com", "resource": plan.resource, "object": plan.object, "now_ms": NOW_MS,
    });
    let input = QueryInput {
        query: &case.query,
        body: &case.body,
        context: &context,
        connection: &Value::Null,
        id: matches!(case.method, Method::Get | Method::Update | Method::Delete)
            .then_some("003dM000005H5NHQA0"),
        field_kinds: &|_| None,
    };
    if let Some(wanted) = &case.provider_request {
        let document = catalog.provider(provider).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(&requested(&plan, document, &case.request), wanted, "{name}");
    }
    if let Some(wanted) = &case.query_value {
        let found = plan
            .query(case.method, &input, &BUDGET)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(&without_nothing(&json!(found)), wanted, "{name}");
    }
    if let Some(wanted) = &case.provider_body {
        let is_there = |name: &str| !case.absent.iter().any(|absent| absent == name);
        let input = QueryInput {
            field_kinds: &|name| is_there(name).then_some(FieldKind::Text),
            ..input
        };
        let found = plan
            .request_body(case.method, &input, &BUDGET)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(&plan.enveloped(found), wanted, "{name}");
    }
    if let Some(reply) = &case.reply {
        let input = ResponseInput {
            query: &case.query,
            context: &context,
            headers: &Value::Null,
            custom_fields: &|name| {
                let is_custom = name.ends_with("__c") || name.ends_with("__pc");
                let named = case.custom.get(name).copied();
                named.or_else(|| is_custom.then_some(FieldKind::Text))
            },
            keep_remote_data: false,
            fields: None,
        };
        let mapped = plan
            .records(case.method, reply, &input, &BUDGET)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let found: Vec<Value> = mapped.records.iter().map(without_nothing).collect();
        let wanted = match case
            .unified
            .as_ref()
            .unwrap_or_else(|| panic!("{name}: `unified` is missing"))
        {
            Value::Array(items) => items.clone(),
            one => vec![one.clone()],
        };
        assert_eq!(json!(found), json!(wanted), "{name}");
        assert_eq!(mapped.warnings, case.warnings, "{name}");
        for field in plan.schema.fields.iter().filter(|field| !field.values.is_empty()) {
            for value in mapped
                .records
                .iter()
                .filter_map(|record| record[&field.name].as_str())
            {
                assert!(
                    field.values.iter().any(|allowed| allowed == value),
                    "{name}: {} is {value}, which the schema does not allow",
                    field.name
                );
            }
        }
    }
}

#[test]
fn every_golden_case_holds() {
    let catalog = Catalog::from_dir(&mappings()).unwrap_or_else(|error| panic!("{error}"));
    for provider in catalog.provider_names() {
        let folder = mappings().join(provider).join("cases");
        let mut covered = Vec::new();
        for file in std::fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let cases: CaseFile =
                serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(
                cases.cases.iter().any(|case| case.reply.is_some()),
                "{}: no case reads",
                path.display()
            );
            for case in &cases.cases {
                run(&catalog, provider, &cases, case);
            }
            covered.push(cases.resource);
        }
        for resource in catalog.provider_resources(provider) {
            assert!(
                covered.iter().any(|known| known == resource),
                "{provider} {resource} has no golden case"
            );
        }
    }
}
