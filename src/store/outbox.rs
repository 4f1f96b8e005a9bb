//! The outbox: chat messages that were decided, until they are sent or no longer true (`E2`, `E7`).

use super::sql::sql;
use super::{Result, Tx};
use crate::domain::IssueId;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// A message as it is put into the outbox.
#[derive(Debug, Clone, Serialize)]
pub struct Outgoing {
    /// Ticket, cycle, step, occurrence and channel: unique, so that nothing is said twice.
    pub key: String,
    /// The chat channel.
    pub channel: String,
    /// The ticket; `None`: a word to the operator.
    pub issue_id: Option<i64>,
    /// The ticket's cycle.
    pub cycle: i64,
    /// The message as JSON.
    pub body: String,
    /// When it was decided, in milliseconds.
    pub created_ms: i64,
    /// When GitHub was last asked whether it is still true.
    pub confirmed_ms: i64,
}

/// A message whose turn it is.
#[derive(Debug, Clone)]
pub struct PendingPing {
    /// See [`Outgoing::key`].
    pub key: String,
    /// The ticket.
    pub issue: Option<IssueId>,
    /// The ticket's cycle.
    pub cycle: i64,
    /// The message as JSON.
    pub body: String,
    /// When GitHub was last asked.
    pub confirmed_at: Timestamp,
    /// Tries, this one included.
    pub attempts: i64,
}

impl Tx {
    /// Channels with something to send.
    ///
    /// # Errors
    /// The database fails.
    pub async fn busy_channels(&mut self) -> Result<Vec<String>> {
        let rows = self.rows(sql!("SELECT DISTINCT channel FROM outbox WHERE state = 'pending' ORDER BY channel"), []).await?;
        rows.iter().map(|row| row.text("channel")).collect()
    }

    /// Claims the oldest message of a channel, if its time has come and nobody else holds it: so a channel stays in order. Messages
    /// about tickets of a repository that is out of the desk's hands wait until it is back, and hold up no others (`S12`); so do all
    /// but notices where pings are held (`R7`).
    ///
    /// # Errors
    /// The database fails.
    pub async fn claim_ping(
        &mut self,
        channel: &str,
        now: Timestamp,
        lease: SignedDuration,
        only_notices: bool,
    ) -> Result<Option<PendingPing>> {
        let statement = sql!(
            "UPDATE outbox SET lease_ms = $3, attempts = attempts + 1
             WHERE key = (SELECT key FROM outbox WHERE state = 'pending' AND channel = $1 AND ($4 = 0 OR issue_id IS NULL)
                            AND NOT EXISTS (SELECT 1 FROM tickets JOIN freezes ON freezes.repo_id = tickets.repo_id
                                            WHERE tickets.issue_id = outbox.issue_id AND freezes.until_ms IS NULL)
                          ORDER BY created_ms, key LIMIT 1{pg  FOR UPDATE})
               AND lease_ms <= $2 AND not_before_ms <= $2 AND state = 'pending'
             RETURNING key, issue_id, cycle, body, confirmed_ms, attempts"
        );
        let until = now.saturating_add(lease).unwrap_or(now).as_millisecond();
        let rows =
            self.rows(statement, [channel.into(), now.as_millisecond().into(), until.into(), i64::from(only_notices).into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(PendingPing {
            key: row.text("key")?,
            issue: row.maybe_int("issue_id")?.map(IssueId),
            cycle: row.int("cycle")?,
            body: row.text("body")?,
            confirmed_at: row.instant("confirmed_ms")?,
            attempts: row.int("attempts")?,
        }))
    }

    /// Records what became of a message: `sent`, or `void` because it is no longer true or was refused.
    ///
    /// # Errors
    /// The database fails.
    pub async fn ping_done(&mut self, key: &str, state: &str, note: &str) -> Result<()> {
        self.run(sql!("UPDATE outbox SET state = $2, note = $3, lease_ms = 0 WHERE key = $1"), [key.into(), state.into(), note.into()])
            .await?;
        Ok(())
    }

    /// Puts a message back until `at`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn ping_again(&mut self, key: &str, at: Timestamp, note: &str) -> Result<()> {
        let statement = sql!("UPDATE outbox SET not_before_ms = $2, lease_ms = 0, note = $3 WHERE key = $1");
        self.run(statement, [key.into(), at.as_millisecond().into(), note.into()]).await?;
        Ok(())
    }

    /// When the next message may be sent, if any waits.
    ///
    /// # Errors
    /// The database fails.
    pub async fn next_ping(&mut self) -> Result<Option<Timestamp>> {
        let rows = self.rows(sql!("SELECT min(not_before_ms) AS at_ms FROM outbox WHERE state = 'pending'"), []).await?;
        rows.first().map_or(Ok(None), |row| row.maybe_instant("at_ms"))
    }
}
