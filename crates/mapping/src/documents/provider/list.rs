//! Lists that an expression answers. JSONata makes no difference between a value and a list that holds it alone, and
//! leaves an empty list out.

use serde::Deserialize as _;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde_json::Value;

/// Reads a list, one item without its list, or nothing.
pub(super) fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(reader: D) -> Result<Vec<T>, D::Error> {
    let items = match Value::deserialize(reader)? {
        Value::Null => return Ok(Vec::new()),
        Value::Array(items) => items,
        one => vec![one],
    };
    let items = items.into_iter().map(serde_json::from_value);
    items.collect::<Result<_, _>>().map_err(D::Error::custom)
}
