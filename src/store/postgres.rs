//! PostgreSQL by sqlx: one connection that writes, as on SQLite, and a few that read. Each statement is a journey to the server, so whoever
//! writes in one process waits here for his turn rather than there, and begins with the writers' lock in one go. Intake under load keeps the lock
//! from one batch to the next, so that a batch is two journeys: one that reads, and one that writes and commits by itself.

use super::list::{Cell, List, cell};
use super::row::{Row, Value, unfit};
use super::sql::{Kind, Param, PgText};
use super::{Arg, NO_ANSWER, Result, StoreError, migrations, reach};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::query::Query;
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, PgConnection, PgPool, Postgres as Kinds, Row as _, SqlSafeStr as _,
    TypeInfo as _,
};
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// The one lock of writers; any number, as long as it stays the same. Nobody stands in line for it for long: a process that is stopped there
/// would be given the lock, once for each of its transactions, and keep it until the server ends that.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = '2s'; SELECT pg_advisory_xact_lock(7302026); SET LOCAL lock_timeout TO DEFAULT";
/// The same after one that was refused the lock.
const BEGIN_AGAIN: &str =
    "ROLLBACK; BEGIN; SET LOCAL lock_timeout = '2s'; SELECT pg_advisory_xact_lock(7302026); SET LOCAL lock_timeout TO DEFAULT";
/// The same on a connection that keeps the lock, where commits do not wait for the disk otherwise.
const BEGIN_KEEPING: &str = "BEGIN; SET LOCAL synchronous_commit TO DEFAULT";
/// Keeps the lock until [`LET_GO`], for what nobody acknowledges before [`Postgres::flush`]. A process that is stopped meanwhile loses it with
/// the connection.
const KEEP: &str = "SET lock_timeout = '2s'; SELECT pg_advisory_lock(7302026); RESET lock_timeout; SET synchronous_commit = off;
    SET idle_session_timeout = '5s'";
const LET_GO: &str = "SELECT pg_advisory_unlock(7302026); RESET synchronous_commit; RESET idle_session_timeout";
/// Servers from this version on end a session that is idle for too long outside of a transaction: only there the lock may be kept.
const KNOWS_IDLE_SESSIONS: u32 = 140_000;
/// A setting of no meaning, another value for each connection. Where it is not what it was set to, somebody stands in between who may give
/// each transaction another session, as poolers do, and a lock that a session keeps would be anybody's.
const MARK: &str = "partner_desk.session";
/// Takes the same for as long as the connection lasts, if nobody has it.
pub(super) const TAKE: &str = "SELECT pg_try_advisory_lock(7302026)";
/// The end of what nobody acknowledges before [`Postgres::flush`].
const COMMIT_UNFLUSHED: &str = "SET LOCAL synchronous_commit = off; COMMIT";
/// Writes a record of no meaning to the server's log and waits until that is where the server keeps what was committed, on its disk or also a
/// standby's, and with it all that was committed before.
const FLUSH: &str = "SELECT pg_logical_emit_message(true, 'partner-desk', '')";
/// Whoever could not get it so often in a row says so.
const MOST_TRIES: usize = 10;
/// The writers of this process are waited for so long.
const TURN: Duration = Duration::from_secs(20);
/// A statement may take so long. A network that drops what is sent tells nobody: without a limit of the desk's own it would wait for an answer
/// until the system gives the connection up, after a quarter of an hour, and with it whoever waits for the writer. The server has limits that
/// are a little shorter ([`limits`]): what the desk gives up must not go on there, and hold the writers' lock.
pub(super) const SLOWEST: Duration = Duration::from_secs(15);
/// A connection that was idle has to show within this that the server is still there; otherwise another is opened.
const ALIVE_WITHIN: Duration = Duration::from_secs(1);
/// Statements that a connection keeps prepared: more than the desk has.
const PREPARED: usize = 512;

