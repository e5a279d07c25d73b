//! Laying documents over each other: the later over the earlier, by key; `null` removes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use regex::Regex;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::actions::Action;
use super::resource::{Fields, MethodDocument, Mode, ResourceDocument};
use super::source::Source;
use crate::error::{BASE_LEVEL, DocumentError};
use crate::expression::Expression;
use crate::plan::{ChildRule, ExpandRule, FilterRule, Method, Part as PartOfResource};

/// Most provider fields of one resource.
const FIELDS_MAX: usize = 1_000;

/// An expression and the level it came from.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub(crate) level: String,
    pub(crate) expression: Arc<Expression>,
}

/// What one method does. Expressions lie over each other, the first at the bottom.
#[derive(Debug, Clone, Default)]
pub(crate) struct MethodPlan {
    pub(crate) query: Option<Layer>,
    pub(crate) body: Vec<Layer>,
    pub(crate) response: Vec<Layer>,
}

/// How the resource is reached where that differs from the provider's others.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) request: Option<Arc<Expression>>,
    pub(crate) is_described: bool,
    pub(crate) is_flat: bool,
    /// What ids of the resource look like, where that is not the provider's form.
    pub(crate) ids: Option<Regex>,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            request: None,
            is_described: true,
            is_flat: false,
            ids: None,
        }
    }
}

/// All levels of one resource, merged and compiled.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    pub(crate) object: String,
    pub(crate) fields: Vec<String>,
    /// Fields written with a `?`: those that only some orgs have.
    pub(crate) optional_fields: BTreeSet<String>,
    pub(crate) filters: BTreeMap<String, FilterRule>,
    pub(crate) sorts: BTreeMap<String, String>,
    pub(crate) expand: BTreeMap<String, ExpandRule>,
    pub(crate) field_map: BTreeMap<String, String>,
    pub(crate) children: BTreeMap<String, ChildRule>,
    pub(crate) only: BTreeMap<String, Vec<Value>>,
    pub(crate) also: Vec<PartOfResource>,
    pub(crate) actions: BTreeMap<String, Action>,
    pub(crate) methods: BTreeMap<Method, MethodPlan>,
    pub(crate) schema: Option<Value>,
    pub(crate) access: Access,
    pub(crate) sources: BTreeMap<String, String>,
}

/// The parts of a method that are expressions.
#[derive(Clone, Copy)]
enum Part {
    Query,
    Body,
    Response,
}

const PARTS: [Part; 3] = [Part::Query, Part::Body, Part::Response];

impl Part {
    const fn key(self) -> &'static str {
        match self {
            Self::Query => "query_mapping",
            Self::Body => "request_body_mapping",
            Self::Response => "response_mapping",
        }
    }

    /// Methods that an expression at the top of a document stands for.
    const fn methods(self) -> &'static [Method] {
        match self {
            Self::Query => &[Method::List, Method::Search],
            Self::Body => &[Method::Create, Method::Update, Method::Upsert],
            Self::Response => &[Method::List, Method::Get, Method::Search],
        }
    }

    const fn of_document(self, document: &ResourceDocument) -> Option<&Option<Spanned<String>>> {
        match self {
            Self::Query => document.query_mapping.as_ref(),
            Self::Body => document.request_body_mapping.as_ref(),
            Self::Response => document.response_mapping.as_ref(),
        }
    }

    const fn of_method(self, document: &MethodDocument) -> Option<&Option<Spanned<String>>> {
        match self {
            Self::Query => document.query_mapping.as_ref(),
            Self::Body => document.request_body_mapping.as_ref(),
            Self::Response => document.response_mapping.as_ref(),
        }
    }
}

/// A field's name or path: what may be put into a query as it is.
pub(crate) fn is_field_path(path: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    path.len() <= 400 && path.split('.').count() <= 6 && path.split('.').all(part)
}

fn is_unified_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 100
        && name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'.')
}

impl Merged {
    /// Lays one document over what there is; all mistakes are gathered.
    pub(super) fn lay(
        &mut self,
        level: &str,
        source: Source<'_>,
        document: &ResourceDocument,
    ) -> Vec<DocumentError> {
        let mut mistakes = Vec::new();
        self.lay_object(level, source, document, &mut mistakes);
        self.lay_fields(level, source, document, &mut mistakes);
        self.lay_names(level, source, document, &mut mistakes);
        self.lay_methods(level, source, document, &mut mistakes);
        self.lay_expressions(level, source, document, &mut mistakes);
        self.lay_access(level, source, document, &mut mistakes);
        self.lay_parts(level, source, document, &mut mistakes);
        self.lay_actions(level, source, document, &mut mistakes);
        if let Some(schema) = &document.schema {
            self.schema = Some(schema.clone());
            self.note("schema", level);
        }
        mistakes
    }

