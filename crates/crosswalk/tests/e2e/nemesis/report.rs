//! What is told of a run.

use std::fmt::Write as _;
use std::time::Duration;

use super::Arena;

/// What the simulator and the gateways counted.
pub(super) struct Counts {
    pub(super) ran: Duration,
    pub(super) refreshes: u64,
    pub(super) revocations: u64,
    pub(super) told: u64,
}

pub(super) fn write(arena: &Arena<'_>, counts: &Counts) -> String {
    let tally = arena.tally.borrow();
    let mut outages: Vec<Duration> = tally.longest_outage.clone();
    outages.sort_unstable();
    let at = |share: usize| outages[(outages.len() - 1) * share / 100].as_secs_f64();
    let mut text = String::new();
    let line = |text: &mut String, what: &str, count: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {what} | {count} |");
    };
    text.push_str("| | |\n| --- | ---: |\n");
    line(&mut text, "connections", arena.customers.len().to_string());
    line(&mut text, "gateways", arena.nodes.len().to_string());
    line(
        &mut text,
        "time under faults, s",
        counts.ran.as_secs().to_string(),
    );
    line(
        &mut text,
        "calls",
        tally.answers.values().sum::<u64>().to_string(),
    );
    line(&mut text, "token requests", counts.refreshes.to_string());
    line(
        &mut text,
        "grants revoked because a token was presented twice",
        counts.revocations.to_string(),
    );
    line(
        &mut text,
        "connections lost, each told before (`connection.refresh_outcome_unknown`)",
        tally.lost().len().to_string(),
    );
    line(
        &mut text,
        "events `connection.refresh_outcome_unknown`",
        counts.told.to_string(),
    );
    line(
        &mut text,
        "longest outage of a connection, s (median / 90 % / worst)",
        format!("{:.1} / {:.1} / {:.1}", at(50), at(90), at(100)),
    );
    line(
        &mut text,
        "all well again after the faults, s",
        format!("{:.1}", tally.healed_in.as_secs_f64()),
    );
    text.push_str("\n| answer | calls |\n| --- | ---: |\n");
    for (answer, calls) in &tally.answers {
        line(&mut text, answer, calls.to_string());
    }
    text.push_str("\n| fault | times |\n| --- | ---: |\n");
    for (fault, times) in &arena.injected.borrow().0 {
        line(&mut text, fault, times.to_string());
    }
    text
}
