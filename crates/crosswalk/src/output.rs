//! What commands print, in which nothing that came over the network can steer a terminal.

use std::fmt::Write as _;

use clap::Args;
use serde_json::Value;

/// How a list that has no end is printed.
#[derive(Debug, Args)]
pub(crate) struct Listing {
    /// At most this many.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) form: Form,
}

/// How a list is printed.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Form {
    /// One JSON object to a line, whole.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Listing {
    pub(crate) fn count_max(&self) -> usize {
        usize::try_from(self.limit).unwrap_or(usize::MAX)
    }

    /// The list, and for people whether it goes on.
    pub(crate) fn print(&self, (rows, has_more): (Vec<Value>, bool), columns: &[&str]) -> String {
        let mut text = self.form.print(&rows, columns);
        if has_more && !self.form.json {
            text.push_str("There are more: --limit\n");
        }
        text
    }
}

impl Form {
    pub(crate) fn print(self, rows: &[Value], columns: &[&str]) -> String {
        if self.json {
            lines(rows)
        } else {
            table(rows, columns)
        }
    }
}

/// One object as JSON.
pub(crate) fn object(value: &Value) -> String {
    format!("{}\n", tame(&format!("{value:#}")))
}

/// Each object on a line of its own.
fn lines(rows: &[Value]) -> String {
    rows.iter().fold(String::new(), |mut text, row| {
        text.push_str(&tame(&row.to_string()));
        text.push('\n');
        text
    })
}

/// JSON whose texts have no control characters: writers of JSON escape those below space and let the others be.
fn tame(json: &str) -> String {
    json.chars()
        .fold(String::with_capacity(json.len()), |mut text, char| {
            if char.is_control() && char != '\n' {
                // Writing to a String cannot fail.
                let _ = write!(text, "\\u{:04x}", u32::from(char));
            } else {
                text.push(char);
            }
            text
        })
}

/// Columns as wide as what stands in them; the first line names them.
pub(crate) fn table(rows: &[Value], columns: &[&str]) -> String {
    let mut lines: Vec<Vec<String>> = vec![columns.iter().map(|name| (*name).to_owned()).collect()];
    lines.extend(
        rows.iter()
            .map(|row| columns.iter().map(|name| text_of(&row[*name])).collect()),
    );
    let width = |column: usize| {
        lines
            .iter()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A value in a cell or in a sentence.
pub(crate) fn text_of(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    text.chars()
        .map(|char| if char.is_control() { '?' } else { char })
        .collect()
}

/// A text of several lines, as it is but for what could steer a terminal.
pub(crate) fn prose(text: &str) -> String {
    text.chars()
        .map(|char| {
            if char.is_control() && char != '\n' {
                '?'
            } else {
                char
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
