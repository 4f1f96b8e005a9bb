//! What GitHub was last told of each ticket, and who is telling it at present.

use super::list::list;
use super::row::unfit;
use super::sql::sql;
use super::{Result, Row, Tx, to_json};
use crate::domain::hands::Undone;
use crate::domain::ticket::Ticket;
use crate::domain::{InstallationId, IssueId};
use crate::programme::TierId;
use jiff::Timestamp;
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
    /// The cause of a wish whose carrying out has begun, and when, in epoch seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wishing: Option<(i64, i64)>,
    /// Comments that were thanked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thanked: Vec<i64>,
    /// The comment for which the label that pauses was last taken off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_by: Option<i64>,
    /// How often in a row GitHub refused something of it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused: i64,
    /// Steps whose people were assigned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assigned: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &i64) -> bool {
    *number == 0
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
    /// Installations with tickets whose version was not published yet, and whose gate is open (`G7`). Tickets of a repository that is
    /// out of the desk's hands wait until it is back (`S12`).
    ///
    /// # Errors
    /// The database fails.
    pub async fn ready_to_publish(&mut self, now: Timestamp) -> Result<Vec<InstallationId>> {
        // Each part ends at its first row whatever PostgreSQL believes of the tables: of `EXISTS` it may make a table of all that is to be
        // published, and for `min` of a column walk all of an index.
        let statement = sql!(
            "WITH RECURSIVE dirty (id) AS (
                 SELECT min(id) FROM (
                     SELECT (SELECT installation_id FROM tickets WHERE version <> published AND attempts = 0 AND publish_at_ms = 0
                             ORDER BY installation_id LIMIT 1) AS id
                     UNION ALL SELECT (SELECT installation_id FROM tickets WHERE version <> published AND attempts = 0 AND publish_at_ms > 0
                             ORDER BY installation_id LIMIT 1)
                     UNION ALL SELECT (SELECT installation_id FROM tickets WHERE version <> published AND attempts > 0
                             ORDER BY installation_id LIMIT 1)) AS firsts
                 UNION ALL
                 SELECT (SELECT min(id) FROM (
                     SELECT (SELECT installation_id FROM tickets WHERE version <> published AND attempts = 0 AND publish_at_ms = 0 AND installation_id > dirty.id
                             ORDER BY installation_id LIMIT 1) AS id
                     UNION ALL SELECT (SELECT installation_id FROM tickets WHERE version <> published AND attempts = 0 AND publish_at_ms > 0 AND installation_id > dirty.id
                             ORDER BY installation_id LIMIT 1)
                     UNION ALL SELECT (SELECT installation_id FROM tickets WHERE version <> published AND attempts > 0 AND installation_id > dirty.id
                             ORDER BY installation_id LIMIT 1)) AS nexts)
                 FROM dirty WHERE dirty.id IS NOT NULL)
             SELECT dirty.id FROM dirty LEFT JOIN gates ON gates.installation_id = dirty.id
             WHERE dirty.id IS NOT NULL AND coalesce(gates.lease_ms, 0) <= $1 AND coalesce(gates.quiet_ms, 0) <= $1
               AND ((coalesce(gates.pause_ms, 0) <= $1
                     AND ((SELECT 1 FROM tickets
                           WHERE version <> published AND attempts = 0 AND publish_at_ms = 0 AND installation_id = dirty.id
                             AND (SELECT 1 FROM freezes WHERE freezes.repo_id = tickets.repo_id AND freezes.until_ms IS NULL LIMIT 1) IS NULL
                           LIMIT 1) IS NOT NULL
                          OR (SELECT 1 FROM tickets
                              WHERE version <> published AND attempts = 0 AND publish_at_ms > 0 AND installation_id = dirty.id
                                AND publish_at_ms <= $1
                                AND (SELECT 1 FROM freezes WHERE freezes.repo_id = tickets.repo_id AND freezes.until_ms IS NULL LIMIT 1) IS NULL
                              LIMIT 1) IS NOT NULL))
                    OR (SELECT 1 FROM tickets
                        WHERE version <> published AND attempts > 0 AND installation_id = dirty.id AND publish_at_ms <= $1
                          AND (SELECT 1 FROM freezes WHERE freezes.repo_id = tickets.repo_id AND freezes.until_ms IS NULL LIMIT 1) IS NULL
                        LIMIT 1) IS NOT NULL)
             ORDER BY dirty.id"
        );
        let rows = self.rows(statement, [now.as_millisecond().into()]).await?;
        rows.iter().map(|row| Ok(InstallationId(row.int("id")?))).collect()
    }

    /// The ticket of an installation that is to be published next among those of which an earlier try may have had effect: the longest
    /// due. Whoever calls holds the installation's gate.
    ///
    /// # Errors
    /// The database fails.
    pub async fn next_tried(&mut self, installation: InstallationId, now: Timestamp) -> Result<Option<IssueId>> {
        // Each ticket's repository is looked for by itself: for `EXISTS` PostgreSQL may read all that are out of the desk's hands.
        let first = sql!(
            "SELECT issue_id FROM tickets WHERE version <> published AND attempts > 0 AND installation_id = $1 AND publish_at_ms <= $2
               AND (SELECT 1 FROM freezes WHERE freezes.repo_id = tickets.repo_id AND freezes.until_ms IS NULL LIMIT 1) IS NULL
             ORDER BY publish_at_ms, issue_id LIMIT 1"
        );
        let rows = self.rows(first, [installation.0.into(), now.as_millisecond().into()]).await?;
        rows.first().map(|row| row.int("issue_id").map(IssueId)).transpose()
    }

    /// The same among those that were not tried yet: the oldest of the highest tier; `tiers` are the programme's, the highest first (`G7`).
    ///
    /// # Errors
    /// The database fails.
    pub async fn next_untried(&mut self, installation: InstallationId, tiers: &[TierId], now: Timestamp) -> Result<Option<IssueId>> {
        #[derive(Serialize)]
        struct Rank<'a> {
            tier: &'a str,
            place: usize,
        }
        // What only waited for an instant that has come stands in line again.
        let again = sql!(
            "UPDATE tickets SET publish_at_ms = 0 WHERE issue_id IN (
                     SELECT issue_id FROM tickets
                     WHERE version <> published AND attempts = 0 AND publish_at_ms > 0 AND installation_id = $1 AND publish_at_ms <= $2)"
        );
        self.run(again, [installation.0.into(), now.as_millisecond().into()]).await?;
        let ids = tiers.iter().map(|tier| tier.0.as_str()).chain([""]);
        let ranks: Vec<_> = ids.enumerate().map(|(place, tier)| Rank { tier, place }).collect();
        let by_tier = sql!(
            "SELECT issue_id FROM (
                     SELECT place, (SELECT issue_id FROM tickets
                                    WHERE version <> published AND attempts = 0 AND publish_at_ms = 0
                                      AND installation_id = $1 AND tickets.tier = r.tier
                                      AND (SELECT 1 FROM freezes
                                           WHERE freezes.repo_id = tickets.repo_id AND freezes.until_ms IS NULL LIMIT 1) IS NULL
                                    ORDER BY created_ms, issue_id LIMIT 1) AS issue_id
                     FROM {rows $2: tier TEXT, place BIGINT}) AS first_of_tier
                 WHERE issue_id IS NOT NULL ORDER BY place LIMIT 1"
        );
        let rows = self.rows(by_tier, [installation.0.into(), list(&ranks)?]).await?;
        let mut found = rows.first().map(|row| row.int("issue_id")).transpose()?;
        if found.is_none() {
            // Of a tier that the programme has no more.
            let rest = sql!(
                "SELECT issue_id FROM tickets WHERE version <> published AND attempts = 0 AND publish_at_ms = 0 AND installation_id = $1
                   AND (SELECT 1 FROM freezes WHERE freezes.repo_id = tickets.repo_id AND freezes.until_ms IS NULL LIMIT 1) IS NULL
                 ORDER BY created_ms, issue_id LIMIT 1"
            );
            found = self.rows(rest, [installation.0.into()]).await?.first().map(|row| row.int("issue_id")).transpose()?;
        }
        Ok(found.map(IssueId))
    }

    /// Claims a ticket to publish it. Each claim counts.
    ///
    /// # Errors
    /// The database fails, or the ticket does not read back.
    pub async fn claim(&mut self, issue: IssueId) -> Result<Claim> {
        let statement = sql!("UPDATE tickets SET attempts = attempts + 1 WHERE issue_id = $1 RETURNING doc, version, attempts, applied");
        let rows = self.rows(statement, [issue.0.into()]).await?;
        let row = rows.first().ok_or_else(|| unfit("issue_id", "there is no such ticket"))?;
        let (version, attempts) = (row.int("version")?, row.int("attempts")?);
        Ok(Claim { ticket: row.json("doc")?, version, attempts, applied: applied(row)? })
    }

    /// Publishes at once what was to be tried again later than any back-off reaches: a clock that was ahead has put it off.
    ///
    /// # Errors
    /// The database fails.
    pub async fn publish_put_off_after(&mut self, latest: Timestamp) -> Result<()> {
        let statement = sql!("UPDATE tickets SET publish_at_ms = 0 WHERE version <> published AND attempts > 0 AND publish_at_ms > $1");
        self.run(statement, [latest.as_millisecond().into()]).await?;
        Ok(())
    }

    /// Takes a claim back of which nothing could come: the ticket is not published before `at`, or before it changes.
    ///
    /// # Errors
    /// The database fails.
    pub async fn unclaim(&mut self, issue: IssueId, at: Timestamp) -> Result<()> {
        let statement = sql!("UPDATE tickets SET attempts = attempts - 1, publish_at_ms = $2 WHERE issue_id = $1");
        self.run(statement, [issue.0.into(), at.as_millisecond().into()]).await?;
        Ok(())
    }

    /// Whether anything waits to be published now or later; the earliest instant of it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn next_publish(&mut self) -> Result<Option<Timestamp>> {
        let statement = sql!(
            "SELECT min(at_ms) AS at_ms, max(coalesce(lease_ms, 0)) AS lease_ms, max(coalesce(quiet_ms, 0)) AS quiet_ms,
                    max(CASE WHEN tried = 1 THEN 0 ELSE coalesce(pause_ms, 0) END) AS pause_ms
             FROM (SELECT installation_id, min(publish_at_ms) AS at_ms, 0 AS tried FROM tickets
                   WHERE version <> published AND attempts = 0 AND publish_at_ms = 0 GROUP BY installation_id
                   UNION ALL SELECT installation_id, min(publish_at_ms), 0 FROM tickets
                   WHERE version <> published AND attempts = 0 AND publish_at_ms > 0 GROUP BY installation_id
                   UNION ALL SELECT installation_id, min(publish_at_ms), 1 FROM tickets
                   WHERE version <> published AND attempts > 0 GROUP BY installation_id) AS dirty
             LEFT JOIN gates ON gates.installation_id = dirty.installation_id GROUP BY dirty.installation_id, tried"
        );
        let rows = self.rows(statement, []).await?;
        let instants = rows.iter().map(|row| {
            let parts = [row.instant("at_ms")?, row.instant("lease_ms")?, row.instant("quiet_ms")?, row.instant("pause_ms")?];
            Result::Ok(parts.into_iter().max())
        });
        Ok(instants.collect::<Result<Vec<_>>>()?.into_iter().flatten().min())
    }

    /// Records what was applied where the ticket was when it was claimed: of one that was transferred meanwhile what stands is of
    /// its new place (`S12`). A ticket that changed meanwhile stays to be published, at once.
    ///
    /// # Errors
    /// The database fails.
    pub async fn published(&mut self, ticket: &Ticket, version: i64, applied: &Applied) -> Result<()> {
        let statement = sql!(
            "UPDATE tickets SET published = $2, applied = CASE WHEN repo_id = $4 AND number = $5 THEN $3 ELSE applied END,
                 attempts = 0, publish_at_ms = 0 WHERE issue_id = $1"
        );
        self.run(statement, [ticket.issue.0.into(), version.into(), to_json(applied)?.into(), ticket.repo.0.into(), ticket.number.into()])
            .await?;
        Ok(())
    }

    /// Records how far publishing got, and when it is tried again.
    ///
    /// # Errors
    /// The database fails.
    pub async fn publish_again(&mut self, ticket: &Ticket, applied: &Applied, at: Timestamp) -> Result<()> {
        let statement = sql!(
            "UPDATE tickets SET applied = CASE WHEN repo_id = $4 AND number = $5 THEN $2 ELSE applied END, publish_at_ms = $3
             WHERE issue_id = $1"
        );
        self.run(
            statement,
            [ticket.issue.0.into(), to_json(applied)?.into(), at.as_millisecond().into(), ticket.repo.0.into(), ticket.number.into()],
        )
        .await?;
        Ok(())
    }

    /// Records what is about to be applied, before it is.
    ///
    /// # Errors
    /// The database fails.
    pub async fn about_to_apply(&mut self, ticket: &Ticket, applied: &Applied) -> Result<()> {
        let statement = sql!("UPDATE tickets SET applied = $2 WHERE issue_id = $1 AND repo_id = $3 AND number = $4");
        self.run(statement, [ticket.issue.0.into(), to_json(applied)?.into(), ticket.repo.0.into(), ticket.number.into()]).await?;
        Ok(())
    }

    /// Records how far publishing got before the gate closed, which is no failure of this ticket's; not tried again before `at`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn publish_later(&mut self, ticket: &Ticket, applied: &Applied, at: Option<Timestamp>) -> Result<()> {
        let statement = sql!(
            "UPDATE tickets SET applied = CASE WHEN repo_id = $4 AND number = $5 THEN $2 ELSE applied END, attempts = attempts - 1,
                 publish_at_ms = CASE WHEN attempts > 1 THEN $3 ELSE 0 END
             WHERE issue_id = $1"
        );
        let at = at.map_or(0, Timestamp::as_millisecond);
        self.run(statement, [ticket.issue.0.into(), to_json(applied)?.into(), at.into(), ticket.repo.0.into(), ticket.number.into()])
            .await?;
        Ok(())
    }

    /// Records how far publishing got where GitHub refuses the rest: it is not tried again before `at`, or before the ticket changes.
    ///
    /// # Errors
    /// The database fails.
    pub async fn park(&mut self, ticket: &Ticket, version: i64, applied: &Applied, at: Timestamp) -> Result<()> {
        let statement = sql!(
            "UPDATE tickets SET applied = CASE WHEN repo_id = $5 AND number = $6 THEN $3 ELSE applied END, attempts = 0,
                 publish_at_ms = CASE WHEN version = $2 THEN $4 ELSE 0 END WHERE issue_id = $1"
        );
        self.run(
            statement,
            [
                ticket.issue.0.into(),
                version.into(),
                to_json(applied)?.into(),
                at.as_millisecond().into(),
                ticket.repo.0.into(),
                ticket.number.into(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Has everything of a ticket looked for and shown again: it is somewhere else now (`S12`).
    ///
    /// # Errors
    /// The database fails.
    pub async fn show_anew(&mut self, issue: IssueId) -> Result<()> {
        let rows = self.rows(sql!("SELECT applied FROM tickets WHERE issue_id = $1"), [issue.0.into()]).await?;
        let Some(row) = rows.first() else { return Ok(()) };
        let mut applied: Applied = row.maybe_json("applied")?.unwrap_or_default();
        applied.labels.clear();
        applied.tried.clear();
        applied.refused = 0;
        for comment in applied.comments.values_mut() {
            comment.id = None;
        }
        let statement = sql!("UPDATE tickets SET applied = $2, version = version + 1, publish_at_ms = 0 WHERE issue_id = $1");
        self.run(statement, [issue.0.into(), to_json(&applied)?.into()]).await?;
        Ok(())
    }

    /// Lets go of messages and gates that somebody holds beyond an instant, by a clock that was ahead.
    ///
    /// # Errors
    /// The database fails.
    pub async fn let_go_after(&mut self, instant: Timestamp) -> Result<()> {
        let statement = sql!("UPDATE outbox SET lease_ms = 0 WHERE state = 'pending' AND lease_ms > $1");
        self.run(statement, [instant.as_millisecond().into()]).await?;
        self.run(sql!("UPDATE gates SET lease_ms = 0 WHERE lease_ms > $1"), [instant.as_millisecond().into()]).await?;
        Ok(())
    }

    /// Lets go of what a former life of this process held. For a database that only this process uses.
    ///
    /// # Errors
    /// The database fails.
    pub async fn release_claims(&mut self) -> Result<()> {
        self.run(sql!("UPDATE gates SET lease_ms = 0 WHERE lease_ms <> 0"), []).await?;
        self.run(sql!("UPDATE outbox SET lease_ms = 0 WHERE state = 'pending'"), []).await?;
        self.run(sql!("UPDATE tickets SET looking_ms = 0 WHERE next_at_ms IS NOT NULL AND looking_ms > 0"), []).await?;
        Ok(())
    }
}

/// What a row tells of what was applied; nothing where it was never published.
pub(super) fn applied(row: &Row) -> Result<Applied> {
    Ok(row.maybe_json("applied")?.unwrap_or_default())
}
