//! Repositories and installations as a whole: what becomes of their tickets when they are archived, suspended, moved or made public
//! (`S12`, `G3`). What is true of a repository stands in its row and its freezes; tickets that wait for something follow in the same
//! transaction, those that only show something follow in batches.

use super::Desk;
use super::intake::Outcome;
use crate::domain::book::Place;
use crate::domain::event::{Event, Issue, PlaceEvent, PlaceWhat, Repo, What};
use crate::domain::freeze;
use crate::domain::ticket::{Freeze, FreezeReason, Standing, Ticket};
use crate::domain::{InstallationId, IssueId, RepoId};
use crate::github::client::InstallationInfo;
use crate::github::listing::Listing;
use crate::store::{Changed, Needs, RepoRow, Result, Tx};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Tickets that are told in one transaction who can read them.
const TOLD_AT_ONCE: i64 = 200;
/// Tickets that are read and saved by one statement: of a repository that has very many, all would take longer than a statement may.
pub(super) const AT_ONCE: usize = 200;

/// When GitHub is asked, and how repositories were known then. What changed since is newer than the answer, whatever time it bears: webhooks
/// tell many times in whole seconds, and by another clock than ours.
#[derive(Debug)]
pub(super) struct Asked {
    /// When.
    pub at: Timestamp,
    known: BTreeMap<RepoId, (Place, Vec<Freeze>)>,
}

/// Repositories as they were, and what is found out about them.
#[derive(Debug, Default)]
struct Findings {
    rows: BTreeMap<RepoId, RepoRow>,
    freezes: BTreeMap<RepoId, Vec<Freeze>>,
    /// Heard of since GitHub was asked.
    heard: BTreeSet<RepoId>,
    /// Rows that have to be written.
    seen: BTreeSet<RepoId>,
    /// Repositories that tickets have to follow.
    changed: Changed,
    /// What began and what ended, for the operator.
    began: BTreeMap<FreezeReason, BTreeSet<RepoId>>,
    ended: BTreeMap<FreezeReason, BTreeSet<RepoId>>,
    /// Deleted, with all that was in them.
    deleted: BTreeSet<RepoId>,
}

impl Findings {
    async fn about(tx: &mut Tx, rows: Vec<RepoRow>) -> Result<Self> {
        let rows: BTreeMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
        let freezes = tx.freezes(&rows.keys().copied().collect()).await?;
        Ok(Self { rows, freezes, ..Self::default() })
    }

    /// The same where GitHub was asked about them.
    async fn since(tx: &mut Tx, rows: Vec<RepoRow>, asked: &Asked) -> Result<Self> {
        let mut found = Self::about(tx, rows).await?;
        let is_new = |row: &&RepoRow| {
            let freezes = found.freezes.get(&row.id).map_or(&[][..], Vec::as_slice);
            asked.known.get(&row.id).is_none_or(|(place, frozen)| (place, frozen.as_slice()) != (&row.place, freezes))
        };
        found.heard = found.rows.values().filter(is_new).map(|row| row.id).collect();
        Ok(found)
    }

    /// A repository as it is at an instant. One that nobody knew is known from then on (`R2`).
    fn see(&mut self, repo: &Repo, installation: InstallationId, at: Timestamp) {
        let place = Place::new(repo, installation, at);
        self.seen.insert(repo.id);
        let Some(row) = self.rows.get_mut(&repo.id) else {
            self.rows.insert(repo.id, RepoRow { id: repo.id, place, first_seen: at, listed: None });
            return;
        };
        let before = row.place.clone();
        row.place.become_as(place);
        if !row.place.is_as(&before) {
            self.changed.repos.insert(repo.id);
        }
        if row.place.private != before.private {
            self.changed.visible.insert(repo.id);
        }
    }

    /// A repository that is within reach of this installation. Another one than before is not the one that was suspended.
    fn reach(&mut self, repo: &Repo, installation: InstallationId, at: Timestamp) {
        let before = self.installation_of(repo.id);
        self.see(repo, installation, at);
        self.end(repo.id, FreezeReason::Uninstalled, at);
        if self.installation_of(repo.id) != before {
            self.end(repo.id, FreezeReason::Suspended, at);
        }
    }

