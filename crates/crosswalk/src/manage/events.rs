//! `crosswalk events`.

use clap::{Args, Subcommand};

use crate::client::TenantAccess;
use crate::output::{Listing, object};

/// The command with how the gateway is reached.
#[derive(Debug, Args)]
pub(crate) struct Events {
    #[command(flatten)]
    tenant: TenantAccess,
    #[command(subcommand)]
    command: EventsCommand,
}

#[derive(Debug, Subcommand)]
enum EventsCommand {
    /// List them, the latest first; they are kept thirty days.
    List {
        /// Only of this connection.
        #[arg(long, value_name = "ID")]
        connection: Option<String>,
        /// Only of this type, such as `connection.needs_reauth`.
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Print one as JSON.
    Show {
        /// The event's id.
        id: String,
    },
}

pub(crate) async fn run(Events { tenant, command }: &Events) -> anyhow::Result<String> {
    let gateway = tenant.gateway()?;
    match command {
        EventsCommand::List {
            connection,
            kind,
            listing,
        } => {
            let filters = [
                ("connection_id", connection.as_deref()),
                ("type", kind.as_deref()),
            ];
            let found = gateway.list(&["events"], &filters, listing.count_max()).await?;
            Ok(listing.print(found, &["id", "timestamp", "type", "connection_id", "data"]))
        }
        EventsCommand::Show { id } => Ok(object(&gateway.get(&["events", id], &[]).await?)),
    }
}
