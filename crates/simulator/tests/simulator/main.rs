//! The simulator over real HTTP: what it must do, seen from outside.
//!
//! `cfg(test)` on each module: clippy lets helper functions unwrap only inside such modules.

#[cfg(test)]
mod authorize;
#[cfg(test)]
mod composite;
#[cfg(test)]
mod control;
#[cfg(test)]
mod data;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod hubspot;
#[cfg(test)]
mod hubspot_edge;
#[cfg(test)]
mod hubspot_oauth;
#[cfg(test)]
mod hubspot_search;
#[cfg(test)]
mod query;
#[cfg(test)]
mod refresh;
#[cfg(test)]
mod support;
#[cfg(test)]
mod token;
