use std::collections::BTreeMap;
use std::sync::Arc;

use mapping::{Catalog, FieldKind, FieldMetadata, ObjectMetadata, OverrideSource};
use serde_json::json;

use super::{FieldPicks, names};

fn field(name: &str, label: &str, kind: FieldKind) -> FieldMetadata {
    serde_json::from_value(
        json!({"name": name, "label": label, "kind": kind, "is_custom": name.ends_with("__c")}),
    )
    .unwrap()
}

fn seen(document: Option<&str>) -> FieldPicks {
    let catalog = Catalog::embedded().unwrap();
    let provider = catalog
        .provider_names()
        .find(|name| catalog.resource_of(name, "Contact").is_some())
        .unwrap()
        .to_owned();
    let tenants = OverrideSource {
        level_name: "tenant",
        document: "field_map: {segment: Segment__c}",
    };
    let plan = catalog.plan(&provider, "contacts", &[tenants]).unwrap();
    let mut account = field("AccountId", "Account ID", FieldKind::Reference);
    account.relationship_name = Some("Account".to_owned());
    let mut whole = field("Visits__c", "Visits", FieldKind::Decimal);
    whole.scale = Some(0);
    let fields = vec![
        field("FirstName", "First Name", FieldKind::Text),
        field("Nick__c", "Nickname", FieldKind::Text),
        field("LTV_Score__c", "Lifetime value", FieldKind::Decimal),
        field("Twin_1__c", "Twin", FieldKind::Text),
        field("Twin_2__c", "Twin", FieldKind::Text),
        field("Born__c", "Born", FieldKind::Date),
        field("VIP__c", "VIP", FieldKind::Boolean),
        field("Tags__c", "Tags", FieldKind::MultiPicklist),
        account,
        whole,
    ];
    let metadata = ObjectMetadata::new("Contact".to_owned(), "Contact".to_owned(), fields);
    let names = names(&plan, &metadata);
    FieldPicks {
        version: 3,
        reserved: plan
            .schema
            .field_names()
            .filter(|field| names.iter().all(|known| known.name != *field))
            .map(str::to_owned)
            .collect(),
        names,
        picks: BTreeMap::new(),
        metadata: Arc::new(metadata),
        document: document.map(str::to_owned),
    }
}

fn picks(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, field)| ((*name).to_owned(), (*field).to_owned()))
        .collect()
}

#[test]
fn names_of_single_writable_values_and_the_tenants_own_can_be_picked_for() {
    let seen = seen(None);
    let found = |name: &str| seen.names.iter().find(|known| known.name == name);
    assert_eq!(found("first_name").unwrap().filled_by, ["FirstName"]);
    assert_eq!(found("segment").unwrap().filled_by, ["Segment__c"]);
    assert!(found("segment").unwrap().shape.is_none());
    for other in [
        "id",
        "created_at",
        "email_addresses",
        "account",
        "custom_fields",
        "remote_data",
    ] {
        assert!(found(other).is_none(), "{other}");
    }
}

#[test]
fn picks_are_held_to_the_fields_and_their_kinds() {
    let seen = seen(None);
    let good = [
        ("first_name", "Nick__c"),
        ("first_name", "nick__C"),
        ("birthday", "Born__c"),
        ("do_not_call", "VIP__c"),
        ("title", "LTV_Score__c"),
        ("title", "Account.Industry"),
        ("segment", "Tags__c"),
        ("ltv", "LTV_Score__c"),
        ("a_2", "Account.Owner.Name"),
    ];
    for (name, field) in good {
        assert_eq!(seen.mistakes(&picks(&[(name, field)])), [], "{name}: {field}");
    }
    let bad = [
        ("first_name", "Shoe__c", "no field `Shoe__c`"),
        ("first_name", "nick", "Did you mean Nick__c?"),
        ("first_name", "Tags__c", "several choices"),
        ("birthday", "Nick__c", "It takes a day; Nick__c holds text"),
        ("do_not_call", "LTV_Score__c", "yes or no"),
        ("first_name", "Shoe.Name", "no field"),
        ("first_name", "Account.", "no field"),
        ("first_name", "Account.Name FROM User", "no field"),
        ("id", "Nick__c", "filled in another way"),
        ("email_addresses", "Nick__c", "filled in another way"),
        ("Nope", "Nick__c", "lower-case"),
        ("", "Nick__c", "lower-case"),
        ("1st", "Nick__c", "lower-case"),
        ("a.b", "Nick__c", "lower-case"),
        ("été", "Nick__c", "lower-case"),
        (&"x".repeat(101), "Nick__c", "lower-case"),
        ("ltv", &"y".repeat(10_000), "no field"),
    ];
    for (name, field, told) in bad {
        let mistakes = seen.mistakes(&picks(&[(name, field)]));
        assert_eq!(mistakes.len(), 1, "{name}: {field:.20}");
        assert!(mistakes[0].message.contains(told), "{}", mistakes[0].message);
        assert!(mistakes[0].message.len() < 400);
    }
}

#[test]
fn names_that_a_document_brought_stay() {
    let mut seen = seen(None);
    seen.picks = picks(&[("email_addresses", "Nick__c"), ("a.b", "Nick__c")]);
    assert_eq!(seen.mistakes(&seen.picks), []);
}

#[test]
fn a_field_is_found_by_its_name_and_by_a_label_of_its_own() {
    let seen = seen(None);
    assert_eq!(seen.field_named("ltv_score__C").as_deref(), Some("LTV_Score__c"));
    assert_eq!(
        seen.field_named("lifetime VALUE").as_deref(),
        Some("LTV_Score__c")
    );
    assert_eq!(seen.field_named("Account.Name").as_deref(), Some("Account.Name"));
    assert_eq!(seen.field_named("Twin"), None, "two have it");
    assert_eq!(seen.field_named(""), None);
}

#[test]
fn what_the_page_does_not_show_stays_in_the_document() {
    let before =
        "field_map: {old: Nick__c, segment: null, title: null}\nresponse_mapping: 'response.{\"a\": 1}'";
    let after = seen(Some(before))
        .document(&picks(&[("ltv", "LTV_Score__c"), ("title", "Nick__c")]))
        .unwrap();
    let whole: serde_json::Value = serde_json::from_str(&after).unwrap();
    assert_eq!(
        whole,
        json!({
            "field_map": {"ltv": "LTV_Score__c", "segment": null, "title": "Nick__c"},
            "response_mapping": "response.{\"a\": 1}",
        })
    );
}
