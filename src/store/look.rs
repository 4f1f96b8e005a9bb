//! A look at a database that somebody else may be at work in: it creates nothing, migrates nothing, and takes no writer's lock.

use super::{Postgres, READ_ONLY, Result, Sqlite, Store, migrations};
use sqlx::PgConnection;

/// How the schema stands to this release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    /// Migrations that this release has and the database has not.
    pub missing: Vec<&'static str>,
    /// Migrations that the database has and this release does not know.
    pub unknown: Vec<i64>,
    /// Migrations that were begun and not ended.
    pub broken: Vec<i64>,
    /// Migrations that something else has made.
    pub other: Vec<i64>,
}

impl Store {
    /// Opens a database to look at it. On SQLite nothing can be written through it.
    ///
    /// # Errors
    /// A URL of another kind; a database that is not there, or cannot be opened.
    pub async fn open_to_look(url: &str) -> Result<Self> {
        if url.starts_with("sqlite:") {
            return Ok(Self::Sqlite(Sqlite::open_to_look(url)?));
        }
        Ok(Self::Postgres(Postgres::open_to_look(url).await?))
    }

    /// How the schema stands to this release.
    ///
    /// # Errors
    /// The database fails.
    pub async fn schema(&self) -> Result<Schema> {
        let applied: Vec<(i64, bool, Vec<u8>)> = match self {
            Self::Sqlite(sqlite) => sqlite.with_reader(|reader| {
                if !reader.table_exists(None, "_sqlx_migrations")? {
                    return Ok(Vec::new());
                }
                let mut statement = reader.prepare("SELECT version, success, checksum FROM _sqlx_migrations ORDER BY version")?;
                let rows = statement.query_map([], |row| row.try_into())?;
                rows.collect()
            })?,
            Self::Postgres(postgres) => {
                let ask = async |connection: &mut PgConnection| {
                    let there = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL");
                    if there.fetch_one(&mut *connection).await? {
                        sqlx::query_as("SELECT version, success, checksum FROM _sqlx_migrations ORDER BY version")
                            .fetch_all(connection)
                            .await
                    } else {
                        Ok(Vec::new())
                    }
                };
                postgres.ask(ask).await?
            }
        };
        let known = migrations::known();
        let sums = migrations::checksums(matches!(self, Self::Sqlite(_)));
        Ok(Schema {
            missing: known.iter().filter(|(version, _)| applied.iter().all(|(done, ..)| done != version)).map(|(_, file)| *file).collect(),
            unknown: applied.iter().map(|(done, ..)| *done).filter(|done| known.iter().all(|(version, _)| version != done)).collect(),
            broken: applied.iter().filter(|(_, whole, _)| !whole).map(|(version, ..)| *version).collect(),
            other: applied
                .iter()
                .filter(|(version, _, sum)| sums.get(version).is_some_and(|ours| ours != sum))
                .map(|(version, ..)| *version)
                .collect(),
        })
    }

    /// How SQLite keeps its journal: `wal`, or something else. `None`: it is no SQLite.
    ///
    /// # Errors
    /// The database fails.
    pub fn journal(&self) -> Result<Option<String>> {
        let Self::Sqlite(sqlite) = self else { return Ok(None) };
        Ok(Some(sqlite.with_reader(|reader| reader.query_row("PRAGMA journal_mode", [], |row| row.get(0)))?))
    }

    /// Why nothing can be written, as far as it can be told without writing; `None`: nothing speaks against it. On SQLite the file tells.
    ///
    /// # Errors
    /// The database fails.
    pub async fn refuses_writes(&self) -> Result<Option<&'static str>> {
        let Self::Postgres(postgres) = self else { return Ok(None) };
        if postgres.is_read_only().await? {
            return Ok(Some(READ_ONLY));
        }
        let may = sqlx::query_scalar("SELECT to_regclass('tickets') IS NULL OR has_table_privilege('tickets', 'INSERT')");
        let may: bool = postgres.ask(async |connection| may.fetch_one(connection).await).await?;
        Ok((!may).then_some("this user may not write to the tables"))
    }
}
