//! Record ids: 15 case-sensitive characters, printed with the 3-character suffix that guards their case.

use std::fmt;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// A record id in its 15-character form. Orders as Salesforce orders ids: by byte, case counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RecordId([u8; 15]);

impl RecordId {
    /// The id of `serial` under a three-character key prefix; higher serials order later.
    pub(crate) fn from_serial(prefix: [u8; 3], serial: u64) -> Self {
        let mut bytes = *b"000dM0000000000";
        bytes[..3].copy_from_slice(&prefix);
        let mut rest = serial;
        for place in (6..15).rev() {
            bytes[place] = DIGITS[usize::try_from(rest % 62).unwrap_or(0)];
            rest /= 62;
        }
        Self(bytes)
    }

    /// Reads a 15- or 18-character id; `None` for other lengths, other characters or a wrong suffix.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if (bytes.len() != 15 && bytes.len() != 18) || !bytes.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let mut own = [0; 15];
        own.copy_from_slice(&bytes[..15]);
        let id = Self(own);
        (bytes.len() == 15 || bytes[15..] == id.suffix()).then_some(id)
    }

    /// The first three characters: which object.
    pub(crate) fn prefix(self) -> [u8; 3] {
        [self.0[0], self.0[1], self.0[2]]
    }

    fn suffix(self) -> [u8; 3] {
        let mut suffix = [0; 3];
        for (place, chunk) in self.0.chunks_exact(5).enumerate() {
            let bits = chunk.iter().enumerate().fold(0_usize, |bits, (place, byte)| {
                bits | (usize::from(byte.is_ascii_uppercase()) << place)
            });
            suffix[place] = SUFFIX[bits];
        }
        suffix
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.into_iter().chain(self.suffix()) {
            fmt::Write::write_char(formatter, char::from(byte))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
