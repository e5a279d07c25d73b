//! Groups rows and computes their aggregates.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::plan::{Column, Function, Grouping, Plan, Route};
use crate::org::ApiError;
use crate::org::cell::Cell;
use crate::org::state::{Row, State};

/// Most groups one query may answer with: aggregate results have no pages.
const MOST_GROUPS: usize = 2_000;

fn identity(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.to_lowercase(),
        other => other.to_json().to_string(),
    }
}

/// The `AggregateResult` rows of a plan.
pub(crate) fn run(
    state: &State,
    plan: &Plan,
    grouping: &Grouping,
    rows: &[&Arc<Row>],
) -> Result<Vec<Value>, ApiError> {
    let mut places: HashMap<Vec<String>, usize> = HashMap::new();
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    for row in rows {
        let key: Vec<String> = grouping
            .by
            .iter()
            .map(|route| identity(route.cell(state, row)))
            .collect();
        let place = *places.entry(key).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(row);
    }
    // Without GROUP BY there is one group, empty or not.
    if grouping.by.is_empty() && groups.is_empty() {
        groups.push(Vec::new());
    }
    let mut results: Vec<Vec<Cell>> = groups
        .iter()
        .map(|group| {
            grouping
                .columns
                .iter()
                .map(|column| compute(state, column, group))
                .collect()
        })
        .collect();
    if let Some(having) = &grouping.having {
        results.retain(|cells: &Vec<Cell>| having.passes(&|key: &usize| &cells[*key]));
    }
    results.sort_by(|left, right| {
        let by_keys = grouping
            .order
            .iter()
            .map(|key| key.order(&left[key.key], &right[key.key]));
        let rest = left.iter().zip(right).map(|(left, right)| left.compare(right));
        by_keys
            .chain(rest)
            .find(|order| order.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    let kept = results
        .into_iter()
        .skip(plan.offset)
        .take(plan.limit.unwrap_or(usize::MAX));
    let results: Vec<Value> = kept.map(|cells| shaped(grouping, &cells)).collect();
    if results.len() > MOST_GROUPS {
        return Err(ApiError::plain(
            "EXCEEDED_ID_LIMIT",
            "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch",
        ));
    }
    Ok(results)
}

fn shaped(grouping: &Grouping, cells: &[Cell]) -> Value {
    let mut out = Map::with_capacity(grouping.keys.len() + 1);
    out.insert("attributes".to_owned(), json!({"type": "AggregateResult"}));
    for (key, cell) in grouping.keys.iter().zip(cells) {
        out.insert(key.clone(), cell.to_json());
    }
    Value::Object(out)
}

fn count(number: usize) -> Cell {
    Cell::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn compute(state: &State, column: &Column, group: &[&Row]) -> Cell {
    let (function, route) = match column {
        Column::Group(route) => {
            return group
                .first()
                .map_or(Cell::Null, |row| route.cell(state, row).clone());
        }
        Column::Aggregate(_, None) => return count(group.len()),
        Column::Aggregate(function, Some(route)) => (*function, route),
    };
    let present = values(state, route, group);
    match function {
        Function::Count => count(present.len()),
        Function::CountDistinct => count(
            present
                .iter()
                .map(|cell| identity(cell))
                .collect::<HashSet<String>>()
                .len(),
        ),
        Function::Minimum => present
            .into_iter()
            .min_by(|left, right| left.compare(right))
            .cloned()
            .unwrap_or(Cell::Null),
        Function::Maximum => present
            .into_iter()
            .max_by(|left, right| left.compare(right))
            .cloned()
            .unwrap_or(Cell::Null),
        Function::Sum | Function::Average => {
            let numbers: Vec<f64> = present.into_iter().filter_map(Cell::as_f64).collect();
            if numbers.is_empty() {
                return Cell::Null;
            }
            let sum: f64 = numbers.iter().sum();
            #[expect(clippy::cast_precision_loss, reason = "a count of rows stays far below 2^53")]
            let mean = sum / numbers.len() as f64;
            Cell::Number(if function == Function::Sum { sum } else { mean })
        }
    }
}

fn values<'a>(state: &'a State, route: &Route, group: &[&'a Row]) -> Vec<&'a Cell> {
    group
        .iter()
        .map(|row| route.cell(state, row))
        .filter(|cell| !cell.is_null())
        .collect()
}
