//! The claim to refresh, and saving what a refresh brought.
//!
//! Presenting a refresh token cannot be undone, and presenting a rotated one twice revokes the grant. So for one
//! connection and version there is one holder, by one conditional UPDATE on the database's own clock; each claim has a
//! higher fence, and every later statement of the holder names it. No transaction is open while the provider is
//! called. Redis, where it is configured, only spares the losers the attempt.

use std::sync::Arc;

use model::{ConnectionId, TenantId};

use crate::changes::Topic;
use crate::checks::{URL_MAX_CHARS, check_optional, write_list};
use crate::connections::{open_tokens, read_id, read_state, scope, seal_tokens, topic};
use crate::database::{Argument, DatabaseError, Row, Scope, arguments};
use crate::witness::Seen;
use crate::{
    ConnectionFlow, Grant, IdleGrant, RefreshClaim, RefreshRelease, Refreshed, SaveOutcome, Store,
    StoreError, Tenant, Tokens,
};

/// Longest reason kept with a state.
const REASON_MAX_CHARS: usize = 500;
/// Longest claim or cool-down: a day.
const LEASE_MAX_MS: u64 = 86_400_000;
/// Shortest lifetime that is believed: sessions ended by people would else teach that tokens live for seconds.
const LEARNED_LIFETIME_MIN_MS: i64 = 600_000;
/// Most grants of one call for those that are idle.
const IDLE_GRANTS_MAX: u32 = 1_000;
/// A claim that lost against a lease which has just ended is tried again.
const CLAIM_ATTEMPTS: usize = 3;

fn lease(lease_ms: u64) -> i64 {
    i64::try_from(lease_ms.min(LEASE_MAX_MS)).unwrap_or(i64::MAX)
}

/// Whose claim a save relies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// The holder's own.
    Holder,
    /// Tokens found after their holder could not save them: also good once no other claim runs.
    Recovery,
}

impl Store {
    /// Claims the right to present the refresh token of `expected_version`, for `lease_ms`.
    ///
    /// Tokens that a former holder could not save are applied first. `owner` names the holder for people. A token that a
    /// restored backup brought back is claimed by nobody: the answer is [`RefreshClaim::NotActive`].
    pub async fn claim_refresh(
        &self,
        tenant: &Tenant,
        id: &ConnectionId,
        expected_version: i64,
        owner: &str,
        lease_ms: u64,
    ) -> Result<RefreshClaim, StoreError> {
        self.recover_spilled_of(tenant.id(), id).await?;
        if let Some(state) = self.refuse_restored(tenant.id(), id, expected_version).await? {
            return Ok(RefreshClaim::NotActive { state });
        }
        let claim = "UPDATE connections SET refresh_owner = $4, refresh_fence = refresh_fence + 1, \
                     refresh_lease_until_ms = {now_ms} + $5, refresh_prior_intent_at_ms = refresh_intent_at_ms, \
                     refresh_intent_at_ms = {now_ms} \
                     WHERE tenant_id = $1 AND id = $2 AND token_version = $3 AND state IN ('active', 'degraded') \
                     AND (refresh_lease_until_ms IS NULL OR refresh_lease_until_ms < {now_ms}) \
                     RETURNING refresh_fence, refresh_prior_intent_at_ms";
        let look = "SELECT token_version, state, refresh_lease_until_ms - {now_ms} AS lease_left_ms \
                    FROM connections WHERE tenant_id = $1 AND id = $2";
        for _ in 0..CLAIM_ATTEMPTS {
            let arguments = arguments![
                tenant.id().as_str(),
                id.as_str(),
                expected_version,
                owner,
                lease(lease_ms)
            ];
            if let Some(row) = self.change(tenant, Vec::new(), claim, arguments).await?.first() {
                return Ok(RefreshClaim::Claimed {
                    fence: row.integer("refresh_fence")?,
                    unsettled: row.optional_integer("refresh_prior_intent_at_ms")?.is_some(),
                });
            }
            let arguments = arguments![tenant.id().as_str(), id.as_str()];
            let rows = self.inner.database.read(&scope(tenant), look, arguments).await?;
            let row = rows.first().ok_or(StoreError::NotFound)?;
            let (version, state) = (row.integer("token_version")?, read_state(row)?);
            let lease_left_ms = row.optional_integer("lease_left_ms")?;
            if version != expected_version {
                return Ok(RefreshClaim::Advanced { version });
            }
            if !state.is_usable() {
                return Ok(RefreshClaim::NotActive { state });
            }
            if let Some(lease_left_ms) = lease_left_ms.filter(|left_ms| *left_ms > 0) {
                return Ok(RefreshClaim::Held { lease_left_ms });
            }
        }
        Ok(RefreshClaim::Held { lease_left_ms: 1 })
    }

