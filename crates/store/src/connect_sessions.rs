//! Connect sessions: a link that one browser uses once, and the OAuth transaction that comes of it.
//!
//! Both steps are one conditional UPDATE each, so that of two browsers or two callbacks one wins. Times are the
//! database's.

use model::{ConnectSessionId, ConnectionId, Secret, TenantId};
use subtle::ConstantTimeEq as _;

use crate::checks::{KEY_MAX_CHARS, URL_MAX_CHARS, check_optional, check_text, read_list, write_list};
use crate::connections::scope;
use crate::database::{DatabaseError, Row, Scope, arguments};
use crate::sealing::Place;
use crate::store::{hash, hex};
use crate::{
    Authorization, ConnectOutcome, ConnectProgress, ConnectSession, NewAuthorization, NewConnectSession,
    Store, StoreError, Tenant,
};

/// What a link token begins with, so that a scanner finds a leaked one.
const LINK_PREFIX: &str = "cw_link_";
/// Longest life of a link or an authorization: a day.
const TTL_MAX_MS: u64 = 86_400_000;
/// Longer texts are not looked at.
const PRESENTED_MAX_BYTES: usize = 1_024;

macro_rules! columns {
    () => {
        "id, tenant_id, provider, environment, login_url, is_environment_open, external_id, scopes, return_to, \
         connection_id, allow_account_change, opener_origin, expires_at_ms, (SELECT name FROM tenants WHERE tenants.id = connect_sessions.tenant_id) AS tenant_name"
    };
}

fn read(row: &Row) -> Result<ConnectSession, StoreError> {
    let corrupt = |_| StoreError::Corrupt {
        what: "connect session",
    };
    Ok(ConnectSession {
        id: ConnectSessionId::parse(&row.text("id")?).map_err(corrupt)?,
        tenant_name: row.text("tenant_name")?,
        provider: row.text("provider")?,
        environment: row.text("environment")?,
        login_url: row.text("login_url")?,
        is_environment_open: row.integer("is_environment_open")? != 0,
        external_id: row.optional_text("external_id")?,
        scopes: read_list(&row.text("scopes")?)?,
        return_to: row.optional_text("return_to")?,
        connection_id: row
            .optional_text("connection_id")?
            .map(|id| ConnectionId::parse(&id))
            .transpose()
            .map_err(corrupt)?,
        allow_account_change: row.integer("allow_account_change")? != 0,
        opener_origin: row.optional_text("opener_origin")?,
        expires_at_ms: row.integer("expires_at_ms")?,
    })
}

fn read_tenant(row: &Row) -> Result<TenantId, StoreError> {
    TenantId::parse(&row.text("tenant_id")?).map_err(|_| StoreError::Corrupt {
        what: "connect session",
    })
}

fn place<'a>(tenant: &'a TenantId, session: &'a ConnectSessionId) -> Place<'a> {
    Place {
        table: "connect_sessions",
        column: "sealed_verifier",
        tenant: tenant.as_str(),
        row: session.as_str(),
        version: 0,
    }
}

fn ttl(ttl_ms: u64) -> i64 {
    i64::try_from(ttl_ms.min(TTL_MAX_MS)).unwrap_or(i64::MAX)
}

