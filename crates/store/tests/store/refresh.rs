//! The claim to refresh: one holder, fenced, and nothing lost.

use std::time::Duration;

use model::{Secret, TenantId};
use store::{
    Connection, ConnectionState, RefreshClaim, RefreshRelease, Refreshed, SaveOutcome, Store, Tenant,
};

use crate::support::{Counters, World, connection, credentials, on_both_databases, tenant, tokens};

on_both_databases!(
    of_fifty_claims_one_is_granted,
    a_lapsed_lease_lets_the_next_one_claim,
    a_late_fenced_write_changes_nothing_and_is_counted,
    a_saved_refresh_keeps_what_the_answer_did_not_say,
    a_claim_tells_why_it_is_not_granted,
    releases_end_a_claim_each_in_its_way,
    only_the_holder_marks_a_connection_dead,
    a_reconnect_shuts_out_the_refresh_under_way,
    spilled_tokens_come_back_after_a_restart,
    spilled_tokens_come_back_before_the_next_claim,
    spilled_tokens_of_an_old_version_are_dropped,
    spilled_tokens_bring_a_dead_connection_back,
    spilled_tokens_wait_while_another_claim_runs,
    a_tampered_spill_is_kept_and_not_applied,
    a_save_survives_its_caller,
    a_waiter_wakes_when_the_tokens_change,
);

const LEASE_MS: u64 = 25_000;

fn refreshed(access: &str, refresh: Option<&str>) -> Refreshed {
    Refreshed {
        tokens: tokens(access, refresh),
        instance_url: None,
        scopes: None,
        access_expires_at_ms: Some(9_000),
        was_refused: false,
    }
}

async fn world_with_connection(world: &World) -> (Store, Tenant, Connection) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let connection = connection(&store, &tenant).await;
    (store, tenant, connection)
}

async fn claim(store: &Store, tenant: &Tenant, connection: &Connection, version: i64, lease_ms: u64) -> i64 {
    match store
        .claim_refresh(tenant, &connection.id, version, "test", lease_ms)
        .await
        .unwrap()
    {
        RefreshClaim::Claimed { fence, .. } => fence,
        other => panic!("not granted: {other:?}"),
    }
}

