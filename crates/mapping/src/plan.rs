//! A plan: what the merged documents of one resource do for one connection. Compiled once, shared by all
//! connections whose documents are the same.

mod actions;
mod build;
mod flat;
mod parts;
mod questions;
mod records;
mod requests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::documents::{Access, Action, MethodPlan};
use crate::metadata::FieldKind;
use crate::schema::ResourceSchema;
use crate::tree::Record;

pub use actions::{Acted, ActionBody, ActionCall, ActionFailure, ActionRefusal, ActionReply};
pub(crate) use parts::Part;

/// What a caller does with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Many records.
    List,
    /// One record by its id.
    Get,
    /// A new record.
    Create,
    /// A changed record.
    Update,
    /// A deleted record.
    Delete,
    /// A new or changed record, named by a field's value.
    Upsert,
    /// Full-text search.
    Search,
}

impl Method {
    /// The name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Get => "get",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Upsert => "upsert",
            Self::Search => "search",
        }
    }
}

/// What a unified field is filtered by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilterRule {
    /// The provider's field.
    pub field: String,
    /// The kind of its values.
    #[serde(rename = "type")]
    pub kind: FieldKind,
    /// For a unified field whose values are not the provider's: what each of them is there, `won: {IsWon: true}`. All
    /// that a value names must hold. Empty when the provider's field holds the values as they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, BTreeMap<String, Value>>,
}

/// What `expand=` adds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpandRule {
    /// Provider fields read besides.
    pub fields: Vec<String>,
}

/// Rows that point at a record, read with it: `OpportunityContactRoles` of an opportunity. Response mappings see a list of
/// them under the relationship's name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChildRule {
    /// Fields of these rows; those written with a `?` exist in some orgs only.
    pub fields: Vec<String>,
    /// The unified fields that are made of them: a caller who wants none of these is not asked to wait for the rows.
    #[serde(default)]
    pub fills: Vec<String>,
    /// Whether the relationship exists in some orgs only: no news when missing.
    #[serde(default)]
    pub is_optional: bool,
}

/// What a query mapping and a request body mapping see.
#[derive(Clone, Copy)]
pub struct QueryInput<'a> {
    /// The caller's parameters, in unified names.
    pub query: &'a Value,
    /// The caller's body, in unified names; `null` when there is none.
    pub body: &'a Value,
    /// Facts of the request; `now_ms`, when there, is what `$now()` and `$millis()` answer.
    pub context: &'a Value,
    /// Facts of the connection, no secrets.
    pub connection: &'a Value,
    /// The record's id, when the route has one.
    pub id: Option<&'a str>,
    /// The kinds of the provider's fields, from its describe.
    pub field_kinds: &'a dyn Fn(&str) -> Option<FieldKind>,
}

/// What a response mapping sees, and how its result is finished.
#[derive(Clone, Copy)]
pub struct ResponseInput<'a> {
    /// The caller's parameters.
    pub query: &'a Value,
    /// Facts of the request, as for a query mapping; `instance_url` makes links to the provider's pages whole.
    pub context: &'a Value,
    /// Headers of the provider's reply, names in lower case.
    pub headers: &'a Value,
    /// The kind of a raw record's key that is a custom field.
    pub custom_fields: &'a dyn Fn(&str) -> Option<FieldKind>,
    /// Whether each record keeps its raw record under `remote_data`.
    pub keep_remote_data: bool,
    /// The unified fields to answer with; all when `None`.
    pub fields: Option<&'a [String]>,
}

/// What a query mapping answers. Its texts may hold the caller's words: they are parsed before they are sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct QueryValue {
    /// Provider fields to read, instead of the plan's.
    pub select: Option<Vec<String>>,
    /// A condition, without `WHERE`.
    pub where_text: Option<String>,
    /// An order, without `ORDER BY`.
    pub order_by: Option<String>,
    /// Most records.
    pub limit: Option<u32>,
    /// A search statement.
    pub q: Option<String>,
}

/// Unified records, and what the caller should know about them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mapped {
    /// One per raw record, in its order.
    pub records: Vec<Record>,
    /// Each said once, whatever the number of records.
    pub warnings: Vec<String>,
}

/// What the merged documents of one resource do.
#[derive(Debug)]
pub struct Plan {
    /// The provider.
    pub provider: String,
    /// The resource: `contacts`.
    pub resource: String,
    /// The provider's object: `Contact`.
    pub object: String,
    /// Provider fields that the mappings read; paths through relationships hold dots.
    pub fields: Vec<String>,
    /// Of these, the ones that only some orgs have: no news when missing. Written with a `?` in documents.
    pub optional_fields: BTreeSet<String>,
    /// Unified names that may be filtered by.
    pub filters: BTreeMap<String, FilterRule>,
    /// Unified names that may be sorted by, with the provider's fields.
    pub sorts: BTreeMap<String, String>,
    /// What `expand=` may name.
    pub expand: BTreeMap<String, ExpandRule>,
    /// Short-form mappings, unified name to provider field: read and written, and filterable and sortable when the
    /// describe says that the field is.
    pub field_map: BTreeMap<String, String>,
    /// Rows read with each record, by the provider's name of the relationship.
    pub children: BTreeMap<String, ChildRule>,
    /// What every record of the resource holds, by provider field: one of these values.
    pub only: BTreeMap<String, Vec<Value>>,
    /// The shape of the result.
    pub schema: Arc<ResourceSchema>,
    /// A hash of everything that decides what the plan does: part of cursors and caches.
    pub fingerprint: String,
    /// Unified names that a body may hold.
    pub writable: Vec<String>,
    /// The level each part came from, by its key: `filters.email` → `tenant`.
    pub sources: BTreeMap<String, String>,
    methods: BTreeMap<Method, MethodPlan>,
    /// Unified names by the provider fields they are made of.
    unified_names: BTreeMap<String, String>,
    /// Keys of raw records that are not data.
    strip: Vec<String>,
    access: Access,
    /// The key of raw records that holds their fields.
    fields_key: Option<String>,
    /// Keys that stand beside it.
    envelope: Vec<String>,
    /// Whether every value of a raw record is a text.
    has_texts: bool,
    /// Further documents of the resource.
    also: Vec<Part>,
    /// What can be done with a record besides.
    actions: BTreeMap<String, Action>,
    /// What bodies of each writing method may hold.
    writable_by: BTreeMap<Method, Vec<String>>,
}
