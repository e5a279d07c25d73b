//! Documents: loading, overlaying, compiling.

mod provider;

use std::path::Path;
use std::sync::Arc;

pub use provider::{
    Api, Auth, ClientAuthentication, Environment, FAULT_CODES, Fault, Flow, LongQuery, LongReply, Metadata,
    Page, ProviderDocument, Proxy, Query, QueryLanguage, Quota, RecordCall, Records, TokenExpiry, TokenFacts,
    TokenFault,
};

use crate::error::DocumentError;
use crate::plan::Plan;
use crate::schema::ResourceSchema;

/// An override's text and the level it stands on.
#[derive(Debug, Clone, Copy)]
pub struct OverrideSource<'a> {
    /// `tenant` or `connection`; later ones lie over earlier ones.
    pub level_name: &'a str,
    /// The YAML text.
    pub document: &'a str,
}

/// All documents, loaded and checked.
#[derive(Debug)]
pub struct Catalog {}

impl Catalog {
    /// The documents that ship with the program.
    pub fn embedded() -> Result<Self, DocumentError> {
        todo!()
    }
    /// The documents of a folder of the same layout as `mappings/`.
    pub fn from_dir(_folder: &Path) -> Result<Self, DocumentError> {
        todo!()
    }
    /// A provider by name.
    pub fn provider(&self, _name: &str) -> Option<&Arc<ProviderDocument>> {
        todo!()
    }
    /// Names of all providers, sorted.
    pub fn provider_names(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }
    /// The shape of a resource.
    pub fn schema(&self, _resource: &str) -> Option<&Arc<ResourceSchema>> {
        todo!()
    }
    /// All resources with a shape, sorted by name.
    pub fn resources(&self) -> impl Iterator<Item = &Arc<ResourceSchema>> {
        std::iter::empty()
    }
    /// Names of the resources a provider has documents for, sorted.
    pub fn provider_resources(&self, _provider: &str) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }
    /// The plan of a resource with overrides laid over it, in order. Cached by content.
    pub fn plan(
        &self,
        _provider: &str,
        _resource: &str,
        _overrides: &[OverrideSource<'_>],
    ) -> Result<Arc<Plan>, DocumentError> {
        todo!()
    }
    /// Checks one override on its own over the base: every mistake found.
    pub fn check_override(
        &self,
        _provider: &str,
        _resource: &str,
        _document: &str,
    ) -> Result<(), Vec<DocumentError>> {
        todo!()
    }
}
