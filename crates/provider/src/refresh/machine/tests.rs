use std::collections::{HashSet, VecDeque};

use store::ConnectionState;

use super::{Command, Event, Machine, MarkReason, Outcome, Release};

/// Every event, with values on both sides of every comparison that the machine makes.
fn events() -> Vec<Event> {
    let mut events = vec![
        Event::Started,
        Event::RowGone,
        Event::StoreDown,
        Event::Leased,
        Event::LeaseBusy,
        Event::LeaseDown,
        Event::Claimed { fence: 7 },
        Event::ClaimHeld { left_ms: 0 },
        Event::ClaimHeld { left_ms: 20_000 },
        Event::ClaimNotActive {
            state: ConnectionState::NeedsReauth,
        },
        Event::Lapsed,
        Event::NotSent,
        Event::Granted,
        Event::RefusedDead,
        Event::RefusedBusy,
        Event::RefusedMisconfigured,
        Event::RefusedNotAdmitted,
        Event::Unknown,
        Event::Saved { version: 6 },
        Event::Superseded,
        Event::Spilled { durable: true },
        Event::Spilled { durable: false },
        Event::Marked { done: true },
        Event::Marked { done: false },
    ];
    for version in [4, 5, 6] {
        events.push(Event::ClaimAdvanced { version });
        for refreshable in [true, false] {
            events.push(Event::Row { version, refreshable });
        }
    }
    for time_up in [true, false] {
        for draining in [true, false] {
            events.push(Event::Waited { time_up, draining });
        }
    }
    events
}

/// The events that may answer a command.
fn answers(command: Command) -> Vec<Event> {
    let fits = |event: &Event| {
        matches!(
            (command, event),
            (
                Command::ReadRow,
                Event::Row { .. } | Event::RowGone | Event::StoreDown
            ) | (
                Command::TakeLease,
                Event::Leased | Event::LeaseBusy | Event::LeaseDown | Event::RefusedMisconfigured
            ) | (
                Command::Claim { .. },
                Event::Claimed { .. }
                    | Event::ClaimHeld { .. }
                    | Event::ClaimAdvanced { .. }
                    | Event::ClaimNotActive { .. }
                    | Event::RowGone
                    | Event::StoreDown
            ) | (
                Command::Post,
                Event::Lapsed
                    | Event::NotSent
                    | Event::Granted
                    | Event::RefusedDead
                    | Event::RefusedBusy
                    | Event::RefusedMisconfigured
                    | Event::RefusedNotAdmitted
                    | Event::Unknown
            ) | (
                Command::Save { .. },
                Event::Saved { .. } | Event::Superseded | Event::RowGone | Event::StoreDown
            ) | (Command::Spill { .. }, Event::Spilled { .. })
                | (
                    Command::Mark { .. },
                    Event::Marked { .. } | Event::RowGone | Event::StoreDown
                )
                | (Command::Wait { .. }, Event::Waited { .. })
        )
    };
    events().into_iter().filter(fits).collect()
}

const fn is_silent(command: Command) -> bool {
    matches!(
        command,
        Command::Extend { .. }
            | Command::ReleaseClaim { .. }
            | Command::ReleaseLease
            | Command::TripApp
            | Command::RestConnection
            | Command::Answer(_)
    )
}

/// What must be remembered of a path to judge the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that happened or not"
)]
struct History {
    claimed: bool,
    granted: bool,
    dead: bool,
    tokenless: bool,
    sent: bool,
    leased: bool,
}

/// Walks every path that any order of answers can take, and judges each step.
#[test]
fn on_every_path_nothing_is_sent_without_a_claim_nor_used_before_it_is_saved() {
    let mut seen = HashSet::new();
    let (machine, commands) = Machine::new(5).step(Event::Started);
    let mut queue = VecDeque::from([(machine, *commands.last().expect("a command"), History::default())]);
    let mut finishes = HashSet::new();
    while let Some((machine, command, history)) = queue.pop_front() {
        if !seen.insert((machine, command, history)) {
            continue;
        }
        for event in answers(command) {
            let mut history = history;
            remember(&mut history, event);
            let (next, commands) = machine.step(event);
            let (last, silent) = commands.split_last().expect("every step commands something");
            assert!(silent.iter().copied().all(is_silent), "{commands:?}");
            assert!(!is_silent(*last), "{commands:?}");
            judge(&mut history, event, &commands);
            if let Command::Finish(outcome) = last {
                assert!(
                    !history.leased,
                    "finished {outcome:?} with the lease in hand after {event:?}"
                );
                finishes.insert(*outcome);
            } else {
                queue.push_back((next, *last, history));
            }
        }
    }
    assert!(seen.len() > 100, "{} states", seen.len());
    assert_eq!(finishes.len(), 11, "every outcome can be reached: {finishes:?}");
}

fn remember(history: &mut History, event: Event) {
    match event {
        Event::Claimed { .. } => history.claimed = true,
        Event::Leased => history.leased = true,
        Event::Granted => (history.granted, history.sent) = (true, true),
        Event::RefusedDead => (history.dead, history.sent) = (true, true),
        Event::Unknown => history.sent = true,
        Event::Row { refreshable, .. } => history.tokenless = !refreshable,
        _ => {}
    }
}

