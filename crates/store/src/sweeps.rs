//! What is past its time is deleted: idempotency keys, whose answers hold customers' data, old events and what became of
//! their webhooks, old audit entries.

use std::time::Duration;

use crate::database::Database;
use crate::{audit, events, idempotency, webhooks};

/// How often. Keys past their time are not honoured meanwhile.
const SWEEP_EVERY: Duration = Duration::from_mins(5);

/// Sweeps until the store is closed: a tenant may never call again.
pub(crate) async fn sweep_regularly(database: Database) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        if let Err(error) = idempotency::sweep(&database).await {
            tracing::warn!(%error, "old idempotency keys could not be deleted");
        }
        if let Err(error) = events::sweep(&database).await {
            tracing::warn!(%error, "old events could not be deleted");
        }
        if let Err(error) = audit::sweep(&database).await {
            tracing::warn!(%error, "old audit entries could not be deleted");
        }
        if let Err(error) = webhooks::sweep(&database).await {
            tracing::warn!(%error, "old webhook deliveries could not be deleted");
        }
    }
}
