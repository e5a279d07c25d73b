//! Searches to text.

use super::{WriteError, Writer, characters_in};
use crate::{Search, TERM_CHARACTERS_MAX, TERM_CHARACTERS_MIN};

/// Characters that mean something in a search term. Source: SOSL Reference, `FIND {SearchQuery}`.
const RESERVED: &str = "?&|!{}[]()^~*:\\\"'+-";

/// Words that join the words of a term.
const OPERATORS: [&str; 3] = ["AND", "OR", "NOT"];

impl Search {
    /// Writes the search as SOSL.
    pub fn to_sosl(&self) -> Result<String, WriteError> {
        let mut writer = Writer::default();
        writer.push("FIND {")?;
        writer.push(&escaped_term(&self.term)?)?;
        writer.push("} IN ")?;
        writer.push(self.scope.as_str())?;
        writer.push(" FIELDS RETURNING ")?;
        if self.returning.is_empty() {
            return Err(WriteError::NothingReturned);
        }
        for (index, returning) in self.returning.iter().enumerate() {
            writer.push(if index == 0 { "" } else { ", " })?;
            writer.push(returning.object.as_str())?;
            writer.push("(")?;
            writer.field_list(&returning.fields)?;
            writer.tail(
                returning.filter.as_ref(),
                &returning.order_by,
                returning.limit,
                returning.offset,
            )?;
            writer.push(")")?;
        }
        writer.limit(self.limit)?;
        Ok(writer.text)
    }
}

/// What stands between the braces: the words of the caller and nothing but words.
fn escaped_term(term: &str) -> Result<String, WriteError> {
    let spaced: String = term
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let trimmed = spaced.trim();
    let characters = trimmed.chars().count();
    if characters < TERM_CHARACTERS_MIN {
        return Err(WriteError::TermTooShort { characters });
    }
    let mut escaped = String::with_capacity(trimmed.len());
    for piece in trimmed.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end_matches(char::is_whitespace);
        // The documented way to search for an operator as a word is to quote it.
        if OPERATORS
            .iter()
            .any(|operator| operator.eq_ignore_ascii_case(word))
        {
            escaped.push('"');
            escaped.push_str(word);
            escaped.push('"');
        } else {
            for character in word.chars() {
                if RESERVED.contains(character) {
                    escaped.push('\\');
                }
                escaped.push(character);
            }
        }
        escaped.push_str(piece.get(word.len()..).unwrap_or_default());
    }
    let characters = characters_in(&escaped);
    if characters > TERM_CHARACTERS_MAX {
        return Err(WriteError::TermTooLong { characters });
    }
    Ok(escaped)
}