impl Store {
    /// Creates a session and the token of its link, which is in this answer and nowhere else. `ttl_ms` is cut at a day.
    ///
    /// A connection to reconnect must be the tenant's and of the same provider.
    pub async fn create_connect_session(
        &self,
        tenant: &Tenant,
        new: NewConnectSession,
        ttl_ms: u64,
    ) -> Result<(ConnectSession, Secret), StoreError> {
        check_text("provider", &new.provider, KEY_MAX_CHARS)?;
        check_text("environment", &new.environment, KEY_MAX_CHARS)?;
        check_text("login_url", &new.login_url, URL_MAX_CHARS)?;
        check_optional("external_id", new.external_id.as_deref(), KEY_MAX_CHARS)?;
        check_optional("return_to", new.return_to.as_deref(), URL_MAX_CHARS)?;
        check_optional("opener_origin", new.opener_origin.as_deref(), URL_MAX_CHARS)?;
        if let Some(id) = &new.connection_id
            && self.connection(tenant, id).await?.provider != new.provider
        {
            return Err(StoreError::conflict("the connection belongs to another provider"));
        }
        let id = ConnectSessionId::generate(&*self.inner.random);
        let link_token = Secret::new(format!("{LINK_PREFIX}{}", hex(&self.inner.random.bytes_32())));
        let sweep =
            "DELETE FROM connect_sessions WHERE tenant_id = $1 AND expires_at_ms < {now_ms} - 86400000";
        let sql = concat!(
            "INSERT INTO connect_sessions (id, tenant_id, provider, environment, login_url, external_id, scopes, \
             return_to, connection_id, link_hash, created_at_ms, expires_at_ms, is_environment_open, \
             allow_account_change, opener_origin) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, {now_ms}, {now_ms} + $11, $12, $13, $14) RETURNING ",
            columns!()
        );
        let tenant_argument = arguments![tenant.id().as_str()];
        let arguments = arguments![
            id.as_str(),
            tenant.id().as_str(),
            new.provider,
            new.environment,
            new.login_url,
            new.external_id,
            write_list(&new.scopes)?,
            new.return_to,
            new.connection_id.as_ref().map(ConnectionId::as_str),
            hash(link_token.expose()),
            ttl(ttl_ms),
            i64::from(new.is_environment_open),
            i64::from(new.allow_account_change),
            new.opener_origin,
        ];
        let (database, scope) = (self.inner.database.clone(), scope(tenant));
        let create = async move {
            let mut transaction = database.begin(&scope).await?;
            transaction.run(sweep, tenant_argument).await?;
            let rows = transaction.run(sql, arguments).await?;
            transaction.commit().await?;
            Ok::<_, DatabaseError>(rows)
        };
        let rows = self.detached(Vec::new(), create).await?;
        Ok((rows.first().map_or(Err(StoreError::NotFound), read)?, link_token))
    }

    /// The session of a link that still works. Opening does not use it up.
    pub async fn open_connect_session(&self, link_token: &str) -> Result<ConnectSession, StoreError> {
        self.open_session_row(link_token)
            .await
            .map(|(session, _)| session)
    }

