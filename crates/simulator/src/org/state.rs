//! Tables, rows and who may see which field: what the lock of an org guards.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use super::cell::Cell;
use super::ids::RecordId;
use super::schema::{self, Field, Kind, Object};
use super::types::{ApiError, Caller, OrgOptions};

/// One record. `cells` runs parallel to [`Object::fields`].
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: RecordId,
    pub(crate) deleted: bool,
    pub(crate) cells: Vec<Cell>,
}

impl Row {
    /// The cell at a slot; a field added after the row was shaped reads as null.
    pub(crate) fn cell(&self, slot: usize) -> &Cell {
        self.cells.get(slot).unwrap_or(&super::cell::NULL)
    }
}

/// For whom a field is hidden.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hidden {
    pub(crate) everyone: bool,
    pub(crate) users: HashSet<RecordId>,
}

/// Refuses a row whose field ends up equal to a value.
#[derive(Debug, Clone)]
pub(crate) struct ValidationRule {
    pub(crate) slot: usize,
    pub(crate) value: Value,
    pub(crate) message: String,
    pub(crate) error_field: Option<String>,
}

/// An object with its rows, in id order.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) object: Object,
    pub(crate) rows: Vec<Arc<Row>>,
    pub(crate) next_serial: u64,
    pub(crate) hidden: HashMap<usize, Hidden>,
    pub(crate) rules: Vec<ValidationRule>,
    /// The duplicate rule is on; the value is its `allowSave`.
    pub(crate) duplicate_rule: Option<bool>,
    /// The object's name as a cell: what `Owner.Type` reads.
    pub(crate) type_cell: Cell,
    /// Who an active assignment rule gives new rows to.
    pub(crate) assignee: Option<RecordId>,
}

impl Table {
    /// Where in `rows` an id is, or would be.
    pub(crate) fn position(&self, id: RecordId) -> Result<usize, usize> {
        self.rows.binary_search_by(|row| row.id.cmp(&id))
    }

    /// The row of an id, deleted or not.
    pub(crate) fn row(&self, id: RecordId) -> Option<&Arc<Row>> {
        self.position(id).ok().map(|place| &self.rows[place])
    }

    /// Rows that are not deleted.
    pub(crate) fn live_rows(&self) -> impl Iterator<Item = &Arc<Row>> {
        self.rows.iter().filter(|row| !row.deleted)
    }

    /// Whether this user may see the field at a slot.
    pub(crate) fn sees(&self, user: Option<RecordId>, slot: usize) -> bool {
        self.hidden.is_empty()
            || self.hidden.get(&slot).is_none_or(|hidden| {
                !hidden.everyone && user.is_none_or(|user| !hidden.users.contains(&user))
            })
    }

    /// A visible field by API name without case.
    pub(crate) fn visible_slot(&self, user: Option<RecordId>, name: &str) -> Option<usize> {
        self.object.slot(name).filter(|&slot| self.sees(user, slot))
    }

    /// Visible fields with their slots.
    pub(crate) fn visible_fields(&self, user: Option<RecordId>) -> impl Iterator<Item = (usize, &Field)> {
        self.object
            .live_fields()
            .filter(move |(slot, _)| self.sees(user, *slot))
    }

    /// A row of nulls, false for checkboxes.
    pub(crate) fn blank(&self) -> Vec<Cell> {
        let blank = |field: &Field| {
            if field.kind == Kind::Boolean && !field.removed {
                Cell::Bool(false)
            } else {
                Cell::Null
            }
        };
        self.object.fields.iter().map(blank).collect()
    }

    /// Sets a cell by field name; unknown names (fields the org does not have) are skipped.
    pub(crate) fn put(&self, cells: &mut [Cell], field: &str, cell: Cell) {
        if let Some(slot) = self.object.slot(field) {
            cells[slot] = cell;
        }
    }

