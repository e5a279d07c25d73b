//! Refresh: rotation, reuse, eviction, the processing window, and what a lost answer costs.

use serde_json::json;

use crate::support::{Api, Reply, start, start_with};

fn access(reply: &Reply) -> String {
    reply.json()["access_token"].as_str().unwrap().to_owned()
}

fn refreshed(reply: &Reply) -> String {
    reply.json()["refresh_token"].as_str().unwrap().to_owned()
}

fn assert_expired(reply: &Reply) {
    assert_eq!(reply.status, 400);
    assert_eq!(
        reply.text(),
        r#"{"error":"invalid_grant","error_description":"expired access/refresh token"}"#
    );
}

async fn query_locator(api: &Api) -> String {
    api.control("settings", json!({"page_size": 5})).await;
    let page = api.get("/query?q=SELECT+Id+FROM+Account").await;
    assert_eq!(page.status, 200, "{}", page.text());
    page.json()["nextRecordsUrl"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn rotation_gives_a_new_refresh_token_and_ends_the_session_before() {
    let api = start().await;
    assert_eq!(api.status_with(&api.access).await, 200);
    let reply = api.refresh(&api.refresh).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_ne!(refreshed(&reply), api.refresh);
    assert_eq!(api.status_with(&access(&reply)).await, 200);
    assert_eq!(api.status_with(&api.access).await, 401);
    let counters = api.counters().await;
    assert_eq!(counters["rotations"], 1);
    assert_eq!(counters["token_posts"]["refresh_token"], 1);
    assert_eq!(counters["family_revocations"], 0);
}

#[tokio::test]
async fn reuse_of_a_rotated_token_revokes_the_whole_family() {
    let api = start().await;
    let first = api.refresh(&api.refresh).await;
    assert_expired(&api.refresh(&api.refresh).await);
    assert_expired(&api.refresh(&refreshed(&first)).await);
    assert_eq!(api.status_with(&access(&first)).await, 401);
    let counters = api.counters().await;
    assert_eq!(counters["reuse_detections"], 1);
    assert_eq!(counters["family_revocations"], 1);
    assert_eq!(counters["token_posts"]["refresh_token"], 3);
}

#[tokio::test]
async fn without_rotation_the_token_stays_and_is_not_answered() {
    let api = start_with(|options| options.rotation = false).await;
    for _ in 0..3 {
        let reply = api.refresh(&api.refresh).await;
        assert_eq!(reply.status, 200);
        assert!(reply.json().get("refresh_token").is_none());
        assert!(reply.json().get("expires_in").is_none());
    }
    assert_eq!(
        api.status_with(&api.access).await,
        200,
        "the first session lives on"
    );
}

#[tokio::test]
async fn a_locator_dies_with_the_session_that_opened_it() {
    let mut api = start().await;
    let next = query_locator(&api).await;
    let next = next.strip_prefix("/services/data/v60.0").unwrap().to_owned();
    assert_eq!(api.get(&next).await.status, 200);
    let reply = api.refresh(&api.refresh).await;
    api.access = access(&reply);
    let page = api.get(&next).await;
    assert_eq!(page.status, 401);
    assert_eq!(page.json()[0]["errorCode"], "INVALID_SESSION_ID");
    assert_eq!(
        api.get("/limits").await.status,
        200,
        "the new session itself works"
    );
}

#[tokio::test]
async fn a_locator_survives_a_refresh_without_rotation() {
    let mut api = start_with(|options| options.rotation = false).await;
    let next = query_locator(&api).await;
    let next = next.strip_prefix("/services/data/v60.0").unwrap().to_owned();
    let reply = api.refresh(&api.refresh).await;
    api.access = access(&reply);
    assert_eq!(api.get(&next).await.status, 200);
}

#[tokio::test]
async fn the_sixth_grant_evicts_the_oldest() {
    let api = start().await;
    let mut last = String::new();
    for _ in 0..5 {
        let session = api.control("session", json!({})).await;
        session["refresh_token"].as_str().unwrap().clone_into(&mut last);
    }
    assert_expired(&api.refresh(&api.refresh).await);
    assert_eq!(api.status_with(&api.access).await, 401);
    assert_eq!(api.refresh(&last).await.status, 200);
    let counters = api.counters().await;
    assert_eq!(counters["evictions"], 1);
    assert_eq!(counters["family_revocations"], 0, "eviction is no reuse");
}

#[tokio::test]
async fn a_second_refresh_inside_the_window_is_told_so_and_costs_nothing() {
    let api = start().await;
    api.control(
        "faults",
        json!({"kind": "latency", "latency_ms": 300, "path": "/services/oauth2/token"}),
    )
    .await;
    let (one, two) = tokio::join!(api.refresh(&api.refresh), api.refresh(&api.refresh));
    let (won, lost) = if one.status == 200 { (one, two) } else { (two, one) };
    assert_eq!(won.status, 200);
    assert_eq!(lost.status, 400);
    assert_eq!(
        lost.text(),
        r#"{"error":"invalid_grant","error_description":"token request is already being processed"}"#
    );
    let counters = api.counters().await;
    assert_eq!(counters["duplicate_refreshes"], 1);
    assert_eq!(counters["family_revocations"], 0);
    assert_eq!(api.refresh(&refreshed(&won)).await.status, 200);
}

#[tokio::test]
async fn without_the_block_two_at_once_are_a_reuse() {
    let api = start().await;
    api.control("settings", json!({"duplicate_refresh_block": "off"}))
        .await;
    api.control(
        "faults",
        json!({"kind": "latency", "latency_ms": 200, "path": "/services/oauth2/token"}),
    )
    .await;
    let (one, two) = tokio::join!(api.refresh(&api.refresh), api.refresh(&api.refresh));
    assert_eq!(
        [one.status, two.status]
            .iter()
            .filter(|status| **status == 200)
            .count(),
        1
    );
    assert_eq!(api.counters().await["family_revocations"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_exactly_one_wins() {
    let api = std::sync::Arc::new(start().await);
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let api = std::sync::Arc::clone(&api);
        waiting.spawn(async move { api.refresh(&api.refresh).await.status });
    }
    let statuses = waiting.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    let counters = api.counters().await;
    assert_eq!(counters["rotations"], 1);
    assert_eq!(counters["family_revocations"], 1);
    assert_eq!(counters["token_posts"]["refresh_token"], 50);
}

#[tokio::test]
async fn two_simulators_share_no_token() {
    let (one, two) = (start().await, start().await);
    assert_eq!(two.status_with(&one.access).await, 401);
}

#[tokio::test]
async fn a_lost_answer_has_rotated_all_the_same() {
    let api = start().await;
    api.control(
        "faults",
        json!({"kind": "cut", "phase": "after", "times": 1, "path": "/services/oauth2/token"}),
    )
    .await;
    let lost = api
        .try_token(&[("grant_type", "refresh_token"), ("refresh_token", &api.refresh)])
        .await;
    assert!(lost.is_none(), "the answer is lost");
    assert_eq!(api.counters().await["rotations"], 1);
    assert_expired(&api.refresh(&api.refresh).await);
    assert_eq!(api.counters().await["family_revocations"], 1);
}

#[tokio::test]
async fn a_client_that_hangs_up_has_rotated_all_the_same() {
    let api = start().await;
    api.control(
        "faults",
        json!({"kind": "latency", "latency_ms": 200, "times": 1, "path": "/services/oauth2/token"}),
    )
    .await;
    let waiting = tokio::time::timeout(std::time::Duration::from_millis(60), api.refresh(&api.refresh)).await;
    assert!(waiting.is_err(), "the client gave up");
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    assert_eq!(api.counters().await["rotations"], 1);
}

#[tokio::test]
async fn a_cut_before_the_work_rotates_nothing() {
    let api = start().await;
    api.control(
        "faults",
        json!({"kind": "cut", "times": 1, "grant_type": "refresh_token"}),
    )
    .await;
    let lost = api
        .try_token(&[("grant_type", "refresh_token"), ("refresh_token", &api.refresh)])
        .await;
    assert!(lost.is_none());
    assert_eq!(api.counters().await["rotations"], 0);
    assert_eq!(api.refresh(&api.refresh).await.status, 200);
}

#[tokio::test]
async fn the_refresh_token_can_be_left_out_of_the_answer() {
    let api = start().await;
    api.control("faults", json!({"kind": "missing_refresh_token", "times": 1}))
        .await;
    let reply = api.refresh(&api.refresh).await;
    assert_eq!(reply.status, 200);
    assert!(reply.json().get("refresh_token").is_none());
}

#[tokio::test]
async fn idle_refresh_tokens_and_sessions_time_out() {
    let api = start().await;
    api.control(
        "settings",
        json!({"refresh_idle_ttl_ms": 3_600_000, "session_ttl_ms": 60_000}),
    )
    .await;
    api.control("clock", json!({"advance_ms": 59_000})).await;
    assert_eq!(api.status_with(&api.access).await, 200);
    api.control("clock", json!({"advance_ms": 59_000})).await;
    assert_eq!(api.status_with(&api.access).await, 200, "use has moved the end");
    api.control("clock", json!({"advance_ms": 61_000})).await;
    assert_eq!(api.status_with(&api.access).await, 401);
    api.control("clock", json!({"advance_ms": 3_600_000})).await;
    assert_expired(&api.refresh(&api.refresh).await);
}
