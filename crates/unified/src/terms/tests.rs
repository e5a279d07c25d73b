use super::*;
use crate::parameters::Target;

fn filter(operator: Operator, values: &[&str]) -> Filter {
    Filter {
        parameter: "x".to_owned(),
        target: Target::Unified("x".to_owned()),
        operator,
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    }
}

/// `field operator values`, `&` between terms and `|` between groups.
fn shown(groups: &Groups) -> String {
    let term = |term: &Term| {
        let values: Vec<String> = term.values.iter().map(Value::to_string).collect();
        format!("{} {} {}", term.field, term.operator, values.join(","))
            .trim()
            .to_owned()
    };
    let group = |group: &Vec<Term>| group.iter().map(term).collect::<Vec<_>>().join(" & ");
    groups.iter().map(group).collect::<Vec<_>>().join(" | ")
}

fn of(kind: FieldKind, operator: Operator, values: &[&str]) -> String {
    of_field(&filter(operator, values), "f", kind).map_or_else(
        |error| match error {
            Error::InvalidParameter { parameter, .. } => format!("refused {parameter}"),
            other => panic!("{other}"),
        },
        |groups| shown(&groups),
    )
}

#[test]
fn values_are_typed_before_an_expression_sees_them() {
    use Operator::{Contains, Eq, Gt, In, Ne, Nin};
    for (kind, operator, values, wanted) in [
        (
            FieldKind::Text,
            Eq,
            &["\"a'\u{1F600}"][..],
            "f eq \"\\\"a'\u{1F600}\"",
        ),
        (FieldKind::Text, Eq, &[""], "f is_null"),
        (FieldKind::Decimal, Ne, &[""], "f is_not_null"),
        (FieldKind::Decimal, Gt, &["0.5"], "f gt 0.5"),
        (FieldKind::Decimal, Gt, &["1e3"], "refused x"),
        (FieldKind::Integer, In, &["1", "-2"], "f in 1,-2"),
        (FieldKind::Boolean, Eq, &["false"], "f eq false"),
        (FieldKind::Boolean, Gt, &["false"], "refused x"),
        (
            FieldKind::DateTime,
            Gt,
            &["2026-05-01T00:00:00Z"],
            "f gt \"2026-05-01T00:00:00Z\"",
        ),
        (FieldKind::DateTime, Gt, &["yesterday"], "refused x"),
        (FieldKind::Text, In, &[], "refused x"),
        (FieldKind::Text, Contains, &["a;b"], "f contains \"a;b\""),
        (
            FieldKind::MultiPicklist,
            Eq,
            &["a;b"],
            "f includes \"a\" & f includes \"b\"",
        ),
        (
            FieldKind::MultiPicklist,
            In,
            &["a;b", "c"],
            "f includes \"a\" & f includes \"b\" | f includes \"c\"",
        ),
        (
            FieldKind::MultiPicklist,
            Nin,
            &["a;b", "c"],
            "f excludes \"a\" & f excludes \"c\" | f excludes \"b\" & f excludes \"c\"",
        ),
        (FieldKind::MultiPicklist, Eq, &[";"], "refused x"),
        (FieldKind::LongText, Eq, &["a"], "refused x"),
    ] {
        assert_eq!(
            of(kind, operator, values),
            wanted,
            "{kind:?} {operator:?} {values:?}"
        );
    }
}

#[test]
fn a_value_of_the_documents_own_is_what_it_says_and_its_negation_is_none_of_it() {
    let rule: FilterRule = serde_json::from_value(json!({
        "field": "closed", "type": "boolean",
        "values": {"open": {"closed": false}, "won": {"won": true}, "lost": {"closed": true, "won": false}, "none": {"closed": null}}
    }))
    .expect("a rule");
    let of = |operator, values: &[&str]| shown(&of_values(&filter(operator, values), &rule).expect("groups"));
    assert_eq!(of(Operator::Eq, &["lost"]), "closed eq true & won eq false");
    assert_eq!(
        of(Operator::In, &["open", "won"]),
        "closed eq false | won eq true"
    );
    assert_eq!(of(Operator::Ne, &["lost"]), "closed ne true | won ne false");
    assert_eq!(
        of(Operator::Nin, &["won", "lost"]),
        "won ne true & closed ne true | won ne true & won ne false"
    );
    assert_eq!(of(Operator::Ne, &["none"]), "closed is_not_null");
    assert!(of_values(&filter(Operator::Eq, &["done"]), &rule).is_err());
    assert!(of_values(&filter(Operator::Gt, &["won"]), &rule).is_err());
}

#[test]
fn filters_and_alternatives_are_multiplied_out() {
    let of = |name: &str| of_field(&filter(Operator::Eq, &["1"]), name, FieldKind::Integer).expect("groups");
    let both = groups(
        vec![of("a"), of("b")],
        vec![vec![of("c"), of("d")], vec![of("e")]],
    )
    .expect("groups");
    assert_eq!(
        shown(&both),
        "a eq 1 & b eq 1 & c eq 1 & d eq 1 | a eq 1 & b eq 1 & e eq 1"
    );
    let none = groups(Vec::new(), Vec::new()).expect("groups");
    assert_eq!(described(&none), json!([]));
    let only = groups(Vec::new(), vec![vec![of("c")]]).expect("groups");
    assert_eq!(
        described(&only),
        json!([{"filters": [{"field": "c", "operator": "eq", "values": [1], "kind": "integer", "parameter": "x"}]}])
    );
    let wide: Vec<Groups> = (0..7)
        .map(|_| of("a").into_iter().chain(of("b")).collect())
        .collect();
    assert!(groups(wide, Vec::new()).is_err(), "2^7 alternatives");
}
