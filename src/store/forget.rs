//! Where the database keeps people's names and ids, and how they are taken out of it (`O2`). A table that is new and knows people
//! belongs here.

use super::list::list;
use super::sql::sql;
use super::{Applied, Arg, Result, Row, StoreError, Tx, to_json};
use crate::domain::forget::{Erasure, FORGOTTEN};
use crate::domain::ticket::Ticket;
use crate::domain::{IssueId, UserId};
use jiff::Timestamp;
use serde::Serialize;

/// What to look for in texts, in any case of its letters.
#[derive(Debug, Clone)]
pub struct Patterns(Arg);

impl Patterns {
    /// Texts that hold one of these.
    ///
    /// # Errors
    /// None in practice.
    pub fn of(needles: &[String]) -> Result<Self> {
        #[derive(Serialize)]
        struct Pattern {
            pattern: String,
        }
        let escaped = |needle: &String| needle.to_ascii_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
        let rows: Vec<_> = needles.iter().map(|needle| Pattern { pattern: format!("%{}%", escaped(needle)) }).collect();
        Ok(Self(list(&rows)?))
    }

    /// A ticket in which this login stands.
    #[must_use]
    pub fn login(login: &str) -> String {
        format!("\"login\":\"{login}\"")
    }

    /// A ticket in which this account stands.
    #[must_use]
    pub fn id(user: UserId) -> String {
        format!("\"id\":{user},\"login\"")
    }
}

/// A ticket as it is kept, with what GitHub was told of it.
#[derive(Debug)]
pub struct Kept {
    /// Itself.
    pub ticket: Ticket,
    /// What was last applied, if anything ever was.
    pub applied: Option<Applied>,
    /// GitHub has to be told of it, or is being told just now.
    pub dirty: bool,
}

/// How far rows were looked at.
#[derive(Debug, Clone, Default)]
pub struct Mark {
    key: String,
    id: i64,
}

/// Tables whose rows hold texts that may name somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// The actor and the reason.
    Ledger,
    /// The text of a line.
    Log,
    /// The message as JSON, and the note about its sending.
    Outbox,
    /// The detail of an operator's act.
    Audit,
    /// The payload of a delivery that could not be taken in, and why it could not.
    Delivery,
}

/// A row of such a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    key: String,
    id: i64,
    /// About which issue.
    #[serde(skip)]
    pub issue: Option<IssueId>,
    /// The text, or the first of the two.
    pub one: String,
    /// The other one.
    pub other: String,
}

impl Tx {
    /// The accounts that operators know by a login: an account without an id is one that was not seen yet.
    ///
    /// # Errors
    /// The database fails.
    pub async fn accounts_called(&mut self, login: &str) -> Result<Vec<Option<UserId>>> {
        let statement = sql!("SELECT user_id FROM members WHERE login_key = $1 UNION SELECT user_id FROM agents WHERE login_key = $1");
        let rows = self.rows(statement, [login.to_ascii_lowercase().into()]).await?;
        rows.iter().map(|row| Ok(row.maybe_int("user_id")?.map(UserId))).collect()
    }

    /// The logins, in lower case, by which operators know an account; an empty one where they know only its id.
    ///
    /// # Errors
    /// The database fails.
    pub async fn logins_of(&mut self, user: UserId) -> Result<Vec<String>> {
        let statement = sql!("SELECT login_key FROM members WHERE user_id = $1 UNION SELECT login_key FROM agents WHERE user_id = $1");
        let rows = self.rows(statement, [user.0.into()]).await?;
        rows.iter().map(|row| row.text("login_key")).collect()
    }

