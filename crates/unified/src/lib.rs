//! The pipeline: a unified request in, one provider call, a unified answer out.
//!
//! ```text
//! parameters → mapping (query) → soql → provider (send) → mapping (response) → page
//! ```
//!
//! Stages are pure or do I/O, never both: everything here but `read` and `write` is pure.

mod act;
mod batch;
mod body;
mod children;
mod cursor;
mod error;
mod field_picks;
mod filter;
mod keyset;
mod objects;
mod overrides;
mod parameters;
mod parts;
mod pipeline;
mod query;
mod read;
mod requested;
mod select;
mod terms;
mod upsert;
mod write;

pub use batch::{BatchAnswer, BatchRecord};
pub use error::{Error, Rejection};
pub use field_picks::{FieldPicks, PickMistake, PickableName, kind_words};
pub use parameters::Parameters;
pub use pipeline::{Answer, Outcome, Page, Unified};
pub use upsert::Upserted;

#[cfg(test)]
mod tests;
