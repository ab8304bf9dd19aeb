//! What the unit tests of this module share.

use rusqlite::Connection;

use super::migrate;

/// A database in memory with the current schema.
pub(super) fn empty_database() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    migrate::migrate(&connection, std::path::Path::new("memory")).unwrap();
    connection
}

/// What the planner means to do, a line for each step.
pub(super) fn plan(connection: &Connection, sql: &str) -> String {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let mut rows = statement.raw_query();
    let mut plan = String::new();
    while let Some(row) = rows.next().unwrap() {
        plan.push_str(&row.get::<_, String>(3).unwrap());
        plan.push('\n');
    }
    plan
}
