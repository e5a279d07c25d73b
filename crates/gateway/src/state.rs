//! What every handler can reach.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use mapping::Catalog;
use model::{Clock, Random};
use provider::Providers;
use store::{Readiness, Store};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use unified::Unified;

use crate::bad_keys::BadKeys;
use crate::limits::Permits;
use crate::observe::RouteMetrics;
use crate::settings::{GatewaySettings, Parts};

/// Shared by all requests of a node.
pub(crate) type App = Arc<Gateway>;

/// One node.
pub(crate) struct Gateway {
    pub(crate) settings: GatewaySettings,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) store: Store,
    pub(crate) providers: Providers,
    pub(crate) unified: Unified,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) metrics_text: Arc<dyn Fn() -> String + Send + Sync>,
    pub(crate) permits: Permits,
    pub(crate) bad_keys: BadKeys,
    pub(crate) route_metrics: RouteMetrics,
    /// Writes that name a key: each ends on a task of its own, whether or not its caller waits.
    pub(crate) writes: TaskTracker,
    /// Set once, when the node begins to stop.
    pub(crate) is_draining: AtomicBool,
    /// The OpenAPI document, written when first asked for.
    pub(crate) openapi: OnceLock<Bytes>,
    /// The documentation page, likewise.
    pub(crate) docs_page: OnceLock<String>,
    /// The store's last word on its readiness, and when it was asked.
    pub(crate) readiness: Mutex<Option<(Instant, Readiness)>>,
}

impl Gateway {
    pub(crate) fn new(settings: GatewaySettings, parts: Parts) -> Self {
        Self {
            permits: Permits::new(&settings.limits),
            bad_keys: BadKeys::new(settings.limits.bad_keys_max),
            route_metrics: RouteMetrics::new(),
            settings,
            catalog: parts.catalog,
            store: parts.store,
            providers: parts.providers,
            unified: parts.unified,
            clock: parts.clock,
            random: parts.random,
            metrics_text: parts.metrics_text,
            writes: TaskTracker::new(),
            is_draining: AtomicBool::new(false),
            openapi: OnceLock::new(),
            docs_page: OnceLock::new(),
            readiness: Mutex::new(None),
        }
    }
}
