//! What the widely published contact mapping answers, in both its outputs, is understood and made safe.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: a failure there is a failed test"
)]

use soql::{
    Condition, FieldPath, Identifier, Query, SelectItem, check_caller_text, parse_condition, parse_search,
};

fn query(filter: Condition) -> String {
    let select = vec![SelectItem::Field(FieldPath::parse("Id").unwrap())];
    let from = Identifier::parse("Contact").unwrap();
    Query {
        select,
        from,
        filter: Some(filter),
        order_by: Vec::new(),
        limit: None,
        offset: None,
    }
    .to_soql()
    .unwrap()
}

#[test]
fn its_where() {
    let text = "WHERE CreatedDate = 2026-05-01T07:25:37Z AND Email = 'o\\'brien@b.c'";
    assert_eq!(
        check_caller_text(text, &["2026-05-01T07:25:37Z", "o'brien@b.c"]),
        Ok(())
    );
    assert_eq!(
        query(parse_condition(text).unwrap()),
        "SELECT Id FROM Contact WHERE CreatedDate = 2026-05-01T07:25:37Z AND Email = 'o\\'brien@b.c'"
    );
    // The original writes values bare: such a text is refused, not guessed at.
    assert!(parse_condition("WHERE Email = a@b.c").is_err());
}

#[test]
fn its_q() {
    for (term, expected) in [
        ("acme", "acme"),
        ("a+b@x-y.com", r"a\+b@x\-y.com"),
        ("x} RETURNING User(Id)", r"x\} RETURNING User\(Id\)"),
    ] {
        let text = format!("FIND {{{term}}} RETURNING Contact(Id, FirstName, LastName, Email)");
        assert_eq!(
            parse_search(&text, Some(term)).unwrap().to_sosl().unwrap(),
            format!("FIND {{{expected}}} IN ALL FIELDS RETURNING Contact(Id, FirstName, LastName, Email)")
        );
    }
}
