//! The loop that sends what is due, in turns between endpoints.
//!
//! Each round asks which endpoints have something due and claims a few deliveries of each, beginning behind the endpoint
//! that was served last. An endpoint, and so a tenant, can hold only so many of the node's places, however slow it is.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use model::{Secret, WebhookEndpointId};
use store::{HeldDelivery, StoreError, WebhookBatch, WebhookFate, WebhookFinish, WebhookOutcome};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::{WebhookTarget, message, schedule};
use crate::egress::{EgressError, Outbound, full_body};
use crate::{Inner, quota};

/// Endpoints served in one round.
const ROUND_ENDPOINTS: u32 = 64;
/// How often the age of the oldest pending delivery is measured.
const MEASURE_EVERY: Duration = Duration::from_secs(15);
/// Most of a reply that is read, bytes: enough for the connection to be used again after a usual one.
const REPLY_MAX_BYTES: usize = 16 << 10;

pub(super) struct Deliverer {
    inner: Arc<Inner>,
    places: Arc<Places>,
    /// Behind which endpoint the next round begins.
    after: Option<WebhookEndpointId>,
    /// Whether this turn over the endpoints did not begin with the first.
    began_inside: bool,
}

/// Whether a delivery to an endpoint may begin.
enum Room {
    /// That many.
    Some(usize),
    /// The endpoint has all that it may have.
    NotOfEndpoint,
    /// The node has no place left.
    NotOfNode,
}

/// The node's places for webhooks being sent.
struct Places {
    node: Arc<Semaphore>,
    endpoints: Mutex<HashMap<WebhookEndpointId, usize>>,
    of_endpoint_max: usize,
    /// Whether something due was left for want of a place.
    is_short: AtomicBool,
    /// Told when a place is free and something was left.
    freed: Notify,
}

/// One place, free again when dropped.
struct Place {
    places: Arc<Places>,
    endpoint: WebhookEndpointId,
    _of_node: OwnedSemaphorePermit,
}

impl Places {
    /// How many more deliveries to this endpoint may begin. Where none may, whoever frees a place tells.
    fn room(&self, endpoint: &WebhookEndpointId) -> Room {
        let now = || {
            let endpoints = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
            let held = endpoints.get(endpoint).copied().unwrap_or_default();
            let of_node = self.node.available_permits();
            let room = self.of_endpoint_max.saturating_sub(held).min(of_node);
            match (room, of_node) {
                (0, 0) => Room::NotOfNode,
                (0, _) => Room::NotOfEndpoint,
                (room, _) => Room::Some(room),
            }
        };
        if let Room::Some(room) = now() {
            return Room::Some(room);
        }
        self.is_short.store(true, Ordering::SeqCst);
        // Again: a place freed before the flag was up told nobody.
        now()
    }

