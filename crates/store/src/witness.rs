//! A witness outside of the database: which refresh token of a connection came last.
//!
//! A restored backup brings back refresh tokens that were rotated since, and presenting one ends the customer's grant. So
//! each time a refresh token is saved, the witness is told its version and its fingerprint (eight bytes of a SHA-256, of no
//! use to anybody else). A row that is behind its witness and holds another token is suspect; one that is behind and holds the
//! same token is not: that provider does not rotate.
//!
//! The witness is Redis (hash `cw:witness`), and with SQLite also a file in the data directory (`witness`), told after the
//! commit: it may lag behind the database, and never leads. One that was lost says nothing.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use model::{ConnectionId, Secret};
use sha2::{Digest as _, Sha256};

use crate::StoreError;
use crate::redis_link::RedisLink;
use crate::store::hex;

const REDIS_KEY: &str = "cw:witness";
const FILE: &str = "witness";
const FINGERPRINT_BYTES: usize = 8;
/// Lines of the file beyond those in use, at most, before it is written anew.
const STALE_LINES_MAX: usize = 10_000;

/// What came last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) version: i64,
    fingerprint: String,
}

impl Seen {
    pub(crate) fn new(id: &ConnectionId, version: i64, refresh_token: &Secret) -> Self {
        Self {
            version,
            fingerprint: fingerprint(id, refresh_token),
        }
    }

    fn text(&self) -> String {
        format!("{} {}", self.version, self.fingerprint)
    }

    fn parse(text: &str) -> Option<Self> {
        let (version, fingerprint) = text.split_once(' ')?;
        if fingerprint.len() != 2 * FINGERPRINT_BYTES {
            return None;
        }
        Some(Self {
            version: version.parse().ok()?,
            fingerprint: fingerprint.to_owned(),
        })
    }

    /// Whether a row of this version, holding this token, is from before what was seen.
    pub(crate) fn outdates(&self, id: &ConnectionId, version: i64, refresh_token: &Secret) -> bool {
        self.version > version && self.fingerprint != fingerprint(id, refresh_token)
    }
}

fn fingerprint(id: &ConnectionId, refresh_token: &Secret) -> String {
    let mut digest = Sha256::new();
    digest.update(b"cw-witness\0");
    digest.update(id.as_str());
    digest.update(b"\0");
    digest.update(refresh_token.expose());
    let digest: [u8; 32] = digest.finalize().into();
    hex(digest.get(..FINGERPRINT_BYTES).unwrap_or_default())
}

/// The file, and what it says.
struct Book {
    seen: HashMap<String, Seen>,
    file: std::fs::File,
    lines: usize,
}

/// Remembers which refresh token came last.
pub(crate) struct Witness {
    redis: Option<Arc<RedisLink>>,
    book: Option<Mutex<Book>>,
    path: Option<std::path::PathBuf>,
}

fn unusable(error: &std::io::Error) -> StoreError {
    StoreError::unavailable("data directory", error.kind().to_string())
}

