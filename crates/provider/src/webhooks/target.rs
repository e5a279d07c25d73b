//! Where a webhook goes: an origin read strictly, and what stands behind it.

use http::uri::PathAndQuery;

use crate::hosts::{HostError, Origin};

/// Longest URL, bytes.
const URL_MAX_BYTES: usize = 2_048;

/// A URL that events may be sent to.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookTarget {
    origin: Origin,
    path_and_query: String,
}

/// Why a URL is none that events may be sent to. Holds no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookTargetError {
    /// Longer than any URL of ours.
    #[error("is longer than {URL_MAX_BYTES} bytes")]
    TooLong,
    /// The scheme, host or port.
    #[error("names no host that can be called: {0}")]
    Origin(HostError),
    /// A user before the host.
    #[error("must hold no user or password: events are signed, and the signature tells who sends them")]
    User,
    /// A fragment.
    #[error("must hold no fragment (`#…`): it is never sent")]
    Fragment,
    /// Characters that no path or query holds.
    #[error("must hold only characters of a URL behind its host; write others as %XX")]
    Path,
    /// Not https.
    #[error("must begin with https://; the operator may allow other origins (`egress.webhook_allow`)")]
    Scheme,
    /// An address, or a name that only a private network knows.
    #[error(
        "must name a host of the public internet, as `hooks.example.com`; the operator may allow other origins \
         (`egress.webhook_allow`)"
    )]
    NotPublic,
}

impl WebhookTarget {
    /// Reads a URL that a tenant names. Beyond what [`WebhookTarget::parse`] refuses, a name without a dot: only a private
    /// network knows it, and better told now than with the first delivery.
    pub(super) fn accept(text: &str, allow: &[Origin]) -> Result<Self, WebhookTargetError> {
        let target = Self::parse(text, allow)?;
        if target.origin.host().contains('.') || allow.contains(&target.origin) {
            Ok(target)
        } else {
            Err(WebhookTargetError::NotPublic)
        }
    }

    /// Reads a URL: https and a host name, or an origin that is allowed. What the name stands for is judged when it is
    /// resolved.
    pub(super) fn parse(text: &str, allow: &[Origin]) -> Result<Self, WebhookTargetError> {
        if text.len() > URL_MAX_BYTES {
            return Err(WebhookTargetError::TooLong);
        }
        let host_begins = text.find("://").map_or(0, |at| at + 3);
        let host_ends = text[host_begins..]
            .find(['/', '?', '#', '\\'])
            .map_or(text.len(), |at| host_begins + at);
        let (origin, rest) = text.split_at(host_ends);
        if origin.contains('@') {
            return Err(WebhookTargetError::User);
        }
        let origin = Origin::parse(origin).map_err(WebhookTargetError::Origin)?;
        if rest.contains('#') {
            return Err(WebhookTargetError::Fragment);
        }
        let is_plain = rest.bytes().all(|byte| {
            byte.is_ascii_graphic()
                && !matches!(
                    byte,
                    b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'
                )
        });
        if !is_plain {
            return Err(WebhookTargetError::Path);
        }
        let path_and_query = if rest.starts_with('/') {
            rest.to_owned()
        } else {
            format!("/{rest}")
        };
        if path_and_query.parse::<PathAndQuery>().is_err() {
            return Err(WebhookTargetError::Path);
        }
        if !allow.contains(&origin) {
            if !origin.is_https() {
                return Err(WebhookTargetError::Scheme);
            }
            if origin.host_is_address() {
                return Err(WebhookTargetError::NotPublic);
            }
        }
        Ok(Self {
            origin,
            path_and_query,
        })
    }

    /// The origin.
    pub(super) const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Path and query, beginning with a slash.
    pub(super) fn path_and_query(&self) -> &str {
        &self.path_and_query
    }
}

/// The URL in its one form: lower-case host, no default port, a path.
impl std::fmt::Display for WebhookTarget {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}{}", self.origin, self.path_and_query)
    }
}

/// Without path and query: tenants put secrets there.
impl std::fmt::Debug for WebhookTarget {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "WebhookTarget({}/…)", self.origin)
    }
}
