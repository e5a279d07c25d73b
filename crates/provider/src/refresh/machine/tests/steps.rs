//! Each state's answer to each event that may come in it: the protocol as a table.

use store::ConnectionState;

use super::super::{BUSY_FIRST_MS, POLL_FIRST_MS, POLL_MAX_MS, SAVE_PAUSE_FIRST_MS, SAVES_MAX};
use super::{Command, Event, Machine, MarkReason, Outcome, Release};

const FENCE: i64 = 7;
const OWN: Event = Event::Row {
    version: 5,
    refreshable: true,
};
const TOKENLESS: Event = Event::Row {
    version: 5,
    refreshable: false,
};
const NEWER: Event = Event::Row {
    version: 6,
    refreshable: true,
};
const CLAIMED: Event = Event::Claimed { fence: FENCE };
const ON: Event = Event::Waited {
    time_up: false,
    draining: false,
};
const CURRENT: Command = Command::Finish(Outcome::Current { version: 6 });
const GONE: Command = Command::Finish(Outcome::Gone);
const STORE_DOWN: Command = Command::Finish(Outcome::StoreDown);
const FREE: Command = Command::ReleaseLease;
const SAVE: Command = Command::Save {
    version: 5,
    fence: FENCE,
};
const SPILL: Command = Command::Spill {
    version: 5,
    fence: FENCE,
};
const EXTEND: Command = Command::Extend { fence: FENCE };

const fn pause(pause_ms: u64) -> Command {
    Command::Wait { pause_ms }
}

const fn back(release: Release) -> Command {
    Command::ReleaseClaim {
        fence: FENCE,
        release,
    }
}

const fn mark(reason: MarkReason) -> Command {
    Command::Mark {
        version: 5,
        fence: FENCE,
        reason,
    }
}

/// A machine that wants more than version 5 and to which this has happened.
fn after(events: &[Event]) -> Machine {
    let (started, _) = Machine::new(5).step(Event::Started);
    events
        .iter()
        .fold(started, |machine, event| machine.step(*event).0)
}

fn hold(events: &[Event], table: &[(Event, &[Command])]) {
    for (event, commands) in table {
        let (_, done) = after(events).step(*event);
        assert_eq!(done, *commands, "{event:?} after {events:?}");
    }
}

#[test]
fn a_row_is_used_when_it_has_come_far_enough_and_else_leased() {
    hold(
        &[],
        &[
            (OWN, &[Command::TakeLease]),
            (TOKENLESS, &[Command::TakeLease]),
            (NEWER, &[CURRENT]),
            (Event::RowGone, &[GONE]),
            (Event::StoreDown, &[STORE_DOWN]),
        ],
    );
    let busy = [Command::Wait {
        pause_ms: POLL_FIRST_MS,
    }];
    hold(
        &[OWN],
        &[
            (Event::Leased, &[Command::Claim { version: 5 }]),
            (Event::LeaseDown, &[Command::Claim { version: 5 }]),
            (Event::LeaseBusy, &busy),
            (
                Event::RefusedMisconfigured,
                &[Command::Finish(Outcome::Misconfigured)],
            ),
            (Event::StoreDown, &[STORE_DOWN]),
        ],
    );
}

#[test]
fn a_claim_sends_or_steps_back() {
    let revoked = ConnectionState::Revoked;
    hold(
        &[OWN, Event::Leased],
        &[
            (CLAIMED, &[Command::Post]),
            (
                Event::ClaimHeld { left_ms: 20_000 },
                &[FREE, pause(POLL_FIRST_MS)],
            ),
            (Event::ClaimHeld { left_ms: 9 }, &[FREE, pause(9)]),
            (Event::ClaimHeld { left_ms: 0 }, &[FREE, pause(1)]),
            (Event::ClaimAdvanced { version: 6 }, &[FREE, CURRENT]),
            (Event::ClaimAdvanced { version: 5 }, &[FREE, pause(POLL_FIRST_MS)]),
            (
                Event::ClaimNotActive { state: revoked },
                &[FREE, Command::Finish(Outcome::NotActive { state: revoked })],
            ),
            (Event::RowGone, &[FREE, GONE]),
            (Event::StoreDown, &[FREE, STORE_DOWN]),
        ],
    );
    hold(
        &[TOKENLESS, Event::Leased],
        &[(CLAIMED, &[mark(MarkReason::NoRefreshToken)])],
    );
}

