//! `crosswalk connections`.

use std::path::PathBuf;

use anyhow::ensure;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::{body, file, switch, text};
use crate::client::{Body, Gateway, TenantAccess};
use crate::output::{Form, object, table, text_of};

/// The command with how the gateway is reached.
#[derive(Debug, Args)]
pub(crate) struct Connections {
    #[command(flatten)]
    tenant: TenantAccess,
    #[command(subcommand)]
    command: ConnectionsCommand,
}

#[derive(Debug, Subcommand)]
enum ConnectionsCommand {
    /// List them all, one to a line.
    List {
        #[command(flatten)]
        filters: Filters,
        #[command(flatten)]
        form: Form,
    },
    /// Connect without a browser, with a credential of the customer's, and print the connection as JSON.
    Create(NewConnection),
    /// Print one as JSON.
    Show {
        /// The connection's id.
        id: String,
    },
    /// Print what this node last heard of the provider's limits.
    Quota {
        /// The connection's id.
        id: String,
        #[command(flatten)]
        form: Form,
    },
    /// Make one cheap call to the provider; the exit code tells whether it works.
    Test {
        /// The connection's id.
        id: String,
    },
    /// Give a connection another id of the tenant's own, or take it away.
    Rename {
        /// The connection's id.
        id: String,
        /// The tenant's own id for it.
        #[arg(required_unless_present = "none")]
        external_id: Option<String>,
        /// Take the id away.
        #[arg(long, conflicts_with = "external_id")]
        none: bool,
    },
    /// Send nothing to the provider until resumed. State and credentials stay.
    Pause {
        /// The connection's id.
        id: String,
    },
    /// End a pause.
    Resume {
        /// The connection's id.
        id: String,
    },
    /// Forget a connection and its credentials, and ask the provider to end the grant.
    Delete {
        /// The connection's id.
        id: String,
    },
}

#[derive(Debug, Args)]
struct Filters {
    /// Only of this provider.
    #[arg(long)]
    provider: Option<String>,
    /// Only with this id of the tenant's own.
    #[arg(long)]
    external_id: Option<String>,
    /// Only in this state, such as `needs_reauth`.
    #[arg(long)]
    state: Option<String>,
    /// Only in this environment.
    #[arg(long)]
    environment: Option<String>,
    /// Only where the external id, the account's id or the API's host begins so.
    #[arg(long)]
    search: Option<String>,
    /// `created_at` or `-created_at`.
    #[arg(long, allow_hyphen_values = true)]
    sort: Option<String>,
}

#[derive(Debug, Args)]
struct NewConnection {
    /// The provider's name.
    provider: String,
    /// `client_credentials` or `jwt_bearer`.
    #[arg(long)]
    flow: String,
    /// Where the org is, such as `sandbox` [default: production].
    #[arg(long)]
    environment: Option<String>,
    /// The org's own host for logins, where the environment takes one.
    #[arg(long)]
    login_host: Option<String>,
    /// The tenant's own id for the connection.
    #[arg(long)]
    external_id: Option<String>,
    /// The id of the client at the provider, when it is the customer's own.
    #[arg(long)]
    client_id: Option<String>,
    /// A file that holds the client's secret; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// The user to read and write as, for `jwt_bearer`.
    #[arg(long)]
    username: Option<String>,
    /// A file that holds the RSA key in PEM, for `jwt_bearer`; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    private_key_file: Option<PathBuf>,
    /// Connect this connection anew instead of making one.
    #[arg(long, value_name = "ID")]
    connection: Option<String>,
    /// Let that connection pass to another account.
    #[arg(long, requires = "connection")]
    allow_account_change: bool,
}

