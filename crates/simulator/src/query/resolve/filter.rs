//! Conditions and the types of their literals.

use super::super::ast::{Condition, Expression, Literal, Operator, Placed, Query};
use super::super::error;
use super::super::lexer::{self, ESCAPED_PERCENT, ESCAPED_UNDERSCORE};
use super::super::plan::Route;
use super::super::test::{Members, Test, pattern};
use super::super::{periods, run};
use super::{Names, Resolver};
use crate::org::ApiError;
use crate::org::cell::Cell;
use crate::org::ids::RecordId;
use crate::org::schema::{Kind, flag};
use crate::org::time::DAY_MS;

impl Resolver<'_> {
    /// Resolves WHERE.
    pub(crate) fn filter(&self, names: &Names<'_>, condition: &Condition) -> Result<Test<Route>, ApiError> {
        let all = |conditions: &[Condition]| -> Result<Vec<Test<Route>>, ApiError> {
            conditions
                .iter()
                .map(|condition| self.filter(names, condition))
                .collect()
        };
        match condition {
            Condition::And(conditions) => all(conditions).map(Test::And),
            Condition::Or(conditions) => all(conditions).map(Test::Or),
            Condition::Not(condition) => Ok(Test::Not(Box::new(self.filter(names, condition)?))),
            Condition::Compare {
                left,
                operator,
                right,
            } => {
                let key = self.filtered(names, left)?;
                self.compare(key, *operator, right)
            }
            Condition::In {
                left,
                values,
                negated,
            } => {
                let key = self.filtered(names, left)?;
                let kind = key.kind;
                self.within(key, kind, values, *negated)
            }
            Condition::SemiJoin { left, query, negated } => {
                let key = self.filtered(names, left)?;
                self.semi_join(key, left, query, *negated)
            }
            Condition::Includes {
                left,
                values,
                negated,
            } => {
                let key = self.filtered(names, left)?;
                if key.kind != Kind::Multipicklist {
                    let message = "operator 'includes' or 'excludes' is not valid for this field";
                    return Err(self.fail(left.at, "INVALID_QUERY_FILTER_OPERATOR", message));
                }
                let choices = values
                    .iter()
                    .map(|value| {
                        let text = self.text(value)?;
                        Ok(text.split(';').map(str::to_lowercase).collect())
                    })
                    .collect::<Result<_, ApiError>>()?;
                Ok(Test::Includes {
                    key,
                    choices,
                    negated: *negated,
                })
            }
        }
    }

    fn filtered(&self, names: &Names<'_>, left: &Expression) -> Result<Route, ApiError> {
        let path = match (&left.function, &left.path) {
            (None, Some(path)) => path,
            (Some(function), Some(path)) if matches!(function.as_str(), "TOLABEL" | "CONVERTCURRENCY") => {
                path
            }
            (function, _) => {
                return Err(error::unexpected(
                    self.source,
                    left.at,
                    function.as_deref().unwrap_or_default(),
                ));
            }
        };
        let route = self.route(names, path)?;
        self.require(&route, flag::FILTERABLE, path.at, "filtered")?;
        Ok(route)
    }

    /// A comparison of a column of a kind with a literal.
    pub(crate) fn compare_as<K>(
        &self,
        key: K,
        kind: Kind,
        name: &str,
        operator: Operator,
        right: &Placed,
    ) -> Result<Test<K>, ApiError> {
        if operator == Operator::Like {
            return self.like(key, kind, right);
        }
        if let Literal::Period { name: period, count } = &right.literal {
            if !matches!(kind, Kind::Date | Kind::Datetime) {
                return Err(self.wrong_literal(kind, name, right.at));
            }
            let (from, to) = periods::days(period, *count, self.now_ms.div_euclid(DAY_MS));
            let cell = |days: i64| {
                if kind == Kind::Date {
                    Cell::Date(days)
                } else {
                    Cell::DateTime(days * DAY_MS)
                }
            };
            return Ok(Test::Range {
                key,
                operator,
                from: cell(from),
                to: cell(to),
            });
        }
        let value = self.literal(kind, name, right)?;
        let ordered = !matches!(operator, Operator::Equal | Operator::NotEqual);
        if ordered && matches!(kind, Kind::Boolean | Kind::Multipicklist) {
            let message = format!("invalid operator on {} field", kind.name());
            return Err(self.fail(right.at, "INVALID_QUERY_FILTER_OPERATOR", &message));
        }
        Ok(Test::Compare { key, operator, value })
    }

    fn compare(&self, key: Route, operator: Operator, right: &Placed) -> Result<Test<Route>, ApiError> {
        let (kind, name) = (key.kind, key.name.clone());
        self.compare_as(key, kind, &name, operator, right)
    }

    fn like<K>(&self, key: K, kind: Kind, right: &Placed) -> Result<Test<K>, ApiError> {
        if !kind.is_text() || kind == Kind::Multipicklist {
            let kind = if kind.is_id() { "id" } else { kind.name() };
            let message = format!("invalid operator on {kind} field");
            return Err(self.fail(right.at, "INVALID_QUERY_FILTER_OPERATOR", &message));
        }
        match &right.literal {
            Literal::Text(text) => Ok(Test::Like {
                key,
                pattern: pattern(text),
            }),
            Literal::Null => Ok(Test::Compare {
                key,
                operator: Operator::Equal,
                value: Cell::Null,
            }),
            _ => Err(error::unexpected(self.source, right.at, "LIKE")),
        }
    }

    /// An IN list of a column of a kind.
    pub(crate) fn within<K>(
        &self,
        key: K,
        kind: Kind,
        values: &[Placed],
        negated: bool,
    ) -> Result<Test<K>, ApiError> {
        let mut members = Members::default();
        for value in values {
            members.insert(self.literal(kind, kind.name(), value)?);
        }
        Ok(Test::In {
            key,
            values: members,
            negated,
        })
    }

    fn semi_join(
        &self,
        key: Route,
        left: &Expression,
        query: &Query,
        negated: bool,
    ) -> Result<Test<Route>, ApiError> {
        let plan = self.query(query)?;
        let selected = match plan.nodes.as_slice() {
            [super::super::plan::Node::Field { slot, .. }] => Some(*slot),
            _ => None,
        };
        let table = &self.state.tables[plan.place];
        let selected = selected.filter(|&slot| table.object.fields[slot].kind.is_id() && key.kind.is_id());
        let Some(slot) = selected else {
            let message =
                "The inner and outer selects of a semi join must each name one id or reference field";
            return Err(self.fail(left.at, "MALFORMED_QUERY", message));
        };
        let mut members = Members::default();
        for row in run::rows(self.state, &plan) {
            if let Cell::Id(id) = row.cell(slot) {
                members.ids.insert(*id);
            }
        }
        Ok(Test::In {
            key,
            values: members,
            negated,
        })
    }

    fn text(&self, placed: &Placed) -> Result<String, ApiError> {
        let Literal::Text(text) = &placed.literal else {
            return Err(error::unexpected(self.source, placed.at, "INCLUDES"));
        };
        for (stand_in, letter) in [(ESCAPED_PERCENT, "%"), (ESCAPED_UNDERSCORE, "_")] {
            if text.contains(stand_in) {
                return Err(lexer::illegal(self.source, placed.at, letter));
            }
        }
        Ok(text.clone())
    }

    fn wrong_literal(&self, kind: Kind, name: &str, at: usize) -> ApiError {
        let (kind, quotes) = match kind {
            Kind::Int => ("int", "should not be enclosed in quotes"),
            Kind::Double | Kind::Currency | Kind::Percent => ("double", "should not be enclosed in quotes"),
            Kind::Boolean => ("boolean", "should not be enclosed in quotes"),
            Kind::Date => ("date", "should not be enclosed in quotes"),
            Kind::Datetime => ("dateTime", "should not be enclosed in quotes"),
            Kind::Id | Kind::Reference => ("id", "should be enclosed in quotes"),
            _ => ("string", "should be enclosed in quotes"),
        };
        let message =
            format!("value of filter criterion for field '{name}' must be of type {kind} and {quotes}");
        self.fail(at, "INVALID_FIELD", &message)
    }

    /// Types a literal for a field.
    pub(crate) fn literal(&self, kind: Kind, name: &str, placed: &Placed) -> Result<Cell, ApiError> {
        let wrong = || self.wrong_literal(kind, name, placed.at);
        Ok(match (&placed.literal, kind) {
            (Literal::Null, _) => Cell::Null,
            (Literal::Text(_), Kind::Id | Kind::Reference) => {
                let text = self.text(placed)?;
                if text.is_empty() {
                    Cell::Null
                } else {
                    Cell::Id(RecordId::parse(&text).ok_or_else(|| {
                        let message = format!("invalid ID field: {text}");
                        self.fail(placed.at, "INVALID_QUERY_FILTER_OPERATOR", &message)
                    })?)
                }
            }
            (Literal::Text(_), kind) if kind.is_text() => {
                let text = self.text(placed)?;
                if text.is_empty() {
                    Cell::Null
                } else {
                    Cell::text(&text)
                }
            }
            (Literal::Bool(value), Kind::Boolean) => Cell::Bool(*value),
            (Literal::Number(number), kind) if kind.is_number() => Cell::Number(*number),
            (Literal::Amount(number), Kind::Currency) if self.state.options.multi_currency => {
                Cell::Number(*number)
            }
            (Literal::Date(days), Kind::Date) => Cell::Date(*days),
            (Literal::DateTime(ms), Kind::Datetime) => Cell::DateTime(*ms),
            _ => return Err(wrong()),
        })
    }

    /// `ContentDocumentLink` answers only with a filter on one of its two ends.
    pub(super) fn link_restriction(&self, place: usize, query: &Query) -> Result<(), ApiError> {
        if self.state.tables[place].object.name != "ContentDocumentLink" {
            return Ok(());
        }
        let narrow = query.filter.as_ref().is_some_and(names_an_end);
        if narrow || query.from.eq_ignore_ascii_case("ContentDocumentLinks") {
            return Ok(());
        }
        Err(ApiError::plain(
            "MALFORMED_QUERY",
            "Implementation restriction: ContentDocumentLink requires a filter by a single Id on ContentDocumentId \
             or LinkedEntityId using the equals operator or multiple Id's using the IN operator.",
        ))
    }
}

fn names_an_end(condition: &Condition) -> bool {
    let is_end = |left: &Expression| {
        left.path
            .as_ref()
            .and_then(|path| path.parts.last())
            .is_some_and(|name| {
                name.eq_ignore_ascii_case("ContentDocumentId") || name.eq_ignore_ascii_case("LinkedEntityId")
            })
    };
    match condition {
        Condition::And(conditions) => conditions.iter().any(names_an_end),
        Condition::Compare {
            left,
            operator: Operator::Equal,
            ..
        }
        | Condition::In {
            left, negated: false, ..
        }
        | Condition::SemiJoin {
            left, negated: false, ..
        } => is_end(left),
        _ => false,
    }
}