#[test]
fn each_answer_of_the_provider_has_its_end() {
    hold(
        &[OWN, Event::Leased, CLAIMED],
        &[
            (Event::Granted, &[SAVE]),
            (
                Event::Lapsed,
                &[back(Release::NotSent), FREE, pause(POLL_FIRST_MS)],
            ),
            (
                Event::NotSent,
                &[
                    back(Release::NotSent),
                    FREE,
                    Command::Finish(Outcome::Unreachable),
                ],
            ),
            (Event::RefusedDead, &[Command::ReadRow]),
            (
                Event::RefusedBusy,
                &[back(Release::Failed), FREE, pause(BUSY_FIRST_MS)],
            ),
            (
                Event::RefusedMisconfigured,
                &[
                    back(Release::Failed),
                    FREE,
                    Command::TripApp,
                    Command::Finish(Outcome::Misconfigured),
                ],
            ),
            (
                Event::RefusedNotAdmitted,
                &[
                    back(Release::Failed),
                    FREE,
                    Command::RestConnection,
                    Command::Finish(Outcome::NotAdmitted),
                ],
            ),
            (
                Event::Unknown,
                &[
                    back(Release::OutcomeUnknown),
                    FREE,
                    Command::Finish(Outcome::Unsettled),
                ],
            ),
        ],
    );
}

#[test]
fn a_refused_token_marks_the_connection_only_while_it_is_the_stored_one() {
    let refused = [OWN, Event::Leased, CLAIMED, Event::RefusedDead];
    hold(
        &refused,
        &[
            (OWN, &[mark(MarkReason::GrantEnded)]),
            (NEWER, &[FREE, CURRENT]),
            (Event::RowGone, &[FREE, GONE]),
            (Event::StoreDown, &[back(Release::Failed), FREE, STORE_DOWN]),
        ],
    );
    // Read when an older version was stored than the one wanted: what is newer may not be new enough.
    let older = Event::Row {
        version: 3,
        refreshable: true,
    };
    hold(
        &[older, Event::Leased, CLAIMED, Event::RefusedDead],
        &[(OWN, &[FREE, pause(POLL_FIRST_MS)]), (NEWER, &[FREE, CURRENT])],
    );
    let marking = [OWN, Event::Leased, CLAIMED, Event::RefusedDead, OWN];
    hold(
        &marking,
        &[
            (
                Event::Marked { done: true },
                &[FREE, Command::Finish(Outcome::NeedsReauth)],
            ),
            (Event::Marked { done: false }, &[FREE, pause(POLL_FIRST_MS)]),
            (Event::RowGone, &[FREE, GONE]),
            (Event::StoreDown, &[back(Release::Failed), FREE, STORE_DOWN]),
        ],
    );
    assert_eq!(MarkReason::GrantEnded.as_str(), "grant_ended");
    assert_eq!(MarkReason::NoRefreshToken.as_str(), "no_refresh_token");
}

#[test]
fn new_tokens_are_saved_or_sealed_elsewhere_and_saved_again() {
    let granted = [OWN, Event::Leased, CLAIMED, Event::Granted];
    hold(
        &granted,
        &[
            (Event::Saved { version: 6 }, &[FREE, CURRENT]),
            (Event::Superseded, &[FREE, pause(POLL_FIRST_MS)]),
            (Event::RowGone, &[FREE, GONE]),
            (Event::StoreDown, &[SPILL]),
        ],
    );
    let mut failed = granted.to_vec();
    failed.push(Event::StoreDown);
    for durable in [true, false] {
        hold(
            &failed,
            &[(Event::Spilled { durable }, &[pause(SAVE_PAUSE_FIRST_MS)])],
        );
    }
    failed.push(Event::Spilled { durable: true });
    let draining = Event::Waited {
        time_up: false,
        draining: true,
    };
    let time_up = Event::Waited {
        time_up: true,
        draining: false,
    };
    let given_up = [FREE, Command::Finish(Outcome::SaveFailed)];
    hold(
        &failed,
        &[
            (ON, &[EXTEND, SAVE]),
            (time_up, &[EXTEND, SAVE]),
            (draining, &given_up),
        ],
    );
    // The copy is durable: nothing is sealed a second time, the pauses grow, and one day it is left to the next one.
    let mut machine = after(&failed);
    for failures in 2..=SAVES_MAX {
        machine = machine.step(ON).0;
        let (next, commands) = machine.step(Event::StoreDown);
        let wanted_ms = (SAVE_PAUSE_FIRST_MS << (failures - 1)).min(5_000);
        assert_eq!(commands.last(), Some(&pause(wanted_ms)), "{failures}");
        machine = next;
    }
    assert_eq!(machine.step(ON).1, given_up);
}

#[test]
fn pauses_grow_to_their_longest_and_waiting_ends_with_the_time_or_the_process() {
    let mut machine = after(&[]);
    for wanted_ms in [POLL_FIRST_MS, 100, 200, POLL_MAX_MS, POLL_MAX_MS, POLL_MAX_MS] {
        machine = machine.step(OWN).0;
        let (next, commands) = machine.step(Event::LeaseBusy);
        assert_eq!(commands, [pause(wanted_ms)]);
        machine = next.step(ON).0;
    }
    let in_progress = [Command::Finish(Outcome::InProgress)];
    let waited = |time_up, draining| Event::Waited { time_up, draining };
    hold(
        &[OWN, Event::LeaseBusy],
        &[
            (ON, &[Command::ReadRow]),
            (waited(true, false), &in_progress),
            (waited(false, true), &in_progress),
        ],
    );
}
