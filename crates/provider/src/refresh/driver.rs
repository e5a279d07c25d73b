//! Does what the machine says, on a task of its own: a caller who leaves cannot cut a refresh that was sent.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use mapping::{TokenFacts, TokenFault};
use store::{
    Connection, Grant, Lease, LeaseOutcome, RefreshClaim, RefreshRelease, Refreshed, SaveOutcome, StoreError,
    Tenant, Tokens, VersionedTokens,
};
use tokio::time::Instant;

use super::flights::{Answer, Answering, Rest};
use super::machine::{Command, Event, Machine, Outcome, Release};
use super::token::{TokenReply, present_refresh_token};
use super::turns::Turn;
use crate::Inner;
use crate::settings::Configured;

/// Longest wait for one statement of the store. A write that was cut off here and arrived nevertheless shows itself on
/// the next try: the version has moved.
const STORE_TIMEOUT: Duration = Duration::from_secs(5);
/// Why a connection needs a person when what was refused is no refresh token.
const CREDENTIAL_REFUSED: &str = "credential_refused";
/// Time kept free, besides the request's own, between the last look at the claim and its end.
const SEND_MARGIN_MS: u64 = 3_000;

/// Why a refresh is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The provider refused the access token.
    Refused,
    /// The access token is about to end, or the grant has not been used for long.
    Ahead,
}

/// Runs one refresh to its end. Removes its entry from the flights however it ends.
pub(crate) async fn run(
    inner: Arc<Inner>,
    tenant: Tenant,
    connection: Arc<Connection>,
    above: i64,
    cause: Cause,
    answering: Answering,
) {
    let guard = LeaveOnDrop {
        inner: Arc::clone(&inner),
        connection: Arc::clone(&connection),
    };
    let mut driver = Driver {
        owner: owner(&inner),
        time_up_at: Instant::now() + Duration::from_millis(inner.settings.limits.refresh_wait_ms),
        inner,
        tenant,
        connection,
        row: None,
        claimed_at: None,
        lease: None,
        turn: None,
        granted: None,
        cause,
        error: None,
        answering,
    };
    let outcome = driver.run(above).await;
    metrics::counter!(
        "crosswalk_token_refresh_total",
        "provider" => driver.connection.provider.clone(),
        "outcome" => outcome_name(outcome),
    )
    .increment(1);
    tracing::info!(
        connection = %driver.connection.id,
        provider = %driver.connection.provider,
        outcome = outcome_name(outcome),
        "token refresh"
    );
    // The entry goes before the answer comes: whoever asks after the answer starts from the row.
    drop(guard);
    driver.answer(outcome);
}

struct LeaveOnDrop {
    inner: Arc<Inner>,
    connection: Arc<Connection>,
}

impl Drop for LeaveOnDrop {
    fn drop(&mut self) {
        self.inner.flights.leave(&self.connection.id);
    }
}

