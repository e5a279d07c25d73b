//! Whether the store can serve, for `/readyz`.

use std::time::Duration;

use tokio::sync::Mutex;

use crate::{Readiness, Store, migrations};

/// How long an answer is repeated: probes of several kinds must not add up to a load.
const REPEAT_MS: i64 = 1_000;
/// Longest time for one check.
const CHECK_TIMEOUT: Duration = Duration::from_millis(500);

/// The last answer, and when it was given.
#[derive(Default)]
pub(crate) struct LastReadiness(Mutex<Option<(i64, Readiness)>>);

impl Store {
    /// Asks the database and Redis how they are; each gets 500 ms. Repeats its answer for a second.
    pub async fn readiness(&self) -> Readiness {
        let mut last = self.inner.last_readiness.0.lock().await;
        let now_ms = self.inner.clock.now_ms();
        if let Some((at_ms, readiness)) = &*last
            && (0..REPEAT_MS).contains(&now_ms.saturating_sub(*at_ms))
        {
            return readiness.clone();
        }
        let readiness = self.check().await;
        *last = Some((now_ms, readiness.clone()));
        readiness
    }

    async fn check(&self) -> Readiness {
        let migrations = tokio::time::timeout(CHECK_TIMEOUT, migrations::check(&self.inner.database));
        let migrations = migrations
            .await
            .unwrap_or_else(|_| Err(migrations::Unfit::Unreachable(late_text())));
        let (database, migrations) = match migrations {
            Ok(()) => (Ok(()), Ok(())),
            Err(migrations::Unfit::Version(text)) => (Ok(()), Err(text)),
            Err(migrations::Unfit::Unreachable(text)) => (Err(text), Err("not known".to_owned())),
        };
        let redis = match &self.inner.redis {
            None => None,
            Some(redis) => {
                let command = redis::cmd("PING");
                let ping = tokio::time::timeout(CHECK_TIMEOUT, redis.run::<String>(&command)).await;
                Some(ping.map_or_else(
                    |_| Err(late_text()),
                    |answer| answer.map(|_| ()).map_err(|error| error.to_string()),
                ))
            }
        };
        Readiness {
            database,
            migrations,
            redis,
        }
    }
}

fn late_text() -> String {
    format!("no answer within {} ms", CHECK_TIMEOUT.as_millis())
}