    /// Of the next tickets by their ids, so many at most, those whose record matches; and the last one that was looked at, if there was any.
    /// All of a table at once would take longer than a statement may.
    ///
    /// # Errors
    /// The database fails.
    pub async fn tickets_matching(&mut self, patterns: &Patterns, after: IssueId, most: i64) -> Result<(Vec<Kept>, Option<IssueId>)> {
        let statement = sql!(
            "SELECT issue_id, CASE WHEN EXISTS (SELECT 1 FROM {rows $1: pattern TEXT} WHERE lower(tickets.doc) LIKE r.pattern ESCAPE '!')
                 THEN doc END AS doc, applied, version, published
             FROM tickets WHERE issue_id > $2 ORDER BY issue_id LIMIT $3"
        );
        let rows = self.rows(statement, [patterns.0.clone(), after.0.into(), most.into()]).await?;
        let last = rows.last().map(|row| Ok::<_, StoreError>(IssueId(row.int("issue_id")?))).transpose()?;
        let mut found = Vec::new();
        for row in &rows {
            if row.maybe_text("doc")?.is_some() {
                let applied = row.maybe_json("applied")?;
                found.push(Kept { ticket: row.json("doc")?, applied, dirty: row.int("version")? != row.int("published")? });
            }
        }
        Ok((found, last))
    }

