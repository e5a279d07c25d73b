//! The crate from outside: a made-up provider over real HTTP, the real store on SQLite.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod fake;
mod grants;
mod support;

mod ahead;
mod authorization;
mod calls;
mod credential;
mod metadata;
mod outcomes;
mod proxying;
mod refresh;
mod webhooks;
mod writes;
