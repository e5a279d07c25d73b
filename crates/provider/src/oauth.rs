//! Connecting a customer: the authorize URL, the callback, the exchange, and the end of a grant.
//!
//! RFC 6749 §4.1 with PKCE S256 (RFC 7636), state bound to the browser, and RFC 9700's counsel: nothing of a callback is used
//! before the stored transaction has been taken, which can happen once.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mapping::{TokenFacts, TokenFault};
use model::{ConnectionId, Secret};
use sha2::{Digest, Sha256};
use store::{
    Authorization, ConnectOutcome, ConnectSession, Connection, CredentialTerms, Grant, NewAuthorization,
    NewCredentials, StoreError, Tenant, Tokens, VersionedTokens,
};

use crate::hosts::{HostError, Origin};
use crate::paths::escape_component;
use crate::refresh::{Client, TokenReply, exchange_code, revoke};
use crate::settings::{Configured, LoginError};
use crate::{Inner, Providers};

/// How long the browser may take at the provider, ms.
const AUTHORIZATION_TTL_MS: u64 = 600_000;

/// What the provider's redirect brought.
#[derive(Debug, Clone, Default)]
pub struct Callback {
    /// The provider named in the path of the callback.
    pub provider: String,
    /// `state`.
    pub state: String,
    /// `code`.
    pub code: Option<String>,
    /// `error`.
    pub error: Option<String>,
    /// `error_description`.
    pub error_description: Option<String>,
    /// `iss` (RFC 9207).
    pub issuer: Option<String>,
}

/// A connection made or made anew.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Whose connection it is.
    pub tenant: Tenant,
    /// The connection.
    pub connection: Connection,
    /// The session that asked for it: where the browser goes next.
    pub session: ConnectSession,
}

/// What a token endpoint granted, and what it is for.
pub(crate) struct Granted {
    pub(crate) connection_id: Option<ConnectionId>,
    pub(crate) provider: String,
    pub(crate) environment: String,
    pub(crate) external_id: Option<String>,
    pub(crate) facts: TokenFacts,
    pub(crate) terms: CredentialTerms,
}

/// Why it was not kept.
pub(crate) enum KeepError {
    /// There was no access token.
    NoToken,
    /// The API's host is not one of the provider's.
    Host(HostError),
    /// The store failed, or refused.
    Store(StoreError),
}

/// Why a customer could not be connected. No text here holds a code, a token or a verifier.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuthorizationError {
    /// Unknown, used, expired, or from another browser: one answer for all.
    #[error("this link or sign-in is no longer valid: start again from the application that sent you")]
    Invalid,
    /// The provider sent the browser back with an error.
    #[error("the provider did not grant access ({code})")]
    Denied {
        /// The provider's `error`, cut to 64 plain characters.
        code: String,
        /// What to tell the person, if the provider's document knows.
        explanation: Option<String>,
        /// The session that asked.
        session: Box<ConnectSession>,
    },
    /// Another authorization server answered than the one asked (RFC 9207 §2.4).
    #[error("the answer came from another authorization server than the one asked")]
    WrongIssuer {
        /// The session that asked.
        session: Box<ConnectSession>,
    },
    /// The code was not exchanged.
    #[error("the provider did not exchange the code: {what}")]
    Exchange {
        /// What is known, without the provider's words.
        what: &'static str,
        /// Whether our application is at fault, not the person.
        misconfigured: bool,
        /// The session that asked.
        session: Box<ConnectSession>,
    },
    /// The provider named an API host that is not one of its own. Nothing was stored.
    #[error("the provider named a host that is not allowed: {reason}")]
    Host {
        /// Which rule.
        reason: HostError,
        /// The session that asked.
        session: Box<ConnectSession>,
    },
    /// The connection to be reconnected belongs to another account, or another conflict in the store.
    #[error("{what}")]
    Conflict {
        /// What stands in the way.
        what: String,
        /// The session that asked.
        session: Box<ConnectSession>,
    },
    /// Provider or login host are not configured.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

impl AuthorizationError {
    /// The session that asked, when it is known: it says where the browser goes.
    pub fn session(&self) -> Option<&ConnectSession> {
        match self {
            Self::Denied { session, .. }
            | Self::WrongIssuer { session }
            | Self::Exchange { session, .. }
            | Self::Host { session, .. }
            | Self::Conflict { session, .. } => Some(session),
            Self::Invalid | Self::Login(_) | Self::Store(_) => None,
        }
    }
}

