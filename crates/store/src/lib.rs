//! Everything remembered or coordinated: Postgres or SQLite, sealing, leases.
//!
//! One [`Store`] over two databases, every query written once. What must hold:
//!
//! - A [`Tenant`] is only made here: by authenticating a key, finishing a connect transaction, or the cookie of an open
//!   mapping page. Another tenant's row is [`StoreError::NotFound`], as one that does not exist. On Postgres, row-level
//!   policies are a second wall.
//! - Tokens and verifiers are stored sealed to their place by their tenant's data key, data keys wrapped by a master key;
//!   API keys, link tokens, states and cookies as SHA-256.
//! - Of all who want to refresh a connection one holds the claim, on the database's clock, and a late holder can change
//!   nothing ([`Store::claim_refresh`], [`Store::save_refreshed`]).
//! - Of all requests with one idempotency key one makes the write, and none makes it again when it is not known whether
//!   it was made ([`Store::claim_idempotency_key`]).
//! - An event is recorded together with its webhooks, and each of these is one node's to send while its lease holds
//!   ([`Store::claim_webhook_deliveries`]).
//! - A request that finds everything in memory runs no SQL and no Redis command. The counters
//!   `crosswalk_sql_statements_total` and `crosswalk_redis_commands_total` tell.

mod api_keys;
mod audit;
mod cache;
mod callers;
mod changes;
mod checks;
mod connect_sessions;
mod connections;
mod database;
mod error;
mod events;
mod grants;
mod idempotency;
mod key_service;
mod keyring;
mod leases;
mod mapping_sessions;
mod migrations;
mod overrides;
mod readiness;
mod records;
mod redis_link;
mod refresh;
mod restored;
mod sealed_columns;
mod sealer;
mod sealing;
mod spill;
mod store;
mod sweeps;
mod tenants;
mod webhooks;
mod witness;

pub use audit::{AuditEntry, NewAuditEntry};
pub use callers::{Caller, Operator, Tenant, TenantCaller};
pub use error::{AuthenticationError, StoreError};
pub use events::{EVENT_TYPES, Event, EventFilter, NewEvent};
pub use grants::{ConnectionFlow, Grant, OwnClient};
pub use idempotency::HeldKey;
pub use key_service::{KeyFuture, KeyService, KeyServiceError, MasterKey, MasterKeys};
pub use keyring::{GenerationUse, Keyring, MasterKeyUse, Rotation, RotationStep};
pub use leases::{Lease, LeaseOutcome};
pub use records::{
    ApiKeyRecord, Authorization, ConnectOutcome, ConnectProgress, ConnectSession, Connection,
    ConnectionChange, ConnectionFilter, ConnectionOrder, ConnectionState, CredentialTerms, IdempotencyClaim,
    IdempotencyOutcome, IdempotencyRequest, IdleGrant, MappingOverride, MappingSession, NewApiKey,
    NewAuthorization, NewConnectSession, NewCredentials, NewMappingSession, OverrideLevel, OverrideVersion,
    Readiness, RefreshClaim, RefreshRelease, Refreshed, SaveOutcome, TenantRecord, Tokens, VersionedTokens,
};
pub use store::{Store, StoreConfig};
pub use webhooks::{
    HeldDelivery, NewWebhookEndpoint, WebhookAttempt, WebhookBatch, WebhookDelivery, WebhookDeliveryState,
    WebhookDisabledReason, WebhookEndpoint, WebhookEndpointChange, WebhookEvent, WebhookFate, WebhookFinish,
    WebhookOutcome,
};
