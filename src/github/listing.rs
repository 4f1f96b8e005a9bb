//! What happened meanwhile, read from GitHub's API as events: after a restart for whole repositories (`R2`), and before a
//! ping for one issue (`E3`).

use super::client::{ApiError, GitHub, PER_PAGE, all_pages};
use super::wire::{WireComment, WireHistory, WireIssue, WireReaction, WireRepo, WireUser};
use crate::domain::event::{CloseReason, Event, Issue, Repo, What};
use crate::domain::ticket::{Ticket, Told};
use crate::domain::{CommentId, InstallationId, IssueId, RepoId};
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// So often a reader is sent on.
const MOST_HOPS: usize = 4;
/// A list that is longer was no list of what changed.
const MOST_PAGES: usize = 1000;
const SAME_CLOSE: SignedDuration = SignedDuration::from_secs(2);

/// Where events come from.
#[derive(Debug, Clone)]
pub struct Source {
    /// Through which installation.
    pub installation: InstallationId,
    /// In which repository.
    pub repo: Repo,
}

/// How an issue stood when the desk last heard of it. The default is one that it never heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    /// When it was closed last, if ever.
    closed: Option<Timestamp>,
    /// When it was opened again last, if ever.
    reopened: Option<Timestamp>,
    /// It is no more.
    gone: bool,
}

impl Known {
    /// As a ticket's facts tell it.
    #[must_use]
    pub fn of(ticket: &Ticket) -> Self {
        let last = |fits: &dyn Fn(&Told) -> bool| ticket.facts.iter().filter(|fact| fits(&fact.what)).map(|fact| fact.at).max();
        Self { closed: last(&Told::is_close), reopened: last(&|told| *told == Told::Reopened), gone: ticket.is_gone() }
    }

    /// Whether GitHub shows an issue that was closed or opened again since. One that was both, and stands as it stood before,
    /// shows it by its `closed_at`, or by its `state_reason` where it is open.
    fn is_outdated_by(self, found: &WireIssue) -> bool {
        // Closed and locked is what an issue looks like that was converted to a discussion; only its history tells (S12).
        if found.locked && found.open() == Some(false) && !self.gone {
            return true;
        }
        let open = self.closed.is_none_or(|closed| self.reopened.is_some_and(|reopened| reopened >= closed));
        match found.open() {
            Some(now_open) if now_open != open => true,
            Some(true) => found.state_reason.as_deref() == Some("reopened"),
            // Webhook and history may differ by a second about the same close.
            Some(false) => {
                let newer = |at: Timestamp| self.closed.is_none_or(|known| at.duration_since(known) > SAME_CLOSE);
                found.closed_at.is_some_and(newer)
            }
            None => false,
        }
    }
}

/// The repositories of an installation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Those that were found, and whether each is archived.
    pub repos: Vec<(Repo, bool)>,
    /// They are as many as GitHub counts, so what is not among them is not in the installation.
    pub whole: bool,
}

