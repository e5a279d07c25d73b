use std::sync::Arc;

use model::{Clock, ManualClock};

use super::{Cache, OUTAGE_MAX_MS};
use crate::StoreError;
use crate::changes::{Changes, Topic};

struct Fixture {
    cache: Cache<i32>,
    changes: Arc<Changes>,
    clock: Arc<ManualClock>,
    topics: [Topic; 1],
}

fn fixture(is_shared: bool) -> Fixture {
    let changes = Arc::new(Changes::new(is_shared, None));
    let clock = Arc::new(ManualClock::new(1_000_000));
    let shared_clock: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
    let cache = Cache::new(&changes, &shared_clock, 100, |_| 1);
    Fixture {
        cache,
        changes,
        clock,
        topics: [Topic::Connection("con_1".to_owned())],
    }
}

impl Fixture {
    async fn get(&self, load: Result<i32, StoreError>) -> Result<i32, StoreError> {
        self.cache.get("key", &self.topics, || async { load }).await
    }
}

fn down() -> Result<i32, StoreError> {
    Err(StoreError::unavailable("database", "test"))
}

#[tokio::test]
async fn a_value_is_loaded_once_until_its_topic_changes() {
    let fixture = fixture(false);
    assert_eq!(fixture.get(Ok(1)).await, Ok(1));
    fixture.clock.advance_ms(i64::from(i32::MAX));
    assert_eq!(fixture.get(Ok(2)).await, Ok(1));
    fixture.changes.announce(&fixture.topics);
    assert_eq!(fixture.get(Ok(3)).await, Ok(3));
}

#[tokio::test]
async fn a_change_while_loading_is_not_lost() {
    let fixture = fixture(false);
    let load = || async {
        fixture.changes.announce(&fixture.topics);
        Ok(1)
    };
    assert_eq!(fixture.cache.get("key", &fixture.topics, load).await, Ok(1));
    assert_eq!(fixture.get(Ok(2)).await, Ok(2));
}

#[tokio::test]
async fn a_shared_database_is_asked_again_after_two_seconds_and_when_the_clock_goes_back() {
    let fixture = fixture(true);
    assert_eq!(fixture.get(Ok(1)).await, Ok(1));
    fixture.clock.advance_ms(2_000);
    assert_eq!(fixture.get(Ok(2)).await, Ok(1));
    fixture.clock.advance_ms(1);
    assert_eq!(fixture.get(Ok(3)).await, Ok(3));
    fixture.clock.advance_ms(-10_000);
    assert_eq!(fixture.get(Ok(4)).await, Ok(4));
}

#[tokio::test]
async fn an_outage_is_bridged_but_not_past_a_change_nor_for_ever() {
    let fixture = fixture(true);
    assert_eq!(fixture.get(Ok(1)).await, Ok(1));
    fixture.clock.advance_ms(5_000);
    assert_eq!(fixture.get(down()).await, Ok(1));
    fixture.clock.advance_ms(OUTAGE_MAX_MS);
    assert_eq!(fixture.get(down()).await, down());
    assert_eq!(fixture.get(Ok(2)).await, Ok(2));
    fixture.changes.announce(&fixture.topics);
    assert_eq!(fixture.get(down()).await, down());
}

#[tokio::test]
async fn a_row_that_is_gone_is_forgotten() {
    let fixture = fixture(true);
    assert_eq!(fixture.get(Ok(1)).await, Ok(1));
    fixture.clock.advance_ms(5_000);
    assert_eq!(
        fixture.get(Err(StoreError::NotFound)).await,
        Err(StoreError::NotFound)
    );
    assert_eq!(fixture.get(down()).await, down());
}