    /// Puts tickets back whose people changed and nothing else. Those that are dirty are shown at GitHub again, after whatever waits
    /// to be shown already.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_back(&mut self, tickets: &[Kept], now: Timestamp) -> Result<()> {
        #[derive(Serialize)]
        struct Row {
            issue_id: i64,
            doc: String,
            applied: Option<String>,
            dirty: i64,
        }
        let row = |kept: &Kept| {
            let applied = kept.applied.as_ref().map(to_json).transpose()?;
            Ok(Row { issue_id: kept.ticket.issue.0, doc: to_json(&kept.ticket)?, applied, dirty: i64::from(kept.dirty) })
        };
        let rows = tickets.iter().map(row).collect::<Result<Vec<_>>>()?;
        let statement = sql!(
            "UPDATE tickets SET doc = r.doc, applied = r.applied, version = tickets.version + r.dirty,
                 publish_at_ms = CASE WHEN r.dirty = 1 AND tickets.version = tickets.published THEN $2 ELSE tickets.publish_at_ms END
             FROM {rows $1: issue_id BIGINT, doc TEXT, applied TEXT, dirty BIGINT} WHERE tickets.issue_id = r.issue_id"
        );
        self.run(statement, [list(&rows)?, now.as_millisecond().into()]).await?;
        Ok(())
    }

    /// Ends somebody's memberships and takes their name and id out of them. Says how many there were.
    ///
    /// # Errors
    /// The database fails.
    pub async fn forget_members(&mut self, who: &Erasure, now: Timestamp) -> Result<u64> {
        let statement = sql!(
            "UPDATE members SET user_id = $1, login = $2, login_key = $2, is_primary = 0, lookup_failed = 0,
                 from_ms = CASE WHEN from_ms > $3 THEN $3 ELSE from_ms END, until_ms = CASE WHEN until_ms <= $3 THEN until_ms ELSE $3 END
             WHERE user_id = $4 OR (user_id IS NULL AND login_key {in texts $5})"
        );
        let args: [Arg; 5] =
            [who.stand_in.0.into(), FORGOTTEN.into(), now.as_millisecond().into(), who.user.map(|user| user.0).into(), list(&who.names)?];
        self.run(statement, args).await
    }

    /// Takes somebody out of the agents. Says how many rows there were.
    ///
    /// # Errors
    /// The database fails.
    pub async fn forget_agents(&mut self, who: &Erasure) -> Result<u64> {
        self.forget_rights(who.user.unwrap_or(who.stand_in)).await?;
        let statement = sql!("DELETE FROM agents WHERE user_id = $1 OR (user_id IS NULL AND login_key {in texts $2})");
        self.run(statement, [who.user.map(|user| user.0).into(), list(&who.names)?]).await
    }

    /// Of the next rows, so many at most, those whose texts match; and how far they were looked at, if there was any.
    ///
    /// # Errors
    /// The database fails.
    pub async fn lines_matching(
        &mut self,
        table: Writing,
        patterns: &Patterns,
        after: Mark,
        most: i64,
    ) -> Result<(Vec<Line>, Option<Mark>)> {
        let (statement, after): (_, Arg) = match table {
            Writing::Ledger => (
                sql!(
                    "SELECT key, issue_id, actor AS one, reason AS other, (SELECT count(*) FROM {rows $1: pattern TEXT}
                         WHERE lower(ledger.actor) LIKE r.pattern ESCAPE '!' OR lower(ledger.reason) LIKE r.pattern ESCAPE '!') AS found
                     FROM ledger WHERE key > $2 ORDER BY key LIMIT $3"
                ),
                after.key.into(),
            ),
            Writing::Log => (
                sql!(
                    "SELECT id, issue_id, text AS one, '' AS other, (SELECT count(*) FROM {rows $1: pattern TEXT}
                         WHERE lower(ticket_log.text) LIKE r.pattern ESCAPE '!') AS found
                     FROM ticket_log WHERE id > $2 ORDER BY id LIMIT $3"
                ),
                after.id.into(),
            ),
            Writing::Outbox => (
                sql!(
                    "SELECT key, issue_id, body AS one, note AS other, (SELECT count(*) FROM {rows $1: pattern TEXT}
                         WHERE lower(outbox.body) LIKE r.pattern ESCAPE '!' OR lower(outbox.note) LIKE r.pattern ESCAPE '!') AS found
                     FROM outbox WHERE key > $2 ORDER BY key LIMIT $3"
                ),
                after.key.into(),
            ),
            Writing::Delivery => (
                sql!(
                    "SELECT id AS key, body AS one, why AS other, (SELECT count(*) FROM {rows $1: pattern TEXT}
                         WHERE lower(kept_deliveries.body) LIKE r.pattern ESCAPE '!'
                            OR lower(kept_deliveries.why) LIKE r.pattern ESCAPE '!') AS found
                     FROM kept_deliveries WHERE id > $2 ORDER BY id LIMIT $3"
                ),
                after.key.into(),
            ),
            Writing::Audit => (
                sql!(
                    "SELECT id, detail AS one, '' AS other, (SELECT count(*) FROM {rows $1: pattern TEXT}
                         WHERE lower(admin_audit.detail) LIKE r.pattern ESCAPE '!') AS found
                     FROM admin_audit WHERE id > $2 ORDER BY id LIMIT $3"
                ),
                after.id.into(),
            ),
        };
        let rows = self.rows(statement, [patterns.0.clone(), after, most.into()]).await?;
        let by_key = matches!(table, Writing::Ledger | Writing::Outbox | Writing::Delivery);
        let mark = |row: &Row| {
            Ok::<_, StoreError>(Mark {
                key: if by_key { row.text("key")? } else { String::new() },
                id: if by_key { 0 } else { row.int("id")? },
            })
        };
        let last = rows.last().map(mark).transpose()?;
        let mut lines = Vec::new();
        for row in &rows {
            if row.int("found")? > 0 {
                let Mark { key, id } = mark(row)?;
                let issue = if matches!(table, Writing::Audit | Writing::Delivery) { None } else { row.maybe_int("issue_id")? };
                lines.push(Line { key, id, issue: issue.map(IssueId), one: row.text("one")?, other: row.text("other")? });
            }
        }
        Ok((lines, last))
    }

    /// Writes the texts of rows anew.
    ///
    /// # Errors
    /// The database fails.
    pub async fn rewrite(&mut self, table: Writing, lines: &[Line]) -> Result<()> {
        let statement = match table {
            Writing::Ledger => sql!(
                "UPDATE ledger SET actor = r.one, reason = r.other FROM {rows $1: key TEXT, one TEXT, other TEXT} WHERE ledger.key = r.key"
            ),
            Writing::Log => sql!("UPDATE ticket_log SET text = r.one FROM {rows $1: id BIGINT, one TEXT} WHERE ticket_log.id = r.id"),
            Writing::Outbox => sql!(
                "UPDATE outbox SET body = r.one, note = r.other FROM {rows $1: key TEXT, one TEXT, other TEXT} WHERE outbox.key = r.key"
            ),
            Writing::Delivery => sql!(
                "UPDATE kept_deliveries SET body = r.one, why = r.other FROM {rows $1: key TEXT, one TEXT, other TEXT}
                 WHERE kept_deliveries.id = r.key"
            ),
            Writing::Audit => sql!("UPDATE admin_audit SET detail = r.one FROM {rows $1: id BIGINT, one TEXT} WHERE admin_audit.id = r.id"),
        };
        self.run(statement, [list(&lines)?]).await?;
        Ok(())
    }
}
