//! A running gateway, as every command that needs one speaks to it.

mod http;

use std::fmt::Write as _;
use std::time::Duration;

use ::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use ::http::{HeaderValue, Method, Request};
use anyhow::{Context as _, anyhow, bail, ensure};
use clap::Args;
use serde_json::Value;
use url::Url;

pub(crate) use self::http::{Http, Reply};
use crate::output::{prose, text_of};

/// Longest wait for an answer, unless a command says otherwise: a test of a connection may take as long as a call may.
const TIMEOUT: Duration = Duration::from_secs(70);
/// Objects asked for at a time.
const PAGE: usize = 200;

/// Where a gateway is.
#[derive(Debug, Args)]
pub(crate) struct Address {
    /// Where the gateway is. https trusts whom the system trusts, or the file of certificates that `SSL_CERT_FILE` names; http
    /// shows the key to every network on the way.
    #[arg(
        long,
        env = "CROSSWALK_URL",
        default_value = "http://127.0.0.1:8080",
        global = true,
        help_heading = "Gateway"
    )]
    pub(crate) url: String,
}

/// How a tenant reaches a gateway.
#[derive(Debug, Args)]
pub(crate) struct TenantAccess {
    #[command(flatten)]
    address: Address,
    /// The tenant's API key; in the variable nobody else on the machine sees it.
    #[arg(
        long,
        env = "CROSSWALK_API_KEY",
        hide_env_values = true,
        global = true,
        help_heading = "Gateway"
    )]
    key: Option<String>,
}

/// How the operator reaches a gateway.
#[derive(Debug, Args)]
pub(crate) struct OperatorAccess {
    #[command(flatten)]
    address: Address,
    /// The operator key; in the variable nobody else on the machine sees it.
    #[arg(
        long,
        env = "CROSSWALK_OPERATOR_KEY",
        hide_env_values = true,
        global = true,
        help_heading = "Gateway"
    )]
    key: Option<String>,
}

impl TenantAccess {
    pub(crate) fn gateway(&self) -> anyhow::Result<Gateway> {
        Gateway::at(&self.address.url, self.key.as_deref(), "CROSSWALK_API_KEY")
    }
}

impl OperatorAccess {
    pub(crate) fn gateway(&self) -> anyhow::Result<Gateway> {
        Gateway::at(&self.address.url, self.key.as_deref(), "CROSSWALK_OPERATOR_KEY")
    }
}

