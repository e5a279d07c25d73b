//! The gateway from outside: real sockets, a real SQLite store, exact bytes.

mod bodies;
mod connect;
mod isolation;
mod stopping;
mod support;
mod wire;
