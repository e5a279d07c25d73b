//! Words of a statement with where they stand.

use super::error;
use crate::org::ApiError;
use crate::org::time::{parse_date, parse_datetime};

/// Stands for an escaped `%` in a string: only LIKE may carry it.
pub(crate) const ESCAPED_PERCENT: char = '\u{F8F1}';
/// Stands for an escaped `_` in a string: only LIKE may carry it.
pub(crate) const ESCAPED_UNDERSCORE: char = '\u{F8F2}';

/// One word.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    Word(String),
    Text(String),
    Number(f64),
    Date(i64),
    DateTime(i64),
    Symbol(&'static str),
    End,
}

/// A token with its byte range.
#[derive(Debug, Clone)]
pub(crate) struct Spanned {
    pub(crate) token: Token,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

const SYMBOLS: [&str; 15] = [
    "<=", ">=", "!=", "<>", "(", ")", ",", ".", "=", "<", ">", ":", "{", "}", "*",
];

/// Splits a statement; the last token is [`Token::End`].
pub(crate) fn tokens(source: &str) -> Result<Vec<Spanned>, ApiError> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(letter) = source[at..].chars().next() {
        let start = at;
        if letter.is_whitespace() {
            at += letter.len_utf8();
            continue;
        }
        let token = if letter == '\'' {
            let (text, end) = string(source, start)?;
            at = end;
            Token::Text(text)
        } else if letter.is_ascii_alphabetic() || letter == '_' {
            at = word_end(source, start);
            Token::Word(source[start..at].to_owned())
        } else if is_number_start(&source[at..]) {
            at = number_end(source, start);
            number(source, start, at)?
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| source[at..].starts_with(**symbol)) {
            at += symbol.len();
            Token::Symbol(symbol)
        } else {
            return Err(error::unexpected(source, start, &letter.to_string()));
        };
        out.push(Spanned {
            token,
            start,
            end: at,
        });
    }
    out.push(Spanned {
        token: Token::End,
        start: source.len(),
        end: source.len(),
    });
    Ok(out)
}

fn is_number_start(rest: &str) -> bool {
    let digits = rest.strip_prefix(['-', '+']).unwrap_or(rest);
    digits.starts_with(|letter: char| letter.is_ascii_digit())
        || (digits.starts_with('.') && digits[1..].starts_with(|letter: char| letter.is_ascii_digit()))
}

fn word_end(source: &str, start: usize) -> usize {
    let length = |text: &str, keep: fn(char) -> bool| text.find(|letter| !keep(letter)).unwrap_or(text.len());
    let mut end = start
        + length(&source[start..], |letter| {
            letter.is_ascii_alphanumeric() || letter == '_'
        });
    // A currency literal (USD5000.50) is one word, fraction included.
    let word = &source[start..end];
    let is_amount = word.len() > 3
        && word.is_char_boundary(3)
        && word[..3].bytes().all(|byte| byte.is_ascii_alphabetic())
        && word[3..].bytes().all(|byte| byte.is_ascii_digit());
    if is_amount && source[end..].starts_with('.') {
        end += 1 + length(&source[end + 1..], |letter| letter.is_ascii_digit());
    }
    end
}

fn number_end(source: &str, start: usize) -> usize {
    let sign = usize::from(source[start..].starts_with(['-', '+']));
    let from = start + sign;
    let rest = &source[from..];
    let dated =
        rest.len() > 4 && rest.as_bytes()[..4].iter().all(u8::is_ascii_digit) && rest.as_bytes()[4] == b'-';
    let keep = |letter: char| {
        letter.is_ascii_alphanumeric() || letter == '.' || (dated && matches!(letter, '-' | ':' | '+'))
    };
    let mut end = from + rest.find(|letter| !keep(letter)).unwrap_or(rest.len());
    // 1e-5 and 1E+5
    if !dated && source[..end].ends_with(['e', 'E']) && source[end..].starts_with(['-', '+']) {
        let exponent = &source[end + 1..];
        end += 1 + exponent
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(exponent.len());
    }
    end
}

fn number(source: &str, start: usize, end: usize) -> Result<Token, ApiError> {
    let text = &source[start..end];
    if let Some(days) = parse_date(text) {
        return Ok(Token::Date(days));
    }
    if let Some(ms) = parse_datetime(text) {
        return Ok(Token::DateTime(ms));
    }
    text.parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
        .map(Token::Number)
        .ok_or_else(|| error::unexpected(source, start, text))
}

/// Reads a quoted string; gives its text and the position after the closing quote.
fn string(source: &str, start: usize) -> Result<(String, usize), ApiError> {
    let mut text = String::new();
    let mut letters = source[start + 1..].char_indices();
    while let Some((offset, letter)) = letters.next() {
        match letter {
            '\'' => return Ok((text, start + 1 + offset + 1)),
            '\\' => {
                let Some((_, escaped)) = letters.next() else { break };
                match escaped {
                    'n' | 'N' => text.push('\n'),
                    'r' | 'R' => text.push('\r'),
                    't' | 'T' => text.push('\t'),
                    'b' | 'B' => text.push('\u{8}'),
                    'f' | 'F' => text.push('\u{c}'),
                    '"' | '\'' | '\\' => text.push(escaped),
                    '%' => text.push(ESCAPED_PERCENT),
                    '_' => text.push(ESCAPED_UNDERSCORE),
                    'u' => {
                        let digits: String = letters.by_ref().take(4).map(|(_, letter)| letter).collect();
                        let code = (digits.len() == 4)
                            .then(|| u32::from_str_radix(&digits, 16).ok())
                            .flatten();
                        let letter = code.and_then(char::from_u32);
                        text.push(letter.ok_or_else(|| illegal(source, start, &format!("u{digits}")))?);
                    }
                    other => return Err(illegal(source, start, &other.to_string())),
                }
            }
            other => text.push(other),
        }
    }
    let before = &source[..start];
    let row = before.matches('\n').count() + 1;
    let column = source.rsplit('\n').next().map_or(0, |line| line.chars().count());
    Err(ApiError::plain(
        "MALFORMED_QUERY",
        format!("line {row}:{column} mismatched character '<EOF>' expecting '''"),
    ))
}

/// A backslash before something it may not stand before.
pub(crate) fn illegal(source: &str, start: usize, escaped: &str) -> ApiError {
    let rest = source.get(start + 1..).unwrap_or_default();
    let mut previous = ' ';
    let end = rest
        .find(|letter: char| {
            let closing = letter == '\'' && previous != '\\';
            previous = letter;
            closing
        })
        .unwrap_or(rest.len());
    error::at(
        source,
        start,
        "MALFORMED_QUERY",
        &format!(
            "Invalid string literal '{}'. Illegal character sequence '\\{escaped}' in string literal.",
            &rest[..end]
        ),
    )
}
