//! The shapes that the store gives and takes.

use crate::Tenant;
use model::{
    ApiKeyId, ConnectSessionId, ConnectionId, MappingOverrideId, MappingSessionId, Secret, TenantId,
};

use crate::grants::{ConnectionFlow, Grant};

/// A tenant as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRecord {
    /// Its id.
    pub id: TenantId,
    /// Its name, shown to the tenant's customers when they connect.
    pub name: String,
    /// When it was created, ms since 1970.
    pub created_at_ms: i64,
}

/// A key to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiKey {
    /// A name for people.
    pub name: String,
    /// Whether the key begins `cw_test_` instead of `cw_live_`.
    pub test: bool,
    /// What the key may do; empty means everything a tenant may do.
    pub scopes: Vec<String>,
    /// When it stops working, ms since 1970.
    pub expires_at_ms: Option<i64>,
}

/// A key as it is listed: never the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRecord {
    /// Its id.
    pub id: ApiKeyId,
    /// The public beginning of the key, `cw_live_` and eight characters.
    pub prefix: String,
    /// A name for people.
    pub name: String,
    /// What the key may do; empty means everything a tenant may do.
    pub scopes: Vec<String>,
    /// When it was created, ms since 1970.
    pub created_at_ms: i64,
    /// When it stops working, ms since 1970.
    pub expires_at_ms: Option<i64>,
    /// When it was revoked, ms since 1970.
    pub revoked_at_ms: Option<i64>,
    /// When it was last used, ms since 1970, to about a minute.
    pub last_used_at_ms: Option<i64>,
}

/// How a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// Not yet authorized.
    Pending,
    /// Working.
    Active,
    /// Working, with trouble.
    Degraded,
    /// The customer must authorize again; the provider is not called.
    NeedsReauth,
    /// Ended by the customer or the tenant.
    Revoked,
}

impl ConnectionState {
    /// The name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Degraded => "degraded",
            Self::NeedsReauth => "needs_reauth",
            Self::Revoked => "revoked",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Pending,
            Self::Active,
            Self::Degraded,
            Self::NeedsReauth,
            Self::Revoked,
        ]
        .into_iter()
        .find(|state| state.as_str() == text)
    }

    /// Whether the provider may be called in this state.
    pub const fn is_usable(self) -> bool {
        matches!(self, Self::Active | Self::Degraded)
    }
}

/// One customer's connected CRM org. Holds no credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its id.
    pub id: ConnectionId,
    /// The provider's name, as its folder under `mappings/`.
    pub provider: String,
    /// Which environment of the provider.
    pub environment: String,
    /// The origin that OAuth used.
    pub login_url: String,
    /// The tenant's own id of the customer; one per tenant and provider.
    pub external_id: Option<String>,
    /// How it gets its tokens.
    pub flow: ConnectionFlow,
    /// How it is doing.
    pub state: ConnectionState,
    /// Why it is in this state.
    pub state_reason: Option<String>,
    /// Since when the tenant has paused it, ms since 1970: the provider is not called, and the state stays as it was.
    pub paused_at_ms: Option<i64>,
    /// The origin of the provider's API for this org.
    pub instance_url: Option<String>,
    /// The provider's id of the org.
    pub account_id: Option<String>,
    /// The provider's id of the user who authorized.
    pub user_id: Option<String>,
    /// What the provider granted.
    pub scopes: Vec<String>,
    /// The provider's API version, when this connection must not use the default.
    pub api_version: Option<String>,
    /// Rises by one with each new pair of tokens.
    pub token_version: i64,
    /// When the access token ends, ms since 1970, if known.
    pub access_expires_at_ms: Option<i64>,
    /// When its tokens were last refreshed, ms since 1970.
    pub last_refreshed_at_ms: Option<i64>,
    /// When it was created, ms since 1970.
    pub created_at_ms: i64,
    /// When it last changed, ms since 1970.
    pub updated_at_ms: i64,
}

/// Which connections to list; nothing set means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionFilter {
    /// Only of this provider.
    pub provider: Option<String>,
    /// Only with this external id.
    pub external_id: Option<String>,
    /// Only in this state.
    pub state: Option<ConnectionState>,
    /// Only in this environment.
    pub environment: Option<String>,
    /// Only where the external id, the account's id, the address of the API or its host begins so, in any letters' case.
    pub search: Option<String>,
    /// Which come first.
    pub order: ConnectionOrder,
    /// In an order by time: when the last connection of the page before was created, ms since 1970.
    pub after_created_at_ms: Option<i64>,
}

