//! What there is at this GitHub: accounts, repositories, labels, issues, comments.

use crate::clock::Clock;
use crate::domain::ids::{CommentId, InstallationId, IssueId, RepoId, UserId};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

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
}

#[derive(Debug, Clone)]
pub(super) struct Installation {
    pub id: InstallationId,
    pub account: UserId,
    pub created_at: Timestamp,
    pub suspended_at: Option<Timestamp>,
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
    pub locked: bool,
    pub comments: Vec<Comment>,
    pub reactions: Vec<Reaction>,
    pub pull_request: bool,
    pub fate: Fate,
    /// Its own history: closings and reopenings, as `(event, actor, instant)`.
    pub history: Vec<(&'static str, UserId, Timestamp)>,
}

impl Issue {
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

/// Something that happened, for whoever watches.
#[derive(Debug, Clone)]
pub struct SandboxEvent {
    /// When, to the second.
    pub at: Timestamp,
    /// `owner/name`.
    pub repository: String,
    /// The issue's number; 0 where it is about the whole repository.
    pub number: u64,
    /// Who did it, by login.
    pub actor: String,
    /// What was done.
    pub what: What,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum What {
    Opened {
        title: String,
        body: Option<String>,
    },
    Commented {
        id: CommentId,
        body: String,
    },
    CommentEdited {
        id: CommentId,
        body: String,
    },
    CommentDeleted {
        id: CommentId,
    },
    Labelled {
        label: String,
    },
    Unlabelled {
        label: String,
    },
    Closed {
        reason: String,
    },
    Reopened,
    Edited,
    Locked,
    Unlocked,
    Deleted,
    Transferred {
        to: String,
    },
    Reacted {
        content: String,
    },
    /// A label, the repository or the installation changed; in GitHub's words, `label.created`.
    Other(String),
}

impl std::fmt::Display for SandboxEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { at, repository, number, actor, what } = self;
        write!(f, "{} {repository}", at.strftime("%H:%M:%S"))?;
        if *number > 0 {
            write!(f, "#{number}")?;
        }
        write!(f, " {actor} ")?;
        match what {
            What::Opened { title, .. } => write!(f, "opened: {title}"),
            What::Commented { body, .. } => write!(f, "commented: {body}"),
            What::CommentEdited { body, .. } => write!(f, "edited a comment: {body}"),
            What::CommentDeleted { .. } => f.write_str("deleted a comment"),
            What::Labelled { label } => write!(f, "added the label {label}"),
            What::Unlabelled { label } => write!(f, "removed the label {label}"),
            What::Closed { reason } => write!(f, "closed it as {reason}"),
            What::Reopened => f.write_str("reopened it"),
            What::Edited => f.write_str("edited it"),
            What::Locked => f.write_str("locked it"),
            What::Unlocked => f.write_str("unlocked it"),
            What::Deleted => f.write_str("deleted it"),
            What::Transferred { to } => write!(f, "transferred it to {to}"),
            What::Reacted { content } => write!(f, "reacted with {content}"),
            What::Other(what) => f.write_str(what),
        }
    }
}

/// A webhook that has to go out, not yet signed or numbered.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub event: &'static str,
    pub action: &'static str,
    pub body: Value,
}

/// Why a person could not act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    /// Nothing there by that name or number.
    #[error("the sandbox has no {0}")]
    NotThere(String),
    /// GitHub would refuse it.
    #[error("GitHub would refuse this: {0}")]
    Refused(String),
}

/// Everything that is kept, under one lock.
pub(super) struct World {
    pub clock: Clock,
    /// The API's base URL, which every `url` in a payload starts with.
    pub base: String,
    pub app_id: i64,
    pub slug: String,
    pub bot: UserId,
    pub started: Timestamp,
    pub accounts: BTreeMap<UserId, Account>,
    pub installations: BTreeMap<InstallationId, Installation>,
    pub repos: BTreeMap<RepoId, Repo>,
    /// Members of a team, by lower-case `org/slug`.
    pub teams: BTreeMap<String, Vec<UserId>>,
    /// When each installation created content lately.
    pub content: BTreeMap<InstallationId, Vec<Timestamp>>,
    pub out: Vec<Outgoing>,
    pub news: Vec<SandboxEvent>,
    serial: i64,
}

