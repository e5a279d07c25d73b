//! `/composite` and `/composite/graph`.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::call::{Call, encode, parse_form};
use super::references::{self, Results};
use super::reply::{Answer, Content, Reply};
use super::router::{self, Context};
use super::{errors, json};

/// Subrequests of one call.
const MOST_SUBREQUESTS: usize = 25;
/// Of these, queries and collections.
const MOST_QUERIES: usize = 5;
/// Graphs of one call.
const MOST_GRAPHS: usize = 75;
/// Nodes of all graphs of one call.
const MOST_NODES: usize = 500;
/// What the subrequests beside the failing one answer.
const ROLLED_BACK: &str =
    "The transaction was rolled back since another operation in the same transaction failed.";

fn flag(body: &Map<String, Value>, name: &str) -> bool {
    body.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn bad(message: &str) -> Reply {
    json::parser_error(message)
}

/// `POST /composite`.
pub(crate) fn composite(context: &Context<'_>) -> Answer {
    context.only(&["HEAD", "GET", "POST"])?;
    if context.method != "POST" {
        let root = context.root();
        let names = ["tree", "batch", "sobjects", "graph"];
        let map: Map<String, Value> = names
            .iter()
            .map(|name| {
                (
                    (*name).to_owned(),
                    Value::from(format!("{root}/composite/{name}")),
                )
            })
            .collect();
        return Ok(Reply::json(200, Value::Object(map)));
    }
    let body = json::read_object(context.call)?;
    let requests = requests_of(&body)?;
    if requests.len() > MOST_SUBREQUESTS {
        return Err(errors::refuse(
            400,
            "LIMIT_EXCEEDED",
            &format!("Maximum number of subrequests exceeded. Limit is {MOST_SUBREQUESTS}."),
        ));
    }
    let queries = requests.iter().filter(|request| is_query(request)).count();
    if queries > MOST_QUERIES {
        return Err(errors::refuse(
            400,
            "LIMIT_EXCEEDED",
            &format!("Maximum number of query and collection subrequests exceeded. Limit is {MOST_QUERIES}."),
        ));
    }
    let (responses, _) = run(context, &requests, flag(&body, "allOrNone"));
    Ok(Reply::json(200, json!({"compositeResponse": responses})))
}

/// `POST /composite/graph`: each graph is all-or-none.
pub(crate) fn graph(context: &Context<'_>) -> Answer {
    context.only(&["POST"])?;
    let body = json::read_object(context.call)?;
    let graphs = body
        .get("graphs")
        .and_then(Value::as_array)
        .filter(|graphs| !graphs.is_empty())
        .ok_or_else(|| bad("graphs must be a list with at least one graph"))?;
    let mut nodes = 0;
    let mut checked = Vec::new();
    for graph in graphs {
        let map = graph
            .as_object()
            .ok_or_else(|| bad("a graph must be an object"))?;
        let id = map
            .get("graphId")
            .and_then(Value::as_str)
            .ok_or_else(|| bad("graphId is required"))?;
        let requests = requests_of(map)?;
        nodes += requests.len();
        checked.push((id, requests));
    }
    if graphs.len() > MOST_GRAPHS || nodes > MOST_NODES {
        return Err(errors::refuse(
            400,
            "LIMIT_EXCEEDED",
            &format!("A call takes at most {MOST_GRAPHS} graphs and {MOST_NODES} nodes"),
        ));
    }
    let mut answers = Vec::new();
    for (id, requests) in checked {
        let (responses, succeeded) = run(context, &requests, true);
        answers.push(json!({
            "graphId": id,
            "graphResponse": {"compositeResponse": responses},
            "isSuccessful": succeeded,
        }));
    }
    Ok(Reply::json(200, json!({"graphs": answers})))
}

/// One checked subrequest.
#[derive(Debug)]
struct Request<'a> {
    method: &'a str,
    url: &'a str,
    reference: &'a str,
    body: Option<&'a Value>,
    headers: Vec<(&'a str, &'a str)>,
}

fn is_query(request: &Request<'_>) -> bool {
    let path = request.url.split('?').next().unwrap_or("").to_ascii_lowercase();
    ["/query", "/queryall", "/composite/sobjects"]
        .iter()
        .any(|part| path.contains(part))
}

fn is_reference_id(text: &str) -> bool {
    let mut letters = text.bytes();
    letters.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && letters.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Checks every subrequest; one that is malformed fails the whole call.
fn requests_of(body: &Map<String, Value>) -> Result<Vec<Request<'_>>, Reply> {
    let list = body
        .get("compositeRequest")
        .and_then(Value::as_array)
        .filter(|list| !list.is_empty())
        .ok_or_else(|| bad("compositeRequest must be a list with at least one subrequest"))?;
    let mut requests: Vec<Request<'_>> = Vec::new();
    for item in list {
        let text = |name: &str| item.get(name).and_then(Value::as_str);
        let method = text("method").ok_or_else(|| bad("method is required in a subrequest"))?;
        if !["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD"].contains(&method) {
            return Err(bad(&format!("Invalid method: {method}")));
        }
        let url = text("url").ok_or_else(|| bad("url is required in a subrequest"))?;
        if !url.starts_with("/services/data/v") {
            return Err(bad(&format!(
                "The url must start with /services/data/vXX.X/: {url}"
            )));
        }
        let reference = text("referenceId").ok_or_else(|| bad("referenceId is required in a subrequest"))?;
        if !is_reference_id(reference) {
            return Err(bad(&format!(
                "Provided referenceId ('{reference}') must start with a letter or a number, and it can contain only letters, numbers and underscores ('_')."
            )));
        }
        if requests.iter().any(|other| other.reference == reference) {
            return Err(bad(&format!("Duplicate referenceId: {reference}")));
        }
        let mut headers = Vec::new();
        for (name, value) in item
            .get("httpHeaders")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            if ["accept", "authorization", "content-type"].contains(&name.to_ascii_lowercase().as_str()) {
                return Err(bad(&format!("Header not allowed in a subrequest: {name}")));
            }
            headers.push((name.as_str(), value.as_str().unwrap_or("")));
        }
        requests.push(Request {
            method,
            url,
            reference,
            body: item.get("body").filter(|body| !body.is_null()),
            headers,
        });
    }
    Ok(requests)
}

