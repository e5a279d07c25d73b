//! One request from bytes to bytes: faults around the work, headers around the answer.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::Value;

use super::call::{Call, parse_form};
use super::reply::{Content, Reply};
use super::state::Simulator;
use super::{errors, headers, json, router, soap};
use crate::control::faults::{Effect, Phase, Plan};
use crate::control::hostile::{self, Body};
use crate::control::routes;
use crate::hubspot;
use crate::oauth::token::Ticket;
use crate::oauth::{authorize, introspect, token};

/// Longest request body, zipped or not.
const BODY_MAX_BYTES: usize = 50 << 20;
/// Longest URI before 414.
const URI_MAX_BYTES: usize = 16_384;
/// URI and headers together before 431.
const HEAD_MAX_BYTES: usize = 16_384;
/// Answers shorter than this are not zipped.
const GZIP_MIN_BYTES: usize = 512;

/// The connection is to be closed without an answer.
#[derive(Debug)]
pub(crate) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("cut by the control plane")
    }
}

impl std::error::Error for Cut {}

/// An answer on its way out.
enum Outgoing {
    Reply(Reply),
    Hostile(hostile::Shape, u64),
}

/// Serves one request.
///
/// The work is a task of its own: a client that hangs up does not undo what the server has begun.
pub(crate) async fn exchange(
    simulator: Arc<Simulator>,
    request: Request<Incoming>,
    address: SocketAddr,
) -> Result<Response<Body>, Cut> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, BODY_MAX_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            tracing::debug!(%error, "a request body could not be read");
            let reply = errors::refuse(413, "REQUEST_ENTITY_TOO_LARGE", "The request body is too large");
            return Ok(respond(&simulator, None, Outgoing::Reply(reply)));
        }
    };
    let host = parts.headers.get("host").and_then(|value| value.to_str().ok());
    let base_url = host.map_or_else(|| format!("http://{address}"), |host| format!("http://{host}"));
    let call = Call {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parse_form(parts.uri.query().unwrap_or("")),
        target_bytes: parts
            .uri
            .path_and_query()
            .map_or(0, |target| target.as_str().len()),
        headers: parts.headers,
        body,
        base_url,
    };
    let work = tokio::spawn(serve(simulator, call));
    match work.await {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::error!(%error, "a request could not be served");
            Err(Cut)
        }
    }
}

async fn serve(simulator: Arc<Simulator>, mut call: Call) -> Result<Response<Body>, Cut> {
    simulator.org.set_now_ms(simulator.clock.now_ms());
    if call.path == "/__control" || call.path.starts_with("/__control/") {
        let reply = routes::serve(&simulator, &call);
        return Ok(respond(&simulator, Some(&call), Outgoing::Reply(reply)));
    }
    let unzipped = unzip(&mut call);
    let number = simulator.counters().arrive(&call, simulator.clock.now_ms());
    let outcome = match unzipped.and_then(|()| check_size(&call)) {
        Ok(()) => with_faults(&simulator, &call).await,
        Err(reply) => Ok(Outgoing::Reply(reply)),
    };
    let response = outcome.map(|outgoing| respond(&simulator, Some(&call), outgoing));
    let status = response.as_ref().ok().map(|response| response.status().as_u16());
    simulator.counters().leave(number, status);
    response
}

fn unzip(call: &mut Call) -> Result<(), Reply> {
    if !call
        .header("content-encoding")
        .is_some_and(|encoding| encoding.eq_ignore_ascii_case("gzip"))
    {
        return Ok(());
    }
    let bytes = hostile::gunzip(&call.body, BODY_MAX_BYTES as u64)
        .map_err(|_| json::parser_error("The request body is not valid gzip"))?;
    call.body = Bytes::from(bytes);
    Ok(())
}

fn check_size(call: &Call) -> Result<(), Reply> {
    if call.target_bytes > URI_MAX_BYTES {
        return Err(errors::refuse(
            414,
            "URI_TOO_LONG",
            "The length of the URI exceeds the 16,384 byte limit.",
        ));
    }
    let head: usize = call
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    if call.target_bytes + head > HEAD_MAX_BYTES {
        return Err(errors::refuse(
            431,
            "REQUEST_HEADER_FIELDS_TOO_LARGE",
            "The combined length of the URI and headers exceeds the 16,384 byte limit.",
        ));
    }
    Ok(())
}

async fn wait(duration_ms: u64) {
    if duration_ms > 0 {
        tokio::time::sleep(Duration::from_millis(duration_ms)).await;
    }
}

fn replace(simulator: &Simulator, call: &Call, effect: &Effect) -> Result<Outgoing, Cut> {
    match effect {
        Effect::Hostile { shape, bytes } => Ok(Outgoing::Hostile(*shape, *bytes)),
        other => other.reply(simulator, call).map(Outgoing::Reply).ok_or(Cut),
    }
}

/// The work, with the faults that strike this request before and after it.
async fn with_faults(simulator: &Simulator, call: &Call) -> Result<Outgoing, Cut> {
    let plan = simulator.faults().strike(call);
    if let Some((Phase::Before, effect)) = &plan.instead {
        wait(plan.before_ms).await;
        return replace(simulator, call, effect);
    }
    let begun = begin(simulator, call, &plan);
    wait(plan.before_ms).await;
    let reply = match begun {
        Begun::Token(ticket) => token::finish(simulator, call, &ticket),
        Begun::Refused(reply) => reply,
        Begun::Other => {
            simulator.org.set_now_ms(simulator.clock.now_ms());
            work(simulator, call)
        }
    };
    wait(plan.after_ms).await;
    match &plan.instead {
        Some((_, effect)) => replace(simulator, call, effect),
        None => Ok(Outgoing::Reply(change_token(reply, &plan))),
    }
}

