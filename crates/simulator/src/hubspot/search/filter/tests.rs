use super::{Comparable, comparable, fits, tokens};
use crate::hubspot::catalog::Kind;

#[test]
fn a_star_stands_for_anything() {
    for (word, pattern) in [
        ("hubspot", "hubspot"),
        ("hubspot", "*"),
        ("hubspot", "hub*"),
        ("hubspot", "*spot"),
        ("hubspot", "h*s*t"),
        ("ärger", "är*"),
        ("", "*"),
        ("", ""),
    ] {
        assert!(fits(word, pattern), "{word} {pattern}");
    }
    for (word, pattern) in [("hubspot", "hub"), ("hubspot", "*hub"), ("ab", "ab*b"), ("", "a")] {
        assert!(!fits(word, pattern), "{word} {pattern}");
    }
}

#[test]
fn words_end_where_letters_do() {
    assert_eq!(
        tokens("Zoë.O'Brien@north-wind.io"),
        ["zoë", "o", "brien", "north", "wind", "io"]
    );
    assert!(tokens(" @.;").is_empty());
}

#[test]
fn values_compare_by_their_type() {
    assert!(comparable(Some(Kind::Number), "9") < comparable(Some(Kind::Number), "10"));
    assert!(comparable(Some(Kind::String), "9") > comparable(Some(Kind::String), "10"));
    assert_eq!(
        comparable(Some(Kind::DateTime), "2026-05-01T02:00:00+02:00"),
        Some(Comparable::Number(1_777_593_600_000.0))
    );
    assert_eq!(
        comparable(Some(Kind::Date), "2026-05-01"),
        comparable(Some(Kind::DateTime), "1777593600000")
    );
    assert_eq!(comparable(Some(Kind::Number), "many"), None);
    assert_eq!(comparable(Some(Kind::DateTime), "yesterday"), None);
}
