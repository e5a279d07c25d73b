//! Whatever a caller sends stays one literal: a reader that shares no code with the writer finds exactly the texts
//! that were put in, and the same statement around them as with a harmless text.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests: a failure there is a failed test"
)]

mod support;

use proptest::prelude::*;
use soql::{
    Comparison, Condition, DateLiteral, FieldPath, Identifier, LikePattern, Literal, Order, Query, ReadError,
    Returning, Scope, Search, SelectItem, WriteError, check_caller_text, parse_condition, parse_query,
    parse_search,
};
use support::{pieces, search, structure, texts};

fn field(text: &str) -> FieldPath {
    FieldPath::parse(text).unwrap()
}

fn name(text: &str) -> Identifier {
    Identifier::parse(text).unwrap()
}

fn query(object: &str, filter: Condition) -> Query {
    Query {
        select: vec![SelectItem::Field(field("Id"))],
        from: name(object),
        filter: Some(filter),
        order_by: vec![Order::ascending(field("Id"))],
        limit: Some(1),
        offset: None,
    }
}

/// Conditions that hold `text` in every position a text can have.
fn everywhere(text: &str) -> Condition {
    let literal = || Literal::text(text);
    let like = |pattern| Condition::Like {
        field: field("Name"),
        pattern,
    };
    let compare = Condition::Compare {
        field: field("Email"),
        comparison: Comparison::Equal,
        value: literal(),
    };
    Condition::And(vec![
        compare.clone(),
        Condition::Or(vec![
            like(LikePattern::contains(text)),
            like(LikePattern::starts_with(text)),
            like(LikePattern::ends_with(text)),
        ]),
        Condition::In {
            field: field("Id"),
            negated: true,
            values: vec![literal(), Literal::Null, literal()],
        },
        Condition::Includes {
            field: field("Interests__c"),
            negated: false,
            sets: vec![vec![text.replace(';', ":"), "other".to_owned()]],
        },
        Condition::Not(Box::new(Condition::SemiJoin {
            field: field("AccountId"),
            negated: false,
            select: field("Id"),
            from: name("Account"),
            filter: Some(Box::new(compare)),
        })),
        Condition::Compare {
            field: field("CreatedDate"),
            comparison: Comparison::Greater,
            value: Literal::DateLiteral(DateLiteral::Today),
        },
    ])
}

fn statement(text: &str) -> Query {
    let child = query("Cases", everywhere(text));
    let mut outer = query("Contact", everywhere(text));
    outer.select.push(SelectItem::Child {
        relationship: name("Cases"),
        query: Box::new(child),
    });
    outer
}

/// A `LIKE` text as the independent reader shows it.
fn like_text(text: &str) -> String {
    text.replace('%', "\\%").replace('_', "\\_")
}

fn check_statement(text: &str) {
    let written = statement(text).to_soql().unwrap();
    let harmless = statement("x").to_soql().unwrap();
    assert_eq!(
        structure(&written).unwrap(),
        structure(&harmless).unwrap(),
        "{text:?}"
    );
    let like = like_text(text);
    let one_condition = [
        text.to_owned(),
        format!("%{like}%"),
        format!("{like}%"),
        format!("%{like}"),
        text.to_owned(),
        text.to_owned(),
        format!("{};other", text.replace(';', ":")),
        text.to_owned(),
    ];
    assert_eq!(
        texts(&written),
        [one_condition.clone(), one_condition].concat(),
        "{text:?}"
    );
    assert_eq!(parse_query(&written).unwrap(), statement(text), "{text:?}");
}

