//! A copy of a SQLite database that is in use, checked before anybody relies on it. It opens the database by itself and migrates
//! nothing: a backup is taken before an upgrade.

pub use super::sqlite::beside;
use super::{AuditLine, Result, StoreError, sqlite};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

/// Where a SQLite database's URL says that its file is.
///
/// # Errors
/// It is no URL of SQLite.
pub fn sqlite_file(url: &str) -> Result<PathBuf> {
    sqlite::file_of(url)
}

/// The command that backs up a PostgreSQL database, without its password.
///
/// # Errors
/// It is no URL of PostgreSQL.
pub fn pg_dump_command(url: &str, file: &str) -> Result<String> {
    let options = sqlx::postgres::PgConnectOptions::from_str(url)?;
    let quoted = |text: &str| {
        let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-:@%+=,".contains(c)) && !text.is_empty();
        if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
    };
    let host = options.get_socket().map_or_else(|| options.get_host().to_owned(), |socket| socket.display().to_string());
    let (port, user) = (options.get_port(), options.get_username());
    let database = options.get_database().unwrap_or(user);
    let (host, user, database, file) = (quoted(&host), quoted(user), quoted(database), quoted(file));
    Ok(format!("pg_dump --format=custom --host={host} --port={port} --username={user} --dbname={database} --file={file}"))
}

/// Copies the database into a file that is there and empty, as it is at one instant, while others go on reading and writing. Comes
/// back with the tables and their rows when the copy has been opened and found sound.
///
/// # Errors
/// The database cannot be read, the copy cannot be written, or it is not sound.
pub fn copy_sqlite(url: &str, to: &Path) -> Result<Vec<(String, i64)>> {
    let from = sqlite::connect_to_read(&sqlite::file_of(url)?)?;
    let target = to.to_str().ok_or_else(|| unsound("its name is not UTF-8"))?;
    from.execute("VACUUM INTO ?1", [target])?;
    check(&sqlite::connect_to_read(to)?)
}

/// Notes in the database that a copy was made of it, whatever its version.
///
/// # Errors
/// The database cannot be written to.
pub fn note_copy(url: &str, line: &AuditLine) -> Result<()> {
    let database = sqlite::connect(&sqlite::file_of(url)?, false)?;
    let values = (line.at.as_millisecond(), &line.act, &line.detail);
    database.execute("INSERT INTO admin_audit (at_ms, act, detail) VALUES (?1, ?2, ?3)", values)?;
    Ok(())
}

fn check(copy: &Connection) -> Result<Vec<(String, i64)>> {
    let texts = |sql: &str| -> Result<Vec<String>> {
        let mut statement = copy.prepare(sql)?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    };
    let said = texts("PRAGMA integrity_check")?;
    if said != ["ok"] {
        return Err(unsound(said.join("; ")));
    }
    let strays = texts("PRAGMA foreign_key_check")?.len();
    if strays > 0 {
        return Err(unsound(format!("{strays} rows name others that are not there")));
    }
    let tables = texts("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")?;
    if !tables.iter().any(|table| table == "_sqlx_migrations") {
        return Err(unsound("it is no database of partner-desk"));
    }
    let count = |table: String| {
        let rows = copy.query_row(&format!("SELECT count(*) FROM \"{table}\""), [], |row| row.get(0))?;
        Ok((table, rows))
    };
    tables.into_iter().map(count).collect()
}

fn unsound(why: impl Into<String>) -> StoreError {
    StoreError::Unreadable { what: "copy", why: why.into() }
}
