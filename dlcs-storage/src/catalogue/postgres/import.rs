//! All rows of another catalogue, in one transaction: they are there whole, or not at all.

use dlcs_core::catalogue::Result as CatalogueResult;
use tokio_postgres::types::ToSql;

use super::PostgresCatalogue;
use super::error::{PgError, Result};
use super::row::{Columns, read_all, unreadable};
use super::session::{Mode, Session};
use super::table::{Kind, Row, TABLES, Table, Tally, Value};
use super::values::{Column, Values, given, names};
use crate::catalogue::SqliteCatalogue;

/// Rows that are moved at once.
const PAGE: usize = 1000;
/// The table that is never empty.
const SEEDED: &str = "queue_lanes";

/// What became of an import.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Imported {
    /// Everything is there, as it is in the other catalogue: so many rows of each table.
    Whole(Vec<(&'static str, u64)>),
    /// Something else is there: this table differs, and nothing was changed.
    Occupied(&'static str),
}

impl PostgresCatalogue {
    /// Takes over everything from a catalogue that nobody works on, and compares every row in the end.
    pub(crate) async fn import(&self, from: &SqliteCatalogue) -> CatalogueResult<Imported> {
        let import = |session| async move { import(&session, from).await };
        Ok(self.database.run(Mode::Overhaul, import).await?)
    }
}

async fn import(session: &Session, from: &SqliteCatalogue) -> Result<Imported> {
    // Everything begins with a customer: nobody makes one meanwhile.
    session
        .execute("LOCK TABLE customers IN EXCLUSIVE MODE", &[])
        .await?;
    let is_new = is_empty(session).await?;
    if is_new {
        let sql = format!("DELETE FROM {SEEDED}");
        session.execute(&sql, &[]).await?;
    }
    let mut counts = Vec::new();
    for table in &TABLES {
        let there = copy(session, from, table, is_new).await?;
        let here = tally(session, table).await?;
        match (there == here, is_new) {
            (true, _) => counts.push((table.name, here.rows)),
            (false, false) => return Ok(Imported::Occupied(table.name)),
            (false, true) => return Err(PgError::Differs { table: table.name }),
        }
    }
    if is_new {
        go_on_counting(session, from).await?;
    }
    Ok(Imported::Whole(counts))
}

async fn is_empty(session: &Session) -> Result<bool> {
    for table in TABLES.iter().filter(|table| table.name != SEEDED) {
        let sql = format!("SELECT 1 FROM {} LIMIT 1", table.name);
        if session.row(&sql, &[]).await?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reads a table of the other catalogue, and writes it here where that is wanted.
async fn copy(
    session: &Session,
    from: &SqliteCatalogue,
    table: &'static Table,
    is_wanted: bool,
) -> Result<Tally> {
    let (mut tally, mut after) = (Tally::default(), None);
    loop {
        let page = from.page(table, after, PAGE).await;
        let page = page.map_err(PgError::Source)?;
        let Some(last) = page.last() else {
            return Ok(tally);
        };
        after = Some(last[..table.key].to_vec());
        for row in &page {
            tally.add(row);
        }
        if is_wanted {
            insert(session, table, &page).await?;
        }
    }
}

async fn insert(session: &Session, table: &Table, rows: &[Row]) -> Result<()> {
    let mut values = Values::default();
    let mut columns = Vec::new();
    for (place, (name, kind)) in table.columns.iter().enumerate() {
        let of = |row: &Row| row[place].clone();
        let foreign = || unreadable(table.name);
        let number = |row: &Row| match of(row) {
            Value::Null => Ok(None),
            Value::Number(number) => Ok(Some(number)),
            _ => Err(foreign()),
        };
        let sql = match kind {
            Kind::Number => {
                values.push(rows.iter().map(number).collect::<Result<Vec<_>>>()?);
                "bigint"
            }
            Kind::Truth => {
                let truth = |row| number(row).map(|number| number.map(|number| number != 0));
                values.push(rows.iter().map(truth).collect::<Result<Vec<_>>>()?);
                "boolean"
            }
            Kind::Text => {
                let text = |row: &Row| match of(row) {
                    Value::Null => Ok(None),
                    Value::Text(text) => Ok(Some(text)),
                    _ => Err(foreign()),
                };
                values.push(rows.iter().map(text).collect::<Result<Vec<_>>>()?);
                "text"
            }
            Kind::Bytes => {
                let bytes = |row: &Row| match of(row) {
                    Value::Null => Ok(None),
                    Value::Bytes(bytes) => Ok(Some(bytes)),
                    _ => Err(foreign()),
                };
                values.push(rows.iter().map(bytes).collect::<Result<Vec<_>>>()?);
                "bytea"
            }
        };
        columns.push(Column(name, sql));
    }
    let sql = format!(
        "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT * FROM {}",
        table.name,
        names(&columns),
        given(&columns)
    );
    session.execute(&sql, &values.params()).await?;
    Ok(())
}

/// Reads a table here.
async fn tally(session: &Session, table: &Table) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut after: Option<Row> = None;
    loop {
        let sql = table.page(after.is_none());
        let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let mut params: Vec<&(dyn ToSql + Sync)> = Vec::new();
        for value in after.iter().flatten() {
            params.push(match value {
                Value::Number(number) => number,
                Value::Text(text) => text,
                Value::Bytes(bytes) => bytes,
                Value::Null => return Err(unreadable(table.name)),
            });
        }
        params.push(&limit);
        let rows = session.rows(&sql, &params).await?;
        let page = read_all(&rows, |columns| read(columns, table))?;
        let Some(last) = page.last() else {
            return Ok(tally);
        };
        for row in &page {
            tally.add(row);
        }
        after = Some(last[..table.key].to_vec());
    }
}

fn read(columns: &mut Columns<'_>, table: &Table) -> Result<Row> {
    let values = table.columns.iter().map(|(_, kind)| {
        let value = match kind {
            Kind::Number => columns.get::<Option<i64>>()?.map(Value::Number),
            Kind::Truth => {
                let truth = columns.get::<Option<bool>>()?;
                truth.map(|truth| Value::Number(truth.into()))
            }
            Kind::Text => columns.get::<Option<String>>()?.map(Value::Text),
            Kind::Bytes => columns.get::<Option<Vec<u8>>>()?.map(Value::Bytes),
        };
        Ok(value.unwrap_or(Value::Null))
    });
    values.collect()
}

/// No number is given again that the other catalogue has given.
async fn go_on_counting(session: &Session, from: &SqliteCatalogue) -> Result<()> {
    let given = from.last_numbers().await.map_err(PgError::Source)?;
    let last = |names: [&str; 2]| {
        let of = given
            .iter()
            .filter(|(name, _)| names.contains(&name.as_str()));
        of.map(|(_, last)| *last).max().unwrap_or(0)
    };
    for table in &TABLES {
        let Some(column) = table.numbered else {
            continue;
        };
        // What is kept of batches is kept under another name.
        let given = last([
            table.name,
            if table.name == "batches" {
                "batch"
            } else {
                table.name
            },
        ]);
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence('{table}', '{column}'), greatest($1, (SELECT max({column}) FROM {table}), 1))",
            table = table.name
        );
        session.rows(&sql, &[&given]).await?;
    }
    for name in ["check", "lease_token"] {
        let sql = "UPDATE sequences SET last = greatest(last, $2) WHERE name = $1";
        session.execute(sql, &[&name, &last([name, name])]).await?;
    }
    Ok(())
}
