use std::sync::Arc;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Allowance, Expression, ExpressionError, Failure, Input};
use crate::functions;

const ALLOWANCE: Allowance = Allowance {
    time_ms: 300,
    result_max_bytes: 1 << 20,
    now_ms: Some(1_788_000_000_000),
};

fn evaluate(source: &str, value: &Value) -> Result<Option<Value>, ExpressionError> {
    let input = Input {
        fields: &[("value", value)],
        strip: &[],
    };
    Expression::compile(source)?.evaluate(&input, functions::bindings(), &ALLOWANCE)
}

fn answer(source: &str) -> Value {
    evaluate(source, &Value::Null)
        .unwrap_or_else(|error| panic!("{source}: {error}"))
        .unwrap_or_default()
}

#[test]
fn a_comma_before_a_closing_bracket_is_forgiven_and_no_other() {
    assert_eq!(answer(r#"{"a": 1, "b": [1, 2,],}"#), json!({"a": 1, "b": [1, 2]}));
    assert_eq!(answer("$max([1,2],)"), json!(2));
    assert_eq!(answer("(\"x,}\" & ',]')"), json!("x,},]"));
    assert_eq!(answer("[1, /* , */ ]"), json!([1]));
    assert_eq!(answer("$replace(\"a,)b\", /,\\)/, \"-\")"), json!("a-b"));
    assert_eq!(answer("6 / 2 / 3"), json!(1));
    for wrong in ["[,]", "{,}", "$sum(,)", "[1,,]", "[1,,2]"] {
        let error = Expression::compile(wrong).expect_err(wrong);
        assert_eq!(error.failure, Failure::Failed, "{wrong}");
        assert!(error.code.starts_with('S'), "{wrong}: {error}");
    }
}

#[test]
fn an_error_names_its_place_in_the_text_as_written() {
    let error = Expression::compile("{\"a\": 1,}.b[").expect_err("an open bracket");
    assert_eq!(error.position, Some(12));
    let error = evaluate("[1,] & \"é𝄞\" & (1 + \"x\")", &Value::Null).expect_err("a text is no number");
    assert_eq!(
        (error.code.as_str(), error.token.as_deref()),
        ("T2002", Some("+"))
    );
    // UTF-16 units: 𝄞 counts two.
    assert_eq!(error.position, Some(19));
}

#[test]
fn an_error_does_not_hold_the_value_it_met() {
    let secret = json!("hunter2@example.com");
    for source in [
        "$number(value)",
        "$toMillis(value)",
        "value + 1",
        "$sum(value)",
        "-value",
    ] {
        let error = evaluate(source, &secret).expect_err(source);
        assert!(!error.to_string().contains("hunter2"), "{source}: {error}");
    }
}

#[test]
fn text_does_not_become_an_expression() {
    for source in [
        "$eval(\"1\")",
        "[1].$eval(\"1\")",
        "($e := $eval; $e(\"1\"))",
        "\"1\" ~> $eval",
    ] {
        let error = Expression::compile(source).expect_err(source);
        assert!(error.message.contains("$eval"), "{error}");
        assert!(error.position.is_some());
    }
}

#[test]
fn too_long_or_too_deep_is_refused_before_it_is_parsed() {
    for (source, words) in [
        ("1".repeat(65 * 1024), "bytes"),
        ("(".repeat(65) + "1" + &")".repeat(65), "levels"),
        ("(".repeat(60_000), "levels"),
        ("[".repeat(10_000) + &"]".repeat(10_000), "levels"),
    ] {
        let error = Expression::compile(&source).expect_err("refused");
        assert_eq!(error.failure, Failure::TooLarge);
        assert!(error.message.contains(words), "{error}");
    }
    let deepest = "(".repeat(64) + "1" + &")".repeat(64);
    assert!(Expression::compile(&deepest).is_ok());
    // No bracket, but as deep for a parser that recurses: an error, not the end of the process.
    for source in [
        "-".repeat(60_000) + "1",
        "1?".repeat(30_000) + "1",
        "a.".repeat(30_000) + "a",
        "1&".repeat(30_000) + "1",
    ] {
        let _ = Expression::compile(&source);
    }
}

#[test]
fn a_runaway_expression_ends_within_the_limit_and_leaves_the_thread_well() {
    let runaway = [
        (
            "($f := function($n) { $n + $f($n + 1) }; $f(1))",
            "endless recursion",
        ),
        ("($f := function($n) { $f($n + 1) }; $f(1))", "an endless loop"),
        ("($f := function() { [$f(), $f()] }; $f())", "a tree of calls"),
        (
            "$match(\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\", /^(a+)+$/)",
            "a catastrophic pattern",
        ),
        (
            "$contains(value & \"!\", /^(([a-z])+.)+[A-Z]([a-z])+$/)",
            "another catastrophic pattern",
        ),
        ("$pad(\"\", 1000000000)", "a huge text"),
        ("$pad(\"\", 9999999)", "a text above the limit"),
        ("[1..1000000000]", "a huge range"),
        ("[1..9999999]", "a range above the limit"),
        (
            "$map([1..100000], function($i) { $map([1..100000], function($j) { $i * $j }) })",
            "a square of ranges",
        ),
        (
            "($d := function($x, $n) { $n = 0 ? $x : $d({\"a\": $x, \"b\": $x}, $n - 1) }; $d(1, 60))",
            "a doubling object",
        ),
        (
            "($d := function($x, $n) { $n = 0 ? $x : $d($x & $x, $n - 1) }; $d(\"xxxxxxxx\", 60))",
            "a doubling text",
        ),
        (
            "($d := function($x, $n) { $n = 0 ? $x : $d($append($x, $x), $n - 1) }; $d([1, 2], 60))",
            "a doubling array",
        ),
        (
            "$reduce([1..50000], function($a, $b) { $append($a, [$b]) }, [])",
            "a quadratic reduction",
        ),
    ];
    let text = json!("a".repeat(2_000));
    for (source, what) in runaway {
        let started = Instant::now();
        let error = evaluate(source, &text).expect_err(what);
        assert_ne!(error.failure, Failure::Failed, "{what}: {error}");
        // The limit is 300 ms; an unoptimized engine on a busy machine gets what the claim allows ten times over.
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{what} took {:?}",
            started.elapsed()
        );
        assert_eq!(answer("1 + 1"), json!(2), "after {what}");
    }
}

#[test]
fn a_deep_value_is_read_as_far_as_the_engine_allows() {
    let mut deep = json!(1);
    for _ in 0..120 {
        deep = json!({ "a": deep });
    }
    assert!(evaluate("value", &deep).is_ok());
    assert!(evaluate("**", &deep).is_ok());
}

#[test]
fn time_is_passed_in_or_refused() {
    assert_eq!(answer("$millis()"), json!(1_788_000_000_000_i64));
    let timeless = Allowance {
        now_ms: None,
        ..ALLOWANCE
    };
    for source in ["$now()", "$millis()"] {
        let input = Input {
            fields: &[],
            strip: &[],
        };
        let expression = Expression::compile(source).unwrap();
        let error = expression
            .evaluate(&input, functions::bindings(), &timeless)
            .expect_err(source);
        assert!(error.message.contains("not available"), "{error}");
    }
}

#[test]
fn the_same_input_gives_the_same_random_numbers() {
    assert_eq!(
        answer("[$random(), $shuffle([1..20])]"),
        answer("[$random(), $shuffle([1..20])]")
    );
}

#[test]
fn stripped_keys_are_not_there_at_any_depth() {
    let value = json!({"attributes": {"url": "/x"}, "Id": "1", "Owner": {"attributes": {}, "Name": "Ann"}, "list": [{"attributes": 1, "a": 2}]});
    let strip = ["attributes".to_owned()];
    let input = Input {
        fields: &[("value", &value)],
        strip: &strip,
    };
    let expression =
        Expression::compile("[value.$keys(), value.Owner, value.list, value.attributes]").unwrap();
    let found = expression
        .evaluate(&input, functions::bindings(), &ALLOWANCE)
        .unwrap();
    assert_eq!(
        found,
        Some(json!(["Id", "Owner", "list", {"Name": "Ann"}, {"a": 2}]))
    );
}

#[test]
fn what_an_expression_reads_is_known_without_running_it() {
    let reads = |source: &str| {
        Expression::compile(source)
            .unwrap()
            .reads_below("response", functions::bindings())
    };
    let mut paths =
        reads("response.{\"a\": Email, \"b\": Account.Name, \"c\": $removeEmptyItems([Phone])}").unwrap();
    paths.sort();
    assert_eq!(paths, ["Account.Name", "Email", "Phone"]);
    assert_eq!(
        reads("response.{\"c\": $sift($, function($v, $k) { true })}"),
        None
    );
    assert_eq!(reads("query.x"), Some(vec![]));
}

#[test]
fn expressions_are_shared_between_threads() {
    const fn shared<T: Send + Sync + 'static>() {}
    shared::<Expression>();
    shared::<crate::Plan>();
    shared::<crate::Catalog>();
}

#[test]
fn an_expression_in_use_is_compiled_once() {
    let source = "response.{ \"shared\": Id & \"an_expression_in_use_is_compiled_once\" }";
    let first = Expression::shared(source).unwrap();
    assert!(Arc::ptr_eq(&first, &Expression::shared(source).unwrap()));
    drop(first);
    assert!(Expression::shared("(").is_err());
    // Those that nobody uses are forgotten.
    for index in 0..5_000 {
        Expression::shared(&format!("{index}")).unwrap();
    }
    assert!(super::SHARED.lock().unwrap().len() < 2 * super::SHARED_SWEEP_MIN);
}
