//! Queries, orders and what a query ends with.

use super::Parser;
use crate::read::ReadError;
use crate::read::lexer::Kind;
use crate::{Condition, Direction, Function, Nulls, Order, Query, SelectItem};

/// What a query, or one object of a search, ends with.
pub(in crate::read) struct Tail {
    pub(in crate::read) filter: Option<Condition>,
    pub(in crate::read) order_by: Vec<Order>,
    pub(in crate::read) limit: Option<u32>,
    pub(in crate::read) offset: Option<u32>,
}

impl Parser<'_> {
    pub(super) fn query(&mut self) -> Result<Query, ReadError> {
        self.expect_word("SELECT")?;
        let mut select = vec![self.select_item()?];
        while self.accept_symbol(",") {
            select.push(self.select_item()?);
        }
        if !self.accept_word("FROM") {
            return Err(self.unexpected("a comma or FROM"));
        }
        let from = self.identifier("the name of an object")?;
        let Tail {
            filter,
            order_by,
            limit,
            offset,
        } = self.tail()?;
        Ok(Query {
            select,
            from,
            filter,
            order_by,
            limit,
            offset,
        })
    }

    pub(in crate::read) fn tail(&mut self) -> Result<Tail, ReadError> {
        let filter = if self.accept_word("WHERE") {
            Some(self.condition()?)
        } else {
            None
        };
        let order_by = if self.accept_word("ORDER") {
            self.expect_word("BY")?;
            self.order_list()?
        } else {
            Vec::new()
        };
        let limit = if self.accept_word("LIMIT") {
            Some(self.count("a count of rows")?)
        } else {
            None
        };
        let offset = if self.accept_word("OFFSET") {
            Some(self.count("a count of rows")?)
        } else {
            None
        };
        Ok(Tail {
            filter,
            order_by,
            limit,
            offset,
        })
    }

    pub(super) fn order_list(&mut self) -> Result<Vec<Order>, ReadError> {
        let mut orders = vec![self.order()?];
        while self.accept_symbol(",") {
            orders.push(self.order()?);
        }
        Ok(orders)
    }

    fn order(&mut self) -> Result<Order, ReadError> {
        let field = self.field("the name of a field to order by")?;
        let direction = if self.accept_word("DESC") {
            Direction::Descending
        } else {
            self.accept_word("ASC");
            Direction::Ascending
        };
        let nulls = if !self.accept_word("NULLS") || self.accept_word("FIRST") {
            Nulls::First
        } else {
            self.expect_word("LAST")
                .map_err(|_| self.unexpected("FIRST or LAST"))?;
            Nulls::Last
        };
        Ok(Order {
            field,
            direction,
            nulls,
        })
    }

    fn select_item(&mut self) -> Result<SelectItem, ReadError> {
        if self.accept_symbol("(") {
            let query = self.deeper(Self::query)?;
            self.expect_symbol(")", "WHERE, ORDER BY, LIMIT, OFFSET (in this order) or `)`")?;
            return Ok(SelectItem::Child {
                relationship: query.from.clone(),
                query: Box::new(query),
            });
        }
        if !matches!(self.token_at(1).kind, Kind::Symbol("(")) {
            return Ok(SelectItem::Field(
                self.field("the name of a field, a function of one, or `(SELECT …)`")?,
            ));
        }
        let name = Function::named(&self.text_of(self.token())).ok_or_else(|| self.unknown_function())?;
        self.skip(2);
        if name == Function::Count && self.accept_symbol(")") {
            return Ok(SelectItem::Count);
        }
        let field = self.field("the name of a field")?;
        self.expect_symbol(")", "`)`")?;
        let has_alias = self.token().kind == Kind::Word && !self.is_word("FROM");
        let alias = if has_alias {
            Some(self.identifier("a name for the result")?)
        } else {
            None
        };
        Ok(SelectItem::Function { name, field, alias })
    }

    fn unknown_function(&self) -> ReadError {
        let names: Vec<&str> = Function::ALL.into_iter().map(Function::as_str).collect();
        self.unexpected(&format!("a field or one of the functions {}", names.join(" ")))
    }
}
