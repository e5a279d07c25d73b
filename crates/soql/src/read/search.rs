//! SOSL text to a search.

use super::parser::Parser;
use super::{ReadError, characters_of};
use crate::caller_text::{Span, check_spans, literal_spans};
use crate::{Returning, Scope, Search, TERM_CHARACTERS_MIN};

/// Reads a search that a mapping built by joining strings:
/// `FIND {` + term + `} [IN … FIELDS] RETURNING Object(fields …), … [LIMIT n]`. Nothing may follow.
///
/// `caller_term` is the caller's search term, raw. Where the text begins with `FIND {` + `caller_term` + `}`, exactly
/// that is the term, whatever it holds, and it is escaped when it is written: a term of
/// `x} RETURNING User(Id)` is a strange word to search for and nothing else.
///
/// Otherwise the term ends at the first `}` without a backslash. Then backslashes of escapes are taken off and
/// unescaped quotes are left out; operators and wildcards in such a term become words, since they cannot be told
/// from the caller's. A caller's term that occurs elsewhere in the text, other than inside a literal, is refused as
/// in [`crate::check_caller_text`], with the same limits.
pub fn parse_search(text: &str, caller_term: Option<&str>) -> Result<Search, ReadError> {
    let characters = characters_of(text)?;
    let start = term_start(&characters)?;
    let caller_characters: Option<Vec<char>> = caller_term.map(|term| term.chars().collect());
    let exact_end = caller_characters.and_then(|term| exact_term_end(&characters, start, &term));
    let end = match exact_end {
        Some(end) => end,
        None => escaped_term_end(&characters, start)?,
    };
    let raw = characters.get(start..end).unwrap_or_default();
    let term = if exact_end.is_some() {
        raw.iter().collect()
    } else {
        unescaped(raw)
    };

    let parser = Parser::new(&characters, end + 1);
    // A term too short to be searched for is refused by the writer, which tells the caller so; looking for `(` or a
    // space elsewhere in the text would blame the mapping.
    let is_searched = exact_end.is_none() || term.trim().chars().count() >= TERM_CHARACTERS_MIN;
    if is_searched {
        let mut spans = vec![Span { start, end }];
        spans.extend(
            parser
                .as_ref()
                .map(|parser| literal_spans(parser.tokens()))
                .unwrap_or_default(),
        );
        let look_from = if exact_end.is_some() { end + 1 } else { 0 };
        check_spans(&characters, look_from, &spans, caller_term.as_slice())?;
    }

    let mut parser = parser?;
    let scope = if parser.accept_word("IN") {
        parser.scope()?
    } else {
        Scope::All
    };
    if !parser.accept_word("RETURNING") {
        return Err(
            parser.unexpected("RETURNING and at least one object, such as RETURNING Contact(Id, Name)")
        );
    }
    let mut returning = vec![parser.returning()?];
    while parser.accept_symbol(",") {
        returning.push(parser.returning()?);
    }
    let limit = if parser.accept_word("LIMIT") {
        Some(parser.count("a count of rows")?)
    } else {
        None
    };
    parser.end("a comma, LIMIT or the end of the search")?;
    Ok(Search {
        term,
        scope,
        returning,
        limit,
    })
}

impl Parser<'_> {
    fn scope(&mut self) -> Result<Scope, ReadError> {
        let Some(scope) = Scope::ALL.into_iter().find(|scope| self.is_word(scope.as_str())) else {
            return Err(
                self.unexpected("one of ALL FIELDS, NAME FIELDS, EMAIL FIELDS, PHONE FIELDS, SIDEBAR FIELDS")
            );
        };
        self.expect_word(scope.as_str())?;
        self.expect_word("FIELDS")?;
        Ok(scope)
    }

    fn returning(&mut self) -> Result<Returning, ReadError> {
        let object = self.identifier("the name of an object")?;
        let mut returning = Returning {
            object,
            fields: Vec::new(),
            filter: None,
            order_by: Vec::new(),
            limit: None,
            offset: None,
        };
        if self.accept_symbol("(") {
            returning.fields.push(self.field("the name of a field")?);
            while self.accept_symbol(",") {
                returning.fields.push(self.field("the name of a field")?);
            }
            let tail = self.tail()?;
            self.expect_symbol(
                ")",
                "a comma, WHERE, ORDER BY, LIMIT, OFFSET (in this order) or `)`",
            )?;
            returning = Returning {
                filter: tail.filter,
                order_by: tail.order_by,
                limit: tail.limit,
                offset: tail.offset,
                ..returning
            };
        }
        Ok(returning)
    }
}

/// The index after `FIND {`.
fn term_start(characters: &[char]) -> Result<usize, ReadError> {
    let skip_spaces = |from: usize| {
        from + characters
            .iter()
            .skip(from)
            .take_while(|character| character.is_ascii_whitespace())
            .count()
    };
    let find = skip_spaces(0);
    let brace = skip_spaces(find + 4);
    let begins_with_find = characters.get(find..find + 4).is_some_and(|word| {
        word.iter()
            .zip("FIND".chars())
            .all(|(found, expected)| found.eq_ignore_ascii_case(&expected))
    });
    if begins_with_find && characters.get(brace) == Some(&'{') {
        return Ok(brace + 1);
    }
    let position = if begins_with_find { brace + 1 } else { find + 1 };
    let found = if position > characters.len() {
        "the end of the text"
    } else {
        "something else"
    };
    Err(ReadError::Unexpected {
        position,
        found: found.to_owned(),
        expected: "a search term in braces: FIND {words} RETURNING Object(fields)".to_owned(),
    })
}

/// Where the caller's own term ends, if it is what stands here.
fn exact_term_end(characters: &[char], start: usize, term: &[char]) -> Option<usize> {
    let end = start + term.len();
    (characters.get(start..end)? == term && characters.get(end) == Some(&'}')).then_some(end)
}

fn escaped_term_end(characters: &[char], start: usize) -> Result<usize, ReadError> {
    let mut escaped = false;
    for (index, character) in characters.iter().enumerate().skip(start) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '}' => return Ok(index),
            _ => {}
        }
    }
    Err(ReadError::UnclosedTerm { position: start })
}

/// The words of a term that somebody escaped. Quotes only hold words together (and make words of operators), so
/// they are left out.
fn unescaped(raw: &[char]) -> String {
    let mut escaped = false;
    let mut term = String::with_capacity(raw.len());
    for &character in raw {
        match character {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => {}
            _ => {
                term.push(character);
                escaped = false;
            }
        }
    }
    term
}
