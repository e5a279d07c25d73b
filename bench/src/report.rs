//! Medians, ratios, and the tables in which they are told.

/// A ratio of two figures taken side by side, and the most it may be.
#[derive(Debug)]
pub(crate) struct Ratio {
    pub(crate) what: String,
    pub(crate) value: f64,
    /// `None`: told, not held.
    pub(crate) at_most: Option<f64>,
}

impl Ratio {
    pub(crate) fn new(what: impl Into<String>, value: f64, at_most: impl Into<Option<f64>>) -> Self {
        Self {
            what: what.into(),
            value,
            at_most: at_most.into(),
        }
    }

    pub(crate) fn is_exceeded(&self) -> bool {
        // A ratio that is no number has not been reached.
        self.at_most
            .is_some_and(|most| self.value.is_nan() || self.value > most)
    }
}

/// A table of figures under one heading.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) heading: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// Everything one run found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) tables: Vec<Table>,
    pub(crate) ratios: Vec<Ratio>,
    /// What was not measured, and why.
    pub(crate) gaps: Vec<String>,
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (
        values.len() % 2,
        middle.checked_sub(1).and_then(|below| values.get(below)),
        values.get(middle),
    ) {
        (0, Some(below), Some(above)) => f64::midpoint(*below, *above),
        (_, _, Some(middle)) => *middle,
        _ => f64::NAN,
    }
}

impl Report {
    pub(crate) fn exceeded(&self) -> usize {
        self.ratios.iter().filter(|ratio| ratio.is_exceeded()).count()
    }

    /// The whole report as Markdown, which reads well in a terminal too.
    pub(crate) fn markdown(&self) -> String {
        let mut out = String::new();
        for table in &self.tables {
            write_table(&mut out, table);
        }
        let rows = self
            .ratios
            .iter()
            .map(|ratio| {
                let allowed = ratio
                    .at_most
                    .map_or_else(|| "-".to_owned(), |most| format!("{most}"));
                let verdict = match (ratio.at_most, ratio.is_exceeded()) {
                    (None, _) => "",
                    (Some(_), false) => "reached",
                    (Some(_), true) => "EXCEEDED",
                };
                vec![
                    ratio.what.clone(),
                    format!("{:.2}", ratio.value),
                    allowed,
                    verdict.to_owned(),
                ]
            })
            .collect();
        let columns = ["ratio", "measured", "at most", ""].map(str::to_owned).to_vec();
        write_table(
            &mut out,
            &Table {
                heading: "Ratios".to_owned(),
                columns,
                rows,
            },
        );
        for gap in &self.gaps {
            out.push_str("Not measured: ");
            out.push_str(gap);
            out.push('\n');
        }
        out
    }
}

/// Adds a table under its heading.
pub(crate) fn write_table(out: &mut String, table: &Table) {
    let lines = || std::iter::once(&table.columns).chain(&table.rows);
    let widths: Vec<usize> = (0..table.columns.len())
        .map(|column| {
            lines()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
                .max(3)
        })
        .collect();
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut text = format!("## {}\n\n", table.heading);
    for cells in [&table.columns, &rule].into_iter().chain(&table.rows) {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str("| ");
        text.push_str(&padded.join(" | "));
        text.push_str(" |\n");
    }
    text.push('\n');
    out.push_str(&text);
}

#[cfg(test)]
mod tests {
    use super::{Ratio, Report, median};

    #[test]
    fn medians() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn a_ratio_past_its_bound_or_not_a_number_is_told() {
        let mut report = Report::default();
        report.ratios.push(Ratio::new("held", 3.9, 4.0));
        report.ratios.push(Ratio::new("past", 4.1, 4.0));
        report.ratios.push(Ratio::new("nothing measured", f64::NAN, 4.0));
        report.ratios.push(Ratio::new("only told", 99.0, None));
        assert_eq!(report.exceeded(), 2);
        let text = report.markdown();
        assert!(text.contains("## Ratios"), "{text}");
        assert_eq!(text.matches("EXCEEDED").count(), 2, "{text}");
        assert_eq!(text.matches("reached").count(), 1, "{text}");
    }
}
