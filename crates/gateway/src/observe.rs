//! The layers around every route: request id, metrics, the access log, problems written out; and what is refused before
//! any handler sees it.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use metrics::Histogram;
use model::{RequestId, TenantId};
use tokio::time::Instant;

use crate::body;
use crate::code::Code;
use crate::idempotency;
use crate::problem::{Problem, RequestFacts};
use crate::router;
use crate::server::Ambiguous;
use crate::state::{App, Gateway};

/// Tells one request in logs, error bodies and support questions.
const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// What no route matches is counted under one name: labels must not grow with what callers make up.
const NO_ROUTE: &str = "none";
/// Routes that must answer when nothing else does.
const ALWAYS_ADMITTED: &[&str] = &["/livez", "/readyz", "/metrics"];

/// Where the access log finds the tenant, once it is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct TenantSlot(Arc<OnceLock<TenantId>>);

impl TenantSlot {
    pub(crate) fn set(&self, tenant: &TenantId) {
        // A request has one tenant; a second extractor would set the same.
        let _ = self.0.set(tenant.clone());
    }
}

/// Gives the request its id, admits it, writes out its problem, counts and logs it.
///
/// One layer rather than three: each costs every request an allocation and a copy of the whole router.
pub(crate) async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let request_id = RequestId::generate(&*app.random);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let traceparent = request.headers().get("traceparent").cloned();
    if method != Method::GET || request.headers().contains_key(idempotency::KEY_HEADER) {
        // Whoever keeps the answer writes it out itself, and the audit log names the request.
        request.extensions_mut().insert(request_id.clone());
    }
    let tenant = tracing::enabled!(tracing::Level::DEBUG).then(TenantSlot::default);
    if let Some(slot) = &tenant {
        request.extensions_mut().insert(slot.clone());
    }

    // A panic becomes a problem like any other, and the connection lives on.
    let answered = AssertUnwindSafe(admit(&app, request, next)).catch_unwind().await;
    let mut response = answered.unwrap_or_else(|_| panicked());
    let problem = response.extensions_mut().remove::<Problem>();
    if let Some(problem) = &problem {
        let trace_id = traceparent.as_ref().and_then(trace_id);
        let facts = RequestFacts {
            request_id: request_id.as_str(),
            trace_id,
            public_url: &app.settings.public_url,
            dialect: app.settings.rate_limit_headers,
        };
        response = written(problem, &facts, &response);
        if problem.status().is_server_error() && !matches!(problem.code(), Code::Overloaded) {
            tracing::warn!(request_id = %request_id, code = problem.code().name(), "a request failed");
        }
    }
    if let Ok(value) = HeaderValue::from_str(request_id.as_str()) {
        response.headers_mut().insert(REQUEST_ID_HEADER, value);
    }
    if app.is_draining.load(Ordering::Relaxed) {
        // Callers that keep connections open must look for another node.
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }

    let elapsed = started.elapsed();
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    app.route_metrics
        .record(route, &method, response.status(), elapsed.as_secs_f64());
    if let Some(slot) = tenant {
        tracing::debug!(
            target: "crosswalk::access",
            request_id = %request_id,
            method = %method,
            route,
            status = response.status().as_u16(),
            duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            tenant = slot.0.get().map_or("", TenantId::as_str),
            code = problem.as_ref().map_or("", |problem| problem.code().name()),
            "answered"
        );
    }
    response
}

/// The problem's own response, with headers that layers below added to the empty one (such as `Allow`).
fn written(problem: &Problem, facts: &RequestFacts<'_>, carrier: &Response) -> Response {
    let mut response = problem.render(facts);
    for (name, value) in carrier.headers() {
        if name != header::CONTENT_LENGTH && !response.headers().contains_key(name) {
            response.headers_mut().append(name.clone(), value.clone());
        }
    }
    response
}