/// What was done on arrival.
enum Begun {
    Token(Ticket),
    Refused(Reply),
    Other,
}

fn begin(simulator: &Simulator, call: &Call, plan: &Plan) -> Begun {
    if !token::is_here(call) {
        return Begun::Other;
    }
    match token::begin(simulator, call, plan.before_ms > 0) {
        Ok(ticket) => Begun::Token(ticket),
        Err(reply) => Begun::Refused(reply),
    }
}

fn change_token(mut reply: Reply, plan: &Plan) -> Reply {
    if reply.status == 200
        && let Content::Json(Value::Object(body)) = &mut reply.content
    {
        for (key, value) in &plan.token_fields {
            if value.is_null() {
                body.shift_remove(key);
            } else {
                body.insert(key.clone(), value.clone());
            }
        }
    }
    reply
}

/// Every route beside the control plane.
fn work(simulator: &Simulator, call: &Call) -> Reply {
    let segments = call.segments();
    let names: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (call.method.as_str(), names.as_slice()) {
        (_, ["services", "data", ..]) => router::serve(simulator, call),
        (_, ["services", "Soap", "u", _]) => soap::serve(simulator, call),
        _ if hubspot::is_ours(&call.path) => hubspot::serve(simulator, call),
        ("GET" | "POST", ["services", "oauth2", "authorize"]) => authorize::authorize(simulator, call),
        (_, ["services", "oauth2", "token"]) => token::oauth_error("invalid_request", "must use HTTP POST"),
        ("GET" | "POST", ["services", "oauth2", "revoke"]) => introspect::revoke(simulator, call),
        ("POST", ["services", "oauth2", "introspect"]) => introspect::introspect(simulator, call),
        ("GET" | "POST", ["services", "oauth2", "userinfo"]) => introspect::userinfo(simulator, call),
        ("GET" | "POST", ["id", organization, user]) => {
            introspect::identity(simulator, call, organization, user)
        }
        ("POST", ["login"]) => authorize::login(simulator, call),
        ("GET" | "POST", ["setup", "secur", "RemoteAccessAuthorizationPage.apexp"]) => {
            authorize::consent(simulator, call)
        }
        ("GET", ["setup", "secur", "RemoteAccessErrorPage.apexp"]) => authorize::dead_end(call),
        _ => Reply::html(
            404,
            "<!doctype html><html lang=\"en\"><title>URL No Longer Exists</title><p>URL No Longer Exists</p></html>"
                .to_owned(),
        ),
    }
}

/// Puts the recorded headers around an answer and makes bytes of it.
fn respond(simulator: &Simulator, call: Option<&Call>, outgoing: Outgoing) -> Response<Body> {
    let is_data = call.is_some_and(|call| call.path.starts_with("/services/data/v"));
    let (status, own, content_type, body) = match outgoing {
        Outgoing::Hostile(shape, bytes) => {
            let (own, body) = hostile::answer(shape, bytes);
            let own = own
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            (200, own, None, body)
        }
        Outgoing::Reply(reply) => encode(call, reply),
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let common = if call.is_some_and(|call| hubspot::is_ours(&call.path)) {
        headers::of_portal(simulator)
    } else {
        headers::recorded(simulator, is_data)
    };
    let replaced: Vec<String> = own
        .iter()
        .map(|(name, _): &(String, String)| name.to_ascii_lowercase())
        .collect();
    let common = common
        .into_iter()
        // A page that sets its own cookie keeps the recorded ones; anything else it sets takes their place.
        .filter(|(name, _)| *name == "Set-Cookie" || !replaced.contains(&name.to_ascii_lowercase()))
        .map(|(name, value)| (name.to_owned(), value));
    let content_type = content_type.map(|kind| ("Content-Type".to_owned(), kind));
    for (name, value) in common.chain(content_type).chain(own) {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(&value),
        ) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

type Encoded = (u16, Vec<(String, String)>, Option<String>, Body);

fn encode(call: Option<&Call>, reply: Reply) -> Encoded {
    let header = |name: &str| call.and_then(|call| call.header(name));
    let mut own = reply.headers;
    let (content_type, bytes) = match reply.content {
        Content::Empty => (None, Vec::new()),
        Content::Text(kind, text) => (Some(kind), text.into_bytes()),
        Content::Bytes(kind, bytes) => (Some(kind), bytes),
        Content::Json(value) => {
            let pretty = header("x-prettyprint").is_some_and(|value| value.trim() == "1");
            (
                Some("application/json;charset=UTF-8".to_owned()),
                json::print(&value, pretty),
            )
        }
    };
    let zip = bytes.len() >= GZIP_MIN_BYTES && header("accept-encoding").is_some_and(accepts_gzip);
    let zipped = if zip { hostile::gzip(&bytes).ok() } else { None };
    if zipped.is_some() {
        own.push(("Content-Encoding".to_owned(), "gzip".to_owned()));
    }
    let bytes = zipped.unwrap_or(bytes);
    // hyper drops the body of an answer to HEAD and keeps its length.
    (reply.status, own, content_type, hostile::full(bytes))
}

fn accepts_gzip(header: &str) -> bool {
    header.split(',').any(|part| {
        let mut words = part.split(';').map(str::trim);
        let name = words.next().unwrap_or("");
        let refused = words.any(|word| {
            word.trim_start_matches("q=")
                .parse::<f32>()
                .is_ok_and(|q| q <= 0.0)
        });
        (name.eq_ignore_ascii_case("gzip") || name == "*") && !refused
    })
}
