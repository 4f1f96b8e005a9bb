//! Everything from one database to another, table by table, checked by a digest of each that both sides compute alike.
//!
//! What there is to copy is read from the schema, so that no table can be forgotten.

use super::list::list;
use super::{AuditLine, Result, StoreError, migrations, postgres, reach, sql, sqlite, to_json};
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use rusqlite::types::ValueRef;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};
use std::path::Path;
use std::str::FromStr as _;

/// Rows of one statement, and about how many bytes it may come to.
const MOST_ROWS: usize = 500;
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Tables that others point to are filled before them; the rest go by name.
const FIRST: &str = "partners";

/// Why nothing was copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// There is nothing to copy.
    #[error("{side}: `{file}`: there is no such file; expected the database that was used until now")]
    NoFile {
        /// The option.
        side: &'static str,
        /// What it names.
        file: String,
    },
    /// One of the databases failed.
    #[error("{side}: {error}")]
    Database {
        /// Which: `--from` or `--to`.
        side: &'static str,
        /// What it said.
        error: StoreError,
    },
    /// A table could not be copied.
    #[error("{side}: table {table}: {error}; nothing was copied")]
    Table {
        /// Which of them failed: `--from` or `--to`.
        side: &'static str,
        /// At which table.
        table: String,
        /// What it said.
        error: StoreError,
    },
    /// Both are one.
    #[error("--to: the same database as --from; expected another, new or empty")]
    Same,
    /// Somebody has it open.
    #[error("{0}: the database is in use: stop every `partner-desk serve` and command on it first")]
    InUse(&'static str),
    /// It holds something already.
    #[error("--to: table {table} has {rows} rows already: expected a database that is new or empty")]
    NotEmpty {
        /// The first table that does.
        table: String,
        /// Its rows.
        rows: i64,
    },
    /// What was read back is not what was written.
    #[error(
        "table {table}: --from has {from_rows} rows with digest {from_digest}, --to has {to_rows} with {to_digest}; nothing was copied"
    )]
    Differs {
        /// Which.
        table: String,
        /// Rows at the source.
        from_rows: u64,
        /// Their digest.
        from_digest: String,
        /// Rows at the target.
        to_rows: u64,
        /// Their digest.
        to_digest: String,
    },
}

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copies {
    /// Each table of the desk's.
    pub tables: Vec<Copied>,
    /// Tables of the source that are none of the desk's and stay where they are.
    pub left: Vec<String>,
}

/// A table that was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Its name.
    pub table: String,
    /// Its rows.
    pub rows: u64,
    /// SHA-256 over its rows, in the order of its key.
    pub digest: String,
}

/// A database that nobody else uses.
enum Side {
    Sqlite(rusqlite::Connection),
    Postgres(PgConnection),
}

#[derive(Debug, Clone)]
struct Table {
    name: String,
    columns: Vec<Column>,
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    is_text: bool,
    /// Its place in the primary key, from 1; 0: it is not in it.
    key: i64,
}

/// Copies everything in one transaction and checks it before that is committed. Both databases are migrated first.
///
/// # Errors
/// See [`CopyError`]; then the target holds an empty schema and nothing else.
pub async fn copy(from: &str, to: &str, now: Timestamp) -> std::result::Result<Copies, CopyError> {
    if is_same(from, to) {
        return Err(CopyError::Same);
    }
    let at_source = |error| CopyError::Database { side: "--from", error };
    let at_target = |error| CopyError::Database { side: "--to", error };
    let mut source = Side::open(from, "--from", false).await?;
    let mut target = Side::open(to, "--to", true).await?;
    // Who starts from now on writes nothing before it is done; it would be missing, or be in the way.
    for (side, opened) in [("--from", &mut source), ("--to", &mut target)] {
        if !opened.is_ours_to_write().await.map_err(|error| CopyError::Database { side, error })? {
            return Err(CopyError::InUse(side));
        }
    }
    source.begin().await.map_err(at_source)?;
    target.begin().await.map_err(at_target)?;
    let fresh = fresh_tables().await.map_err(at_target)?;
    let ours = |table: &Table| fresh.iter().any(|(name, _)| *name == table.name);
    let (tables, left): (Vec<_>, Vec<_>) = source.tables().await.map_err(at_source)?.into_iter().partition(ours);
    for (table, fresh) in fresh {
        let rows = target.count(&table).await.map_err(at_target)?;
        if rows > fresh {
            return Err(CopyError::NotEmpty { table, rows });
        }
        // What a migration put there comes from the source as well.
        target.execute(format!("DELETE FROM {table}")).await.map_err(at_target)?;
    }
    let mut copied = Vec::with_capacity(tables.len());
    for table in &tables {
        let (from_rows, from_digest) = fill(&mut source, &mut target, table).await?;
        let (to_rows, to_digest) = target.digest(table).await.map_err(at_target)?;
        if (from_rows, &from_digest) != (to_rows, &to_digest) {
            return Err(CopyError::Differs { table: table.name.clone(), from_rows, from_digest, to_rows, to_digest });
        }
        copied.push(Copied { table: table.name.clone(), rows: to_rows, digest: to_digest });
    }
    target.number_on().await.map_err(at_target)?;
    target
        .note(&AuditLine { at: now, act: "migrate-store".to_owned(), detail: format!("from {}", source.name()) })
        .await
        .map_err(at_target)?;
    target.execute("COMMIT".to_owned()).await.map_err(at_target)?;
    // Plans by what is there now, not by what an empty table would want.
    target.execute("ANALYZE".to_owned()).await.map_err(at_target)?;
    source.close().await.map_err(at_source)?;
    target.close().await.map_err(at_target)?;
    Ok(Copies { tables: copied, left: left.into_iter().map(|table| table.name).collect() })
}

