//! The refresh protocol as a pure function: (state, event) → (state, commands).
//!
//! A refresh token that rotates may be presented once; presented twice, the provider revokes the grant. So this machine
//! holds to an order: read the row, take the lease, make the claim in the database, send, save, and only then let anybody
//! use the new token. Everything that can fail in between has an event, and every event a next step. The driver next door
//! does the talking; tokens never come in here.

use store::ConnectionState;

/// First pause while somebody else refreshes, ms; doubled up to [`POLL_MAX_MS`].
const POLL_FIRST_MS: u64 = 50;
const POLL_MAX_MS: u64 = 400;
/// First pause after "already being processed", ms; doubled each time.
const BUSY_FIRST_MS: u64 = 500;
/// How often a token is presented again after that answer.
const BUSY_MAX: u8 = 3;
/// First pause after a write that failed, ms; doubled up to [`SAVE_PAUSE_MAX_MS`].
const SAVE_PAUSE_FIRST_MS: u64 = 50;
const SAVE_PAUSE_MAX_MS: u64 = 5_000;
/// Failed writes after which callers stop waiting (after 50 + 100 + 200 ms) and get their 503.
const SAVES_BEFORE_ANSWER: u8 = 3;
/// Failed writes after which the spilled copy is left to the next start or claim (about 45 s).
const SAVES_MAX: u8 = 14;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Event {
    /// Somebody needs a token of a version above the one at hand.
    Started,
    /// The row was read.
    Row {
        /// Its token version.
        version: i64,
        /// Whether it holds a refresh token.
        refreshable: bool,
    },
    /// There is no such row.
    RowGone,
    /// The database did not answer, or not usefully.
    StoreDown,
    /// The lease is ours.
    Leased,
    /// Somebody else has the lease.
    LeaseBusy,
    /// There is no telling: the claim alone must do.
    LeaseDown,
    /// The claim is ours.
    Claimed {
        /// Proves it.
        fence: i64,
    },
    /// Somebody else has the claim, or a cool-down runs.
    ClaimHeld {
        /// How long yet, ms.
        left_ms: u64,
    },
    /// The row has moved on.
    ClaimAdvanced {
        /// Its version now.
        version: i64,
    },
    /// The connection may not be refreshed.
    ClaimNotActive {
        /// Its state.
        state: ConnectionState,
    },
    /// The claim was too old to send under. Nothing was sent.
    Lapsed,
    /// No connection to the provider. Nothing was sent.
    NotSent,
    /// New tokens are in the driver's hands.
    Granted,
    /// The provider said that the grant is over.
    RefusedDead,
    /// The provider said that another request holds the token.
    RefusedBusy,
    /// The provider said that our application is at fault.
    RefusedMisconfigured,
    /// The provider said that this customer's side does not let our application in.
    RefusedNotAdmitted,
    /// Sent, and nobody knows what came of it.
    Unknown,
    /// The new tokens are durable.
    Saved {
        /// Their version.
        version: i64,
    },
    /// The claim was no longer ours when saving.
    Superseded,
    /// The sealed copy is written, or could not be.
    Spilled {
        /// Whether it is durable.
        durable: bool,
    },
    /// The mark was made, or the claim was no longer ours.
    Marked {
        /// Whether it was made.
        done: bool,
    },
    /// A pause is over.
    Waited {
        /// Nobody waits any longer.
        time_up: bool,
        /// The process is stopping.
        draining: bool,
    },
}

