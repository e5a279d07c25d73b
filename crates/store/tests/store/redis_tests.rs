//! Leases, and what several nodes tell each other. Redis is reached through a wire that the test can cut.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Clock, ManualClock, OsRandom, Secret, SystemClock};
use store::{LeaseOutcome, OverrideLevel, RefreshClaim, Refreshed, Store};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::support::{
    Counters, World, assert_not_found, connection, credentials, environment, eventually, operator,
    random_name, tenant, tenant_and_key, tokens,
};

/// A wire to Redis. Cut, it drops what is connected and answers nobody.
struct Wire {
    cut: watch::Sender<bool>,
}

impl Wire {
    /// A wire to database `database` of the test's Redis.
    async fn to_redis(database: u8) -> Option<(Self, Secret)> {
        let url = environment("CROSSWALK_TEST_REDIS_URL")?;
        let target = url.trim_start_matches("redis://").split('/').next()?.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (cut, cuts) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (target, mut cuts) = (target.clone(), cuts.clone());
                tokio::spawn(async move {
                    if *cuts.borrow() {
                        return;
                    }
                    let Ok(mut far) = TcpStream::connect(target).await else {
                        return;
                    };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = cuts.wait_for(|cut| *cut) => {}
                    }
                });
            }
        });
        let url = Secret::new(format!("redis://{address}/{database}"));
        Some((Self { cut }, url))
    }

    fn cut(&self) {
        self.cut.send_replace(true);
    }

    fn mend(&self) {
        self.cut.send_replace(false);
    }
}

async fn with_redis(mut world: World, url: &Secret) -> (World, Store) {
    world.config.redis_url = Some(url.clone());
    let store = world.store().await;
    (world, store)
}

async fn lease_suite(store: &Store, other: &Store) {
    let name = format!("{{{}}}:refresh", random_name());
    let LeaseOutcome::Acquired(first) = store.lease(&name, 60_000).await else {
        panic!("free")
    };
    assert!(matches!(other.lease(&name, 60_000).await, LeaseOutcome::Busy));
    assert!(store.extend_lease(&first, 100).await);
    tokio::time::sleep(Duration::from_millis(150)).await;
    // The first holder's time is up; a successor holds it now.
    assert!(!store.extend_lease(&first, 60_000).await);
    let LeaseOutcome::Acquired(second) = other.lease(&name, 60_000).await else {
        panic!("free again")
    };
    // Claim 15: a late release leaves the successor's lease alone.
    assert!(!store.release_lease(first).await);
    assert!(matches!(store.lease(&name, 60_000).await, LeaseOutcome::Busy));
    assert!(other.release_lease(second).await);
    assert!(matches!(
        store.lease(&name, u64::MAX).await,
        LeaseOutcome::Acquired(_)
    ));
}

async fn one_of_fifty(store: &Store) {
    let name = random_name();
    let asks = (0..50).map(|_| {
        let (store, name) = (store.clone(), name.clone());
        tokio::spawn(async move { matches!(store.lease(&name, 60_000).await, LeaseOutcome::Acquired(_)) })
    });
    let mut acquired = 0;
    for ask in asks.collect::<Vec<_>>() {
        acquired += usize::from(ask.await.expect("no panic"));
    }
    assert_eq!(acquired, 1);
}

#[tokio::test]
async fn leases_in_this_process_have_one_owner() {
    let store = World::sqlite().store().await;
    lease_suite(&store, &store).await;
    one_of_fifty(&store).await;
}

#[tokio::test]
async fn leases_in_redis_have_one_owner() {
    let Some((_wire, url)) = Wire::to_redis(1).await else {
        return;
    };
    let (_world, store) = with_redis(World::sqlite(), &url).await;
    let (_other_world, other) = with_redis(World::sqlite(), &url).await;
    lease_suite(&store, &other).await;
    one_of_fifty(&store).await;
}

