//! Who must forget what, and when.
//!
//! Every cached value carries a stamp taken before its row was read. A change raises the generation of its topic, and
//! a value whose stamp is not the present one is read again: exact, at once, and without a race between reading a row
//! and caching it. Topics share 4,096 generations by hash; a collision costs one needless read.
//!
//! Other nodes hear of a change through the Redis channel `cw:changed`. A node trusts its subscription only while it
//! answers a ping each second; a new subscription begins by forgetting everything. How long a value is trusted:
//!
//! - SQLite: for ever. One process owns the file.
//! - Postgres, subscribed: 60 s, in case the node that made a change could not publish it.
//! - Postgres, no subscription or no Redis: 2 s.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::{Notify, mpsc};

use crate::redis_link::RedisLink;

const SHARDS: usize = 4_096;
const CHANNEL: &str = "cw:changed";
const SUBSCRIBED_MAX_AGE_MS: i64 = 60_000;
const UNSUBSCRIBED_MAX_AGE_MS: i64 = 2_000;
const HEARTBEAT: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_millis(500);
/// Above this many unpublished topics, other nodes are told to forget everything instead.
const PENDING_MAX: usize = 10_000;
const EVERYTHING: &str = "*";

/// What a change is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    /// A connection: its row, its tokens, its own overrides.
    Connection(String),
    /// An API key, by its public id.
    Key(String),
    /// The tenant-level overrides of a tenant.
    Overrides(String),
    /// The data keys of a tenant.
    DataKeys(String),
}

impl Topic {
    fn shard(&self) -> usize {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        usize::try_from(hasher.finish() % SHARDS as u64).unwrap_or(0)
    }

    fn text(&self) -> String {
        match self {
            Self::Connection(id) => format!("connection:{id}"),
            Self::Key(id) => format!("key:{id}"),
            Self::Overrides(id) => format!("overrides:{id}"),
            Self::DataKeys(id) => format!("data_keys:{id}"),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once(':')?;
        match kind {
            "connection" => Some(Self::Connection(id.to_owned())),
            "key" => Some(Self::Key(id.to_owned())),
            "overrides" => Some(Self::Overrides(id.to_owned())),
            "data_keys" => Some(Self::DataKeys(id.to_owned())),
            _ => None,
        }
    }
}

#[derive(Default)]
struct Shard {
    generation: AtomicU64,
    changed: Notify,
}

/// The generations of everything cached.
pub(crate) struct Changes {
    shards: Box<[Shard]>,
    max_age_ms: AtomicI64,
    outbox: Option<mpsc::UnboundedSender<String>>,
}

impl Changes {
    /// `is_shared`: other processes may change the rows. `outbox`: where changes of this node are handed on.
    pub(crate) fn new(is_shared: bool, outbox: Option<mpsc::UnboundedSender<String>>) -> Self {
        let max_age_ms = if is_shared {
            UNSUBSCRIBED_MAX_AGE_MS
        } else {
            i64::MAX
        };
        let shards = std::iter::repeat_with(Shard::default).take(SHARDS).collect();
        Self {
            shards,
            max_age_ms: AtomicI64::new(max_age_ms),
            outbox,
        }
    }

    /// How old a cached value may grow, ms.
    pub(crate) fn max_age_ms(&self) -> i64 {
        self.max_age_ms.load(Ordering::Acquire)
    }

    /// The present stamp of these topics together. Generations only rise, so their sum is unchanged only if each is.
    pub(crate) fn stamp(&self, topics: &[Topic]) -> u64 {
        topics
            .iter()
            .map(|topic| self.generation(topic))
            .fold(0, u64::wrapping_add)
    }

    fn generation(&self, topic: &Topic) -> u64 {
        self.shards
            .get(topic.shard())
            .map_or(0, |shard| shard.generation.load(Ordering::Acquire))
    }

    fn forget(&self, topic: &Topic) {
        if let Some(shard) = self.shards.get(topic.shard()) {
            shard.generation.fetch_add(1, Ordering::AcqRel);
            shard.changed.notify_waiters();
        }
    }

