//! Deliveries that GitHub made in vain: it keeps them for some days, sends none again by itself, and does so when it is asked (`R2`).

use super::Desk;
use super::gate::plus;
use super::keep::{Raw, Took, order};
use crate::domain::DeliveryId;
use crate::github::client::{ApiError, GitHub};
use crate::github::deliveries::{Attempt, Sent};
use crate::github::wire::EVENTS;
use crate::store::{MissedDelivery, Result};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// github.com keeps deliveries for so long.
const KEPT_AT_GITHUB: SignedDuration = SignedDuration::from_hours(72);
/// Looked at again from this long before the last look: GitHub's list may lag behind.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);
/// Deliveries that a look asks GitHub about. GitHub counts five points a request that changes something and allows 900 a minute.
const MOST_AT_ONCE: usize = 150;
/// After so many requests that failed by no fault of their own the rest waits for the next look.
const PATIENCE: usize = 3;

impl Desk {
    /// Asks GitHub which deliveries failed since the last look, and has those sent again that never came. What did not come by the next
    /// look either, because GitHub cannot reach this host, is read from GitHub's list and taken in, in the order of events. What GitHub
    /// will not tell now is asked for at the next look.
    ///
    /// # Errors
    /// The database fails.
    pub async fn have_redelivered(&self) -> Result<()> {
        let Some(github) = &self.github else { return Ok(()) };
        let now = self.clock.now();
        let mut tx = self.store.read().await?;
        let looked = match tx.looked_for_failures().await? {
            Some(looked) => looked,
            // What is older than the desk's first sight of any repository is not its business.
            None => tx.all_repos().await?.iter().map(|row| row.first_seen).min().unwrap_or(now),
        };
        tx.rollback().await?;
        let oldest = now.saturating_sub(KEPT_AT_GITHUB).unwrap_or(now);
        // A look that is still to come was noted by a clock that was ahead: what failed meanwhile is not known.
        let looked = if looked > plus(now, OVERLAP) { oldest } else { looked };
        let since = looked.saturating_sub(OVERLAP).unwrap_or(looked).max(oldest);
        match github.failed_attempts(since).await {
            Ok(attempts) => {
                let ours = attempts.into_iter().filter(|attempt| EVENTS.contains(&attempt.event.as_str()));
                let missed = |attempt: Attempt| MissedDelivery {
                    id: attempt.guid,
                    attempt: attempt.id,
                    event: attempt.event,
                    delivered: attempt.delivered_at,
                    asked: None,
                };
                // Of several attempts of one delivery the newest is asked about.
                let mut by_id: BTreeMap<DeliveryId, MissedDelivery> = BTreeMap::new();
                for one in ours.map(missed) {
                    by_id.entry(one.id.clone()).or_insert(one);
                }
                let missed: Vec<_> = by_id.into_values().collect();
                let mut tx = self.store.write().await?;
                tx.note_missed(&missed, now, plus(now, OVERLAP)).await?;
                tx.commit().await?;
            }
            Err(error) if error.status() == Some(404) => {
                tracing::debug!(%error, "the App has no webhook whose deliveries could be asked for");
            }
            Err(error) => {
                tracing::warn!(%error, "GitHub does not say which deliveries failed; it is asked again");
                self.is_behind();
            }
        }
        let mut tx = self.store.write().await?;
        let missed = tx.still_missed().await?;
        tx.commit().await?;
        let (asked, new): (Vec<_>, Vec<_>) = missed.into_iter().partition(|one| one.asked.is_some_and(|at| at < now));
        let new: Vec<_> = new.into_iter().filter(|one| one.asked.is_none()).collect();
        let budget = self.read_missed(github, &asked, MOST_AT_ONCE).await?;
        self.ask_for_missed(github, &new, now, budget).await
    }

    /// Has deliveries sent again.
    async fn ask_for_missed(&self, github: &GitHub, missed: &[MissedDelivery], now: Timestamp, budget: usize) -> Result<()> {
        let (mut asked, mut patience) = (Vec::new(), PATIENCE);
        for one in missed.iter().take(budget) {
            match github.redeliver(one.attempt).await {
                Ok(()) => {
                    tracing::info!(delivery = %one.id, event = %one.event, at = %one.delivered, "GitHub sends a failed delivery again");
                }
                Err(error) if passes(&error) => {
                    tracing::warn!(%error, "GitHub is asked later to send failed deliveries again");
                    patience -= 1;
                    if patience == 0 || error.is_a_limit() {
                        break;
                    }
                    continue;
                }
                Err(error) => tracing::warn!(delivery = %one.id, %error, "GitHub does not send this delivery again; it is read instead"),
            }
            asked.push(one.id.clone());
        }
        if asked.is_empty() {
            return Ok(());
        }
        let mut tx = self.store.write().await?;
        tx.asked_to_redeliver(&asked, now).await?;
        tx.commit().await
    }

    /// Reads deliveries that did not come though GitHub was asked for them, and takes them in. Gives back what is left of the budget.
    async fn read_missed(&self, github: &GitHub, missed: &[MissedDelivery], budget: usize) -> Result<usize> {
        let mut found: Vec<(&MissedDelivery, Sent)> = Vec::new();
        let mut patience = PATIENCE;
        for one in missed.iter().take(budget) {
            match github.sent_in(one.attempt).await {
                Ok(Some(sent)) => found.push((one, sent)),
                Ok(None) => {
                    tracing::warn!(delivery = %one.id, event = %one.event, at = %one.delivered, "GitHub no longer has this failed delivery");
                    self.settled(&one.id, true).await?;
                }
                Err(error) if passes(&error) => {
                    tracing::warn!(%error, "failed deliveries are read later");
                    patience -= 1;
                    if patience == 0 || error.is_a_limit() {
                        break;
                    }
                }
                Err(error) => {
                    tracing::warn!(delivery = %one.id, %error, "this failed delivery cannot be read; it is asked for again");
                    let mut tx = self.store.write().await?;
                    tx.ask_anew(&one.id).await?;
                    tx.commit().await?;
                }
            }
        }
        found.sort_by_key(|(one, sent)| order(&one.event, sent.payload.as_bytes(), one.delivered));
        for (one, sent) in &found {
            match self.take_raw(&one.id, &one.event, sent.payload.as_bytes(), one.delivered).await? {
                Took::In => {
                    tracing::info!(delivery = %one.id, event = %one.event, at = %one.delivered, "took in what GitHub could not deliver");
                    self.settled(&one.id, false).await?;
                }
                Took::NotOurs(_) => self.settled(&one.id, true).await?,
                Took::Not(why) => {
                    let raw = Raw { id: &one.id, event: &one.event, headers: &sent.headers, body: &sent.payload, received: one.delivered };
                    self.keep(raw, &why).await?;
                }
            }
        }
        Ok(budget - missed.len().min(budget))
    }
}

/// Whether GitHub may say something else a little later.
fn passes(error: &ApiError) -> bool {
    match error {
        ApiError::NoAnswer(_) | ApiError::Credentials(_) | ApiError::Quiet(_) => true,
        ApiError::Unreadable { .. } => false,
        ApiError::Refused { status, .. } => error.is_a_limit() || matches!(status, 401 | 500..),
    }
}
