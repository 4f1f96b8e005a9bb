//! Both databases have the same schema.

use crate::desk::{Desk, Engine, Setup, run};
use partner_desk::store::Store;
use sqlx::{AssertSqlSafe, Row as _};
use std::collections::BTreeSet;

fn files(engine: &str) -> BTreeSet<String> {
    let folder = format!("{}/migrations/{engine}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The first column of a query's rows.
async fn texts(store: &Store, sqlite: &str, postgres: &str) -> BTreeSet<String> {
    match store {
        Store::Sqlite { reader, .. } => {
            let rows = sqlx::query(AssertSqlSafe(sqlite)).fetch_all(reader).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        }
        Store::Postgres(pool) => {
            let rows = sqlx::query(AssertSqlSafe(postgres)).fetch_all(pool).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        }
    }
}

async fn columns(store: &Store) -> BTreeSet<String> {
    texts(
        store,
        "SELECT tables.name || '.' || columns.name FROM sqlite_master tables, pragma_table_info(tables.name) columns
         WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%' AND tables.name <> '_sqlx_migrations'",
        "SELECT table_name || '.' || column_name FROM information_schema.columns
         WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'",
    )
    .await
}

async fn indexes(store: &Store) -> BTreeSet<String> {
    texts(
        store,
        "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
        "SELECT indexname::text FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%_pkey'",
    )
    .await
}

async fn migrated(store: &Store) -> usize {
    let applied = "SELECT CAST(version AS TEXT) FROM _sqlx_migrations WHERE success";
    texts(store, applied, applied).await.len()
}

#[test]
fn both_databases_have_the_same_migrations() {
    assert!(!files("sqlite").is_empty());
    assert_eq!(files("sqlite"), files("postgres"));
}

story!(every_migration_in_the_folder_is_in_the_binary, |mut desk| {
    assert_eq!(migrated(&desk.app.desk.store).await, files("sqlite").len());
    desk.restart().await;
    assert_eq!(migrated(&desk.app.desk.store).await, files("sqlite").len(), "and none is applied twice");
});

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn both_databases_have_the_same_tables_columns_and_indexes() {
    run(async {
        let sqlite = Desk::start(Engine::Sqlite, Setup::default()).await;
        let postgres = Desk::start(Engine::Postgres, Setup::default()).await;
        let (one, other) = (&sqlite.app.desk.store, &postgres.app.desk.store);
        assert!(columns(one).await.contains("tickets.issue_id"));
        assert_eq!(columns(one).await, columns(other).await);
        assert_eq!(indexes(one).await, indexes(other).await);
        sqlite.end().await;
        postgres.end().await;
    });
}