fn create(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Writes the file anew, as short as it can be, and leaves it open for more lines.
fn rewrite(path: &Path, seen: &HashMap<String, Seen>) -> std::io::Result<std::fs::File> {
    let unfinished = path.with_extension("unfinished");
    let mut file = create(&unfinished)?;
    let mut text = String::new();
    for (id, seen) in seen {
        text.extend([id, " ", &seen.text(), "\n"]);
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    Ok(file)
}

impl Witness {
    /// `dir`: where the file lies, when this process alone writes the database. In a database of several nodes a file of one
    /// would not hear of the others' saves.
    pub(crate) fn open(redis: Option<Arc<RedisLink>>, dir: Option<&Path>) -> Result<Self, StoreError> {
        let path = dir.map(|dir| dir.join(FILE));
        let book = path.as_deref().map(|path| {
            let text = match std::fs::read_to_string(path) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
                Err(error) => return Err(unusable(&error)),
            };
            let mut seen = HashMap::new();
            // A line that was cut off by a crash says nothing.
            for (id, rest) in text.lines().filter_map(|line| line.split_once(' ')) {
                match Seen::parse(rest) {
                    Some(last) => seen.insert(id.to_owned(), last),
                    None => seen.remove(id),
                };
            }
            let file = rewrite(path, &seen).map_err(|error| unusable(&error))?;
            let lines = seen.len();
            Ok(Mutex::new(Book { seen, file, lines }))
        });
        Ok(Self {
            redis,
            book: book.transpose()?,
            path,
        })
    }

    /// Whether there is anything to ask.
    pub(crate) const fn is_there(&self) -> bool {
        self.redis.is_some() || self.book.is_some()
    }

    /// Takes note of a token that follows those before it.
    pub(crate) async fn follow(&self, id: &ConnectionId, seen: &Seen) {
        const FOLLOW: &str = "local old = redis.call('HGET', KEYS[1], ARGV[1]) \
                              if old and tonumber(string.match(old, '^%d+')) > tonumber(ARGV[2]) then return 0 end \
                              redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3]) return 1";
        if let Some(redis) = &self.redis {
            let mut command = redis::cmd("EVAL");
            command.arg(FOLLOW).arg(1).arg(REDIS_KEY).arg(id.as_str());
            command.arg(seen.version).arg(&seen.fingerprint);
            // A witness that cannot be told lags behind, no more.
            let _told = redis.run::<i64>(&command).await;
        }
        let is_older =
            |book: &Book| matches!(book.seen.get(id.as_str()), Some(old) if old.version > seen.version);
        self.write(id, Some(seen), is_older);
    }

    /// Takes note of a token that begins anew, whatever came before: a new grant; or that there is none.
    pub(crate) async fn begin(&self, id: &ConnectionId, seen: Option<&Seen>) {
        if let Some(redis) = &self.redis {
            let mut command = redis::cmd(if seen.is_some() { "HSET" } else { "HDEL" });
            command.arg(REDIS_KEY).arg(id.as_str());
            if let Some(seen) = seen {
                command.arg(seen.text());
            }
            let _told = redis.run::<i64>(&command).await;
        }
        self.write(id, seen, |_| false);
    }

    fn write(&self, id: &ConnectionId, seen: Option<&Seen>, is_older: impl Fn(&Book) -> bool) {
        let (Some(book), Some(path)) = (&self.book, &self.path) else {
            return;
        };
        let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
        if is_older(&book) {
            return;
        }
        match seen {
            Some(seen) => book.seen.insert(id.as_str().to_owned(), seen.clone()),
            None => book.seen.remove(id.as_str()),
        };
        book.lines += 1;
        let line = match seen {
            Some(seen) => format!("{id} {}\n", seen.text()),
            None => format!("{id} -\n"),
        };
        let written = if book.lines > book.seen.len() + STALE_LINES_MAX {
            rewrite(path, &book.seen).map(|file| {
                book.file = file;
                book.lines = book.seen.len();
            })
        } else {
            // One write: a process that is killed leaves whole lines.
            book.file.write_all(line.as_bytes())
        };
        if let Err(error) = written {
            tracing::warn!(kind = %error.kind(), "the witness of refresh tokens could not be written");
        }
    }

    /// What came last for these connections, each in its place; the later of what file and Redis say.
    pub(crate) async fn seen(&self, ids: &[ConnectionId]) -> Vec<Option<Seen>> {
        let mut found: Vec<Option<Seen>> = vec![None; ids.len()];
        if let Some(book) = &self.book {
            let book = book.lock().unwrap_or_else(PoisonError::into_inner);
            for (found, id) in found.iter_mut().zip(ids) {
                *found = book.seen.get(id.as_str()).cloned();
            }
        }
        let Some(redis) = self.redis.as_ref().filter(|_| !ids.is_empty()) else {
            return found;
        };
        let mut command = redis::cmd("HMGET");
        command.arg(REDIS_KEY);
        for id in ids {
            command.arg(id.as_str());
        }
        let texts = redis
            .run::<Vec<Option<String>>>(&command)
            .await
            .unwrap_or_default();
        for (found, text) in found.iter_mut().zip(texts) {
            let said = text.as_deref().and_then(Seen::parse);
            if said.as_ref().map(|seen| seen.version) > found.as_ref().map(|seen| seen.version) {
                *found = said;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests;
