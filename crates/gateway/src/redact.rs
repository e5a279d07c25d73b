//! Takes credentials out of what a provider said, before a caller reads it.
//!
//! A provider's error body is shown to the tenant who owns the connection, so personal data may stay; a token may not,
//! because tokens never leave this process.

use serde_json::Value;

/// What stands in place of a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// Keys whose values are secrets, lower case without `_` and `-`.
const SECRET_KEYS: &[&str] = &[
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "sessionid",
    "clientsecret",
    "authorization",
    "password",
    "assertion",
];

/// Words before a token in running text, lower case.
const SCHEMES: &[&str] = &["bearer ", "oauth ", "basic "];

/// Shortest text after a scheme word that is taken for a token: shorter ones are words of a sentence.
const TOKEN_MIN_CHARS: usize = 16;

/// How far before a token its name or scheme is looked for, bytes: keeps the work linear.
const NEAR_BYTES: usize = 64;

/// Redacts a JSON body in place.
pub(crate) fn redact_json(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                if is_secret_key(key) && !field.is_null() {
                    *field = Value::from(REDACTED);
                } else {
                    redact_json(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact_json),
        Value::String(text) => {
            if let Some(redacted) = redact_if_needed(text) {
                *text = redacted;
            }
        }
        _ => {}
    }
}

/// Redacts running text, which may be a piece of JSON, XML or a form.
pub(crate) fn redact_text(text: &str) -> String {
    redact_if_needed(text).unwrap_or_else(|| text.to_owned())
}

fn is_secret_key(key: &str) -> bool {
    let plain: String = key
        .chars()
        .filter(|letter| !matches!(letter, '_' | '-'))
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    SECRET_KEYS.contains(&plain.as_str())
}

/// `None` when nothing had to be taken out: the usual case, without a copy.
fn redact_if_needed(text: &str) -> Option<String> {
    let mut spans = Vec::new();
    let mut word_start = None;
    for (index, byte) in text.bytes().chain([b' ']).enumerate() {
        match (is_token_byte(byte), word_start) {
            (true, None) => word_start = Some(index),
            (false, Some(start)) => {
                if is_secret_word(text, start, index) {
                    spans.push(start..index);
                }
                word_start = None;
            }
            _ => {}
        }
    }
    if spans.is_empty() {
        return None;
    }
    let mut redacted = String::with_capacity(text.len());
    let mut end = 0;
    for span in spans {
        redacted.push_str(&text[end..span.start]);
        redacted.push_str(REDACTED);
        end = span.end;
    }
    redacted.push_str(&text[end..]);
    Some(redacted)
}

/// Letters of bearer tokens (RFC 6750 §2.1: `b64token`) and `!`, which session ids of some providers hold.
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'!')
}

fn is_secret_word(text: &str, start: usize, end: usize) -> bool {
    let word = &text[start..end];
    if word == REDACTED || word.len() < TOKEN_MIN_CHARS {
        return false;
    }
    // An organization's id, `!`, then the token: a session id.
    if word
        .split_once('!')
        .is_some_and(|(account, token)| account.len() >= 12 && token.len() >= TOKEN_MIN_CHARS)
    {
        return true;
    }
    let mut near = start.saturating_sub(NEAR_BYTES);
    while !text.is_char_boundary(near) {
        near += 1;
    }
    let before = text[near..start].to_ascii_lowercase();
    if SCHEMES.iter().any(|scheme| before.ends_with(scheme)) {
        return true;
    }
    // `access_token=…`, `"sessionId": "…"`, `<sessionId>…`: the name just before, past punctuation.
    let name_end = before
        .trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric())
        .len();
    let separator = &before[name_end..];
    let name_start = before[..name_end]
        .rfind(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-')))
        .map_or(0, |index| {
            index + before[index..].chars().next().map_or(1, char::len_utf8)
        });
    separator.contains(['=', ':', '>']) && is_secret_key(&before[name_start..name_end])
}

#[cfg(test)]
mod tests;
