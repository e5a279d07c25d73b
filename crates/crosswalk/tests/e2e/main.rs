//! End to end: real gateway processes, a simulated org, SQLite, and Postgres with Redis.
//!
//! One program for all of them: it links the house once.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail the test that called them"
)]

mod answers;
mod canaries;
mod changes;
mod command;
mod commands;
mod connect;
mod conversion;
mod demo;
mod edge;
mod environments;
mod explain;
mod flows;
mod hostile_hosts;
mod hubspot;
mod idempotency;
mod keyring;
mod keys;
mod management;
mod mapping_page;
mod mappings;
mod model;
mod nemesis;
mod objects;
mod pages;
mod recovery;
mod refresh;
mod resources;
mod restored;
mod rollbacks;
mod stopping;
mod support;
mod third_provider;
mod unified;
mod webhooks;
mod wide;
mod writes;
