//! SQLite by plain calls, on the thread that asks: a statement costs what SQLite costs. An asynchronous driver has a thread of its own for
//! each connection, and the way there and back costs several times what most of the desk's statements do.
//!
//! What may take long, the lock and the disk, is waited for where no other task waits behind it.

use super::list::{Cell, List, cell};
use super::row::{Row, Value, unfit};
use super::sql::{Each, Text};
use super::{Arg, Result, StoreError, migrations};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, Statement, ToSql};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

/// Others that write to the same file, commands among them, are waited for so long.
const PATIENCE: Duration = Duration::from_secs(5);
/// And the writers of this process so long.
const TURN: Duration = Duration::from_secs(30);
/// Read at once by so many.
const READERS: usize = 4;
/// How commits come to the disk: by themselves, or by [`Sqlite::flush`]. In between nothing is lost but by the machine going down, and the
/// order stays: SQLite brings the log to the disk before it copies it into the file, and before it begins it anew.
const FLUSHED: &str = "PRAGMA synchronous = FULL";
const UNFLUSHED: &str = "PRAGMA synchronous = NORMAL";
/// The writer copies its log into the file when it has so many pages, and begins it anew.
const LONGEST_LOG: i64 = 8000;
/// Under load much of that has been done by then, whenever there was so much, while the writer went on.
const COPIED_AT: i64 = 2000;
/// Whether there is as much is looked at when it was brought to the disk so often.
const COPY_LOOKS: usize = 16;
/// Statements that a connection keeps prepared.
const PREPARED: usize = 256;

/// A file with one writer and a few readers.
#[derive(Debug, Clone)]
pub struct Sqlite(Arc<Inner>);

struct Inner {
    file: PathBuf,
    /// Which one that was when it was opened.
    opened: Identity,
    /// Its write-ahead log.
    log: PathBuf,
    /// Which one the writer has.
    logged: Mutex<Identity>,
    /// Before the writer, which copies the log into the file and takes it away when it ends as the last one: these cannot.
    readers: Mutex<Vec<Connection>>,
    /// `None`: closed, or to be opened anew.
    writer: Arc<tokio::sync::Mutex<Option<Writer>>>,
    /// Copies the log into the file beside the writer.
    copier: Mutex<Option<Connection>>,
    room: Arc<Semaphore>,
    /// How often it was brought to the disk since that was looked at.
    unlooked: AtomicUsize,
    /// Opened to be looked at.
    only_looks: bool,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").field("file", &self.file).finish_non_exhaustive()
    }
}

/// The connection that writes.
#[derive(Debug)]
struct Writer {
    connection: Connection,
    /// Whether its commits wait for the disk. It stays as the last transaction had it, since under load one is like the one before.
    flushes: bool,
}

impl Writer {
    /// Makes its commits wait for the disk, or not.
    fn be(&mut self, flushes: bool) -> rusqlite::Result<()> {
        if self.flushes != flushes {
            self.connection.execute_batch(if flushes { FLUSHED } else { UNFLUSHED })?;
            self.flushes = flushes;
        }
        Ok(())
    }

    /// Begins a transaction if that takes no waiting.
    fn begins_at_once(&mut self, unflushed: bool) -> Result<bool> {
        self.be(!unflushed)?;
        self.connection.busy_timeout(Duration::ZERO)?;
        let begun = execute(&self.connection, "BEGIN IMMEDIATE");
        self.connection.busy_timeout(PATIENCE)?;
        match begun {
            Err(error) if error.is_busy() => Ok(false),
            begun => begun.map(|()| true),
        }
    }
}

/// A transaction on SQLite. Dropped without its commit, it never was.
#[derive(Debug)]
pub struct SqliteTx(Held);

#[derive(Debug)]
enum Held {
    Writing(OwnedMutexGuard<Option<Writer>>),
    Reading { sqlite: Sqlite, connection: Option<Box<Connection>>, _room: OwnedSemaphorePermit },
}

/// Which file it is, whatever it is called; where nothing tells, all are alike.
type Identity = (u64, u64);

fn identity(found: &std::fs::Metadata) -> Identity {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        (found.dev(), found.ino())
    }
    #[cfg(not(unix))]
    {
        let _ = found;
        (0, 0)
    }
}

fn identity_of(path: &Path) -> Result<Identity> {
    std::fs::metadata(path).map(|found| identity(&found)).map_err(|_| not_there(path))
}

