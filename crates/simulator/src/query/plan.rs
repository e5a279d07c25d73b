//! A statement whose names are resolved to tables and slots.

use super::test::Test;
use crate::org::cell::{Cell, NULL};
use crate::org::schema::Kind;
use crate::org::state::{Row, State};

/// What a path ends in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Leaf {
    /// A field of a known object.
    Slot(usize),
    /// A field of whichever object a polymorphic reference points at: `(table, slot)` of each.
    Any(Vec<(usize, usize)>),
    /// `Owner.Type`: the object's name.
    Type,
}

/// How to reach a value from a row: up these reference slots, then the leaf.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Route {
    pub(crate) steps: Vec<usize>,
    pub(crate) leaf: Leaf,
    pub(crate) kind: Kind,
    /// Canonical name of the last part, the label of a column.
    pub(crate) name: String,
    /// Table of the last part when there is one.
    pub(crate) place: Option<usize>,
}

impl Route {
    /// The value for a row of the plan's object; null where a parent is missing.
    pub(crate) fn cell<'a>(&self, state: &'a State, row: &'a Row) -> &'a Cell {
        let mut row = row;
        let mut table = None;
        for &step in &self.steps {
            let Some(found) = row.cell(step).as_id().and_then(|id| state.row(id)) else {
                return &NULL;
            };
            table = Some(found.0);
            row = found.1;
        }
        match &self.leaf {
            Leaf::Slot(slot) => row.cell(*slot),
            Leaf::Type => table.map_or(&NULL, |table| &table.type_cell),
            Leaf::Any(slots) => table
                .and_then(|table| state.place(&table.object.name))
                .and_then(|place| slots.iter().find(|(own, _)| *own == place))
                .map_or(&NULL, |(_, slot)| row.cell(*slot)),
        }
    }

    /// A field of the plan's own object.
    pub(crate) fn own_slot(&self) -> Option<usize> {
        match self.leaf {
            Leaf::Slot(slot) if self.steps.is_empty() => Some(slot),
            _ => None,
        }
    }
}

/// How a selected value is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Plain,
    /// `toLabel()`
    Label,
    /// `FORMAT()`
    Format,
}

/// One key of an output record.
#[derive(Debug)]
pub(crate) enum Node {
    Field {
        key: String,
        slot: usize,
        mode: Mode,
    },
    Any {
        key: String,
        slots: Vec<(usize, usize)>,
    },
    Type {
        key: String,
    },
    Parent {
        key: String,
        slot: usize,
        polymorphic: bool,
        nodes: Vec<Node>,
    },
    Child {
        key: String,
        slot: usize,
        plan: Box<Plan>,
    },
    TypeOf {
        key: String,
        slot: usize,
        whens: Vec<(usize, Vec<Node>)>,
        otherwise: Vec<Node>,
    },
}

impl Node {
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Field { key, .. }
            | Self::Any { key, .. }
            | Self::Type { key }
            | Self::Parent { key, .. }
            | Self::Child { key, .. }
            | Self::TypeOf { key, .. } => key,
        }
    }
}

/// One key of ORDER BY.
#[derive(Debug)]
pub(crate) struct Sort<K> {
    pub(crate) key: K,
    pub(crate) descending: bool,
    pub(crate) nulls_last: bool,
}

impl<K> Sort<K> {
    /// Orders two values under this key.
    pub(crate) fn order(&self, left: &Cell, right: &Cell) -> std::cmp::Ordering {
        if left.is_null() != right.is_null() {
            // Nulls come first whatever the direction, unless the statement says NULLS LAST.
            let null_first = right.is_null().cmp(&left.is_null());
            return if self.nulls_last {
                null_first.reverse()
            } else {
                null_first
            };
        }
        let order = left.compare(right);
        if self.descending { order.reverse() } else { order }
    }
}

/// What an aggregate computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Count,
    CountDistinct,
    Sum,
    Average,
    Minimum,
    Maximum,
}

/// One computed or grouped column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Column {
    Group(Route),
    /// `None` = `COUNT()` over rows.
    Aggregate(Function, Option<Route>),
}

/// GROUP BY and its columns.
#[derive(Debug)]
pub(crate) struct Grouping {
    pub(crate) by: Vec<Route>,
    /// Printed columns first, then those only HAVING and ORDER BY name.
    pub(crate) columns: Vec<Column>,
    /// Keys of the printed columns.
    pub(crate) keys: Vec<String>,
    pub(crate) having: Option<Test<usize>>,
    pub(crate) order: Vec<Sort<usize>>,
}

/// A resolved statement.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) place: usize,
    pub(crate) nodes: Vec<Node>,
    pub(crate) filter: Option<Test<Route>>,
    pub(crate) order: Vec<Sort<Route>>,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: usize,
    pub(crate) is_count: bool,
    pub(crate) grouping: Option<Grouping>,
    pub(crate) all_rows: bool,
}
