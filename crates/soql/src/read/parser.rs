//! Tokens to values.

mod condition;
mod query;
mod value;

use super::lexer::{Kind, Token, tokens};
use super::{DEPTH_MAX, ReadError, characters_of};
use crate::{Condition, FieldPath, Identifier, Order, Query};

/// Reads what may follow `WHERE`; the word itself may be there or not. Nothing may follow the condition.
///
/// Everything that [`Condition`] can say is understood. Functions of fields, bind variables and currency literals
/// (`USD5000`) are not.
pub fn parse_condition(text: &str) -> Result<Condition, ReadError> {
    let characters = characters_of(text)?;
    let mut parser = Parser::new(&characters, 0)?;
    parser.accept_word("WHERE");
    let condition = parser.condition()?;
    parser.end("AND, OR or the end of the condition")?;
    Ok(condition)
}

/// Reads what may follow `ORDER BY`; the words themselves may be there or not. Nothing may follow.
pub fn parse_order_by(text: &str) -> Result<Vec<Order>, ReadError> {
    let characters = characters_of(text)?;
    let mut parser = Parser::new(&characters, 0)?;
    // An object's field may be called Order, so the word alone says nothing.
    if parser.is_word("ORDER") && parser.is_word_at(1, "BY") {
        parser.skip(2);
    }
    let orders = parser.order_list()?;
    parser.end("ASC, DESC, NULLS FIRST, NULLS LAST, a comma or the end of the order")?;
    Ok(orders)
}

/// Reads a whole `SELECT … FROM … [WHERE …] [ORDER BY …] [LIMIT n] [OFFSET n]`. Nothing may follow.
///
/// The select list holds fields, `COUNT()`, functions of one field with or without an alias, and child queries.
/// `TYPEOF`, `FIELDS()`, `GROUP BY`, `HAVING`, `USING SCOPE`, `WITH` and `FOR` are not understood.
pub fn parse_query(text: &str) -> Result<Query, ReadError> {
    let characters = characters_of(text)?;
    let mut parser = Parser::new(&characters, 0)?;
    let query = parser.query()?;
    parser.end("WHERE, ORDER BY, LIMIT, OFFSET (in this order) or the end of the query")?;
    Ok(query)
}

/// Words that errors may show: they belong to the language. Any other word could be a value of the caller.
const LANGUAGE: &[&str] = &[
    "ALL",
    "AND",
    "ASC",
    "BY",
    "DESC",
    "EXCLUDES",
    "FALSE",
    "FIELDS",
    "FIND",
    "FOR",
    "FROM",
    "GROUP",
    "HAVING",
    "IN",
    "INCLUDES",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "NULLS",
    "OFFSET",
    "OR",
    "ORDER",
    "RETURNING",
    "SCOPE",
    "SELECT",
    "TRUE",
    "TYPEOF",
    "UPDATE",
    "USING",
    "WHERE",
    "WITH",
];

pub(super) struct Parser<'a> {
    characters: &'a [char],
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(characters: &'a [char], start: usize) -> Result<Self, ReadError> {
        Ok(Self {
            characters,
            tokens: tokens(characters, start)?,
            next: 0,
            depth: 0,
        })
    }

    pub(super) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    fn token_at(&self, ahead: usize) -> Token {
        let end = Token {
            kind: Kind::End,
            start: self.characters.len(),
            end: self.characters.len(),
        };
        self.tokens.get(self.next + ahead).copied().unwrap_or(end)
    }

    fn token(&self) -> Token {
        self.token_at(0)
    }

    fn skip(&mut self, count: usize) {
        self.next += count;
    }

    fn characters_of(&self, token: Token) -> &'a [char] {
        self.characters.get(token.start..token.end).unwrap_or_default()
    }

    fn text_of(&self, token: Token) -> String {
        self.characters_of(token).iter().collect()
    }

    fn is_word_at(&self, ahead: usize, word: &str) -> bool {
        let token = self.token_at(ahead);
        token.kind == Kind::Word && equal_words(self.characters_of(token), word)
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        self.is_word_at(0, word)
    }

    pub(super) fn accept_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.next += usize::from(found);
        found
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Result<(), ReadError> {
        if self.accept_word(word) {
            Ok(())
        } else {
            Err(self.unexpected(word))
        }
    }

    pub(super) fn accept_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.token().kind, Kind::Symbol(found) if found == symbol);
        self.next += usize::from(found);
        found
    }

    pub(super) fn expect_symbol(&mut self, symbol: &str, expected: &str) -> Result<(), ReadError> {
        if self.accept_symbol(symbol) {
            Ok(())
        } else {
            Err(self.unexpected(expected))
        }
    }

    pub(super) fn end(&self, expected: &str) -> Result<(), ReadError> {
        if self.token().kind == Kind::End {
            Ok(())
        } else {
            Err(self.unexpected(expected))
        }
    }

    pub(super) fn unexpected(&self, expected: &str) -> ReadError {
        let token = self.token();
        let found = match token.kind {
            Kind::Word => {
                let shown = LANGUAGE
                    .iter()
                    .find(|word| equal_words(self.characters_of(token), word));
                shown.map_or("a name".to_owned(), |word| format!("the word {word}"))
            }
            Kind::Number => "a number or date".to_owned(),
            Kind::Text => "a text in quotes".to_owned(),
            Kind::Symbol(symbol) => format!("`{symbol}`"),
            Kind::End => "the end of the text".to_owned(),
        };
        ReadError::Unexpected {
            position: token.start + 1,
            found,
            expected: expected.to_owned(),
        }
    }

    /// One level further in. Levels are counted, not measured in stack, so that the limit is the same everywhere.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, ReadError>) -> Result<T, ReadError> {
        if self.depth >= DEPTH_MAX {
            return Err(ReadError::TooDeep {
                position: self.token().start + 1,
            });
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    pub(super) fn identifier(&mut self, expected: &str) -> Result<Identifier, ReadError> {
        let token = self.token();
        if token.kind != Kind::Word {
            return Err(self.unexpected(expected));
        }
        let name = Identifier::parse(&self.text_of(token));
        let name = name.map_err(|reason| ReadError::Name {
            position: token.start + 1,
            reason,
        })?;
        self.skip(1);
        Ok(name)
    }

    pub(super) fn field(&mut self, expected: &str) -> Result<FieldPath, ReadError> {
        let token = self.token();
        if token.kind != Kind::Word {
            return Err(self.unexpected(expected));
        }
        let path = FieldPath::parse(&self.text_of(token));
        let path = path.map_err(|reason| ReadError::Name {
            position: token.start + 1,
            reason,
        })?;
        self.skip(1);
        Ok(path)
    }
}

fn equal_words(characters: &[char], word: &str) -> bool {
    characters.len() == word.len()
        && characters
            .iter()
            .zip(word.chars())
            .all(|(a, b)| a.eq_ignore_ascii_case(&b))
}
