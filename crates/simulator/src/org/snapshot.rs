//! Undoing a transaction: rows are shared pointers, so a snapshot costs one pointer per row.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Org;
use super::ids::RecordId;
use super::state::Row;

/// The rows of every table at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    tables: Vec<(Vec<Arc<Row>>, u64)>,
    recents: VecDeque<(RecordId, RecordId)>,
}

impl Org {
    /// Keeps the rows as they are. The caller keeps other writers out until it restores or forgets it.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.read();
        Snapshot {
            tables: state
                .tables
                .iter()
                .map(|table| (table.rows.clone(), table.next_serial))
                .collect(),
            recents: state.recents.clone(),
        }
    }

    /// Puts the rows back. The schema stays as it is now.
    pub(crate) fn restore(&self, snapshot: Snapshot) {
        let mut state = self.write();
        for (table, (rows, next_serial)) in state.tables.iter_mut().zip(snapshot.tables) {
            table.rows = rows;
            table.next_serial = next_serial;
        }
        state.recents = snapshot.recents;
    }
}
