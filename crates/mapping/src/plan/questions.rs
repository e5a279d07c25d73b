//! What the pipeline asks of a plan before it runs an expression.

use super::{Method, Plan};
use crate::documents::Layer;
use crate::error::BASE_LEVEL;
use crate::functions;

impl Plan {
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
