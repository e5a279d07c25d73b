//! From understood parameters to the text of one query.
//!
//! A document may compile the caller's filters itself (`query_mapping`); those it does not read, and all of them when
//! it has none, are compiled here from its `filters`. Text that a mapping answers is parsed, checked for callers'
//! words that changed its structure, and written anew: nothing a mapping concatenates is sent as it is.

use mapping::{FieldKind, FilterRule, Method, ObjectMetadata, Plan, QueryValue};
use soql::{Condition, FieldPath, Identifier, Query, Returning, Scope, Search};

use crate::Error;
use crate::children::{self, Children};
use crate::cursor::Position;
use crate::filter;
use crate::keyset::{self, Key};
use crate::parameters::{Filter, ListQuery, Target};
use crate::select::{self, Selection, Wanted};

/// One query, ready to be written.
#[derive(Debug)]
pub(crate) enum Statement {
    Query(Query),
    Search(Search),
}

impl Statement {
    /// The statement's text.
    pub(crate) fn text(&self) -> Result<String, Error> {
        let text = match self {
            Self::Query(query) => query.to_soql(),
            Self::Search(search) => search.to_sosl(),
        };
        text.map_err(|error| Error::InvalidParameter {
            parameter: match self {
                Self::Query(_) => "query".to_owned(),
                Self::Search(_) => "search_term".to_owned(),
            },
            message: error.to_string(),
            allowed: Vec::new(),
        })
    }
}

/// What a caller wants to do with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Filter,
    Sort,
}

/// Everything that decides a list's statement.
pub(crate) struct Compiler<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) metadata: &'a ObjectMetadata,
    /// The objects of rows that are read with each record.
    pub(crate) children: &'a Children,
    pub(crate) id_field: &'a FieldPath,
    pub(crate) list: &'a ListQuery,
}

/// A list's statement and what is needed to read its answer.
pub(crate) struct Compiled {
    pub(crate) statement: Statement,
    pub(crate) keys: Vec<Key>,
    pub(crate) warnings: Vec<String>,
}