/// How the desk's connections are set.
///
/// A process that is stopped in the middle of a transaction must not hold the writers' lock for ever, nor one that the network has cut off,
/// which the server would otherwise look after for two hours. And every statement of the desk has an index to go by, which a test sees to; so plans go by indexes whatever the server believes of the tables. What it believes is as old as its
/// last `ANALYZE`: a plan made when a table was empty reads all of it when it has grown by a hundred thousand rows a minute later. Nor is there
/// anything to be gained from planning anew for other arguments.
const SETTINGS: &[(&str, &str)] = &[
    ("idle_in_transaction_session_timeout", "5s"),
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "15s"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("jit", "off"),
];

/// How those are set that migrate: for as long as it takes, whatever the server or the role has for others.
const MIGRATING: &[(&str, &str)] = &[("statement_timeout", "0"), ("lock_timeout", "0"), ("idle_in_transaction_session_timeout", "0")];

/// How long the server lets a statement of the desk's go on and wait for a lock, where the desk waits so long for its answer: that it was
/// ended comes back before the desk gives it up, and on a connection that is as good as before. A commit has no such limit: it is what it is.
fn limits(slowest: Duration) -> [(&'static str, String); 2] {
    let part = |of_15| format!("{}ms", slowest.as_millis() * of_15 / 15);
    [("statement_timeout", part(14)), ("lock_timeout", part(10))]
}

/// A server with one connection that writes and a few that read.
#[derive(Clone)]
pub struct Postgres(Arc<Inner>);

struct Inner {
    options: PgConnectOptions,
    pool: PgPool,
    /// `None`: not there yet, or to be opened anew.
    writer: Arc<Mutex<Option<Writer>>>,
    /// Waits for the server's disk while the writer goes on.
    flusher: Mutex<Option<PgConnection>>,
    /// A statement may take so long.
    slowest: Duration,
    /// How often the server could not be reached: who waited for another that found this does not wait as long again.
    failures: AtomicU64,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

/// The connection that writes.
#[derive(Debug)]
struct Writer {
    connection: PgConnection,
    /// Whether it may keep the writers' lock from one transaction to the next.
    may_keep: bool,
    /// Whether it does.
    keeps: bool,
}

impl Writer {
    async fn connect(options: &PgConnectOptions) -> Result<Self> {
        let mark = RandomState::new().build_hasher().finish().to_string();
        let mut connection = connect(&options.clone().options([(MARK, &mark)])).await?;
        let ask = sqlx::query_scalar::<_, Option<String>>("SELECT current_setting($1, true)").bind(MARK).fetch_one(&mut connection);
        let seen = timeout(NO_ANSWER, ask).await.map_err(|_| no_answer(NO_ANSWER, "opening a connection"))??;
        let knows = connection.server_version_num().is_some_and(|version| version >= KNOWS_IDLE_SESSIONS);
        Ok(Self { connection, may_keep: knows && seen == Some(mark), keeps: false })
    }
}

/// A transaction on PostgreSQL. Dropped without its commit, it never was.
#[derive(Debug)]
pub enum PostgresTx {
    /// With the writers' lock.
    Writing(Writing),
    /// Without, and each statement sees what is committed when it begins.
    Reading(Reading),
}

/// The writer, until its transaction has ended.
#[derive(Debug)]
pub struct Writing {
    writer: Option<OwnedMutexGuard<Option<Writer>>>,
    slowest: Duration,
    /// How it ends.
    commit: &'static str,
    /// Whether the server knows of it. Where the lock is kept nothing can change between two statements, and what is read needs no transaction,
    /// nor does what is written if it is one statement.
    begun: bool,
    /// That statement, which has not been sent yet.
    last: Option<(&'static PgText, Vec<Arg>)>,
    /// Whether a statement is on its way.
    asks: bool,
}

/// One of the connections that read, until it is given back.
#[derive(Debug)]
pub struct Reading {
    connection: Option<PoolConnection<Kinds>>,
    slowest: Duration,
}

/// Whether a lock was waited for in vain.
pub(super) fn is_still_locked(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "55P03")
}

/// Whether a connection is of no use any more: it did not answer, or it can only read, as it goes on to do when the server takes writes again.
fn is_spent<T>(asked: &std::result::Result<sqlx::Result<T>, Elapsed>) -> bool {
    match asked {
        Ok(Ok(_)) => false,
        Ok(Err(error)) => error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "25006"),
        Err(_) => true,
    }
}

pub(super) fn no_answer(within: Duration, doing: &str) -> StoreError {
    StoreError::Away(format!("PostgreSQL did not answer within {} s: {doing}", within.as_secs()))
}

fn gone() -> StoreError {
    StoreError::Away("its connection was closed".to_owned())
}

/// A connection to write by, or to wait for the disk by.
async fn connect(options: &PgConnectOptions) -> Result<PgConnection> {
    Ok(timeout(NO_ANSWER, options.connect()).await.map_err(|_| no_answer(NO_ANSWER, "opening a connection"))??)
}

/// Connections that are looked at before they are used: one that hangs is closed, and takes up no place.
async fn connections(options: &PgConnectOptions, most: u32) -> sqlx::Result<PgPool> {
    let pool = PgPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(NO_ANSWER)
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(is_alive(connection)));
    pool.connect_with(options.clone()).await
}

