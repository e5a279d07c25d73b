use crate::*;

fn field(text: &str) -> FieldPath {
    FieldPath::parse(text).unwrap()
}

fn name(text: &str) -> Identifier {
    Identifier::parse(text).unwrap()
}

fn equal(path: &str, value: Literal) -> Condition {
    Condition::Compare {
        field: field(path),
        comparison: Comparison::Equal,
        value,
    }
}

fn contacts(filter: Option<Condition>) -> Query {
    Query {
        select: vec![SelectItem::Field(field("Id"))],
        from: name("Contact"),
        filter,
        order_by: Vec::new(),
        limit: None,
        offset: None,
    }
}

fn written(filter: Condition) -> Result<String, WriteError> {
    let text = contacts(Some(filter)).to_soql()?;
    Ok(text.strip_prefix("SELECT Id FROM Contact").unwrap().to_owned())
}

fn search(term: &str) -> Search {
    let contact = Returning {
        object: name("Contact"),
        fields: vec![field("Id"), field("ID"), field("Name")],
        filter: None,
        order_by: Vec::new(),
        limit: None,
        offset: None,
    };
    Search {
        term: term.to_owned(),
        scope: Scope::All,
        returning: vec![contact],
        limit: None,
    }
}

fn term(text: &str) -> Result<String, WriteError> {
    let sosl = search(text).to_sosl()?;
    let inside = sosl.strip_prefix("FIND {").unwrap();
    Ok(inside
        .strip_suffix("} IN ALL FIELDS RETURNING Contact(Id, Name)")
        .unwrap()
        .to_owned())
}

#[test]
fn a_whole_query() {
    let query = Query {
        select: vec![
            SelectItem::Field(field("Id")),
            SelectItem::Field(field("Account.Name")),
            SelectItem::Function {
                name: Function::ToLabel,
                field: field("LeadSource"),
                alias: Some(name("source")),
            },
            SelectItem::Field(field("ID")),
            SelectItem::Child {
                relationship: name("Cases"),
                query: Box::new(Query {
                    limit: Some(5),
                    ..contacts(Some(Condition::Never))
                }),
            },
            SelectItem::Function {
                name: Function::ToLabel,
                field: field("leadsource"),
                alias: Some(name("SOURCE")),
            },
        ],
        from: name("Contact"),
        filter: Some(Condition::And(vec![
            equal("Email", Literal::text("o'brien@b.c")),
            Condition::Or(vec![
                equal("CreatedDate", Literal::date_time("2026-05-01T07:25:37Z").unwrap()),
                Condition::Not(Box::new(Condition::Like {
                    field: field("Name"),
                    pattern: LikePattern::contains("50%"),
                })),
            ]),
        ])),
        order_by: vec![
            Order {
                field: field("SystemModstamp"),
                direction: Direction::Descending,
                nulls: Nulls::Last,
            },
            Order::ascending(field("Id")),
        ],
        limit: Some(50),
        offset: Some(2000),
    };
    assert_eq!(
        query.to_soql().unwrap(),
        "SELECT Id, Account.Name, toLabel(LeadSource) source, (SELECT Id FROM Cases WHERE Id = null LIMIT 5) \
         FROM Contact WHERE Email = 'o\\'brien@b.c' AND (CreatedDate = 2026-05-01T07:25:37Z OR \
         (NOT Name LIKE '%50\\%%')) ORDER BY SystemModstamp DESC NULLS LAST, Id LIMIT 50 OFFSET 2000"
    );
}

#[test]
fn every_literal() {
    for (literal, text) in [
        (Literal::Null, "null"),
        (Literal::Boolean(true), "TRUE"),
        (Literal::Boolean(false), "FALSE"),
        (Literal::Integer(i64::MIN), "-9223372036854775808"),
        (Literal::decimal("12.50").unwrap(), "12.50"),
        (Literal::date("2026-05-01").unwrap(), "2026-05-01"),
        (Literal::DateLiteral(DateLiteral::Today), "TODAY"),
        (Literal::DateLiteral(DateLiteral::LastNDays(7)), "LAST_N_DAYS:7"),
        (Literal::text(""), "''"),
        (Literal::text("TODAY"), "'TODAY'"),
        (
            Literal::text("\\'\n\r\t\u{8}\u{c}\0\u{7f}\u{85}"),
            r"'\\\'\n\r\t\b\f\u0000\u007F\u0085'",
        ),
        (
            Literal::text("\"’\u{2028}\u{feff}é😀%_{}"),
            "'\"’\u{2028}\u{feff}é😀%_{}'",
        ),
    ] {
        assert_eq!(
            written(equal("F", literal)).unwrap(),
            format!(" WHERE F = {text}")
        );
    }
}

