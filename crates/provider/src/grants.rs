//! Connections without a browser: client credentials (RFC 6749 §4.4) and assertions (RFC 7523).
//!
//! Neither has a refresh token. What gets the first token gets all others too, so it is kept, sealed with the tokens, and the
//! refresh presents it. A lost reply costs nothing here, but the order of a refresh is the same for every flow.

use std::sync::Arc;
use std::time::Duration;

use mapping::{Flow, ServerFlow};
use model::ConnectionId;
use store::{Connection, ConnectionFlow, CredentialTerms, Grant, StoreError, Tenant};

use crate::assertion::{AssertionKey, Claims, KeyError};
use crate::egress::EgressError;
use crate::hosts::{HostError, Origin};
use crate::oauth::{Granted, KeepError};
use crate::refresh::{Client, TokenReply, TokenRequest, request_token};
use crate::settings::{Configured, LoginError};
use crate::{Inner, Providers};

/// Of an assertion's grant (RFC 7523 §2.1).
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A connection to be made without a browser.
#[derive(Debug, Clone)]
pub struct NewGrant {
    /// The provider's name.
    pub provider: String,
    /// Which environment of the provider.
    pub environment: String,
    /// The host to log in at, where the environment takes one.
    pub login_host: Option<String>,
    /// The tenant's own id of the customer.
    pub external_id: Option<String>,
    /// The connection to be made anew.
    pub connection_id: Option<ConnectionId>,
    /// Whether that may pass to another account.
    pub allow_account_change: bool,
    /// What gets the tokens.
    pub grant: Grant,
}

