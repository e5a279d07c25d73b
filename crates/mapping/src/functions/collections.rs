//! Arrays and objects, by the names Lodash gave the work.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::{Answer, Arguments, EngineError, HostCall, Table, argument, as_text, fault, items, text, truthy};

/// Most nodes of a tree put into order.
const NODES_MAX: usize = 10_000;

pub(super) fn register(table: &mut Table) {
    table.add("groupBy", 2, group_by);
    table.add("keyBy", 2, key_by);
    table.add("pick", 2, pick);
    table.add("omit", 2, omit);
    table.add("orderBy", 3, order_by);
    table.add("find", 2, find);
    table.add("lofilter", 2, filter);
    table.add("values", 1, values);
    table.add("chunk", 2, chunk);
    table.add("wrap", 3, wrap);
    table.add("difference", 2, difference);
    table.add("flatten", 1, |arguments, _| flattened(arguments, 1));
    table.add("flattenDeep", 1, |arguments, _| flattened(arguments, usize::MAX));
    table.add("flattenDepth", 2, |arguments, _| {
        let depth = argument(arguments, 1).and_then(Value::as_u64).unwrap_or(1);
        flattened(arguments, usize::try_from(depth).unwrap_or(usize::MAX))
    });
    table.add("sortNodes", 4, sort_nodes);
    table.add("zipSqlResponse", 3, zip_sql_response);
}

/// The value at a path of names and dots.
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if let Some(found) = value.get(path) {
        return Some(found);
    }
    path.split('.').try_fold(value, |value, name| value.get(name))
}

/// What argument `index`, a function or a path, answers for an item.
fn of_item(arguments: &Arguments<'_>, call: &HostCall<'_>, index: usize, item: &Value) -> Answer {
    if let Some(function) = call.function(index) {
        return function.call(&[Some(item.clone())]);
    }
    Ok(match text(arguments, index) {
        Some(path) => at(item, path).cloned(),
        None => Some(item.clone()),
    })
}

fn key_of(arguments: &Arguments<'_>, call: &HostCall<'_>, item: &Value) -> Result<String, EngineError> {
    Ok(of_item(arguments, call, 1, item)?.map_or_else(|| "undefined".to_owned(), |key| as_text(&key)))
}

/// `$groupBy(array, path or function)`: arrays of the items that have the same key.
///
/// `$groupBy([{"a": 1}, {"a": 2}, {"a": 1}], "a")` is `{"1": [{"a": 1}, {"a": 1}], "2": [{"a": 2}]}`.
fn group_by(arguments: &Arguments<'_>, call: &HostCall<'_>) -> Answer {
    let mut groups = Map::new();
    for item in items(argument(arguments, 0)) {
        let key = key_of(arguments, call, &item)?;
        let group = groups.entry(key).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(group) = group {
            group.push(item);
        }
    }
    Ok(Some(Value::Object(groups)))
}

/// `$keyBy(array, path or function)`: the items by their keys; of two with the same key the later.
///
/// `$keyBy([{"a": 1}, {"a": 2}], "a")` is `{"1": {"a": 1}, "2": {"a": 2}}`.
fn key_by(arguments: &Arguments<'_>, call: &HostCall<'_>) -> Answer {
    let mut keyed = Map::new();
    for item in items(argument(arguments, 0)) {
        keyed.insert(key_of(arguments, call, &item)?, item);
    }
    Ok(Some(Value::Object(keyed)))
}

fn names(value: Option<&Value>) -> Vec<String> {
    items(value).iter().map(as_text).collect()
}

/// `$pick(object, names)`: only these keys; a name may be a path.
///
/// `$pick({"a": 1, "b": 2}, ["a"])` is `{"a": 1}`.
fn pick(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let mut picked = Map::new();
    let Some(source @ Value::Object(_)) = argument(arguments, 0) else {
        return Ok(Some(Value::Object(picked)));
    };
    for name in names(argument(arguments, 1)) {
        if let Some(value) = at(source, &name) {
            let path: Vec<&str> = if source.get(&name).is_some() {
                vec![&name]
            } else {
                name.split('.').collect()
            };
            set(&mut picked, &path, value.clone());
        }
    }
    Ok(Some(Value::Object(picked)))
}

fn set(fields: &mut Map<String, Value>, path: &[&str], value: Value) {
    match path {
        [] => {}
        [name] => {
            fields.insert((*name).to_owned(), value);
        }
        [name, rest @ ..] => {
            let inner = fields
                .entry((*name).to_owned())
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                set(inner, rest, value);
            }
        }
    }
}

/// `$omit(object, names)`: without these keys; a name may be a path.
///
/// `$omit({"a": 1, "b": 2}, "a")` is `{"b": 2}`.
fn omit(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let mut rest = match argument(arguments, 0) {
        Some(Value::Object(fields)) => fields.clone(),
        _ => Map::new(),
    };
    for name in names(argument(arguments, 1)) {
        if rest.shift_remove(&name).is_some() {
            continue;
        }
        let mut path: Vec<&str> = name.split('.').collect();
        let Some(last) = path.pop() else { continue };
        let mut fields = Some(&mut rest);
        for step in path {
            fields = fields
                .and_then(|fields| fields.get_mut(step))
                .and_then(Value::as_object_mut);
        }
        if let Some(fields) = fields {
            fields.shift_remove(last);
        }
    }
    Ok(Some(Value::Object(rest)))
}

