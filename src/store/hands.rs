//! What hands did to tickets lately, and what GitHub is known to show of them (`G5`).

use super::list::list;
use super::publish::{Applied, applied};
use super::sql::sql;
use super::{Result, Row, Tx, to_json};
use crate::domain::hands::Hands;
use crate::domain::{IssueId, RepoId};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// A ticket with what was last applied of it.
#[derive(Debug)]
pub struct Holder {
    /// Its issue.
    pub issue: IssueId,
    /// The issue's number.
    pub number: i64,
    /// What was last applied.
    pub applied: Applied,
    /// It is to be published, maybe right now, and what is noted here as applied will be written over.
    pub moving: bool,
}

impl Tx {
    /// What hands did to these tickets lately, where they did anything.
    ///
    /// # Errors
    /// The database fails.
    pub async fn hands_of(&mut self, issues: &[IssueId]) -> Result<BTreeMap<IssueId, Hands>> {
        let rows = self.rows(sql!("SELECT issue_id, doc FROM hands WHERE issue_id {in ints $1}"), [list(&issues)?]).await?;
        rows.iter().map(hands).collect()
    }

    /// The same for tickets that are to be looked at again, the longest due first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn hands_due(&mut self, now: Timestamp, most: i64) -> Result<Vec<(IssueId, Hands)>> {
        let statement = sql!("SELECT issue_id, doc FROM hands WHERE again_ms <= $1 ORDER BY again_ms LIMIT $2");
        let rows = self.rows(statement, [now.as_millisecond().into(), most.into()]).await?;
        rows.iter().map(hands).collect()
    }

    /// Keeps what hands did to a ticket; it is looked at again at `again`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn save_hands(&mut self, issue: IssueId, hands: &Hands, again: Timestamp) -> Result<()> {
        let statement = sql!(
            "INSERT INTO hands (issue_id, again_ms, doc) VALUES ($1, $2, $3)
             ON CONFLICT (issue_id) DO UPDATE SET again_ms = excluded.again_ms, doc = excluded.doc"
        );
        self.run(statement, [issue.0.into(), again.as_millisecond().into(), to_json(hands)?.into()]).await?;
        Ok(())
    }

    /// The same for many tickets, each named once.
    ///
    /// # Errors
    /// The database fails.
    pub async fn save_many_hands(&mut self, all: &[(IssueId, Hands, Timestamp)]) -> Result<()> {
        #[derive(Serialize)]
        struct HandsRow {
            issue_id: i64,
            again_ms: i64,
            doc: String,
        }
        if all.is_empty() {
            return Ok(());
        }
        let row = |(issue, hands, again): &(IssueId, Hands, Timestamp)| {
            Ok(HandsRow { issue_id: issue.0, again_ms: again.as_millisecond(), doc: to_json(hands)? })
        };
        let rows = all.iter().map(row).collect::<Result<Vec<_>>>()?;
        let statement = sql!(
            "INSERT INTO hands (issue_id, again_ms, doc) SELECT issue_id, again_ms, doc
             FROM {rows $1: issue_id BIGINT, again_ms BIGINT, doc TEXT} WHERE true
             ON CONFLICT (issue_id) DO UPDATE SET again_ms = excluded.again_ms, doc = excluded.doc"
        );
        self.run(statement, [list(&rows)?]).await?;
        Ok(())
    }

    /// Forgets what hands did to a ticket.
    ///
    /// # Errors
    /// The database fails.
    pub async fn forget_hands(&mut self, issue: IssueId) -> Result<()> {
        self.run(sql!("DELETE FROM hands WHERE issue_id = $1"), [issue.0.into()]).await?;
        Ok(())
    }

    /// Has a ticket published although nothing changed in it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn show_again(&mut self, issue: IssueId) -> Result<()> {
        let statement = sql!(
            "UPDATE tickets SET version = version + 1, publish_at_ms = CASE WHEN attempts = 0 THEN 0 ELSE publish_at_ms END
             WHERE issue_id = $1"
        );
        self.run(statement, [issue.0.into()]).await?;
        Ok(())
    }

    /// The same for many.
    ///
    /// # Errors
    /// The database fails.
    pub async fn show_many_again(&mut self, issues: &[IssueId]) -> Result<()> {
        if issues.is_empty() {
            return Ok(());
        }
        let statement = sql!(
            "UPDATE tickets SET version = version + 1, publish_at_ms = CASE WHEN attempts = 0 THEN 0 ELSE publish_at_ms END
             WHERE issue_id {in ints $1}"
        );
        self.run(statement, [list(&issues)?]).await?;
        Ok(())
    }

    /// What was last applied of a ticket.
    ///
    /// # Errors
    /// The database fails.
    pub async fn holder(&mut self, issue: IssueId) -> Result<Option<Holder>> {
        let statement = sql!("SELECT issue_id, number, applied, version, published FROM tickets WHERE issue_id = $1");
        self.rows(statement, [issue.0.into()]).await?.first().map(holder).transpose()
    }

    /// What was last applied of a repository's tickets, those after a number of which anything was or may be.
    ///
    /// # Errors
    /// The database fails.
    pub async fn holders(&mut self, repo: RepoId, after: i64, most: i64) -> Result<Vec<Holder>> {
        let statement = sql!(
            "SELECT issue_id, number, applied, version, published FROM tickets
             WHERE repo_id = $1 AND number > $2 AND (applied IS NOT NULL OR version <> published) ORDER BY number LIMIT $3"
        );
        let rows = self.rows(statement, [repo.0.into(), after.into(), most.into()]).await?;
        rows.iter().map(holder).collect()
    }

    /// Corrects what is known to be applied.
    ///
    /// # Errors
    /// The database fails.
    pub async fn correct(&mut self, issue: IssueId, applied: &Applied) -> Result<()> {
        self.run(sql!("UPDATE tickets SET applied = $2 WHERE issue_id = $1"), [issue.0.into(), to_json(applied)?.into()]).await?;
        Ok(())
    }

    /// The same for many tickets.
    ///
    /// # Errors
    /// The database fails.
    pub async fn correct_many(&mut self, all: &[(IssueId, Applied)]) -> Result<()> {
        #[derive(Serialize)]
        struct AppliedRow {
            issue_id: i64,
            applied: String,
        }
        if all.is_empty() {
            return Ok(());
        }
        let row = |(issue, applied): &(IssueId, Applied)| Ok(AppliedRow { issue_id: issue.0, applied: to_json(applied)? });
        let rows = all.iter().map(row).collect::<Result<Vec<_>>>()?;
        let statement = sql!(
            "UPDATE tickets SET applied = r.applied FROM {rows $1: issue_id BIGINT, applied TEXT} WHERE tickets.issue_id = r.issue_id"
        );
        self.run(statement, [list(&rows)?]).await?;
        Ok(())
    }

    /// Adds a line to a ticket's log, unless it stands there already.
    ///
    /// # Errors
    /// The database fails.
    pub async fn note_once(&mut self, issue: IssueId, at: Timestamp, rule: &str, text: &str) -> Result<()> {
        let statement = sql!(
            "INSERT INTO ticket_log (issue_id, at_ms, rule, text) SELECT $1, $2, $3, $4
             WHERE NOT EXISTS (SELECT 1 FROM ticket_log WHERE issue_id = $1 AND rule = $3 AND text = $4)"
        );
        self.run(statement, [issue.0.into(), at.as_millisecond().into(), rule.into(), text.into()]).await?;
        Ok(())
    }

    /// The same to many tickets' logs.
    ///
    /// # Errors
    /// The database fails.
    pub async fn note_many_once(&mut self, lines: &[(IssueId, String)], at: Timestamp, rule: &str) -> Result<()> {
        #[derive(Serialize)]
        struct LineRow<'a> {
            issue_id: i64,
            text: &'a str,
        }
        if lines.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = lines.iter().map(|(issue, text)| LineRow { issue_id: issue.0, text }).collect();
        let statement = sql!(
            "INSERT INTO ticket_log (issue_id, at_ms, rule, text) SELECT r.issue_id, $2, $3, r.text
             FROM {rows $1: issue_id BIGINT, text TEXT}
             WHERE NOT EXISTS (SELECT 1 FROM ticket_log l WHERE l.issue_id = r.issue_id AND l.rule = $3 AND l.text = r.text)"
        );
        self.run(statement, [list(&rows)?, at.as_millisecond().into(), rule.into()]).await?;
        Ok(())
    }
}

fn holder(row: &Row) -> Result<Holder> {
    Ok(Holder {
        issue: IssueId(row.int("issue_id")?),
        number: row.int("number")?,
        applied: applied(row)?,
        moving: row.int("version")? != row.int("published")?,
    })
}

/// What does not read back counts as nothing: then whoever took a label off does so once more.
fn hands(row: &Row) -> Result<(IssueId, Hands)> {
    let issue = IssueId(row.int("issue_id")?);
    let hands = row.json("doc").unwrap_or_else(|error| {
        tracing::warn!(%issue, %error, rule = "G5", "what hands did to a ticket lately is forgotten");
        Hands::default()
    });
    Ok((issue, hands))
}
