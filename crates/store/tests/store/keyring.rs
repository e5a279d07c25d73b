//! Envelope, rotation and retirement of keys.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use model::{OsRandom, Random as _, Secret, SystemClock};
use store::{
    Connection, KeyFuture, KeyService, KeyServiceError, Keyring, MasterKey, MasterKeyUse, RefreshClaim,
    Refreshed, Rotation, RotationStep, Store, StoreConfig, StoreError, Tenant,
};

use crate::support::{Counters, World, connection, credentials, on_both_databases, operator, tenant, tokens};

on_both_databases!(
    simultaneous_first_seals_make_one_data_key,
    opening_asks_for_a_data_key_once,
    a_wrapped_key_moved_does_not_unwrap,
    rotating_the_master_key_loses_nothing,
    a_needed_master_key_is_missed_at_once,
    a_retired_master_key_wraps_nothing_new,
    new_data_keys_take_the_records_over,
    records_of_master_keys_move_to_data_keys,
    a_rotation_goes_on_where_it_stopped,
    what_does_not_open_is_counted_and_left,
    saves_during_a_rotation_are_not_lost,
    another_key_service_will_do,
);

fn key(id: &str, byte: u8) -> MasterKey {
    MasterKey {
        id: id.to_owned(),
        key: Secret::new(format!("{byte:02x}").repeat(32)),
    }
}

/// The key that worlds begin with.
fn k1() -> MasterKey {
    key("k1", 0xab)
}

fn with_keys(world: &World, keys: &[MasterKey]) -> StoreConfig {
    StoreConfig {
        master_keys: keys.to_vec(),
        ..world.config.clone()
    }
}

async fn open(config: &StoreConfig) -> Result<Store, StoreError> {
    Store::open(config.clone(), Arc::new(SystemClock), Arc::new(OsRandom)).await
}

fn refusal(answer: Result<Store, StoreError>) -> String {
    match answer {
        Err(StoreError::Configuration { what }) => what,
        other => panic!("must be refused: {other:?}"),
    }
}

async fn keyring(store: &Store) -> Keyring {
    store.keyring(&operator(store).await).await.unwrap()
}

fn use_of<'a>(keyring: &'a Keyring, id: &str) -> &'a MasterKeyUse {
    let found = keyring.master_keys.iter().find(|key| key.id == id);
    found.unwrap_or_else(|| panic!("no {id}: {keyring:?}"))
}

/// `(generation, data keys, records)` of each.
fn generations(keyring: &Keyring) -> Vec<(i64, u64, u64)> {
    let each = keyring.generations.iter();
    each.map(|of| (of.generation, of.data_keys, of.records)).collect()
}

/// Rotates to the end; answers what was done in all.
async fn rotate(store: &Store, data_keys: bool) -> RotationStep {
    let operator = operator(store).await;
    let data_keys_before_ms = if data_keys {
        Some(store.database_now_ms(&operator).await.unwrap() + 1)
    } else {
        None
    };
    let mut done = RotationStep::default();
    let mut rotation = Rotation {
        after: None,
        data_keys_before_ms,
    };
    loop {
        let step = store.rotate_keys(&operator, &rotation).await.unwrap();
        done.rewrapped += step.rewrapped;
        done.made += step.made;
        done.resealed += step.resealed;
        done.failed += step.failed;
        match step.next {
            Some(next) => rotation.after = Some(next),
            None => return done,
        }
    }
}

async fn opens(store: &Store, tenant: &Tenant, connection: &Connection) -> bool {
    store.tokens_fresh(tenant, &connection.id).await.is_ok()
}

async fn simultaneous_first_seals_make_one_data_key(world: &World) {
    let store = world.store().await;
    // On Postgres the second node is one of its own, with nothing in memory.
    let other = if world.is_postgres() {
        world.other_node().await
    } else {
        store.clone()
    };
    let tenant = tenant(&store).await;
    let saves = (0..16).map(|index| {
        let (store, tenant) = (
            if index % 2 == 0 { &store } else { &other }.clone(),
            tenant.clone(),
        );
        tokio::spawn(async move { store.save_new_credentials(&tenant, credentials(None)).await })
    });
    let mut saved = Vec::new();
    for save in saves.collect::<Vec<_>>() {
        saved.push(save.await.unwrap().unwrap());
    }
    assert_eq!(generations(&keyring(&store).await), [(1, 1, 16)]);
    for connection in &saved {
        assert!(opens(&store, &tenant, connection).await);
        assert!(opens(&other, &tenant, connection).await);
    }
    // What is stored opens them, not only what was remembered.
    other.close().await;
    store.close().await;
    let store = world.store().await;
    for connection in &saved {
        assert!(opens(&store, &tenant, connection).await);
    }
}