    /// It may be over already.
    fn begin(&mut self, repo: RepoId, why: FreezeReason, at: Timestamp) {
        self.change(repo, why, |freezes| freeze::begin(freezes, why, at));
    }

    /// It is certainly not over.
    fn hold(&mut self, repo: RepoId, why: FreezeReason, since: Timestamp) {
        self.change(repo, why, |freezes| freeze::hold(freezes, why, since));
    }

    fn change(&mut self, repo: RepoId, why: FreezeReason, change: impl FnOnce(&mut Vec<Freeze>) -> bool) {
        let held = self.holds(repo, why);
        if self.rows.contains_key(&repo) && change(self.freezes.entry(repo).or_default()) {
            self.changed.repos.insert(repo);
            if !held && self.holds(repo, why) {
                self.began.entry(why).or_default().insert(repo);
            }
        }
    }

    fn end(&mut self, repo: RepoId, why: FreezeReason, at: Timestamp) {
        if self.freezes.get_mut(&repo).is_some_and(|freezes| freeze::end(freezes, why, at)) {
            self.changed.repos.insert(repo);
            self.ended.entry(why).or_default().insert(repo);
        }
    }

    fn holds(&self, repo: RepoId, why: FreezeReason) -> bool {
        self.freezes.get(&repo).is_some_and(|freezes| freezes.iter().any(|freeze| freeze.why == why && freeze.until.is_none()))
    }

    fn installation_of(&self, repo: RepoId) -> Option<InstallationId> {
        self.rows.get(&repo).map(|row| row.place.installation)
    }

    fn is_nothing(&self) -> bool {
        self.seen.is_empty() && self.changed.repos.is_empty() && self.deleted.is_empty()
    }

    /// One line for each thing that happened, however many tickets it is about.
    fn tell(&self) {
        let names = |repos: &BTreeSet<RepoId>| {
            let names = repos.iter().filter_map(|repo| self.rows.get(repo)).map(|row| row.place.full_name.as_str());
            names.collect::<Vec<_>>().join(", ")
        };
        for (why, repos) in &self.began {
            let (why, repositories) = (why.word(), names(repos));
            tracing::warn!(%why, %repositories, "out of the desk's hands (S12): clocks stand still, nothing is shown or said");
        }
        for (why, repos) in &self.ended {
            let still = repos.iter().filter(|repo| self.freezes.get(repo).is_some_and(|freezes| freeze::is_frozen(freezes))).count();
            let (why, repositories) = (why.word(), names(repos));
            tracing::info!(was = %why, %repositories, still_frozen_otherwise = still, "back in the desk's hands (S12): clocks go on");
        }
        if !self.deleted.is_empty() {
            tracing::warn!(repositories = %names(&self.deleted), "deleted (S12): their tickets end");
        }
    }
}

