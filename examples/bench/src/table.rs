//! The result, as a table in Markdown.

use std::fmt;

/// Rows of what was measured, beside what is wanted.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<[String; 5]>);

impl Table {
    /// Adds a row: what, ours, theirs, how both compare, and the goal.
    pub(crate) fn row(
        &mut self,
        what: impl Into<String>,
        ours: impl Into<String>,
        theirs: impl Into<String>,
        ratio: impl Into<String>,
        goal: impl Into<String>,
    ) {
        let row = [
            what.into(),
            ours.into(),
            theirs.into(),
            ratio.into(),
            goal.into(),
        ];
        self.0.push(row);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("| | dlcs | other | ratio | goal |\n|---|---|---|---|---|\n")?;
        for row in &self.0 {
            writeln!(f, "| {} |", row.join(" | "))?;
        }
        Ok(())
    }
}

/// A ratio, in two digits after the point.
pub(crate) fn ratio(ours: f64, theirs: f64) -> String {
    format!("{:.2} ×", ours / theirs)
}

pub(crate) fn megabytes(bytes: f64) -> String {
    format!("{:.1} MB", bytes / 1e6)
}
