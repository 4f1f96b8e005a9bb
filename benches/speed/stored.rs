//! Databases that have been in use for long: many tickets, open or closed, beside those that a run is about.

use rusqlite::Connection;
use std::path::Path;

/// Multiplies a ticket that the desk made, with its ledger, log and delivery, until there are `total` tickets. Those added are open and
/// wait for a far instant, or are over.
pub(crate) fn fill(database: &Path, total: usize, open: bool, partners: usize) {
    let connection = Connection::open(database).unwrap();
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -524288").unwrap();
    let have: i64 = connection.query_row("SELECT count(*) FROM tickets", [], |row| row.get(0)).unwrap();
    let more = i64::try_from(total).unwrap() - have;
    if more <= 0 {
        return;
    }
    let one: i64 = connection.query_row("SELECT min(issue_id) FROM tickets WHERE standing = 'admitted'", [], |row| row.get(0)).unwrap();
    let columns = |table: &str, change: &[(&str, &str)]| -> (String, String) {
        let mut statement = connection.prepare(&format!("SELECT name FROM pragma_table_info('{table}')")).unwrap();
        let names: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        // Keys that the database gives by itself.
        let names: Vec<_> = names.into_iter().filter(|name| !(table == "ticket_log" && name == "id")).collect();
        let changed = |name: &String| change.iter().find(|(known, _)| known == name).map_or(name.clone(), |(_, to)| (*to).to_owned());
        (names.join(", "), names.iter().map(changed).collect::<Vec<_>>().join(", "))
    };
    // Opened a minute apart, from two months ago backwards, by partners in turn.
    let at = format!("(created_ms - 5184000000 - i * 60000 * {} / {more})", 500_000.min(more));
    let partner = format!("'p' || (i % {partners})");
    let doc = format!(
        "json_set(doc, '$.issue', 50000000 + i, '$.number', 1000000 + i, '$.standing.partner', {partner},
                        '$.standing.charge.key', 'charge:' || (50000000 + i) || ':1')"
    );
    let (next, live) = if open { ("created_ms + 8640000000", "1") } else { ("NULL", "0") };
    let (names, values) = columns(
        "tickets",
        &[
            ("issue_id", "50000000 + i"),
            ("number", "1000000 + i"),
            ("partner_id", &partner),
            ("created_ms", &at),
            ("next_at_ms", next),
            ("live", live),
            ("published", "version"),
            ("publish_at_ms", "0"),
            ("attempts", "0"),
            ("doc", &doc),
        ],
    );
    let numbers = format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {more})");
    let run = |sql: String| connection.execute(&sql, []).unwrap_or_else(|error| panic!("{error}: {sql}"));
    connection.execute_batch("BEGIN").unwrap();
    run(format!("INSERT INTO tickets ({names}) {numbers} SELECT {values} FROM n, tickets WHERE issue_id = {one}"));
    let at = format!("(at_ms - 5184000000 - i * 60000 * {} / {more})", 500_000.min(more));
    let key = [("key", "'charge:' || (50000000 + i) || ':1'"), ("partner_id", &partner), ("issue_id", "50000000 + i"), ("at_ms", &at)];
    let (names, values) = columns("ledger", &key);
    run(format!("INSERT INTO ledger ({names}) {numbers} SELECT {values} FROM n, ledger WHERE issue_id = {one}"));
    let (names, values) = columns("ticket_log", &[("issue_id", "50000000 + i"), ("at_ms", &at)]);
    run(format!("INSERT INTO ticket_log ({names}) {numbers} SELECT {values} FROM n, ticket_log WHERE issue_id = {one}"));
    let id = "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(6)))";
    run(format!("INSERT INTO deliveries (id, received_ms) {numbers} SELECT {id}, 1 + i FROM n"));
    connection.execute_batch("COMMIT; ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}
