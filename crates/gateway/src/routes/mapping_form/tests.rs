use std::collections::BTreeMap;

use super::{Action, OWN_MAX, Posted, merged};

fn posted(pairs: &[(&str, &str)]) -> Posted {
    let pairs = pairs.iter();
    Posted::read(
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    )
}

#[test]
fn a_form_is_read_and_what_it_should_not_hold_is_left() {
    let read = posted(&[
        ("token", "t"),
        ("version", "7"),
        ("resource", "contacts"),
        ("pick.first_name", "  Nick__c "),
        ("pick.first_name", "Other__c"),
        ("pick.title", ""),
        ("own.3.field", "LTV__c"),
        ("own.3.name", "ltv"),
        ("own.100.name", "too_many"),
        ("own.-1.name", "x"),
        ("own.1.shoes", "x"),
        ("own.", "x"),
        ("shoes", "x"),
        ("do", "save"),
    ]);
    assert_eq!((read.version, read.action), (7, Action::Save { is_last: true }));
    assert_eq!(read.picks["first_name"], "Nick__c", "of two the first");
    assert_eq!(read.picks["title"], "");
    assert_eq!(read.own[&3], ("ltv".to_owned(), "LTV__c".to_owned()));
    assert_eq!(
        read.own.keys().copied().filter(|index| *index >= OWN_MAX).count(),
        0
    );
    let long = "é".repeat(10_000);
    assert_eq!(posted(&[("pick.a", &long)]).picks["a"].chars().count(), 300);
    for (text, action) in [
        ("save_on", Action::Save { is_last: false }),
        ("more", Action::More),
        ("preview", Action::Preview),
        ("find", Action::Preview),
        ("SAVE", Action::Preview),
        ("", Action::Preview),
    ] {
        assert_eq!(posted(&[("do", text)]).action, action, "{text}");
    }
    assert_eq!(posted(&[("version", "x")]).version, 0);
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, field)| ((*name).to_owned(), (*field).to_owned()))
        .collect()
}

#[test]
fn of_two_people_who_save_neither_loses_a_choice() {
    let found = map(&[
        ("both_left", "A"),
        ("i_change", "B"),
        ("they_change", "C"),
        ("i_empty", "D"),
        ("they_empty", "E"),
        ("clash", "F"),
        ("same", "G"),
        ("gone", "H"),
    ]);
    let theirs = map(&[
        ("both_left", "A"),
        ("i_change", "B"),
        ("they_change", "C2"),
        ("i_empty", "D"),
        ("clash", "F2"),
        ("same", "G2"),
        ("they_add", "I"),
    ]);
    let mine = map(&[
        ("both_left", "A"),
        ("i_change", "B1"),
        ("they_change", "C"),
        ("they_empty", "E"),
        ("clash", "F1"),
        ("same", "G2"),
        ("gone", "H1"),
        ("i_add", "J"),
    ]);
    let (together, clashes) = merged(&found, &theirs, &mine);
    let expected = map(&[
        ("both_left", "A"),
        ("i_change", "B1"),
        ("they_change", "C2"),
        ("clash", "F1"),
        ("same", "G2"),
        ("gone", "H1"),
        ("they_add", "I"),
        ("i_add", "J"),
    ]);
    assert_eq!(together, expected);
    assert_eq!(clashes, map(&[("clash", "F2"), ("gone", "")]));
    assert_eq!(merged(&found, &found, &mine).0, mine);
    assert_eq!(merged(&found, &theirs, &found).0, theirs);
}
