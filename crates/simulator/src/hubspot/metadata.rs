//! Properties, owners, pipelines, custom object schemas (none) and the account.

use serde_json::{Value, json};

use super::errors::{self, Fault};
use super::objects::Object;
use super::portal::{Owner, Pipeline, Stage};
use super::values::instant;
use super::{Context, HUB_ID, Outcome};
use crate::http::reply::Reply;

/// Owners of a page when the caller does not say.
const OWNERS_PAGE: usize = 100;
/// Most owners of a page.
const OWNERS_MAX: usize = 500;

fn object_with_schema(context: &Context<'_>, text: &str) -> Result<Object, Fault> {
    let object = Object::find(text).ok_or_else(|| errors::no_such_object(text))?;
    let word = object.scope();
    context.needs(&[
        format!("crm.schemas.{word}.read"),
        format!("crm.objects.{word}.read"),
    ])?;
    Ok(object)
}

/// `GET /crm/v3/properties/{object}`: all at once, without paging. None is ever archived here.
pub(super) fn properties(context: &Context<'_>, object: &str) -> Outcome {
    let object = object_with_schema(context, object)?;
    let archived = context.flag("archived");
    let data = context.simulator.portal.data();
    let results: Vec<Value> = data
        .properties(object)
        .iter()
        .filter(|property| !property.invisible && !archived)
        .map(|property| property.print(object))
        .collect();
    Ok(Reply::json(200, json!({"results": results})))
}

/// `GET /crm/v3/properties/{object}/{name}`.
pub(super) fn property(context: &Context<'_>, object: &str, name: &str) -> Outcome {
    let object = object_with_schema(context, object)?;
    let data = context.simulator.portal.data();
    let property = data.property(object, name).ok_or_else(|| {
        let message = format!(
            "Property {name} does not exist for object type {}",
            object.plural()
        );
        Fault::new(404, Some("OBJECT_NOT_FOUND"), message)
    })?;
    Ok(Reply::json(200, property.print(object)))
}

fn owner_json(owner: &Owner) -> Value {
    json!({
        "id": owner.id.to_string(), "email": owner.email, "type": "PERSON", "firstName": owner.first_name,
        "lastName": owner.last_name, "userId": (!owner.archived).then_some(owner.user_id),
        "userIdIncludingInactive": owner.user_id, "createdAt": instant(owner.created_ms),
        "updatedAt": instant(owner.created_ms), "archived": owner.archived,
    })
}

fn owner_scope() -> [String; 1] {
    ["crm.objects.owners.read".to_owned()]
}

/// `GET /crm/v3/owners?email&archived&limit&after`.
pub(super) fn owners(context: &Context<'_>) -> Outcome {
    context.needs(&owner_scope())?;
    let (limit, after) = (context.limit(OWNERS_PAGE, OWNERS_MAX)?, context.after()?);
    let archived = context.flag("archived");
    let email = context
        .call
        .query_value("email")
        .filter(|email| !email.is_empty());
    let data = context.simulator.portal.data();
    let rows: Vec<&Owner> = data
        .owners
        .iter()
        .filter(|owner| owner.archived == archived && owner.id >= after)
        .filter(|owner| email.is_none_or(|email| owner.email.eq_ignore_ascii_case(email)))
        .collect();
    let results: Vec<Value> = rows.iter().take(limit).map(|owner| owner_json(owner)).collect();
    let mut body = json!({"results": results});
    if let Some(next) = rows.get(limit) {
        body["paging"] = context.paging(next.id);
    }
    Ok(Reply::json(200, body))
}

/// `GET /crm/v3/owners/{id}?idProperty=id|userId&archived`.
pub(super) fn owner(context: &Context<'_>, id: &str) -> Outcome {
    context.needs(&owner_scope())?;
    let by_user = match context.call.query_value("idProperty") {
        None | Some("id") => false,
        Some("userId") => true,
        Some(other) => {
            let message = format!("idProperty must be id or userId, got {other}");
            return Err(errors::invalid(message));
        }
    };
    let archived = context.flag("archived");
    let id: Option<u64> = id.parse().ok();
    let data = context.simulator.portal.data();
    let owner = data.owners.iter().find(|owner| {
        let own = if by_user { owner.user_id } else { owner.id };
        Some(own) == id && owner.archived == archived
    });
    let owner = owner.ok_or_else(errors::not_found)?;
    Ok(Reply::json(200, owner_json(owner)))
}