/// What to do. Each step gives any number of silent commands and, last, one that answers with an event or [`Command::Finish`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Command {
    /// Read version and refresh token from the database, past every cache.
    ReadRow,
    /// Take the lease.
    TakeLease,
    /// Claim the refresh in the database.
    Claim {
        /// The version read.
        version: i64,
    },
    /// Present the refresh token, if the claim is still young enough.
    Post,
    /// Write the new tokens under the claim.
    Save {
        /// The version they follow.
        version: i64,
        /// The claim.
        fence: i64,
    },
    /// Write a sealed copy somewhere else.
    Spill {
        /// The version they follow.
        version: i64,
        /// The claim.
        fence: i64,
    },
    /// Mark the connection as in need of a person.
    Mark {
        /// The version that was refused.
        version: i64,
        /// The claim.
        fence: i64,
        /// Why.
        reason: MarkReason,
    },
    /// Wait, with jitter, or until the row changes.
    Wait {
        /// How long, ms.
        pause_ms: u64,
    },
    /// Silent: prolong lease and claim.
    Extend {
        /// The claim.
        fence: i64,
    },
    /// Silent: give the claim back.
    ReleaseClaim {
        /// The claim.
        fence: i64,
        /// What became of it.
        release: Release,
    },
    /// Silent: give the lease back.
    ReleaseLease,
    /// Silent: stop refreshing for this application for a while.
    TripApp,
    /// Silent: stop refreshing this connection for a while.
    RestConnection,
    /// Silent: let those who wait have this answer now.
    Answer(Outcome),
    /// The end.
    Finish(Outcome),
}

/// Why a connection needs a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum MarkReason {
    /// The provider said that the grant is over.
    GrantEnded,
    /// The access token is over and there is no refresh token.
    NoRefreshToken,
}

impl MarkReason {
    /// The text stored as the connection's state reason.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::GrantEnded => "grant_ended",
            Self::NoRefreshToken => "no_refresh_token",
        }
    }
}

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Release {
    /// Nothing was sent.
    NotSent,
    /// The provider answered no.
    Failed,
    /// Sent, outcome unknown: cool down.
    OutcomeUnknown,
}

/// What those who wait are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    /// The row holds tokens of this version: use them.
    Current {
        /// The version.
        version: i64,
    },
    /// The connection may not be refreshed.
    NotActive {
        /// Its state.
        state: ConnectionState,
    },
    /// The connection was marked: a person must connect again.
    NeedsReauth,
    /// The connection is gone.
    Gone,
    /// The database did not answer. Nothing was sent, or what was sent was refused.
    StoreDown,
    /// Somebody else is at it for longer than anyone waits.
    InProgress,
    /// The token endpoint could not be reached.
    Unreachable,
    /// Our application is refused by the provider.
    Misconfigured,
    /// This customer's side does not let our application in.
    NotAdmitted,
    /// Sent, and nobody knows what came of it.
    Unsettled,
    /// New tokens exist but are not durable yet: nobody may have them.
    SaveFailed,
}

/// A claim in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Claim {
    version: i64,
    fence: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum State {
    Idle,
    Reading,
    Leasing {
        version: i64,
        refreshable: bool,
    },
    Claiming {
        version: i64,
        refreshable: bool,
    },
    Posting(Claim),
    /// Refused as dead: has somebody else got new tokens meanwhile?
    Verifying(Claim),
    Marking(Claim),
    Saving {
        claim: Claim,
        failures: u8,
        spilled: bool,
    },
    Spilling {
        claim: Claim,
        failures: u8,
    },
    SavePause {
        claim: Claim,
        failures: u8,
        spilled: bool,
    },
    Waiting,
    Done,
}

/// One refresh of one connection on one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Machine {
    state: State,
    /// A token above this version is wanted.
    above: i64,
    polls: u8,
    busy: u8,
}

type Step = (State, Vec<Command>);

impl Machine {
    /// A machine that wants a token whose version is above this one.
    pub(crate) const fn new(above: i64) -> Self {
        Self {
            state: State::Idle,
            above,
            polls: 0,
            busy: 0,
        }
    }

