//! A Salesforce to develop and test against, sharing no code with what it tests; beside it, on the same listener, a small
//! HubSpot.
//!
//! One process plays one org: OAuth with pages and token endpoint, the REST data API, and a control plane
//! below `/__control` through which tests break it and read back what it saw (`GET /__control` lists the routes).
//! The HubSpot portal answers below `/oauth`, `/crm` and `/account-info`, with the same app, users' password and clock.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! let running = simulator::start(simulator::Options::default()).await?;
//! println!("{}", running.base_url());
//! running.stop().await;
//! # Ok(())
//! # }
//! ```

mod control;
mod http;
mod hubspot;
mod oauth;
pub mod org;
mod query;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::control::query_log::QueryLog;
use crate::control::settings::{DuplicateBlock, Settings, UninstalledApp};
use crate::http::server;
use crate::http::state::Simulator;
use crate::hubspot::portal::Portal;
pub use crate::hubspot::portal::PortalOptions;
pub use crate::org::{Org, OrgOptions};
pub use crate::query::{Statement, read_soql, read_sosl};

/// How a simulator starts. The control plane can change most of it while it runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub bind: SocketAddr,
    /// The rows and features of the org.
    pub org: OrgOptions,
    /// The rows of the HubSpot portal; its seed and time are the org's.
    pub portal: PortalOptions,
    /// Consumer key of the one app.
    pub client_id: String,
    /// Its consumer secret.
    pub client_secret: String,
    /// Its callbacks, compared exactly; empty = any https URL and any loopback URL.
    pub redirect_uris: Vec<String>,
    /// Refresh token rotation.
    pub rotation: bool,
    /// Life of a session, milliseconds; slides with use.
    pub session_ttl_ms: u64,
    /// API calls of a day.
    pub daily_limit: u64,
    /// Answers authorize requests with a code at once, for `login_hint` or the admin.
    pub auto_consent: bool,
    /// Where each distinct SOQL and SOSL statement is appended, with what was read of it, one JSON document to a line.
    pub query_log: Option<PathBuf>,
    /// Seed of tokens, codes and request ids, mixed with the port: two simulators at once never share a token.
    pub token_seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            org: OrgOptions::default(),
            portal: PortalOptions::default(),
            client_id: "simulator-client-id".to_owned(),
            client_secret: "simulator-client-secret".to_owned(),
            redirect_uris: Vec::new(),
            rotation: true,
            session_ttl_ms: 2 * 3_600_000,
            daily_limit: 15_000,
            auto_consent: false,
            query_log: None,
            token_seed: 1,
        }
    }
}

/// The provider name under which other crates find what they need to talk to this simulator.
pub const PROVIDER: &str = "salesforce";
/// The name of the small second provider on the same listener.
pub const SECOND_PROVIDER: &str = "hubspot";
/// Username of the admin of every simulated org and portal.
pub const USERNAME: &str = "avery.admin@crosswalk.example";
/// Password of every user of every simulated org and portal.
pub const PASSWORD: &str = oauth::PASSWORD;

/// What every token and every code that a simulator gives out holds: a test that finds it where the program under test wrote
/// has found a leak. The rest of a token is as random as its length says.
pub const SECRET_MARK: &str = "cAnArY7tOkEn";

/// Longest life of an authorization code, milliseconds.
const CODE_TTL_MS: i64 = 15 * 60_000;
/// Life of a query locator, milliseconds.
const LOCATOR_TTL_MS: i64 = 48 * 3_600_000;
/// Life of an access token of the portal, milliseconds; it does not slide.
const HUBSPOT_TOKEN_TTL_MS: i64 = 30 * 60_000;
/// Calls of ten seconds, and searches of one second, that the portal bears. The real one bears 110 and 5, which a test
/// suite would use up: tests of limits set them.
const HUBSPOT_CALLS: usize = 10_000;
/// Live grants of one user and app.
const GRANTS_PER_USER: usize = 5;

/// A simulator that is serving. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    simulator: Arc<Simulator>,
    server: JoinHandle<()>,
}

/// Builds the org, binds and serves on spawned tasks. Fails when the address cannot be bound or the query log opened.
pub async fn start(options: Options) -> std::io::Result<Running> {
    let listener = TcpListener::bind(options.bind).await?;
    let address = listener.local_addr()?;
    let settings = settings_of(&options);
    let query_log = options.query_log.as_deref().map(QueryLog::open).transpose()?;
    let portal = Portal::new(options.portal, options.org.seed, options.org.now_ms);
    let org = Arc::new(Org::new(options.org));
    let simulator = Arc::new(Simulator::new(
        org,
        portal,
        (options.client_id, options.client_secret),
        options.redirect_uris,
        settings,
        query_log,
        options.token_seed ^ (u64::from(address.port()) << 32),
    ));
    let server = server::spawn(listener, Arc::clone(&simulator), address);
    Ok(Running {
        address,
        simulator,
        server,
    })
}

fn settings_of(options: &Options) -> Settings {
    Settings {
        rotation: options.rotation,
        refresh_ends_session: true,
        duplicate_refresh_block: DuplicateBlock::Auto,
        require_secret: true,
        require_pkce: false,
        password_grant: false,
        login_host: false,
        run_as_username: None,
        jwt_certificate: None,
        jwt_users: None,
        sandbox: false,
        session_ttl_ms: i64::try_from(options.session_ttl_ms).unwrap_or(i64::MAX),
        code_ttl_ms: CODE_TTL_MS,
        refresh_idle_ttl_ms: None,
        grants_per_user: GRANTS_PER_USER,
        daily_limit: options.daily_limit,
        daily_used: 0,
        per_app: None,
        page_size: None,
        random_short_pages: false,
        locator_ttl_ms: LOCATOR_TTL_MS,
        locator_error_status: 400,
        auto_consent: options.auto_consent,
        uninstalled_app: UninstalledApp::Off,
        introspection_permitted: true,
        view_setup: true,
        instance_url: None,
        identity_host: None,
        hubspot_token_ttl_ms: HUBSPOT_TOKEN_TTL_MS,
        hubspot_interval_limit: HUBSPOT_CALLS,
        hubspot_search_limit: HUBSPOT_CALLS,
        hubspot_daily_headers: true,
    }
}

impl Running {
    /// `http://address:port`, no trailing slash.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The org, to read or change rows without HTTP.
    pub fn org(&self) -> &Arc<Org> {
        &self.simulator.org
    }

    /// Stops listening and closes every connection.
    pub async fn stop(mut self) {
        self.server.abort();
        // The task was just cancelled: what it says about that is no news.
        let _ = (&mut self.server).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
    }
}