/// SQLite goes on writing to a file that was moved or deleted, where nobody would find it after a restart.
fn is_still(path: &Path, opened: Identity) -> Result<()> {
    if identity_of(path)? == opened { Ok(()) } else { Err(not_there(path)) }
}

fn not_there(path: &Path) -> StoreError {
    StoreError::Away(format!(
        "`{}` is not there any more, or another file is in its place: put back what was moved, or stop the desk and restore a backup",
        path.display()
    ))
}

/// The file that a URL names: `sqlite://FILE`, relative to the working directory unless it begins with a slash.
pub(super) fn file_of(url: &str) -> Result<PathBuf> {
    let rest = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")).unwrap_or_default();
    let (file, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let unfit = |why: &str| StoreError::File(format!("expected `sqlite://FILE`, found `{url}`: {why}"));
    // What the desk does anyway.
    if !matches!(parameters, "" | "mode=rwc") {
        return Err(unfit("parameters behind `?` are not known here"));
    }
    let file = percent_encoding::percent_decode_str(file).decode_utf8().map_err(|_| unfit("the file's name is not UTF-8"))?;
    match &*file {
        "" => Err(unfit("it names no file")),
        ":memory:" => Err(unfit("what is only in memory would be lost")),
        file => Ok(PathBuf::from(file)),
    }
}

/// Does what may take long without holding up the tasks that share this thread.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// SQLite takes the log away that it finds beside a new file, with all in it that was acknowledged and not copied yet.
fn has_its_log(file: &Path) -> Result<()> {
    let holds = |path: &Path| std::fs::metadata(path).is_ok_and(|found| found.len() > 0);
    let log = beside(file, "-wal");
    if holds(file) || !holds(&log) {
        return Ok(());
    }
    let (file, log) = (file.display(), log.display());
    Err(StoreError::Away(format!(
        "`{file}` is not there, but its log `{log}` is: put back what was moved, or move the log away to begin anew"
    )))
}

/// What SQLite says of a file that it cannot open, with the file and what to do.
fn unopened(file: &Path, error: StoreError) -> StoreError {
    let StoreError::Sqlite(said) = &error else { return error };
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let what = match super::kind_of(said) {
        Some(8) => "the user that runs the desk has to be able to write to the file and to make others beside it".to_owned(),
        Some(10) => "see whether its disk works, and whether another file was put in its place".to_owned(),
        Some(11) => "it is damaged: restore a backup".to_owned(),
        Some(13) => "make room on its disk".to_owned(),
        Some(14) if !folder.exists() => format!("there is no folder `{}`: make it, or have DATABASE_URL name another", folder.display()),
        Some(14) => "the user that runs the desk has to be able to read the file and to make others beside it".to_owned(),
        Some(26) => "DATABASE_URL names some other file, or it is damaged: then restore a backup".to_owned(),
        _ => return error,
    };
    StoreError::Away(format!("`{}`: {said}: {what}", file.display()))
}

/// The file beside another of the same name with an ending.
#[must_use]
pub fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Opens a connection for reading and writing. A new file is for its owner alone: it holds names of people.
pub(super) fn connect(file: &Path, create: bool) -> Result<Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    flags.set(OpenFlags::SQLITE_OPEN_CREATE, create);
    if create {
        has_its_log(file)?;
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // Whatever is wrong with the place, SQLite says so next.
        drop(options.open(file));
    }
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

/// Opens a connection that cannot write.
pub(super) fn connect_to_read(file: &Path) -> Result<Connection> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

/// As a writer or a reader of the desk has it.
fn settle(connection: &Connection) -> Result<()> {
    connection.set_prepared_statement_cache_capacity(PREPARED);
    Ok(connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384;")?)
}

impl Sqlite {
    /// Opens a file, creating and migrating it.
    pub(super) async fn open(url: &str) -> Result<Self> {
        let file = file_of(url)?;
        Self::open_file(file.clone()).await.map_err(|error| unopened(&file, error))
    }

    async fn open_file(file: PathBuf) -> Result<Self> {
        let mut tries = 0;
        let writer = loop {
            match aside(|| Self::writer(&file, true)) {
                // A new file becomes a WAL database without SQLite's patience for others that are just doing the same.
                Err(error) if error.is_busy() && tries < 100 => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                opened => break opened?,
            }
        };
        aside(|| migrations::run_sqlite(&writer.connection))?;
        let log = log_of(&writer.connection)?;
        let (opened, logged) = (identity_of(&file)?, Mutex::new(identity_of(&log)?));
        let writer = Arc::new(tokio::sync::Mutex::new(Some(writer)));
        Ok(Self(Arc::new(Inner {
            file,
            opened,
            log,
            logged,
            readers: Mutex::default(),
            writer,
            copier: Mutex::default(),
            room: Arc::new(Semaphore::new(READERS)),
            unlooked: AtomicUsize::default(),
            only_looks: false,
        })))
    }

    /// Opens a file that is there, to look at it and no more.
    pub(super) fn open_to_look(url: &str) -> Result<Self> {
        let file = file_of(url)?;
        let readers = Mutex::new(vec![connect_to_read(&file).map_err(|error| unopened(&file, error))?]);
        let opened = identity_of(&file)?;
        Ok(Self(Arc::new(Inner {
            file,
            opened,
            log: PathBuf::new(),
            logged: Mutex::default(),
            readers,
            writer: Arc::default(),
            copier: Mutex::default(),
            room: Arc::new(Semaphore::new(READERS)),
            unlooked: AtomicUsize::default(),
            only_looks: true,
        })))
    }

    /// Gives a connection of its own that cannot write to what is no statement of the desk.
    pub(super) fn with_reader<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        Ok(work(&connect_to_read(&self.0.file)?)?)
    }

    fn writer(file: &Path, create: bool) -> Result<Writer> {
        let connection = connect(file, create)?;
        settle(&connection)?;
        // A webhook is acknowledged after the commit and GitHub never sends it again by itself: every commit is on the disk.
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
        connection.pragma_update(None, "wal_autocheckpoint", LONGEST_LOG)?;
        Ok(Writer { connection, flushes: true })
    }

    /// Where it is.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.0.file
    }

    pub(super) async fn write(&self) -> Result<SqliteTx> {
        self.begin(false).await
    }

    pub(super) async fn write_unflushed(&self) -> Result<SqliteTx> {
        self.begin(true).await
    }

    async fn begin(&self, unflushed: bool) -> Result<SqliteTx> {
        let busy = |_| StoreError::Away(format!("other writers have not come to an end for {} s", TURN.as_secs()));
        let mut writer = tokio::time::timeout(TURN, self.0.writer.clone().lock_owned()).await.map_err(busy)?;
        if self.0.room.is_closed() {
            return Err(closed());
        }
        if self.0.only_looks {
            return Err(StoreError::Away("it was opened to be looked at only".to_owned()));
        }
        is_still(&self.0.file, self.0.opened)?;
        // Otherwise it is looked at when it is brought to the disk.
        if writer.is_some() && !unflushed {
            is_still(&self.0.log, *self.logged())?;
        }
        // Mostly nobody else writes to the file, and there is nothing to wait for.
        let begun = writer.as_mut().map_or(Ok(false), |writer| writer.begins_at_once(unflushed))?;
        if !begun {
            aside(|| {
                let writer = match &mut *writer {
                    Some(writer) => writer,
                    none => {
                        let opened = Self::writer(&self.0.file, false)?;
                        *self.logged() = identity_of(&self.0.log)?;
                        none.insert(opened)
                    }
                };
                writer.be(!unflushed)?;
                execute(&writer.connection, "BEGIN IMMEDIATE")
            })?;
        }
        Ok(SqliteTx(Held::Writing(writer)))
    }

    fn logged(&self) -> MutexGuard<'_, Identity> {
        self.0.logged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the log to the disk as far as it is written. It is not SQLite who does, so that the next transaction need not wait for it.
    pub(super) fn flush(&self) -> Result<()> {
        let log = &self.0.log;
        // Opened anew each time: SQLite takes it away when its last connection is closed, and makes another.
        let flushed = aside(|| {
            let file = std::fs::File::open(log)?;
            file.sync_data()?;
            file.metadata()
        });
        let flushed = flushed.map_err(|error| StoreError::Away(format!("`{}` was not brought to the disk: {error}", log.display())))?;
        if identity(&flushed) != *self.logged() {
            return Err(not_there(log));
        }
        self.copy_aside();
        Ok(())
    }

    /// Has the log copied by another thread if there is much of it, so that the writer need not wait for the file's way to the disk. Whatever
    /// comes of it, the writer does it in the end.
    fn copy_aside(&self) {
        if self.0.unlooked.fetch_add(1, Ordering::Relaxed) < COPY_LOOKS {
            return;
        }
        let (sqlite, Ok(here)) = (self.clone(), Handle::try_current()) else { return };
        self.0.unlooked.store(0, Ordering::Relaxed);
        drop(here.spawn_blocking(move || {
            if let Err(error) = sqlite.copy() {
                tracing::debug!(%error, "SQLite's log was not copied into its file, which the writer will do");
            }
        }));
    }

    fn copy(&self) -> Result<()> {
        // Another one that copies does it for all.
        let Ok(mut copier) = self.0.copier.try_lock() else { return Ok(()) };
        if self.0.room.is_closed() {
            return Ok(());
        }
        let connection = match &mut *copier {
            Some(connection) => connection,
            none => none.insert(connect(&self.0.file, false)?),
        };
        let pages = |how: &str| connection.query_row(how, [], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?));
        if pages("PRAGMA wal_checkpoint(NOOP)")? >= COPIED_AT {
            pages("PRAGMA wal_checkpoint(PASSIVE)")?;
        }
        Ok(())
    }

    /// Gives the writer's connection to what is no transaction, like a pragma.
    ///
    /// # Errors
    /// The database is closed.
    pub async fn with_writer<T>(&self, work: impl FnOnce(&Connection) -> T) -> Result<T> {
        Ok(work(&self.0.writer.lock().await.as_ref().ok_or_else(closed)?.connection))
    }

    pub(super) async fn read(&self) -> Result<SqliteTx> {
        let room = self.0.room.clone().acquire_owned().await.map_err(|_| closed())?;
        let idle = self.0.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = if let Some(connection) = idle {
            connection
        } else {
            is_still(&self.0.file, self.0.opened)?;
            let connection = connect_to_read(&self.0.file)?;
            settle(&connection)?;
            connection
        };
        execute(&connection, "BEGIN")?;
        Ok(SqliteTx(Held::Reading { sqlite: self.clone(), connection: Some(Box::new(connection)), _room: room }))
    }

    /// Closes every connection, after what is running.
    pub(super) async fn close(&self) {
        self.0.room.close();
        *self.0.copier.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.0.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *self.0.writer.lock().await = None;
    }
}

