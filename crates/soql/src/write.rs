//! The writer: the only code that turns values into SOQL and SOSL text.

mod condition;
mod query;
mod search;

#[cfg(test)]
mod tests;

use crate::{
    CHILD_DEPTH_MAX, CONDITION_DEPTH_MAX, LikePart, LikePattern, Literal, OFFSET_MAX,
    STATEMENT_CHARACTERS_MAX, TERM_CHARACTERS_MAX, TERM_CHARACTERS_MIN, TEXT_CHARACTERS_MAX,
};

/// Why a value cannot be written. Fields are named; the values they are compared with are not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The statement would be longer than the provider reads.
    #[error(
        "the statement is longer than {STATEMENT_CHARACTERS_MAX} characters: ask for fewer fields or values"
    )]
    StatementTooLong,
    /// One text is longer than the provider compares with.
    #[error("the text for {field} has {characters} characters: at most {TEXT_CHARACTERS_MAX} are allowed")]
    TextTooLong {
        /// The field that the text is compared with.
        field: String,
        /// How many characters the text has, in UTF-16 code units.
        characters: usize,
    },
    /// Conditions inside conditions inside conditions.
    #[error("the filter is nested deeper than {CONDITION_DEPTH_MAX} levels of AND, OR, NOT and semi-joins")]
    ConditionTooDeep,
    /// Child queries inside child queries.
    #[error("child queries are nested deeper than {CHILD_DEPTH_MAX} levels")]
    ChildrenTooDeep,
    /// A select list without items.
    #[error("{object}: nothing is selected: name at least one field")]
    NothingSelected {
        /// The object or child relationship.
        object: String,
    },
    /// `COUNT()` beside other items.
    #[error("{object}: COUNT() stands alone in a select list: remove it or the other items")]
    CountNotAlone {
        /// The object or child relationship.
        object: String,
    },
    /// Two different child queries over one relationship.
    #[error(
        "{relationship}: a relationship can be queried once in a select list: merge the two child queries"
    )]
    RelationshipTwice {
        /// The child relationship.
        relationship: String,
    },
    /// A multi-select value that would fall apart into two, or a set without values.
    #[error("{field}: a set of multi-select values needs at least one value, and no value may hold `;`")]
    PicklistSet {
        /// The field.
        field: String,
    },
    /// More rows to leave out than the provider can.
    #[error(
        "offset {offset} is too large: at most {OFFSET_MAX} rows can be left out, use a cursor to go further"
    )]
    OffsetTooLarge {
        /// The offset that was asked for.
        offset: u32,
    },
    /// Too little to search for.
    #[error("the search term has {characters} characters: at least {TERM_CHARACTERS_MIN} are needed")]
    TermTooShort {
        /// How many characters the term has, spaces around it left out.
        characters: usize,
    },
    /// Too much to search for.
    #[error(
        "the search term has {characters} characters once escaped: at most {TERM_CHARACTERS_MAX} are allowed"
    )]
    TermTooLong {
        /// How many characters the escaped term has, in UTF-16 code units.
        characters: usize,
    },
    /// A search that would answer rows of every object.
    #[error("a search names at least one object that it returns")]
    NothingReturned,
}

/// Text that grows no further than a statement may.
#[derive(Default)]
struct Writer {
    text: String,
    characters: usize,
}

impl Writer {
    fn push(&mut self, text: &str) -> Result<(), WriteError> {
        self.characters += characters_in(text);
        if self.characters > STATEMENT_CHARACTERS_MAX {
            return Err(WriteError::StatementTooLong);
        }
        self.text.push_str(text);
        Ok(())
    }

    fn literal(&mut self, field: &str, literal: &Literal) -> Result<(), WriteError> {
        match literal {
            Literal::Null => self.push("null"),
            Literal::Boolean(true) => self.push("TRUE"),
            Literal::Boolean(false) => self.push("FALSE"),
            Literal::Integer(number) => self.push(&number.to_string()),
            Literal::Decimal(number) => self.push(number.as_str()),
            Literal::Date(date) => self.push(date.as_str()),
            Literal::DateTime(moment) => self.push(moment.as_str()),
            Literal::DateLiteral(literal) => self.push(&literal.to_string()),
            Literal::Text(text) => self.quoted(field, text),
        }
    }

    fn quoted(&mut self, field: &str, text: &str) -> Result<(), WriteError> {
        check_text_length(field, characters_in(text))?;
        let mut quoted = String::with_capacity(text.len() + 2);
        quoted.push('\'');
        escape_into(&mut quoted, text);
        quoted.push('\'');
        self.push(&quoted)
    }

    fn pattern(&mut self, field: &str, pattern: &LikePattern) -> Result<(), WriteError> {
        let length = |part: &LikePart| match part {
            LikePart::Text(text) => characters_in(text),
            LikePart::AnyRun | LikePart::AnyOne => 1,
        };
        check_text_length(field, pattern.parts().iter().map(length).sum())?;
        let mut quoted = String::from("'");
        for part in pattern.parts() {
            match part {
                LikePart::AnyRun => quoted.push('%'),
                LikePart::AnyOne => quoted.push('_'),
                LikePart::Text(text) => {
                    for piece in text.split_inclusive(['%', '_']) {
                        let (plain, wildcard) = match piece.strip_suffix(['%', '_']) {
                            Some(plain) => (plain, piece.get(plain.len()..)),
                            None => (piece, None),
                        };
                        escape_into(&mut quoted, plain);
                        if let Some(wildcard) = wildcard {
                            quoted.push('\\');
                            quoted.push_str(wildcard);
                        }
                    }
                }
            }
        }
        quoted.push('\'');
        self.push(&quoted)
    }
}

/// The provider counts as Java does, so a character outside the basic plane counts as two.
fn characters_in(text: &str) -> usize {
    text.encode_utf16().count()
}

fn check_text_length(field: &str, characters: usize) -> Result<(), WriteError> {
    if characters > TEXT_CHARACTERS_MAX {
        return Err(WriteError::TextTooLong {
            field: field.to_owned(),
            characters,
        });
    }
    Ok(())
}

/// Writes what stands between the quotes. Only the quote and the backslash could end or bend a literal; control
/// characters are escaped so that a statement is one line and survives every transport.
fn escape_into(quoted: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '\\' => quoted.push_str("\\\\"),
            '\'' => quoted.push_str("\\'"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            // All control characters lie below U+00A0, so four digits hold them.
            control if control.is_control() => {
                quoted.extend(format!("\\u{:04X}", u32::from(control)).chars());
            }
            plain => quoted.push(plain),
        }
    }
}
