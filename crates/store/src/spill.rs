//! Where refreshed tokens wait while the database does not take them.
//!
//! A rotated refresh token exists once: if it is lost, the customer must authorize again. So it is put, sealed, into
//! an fsynced file of this node (`<data_dir>/rotated/<tenant>.<connection>.<version>.<fence>`) and into Redis
//! (`cw:{<connection>}:rotated`, 24 h), whichever there are, and applied by the same conditional UPDATE as any other
//! save: when the store opens, and before anybody claims a refresh of that connection.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use model::{ConnectionId, Secret, TenantId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::refresh::Right;
use crate::sealing::Place;
use crate::{Refreshed, SaveOutcome, Store, StoreError, Tenant, Tokens};

const REDIS_TTL_S: u64 = 86_400;
/// The connections that have something waiting in Redis.
const REDIS_INDEX: &str = "cw:rotated";

/// Refreshed tokens as they are sealed.
#[derive(Serialize)]
struct ToSeal<'a> {
    access_token: &'a str,
    refresh_token: Option<&'a str>,
    instance_url: Option<&'a str>,
    scopes: Option<&'a [String]>,
    access_expires_at_ms: Option<i64>,
}

/// The same, read.
#[derive(Deserialize)]
struct Opened {
    access_token: Secret,
    refresh_token: Option<Secret>,
    instance_url: Option<String>,
    scopes: Option<Vec<String>>,
    access_expires_at_ms: Option<i64>,
}

/// Whose tokens wait, and by which claim they were won.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Label {
    tenant: TenantId,
    connection: ConnectionId,
    version: i64,
    fence: i64,
}

impl Label {
    fn text(&self) -> String {
        format!(
            "{}.{}.{}.{}",
            self.tenant, self.connection, self.version, self.fence
        )
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let label = Self {
            tenant: TenantId::parse(parts.next()?).ok()?,
            connection: ConnectionId::parse(parts.next()?).ok()?,
            version: parts.next()?.parse().ok()?,
            fence: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(label)
    }

    fn place(&self) -> Place<'_> {
        Place {
            table: "rotated",
            column: "tokens",
            tenant: self.tenant.as_str(),
            row: self.connection.as_str(),
            version: self.version,
        }
    }
}

fn redis_key(connection: &ConnectionId) -> String {
    format!("cw:{{{connection}}}:rotated")
}

fn dir_failed(error: &std::io::Error) -> StoreError {
    StoreError::unavailable("data directory", error.kind().to_string())
}

/// Writes a file so that after this it is there whole, also after a power cut.
fn write_durably(dir: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let unfinished = dir.join(format!("{name}.unfinished"));
    let mut options = std::fs::File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, dir.join(name))?;
    std::fs::File::open(dir)?.sync_all()
}

/// Spilled files, those of one connection if one is named.
fn list(dir: &Path, connection: Option<&ConnectionId>) -> std::io::Result<Vec<(Label, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let label = entry.file_name().to_str().and_then(Label::parse);
        if let Some(label) = label.filter(|label| connection.is_none_or(|one| label.connection == *one)) {
            found.push((label, entry.path()));
        }
    }
    Ok(found)
}

/// A file that is gone was taken by another recovery of this process, which is as good.
fn unless_gone<T>(outcome: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(|error| dir_failed(&error)),
        Err(_) => Err(StoreError::unavailable("data directory", "the work was stopped")),
    }
}

impl Store {
    /// Keeps refreshed tokens that the database did not take, to be applied later. Succeeds if at least one place
    /// (data directory, Redis) has them.
    pub async fn spill_refreshed(
        &self,
        tenant: &Tenant,
        id: &ConnectionId,
        version: i64,
        fence: i64,
        refreshed: &Refreshed,
    ) -> Result<(), StoreError> {
        let label = Label {
            tenant: tenant.id().clone(),
            connection: id.clone(),
            version,
            fence,
        };
        let plain = ToSeal {
            access_token: refreshed.tokens.access_token.expose(),
            refresh_token: refreshed.tokens.refresh_token.as_ref().map(Secret::expose),
            instance_url: refreshed.instance_url.as_deref(),
            scopes: refreshed.scopes.as_deref(),
            access_expires_at_ms: refreshed.access_expires_at_ms,
        };
        let plain = serde_json::to_vec(&plain)
            .map(Zeroizing::new)
            .map_err(|_| StoreError::invalid("tokens"))?;
        let sealed = self.inner.sealer.seal(&label.place(), &plain).await?;
        let mut outcome = Err(StoreError::unavailable(
            "data directory",
            "neither data_dir nor redis_url is configured",
        ));
        if let Some(dir) = self.inner.spill_dir.clone() {
            let (name, sealed) = (label.text(), sealed.clone());
            outcome = blocking(move || write_durably(&dir, &name, &sealed)).await;
        }
        let in_redis = self.spill_to_redis(&label, &sealed).await;
        metrics::counter!("crosswalk_token_spills_total").increment(1);
        if matches!(in_redis, Some(Ok(()))) {
            Ok(())
        } else {
            outcome
        }
    }

    async fn spill_to_redis(&self, label: &Label, sealed: &[u8]) -> Option<Result<(), StoreError>> {
        let redis = self.inner.redis.as_ref()?;
        let mut value = label.text().into_bytes();
        value.push(b'\n');
        value.extend_from_slice(sealed);
        let mut set = redis::cmd("SET");
        set.arg(redis_key(&label.connection))
            .arg(value)
            .arg("EX")
            .arg(REDIS_TTL_S);
        let mut index = redis::cmd("SADD");
        index.arg(REDIS_INDEX).arg(label.connection.as_str());
        if let Err(error) = redis.run::<()>(&set).await {
            return Some(Err(error));
        }
        // Without the index the tokens are still found before the next claim of this connection.
        Some(redis.run::<i64>(&index).await.map(|_| ()).or(Ok(())))
    }

