//! Looks the names of a statement up and types its literals.

mod filter;
mod group;
mod select;

use super::ast::{Path, Query};
use super::error;
use super::plan::{Leaf, Plan, Route, Sort};
use super::test::Test;
use crate::org::ApiError;
use crate::org::cell::Cell;
use crate::org::ids::RecordId;
use crate::org::schema::{Kind, flag};
use crate::org::state::State;

/// Fields every target of a polymorphic reference can be asked for, with their type.
const ANY_FIELDS: [(&str, Kind); 14] = [
    ("Id", Kind::Id),
    ("Name", Kind::String),
    ("Type", Kind::Picklist),
    ("FirstName", Kind::String),
    ("LastName", Kind::String),
    ("Title", Kind::String),
    ("Email", Kind::Email),
    ("Phone", Kind::Phone),
    ("Username", Kind::String),
    ("Alias", Kind::String),
    ("IsActive", Kind::Boolean),
    ("UserRoleId", Kind::Reference),
    ("ProfileId", Kind::Reference),
    ("RecordTypeId", Kind::Reference),
];
const HINT: &str = "Please reference your WSDL or the describe call for the appropriate names.";

/// What every look-up needs.
pub(crate) struct Resolver<'a> {
    pub(crate) state: &'a State,
    pub(crate) user: Option<RecordId>,
    pub(crate) source: &'a str,
    pub(crate) now_ms: i64,
    pub(crate) all_rows: bool,
}

