//! Deleting the labels of deadlines that no ticket shows any more: only those that the desk created, and that nobody put anywhere
//! else (`G2`).

use super::Desk;
use super::gate::{Stop, plus};
use crate::domain::RepoId;
use crate::domain::ticket::Ticket;
use crate::github::client::GitHub;
use crate::store::{Applied, IdleLabel, Result, Tx};
use jiff::{SignedDuration, Timestamp};
use std::sync::atomic::Ordering;

/// A deadline's label that was taken off may be wanted by the next ticket, so it is left alone for so long.
pub(super) const GRACE: SignedDuration = SignedDuration::from_mins(5);
/// At most so many are deleted …
const MOST_AT_ONCE: i64 = 3;
/// … in so long: tickets have the first right to the budget of writes (`G7`).
const ROUND: SignedDuration = SignedDuration::from_mins(1);
/// GitHub did not answer, or asked for quiet.
const PAUSE: SignedDuration = SignedDuration::from_mins(5);
/// One that somebody carries is looked at again after so long.
const LATER: SignedDuration = SignedDuration::from_hours(24);

impl Desk {
    /// Notes which deadlines' labels a ticket shows, and which it does no longer.
    pub(super) async fn note_deadlines(&self, tx: &mut Tx, ticket: &Ticket, before: &Applied, after: &Applied) -> Result<()> {
        let style = &self.policy.labels;
        let only_in = |one: &Applied, other: &Applied| -> Vec<String> {
            let deadlines = one.labels.iter().filter(|name| style.is_due_name(name) && !other.has_label(name));
            deadlines.map(|name| name.to_lowercase()).collect()
        };
        let look_at = plus(self.clock.now(), GRACE);
        tx.deadlines_moved((ticket.repo, ticket.issue), &only_in(before, after), &only_in(after, before), look_at).await
    }

    /// Deletes some of the labels whose time has come.
    pub(super) async fn sweep(&self) -> Result<()> {
        let Some(github) = self.github.as_ref().filter(|_| !self.observes()) else { return Ok(()) };
        let now = self.clock.now();
        if now.as_millisecond() < self.sweep_from.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut tx = self.store.read().await?;
        let idle = tx.idle_labels(now, MOST_AT_ONCE).await?;
        tx.rollback().await?;
        if idle.is_empty() {
            return Ok(());
        }
        self.sweep_from.store(plus(now, ROUND).as_millisecond(), Ordering::Relaxed);
        for label in idle {
            if !self.may_go(&label, now).await? {
                continue;
            }
            match self.delete_unless_carried(github, &label).await {
                Ok(true) => self.deleted(&label, now).await?,
                Ok(false) => tracing::debug!(repository = %label.full_name, label = %label.key, "somebody carries it: it stays"),
                Err(Stop::GitHub(error)) if error.is_gone() => {
                    tracing::debug!(repository = %label.full_name, %error, "the repository is not there any more, nor are its labels");
                    let mut tx = self.store.write().await?;
                    tx.look_at_label(label.repo, &label.key, None).await?;
                    tx.commit().await?;
                }
                Err(error) => {
                    tracing::warn!(repository = %label.full_name, label = %label.key, %error, "could not be deleted yet");
                    self.sweep_from.store(plus(now, PAUSE).as_millisecond(), Ordering::Relaxed);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Whether nothing in the database speaks against it. Until it is deleted, or found to be carried, nobody else looks at it.
    async fn may_go(&self, label: &IdleLabel, now: Timestamp) -> Result<bool> {
        let mut tx = self.store.write().await?;
        let known = tx.labels_of(label.repo, std::slice::from_ref(&label.key)).await?;
        let may = known.iter().any(|known| known.by_desk && known.called.is_none())
            && self.covers(&label.full_name)
            && (!label.of_old || self.policy.labels.is_due_name(&label.key))
            // GitHub would take it for two names when it is asked who carries it.
            && !label.key.contains(',')
            && !tx.is_shown(label.repo, &label.key).await?;
        tx.look_at_label(label.repo, &label.key, may.then(|| plus(now, LATER))).await?;
        tx.commit().await?;
        Ok(may)
    }

    async fn deleted(&self, label: &IdleLabel, now: Timestamp) -> Result<()> {
        tracing::info!(repository = %label.full_name, label = %label.key, rule = "G2", "label deleted: no issue carries it");
        let mut tx = self.store.write().await?;
        tx.label_gone(label.repo, &label.key).await?;
        if tx.is_shown(label.repo, &label.key).await? {
            // Another instance has put it on a ticket meanwhile.
            self.put_back_everywhere(&mut tx, (label.repo, &label.full_name), &label.key, now).await?;
        }
        tx.commit().await
    }

    /// Asks GitHub first: people may have put the label on other issues, of which the desk knows nothing.
    async fn delete_unless_carried(&self, github: &GitHub, label: &IdleLabel) -> std::result::Result<bool, Stop> {
        let (installation, repo): (_, RepoId) = (label.installation, label.repo);
        if github.is_carried(installation, repo, &label.key).await? {
            return Ok(false);
        }
        let Some(gate) = self.gate(installation).await? else { return Err(Stop::Closed(plus(self.clock.now(), PAUSE))) };
        let deleted = match gate.pass().await {
            Ok(pass) => pass.send(github.delete_label(installation, repo, &label.key)).await.map_err(Stop::GitHub),
            Err(stop) => Err(stop),
        };
        let mut tx = self.store.write().await?;
        gate.hold(&mut tx).await?;
        gate.leave(&mut tx).await?;
        tx.commit().await?;
        deleted.map(|()| true)
    }
}