    /// Only the loop takes places, so there is one wherever it found room.
    fn take(self: &Arc<Self>, endpoint: &WebhookEndpointId) -> Option<Place> {
        let of_node = Arc::clone(&self.node).try_acquire_owned().ok()?;
        let mut endpoints = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        *endpoints.entry(endpoint.clone()).or_default() += 1;
        Some(Place {
            places: Arc::clone(self),
            endpoint: endpoint.clone(),
            _of_node: of_node,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut endpoints = self
            .places
            .endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = endpoints.get_mut(&self.endpoint) {
            *held -= 1;
            if *held == 0 {
                endpoints.remove(&self.endpoint);
            }
        }
        if self.places.is_short.swap(false, Ordering::SeqCst) {
            self.places.freed.notify_one();
        }
    }
}

/// What all deliveries of a batch share.
struct Destination {
    url: String,
    secrets: Vec<Secret>,
    is_disabled: bool,
}

impl Deliverer {
    pub(super) fn new(inner: Arc<Inner>) -> Self {
        describe_metrics();
        let limits = &inner.settings.limits;
        let places = Places {
            node: Arc::new(Semaphore::new(limits.webhook_inflight_max)),
            endpoints: Mutex::default(),
            of_endpoint_max: limits.webhook_endpoint_inflight_max,
            is_short: AtomicBool::new(false),
            freed: Notify::new(),
        };
        Self {
            inner,
            places: Arc::new(places),
            after: None,
            began_inside: false,
        }
    }

    /// Until the node stops. What is being sent then is finished on tasks of its own.
    pub(super) async fn run(mut self) {
        let poll = Duration::from_millis(self.inner.settings.limits.webhook_poll_ms);
        let inner = Arc::clone(&self.inner);
        let places = Arc::clone(&self.places);
        let mut measured_at: Option<Instant> = None;
        loop {
            if measured_at.is_none_or(|at| at.elapsed() >= MEASURE_EVERY) {
                measured_at = Some(Instant::now());
                self.measure().await;
            }
            let is_more = self.round().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "webhooks that are due could not be claimed");
                false
            });
            if is_more && !inner.stopping.is_cancelled() {
                continue;
            }
            tokio::select! {
                biased;
                () = inner.stopping.cancelled() => return,
                () = inner.store.webhooks_due() => {}
                () = places.freed.notified() => {}
                () = tokio::time::sleep(poll) => {}
            }
        }
    }

    async fn measure(&self) {
        match self.inner.store.oldest_pending_webhook_ms().await {
            Ok(age_ms) => {
                let age =
                    Duration::from_millis(u64::try_from(age_ms.unwrap_or_default()).unwrap_or_default());
                metrics::gauge!("crosswalk_webhook_oldest_pending_age_seconds").set(age.as_secs_f64());
            }
            Err(error) => tracing::warn!(%error, "the age of pending webhooks could not be measured"),
        }
    }

    /// Serves some of the endpoints that have something due; answers whether others should be served at once.
    async fn round(&mut self) -> Result<bool, StoreError> {
        let mut served = self.after.take();
        let due = self
            .inner
            .store
            .due_webhook_endpoints(served.as_ref(), ROUND_ENDPOINTS)
            .await?;
        let is_last = due.len() < usize::try_from(ROUND_ENDPOINTS).unwrap_or(usize::MAX);
        for endpoint in due {
            if self.inner.stopping.is_cancelled() {
                return Ok(false);
            }
            match self.places.room(&endpoint) {
                Room::Some(room) => self.claim(&endpoint, room).await?,
                Room::NotOfEndpoint => {}
                Room::NotOfNode => {
                    // Goes on with this endpoint when a place is free.
                    self.after = served;
                    self.began_inside = true;
                    return Ok(false);
                }
            }
            served = Some(endpoint);
        }
        if is_last {
            // Those before where this turn began have not been asked.
            return Ok(std::mem::take(&mut self.began_inside));
        }
        self.after = served;
        Ok(true)
    }

    /// Claims what there is room for, and begins to send it.
    async fn claim(&self, endpoint: &WebhookEndpointId, room: usize) -> Result<(), StoreError> {
        let lease_ms = self.inner.settings.limits.webhook_lease_ms;
        let limit = u32::try_from(room).unwrap_or(u32::MAX);
        let batch = self
            .inner
            .store
            .claim_webhook_deliveries(endpoint, limit, lease_ms)
            .await?;
        let Some(batch) = batch else {
            return Ok(());
        };
        if batch.deliveries.len() >= room {
            self.places.is_short.store(true, Ordering::SeqCst);
        }
        let WebhookBatch {
            url,
            secrets,
            is_disabled,
            deliveries,
        } = batch;
        let destination = Arc::new(Destination {
            url,
            secrets,
            is_disabled,
        });
        for held in deliveries {
            let Some(place) = self.places.take(endpoint) else {
                // Its lease lapses, and it is claimed again.
                continue;
            };
            let (inner, destination) = (Arc::clone(&self.inner), Arc::clone(&destination));
            self.inner.tracker.spawn(async move {
                inner.deliver_webhook(&place.endpoint, &destination, held).await;
                drop(place);
            });
        }
        Ok(())
    }
}

/// What came of sending.
struct Sent {
    outcome: WebhookOutcome,
    retry_after_s: Option<u64>,
    is_unsent: bool,
}

impl Sent {
    fn failed(error: &'static str, detail: impl Into<String>) -> Self {
        Self {
            outcome: WebhookOutcome {
                error: Some(error),
                detail: Some(detail.into()),
                ..WebhookOutcome::default()
            },
            retry_after_s: None,
            is_unsent: false,
        }
    }

    fn answered(status: StatusCode, headers: &HeaderMap, now_ms: i64) -> Self {
        let mut sent = if status.is_success() {
            Self {
                outcome: WebhookOutcome::default(),
                retry_after_s: None,
                is_unsent: false,
            }
        } else {
            Self::failed("status", format!("the receiver answered {}", status.as_u16()))
        };
        sent.outcome.status = Some(status.as_u16());
        sent.retry_after_s = quota::retry_after_s(headers, now_ms);
        sent
    }

    fn refused(error: EgressError, request_ms: u64) -> Self {
        let mut sent = match error {
            EgressError::Refused { what } => {
                Self::failed("refused", format!("the URL may not be called: {what}"))
            }
            EgressError::Unreachable { what, .. } => Self::failed("unreachable", what),
            EgressError::Timeout { sent: false } => Self::failed("timeout", "no connection in time"),
            EgressError::Timeout { sent: true } => {
                Self::failed("timeout", format!("no answer within {request_ms} ms"))
            }
            EgressError::Redirect { status } => Self::failed(
                "redirect",
                format!("the receiver answered {status}; redirects are not followed"),
            ),
            EgressError::BadReply { what } => {
                Self::failed("bad_reply", format!("the receiver answered {what}"))
            }
            EgressError::TooLarge { .. } | EgressError::RequestTooLarge { .. } | EgressError::Lapsed => {
                Self::failed("bad_reply", "the answer could not be read")
            }
        };
        if let EgressError::Redirect { status } = error {
            sent.outcome.status = Some(status);
        }
        sent
    }

