use super::{civil_from_days, days_from_civil, format_date, format_datetime, parse_date, parse_datetime};

#[test]
fn civil_days_go_there_and_back() {
    for days in (-98_000..741_700).step_by(13) {
        let (year, month, day) = civil_from_days(days);
        assert_eq!(days_from_civil(year, month, day), days);
        assert_eq!(parse_date(&format_date(days)), Some(days));
    }
}

#[test]
fn reads_every_spelling_of_one_moment() {
    let moment = parse_datetime("2026-05-01T07:25:37Z").expect("valid");
    for text in [
        "2026-05-01T09:25:37+02:00",
        "2026-05-01T07:25:37.000+0000",
        "2026-05-01T00:25:37.0-07:00",
    ] {
        assert_eq!(parse_datetime(text), Some(moment), "{text}");
    }
    assert_eq!(format_datetime(moment), "2026-05-01T07:25:37.000+0000");
    assert_eq!(format_datetime(-1), "1969-12-31T23:59:59.999+0000");
}

#[test]
fn refuses_impossible_dates() {
    for text in [
        "2026-02-29",
        "2026-13-01",
        "2026-00-10",
        "1699-01-01",
        "4001-01-01",
        "2026-5-01",
        "",
        "2026-05-01-01",
    ] {
        assert_eq!(parse_date(text), None, "{text}");
    }
    for text in [
        "2026-05-01T25:00:00Z",
        "2026-05-01T07:25:37",
        "2026-05-01",
        "2026-05-01T07:25:37+2",
        "2026-05-01T07:25:37+é",
    ] {
        assert_eq!(parse_datetime(text), None, "{text}");
    }
}
