use crate::metadata::{FieldKind, FieldMetadata, ObjectMetadata};

fn field(name: &str, label: &str, kind: FieldKind) -> FieldMetadata {
    FieldMetadata {
        label: label.to_owned(),
        is_custom: true,
        ..FieldMetadata::named(name, kind)
    }
}

fn object(fields: Vec<FieldMetadata>) -> ObjectMetadata {
    ObjectMetadata::new("Contact".to_owned(), "Contact".to_owned(), fields)
}

fn successor(before: Vec<FieldMetadata>, after: Vec<FieldMetadata>, name: &str) -> Option<String> {
    let now = object(after).since(&object(before));
    now.likely_successor(name).map(|field| field.name.clone())
}

#[test]
fn a_renamed_field_is_found_again() {
    let source = || field("Lead_Source__c", "Lead Source", FieldKind::Picklist);
    let channel = || field("Marketing_Channel__c", "Marketing Channel", FieldKind::Picklist);
    let score = || field("Score__c", "Score", FieldKind::Decimal);
    // The only new one of its kind.
    assert_eq!(
        successor(
            vec![source(), score()],
            vec![channel(), score()],
            "lead_source__C"
        ),
        Some("Marketing_Channel__c".to_owned())
    );
    // Among several: the same label, then common words.
    let relabelled = || field("Herkunft__c", "Lead Source", FieldKind::Picklist);
    assert_eq!(
        successor(vec![source()], vec![channel(), relabelled()], "Lead_Source__c"),
        Some("Herkunft__c".to_owned())
    );
    let similar = || field("Source_Of_Lead__c", "Source", FieldKind::Picklist);
    assert_eq!(
        successor(vec![source()], vec![channel(), similar()], "Lead_Source__c"),
        Some("Source_Of_Lead__c".to_owned())
    );
}

#[test]
fn no_guess_is_made_without_a_reason() {
    let source = || field("Lead_Source__c", "Lead Source", FieldKind::Picklist);
    let number = || field("Lead_Source_New__c", "Lead Source", FieldKind::Decimal);
    assert_eq!(
        successor(vec![source()], vec![number()], "Lead_Source__c"),
        None,
        "another kind"
    );
    let one = || field("One__c", "One", FieldKind::Picklist);
    let two = || field("Two__c", "Two", FieldKind::Picklist);
    assert_eq!(
        successor(vec![source()], vec![one(), two()], "Lead_Source__c"),
        None,
        "nothing in common"
    );
    let twins = vec![
        field("Source_A__c", "Source", FieldKind::Picklist),
        field("Source_B__c", "Source", FieldKind::Picklist),
    ];
    assert_eq!(
        successor(vec![source()], twins, "Lead_Source__c"),
        None,
        "two that are equally like it"
    );
    assert_eq!(
        successor(vec![source()], vec![], "Lead_Source__c"),
        None,
        "nothing came"
    );
    assert_eq!(successor(vec![one()], vec![one(), two()], "Never_There__c"), None);
}

#[test]
fn what_was_learned_outlives_the_next_reading() {
    let source = || field("Lead_Source__c", "Lead Source", FieldKind::Picklist);
    let channel = || field("Marketing_Channel__c", "Marketing Channel", FieldKind::Picklist);
    let second = object(vec![channel()]).since(&object(vec![source()]));
    let third = object(vec![channel()]).since(&second);
    assert_eq!(third.gone().collect::<Vec<_>>(), ["Lead_Source__c"]);
    assert_eq!(
        third
            .likely_successor("Lead_Source__c")
            .map(|field| field.name.as_str()),
        Some("Marketing_Channel__c")
    );
    // Until the field is back.
    let fourth = object(vec![channel(), source()]).since(&third);
    assert_eq!(fourth.gone().count(), 0);
}
