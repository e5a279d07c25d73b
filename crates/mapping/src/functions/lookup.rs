//! One value for another: tables of values and texts that are nearly the same.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Answer, Arguments, HostCall, Table, argument, as_text, fault, text};

/// Longest text compared by likeness, characters.
const SIMILAR_MAX_CHARS: usize = 10_000;

pub(super) fn register(table: &mut Table) {
    table.add("mapValues", 4, map_values);
    table.add("picklist", 3, picklist);
    table.add("diceCoefficient", 2, dice_coefficient);
    table.add("mostSimilar", 3, most_similar);
}

/// `$mapValues(value, table, lowerCase?, default?)`: the table's value for a text or number, for each item of an array
/// and each value of an object. Keys are looked up in lower case; what the table lacks stays as it is; a missing or
/// `null` value becomes the default.
///
/// `$mapValues(["1", "9"], {"1": "owner"})` is `["owner", "9"]`.
fn map_values(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let default = argument(arguments, 3);
    let Some(value) = argument(arguments, 0).filter(|value| !value.is_null()) else {
        return Ok(default.or_else(|| argument(arguments, 0)).cloned());
    };
    let Some(Value::Object(table)) = argument(arguments, 1) else {
        return Ok(Some(value.clone()));
    };
    Ok(Some(mapped(value, table)))
}

fn mapped(value: &Value, table: &Map<String, Value>) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| mapped(item, table)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), mapped(value, table)))
            .collect(),
        Value::String(_) | Value::Number(_) => {
            let key = as_text(value);
            let found = table.get(&key.to_lowercase()).or_else(|| table.get(&key));
            found.filter(|found| !found.is_null()).unwrap_or(value).clone()
        }
        other => other.clone(),
    }
}

/// `$picklist(value, table, default?)`: the table's value for a picklist value, upper and lower case alike; the
/// default, or `null`, for one that the table lacks. Unlike `$mapValues` it never lets an unknown value through.
///
/// `$picklist("Closed Won", {"closed won": "won"}, "open")` is `"won"`.
fn picklist(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let Some(Value::Object(table)) = argument(arguments, 1) else {
        return Err(fault(
            "$picklist: the second argument must be an object of values",
        ));
    };
    let default = || argument(arguments, 2).cloned().unwrap_or(Value::Null);
    let Some(value) = argument(arguments, 0).filter(|value| !value.is_null()) else {
        return Ok(Some(Value::Null));
    };
    let wanted = as_text(value).to_lowercase();
    let found = table.iter().find(|(key, _)| key.to_lowercase() == wanted);
    Ok(Some(found.map_or_else(default, |(_, value)| value.clone())))
}

/// `$diceCoefficient(a, b)`: how alike two texts are, 0 to 1, by pairs of letters; blanks and case do not count.
///
/// `$diceCoefficient("night", "nacht")` is `0.25`.
fn dice_coefficient(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let (Some(one), Some(other)) = (text(arguments, 0), text(arguments, 1)) else {
        return Ok(None);
    };
    Ok(Some(super::number(likeness(one, other)?)))
}

/// `$mostSimilar(value, candidates, threshold = 0.8)`: the candidate most like the value, or the value itself when
/// none reaches the threshold.
///
/// `$mostSimilar("helo", ["hello", "world"], 0.5)` is `"hello"`.
fn most_similar(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let Some(value) = text(arguments, 0) else {
        return Ok(argument(arguments, 0).cloned());
    };
    let threshold = argument(arguments, 2).and_then(Value::as_f64).unwrap_or(0.8);
    let candidates = super::items(argument(arguments, 1));
    let mut best: Option<(f64, &str)> = None;
    for candidate in candidates.iter().filter_map(Value::as_str) {
        let score = likeness(value, candidate)?;
        if score >= threshold && best.is_none_or(|(highest, _)| score > highest) {
            best = Some((score, candidate));
        }
    }
    Ok(Some(Value::from(best.map_or(value, |(_, candidate)| candidate))))
}

#[expect(clippy::cast_precision_loss, reason = "counts of letters stay far below 2^52")]
fn likeness(one: &str, other: &str) -> Result<f64, super::EngineError> {
    let letters = |text: &str| -> Vec<char> {
        text.to_lowercase()
            .chars()
            .filter(|letter| !letter.is_whitespace())
            .collect()
    };
    let (one, other) = (letters(one), letters(other));
    if one.len().max(other.len()) > SIMILAR_MAX_CHARS {
        return Err(fault(format!(
            "a text to compare has more than {SIMILAR_MAX_CHARS} characters"
        )));
    }
    if one == other {
        return Ok(1.0);
    }
    if one.len() < 2 || other.len() < 2 {
        return Ok(0.0);
    }
    let mut pairs: HashMap<(char, char), usize> = HashMap::new();
    for pair in one.windows(2) {
        *pairs.entry((pair[0], pair[1])).or_default() += 1;
    }
    let mut common = 0_usize;
    for pair in other.windows(2) {
        if let Some(count) = pairs.get_mut(&(pair[0], pair[1]))
            && *count > 0
        {
            *count -= 1;
            common += 1;
        }
    }
    Ok(2.0 * common as f64 / (one.len() + other.len() - 2) as f64)
}
