//! One piece of work per key at a time, shared by all who ask for it meanwhile.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// Work under way, by key. The work runs on a task of its own; those who asked may leave.
#[derive(Debug)]
pub(crate) struct SingleFlight<K, V> {
    under_way: Arc<Mutex<HashMap<K, watch::Receiver<Option<V>>>>>,
}

impl<K, V> Default for SingleFlight<K, V> {
    fn default() -> Self {
        Self {
            under_way: Arc::default(),
        }
    }
}

impl<K, V> SingleFlight<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Starts the work on `tracker`, or joins the one under way. What it answers need not be waited for.
    pub(crate) fn run<W>(&self, key: &K, tracker: &TaskTracker, work: impl FnOnce() -> W) -> Waiting<V>
    where
        W: Future<Output = V> + Send + 'static,
    {
        let mut under_way = locked(&self.under_way);
        if let Some(waiting) = under_way.get(key) {
            return Waiting(waiting.clone());
        }
        let (answering, waiting) = watch::channel(None);
        under_way.insert(key.clone(), waiting.clone());
        drop(under_way);
        let guard = LeaveOnDrop {
            under_way: Arc::clone(&self.under_way),
            key: key.clone(),
        };
        let work = work();
        tracker.spawn(async move {
            let value = work.await;
            drop(guard);
            answering.send_replace(Some(value));
        });
        Waiting(waiting)
    }
}

/// A share in work under way.
pub(crate) struct Waiting<V>(watch::Receiver<Option<V>>);

impl<V: Clone> Waiting<V> {
    /// The result; none only if the work panicked.
    pub(crate) async fn value(mut self) -> Option<V> {
        let answered = self.0.wait_for(Option::is_some).await.ok()?;
        answered.clone()
    }
}

struct LeaveOnDrop<K: Eq + Hash, V> {
    under_way: Arc<Mutex<HashMap<K, watch::Receiver<Option<V>>>>>,
    key: K,
}

impl<K: Eq + Hash, V> Drop for LeaveOnDrop<K, V> {
    fn drop(&mut self) {
        locked(&self.under_way).remove(&self.key);
    }
}

/// A panic elsewhere leaves the map whole: each change is one call.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