/// The log of a file, which is beside it, or beside what it is a link to.
fn log_of(connection: &Connection) -> Result<PathBuf> {
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    let (Some(file), "wal") = (connection.path(), mode.as_str()) else {
        let why =
            format!("SQLite keeps no write-ahead log for it (`journal_mode` is `{mode}`), as on some network drives: put it on another");
        return Err(StoreError::Away(why));
    };
    Ok(PathBuf::from(format!("{file}-wal")))
}

fn closed() -> StoreError {
    StoreError::Away("it was closed".to_owned())
}

impl SqliteTx {
    fn connection(&self) -> Result<&Connection> {
        match &self.0 {
            Held::Writing(writer) => writer.as_ref().map(|writer| &writer.connection),
            Held::Reading { connection, .. } => connection.as_deref(),
        }
        .ok_or_else(closed)
    }

    pub(super) fn commit(self) -> Result<()> {
        let connection = self.connection()?;
        // Who is dropped without a commit is rolled back; so is who failed at it.
        aside(|| execute(connection, "COMMIT"))
    }

    pub(super) fn rows<'a>(&self, text: &Text, args: impl IntoIterator<Item = &'a Arg>) -> Result<Vec<Row>> {
        Ok(perform(self.connection()?, text, args)?.0)
    }

    /// Runs a statement; how many rows it changed.
    pub(super) fn run(&self, text: &Text, args: &[Arg]) -> Result<u64> {
        Ok(perform(self.connection()?, text, args)?.1)
    }
}

