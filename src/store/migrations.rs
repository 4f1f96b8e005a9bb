//! Migrations as the binary carries them. `sqlx::migrate!` would do it, at the price of building both drivers a second time for
//! the compiler's side.

use sqlx::SqlStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

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
];

pub(super) fn sqlite() -> Migrator {
    migrator(|(file, sqlite, _)| (*file, *sqlite))
}

pub(super) fn postgres() -> Migrator {
    migrator(|(file, _, postgres)| (*file, *postgres))
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
