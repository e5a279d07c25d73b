use super::{days, takes_count};
use crate::org::time::{format_date, parse_date};

#[test]
fn ranges_follow_the_calendar() {
    // A Wednesday.
    let today = parse_date("2026-05-13").expect("a date");
    for (name, count, from, last) in [
        ("TODAY", None, "2026-05-13", "2026-05-13"),
        ("THIS_WEEK", None, "2026-05-10", "2026-05-16"),
        ("LAST_WEEK", None, "2026-05-03", "2026-05-09"),
        ("LAST_MONTH", None, "2026-04-01", "2026-04-30"),
        ("NEXT_QUARTER", None, "2026-07-01", "2026-09-30"),
        ("THIS_FISCAL_YEAR", None, "2026-01-01", "2026-12-31"),
        ("LAST_N_DAYS", Some(7), "2026-05-06", "2026-05-13"),
        ("NEXT_N_DAYS", Some(7), "2026-05-14", "2026-05-20"),
        ("N_DAYS_AGO", Some(3), "2026-05-10", "2026-05-10"),
        ("LAST_N_MONTHS", Some(2), "2026-03-01", "2026-04-30"),
        ("N_YEARS_AGO", Some(1), "2025-01-01", "2025-12-31"),
        ("LAST_90_DAYS", None, "2026-02-12", "2026-05-13"),
    ] {
        let (start, end) = days(name, count, today);
        assert_eq!(
            (format_date(start).as_str(), format_date(end - 1).as_str()),
            (from, last),
            "{name}"
        );
    }
}

#[test]
fn only_known_words_are_literals() {
    assert_eq!(takes_count("LAST_N_FISCAL_QUARTERS"), Some(true));
    assert_eq!(takes_count("YESTERDAY"), Some(false));
    for word in ["", "LAST_N_", "N_DAYS", "SOMEDAY", "LAST_N_FORTNIGHTS"] {
        assert_eq!(takes_count(word), None, "{word}");
    }
}
