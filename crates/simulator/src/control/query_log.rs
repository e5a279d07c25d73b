//! Each distinct statement that the org was asked, kept for readers of other makers.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::org::ApiError;
use crate::query::Statement;

/// Appends `{"language","text","term","texts"}`, or `{"language","text","refused"}` for what is no statement, one to a
/// line. Several simulators may write to one file.
#[derive(Debug)]
pub(crate) struct QueryLog {
    kept: Mutex<(File, HashSet<String>)>,
}

impl QueryLog {
    /// Opens the file, which is made when it is not there.
    pub(crate) fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self {
            kept: Mutex::new((file, HashSet::new())),
        })
    }

    /// Keeps a statement unless it was kept before. A file that cannot be written tells so on the log: a statement that
    /// is missing there must not pass for one that was checked.
    pub(crate) fn note(
        &self,
        language: &str,
        text: &str,
        read: impl Fn(&str) -> Result<Statement, ApiError>,
    ) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.1.insert(format!("{language} {text}")) {
            return;
        }
        let line = match read(text) {
            Ok(Statement { term, texts }) => {
                json!({"language": language, "text": text, "term": term, "texts": texts})
            }
            Err(error) => json!({"language": language, "text": text, "refused": error.message}),
        };
        // One write to a line: the lines of several programs do not mix.
        if let Err(error) = kept.0.write_all(ended(&line).as_bytes()) {
            tracing::error!(%error, "the query log cannot be written");
        }
    }
}

fn ended(line: &Value) -> String {
    format!("{line}\n")
}