async fn is_alive(connection: &mut PgConnection) -> sqlx::Result<bool> {
    timeout(ALIVE_WITHIN, connection.ping()).await.unwrap_or_else(|late| Err(sqlx::Error::Io(late.into()))).map(|()| true)
}

impl Postgres {
    pub(super) async fn open(url: &str, slowest: Duration) -> Result<Self> {
        let options = PgConnectOptions::from_str(url)?
            .statement_cache_capacity(PREPARED)
            .application_name("partner-desk")
            .disable_statement_logging();
        let settled = options.clone().options(SETTINGS.iter().copied()).options(limits(slowest));
        // It waits for a while for a server that is just starting.
        let pool = match connections(&settled, 8).await {
            Ok(pool) => pool,
            Err(error) => return Err(reach::why(&options, error).await),
        };
        migrate(&options, slowest).await?;
        Ok(Self::over(settled, pool, slowest))
    }

    pub(super) async fn open_to_look(url: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(url)?.application_name("partner-desk doctor").disable_statement_logging();
        reach::knock(&options).await?;
        let pool = connections(&options, 1).await?;
        Ok(Self::over(options, pool, SLOWEST))
    }

    fn over(options: PgConnectOptions, pool: PgPool, slowest: Duration) -> Self {
        let (writer, flusher, failures) = (Arc::default(), Mutex::default(), AtomicU64::default());
        Self(Arc::new(Inner { options, pool, writer, flusher, slowest, failures }))
    }

