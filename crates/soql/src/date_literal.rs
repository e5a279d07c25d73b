//! Relative days. They stand in a statement without quotes, so they come from this list and never from a text of
//! the caller. Source: SOQL Reference, "Date Formats and Date Literals".

use std::fmt;

macro_rules! date_literals {
    (plain { $($plain:ident $plain_text:literal $plain_meaning:literal,)* }
     counted { $($counted:ident $counted_text:literal $counted_meaning:literal,)* }) => {
        /// A day, or a range of days, relative to today in the time zone of the user the token belongs to.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum DateLiteral {
            $(#[doc = $plain_meaning] $plain,)*
            $(#[doc = $counted_meaning] $counted(u32),)*
        }

        impl DateLiteral {
            /// Every literal without a count, and every counted one with the count `n`.
            pub fn all(n: u32) -> Vec<Self> {
                vec![$(Self::$plain,)* $(Self::$counted(n),)*]
            }

            /// The literal without a count that has this name, in any case.
            pub(crate) fn plain(name: &str) -> Option<Self> {
                $(if name.eq_ignore_ascii_case($plain_text) { return Some(Self::$plain); })*
                None
            }

            /// Makes the counted literal that has this name, in any case.
            pub(crate) fn counted(name: &str) -> Option<fn(u32) -> Self> {
                $(if name.eq_ignore_ascii_case($counted_text) { return Some(Self::$counted); })*
                None
            }
        }

        impl fmt::Display for DateLiteral {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$plain => formatter.write_str($plain_text),)*
                    $(Self::$counted(n) => write!(formatter, "{}:{n}", $counted_text),)*
                }
            }
        }
    };
}

date_literals! {
    plain {
        Yesterday "YESTERDAY" "The day before.",
        Today "TODAY" "This day.",
        Tomorrow "TOMORROW" "The day after.",
        LastWeek "LAST_WEEK" "The week before this one.",
        ThisWeek "THIS_WEEK" "This week.",
        NextWeek "NEXT_WEEK" "The week after this one.",
        LastMonth "LAST_MONTH" "The month before this one.",
        ThisMonth "THIS_MONTH" "This month.",
        NextMonth "NEXT_MONTH" "The month after this one.",
        Last90Days "LAST_90_DAYS" "The last 90 days and today.",
        Next90Days "NEXT_90_DAYS" "The next 90 days, from tomorrow.",
        ThisQuarter "THIS_QUARTER" "This calendar quarter.",
        LastQuarter "LAST_QUARTER" "The calendar quarter before this one.",
        NextQuarter "NEXT_QUARTER" "The calendar quarter after this one.",
        ThisYear "THIS_YEAR" "This calendar year.",
        LastYear "LAST_YEAR" "The calendar year before this one.",
        NextYear "NEXT_YEAR" "The calendar year after this one.",
        ThisFiscalQuarter "THIS_FISCAL_QUARTER" "This fiscal quarter.",
        LastFiscalQuarter "LAST_FISCAL_QUARTER" "The fiscal quarter before this one.",
        NextFiscalQuarter "NEXT_FISCAL_QUARTER" "The fiscal quarter after this one.",
        ThisFiscalYear "THIS_FISCAL_YEAR" "This fiscal year.",
        LastFiscalYear "LAST_FISCAL_YEAR" "The fiscal year before this one.",
        NextFiscalYear "NEXT_FISCAL_YEAR" "The fiscal year after this one.",
    }
    counted {
        LastNDays "LAST_N_DAYS" "The last n days and today: n + 1 calendar days.",
        NextNDays "NEXT_N_DAYS" "The next n days, from tomorrow.",
        NDaysAgo "N_DAYS_AGO" "The day n days ago.",
        LastNWeeks "LAST_N_WEEKS" "The n weeks before this one.",
        NextNWeeks "NEXT_N_WEEKS" "The n weeks after this one.",
        NWeeksAgo "N_WEEKS_AGO" "The week n weeks ago.",
        LastNMonths "LAST_N_MONTHS" "The n months before this one.",
        NextNMonths "NEXT_N_MONTHS" "The n months after this one.",
        NMonthsAgo "N_MONTHS_AGO" "The month n months ago.",
        LastNQuarters "LAST_N_QUARTERS" "The n calendar quarters before this one.",
        NextNQuarters "NEXT_N_QUARTERS" "The n calendar quarters after this one.",
        NQuartersAgo "N_QUARTERS_AGO" "The calendar quarter n quarters ago.",
        LastNYears "LAST_N_YEARS" "The n calendar years before this one.",
        NextNYears "NEXT_N_YEARS" "The n calendar years after this one.",
        NYearsAgo "N_YEARS_AGO" "The calendar year n years ago.",
        LastNFiscalQuarters "LAST_N_FISCAL_QUARTERS" "The n fiscal quarters before this one.",
        NextNFiscalQuarters "NEXT_N_FISCAL_QUARTERS" "The n fiscal quarters after this one.",
        NFiscalQuartersAgo "N_FISCAL_QUARTERS_AGO" "The fiscal quarter n quarters ago.",
        LastNFiscalYears "LAST_N_FISCAL_YEARS" "The n fiscal years before this one.",
        NextNFiscalYears "NEXT_N_FISCAL_YEARS" "The n fiscal years after this one.",
        NFiscalYearsAgo "N_FISCAL_YEARS_AGO" "The fiscal year n years ago.",
    }
}
