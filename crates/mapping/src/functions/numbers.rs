//! Numbers and amounts of money.

use serde_json::Value;

use super::{Answer, Arguments, HostCall, Table, argument, number, text};

/// Currencies whose smallest unit is the unit itself (ISO 4217).
const WHOLE: &[&str] = &[
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
    "XOF", "XPF",
];
/// Currencies of a thousand subunits (ISO 4217).
const THOUSANDTHS: &[&str] = &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

pub(super) fn register(table: &mut Table) {
    table.add("toNumber", 1, to_number);
    table.add("convertCurrencyToSubunit", 2, to_subunit);
    table.add("convertCurrencyFromSubunit", 2, from_subunit);
}

/// `$toNumber(value)`: the number a text spells, `0` for `""`, `null` and `false`, `1` for `true`, `null` for a text
/// that spells none.
///
/// `$toNumber(" 12 ")` is `12`, `$toNumber("12abc")` is `null`.
fn to_number(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    Ok(Some(argument(arguments, 0).map_or(Value::Null, |value| {
        spelled(value).map_or(Value::Null, number)
    })))
}

fn spelled(value: &Value) -> Option<f64> {
    match value {
        Value::Null => Some(0.0),
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        Value::Number(number) => number.as_f64(),
        Value::String(text) => spelled_text(text.trim()),
        Value::Array(items) => match items.as_slice() {
            [] => Some(0.0),
            [item @ (Value::Number(_) | Value::String(_))] => spelled(item),
            _ => None,
        },
        Value::Object(_) => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "JavaScript's numbers are floats")]
fn spelled_text(text: &str) -> Option<f64> {
    if text.is_empty() {
        return Some(0.0);
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = text
            .get(..2)
            .filter(|head| head.eq_ignore_ascii_case(prefix))
            .and(text.get(2..))
        {
            let plain = digits.bytes().all(|digit| digit.is_ascii_alphanumeric());
            return u64::from_str_radix(digits, radix)
                .ok()
                .filter(|_| plain)
                .map(|value| value as f64);
        }
    }
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse::<f64>()
        .ok()
        .filter(|value| plain && value.is_finite())
}

/// Digits after the point of a currency; `None` for what is no currency code.
fn decimals(code: Option<&str>) -> Option<i32> {
    let code =
        code.filter(|code| code.len() == 3 && code.bytes().all(|letter| letter.is_ascii_uppercase()))?;
    match code {
        _ if WHOLE.contains(&code) => Some(0),
        _ if THOUSANDTHS.contains(&code) => Some(3),
        "CLF" | "UYW" => Some(4),
        "XXX" | "XTS" => None,
        _ => Some(2),
    }
}

/// `$convertCurrencyToSubunit(amount, code)`: an amount in the currency's smallest unit, rounded.
///
/// `$convertCurrencyToSubunit(5.5, "USD")` is `550`.
fn to_subunit(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let Some(amount) = amount(arguments) else {
        return Ok(Some(Value::Null));
    };
    let scaled = decimals(text(arguments, 1)).map_or(amount, |digits| {
        // Through the decimal text: 1.005 × 100 is 100.4999… in binary.
        let text = format!("{amount}e{digits}");
        text.parse::<f64>().unwrap_or(amount).round()
    });
    Ok(Some(number(scaled)))
}

/// `$convertCurrencyFromSubunit(amount, code)`: the amount in the currency's main unit, as text with its decimals.
///
/// `$convertCurrencyFromSubunit(550, "USD")` is `"5.50"`.
fn from_subunit(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let Some(amount) = amount(arguments) else {
        return Ok(Some(Value::Null));
    };
    Ok(Some(decimals(text(arguments, 1)).map_or_else(
        || number(amount),
        |digits| {
            let places = usize::try_from(digits).unwrap_or_default();
            Value::from(format!("{:.places$}", amount / 10_f64.powi(digits)))
        },
    )))
}

fn amount(arguments: &Arguments<'_>) -> Option<f64> {
    argument(arguments, 0)
        .filter(|value| value.is_number() || value.is_string())
        .and_then(spelled)
}