impl World {
    pub(super) fn new(clock: Clock, base: String, app_id: i64, slug: String) -> Self {
        let started = clock.now();
        let mut world = Self {
            clock,
            base,
            app_id,
            bot: UserId(0),
            started,
            accounts: BTreeMap::new(),
            installations: BTreeMap::new(),
            repos: BTreeMap::new(),
            teams: BTreeMap::new(),
            content: BTreeMap::new(),
            out: Vec::new(),
            news: Vec::new(),
            serial: 0,
            slug,
        };
        world.bot = world.new_account(format!("{}[bot]", world.slug), AccountKind::Bot);
        world
    }

    /// A new id. Kinds differ in the millions, so that an id taken for another kind's finds nothing; issues and comments are
    /// beyond 32 bits, as GitHub's are.
    pub(super) fn next_id(&mut self, base: i64) -> i64 {
        self.serial += 1;
        base + self.serial
    }

    /// The present instant as GitHub shows it, cut to the second.
    pub(super) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    pub(super) fn new_account(&mut self, login: String, kind: AccountKind) -> UserId {
        let id = UserId(self.next_id(21_000_000));
        let created_at = self.now();
        self.accounts.insert(id, Account { id, login, kind, created_at, association: None });
        id
    }

    pub(super) fn account(&self, login: &str) -> Option<&Account> {
        self.accounts.values().find(|a| a.login.eq_ignore_ascii_case(login))
    }

    /// The account by that login, made if there is none yet.
    pub(super) fn account_or_new(&mut self, login: &str, kind: AccountKind) -> UserId {
        match self.account(login) {
            Some(account) => account.id,
            None => self.new_account(login.to_owned(), kind),
        }
    }

    pub(super) fn login(&self, id: UserId) -> &str {
        self.accounts.get(&id).map_or("ghost", |a| &a.login)
    }

    /// The installation on an account, made if there is none yet.
    pub(super) fn install(&mut self, account: UserId) -> InstallationId {
        if let Some(installation) = self.installation_of(account) {
            return installation.id;
        }
        let id = InstallationId(self.next_id(45_000_000));
        let created_at = self.now();
        self.installations.insert(id, Installation { id, account, created_at, suspended_at: None });
        id
    }

    pub(super) fn installation_of(&self, account: UserId) -> Option<&Installation> {
        self.installations.values().find(|i| i.account == account)
    }

    pub(super) fn full_name(&self, repo: &Repo) -> String {
        format!("{}/{}", self.login(repo.owner), repo.name)
    }

    /// A repository by its full name, or by one that it had before.
    pub(super) fn repo_named(&self, full_name: &str) -> Option<&Repo> {
        let wanted = full_name.to_lowercase();
        let current = self.repos.values().find(|r| self.full_name(r).to_lowercase() == wanted);
        current.or_else(|| self.repos.values().find(|r| r.former_names.contains(&wanted)))
    }

    /// The repository by that name, made with its owner and installation if there is none yet.
    pub(super) fn repo_or_new(&mut self, full_name: &str) -> RepoId {
        if let Some(repo) = self.repo_named(full_name) {
            return repo.id;
        }
        let (owner, name) = full_name.split_once('/').unwrap_or(("acme", full_name));
        let owner = self.account_or_new(owner, AccountKind::Organization);
        self.install(owner);
        let id = RepoId(self.next_id(186_000_000));
        let repo = Repo {
            id,
            owner,
            name: name.to_owned(),
            private: false,
            archived: false,
            created_at: self.now(),
            labels: Vec::new(),
            issues: BTreeMap::new(),
            next_number: 1,
            roles: BTreeMap::new(),
            former_names: Vec::new(),
        };
        self.repos.insert(id, repo);
        id
    }

    pub(super) fn issue(&self, repo: RepoId, number: u64) -> Option<(&Repo, &Issue)> {
        let repo = self.repos.get(&repo)?;
        Some((repo, repo.issues.get(&number)?))
    }

    pub(super) fn issue_mut(&mut self, repo: RepoId, number: u64) -> Option<&mut Issue> {
        self.repos.get_mut(&repo)?.issues.get_mut(&number)
    }

    /// The number of the issue that a comment stands on.
    pub(super) fn issue_of_comment(&self, repo: RepoId, comment: CommentId) -> Option<u64> {
        let here = |i: &&Issue| i.fate == Fate::Here && i.comments.iter().any(|c| c.id == comment);
        self.repos.get(&repo)?.issues.values().find(here).map(|i| i.number)
    }

    /// What a person may do with a repository, as GitHub names roles.
    pub(super) fn role(repo: &Repo, user: UserId) -> &str {
        match repo.roles.get(&user) {
            Some(role) => role,
            None if repo.owner == user => "admin",
            None if repo.private => "none",
            None => "read",
        }
    }
}
