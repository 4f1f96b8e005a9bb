//! Deleting what is older than it is kept (`O2`). A call is one statement over so many rows, so that nobody waits long for the
//! writer's turn; whoever calls it again goes on.

use super::sql::sql;
use super::{Result, Tx};
use jiff::Timestamp;

/// What is deleted when it is old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Old {
    /// Ids of deliveries, by when they were received.
    Deliveries,
    /// Deliveries that could not be taken in, by when they were received.
    KeptDeliveries,
    /// Deliveries that never came, by when GitHub attempted them.
    MissedDeliveries,
    /// Lines of tickets' logs, by the instant that they are about; those of a ticket that waits for a slot or an
    /// answer, or that time will ask for again, stay until then.
    TicketLog,
    /// Chat messages that were sent or given up, by when they were decided.
    Outbox,
    /// Threads, by when something was last said in them; those of a ticket that is not over stay until then (`E8`).
    Threads,
}

impl Old {
    /// All of it.
    pub const ALL: [Self; 6] =
        [Self::Deliveries, Self::KeptDeliveries, Self::MissedDeliveries, Self::TicketLog, Self::Outbox, Self::Threads];
}

impl Tx {
    /// Deletes at most so many rows from before an instant, the oldest first. Says how many there were.
    ///
    /// # Errors
    /// The database fails.
    pub async fn delete_old(&mut self, what: Old, before: Timestamp, most: i64) -> Result<u64> {
        let statement = match what {
            Old::Deliveries => {
                sql!("DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE received_ms < $1 ORDER BY received_ms LIMIT $2)")
            }
            Old::KeptDeliveries => sql!(
                "DELETE FROM kept_deliveries WHERE id IN (
                     SELECT id FROM kept_deliveries WHERE received_ms < $1 ORDER BY received_ms LIMIT $2)"
            ),
            Old::MissedDeliveries => sql!(
                "DELETE FROM missed_deliveries WHERE id IN (
                     SELECT id FROM missed_deliveries WHERE delivered_ms < $1 ORDER BY delivered_ms LIMIT $2)"
            ),
            // Whether a ticket is over is asked by its id alone: to PostgreSQL the indexes of those that are not may seem short.
            Old::TicketLog => sql!(
                "DELETE FROM ticket_log WHERE id IN (
                     SELECT id FROM ticket_log WHERE at_ms < $1 AND (
                         SELECT CASE WHEN live = 1 OR standing = 'waiting' OR next_at_ms IS NOT NULL THEN 1 END
                         FROM tickets WHERE tickets.issue_id = ticket_log.issue_id) IS NULL
                     ORDER BY at_ms LIMIT $2)"
            ),
            Old::Outbox => sql!(
                "DELETE FROM outbox WHERE key IN (
                     SELECT key FROM outbox WHERE state <> 'pending' AND created_ms < $1 ORDER BY created_ms LIMIT $2)"
            ),
            Old::Threads => sql!(
                "DELETE FROM threads WHERE (issue_id, channel) IN (
                     SELECT issue_id, channel FROM threads WHERE said_ms < $1 AND (
                         SELECT CASE WHEN live = 1 OR standing = 'waiting' OR next_at_ms IS NOT NULL THEN 1 END
                         FROM tickets WHERE tickets.issue_id = threads.issue_id) IS NULL
                     ORDER BY said_ms LIMIT $2)"
            ),
        };
        self.run(statement, [before.as_millisecond().into(), most.into()]).await
    }
}