/// Whether two addresses are one, or two of one file.
fn is_same(from: &str, to: &str) -> bool {
    let file = |url: &str| sqlite::file_of(url).ok().and_then(|file| file.canonicalize().ok());
    from == to || file(from).is_some_and(|from| file(to) == Some(from))
}

/// The rows that a new database has in each table.
async fn fresh_tables() -> Result<Vec<(String, i64)>> {
    let mut fresh = Side::Sqlite(rusqlite::Connection::open_in_memory()?);
    fresh.migrate().await?;
    let mut tables = Vec::new();
    // Those that point to others are emptied before them.
    for table in fresh.tables().await?.into_iter().rev() {
        let rows = fresh.count(&table.name).await?;
        tables.push((table.name, rows));
    }
    Ok(tables)
}

/// Copies one table; gives its rows and their digest as the source has them.
async fn fill(source: &mut Side, target: &mut Side, table: &Table) -> std::result::Result<(u64, String), CopyError> {
    let failed = |side| move |error| CopyError::Table { side, table: table.name.clone(), error };
    let names = table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
    let typed = table.columns.iter().map(|column| format!("{} {}", column.name, if column.is_text { "TEXT" } else { "BIGINT" }));
    let typed = typed.collect::<Vec<_>>().join(", ");
    let insert =
        format!("INSERT INTO {} ({names}) {{pg OVERRIDING SYSTEM VALUE }}SELECT {names} FROM {{rows $1: {typed}}} WHERE true", table.name);
    let (mut all, mut digest) = (0, Sha256::new());
    let (mut batch, mut bytes) = (Vec::new(), 0);
    let mut refused = None;
    let read = source
        .each_row(table, async |values| {
            bytes += add(&mut digest, &values)?;
            all += 1;
            let names = table.columns.iter().map(|column| column.name.clone());
            batch.push(Value::Object(names.zip(values).collect::<Map<_, _>>()));
            if batch.len() >= MOST_ROWS || bytes >= MOST_BYTES {
                if let Err(error) = target.insert(&insert, &batch).await {
                    let said = error.to_string();
                    refused = Some(error);
                    return Err(StoreError::Away(said));
                }
                batch.clear();
                bytes = 0;
            }
            Ok(())
        })
        .await;
    if let Some(error) = refused {
        return Err(failed("--to")(error));
    }
    read.map_err(failed("--from"))?;
    target.insert(&insert, &batch).await.map_err(failed("--to"))?;
    Ok((all, hex::encode(digest.finalize())))
}

/// Adds a row to a digest: its values as a JSON array in the order of the columns' names, and a line break.
fn add(digest: &mut Sha256, values: &[Value]) -> Result<usize> {
    let line = to_json(&values)?;
    digest.update(line.as_bytes());
    digest.update(b"\n");
    Ok(line.len())
}

