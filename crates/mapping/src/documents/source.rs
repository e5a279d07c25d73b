//! YAML text into typed documents, with the place of every mistake.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_saphyr::{Location, Spanned};

use crate::error::DocumentError;
use crate::expression::{Expression, ExpressionError};

/// Longest document, bytes.
pub(super) const DOCUMENT_MAX_BYTES: usize = 256 << 10;
/// Longest override, bytes. Source: `model::Limits::mapping_document_max_bytes`.
pub(super) const OVERRIDE_MAX_BYTES: usize = 64 << 10;

/// A text of a document and its name in errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    /// File path, or level.
    pub(super) name: &'a str,
    /// YAML.
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// Reads the document. Duplicate keys, unknown keys, deep nesting and swelling aliases are mistakes.
    pub(super) fn read<T: DeserializeOwned>(&self, max_bytes: usize) -> Result<T, DocumentError> {
        if self.text.len() > max_bytes {
            return Err(DocumentError::new(
                self.name,
                None,
                format!(
                    "the document has {} bytes; at most {max_bytes} are allowed",
                    self.text.len()
                ),
            ));
        }
        let mut options = serde_saphyr::Options::default();
        options.with_snippet = false;
        options.strict_booleans = true;
        if let Some(budget) = &mut options.budget {
            budget.max_depth = 64;
            budget.max_nodes = 20_000;
            budget.max_events = 50_000;
            budget.max_aliases = 100;
            budget.max_anchors = 100;
            budget.max_documents = 1;
            budget.max_total_scalar_bytes = max_bytes * 2;
        }
        serde_saphyr::from_str_with_options(self.text, options).map_err(|error| {
            let at = error.location().filter(|at| at.line() > 0);
            DocumentError {
                line: at.map(|at| whole(at.line())),
                column: at.map(|at| whole(at.column())),
                ..DocumentError::new(self.name, None, error.to_string())
            }
        })
    }

    /// Compiles the expression under a key.
    pub(super) fn compile(
        &self,
        key: &str,
        expression: &Spanned<String>,
    ) -> Result<Expression, DocumentError> {
        Expression::compile(&expression.value).map_err(|error| self.mistake(key, expression, &error))
    }

    /// Compiles the expression under a key, unless a plan in use has the same text: it is shared then.
    pub(super) fn compile_shared(
        &self,
        key: &str,
        expression: &Spanned<String>,
    ) -> Result<Arc<Expression>, DocumentError> {
        Expression::shared(&expression.value).map_err(|error| self.mistake(key, expression, &error))
    }

    /// Compiles an expression whose place in the document is not known.
    pub(super) fn compile_text(&self, key: &str, text: &str) -> Result<Expression, DocumentError> {
        Expression::compile(text).map_err(|error| DocumentError::new(self.name, Some(key), error.to_string()))
    }

    fn mistake(&self, key: &str, expression: &Spanned<String>, error: &ExpressionError) -> DocumentError {
        let start = expression.referenced;
        let place = error
            .position
            .and_then(|position| self.place_in(start, &expression.value, position))
            .or_else(|| (start.line() > 0).then(|| (whole(start.line()), whole(start.column()))));
        DocumentError {
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            ..DocumentError::new(self.name, Some(key), error.to_string())
        }
    }

    /// Where in the document a position of an expression is: the two differ only by blanks, whatever way the text was
    /// written in YAML (quoted texts with escapes aside, where this finds nothing).
    fn place_in(&self, start: Location, expression: &str, position: usize) -> Option<(usize, usize)> {
        let from = offset(self.text, whole(start.line()), whole(start.column()))?;
        let mut units = 0;
        let before: String = expression
            .chars()
            .take_while(|letter| {
                units += letter.len_utf16();
                units <= position
            })
            .filter(|letter| !letter.is_whitespace())
            .collect();
        let rest = self.text.get(from..)?;
        // The header of a block text: `>-`, `|`, `|2+`.
        let header = if rest.starts_with(['>', '|']) {
            rest.find('\n')?
        } else {
            0
        };
        let mut wanted = before.chars();
        let mut next = wanted.next();
        let mut at = from + header;
        for letter in rest.get(header..)?.chars() {
            let Some(expected) = next else { break };
            at += letter.len_utf8();
            if letter == expected {
                next = wanted.next();
            } else if !letter.is_whitespace() {
                return None;
            }
        }
        let head = self.text.get(..at)?;
        let line_start = head.rfind('\n').map_or(0, |at| at + 1);
        Some((
            head.matches('\n').count() + 1,
            head.get(line_start..)?.chars().count().max(1),
        ))
    }
}

fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The byte at which a line and column begin.
fn offset(text: &str, line: usize, column: usize) -> Option<usize> {
    let line_start = match line {
        0 => return None,
        1 => 0,
        _ => text.match_indices('\n').nth(line - 2)?.0 + 1,
    };
    let within = text
        .get(line_start..)?
        .char_indices()
        .nth(column.saturating_sub(1))?
        .0;
    Some(line_start + within)
}