impl GitHub {
    /// The repositories of an installation.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub async fn repositories(&self, installation: InstallationId) -> Result<Listing, ApiError> {
        #[derive(serde::Deserialize)]
        struct Page {
            #[serde(default)]
            total_count: usize,
            #[serde(default)]
            repositories: Vec<WireRepo>,
        }
        let mut counted = 0;
        let found = all_pages!(|page| {
            let path = format!("/installation/repositories?per_page={PER_PAGE}&page={page}");
            let page: Page = self.get(installation, &path).await?;
            counted = page.total_count;
            page.repositories
        });
        Ok(Listing { whole: found.len() >= counted, repos: found.iter().map(|found| (found.repo(), found.archived)).collect() })
    }

    /// A repository by its id, and whether it is archived. Where GitHub says that it is elsewhere, it is read there, but by GitHub only,
    /// and not round and round.
    ///
    /// # Errors
    /// GitHub cannot be asked, or shows no repository.
    pub async fn repository(&self, installation: InstallationId, repo: RepoId) -> Result<(Repo, bool), ApiError> {
        let found: WireRepo = self.read_where_it_is(installation, format!("/repositories/{repo}")).await?;
        Ok((found.repo(), found.archived))
    }

    async fn read_where_it_is<T: DeserializeOwned>(&self, installation: InstallationId, mut path: String) -> Result<T, ApiError> {
        for _ in 0..MOST_HOPS {
            let error = match self.get(installation, &path).await {
                Ok(found) => return Ok(found),
                Err(error) => error,
            };
            let ApiError::Refused { location: Some(location), .. } = &error else { return Err(error) };
            match self.own_path(location).filter(|_| error.is_elsewhere()) {
                Some(next) => path = next.to_owned(),
                None => return Err(error),
            }
        }
        Err(ApiError::Unreadable { call: format!("GET {path}"), why: format!("it was sent on {MOST_HOPS} times") })
    }

    /// Whether a ticket's issue is there. Where GitHub says that it is elsewhere, it is read there: the same issue has only another
    /// address; another one is what has become of it by a transfer.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub async fn has_issue_of(&self, ticket: &Ticket) -> Result<bool, ApiError> {
        match self.issue_of(ticket).await {
            Ok(found) => Ok(found.id() == ticket.present_id()),
            Err(error) if error.is_gone() => self.is_gone_by(error, ticket).await.map(|()| false),
            Err(error) => Err(error),
        }
    }

    /// Whether this answer says that an issue is gone: where its repository can be read, and has issues. GitHub says 410 as well of one whose
    /// owner has switched them off, and has them all when they are on again.
    async fn is_gone_by(&self, error: ApiError, ticket: &Ticket) -> Result<(), ApiError> {
        let repository: WireRepo = self.read_where_it_is(ticket.installation, format!("/repositories/{}", ticket.repo)).await?;
        if repository.has_issues == Some(false) { Err(error) } else { Ok(()) }
    }

    async fn issue_of(&self, ticket: &Ticket) -> Result<WireIssue, ApiError> {
        self.read_where_it_is(ticket.installation, format!("/repositories/{}/issues/{}", ticket.repo, ticket.number)).await
    }

    /// Everything that changed in a repository since `since`, as events in no order. `known` says how issues stood when the desk
    /// last heard of them: where GitHub shows that more has happened since, the issue's history is read.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub async fn changes_since<'a>(
        &self,
        source: &Source,
        since: Timestamp,
        known: &(dyn Fn(Vec<IssueId>) -> BoxFuture<'a, BTreeMap<IssueId, Known>> + Sync),
    ) -> Result<Vec<Event>, ApiError> {
        let (installation, repo) = (source.installation, source.repo.id);
        let issues: Vec<WireIssue> = self.changed(installation, &format!("/repositories/{repo}/issues?state=all&"), since).await?;
        // What is said on an issue changes the issue, so there is nothing to ask for.
        if issues.is_empty() {
            return Ok(Vec::new());
        }
        let comments: Vec<WireComment> = self.changed(installation, &format!("/repositories/{repo}/issues/comments?"), since).await?;
        let known = known(issues.iter().map(WireIssue::id).collect()).await;
        let mut events = Vec::new();
        let mut by_number = BTreeMap::new();
        for found in &issues {
            let issue = found.issue(&source.repo);
            if issue.pull_request {
                continue;
            }
            if issue.created_at >= since {
                events.push(source.event(&issue, issue.created_at, issue.author.clone(), What::Opened));
            }
            if known.get(&issue.id).copied().unwrap_or_default().is_outdated_by(found) {
                events.extend(self.history(source, found, &issue).await?);
            }
            by_number.insert(issue.number, issue);
        }
        for comment in &comments {
            let number = comment.issue_url.as_deref().and_then(|url| url.rsplit('/').next()).and_then(|number| number.parse::<i64>().ok());
            let Some(issue) = number.and_then(|number| by_number.get(&number)) else { continue };
            let (at, actor, what) = comment.commented();
            events.push(source.event(issue, at, actor, what));
        }
        Ok(events)
    }

    /// A list of what changed since `since`, each entry once. It is sorted by when entries changed, and they change while it is read: one
    /// that does moves to the end, and all behind it move up. So after a full page it is asked for anew from the last entry's second
    /// on, and by page only where that second fills a page.
    async fn changed<T: DeserializeOwned + Dated>(
        &self,
        installation: InstallationId,
        list: &str,
        since: Timestamp,
    ) -> Result<Vec<T>, ApiError> {
        let mut all = BTreeMap::new();
        let (mut from, mut page) = (second(since), 1);
        for _ in 0..MOST_PAGES {
            let path = format!("{list}sort=updated&direction=asc&since={from}&per_page={PER_PAGE}&page={page}");
            let found: Vec<T> = self.get(installation, &path).await?;
            let (full, last) = (found.len() >= PER_PAGE, found.last().map(|last| second(last.changed_at())));
            // What was read later is how it stands now.
            all.extend(found.into_iter().map(|entry| (entry.key(), entry)));
            match last {
                Some(last) if full && last != from => (from, page) = (last, 1),
                _ if full => page += 1,
                _ => break,
            }
        }
        Ok(all.into_values().collect())
    }

    /// What happened to one ticket that the desk has not heard of, up to now; `Gone` when the issue is no more. Thumbs-up are read
    /// for the comments `asks` only: GitHub sends no webhook about them (`S4`).
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub async fn news_of(&self, ticket: &Ticket, since: Timestamp, asks: &[CommentId]) -> Result<Vec<Event>, ApiError> {
        let source = Source {
            installation: ticket.installation,
            repo: Repo { id: ticket.repo, full_name: ticket.repo_name.clone(), private: ticket.private },
        };
        let from = second(since);
        let found = match self.issue_of(ticket).await {
            Ok(found) => found,
            // It cannot be read: gone where its repository can be, else no longer ours to read (S12).
            Err(error) if error.is_gone() => {
                self.is_gone_by(error, ticket).await?;
                return Ok(vec![source.event(&known(ticket), since, None, What::Gone)]);
            }
            Err(error) => return Err(error),
        };
        let issue = found.issue(&source.repo);
        if issue.id != ticket.present_id() {
            return Ok(vec![source.event(&known(ticket), since, None, What::Gone)]);
        }
        let comments: Vec<WireComment> = all_pages!(|page| {
            let path =
                format!("/repositories/{}/issues/{}/comments?since={from}&per_page={PER_PAGE}&page={page}", ticket.repo, ticket.number);
            self.get(ticket.installation, &path).await?
        });
        let mut events = Vec::new();
        for comment in &comments {
            let (at, actor, what) = comment.commented();
            events.push(source.event(&issue, at, actor, what));
        }
        for ask in asks {
            let likes: Vec<WireReaction> = all_pages!(|page| {
                let path =
                    format!("/repositories/{}/issues/comments/{ask}/reactions?content=%2B1&per_page={PER_PAGE}&page={page}", ticket.repo);
                self.get(ticket.installation, &path).await?
            });
            let likes = likes.into_iter().filter_map(|like| like.liked(*ask));
            events.extend(likes.map(|(at, actor, what)| source.event(&issue, at, Some(actor), what)));
        }
        if Known::of(ticket).is_outdated_by(&found) {
            events.extend(self.history(&source, &found, &issue).await?);
        }
        Ok(events)
    }

    /// Closes and reopenings of an issue that the desk knows otherwise than GitHub shows it. Where its history cannot be read, the
    /// issue itself tells at least of its last close.
    async fn history(&self, source: &Source, found: &WireIssue, issue: &Issue) -> Result<Vec<Event>, ApiError> {
        match (self.whole_history(source, issue).await, found.closed_at, &found.closed_by) {
            (Err(_), Some(at), Some(by)) if issue.open == Some(false) => {
                Ok(vec![source.event(issue, at, Some(by.person()), What::Closed(CloseReason::Completed))])
            }
            (history, ..) => history,
        }
    }

    async fn whole_history(&self, source: &Source, issue: &Issue) -> Result<Vec<Event>, ApiError> {
        let history: Vec<WireHistory> = all_pages!(|page| {
            let path = format!("/repositories/{}/issues/{}/events?per_page={PER_PAGE}&page={page}", source.repo.id, issue.number);
            self.get(source.installation, &path).await?
        });
        let told = |entry: WireHistory| {
            let what = entry.what()?;
            Some(source.event(issue, entry.created_at?, entry.actor.as_ref().map(WireUser::person), what))
        };
        Ok(history.into_iter().filter_map(told).collect())
    }
}

