//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::client::{OperatorAccess, TenantAccess};
use crate::manage::api_keys::ApiKeys;
use crate::manage::audit::AuditCommand;
use crate::manage::connect::Connect;
use crate::manage::connections::Connections;
use crate::manage::events::Events;
use crate::manage::overrides::OverridesCommand;
use crate::manage::providers::Providers;
use crate::manage::tenants::Tenants;
use crate::manage::webhooks::Webhooks;

/// One REST API over your customers' CRMs.
#[derive(Debug, Parser)]
#[command(name = "crosswalk", version, about, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the API.
    Serve(ServeOptions),
    /// Serve the API on a temporary database, beside a simulated org that is already connected.
    Demo(DemoOptions),
    /// Serve a simulated org on its own.
    Simulator(SimulatorOptions),
    /// Print a configuration file that documents every key.
    Config,
    /// Print a new master key.
    GenerateKey,
    /// Tell what is sealed by which key, move on to new keys, and let old ones go.
    Keys(Keys),
    /// Print the OpenAPI document.
    Openapi,
    /// Check, test and explain mapping documents; list, put, try and roll back a tenant's own.
    #[command(subcommand)]
    Mappings(MappingsCommand),
    /// Ask a running gateway whether it is ready; the exit code tells.
    Health(HealthOptions),
    /// Make a link for a customer to connect an org with, or to map fields with, through a running gateway.
    Connect(Connect),
    /// List, make, try, rename, pause and delete a tenant's connections, through a running gateway.
    Connections(Connections),
    /// List what happened to a tenant's connections, through a running gateway.
    Events(Events),
    /// List, create, change, try and delete a tenant's webhooks, and send again what failed, through a running gateway.
    Webhooks(Webhooks),
    /// List who changed what, through a running gateway.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// List and create tenants, through a running gateway.
    Tenants(Tenants),
    /// List, create, rotate and revoke the API keys of a tenant, through a running gateway.
    ApiKeys(ApiKeys),
    /// List the providers that a running gateway knows.
    Providers(Providers),
}

#[derive(Debug, Subcommand)]
pub(crate) enum MappingsCommand {
    /// Load a folder of documents as the gateway does, and tell the first mistake with its file, line and key.
    Check {
        /// The folder; it holds one for each provider.
        #[arg(default_value = "mappings")]
        folder: PathBuf,
    },
    /// Write the JSON Schemas of documents into a folder, for editors: `schema/` beside the providers.
    Schemas {
        /// The folder; it holds one for each provider.
        #[arg(default_value = "mappings")]
        folder: PathBuf,
    },
    /// Run the golden cases that stand beside the documents.
    Test {
        /// The folder; it holds one for each provider.
        #[arg(default_value = "mappings")]
        folder: PathBuf,
    },
    /// Print what a resource's documents come to when they are laid over each other, and the level each part comes from.
    Explain(ExplainOptions),
    #[command(flatten)]
    Overrides(OverridesCommand),
}

#[derive(Debug, Args)]
pub(crate) struct Keys {
    #[command(flatten)]
    pub(crate) operator: OperatorAccess,
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Count what each master key and each generation of data keys is needed for.
    Status,
    /// Wrap all data keys by the first master key, while everybody is served.
    Rotate {
        /// Also make a new data key for each tenant, and seal what is kept by it.
        #[arg(long)]
        data_keys: bool,
    },
    /// Record that a master key is no longer used; refused with counts while something needs it.
    Retire {
        /// The key's id.
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ExplainOptions {
    /// The provider's name and the resource, such as contacts; with --connection the resource alone.
    #[arg(required = true, num_args = 1..=2, value_names = ["PROVIDER", "RESOURCE"])]
    pub(crate) names: Vec<String>,
    /// A folder of documents, instead of those that this program ships with.
    #[arg(long)]
    pub(crate) folder: Option<PathBuf>,
    /// A document to lay over them: the first is the tenant's, the second the connection's.
    #[arg(long = "override", value_name = "FILE", num_args = 1)]
    pub(crate) overrides: Vec<PathBuf>,
    /// Ask a running gateway for the mapping that this connection has now.
    #[arg(long, value_name = "ID", conflicts_with_all = ["folder", "overrides"])]
    pub(crate) connection: Option<String>,
    #[command(flatten)]
    pub(crate) tenant: TenantAccess,
}

#[derive(Debug, Args)]
pub(crate) struct ServeOptions {
    /// The configuration file; without it, CROSSWALK_* variables and defaults.
    #[arg(long)]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// Print one line of JSON on standard output when ready, instead of the introduction.
    #[arg(long)]
    pub(crate) json: bool,
    /// Port of the gateway; 0 takes a free one.
    #[arg(long, default_value_t = 8080)]
    pub(crate) port: u16,
    /// Port of the simulated org; 0 takes a free one.
    #[arg(long, default_value_t = 8081)]
    pub(crate) simulator_port: u16,
    /// Keep the database and the master key here; without it they go when the demo ends.
    #[arg(long)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Append each distinct statement that the org is asked to this file, one JSON document to a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) query_log: Option<PathBuf>,
    /// Let webhooks be sent to this origin too, such as `http://127.0.0.1:9000`; may stand more than once.
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) webhook_allow: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SimulatorOptions {
    /// Where the simulated org listens.
    #[arg(long, default_value = "127.0.0.1:8081")]
    pub(crate) bind: SocketAddr,
    /// The app's client id [default: simulator-client-id].
    #[arg(long)]
    pub(crate) client_id: Option<String>,
    /// The app's client secret [default: simulator-client-secret].
    #[arg(long)]
    pub(crate) client_secret: Option<String>,
    /// Keep one refresh token for the grant's life, instead of a new one with every refresh.
    #[arg(long)]
    pub(crate) no_rotation: bool,
    /// How many contacts the org holds.
    #[arg(long, default_value_t = 2_500)]
    pub(crate) contacts: usize,
    /// That many more custom fields on each main object.
    #[arg(long, default_value_t = 0)]
    pub(crate) extra_custom_fields: usize,
    /// Append each distinct statement that the org is asked to this file, one JSON document to a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) query_log: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct HealthOptions {
    /// The address that the gateway listens on.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) address: SocketAddr,
}

#[cfg(test)]
mod tests;
