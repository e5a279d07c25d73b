//! `/actions`: the list, and the honest 404 for everything that guides post to.

use serde_json::json;

use super::errors;
use super::reply::{Answer, Reply};
use super::router::Context;

/// 404 of an action that does not exist; `convertLead` is one.
pub(crate) fn unknown() -> Reply {
    errors::from_org(&errors::error_code_first(404, "NOT_FOUND", "Invalid Action Type"))
}

/// `GET /actions`.
pub(crate) fn index(context: &Context<'_>) -> Answer {
    context.only(&["HEAD", "GET"])?;
    let root = context.root();
    Ok(Reply::json(
        200,
        json!({"standard": format!("{root}/actions/standard"), "custom": format!("{root}/actions/custom")}),
    ))
}

/// `GET /actions/standard`: this org offers none.
pub(crate) fn standard(context: &Context<'_>) -> Answer {
    context.only(&["HEAD", "GET"])?;
    Ok(Reply::json(200, json!({"actions": []})))
}
