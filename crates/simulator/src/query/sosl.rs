//! SOSL: `FIND {term} IN … RETURNING …` and the parameterized form.

mod term;

use serde_json::Value;

use self::term::Term;
use super::ast::{Expression, Item, Path, Query};
use super::lexer::Token;
use super::output;
use super::parser::Parser;
use super::resolve::Resolver;
use super::run;
use crate::org::schema::Kind;
use crate::org::state::{Row, State, Table};
use crate::org::{ApiError, Caller};

/// Longest SOSL statement.
const LONGEST_CHARACTERS: usize = 100_000;
/// Rows of all objects together.
const MOST_ROWS: usize = 2_000;
/// Objects searched when RETURNING names none.
const EVERYWHERE: [&str; 5] = ["Account", "Contact", "Lead", "Opportunity", "Case"];

/// Which fields are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    All,
    Name,
    Email,
    Phone,
}

impl Group {
    fn read(word: &str) -> Option<Self> {
        match word.to_ascii_uppercase().as_str() {
            "ALL" => Some(Self::All),
            "NAME" | "SIDEBAR" => Some(Self::Name),
            "EMAIL" => Some(Self::Email),
            "PHONE" => Some(Self::Phone),
            _ => None,
        }
    }

    fn holds(self, table: &Table, slot: usize) -> bool {
        let field = &table.object.fields[slot];
        match self {
            Self::All => field.kind.is_text() && !matches!(field.kind, Kind::Base64 | Kind::Encryptedstring),
            Self::Name => {
                matches!(field.name.as_str(), "FirstName" | "LastName")
                    || Some(slot) == table.object.name_slot()
            }
            Self::Email => field.kind == Kind::Email,
            Self::Phone => field.kind == Kind::Phone,
        }
    }
}

fn malformed(message: &str) -> ApiError {
    ApiError::plain("MALFORMED_SEARCH", message)
}

/// Cuts `FIND {term}` off; gives the raw term and where the rest starts.
fn find_clause(sosl: &str) -> Result<(String, usize), ApiError> {
    let no_term = || malformed("No search term found. The search term must be enclosed in braces.");
    let trimmed = sosl.trim_start();
    let offset = sosl.len() - trimmed.len();
    let word = trimmed
        .get(..4)
        .filter(|word| word.eq_ignore_ascii_case("FIND"))
        .ok_or_else(no_term)?;
    let open = trimmed[word.len()..]
        .find(|letter: char| !letter.is_whitespace())
        .ok_or_else(no_term)?
        + word.len();
    if !trimmed[open..].starts_with('{') {
        return Err(no_term());
    }
    let mut escaped = false;
    for (at, letter) in trimmed[open + 1..].char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '}' => {
                return Ok((
                    trimmed[open + 1..open + 1 + at].to_owned(),
                    offset + open + at + 2,
                ));
            }
            _ => {}
        }
    }
    Err(no_term())
}

/// The raw term, and the statement with blanks in its place: the term may hold anything, and positions stay true.
fn split(sosl: &str) -> Result<(String, String), ApiError> {
    if sosl.chars().count() > LONGEST_CHARACTERS {
        return Err(malformed(
            "SOSL statements cannot be longer than 100000 characters.",
        ));
    }
    let (raw, rest_at) = find_clause(sosl)?;
    let blanked: String = sosl[..rest_at]
        .chars()
        .map(|letter| if letter == '\n' { '\n' } else { ' ' })
        .collect();
    Ok((raw, format!("{blanked}{}", &sosl[rest_at..])))
}

/// Reads SOSL without running it: the raw term, and the statement with blanks in its place.
pub(crate) fn read(sosl: &str) -> Result<(String, String), ApiError> {
    let (raw, source) = split(sosl)?;
    statement(&source)?;
    Ok((raw, source))
}

/// Runs SOSL as a user: the `searchRecords`.
pub(crate) fn search(
    state: &State,
    caller: &Caller,
    sosl: &str,
    version: &str,
    now_ms: i64,
) -> Result<Vec<Value>, ApiError> {
    let (raw, source) = split(sosl)?;
    let term = Term::read(&raw).map_err(|message| malformed(&message))?;
    let statement = statement(&source)?;
    let resolver = Resolver {
        state,
        user: State::user(caller),
        source: &source,
        now_ms,
        all_rows: false,
    };
    collect(&resolver, &term, &statement, version)
}

/// What stands after the term.
struct Statement {
    group: Group,
    /// Each object with the row limit it names itself.
    objects: Vec<Query>,
    limit: usize,
}

fn everywhere() -> Vec<Query> {
    EVERYWHERE.map(|name| only_ids(name, 0)).to_vec()
}

/// A query for the ids of an object.
fn only_ids(object: &str, at: usize) -> Query {
    Query {
        items: vec![item("Id", at)],
        from: object.to_owned(),
        from_at: at,
        ..Query::default()
    }
}

fn item(field: &str, at: usize) -> Item {
    let parts = field.split('.').map(|part| part.trim().to_owned()).collect();
    let expression = Expression {
        function: None,
        path: Some(Path { parts, at }),
        at,
    };
    Item::Expression {
        expression,
        alias: None,
    }
}

fn statement(source: &str) -> Result<Statement, ApiError> {
    clauses(source).map_err(|error| {
        if error.code == "MALFORMED_QUERY" {
            ApiError {
                code: "MALFORMED_SEARCH".to_owned(),
                ..error
            }
        } else {
            error
        }
    })
}

