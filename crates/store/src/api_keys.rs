//! API keys: `cw_live_<8>_<43><6>`, all base 62.
//!
//! Eight characters name the key in lists and logs, 43 are its 256 random bits, six are the CRC-32 of all before them:
//! a mistyped or invented key costs no look-up, and a scanner finds a leaked one. Stored is SHA-256: 256 random bits
//! need no slow hash.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::{ApiKeyId, Random, Secret, TenantId};
use subtle::ConstantTimeEq as _;

use crate::changes::Topic;
use crate::checks::{check_text, read_list, write_list};
use crate::database::{Database, DatabaseError, Row, Scope, arguments};
use crate::store::hash;
use crate::tenants::NAME_MAX_CHARS;
use crate::{
    ApiKeyRecord, AuthenticationError, Caller, NewApiKey, Operator, Store, StoreError, Tenant, TenantCaller,
};

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LIVE: &str = "cw_live_";
const TEST: &str = "cw_test_";
const PUBLIC_CHARS: usize = 8;
const SECRET_CHARS: usize = 43;
const CHECKSUM_CHARS: usize = 6;
/// Longer texts are not looked at.
const PRESENTED_MAX_BYTES: usize = 1_024;
const SCOPES_MAX: usize = 100;
/// How often a key's last use is written.
const LAST_USE_INTERVAL_MS: i64 = 60_000;

macro_rules! columns {
    () => {
        "id, prefix, name, scopes, created_at_ms, expires_at_ms, revoked_at_ms, last_used_at_ms"
    };
}

/// What a key looks like before it is looked up.
struct Parsed<'a> {
    public_id: &'a str,
}

fn random_digits(random: &dyn Random, count: usize) -> String {
    let mut text = String::with_capacity(count);
    while text.len() < count {
        for byte in random.bytes_32() {
            // 248 = 4 × 62: above it, digits would not be equally likely.
            if byte < 248 && text.len() < count {
                text.push(char::from(DIGITS[usize::from(byte % 62)]));
            }
        }
    }
    text
}

fn checksum(text: &str) -> String {
    let mut number = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

fn parse(presented: &str) -> Option<Parsed<'_>> {
    let rest = presented
        .strip_prefix(LIVE)
        .or_else(|| presented.strip_prefix(TEST))?;
    let (public_id, secret) = rest.split_once('_')?;
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_shaped = public_id.len() == PUBLIC_CHARS
        && secret.len() == SECRET_CHARS + CHECKSUM_CHARS
        && is_digits(public_id)
        && is_digits(secret);
    if !is_shaped {
        return None;
    }
    let (body, check) = presented.split_at(presented.len() - CHECKSUM_CHARS);
    (checksum(body) == check).then_some(Parsed { public_id })
}

/// A key as the cache keeps it.
pub(crate) struct CachedKey {
    hash: [u8; 32],
    caller: TenantCaller,
    expires_at_ms: Option<i64>,
    use_noted_at_ms: AtomicI64,
}

/// Uses of keys that are not yet written.
#[derive(Default)]
pub(crate) struct LastUses(Mutex<BTreeMap<String, i64>>);

impl LastUses {
    fn note(&self, key: &CachedKey, now_ms: i64) {
        let noted_at_ms = key.use_noted_at_ms.load(Ordering::Relaxed);
        if now_ms.saturating_sub(noted_at_ms) < LAST_USE_INTERVAL_MS {
            return;
        }
        key.use_noted_at_ms.store(now_ms, Ordering::Relaxed);
        let id = key.caller.key_id.as_str().to_owned();
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, now_ms);
    }

    /// Writes the uses noted so far. One that cannot be written is forgotten: the next use is noted again.
    pub(crate) async fn write(&self, database: &Database) {
        let noted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let sql = "UPDATE api_keys SET last_used_at_ms = $2 \
                   WHERE id = $1 AND (last_used_at_ms IS NULL OR last_used_at_ms < $2)";
        for (id, used_at_ms) in noted {
            if database
                .write(&Scope::Operator, sql, arguments![id, used_at_ms])
                .await
                .is_err()
            {
                metrics::counter!("crosswalk_key_use_lost_total").increment(1);
            }
        }
    }

    pub(crate) async fn write_regularly(self: Arc<Self>, database: Database) {
        loop {
            tokio::time::sleep(Duration::from_secs(15)).await;
            self.write(&database).await;
        }
    }
}

fn read(row: &Row) -> Result<ApiKeyRecord, StoreError> {
    Ok(ApiKeyRecord {
        id: ApiKeyId::parse(&row.text("id")?).map_err(|_| StoreError::Corrupt { what: "key" })?,
        prefix: row.text("prefix")?,
        name: row.text("name")?,
        scopes: read_list(&row.text("scopes")?)?,
        created_at_ms: row.integer("created_at_ms")?,
        expires_at_ms: row.optional_integer("expires_at_ms")?,
        revoked_at_ms: row.optional_integer("revoked_at_ms")?,
        last_used_at_ms: row.optional_integer("last_used_at_ms")?,
    })
}

