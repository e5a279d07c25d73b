//! How long tokens live, learned from refusals; and grants that nobody uses.

use model::ConnectionId;
use store::{RefreshClaim, Refreshed, SaveOutcome, Store, Tenant};

use crate::support::{World, connection, credentials, on_both_databases, tenant, tokens};

on_both_databases!(
    two_refusals_at_about_the_same_age_teach_a_lifetime,
    ages_that_teach_nothing,
    an_idle_grant_is_given_out_once,
    a_claim_after_an_unfinished_one_says_so,
);

const HOUR_MS: i64 = 3_600_000;

async fn claimed(store: &Store, tenant: &Tenant, id: &ConnectionId, version: i64) -> (i64, bool) {
    match store
        .claim_refresh(tenant, id, version, "test", 25_000)
        .await
        .unwrap()
    {
        RefreshClaim::Claimed { fence, unsettled } => (fence, unsettled),
        other => panic!("not granted: {other:?}"),
    }
}

/// Refreshes tokens that are `age_ms` old, and answers what is known of their lifetime.
async fn refresh(
    world: &World,
    at: (&Store, &Tenant, &ConnectionId),
    age_ms: i64,
    refused: bool,
) -> Option<i64> {
    let (store, tenant, id) = at;
    let now = store.tokens_fresh(tenant, id).await.unwrap();
    let age = format!("UPDATE connections SET tokens_saved_at_ms = tokens_saved_at_ms - {age_ms}");
    world.tamper(&age).await;
    let (fence, _) = claimed(store, tenant, id, now.version).await;
    let refreshed = Refreshed {
        tokens: tokens("next", Some("next")),
        instance_url: None,
        scopes: None,
        access_expires_at_ms: None,
        was_refused: refused,
    };
    let saved = store
        .save_refreshed(tenant, id, now.version, fence, &refreshed)
        .await;
    assert_eq!(
        saved.unwrap(),
        SaveOutcome::Saved {
            version: now.version + 1
        }
    );
    let after = store.tokens_fresh(tenant, id).await.unwrap();
    assert!(after.saved_at_ms >= now.saved_at_ms, "{after:?}");
    after.learned_lifetime_ms
}

async fn two_refusals_at_about_the_same_age_teach_a_lifetime(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let connection = connection(&store, &tenant).await;
    let at = (&store, &tenant, &connection.id);
    assert_eq!(refresh(world, at, 2 * HOUR_MS, true).await, None);
    // A refresh ahead of time in between tells nothing and forgets nothing.
    assert_eq!(refresh(world, at, HOUR_MS, false).await, None);
    let learned = refresh(world, at, 2 * HOUR_MS + 300_000, true)
        .await
        .expect("learned");
    assert!(
        (2 * HOUR_MS + 300_000..2 * HOUR_MS + 330_000).contains(&learned),
        "{learned}"
    );
    // One refusal at another age is an accident, two are a new rule.
    assert_eq!(refresh(world, at, HOUR_MS, true).await, Some(learned));
    let shorter = refresh(world, at, HOUR_MS, true).await.expect("learned anew");
    assert!((HOUR_MS..HOUR_MS + 30_000).contains(&shorter), "{shorter}");
    // Another authorization may be another user's, with other rules.
    let mut again = credentials(None);
    again.connection_id = Some(connection.id.clone());
    store.save_new_credentials(&tenant, again).await.unwrap();
    let anew = store.tokens_fresh(&tenant, &connection.id).await.unwrap();
    assert_eq!(anew.learned_lifetime_ms, None);
}

async fn ages_that_teach_nothing(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let connection = connection(&store, &tenant).await;
    let at = (&store, &tenant, &connection.id);
    for age_ms in [1_000, 1_000, 500_000, 500_000, HOUR_MS, 2 * HOUR_MS, HOUR_MS] {
        assert_eq!(refresh(world, at, age_ms, true).await, None, "{age_ms}");
    }
}