fn clauses(source: &str) -> Result<Statement, ApiError> {
    let mut parser = Parser::new(source)?;
    let mut group = Group::All;
    if parser.take_word("IN") {
        let word = if let Token::Word(word) = parser.peek() {
            word.clone()
        } else {
            String::new()
        };
        group = Group::read(&word).ok_or_else(|| parser.unexpected())?;
        parser.advance();
        parser.expect_word("FIELDS")?;
    }
    let mut objects = Vec::new();
    if parser.take_word("RETURNING") {
        objects.push(returned(&mut parser)?);
        while parser.take_symbol(",") {
            objects.push(returned(&mut parser)?);
        }
    }
    let mut outer = Query::default();
    parser.clauses(&mut outer)?;
    if *parser.peek() != Token::End || outer.filter.is_some() || !outer.order.is_empty() {
        return Err(parser.unexpected());
    }
    if objects.is_empty() {
        objects = everywhere();
    }
    Ok(Statement {
        group,
        objects,
        limit: outer.limit.unwrap_or(MOST_ROWS).min(MOST_ROWS),
    })
}

/// `Contact(Id, Name WHERE … ORDER BY … LIMIT n)`.
fn returned(parser: &mut Parser<'_>) -> Result<Query, ApiError> {
    let at = parser.position();
    let name = parser.name()?;
    let mut query = only_ids(&name, at);
    if parser.take_symbol("(") {
        query.items.clear();
        loop {
            let expression = parser.expression()?;
            query.items.push(Item::Expression {
                expression,
                alias: None,
            });
            if !parser.take_symbol(",") {
                break;
            }
        }
        parser.clauses(&mut query)?;
        parser.expect_symbol(")")?;
    }
    Ok(query)
}

fn matches(slots: &[usize], term: &Term, row: &Row) -> bool {
    let texts: Vec<&str> = slots
        .iter()
        .filter_map(|&slot| row.cell(slot).as_text())
        .collect();
    term.matches(&texts)
}

fn collect(
    resolver: &Resolver<'_>,
    term: &Term,
    statement: &Statement,
    version: &str,
) -> Result<Vec<Value>, ApiError> {
    let state = resolver.state;
    let share = MOST_ROWS / statement.objects.len().max(1);
    let mut out = Vec::new();
    for query in &statement.objects {
        // Without a filter or order one object answers with 250 rows at most.
        let open = query.filter.is_none() && query.order.is_empty() && statement.objects.len() == 1;
        let most = query.limit.unwrap_or(if open { 250 } else { share }).min(share);
        let mut plan = resolver.query(query)?;
        let offset = plan.offset;
        (plan.limit, plan.offset) = (None, 0);
        let table = &state.tables[plan.place];
        if !table.object.is("searchable") {
            return Err(resolver.no_object(query.from_at, &query.from));
        }
        let slots: Vec<usize> = table
            .visible_fields(resolver.user)
            .map(|(slot, _)| slot)
            .filter(|&slot| statement.group.holds(table, slot))
            .collect();
        let rows: Vec<_> = run::rows(state, &plan)
            .into_iter()
            .filter(|row| matches(&slots, term, row))
            .skip(offset)
            .take(most)
            .cloned()
            .collect();
        out.extend(output::records(state, plan.place, &plan.nodes, &rows, version));
    }
    out.truncate(statement.limit);
    Ok(out)
}

fn count(body: &Value, key: &str) -> Result<Option<usize>, ApiError> {
    let Some(value) = body.get(key).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let number = value
        .as_u64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    let number = number.and_then(|number| usize::try_from(number).ok());
    number
        .map(Some)
        .ok_or_else(|| malformed(&format!("{key} must be a whole number, not {value}")))
}

fn fields(value: Option<&Value>) -> Vec<String> {
    let names = value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    names
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// `POST /parameterizedSearch`: the term is plain text, nothing needs escaping.
pub(crate) fn parameterized_search(
    state: &State,
    caller: &Caller,
    body: &Value,
    version: &str,
    now_ms: i64,
) -> Result<Vec<Value>, ApiError> {
    let text = body.get("q").and_then(Value::as_str).unwrap_or_default();
    let term = Term::plain(text).map_err(|message| malformed(&message))?;
    let group = match body.get("in").and_then(Value::as_str) {
        None => Group::All,
        Some(word) => Group::read(word).ok_or_else(|| malformed(&format!("unknown field group '{word}'")))?,
    };
    let default_limit = count(body, "defaultLimit")?;
    let common = fields(body.get("fields"));
    let mut queries = Vec::new();
    let mut conditions = Vec::new();
    for sobject in body
        .get("sobjects")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice)
    {
        let name = sobject
            .get("name")
            .and_then(Value::as_str)
            .or_else(|| sobject.as_str())
            .unwrap_or_default();
        let mut own = fields(sobject.get("fields"));
        if own.is_empty() {
            own.clone_from(&common);
        }
        let mut query = only_ids(name, 0);
        if !own.is_empty() {
            query.items = own.iter().map(|field| item(field, 0)).collect();
        }
        if let Some(text) = sobject.get("where").and_then(Value::as_str) {
            let clause = format!("WHERE {text}");
            let mut parser = Parser::new(&clause)?;
            parser.clauses(&mut query)?;
            if *parser.peek() != Token::End {
                return Err(parser.unexpected());
            }
            conditions.push(clause);
        }
        query.limit = count(sobject, "limit")?.or(default_limit);
        queries.push(query);
    }
    let limit = count(body, "overallLimit")?.unwrap_or(MOST_ROWS).min(MOST_ROWS);
    let objects = if queries.is_empty() { everywhere() } else { queries };
    // Positions of names in a JSON body mean nothing; errors point into the joined filters.
    let source = conditions.join(" ");
    let resolver = Resolver {
        state,
        user: State::user(caller),
        source: &source,
        now_ms,
        all_rows: false,
    };
    collect(
        &resolver,
        &term,
        &Statement {
            group,
            objects,
            limit,
        },
        version,
    )
}

#[cfg(test)]
mod tests;