fn read_cached(row: &Row) -> Result<CachedKey, StoreError> {
    let corrupt = || StoreError::Corrupt { what: "key" };
    let caller = TenantCaller {
        tenant: Tenant::new(TenantId::parse(&row.text("tenant_id")?).map_err(|_| corrupt())?),
        key_id: ApiKeyId::parse(&row.text("id")?).map_err(|_| corrupt())?,
        scopes: read_list(&row.text("scopes")?)?,
    };
    Ok(CachedKey {
        hash: row.bytes("secret_hash")?.try_into().map_err(|_| corrupt())?,
        caller,
        expires_at_ms: row.optional_integer("expires_at_ms")?,
        use_noted_at_ms: AtomicI64::new(0),
    })
}

impl Store {
    /// Tells who presents a key.
    ///
    /// One answer for a key that is malformed, unknown, expired or revoked. A valid key is remembered; forgetting it
    /// when it is revoked is exact on this node, and see the `changes` module for the others.
    pub async fn authenticate(&self, presented: &str) -> Result<Caller, AuthenticationError> {
        if presented.len() > PRESENTED_MAX_BYTES {
            return Err(AuthenticationError::Unknown);
        }
        let presented_hash = hash(presented);
        if self.is_operators(&presented_hash) {
            return Ok(Caller::Operator(Operator::new()));
        }
        let public_id = parse(presented).ok_or(AuthenticationError::Unknown)?.public_id;
        let key = match self.key(public_id).await {
            Ok(key) => key,
            Err(StoreError::NotFound) => return Err(AuthenticationError::Unknown),
            Err(error) => return Err(AuthenticationError::Unavailable(error)),
        };
        let now_ms = self.inner.clock.now_ms();
        let is_expired = key
            .expires_at_ms
            .is_some_and(|expires_at_ms| expires_at_ms <= now_ms);
        if !bool::from(key.hash.ct_eq(&presented_hash)) || is_expired {
            return Err(AuthenticationError::Unknown);
        }
        self.inner.last_uses.note(&key, now_ms);
        Ok(Caller::Tenant(key.caller.clone()))
    }

    /// Whether this node knows, without asking anybody, that the key was good when last seen. [`Store::authenticate`]
    /// tells whether it still is.
    pub fn remembers_key(&self, presented: &str) -> bool {
        if presented.len() > PRESENTED_MAX_BYTES {
            return false;
        }
        let presented_hash = hash(presented);
        let remembered = || self.inner.keys.peek(parse(presented)?.public_id);
        self.is_operators(&presented_hash)
            || remembered().is_some_and(|key| bool::from(key.hash.ct_eq(&presented_hash)))
    }

    fn is_operators(&self, presented_hash: &[u8; 32]) -> bool {
        let operator = self.inner.operator_key_hash.as_ref();
        operator.is_some_and(|hash| bool::from(hash.ct_eq(presented_hash)))
    }

    async fn key(&self, public_id: &str) -> Result<Arc<CachedKey>, StoreError> {
        let load = || async {
            let sql = "SELECT id, tenant_id, secret_hash, scopes, expires_at_ms FROM api_keys \
                       WHERE public_id = $1 AND revoked_at_ms IS NULL";
            let rows = self
                .inner
                .database
                .read(&Scope::Operator, sql, arguments![public_id])
                .await?;
            rows.first()
                .map_or(Err(StoreError::NotFound), read_cached)
                .map(Arc::new)
        };
        self.inner
            .keys
            .get(public_id, &[Topic::Key(public_id.to_owned())], load)
            .await
    }

    /// Creates a key of a tenant. The secret is in this answer and nowhere else.
    pub async fn create_api_key(
        &self,
        _: &Operator,
        tenant: &TenantId,
        new: NewApiKey,
    ) -> Result<(ApiKeyRecord, Secret), StoreError> {
        check_text("name", &new.name, NAME_MAX_CHARS)?;
        if new.scopes.len() > SCOPES_MAX {
            return Err(StoreError::invalid(format!(
                "scopes: expected at most {SCOPES_MAX}"
            )));
        }
        for scope in &new.scopes {
            check_text("scopes", scope, NAME_MAX_CHARS)?;
        }
        let random = &*self.inner.random;
        let id = ApiKeyId::generate(random);
        let public_id = random_digits(random, PUBLIC_CHARS);
        let prefix = format!("{}{public_id}", if new.test { TEST } else { LIVE });
        let body = format!("{prefix}_{}", random_digits(random, SECRET_CHARS));
        let secret = Secret::new(format!("{body}{}", checksum(&body)));
        let sql = concat!(
            "INSERT INTO api_keys \
             (id, tenant_id, public_id, prefix, secret_hash, name, scopes, created_at_ms, expires_at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, {now_ms}, $8) RETURNING ",
            columns!()
        );
        let arguments = arguments![
            id.as_str(),
            tenant.as_str(),
            public_id,
            prefix,
            hash(secret.expose()),
            new.name,
            write_list(&new.scopes)?,
            new.expires_at_ms,
        ];
        let database = self.inner.database.clone();
        let rows = self
            .detached(Vec::new(), async move {
                database.write(&Scope::Operator, sql, arguments).await
            })
            .await?;
        Ok((rows.first().map_or(Err(StoreError::NotFound), read)?, secret))
    }

