//! What goes wrong, and how often it did.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Arena, Dice};

/// Faults by name, and how many there were.
#[derive(Debug, Default)]
pub(super) struct Injected(pub(super) BTreeMap<&'static str, u64>);

/// Kinds of faults in shuffled rounds: every kind comes before one comes again.
struct Round<'a, const KINDS: usize> {
    dice: &'a Dice,
    kinds: [u8; KINDS],
    next: Cell<usize>,
}

impl<'a, const KINDS: usize> Round<'a, KINDS> {
    fn new(dice: &'a Dice) -> Self {
        Self {
            dice,
            kinds: std::array::from_fn(|kind| u8::try_from(kind).expect("few kinds")),
            next: Cell::new(KINDS),
        }
    }

    fn draw(&mut self) -> u8 {
        if self.next.get() == KINDS {
            for index in (1..KINDS).rev() {
                self.kinds.swap(index, self.dice.index(index + 1));
            }
            self.next.set(0);
        }
        let at = self.next.get();
        self.next.set(at + 1);
        self.kinds[at]
    }
}

impl Arena<'_> {
    fn count(&self, fault: &'static str) {
        *self.injected.borrow_mut().0.entry(fault).or_default() += 1;
    }

    /// A pause of one to three seconds in which things may recover, or not.
    async fn breathe(&self, dice: &Dice) {
        tokio::time::sleep(Duration::from_millis(1_000 + dice.below(2_000))).await;
    }

    /// Past the lease in either kind of run: 40 s, or 10 s where leases last 8 s.
    fn past_the_lease(&self) -> Duration {
        Duration::from_secs(if self.settings.is_long() { 40 } else { 10 })
    }

    pub(super) async fn harm_nodes_until_over(&self) {
        let dice = Dice(Cell::new(self.settings.seed ^ 0xa));
        let mut round = Round::<4>::new(&dice);
        while !self.over.get() {
            self.breathe(&dice).await;
            let node = dice.index(self.nodes.len());
            match round.draw() {
                0 => {
                    self.count("a node killed (SIGKILL), started again after 1 s");
                    self.nodes.kill(node, Duration::from_secs(1));
                }
                1 => {
                    self.count("a node stopped (SIGSTOP) past its lease");
                    self.nodes.stop(node, self.past_the_lease()).await;
                }
                2 => {
                    self.count("a node stopped (SIGSTOP) for 1 s");
                    self.nodes.stop(node, Duration::from_secs(1)).await;
                }
                _ => self.jump_clock(node, &dice).await,
            }
        }
    }

    /// Moves the wall clock of one node, the monotonic one stays.
    async fn jump_clock(&self, node: usize, dice: &Dice) {
        if self.world.clock_library.is_none() {
            return;
        }
        let jumps = ["+20s", "-20s", "+10m", "-10m"];
        self.count("a node's wall clock moved by 20 s or 10 minutes, and back");
        self.world.set_clock(node, jumps[dice.index(jumps.len())]);
        self.breathe(dice).await;
        self.world.set_clock(node, "+0");
    }

    pub(super) async fn harm_services_until_over(&self) {
        let dice = Dice(Cell::new(self.settings.seed ^ 0xb));
        let mut round = Round::<9>::new(&dice);
        while !self.over.get() {
            self.breathe(&dice).await;
            match round.draw() {
                0 => {
                    self.count("Redis killed, started again after 2 s");
                    self.redis.borrow_mut().kill();
                    tokio::time::sleep(Duration::from_secs(2)).await;
                    self.redis.borrow_mut().start_again();
                }
                1 => {
                    self.count("Redis emptied (FLUSHALL)");
                    self.redis.borrow().flush();
                }
                2 => {
                    self.count("Redis stopped (SIGSTOP) for 3 s");
                    self.redis.borrow().signal("STOP");
                    tokio::time::sleep(Duration::from_secs(3)).await;
                    self.redis.borrow().signal("CONT");
                }
                3 => {
                    self.count("Postgres frozen for 4 s, answers held back");
                    self.postgres.pause(Duration::from_secs(4)).await;
                }
                4 => {
                    self.count("every connection to Postgres broken");
                    self.postgres.cut();
                }
                5 => {
                    self.count("a token request cut after it was committed");
                    self.fault(json!({ "kind": "cut", "phase": "after", "times": 1 }))
                        .await;
                }
                6 => {
                    self.count("a token request cut before it was carried out");
                    self.fault(json!({ "kind": "cut", "times": 1 })).await;
                }
                7 => {
                    self.count("twenty token requests answered after 1.5 s");
                    self.fault(
                        json!({ "kind": "latency", "latency_ms": 1_500, "phase": "after", "times": 20 }),
                    )
                    .await;
                }
                _ => {
                    self.count("ten token requests answered with a page of HTML");
                    self.fault(json!({ "kind": "outage", "times": 10 })).await;
                }
            }
        }
    }

    async fn fault(&self, mut fault: Value) {
        fault["grant_type"] = json!("refresh_token");
        self.world.tell_simulator("faults", fault).await;
    }
}
