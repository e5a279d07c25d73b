use std::collections::BTreeMap;
use std::sync::Arc;

use mapping::{Catalog, ChildMetadata, FieldMetadata, ObjectMetadata, Plan, ProviderDocument};
use serde_json::json;
use soql::{Identifier, Query};

use super::{Children, not_searched, selection, unwrap};

/// A resource that reads rows of others with its records, whichever it is, and its provider.
fn documents() -> (Arc<Plan>, Arc<ProviderDocument>) {
    let catalog = Catalog::embedded().expect("the shipped documents");
    let found = catalog.provider_names().find_map(|provider| {
        let mut resources = catalog.provider_resources(provider);
        let plan = resources.find_map(|resource| {
            let plan = catalog.plan(provider, resource, &[]).ok()?;
            plan.children
                .values()
                .any(|rule| rule.fills.len() > 1)
                .then_some(plan)
        })?;
        Some((plan, Arc::clone(catalog.provider(provider)?)))
    });
    found.expect("a resource with rows of others")
}

fn object(name: &str, fields: &[&str]) -> ObjectMetadata {
    let fields = fields.iter().map(|field| {
        let relationship = field.strip_suffix("Id").filter(|name| !name.is_empty());
        let field = json!({"name": field, "relationship_name": relationship});
        serde_json::from_value::<FieldMetadata>(field).expect("a field")
    });
    ObjectMetadata::new(name.to_owned(), name.to_owned(), fields.collect())
}

#[test]
fn lists_are_taken_out_of_their_envelopes() {
    let (plan, document) = documents();
    let name = plan.children.keys().next().expect("a relationship").clone();
    let page = &document.page;
    let done = page.done.clone().expect("a key that says whether all are told");
    let rows = json!([{"Role": "a"}, {"Role": "b"}]);
    let mut records = vec![
        json!({ "Id": "1", name.clone(): {page.records.clone(): rows, done.clone(): true} }),
        json!({ "Id": "2", name.clone(): {page.records.clone(): rows, done.clone(): false} }),
        json!({ "Id": "3", name.clone(): null }),
        json!({ "Id": "4" }),
        json!({ "Id": "5", name.clone(): {"odd": 1} }),
        json!("no record"),
    ];
    let warnings = unwrap(&plan, page, &mut records);
    assert_eq!(records[0][&name], rows);
    assert_eq!(records[1][&name], rows);
    assert_eq!((&records[2][&name], &records[4][&name]), (&json!([]), &json!([])));
    assert_eq!(records[3], json!({"Id": "4"}));
    let cut: Vec<&String> = warnings.iter().collect();
    assert!(
        matches!(cut.as_slice(), [one] if one.contains("cut short in 1 of the records")),
        "{cut:?}"
    );
}

#[test]
fn rows_are_asked_for_as_far_as_the_user_sees_them() {
    let (plan, _) = documents();
    let (name, rule) = plan.children.first_key_value().expect("a relationship");
    let plain: Vec<&str> = rule.fields.iter().map(String::as_str).collect();
    let child = ChildMetadata {
        name: name.to_uppercase(),
        object: "Row".to_owned(),
    };
    let parent = object("Whole", &["Id"]).with_children(vec![child]);
    assert!(parent.child(name).is_some(), "upper and lower case alike");
    let of =
        |fields: &[&str]| -> Children { BTreeMap::from([(name.clone(), Arc::new(object("Row", fields)))]) };
    let own: Vec<&str> = plain
        .iter()
        .copied()
        .filter(|field| !field.contains('.'))
        .collect();
    let text = |children: &Children, wanted: Option<&[String]>| {
        let (select, warnings) = selection(&plan, &parent, children, wanted);
        let query = Query {
            select,
            from: Identifier::parse("Whole").expect("a name"),
            filter: None,
            order_by: Vec::new(),
            limit: None,
            offset: None,
        };
        (query.to_soql().unwrap_or_default(), warnings)
    };
    let (all, warnings) = text(&of(&own), None);
    assert!(
        all.contains(&format!("FROM {name})")) && warnings.is_empty(),
        "{all} {warnings:?}"
    );
    assert!(plain.iter().all(|field| all.contains(field)), "{all}");

    let (less, warnings) = text(&of(&own[..1]), None);
    assert!(less.contains(own[0]) && !less.contains(own[1]), "{less}");
    assert!(
        warnings
            .iter()
            .any(|warning| warning.contains(&format!("Row.{}", own[1]))),
        "{warnings:?}"
    );
    let (none, warnings) = text(&Children::new(), None);
    assert!(
        none.is_empty() && warnings[0].contains("does not exist in this org"),
        "{none} {warnings:?}"
    );
    let other = ["id".to_owned()];
    assert_eq!(
        text(&Children::new(), Some(&other)),
        (String::new(), Vec::new()),
        "nobody asked for them"
    );
    let wanted = [rule.fills[0].clone()];
    assert!(text(&of(&own), Some(&wanted)).0.contains(name.as_str()));
    assert_eq!(not_searched(&plan).count(), plan.children.len());
}