    /// The next state and what to do. An event that does not belong to the state ends the refresh without touching
    /// anything: the claim lapses by itself.
    pub(crate) fn step(mut self, event: Event) -> (Self, Vec<Command>) {
        let (state, commands) = match (self.state, event) {
            (State::Idle, Event::Started) => (State::Reading, vec![Command::ReadRow]),
            (State::Reading, event) => self.read(event),
            (State::Leasing { version, refreshable }, event) => self.leasing(version, refreshable, event),
            (State::Claiming { version, refreshable }, event) => self.claiming(version, refreshable, event),
            (State::Posting(claim), event) => self.posted(claim, event),
            (State::Verifying(claim), event) => self.verified(claim, event),
            (State::Marking(claim), event) => self.marked(claim, event),
            (
                State::Saving {
                    claim,
                    failures,
                    spilled,
                },
                event,
            ) => self.saved(claim, failures, spilled, event),
            (State::Spilling { claim, failures }, Event::Spilled { durable }) => {
                save_pause(claim, failures, durable)
            }
            (
                State::SavePause {
                    claim,
                    failures,
                    spilled,
                },
                Event::Waited { draining, .. },
            ) => {
                if spilled && (draining || failures >= SAVES_MAX) {
                    // The sealed copy outlives this process; whoever claims next applies it first.
                    finish_with(vec![Command::ReleaseLease], Outcome::SaveFailed)
                } else {
                    save(claim, failures, spilled)
                }
            }
            (State::Waiting, Event::Waited { time_up, draining }) => {
                if time_up || draining {
                    finish(Outcome::InProgress)
                } else {
                    (State::Reading, vec![Command::ReadRow])
                }
            }
            _ => finish(Outcome::StoreDown),
        };
        self.state = state;
        (self, commands)
    }

    fn read(&mut self, event: Event) -> Step {
        match event {
            Event::Row { version, .. } if version > self.above => finish(Outcome::Current { version }),
            Event::Row { version, refreshable } => {
                (State::Leasing { version, refreshable }, vec![Command::TakeLease])
            }
            Event::RowGone => finish(Outcome::Gone),
            _ => finish(Outcome::StoreDown),
        }
    }

    fn leasing(&mut self, version: i64, refreshable: bool, event: Event) -> Step {
        match event {
            Event::Leased | Event::LeaseDown => (
                State::Claiming { version, refreshable },
                vec![Command::Claim { version }],
            ),
            Event::LeaseBusy => self.wait(Vec::new(), u64::MAX),
            // It came out while this refresh stood in line: nothing is sent for the application.
            Event::RefusedMisconfigured => finish(Outcome::Misconfigured),
            _ => finish(Outcome::StoreDown),
        }
    }

    fn claiming(&mut self, version: i64, refreshable: bool, event: Event) -> Step {
        match event {
            Event::Claimed { fence } if refreshable => {
                (State::Posting(Claim { version, fence }), vec![Command::Post])
            }
            Event::Claimed { fence } => mark(Claim { version, fence }, MarkReason::NoRefreshToken),
            Event::ClaimHeld { left_ms } => self.wait(vec![Command::ReleaseLease], left_ms),
            Event::ClaimAdvanced { version } if version > self.above => {
                finish_with(vec![Command::ReleaseLease], Outcome::Current { version })
            }
            Event::ClaimAdvanced { .. } => self.wait(vec![Command::ReleaseLease], u64::MAX),
            Event::ClaimNotActive { state } => {
                finish_with(vec![Command::ReleaseLease], Outcome::NotActive { state })
            }
            Event::RowGone => finish_with(vec![Command::ReleaseLease], Outcome::Gone),
            _ => finish_with(vec![Command::ReleaseLease], Outcome::StoreDown),
        }
    }

    fn posted(&mut self, claim: Claim, event: Event) -> Step {
        let give_back = |release| {
            vec![
                Command::ReleaseClaim {
                    fence: claim.fence,
                    release,
                },
                Command::ReleaseLease,
            ]
        };
        match event {
            Event::Granted => save(claim, 0, false),
            Event::Lapsed => self.wait(give_back(Release::NotSent), u64::MAX),
            Event::NotSent => finish_with(give_back(Release::NotSent), Outcome::Unreachable),
            Event::RefusedDead => (State::Verifying(claim), vec![Command::ReadRow]),
            Event::RefusedBusy => {
                self.busy += 1;
                if self.busy > BUSY_MAX {
                    return finish_with(give_back(Release::Failed), Outcome::InProgress);
                }
                let mut commands = give_back(Release::Failed);
                commands.push(Command::Wait {
                    pause_ms: BUSY_FIRST_MS << (self.busy - 1),
                });
                (State::Waiting, commands)
            }
            Event::RefusedMisconfigured => {
                let mut commands = give_back(Release::Failed);
                commands.push(Command::TripApp);
                finish_with(commands, Outcome::Misconfigured)
            }
            Event::RefusedNotAdmitted => {
                let mut commands = give_back(Release::Failed);
                commands.push(Command::RestConnection);
                finish_with(commands, Outcome::NotAdmitted)
            }
            _ => finish_with(give_back(Release::OutcomeUnknown), Outcome::Unsettled),
        }
    }

