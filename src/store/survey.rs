//! Tickets, a few at a time, for whoever looks at all of them.

use super::sql::sql;
use super::{Result, Tx};
use crate::domain::IssueId;
use crate::domain::ticket::Ticket;

impl Tx {
    /// The next tickets behind an issue's id, in the order of ids.
    ///
    /// # Errors
    /// The database fails.
    pub async fn tickets_after(&mut self, after: IssueId, most: i64) -> Result<Vec<Ticket>> {
        let statement = sql!("SELECT doc FROM tickets WHERE issue_id > $1 ORDER BY issue_id LIMIT $2");
        let rows = self.rows(statement, [after.0.into(), most.into()]).await?;
        rows.iter().map(|row| row.json("doc")).collect()
    }

    /// Whether a message of this key was decided, sent or not.
    ///
    /// # Errors
    /// The database fails.
    pub async fn has_message(&mut self, key: &str) -> Result<bool> {
        Ok(!self.rows(sql!("SELECT key FROM outbox WHERE key = $1"), [key.into()]).await?.is_empty())
    }
}
