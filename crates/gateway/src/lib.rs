//! The HTTP edge: routes, authentication, limits, headers, errors to responses, pages.
//!
//! ```text
//! socket (deadlines, framing) → router (layers, top-down) → handler: parse, call, answer
//! ```
//!
//! Nothing here knows a provider or touches a database: handlers call `unified`, `provider` and `store`.

mod access;
mod audit;
mod bad_keys;
mod body;
mod code;
mod failures;
mod headers;
mod idempotency;
mod limits;
mod observe;
mod openapi;
mod pages;
mod problem;
mod query;
mod redact;
mod router;
mod routes;
mod server;
mod settings;
mod state;
mod time;

pub use access::{Access, Scope};
pub use code::Code;
pub use openapi::openapi;
pub use server::{Running, serve};
pub use settings::{GatewaySettings, Parts};
