//! SOQL text to [`Query`], with Salesforce's own complaints.

mod condition;

use super::ast::{Expression, Item, Order, Path, Query};
use super::error;
use super::lexer::{Spanned, Token, tokens};
use crate::org::ApiError;

/// Words that end a name list: they cannot be an alias.
const RESERVED: [&str; 17] = [
    "SELECT", "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "USING", "FOR", "WITH", "AND",
    "OR", "NOT", "IN", "LIKE", "ALL",
];
/// Longest statement Salesforce reads.
const LONGEST_CHARACTERS: usize = 100_000;

/// Reads tokens of one statement.
pub(crate) struct Parser<'a> {
    pub(crate) source: &'a str,
    tokens: Vec<Spanned>,
    next: usize,
    depth: usize,
}

/// Parses a whole statement.
pub(crate) fn parse(source: &str) -> Result<Query, ApiError> {
    if source.chars().count() > LONGEST_CHARACTERS {
        return Err(ApiError::plain(
            "MALFORMED_QUERY",
            "SOQL statements cannot be longer than 100000 characters.",
        ));
    }
    if source.trim().is_empty() {
        return Err(ApiError::plain(
            "MALFORMED_QUERY",
            "A query string has to be specified",
        ));
    }
    let mut parser = Parser::new(source)?;
    let query = parser.query()?;
    match parser.peek() {
        Token::End => Ok(query),
        _ => Err(parser.unexpected()),
    }
}

impl<'a> Parser<'a> {
    pub(crate) fn new(source: &'a str) -> Result<Self, ApiError> {
        Ok(Self {
            source,
            tokens: tokens(source)?,
            next: 0,
            depth: 0,
        })
    }

    pub(crate) fn peek(&self) -> &Token {
        &self.tokens[self.next.min(self.tokens.len() - 1)].token
    }

    fn ahead(&self, count: usize) -> &Token {
        &self.tokens[(self.next + count).min(self.tokens.len() - 1)].token
    }

    pub(crate) fn position(&self) -> usize {
        self.tokens[self.next.min(self.tokens.len() - 1)].start
    }

    pub(crate) fn advance(&mut self) {
        self.next += 1;
    }

