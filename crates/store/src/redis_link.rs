//! The way to Redis: one multiplexed connection that comes back by itself, short timeouts, and a pause after a
//! failure so that a dead Redis costs a request almost nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};

use crate::StoreError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);
/// After a failure nobody tries again for so long.
const PAUSE_MS: u64 = 500;

/// A Redis that may be absent, dead, or back again.
pub(crate) struct RedisLink {
    client: redis::Client,
    manager: ConnectionManager,
    started: Instant,
    paused_until_ms: AtomicU64,
}

impl RedisLink {
    /// Prepares the link; does not connect. Only a malformed address is an error.
    pub(crate) fn new(url: &str) -> Result<Self, StoreError> {
        let invalid = |_| {
            StoreError::configuration(
                "redis_url is not valid: expected redis://[:password@]host[:port][/database]",
            )
        };
        let client = redis::Client::open(url).map_err(invalid)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_number_of_retries(0);
        let manager = ConnectionManager::new_lazy_with_config(client.clone(), config).map_err(invalid)?;
        Ok(Self {
            client,
            manager,
            started: Instant::now(),
            paused_until_ms: AtomicU64::new(0),
        })
    }

    pub(crate) const fn client(&self) -> &redis::Client {
        &self.client
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Runs one command.
    pub(crate) async fn run<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, StoreError> {
        self.attempt(async |manager| command.query_async(manager).await)
            .await
    }

    /// Deletes `key` if it holds `value`; answers whether it did. A plain delete could delete a successor's.
    pub(crate) async fn delete_if_equal(&self, key: &str, value: &[u8]) -> Result<bool, StoreError> {
        const DELETE: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end";
        let mut command = redis::cmd("EVAL");
        command.arg(DELETE).arg(1).arg(key).arg(value);
        Ok(self.run::<i64>(&command).await? == 1)
    }

    /// Gives `key` a new time to live if it holds `value`; answers whether it does.
    pub(crate) async fn extend_if_equal(
        &self,
        key: &str,
        value: &[u8],
        ttl_ms: u64,
    ) -> Result<bool, StoreError> {
        const EXTEND: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then \
                              return redis.call('PEXPIRE', KEYS[1], ARGV[2]) else return 0 end";
        let mut command = redis::cmd("EVAL");
        command.arg(EXTEND).arg(1).arg(key).arg(value).arg(ttl_ms);
        Ok(self.run::<i64>(&command).await? == 1)
    }

    async fn attempt<T>(
        &self,
        command: impl AsyncFnOnce(&mut ConnectionManager) -> redis::RedisResult<T>,
    ) -> Result<T, StoreError> {
        if self.now_ms() < self.paused_until_ms.load(Ordering::Acquire) {
            return Err(StoreError::unavailable("redis", "failed a moment ago"));
        }
        metrics::counter!("crosswalk_redis_commands_total").increment(1);
        let mut manager = self.manager.clone();
        let whole = CONNECT_TIMEOUT + RESPONSE_TIMEOUT;
        let failure = match tokio::time::timeout(whole, command(&mut manager)).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => format!("{:?}", error.kind()),
            Err(_) => "no answer in time".to_owned(),
        };
        metrics::counter!("crosswalk_redis_errors_total").increment(1);
        self.paused_until_ms
            .store(self.now_ms() + PAUSE_MS, Ordering::Release);
        Err(StoreError::unavailable("redis", failure))
    }
}