impl Desk {
    pub(super) async fn take_place(&self, tx: &mut Tx, event: &PlaceEvent, now: Timestamp) -> Result<Outcome> {
        let PlaceEvent { installation, at, what } = event;
        let (installation, at) = (*installation, (*at).min(now));
        let (named, whole): (&[Repo], bool) = match what {
            PlaceWhat::Seen(repo) | PlaceWhat::Archived(repo) | PlaceWhat::Unarchived(repo) | PlaceWhat::Deleted(repo) => {
                (std::slice::from_ref(repo), false)
            }
            PlaceWhat::Suspended | PlaceWhat::Unsuspended | PlaceWhat::Uninstalled => (&[], true),
            PlaceWhat::Installed(repos) | PlaceWhat::Repositories { added: repos, .. } => (repos, false),
        };
        let removed: &[Repo] = if let PlaceWhat::Repositories { removed, .. } = what { removed } else { &[] };
        let ids = named.iter().chain(removed).map(|repo| repo.id).collect();
        let rows = tx.repos(&ids, if whole { installation } else { InstallationId(0) }).await?;
        let mut found = Findings::about(tx, rows).await?;
        let all: Vec<_> = found.rows.keys().copied().collect();
        let watched: Vec<_> =
            named.iter().filter(|repo| self.watches(&repo.full_name, found.rows.get(&repo.id).map(|row| &row.place))).collect();
        for repo in watched {
            match what {
                PlaceWhat::Deleted(_) if !found.rows.contains_key(&repo.id) => {}
                PlaceWhat::Deleted(_) => {
                    found.deleted.insert(repo.id);
                    found.begin(repo.id, FreezeReason::Uninstalled, at);
                }
                PlaceWhat::Archived(_) => {
                    found.see(repo, installation, at);
                    found.begin(repo.id, FreezeReason::Archived, at);
                }
                PlaceWhat::Unarchived(_) => {
                    found.see(repo, installation, at);
                    found.end(repo.id, FreezeReason::Archived, at);
                }
                PlaceWhat::Installed(_) => {
                    found.reach(repo, installation, at);
                    found.end(repo.id, FreezeReason::Suspended, at);
                }
                PlaceWhat::Repositories { .. } => found.reach(repo, installation, at),
                // What was heard through another installation shows that the repository moved there.
                _ if installation != InstallationId(0) && found.installation_of(repo.id) != Some(installation) => {
                    found.reach(repo, installation, at);
                }
                _ => found.see(repo, installation, at),
            }
        }
        for repo in removed {
            // A transfer takes a repository from one installation and gives it to another, in no order.
            if found.installation_of(repo.id).is_some_and(|its| its == installation || its == InstallationId(0)) {
                found.begin(repo.id, FreezeReason::Uninstalled, at);
            }
        }
        for repo in all.into_iter().filter(|_| whole) {
            match what {
                PlaceWhat::Suspended => found.begin(repo, FreezeReason::Suspended, at),
                PlaceWhat::Unsuspended => {
                    found.end(repo, FreezeReason::Suspended, at);
                    if freeze::end_for_good(found.freezes.entry(repo).or_default(), FreezeReason::Suspended, at) {
                        found.changed.repos.insert(repo);
                    }
                }
                _ => {
                    found.begin(repo, FreezeReason::Uninstalled, at);
                    found.end(repo, FreezeReason::Suspended, at);
                }
            }
        }
        if found.is_nothing() {
            return Ok(Outcome::Ignored("it changes no repository that is watched"));
        }
        self.save_findings(tx, &found, at, now).await?;
        Ok(Outcome::Noted)
    }

    /// What is known of all repositories, before GitHub is asked.
    pub(super) async fn asks(&self) -> Result<Asked> {
        let mut tx = self.store.read().await?;
        let rows = tx.all_repos().await?;
        self.asks_about(tx, rows).await
    }

    /// What is known of one, before GitHub is asked.
    pub(super) async fn asks_about_one(&self, repo: RepoId) -> Result<Asked> {
        let mut tx = self.store.read().await?;
        let rows = tx.repos(&[repo].into(), InstallationId(0)).await?;
        self.asks_about(tx, rows).await
    }

    async fn asks_about(&self, mut tx: Tx, rows: Vec<RepoRow>) -> Result<Asked> {
        let at = self.clock.now();
        let mut freezes = tx.freezes(&rows.iter().map(|row| row.id).collect()).await?;
        tx.rollback().await?;
        let known = rows.into_iter().map(|row| (row.id, (row.place, freezes.remove(&row.id).unwrap_or_default()))).collect();
        Ok(Asked { at, known })
    }