    /// Gives the holder of a running claim `lease_ms` from now; answers whether it still held it.
    pub async fn extend_refresh(
        &self,
        tenant: &Tenant,
        id: &ConnectionId,
        fence: i64,
        lease_ms: u64,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE connections SET refresh_lease_until_ms = {now_ms} + $4 \
                   WHERE tenant_id = $1 AND id = $2 AND refresh_fence = $3 AND refresh_owner IS NOT NULL \
                   AND refresh_lease_until_ms >= {now_ms} RETURNING id";
        let arguments = arguments![tenant.id().as_str(), id.as_str(), fence, lease(lease_ms)];
        self.changed_own(tenant, id, Vec::new(), sql, arguments).await
    }

    /// Saves what a refresh brought, if the claim is still the caller's. When this answers `Saved`, it is durable.
    pub async fn save_refreshed(
        &self,
        tenant: &Tenant,
        id: &ConnectionId,
        version: i64,
        fence: i64,
        refreshed: &Refreshed,
    ) -> Result<SaveOutcome, StoreError> {
        let outcome = self
            .apply_refreshed(tenant.id(), id, version, fence, refreshed, Right::Holder)
            .await?;
        if outcome == SaveOutcome::Superseded {
            metrics::counter!("crosswalk_token_cas_conflicts_total").increment(1);
            tracing::error!(connection = %id, version, fence, "refreshed tokens came too late and were not saved");
        }
        Ok(outcome)
    }

    /// The one statement by which refreshed tokens reach a row.
    pub(crate) async fn apply_refreshed(
        &self,
        tenant: &TenantId,
        id: &ConnectionId,
        version: i64,
        fence: i64,
        refreshed: &Refreshed,
        right: Right,
    ) -> Result<SaveOutcome, StoreError> {
        check_optional("instance_url", refreshed.instance_url.as_deref(), URL_MAX_CHARS)?;
        let Some((refresh_token, grant)) = self.kept_after(tenant, id, version, refreshed).await? else {
            return Ok(SaveOutcome::Superseded);
        };
        let tokens = Tokens {
            access_token: refreshed.tokens.access_token.clone(),
            refresh_token,
        };
        let sealed = seal_tokens(
            &self.inner.sealer,
            tenant,
            id,
            version + 1,
            &tokens,
            grant.as_ref(),
        )
        .await?;
        let sql = "UPDATE connections SET sealed_tokens = $5, token_version = token_version + 1, state = 'active', \
                   state_reason = NULL, instance_url = COALESCE($6, instance_url), scopes = COALESCE($7, scopes), \
                   access_expires_at_ms = $8, refresh_owner = NULL, refresh_lease_until_ms = NULL, \
                   refresh_intent_at_ms = NULL, updated_at_ms = {now_ms}, last_refreshed_at_ms = {now_ms}, \
                   tokens_saved_at_ms = {now_ms}, \
                   refused_age_ms = CASE WHEN $10 = 1 THEN {now_ms} - tokens_saved_at_ms ELSE refused_age_ms END, \
                   learned_lifetime_ms = CASE WHEN $10 = 1 AND {now_ms} - tokens_saved_at_ms >= $11 \
                       AND 10 * abs({now_ms} - tokens_saved_at_ms - refused_age_ms) <= refused_age_ms \
                       THEN {now_ms} - tokens_saved_at_ms ELSE learned_lifetime_ms END \
                   WHERE tenant_id = $1 AND id = $2 AND token_version = $3 AND state <> 'revoked' \
                   AND (refresh_fence = $4 OR ($9 = 1 AND \
                       (refresh_lease_until_ms IS NULL OR refresh_lease_until_ms < {now_ms}))) \
                   RETURNING token_version";
        let arguments = arguments![
            tenant.as_str(),
            id.as_str(),
            version,
            fence,
            sealed,
            refreshed.instance_url.clone(),
            refreshed.scopes.as_deref().map(write_list).transpose()?,
            refreshed.access_expires_at_ms,
            i64::from(right == Right::Recovery),
            i64::from(refreshed.was_refused),
            LEARNED_LIFETIME_MIN_MS,
        ];
        let (database, scope) = (self.inner.database.clone(), Scope::Tenant(tenant.clone()));
        let (witness, own) = (Arc::clone(&self.inner.witness), id.clone());
        let seen = tokens
            .refresh_token
            .as_ref()
            .map(|token| Seen::new(id, version + 1, token));
        let save = async move {
            let rows = database.write(&scope, sql, arguments).await?;
            if let Some(seen) = seen.filter(|_| !rows.is_empty()) {
                witness.follow(&own, &seen).await;
            }
            Ok::<_, DatabaseError>(rows)
        };
        let rows = self.detached(vec![topic(id)], save).await?;
        rows.first().map_or(Ok(SaveOutcome::Superseded), |row| {
            Ok(SaveOutcome::Saved {
                version: row.integer("token_version")?,
            })
        })
    }