/// `$orderBy(array, paths or function, directions)`: in the order of one value after the other; each direction is
/// `asc` (the default) or `desc`. What has no value comes last.
///
/// `$orderBy([{"a": 2}, {"a": 1}], ["a"], ["asc"])` is `[{"a": 1}, {"a": 2}]`.
fn order_by(arguments: &Arguments<'_>, call: &HostCall<'_>) -> Answer {
    let paths = names(argument(arguments, 1));
    let descending: Vec<bool> = items(argument(arguments, 2))
        .iter()
        .map(|direction| {
            direction
                .as_str()
                .is_some_and(|text| text.eq_ignore_ascii_case("desc"))
        })
        .collect();
    let mut keyed = Vec::new();
    for item in items(argument(arguments, 0)) {
        let keys: Vec<Option<Value>> = if paths.is_empty() {
            vec![of_item(arguments, call, 1, &item)?]
        } else {
            paths.iter().map(|path| at(&item, path).cloned()).collect()
        };
        keyed.push((keys, item));
    }
    keyed.sort_by(|(one, _), (other, _)| {
        let by_key = one.iter().zip(other).enumerate().map(|(index, (one, other))| {
            let order = compare(one.as_ref(), other.as_ref());
            if descending.get(index).copied().unwrap_or(false) {
                order.reverse()
            } else {
                order
            }
        });
        by_key.fold(Ordering::Equal, Ordering::then)
    });
    Ok(Some(keyed.into_iter().map(|(_, item)| item).collect()))
}

/// Numbers before texts before what has no value.
fn compare(one: Option<&Value>, other: Option<&Value>) -> Ordering {
    let rank = |value: Option<&Value>| match value {
        Some(Value::Number(_) | Value::Bool(_)) => 0,
        Some(Value::String(_)) => 1,
        Some(Value::Array(_) | Value::Object(_)) => 2,
        Some(Value::Null) => 3,
        None => 4,
    };
    match (one, other) {
        (Some(Value::Number(one)), Some(Value::Number(other))) => one
            .as_f64()
            .partial_cmp(&other.as_f64())
            .unwrap_or(Ordering::Equal),
        (Some(Value::String(one)), Some(Value::String(other))) => one.cmp(other),
        (Some(Value::Bool(one)), Some(Value::Bool(other))) => one.cmp(other),
        _ => rank(one).cmp(&rank(other)),
    }
}

/// Whether an item is meant by argument 1: a function, an object whose values it has, `[path, value]`, or a path.
fn is_meant(arguments: &Arguments<'_>, call: &HostCall<'_>, item: &Value) -> Result<bool, EngineError> {
    if let Some(function) = call.function(1) {
        return Ok(function
            .call(&[Some(item.clone())])?
            .is_some_and(|answer| truthy(&answer)));
    }
    Ok(match argument(arguments, 1) {
        Some(wanted @ Value::Object(_)) => has(item, wanted),
        Some(Value::Array(pair)) => match pair.as_slice() {
            [Value::String(path), value] => at(item, path).is_some_and(|found| has(found, value)),
            _ => false,
        },
        Some(Value::String(path)) => at(item, path).is_some_and(truthy),
        _ => truthy(item),
    })
}

fn has(item: &Value, wanted: &Value) -> bool {
    match (item, wanted) {
        (Value::Object(item), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, value)| item.get(key).is_some_and(|found| has(found, value))),
        (item, wanted) => item == wanted,
    }
}

/// `$find(array, what)`: the first item meant; `what` is a function, an object, `[path, value]` or a path.
///
/// `$find([{"a": 1}, {"a": 2}], {"a": 2})` is `{"a": 2}`.
fn find(arguments: &Arguments<'_>, call: &HostCall<'_>) -> Answer {
    for item in items(argument(arguments, 0)) {
        if is_meant(arguments, call, &item)? {
            return Ok(Some(item));
        }
    }
    Ok(None)
}

/// `$lofilter(array, what)`: all items meant, always as an array; `what` as for `$find`.
///
/// `$lofilter([{"a": 1}, {"a": 2}], ["a", 1])` is `[{"a": 1}]`.
fn filter(arguments: &Arguments<'_>, call: &HostCall<'_>) -> Answer {
    let mut kept = Vec::new();
    for item in items(argument(arguments, 0)) {
        if is_meant(arguments, call, &item)? {
            kept.push(item);
        }
    }
    Ok(Some(Value::Array(kept)))
}

/// `$values(object)`: the values, in the order of their keys in the object.
///
/// `$values({"a": 1, "b": 2})` is `[1, 2]`.
fn values(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    Ok(Some(match argument(arguments, 0) {
        Some(Value::Object(fields)) => fields.values().cloned().collect(),
        Some(Value::Array(items)) => Value::Array(items.clone()),
        Some(Value::String(text)) => text
            .chars()
            .map(|letter| Value::from(letter.to_string()))
            .collect(),
        _ => Value::Array(Vec::new()),
    }))
}