    /// What listing tells about places that no webhook told: archived or not, suspended or not, added, removed, renamed, made public.
    pub(super) async fn find_places(
        &self,
        installations: &[InstallationInfo],
        listings: &BTreeMap<InstallationId, Listing>,
        asked: &Asked,
    ) -> Result<()> {
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let rows = tx.all_repos().await?;
        let mut found = Findings::since(&mut tx, rows, asked).await?;
        let mut listed = BTreeSet::new();
        for (installation, listing) in listings {
            for (repo, archived) in &listing.repos {
                listed.insert(repo.id);
                self.find_one(&mut found, repo, *installation, *archived, asked.at);
            }
        }
        let rows = found.rows.values().map(|row| (row.id, row.place.installation));
        let rows = rows.filter(|(repo, through)| !listed.contains(repo) && !found.heard.contains(repo) && *through != InstallationId(0));
        for (repo, through) in rows.collect::<Vec<_>>() {
            let known = installations.iter().find(|installation| installation.id == through);
            match (known, known.and_then(|installation| installation.suspended), listings.get(&through)) {
                (Some(_), Some(suspended), _) => found.hold(repo, FreezeReason::Suspended, suspended.min(now)),
                (None, ..) | (Some(_), None, Some(Listing { whole: true, .. })) => {
                    found.begin(repo, FreezeReason::Uninstalled, now);
                    found.end(repo, FreezeReason::Suspended, now);
                }
                _ => {}
            }
        }
        if found.is_nothing() {
            return tx.rollback().await;
        }
        self.save_findings(&mut tx, &found, now, now).await?;
        tx.commit().await?;
        self.wakes.all();
        Ok(())
    }

    /// What reading one repository tells of it.
    pub(super) async fn find_repo(
        &self,
        tx: &mut Tx,
        repo: &Repo,
        (installation, archived): (InstallationId, bool),
        asked: &Asked,
    ) -> Result<()> {
        let now = self.clock.now();
        let rows = tx.repos(&[repo.id].into(), InstallationId(0)).await?;
        let mut found = Findings::since(tx, rows, asked).await?;
        self.find_one(&mut found, repo, installation, archived, asked.at);
        if found.is_nothing() {
            return Ok(());
        }
        self.save_findings(tx, &found, now, now).await
    }

    fn find_one(&self, found: &mut Findings, repo: &Repo, installation: InstallationId, archived: bool, asked: Timestamp) {
        if found.heard.contains(&repo.id) {
            return;
        }
        let shown = Place::new(repo, installation, asked);
        match found.rows.get(&repo.id).map(|row| &row.place) {
            None if !self.covers(&repo.full_name) => return,
            Some(known) if known.is_as(&shown) => {}
            _ => found.reach(repo, installation, asked),
        }
        for (why, holds) in [(FreezeReason::Archived, archived), (FreezeReason::Uninstalled, false), (FreezeReason::Suspended, false)] {
            match (found.holds(repo.id, why), holds) {
                (false, true) => found.hold(repo.id, why, asked),
                (true, false) => found.end(repo.id, why, asked),
                _ => {}
            }
        }
    }

    /// Saves findings, and has tickets follow them.
    async fn save_findings(&self, tx: &mut Tx, found: &Findings, at: Timestamp, now: Timestamp) -> Result<()> {
        for row in found.seen.iter().filter_map(|repo| found.rows.get(repo)) {
            tx.put_place(row.id, &row.place, row.first_seen).await?;
        }
        let freezes = found.freezes.iter().filter(|(repo, _)| found.changed.repos.contains(repo));
        tx.put_freezes(&freezes.map(|(repo, all)| (*repo, all.clone())).collect()).await?;
        self.keep_up_with(tx, &found.changed, now).await?;
        self.end_all(tx, &found.deleted, at, now).await?;
        found.tell();
        Ok(())
    }

    /// Has the tickets of these repositories follow them: at once those that wait for something, soon those that only show something.
    pub(super) async fn keep_up_with(&self, tx: &mut Tx, changed: &Changed, now: Timestamp) -> Result<()> {
        if changed.repos.is_empty() {
            return Ok(());
        }
        if self.policy.privacy && !changed.visible.is_empty() {
            tx.tell_all(&changed.visible).await?;
        }
        let issues = tx.live_tickets(&changed.repos).await?;
        self.relocate(tx, issues, now).await
    }

