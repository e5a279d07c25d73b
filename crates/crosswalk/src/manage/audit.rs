//! `crosswalk audit`.

use clap::Subcommand;

use crate::client::{OperatorAccess, TenantAccess};
use crate::output::Listing;

const COLUMNS: [&str; 8] = [
    "timestamp",
    "tenant_id",
    "actor",
    "action",
    "subject",
    "path",
    "status",
    "request_id",
];

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// List what was changed for the tenant and by which of its keys, the latest first.
    List {
        #[command(flatten)]
        listing: Listing,
        #[command(flatten)]
        tenant: TenantAccess,
    },
    /// List what was changed for every tenant and by the operator, the latest first; takes the operator key.
    ListAll {
        /// Only of this tenant.
        #[arg(long = "tenant", value_name = "ID")]
        of: Option<String>,
        #[command(flatten)]
        listing: Listing,
        #[command(flatten)]
        operator: OperatorAccess,
    },
}

pub(crate) async fn run(command: &AuditCommand) -> anyhow::Result<String> {
    let (listing, gateway, path, of): (_, _, &[&str], _) = match command {
        AuditCommand::List { listing, tenant } => (listing, tenant.gateway()?, &["audit"], None),
        AuditCommand::ListAll {
            of,
            listing,
            operator,
        } => (listing, operator.gateway()?, &["admin", "audit"], of.as_deref()),
    };
    let found = gateway
        .list(path, &[("tenant_id", of)], listing.count_max())
        .await?;
    Ok(listing.print(found, &COLUMNS))
}