    fn forget_everything(&self) {
        for shard in &self.shards {
            shard.generation.fetch_add(1, Ordering::AcqRel);
            shard.changed.notify_waiters();
        }
    }

    /// Makes this node forget these topics now, and the others soon.
    pub(crate) fn announce(&self, topics: &[Topic]) {
        for topic in topics {
            self.forget(topic);
            if let Some(outbox) = &self.outbox {
                // Fails only when the store is closing and nobody is left to tell.
                let _closing = outbox.send(topic.text());
            }
        }
    }

    /// Waits until the topic changes.
    pub(crate) async fn changed(&self, topic: &Topic) {
        if let Some(shard) = self.shards.get(topic.shard()) {
            shard.changed.notified().await;
        }
    }

    fn receive(&self, node: &str, message: &str) {
        let mut lines = message.lines();
        if lines.next() == Some(node) {
            return;
        }
        for line in lines {
            match Topic::parse(line) {
                Some(topic) => self.forget(&topic),
                None => self.forget_everything(),
            }
        }
    }
}

/// Hands this node's changes to the others, and keeps those that could not be handed on until they can.
pub(crate) async fn publish(redis: Arc<RedisLink>, node: String, mut inbox: mpsc::UnboundedReceiver<String>) {
    let mut pending = BTreeSet::new();
    while let Some(first) = inbox.recv().await {
        pending.insert(first);
        while !pending.is_empty() {
            while let Ok(topic) = inbox.try_recv() {
                pending.insert(topic);
            }
            if pending.len() > PENDING_MAX {
                pending = BTreeSet::from([EVERYTHING.to_owned()]);
            }
            let lines: Vec<&str> = std::iter::once(node.as_str())
                .chain(pending.iter().map(String::as_str))
                .collect();
            let mut command = redis::cmd("PUBLISH");
            command.arg(CHANNEL).arg(lines.join("\n"));
            if redis.run::<i64>(&command).await.is_ok() {
                pending.clear();
            } else {
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Listens to the others for as long as the store is open.
pub(crate) async fn subscribe(redis: Arc<RedisLink>, node: String, changes: Arc<Changes>, is_shared: bool) {
    loop {
        if let Err(error) = listen(&redis, &node, &changes, is_shared).await {
            tracing::debug!(kind = ?error.kind(), "not subscribed to changes of other nodes");
        }
        if is_shared {
            changes
                .max_age_ms
                .store(UNSUBSCRIBED_MAX_AGE_MS, Ordering::Release);
        }
        metrics::gauge!("crosswalk_changes_subscribed").set(0.0);
        tokio::time::sleep(RETRY).await;
    }
}

async fn listen(redis: &RedisLink, node: &str, changes: &Changes, is_shared: bool) -> redis::RedisResult<()> {
    let late = |_| redis::RedisError::from((redis::ErrorKind::Io, "no answer in time"));
    let connect = redis.client().get_async_pubsub();
    let (mut sink, mut messages) = tokio::time::timeout(HEARTBEAT, connect)
        .await
        .map_err(late)??
        .split();
    tokio::time::timeout(HEARTBEAT, sink.subscribe(CHANNEL))
        .await
        .map_err(late)??;
    // Whatever was said before is lost.
    changes.forget_everything();
    if is_shared {
        changes.max_age_ms.store(SUBSCRIBED_MAX_AGE_MS, Ordering::Release);
    }
    metrics::gauge!("crosswalk_changes_subscribed").set(1.0);
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(message) => match message.get_payload::<String>() {
                    Ok(text) => changes.receive(node, &text),
                    Err(_) => changes.forget_everything(),
                },
                None => return Ok(()),
            },
            _ = heartbeat.tick() => {
                tokio::time::timeout(HEARTBEAT, sink.ping::<redis::Value>()).await.map_err(late)??;
            }
        }
    }
}

#[cfg(test)]
mod tests;
