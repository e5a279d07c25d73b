//! `/sobjects/X…`: one row at a time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::reply::{Answer, Content, Reply};
use super::router::Context;
use super::{conditional, errors, json};
use crate::org::{Lookup, Upserted};

/// Endings of an external id that the real server takes for a file extension.
const TAKEN_FOR_EXTENSION: [&str; 1] = [".inc"];
/// Rows `/recent` answers without `limit`.
const RECENT_DEFAULT: usize = 200;

/// The columns of `?fields=a,b`.
pub(crate) fn fields(context: &Context<'_>) -> Option<Vec<String>> {
    let text = context.call.query_value("fields")?;
    let names: Vec<String> = text
        .split(',')
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    (!names.is_empty()).then_some(names)
}

/// `/sobjects/X`.
pub(crate) fn object(context: &Context<'_>) -> Answer {
    context.only(&["HEAD", "GET", "POST"])?;
    let org = &context.simulator.org;
    let object = context.parts[1].as_str();
    if context.method != "POST" {
        let basic = org.sobject_basic(&context.caller, object, &context.version);
        return basic
            .map(|value| Reply::json(200, value))
            .map_err(|error| errors::from_org(&error));
    }
    create(context, object)
}

fn create(context: &Context<'_>, object: &str) -> Answer {
    let org = &context.simulator.org;
    let name = known_object(context, object)?;
    let body = json::read_object(context.call)?;
    let options = context.dml_options(false);
    let _writing = context.writing();
    let id = org
        .create(&context.caller, object, &body, &options)
        .map_err(|list| errors::from_org_list(&list))?;
    Ok(created(context, &name, &id, false))
}

/// The API name of an object as the org spells it; 404 for an unknown one.
pub(crate) fn known_object(context: &Context<'_>, object: &str) -> Result<String, Reply> {
    context
        .simulator
        .org
        .object_names()
        .into_iter()
        .find(|name| name.eq_ignore_ascii_case(object))
        .ok_or_else(errors::not_found)
}

fn created(context: &Context<'_>, object: &str, id: &str, upserted: bool) -> Reply {
    let mut body = json!({"id": id, "success": true, "errors": []});
    if upserted {
        body["created"] = Value::Bool(true);
    }
    Reply::json(201, body).with("Location", format!("{}/sobjects/{object}/{id}", context.root()))
}

/// `/sobjects/X/<id>`, and POST `/sobjects/X/Id`.
pub(crate) fn row(context: &Context<'_>) -> Answer {
    let (object, id) = (context.parts[1].as_str(), context.parts[2].as_str());
    if id.eq_ignore_ascii_case("id") && context.method == "POST" {
        return create(context, object);
    }
    context.only(&["HEAD", "GET", "PATCH", "DELETE"])?;
    let org = &context.simulator.org;
    known_object(context, object)?;
    check_row_date(context, object, id)?;
    match context.method.as_str() {
        "PATCH" => {
            let body = json::read_object(context.call)?;
            let options = context.dml_options(false);
            let _writing = context.writing();
            org.update(&context.caller, object, id, &body, &options)
                .map(|()| Reply::empty(204))
                .map_err(|list| errors::from_org_list(&list))
        }
        "DELETE" => {
            let _writing = context.writing();
            org.delete(&context.caller, object, id)
                .map(|()| Reply::empty(204))
                .map_err(|list| errors::from_org_list(&list))
        }
        _ => {
            let fields = fields(context);
            org.retrieve(&context.caller, object, id, fields.as_deref(), &context.version)
                .map(|value| Reply::json(200, value))
                .map_err(|error| errors::from_org(&error))
        }
    }
}

/// Conditional headers on a row compare with its `LastModifiedDate`.
fn check_row_date(context: &Context<'_>, object: &str, id: &str) -> Result<(), Reply> {
    if !conditional::is_asked(context) {
        return Ok(());
    }
    let fields = ["LastModifiedDate".to_owned()];
    let org = &context.simulator.org;
    let Ok(row) = org.retrieve(&context.caller, object, id, Some(&fields), &context.version) else {
        return Ok(());
    };
    match row["LastModifiedDate"].as_str().and_then(parse_time_ms) {
        Some(changed_ms) => conditional::check(context, changed_ms),
        None => Ok(()),
    }
}

/// Reads `2026-05-01T07:25:37.000+0000` and ISO 8601 forms with `Z` or a colon.
pub(crate) fn parse_time_ms(text: &str) -> Option<i64> {
    let text = text.trim();
    let with_colon = match text.len().checked_sub(5).map(|at| text.split_at_checked(at)) {
        Some(Some((start, end)))
            if end.starts_with(['+', '-']) && end[1..].bytes().all(|b| b.is_ascii_digit()) =>
        {
            format!("{start}{}:{}", &end[..3], &end[3..])
        }
        _ => text.to_owned(),
    };
    with_colon
        .parse::<Timestamp>()
        .ok()
        .map(Timestamp::as_millisecond)
}

