//! The gates of installations: whose turn it is to write, how much was written lately, and until when nothing is (`G7`).

use super::list::list;
use super::sql::sql;
use super::{Result, Tx};
use crate::domain::InstallationId;
use crate::domain::gate::HOUR;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// How a gate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateRow {
    /// Until when GitHub asked for quiet: nothing at all is sent.
    pub quiet: Timestamp,
    /// Until when nothing is written.
    pub pause: Timestamp,
    /// How often in a row GitHub asked for quiet without a word for how long.
    pub refused: i64,
    /// How many tickets in a row GitHub did not answer.
    pub unanswered: i64,
}

impl Tx {
    /// Takes an installation's turn to write until `until`, unless somebody has it or GitHub asked for quiet. Gives the number of the
    /// turn.
    ///
    /// # Errors
    /// The database fails.
    pub async fn take_gate(&mut self, installation: InstallationId, now: Timestamp, until: Timestamp) -> Result<Option<i64>> {
        let statement = sql!(
            "INSERT INTO gates (installation_id, turn, lease_ms) VALUES ($1, 1, $3)
             ON CONFLICT (installation_id) DO UPDATE SET turn = gates.turn + 1, lease_ms = excluded.lease_ms
                 WHERE gates.lease_ms <= $2 AND gates.quiet_ms <= $2
             RETURNING turn"
        );
        let rows = self.rows(statement, [installation.0.into(), now.as_millisecond().into(), until.as_millisecond().into()]).await?;
        rows.first().map(|row| row.int("turn")).transpose()
    }

    /// Keeps a turn until `until`; `None`: somebody else has had the next one since.
    ///
    /// # Errors
    /// The database fails.
    pub async fn hold_gate(&mut self, installation: InstallationId, turn: i64, until: Timestamp) -> Result<Option<GateRow>> {
        let statement = sql!(
            "UPDATE gates SET lease_ms = $3 WHERE installation_id = $1 AND turn = $2 RETURNING quiet_ms, pause_ms, refused, unanswered"
        );
        let rows = self.rows(statement, [installation.0.into(), turn.into(), until.as_millisecond().into()]).await?;
        let gate = rows.first().map(|row| {
            Ok(GateRow {
                quiet: row.instant("quiet_ms")?,
                pause: row.instant("pause_ms")?,
                refused: row.int("refused")?,
                unanswered: row.int("unanswered")?,
            })
        });
        gate.transpose()
    }

    /// Ends a turn.
    ///
    /// # Errors
    /// The database fails.
    pub async fn leave_gate(&mut self, installation: InstallationId, turn: i64) -> Result<()> {
        let statement = sql!("UPDATE gates SET lease_ms = 0 WHERE installation_id = $1 AND turn = $2");
        self.run(statement, [installation.0.into(), turn.into()]).await?;
        Ok(())
    }

    /// Writes nothing to an installation before `until`; what was longer stays.
    ///
    /// # Errors
    /// The database fails.
    pub async fn pause_gate(&mut self, installation: InstallationId, until: Timestamp) -> Result<()> {
        let statement = sql!("UPDATE gates SET pause_ms = $2 WHERE installation_id = $1 AND pause_ms < $2");
        self.run(statement, [installation.0.into(), until.as_millisecond().into()]).await?;
        Ok(())
    }

    /// Sends nothing at all to an installation before `until`; what was longer stays.
    ///
    /// # Errors
    /// The database fails.
    pub async fn quiet_gate(&mut self, installation: InstallationId, until: Timestamp) -> Result<()> {
        let statement = sql!(
            "INSERT INTO gates (installation_id, quiet_ms) VALUES ($1, $2)
             ON CONFLICT (installation_id) DO UPDATE SET quiet_ms = excluded.quiet_ms WHERE gates.quiet_ms < excluded.quiet_ms"
        );
        self.run(statement, [installation.0.into(), until.as_millisecond().into()]).await?;
        Ok(())
    }

    /// Opens the gates that are closed for longer than GitHub or the budget ever close one: a clock that was ahead has closed them.
    ///
    /// # Errors
    /// The database fails.
    pub async fn open_gates_closed_after(&mut self, latest: Timestamp) -> Result<()> {
        let latest = latest.as_millisecond();
        self.run(sql!("UPDATE gates SET pause_ms = 0 WHERE pause_ms > $1"), [latest.into()]).await?;
        self.run(sql!("UPDATE gates SET quiet_ms = 0 WHERE quiet_ms > $1"), [latest.into()]).await?;
        Ok(())
    }

    /// Counts refusals and silences in a row.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count_failures(&mut self, installation: InstallationId, refused: i64, unanswered: i64) -> Result<()> {
        let statement =
            sql!("UPDATE gates SET refused = $2, unanswered = $3 WHERE installation_id = $1 AND (refused <> $2 OR unanswered <> $3)");
        self.run(statement, [installation.0.into(), refused.into(), unanswered.into()]).await?;
        Ok(())
    }

    /// The installations that GitHub asked for quiet, and until when.
    ///
    /// # Errors
    /// The database fails.
    pub async fn quiet_gates(&mut self, now: Timestamp) -> Result<BTreeMap<InstallationId, Timestamp>> {
        let rows =
            self.rows(sql!("SELECT installation_id, quiet_ms FROM gates WHERE quiet_ms > $1"), [now.as_millisecond().into()]).await?;
        rows.iter().map(|row| Ok((InstallationId(row.int("installation_id")?), row.instant("quiet_ms")?))).collect()
    }

    /// The instants of the last hour's writes and how many there were at each, the latest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn recent_writes(&mut self, installation: InstallationId, now: Timestamp) -> Result<Vec<(Timestamp, i64)>> {
        let statement = sql!("SELECT at_ms, writes FROM gate_writes WHERE installation_id = $1 AND at_ms > $2 ORDER BY at_ms DESC");
        let since = now.saturating_sub(HOUR).unwrap_or(now);
        let rows = self.rows(statement, [installation.0.into(), since.as_millisecond().into()]).await?;
        rows.iter().map(|row| Ok((row.instant("at_ms")?, row.int("writes")?))).collect()
    }

    /// Adds writes to those of these instants, or takes them off, and forgets what is older than an hour.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count_writes(&mut self, installation: InstallationId, changes: &BTreeMap<Timestamp, i64>, now: Timestamp) -> Result<()> {
        #[derive(Serialize)]
        struct Change {
            at_ms: i64,
            writes: i64,
        }
        let rows = changes.iter().filter(|(_, writes)| **writes != 0);
        let rows: Vec<_> = rows.map(|(at, writes)| Change { at_ms: at.as_millisecond(), writes: *writes }).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let statement = sql!(
            "INSERT INTO gate_writes (installation_id, at_ms, writes)
             SELECT $1, at_ms, writes FROM {rows $2: at_ms BIGINT, writes BIGINT} WHERE true
             ON CONFLICT (installation_id, at_ms) DO UPDATE SET writes = gate_writes.writes + excluded.writes"
        );
        self.run(statement, [installation.0.into(), list(&rows)?]).await?;
        // What lies far ahead was written by a clock that was set back since.
        let (old, ahead) = (now.saturating_sub(HOUR).unwrap_or(now), now.saturating_add(HOUR).unwrap_or(now));
        let statement = sql!("DELETE FROM gate_writes WHERE installation_id = $1 AND (at_ms <= $2 OR at_ms > $3 OR writes <= 0)");
        self.run(statement, [installation.0.into(), old.as_millisecond().into(), ahead.as_millisecond().into()]).await?;
        Ok(())
    }
}