    fn lay_access(
        &mut self,
        level: &str,
        source: Source<'_>,
        document: &ResourceDocument,
        mistakes: &mut Vec<DocumentError>,
    ) {
        let Some(access) = &document.access else { return };
        if level != BASE_LEVEL {
            // It decides which of the provider's routes are called: a caller's way to these is the proxy, with its list.
            let message = "only the documents that ship say how a resource is reached";
            mistakes.push(DocumentError::new(source.name, Some("access"), message));
            return;
        }
        let key = "access.request";
        let ids = access.ids.as_deref().map(Regex::new).transpose();
        let ids = ids.unwrap_or_else(|error| {
            let message = format!("`ids` is no pattern: {error}");
            mistakes.push(DocumentError::new(source.name, Some("access"), message));
            None
        });
        self.access = Access {
            request: compile(source, key, access.request.as_ref(), mistakes),
            is_described: access.is_described,
            is_flat: access.is_flat,
            ids,
        };
        self.note("access", level);
    }

    pub(super) fn note(&mut self, key: impl Into<String>, level: &str) {
        self.sources.insert(key.into(), level.to_owned());
    }

    pub(super) fn forget(&mut self, key: &str) {
        self.sources.remove(key);
    }

    fn lay_object(
        &mut self,
        level: &str,
        source: Source<'_>,
        document: &ResourceDocument,
        mistakes: &mut Vec<DocumentError>,
    ) {
        let Some(object) = &document.object else { return };
        if is_field_path(&object.value) && !object.value.contains('.') {
            self.object.clone_from(&object.value);
            self.note("object", level);
        } else {
            mistakes.push(not_a_name(source, "object", &object.value));
        }
    }

    fn lay_fields(
        &mut self,
        level: &str,
        source: Source<'_>,
        document: &ResourceDocument,
        mistakes: &mut Vec<DocumentError>,
    ) {
        let entries: Vec<(String, bool)> = match document.fields.as_ref().map(|fields| &fields.value) {
            None => return,
            Some(Fields::List(names)) => names.iter().map(|name| (name.clone(), true)).collect(),
            Some(Fields::Map(names)) => names
                .iter()
                .map(|(name, keep)| (name.clone(), keep.unwrap_or(false)))
                .collect(),
        };
        for (name, keep) in entries {
            let (name, is_optional) = match name.strip_suffix('?') {
                Some(bare) => (bare.to_owned(), true),
                None => (name, false),
            };
            let key = format!("fields.{name}");
            if is_optional {
                self.optional_fields.insert(name.clone());
            }
            if !keep {
                self.fields.retain(|field| *field != name);
                self.forget(&key);
            } else if !is_field_path(&name) {
                mistakes.push(not_a_name(source, "fields", &name));
            } else if !self.fields.contains(&name) {
                self.fields.push(name);
                self.note(key, level);
            }
        }
        if self.fields.len() > FIELDS_MAX {
            mistakes.push(DocumentError::new(
                source.name,
                Some("fields"),
                format!("more than {FIELDS_MAX} fields"),
            ));
        }
    }

    /// `filters`, `sorts`, `expand` and `field_map`: merged by name.
    fn lay_names(
        &mut self,
        level: &str,
        source: Source<'_>,
        document: &ResourceDocument,
        mistakes: &mut Vec<DocumentError>,
    ) {
        for (name, rule) in &document.filters {
            mistakes.extend(rule.as_ref().and_then(|rule| value_mistake(source, name, rule)));
        }
        let mut laid = Vec::new();
        {
            let mut check = |kind: &str, name: &str, paths: &[&str]| {
                let key = format!("{kind}.{name}");
                if !is_unified_name(name) {
                    mistakes.push(DocumentError::new(
                        source.name,
                        Some(&key),
                        "a unified name has lower-case letters, digits and `_`, and begins with a letter",
                    ));
                    return false;
                }
                let wrong = paths.iter().find(|path| !is_field_path(path));
                mistakes.extend(wrong.map(|path| not_a_name(source, &key, path)));
                wrong.is_none()
            };
            for (name, rule) in &document.filters {
                let named = rule.iter().flat_map(|rule| rule.values.values());
                let named = named.flat_map(|fields| fields.keys().map(String::as_str));
                let own = rule.iter().map(|rule| rule.field.as_str());
                let paths: Vec<&str> = own.chain(named).collect();
                if check("filters", name, &paths) {
                    laid.push((format!("filters.{name}"), rule.is_some()));
                    put(&mut self.filters, name, rule.clone());
                }
            }
            for (name, path) in &document.sorts {
                let paths: Vec<&str> = path.iter().map(String::as_str).collect();
                if check("sorts", name, &paths) {
                    laid.push((format!("sorts.{name}"), path.is_some()));
                    put(&mut self.sorts, name, path.clone());
                }
            }
            for (name, rule) in &document.expand {
                let paths: Vec<&str> = rule
                    .iter()
                    .flat_map(|rule| rule.fields.iter().map(String::as_str))
                    .collect();
                if check("expand", name, &paths) {
                    laid.push((format!("expand.{name}"), rule.is_some()));
                    put(&mut self.expand, name, rule.clone());
                }
            }
            for (name, path) in &document.field_map {
                let paths: Vec<&str> = path.iter().map(String::as_str).collect();
                if check("field_map", name, &paths) {
                    laid.push((format!("field_map.{name}"), path.is_some()));
                    put(&mut self.field_map, name, path.clone());
                }
            }
        }
        for (key, present) in laid {
            if present {
                self.note(key, level);
            } else {
                self.forget(&key);
            }
        }
    }

