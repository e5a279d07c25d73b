use http::{HeaderMap, HeaderName, HeaderValue};
use mapping::Quota;
use proptest::prelude::*;

use super::reset::{Moment, seconds_until};
use super::{Dialect, QuotaReading, rate_limit_headers, rate_limit_headers_for, readings};

/// 2026-11-21T22:00:00Z.
const NOW_MS: i64 = 1_795_298_400_000;

fn quota(limit: Option<u64>, remaining: u64, window_s: Option<u64>, reset: Option<&str>) -> Quota {
    Quota {
        policy: "daily".to_owned(),
        limit,
        remaining,
        window_s,
        reset: reset.map(str::to_owned),
        unit: None,
    }
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).expect("a value"),
            )
        })
        .collect()
}

fn written(readings: &[QuotaReading], dialect: Dialect) -> Vec<(String, String)> {
    texts(rate_limit_headers(readings, dialect))
}

fn texts(headers: Vec<(HeaderName, HeaderValue)>) -> Vec<(String, String)> {
    headers
        .into_iter()
        .map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()))
        .collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Claim 19: `api-usage=45032/100000` told by a document as limit and remaining.
#[test]
fn a_usage_without_reset_gives_limit_and_remaining_and_no_reset() {
    let read = readings(
        vec![quota(Some(100_000), 100_000 - 45_032, Some(86_400), None)],
        &HeaderMap::new(),
        NOW_MS,
    );
    assert_eq!(
        written(&read, Dialect::Both),
        pairs(&[
            ("ratelimit-policy", "\"daily\";q=100000;w=86400"),
            ("ratelimit", "\"daily\";r=54968"),
            ("ratelimit-limit", "100000"),
            ("ratelimit-remaining", "54968"),
        ])
    );
}

/// Claim 20.
#[test]
fn resets_in_every_spelling_become_seconds_rounded_up_or_nothing() {
    let now = Moment::at(NOW_MS);
    let epoch_s = NOW_MS / 1_000;
    for (text, seconds) in [
        ("0".to_owned(), Some(0)),
        ("60".to_owned(), Some(60)),
        (" 60 ".to_owned(), Some(60)),
        ("0.2".to_owned(), Some(1)),
        ("59.0001".to_owned(), Some(60)),
        ("59.000".to_owned(), Some(59)),
        ("-5".to_owned(), Some(0)),
        ("60, 60".to_owned(), Some(60)),
        ((epoch_s + 90).to_string(), Some(90)),
        ((epoch_s - 90).to_string(), Some(0)),
        (format!("{}.25", epoch_s + 90), Some(91)),
        ((NOW_MS + 90_001).to_string(), Some(91)),
        ((NOW_MS + 90_000).to_string(), Some(90)),
        ((NOW_MS - 1).to_string(), Some(0)),
        ("Sat, 21 Nov 2026 22:01:30 GMT".to_owned(), Some(90)),
        ("Saturday, 21-Nov-26 22:01:30 GMT".to_owned(), Some(90)),
        ("Sat Nov 21 22:01:30 2026".to_owned(), Some(90)),
        ("2026-11-21T22:01:30Z".to_owned(), Some(90)),
        ("Sat, 21 Nov 2026 21:00:00 GMT".to_owned(), Some(0)),
        // Garbage.
        (String::new(), None),
        (" ".to_owned(), None),
        ("nan".to_owned(), None),
        ("NaN".to_owned(), None),
        ("inf".to_owned(), None),
        ("soon".to_owned(), None),
        ("1e3".to_owned(), None),
        ("0x10".to_owned(), None),
        ("60s".to_owned(), None),
        ("60;w=10".to_owned(), None),
        ("60, 30".to_owned(), None),
        ("--5".to_owned(), None),
        ("+5".to_owned(), None),
        (".5".to_owned(), None),
        ("5.".to_owned(), None),
        ("1.2.3".to_owned(), None),
        ("99999999999999999999999".to_owned(), None),
        ("18446744073709551615".to_owned(), None),
        ("999999999".to_owned(), None),
        ("٣".to_owned(), None),
        ("Sat, 31 Feb 2026 22:01:30 GMT".to_owned(), None),
        ("Sat, 21 Nov 9999 22:01:30 GMT".to_owned(), None),
    ] {
        assert_eq!(seconds_until(&text, now), seconds, "{text:?}");
    }
}

