//! The gate of an installation: its turn to write, which one publisher has at a time across all instances, and its budget (`G7`).
//!
//! A turn is leased. Writes are counted before they go, so that a crash can only count too many, and put right afterwards. Whoever was
//! stopped for longer than the lease finds out before the next write: none begins that could end after the lease.

use super::Desk;
use crate::domain::InstallationId;
use crate::domain::gate::{Budget, budget};
use crate::github::client::ApiError;
use crate::store::{GateRow, Result as Stored, StoreError, Tx};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A publisher that died is taken over from after this.
const LEASE: SignedDuration = SignedDuration::from_secs(15);
/// A write that takes longer is given up, and its fate is unknown.
const WRITE_WITHIN: Duration = Duration::from_secs(9);

/// Why a ticket was not shown as a whole.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// GitHub refuses, or does not answer.
    #[error(transparent)]
    GitHub(#[from] ApiError),
    /// The installation's gate is closed, until then as far as is known.
    #[error("the installation's gate is closed until {0}")]
    Closed(Timestamp),
    /// Another instance has the turn by now, and maybe the ticket.
    #[error("another instance publishes this installation by now")]
    Lost,
    /// The database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A turn at an installation's gate.
#[derive(Debug)]
pub(super) struct Gate<'d> {
    desk: &'d Desk,
    pub(super) installation: InstallationId,
    turn: i64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The turn is certain until then.
    until: Timestamp,
    /// Writes that are counted already, when they were counted, and how many of them are still to go.
    counted: i64,
    counted_at: Timestamp,
    left: i64,
    /// When writes went that are counted at an earlier instant, or not at all.
    went: Vec<Timestamp>,
}

/// What a gate lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// Writes may go.
    Open,
    /// None may go before this instant; what was tried may be looked up.
    Paused(Timestamp),
    /// Nothing at all before this instant.
    Quiet(Timestamp),
}

impl Desk {
    /// Takes the turn at an installation's gate; `None`: somebody has it, or GitHub asked for quiet.
    pub(super) async fn gate(&self, installation: InstallationId) -> Stored<Option<Gate<'_>>> {
        let now = self.clock.now();
        let until = plus(now, LEASE);
        let mut tx = self.store.write().await?;
        let Some(turn) = tx.take_gate(installation, now, until).await? else {
            tx.rollback().await?;
            return Ok(None);
        };
        tx.commit().await?;
        let state = Mutex::new(State { until, counted: 0, counted_at: now, left: 0, went: Vec::new() });
        Ok(Some(Gate { desk: self, installation, turn, state }))
    }

    /// Tells other instances of the quiet that GitHub asked this one for, and learns of theirs.
    pub(super) async fn share_quiet(&self) -> Stored<()> {
        let Some(github) = &self.github else { return Ok(()) };
        let now = self.clock.now();
        let mut tx = self.store.read().await?;
        let known = tx.quiet_gates(now).await?;
        tx.rollback().await?;
        for (installation, until) in &known {
            github.keep_quiet(*installation, *until);
        }
        let news: Vec<_> = github.quiet_ones().into_iter().filter(|(id, until)| known.get(id).is_none_or(|known| known < until)).collect();
        if !news.is_empty() {
            let mut tx = self.store.write().await?;
            for (installation, until) in news {
                tracing::warn!(%installation, %until, rule = "G7", "GitHub asked for quiet: nothing is sent through this installation until then");
                tx.quiet_gate(installation, until).await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }
}

impl Gate<'_> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the turn, and puts right what was counted; `None`: it is lost.
    pub(super) async fn hold(&self, tx: &mut Tx) -> Stored<Option<GateRow>> {
        let now = self.desk.clock.now();
        let until = plus(now, LEASE);
        let Some(row) = tx.hold_gate(self.installation, self.turn, until).await? else { return Ok(None) };
        let mut changes = BTreeMap::new();
        {
            let mut state = self.state();
            state.until = until;
            *changes.entry(state.counted_at).or_default() -= state.counted;
            for at in std::mem::take(&mut state.went) {
                *changes.entry(at).or_default() += 1;
            }
            (state.counted, state.left, state.counted_at) = (0, 0, now);
        }
        tx.count_writes(self.installation, &changes, now).await?;
        Ok(Some(row))
    }

    /// What goes through now, and how many writes.
    pub(super) async fn room(&self, tx: &mut Tx, row: &GateRow) -> Stored<(Room, i64)> {
        let now = self.desk.clock.now();
        let asked = self.desk.github.as_ref().and_then(|github| github.quiet_until(self.installation));
        if let Some(until) = asked.into_iter().chain([row.quiet]).max().filter(|until| *until > now) {
            return Ok((Room::Quiet(until), 0));
        }
        if row.pause > now {
            return Ok((Room::Paused(row.pause), 0));
        }
        match budget(now, &tx.recent_writes(self.installation, now).await?) {
            Budget::Free(free) => Ok((Room::Open, free)),
            Budget::From(from) => {
                tracing::info!(installation = %self.installation, until = %from, rule = "G7", "the budget of writes is used up until then");
                tx.pause_gate(self.installation, from).await?;
                Ok((Room::Paused(from), 0))
            }
        }
    }

    /// Counts writes that are about to go.
    pub(super) async fn count(&self, tx: &mut Tx, writes: i64) -> Stored<()> {
        let now = self.desk.clock.now();
        tx.count_writes(self.installation, &[(now, writes)].into(), now).await?;
        let mut state = self.state();
        (state.counted, state.left, state.counted_at) = (writes, writes, now);
        Ok(())
    }

    /// Ends the turn.
    pub(super) async fn leave(&self, tx: &mut Tx) -> Stored<()> {
        tx.leave_gate(self.installation, self.turn).await
    }

    /// Lets one write through, if the turn is certain for as long as a write may take, and the budget has room.
    pub(super) async fn pass(&self) -> Result<Pass<'_>, Stop> {
        loop {
            {
                let mut state = self.state();
                let certain = self.desk.clock.now().saturating_add(WRITE_WITHIN).is_ok_and(|end| end <= state.until);
                if certain && state.left > 0 {
                    state.left -= 1;
                    return Ok(Pass(self));
                }
            }
            let mut tx = self.desk.store.write().await?;
            let Some(row) = self.hold(&mut tx).await? else {
                tx.rollback().await?;
                return Err(Stop::Lost);
            };
            let (room, free) = self.room(&mut tx, &row).await?;
            self.count(&mut tx, free.min(1)).await?;
            tx.commit().await?;
            if let Room::Paused(until) | Room::Quiet(until) = room {
                return Err(Stop::Closed(until));
            }
        }
    }
}

/// Leave for one write.
#[must_use]
pub(super) struct Pass<'g>(&'g Gate<'g>);

impl Pass<'_> {
    /// Sends it, and counts it when it is over: GitHub may have had it as late as that.
    pub(super) async fn send<T>(self, call: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
        let sent = tokio::time::timeout(WRITE_WITHIN, call).await;
        let sent = sent.unwrap_or_else(|_| Err(ApiError::NoAnswer(format!("none within {} s", WRITE_WITHIN.as_secs()))));
        if !matches!(sent, Err(ApiError::Quiet(_) | ApiError::Credentials(_))) {
            let now = self.0.desk.clock.now();
            self.0.state().went.push(now);
        }
        sent
    }
}

pub(super) fn plus(at: Timestamp, length: SignedDuration) -> Timestamp {
    at.saturating_add(length).unwrap_or(at)
}