pub(crate) async fn run(Connections { tenant, command }: &Connections) -> anyhow::Result<String> {
    let gateway = tenant.gateway()?;
    match command {
        ConnectionsCommand::List { filters, form } => list(&gateway, filters, *form).await,
        ConnectionsCommand::Create(new) => create(&gateway, new).await,
        ConnectionsCommand::Show { id } => Ok(object(&gateway.get(&["connections", id], &[]).await?)),
        ConnectionsCommand::Quota { id, form } => quota(&gateway, id, *form).await,
        ConnectionsCommand::Test { id } => {
            let path = ["connections", id, "test"];
            let tested = gateway.call(Method::POST, &path, &[], Body::Nothing).await?;
            ensure!(tested["ok"] == true, "{}", object(&tested).trim_end());
            Ok(format!("works, {} ms\n", tested["latency_ms"]))
        }
        ConnectionsCommand::Rename { id, external_id, .. } => {
            let changed = change(&gateway, id, &json!({ "external_id": external_id })).await?;
            let external_id = &changed["external_id"];
            Ok(if external_id.is_null() {
                format!("{id} has no external id\n")
            } else {
                format!("{id} has the external id {}\n", text_of(external_id))
            })
        }
        ConnectionsCommand::Pause { id } => pause(&gateway, id, true).await,
        ConnectionsCommand::Resume { id } => pause(&gateway, id, false).await,
        ConnectionsCommand::Delete { id } => {
            gateway.delete(&["connections", id]).await?;
            Ok(format!("{id} is deleted\n"))
        }
    }
}

async fn list(gateway: &Gateway, filters: &Filters, form: Form) -> anyhow::Result<String> {
    let given = [
        ("provider", filters.provider.as_deref()),
        ("external_id", filters.external_id.as_deref()),
        ("state", filters.state.as_deref()),
        ("environment", filters.environment.as_deref()),
        ("search", filters.search.as_deref()),
        ("sort", filters.sort.as_deref()),
    ];
    let (found, _) = gateway.list(&["connections"], &given, usize::MAX).await?;
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
    Ok(form.print(&found, &columns))
}

async fn create(gateway: &Gateway, new: &NewConnection) -> anyhow::Result<String> {
    let secret = |path: &Option<PathBuf>| path.as_deref().map(file).transpose();
    // An editor ends a file with a new line, which is no part of a secret.
    let client_secret =
        secret(&new.client_secret_file)?.map(|text| Value::from(text.trim_end_matches(['\r', '\n'])));
    let body = body([
        ("provider", text(Some(&new.provider))),
        ("flow", text(Some(&new.flow))),
        ("environment", text(new.environment.as_ref())),
        ("login_host", text(new.login_host.as_ref())),
        ("external_id", text(new.external_id.as_ref())),
        ("client_id", text(new.client_id.as_ref())),
        ("client_secret", client_secret),
        ("username", text(new.username.as_ref())),
        ("private_key", secret(&new.private_key_file)?.map(Value::from)),
        ("connection_id", text(new.connection.as_ref())),
        ("allow_account_change", switch(new.allow_account_change)),
    ]);
    Ok(object(&gateway.post(&["connections"], &body).await?))
}

async fn quota(gateway: &Gateway, id: &str, form: Form) -> anyhow::Result<String> {
    let told = gateway.get(&["connections", id, "quota"], &[]).await?;
    if form.json {
        return Ok(object(&told));
    }
    if told["observed_at"].is_null() {
        return Ok("This node has seen no answer of the provider's yet.\n".to_owned());
    }
    let quotas = told["quotas"].as_array().cloned().unwrap_or_default();
    let columns = ["policy", "remaining", "limit", "unit", "window_s", "reset_s"];
    Ok(format!(
        "{}observed at {}\n",
        table(&quotas, &columns),
        text_of(&told["observed_at"])
    ))
}

async fn change(gateway: &Gateway, id: &str, body: &Value) -> anyhow::Result<Value> {
    gateway
        .call(Method::PATCH, &["connections", id], &[], Body::Json(body))
        .await
}

async fn pause(gateway: &Gateway, id: &str, paused: bool) -> anyhow::Result<String> {
    let changed = change(gateway, id, &json!({ "paused": paused })).await?;
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
