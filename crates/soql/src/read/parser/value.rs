//! Literals.

use super::Parser;
use crate::read::ReadError;
use crate::read::lexer::{Kind, Token};
use crate::{DateLiteral, InvalidLiteral, LikePart, LikePattern, Literal};

/// What one character, or one escape, of a text stands for.
enum Unit {
    /// A character that stands for itself in a pattern, too.
    Character(char),
    /// `%` or `_` without a backslash: a wildcard in a pattern.
    Wildcard(char),
    /// `\%` or `\_`, which are allowed in a pattern only.
    EscapedWildcard(char),
}

impl Parser<'_> {
    pub(super) fn literal(&mut self) -> Result<Literal, ReadError> {
        let token = self.token();
        match token.kind {
            Kind::Text => Ok(Literal::Text(self.quoted()?)),
            Kind::Number => {
                let literal = number_or_date(&self.text_of(token)).map_err(|reason| ReadError::Literal {
                    position: token.start + 1,
                    reason,
                })?;
                self.skip(1);
                Ok(literal)
            }
            Kind::Word => self.literal_word(token),
            Kind::Symbol(_) | Kind::End => Err(self.not_a_value()),
        }
    }

    fn literal_word(&mut self, token: Token) -> Result<Literal, ReadError> {
        let word = self.text_of(token);
        let literal = match word.to_ascii_uppercase().as_str() {
            "NULL" => Literal::Null,
            "TRUE" => Literal::Boolean(true),
            "FALSE" => Literal::Boolean(false),
            _ => {
                if let Some(counted) = DateLiteral::counted(&word) {
                    self.skip(1);
                    self.expect_symbol(":", "`:` and a count, such as LAST_N_DAYS:7")?;
                    return Ok(Literal::DateLiteral(counted(
                        self.count("a count, such as LAST_N_DAYS:7")?,
                    )));
                }
                Literal::DateLiteral(DateLiteral::plain(&word).ok_or_else(|| self.not_a_value())?)
            }
        };
        self.skip(1);
        Ok(literal)
    }

    fn not_a_value(&self) -> ReadError {
        self.unexpected(
            "a value: a text in single quotes, a number, TRUE, FALSE, null, a date (2026-05-01), \
             a datetime (2026-05-01T07:25:37Z) or a date literal (TODAY, LAST_N_DAYS:7)",
        )
    }

    /// A whole number that is no more than `u32` holds.
    pub(in crate::read) fn count(&mut self, expected: &str) -> Result<u32, ReadError> {
        let token = self.token();
        let text = self.text_of(token);
        // `parse` alone would take `+7`.
        let is_digits = token.kind == Kind::Number && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text
            .parse()
            .ok()
            .filter(|_| is_digits)
            .ok_or_else(|| self.unexpected(expected))?;
        self.skip(1);
        Ok(number)
    }

    pub(super) fn quoted(&mut self) -> Result<String, ReadError> {
        let mut text = String::new();
        self.units(|unit, position| match unit {
            Unit::Character(character) | Unit::Wildcard(character) => {
                text.push(character);
                Ok(())
            }
            Unit::EscapedWildcard(_) => Err(ReadError::Escape { position }),
        })?;
        Ok(text)
    }

    pub(super) fn pattern(&mut self) -> Result<LikePattern, ReadError> {
        let mut pattern = LikePattern::default();
        self.units(|unit, _| {
            match unit {
                Unit::Wildcard('%') => pattern.push_wildcard(LikePart::AnyRun),
                Unit::Wildcard(_) => pattern.push_wildcard(LikePart::AnyOne),
                Unit::Character(character) | Unit::EscapedWildcard(character) => {
                    pattern.push_character(character);
                }
            }
            Ok(())
        })?;
        Ok(pattern)
    }

    /// Hands out what stands between the quotes of the text that is next, with the position of each unit.
    fn units(&mut self, mut take: impl FnMut(Unit, usize) -> Result<(), ReadError>) -> Result<(), ReadError> {
        let token = self.token();
        if token.kind != Kind::Text {
            return Err(self.unexpected("a text in single quotes"));
        }
        let mut at = token.start + 1;
        while at + 1 < token.end {
            let position = at + 1;
            let inside = self.characters.get(at..token.end - 1).unwrap_or_default();
            let (unit, length) = unit_of(inside).ok_or(ReadError::Escape { position })?;
            take(unit, position)?;
            at += length;
        }
        self.skip(1);
        Ok(())
    }
}

/// The first unit and how many characters it has. Escapes of letters may be upper case, as the provider's may.
fn unit_of(inside: &[char]) -> Option<(Unit, usize)> {
    let unit = match inside {
        ['\\', 'u' | 'U', rest @ ..] => return unicode_escape(rest),
        ['\\', wildcard @ ('%' | '_'), ..] => (Unit::EscapedWildcard(*wildcard), 2),
        ['\\', escaped, ..] => {
            let character = match escaped {
                'n' | 'N' => '\n',
                'r' | 'R' => '\r',
                't' | 'T' => '\t',
                'b' | 'B' => '\u{8}',
                'f' | 'F' => '\u{c}',
                '"' | '\'' | '\\' => *escaped,
                _ => return None,
            };
            (Unit::Character(character), 2)
        }
        [wildcard @ ('%' | '_'), ..] => (Unit::Wildcard(*wildcard), 1),
        [character, ..] => (Unit::Character(*character), 1),
        [] => return None,
    };
    Some(unit)
}

/// Four hexadecimal digits, or two times four that are a surrogate pair.
fn unicode_escape(rest: &[char]) -> Option<(Unit, usize)> {
    let high = hexadecimal(rest.get(..4)?)?;
    if let Some(character) = char::from_u32(high) {
        return Some((Unit::Character(character), 6));
    }
    let ['\\', 'u' | 'U', low @ ..] = rest.get(4..)? else {
        return None;
    };
    let low = hexadecimal(low.get(..4)?)?;
    if !(0xD800..0xDC00).contains(&high) || !(0xDC00..0xE000).contains(&low) {
        return None;
    }
    let character = char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00))?;
    Some((Unit::Character(character), 12))
}

fn hexadecimal(digits: &[char]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0, |number, digit| Some(number * 16 + digit.to_digit(16)?))
}

fn number_or_date(text: &str) -> Result<Literal, InvalidLiteral> {
    if text.contains('T') || text.contains(':') {
        return Literal::date_time(&with_colon_in_offset(text));
    }
    if text.get(1..).is_some_and(|rest| rest.contains('-')) {
        return Literal::date(text);
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    match Literal::decimal(unsigned)? {
        Literal::Decimal(decimal) => {
            let whole = decimal.as_str().parse().map(Literal::Integer);
            Ok(whole.unwrap_or(Literal::Decimal(decimal)))
        }
        other => Ok(other),
    }
}

/// Records carry `…+0000`; mappings hand such values back, and the language wants `…+00:00`.
fn with_colon_in_offset(text: &str) -> String {
    let offset = text
        .len()
        .checked_sub(5)
        .and_then(|start| text.split_at_checked(start));
    match offset {
        Some((moment, offset)) if offset.starts_with(['+', '-']) && !offset.contains(':') => {
            let (hours, minutes) = offset.split_at(3);
            format!("{moment}{hours}:{minutes}")
        }
        _ => text.to_owned(),
    }
}
