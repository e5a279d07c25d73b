use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    Budget, Catalog, FieldKind, MappingError, Method, OverrideSource, Plan, QueryInput, ResponseInput,
};

const PUBLISHED: &str = include_str!("../../tests/golden/published.yaml");
/// Generous: an unoptimized engine on a busy machine.
const BUDGET: Budget = Budget {
    record_ms: 5_000,
    request_ms: 20_000,
};

fn golden() -> Value {
    serde_json::from_str(include_str!("../../tests/golden/published.json")).unwrap()
}

fn tenant(document: &str) -> OverrideSource<'_> {
    OverrideSource {
        level_name: "tenant",
        document,
    }
}

fn plan(overrides: &[OverrideSource<'_>]) -> std::sync::Arc<Plan> {
    let catalog = Catalog::embedded().unwrap();
    catalog
        .plan("salesforce", "contacts", overrides)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// What a plan made of records, to be looked into.
#[derive(Debug, PartialEq, Default)]
struct Read {
    records: Vec<Value>,
    warnings: Vec<String>,
}

fn read_with(
    plan: &Plan,
    raw: &Value,
    fields: Option<&[String]>,
    remote: bool,
) -> Result<Read, MappingError> {
    let input = ResponseInput {
        query: &Value::Null,
        context: &json!({"instance_url": "https://acme.my.salesforce.com"}),
        headers: &Value::Null,
        custom_fields: &|name| {
            name.to_ascii_lowercase()
                .ends_with("__c")
                .then_some(FieldKind::Text)
        },
        keep_remote_data: remote,
        fields,
    };
    let mapped = plan.records(Method::List, raw, &input, &BUDGET)?;
    Ok(Read {
        records: mapped.records.into_iter().map(Value::from).collect(),
        warnings: mapped.warnings,
    })
}

fn read(plan: &Plan, raw: &Value) -> Read {
    read_with(plan, raw, None, false).unwrap_or_else(|error| panic!("{error}"))
}

fn query(plan: &Plan, query: &Value) -> Result<Option<Value>, MappingError> {
    let input = QueryInput {
        query,
        body: &Value::Null,
        context: &Value::Null,
        connection: &Value::Null,
        id: None,
        field_kinds: &|name| (name == "Score__c").then_some(FieldKind::Decimal),
    };
    Ok(plan
        .query(Method::List, &input, &BUDGET)?
        .map(|query| json!(query)))
}

fn body(plan: &Plan, body: &Value) -> Value {
    let input = QueryInput {
        query: &Value::Null,
        body,
        context: &Value::Null,
        connection: &Value::Null,
        id: None,
        field_kinds: &|_| None,
    };
    plan.request_body(Method::Create, &input, &BUDGET)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn contact() -> Value {
    json!({"attributes": {"type": "Contact", "url": "/x"}, "Id": "003000000000001AAA", "Name": "Ann Li", "FirstName": "Ann",
        "LastName": "Li", "AccountId": "001000000000001AAA", "Account": {"attributes": {}, "Name": "Acme"}, "Phone": "1",
        "MobilePhone": null, "Fax": "2", "Email": "ann@example.com", "MailingCity": "Oslo", "HasOptedOutOfEmail": false,
        "CreatedDate": "2026-05-01T07:25:37.000+0000", "PhotoUrl": "/services/images/photo/003",
        "A__c": false, "B__c": 0, "C__c": "", "D__c": null, "Score__c": 7.5})
}

#[test]
fn the_published_response_mapping_answers_what_jsonata_answers_and_is_fitted() {
    let replaced = plan(&[tenant(&format!("mode: replace\n{PUBLISHED}"))]);
    for case in golden()["response"].as_array().unwrap() {
        let mapped = read(&replaced, &case["response"]);
        let results = match &case["result"] {
            Value::Array(items) => items.clone(),
            one => vec![one.clone()],
        };
        assert_eq!(mapped.records.len(), results.len(), "{}", case["name"]);
        for (record, wanted) in mapped.records.iter().zip(results) {
            for (key, wanted) in wanted.as_object().unwrap() {
                let found = &record[key];
                match key.as_str() {
                    "created_at" | "updated_at" => {
                        let wanted = wanted.as_str().unwrap().replace("+0000", "Z");
                        assert_eq!(found, &json!(wanted));
                    }
                    "phone_numbers" => {
                        let wanted = match wanted {
                            Value::Array(items) => items.clone(),
                            one => vec![one.clone()],
                        };
                        assert_eq!(found.as_array().unwrap().len(), wanted.len());
                        for (found, wanted) in found.as_array().unwrap().iter().zip(&wanted) {
                            assert_eq!(
                                (&found["number"], &found["type"]),
                                (&wanted["number"], &wanted["type"])
                            );
                        }
                    }
                    "email_addresses" if wanted[0]["email"].is_null() => assert_eq!(found, &json!([])),
                    "email_addresses" => assert_eq!(found[0]["email"], wanted[0]["email"]),
                    "account" => assert_eq!(found["id"], wanted["id"]),
                    _ => assert_eq!(found, wanted, "{key} of {}", case["name"]),
                }
            }
            // Fitted: what the mapping did not say is there, too.
            assert_eq!(record["addresses"], json!([]));
            assert_eq!(record["owner"], Value::Null);
            if case["result"].get("phone_numbers").is_none() && case["name"] == "none" {
                assert_eq!(record["phone_numbers"], json!([]));
            }
        }
    }
}

#[test]
fn the_published_response_mapping_lies_over_the_base() {
    let mapped = read(&plan(&[tenant(PUBLISHED)]), &json!([contact()]));
    let record = &mapped.records[0];
    // Its own words: no department store of falsy values.
    assert_eq!(record["custom_fields"], json!({"Score__c": 7.5}));
    assert_eq!(
        record["phone_numbers"],
        json!([{"number": "1", "extension": null, "type": "phone", "is_primary": null}])
    );
    // The base's, which it does not mention.
    assert_eq!(record["addresses"][0]["city"], json!("Oslo"));
    assert_eq!(record["email_opt_out"], json!(false));
}

#[test]
fn the_published_query_mapping_answers_what_jsonata_answers_quoted() {
    let plan = plan(&[tenant(PUBLISHED)]);
    for case in golden()["query"].as_array().unwrap() {
        let asked = case.get("query").cloned().unwrap_or(Value::Null);
        let found = query(&plan, &asked).unwrap().unwrap();
        let wanted = &case["result"];
        let condition = wanted.get("where").and_then(Value::as_str).map(|text| {
            // The original writes values bare; ours by the kind of the field.
            text.trim_start_matches("WHERE ")
                .replace("= ann@example.com", "= 'ann@example.com'")
                .replace(":00Z", ":00.000Z")
        });
        assert_eq!(found["where_text"], json!(condition), "{}", case["name"]);
        assert_eq!(
            &found["q"],
            wanted.get("q").unwrap_or(&Value::Null),
            "{}",
            case["name"]
        );
    }
    let hostile = query(&plan, &json!({"email_addresses": "x' OR Name != '"}))
        .unwrap()
        .unwrap();
    assert_eq!(hostile["where_text"], json!(r"Email = 'x\' OR Name != \''"));
    let error = query(&plan, &json!({"created_at": "x OR Name != null"})).expect_err("not a datetime");
    assert!(
        error.callers_own() && !error.to_string().contains("Name"),
        "{error}"
    );
}

#[test]
fn contacts_are_read_whole() {
    let mapped = read(&plan(&[]), &json!([contact(), {"Id": "2"}]));
    assert_eq!(mapped.warnings, Vec::<String>::new());
    let record = &mapped.records[0];
    assert_eq!(
        record["account"],
        json!({"id": "001000000000001AAA", "name": "Acme"})
    );
    assert_eq!(
        record["custom_fields"],
        json!({"A__c": false, "B__c": 0, "C__c": "", "Score__c": 7.5})
    );
    assert_eq!(record["created_at"], json!("2026-05-01T07:25:37.000Z"));
    assert_eq!(
        record["image_url"],
        json!("https://acme.my.salesforce.com/services/images/photo/003")
    );
    assert_eq!(record["phone_numbers"].as_array().unwrap().len(), 2);
    assert_eq!(record["email_opt_out"], json!(false));
    let keys: BTreeSet<&String> = record.as_object().unwrap().keys().collect();
    let plan = plan(&[]);
    let wanted: BTreeSet<&String> = plan
        .schema
        .fields
        .iter()
        .filter(|field| !field.on_request)
        .map(|field| &field.name)
        .collect();
    assert_eq!(keys, wanted);
    assert_eq!(mapped.records[1]["phone_numbers"], json!([]));
    assert_eq!(mapped.records[1]["image_url"], Value::Null);
}

#[test]
fn one_record_and_a_list_of_one_are_read_alike() {
    let plan = plan(&[]);
    assert_eq!(read(&plan, &contact()), read(&plan, &json!([contact()])));
    assert_eq!(read(&plan, &json!([])), Read::default());
    assert_eq!(read(&plan, &Value::Null), Read::default());
}

#[test]
fn records_keep_their_places_when_a_mapping_leaves_some_out() {
    let document = "response_mapping: |\n  response[FirstName != 'Bo'].{\"title\": FirstName}\n";
    let plan = plan(&[tenant(document)]);
    let raw = json!([{"Id": "1", "FirstName": "Ann"}, {"Id": "2", "FirstName": "Bo"}, {"Id": "3", "FirstName": "Cy"}]);
    let titles: Vec<Value> = read(&plan, &raw)
        .records
        .into_iter()
        .map(|record| json!([record["id"], record["title"]]))
        .collect();
    assert_eq!(
        titles,
        [json!(["1", "Ann"]), json!(["2", null]), json!(["3", "Cy"])]
    );
}

#[test]
fn a_mapping_that_answers_no_objects_is_the_tenants_mistake() {
    for (document, words) in [
        ("response_mapping: '\"text\"'", "one object for each record"),
        ("response_mapping: '[1, 2]'", "one object for each record"),
        ("response_mapping: '$number(response.Id)'", "D3030"),
        ("response_mapping: '($f := function() { $f() }; $f())'", "stopped"),
    ] {
        let plan = plan(&[tenant(document)]);
        let input = ResponseInput {
            query: &Value::Null,
            context: &Value::Null,
            headers: &Value::Null,
            custom_fields: &|_| None,
            keep_remote_data: false,
            fields: None,
        };
        let budget = Budget {
            record_ms: 50,
            request_ms: 400,
        };
        let error = plan
            .records(Method::List, &json!({"Id": "hunter2"}), &input, &budget)
            .expect_err(document);
        assert!(error.callers_own(), "{error}");
        assert_eq!(error.level(), "tenant");
        assert!(
            error.to_string().contains(words) && !error.to_string().contains("hunter2"),
            "{error}"
        );
    }
}

#[test]
fn the_request_has_one_budget_for_all_its_evaluations() {
    let document =
        "response_mapping: |\n  $type(response) = \"array\" ? null : {\"title\": $sum([1..90000])}\n";
    let plan = plan(&[tenant(document)]);
    let raw: Value = (0..2_000).map(|index| json!({"Id": index.to_string()})).collect();
    let input = ResponseInput {
        query: &Value::Null,
        context: &Value::Null,
        headers: &Value::Null,
        custom_fields: &|_| None,
        keep_remote_data: false,
        fields: None,
    };
    let started = std::time::Instant::now();
    let outcome = plan.records(
        Method::List,
        &raw,
        &input,
        &Budget {
            record_ms: 50,
            request_ms: 100,
        },
    );
    assert!(
        matches!(outcome, Err(MappingError::TimedOut { .. })),
        "{outcome:?}"
    );
    assert!(started.elapsed() < std::time::Duration::from_secs(5));
}

#[test]
fn short_form_fields_are_read_and_written() {
    let document = "field_map: {ltv: Score__c, segment: Account.Segment__c, gone: Gone__c}\n";
    let plan = plan(&[tenant(document)]);
    for path in ["Score__c", "Account.Segment__c", "Gone__c"] {
        assert!(plan.fields.iter().any(|field| field == path), "{path}");
    }
    let raw = json!({"Id": "1", "score__C": 0, "Account": {"Segment__c": "smb"}});
    let mapped = read(&plan, &raw);
    assert_eq!(
        json!([
            mapped.records[0]["ltv"],
            mapped.records[0]["segment"],
            mapped.records[0]["gone"]
        ]),
        json!([0, "smb", null])
    );
    assert_eq!(mapped.warnings, Vec::<String>::new());
    assert_eq!(
        body(&plan, &json!({"ltv": null, "segment": "x", "last_name": "Li"})),
        json!({"LastName": "Li", "Score__c": null})
    );
    assert_eq!(plan.provider_to_unified("SCORE__C"), Some("ltv"));
    assert!(plan.writable.contains(&"ltv".to_owned()));
    assert_eq!(plan.sources["field_map.ltv"], "tenant");
    assert_eq!(plan.field_map["ltv"], "Score__c");
}

#[test]
fn bodies_hold_what_was_given_and_nothing_else() {
    let plan = plan(&[]);
    assert_eq!(body(&plan, &json!({})), json!({}));
    assert_eq!(
        body(
            &plan,
            &json!({
                "first_name": null, "last_name": "Li", "account": {"id": "001"}, "owner": "005", "manager": null, "email_opt_out": false,
                "email_addresses": [{"email": "a@b.c"}, {"email": "p@b.c", "is_primary": true}],
                "phone_numbers": [{"number": "1", "type": "work"}, {"number": null, "type": "fax"}],
                "addresses": [{"type": "mailing", "street_1": "1 Main St", "street_2": "Floor 2", "city": null, "latitude": 0}],
                "custom_fields": {"A__c": false, "B__c": null}
            })
        ),
        json!({
            "FirstName": null, "LastName": "Li", "AccountId": "001", "OwnerId": "005", "ReportsToId": null, "Email": "p@b.c", "Phone": "1", "Fax": null,
            "MailingStreet": "1 Main St\nFloor 2", "MailingCity": null, "MailingLatitude": 0, "HasOptedOutOfEmail": false, "A__c": false, "B__c": null
        })
    );
    let cleared = body(
        &plan,
        &json!({"email_addresses": [], "phone_numbers": [], "addresses": []}),
    );
    assert!(
        cleared.as_object().unwrap().values().all(Value::is_null),
        "{cleared}"
    );
    // All but the two country codes: only some orgs have them, and this one's describe tells of none.
    assert_eq!(cleared.as_object().unwrap().len(), 1 + 6 + 14);
    // An account of a company has none of a person's fields: an empty list must not touch them.
    let catalog = Catalog::embedded().unwrap();
    let accounts = catalog.plan("salesforce", "accounts", &[]).unwrap();
    let cleared = body(&accounts, &json!({"phone_numbers": [], "addresses": []}));
    assert!(
        cleared
            .as_object()
            .unwrap()
            .keys()
            .all(|key| !key.starts_with("Person")),
        "{cleared}"
    );
}

#[test]
fn what_is_written_reads_back() {
    let catalog = Catalog::embedded().unwrap();
    for resource in ["contacts", "accounts"] {
        let plan = catalog.plan("salesforce", resource, &[]).unwrap();
        let whole = json!({
            "name": "n", "first_name": "a", "middle_name": "b", "last_name": "c", "prefix": "d", "suffix": "e", "title": "f", "department": "g",
            "account": {"id": "1"}, "owner": {"id": "2"}, "manager": {"id": "3"}, "parent": {"id": "4"}, "birthday": "1970-01-02", "description": "",
            "lead_source": "Web", "email_opt_out": true, "do_not_call": false, "type": "t", "industry": "i", "ownership": "o", "account_number": "0",
            "website": "https://www.acme.com", "number_of_employees": 0, "annual_revenue": 0, "currency": "EUR", "rating": "Hot", "source": "s",
            "email_addresses": [{"email": "a@b.c", "type": null, "is_primary": true}],
            "phone_numbers": [{"number": "1", "extension": null, "type": "work", "is_primary": null}, {"number": "2", "extension": null, "type": "fax", "is_primary": null}],
            "custom_fields": {"A__c": 0}
        });
        let given: serde_json::Map<String, Value> = whole
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| plan.writable.contains(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let mut written = body(&plan, &json!(given));
        // The provider makes the name of a person.
        if resource == "contacts" {
            written["Name"] = json!("n");
        }
        let read = read(&plan, &written).records.remove(0);
        for (name, value) in &given {
            let found = match name.as_str() {
                "account" | "owner" | "manager" | "parent" => json!({"id": read[name]["id"]}),
                _ => read[name].clone(),
            };
            assert_eq!(&found, value, "{resource}.{name}");
        }
        // Every field that a body may hold and the schema has is tried here.
        for name in &plan.writable {
            assert!(
                whole.get(name).is_some() || name == "addresses",
                "{resource}.{name} is not tried"
            );
        }
    }
}

#[test]
fn the_fields_of_a_base_document_are_those_its_mapping_reads() {
    let catalog = Catalog::embedded().unwrap();
    for provider in catalog.provider_names() {
        let resources = catalog.provider_resources(provider).flat_map(|resource| {
            let plan = catalog.plan(provider, resource, &[]).unwrap();
            let parts = plan.parts();
            let parts = parts.map(|part| catalog.part_plan(provider, resource, part, &[]).unwrap());
            let parts: Vec<_> = parts.collect();
            std::iter::once(plan).chain(parts)
        });
        for plan in resources {
            let resource = format!("{} of {}", plan.resource, plan.object);
            let layer = plan.response_layers(Method::List).first().unwrap();
            let reads = layer
                .expression
                .reads_below("response", crate::functions::bindings())
                .unwrap_or_default();
            let expanded: Vec<&String> = plan.expand.values().flat_map(|rule| &rule.fields).collect();
            let is_of_rows = |path: &str| {
                let (head, field) = path.split_once('.').unwrap_or((path, ""));
                let rule = plan.children.get(head);
                rule.is_some_and(|rule| field.is_empty() || rule.fields.iter().any(|own| own == field))
            };
            // What is no record of the provider's has values of any shape.
            let head = |path: &str| path.split('.').next().unwrap_or_default().to_owned();
            let is_below = |path: &str| plan.own_metadata().is_some() && plan.fields.contains(&head(path));
            for path in reads.iter().filter(|path| !is_of_rows(path) && !is_below(path)) {
                assert!(
                    plan.fields.contains(path) || expanded.contains(&path) || plan.is_envelope(path),
                    "{resource}: {path} is read but not asked for"
                );
            }
            for field in &plan.fields {
                let tells = field == "IsPersonAccount";
                assert!(
                    reads
                        .iter()
                        .any(|path| path == field || is_below(path) && head(path) == *field)
                        || tells,
                    "{resource}: {field} is asked for but not read"
                );
            }
            for (name, _) in layer.expression.fields_by_key() {
                assert!(
                    plan.schema.field(&name).is_some(),
                    "{resource}: {name} is not in the schema"
                );
            }
            for name in plan
                .filters
                .keys()
                .chain(plan.sorts.keys())
                .chain(plan.expand.keys())
            {
                assert!(
                    plan.schema.field(name).is_some(),
                    "{resource}: {name} is not in the schema"
                );
            }
            for name in &plan.writable {
                let field = plan.schema.field(name);
                assert!(
                    field.is_some_and(|field| !field.read_only),
                    "{resource}: {name} is written but read-only"
                );
            }
        }
    }
}

#[test]
fn provider_fields_are_told_in_unified_names() {
    let plan = plan(&[]);
    for (field, name) in [
        ("LastName", "last_name"),
        ("mailingcity", "addresses"),
        ("Phone", "phone_numbers"),
        ("Account.Name", "account"),
        ("ReportsToId", "manager"),
    ] {
        assert_eq!(plan.provider_to_unified(field), Some(name), "{field}");
    }
    assert_eq!(plan.provider_to_unified("Nope"), None);
}

#[test]
fn fields_are_trimmed_and_raw_records_kept_on_request() {
    let plan = plan(&[]);
    let wanted = ["id".to_owned(), "name".to_owned()];
    let mapped = read_with(&plan, &json!([contact()]), Some(&wanted), false).unwrap();
    assert_eq!(
        mapped.records[0],
        json!({"id": "003000000000001AAA", "name": "Ann Li"})
    );
    let mapped = read_with(&plan, &json!([contact()]), None, true).unwrap();
    let remote = &mapped.records[0]["remote_data"];
    assert_eq!(remote["Account"], json!({"Name": "Acme"}));
    assert!(remote.get("attributes").is_none() && remote["D__c"].is_null());
}

#[test]
fn keys_the_schema_does_not_know_are_kept_and_told_once() {
    let plan = plan(&[tenant("response_mapping: 'response.{\"nickname\": FirstName}'\n")]);
    let mapped = read(&plan, &json!([contact(), contact()]));
    assert_eq!(mapped.records[1]["nickname"], json!("Ann"));
    assert_eq!(mapped.warnings.len(), 1);
}

#[test]
fn a_query_mapping_of_another_shape_is_refused() {
    for (document, words) in [
        ("query_mapping: '\"SELECT Id FROM User\"'", "an object"),
        ("query_mapping: '{\"where\": 5}'", "`where`"),
        ("query_mapping: '{\"limit\": -1}'", "`limit`"),
        ("query_mapping: '{\"select\": [1]}'", "`select`"),
        ("query_mapping: '{\"raw\": \"x\"}'", "another key"),
    ] {
        let error = query(&plan(&[tenant(document)]), &json!({})).expect_err(document);
        assert!(
            error.callers_own() && error.to_string().contains(words),
            "{error}"
        );
    }
    let document = "query_mapping: '{\"select\": \"Id, Name\", \"where\": \" where Name = null\", \"order_by\": \"ORDER BY Id\", \"limit\": 5, \"q\": \"\"}'";
    assert_eq!(
        query(&plan(&[tenant(document)]), &json!({})).unwrap().unwrap(),
        json!({"select": ["Id", "Name"], "where_text": "Name = null", "order_by": "Id", "limit": 5, "q": null})
    );
    assert_eq!(query(&plan(&[]), &json!({})).unwrap(), None);
}
