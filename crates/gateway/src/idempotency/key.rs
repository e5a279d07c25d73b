//! The key as callers write it, and what makes two requests the same one.

use std::ops::RangeInclusive;

use bytes::Bytes;
use http::HeaderMap;
use http::request::Parts;
use sha2::{Digest as _, Sha256};

use super::KEY_HEADER;
use crate::access::ConnectionCall;
use crate::code::Code;
use crate::problem::Problem;

/// Length of a key, characters.
const KEY_CHARS: RangeInclusive<usize> = 1..=255;
const ALLOWED: &str =
    "1 to 255 visible ASCII characters, as \"8e03978e-40d5-43dd\" with or without the quotes";

/// Reads the header: a structured field's string, or the bare text that many clients send. Both name the same key.
pub(super) fn read(headers: &HeaderMap) -> Result<String, Problem> {
    let mut values = headers.get_all(&KEY_HEADER).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(refused("stands twice"));
    };
    let text = value.to_str().unwrap_or_default().trim_matches([' ', '\t']);
    let key = match text.strip_prefix('"') {
        Some(rest) => unquote(rest).ok_or_else(|| refused("is no quoted string"))?,
        None if text.contains('"') => return Err(refused("holds a quote that opens no string")),
        None => text.to_owned(),
    };
    if !KEY_CHARS.contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(refused("is empty, too long, or holds other characters"));
    }
    Ok(key)
}

fn refused(what: &str) -> Problem {
    Problem::new(
        Code::InvalidParameter,
        format!("The header `Idempotency-Key` {what}."),
    )
    .fields(["Idempotency-Key".to_owned()])
    .allowed([ALLOWED])
}

/// What follows an opening quote, up to the closing one, which must end the text (RFC 9651 §4.2.5).
fn unquote(text: &str) -> Option<String> {
    let mut key = String::with_capacity(text.len());
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return chars.as_str().is_empty().then_some(key),
            '\\' => key.push(chars.next().filter(|next| matches!(next, '"' | '\\'))?),
            other => key.push(other),
        }
    }
}

/// SHA-256 of what makes two requests the same one: method, path, connection, query and body.
///
/// Parameters in another order are the same query, but not values of one parameter in another order. How the connection
/// was chosen does not matter, nor do headers.
pub(super) fn fingerprint(head: &Parts, call: &ConnectionCall, body: &Bytes) -> [u8; 32] {
    let mut parameters: Vec<&(String, String)> = call.parameters.iter().collect();
    parameters.sort_by_key(|(name, _)| name.as_str());
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        // Its length before each part: no two requests share an encoding.
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(head.method.as_str().as_bytes());
    part(head.uri.path().as_bytes());
    part(call.connection.id.as_str().as_bytes());
    part(body);
    for (name, value) in parameters {
        part(name.as_bytes());
        part(value.as_bytes());
    }
    hash.finalize().into()
}