async fn opening_asks_for_a_data_key_once(world: &World) {
    let counters = Counters::default();
    let _counting = metrics::set_default_local_recorder(&counters);
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let (first, second) = (
        connection(&store, &tenant).await,
        connection(&store, &tenant).await,
    );
    store.close().await;
    let store = world.store().await;
    let statements = async |connection: &Connection| {
        let before = counters.get("crosswalk_sql_statements_total");
        assert!(opens(&store, &tenant, connection).await);
        counters.get("crosswalk_sql_statements_total") - before
    };
    // The row, and the data key; from then on the row alone.
    assert_eq!(statements(&first).await, 2);
    assert_eq!(statements(&first).await, 1);
    assert_eq!(statements(&second).await, 1);
    let before = counters.get("crosswalk_sql_statements_total");
    let sealed = store.seal("cursor", "route", b"place");
    assert!(store.open_sealed("cursor", "route", &sealed).is_ok());
    assert_eq!(counters.get("crosswalk_sql_statements_total"), before);
}

/// Claim 28, of keys.
async fn a_wrapped_key_moved_does_not_unwrap(world: &World) {
    let store = world.store().await;
    let (one, other) = (tenant(&store).await, tenant(&store).await);
    let (own, foreign) = (connection(&store, &one).await, connection(&store, &other).await);
    let moved = format!(
        "UPDATE tenant_keys SET wrapped_key = (SELECT wrapped_key FROM tenant_keys WHERE tenant_id = '{}') \
         WHERE tenant_id = '{}'",
        one.id(),
        other.id()
    );
    assert_eq!(world.tamper(&moved).await, 1);
    store.close().await;
    // Whichever row the start looks at; the house's and the first tenant's are well.
    let Ok(store) = open(&world.config).await else {
        return;
    };
    assert!(opens(&store, &one, &own).await);
    assert!(matches!(
        store.tokens_fresh(&other, &foreign.id).await,
        Err(StoreError::Seal { .. })
    ));
    // Nor does it seal: nothing is written that nobody could open.
    assert!(
        store
            .save_new_credentials(&other, credentials(None))
            .await
            .is_err()
    );
    let generation = format!(
        "UPDATE tenant_keys SET generation = 2 WHERE tenant_id = '{}'",
        one.id()
    );
    assert_eq!(world.tamper(&generation).await, 1);
    store.close().await;
    if let Ok(store) = open(&world.config).await {
        assert!(!opens(&store, &one, &own).await);
    }
}

async fn rotating_the_master_key_loses_nothing(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let own = connection(&store, &tenant).await;
    let cursor = store.seal("cursor", "route", b"place");
    store.close().await;
    let (k1, k2) = (k1(), key("k2", 0xcd));
    let store = open(&with_keys(world, &[k2.clone(), k1.clone()])).await.unwrap();
    assert!(opens(&store, &tenant, &own).await);
    let before = keyring(&store).await;
    // The tenant's, and that of what belongs to none.
    assert_eq!(use_of(&before, "k1").data_keys, 2);
    assert!(use_of(&before, "k2").is_first && !use_of(&before, "k1").is_first);
    let operator = operator(&store).await;
    let refused = store.retire_master_key(&operator, "k1").await.unwrap_err();
    assert!(refused.to_string().contains("wraps 2 data keys"), "{refused}");
    assert!(matches!(
        store.retire_master_key(&operator, "k9").await,
        Err(StoreError::NotFound)
    ));
    let first = store.retire_master_key(&operator, "k2").await.unwrap_err();
    assert!(first.to_string().contains("first key"), "{first}");

    let done = rotate(&store, false).await;
    assert_eq!((done.rewrapped, done.made, done.failed), (2, 0, 0), "{done:?}");
    assert_eq!(rotate(&store, false).await, RotationStep::default());
    let after = keyring(&store).await;
    assert_eq!(use_of(&after, "k1").data_keys, 0);
    assert!(!use_of(&after, "k1").is_needed());
    assert_eq!(use_of(&after, "k2").data_keys, 2);
    store.retire_master_key(&operator, "k1").await.unwrap();
    assert!(use_of(&keyring(&store).await, "k1").retired_at_ms.is_some());
    store.close().await;

    let store = open(&with_keys(world, std::slice::from_ref(&k2))).await.unwrap();
    assert!(opens(&store, &tenant, &own).await);
    assert_eq!(store.open_sealed("cursor", "route", &cursor).unwrap(), b"place");
    store.close().await;
    // A list that still has it behind the first is only warned of.
    open(&with_keys(world, &[k2.clone(), k1.clone()]))
        .await
        .unwrap()
        .close()
        .await;
    let what = refusal(open(&with_keys(world, &[k1, k2])).await);
    assert!(what.contains("`k1` was retired"), "{what}");
}

