//! `/query`, `/queryAll` and their pages.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::errors;
use super::locators::{Kept, Locator};
use super::reply::{Answer, Reply};
use super::router::Context;
use crate::org::QueryRows;
use crate::query::read_soql;

/// Rows per page of a narrow select, and the most `batchSize` may ask for.
const PAGE_ROWS: usize = 2_000;
/// With one long text selected.
const PAGE_ROWS_ONE_LONG_TEXT: usize = 1_000;
/// With several, and the least `batchSize` may ask for.
const PAGE_ROWS_LONG_TEXTS: usize = 200;
/// Child rows that come with their record; the others have pages of their own.
const PAGE_ROWS_CHILDREN: usize = 200;

/// `GET /query?q=` and `/queryAll?q=`.
pub(crate) fn query(context: &Context<'_>, all_rows: bool) -> Answer {
    context.only(&["HEAD", "GET"])?;
    let Some(soql) = context.call.query_value("q") else {
        return Err(errors::refuse(
            400,
            "MALFORMED_QUERY",
            "A query string has to be specified",
        ));
    };
    if let Some(log) = &context.simulator.query_log {
        log.note("soql", soql, read_soql);
    }
    let org = &context.simulator.org;
    let rows = org
        .query(&context.caller, soql, all_rows, &context.version)
        .map_err(|error| errors::from_org(&error))?;
    if rows.is_aggregate && rows.total > PAGE_ROWS {
        return Err(errors::refuse(
            400,
            "EXCEEDED_ID_LIMIT",
            "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch",
        ));
    }
    Ok(page(context, &Arc::new(rows), 0, None))
}

/// `GET /query/<locator>`; serves queryAll locators as well.
pub(crate) fn more(context: &Context<'_>) -> Answer {
    context.only(&["HEAD", "GET"])?;
    let simulator = context.simulator;
    let settings = simulator.settings();
    let unknown = || {
        errors::refuse(
            settings.locator_error_status,
            "INVALID_QUERY_LOCATOR",
            "invalid query locator",
        )
    };
    let (id, offset) = context.parts[1]
        .rsplit_once('-')
        .and_then(|(id, offset)| Some((id, offset.parse::<usize>().ok()?)))
        .ok_or_else(unknown)?;
    let now_ms = simulator.clock.now_ms();
    let locator = simulator.locators().get(id, now_ms, settings.locator_ttl_ms);
    let locator = locator
        .filter(|locator| locator.user_id == context.caller.user_id)
        .ok_or_else(unknown)?;
    // A refresh under rotation ends the session that opened the result: no new token reads on, ever.
    if simulator.oauth().sessions.is_ended(&locator.token) {
        return Err(errors::session_invalid());
    }
    if offset >= locator.rows.total() {
        return Err(unknown());
    }
    Ok(match &locator.rows {
        Kept::Query(rows) => page(context, rows, offset, Some(id)),
        Kept::Children(rows) => Reply::json(200, children(context, rows, offset, Some(id))),
    })
}

/// The child rows `start …` of a record; those past one page are kept.
fn children(context: &Context<'_>, rows: &Arc<Vec<Value>>, start: usize, open: Option<&str>) -> Value {
    let end = start.saturating_add(PAGE_ROWS_CHILDREN).min(rows.len());
    let done = end == rows.len();
    let mut body = Map::new();
    body.insert("totalSize".to_owned(), Value::from(rows.len()));
    body.insert("done".to_owned(), Value::Bool(done));
    if !done {
        let id = open.map_or_else(|| keep(context, Kept::Children(Arc::clone(rows))), str::to_owned);
        let next = format!("{}/query/{id}-{end}", context.root());
        body.insert("nextRecordsUrl".to_owned(), Value::from(next));
    }
    body.insert(
        "records".to_owned(),
        Value::from(rows.get(start..end).unwrap_or_default()),
    );
    Value::Object(body)
}

/// Cuts the lists of child rows of a record to their first pages.
fn cut_children(context: &Context<'_>, record: &mut Value) {
    let fields = record.as_object_mut().into_iter().flatten();
    for (_, value) in fields.filter(|(_, value)| value.get("totalSize").is_some()) {
        if let Some(Value::Array(rows)) = value.get_mut("records").map(Value::take) {
            *value = children(context, &Arc::new(rows), 0, None);
        }
    }
}

fn keep(context: &Context<'_>, rows: Kept) -> String {
    let simulator = context.simulator;
    let tail = simulator.random.text(8);
    simulator.locators().open(
        Locator {
            rows,
            token: context.token.to_owned(),
            user_id: context.caller.user_id.clone(),
            opened_ms: simulator.clock.now_ms(),
        },
        &tail,
    )
}

fn page_rows(context: &Context<'_>, rows: &QueryRows) -> usize {
    let settings = context.simulator.settings();
    if let Some(size) = settings.page_size {
        return size.max(1);
    }
    let by_width = match rows.selected_long_text_fields {
        0 => PAGE_ROWS,
        1 => PAGE_ROWS_ONE_LONG_TEXT,
        _ => PAGE_ROWS_LONG_TEXTS,
    };
    let asked = context
        .call
        .header("sforce-query-options")
        .and_then(|text| {
            text.split([';', ',']).find_map(|pair| {
                let (name, value) = pair.split_once('=')?;
                name.trim()
                    .eq_ignore_ascii_case("batchSize")
                    .then(|| value.trim().parse::<usize>().ok())?
            })
        })
        .map_or(PAGE_ROWS, |size| size.clamp(PAGE_ROWS_LONG_TEXTS, PAGE_ROWS));
    let most = by_width.min(asked);
    if settings.random_short_pages {
        context.simulator.random.up_to(most)
    } else {
        most
    }
}

fn page(context: &Context<'_>, rows: &Arc<QueryRows>, start: usize, open: Option<&str>) -> Reply {
    let simulator = context.simulator;
    let size = if rows.is_aggregate {
        PAGE_ROWS
    } else {
        page_rows(context, rows)
    };
    let end = start.saturating_add(size).min(rows.total);
    let done = rows.is_count || end >= rows.total;
    let mut body = Map::new();
    body.insert("totalSize".to_owned(), Value::from(rows.total));
    body.insert("done".to_owned(), Value::Bool(done));
    if !done {
        let id = open.map_or_else(|| keep(context, Kept::Query(Arc::clone(rows))), str::to_owned);
        let next = format!("{}/query/{id}-{end}", context.root());
        body.insert("nextRecordsUrl".to_owned(), Value::from(next));
    }
    let mut records = if rows.is_count {
        Vec::new()
    } else {
        rows.page(&simulator.org, start, end - start)
    };
    for record in &mut records {
        cut_children(context, record);
    }
    body.insert("records".to_owned(), Value::Array(records));
    Reply::json(200, Value::Object(body))
}
