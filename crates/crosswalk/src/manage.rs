//! `crosswalk connections`, `tenants` and `api-keys`: the management API from a shell.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use model::Secret;
use serde_json::{Value, json};
use url::Url;

use crate::command_line::{
    ApiKeysCommand, ConnectionFilters, ConnectionsCommand, OperatorAccess, TenantAccess, TenantsCommand,
};
use crate::demo::http::{self, Request};

/// Longest wait for a gateway's answer: a test of a connection may take as long as a call may.
const TIMEOUT: Duration = Duration::from_secs(70);
/// Connections asked for at a time.
const PAGE: &str = "200";

/// Does one of the commands and answers what it has to say.
pub(crate) async fn connections(command: &ConnectionsCommand) -> anyhow::Result<String> {
    match command {
        ConnectionsCommand::List { filters, gateway } => list_connections(filters, &gateway.reached()?).await,
        ConnectionsCommand::Show { id, gateway } => {
            let shown = gateway
                .reached()?
                .call("GET", &["connections", id], &[], None)
                .await?;
            Ok(format!("{shown:#}\n"))
        }
        ConnectionsCommand::Test { id, gateway } => {
            let gateway = gateway.reached()?;
            let tested = gateway
                .call("POST", &["connections", id, "test"], &[], None)
                .await?;
            ensure!(tested["ok"] == true, "{tested:#}");
            Ok(format!("works, {} ms\n", tested["latency_ms"]))
        }
        ConnectionsCommand::Pause { id, gateway } => pause(id, true, &gateway.reached()?).await,
        ConnectionsCommand::Resume { id, gateway } => pause(id, false, &gateway.reached()?).await,
        ConnectionsCommand::Delete { id, gateway } => {
            gateway
                .reached()?
                .call("DELETE", &["connections", id], &[], None)
                .await?;
            Ok(format!("{id} is deleted\n"))
        }
    }
}

/// Does one of the commands and answers what it has to say.
pub(crate) async fn tenants(command: &TenantsCommand) -> anyhow::Result<String> {
    match command {
        TenantsCommand::List { operator } => {
            let operator = operator.reached()?;
            let listed = operator.call("GET", &["admin", "tenants"], &[], None).await?;
            Ok(table(&rows(&listed), &["id", "name", "created_at"]))
        }
        TenantsCommand::Create { name, operator } => {
            let body = json!({ "name": name });
            let operator = operator.reached()?;
            let created = operator
                .call("POST", &["admin", "tenants"], &[], Some(&body))
                .await?;
            Ok(format!("{created:#}\n"))
        }
    }
}

/// Does one of the commands and answers what it has to say.
pub(crate) async fn api_keys(command: &ApiKeysCommand) -> anyhow::Result<String> {
    match command {
        ApiKeysCommand::List { tenant, operator } => {
            let of = [("tenant_id", tenant.as_str())];
            let operator = operator.reached()?;
            let listed = operator.call("GET", &["admin", "keys"], &of, None).await?;
            let columns = [
                "id",
                "prefix",
                "name",
                "scopes",
                "created_at",
                "expires_at",
                "revoked_at",
                "last_used_at",
            ];
            Ok(table(&rows(&listed), &columns))
        }
        ApiKeysCommand::Create {
            tenant,
            name,
            scopes,
            test,
            expires_at,
            operator,
        } => {
            let mut body = json!({"tenant_id": tenant, "name": name, "scopes": scopes, "test": test});
            if let Some(expires_at) = expires_at {
                body["expires_at"] = Value::from(expires_at.as_str());
            }
            let operator = operator.reached()?;
            let created = operator
                .call("POST", &["admin", "keys"], &[], Some(&body))
                .await?;
            Ok(format!("{created:#}\n"))
        }
        ApiKeysCommand::Revoke { tenant, id, operator } => {
            let of = [("tenant_id", tenant.as_str())];
            let operator = operator.reached()?;
            operator.call("DELETE", &["admin", "keys", id], &of, None).await?;
            Ok(format!("{id} is revoked\n"))
        }
    }
}

