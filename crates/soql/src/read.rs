//! The reader: text that a mapping document answered, to values that the writer writes again.

pub(crate) mod lexer;
mod parser;
mod search;

#[cfg(test)]
mod tests;

pub use parser::{parse_condition, parse_order_by, parse_query};
pub use search::parse_search;

use crate::{InvalidLiteral, InvalidName, STATEMENT_CHARACTERS_MAX};

/// How deep a text may nest parentheses, `NOT` and inner queries. Larger than what the writer allows, since the
/// writer puts up to two of them around one level.
const DEPTH_MAX: usize = 80;

/// Why a text was not understood. Positions count characters (Unicode scalar values), the first one is 1.
///
/// Texts say what kind of thing was found and, for words of the language and symbols, which; never a literal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Something else was expected here.
    #[error("at character {position}: found {found}, expected {expected}")]
    Unexpected {
        /// Where.
        position: usize,
        /// What stands there.
        found: String,
        /// What is allowed there.
        expected: String,
    },
    /// A quote that is never closed.
    #[error("at character {position}: a text in quotes begins here and does not end: expected a closing '")]
    UnclosedText {
        /// Where the text begins.
        position: usize,
    },
    /// A backslash before something that has no escape.
    #[error(
        "at character {position}: no such escape in a text: allowed are \\n \\r \\t \\b \\f \\\" \\' \\\\ \\uXXXX, \
         and \\% \\_ after LIKE"
    )]
    Escape {
        /// Where the backslash stands.
        position: usize,
    },
    /// A number, date or datetime that is none.
    #[error("at character {position}: {reason}")]
    Literal {
        /// Where it begins.
        position: usize,
        /// What is wrong with it.
        reason: InvalidLiteral,
    },
    /// A name that is none.
    #[error("at character {position}: {reason}")]
    Name {
        /// Where it begins.
        position: usize,
        /// What is wrong with it.
        reason: InvalidName,
    },
    /// `a AND b OR c`.
    #[error(
        "at character {position}: AND and OR stand side by side: put parentheses around one of them, \
         such as a AND (b OR c)"
    )]
    AndBesideOr {
        /// Where the second kind of word stands.
        position: usize,
    },
    /// Parentheses in parentheses in parentheses.
    #[error(
        "at character {position}: nested deeper than {DEPTH_MAX} levels of parentheses, NOT and inner queries"
    )]
    TooDeep {
        /// Where the limit is passed.
        position: usize,
    },
    /// More text than a statement may hold.
    #[error("the text has {characters} characters: at most {STATEMENT_CHARACTERS_MAX} are allowed")]
    TooLong {
        /// How many characters the text has.
        characters: usize,
    },
    /// A search without the end of its term.
    #[error(
        "at character {position}: a search term begins here and does not end: expected a closing }} (a brace inside \
         the term is written \\}})"
    )]
    UnclosedTerm {
        /// Where the term begins.
        position: usize,
    },
    /// A value of the caller that is not inside one literal.
    #[error(
        "at character {position}: a value of the caller stands outside quotes, where it would change the statement: \
         build the text with a helper that quotes and escapes values ($convertQueryToSql, $soql.text) instead of \
         joining strings"
    )]
    CallerText {
        /// Where the value begins.
        position: usize,
    },
}

impl ReadError {
    /// The character the error is about, the first one being 1; `None` where it is about the whole text.
    pub fn position(&self) -> Option<usize> {
        match self {
            Self::Unexpected { position, .. }
            | Self::UnclosedText { position }
            | Self::Escape { position }
            | Self::Literal { position, .. }
            | Self::Name { position, .. }
            | Self::AndBesideOr { position }
            | Self::TooDeep { position }
            | Self::UnclosedTerm { position }
            | Self::CallerText { position } => Some(*position),
            Self::TooLong { .. } => None,
        }
    }
}

/// The characters of a text that is not too long, so that positions are indexes.
pub(crate) fn characters_of(text: &str) -> Result<Vec<char>, ReadError> {
    let characters = text.chars().count();
    if characters > STATEMENT_CHARACTERS_MAX {
        return Err(ReadError::TooLong { characters });
    }
    Ok(text.chars().collect())
}
