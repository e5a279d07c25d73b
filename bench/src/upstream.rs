//! A provider that costs as little as a provider can: every page is made once and answered from memory.
//!
//! It answers what a gateway asks before and while it reads records: authorization (agreed to at once), tokens that
//! never expire, descriptions in which every field exists that the mapping names, and pages.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use mapping::Catalog;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::arguments::Arguments;
use crate::pages::{self, Width};
use crate::processes::Process;

/// The path of a page with that many records, as the floors and nginx ask for it.
pub(crate) fn page_path(records: usize) -> String {
    format!("/services/data/v60.0/page?records={records}")
}

/// The path of a page of wide records, for proxies.
pub(crate) fn wide_page_path(records: usize) -> String {
    format!("/services/data/v60.0/page?records={records}&wide=true")
}

struct Upstream {
    base_url: String,
    /// How many records a query answers.
    query_records: AtomicUsize,
    /// Calls answered, tokens and descriptions too.
    calls: AtomicU64,
    pages: Mutex<BTreeMap<(usize, bool), Bytes>>,
    /// The fields of each described object.
    objects: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct PageWanted {
    records: usize,
    #[serde(default)]
    wide: bool,
}

#[derive(Deserialize)]
struct Authorize {
    redirect_uri: String,
    state: String,
}

/// Starts this program as the upstream.
pub(crate) async fn start(provider: &str, port: u16, folder: &std::path::Path) -> anyhow::Result<Process> {
    let mut command = Command::new(std::env::current_exe()?);
    let bind = format!("127.0.0.1:{port}");
    command.args(["upstream", "--provider", provider, "--bind", &bind]);
    Process::start("bench upstream", &mut command, port, &folder.join("upstream.log")).await
}

/// `bench upstream`.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let bind: SocketAddr = arguments.required("bind")?.parse()?;
    let upstream = Arc::new(Upstream {
        base_url: format!("http://{bind}"),
        query_records: AtomicUsize::new(200),
        calls: AtomicU64::new(0),
        pages: Mutex::default(),
        objects: objects(arguments.provider())?,
    });
    let router = Router::new()
        .route("/control/records/{count}", post(set_records))
        .route(
            "/control/calls",
            get(|State(upstream): State<Arc<Upstream>>| async move {
                upstream.calls.load(Ordering::Relaxed).to_string()
            }),
        )
        .route("/services/oauth2/authorize", get(authorize))
        .route("/services/oauth2/token", post(token))
        .route(
            "/services/data/{version}/sobjects/{object}/describe",
            get(describe),
        )
        .route("/services/data/{version}/query", get(query))
        .route("/services/data/{version}/page", get(page))
        .with_state(upstream);
    axum::serve(TcpListener::bind(bind).await?, router).await?;
    Ok(())
}

/// The objects and fields that the contact mapping reads, so that no field is missing from a description.
fn objects(provider: &str) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
    let catalog = Catalog::embedded()?;
    let plan = catalog.plan(provider, "contacts", &[])?;
    let mut objects: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let expanded = plan.expand.values().flat_map(|rule| &rule.fields);
    let mapped = plan
        .filters
        .values()
        .map(|filter| &filter.field)
        .chain(plan.sorts.values());
    for field in plan
        .fields
        .iter()
        .chain(expanded)
        .chain(mapped)
        .chain(&pages::field_names())
    {
        match field.split_once('.') {
            Some((relationship, rest)) => {
                objects
                    .entry(plan.object.clone())
                    .or_default()
                    .push(format!("{relationship}Id"));
                objects
                    .entry(relationship.to_owned())
                    .or_default()
                    .push(rest.to_owned());
            }
            None => objects
                .entry(plan.object.clone())
                .or_default()
                .push(field.clone()),
        }
    }
    for fields in objects.values_mut() {
        fields.extend(["Id", "SystemModstamp", "CreatedDate"].map(str::to_owned));
        fields.sort();
        fields.dedup();
    }
    Ok(objects)
}

async fn set_records(State(upstream): State<Arc<Upstream>>, Path(count): Path<usize>) -> StatusCode {
    upstream.query_records.store(count, Ordering::Relaxed);
    StatusCode::NO_CONTENT
}

async fn authorize(Query(asked): Query<Authorize>) -> Redirect {
    let state = utf8_percent_encode(&asked.state, NON_ALPHANUMERIC);
    let joint = if asked.redirect_uri.contains('?') {
        '&'
    } else {
        '?'
    };
    Redirect::to(&format!(
        "{}{joint}code=bench-code&state={state}",
        asked.redirect_uri
    ))
}

async fn token(State(upstream): State<Arc<Upstream>>) -> Json<Value> {
    upstream.calls.fetch_add(1, Ordering::Relaxed);
    let base_url = &upstream.base_url;
    Json(json!({
        "access_token": "00D8d0000000001!bench-access-token",
        "refresh_token": "bench-refresh-token",
        "signature": "x",
        "scope": "refresh_token api",
        "instance_url": base_url,
        "id": format!("{base_url}/id/00D8d0000000001EAA/0058d000000001AAA"),
        "token_type": "Bearer",
        "issued_at": "1795000000000",
    }))
}

async fn describe(
    State(upstream): State<Arc<Upstream>>,
    Path((_, object)): Path<(String, String)>,
) -> Response {
    upstream.calls.fetch_add(1, Ordering::Relaxed);
    let Some(fields) = upstream.objects.get(&object) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let fields: Vec<Value> = fields.iter().map(|name| field(name)).collect();
    Json(json!({ "name": object, "label": object, "custom": false, "queryable": true, "fields": fields }))
        .into_response()
}

fn field(name: &str) -> Value {
    let kind = match name {
        "Id" => "id",
        "Email" => "email",
        "LTV_Score__c" => "double",
        "Seats__c" => "int",
        _ if name.ends_with("Date") || name.ends_with("Stamp") || name.ends_with("stamp") => "datetime",
        _ if name.ends_with("Id") => "reference",
        _ if name.ends_with("Phone") => "phone",
        _ if name.starts_with("Is") => "boolean",
        _ => "string",
    };
    let relationship = name
        .strip_suffix("Id")
        .filter(|relationship| kind == "reference" && !relationship.is_empty());
    let targets: Vec<&str> = relationship.into_iter().collect();
    json!({
        "name": name, "label": name, "type": kind, "custom": name.ends_with("__c"), "length": 255, "precision": 18,
        "scale": 2, "filterable": true, "sortable": true, "groupable": true, "createable": true, "updateable": true,
        "nillable": true, "defaultedOnCreate": false, "externalId": false, "calculated": false, "unique": false,
        "referenceTo": targets, "relationshipName": relationship, "picklistValues": [],
    })
}

async fn query(State(upstream): State<Arc<Upstream>>) -> Response {
    let records = upstream.query_records.load(Ordering::Relaxed);
    upstream.answer(records, false)
}

async fn page(State(upstream): State<Arc<Upstream>>, Query(wanted): Query<PageWanted>) -> Response {
    upstream.answer(wanted.records, wanted.wide)
}

impl Upstream {
    fn answer(&self, records: usize, is_wide: bool) -> Response {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let width = if is_wide { Width::Proxied } else { Width::Mapped };
        let bytes = self
            .pages
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry((records, is_wide))
            .or_insert_with(|| pages::page(records, width).into())
            .clone();
        let mut response = Response::new(Body::from(bytes));
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json;charset=UTF-8"),
        );
        headers.insert(
            "sforce-limit-info",
            HeaderValue::from_static("api-usage=18/15000"),
        );
        response
    }
}
