//! Date literals (`LAST_N_DAYS:7`) as ranges of days, UTC calendar, weeks from Sunday, fiscal year = calendar year.

use crate::org::time::{civil_from_days, days_from_civil};

const PLAIN: [&str; 23] = [
    "YESTERDAY",
    "TODAY",
    "TOMORROW",
    "LAST_WEEK",
    "THIS_WEEK",
    "NEXT_WEEK",
    "LAST_MONTH",
    "THIS_MONTH",
    "NEXT_MONTH",
    "LAST_90_DAYS",
    "NEXT_90_DAYS",
    "THIS_QUARTER",
    "LAST_QUARTER",
    "NEXT_QUARTER",
    "THIS_YEAR",
    "LAST_YEAR",
    "NEXT_YEAR",
    "THIS_FISCAL_QUARTER",
    "LAST_FISCAL_QUARTER",
    "NEXT_FISCAL_QUARTER",
    "THIS_FISCAL_YEAR",
    "LAST_FISCAL_YEAR",
    "NEXT_FISCAL_YEAR",
];
const UNITS: [&str; 7] = [
    "DAYS",
    "WEEKS",
    "MONTHS",
    "QUARTERS",
    "YEARS",
    "FISCAL_QUARTERS",
    "FISCAL_YEARS",
];

/// Splits `LAST_N_DAYS`, `NEXT_N_DAYS`, `N_DAYS_AGO` into which and unit.
fn counted(name: &str) -> Option<(&'static str, &str)> {
    let split =
        |which: &'static str, unit: &str| UNITS.iter().find(|own| **own == unit).map(|own| (which, *own));
    if let Some(unit) = name.strip_prefix("LAST_N_") {
        return split("LAST", unit);
    }
    if let Some(unit) = name.strip_prefix("NEXT_N_") {
        return split("NEXT", unit);
    }
    split("AGO", name.strip_prefix("N_")?.strip_suffix("_AGO")?)
}

/// Whether an upper-case word is a date literal, and then whether it needs `:n`.
pub(crate) fn takes_count(name: &str) -> Option<bool> {
    if counted(name).is_some() {
        return Some(true);
    }
    PLAIN.contains(&name).then_some(false)
}

/// First day of a unit that lies `steps` units away from the one of `today`.
fn unit_start(unit: &str, today: i64, steps: i64) -> i64 {
    let (year, month, _) = civil_from_days(today);
    let months = match unit {
        "DAY" => return today + steps,
        // 1970-01-01 was a Thursday.
        "WEEK" => return today - (today + 4).rem_euclid(7) + 7 * steps,
        "MONTH" => year * 12 + month - 1 + steps,
        "QUARTER" => year * 12 + (month - 1) / 3 * 3 + 3 * steps,
        _ => (year + steps) * 12,
    };
    days_from_civil(months.div_euclid(12), months.rem_euclid(12) + 1, 1)
}

/// The days `start .. end` a literal covers.
pub(crate) fn days(name: &str, count: Option<i64>, today: i64) -> (i64, i64) {
    let span = |unit: &str, from: i64, to: i64| (unit_start(unit, today, from), unit_start(unit, today, to));
    if let (Some((which, units)), Some(count)) = (counted(name), count) {
        let unit = units.trim_start_matches("FISCAL_").trim_end_matches('S');
        return match which {
            // LAST_N_DAYS includes today, the larger units end before the current one.
            "LAST" => span(unit, -count, i64::from(unit == "DAY")),
            "NEXT" => span(unit, 1, count + 1),
            _ => span(unit, -count, 1 - count),
        };
    }
    match name {
        "YESTERDAY" => span("DAY", -1, 0),
        "TODAY" => span("DAY", 0, 1),
        "TOMORROW" => span("DAY", 1, 2),
        "LAST_90_DAYS" => span("DAY", -90, 1),
        "NEXT_90_DAYS" => span("DAY", 1, 91),
        _ => {
            let (which, unit) = name.split_once('_').unwrap_or((name, "DAY"));
            let from = match which {
                "LAST" => -1,
                "NEXT" => 1,
                _ => 0,
            };
            span(unit.trim_start_matches("FISCAL_"), from, from + 1)
        }
    }
}

#[cfg(test)]
mod tests;
