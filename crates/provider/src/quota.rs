//! What providers tell about their rate limits, made comparable: readings and the headers written from them.
//!
//! Sources: draft-ietf-httpapi-ratelimit-headers-10 §3 (`RateLimit-Policy`, `RateLimit`), the same draft's revision -06 for the
//! three older fields, RFC 9110 §10.2.3 (`Retry-After`). Nothing is invented: a reset that the provider did not tell is
//! absent.

mod last;
mod reset;
mod write;

use http::HeaderMap;
use mapping::Quota;
use serde::Serialize;

pub(crate) use last::LastQuotas;
pub use write::{Dialect, rate_limit_headers, rate_limit_headers_for};

use reset::Moment;

/// One allowance of a connection as the provider last told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuotaReading {
    /// A name for the allowance: `daily`.
    pub policy: String,
    /// How much there is in a window, when told.
    pub limit: Option<u64>,
    /// How much is left; never above `limit`.
    pub remaining: u64,
    /// The window, s.
    pub window_s: Option<u64>,
    /// Seconds until the window ends, rounded up, when told.
    pub reset_s: Option<u64>,
    /// What is counted, when not requests.
    pub unit: Option<String>,
}

/// Turns what a document's expression found into readings.
///
/// `now_ms` is used for resets written as instants when the reply has no `Date` of its own.
pub(crate) fn readings(quotas: Vec<Quota>, headers: &HeaderMap, now_ms: i64) -> Vec<QuotaReading> {
    let told = if quotas.is_empty() {
        write::read_upstream(headers)
    } else {
        quotas
    };
    told.into_iter()
        .map(|quota| reading(quota, headers, now_ms))
        .collect()
}

fn reading(quota: Quota, headers: &HeaderMap, now_ms: i64) -> QuotaReading {
    let remaining = match quota.limit {
        Some(limit) if quota.remaining > limit => {
            metrics::counter!("crosswalk_quota_clamped_total").increment(1);
            limit
        }
        _ => quota.remaining,
    };
    let window_s = quota.window_s.filter(|window| *window > 0);
    // Most providers tell no reset with a reply: its date is read only for one that does.
    let seconds_until = |text: &str| reset::seconds_until(text, Moment::of_reply(headers, now_ms));
    let told = quota.reset.as_deref().and_then(seconds_until);
    // RFC 9110's answer to "when again", used only when the allowance is spent and nothing better is known.
    let told = told.or_else(|| (remaining == 0).then(|| retry_after_s(headers, now_ms)).flatten());
    QuotaReading {
        policy: quota.policy,
        limit: quota.limit,
        remaining,
        window_s,
        reset_s: told.map(|reset_s| window_s.map_or(reset_s, |window| reset_s.min(window))),
        unit: quota.unit,
    }
}

/// Seconds that a reply asks to wait (`Retry-After`, a number or a date), when it clearly does.
pub(crate) fn retry_after_s(headers: &HeaderMap, now_ms: i64) -> Option<u64> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?;
    reset::seconds_until(text, Moment::of_reply(headers, now_ms))
}

#[cfg(test)]
mod tests;
