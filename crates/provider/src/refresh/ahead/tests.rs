use model::{ConnectionId, Limits, OsRandom, Secret};
use store::{Tokens, VersionedTokens};

use super::{Used, due_ms, is_search_due};

const HOUR_MS: i64 = 3_600_000;

fn tokens(access_expires_at_ms: Option<i64>, learned_lifetime_ms: Option<i64>) -> VersionedTokens {
    VersionedTokens {
        tokens: Tokens {
            access_token: Secret::new("access"),
            refresh_token: Some(Secret::new("refresh")),
        },
        version: 1,
        grant: None,
        instance_url: None,
        access_expires_at_ms,
        saved_at_ms: 0,
        learned_lifetime_ms,
    }
}

#[test]
fn a_refresh_is_due_in_the_first_half_of_the_time_before_the_end() {
    let limits = Limits::default();
    let due = |tokens: &VersionedTokens, share| due_ms(tokens, &limits, share).expect("an end");
    let long = tokens(Some(2 * HOUR_MS), None);
    assert_eq!(due(&long, 0), 2 * HOUR_MS - 600_000);
    assert!((2 * HOUR_MS - 302_000..2 * HOUR_MS - 300_000).contains(&due(&long, 1_023)));
    // A token of a minute is not refreshed as soon as it is there.
    let short = tokens(Some(60_000), None);
    assert_eq!(due(&short, 0), 40_000);
    assert!(due(&short, 1_023) < 50_000);
}

#[test]
fn what_was_learned_is_trusted_for_nine_tenths_and_what_was_said_goes_first() {
    let limits = Limits::default();
    let due = |tokens: &VersionedTokens| due_ms(tokens, &limits, 0);
    assert_eq!(due(&tokens(None, None)), None);
    assert_eq!(
        due(&tokens(None, Some(2 * HOUR_MS))),
        Some(2 * HOUR_MS / 10 * 9 - 600_000)
    );
    assert_eq!(
        due(&tokens(Some(HOUR_MS), Some(2 * HOUR_MS))),
        Some(HOUR_MS - 600_000)
    );
    // A clock that runs behind the database's makes the lifetime nothing, not less.
    assert_eq!(due(&tokens(Some(-5), None)), Some(-5));
}

#[test]
fn idle_grants_are_searched_once_in_twenty_looks() {
    let searched: Vec<u32> = (0..60).filter(|look| is_search_due(*look)).collect();
    assert_eq!(searched, [19, 39, 59]);
}

#[test]
fn shares_are_spread_over_all_of_their_range() {
    let used = Used::new();
    let ids: Vec<_> = (0..2_000).map(|_| ConnectionId::generate(&OsRandom)).collect();
    let shares: Vec<i64> = ids.iter().map(|id| used.share(id, 1)).collect();
    assert!(shares.iter().all(|share| (0..1_024).contains(share)));
    // That none of 2,000 falls into a sixteenth: less than one in 10^50.
    assert!(shares.iter().any(|share| *share < 64) && shares.iter().any(|share| *share >= 960));
    assert_eq!(
        used.share(&ids[0], 1),
        shares[0],
        "the same each time it is asked for"
    );
}