    async fn open_session_row(&self, link_token: &str) -> Result<(ConnectSession, TenantId), StoreError> {
        if link_token.len() > PRESENTED_MAX_BYTES || !link_token.starts_with(LINK_PREFIX) {
            return Err(StoreError::NotFound);
        }
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM connect_sessions WHERE link_hash = $1 AND used_at_ms IS NULL AND expires_at_ms > {now_ms}"
        );
        let rows = self
            .inner
            .database
            .read(&Scope::Operator, sql, arguments![hash(link_token)])
            .await?;
        let row = rows.first().ok_or(StoreError::NotFound)?;
        Ok((read(row)?, read_tenant(row)?))
    }

    /// Uses the link up and begins the OAuth transaction. Of several browsers one wins; the others find nothing, and so
    /// does one that names another environment than the session's, unless that is the browser's to choose.
    pub async fn begin_authorization(
        &self,
        link_token: &str,
        new: NewAuthorization<'_>,
    ) -> Result<ConnectSession, StoreError> {
        check_text("state", new.state, URL_MAX_CHARS)?;
        check_text("browser", new.browser, URL_MAX_CHARS)?;
        check_text("redirect_uri", new.redirect_uri, URL_MAX_CHARS)?;
        check_text("token_url", new.token_url, URL_MAX_CHARS)?;
        check_text("issuer", new.issuer, URL_MAX_CHARS)?;
        check_text("environment", new.environment, KEY_MAX_CHARS)?;
        check_text("login_url", new.login_url, URL_MAX_CHARS)?;
        let (session, tenant) = self.open_session_row(link_token).await?;
        let sealed = self
            .inner
            .sealer
            .seal(&place(&tenant, &session.id), new.verifier.expose().as_bytes())
            .await?;
        let sql = concat!(
            "UPDATE connect_sessions SET used_at_ms = {now_ms}, state_hash = $2, browser_hash = $3, \
             sealed_verifier = $4, redirect_uri = $5, token_url = $6, issuer = $7, \
             authorization_expires_at_ms = {now_ms} + $8, environment = $9, login_url = $10, \
             opener_origin = CASE WHEN $11 = 1 THEN opener_origin ELSE NULL END \
             WHERE link_hash = $1 AND used_at_ms IS NULL AND expires_at_ms > {now_ms} \
             AND (is_environment_open = 1 OR (environment = $9 AND login_url = $10)) RETURNING ",
            columns!()
        );
        let arguments = arguments![
            hash(link_token),
            hash(new.state),
            hash(new.browser),
            sealed,
            new.redirect_uri,
            new.token_url,
            new.issuer,
            ttl(new.ttl_ms),
            new.environment,
            new.login_url,
            i64::from(new.is_popup),
        ];
        let (database, scope) = (self.inner.database.clone(), Scope::Tenant(tenant));
        let begin = async move { database.write(&scope, sql, arguments).await };
        self.detached(Vec::new(), begin)
            .await?
            .first()
            .map_or(Err(StoreError::NotFound), read)
    }

    /// A new session like one whose authorization was taken and came to nothing, for the same browser to choose its
    /// environment again. Once for each, and only where the choice is the browser's. `ttl_ms` is cut at a day.
    pub async fn renew_connect_session(
        &self,
        session: &ConnectSession,
        ttl_ms: u64,
    ) -> Result<(ConnectSession, Secret), StoreError> {
        let id = ConnectSessionId::generate(&*self.inner.random);
        let link_token = Secret::new(format!("{LINK_PREFIX}{}", hex(&self.inner.random.bytes_32())));
        let mark = "UPDATE connect_sessions SET renewed_at_ms = {now_ms} WHERE id = $1 AND is_environment_open = 1 \
                    AND authorization_used_at_ms IS NOT NULL AND renewed_at_ms IS NULL RETURNING id";
        let copy = concat!(
            "INSERT INTO connect_sessions (id, tenant_id, provider, environment, login_url, is_environment_open, \
             external_id, scopes, return_to, connection_id, allow_account_change, opener_origin, link_hash, \
             created_at_ms, expires_at_ms) \
             SELECT $2, tenant_id, provider, environment, login_url, is_environment_open, external_id, scopes, \
             return_to, connection_id, allow_account_change, opener_origin, $3, {now_ms}, {now_ms} + $4 \
             FROM connect_sessions WHERE id = $1 RETURNING ",
            columns!()
        );
        let marked = arguments![session.id.as_str()];
        let copied = arguments![
            session.id.as_str(),
            id.as_str(),
            hash(link_token.expose()),
            ttl(ttl_ms),
        ];
        let database = self.inner.database.clone();
        let renew = async move {
            let mut transaction = database.begin(&Scope::Operator).await?;
            if transaction.run(mark, marked).await?.is_empty() {
                return Ok(Vec::new());
            }
            let rows = transaction.run(copy, copied).await?;
            transaction.commit().await?;
            Ok::<_, DatabaseError>(rows)
        };
        let rows = self.detached(Vec::new(), renew).await?;
        Ok((rows.first().map_or(Err(StoreError::NotFound), read)?, link_token))
    }

    /// How far the journey of a link has come, used or not, until the link is swept a day later.
    pub async fn connect_progress(
        &self,
        link_token: &str,
        browser: Option<&str>,
    ) -> Result<ConnectProgress, StoreError> {
        if link_token.len() > PRESENTED_MAX_BYTES || !link_token.starts_with(LINK_PREFIX) {
            return Err(StoreError::NotFound);
        }
        // A callback that was taken and ended in nothing, as one in another browser does, is over after a minute too.
        let sql = concat!(
            "SELECT CAST(CASE WHEN used_at_ms IS NULL THEN 0 ELSE 1 END AS BIGINT) AS is_begun, browser_hash, outcome, \
             outcome_connection_id, \
             CAST(CASE WHEN outcome IS NOT NULL OR (used_at_ms IS NULL AND expires_at_ms <= {now_ms}) \
             OR (authorization_used_at_ms IS NULL AND authorization_expires_at_ms <= {now_ms}) \
             OR authorization_used_at_ms <= {now_ms} - 60000 THEN 1 ELSE 0 END AS BIGINT) AS is_over, ",
            columns!(),
            " FROM connect_sessions WHERE link_hash = $1"
        );
        let rows = self
            .inner
            .database
            .read(&Scope::Operator, sql, arguments![hash(link_token)])
            .await?;
        let row = rows.first().ok_or(StoreError::NotFound)?;
        let corrupt = || StoreError::Corrupt {
            what: "connect session",
        };
        let outcome = row.optional_text("outcome")?;
        let connection_id = row.optional_text("outcome_connection_id")?;
        let expected = row.optional_bytes("browser_hash")?;
        let is_own = expected
            .zip(browser)
            .is_some_and(|(expected, browser)| bool::from(expected.ct_eq(&hash(browser)[..])));
        Ok(ConnectProgress {
            session: read(row)?,
            is_own,
            is_begun: row.integer("is_begun")? != 0,
            is_over: row.integer("is_over")? != 0,
            outcome: outcome
                .map(|text| ConnectOutcome::parse(&text).ok_or_else(corrupt))
                .transpose()?,
            connection_id: connection_id
                .map(|id| ConnectionId::parse(&id).map_err(|_| corrupt()))
                .transpose()?,
        })
    }

    /// Remembers how a journey ended; the first ending stays.
    pub async fn settle_connect_session(
        &self,
        session: &ConnectSession,
        outcome: ConnectOutcome,
        connection: Option<&ConnectionId>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE connect_sessions SET outcome = $2, outcome_connection_id = $3 \
                   WHERE id = $1 AND outcome IS NULL RETURNING id";
        let arguments = arguments![
            session.id.as_str(),
            outcome.as_str(),
            connection.map(ConnectionId::as_str),
        ];
        let database = self.inner.database.clone();
        let settle = async move { database.write(&Scope::Operator, sql, arguments).await };
        self.detached(Vec::new(), settle).await.map(|_| ())
    }

    /// Takes the OAuth transaction of a callback, once. An unknown, used or expired state and a wrong browser are all
    /// `NotFound`; a wrong browser, or none, uses the transaction up.
    pub async fn take_authorization(
        &self,
        state: &str,
        browser: Option<&str>,
    ) -> Result<(Tenant, Authorization), StoreError> {
        let sql = concat!(
            "UPDATE connect_sessions SET authorization_used_at_ms = {now_ms} \
             WHERE state_hash = $1 AND authorization_used_at_ms IS NULL AND authorization_expires_at_ms > {now_ms} \
             RETURNING browser_hash, sealed_verifier, redirect_uri, token_url, issuer, ",
            columns!()
        );
        let (database, arguments) = (self.inner.database.clone(), arguments![hash(state)]);
        let take = async move { database.write(&Scope::Operator, sql, arguments).await };
        let rows = self.detached(Vec::new(), take).await?;
        let row = rows.first().ok_or(StoreError::NotFound)?;
        let expected = row.bytes("browser_hash")?;
        let is_same_browser = browser.is_some_and(|browser| bool::from(expected.ct_eq(&hash(browser)[..])));
        if !is_same_browser {
            return Err(StoreError::NotFound);
        }
        let (session, tenant) = (read(row)?, read_tenant(row)?);
        let sealed = row.bytes("sealed_verifier")?;
        let verifier = self
            .inner
            .sealer
            .open("verifier", &place(&tenant, &session.id), &sealed)
            .await?;
        let verifier = std::str::from_utf8(&verifier)
            .map(Secret::new)
            .map_err(|_| StoreError::Corrupt { what: "verifier" })?;
        let authorization = Authorization {
            session,
            verifier,
            redirect_uri: row.text("redirect_uri")?,
            token_url: row.text("token_url")?,
            issuer: row.text("issuer")?,
        };
        Ok((Tenant::new(tenant), authorization))
    }
}