/// Which connections come first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ConnectionOrder {
    /// By id: no order that means anything.
    #[default]
    Id,
    /// By their creation, the oldest first.
    OldestFirst,
    /// By their creation, the latest first.
    NewestFirst,
}

/// What a tenant changes of a connection; nothing set changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionChange {
    /// The tenant's own id of the customer, or none.
    pub external_id: Option<Option<String>>,
    /// Whether the provider may be called.
    pub paused: Option<bool>,
}

/// On what terms credentials are saved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialTerms {
    /// What gets new tokens, where no refresh token does.
    pub grant: Option<Grant>,
    /// A connection that is there may pass to another account.
    pub allow_account_change: bool,
}

/// The credentials of a connection. Not serializable, and prints nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Sent with each call.
    pub access_token: Secret,
    /// Presented for a new access token. In [`Refreshed`], none means that the stored one stays.
    pub refresh_token: Option<Secret>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Tokens(…)")
    }
}

/// Tokens and what belongs to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionedTokens {
    /// The tokens.
    pub tokens: Tokens,
    /// Their version.
    pub version: i64,
    /// What gets new ones, where no refresh token does.
    pub grant: Option<Grant>,
    /// The origin of the API that they are for.
    pub instance_url: Option<String>,
    /// When the access token ends, ms since 1970, if known.
    pub access_expires_at_ms: Option<i64>,
    /// When they were saved, ms since 1970 on the database's clock.
    pub saved_at_ms: i64,
    /// How long access tokens of this connection live, ms, learned from two refusals in a row at about the same age.
    pub learned_lifetime_ms: Option<i64>,
}

impl VersionedTokens {
    /// Whether new ones can be had without a person.
    pub const fn is_refreshable(&self) -> bool {
        self.grant.is_some() || self.tokens.refresh_token.is_some()
    }
}

/// What an authorization brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCredentials {
    /// The connection to reconnect; none creates one, or reconnects the one with the same external id.
    pub connection_id: Option<ConnectionId>,
    /// The provider's name.
    pub provider: String,
    /// Which environment of the provider.
    pub environment: String,
    /// The origin that OAuth used.
    pub login_url: String,
    /// The tenant's own id of the customer.
    pub external_id: Option<String>,
    /// The origin of the API. Must have been checked against the provider's hosts.
    pub instance_url: Option<String>,
    /// The provider's id of the org.
    pub account_id: Option<String>,
    /// The provider's id of the user.
    pub user_id: Option<String>,
    /// What the provider granted.
    pub scopes: Vec<String>,
    /// The tokens.
    pub tokens: Tokens,
    /// When the access token ends, ms since 1970, if known.
    pub access_expires_at_ms: Option<i64>,
}

/// What a refresh brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refreshed {
    /// The tokens; without a refresh token the stored one stays.
    pub tokens: Tokens,
    /// The origin of the API; none keeps the stored one. Must have been checked against the provider's hosts.
    pub instance_url: Option<String>,
    /// What the provider granted; none keeps what is stored.
    pub scopes: Option<Vec<String>>,
    /// When the access token ends, ms since 1970, if known.
    pub access_expires_at_ms: Option<i64>,
    /// The provider refused the access token that these replace: its age tells how long such tokens live.
    pub was_refused: bool,
}

/// A connection whose grant has not been used for long.
#[derive(Debug, Clone)]
pub struct IdleGrant {
    /// Whose connection it is.
    pub tenant: Tenant,
    /// The connection.
    pub connection_id: ConnectionId,
}

/// Answer to a claim to refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshClaim {
    /// The caller alone may present the refresh token, until its lease ends.
    Claimed {
        /// Proves the claim when saving or releasing.
        fence: i64,
        /// Whoever claimed before sent, or may have sent, and nothing came of it: its holder died or the reply was lost. If
        /// the provider rotated the token then, presenting the stored one ends the grant.
        unsettled: bool,
    },
    /// Somebody else holds the claim, or a cool-down runs.
    Held {
        /// How long yet, ms, at least 1.
        lease_left_ms: i64,
    },
    /// The tokens are no longer of the expected version: read them again.
    Advanced {
        /// The version now.
        version: i64,
    },
    /// The connection is not in a state in which it may be refreshed.
    NotActive {
        /// Its state.
        state: ConnectionState,
    },
}

