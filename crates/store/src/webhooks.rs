//! Webhooks: endpoints of a tenant's backend, and the events on their way to them.
//!
//! Deliveries are an outbox, filled by a trigger (`migrations/*/0009_webhooks.sql`). A node claims those that are due, sends
//! them and tells what became of each ([`Store::finish_webhook_delivery`]); a claim that lapses is another node's.

mod deliveries;
mod endpoints;
mod outbox;

use model::{ConnectionId, EventId, Secret, WebhookDeliveryId, WebhookEndpointId};

pub use outbox::HeldDelivery;
pub(crate) use outbox::sweep;

/// What a tenant names of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWebhookEndpoint {
    /// Where events are sent; the caller has checked it.
    pub url: String,
    /// For people.
    pub description: Option<String>,
    /// Which events; empty means all.
    pub event_types: Vec<String>,
}

/// What changes of an endpoint; nothing stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookEndpointChange {
    /// Where events are sent; the caller has checked it.
    pub url: Option<String>,
    /// For people; `Some(None)` takes it away.
    pub description: Option<Option<String>>,
    /// Which events; empty means all.
    pub event_types: Option<Vec<String>>,
    /// Stops or starts deliveries.
    pub disabled: Option<bool>,
}

/// Why nothing is sent to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookDisabledReason {
    /// The tenant said so.
    Requested,
    /// The receiver answered 410 Gone.
    Gone,
    /// No delivery had succeeded for too long.
    Failing,
}

impl WebhookDisabledReason {
    /// The name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Requested, Self::Gone, Self::Failing]
            .into_iter()
            .find(|reason| reason.as_str() == text)
    }
}

/// Where a tenant's backend hears of events. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEndpoint {
    /// Its id.
    pub id: WebhookEndpointId,
    /// Where events are sent.
    pub url: String,
    /// For people.
    pub description: Option<String>,
    /// Which events; empty means all.
    pub event_types: Vec<String>,
    /// Until when the secret before this one signs too, ms since 1970; none once that is over.
    pub previous_secret_until_ms: Option<i64>,
    /// Since when no delivery has succeeded, ms since 1970; none while they do.
    pub failing_since_ms: Option<i64>,
    /// Since when nothing is sent, ms since 1970, and why.
    pub disabled: Option<(i64, WebhookDisabledReason)>,
    /// When it was created, ms since 1970.
    pub created_at_ms: i64,
    /// When it last changed, ms since 1970.
    pub updated_at_ms: i64,
}

/// How far a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookDeliveryState {
    /// To be sent, perhaps again.
    Pending,
    /// The receiver took it.
    Delivered,
    /// Given up.
    Failed,
}

impl WebhookDeliveryState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// The name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// One event on its way to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// Its id.
    pub id: WebhookDeliveryId,
    /// The event's id: the same to every endpoint and with every attempt.
    pub event_id: EventId,
    /// What happened.
    pub event_type: String,
    /// How far it is.
    pub state: WebhookDeliveryState,
    /// Attempts begun so far.
    pub attempts: i64,
    /// When it is sent next, ms since 1970; while it is being sent, when another node would take it over. Pending only.
    pub next_attempt_at_ms: Option<i64>,
    /// Status of the last answer, when there was one.
    pub last_status: Option<i64>,
    /// What was wrong with the last attempt, in one word.
    pub last_error: Option<String>,
    /// How long the last attempt took, ms.
    pub last_duration_ms: Option<i64>,
    /// When it was made, ms since 1970.
    pub created_at_ms: i64,
    /// When it last changed, ms since 1970.
    pub updated_at_ms: i64,
}

/// What became of one attempt. An attempt whose node died before it could tell is missing between its neighbours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookAttempt {
    /// Counted from 1, over replays too.
    pub number: i64,
    /// Status of the answer, when there was one.
    pub status: Option<i64>,
    /// What was wrong, in one word; none when the event was taken.
    pub error: Option<String>,
    /// What was wrong, in a sentence.
    pub detail: Option<String>,
    /// How long it took, ms.
    pub duration_ms: i64,
    /// When it ended, ms since 1970.
    pub ended_at_ms: i64,
}

/// Deliveries of one endpoint, claimed, with what sending them takes.
#[derive(Debug)]
pub struct WebhookBatch {
    /// Where they go.
    pub url: String,
    /// Each signs: the present secret and, for some time, the one before. Empty when they do not open.
    pub secrets: Vec<Secret>,
    /// Whether nothing may be sent.
    pub is_disabled: bool,
    /// Not empty.
    pub deliveries: Vec<HeldDelivery>,
}

/// An event to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// Its id.
    pub id: EventId,
    /// What happened.
    pub kind: String,
    /// To which connection, if to one.
    pub connection_id: Option<ConnectionId>,
    /// JSON text.
    pub data: String,
    /// When, ms since 1970.
    pub at_ms: i64,
}

/// What an attempt showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookOutcome {
    /// Status of the answer, when there was one.
    pub status: Option<u16>,
    /// What was wrong, in one word.
    pub error: Option<&'static str>,
    /// What was wrong, in a sentence; cut when too long.
    pub detail: Option<String>,
    /// How long it took, ms.
    pub duration_ms: u64,
}

/// What is to become of a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookFate {
    /// It was taken.
    Delivered,
    /// It is sent again.
    Retry {
        /// After this long, ms.
        delay_ms: u64,
    },
    /// It is given up.
    GiveUp,
    /// It is given up, and the endpoint disabled: the receiver is gone.
    Gone,
    /// It is given up unsent: the endpoint is disabled.
    Unsent,
}

/// What telling the end of an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookFinish {
    /// Recorded.
    Recorded,
    /// Recorded, and the endpoint was disabled with it.
    Disabled,
    /// Nothing was changed: the claim had lapsed, or the delivery is gone.
    Lapsed,
}
