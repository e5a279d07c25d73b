//! Tokens, codes and ids: a seeded stream, so that a run can be repeated.

use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A stream of text no caller can guess without the seed.
#[derive(Debug)]
pub(crate) struct Random {
    seed: u64,
    counter: AtomicU64,
}

impl Random {
    /// A stream; the same seed gives the same stream.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            counter: AtomicU64::new(0),
        }
    }

    /// The next 32 bytes.
    fn block(&self) -> [u8; 32] {
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        let mut hash = Sha256::new();
        hash.update(b"crosswalk-simulator");
        hash.update(self.seed.to_le_bytes());
        hash.update(count.to_le_bytes());
        hash.finalize().into()
    }

    /// Letters and digits.
    pub(crate) fn text(&self, length: usize) -> String {
        let mut text = String::with_capacity(length);
        while text.len() < length {
            for byte in self.block() {
                // 248 is the largest multiple of 62 below 256: no letter is likelier than another.
                if byte < 248 && text.len() < length {
                    text.push(char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
                }
            }
        }
        text
    }

    /// Letters and digits of a token or code, marked for whoever looks where it went.
    pub(crate) fn secret(&self, length: usize) -> String {
        format!(
            "{}{}",
            crate::SECRET_MARK,
            self.text(length.saturating_sub(crate::SECRET_MARK.len()))
        )
    }

    /// Lower-case hexadecimal of 16 bytes.
    pub(crate) fn hex(&self) -> String {
        let mut text = String::with_capacity(32);
        for byte in &self.block()[..16] {
            for digit in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(u32::from(digit), 16));
            }
        }
        text
    }

    /// A number in `1..=most`.
    pub(crate) fn up_to(&self, most: usize) -> usize {
        let block = self.block();
        let number = usize::from(block[0]) << 8 | usize::from(block[1]);
        1 + number % most.max(1)
    }
}