impl From<StoreError> for AuthorizationError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::Invalid,
            error => Self::Store(error),
        }
    }
}

impl Providers {
    /// Uses up a connect link and answers the URL to send the browser to. `browser` is the value of the cookie that the
    /// callback must bring. Environment and login origin may be others than the stored session's where they are the
    /// browser's to choose.
    pub async fn start_authorization(
        &self,
        session: &ConnectSession,
        link_token: &str,
        browser: &str,
    ) -> Result<String, AuthorizationError> {
        self.inner.start_authorization(session, link_token, browser).await
    }

    /// Takes the transaction that a callback names, exchanges the code and stores the credentials.
    ///
    /// The exchange runs to its end even if the browser leaves.
    pub async fn finish_authorization(
        &self,
        callback: Callback,
        browser: Option<&str>,
    ) -> Result<Finished, AuthorizationError> {
        let (tenant, authorization) = self
            .inner
            .store
            .take_authorization(&callback.state, browser)
            .await?;
        let inner = Arc::clone(&self.inner);
        let session = authorization.session.clone();
        let finishing = self.inner.tracker.spawn(async move {
            let finished = inner.finish_authorization(tenant, authorization, callback).await;
            let (outcome, connection) = match &finished {
                Ok(finished) => (ConnectOutcome::Connected, Some(&finished.connection.id)),
                // RFC 6749 §4.1.2.1: the person, or the server for them, said no.
                Err(AuthorizationError::Denied { code, .. }) if code == "access_denied" => {
                    (ConnectOutcome::Denied, None)
                }
                Err(_) => (ConnectOutcome::Failed, None),
            };
            // For the page that waits for it; the journey has ended whether or not it hears.
            if let Err(error) = inner
                .store
                .settle_connect_session(&session, outcome, connection)
                .await
            {
                tracing::warn!(%error, "how a connect journey ended was not remembered");
            }
            finished
        });
        finishing.await.unwrap_or(Err(AuthorizationError::Invalid))
    }

    /// Deletes a connection, then asks the provider, in the background, to end its grant.
    pub async fn disconnect(&self, tenant: &Tenant, id: &ConnectionId) -> Result<(), StoreError> {
        let connection = self.inner.store.connection(tenant, id).await?;
        // A connection without tokens that open can be deleted all the same.
        let tokens = self.inner.store.tokens_fresh(tenant, id).await.ok();
        self.inner.store.delete_connection(tenant, id).await?;
        if let Some(tokens) = tokens {
            let inner = Arc::clone(&self.inner);
            self.inner.tracker.spawn(async move {
                let VersionedTokens { tokens, grant, .. } = &*tokens;
                // Where there is no refresh token, the session of the access token is all that can be ended.
                let token = tokens.refresh_token.as_ref().unwrap_or(&tokens.access_token);
                let ended = inner.revoke(&connection, grant.as_ref(), token).await;
                told(&connection, if ended { "ended" } else { "not_ended" });
            });
        } else {
            told(&connection, "unknown");
        }
        Ok(())
    }
}

impl Inner {
    async fn start_authorization(
        &self,
        session: &ConnectSession,
        link_token: &str,
        browser: &str,
    ) -> Result<String, AuthorizationError> {
        let configured = self.settings.provider(&session.provider)?;
        let login = configured.check_login(&session.environment, &session.login_url)?;
        let state = URL_SAFE_NO_PAD.encode(self.random.bytes_32());
        let verifier = Secret::new(URL_SAFE_NO_PAD.encode(self.random.bytes_32()));
        let redirect_uri = self.redirect_uri(&session.provider);
        let token_url = token_url(configured, &session.environment, &login);
        let new = NewAuthorization {
            state: &state,
            browser,
            verifier: &verifier,
            redirect_uri: &redirect_uri,
            token_url: &token_url,
            issuer: login.as_str(),
            environment: &session.environment,
            login_url: &session.login_url,
            is_popup: session.opener_origin.is_some(),
            ttl_ms: AUTHORIZATION_TTL_MS,
        };
        let consumed = self.store.begin_authorization(link_token, new).await?;
        if consumed.id != session.id {
            // The link that was used up is not the session that the URL would be for.
            return Err(AuthorizationError::Invalid);
        }
        Ok(authorize_url(
            configured,
            &login,
            &consumed,
            &redirect_uri,
            &state,
            &verifier,
        ))
    }

