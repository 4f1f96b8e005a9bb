//! `backup`: a copy of the database while the desk runs.

use super::CliError;
use crate::clock::Clock;
use crate::settings::Settings;
use crate::store::AuditLine;
use crate::store::backup::{beside, copy_sqlite, note_copy, pg_dump_command, sqlite_file};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Where to.
#[derive(Debug, Clone, clap::Args)]
pub struct Backup {
    /// The file to write.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the file if it is there.
    #[arg(long)]
    force: bool,
}

/// Copies the database, checks the copy, and puts it in its place; until then the file is as it was.
///
/// # Errors
/// The database is PostgreSQL, which has a tool of its own for that; the file is there already; the copy cannot be made or is not sound.
pub fn run(backup: &Backup, settings: &Settings, out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    let Backup { file, force } = backup;
    if !settings.database_url.starts_with("sqlite:") {
        let command = pg_dump_command(&settings.database_url, &file.display().to_string())?;
        return Err(CliError::Usage(format!(
            "DATABASE_URL is PostgreSQL, whose own tool backs it up while the desk runs:\n  {command}\nThe password is asked for, or read from PGPASSWORD or ~/.pgpass."
        )));
    }
    let database = sqlite_file(&settings.database_url)?;
    if !database.is_file() {
        return Err(CliError::Failed(format!("{}: no database is there; DATABASE_URL names it", database.display())));
    }
    let part = beside(file, ".part");
    // With `--force` too: the copy would take the place of a file that the desk is writing to.
    for file in [file, &part] {
        if is_part_of(file, &database)? {
            return Err(CliError::Usage(format!("{} belongs to the database itself; name another file", file.display())));
        }
        match std::fs::symlink_metadata(file) {
            Ok(found) if !found.is_file() => {
                return Err(CliError::Usage(format!("{} is there and no plain file; name another file", file.display())));
            }
            Ok(_) if !force => {
                return Err(CliError::Failed(format!(
                    "{} is there already; name another file, or replace it with --force",
                    file.display()
                )));
            }
            _ => {}
        }
    }
    let held = hold(&part)?;
    let made = make(&settings.database_url, &held, &part, file);
    if made.is_err() {
        let _ = std::fs::remove_file(&part);
        let _ = std::fs::remove_file(beside(&part, "-journal"));
    }
    let counts = made.map_err(|error| CliError::Failed(format!("{}: {error}; nothing was kept", file.display())))?;
    for (table, rows) in counts.iter().filter(|(table, _)| table != "_sqlx_migrations") {
        writeln!(out, "{table:<18} {rows:>10}")?;
    }
    writeln!(out, "{}: {} bytes, checked", file.display(), std::fs::metadata(file)?.len())?;
    // A database that cannot be written to is a reason to have a copy of it.
    let line = AuditLine { at: Clock::system().now(), act: "backup".to_owned(), detail: file.display().to_string() };
    if let Err(error) = note_copy(&settings.database_url, &line) {
        tracing::warn!(%error, "the copy is made, but the record of operators' acts does not name it");
    }
    Ok(())
}

/// Makes the file that the copy is written into, and holds it, so that of two that want the same file the second makes way.
fn hold(part: &Path) -> Result<File, CliError> {
    let named =
        |error: std::io::Error| CliError::Failed(format!("{}: {error}; is its folder there, and may you write to it?", part.display()));
    let in_use = || CliError::Failed(format!("{} is being written by another backup; name another file, or wait for it", part.display()));
    // Left behind by one that was killed, or somebody is at it.
    if let Ok(left) = File::open(part) {
        left.try_lock().map_err(|_| in_use())?;
        std::fs::remove_file(part).map_err(named)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // Before anything is in it: it holds names of people.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = options.open(part).map_err(|error| if error.kind() == ErrorKind::AlreadyExists { in_use() } else { named(error) })?;
    made.try_lock().map_err(|_| in_use())?;
    Ok(made)
}

fn make(url: &str, made: &File, part: &Path, file: &Path) -> Result<Vec<(String, i64)>, CliError> {
    let counts = copy_sqlite(url, part)?;
    // SQLite leaves it to us to see that a copy is on disk.
    made.sync_all()?;
    std::fs::rename(part, file)?;
    #[cfg(unix)]
    if let Some(folder) = file.parent() {
        File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?.sync_all()?;
    }
    Ok(counts)
}

/// Whether SQLite has or may have this file beside the database, or as the database itself.
fn is_part_of(file: &Path, database: &Path) -> Result<bool, CliError> {
    let Some(name) = file.file_name() else {
        return Err(CliError::Usage(format!("{} names no file", file.display())));
    };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = folder
        .canonicalize()
        .map_err(|error| CliError::Failed(format!("{}: its folder {} cannot be looked at: {error}", file.display(), folder.display())))?;
    let (file, database) = (folder.join(name), database.canonicalize()?);
    Ok(["", "-wal", "-shm", "-journal"].iter().any(|ending| beside(&database, ending) == file)
        || file.canonicalize().is_ok_and(|file| file == database))
}
