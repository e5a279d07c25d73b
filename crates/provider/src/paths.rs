//! The typed writer of provider paths: no caller text reaches a request line without passing here.
//!
//! A path is decoded once, looked at segment by segment, and written again in one canonical form. It is never joined to a
//! URL by a URL library: `Url::join` lets `//evil`, `\\evil\a` and `https://evil/` change the host.

use std::fmt::Write as _;

/// Longest path read, bytes.
const PATH_MAX_BYTES: usize = 8 << 10;

/// A provider's path in canonical form: begins with one `/`, no empty or dot segments, percent-encoded where needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProviderPath(String);

impl ProviderPath {
    /// The text, as it stands in a request line.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// This path below `base`, which comes from a provider document.
    #[must_use]
    pub(crate) fn below(&self, base: &str) -> Self {
        let base = base.trim_end_matches('/');
        Self(format!("{base}{}", self.0))
    }
}

/// Why a path is refused. Holds no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Longer than any path of a provider.
    #[error("the path is longer than {PATH_MAX_BYTES} bytes")]
    TooLong,
    /// Does not begin with exactly one slash.
    #[error("the path must begin with one `/`")]
    Start,
    /// Two slashes in a row.
    #[error("the path must not hold `//`")]
    EmptySegment,
    /// `.` or `..`, plain or written so that somebody may read it as such.
    #[error("the path must not hold `.` or `..` segments")]
    DotSegment,
    /// A character that a path does not hold unescaped, or a control character.
    #[error("the path holds a character that is not allowed there")]
    Character,
    /// `%` without two hexadecimal digits, or bytes that are not UTF-8.
    #[error("the path holds a percent escape that is not valid")]
    Escape,
    /// An escaped `/`, `\`, `.`, `%`, NUL or control character, or a look-alike of one of them.
    #[error("the path holds an escape of a character that has a meaning in paths")]
    EscapedDelimiter,
    /// A segment like `https:`.
    #[error("the path must not hold a URL")]
    Url,
    /// The document of the provider does not list it.
    #[error("the provider's document does not let the proxy call this path")]
    NotListed,
    /// A query with characters that no URL holds.
    #[error("the query holds a character that is not allowed there")]
    Query,
}

/// How much is let through: a caller's path through the proxy, or one that our own pipeline wrote from checked parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strictness {
    /// A caller's: delimiters and their look-alikes are refused even when escaped.
    Caller,
    /// Ours: each value was escaped as one segment, and an external id may hold anything. Only what some server may read
    /// as a way out of the segment is refused.
    Own,
}

/// Reads a path that a caller sent to the proxy, the part after `/proxy`, still percent-encoded.
pub(crate) fn caller_path(raw: &str) -> Result<ProviderPath, PathError> {
    write_path(raw, Strictness::Caller)
}

/// Reads a path that the pipeline made: the same rules, but a segment may hold delimiters that are escaped.
pub(crate) fn own_path(raw: &str) -> Result<ProviderPath, PathError> {
    write_path(raw, Strictness::Own)
}

/// Checks a raw query (without `?`) and escapes what clients commonly leave bare; keeps order and duplicates.
pub(crate) fn raw_query(raw: &str) -> Result<String, PathError> {
    let mut written = String::with_capacity(raw.len());
    for byte in raw.bytes() {
        match byte {
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => push_escape(&mut written, byte),
            b'#' => return Err(PathError::Query),
            0x21..=0x7e => written.push(char::from(byte)),
            _ => return Err(PathError::Query),
        }
    }
    Ok(written)
}

/// Writes parameters as `application/x-www-form-urlencoded`, blanks as `%20`.
pub(crate) fn query_text(parameters: &[(String, String)]) -> String {
    let mut written = String::new();
    for (name, value) in parameters {
        if !written.is_empty() {
            written.push('&');
        }
        escape_component(&mut written, name);
        written.push('=');
        escape_component(&mut written, value);
    }
    written
}

/// Writes form fields for a token endpoint: the same escapes.
pub(crate) fn form_text(fields: &[(&str, &str)]) -> String {
    let mut written = String::new();
    for (name, value) in fields {
        if !written.is_empty() {
            written.push('&');
        }
        escape_component(&mut written, name);
        written.push('=');
        escape_component(&mut written, value);
    }
    written
}