    fn verified(&mut self, claim: Claim, event: Event) -> Step {
        match event {
            Event::Row { version, .. } if version > claim.version && version > self.above => {
                finish_with(vec![Command::ReleaseLease], Outcome::Current { version })
            }
            Event::Row { version, .. } if version > claim.version => {
                self.wait(vec![Command::ReleaseLease], u64::MAX)
            }
            Event::Row { .. } => mark(claim, MarkReason::GrantEnded),
            Event::RowGone => finish_with(vec![Command::ReleaseLease], Outcome::Gone),
            _ => unsettled(claim),
        }
    }

    fn marked(&mut self, claim: Claim, event: Event) -> Step {
        match event {
            Event::Marked { done: true } => finish_with(vec![Command::ReleaseLease], Outcome::NeedsReauth),
            Event::Marked { done: false } => self.wait(vec![Command::ReleaseLease], u64::MAX),
            Event::RowGone => finish_with(vec![Command::ReleaseLease], Outcome::Gone),
            _ => unsettled(claim),
        }
    }

    fn saved(&mut self, claim: Claim, failures: u8, spilled: bool, event: Event) -> Step {
        match event {
            Event::Saved { version } => {
                finish_with(vec![Command::ReleaseLease], Outcome::Current { version })
            }
            Event::Superseded => self.wait(vec![Command::ReleaseLease], u64::MAX),
            Event::RowGone => finish_with(vec![Command::ReleaseLease], Outcome::Gone),
            _ if spilled => save_pause(claim, failures + 1, true),
            _ => (
                State::Spilling {
                    claim,
                    failures: failures.saturating_add(1).min(SAVES_MAX),
                },
                vec![Command::Spill {
                    version: claim.version,
                    fence: claim.fence,
                }],
            ),
        }
    }

    fn wait(&mut self, mut commands: Vec<Command>, at_most_ms: u64) -> Step {
        let pause_ms = (POLL_FIRST_MS << self.polls)
            .min(POLL_MAX_MS)
            .min(at_most_ms.max(1));
        self.polls = (self.polls + 1).min(3);
        commands.push(Command::Wait { pause_ms });
        (State::Waiting, commands)
    }
}

fn finish(outcome: Outcome) -> Step {
    finish_with(Vec::new(), outcome)
}

fn finish_with(mut commands: Vec<Command>, outcome: Outcome) -> Step {
    commands.push(Command::Finish(outcome));
    (State::Done, commands)
}

fn mark(claim: Claim, reason: MarkReason) -> Step {
    let command = Command::Mark {
        version: claim.version,
        fence: claim.fence,
        reason,
    };
    (State::Marking(claim), vec![command])
}

/// The provider refused, but the database cannot be asked whether that is the last word: nobody is marked on a guess.
fn unsettled(claim: Claim) -> Step {
    let commands = vec![
        Command::ReleaseClaim {
            fence: claim.fence,
            release: Release::Failed,
        },
        Command::ReleaseLease,
    ];
    finish_with(commands, Outcome::StoreDown)
}

fn save(claim: Claim, failures: u8, spilled: bool) -> Step {
    let mut commands = Vec::with_capacity(2);
    if failures > 0 {
        commands.push(Command::Extend { fence: claim.fence });
    }
    commands.push(Command::Save {
        version: claim.version,
        fence: claim.fence,
    });
    (
        State::Saving {
            claim,
            failures,
            spilled,
        },
        commands,
    )
}

fn save_pause(claim: Claim, failures: u8, spilled: bool) -> Step {
    let mut commands = Vec::with_capacity(2);
    if failures == SAVES_BEFORE_ANSWER {
        commands.push(Command::Answer(Outcome::SaveFailed));
    }
    let doublings = u32::from(failures.saturating_sub(1)).min(10);
    commands.push(Command::Wait {
        pause_ms: (SAVE_PAUSE_FIRST_MS << doublings).min(SAVE_PAUSE_MAX_MS),
    });
    (
        State::SavePause {
            claim,
            failures,
            spilled,
        },
        commands,
    )
}

#[cfg(test)]
mod tests;