impl Drop for SqliteTx {
    fn drop(&mut self) {
        // After a failure like a full disk SQLite has ended the transaction by itself.
        let ends = |connection: &Connection| connection.is_autocommit() || execute(connection, "ROLLBACK").is_ok();
        match &mut self.0 {
            Held::Writing(writer) => {
                if !writer.as_ref().is_some_and(|writer| ends(&writer.connection)) {
                    **writer = None;
                }
            }
            Held::Reading { sqlite, connection, .. } => {
                if let Some(connection) = connection.take().filter(|connection| ends(connection))
                    && !sqlite.0.room.is_closed()
                {
                    sqlite.0.readers.lock().unwrap_or_else(PoisonError::into_inner).push(*connection);
                }
            }
        }
    }
}

impl ToSql for Arg {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Int(value) => value.to_sql(),
            Self::MaybeInt(value) => value.to_sql(),
            Self::Text(value) => value.to_sql(),
            Self::MaybeText(value) => value.to_sql(),
            Self::List(values) => Ok(json_of(values)?.into()),
        }
    }
}

/// A list as a statement takes it that looks into it.
fn json_of(values: &List) -> rusqlite::Result<String> {
    serde_json::to_string(values).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn bind<'a>(statement: &mut Statement<'_>, args: impl IntoIterator<Item = &'a Arg>) -> rusqlite::Result<()> {
    args.into_iter().enumerate().try_for_each(|(place, arg)| statement.raw_bind_parameter(place + 1, arg))
}

