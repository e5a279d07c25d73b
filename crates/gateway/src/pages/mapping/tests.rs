use std::collections::BTreeMap;

use http::StatusCode;
use mapping::{FieldMetadata, ObjectMetadata, Shape};
use serde_json::{Value, json};
use unified::PickableName;

use super::{Notice, OwnName, Preview, View, entrance, page};

const HOSTILE: &str = "<script>alert('x')</script>\" onfocus=\"y&";

fn field(name: &str, label: &str) -> FieldMetadata {
    serde_json::from_value(json!({"name": name, "label": label, "kind": "text", "is_custom": true})).unwrap()
}

/// Everything that others write, hostile.
fn html(fields: Vec<FieldMetadata>, find: &str, notice: Option<Notice>) -> String {
    let names = [PickableName {
        name: "first_name".to_owned(),
        shape: Some(Shape::Text),
        filled_by: vec![HOSTILE.to_owned(), "Nick__c".to_owned()],
    }];
    let picks = BTreeMap::from([("first_name".to_owned(), HOSTILE.to_owned())]);
    let mistakes = BTreeMap::from([("first_name".to_owned(), HOSTILE.to_owned())]);
    let own = [OwnName {
        name: HOSTILE.to_owned(),
        field: HOSTILE.to_owned(),
        mistake: None,
    }];
    let record = json!({
        "id": HOSTILE, "name": HOSTILE, "first_name": HOSTILE, HOSTILE: HOSTILE,
        "custom_fields": {"Nick__c": HOSTILE}, "remote_data": {"properties": {"Below__c": HOSTILE}},
    });
    let resources = [HOSTILE.to_owned(), "contacts".to_owned()];
    let metadata = ObjectMetadata::new("Contact".to_owned(), "Contact".to_owned(), fields);
    let view = View {
        path: "/connect/mapping",
        tenant: HOSTILE,
        provider: HOSTILE,
        resources: &resources,
        resource: HOSTILE,
        names: &names,
        picks: &picks,
        own: &own,
        mistakes: &mistakes,
        metadata: &metadata,
        records: std::slice::from_ref(&record),
        record: HOSTILE,
        preview: &Preview::Shown {
            before: Value::Null,
            after: record.clone(),
        },
        find,
        notice,
        version: 1,
        token: HOSTILE,
        status: StatusCode::OK,
    };
    page(&view).main
}

#[test]
fn what_customers_wrote_cannot_become_markup() {
    let fields = || {
        vec![
            field(HOSTILE, HOSTILE),
            field("Nick__c", HOSTILE),
            field("Below__c", HOSTILE),
        ]
    };
    for notice in [
        None,
        Some(Notice::Refused),
        Some(Notice::Changed),
        Some(Notice::Saved(HOSTILE.to_owned())),
    ] {
        for find in ["", "nick", HOSTILE] {
            let html = html(fields(), find, notice.clone());
            assert!(!html.contains("<script"), "{html}");
            assert!(!html.contains("\" onfocus=\""), "{html}");
        }
    }
    let html = html(fields(), "", None);
    assert!(
        html.matches("alert(&#39;x&#39;)").count() > 10,
        "it is shown as text"
    );
    assert!(!entrance(HOSTILE, HOSTILE).main.contains("<script"));
}

#[test]
fn eight_hundred_fields_are_listed_once_and_the_table_shows_some() {
    let fields: Vec<FieldMetadata> = (0..800)
        .map(|index| field(&format!("F{index}__c"), &format!("Label {index}")))
        .collect();
    let all = html(fields.clone(), "", None);
    assert_eq!(all.matches("<option value=\"F").count(), 800);
    assert_eq!(all.matches("<datalist").count(), 1);
    assert_eq!(all.matches("<th scope=\"row\"><bdi>").count(), 50);
    assert!(all.contains("50 of 800 fields shown"), "{all}");
    let some = html(fields, " lABEL 79", None);
    assert!(some.contains("11 of 11 fields shown"));
    assert!(some.contains("<code>F799__c</code>") && !some.contains("<code>F80__c</code>"));
}

#[test]
fn samples_are_found_wherever_the_provider_keeps_fields() {
    let records: Vec<Value> = ["a", "a", "b", "c", "d"]
        .iter()
        .map(|value| {
            json!({
                "custom_fields": {"Own__c": value},
                "remote_data": {"Plain": value, "properties": {"deep": value}, "empty": null},
            })
        })
        .collect();
    for name in ["Own__c", "Plain", "deep"] {
        assert_eq!(super::samples(&records, name), ["a", "b", "c"], "{name}");
    }
    assert!(super::samples(&records, "empty").is_empty());
    assert!(super::samples(&records, "nothing").is_empty());
    let long = json!([{"remote_data": {"x": "é".repeat(1_000)}}]);
    assert_eq!(
        super::samples(long.as_array().unwrap(), "x")[0].chars().count(),
        60
    );
}

#[test]
fn a_choice_with_a_mistake_says_so_where_it_is_and_before_all() {
    let html = html(vec![field("Nick__c", "Nick")], "", Some(Notice::Refused));
    assert!(html.contains("aria-describedby=\"wrong-first_name about-first_name\" aria-invalid=\"true\""));
    assert!(html.contains("<a href=\"#pick-first_name\">first_name</a>"));
    assert!(html.contains("role=\"alert\""));
    let alert = html.find("role=\"alert\"").unwrap();
    assert!(alert < html.find("<form").unwrap());
}
