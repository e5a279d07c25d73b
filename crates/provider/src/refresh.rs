//! Refreshing a connection's token: once for everybody, across processes, never losing a rotated token.
//!
//! `machine` decides, `driver` does, `flights` lets the callers of one process share one driver, `turns` bounds how many run
//! at a time, and `ahead` refreshes before anybody has to wait.

mod ahead;
mod driver;
mod flights;
mod machine;
mod token;
mod turns;

pub(crate) use ahead::Used;
pub(crate) use driver::{Cause, run as run_refresh};
pub(crate) use flights::{Flights, Rest, Trips};
pub(crate) use machine::Outcome;
pub(crate) use token::{Client, TokenReply, TokenRequest, exchange_code, request_token, revoke};
pub(crate) use turns::Turns;