async fn a_needed_master_key_is_missed_at_once(world: &World) {
    let store = world.store().await;
    connection(&store, &tenant(&store).await).await;
    store.close().await;
    let what = refusal(open(&with_keys(world, &[key("k2", 2)])).await);
    assert!(
        what.contains("`k1`") && what.contains("wraps 2 data keys"),
        "{what}"
    );
    let what = refusal(open(&with_keys(world, &[key("k1", 9)])).await);
    assert!(what.contains("`k1`") && what.contains("other bytes"), "{what}");
    open(&world.config).await.unwrap();
}

async fn a_retired_master_key_wraps_nothing_new(world: &World) {
    let (k1, k2) = (k1(), key("k2", 2));
    let old_node = world.store().await;
    let tenants = (tenant(&old_node).await, tenant(&old_node).await);
    connection(&old_node, &tenants.0).await;
    if !world.is_postgres() {
        return;
    }
    let mut config = with_keys(world, &[k2, k1]);
    config.data_dir = Some(world.dir.path().join("new-node"));
    let new_node = open(&config).await.unwrap();
    rotate(&new_node, false).await;
    let operator = operator(&new_node).await;
    new_node.retire_master_key(&operator, "k1").await.unwrap();
    // A node that was forgotten, and would wrap the next tenant's data key by the retired key.
    let refused = old_node.save_new_credentials(&tenants.1, credentials(None)).await;
    assert!(
        refused
            .as_ref()
            .is_err_and(|error| error.to_string().contains("retired")),
        "{refused:?}"
    );
    assert!(
        new_node
            .save_new_credentials(&tenants.1, credentials(None))
            .await
            .is_ok()
    );
    assert!(!use_of(&keyring(&new_node).await, "k1").is_needed());
}

async fn new_data_keys_take_the_records_over(world: &World) {
    let store = world.store().await;
    let (one, other) = (tenant(&store).await, tenant(&store).await);
    let mut saved = Vec::new();
    for tenant in [&one, &one, &other] {
        saved.push((tenant, connection(&store, tenant).await));
    }
    // Of this one nothing is left to be sealed anew.
    let without = tenant(&store).await;
    let gone = connection(&store, &without).await;
    store.delete_connection(&without, &gone.id).await.unwrap();
    let endpoint = store::NewWebhookEndpoint {
        url: "https://hooks.example/".to_owned(),
        description: None,
        event_types: Vec::new(),
    };
    let (endpoint, _) = store.create_webhook_endpoint(&one, endpoint, 10).await.unwrap();
    let with_two_secrets = async || {
        let rotated = store.rotate_webhook_secret(&one, &endpoint.id, 60_000).await;
        rotated.expect("the secret opens");
    };
    with_two_secrets().await;
    let done = rotate(&store, true).await;
    assert_eq!((done.made, done.resealed, done.failed), (3, 5, 0), "{done:?}");
    assert_eq!(generations(&keyring(&store).await), [(1, 3, 0), (2, 3, 5)]);
    with_two_secrets().await;
    for (tenant, connection) in &saved {
        let found = store.tokens_fresh(tenant, &connection.id).await.unwrap();
        assert_eq!(found.tokens, tokens("access-1", Some("refresh-1")));
        // What was sealed anew is of the same version: nobody else was told of a change.
        assert_eq!(found.version, 1);
    }
    // What is saved from now on is sealed by the new key, on this node at once.
    for tenant in [&one, &without] {
        connection(&store, tenant).await;
    }
    assert_eq!(generations(&keyring(&store).await), [(1, 3, 0), (2, 3, 7)]);
}

