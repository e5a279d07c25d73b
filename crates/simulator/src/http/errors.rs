//! Error answers of the data API, byte for byte as recorded from live orgs.

use serde_json::{Map, Value, json};

use super::reply::Reply;
use crate::org::ApiError;

/// The maintenance page Salesforce's edge answers instead of JSON.
pub(crate) const MAINTENANCE_PAGE: &str = "<html><body><center><table bgcolor=\"white\"><tbody><tr><td><span>We are down for maintenance.</span><br><br>Sorry for the inconvenience. We'll be back shortly.</td></tr></tbody></table></center></body></html>";

/// One error without `fields`.
pub(crate) fn error(status: u16, code: &str, message: &str) -> ApiError {
    ApiError {
        status,
        code: code.to_owned(),
        message: message.to_owned(),
        fields: None,
        extra: None,
        code_first: false,
    }
}

/// The same with `errorCode` printed first.
pub(crate) fn error_code_first(status: u16, code: &str, message: &str) -> ApiError {
    ApiError {
        code_first: true,
        ..error(status, code, message)
    }
}

/// An error array of one.
pub(crate) fn refuse(status: u16, code: &str, message: &str) -> Reply {
    from_org(&error(status, code, message))
}

/// Unknown path, object or row.
pub(crate) fn not_found() -> Reply {
    from_org(&error_code_first(
        404,
        "NOT_FOUND",
        "The requested resource does not exist",
    ))
}

/// A dead, foreign or missing access token.
pub(crate) fn session_invalid() -> Reply {
    refuse(401, "INVALID_SESSION_ID", "Session expired or invalid")
}

/// A session that refreshing cannot help.
pub(crate) fn session_not_for_rest() -> Reply {
    refuse(
        401,
        "INVALID_SESSION_ID",
        "This session is not valid for use with the REST API",
    )
}

/// The daily allowance is used up.
pub(crate) fn daily_limit() -> Reply {
    refuse(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
}

/// A method the resource does not have.
pub(crate) fn method_not_allowed(method: &str, allowed: &[&str]) -> Reply {
    let allowed = allowed.join(",");
    from_org(&error_code_first(
        405,
        "METHOD_NOT_ALLOWED",
        &format!("HTTP Method '{method}' not allowed. Allowed are {allowed}"),
    ))
    .with("Allow", allowed)
}

/// One error of the org.
pub(crate) fn from_org(error: &ApiError) -> Reply {
    Reply::json(error.status, Value::Array(vec![entry(error, "errorCode")]))
}

/// Several errors of one write, under the status of the first.
pub(crate) fn from_org_list(errors: &[ApiError]) -> Reply {
    let status = errors.first().map_or(500, |error| error.status);
    Reply::json(
        status,
        errors.iter().map(|error| entry(error, "errorCode")).collect(),
    )
}

/// The failed result of one record in a collection: the key is `statusCode` there, and `fields` is always present.
pub(crate) fn collection_failure(errors: &[ApiError]) -> Value {
    json!({"success": false, "errors": collection_errors(errors)})
}

/// The error list of a collection or tree result.
pub(crate) fn collection_errors(errors: &[ApiError]) -> Value {
    errors
        .iter()
        .map(|error| {
            let fields = error.fields.clone().unwrap_or_default();
            entry(
                &ApiError {
                    fields: Some(fields),
                    code_first: true,
                    ..error.clone()
                },
                "statusCode",
            )
        })
        .collect()
}

fn entry(error: &ApiError, code_key: &str) -> Value {
    let mut map = Map::new();
    if error.code_first {
        map.insert(code_key.to_owned(), Value::from(error.code.as_str()));
    }
    map.insert("message".to_owned(), Value::from(error.message.as_str()));
    if !error.code_first {
        map.insert(code_key.to_owned(), Value::from(error.code.as_str()));
    }
    if let Some(fields) = &error.fields {
        map.insert("fields".to_owned(), Value::from(fields.clone()));
    }
    for (key, value) in error.extra.iter().flatten() {
        map.insert(key.clone(), value.clone());
    }
    Value::Object(map)
}
