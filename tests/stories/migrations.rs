//! Both databases have the same schema.

use crate::desk::{Desk, Engine, Setup, run};
use crate::postgres::fresh_postgres;
use crate::sqlite::{beside, column};
use partner_desk::store::Store;
use rusqlite::Connection;
use sqlx::migrate::{Migrate as _, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, PgPool, Row as _, SqlSafeStr as _};
use std::collections::BTreeSet;
use std::time::Duration;

fn files(engine: &str) -> BTreeSet<String> {
    let folder = format!("{}/migrations/{engine}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The first column of a query's rows.
async fn texts(store: &Store, sqlite: &str, postgres: &str) -> BTreeSet<String> {
    match store {
        Store::Sqlite(file) => column(&beside(file), sqlite).into_iter().collect(),
        Store::Postgres(server) => {
            let rows = sqlx::query(AssertSqlSafe(postgres)).fetch_all(server.pool()).await.unwrap();
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

/// The first release's migration alone.
fn first_release(engine: &str) -> Migrator {
    let file = format!("{}/migrations/{engine}/0001_desk.sql", env!("CARGO_MANIFEST_DIR"));
    let text = AssertSqlSafe(std::fs::read_to_string(file).unwrap()).into_sql_str();
    Migrator::with_migrations(vec![Migration::new(1, "desk".into(), MigrationType::Simple, text, false)])
}

const A_DELIVERY: &str = "INSERT INTO deliveries (id, received_ms) VALUES ('known', 1)";

/// What was there is there, and what later releases need as well.
async fn is_upgraded(url: &str, engine: &str) {
    for _ in 0..2 {
        let store = Store::open(url).await.unwrap();
        assert_eq!(migrated(&store).await, files(engine).len());
        assert!(indexes(&store).await.is_superset(&["deliveries_received", "outbox_done", "ticket_log_at"].map(str::to_owned).into()));
        let kept = "SELECT id FROM deliveries";
        assert_eq!(texts(&store, kept, kept).await, ["known".to_owned()].into());
        store.close().await;
    }
}

#[test]
fn a_database_of_the_first_release_is_upgraded_in_place_on_sqlite() {
    run(async {
        let file = std::env::temp_dir().join(format!("pd_first_release_{}.db", std::process::id()));
        let url = format!("sqlite://{}", file.display());
        let first = Connection::open(&file).unwrap();
        let migrations = first_release("sqlite");
        for migration in migrations.iter() {
            first.execute_batch(migration.sql.as_str()).unwrap();
            // As sqlx has it.
            first
                .execute_batch(
                    "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL,
                         installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BLOB NOT NULL,
                         execution_time BIGINT NOT NULL)",
                )
                .unwrap();
            let row = (migration.version, &*migration.description, &*migration.checksum);
            first
                .execute(
                    "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (?1, ?2, 1, ?3, 17)",
                    row,
                )
                .unwrap();
        }
        first.execute_batch(A_DELIVERY).unwrap();
        drop(first);
        is_upgraded(&url, "sqlite").await;
        for ending in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", file.display()));
        }
    });
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn a_database_of_the_first_release_is_upgraded_in_place_on_postgres() {
    run(async {
        let url = fresh_postgres(&format!("pd_first_release_{}", std::process::id())).await;
        let pool = PgPool::connect(&url).await.unwrap();
        first_release("postgres").run(&pool).await.unwrap();
        sqlx::query(A_DELIVERY).execute(&pool).await.unwrap();
        pool.close().await;
        is_upgraded(&url, "postgres").await;
    });
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn who_starts_while_another_migrates_waits_longer_than_for_a_statement() {
    run(async {
        let url = fresh_postgres(&format!("pd_migrating_{}", std::process::id())).await;
        let pool = PgPool::connect(&url).await.unwrap();
        first_release("postgres").run(&pool).await.unwrap();
        sqlx::query(A_DELIVERY).execute(&pool).await.unwrap();
        // As a database may be set for others.
        let strict = format!("ALTER DATABASE {} SET statement_timeout = '1ms'", url.rsplit_once('/').unwrap().1);
        sqlx::raw_sql(AssertSqlSafe(strict)).execute(&pool).await.unwrap();
        let mut migrates = pool.acquire().await.unwrap();
        migrates.lock().await.unwrap();
        let slowest = Duration::from_secs(1);
        let starts = (0..3).map(|_| {
            tokio::spawn({
                let url = url.clone();
                async move { Store::open_within(&url, slowest).await }
            })
        });
        let starts: Vec<_> = starts.collect();
        tokio::time::sleep(slowest * 5 / 2).await;
        assert!(starts.iter().all(|start| !start.is_finished()), "nobody has the lock yet, and nobody has given up");
        migrates.unlock().await.unwrap();
        for start in starts {
            start.await.unwrap().unwrap().close().await;
        }
        drop(migrates);
        pool.close().await;
        is_upgraded(&url, "postgres").await;
    });
}
