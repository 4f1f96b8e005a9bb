//! No statement of the store reads a whole table, but for those that are named here with the reason. Every `sql!` in the sources is asked
//! for its plan, so that none can be forgotten.

use super::sql::expand;
use super::{Store, migrations};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, Row as _};
use std::collections::BTreeSet;
use std::path::Path;
use std::str::FromStr as _;

/// Words at the beginning of a statement, and why it may read all of a table.
const WHOLE: &[(&str, &str)] = &[
    ("SELECT id, name, time_zone, tiers FROM partners ORDER BY id", "`partner list` and `export` show every partner"),
    (
        "SELECT id, partner_id, user_id, login, from_ms, until_ms, is_primary, lookup_failed FROM members WHERE $1 = ''",
        "so with every member",
    ),
    ("SELECT doc FROM tickets WHERE number = $2 AND repo_id IN", "`explain` looks for a repository by its name"),
    ("SELECT id, full_name, private, installation_id, seen_ms", "catching up lists every repository, a row each"),
    ("DELETE FROM permissions WHERE ($1 = 0", "a change of rights at GitHub, of a person, a repository or an installation"),
];

/// Tables with a row an agent, a team, an instance, or a person whom GitHub is being asked about: never many.
const SMALL: &[&str] = &["agents", "teams", "rights_state", "leases", "rights_wanted"];

/// The text of every `sql!("…")` of the store.
fn statements() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let mut all = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") || path.ends_with("plans.rs") {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        for after in source.split("sql!(").skip(1) {
            let Some(text) = after.trim_start().strip_prefix('"') else { continue };
            let text = text.split('"').next().unwrap();
            all.insert(text.to_owned());
        }
    }
    assert!(all.len() > 60, "{} statements were found", all.len());
    all
}

fn is_allowed(statement: &str, plan: &str) -> bool {
    let statement = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    WHOLE.iter().any(|(words, _)| statement.starts_with(words)) || SMALL.iter().any(|table| plan.split(' ').any(|word| word == *table))
}

fn report(whole: &[(String, String)]) {
    let lines: Vec<_> = whole.iter().map(|(statement, plan)| format!("{plan}\n    {statement}")).collect();
    assert!(lines.is_empty(), "these read a whole table:\n{}", lines.join("\n"));
}

#[tokio::test]
async fn no_statement_reads_a_whole_table_on_sqlite() {
    let options = sqlx::sqlite::SqliteConnectOptions::from_str("sqlite::memory:").unwrap();
    let mut connection = options.disable_statement_logging().connect().await.unwrap();
    migrations::run_sqlite(&mut connection).await.unwrap();
    // An index over some rows only has no more than these.
    let partial = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'";
    let partial: Vec<String> = sqlx::query_scalar(partial).fetch_all(&mut connection).await.unwrap();
    let mut whole = Vec::new();
    for statement in statements() {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", expand(&statement, false)));
        let plan = sqlx::query(explain).fetch_all(&mut connection).await.unwrap_or_else(|error| panic!("{error}: {statement}"));
        for step in plan {
            let step: String = step.get("detail");
            // Tables made of JSON and of other parts of the statement are as long as what is asked for. An index that is read from one end stops at the first row that counts.
            let table = step.strip_prefix("SCAN ").filter(|rest| !rest.contains("VIRTUAL TABLE") && !rest.starts_with('('));
            if let Some(table) = table
                && !["json_each", "r", "CONSTANT", "subquery"].iter().any(|made| table.split(' ').next() == Some(made))
                && !partial.iter().any(|index| step.ends_with(&format!("INDEX {index}")))
                && !is_allowed(&statement, &step)
            {
                whole.push((statement.clone(), step));
            }
        }
    }
    report(&whole);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/run"]
async fn every_statement_has_an_index_to_go_by_on_postgres() {
    let base = crate::settings::Settings::process_variable("PARTNER_DESK_TEST_POSTGRES").expect("tests/run sets it");
    let name = format!("pd_plans_{}", std::process::id());
    let mut connection = sqlx::PgConnection::connect(&base).await.unwrap();
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    connection.close().await.unwrap();
    let url = format!("{}/{name}", base.rsplit_once('/').unwrap().0);
    Store::open(&url).await.unwrap().close().await;
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    // What is left of sequential scans has no index that serves; the plan is the one for any values.
    connection.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan").await.unwrap();
    let mut whole = Vec::new();
    for statement in statements() {
        let arguments = (1..10).take_while(|number| statement.contains(&format!("${number}"))).count();
        let nulls = vec!["NULL"; arguments].join(", ");
        let call = if arguments == 0 { "s".to_owned() } else { format!("s({nulls})") };
        let prepare = format!("PREPARE s AS {}", expand(&statement, true));
        sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut connection).await.unwrap_or_else(|error| panic!("{error}: {statement}"));
        let plan = sqlx::raw_sql(AssertSqlSafe(format!("EXPLAIN EXECUTE {call}"))).fetch_all(&mut connection).await.unwrap();
        for step in plan {
            let step: String = step.get(0);
            if step.contains("Seq Scan on ") && !is_allowed(&statement, &step) {
                whole.push((statement.clone(), step.trim().to_owned()));
            }
        }
        sqlx::raw_sql("DEALLOCATE s").execute(&mut connection).await.unwrap();
    }
    report(&whole);
}
