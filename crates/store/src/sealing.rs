//! Sealing: what must not be read or moved by whoever can read or write the database.
//!
//! Two kinds of record, XChaCha20-Poly1305 with a random 192-bit nonce both:
//!
//! - by a data key: `2 | algorithm | generation of the tenant's data key (8) | nonce | ciphertext and tag`. All that is
//!   written now.
//! - by a master key: `1 | algorithm | length of its id | its id | what the key service made`. Wrapped data keys, and
//!   records from before there were data keys, until they are sealed anew.
//!
//! The place (table, column, tenant, row, version of the row) is authenticated with it, each part with its length before
//! it so that no two places share an encoding: moved anywhere else, it does not open. So is the generation.

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use model::Random;
use zeroize::Zeroizing;

const BY_MASTER_KEY: u8 = 1;
const BY_DATA_KEY: u8 = 2;
const XCHACHA20_POLY1305: u8 = 1;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
pub(crate) const KEY_BYTES: usize = 32;

/// Where a sealed thing belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'a str,
    pub(crate) column: &'a str,
    /// Empty for what belongs to no tenant.
    pub(crate) tenant: &'a str,
    pub(crate) row: &'a str,
    pub(crate) version: i64,
}

impl Place<'_> {
    /// What a record at this place is bound to when a master key makes it.
    pub(crate) fn by_master_key(&self) -> Vec<u8> {
        let mut data = Vec::with_capacity(256);
        self.write_parts(b"cw1", &mut data);
        data
    }

    fn by_data_key(&self, generation: i64) -> Vec<u8> {
        let mut data = Vec::with_capacity(256);
        self.write_parts(b"cw2", &mut data);
        write_part(&generation.to_be_bytes(), &mut data);
        data
    }

    fn write_parts(&self, kind: &[u8], data: &mut Vec<u8>) {
        let version = self.version.to_be_bytes();
        let parts: [&[u8]; 7] = [
            kind,
            self.table.as_bytes(),
            self.column.as_bytes(),
            self.tenant.as_bytes(),
            self.row.as_bytes(),
            &version,
            &[XCHACHA20_POLY1305],
        ];
        for part in parts {
            write_part(part, data);
        }
    }
}

fn write_part(part: &[u8], data: &mut Vec<u8>) {
    data.extend_from_slice(&(part.len() as u64).to_be_bytes());
    data.extend_from_slice(part);
}

/// `nonce | ciphertext and tag`.
pub(crate) fn encrypt(
    key: &[u8; KEY_BYTES],
    plain: &[u8],
    associated: &[u8],
    random: &dyn Random,
) -> Vec<u8> {
    let mut nonce = [0_u8; NONCE_BYTES];
    random.fill(&mut nonce);
    let payload = Payload {
        msg: plain,
        aad: associated,
    };
    // Fails only past 256 GiB, more than fits into memory; what it would then leave does not open.
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(nonce), payload)
        .unwrap_or_default();
    let mut bytes = Vec::with_capacity(NONCE_BYTES + sealed.len());
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(&sealed);
    bytes
}

/// Opens what [`encrypt`] made with the same key and associated data.
pub(crate) fn decrypt(key: &[u8; KEY_BYTES], sealed: &[u8], associated: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    if sealed.len() < TAG_BYTES {
        return None;
    }
    let payload = Payload {
        msg: sealed,
        aad: associated,
    };
    XChaCha20Poly1305::new(key.into())
        .decrypt(&XNonce::from(*nonce), payload)
        .ok()
        .map(Zeroizing::new)
}

/// Who sealed a record, and what they made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sealed<'a> {
    MasterKey { id: &'a str, body: &'a [u8] },
    DataKey { generation: i64, body: &'a [u8] },
}

/// As many bytes of a record as [`Sealed::read`] needs to tell who sealed it.
#[cfg(test)]
pub(crate) const HEAD_BYTES: usize = 3 + crate::key_service::KEY_ID_MAX_BYTES;

impl<'a> Sealed<'a> {
    /// Reads the head of a record; also of one that was cut after it.
    pub(crate) fn read(record: &'a [u8]) -> Option<Self> {
        let (&[kind, algorithm], rest) = record.split_first_chunk::<2>()?;
        if algorithm != XCHACHA20_POLY1305 {
            return None;
        }
        match kind {
            BY_MASTER_KEY => {
                let (&id_bytes, rest) = rest.split_first()?;
                let (id, body) = rest.split_at_checked(usize::from(id_bytes))?;
                Some(Self::MasterKey {
                    id: std::str::from_utf8(id).ok()?,
                    body,
                })
            }
            BY_DATA_KEY => {
                let (generation, body) = rest.split_first_chunk::<8>()?;
                Some(Self::DataKey {
                    generation: i64::from_be_bytes(*generation),
                    body,
                })
            }
            _ => None,
        }
    }
}

/// A record around what the key service made with the key `id`.
pub(crate) fn by_master_key(id: &str, body: &[u8]) -> Vec<u8> {
    let id_bytes = u8::try_from(id.len()).unwrap_or(u8::MAX);
    let mut record = Vec::with_capacity(3 + id.len() + body.len());
    record.extend_from_slice(&[BY_MASTER_KEY, XCHACHA20_POLY1305, id_bytes]);
    record.extend_from_slice(id.as_bytes());
    record.extend_from_slice(body);
    record
}

/// One of a tenant's data keys, unwrapped. Wiped when dropped.
pub(crate) struct DataKey {
    generation: i64,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl DataKey {
    pub(crate) fn generate(generation: i64, random: &dyn Random) -> Self {
        let mut bytes = Zeroizing::new([0_u8; KEY_BYTES]);
        random.fill(&mut *bytes);
        Self { generation, bytes }
    }

    /// Takes an unwrapped key; nothing if it has another length than a key.
    pub(crate) fn new(generation: i64, unwrapped: &[u8]) -> Option<Self> {
        if unwrapped.len() != KEY_BYTES {
            return None;
        }
        let mut bytes = Zeroizing::new([0_u8; KEY_BYTES]);
        bytes.copy_from_slice(unwrapped);
        Some(Self { generation, bytes })
    }

    pub(crate) const fn generation(&self) -> i64 {
        self.generation
    }

    /// What a key service is given to wrap.
    pub(crate) fn expose(&self) -> &[u8] {
        &*self.bytes
    }

    /// Seals `plain` to its place.
    pub(crate) fn seal(&self, place: &Place<'_>, plain: &[u8], random: &dyn Random) -> Vec<u8> {
        let sealed = encrypt(&self.bytes, plain, &place.by_data_key(self.generation), random);
        let mut record = Vec::with_capacity(2 + 8 + sealed.len());
        record.extend_from_slice(&[BY_DATA_KEY, XCHACHA20_POLY1305]);
        record.extend_from_slice(&self.generation.to_be_bytes());
        record.extend_from_slice(&sealed);
        record
    }

    /// Opens the body of a record of this key at its place.
    pub(crate) fn open(&self, place: &Place<'_>, body: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        decrypt(&self.bytes, body, &place.by_data_key(self.generation))
    }
}

#[cfg(test)]
mod tests;
