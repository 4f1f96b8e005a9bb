//! Catching up: GitHub sends again what it could not deliver, and issues and comments that changed while nobody listened are listed and
//! taken in, in the order of events (`R2`).

use super::Desk;
use super::behind::{LOOKS_AN_HOUR, Part};
use super::gate::plus;
use super::intake::Incoming;
use super::refusal::said;
use crate::domain::event::Repo;
use crate::domain::ticket::{Freeze, FreezeReason};
use crate::domain::{InstallationId, IssueId, RepoId};
use crate::github::client::{ApiError, GitHub};
use crate::github::listing::{Known, Listing, Source};
use crate::store::{RepoRow, Result};
use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

/// Listed again from this long before the last listing: GitHub's lists lag behind its events.
const OVERLAP: SignedDuration = SignedDuration::from_secs(120);
/// What cannot be taken in is listed again for so long; then its repository's other news count for more than a list that only grows.
const LONGEST_BEHIND: SignedDuration = SignedDuration::from_hours(72);
/// Catching up costs one in so many of an installation's calls, at most (`R2`).
const SHARE: usize = 5;
/// Looks are this far apart.
const BETWEEN: SignedDuration = SignedDuration::from_mins(5);
/// A look that comes a little early counts as the next one.
const EARLY: SignedDuration = SignedDuration::from_secs(30);

/// Why and at what the desk looks.
#[derive(Debug)]
enum Look {
    /// It is time for it.
    InTurn,
    /// Something may have been missed.
    OutOfTurn,
    /// What could not be listed is listed again, and nothing else.
    Again(Part),
}

/// A repository, and its row if it was seen before.
type Listed = (Repo, Option<RepoRow>);

impl Desk {
    /// Has GitHub send again what failed, then lists what changed in every watched repository since it was last listed, and takes it in. What GitHub will not tell now
    /// stays for the next time.
    ///
    /// # Errors
    /// The database fails.
    pub async fn catch_up(&self) -> Result<()> {
        self.look(Look::InTurn).await
    }

    /// Catches up again if GitHub did not tell everything the last time, or a delivery was refused since: neither a moment's quiet nor a
    /// moment without the database must cost minutes. Where it is known what is behind, only that is listed.
    ///
    /// # Errors
    /// The database fails.
    pub async fn catch_up_if_behind(&self) -> Result<()> {
        if self.wakes.behind.load(Ordering::Relaxed) {
            return self.look(Look::OutOfTurn).await;
        }
        match self.behind.due(self.clock.now()) {
            Some(part) => self.look(Look::Again(part)).await,
            None => Ok(()),
        }
    }

    /// Something happened that the desk has not heard of.
    pub fn is_behind(&self) {
        self.wakes.behind.store(true, Ordering::Relaxed);
    }

    async fn look(&self, look: Look) -> Result<()> {
        let out_of_turn = !matches!(look, Look::Again(_));
        let looked = self.look_around(look).await;
        if looked.is_err() && out_of_turn {
            // What was to be looked for is not known, and has to be looked for soon.
            self.is_behind();
        }
        looked
    }

