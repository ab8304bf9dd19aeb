//! Values of many rows at once: an array for each column.

use std::fmt::Write;

use tokio_postgres::types::ToSql;

/// The name of a column, and its type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column(pub(super) &'static str, pub(super) &'static str);

/// The names of columns, as a list.
pub(super) fn names(columns: &[Column]) -> String {
    let names: Vec<_> = columns.iter().map(|Column(name, _)| *name).collect();
    names.join(", ")
}

/// A table of the values that are given, one array for each column, as SQL writes it.
pub(super) fn given(columns: &[Column]) -> String {
    let mut sql = "unnest(".to_owned();
    for (place, Column(_, kind)) in (1..).zip(columns) {
        let comma = if place == 1 { "" } else { ", " };
        write!(sql, "{comma}${place}::{kind}[]").expect("a text takes everything");
    }
    sql + ")"
}

/// Arrays, in the order of their columns.
#[derive(Default)]
pub(super) struct Values(Vec<Box<dyn ToSql + Sync + Send>>);

impl Values {
    /// Adds a column.
    pub(super) fn push<T: ToSql + Sync + Send + 'static>(&mut self, column: Vec<T>) {
        self.0.push(Box::new(column));
    }

    /// Adds a column, with a value of each item.
    pub(super) fn each<I, T: ToSql + Sync + Send + 'static>(
        &mut self,
        items: &[I],
        value: impl Fn(&I) -> T,
    ) {
        self.push(items.iter().map(value).collect());
    }

    /// The arrays as parameters.
    pub(super) fn params(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.0
            .iter()
            .map(|column| -> &(dyn ToSql + Sync) { column.as_ref() })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_written_as_arrays() {
        let columns = [Column("row_id", "bigint"), Column("model", "text")];
        assert_eq!(names(&columns), "row_id, model");
        assert_eq!(given(&columns), "unnest($1::bigint[], $2::text[])");
    }
}
