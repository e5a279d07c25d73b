//! Connections and their tokens.

use std::sync::Arc;

use model::{ConnectionId, Secret, TenantId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::changes::Topic;
use crate::checks::{KEY_MAX_CHARS, URL_MAX_CHARS, check_optional, check_text, read_list, write_list};
use crate::database::{DatabaseError, Row, Scope, arguments};
use crate::grants::{GrantToSeal, OpenedGrant};
use crate::sealer::Sealer;
use crate::sealing::Place;
use crate::witness::Seen;
use crate::{
    Connection, ConnectionChange, ConnectionFilter, ConnectionFlow, ConnectionOrder, ConnectionState,
    CredentialTerms, Grant, NewCredentials, Store, StoreError, Tenant, Tokens, VersionedTokens,
};

/// Most connections of one list call.
const LIST_MAX: u32 = 1_000;
/// How often a save that lost a race against another one is tried.
const ATTEMPTS: usize = 5;

macro_rules! columns {
    () => {
        "id, provider, environment, login_url, external_id, flow, state, state_reason, paused_at_ms, instance_url, \
         account_id, user_id, scopes, api_version, token_version, access_expires_at_ms, last_refreshed_at_ms, \
         created_at_ms, updated_at_ms"
    };
}

/// What a list of connections begins with: each condition holds, or is not asked for.
macro_rules! listed {
    () => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM connections WHERE tenant_id = $1 AND ($3 IS NULL OR provider = $3) \
             AND ($4 IS NULL OR external_id = $4) AND ($5 IS NULL OR state = $5) \
             AND ($7 IS NULL OR environment = $7) \
             AND ($8 IS NULL OR lower(external_id) LIKE lower($8) ESCAPE '!' \
             OR lower(account_id) LIKE lower($8) ESCAPE '!' OR lower(instance_url) LIKE lower($8) ESCAPE '!' \
             OR lower(instance_url) LIKE 'https://' || lower($8) ESCAPE '!')"
        )
    };
}

/// Tokens as they are sealed.
#[derive(Serialize)]
struct ToSeal<'a> {
    access_token: &'a str,
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<GrantToSeal<'a>>,
}

/// The same, read.
#[derive(Deserialize)]
struct Opened {
    access_token: Secret,
    refresh_token: Option<Secret>,
    #[serde(default)]
    grant: Option<OpenedGrant>,
}

fn place<'a>(tenant: &'a TenantId, id: &'a ConnectionId, version: i64) -> Place<'a> {
    Place {
        table: "connections",
        column: "sealed_tokens",
        tenant: tenant.as_str(),
        row: id.as_str(),
        version,
    }
}

/// Seals the tokens of one version of one connection.
pub(crate) async fn seal_tokens(
    sealer: &Sealer,
    tenant: &TenantId,
    id: &ConnectionId,
    version: i64,
    tokens: &Tokens,
    grant: Option<&Grant>,
) -> Result<Vec<u8>, StoreError> {
    let plain = ToSeal {
        access_token: tokens.access_token.expose(),
        refresh_token: tokens.refresh_token.as_ref().map(Secret::expose),
        grant: grant.map(Grant::to_seal),
    };
    let plain = serde_json::to_vec(&plain)
        .map(Zeroizing::new)
        .map_err(|_| StoreError::invalid("tokens"))?;
    sealer.seal(&place(tenant, id, version), &plain).await
}

/// Opens the tokens of one version of one connection, and what gets new ones where no refresh token does.
pub(crate) async fn open_tokens(
    sealer: &Sealer,
    tenant: &TenantId,
    id: &ConnectionId,
    version: i64,
    sealed: &[u8],
) -> Result<(Tokens, Option<Grant>), StoreError> {
    let corrupt = || StoreError::Corrupt { what: "token" };
    let plain = sealer.open("token", &place(tenant, id, version), sealed).await?;
    let opened: Opened = serde_json::from_slice(&plain).map_err(|_| corrupt())?;
    let grant = opened.grant.map(|grant| grant.read().ok_or_else(corrupt));
    let tokens = Tokens {
        access_token: opened.access_token,
        refresh_token: opened.refresh_token,
    };
    Ok((tokens, grant.transpose()?))
}

/// What the witness is told of new tokens.
fn seen_of(id: &ConnectionId, version: i64, tokens: &Tokens) -> Option<Seen> {
    let token = tokens.refresh_token.as_ref()?;
    Some(Seen::new(id, version, token))
}

pub(crate) fn topic(id: &ConnectionId) -> Topic {
    Topic::Connection(id.as_str().to_owned())
}

