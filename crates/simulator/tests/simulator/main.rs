//! The simulator over real HTTP: what it must do, seen from outside.

mod authorize;
mod composite;
mod control;
mod data;
mod errors;
mod hostile;
mod query;
mod refresh;
mod support;
mod token;
