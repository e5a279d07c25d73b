//! Idempotency keys: one write of many requests, an answer kept sealed, and never a second write.

use store::{HeldKey, IdempotencyClaim, IdempotencyOutcome, IdempotencyRequest, Store, StoreError, Tenant};

use crate::support::{World, connection, on_both_databases, tenant};

on_both_databases!(
    of_many_claims_one_is_granted,
    the_same_request_gets_the_kept_answer_and_another_one_does_not,
    a_key_belongs_to_its_tenant_and_connection,
    a_claim_that_lapsed_is_never_granted_again,
    a_write_that_did_nothing_frees_its_key,
    a_key_past_its_time_is_a_new_one_and_is_swept,
    an_answer_is_sealed_to_its_own_claim,
    keys_go_with_their_connection,
    a_key_that_cannot_be_one_is_refused,
);

const FINGERPRINT: [u8; 32] = [7; 32];
const OTHER_FINGERPRINT: [u8; 32] = [8; 32];

fn request(key: &str) -> IdempotencyRequest<'_> {
    IdempotencyRequest {
        key,
        fingerprint: &FINGERPRINT,
        lease_ms: 60_000,
        keep_ms: 86_400_000,
    }
}

async fn claim(store: &Store, tenant: &Tenant, id: &model::ConnectionId, key: &str) -> IdempotencyClaim {
    store
        .claim_idempotency_key(tenant, id, request(key))
        .await
        .unwrap()
}

async fn held(store: &Store, tenant: &Tenant, id: &model::ConnectionId, key: &str) -> HeldKey {
    match claim(store, tenant, id, key).await {
        IdempotencyClaim::Claimed(held) => held,
        other => panic!("the key is free: {other:?}"),
    }
}

fn done(answer: &[u8]) -> IdempotencyOutcome {
    IdempotencyOutcome::Done {
        answer: answer.to_vec(),
    }
}

