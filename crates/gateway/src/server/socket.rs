//! A caller's socket with deadlines.
//!
//! hyper's own `header_read_timeout` also ends idle kept-alive connections, which load balancers keep for a minute and
//! more; closing those early loses the request that crosses the close. So the deadlines stand here: short for a head
//! that has begun, long between requests.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::framing::{Framing, Phase};

/// How long a connection may stand idle between two requests, ms: above the 60 s that load balancers use.
const IDLE_MS: u64 = 75_000;
/// Longest gap between two pieces of a request body, ms.
const BODY_GAP_MS: u64 = 30_000;
/// Longest time a caller may refuse to take a byte of its answer, ms.
const WRITE_GAP_MS: u64 = 60_000;

/// What the socket and the service of one connection tell each other.
#[derive(Debug, Default)]
pub(super) struct ConnectionFacts {
    is_ambiguous: AtomicBool,
    in_flight: AtomicUsize,
    served: AtomicUsize,
}

impl ConnectionFacts {
    /// Whether a request came that could be framed in two ways.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.is_ambiguous.load(Ordering::Relaxed)
    }

    /// Requests that have reached the service.
    pub(super) fn served(&self) -> usize {
        self.served.load(Ordering::Relaxed)
    }

    /// Counts a request in, and out when the guard goes.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.served.fetch_add(1, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct InFlight(Arc<ConnectionFacts>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The socket of one connection.
pub(super) struct Socket {
    stream: TcpStream,
    framing: Framing,
    facts: Arc<ConnectionFacts>,
    header_read: Duration,
    /// When the head under way began; when the connection was opened, before its first byte.
    head_since: Instant,
    /// When a byte last went either way.
    moved_at: Instant,
    has_read: bool,
    read_deadline: Pin<Box<Sleep>>,
    write_deadline: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, facts: Arc<ConnectionFacts>, header_read: Duration) -> Self {
        let now = Instant::now();
        Self {
            stream,
            framing: Framing::new(),
            facts,
            header_read,
            head_since: now,
            moved_at: now,
            has_read: false,
            read_deadline: Box::pin(tokio::time::sleep_until(now + header_read)),
            write_deadline: None,
        }
    }

    /// When waiting for the next byte ends.
    fn read_due(&self) -> Instant {
        match self.framing.phase() {
            Phase::Head => self.head_since + self.header_read,
            Phase::Idle if !self.has_read => self.head_since + self.header_read,
            Phase::Idle => self.moved_at + Duration::from_millis(IDLE_MS),
            Phase::Body => self.moved_at + Duration::from_millis(BODY_GAP_MS),
        }
    }

    /// A request is being answered and the caller rightly waits in silence.
    fn may_be_silent(&self) -> bool {
        self.framing.phase() == Phase::Idle && self.facts.in_flight.load(Ordering::Relaxed) > 0
    }

    fn take(&mut self, bytes: &[u8]) {
        let was_in_head = self.framing.phase() == Phase::Head;
        if !self.framing.follow(bytes) {
            self.facts.is_ambiguous.store(true, Ordering::Relaxed);
        }
        let now = Instant::now();
        self.moved_at = now;
        if self.framing.phase() == Phase::Head {
            // A first request's head counts from the opening of the connection.
            if !was_in_head && self.has_read {
                self.head_since = now;
            }
        }
        self.has_read = true;
    }

    fn poll_read_deadline(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let due = self.read_due();
        // Later deadlines are taken up when the timer fires: no timer is touched while requests come and go.
        if due < self.read_deadline.deadline() {
            self.read_deadline.as_mut().reset(due);
        }
        loop {
            ready!(self.read_deadline.as_mut().poll(context));
            let now = Instant::now();
            let due = self.read_due();
            let next = if due > now {
                due
            } else if self.may_be_silent() {
                now + Duration::from_millis(IDLE_MS)
            } else {
                return Poll::Ready(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the caller sent nothing in time",
                ));
            };
            self.read_deadline.as_mut().reset(next);
        }
    }

    fn poll_write_deadline(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let gap = Duration::from_millis(WRITE_GAP_MS);
        let deadline = self
            .write_deadline
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(gap)));
        ready!(deadline.as_mut().poll(context));
        Poll::Ready(io::Error::new(
            io::ErrorKind::TimedOut,
            "the caller took nothing of its answer in time",
        ))
    }

    /// Books the outcome of a write.
    fn wrote(
        &mut self,
        outcome: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if outcome.is_pending() {
            return self.poll_write_deadline(context).map(Err);
        }
        self.write_deadline = None;
        self.moved_at = Instant::now();
        outcome
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut socket.stream).poll_read(context, buffer) {
            Poll::Ready(outcome) => {
                let read = &buffer.filled()[before..];
                if !read.is_empty() {
                    socket.take(read);
                }
                Poll::Ready(outcome)
            }
            Poll::Pending => socket.poll_read_deadline(context).map(Err),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let socket = self.get_mut();
        let outcome = Pin::new(&mut socket.stream).poll_write(context, bytes);
        socket.wrote(outcome, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let socket = self.get_mut();
        let outcome = Pin::new(&mut socket.stream).poll_write_vectored(context, slices);
        socket.wrote(outcome, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