    async fn look_around(&self, look: Look) -> Result<()> {
        let Some(github) = &self.github else { return Ok(()) };
        let now = self.clock.now();
        if !matches!(look, Look::Again(_)) {
            self.wakes.behind.store(false, Ordering::Relaxed);
            self.rights_grow_old(now).await?;
            self.have_redelivered().await?;
        }
        let asked = self.asks().await?;
        let installations = match github.installations().await {
            Ok(installations) => installations,
            Err(error) => {
                tracing::warn!(%error, "cannot catch up: GitHub does not say where the App is installed");
                self.tell_of_credentials(InstallationId(0), &error).await?;
                if !matches!(look, Look::Again(_)) {
                    self.is_behind();
                }
                return Ok(());
            }
        };
        let mut known: BTreeMap<RepoId, RepoRow> = self.known_repos().await?;
        let mut listings = BTreeMap::new();
        for installation in installations.iter().filter(|installation| installation.suspended.is_none()) {
            if matches!(&look, Look::Again(part) if !part.is_about(installation.id, known.values())) {
                continue;
            }
            match github.repositories(installation.id).await {
                Ok(listing) => drop(listings.insert(installation.id, listing)),
                Err(error) => {
                    tracing::warn!(%error, installation = %installation.id, "cannot catch up with this installation yet");
                    self.tell_of_credentials(installation.id, &error).await?;
                    self.installation_fails(github, installation.id, now);
                }
            }
        }
        self.find_places(&installations, &listings, &asked).await?;
        let mut listed = BTreeSet::new();
        for (installation, listing) in listings {
            let wanted = self.wanted((installation, listing), &mut known, &look, now).await?;
            let mut all = true;
            for (repo, row) in self.spread(github, installation, wanted, &look, now) {
                listed.insert(repo.id);
                all = self.catch_up_with(github, (installation, repo), row, now).await?;
                if !all {
                    break;
                }
            }
            if all {
                self.behind.installation_is_listed(installation);
            }
        }
        if let Look::Again(part) = &look {
            let there = installations.iter().map(|installation| installation.id).collect();
            self.behind.forget(part, &listed, &there);
        }
        // What GitHub refuses is told by itself.
        let all_is_told = !self.wakes.behind.load(Ordering::Relaxed) && !self.behind.waits();
        if all_is_told { self.caught_up().await } else { Ok(()) }
    }

    async fn known_repos(&self) -> Result<BTreeMap<RepoId, RepoRow>> {
        let mut tx = self.store.read().await?;
        let rows = tx.all_repos().await?;
        tx.rollback().await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }

    /// The repositories of an installation that are worth a request: not those that refused lately, nor those that were listed since they
    /// were archived.
    async fn wanted(
        &self,
        (installation, listing): (InstallationId, Listing),
        known: &mut BTreeMap<RepoId, RepoRow>,
        look: &Look,
        now: Timestamp,
    ) -> Result<Vec<Listed>> {
        let archived: BTreeSet<_> = listing.repos.iter().filter(|(_, archived)| *archived).map(|(repo, _)| repo.id).collect();
        let archived = if archived.is_empty() { BTreeMap::new() } else { self.archived_since(&archived).await? };
        let mut wanted = Vec::new();
        for (repo, _) in listing.repos {
            let row = known.remove(&repo.id);
            let listed_since = |at: Timestamp| row.as_ref().and_then(|row| row.listed).is_some_and(|listed| listed >= at);
            let is_meant = match look {
                Look::InTurn | Look::OutOfTurn => true,
                // What that look had listed before its installation failed is not listed again.
                Look::Again(part) => part.has_repo(repo.id) || part.failed_since(installation).is_some_and(|failed| !listed_since(failed)),
            };
            if is_meant
                && self.watches(&repo.full_name, row.as_ref().map(|row| &row.place))
                && !self.behind.is_refused(repo.id, now)
                && !archived.get(&repo.id).is_some_and(|since| listed_since(plus(*since, OVERLAP)))
            {
                wanted.push((repo, row));
            }
        }
        Ok(wanted)
    }

    async fn archived_since(&self, repos: &BTreeSet<RepoId>) -> Result<BTreeMap<RepoId, Timestamp>> {
        let mut tx = self.store.read().await?;
        let freezes = tx.freezes(repos).await?;
        tx.rollback().await?;
        let since = |(repo, freezes): (RepoId, Vec<Freeze>)| {
            let archived = freezes.into_iter().find(|freeze| freeze.why == FreezeReason::Archived && freeze.until.is_none())?;
            Some((repo, archived.from))
        };
        Ok(freezes.into_iter().filter_map(since).collect())
    }

