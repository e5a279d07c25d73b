//! From found rows to the JSON of records.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::plan::{Mode, Node};
use super::run;
use crate::org::cell::Cell;
use crate::org::ids::RecordId;
use crate::org::schema::{Field, Kind};
use crate::org::shape;
use crate::org::state::{Row, State, Table};

/// Child rows of a page, one map for each child query in the order of the nodes.
type Below<'a> = Vec<HashMap<RecordId, Vec<&'a Arc<Row>>>>;

/// Shapes rows of one object.
pub(crate) fn records(
    state: &State,
    place: usize,
    nodes: &[Node],
    rows: &[Arc<Row>],
    version: &str,
) -> Vec<Value> {
    let table = &state.tables[place];
    let below: Below<'_> = nodes
        .iter()
        .filter_map(|node| match node {
            Node::Child { slot, plan, .. } => Some(run::children(state, plan, *slot, rows)),
            _ => None,
        })
        .collect();
    let scene = Scene { state, version };
    rows.iter()
        .map(|row| scene.record(table, &table.object.name, row, nodes, &below))
        .collect()
}

struct Scene<'a> {
    state: &'a State,
    version: &'a str,
}

impl<'a> Scene<'a> {
    fn record(&self, table: &Table, named: &str, row: &Row, nodes: &[Node], below: &Below<'a>) -> Value {
        let mut out = Map::with_capacity(nodes.len() + 1);
        let mut attributes = shape::attributes(&table.object.name, row.id, self.version);
        if named != table.object.name {
            attributes["type"] = Value::String(named.to_owned());
        }
        out.insert("attributes".to_owned(), attributes);
        let mut child = 0;
        for node in nodes {
            let value = match node {
                Node::Field { slot, mode, .. } => self.field(table, row, *slot, *mode),
                Node::Any { slots, .. } => {
                    let place = self.state.place(&table.object.name);
                    let slot = slots
                        .iter()
                        .find(|(own, _)| Some(*own) == place)
                        .map(|(_, slot)| *slot);
                    slot.map_or(Value::Null, |slot| self.field(table, row, slot, Mode::Plain))
                }
                Node::Type { .. } => Value::String(table.object.name.clone()),
                Node::Parent {
                    slot,
                    polymorphic,
                    nodes,
                    ..
                } => self.parent(row, *slot, *polymorphic, nodes),
                Node::TypeOf {
                    slot,
                    whens,
                    otherwise,
                    ..
                } => self.type_of(row, *slot, whens, otherwise),
                Node::Child { plan, .. } => {
                    let list = below.get(child).and_then(|lists| lists.get(&row.id));
                    child += 1;
                    let rows: Vec<Arc<Row>> =
                        list.map_or_else(Vec::new, |list| list.iter().map(|row| Arc::clone(row)).collect());
                    if rows.is_empty() {
                        Value::Null
                    } else {
                        let records = records(self.state, plan.place, &plan.nodes, &rows, self.version);
                        json!({"totalSize": records.len(), "done": true, "records": records})
                    }
                }
            };
            out.insert(node.key().to_owned(), value);
        }
        Value::Object(out)
    }

    fn field(&self, table: &Table, row: &Row, slot: usize, mode: Mode) -> Value {
        let field = &table.object.fields[slot];
        match mode {
            Mode::Plain => shape::field(table, row, slot, self.version),
            Mode::Label => label(field, row.cell(slot)),
            Mode::Format => format(field, row.cell(slot)),
        }
    }

    /// A parent record, or null. Through a polymorphic reference Salesforce calls every parent `Name`.
    fn parent(&self, row: &Row, slot: usize, polymorphic: bool, nodes: &[Node]) -> Value {
        let found = row.cell(slot).as_id().and_then(|id| self.state.row(id));
        found.map_or(Value::Null, |(table, row)| {
            let named = if polymorphic {
                "Name"
            } else {
                table.object.name.as_str()
            };
            self.record(table, named, row, nodes, &Vec::new())
        })
    }

    fn type_of(&self, row: &Row, slot: usize, whens: &[(usize, Vec<Node>)], otherwise: &[Node]) -> Value {
        let Some((table, row)) = row.cell(slot).as_id().and_then(|id| self.state.row(id)) else {
            return Value::Null;
        };
        let place = self.state.place(&table.object.name);
        let nodes = whens
            .iter()
            .find(|(own, _)| Some(*own) == place)
            .map_or(otherwise, |(_, nodes)| nodes);
        self.record(table, &table.object.name, row, nodes, &Vec::new())
    }
}

fn label(field: &Field, cell: &Cell) -> Value {
    let Some(text) = cell.as_text() else {
        return cell.to_json();
    };
    let label = |value: &str| {
        let pick = field.picklist.iter().find(|pick| pick.value == value);
        pick.map_or_else(|| value.to_owned(), |pick| pick.label.clone())
    };
    Value::String(if field.kind == Kind::Multipicklist {
        text.split(';').map(label).collect::<Vec<String>>().join(";")
    } else {
        label(text)
    })
}

/// `FORMAT()` in the `en_US` locale: thousands commas, `M/D/YYYY`.
fn format(field: &Field, cell: &Cell) -> Value {
    let dated = |days: i64| {
        let (year, month, day) = crate::org::time::civil_from_days(days);
        format!("{month}/{day}/{year}")
    };
    let text = match cell {
        Cell::Int(_) | Cell::Number(_) => {
            let Some(number) = cell.as_f64() else {
                return Value::Null;
            };
            let scale = usize::try_from(field.scale).unwrap_or(0);
            let plain = format!("{:.scale$}", number.abs());
            let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
            let mut grouped = String::new();
            for (place, digit) in whole.chars().enumerate() {
                if place > 0 && (whole.len() - place).is_multiple_of(3) {
                    grouped.push(',');
                }
                grouped.push(digit);
            }
            let sign = if number < 0.0 { "-" } else { "" };
            let point = if fraction.is_empty() { "" } else { "." };
            let currency = if field.kind == Kind::Currency { "$" } else { "" };
            let percent = if field.kind == Kind::Percent { "%" } else { "" };
            format!("{sign}{currency}{grouped}{point}{fraction}{percent}")
        }
        Cell::Date(days) => dated(*days),
        Cell::DateTime(ms) => {
            let minutes = ms.rem_euclid(86_400_000) / 60_000;
            let (hour, half) = (minutes / 60, if minutes < 720 { "AM" } else { "PM" });
            format!(
                "{}, {}:{:02} {half}",
                dated(ms.div_euclid(86_400_000)),
                (hour + 11) % 12 + 1,
                minutes % 60
            )
        }
        other => return other.to_json(),
    };
    Value::String(text)
}
