//! A desk's SQLite database, looked at and touched beside the desk.

use partner_desk::store::Sqlite;
use rusqlite::types::FromSql;
use rusqlite::{Connection, Row};

/// A connection of its own.
pub fn beside(sqlite: &Sqlite) -> Connection {
    Connection::open(sqlite.file()).unwrap()
}

/// What a query's rows say.
pub fn all<T>(connection: &Connection, sql: &str, of: impl FnMut(&Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
    connection.prepare(sql).unwrap().query_map([], of).unwrap().map(Result::unwrap).collect()
}

/// The first column of a query's rows.
pub fn column<T: FromSql>(connection: &Connection, sql: &str) -> Vec<T> {
    all(connection, sql, |row| row.get(0))
}
