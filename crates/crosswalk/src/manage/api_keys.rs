//! `crosswalk api-keys`.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::{body, text};
use crate::client::{Body, Gateway, OperatorAccess, rows};
use crate::output::{Form, object};

/// The command with how the gateway is reached.
#[derive(Debug, Args)]
pub(crate) struct ApiKeys {
    #[command(flatten)]
    operator: OperatorAccess,
    #[command(subcommand)]
    command: ApiKeysCommand,
}

#[derive(Debug, Subcommand)]
enum ApiKeysCommand {
    /// List a tenant's keys, without their secrets.
    List {
        /// The tenant's id.
        #[arg(long)]
        tenant: String,
        #[command(flatten)]
        form: Form,
    },
    /// Create a key and print it as JSON: the one time that its secret is shown.
    Create(NewKey),
    /// Create a key that may do the same in place of this one, which works on for a while, and print the new one as JSON: the
    /// one time that its secret is shown.
    Rotate {
        /// The tenant's id.
        #[arg(long)]
        tenant: String,
        /// The key's id.
        id: String,
        /// How long the old key still works, seconds [default: a day].
        #[arg(long)]
        grace_s: Option<u64>,
    },
    /// Revoke a key: it stops at once, on every node.
    Revoke {
        /// The tenant's id.
        #[arg(long)]
        tenant: String,
        /// The key's id.
        id: String,
    },
}

#[derive(Debug, Args)]
struct NewKey {
    /// The tenant's id.
    #[arg(long)]
    tenant: String,
    /// A name for people.
    #[arg(long)]
    name: String,
    /// What it may do: read, write, proxy, manage; everything when none is named.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Begin the key with `cw_test_`.
    #[arg(long)]
    test: bool,
    /// When it stops working, as `2027-05-01T00:00:00Z`.
    #[arg(long)]
    expires_at: Option<String>,
}

pub(crate) async fn run(ApiKeys { operator, command }: &ApiKeys) -> anyhow::Result<String> {
    let gateway = operator.gateway()?;
    match command {
        ApiKeysCommand::List { tenant, form } => {
            let listed = gateway
                .get(&["admin", "keys"], &[("tenant_id", tenant.as_str())])
                .await?;
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
            Ok(form.print(&rows(&listed), &columns))
        }
        ApiKeysCommand::Create(new) => create(&gateway, new).await,
        ApiKeysCommand::Rotate { tenant, id, grace_s } => {
            let body = body([("grace_s", grace_s.map(Value::from))]);
            let (path, of) = (["admin", "keys", id, "rotate"], [("tenant_id", tenant.as_str())]);
            let rotated = gateway.call(Method::POST, &path, &of, Body::Json(&body)).await?;
            Ok(object(&rotated))
        }
        ApiKeysCommand::Revoke { tenant, id } => {
            let (path, of) = (["admin", "keys", id], [("tenant_id", tenant.as_str())]);
            gateway.call(Method::DELETE, &path, &of, Body::Nothing).await?;
            Ok(format!("{id} is revoked\n"))
        }
    }
}

async fn create(gateway: &Gateway, new: &NewKey) -> anyhow::Result<String> {
    let body = body([
        ("tenant_id", Some(json!(new.tenant))),
        ("name", Some(json!(new.name))),
        ("scopes", Some(json!(new.scopes))),
        ("test", Some(json!(new.test))),
        ("expires_at", text(new.expires_at.as_ref())),
    ]);
    Ok(object(&gateway.post(&["admin", "keys"], &body).await?))
}