/// Answer to saving refreshed tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaveOutcome {
    /// Durable.
    Saved {
        /// Their version.
        version: i64,
    },
    /// The claim was no longer the caller's: nothing was written.
    Superseded,
}

/// How a claimed refresh ended without new tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshRelease {
    /// Nothing was sent.
    NotSent,
    /// Sent, and nobody knows what happened: the intent stays on record and no one may claim for a while.
    OutcomeUnknown {
        /// How long nobody may claim, ms.
        cooldown_ms: u64,
    },
    /// The provider answered, and no token was used up.
    Failed,
}

/// A connect session to create: one link that one browser may use once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConnectSession {
    /// The provider's name.
    pub provider: String,
    /// Which environment of the provider.
    pub environment: String,
    /// The origin for OAuth. Must have been checked against the provider's hosts.
    pub login_url: String,
    /// Whether the browser may name another environment and origin.
    pub is_environment_open: bool,
    /// The tenant's own id of the customer.
    pub external_id: Option<String>,
    /// What to ask the provider for; empty means the provider document's own list.
    pub scopes: Vec<String>,
    /// Where the browser goes at the end.
    pub return_to: Option<String>,
    /// The connection to reconnect.
    pub connection_id: Option<ConnectionId>,
    /// Whether that may pass to another account.
    pub allow_account_change: bool,
    /// The origin of the page that opens the link in a popup and may hear of the end; none for a whole page.
    pub opener_origin: Option<String>,
}

/// A connect session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectSession {
    /// Its id.
    pub id: ConnectSessionId,
    /// The name of the tenant who asks.
    pub tenant_name: String,
    /// The provider's name.
    pub provider: String,
    /// Which environment of the provider.
    pub environment: String,
    /// The origin for OAuth.
    pub login_url: String,
    /// Whether the browser may name another environment and origin.
    pub is_environment_open: bool,
    /// The tenant's own id of the customer.
    pub external_id: Option<String>,
    /// What to ask the provider for.
    pub scopes: Vec<String>,
    /// Where the browser goes at the end.
    pub return_to: Option<String>,
    /// The connection to reconnect.
    pub connection_id: Option<ConnectionId>,
    /// Whether that may pass to another account.
    pub allow_account_change: bool,
    /// The origin of the page that opens the link in a popup and may hear of the end; none for a whole page.
    pub opener_origin: Option<String>,
    /// When the link stops working, ms since 1970, on the database's clock.
    pub expires_at_ms: i64,
}

/// How a journey that came back from the provider ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectOutcome {
    /// The connection works.
    Connected,
    /// The person said no.
    Denied,
    /// It came to nothing for another reason.
    Failed,
}

impl ConnectOutcome {
    /// The name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Connected, Self::Denied, Self::Failed]
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
    }
}

/// How far the journey of a link has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectProgress {
    /// The session.
    pub session: ConnectSession,
    /// The link has been used: the browser was sent to the provider.
    pub is_begun: bool,
    /// It was sent there from the browser that asks.
    pub is_own: bool,
    /// Nothing more will come of it: the link, or the time at the provider, is over.
    pub is_over: bool,
    /// How it ended, once the browser came back.
    pub outcome: Option<ConnectOutcome>,
    /// The connection made or made anew.
    pub connection_id: Option<ConnectionId>,
}

/// An authorization that is about to send the browser to the provider.
#[derive(Debug, Clone)]
pub struct NewAuthorization<'a> {
    /// The OAuth `state`; stored as a hash.
    pub state: &'a str,
    /// The browser's cookie value; stored as a hash.
    pub browser: &'a str,
    /// The PKCE verifier; stored sealed.
    pub verifier: &'a Secret,
    /// The redirect URI that the provider was given.
    pub redirect_uri: &'a str,
    /// Where the code will be exchanged.
    pub token_url: &'a str,
    /// Who must have answered (RFC 9207).
    pub issuer: &'a str,
    /// Which environment of the provider: the session's, or the browser's choice where it has one.
    pub environment: &'a str,
    /// The origin for OAuth that belongs to it. Must have been checked against the provider's hosts.
    pub login_url: &'a str,
    /// Whether the page waits in a popup, where the session allows that: else the session ends as one without.
    pub is_popup: bool,
    /// How long the browser may take, ms.
    pub ttl_ms: u64,
}

