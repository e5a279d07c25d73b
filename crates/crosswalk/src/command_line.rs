//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

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
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Print the OpenAPI document.
    Openapi,
    /// Check, test and explain mapping documents.
    #[command(subcommand)]
    Mappings(MappingsCommand),
    /// Ask a running gateway whether it is ready; the exit code tells.
    Health(HealthOptions),
    /// List, try, pause and delete a tenant's connections, through a running gateway.
    #[command(subcommand)]
    Connections(ConnectionsCommand),
    /// List and create tenants, through a running gateway.
    #[command(subcommand)]
    Tenants(TenantsCommand),
    /// List, create and revoke the API keys of a tenant, through a running gateway.
    #[command(subcommand)]
    ApiKeys(ApiKeysCommand),
}

/// How a tenant reaches a gateway.
#[derive(Debug, Args)]
pub(crate) struct TenantAccess {
    /// Where the gateway listens: plain http, so from the machine or the network that it stands in.
    #[arg(long, env = "CROSSWALK_URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// The tenant's API key.
    #[arg(long, env = "CROSSWALK_API_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
}

/// How the operator reaches a gateway.
#[derive(Debug, Args)]
pub(crate) struct OperatorAccess {
    /// Where the gateway listens: plain http, so from the machine or the network that it stands in.
    #[arg(long, env = "CROSSWALK_URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// The operator key.
    #[arg(long, env = "CROSSWALK_OPERATOR_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConnectionsCommand {
    /// List them all, one to a line.
    List {
        #[command(flatten)]
        filters: ConnectionFilters,
        #[command(flatten)]
        gateway: TenantAccess,
    },
    /// Print one as JSON.
    Show {
        /// The connection's id.
        id: String,
        #[command(flatten)]
        gateway: TenantAccess,
    },
    /// Make one cheap call to the provider; the exit code tells whether it works.
    Test {
        /// The connection's id.
        id: String,
        #[command(flatten)]
        gateway: TenantAccess,
    },
    /// Send nothing to the provider until resumed. State and credentials stay.
    Pause {
        /// The connection's id.
        id: String,
        #[command(flatten)]
        gateway: TenantAccess,
    },
    /// End a pause.
    Resume {
        /// The connection's id.
        id: String,
        #[command(flatten)]
        gateway: TenantAccess,
    },
    /// Forget a connection and its credentials, and ask the provider to end the grant.
    Delete {
        /// The connection's id.
        id: String,
        #[command(flatten)]
        gateway: TenantAccess,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ConnectionFilters {
    /// Only of this provider.
    #[arg(long)]
    pub(crate) provider: Option<String>,
    /// Only with this id of the tenant's own.
    #[arg(long)]
    pub(crate) external_id: Option<String>,
    /// Only in this state, such as `needs_reauth`.
    #[arg(long)]
    pub(crate) state: Option<String>,
    /// Only in this environment.
    #[arg(long)]
    pub(crate) environment: Option<String>,
    /// Only where the external id, the account's id or the API's host begins so.
    #[arg(long)]
    pub(crate) search: Option<String>,
    /// `created_at` or `-created_at`.
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) sort: Option<String>,
    /// One JSON object to a line, whole.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TenantsCommand {
    /// List them all.
    List {
        #[command(flatten)]
        operator: OperatorAccess,
    },
    /// Create one and print it as JSON.
    Create {
        /// Its name, which its customers see when they connect.
        name: String,
        #[command(flatten)]
        operator: OperatorAccess,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApiKeysCommand {
    /// List a tenant's keys, without their secrets.
    List {
        /// The tenant's id.
        #[arg(long)]
        tenant: String,
        #[command(flatten)]
        operator: OperatorAccess,
    },
    /// Create a key and print it as JSON: the one time that its secret is shown.
    Create {
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
        #[command(flatten)]
        operator: OperatorAccess,
    },
    /// Revoke a key: it stops at once, on every node.
    Revoke {
        /// The tenant's id.
        #[arg(long)]
        tenant: String,
        /// The key's id.
        id: String,
        #[command(flatten)]
        operator: OperatorAccess,
    },
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
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Count what each master key and each generation of data keys is needed for.
    Status(OperatorOptions),
    /// Wrap all data keys by the first master key, while everybody is served.
    Rotate {
        #[command(flatten)]
        gateway: OperatorOptions,
        /// Also make a new data key for each tenant, and seal what is kept by it.
        #[arg(long)]
        data_keys: bool,
    },
    /// Record that a master key is no longer used; refused with counts while something needs it.
    Retire {
        #[command(flatten)]
        gateway: OperatorOptions,
        /// The key's id.
        id: String,
    },
}

/// A running gateway, and the right to ask it.
#[derive(Debug, Args)]
pub(crate) struct OperatorOptions {
    /// Where the gateway listens: plain http, so from the machine or the network that it stands in.
    #[arg(long, env = "CW_URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// The operator key.
    #[arg(long, env = "CW_OPERATOR_KEY", hide_env_values = true)]
    pub(crate) operator_key: String,
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
    /// Where the gateway listens: plain http, so from the machine or the network that it stands in.
    #[arg(long, default_value = "http://127.0.0.1:8080", requires = "connection")]
    pub(crate) url: String,
    /// The tenant's API key, for --connection.
    #[arg(long, env = "CW_API_KEY", hide_env_values = true, requires = "connection")]
    pub(crate) api_key: Option<String>,
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