impl Side {
    async fn open(url: &str, side: &'static str, create: bool) -> std::result::Result<Self, CopyError> {
        let database = |error: StoreError| if error.is_busy() { CopyError::InUse(side) } else { CopyError::Database { side, error } };
        let mut opened = if url.starts_with("sqlite:") {
            let file = sqlite::file_of(url).map_err(database)?;
            if !create && !file.exists() {
                return Err(CopyError::NoFile { side, file: file.display().to_string() });
            }
            Self::sqlite(&file, create).map_err(database)?
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Self::postgres(url).await.map_err(database)?
        } else {
            let scheme = url.split_once("://").map_or("…", |(scheme, _)| scheme);
            return Err(database(StoreError::Url(format!("{scheme}://…"))));
        };
        if opened.is_in_use().await.map_err(database)? {
            return Err(CopyError::InUse(side));
        }
        opened.migrate().await.map_err(database)?;
        Ok(opened)
    }

    /// Alone, from the first look to the last: whoever has the file open holds a lock that this one is refused over.
    fn sqlite(file: &Path, create: bool) -> Result<Self> {
        let connection = sqlite::connect(file, create)?;
        connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")?;
        Ok(Self::Sqlite(connection))
    }

    async fn postgres(url: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(url)?.application_name("partner-desk migrate-store").disable_statement_logging();
        match options.connect().await {
            Ok(connection) => Ok(Self::Postgres(connection)),
            Err(error) => Err(reach::why(&options, error).await),
        }
    }

    async fn is_in_use(&mut self) -> Result<bool> {
        Ok(match self {
            Self::Sqlite(connection) => {
                connection.execute_batch("BEGIN EXCLUSIVE; COMMIT;")?;
                false
            }
            Self::Postgres(connection) => {
                let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                              AND application_name LIKE 'partner-desk%'";
                sqlx::query_scalar::<_, i64>(others).fetch_one(connection).await? > 0
            }
        })
    }

    /// Takes the writers' lock, which goes with the connection. A SQLite file is locked as a whole.
    async fn is_ours_to_write(&mut self) -> Result<bool> {
        Ok(match self {
            Self::Sqlite(_) => true,
            Self::Postgres(connection) => sqlx::query_scalar(postgres::TAKE).fetch_one(connection).await?,
        })
    }

