//! What can be done with a record besides reading and writing it, as documents say it.

use std::sync::Arc;

use super::overlay::{Merged, compile};
use super::resource::ResourceDocument;
use super::source::Source;
use crate::error::{BASE_LEVEL, DocumentError};
use crate::expression::Expression;

/// One action, compiled.
#[derive(Debug, Clone)]
pub(crate) struct Action {
    pub(crate) takes: Vec<String>,
    pub(crate) request: Arc<Expression>,
    pub(crate) reply: Arc<Expression>,
}

impl Merged {
    pub(super) fn lay_actions(
        &mut self,
        level: &str,
        source: Source<'_>,
        document: &ResourceDocument,
        mistakes: &mut Vec<DocumentError>,
    ) {
        if level != BASE_LEVEL && !document.actions.is_empty() {
            // They decide which of the provider's routes are called: a caller's way to these is the proxy, with its list.
            let message = "only the documents that ship say what can be done with a record";
            mistakes.push(DocumentError::new(source.name, Some("actions"), message));
            return;
        }
        for (name, action) in &document.actions {
            let key = |part: &str| format!("actions.{name}.{part}");
            let request = compile(source, &key("request"), Some(&action.request), mistakes);
            let reply = compile(source, &key("reply"), Some(&action.reply), mistakes);
            if let (Some(request), Some(reply)) = (request, reply) {
                let takes = action.takes.clone();
                self.actions.insert(
                    name.clone(),
                    Action {
                        takes,
                        request,
                        reply,
                    },
                );
                self.note(format!("actions.{name}"), level);
            }
        }
    }
}