/// What a request brings along.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body<'a> {
    Nothing,
    Json(&'a Value),
    /// A mapping document; JSON is YAML too.
    Yaml(&'a str),
}

/// A gateway and the key it is spoken to with.
pub(crate) struct Gateway {
    url: Url,
    http: Http,
    authorization: HeaderValue,
    connection: Option<HeaderValue>,
    timeout: Duration,
}

impl Gateway {
    /// `variable` is named to who gives no key.
    pub(crate) fn at(url: &str, key: Option<&str>, variable: &str) -> anyhow::Result<Self> {
        let key = key.unwrap_or_default();
        ensure!(
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()),
            "--key: name the key, here or in {variable}"
        );
        let mut authorization = HeaderValue::from_str(&format!("Bearer {key}"))?;
        authorization.set_sensitive(true);
        let read = Url::parse(url).with_context(|| format!("--url {url}"))?;
        ensure!(
            read.has_host()
                && read.username().is_empty()
                && read.password().is_none()
                && read.query().is_none()
                && read.fragment().is_none(),
            "--url: name a scheme, a host, and a port and a path if need be, as http://127.0.0.1:8080"
        );
        Ok(Self {
            http: Http::of(&read).with_context(|| format!("--url {url}"))?,
            url: read,
            authorization,
            connection: None,
            timeout: TIMEOUT,
        })
    }

    /// Speaks of this connection, where a route takes one.
    pub(crate) fn for_connection(mut self, id: &str) -> anyhow::Result<Self> {
        ensure!(
            !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic()),
            "{}: not an id of a connection",
            text_of(&Value::from(id))
        );
        self.connection = Some(HeaderValue::from_str(id)?);
        Ok(self)
    }

    pub(crate) fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> anyhow::Result<Value> {
        self.call(Method::GET, path, query, Body::Nothing).await
    }

    pub(crate) async fn post(&self, path: &[&str], body: &Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, &[], Body::Json(body)).await
    }

    pub(crate) async fn delete(&self, path: &[&str]) -> anyhow::Result<Value> {
        self.call(Method::DELETE, path, &[], Body::Nothing).await
    }

    /// The first `count_max` of a list, page by page, and whether there are more.
    pub(crate) async fn list(
        &self,
        path: &[&str],
        filters: &[(&str, Option<&str>)],
        count_max: usize,
    ) -> anyhow::Result<(Vec<Value>, bool)> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let limit = (count_max - all.len()).min(PAGE).to_string();
            let mut query = vec![("limit", limit.as_str())];
            query.extend(
                filters
                    .iter()
                    .filter_map(|(name, value)| Some((*name, (*value)?))),
            );
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = self.get(path, &query).await?;
            all.extend(rows(&page));
            match page["next_cursor"].as_str() {
                Some(_) if all.len() >= count_max => return Ok((all, true)),
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok((all, false)),
            }
        }
    }

    /// Makes one call and answers what the gateway did; null where it says nothing. A refusal is the error.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Body<'_>,
    ) -> anyhow::Result<Value> {
        let url = self.route(path, query)?;
        let (bytes, kind) = match body {
            Body::Nothing => (String::new(), None),
            Body::Json(value) => (value.to_string(), Some("application/json")),
            Body::Yaml(text) => (text.to_owned(), Some("application/yaml")),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(url.as_str())
            .header(AUTHORIZATION, &self.authorization);
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        if let Some(connection) = &self.connection {
            request = request.header("x-connection-id", connection);
        }
        let request = request.body(bytes.into())?;
        let reply = self.http.send(request, self.timeout).await?;
        answer(&reply, &self.url)
    }

    /// The address of a route. No part of it can lead to another one.
    fn route(&self, path: &[&str], query: &[(&str, &str)]) -> anyhow::Result<Url> {
        // `.` and `..` would be left out of a path, and what is empty would end it: the list in place of one of its members.
        if let Some(wrong) = path.iter().find(|part| matches!(**part, "" | "." | "..")) {
            bail!("`{wrong}`: neither an id nor a name");
        }
        let mut url = self.url.clone();
        url.path_segments_mut()
            .map_err(|()| anyhow!("--url {}: not where a gateway can stand", self.url))?
            .pop_if_empty()
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }
}

/// The objects of a list.
pub(crate) fn rows(page: &Value) -> Vec<Value> {
    page["result"].as_array().cloned().unwrap_or_default()
}

fn answer(reply: &Reply, gateway: &Url) -> anyhow::Result<Value> {
    if reply.status.is_success() && reply.body.is_empty() {
        return Ok(Value::Null);
    }
    if reply.status.is_redirection() {
        let to = reply.headers.get(LOCATION).map(HeaderValue::as_bytes);
        let to = String::from_utf8_lossy(to.unwrap_or_default()).into_owned();
        bail!(
            "{gateway} answered with a redirect ({}) to {}, which is not followed: name the gateway itself with --url",
            reply.status.as_u16(),
            text_of(&Value::from(to))
        );
    }
    let answer: Value = serde_json::from_str(&reply.body).map_err(|_| {
        anyhow!(
            "{gateway} answered {}, and not as a gateway does",
            reply.status.as_u16()
        )
    })?;
    if reply.status.is_success() {
        return Ok(answer);
    }
    bail!("{}", refusal(&answer))
}

/// What a problem document tells a person, in which nothing can steer a terminal.
fn refusal(problem: &Value) -> String {
    let detail = problem["detail"].as_str().unwrap_or("the gateway refused");
    let mut told = prose(detail);
    if problem["allowed"].as_array().is_some_and(|list| !list.is_empty()) {
        // Writing to a String cannot fail.
        let _ = write!(told, " Allowed: {}.", text_of(&problem["allowed"]));
    }
    if problem["code"].is_string() {
        let (code, request_id) = (text_of(&problem["code"]), text_of(&problem["request_id"]));
        let _ = write!(told, " ({code}, {request_id})");
    }
    // The detail tells the first; a document may have many.
    let mistakes = problem["errors"].as_array().filter(|all| all.len() > 1);
    for mistake in mistakes.into_iter().flatten() {
        let place = ["line", "column", "key"].into_iter().filter_map(|name| {
            let at = &mistake[name];
            (!at.is_null()).then(|| format!("{name} {}", text_of(at)))
        });
        let (place, message) = (place.collect::<Vec<_>>().join(", "), text_of(&mistake["message"]));
        let _ = write!(told, "\n  {place}: {message}");
    }
    told
}

#[cfg(test)]
mod tests;
