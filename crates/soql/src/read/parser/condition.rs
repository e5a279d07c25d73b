//! Conditions.

use super::Parser;
use crate::read::ReadError;
use crate::read::lexer::Kind;
use crate::{Comparison, Condition, FieldPath};

impl Parser<'_> {
    /// Conditions joined by AND, or joined by OR; the language does not allow both without parentheses.
    pub(in crate::read) fn condition(&mut self) -> Result<Condition, ReadError> {
        let first = self.single()?;
        let (joiner, other) = if self.is_word("AND") {
            ("AND", "OR")
        } else if self.is_word("OR") {
            ("OR", "AND")
        } else {
            return Ok(first);
        };
        let mut conditions = vec![first];
        while self.accept_word(joiner) {
            conditions.push(self.single()?);
        }
        if self.is_word(other) {
            return Err(ReadError::AndBesideOr {
                position: self.token().start + 1,
            });
        }
        Ok(if joiner == "AND" {
            Condition::And(conditions)
        } else {
            Condition::Or(conditions)
        })
    }

    fn single(&mut self) -> Result<Condition, ReadError> {
        if self.accept_word("NOT") {
            return self.deeper(|parser| Ok(Condition::Not(Box::new(parser.single()?))));
        }
        if self.accept_symbol("(") {
            let condition = self.deeper(Self::condition)?;
            self.expect_symbol(")", "AND, OR or `)`")?;
            return Ok(condition);
        }
        let field = self.field("a condition such as Email = 'a@b.c'")?;
        self.after_field(field)
    }

    fn after_field(&mut self, field: FieldPath) -> Result<Condition, ReadError> {
        if let Kind::Symbol(symbol) = self.token().kind
            && let Some(comparison) = comparison_of(symbol)
        {
            self.skip(1);
            return Ok(Condition::Compare {
                field,
                comparison,
                value: self.literal()?,
            });
        }
        if self.accept_word("LIKE") {
            return Ok(Condition::Like {
                field,
                pattern: self.pattern()?,
            });
        }
        if self.accept_word("INCLUDES") {
            return self.includes(field, false);
        }
        if self.accept_word("EXCLUDES") {
            return self.includes(field, true);
        }
        let negated = self.is_word("NOT") && self.is_word_at(1, "IN");
        self.skip(usize::from(negated));
        if self.accept_word("IN") {
            return self.inside(field, negated);
        }
        if self.is_word("NOT") && self.is_word_at(1, "LIKE") {
            return Err(self.unexpected("NOT in front of the field: (NOT Name LIKE 'a%')"));
        }
        Err(self.unexpected("one of = != < <= > >= LIKE IN NOT IN INCLUDES EXCLUDES"))
    }

    fn inside(&mut self, field: FieldPath, negated: bool) -> Result<Condition, ReadError> {
        self.expect_symbol("(", "`(` and a list of values or a query")?;
        if self.accept_word("SELECT") {
            return self.deeper(|parser| parser.semi_join(field, negated));
        }
        let mut values = vec![self.literal()?];
        while self.accept_symbol(",") {
            values.push(self.literal()?);
        }
        self.expect_symbol(")", "a comma or `)`")?;
        Ok(Condition::In {
            field,
            negated,
            values,
        })
    }

    fn semi_join(&mut self, field: FieldPath, negated: bool) -> Result<Condition, ReadError> {
        let select = self.field("the one field that the inner query selects")?;
        self.expect_word("FROM")?;
        let from = self.identifier("the name of an object")?;
        let filter = if self.accept_word("WHERE") {
            Some(Box::new(self.condition()?))
        } else {
            None
        };
        self.expect_symbol(
            ")",
            if filter.is_some() {
                "AND, OR or `)`"
            } else {
                "WHERE or `)`"
            },
        )?;
        Ok(Condition::SemiJoin {
            field,
            negated,
            select,
            from,
            filter,
        })
    }

    fn includes(&mut self, field: FieldPath, negated: bool) -> Result<Condition, ReadError> {
        self.expect_symbol("(", "`(` and a list of texts in quotes")?;
        let mut sets = Vec::new();
        loop {
            let values = self.quoted()?;
            sets.push(values.split(';').map(str::to_owned).collect());
            if !self.accept_symbol(",") {
                break;
            }
        }
        self.expect_symbol(")", "a comma or `)`")?;
        Ok(Condition::Includes { field, negated, sets })
    }
}

fn comparison_of(symbol: &str) -> Option<Comparison> {
    // `<>` is the older spelling of `!=`.
    let symbol = if symbol == "<>" { "!=" } else { symbol };
    Comparison::ALL
        .into_iter()
        .find(|comparison| comparison.as_str() == symbol)
}
