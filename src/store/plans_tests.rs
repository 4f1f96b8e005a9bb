//! No statement of the store reads a table or an index from one end to the other, but for those that are named here with the reason. Every
//! statement in the sources is asked for its plan, so that none can be forgotten.

use super::sql::{PgText, expand, numbered};
use super::{Store, books, migrations};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Words at the beginning of a statement, the tables and indexes that it may read all of, and why.
const WHOLE: &[(&str, &[&str], &str)] = &[
    (
        "SELECT id, name, time_zone, tiers FROM partners ORDER BY id",
        &["partners", "partners_pkey"],
        "`partner list` and `export` show every partner",
    ),
    (
        "SELECT id, partner_id, user_id, login, from_ms, until_ms, is_primary, lookup_failed FROM members WHERE $1 = ''",
        &["members_partner"],
        "so with every member",
    ),
    (
        "SELECT id, partner_id, user_id, login, from_ms, until_ms, is_primary, lookup_failed FROM members WHERE user_id IS NULL AND login",
        &["members_unbound"],
        "only members whose ids are not known, for `doctor` and for asking GitHub",
    ),
    (
        "SELECT id, partner_id, user_id, login, from_ms, until_ms, is_primary, lookup_failed FROM members WHERE user_id {each ints $2}",
        &["members_failed"],
        "only members of whom GitHub could not be asked",
    ),
    (
        "SELECT doc FROM tickets WHERE number = $2 AND repo_id IN",
        &["tickets_number", "repositories"],
        "`explain` looks for a repository by its name",
    ),
    (
        "SELECT id, full_name, private, installation_id, seen_ms",
        &["repositories", "repositories_pkey"],
        "catching up lists every repository, and an event about some or all of an installation those: a row each",
    ),
    (
        "DELETE FROM permissions WHERE ($1 = 0",
        &["permissions", "permissions_user", "repositories"],
        "a change of rights at GitHub, of a person, a repository or an installation",
    ),
    (
        "SELECT team_key, asked_ms, attempts, refusal FROM teams",
        &["team_people_unsure"],
        "only people whose place in a team has changed since it was read",
    ),
    ("SELECT at_ms, act, detail FROM admin_audit", &["admin_audit"], "`audit list` shows every act"),
    ("SELECT detail FROM admin_audit WHERE act = $1", &["admin_audit", "admin_audit_pkey"], "once a start, from the newest act back"),
    ("SELECT tier, standing, count(*) AS tickets FROM tickets", &["tickets_live"], "the metrics count what is open"),
    (
        "SELECT count(*) AS tickets FROM tickets",
        &["tickets_turn", "tickets_parked", "tickets_tried"],
        "the metrics count what is to be shown",
    ),
    ("SELECT channel, count(*) AS messages", &["outbox_pending"], "the metrics count what is to be said"),
    (
        "SELECT min(at_ms) AS at_ms, max(coalesce(lease_ms",
        &["tickets_turn", "tickets_parked", "tickets_tried"],
        "only the demo asks when something is shown next",
    ),
    (
        "SELECT issue_id FROM tickets WHERE next_at_ms IS NOT NULL AND standing = 'admitted'",
        &["tickets_next"],
        "`retarget` is for every clock that runs",
    ),
    (
        "UPDATE tickets SET next_at_ms = $1 WHERE standing = 'waiting'",
        &["tickets_waiting"],
        "after a change of partners or members everybody in line is looked at",
    ),
    (
        "UPDATE tickets SET next_at_ms = $1, looking_ms = 0",
        &["tickets_live"],
        "when the desk's clock was ahead and is set back, every clock is looked at",
    ),
    (
        "UPDATE tickets SET publish_at_ms = 0 WHERE version <> published AND attempts > 0 AND publish_at_ms > $1",
        &["tickets_tried"],
        "the same of what GitHub did not take",
    ),
    ("UPDATE outbox SET lease_ms = 0 WHERE state = 'pending'", &["outbox_pending"], "once a start"),
    (
        "SELECT key, issue_id, cycle, sent_in, done_ms, body FROM outbox",
        &["outbox_wrong"],
        "only what was said, was wrong, and was not put right yet, which is told in one go",
    ),
];

/// The same on SQLite alone, whose plans do not say that it stops at the first row.
const ENDS: &[(&str, &[&str], &str)] = &[
    ("SELECT id, told_up_to FROM repositories", &["repositories_telling"], "of the first repository"),
    ("WITH RECURSIVE dirty (id)", &["tickets_turn", "tickets_parked", "tickets_tried"], "of the first installation"),
    ("WITH RECURSIVE waiting (channel)", &["outbox_pending"], "of the first channel"),
];

