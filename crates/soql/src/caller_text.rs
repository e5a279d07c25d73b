//! The last look at a text that a mapping built by joining strings: does a caller's value reach its structure?

use crate::ReadError;
use crate::read::characters_of;
use crate::read::lexer::{Kind, Token, tokens};

#[cfg(test)]
mod tests;

/// Refuses a condition, order or query text in which a value of the caller changes the structure.
///
/// Every place where a value occurs in the text (compared without regard to case) must lie inside one literal: a
/// text in quotes, a number, a date or a datetime. A value at the end of a text may not leave a backslash that
/// takes the closing quote with it.
///
/// # Limits
///
/// - A value of `[A-Za-z0-9_]` only is not looked for. It cannot end a literal or begin a second word, and it
///   cannot be told from the names and words that the mapping wrote: a caller who asks for the name `Id` would
///   otherwise be refused. If a mapping puts such a value where a name stands, it is a name; which names are
///   allowed is for the object's describe to say.
/// - The look is at characters. A value that the mapping changed first (cut, replaced, decoded) is not found; the
///   reader and the writer of this crate are what such a text still has to pass.
/// - It is strict: a value that stands in the text by chance (`, ` or ` = `) is refused although the mapping escaped
///   it. Values given to typed helpers need no check.
///
/// The work is proportional to (characters of the text) × (count of values).
pub fn check_caller_text(text: &str, caller_values: &[&str]) -> Result<(), ReadError> {
    let characters = characters_of(text)?;
    let literals = literal_spans(&tokens(&characters, 0)?);
    check_spans(&characters, 0, &literals, caller_values)
}

/// Where a caller's value may stand: the characters `start..end`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The insides of texts, and whole numbers and dates.
pub(crate) fn literal_spans(tokens: &[Token]) -> Vec<Span> {
    let span = |token: &Token| match token.kind {
        Kind::Text => Some(Span {
            start: token.start + 1,
            end: token.end - 1,
        }),
        Kind::Number => Some(Span {
            start: token.start,
            end: token.end,
        }),
        Kind::Word | Kind::Symbol(_) | Kind::End => None,
    };
    tokens.iter().filter_map(span).collect()
}

/// Looks at what begins at `from` or later. `spans` are in order and do not overlap.
pub(crate) fn check_spans(
    characters: &[char],
    from: usize,
    spans: &[Span],
    caller_values: &[&str],
) -> Result<(), ReadError> {
    let escaping = opens_escape(characters, spans);
    let folded: Vec<char> = characters.iter().copied().map(fold).collect();
    for value in caller_values {
        if value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            continue;
        }
        let value: Vec<char> = value.chars().map(fold).collect();
        for start in occurrences(&folded, &value)
            .into_iter()
            .filter(|start| *start >= from)
        {
            let end = start + value.len();
            let before = spans.partition_point(|span| span.start <= start);
            let inside = before
                .checked_sub(1)
                .and_then(|index| spans.get(index))
                .is_some_and(|span| end <= span.end);
            if !inside || takes_what_follows(characters, &escaping, end) {
                return Err(ReadError::CallerText { position: start + 1 });
            }
        }
    }
    Ok(())
}

/// The value ends with the first half of an escape, and the second half is the text of somebody else: `'a\'…`. Half
/// of `\\` is what an escaped backslash looks like, and harmless: no literal ends with it.
fn takes_what_follows(characters: &[char], escaping: &[bool], end: usize) -> bool {
    let is_cut = end
        .checked_sub(1)
        .and_then(|last| escaping.get(last))
        .is_some_and(|opens| *opens);
    is_cut && characters.get(end) != Some(&'\\')
}

/// For every character, whether it is a backslash that begins an escape.
fn opens_escape(characters: &[char], spans: &[Span]) -> Vec<bool> {
    let mut opens = vec![false; characters.len()];
    for span in spans {
        let mut escaped = false;
        for index in span.start..span.end {
            escaped = !escaped && characters.get(index) == Some(&'\\');
            if let Some(slot) = opens.get_mut(index) {
                *slot = escaped;
            }
        }
    }
    opens
}

/// One character for one character, so that positions stay what they are.
fn fold(character: char) -> char {
    character.to_lowercase().next().unwrap_or(character)
}

/// Every place where `value` begins in `text`, overlapping ones too (Knuth, Morris and Pratt: a value and a text
/// that repeat one character must not cost the product of their lengths).
fn occurrences(text: &[char], value: &[char]) -> Vec<usize> {
    let mut found = Vec::new();
    if value.is_empty() || value.len() > text.len() {
        return found;
    }
    // borders[i]: the length of the longest proper beginning of value[..=i] that is also its end.
    let mut borders = vec![0; value.len()];
    let mut matched = 0;
    for index in 1..value.len() {
        matched = extend(value, &borders, matched, value[index]);
        borders[index] = matched;
    }
    matched = 0;
    for (index, character) in text.iter().enumerate() {
        if matched == value.len() {
            matched = borders[matched - 1];
        }
        matched = extend(value, &borders, matched, *character);
        if matched == value.len() {
            found.push(index + 1 - value.len());
        }
    }
    found
}

/// How many characters of `value` match once `next` is read, `matched` having matched before.
fn extend(value: &[char], borders: &[usize], mut matched: usize, next: char) -> usize {
    while matched > 0 && value[matched] != next {
        matched = borders[matched - 1];
    }
    if value[matched] == next {
        matched + 1
    } else {
        matched
    }
}
