//! Days and instants.

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use serde_json::{Value, json};

use super::{Answer, Arguments, HostCall, Table, fault, text};

pub(super) fn register(table: &mut Table) {
    table.add("dtFromIso", 2, from_iso);
    table.add("dtFromFormat", 3, from_format);
}

/// `$dtFromIso(text, zone?)`: an ISO 8601 day or instant as `{year, month, day, hour, minute, second, millisecond,
/// weekday, ordinal, quarter, weekNumber, weekYear, daysInMonth, offset, ts, isValid, iso}`; `null` for what is none.
/// A text without offset is read as UTC. `zone` is `UTC` or an offset: `UTC+05:30`.
///
/// `$dtFromIso("2024-11-05T12:00:00Z").year` is `2024`.
fn from_iso(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let zone = zone(text(arguments, 1))?;
    let Some(instant) = text(arguments, 0).and_then(read_iso) else {
        return Ok(Some(Value::Null));
    };
    Ok(Some(described(&instant.to_zoned(zone))))
}

/// `$dtFromFormat(text, format, zone?)`: a text in a format of Luxon's letters (`yyyy MM dd HH mm ss SSS LLL h a Z` …) as
/// [`from_iso`] answers it; `null` for a text of another format.
///
/// `$dtFromFormat("01-11-2022 12:00", "dd-MM-yyyy HH:mm").year` is `2022`.
fn from_format(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let (Some(value), Some(format)) = (text(arguments, 0), text(arguments, 1)) else {
        return Ok(Some(Value::Null));
    };
    let zone = zone(text(arguments, 2))?;
    let format = strtime_format(format)?;
    let Ok(parsed) = strtime::parse(&format, value) else {
        return Ok(Some(Value::Null));
    };
    let instant = match parsed.to_timestamp() {
        Ok(instant) => Some(instant),
        Err(_) => local(&parsed)
            .and_then(|local| local.to_zoned(zone.clone()).ok())
            .map(|at| at.timestamp()),
    };
    Ok(Some(instant.map_or(Value::Null, |instant| {
        described(&instant.to_zoned(zone))
    })))
}

/// What the text says, with the first day and midnight for what it does not say.
fn local(parsed: &strtime::BrokenDownTime) -> Option<DateTime> {
    if let Ok(at) = parsed.to_datetime() {
        return Some(at);
    }
    if let Ok(day) = parsed.to_date() {
        return Some(day.to_datetime(parsed.to_time().unwrap_or_default()));
    }
    let year = parsed.year().unwrap_or(1970);
    let day = jiff::civil::Date::new(year, parsed.month().unwrap_or(1), parsed.day().unwrap_or(1)).ok()?;
    Some(day.to_datetime(parsed.to_time().unwrap_or_default()))
}

/// An instant from ISO 8601 text in the forms that providers write: with `Z`, `+00:00` or `+0000`, without an offset
/// (UTC), or a day alone (midnight UTC).
pub(crate) fn read_iso(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    // The offset of four digits: jiff wants its colon.
    if let Some((head, tail)) = text.len().checked_sub(5).and_then(|at| text.split_at_checked(at))
        && tail.starts_with(['+', '-'])
        && tail.bytes().skip(1).all(|byte| byte.is_ascii_digit())
        && head.contains(['T', ' '])
    {
        let (hours, minutes) = tail.split_at_checked(3)?;
        return format!("{head}{hours}:{minutes}").parse().ok();
    }
    let local: DateTime = text.parse().ok()?;
    local.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// The form in which callers get instants: `2026-05-01T07:25:37.000Z`.
pub(crate) fn write_instant(instant: Timestamp) -> String {
    format!("{instant:.3}")
}

fn zone(name: Option<&str>) -> Result<TimeZone, super::EngineError> {
    let Some(name) = name.filter(|name| !name.eq_ignore_ascii_case("utc") && !name.is_empty()) else {
        return Ok(TimeZone::UTC);
    };
    let unknown = || {
        fault(format!(
            "the time zone is `UTC` or an offset such as `UTC+05:30`, not `{name}`"
        ))
    };
    let offset = name.strip_prefix("UTC").unwrap_or(name);
    let (sign, digits) = match offset.split_at_checked(1) {
        Some(("+", digits)) => (1, digits),
        Some(("-", digits)) => (-1, digits),
        _ => return Err(unknown()),
    };
    let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
    let (Ok(hours), Ok(minutes)) = (hours.parse::<i32>(), minutes.parse::<i32>()) else {
        return Err(unknown());
    };
    let seconds = sign
        * (hours
            .saturating_mul(3600)
            .saturating_add(minutes.saturating_mul(60)));
    Offset::from_seconds(seconds)
        .map(TimeZone::fixed)
        .map_err(|_| unknown())
}

fn described(at: &Zoned) -> Value {
    let week = at.date().iso_week_date();
    let offset = at.offset();
    let iso = at.datetime().strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let tail = if offset == Offset::UTC {
        "Z".to_owned()
    } else {
        at.strftime("%:z").to_string()
    };
    json!({
        "year": at.year(), "month": at.month(), "day": at.day(),
        "hour": at.hour(), "minute": at.minute(), "second": at.second(), "millisecond": at.millisecond(),
        "weekday": at.weekday().to_monday_one_offset(),
        "ordinal": at.day_of_year(),
        "quarter": (at.month() + 2) / 3,
        "weekNumber": week.week(), "weekYear": week.year(),
        "daysInMonth": at.days_in_month(),
        "offset": offset.seconds() / 60,
        "ts": at.timestamp().as_millisecond(),
        "isValid": true,
        "iso": format!("{iso}.{:03}{tail}", at.millisecond()),
    })
}

/// Luxon's letters and ours for them. Longer ones come first.
const LETTERS: &[(&str, &str)] = &[
    ("yyyy", "%Y"),
    ("LLLL", "%B"),
    ("MMMM", "%B"),
    ("EEEE", "%A"),
    ("cccc", "%A"),
    ("LLL", "%b"),
    ("MMM", "%b"),
    ("EEE", "%a"),
    ("ccc", "%a"),
    ("SSS", "%3f"),
    ("ZZZ", "%z"),
    ("yy", "%y"),
    ("MM", "%m"),
    ("LL", "%m"),
    ("dd", "%d"),
    ("HH", "%H"),
    ("hh", "%I"),
    ("mm", "%M"),
    ("ss", "%S"),
    ("ZZ", "%:z"),
    ("y", "%Y"),
    ("M", "%m"),
    ("L", "%m"),
    ("d", "%d"),
    ("H", "%H"),
    ("h", "%I"),
    ("m", "%M"),
    ("s", "%S"),
    ("S", "%f"),
    ("a", "%p"),
    ("o", "%j"),
    ("Z", "%:z"),
    ("X", "%s"),
];

fn strtime_format(format: &str) -> Result<String, super::EngineError> {
    let mut answer = String::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix('\'') {
            let (text, after) = quoted.split_once('\'').unwrap_or((quoted, ""));
            answer.push_str(&text.replace('%', "%%"));
            rest = after;
        } else if let Some((letters, ours)) = LETTERS.iter().find(|(letters, _)| rest.starts_with(letters)) {
            answer.push_str(ours);
            rest = &rest[letters.len()..];
        } else if first.is_ascii_alphabetic() {
            return Err(fault(format!(
                "$dtFromFormat: the letter `{first}` of the format is not known"
            )));
        } else {
            answer.push(first);
            if first == '%' {
                answer.push('%');
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    Ok(answer)
}