/// Tables that never have many rows, and why not.
const SMALL: &[(&str, &str)] = &[
    ("agents", "a row a login that is configured"),
    ("teams", "a row a team that is configured"),
    ("rights_state", "one row"),
    ("life", "one row"),
    ("recovery", "one row"),
    ("github_app", "one row"),
    ("_sqlx_migrations", "a row a migration"),
    ("leases", "a row a kind of work"),
    ("gates", "a row an installation"),
    ("channels", "a row a channel that fails"),
    ("kept_deliveries", "a row a delivery that could not be taken in"),
    ("missed_deliveries", "a row a delivery that never came"),
    ("setup_passes", "a row a step of somebody who sets the desk up"),
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

/// Statements that nobody asks, and what the databases read all of for them: SQLite, and PostgreSQL.
const MADE_UP: &[(&str, &str, &str)] = &[
    ("SELECT doc FROM tickets WHERE issue_id = $1", "", ""),
    ("SELECT doc FROM tickets WHERE next_at_ms <= $1", "", ""),
    ("SELECT t.doc FROM tickets t WHERE t.created_ms = $1", "tickets", "tickets"),
    // Indexes from one end to the other: for their order, for what they are over, for another column than their first.
    ("SELECT doc FROM tickets ORDER BY repo_id, number", "tickets_number", "tickets_number"),
    ("SELECT doc FROM tickets WHERE live = 1", "tickets_live", "tickets_live"),
    ("SELECT repo_id FROM tickets WHERE number = $1", "tickets_number", "tickets_number"),
    // As far as the first row, and as far as the first that is also something else.
    ("SELECT repo_id FROM tickets ORDER BY repo_id LIMIT 1", "tickets_number", ""),
    ("SELECT repo_id FROM tickets WHERE created_ms = $1 ORDER BY repo_id LIMIT 1", "tickets", "tickets_number"),
];

/// The tables of a database, and of each index its table and the first of its columns.
#[derive(Debug, Default)]
struct Schema {
    tables: BTreeSet<String>,
    indexes: BTreeMap<String, (String, String)>,
}

impl Schema {
    /// Of lines `index table column`.
    fn of(tables: Vec<String>, indexes: &[String]) -> Self {
        let index = |line: &String| {
            let [index, table, first] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            (index.to_owned(), (table.to_owned(), first.to_owned()))
        };
        Self { tables: tables.into_iter().collect(), indexes: indexes.iter().map(index).collect() }
    }

    /// Whether it is one of the [`SMALL`], or an index of it.
    fn is_small(&self, of: &str) -> bool {
        let table = self.indexes.get(of).map_or(of, |(table, _)| table);
        SMALL.iter().any(|(small, _)| *small == table)
    }

    /// The table that goes by a name in a statement; `None`: it is made of lists or other parts of the statement, and as long as those.
    fn table(&self, name: &str, text: &str) -> Option<String> {
        let words: Vec<_> =
            text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty() && *word != "AS").collect();
        let named = words.windows(2).find(|pair| pair[1] == name && self.tables.contains(pair[0])).map(|pair| pair[0]);
        named.or(self.tables.get(name).map(String::as_str)).map(str::to_owned)
    }

    /// What these steps of SQLite's read all of: `SEARCH` goes by an index, `SCAN` walks.
    fn walked_on_sqlite(&self, text: &str, steps: &[String]) -> BTreeSet<String> {
        let walked = steps.iter().filter_map(|step| {
            let (name, by) = step.strip_prefix("SCAN ").map(|rest| rest.split_once(' ').unwrap_or((rest, "")))?;
            let index = by.rsplit(' ').next().filter(|index| self.indexes.contains_key(*index));
            index.map(str::to_owned).or_else(|| self.table(name, text))
        });
        walked.filter(|of| !self.is_small(of)).collect()
    }

    /// What a part of a plan of PostgreSQL's reads all of. `first`: it is only asked for its first rows.
    fn walked_on_postgres(&self, plan: &Value, first: bool, found: &mut BTreeSet<String>) {
        let text = |key: &str| plan[key].as_str();
        let ends = first && text("Filter").is_none() && text("Index Cond").is_none();
        let walked = match text("Index Name") {
            Some(index) => (!self.goes_by(index, text("Index Cond").unwrap_or_default())).then_some(index),
            None => text("Relation Name").filter(|_| text("Node Type") == Some("Seq Scan")),
        };
        found.extend(walked.filter(|of| !ends && !self.is_small(of)).map(str::to_owned));
        for below in plan["Plans"].as_array().into_iter().flatten() {
            self.walked_on_postgres(below, text("Node Type") == Some("Limit"), found);
        }
    }

    /// Whether a condition, as `((t.a = $1) AND (b > $2))`, is about the first column of an index: without that all of it is looked through.
    fn goes_by(&self, index: &str, condition: &str) -> bool {
        let (_, first) = self.indexes.get(index).unwrap_or_else(|| panic!("{index} is not known"));
        condition.split('(').any(|part| {
            let column = part.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '.')).next().unwrap_or_default();
            column.rsplit('.').next() == Some(first)
        })
    }
}

