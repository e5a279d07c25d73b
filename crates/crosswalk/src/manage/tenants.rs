//! `crosswalk tenants`.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::client::{OperatorAccess, rows};
use crate::output::{Form, object};

/// The command with how the gateway is reached.
#[derive(Debug, Args)]
pub(crate) struct Tenants {
    #[command(flatten)]
    operator: OperatorAccess,
    #[command(subcommand)]
    command: TenantsCommand,
}

#[derive(Debug, Subcommand)]
enum TenantsCommand {
    /// List them all.
    List {
        #[command(flatten)]
        form: Form,
    },
    /// Create one and print it as JSON.
    Create {
        /// Its name, which its customers see when they connect.
        name: String,
    },
}

pub(crate) async fn run(Tenants { operator, command }: &Tenants) -> anyhow::Result<String> {
    let gateway = operator.gateway()?;
    match command {
        TenantsCommand::List { form } => {
            let listed = gateway.get(&["admin", "tenants"], &[]).await?;
            Ok(form.print(&rows(&listed), &["id", "name", "created_at"]))
        }
        TenantsCommand::Create { name } => {
            let created = gateway
                .post(&["admin", "tenants"], &json!({ "name": name }))
                .await?;
            Ok(object(&created))
        }
    }
}