async fn list_connections(filters: &ConnectionFilters, gateway: &Reached) -> anyhow::Result<String> {
    let mut all = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut query = vec![("limit", PAGE)];
        let given = [
            ("provider", &filters.provider),
            ("external_id", &filters.external_id),
            ("state", &filters.state),
            ("environment", &filters.environment),
            ("search", &filters.search),
            ("sort", &filters.sort),
            ("cursor", &cursor),
        ];
        query.extend(
            given
                .iter()
                .filter_map(|(name, value)| Some((*name, value.as_deref()?))),
        );
        let page = gateway.call("GET", &["connections"], &query, None).await?;
        all.extend(rows(&page));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    if filters.json {
        return Ok(all.iter().fold(String::new(), |mut text, connection| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{connection}");
            text
        }));
    }
    let columns = [
        "id",
        "provider",
        "environment",
        "external_id",
        "flow",
        "state",
        "paused",
        "created_at",
    ];
    Ok(table(&all, &columns))
}

async fn pause(id: &str, paused: bool, gateway: &Reached) -> anyhow::Result<String> {
    let body = json!({ "paused": paused });
    let changed = gateway
        .call("PATCH", &["connections", id], &[], Some(&body))
        .await?;
    let what = if changed["paused"] == true {
        "is paused"
    } else {
        "is not paused"
    };
    Ok(format!(
        "{id} {what}; its state is {}\n",
        text_of(&changed["state"])
    ))
}

fn rows(page: &Value) -> Vec<Value> {
    page["result"].as_array().cloned().unwrap_or_default()
}

/// Columns as wide as what stands in them; the first line names them.
fn table(rows: &[Value], columns: &[&str]) -> String {
    let mut lines: Vec<Vec<String>> = vec![columns.iter().map(|name| (*name).to_owned()).collect()];
    lines.extend(
        rows.iter()
            .map(|row| columns.iter().map(|name| text_of(&row[*name])).collect()),
    );
    let width = |column: usize| {
        lines
            .iter()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A value in a cell, in which nothing can steer a terminal.
fn text_of(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    text.chars()
        .map(|char| if char.is_control() { '?' } else { char })
        .collect()
}

/// A gateway and the key it is spoken to with.
#[derive(Debug)]
struct Reached {
    url: Url,
    key: Secret,
}

impl TenantAccess {
    fn reached(&self) -> anyhow::Result<Reached> {
        Reached::by(&self.url, self.key.as_deref(), "CROSSWALK_API_KEY")
    }
}

impl OperatorAccess {
    fn reached(&self) -> anyhow::Result<Reached> {
        Reached::by(&self.url, self.key.as_deref(), "CROSSWALK_OPERATOR_KEY")
    }
}

impl Reached {
    fn by(url: &str, key: Option<&str>, variable: &str) -> anyhow::Result<Self> {
        let key = key.unwrap_or_default();
        ensure!(
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()),
            "--key: name the key, here or in {variable}"
        );
        let read = Url::parse(url).with_context(|| format!("--url {url}"))?;
        ensure!(
            read.scheme() == "http",
            "--url {url}: only plain http is spoken, so from the machine or the network that the gateway stands in"
        );
        Ok(Self {
            url: read,
            key: Secret::new(key),
        })
    }

    async fn call(
        &self,
        method: &'static str,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let mut url = self.url.clone();
        url.path_segments_mut()
            .map_err(|()| anyhow!("--url {}: not where a gateway can stand", self.url))?
            .pop_if_empty()
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = Request::new(method, url.as_str(), body)
            .header("authorization", format!("Bearer {}", self.key.expose()));
        let reply = tokio::time::timeout(TIMEOUT, http::send(&request))
            .await
            .with_context(|| format!("{}: no answer within {} s", self.url, TIMEOUT.as_secs()))??;
        if reply.status == 204 {
            return Ok(Value::Null);
        }
        let answer: Value = serde_json::from_str(&reply.body)
            .with_context(|| format!("{}: not a gateway's answer", self.url))?;
        if (200..300).contains(&reply.status) {
            return Ok(answer);
        }
        let mut told = answer["detail"]
            .as_str()
            .unwrap_or("the gateway refused")
            .to_owned();
        let allowed = rows(&json!({"result": answer["allowed"]}));
        if !allowed.is_empty() {
            let _ = write!(told, " Allowed: {}.", text_of(&Value::Array(allowed)));
        }
        bail!("{told}")
    }
}

#[cfg(test)]
mod tests;
