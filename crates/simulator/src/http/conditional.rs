//! `If-Modified-Since` and `If-Unmodified-Since`.

use jiff::Timestamp;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};

use super::reply::Reply;
use super::router::Context;

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn http_date(unix_ms: i64) -> String {
    Timestamp::from_millisecond(unix_ms)
        .ok()
        .and_then(|time| DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok())
        .unwrap_or_default()
}

fn header_seconds(context: &Context<'_>, name: &str) -> Option<i64> {
    let text = context.call.header(name)?;
    DateTimeParser::new()
        .parse_timestamp(text.trim())
        .ok()
        .map(Timestamp::as_second)
}

/// 304 or 412 when the headers say so; they count whole seconds.
pub(crate) fn check(context: &Context<'_>, changed_ms: i64) -> Result<(), Reply> {
    let changed = changed_ms.div_euclid(1000);
    if header_seconds(context, "if-modified-since").is_some_and(|since| changed <= since) {
        return Err(Reply::empty(304).with("Last-Modified", http_date(changed_ms)));
    }
    if header_seconds(context, "if-unmodified-since").is_some_and(|since| changed > since) {
        return Err(Reply::empty(412));
    }
    Ok(())
}

/// Whether a conditional header was sent at all.
pub(crate) fn is_asked(context: &Context<'_>) -> bool {
    ["if-modified-since", "if-unmodified-since"]
        .iter()
        .any(|name| context.call.header(name).is_some())
}