    /// Creates a successor of a key, with its name, scopes and end, and lets the key itself end in `grace_ms` at the latest.
    pub async fn rotate_api_key(
        &self,
        operator: &Operator,
        tenant: &TenantId,
        key: &ApiKeyId,
        grace_ms: u64,
    ) -> Result<(ApiKeyRecord, Secret), StoreError> {
        let find = concat!(
            "SELECT public_id, ",
            columns!(),
            " FROM api_keys WHERE tenant_id = $1 AND id = $2 AND revoked_at_ms IS NULL \
             AND (expires_at_ms IS NULL OR expires_at_ms > {now_ms})"
        );
        let database = self.inner.database.clone();
        let named = arguments![tenant.as_str(), key.as_str()];
        let rows = database.read(&Scope::Operator, find, named.clone()).await?;
        let Some(row) = rows.first() else {
            let known = "SELECT id FROM api_keys WHERE tenant_id = $1 AND id = $2";
            let rows = database.read(&Scope::Operator, known, named).await?;
            rows.first().ok_or(StoreError::NotFound)?;
            return Err(StoreError::conflict(
                "the key is revoked or expired: create a new one instead of rotating it",
            ));
        };
        let (public_id, old) = (row.text("public_id")?, read(row)?);
        let new = NewApiKey {
            name: old.name,
            test: old.prefix.starts_with(TEST),
            scopes: old.scopes,
            expires_at_ms: old.expires_at_ms,
        };
        // The successor first: should the second statement fail, the tenant has a key too many, not one too few.
        let made = self.create_api_key(operator, tenant, new).await?;
        let sql = "UPDATE api_keys SET expires_at_ms = {now_ms} + $3 WHERE tenant_id = $1 AND id = $2 \
                   AND (expires_at_ms IS NULL OR expires_at_ms > {now_ms} + $3) RETURNING id";
        let grace_ms = i64::try_from(grace_ms).unwrap_or(i64::MAX / 2);
        let arguments = arguments![tenant.as_str(), key.as_str(), grace_ms];
        let end = async move { database.write(&Scope::Operator, sql, arguments).await.map(|_| ()) };
        self.detached::<(), DatabaseError>(vec![Topic::Key(public_id)], end)
            .await?;
        Ok(made)
    }

    /// The keys of a tenant, by id, revoked ones too.
    pub async fn list_api_keys(
        &self,
        _: &Operator,
        tenant: &TenantId,
    ) -> Result<Vec<ApiKeyRecord>, StoreError> {
        let known = "SELECT id FROM tenants WHERE id = $1";
        let database = &self.inner.database;
        if database
            .read(&Scope::Operator, known, arguments![tenant.as_str()])
            .await?
            .is_empty()
        {
            return Err(StoreError::NotFound);
        }
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM api_keys WHERE tenant_id = $1 ORDER BY id"
        );
        database
            .read(&Scope::Operator, sql, arguments![tenant.as_str()])
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// Ends a key. Ending it twice is the same as once.
    pub async fn revoke_api_key(
        &self,
        _: &Operator,
        tenant: &TenantId,
        key: &ApiKeyId,
    ) -> Result<(), StoreError> {
        let find = "SELECT public_id FROM api_keys WHERE tenant_id = $1 AND id = $2";
        let arguments = arguments![tenant.as_str(), key.as_str()];
        let database = self.inner.database.clone();
        let rows = database.read(&Scope::Operator, find, arguments.clone()).await?;
        let public_id = rows
            .first()
            .map_or(Err(StoreError::NotFound), |row| row.text("public_id"))?;
        let sql = "UPDATE api_keys SET revoked_at_ms = COALESCE(revoked_at_ms, {now_ms}) \
                   WHERE tenant_id = $1 AND id = $2";
        let change = async move { database.write(&Scope::Operator, sql, arguments).await.map(|_| ()) };
        self.detached::<(), DatabaseError>(vec![Topic::Key(public_id)], change)
            .await
    }
}

#[cfg(test)]
mod tests;