    /// Applies all tokens that wait on this node or in Redis; answers how many were applied. What cannot be opened or
    /// reached stays where it is.
    pub async fn recover_spilled(&self) -> Result<usize, StoreError> {
        let mut applied = self.recover_files(None).await?;
        let Some(redis) = &self.inner.redis else {
            return Ok(applied);
        };
        let waiting = redis
            .run::<Vec<String>>(redis::cmd("SMEMBERS").arg(REDIS_INDEX))
            .await
            .unwrap_or_default();
        for connection in waiting.iter().filter_map(|text| ConnectionId::parse(text).ok()) {
            applied += self.recover_from_redis(&connection).await?;
        }
        Ok(applied)
    }

    /// Applies what waits for one connection of this tenant.
    pub(crate) async fn recover_spilled_of(
        &self,
        _: &TenantId,
        connection: &ConnectionId,
    ) -> Result<(), StoreError> {
        self.recover_files(Some(connection)).await?;
        self.recover_from_redis(connection).await?;
        Ok(())
    }

    async fn recover_files(&self, connection: Option<&ConnectionId>) -> Result<usize, StoreError> {
        let Some(dir) = self.inner.spill_dir.clone() else {
            return Ok(0);
        };
        let connection = connection.cloned();
        let found = blocking(move || list(&dir, connection.as_ref())).await?;
        let mut applied = 0;
        for (label, path) in found {
            let file = path.clone();
            let Some(sealed) = blocking(move || unless_gone(std::fs::read(file))).await? else {
                continue;
            };
            let Some(was_applied) = self.recover(&label, &sealed).await? else {
                continue;
            };
            applied += usize::from(was_applied);
            blocking(move || unless_gone(std::fs::remove_file(path))).await?;
        }
        Ok(applied)
    }

    async fn recover_from_redis(&self, connection: &ConnectionId) -> Result<usize, StoreError> {
        let Some(redis) = &self.inner.redis else {
            return Ok(0);
        };
        let key = redis_key(connection);
        // A Redis that does not answer must not keep the database from granting claims.
        let Ok(found) = redis.run::<Option<Vec<u8>>>(redis::cmd("GET").arg(&key)).await else {
            return Ok(0);
        };
        let Some(value) = found else { return Ok(0) };
        let split = value
            .iter()
            .position(|byte| *byte == b'\n')
            .map(|end| value.split_at(end));
        let label = split.and_then(|(label, _)| Label::parse(std::str::from_utf8(label).ok()?));
        let (Some(label), Some((_, sealed))) = (label, split) else {
            return Ok(0);
        };
        if label.connection != *connection {
            return Ok(0);
        }
        let Some(was_applied) = self.recover(&label, sealed.get(1..).unwrap_or_default()).await? else {
            return Ok(0);
        };
        // What cannot be removed now is found superseded next time.
        let removed = redis.delete_if_equal(&key, &value).await;
        if removed.is_ok() {
            let _left_in_index = redis
                .run::<i64>(redis::cmd("SREM").arg(REDIS_INDEX).arg(connection.as_str()))
                .await;
        }
        Ok(usize::from(was_applied))
    }

    /// Applies what waited; answers whether it was applied, or nothing if it must go on waiting.
    async fn recover(&self, label: &Label, sealed: &[u8]) -> Result<Option<bool>, StoreError> {
        let plain = self
            .inner
            .sealer
            .open("rotated token", &label.place(), sealed)
            .await;
        // A database that is away says nothing about the token.
        if let Err(error) = &plain
            && error.is_retryable()
        {
            return Err(error.clone());
        }
        let Some(opened) = plain
            .ok()
            .and_then(|plain| serde_json::from_slice::<Opened>(&plain).ok())
        else {
            tracing::error!(connection = %label.connection, "a waiting token does not open: is its key configured?");
            return Ok(None);
        };
        let refreshed = Refreshed {
            tokens: Tokens {
                access_token: opened.access_token,
                refresh_token: opened.refresh_token,
            },
            instance_url: opened.instance_url,
            scopes: opened.scopes,
            access_expires_at_ms: opened.access_expires_at_ms,
            was_refused: false,
        };
        let Label {
            tenant,
            connection,
            version,
            fence,
        } = label;
        match self
            .apply_refreshed(tenant, connection, *version, *fence, &refreshed, Right::Recovery)
            .await
        {
            Ok(SaveOutcome::Saved { .. }) => {
                metrics::counter!("crosswalk_token_spills_recovered_total").increment(1);
                Ok(Some(true))
            }
            Ok(SaveOutcome::Superseded) => self
                .is_still_wanted(label)
                .await
                .map(|wanted| (!wanted).then_some(false)),
            // The connection was deleted.
            Err(StoreError::NotFound) => Ok(Some(false)),
            Err(error) => Err(error),
        }
    }

    /// Whether the row is still of the version that the waiting tokens replace: then another claim is running, and
    /// they wait for its end.
    async fn is_still_wanted(&self, label: &Label) -> Result<bool, StoreError> {
        let tenant = Tenant::new(label.tenant.clone());
        match self.tokens_fresh(&tenant, &label.connection).await {
            Ok(now) => Ok(now.version == label.version),
            Err(StoreError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
