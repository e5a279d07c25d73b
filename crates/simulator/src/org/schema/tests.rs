use std::collections::HashSet;

use super::{Kind, objects};
use crate::org::OrgOptions;

fn full() -> OrgOptions {
    OrgOptions {
        record_types: true,
        person_accounts: true,
        multi_currency: true,
        state_country_picklists: true,
        ..OrgOptions::default()
    }
}

#[test]
fn every_file_is_consistent() {
    let objects = objects(&full());
    assert_eq!(objects.len(), 28);
    let prefixes: HashSet<_> = objects.iter().map(super::Object::prefix).collect();
    assert_eq!(prefixes.len(), objects.len(), "key prefixes differ");
    for object in &objects {
        assert_eq!(
            object
                .fields
                .iter()
                .filter(|field| field.kind == Kind::Id)
                .count(),
            1,
            "{}",
            object.name
        );
        let names: HashSet<_> = object
            .fields
            .iter()
            .map(|field| field.name.to_lowercase())
            .collect();
        assert_eq!(names.len(), object.fields.len(), "{}", object.name);
        for field in &object.fields {
            assert_eq!(
                field.kind == Kind::Reference,
                !field.reference_to.is_empty(),
                "{}.{}",
                object.name,
                field.name
            );
        }
        for child in &object.child_relationships {
            let below = objects.iter().find(|other| other.name == child.object);
            let slot = below.and_then(|below| below.slot(&child.field));
            let field = below.zip(slot).map(|(below, slot)| &below.fields[slot]);
            assert!(
                field.is_some_and(|field| field.reference_to.contains(&object.name)),
                "{} -> {}.{}",
                object.name,
                child.object,
                child.field
            );
        }
    }
}
