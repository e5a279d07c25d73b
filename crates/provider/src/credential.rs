//! The access token for a call: from the cache, or refreshed once for everybody.

use std::sync::Arc;
use std::time::Duration;

use store::{Connection, StoreError, Tenant, VersionedTokens};
use tokio::time::Instant;

use crate::Inner;
use crate::call::CallError;
use crate::refresh::{Cause, Outcome, Rest, run_refresh};

/// A token that ends within this time is refreshed before it is used.
const LEEWAY_MS: i64 = 60_000;
/// How often a caller joins another refresh because the one it joined did not reach far enough.
const ROUNDS_MAX: usize = 3;

impl Inner {
    /// A token that may be used. With `above`, one of a higher version than the token that a provider refused.
    pub(crate) async fn credential(
        self: &Arc<Self>,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        above: Option<i64>,
    ) -> Result<Arc<VersionedTokens>, CallError> {
        if connection.paused_at_ms.is_some() {
            return Err(CallError::Paused);
        }
        if !connection.state.is_usable() {
            return Err(CallError::NeedsReauth {
                state: connection.state,
                reason: connection.state_reason.clone(),
            });
        }
        let tokens = self.store.tokens(tenant, &connection.id).await?;
        self.used.note(tenant, &connection.id, &tokens);
        match above {
            Some(above) if tokens.version > above => Ok(tokens),
            // The way of few calls; boxed, so that the others do not carry its state about.
            Some(above) => Box::pin(self.refreshed(tenant, connection, above, Cause::Refused)).await,
            None => self.before_its_end(tenant, connection, tokens).await,
        }
    }

    /// Refreshes a token that is about to end. While it has not ended it stays good, whatever became of the refresh.
    async fn before_its_end(
        self: &Arc<Self>,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        tokens: Arc<VersionedTokens>,
    ) -> Result<Arc<VersionedTokens>, CallError> {
        let left_ms = match tokens.access_expires_at_ms {
            Some(end_ms) => end_ms.saturating_sub(self.clock.now_ms()),
            None => return Ok(tokens),
        };
        if left_ms > LEEWAY_MS || (left_ms > 0 && !tokens.is_refreshable()) {
            return Ok(tokens);
        }
        match Box::pin(self.refreshed(tenant, connection, tokens.version, Cause::Ahead)).await {
            Err(error) if left_ms > 0 && !is_over(&error) => {
                tracing::warn!(connection = %connection.id, %error, "an early refresh failed; the token is used to its end");
                Ok(tokens)
            }
            result => result,
        }
    }

    /// Tokens of a version above `above`, refreshed by whoever comes first.
    pub(crate) async fn refreshed(
        self: &Arc<Self>,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        above: i64,
        cause: Cause,
    ) -> Result<Arc<VersionedTokens>, CallError> {
        let wait = Duration::from_millis(self.settings.limits.refresh_wait_ms);
        let deadline = Instant::now() + wait;
        for _ in 0..ROUNDS_MAX {
            if let Some(error) = self.resting(connection) {
                // Another node may have got a token all the same.
                return self.tokens_of(tenant, connection, above + 1).await?.ok_or(error);
            }
            let mut waiting = self.flights.join(&connection.id, |answering| {
                let refresh = run_refresh(
                    Arc::clone(self),
                    tenant.clone(),
                    Arc::clone(connection),
                    above,
                    cause,
                    answering,
                );
                self.tracker.spawn(refresh);
            });
            let answer = match tokio::time::timeout_at(deadline, waiting.wait_for(Option::is_some)).await {
                Ok(Ok(answer)) => answer.clone(),
                // The driver died, or nobody waits any longer.
                Ok(Err(_)) | Err(_) => None,
            };
            let Some(answer) = answer else {
                return Err(CallError::RefreshInProgress { retry_after_s: 2 });
            };
            match answer.outcome {
                Outcome::Current { version } => {
                    if let Some(tokens) = self.tokens_of(tenant, connection, version.max(above + 1)).await? {
                        return Ok(tokens);
                    }
                }
                outcome => return Err(self.failure(connection, outcome, answer.error)),
            }
        }
        Err(CallError::RefreshInProgress { retry_after_s: 1 })
    }

    /// The tokens of at least this version; none if the row has not come so far.
    async fn tokens_of(
        &self,
        tenant: &Tenant,
        connection: &Connection,
        version: i64,
    ) -> Result<Option<Arc<VersionedTokens>>, CallError> {
        let cached = self.store.tokens(tenant, &connection.id).await?;
        if cached.version >= version {
            return Ok(Some(cached));
        }
        let fresh = self.store.tokens_fresh(tenant, &connection.id).await?;
        Ok((fresh.version >= version).then_some(fresh))
    }

    /// Whether nothing may be presented for this connection now: its application is refused, or it cools down.
    fn resting(&self, connection: &Connection) -> Option<CallError> {
        if self.trips.is_tripped(&connection.provider) {
            return Some(app_refused(&connection.provider));
        }
        let (left, why) = self.flights.cooling(&connection.id)?;
        Some(match why {
            Rest::Unsettled => CallError::RefreshInProgress {
                retry_after_s: left.as_secs() + 1,
            },
            Rest::NotAdmitted => CallError::NotAdmitted,
        })
    }

    fn failure(&self, connection: &Connection, outcome: Outcome, error: Option<StoreError>) -> CallError {
        match outcome {
            Outcome::NotActive { state } => CallError::NeedsReauth { state, reason: None },
            Outcome::NeedsReauth => CallError::NeedsReauth {
                state: store::ConnectionState::NeedsReauth,
                reason: None,
            },
            Outcome::Gone => CallError::Store(StoreError::NotFound),
            Outcome::StoreDown => CallError::Store(error.unwrap_or(StoreError::Unavailable {
                service: "database",
                reason: "the refresh could not be settled".to_owned(),
            })),
            Outcome::Unreachable => CallError::Unreachable {
                sent: false,
                what: "no connection to the token endpoint",
            },
            Outcome::Misconfigured => app_refused(&connection.provider),
            Outcome::NotAdmitted => CallError::NotAdmitted,
            Outcome::Unsettled => CallError::RefreshInProgress {
                retry_after_s: self.settings.limits.refresh_cooldown_ms.div_ceil(1_000),
            },
            Outcome::SaveFailed => CallError::TokenNotSaved { retry_after_s: 5 },
            Outcome::InProgress | Outcome::Current { .. } => {
                CallError::RefreshInProgress { retry_after_s: 2 }
            }
        }
    }
}

/// Whether nothing may be sent for the connection any more. One that only may not refresh uses its token to the end.
fn is_over(error: &CallError) -> bool {
    matches!(error, CallError::NeedsReauth { state, .. } if !state.is_usable())
}

fn app_refused(provider: &str) -> CallError {
    CallError::Misconfigured {
        what: format!(
            "`{provider}` refuses our application: its id, secret, installation or address list is wrong"
        ),
    }
}
