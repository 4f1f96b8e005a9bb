//! A copy of a SQLite database that is in use, checked before anybody relies on it. It opens the database by itself and migrates
//! nothing: a backup is taken before an upgrade.

use super::{Result, StoreError};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

/// Where a SQLite database's URL says that its file is.
///
/// # Errors
/// It is no URL of SQLite.
pub fn sqlite_file(url: &str) -> Result<PathBuf> {
    Ok(SqliteConnectOptions::from_str(url)?.get_filename().to_owned())
}

/// The command that backs up a PostgreSQL database, without its password.
///
/// # Errors
/// It is no URL of PostgreSQL.
pub fn pg_dump_command(url: &str, file: &str) -> Result<String> {
    let options = sqlx::postgres::PgConnectOptions::from_str(url)?;
    let host = options.get_socket().map_or_else(|| options.get_host().to_owned(), |socket| socket.display().to_string());
    let (port, user) = (options.get_port(), options.get_username());
    let database = options.get_database().unwrap_or(user);
    Ok(format!("pg_dump --format=custom --host={host} --port={port} --username={user} --dbname={database} --file={file}"))
}

/// Copies the database into a file that is there and empty, as it is at one instant, while others go on reading and writing. Comes
/// back with the tables and their rows when the copy has been opened and found sound.
///
/// # Errors
/// The database cannot be read, the copy cannot be written, or it is not sound.
pub async fn copy_sqlite(url: &str, to: &Path) -> Result<Vec<(String, i64)>> {
    let from = SqliteConnectOptions::from_str(url)?.create_if_missing(false).read_only(true);
    let mut from = from.busy_timeout(Duration::from_secs(10)).disable_statement_logging().connect().await?;
    let target = to.to_str().ok_or_else(|| unsound("its name is not UTF-8"))?;
    sqlx::query("VACUUM INTO $1").bind(target).execute(&mut from).await?;
    from.close().await?;
    let mut copy = SqliteConnectOptions::new().filename(to).read_only(true).disable_statement_logging().connect().await?;
    let counts = check(&mut copy).await;
    copy.close().await?;
    counts
}

async fn check(copy: &mut SqliteConnection) -> Result<Vec<(String, i64)>> {
    let said: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut *copy).await?;
    if said != ["ok"] {
        return Err(unsound(said.join("; ")));
    }
    let strays = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut *copy).await?.len();
    if strays > 0 {
        return Err(unsound(format!("{strays} rows name others that are not there")));
    }
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut *copy).await?;
    if !tables.iter().any(|table| table == "_sqlx_migrations") {
        return Err(unsound("it is no database of partner-desk"));
    }
    let mut counts = Vec::with_capacity(tables.len());
    for table in tables {
        let count = AssertSqlSafe(format!("SELECT count(*) FROM \"{table}\""));
        let rows = sqlx::query(count).fetch_one(&mut *copy).await?.try_get(0)?;
        counts.push((table, rows));
    }
    Ok(counts)
}

fn unsound(why: impl Into<String>) -> StoreError {
    StoreError::Unreadable { what: "copy", why: why.into() }
}
