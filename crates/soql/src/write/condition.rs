//! Conditions to text.

use super::{WriteError, Writer};
use crate::{CONDITION_DEPTH_MAX, Condition, FieldPath, Literal};

/// What matches no row and every row of any object.
const NO_ROW: &str = "Id = null";
const EVERY_ROW: &str = "Id != null";

impl Writer {
    /// ` WHERE …`, or nothing where every row is asked for.
    pub(super) fn filter(&mut self, filter: Option<&Condition>) -> Result<(), WriteError> {
        self.filter_at(filter, 0)
    }

    fn filter_at(&mut self, filter: Option<&Condition>, depth: usize) -> Result<(), WriteError> {
        match filter {
            None => Ok(()),
            Some(Condition::And(conditions)) if conditions.is_empty() => Ok(()),
            Some(condition) => {
                self.push(" WHERE ")?;
                self.condition(condition, depth, false)
            }
        }
    }

    /// `grouped`: stands beside others, so that AND and OR inside it need parentheses of their own. The provider
    /// refuses AND beside OR, and nobody should have to know which of them binds more tightly.
    fn condition(&mut self, condition: &Condition, depth: usize, grouped: bool) -> Result<(), WriteError> {
        if depth > CONDITION_DEPTH_MAX {
            return Err(WriteError::ConditionTooDeep);
        }
        match condition {
            Condition::Compare {
                field,
                comparison,
                value,
            } => {
                self.push(field.as_str())?;
                self.push(" ")?;
                self.push(comparison.as_str())?;
                self.push(" ")?;
                self.literal(field.as_str(), value)
            }
            Condition::Like { field, pattern } => {
                self.push(field.as_str())?;
                self.push(" LIKE ")?;
                self.pattern(field.as_str(), pattern)
            }
            Condition::In {
                field,
                negated,
                values,
            } => self.in_list(field, *negated, values),
            Condition::Includes { field, negated, sets } => self.includes(field, *negated, sets),
            Condition::And(conditions) => self.group(" AND ", EVERY_ROW, conditions, depth, grouped),
            Condition::Or(conditions) => self.group(" OR ", NO_ROW, conditions, depth, grouped),
            Condition::Not(inner) => {
                self.push("(NOT ")?;
                self.condition(inner, depth + 1, true)?;
                self.push(")")
            }
            Condition::Never => self.push(NO_ROW),
            Condition::SemiJoin {
                field,
                negated,
                select,
                from,
                filter,
            } => {
                self.push(field.as_str())?;
                self.push(if *negated {
                    " NOT IN (SELECT "
                } else {
                    " IN (SELECT "
                })?;
                self.push(select.as_str())?;
                self.push(" FROM ")?;
                self.push(from.as_str())?;
                self.filter_at(filter.as_deref(), depth + 1)?;
                self.push(")")
            }
        }
    }

    fn group(
        &mut self,
        word: &str,
        without_any: &str,
        conditions: &[Condition],
        depth: usize,
        grouped: bool,
    ) -> Result<(), WriteError> {
        match conditions {
            [] => self.push(without_any),
            [only] => self.condition(only, depth + 1, grouped),
            several => {
                self.push(if grouped { "(" } else { "" })?;
                for (index, condition) in several.iter().enumerate() {
                    self.push(if index == 0 { "" } else { word })?;
                    self.condition(condition, depth + 1, true)?;
                }
                self.push(if grouped { ")" } else { "" })
            }
        }
    }

    fn in_list(&mut self, field: &FieldPath, negated: bool, values: &[Literal]) -> Result<(), WriteError> {
        if values.is_empty() {
            return self.push(if negated { EVERY_ROW } else { NO_ROW });
        }
        self.push(field.as_str())?;
        self.push(if negated { " NOT IN (" } else { " IN (" })?;
        for (index, value) in values.iter().enumerate() {
            self.push(if index == 0 { "" } else { ", " })?;
            self.literal(field.as_str(), value)?;
        }
        self.push(")")
    }

    fn includes(&mut self, field: &FieldPath, negated: bool, sets: &[Vec<String>]) -> Result<(), WriteError> {
        if sets.is_empty() {
            return self.push(if negated { EVERY_ROW } else { NO_ROW });
        }
        self.push(field.as_str())?;
        self.push(if negated { " EXCLUDES (" } else { " INCLUDES (" })?;
        for (index, set) in sets.iter().enumerate() {
            if set.is_empty() || set.iter().any(|value| value.contains(';')) {
                return Err(WriteError::PicklistSet {
                    field: field.to_string(),
                });
            }
            self.push(if index == 0 { "" } else { ", " })?;
            self.quoted(field.as_str(), &set.join(";"))?;
        }
        self.push(")")
    }
}
