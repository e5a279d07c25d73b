//! The nouns every crate shares: typed ids, the clock, randomness, secrets, limits. No I/O.
//!
//! This crate sits at the bottom of the house: it depends on nothing of ours, and everything may depend on it.

mod clock;
mod ids;
mod limits;
mod random;
mod secret;

pub use clock::{Clock, ManualClock, SystemClock};
pub use ids::{
    ApiKeyId, AuditEntryId, ConnectSessionId, ConnectionId, EventId, InvalidId, MappingOverrideId,
    MappingSessionId, RequestId, TenantId, WebhookDeliveryId, WebhookEndpointId,
};
pub use limits::Limits;
pub use random::{OsRandom, Random};
pub use secret::Secret;

#[cfg(test)]
mod tests;
