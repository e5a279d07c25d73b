//! A row on its way into a table.

use super::super::cell::Cell;
use super::super::ids::RecordId;
use super::super::schema::{Field, Kind};
use super::super::state::Table;

/// A row being filled. Fields the org does not have are skipped, so one filler serves every org.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    table: &'a Table,
    pub(super) cells: Vec<Cell>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(table: &'a Table) -> Self {
        Self {
            table,
            cells: table.blank(),
        }
    }

    fn put(&mut self, field: &str, cell: Cell) -> &mut Self {
        self.table.put(&mut self.cells, field, cell);
        self
    }

    /// Text; an empty text is kept as empty text only for custom fields, else it is null.
    pub(super) fn text(&mut self, field: &str, text: &str) -> &mut Self {
        let null = text.is_empty() && !field.ends_with("__c");
        self.put(field, if null { Cell::Null } else { Cell::text(text) })
    }

    pub(super) fn int(&mut self, field: &str, number: i64) -> &mut Self {
        self.put(field, Cell::Int(number))
    }

    pub(super) fn number(&mut self, field: &str, number: f64) -> &mut Self {
        self.put(field, Cell::Number(number))
    }

    pub(super) fn flag(&mut self, field: &str, value: bool) -> &mut Self {
        self.put(field, Cell::Bool(value))
    }

    pub(super) fn date(&mut self, field: &str, days: i64) -> &mut Self {
        self.put(field, Cell::Date(days))
    }

    pub(super) fn moment(&mut self, field: &str, ms: i64) -> &mut Self {
        self.put(field, Cell::DateTime(ms - ms.rem_euclid(1_000)))
    }

    pub(super) fn id(&mut self, field: &str, id: Option<RecordId>) -> &mut Self {
        self.put(field, id.map_or(Cell::Null, Cell::Id))
    }

    /// The fields of this table.
    pub(super) fn fields(&self) -> &'a [Field] {
        &self.table.object.fields
    }

    /// The values of a picklist of this table.
    pub(super) fn choices(&self, field: &str) -> Vec<String> {
        self.table.object.slot(field).map_or_else(Vec::new, |slot| {
            let field = &self.table.object.fields[slot];
            debug_assert!(matches!(
                field.kind,
                Kind::Picklist | Kind::Multipicklist | Kind::Combobox
            ));
            field.picklist.iter().map(|pick| pick.value.clone()).collect()
        })
    }
}
