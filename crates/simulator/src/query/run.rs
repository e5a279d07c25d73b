//! Finds the rows of a plan.

use std::collections::HashMap;
use std::sync::Arc;

use super::ast::Operator;
use super::plan::{Plan, Route};
use super::test::Test;
use crate::org::cell::Cell;
use crate::org::ids::RecordId;
use crate::org::schema::Kind;
use crate::org::state::{Row, State, Table};

/// The row numbers a filter on Id can be narrowed to: a range, or single rows.
enum Candidates {
    Range(usize, usize),
    Rows(Vec<usize>),
}

fn is_own_id(route: &Route, table: &Table) -> bool {
    route
        .own_slot()
        .is_some_and(|slot| table.object.fields[slot].kind == Kind::Id)
}

/// Rows are in id order, so tests on Id that every result must pass become positions.
fn candidates(table: &Table, filter: Option<&Test<Route>>) -> Candidates {
    let mut range = (0, table.rows.len());
    let mut narrow = |test: &Test<Route>| -> Option<Vec<usize>> {
        match test {
            Test::In {
                key,
                values,
                negated: false,
            } if is_own_id(key, table) => {
                let mut rows: Vec<usize> = values
                    .ids
                    .iter()
                    .filter_map(|id| table.position(*id).ok())
                    .collect();
                rows.sort_unstable();
                return Some(rows);
            }
            Test::Compare {
                key,
                operator,
                value: Cell::Id(id),
            } if is_own_id(key, table) => {
                let (found, at) = match table.position(*id) {
                    Ok(at) => (true, at),
                    Err(at) => (false, at),
                };
                match operator {
                    Operator::Equal => return Some(if found { vec![at] } else { Vec::new() }),
                    Operator::Greater => range.0 = range.0.max(at + usize::from(found)),
                    Operator::GreaterOrEqual => range.0 = range.0.max(at),
                    Operator::Less => range.1 = range.1.min(at),
                    Operator::LessOrEqual => range.1 = range.1.min(at + usize::from(found)),
                    Operator::NotEqual | Operator::Like => {}
                }
            }
            _ => {}
        }
        None
    };
    let single = match filter {
        Some(Test::And(tests)) => tests.iter().find_map(&mut narrow),
        Some(test) => narrow(test),
        None => None,
    };
    match single {
        Some(rows) => Candidates::Rows(rows),
        None => Candidates::Range(range.0, range.1.max(range.0)),
    }
}

/// Whether the rows come out right in table order, so that a search may stop at LIMIT.
fn in_table_order(table: &Table, plan: &Plan) -> bool {
    plan.order
        .first()
        .is_none_or(|key| !key.descending && is_own_id(&key.key, table))
}

/// The rows of a plan: filtered, sorted, cut by OFFSET and LIMIT.
pub(crate) fn rows<'a>(state: &'a State, plan: &Plan) -> Vec<&'a Arc<Row>> {
    let table = &state.tables[plan.place];
    let end = plan
        .limit
        .map_or(usize::MAX, |limit| limit.saturating_add(plan.offset));
    let ordered = in_table_order(table, plan);
    let passes = |row: &&'a Arc<Row>| {
        (plan.all_rows || !row.deleted)
            && plan
                .filter
                .as_ref()
                .is_none_or(|filter| filter.passes(&|route: &Route| route.cell(state, row)))
    };
    let enough = if ordered && plan.grouping.is_none() {
        end
    } else {
        usize::MAX
    };
    let mut found: Vec<&Arc<Row>> = match candidates(table, plan.filter.as_ref()) {
        Candidates::Range(from, to) => table.rows[from..to].iter().filter(passes).take(enough).collect(),
        Candidates::Rows(places) => places
            .into_iter()
            .map(|place| &table.rows[place])
            .filter(passes)
            .take(enough)
            .collect(),
    };
    if plan.grouping.is_some() {
        return found;
    }
    sort(state, plan, ordered, end, &mut found);
    found.truncate(end);
    found.drain(..plan.offset.min(found.len()));
    found
}

fn sort(state: &State, plan: &Plan, ordered: bool, end: usize, found: &mut Vec<&Arc<Row>>) {
    if ordered {
        return;
    }
    let order = |left: &&Arc<Row>, right: &&Arc<Row>| {
        plan.order
            .iter()
            .map(|key| key.order(key.key.cell(state, left), key.key.cell(state, right)))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| left.id.cmp(&right.id))
    };
    if end > 0 && end < found.len() {
        found.select_nth_unstable_by(end - 1, order);
        found.truncate(end);
    }
    found.sort_unstable_by(order);
}

/// Child rows by the parent they point at, each list cut and sorted by the child's own clauses.
pub(crate) fn children<'a>(
    state: &'a State,
    plan: &Plan,
    slot: usize,
    parents: &[Arc<Row>],
) -> HashMap<RecordId, Vec<&'a Arc<Row>>> {
    let table = &state.tables[plan.place];
    let mut lists: HashMap<RecordId, Vec<&Arc<Row>>> =
        parents.iter().map(|row| (row.id, Vec::new())).collect();
    for row in &table.rows {
        let Some(list) = row.cell(slot).as_id().and_then(|parent| lists.get_mut(&parent)) else {
            continue;
        };
        let passes = (plan.all_rows || !row.deleted)
            && plan
                .filter
                .as_ref()
                .is_none_or(|filter| filter.passes(&|route: &Route| route.cell(state, row)));
        if passes {
            list.push(row);
        }
    }
    let end = plan
        .limit
        .map_or(usize::MAX, |limit| limit.saturating_add(plan.offset));
    for list in lists.values_mut() {
        sort(state, plan, plan.order.is_empty(), end, list);
        list.truncate(end);
        list.drain(..plan.offset.min(list.len()));
    }
    lists
}
