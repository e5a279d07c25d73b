//! Mapping documents: load, overlay, check, compile, evaluate JSONata. No I/O.
//!
//! A [`Catalog`] holds the documents that ship; with the overrides of a tenant and a connection laid over them it gives
//! a [`Plan`], which turns a unified query into a provider's and provider records into unified ones. A
//! [`ProviderDocument`] says how a provider is spoken to.

mod cases;
mod documents;
mod drift;
mod error;
mod expression;
mod fit;
mod functions;
mod metadata;
mod paths;
mod plan;
mod run;
mod schema;
mod tree;
mod xml;

pub use cases::{CaseReport, run_cases};
pub use documents::{
    Api, Auth, Batch, BatchCall, BatchInput, BatchItem, Catalog, ClientAuthentication, Environment,
    FAULT_CODES, Fault, FieldMap, Flow, LongQuery, LongReply, Metadata, OverrideSource, Page, Probe,
    ProviderDocument, Proxy, Query, QueryLanguage, Quota, RecordCall, Records, Refusal, RequestCall,
    RequestInput, Requested, ServerFlow, TokenExpiry, TokenFacts, TokenFault, editor_schemas, field_map,
    with_field_map,
};
pub use error::{BASE_LEVEL, Budget, DocumentError, MappingError};
pub use metadata::{ChildMetadata, FieldKind, FieldMetadata, FieldOption, ObjectMetadata};
pub use paths::value_at;
pub use plan::{
    Acted, ActionBody, ActionCall, ActionFailure, ActionRefusal, ActionReply, ChildRule, ExpandRule,
    FilterRule, Mapped, Method, Plan, QueryInput, QueryValue, ResponseInput,
};
pub use schema::{ResourceSchema, SchemaField, Shape};
pub use tree::Record;
pub use xml::{XmlText, xml_escaped};