    /// The connections that read.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.0.pool
    }

    /// One of the connections that read, for what needs no transaction, and the answer of what is asked on it.
    pub(super) async fn ask<T>(&self, what: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>) -> Result<T> {
        let mut reading = self.reading().await?;
        let asked = timeout(reading.slowest, what(reading.connection()?)).await;
        reading.answer(asked)
    }

    /// What the server's setting of this name is.
    pub(super) async fn setting(&self, name: &str) -> Result<String> {
        let show = sqlx::query_scalar("SELECT current_setting($1)").bind(name);
        self.ask(async |connection| show.fetch_one(connection).await).await
    }

    /// Whether the server takes no writes. A connection goes by what was set when it was opened, so that a new one has the last word.
    pub(super) async fn is_read_only(&self) -> Result<bool> {
        if self.setting("transaction_read_only").await? != "on" {
            return Ok(false);
        }
        let mut new = connect(&self.0.options).await?;
        let show = sqlx::query_scalar::<_, String>("SHOW transaction_read_only").fetch_one(&mut new);
        Ok(timeout(NO_ANSWER, show).await.map_err(|_| no_answer(NO_ANSWER, "a statement"))?? == "on")
    }

    pub(super) async fn read(&self) -> Result<PostgresTx> {
        Ok(PostgresTx::Reading(self.reading().await?))
    }

    async fn reading(&self) -> Result<Reading> {
        Ok(Reading { connection: Some(self.0.pool.acquire().await?), slowest: self.0.slowest })
    }

    pub(super) async fn write(&self) -> Result<PostgresTx> {
        self.writing(false).await
    }

    pub(super) async fn write_unflushed(&self) -> Result<PostgresTx> {
        self.writing(true).await
    }

    pub(super) async fn flush(&self) -> Result<()> {
        let mut flusher = self.0.flusher.lock().await;
        loop {
            let was_there = flusher.is_some();
            let connection = match &mut *flusher {
                Some(connection) => connection,
                none => none.insert(connect(&self.0.options).await?),
            };
            let flushed = timeout(NO_ANSWER, sqlx::raw_sql(FLUSH).execute(connection)).await;
            if let Ok(Ok(_)) = flushed {
                return Ok(());
            }
            *flusher = None;
            match flushed {
                Ok(Err(_)) if was_there => {}
                Ok(Err(error)) => return Err(error.into()),
                _ => return Err(no_answer(NO_ANSWER, "waiting for its disk")),
            }
        }
    }

    async fn writing(&self, unflushed: bool) -> Result<PostgresTx> {
        let failures = self.0.failures.load(Ordering::Relaxed);
        let mut writer = self.turn().await?;
        if self.0.failures.load(Ordering::Relaxed) != failures {
            return Err(StoreError::Away("PostgreSQL could not be reached just before".to_owned()));
        }
        match self.begin(&mut writer, unflushed).await {
            Ok((commit, begun)) => {
                Ok(PostgresTx::Writing(Writing { writer: Some(writer), slowest: self.0.slowest, commit, begun, last: None, asks: false }))
            }
            Err(error) => {
                *writer = None;
                if error.is_everyones() {
                    self.0.failures.fetch_add(1, Ordering::Relaxed);
                }
                Err(error)
            }
        }
    }

    async fn turn(&self) -> Result<OwnedMutexGuard<Option<Writer>>> {
        let turn = timeout(TURN, self.0.writer.clone().lock_owned()).await;
        turn.map_err(|_| StoreError::Away(format!("other writers took more than {} s", TURN.as_secs())))
    }

    /// Begins to write; says how that is committed, and whether the server knows of it. A connection that was good before and is not any more, as
    /// after a restart of the server, is replaced.
    async fn begin(&self, slot: &mut Option<Writer>, unflushed: bool) -> Result<(&'static str, bool)> {
        if self.0.pool.is_closed() {
            return Err(sqlx::Error::PoolClosed.into());
        }
        let (mut tries, mut is_locked) = (0, false);
        loop {
            let was_there = slot.is_some();
            // Taken out until it has begun: of who is dropped half-way nobody knows how its session is set, and it is closed.
            let mut writer = match slot.take() {
                Some(writer) => writer,
                None => Writer::connect(&self.0.options).await?,
            };
            let keep = unflushed && writer.may_keep;
            let (begin, commit) = match (keep, writer.keeps) {
                (true, true) => {
                    *slot = Some(writer);
                    return Ok(("COMMIT", false));
                }
                (true, false) => (KEEP, "COMMIT"),
                (false, true) => (BEGIN_KEEPING, "COMMIT"),
                (false, false) => (if is_locked { BEGIN_AGAIN } else { BEGIN }, if unflushed { COMMIT_UNFLUSHED } else { "COMMIT" }),
            };
            tries += 1;
            // The lock has a limit of its own, below this.
            match timeout(NO_ANSWER, sqlx::raw_sql(begin).execute(&mut writer.connection)).await {
                Ok(Ok(_)) => {
                    writer.keeps |= keep;
                    *slot = Some(writer);
                    return Ok((commit, !keep));
                }
                Ok(Err(error)) if is_still_locked(&error) && tries < MOST_TRIES => {
                    is_locked = true;
                    *slot = Some(writer);
                }
                Ok(Err(_)) if was_there && !is_locked => {}
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Err(no_answer(NO_ANSWER, "beginning to write")),
            }
        }
    }

    /// Lets go of the writers' lock, if it is kept.
    pub(super) async fn let_others_write(&self) -> Result<()> {
        let mut slot = self.turn().await?;
        // Taken out: of who is dropped half-way nobody knows how its session is set, and it is closed.
        let Some(mut writer) = slot.take_if(|writer| writer.keeps) else { return Ok(()) };
        let done = timeout(NO_ANSWER, sqlx::raw_sql(LET_GO).execute(&mut writer.connection)).await;
        done.map_err(|_| no_answer(NO_ANSWER, "letting others write"))??;
        *slot = Some(Writer { keeps: false, ..writer });
        Ok(())
    }

    pub(super) async fn close(&self) {
        self.0.pool.close().await;
        let (writer, flusher) = (self.0.writer.lock().await.take(), self.0.flusher.lock().await.take());
        for connection in [writer.map(|writer| writer.connection), flusher].into_iter().flatten() {
            let _ = timeout(NO_ANSWER, connection.close()).await;
        }
    }
}

