use std::sync::Arc;

use model::{OsRandom, Secret};
use proptest::prelude::*;

use super::{MasterKey, Place, Sealer};
use crate::StoreError;

fn key(id: &str, byte: u8) -> MasterKey {
    MasterKey {
        id: id.to_owned(),
        key: Secret::new(format!("{byte:02x}").repeat(32)),
    }
}

fn sealer(keys: &[MasterKey]) -> Sealer {
    Sealer::new(keys, Arc::new(OsRandom)).unwrap()
}

const HOME: Place<'_> = Place {
    table: "connections",
    column: "tokens",
    tenant: "ten_a",
    row: "con_a",
    version: 7,
};

proptest! {
    #[test]
    fn a_sealed_thing_opens_at_its_own_place_only(
        plain in prop::collection::vec(any::<u8>(), 0..300),
        table in "[a-z]{0,4}", column in "[a-z]{0,4}", tenant in "[a-z]{0,4}", row in "[a-z]{0,4}", version in -3_i64..4,
        other_table in "[a-z]{0,4}", other_column in "[a-z]{0,4}", other_tenant in "[a-z]{0,4}",
        other_row in "[a-z]{0,4}", other_version in -3_i64..4,
    ) {
        let sealer = sealer(&[key("k1", 1)]);
        let home = Place { table: &table, column: &column, tenant: &tenant, row: &row, version };
        let sealed = sealer.seal(&home, &plain);
        prop_assert_eq!(&*sealer.open("thing", &home, &sealed).unwrap(), &plain);
        let moves = [
            Place { table: &other_table, ..home },
            Place { column: &other_column, ..home },
            Place { tenant: &other_tenant, ..home },
            Place { row: &other_row, ..home },
            Place { version: other_version, ..home },
            // The same letters, cut elsewhere: lengths keep them apart.
            Place { table: &format!("{table}{column}"), column: "", ..home },
            Place { tenant: "", row: &format!("{tenant}{row}"), ..home },
        ];
        for place in moves {
            let opened = sealer.open("thing", &place, &sealed);
            prop_assert_eq!(opened.is_ok(), place == home);
        }
    }

    #[test]
    fn a_flipped_bit_or_a_cut_does_not_open(
        plain in prop::collection::vec(any::<u8>(), 0..100), position in any::<prop::sample::Index>(), bit in 0..8_u8,
    ) {
        let sealer = sealer(&[key("k1", 1)]);
        let sealed = sealer.seal(&HOME, &plain);
        let index = position.index(sealed.len());
        let mut flipped = sealed.clone();
        flipped[index] ^= 1 << bit;
        prop_assert!(sealer.open("thing", &HOME, &flipped).is_err());
        prop_assert!(sealer.open("thing", &HOME, &sealed[..index]).is_err());
        let mut longer = sealed;
        longer.push(0);
        prop_assert!(sealer.open("thing", &HOME, &longer).is_err());
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(
            sealer(&[key("k1", 1)]).open("thing", &HOME, &bytes).err(),
            Some(StoreError::Seal { what: "thing" })
        );
    }
}

#[test]
fn a_new_first_key_seals_and_the_old_one_still_opens() {
    let before = sealer(&[key("k1", 1)]);
    let both = sealer(&[key("k2", 2), key("k1", 1)]);
    let after = sealer(&[key("k2", 2)]);
    let old = before.seal(&HOME, b"token");
    assert_eq!(&**both.open("thing", &HOME, &old).unwrap(), b"token");
    let new = both.seal(&HOME, b"token");
    assert_eq!(&**after.open("thing", &HOME, &new).unwrap(), b"token");
    assert!(before.open("thing", &HOME, &new).is_err());
    assert!(after.open("thing", &HOME, &old).is_err());
}

#[test]
fn the_same_id_with_another_key_does_not_open() {
    let sealed = sealer(&[key("k1", 1)]).seal(&HOME, b"token");
    assert!(sealer(&[key("k1", 9)]).open("thing", &HOME, &sealed).is_err());
}

#[test]
fn keys_are_read_in_three_spellings_and_anything_else_is_refused_by_name() {
    let spellings = [
        "fb".repeat(32),
        "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s".to_owned(),
        "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=".to_owned(),
    ];
    for spelling in &spellings {
        let keys = [MasterKey {
            id: "k1".to_owned(),
            key: Secret::new(spelling.clone()),
        }];
        assert!(Sealer::new(&keys, Arc::new(OsRandom)).is_ok(), "{spelling}");
    }
    for bad in ["", "short", &"zz".repeat(32), &"ab".repeat(31), &"ab".repeat(33)] {
        let keys = [MasterKey {
            id: "k1".to_owned(),
            key: Secret::new(bad),
        }];
        let error = Sealer::new(&keys, Arc::new(OsRandom)).unwrap_err().to_string();
        assert!(error.contains("`k1`") && error.contains("32 bytes"), "{error}");
        assert!(
            bad.is_empty() || !error.contains(bad),
            "the key itself is not in the error"
        );
    }
    assert!(Sealer::new(&[], Arc::new(OsRandom)).is_err());
    assert!(Sealer::new(&[key("k1", 1), key("k1", 2)], Arc::new(OsRandom)).is_err());
    for id in ["", "a b", &"x".repeat(33), "ключ"] {
        assert!(Sealer::new(&[key(id, 1)], Arc::new(OsRandom)).is_err(), "{id}");
    }
}

#[test]
fn no_two_seals_are_alike() {
    let sealer = sealer(&[key("k1", 1)]);
    assert_ne!(sealer.seal(&HOME, b"token"), sealer.seal(&HOME, b"token"));
}
