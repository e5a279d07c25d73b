//! `/crm/v3/objects/{object}` and `/{id}`.

use serde_json::{Value, json};

use super::errors::{self, Fault};
use super::objects::Object;
use super::portal::{Data, Record};
use super::{Context, Outcome, associations, render, write};
use crate::http::reply::Reply;

/// Records of a page when the caller does not say.
const PAGE: usize = 10;
/// Most records of a page.
const PAGE_MAX: usize = 100;

/// The objects named in `associations`.
fn linked(context: &Context<'_>) -> Result<Vec<Object>, Fault> {
    let names = context.list("associations");
    names
        .iter()
        .map(|name| Object::find(name).ok_or_else(|| errors::no_such_object(name)))
        .collect()
}

fn print(context: &Context<'_>, data: &Data, object: Object, record: &Record) -> Result<Value, Fault> {
    let names = render::names(data, object, &context.list("properties"));
    let mut body = render::record(data, object, record, &names);
    let linked = linked(context)?;
    let block = associations::block(data, (object, record.id), &linked);
    if block.as_object().is_some_and(|block| !block.is_empty()) {
        body["associations"] = block;
    }
    Ok(body)
}

/// `GET /crm/v3/objects/{object}`, by id.
pub(super) fn list(context: &Context<'_>, object: Object) -> Outcome {
    context.needs_object(object, "read")?;
    let (limit, after) = (context.limit(PAGE, PAGE_MAX)?, context.after()?);
    let archived = context.flag("archived");
    let data = context.simulator.portal.data();
    let mut rows = data
        .records(object)
        .range(after..)
        .map(|(_, record)| record)
        .filter(|record| record.archived_ms.is_some() == archived);
    let mut results = Vec::new();
    let mut last = after;
    for record in rows.by_ref().take(limit) {
        last = record.id;
        results.push(print(context, &data, object, record)?);
    }
    let mut body = json!({"results": results});
    if rows.next().is_some() {
        body["paging"] = context.paging(last + 1);
    }
    Ok(Reply::json(200, body))
}

/// The id that a path means, by `idProperty`.
fn id_of(context: &Context<'_>, data: &Data, object: Object, text: &str) -> Result<u64, Fault> {
    let id_property = context.call.query_value("idProperty");
    check_id_property(data, object, id_property)?;
    data.find(object, text, id_property).ok_or_else(errors::not_found)
}

/// 400 unless values of this property are unique.
pub(super) fn check_id_property(data: &Data, object: Object, name: Option<&str>) -> Result<(), Fault> {
    match name {
        Some(name)
            if !data
                .property(object, name)
                .is_some_and(|property| property.unique) =>
        {
            Err(errors::invalid(format!(
                "idProperty {name} of {} does not have unique values",
                object.plural()
            )))
        }
        _ => Ok(()),
    }
}

/// `GET /crm/v3/objects/{object}/{id}`.
pub(super) fn read(context: &Context<'_>, object: Object, id: &str) -> Outcome {
    context.needs_object(object, "read")?;
    let data = context.simulator.portal.data();
    let id = id_of(context, &data, object, id)?;
    let archived = context.flag("archived");
    let record = data.records(object).get(&id);
    let record = record
        .filter(|record| record.archived_ms.is_some() == archived)
        .ok_or_else(errors::not_found)?;
    Ok(Reply::json(200, print(context, &data, object, record)?))
}

/// `POST /crm/v3/objects/{object}`.
pub(super) fn create(context: &Context<'_>, object: Object) -> Outcome {
    context.needs_object(object, "write")?;
    let input = Value::Object(context.body()?);
    let mut data = context.simulator.portal.data();
    let id = write::create(&mut data, object, &input, context.simulator.clock.now_ms())?;
    let record = data.live(object, id).ok_or_else(errors::not_found)?;
    let names = render::names_of(&data, object, record);
    Ok(Reply::json(201, render::record(&data, object, record, &names)))
}

/// `PATCH /crm/v3/objects/{object}/{id}`: answers what was given, the id and the dates.
pub(super) fn update(context: &Context<'_>, object: Object, id: &str) -> Outcome {
    context.needs_object(object, "write")?;
    let input = Value::Object(context.body()?);
    let mut data = context.simulator.portal.data();
    let id = id_of(context, &data, object, id)?;
    let given = write::update(&mut data, object, id, &input, context.simulator.clock.now_ms())?;
    let record = data.live(object, id).ok_or_else(errors::not_found)?;
    let names = render::names(&data, object, &given);
    Ok(Reply::json(200, render::record(&data, object, record, &names)))
}

/// `DELETE /crm/v3/objects/{object}/{id}`: 204, the first time and any other.
pub(super) fn archive(context: &Context<'_>, object: Object, id: &str) -> Outcome {
    context.needs_object(object, "write")?;
    let mut data = context.simulator.portal.data();
    let id = data.find(object, id, None).ok_or_else(errors::not_found)?;
    write::archive(&mut data, object, id, context.simulator.clock.now_ms())?;
    Ok(Reply::empty(204))
}
