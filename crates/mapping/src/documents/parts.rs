//! Laying the parts of a resource over each other: child rows, the records that are meant, further documents.

#[cfg(test)]
mod tests;

use regex::Regex;
use serde_json::Value;

use super::overlay::{Merged, is_field_path, not_a_name, put};
use super::resource::ResourceDocument;
use super::source::Source;
use crate::error::{BASE_LEVEL, DocumentError};
use crate::plan::Part;

/// Most child relationships read with a record: what query languages allow in one statement.
const CHILDREN_MAX: usize = 20;
/// Most values of one field in `only`.
const VALUES_MAX: usize = 100;

impl Merged {
    /// `children`, `only` and `also`.
    pub(super) fn lay_parts(
        &mut self,
        level: &str,
        source: Source<'_>,
        document: &ResourceDocument,
        mistakes: &mut Vec<DocumentError>,
    ) {
        self.lay_children(level, source, document, mistakes);
        self.lay_only(level, source, document, mistakes);
        self.lay_also(level, source, document, mistakes);
    }

    fn lay_children(
        &mut self,
        level: &str,
        source: Source<'_>,
        document: &ResourceDocument,
        mistakes: &mut Vec<DocumentError>,
    ) {
        for (name, rule) in &document.children {
            let key = format!("children.{name}");
            if !is_field_path(name) || name.contains('.') {
                mistakes.push(not_a_name(source, "children", name));
                continue;
            }
            let fields = rule.as_ref().map(|rule| rule.fields.as_slice());
            if fields.is_some_and(<[String]>::is_empty) {
                let message = "needs at least one of the rows' fields";
                mistakes.push(DocumentError::new(source.name, Some(&key), message));
                continue;
            }
            let bare = |field: &String| field.strip_suffix('?').unwrap_or(field).to_owned();
            let wrong = fields.into_iter().flatten().map(bare);
            if let Some(wrong) = wrong.into_iter().find(|field| !is_field_path(field)) {
                mistakes.push(not_a_name(source, &key, &wrong));
                continue;
            }
            put(&mut self.children, name, rule.clone());
            match rule {
                Some(_) => self.note(key, level),
                None => self.forget(&key),
            }
        }
        if self.children.len() > CHILDREN_MAX {
            let message = format!("more than {CHILDREN_MAX} relationships");
            mistakes.push(DocumentError::new(source.name, Some("children"), message));
        }
    }

    fn lay_only(
        &mut self,
        level: &str,
        source: Source<'_>,
        document: &ResourceDocument,
        mistakes: &mut Vec<DocumentError>,
    ) {
        for (field, value) in &document.only {
            let key = format!("only.{field}");
            let values = match value {
                Value::Null => {
                    self.only.remove(field);
                    self.forget(&key);
                    continue;
                }
                Value::Array(values) => values.clone(),
                one => vec![one.clone()],
            };
            let is_plain =
                |value: &Value| matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_));
            if !is_field_path(field) {
                mistakes.push(not_a_name(source, "only", field));
            } else if values.is_empty() || values.len() > VALUES_MAX || !values.iter().all(is_plain) {
                let message = format!("needs 1 to {VALUES_MAX} texts, numbers, true or false");
                mistakes.push(DocumentError::new(source.name, Some(&key), message));
            } else {
                self.only.insert(field.clone(), values);
                self.note(key, level);
            }
        }
    }

    fn lay_also(
        &mut self,
        level: &str,
        source: Source<'_>,
        document: &ResourceDocument,
        mistakes: &mut Vec<DocumentError>,
    ) {
        let Some(also) = &document.also else { return };
        let mut mistake = |message: String| {
            mistakes.push(DocumentError::new(source.name, Some("also"), message));
        };
        if level != BASE_LEVEL {
            mistake("only the documents that ship say which objects a resource is made of".to_owned());
            return;
        }
        self.also.clear();
        for part in &also.value {
            match Regex::new(&part.ids) {
                Ok(ids) => self.also.push(Part {
                    name: part.document.clone(),
                    ids,
                }),
                Err(error) => mistake(format!("{}: `ids` is no pattern: {error}", part.document)),
            }
        }
        self.note("also", level);
    }
}
