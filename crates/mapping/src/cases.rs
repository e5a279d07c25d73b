//! Golden cases: what a provider's documents make of requests and replies, in `<provider>/cases/*.yaml` beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    Acted, ActionBody, Budget, Catalog, FieldKind, Method, OverrideSource, Plan, ProviderDocument,
    QueryInput, RequestInput, Requested, ResponseInput,
};

/// 2026-05-01T00:00:00Z: what every case takes for now.
const NOW_MS: i64 = 1_777_593_600_000;
/// Generous: a case may run on a busy machine, and unoptimized.
const BUDGET: Budget = Budget {
    record_ms: 5_000,
    request_ms: 20_000,
};

/// What became of the cases of a folder of documents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CaseReport {
    /// How many were run.
    pub cases: usize,
    /// What does not hold, each with its provider, resource and case.
    pub mistakes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    resource: String,
    /// The further document of the resource that the cases are of.
    part: Option<String>,
    #[serde(default)]
    overrides: Vec<String>,
    cases: Vec<Case>,
    #[serde(default)]
    actions: Vec<ActionCase>,
}

/// What an action asks, and what its replies come to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionCase {
    name: String,
    action: String,
    #[serde(default)]
    body: Value,
    /// `{method, path, headers, json or xml}`, or `{refused}` with the field.
    request: Option<Value>,
    #[serde(default = "ok")]
    status: u16,
    reply: Option<Value>,
    /// `{is_done, failed}` of the reply.
    answer: Option<Value>,
}

const fn ok() -> u16 {
    200
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

/// Runs the cases of every provider in a folder of documents, such as `mappings/`. A resource without a case that reads is
/// a mistake too.
pub fn run_cases(catalog: &Catalog, folder: &Path) -> CaseReport {
    let mut report = CaseReport::default();
    let stands_here = |provider: &&str| folder.join(provider).is_dir();
    for provider in catalog.provider_names().filter(stands_here) {
        let mut covered = BTreeSet::new();
        let files = std::fs::read_dir(folder.join(provider).join("cases"));
        let files = files.into_iter().flatten().filter_map(Result::ok);
        for path in files.map(|file| file.path()) {
            match read(&path) {
                Ok(cases) => {
                    report.run(catalog, provider, &cases);
                    if cases.cases.iter().any(|case| case.reply.is_some()) {
                        covered.insert((cases.resource, cases.part));
                    }
                }
                Err(mistake) => report.mistakes.push(format!("{}: {mistake}", path.display())),
            }
        }
        for resource in catalog.provider_resources(provider) {
            let further = catalog.plan(provider, resource, &[]);
            let further = further.iter().flat_map(|plan| plan.parts()).map(str::to_owned);
            for part in std::iter::once(None).chain(further.map(Some)) {
                let document = (resource.to_owned(), part);
                if !covered.contains(&document) {
                    let part = document.1.map(|part| format!(" ({part})")).unwrap_or_default();
                    let mistake = format!("{provider} {resource}{part}: no golden case reads it");
                    report.mistakes.push(mistake);
                }
            }
        }
    }
    report
}

fn read(path: &Path) -> Result<CaseFile, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    serde_saphyr::from_str(&text).map_err(|error| error.to_string())
}

impl CaseReport {
    fn run(&mut self, catalog: &Catalog, provider: &str, file: &CaseFile) {
        for case in &file.cases {
            self.cases += 1;
            if let Err(mistake) = run(catalog, provider, file, case) {
                let name = format!("{provider} {}, \"{}\"", file.resource, case.name);
                self.mistakes.push(format!("{name}: {mistake}"));
            }
        }
        for case in &file.actions {
            self.cases += 1;
            if let Err(mistake) = acted(catalog, provider, file, case) {
                let name = format!("{provider} {}, \"{}\"", file.resource, case.name);
                self.mistakes.push(format!("{name}: {mistake}"));
            }
        }
    }
}

fn run(catalog: &Catalog, provider: &str, file: &CaseFile, case: &Case) -> Result<(), String> {
    let documents = file.overrides.iter().chain(&case.overrides);
    let overrides: Vec<OverrideSource<'_>> = documents
        .map(|document| OverrideSource {
            level_name: "tenant",
            document,
        })
        .collect();
    let plan = match &file.part {
        Some(part) => catalog.part_plan(provider, &file.resource, part, &overrides),
        None => catalog.plan(provider, &file.resource, &overrides),
    };
    let plan = plan.map_err(|error| error.to_string())?;
    if !plan.supports(case.method) {
        return Err(format!("the resource has no method `{}`", case.method.name()));
    }
    let context = json!({
        "instance_url": "https://acme.example.com", "resource": plan.resource, "object": plan.object, "now_ms": NOW_MS,
    });
    if let Some(wanted) = &case.provider_request {
        let document = catalog.provider(provider).ok_or("no such provider")?;
        same(
            "provider_request",
            wanted,
            &requested(&plan, document, &case.request)?,
        )?;
    }
    let is_there = |name: &str| !case.absent.iter().any(|absent| absent == name);
    let written = |name: &str| is_there(name).then_some(FieldKind::Text);
    let mut input = QueryInput {
        query: &case.query,
        body: &case.body,
        context: &context,
        connection: &Value::Null,
        id: matches!(case.method, Method::Get | Method::Update | Method::Delete).then_some("1"),
        field_kinds: &|_| None,
    };
    if let Some(wanted) = &case.query_value {
        let found = plan.query(case.method, &input, &BUDGET);
        let found = found.map_err(|error| error.to_string())?;
        same("query_value", wanted, &without_nothing(&json!(found)))?;
    }
    if let Some(wanted) = &case.provider_body {
        input.field_kinds = &written;
        let found = plan.request_body(case.method, &input, &BUDGET);
        let found = found.map_err(|error| error.to_string())?;
        same("provider_body", wanted, &plan.enveloped(found))?;
    }
    match &case.reply {
        Some(reply) => replied(&plan, case, reply, &context),
        None => Ok(()),
    }
}

