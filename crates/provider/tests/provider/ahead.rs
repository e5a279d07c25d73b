//! Refreshing before anybody waits, and many refreshes at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use model::{Clock, Limits, SystemClock};
use provider::Call;
use store::{Connection, ConnectionChange, ConnectionState, Tenant};

use crate::fake::TokenScript;
use crate::support::{World, connection, connection_with, tenant};

/// A clock that is moved by hand.
#[derive(Debug, Default)]
struct MovedClock(AtomicI64);

impl Clock for MovedClock {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.0.load(Ordering::SeqCst)
    }
}

async fn world_with_clock() -> (World, Arc<MovedClock>) {
    let clock = Arc::new(MovedClock::default());
    let world = World::with(Limits::default(), clock.clone(), Some("refresh-1")).await;
    (world, clock)
}

#[tokio::test]
async fn a_token_in_use_is_refreshed_before_its_end_and_one_out_of_use_is_not() {
    let (world, clock) = world_with_clock().await;
    let expiring = || TokenScript::RotateWith(serde_json::json!({ "expires_in": 1_800 }));
    world.fake.next(expiring());
    world.get("/things").await.unwrap();
    assert_eq!(world.fake.posts(), 1);
    assert_eq!(
        world.providers.refresh_ahead().await,
        0,
        "it was used before its end was known"
    );
    world.get("/things").await.unwrap();
    assert_eq!(world.providers.refresh_ahead().await, 0, "half an hour is left");
    clock.0.store(1_799_000, Ordering::SeqCst);
    assert_eq!(world.providers.refresh_ahead().await, 1);
    assert_eq!(world.fake.posts(), 2);
    assert_eq!(world.stored().await.0, 3);
    // The new one does not say when it ends.
    assert_eq!(world.providers.refresh_ahead().await, 0);
    assert_eq!(world.fake.revocations.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_refresh_ahead_of_time_that_fails_leaves_the_token_in_use() {
    let (world, clock) = world_with_clock().await;
    world.fake.next(TokenScript::RotateWith(
        serde_json::json!({ "expires_in": 1_800 }),
    ));
    world.get("/things").await.unwrap();
    world.get("/things").await.unwrap();
    clock.0.store(1_700_000, Ordering::SeqCst);
    world
        .fake
        .next(TokenScript::Answer(503, "<html>down</html>".to_owned()));
    assert_eq!(world.providers.refresh_ahead().await, 1);
    assert_eq!(world.fake.posts(), 2);
    assert_eq!(world.get("/things").await.unwrap().status.as_u16(), 200);
    assert_eq!(world.now().await.state, ConnectionState::Active);
}

#[tokio::test]
async fn a_grant_that_nobody_uses_is_kept_and_one_without_refresh_token_left_alone() {
    let (world, _clock) = world_with_clock().await;
    let bare = connection(&world.store, &world.tenant, &world.fake, None).await;
    assert_eq!(world.providers.keep_idle_grants().await, 0);
    world
        .tamper("UPDATE connections SET tokens_saved_at_ms = tokens_saved_at_ms - 1900000000")
        .await;
    assert_eq!(world.providers.keep_idle_grants().await, 2);
    assert_eq!(world.fake.posts(), 1);
    assert_eq!(
        world.stored().await,
        (2, "access-2".to_owned(), Some("refresh-2".to_owned()))
    );
    let bare = world.store.connection(&world.tenant, &bare.id).await.unwrap();
    assert_eq!(bare.state, ConnectionState::Active);
    assert_eq!(world.providers.keep_idle_grants().await, 0);
}

/// Connections that were used, half an hour before the end of their tokens; the clock then stands at the last second.
async fn used(world: &World, clock: &MovedClock, refresh_tokens: &[Option<&str>]) -> Vec<Arc<Connection>> {
    let ends_at_ms = clock.now_ms() + 1_800_000;
    let mut connections = Vec::new();
    for refresh_token in refresh_tokens {
        let (store, tenant) = (&world.store, &world.tenant);
        let made = connection_with(
            store,
            tenant,
            &world.fake,
            "good",
            *refresh_token,
            Some(ends_at_ms),
        )
        .await;
        world
            .providers
            .send(tenant, &made, Call::get("/things"))
            .await
            .unwrap();
        connections.push(made);
    }
    clock.0.store(1_799_000, Ordering::SeqCst);
    connections
}

#[tokio::test]
async fn tokens_in_use_are_looked_at_until_the_node_stops() {
    let (world, clock) = world_with_clock().await;
    used(&world, &clock, &[Some("many-1")]).await;
    assert_eq!(world.fake.posts(), 0);
    world.providers.keep_fresh();
    let asked = tokio::time::timeout(Duration::from_secs(20), world.fake.arrived.acquire()).await;
    asked.expect("the first look is at once").unwrap().forget();
    world.providers.drain().await;
    assert_eq!(world.fake.posts(), 1);
}

#[tokio::test]
async fn tokens_that_are_due_together_are_refreshed_a_few_at_a_time() {
    let (world, clock) = world_with_clock().await;
    let tokens: Vec<String> = (0..40).map(|index| format!("many-{index}")).collect();
    let tokens: Vec<_> = tokens.iter().map(|token| Some(token.as_str())).collect();
    used(&world, &clock, &tokens).await;
    assert_eq!(world.providers.refresh_ahead().await, 40);
    assert_eq!(world.fake.posts(), 40);
    let most = world.fake.most_under_way.load(Ordering::SeqCst);
    assert!(
        (2..=Limits::default().token_requests_max).contains(&most),
        "{most}"
    );
}

#[tokio::test]
async fn what_nobody_may_use_or_nothing_renews_is_left_alone() {
    let (world, clock) = world_with_clock().await;
    let made = used(&world, &clock, &[None, Some("many-1"), Some("many-2")]).await;
    let (bare, paused, revoked) = (&made[0].id, &made[1].id, &made[2].id);
    let pause = ConnectionChange {
        paused: Some(true),
        ..ConnectionChange::default()
    };
    world
        .store
        .change_connection(&world.tenant, paused, pause)
        .await
        .unwrap();
    world
        .tamper(&format!(
            "UPDATE connections SET state = 'revoked' WHERE id = '{revoked}'"
        ))
        .await;
    world.providers.refresh_ahead().await;
    assert_eq!(world.fake.posts(), 0);
    let bare = world.store.connection(&world.tenant, bare).await.unwrap();
    assert_eq!(
        bare.state,
        ConnectionState::Active,
        "its token is good to its end"
    );
}

/// Calls for each connection at once; each completion is told.
fn call_all(
    world: &Arc<World>,
    tenant: &Tenant,
    connections: &[Arc<Connection>],
    ended: &tokio::sync::mpsc::UnboundedSender<(Tenant, u16)>,
) {
    for connection in connections {
        let (world, tenant) = (Arc::clone(world), tenant.clone());
        let (connection, ended) = (Arc::clone(connection), ended.clone());
        tokio::spawn(async move {
            let reply = world
                .providers
                .send(&tenant, &connection, Call::get("/things"))
                .await;
            ended.send((tenant, reply.unwrap().status.as_u16())).unwrap();
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_tokens_that_end_together_are_refreshed_a_few_at_a_time_and_starve_nobody() {
    const LARGE: usize = 300;
    let limits = Limits {
        token_requests_max: 8,
        ..Limits::default()
    };
    let world = Arc::new(World::with(limits, Arc::new(SystemClock), Some("refresh-1")).await);
    let small = tenant(&world.store).await;
    let mut of_large = Vec::new();
    for index in 0..LARGE {
        let token = format!("many-{index}");
        of_large.push(connection(&world.store, &world.tenant, &world.fake, Some(&token)).await);
    }
    let mut of_small = Vec::new();
    for index in 0..4 {
        let token = format!("many-small-{index}");
        of_small.push(connection(&world.store, &small, &world.fake, Some(&token)).await);
    }
    let (ended, mut ends) = tokio::sync::mpsc::unbounded_channel();
    call_all(&world, &world.tenant, &of_large, &ended);
    // The large tenant's line is long before the small one comes.
    world.fake.arrived.acquire_many(8).await.unwrap().forget();
    call_all(&world, &small, &of_small, &ended);
    let mut order = Vec::new();
    while order.len() < LARGE + of_small.len() {
        let (tenant, status) = ends.recv().await.unwrap();
        assert_eq!(status, 200);
        order.push(tenant);
    }
    assert_eq!(world.fake.posts(), LARGE + of_small.len());
    let most = world.fake.most_under_way.load(Ordering::SeqCst);
    assert!(most <= 8, "{most} at a time");
    let last_of_small = order.iter().rposition(|tenant| *tenant == small).unwrap();
    assert!(
        last_of_small < LARGE / 2,
        "the small tenant's last came as number {last_of_small}"
    );
}
