//! Limits of stored texts, and the list of scopes as one column.

use crate::StoreError;

/// Longest identifier-like text: an external id, a provider's or a resource's name.
pub(crate) const KEY_MAX_CHARS: usize = 255;
/// Longest address.
pub(crate) const URL_MAX_CHARS: usize = 2_048;

/// Refuses an empty text, one that is too long, and one with control characters.
pub(crate) fn check_text(name: &str, text: &str, max_chars: usize) -> Result<(), StoreError> {
    let chars = text.chars().count();
    if chars == 0 || chars > max_chars || text.chars().any(char::is_control) {
        return Err(StoreError::invalid(format!(
            "{name}: expected 1 to {max_chars} characters, none of them control"
        )));
    }
    Ok(())
}

/// As [`check_text`], for a text that may be absent.
pub(crate) fn check_optional(name: &str, text: Option<&str>, max_chars: usize) -> Result<(), StoreError> {
    text.map_or(Ok(()), |text| check_text(name, text, max_chars))
}

/// A list of texts as one column.
pub(crate) fn write_list(list: &[String]) -> Result<String, StoreError> {
    serde_json::to_string(list).map_err(|_| StoreError::invalid("scopes: expected a list of texts"))
}

/// Reads what [`write_list`] wrote.
pub(crate) fn read_list(text: &str) -> Result<Vec<String>, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt {
        what: "list of scopes",
    })
}
