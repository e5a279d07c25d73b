//! `POST /crm/v3/objects/{object}/search`.

mod filter;

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

use self::filter::{Filter, comparable};
use super::errors::{self, Fault};
use super::objects::Object;
use super::portal::{Data, Record};
use super::{Context, Outcome, render, values};
use crate::http::reply::Reply;

/// Records of a page when the caller does not say.
const PAGE: usize = 10;
/// Most records of a page.
const PAGE_MAX: usize = 200;
/// No page goes past this many records.
const REACH: usize = 10_000;
const GROUPS_MAX: usize = 5;
const FILTERS_PER_GROUP_MAX: usize = 6;
const FILTERS_MAX: usize = 18;
/// Characters of `query`.
const QUERY_MAX_CHARS: usize = 3_000;

/// A checked request.
struct Query {
    groups: Vec<Vec<Filter>>,
    /// Property and whether the largest comes first.
    sort: Option<(String, bool)>,
    words: Vec<String>,
    properties: Vec<String>,
    limit: usize,
    after: usize,
}

/// Serves a search. Every write is found at once; the real index lags by some seconds.
pub(super) fn search(context: &Context<'_>, object: Object) -> Outcome {
    context.needs_object(object, "read")?;
    let body = context.body()?;
    let data = context.simulator.portal.data();
    let query = read(&data, object, &body)?;
    let mut found: Vec<&Record> = data
        .records(object)
        .values()
        .filter(|record| record.archived_ms.is_none())
        .filter(|record| query.matches(&data, object, record))
        .collect();
    found.sort_by(|one, other| query.order(&data, object, one, other));
    let names = render::names(&data, object, &query.properties);
    let page = found.iter().skip(query.after).take(query.limit);
    let results: Vec<Value> = page
        .map(|record| render::record(&data, object, record, &names))
        .collect();
    let mut answer = json!({"total": found.len(), "results": results});
    let next = query.after + query.limit;
    if next < found.len() {
        answer["paging"] = json!({"next": {"after": next.to_string()}});
    }
    Ok(Reply::json(200, answer))
}

fn whole(value: Option<&Value>, default: usize) -> Result<usize, Fault> {
    match value {
        None | Some(Value::Null) => Ok(default),
        Some(value) => values::text_of(value)
            .filter(|text| !text.is_empty())
            .map_or(Ok(default), |text| text.parse().map_err(|_| errors::problem())),
    }
}

fn list<'a>(body: &'a Map<String, Value>, key: &str) -> Result<&'a [Value], Fault> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(errors::invalid(format!(
            "Invalid input JSON: {key} must be a list"
        ))),
    }
}

fn read(data: &Data, object: Object, body: &Map<String, Value>) -> Result<Query, Fault> {
    let groups = list(body, "filterGroups")?
        .iter()
        .map(|group| {
            let filters = group["filters"].as_array().ok_or_else(errors::problem)?;
            filters
                .iter()
                .map(|filter| Filter::read(data, object, filter))
                .collect::<Result<Vec<_>, _>>()
        })
        .collect::<Result<Vec<_>, _>>()?;
    check_size(&groups)?;
    let limit = whole(body.get("limit"), PAGE)?;
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(errors::invalid(format!(
            "limit must be between 1 and {PAGE_MAX}, got {limit}"
        )));
    }
    let after = whole(body.get("after"), 0)?;
    if after.saturating_add(limit) > REACH {
        return Err(errors::problem());
    }
    let text = body.get("query").and_then(Value::as_str).unwrap_or("");
    if text.chars().count() > QUERY_MAX_CHARS {
        return Err(errors::invalid(format!(
            "query must have at most {QUERY_MAX_CHARS} characters"
        )));
    }
    Ok(Query {
        groups,
        sort: read_sort(data, object, list(body, "sorts")?)?,
        words: text
            .to_lowercase()
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
        properties: list(body, "properties")?
            .iter()
            .filter_map(values::text_of)
            .collect(),
        limit,
        after,
    })
}

fn check_size(groups: &[Vec<Filter>]) -> Result<(), Fault> {
    let all: usize = groups.iter().map(Vec::len).sum();
    let message = if groups.len() > GROUPS_MAX {
        format!("too many filterGroups: {} of at most {GROUPS_MAX}", groups.len())
    } else if groups.iter().any(|group| group.len() > FILTERS_PER_GROUP_MAX) {
        format!("too many filters in one group: at most {FILTERS_PER_GROUP_MAX}")
    } else if all > FILTERS_MAX {
        format!("too many filters: {all} of at most {FILTERS_MAX}")
    } else {
        return Ok(());
    };
    Err(errors::invalid(message))
}

/// One sort at most: `{"propertyName","direction"}`, `"name"` or `"-name"`.
fn read_sort(data: &Data, object: Object, sorts: &[Value]) -> Result<Option<(String, bool)>, Fault> {
    let [sort] = sorts else {
        return if sorts.is_empty() {
            Ok(None)
        } else {
            Err(errors::problem())
        };
    };
    let (name, descending) = if let Value::String(text) = sort {
        text.strip_prefix('-')
            .map_or((text.as_str(), false), |name| (name, true))
    } else {
        let descending = match sort["direction"].as_str().unwrap_or("ASCENDING") {
            "DESCENDING" => true,
            "ASCENDING" => false,
            _ => return Err(errors::problem()),
        };
        (sort["propertyName"].as_str().unwrap_or(""), descending)
    };
    if data.property(object, name).is_none() {
        return Err(errors::problem());
    }
    Ok(Some((name.to_owned(), descending)))
}

impl Query {
    fn matches(&self, data: &Data, object: Object, record: &Record) -> bool {
        let in_group = |group: &Vec<Filter>| group.iter().all(|filter| filter.matches(data, object, record));
        let filtered = self.groups.is_empty() || self.groups.iter().any(in_group);
        filtered
            && self.words.iter().all(|word| {
                object.searched().iter().any(|name| {
                    data.value(object, record, name)
                        .is_some_and(|value| value.to_lowercase().contains(word.as_str()))
                })
            })
    }

    /// By the sort, records without a value last; else, and among equals, in order of creation, then by id.
    fn order(&self, data: &Data, object: Object, one: &Record, other: &Record) -> Ordering {
        let by_age = || (one.created_ms, one.id).cmp(&(other.created_ms, other.id));
        let Some((name, descending)) = &self.sort else {
            return by_age();
        };
        let kind = data.property(object, name).map(|property| property.kind);
        let key = |record: &Record| comparable(kind, &data.value(object, record, name)?);
        match (key(one), key(other)) {
            (Some(left), Some(right)) => {
                let order = left.partial_cmp(&right).unwrap_or(Ordering::Equal);
                let order = if *descending { order.reverse() } else { order };
                order.then_with(|| one.id.cmp(&other.id))
            }
            (None, None) => one.id.cmp(&other.id),
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
        }
    }
}
