use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use model::{ApiKeyId, OsRandom, Random, TenantId};

use super::{CachedKey, DIGITS, LAST_USE_INTERVAL_MS, LastUses, checksum, parse, random_digits};
use crate::{Tenant, TenantCaller};

fn key() -> String {
    let body = format!(
        "cw_live_{}_{}",
        random_digits(&OsRandom, 8),
        random_digits(&OsRandom, 43)
    );
    format!("{body}{}", checksum(&body))
}

#[test]
fn a_key_is_read_and_any_changed_character_is_noticed() {
    let key = key();
    assert_eq!(key.len(), 8 + 8 + 1 + 43 + 6);
    assert_eq!(parse(&key).unwrap().public_id, &key[8..16]);
    for index in 0..key.len() {
        let mut changed = key.clone().into_bytes();
        changed[index] = if changed[index] == b'x' { b'y' } else { b'x' };
        assert!(
            parse(std::str::from_utf8(&changed).unwrap()).is_none(),
            "index {index}"
        );
        assert!(parse(&key[..index]).is_none());
    }
}

#[test]
fn hostile_texts_are_not_keys() {
    for text in [
        "",
        "cw_live_",
        "cw_live__",
        "cw_live_éééé_",
        &"cw_live_".repeat(100),
        &format!(" {}", key()),
    ] {
        assert!(parse(text).is_none(), "{text}");
    }
}

#[test]
fn the_checksum_is_crc32_in_base_62() {
    // CRC-32 of "123456789" is 0xCBF43926 by the check value of the algorithm's definition.
    let number = checksum("123456789").bytes().fold(0_u64, |number, digit| {
        number * 62 + DIGITS.iter().position(|known| *known == digit).unwrap() as u64
    });
    assert_eq!(number, 0xCBF4_3926);
}

/// Each byte in its turn.
#[derive(Debug, Default)]
struct EachByte(AtomicU8);

impl Random for EachByte {
    fn fill(&self, buffer: &mut [u8]) {
        for byte in buffer {
            *byte = self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn each_digit_of_a_key_is_equally_likely() {
    let mut counts = BTreeMap::<char, usize>::new();
    for digit in random_digits(&EachByte::default(), 8 * DIGITS.len()).chars() {
        *counts.entry(digit).or_default() += 1;
    }
    assert_eq!(counts.len(), DIGITS.len());
    assert!(counts.values().all(|count| *count == 8), "{counts:?}");
}

#[test]
fn a_right_checksum_makes_no_key_of_another_shape() {
    let digits = |count| random_digits(&OsRandom, count);
    let with_checksum = |body: String| format!("{body}{}", checksum(&body));
    assert!(parse(&with_checksum(format!("cw_test_{}_{}", digits(8), digits(43)))).is_some());
    for body in [
        format!("cw_live_{}_{}", digits(7), digits(43)),
        format!("cw_live_{}_{}", digits(9), digits(43)),
        format!("cw_live_{}_{}", digits(8), digits(42)),
        format!("cw_live_{}_{}", digits(8), digits(44)),
        format!("cw_live_{}-_{}", digits(7), digits(43)),
        format!("cw_live_{}_{}-", digits(8), digits(42)),
        format!("cw_live_{}_{}_", digits(8), digits(42)),
        format!("cw_dead_{}_{}", digits(8), digits(43)),
    ] {
        let text = with_checksum(body);
        assert!(parse(&text).is_none(), "{text}");
    }
}

#[test]
fn a_use_is_noted_once_a_minute() {
    let key = CachedKey {
        hash: [0; 32],
        caller: TenantCaller {
            tenant: Tenant::new(TenantId::generate(&OsRandom)),
            key_id: ApiKeyId::generate(&OsRandom),
            scopes: Vec::new(),
        },
        expires_at_ms: None,
        use_noted_at_ms: AtomicI64::new(0),
    };
    let uses = LastUses::default();
    let begun_ms = 1_000_000;
    for (at_ms, is_noted) in [
        (begun_ms, true),
        (begun_ms + 1, false),
        (begun_ms + LAST_USE_INTERVAL_MS - 1, false),
        (begun_ms + LAST_USE_INTERVAL_MS, true),
        (begun_ms + LAST_USE_INTERVAL_MS + 1, false),
    ] {
        uses.note(&key, at_ms);
        let noted = std::mem::take(&mut *uses.0.lock().unwrap());
        assert_eq!(noted.values().next(), is_noted.then_some(&at_ms), "{at_ms}");
    }
}
