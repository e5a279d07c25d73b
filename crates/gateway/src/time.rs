//! Instants as the API writes them.

use jiff::Timestamp;
use jiff::fmt::strtime;

/// `2026-05-01T07:25:37.000Z`, of milliseconds since 1970.
pub(crate) fn iso(at_ms: i64) -> String {
    // The clamp keeps what the database may hold within what a calendar can name.
    let instant =
        Timestamp::from_millisecond(at_ms).unwrap_or(if at_ms < 0 { Timestamp::MIN } else { Timestamp::MAX });
    strtime::format("%Y-%m-%dT%H:%M:%S.%3fZ", instant).unwrap_or_default()
}

/// Milliseconds since 1970 of an ISO 8601 instant with an offset or `Z`.
pub(crate) fn parse_iso(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::{iso, parse_iso};

    #[test]
    fn instants_read_back() {
        assert_eq!(iso(1_777_620_337_000), "2026-05-01T07:25:37.000Z");
        assert_eq!(parse_iso("2026-05-01T09:25:37.5+02:00"), Some(1_777_620_337_500));
        assert_eq!(parse_iso("2026-05-01"), None);
        assert!(!iso(i64::MAX).is_empty() && !iso(i64::MIN).is_empty());
    }
}
