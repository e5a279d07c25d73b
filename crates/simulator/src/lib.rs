//! A Salesforce to develop and test against, sharing no code with what it tests.

pub mod org;
mod query;
