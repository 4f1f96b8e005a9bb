//! Everything that is kept, and how to find it.

use super::limits::Spent;
use super::registering::Unfetched;
use super::things::{Account, AccountKind, Fate, Installation, Issue, Repo, Team};
use super::{Options, SandboxEvent};
use crate::clock::Clock;
use crate::domain::ids::{CommentId, InstallationId, RepoId, UserId};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

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

pub(super) type Done<T = ()> = Result<T, SandboxError>;

pub(super) fn refused<T>(why: impl Into<String>) -> Done<T> {
    Err(SandboxError::Refused(why.into()))
}

/// What GitHub says of every write to such a repository.
pub(super) const ARCHIVED: &str = "Repository was archived so is read-only.";

/// What `GET /app/hook/config` says.
#[derive(Debug, Clone, PartialEq)]
pub enum Hook {
    /// Where webhooks do go, with a secret.
    Connected,
    /// This.
    Said(Value),
    /// There is none.
    None,
}

/// Everything that is kept, under one lock.
pub(super) struct World {
    pub clock: Clock,
    /// The API's base URL, which every `url` in a payload starts with.
    pub base: String,
    /// Every `html_url` of a repository or of what is in it, likewise.
    pub pages: String,
    pub app_id: i64,
    pub slug: String,
    /// Its name for people.
    pub app_name: String,
    /// Who owns it, where that was said.
    pub app_owner: Option<UserId>,
    /// What its webhooks are signed with.
    pub webhook_secret: String,
    /// What its tokens are checked with.
    pub public_key: Option<String>,
    /// Where whoever has installed it is sent.
    pub setup_url: Option<String>,
    /// Apps whose credentials nobody has fetched yet, by the code for that.
    pub unfetched: BTreeMap<String, Unfetched>,
    pub bot: UserId,
    /// The events that the App subscribes to.
    pub events: Vec<String>,
    /// What it may do: level by name.
    pub permissions: BTreeMap<String, String>,
    /// What is said of where its webhooks go.
    pub hook: Hook,
    pub started: Timestamp,
    pub accounts: BTreeMap<UserId, Account>,
    pub installations: BTreeMap<InstallationId, Installation>,
    pub repos: BTreeMap<RepoId, Repo>,
    /// By organisation and lower-case slug.
    pub teams: BTreeMap<(UserId, String), Team>,
    /// What each installation did lately, as far as it is limited.
    pub spent: BTreeMap<InstallationId, Spent>,
    pub calls_an_hour: usize,
    pub out: Vec<Outgoing>,
    pub news: Vec<SandboxEvent>,
    serial: i64,
}

impl World {
    pub(super) fn new(clock: Clock, base: String, options: &Options) -> Self {
        let started = clock.now();
        let mut world = Self {
            clock,
            pages: options.pages.clone().unwrap_or_else(|| base.clone()),
            base,
            app_id: options.app_id,
            slug: options.slug.clone(),
            app_name: options.slug.clone(),
            app_owner: None,
            webhook_secret: options.webhook_secret.clone(),
            public_key: options.public_key.clone(),
            setup_url: None,
            unfetched: BTreeMap::new(),
            bot: UserId(0),
            events: options.events.iter().map(|event| (*event).to_owned()).collect(),
            permissions: [("issues", "write"), ("members", "read"), ("metadata", "read")]
                .map(|(name, level)| (name.to_owned(), level.to_owned()))
                .into(),
            hook: Hook::Connected,
            started,
            accounts: BTreeMap::new(),
            installations: BTreeMap::new(),
            repos: BTreeMap::new(),
            teams: BTreeMap::new(),
            spent: BTreeMap::new(),
            calls_an_hour: 5000,
            out: Vec::new(),
            news: Vec::new(),
            serial: 0,
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
        self.accounts.insert(id, Account { id, login, kind, created_at, association: None, gone: None });
        id
    }

    pub(super) fn account(&self, login: &str) -> Option<&Account> {
        self.accounts.values().find(|a| a.gone.is_none() && a.login.eq_ignore_ascii_case(login))
    }

    /// The account by that login, made if there is none yet.
    pub(super) fn account_or_new(&mut self, login: &str, kind: AccountKind) -> UserId {
        match self.account(login) {
            Some(account) => account.id,
            None => self.new_account(login.to_owned(), kind),
        }
    }

    pub(super) fn login(&self, id: UserId) -> &str {
        self.accounts.get(&id).filter(|a| a.gone.is_none()).map_or("ghost", |a| &a.login)
    }

    /// The installation on an account, made if there is none yet.
    pub(super) fn install(&mut self, account: UserId) -> InstallationId {
        if let Some(installation) = self.installation_of(account) {
            return installation.id;
        }
        let id = InstallationId(self.next_id(45_000_000));
        let created_at = self.now();
        let installation = Installation { id, account, created_at, updated_at: created_at, suspended: None, selected: None, members: true };
        self.installations.insert(id, installation);
        id
    }

    pub(super) fn installation_of(&self, account: UserId) -> Option<&Installation> {
        self.installations.values().find(|i| i.account == account)
    }

    /// The installation that reaches a repository.
    pub(super) fn installation_on(&self, repo: &Repo) -> Option<&Installation> {
        self.installations.values().find(|i| i.covers(repo))
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

    /// The repository by that name, made with its owner if there is none yet.
    pub(super) fn repo_or_new(&mut self, full_name: &str) -> RepoId {
        if let Some(repo) = self.repo_named(full_name) {
            return repo.id;
        }
        let (owner, name) = full_name.split_once('/').unwrap_or(("acme", full_name));
        let owner = self.account_or_new(owner, AccountKind::Organization);
        // With an owner's first repository comes the App; where it was uninstalled, it stays so.
        if self.repos.values().all(|r| r.owner != owner) {
            self.install(owner);
        }
        let id = RepoId(self.next_id(186_000_000));
        let repo = Repo {
            id,
            owner,
            name: name.to_owned(),
            private: false,
            archived: false,
            created_at: self.now(),
            updated_at: self.now(),
            labels: Vec::new(),
            issues: BTreeMap::new(),
            next_number: 1,
            roles: BTreeMap::new(),
            former_names: Vec::new(),
        };
        self.repos.insert(id, repo);
        id
    }

    pub(super) fn repo(&self, id: RepoId) -> Done<&Repo> {
        self.repos.get(&id).ok_or_else(|| no_repo(id))
    }

    pub(super) fn repo_mut(&mut self, id: RepoId) -> Done<&mut Repo> {
        self.repos.get_mut(&id).ok_or_else(|| no_repo(id))
    }

    /// A repository that can be written to.
    pub(super) fn writable(&mut self, id: RepoId) -> Done<&mut Repo> {
        let repo = self.repo_mut(id)?;
        if repo.archived { refused(ARCHIVED) } else { Ok(repo) }
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

fn no_repo(id: RepoId) -> SandboxError {
    SandboxError::NotThere(format!("repository {id}"))
}
