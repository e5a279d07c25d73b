//! The store from outside, on SQLite always and on Postgres when `CROSSWALK_TEST_POSTGRES_URL` names an administrator's
//! connection. Tests that need Redis run when `CROSSWALK_TEST_REDIS_URL` is set. What is skipped says so.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

mod connect;
mod connections;
mod events;
mod grants;
mod idempotency;
mod isolation;
mod keyring;
mod keys;
mod lifetimes;
mod mapping_sessions;
mod opening;
mod overrides;
mod redis_tests;
mod refresh;
mod restored;
mod warm;
mod webhooks;