/// Escapes all but RFC 3986's unreserved characters.
pub(crate) fn escape_component(written: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            written.push(char::from(byte));
        } else {
            push_escape(written, byte);
        }
    }
}

fn write_path(raw: &str, strictness: Strictness) -> Result<ProviderPath, PathError> {
    if raw.len() > PATH_MAX_BYTES {
        return Err(PathError::TooLong);
    }
    let rest = raw.strip_prefix('/').ok_or(PathError::Start)?;
    if rest.starts_with('/') {
        return Err(PathError::EmptySegment);
    }
    let mut written = String::with_capacity(raw.len());
    // One slash at the end is common in clients and kept: it makes the last segment empty.
    let (segments, last_slash) = match rest.strip_suffix('/') {
        Some(segments) => (segments, true),
        None => (rest, false),
    };
    if !segments.is_empty() {
        for segment in segments.split('/') {
            let decoded = decode_segment(segment, strictness)?;
            written.push('/');
            for byte in decoded.bytes() {
                push_path_byte(&mut written, byte);
            }
        }
    }
    if last_slash || written.is_empty() {
        written.push('/');
    }
    Ok(ProviderPath(written))
}

fn decode_segment(segment: &str, strictness: Strictness) -> Result<String, PathError> {
    if segment.is_empty() {
        return Err(PathError::EmptySegment);
    }
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => {
                let value = hex_pair(bytes.next(), bytes.next()).ok_or(PathError::Escape)?;
                check_escaped(value, strictness)?;
                value
            }
            b'\\' | b'@' | b';' | b'?' | b'#' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}' => {
                return Err(PathError::Character);
            }
            0x21..=0x7e => byte,
            _ => return Err(PathError::Character),
        };
        decoded.push(byte);
    }
    let decoded = String::from_utf8(decoded).map_err(|_| PathError::Escape)?;
    // Blanks around dots are looked through, and escaped slashes taken for slashes, as some servers do.
    let is_dots = |part: &str| matches!(part.trim(), "." | "..");
    if decoded.split(['/', '\\']).any(is_dots) {
        return Err(PathError::DotSegment);
    }
    if strictness == Strictness::Own {
        return Ok(decoded);
    }
    if decoded.ends_with(':') {
        return Err(PathError::Url);
    }
    if decoded.chars().any(is_look_alike) {
        return Err(PathError::EscapedDelimiter);
    }
    Ok(decoded)
}

fn check_escaped(value: u8, strictness: Strictness) -> Result<(), PathError> {
    let control = matches!(value, 0..=0x1f | 0x7f);
    let delimiter = matches!(value, b'/' | b'\\' | b'.' | b'%' | b';' | b'@' | b'?' | b'#');
    if control || (delimiter && strictness == Strictness::Caller) {
        return Err(PathError::EscapedDelimiter);
    }
    Ok(())
}

/// Characters that compatibility mappings turn into `.`, `/` or `\`, invisible ones, and C1 controls.
fn is_look_alike(character: char) -> bool {
    matches!(
        character,
        '\u{80}'..='\u{9f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2024}'..='\u{2026}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2044}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2215}'
            | '\u{2216}'
            | '\u{29f5}'
            | '\u{29f8}'
            | '\u{29f9}'
            | '\u{3002}'
            | '\u{fe52}'
            | '\u{fe68}'
            | '\u{feff}'
            | '\u{ff0e}'
            | '\u{ff0f}'
            | '\u{ff3c}'
            | '\u{ff61}'
    )
}

fn hex_pair(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    Some(digit(high?)? * 16 + digit(low?)?)
}

/// RFC 3986 `pchar` without `;` and `@`.
fn push_path_byte(written: &mut String, byte: u8) {
    let plain = byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b'='
                | b':'
        );
    if plain {
        written.push(char::from(byte));
    } else {
        push_escape(written, byte);
    }
}

fn push_escape(written: &mut String, byte: u8) {
    // Writing to a String cannot fail.
    let _ = write!(written, "%{byte:02X}");
}

#[cfg(test)]
mod tests;