    /// Which methods there are.
    fn lay_methods(
        &mut self,
        level: &str,
        source: Source<'_>,
        document: &ResourceDocument,
        mistakes: &mut Vec<DocumentError>,
    ) {
        if self.object.is_empty() {
            mistakes.push(DocumentError::new(
                source.name,
                Some("object"),
                "a resource of its own must say which `object` of the provider it is",
            ));
        }
        if self.methods.is_empty() && document.methods.is_empty() {
            // A resource of the tenant's own that names no methods has them all.
            let all = [
                Method::List,
                Method::Get,
                Method::Create,
                Method::Update,
                Method::Delete,
                Method::Upsert,
                Method::Search,
            ];
            self.methods
                .extend(all.map(|method| (method, MethodPlan::default())));
        }
        for (method, rules) in &document.methods {
            let key = format!("methods.{}", method.name());
            if rules.is_none() {
                self.methods.remove(method);
                self.sources
                    .retain(|source, _| *source != key && !source.starts_with(&format!("{key}.")));
            } else if !self.methods.contains_key(method) {
                self.methods.insert(*method, MethodPlan::default());
                self.note(key, level);
            }
        }
    }

    fn lay_expressions(
        &mut self,
        level: &str,
        source: Source<'_>,
        document: &ResourceDocument,
        mistakes: &mut Vec<DocumentError>,
    ) {
        for part in PARTS {
            let shared = part.of_document(document).map(|given| {
                let compiled = compile(source, part.key(), given.as_ref(), mistakes);
                (compiled, document.mode)
            });
            let methods: Vec<Method> = self.methods.keys().copied().collect();
            for method in methods {
                let own = document.methods.get(&method).and_then(Option::as_ref);
                let laid = match own.and_then(|own| Some((own, part.of_method(own)?))) {
                    Some((own, given)) => {
                        let key = format!("methods.{}.{}", method.name(), part.key());
                        let compiled = compile(source, &key, given.as_ref(), mistakes);
                        Some((compiled, own.mode.unwrap_or(document.mode)))
                    }
                    None => shared.clone().filter(|_| part.methods().contains(&method)),
                };
                if let Some((expression, mode)) = laid {
                    self.lay_expression(level, method, part, expression, mode);
                }
            }
        }
    }

    fn lay_expression(
        &mut self,
        level: &str,
        method: Method,
        part: Part,
        expression: Option<Arc<Expression>>,
        mode: Mode,
    ) {
        let key = format!("methods.{}.{}", method.name(), part.key());
        let Some(plan) = self.methods.get_mut(&method) else {
            return;
        };
        let Some(expression) = expression else {
            match part {
                Part::Query => plan.query = None,
                Part::Body => plan.body.clear(),
                Part::Response => plan.response.clear(),
            }
            self.forget(&key);
            return;
        };
        let layer = Layer {
            level: level.to_owned(),
            expression,
        };
        let layers = match part {
            Part::Query => {
                plan.query = Some(layer);
                self.note(key, level);
                return;
            }
            Part::Body => &mut plan.body,
            Part::Response => &mut plan.response,
        };
        if mode == Mode::Replace {
            layers.clear();
        }
        layers.push(layer);
        let levels: Vec<String> = layers.iter().map(|layer| layer.level.clone()).collect();
        self.note(key, &levels.join("+"));
    }
}

pub(super) fn compile(
    source: Source<'_>,
    key: &str,
    given: Option<&Spanned<String>>,
    mistakes: &mut Vec<DocumentError>,
) -> Option<Arc<Expression>> {
    match source.compile_shared(key, given?) {
        Ok(expression) => Some(expression),
        Err(mistake) => {
            mistakes.push(mistake);
            None
        }
    }
}

pub(super) fn put<T>(entries: &mut BTreeMap<String, T>, name: &str, entry: Option<T>) {
    match entry {
        Some(entry) => {
            entries.insert(name.to_owned(), entry);
        }
        None => {
            entries.remove(name);
        }
    }
}

/// What is wrong with the values of a filter: each must say of at least one field which single value it has.
fn value_mistake(source: Source<'_>, name: &str, rule: &FilterRule) -> Option<DocumentError> {
    let is_wrong = |fields: &BTreeMap<String, Value>| {
        fields.is_empty() || fields.values().any(|value| value.is_array() || value.is_object())
    };
    let (value, _) = rule.values.iter().find(|(_, fields)| is_wrong(fields))?;
    Some(DocumentError::new(
        source.name,
        Some(&format!("filters.{name}.values.{value}")),
        "needs at least one field of the provider, each with a text, a number, true, false or null",
    ))
}

pub(super) fn not_a_name(source: Source<'_>, key: &str, name: &str) -> DocumentError {
    let shown: String = name.chars().take(60).collect();
    DocumentError::new(
        source.name,
        Some(key),
        format!(
            "`{shown}` is not a field's name: letters, digits and `_`, with dots between the parts of a path"
        ),
    )
}
