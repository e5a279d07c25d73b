//! Parts of unified bodies, for request body mappings. All of them tell what was not given (undefined: the field stays)
//! from what was given as nothing (`null`: the field is cleared).

use serde_json::Value;

use super::{Answer, Arguments, HostCall, Table, argument, fault, text, truthy};

pub(super) fn register(table: &mut Table) {
    table.add("reference", 1, reference);
    table.add("primary", 2, primary);
    table.add("ofType", 4, of_type);
    table.add("part", 2, part);
    table.add("street", 1, street);
    table.add("hostname", 1, hostname);
}

/// `$reference(value)`: the id of `{id, name}`, or an id given as text.
///
/// `$reference({"id": "001"})` is `"001"`, `$reference(null)` is `null`.
fn reference(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    match argument(arguments, 0) {
        None => Ok(None),
        Some(value @ (Value::Null | Value::String(_))) => Ok(Some(value.clone())),
        Some(Value::Object(fields)) => Ok(Some(fields.get("id").cloned().unwrap_or(Value::Null))),
        Some(_) => Err(fault("a reference is an object with `id`, or an id")),
    }
}

/// The items of a list in a body; `Err` is what stands for all of them: nothing given, or nothing left.
fn listed<'a>(arguments: &'a Arguments<'_>) -> Result<&'a [Value], Option<Value>> {
    match argument(arguments, 0) {
        None => Err(None),
        Some(Value::Null) => Err(Some(Value::Null)),
        Some(Value::Array(items)) if items.is_empty() => Err(Some(Value::Null)),
        Some(Value::Array(items)) => Ok(items),
        Some(one) => Ok(std::slice::from_ref(one)),
    }
}

/// The value of an item: the whole, or its key's; an item given as text is its own value.
fn value_of(item: &Value, key: Option<&str>) -> Value {
    match (item, key) {
        (Value::Object(fields), Some(key)) => fields.get(key).cloned().unwrap_or(Value::Null),
        (item, _) => item.clone(),
    }
}

/// `$primary(list, key)`: the key of the item that says `is_primary`, or of the first; `null` for an empty list.
///
/// `$primary([{"email": "a@b.c"}], "email")` is `"a@b.c"`.
fn primary(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let items = match listed(arguments) {
        Ok(items) => items,
        Err(nothing) => return Ok(nothing),
    };
    let marked = items
        .iter()
        .find(|item| item.get("is_primary").is_some_and(truthy));
    Ok(marked
        .or_else(|| items.first())
        .map(|item| value_of(item, text(arguments, 1))))
}

/// `$ofType(list, types, key?, onlyGiven = false)`: the key (or the whole) of the first item of one of these types; `null`
/// among the types means an item without one. Undefined when no item is of these types, `null` for an empty list: it
/// clears them all, unless `onlyGiven` says that fields not named must not be touched.
///
/// `$ofType([{"number": "1", "type": "fax"}], ["fax"], "number")` is `"1"`.
fn of_type(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let only_given = argument(arguments, 3).is_some_and(truthy);
    let items = match listed(arguments) {
        Ok(items) => items,
        Err(nothing) => return Ok(nothing.filter(|_| !only_given)),
    };
    let types = super::items(argument(arguments, 1));
    let found = items.iter().find(|item| {
        let kind = item.get("type").unwrap_or(&Value::Null);
        types.iter().any(|wanted| match (wanted, kind) {
            (Value::String(wanted), Value::String(kind)) => wanted.eq_ignore_ascii_case(kind),
            (wanted, kind) => wanted == kind,
        })
    });
    Ok(found.map(|item| value_of(item, text(arguments, 2))))
}

/// `$part(object, key)`: the key of an object; `null` of `null`, undefined when it is not there.
///
/// `$part({"city": "Oslo"}, "city")` is `"Oslo"`.
fn part(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    Ok(match (argument(arguments, 0), text(arguments, 1)) {
        (Some(Value::Null), _) => Some(Value::Null),
        (Some(Value::Object(fields)), Some(key)) => fields.get(key).cloned(),
        _ => None,
    })
}

/// `$street(address)`: `street_1` and `street_2` as one text of lines.
///
/// `$street({"street_1": "1 Main St", "street_2": "Floor 2"})` is `"1 Main St\nFloor 2"`.
fn street(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let fields = match argument(arguments, 0) {
        Some(Value::Null) => return Ok(Some(Value::Null)),
        Some(Value::Object(fields)) => fields,
        _ => return Ok(None),
    };
    let lines = [fields.get("street_1"), fields.get("street_2")];
    if lines.iter().all(Option::is_none) {
        return Ok(None);
    }
    let filled: Vec<&str> = lines
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter(|line| !line.is_empty())
        .collect();
    Ok(Some(if filled.is_empty() {
        Value::Null
    } else {
        Value::from(filled.join("\n"))
    }))
}

/// `$hostname(website)`: the host of a website as people write it, lower case, without `www.`; undefined for none.
///
/// `$hostname("www.Acme.com/about")` is `"acme.com"`.
fn hostname(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let Some(website) = text(arguments, 0)
        .map(str::trim)
        .filter(|website| !website.is_empty())
    else {
        return Ok(None);
    };
    let parsed = if website.contains("://") {
        url::Url::parse(website)
    } else {
        url::Url::parse(&format!("https://{website}"))
    };
    let host = parsed
        .ok()
        .and_then(|url| url.host_str().map(str::to_ascii_lowercase));
    let host = host.filter(|host| host.contains('.'));
    Ok(host.map(|host| Value::from(host.strip_prefix("www.").unwrap_or(&host))))
}
