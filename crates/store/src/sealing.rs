//! Sealing: what must not be read or moved by whoever can read or write the database.
//!
//! A sealed thing is `version | algorithm | key id | nonce | ciphertext and tag`, XChaCha20-Poly1305 with a random
//! 192-bit nonce. Its place (table, column, tenant, row, version of the row) is authenticated with it, each part with
//! its length before it so that no two places share an encoding: moved anywhere else, it does not open.

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use model::{Random, Secret};
use zeroize::Zeroizing;

use crate::StoreError;

const FORMAT_VERSION: u8 = 1;
const XCHACHA20_POLY1305: u8 = 1;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
const KEY_ID_MAX_BYTES: usize = 32;

/// A key that seals, or sealed once.
#[derive(Debug, Clone)]
pub struct MasterKey {
    /// Its name, written into everything it seals: 1 to 32 letters, digits, `-` or `_`.
    pub id: String,
    /// 32 bytes as hex, base64 or base64url.
    pub key: Secret,
}

/// Where a sealed thing belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'a str,
    pub(crate) column: &'a str,
    pub(crate) tenant: &'a str,
    pub(crate) row: &'a str,
    pub(crate) version: i64,
}

impl Place<'_> {
    fn associated_data(&self) -> Vec<u8> {
        let version = self.version.to_be_bytes();
        let parts: [&[u8]; 7] = [
            b"cw1",
            self.table.as_bytes(),
            self.column.as_bytes(),
            self.tenant.as_bytes(),
            self.row.as_bytes(),
            &version,
            &[XCHACHA20_POLY1305],
        ];
        let mut data = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
        for part in parts {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part);
        }
        data
    }
}

struct Key {
    id: String,
    id_bytes: u8,
    cipher: XChaCha20Poly1305,
}

/// The configured keys: the first seals, all open.
pub(crate) struct Sealer {
    first: Arc<Key>,
    keys: Vec<Arc<Key>>,
    random: Arc<dyn Random>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_list()
            .entries(self.keys.iter().map(|key| &key.id))
            .finish()
    }
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

impl Sealer {
    /// Takes the keys; none, a malformed one, or two of one name are refused.
    pub(crate) fn new(master_keys: &[MasterKey], random: Arc<dyn Random>) -> Result<Self, StoreError> {
        let mut keys: Vec<Arc<Key>> = Vec::with_capacity(master_keys.len());
        for master_key in master_keys {
            let id = &master_key.id;
            let is_id = (1..=KEY_ID_MAX_BYTES).contains(&id.len())
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
            if !is_id || keys.iter().any(|key| key.id == *id) {
                return Err(StoreError::configuration(format!(
                    "master_keys: the id of each key must be its own, 1 to {KEY_ID_MAX_BYTES} letters, digits, - or _"
                )));
            }
            let bytes = decode_key(master_key.key.expose()).ok_or_else(|| {
                StoreError::configuration(format!(
                    "master_keys: key `{id}` must be {KEY_BYTES} bytes as hex, base64 or base64url"
                ))
            })?;
            let id_bytes = u8::try_from(id.len()).unwrap_or(u8::MAX);
            let cipher = XChaCha20Poly1305::new((&*bytes).into());
            keys.push(Arc::new(Key {
                id: id.clone(),
                id_bytes,
                cipher,
            }));
        }
        let first = keys.first().cloned().ok_or_else(|| {
            StoreError::configuration(
                "master_keys is empty: tokens are never stored unsealed; give at least one key of 32 bytes",
            )
        })?;
        Ok(Self { first, keys, random })
    }

    /// Seals `plain` to its place.
    pub(crate) fn seal(&self, place: &Place<'_>, plain: &[u8]) -> Vec<u8> {
        let key = &self.first;
        let mut nonce = [0_u8; NONCE_BYTES];
        self.random.fill(&mut nonce);
        let payload = Payload {
            msg: plain,
            aad: &place.associated_data(),
        };
        // Fails only past 256 GiB, more than fits into memory; what it would then leave does not open.
        let sealed = key
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .unwrap_or_default();
        let mut record = Vec::with_capacity(3 + key.id.len() + NONCE_BYTES + sealed.len());
        record.extend_from_slice(&[FORMAT_VERSION, XCHACHA20_POLY1305, key.id_bytes]);
        record.extend_from_slice(key.id.as_bytes());
        record.extend_from_slice(&nonce);
        record.extend_from_slice(&sealed);
        record
    }

    /// Opens what was sealed to this place; `what` names it in the error. One error for every cause.
    pub(crate) fn open(
        &self,
        what: &'static str,
        place: &Place<'_>,
        record: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        self.try_open(place, record)
            .map(Zeroizing::new)
            .ok_or(StoreError::Seal { what })
    }

    fn try_open(&self, place: &Place<'_>, record: &[u8]) -> Option<Vec<u8>> {
        let (&[version, algorithm, id_bytes], rest) = record.split_first_chunk::<3>()?;
        if version != FORMAT_VERSION || algorithm != XCHACHA20_POLY1305 {
            return None;
        }
        let (id, rest) = rest.split_at_checked(usize::from(id_bytes))?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
        if sealed.len() < TAG_BYTES {
            return None;
        }
        let key = self.keys.iter().find(|key| key.id.as_bytes() == id)?;
        let payload = Payload {
            msg: sealed,
            aad: &place.associated_data(),
        };
        key.cipher.decrypt(&XNonce::from(*nonce), payload).ok()
    }
}

#[cfg(test)]
mod tests;
