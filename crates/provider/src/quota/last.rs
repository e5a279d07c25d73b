//! What each connection's last reply told about rate limits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::ConnectionId;
use moka::sync::Cache;

use super::QuotaReading;

/// Connections whose last quota is remembered on this node.
const CONNECTIONS_MAX: u64 = 100_000;
/// No allowance known has a longer window, so an older reading tells nothing.
const KEPT: Duration = Duration::from_hours(24);

/// The last readings of each connection and when they were told, ms since 1970.
pub(crate) struct LastQuotas(Cache<ConnectionId, Arc<Mutex<Told>>>);

type Told = (Vec<QuotaReading>, i64);

impl LastQuotas {
    pub(crate) fn new() -> Self {
        Self(
            Cache::builder()
                .max_capacity(CONNECTIONS_MAX)
                .time_to_idle(KEPT)
                .build(),
        )
    }

    /// Remembers what a reply told, if it told anything. Every call comes by here: a connection's place in the cache is
    /// taken once and then written to.
    pub(crate) fn remember(&self, connection: &ConnectionId, readings: &[QuotaReading], now_ms: i64) {
        if readings.is_empty() {
            return;
        }
        let told = (readings.to_vec(), now_ms);
        match self.0.get(connection) {
            Some(place) => *place.lock().unwrap_or_else(PoisonError::into_inner) = told,
            None => self.0.insert(connection.clone(), Arc::new(Mutex::new(told))),
        }
    }

    /// What the connection's last reply told, unless that is too long ago to mean anything.
    pub(crate) fn of(&self, connection: &ConnectionId, now_ms: i64) -> Option<Told> {
        let place = self.0.get(connection)?;
        let told = place.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let age_ms = u64::try_from(now_ms.saturating_sub(told.1)).unwrap_or_default();
        (u128::from(age_ms) <= KEPT.as_millis()).then_some(told)
    }
}
