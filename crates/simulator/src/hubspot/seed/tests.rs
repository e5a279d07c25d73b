use super::fill;
use crate::hubspot::objects::Object;
use crate::hubspot::portal::{Data, PortalOptions};
use crate::hubspot::values;

const NOW_MS: i64 = 1_780_272_000_000;

fn portal(seed: u64) -> Data {
    fill(&PortalOptions::default(), seed, NOW_MS)
}

#[test]
fn the_seed_decides_every_record() {
    let dump = |data: &Data| Object::ALL.map(|object| format!("{:?}", data.records(object)));
    assert_eq!(dump(&portal(1)), dump(&portal(1)));
    assert_ne!(dump(&portal(1)), dump(&portal(2)));
}

#[test]
fn seeded_values_are_ones_that_a_write_would_take() {
    let data = portal(1);
    for object in Object::ALL {
        for record in data.records(object).values() {
            assert!(record.created_ms <= record.updated_ms && record.updated_ms <= NOW_MS);
            for (name, value) in &record.values {
                let mut property = data
                    .property(object, name)
                    .unwrap_or_else(|| panic!("{object:?} has no {name}"))
                    .clone();
                property.read_only = false;
                let kept = values::check(&data, &property, value, None);
                assert_eq!(kept.ok().as_ref(), Some(value), "{object:?} {name}");
            }
        }
    }
}

#[test]
fn gaps_falses_and_zeros_are_among_them() {
    let data = portal(1);
    let contacts = data.records(Object::Contacts);
    assert_eq!(contacts.len(), 1_000);
    let holds = |name: &str, value: &str| {
        contacts
            .values()
            .any(|record| record.values.get(name).is_some_and(|own| own == value))
    };
    assert!(holds("is_vip", "false") && holds("loyalty_points", "0"));
    assert!(
        contacts
            .values()
            .any(|record| !record.values.contains_key("email"))
    );
    assert!(contacts.values().any(|record| record.archived_ms.is_some()));
    let stages: Vec<_> = data
        .records(Object::Deals)
        .values()
        .map(|deal| &deal.values["pipeline"])
        .collect();
    assert!(stages.iter().any(|pipeline| *pipeline == "default"));
    assert!(stages.iter().any(|pipeline| *pipeline != "default"));
}