/// A name for this refresh in the database, for people who look.
fn owner(inner: &Inner) -> String {
    use std::fmt::Write as _;
    let mut bytes = [0_u8; 8];
    inner.random.fill(&mut bytes);
    bytes.iter().fold(String::with_capacity(16), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// When a claim was asked for, on both clocks: a machine that was suspended shows it on one of them.
#[derive(Debug, Clone, Copy)]
struct ClaimedAt {
    monotonic: Instant,
    wall_ms: i64,
}

struct Driver {
    inner: Arc<Inner>,
    tenant: Tenant,
    connection: Arc<Connection>,
    owner: String,
    time_up_at: Instant,
    row: Option<Arc<VersionedTokens>>,
    claimed_at: Option<ClaimedAt>,
    lease: Option<Lease>,
    turn: Option<Turn>,
    granted: Option<Refreshed>,
    cause: Cause,
    error: Option<StoreError>,
    answering: Answering,
}

/// A statement of the store, on the heap: their futures are large, and a refresh lives long.
type Statement<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// How a command ended.
enum Ran {
    Silently,
    With(Event),
    Finished(Outcome),
}

impl Driver {
    async fn run(&mut self, above: i64) -> Outcome {
        let (mut machine, mut commands) = Machine::new(above).step(Event::Started);
        loop {
            let mut event = Event::StoreDown;
            for command in commands {
                match self.execute(command).await {
                    Ran::Silently => {}
                    Ran::With(happened) => event = happened,
                    Ran::Finished(outcome) => return outcome,
                }
            }
            (machine, commands) = machine.step(event);
        }
    }

    fn answer(&self, outcome: Outcome) {
        self.answering.send_if_modified(|answer| {
            let first = answer.is_none();
            if first {
                *answer = Some(Answer {
                    outcome,
                    error: self.error.clone(),
                });
            }
            first
        });
    }

    async fn execute(&mut self, command: Command) -> Ran {
        let event = match command {
            Command::ReadRow => self.read_row().await,
            Command::TakeLease => self.take_lease().await,
            Command::Claim { version } => self.claim(version).await,
            Command::Post => {
                let event = self.post().await;
                self.turn = None;
                event
            }
            Command::Save { version, fence } => self.save(version, fence).await,
            Command::Spill { version, fence } => self.spill(version, fence).await,
            Command::Mark {
                version,
                fence,
                reason,
            } => self.mark(version, fence, reason.as_str()).await,
            Command::Wait { pause_ms } => self.wait(pause_ms).await,
            Command::Extend { fence } => {
                self.extend(fence).await;
                return Ran::Silently;
            }
            Command::ReleaseClaim { fence, release } => {
                self.release_claim(fence, release).await;
                return Ran::Silently;
            }
            Command::ReleaseLease => {
                if let Some(lease) = self.lease.take() {
                    let released = self.inner.store.release_lease(lease);
                    let _ = tokio::time::timeout(STORE_TIMEOUT, released).await;
                }
                return Ran::Silently;
            }
            Command::TripApp => {
                tracing::error!(provider = %self.connection.provider, "the provider refuses our application");
                self.inner.trips.trip(&self.connection.provider);
                return Ran::Silently;
            }
            Command::RestConnection => {
                let time = Duration::from_millis(self.inner.settings.limits.refresh_cooldown_ms);
                self.inner
                    .flights
                    .cool(&self.connection.id, time, Rest::NotAdmitted);
                return Ran::Silently;
            }
            Command::Answer(outcome) => {
                self.answer(outcome);
                return Ran::Silently;
            }
            Command::Finish(outcome) => return Ran::Finished(outcome),
        };
        Ran::With(event)
    }

    /// Bounds a statement and turns its failure into an event, keeping the words for the answer.
    async fn ask<T>(&mut self, asking: Statement<'_, T>) -> Result<T, Event> {
        let result = tokio::time::timeout(STORE_TIMEOUT, asking)
            .await
            .unwrap_or_else(|_| {
                Err(StoreError::Unavailable {
                    service: "database",
                    reason: format!("no answer within {} ms", STORE_TIMEOUT.as_millis()),
                })
            });
        result.map_err(|error| {
            let event = if error == StoreError::NotFound {
                Event::RowGone
            } else {
                tracing::warn!(connection = %self.connection.id, %error, "token refresh: the store failed");
                Event::StoreDown
            };
            self.error = Some(error);
            event
        })
    }

    async fn read_row(&mut self) -> Event {
        let store = self.inner.store.clone();
        let (tenant, id) = (self.tenant.clone(), self.connection.id.clone());
        match self.ask(Box::pin(store.tokens_fresh(&tenant, &id))).await {
            Ok(row) => {
                let event = Event::Row {
                    version: row.version,
                    refreshable: row.is_refreshable(),
                };
                self.row = Some(row);
                event
            }
            Err(event) => event,
        }
    }

    /// Takes its turn first: no lease or claim runs out in a line.
    async fn take_lease(&mut self) -> Event {
        if self.turn.is_none() {
            let turn = self.inner.turns.take(&self.connection.provider, self.tenant.id());
            self.turn = tokio::select! {
                turn = turn => turn,
                () = self.inner.stopping.cancelled() => return Event::LeaseBusy,
            };
        }
        if self.inner.trips.is_tripped(&self.connection.provider) {
            return Event::RefusedMisconfigured;
        }
        let ttl_ms = self.inner.settings.limits.refresh_redis_lease_ms;
        // The braces are a hash tag: all keys of a connection lie on one node of a Redis cluster.
        let name = format!("{{{}}}:refresh", self.connection.id);
        let leasing = self.inner.store.lease(&name, ttl_ms);
        let outcome = tokio::time::timeout(STORE_TIMEOUT, leasing)
            .await
            .unwrap_or(LeaseOutcome::Unavailable);
        let (event, label) = match outcome {
            LeaseOutcome::Acquired(lease) => {
                self.lease = Some(lease);
                (Event::Leased, "acquired")
            }
            LeaseOutcome::Busy => (Event::LeaseBusy, "contended"),
            LeaseOutcome::Unavailable => (Event::LeaseDown, "redis_down"),
        };
        metrics::counter!("crosswalk_refresh_lock_total", "outcome" => label).increment(1);
        event
    }

    async fn claim(&mut self, version: i64) -> Event {
        // Taken before the statement leaves, so that the claim is never thought younger than it is.
        self.claimed_at = Some(ClaimedAt {
            monotonic: Instant::now(),
            wall_ms: self.inner.clock.now_ms(),
        });
        let store = self.inner.store.clone();
        let (tenant, id, owner) = (
            self.tenant.clone(),
            self.connection.id.clone(),
            self.owner.clone(),
        );
        let lease_ms = self.inner.settings.limits.refresh_lease_ms;
        match self
            .ask(Box::pin(
                store.claim_refresh(&tenant, &id, version, &owner, lease_ms),
            ))
            .await
        {
            Ok(RefreshClaim::Claimed { fence, unsettled }) => {
                if unsettled {
                    // The database has written the event, with the claim.
                    metrics::counter!("crosswalk_refresh_unsettled_total", "provider" => self.connection.provider.clone())
                        .increment(1);
                    tracing::warn!(connection = %self.connection.id, version, "the outcome of an earlier refresh is unknown");
                }
                Event::Claimed { fence }
            }
            Ok(RefreshClaim::Held { lease_left_ms }) => Event::ClaimHeld {
                left_ms: u64::try_from(lease_left_ms).unwrap_or(1),
            },
            Ok(RefreshClaim::Advanced { version }) => Event::ClaimAdvanced { version },
            Ok(RefreshClaim::NotActive { state }) => Event::ClaimNotActive { state },
            Err(event) => event,
        }
    }

    async fn post(&mut self) -> Event {
        let inner = Arc::clone(&self.inner);
        let Some(claimed_at) = self.claimed_at else {
            return Event::Lapsed;
        };
        let Some(row) = self.row.clone() else {
            return Event::NotSent;
        };
        let Ok(configured) = inner.settings.provider(&self.connection.provider) else {
            return Event::RefusedMisconfigured;
        };
        let login = match configured.check_login(&self.connection.environment, &self.connection.login_url) {
            Ok(login) => login,
            Err(error) => {
                tracing::error!(connection = %self.connection.id, %error, "the login origin is no longer allowed");
                return Event::NotSent;
            }
        };
        let limits = &inner.settings.limits;
        let timeout = Duration::from_millis(limits.token_request_ms);
        let latest_ms = limits
            .refresh_lease_ms
            .saturating_sub(limits.token_request_ms + SEND_MARGIN_MS);
        let may_send = || claim_age_ms(claimed_at, inner.clock.now_ms()) <= latest_ms;
        if !may_send() {
            return Event::Lapsed;
        }
        let environment = &self.connection.environment;
        let reply = match (&row.grant, &row.tokens.refresh_token) {
            (Some(grant), _) => {
                inner
                    .present_grant(configured, environment, &login, grant, timeout, may_send)
                    .await
            }
            (None, Some(refresh_token)) => {
                present_refresh_token(
                    &inner.egress,
                    configured,
                    &configured.token_origin(environment, &login),
                    refresh_token,
                    timeout,
                    may_send,
                )
                .await
            }
            (None, None) => return Event::NotSent,
        };
        let has_own_client = row.grant.as_ref().is_some_and(Grant::has_own_client);
        match reply {
            TokenReply::Granted(facts) => self.granted(configured, facts),
            TokenReply::Refused { fault, .. } => match fault {
                TokenFault::Dead => Event::RefusedDead,
                TokenFault::Busy => Event::RefusedBusy,
                // A client of the tenant's own is for the tenant to correct.
                TokenFault::Misconfigured | TokenFault::NotAdmitted if has_own_client => Event::RefusedDead,
                // Where no person agreed to it, it is often one org that lacks the application or its user.
                TokenFault::Misconfigured if row.grant.is_some() => Event::RefusedNotAdmitted,
                TokenFault::Misconfigured => Event::RefusedMisconfigured,
                TokenFault::NotAdmitted => Event::RefusedNotAdmitted,
                TokenFault::Unavailable => Event::Unknown,
            },
            TokenReply::NotSent(crate::egress::EgressError::Lapsed) => Event::Lapsed,
            TokenReply::NotSent(error) => {
                tracing::warn!(connection = %self.connection.id, %error, "the token endpoint was not reached");
                Event::NotSent
            }
            TokenReply::Unknown(what) => {
                tracing::warn!(connection = %self.connection.id, what, "the outcome of a refresh is unknown");
                Event::Unknown
            }
        }
    }

    fn granted(&mut self, configured: &Configured, facts: TokenFacts) -> Event {
        let Some(access_token) = facts.access_token else {
            return Event::Unknown;
        };
        // A host that we may not talk to is dropped, the tokens are kept: they are for the host that is stored, and
        // without them the grant would be lost.
        let instance_url = facts
            .instance_url
            .and_then(|text| match configured.api_hosts.check(&text) {
                Ok(origin) => Some(origin.as_str().to_owned()),
                Err(error) => {
                    metrics::counter!("crosswalk_instance_url_refused_total").increment(1);
                    tracing::error!(
                        connection = %self.connection.id,
                        reason = %error,
                        "a token reply named a host that is not allowed; the stored host stays"
                    );
                    None
                }
            });
        self.granted = Some(Refreshed {
            tokens: Tokens {
                access_token,
                refresh_token: facts.refresh_token,
            },
            instance_url,
            scopes: facts.scopes,
            access_expires_at_ms: crate::expires_at_ms(facts.expires_in_s, self.inner.clock.now_ms()),
            was_refused: self.cause == Cause::Refused,
        });
        Event::Granted
    }

    async fn save(&mut self, version: i64, fence: i64) -> Event {
        let Some(granted) = self.granted.clone() else {
            return Event::StoreDown;
        };
        let store = self.inner.store.clone();
        let (tenant, id) = (self.tenant.clone(), self.connection.id.clone());
        match self
            .ask(Box::pin(
                store.save_refreshed(&tenant, &id, version, fence, &granted),
            ))
            .await
        {
            Ok(SaveOutcome::Saved { version }) => Event::Saved { version },
            Ok(SaveOutcome::Superseded) => Event::Superseded,
            Err(Event::RowGone) => {
                // Deleted meanwhile: nobody will ever use this grant again.
                let token = granted
                    .tokens
                    .refresh_token
                    .unwrap_or(granted.tokens.access_token);
                let grant = self.row.as_ref().and_then(|row| row.grant.as_ref());
                self.inner.revoke(&self.connection, grant, &token).await;
                Event::RowGone
            }
            Err(event) => event,
        }
    }

    async fn spill(&mut self, version: i64, fence: i64) -> Event {
        let Some(granted) = self.granted.clone() else {
            return Event::Spilled { durable: false };
        };
        let store = self.inner.store.clone();
        let (tenant, id) = (self.tenant.clone(), self.connection.id.clone());
        let spilled = self
            .ask(Box::pin(
                store.spill_refreshed(&tenant, &id, version, fence, &granted),
            ))
            .await;
        Event::Spilled {
            durable: spilled.is_ok(),
        }
    }

    async fn mark(&mut self, version: i64, fence: i64, reason: &str) -> Event {
        let has_grant = self.row.as_ref().is_some_and(|row| row.grant.is_some());
        let reason = if has_grant { CREDENTIAL_REFUSED } else { reason };
        let store = self.inner.store.clone();
        let (tenant, id) = (self.tenant.clone(), self.connection.id.clone());
        match self
            .ask(Box::pin(
                store.mark_needs_reauth(&tenant, &id, version, fence, reason),
            ))
            .await
        {
            Ok(done) => Event::Marked { done },
            Err(event) => event,
        }
    }

    async fn extend(&mut self, fence: i64) {
        let store = self.inner.store.clone();
        let (tenant, id) = (self.tenant.clone(), self.connection.id.clone());
        let limits = &self.inner.settings.limits;
        let (lease_ms, redis_ms) = (limits.refresh_lease_ms, limits.refresh_redis_lease_ms);
        if let Some(lease) = &self.lease {
            let _ = tokio::time::timeout(STORE_TIMEOUT, store.extend_lease(lease, redis_ms)).await;
        }
        let extending = store.extend_refresh(&tenant, &id, fence, lease_ms);
        let _ = tokio::time::timeout(STORE_TIMEOUT, extending).await;
    }

    /// A release that fails changes nothing: the claim lapses by itself.
    async fn release_claim(&mut self, fence: i64, release: Release) {
        let cooldown_ms = self.inner.settings.limits.refresh_cooldown_ms;
        let release = match release {
            Release::NotSent => RefreshRelease::NotSent,
            Release::Failed => RefreshRelease::Failed,
            Release::OutcomeUnknown => {
                let time = Duration::from_millis(cooldown_ms);
                self.inner
                    .flights
                    .cool(&self.connection.id, time, Rest::Unsettled);
                RefreshRelease::OutcomeUnknown { cooldown_ms }
            }
        };
        let releasing = self
            .inner
            .store
            .release_refresh(&self.tenant, &self.connection.id, fence, release);
        let _ = tokio::time::timeout(STORE_TIMEOUT, releasing).await;
    }

    async fn wait(&mut self, pause_ms: u64) -> Event {
        self.turn = None;
        let mut byte = [0_u8; 1];
        self.inner.random.fill(&mut byte);
        let pause_ms = spread_ms(pause_ms, byte[0]);
        self.inner
            .store
            .wait_for_change(&self.connection.id, pause_ms)
            .await;
        Event::Waited {
            time_up: Instant::now() >= self.time_up_at,
            draining: self.inner.stopping.is_cancelled(),
        }
    }
}

/// Between three and five quarters of a pause, at least 1 ms, so that nodes that began together do not stay together.
fn spread_ms(pause_ms: u64, byte: u8) -> u64 {
    (pause_ms * (384 + u64::from(byte)) / 512).max(1)
}

/// How old a claim is at most, ms: the larger of what two clocks say. A wall clock set back counts as standing still.
fn claim_age_ms(claimed_at: ClaimedAt, wall_now_ms: i64) -> u64 {
    let monotonic = u64::try_from(claimed_at.monotonic.elapsed().as_millis()).unwrap_or(u64::MAX);
    let wall = u64::try_from(wall_now_ms.saturating_sub(claimed_at.wall_ms)).unwrap_or(0);
    monotonic.max(wall)
}

const fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Current { .. } => "current",
        Outcome::NotActive { .. } => "not_active",
        Outcome::NeedsReauth => "needs_reauth",
        Outcome::Gone => "gone",
        Outcome::StoreDown => "store_down",
        Outcome::InProgress => "in_progress",
        Outcome::Unreachable => "unreachable",
        Outcome::Misconfigured => "misconfigured",
        Outcome::NotAdmitted => "not_admitted",
        Outcome::Unsettled => "outcome_unknown",
        Outcome::SaveFailed => "save_failed",
    }
}

#[cfg(test)]
mod tests;
