//! Property values: how they are spelt, and which ones a write takes.

use super::catalog::{Kind, Property};
use super::errors::BadValue;
use super::portal::Data;
use crate::org::time::{self, DAY_MS};

/// `2026-05-01T07:25:37Z`, with milliseconds only where there are some, as Java prints an instant.
pub(crate) fn instant(ms: i64) -> String {
    let date = time::format_date(ms.div_euclid(DAY_MS));
    let rest = ms.rem_euclid(DAY_MS);
    let (hours, minutes, seconds) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60);
    match rest % 1_000 {
        0 => format!("{date}T{hours:02}:{minutes:02}:{seconds:02}Z"),
        fraction => format!("{date}T{hours:02}:{minutes:02}:{seconds:02}.{fraction:03}Z"),
    }
}

/// Reads a date or a datetime: Unix milliseconds, `YYYY-MM-DD`, or ISO 8601 with an offset.
pub(crate) fn parse_moment(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(ms) = text.parse::<i64>() {
        // Years 1 to 9999; outside of them no date can be printed.
        return (-62_135_596_800_000..253_402_300_800_000)
            .contains(&ms)
            .then_some(ms);
    }
    time::parse_date(text)
        .map(|days| days * DAY_MS)
        .or_else(|| time::parse_datetime(text))
}

/// The text that stands for a JSON value in `properties`; null and objects have none.
pub(crate) fn text_of(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Checks and normalizes a value that is not empty. `before` is what the record holds now.
pub(crate) fn check(
    data: &Data,
    property: &Property,
    text: &str,
    before: Option<&str>,
) -> Result<String, BadValue> {
    let refuse = |code, message| BadValue {
        property: property.name.clone(),
        code,
        message,
    };
    if property.read_only || property.calculated {
        let message = format!(
            "\"{}\" is a read only property; its value cannot be set.",
            property.name
        );
        return Err(refuse("READ_ONLY_VALUE", message));
    }
    let trimmed = text.trim();
    match property.kind {
        Kind::Number => match trimmed.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(trimmed.to_owned()),
            _ => Err(refuse("INVALID_LONG", format!("{text} was not a valid long."))),
        },
        Kind::Date => {
            let ms = parse_moment(text)
                .ok_or_else(|| refuse("INVALID_DATE", format!("{text} was not a valid date.")))?;
            if ms.rem_euclid(DAY_MS) == 0 {
                Ok(time::format_date(ms.div_euclid(DAY_MS)))
            } else {
                let message = format!("{text} is at {}, not midnight!", instant(ms));
                Err(refuse("INVALID_DATE", message))
            }
        }
        Kind::DateTime => parse_moment(text)
            .map(instant)
            .ok_or_else(|| refuse("INVALID_DATE", format!("{text} was not a valid date."))),
        Kind::Enumeration if property.name == "hubspot_owner_id" => {
            let is_owner = data.owners.iter().any(|owner| owner.id.to_string() == trimmed);
            if is_owner {
                Ok(trimmed.to_owned())
            } else {
                Err(refuse("INVALID_OWNER_ID", format!("Owner {text} does not exist")))
            }
        }
        Kind::Enumeration if property.external => Ok(trimmed.to_owned()),
        Kind::Enumeration | Kind::Bool => {
            choices(property, text, before).map_err(|message| refuse("INVALID_OPTION", message))
        }
        Kind::String if property.name == "email" => {
            let email = trimmed.to_lowercase();
            let is_email = email.split_once('@').is_some_and(|(name, host)| {
                !name.is_empty() && host.contains('.') && !host.contains(['@', ' '])
            });
            if is_email {
                Ok(email)
            } else {
                Err(refuse(
                    "INVALID_EMAIL",
                    format!("Email address {text} is invalid"),
                ))
            }
        }
        Kind::String | Kind::PhoneNumber => Ok(text.to_owned()),
    }
}

/// One choice; several between `;` where the field is made of checkboxes. A leading `;` adds to what is there.
fn choices(property: &Property, text: &str, before: Option<&str>) -> Result<String, String> {
    let many = property.field_type == "checkbox";
    let (adds, rest) = match text.strip_prefix(';') {
        Some(rest) if many => (true, rest),
        _ => (false, text),
    };
    let mut chosen: Vec<String> = Vec::new();
    if adds {
        chosen.extend(before.unwrap_or("").split(';').map(str::to_owned));
    }
    let parts: Vec<&str> = if many {
        rest.split(';').collect()
    } else {
        vec![rest]
    };
    for part in parts.into_iter().map(str::trim).filter(|part| !part.is_empty()) {
        let known = property.options.iter().find(|option| {
            option.value == part || property.kind == Kind::Bool && option.value.eq_ignore_ascii_case(part)
        });
        let Some(known) = known else {
            let allowed: Vec<&str> = property
                .options
                .iter()
                .map(|option| option.value.as_str())
                .collect();
            return Err(format!(
                "{part} was not one of the allowed options: [{}]",
                allowed.join(", ")
            ));
        };
        if !chosen.contains(&known.value) {
            chosen.push(known.value.clone());
        }
    }
    chosen.retain(|value| !value.is_empty());
    Ok(chosen.join(";"))
}
