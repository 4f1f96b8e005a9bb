//! The database: SQLite or PostgreSQL behind one set of functions and one SQL text.
//!
//! Every column is a 64-bit integer or text, so a row reads alike from both. Writing is one transaction at a time, on SQLite
//! by its one writer and on PostgreSQL by an advisory lock: what the rules read cannot change under them (`Q4`).

mod admin;
pub mod backup;
mod books;
pub mod copy;
mod forget;
mod gate;
mod hands;
mod kept;
mod keys;
mod labels;
mod leases;
mod life;
mod list;
mod look;
mod measures;
mod migrations;
mod outbox;
mod places;
#[cfg(test)]
mod plans_tests;
mod postgres;
mod publish;
mod reach;
mod rights;
mod row;
mod setup;
mod sql;
mod sqlite;
mod survey;
mod threads;
mod tidy;

pub use admin::{AuditLine, MemberRow};
pub use books::{Changed, Loaded, Needs};
pub use forget::{Kept, Line, Mark, Patterns, Writing};
pub use gate::GateRow;
pub use hands::Holder;
pub use kept::{KeptDelivery, MissedDelivery};
pub use labels::{IdleLabel, RepoLabel};
pub use life::Life;
pub use look::Schema;
pub use measures::{BudgetLeft, OpenTickets, Unsent};
pub use outbox::{ChannelState, EndedCycle, Fate, Outgoing, PendingPing, WrongPing};
pub use places::RepoRow;
pub use postgres::{Postgres, PostgresTx};
pub use publish::{Applied, AppliedComment, Claim, same_name};
pub use rights::{TeamRow, Wanted};
pub use setup::{FirstSigns, Pass, PassKind, StoredApp};
pub use sqlite::{Sqlite, SqliteTx};
pub use threads::Thread;
pub use tidy::Old;

use list::List;
use row::Row;
use sql::{Bundle, Statement};
use std::time::Duration;

/// A failure of the database, with what was being done.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// PostgreSQL said no, or did not answer.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// SQLite said no.
    #[error("database: {}", without_statement(.0))]
    Sqlite(#[from] rusqlite::Error),
    /// The schema could not be brought up to date.
    #[error("database migration: {}", migrations::explained(.0))]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A migration does not go with what is there. It was rolled back.
    #[error(
        "database migration {version}: {why}. Nothing was changed: something else has made tables there; restore a backup, or name another database"
    )]
    Unmigrated {
        /// Its number.
        version: i64,
        /// What the database said.
        why: String,
    },
    /// `DATABASE_URL` is of no kind that the desk knows.
    #[error("DATABASE_URL: `{0}` is neither `sqlite://FILE` nor `postgres://…`")]
    Url(String),
    /// `DATABASE_URL` names no file that SQLite could be in.
    #[error("DATABASE_URL: {0}")]
    File(String),
    /// The database is not there or takes nothing, as another delivery has found just before.
    #[error("database: {0}")]
    Away(String),
    /// PostgreSQL cannot be reached, or lets nobody in.
    #[error("database: PostgreSQL at {place}: {why}")]
    Unreachable {
        /// Host, port, database and user.
        place: String,
        /// In words.
        why: String,
    },
    /// Something stored does not read back.
    #[error("stored `{what}` does not read back: {why}")]
    Unreadable {
        /// Table and column.
        what: &'static str,
        /// The reader's reason.
        why: String,
    },
}

impl StoreError {
    /// Whether it is the database that fails, whatever is asked of it: gone, full, or not to be written to.
    #[must_use]
    pub fn is_everyones(&self) -> bool {
        match self {
            Self::Away(_) | Self::Unreachable { .. } => true,
            // Busy, locked, read-only, I/O, corrupt, full, cannot open, not a database.
            Self::Sqlite(error) => matches!(kind_of(error), Some(5 | 6 | 8 | 10 | 11 | 13 | 14 | 26)),
            // Classes: connection, resources, intervention, internal; and what a standby says.
            Self::Database(sqlx::Error::Database(error)) => {
                let code = error.code().unwrap_or_default();
                matches!(code.get(..2).unwrap_or_default(), "08" | "53" | "57" | "58" | "XX") || code == "25006"
            }
            Self::Database(error) => matches!(
                error,
                sqlx::Error::Io(_)
                    | sqlx::Error::Tls(_)
                    | sqlx::Error::Protocol(_)
                    | sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::WorkerCrashed
            ),
            _ => false,
        }
    }