    /// The complaint about the token at hand.
    pub(crate) fn unexpected(&self) -> ApiError {
        let spanned = &self.tokens[self.next.min(self.tokens.len() - 1)];
        let text = match spanned.token {
            Token::End => "<EOF>",
            _ => &self.source[spanned.start..spanned.end],
        };
        if matches!(spanned.token, Token::Symbol(":")) {
            let message = "Bind variables only allowed in Apex code";
            return error::at(self.source, spanned.start, "MALFORMED_QUERY", message);
        }
        error::unexpected(self.source, spanned.start, text.trim_matches('\''))
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(own) if own.eq_ignore_ascii_case(word))
    }

    /// Takes a keyword when it is next.
    pub(crate) fn take_word(&mut self, word: &str) -> bool {
        let taken = self.is_word(word);
        self.next += usize::from(taken);
        taken
    }

    pub(crate) fn expect_word(&mut self, word: &str) -> Result<(), ApiError> {
        if self.take_word(word) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    pub(crate) fn take_symbol(&mut self, symbol: &str) -> bool {
        let taken = matches!(self.peek(), Token::Symbol(own) if *own == symbol);
        self.next += usize::from(taken);
        taken
    }

    pub(crate) fn expect_symbol(&mut self, symbol: &str) -> Result<(), ApiError> {
        if self.take_symbol(symbol) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    /// A name that is not a keyword.
    pub(crate) fn name(&mut self) -> Result<String, ApiError> {
        match self.peek() {
            Token::Word(word)
                if !RESERVED
                    .iter()
                    .any(|reserved| word.eq_ignore_ascii_case(reserved)) =>
            {
                let word = word.clone();
                self.advance();
                Ok(word)
            }
            _ => Err(self.unexpected()),
        }
    }

    pub(crate) fn path(&mut self) -> Result<Path, ApiError> {
        let at = self.position();
        let mut parts = vec![self.name()?];
        while self.take_symbol(".") {
            match self.peek() {
                Token::Word(word) => parts.push(word.clone()),
                _ => return Err(self.unexpected()),
            }
            self.advance();
        }
        Ok(Path { parts, at })
    }

    /// A field or `FUNCTION(field)`.
    pub(crate) fn expression(&mut self) -> Result<Expression, ApiError> {
        let at = self.position();
        if let (Token::Word(word), Token::Symbol("(")) = (self.peek(), self.ahead(1)) {
            let function = Some(word.to_ascii_uppercase());
            self.advance();
            self.advance();
            if self.take_symbol(")") {
                return Ok(Expression {
                    function,
                    path: None,
                    at,
                });
            }
            let path = Some(if self.is_word("ALL") {
                self.everything()
            } else {
                self.path()?
            });
            self.expect_symbol(")")?;
            return Ok(Expression { function, path, at });
        }
        Ok(Expression {
            function: None,
            path: Some(self.path()?),
            at,
        })
    }

    /// The `ALL` of `FIELDS(ALL)`, a keyword everywhere else.
    fn everything(&mut self) -> Path {
        let at = self.position();
        self.advance();
        Path {
            parts: vec!["ALL".to_owned()],
            at,
        }
    }

    fn query(&mut self) -> Result<Query, ApiError> {
        self.expect_word("SELECT")?;
        let mut items = vec![self.item()?];
        while self.take_symbol(",") {
            items.push(self.item()?);
        }
        self.expect_word("FROM")?;
        let from_at = self.position();
        let mut from = self.name()?;
        while self.take_symbol(".") {
            from = format!("{from}.{}", self.name()?);
        }
        let mut query = Query {
            items,
            from,
            from_at,
            ..Query::default()
        };
        if let Token::Word(word) = self.peek()
            && !RESERVED
                .iter()
                .any(|reserved| word.eq_ignore_ascii_case(reserved))
        {
            query.alias = Some(self.name()?);
        }
        self.clauses(&mut query)?;
        Ok(query)
    }

    /// Everything after the object: shared by SOQL and the RETURNING list of SOSL.
    pub(crate) fn clauses(&mut self, query: &mut Query) -> Result<(), ApiError> {
        if self.take_word("USING") {
            self.expect_word("SCOPE")?;
            let at = self.position();
            query.scope = Some((self.name()?, at));
        }
        if self.take_word("WHERE") {
            query.filter = Some(self.condition()?);
        }
        if self.take_word("GROUP") {
            self.expect_word("BY")?;
            query.group.push(self.expression()?);
            while self.take_symbol(",") {
                query.group.push(self.expression()?);
            }
            if self.take_word("HAVING") {
                query.having = Some(self.condition()?);
            }
        }
        if self.take_word("ORDER") {
            self.expect_word("BY")?;
            query.order.push(self.order()?);
            while self.take_symbol(",") {
                query.order.push(self.order()?);
            }
        }
        if self.take_word("LIMIT") {
            query.limit = Some(self.count()?);
        }
        if self.is_word("OFFSET") {
            let at = self.position();
            self.advance();
            query.offset = Some((self.count()?, at));
        }
        self.endings()
    }

    /// `FOR VIEW`, `FOR REFERENCE` (accepted, nothing to do), `ALL ROWS` (Apex only).
    fn endings(&mut self) -> Result<(), ApiError> {
        while self.take_word("FOR") {
            if !(self.take_word("VIEW") || self.take_word("REFERENCE")) {
                return Err(self.unexpected());
            }
        }
        if self.is_word("ALL")
            && matches!(self.ahead(1), Token::Word(word) if word.eq_ignore_ascii_case("ROWS"))
        {
            return Err(error::at(
                self.source,
                self.position(),
                "MALFORMED_QUERY",
                "ALL ROWS not allowed in this context",
            ));
        }
        Ok(())
    }

    fn order(&mut self) -> Result<Order, ApiError> {
        let expression = self.expression()?;
        let descending = !self.take_word("ASC") && self.take_word("DESC");
        let mut nulls_last = false;
        if self.take_word("NULLS") {
            nulls_last = self.take_word("LAST");
            if !nulls_last {
                self.expect_word("FIRST")?;
            }
        }
        Ok(Order {
            expression,
            descending,
            nulls_last,
        })
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked: whole, not negative, small"
    )]
    fn count(&mut self) -> Result<usize, ApiError> {
        match *self.peek() {
            Token::Number(number) if number >= 0.0 && number.fract() == 0.0 && number < 2_147_483_648.0 => {
                self.advance();
                Ok(number as usize)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn item(&mut self) -> Result<Item, ApiError> {
        if self.take_symbol("(") {
            self.deeper()?;
            let query = self.query()?;
            self.depth -= 1;
            self.expect_symbol(")")?;
            return Ok(Item::Child(Box::new(query)));
        }
        let followed = matches!(self.ahead(1), Token::Word(word) if !word.eq_ignore_ascii_case("FROM"));
        if self.is_word("TYPEOF") && followed {
            self.advance();
            return self.type_of();
        }
        let expression = self.expression()?;
        let alias = match self.peek() {
            Token::Word(word)
                if !RESERVED
                    .iter()
                    .any(|reserved| word.eq_ignore_ascii_case(reserved)) =>
            {
                Some(self.name()?)
            }
            _ => None,
        };
        Ok(Item::Expression { expression, alias })
    }

    fn type_of(&mut self) -> Result<Item, ApiError> {
        let relationship = self.path()?;
        let mut whens = Vec::new();
        while self.take_word("WHEN") {
            let object = self.path()?;
            self.expect_word("THEN")?;
            whens.push((object, self.paths()?));
        }
        if whens.is_empty() {
            return Err(self.unexpected());
        }
        let otherwise = if self.take_word("ELSE") {
            self.paths()?
        } else {
            Vec::new()
        };
        self.expect_word("END")?;
        Ok(Item::TypeOf {
            relationship,
            whens,
            otherwise,
        })
    }

    fn paths(&mut self) -> Result<Vec<Path>, ApiError> {
        let mut paths = vec![self.path()?];
        while self.take_symbol(",") {
            paths.push(self.path()?);
        }
        Ok(paths)
    }

    /// Guards the stack against hostile nesting.
    fn deeper(&mut self) -> Result<(), ApiError> {
        self.depth += 1;
        if self.depth > 200 {
            return Err(ApiError::plain(
                "QUERY_TOO_COMPLICATED",
                "Query is either selecting too many fields or the filter conditions are too complicated.",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
