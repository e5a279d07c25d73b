//! Keys that are not valid, counted by the address that presents them: past a limit, keys that this node does not know
//! are refused without being looked up, so that inventing keys costs the database nothing.
//!
//! A key that the node knows is never held back: behind a load balancer all callers have one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// How long bad keys are counted together, ms.
const WINDOW_MS: i64 = 60_000;
/// Addresses counted apart; those after them are counted as one.
const SOURCES_MAX: usize = 10_000;

/// Where a request comes from: the peer's address, never a header, which anybody may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Source(IpAddr);

impl Default for Source {
    fn default() -> Self {
        Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }
}

impl Source {
    /// An address; of IPv6 the network of 64 bits that one customer is given.
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            address @ IpAddr::V4(_) => address,
        })
    }
}

#[derive(Debug, Clone, Copy)]
struct Window {
    begun_at_ms: i64,
    count: u32,
}

impl Window {
    /// Whether it still counts. One that begins in the future does not: the clock was set back.
    fn is_open(self, now_ms: i64) -> bool {
        (0..WINDOW_MS).contains(&now_ms.saturating_sub(self.begun_at_ms))
    }
}

#[derive(Debug, Default)]
struct Windows {
    by_source: HashMap<Source, Window>,
    swept_at_ms: i64,
}

impl Windows {
    /// Forgets windows that are over, once in the time that a window lasts.
    fn sweep(&mut self, now_ms: i64) {
        if !(0..WINDOW_MS).contains(&now_ms.saturating_sub(self.swept_at_ms)) {
            self.by_source.retain(|_, window| window.is_open(now_ms));
            self.swept_at_ms = now_ms;
        }
    }

    /// What the source is counted as.
    fn counted(&self, source: Source) -> Source {
        let is_apart = self.by_source.len() < SOURCES_MAX || self.by_source.contains_key(&source);
        if is_apart { source } else { Source::default() }
    }
}

/// The counts of one node.
#[derive(Debug)]
pub(crate) struct BadKeys {
    max: u32,
    windows: Mutex<Windows>,
    /// How many windows there are: none, as a rule, and then nothing is locked.
    len: AtomicUsize,
}

impl BadKeys {
    pub(crate) fn new(max: u32) -> Self {
        Self {
            max,
            windows: Mutex::default(),
            len: AtomicUsize::new(0),
        }
    }

    /// The seconds until the source may present unknown keys again, if it may not now.
    pub(crate) fn held_back_s(&self, source: Source, now_ms: i64) -> Option<u64> {
        if self.len.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.sweep(now_ms);
        self.len.store(windows.by_source.len(), Ordering::Relaxed);
        let window = windows.by_source.get(&windows.counted(source))?;
        if window.count < self.max || !window.is_open(now_ms) {
            return None;
        }
        let left_ms = window
            .begun_at_ms
            .saturating_add(WINDOW_MS)
            .saturating_sub(now_ms);
        Some(u64::try_from(left_ms).unwrap_or_default().div_ceil(1_000))
    }

    /// Counts a key that was not valid.
    pub(crate) fn note(&self, source: Source, now_ms: i64) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.sweep(now_ms);
        let counted = windows.counted(source);
        let fresh = Window {
            begun_at_ms: now_ms,
            count: 0,
        };
        let window = windows.by_source.entry(counted).or_insert(fresh);
        if !window.is_open(now_ms) {
            *window = fresh;
        }
        window.count = window.count.saturating_add(1);
        self.len.store(windows.by_source.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