fn check_search(text: &str) {
    let returning = Returning {
        object: name("Contact"),
        fields: vec![field("Id")],
        filter: Some(everywhere(text)),
        order_by: Vec::new(),
        limit: None,
        offset: None,
    };
    let value = |term: &str, filter: &str| Search {
        term: term.to_owned(),
        scope: Scope::All,
        returning: vec![Returning {
            filter: Some(everywhere(filter)),
            ..returning.clone()
        }],
        limit: None,
    };
    let spaced: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let words = spaced.trim();
    let written = match value(text, text).to_sosl() {
        Ok(written) => written,
        Err(WriteError::TermTooShort { characters }) => return assert!(characters < 2, "{text:?}"),
        Err(error) => panic!("{text:?}: {error}"),
    };
    let (term, rest) = search(&written).unwrap_or_else(|error| panic!("{text:?}: {error}: {written}"));
    assert_eq!(term, words);
    let harmless = value("xx", "xx").to_sosl().unwrap();
    let (_, harmless_rest) = search(&harmless).unwrap();
    assert_eq!(structure(rest).unwrap(), structure(harmless_rest).unwrap());
    assert_eq!(parse_search(&written, None).unwrap(), value(words, text));
}

const HOSTILE: &[&str] = &[
    "",
    " ",
    "'",
    "''",
    "\\",
    "\\\\",
    "\\'",
    "'\\",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "\u{8}\u{c}\u{7f}\u{85}",
    "%",
    "_",
    "\\%",
    "}",
    "{",
    "\"",
    "’",
    "‘",
    "“",
    "”",
    "＇",
    "ʼ",
    "😀",
    "\u{2028}",
    "\u{2029}",
    "\u{feff}",
    "\u{202e}",
    "é",
    "e\u{301}",
    "日本語",
    "' OR Name != '",
    "\\' OR Name != \\'",
    "x' OR Id != null LIMIT 1",
    "') OR (Name != '",
    "x} RETURNING User(Id)",
    "x\\} RETURNING User(Id)",
    "--",
    "/* x */",
    ";",
    "a;b",
    "null",
    "TODAY",
    "LAST_N_DAYS:7",
    "2026-05-01",
    ":bind",
    "\\u0027",
    "\\u",
    "%'",
    "\\n",
    "AND",
    "x AND NOT y",
    "or",
    "OR\u{a0}x",
    "\"AND\"",
    "O'Brien",
    "DOMAIN\\user",
    "\u{10ffff}",
    "${x}",
    "&&",
];

#[test]
fn the_corpus_in_every_position() {
    for text in HOSTILE {
        for padded in [
            (*text).to_owned(),
            format!("a{text}"),
            format!("{text}b"),
            format!("a {text} b"),
            text.repeat(3),
        ] {
            check_statement(&padded);
            check_search(&padded);
        }
    }
}

#[test]
fn the_corpus_as_a_name_is_refused() {
    let plain = ["null", "AND", "or", "TODAY"];
    for text in HOSTILE.iter().filter(|text| !plain.contains(text)) {
        assert!(FieldPath::parse(text).is_err(), "{text:?}");
        assert!(
            Identifier::parse(&format!("Name{text}")).is_err() || text.chars().all(|c| c == '_'),
            "{text:?}"
        );
        assert!(
            Literal::date_time(text).is_err() && Literal::decimal(text).is_err(),
            "{text:?}"
        );
    }
}

#[test]
fn a_hundred_kilobytes_are_refused_and_the_field_is_named() {
    let long = "' OR Name != '".repeat(7_500);
    let condition = Condition::Compare {
        field: field("Account.Name"),
        comparison: Comparison::Equal,
        value: Literal::text(long.clone()),
    };
    let refused = query("Contact", condition).to_soql().unwrap_err();
    assert!(
        refused.to_string().contains("Account.Name has 105000 characters"),
        "{refused}"
    );
    let search = Search {
        term: long.clone(),
        scope: Scope::All,
        returning: Vec::new(),
        limit: None,
    };
    assert!(matches!(search.to_sosl(), Err(WriteError::TermTooLong { .. })));
    let joined = format!("Name = '{long}'");
    assert!(matches!(
        check_caller_text(&joined, &[&long]),
        Err(ReadError::TooLong { .. })
    ));
    assert!(matches!(parse_condition(&joined), Err(ReadError::TooLong { .. })));
}

