//! `backup`: a copy of the database while the desk runs.

use super::CliError;
use crate::clock::Clock;
use crate::settings::Settings;
use crate::store::AuditLine;
use crate::store::backup::{copy_sqlite, note_copy, pg_dump_command, sqlite_file};
use std::fs::{File, OpenOptions};
use std::io::Write;
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
    // With `--force` too: the copy would take the place of the file that the desk is writing to.
    if is_part_of(file, &database) {
        return Err(CliError::Usage(format!("{} belongs to the database itself; name another file", file.display())));
    }
    if file.exists() && !force {
        return Err(CliError::Failed(format!("{} is there already; name another file, or replace it with --force", file.display())));
    }
    let part = beside(file, ".part");
    let made = make(&settings.database_url, &part, file);
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

fn make(url: &str, part: &Path, file: &Path) -> Result<Vec<(String, i64)>, CliError> {
    // Left behind by one that was killed.
    match std::fs::remove_file(part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // Before anything is in it: it holds names of people.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = options.open(part)?;
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

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn is_part_of(file: &Path, database: &Path) -> bool {
    let Ok(file) = file.canonicalize() else { return false };
    ["", "-wal", "-shm"].iter().any(|ending| beside(database, ending).canonicalize().is_ok_and(|part| part == file))
}
