//! No statement of the store reads a whole table, but for those that are named here with the reason. Every statement in the sources is
//! asked for its plan, so that none can be forgotten.

use super::sql::{PgText, expand, numbered};
use super::{Store, books, migrations};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};
use std::collections::BTreeSet;
use std::path::Path;

/// Words at the beginning of a statement, and why it may read all of a table.
const WHOLE: &[(&str, &str)] = &[
    ("SELECT id, name, time_zone, tiers FROM partners ORDER BY id", "`partner list` and `export` show every partner"),
    (
        "SELECT id, partner_id, user_id, login, from_ms, until_ms, is_primary, lookup_failed FROM members WHERE $1 = ''",
        "so with every member",
    ),
    ("SELECT doc FROM tickets WHERE number = $2 AND repo_id IN", "`explain` looks for a repository by its name"),
    ("SELECT id, full_name, private, installation_id, seen_ms", "catching up lists every repository, a row each"),
    ("SELECT at_ms, act, detail FROM admin_audit", "`audit list` shows every act"),
    ("SELECT detail FROM admin_audit WHERE act = $1", "once a start, from the newest act back"),
    ("DELETE FROM permissions WHERE ($1 = 0", "a change of rights at GitHub, of a person, a repository or an installation"),
];

/// Tables that never have many rows: one an agent, a team, an instance, an installation, a channel that fails, a person whom GitHub is
/// being asked about, a delivery that could not be taken in or never came, somebody who sets the desk up.
const SMALL: &[&str] = &[
    "agents",
    "teams",
    "rights_state",
    "leases",
    "gates",
    "channels",
    "rights_wanted",
    "kept_deliveries",
    "missed_deliveries",
    "setup_passes",
];

/// Statements that are put together, by the names that the sources have for them.
const NAMED: &[(&str, &[&str])] = &[
    ("FACTS", books::FACTS),
    ("ACCOUNTS", books::ACCOUNTS),
    ("CHANGES", books::CHANGES),
    // Only on PostgreSQL, and only as a whole.
    ("TOGETHER", &[]),
    ("LEDGER", &[books::LEDGER]),
    ("REPOSITORIES", &[books::REPOSITORIES]),
    ("ENTRIES", &[books::ENTRIES]),
];

/// A literal at the beginning of a text.
fn literal(text: &str) -> Option<&str> {
    text.trim_start().strip_prefix('"')?.split('"').next()
}

/// The text of every `sql!` and `bundle!` of the store.
fn statements() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let mut all: BTreeSet<String> = NAMED.iter().flat_map(|(_, texts)| texts.iter().map(|text| (*text).to_owned())).collect();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") || path.ends_with("plans_tests.rs") || path.ends_with("sql.rs") {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        // What `pending!` puts in front.
        let mut pending = None;
        for after in source.split("sql!(").skip(1).chain(source.split("bundle!(").skip(1)) {
            if let Some(text) = literal(after) {
                all.insert(text.to_owned());
            } else if let Some(parts) = after.strip_prefix("concat!(") {
                pending = literal(parts);
            } else {
                let name = after.split(')').next().unwrap();
                assert!(NAMED.iter().any(|(known, _)| *known == name), "{}: `{name}` is to be named here", path.display());
            }
        }
        let uses: Vec<_> = source.split("pending!(").skip(1).filter_map(literal).collect();
        assert_eq!(pending.is_some(), !uses.is_empty(), "{}: what is put together is to be understood here", path.display());
        all.extend(uses.iter().map(|text| format!("{}{text}", pending.unwrap_or_default())));
    }
    assert!(all.len() > 150, "{} statements were found", all.len());
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

#[test]
fn no_statement_reads_a_whole_table_on_sqlite() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    migrations::run_sqlite(&connection).unwrap();
    let texts = |sql: &str, column: usize| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
        let arguments = statement.parameter_count();
        let rows = statement.query_map(rusqlite::params_from_iter(vec![rusqlite::types::Null; arguments]), |row| row.get(column)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    // An index over some rows only has no more than these.
    let partial = texts("SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'", 0);
    let mut whole = Vec::new();
    for statement in statements() {
        for step in texts(&format!("EXPLAIN QUERY PLAN {}", numbered(&expand(&statement))), 3) {
            // Tables made of JSON and of other parts of the statement are as long as what is asked for.
            let table = step.strip_prefix("SCAN ").filter(|rest| !rest.contains("VIRTUAL TABLE") && !rest.starts_with('('));
            if let Some(table) = table
                && !["json_each", "r", "CONSTANT", "subquery", "dirty", "waiting"].iter().any(|made| table.split(' ').next() == Some(made))
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
    let url = format!("{}/{name}", base.rsplit_once('/').unwrap().0);
    Store::open(&url).await.unwrap().close().await;
    let mut desk = sqlx::PgConnection::connect(&url).await.unwrap();
    // What is left of sequential scans has no index that serves; the plan is the one for any values.
    desk.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan").await.unwrap();
    let mut whole = Vec::new();
    let whole_bundles = [books::FACTS, books::ACCOUNTS, books::TOGETHER, books::CHANGES].map(PgText::together);
    let single = statements().into_iter().map(|statement| (PgText::of(&statement), statement));
    for (text, statement) in single.chain(whole_bundles.map(|text| (text, "a bundle".to_owned()))) {
        let nulls = vec!["NULL"; text.params.len()].join(", ");
        let call = if text.params.is_empty() { "s".to_owned() } else { format!("s({nulls})") };
        let prepare = format!("PREPARE s AS {}", text.sql);
        sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut desk).await.unwrap_or_else(|error| panic!("{error}: {statement}"));
        let plan = sqlx::raw_sql(AssertSqlSafe(format!("EXPLAIN EXECUTE {call}"))).fetch_all(&mut desk).await.unwrap();
        for step in plan {
            let step: String = step.get(0);
            if step.contains("Seq Scan on ") && !is_allowed(&statement, &step) {
                whole.push((statement.clone(), step.trim().to_owned()));
            }
        }
        sqlx::raw_sql("DEALLOCATE s").execute(&mut desk).await.unwrap();
    }
    desk.close().await.unwrap();
    connection.execute(AssertSqlSafe(format!("DROP DATABASE {name}"))).await.unwrap();
    report(&whole);
}
