use super::super::ast::{Condition, Literal, Operator};
use super::parse;

#[test]
fn reads_every_clause() {
    let query = parse(
        "SELECT Id, Account.Owner.Name, (SELECT Id FROM Contacts) FROM Opportunity o USING SCOPE mine \
         WHERE Amount >= -1.5e3 ORDER BY Name DESC NULLS LAST, Id LIMIT 10 OFFSET 20 FOR REFERENCE",
    )
    .expect("valid");
    assert_eq!(
        (query.items.len(), query.from.as_str(), query.alias.as_deref()),
        (3, "Opportunity", Some("o"))
    );
    assert_eq!(
        (query.limit, query.offset.map(|(rows, _)| rows)),
        (Some(10), Some(20))
    );
    assert!(query.order[0].descending && query.order[0].nulls_last && !query.order[1].descending);
    let Some(Condition::Compare { operator, right, .. }) = query.filter else {
        panic!("a comparison")
    };
    assert_eq!(
        (operator, right.literal),
        (Operator::GreaterOrEqual, Literal::Number(-1_500.0))
    );
}

#[test]
fn strings_take_exactly_the_documented_escapes() {
    let text = |soql: &str| match parse(soql).expect("valid").filter {
        Some(Condition::Compare { right, .. }) => match right.literal {
            Literal::Text(text) => text,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert_eq!(
        text(r#"SELECT Id FROM A WHERE N = 'a\n\r\t\b\f\"\'\\\u00e9'"#),
        "a\n\r\t\u{8}\u{c}\"'\\é"
    );
    assert_eq!(text("SELECT Id FROM A WHERE N = '株式会社 🦀'"), "株式会社 🦀");
    for bad in ['a', 'x', '0', '/', '-', 'é'] {
        let soql = format!("SELECT Id FROM A WHERE N = '\\{bad}'");
        assert!(parse(&soql).is_err(), "{soql}");
    }
}

#[test]
fn and_or_need_parentheses() {
    assert!(parse("SELECT Id FROM A WHERE (X = 1 AND Y = 2) OR Z = 3").is_ok());
    assert!(parse("SELECT Id FROM A WHERE X = 1 OR Y = 2 AND Z = 3").is_err());
    assert!(parse("SELECT Id FROM A WHERE X = 1 AND NOT (Y = 2 OR Z = 3)").is_ok());
}

#[test]
fn errors_point_at_row_and_column() {
    let error = parse("SELECT Id\nFROM Account\nWHERE Name == 'x'").expect_err("two equal signs");
    assert_eq!(
        error.message,
        "\nWHERE Name == 'x'\n            ^\nERROR at Row:3:Column:13\nunexpected token: '='"
    );
}
