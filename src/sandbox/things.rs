//! The things at this GitHub: accounts, installations, teams, repositories, labels, issues, comments.

use crate::domain::ids::{CommentId, InstallationId, IssueId, RepoId, UserId};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What kind of account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// A person.
    User,
    /// An organisation.
    Organization,
    /// An App's own account, `<slug>[bot]`.
    Bot,
}

impl AccountKind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Organization => "Organization",
            Self::Bot => "Bot",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Account {
    pub id: UserId,
    pub login: String,
    pub kind: AccountKind,
    pub created_at: Timestamp,
    /// What payloads claim about this person, true or not (`W3`).
    pub association: Option<String>,
    /// Whether the account was deleted, and how that is shown.
    pub gone: Option<Ghost>,
}

/// How GitHub shows the author of something whose account was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ghost {
    /// `"user": null`, as GitHub's description allows.
    Nobody,
    /// The account `ghost`, which GitHub keeps for this.
    Account,
}

#[derive(Debug, Clone)]
pub(super) struct Installation {
    pub id: InstallationId,
    pub account: UserId,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub suspended: Option<(Timestamp, UserId)>,
    /// The repositories that it reaches; `None` is all of the account's.
    pub selected: Option<BTreeSet<RepoId>>,
    /// Whether the App may know who is in the organisation and in its teams.
    pub members: bool,
}

impl Installation {
    pub(super) fn covers(&self, repo: &Repo) -> bool {
        repo.owner == self.account && self.selected.as_ref().is_none_or(|list| list.contains(&repo.id))
    }

    pub(super) const fn selection(&self) -> &'static str {
        if self.selected.is_some() { "selected" } else { "all" }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Team {
    pub id: i64,
    pub name: String,
    pub slug: String,
    pub members: Vec<UserId>,
}

#[derive(Debug, Clone)]
pub(super) struct Label {
    pub id: i64,
    pub name: String,
    pub color: String,
    pub description: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Reaction {
    pub id: i64,
    pub user: UserId,
    pub content: String,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone)]
pub(super) struct Comment {
    pub id: CommentId,
    pub user: UserId,
    pub body: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub reactions: Vec<Reaction>,
}

/// One entry of an issue's own history.
#[derive(Debug, Clone)]
pub(super) struct Happening {
    pub event: &'static str,
    pub actor: UserId,
    pub at: Timestamp,
    /// The newest comment by then: several things happen in one second.
    pub after: Option<CommentId>,
    /// The fields that this kind of entry has and others have not.
    pub more: Value,
}

/// Where an issue went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Here,
    Deleted,
    Moved { repo: RepoId, number: u64 },
}

#[derive(Debug, Clone)]
pub(super) struct Issue {
    pub id: IssueId,
    pub number: u64,
    pub title: String,
    pub body: Option<String>,
    pub user: UserId,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    pub closed_by: Option<UserId>,
    pub state_reason: Option<String>,
    /// Ids of the repository's labels, in the order they were put on.
    pub labels: Vec<i64>,
    pub assignees: Vec<UserId>,
    pub locked: bool,
    pub lock_reason: Option<String>,
    pub comments: Vec<Comment>,
    pub reactions: Vec<Reaction>,
    pub pull_request: bool,
    pub fate: Fate,
    pub history: Vec<Happening>,
}

impl Issue {
    pub(super) fn remember(&mut self, event: &'static str, actor: UserId, at: Timestamp, more: Value) {
        let after = self.comments.last().map(|comment| comment.id);
        self.history.push(Happening { event, actor, at, after, more });
    }

    pub(super) const fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }

    pub(super) const fn state(&self) -> &'static str {
        if self.is_open() { "open" } else { "closed" }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Repo {
    pub id: RepoId,
    pub owner: UserId,
    pub name: String,
    pub private: bool,
    pub archived: bool,
    pub created_at: Timestamp,
    /// Moves when it is archived or hidden, and when that ends; not when it is renamed or transferred.
    pub updated_at: Timestamp,
    pub labels: Vec<Label>,
    pub issues: BTreeMap<u64, Issue>,
    pub next_number: u64,
    /// Role names by person: `admin maintain write triage read`.
    pub roles: BTreeMap<UserId, String>,
    /// Lower-case full names that it had before.
    pub former_names: Vec<String>,
}

impl Repo {
    /// GitHub takes label names that differ only in case for the same.
    pub(super) fn label(&self, name: &str) -> Option<&Label> {
        let name = name.to_lowercase();
        self.labels.iter().find(|l| l.name.to_lowercase() == name)
    }

    pub(super) fn label_by_id(&self, id: i64) -> Option<&Label> {
        self.labels.iter().find(|l| l.id == id)
    }
}
