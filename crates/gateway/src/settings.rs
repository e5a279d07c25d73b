//! What a gateway is made of.

use std::net::SocketAddr;
use std::sync::Arc;

use mapping::Catalog;
use model::{Clock, Limits, Random};
use provider::{Dialect, Providers};
use store::Store;
use unified::Unified;

/// Configuration of the edge.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    /// Where callers are served.
    pub bind: SocketAddr,
    /// Where `/metrics` is served. Without it, `/metrics` stands beside the API, but only when `bind` is a loopback
    /// address: metrics are not for the public.
    pub metrics_bind: Option<SocketAddr>,
    /// The origin at which browsers and callers reach this gateway, as `https://crm.example.com`. Links and redirect
    /// URIs are made from it, never from `Host` or `X-Forwarded-*`.
    pub public_url: String,
    /// Which rate-limit header families are written.
    pub rate_limit_headers: Dialect,
    /// Limits.
    pub limits: Limits,
    /// Where connect sessions may send the browser at the end: URLs matched on origin and path. Empty allows any https
    /// URL, since only an authenticated tenant can name one.
    pub return_to_allowed: Vec<String>,
    /// How long `/readyz` answers 503 before a stopping node accepts no more connections, ms: time for load balancers to
    /// notice. 0 stops at once.
    pub drain_announce_ms: u64,
}

/// What the edge calls.
#[derive(Clone)]
pub struct Parts {
    /// Mapping documents.
    pub catalog: Arc<Catalog>,
    /// The store.
    pub store: Store,
    /// Provider calls.
    pub providers: Providers,
    /// The pipeline.
    pub unified: Unified,
    /// Time, for what only this process judges.
    pub clock: Arc<dyn Clock>,
    /// Request ids and browser cookies.
    pub random: Arc<dyn Random>,
    /// The metrics in Prometheus' text format.
    pub metrics_text: Arc<dyn Fn() -> String + Send + Sync>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Parts(…)")
    }
}