/// Runs subrequests in order; gives their answers and whether all succeeded.
fn run(context: &Context<'_>, requests: &[Request<'_>], all_or_none: bool) -> (Vec<Value>, bool) {
    let org = &context.simulator.org;
    let _writing = all_or_none.then(|| context.writing());
    let inside = Context {
        in_transaction: all_or_none || context.in_transaction,
        ..context.clone()
    };
    let before = all_or_none.then(|| org.snapshot());
    let mut results = Results::new();
    let mut responses: Vec<Value> = Vec::new();
    let mut failed_at = None;
    for (index, request) in requests.iter().enumerate() {
        let (status, headers, body) = run_one(&inside, request, &results);
        let succeeded = status < 400;
        results.insert(request.reference.to_owned(), succeeded.then(|| body.clone()));
        responses.push(json!({
            "body": body, "httpHeaders": headers, "httpStatusCode": status, "referenceId": request.reference,
        }));
        if !succeeded && failed_at.is_none() {
            failed_at = Some(index);
            if all_or_none {
                break;
            }
        }
    }
    if let (Some(failed), Some(before)) = (failed_at, before) {
        org.restore(before);
        let halted = json!([{"errorCode": "PROCESSING_HALTED", "message": ROLLED_BACK}]);
        let real = responses.swap_remove(failed);
        responses = requests
            .iter()
            .enumerate()
            .map(|(index, request)| {
                if index == failed {
                    real.clone()
                } else {
                    json!({
                        "body": halted, "httpHeaders": {}, "httpStatusCode": 400,
                        "referenceId": request.reference,
                    })
                }
            })
            .collect();
    }
    (responses, failed_at.is_none())
}

fn run_one(context: &Context<'_>, request: &Request<'_>, results: &Results) -> (u16, Value, Value) {
    let halted = |message: String| {
        let body = json!([{"errorCode": "PROCESSING_HALTED", "message": message}]);
        (400, json!({}), body)
    };
    let url = match references::fill(request.url, results, encode) {
        Ok(url) => url,
        Err(message) => return halted(message),
    };
    let body = match request.body.map(|body| references::fill_value(body, results)) {
        None => None,
        Some(Ok(body)) => Some(body),
        Some(Err(message)) => return halted(message),
    };
    let reply = subrequest(context, request.method, &url, body.as_ref(), &request.headers);
    let mut headers = Map::new();
    for (name, value) in reply.headers {
        headers.insert(name, Value::from(value));
    }
    let body = match reply.content {
        Content::Json(value) => value,
        // Blobs are not served inside a composite call.
        Content::Empty | Content::Bytes(..) => Value::Null,
        Content::Text(_, text) => Value::from(text),
    };
    (reply.status, Value::Object(headers), body)
}

/// Runs a call inside this one: same session, not counted again, the outer `Sforce-*` headers unless overridden.
pub(crate) fn subrequest(
    context: &Context<'_>,
    method: &str,
    url: &str,
    body: Option<&Value>,
    headers: &[(&str, &str)],
) -> Reply {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let mut call = Call {
        method: method.to_owned(),
        path: path.to_owned(),
        query: parse_form(query),
        target_bytes: url.len(),
        headers: HeaderMap::new(),
        body: body.map_or_else(Bytes::new, |body| Bytes::from(json::print(body, false))),
        base_url: context.call.base_url.clone(),
    };
    for (name, value) in &context.call.headers {
        if name.as_str().starts_with("sforce-") {
            call.headers.insert(name.clone(), value.clone());
        }
    }
    call.headers
        .insert("content-type", HeaderValue::from_static("application/json"));
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) {
            call.headers.insert(name, value);
        }
    }
    let segments = call.segments();
    let version = segments.get(2).and_then(|version| {
        let text = version.strip_prefix(['v', 'V'])?;
        let number: u32 = text.strip_suffix(".0")?.parse().ok()?;
        (router::OLDEST_VERSION..=router::NEWEST_VERSION)
            .contains(&number)
            .then(|| text.to_owned())
    });
    let Some(version) = version else {
        return errors::not_found();
    };
    let parts = segments[3..].to_vec();
    let nested = matches!(
        parts
            .iter()
            .map(|part| part.to_ascii_lowercase())
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice(),
        ["composite"] | ["composite", "batch" | "graph" | "tree", ..]
    );
    if nested {
        return errors::not_found();
    }
    router::resource(&Context {
        simulator: context.simulator,
        call: &call,
        token: context.token,
        caller: context.caller.clone(),
        version,
        method: method.to_owned(),
        parts,
        in_transaction: context.in_transaction,
    })
}
