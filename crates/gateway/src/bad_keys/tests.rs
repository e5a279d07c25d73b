use std::net::IpAddr;
use std::sync::atomic::Ordering;

use super::{BadKeys, SOURCES_MAX, Source};

fn source(text: &str) -> Source {
    Source::of(text.parse::<IpAddr>().unwrap())
}

#[test]
fn an_address_is_held_back_for_the_rest_of_its_minute_and_no_other_is() {
    let keys = BadKeys::new(3);
    let (bad, good) = (source("192.0.2.1"), source("192.0.2.2"));
    for at_ms in [1_000, 2_000] {
        keys.note(bad, at_ms);
        assert_eq!(keys.held_back_s(bad, at_ms), None);
    }
    keys.note(bad, 3_000);
    assert_eq!(keys.held_back_s(bad, 3_000), Some(58));
    assert_eq!(keys.held_back_s(bad, 60_001), Some(1), "rounded up");
    assert_eq!(keys.held_back_s(good, 3_000), None);
    assert_eq!(keys.held_back_s(bad, 61_000), None);
    // Counted from nothing again.
    keys.note(bad, 61_000);
    assert_eq!(keys.held_back_s(bad, 61_000), None);
}

#[test]
fn a_clock_that_was_set_back_holds_nobody() {
    let keys = BadKeys::new(1);
    let bad = source("192.0.2.1");
    keys.note(bad, 1_000_000);
    assert!(keys.held_back_s(bad, 1_000_000).is_some());
    assert_eq!(keys.held_back_s(bad, 10_000), None);
}

#[test]
fn a_window_that_is_over_is_forgotten_whoever_comes_next() {
    let keys = BadKeys::new(1);
    keys.note(source("192.0.2.1"), 0);
    assert_eq!(keys.held_back_s(source("192.0.2.2"), 60_000), None);
    assert!(keys.windows.lock().unwrap().by_source.is_empty());
    assert_eq!(
        keys.len.load(Ordering::Relaxed),
        0,
        "and nothing is locked any more"
    );
}

#[test]
fn one_network_of_ipv6_is_one_source_and_a_mapped_address_is_its_ipv4() {
    assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::9"));
    assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
    assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
}

#[test]
fn more_addresses_than_are_counted_apart_are_counted_together_and_cost_no_memory() {
    let keys = BadKeys::new(2);
    let nth = |index: u32| Source::of(IpAddr::V4((0x0a00_0000 + index).into()));
    let count = u32::try_from(SOURCES_MAX).unwrap();
    for index in 0..count + 2 {
        keys.note(nth(index), 0);
    }
    assert!(keys.windows.lock().unwrap().by_source.len() <= SOURCES_MAX + 1);
    assert!(
        keys.held_back_s(nth(count + 5), 0).is_some(),
        "two of the rest were bad"
    );
    assert_eq!(keys.held_back_s(nth(0), 0), None, "counted apart");
    // A minute later there is room again.
    keys.note(nth(count + 5), 60_000);
    assert_eq!(keys.windows.lock().unwrap().by_source.len(), 1);
}
