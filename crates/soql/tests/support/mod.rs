//! A reader of SOQL and SOSL text that shares no code with the crate: a mistake of the writer must not be hidden by
//! the same mistake in the reader. It knows the quoting rules of the language reference and nothing else.

/// One piece of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A decoded text; `\%` and `\_` are kept with their backslash.
    Text(String),
    /// A number, date or datetime as it stands there.
    Number(String),
    /// A word, with its points.
    Word(String),
    /// Anything else that is no space.
    Mark(char),
}

/// The pieces of a SOQL statement, or why it is none.
pub(crate) fn pieces(statement: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = statement;
    while let Some(first) = rest.chars().next() {
        if first == ' ' || first == '\n' || first == '\t' || first == '\r' {
            rest = &rest[1..];
        } else if first == '\'' {
            let (text, after) = text(&rest[1..])?;
            pieces.push(Piece::Text(text));
            rest = after;
        } else {
            let word_end = |allowed: &str| {
                rest.find(|c: char| !(c.is_ascii_alphanumeric() || allowed.contains(c)))
                    .unwrap_or(rest.len())
            };
            let signed =
                (first == '-' || first == '+') && rest[1..].starts_with(|c: char| c.is_ascii_digit());
            if first.is_ascii_alphabetic() {
                let end = word_end("_.");
                pieces.push(Piece::Word(rest[..end].to_owned()));
                rest = &rest[end..];
            } else if first.is_ascii_digit() || signed {
                let end = word_end("_.:+-");
                pieces.push(Piece::Number(rest[..end].to_owned()));
                rest = &rest[end..];
            } else {
                pieces.push(Piece::Mark(first));
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    Ok(pieces)
}

/// The text that begins after an opening quote, and what follows its closing quote.
fn text(inside: &str) -> Result<(String, &str), String> {
    let mut decoded = String::new();
    let mut iterator = inside.char_indices();
    while let Some((at, character)) = iterator.next() {
        if character == '\'' {
            return Ok((decoded, &inside[at + 1..]));
        }
        if (character as u32) < 0x20 {
            return Err(format!("control character in a text at {at}"));
        }
        if character != '\\' {
            decoded.push(character);
            continue;
        }
        match iterator.next().map(|(_, escape)| escape) {
            Some('n') => decoded.push('\n'),
            Some('r') => decoded.push('\r'),
            Some('t') => decoded.push('\t'),
            Some('b') => decoded.push('\x08'),
            Some('f') => decoded.push('\x0c'),
            Some(same @ ('\\' | '\'' | '"')) => decoded.push(same),
            Some(wildcard @ ('%' | '_')) => decoded.extend(['\\', wildcard]),
            Some('u') => {
                let digits: String = (0..4)
                    .filter_map(|_| iterator.next())
                    .map(|(_, digit)| digit)
                    .collect();
                let code = u32::from_str_radix(&digits, 16).map_err(|_| format!("bad escape at {at}"))?;
                decoded.push(char::from_u32(code).ok_or(format!("surrogate at {at}"))?);
            }
            other => return Err(format!("escape of {other:?} at {at}")),
        }
    }
    Err("a text without an end".to_owned())
}

/// The pieces with every text made the same: what a value must not change.
pub(crate) fn structure(statement: &str) -> Result<Vec<Piece>, String> {
    let same = |piece| {
        if matches!(piece, Piece::Text(_)) {
            Piece::Text(String::new())
        } else {
            piece
        }
    };
    Ok(pieces(statement)?.into_iter().map(same).collect())
}

/// The texts of a statement, in order.
pub(crate) fn texts(statement: &str) -> Vec<String> {
    let text = |piece| {
        if let Piece::Text(text) = piece {
            Some(text)
        } else {
            None
        }
    };
    pieces(statement)
        .expect("a statement")
        .into_iter()
        .filter_map(text)
        .collect()
}

/// Splits a search into its decoded words and what follows the braces; refuses every operator.
pub(crate) fn search(statement: &str) -> Result<(String, &str), String> {
    let inside = statement.strip_prefix("FIND {").ok_or("no term")?;
    let mut term = String::new();
    let mut iterator = inside.char_indices().peekable();
    let mut bare_word = String::new();
    let is_operator = |word: &str| matches!(word.to_uppercase().as_str(), "AND" | "OR" | "NOT");
    while let Some((at, character)) = iterator.next() {
        if (character == '}' || character.is_whitespace()) && is_operator(&bare_word) {
            return Err(format!("operator before {at}"));
        }
        match character {
            '}' => return Ok((term, &inside[at + 1..])),
            '\\' => {
                let (_, escaped) = iterator.next().ok_or("a backslash at the end")?;
                if escaped.is_alphanumeric() {
                    return Err(format!("escaped letter at {at}"));
                }
                term.push(escaped);
                bare_word.push('\\');
            }
            // A quote may only hold one word, which is how an operator becomes a word.
            '"' => {
                let word: String = std::iter::from_fn(|| iterator.next_if(|(_, c)| c.is_ascii_alphabetic()))
                    .map(|(_, letter)| letter)
                    .collect();
                if !is_operator(&word) || iterator.next().map(|(_, c)| c) != Some('"') {
                    return Err(format!("quote at {at}"));
                }
                term.push_str(&word);
                bare_word.push('"');
            }
            '?' | '&' | '|' | '!' | '{' | '[' | ']' | '(' | ')' | '^' | '~' | '*' | ':' | '\'' | '+'
            | '-' => {
                return Err(format!("operator {character} at {at}"));
            }
            control if control.is_control() => return Err(format!("control character at {at}")),
            space if space.is_whitespace() => {
                term.push(space);
                bare_word.clear();
            }
            plain => {
                term.push(plain);
                bare_word.push(plain);
            }
        }
    }
    Err("a term without an end".to_owned())
}
