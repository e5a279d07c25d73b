//! Tenants' backends, behind something like a load balancer.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::Full;

use super::{Arena, Dice};
use crate::support::{Reply, Tenant};

/// Calls at a time.
const CALLERS: usize = 12;
/// A caller's patience.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a node that did not answer is left alone.
const NODE_DOWN_FOR: Duration = Duration::from_secs(3);

/// One customer of a tenant.
pub(super) struct Customer {
    pub(super) tenant: Tenant,
    pub(super) external_id: String,
    pub(super) connection_id: String,
}

/// What came of the calls.
pub(super) struct Tally {
    /// Calls by what was answered: a status with the code of its problem, or `no answer`.
    pub(super) answers: BTreeMap<String, u64>,
    failing_since: Vec<Option<Instant>>,
    /// Longest time from a failed call to the next good one, by customer.
    pub(super) longest_outage: Vec<Duration>,
    lost: BTreeSet<usize>,
    pub(super) healed_in: Duration,
}

impl Tally {
    pub(super) fn new(customers: usize) -> Self {
        Self {
            answers: BTreeMap::new(),
            failing_since: vec![None; customers],
            longest_outage: vec![Duration::ZERO; customers],
            lost: BTreeSet::new(),
            healed_in: Duration::ZERO,
        }
    }

    /// The customer must be connected again. Its outage ends when a person does that, which is not measured.
    pub(super) fn lose(&mut self, customer: usize) {
        self.lost.insert(customer);
        self.failing_since[customer] = None;
    }

    pub(super) fn lost(&self) -> BTreeSet<usize> {
        self.lost.clone()
    }

    fn note(&mut self, customer: usize, begun: Instant, reply: Option<&Reply>) {
        let answer = match reply {
            Some(reply) if reply.status == 200 => "200".to_owned(),
            Some(reply) => format!("{} {}", reply.status, reply.code()),
            None => "no answer".to_owned(),
        };
        if answer == "409 needs_reauth" {
            self.lose(customer);
        } else if answer == "200" {
            if let Some(since) = self.failing_since[customer].take() {
                let longest = &mut self.longest_outage[customer];
                *longest = since.elapsed().max(*longest);
            }
        } else {
            self.failing_since[customer].get_or_insert(begun);
        }
        *self.answers.entry(answer).or_default() += 1;
    }
}

impl Arena<'_> {
    /// One call through one node; none if there was no answer in time.
    pub(super) async fn call(&self, customer: &Customer, node: usize) -> Option<Reply> {
        let url = format!("{}/unified/crm/contacts?limit=1&fields=id", self.nodes.url(node));
        let mut request = http::Request::get(url).header("x-connection-id", &customer.connection_id);
        for (name, value) in customer.tenant.bearer() {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::new())).expect("a request");
        let reply = tokio::time::timeout(CALL_TIMEOUT, self.world.client.request(request)).await;
        reply.ok().flatten()
    }

    pub(super) async fn call_until_over(&self) {
        let dice = Dice(Cell::new(self.settings.seed));
        let down_until = (0..self.nodes.len()).map(|_| Cell::new(None)).collect::<Vec<_>>();
        let caller = async || {
            while !self.over.get() {
                let index = dice.index(self.customers.len());
                if self.tally.borrow().lost.contains(&index) {
                    continue_later().await;
                    continue;
                }
                let first = dice.index(self.nodes.len());
                let is_up = |node: &usize| {
                    let until: Option<Instant> = down_until[*node].get();
                    until.is_none_or(|until| until <= Instant::now())
                };
                let mut order = (0..self.nodes.len()).map(|step| (first + step) % self.nodes.len());
                let node = order.find(is_up).unwrap_or(first);
                let begun = Instant::now();
                let reply = self.call(&self.customers[index], node).await;
                if reply.is_none() {
                    down_until[node].set(Some(Instant::now() + NODE_DOWN_FOR));
                }
                if reply.is_none() && begun.elapsed() < Duration::from_secs(1) {
                    // Refused at once, as a load balancer sees it: no customer has noticed.
                    continue_later().await;
                    continue;
                }
                self.tally.borrow_mut().note(index, begun, reply.as_ref());
            }
        };
        join_all((0..CALLERS).map(|_| caller())).await;
    }
}

/// Lets the others run, and keeps a failing caller from spinning.
async fn continue_later() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}
