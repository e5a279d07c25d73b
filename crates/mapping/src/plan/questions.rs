//! What the pipeline asks of a plan before it runs an expression.

use serde_json::{Value, json};

use super::{Method, Plan};
use crate::documents::{Layer, ProviderDocument, RequestInput, Requested};
use crate::error::{BASE_LEVEL, MappingError};
use crate::functions;
use crate::metadata::{FieldKind, FieldMetadata, ObjectMetadata};

impl Plan {
    /// The merged mapping, the level each part came from, and what callers may ask of it.
    pub fn description(&self) -> Value {
        json!({
            "resource": self.resource,
            "provider": self.provider,
            "object": self.object,
            "fields": self.fields,
            "filters": self.filters,
            "sorts": self.sorts,
            "expand": self.expand,
            "children": self.children,
            "only": self.only,
            "actions": self.actions().collect::<Vec<_>>(),
            "also": self.parts().collect::<Vec<_>>(),
            "field_map": self.field_map,
            "writable": self.writable,
            "sources": self.sources,
            "fingerprint": self.fingerprint,
            "schema": self.schema.json,
        })
    }

    /// The call that asks the provider for records of this resource.
    pub fn request(
        &self,
        document: &ProviderDocument,
        input: &RequestInput<'_>,
    ) -> Result<Requested, MappingError> {
        document.request(self.access.request.as_deref(), input)
    }

    /// The object's fields where the provider does not describe them: those that the document names, nothing custom.
    pub fn own_metadata(&self) -> Option<ObjectMetadata> {
        if self.access.is_described {
            return None;
        }
        let field = |name: &String| {
            let rule = self.filters.values().find(|rule| rule.field == *name);
            FieldMetadata {
                is_filterable: rule.is_some(),
                is_sortable: self.sorts.values().any(|field| field == name),
                ..FieldMetadata::named(name, rule.map_or(FieldKind::Text, |rule| rule.kind))
            }
        };
        let fields = self.fields.iter().map(field).collect();
        Some(ObjectMetadata::new(
            self.object.clone(),
            self.object.clone(),
            fields,
        ))
    }

    /// Whether the text is an id of this resource's records: of their own form, or the provider's.
    pub fn accepts_id(&self, document: &ProviderDocument, id: &str) -> bool {
        let own = self.access.ids.as_ref();
        own.map_or_else(|| document.accepts_id(id), |ids| ids.is_match(id))
    }

    /// What the body of a writing method may hold.
    pub fn writable_by(&self, method: Method) -> &[String] {
        self.writable_by
            .get(&method)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Whether the method compiles the caller's parameters itself.
    pub fn has_query_mapping(&self, method: Method) -> bool {
        self.query_layer(method).is_some()
    }

    /// Whether the method's query mapping reads this parameter; one that reads the query as a whole reads each.
    pub fn query_mapping_reads(&self, method: Method, parameter: &str) -> bool {
        let Some(layer) = self.query_layer(method) else {
            return false;
        };
        let paths = layer.expression.reads_below("query", functions::bindings());
        paths.is_none_or(|paths| paths.iter().any(|path| path.split('.').next() == Some(parameter)))
    }

    /// Whether any expression of this method is an override's: those run where they can hold nobody up.
    pub fn has_override(&self, method: Method) -> bool {
        self.methods.get(&method).is_some_and(|method| {
            let layers = method.query.iter().chain(&method.body).chain(&method.response);
            layers.into_iter().any(|layer| layer.level != BASE_LEVEL)
        })
    }

    fn query_layer(&self, method: Method) -> Option<&Layer> {
        self.methods.get(&method)?.query.as_ref()
    }
}