impl Resolver<'_> {
    fn fail(&self, at: usize, code: &str, message: &str) -> ApiError {
        error::at(self.source, at, code, message)
    }

    /// The complaint about an object nobody knows.
    pub(crate) fn no_object(&self, at: usize, name: &str) -> ApiError {
        let message = format!(
            "sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to \
             append the '__c' after the entity name. {HINT}"
        );
        self.fail(at, "INVALID_TYPE", &message)
    }

    fn no_column(&self, at: usize, name: &str, object: &str) -> ApiError {
        let message = format!(
            "No such column '{name}' on entity '{object}'. If you are attempting to use a custom field, be sure \
             to append the '__c' after the custom field name. {HINT}"
        );
        self.fail(at, "INVALID_FIELD", &message)
    }

    fn no_relationship(&self, at: usize, name: &str) -> ApiError {
        let message = format!(
            "Didn't understand relationship '{name}' in field path. If you are attempting to use a custom \
             relationship, be sure to append the '__r' after the custom relationship name. {HINT}"
        );
        self.fail(at, "INVALID_FIELD", &message)
    }

    /// Resolves a top-level statement.
    pub(crate) fn query(&self, query: &Query) -> Result<Plan, ApiError> {
        let place = self
            .state
            .place(&query.from)
            .ok_or_else(|| self.no_object(query.from_at, &query.from))?;
        self.plan(place, query)
    }

    /// Resolves a statement over a known object.
    pub(crate) fn plan(&self, place: usize, query: &Query) -> Result<Plan, ApiError> {
        let names = Names {
            place,
            alias: query.alias.as_deref(),
        };
        let (nodes, is_count, grouping) = self.columns(&names, query)?;
        let mut filter = query
            .filter
            .as_ref()
            .map(|filter| self.filter(&names, filter))
            .transpose()?;
        if let Some((scope, at)) = &query.scope {
            filter = self.scoped(place, scope, *at, filter)?;
        }
        self.link_restriction(place, query)?;
        let mut order = Vec::new();
        if grouping.is_none() {
            for key in &query.order {
                let path = key.expression.path.as_ref().ok_or_else(|| {
                    error::unexpected(
                        self.source,
                        key.expression.at,
                        key.expression.function.as_deref().unwrap_or(""),
                    )
                })?;
                let route = self.route(&names, path)?;
                self.require(&route, flag::SORTABLE, path.at, "sorted")?;
                order.push(Sort {
                    key: route,
                    descending: key.descending,
                    nulls_last: key.nulls_last,
                });
            }
        }
        let offset = match query.offset {
            Some((offset, at)) if offset > 2_000 => {
                return Err(self.fail(
                    at,
                    "NUMBER_OUTSIDE_VALID_RANGE",
                    "Maximum SOQL offset allowed is 2000",
                ));
            }
            Some((offset, _)) => offset,
            None => 0,
        };
        Ok(Plan {
            place,
            nodes,
            filter,
            order,
            limit: query.limit,
            offset,
            is_count,
            grouping,
            all_rows: self.all_rows,
        })
    }

    fn scoped(
        &self,
        place: usize,
        scope: &str,
        at: usize,
        filter: Option<Test<Route>>,
    ) -> Result<Option<Test<Route>>, ApiError> {
        let object = &self.state.tables[place].object;
        if !object
            .scopes
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case(scope))
        {
            let message = format!("Invalid scope '{scope}' for entity '{}'", object.name);
            return Err(self.fail(at, "MALFORMED_QUERY", &message));
        }
        let Some(slot) = object
            .slot("OwnerId")
            .filter(|_| scope.eq_ignore_ascii_case("mine"))
        else {
            return Ok(filter);
        };
        let route = self.own_route(place, slot);
        let value = self.user.map_or(Cell::Null, Cell::Id);
        let mine = Test::Compare {
            key: route,
            operator: super::ast::Operator::Equal,
            value,
        };
        Ok(Some(match filter {
            Some(filter) => Test::And(vec![mine, filter]),
            None => mine,
        }))
    }

    /// The route to a field of the object itself.
    pub(crate) fn own_route(&self, place: usize, slot: usize) -> Route {
        let field = &self.state.tables[place].object.fields[slot];
        Route {
            steps: Vec::new(),
            leaf: Leaf::Slot(slot),
            kind: field.kind,
            name: field.name.clone(),
            place: Some(place),
        }
    }

    /// Refuses a field that lacks a describe flag.
    fn require(&self, route: &Route, letter: u8, at: usize, verb: &str) -> Result<(), ApiError> {
        let (Leaf::Slot(slot), Some(place)) = (&route.leaf, route.place) else {
            return Ok(());
        };
        let field = &self.state.tables[place].object.fields[*slot];
        // Salesforce marks compound fields filterable for DISTANCE() only.
        if field.has(letter) && !field.kind.is_compound() {
            return Ok(());
        }
        let message = format!("field '{}' can not be {verb} in a query call", field.name);
        Err(self.fail(at, "INVALID_FIELD", &message))
    }

    /// Parts of a path without a leading alias or object name.
    fn parts<'p>(&self, names: &Names<'_>, path: &'p Path) -> &'p [String] {
        let object = &self.state.tables[names.place].object;
        let first = path.parts[0].as_str();
        let named = names.alias.is_some_and(|alias| alias.eq_ignore_ascii_case(first))
            || (object.name.eq_ignore_ascii_case(first) && object.relationship(first).is_none());
        if named && path.parts.len() > 1 {
            &path.parts[1..]
        } else {
            &path.parts
        }
    }

    /// Resolves a path from an object.
    pub(crate) fn route(&self, names: &Names<'_>, path: &Path) -> Result<Route, ApiError> {
        let parts = self.parts(names, path);
        let Some((last, parents)) = parts.split_last() else {
            return Err(error::unexpected(self.source, path.at, ""));
        };
        if parents.len() > 5 {
            let message = "The relationship path may contain at most 5 levels of parents";
            return Err(self.fail(path.at, "INVALID_FIELD", message));
        }
        let mut place = names.place;
        let mut steps = Vec::with_capacity(parents.len());
        for (depth, parent) in parents.iter().enumerate() {
            let table = &self.state.tables[place];
            let slot = table
                .object
                .relationship(parent)
                .filter(|&slot| table.sees(self.user, slot));
            let slot = slot.ok_or_else(|| self.no_relationship(path.at, parent))?;
            steps.push(slot);
            let field = &table.object.fields[slot];
            if field.is_polymorphic() {
                if depth + 1 < parents.len() {
                    return Err(self.no_relationship(path.at, &parents[depth + 1]));
                }
                return self.any_route(path, last, steps, &field.reference_to);
            }
            let target = field
                .reference_to
                .first()
                .and_then(|target| self.state.place(target));
            place = target.ok_or_else(|| self.no_relationship(path.at, parent))?;
        }
        let table = &self.state.tables[place];
        let slot = table
            .visible_slot(self.user, last)
            .ok_or_else(|| self.no_column(path.at, last, &table.object.name))?;
        let field = &table.object.fields[slot];
        Ok(Route {
            steps,
            leaf: Leaf::Slot(slot),
            kind: field.kind,
            name: field.name.clone(),
            place: Some(place),
        })
    }

    /// A field of whatever a polymorphic reference points at.
    fn any_route(
        &self,
        path: &Path,
        last: &str,
        steps: Vec<usize>,
        targets: &[String],
    ) -> Result<Route, ApiError> {
        let known = ANY_FIELDS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(last));
        let (name, kind) = known.ok_or_else(|| self.no_column(path.at, last, "Name"))?;
        let leaf = if *name == "Type" {
            Leaf::Type
        } else {
            let slots = targets.iter().filter_map(|target| {
                let place = self.state.place(target)?;
                let table = &self.state.tables[place];
                let slot = if *name == "Name" {
                    table
                        .object
                        .name_slot()
                        .filter(|&slot| table.sees(self.user, slot))
                } else {
                    table.visible_slot(self.user, name)
                };
                slot.map(|slot| (place, slot))
            });
            Leaf::Any(slots.collect())
        };
        Ok(Route {
            steps,
            leaf,
            kind: *kind,
            name: (*name).to_owned(),
            place: None,
        })
    }
}

/// What a path may start with.
pub(crate) struct Names<'a> {
    pub(crate) place: usize,
    pub(crate) alias: Option<&'a str>,
}