fn stage_json(stage: &Stage, place: usize, created_ms: i64) -> Value {
    let closed = stage.closed.to_string();
    let metadata = match stage.probability {
        Some(probability) => json!({"isClosed": closed, "probability": probability}),
        None => json!({"ticketState": if stage.closed { "CLOSED" } else { "OPEN" }, "isClosed": closed}),
    };
    json!({
        "label": stage.label, "displayOrder": place, "metadata": metadata, "id": stage.id,
        "createdAt": instant(created_ms), "updatedAt": instant(created_ms), "archived": false,
        "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
    })
}

fn stages_json(pipeline: &Pipeline) -> Vec<Value> {
    let stages = pipeline.stages.iter().enumerate();
    stages
        .map(|(place, stage)| stage_json(stage, place, pipeline.created_ms))
        .collect()
}

fn pipeline_json(pipeline: &Pipeline, place: usize) -> Value {
    json!({
        "label": pipeline.label, "displayOrder": place, "id": pipeline.id, "stages": stages_json(pipeline),
        "createdAt": instant(pipeline.created_ms), "updatedAt": instant(pipeline.created_ms), "archived": false,
    })
}

/// `GET /crm/v3/pipelines/{deals|tickets}`, `/{id}`, `/{id}/stages` and `/{id}/stages/{stage}`.
pub(super) fn pipelines(context: &Context<'_>, object: &str, rest: &[&str]) -> Outcome {
    let object = match object {
        "deals" | "deal" | "0-3" => "deals",
        "tickets" | "ticket" | "0-5" => "tickets",
        other => return Err(errors::no_such_object(other)),
    };
    if object == "deals" {
        context.needs(&["crm.schemas.deals.read", "crm.objects.deals.read"].map(str::to_owned))?;
    } else {
        context.needs(&["tickets".to_owned()])?;
    }
    let data = context.simulator.portal.data();
    let known: Vec<&Pipeline> = data
        .pipelines
        .iter()
        .filter(|pipeline| pipeline.object == object)
        .collect();
    let find = |id: &str| {
        let place = known.iter().position(|pipeline| pipeline.id == id);
        place
            .map(|place| (place, known[place]))
            .ok_or_else(errors::not_found)
    };
    let body = match rest {
        [] => {
            let all = known.iter().enumerate();
            let all: Vec<Value> = all
                .map(|(place, pipeline)| pipeline_json(pipeline, place))
                .collect();
            json!({"results": all})
        }
        [id] => {
            let (place, pipeline) = find(id)?;
            pipeline_json(pipeline, place)
        }
        [id, "stages"] => json!({"results": stages_json(find(id)?.1)}),
        [id, "stages", stage] => {
            let (_, pipeline) = find(id)?;
            let place = pipeline.stages.iter().position(|known| known.id == *stage);
            let place = place.ok_or_else(errors::not_found)?;
            stage_json(&pipeline.stages[place], place, pipeline.created_ms)
        }
        _ => return Err(errors::not_found()),
    };
    Ok(Reply::json(200, body))
}

/// `GET /crm/v3/schemas`: this portal has no custom objects.
pub(super) fn schemas(context: &Context<'_>) -> Outcome {
    context.needs(&["crm.schemas.custom.read", "crm.objects.custom.read"].map(str::to_owned))?;
    Ok(Reply::json(200, json!({"results": []})))
}

/// `GET /account-info/v3/details`.
pub(super) fn account(context: &Context<'_>) -> Outcome {
    context.needs(&["oauth".to_owned()])?;
    Ok(Reply::json(
        200,
        json!({
            "portalId": HUB_ID, "accountType": "DEVELOPER_TEST", "timeZone": "US/Eastern", "companyCurrency": "USD",
            "additionalCurrencies": ["EUR", "JPY"], "utcOffset": "-04:00", "utcOffsetMilliseconds": -14_400_000,
            "uiDomain": "app.hubspot.com", "dataHostingLocation": "na1",
        }),
    ))
}
