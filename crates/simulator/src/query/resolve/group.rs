//! GROUP BY, aggregates, HAVING.

use super::super::ast::{Condition, Expression, Item, Query};
use super::super::error;
use super::super::plan::{Column, Function, Grouping, Leaf, Route, Sort};
use super::super::test::Test;
use super::{Names, Resolver};
use crate::org::ApiError;
use crate::org::schema::{Kind, flag};

impl Resolver<'_> {
    pub(super) fn grouping(&self, names: &Names<'_>, query: &Query) -> Result<Grouping, ApiError> {
        let mut by = Vec::new();
        for expression in &query.group {
            let Some(path) = expression.path.as_ref().filter(|_| expression.function.is_none()) else {
                return Err(error::unexpected(
                    self.source,
                    expression.at,
                    expression.function.as_deref().unwrap_or(""),
                ));
            };
            let route = self.route(names, path)?;
            self.require(&route, flag::GROUPABLE, path.at, "grouped")?;
            by.push(route);
        }
        let mut grouping = Grouping {
            by,
            columns: Vec::new(),
            keys: Vec::new(),
            having: None,
            order: Vec::new(),
        };
        for item in &query.items {
            let Item::Expression { expression, alias } = item else {
                let message = "a child query cannot stand beside aggregate functions";
                return Err(ApiError::plain("MALFORMED_QUERY", message));
            };
            let column = self.column(names, &grouping.by, expression)?;
            let unnamed = || match &column {
                Column::Group(route) => route.name.clone(),
                Column::Aggregate(..) => {
                    let earlier = grouping.keys.iter().filter(|key| key.starts_with("expr")).count();
                    format!("expr{earlier}")
                }
            };
            let key = alias.clone().unwrap_or_else(unnamed);
            if grouping.keys.contains(&key) {
                return Err(ApiError::plain(
                    "MALFORMED_QUERY",
                    format!("duplicate alias: {key}"),
                ));
            }
            grouping.keys.push(key);
            grouping.columns.push(column);
        }
        if let Some(having) = &query.having {
            grouping.having = Some(self.having(names, having, &mut grouping)?);
        }
        for order in &query.order {
            let key = self.column_number(names, &order.expression, &mut grouping)?;
            grouping.order.push(Sort {
                key,
                descending: order.descending,
                nulls_last: order.nulls_last,
            });
        }
        Ok(grouping)
    }

    fn column(&self, names: &Names<'_>, by: &[Route], expression: &Expression) -> Result<Column, ApiError> {
        let function = match expression.function.as_deref() {
            None => None,
            Some("COUNT") => Some(Function::Count),
            Some("COUNT_DISTINCT") => Some(Function::CountDistinct),
            Some("SUM") => Some(Function::Sum),
            Some("AVG") => Some(Function::Average),
            Some("MIN") => Some(Function::Minimum),
            Some("MAX") => Some(Function::Maximum),
            Some(other) => return Err(error::unexpected(self.source, expression.at, other)),
        };
        let Some(path) = &expression.path else {
            return if function == Some(Function::Count) {
                Ok(Column::Aggregate(Function::Count, None))
            } else {
                Err(error::unexpected(self.source, expression.at, ")"))
            };
        };
        let route = self.route(names, path)?;
        let Some(function) = function else {
            if by.contains(&route) {
                return Ok(Column::Group(route));
            }
            let message = format!("Field must be grouped or aggregated: {}", path.parts.join("."));
            return Err(self.fail(path.at, "MALFORMED_QUERY", &message));
        };
        let sums = matches!(function, Function::Sum | Function::Average);
        let aggregatable = match (&route.leaf, route.place) {
            (Leaf::Slot(slot), Some(place)) => {
                self.state.tables[place].object.fields[*slot].has(flag::AGGREGATABLE)
            }
            _ => true,
        };
        let fits = match function {
            Function::Count | Function::CountDistinct => aggregatable || route.kind == Kind::Boolean,
            _ if sums => route.kind.is_number(),
            _ => aggregatable && !route.kind.is_id(),
        };
        if !fits {
            let name = expression.function.as_deref().unwrap_or_default();
            let message = format!("field {} does not support aggregate operator {name}", route.name);
            return Err(self.fail(path.at, "INVALID_FIELD", &message));
        }
        Ok(Column::Aggregate(function, Some(route)))
    }

    /// The place of a column HAVING or ORDER BY names, added when it is not selected.
    fn column_number(
        &self,
        names: &Names<'_>,
        expression: &Expression,
        grouping: &mut Grouping,
    ) -> Result<usize, ApiError> {
        if let (None, Some(path)) = (&expression.function, &expression.path)
            && let [alias] = path.parts.as_slice()
            && let Some(place) = grouping
                .keys
                .iter()
                .position(|key| key.eq_ignore_ascii_case(alias))
        {
            return Ok(place);
        }
        let column = self.column(names, &grouping.by, expression)?;
        if let Some(place) = grouping.columns.iter().position(|own| *own == column) {
            return Ok(place);
        }
        grouping.columns.push(column);
        Ok(grouping.columns.len() - 1)
    }

    fn having(
        &self,
        names: &Names<'_>,
        condition: &Condition,
        grouping: &mut Grouping,
    ) -> Result<Test<usize>, ApiError> {
        let mut all = |conditions: &[Condition]| -> Result<Vec<Test<usize>>, ApiError> {
            conditions
                .iter()
                .map(|condition| self.having(names, condition, grouping))
                .collect()
        };
        match condition {
            Condition::And(conditions) => all(conditions).map(Test::And),
            Condition::Or(conditions) => all(conditions).map(Test::Or),
            Condition::Not(condition) => Ok(Test::Not(Box::new(self.having(names, condition, grouping)?))),
            Condition::Compare {
                left,
                operator,
                right,
            } => {
                let key = self.column_number(names, left, grouping)?;
                let (kind, name) = shape_of(&grouping.columns[key]);
                self.compare_as(key, kind, &name, *operator, right)
            }
            Condition::In {
                left,
                values,
                negated,
            } => {
                let key = self.column_number(names, left, grouping)?;
                let (kind, _) = shape_of(&grouping.columns[key]);
                self.within(key, kind, values, *negated)
            }
            Condition::SemiJoin { left, .. } | Condition::Includes { left, .. } => {
                Err(error::unexpected(self.source, left.at, "HAVING"))
            }
        }
    }
}

/// Type and name of a column, for its literals.
fn shape_of(column: &Column) -> (Kind, String) {
    match column {
        Column::Aggregate(Function::Count | Function::CountDistinct, _) | Column::Aggregate(_, None) => {
            (Kind::Int, "expr0".to_owned())
        }
        Column::Aggregate(Function::Sum | Function::Average, Some(_)) => (Kind::Double, "expr0".to_owned()),
        Column::Group(route) | Column::Aggregate(_, Some(route)) => (route.kind, route.name.clone()),
    }
}
