//! Rows read with each record: chosen by what the connection's user may see, and taken out of their envelopes.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use mapping::{ChildRule, ObjectMetadata, Page, Plan};
use serde_json::Value;
use soql::{FieldPath, Identifier, Query, SelectItem};

use crate::Error;
use crate::pipeline::Job;
use crate::select::visible;

/// What the provider says of no such object.
const NOT_FOUND: &str = "not_found";

/// The objects of a resource's child rows, by the relationship's name, as far as the connection's user sees them.
pub(crate) type Children = BTreeMap<String, Arc<ObjectMetadata>>;

impl Job {
    /// The objects of the rows that are read with each record; `anew` reads their fields whatever is cached.
    pub(crate) async fn children(&self, metadata: &ObjectMetadata, anew: bool) -> Result<Children, Error> {
        let providers = &self.unified.providers;
        let mut children = Children::new();
        for name in self.plan.children.keys() {
            let Some(child) = metadata.child(name) else {
                continue;
            };
            let found = if anew {
                providers
                    .reread_metadata(&self.tenant, &self.connection, &child.object)
                    .await
            } else {
                providers
                    .object_metadata(&self.tenant, &self.connection, &child.object)
                    .await
            };
            match found.map_err(|error| self.described(error)) {
                Ok(found) => {
                    children.insert(name.clone(), found);
                }
                // The relationship is told of, its object is hidden from this user.
                Err(Error::Rejected(told)) if told.fault.code == NOT_FOUND => {}
                Err(error) => return Err(error),
            }
        }
        Ok(children)
    }
}

/// The part of a select list that reads child rows, and what the caller should know about those that cannot be read.
pub(crate) fn selection(
    plan: &Plan,
    metadata: &ObjectMetadata,
    children: &Children,
    wanted: Option<&[String]>,
) -> (Vec<SelectItem>, Vec<String>) {
    let (mut items, mut warnings) = (Vec::new(), Vec::new());
    let is_wanted = |rule: &ChildRule| {
        wanted
            .is_none_or(|wanted| rule.fills.is_empty() || rule.fills.iter().any(|name| wanted.contains(name)))
    };
    for (name, rule) in plan.children.iter().filter(|(_, rule)| is_wanted(rule)) {
        let Some(object) = children.get(name) else {
            if !rule.is_optional {
                warnings.push(format!(
                    "{} empty: the relationship {}.{name} does not exist in this org or is hidden from the connected user",
                    filled(name, rule, "is", "are"),
                    metadata.object
                ));
            }
            continue;
        };
        let fields = fields(rule, object, |missing| {
            warnings.push(format!(
                "{} a part: the field {}.{missing} does not exist in this org or is hidden from the connected user",
                filled(name, rule, "lacks", "lack"),
                object.object
            ));
        });
        let relationship = Identifier::parse(name).ok().filter(|_| !fields.is_empty());
        if let Some(relationship) = relationship {
            items.push(SelectItem::Child {
                query: Box::new(Query {
                    select: fields.into_iter().map(SelectItem::Field).collect(),
                    from: relationship.clone(),
                    filter: None,
                    order_by: Vec::new(),
                    limit: None,
                    offset: None,
                }),
                relationship,
            });
        }
    }
    (items, warnings)
}

/// The fields of child rows that the user sees; `missing` is told those that should be there and are not.
fn fields(rule: &ChildRule, object: &ObjectMetadata, mut missing: impl FnMut(&str)) -> Vec<FieldPath> {
    let mut fields = Vec::new();
    for name in &rule.fields {
        let (name, is_optional) = match name.strip_suffix('?') {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        match FieldPath::parse(name) {
            Ok(field) if visible(object, name) => fields.push(field),
            _ if is_optional => {}
            _ => missing(name),
        }
    }
    fields
}

/// What a search says of rows that it cannot read.
pub(crate) fn not_searched(plan: &Plan) -> impl Iterator<Item = String> {
    plan.children.iter().map(|(name, rule)| {
        format!(
            "{} not read by a search: read the record by its id",
            filled(name, rule, "is", "are")
        )
    })
}

/// Takes the child rows of each record out of their envelopes: mappings see lists. Says which lists were cut short.
pub(crate) fn unwrap(plan: &Plan, page: &Page, records: &mut [Value]) -> Vec<String> {
    let mut warnings = Vec::new();
    for (name, rule) in &plan.children {
        let mut cut = 0_usize;
        for record in &mut *records {
            let Some(told) = record.as_object_mut().and_then(|fields| fields.get_mut(name)) else {
                continue;
            };
            let done = page.done.as_ref().and_then(|done| told.get(done));
            cut += usize::from(done == Some(&Value::Bool(false)));
            let rows = told.get_mut(&page.records).map(Value::take);
            // Where there are none, providers answer null instead of an envelope.
            *told = rows
                .filter(Value::is_array)
                .unwrap_or_else(|| Value::Array(Vec::new()));
        }
        if cut > 0 {
            warnings.push(format!(
                "{} cut short in {cut} of the records: the provider answers no more of {name} with them",
                filled(name, rule, "is", "are")
            ));
        }
    }
    warnings
}

/// The unified fields that are made of child rows, with a verb for one and for several.
fn filled(relationship: &str, rule: &ChildRule, one: &str, several: &str) -> String {
    match rule.fills.as_slice() {
        [] => format!("`{relationship}` {one}"),
        [name] => format!("`{name}` {one}"),
        names => format!("`{}` {several}", names.join("`, `")),
    }
}
