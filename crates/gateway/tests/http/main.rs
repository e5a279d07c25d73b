//! The gateway from outside: real sockets, a real SQLite store, exact bytes.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod bad_keys;
mod bodies;
mod connect;
mod idempotency;
mod isolation;
mod stopping;
mod support;
mod webhooks;
mod wire;
