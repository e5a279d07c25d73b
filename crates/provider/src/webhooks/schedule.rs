//! When a delivery that failed is tried again. Source: Standard Webhooks 1.0.0, "Delivery retries": ten attempts in three
//! days.

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// Pauses after the first attempt, the second, …
const PAUSES_MS: [u64; 9] = [
    5 * SECOND_MS,
    5 * MINUTE_MS,
    30 * MINUTE_MS,
    2 * HOUR_MS,
    5 * HOUR_MS,
    10 * HOUR_MS,
    14 * HOUR_MS,
    20 * HOUR_MS,
    24 * HOUR_MS,
];
/// Longest wait that a receiver may ask for.
const RETRY_AFTER_MAX_MS: u64 = 24 * HOUR_MS;

/// The pause after a failed attempt, counted from 1; nothing after the last one. `jitter` of `u32::MAX` makes it a tenth
/// longer, so that what failed at one moment does not come back at one. A receiver's own wish is followed when it is later.
pub(super) fn pause_ms(attempt: u32, retry_after_s: Option<u64>, jitter: u32) -> Option<u64> {
    let index = usize::try_from(attempt.checked_sub(1)?).ok()?;
    let pause_ms = *PAUSES_MS.get(index)?;
    let longer_ms = pause_ms / 10 * u64::from(jitter) / u64::from(u32::MAX);
    let wished_ms = retry_after_s
        .unwrap_or_default()
        .saturating_mul(SECOND_MS)
        .min(RETRY_AFTER_MAX_MS);
    Some((pause_ms + longer_ms).max(wished_ms))
}
