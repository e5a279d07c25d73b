//! Leases: short promises that one holder at a time does a thing.
//!
//! In Redis (`cw:lease:<name>`, `SET NX PX` with a random value, compare-and-delete) when it is configured, else in this
//! process. A lease saves work; it is not what makes a refresh safe: the claim in the database is.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Store;

/// No lease lasts longer: a day.
const TTL_MAX_MS: u64 = 86_400_000;

/// A lease that is held until it is released or its time is up.
#[derive(Debug)]
pub struct Lease {
    name: String,
    value: [u8; 32],
}

/// Answer to asking for a lease.
#[derive(Debug)]
pub enum LeaseOutcome {
    /// The caller holds it.
    Acquired(Lease),
    /// Somebody else holds it.
    Busy,
    /// Redis is configured and does not answer. Go on without, where the database guards as well.
    Unavailable,
}

/// The leases of one process.
#[derive(Default)]
pub(crate) struct LocalLeases(Mutex<HashMap<String, ([u8; 32], Instant)>>);

impl LocalLeases {
    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<String, ([u8; 32], Instant)>> {
        // A holder cannot panic while it has the map, and the map would be whole if it did.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn acquire(&self, name: &str, value: [u8; 32], ttl: Duration) -> bool {
        let now = Instant::now();
        let mut held = self.held();
        // Whoever comes sweeps, so the map holds only names in use.
        held.retain(|_, (_, until)| *until > now);
        if held.contains_key(name) {
            return false;
        }
        held.insert(name.to_owned(), (value, now + ttl));
        true
    }

    fn extend(&self, lease: &Lease, ttl: Duration) -> bool {
        let now = Instant::now();
        match self.held().get_mut(&lease.name) {
            Some((value, until)) if *value == lease.value && *until > now => {
                *until = now + ttl;
                true
            }
            _ => false,
        }
    }

    fn release(&self, lease: &Lease) -> bool {
        let now = Instant::now();
        let mut held = self.held();
        let is_ours = held
            .get(&lease.name)
            .is_some_and(|(value, until)| *value == lease.value && *until > now);
        if is_ours {
            held.remove(&lease.name);
        }
        is_ours
    }
}

fn key(name: &str) -> String {
    format!("cw:lease:{name}")
}

impl Store {
    /// Asks for the lease of a name for `ttl_ms` (1 ms to a day). Does not wait.
    pub async fn lease(&self, name: &str, ttl_ms: u64) -> LeaseOutcome {
        let ttl_ms = ttl_ms.clamp(1, TTL_MAX_MS);
        let lease = Lease {
            name: name.to_owned(),
            value: self.inner.random.bytes_32(),
        };
        let Some(redis) = &self.inner.redis else {
            let acquired = self
                .inner
                .leases
                .acquire(name, lease.value, Duration::from_millis(ttl_ms));
            return if acquired {
                LeaseOutcome::Acquired(lease)
            } else {
                LeaseOutcome::Busy
            };
        };
        let mut command = redis::cmd("SET");
        command
            .arg(key(name))
            .arg(&lease.value[..])
            .arg("NX")
            .arg("PX")
            .arg(ttl_ms);
        match redis.run::<Option<String>>(&command).await {
            Ok(Some(_)) => LeaseOutcome::Acquired(lease),
            Ok(None) => LeaseOutcome::Busy,
            Err(_) => LeaseOutcome::Unavailable,
        }
    }

    /// Gives a held lease `ttl_ms` from now; answers whether it was still held.
    pub async fn extend_lease(&self, lease: &Lease, ttl_ms: u64) -> bool {
        let ttl_ms = ttl_ms.clamp(1, TTL_MAX_MS);
        match &self.inner.redis {
            None => self.inner.leases.extend(lease, Duration::from_millis(ttl_ms)),
            Some(redis) => redis
                .extend_if_equal(&key(&lease.name), &lease.value, ttl_ms)
                .await
                .unwrap_or(false),
        }
    }

    /// Gives a lease back; answers whether it was still held. A successor's lease is left alone.
    pub async fn release_lease(&self, lease: Lease) -> bool {
        match &self.inner.redis {
            None => self.inner.leases.release(&lease),
            Some(redis) => redis
                .delete_if_equal(&key(&lease.name), &lease.value)
                .await
                .unwrap_or(false),
        }
    }
}
