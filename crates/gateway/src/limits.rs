//! Permits: how many requests may be in flight on this node, for one tenant, and for one connection.
//!
//! A permit is an owned guard, so a request that is dropped half way gives it back. Keys without a request in flight
//! take no memory.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::code::Code;
use crate::problem::Problem;

/// How long a request may wait for its turn on the node, ms: a queue longer than this only adds to the overload.
const NODE_WAIT_MS: u64 = 50;
/// How long for its tenant's turn, ms.
const TENANT_WAIT_MS: u64 = 500;
/// How long for its connection's turn, ms: a burst of hundreds waits for a refresh and is then served, not refused.
const CONNECTION_WAIT_MS: u64 = 15_000;
/// Locks that the keys are spread over, so that tenants do not meet in one.
const SHARDS: usize = 16;
/// Name of our own policy in `violated-policies`: a caller can tell our limit from the provider's.
const POLICY: &str = "crosswalk-concurrency";

/// All permits of a node.
#[derive(Debug)]
pub(crate) struct Permits {
    node: Arc<Semaphore>,
    tenants: Keyed,
    connections: Keyed,
}

/// A request's place on the node. Given back when dropped.
#[derive(Debug)]
pub(crate) struct NodePermit(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

/// A request's place among its tenant's, and its connection's when it has one.
#[derive(Debug)]
pub(crate) struct Permit {
    #[expect(
        dead_code,
        reason = "held, not read; the connection's place is given back first"
    )]
    connection: Option<KeyedPermit>,
    #[expect(dead_code, reason = "held, not read")]
    tenant: Arc<KeyedPermit>,
}

/// A tenant's place, to be shared with the connection's.
pub(crate) type TenantPermit = Arc<KeyedPermit>;

impl Permits {
    pub(crate) fn new(limits: &model::Limits) -> Self {
        Self {
            node: Arc::new(Semaphore::new(limits.inflight_max)),
            tenants: Keyed::new(limits.tenant_inflight_max),
            connections: Keyed::new(limits.connection_inflight_max),
        }
    }

    /// A place on the node.
    pub(crate) async fn node(&self) -> Result<NodePermit, Problem> {
        match acquire(&self.node, NODE_WAIT_MS).await {
            Some(permit) => Ok(NodePermit(permit)),
            None => Err(overloaded(
                "node",
                "This node answers as many requests as it may.",
            )),
        }
    }

    /// A place among the tenant's requests.
    pub(crate) async fn tenant(&self, tenant: &str) -> Result<TenantPermit, Problem> {
        self.tenants
            .acquire(tenant, TENANT_WAIT_MS)
            .await
            .map(Arc::new)
            .ok_or_else(|| {
                overloaded(
                    "tenant",
                    "Your requests in flight on this node are as many as one tenant may have.",
                )
            })
    }

    /// A place among the connection's requests. Bounds what one customer's org is burdened with.
    pub(crate) async fn connection(&self, tenant: TenantPermit, connection: &str) -> Result<Permit, Problem> {
        match self.connections.acquire(connection, CONNECTION_WAIT_MS).await {
            Some(permit) => Ok(Permit {
                connection: Some(permit),
                tenant,
            }),
            None => Err(overloaded(
                "connection",
                "This connection has as many calls in flight as it may.",
            )),
        }
    }
}

fn overloaded(scope: &'static str, detail: &str) -> Problem {
    metrics::counter!("crosswalk_shed_total", "scope" => scope).increment(1);
    Problem::new(Code::Overloaded, detail)
        .violated_policies(vec![POLICY.to_owned()])
        .retry_after(1)
}

async fn acquire(semaphore: &Arc<Semaphore>, wait_ms: u64) -> Option<OwnedSemaphorePermit> {
    if let Ok(permit) = Arc::clone(semaphore).try_acquire_owned() {
        return Some(permit);
    }
    let turn = Arc::clone(semaphore).acquire_owned();
    tokio::time::timeout(Duration::from_millis(wait_ms), turn)
        .await
        .ok()?
        .ok()
}

type Shard = Mutex<HashMap<String, Arc<Semaphore>>>;

#[derive(Debug)]
struct Keyed {
    shards: Arc<[Shard]>,
    hasher: RandomState,
    max: usize,
}

/// A place under one key.
#[derive(Debug)]
pub(crate) struct KeyedPermit {
    permit: Option<OwnedSemaphorePermit>,
    place: Place,
}

/// Where a key stands; lets go of the key when nobody uses it any more.
#[derive(Debug)]
struct Place {
    shards: Arc<[Shard]>,
    shard: usize,
    key: String,
    semaphore: Option<Arc<Semaphore>>,
}

impl Keyed {
    fn new(max: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            max,
        }
    }

    async fn acquire(&self, key: &str, wait_ms: u64) -> Option<KeyedPermit> {
        let hash = self.hasher.hash_one(key);
        let shard = usize::try_from(hash % SHARDS as u64).unwrap_or_default();
        let semaphore = {
            let mut keys = lock(&self.shards[shard]);
            match keys.get(key) {
                Some(semaphore) => Arc::clone(semaphore),
                None => Arc::clone(
                    keys.entry(key.to_owned())
                        .or_insert_with(|| Arc::new(Semaphore::new(self.max))),
                ),
            }
        };
        // Made before waiting, so that a waiter that is dropped lets go of the key as well.
        let place = Place {
            shards: Arc::clone(&self.shards),
            shard,
            key: key.to_owned(),
            semaphore: Some(Arc::clone(&semaphore)),
        };
        let permit = acquire(&semaphore, wait_ms).await?;
        Some(KeyedPermit {
            permit: Some(permit),
            place,
        })
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }
}

impl Drop for KeyedPermit {
    fn drop(&mut self) {
        // The permit holds the semaphore as well; it must go before `place` counts who is left.
        drop(self.permit.take());
        self.place.leave();
    }
}

impl Place {
    fn leave(&mut self) {
        let Some(semaphore) = self.semaphore.take() else {
            return;
        };
        let mut keys = lock(&self.shards[self.shard]);
        drop(semaphore);
        // Clones are made under this lock only, so a count of one means that only the map is left.
        if keys
            .get(&self.key)
            .is_some_and(|semaphore| Arc::strong_count(semaphore) == 1)
        {
            keys.remove(&self.key);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

fn lock(shard: &Shard) -> MutexGuard<'_, HashMap<String, Arc<Semaphore>>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
