use std::collections::BTreeSet;
use std::sync::OnceLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Catalog, OverrideSource};
use crate::{DocumentError, Method, Plan};

/// Read once: reading compiles every document that ships.
fn catalog() -> &'static Catalog {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    CATALOG.get_or_init(|| Catalog::embedded().unwrap_or_else(|error| panic!("{error}")))
}

fn plan(overrides: &[&str]) -> Result<std::sync::Arc<Plan>, DocumentError> {
    let levels = ["tenant", "connection", "third"];
    let overrides: Vec<OverrideSource<'_>> = overrides
        .iter()
        .zip(levels)
        .map(|(document, level_name)| OverrideSource { level_name, document })
        .collect();
    catalog().plan("salesforce", "contacts", &overrides)
}

fn mistake(document: &str) -> DocumentError {
    plan(&[document])
        .err()
        .unwrap_or_else(|| panic!("accepted: {document}"))
}

#[test]
fn later_documents_lie_over_earlier_ones_by_key() {
    let plan = plan(&[
        "filters: {score: {field: Score__c, type: decimal}, title: null}\nsorts: {name: LastName}\nfields: [Score__c]\nexpand: {account: {fields: [Account.Name, Account.Type]}}\n",
        "filters: {score: {field: Points__c, type: integer}}\nfields: {Fax: null, Extra__c: true}\nmethods: {delete: null}\n",
    ])
    .unwrap();
    assert_eq!(plan.filters["score"].field, "Points__c");
    assert!(!plan.filters.contains_key("title") && plan.filters.contains_key("email_addresses"));
    assert_eq!(plan.sorts["name"], "LastName");
    assert_eq!(plan.expand["account"].fields.len(), 2);
    assert!(
        plan.fields.contains(&"Score__c".to_owned())
            && plan.fields.contains(&"Extra__c".to_owned())
            && !plan.fields.contains(&"Fax".to_owned())
    );
    assert!(!plan.supports(Method::Delete) && plan.supports(Method::List));
    assert_eq!(plan.sources["filters.score"], "connection");
    assert_eq!(plan.sources["sorts.name"], "tenant");
    assert_eq!(plan.sources["filters.email_addresses"], "base");
    assert_eq!(plan.sources["fields.Extra__c"], "connection");
    assert!(!plan.sources.contains_key("filters.title") && !plan.sources.contains_key("fields.Fax"));
}

#[test]
fn expressions_lie_over_each_other_or_take_the_place() {
    let overlay = plan(&["response_mapping: 'response.{\"title\": \"a\"}'\n"]).unwrap();
    assert_eq!(overlay.sources["methods.list.response_mapping"], "base+tenant");
    let replaced = plan(&["mode: replace\nresponse_mapping: 'response.{\"title\": \"a\"}'\n"]).unwrap();
    assert_eq!(replaced.sources["methods.get.response_mapping"], "tenant");
    let one = plan(&["methods: {list: {mode: replace, response_mapping: 'response.{\"title\": \"a\"}'}}\n"])
        .unwrap();
    assert_eq!(one.sources["methods.list.response_mapping"], "tenant");
    assert_eq!(one.sources["methods.get.response_mapping"], "base");
    let taken = plan(&[
        "query_mapping: '{\"limit\": 1}'\n",
        "query_mapping: null\nmethods: {get: {response_mapping: null}}\n",
    ])
    .unwrap();
    assert!(!taken.sources.contains_key("methods.list.query_mapping"));
    assert!(!taken.sources.contains_key("methods.get.response_mapping"));
}

#[test]
fn plans_are_shared_by_content() {
    let catalog = catalog();
    let one = catalog.plan("salesforce", "contacts", &[]).unwrap();
    assert!(std::sync::Arc::ptr_eq(
        &one,
        &catalog.plan("salesforce", "contacts", &[]).unwrap()
    ));
    let document = "sorts: {name: LastName}\n";
    let given = [OverrideSource {
        level_name: "tenant",
        document,
    }];
    let other = catalog.plan("salesforce", "contacts", &given).unwrap();
    assert!(std::sync::Arc::ptr_eq(
        &other,
        &catalog.plan("salesforce", "contacts", &given).unwrap()
    ));
    assert_ne!(one.fingerprint, other.fingerprint);
    let elsewhere = [OverrideSource {
        level_name: "connection",
        document,
    }];
    assert_ne!(
        other.fingerprint,
        catalog
            .plan("salesforce", "contacts", &elsewhere)
            .unwrap()
            .fingerprint
    );
}