/// A table or an index that is read from one end to the other.
#[derive(Debug)]
struct Walk {
    /// The statement, or those that are asked as one.
    texts: Vec<String>,
    of: String,
    on: &'static str,
}

impl Walk {
    /// The line of [`WHOLE`] or [`ENDS`] that allows it.
    fn reason(&self) -> Option<&'static str> {
        let ends = if self.on == "SQLite" { ENDS } else { &[] };
        let mut lines = WHOLE.iter().chain(ends).filter(|(_, all, _)| all.contains(&self.of.as_str())).map(|(words, ..)| *words);
        lines.find(|words| self.texts.iter().any(|text| one_line(text).starts_with(words)))
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn report(walks: &[Walk]) {
    let unnamed = walks.iter().filter(|walk| walk.reason().is_none());
    let lines: Vec<_> = unnamed.map(|walk| format!("{} on {}: {}", walk.of, walk.on, one_line(&walk.texts.join(" + ")))).collect();
    assert!(lines.is_empty(), "these read all of a table or of an index:\n{}", lines.join("\n"));
}

/// A database of SQLite's with all tables.
struct OnSqlite {
    connection: rusqlite::Connection,
    schema: Schema,
}

impl OnSqlite {
    fn new() -> Self {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        migrations::run_sqlite(&connection).unwrap();
        let mut new = Self { connection, schema: Schema::default() };
        let tables = new.texts("SELECT name FROM sqlite_master WHERE type = 'table'", 0);
        let indexes = "SELECT i.name || ' ' || i.tbl_name || ' ' || c.name FROM sqlite_master i, pragma_index_info(i.name) c
                       WHERE i.type = 'index' AND c.seqno = 0";
        new.schema = Schema::of(tables, &new.texts(indexes, 0));
        new
    }