async fn an_idle_grant_is_given_out_once(world: &World) {
    const DAY_MS: u64 = 86_400_000;
    let store = world.store().await;
    let tenants = [tenant(&store).await, tenant(&store).await];
    let mut ids = Vec::new();
    for tenant in &tenants {
        ids.push(connection(&store, tenant).await.id);
    }
    let young = connection(&store, &tenants[0]).await;
    let old = format!(
        "UPDATE connections SET tokens_saved_at_ms = tokens_saved_at_ms - {} WHERE id <> '{}'",
        30 * DAY_MS,
        young.id
    );
    world.tamper(&old).await;
    let take = |limit| store.take_idle_grants(21 * DAY_MS, DAY_MS, limit);
    let never = store.take_idle_grants(u64::MAX, DAY_MS, 100).await;
    assert!(never.unwrap().is_empty(), "nothing is older than all time");
    let first = take(1).await.unwrap();
    assert_eq!(first.len(), 1);
    let second = take(100).await.unwrap();
    assert_eq!(second.len(), 1);
    let mut found: Vec<_> = first
        .iter()
        .chain(&second)
        .map(|grant| (grant.tenant.id().clone(), grant.connection_id.clone()))
        .collect();
    let mut expected: Vec<_> = tenants
        .iter()
        .map(|tenant| tenant.id().clone())
        .zip(ids)
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    assert!(take(100).await.unwrap().is_empty());
    // A day later they are tried again, unless somebody has to connect them first.
    world
        .tamper(&format!(
            "UPDATE connections SET keepalive_tried_at_ms = keepalive_tried_at_ms - {DAY_MS}"
        ))
        .await;
    world
        .tamper("UPDATE connections SET state = 'needs_reauth'")
        .await;
    assert!(take(100).await.unwrap().is_empty());
    world.tamper("UPDATE connections SET state = 'degraded'").await;
    assert_eq!(take(100).await.unwrap().len(), 2);
}

async fn a_claim_after_an_unfinished_one_says_so(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let connection = connection(&store, &tenant).await;
    let id = &connection.id;
    let (fence, unsettled) = claimed(&store, &tenant, id, 1).await;
    assert!(!unsettled);
    let release = store::RefreshRelease::NotSent;
    assert!(store.release_refresh(&tenant, id, fence, release).await.unwrap());
    let (fence, unsettled) = claimed(&store, &tenant, id, 1).await;
    assert!(!unsettled, "nothing was sent");
    let release = store::RefreshRelease::OutcomeUnknown { cooldown_ms: 0 };
    assert!(store.release_refresh(&tenant, id, fence, release).await.unwrap());
    world
        .tamper("UPDATE connections SET refresh_lease_until_ms = 1")
        .await;
    let (_, unsettled) = claimed(&store, &tenant, id, 1).await;
    assert!(unsettled, "its outcome is unknown");
    let told = async || {
        let of_kind = store::EventFilter {
            connection_id: Some(id.clone()),
            kind: Some("connection.refresh_outcome_unknown".to_owned()),
        };
        store.list_events(&tenant, &of_kind, None, 10).await.unwrap()
    };
    assert_eq!(told().await.len(), 1);
    // This one's holder dies.
    world
        .tamper("UPDATE connections SET refresh_lease_until_ms = 1")
        .await;
    let (fence, unsettled) = claimed(&store, &tenant, id, 1).await;
    assert!(unsettled);
    assert_eq!(told().await.len(), 1, "once for each version of the tokens");
    let refreshed = Refreshed {
        tokens: tokens("next", Some("next")),
        instance_url: None,
        scopes: None,
        access_expires_at_ms: None,
        was_refused: false,
    };
    store
        .save_refreshed(&tenant, id, 1, fence, &refreshed)
        .await
        .unwrap();
    let (_, unsettled) = claimed(&store, &tenant, id, 2).await;
    assert!(!unsettled, "what was saved is settled");
}