pub(crate) fn read_state(row: &Row) -> Result<ConnectionState, StoreError> {
    ConnectionState::parse(&row.text("state")?).ok_or(StoreError::Corrupt {
        what: "connection state",
    })
}

pub(crate) fn read_id(row: &Row) -> Result<ConnectionId, StoreError> {
    ConnectionId::parse(&row.text("id")?).map_err(|_| StoreError::Corrupt { what: "connection" })
}

fn read(row: &Row) -> Result<Connection, StoreError> {
    Ok(Connection {
        id: read_id(row)?,
        provider: row.text("provider")?,
        environment: row.text("environment")?,
        login_url: row.text("login_url")?,
        external_id: row.optional_text("external_id")?,
        flow: ConnectionFlow::parse(&row.text("flow")?).ok_or(StoreError::Corrupt {
            what: "connection flow",
        })?,
        state: read_state(row)?,
        state_reason: row.optional_text("state_reason")?,
        paused_at_ms: row.optional_integer("paused_at_ms")?,
        instance_url: row.optional_text("instance_url")?,
        account_id: row.optional_text("account_id")?,
        user_id: row.optional_text("user_id")?,
        scopes: read_list(&row.text("scopes")?)?,
        api_version: row.optional_text("api_version")?,
        token_version: row.integer("token_version")?,
        access_expires_at_ms: row.optional_integer("access_expires_at_ms")?,
        last_refreshed_at_ms: row.optional_integer("last_refreshed_at_ms")?,
        created_at_ms: row.integer("created_at_ms")?,
        updated_at_ms: row.integer("updated_at_ms")?,
    })
}

fn flow_of(terms: &CredentialTerms) -> ConnectionFlow {
    terms
        .grant
        .as_ref()
        .map_or(ConnectionFlow::AuthorizationCode, Grant::flow)
}

fn same_external_id() -> StoreError {
    StoreError::conflict("another connection has the same external_id")
}

/// The pattern of texts that begin so; `!` makes a letter stand for itself.
fn beginning(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 1);
    for character in text.chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

fn key(tenant: &Tenant, id: &ConnectionId) -> String {
    format!("{}/{}", tenant.id(), id)
}

pub(crate) fn scope(tenant: &Tenant) -> Scope {
    Scope::Tenant(tenant.id().clone())
}

fn check(new: &NewCredentials) -> Result<(), StoreError> {
    check_text("provider", &new.provider, KEY_MAX_CHARS)?;
    check_text("environment", &new.environment, KEY_MAX_CHARS)?;
    check_text("login_url", &new.login_url, URL_MAX_CHARS)?;
    check_optional("external_id", new.external_id.as_deref(), KEY_MAX_CHARS)?;
    check_optional("instance_url", new.instance_url.as_deref(), URL_MAX_CHARS)?;
    check_optional("account_id", new.account_id.as_deref(), KEY_MAX_CHARS)?;
    check_optional("user_id", new.user_id.as_deref(), KEY_MAX_CHARS)
}

impl Store {
    /// One connection of the tenant.
    pub async fn connection(
        &self,
        tenant: &Tenant,
        id: &ConnectionId,
    ) -> Result<Arc<Connection>, StoreError> {
        let load = || async { self.load_connection(tenant, id).await.map(Arc::new) };
        self.inner
            .connections
            .get(&key(tenant, id), &[topic(id)], load)
            .await
    }

