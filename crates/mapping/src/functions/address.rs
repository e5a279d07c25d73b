//! Addresses.

use serde_json::{Map, Value, json};

use super::{Answer, Arguments, HostCall, Table, argument};

pub(super) fn register(table: &mut Table) {
    table.add("address", 2, address);
}

/// Our keys, and the names of parts under which providers write them, lower case.
const PARTS: &[(&str, &[&str])] = &[
    ("city", &["city"]),
    ("state", &["state", "region", "province"]),
    ("postal_code", &["postalcode", "postal_code", "zip", "zipcode"]),
    ("country", &["country"]),
    ("country_code", &["countrycode", "country_code"]),
    ("latitude", &["latitude"]),
    ("longitude", &["longitude"]),
];

/// `$address(parts, type?)`: a provider's compound address as ours; the street's first line is `street_1`, the others
/// `street_2`. Undefined when no part is filled.
///
/// `$address({"street": "1 Main St\nFloor 2", "city": "Oslo"}, "billing")` is `{"street_1": "1 Main St", "street_2":
/// "Floor 2", "city": "Oslo", "state": null, …, "type": "billing"}`.
fn address(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let Some(Value::Object(parts)) = argument(arguments, 0) else {
        return Ok(None);
    };
    let find = |names: &[&str]| {
        parts
            .iter()
            .find(|(key, value)| names.contains(&key.to_ascii_lowercase().as_str()) && !value.is_null())
            .map(|(_, value)| value)
    };
    let (first, second) = match find(&["street"]).and_then(Value::as_str) {
        Some(street) => lines(street),
        None => (
            find(&["street_1", "street1"]).cloned().unwrap_or(Value::Null),
            find(&["street_2", "street2"]).cloned().unwrap_or(Value::Null),
        ),
    };
    let mut answer = Map::new();
    answer.insert("street_1".to_owned(), first);
    answer.insert("street_2".to_owned(), second);
    for (key, names) in PARTS {
        answer.insert((*key).to_owned(), find(names).cloned().unwrap_or(Value::Null));
    }
    if answer.values().all(Value::is_null) {
        return Ok(None);
    }
    answer.insert(
        "type".to_owned(),
        argument(arguments, 1).cloned().unwrap_or(Value::Null),
    );
    Ok(Some(Value::Object(answer)))
}

fn lines(street: &str) -> (Value, Value) {
    let mut lines = street.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().map_or(Value::Null, Value::from);
    let rest: Vec<&str> = lines.collect();
    let second = if rest.is_empty() {
        Value::Null
    } else {
        json!(rest.join(", "))
    };
    (first, second)
}
