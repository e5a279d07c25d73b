//! Who holds the master keys: the configuration, or a service elsewhere that never gives them away.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use model::{Random, Secret};
use zeroize::Zeroizing;

use crate::StoreError;
use crate::sealing::{KEY_BYTES, decrypt, encrypt};

/// Longest id: it stands in everything the key wraps, with its length in one byte.
pub(crate) const KEY_ID_MAX_BYTES: usize = 32;

/// A master key of the configuration.
#[derive(Debug, Clone)]
pub struct MasterKey {
    /// Its name, written into everything it wraps: 1 to 32 letters, digits, `-` or `_`. Never given to another key.
    pub id: String,
    /// 32 bytes as hex, base64 or base64url.
    pub key: Secret,
}

/// Why a key was not wrapped or unwrapped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyServiceError {
    /// No such key, or the bytes were not wrapped by it to this place. Retrying does not help.
    #[error("refused")]
    Refused,
    /// The service did not answer. Retrying helps. The text must hold no key.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

/// What a key service answers, some time.
pub type KeyFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Zeroizing<Vec<u8>>, KeyServiceError>> + Send + 'a>>;

/// Wraps and unwraps data keys with keys that may never leave it.
///
/// It is asked once for each data key that a node meets (32 bytes), never for a record. [`MasterKeys`] is the one that
/// keeps its keys in memory; an external service needs no more than these three methods.
pub trait KeyService: Send + Sync {
    /// The ids of the keys that it can use, at least one. The first wraps; all unwrap. Each is 1 to 32 letters, digits,
    /// `-` or `_`.
    fn ids(&self) -> &[String];

    /// Wraps `plain` by the key `id`, bound to `associated`: it must unwrap with the same `associated` only.
    fn wrap<'a>(&'a self, id: &'a str, plain: &'a [u8], associated: &'a [u8]) -> KeyFuture<'a>;

    /// Unwraps what [`KeyService::wrap`] made by the same key and `associated`.
    fn unwrap<'a>(&'a self, id: &'a str, wrapped: &'a [u8], associated: &'a [u8]) -> KeyFuture<'a>;
}

/// Whether a text can be a key's id.
pub(crate) fn is_key_id(id: &str) -> bool {
    (1..=KEY_ID_MAX_BYTES).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn decode_key(text: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let text = text.trim();
    let mut key = Zeroizing::new([0_u8; KEY_BYTES]);
    if text.len() == 2 * KEY_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        return Some(key);
    }
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let decoded = [alphabet::URL_SAFE, alphabet::STANDARD]
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, config).decode(text).ok())
        .map(Zeroizing::new)?;
    if decoded.len() != KEY_BYTES {
        return None;
    }
    key.copy_from_slice(&decoded);
    Some(key)
}

/// The master keys of the configuration, in memory.
pub struct MasterKeys {
    ids: Vec<String>,
    keys: Vec<Zeroizing<[u8; KEY_BYTES]>>,
    random: Arc<dyn Random>,
}

impl std::fmt::Debug for MasterKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(&self.ids).finish()
    }
}

impl MasterKeys {
    /// Takes the keys; none, a malformed one, or two of one name are refused.
    pub fn new(master_keys: &[MasterKey], random: Arc<dyn Random>) -> Result<Self, StoreError> {
        let mut ids: Vec<String> = Vec::with_capacity(master_keys.len());
        let mut keys = Vec::with_capacity(master_keys.len());
        for MasterKey { id, key } in master_keys {
            if !is_key_id(id) || ids.contains(id) {
                return Err(StoreError::configuration(format!(
                    "master_keys: the id of each key must be its own, 1 to {KEY_ID_MAX_BYTES} letters, digits, - or _"
                )));
            }
            keys.push(decode_key(key.expose()).ok_or_else(|| {
                StoreError::configuration(format!(
                    "master_keys: key `{id}` must be {KEY_BYTES} bytes as hex, base64 or base64url"
                ))
            })?);
            ids.push(id.clone());
        }
        if ids.is_empty() {
            return Err(StoreError::configuration(
                "master_keys is empty: tokens are never stored unsealed; give at least one key of 32 bytes",
            ));
        }
        Ok(Self { ids, keys, random })
    }

    fn key(&self, id: &str) -> Result<&[u8; KEY_BYTES], KeyServiceError> {
        let named = self.ids.iter().zip(&self.keys).find(|(own, _)| *own == id);
        named.map(|(_, key)| &**key).ok_or(KeyServiceError::Refused)
    }
}

impl KeyService for MasterKeys {
    fn ids(&self) -> &[String] {
        &self.ids
    }

    fn wrap<'a>(&'a self, id: &'a str, plain: &'a [u8], associated: &'a [u8]) -> KeyFuture<'a> {
        let wrapped = self
            .key(id)
            .map(|key| Zeroizing::new(encrypt(key, plain, associated, &*self.random)));
        Box::pin(std::future::ready(wrapped))
    }

    fn unwrap<'a>(&'a self, id: &'a str, wrapped: &'a [u8], associated: &'a [u8]) -> KeyFuture<'a> {
        let plain = self
            .key(id)
            .and_then(|key| decrypt(key, wrapped, associated).ok_or(KeyServiceError::Refused));
        Box::pin(std::future::ready(plain))
    }
}
