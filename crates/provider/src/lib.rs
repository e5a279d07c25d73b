//! Every call that leaves the process: OAuth, refresh, sending, quota headers, proxying.
//!
//! [`Providers`] is the whole of it for the crates above: [`Providers::send`] makes one authenticated call,
//! [`Providers::proxy`] streams one through, [`Providers::start_authorization`] and [`Providers::finish_authorization`] connect a
//! customer, [`Providers::deliver_webhooks`] tells tenants of events. What a provider is like comes from its document; no provider is named here.

mod assertion;
mod call;
mod credential;
mod egress;
mod grants;
mod hosts;
mod metadata;
mod oauth;
mod objects;
mod paths;
mod probe;
mod proxy;
mod quota;
mod refresh;
mod send;
mod settings;
mod single_flight;
mod webhooks;
mod writes;

use std::sync::Arc;

use mapping::{Catalog, ObjectMetadata};
use model::{Clock, ConnectionId, Limits, Random};
use moka::sync::Cache;
use store::Store;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use assertion::KeyError;
pub use call::{Call, CallError, PathRoot, Reply};
pub use egress::{EgressError, StreamBody, StreamError};
pub use grants::{GrantError, NewGrant, TokenRefusal};
pub use hosts::{HostError, HostRules, Origin};
pub use oauth::{AuthorizationError, Callback, Finished};
pub use paths::PathError;
pub use proxy::{ProxyReply, ProxyRequest};
pub use quota::{Dialect, QuotaReading, rate_limit_headers, rate_limit_headers_for};
pub use settings::{App, LoginChoice, LoginError, ProviderSettings, SettingsError};
pub use webhooks::{WebhookTarget, WebhookTargetError};
pub use writes::{WriteTally, tally_writes};

use egress::Egress;
use metadata::{CachedMetadata, MetadataKey};
use objects::ObjectCache;
use quota::LastQuotas;
use refresh::{Flights, Trips, Turns, Used};
use settings::Checked;
use single_flight::SingleFlight;

/// What we call ourselves to providers.
const USER_AGENT_TEXT: &str = concat!("crosswalk/", env!("CARGO_PKG_VERSION"));
/// Lists of objects remembered on this node.
const OBJECT_LISTS_MAX: u64 = 500;

/// Everything that talks to providers. Cheap to clone.
#[derive(Clone)]
pub struct Providers {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Providers {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Providers").finish_non_exhaustive()
    }
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) settings: Checked,
    pub(crate) egress: Egress,
    /// To where tenants want events sent: hosts of theirs, never a provider's.
    pub(crate) webhook_egress: Egress,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    /// Tasks that must end before the process does: refreshes, exchanges, revocations, webhooks.
    pub(crate) tracker: TaskTracker,
    pub(crate) stopping: CancellationToken,
    pub(crate) flights: Flights,
    pub(crate) trips: Trips,
    pub(crate) turns: Turns,
    pub(crate) used: Used,
    pub(crate) quotas: LastQuotas,
    pub(crate) metadata: Cache<MetadataKey, Arc<CachedMetadata>>,
    pub(crate) objects: ObjectCache,
    pub(crate) metadata_reads: SingleFlight<MetadataKey, Result<Arc<ObjectMetadata>, CallError>>,
}

impl Providers {
    /// Checks the settings against the documents and sets up the client. Opens no connection.
    pub fn new(
        catalog: &Catalog,
        store: Store,
        settings: ProviderSettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, SettingsError> {
        let settings = Checked::new(catalog, settings)?;
        let egress = Egress::new(settings.allow.clone(), &settings.limits)
            .map_err(|message| SettingsError::new("egress", message))?;
        let webhook_limits = Limits {
            upstream_first_byte_ms: settings.limits.webhook_request_ms,
            ..settings.limits.clone()
        };
        let webhook_egress = Egress::new(settings.webhook_allow.clone(), &webhook_limits)
            .map_err(|message| SettingsError::new("egress", message))?;
        let weigh = |_: &MetadataKey, cached: &Arc<CachedMetadata>| {
            u32::try_from(cached.weight_bytes()).unwrap_or(u32::MAX)
        };
        let metadata_cache = Cache::builder()
            .max_capacity(settings.limits.metadata_max_bytes)
            .weigher(weigh)
            .build();
        let turns = Turns::new(settings.limits.token_requests_max);
        let inner = Inner {
            store,
            settings,
            egress,
            webhook_egress,
            clock,
            random,
            tracker: TaskTracker::new(),
            stopping: CancellationToken::new(),
            flights: Flights::default(),
            trips: Trips::default(),
            turns,
            used: Used::new(),
            quotas: LastQuotas::new(),
            metadata: metadata_cache,
            objects: Cache::new(OBJECT_LISTS_MAX),
            metadata_reads: SingleFlight::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// What the connection's last reply on this node told about rate limits, and when, ms since 1970.
    pub fn quota(&self, connection: &ConnectionId) -> Option<(Vec<QuotaReading>, i64)> {
        self.inner.quotas.of(connection, self.inner.clock.now_ms())
    }

    /// The login origin for a connect session: fixed by the environment, or `login_host` checked against its suffixes.
    pub fn login_origin(
        &self,
        provider: &str,
        environment: &str,
        login_host: Option<&str>,
    ) -> Result<Origin, LoginError> {
        self.inner
            .settings
            .provider(provider)?
            .login_origin(environment, login_host)
    }

    /// The environments that a person may choose from; those with a fixed login first.
    pub fn login_choices(&self, provider: &str) -> Result<Vec<LoginChoice>, LoginError> {
        Ok(self.inner.settings.provider(provider)?.login_choices())
    }

    /// Names of the providers with an application configured, sorted.
    pub fn configured(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.inner.settings.providers.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Token refreshes under way on this node.
    pub fn refreshes_under_way(&self) -> usize {
        self.inner.flights.len()
    }

    /// Stops waiting for others and resolves when no refresh, exchange, revocation or webhook is under way on this node.
    pub async fn drain(&self) {
        self.inner.stopping.cancel();
        self.inner.tracker.close();
        self.inner.tracker.wait().await;
    }
}

/// When an access token ends, if the reply told: seconds from now, at least one, at most ten years.
pub(crate) fn expires_at_ms(expires_in_s: Option<i64>, now_ms: i64) -> Option<i64> {
    const TEN_YEARS_S: i64 = 10 * 366 * 24 * 3_600;
    expires_in_s
        .filter(|seconds| (1..=TEN_YEARS_S).contains(seconds))
        .map(|seconds| now_ms.saturating_add(seconds * 1_000))
}