    /// Which of these are listed now: all, unless that would cost too much of the hour's calls. Then each look lists those that waited
    /// longest, so that all have their turn in some looks; whoever has waited for all of these, as after the desk was away, waits no longer.
    fn spread(&self, github: &GitHub, installation: InstallationId, mut wanted: Vec<Listed>, look: &Look, now: Timestamp) -> Vec<Listed> {
        let calls = (github.calls_an_hour(installation) / SHARE / LOOKS_AN_HOUR).max(1);
        let looks = wanted.len().div_ceil(calls).max(1);
        let round = BETWEEN.saturating_mul(i32::try_from(looks).unwrap_or(i32::MAX));
        if matches!(look, Look::InTurn) && self.behind.takes(installation, looks) {
            tracing::info!(%installation, repositories = wanted.len(), each_s = round.as_secs(), rule = "R2", "how often its repositories are listed");
        }
        if looks == 1 {
            return wanted;
        }
        let listed = |row: &Option<RepoRow>| row.as_ref().and_then(|row| row.listed);
        wanted.sort_by_key(|(_, row)| listed(row));
        let each = if matches!(look, Look::OutOfTurn) { 0 } else { wanted.len().div_ceil(looks) };
        let waited = |row: &Option<RepoRow>| listed(row).is_none_or(|listed| now >= plus(listed, round.saturating_sub(EARLY)));
        wanted.into_iter().enumerate().filter(|(place, (_, row))| *place < each || waited(row)).map(|(_, one)| one).collect()
    }

    fn installation_fails(&self, github: &GitHub, installation: InstallationId, now: Timestamp) {
        self.behind.installation_fails(installation, now, github.quiet_until(installation));
    }

    /// What is said of a repository that cannot be listed. `false`: nothing else of its installation can be, either.
    async fn could_not_list(&self, github: &GitHub, source: &Source, error: &ApiError, now: Timestamp) -> Result<bool> {
        let (name, installation) = (&source.repo.full_name, source.installation);
        if error.is_a_limit() || error.is_of_credentials() {
            tracing::warn!(repository = %name, %error, "cannot catch up with this installation yet");
            self.tell_of_credentials(installation, error).await?;
            self.installation_fails(github, installation, now);
            return Ok(false);
        }
        let refused = matches!(error.status(), Some(403 | 404 | 410 | 451));
        self.behind.repo_fails(source.repo.id, now, refused);
        if refused {
            let text = format!(
                "{name}: GitHub does not let the App list the issues there: {}. What no webhook tells of this repository is not found. It is \
                 tried again every hour (R2).",
                said(error)
            );
            let mut tx = self.store.write().await?;
            self.warn(&mut tx, &[(format!("r2:reach:{}", source.repo.id), text)], now).await?;
            tx.commit().await?;
            self.wakes.speak.notify_one();
        } else {
            tracing::warn!(repository = %name, %error, "cannot catch up with this repository yet");
        }
        Ok(true)
    }

    async fn tell_of_credentials(&self, installation: InstallationId, error: &ApiError) -> Result<()> {
        // The next try asks for a token first, and so tells whether it is that or the App's key.
        if !error.is_of_credentials() || !error.is_to_the_app() && !self.behind.has_failed(installation) {
            return Ok(());
        }
        let mut tx = self.store.write().await?;
        self.warn_of_credentials(&mut tx, installation, error).await?;
        tx.commit().await?;
        self.wakes.speak.notify_one();
        Ok(())
    }

    /// `false`: nothing more of this installation can be listed: GitHub wants quiet, or does not take the desk for the App.
    async fn catch_up_with(
        &self,
        github: &GitHub,
        (installation, repo): (InstallationId, Repo),
        row: Option<RepoRow>,
        now: Timestamp,
    ) -> Result<bool> {
        let Some(row) = row else {
            // New here: what is older than this moment is no ticket.
            let mut tx = self.store.write().await?;
            tx.repo_listed(repo.id, now).await?;
            tx.commit().await?;
            return Ok(true);
        };
        let mark = row.listed.unwrap_or(row.first_seen);
        // One that is still to come was noted by a clock that was ahead.
        let mark =
            if mark > plus(now, OVERLAP) { now.saturating_sub(LONGEST_BEHIND).unwrap_or(now).max(row.first_seen.min(now)) } else { mark };
        let since = mark.saturating_sub(OVERLAP).unwrap_or(mark).max(row.first_seen);
        let source = Source { installation, repo };
        let known = |issues: Vec<IssueId>| async move { self.known_among(&issues).await }.boxed();
        let events = match github.changes_since(&source, since, &known).await {
            Ok(events) => events,
            Err(error) => return self.could_not_list(github, &source, &error, now).await,
        };
        self.behind.repo_is_listed(source.repo.id);
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
            return Ok(true);
        }
        let mut tx = self.store.write().await?;
        tx.repo_listed(source.repo.id, now).await?;
        tx.commit().await?;
        Ok(true)
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