/// `/sobjects/X/<field>/<value>`.
pub(crate) fn by_external_id(context: &Context<'_>) -> Answer {
    context.only(&["HEAD", "GET", "PATCH", "DELETE", "POST"])?;
    let (object, field, value) = (
        context.parts[1].as_str(),
        context.parts[2].as_str(),
        context.parts[3].as_str(),
    );
    let name = known_object(context, object)?;
    if is_id(field) {
        return blob(context, object, field, value);
    }
    let lower = value.to_ascii_lowercase();
    if TAKEN_FOR_EXTENSION.iter().any(|ending| lower.ends_with(ending)) {
        return Err(errors::not_found());
    }
    let org = &context.simulator.org;
    match context.method.as_str() {
        "PATCH" | "POST" => upsert(context, &name, field, value),
        "DELETE" => {
            let found = find(context, object, field, value, None)?;
            let id = match &found.content {
                Content::Json(row) if found.status == 200 => row["Id"].as_str().unwrap_or("").to_owned(),
                _ => return Ok(found),
            };
            let _writing = context.writing();
            org.delete(&context.caller, object, &id)
                .map(|()| Reply::empty(204))
                .map_err(|list| errors::from_org_list(&list))
        }
        _ => find(context, object, field, value, fields(context).as_deref()),
    }
}

/// Field names never begin with a digit and have no fixed length; ids are told apart by both.
fn is_id(text: &str) -> bool {
    matches!(text.len(), 15 | 18)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// `GET /sobjects/X/<id>/<BlobField>`: the bytes.
fn blob(context: &Context<'_>, object: &str, id: &str, field: &str) -> Answer {
    context.only(&["HEAD", "GET"])?;
    let org = &context.simulator.org;
    let text = org
        .blob(&context.caller, object, id, field)
        .map_err(|error| errors::from_org(&error))?;
    let bytes = STANDARD.decode(&text).unwrap_or_else(|_| text.into_bytes());
    Ok(Reply {
        status: 200,
        headers: Vec::new(),
        content: Content::Bytes("application/octet-stream".to_owned(), bytes),
    })
}

fn find(context: &Context<'_>, object: &str, field: &str, value: &str, fields: Option<&[String]>) -> Answer {
    let lookup = context.simulator.org.retrieve_by_external_id(
        &context.caller,
        object,
        field,
        value,
        fields,
        &context.version,
    );
    match lookup {
        Ok(Lookup::One(row)) => Ok(Reply::json(200, row)),
        Ok(Lookup::Many(paths)) => Ok(Reply::json(300, Value::from(paths))),
        Err(error) => Err(errors::from_org(&error)),
    }
}

fn upsert(context: &Context<'_>, object: &str, field: &str, value: &str) -> Answer {
    let body = json::read_object(context.call)?;
    let options = context.dml_options(false);
    let _writing = context.writing();
    let outcome = context
        .simulator
        .org
        .upsert(&context.caller, object, field, value, &body, &options)
        .map_err(|list| errors::from_org_list(&list))?;
    let modern = context.version_number() >= 46;
    Ok(match outcome {
        Upserted::Created(id) => created(context, object, &id, modern),
        Upserted::Updated(id) if modern => Reply::json(
            200,
            json!({"id": id, "success": true, "errors": [], "created": false}),
        ),
        Upserted::Updated(_) => Reply::empty(204),
        Upserted::Multiple(paths) => Reply::json(300, Value::from(paths)),
    })
}

/// `/sobjects/X/updated` and `/deleted`, `?start=&end=`.
pub(crate) fn changed(context: &Context<'_>, deleted: bool) -> Answer {
    context.only(&["HEAD", "GET"])?;
    let object = context.parts[1].as_str();
    known_object(context, object)?;
    let time = |name: &str| {
        let text = context.call.query_value(name).ok_or_else(|| {
            errors::refuse(
                400,
                "MISSING_ARGUMENT",
                &format!("required parameter {name} is missing"),
            )
        })?;
        parse_time_ms(text).ok_or_else(|| {
            errors::refuse(
                400,
                "INVALID_ARGUMENT_TYPE",
                &format!("{name}: invalid date: {text}"),
            )
        })
    };
    let (start_ms, end_ms) = (time("start")?, time("end")?);
    let org = &context.simulator.org;
    let answer = if deleted {
        org.deleted(object, start_ms, end_ms)
    } else {
        org.updated(object, start_ms, end_ms)
    };
    answer
        .map(|value| Reply::json(200, value))
        .map_err(|error| errors::from_org(&error))
}

/// `/recent?limit=`.
pub(crate) fn recent(context: &Context<'_>) -> Answer {
    context.only(&["HEAD", "GET"])?;
    let limit = context
        .call
        .query_value("limit")
        .and_then(|text| text.parse().ok())
        .unwrap_or(RECENT_DEFAULT);
    let rows = context
        .simulator
        .org
        .recent(&context.caller, limit, &context.version);
    Ok(Reply::json(200, Value::Array(rows)))
}
