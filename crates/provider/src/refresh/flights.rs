//! One refresh per connection in this process, shared by all who wait for it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::ConnectionId;
use store::StoreError;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Outcome;

/// What a refresh came to, with the store's words when it was the store.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    pub(crate) error: Option<StoreError>,
}

/// The end that callers hold: nothing until there is an answer, closed if the driver died.
pub(crate) type Waiting = watch::Receiver<Option<Answer>>;
/// The end that the driver holds.
pub(crate) type Answering = watch::Sender<Option<Answer>>;

/// Why nothing is presented for a connection for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nobody knows what came of the last request.
    Unsettled,
    /// The customer's side does not let the application in.
    NotAdmitted,
}

/// The refreshes under way in this process.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    under_way: Mutex<HashMap<ConnectionId, Waiting>>,
    cooling: Mutex<HashMap<ConnectionId, (Instant, Rest)>>,
}

impl Flights {
    /// Joins the refresh under way, or starts one with `start`, which must spawn it and not wait.
    pub(crate) fn join(&self, id: &ConnectionId, start: impl FnOnce(Answering)) -> Waiting {
        let mut under_way = locked(&self.under_way);
        if let Some(waiting) = under_way.get(id) {
            return waiting.clone();
        }
        let (answering, waiting) = watch::channel(None);
        under_way.insert(id.clone(), waiting.clone());
        drop(under_way);
        start(answering);
        waiting
    }

    /// Takes the entry out: the next caller starts anew.
    pub(crate) fn leave(&self, id: &ConnectionId) {
        locked(&self.under_way).remove(id);
    }

    /// Number of refreshes under way.
    pub(crate) fn len(&self) -> usize {
        locked(&self.under_way).len()
    }

    /// Remembers that nobody may present this connection's token for a while.
    pub(crate) fn cool(&self, id: &ConnectionId, time: Duration, why: Rest) {
        let now = Instant::now();
        let mut cooling = locked(&self.cooling);
        cooling.retain(|_, (until, _)| *until > now);
        cooling.insert(id.clone(), (now + time, why));
    }

    /// Time left until the connection's token may be presented again, and why.
    pub(crate) fn cooling(&self, id: &ConnectionId) -> Option<(Duration, Rest)> {
        let cooling = locked(&self.cooling);
        let (until, why) = *cooling.get(id)?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some((left, why))
    }
}

/// Applications that a provider refused: no token is presented for them for a while, and no connection is blamed.
#[derive(Debug, Default)]
pub(crate) struct Trips(Mutex<HashMap<String, Instant>>);

/// How long a refused application rests.
const TRIP_TIME: Duration = Duration::from_mins(1);

impl Trips {
    pub(crate) fn trip(&self, provider: &str) {
        locked(&self.0).insert(provider.to_owned(), Instant::now() + TRIP_TIME);
    }

    pub(crate) fn is_tripped(&self, provider: &str) -> bool {
        locked(&self.0)
            .get(provider)
            .is_some_and(|until| *until > Instant::now())
    }
}

/// A panic elsewhere leaves these maps whole: each change is one call.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