impl Source {
    fn event(&self, issue: &Issue, at: Timestamp, actor: Option<crate::domain::event::Person>, what: What) -> Event {
        Event { installation: self.installation, repo: self.repo.clone(), issue: issue.clone(), at, actor, what }
    }
}

/// An entry of a list that is sorted by when its entries changed.
trait Dated {
    fn key(&self) -> i64;
    fn changed_at(&self) -> Timestamp;
}

impl Dated for WireIssue {
    fn key(&self) -> i64 {
        self.id().0
    }

    fn changed_at(&self) -> Timestamp {
        self.updated_at.unwrap_or(self.created_at)
    }
}

impl Dated for WireComment {
    fn key(&self) -> i64 {
        self.id
    }

    fn changed_at(&self) -> Timestamp {
        self.updated_at.unwrap_or(self.created_at)
    }
}

/// An instant as GitHub writes it: to the second, earlier rather than later.
fn second(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// The issue as the desk knows it, for when GitHub shows it no more.
fn known(ticket: &Ticket) -> Issue {
    Issue {
        id: ticket.present_id(),
        number: ticket.number,
        title: ticket.title.clone(),
        url: ticket.url.clone(),
        author: ticket.author.clone(),
        created_at: ticket.created_at,
        updated_at: ticket.seen_at,
        open: None,
        pull_request: false,
        claim: ticket.claim.clone(),
    }
}