fn judge(history: &mut History, event: Event, commands: &[Command]) {
    if event == Event::RefusedDead {
        assert_eq!(
            commands,
            [Command::ReadRow],
            "first a look whether the refused token is an old one"
        );
    }
    for command in commands {
        match *command {
            Command::Post => {
                assert!(
                    history.claimed && !history.granted,
                    "sent without a claim, or twice"
                );
            }
            Command::Save { .. } | Command::Spill { .. } => {
                assert!(history.granted, "saved what was not granted");
            }
            Command::Mark {
                reason: MarkReason::GrantEnded,
                ..
            } => assert!(history.dead),
            Command::Mark {
                reason: MarkReason::NoRefreshToken,
                ..
            } => assert!(history.tokenless),
            Command::ReleaseClaim { release, .. } => {
                assert!(history.claimed, "released what was not claimed");
                assert!(!history.granted, "a granted token is saved, never let go");
                assert_eq!(release == Release::OutcomeUnknown, event == Event::Unknown);
                history.claimed = false;
            }
            Command::ReleaseLease => history.leased = false,
            Command::Wait { pause_ms } => assert!((1..=5_000).contains(&pause_ms)),
            Command::Finish(Outcome::Current { version }) => {
                assert!(version > 5);
                let known = matches!(
                    event,
                    Event::Saved { .. } | Event::Row { .. } | Event::ClaimAdvanced { .. }
                );
                assert!(
                    known,
                    "version {version} is durable only if the database said so, not {event:?}"
                );
            }
            Command::Finish(Outcome::NeedsReauth) => assert_eq!(event, Event::Marked { done: true }),
            Command::Finish(Outcome::SaveFailed) => assert!(history.granted),
            _ => {}
        }
    }
    // After a wait the round begins anew: what was sent then was refused or superseded.
    if matches!(commands.last(), Some(Command::Wait { .. }))
        && !matches!(event, Event::Spilled { .. } | Event::StoreDown)
    {
        (history.claimed, history.granted, history.dead) = (false, false, false);
    }
}

#[test]
fn events_out_of_turn_end_the_refresh_and_touch_nothing() {
    let (machine, _) = Machine::new(5).step(Event::Started);
    for event in [
        Event::Granted,
        Event::Saved { version: 9 },
        Event::Started,
        Event::Marked { done: true },
    ] {
        let (_, commands) = machine.step(event);
        assert_eq!(commands, [Command::Finish(Outcome::StoreDown)]);
    }
}

#[test]
fn a_busy_token_is_presented_at_most_four_times() {
    let (mut machine, _) = Machine::new(5).step(Event::Started);
    let mut pauses = Vec::new();
    for round in 0..4 {
        machine = machine
            .step(Event::Row {
                version: 5,
                refreshable: true,
            })
            .0;
        machine = machine.step(Event::Leased).0;
        machine = machine.step(Event::Claimed { fence: round }).0;
        let (next, commands) = machine.step(Event::RefusedBusy);
        match commands.last() {
            Some(Command::Wait { pause_ms }) => pauses.push(*pause_ms),
            Some(Command::Finish(outcome)) => assert_eq!((round, *outcome), (3, Outcome::InProgress)),
            other => panic!("{other:?}"),
        }
        machine = next
            .step(Event::Waited {
                time_up: false,
                draining: false,
            })
            .0;
    }
    assert_eq!(pauses, [500, 1_000, 2_000]);
}

#[test]
fn callers_are_let_go_after_three_failed_writes_and_the_writing_goes_on() {
    let (mut machine, _) = Machine::new(5).step(Event::Started);
    for event in [
        Event::Row {
            version: 5,
            refreshable: true,
        },
        Event::Leased,
        Event::Claimed { fence: 1 },
        Event::Granted,
        Event::StoreDown,
    ] {
        machine = machine.step(event).0;
    }
    machine = machine.step(Event::Spilled { durable: true }).0;
    let mut answered_after = None;
    let mut failures = 1;
    let mut waited_ms = 0;
    let last = loop {
        let (next, commands) = machine.step(Event::Waited {
            time_up: true,
            draining: false,
        });
        if let [Command::ReleaseLease, Command::Finish(outcome)] = commands.as_slice() {
            break *outcome;
        }
        assert!(matches!(commands.last(), Some(Command::Save { .. })));
        let (next, commands) = next.step(Event::StoreDown);
        failures += 1;
        if commands.contains(&Command::Answer(Outcome::SaveFailed)) {
            assert_eq!(answered_after.replace(failures), None, "answered once");
        }
        if let Some(Command::Wait { pause_ms }) = commands.last() {
            waited_ms += pause_ms;
        }
        machine = next;
    };
    assert_eq!((last, answered_after), (Outcome::SaveFailed, Some(3)));
    assert!((30_000..60_000).contains(&waited_ms), "{waited_ms}");
}

#[test]
fn tokens_that_are_nowhere_durable_are_never_given_up() {
    let (mut machine, _) = Machine::new(5).step(Event::Started);
    for event in [
        Event::Row {
            version: 5,
            refreshable: true,
        },
        Event::LeaseDown,
        Event::Claimed { fence: 1 },
        Event::Granted,
    ] {
        machine = machine.step(event).0;
    }
    for _ in 0..1_000 {
        machine = machine.step(Event::StoreDown).0;
        machine = machine.step(Event::Spilled { durable: false }).0;
        let (next, commands) = machine.step(Event::Waited {
            time_up: true,
            draining: true,
        });
        assert!(
            matches!(commands.last(), Some(Command::Save { .. })),
            "{commands:?}"
        );
        machine = next;
    }
    let (_, commands) = machine.step(Event::Saved { version: 6 });
    assert_eq!(
        commands.last(),
        Some(&Command::Finish(Outcome::Current { version: 6 }))
    );
}

mod interleaving;
mod steps;
