//! Allowances: a day, ten rolling seconds, and searches of one second.

use std::collections::VecDeque;

use super::errors::{self, Fault, Policy};
use crate::http::reply::Reply;
use crate::http::state::Simulator;

const INTERVAL_MS: i64 = 10_000;
const SEARCH_INTERVAL_MS: i64 = 1_000;

/// When the last calls came.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    calls: VecDeque<i64>,
    searches: VecDeque<i64>,
}

fn recent(times: &mut VecDeque<i64>, now_ms: i64, interval_ms: i64) -> usize {
    // The clock can be set back: what lies in the future is forgotten too.
    times.retain(|at| (now_ms - interval_ms + 1..=now_ms).contains(at));
    times.len()
}

/// Counts one call; 429 when an allowance is used up. Searches count by their own window alone.
pub(crate) fn count(simulator: &Simulator, is_search: bool) -> Result<(), Fault> {
    let now_ms = simulator.clock.now_ms();
    let mut settings = simulator.settings_mut();
    let mut guard = simulator.portal.windows();
    let windows = &mut *guard;
    if settings.daily_used >= settings.daily_limit {
        return Err(errors::over(Policy::Daily));
    }
    let (times, interval_ms, most, refusal) = if is_search {
        let most = settings.hubspot_search_limit;
        (&mut windows.searches, SEARCH_INTERVAL_MS, most, Policy::Secondly)
    } else {
        let most = settings.hubspot_interval_limit;
        (&mut windows.calls, INTERVAL_MS, most, Policy::TenSecondly)
    };
    if recent(times, now_ms, interval_ms) >= most {
        return Err(errors::over(refusal));
    }
    times.push_back(now_ms);
    settings.daily_used += 1;
    Ok(())
}

/// Adds what an answer tells about the allowances. Answers of search tell nothing.
pub(crate) fn with_headers(simulator: &Simulator, reply: Reply) -> Reply {
    let now_ms = simulator.clock.now_ms();
    let settings = simulator.settings();
    let mut windows = simulator.portal.windows();
    let most = settings.hubspot_interval_limit;
    let left = most.saturating_sub(recent(&mut windows.calls, now_ms, INTERVAL_MS));
    // Deprecated, still sent, and told per second.
    let secondly = most.div_ceil(10);
    let reply = reply
        .with("X-HubSpot-RateLimit-Max", most.to_string())
        .with("X-HubSpot-RateLimit-Remaining", left.to_string())
        .with(
            "X-HubSpot-RateLimit-Interval-Milliseconds",
            INTERVAL_MS.to_string(),
        )
        .with("X-HubSpot-RateLimit-Secondly", secondly.to_string())
        .with(
            "X-HubSpot-RateLimit-Secondly-Remaining",
            left.min(secondly).to_string(),
        );
    if !settings.hubspot_daily_headers {
        return reply;
    }
    let daily_left = settings.daily_limit.saturating_sub(settings.daily_used);
    reply
        .with("X-HubSpot-RateLimit-Daily", settings.daily_limit.to_string())
        .with("X-HubSpot-RateLimit-Daily-Remaining", daily_left.to_string())
}
