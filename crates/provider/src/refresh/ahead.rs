//! Refreshing before anybody has to wait: tokens in use that are about to end, and grants that nobody has used for so long
//! that the provider would end them.
//!
//! What a node uses it keeps fresh, from memory; the protocol sees to it that several nodes with the same idea make one
//! request. Grants out of use are found in the database, by one node at a time.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use model::{ConnectionId, Limits};
use moka::sync::Cache;
use store::{Connection, Tenant, VersionedTokens};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::Cause;
use crate::{Inner, Providers};

/// How often tokens in use are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// Looks between two searches for idle grants: about five minutes.
const LOOKS_PER_SEARCH: u32 = 20;
/// Idle grants refreshed after one search.
const IDLE_GRANTS_MAX: u32 = 200;
/// Until an idle grant that could not be refreshed is tried again, ms.
const IDLE_AGAIN_MS: u64 = 3_600_000;
/// A connection that no call used for this long is left to the next call.
const USED_FOR: Duration = Duration::from_hours(1);
/// Most connections looked after on one node.
const USED_MAX: u64 = 100_000;

/// The connections that this node's callers use and whose tokens end at a time that is known.
pub(crate) struct Used {
    tenants: Cache<ConnectionId, Tenant>,
    /// Spreads the nodes and the connections of one node over the time in which a refresh is due.
    spread: RandomState,
}

impl Used {
    pub(crate) fn new() -> Self {
        Self {
            tenants: Cache::builder()
                .max_capacity(USED_MAX)
                .time_to_idle(USED_FOR)
                .build(),
            spread: RandomState::new(),
        }
    }

    /// Notes a use.
    pub(crate) fn note(&self, tenant: &Tenant, id: &ConnectionId, tokens: &VersionedTokens) {
        // Looking it up counts as a use.
        if end_ms(tokens).is_some() && self.tenants.get(id).is_none() {
            self.tenants.insert(id.clone(), tenant.clone());
        }
    }

    /// A number from 0 to 1,023 that is this node's own for this token.
    fn share(&self, id: &ConnectionId, version: i64) -> i64 {
        i64::try_from(self.spread.hash_one((id.as_str(), version)) % 1_024).unwrap_or_default()
    }
}

/// When the access token ends, ms since 1970: as the provider said, or by nine tenths of what was learned.
fn end_ms(tokens: &VersionedTokens) -> Option<i64> {
    let learned = |lifetime_ms: i64| tokens.saved_at_ms.saturating_add(lifetime_ms / 10 * 9);
    tokens
        .access_expires_at_ms
        .or_else(|| tokens.learned_lifetime_ms.map(learned))
}

/// When a token in use is refreshed, ms since 1970. `share` (0 to 1,023) places it in the first half of the time that is
/// left for it, so that tokens of one hour are not all refreshed in the same second.
fn due_ms(tokens: &VersionedTokens, limits: &Limits, share: i64) -> Option<i64> {
    let end_ms = end_ms(tokens)?;
    let lifetime_ms = end_ms.saturating_sub(tokens.saved_at_ms).max(0);
    let ahead_ms = i64::try_from(limits.refresh_ahead_ms)
        .unwrap_or(i64::MAX)
        .min(lifetime_ms / 3);
    Some(end_ms - ahead_ms + ahead_ms / 2 / 1_024 * share)
}

/// Whether idle grants are searched after this look, the first of which is 0.
const fn is_search_due(look: u32) -> bool {
    look % LOOKS_PER_SEARCH == LOOKS_PER_SEARCH - 1
}

impl Providers {
    /// Refreshes, until [`Providers::drain`], what is about to end and what nobody has used for long.
    pub fn keep_fresh(&self) {
        let providers = self.clone();
        let stopping = self.inner.stopping.clone();
        self.inner.tracker.spawn(async move {
            let looking = providers.look_regularly();
            tokio::select! {
                () = looking => {}
                () = stopping.cancelled() => {}
            }
        });
    }

    async fn look_regularly(&self) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for look in 0_u32.. {
            ticks.tick().await;
            self.refresh_ahead().await;
            if is_search_due(look) {
                self.keep_idle_grants().await;
            }
        }
    }

    /// Refreshes the tokens that this node's callers use and that are due; answers how many were. Done every 15 s by
    /// [`Providers::keep_fresh`].
    pub async fn refresh_ahead(&self) -> usize {
        let inner = &self.inner;
        let now_ms = inner.clock.now_ms();
        let used: Vec<_> = inner.used.tenants.iter().collect();
        let mut due = Vec::new();
        for (id, tenant) in used {
            // Both from memory, as a rule. What cannot be read now is looked at again next time.
            let (connection, tokens) = (
                inner.store.connection(&tenant, &id).await,
                inner.store.tokens(&tenant, &id).await,
            );
            let (Ok(connection), Ok(tokens)) = (connection, tokens) else {
                continue;
            };
            let share = inner.used.share(&id, tokens.version);
            if due_ms(&tokens, &inner.settings.limits, share).is_some_and(|due_ms| due_ms <= now_ms) {
                due.push((tenant, connection, tokens));
            }
        }
        let count = due.len();
        inner.refresh_all(due).await;
        count
    }

    /// Refreshes grants that have not been used for `limits.grant_idle_ms`: providers end those that stay idle. Answers how
    /// many were found. Done every five minutes by [`Providers::keep_fresh`].
    pub async fn keep_idle_grants(&self) -> usize {
        let inner = &self.inner;
        let idle_ms = inner.settings.limits.grant_idle_ms;
        let idle = inner
            .store
            .take_idle_grants(idle_ms, IDLE_AGAIN_MS, IDLE_GRANTS_MAX)
            .await;
        let idle = idle.unwrap_or_else(|error| {
            tracing::warn!(%error, "idle grants could not be looked for");
            Vec::new()
        });
        let count = idle.len();
        let mut due = Vec::new();
        for grant in idle {
            let (tenant, id) = (grant.tenant, grant.connection_id);
            let connection = inner.store.connection(&tenant, &id).await;
            let tokens = inner.store.tokens_fresh(&tenant, &id).await;
            // Credentials of a server's own do not end by being idle.
            if let (Ok(connection), Ok(tokens)) = (connection, tokens)
                && tokens.tokens.refresh_token.is_some()
            {
                due.push((tenant, connection, tokens));
            }
        }
        inner.refresh_all(due).await;
        count
    }
}

impl Inner {
    /// No more at a time than there are turns, so that those behind them keep their place in memory only.
    async fn refresh_all(self: &Arc<Self>, due: Vec<(Tenant, Arc<Connection>, Arc<VersionedTokens>)>) {
        let at_a_time = self.settings.limits.token_requests_max.max(1);
        let mut under_way = JoinSet::new();
        for (tenant, connection, tokens) in due {
            // What cannot be refreshed would only be blamed for it, while its token may still be good.
            let is_left_alone = connection.paused_at_ms.is_some() || !connection.state.is_usable();
            if is_left_alone || !tokens.is_refreshable() {
                continue;
            }
            if under_way.len() >= at_a_time {
                under_way.join_next().await;
            }
            let inner = Arc::clone(self);
            under_way.spawn(async move {
                let refreshed = inner.refreshed(&tenant, &connection, tokens.version, Cause::Ahead);
                if let Err(error) = refreshed.await {
                    tracing::warn!(connection = %connection.id, %error, "a refresh ahead of time failed");
                }
            });
        }
        under_way.join_all().await;
    }
}

#[cfg(test)]
mod tests;
