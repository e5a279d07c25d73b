//! The HTTP side of the simulated org: connections, routing, and every resource of the REST API it serves.

pub(crate) mod actions;
pub(crate) mod batch;
pub(crate) mod call;
pub(crate) mod collections;
pub(crate) mod composite;
pub(crate) mod conditional;
pub(crate) mod describe;
pub(crate) mod errors;
pub(crate) mod exchange;
pub(crate) mod headers;
pub(crate) mod json;
pub(crate) mod limits;
pub(crate) mod locators;
pub(crate) mod query;
pub(crate) mod references;
pub(crate) mod reply;
pub(crate) mod router;
pub(crate) mod rows;
pub(crate) mod search;
pub(crate) mod server;
pub(crate) mod soap;
pub(crate) mod state;
pub(crate) mod tree;