/// `$chunk(array, size = 1)`: arrays of at most so many items.
///
/// `$chunk([1, 2, 3], 2)` is `[[1, 2], [3]]`.
fn chunk(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let size = argument(arguments, 1).map_or(Some(1), Value::as_u64).unwrap_or(0);
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if size == 0 {
        return Ok(Some(Value::Array(Vec::new())));
    }
    let items = items(argument(arguments, 0));
    Ok(Some(
        items
            .chunks(size)
            .map(|chunk| Value::Array(chunk.to_vec()))
            .collect(),
    ))
}

/// `$wrap(value, before, after = before)`: a text between two others.
///
/// `$wrap("a", "(", ")")` is `"(a)"`.
fn wrap(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let part = |index: usize| {
        argument(arguments, index)
            .filter(|value| !value.is_null())
            .map(as_text)
            .unwrap_or_default()
    };
    let (value, before) = (part(0), part(1));
    let after = if argument(arguments, 2).is_some() {
        part(2)
    } else {
        before.clone()
    };
    Ok(Some(Value::from(format!("{before}{value}{after}"))))
}

/// `$difference(array, others)`: the items that are not among the others. Objects and arrays are never the same.
///
/// `$difference([1, 2, 3], [2])` is `[1, 3]`.
fn difference(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let others = items(argument(arguments, 1));
    let kept = items(argument(arguments, 0)).into_iter().filter(|item| {
        let nested = item.is_array() || item.is_object();
        nested || !others.contains(item)
    });
    Ok(Some(kept.collect()))
}

/// `$flatten(array)`, `$flattenDeep(array)`, `$flattenDepth(array, depth = 1)`: items of inner arrays in their place.
///
/// `$flatten([1, [2, [3]]])` is `[1, 2, [3]]`, `$flattenDeep([1, [2, [3]]])` is `[1, 2, 3]`.
fn flattened(arguments: &Arguments<'_>, depth: usize) -> Answer {
    fn level(items: Vec<Value>, depth: usize, flat: &mut Vec<Value>) {
        for item in items {
            match item {
                Value::Array(inner) if depth > 0 => level(inner, depth - 1, flat),
                other => flat.push(other),
            }
        }
    }
    let mut flat = Vec::new();
    level(items(argument(arguments, 0)), depth, &mut flat);
    Ok(Some(Value::Array(flat)))
}

/// `$sortNodes(nodes, idKey = "id", parentIdKey = "parent_id", sequenceKey = "sequence")`: parents before their
/// children, brothers by sequence, those without one last. A node whose parent is not there counts as a root.
///
/// `$sortNodes([{"id": 2, "parent_id": 1}, {"id": 1}])` is `[{"id": 1}, {"id": 2, "parent_id": 1}]`.
fn sort_nodes(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let key = |index: usize, default: &str| text(arguments, index).unwrap_or(default).to_owned();
    let (id, parent, sequence) = (key(1, "id"), key(2, "parent_id"), key(3, "sequence"));
    let mut nodes = items(argument(arguments, 0));
    if nodes.len() > NODES_MAX {
        return Err(fault(format!("$sortNodes: more than {NODES_MAX} nodes")));
    }
    nodes.sort_by(|one, other| compare(one.get(&sequence), other.get(&sequence)));
    let name = |node: &Value, key: &str| node.get(key).filter(|value| !value.is_null()).map(as_text);
    let known: std::collections::HashSet<String> = nodes.iter().filter_map(|node| name(node, &id)).collect();
    let mut children: std::collections::HashMap<String, Vec<usize>> = std::collections::HashMap::new();
    let mut pending = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        match name(node, &parent).filter(|parent| known.contains(parent)) {
            Some(parent) => children.entry(parent).or_default().push(index),
            None => pending.push(index),
        }
    }
    pending.reverse();
    let mut sorted = Vec::with_capacity(nodes.len());
    while let Some(index) = pending.pop() {
        let node = &nodes[index];
        if let Some(below) = name(node, &id).and_then(|id| children.remove(&id)) {
            pending.extend(below.into_iter().rev());
        }
        sorted.push(node.clone());
    }
    Ok(Some(Value::Array(sorted)))
}

/// `$zipSqlResponse(columns, rows, key)`: rows of values as objects; `key` names the column's name in `columns`, which
/// may also be plain names.
///
/// `$zipSqlResponse([{"name": "a"}], [[1]], "name")` is `[{"a": 1}]`.
fn zip_sql_response(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let key = text(arguments, 2);
    let columns: Vec<String> = items(argument(arguments, 0))
        .iter()
        .map(|column| match key {
            Some(key) => column.get(key).map_or_else(|| "undefined".to_owned(), as_text),
            None => as_text(column),
        })
        .collect();
    let rows = items(argument(arguments, 1)).into_iter().map(|row| {
        columns
            .iter()
            .cloned()
            .zip(items(Some(&row)))
            .collect::<Map<String, Value>>()
    });
    Ok(Some(rows.map(Value::Object).collect()))
}