async fn of_many_claims_one_is_granted(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let id = connection(&store, &tenant).await.id;
    let claims = (0..20).map(|_| {
        let (store, tenant, id) = (store.clone(), tenant.clone(), id.clone());
        tokio::spawn(async move { claim(&store, &tenant, &id, "burst").await })
    });
    let (mut claimed, mut under_way) = (0, 0);
    for one in claims.collect::<Vec<_>>() {
        match one.await.unwrap() {
            IdempotencyClaim::Claimed(_) => claimed += 1,
            IdempotencyClaim::UnderWay { lease_left_ms } => {
                assert!((1..=60_000).contains(&lease_left_ms), "{lease_left_ms}");
                under_way += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((claimed, under_way), (1, 19));
}

async fn the_same_request_gets_the_kept_answer_and_another_one_does_not(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let id = connection(&store, &tenant).await.id;
    let other = IdempotencyRequest {
        fingerprint: &OTHER_FINGERPRINT,
        ..request("key")
    };
    let is_refused = async || {
        let claim = store.claim_idempotency_key(&tenant, &id, other).await.unwrap();
        matches!(claim, IdempotencyClaim::OtherRequest)
    };
    let held = held(&store, &tenant, &id, "key").await;
    assert!(is_refused().await, "while it is under way");
    // More than one page of either database, and every byte there is.
    let answer: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    assert!(store.settle_idempotency_key(held, done(&answer)).await.unwrap());
    assert!(is_refused().await, "when it is done");
    for _ in 0..2 {
        match claim(&store, &tenant, &id, "key").await {
            IdempotencyClaim::Done { answer: kept } => assert!(kept == answer),
            other => panic!("{other:?}"),
        }
    }
}

async fn a_key_belongs_to_its_tenant_and_connection(world: &World) {
    let store = world.store().await;
    let (first, second) = (tenant(&store).await, tenant(&store).await);
    let one = connection(&store, &first).await.id;
    let sibling = connection(&store, &first).await.id;
    let foreign = connection(&store, &second).await.id;
    for (tenant, id) in [(&first, &one), (&first, &sibling), (&second, &foreign)] {
        let held = held(&store, tenant, id, "same text").await;
        let answer = id.as_str().as_bytes();
        store.settle_idempotency_key(held, done(answer)).await.unwrap();
    }
    for (tenant, id) in [(&first, &one), (&first, &sibling), (&second, &foreign)] {
        match claim(&store, tenant, id, "same text").await {
            IdempotencyClaim::Done { answer } => assert_eq!(answer, id.as_str().as_bytes()),
            other => panic!("{other:?}"),
        }
    }
    let stolen = store
        .claim_idempotency_key(&second, &one, request("same text"))
        .await;
    assert_eq!(stolen.unwrap_err(), StoreError::NotFound);
}

async fn a_claim_that_lapsed_is_never_granted_again(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let id = connection(&store, &tenant).await.id;
    let late = held(&store, &tenant, &id, "late").await;
    assert_eq!(
        world
            .tamper("UPDATE idempotency_keys SET lease_until_ms = 0")
            .await,
        1
    );
    for _ in 0..2 {
        let again = claim(&store, &tenant, &id, "late").await;
        assert!(matches!(again, IdempotencyClaim::Indeterminate), "{again:?}");
    }
    // Who was slow and not dead still knows.
    assert!(store.settle_idempotency_key(late, done(b"201")).await.unwrap());
    let known = claim(&store, &tenant, &id, "late").await;
    assert!(matches!(known, IdempotencyClaim::Done { .. }), "{known:?}");

    let unsure = held(&store, &tenant, &id, "unsure").await;
    let told = store.settle_idempotency_key(unsure, IdempotencyOutcome::Indeterminate);
    assert!(told.await.unwrap());
    let again = claim(&store, &tenant, &id, "unsure").await;
    assert!(matches!(again, IdempotencyClaim::Indeterminate), "{again:?}");
}

async fn a_write_that_did_nothing_frees_its_key(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let id = connection(&store, &tenant).await.id;
    let first = held(&store, &tenant, &id, "key").await;
    let freed = store.settle_idempotency_key(first, IdempotencyOutcome::NothingDone);
    assert!(freed.await.unwrap());
    let other = IdempotencyRequest {
        fingerprint: &OTHER_FINGERPRINT,
        ..request("key")
    };
    let claim = store.claim_idempotency_key(&tenant, &id, other).await.unwrap();
    assert!(matches!(claim, IdempotencyClaim::Claimed(_)), "{claim:?}");
}

async fn a_key_past_its_time_is_a_new_one_and_is_swept(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let id = connection(&store, &tenant).await.id;
    let forgotten = held(&store, &tenant, &id, "key").await;
    let kept = held(&store, &tenant, &id, "kept").await;
    store.settle_idempotency_key(kept, done(b"x")).await.unwrap();
    let past = "UPDATE idempotency_keys SET expires_at_ms = 1 WHERE state = 'started'";
    assert_eq!(world.tamper(past).await, 1);
    let new = held(&store, &tenant, &id, "key").await;
    let is_known = store
        .settle_idempotency_key(forgotten, done(b"old"))
        .await
        .unwrap();
    assert!(!is_known, "the claim of before changes nothing");
    store.settle_idempotency_key(new, done(b"new")).await.unwrap();
    match claim(&store, &tenant, &id, "key").await {
        IdempotencyClaim::Done { answer } => assert_eq!(answer, b"new"),
        other => panic!("{other:?}"),
    }

    assert_eq!(store.sweep_idempotency_keys().await.unwrap(), 0);
    for index in 0..1_100 {
        held(&store, &tenant, &id, &format!("many-{index}")).await;
    }
    assert_eq!(world.tamper(past).await, 1_100);
    assert_eq!(
        store.sweep_idempotency_keys().await.unwrap(),
        1_100,
        "more than one statement takes"
    );
    let kept = claim(&store, &tenant, &id, "kept").await;
    assert!(matches!(kept, IdempotencyClaim::Done { .. }), "{kept:?}");
}

async fn an_answer_is_sealed_to_its_own_claim(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let id = connection(&store, &tenant).await.id;
    for (key, answer) in [("one", b"canary-of-one"), ("two", b"canary-of-two")] {
        let held = held(&store, &tenant, &id, key).await;
        store.settle_idempotency_key(held, done(answer)).await.unwrap();
    }
    if !world.is_postgres() {
        store.close().await;
        let mut found = 0;
        for entry in std::fs::read_dir(world.dir.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let bytes = std::fs::read(&path).unwrap();
                found += bytes.len();
                assert!(
                    !bytes.windows(9).any(|piece| piece == b"canary-of"),
                    "{}",
                    path.display()
                );
            }
        }
        assert!(found > 0, "the database was looked at");
    }
    let store = world.store().await;
    // One row gets the other's answer.
    let moved = "UPDATE idempotency_keys SET sealed_answer = (SELECT other.sealed_answer FROM idempotency_keys AS other \
                 ORDER BY other.claim DESC LIMIT 1) WHERE claim = (SELECT MIN(claim) FROM idempotency_keys)";
    assert_eq!(world.tamper(moved).await, 1);
    let mut opened = 0;
    for (key, answer) in [("one", b"canary-of-one"), ("two", b"canary-of-two")] {
        match store.claim_idempotency_key(&tenant, &id, request(key)).await {
            Ok(IdempotencyClaim::Done { answer: kept }) => {
                assert_eq!(kept, answer, "its own");
                opened += 1;
            }
            other => assert_eq!(other.unwrap_err(), StoreError::Seal { what: "answer" }),
        }
    }
    assert_eq!(opened, 1);
}

async fn keys_go_with_their_connection(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let id = connection(&store, &tenant).await.id;
    let held = held(&store, &tenant, &id, "key").await;
    store.delete_connection(&tenant, &id).await.unwrap();
    assert!(!store.settle_idempotency_key(held, done(b"late")).await.unwrap());
    assert_eq!(world.tamper("DELETE FROM idempotency_keys").await, 0);
}

async fn a_key_that_cannot_be_one_is_refused(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let id = connection(&store, &tenant).await.id;
    for key in ["", "a\nb", "\0", &"x".repeat(256)] {
        let refused = store.claim_idempotency_key(&tenant, &id, request(key)).await;
        assert!(matches!(refused, Err(StoreError::Invalid { .. })), "{refused:?}");
    }
    held(&store, &tenant, &id, &"é".repeat(255)).await;
}