    /// Whether it is one thing that is stored, and no more than that.
    #[must_use]
    pub const fn is_of_one_record(&self) -> bool {
        matches!(self, Self::Unreadable { .. })
    }

    /// Whether somebody else holds a SQLite file.
    fn is_busy(&self) -> bool {
        matches!(self, Self::Sqlite(error) if matches!(kind_of(error), Some(5 | 6)))
    }
}

/// What SQLite names a failure: the low byte of its extended code.
fn kind_of(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code & 0xff)
}

/// What SQLite said, without the pages of SQL that a migration may be.
fn without_statement(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

/// What a store function gives.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The open database.
#[derive(Debug, Clone)]
pub enum Store {
    /// One machine.
    Sqlite(Sqlite),
    /// Any number of instances.
    Postgres(Postgres),
}

/// A transaction. Dropped without [`Tx::commit`], it never was.
#[derive(Debug)]
pub enum Tx {
    /// On SQLite.
    Sqlite(SqliteTx),
    /// On PostgreSQL.
    Postgres(PostgresTx),
}

/// A value for a placeholder.
#[derive(Debug, Clone)]
pub(crate) enum Arg {
    Int(i64),
    MaybeInt(Option<i64>),
    Text(String),
    MaybeText(Option<String>),
    List(List),
}

impl From<i64> for Arg {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<Option<i64>> for Arg {
    fn from(value: Option<i64>) -> Self {
        Self::MaybeInt(value)
    }
}

impl From<&str> for Arg {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Arg {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Option<String>> for Arg {
    fn from(value: Option<String>) -> Self {
        Self::MaybeText(value)
    }
}

impl From<Vec<i64>> for Arg {
    fn from(values: Vec<i64>) -> Self {
        Self::List(List::Ints(values))
    }
}

impl From<Vec<String>> for Arg {
    fn from(values: Vec<String>) -> Self {
        Self::List(List::Texts(values))
    }
}

/// JSON for a column or a batch of rows. What the desk serialises are its own plain types, which cannot fail.
pub(crate) fn to_json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Unreadable { what: "value to store", why: error.to_string() })
}

/// A PostgreSQL that cannot be reached for this long has failed: whoever waits hears so well before GitHub's ten seconds are over, even
/// behind another who waited as long.
const NO_ANSWER: Duration = Duration::from_secs(3);

/// What is said of a PostgreSQL that is there and can only be read.
const READ_ONLY: &str = "PostgreSQL takes no writes here: it is a standby, or set to read only";

impl Store {
    /// Opens the database that a URL names, creating and migrating it.
    ///
    /// # Errors
    /// A URL of another kind; a database that cannot be opened or migrated.
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_within(url, postgres::SLOWEST).await
    }

    /// The same, where a PostgreSQL that has not answered a statement for so long is given up.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub async fn open_within(url: &str, slowest: Duration) -> Result<Self> {
        if url.starts_with("sqlite:") {
            Ok(Self::Sqlite(Sqlite::open(url).await?))
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Ok(Self::Postgres(Postgres::open(url, slowest).await?))
        } else {
            // Only the scheme: the rest may hold a password.
            let scheme = url.split_once("://").map_or("…", |(scheme, _)| scheme);
            Err(StoreError::Url(format!("{scheme}://…")))
        }
    }

    /// Begins to write, when nobody else does.
    ///
    /// # Errors
    /// The database cannot be reached, or other writers take too long.
    pub async fn write(&self) -> Result<Tx> {
        match self {
            Self::Sqlite(sqlite) => Ok(Tx::Sqlite(sqlite.write().await?)),
            Self::Postgres(postgres) => Ok(Tx::Postgres(postgres.write().await?)),
        }
    }

    /// The same, for what nobody acknowledges before [`Store::flush`]: its commit does not wait for the disk. Who acts on it has committed
    /// in the ordinary way first, and that brings to the disk what was committed before. On PostgreSQL other instances do not write before
    /// [`Store::let_others_write`].
    ///
    /// # Errors
    /// As for [`Store::write`].
    pub async fn write_unflushed(&self) -> Result<Tx> {
        match self {
            Self::Sqlite(sqlite) => Ok(Tx::Sqlite(sqlite.write_unflushed().await?)),
            Self::Postgres(postgres) => Ok(Tx::Postgres(postgres.write_unflushed().await?)),
        }
    }

    /// Lets other instances write, who wait for that while [`Store::write_unflushed`] is called again and again.
    ///
    /// # Errors
    /// The database fails.
    pub async fn let_others_write(&self) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(postgres) => postgres.let_others_write().await,
        }
    }

    /// Comes back when all that is committed is on the disk.
    ///
    /// # Errors
    /// It may not be.
    pub async fn flush(&self) -> Result<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite.flush(),
            Self::Postgres(postgres) => postgres.flush().await,
        }
    }

    /// Begins to read.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn read(&self) -> Result<Tx> {
        match self {
            Self::Sqlite(sqlite) => Ok(Tx::Sqlite(sqlite.read().await?)),
            Self::Postgres(postgres) => Ok(Tx::Postgres(postgres.read().await?)),
        }
    }

    /// Whether the database can be written to.
    ///
    /// # Errors
    /// It cannot.
    pub async fn ping(&self) -> Result<()> {
        match self {
            // The write lock without a write: a database that became read-only, or whose disk is gone, says so here.
            Self::Sqlite(sqlite) => drop(sqlite.write().await?),
            Self::Postgres(postgres) => {
                if postgres.is_read_only().await? {
                    return Err(StoreError::Away(READ_ONLY.to_owned()));
                }
            }
        }
        Ok(())
    }

    /// Whether what is written is kept: by writing something and taking it away again. SQLite does not write what stays as it was. Only
    /// for a database that has failed at it, since an idle desk writes nothing.
    ///
    /// # Errors
    /// It is not kept.
    pub async fn try_writing(&self) -> Result<()> {
        let mut tx = self.write().await?;
        tx.run(sql::sql!("INSERT INTO deliveries (id, received_ms) VALUES ($1, 0)"), ["a trial".into()]).await?;
        tx.run(sql::sql!("DELETE FROM deliveries WHERE id = $1"), ["a trial".into()]).await?;
        tx.commit().await?;
        self.flush().await
    }

    /// Closes every connection, after what is running.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close().await,
            Self::Postgres(postgres) => postgres.close().await,
        }
    }

    /// What database this is, for the log: its kind and version.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn version(&self) -> Result<String> {
        Ok(match self {
            Self::Sqlite(_) => format!("SQLite {}", rusqlite::version()),
            Self::Postgres(postgres) => format!("PostgreSQL {}", postgres.setting("server_version").await?),
        })
    }
}