/// The part of claims 5 and 6 that is the store's: whatever happens to Redis, one claim is granted.
#[tokio::test]
async fn a_flushed_or_dead_redis_does_not_grant_a_second_claim() {
    let Some((wire, url)) = Wire::to_redis(15).await else {
        return;
    };
    let counters = Counters::default();
    let _counting = metrics::set_default_local_recorder(&counters);
    let (_world, store) = with_redis(World::sqlite(), &url).await;
    let tenant = tenant(&store).await;
    let connection = connection(&store, &tenant).await;
    let name = random_name();
    let LeaseOutcome::Acquired(lease) = store.lease(&name, 60_000).await else {
        panic!("free")
    };
    let claim = store
        .claim_refresh(&tenant, &connection.id, 1, "first", 25_000)
        .await
        .unwrap();
    assert!(matches!(claim, RefreshClaim::Claimed { .. }));
    let mut direct = redis::Client::open(url.expose())
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    redis::cmd("FLUSHDB")
        .query_async::<()>(&mut direct)
        .await
        .unwrap();
    assert!(
        matches!(store.lease(&name, 60_000).await, LeaseOutcome::Acquired(_)),
        "the lease is lost"
    );
    let second = store
        .claim_refresh(&tenant, &connection.id, 1, "second", 25_000)
        .await
        .unwrap();
    assert!(matches!(second, RefreshClaim::Held { .. }), "the claim is not");
    assert!(
        !store.release_lease(lease).await,
        "the new holder keeps its lease"
    );

    wire.cut();
    let started = Instant::now();
    assert!(matches!(
        store.lease("dead", 60_000).await,
        LeaseOutcome::Unavailable
    ));
    for _ in 0..50 {
        assert!(matches!(
            store.lease("dead", 60_000).await,
            LeaseOutcome::Unavailable
        ));
    }
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "a dead Redis costs little: {:?}",
        started.elapsed()
    );
    assert!(counters.get("crosswalk_redis_errors_total") > 0);
    let third = store
        .claim_refresh(&tenant, &connection.id, 1, "third", 25_000)
        .await
        .unwrap();
    assert!(matches!(third, RefreshClaim::Held { .. }));
    wire.mend();
    eventually("Redis is used again", || async {
        matches!(
            store.lease(&random_name(), 60_000).await,
            LeaseOutcome::Acquired(_)
        )
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_is_away_at_the_start_does_not_keep_the_store_from_opening() {
    let mut world = World::sqlite();
    world.config.redis_url = Some(Secret::new("redis://127.0.0.1:1"));
    let store = world.store().await;
    let tenant = tenant(&store).await;
    connection(&store, &tenant).await;
    let readiness = store.readiness().await;
    assert!(readiness.is_ready(), "degraded, not down");
    assert!(matches!(readiness.redis, Some(Err(_))));
    assert!(matches!(store.lease("x", 1_000).await, LeaseOutcome::Unavailable));
}

#[tokio::test]
async fn tokens_spilled_to_redis_are_found_by_another_node() {
    let Some((_wire, url)) = Wire::to_redis(2).await else {
        return;
    };
    let Some(mut world) = World::postgres().await else {
        return;
    };
    world.config.redis_url = Some(url.clone());
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let connection = connection(&store, &tenant).await;
    let claim = store
        .claim_refresh(&tenant, &connection.id, 1, "first", 25_000)
        .await
        .unwrap();
    let RefreshClaim::Claimed { fence, .. } = claim else {
        panic!("granted")
    };
    let refreshed = Refreshed {
        tokens: tokens("access-2", Some("refresh-2")),
        instance_url: None,
        scopes: None,
        access_expires_at_ms: None,
        was_refused: false,
    };
    store
        .spill_refreshed(&tenant, &connection.id, 1, fence, &refreshed)
        .await
        .unwrap();
    let other = world.other_node().await;
    let found = other.tokens_fresh(&tenant, &connection.id).await.unwrap();
    assert_eq!((found.version, &found.tokens), (2, &refreshed.tokens));
    // The first node's file is superseded by then, and Redis is clean.
    assert_eq!(store.recover_spilled().await.unwrap(), 0);
    assert_eq!(std::fs::read_dir(world.spill_dir()).unwrap().count(), 0);
    world.end().await;
}

/// A node whose clock stands still: nothing it remembers grows old, so only what it is told makes it read again.
async fn still_node(world: &World) -> (Store, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(SystemClock.now_ms()));
    let config = store::StoreConfig {
        data_dir: None,
        ..world.config.clone()
    };
    let shared: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
    (
        Store::open(config, shared, Arc::new(OsRandom)).await.unwrap(),
        clock,
    )
}

/// Changes things on `store` that `other` remembers, calls `then`, and waits until `other` sees them.
async fn changes_are_seen(store: &Store, other: &Store, then: impl Fn()) {
    let operator = operator(store).await;
    let (tenant, key) = tenant_and_key(store).await;
    let own = store
        .save_new_credentials(&tenant, credentials(Some("customer")))
        .await
        .unwrap();
    let key_id = store.list_api_keys(&operator, tenant.id()).await.unwrap()[0]
        .id
        .clone();
    other.authenticate(key.expose()).await.unwrap();
    other
        .connection_by_external_id(&tenant, "testcrm", "customer")
        .await
        .unwrap();
    assert_eq!(other.tokens(&tenant, &own.id).await.unwrap().version, 1);
    assert!(
        other
            .overrides_for(&tenant, &own, "contacts")
            .await
            .unwrap()
            .is_empty()
    );

    let again = store::NewCredentials {
        connection_id: Some(own.id.clone()),
        ..credentials(None)
    };
    store.save_new_credentials(&tenant, again).await.unwrap();
    store
        .put_override(&tenant, &OverrideLevel::Tenant, "testcrm", "contacts", "a: 1")
        .await
        .unwrap();
    store
        .revoke_api_key(&operator, tenant.id(), &key_id)
        .await
        .unwrap();
    then();
    eventually("tokens", || async {
        other.tokens(&tenant, &own.id).await.unwrap().version == 2
    })
    .await;
    eventually("overrides", || async {
        !other
            .overrides_for(&tenant, &own, "contacts")
            .await
            .unwrap()
            .is_empty()
    })
    .await;
    eventually("revocation", || async {
        other.authenticate(key.expose()).await.is_err()
    })
    .await;
    store.delete_connection(&tenant, &own.id).await.unwrap();
    then();
    eventually("deletion", || async {
        other.connection(&tenant, &own.id).await.is_err()
    })
    .await;
    assert_not_found(
        other
            .connection_by_external_id(&tenant, "testcrm", "customer")
            .await,
    );
}

#[tokio::test]
async fn another_node_hears_of_a_change_through_redis() {
    let Some((wire, url)) = Wire::to_redis(3).await else {
        return;
    };
    let Some(mut world) = World::postgres().await else {
        return;
    };
    world.config.redis_url = Some(url.clone());
    let store = world.store().await;
    let (other, clock) = still_node(&world).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    changes_are_seen(&store, &other, || ()).await;
    // Redis dies: the other node notices, and trusts its memory for two seconds at most.
    wire.cut();
    tokio::time::sleep(Duration::from_millis(100)).await;
    changes_are_seen(&store, &other, || clock.advance_ms(2_001)).await;
    // What could not be said is said when Redis is back.
    wire.mend();
    tokio::time::sleep(Duration::from_secs(3)).await;
    changes_are_seen(&store, &other, || ()).await;
    world.end().await;
}

#[tokio::test]
async fn without_redis_another_node_reads_again_after_two_seconds() {
    let Some(world) = World::postgres().await else {
        return;
    };
    let store = world.store().await;
    let (other, clock) = still_node(&world).await;
    changes_are_seen(&store, &other, || clock.advance_ms(2_001)).await;
    let tenant = tenant(&store).await;
    let own = connection(&store, &tenant).await;
    other.connection(&tenant, &own.id).await.unwrap();
    store.delete_connection(&tenant, &own.id).await.unwrap();
    assert!(
        other.connection(&tenant, &own.id).await.is_ok(),
        "memory is used within the two seconds"
    );
    world.end().await;
}

#[tokio::test]
async fn a_warm_request_runs_no_redis_command() {
    let Some((_wire, url)) = Wire::to_redis(4).await else {
        return;
    };
    let Some(mut world) = World::postgres().await else {
        return;
    };
    world.config.redis_url = Some(url);
    let counters = Counters::default();
    let _counting = metrics::set_default_local_recorder(&counters);
    let (store, _clock) = still_node(&world).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    crate::warm::warm_requests_ask_nobody(&store, &counters).await;
    world.end().await;
}