/// The trace id of a well-formed `traceparent` (W3C Trace Context §3.2).
pub(crate) fn trace_id(traceparent: &HeaderValue) -> Option<&str> {
    let text = traceparent.to_str().ok()?;
    let mut parts = text.split('-');
    let (version, trace_id, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |part: &str, length: usize| {
        part.len() == length
            && part
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let is_sound = is_hex(version, 2)
        && version != "ff"
        && is_hex(trace_id, 32)
        && is_hex(parent, 16)
        && is_hex(flags, 2)
        && trace_id.bytes().any(|byte| byte != b'0');
    is_sound.then_some(trace_id)
}

/// Refuses what must not reach a handler, then waits for a place on the node.
async fn admit(app: &Gateway, request: Request, next: Next) -> Response {
    if let Err(problem) = check_head(app, &request) {
        return problem.into_response();
    }
    let is_always_admitted = request
        .extensions()
        .get::<MatchedPath>()
        .is_some_and(|route| ALWAYS_ADMITTED.contains(&route.as_str()));
    if is_always_admitted {
        return next.run(request).await;
    }
    let _permit = match app.permits.node().await {
        Ok(permit) => permit,
        Err(problem) => return problem.into_response(),
    };
    match body::read_ahead(request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check_head(app: &Gateway, request: &Request) -> Result<(), Problem> {
    let closing = |problem: Problem| problem.header(header::CONNECTION, HeaderValue::from_static("close"));
    if request.extensions().get::<Ambiguous>().is_some() {
        return Err(closing(Problem::new(
            Code::MalformedRequest,
            "The request can be framed in two ways: send one `Content-Length` or one `Transfer-Encoding: chunked`, no folded \
             header lines, and CRLF line ends.",
        )));
    }
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        return Err(closing(Problem::new(
            Code::MethodNotAllowed,
            "CONNECT and TRACE are not answered.",
        ))
        .header(
            header::ALLOW,
            HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE"),
        ));
    }
    let target_bytes = request
        .uri()
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    let max_bytes = app.settings.limits.url_max_bytes;
    if target_bytes > max_bytes {
        return Err(Problem::new(
            Code::UrlTooLong,
            format!("The request target has {target_bytes} bytes; {max_bytes} are read."),
        ));
    }
    check_headers(request.version(), request.headers()).map_err(closing)
}

fn check_headers(version: Version, headers: &HeaderMap) -> Result<(), Problem> {
    // Some servers read `X_Forwarded_For` as `X-Forwarded-For`: a name that means two things is refused.
    if let Some(name) = headers.keys().find(|name| name.as_str().contains('_')) {
        return Err(Problem::new(
            Code::MalformedRequest,
            format!("The header name `{name}` holds an underscore, which is not accepted."),
        ));
    }
    let hosts = headers.get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && version == Version::HTTP_11) {
        // RFC 9112 §3.2.
        return Err(Problem::new(
            Code::MalformedRequest,
            "The request must have one `Host` header.",
        ));
    }
    Ok(())
}

/// What a panic becomes. Its text stays in the log of the process: it may hold anything.
pub(crate) fn panicked() -> Response {
    metrics::counter!("crosswalk_panics_total").increment(1);
    Problem::new(Code::Internal, "The request met an error of the gateway.").into_response()
}

const METHODS: [Method; 6] = [
    Method::GET,
    Method::POST,
    Method::PATCH,
    Method::PUT,
    Method::DELETE,
    Method::HEAD,
];
const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// The methods above and one place for all others.
const SERIES: usize = (METHODS.len() + 1) * STATUS_CLASSES.len();

/// The histogram of each route, method and class of status, found without building a label.
pub(crate) struct RouteMetrics(HashMap<&'static str, [OnceLock<Histogram>; SERIES]>);

impl RouteMetrics {
    pub(crate) fn new() -> Self {
        metrics::describe_histogram!(
            "crosswalk_http_request_duration_seconds",
            metrics::Unit::Seconds,
            "Time from a request's head to its answer's head."
        );
        metrics::describe_counter!(
            "crosswalk_shed_total",
            "Requests refused because too many were in flight."
        );
        metrics::describe_counter!("crosswalk_panics_total", "Requests that ended in a panic.");
        let routes = router::routes()
            .into_iter()
            .map(|route| route.path)
            .chain([NO_ROUTE]);
        Self(
            routes
                .map(|route| (route, [const { OnceLock::new() }; SERIES]))
                .collect(),
        )
    }

    fn record(&self, route: &str, method: &Method, status: StatusCode, seconds: f64) {
        let Some((route, series)) = self.0.get_key_value(route) else {
            return;
        };
        let method_index = METHODS
            .iter()
            .position(|known| known == method)
            .unwrap_or(METHODS.len());
        let class_index = usize::from(status.as_u16() / 100).clamp(1, STATUS_CLASSES.len()) - 1;
        let histogram = series[method_index * STATUS_CLASSES.len() + class_index].get_or_init(|| {
            // `_OTHER` is what OpenTelemetry's conventions call a method outside the known ones.
            let method = METHODS
                .get(method_index)
                .map_or("_OTHER", Method::as_str)
                .to_owned();
            metrics::histogram!(
                "crosswalk_http_request_duration_seconds",
                "route" => *route, "method" => method, "status_class" => STATUS_CLASSES[class_index]
            )
        });
        histogram.record(seconds);
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Version};

    use super::{check_headers, trace_id};

    #[test]
    fn header_names_and_hosts_are_unambiguous() {
        let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
            let mut map = HeaderMap::new();
            for (name, value) in pairs {
                map.append(*name, HeaderValue::from_static(value));
            }
            map
        };
        assert!(check_headers(Version::HTTP_11, &headers(&[("host", "x")])).is_ok());
        assert!(check_headers(Version::HTTP_10, &headers(&[])).is_ok());
        assert!(check_headers(Version::HTTP_11, &headers(&[])).is_err());
        assert!(check_headers(Version::HTTP_11, &headers(&[("host", "x"), ("host", "y")])).is_err());
        assert!(
            check_headers(
                Version::HTTP_11,
                &headers(&[("host", "x"), ("x_forwarded_for", "y")])
            )
            .is_err()
        );
    }

    #[test]
    fn only_a_sound_traceparent_is_echoed() {
        let id = "0af7651916cd43dd8448eb211c80319c";
        let sound = HeaderValue::from_str(&format!("00-{id}-b7ad6b7169203331-01")).unwrap();
        assert_eq!(trace_id(&sound), Some(id));
        for text in [
            "",
            "00",
            "00-x-y-z",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        ] {
            assert_eq!(trace_id(&HeaderValue::from_str(text).unwrap()), None, "{text}");
        }
        let upper = format!("00-{}-b7ad6b7169203331-01", id.to_uppercase());
        assert_eq!(trace_id(&HeaderValue::from_str(&upper).unwrap()), None);
    }
}
