//! Resource documents as written: base documents and overrides have the same keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_saphyr::Spanned;

use crate::plan::{ChildRule, ExpandRule, FilterRule, Method};

/// How an override's expression meets the one below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    /// Its keys are laid over the result below.
    #[default]
    Overlay,
    /// Its result takes the place of the one below.
    Replace,
}

/// An expression that may be given, taken away with `null`, or not mentioned.
type Expression = Option<Option<Spanned<String>>>;

/// One resource document. Every key may be missing: an override says only what it changes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResourceDocument {
    #[serde(default)]
    pub(super) resource: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) object: Option<Spanned<String>>,
    /// For people.
    #[serde(default, rename = "description")]
    pub(super) _description: Option<String>,
    #[serde(default)]
    pub(super) fields: Option<Spanned<Fields>>,
    #[serde(default)]
    pub(super) filters: BTreeMap<String, Option<FilterRule>>,
    #[serde(default)]
    pub(super) sorts: BTreeMap<String, Option<String>>,
    #[serde(default)]
    pub(super) expand: BTreeMap<String, Option<ExpandRule>>,
    #[serde(default)]
    pub(super) field_map: BTreeMap<String, Option<String>>,
    /// Rows read with each record, by the provider's name of the relationship.
    #[serde(default)]
    pub(super) children: BTreeMap<String, Option<ChildRule>>,
    /// Which of the object's records are the resource's: provider field to a value, or a list of them.
    #[serde(default)]
    pub(super) only: BTreeMap<String, Value>,
    /// Further documents of the resource, each with a pattern of its records' ids. Documents that ship only.
    #[serde(default)]
    pub(super) also: Option<Spanned<Vec<AlsoDocument>>>,
    /// What can be done with a record besides. Documents that ship only.
    #[serde(default)]
    pub(super) actions: BTreeMap<String, ActionDocument>,
    #[serde(default)]
    pub(super) mode: Mode,
    /// For every reading method that does not say otherwise.
    #[serde(default, deserialize_with = "given")]
    pub(super) response_mapping: Expression,
    /// For `list` and `search`, when they do not say otherwise.
    #[serde(default, deserialize_with = "given")]
    pub(super) query_mapping: Expression,
    /// For `create`, `update` and `upsert`, when they do not say otherwise.
    #[serde(default, deserialize_with = "given")]
    pub(super) request_body_mapping: Expression,
    #[serde(default)]
    pub(super) methods: BTreeMap<Method, Option<MethodDocument>>,
    /// The shape of a resource that has none in `unified/`: a JSON Schema.
    #[serde(default)]
    pub(super) schema: Option<Value>,
    #[serde(default)]
    pub(super) access: Option<AccessDocument>,
}

/// Something that can be done with a record.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActionDocument {
    /// What the caller's body may hold.
    #[serde(default)]
    pub(super) takes: Vec<String>,
    /// The call, of `id`, `body`, `context` and `connection`.
    pub(super) request: Spanned<String>,
    /// What the reply says, of `status`, `headers` and `body`.
    pub(super) reply: Spanned<String>,
}

/// A further document of a resource: `crm/<resource>.<document>.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlsoDocument {
    /// Its name after the resource's.
    pub(super) document: String,
    /// A regular expression that ids of its records match, and those of others do not.
    pub(super) ids: String,
}

/// How a resource is reached in another way than the provider's others. Documents that ship only.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessDocument {
    /// Instead of the provider's `query.request`.
    #[serde(default)]
    pub(super) request: Option<Spanned<String>>,
    /// Whether the provider describes the object's fields.
    #[serde(default = "yes")]
    pub(super) is_described: bool,
    /// Whether fields stand in the record itself although `records.fields_key` names a key.
    #[serde(default)]
    pub(super) is_flat: bool,
    /// A regular expression of the resource's ids, where they are not of the provider's form.
    #[serde(default)]
    pub(super) ids: Option<String>,
}

const fn yes() -> bool {
    true
}

/// One method of a resource.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MethodDocument {
    #[serde(default)]
    pub(super) mode: Option<Mode>,
    #[serde(default, deserialize_with = "given")]
    pub(super) query_mapping: Expression,
    #[serde(default, deserialize_with = "given")]
    pub(super) request_body_mapping: Expression,
    #[serde(default, deserialize_with = "given")]
    pub(super) response_mapping: Expression,
}

/// Provider fields to read: a list adds, a map with `null` takes away.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Fields {
    /// Names to add.
    List(Vec<String>),
    /// Names to take away (`null`) or to add (`true`).
    Map(BTreeMap<String, Option<bool>>),
}

/// Tells a key given as `null` from a key not given.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Expression, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
