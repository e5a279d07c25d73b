//! Two nodes, one row, one provider with strict rotation: every order of their steps, with faults at every step.
//!
//! The provider is the oracle: presenting a token that was rotated out revokes the grant. Where no node dies between
//! sending and saving and no reply is lost, that must never happen.

use std::collections::HashSet;

use store::ConnectionState;

use super::super::{Command, Event, Machine, Outcome, Release};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Node {
    machine: Machine,
    /// The command to run next; none when finished or dead.
    next: Option<Command>,
    outcome: Option<Outcome>,
    has_lease: bool,
    fence: i64,
    /// The token generation read with the row.
    read: u8,
    /// The token generation granted and not yet saved.
    granted: Option<u8>,
    /// The claim in hand has lapsed: the driver's deadline check will see it.
    lapsed: bool,
    /// Between the provider's decision and the first durable copy of the new token, saved or spilled: time too short for
    /// the claim to lapse, by the inequality that `Limits::check` holds.
    protected: bool,
    rounds: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    nodes: [Node; 2],
    // The row.
    version: i64,
    stored: u8,
    fence: i64,
    claimed_by: Option<usize>,
    state_active: bool,
    // The lease and the sealed copy.
    lease_of: Option<usize>,
    spilled: Option<(i64, i64, u8)>,
    // The provider.
    current: u8,
    revoked: bool,
    posts: u8,
    // What may still go wrong on this path.
    faults_left: u8,
}

const ROUNDS_MAX: u8 = 3;

impl World {
    fn new(faults: u8) -> Self {
        let (machine, commands) = Machine::new(1).step(Event::Started);
        let node = Node {
            machine,
            next: commands.last().copied(),
            outcome: None,
            has_lease: false,
            fence: 0,
            read: 0,
            granted: None,
            lapsed: false,
            protected: false,
            rounds: 0,
        };
        Self {
            nodes: [node.clone(), node],
            version: 1,
            stored: 1,
            fence: 0,
            claimed_by: None,
            state_active: true,
            lease_of: None,
            spilled: None,
            current: 1,
            revoked: false,
            posts: 0,
            faults_left: faults,
        }
    }

    fn faulty(&self) -> Option<Self> {
        let mut world = self.clone();
        world.faults_left = world.faults_left.checked_sub(1)?;
        Some(world)
    }

    /// Applies a sealed copy as the store does before each claim: by the same compare-and-set.
    fn recover_spill(&mut self) {
        if let Some((version, fence, generation)) = self.spilled.take()
            && self.version == version
            && self.fence == fence
        {
            (self.version, self.stored, self.claimed_by) = (version + 1, generation, None);
        }
    }

    /// Feeds an event to a node and runs its silent commands.
    fn feed(mut self, who: usize, event: Event) -> Self {
        let (machine, commands) = self.nodes[who].machine.step(event);
        self.nodes[who].machine = machine;
        self.nodes[who].next = None;
        for command in commands {
            match command {
                Command::ReleaseClaim { fence, release } => {
                    let own = self.claimed_by == Some(who) && self.fence == fence;
                    if own && release != Release::OutcomeUnknown {
                        self.claimed_by = None;
                    }
                }
                Command::ReleaseLease => {
                    if self.lease_of == Some(who) && self.nodes[who].has_lease {
                        self.lease_of = None;
                    }
                    self.nodes[who].has_lease = false;
                }
                Command::Finish(outcome) => self.nodes[who].outcome = Some(outcome),
                Command::Extend { .. } | Command::TripApp | Command::Answer(_) => {}
                other => self.nodes[who].next = Some(other),
            }
        }
        self
    }

    /// Every world that may follow from node `who` running its command.
    fn successors(&self, who: usize) -> Vec<Self> {
        let Some(command) = self.nodes[who].next else {
            return Vec::new();
        };
        let mut next = Vec::new();
        // The database may be away whenever it is asked.
        if matches!(
            command,
            Command::ReadRow | Command::Claim { .. } | Command::Save { .. } | Command::Mark { .. }
        ) && let Some(world) = self.faulty()
        {
            next.push(world.feed(who, Event::StoreDown));
        }
        match command {
            Command::ReadRow => next.push(self.read(who)),
            Command::TakeLease => next.extend(self.take_lease(who)),
            Command::Claim { version } => next.push(self.claim(who, version)),
            Command::Post => next.extend(self.post(who)),
            Command::Save { version, fence } => next.push(self.save(who, version, fence)),
            Command::Spill { version, fence } => {
                let mut world = self.clone();
                world.spilled = world.nodes[who]
                    .granted
                    .map(|generation| (version, fence, generation));
                world.nodes[who].protected = false;
                next.push(world.feed(who, Event::Spilled { durable: true }));
            }
            Command::Mark { version, fence, .. } => {
                let mut world = self.clone();
                let done = world.version == version && world.fence == fence;
                world.state_active &= !done;
                next.push(world.feed(who, Event::Marked { done }));
            }
            Command::Wait { .. } => {
                let mut world = self.clone();
                world.nodes[who].rounds += 1;
                let time_up = world.nodes[who].rounds >= ROUNDS_MAX;
                next.push(world.feed(
                    who,
                    Event::Waited {
                        time_up,
                        draining: false,
                    },
                ));
            }
            other => panic!("not a command to run: {other:?}"),
        }
        next
    }

