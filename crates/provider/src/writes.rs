//! How many changes a piece of work asked of providers, and how many of them certainly came to nothing.
//!
//! Counted where requests leave, for the task that sends them: no route can forget to count its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::{Method, StatusCode};

use crate::CallError;

tokio::task_local! {
    static TALLY: Arc<Counts>;
}

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU32,
    refused: AtomicU32,
}

/// What a piece of work asked of providers, reads aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteTally {
    /// Requests that were handed to the network.
    pub sent: u32,
    /// Those of them that certainly changed nothing: the provider refused them, or was never reached.
    pub refused: u32,
}

impl WriteTally {
    /// Whether something was changed, or may have been.
    pub const fn may_have_changed(self) -> bool {
        self.sent > self.refused
    }
}

/// Does a piece of work and counts what it asks of providers. Work that it hands to other tasks is not counted.
pub async fn tally_writes<T>(work: impl Future<Output = T>) -> (T, WriteTally) {
    let counts = Arc::new(Counts::default());
    let done = TALLY.scope(Arc::clone(&counts), work).await;
    let tally = WriteTally {
        sent: counts.sent.load(Ordering::Relaxed),
        refused: counts.refused.load(Ordering::Relaxed),
    };
    (done, tally)
}

/// One request on its way. Unless it is known to have changed nothing, it counts as one that may have.
pub(crate) struct OneWrite(Option<Arc<Counts>>);

impl OneWrite {
    /// Counts a request that is about to be sent.
    pub(crate) fn begin(method: &Method) -> Self {
        if method.is_safe() {
            return Self(None);
        }
        let counts = TALLY.try_with(Arc::clone).ok();
        if let Some(counts) = &counts {
            counts.sent.fetch_add(1, Ordering::Relaxed);
        }
        Self(counts)
    }

    /// The provider answered.
    pub(crate) fn answered(&self, status: StatusCode) {
        // 3xx points elsewhere, and 503 says that the request was not handled (RFC 9110 §15.6.4); any other 5xx may come
        // half way.
        if status.is_redirection() || status.is_client_error() || status == StatusCode::SERVICE_UNAVAILABLE {
            self.refused();
        }
    }

    /// No answer came.
    pub(crate) fn failed(&self, error: &CallError) {
        if !error.outcome_unknown() {
            self.refused();
        }
    }

    fn refused(&self) {
        if let Some(counts) = &self.0 {
            counts.refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}
