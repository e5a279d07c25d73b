//! `crosswalk connect`.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{body, switch, text, texts};
use crate::client::TenantAccess;
use crate::output::{Form, object, text_of};

/// The command with how the gateway is reached.
#[derive(Debug, Args)]
pub(crate) struct Connect {
    #[command(flatten)]
    tenant: TenantAccess,
    #[command(subcommand)]
    command: ConnectCommand,
}

#[derive(Debug, Subcommand)]
enum ConnectCommand {
    /// Print a link for a customer to connect an org with. It works once, in one browser, until it expires.
    Session(NewSession),
    /// Print a link to the page on which a customer's admin maps their own fields. It works once, in one
    /// browser, until it expires.
    MappingSession {
        /// The connection's id.
        connection: String,
        /// A resource that the page offers; it may stand more than once, and all are offered without.
        #[arg(long = "resource", value_name = "RESOURCE")]
        resources: Vec<String>,
        /// Where the browser goes in the end; the gateway's configuration lists what is allowed.
        #[arg(long, value_name = "URL")]
        return_to: Option<String>,
        #[command(flatten)]
        form: Form,
    },
}

#[derive(Debug, Args)]
struct NewSession {
    /// The provider's name.
    provider: String,
    /// Where the org is, such as `sandbox`; without it the person chooses.
    #[arg(long)]
    environment: Option<String>,
    /// The org's own host for logins, where the environment takes one.
    #[arg(long)]
    login_host: Option<String>,
    /// The tenant's own id for the connection.
    #[arg(long)]
    external_id: Option<String>,
    /// What to ask the provider for, instead of its document's scopes; may stand more than once.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Where the browser goes in the end; the gateway's configuration lists what is allowed.
    #[arg(long, value_name = "URL")]
    return_to: Option<String>,
    /// Connect this connection anew instead of making one.
    #[arg(long, value_name = "ID")]
    connection: Option<String>,
    /// Let that connection pass to another account.
    #[arg(long, requires = "connection")]
    allow_account_change: bool,
    /// The link is opened in a popup by a page of this origin, such as `https://app.example.com`.
    #[arg(long, value_name = "ORIGIN")]
    popup_of: Option<String>,
    #[command(flatten)]
    form: Form,
}

pub(crate) async fn run(Connect { tenant, command }: &Connect) -> anyhow::Result<String> {
    let gateway = tenant.gateway()?;
    let (made, form) = match command {
        ConnectCommand::Session(new) => {
            let popup = new.popup_of.as_ref().map(|_| Value::from("popup"));
            let body = body([
                ("provider", text(Some(&new.provider))),
                ("environment", text(new.environment.as_ref())),
                ("login_host", text(new.login_host.as_ref())),
                ("external_id", text(new.external_id.as_ref())),
                ("scopes", texts(&new.scopes)),
                ("return_to", text(new.return_to.as_ref())),
                ("connection_id", text(new.connection.as_ref())),
                ("allow_account_change", switch(new.allow_account_change)),
                ("mode", popup),
                ("opener_origin", text(new.popup_of.as_ref())),
            ]);
            (gateway.post(&["connect", "sessions"], &body).await?, new.form)
        }
        ConnectCommand::MappingSession {
            connection,
            resources,
            return_to,
            form,
        } => {
            let path = ["connections", connection, "mapping_sessions"];
            let body = body([
                ("resources", texts(resources)),
                ("return_to", text(return_to.as_ref())),
            ]);
            (gateway.post(&path, &body).await?, *form)
        }
    };
    Ok(if form.json {
        object(&made)
    } else {
        format!("{}\n", text_of(&made["url"]))
    })
}