    /// The refresh token that goes with refreshed tokens (the new one, else the stored one), and what is presented in its
    /// place by flows that have none. Nothing if the stored version is another by now.
    async fn kept_after(
        &self,
        tenant: &TenantId,
        id: &ConnectionId,
        version: i64,
        refreshed: &Refreshed,
    ) -> Result<Option<(Option<model::Secret>, Option<Grant>)>, StoreError> {
        let sql =
            "SELECT token_version, sealed_tokens, flow FROM connections WHERE tenant_id = $1 AND id = $2";
        let arguments = arguments![tenant.as_str(), id.as_str()];
        let rows = self
            .inner
            .database
            .read(&Scope::Tenant(tenant.clone()), sql, arguments)
            .await?;
        let row = rows.first().ok_or(StoreError::NotFound)?;
        if row.integer("token_version")? != version {
            return Ok(None);
        }
        let new = refreshed.tokens.refresh_token.clone();
        let has_grant = row.text("flow")? != ConnectionFlow::AuthorizationCode.as_str();
        if new.is_some() && !has_grant {
            return Ok(Some((new, None)));
        }
        let Some(sealed) = row.optional_bytes("sealed_tokens")? else {
            return Ok(Some((new, None)));
        };
        let (stored, grant) = open_tokens(&self.inner.sealer, tenant, id, version, &sealed).await?;
        Ok(Some((new.or(stored.refresh_token), grant)))
    }

    /// Ends a claim that brought no tokens; answers whether it was still the caller's.
    pub async fn release_refresh(
        &self,
        tenant: &Tenant,
        id: &ConnectionId,
        fence: i64,
        release: RefreshRelease,
    ) -> Result<bool, StoreError> {
        let (sql, cooldown_ms) = match release {
            RefreshRelease::NotSent | RefreshRelease::Failed => (
                "UPDATE connections SET refresh_owner = NULL, refresh_lease_until_ms = NULL, \
                 refresh_intent_at_ms = NULL \
                 WHERE tenant_id = $1 AND id = $2 AND refresh_fence = $3 AND refresh_owner IS NOT NULL RETURNING id",
                None,
            ),
            RefreshRelease::OutcomeUnknown { cooldown_ms } => (
                "UPDATE connections SET refresh_owner = NULL, refresh_lease_until_ms = {now_ms} + $4 \
                 WHERE tenant_id = $1 AND id = $2 AND refresh_fence = $3 AND refresh_owner IS NOT NULL RETURNING id",
                Some(cooldown_ms),
            ),
        };
        let mut arguments = arguments![tenant.id().as_str(), id.as_str(), fence];
        arguments.extend(cooldown_ms.map(|cooldown_ms| Argument::from(lease(cooldown_ms))));
        self.changed_own(tenant, id, vec![topic(id)], sql, arguments)
            .await
    }

