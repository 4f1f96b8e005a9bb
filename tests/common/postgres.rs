//! Databases of the tests' own.

/// An empty database of this name on the server of the tests.
pub(crate) async fn fresh_postgres(name: &str) -> String {
    let base =
        std::env::var("PARTNER_DESK_TEST_POSTGRES").unwrap_or_else(|_| panic!("PARTNER_DESK_TEST_POSTGRES is not set: run tests/run"));
    let pool = sqlx::PgPool::connect(&base).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await.unwrap();
    pool.close().await;
    let (server, _) = base.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}
