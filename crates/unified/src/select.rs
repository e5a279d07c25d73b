//! The SELECT list: what the mapping reads and this connection's user may see, plus the custom fields.

use std::collections::HashSet;

use mapping::{FieldKind, ObjectMetadata, Plan};
use soql::{FieldPath, SelectItem};

/// The fields to read, and what the caller should know about those that cannot be.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    pub(crate) fields: Vec<FieldPath>,
    /// Queries of rows that are read with each record.
    pub(crate) children: Vec<SelectItem>,
    pub(crate) warnings: Vec<String>,
    seen: HashSet<String>,
}

impl Selection {
    /// Adds a field unless it is there already, upper and lower case alike.
    pub(crate) fn add(&mut self, field: FieldPath) {
        if self.seen.insert(field.as_str().to_ascii_lowercase()) {
            self.fields.push(field);
        }
    }

    pub(crate) fn items(&self) -> Vec<SelectItem> {
        let fields = self.fields.iter().cloned().map(SelectItem::Field);
        fields.chain(self.children.iter().cloned()).collect()
    }
}

/// What besides the mapping's own fields a request reads.
pub(crate) struct Wanted<'a> {
    pub(crate) custom_fields: bool,
    pub(crate) expand: &'a [String],
    /// Provider fields instead of the plan's, when a query mapping named its own.
    pub(crate) instead: Option<&'a [String]>,
}

/// Chooses the fields to read.
pub(crate) fn selection(
    plan: &Plan,
    metadata: &ObjectMetadata,
    id_field: &FieldPath,
    wanted: &Wanted<'_>,
) -> Selection {
    let mut selection = Selection::default();
    selection.add(id_field.clone());
    let expanded = wanted
        .expand
        .iter()
        .filter_map(|name| plan.expand.get(name))
        .flat_map(|rule| &rule.fields);
    for name in wanted.instead.unwrap_or(&plan.fields).iter().chain(expanded) {
        match (FieldPath::parse(name), visible(metadata, name)) {
            (Ok(field), true) => selection.add(field),
            // A field that only some orgs have is no news to the caller.
            _ if plan.optional_fields.contains(name) => {}
            _ => selection.warnings.push(missing(plan, metadata, name)),
        }
    }
    if wanted.custom_fields {
        for field in metadata.fields.iter().filter(|field| field.is_custom) {
            if !matches!(field.kind, FieldKind::Address | FieldKind::Other)
                && let Ok(path) = FieldPath::parse(&field.name)
            {
                selection.add(path);
            }
        }
    }
    selection
}

/// Whether the connection's user can read the field; of a path through a relationship, its first step.
pub(crate) fn visible(metadata: &ObjectMetadata, name: &str) -> bool {
    match name.split_once('.') {
        None => metadata.field(name).is_some(),
        Some((relationship, _)) => metadata.relationship(relationship).is_some(),
    }
}

/// What the caller is told of a mapped field that this connection's user cannot see.
pub(crate) fn missing(plan: &Plan, metadata: &ObjectMetadata, name: &str) -> String {
    let unified = plan.provider_to_unified(name).unwrap_or(name);
    let gone = format!(
        "`{unified}` is null: the field {}.{name} does not exist in this org or is hidden from the connected user",
        metadata.object
    );
    match metadata.likely_successor(name) {
        Some(field) => format!("{gone}; it may be called {} now", field.name),
        None => gone,
    }
}
