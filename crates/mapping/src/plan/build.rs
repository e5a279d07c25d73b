//! A plan from merged documents.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Method, Plan};
use crate::documents::{Merged, MethodPlan, ProviderDocument, is_field_path};
use crate::error::BASE_LEVEL;
use crate::functions;
use crate::schema::ResourceSchema;

impl Plan {
    /// A plan from merged documents. `fingerprint` is a hash of their texts.
    pub(crate) fn new(
        provider: &str,
        resource: &str,
        document: &ProviderDocument,
        merged: Merged,
        schema: Arc<ResourceSchema>,
        fingerprint: &str,
    ) -> Self {
        let unified_names = unified_names(&merged);
        let writable_by: BTreeMap<Method, Vec<String>> = merged
            .methods
            .iter()
            .map(|(method, plan)| (*method, writable(&merged, &schema, &[plan])))
            .collect();
        let all: Vec<&MethodPlan> = merged.methods.values().collect();
        let writable = writable(&merged, &schema, &all);
        let records = &document.records;
        let fields = fields(&merged, document);
        Self {
            provider: provider.to_owned(),
            resource: resource.to_owned(),
            object: merged.object,
            fields,
            optional_fields: merged.optional_fields,
            filters: merged.filters,
            sorts: merged.sorts,
            expand: merged.expand,
            field_map: merged.field_map,
            children: merged.children,
            only: merged.only,
            schema,
            fingerprint: fingerprint.to_owned(),
            writable,
            sources: merged.sources,
            methods: merged.methods,
            unified_names,
            strip: records.strip.clone(),
            fields_key: records.fields_key.clone().filter(|_| !merged.access.is_flat),
            envelope: records.envelope.clone(),
            has_texts: records.texts && !merged.access.is_flat,
            access: merged.access,
            also: merged.also,
            actions: merged.actions,
            writable_by,
        }
    }

    /// Whether the documents have this method.
    pub fn supports(&self, method: Method) -> bool {
        self.methods.contains_key(&method)
    }

    /// The methods of the documents.
    pub fn methods(&self) -> impl Iterator<Item = Method> {
        self.methods.keys().copied()
    }

    /// The unified name that a provider's field is read into or written from; the first of several. Upper and lower
    /// case alike.
    pub fn provider_to_unified(&self, provider_field: &str) -> Option<&str> {
        self.unified_names
            .get(&provider_field.to_ascii_lowercase())
            .map(String::as_str)
    }
}

/// What the documents name, what the short form maps, and what the overrides' expressions read by name.
fn fields(merged: &Merged, document: &ProviderDocument) -> Vec<String> {
    let mut fields = merged.fields.clone();
    let mut add = |path: &str| {
        let known = fields.iter().any(|field| field.eq_ignore_ascii_case(path));
        // Rows of others are read by their own list of fields.
        let head = path.split('.').next().unwrap_or(path);
        let known = known || merged.children.contains_key(head);
        if !known && is_field_path(path) && !document.records.strip.iter().any(|key| key == path) {
            fields.push(path.to_owned());
        }
    };
    for path in merged.field_map.values() {
        add(path);
    }
    let layers = merged.methods.values().flat_map(|method| &method.response);
    for layer in layers.filter(|layer| layer.level != BASE_LEVEL) {
        let paths = layer
            .expression
            .reads_below("response", functions::bindings())
            .unwrap_or_default();
        for path in &paths {
            add(path);
        }
    }
    fields
}

fn unified_names(merged: &Merged) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let mut put = |field: &str, name: &str| {
        names
            .entry(field.to_ascii_lowercase())
            .or_insert_with(|| name.to_owned());
    };
    for (name, field) in &merged.field_map {
        put(field, name);
    }
    // The later level knows better what a field means.
    for method in merged.methods.values() {
        for layer in method.response.iter().rev() {
            for (name, paths) in layer.expression.fields_by_key() {
                for path in &paths {
                    put(path, &name);
                }
            }
        }
    }
    for (name, rule) in &merged.filters {
        put(&rule.field, name);
    }
    names
}

/// What bodies may hold: what the request body mappings read of them, the short form's names, and custom fields.
fn writable(merged: &Merged, schema: &ResourceSchema, methods: &[&MethodPlan]) -> Vec<String> {
    let mut names: Vec<String> = vec!["custom_fields".to_owned()];
    let mut add = |name: &str| {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    };
    for name in merged.field_map.keys() {
        add(name);
    }
    for layer in methods.iter().flat_map(|method| &method.body) {
        match layer.expression.reads_below("body", functions::bindings()) {
            Some(paths) => {
                for path in paths {
                    add(path.split('.').next().unwrap_or(&path));
                }
            }
            // The whole body is read: all that the schema lets be written.
            None => schema
                .fields
                .iter()
                .filter(|field| !field.read_only)
                .for_each(|field| add(&field.name)),
        }
    }
    names.sort_unstable();
    names
}
