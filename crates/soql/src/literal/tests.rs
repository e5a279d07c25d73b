use super::*;

#[test]
fn dates_are_days_that_exist() {
    for text in [
        "2026-05-01",
        "2024-02-29",
        "2000-02-29",
        "1700-01-01",
        "4000-12-31",
        "2026-04-30",
    ] {
        assert!(
            matches!(Literal::date(text), Ok(Literal::Date(date)) if date.as_str() == text),
            "{text}"
        );
    }
    for text in [
        "",
        "2026-5-1",
        "2026-13-01",
        "2026-00-10",
        "2026-02-29",
        "1900-02-29",
        "2026-04-31",
        "2026-01-00",
        "1699-12-31",
        "4001-01-01",
        "2026-05-01 ",
        "2026/05/01",
        "20260501",
        "2026-05-01T00:00:00Z",
        "२०२६-०५-०१",
        "+026-05-01",
        "2026-+5-01",
        "2026-05-01'",
        "TODAY",
    ] {
        assert_eq!(Literal::date(text), Err(InvalidLiteral::Date), "{text:?}");
    }
}

#[test]
fn datetimes_are_moments_with_a_zone() {
    for text in [
        "2026-05-01T07:25:37Z",
        "2026-05-01T09:25:37+02:00",
        "2026-05-01T09:25:37-03:30",
        "2026-05-01T07:25:37.000Z",
        "2026-05-01T07:25:37.123456789+14:00",
        "2026-05-01T23:59:59Z",
    ] {
        assert!(
            matches!(Literal::date_time(text), Ok(Literal::DateTime(at)) if at.as_str() == text),
            "{text}"
        );
    }
    for text in [
        "",
        "T",
        "2026-05-01",
        "2026-05-01T07:25:37",
        "2026-05-01 07:25:37Z",
        "2026-05-01t07:25:37z",
        "2026-05-01T7:25:37Z",
        "2026-05-01T24:00:00Z",
        "2026-05-01T07:60:00Z",
        "2026-05-01T07:25:60Z",
        "2026-05-01T07:25:37.Z",
        "2026-05-01T07:25:37.1234567890Z",
        "2026-05-01T07:25:37+0000",
        "2026-05-01T07:25:37+15:00",
        "2026-05-01T07:25:37+02:60",
        "2026-05-01T07:25:37Z OR",
        "2026-05-01T07:25Z",
        "2026-02-30T07:25:37Z",
        "2026-05-01T07:25:37ZZ",
        "2026-05-01T07:25:37+2:00",
        "2026-05-01T07:25:37,5Z",
        "2026-05-01T07:25:+7Z",
    ] {
        assert_eq!(
            Literal::date_time(text),
            Err(InvalidLiteral::DateTime),
            "{text:?}"
        );
    }
}

#[test]
fn decimals_are_plain_digits() {
    for text in ["0", "12.5", "-3", "-0.001", "99999999999999999999"] {
        assert!(
            matches!(Literal::decimal(text), Ok(Literal::Decimal(number)) if number.as_str() == text),
            "{text}"
        );
    }
    let long = "1".repeat(65);
    for text in [
        "", "-", ".5", "5.", "1e5", "+1", "1,000", "1 ", "٣", "NaN", "0x1", "--1", "1.2.3", "1 OR 1", &long,
    ] {
        assert_eq!(Literal::decimal(text), Err(InvalidLiteral::Decimal), "{text:?}");
    }
}

#[test]
fn errors_teach_and_do_not_repeat_the_value() {
    let error = Literal::date("secret").unwrap_err().to_string();
    assert!(
        error.contains("YYYY-MM-DD") && !error.contains("secret"),
        "{error}"
    );
}