#[test]
fn a_tenant_adds_a_resource_of_its_own() {
    let catalog = catalog();
    let document = "resource: deal_registrations\nobject: Deal_Registration__c\nfield_map: {stage: Stage__c}\nresponse_mapping: 'response.{\"id\": Id, \"name\": Name}'\n";
    let given = [OverrideSource {
        level_name: "tenant",
        document,
    }];
    let plan = catalog.plan("salesforce", "deal_registrations", &given).unwrap();
    assert_eq!(plan.object, "Deal_Registration__c");
    assert!(plan.supports(Method::Upsert));
    assert_eq!(plan.schema.fields[0].name, "id");
    assert!(plan.schema.field("custom_fields").is_some());
    assert!(
        catalog
            .plan("salesforce", "deal_registrations", &[])
            .unwrap_err()
            .to_string()
            .contains("contacts")
    );
    let nameless = [OverrideSource {
        level_name: "tenant",
        document: "fields: [Id]\n",
    }];
    assert!(
        catalog
            .plan("salesforce", "other", &nameless)
            .unwrap_err()
            .to_string()
            .contains("object")
    );
    let shaped = "object: X__c\nschema: {type: object, properties: {total: {type: number}}}\n";
    let plan = catalog
        .plan(
            "salesforce",
            "shaped",
            &[OverrideSource {
                level_name: "tenant",
                document: shaped,
            }],
        )
        .unwrap();
    assert_eq!(plan.schema.fields.len(), 1);
    assert!(
        catalog
            .plan("hubspot9", "contacts", &[])
            .unwrap_err()
            .to_string()
            .contains("salesforce")
    );
}

#[test]
fn a_mistake_names_its_place() {
    let found = mistake(
        "sorts: {name: LastName}\nresponse_mapping: |\n  response.{\n    \"a\": [1, 2,],\n    \"b\": $eval(\"1\")\n  }\n",
    );
    assert_eq!(
        (found.line, found.key.as_deref()),
        (Some(5), Some("response_mapping"))
    );
    assert!(
        found.column.is_some_and(|column| (9..=17).contains(&column)),
        "{found}"
    );
    let found = mistake("methods:\n  list:\n    query_mapping: >-\n      {\n        \"where\": (\n      }\n");
    assert_eq!(
        (found.line, found.key.as_deref()),
        (Some(6), Some("methods.list.query_mapping")),
        "{found}"
    );
    let found = mistake("sorts: {name: LastName}\nquery_mapping: 'query.['\n");
    assert_eq!(found.line, Some(2));
    let found = mistake("sorts:\n  name: LastName\nsort: {}\n");
    assert_eq!(found.line, Some(3));
    assert!(
        found.message.contains("sort") && found.to_string().starts_with("tenant:3:"),
        "{found}"
    );
    let found = mistake("filters: {score: {field: Score__c, type: float}}\n");
    assert!(
        found.message.contains("float") && found.line == Some(1),
        "{found}"
    );
}

#[test]
fn values_of_a_filter_say_what_they_are_with_the_provider() {
    let document = "filters: {status: {field: Closed__c, type: boolean, values: {open: {Closed__c: false}, lost: {Closed__c: true, Won__c: null}}}}\n";
    let rule = plan(&[document]).unwrap().filters["status"].clone();
    let json = json!({
        "field": "Closed__c", "type": "boolean",
        "values": {"open": {"Closed__c": false}, "lost": {"Closed__c": true, "Won__c": null}}
    });
    assert_eq!(serde_json::to_value(&rule).unwrap(), json);
    let plain = plan(&["filters: {status: {field: Closed__c, type: boolean}}\n"]).unwrap();
    assert_eq!(
        serde_json::to_value(&plain.filters["status"]).unwrap(),
        json!({"field": "Closed__c", "type": "boolean"})
    );
    for (values, words) in [
        ("{open: {}}", "filters.status.values.open"),
        ("{open: {Closed__c: [true]}}", "filters.status.values.open"),
        (
            "{open: {Closed__c: {a: 1}}}",
            "needs at least one field of the provider",
        ),
        (
            "{open: {\"Closed__c = true OR Id\": false}}",
            "is not a field's name",
        ),
    ] {
        let found = mistake(&format!(
            "filters: {{status: {{field: Closed__c, type: boolean, values: {values}}}}}\n"
        ));
        assert!(found.to_string().contains(words), "{values}: {found}");
    }
}

