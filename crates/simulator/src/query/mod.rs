//! SOQL and SOSL: own lexer, parser and evaluator over the rows of an org.

mod aggregate;
mod ast;
mod error;
mod lexer;
mod output;
mod parser;
mod periods;
mod plan;
mod resolve;
mod run;
mod sosl;
mod statement;
mod test;

use std::sync::Arc;

use serde_json::Value;

use self::plan::{Node, Plan};
use self::resolve::Resolver;
use crate::org::state::{Row, State};
use crate::org::{ApiError, Caller, QueryRows};

pub(crate) use sosl::{parameterized_search, search};
pub use statement::{Statement, read_soql, read_sosl};

/// What a query found: rows still to be shaped, or aggregates already shaped.
#[derive(Debug)]
pub(crate) struct Found {
    plan: Plan,
    rows: Vec<Arc<Row>>,
    aggregates: Vec<Value>,
    version: String,
}

/// Runs SOQL as a user.
pub(crate) fn run(
    state: &State,
    caller: &Caller,
    soql: &str,
    all_rows: bool,
    version: &str,
    now_ms: i64,
) -> Result<QueryRows, ApiError> {
    let query = parser::parse(soql)?;
    let resolver = Resolver {
        state,
        user: State::user(caller),
        source: soql,
        now_ms,
        all_rows,
    };
    let plan = resolver.query(&query)?;
    let object = &state.tables[plan.place].object;
    let slots = || {
        plan.nodes.iter().filter_map(|node| match node {
            Node::Field { slot, .. } => Some(*slot),
            _ => None,
        })
    };
    let selected_fields = slots().count();
    let selected_long_text_fields = slots().filter(|&slot| object.fields[slot].is_long_text()).count();
    let object = object.name.clone();
    let found = run::rows(state, &plan);
    let mut aggregates = Vec::new();
    let total = if let Some(grouping) = &plan.grouping {
        aggregates = aggregate::run(state, &plan, grouping, &found)?;
        aggregates.len()
    } else {
        found.len()
    };
    let (is_count, is_aggregate) = (plan.is_count, plan.grouping.is_some());
    let rows = if is_count || is_aggregate {
        Vec::new()
    } else {
        found.into_iter().map(Arc::clone).collect()
    };
    Ok(QueryRows {
        total,
        is_count,
        is_aggregate,
        selected_long_text_fields,
        selected_fields,
        object,
        found: Found {
            plan,
            rows,
            aggregates,
            version: version.to_owned(),
        },
    })
}

/// Shapes a window of what a query found.
pub(crate) fn page(state: &State, found: &Found, start: usize, count: usize) -> Vec<Value> {
    if found.plan.grouping.is_some() {
        return found.aggregates.iter().skip(start).take(count).cloned().collect();
    }
    let from = start.min(found.rows.len());
    let to = start.saturating_add(count).min(found.rows.len());
    output::records(
        state,
        found.plan.place,
        &found.plan.nodes,
        &found.rows[from..to],
        &found.version,
    )
}

#[cfg(test)]
mod tests;
