//! Parameters, filters and statements against the documents that ship.

mod literals;

use mapping::{Catalog, FieldKind, FieldMetadata, ObjectMetadata, Plan, QueryLanguage};
use serde_json::{Value, json};
use soql::FieldPath;

use crate::Error;
use crate::children::Children;
use crate::parameters::{self, Operator, Parameters};
use crate::query::Compiler;

struct Fixture {
    plan: std::sync::Arc<Plan>,
    metadata: ObjectMetadata,
}

fn fixture() -> Fixture {
    fixture_of("contacts")
}

fn fixture_of(resource: &str) -> Fixture {
    let catalog = Catalog::embedded().expect("the shipped documents");
    // No provider is named here: whichever is asked with query texts must do.
    let asked_by_text = |name: &&str| {
        let query = catalog
            .provider(name)
            .and_then(|document| document.query.as_ref());
        query.is_some_and(|query| query.language == QueryLanguage::Soql)
    };
    let provider = catalog
        .provider_names()
        .find(asked_by_text)
        .expect("a provider")
        .to_owned();
    let plan = catalog.plan(&provider, resource, &[]).expect("a plan");
    let mut fields: Vec<FieldMetadata> = plan
        .fields
        .iter()
        .filter(|name| !name.contains('.'))
        .map(|name| {
            let declared = plan
                .filters
                .values()
                .find(|rule| rule.field == **name)
                .map_or(FieldKind::Text, |rule| rule.kind);
            field(name, declared, false)
        })
        .collect();
    for (name, kind) in [
        ("Score__c", FieldKind::Decimal),
        ("Flag__c", FieldKind::Boolean),
        ("Tags__c", FieldKind::MultiPicklist),
        ("Long__c", FieldKind::LongText),
    ] {
        fields.push(field(name, kind, true));
    }
    let metadata = ObjectMetadata::new(plan.object.clone(), plan.object.clone(), fields);
    Fixture { plan, metadata }
}

fn field(name: &str, kind: FieldKind, is_custom: bool) -> FieldMetadata {
    serde_json::from_value(json!({
        "name": name, "kind": kind, "is_custom": is_custom, "is_filterable": kind != FieldKind::LongText, "is_sortable": true
    }))
    .expect("a field")
}