/// A record as a master key made it before there were data keys, written here anew.
fn old_record(id: &str, byte: u8, place: [&str; 4], version: i64, plain: &[u8]) -> Vec<u8> {
    let [table, column, tenant, row] = place;
    let mut data = Vec::new();
    for part in [
        &b"cw1"[..],
        table.as_bytes(),
        column.as_bytes(),
        tenant.as_bytes(),
        row.as_bytes(),
        &version.to_be_bytes(),
        &[1],
    ] {
        data.extend_from_slice(&(part.len() as u64).to_be_bytes());
        data.extend_from_slice(part);
    }
    let nonce: [u8; 24] = OsRandom.bytes_32()[..24].try_into().unwrap();
    let payload = Payload {
        msg: plain,
        aad: &data,
    };
    let sealed = XChaCha20Poly1305::new(&[byte; 32].into())
        .encrypt(&XNonce::from(nonce), payload)
        .unwrap();
    let mut record = vec![1, 1, u8::try_from(id.len()).unwrap()];
    record.extend_from_slice(id.as_bytes());
    record.extend_from_slice(&nonce);
    record.extend_from_slice(&sealed);
    record
}

fn literal(world: &World, bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let hex = bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    });
    if world.is_postgres() {
        format!("decode('{hex}', 'hex')")
    } else {
        format!("x'{hex}'")
    }
}

/// Puts the record of `k1` into a connection's row, and forgets that none was left.
async fn age(world: &World, tenant: &Tenant, connection: &Connection) {
    let plain = br#"{"access_token":"access-1","refresh_token":"refresh-1"}"#;
    let place = [
        "connections",
        "sealed_tokens",
        tenant.id().as_str(),
        connection.id.as_str(),
    ];
    let record = old_record("k1", 0xab, place, connection.token_version, plain);
    let sql = format!(
        "UPDATE connections SET sealed_tokens = {} WHERE id = '{}'",
        literal(world, &record),
        connection.id
    );
    assert_eq!(world.tamper(&sql).await, 1);
    world.tamper("DELETE FROM sealing_facts").await;
}

async fn records_of_master_keys_move_to_data_keys(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let (swept, saved) = (
        connection(&store, &tenant).await,
        connection(&store, &tenant).await,
    );
    age(world, &tenant, &swept).await;
    age(world, &tenant, &saved).await;
    store.close().await;

    let (k1, k2) = (k1(), key("k2", 2));
    let store = open(&with_keys(world, &[k2.clone(), k1.clone()])).await.unwrap();
    let found = store.tokens_fresh(&tenant, &swept.id).await.unwrap();
    assert_eq!(found.tokens, tokens("access-1", Some("refresh-1")));
    let sealed_by_k1 = |keyring: &Keyring| {
        let columns = &use_of(keyring, "k1").records;
        columns.get("connections.sealed_tokens").copied().unwrap_or(0)
    };
    assert_eq!(sealed_by_k1(&keyring(&store).await), 2);
    // The next save is by a data key.
    let again = store::NewCredentials {
        connection_id: Some(saved.id.clone()),
        ..credentials(None)
    };
    store.save_new_credentials(&tenant, again).await.unwrap();
    assert_eq!(sealed_by_k1(&keyring(&store).await), 1);
    let operator = operator(&store).await;
    // All data keys are wrapped by the new key, and yet the old one is needed.
    world
        .tamper("UPDATE tenant_keys SET kek_id = kek_id WHERE kek_id = 'none'")
        .await;
    let refused = store.retire_master_key(&operator, "k1").await.unwrap_err();
    assert!(
        refused.to_string().contains("connections.sealed_tokens: 1"),
        "{refused}"
    );
    store.close().await;

    // A start without the key sees the record, whoever wraps the data keys.
    let store = open(&with_keys(world, &[k2.clone(), k1.clone()])).await.unwrap();
    let done = rotate(&store, false).await;
    assert_eq!(
        (done.rewrapped, done.resealed, done.failed),
        (2, 1, 0),
        "{done:?}"
    );
    age(world, &tenant, &swept).await;
    store.close().await;
    let what = refusal(open(&with_keys(world, std::slice::from_ref(&k2))).await);
    assert!(
        what.contains("`k1`") && what.contains("connections.sealed_tokens: 1"),
        "{what}"
    );
    let store = open(&with_keys(world, &[k2.clone(), k1])).await.unwrap();
    assert_eq!(rotate(&store, false).await.resealed, 1);
    store.retire_master_key(&operator, "k1").await.unwrap();
    store.close().await;
    let store = open(&with_keys(world, &[k2])).await.unwrap();
    let found = store.tokens_fresh(&tenant, &swept.id).await.unwrap();
    assert_eq!(found.tokens, tokens("access-1", Some("refresh-1")));
    assert!(opens(&store, &tenant, &saved).await);
}