/// A connection of its own, without the desk's limits. What it holds it lets go when it is closed.
async fn migrate(options: &PgConnectOptions, slowest: Duration) -> Result<()> {
    let mut connection = connect(&options.clone().options(MIGRATING.iter().copied())).await?;
    let migrated = migrations::run_postgres(&mut connection, slowest).await;
    let _ = timeout(NO_ANSWER, connection.close()).await;
    migrated
}

impl Writing {
    fn connection(&mut self) -> Result<&mut PgConnection> {
        self.writer.as_deref_mut().and_then(Option::as_mut).map(|writer| &mut writer.connection).ok_or_else(gone)
    }

    /// Has the server know of it from now on, and of what was to be its last statement.
    async fn begin(&mut self) -> Result<()> {
        if self.begun {
            return Ok(());
        }
        self.asks = true;
        let begun = timeout(self.slowest, sqlx::raw_sql("BEGIN").execute(self.connection()?)).await;
        self.asks = false;
        self.answer(begun)?;
        self.begun = true;
        match self.last.take() {
            Some((text, args)) => self.run(text, &args).await.map(drop),
            None => Ok(()),
        }
    }

    async fn run(&mut self, text: &'static PgText, args: &[Arg]) -> Result<u64> {
        self.asks = true;
        let asked = timeout(self.slowest, bound(text, args)?.execute(self.connection()?)).await;
        self.asks = false;
        Ok(self.answer(asked)?.rows_affected())
    }

    /// What a statement came to. After one that was not answered, nothing more is asked on this connection.
    fn answer<T>(&mut self, asked: std::result::Result<sqlx::Result<T>, Elapsed>) -> Result<T> {
        let failed = !matches!(asked, Ok(Ok(_)));
        // Without a transaction there is no rollback that would show whether the connection is still good.
        if is_spent(&asked) || failed && !self.begun {
            drop(self.writer.as_deref_mut().and_then(Option::take));
        }
        Ok(asked.map_err(|_| no_answer(self.slowest, "a statement"))??)
    }

    async fn commit(mut self) -> Result<()> {
        if self.begun {
            let how = self.commit;
            return self.end(how).await;
        }
        match self.last.take() {
            Some((text, args)) => self.run(text, &args).await.map(drop),
            None => Ok(()),
        }
    }

    async fn rollback(self) -> Result<()> {
        if self.begun { self.end("ROLLBACK").await } else { Ok(()) }
    }

    async fn end(mut self, how: &'static str) -> Result<()> {
        let slowest = self.slowest;
        let done = timeout(slowest, sqlx::raw_sql(how).execute(self.connection()?)).await;
        if let Some(mut writer) = self.writer.take()
            && !matches!(done, Ok(Ok(_)))
        {
            *writer = None;
        }
        done.map_err(|_| no_answer(slowest, how))??;
        Ok(())
    }
}

impl Reading {
    fn connection(&mut self) -> Result<&mut PgConnection> {
        self.connection.as_deref_mut().ok_or_else(gone)
    }

    /// What a statement came to. After one that was not answered, nothing more is asked on this connection.
    fn answer<T>(&mut self, asked: std::result::Result<sqlx::Result<T>, Elapsed>) -> Result<T> {
        if is_spent(&asked)
            && let Some(mut connection) = self.connection.take()
        {
            connection.close_on_drop();
        }
        Ok(asked.map_err(|_| no_answer(self.slowest, "a statement"))??)
    }
}