    /// Made from configuration alone: RFC 9700 §4.1, and never from a `Host` header.
    fn redirect_uri(&self, provider: &str) -> String {
        format!("{}/oauth/callback/{provider}", self.settings.public_url)
    }

    async fn finish_authorization(
        &self,
        tenant: Tenant,
        authorization: Authorization,
        callback: Callback,
    ) -> Result<Finished, AuthorizationError> {
        let session = authorization.session.clone();
        let boxed = || Box::new(session.clone());
        if callback.provider != session.provider {
            return Err(AuthorizationError::Invalid);
        }
        let configured = self.settings.provider(&session.provider)?;
        // Before the error is looked at, too: an error from elsewhere is no answer to what was asked.
        if callback
            .issuer
            .as_deref()
            .is_some_and(|issuer| issuer != authorization.issuer)
        {
            return Err(AuthorizationError::WrongIssuer { session: boxed() });
        }
        if let Some(error) = &callback.error {
            return Err(denied(
                configured,
                error,
                callback.error_description.as_deref(),
                boxed(),
            ));
        }
        let Some(code) = callback.code.filter(|code| !code.is_empty()) else {
            return Err(AuthorizationError::Invalid);
        };
        let login = configured.check_login(&session.environment, &session.login_url)?;
        if token_url(configured, &session.environment, &login) != authorization.token_url {
            return Err(AuthorizationError::Invalid);
        }
        let timeout = Duration::from_millis(self.settings.limits.token_request_ms);
        let reply = exchange_code(
            &self.egress,
            configured,
            &configured.token_origin(&session.environment, &login),
            &code,
            &authorization.redirect_uri,
            &authorization.verifier,
            timeout,
        )
        .await;
        let failed = |what, misconfigured| AuthorizationError::Exchange {
            what,
            misconfigured,
            session: boxed(),
        };
        let facts = match reply {
            TokenReply::Granted(facts) => facts,
            TokenReply::Refused {
                fault: TokenFault::Misconfigured,
                ..
            } => {
                return Err(failed("it refuses our application", true));
            }
            TokenReply::Refused { .. } => return Err(failed("it refuses the code", false)),
            TokenReply::NotSent(_) => return Err(failed("it could not be reached", false)),
            TokenReply::Unknown(_) => return Err(failed("it gave no usable answer", false)),
        };
        self.store_grant(&tenant, configured, &login, session, facts)
            .await
    }

    async fn store_grant(
        &self,
        tenant: &Tenant,
        configured: &Configured,
        login: &Origin,
        session: ConnectSession,
        facts: TokenFacts,
    ) -> Result<Finished, AuthorizationError> {
        let granted = Granted {
            connection_id: session.connection_id.clone(),
            provider: session.provider.clone(),
            environment: session.environment.clone(),
            external_id: session.external_id.clone(),
            facts,
            terms: CredentialTerms {
                grant: None,
                allow_account_change: session.allow_account_change,
            },
        };
        match self.keep(tenant, configured, login, granted).await {
            Ok(connection) => Ok(Finished {
                tenant: tenant.clone(),
                connection,
                session,
            }),
            Err(KeepError::NoToken) => Err(AuthorizationError::Invalid),
            Err(KeepError::Host(reason)) => Err(AuthorizationError::Host {
                reason,
                session: Box::new(session),
            }),
            Err(KeepError::Store(StoreError::Conflict { what })) => Err(AuthorizationError::Conflict {
                what,
                session: Box::new(session),
            }),
            Err(KeepError::Store(error)) => Err(AuthorizationError::from(error)),
        }
    }

