//! What the machine could do at best: the same HTTP and signature with nothing behind them, the same durable job in plain SQLite calls,
//! and the same rows committed without a server.

use crate::load::SECRET;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use partner_desk::github::signature::is_signed;
use rusqlite::backup::Backup;
use rusqlite::{Connection, params_from_iter, types::Value};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// What a delivery is about, for the plain job.
struct Job {
    delivery: String,
    issue: i64,
    author: i64,
    created: String,
    answer: oneshot::Sender<bool>,
}

type Queue = Option<mpsc::Sender<Job>>;

/// Serves until it is killed. With a file, each delivery is saved in it before the answer.
pub(crate) async fn serve(file: Option<&str>, partners: usize) {
    let queue = file.map(|file| {
        let (queue, waiting) = mpsc::channel(4096);
        let connection = plain(file, partners);
        std::thread::spawn(move || save(connection, waiting));
        queue
    });
    let router = Router::new()
        .route("/api/github/webhooks", post(receive).layer(DefaultBodyLimit::max(25 * 1024 * 1024)))
        .route("/readyz", get(|| async { "ok\n" }))
        .with_state(queue);
    let port = std::env::var("PORT").unwrap();
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.unwrap();
    axum::serve(listener, router).await.unwrap();
}

async fn receive(State(queue): State<Queue>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !is_signed(SECRET.as_bytes(), &body, header("x-hub-signature-256")) {
        return StatusCode::UNAUTHORIZED;
    }
    let Some(queue) = queue else { return StatusCode::ACCEPTED };
    let Some((issue, author, created)) = fields(&body) else { return StatusCode::BAD_REQUEST };
    let (answer, answered) = oneshot::channel();
    let job = Job { delivery: header("x-github-delivery").to_owned(), issue, author, created, answer };
    if queue.send(job).await.is_ok() && answered.await == Ok(true) { StatusCode::ACCEPTED } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// The fields that the plain job needs.
fn fields(body: &[u8]) -> Option<(i64, i64, String)> {
    #[derive(serde::Deserialize)]
    struct Payload {
        issue: Issue,
    }
    #[derive(serde::Deserialize)]
    struct Issue {
        id: i64,
        user: User,
        created_at: String,
    }
    #[derive(serde::Deserialize)]
    struct User {
        id: i64,
    }
    let Payload { issue } = serde_json::from_slice(body).ok()?;
    Some((issue.id, issue.user.id, issue.created_at))
}

fn durable(connection: &Connection) {
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.pragma_update(None, "synchronous", "FULL").unwrap();
    connection.set_prepared_statement_cache_capacity(64);
}

fn plain(file: &str, partners: usize) -> Connection {
    let connection = Connection::open(file).unwrap();
    durable(&connection);
    let tables = "CREATE TABLE IF NOT EXISTS deliveries (id TEXT PRIMARY KEY) WITHOUT ROWID;
                  CREATE TABLE IF NOT EXISTS members (user_id INTEGER PRIMARY KEY, partner TEXT NOT NULL);
                  CREATE TABLE IF NOT EXISTS tickets (issue INTEGER PRIMARY KEY, partner TEXT, place INTEGER NOT NULL, created TEXT NOT NULL);
                  CREATE INDEX IF NOT EXISTS tickets_partner ON tickets (partner, created);
                  CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY, issue INTEGER NOT NULL, body TEXT NOT NULL);";
    connection.execute_batch(tables).unwrap();
    connection.execute_batch("BEGIN").unwrap();
    for place in 0..partners {
        let user = i64::try_from(crate::load::FIRST_MEMBER + place).unwrap();
        connection.prepare_cached("INSERT OR IGNORE INTO members VALUES (?1, ?2)").unwrap().execute((user, format!("p{place}"))).unwrap();
    }
    connection.execute_batch("COMMIT").unwrap();
    connection
}

