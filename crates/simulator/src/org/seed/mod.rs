//! Deterministic rows that look like a real org's: unicode, gaps, zeros, equal timestamps, deleted rows.

mod draft;
mod fixed;
pub(crate) mod random;
mod sales;
mod service;
mod wide;
pub(crate) mod words;

use std::sync::Arc;

use self::draft::Draft;
use self::random::Random;
use super::cell::Cell;
use super::dml::derive;
use super::ids::RecordId;
use super::state::State;
use super::time::DAY_MS;

/// Builds the rows of an org.
struct Seeder {
    state: State,
    random: Random,
    /// Active standard users: who owns things.
    owners: Vec<RecordId>,
    accounts: Vec<RecordId>,
    /// Contact and its account.
    contacts: Vec<(RecordId, Option<RecordId>)>,
    leads: Vec<RecordId>,
    opportunities: Vec<RecordId>,
    campaigns: Vec<RecordId>,
}

/// Fills an empty org.
pub(crate) fn fill(state: State) -> State {
    let random = Random::new(state.options.seed);
    let mut seeder = Seeder {
        state,
        random,
        owners: Vec::new(),
        accounts: Vec::new(),
        contacts: Vec::new(),
        leads: Vec::new(),
        opportunities: Vec::new(),
        campaigns: Vec::new(),
    };
    fixed::fill(&mut seeder);
    sales::fill(&mut seeder);
    service::fill(&mut seeder);
    seeder.delete_share();
    seeder.state
}

/// The days on which the org was loaded in bulk: rows of one load share a timestamp to the second.
const LOAD_ROWS: usize = 48;

impl Seeder {
    /// When row `number` of an object was created and last changed. Half of the rows come from bulk loads.
    fn stamps(&mut self, number: usize) -> (i64, i64) {
        let now_ms = self.state.options.now_ms;
        let load = i64::try_from(number / LOAD_ROWS).unwrap_or(0);
        let loaded_ms = now_ms - 700 * DAY_MS + load * 3 * 3_600_000 + 37_000;
        if self.random.chance(55) && loaded_ms < now_ms {
            return (loaded_ms, loaded_ms);
        }
        let created_ms = now_ms - self.random.between(1, 700 * 1_440) * 60_000;
        let changed_ms = created_ms + self.random.between(0, (now_ms - created_ms) / 1_000) * 1_000;
        (created_ms, changed_ms)
    }

    /// Adds a row: stamps it, lets `fill` set its cells, derives what Salesforce derives.
    fn add(
        &mut self,
        object: &str,
        stamps: (i64, i64),
        fill: impl FnOnce(&mut Draft<'_>, &mut Random),
    ) -> Option<RecordId> {
        let place = self.state.place(object)?;
        let owner = self.random.pick(&self.owners).unwrap_or(self.state.admin);
        let admin = self.state.admin;
        let table = &self.state.tables[place];
        let mut draft = Draft::new(table);
        draft
            .moment("CreatedDate", stamps.0)
            .moment("LastModifiedDate", stamps.1)
            .moment("SystemModstamp", stamps.1)
            .id("CreatedById", Some(admin))
            .id("LastModifiedById", Some(admin))
            .id("OwnerId", Some(owner))
            .text(
                "CurrencyIsoCode",
                self.random.currency(self.state.options.multi_currency),
            );
        fill(&mut draft, &mut self.random);
        if self.state.options.every_field_kind {
            let rows = wide::Rows {
                accounts: &self.accounts,
                contacts: &self.contacts,
                users: &self.owners,
            };
            wide::fill(&mut draft, &mut self.random, &rows, self.state.options.now_ms);
        }
        let mut cells = draft.cells;
        derive::derive(&self.state, place, &mut cells, None, &[], stamps.0);
        Some(self.state.tables[place].push(cells))
    }

    /// The newest share of each object is in the recycle bin; only rows nothing points at are taken.
    fn delete_share(&mut self) {
        for (object, one_in) in [
            ("Account", 50),
            ("Contact", 40),
            ("Lead", 40),
            ("Opportunity", 50),
            ("Task", 30),
        ] {
            let Some(place) = self.state.place(object) else {
                continue;
            };
            let table = &mut self.state.tables[place];
            let deleted = table.rows.len() / one_in;
            let slot = table.object.slot("IsDeleted");
            for row in table.rows.iter_mut().rev().take(deleted) {
                let row = Arc::make_mut(row);
                row.deleted = true;
                if let Some(slot) = slot {
                    row.cells[slot] = Cell::Bool(true);
                }
            }
        }
    }

    /// How many of `count` seeded rows will not be deleted by [`Seeder::delete_share`].
    fn kept(count: usize, one_in: usize) -> usize {
        count - count / one_in
    }
}

#[cfg(test)]
mod tests;