    async fn load_connection(&self, tenant: &Tenant, id: &ConnectionId) -> Result<Connection, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM connections WHERE tenant_id = $1 AND id = $2"
        );
        let arguments = arguments![tenant.id().as_str(), id.as_str()];
        let rows = self.inner.database.read(&scope(tenant), sql, arguments).await?;
        rows.first().map_or(Err(StoreError::NotFound), read)
    }

    /// The connection that carries the tenant's own id of a customer.
    pub async fn connection_by_external_id(
        &self,
        tenant: &Tenant,
        provider: &str,
        external_id: &str,
    ) -> Result<Arc<Connection>, StoreError> {
        // No such text is ever stored, and a control character would confuse the key of the cache.
        if check_text("provider", provider, KEY_MAX_CHARS).is_err()
            || check_text("external_id", external_id, KEY_MAX_CHARS).is_err()
        {
            return Err(StoreError::NotFound);
        }
        let key = format!("{}\n{provider}\n{external_id}", tenant.id());
        let find = || self.find_external_id(tenant, provider, external_id);
        let id = self.inner.external_ids.get(&key, &[], find).await?;
        // Which connection carries the id may have changed; the connection itself tells.
        match self.connection(tenant, &id).await {
            Ok(connection)
                if connection.provider == provider
                    && connection.external_id.as_deref() == Some(external_id) =>
            {
                Ok(connection)
            }
            Ok(_) | Err(StoreError::NotFound) => {
                let id = self.inner.external_ids.reload(&key, &[], find()).await?;
                self.connection(tenant, &id).await
            }
            Err(error) => Err(error),
        }
    }

    async fn find_external_id(
        &self,
        tenant: &Tenant,
        provider: &str,
        external_id: &str,
    ) -> Result<ConnectionId, StoreError> {
        let sql = "SELECT id FROM connections WHERE tenant_id = $1 AND provider = $2 AND external_id = $3";
        let arguments = arguments![tenant.id().as_str(), provider, external_id];
        let rows = self.inner.database.read(&scope(tenant), sql, arguments).await?;
        rows.first().map_or(Err(StoreError::NotFound), read_id)
    }

    /// Connections of the tenant, those after `after` in the filter's order, at most `limit` (and 1,000).
    pub async fn list_connections(
        &self,
        tenant: &Tenant,
        filter: ConnectionFilter,
        after: Option<&ConnectionId>,
        limit: u32,
    ) -> Result<Vec<Connection>, StoreError> {
        let by_id = concat!(listed!(), " AND id > $2 ORDER BY id LIMIT $6");
        let oldest_first = concat!(
            listed!(),
            " AND ($9 IS NULL OR created_at_ms > $9 OR (created_at_ms = $9 AND id > $2)) \
             ORDER BY created_at_ms, id LIMIT $6"
        );
        let newest_first = concat!(
            listed!(),
            " AND ($9 IS NULL OR created_at_ms < $9 OR (created_at_ms = $9 AND id < $2)) \
             ORDER BY created_at_ms DESC, id DESC LIMIT $6"
        );
        let mut arguments = arguments![
            tenant.id().as_str(),
            after.map_or("", ConnectionId::as_str),
            filter.provider,
            filter.external_id,
            filter.state.map(ConnectionState::as_str),
            i64::from(limit.min(LIST_MAX)),
            filter.environment,
            filter.search.as_deref().map(beginning),
        ];
        let sql = match filter.order {
            ConnectionOrder::Id => by_id,
            ConnectionOrder::OldestFirst => oldest_first,
            ConnectionOrder::NewestFirst => newest_first,
        };
        if filter.order != ConnectionOrder::Id {
            arguments.push(filter.after_created_at_ms.into());
        }
        self.inner
            .database
            .read(&scope(tenant), sql, arguments)
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// Changes what a tenant may change of a connection. An external id that another connection has is a conflict.
    pub async fn change_connection(
        &self,
        tenant: &Tenant,
        id: &ConnectionId,
        change: ConnectionChange,
    ) -> Result<Connection, StoreError> {
        let external_id = change.external_id.as_ref().and_then(Option::as_deref);
        check_optional("external_id", external_id, KEY_MAX_CHARS)?;
        // The time of a pause is that of the first one.
        let sql = concat!(
            "UPDATE connections SET external_id = CASE WHEN $3 = 1 THEN $4 ELSE external_id END, \
             paused_at_ms = CASE $5 WHEN 1 THEN COALESCE(paused_at_ms, {now_ms}) WHEN 0 THEN NULL ELSE paused_at_ms END, \
             updated_at_ms = {now_ms} WHERE tenant_id = $1 AND id = $2 RETURNING ",
            columns!()
        );
        let arguments = arguments![
            tenant.id().as_str(),
            id.as_str(),
            i64::from(change.external_id.is_some()),
            external_id,
            change.paused.map_or(-1, i64::from),
        ];
        let (database, scope) = (self.inner.database.clone(), scope(tenant));
        let update = async move {
            match database.write(&scope, sql, arguments).await {
                Err(DatabaseError::Duplicate) => Err(same_external_id()),
                other => other.map_err(StoreError::from),
            }
        };
        let rows = self.detached(vec![topic(id)], update).await?;
        rows.first().map_or(Err(StoreError::NotFound), read)
    }

    /// Forgets a connection, its tokens and its overrides.
    pub async fn delete_connection(&self, tenant: &Tenant, id: &ConnectionId) -> Result<(), StoreError> {
        let sql = "DELETE FROM connections WHERE tenant_id = $1 AND id = $2 RETURNING id";
        let (database, scope) = (self.inner.database.clone(), scope(tenant));
        let arguments = arguments![tenant.id().as_str(), id.as_str()];
        let (witness, own) = (Arc::clone(&self.inner.witness), id.clone());
        let delete = async move {
            let rows = database.write(&scope, sql, arguments).await?;
            if !rows.is_empty() {
                witness.begin(&own, None).await;
            }
            Ok::<_, DatabaseError>(rows)
        };
        let rows = self.detached(vec![topic(id)], delete).await?;
        if rows.is_empty() {
            Err(StoreError::NotFound)
        } else {
            Ok(())
        }
    }

    /// Saves what an authorization brought: creates a connection, or reconnects one in place (the tokens get the next
    /// version, the state becomes active, and a refresh under way can no longer save).
    ///
    /// Without a connection id, the tenant's connection with the same provider and external id is reconnected if
    /// there is one. Reconnecting to another org is refused as a conflict.
    pub async fn save_new_credentials(
        &self,
        tenant: &Tenant,
        new: NewCredentials,
    ) -> Result<Connection, StoreError> {
        self.save_credentials_on(tenant, new, &CredentialTerms::default())
            .await
    }

    /// As [`Store::save_new_credentials`], with what gets new tokens without a person, or for another account than before.
    pub async fn save_credentials_on(
        &self,
        tenant: &Tenant,
        new: NewCredentials,
        terms: &CredentialTerms,
    ) -> Result<Connection, StoreError> {
        check(&new)?;
        if let Some(grant) = &terms.grant {
            grant.check()?;
        }
        for _ in 0..ATTEMPTS {
            let existing = match (&new.connection_id, &new.external_id) {
                (Some(id), _) => Some(id.clone()),
                (None, Some(external_id)) => {
                    match self.find_external_id(tenant, &new.provider, external_id).await {
                        Ok(id) => Some(id),
                        Err(StoreError::NotFound) => None,
                        Err(error) => return Err(error),
                    }
                }
                (None, None) => None,
            };
            let saved = match existing {
                Some(id) => self.reconnect(tenant, id, new.clone(), terms).await?,
                None => self.create_connection(tenant, new.clone(), terms).await?,
            };
            if let Some(connection) = saved {
                return Ok(connection);
            }
        }
        Err(StoreError::conflict(
            "the connection is being changed by others at the same moment",
        ))
    }

    /// Answers nothing if a connection with the same external id came first.
    async fn create_connection(
        &self,
        tenant: &Tenant,
        new: NewCredentials,
        terms: &CredentialTerms,
    ) -> Result<Option<Connection>, StoreError> {
        let id = ConnectionId::generate(&*self.inner.random);
        let grant = terms.grant.as_ref();
        let sealed = seal_tokens(&self.inner.sealer, tenant.id(), &id, 1, &new.tokens, grant).await?;
        let sql = concat!(
            "INSERT INTO connections (id, tenant_id, provider, environment, login_url, external_id, state, \
             instance_url, account_id, user_id, scopes, token_version, sealed_tokens, access_expires_at_ms, \
             refresh_fence, tokens_saved_at_ms, created_at_ms, updated_at_ms, flow) \
             VALUES ($1, $2, $3, $4, $5, $6, 'active', $7, $8, $9, $10, 1, $11, $12, 0, {now_ms}, {now_ms}, {now_ms}, $13) \
             RETURNING ",
            columns!()
        );
        let arguments = arguments![
            id.as_str(),
            tenant.id().as_str(),
            new.provider,
            new.environment,
            new.login_url,
            new.external_id,
            new.instance_url,
            new.account_id,
            new.user_id,
            write_list(&new.scopes)?,
            sealed,
            new.access_expires_at_ms,
            flow_of(terms).as_str(),
        ];
        let (database, scope) = (self.inner.database.clone(), scope(tenant));
        let (witness, own) = (Arc::clone(&self.inner.witness), id.clone());
        let seen = seen_of(&id, 1, &new.tokens);
        let create = async move {
            match database.write(&scope, sql, arguments).await {
                Err(DatabaseError::Duplicate) => Ok(None),
                Err(error) => Err(error),
                Ok(rows) => {
                    witness.begin(&own, seen.as_ref()).await;
                    Ok(Some(rows))
                }
            }
        };
        match self.detached(vec![topic(&id)], create).await? {
            Some(rows) => rows.first().map(read).transpose(),
            None => Ok(None),
        }
    }

    /// Answers nothing if the row changed in between.
    async fn reconnect(
        &self,
        tenant: &Tenant,
        id: ConnectionId,
        new: NewCredentials,
        terms: &CredentialTerms,
    ) -> Result<Option<Connection>, StoreError> {
        let now = self.load_connection(tenant, &id).await?;
        if now.provider != new.provider {
            return Err(StoreError::conflict("the connection belongs to another provider"));
        }
        let is_another =
            now.account_id.is_some() && new.account_id.is_some() && now.account_id != new.account_id;
        if is_another && !terms.allow_account_change {
            return Err(StoreError::conflict(
                "the authorization is for another account than the one this connection belongs to",
            ));
        }
        let sealed = seal_tokens(
            &self.inner.sealer,
            tenant.id(),
            &id,
            now.token_version + 1,
            &new.tokens,
            terms.grant.as_ref(),
        )
        .await?;
        let sql = concat!(
            "UPDATE connections SET environment = $4, login_url = $5, external_id = COALESCE($6, external_id), \
             state = 'active', state_reason = NULL, instance_url = COALESCE($7, instance_url), \
             account_id = COALESCE($8, account_id), user_id = COALESCE($9, user_id), scopes = $10, \
             token_version = token_version + 1, sealed_tokens = $11, access_expires_at_ms = $12, \
             refresh_owner = NULL, refresh_lease_until_ms = NULL, refresh_intent_at_ms = NULL, \
             refresh_fence = refresh_fence + 1, tokens_saved_at_ms = {now_ms}, refused_age_ms = NULL, \
             learned_lifetime_ms = NULL, updated_at_ms = {now_ms}, flow = $13 \
             WHERE tenant_id = $1 AND id = $2 AND token_version = $3 \
             AND (account_id IS NULL OR $8 IS NULL OR account_id = $8 OR $14 = 1) RETURNING ",
            columns!()
        );
        let arguments = arguments![
            tenant.id().as_str(),
            id.as_str(),
            now.token_version,
            new.environment,
            new.login_url,
            new.external_id,
            new.instance_url,
            new.account_id,
            new.user_id,
            write_list(&new.scopes)?,
            sealed,
            new.access_expires_at_ms,
            flow_of(terms).as_str(),
            i64::from(terms.allow_account_change),
        ];
        let (database, scope) = (self.inner.database.clone(), scope(tenant));
        let (witness, own) = (Arc::clone(&self.inner.witness), id.clone());
        let seen = seen_of(&id, now.token_version + 1, &new.tokens);
        let update = async move {
            // A new grant: what was seen of the old one says nothing of its tokens, from this moment on.
            witness.begin(&own, None).await;
            match database.write(&scope, sql, arguments).await {
                Err(DatabaseError::Duplicate) => Err(same_external_id()),
                Err(error) => Err(StoreError::from(error)),
                Ok(rows) => {
                    if !rows.is_empty() {
                        witness.begin(&own, seen.as_ref()).await;
                    }
                    Ok(rows)
                }
            }
        };
        self.detached(vec![topic(&id)], update)
            .await?
            .first()
            .map(read)
            .transpose()
    }

    /// The tokens of a connection, from memory while nobody changed them.
    pub async fn tokens(
        &self,
        tenant: &Tenant,
        id: &ConnectionId,
    ) -> Result<Arc<VersionedTokens>, StoreError> {
        let load = || self.load_tokens(tenant, id);
        self.inner.tokens.get(&key(tenant, id), &[topic(id)], load).await
    }

    /// The tokens as the database has them now.
    pub async fn tokens_fresh(
        &self,
        tenant: &Tenant,
        id: &ConnectionId,
    ) -> Result<Arc<VersionedTokens>, StoreError> {
        let load = self.load_tokens(tenant, id);
        self.inner
            .tokens
            .reload(&key(tenant, id), &[topic(id)], load)
            .await
    }

    async fn load_tokens(
        &self,
        tenant: &Tenant,
        id: &ConnectionId,
    ) -> Result<Arc<VersionedTokens>, StoreError> {
        let sql = "SELECT token_version, sealed_tokens, instance_url, access_expires_at_ms, tokens_saved_at_ms, \
                   learned_lifetime_ms FROM connections \
                   WHERE tenant_id = $1 AND id = $2 AND sealed_tokens IS NOT NULL";
        let arguments = arguments![tenant.id().as_str(), id.as_str()];
        let rows = self.inner.database.read(&scope(tenant), sql, arguments).await?;
        let row = rows.first().ok_or(StoreError::NotFound)?;
        let version = row.integer("token_version")?;
        let sealed = row.bytes("sealed_tokens")?;
        let (tokens, grant) = open_tokens(&self.inner.sealer, tenant.id(), id, version, &sealed).await?;
        Ok(Arc::new(VersionedTokens {
            tokens,
            version,
            grant,
            instance_url: row.optional_text("instance_url")?,
            access_expires_at_ms: row.optional_integer("access_expires_at_ms")?,
            saved_at_ms: row.integer("tokens_saved_at_ms")?,
            learned_lifetime_ms: row.optional_integer("learned_lifetime_ms")?,
        }))
    }
}
