//! `crosswalk providers`.

use clap::{Args, Subcommand};

use crate::client::{OperatorAccess, rows};
use crate::output::Form;

/// The command with how the gateway is reached.
#[derive(Debug, Args)]
pub(crate) struct Providers {
    #[command(flatten)]
    operator: OperatorAccess,
    #[command(subcommand)]
    command: ProvidersCommand,
}

#[derive(Debug, Subcommand)]
enum ProvidersCommand {
    /// List them: which the gateway is configured for, and the redirect URI that each must be told; --json tells their
    /// scopes, environments and resources too.
    List {
        #[command(flatten)]
        form: Form,
    },
}

pub(crate) async fn run(Providers { operator, command }: &Providers) -> anyhow::Result<String> {
    let ProvidersCommand::List { form } = command;
    let listed = operator.gateway()?.get(&["admin", "providers"], &[]).await?;
    let columns = ["name", "display_name", "is_configured", "flows", "redirect_uri"];
    Ok(form.print(&rows(&listed), &columns))
}
