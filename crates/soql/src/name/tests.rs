use super::*;

#[test]
fn names_of_objects_and_fields_are_accepted_as_given() {
    for name in [
        "Id",
        "Contact",
        "LTV_Score__c",
        "ns__Deal__c",
        "x",
        "Order",
        "Group",
        "First",
        "Account__r",
    ] {
        assert_eq!(Identifier::parse(name).unwrap().as_str(), name);
        assert_eq!(FieldPath::parse(name).unwrap().to_string(), name);
    }
    assert_eq!(FieldPath::parse("a.b.c.d.e.f").unwrap().as_str(), "a.b.c.d.e.f");
}

#[test]
fn anything_else_is_refused_with_its_reason() {
    for text in [
        "1a",
        "_a",
        "a-b",
        "a b",
        " a",
        "a'",
        "é",
        "a\0",
        "a\n",
        "Id, Name",
        "COUNT()",
        "a\u{2028}",
    ] {
        assert!(
            matches!(Identifier::parse(text), Err(InvalidName::Character { .. })),
            "{text:?}"
        );
    }
    assert_eq!(Identifier::parse(""), Err(InvalidName::Empty));
    assert!(matches!(
        Identifier::parse("a.b"),
        Err(InvalidName::Character { .. })
    ));
    for text in ["", ".", "a.", ".a", "a..b"] {
        assert_eq!(FieldPath::parse(text), Err(InvalidName::Empty), "{text:?}");
    }
    assert_eq!(
        FieldPath::parse("a.b.c.d.e.f.g"),
        Err(InvalidName::TooManyNames { names: 7 })
    );
    assert_eq!(
        Identifier::parse(&"a".repeat(256)),
        Err(InvalidName::TooLong { characters: 256 })
    );
    assert!(Identifier::parse(&"a".repeat(255)).is_ok());
}

#[test]
fn words_of_the_language_are_no_names_in_any_case() {
    for word in RESERVED {
        for text in [(*word).to_owned(), word.to_lowercase(), format!("Account.{word}")] {
            assert!(
                matches!(FieldPath::parse(&text), Err(InvalidName::Reserved { .. })),
                "{text}"
            );
        }
    }
}

#[test]
fn errors_name_a_short_part_of_the_input() {
    let error = Identifier::parse(&"'".repeat(100_000)).unwrap_err();
    assert!(error.to_string().len() < 250, "{error}");
    assert!(
        Identifier::parse("a b")
            .unwrap_err()
            .to_string()
            .contains("\"a b\" is no name")
    );
}
