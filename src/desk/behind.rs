//! What could not be listed at GitHub the last time, and when it is tried again, each by itself: one repository that always refuses must
//! not have all others listed again and again (`R2`).

use super::gate::plus;
use crate::domain::{InstallationId, RepoId};
use crate::store::RepoRow;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How often it is time to catch up.
pub(super) const LOOKS_AN_HOUR: usize = 12;
/// What GitHub refuses is tried again after this.
const REFUSED_AGAIN: SignedDuration = SignedDuration::from_hours(1);
/// What fails is tried again after this, in seconds: within a minute at first, since it is looked at once a minute.
const FAILED_AGAIN: [i64; 5] = [30, 60, 120, 240, 300];

/// What this instance could not list. Another one that takes over finds out by itself.
#[derive(Debug, Default)]
pub struct Behind(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    installations: BTreeMap<InstallationId, Again>,
    repos: BTreeMap<RepoId, Again>,
    /// In how many looks all repositories of an installation have their turn.
    looks: BTreeMap<InstallationId, usize>,
}

#[derive(Debug, Clone, Copy)]
struct Again {
    failures: usize,
    /// When the look began that failed first.
    since: Timestamp,
    at: Timestamp,
    refused: bool,
}

impl Again {
    fn after(before: Option<&Self>, now: Timestamp) -> Self {
        let (failures, since) = before.map_or((0, now), |before| (before.failures, before.since));
        let wait = FAILED_AGAIN.get(failures).or(FAILED_AGAIN.last()).copied().unwrap_or_default();
        Self { failures: failures.saturating_add(1), since, at: plus(now, SignedDuration::from_secs(wait)), refused: false }
    }
}

/// What is tried again now.
#[derive(Debug, Default)]
pub(super) struct Part {
    installations: BTreeMap<InstallationId, Timestamp>,
    repos: BTreeSet<RepoId>,
}

impl Part {
    pub(super) fn has_repo(&self, repo: RepoId) -> bool {
        self.repos.contains(&repo)
    }

    /// Since when an installation has failed that is in it.
    pub(super) fn failed_since(&self, installation: InstallationId) -> Option<Timestamp> {
        self.installations.get(&installation).copied()
    }

    /// Whether anything of an installation is in it.
    pub(super) fn is_about<'r>(&self, installation: InstallationId, mut known: impl Iterator<Item = &'r RepoRow>) -> bool {
        let has = |row: &RepoRow| row.place.installation == installation && self.repos.contains(&row.id);
        self.installations.contains_key(&installation) || known.any(has)
    }
}

impl Behind {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be tried again by now, if anything.
    pub(super) fn due(&self, now: Timestamp) -> Option<Part> {
        let state = self.state();
        let installations: BTreeMap<_, _> =
            state.installations.iter().filter(|(_, again)| again.at <= now).map(|(id, again)| (*id, again.since)).collect();
        let repos: BTreeSet<_> = state.repos.iter().filter(|(_, again)| again.at <= now).map(|(id, _)| *id).collect();
        (!installations.is_empty() || !repos.is_empty()).then_some(Part { installations, repos })
    }

    /// Whether GitHub refused to list a repository, and it is not time yet to ask again.
    pub(super) fn is_refused(&self, repo: RepoId, now: Timestamp) -> bool {
        self.state().repos.get(&repo).is_some_and(|again| again.refused && again.at > now)
    }

    /// An installation could not be listed; `quiet`: nor may it be asked before then.
    pub(super) fn installation_fails(&self, installation: InstallationId, now: Timestamp, quiet: Option<Timestamp>) {
        let mut state = self.state();
        let mut again = Again::after(state.installations.get(&installation), now);
        again.at = again.at.max(quiet.unwrap_or(again.at));
        state.installations.insert(installation, again);
    }

    /// Whether anything could not be listed that GitHub did not refuse.
    pub(super) fn waits(&self) -> bool {
        let state = self.state();
        !state.installations.is_empty() || state.repos.values().any(|again| !again.refused)
    }

    /// Whether an installation could not be listed the last time.
    pub(super) fn has_failed(&self, installation: InstallationId) -> bool {
        self.state().installations.contains_key(&installation)
    }

    pub(super) fn repo_fails(&self, repo: RepoId, now: Timestamp, refused: bool) {
        let mut state = self.state();
        let mut again = Again::after(state.repos.get(&repo), now);
        if refused {
            again = Again { at: plus(now, REFUSED_AGAIN), refused, ..again };
        }
        state.repos.insert(repo, again);
    }

    pub(super) fn installation_is_listed(&self, installation: InstallationId) {
        self.state().installations.remove(&installation);
    }

    pub(super) fn repo_is_listed(&self, repo: RepoId) {
        self.state().repos.remove(&repo);
    }

    /// Lets go of what was to be tried again and is not there to be listed any more.
    pub(super) fn forget(&self, part: &Part, listed: &BTreeSet<RepoId>, there: &BTreeSet<InstallationId>) {
        let mut state = self.state();
        state.repos.retain(|repo, _| !part.repos.contains(repo) || listed.contains(repo));
        state.installations.retain(|installation, _| !part.installations.contains_key(installation) || there.contains(installation));
    }

    /// All repositories of an installation have their turn in so many looks. `true`: that is news.
    pub(super) fn takes(&self, installation: InstallationId, looks: usize) -> bool {
        self.state().looks.insert(installation, looks).unwrap_or(1) != looks
    }
}
