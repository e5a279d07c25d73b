//! A query value written as SOQL or SOSL text that cannot be injected into.
//!
//! SOQL has no bound parameters: the statement is text, and the only defence is to build that text from typed
//! parts. This crate is that builder, and the only place where a caller's text becomes SOQL or SOSL.
//!
//! - Values to text: [`Query::to_soql`] and [`Search::to_sosl`]. Names are checked when they are made
//!   ([`Identifier`], [`FieldPath`]), literals are typed ([`Literal`]), texts are escaped when written. No part of
//!   a value holds text that is copied into the statement as it is.
//! - Text to values: [`parse_condition`], [`parse_order_by`], [`parse_query`] and [`parse_search`] read what a
//!   mapping document answered, so that it too is written by the writer above and by nothing else.
//! - [`check_caller_text`] looks at a text that a mapping built by joining strings and refuses it where a value of
//!   the caller reaches the structure of the statement.
//!
//! The crate is pure: no I/O, no clock, no logging. Errors hold positions, names and limits and never the value of
//! a literal, so they may be logged and shown.
//!
//! Sources: SOQL and SOSL Reference, "Quoted String Escape Sequences", "Date Formats and Date
//! Literals", "SOQL SELECT Syntax", and SOSL's `FIND {SearchQuery}`.

mod caller_text;
mod condition;
mod date_literal;
mod like;
mod literal;
mod name;
mod query;
mod read;
mod search;
mod write;

pub use caller_text::check_caller_text;
pub use condition::{Comparison, Condition};
pub use date_literal::DateLiteral;
pub use like::{LikePart, LikePattern};
pub use literal::{DateText, DateTimeText, DecimalText, InvalidLiteral, Literal};
pub use name::{FieldPath, Identifier, InvalidName};
pub use query::{Direction, Function, Nulls, Order, Query, SelectItem};
pub use read::{ReadError, parse_condition, parse_order_by, parse_query, parse_search};
pub use search::{Returning, Scope, Search};
pub use write::WriteError;

/// The longest statement, in characters (UTF-16 code units, as the provider counts). Source: SOQL limits.
pub const STATEMENT_CHARACTERS_MAX: usize = 100_000;

/// The longest text of one literal, in characters (UTF-16 code units) before escaping. Source: SOQL limits.
pub const TEXT_CHARACTERS_MAX: usize = 4_000;

/// The largest `OFFSET`, in rows; the provider answers `NUMBER_OUTSIDE_VALID_RANGE` above it.
pub const OFFSET_MAX: u32 = 2_000;

/// How deep `And`, `Or`, `Not` and semi-joins may be nested in a condition that is written.
pub const CONDITION_DEPTH_MAX: usize = 32;

/// How deep child queries may be nested, in levels below the outer query.
pub const CHILD_DEPTH_MAX: usize = 5;

/// The shortest search term, in characters; the provider answers `MALFORMED_SEARCH` below it.
pub const TERM_CHARACTERS_MIN: usize = 2;

/// The longest search term once escaped, in characters (UTF-16 code units); the provider gives longer ones another
/// meaning (above 4,000 it drops operators, above 10,000 it finds nothing).
pub const TERM_CHARACTERS_MAX: usize = 4_000;
