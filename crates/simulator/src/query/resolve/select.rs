//! The SELECT list.

use std::collections::HashSet;

use super::super::ast::{Expression, Item, Path, Query};
use super::super::error;
use super::super::plan::{Grouping, Leaf, Mode, Node, Route};
use super::{HINT, Names, Resolver};
use crate::org::ApiError;

/// Nodes, whether it is `COUNT()`, the grouping.
type Columns = (Vec<Node>, bool, Option<Grouping>);

/// Whether a function aggregates.
pub(super) fn is_aggregate(function: Option<&str>) -> bool {
    matches!(
        function,
        Some("COUNT" | "COUNT_DISTINCT" | "SUM" | "AVG" | "MIN" | "MAX")
    )
}

impl Resolver<'_> {
    /// Resolves the SELECT list.
    pub(super) fn columns(&self, names: &Names<'_>, query: &Query) -> Result<Columns, ApiError> {
        let aggregates = |item: &Item| matches!(item, Item::Expression { expression, .. } if is_aggregate(expression.function.as_deref()));
        let counts_rows = matches!(
            query.items.as_slice(),
            [Item::Expression { expression: Expression { function: Some(function), path: None, .. }, .. }]
                if function == "COUNT"
        );
        if counts_rows && query.group.is_empty() {
            return Ok((Vec::new(), true, None));
        }
        if !query.group.is_empty() || query.items.iter().any(aggregates) {
            return Ok((Vec::new(), false, Some(self.grouping(names, query)?)));
        }
        let mut nodes = Vec::new();
        let mut seen = HashSet::new();
        for item in &query.items {
            self.item(names, query, item, &mut nodes, &mut seen)?;
        }
        Ok((nodes, false, None))
    }

    fn item(
        &self,
        names: &Names<'_>,
        query: &Query,
        item: &Item,
        nodes: &mut Vec<Node>,
        seen: &mut HashSet<String>,
    ) -> Result<(), ApiError> {
        match item {
            Item::Child(child) => self.child(names, child, nodes),
            Item::TypeOf {
                relationship,
                whens,
                otherwise,
            } => self.type_of(names, relationship, whens, otherwise, nodes),
            Item::Expression { expression, alias } => {
                let Some(path) = &expression.path else {
                    return Err(error::unexpected(
                        self.source,
                        expression.at,
                        expression.function.as_deref().unwrap_or(""),
                    ));
                };
                let mode = match expression.function.as_deref() {
                    None if alias.is_some() => {
                        let message = "only aggregate expressions use field aliasing";
                        return Err(self.fail(expression.at, "MALFORMED_QUERY", message));
                    }
                    None | Some("CONVERTCURRENCY") => Mode::Plain,
                    Some("TOLABEL") => Mode::Label,
                    Some("FORMAT") => Mode::Format,
                    Some("FIELDS") => return self.whole(names, query, path, nodes, seen),
                    Some(other) => {
                        return Err(error::unexpected(self.source, expression.at, other));
                    }
                };
                let route = self.route(names, path)?;
                self.select(names, path, &route, mode, alias.as_deref(), nodes, seen)
            }
        }
    }

    /// `FIELDS(ALL)`, `FIELDS(STANDARD)`, `FIELDS(CUSTOM)`.
    fn whole(
        &self,
        names: &Names<'_>,
        query: &Query,
        path: &Path,
        nodes: &mut Vec<Node>,
        seen: &mut HashSet<String>,
    ) -> Result<(), ApiError> {
        let which = path.parts[0].to_ascii_uppercase();
        if !matches!(which.as_str(), "ALL" | "STANDARD" | "CUSTOM") || path.parts.len() > 1 {
            return Err(error::unexpected(self.source, path.at, &path.parts.join(".")));
        }
        if which != "STANDARD" && query.limit.is_none_or(|limit| limit > 200) {
            let message = "The SOQL FIELDS function must have a LIMIT of at most 200";
            return Err(self.fail(path.at, "MALFORMED_QUERY", message));
        }
        let table = &self.state.tables[names.place];
        for (slot, field) in table.visible_fields(self.user) {
            if (which == "STANDARD" && field.is_custom()) || (which == "CUSTOM" && !field.is_custom()) {
                continue;
            }
            if seen.insert(field.name.to_ascii_lowercase()) {
                nodes.push(Node::Field {
                    key: field.name.clone(),
                    slot,
                    mode: Mode::Plain,
                });
            }
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one selected path needs all of them")]
    fn select(
        &self,
        names: &Names<'_>,
        path: &Path,
        route: &Route,
        mode: Mode,
        alias: Option<&str>,
        nodes: &mut Vec<Node>,
        seen: &mut HashSet<String>,
    ) -> Result<(), ApiError> {
        let key = alias.unwrap_or(&route.name);
        let full = format!("{:?}.{}", route.steps, key.to_ascii_lowercase());
        let first = if route.steps.is_empty() {
            seen.insert(key.to_ascii_lowercase())
        } else {
            seen.insert(full)
        };
        if !first {
            let message = format!("duplicate field selected: {}", path.parts.join("."));
            return Err(ApiError::plain("INVALID_FIELD", message));
        }
        let mut place = names.place;
        let mut level = nodes;
        for &step in &route.steps {
            let field = &self.state.tables[place].object.fields[step];
            let key = field.relationship_name.clone().unwrap_or_default();
            let at = level
                .iter()
                .position(|node| matches!(node, Node::Parent { slot, .. } if *slot == step));
            let at = at.unwrap_or_else(|| {
                level.push(Node::Parent {
                    key,
                    slot: step,
                    polymorphic: field.is_polymorphic(),
                    nodes: Vec::new(),
                });
                level.len() - 1
            });
            let Node::Parent { nodes, .. } = &mut level[at] else {
                return Ok(());
            };
            level = nodes;
            if let Some(next) = field
                .reference_to
                .first()
                .and_then(|target| self.state.place(target))
            {
                place = next;
            }
        }
        let key = key.to_owned();
        level.push(match &route.leaf {
            Leaf::Slot(slot) => Node::Field {
                key,
                slot: *slot,
                mode,
            },
            Leaf::Any(slots) => Node::Any {
                key,
                slots: slots.clone(),
            },
            Leaf::Type => Node::Type { key },
        });
        Ok(())
    }

    fn child(&self, names: &Names<'_>, query: &Query, nodes: &mut Vec<Node>) -> Result<(), ApiError> {
        let object = &self.state.tables[names.place].object;
        let relationship = query.from.rsplit('.').next().unwrap_or_default();
        let found = object.child_relationships.iter().find_map(|child| {
            let name = child
                .name
                .as_ref()
                .filter(|name| name.eq_ignore_ascii_case(relationship))?;
            let place = self.state.place(&child.object)?;
            let slot = self.state.tables[place].visible_slot(self.user, &child.field)?;
            Some((name, place, slot))
        });
        let Some((name, place, slot)) = found else {
            let message = format!(
                "Didn't understand relationship '{relationship}' in FROM part of query call. If you are attempting \
                 to use a custom relationship, be sure to append the '__r' after the custom relationship name. {HINT}"
            );
            return Err(self.fail(query.from_at, "INVALID_TYPE", &message));
        };
        if nodes.iter().any(|node| node.key() == name) {
            return Err(ApiError::plain(
                "INVALID_FIELD",
                format!("duplicate field selected: {name}"),
            ));
        }
        let plan = self.plan(place, query)?;
        if plan.grouping.is_some() || plan.is_count {
            let message = "aggregate functions are not allowed in a child query";
            return Err(self.fail(query.from_at, "MALFORMED_QUERY", message));
        }
        nodes.push(Node::Child {
            key: name.clone(),
            slot,
            plan: Box::new(plan),
        });
        Ok(())
    }

    fn type_of(
        &self,
        names: &Names<'_>,
        relationship: &Path,
        whens: &[(Path, Vec<Path>)],
        otherwise: &[Path],
        nodes: &mut Vec<Node>,
    ) -> Result<(), ApiError> {
        let table = &self.state.tables[names.place];
        let name = relationship.parts.join(".");
        let slot = table
            .object
            .relationship(&name)
            .filter(|&slot| table.sees(self.user, slot) && table.object.fields[slot].is_polymorphic())
            .ok_or_else(|| self.no_relationship(relationship.at, &name))?;
        let field = &table.object.fields[slot];
        let mut branches = Vec::new();
        for (object, paths) in whens {
            let wanted = object.parts.join(".");
            let place = self
                .state
                .place(&wanted)
                .filter(|&place| field.reference_to.contains(&self.state.tables[place].object.name))
                .ok_or_else(|| self.no_object(object.at, &wanted))?;
            let names = Names { place, alias: None };
            let (mut own, mut seen) = (Vec::new(), HashSet::new());
            for path in paths {
                let route = self.route(&names, path)?;
                self.select(&names, path, &route, Mode::Plain, None, &mut own, &mut seen)?;
            }
            branches.push((place, own));
        }
        let mut rest = Vec::new();
        for path in otherwise {
            let route = self.any_route(path, &path.parts.join("."), vec![slot], &field.reference_to)?;
            rest.push(match route.leaf {
                Leaf::Any(slots) => Node::Any {
                    key: route.name,
                    slots,
                },
                _ => Node::Type { key: route.name },
            });
        }
        let key = field.relationship_name.clone().unwrap_or_default();
        nodes.push(Node::TypeOf {
            key,
            slot,
            whens: branches,
            otherwise: rest,
        });
        Ok(())
    }
}