async fn a_rotation_goes_on_where_it_stopped(world: &World) {
    let store = world.store().await;
    for _ in 0..3 {
        connection(&store, &tenant(&store).await).await;
    }
    store.close().await;
    let (k1, k2) = (k1(), key("k2", 2));
    let store = open(&with_keys(world, &[k2.clone(), k1])).await.unwrap();
    let operator = operator(&store).await;
    // Somebody's walk that went past everything, and was never finished.
    let rotation = Rotation {
        after: Some("data_keys/zzz/9".to_owned()),
        data_keys_before_ms: None,
    };
    let step = store.rotate_keys(&operator, &rotation).await.unwrap();
    assert_eq!((step.rewrapped, step.next), (0, None));
    for bad in ["", "nowhere", "connections.sealed", "data_keys\0"] {
        let rotation = Rotation {
            after: Some(bad.to_owned()),
            data_keys_before_ms: None,
        };
        let refused = store.rotate_keys(&operator, &rotation).await.unwrap_err();
        assert!(refused.to_string().contains("stages"), "{bad:?}: {refused}");
    }
    // The next walk finds what it left.
    assert_eq!(rotate(&store, false).await.rewrapped, 4);
    store.close().await;
    open(&with_keys(world, &[k2])).await.unwrap();
}

async fn what_does_not_open_is_counted_and_left(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let (well, broken) = (
        connection(&store, &tenant).await,
        connection(&store, &tenant).await,
    );
    let sql = format!(
        "UPDATE connections SET sealed_tokens = (SELECT sealed_tokens FROM connections WHERE id = '{}') WHERE id = '{}'",
        well.id, broken.id
    );
    assert_eq!(world.tamper(&sql).await, 1);
    let garbage = connection(&store, &tenant).await;
    let sql = format!(
        "UPDATE connections SET sealed_tokens = {} WHERE id = '{}'",
        literal(world, b"\xff\x00garbage"),
        garbage.id
    );
    assert_eq!(world.tamper(&sql).await, 1);
    let done = rotate(&store, true).await;
    assert_eq!((done.made, done.resealed, done.failed), (1, 1, 2), "{done:?}");
    let keyring = keyring(&store).await;
    assert_eq!(keyring.unreadable, 1);
    assert_eq!(generations(&keyring), [(1, 1, 1), (2, 1, 1)]);
    assert!(opens(&store, &tenant, &well).await);
}

async fn saves_during_a_rotation_are_not_lost(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let own = connection(&store, &tenant).await;
    let refreshing = {
        let (store, tenant, id) = (store.clone(), tenant.clone(), own.id.clone());
        tokio::spawn(async move {
            for version in 1..40 {
                let claim = store.claim_refresh(&tenant, &id, version, "test", 25_000).await;
                let Ok(RefreshClaim::Claimed { fence, .. }) = claim else {
                    panic!("{claim:?}");
                };
                let refreshed = Refreshed {
                    tokens: tokens(&format!("access-{version}"), Some(&format!("refresh-{version}"))),
                    instance_url: None,
                    scopes: None,
                    access_expires_at_ms: None,
                    was_refused: false,
                };
                let saved = store
                    .save_refreshed(&tenant, &id, version, fence, &refreshed)
                    .await;
                assert!(
                    matches!(saved, Ok(store::SaveOutcome::Saved { .. })),
                    "{version}: {saved:?}"
                );
            }
        })
    };
    while !refreshing.is_finished() {
        assert_eq!(rotate(&store, true).await.failed, 0);
    }
    refreshing.await.unwrap();
    let found = store.tokens_fresh(&tenant, &own.id).await.unwrap();
    assert_eq!(
        (found.version, found.tokens.clone()),
        (40, tokens("access-39", Some("refresh-39")))
    );
}

