//! `/composite/batch`: independent subrequests, no references, no transaction.

use serde_json::{Value, json};

use super::composite::subrequest;
use super::reply::{Answer, Content, Reply};
use super::router::Context;
use super::{errors, json};

/// Subrequests of one call.
const MOST_SUBREQUESTS: usize = 25;

/// `POST /composite/batch`.
pub(crate) fn batch(context: &Context<'_>) -> Answer {
    context.only(&["POST"])?;
    let body = json::read_object(context.call)?;
    let halt = body.get("haltOnError").and_then(Value::as_bool).unwrap_or(false);
    let requests = body
        .get("batchRequests")
        .and_then(Value::as_array)
        .filter(|list| !list.is_empty())
        .ok_or_else(|| json::parser_error("batchRequests must be a list with at least one subrequest"))?;
    if requests.len() > MOST_SUBREQUESTS {
        return Err(errors::refuse(
            400,
            "LIMIT_EXCEEDED",
            &format!("Maximum number of subrequests exceeded. Limit is {MOST_SUBREQUESTS}."),
        ));
    }
    let mut results = Vec::new();
    let mut has_errors = false;
    for request in requests {
        if has_errors && halt {
            results.push(json!({
                "statusCode": 412,
                "result": [{
                    "errorCode": "BATCH_PROCESSING_HALTED",
                    "message": "Batch processing halted per request",
                }],
            }));
            continue;
        }
        let text = |name: &str| request.get(name).and_then(Value::as_str);
        let method =
            text("method").ok_or_else(|| json::parser_error("method is required in a subrequest"))?;
        let url = text("url").ok_or_else(|| json::parser_error("url is required in a subrequest"))?;
        let url = url.strip_prefix("/services/data/").unwrap_or(url);
        let full = format!("/services/data/{}", url.trim_start_matches('/'));
        let reply = subrequest(context, method, &full, request.get("richInput"), &[]);
        has_errors |= reply.status >= 400;
        let result = match reply.content {
            Content::Json(value) => value,
            // Blobs are not served inside a composite call.
            Content::Empty | Content::Bytes(..) => Value::Null,
            Content::Text(_, text) => Value::from(text),
        };
        results.push(json!({"statusCode": reply.status, "result": result}));
    }
    Ok(Reply::json(
        200,
        json!({"hasErrors": has_errors, "results": results}),
    ))
}