/// Why no connection was made. Nothing was stored. No text here holds a secret, an assertion or a key.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GrantError {
    /// Provider or login host are not what they should be.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The provider does not offer the flow.
    #[error("provider `{provider}` does not offer `{flow}`")]
    NotOffered {
        /// The provider.
        provider: String,
        /// The flow.
        flow: &'static str,
        /// The flows without a browser that it offers.
        offered: Vec<&'static str>,
    },
    /// The environment does not offer the flow.
    #[error("`{flow}` is not offered in the environment `{environment}`")]
    Environment {
        /// The flow.
        flow: &'static str,
        /// The environment.
        environment: String,
        /// Those that offer it.
        offered: Vec<String>,
    },
    /// The operator's application has no secret to present.
    #[error("the gateway's own application has no secret: send `client_id` and `client_secret`")]
    NoSecret,
    /// The private key is none.
    #[error("`private_key` {0}")]
    Key(KeyError),
    /// The provider said no.
    #[error("the provider refused the credential")]
    Refused(TokenRefusal),
    /// Nobody knows what the provider would say.
    #[error("the token endpoint gave no usable answer: {what}")]
    NoAnswer {
        /// What is known.
        what: String,
    },
    /// The provider named an API host that is not one of its own.
    #[error("the provider named a host that is not allowed: {0}")]
    Host(HostError),
    /// The connection belongs to another account, or another conflict in the store.
    #[error("{what}")]
    Conflict {
        /// What stands in the way.
        what: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

/// What a token endpoint said when it refused.
#[derive(Debug, Clone)]
pub struct TokenRefusal {
    /// The provider's name.
    pub provider: String,
    /// Its status.
    pub status: u16,
    /// Its `error`, cut to 64 plain characters.
    pub code: Option<String>,
    /// Its `error_description`, cut to 300 plain characters.
    pub description: Option<String>,
    /// What to do, if the provider's document knows.
    pub explanation: Option<String>,
}

impl Providers {
    /// Asks for a token at once and keeps the connection if there is one. Runs to its end even if the caller leaves.
    pub async fn connect_without_browser(
        &self,
        tenant: &Tenant,
        new: NewGrant,
    ) -> Result<Connection, GrantError> {
        let (inner, tenant) = (Arc::clone(&self.inner), tenant.clone());
        let connecting = self
            .inner
            .tracker
            .spawn(async move { inner.connect_without_browser(&tenant, new).await });
        connecting.await.unwrap_or_else(|_| {
            Err(GrantError::NoAnswer {
                what: "the attempt broke off".to_owned(),
            })
        })
    }
}

impl Inner {
    async fn connect_without_browser(
        &self,
        tenant: &Tenant,
        new: NewGrant,
    ) -> Result<Connection, GrantError> {
        let configured = self.settings.provider(&new.provider)?;
        let login = check(configured, &new)?;
        let timeout = Duration::from_millis(self.settings.limits.token_request_ms);
        let facts = match self
            .present_grant(configured, &new.environment, &login, &new.grant, timeout, || true)
            .await
        {
            TokenReply::Granted(facts) => facts,
            TokenReply::Refused { refusal, .. } => return Err(GrantError::Refused(*refusal)),
            TokenReply::NotSent(error) => {
                return Err(GrantError::NoAnswer {
                    what: error.to_string(),
                });
            }
            TokenReply::Unknown(what) => {
                return Err(GrantError::NoAnswer {
                    what: what.to_owned(),
                });
            }
        };
        let granted = Granted {
            connection_id: new.connection_id,
            provider: new.provider,
            environment: new.environment,
            external_id: new.external_id,
            facts,
            terms: CredentialTerms {
                grant: Some(new.grant),
                allow_account_change: new.allow_account_change,
            },
        };
        self.keep(tenant, configured, &login, granted)
            .await
            .map_err(|error| match error {
                KeepError::Host(reason) => GrantError::Host(reason),
                KeepError::NoToken => GrantError::NoAnswer {
                    what: "a reply without an access token".to_owned(),
                },
                KeepError::Store(StoreError::Conflict { what }) => GrantError::Conflict { what },
                KeepError::Store(error) => GrantError::Store(error),
            })
    }

    /// Presents what gets a token without a person. `may_send` is the last look before the first byte.
    pub(crate) async fn present_grant(
        &self,
        configured: &Configured,
        environment: &str,
        login: &Origin,
        grant: &Grant,
        timeout: Duration,
        may_send: impl FnOnce() -> bool + Send,
    ) -> TokenReply {
        let token_origin = configured.token_origin(environment, login);
        let mut request = TokenRequest {
            egress: &self.egress,
            configured,
            login: &token_origin,
            client: Client::of(grant),
            fields: Vec::new(),
            timeout,
        };
        let assertion;
        match grant {
            Grant::ClientCredentials { .. } => {
                request.fields = vec![("grant_type", "client_credentials")];
            }
            Grant::JwtBearer {
                client_id,
                username,
                private_key,
            } => {
                let issuer = client_id.as_deref().unwrap_or(&configured.app.client_id);
                let made = self.assertion(
                    configured,
                    environment,
                    login,
                    issuer,
                    username,
                    private_key.expose(),
                );
                let Some(made) = made else {
                    return TokenReply::NotSent(EgressError::Refused {
                        what: "no assertion can be made with the stored key",
                    });
                };
                assertion = made;
                request.fields = vec![("grant_type", JWT_BEARER), ("assertion", assertion.expose())];
            }
        }
        request_token(request, may_send).await
    }

    fn assertion(
        &self,
        configured: &Configured,
        environment: &str,
        login: &Origin,
        issuer: &str,
        subject: &str,
        private_key: &str,
    ) -> Option<model::Secret> {
        let document = &configured.document;
        let audience = document
            .assertion_audience(environment, login.as_str())
            .inspect_err(|error| tracing::error!(%error, "an assertion has no audience"))
            .ok()?;
        let lifetime_s = i64::try_from(document.auth.jwt_bearer.lifetime_s).unwrap_or_default();
        AssertionKey::parse(private_key).ok()?.assert(&Claims {
            issuer,
            subject,
            audience: &audience,
            expires_at_s: self.clock.now_ms() / 1_000 + lifetime_s,
        })
    }
}

/// Where to log in, if provider, environment and credential allow it at all.
fn check(configured: &Configured, new: &NewGrant) -> Result<Origin, GrantError> {
    let document = &configured.document;
    let (flow, offer) = match new.grant.flow() {
        ConnectionFlow::JwtBearer => (Flow::JwtBearer, &document.auth.jwt_bearer),
        _ => (Flow::ClientCredentials, &document.auth.client_credentials),
    };
    if !document.auth.flows.contains(&flow) {
        let is_offered = |flow: &&Flow| matches!(flow, Flow::ClientCredentials | Flow::JwtBearer);
        return Err(GrantError::NotOffered {
            provider: new.provider.clone(),
            flow: flow.name(),
            offered: document
                .auth
                .flows
                .iter()
                .filter(is_offered)
                .map(|flow| flow.name())
                .collect(),
        });
    }
    if !offers(offer, &new.environment) && document.environments.contains_key(&new.environment) {
        return Err(GrantError::Environment {
            flow: flow.name(),
            environment: new.environment.clone(),
            offered: offer.environments.clone(),
        });
    }
    let login = configured.login_origin(&new.environment, new.login_host.as_deref())?;
    match &new.grant {
        Grant::ClientCredentials { client: None } if configured.app.client_secret.is_none() => {
            Err(GrantError::NoSecret)
        }
        Grant::ClientCredentials { .. } => Ok(login),
        Grant::JwtBearer { private_key, .. } => AssertionKey::parse(private_key.expose())
            .map(|_| login)
            .map_err(GrantError::Key),
    }
}

fn offers(flow: &ServerFlow, environment: &str) -> bool {
    flow.environments.is_empty() || flow.environments.iter().any(|name| name == environment)
}
