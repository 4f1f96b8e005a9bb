//! Catching up: GitHub sends again what it could not deliver, and issues and comments that changed while nobody listened are listed and
//! taken in, in the order of events (`R2`).

use super::Desk;
use super::intake::Incoming;
use crate::domain::event::Repo;
use crate::domain::{InstallationId, IssueId, RepoId};
use crate::github::listing::{Known, Source};
use crate::store::{RepoRow, Result};
use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// Listed again from this long before the last listing: GitHub's lists lag behind its events.
const OVERLAP: SignedDuration = SignedDuration::from_secs(120);
/// What cannot be taken in is listed again for so long; then its repository's other news count for more than a list that only grows.
const LONGEST_BEHIND: SignedDuration = SignedDuration::from_hours(72);

impl Desk {
    /// Has GitHub send again what failed, then lists what changed in every watched repository since it was last listed, and takes it in. What GitHub will not tell now
    /// stays for the next time.
    ///
    /// # Errors
    /// The database fails.
    pub async fn catch_up(&self) -> Result<()> {
        let Some(github) = &self.github else { return Ok(()) };
        let now = self.clock.now();
        self.wakes.behind.store(false, Ordering::Relaxed);
        self.rights_grow_old(now).await?;
        self.have_redelivered().await?;
        let installations = match github.installations().await {
            Ok(installations) => installations,
            Err(error) => {
                tracing::warn!(%error, "cannot catch up: GitHub does not say where the App is installed");
                self.is_behind();
                return Ok(());
            }
        };
        let mut listings = BTreeMap::new();
        for installation in installations.iter().filter(|installation| installation.suspended.is_none()) {
            match github.repositories(installation.id).await {
                Ok(listing) => drop(listings.insert(installation.id, listing)),
                Err(error) => {
                    tracing::warn!(%error, installation = %installation.id, "cannot catch up with this installation yet");
                    self.is_behind();
                }
            }
        }
        let mut known: BTreeMap<RepoId, RepoRow> = self.known_repos().await?;
        self.find_places(&installations, &listings, now).await?;
        for (installation, listing) in listings {
            for (repo, _) in listing.repos {
                let row = known.remove(&repo.id);
                if !self.watches(&repo.full_name, row.as_ref().map(|row| &row.place)) {
                    continue;
                }
                self.catch_up_with(repo, installation, row, now).await?;
            }
        }
        self.caught_up().await
    }

    /// Catches up again if GitHub did not tell everything the last time, or a delivery was refused since: neither a moment's quiet nor a
    /// moment without the database must cost minutes.
    ///
    /// # Errors
    /// The database fails.
    pub async fn catch_up_if_behind(&self) -> Result<()> {
        if self.wakes.behind.load(Ordering::Relaxed) { self.catch_up().await } else { Ok(()) }
    }

    /// Something happened that the desk has not heard of.
    pub fn is_behind(&self) {
        self.wakes.behind.store(true, Ordering::Relaxed);
    }

    async fn known_repos(&self) -> Result<BTreeMap<RepoId, RepoRow>> {
        let mut tx = self.store.read().await?;
        let rows = tx.all_repos().await?;
        tx.rollback().await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }

    async fn catch_up_with(&self, repo: Repo, installation: InstallationId, row: Option<RepoRow>, now: Timestamp) -> Result<()> {
        let Some(row) = row else {
            // New here: what is older than this moment is no ticket.
            let mut tx = self.store.write().await?;
            tx.repo_listed(repo.id, now).await?;
            return tx.commit().await;
        };
        let Some(github) = &self.github else { return Ok(()) };
        let mark = row.listed.unwrap_or(row.first_seen);
        let since = mark.saturating_sub(OVERLAP).unwrap_or(mark).max(row.first_seen);
        let source = Source { installation, repo };
        let known = |issues: Vec<IssueId>| async move { self.known_among(&issues).await }.boxed();
        let events = match github.changes_since(&source, since, &known).await {
            Ok(events) => events,
            Err(error) => {
                tracing::warn!(repository = %source.repo.full_name, %error, "cannot catch up with this repository yet");
                self.is_behind();
                return Ok(());
            }
        };
        let mut batch: Vec<_> = events.into_iter().map(Incoming::found).collect();
        batch.sort_by_key(|one: &Incoming| one.event().map(|event| (event.at, event.issue.number)));
        let found = batch.len();
        let mut stuck = None;
        for part in batch.chunks(200) {
            for (one, outcome) in part.iter().zip(self.intake(part).await) {
                match outcome {
                    // One that cannot be taken in stops no other (R4). There is no payload to keep: it is listed again.
                    Err(error) if error.is_of_its_own() => {
                        let place = one.event().map(|event| format!("{}#{}", event.repo.full_name, event.issue.number));
                        tracing::error!(ticket = %place.unwrap_or_default(), %error, "what was found could not be taken in");
                        stuck = stuck.max(Some(now.duration_since(mark)));
                    }
                    outcome => {
                        outcome?;
                    }
                }
            }
        }
        if found > 0 {
            tracing::debug!(repository = %source.repo.full_name, events = found, %since, "caught up");
        }
        if stuck.is_some_and(|behind| behind < LONGEST_BEHIND) {
            return Ok(());
        }
        let mut tx = self.store.write().await?;
        tx.repo_listed(source.repo.id, now).await?;
        tx.commit().await
    }

    /// How these issues stood when the desk last heard of them. A database that fails here costs a request more an issue.
    async fn known_among(&self, issues: &[IssueId]) -> BTreeMap<IssueId, Known> {
        let tickets = async {
            let mut tx = self.store.read().await?;
            let tickets = tx.tickets(issues).await?;
            tx.rollback().await?;
            Result::Ok(tickets)
        };
        let tickets = tickets.await.unwrap_or_default();
        tickets.iter().map(|ticket| (ticket.issue, Known::of(ticket))).collect()
    }
}