fn acted(catalog: &Catalog, provider: &str, file: &CaseFile, case: &ActionCase) -> Result<(), String> {
    let plan = catalog.plan(provider, &file.resource, &[]);
    let plan = plan.map_err(|error| error.to_string())?;
    let input = QueryInput {
        query: &Value::Null,
        body: &case.body,
        context: &json!({ "now_ms": NOW_MS }),
        connection: &Value::Null,
        id: Some("1"),
        field_kinds: &|_| None,
    };
    if let Some(wanted) = &case.request {
        let found = plan.action(&case.action, &input, &BUDGET);
        let found = match found.map_err(|error| error.to_string())? {
            Acted::Refused(refused) => json!({ "refused": refused.field }),
            Acted::Call(call) => {
                let headers = call.headers.into_iter().map(|(name, value)| (name, json!(value)));
                let (json, xml) = match call.body {
                    ActionBody::Json(body) => (body, Value::Null),
                    ActionBody::Xml(document) => (Value::Null, json!(document.text)),
                };
                without_nothing(&json!({
                    "method": call.method, "path": call.path, "headers": headers.collect::<Map<_, _>>(), "json": json, "xml": xml,
                }))
            }
        };
        same("request", wanted, &found)?;
    }
    if let Some(reply) = &case.reply {
        let found = plan.action_reply(&case.action, case.status, &Value::Null, reply, &BUDGET);
        let found = found.map_err(|error| error.to_string())?;
        let failed = found
            .failed
            .map(|failed| json!({ "status": failed.status, "body": failed.body }));
        let found = json!({ "is_done": found.is_done, "failed": failed });
        same(
            "answer",
            case.answer.as_ref().ok_or("`answer` is missing")?,
            &without_nothing(&found),
        )?;
    }
    Ok(())
}

/// Holds a reply to the unified records, the warnings, and the values that the schema allows.
fn replied(plan: &Plan, case: &Case, reply: &Value, context: &Value) -> Result<(), String> {
    let input = ResponseInput {
        query: &case.query,
        context,
        headers: &Value::Null,
        custom_fields: &|name| {
            let is_custom = name.ends_with("__c") || name.ends_with("__pc");
            let named = case.custom.get(name).copied();
            named.or_else(|| is_custom.then_some(FieldKind::Text))
        },
        keep_remote_data: false,
        fields: None,
    };
    let mapped = plan.records(case.method, reply, &input, &BUDGET);
    let mapped = mapped.map_err(|error| error.to_string())?;
    let wanted = match case.unified.as_ref().ok_or("`unified` is missing")? {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    };
    let records: Vec<Value> = mapped.records.into_iter().map(Value::from).collect();
    let found = records.iter().map(without_nothing).collect();
    same("unified", &Value::Array(wanted), &found)?;
    same("warnings", &json!(case.warnings), &json!(mapped.warnings))?;
    for field in plan.schema.fields.iter().filter(|field| !field.values.is_empty()) {
        let values = records.iter().filter_map(|record| record[&field.name].as_str());
        let strange = |value: &&str| !field.values.iter().any(|allowed| allowed == value);
        if let Some(value) = values.into_iter().find(strange) {
            return Err(format!(
                "{} is {value}, which the schema does not allow",
                field.name
            ));
        }
    }
    Ok(())
}

fn same(what: &str, wanted: &Value, found: &Value) -> Result<(), String> {
    if wanted == found {
        return Ok(());
    }
    Err(format!(
        "{what} is not what the case says\n  wanted: {wanted}\n  found:  {found}"
    ))
}

/// The call that the documents make of what is asked for; with no fields named, those of the plan.
fn requested(plan: &Plan, document: &ProviderDocument, asked: &Asked) -> Result<Value, String> {
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
    let requested = plan
        .request(document, &input)
        .map_err(|error| error.to_string())?;
    Ok(match requested {
        Requested::Refused(refused) => json!({ "refused": refused.parameter }),
        Requested::Call(call) => without_nothing(&json!({
            "method": call.method,
            "path": call.path,
            "parameters": call.parameters.into_iter().map(|(name, value)| (name, json!(value))).collect::<Map<_, _>>(),
            "body": call.body,
            "warnings": call.warnings,
        })),
    })
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