impl Tx {
    /// Makes everything done in it true, on disk.
    ///
    /// # Errors
    /// The database refuses; then nothing was done.
    pub async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(tx) => tx.commit()?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// Undoes everything done in it.
    ///
    /// # Errors
    /// The connection is gone; then it is undone as well.
    pub async fn rollback(self) -> Result<()> {
        match self {
            Self::Sqlite(tx) => drop(tx),
            Self::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }

    pub(crate) async fn rows<const N: usize>(&mut self, statement: &'static Statement, args: [Arg; N]) -> Result<Vec<Row>> {
        Ok(match self {
            Self::Sqlite(tx) => tx.rows(statement.sqlite(), &args)?,
            Self::Postgres(tx) => tx.rows(statement.postgres(), &args).await?,
        })
    }

    /// Runs a bundle, and gives the rows of each of its statements.
    pub(crate) async fn rows_of_each<const N: usize>(&mut self, bundle: &'static Bundle, args: [Arg; N]) -> Result<Vec<Vec<Row>>> {
        match self {
            Self::Sqlite(tx) => {
                let mut each = Vec::with_capacity(bundle.len());
                for parts in bundle.sqlite() {
                    let mut rows = Vec::new();
                    for part in parts {
                        rows.extend(tx.rows(&part.text, part.args(&args))?);
                    }
                    each.push(rows);
                }
                Ok(each)
            }
            Self::Postgres(tx) => tx.rows_of_each(bundle.postgres(), &args).await,
        }
    }

    /// Runs a bundle that writes.
    pub(crate) async fn change<const N: usize>(&mut self, bundle: &'static Bundle, args: [Arg; N]) -> Result<()> {
        match self {
            Self::Postgres(tx) => tx.change(bundle.postgres(), args.into()).await,
            Self::Sqlite(_) => self.rows_of_each(bundle, args).await.map(drop),
        }
    }

    pub(crate) async fn run<const N: usize>(&mut self, statement: &'static Statement, args: [Arg; N]) -> Result<u64> {
        Ok(match self {
            Self::Sqlite(tx) => tx.run(statement.sqlite(), &args)?,
            Self::Postgres(tx) => tx.run(statement.postgres(), &args).await?,
        })
    }
}
