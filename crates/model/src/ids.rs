//! Typed identifiers: a prefix that tells the kind and 120 random bits in lower-case base 32.
//!
//! Ids are names, not secrets: nothing is granted by knowing one.

use serde::{Deserialize, Serialize};

use crate::Random;

/// Digits of an id's tail: Crockford's base 32 without letters that people misread.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters in an id's tail: 24 × 5 bits = 120 bits.
const TAIL_CHARS: usize = 24;

/// A text that is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id: expected `{prefix}` followed by {TAIL_CHARS} letters or digits")]
pub struct InvalidId {
    /// What an id of this kind begins with.
    pub prefix: &'static str,
}

fn tail(random: &dyn Random) -> String {
    let mut bytes = [0_u8; TAIL_CHARS];
    random.fill(&mut bytes);
    bytes
        .iter()
        .map(|byte| char::from(DIGITS[usize::from(byte & 31)]))
        .collect()
}

fn is_tail(text: &str) -> bool {
    text.len() == TAIL_CHARS && text.bytes().all(|byte| DIGITS.contains(&byte))
}

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id that no other id equals.
            pub fn generate(random: &dyn Random) -> Self {
                Self(format!("{}{}", $prefix, tail(random)))
            }

            /// Reads an id, refusing any text of another shape.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                match text.strip_prefix($prefix) {
                    Some(rest) if is_tail(rest) => Ok(Self(text.to_owned())),
                    _ => Err(InvalidId { prefix: $prefix }),
                }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

typed_id!(
    /// A tenant: one backend that uses Crosswalk.
    TenantId, "ten_");
typed_id!(
    /// An API key of a tenant. The key's secret is another text.
    ApiKeyId, "key_");
typed_id!(
    /// A connection: one customer's CRM org, connected.
    ConnectionId, "con_");
typed_id!(
    /// A connect session: one single-use link that a browser opens.
    ConnectSessionId, "cs_");
typed_id!(
    /// A mapping session: one single-use link to the page on which a customer maps fields.
    MappingSessionId, "ms_");
typed_id!(
    /// A mapping override of a tenant or a connection.
    MappingOverrideId, "map_");
typed_id!(
    /// An event that a tenant's backend hears of.
    EventId, "evt_");
typed_id!(
    /// An entry of the audit log.
    AuditEntryId, "aud_");
typed_id!(
    /// A webhook endpoint: where a tenant's backend hears of events.
    WebhookEndpointId, "whe_");
typed_id!(
    /// One event on its way to one webhook endpoint.
    WebhookDeliveryId, "whd_");
typed_id!(
    /// One request, for logs and error bodies.
    RequestId, "req_");
