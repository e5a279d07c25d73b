//! `/admin/keyring`: what is sealed by which key, and moving on to new ones, for the operator.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{GenerationUse, MasterKeyUse, Rotation, StoreError};

use super::{invalid_key, json_body};
use crate::access::OperatorCall;
use crate::audit;
use crate::code::Code;
use crate::headers;
use crate::problem::Problem;
use crate::state::App;
use crate::time::{iso, parse_iso};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotate {
    #[serde(default)]
    data_keys: bool,
    after: Option<String>,
    data_keys_before: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Retire {
    id: String,
}

pub(crate) async fn read(State(app): State<App>, call: OperatorCall) -> Result<Response, Problem> {
    let keyring = app.store.keyring(&call.0).await?;
    headers::json(
        StatusCode::OK,
        &json!({
            "master_keys": keyring.master_keys.iter().map(master_key_view).collect::<Vec<_>>(),
            "data_keys": keyring.generations.iter().map(generation_view).collect::<Vec<_>>(),
            "unreadable": keyring.unreadable,
        }),
    )
}

pub(crate) async fn rotate(
    State(app): State<App>,
    headers: HeaderMap,
    call: OperatorCall,
    body: Body,
) -> Result<Response, Problem> {
    let asked: Rotate = json_body(&app, &headers, body).await?;
    let data_keys_before_ms = match &asked.data_keys_before {
        Some(text) => Some(parse_iso(text).ok_or_else(|| {
            invalid_key(
                "data_keys_before",
                "`data_keys_before` must be an instant, as `2027-05-01T00:00:00Z`.",
            )
        })?),
        // Every data key that there is now, those made in this very millisecond too.
        None if asked.data_keys => Some(app.store.database_now_ms(&call.0).await?.saturating_add(1)),
        None => None,
    };
    let rotation = Rotation {
        after: asked.after,
        data_keys_before_ms,
    };
    let step = app.store.rotate_keys(&call.0, &rotation).await?;
    let next = step
        .next
        .map(|after| json!({"after": after, "data_keys_before": data_keys_before_ms.map(iso)}));
    headers::json(
        StatusCode::OK,
        &json!({
            "rewrapped": step.rewrapped,
            "made": step.made,
            "resealed": step.resealed,
            "failed": step.failed,
            "next": next,
        }),
    )
}

pub(crate) async fn retire(
    State(app): State<App>,
    headers: HeaderMap,
    call: OperatorCall,
    body: Body,
) -> Result<Response, Problem> {
    let asked: Retire = json_body(&app, &headers, body).await?;
    let retired = app.store.retire_master_key(&call.0, &asked.id).await;
    retired.map_err(|error| match error {
        StoreError::NotFound => Problem::new(
            Code::ResourceNotFound,
            "No node was ever given a master key of this id.",
        ),
        other => other.into(),
    })?;
    Ok(audit::about(
        StatusCode::NO_CONTENT.into_response(),
        &asked.id,
        None,
    ))
}

fn master_key_view(key: &MasterKeyUse) -> Value {
    json!({
        "id": key.id,
        "is_configured": key.is_configured,
        "is_first": key.is_first,
        "is_needed": key.is_needed(),
        "retired_at": key.retired_at_ms.map(iso),
        "data_keys": key.data_keys,
        "records": key.records,
    })
}

fn generation_view(of: &GenerationUse) -> Value {
    json!({"generation": of.generation, "tenants": of.data_keys, "records": of.records})
}
