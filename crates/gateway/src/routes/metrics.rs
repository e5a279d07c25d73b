//! `/metrics` in Prometheus' text format.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};

use crate::code::Code;
use crate::problem::Problem;
use crate::state::App;

/// The scrape on a port of its own.
pub(crate) async fn scrape(State(app): State<App>) -> Response {
    let mut response = (app.metrics_text)().into_response();
    let format = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, format);
    response
}

/// The scrape beside the API: only where nobody but this machine can reach it.
pub(crate) async fn scrape_beside_api(state: State<App>) -> Result<Response, Problem> {
    let settings = &state.settings;
    if settings.metrics_bind.is_none() && settings.bind.ip().is_loopback() {
        return Ok(scrape(state).await);
    }
    Err(Problem::new(
        Code::UnknownRoute,
        "There is no such route; /openapi.json lists them all.",
    ))
}
