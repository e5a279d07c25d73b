//! Text to tokens. Every token is a span of characters; nothing is decoded here but where it ends.

use super::ReadError;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A word, or words joined by points.
    Word,
    /// Begins with a digit or a sign: a number, date or datetime, right or wrong.
    Number,
    /// A text, its quotes included.
    Text,
    /// One of the symbols of the language.
    Symbol(&'static str),
    /// The end of the text.
    End,
}

/// One token: the characters `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Longer ones first, so that `<=` is not read as `<` and `=`.
const SYMBOLS: [&str; 11] = ["<=", ">=", "!=", "<>", "=", "<", ">", "(", ")", ",", ":"];

/// The tokens of `characters[start..]`, with an `End` after the last one.
pub(crate) fn tokens(characters: &[char], start: usize) -> Result<Vec<Token>, ReadError> {
    let mut tokens = Vec::new();
    let mut at = start;
    while let Some(&character) = characters.get(at) {
        if character.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let token = token_at(characters, at, character)?;
        at = token.end;
        tokens.push(token);
    }
    tokens.push(Token {
        kind: Kind::End,
        start: at,
        end: at,
    });
    Ok(tokens)
}

fn token_at(characters: &[char], start: usize, character: char) -> Result<Token, ReadError> {
    let rest = characters.get(start..).unwrap_or_default();
    let run = |belongs: fn(char) -> bool| rest.iter().take_while(|c| belongs(**c)).count();
    let signed_digit = matches!(character, '+' | '-') && rest.get(1).is_some_and(char::is_ascii_digit);
    let (kind, length) = if character.is_ascii_alphabetic() {
        (
            Kind::Word,
            run(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')),
        )
    } else if character.is_ascii_digit() || signed_digit {
        (
            Kind::Number,
            run(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '+' | '-')),
        )
    } else if character == '\'' {
        (
            Kind::Text,
            text_length(rest).ok_or(ReadError::UnclosedText { position: start + 1 })?,
        )
    } else {
        let symbol = SYMBOLS
            .into_iter()
            .find(|symbol| symbol.chars().eq(rest.iter().take(symbol.len()).copied()));
        match symbol {
            Some(symbol) => (Kind::Symbol(symbol), symbol.len()),
            None => return Err(stray(character, start)),
        }
    };
    Ok(Token {
        kind,
        start,
        end: start + length,
    })
}

/// How many characters a text has from its opening to its closing quote, both included.
fn text_length(rest: &[char]) -> Option<usize> {
    let mut escaped = false;
    for (index, character) in rest.iter().enumerate().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' => return Some(index + 1),
            _ => {}
        }
    }
    None
}

fn stray(character: char, start: usize) -> ReadError {
    let expected = match character {
        '"' | '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' | '`' => {
            "a text in single quotes: 'like this'"
        }
        ';' => "one statement without a semicolon",
        _ => "a name, a literal or one of = != < <= > >= ( ) ,",
    };
    ReadError::Unexpected {
        position: start + 1,
        found: format!("`{}`", character.escape_debug()),
        expected: expected.to_owned(),
    }
}
