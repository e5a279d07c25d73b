//! Query errors with the piece of the statement they point into.

use crate::org::ApiError;

/// Words a shown piece may start at when the error sits far into the line.
const CLAUSES: [&str; 6] = ["SELECT", "FROM", "WHERE", "GROUP", "HAVING", "ORDER"];
/// An error up to this column shows its line from the start.
const NEAR_COLUMNS: usize = 30;

/// `\n<piece>\n   ^\nERROR at Row:r:Column:c\n<message>`, pointing at a byte position of the statement.
pub(crate) fn at(source: &str, position: usize, code: &str, message: &str) -> ApiError {
    let position = (0..=position.min(source.len()))
        .rev()
        .find(|&at| source.is_char_boundary(at))
        .unwrap_or(0);
    let before = &source[..position];
    let row = before.matches('\n').count() + 1;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line_end = source[position..]
        .find('\n')
        .map_or(source.len(), |at| position + at);
    let column = source[line_start..position].chars().count() + 1;
    let start = piece_start(source, line_start, position, column);
    let end = piece_end(source, position, line_end);
    let indent = source[start..position].chars().count();
    let piece = &source[start..end];
    ApiError::plain(
        code,
        format!(
            "\n{piece}\n{:indent$}^\nERROR at Row:{row}:Column:{column}\n{message}",
            ""
        ),
    )
}

fn piece_start(source: &str, line_start: usize, position: usize, column: usize) -> usize {
    if column <= NEAR_COLUMNS {
        return line_start;
    }
    let line = &source[line_start..position];
    let upper = line.to_ascii_uppercase();
    let clause = CLAUSES
        .iter()
        .filter_map(|word| upper.rfind(&format!(" {word} ")).map(|at| at + 1))
        .max()
        .filter(|at| line.len() - at <= 40);
    let word = line
        .char_indices()
        .rev()
        .take_while(|(at, _)| line.len() - at <= NEAR_COLUMNS)
        .filter(|(_, letter)| *letter == ' ')
        .last()
        .map(|(at, _)| at + 1);
    line_start
        + clause
            .or(word)
            .unwrap_or_else(|| line.char_indices().rev().nth(20).map_or(0, |(at, _)| at))
}

fn piece_end(source: &str, position: usize, line_end: usize) -> usize {
    let rest = &source[position..line_end];
    if rest.chars().count() <= NEAR_COLUMNS {
        return line_end;
    }
    let cut = rest
        .char_indices()
        .skip(NEAR_COLUMNS)
        .find(|(at, letter)| *letter == ' ' || *at > 2 * NEAR_COLUMNS)
        .map_or(rest.len(), |(at, _)| at);
    position + cut
}

/// `unexpected token: 'x'`.
pub(crate) fn unexpected(source: &str, position: usize, token: &str) -> ApiError {
    at(
        source,
        position,
        "MALFORMED_QUERY",
        &format!("unexpected token: '{token}'"),
    )
}
