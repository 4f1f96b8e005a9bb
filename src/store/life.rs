//! When the desk was last alive, on whatever instance, and what of that nobody was told yet (`R5`).

use super::sql::sql;
use super::{Result, Tx};
use crate::domain::IssueId;
use jiff::Timestamp;

/// What is kept of the desk's life.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Life {
    /// When any instance was last alive.
    pub alive: Option<Timestamp>,
    /// The time in which none was, and of which nobody was told yet.
    pub down: Option<(Timestamp, Timestamp)>,
    /// What happened in that time was caught up with.
    pub caught_up: bool,
    /// When there is something to tell.
    pub tell: Option<Timestamp>,
}

impl Tx {
    /// What is kept of the desk's life.
    ///
    /// # Errors
    /// The database fails.
    pub async fn life(&mut self) -> Result<Life> {
        let rows = self.rows(sql!("SELECT alive_ms, down_from_ms, down_until_ms, caught_up, tell_ms FROM life WHERE id = 1"), []).await?;
        let Some(row) = rows.first() else { return Ok(Life::default()) };
        Ok(Life {
            alive: row.maybe_instant("alive_ms")?,
            down: row.maybe_instant("down_from_ms")?.zip(row.maybe_instant("down_until_ms")?),
            caught_up: row.flag("caught_up")?,
            tell: row.maybe_instant("tell_ms")?,
        })
    }

    /// Keeps it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_life(&mut self, life: &Life) -> Result<()> {
        let statement =
            sql!("UPDATE life SET alive_ms = $1, down_from_ms = $2, down_until_ms = $3, caught_up = $4, tell_ms = $5 WHERE id = 1");
        let ms = |at: Option<Timestamp>| at.map(Timestamp::as_millisecond);
        let (from, until) = life.down.unzip();
        let args = [ms(life.alive).into(), ms(from).into(), ms(until).into(), i64::from(life.caught_up).into(), ms(life.tell).into()];
        self.run(statement, args).await?;
        Ok(())
    }

    /// Lines by these rules in tickets' logs about instants in a time.
    ///
    /// # Errors
    /// The database fails.
    pub async fn logged_between(&mut self, from: Timestamp, until: Timestamp) -> Result<Vec<(IssueId, String)>> {
        let statement = sql!(
            "SELECT issue_id, rule FROM ticket_log WHERE at_ms >= $1 AND at_ms <= $2 AND rule IN ('E1', 'E4', 'R5') ORDER BY at_ms, id"
        );
        let rows = self.rows(statement, [from.as_millisecond().into(), until.as_millisecond().into()]).await?;
        rows.iter().map(|row| Ok((IssueId(row.int("issue_id")?), row.text("rule")?))).collect()
    }
}