impl Compiler<'_> {
    /// The statement of one page that starts after `position` and holds `limit` records; one more is asked for, to
    /// know whether another page follows.
    pub(crate) fn list(
        &self,
        value: Option<&QueryValue>,
        position: Option<&Position>,
        limit: u32,
    ) -> Result<Compiled, Error> {
        let instead = value.and_then(|value| value.select.as_deref());
        let mut selection = self.selection(instead);
        if let Some(text) = value.and_then(|value| value.q.as_deref()) {
            return self.statement_of_mapping(text, selection, limit);
        }
        if let Some(term) = &self.list.search_term {
            let statement = self.search(term, &selection, limit)?;
            selection.warnings.extend(children::not_searched(self.plan));
            return Ok(Compiled {
                statement,
                keys: Vec::new(),
                warnings: selection.warnings,
            });
        }
        if instead.is_none() {
            self.read_children(&mut selection);
        }
        let keys = self.keys(value)?;
        for key in &keys {
            selection.add(key.field.clone());
        }
        let mut conditions = self.conditions(value)?;
        if let Some(position) = position {
            conditions.push(keyset::after(&keys, self.id_field, position)?);
        }
        let query = Query {
            select: selection.items(),
            from: self.object()?,
            filter: joined(conditions),
            order_by: keyset::order(&keys, self.id_field),
            limit: Some(
                value
                    .and_then(|value| value.limit)
                    .map_or(limit, |own| own.min(limit))
                    .saturating_add(1),
            ),
            offset: None,
        };
        Ok(Compiled {
            statement: Statement::Query(query),
            keys,
            warnings: selection.warnings,
        })
    }

    /// The statement that reads one record by its id.
    pub(crate) fn get(&self, id: &str) -> Result<Compiled, Error> {
        let mut selection = self.selection(None);
        self.read_children(&mut selection);
        let mut conditions = vec![Condition::Compare {
            field: self.id_field.clone(),
            comparison: soql::Comparison::Equal,
            value: soql::Literal::text(id),
        }];
        conditions.extend(self.only()?);
        let query = Query {
            select: selection.items(),
            from: self.object()?,
            filter: joined(conditions),
            order_by: Vec::new(),
            limit: Some(1),
            offset: None,
        };
        Ok(Compiled {
            statement: Statement::Query(query),
            keys: Vec::new(),
            warnings: selection.warnings,
        })
    }

    fn selection(&self, instead: Option<&[String]>) -> Selection {
        let wanted = Wanted {
            custom_fields: self.wants_custom_fields(),
            expand: &self.list.expand,
            instead,
        };
        select::selection(self.plan, self.metadata, self.id_field, &wanted)
    }

    fn read_children(&self, selection: &mut Selection) {
        let wanted = self.list.fields.as_deref();
        let (items, warnings) = children::selection(self.plan, self.metadata, self.children, wanted);
        selection.children = items;
        selection.warnings.extend(warnings);
    }

    /// What every record of the resource holds.
    fn only(&self) -> Result<Vec<Condition>, Error> {
        filter::only(self.plan).map_err(|message| self.refused(message))
    }

    fn object(&self) -> Result<Identifier, Error> {
        Identifier::parse(&self.plan.object).map_err(|error| self.refused(error.to_string()))
    }

    fn refused(&self, message: impl Into<String>) -> Error {
        Error::QueryRefused {
            message: message.into(),
            callers_own: self.plan.has_override(Method::List),
        }
    }

    fn keys(&self, value: Option<&QueryValue>) -> Result<Vec<Key>, Error> {
        if self.list.sorts.is_empty()
            && let Some(text) = value.and_then(|value| value.order_by.as_deref())
        {
            let orders = soql::parse_order_by(text).map_err(|error| self.refused(error.to_string()))?;
            return Ok(orders
                .into_iter()
                .filter(|order| order.field != *self.id_field)
                .map(|order| {
                    let kind = self.kind(order.field.as_str());
                    let descending = order.direction == soql::Direction::Descending;
                    Key {
                        field: order.field,
                        kind,
                        descending,
                    }
                })
                .collect());
        }
        let mut keys = Vec::new();
        for (name, descending, _) in self.sort_fields()? {
            let field = FieldPath::parse(name).map_err(|error| self.refused(error.to_string()))?;
            if field != *self.id_field {
                keys.push(Key {
                    kind: self.kind(name),
                    field,
                    descending,
                });
            }
        }
        Ok(keys)
    }

    fn kind(&self, field: &str) -> FieldKind {
        let described = self.metadata.field(field).map(|field| field.kind);
        let declared = || {
            self.plan
                .filters
                .values()
                .find(|rule| rule.field == field)
                .map(|rule| rule.kind)
        };
        described.or_else(declared).unwrap_or(FieldKind::Text)
    }

    fn conditions(&self, value: Option<&QueryValue>) -> Result<Vec<Condition>, Error> {
        let mut conditions = self.only()?;
        if let Some(text) = value.and_then(|value| value.where_text.as_deref()) {
            soql::check_caller_text(text, &self.list.caller_texts())
                .map_err(|error| self.refused(error.to_string()))?;
            conditions.push(soql::parse_condition(text).map_err(|error| self.refused(error.to_string()))?);
        }
        for filter in &self.list.filters {
            let by_mapping = match &filter.target {
                Target::Unified(name) => self.plan.query_mapping_reads(Method::List, name),
                Target::Custom(_) => self.plan.query_mapping_reads(Method::List, "custom_fields"),
            };
            if value.is_none() || !by_mapping {
                conditions.push(self.condition(filter)?);
            }
        }
        let mut groups = Vec::new();
        for group in self.list.groups.iter().filter(|group| !group.is_empty()) {
            let filters: Result<Vec<Condition>, Error> =
                group.iter().map(|filter| self.condition(filter)).collect();
            groups.extend(joined(filters?));
        }
        match groups.len() {
            0 => {}
            1 => conditions.append(&mut groups),
            _ => conditions.push(Condition::Or(groups)),
        }
        Ok(conditions)
    }

    fn condition(&self, filter: &Filter) -> Result<Condition, Error> {
        if let Target::Unified(name) = &filter.target
            && let Some(rule) = self.plan.filters.get(name)
            && !rule.values.is_empty()
        {
            self.check_values(filter, rule)?;
            return filter::of_values(filter, rule);
        }
        match self.field_of(filter)? {
            Some((name, kind)) => {
                let field = FieldPath::parse(name).map_err(|error| self.refused(error.to_string()))?;
                filter::condition(filter, &field, kind)
            }
            None => Ok(Condition::Never),
        }
    }

    /// Refuses a filter of fixed values when a field that these speak of is not there.
    pub(crate) fn check_values(&self, filter: &Filter, rule: &FilterRule) -> Result<(), Error> {
        let mut named = rule.values.values().flat_map(|fields| fields.keys());
        let absent = named.find(|name| !name.contains('.') && self.metadata.field(name).is_none());
        match absent {
            Some(name) => Err(self.absent(&filter.parameter, name)),
            None => Ok(()),
        }
    }

    /// The provider's field that a filter looks at, and the kind of its values.
    pub(crate) fn field_of<'n>(&'n self, filter: &'n Filter) -> Result<Option<(&'n str, FieldKind)>, Error> {
        let (name, kind) = match &filter.target {
            Target::Unified(name) => match (self.plan.filters.get(name), self.plan.field_map.get(name)) {
                (Some(rule), _) => {
                    // The describe knows better than a document what an org made of a field.
                    let described = self.metadata.field(&rule.field).map(|field| field.kind);
                    let kind = described
                        .filter(|kind| *kind != FieldKind::Other)
                        .unwrap_or(rule.kind);
                    (rule.field.as_str(), kind)
                }
                (None, Some(field)) => (
                    field.as_str(),
                    self.mapped_kind(&filter.parameter, field, Use::Filter)?,
                ),
                (None, None) => return Ok(None),
            },
            Target::Custom(name) => self.custom(filter, name)?,
        };
        self.known(&filter.parameter, name)?;
        Ok(Some((name, kind)))
    }

    /// The provider's fields that the caller sorts by, each with whether the largest comes first and the caller's name.
    pub(crate) fn sort_fields(&self) -> Result<Vec<(&str, bool, &str)>, Error> {
        let mut fields = Vec::with_capacity(self.list.sorts.len());
        for sort in &self.list.sorts {
            let name = match (
                self.plan.sorts.get(&sort.name),
                self.plan.field_map.get(&sort.name),
            ) {
                (Some(name), _) => {
                    self.known("sort", name)?;
                    name
                }
                (None, Some(name)) => {
                    self.mapped_kind("sort", name, Use::Sort)?;
                    name
                }
                (None, None) => continue,
            };
            fields.push((name.as_str(), sort.descending, sort.name.as_str()));
        }
        Ok(fields)
    }

    /// Whether the caller wants custom fields.
    pub(crate) fn wants_custom_fields(&self) -> bool {
        let fields = self.list.fields.as_ref();
        fields.is_none_or(|names| names.iter().any(|name| name == "custom_fields"))
    }

    /// The kind of a field that a `field_map` names: usable as the connection's describe says.
    fn mapped_kind(&self, parameter: &str, name: &str, wanted: Use) -> Result<FieldKind, Error> {
        let field = self
            .metadata
            .field(name)
            .ok_or_else(|| self.absent(parameter, name))?;
        let (is_usable, verb) = match wanted {
            Use::Filter => (field.is_filterable, "filter"),
            Use::Sort => (field.is_sortable, "sort"),
        };
        if is_usable {
            return Ok(field.kind);
        }
        Err(Error::InvalidParameter {
            parameter: parameter.to_owned(),
            message: format!("the provider cannot {verb} by {}.{name}", self.metadata.object),
            allowed: Vec::new(),
        })
    }

    /// Refuses a field that this org does not have or this user may not see; paths to other objects are not looked up.
    fn known(&self, parameter: &str, name: &str) -> Result<(), Error> {
        let is_known =
            self.metadata.field(name).is_some() || self.plan.is_envelope(name) || name.contains('.');
        if is_known {
            Ok(())
        } else {
            Err(self.absent(parameter, name))
        }
    }

    fn absent(&self, parameter: &str, name: &str) -> Error {
        Error::InvalidParameter {
            parameter: parameter.to_owned(),
            message: format!(
                "{}.{name} does not exist in this org or is hidden from the connected user",
                self.metadata.object
            ),
            allowed: Vec::new(),
        }
    }

    fn custom<'n>(&self, filter: &Filter, name: &'n str) -> Result<(&'n str, FieldKind), Error> {
        let is_usable = |field: &&mapping::FieldMetadata| field.is_custom && field.is_filterable;
        let field = self.metadata.field(name).filter(is_usable);
        field
            .map(|field| (name, field.kind))
            .ok_or_else(|| Error::InvalidParameter {
                parameter: filter.parameter.clone(),
                message: format!(
                    "`{name}` is no custom field of {} that can be filtered by",
                    self.metadata.object
                ),
                allowed: self
                    .metadata
                    .fields
                    .iter()
                    .filter(is_usable)
                    .map(|field| format!("custom_fields[{}]", field.name))
                    .collect(),
            })
    }

    fn search(&self, term: &str, selection: &Selection, limit: u32) -> Result<Statement, Error> {
        let conditions = self.conditions(None)?;
        Ok(Statement::Search(Search {
            term: term.to_owned(),
            scope: Scope::All,
            returning: vec![Returning {
                object: self.object()?,
                fields: selection.fields.clone(),
                filter: joined(conditions),
                order_by: Vec::new(),
                limit: Some(limit),
                offset: None,
            }],
            limit: None,
        }))
    }

    /// A whole statement that a mapping answered. It may look only at the resource's own object.
    fn statement_of_mapping(&self, text: &str, selection: Selection, limit: u32) -> Result<Compiled, Error> {
        let object = self.object()?;
        let is_search = text
            .trim_start()
            .get(..4)
            .is_some_and(|word| word.eq_ignore_ascii_case("find"));
        let statement = if is_search {
            let mut search = soql::parse_search(text, self.list.search_term.as_deref())
                .map_err(|error| self.refused(error.to_string()))?;
            if let Some(other) = search
                .returning
                .iter()
                .find(|returning| returning.object != object)
            {
                return Err(self.refused(format!("it searches {}, not {object}", other.object)));
            }
            for returning in &mut search.returning {
                returning.fields.retain(|field| {
                    self.metadata.field(field.as_str()).is_some() || field.as_str().contains('.')
                });
                returning.limit = Some(returning.limit.map_or(limit, |own| own.min(limit)));
            }
            Statement::Search(search)
        } else {
            soql::check_caller_text(text, &self.list.caller_texts())
                .map_err(|error| self.refused(error.to_string()))?;
            let mut query = soql::parse_query(text).map_err(|error| self.refused(error.to_string()))?;
            if query.from != object {
                return Err(self.refused(format!("it reads {}, not {object}", query.from)));
            }
            query.limit = Some(query.limit.map_or(limit, |own| own.min(limit)));
            Statement::Query(query)
        };
        Ok(Compiled {
            statement,
            keys: Vec::new(),
            warnings: selection.warnings,
        })
    }
}

fn joined(mut conditions: Vec<Condition>) -> Option<Condition> {
    match conditions.len() {
        0 => None,
        1 => conditions.pop(),
        _ => Some(Condition::And(conditions)),
    }
}