    /// Brings tickets up to date with their repositories. Whether that is one or a thousand, the log has said it once.
    async fn relocate(&self, tx: &mut Tx, wakes_at: BTreeMap<IssueId, Option<Timestamp>>, now: Timestamp) -> Result<()> {
        let rules = self.rules();
        let issues: Vec<_> = wakes_at.keys().copied().collect();
        for issues in issues.chunks(AT_ONCE) {
            let needs = Needs { issues: issues.iter().copied().collect(), instants: [now].into(), ..Needs::default() };
            let mut loaded = tx.load(needs, &|at| self.ledger_since(at)).await?;
            for issue in issues {
                let Some(mut ticket) = loaded.book.tickets.get(issue).cloned() else { continue };
                loaded.book.relocate(&mut ticket);
                loaded.book.put(ticket);
            }
            // Only clocks stand still, and what happened meanwhile to the partner's tier is looked at when they go on (S11). What an
            // operator wants looked at again is looked at all the same.
            let wakes = |ticket: &Ticket| match ticket.standing {
                Standing::Admitted(_) => rules.next_at(&loaded.book, ticket, now).map(|at| at.min(now)),
                _ => wakes_at.get(&ticket.issue).copied().flatten(),
            };
            tx.save(&loaded, &wakes, &|ticket| self.shows(ticket)).await?;
            self.renew_roots_of(tx, &loaded.book, now).await?;
        }
        Ok(())
    }

    /// Ends the tickets of repositories that were deleted, as if each issue had been.
    async fn end_all(&self, tx: &mut Tx, repos: &BTreeSet<RepoId>, at: Timestamp, now: Timestamp) -> Result<()> {
        if repos.is_empty() {
            return Ok(());
        }
        let rules = self.rules();
        let issues: Vec<_> = tx.live_tickets(repos).await?.into_keys().collect();
        for issues in issues.chunks(AT_ONCE) {
            let needs = Needs { issues: issues.iter().copied().collect(), instants: [now].into(), ..Needs::default() };
            let mut loaded = tx.load(needs, &|at| self.ledger_since(at)).await?;
            for issue in issues {
                if let Some(event) = loaded.book.tickets.get(issue).map(|ticket| gone(ticket, at)) {
                    rules.take(&mut loaded.book, &event, now);
                }
            }
            let wakes = |ticket: &Ticket| rules.next_at(&loaded.book, ticket, now);
            tx.save(&loaded, &wakes, &|ticket| self.shows(ticket)).await?;
            self.renew_roots_of(tx, &loaded.book, now).await?;
            self.tell(&loaded.book);
        }
        Ok(())
    }

    /// Tells tickets that show something who can read it, where their repository was made private or public, a batch at a time
    /// (`G3`). A crash in between goes on where it was.
    pub(super) async fn tell_who_can_read(&self) -> Result<()> {
        loop {
            let mut tx = self.store.read().await?;
            let open = tx.telling().await?.is_some();
            tx.rollback().await?;
            if !open {
                return Ok(());
            }
            let mut tx = self.store.write().await?;
            let Some((repo, after)) = tx.telling().await? else { return tx.rollback().await };
            let next = tx.shown_after(repo, after, TOLD_AT_ONCE).await?;
            let last = next.last().map(|(number, ..)| *number);
            let wakes_at = next.into_iter().map(|(_, issue, wakes_at)| (issue, wakes_at)).collect();
            self.relocate(&mut tx, wakes_at, self.clock.now()).await?;
            tx.told_up_to(repo, last).await?;
            tx.commit().await?;
        }
    }
}

/// What GitHub would have told of an issue that was deleted.
fn gone(ticket: &Ticket, at: Timestamp) -> Event {
    Event {
        installation: ticket.installation,
        repo: Repo { id: ticket.repo, full_name: ticket.repo_name.clone(), private: ticket.private },
        issue: Issue {
            id: ticket.issue,
            number: ticket.number,
            title: ticket.title.clone(),
            url: ticket.url.clone(),
            author: ticket.author.clone(),
            created_at: ticket.created_at,
            updated_at: ticket.seen_at,
            open: None,
            pull_request: false,
            claim: ticket.claim.clone(),
        },
        at,
        actor: None,
        what: What::Gone,
    }
}