async fn of_fifty_claims_one_is_granted(world: &World) {
    let (store, tenant, connection) = world_with_connection(world).await;
    let claims = (0..50).map(|index| {
        let (store, tenant, id) = (store.clone(), tenant.clone(), connection.id.clone());
        tokio::spawn(async move {
            store
                .claim_refresh(&tenant, &id, 1, &format!("task {index}"), LEASE_MS)
                .await
        })
    });
    let mut granted = 0;
    for claim in claims.collect::<Vec<_>>() {
        match claim.await.unwrap().unwrap() {
            RefreshClaim::Claimed { .. } => granted += 1,
            RefreshClaim::Held { lease_left_ms } => assert!((1..=25_000).contains(&lease_left_ms)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(granted, 1);
}

async fn a_lapsed_lease_lets_the_next_one_claim(world: &World) {
    let (store, tenant, connection) = world_with_connection(world).await;
    let first = claim(&store, &tenant, &connection, 1, 2_000).await;
    let held = store
        .claim_refresh(&tenant, &connection.id, 1, "next", LEASE_MS)
        .await
        .unwrap();
    let RefreshClaim::Held { lease_left_ms } = held else {
        panic!("{held:?}");
    };
    assert!(
        (2..=2_000).contains(&lease_left_ms),
        "{lease_left_ms}: whoever waits is told how long"
    );
    assert!(
        store
            .extend_refresh(&tenant, &connection.id, first, 1_500)
            .await
            .unwrap()
    );
    tokio::time::sleep(Duration::from_millis(1_700)).await;
    let second = claim(&store, &tenant, &connection, 1, LEASE_MS).await;
    assert!(second > first);
    assert!(
        !store
            .extend_refresh(&tenant, &connection.id, first, LEASE_MS)
            .await
            .unwrap()
    );
}

/// Claim 4.
async fn a_late_fenced_write_changes_nothing_and_is_counted(world: &World) {
    let counters = Counters::default();
    let _counting = metrics::set_default_local_recorder(&counters);
    let (store, tenant, connection) = world_with_connection(world).await;
    let late = claim(&store, &tenant, &connection, 1, 1).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let present = claim(&store, &tenant, &connection, 1, LEASE_MS).await;
    let id = &connection.id;
    let before = store.tokens_fresh(&tenant, id).await.unwrap();
    let outcome = store
        .save_refreshed(&tenant, id, 1, late, &refreshed("late", Some("late")))
        .await
        .unwrap();
    assert_eq!(outcome, SaveOutcome::Superseded);
    assert_eq!(store.tokens_fresh(&tenant, id).await.unwrap(), before);
    assert_eq!(counters.get("crosswalk_token_cas_conflicts_total"), 1);
    for release in [
        RefreshRelease::NotSent,
        RefreshRelease::Failed,
        RefreshRelease::OutcomeUnknown { cooldown_ms: 1 },
    ] {
        assert!(!store.release_refresh(&tenant, id, late, release).await.unwrap());
    }
    let saved = store
        .save_refreshed(&tenant, id, 1, present, &refreshed("new", Some("new")))
        .await
        .unwrap();
    assert_eq!(saved, SaveOutcome::Saved { version: 2 });
    // The same save once more is late as well.
    let again = store
        .save_refreshed(&tenant, id, 1, present, &refreshed("new", Some("new")))
        .await
        .unwrap();
    assert_eq!(again, SaveOutcome::Superseded);
    assert_eq!(counters.get("crosswalk_token_cas_conflicts_total"), 2);
}

async fn a_saved_refresh_keeps_what_the_answer_did_not_say(world: &World) {
    let (store, tenant, connection) = world_with_connection(world).await;
    let id = &connection.id;
    let fence = claim(&store, &tenant, &connection, 1, LEASE_MS).await;
    store.tokens(&tenant, id).await.unwrap();
    store
        .save_refreshed(&tenant, id, 1, fence, &refreshed("access-2", None))
        .await
        .unwrap();
    let found = store.tokens(&tenant, id).await.unwrap();
    assert_eq!(found.tokens, tokens("access-2", Some("refresh-1")));
    assert_eq!((found.version, found.access_expires_at_ms), (2, Some(9_000)));
    assert_eq!(found.instance_url, connection.instance_url);
    assert_eq!(
        store.connection(&tenant, id).await.unwrap().scopes,
        connection.scopes
    );
    let fence = claim(&store, &tenant, &connection, 2, LEASE_MS).await;
    let more = Refreshed {
        instance_url: Some("https://moved.example".to_owned()),
        scopes: Some(vec!["less".to_owned()]),
        access_expires_at_ms: None,
        ..refreshed("access-3", Some("refresh-3"))
    };
    store.save_refreshed(&tenant, id, 2, fence, &more).await.unwrap();
    let found = store.tokens(&tenant, id).await.unwrap();
    assert_eq!(found.tokens, tokens("access-3", Some("refresh-3")));
    assert_eq!((found.version, found.access_expires_at_ms), (3, None));
    let connection = store.connection(&tenant, id).await.unwrap();
    assert_eq!(connection.instance_url.as_deref(), Some("https://moved.example"));
    assert_eq!(connection.scopes, ["less"]);
}

async fn a_claim_tells_why_it_is_not_granted(world: &World) {
    let (store, tenant, connection) = world_with_connection(world).await;
    let id = &connection.id;
    let ask = |version| store.claim_refresh(&tenant, id, version, "test", LEASE_MS);
    assert_eq!(ask(0).await.unwrap(), RefreshClaim::Advanced { version: 1 });
    let fence = claim(&store, &tenant, &connection, 1, LEASE_MS).await;
    assert!(matches!(ask(1).await.unwrap(), RefreshClaim::Held { .. }));
    assert!(
        store
            .mark_needs_reauth(&tenant, id, 1, fence, "revoked\nby user")
            .await
            .unwrap()
    );
    assert_eq!(
        ask(1).await.unwrap(),
        RefreshClaim::NotActive {
            state: ConnectionState::NeedsReauth
        }
    );
    let connection = store.connection(&tenant, id).await.unwrap();
    assert_eq!(connection.state, ConnectionState::NeedsReauth);
    assert_eq!(connection.state_reason.as_deref(), Some("revokedby user"));
}

async fn releases_end_a_claim_each_in_its_way(world: &World) {
    let (store, tenant, connection) = world_with_connection(world).await;
    let id = &connection.id;
    for release in [RefreshRelease::NotSent, RefreshRelease::Failed] {
        let fence = claim(&store, &tenant, &connection, 1, LEASE_MS).await;
        assert!(store.release_refresh(&tenant, id, fence, release).await.unwrap());
        assert!(
            !store.release_refresh(&tenant, id, fence, release).await.unwrap(),
            "only once"
        );
    }
    assert_eq!(
        world
            .tamper("UPDATE connections SET scopes = scopes WHERE refresh_intent_at_ms IS NULL")
            .await,
        1
    );
    let fence = claim(&store, &tenant, &connection, 1, LEASE_MS).await;
    let unknown = RefreshRelease::OutcomeUnknown { cooldown_ms: 5_000 };
    assert!(store.release_refresh(&tenant, id, fence, unknown).await.unwrap());
    let intent = "UPDATE connections SET scopes = scopes WHERE refresh_intent_at_ms IS NOT NULL";
    assert_eq!(world.tamper(intent).await, 1);
    let cooling = store
        .claim_refresh(&tenant, id, 1, "test", LEASE_MS)
        .await
        .unwrap();
    assert!(
        matches!(
            cooling,
            RefreshClaim::Held {
                lease_left_ms: 1..=5_000
            }
        ),
        "{cooling:?}"
    );
    // The answer arrives after all, late but before anybody else claimed.
    let saved = store
        .save_refreshed(&tenant, id, 1, fence, &refreshed("late", None))
        .await
        .unwrap();
    assert_eq!(saved, SaveOutcome::Saved { version: 2 });
}

async fn only_the_holder_marks_a_connection_dead(world: &World) {
    let (store, tenant, connection) = world_with_connection(world).await;
    let id = &connection.id;
    let fence = claim(&store, &tenant, &connection, 1, LEASE_MS).await;
    assert!(
        !store
            .mark_needs_reauth(&tenant, id, 1, fence - 1, "x")
            .await
            .unwrap()
    );
    assert!(!store.mark_needs_reauth(&tenant, id, 2, fence, "x").await.unwrap());
    assert_eq!(
        store.connection(&tenant, id).await.unwrap().state,
        ConnectionState::Active
    );
    assert!(store.mark_needs_reauth(&tenant, id, 1, fence, "x").await.unwrap());
    assert_eq!(
        store.connection(&tenant, id).await.unwrap().state,
        ConnectionState::NeedsReauth
    );
}

async fn a_reconnect_shuts_out_the_refresh_under_way(world: &World) {
    let (store, tenant, connection) = world_with_connection(world).await;
    let fence = claim(&store, &tenant, &connection, 1, LEASE_MS).await;
    let again = store::NewCredentials {
        connection_id: Some(connection.id.clone()),
        tokens: tokens("fresh", Some("fresh")),
        ..credentials(None)
    };
    store.save_new_credentials(&tenant, again).await.unwrap();
    for version in [1, 2] {
        let outcome = store
            .save_refreshed(&tenant, &connection.id, version, fence, &refreshed("old", None))
            .await
            .unwrap();
        assert_eq!(outcome, SaveOutcome::Superseded);
    }
    let found = store.tokens_fresh(&tenant, &connection.id).await.unwrap();
    assert_eq!(found.tokens.access_token, Secret::new("fresh"));
    claim(&store, &tenant, &connection, 2, LEASE_MS).await;
}

fn spilled_files(world: &World) -> usize {
    std::fs::read_dir(world.spill_dir()).unwrap().count()
}

/// Claim 8.
async fn spilled_tokens_come_back_after_a_restart(world: &World) {
    let (store, tenant, connection) = world_with_connection(world).await;
    let fence = claim(&store, &tenant, &connection, 1, LEASE_MS).await;
    let rotated = refreshed("canary-rotated", Some("canary-rotated"));
    store
        .spill_refreshed(&tenant, &connection.id, 1, fence, &rotated)
        .await
        .unwrap();
    store.close().await;
    drop(store);
    assert_eq!(spilled_files(world), 1);
    for entry in std::fs::read_dir(world.spill_dir()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"canary"));
    }
    let store = world.store().await;
    assert_eq!(spilled_files(world), 0);
    let found = store.tokens(&tenant, &connection.id).await.unwrap();
    assert_eq!((found.version, &found.tokens), (2, &rotated.tokens));
}

async fn spilled_tokens_come_back_before_the_next_claim(world: &World) {
    let (store, tenant, connection) = world_with_connection(world).await;
    let fence = claim(&store, &tenant, &connection, 1, LEASE_MS).await;
    let rotated = refreshed("access-2", None);
    store
        .spill_refreshed(&tenant, &connection.id, 1, fence, &rotated)
        .await
        .unwrap();
    let answer = store
        .claim_refresh(&tenant, &connection.id, 1, "next", LEASE_MS)
        .await
        .unwrap();
    assert_eq!(answer, RefreshClaim::Advanced { version: 2 });
    let found = store.tokens(&tenant, &connection.id).await.unwrap();
    assert_eq!(found.tokens, tokens("access-2", Some("refresh-1")));
    assert_eq!(spilled_files(world), 0);
    assert_eq!(store.recover_spilled().await.unwrap(), 0);
}

async fn spilled_tokens_of_an_old_version_are_dropped(world: &World) {
    let (store, tenant, connection) = world_with_connection(world).await;
    let fence = claim(&store, &tenant, &connection, 1, LEASE_MS).await;
    store
        .save_refreshed(&tenant, &connection.id, 1, fence, &refreshed("saved", None))
        .await
        .unwrap();
    store
        .spill_refreshed(&tenant, &connection.id, 1, fence, &refreshed("stale", None))
        .await
        .unwrap();
    assert_eq!(store.recover_spilled().await.unwrap(), 0);
    assert_eq!(spilled_files(world), 0);
    let found = store.tokens_fresh(&tenant, &connection.id).await.unwrap();
    assert_eq!(found.tokens.access_token, Secret::new("saved"));
    // Nor do those of a deleted connection stay.
    let fence = claim(&store, &tenant, &connection, 2, LEASE_MS).await;
    store
        .spill_refreshed(&tenant, &connection.id, 2, fence, &refreshed("orphan", None))
        .await
        .unwrap();
    store.delete_connection(&tenant, &connection.id).await.unwrap();
    assert_eq!(store.recover_spilled().await.unwrap(), 0);
    assert_eq!(spilled_files(world), 0);
}

async fn spilled_tokens_bring_a_dead_connection_back(world: &World) {
    let (store, tenant, connection) = world_with_connection(world).await;
    let fence = claim(&store, &tenant, &connection, 1, LEASE_MS).await;
    store
        .spill_refreshed(
            &tenant,
            &connection.id,
            1,
            fence,
            &refreshed("rotated", Some("rotated")),
        )
        .await
        .unwrap();
    store
        .mark_needs_reauth(&tenant, &connection.id, 1, fence, "used twice")
        .await
        .unwrap();
    assert_eq!(store.recover_spilled().await.unwrap(), 1);
    assert_eq!(
        store.connection(&tenant, &connection.id).await.unwrap().state,
        ConnectionState::Active
    );
}

async fn spilled_tokens_wait_while_another_claim_runs(world: &World) {
    let (store, tenant, connection) = world_with_connection(world).await;
    let id = &connection.id;
    let lapsed = claim(&store, &tenant, &connection, 1, 1).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let running = claim(&store, &tenant, &connection, 1, LEASE_MS).await;
    store
        .spill_refreshed(&tenant, id, 1, lapsed, &refreshed("rotated", Some("rotated")))
        .await
        .unwrap();
    assert_eq!(store.recover_spilled().await.unwrap(), 0);
    assert_eq!(spilled_files(world), 1);
    store
        .release_refresh(&tenant, id, running, RefreshRelease::NotSent)
        .await
        .unwrap();
    assert_eq!(store.recover_spilled().await.unwrap(), 1);
    assert_eq!(spilled_files(world), 0);
}

async fn a_tampered_spill_is_kept_and_not_applied(world: &World) {
    let (store, tenant, connection) = world_with_connection(world).await;
    let other = crate::support::connection(&store, &tenant).await;
    let fence = claim(&store, &tenant, &connection, 1, LEASE_MS).await;
    store
        .spill_refreshed(&tenant, &connection.id, 1, fence, &refreshed("rotated", None))
        .await
        .unwrap();
    let entry = std::fs::read_dir(world.spill_dir())
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let name = entry.file_name().into_string().unwrap();
    // Renamed to another connection, another version and another tenant.
    let nobody = TenantId::generate(&model::OsRandom);
    for moved in [
        name.replace(connection.id.as_str(), other.id.as_str()),
        name.replace(".1.", ".2."),
        name.replace(tenant.id().as_str(), nobody.as_str()),
    ] {
        std::fs::copy(entry.path(), world.spill_dir().join(moved)).unwrap();
    }
    std::fs::write(entry.path(), b"garbage").unwrap();
    assert_eq!(store.recover_spilled().await.unwrap(), 0);
    assert_eq!(spilled_files(world), 4);
    assert_eq!(
        store.tokens_fresh(&tenant, &connection.id).await.unwrap().version,
        1
    );
    assert_eq!(store.tokens_fresh(&tenant, &other.id).await.unwrap().version, 1);
}

/// Claim 9, the store's part: whoever asked for the save may be gone before it is done.
async fn a_save_survives_its_caller(world: &World) {
    let (store, tenant, connection) = world_with_connection(world).await;
    let fence = claim(&store, &tenant, &connection, 1, LEASE_MS).await;
    let rotated = refreshed("access-2", Some("refresh-2"));
    // Long enough to begin the UPDATE, too short to see it end.
    for _ in 0..20 {
        let save = store.save_refreshed(&tenant, &connection.id, 1, fence, &rotated);
        let _cut = tokio::time::timeout(Duration::from_micros(200), save).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        if store.tokens(&tenant, &connection.id).await.unwrap().version == 2 {
            break;
        }
    }
    // However it was cut, cache and row agree.
    let cached = store.tokens(&tenant, &connection.id).await.unwrap();
    assert_eq!(cached, store.tokens_fresh(&tenant, &connection.id).await.unwrap());
    if cached.version == 1 {
        store
            .save_refreshed(&tenant, &connection.id, 1, fence, &rotated)
            .await
            .unwrap();
    }
    assert_eq!(
        store.tokens(&tenant, &connection.id).await.unwrap().tokens,
        rotated.tokens
    );
}

async fn a_waiter_wakes_when_the_tokens_change(world: &World) {
    let (store, tenant, connection) = world_with_connection(world).await;
    let fence = claim(&store, &tenant, &connection, 1, LEASE_MS).await;
    let waiter = {
        let (store, id) = (store.clone(), connection.id.clone());
        tokio::spawn(async move { store.wait_for_change(&id, 20_000).await })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiter.is_finished());
    store
        .save_refreshed(&tenant, &connection.id, 1, fence, &refreshed("access-2", None))
        .await
        .unwrap();
    tokio::time::timeout(Duration::from_secs(5), waiter)
        .await
        .unwrap()
        .unwrap();
}
