//! The query of a request, decoded once and strictly.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::code::Code;
use crate::problem::Problem;

/// Chooses the connection; belongs to the gateway, so nobody below sees it.
pub(crate) const CONNECTION_PARAMETER: &str = "connection_id";

/// Decoded pairs in the order they were sent.
pub(crate) type Pairs = Vec<(String, String)>;

/// Decodes a query as forms do (`+` is a space). Bytes that are not UTF-8 are refused, not replaced: a filter must not
/// silently ask for something else.
pub(crate) fn decode(query: Option<&str>) -> Result<Pairs, Problem> {
    query
        .unwrap_or_default()
        .split('&')
        .filter(|piece| !piece.is_empty())
        .map(|piece| {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            Ok((decode_piece(name)?, decode_piece(value)?))
        })
        .collect()
}

fn decode_piece(piece: &str) -> Result<String, Problem> {
    let invalid = |what: &str| Problem::new(Code::MalformedRequest, format!("The query holds {what}."));
    let bytes = piece.as_bytes();
    for (index, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%') {
        let is_escape = bytes
            .get(index + 1..index + 3)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        if !is_escape {
            return Err(invalid("a `%` that is not followed by two hexadecimal digits"));
        }
    }
    let spaced: Cow<'_, str> = if piece.contains('+') {
        Cow::Owned(piece.replace('+', " "))
    } else {
        Cow::Borrowed(piece)
    };
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(Cow::into_owned)
        .map_err(|_| invalid("bytes that are not UTF-8"))
}

/// The query without the parameter that chooses the connection, other bytes untouched: what the proxy passes on.
pub(crate) fn without_connection(query: &str) -> String {
    query
        .split('&')
        .filter(|piece| {
            let name = piece.split('=').next().unwrap_or_default();
            !decode_piece(name).is_ok_and(|name| name == CONNECTION_PARAMETER)
        })
        .collect::<Vec<_>>()
        .join("&")
}

/// The parameters of a management route: each known, each at most once.
pub(crate) struct Known(Pairs);

impl Known {
    pub(crate) fn read(query: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let pairs = decode(query)?;
        for (index, (name, _)) in pairs.iter().enumerate() {
            let detail = if !known.contains(&name.as_str()) {
                format!(
                    "`{}` is not a parameter of this route.",
                    name.chars().take(64).collect::<String>()
                )
            } else if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
                format!("`{name}` stands twice.")
            } else {
                continue;
            };
            return Err(Problem::new(Code::InvalidParameter, detail)
                .fields([name.chars().take(64).collect()])
                .allowed(known.iter().copied()));
        }
        Ok(Self(pairs))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A whole number between 1 and `max`.
    pub(crate) fn limit(&self, default: u32, max: u32) -> Result<u32, Problem> {
        let Some(text) = self.get("limit") else {
            return Ok(default);
        };
        match text.parse::<u32>() {
            Ok(limit) if limit >= 1 => Ok(limit.min(max)),
            _ => Err(Problem::new(
                Code::InvalidParameter,
                "`limit` must be a whole number of at least 1.",
            )
            .fields(["limit".to_owned()])
            .allowed([format!("1 to {max}")])),
        }
    }
}

#[cfg(test)]
mod tests;
