//! What a request needs every time, kept in memory: a warm request asks neither the database nor Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use model::Clock;
use moka::sync::Cache as Map;

use crate::StoreError;
use crate::changes::{Changes, Topic};

/// How long a value that nobody changed is served while the database does not answer.
const OUTAGE_MAX_MS: i64 = 600_000;

struct Entry<V> {
    value: V,
    stamp: u64,
    read_at_ms: i64,
    checked_at_ms: AtomicI64,
}

/// Values by key, each as good as its topics' generations say.
pub(crate) struct Cache<V: Clone + Send + Sync + 'static> {
    entries: Map<String, Arc<Entry<V>>>,
    changes: Arc<Changes>,
    clock: Arc<dyn Clock>,
}

impl<V: Clone + Send + Sync + 'static> Cache<V> {
    /// A cache that holds values of at most `weight_max` together; `weigh` gives one value's weight.
    pub(crate) fn new(
        changes: &Arc<Changes>,
        clock: &Arc<dyn Clock>,
        weight_max: u64,
        weigh: fn(&V) -> u32,
    ) -> Self {
        let entries = Map::builder()
            .max_capacity(weight_max)
            .weigher(move |_, entry: &Arc<Entry<V>>| weigh(&entry.value))
            .build();
        Self {
            entries,
            changes: Arc::clone(changes),
            clock: Arc::clone(clock),
        }
    }

    /// The value of `key`, from memory if it is still good, else from `load`.
    ///
    /// While the database does not answer, a value that nobody has changed since is served for up to ten minutes.
    pub(crate) async fn get<L: Future<Output = Result<V, StoreError>>>(
        &self,
        key: &str,
        topics: &[Topic],
        load: impl FnOnce() -> L,
    ) -> Result<V, StoreError> {
        let stamp = self.changes.stamp(topics);
        let cached = self.entries.get(key).filter(|entry| entry.stamp == stamp);
        let now_ms = self.clock.now_ms();
        if let Some(entry) = &cached {
            let age_ms = now_ms.saturating_sub(entry.checked_at_ms.load(Ordering::Relaxed));
            // A negative age means that the clock was set back: nothing is known, so read.
            if (0..=self.changes.max_age_ms()).contains(&age_ms) {
                return Ok(entry.value.clone());
            }
        }
        // Kept out of the future that a warm request carries about: a database's call is a large one.
        match (Box::pin(load()).await, cached) {
            (Ok(value), _) => {
                self.put(key, stamp, now_ms, value.clone());
                Ok(value)
            }
            (Err(error), Some(entry))
                if error.is_retryable() && now_ms.saturating_sub(entry.read_at_ms) <= OUTAGE_MAX_MS =>
            {
                metrics::counter!("crosswalk_stale_served_total").increment(1);
                // The next requests need not wait for the dead database again.
                entry.checked_at_ms.store(now_ms, Ordering::Relaxed);
                Ok(entry.value.clone())
            }
            (Err(error), _) => {
                self.entries.invalidate(key);
                Err(error)
            }
        }
    }

    /// What is remembered of `key`, good or not.
    pub(crate) fn peek(&self, key: &str) -> Option<V> {
        self.entries.get(key).map(|entry| entry.value.clone())
    }

    /// Loads past the cache and remembers what was loaded.
    pub(crate) async fn reload(
        &self,
        key: &str,
        topics: &[Topic],
        load: impl Future<Output = Result<V, StoreError>>,
    ) -> Result<V, StoreError> {
        let stamp = self.changes.stamp(topics);
        let now_ms = self.clock.now_ms();
        let value = load.await?;
        self.put(key, stamp, now_ms, value.clone());
        Ok(value)
    }

    fn put(&self, key: &str, stamp: u64, now_ms: i64, value: V) {
        let entry = Entry {
            value,
            stamp,
            read_at_ms: now_ms,
            checked_at_ms: AtomicI64::new(now_ms),
        };
        self.entries.insert(key.to_owned(), Arc::new(entry));
    }
}

#[cfg(test)]
mod tests;
