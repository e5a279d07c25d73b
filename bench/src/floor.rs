//! The least server that does the job: axum in front, hyper-util's pooled client behind, nothing else.
//! `/value` and `/borrowed` answer transformed pages; every other path is proxied as it is.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use tokio::net::TcpListener;

use crate::arguments::Arguments;
use crate::{transform, upstream};

#[derive(Clone)]
struct Floor {
    upstream: Authority,
    proxying: Client<HttpConnector, Body>,
    reading: Client<HttpConnector, Empty<Bytes>>,
}

#[derive(Deserialize)]
struct Wanted {
    records: usize,
}

/// `bench floor`.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let bind: SocketAddr = arguments.required("bind")?.parse()?;
    let upstream: Uri = arguments.required("upstream")?.parse()?;
    let upstream = upstream
        .into_parts()
        .authority
        .ok_or_else(|| anyhow::anyhow!("--upstream without a host"))?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let floor = Floor {
        upstream,
        proxying: Client::builder(TokioExecutor::new()).build(connector.clone()),
        reading: Client::builder(TokioExecutor::new()).build(connector),
    };
    let router = Router::new()
        .route(
            "/value",
            get(|State(floor), Query(wanted)| transformed(floor, wanted, transform::by_value)),
        )
        .route(
            "/borrowed",
            get(|State(floor), Query(wanted)| transformed(floor, wanted, transform::by_borrowing)),
        )
        .fallback(proxied)
        .with_state(floor);
    axum::serve(TcpListener::bind(bind).await?, router).await?;
    Ok(())
}

impl Floor {
    fn uri(&self, target: PathAndQuery) -> Result<Uri, http::Error> {
        Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.upstream.clone())
            .path_and_query(target)
            .build()
    }
}

async fn proxied(State(floor): State<Floor>, mut request: Request) -> Response {
    let target = request
        .uri()
        .path_and_query()
        .cloned()
        .unwrap_or_else(|| PathAndQuery::from_static("/"));
    let Ok(uri) = floor.uri(target) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    *request.uri_mut() = uri;
    request.headers_mut().remove(header::HOST);
    match floor.proxying.request(request).await {
        Ok(reply) => reply.map(Body::new).into_response(),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

async fn transformed(
    floor: Floor,
    wanted: Wanted,
    transform: fn(&[u8]) -> serde_json::Result<Vec<u8>>,
) -> Result<Response, StatusCode> {
    let target = upstream::page_path(wanted.records)
        .parse()
        .map_err(|_| StatusCode::BAD_REQUEST)?;
    let uri = floor.uri(target).map_err(|_| StatusCode::BAD_REQUEST)?;
    let reply = floor
        .reading
        .get(uri)
        .await
        .map_err(|_| StatusCode::BAD_GATEWAY)?;
    let page = reply
        .into_body()
        .collect()
        .await
        .map_err(|_| StatusCode::BAD_GATEWAY)?
        .to_bytes();
    let body = transform(&page).map_err(|_| StatusCode::BAD_GATEWAY)?;
    let mut response = Response::new(Body::from(body));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