fn bind_all_but(statement: &mut Statement<'_>, args: &[&Arg], but: usize) -> rusqlite::Result<()> {
    let mut others = args.iter().enumerate().filter(|(place, _)| *place != but);
    others.try_for_each(|(place, arg)| statement.raw_bind_parameter(place + 1, arg))
}

fn execute(connection: &Connection, sql: &'static str) -> Result<()> {
    connection.prepare_cached(sql)?.raw_execute()?;
    Ok(())
}

/// Runs a statement, once or for each value or row that it is given; what it gave, and how many rows it changed.
fn perform<'a>(connection: &Connection, text: &Text, args: impl IntoIterator<Item = &'a Arg>) -> Result<(Vec<Row>, u64)> {
    let mut statement = connection.prepare_cached(&text.sql)?;
    let names = text.names.get_or_init(|| statement.column_names().into_iter().map(str::to_owned).collect());
    let (mut all, mut changed) = (Vec::new(), 0);
    let mut go = |statement: &mut Statement<'_>| -> Result<()> {
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            let values = (0..names.len()).map(|place| Ok(row.get_ref(place)?.into())).collect::<rusqlite::Result<_>>()?;
            all.push(Row::new(names, values));
        }
        changed += connection.changes();
        Ok(())
    };
    let (rows, columns, after) = match &text.each {
        None => {
            bind(&mut statement, args)?;
            go(&mut statement)?;
            return Ok((all, changed));
        }
        Some(Each::Value(place)) => {
            let args: Vec<_> = args.into_iter().collect();
            bind_all_but(&mut statement, &args, *place)?;
            match args.get(*place) {
                Some(Arg::List(List::Ints(values))) => {
                    for value in values {
                        statement.raw_bind_parameter(place + 1, value)?;
                        go(&mut statement)?;
                    }
                }
                Some(Arg::List(List::Texts(values))) => {
                    for value in values {
                        statement.raw_bind_parameter(place + 1, value)?;
                        go(&mut statement)?;
                    }
                }
                Some(Arg::List(list)) if list.is_empty() => {}
                _ => return Err(unfit("each", "no list of values")),
            }
            return Ok((all, changed));
        }
        Some(Each::Row { rows, columns, after }) => (*rows, columns, *after),
    };
    let args: Vec<_> = args.into_iter().collect();
    let given = match args.get(rows) {
        Some(Arg::List(List::Rows(given))) => given.as_slice(),
        Some(Arg::List(list)) if list.is_empty() => &[],
        _ => return Err(unfit("rows", "no list of rows")),
    };
    bind_all_but(&mut statement, &args, rows)?;
    for row in given {
        for (place, column) in columns.iter().enumerate() {
            statement.raw_bind_parameter(after + 1 + place, cell(row, place, column))?;
        }
        go(&mut statement)?;
    }
    Ok((all, changed))
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::None,
            ValueRef::Integer(value) => Self::Int(value),
            ValueRef::Text(text) => String::from_utf8(text.to_vec()).map_or(Self::Other("text that is not UTF-8"), Self::Text),
            ValueRef::Real(_) => Self::Other("a float"),
            ValueRef::Blob(_) => Self::Other("a blob"),
        }
    }
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::None => Ok(ToSqlOutput::Borrowed(ValueRef::Null)),
            Self::Int(value) => value.to_sql(),
            Self::Text(value) => value.to_sql(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::file_of;

    #[test]
    fn a_url_names_one_file_or_says_what_is_wrong() {
        for (url, file) in
            [("sqlite://desk.db", "desk.db"), ("sqlite:///var/a%20b.db?mode=rwc", "/var/a b.db"), ("sqlite:desk.db", "desk.db")]
        {
            assert_eq!(file_of(url).unwrap().to_str(), Some(file));
        }
        for (url, why) in [("sqlite://", "it names no file"), ("sqlite::memory:", "would be lost"), ("sqlite://a.db?cache=x", "behind `?`")]
        {
            let said = file_of(url).unwrap_err().to_string();
            assert!(said.starts_with("DATABASE_URL: expected `sqlite://FILE`") && said.contains(why), "{said}");
        }
    }
}