    /// Records that only the customer can bring the connection back; answers whether the claim was still the
    /// caller's. `reason` is shown to the tenant; it is cut after 500 characters.
    pub async fn mark_needs_reauth(
        &self,
        tenant: &Tenant,
        id: &ConnectionId,
        version: i64,
        fence: i64,
        reason: &str,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE connections SET state = 'needs_reauth', state_reason = $5, refresh_owner = NULL, \
                   refresh_lease_until_ms = NULL, refresh_intent_at_ms = NULL, updated_at_ms = {now_ms} \
                   WHERE tenant_id = $1 AND id = $2 AND token_version = $3 AND refresh_fence = $4 \
                   AND refresh_owner IS NOT NULL RETURNING id";
        let reason: String = reason
            .chars()
            .filter(|char| !char.is_control())
            .take(REASON_MAX_CHARS)
            .collect();
        let arguments = arguments![tenant.id().as_str(), id.as_str(), version, fence, reason];
        self.changed_own(tenant, id, vec![topic(id)], sql, arguments)
            .await
    }

    async fn change(
        &self,
        tenant: &Tenant,
        topics: Vec<Topic>,
        sql: &'static str,
        arguments: Vec<Argument>,
    ) -> Result<Vec<Row>, StoreError> {
        let (database, scope) = (self.inner.database.clone(), scope(tenant));
        self.detached(
            topics,
            async move { database.write(&scope, sql, arguments).await },
        )
        .await
    }

    /// Runs a statement of a claim's holder; answers whether it changed the row. A row that does not exist is not
    /// found, as everywhere.
    async fn changed_own(
        &self,
        tenant: &Tenant,
        id: &ConnectionId,
        topics: Vec<Topic>,
        sql: &'static str,
        arguments: Vec<Argument>,
    ) -> Result<bool, StoreError> {
        if !self.change(tenant, topics, sql, arguments).await?.is_empty() {
            return Ok(true);
        }
        let known = "SELECT id FROM connections WHERE tenant_id = $1 AND id = $2";
        let arguments = arguments![tenant.id().as_str(), id.as_str()];
        let rows = self.inner.database.read(&scope(tenant), known, arguments).await?;
        if rows.is_empty() {
            Err(StoreError::NotFound)
        } else {
            Ok(false)
        }
    }

    /// Connections of every tenant whose tokens are at least `idle_ms` old, the oldest first, at most `limit` (and
    /// 1,000). Each is given out once in `again_ms`, whichever node asks.
    pub async fn take_idle_grants(
        &self,
        idle_ms: u64,
        again_ms: u64,
        limit: u32,
    ) -> Result<Vec<IdleGrant>, StoreError> {
        // The conditions stand twice: what the inner query saw may have changed when the row is locked.
        let sql = "UPDATE connections SET keepalive_tried_at_ms = {now_ms} \
                   WHERE id IN (SELECT id FROM connections WHERE tokens_saved_at_ms <= {now_ms} - $1 \
                       AND state IN ('active', 'degraded') \
                       AND (keepalive_tried_at_ms IS NULL OR keepalive_tried_at_ms <= {now_ms} - $2) \
                       ORDER BY tokens_saved_at_ms LIMIT $3) \
                   AND tokens_saved_at_ms <= {now_ms} - $1 AND state IN ('active', 'degraded') \
                   AND (keepalive_tried_at_ms IS NULL OR keepalive_tried_at_ms <= {now_ms} - $2) \
                   RETURNING tenant_id, id";
        let ms = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX / 2);
        let arguments = arguments![ms(idle_ms), ms(again_ms), i64::from(limit.min(IDLE_GRANTS_MAX))];
        let database = self.inner.database.clone();
        let take = async move { database.write(&Scope::Operator, sql, arguments).await };
        self.detached(Vec::new(), take)
            .await?
            .iter()
            .map(|row| {
                let corrupt = |_| StoreError::Corrupt { what: "connection" };
                Ok(IdleGrant {
                    tenant: Tenant::new(TenantId::parse(&row.text("tenant_id")?).map_err(corrupt)?),
                    connection_id: read_id(row)?,
                })
            })
            .collect()
    }

    /// Waits until the connection changes, here or (with Redis) on another node, at most `at_most_ms`. A change just
    /// before the call is missed: read the row first, and again afterwards.
    pub async fn wait_for_change(&self, id: &ConnectionId, at_most_ms: u64) {
        let at_most = std::time::Duration::from_millis(at_most_ms.min(LEASE_MAX_MS));
        let topic = topic(id);
        let waiting = self.inner.changes.changed(&topic);
        // Either way the caller reads the row again.
        let _changed_or_late = tokio::time::timeout(at_most, waiting).await;
    }
}