    /// Reads a cell by field name; null for a field the org does not have.
    pub(crate) fn get<'a>(&self, cells: &'a [Cell], field: &str) -> &'a Cell {
        self.object
            .slot(field)
            .and_then(|slot| cells.get(slot))
            .unwrap_or(&super::cell::NULL)
    }

    /// Appends a row under the next id, stamping `Id` and `IsDeleted`.
    pub(crate) fn push(&mut self, mut cells: Vec<Cell>) -> RecordId {
        self.next_serial += 1;
        let id = RecordId::from_serial(self.object.prefix(), self.next_serial);
        self.put(&mut cells, "Id", Cell::Id(id));
        self.rows.push(Arc::new(Row {
            id,
            deleted: false,
            cells,
        }));
        id
    }
}

/// Everything behind the lock.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) options: OrgOptions,
    pub(crate) tables: Vec<Table>,
    by_name: HashMap<String, usize>,
    by_prefix: HashMap<[u8; 3], usize>,
    pub(crate) organization: RecordId,
    pub(crate) admin: RecordId,
    /// Newest last: who wrote which row.
    pub(crate) recents: VecDeque<(RecordId, RecordId)>,
}

impl State {
    /// Empty tables of the objects these options give.
    pub(crate) fn new(options: OrgOptions) -> Self {
        let tables: Vec<Table> = schema::objects(&options)
            .into_iter()
            .map(|object| Table {
                // Ids of one org start at a number that depends on the seed: two orgs do not share ids.
                next_serial: (options.seed % 9_973) * 916_132_832 + 3_844,
                type_cell: Cell::text(&object.name),
                object,
                rows: Vec::new(),
                hidden: HashMap::new(),
                rules: Vec::new(),
                duplicate_rule: None,
                assignee: None,
            })
            .collect();
        let places = || tables.iter().enumerate();
        let mut by_name: HashMap<String, usize> = places()
            .map(|(place, table)| (table.object.name.to_ascii_lowercase(), place))
            .collect();
        // A note is a document under the same id: it answers to both names.
        if let Some(&notes) = by_name.get("contentnote") {
            by_name.insert("contentdocument".to_owned(), notes);
        }
        let by_prefix = places()
            .map(|(place, table)| (table.object.prefix(), place))
            .collect();
        let nobody = RecordId::from_serial(*b"000", 0);
        Self {
            options,
            tables,
            by_name,
            by_prefix,
            organization: nobody,
            admin: nobody,
            recents: VecDeque::new(),
        }
    }

    /// Place of a table by API name without case.
    pub(crate) fn place(&self, object: &str) -> Option<usize> {
        self.by_name.get(&object.to_ascii_lowercase()).copied()
    }

    /// Place of the table an id belongs to.
    pub(crate) fn place_of(&self, id: RecordId) -> Option<usize> {
        self.by_prefix.get(&id.prefix()).copied()
    }

    /// The table of an object name.
    pub(crate) fn table(&self, object: &str) -> Option<&Table> {
        self.place(object).map(|place| &self.tables[place])
    }

    /// The table of an object, or Salesforce's 404.
    pub(crate) fn require(&self, object: &str) -> Result<usize, ApiError> {
        self.place(object).ok_or_else(ApiError::not_found)
    }

    /// The row of an id of any object, deleted or not.
    pub(crate) fn row(&self, id: RecordId) -> Option<(&Table, &Arc<Row>)> {
        let table = &self.tables[self.place_of(id)?];
        table.row(id).map(|row| (table, row))
    }

    /// The id of a caller; `None` when it is no id, which then sees what everyone sees.
    pub(crate) fn user(caller: &Caller) -> Option<RecordId> {
        RecordId::parse(&caller.user_id)
    }

    /// Notes that a user wrote a row.
    pub(crate) fn note_recent(&mut self, user: RecordId, id: RecordId) {
        self.recents.retain(|entry| *entry != (user, id));
        if self.recents.len() >= 1_000 {
            self.recents.pop_front();
        }
        self.recents.push_back((user, id));
    }
}