#[test]
fn the_provider_s_own_date_cancels_clock_skew() {
    let skewed = headers(&[("date", "Sat, 21 Nov 2026 22:10:00 GMT")]);
    let reset = (NOW_MS / 1_000 + 660).to_string();
    let read = readings(vec![quota(Some(10), 5, None, Some(&reset))], &skewed, NOW_MS);
    assert_eq!(read[0].reset_s, Some(60));
    let nonsense = headers(&[("date", "yesterday")]);
    let read = readings(vec![quota(Some(10), 5, None, Some(&reset))], &nonsense, NOW_MS);
    assert_eq!(read[0].reset_s, Some(660));
}

#[test]
fn a_reset_never_lies_outside_its_window_and_remaining_never_above_its_limit() {
    let read = readings(
        vec![quota(Some(110), 200, Some(10), Some("60"))],
        &HeaderMap::new(),
        NOW_MS,
    );
    assert_eq!((read[0].remaining, read[0].reset_s), (110, Some(10)));
}

#[test]
fn retry_after_tells_the_reset_only_of_a_spent_allowance() {
    let retry = headers(&[("retry-after", "7")]);
    let spent = readings(vec![quota(Some(10), 0, None, None)], &retry, NOW_MS);
    assert_eq!(spent[0].reset_s, Some(7));
    let left = readings(vec![quota(Some(10), 1, None, None)], &retry, NOW_MS);
    assert_eq!(left[0].reset_s, None);
    let better = readings(vec![quota(Some(10), 0, None, Some("3"))], &retry, NOW_MS);
    assert_eq!(better[0].reset_s, Some(3));
}

#[test]
fn of_several_allowances_the_older_fields_tell_the_tightest() {
    let mut burst = quota(Some(10), 9, Some(10), None);
    burst.policy = "burst \"x\\y\" é".to_owned();
    burst.unit = Some("concurrent-requests".to_owned());
    let read = readings(
        vec![burst, quota(Some(1_000), 100, Some(86_400), Some("30"))],
        &HeaderMap::new(),
        NOW_MS,
    );
    assert_eq!(
        written(&read, Dialect::Both),
        pairs(&[
            (
                "ratelimit-policy",
                "\"burst \\\"x\\\\y\\\" -\";q=10;qu=\"concurrent-requests\";w=10, \"daily\";q=1000;w=86400",
            ),
            (
                "ratelimit",
                "\"burst \\\"x\\\\y\\\" -\";r=9, \"daily\";r=100;t=30"
            ),
            ("ratelimit-limit", "1000"),
            ("ratelimit-remaining", "100"),
            ("ratelimit-reset", "30"),
        ])
    );
    assert_eq!(written(&read, Dialect::Legacy).len(), 3);
    assert_eq!(written(&read, Dialect::Ietf).len(), 2);
    assert!(written(&read, Dialect::Off).is_empty());
    assert!(written(&[], Dialect::Both).is_empty());
}