/// Any characters, those that mean something more often than others.
fn any_text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        3 => prop::sample::select("'\\\"%_{}()*?;:-+ \n\0nrtu".chars().collect::<Vec<_>>()),
        2 => prop::sample::select("abxANDORNOT019.,=".chars().collect::<Vec<_>>()),
        1 => any::<char>(),
    ];
    prop::collection::vec(character, 0..24).prop_map(String::from_iter)
}

fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_stays_one_literal(text in any_text()) {
        check_statement(&text);
        check_search(&text);
    }

    #[test]
    fn text_joined_by_a_mapping_is_refused_or_harmless(a in any_text(), b in any_text()) {
        let join = |a: &str, b: &str| format!("Name = '{a}' AND (Email = '{b}' OR Name LIKE '%{a}%')");
        let text = join(&a, &b);
        if check_caller_text(&text, &[&a, &b]).is_ok() {
            prop_assert_eq!(structure_lenient(&text), structure_lenient(&join("x", "y")));
        }
        let bare = format!("Amount > {a} AND Id != null");
        if !is_plain(&a) && !a.is_empty() && check_caller_text(&bare, &[&a]).is_ok() {
            prop_assert_eq!(structure_lenient(&bare).len(), structure_lenient("Amount > 5 AND Id != null").len());
        }
    }

    #[test]
    fn a_search_joined_by_a_mapping_reaches_one_object(term in any_text()) {
        let tail = " RETURNING Contact(Id, FirstName, LastName, Email)";
        for (before, after) in [("", ""), ("*", "*"), ("\"", "\""), ("a ", " b")] {
            let text = format!("FIND {{{before}{term}{after}}}{tail}");
            if let Ok(read) = parse_search(&text, Some(&term)) {
                prop_assert_eq!(read.returning.len(), 1);
                prop_assert_eq!(read.returning[0].object.as_str(), "Contact");
                prop_assert_eq!(read.returning[0].fields.len(), 4);
                prop_assert!(!before.is_empty() || read.term == term);
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused_without_panic(text in any_text(), value in any_text()) {
        for joined in [text.clone(), format!("a = {text}"), format!("a = '{text}'"), format!("SELECT {text} FROM X")] {
            let _ = (parse_condition(&joined), parse_query(&joined), soql::parse_order_by(&joined));
            let _ = (check_caller_text(&joined, &[&value]), parse_search(&joined, Some(&value)));
        }
        let _ = parse_search(&format!("FIND {{{text}"), Some(&value));
        let _ = (Literal::date(&text), Literal::date_time(&text), Literal::decimal(&text), LikePattern::parse(&text));
    }
}

/// What the independent reader sees where texts are allowed to hold raw control characters and unknown escapes, as
/// text joined by a mapping does: both are replaced by a plain character first.
fn structure_lenient(text: &str) -> Vec<support::Piece> {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                characters.next();
                plain.push('e');
            }
            control if control.is_control() => plain.push(' '),
            other => plain.push(other),
        }
    }
    structure(&plain).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

#[test]
fn the_independent_reader_sees_an_injection() {
    let injected = "SELECT Id FROM Contact WHERE Name = 'x' OR Name != ''";
    assert_ne!(
        structure(injected).unwrap(),
        structure("SELECT Id FROM Contact WHERE Name = 'x'").unwrap()
    );
    assert!(pieces("a = 'x\\'").is_err() && pieces("a = '\\x'").is_err() && pieces("a = '\n'").is_err());
    assert_eq!(
        search("FIND {x} RETURNING User(Id)} y").unwrap().1,
        " RETURNING User(Id)} y"
    );
    for operators in [
        "FIND {a OR b}",
        "FIND {a* b}",
        "FIND {a and}",
        "FIND {\"a b\"}",
        "FIND {a\\}",
    ] {
        assert!(search(operators).is_err(), "{operators}");
    }
}
