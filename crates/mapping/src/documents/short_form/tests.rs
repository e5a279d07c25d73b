use serde_json::{Value, json};

use super::{FieldMap, field_map, with_field_map};
use crate::Catalog;
use crate::documents::OverrideSource;

fn entries(pairs: &[(&str, Option<&str>)]) -> FieldMap {
    let owned = pairs
        .iter()
        .map(|(name, field)| ((*name).to_owned(), field.map(str::to_owned)));
    owned.collect()
}

#[test]
fn the_short_form_is_replaced_and_all_else_stays() {
    let before = "# a comment\nfield_map: {old: Old__c, gone: ~}\nfilters:\n  email: null\nresponse_mapping: >-\n  response.{\n    \"é\": 'x'\n  }\n";
    let read = field_map(before).unwrap();
    assert_eq!(read, entries(&[("old", Some("Old__c")), ("gone", None)]));
    let wanted = entries(&[("new", Some("Account.New__c")), ("gone", None)]);
    let after = with_field_map(Some(before), &wanted).unwrap();
    assert_eq!(field_map(&after).unwrap(), wanted);
    let whole: Value = serde_json::from_str(&after).unwrap();
    assert_eq!(
        whole,
        json!({
            "field_map": {"new": "Account.New__c", "gone": null},
            "filters": {"email": null},
            "response_mapping": "response.{\n  \"é\": 'x'\n}",
        })
    );
    assert_eq!(
        with_field_map(Some(&after), &wanted).unwrap(),
        after,
        "once is enough"
    );
}

#[test]
fn texts_that_look_like_other_values_stay_texts() {
    let before = "object: \"yes\"\ndescription: '2026-05-01'\nfields: [\"null\", \"1e3\"]\n";
    let after = with_field_map(Some(before), &entries(&[])).unwrap();
    let whole: Value = serde_json::from_str(&after).unwrap();
    assert_eq!(
        whole,
        json!({"object": "yes", "description": "2026-05-01", "fields": ["null", "1e3"], "field_map": {}})
    );
}

#[test]
fn a_document_from_nothing_is_one_that_can_be_put() {
    let document = with_field_map(None, &entries(&[("ltv", Some("LTV_Score__c"))])).unwrap();
    let catalog = Catalog::embedded().unwrap();
    let provider = catalog.provider_names().next().unwrap().to_owned();
    catalog.check_override(&provider, "contacts", &document).unwrap();
    let source = OverrideSource {
        level_name: "connection",
        document: &document,
    };
    let plan = catalog.plan(&provider, "contacts", &[source]).unwrap();
    assert_eq!(
        plan.field_map.get("ltv").map(String::as_str),
        Some("LTV_Score__c")
    );
    assert_eq!(
        plan.sources.get("field_map.ltv").map(String::as_str),
        Some("connection")
    );
}

#[test]
fn what_is_no_override_is_refused() {
    let huge = format!("# {}", "x".repeat(70_000));
    for document in ["shoes: 1", "field_map: 1", "field_map: {a: [1]}", "- 1", &huge] {
        assert!(field_map(document).is_err(), "{document:.20}");
    }
    assert!(with_field_map(Some("- 1"), &entries(&[])).is_err());
    assert!(with_field_map(Some(&huge), &entries(&[])).is_err());
}