/// Group commit: whatever waits, in one transaction.
#[expect(clippy::needless_pass_by_value, reason = "the thread owns its connection")]
fn save(connection: Connection, mut waiting: mpsc::Receiver<Job>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < 256
            && let Ok(job) = waiting.try_recv()
        {
            batch.push(job);
        }
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        for job in &batch {
            let fresh =
                connection.prepare_cached("INSERT OR IGNORE INTO deliveries VALUES (?1)").unwrap().execute([&job.delivery]).unwrap();
            if fresh == 0 {
                continue;
            }
            let partner: Option<String> = connection
                .prepare_cached("SELECT partner FROM members WHERE user_id = ?1")
                .unwrap()
                .query_row([job.author], |row| row.get(0))
                .ok();
            let used: i64 = connection
                .prepare_cached("SELECT count(*) FROM tickets WHERE partner = ?1 AND created >= ?2")
                .unwrap()
                .query_row((&partner, job.created.get(..10).unwrap_or_default()), |row| row.get(0))
                .unwrap();
            let mut ticket = connection.prepare_cached("INSERT OR REPLACE INTO tickets VALUES (?1, ?2, ?3, ?4)").unwrap();
            ticket.execute((job.issue, &partner, used + 1, &job.created)).unwrap();
            let said = format!("{{\"ticket\":{},\"of\":{}}}", job.issue, used + 1);
            connection.prepare_cached("INSERT INTO outbox (issue, body) VALUES (?1, ?2)").unwrap().execute((job.issue, said)).unwrap();
        }
        connection.execute_batch("COMMIT").unwrap();
        for job in batch {
            let _ = job.answer.send(true);
        }
    }
}

/// What the desk writes for a ticket beside its delivery, by table.
const WRITTEN: [&str; 3] = ["tickets", "ledger", "ticket_log"];

/// Copies a database that is in use, page by page.
pub(crate) fn copy(from: &Path, to: &Path) {
    let (from, mut into) = (Connection::open(from).unwrap(), Connection::open(to).unwrap());
    Backup::new(&from, &mut into).unwrap().run_to_completion(i32::MAX, Duration::ZERO, None).unwrap();
    drop(into);
    // What the machine does with the copy is over before anything is measured.
    std::fs::File::open(to).unwrap().sync_all().unwrap();
}

/// Commits the rows that the desk has written since its database was copied, ticket by ticket in the same order, into that copy, by plain
/// SQLite calls: the same rows at the same places of the same tables and indexes. The median, in milliseconds.
pub(crate) fn commits(desk: &Path, copy: &Path, tickets: usize) -> f64 {
    let read = Connection::open(desk).unwrap();
    let write = Connection::open(copy).unwrap();
    durable(&write);
    let list = |sql: &str| -> Vec<Vec<Value>> {
        let mut statement = read.prepare(sql).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| (0..columns).map(|place| row.get(place)).collect()).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let last = |sql: &str| -> i64 { write.query_row(sql, [], |row| row.get(0)).unwrap() };
    let (issue, received) = (last("SELECT max(issue_id) FROM tickets"), last("SELECT max(received_ms) FROM deliveries"));
    let issues = list(&format!("SELECT issue_id FROM tickets WHERE issue_id > {issue} ORDER BY issue_id LIMIT {tickets}"));
    let deliveries = list(&format!("SELECT * FROM deliveries WHERE received_ms > {received} ORDER BY received_ms LIMIT {tickets}"));
    assert_eq!((issues.len(), deliveries.len()), (tickets, tickets), "rows since the copy, in {}", desk.display());
    let mut times = Vec::new();
    for (issue, delivery) in issues.iter().zip(deliveries) {
        let Some(Value::Integer(issue)) = issue.first() else { continue };
        let rows: Vec<(&str, Vec<Vec<Value>>)> = WRITTEN
            .iter()
            .map(|table| (*table, list(&format!("SELECT * FROM {table} WHERE issue_id = {issue}"))))
            .chain([("deliveries", vec![delivery])])
            .collect();
        let begun = Instant::now();
        write.execute_batch("BEGIN IMMEDIATE").unwrap();
        for (table, rows) in rows {
            for row in rows {
                let places = vec!["?"; row.len()].join(",");
                write.prepare_cached(&format!("INSERT INTO {table} VALUES ({places})")).unwrap().execute(params_from_iter(row)).unwrap();
            }
        }
        write.execute_batch("COMMIT").unwrap();
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    crate::median(times)
}