#[test]
fn empty_lists_and_groups_mean_what_they_say() {
    let list = |negated| Condition::In {
        field: field("F"),
        negated,
        values: Vec::new(),
    };
    let sets = |negated| Condition::Includes {
        field: field("F"),
        negated,
        sets: Vec::new(),
    };
    for (condition, text) in [
        (list(false), " WHERE Id = null"),
        (list(true), " WHERE Id != null"),
        (sets(false), " WHERE Id = null"),
        (sets(true), " WHERE Id != null"),
        (Condition::And(vec![]), ""),
        (Condition::Or(vec![]), " WHERE Id = null"),
        (
            Condition::Not(Box::new(Condition::And(vec![]))),
            " WHERE (NOT Id != null)",
        ),
        (
            Condition::And(vec![Condition::Or(vec![Condition::Never])]),
            " WHERE Id = null",
        ),
    ] {
        assert_eq!(written(condition).unwrap(), text);
    }
}

#[test]
fn lists_sets_and_inner_queries() {
    let values = vec![Literal::text("a"), Literal::Integer(1)];
    let sets = vec![vec!["A".to_owned(), "B'".to_owned()], vec!["C".to_owned()]];
    let inner = Condition::SemiJoin {
        field: field("AccountId"),
        negated: true,
        select: field("Id"),
        from: name("Account"),
        filter: Some(Box::new(equal("Name", Literal::text("x")))),
    };
    for (condition, text) in [
        (
            Condition::In {
                field: field("F"),
                negated: true,
                values,
            },
            "F NOT IN ('a', 1)",
        ),
        (
            Condition::Includes {
                field: field("F"),
                negated: false,
                sets,
            },
            r"F INCLUDES ('A;B\'', 'C')",
        ),
        (
            inner,
            "AccountId NOT IN (SELECT Id FROM Account WHERE Name = 'x')",
        ),
    ] {
        assert_eq!(written(condition).unwrap(), format!(" WHERE {text}"));
    }
    for set in [vec![], vec!["A;B".to_owned()]] {
        let condition = Condition::Includes {
            field: field("F"),
            negated: false,
            sets: vec![set],
        };
        assert_eq!(
            written(condition),
            Err(WriteError::PicklistSet {
                field: "F".to_owned()
            })
        );
    }
}

#[test]
fn limits_of_texts_and_statements() {
    let too_long = |characters| {
        Err(WriteError::TextTooLong {
            field: "Account.Name".to_owned(),
            characters,
        })
    };
    assert!(written(equal("Name", Literal::text("'".repeat(4_000)))).is_ok());
    assert_eq!(
        written(equal("Account.Name", Literal::text("é".repeat(4_001)))),
        too_long(4_001)
    );
    assert_eq!(
        written(equal("Account.Name", Literal::text("😀".repeat(2_001)))),
        too_long(4_002)
    );
    let pattern = LikePattern::contains("x".repeat(3_999));
    assert_eq!(
        written(Condition::Like {
            field: field("Account.Name"),
            pattern
        }),
        too_long(4_001)
    );
    let values = vec![Literal::text("x".repeat(1_000)); 99];
    assert!(
        written(Condition::In {
            field: field("F"),
            negated: false,
            values
        })
        .is_ok()
    );
    let values = vec![Literal::text("x".repeat(1_000)); 1_000_000];
    let condition = Condition::In {
        field: field("F"),
        negated: false,
        values,
    };
    assert_eq!(written(condition), Err(WriteError::StatementTooLong));
}

#[test]
fn limits_of_depth() {
    let nested = |levels| (0..levels).fold(Condition::Never, |inner, _| Condition::Not(Box::new(inner)));
    assert!(written(nested(CONDITION_DEPTH_MAX)).is_ok());
    assert_eq!(
        written(nested(CONDITION_DEPTH_MAX + 1)),
        Err(WriteError::ConditionTooDeep)
    );
    assert_eq!(written(nested(1_000)), Err(WriteError::ConditionTooDeep));
    let single = (0..1_000).fold(Condition::Never, |inner, _| Condition::And(vec![inner]));
    assert_eq!(written(single), Err(WriteError::ConditionTooDeep));
    let children = |levels| {
        (0..levels).fold(contacts(None), |inner, _| Query {
            select: vec![SelectItem::Child {
                relationship: name("Kids"),
                query: Box::new(inner),
            }],
            ..contacts(None)
        })
    };
    assert!(children(CHILD_DEPTH_MAX).to_soql().is_ok());
    assert_eq!(
        children(CHILD_DEPTH_MAX + 1).to_soql(),
        Err(WriteError::ChildrenTooDeep)
    );
}

