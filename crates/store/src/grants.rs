//! What a connection presents for a new access token where it holds no refresh token. Sealed with its tokens.

use model::Secret;
use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::checks::{KEY_MAX_CHARS, check_text};

/// Longest private key or client secret, bytes: an RSA key of 4096 bits takes about 3,300.
const SECRET_MAX_BYTES: usize = 16 << 10;

/// How a connection gets its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectionFlow {
    /// A person agreed in a browser; a refresh token, where there is one, gets new access tokens.
    AuthorizationCode,
    /// The client's own id and secret get them.
    ClientCredentials,
    /// An assertion signed with a private key gets them.
    JwtBearer,
}

impl ConnectionFlow {
    /// The name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::ClientCredentials => "client_credentials",
            Self::JwtBearer => "jwt_bearer",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::AuthorizationCode, Self::ClientCredentials, Self::JwtBearer]
            .into_iter()
            .find(|flow| flow.as_str() == text)
    }
}

/// A client of a tenant's own, in the place of the operator's application.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnClient {
    /// Its public id.
    pub id: String,
    /// Its secret.
    pub secret: Secret,
}

/// What gets new tokens without a person and without a refresh token. Not serializable, and prints nothing.
#[derive(Clone, PartialEq, Eq)]
pub enum Grant {
    /// RFC 6749 §4.4.
    ClientCredentials {
        /// Whose id and secret; the operator's application when none.
        client: Option<OwnClient>,
    },
    /// RFC 7523.
    JwtBearer {
        /// Who asserts; the operator's application when none.
        client_id: Option<String>,
        /// For whom.
        username: String,
        /// PEM.
        private_key: Secret,
    },
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Grant({}, …)", self.flow().as_str())
    }
}

impl Grant {
    /// Which flow it belongs to.
    pub const fn flow(&self) -> ConnectionFlow {
        match self {
            Self::ClientCredentials { .. } => ConnectionFlow::ClientCredentials,
            Self::JwtBearer { .. } => ConnectionFlow::JwtBearer,
        }
    }

    /// Whether it names a client of the tenant's own: what that is refused says nothing of the operator's application.
    pub const fn has_own_client(&self) -> bool {
        match self {
            Self::ClientCredentials { client } => client.is_some(),
            Self::JwtBearer { client_id, .. } => client_id.is_some(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let check_secret = |name: &str, secret: &Secret| {
            if (1..=SECRET_MAX_BYTES).contains(&secret.expose().len()) {
                Ok(())
            } else {
                Err(StoreError::invalid(format!(
                    "{name}: expected 1 to {SECRET_MAX_BYTES} bytes"
                )))
            }
        };
        match self {
            Self::ClientCredentials { client: None } => Ok(()),
            Self::ClientCredentials { client: Some(client) } => {
                check_text("client_id", &client.id, KEY_MAX_CHARS)?;
                check_secret("client_secret", &client.secret)
            }
            Self::JwtBearer {
                client_id,
                username,
                private_key,
            } => {
                if let Some(client_id) = client_id {
                    check_text("client_id", client_id, KEY_MAX_CHARS)?;
                }
                check_text("username", username, KEY_MAX_CHARS)?;
                check_secret("private_key", private_key)
            }
        }
    }

    /// As it is sealed.
    pub(crate) fn to_seal(&self) -> GrantToSeal<'_> {
        let mut shape = GrantToSeal {
            flow: self.flow().as_str(),
            client_id: None,
            client_secret: None,
            username: None,
            private_key: None,
        };
        match self {
            Self::ClientCredentials { client } => {
                shape.client_id = client.as_ref().map(|client| client.id.as_str());
                shape.client_secret = client.as_ref().map(|client| client.secret.expose());
            }
            Self::JwtBearer {
                client_id,
                username,
                private_key,
            } => {
                shape.client_id = client_id.as_deref();
                shape.username = Some(username);
                shape.private_key = Some(private_key.expose());
            }
        }
        shape
    }
}

/// A grant as it is sealed.
#[derive(Serialize)]
pub(crate) struct GrantToSeal<'a> {
    flow: &'static str,
    client_id: Option<&'a str>,
    client_secret: Option<&'a str>,
    username: Option<&'a str>,
    private_key: Option<&'a str>,
}

/// The same, read.
#[derive(Deserialize)]
pub(crate) struct OpenedGrant {
    flow: String,
    client_id: Option<String>,
    client_secret: Option<Secret>,
    username: Option<String>,
    private_key: Option<Secret>,
}

impl OpenedGrant {
    /// The grant, unless this is none.
    pub(crate) fn read(self) -> Option<Grant> {
        match ConnectionFlow::parse(&self.flow)? {
            ConnectionFlow::AuthorizationCode => None,
            ConnectionFlow::ClientCredentials => Some(Grant::ClientCredentials {
                client: self
                    .client_id
                    .zip(self.client_secret)
                    .map(|(id, secret)| OwnClient { id, secret }),
            }),
            ConnectionFlow::JwtBearer => Some(Grant::JwtBearer {
                client_id: self.client_id,
                username: self.username?,
                private_key: self.private_key?,
            }),
        }
    }
}