    fn read(&self, who: usize) -> Self {
        let mut world = self.clone();
        world.nodes[who].read = world.stored;
        let event = Event::Row {
            version: world.version,
            refreshable: true,
        };
        world.feed(who, event)
    }

    fn take_lease(&self, who: usize) -> Vec<Self> {
        let mut next = Vec::new();
        // Redis away, or emptied: the lease proves nothing.
        if let Some(world) = self.faulty() {
            next.push(world.feed(who, Event::LeaseDown));
        }
        let mut world = self.clone();
        if world.lease_of.is_some() {
            next.push(world.feed(who, Event::LeaseBusy));
        } else {
            world.lease_of = Some(who);
            world.nodes[who].has_lease = true;
            next.push(world.feed(who, Event::Leased));
        }
        next
    }

    fn claim(&self, who: usize, version: i64) -> Self {
        let mut world = self.clone();
        world.recover_spill();
        let event = if !world.state_active {
            Event::ClaimNotActive {
                state: ConnectionState::NeedsReauth,
            }
        } else if world.version != version {
            Event::ClaimAdvanced {
                version: world.version,
            }
        } else if world.claimed_by.is_some() {
            Event::ClaimHeld { left_ms: 1_000 }
        } else {
            world.claimed_by = Some(who);
            world.fence += 1;
            world.nodes[who].fence = world.fence;
            world.nodes[who].lapsed = false;
            Event::Claimed { fence: world.fence }
        };
        world.feed(who, event)
    }

    fn post(&self, who: usize) -> Vec<Self> {
        if self.nodes[who].lapsed {
            return vec![self.clone().feed(who, Event::Lapsed)];
        }
        let mut next = Vec::new();
        if let Some(world) = self.faulty() {
            next.push(world.feed(who, Event::NotSent));
        }
        if let Some(world) = self.faulty() {
            next.push(world.feed(who, Event::RefusedBusy));
        }
        let mut world = self.clone();
        world.posts += 1;
        let event = if world.revoked {
            Event::RefusedDead
        } else if world.nodes[who].read == world.current {
            world.current += 1;
            world.nodes[who].granted = Some(world.current);
            world.nodes[who].protected = true;
            Event::Granted
        } else {
            world.revoked = true;
            Event::RefusedDead
        };
        next.push(world.feed(who, event));
        next
    }

    fn save(&self, who: usize, version: i64, fence: i64) -> Self {
        let mut world = self.clone();
        world.nodes[who].protected = false;
        if world.version == version && world.fence == fence {
            world.stored = world.nodes[who].granted.expect("granted before saved");
            (world.version, world.claimed_by) = (version + 1, None);
            world.feed(who, Event::Saved { version: version + 1 })
        } else {
            world.feed(who, Event::Superseded)
        }
    }

    /// Leases and claims end by time; a node that was paused finds out only when it looks.
    fn lapses(&self) -> Vec<Self> {
        let mut next = Vec::new();
        if let Some(holder) = self.claimed_by
            && !self.nodes[holder].protected
        {
            let mut world = self.clone();
            world.claimed_by = None;
            world.nodes[holder].lapsed = true;
            next.push(world);
        }
        if let (Some(_), Some(mut world)) = (self.lease_of, self.faulty()) {
            world.lease_of = None;
            next.push(world);
        }
        next
    }

    /// A node dies, unless it holds a token that is nowhere else: that one loss no protocol can prevent.
    fn deaths(&self) -> Vec<Self> {
        (0..2)
            .filter(|who| self.nodes[*who].next.is_some() && self.nodes[*who].granted.is_none())
            .filter_map(|who| {
                let mut world = self.faulty()?;
                world.nodes[who].next = None;
                Some(world)
            })
            .collect()
    }

    fn judge(&self) {
        assert!(!self.revoked, "a rotated-out token was presented: {self:?}");
        assert!(self.state_active, "a live connection was marked: {self:?}");
        for node in &self.nodes {
            if let Some(Outcome::Current { version }) = node.outcome {
                assert!(
                    version <= self.version,
                    "an undurable version was handed out: {self:?}"
                );
            }
        }
        if self.nodes.iter().all(|node| node.next.is_none()) && self.spilled.is_none() {
            let lost = self.stored != self.current;
            assert!(!lost, "at rest, the stored token is not the living one: {self:?}");
        }
    }
}

fn explore(faults: u8) -> usize {
    let mut seen = HashSet::new();
    let mut stack = vec![World::new(faults)];
    while let Some(world) = stack.pop() {
        if !seen.insert(world.clone()) {
            continue;
        }
        world.judge();
        for who in 0..2 {
            stack.extend(world.successors(who));
        }
        stack.extend(world.lapses());
        stack.extend(world.deaths());
    }
    seen.len()
}

#[test]
fn two_nodes_in_any_order_with_two_faults_never_present_a_token_twice() {
    let worlds = explore(2);
    assert!(worlds > 10_000, "{worlds} worlds");
}

#[test]
fn without_faults_two_nodes_send_one_request() {
    let mut seen = HashSet::new();
    let mut stack = vec![World::new(0)];
    while let Some(world) = stack.pop() {
        if !seen.insert(world.clone()) {
            continue;
        }
        world.judge();
        assert!(world.posts <= 1, "{world:?}");
        for who in 0..2 {
            stack.extend(world.successors(who));
        }
    }
}
