use serde_json::{Value, json};

use crate::expression::{Allowance, Expression, ExpressionError, Input};
use crate::functions::{Kinds, bindings, bindings_with};
use crate::metadata::FieldKind;

const ALLOWANCE: Allowance = Allowance {
    time_ms: 2_000,
    result_max_bytes: 1 << 20,
    now_ms: None,
};

const NOTHING: Input<'static> = Input {
    fields: &[],
    strip: &[],
};

fn run(source: &str) -> Result<Option<Value>, ExpressionError> {
    Expression::compile(source)?.evaluate(&NOTHING, bindings(), &ALLOWANCE)
}

fn answer(source: &str) -> Value {
    run(source)
        .unwrap_or_else(|error| panic!("{source}: {error}"))
        .unwrap_or_default()
}

fn refused(source: &str) -> String {
    run(source).expect_err(source).to_string()
}

#[test]
fn answers_are_those_that_people_know() {
    let golden: Vec<Value> = serde_json::from_str(include_str!("../../tests/golden/functions.json")).unwrap();
    assert!(golden.len() > 200);
    let mut wrong = Vec::new();
    for case in golden {
        let source = case["expr"].as_str().unwrap();
        let wanted = case.get("result").cloned();
        match run(source) {
            Ok(found) if found.as_ref().map(numbers) == wanted.as_ref().map(numbers) => {}
            other => wrong.push(format!("{source}\n  wanted {wanted:?}\n  found  {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// With all numbers as floats, for `1` and `1.0` are one number.
fn numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(numbers).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), numbers(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

fn by_kind(source: &str) -> Result<Option<Value>, ExpressionError> {
    let kinds = Kinds::new(
        [
            ("Email", FieldKind::Email),
            ("CreatedDate", FieldKind::DateTime),
            ("Birthdate", FieldKind::Date),
            ("Age__c", FieldKind::Integer),
            ("Amount", FieldKind::Decimal),
            ("IsActive", FieldKind::Boolean),
        ]
        .map(|(name, kind)| (name.to_owned(), kind))
        .into(),
    );
    Expression::compile(source)?.evaluate(&NOTHING, &bindings_with(&kinds), &ALLOWANCE)
}

#[test]
fn a_condition_is_written_by_the_kinds_of_its_fields() {
    for (query, wanted) in [
        (r#"{"Email": "a@b.c"}"#, "Email = 'a@b.c'"),
        (r#"{"Email": "o'k\\"}"#, r"Email = 'o\'k\\'"),
        (
            r#"{"CreatedDate": {"gt": "2026-05-01T09:25:37+02:00"}}"#,
            "CreatedDate > 2026-05-01T07:25:37.000Z",
        ),
        (
            r#"{"CreatedDate": {"lt": "2026-05-01"}}"#,
            "CreatedDate < 2026-05-01T00:00:00.000Z",
        ),
        (
            r#"{"Birthdate": "1970-01-02T00:00:00Z"}"#,
            "Birthdate = 1970-01-02",
        ),
        (
            r#"{"Age__c": {"gte": "30", "lt": 40}}"#,
            "Age__c >= 30 AND Age__c < 40",
        ),
        (r#"{"Amount": "1e3"}"#, "Amount = 1000"),
        (r#"{"IsActive": "TRUE"}"#, "IsActive = true"),
        (r#"{"Email": {"in": ["a", "b'"]}}"#, r"Email in ('a','b\'')"),
        (r#"{"Email": {"nin": ["a"]}}"#, "Email not in ('a')"),
        (r#"{"Email": {"in": []}}"#, "(Email = null AND Email <> null)"),
        (r#"{"Email": {"contains": "50%_'"}}"#, r"Email like '%50\%\_\'%'"),
        (r#"{"Email": {"starts_with": "a"}}"#, "Email like 'a%'"),
        (r#"{"Email": {"ends_with": "a"}}"#, "Email like '%a'"),
        (r#"{"Email": null, "IsActive": false}"#, "IsActive = false"),
        (
            r#"{"Unknown__c": 5, "Other": "5"}"#,
            "Unknown__c = 5 AND Other = '5'",
        ),
    ] {
        let source = format!("$convertQueryToSql({query})");
        assert_eq!(by_kind(&source).unwrap(), Some(json!(wanted)), "{source}");
    }
}

#[test]
fn a_condition_cannot_be_injected_into() {
    let answer = |source: &str| by_kind(source).unwrap().unwrap();
    assert_eq!(
        answer(
            r#"$convertQueryToSql({"Email": "x' OR Id != '"}, [], {}, {"Email": "string"}, {}, {"noQuotes": true})"#
        ),
        json!(r"Email = 'x\' OR Id != \''")
    );
    for hostile in [
        r#"$convertQueryToSql({"Id = '' OR Name": "x"})"#,
        r#"$convertQueryToSql({"a": "x"}, [], {"a": "Id) OR (Name"})"#,
        r#"$convertQueryToSql({"a": {"= '' OR Id =": "x"}})"#,
        r#"$convertQueryToSql({"a": {"eq": "x"}}, [], {}, {}, {"eq": "= '' OR Id ="})"#,
        r#"$convertQueryToSql({"a": "1", "b": "2"}, [], {}, {}, {}, {"conjunction": "OR Id != null OR"})"#,
        r#"$convertQueryToSql({"Age__c": "1 OR Id != null"})"#,
        r#"$convertQueryToSql({"Amount": "1 OR Id != null"})"#,
        r#"$convertQueryToSql({"IsActive": "true OR Id != null"})"#,
        r#"$convertQueryToSql({"CreatedDate": "TODAY OR Id != null"})"#,
        r#"$convertQueryToSql({"Birthdate": "2026-01-01 OR Id != null"})"#,
        r#"$convertQueryToSql({"a": {"eq": {"b": 1}}})"#,
        r#"$convertQueryToSql({"a": "x"}, [], {}, {"a": "date|yyyy' OR Id != '"})"#,
        r#"$soqlField("Name FROM User")"#,
        r#"$soqlLike("a", "' OR '")"#,
    ] {
        let error = by_kind(hostile).expect_err(hostile).to_string();
        assert!(
            !error.contains("Id != null"),
            "the error repeats the caller's text: {error}"
        );
    }
    // Every text comes out as one literal, whatever it holds.
    for text in ["\\", "'", "\\'", "\n", "\u{0}", "\u{2028}", "é𝄞", "%_", "\u{85}"] {
        let source = format!("$soqlString({})", json!(text));
        let literal = answer(&source);
        let inner = literal
            .as_str()
            .unwrap()
            .strip_prefix('\'')
            .unwrap()
            .strip_suffix('\'')
            .unwrap();
        let mut letters = inner.chars();
        while let Some(letter) = letters.next() {
            assert!(
                letter != '\'' && !letter.is_control(),
                "{text:?} became {literal}"
            );
            if letter == '\\' {
                assert!(
                    letters
                        .next()
                        .is_some_and(|escaped| "nrtbfu'\\".contains(escaped)),
                    "{literal}"
                );
            }
        }
    }
}

#[test]
fn literals_and_terms() {
    assert_eq!(
        answer("$soqlValue(\"2026-05-01T07:25:37+02:00\", \"datetime\")"),
        json!("2026-05-01T05:25:37.000Z")
    );
    assert_eq!(answer("$soqlValue(\"5\", \"integer\")"), json!("5"));
    assert_eq!(answer("$soqlValue(null)"), json!("null"));
    assert_eq!(answer("$soqlList([\"a\", \"b'\"])"), json!(r"('a','b\'')"));
    assert_eq!(answer("$soqlList([])"), json!("(null)"));
    assert_eq!(answer("$soqlLike(\"50%\", \"\", \"%\")"), json!(r"'50\%%'"));
    assert_eq!(
        answer("$soqlField(\"Account.Owner.Name\")"),
        json!("Account.Owner.Name")
    );
    assert_eq!(
        answer("$soslTerm(\"x} RETURNING User(Id)\")"),
        json!(r"x\} RETURNING User\(Id\)")
    );
    assert!(refused("$soqlValue(\"x\", \"integer\")").contains("whole number"));
    assert!(refused("$soqlValue(\"25:00:00\", \"time\")").contains("time"));
}

#[test]
fn dates() {
    assert_eq!(
        answer(
            "$dtFromIso(\"2024-11-05T12:34:56.789Z\").[year,month,day,hour,minute,second,millisecond,weekday,ordinal,quarter,weekNumber,weekYear,ts,isValid,daysInMonth,offset]"
        ),
        json!([
            2024,
            11,
            5,
            12,
            34,
            56,
            789,
            2,
            310,
            4,
            45,
            2024,
            1_730_810_096_789_i64,
            true,
            30,
            0
        ])
    );
    assert_eq!(
        answer("$dtFromIso(\"2024-11-05T12:00:00+02:00\", \"UTC\").iso"),
        json!("2024-11-05T10:00:00.000Z")
    );
    assert_eq!(
        answer("$dtFromIso(\"2024-11-05T12:00:00Z\", \"UTC+05:30\").iso"),
        json!("2024-11-05T17:30:00.000+05:30")
    );
    assert_eq!(
        answer("$dtFromIso(\"2026-05-01T07:25:37.000+0000\").hour"),
        json!(7)
    );
    assert_eq!(answer("$dtFromIso(\"bad\")"), Value::Null);
    assert_eq!(
        answer("$dtFromFormat(\"01-11-2022 12:00\", \"dd-MM-yyyy HH:mm\").iso"),
        json!("2022-11-01T12:00:00.000Z")
    );
    assert_eq!(
        answer("$dtFromFormat(\"Nov 1 2022\", \"LLL d yyyy\").month"),
        json!(11)
    );
    assert_eq!(answer("$dtFromFormat(\"bad\", \"yyyy\")"), Value::Null);
    assert!(refused("$dtFromIso(\"2024-11-05\", \"Mars/Olympus\")").contains("time zone"));
    assert!(refused("$dtFromFormat(\"x\", \"qq\")").contains('q'));
}

#[test]
fn urls_and_money() {
    assert_eq!(
        answer(
            "$parseUrl(\"https://u:p@ex.com:8080/a/b?x=1#h\").[host,hostname,port,pathname,search,hash,origin,protocol,username,password]"
        ),
        json!([
            "ex.com:8080",
            "ex.com",
            "8080",
            "/a/b",
            "?x=1",
            "#h",
            "https://ex.com:8080",
            "https:",
            "u",
            "p"
        ])
    );
    assert_eq!(answer("$parseUrl(\"bad\")"), Value::Null);
    assert_eq!(answer("$convertCurrencyToSubunit(19.99, \"USD\")"), json!(1_999));
    assert_eq!(answer("$convertCurrencyToSubunit(1.005, \"KWD\")"), json!(1_005));
}

#[test]
fn predicates_given_as_functions() {
    assert_eq!(answer("$find([1,2,3], function($v) { $v > 1 })"), json!(2));
    assert_eq!(
        answer("$lofilter([1,2,3], function($v) { $v > 1 })"),
        json!([2, 3])
    );
    assert_eq!(
        answer("$groupBy([1.2, 1.3, 2.1], function($v) { $floor($v) })"),
        json!({"1": [1.2, 1.3], "2": [2.1]})
    );
    assert_eq!(
        answer("$orderBy([1,3,2], function($v) { -$v })"),
        json!([3, 2, 1])
    );
}

#[test]
fn parts_of_bodies_tell_nothing_given_from_given_as_nothing() {
    let phones = r#"[{"number": "1", "type": "Mobile"}, {"number": null, "type": "fax"}, {"number": "3"}]"#;
    assert_eq!(
        answer(&format!("$ofType({phones}, [\"mobile\"], \"number\")")),
        json!("1")
    );
    assert_eq!(
        run(&format!("$ofType({phones}, [\"fax\"], \"number\")")).unwrap(),
        Some(Value::Null)
    );
    assert_eq!(
        answer(&format!("$ofType({phones}, [\"work\", null], \"number\")")),
        json!("3")
    );
    assert_eq!(
        run(&format!("$ofType({phones}, [\"home\"], \"number\")")).unwrap(),
        None
    );
    assert_eq!(
        run("$ofType([], [\"home\"], \"number\")").unwrap(),
        Some(Value::Null)
    );
    assert_eq!(run("$ofType([], [\"home\"], \"number\", true)").unwrap(), None);
    assert_eq!(run("$ofType(nothing, [\"home\"], \"number\")").unwrap(), None);
    assert_eq!(
        answer("$primary([{\"email\": \"a\"}, {\"email\": \"b\", \"is_primary\": true}], \"email\")"),
        json!("b")
    );
    assert_eq!(answer("$primary([\"a\"], \"email\")"), json!("a"));
    assert_eq!(run("$primary([], \"email\")").unwrap(), Some(Value::Null));
    assert_eq!(run("$primary(nothing, \"email\")").unwrap(), None);
    assert_eq!(answer("$reference({\"id\": \"1\", \"name\": \"x\"})"), json!("1"));
    assert_eq!(answer("$reference(\"1\")"), json!("1"));
    assert_eq!(run("$reference(null)").unwrap(), Some(Value::Null));
    assert_eq!(run("$reference(nothing)").unwrap(), None);
    assert!(refused("$reference(5)").contains("id"));
    assert_eq!(
        answer("$street({\"street_1\": \"1 Main St\", \"street_2\": \"Floor 2\"})"),
        json!("1 Main St\nFloor 2")
    );
    assert_eq!(run("$street({\"city\": \"x\"})").unwrap(), None);
    assert_eq!(run("$street({\"street_1\": null})").unwrap(), Some(Value::Null));
    assert_eq!(run("$part(null, \"city\")").unwrap(), Some(Value::Null));
    assert_eq!(run("$part({}, \"city\")").unwrap(), None);
}

#[test]
fn values_in_other_words() {
    assert_eq!(
        answer("$picklist(\"Closed Won\", {\"closed won\": \"won\"}, \"open\")"),
        json!("won")
    );
    assert_eq!(
        answer("$picklist(\"Else\", {\"closed won\": \"won\"}, \"open\")"),
        json!("open")
    );
    assert_eq!(
        run("$picklist(null, {\"a\": \"b\"}, \"open\")").unwrap(),
        Some(Value::Null)
    );
    assert_eq!(answer("$hostname(\"www.Acme.com/about\")"), json!("acme.com"));
    assert_eq!(
        answer("$hostname(\"https://shop.acme.co.uk:8443\")"),
        json!("shop.acme.co.uk")
    );
    assert_eq!(run("$hostname(\"n/a\")").unwrap(), None);
    assert_eq!(
        answer(
            "$address({\"street\": \"1 Main St\\nFloor 2\", \"city\": \"Oslo\", \"countryCode\": \"NO\"}, \"billing\")"
        ),
        json!({"street_1": "1 Main St", "street_2": "Floor 2", "city": "Oslo", "state": null, "postal_code": null,
               "country": null, "country_code": "NO", "latitude": null, "longitude": null, "type": "billing"})
    );
    assert_eq!(run("$address({\"city\": null}, \"billing\")").unwrap(), None);
}
