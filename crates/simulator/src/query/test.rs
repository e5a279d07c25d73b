//! A filter whose names are resolved: what is asked of each row.

use std::collections::HashSet;

use super::ast::Operator;
use super::lexer::{ESCAPED_PERCENT, ESCAPED_UNDERSCORE};
use crate::org::cell::Cell;
use crate::org::ids::RecordId;

/// A filter over values named by `K`: a field route in WHERE, a column number in HAVING.
#[derive(Debug)]
pub(crate) enum Test<K> {
    And(Vec<Test<K>>),
    Or(Vec<Test<K>>),
    Not(Box<Test<K>>),
    Compare {
        key: K,
        operator: Operator,
        value: Cell,
    },
    /// A date literal: the value against `from <= x < to`.
    Range {
        key: K,
        operator: Operator,
        from: Cell,
        to: Cell,
    },
    In {
        key: K,
        values: Members,
        negated: bool,
    },
    Like {
        key: K,
        pattern: Vec<char>,
    },
    /// Each inner list must be wholly selected; one such list suffices.
    Includes {
        key: K,
        choices: Vec<Vec<String>>,
        negated: bool,
    },
}

/// The values of an IN list.
#[derive(Debug, Default)]
pub(crate) struct Members {
    pub(crate) null: bool,
    pub(crate) texts: HashSet<String>,
    pub(crate) ids: HashSet<RecordId>,
    pub(crate) others: Vec<Cell>,
}

impl Members {
    pub(crate) fn insert(&mut self, cell: Cell) {
        match cell {
            Cell::Null => self.null = true,
            Cell::Text(text) => {
                self.texts.insert(text.to_lowercase());
            }
            Cell::Id(id) => {
                self.ids.insert(id);
            }
            other => self.others.push(other),
        }
    }

    fn contains(&self, cell: &Cell) -> bool {
        match cell {
            Cell::Null => self.null,
            Cell::Text(text) => self.texts.contains(&text.to_lowercase()),
            Cell::Id(id) => self.ids.contains(id),
            other => self.others.iter().any(|own| own.compare(other).is_eq()),
        }
    }
}

/// Reads the pattern of LIKE: lower case, `%` and `_` as wildcards unless escaped.
pub(crate) fn pattern(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn like(text: &str, pattern: &[char]) -> bool {
    let letters: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < letters.len() {
        let matched = match pattern.get(place) {
            Some('%') => {
                star = Some((place, at));
                place += 1;
                continue;
            }
            Some('_') => true,
            Some(&ESCAPED_PERCENT) => letters[at] == '%',
            Some(&ESCAPED_UNDERSCORE) => letters[at] == '_',
            Some(letter) => letters[at] == *letter,
            None => false,
        };
        if matched {
            at += 1;
            place += 1;
        } else if let Some((star_place, star_at)) = star {
            star = Some((star_place, star_at + 1));
            place = star_place + 1;
            at = star_at + 1;
        } else {
            return false;
        }
    }
    pattern[place..].iter().all(|letter| *letter == '%')
}

fn compare(cell: &Cell, operator: Operator, value: &Cell) -> bool {
    // A checkbox that was never set counts as false.
    let unset = Cell::Bool(false);
    let cell = if cell.is_null() && matches!(value, Cell::Bool(_)) {
        &unset
    } else {
        cell
    };
    if cell.is_null() || value.is_null() {
        return match operator {
            Operator::Equal => cell.is_null() == value.is_null(),
            Operator::NotEqual => cell.is_null() != value.is_null(),
            _ => false,
        };
    }
    let order = cell.compare(value);
    match operator {
        Operator::Equal | Operator::Like => order.is_eq(),
        Operator::NotEqual => order.is_ne(),
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        Operator::GreaterOrEqual => order.is_ge(),
    }
}

fn range(cell: &Cell, operator: Operator, from: &Cell, to: &Cell) -> bool {
    if cell.is_null() {
        return operator == Operator::NotEqual;
    }
    let (after_start, before_end) = (cell.compare(from).is_ge(), cell.compare(to).is_lt());
    match operator {
        Operator::Equal | Operator::Like => after_start && before_end,
        Operator::NotEqual => !(after_start && before_end),
        Operator::Less => !after_start,
        Operator::LessOrEqual => before_end,
        Operator::Greater => !before_end,
        Operator::GreaterOrEqual => after_start,
    }
}

fn includes(cell: &Cell, choices: &[Vec<String>]) -> bool {
    let Some(text) = cell.as_text() else { return false };
    let chosen: Vec<String> = text.split(';').map(str::to_lowercase).collect();
    choices
        .iter()
        .any(|wanted| wanted.iter().all(|value| chosen.contains(value)))
}

impl<K> Test<K> {
    /// Whether a row passes; `get` reads the value a key names.
    pub(crate) fn passes<'a>(&self, get: &impl Fn(&K) -> &'a Cell) -> bool {
        match self {
            Self::And(tests) => tests.iter().all(|test| test.passes(get)),
            Self::Or(tests) => tests.iter().any(|test| test.passes(get)),
            Self::Not(test) => !test.passes(get),
            Self::Compare { key, operator, value } => compare(get(key), *operator, value),
            Self::Range {
                key,
                operator,
                from,
                to,
            } => range(get(key), *operator, from, to),
            Self::In { key, values, negated } => values.contains(get(key)) != *negated,
            Self::Like { key, pattern } => get(key).as_text().is_some_and(|text| like(text, pattern)),
            Self::Includes {
                key,
                choices,
                negated,
            } => includes(get(key), choices) != *negated,
        }
    }
}

#[cfg(test)]
mod tests;