/// An authorization that came back.
#[derive(Debug, Clone)]
pub struct Authorization {
    /// The session it belongs to.
    pub session: ConnectSession,
    /// The PKCE verifier.
    pub verifier: Secret,
    /// The redirect URI that the provider was given.
    pub redirect_uri: String,
    /// Where to exchange the code.
    pub token_url: String,
    /// Who must have answered.
    pub issuer: String,
}

/// A mapping session to create: one link that one browser may use once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMappingSession {
    /// The connection whose mapping may be changed.
    pub connection_id: ConnectionId,
    /// The resources that may be mapped; empty means all.
    pub resources: Vec<String>,
    /// Where the browser goes at the end.
    pub return_to: Option<String>,
}

/// A mapping session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingSession {
    /// Its id.
    pub id: MappingSessionId,
    /// The name of the tenant who asks.
    pub tenant_name: String,
    /// The provider of the connection.
    pub provider: String,
    /// The connection whose mapping may be changed.
    pub connection_id: ConnectionId,
    /// The resources that may be mapped; empty means all.
    pub resources: Vec<String>,
    /// Where the browser goes at the end.
    pub return_to: Option<String>,
    /// When the link stops working, ms since 1970, on the database's clock.
    pub expires_at_ms: i64,
    /// When the open page ends, ms since 1970; none while the link is unused.
    pub page_expires_at_ms: Option<i64>,
}

/// Whose mapping an override changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OverrideLevel {
    /// Every connection of the tenant.
    Tenant,
    /// One connection.
    Connection(ConnectionId),
}

/// A mapping override as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingOverride {
    /// Its id; stays the same through versions.
    pub id: MappingOverrideId,
    /// Whose mapping it changes.
    pub level: OverrideLevel,
    /// The provider's name.
    pub provider: String,
    /// The unified resource.
    pub resource: String,
    /// Rises by one with each change, deletion included.
    pub version: i64,
    /// The YAML text.
    pub document: String,
    /// When it last changed, ms since 1970.
    pub updated_at_ms: i64,
}

/// One version of an override.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideVersion {
    /// Its number.
    pub version: i64,
    /// The YAML text; none where the override was deleted.
    pub document: Option<String>,
    /// When it was made, ms since 1970.
    pub created_at_ms: i64,
}

/// How the store is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// The database answers, or why not.
    pub database: Result<(), String>,
    /// The database has the schema that this program expects, or why not.
    pub migrations: Result<(), String>,
    /// Redis answers, or why not; none when not configured. Redis down means degraded, not unready.
    pub redis: Option<Result<(), String>>,
}

impl Readiness {
    /// Whether requests can be served.
    pub const fn is_ready(&self) -> bool {
        self.database.is_ok() && self.migrations.is_ok()
    }
}

/// A write that names an idempotency key.
#[derive(Debug, Clone, Copy)]
pub struct IdempotencyRequest<'a> {
    /// The caller's key, 1 to 255 characters. Stored as a hash.
    pub key: &'a str,
    /// SHA-256 of what makes two requests the same one.
    pub fingerprint: &'a [u8; 32],
    /// How long the write may take, ms. A claim past it counts as a write whose outcome is unknown.
    pub lease_ms: u64,
    /// How long the key and the answer are kept, ms.
    pub keep_ms: u64,
}

/// What came of claiming an idempotency key.
#[derive(Debug)]
pub enum IdempotencyClaim {
    /// The caller makes the write, and nobody else does.
    Claimed(crate::HeldKey),
    /// The write was made: the answer that was kept.
    Done {
        /// As it was given to [`crate::Store::settle_idempotency_key`].
        answer: Vec<u8>,
    },
    /// Somebody makes the write now.
    UnderWay {
        /// Longest time until it ends, ms.
        lease_left_ms: u64,
    },
    /// Whether the write was carried out is not known. It is not made again.
    Indeterminate,
    /// The key was used for another request.
    OtherRequest,
}

/// What became of a claimed write.
#[derive(Debug)]
pub enum IdempotencyOutcome {
    /// It has its answer.
    Done {
        /// Kept sealed.
        answer: Vec<u8>,
    },
    /// It may have been carried out.
    Indeterminate,
    /// Nothing was done: the key is free again.
    NothingDone,
}
