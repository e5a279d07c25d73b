use std::cmp::Ordering;

use mapping::FieldKind;
use proptest::prelude::*;
use serde_json::{Value, json};
use soql::{Comparison, Condition, Direction, FieldPath, Literal};

use super::{Key, after, order, position, with_colon};

fn path(name: &str) -> FieldPath {
    FieldPath::parse(name).expect("a field")
}

fn keys(directions: &[bool]) -> Vec<Key> {
    let fields = ["A", "B"];
    directions
        .iter()
        .zip(fields)
        .map(|(descending, field)| Key {
            field: path(field),
            kind: FieldKind::Integer,
            descending: *descending,
        })
        .collect()
}

/// What a database makes of a condition: comparisons with null hold only for `=`.
fn holds(condition: &Condition, row: &Value) -> bool {
    match condition {
        Condition::And(all) => all.iter().all(|inner| holds(inner, row)),
        Condition::Or(any) => any.iter().any(|inner| holds(inner, row)),
        Condition::Compare {
            field,
            comparison,
            value,
        } => {
            let stored = &row[field.as_str()];
            let wanted = match value {
                Literal::Null => Value::Null,
                Literal::Integer(number) => json!(number),
                Literal::Text(text) => json!(text),
                other => panic!("not in these tests: {other:?}"),
            };
            match comparison {
                Comparison::Equal => *stored == wanted,
                _ if stored.is_null() || wanted.is_null() => false,
                Comparison::Less => compare(stored, &wanted) == Ordering::Less,
                Comparison::Greater => compare(stored, &wanted) == Ordering::Greater,
                other => panic!("not in these tests: {other:?}"),
            }
        }
        other => panic!("not in these tests: {other:?}"),
    }
}

fn compare(left: &Value, right: &Value) -> Ordering {
    left.as_i64()
        .cmp(&right.as_i64())
        .then_with(|| left.as_str().cmp(&right.as_str()))
}

fn sorted(mut rows: Vec<Value>, keys: &[Key]) -> Vec<Value> {
    let orders = order(keys, &path("Id"));
    rows.sort_by(|left, right| {
        for item in &orders {
            let (left, right) = (&left[item.field.as_str()], &right[item.field.as_str()]);
            let ordering = match (left.is_null(), right.is_null()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                _ if item.direction == Direction::Descending => compare(right, left),
                _ => compare(left, right),
            };
            if ordering != Ordering::Equal {
                return ordering;
            }
        }
        Ordering::Equal
    });
    rows
}

proptest! {
    #[test]
    fn walking_pages_by_key_yields_each_row_once_in_order(
        rows in prop::collection::vec((prop::option::of(0..4_i64), prop::option::of(0..4_i64)), 0..40),
        directions in prop::collection::vec(any::<bool>(), 0..=2),
        page in 1..7_usize,
    ) {
        let rows: Vec<Value> =
            rows.into_iter().enumerate().map(|(id, (a, b))| json!({ "Id": format!("{id:04}"), "A": a, "B": b })).collect();
        let keys = keys(&directions);
        let expected = sorted(rows.clone(), &keys);
        let mut walked = Vec::new();
        let mut last = None;
        loop {
            let rest: Vec<Value> = match &last {
                None => rows.clone(),
                Some(position) => {
                    let condition = after(&keys, &path("Id"), position).expect("a condition");
                    rows.iter().filter(|row| holds(&condition, row)).cloned().collect()
                }
            };
            let next: Vec<Value> = sorted(rest, &keys).into_iter().take(page).collect();
            let Some(end) = next.last() else { break };
            last = position(&keys, &path("Id"), end);
            walked.extend(next);
        }
        prop_assert_eq!(walked, expected);
    }
}

#[test]
fn a_position_of_another_order_is_refused() {
    let position = crate::cursor::Position {
        values: vec![json!(1)],
        id: "1".to_owned(),
        after: None,
        part: None,
        told: None,
    };
    assert!(after(&keys(&[]), &path("Id"), &position).is_err());
    let position = crate::cursor::Position {
        values: vec![json!({ "a": 1 })],
        id: "1".to_owned(),
        after: None,
        part: None,
        told: None,
    };
    assert!(after(&keys(&[true]), &path("Id"), &position).is_err());
}

#[test]
fn an_offset_without_colon_gets_one() {
    assert_eq!(
        with_colon("2026-05-01T07:25:37.000+0000"),
        "2026-05-01T07:25:37.000+00:00"
    );
    for same in [
        "2026-05-01T07:25:37.000Z",
        "2026-05-01T07:25:37+02:00",
        "",
        "é+000",
    ] {
        assert_eq!(with_colon(same), same);
    }
}