#[test]
fn select_lists_that_the_provider_would_refuse() {
    let select = |select| {
        Query {
            select,
            ..contacts(None)
        }
        .to_soql()
    };
    let child = |limit| SelectItem::Child {
        relationship: name("Kids"),
        query: Box::new(Query {
            limit,
            ..contacts(None)
        }),
    };
    assert_eq!(
        select(vec![]),
        Err(WriteError::NothingSelected {
            object: "Contact".to_owned()
        })
    );
    let count_and_id = vec![SelectItem::Count, SelectItem::Field(field("Id"))];
    assert_eq!(
        select(count_and_id),
        Err(WriteError::CountNotAlone {
            object: "Contact".to_owned()
        })
    );
    assert_eq!(
        select(vec![SelectItem::Count, SelectItem::Count]).unwrap(),
        "SELECT COUNT() FROM Contact"
    );
    assert_eq!(
        select(vec![child(None), child(None), SelectItem::Field(field("Id"))]).unwrap(),
        "SELECT (SELECT Id FROM Kids), Id FROM Contact"
    );
    let twice = Err(WriteError::RelationshipTwice {
        relationship: "Kids".to_owned(),
    });
    assert_eq!(select(vec![child(None), child(Some(1))]), twice);
    let far = Query {
        offset: Some(2_001),
        ..contacts(None)
    }
    .to_soql();
    assert_eq!(far, Err(WriteError::OffsetTooLarge { offset: 2_001 }));
}

#[test]
fn search_terms_are_words() {
    for (text, expected) in [
        ("acme", "acme"),
        ("a+b@x-y.com", r"a\+b@x\-y.com"),
        (
            "?&|!{}[]()^~*:\\\"'+-",
            r#"\?\&\|\!\{\}\[\]\(\)\^\~\*\:\\\"\'\+\-"#,
        ),
        ("x} RETURNING User(Id)", r"x\} RETURNING User\(Id\)"),
        ("salt AND pepper", r#"salt "AND" pepper"#),
        ("or NOT\u{a0}and", "\"or\" \"NOT\"\u{a0}\"and\""),
        ("android ORbit notes", "android ORbit notes"),
        ("  a\0b\nc\t ", "a b c"),
        ("AND", "\"AND\""),
        ("日本", "日本"),
    ] {
        assert_eq!(term(text).unwrap(), expected, "{text:?}");
    }
}

#[test]
fn search_terms_have_limits() {
    for (text, characters) in [("", 0), (" ", 0), ("a", 1), (" \n\0a ", 1), ("😀", 1)] {
        assert_eq!(
            term(text),
            Err(WriteError::TermTooShort { characters }),
            "{text:?}"
        );
    }
    assert!(term(&"-".repeat(2_000)).is_ok());
    assert_eq!(
        term(&"-".repeat(2_001)),
        Err(WriteError::TermTooLong { characters: 4_002 })
    );
    let nothing = Search {
        returning: Vec::new(),
        ..search("acme")
    };
    assert_eq!(nothing.to_sosl(), Err(WriteError::NothingReturned));
}

#[test]
fn a_whole_search() {
    let returning = vec![
        Returning {
            object: name("Contact"),
            fields: Vec::new(),
            filter: Some(equal("Email", Literal::text("}'"))),
            order_by: vec![Order::descending(field("Name"))],
            limit: Some(3),
            offset: Some(1),
        },
        search("").returning.remove(0),
    ];
    let search = Search {
        scope: Scope::Email,
        returning,
        limit: Some(20),
        ..search("a b")
    };
    assert_eq!(
        search.to_sosl().unwrap(),
        r"FIND {a b} IN EMAIL FIELDS RETURNING Contact(Id WHERE Email = '}\'' ORDER BY Name DESC LIMIT 3 OFFSET 1), Contact(Id, Name) LIMIT 20"
    );
}

#[test]
fn errors_never_repeat_a_value() {
    let secret = "secret".repeat(1_000);
    for error in [
        written(equal("F", Literal::text(secret.clone()))).unwrap_err(),
        term(&secret).unwrap_err(),
    ] {
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
}
