//! Queries to text.

use std::collections::{HashMap, HashSet};

use super::{WriteError, Writer};
use crate::{
    CHILD_DEPTH_MAX, Condition, Direction, FieldPath, Identifier, Nulls, OFFSET_MAX, Order, Query, SelectItem,
};

impl Query {
    /// Writes the query as SOQL.
    ///
    /// Names are compared as the provider does, without regard to case, and what is selected twice is written once,
    /// since the provider refuses `duplicate field selected`.
    pub fn to_soql(&self) -> Result<String, WriteError> {
        let mut writer = Writer::default();
        writer.query(self, &self.from, 0)?;
        Ok(writer.text)
    }
}

impl Writer {
    fn query(&mut self, query: &Query, from: &Identifier, depth: usize) -> Result<(), WriteError> {
        if depth > CHILD_DEPTH_MAX {
            return Err(WriteError::ChildrenTooDeep);
        }
        self.push("SELECT ")?;
        self.select_list(&query.select, from, depth)?;
        self.push(" FROM ")?;
        self.push(from.as_str())?;
        self.tail(query.filter.as_ref(), &query.order_by, query.limit, query.offset)
    }

    /// ` WHERE … ORDER BY … LIMIT … OFFSET …`: what SOQL and the parts of a SOSL `RETURNING` end with.
    pub(super) fn tail(
        &mut self,
        filter: Option<&Condition>,
        order_by: &[Order],
        limit: Option<u32>,
        offset: Option<u32>,
    ) -> Result<(), WriteError> {
        self.filter(filter)?;
        for (index, order) in order_by.iter().enumerate() {
            self.push(if index == 0 { " ORDER BY " } else { ", " })?;
            self.order(order)?;
        }
        self.limit(limit)?;
        match offset {
            None => Ok(()),
            Some(offset) if offset > OFFSET_MAX => Err(WriteError::OffsetTooLarge { offset }),
            Some(offset) => self.push(&format!(" OFFSET {offset}")),
        }
    }

    pub(super) fn limit(&mut self, limit: Option<u32>) -> Result<(), WriteError> {
        limit.map_or(Ok(()), |limit| self.push(&format!(" LIMIT {limit}")))
    }

    /// The provider's defaults are left out: statements travel in a URL of limited length.
    fn order(&mut self, order: &Order) -> Result<(), WriteError> {
        self.push(order.field.as_str())?;
        self.push(match order.direction {
            Direction::Ascending => "",
            Direction::Descending => " DESC",
        })?;
        self.push(match order.nulls {
            Nulls::First => "",
            Nulls::Last => " NULLS LAST",
        })
    }

    fn select_list(
        &mut self,
        select: &[SelectItem],
        from: &Identifier,
        depth: usize,
    ) -> Result<(), WriteError> {
        if select.is_empty() {
            return Err(WriteError::NothingSelected {
                object: from.to_string(),
            });
        }
        let mut written = HashSet::new();
        let mut children: HashMap<String, &Query> = HashMap::new();
        for item in select {
            let is_first = written.is_empty() && children.is_empty();
            let separator = if is_first { "" } else { ", " };
            let text = match item {
                SelectItem::Child { relationship, query } => {
                    match children.insert(relationship.as_str().to_ascii_lowercase(), query) {
                        None => {
                            self.push(separator)?;
                            self.push("(")?;
                            self.query(query, relationship, depth + 1)?;
                            self.push(")")?;
                        }
                        Some(earlier) if *earlier == **query => {}
                        Some(_) => {
                            return Err(WriteError::RelationshipTwice {
                                relationship: relationship.to_string(),
                            });
                        }
                    }
                    continue;
                }
                SelectItem::Field(field) => field.to_string(),
                SelectItem::Count => "COUNT()".to_owned(),
                SelectItem::Function {
                    name,
                    field,
                    alias: None,
                } => format!("{}({field})", name.as_str()),
                SelectItem::Function {
                    name,
                    field,
                    alias: Some(alias),
                } => {
                    format!("{}({field}) {alias}", name.as_str())
                }
            };
            if written.insert(text.to_ascii_lowercase()) {
                self.push(separator)?;
                self.push(&text)?;
            }
        }
        if select.contains(&SelectItem::Count) && written.len() + children.len() > 1 {
            return Err(WriteError::CountNotAlone {
                object: from.to_string(),
            });
        }
        Ok(())
    }

    /// The fields of a SOSL `RETURNING`, each written once.
    pub(super) fn field_list(&mut self, fields: &[FieldPath]) -> Result<(), WriteError> {
        let mut written = HashSet::new();
        for field in fields {
            if written.insert(field.as_str().to_ascii_lowercase()) {
                self.push(if written.len() == 1 { "" } else { ", " })?;
                self.push(field.as_str())?;
            }
        }
        if fields.is_empty() {
            self.push("Id")
        } else {
            Ok(())
        }
    }
}
