//! What is counted for those who watch the desk from outside: each a walk over an index of some rows only, never over a table.

use super::sql::sql;
use super::{Result, Tx};
use crate::domain::InstallationId;
use crate::domain::gate::{A_MINUTE, AN_HOUR, HOUR};
use jiff::{SignedDuration, Timestamp};

/// Tickets that have something before them: they wait for a slot, for an answer, or to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTickets {
    /// Their tier's id; empty: none.
    pub tier: String,
    /// How they stand.
    pub standing: String,
    /// How many.
    pub tickets: i64,
}

/// Messages that wait to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    /// The channel.
    pub channel: String,
    /// How many.
    pub messages: i64,
    /// When the oldest was decided.
    pub since: Timestamp,
}

/// What an installation may still write (`G7`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetLeft {
    /// Which.
    pub installation: InstallationId,
    /// Requests within this minute.
    pub minute: i64,
    /// Requests within this hour.
    pub hour: i64,
    /// Until when GitHub asked for quiet; in the past: it does not.
    pub quiet: Timestamp,
}

impl Tx {
    /// Tickets with something before them, by tier and standing.
    ///
    /// # Errors
    /// The database fails.
    pub async fn open_tickets(&mut self) -> Result<Vec<OpenTickets>> {
        let statement =
            sql!("SELECT tier, standing, count(*) AS tickets FROM tickets WHERE live = 1 GROUP BY tier, standing ORDER BY tier, standing");
        let rows = self.rows(statement, []).await?;
        let read =
            |row: &super::Row| Ok(OpenTickets { tier: row.text("tier")?, standing: row.text("standing")?, tickets: row.int("tickets")? });
        rows.iter().map(read).collect()
    }

    /// Tickets that GitHub does not show as they are.
    ///
    /// # Errors
    /// The database fails.
    pub async fn unshown_tickets(&mut self) -> Result<i64> {
        let statement = sql!(
            "SELECT count(*) AS tickets FROM tickets WHERE version <> published AND attempts = 0 AND publish_at_ms = 0
             UNION ALL SELECT count(*) FROM tickets WHERE version <> published AND attempts = 0 AND publish_at_ms > 0
             UNION ALL SELECT count(*) FROM tickets WHERE version <> published AND attempts > 0"
        );
        self.rows(statement, []).await?.iter().map(|row| row.int("tickets")).sum()
    }

    /// Messages that wait, by channel.
    ///
    /// # Errors
    /// The database fails.
    pub async fn unsent_messages(&mut self) -> Result<Vec<Unsent>> {
        let statement = sql!(
            "SELECT channel, count(*) AS messages, min(created_ms) AS since_ms FROM outbox WHERE state = 'pending'
             GROUP BY channel ORDER BY channel"
        );
        let rows = self.rows(statement, []).await?;
        let read = |row: &super::Row| {
            Ok(Unsent { channel: row.text("channel")?, messages: row.int("messages")?, since: row.instant("since_ms")? })
        };
        rows.iter().map(read).collect()
    }

    /// What each installation may still write.
    ///
    /// # Errors
    /// The database fails.
    pub async fn budgets_left(&mut self, now: Timestamp) -> Result<Vec<BudgetLeft>> {
        let rows = self.rows(sql!("SELECT installation_id, quiet_ms FROM gates ORDER BY installation_id"), []).await?;
        let minute = now.saturating_sub(SignedDuration::from_mins(1)).unwrap_or(now).as_millisecond();
        let hour = now.saturating_sub(HOUR).unwrap_or(now).as_millisecond();
        let statement = sql!(
            "SELECT CAST(coalesce(sum(writes), 0) AS BIGINT) AS hour,
                    CAST(coalesce(sum(CASE WHEN at_ms > $2 THEN writes ELSE 0 END), 0) AS BIGINT) AS minute
             FROM gate_writes WHERE installation_id = $1 AND at_ms > $3"
        );
        let mut all = Vec::with_capacity(rows.len());
        for row in rows {
            let installation = InstallationId(row.int("installation_id")?);
            let written = self.rows(statement, [installation.0.into(), minute.into(), hour.into()]).await?;
            let Some(written) = written.first() else { continue };
            all.push(BudgetLeft {
                installation,
                minute: (A_MINUTE - written.int("minute")?).max(0),
                hour: (AN_HOUR - written.int("hour")?).max(0),
                quiet: row.instant("quiet_ms")?,
            });
        }
        Ok(all)
    }
}