/// What stands behind a ticket.
#[derive(Clone)]
struct Kept {
    by: String,
    place: Vec<u8>,
    plain: Vec<u8>,
}

/// A service elsewhere: what it wraps is a ticket, and the keys it was given never leave it.
#[derive(Default)]
struct Vault {
    ids: Vec<String>,
    kept: Mutex<HashMap<Vec<u8>, Kept>>,
    asked: AtomicU64,
    is_away: AtomicBool,
}

impl Vault {
    fn is_away(&self) -> Result<(), KeyServiceError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.is_away.load(Ordering::SeqCst) {
            return Err(KeyServiceError::Unavailable("no answer".to_owned()));
        }
        Ok(())
    }
}

impl KeyService for Vault {
    fn ids(&self) -> &[String] {
        &self.ids
    }

    fn wrap<'a>(&'a self, id: &'a str, plain: &'a [u8], associated: &'a [u8]) -> KeyFuture<'a> {
        Box::pin(async move {
            self.is_away()?;
            tokio::task::yield_now().await;
            let ticket = OsRandom.bytes_32().to_vec();
            let kept = Kept {
                by: id.to_owned(),
                place: associated.to_vec(),
                plain: plain.to_vec(),
            };
            self.kept.lock().unwrap().insert(ticket.clone(), kept);
            Ok(ticket.into())
        })
    }

    fn unwrap<'a>(&'a self, id: &'a str, wrapped: &'a [u8], associated: &'a [u8]) -> KeyFuture<'a> {
        Box::pin(async move {
            self.is_away()?;
            tokio::task::yield_now().await;
            match self.kept.lock().unwrap().get(wrapped) {
                Some(kept) if kept.by == id && kept.place == associated => Ok(kept.plain.clone().into()),
                _ => Err(KeyServiceError::Refused),
            }
        })
    }
}

async fn another_key_service_will_do(world: &World) {
    let vault = Arc::new(Vault {
        ids: vec!["vault-2".to_owned(), "vault-1".to_owned()],
        ..Vault::default()
    });
    let config = with_keys(world, &[]);
    let start = || {
        Store::open_with(
            config.clone(),
            Arc::clone(&vault) as Arc<dyn KeyService>,
            Arc::new(SystemClock),
            Arc::new(OsRandom),
        )
    };
    let store = start().await.unwrap();
    let tenant = tenant(&store).await;
    let (first, second) = (
        connection(&store, &tenant).await,
        connection(&store, &tenant).await,
    );
    store.close().await;
    let store = start().await.unwrap();
    vault.asked.store(0, Ordering::SeqCst);
    vault.is_away.store(true, Ordering::SeqCst);
    let away = store.tokens_fresh(&tenant, &first.id).await.unwrap_err();
    assert!(away.is_retryable(), "{away}");
    vault.is_away.store(false, Ordering::SeqCst);
    for connection in [&first, &second, &first] {
        assert!(opens(&store, &tenant, connection).await);
    }
    // Once while it was away, then once: never for a record.
    assert_eq!(vault.asked.load(Ordering::SeqCst), 2);
    assert_eq!(use_of(&keyring(&store).await, "vault-2").data_keys, 2);
    store.close().await;
    // Its keys are rotated as any other's.
    let other_first = Arc::new(Vault {
        ids: vec!["vault-1".to_owned(), "vault-2".to_owned()],
        kept: Mutex::new(vault.kept.lock().unwrap().clone()),
        ..Vault::default()
    });
    let store = Store::open_with(
        config.clone(),
        other_first,
        Arc::new(SystemClock),
        Arc::new(OsRandom),
    )
    .await
    .unwrap();
    assert_eq!(rotate(&store, true).await.rewrapped, 2);
    store
        .retire_master_key(&operator(&store).await, "vault-2")
        .await
        .unwrap();
    assert!(opens(&store, &tenant, &first).await);
    store.close().await;
    let nameless = Arc::new(Vault::default());
    let refused = Store::open_with(config, nameless, Arc::new(SystemClock), Arc::new(OsRandom)).await;
    assert!(refusal(refused).contains("names no key"));
}
