use std::sync::Arc;

use futures_util::FutureExt as _;
use model::{OsRandom, TenantId};

use super::{LINES_BEFORE_CLEANING, Turns};

fn tenants() -> [TenantId; 2] {
    [TenantId::generate(&OsRandom), TenantId::generate(&OsRandom)]
}

#[tokio::test]
async fn one_tenant_takes_three_quarters_and_all_together_the_whole() {
    let turns = Turns::new(8);
    let [large, small] = tenants();
    let mut held = Vec::new();
    while let Some(turn) = turns.take("acme", &large).now_or_never() {
        held.push(turn.expect("never closed"));
    }
    assert_eq!(held.len(), 6);
    for _ in 0..2 {
        let turn = turns.take("acme", &small).now_or_never();
        held.push(turn.expect("a turn is free").expect("never closed"));
    }
    assert!(
        turns.take("acme", &small).now_or_never().is_none(),
        "eight are under way"
    );
    assert!(
        turns.take("other", &large).now_or_never().is_some(),
        "another provider has turns of its own"
    );
}

#[tokio::test]
async fn a_newcomer_waits_for_few_although_thousands_stand_in_line() {
    let turns = Arc::new(Turns::new(4));
    let [large, small] = tenants();
    let (ended, mut ends) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..5_000 {
        let (turns, large, ended) = (Arc::clone(&turns), large.clone(), ended.clone());
        tokio::spawn(async move {
            let turn = turns.take("acme", &large).await;
            tokio::task::yield_now().await;
            drop(turn);
            let _ = ended.send("large");
        });
    }
    tokio::task::yield_now().await;
    let newcomer = (Arc::clone(&turns), ended);
    tokio::spawn(async move {
        let (turns, ended) = newcomer;
        drop(turns.take("acme", &small).await);
        let _ = ended.send("small");
    });
    let mut before = 0;
    while ends.recv().await.expect("all end") == "large" {
        before += 1;
    }
    assert!(before < 50, "{before} were let before the newcomer");
}

#[tokio::test]
async fn lines_that_nobody_stands_in_are_forgotten() {
    let turns = Turns::new(2 * LINES_BEFORE_CLEANING);
    let one = async || turns.take("acme", &TenantId::generate(&OsRandom)).await;
    let come_and_go = async || {
        for _ in 0..2 * LINES_BEFORE_CLEANING {
            drop(one().await);
        }
        turns.tenants.lock().expect("no panic").len()
    };
    let kept = come_and_go().await;
    assert!(kept <= LINES_BEFORE_CLEANING, "{kept}");
    let mut held = Vec::new();
    for _ in 0..LINES_BEFORE_CLEANING {
        let tenant = TenantId::generate(&OsRandom);
        held.push((turns.take("acme", &tenant).await, tenant));
    }
    let kept = come_and_go().await;
    assert!(kept <= held.len() + 1, "{kept}");
    // A second line would give a tenant twice its share.
    let lines = turns.tenants.lock().expect("no panic");
    let is_kept = |tenant: &TenantId| lines.contains_key(&("acme".to_owned(), tenant.clone()));
    assert!(
        held.iter().all(|(_, tenant)| is_kept(tenant)),
        "one that somebody stands in"
    );
}
