//! What GitHub was last told of each ticket, and who is telling it at present.

use super::sql::sql;
use super::{Result, Row, Tx, to_json};
use crate::domain::IssueId;
use crate::domain::hands::Undone;
use crate::domain::ticket::Ticket;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What was last applied of a ticket's projection (`G1`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Names of the labels put on.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Names of labels whose putting on has begun, and whether they arrived is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<String>,
    /// Comments by their marker.
    #[serde(default)]
    pub comments: BTreeMap<String, AppliedComment>,
    /// The cause of the last wish that was carried out: that the issue be open or closed.
    #[serde(default)]
    pub wish: Option<i64>,
    /// Comments that were thanked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thanked: Vec<i64>,
    /// The comment for which the label that pauses was last taken off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_by: Option<i64>,
}

impl Applied {
    /// Whether a label was put on, whatever the case of its letters.
    #[must_use]
    pub fn has_label(&self, name: &str) -> bool {
        self.labels.iter().any(|label| same_name(label, name))
    }

    /// Corrects this by what people undid. Of the comments only the status comment, which has this marker, is put back.
    pub fn undo(&mut self, undone: &[Undone], status: &str) {
        for undone in undone {
            match undone {
                Undone::Label(key) => self.labels.retain(|label| !same_name(label, key)),
                Undone::Deleted(id) => self.comments.retain(|marker, comment| marker != status || comment.id != Some(id.0)),
                Undone::Edited(id) => {
                    if let Some(edited) = self.comments.get_mut(status).filter(|comment| comment.id == Some(id.0)) {
                        edited.digest.clear();
                    }
                }
            }
        }
    }
}

/// Whether GitHub takes two names for the same label's.
#[must_use]
pub fn same_name(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// A comment that stands at GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedComment {
    /// Which; `None`: its sending has begun, and whether it arrived is not known.
    pub id: Option<i64>,
    /// A digest of its text.
    pub digest: String,
}

/// A ticket to be published by whoever holds this.
#[derive(Debug)]
pub struct Claim {
    /// The ticket as it was when claimed.
    pub ticket: Ticket,
    /// The version that this is.
    pub version: i64,
    /// How often it was tried since it last succeeded, this time included; more than 1: an earlier try may have had effect.
    pub attempts: i64,
    /// What was last applied.
    pub applied: Applied,
}

impl Tx {
    /// Claims tickets whose version was not published yet, for `lease`. Those of a repository that is out of the desk's hands wait
    /// until it is back (`S12`).
    ///
    /// # Errors
    /// The database fails.
    pub async fn claim_dirty(&mut self, now: Timestamp, lease: SignedDuration, most: i64) -> Result<Vec<Claim>> {
        let statement = sql!(
            "UPDATE tickets SET publish_at_ms = $2, attempts = attempts + 1
             WHERE issue_id IN (SELECT issue_id FROM tickets WHERE version <> published AND publish_at_ms <= $1
                                  AND NOT EXISTS (SELECT 1 FROM freezes
                                                  WHERE freezes.repo_id = tickets.repo_id AND freezes.until_ms IS NULL)
                                ORDER BY publish_at_ms, issue_id LIMIT $3{pg  FOR UPDATE SKIP LOCKED})
             RETURNING doc, version, attempts, applied"
        );
        let until = now.saturating_add(lease).unwrap_or(now).as_millisecond();
        let rows = self.rows(statement, [now.as_millisecond().into(), until.into(), most.into()]).await?;
        let mut claims = Vec::with_capacity(rows.len());
        for row in rows {
            let (version, attempts) = (row.int("version")?, row.int("attempts")?);
            claims.push(Claim { ticket: row.json("doc")?, version, attempts, applied: applied(&row)? });
        }
        claims.sort_by_key(|claim| (claim.ticket.created_at, claim.ticket.issue));
        Ok(claims)
    }

    /// Whether anything waits to be published now or later; the earliest instant of it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn next_publish(&mut self) -> Result<Option<Timestamp>> {
        let rows = self.rows(sql!("SELECT min(publish_at_ms) AS at_ms FROM tickets WHERE version <> published"), []).await?;
        rows.first().map_or(Ok(None), |row| row.maybe_instant("at_ms"))
    }

    /// Records what was applied; a ticket that changed meanwhile stays to be published, at once.
    ///
    /// # Errors
    /// The database fails.
    pub async fn published(&mut self, issue: IssueId, version: i64, applied: &Applied) -> Result<()> {
        let statement = sql!("UPDATE tickets SET published = $2, applied = $3, attempts = 0, publish_at_ms = 0 WHERE issue_id = $1");
        self.run(statement, [issue.0.into(), version.into(), to_json(applied)?.into()]).await?;
        Ok(())
    }

    /// Records how far publishing got, and when it is tried again.
    ///
    /// # Errors
    /// The database fails.
    pub async fn publish_again(&mut self, issue: IssueId, applied: &Applied, at: Timestamp) -> Result<()> {
        let statement = sql!("UPDATE tickets SET applied = $2, publish_at_ms = $3 WHERE issue_id = $1");
        self.run(statement, [issue.0.into(), to_json(applied)?.into(), at.as_millisecond().into()]).await?;
        Ok(())
    }

    /// Records what is about to be applied, before it is.
    ///
    /// # Errors
    /// The database fails.
    pub async fn about_to_apply(&mut self, issue: IssueId, applied: &Applied) -> Result<()> {
        let statement = sql!("UPDATE tickets SET applied = $2 WHERE issue_id = $1");
        self.run(statement, [issue.0.into(), to_json(applied)?.into()]).await?;
        Ok(())
    }

    /// Has everything of a ticket looked for and shown again: it is somewhere else now (`S12`).
    ///
    /// # Errors
    /// The database fails.
    pub async fn show_anew(&mut self, issue: IssueId) -> Result<()> {
        let rows = self.rows(sql!("SELECT applied FROM tickets WHERE issue_id = $1"), [issue.0.into()]).await?;
        let Some(row) = rows.first() else { return Ok(()) };
        let mut applied: Applied = if row.maybe_text("applied")?.is_some() { row.json("applied")? } else { Applied::default() };
        applied.labels.clear();
        applied.tried.clear();
        for comment in applied.comments.values_mut() {
            comment.id = None;
        }
        let statement = sql!("UPDATE tickets SET applied = $2, version = version + 1, publish_at_ms = 0 WHERE issue_id = $1");
        self.run(statement, [issue.0.into(), to_json(&applied)?.into()]).await?;
        Ok(())
    }

    /// Lets go of what a former life of this process held. For a database that only this process uses.
    ///
    /// # Errors
    /// The database fails.
    pub async fn release_claims(&mut self) -> Result<()> {
        self.run(sql!("UPDATE tickets SET publish_at_ms = 0 WHERE version <> published"), []).await?;
        self.run(sql!("UPDATE outbox SET lease_ms = 0 WHERE state = 'pending'"), []).await?;
        self.run(sql!("UPDATE tickets SET looking_ms = 0 WHERE next_at_ms IS NOT NULL AND looking_ms > 0"), []).await?;
        Ok(())
    }
}

/// What a row tells of what was applied; nothing where it was never published.
pub(super) fn applied(row: &Row) -> Result<Applied> {
    row.maybe_text("applied")?.map_or_else(|| Ok(Applied::default()), |_| row.json("applied"))
}
