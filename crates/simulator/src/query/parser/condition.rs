//! WHERE and HAVING.

use super::super::ast::{Condition, Expression, Literal, Operator, Placed};
use super::super::lexer::Token;
use super::super::periods;
use super::Parser;
use crate::org::ApiError;

impl Parser<'_> {
    /// A filter; AND and OR do not mix without parentheses.
    pub(super) fn condition(&mut self) -> Result<Condition, ApiError> {
        self.deeper()?;
        let first = self.term()?;
        let mut terms = vec![first];
        let any = self.is_word("OR");
        let word = if any { "OR" } else { "AND" };
        while self.take_word(word) {
            terms.push(self.term()?);
        }
        if self.is_word("AND") || self.is_word("OR") {
            return Err(self.unexpected());
        }
        self.depth -= 1;
        if terms.len() > 1 {
            return Ok(if any {
                Condition::Or(terms)
            } else {
                Condition::And(terms)
            });
        }
        terms.pop().ok_or_else(|| self.unexpected())
    }

    fn term(&mut self) -> Result<Condition, ApiError> {
        if self.take_word("NOT") {
            self.deeper()?;
            let inner = self.term()?;
            self.depth -= 1;
            return Ok(Condition::Not(Box::new(inner)));
        }
        if self.take_symbol("(") {
            let inner = self.condition()?;
            self.expect_symbol(")")?;
            return Ok(inner);
        }
        let left = self.expression()?;
        self.comparison(left)
    }

    fn comparison(&mut self, left: Expression) -> Result<Condition, ApiError> {
        let negated = self.is_word("NOT");
        if negated {
            self.advance();
        }
        if self.take_word("IN") {
            return self.within(left, negated);
        }
        if negated {
            return Err(self.unexpected());
        }
        for (word, negated) in [("INCLUDES", false), ("EXCLUDES", true)] {
            if self.take_word(word) {
                let values = self.values()?;
                return Ok(Condition::Includes {
                    left,
                    values,
                    negated,
                });
            }
        }
        let operator = match self.peek() {
            Token::Symbol("=") => Operator::Equal,
            Token::Symbol("!=" | "<>") => Operator::NotEqual,
            Token::Symbol("<") => Operator::Less,
            Token::Symbol("<=") => Operator::LessOrEqual,
            Token::Symbol(">") => Operator::Greater,
            Token::Symbol(">=") => Operator::GreaterOrEqual,
            Token::Word(word) if word.eq_ignore_ascii_case("LIKE") => Operator::Like,
            _ => return Err(self.unexpected()),
        };
        self.advance();
        let right = self.literal()?;
        Ok(Condition::Compare {
            left,
            operator,
            right,
        })
    }

    fn within(&mut self, left: Expression, negated: bool) -> Result<Condition, ApiError> {
        if matches!((self.peek(), self.ahead(1)), (Token::Symbol("("), Token::Word(word)) if word.eq_ignore_ascii_case("SELECT"))
        {
            self.advance();
            self.deeper()?;
            let query = Box::new(self.query()?);
            self.depth -= 1;
            self.expect_symbol(")")?;
            return Ok(Condition::SemiJoin { left, query, negated });
        }
        let values = self.values()?;
        Ok(Condition::In {
            left,
            values,
            negated,
        })
    }

    fn values(&mut self) -> Result<Vec<Placed>, ApiError> {
        self.expect_symbol("(")?;
        let mut values = vec![self.literal()?];
        while self.take_symbol(",") {
            values.push(self.literal()?);
        }
        self.expect_symbol(")")?;
        Ok(values)
    }

    fn literal(&mut self) -> Result<Placed, ApiError> {
        let at = self.position();
        let literal = match self.peek().clone() {
            Token::Text(text) => Literal::Text(text),
            Token::Number(number) => Literal::Number(number),
            Token::Date(days) => Literal::Date(days),
            Token::DateTime(ms) => Literal::DateTime(ms),
            Token::Word(word) => match word.to_ascii_uppercase().as_str() {
                "NULL" => Literal::Null,
                "TRUE" => Literal::Bool(true),
                "FALSE" => Literal::Bool(false),
                upper => match (amount(upper), periods::takes_count(upper)) {
                    (Some(amount), _) => Literal::Amount(amount),
                    (None, Some(counted)) => return self.period(upper.to_owned(), counted, at),
                    (None, None) => return Err(self.unexpected()),
                },
            },
            Token::Symbol(_) | Token::End => return Err(self.unexpected()),
        };
        self.advance();
        Ok(Placed { literal, at })
    }

    #[expect(clippy::cast_possible_truncation, reason = "checked: whole and small")]
    fn period(&mut self, name: String, counted: bool, at: usize) -> Result<Placed, ApiError> {
        self.advance();
        let mut count = None;
        if counted {
            self.expect_symbol(":")?;
            match *self.peek() {
                Token::Number(number) if number >= 0.0 && number.fract() == 0.0 && number < 100_000.0 => {
                    count = Some(number as i64);
                }
                _ => return Err(self.unexpected()),
            }
            self.advance();
        }
        Ok(Placed {
            literal: Literal::Period { name, count },
            at,
        })
    }
}

/// The number of a currency literal such as `USD5000` or `EUR9.99`.
fn amount(word: &str) -> Option<f64> {
    let (code, digits) = word.split_at_checked(3)?;
    let shaped = code.bytes().all(|byte| byte.is_ascii_uppercase())
        && digits.starts_with(|digit: char| digit.is_ascii_digit());
    if shaped { digits.parse().ok() } else { None }
}
