//! Literals: every value that a condition compares with, typed, so that the writer knows what to quote.

use crate::DateLiteral;

#[cfg(test)]
mod tests;

/// The longest number in text form, in characters.
const DECIMAL_CHARACTERS_MAX: usize = 64;

/// Why a text is not the literal it was said to be. The text itself is left out: it is a value of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLiteral {
    /// Not a calendar day.
    #[error("not a date: expected YYYY-MM-DD, a day that exists, from 1700-01-01 to 4000-12-31")]
    Date,
    /// Not a moment.
    #[error(
        "not a datetime: expected YYYY-MM-DDThh:mm:ss, an optional fraction of 1 to 9 digits, then Z or an offset \
         such as +02:00 (at most 14 hours); years 1700 to 4000, seconds 00 to 59"
    )]
    DateTime,
    /// Not a plain number.
    #[error(
        "not a number: expected digits with an optional sign - and an optional fraction, such as 12.5, in at most \
         {DECIMAL_CHARACTERS_MAX} characters, without exponent or thousands separator"
    )]
    Decimal,
}

/// One value in a condition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Literal {
    /// `null`
    Null,
    /// `TRUE` or `FALSE`
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number with any count of digits; made by [`Literal::decimal`].
    Decimal(DecimalText),
    /// Any text; quoted and escaped when written. Ids are texts.
    Text(String),
    /// A calendar day; made by [`Literal::date`].
    Date(DateText),
    /// A moment; made by [`Literal::date_time`].
    DateTime(DateTimeText),
    /// A relative day such as `LAST_N_DAYS:7`, in the time zone of the user the token belongs to.
    DateLiteral(DateLiteral),
}

impl Literal {
    /// A text of the caller, whatever it holds.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A day in the form `YYYY-MM-DD`.
    pub fn date(text: &str) -> Result<Self, InvalidLiteral> {
        if is_date(text) {
            Ok(Self::Date(DateText(text.to_owned())))
        } else {
            Err(InvalidLiteral::Date)
        }
    }

    /// A moment in the form `YYYY-MM-DDThh:mm:ss[.fraction](Z|±hh:mm)`. `T` and `Z` are upper case.
    pub fn date_time(text: &str) -> Result<Self, InvalidLiteral> {
        if is_date_time(text) {
            Ok(Self::DateTime(DateTimeText(text.to_owned())))
        } else {
            Err(InvalidLiteral::DateTime)
        }
    }

    /// A number in plain digits: `12.5`, `-3`, `0.001`. No exponent.
    pub fn decimal(text: &str) -> Result<Self, InvalidLiteral> {
        if is_decimal(text) {
            Ok(Self::Decimal(DecimalText(text.to_owned())))
        } else {
            Err(InvalidLiteral::Decimal)
        }
    }
}

macro_rules! checked_text {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The checked text, as it is written into the statement.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

checked_text! {
    /// A number that [`Literal::decimal`] has checked.
    DecimalText
}
checked_text! {
    /// A day that [`Literal::date`] has checked.
    DateText
}
checked_text! {
    /// A moment that [`Literal::date_time`] has checked.
    DateTimeText
}

/// The number in exactly `length` ASCII digits.
fn digits(text: &str, length: usize) -> Option<u32> {
    if text.len() != length || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// `a` + `separator` + `b` + `separator` + `c` …: the parts, if the text has exactly `COUNT` of them.
fn parts<const COUNT: usize>(text: &str, separator: char) -> Option<[&str; COUNT]> {
    text.split(separator).collect::<Vec<_>>().try_into().ok()
}

fn is_date(text: &str) -> bool {
    date_is_real(text).is_some()
}

fn date_is_real(text: &str) -> Option<()> {
    // Also keeps the work small: nothing longer is ever split.
    if text.len() != 10 {
        return None;
    }
    let [year, month, day] = parts::<3>(text, '-')?;
    let (year, month, day) = (digits(year, 4)?, digits(month, 2)?, digits(day, 2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    ((1700..=4000).contains(&year) && (1..=days).contains(&day)).then_some(())
}

fn is_date_time(text: &str) -> bool {
    date_time_is_real(text).is_some()
}

fn date_time_is_real(text: &str) -> Option<()> {
    if text.len() > 40 {
        return None;
    }
    let (date, rest) = text.split_once('T')?;
    date_is_real(date)?;
    let zone_start = rest.find(['Z', '+', '-'])?;
    let (clock, zone) = rest.split_at_checked(zone_start)?;
    let (clock, fraction) = clock
        .split_once('.')
        .map_or((clock, None), |(clock, fraction)| (clock, Some(fraction)));
    let [hour, minute, second] = parts::<3>(clock, ':')?;
    let in_day = digits(hour, 2)? < 24 && digits(minute, 2)? < 60 && digits(second, 2)? < 60;
    let fraction_fits =
        fraction.is_none_or(|text| (1..=9).contains(&text.len()) && digits(text, text.len()).is_some());
    let zone_fits = zone == "Z" || offset_is_real(zone.get(1..)?).is_some();
    (in_day && fraction_fits && zone_fits).then_some(())
}

fn offset_is_real(text: &str) -> Option<()> {
    let [hours, minutes] = parts::<2>(text, ':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    (minutes < 60 && hours * 60 + minutes <= 14 * 60).then_some(())
}

fn is_decimal(text: &str) -> bool {
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned
        .split_once('.')
        .map_or((unsigned, None), |(a, b)| (a, Some(b)));
    text.len() <= DECIMAL_CHARACTERS_MAX && all_digits(whole) && fraction.is_none_or(all_digits)
}