#[test]
fn every_mistake_of_an_override_is_told() {
    let document = "resource: accounts\nobject: \"Contact WHERE x\"\nfields: [\"Id FROM User\"]\nfilters: {Bad: {field: \"a b\", type: text}}\nresponse_mapping: 'response.('\nquery_mapping: '$eval(1)'\n";
    let mistakes = catalog()
        .check_override("salesforce", "contacts", document)
        .unwrap_err();
    let text: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    for words in [
        "resource",
        "object",
        "fields",
        "filters.Bad",
        "response_mapping",
        "query_mapping",
    ] {
        assert!(
            text.iter().any(|mistake| mistake.contains(words)),
            "{words}: {text:?}"
        );
    }
    assert!(
        catalog()
            .check_override("salesforce", "contacts", "field_map: {ltv: LTV__c}\n")
            .is_ok()
    );
    assert!(
        catalog()
            .check_override(
                "salesforce",
                "contacts",
                include_str!("../../tests/golden/published.yaml")
            )
            .is_ok()
    );
}

#[test]
fn hostile_documents_are_refused_quickly() {
    let bomb = (0..30).fold(
        "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(),
        |mut text, level| {
            use std::fmt::Write as _;
            let aliases = vec![format!("*a{level}"); 9].join(", ");
            writeln!(text, "a{}: &a{} [{aliases}]", level + 1, level + 1).unwrap();
            text
        },
    );
    let started = std::time::Instant::now();
    for (document, what) in [
        (bomb, "a bomb of aliases"),
        (
            format!("fields: {}{}", "[".repeat(30_000), "]".repeat(30_000)),
            "deep lists",
        ),
        (
            format!("schema: {}{}", "{a: ".repeat(500), "}".repeat(500)),
            "deep maps",
        ),
        (format!("fields: [{}]", "Id, ".repeat(20_000)), "more than 64 KiB"),
        ("fields: [Id]\nfields: [Name]\n".to_owned(), "a key given twice"),
        (
            "filters: {a: {field: A, type: text}, a: {field: B, type: text}}\n".to_owned(),
            "a name given twice",
        ),
        ("fields: [Id]\n---\nfields: [Name]\n".to_owned(), "two documents"),
        ("- a\n- b\n".to_owned(), "a list"),
        ("just text".to_owned(), "a text"),
        ("fields: !!binary aGk=\n".to_owned(), "bytes"),
        ("\u{0}".to_owned(), "a control character"),
        ("fields: [\t".to_owned(), "cut off"),
        ("response_mapping: [1]\n".to_owned(), "a list for an expression"),
        (
            format!(
                "fields: [{}]",
                (0..1_500)
                    .map(|index| format!("F{index}"))
                    .collect::<Vec<_>>()
                    .join(",")
            ),
            "too many fields",
        ),
        ("field_map: {x: a.b.c.d.e.f.g.h}\n".to_owned(), "a path too deep"),
        ("field_map: {\"x y\": A}\n".to_owned(), "a name with a blank"),
    ] {
        let error = plan(&[&document])
            .err()
            .unwrap_or_else(|| panic!("accepted: {what}"));
        assert!(
            !error.message.is_empty() && error.message.len() < 2_000,
            "{what}: {error}"
        );
    }
    assert!(
        started.elapsed() < std::time::Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    assert!(plan(&[""]).is_ok(), "an empty override changes nothing");
}

fn schema_keys(schema: &Value, pointer: &str) -> BTreeSet<String> {
    let properties = schema
        .pointer(pointer)
        .and_then(|part| part.get("properties"))
        .and_then(Value::as_object);
    properties
        .unwrap_or_else(|| panic!("no properties at {pointer}"))
        .keys()
        .cloned()
        .collect()
}

/// The keys that loading allows, as its own error lists them.
fn allowed_keys(error: &DocumentError) -> BTreeSet<String> {
    let (_, list) = error
        .message
        .split_once("expected")
        .unwrap_or_else(|| panic!("{error}"));
    let names = regex::Regex::new("[a-z][a-z_]+").unwrap();
    let words = ["one", "of", "at", "line", "column", "or"];
    names
        .find_iter(list)
        .map(|name| name.as_str().to_owned())
        .filter(|name| !words.contains(&name.as_str()))
        .collect()
}

#[test]
fn the_published_schemas_have_the_keys_that_loading_allows() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../../mappings/schema/resource.schema.json")).unwrap();
    for (document, pointer) in [
        ("zz: 1\n", ""),
        (
            "methods: {list: {zz: 1}}\n",
            "/properties/methods/additionalProperties",
        ),
        (
            "filters: {a: {zz: 1}}\n",
            "/properties/filters/additionalProperties",
        ),
    ] {
        assert_eq!(
            allowed_keys(&mistake(document)),
            schema_keys(&schema, pointer),
            "{pointer}"
        );
    }
    let schema: Value =
        serde_json::from_str(include_str!("../../../../mappings/schema/provider.schema.json")).unwrap();
    let text = include_str!("../../../../mappings/salesforce/provider.yaml");
    for (from, to, pointer) in [
        ("name: salesforce", "zz: 1\nname: salesforce", ""),
        ("auth:\n", "auth:\n  zz: 1\n", "/properties/auth"),
        ("api:\n", "api:\n  zz: 1\n", "/properties/api"),
        ("query:\n", "query:\n  zz: 1\n", "/properties/query"),
        (
            "  long:\n",
            "  long:\n    zz: 1\n",
            "/properties/query/properties/long",
        ),
        ("page: {", "page: {zz: 1, ", "/properties/page"),
        ("records:\n", "records:\n  zz: 1\n", "/properties/records"),
        (
            "  create: {",
            "  create: {zz: 1, ",
            "/properties/records/properties/create",
        ),
        ("metadata:\n", "metadata:\n  zz: 1\n", "/properties/metadata"),
        ("proxy:\n", "proxy:\n  zz: 1\n", "/properties/proxy"),
        (
            "{label: Production,",
            "{zz: 1, label: Production,",
            "/properties/environments/additionalProperties",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("salesforce")).unwrap();
        std::fs::write(
            folder.path().join("salesforce/provider.yaml"),
            text.replacen(from, to, 1),
        )
        .unwrap();
        let error = Catalog::from_dir(folder.path()).expect_err(pointer);
        assert_eq!(
            allowed_keys(&error),
            schema_keys(&schema, pointer),
            "{pointer}: {error}"
        );
    }
}

