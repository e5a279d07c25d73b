//! Refreshing a connection's token: once for everybody, across processes, never losing a rotated token.
//!
//! `machine` decides, `driver` does, `flights` lets the callers of one process share one driver.

mod driver;
mod flights;
mod machine;
mod token;

pub(crate) use driver::run as run_refresh;
pub(crate) use flights::{Flights, Trips};
pub(crate) use machine::Outcome;
pub(crate) use token::{Client, TokenReply, TokenRequest, exchange_code, request_token, revoke};