    /// Keeps what a token endpoint granted, as a connection made or made anew.
    pub(crate) async fn keep(
        &self,
        tenant: &Tenant,
        configured: &Configured,
        login: &Origin,
        granted: Granted,
    ) -> Result<Connection, KeepError> {
        let Granted {
            connection_id,
            provider,
            environment,
            external_id,
            facts,
            terms,
        } = granted;
        let instance_url = match (&facts.instance_url, configured.base_url()) {
            (Some(text), _) => configured
                .api_hosts
                .check(text)
                .map(|origin| Some(origin.as_str().to_owned())),
            (None, Some(_)) => Ok(None),
            (None, None) => Err(HostError::NotAnOrigin),
        };
        let instance_url = instance_url.map_err(|reason| {
            metrics::counter!("crosswalk_instance_url_refused_total").increment(1);
            KeepError::Host(reason)
        })?;
        let access_token = facts.access_token.ok_or(KeepError::NoToken)?;
        let tokens_at = configured.token_origin(&environment, login);
        let to_revoke = facts
            .refresh_token
            .clone()
            .unwrap_or_else(|| access_token.clone());
        let new = NewCredentials {
            connection_id,
            provider,
            environment,
            login_url: login.as_str().to_owned(),
            external_id,
            instance_url,
            account_id: facts.account_id,
            user_id: facts.user_id,
            scopes: facts.scopes.unwrap_or_default(),
            tokens: Tokens {
                access_token,
                refresh_token: facts.refresh_token,
            },
            access_expires_at_ms: crate::expires_at_ms(facts.expires_in_s, self.clock.now_ms()),
        };
        match self.store.save_credentials_on(tenant, new, &terms).await {
            Ok(connection) => Ok(connection),
            Err(error) => {
                // Nobody will use this grant: end it rather than leave it lying about.
                let timeout = Duration::from_millis(self.settings.limits.token_request_ms);
                let client = terms.grant.as_ref().map_or(Client::App, Client::of);
                revoke(&self.egress, configured, &tokens_at, client, &to_revoke, timeout).await;
                Err(KeepError::Store(error))
            }
        }
    }

    /// Asks the provider to end a grant that nobody will use any more. Answers whether it said yes.
    pub(crate) async fn revoke(
        &self,
        connection: &Connection,
        grant: Option<&Grant>,
        token: &Secret,
    ) -> bool {
        let Ok(configured) = self.settings.provider(&connection.provider) else {
            return false;
        };
        let Ok(login) = configured.check_login(&connection.environment, &connection.login_url) else {
            return false;
        };
        let timeout = Duration::from_millis(self.settings.limits.token_request_ms);
        let login = configured.token_origin(&connection.environment, &login);
        let client = grant.map_or(Client::App, Client::of);
        revoke(&self.egress, configured, &login, client, token, timeout).await
    }
}

/// A connection is deleted whatever its provider says: what became of the grant is told to the operator.
fn told(connection: &Connection, outcome: &'static str) {
    metrics::counter!(
        "crosswalk_grants_revoked_total",
        "provider" => connection.provider.clone(),
        "outcome" => outcome,
    )
    .increment(1);
    if outcome == "ended" {
        tracing::info!(connection = %connection.id, "the grant of a deleted connection was ended at its provider");
    } else {
        tracing::warn!(
            connection = %connection.id,
            provider = %connection.provider,
            outcome,
            "the grant of a deleted connection may live on at its provider: the customer can end it there"
        );
    }
}

fn token_url(configured: &Configured, environment: &str, login: &Origin) -> String {
    let origin = configured.token_origin(environment, login);
    format!("{origin}{}", configured.document.auth.token_path)
}

fn authorize_url(
    configured: &Configured,
    login: &Origin,
    session: &ConnectSession,
    redirect_uri: &str,
    state: &str,
    verifier: &Secret,
) -> String {
    let auth = &configured.document.auth;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose().as_bytes()));
    let scopes = if session.scopes.is_empty() {
        &auth.scopes
    } else {
        &session.scopes
    };
    let scope = scopes.join(" ");
    let mut url = format!("{login}{}?response_type=code", auth.authorize_path);
    let ours = [
        ("client_id", configured.app.client_id.as_str()),
        ("redirect_uri", redirect_uri),
        ("scope", &scope),
        ("state", state),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let further = auth
        .authorize_parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        // What protects the exchange is not for a document to change.
        .filter(|(name, _)| *name != "response_type" && ours.iter().all(|(own, _)| own != name));
    for (name, value) in ours.into_iter().chain(further) {
        // Writing to a String cannot fail.
        let _ = write!(url, "&{name}=");
        escape_component(&mut url, value);
    }
    url
}

fn denied(
    configured: &Configured,
    error: &str,
    description: Option<&str>,
    session: Box<ConnectSession>,
) -> AuthorizationError {
    let faults = &configured.document.auth.authorize_faults;
    let explanation = faults.get(error).or_else(|| faults.get(description?)).cloned();
    let code: String = error
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.'))
        .take(64)
        .collect();
    AuthorizationError::Denied {
        code,
        explanation,
        session,
    }
}