    /// What the delivery is to become of it.
    fn fate(&self, attempt: u32, jitter: u32) -> (WebhookFate, &'static str) {
        if self.is_unsent {
            return (WebhookFate::Unsent, "unsent");
        }
        match self.outcome.status {
            Some(410) => return (WebhookFate::Gone, "gone"),
            Some(200..=299) => return (WebhookFate::Delivered, "delivered"),
            _ => {}
        }
        match schedule::pause_ms(attempt, self.retry_after_s, jitter) {
            Some(delay_ms) => (WebhookFate::Retry { delay_ms }, "retried"),
            None => (WebhookFate::GiveUp, "failed"),
        }
    }
}

impl Inner {
    /// Sends one delivery and says what became of it. When that cannot be said, its lease lapses and it is sent again.
    async fn deliver_webhook(
        &self,
        endpoint: &WebhookEndpointId,
        destination: &Destination,
        held: HeldDelivery,
    ) {
        let begun = Instant::now();
        let mut sent = self.send_webhook(destination, &held, begun).await;
        let elapsed = begun.elapsed();
        sent.outcome.duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let mut jitter = [0; 4];
        self.random.fill(&mut jitter);
        let (fate, outcome) = sent.fate(held.attempt, u32::from_le_bytes(jitter));
        metrics::counter!("crosswalk_webhook_attempts_total", "outcome" => outcome).increment(1);
        if !sent.is_unsent {
            metrics::histogram!("crosswalk_webhook_attempt_duration_seconds", "outcome" => outcome)
                .record(elapsed.as_secs_f64());
        }
        tracing::debug!(
            %endpoint,
            delivery = %held.id,
            attempt = held.attempt,
            status = sent.outcome.status,
            error = sent.outcome.error,
            duration_ms = sent.outcome.duration_ms,
            outcome,
            "a webhook was sent"
        );
        let delivery = held.id.clone();
        let disable_after_ms = self.settings.limits.webhook_disable_after_ms;
        let finished = self
            .store
            .finish_webhook_delivery(held, sent.outcome, fate, disable_after_ms)
            .await;
        match finished {
            Ok(WebhookFinish::Recorded) => {}
            Ok(WebhookFinish::Disabled) => tracing::warn!(%endpoint, "a webhook endpoint was disabled"),
            Ok(WebhookFinish::Lapsed) => {
                tracing::warn!(%endpoint, %delivery, "a webhook took longer than its lease, or was deleted meanwhile");
            }
            Err(error) => {
                tracing::warn!(%endpoint, %delivery, %error, "what became of a webhook could not be recorded");
            }
        }
    }

    async fn send_webhook(&self, destination: &Destination, held: &HeldDelivery, begun: Instant) -> Sent {
        if destination.is_disabled {
            return Sent {
                is_unsent: true,
                ..Sent::failed(
                    "endpoint_disabled",
                    "the endpoint was disabled when the delivery was due",
                )
            };
        }
        // Settings may have changed since the URL was accepted.
        let target = match WebhookTarget::parse(&destination.url, &self.settings.webhook_allow) {
            Ok(target) => target,
            Err(error) => return Sent::failed("refused", format!("the URL {error}")),
        };
        let body = message::body(&held.event);
        let now_ms = self.clock.now_ms();
        let Some(headers) = message::headers(&destination.secrets, held.event.id.as_str(), now_ms, &body)
        else {
            return Sent::failed(
                "secret_unreadable",
                "the endpoint's secret cannot be read: rotate it",
            );
        };
        let request_ms = self.settings.limits.webhook_request_ms;
        let deadline = begun + Duration::from_millis(request_ms);
        let outbound = Outbound {
            origin: target.origin(),
            method: Method::POST,
            target: target.path_and_query(),
            headers,
            body: full_body(Some(body)),
        };
        match self.webhook_egress.send(outbound, deadline, false).await {
            Ok(reply) => {
                let (head, body) = reply.into_parts();
                drop_body(body, deadline).await;
                Sent::answered(head.status, &head.headers, self.clock.now_ms())
            }
            Err(error) => Sent::refused(error, request_ms),
        }
    }
}

/// Reads the little that a usual reply holds, so that its connection can be used again. What it says is nothing to us.
async fn drop_body(mut body: Incoming, deadline: Instant) {
    let mut read_bytes = 0;
    while read_bytes < REPLY_MAX_BYTES {
        match tokio::time::timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => read_bytes += frame.data_ref().map_or(0, bytes::Bytes::len),
            _ => return,
        }
    }
}

fn describe_metrics() {
    metrics::describe_counter!(
        "crosswalk_webhook_attempts_total",
        "Attempts to deliver webhooks, by outcome."
    );
    metrics::describe_histogram!(
        "crosswalk_webhook_attempt_duration_seconds",
        metrics::Unit::Seconds,
        "Time from an attempt's beginning to its end."
    );
    metrics::describe_gauge!(
        "crosswalk_webhook_oldest_pending_age_seconds",
        metrics::Unit::Seconds,
        "How long the oldest delivery has been pending; the same on every node."
    );
}
