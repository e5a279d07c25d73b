//! Turns at the token endpoints: how many requests this node has under way with one provider, shared fairly by tenants.
//!
//! When all tokens of a large tenant end in the same minute, its thousands of refreshes stand in its own line; one tenant
//! never takes more than three quarters of a provider's turns, so that somebody else's refresh waits for few others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use model::TenantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Lines of tenants remembered before those that nobody stands in are forgotten.
const LINES_BEFORE_CLEANING: usize = 1_024;

/// The right to send one token request; given back when dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _of_tenant: (Arc<Semaphore>, OwnedSemaphorePermit),
    _of_provider: OwnedSemaphorePermit,
}

#[derive(Debug)]
pub(crate) struct Turns {
    max: usize,
    providers: Mutex<HashMap<String, Arc<Semaphore>>>,
    tenants: Mutex<HashMap<(String, TenantId), Weak<Semaphore>>>,
}

impl Turns {
    /// At most `max` requests at a time with each provider, at least one.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max: max.clamp(1, Semaphore::MAX_PERMITS),
            providers: Mutex::default(),
            tenants: Mutex::default(),
        }
    }

    /// Waits for a turn, first among the tenant's own, then among all of the provider.
    pub(crate) async fn take(&self, provider: &str, tenant: &TenantId) -> Option<Turn> {
        let line = self.line(provider, tenant);
        // Closed never: these semaphores are not.
        let own = Arc::clone(&line).acquire_owned().await.ok()?;
        let of_provider = self.provider(provider).acquire_owned().await.ok()?;
        Some(Turn {
            _of_tenant: (line, own),
            _of_provider: of_provider,
        })
    }

    fn provider(&self, provider: &str) -> Arc<Semaphore> {
        let mut providers = self.providers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(semaphore) = providers.get(provider) {
            return Arc::clone(semaphore);
        }
        let semaphore = Arc::new(Semaphore::new(self.max));
        providers.insert(provider.to_owned(), Arc::clone(&semaphore));
        semaphore
    }

    fn line(&self, provider: &str, tenant: &TenantId) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (provider.to_owned(), tenant.clone());
        if let Some(line) = tenants.get(&key).and_then(Weak::upgrade) {
            return line;
        }
        if tenants.len() >= LINES_BEFORE_CLEANING {
            tenants.retain(|_, line| line.strong_count() > 0);
        }
        let line = Arc::new(Semaphore::new((self.max - self.max / 4).max(1)));
        tenants.insert(key, Arc::downgrade(&line));
        line
    }
}

#[cfg(test)]
mod tests;
