//! What hands did to tickets lately, and what GitHub is known to show of them (`G5`).

use super::list::list;
use super::publish::{Applied, applied};
use super::sql::sql;
use super::{Result, Row, Tx, to_json};
use crate::domain::hands::Hands;
use crate::domain::{IssueId, RepoId};
use jiff::Timestamp;
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
        rows.iter().map(|row| Ok((IssueId(row.int("issue_id")?), row.json("doc")?))).collect()
    }

    /// The same for tickets that are to be looked at again, the longest due first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn hands_due(&mut self, now: Timestamp, most: i64) -> Result<Vec<(IssueId, Hands)>> {
        let statement = sql!("SELECT issue_id, doc FROM hands WHERE again_ms <= $1 ORDER BY again_ms LIMIT $2");
        let rows = self.rows(statement, [now.as_millisecond().into(), most.into()]).await?;
        rows.iter().map(|row| Ok((IssueId(row.int("issue_id")?), row.json("doc")?))).collect()
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
}

fn holder(row: &Row) -> Result<Holder> {
    Ok(Holder {
        issue: IssueId(row.int("issue_id")?),
        number: row.int("number")?,
        applied: applied(row)?,
        moving: row.int("version")? != row.int("published")?,
    })
}
