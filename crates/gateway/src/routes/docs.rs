//! `/openapi.json` and `/docs`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use crate::openapi::openapi as document;
use crate::pages::docs::main_html;
use crate::pages::{Page, Script};
use crate::state::App;

pub(crate) async fn openapi(State(app): State<App>) -> Response {
    let text = app
        .openapi
        .get_or_init(|| Bytes::from(document(&app.catalog).to_string()))
        .clone();
    let mut response = text.into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(crate) async fn page(State(app): State<App>) -> Response {
    let main = app
        .docs_page
        .get_or_init(|| main_html(&document(&app.catalog)))
        .clone();
    Page {
        status: StatusCode::OK,
        title: "Crosswalk API".to_owned(),
        main,
        class: "wide",
        script: Script::None,
    }
    .response(&app.settings.public_url)
}