    async fn migrate(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(connection) => migrations::run_sqlite(connection),
            Self::Postgres(connection) => migrations::run_postgres(connection, postgres::SLOWEST).await,
        }
    }

    async fn begin(&mut self) -> Result<()> {
        let begin = if matches!(self, Self::Sqlite(_)) { "BEGIN" } else { "BEGIN ISOLATION LEVEL REPEATABLE READ" };
        self.execute(begin.to_owned()).await
    }

    async fn close(self) -> Result<()> {
        match self {
            Self::Sqlite(connection) => connection.close().map_err(|(_, error)| error)?,
            Self::Postgres(connection) => connection.close().await?,
        }
        Ok(())
    }

    async fn execute(&mut self, sql: String) -> Result<()> {
        match self {
            Self::Sqlite(connection) => connection.execute_batch(&sql)?,
            Self::Postgres(connection) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(|_| ())?,
        }
        Ok(())
    }

    async fn insert(&mut self, insert: &str, batch: &[Value]) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        match self {
            Self::Sqlite(connection) => {
                connection.prepare_cached(&sql::numbered(&sql::expand(insert)))?.execute([to_json(&batch)?])?;
            }
            Self::Postgres(connection) => {
                postgres::bound(&sql::PgText::of(insert), &[list(&batch)?])?.execute(connection).await?;
            }
        }
        Ok(())
    }

    /// What it is, without where: an address may hold a password.
    const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// Puts an act on record. What was copied is there already, so it gets the next number.
    async fn note(&mut self, line: &AuditLine) -> Result<()> {
        let row = json!({ "at_ms": line.at.as_millisecond(), "act": line.act, "detail": line.detail });
        let insert = "INSERT INTO admin_audit (at_ms, act, detail) SELECT at_ms, act, detail FROM {rows $1: at_ms BIGINT, act TEXT, detail TEXT} WHERE true";
        self.insert(insert, &[row]).await
    }

    async fn count(&mut self, table: &str) -> Result<i64> {
        let sql = format!("SELECT count(*) FROM {table}");
        Ok(match self {
            Self::Sqlite(connection) => connection.query_row(&sql, [], |row| row.get(0))?,
            Self::Postgres(connection) => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await?,
        })
    }

    /// Every table of the desk, in the order in which they can be filled.
    async fn tables(&mut self) -> Result<Vec<Table>> {
        let columns: Vec<(String, String, String, i64)> = match self {
            Self::Sqlite(connection) => {
                let sql = "SELECT tables.name, columns.name, lower(columns.type), columns.pk
                           FROM sqlite_master tables, pragma_table_info(tables.name) columns
                           WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%' AND tables.name <> '_sqlx_migrations'
                           ORDER BY tables.name, columns.name";
                let mut statement = connection.prepare(sql)?;
                let rows = statement.query_map([], |row| row.try_into())?;
                rows.collect::<rusqlite::Result<_>>()?
            }
            Self::Postgres(connection) => {
                let sql = r#"SELECT columns.table_name::text, columns.column_name::text, columns.data_type::text,
                                    coalesce(keys.ordinal_position, 0)::bigint
                             FROM information_schema.columns
                             LEFT JOIN (information_schema.table_constraints constraints JOIN information_schema.key_column_usage keys
                                        ON keys.constraint_name = constraints.constraint_name AND keys.table_schema = constraints.table_schema
                                        AND constraints.constraint_type = 'PRIMARY KEY')
                               ON keys.table_schema = columns.table_schema AND keys.table_name = columns.table_name
                              AND keys.column_name = columns.column_name
                             JOIN information_schema.tables ON tables.table_schema = columns.table_schema
                              AND tables.table_name = columns.table_name AND tables.table_type = 'BASE TABLE'
                             WHERE columns.table_schema = current_schema() AND columns.table_name <> '_sqlx_migrations'
                             ORDER BY columns.table_name COLLATE "C", columns.column_name COLLATE "C""#;
                sqlx::query_as(sql).fetch_all(connection).await?
            }
        };
        let mut tables: Vec<Table> = Vec::new();
        for (table, name, kind, key) in columns {
            let column = Column { name, is_text: kind == "text", key };
            match tables.last_mut() {
                Some(last) if last.name == table => last.columns.push(column),
                _ => tables.push(Table { name: table, columns: vec![column] }),
            }
        }
        tables.sort_by_key(|table| table.name != FIRST);
        Ok(tables)
    }

    /// Gives `take` a table's rows in the order of its key, byte by byte where that is text: the same on both databases, whatever the
    /// language that PostgreSQL sorts by.
    async fn each_row(&mut self, table: &Table, mut take: impl AsyncFnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let postgres = matches!(self, Self::Postgres(_));
        let mut key: Vec<_> = table.columns.iter().filter(|column| column.key > 0).collect();
        key.sort_by_key(|column| column.key);
        let collate = |column: &Column| if column.is_text && postgres { " COLLATE \"C\"" } else { "" };
        let order = key.iter().map(|column| format!("{}{}", column.name, collate(column))).collect::<Vec<_>>().join(", ");
        let names = table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT {names} FROM {} ORDER BY {order}", table.name);
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare(&sql)?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    let places = 0..table.columns.len();
                    take(places.map(|place| of_sqlite(row.get_ref(place)?)).collect::<Result<_>>()?).await?;
                }
            }
            Self::Postgres(connection) => {
                let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(connection);
                while let Some(row) = rows.try_next().await? {
                    take(table.columns.iter().enumerate().map(|(place, column)| of_postgres(&row, place, column)).collect::<Result<_>>()?)
                        .await?;
                }
            }
        }
        Ok(())
    }

    async fn digest(&mut self, table: &Table) -> Result<(u64, String)> {
        let (mut all, mut digest) = (0, Sha256::new());
        self.each_row(table, async |values| {
            add(&mut digest, &values)?;
            all += 1;
            Ok(())
        })
        .await?;
        Ok((all, hex::encode(digest.finalize())))
    }

    /// Rows that are added from now on have numbers after those that were copied. SQLite sees to that by itself.
    async fn number_on(&mut self) -> Result<()> {
        let Self::Postgres(connection) = self else { return Ok(()) };
        let sql = "SELECT table_name::text, column_name::text FROM information_schema.columns
                   WHERE table_schema = current_schema() AND is_identity = 'YES'";
        let numbered: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&mut *connection).await?;
        for (table, column) in numbered {
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('{table}', '{column}'), coalesce(max({column}), 1), max({column}) IS NOT NULL) FROM {table}"
            );
            sqlx::query(AssertSqlSafe(sql)).execute(&mut *connection).await?;
        }
        Ok(())
    }
}

fn of_sqlite(value: ValueRef<'_>) -> Result<Value> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        value => value.as_str().map_err(rusqlite::Error::from)?.into(),
    })
}

fn of_postgres(row: &PgRow, place: usize, column: &Column) -> Result<Value> {
    Ok(if column.is_text { row.try_get::<Option<String>, _>(place)?.into() } else { row.try_get::<Option<i64>, _>(place)?.into() })
}