#[test]
fn every_field_of_the_shapes_is_described() {
    let catalog = catalog();
    assert!(catalog.resources().count() >= 2);
    for schema in catalog.resources() {
        assert_eq!(
            schema.json["$schema"],
            json!("https://json-schema.org/draft/2020-12/schema")
        );
        assert_eq!(schema.json["title"], json!(schema.name));
        assert!(
            !schema.json.to_string().contains("_shared.yaml"),
            "{}: a reference leads out of the schema",
            schema.name
        );
        for name in [
            "id",
            "created_at",
            "updated_at",
            "created_by",
            "updated_by",
            "last_activity_at",
            "is_deleted",
            "etag",
            "urls",
            "tags",
            "custom_fields",
            "remote_data",
        ] {
            assert!(schema.field(name).is_some(), "{}.{name}", schema.name);
        }
        let names: BTreeSet<&str> = schema.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names.len(), schema.fields.len());
    }
}

fn documents() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "b", "c"]);
    let entry = (
        name,
        prop::option::of(prop::sample::select(vec!["X", "Y", "Z__c", "R.X"])),
    );
    prop::collection::btree_map(
        entry.clone().prop_map(|(name, _)| name),
        entry.prop_map(|(_, value)| value),
        0..4,
    )
    .prop_map(|entries| {
        let list: Vec<String> = entries
            .iter()
            .map(|(name, path)| format!("{name}: {}", path.unwrap_or("null")))
            .collect();
        format!(
            "sorts: {{{}}}\nfield_map: {{{}}}\n",
            list.join(", "),
            list.join(", ")
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_last_word_on_a_name_holds(first in documents(), second in documents()) {
        let base = plan(&[]).unwrap();
        let merged = plan(&[&first, &second]).unwrap();
        let alone = plan(&[&second]).unwrap();
        for (name, path) in &alone.field_map {
            prop_assert_eq!(merged.field_map.get(name), Some(path));
            prop_assert_eq!(&merged.sources[&format!("field_map.{name}")], "connection");
            prop_assert!(merged.fields.contains(path));
        }
        // What nobody mentions is the base's.
        for (name, path) in &base.sorts {
            prop_assert_eq!(merged.sorts.get(name), Some(path));
        }
        // The same document twice is that document once.
        let twice = plan(&[&second, &second]).unwrap();
        prop_assert_eq!(&twice.field_map, &alone.field_map);
        prop_assert_eq!(&twice.sorts, &alone.sorts);
        // What the later takes away is gone.
        for name in ["a", "b", "c"] {
            if second.contains(&format!("{name}: null")) {
                prop_assert!(!merged.field_map.contains_key(name));
                let key = format!("field_map.{name}");
                prop_assert!(!merged.sources.contains_key(&key));
            }
        }
    }
}
