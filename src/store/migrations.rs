//! Migrations as the binary carries them. `sqlx::migrate!` would do it, at the price of building both drivers a second time for
//! the compiler's side.

use super::postgres::{is_still_locked, no_answer};
use super::{Result, StoreError};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use sqlx::migrate::{Migrate as _, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection, SqlStr};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::timeout;

/// Where sqlx keeps what was applied.
const TABLE: &str = "_sqlx_migrations";

macro_rules! carried {
    ($($file:literal),+ $(,)?) => {
        /// A file's name without its ending, and its text for SQLite and for PostgreSQL.
        const FILES: &[(&str, &str, &str)] = &[$((
            $file,
            include_str!(concat!("../../migrations/sqlite/", $file, ".sql")),
            include_str!(concat!("../../migrations/postgres/", $file, ".sql")),
        )),+];
    };
}

// A new migration is two files of the same name, and that name here. Numbers rise, and may have gaps.
carried![
    "0001_desk",
    "0002_retention",
    "0003_rules",
    "0004_rights",
    "0005_places",
    "0006_labels",
    "0007_recovery",
    "0008_gate",
    "0009_outbox",
    "0010_leases",
    "0011_intake",
    "0012_setup",
    "0014_keys",
    "0016_turns",
    "0018_threads",
];

/// Brings a SQLite database up to date. All of it is one transaction that holds the writer's lock from before the first look: of two that
/// start at once the second finds everything done. The table is the one that sqlx keeps on PostgreSQL.
pub(super) fn run_sqlite(connection: &Connection) -> Result<()> {
    let tx = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    tx.execute_batch(
        "CREATE TABLE IF NOT EXISTS _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL,
             installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BLOB NOT NULL,
             execution_time BIGINT NOT NULL)",
    )?;
    let mut applied = BTreeMap::new();
    {
        let mut known = tx.prepare("SELECT version, success, checksum FROM _sqlx_migrations ORDER BY version")?;
        let mut rows = known.query([])?;
        while let Some(row) = rows.next()? {
            let (version, success): (i64, bool) = (row.get(0)?, row.get(1)?);
            if !success {
                return Err(MigrateError::Dirty(version).into());
            }
            applied.insert(version, row.get::<_, Vec<u8>>(2)?);
        }
    }
    let migrator = migrator(|(file, sqlite, _)| (*file, *sqlite));
    if let Some(unknown) = applied.keys().find(|version| !migrator.version_exists(**version)) {
        return Err(MigrateError::VersionMissing(*unknown).into());
    }
    for migration in migrator.iter() {
        match applied.get(&migration.version) {
            Some(checksum) if *checksum == *migration.checksum => {}
            Some(_) => return Err(MigrateError::VersionMismatch(migration.version).into()),
            None => {
                tx.execute_batch(migration.sql.as_str()).map_err(|error| match error {
                    rusqlite::Error::SqlInputError { msg, .. } => StoreError::Unmigrated { version: migration.version, why: msg },
                    rusqlite::Error::SqliteFailure(failure, Some(why)) if failure.extended_code & 0xff == 1 => {
                        StoreError::Unmigrated { version: migration.version, why }
                    }
                    other => other.into(),
                })?;
                tx.execute(
                    "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (?1, ?2, 1, ?3, -1)",
                    (migration.version, &*migration.description, &*migration.checksum),
                )?;
            }
        }
    }
    Ok(tx.commit()?)
}

/// Brings a PostgreSQL database up to date, while others that start wait for an advisory lock. A migration takes the time that it takes, and
/// so does another's, for which the lock is asked for again and again; whatever else is not answered within `patience` is given up.
pub(super) async fn run_postgres(connection: &mut PgConnection, patience: Duration) -> Result<()> {
    let late = |_| no_answer(patience, "migrating");
    let set = |limit: Duration| AssertSqlSafe(format!("SET lock_timeout = {}", limit.as_millis()));
    timeout(patience, connection.execute(set(patience / 2))).await.map_err(late)??;
    loop {
        match timeout(patience, connection.lock()).await.map_err(late)? {
            Err(MigrateError::Execute(error)) if is_still_locked(&error) => {}
            locked => break locked?,
        }
    }
    let look = async {
        connection.execute(set(Duration::ZERO)).await?;
        connection.ensure_migrations_table(TABLE).await?;
        connection.list_applied_migrations(TABLE).await
    };
    let applied: BTreeSet<i64> = timeout(patience, look).await.map_err(late)??.into_iter().map(|applied| applied.version).collect();
    let mut migrator = migrator(|(file, _, postgres)| (*file, *postgres));
    migrator.set_locking(false);
    let is_new = migrator.iter().any(|migration| !applied.contains(&migration.version));
    let run = migrator.run_direct(None, connection, false);
    timeout(if is_new { Duration::MAX } else { patience }, run).await.map_err(late)??;
    Ok(timeout(patience, connection.unlock()).await.map_err(late)??)
}

/// What went wrong, and what to do about it.
pub(super) fn explained(error: &MigrateError) -> String {
    let this = env!("CARGO_PKG_VERSION");
    match error {
        MigrateError::VersionMissing(version) => format!(
            "the database has migration {version}, which partner-desk {this} does not know: a newer one has used it. Run that one, or restore a backup from before the upgrade"
        ),
        MigrateError::VersionMismatch(version) => format!(
            "the database has another migration {version} than partner-desk {this}: something else has made it. Run the partner-desk that did, or restore a backup"
        ),
        MigrateError::Dirty(version) => {
            format!("migration {version} was begun and not ended by whoever ran it. Restore a backup")
        }
        other => other.to_string(),
    }
}

/// Every migration that this release has: its number, and its file's name.
pub(super) fn known() -> Vec<(i64, &'static str)> {
    FILES.iter().filter_map(|(file, ..)| Some((numbered(file)?.0, *file))).collect()
}

/// What tells each of them from another of its number.
pub(super) fn checksums(sqlite: bool) -> BTreeMap<i64, Vec<u8>> {
    let migrator = migrator(|(file, of_sqlite, of_postgres)| (*file, if sqlite { *of_sqlite } else { *of_postgres }));
    migrator.iter().map(|migration| (migration.version, migration.checksum.to_vec())).collect()
}

fn migrator(of: impl Fn(&(&'static str, &'static str, &'static str)) -> (&'static str, &'static str)) -> Migrator {
    let migrations = FILES.iter().map(of).filter_map(|(file, sql)| {
        let (version, name) = numbered(file)?;
        Some(Migration::new(version, name.into(), MigrationType::Simple, SqlStr::from_static(sql), false))
    });
    Migrator::with_migrations(migrations.collect())
}

/// `0001_desk`: 1 and `desk`.
fn numbered(file: &str) -> Option<(i64, &str)> {
    let (version, name) = file.split_once('_')?;
    Some((version.parse().ok()?, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_numbered_and_the_numbers_rise() {
        let versions: Vec<_> = FILES.iter().map(|(file, ..)| numbered(file).unwrap().0).collect();
        assert!(versions.is_sorted_by(|one, next| one < next), "{versions:?}");
    }
}
