//! Reading "when": seconds, epoch seconds, epoch milliseconds, HTTP dates. Garbage is absent, never an error.

use http::HeaderMap;
use http::header::DATE;

/// Above this a number is epoch milliseconds: it is past the year 5138 as seconds and in 1973 as milliseconds.
const MILLISECONDS_ABOVE: u64 = 100_000_000_000;
/// From here a number is epoch seconds: as a delta it would be 31 years.
const EPOCH_FROM: u64 = 1_000_000_000;
/// No allowance known has a longer window; what lies beyond is garbage.
const RESET_MAX_S: u64 = 366 * 24 * 3_600;

/// The instant to which a reply's resets are relative.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    now_ms: i64,
}

impl Moment {
    /// The provider's own `Date` when it sent one, which cancels the difference between its clock and ours.
    pub(super) fn of_reply(headers: &HeaderMap, now_ms: i64) -> Self {
        let date = headers
            .get(DATE)
            .and_then(|value| value.to_str().ok())
            .and_then(date_ms);
        Self {
            now_ms: date.unwrap_or(now_ms),
        }
    }

    #[cfg(test)]
    pub(super) const fn at(now_ms: i64) -> Self {
        Self { now_ms }
    }
}

/// Seconds from `now` until what `text` says, rounded up, at least 0; none for anything that is not clearly a time.
pub(super) fn seconds_until(text: &str, now: Moment) -> Option<u64> {
    let text = text.trim();
    if let Some(instant_ms) = date_ms(text) {
        return until(i128::from(instant_ms), now);
    }
    let number = repeated(text)?;
    let (whole, fraction_thousandths) = decimal(number)?;
    if whole > MILLISECONDS_ABOVE {
        until(i128::from(whole), now)
    } else if whole >= EPOCH_FROM {
        until(i128::from(whole) * 1_000 + i128::from(fraction_thousandths), now)
    } else {
        sane(whole + u64::from(fraction_thousandths > 0))
    }
}

fn until(instant_ms: i128, now: Moment) -> Option<u64> {
    let left_ms = (instant_ms - i128::from(now.now_ms)).max(0);
    sane(u64::try_from((left_ms + 999) / 1_000).ok()?)
}

fn sane(seconds: u64) -> Option<u64> {
    (seconds <= RESET_MAX_S).then_some(seconds)
}

/// A header sent twice arrives as `60, 60`: one value if all agree, nothing if not.
fn repeated(text: &str) -> Option<&str> {
    let mut parts = text.split(',').map(str::trim);
    let first = parts.next()?;
    parts.all(|part| part == first).then_some(first)
}

/// Digits, perhaps with a fraction, perhaps negative (which counts as now): whole part and thousandths, rounded up.
fn decimal(text: &str) -> Option<(u64, u32)> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole = whole.parse().ok()?;
    if negative {
        return Some((0, 0));
    }
    let mut thousandths = 0;
    for place in 0..3 {
        let digit = fraction
            .as_bytes()
            .get(place)
            .map_or(0, |byte| u32::from(byte - b'0'));
        thousandths = thousandths * 10 + digit;
    }
    if fraction.bytes().skip(3).any(|byte| byte != b'0') {
        thousandths += 1;
    }
    Some((whole, thousandths))
}

/// An HTTP date (RFC 9110 §5.6.7) or an ISO 8601 instant, ms since 1970.
fn date_ms(text: &str) -> Option<i64> {
    if !text.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
        return Some(timestamp.as_millisecond());
    }
    if text.ends_with("GMT")
        && let Ok(zoned) = jiff::fmt::rfc2822::DateTimeParser::new().parse_zoned(text)
    {
        return Some(zoned.timestamp().as_millisecond());
    }
    // The two obsolete forms, which recipients must still accept: RFC 850's and asctime's.
    let obsolete = [("%A, %d-%b-%y %H:%M:%S GMT"), ("%a %b %e %H:%M:%S %Y")];
    obsolete.into_iter().find_map(|form| {
        let civil = jiff::civil::DateTime::strptime(form, text).ok()?;
        Some(
            civil
                .to_zoned(jiff::tz::TimeZone::UTC)
                .ok()?
                .timestamp()
                .as_millisecond(),
        )
    })
}