fn pairs(query: &[(&str, &str)]) -> Parameters {
    query
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

impl Fixture {
    fn soql(&self, query: &[(&str, &str)]) -> Result<String, Error> {
        let list = parameters::list_query(&pairs(query), &self.plan, 2_000)?;
        let id_field = FieldPath::parse("Id").expect("a field");
        let compiler = Compiler {
            plan: &self.plan,
            metadata: &self.metadata,
            children: &Children::new(),
            id_field: &id_field,
            list: &list,
        };
        compiler.list(None, None, 10)?.statement.text()
    }

    fn refused(&self, query: &[(&str, &str)]) -> (String, Vec<String>) {
        match self.soql(query) {
            Err(Error::InvalidParameter {
                parameter, allowed, ..
            }) => (parameter, allowed),
            other => panic!("{query:?}: {other:?}"),
        }
    }
}

#[test]
fn a_filter_is_written_as_its_fields_type() {
    let fixture = fixture();
    for (query, wanted) in [
        (("custom_fields[Score__c][gte]", "5"), "Score__c >= 5"),
        (("custom_fields[Flag__c]", "true"), "Flag__c = TRUE"),
        (("custom_fields[Tags__c]", "a;b"), "Tags__c INCLUDES ('a;b')"),
        (
            ("custom_fields[Tags__c][nin]", "a,b"),
            "Tags__c EXCLUDES ('a', 'b')",
        ),
        (("last_name[starts_with]", "50%_"), r"LastName LIKE '50\%\_%'"),
        (("last_name[in]", "a,b"), "LastName IN ('a', 'b')"),
        (("last_name[ne]", ""), "LastName != null"),
    ] {
        let soql = fixture.soql(&[query]).expect("a query");
        let normal = |text: &str| text.replace(", ", ",").to_lowercase();
        assert!(normal(&soql).contains(&normal(wanted)), "{query:?}: {soql}");
    }
}

#[test]
fn a_field_that_the_user_cannot_see_is_neither_filtered_nor_sorted_by() {
    let mut fixture = fixture();
    let seen = fixture
        .metadata
        .fields
        .iter()
        .filter(|field| field.name != "Department");
    let object = fixture.metadata.object.clone();
    fixture.metadata = ObjectMetadata::new(object.clone(), object, seen.cloned().collect());
    for (query, named) in [
        (("department", "Sales"), "department"),
        (("sort", "-department"), "sort"),
        (("sort_by[department]", "desc"), "sort"),
    ] {
        assert_eq!(fixture.refused(&[query]).0, named);
    }
    assert!(fixture.soql(&[("sort", "-title")]).is_ok());
}

#[test]
fn a_fields_own_values_are_written_as_what_they_are_with_the_provider() {
    let fixture = fixture_of("opportunities");
    for (query, wanted) in [
        (vec![("status", "won")], "WHERE IsWon = TRUE ORDER"),
        (
            vec![("status", "lost")],
            "WHERE IsClosed = TRUE AND IsWon = FALSE ORDER",
        ),
        (
            vec![("status[in]", "open,won")],
            "WHERE IsClosed = FALSE OR IsWon = TRUE ORDER",
        ),
        (
            vec![("status[ne]", "lost"), ("name", "a")],
            "WHERE (NOT (IsClosed = TRUE AND IsWon = FALSE)) AND Name = 'a' ORDER",
        ),
        (
            vec![("or[0][status]", "won"), ("or[1][amount][gt]", "5")],
            "WHERE IsWon = TRUE OR Amount > 5 ORDER",
        ),
    ] {
        let soql = fixture.soql(&query).expect("a query");
        assert!(
            soql.to_lowercase().contains(&wanted.to_lowercase()),
            "{query:?}: {soql}"
        );
    }
    for query in [("status", "done"), ("status", ""), ("status", "Won")] {
        let (parameter, allowed) = fixture.refused(&[query]);
        assert_eq!(
            (parameter.as_str(), allowed),
            (
                "status",
                vec!["lost".to_owned(), "open".to_owned(), "won".to_owned()]
            )
        );
    }
    let (parameter, allowed) = fixture.refused(&[("status[like]", "w%")]);
    assert_eq!((parameter.as_str(), allowed.len()), ("status[like]", 4));
}

#[test]
fn a_field_of_fixed_values_takes_no_other() {
    let plan = fixture_of("tasks").plan;
    for status in [json!("open"), json!("Completed"), json!(null)] {
        assert!(
            crate::body::check(&plan, &json!({ "status": status })).is_ok(),
            "{status}"
        );
    }
    match crate::body::check(&plan, &json!({"status": "done"})) {
        Err(Error::InvalidBody { field, allowed, .. }) => {
            assert_eq!(
                (field.as_deref(), allowed),
                (Some("status"), vec!["open".to_owned(), "completed".to_owned()])
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_reference_by_its_name_alone_is_refused_and_not_cleared() {
    let plan = fixture_of("opportunities").plan;
    for body in [
        json!({"account": {"id": null}}),
        json!({"account": null}),
        json!({"stage": {"name": "Prospecting"}}),
    ] {
        assert!(crate::body::check(&plan, &body).is_ok(), "{body}");
    }
    for body in [json!({"account": {"name": "Acme"}}), json!({"account": {}})] {
        match crate::body::check(&plan, &body) {
            Err(Error::InvalidBody { field, allowed, .. }) => {
                assert_eq!(
                    (field.as_deref(), allowed),
                    (Some("account"), vec!["id".to_owned()])
                );
            }
            other => panic!("{body}: {other:?}"),
        }
    }
    let tasks = fixture_of("tasks").plan;
    assert!(crate::body::check(&tasks, &json!({"contacts": [{"id": "1"}, {"name": "Ann"}]})).is_err());
}

#[test]
fn every_mistake_names_its_parameter() {
    let fixture = fixture();
    for query in [
        ("limit", "0"),
        ("limit", "-1"),
        ("limit", "2001"),
        ("limit", "x"),
        ("nope", "1"),
        ("last_name[near]", "1"),
        ("last_name[eq][]", "1"),
        ("last_name[eq", "1"),
        ("custom_fields[Score__c]", "many"),
        ("custom_fields[Flag__c]", "yes"),
        ("custom_fields[Flag__c][gt]", "true"),
        ("custom_fields[Nope__c]", "1"),
        ("custom_fields[Long__c]", "1"),
        ("custom_fields", "1"),
        ("sort", "nope"),
        ("sort_by[name]", "up"),
        ("fields", "nope"),
        ("expand", "nope"),
        ("include", "nope"),
        ("dry_run", "1"),
        ("or[x][last_name]", "1"),
        ("or[0]", "1"),
        ("created_at[gt]", "yesterday"),
        ("last_name[in]", ""),
    ] {
        let (parameter, _) = fixture.refused(&[query]);
        assert_eq!(parameter, query.0, "{query:?}");
    }
    let (_, allowed) = fixture.refused(&[("emial", "x")]);
    assert!(
        allowed.iter().any(|name| name == "email_addresses"),
        "{allowed:?}"
    );
    assert_eq!(fixture.refused(&[("limit", "1"), ("limit", "2")]).0, "limit");
}

#[test]
fn groups_are_joined_by_or_and_beside_the_other_filters() {
    let soql = fixture()
        .soql(&[
            ("last_name", "a"),
            ("or[0][first_name]", "b"),
            ("or[1][first_name]", "c"),
            ("or[1][title]", "d"),
        ])
        .expect("a query");
    assert!(
        soql.contains("LastName = 'a' AND (FirstName = 'b' OR (FirstName = 'c' AND Title = 'd'))"),
        "{soql}"
    );
}

#[test]
fn what_a_mapping_sees_is_what_the_caller_asked() {
    let fixture = fixture();
    let list = parameters::list_query(
        &pairs(&[
            ("created_at[gt]", "2026-01-01T00:00:00Z"),
            ("created_at[lt]", "2026-02-01T00:00:00Z"),
            ("last_name", "x"),
            ("search_term", "y"),
        ]),
        &fixture.plan,
        2_000,
    )
    .expect("a query");
    assert_eq!(
        list.binding(),
        json!({ "created_at": { "gt": "2026-01-01T00:00:00Z", "lt": "2026-02-01T00:00:00Z" }, "last_name": "x", "search_term": "y" })
    );
    assert_eq!(list.filters[0].operator, Operator::Gt);
    assert_eq!(
        list.caller_texts(),
        ["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "x", "y"]
    );
}

#[test]
fn a_cursor_is_bound_to_all_that_decides_the_records() {
    let fixture = fixture();
    let identity = |query: &[(&str, &str)]| {
        parameters::list_query(&pairs(query), &fixture.plan, 2_000)
            .expect("a query")
            .identity()
    };
    let same = identity(&[("last_name", "a"), ("limit", "5")]);
    assert_eq!(same, identity(&[("last_name", "a"), ("limit", "50")]));
    for other in [
        vec![("last_name", "b")],
        vec![("last_name[ne]", "a")],
        vec![("last_name", "a"), ("sort", "name")],
        vec![],
    ] {
        assert_ne!(same, identity(&other), "{other:?}");
    }
}

#[test]
fn a_body_is_checked_before_anything_is_sent() {
    let fixture = fixture();
    let check = |body: Value| crate::body::check(&fixture.plan, &body);
    assert!(
        check(json!({ "last_name": "x", "email_addresses": [], "custom_fields": {}, "title": null })).is_ok()
    );
    for body in [
        json!(null),
        json!([]),
        json!("x"),
        json!({}),
        json!({ "id": "1" }),
        json!({ "nope": 1 }),
        json!({ "last_name": 1 }),
        json!({ "email_addresses": "a@b.c" }),
    ] {
        assert!(
            matches!(check(body.clone()), Err(Error::InvalidBody { .. })),
            "{body}"
        );
    }
}