impl Drop for Reading {
    /// The pool asks the server for a sign of life before it takes a connection back, and would wait for it without end.
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(timeout(NO_ANSWER, connection.return_to_pool()));
        }
    }
}

impl Drop for Writing {
    /// Others, of other processes as well, wait for the lock: it is let go now, not with the next transaction.
    fn drop(&mut self) {
        let Some(mut slot) = self.writer.take() else { return };
        if !self.begun {
            // Of what was on its way nobody knows what became; of a connection that is closed the server forgets it.
            if self.asks {
                *slot = None;
            }
            return;
        }
        let Some(mut writer) = slot.take() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Ok(Ok(_)) = timeout(NO_ANSWER, sqlx::raw_sql("ROLLBACK").execute(&mut writer.connection)).await {
                    *slot = Some(writer);
                }
            });
        }
    }
}

impl PostgresTx {
    pub(super) async fn commit(self) -> Result<()> {
        match self {
            Self::Writing(writing) => writing.commit().await,
            Self::Reading(_) => Ok(()),
        }
    }

    pub(super) async fn rollback(self) -> Result<()> {
        match self {
            Self::Writing(writing) => writing.rollback().await,
            Self::Reading(_) => Ok(()),
        }
    }

    pub(super) async fn rows(&mut self, text: &'static PgText, args: &[Arg]) -> Result<Vec<Row>> {
        self.asks(text.sql.starts_with("SELECT")).await?;
        let asked = timeout(self.slowest(), bound(text, args)?.fetch_all(self.connection()?)).await;
        let rows = self.answer(asked)?;
        let Some(first) = rows.first() else { return Ok(Vec::new()) };
        let names: Arc<[String]> = first.columns().iter().map(|column| column.name().to_owned()).collect();
        let values = |row: &PgRow| (0..names.len()).map(|place| value(row, place)).collect::<sqlx::Result<_>>();
        rows.iter().map(|row| Ok(Row::new(&names, values(row)?))).collect()
    }

    pub(super) async fn run(&mut self, text: &'static PgText, args: &[Arg]) -> Result<u64> {
        self.asks(false).await?;
        let asked = timeout(self.slowest(), bound(text, args)?.execute(self.connection()?)).await;
        Ok(self.answer(asked)?.rows_affected())
    }

    /// Runs the statements of a bundle, which all read, as one, and gives the rows of each.
    pub(super) async fn rows_of_each(&mut self, text: &'static PgText, args: &[Arg]) -> Result<Vec<Vec<Row>>> {
        self.asks(true).await?;
        let asked = timeout(self.slowest(), bound(text, args)?.fetch_one(self.connection()?)).await;
        let row = self.answer(asked)?;
        let mut places = 0..;
        let each = text.given.iter().map(|names| {
            let mut columns =
                places.by_ref().take(names.len()).map(|place| Ok(values(&row, place)?.into_iter())).collect::<Result<Vec<_>>>()?;
            let count = columns.first().map_or(0, ExactSizeIterator::len);
            Ok((0..count).map(|_| Row::new(names, columns.iter_mut().filter_map(Iterator::next).collect())).collect())
        });
        each.collect()
    }

    /// Runs the statements of a bundle, which all write, as one: where nothing else is written, and no transaction is there for more, by the
    /// commit.
    pub(super) async fn change(&mut self, text: &'static PgText, args: Vec<Arg>) -> Result<()> {
        match self {
            Self::Writing(Writing { begun: false, last: last @ None, .. }) => *last = Some((text, args)),
            _ => drop(self.run(text, &args).await?),
        }
        Ok(())
    }

    /// Before a statement is sent: all but what reads before anything is written needs a transaction.
    async fn asks(&mut self, reads: bool) -> Result<()> {
        if let Self::Writing(writing) = self {
            if !reads || writing.last.is_some() {
                writing.begin().await?;
            }
            writing.asks = true;
        }
        Ok(())
    }

