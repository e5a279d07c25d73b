use std::collections::HashSet;
use std::time::Duration;

use store::ConnectionState;
use tokio::time::{Instant, advance};

use super::{ClaimedAt, Outcome, claim_age_ms, outcome_name, spread_ms};

#[test]
fn pauses_are_spread_between_three_and_five_quarters() {
    assert_eq!(
        (spread_ms(512, 0), spread_ms(512, 128), spread_ms(512, 255)),
        (384, 512, 639)
    );
    assert_eq!((spread_ms(1, 0), spread_ms(0, 255)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_claim_is_as_old_as_the_clock_says_that_went_further() {
    let claimed_at = ClaimedAt {
        monotonic: Instant::now(),
        wall_ms: 1_000_000,
    };
    advance(Duration::from_millis(500)).await;
    for (wall_now_ms, age_ms) in [
        (1_000_500, 500),
        // The machine was suspended: one clock stood still.
        (1_000_501, 501),
        (1_090_000, 90_000),
        // The wall clock was set back.
        (1_000_000, 500),
        (0, 500),
        (i64::MIN, 500),
    ] {
        assert_eq!(claim_age_ms(claimed_at, wall_now_ms), age_ms, "at {wall_now_ms}");
    }
}

#[test]
fn each_outcome_is_counted_under_a_name_of_its_own() {
    let names = [
        Outcome::Current { version: 1 },
        Outcome::NotActive {
            state: ConnectionState::Revoked,
        },
        Outcome::NeedsReauth,
        Outcome::Gone,
        Outcome::StoreDown,
        Outcome::InProgress,
        Outcome::Unreachable,
        Outcome::Misconfigured,
        Outcome::NotAdmitted,
        Outcome::Unsettled,
        Outcome::SaveFailed,
    ]
    .map(outcome_name);
    assert_eq!(HashSet::from(names).len(), names.len(), "{names:?}");
}
