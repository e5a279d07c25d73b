//! What a statement says, without running it: for tests that hold what was written against what was meant.

use super::lexer::{ESCAPED_PERCENT, ESCAPED_UNDERSCORE, Token, tokens};
use super::{parser, sosl};
use crate::org::ApiError;

/// The parts of a statement that come from a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What stands between the braces of `FIND {…}`, escapes as they are; `None` for SOQL.
    pub term: Option<String>,
    /// Every quoted text in the order of the statement, escapes taken off; `\%` and `\_`, which mean something to LIKE
    /// alone, keep theirs.
    pub texts: Vec<String>,
}

/// Reads SOQL by the grammar alone: neither objects nor fields are looked up.
pub fn read_soql(text: &str) -> Result<Statement, ApiError> {
    parser::parse(text)?;
    let texts = texts(text)?;
    Ok(Statement { term: None, texts })
}

/// Reads SOSL by the grammar alone.
pub fn read_sosl(text: &str) -> Result<Statement, ApiError> {
    let (term, rest) = sosl::read(text)?;
    let texts = texts(&rest)?;
    Ok(Statement {
        term: Some(term),
        texts,
    })
}

fn texts(text: &str) -> Result<Vec<String>, ApiError> {
    let texts = tokens(text)?
        .into_iter()
        .filter_map(|spanned| match spanned.token {
            Token::Text(text) => Some(
                text.replace(ESCAPED_PERCENT, "\\%")
                    .replace(ESCAPED_UNDERSCORE, "\\_"),
            ),
            _ => None,
        });
    Ok(texts.collect())
}

#[cfg(test)]
mod tests;