    fn texts(&self, sql: &str, column: usize) -> Vec<String> {
        let mut statement = self.connection.prepare(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
        let arguments = statement.parameter_count();
        let rows = statement.query_map(rusqlite::params_from_iter(vec![rusqlite::types::Null; arguments]), |row| row.get(column)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn walked(&self, text: &str) -> BTreeSet<String> {
        self.schema.walked_on_sqlite(text, &self.texts(&format!("EXPLAIN QUERY PLAN {}", numbered(&expand(text))), 3))
    }

    fn walks(&self) -> Vec<Walk> {
        let walks = |text: String| self.walked(&text).into_iter().map(move |of| Walk { texts: vec![text.clone()], of, on: "SQLite" });
        statements().into_iter().flat_map(walks).collect()
    }
}

/// A database of PostgreSQL's with all tables, by a connection that is set as the desk's are.
struct OnPostgres<'a> {
    desk: &'a mut PgConnection,
    schema: Schema,
}

impl<'a> OnPostgres<'a> {
    async fn new(desk: &'a mut PgConnection) -> Self {
        let mut new = Self { desk, schema: Schema::default() };
        let tables = new.texts("SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace").await;
        let indexes = "SELECT concat_ws(' ', indexrelid::regclass, indrelid::regclass, pg_get_indexdef(indexrelid, 1, true)) FROM pg_index
                       JOIN pg_class ON pg_class.oid = indrelid WHERE relnamespace = 'public'::regnamespace";
        new.schema = Schema::of(tables, &new.texts(indexes).await);
        new
    }

    async fn texts(&mut self, sql: &'static str) -> Vec<String> {
        sqlx::query_scalar(sql).fetch_all(&mut *self.desk).await.unwrap()
    }

    async fn walked(&mut self, text: &PgText) -> BTreeSet<String> {
        let nulls = vec!["NULL"; text.params.len()].join(", ");
        let call = if text.params.is_empty() { "s".to_owned() } else { format!("s({nulls})") };
        let prepare = sqlx::raw_sql(AssertSqlSafe(format!("PREPARE s AS {}", text.sql)));
        prepare.execute(&mut *self.desk).await.unwrap_or_else(|error| panic!("{error}: {}", text.sql));
        let explain = sqlx::raw_sql(AssertSqlSafe(format!("EXPLAIN (FORMAT JSON) EXECUTE {call}")));
        let plan = explain.fetch_one(&mut *self.desk).await.unwrap();
        let plan: Value = serde_json::from_str(&plan.get_unchecked::<String, _>(0)).unwrap();
        sqlx::raw_sql("DEALLOCATE s").execute(&mut *self.desk).await.unwrap();
        let mut found = BTreeSet::new();
        self.schema.walked_on_postgres(&plan[0]["Plan"], false, &mut found);
        found
    }

    async fn walks(&mut self, on: &'static str) -> Vec<Walk> {
        let mut walks = Vec::new();
        let together = [books::FACTS, books::ACCOUNTS, books::TOGETHER, books::CHANGES];
        let together = together.map(|texts| (PgText::together(texts), texts.iter().map(|text| (*text).to_owned()).collect()));
        let single = statements().into_iter().map(|text| (PgText::of(&text), vec![text]));
        for (asked, texts) in single.chain(together) {
            walks.extend(self.walked(&asked).await.into_iter().map(|of| Walk { texts: texts.clone(), of, on }));
        }
        walks
    }

    /// Makes every table that can grow one of many rows, all unlike each other, and has the server look at them: rows that wait for nothing,
    /// so that there are none in the indexes over what does, or rows that all do.
    async fn fill(&mut self, waiting: bool) {
        let grown: Vec<_> = self.schema.tables.iter().map(String::as_str).filter(|table| !self.schema.is_small(table)).collect();
        let waits = if waiting {
            "WHEN column_name = 'state' THEN '''pending''' WHEN column_name = 'standing' THEN '''waiting'''
             WHEN column_name IN ('published', 'attempts', 'publish_at_ms') THEN '0' WHEN column_name IN ('live', 'unsure') THEN '1'
             WHEN column_name IN ('until_ms', 'righted_ms') THEN 'NULL'"
        } else {
            "WHEN is_nullable = 'YES' AND column_name NOT LIKE '%\\_id' AND column_name <> 'until_ms' THEN 'NULL'"
        };
        let fill = format!(
            "TRUNCATE {};
             DO $do$ DECLARE name text; columns text; made text; BEGIN
                 FOR name, columns, made IN
                     SELECT table_name, string_agg(quote_ident(column_name), ', '),
                            string_agg(CASE {waits} WHEN data_type = 'text' THEN 'n::text' ELSE 'n' END, ', ')
                     FROM information_schema.columns WHERE table_name IN ('{}') GROUP BY table_name ORDER BY table_name = 'members'
                 LOOP
                     EXECUTE format('INSERT INTO %I (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM generate_series(1, 10000) AS n', name, columns, made);
                 END LOOP;
             END $do$;
             ANALYZE",
            grown.join(", "),
            grown.join("', '"),
        );
        sqlx::raw_sql(AssertSqlSafe(fill)).execute(&mut *self.desk).await.unwrap();
    }
}

#[test]
fn what_reads_all_of_a_table_or_an_index_is_seen_on_sqlite() {
    let database = OnSqlite::new();
    for (text, of, _) in MADE_UP {
        assert_eq!(database.walked(text).into_iter().collect::<Vec<_>>().join(" "), *of, "{text}");
    }
}

#[test]
fn no_statement_reads_all_of_a_table_or_an_index_on_sqlite() {
    report(&OnSqlite::new().walks());
}

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/run"]
async fn no_statement_reads_all_of_a_table_or_an_index_on_postgres() {
    let base = crate::settings::Settings::process_variable("PARTNER_DESK_TEST_POSTGRES").expect("tests/run sets it");
    let name = format!("pd_plans_{}", std::process::id());
    let mut connection = PgConnection::connect(&base).await.unwrap();
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    let store = Store::open(&format!("{}/{name}", base.rsplit_once('/').unwrap().0)).await.unwrap();
    let Store::Postgres(postgres) = &store else { panic!("{base}") };
    let mut desk = postgres.pool().acquire().await.unwrap();
    let mut database = OnPostgres::new(&mut desk).await;

    for (text, _, of) in MADE_UP {
        assert_eq!(database.walked(&PgText::of(text)).await.into_iter().collect::<Vec<_>>().join(" "), *of, "{text}");
    }
    // A plan is as good as what the server believes of the tables, which need not be true any more when it is used.
    let mut walks = database.walks("PostgreSQL that knows nothing of its tables").await;
    database.fill(false).await;
    walks.extend(database.walks("PostgreSQL where nothing waits").await);
    database.fill(true).await;
    walks.extend(database.walks("PostgreSQL where everything waits").await);

    drop(desk);
    store.close().await;
    connection.execute(AssertSqlSafe(format!("DROP DATABASE {name}"))).await.unwrap();
    report(&walks);
    walks.extend(OnSqlite::new().walks());
    let used: BTreeSet<_> = walks.iter().filter_map(|walk| Some((walk.reason()?, walk.of.as_str()))).collect();
    let named = WHOLE.iter().chain(ENDS).flat_map(|(words, all, _)| all.iter().map(|of| (*words, *of)));
    let unused: Vec<_> = named.filter(|line| !used.contains(line)).collect();
    assert!(unused.is_empty(), "no statement does this any more: {unused:?}");
}
