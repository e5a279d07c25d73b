//! Query locators: a result kept on the server, read page by page by the session that opened it.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use crate::org::QueryRows;

/// The rows of a kept result.
#[derive(Debug, Clone)]
pub(crate) enum Kept {
    /// Of a query: shaped page by page.
    Query(Arc<QueryRows>),
    /// Of a child relationship of one record.
    Children(Arc<Vec<Value>>),
}

impl Kept {
    /// How many there are.
    pub(crate) fn total(&self) -> usize {
        match self {
            Self::Query(rows) => rows.total,
            Self::Children(rows) => rows.len(),
        }
    }
}

/// One kept result.
#[derive(Debug, Clone)]
pub(crate) struct Locator {
    /// The rows.
    pub(crate) rows: Kept,
    /// Access token of the session that opened it.
    pub(crate) token: String,
    /// Its user.
    pub(crate) user_id: String,
    /// When, Unix milliseconds.
    pub(crate) opened_ms: i64,
}

/// Every kept result, by 18-character id.
#[derive(Debug, Default)]
pub(crate) struct Locators {
    by_id: HashMap<String, Locator>,
    last: u64,
}

impl Locators {
    /// Keeps a result and gives its id (`0r8…`).
    pub(crate) fn open(&mut self, locator: Locator, tail: &str) -> String {
        self.last += 1;
        let id = eighteen(&format!("0r8xx{:04}{}", self.last % 10_000, tail));
        self.by_id.insert(id.clone(), locator);
        id
    }

    /// The result of an id, if it has been kept and is not too old. Old ones are dropped.
    pub(crate) fn get(&mut self, id: &str, now_ms: i64, ttl_ms: i64) -> Option<Locator> {
        self.by_id
            .retain(|_, locator| now_ms < locator.opened_ms.saturating_add(ttl_ms));
        self.by_id.get(id).cloned()
    }
}

/// The 18-character form of the first 15 characters of an id.
fn eighteen(id: &str) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    let mut text: String = id.chars().take(15).collect();
    let suffix: String = text
        .as_bytes()
        .chunks(5)
        .map(|chunk| {
            let bits = chunk
                .iter()
                .enumerate()
                .filter(|(_, byte)| byte.is_ascii_uppercase())
                .fold(0_usize, |bits, (index, _)| bits | 1 << index);
            char::from(LETTERS[bits % LETTERS.len()])
        })
        .collect();
    text.push_str(&suffix);
    text
}
