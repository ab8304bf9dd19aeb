//! Rows on their way out of the database.

use dlcs_core::catalogue::Result as CatalogueResult;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ToSql, params_from_iter};

use super::error::Result;
use super::row::unreadable;
use super::table::{Row, Table, Value};
use super::{SqliteCatalogue, query_all};

impl SqliteCatalogue {
    /// Rows of a table in the order of their keys, behind a key or from the beginning.
    pub(in crate::catalogue) async fn page(
        &self,
        table: &'static Table,
        after: Option<Row>,
        limit: usize,
    ) -> CatalogueResult<Vec<Row>> {
        Ok(self
            .read(move |c| page(c, table, after.as_deref(), limit))
            .await?)
    }

    /// The numbers that have been given last: by sequences, and in tables whose numbers never repeat.
    pub(in crate::catalogue) async fn last_numbers(&self) -> CatalogueResult<Vec<(String, i64)>> {
        let sql =
            "SELECT name, last FROM sequences UNION ALL SELECT name, seq FROM sqlite_sequence";
        let read = move |c: &Connection| {
            query_all(c, sql, [], |columns| Ok((columns.get()?, columns.get()?)))
        };
        Ok(self.read(read).await?)
    }
}

fn page(
    connection: &Connection,
    table: &Table,
    after: Option<&[Value]>,
    limit: usize,
) -> Result<Vec<Row>> {
    let mut params: Vec<Box<dyn ToSql>> = Vec::new();
    for value in after.unwrap_or_default() {
        params.push(match value {
            Value::Null => Box::new(rusqlite::types::Null),
            Value::Number(number) => Box::new(*number),
            Value::Text(text) => Box::new(text.clone()),
            Value::Bytes(bytes) => Box::new(bytes.clone()),
        });
    }
    params.push(Box::new(i64::try_from(limit).unwrap_or(i64::MAX)));
    let mut statement = connection.prepare_cached(&table.page(after.is_none()))?;
    let mut rows = statement.query(params_from_iter(params))?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        let values = (0..table.columns.len()).map(|column| {
            Ok(match row.get_ref(column)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => Value::Number(number),
                ValueRef::Text(text) => {
                    let text = std::str::from_utf8(text).map_err(|_| unreadable(table.name))?;
                    Value::Text(text.to_owned())
                }
                ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
                ValueRef::Real(_) => return Err(unreadable(table.name)),
            })
        });
        page.push(values.collect::<Result<Row>>()?);
    }
    Ok(page)
}