#[test]
fn what_the_provider_sends_itself_passes_unchanged_and_the_other_family_is_filled_in() {
    let upstream = headers(&[
        ("ratelimit-limit", "100, 100;w=10"),
        ("ratelimit-remaining", "50"),
        ("ratelimit-reset", "5"),
        ("retry-after", "Sat, 21 Nov 2026 22:01:30 GMT"),
    ]);
    let read = readings(Vec::new(), &upstream, NOW_MS);
    assert_eq!(
        texts(rate_limit_headers_for(&read, &upstream, Dialect::Both)),
        pairs(&[
            ("ratelimit-policy", "\"default\";q=100"),
            ("ratelimit", "\"default\";r=50;t=5"),
            ("ratelimit-limit", "100, 100;w=10"),
            ("ratelimit-remaining", "50"),
            ("ratelimit-reset", "5"),
            ("retry-after", "Sat, 21 Nov 2026 22:01:30 GMT"),
        ])
    );
    let upstream = headers(&[
        ("ratelimit-policy", "\"a,b;c\";q=100;w=60, \"day\";q=1000;w=86400"),
        ("ratelimit", "\"a,b;c\";r=50;t=30"),
    ]);
    let read = readings(Vec::new(), &upstream, NOW_MS);
    assert_eq!(
        (read[0].policy.as_str(), read[0].limit, read[0].reset_s),
        ("a,b;c", Some(100), Some(30))
    );
    let texts = texts(rate_limit_headers_for(&read, &upstream, Dialect::Both));
    assert!(texts.contains(&("ratelimit-limit".to_owned(), "100".to_owned())));
    assert!(texts.contains(&("ratelimit".to_owned(), "\"a,b;c\";r=50;t=30".to_owned())));
    assert_eq!(texts.iter().filter(|(name, _)| name == "ratelimit").count(), 1);
}

#[test]
fn malformed_fields_of_a_provider_are_ignored() {
    for value in [
        "garbage",
        "\"a",
        "limit=100, remaining=50, reset=5",
        "\"a\";r=x",
        ";;;",
        ",,,",
        "\"a\";r=-1",
    ] {
        let read = readings(Vec::new(), &headers(&[("ratelimit", value)]), NOW_MS);
        assert!(read.is_empty(), "{value}: {read:?}");
    }
    let read = readings(Vec::new(), &headers(&[("ratelimit-remaining", "lots")]), NOW_MS);
    assert!(read.is_empty());
}

proptest! {
    #[test]
    fn no_text_makes_the_reset_parser_fail_or_lie_outside_its_bounds(text in ".{0,40}", now_ms in 0_i64..4_000_000_000_000) {
        if let Some(seconds) = seconds_until(&text, Moment::at(now_ms)) {
            prop_assert!(seconds <= 366 * 24 * 3_600);
        }
    }

    #[test]
    fn seconds_and_milliseconds_of_one_instant_agree(delta_s in 0_i64..31_000_000, now_s in 1_100_000_000_i64..4_000_000_000) {
        let now = Moment::at(now_s * 1_000);
        let wanted = u64::try_from(delta_s).ok();
        prop_assert_eq!(seconds_until(&(now_s + delta_s).to_string(), now), wanted);
        prop_assert_eq!(seconds_until(&((now_s + delta_s) * 1_000).to_string(), now), wanted);
        prop_assert_eq!(seconds_until(&delta_s.to_string(), now), wanted);
    }

    #[test]
    fn rounding_is_always_up(left_ms in 1_i64..1_000_000, now_ms in 1_100_000_000_000_i64..4_000_000_000_000) {
        let seconds = seconds_until(&(now_ms + left_ms).to_string(), Moment::at(now_ms)).expect("a time");
        let told_ms = i64::try_from(seconds).expect("fits") * 1_000;
        prop_assert!(told_ms >= left_ms && told_ms < left_ms + 1_000);
    }

    #[test]
    fn readings_keep_their_invariants_and_fields_are_valid(
        limit in proptest::option::of(any::<u64>()),
        remaining in any::<u64>(),
        window_s in proptest::option::of(any::<u64>()),
        reset in proptest::option::of(".{0,20}"),
        policy in ".{0,20}",
    ) {
        let mut told = quota(limit, remaining, window_s, reset.as_deref());
        told.policy = policy;
        let read = readings(vec![told], &HeaderMap::new(), NOW_MS);
        let reading = &read[0];
        prop_assert!(reading.limit.is_none_or(|limit| reading.remaining <= limit));
        if let (Some(window_s), Some(reset_s)) = (reading.window_s, reading.reset_s) {
            prop_assert!(reset_s <= window_s);
        }
        let fields = rate_limit_headers(&read, Dialect::Both);
        prop_assert!(fields.iter().any(|(name, _)| name == "ratelimit"));
        prop_assert!(fields.iter().any(|(name, _)| name == "ratelimit-remaining"));
    }
}