    fn connection(&mut self) -> Result<&mut PgConnection> {
        match self {
            Self::Writing(writing) => writing.connection(),
            Self::Reading(reading) => reading.connection(),
        }
    }

    fn slowest(&self) -> Duration {
        match self {
            Self::Writing(Writing { slowest, .. }) | Self::Reading(Reading { slowest, .. }) => *slowest,
        }
    }

    fn answer<T>(&mut self, asked: std::result::Result<sqlx::Result<T>, Elapsed>) -> Result<T> {
        match self {
            Self::Reading(reading) => reading.answer(asked),
            Self::Writing(writing) => {
                writing.asks = false;
                writing.answer(asked)
            }
        }
    }
}

/// What stands at a place of a row.
fn value(row: &PgRow, place: usize) -> sqlx::Result<Value> {
    match row.column(place).type_info().name() {
        "INT8" => Ok(row.try_get::<Option<i64>, _>(place)?.into()),
        _ => Ok(row.try_get::<Option<String>, _>(place)?.into()),
    }
}

/// A column that stands there as an array, or as nothing where it has no rows.
fn values(row: &PgRow, place: usize) -> sqlx::Result<Vec<Value>> {
    fn all<T: Into<Value>>(values: Option<Vec<T>>) -> Vec<Value> {
        values.into_iter().flatten().map(Into::into).collect()
    }
    match row.column(place).type_info().name() {
        "INT8[]" => Ok(all(row.try_get::<Option<Vec<Option<i64>>>, _>(place)?)),
        _ => Ok(all(row.try_get::<Option<Vec<Option<String>>>, _>(place)?)),
    }
}

/// A statement with its arguments.
pub(super) fn bound<'a>(text: &'a PgText, args: &'a [Arg]) -> Result<Query<'a, Kinds, PgArguments>> {
    let mut query = sqlx::query(AssertSqlSafe(text.sql.clone()).into_sql_str());
    for param in &text.params {
        query = match (param, args.get(param.place())) {
            (Param::Whole(_), Some(Arg::Int(value))) => query.bind(value),
            (Param::Whole(_), Some(Arg::MaybeInt(value))) => query.bind(value),
            (Param::Whole(_), Some(Arg::Text(value))) => query.bind(value),
            (Param::Whole(_), Some(Arg::MaybeText(value))) => query.bind(value),
            (Param::List(_, Kind::Int), Some(Arg::List(List::Ints(values)))) => query.bind(values),
            (Param::List(_, Kind::Text), Some(Arg::List(List::Texts(values)))) => query.bind(values),
            (Param::List(_, Kind::Int), Some(Arg::List(list))) if list.is_empty() => query.bind(Vec::<i64>::new()),
            (Param::List(_, Kind::Text), Some(Arg::List(list))) if list.is_empty() => query.bind(Vec::<String>::new()),
            (Param::Column { at, name, kind, .. }, Some(Arg::List(list))) => {
                let rows = match list {
                    List::Rows(rows) => rows.as_slice(),
                    list if list.is_empty() => &[],
                    _ => return Err(unfit(name, "values in place of rows")),
                };
                let cells = rows.iter().map(|row| cell(row, *at, name));
                match kind {
                    Kind::Int => query.bind(cells.map(|cell| int_of(cell, name)).collect::<Result<Vec<_>>>()?),
                    Kind::Text => query.bind(cells.map(|cell| text_of(cell, name)).collect::<Result<Vec<_>>>()?),
                }
            }
            (param, _) => return Err(unfit(&format!("{param:?}"), "an argument of another kind")),
        };
    }
    Ok(query)
}

fn int_of(cell: &Cell, column: &str) -> Result<Option<i64>> {
    match cell {
        Cell::None => Ok(None),
        Cell::Int(value) => Ok(Some(*value)),
        Cell::Text(_) => Err(unfit(column, "text in place of a number")),
    }
}

fn text_of<'a>(cell: &'a Cell, column: &str) -> Result<Option<&'a str>> {
    match cell {
        Cell::None => Ok(None),
        Cell::Text(value) => Ok(Some(value)),
        Cell::Int(_) => Err(unfit(column, "a number in place of text")),
    }
}
