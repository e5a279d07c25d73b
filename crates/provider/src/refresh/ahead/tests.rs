use model::{Limits, Secret};
use store::{Tokens, VersionedTokens};

use super::due_ms;

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
