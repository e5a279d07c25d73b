use std::sync::Arc;

use model::{OsRandom, Secret};
use proptest::prelude::*;
use zeroize::Zeroizing;

use super::{DataKey, Place, Sealed, by_master_key};
use crate::key_service::{KeyService as _, KeyServiceError, MasterKey, MasterKeys};

const GENERATION: i64 = 3;

fn data_key(byte: u8) -> DataKey {
    DataKey::new(GENERATION, &[byte; 32]).unwrap()
}

/// Opens a record as the sealer does: the head names the key.
fn open(key: &DataKey, place: &Place<'_>, record: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    match Sealed::read(record)? {
        Sealed::DataKey { generation, body } if generation == key.generation() => key.open(place, body),
        _ => None,
    }
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
        let key = data_key(1);
        let home = Place { table: &table, column: &column, tenant: &tenant, row: &row, version };
        let sealed = key.seal(&home, &plain, &OsRandom);
        prop_assert_eq!(&*open(&key, &home, &sealed).unwrap(), &plain);
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
            prop_assert_eq!(open(&key, &place, &sealed).is_some(), place == home);
            // The same for what a master key is asked to bind.
            prop_assert_eq!(place.by_master_key() == home.by_master_key(), place == home);
        }
        prop_assert!(home.by_master_key() != home.by_data_key(GENERATION));
    }

    #[test]
    fn a_flipped_bit_or_a_cut_does_not_open(
        plain in prop::collection::vec(any::<u8>(), 0..100), position in any::<prop::sample::Index>(), bit in 0..8_u8,
    ) {
        let key = data_key(1);
        let sealed = key.seal(&HOME, &plain, &OsRandom);
        let index = position.index(sealed.len());
        let mut flipped = sealed.clone();
        flipped[index] ^= 1 << bit;
        prop_assert!(open(&key, &HOME, &flipped).is_none());
        prop_assert!(open(&key, &HOME, &sealed[..index]).is_none());
        let mut longer = sealed;
        longer.push(0);
        prop_assert!(open(&key, &HOME, &longer).is_none());
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(open(&data_key(1), &HOME, &bytes).is_none());
    }
}

#[test]
fn a_record_names_the_generation_that_sealed_it_and_no_other_opens_it() {
    let first = DataKey::new(1, &[7; 32]).unwrap();
    let second = DataKey::new(2, &[7; 32]).unwrap();
    let sealed = first.seal(&HOME, b"token", &OsRandom);
    let Some(Sealed::DataKey { generation, body }) = Sealed::read(&sealed) else {
        panic!("a record of a data key");
    };
    assert_eq!(generation, 1);
    assert_eq!(&**first.open(&HOME, body).unwrap(), b"token");
    // The same bytes as a key of another generation: the generation is authenticated.
    assert!(second.open(&HOME, body).is_none());
}

#[test]
fn a_head_is_read_from_its_bytes_alone() {
    let id = "k".repeat(32);
    let record = by_master_key(&id, &[9; 50]);
    let head = &record[..super::HEAD_BYTES];
    assert!(matches!(Sealed::read(head), Some(Sealed::MasterKey { id: read, .. }) if read == id));
    let sealed = data_key(1).seal(&HOME, b"", &OsRandom);
    let head = &sealed[..super::HEAD_BYTES.min(sealed.len())];
    assert!(matches!(
        Sealed::read(head),
        Some(Sealed::DataKey {
            generation: GENERATION,
            ..
        })
    ));
}

fn master(id: &str, byte: u8) -> MasterKey {
    MasterKey {
        id: id.to_owned(),
        key: Secret::new(format!("{byte:02x}").repeat(32)),
    }
}

fn masters(keys: &[MasterKey]) -> Result<MasterKeys, crate::StoreError> {
    MasterKeys::new(keys, Arc::new(OsRandom))
}

#[tokio::test]
async fn what_a_master_key_wraps_it_alone_unwraps_at_its_place() {
    let keys = masters(&[master("k1", 1), master("k2", 2)]).unwrap();
    let place = HOME.by_master_key();
    let wrapped = keys.wrap("k1", b"data key", &place).await.unwrap();
    assert_eq!(&**keys.unwrap("k1", &wrapped, &place).await.unwrap(), b"data key");
    let elsewhere = Place {
        tenant: "ten_b",
        ..HOME
    }
    .by_master_key();
    for (id, place) in [("k2", &place), ("k1", &elsewhere), ("k3", &place)] {
        assert_eq!(
            keys.unwrap(id, &wrapped, place).await.unwrap_err(),
            KeyServiceError::Refused
        );
    }
    let same_name = masters(&[master("k1", 9)]).unwrap();
    assert!(same_name.unwrap("k1", &wrapped, &place).await.is_err());
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
        assert!(masters(&keys).is_ok(), "{spelling}");
    }
    for bad in ["", "short", &"zz".repeat(32), &"ab".repeat(31), &"ab".repeat(33)] {
        let keys = [MasterKey {
            id: "k1".to_owned(),
            key: Secret::new(bad),
        }];
        let error = masters(&keys).unwrap_err().to_string();
        assert!(error.contains("`k1`") && error.contains("32 bytes"), "{error}");
        assert!(
            bad.is_empty() || !error.contains(bad),
            "the key itself is not in the error"
        );
    }
    assert!(masters(&[]).is_err());
    assert!(masters(&[master("k1", 1), master("k1", 2)]).is_err());
    for id in ["", "a b", &"x".repeat(33), "ключ"] {
        assert!(masters(&[master(id, 1)]).is_err(), "{id}");
    }
}

#[test]
fn no_two_seals_are_alike() {
    let key = data_key(1);
    assert_ne!(
        key.seal(&HOME, b"token", &OsRandom),
        key.seal(&HOME, b"token", &OsRandom)
    );
}

#[test]
fn master_keys_are_logged_by_name_alone() {
    let keys = masters(&[master("k1", 0xab)]).unwrap();
    assert_eq!(format!("{keys:?}"), r#"["k1"]"#);
}
