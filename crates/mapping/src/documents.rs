//! Documents: loading, overlaying, compiling.

mod actions;
mod catalog;
mod overlay;
mod parts;
mod provider;
mod resource;
mod short_form;
mod source;
#[cfg(test)]
mod tests;
mod unified;

pub use catalog::{Catalog, OverrideSource, editor_schemas};
pub use provider::{
    Api, Auth, Batch, BatchCall, BatchInput, BatchItem, ClientAuthentication, Environment, FAULT_CODES,
    Fault, Flow, LongQuery, LongReply, Metadata, Page, Probe, ProviderDocument, Proxy, Query, QueryLanguage,
    Quota, RecordCall, Records, Refusal, RequestCall, RequestInput, Requested, ServerFlow, TokenExpiry,
    TokenFacts, TokenFault,
};
pub use short_form::{FieldMap, field_map, with_field_map};

pub(crate) use actions::Action;
pub(crate) use overlay::{Access, Layer, Merged, MethodPlan, is_field_path};
