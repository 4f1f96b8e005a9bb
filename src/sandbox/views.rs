//! What stands at GitHub now, for tests and the demo to look at.

use super::state::World;
use super::things::{AccountKind, Comment, Fate};
use super::{Sandbox, lock};
use crate::domain::ids::{CommentId, InstallationId, IssueId, RepoId, UserId};
use jiff::Timestamp;

/// An issue as it stands.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names are GitHub's")]
pub struct IssueView {
    pub id: IssueId,
    pub number: u64,
    pub title: String,
    pub body: Option<String>,
    pub author: String,
    /// `open` or `closed`.
    pub state: String,
    pub state_reason: Option<String>,
    pub locked: bool,
    /// Names, sorted.
    pub labels: Vec<String>,
    pub assignees: Vec<String>,
    pub comments: Vec<CommentView>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub closed_at: Option<Timestamp>,
}

impl IssueView {
    /// Whether it carries a label of this name.
    #[must_use]
    pub fn has_label(&self, name: &str) -> bool {
        self.labels.iter().any(|l| l.eq_ignore_ascii_case(name))
    }

    /// The comments by one person, oldest first.
    #[must_use]
    pub fn comments_by(&self, login: &str) -> Vec<&CommentView> {
        self.comments.iter().filter(|c| c.author.eq_ignore_ascii_case(login)).collect()
    }
}

/// A comment as it stands.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names are GitHub's")]
pub struct CommentView {
    pub id: CommentId,
    pub author: String,
    pub body: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Contents of the reactions on it, such as `+1`.
    pub reactions: Vec<String>,
}

/// A label of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are GitHub's")]
pub struct LabelView {
    pub name: String,
    pub color: String,
    pub description: Option<String>,
}

fn view(world: &World, repo: RepoId, number: u64) -> Option<IssueView> {
    let (at, issue) = world.issue(repo, number)?;
    if issue.fate != Fate::Here {
        return None;
    }
    let mut labels: Vec<_> = issue.labels.iter().filter_map(|id| at.label_by_id(*id)).map(|l| l.name.clone()).collect();
    labels.sort();
    let comments = issue.comments.iter().map(|comment| comment_view(world, comment));
    Some(IssueView {
        id: issue.id,
        number,
        title: issue.title.clone(),
        body: issue.body.clone(),
        author: world.login(issue.user).to_owned(),
        state: issue.state().to_owned(),
        state_reason: issue.state_reason.clone(),
        locked: issue.locked,
        labels,
        assignees: issue.assignees.iter().map(|id| world.login(*id).to_owned()).collect(),
        comments: comments.collect(),
        created_at: issue.created_at,
        updated_at: issue.updated_at,
        closed_at: issue.closed_at,
    })
}

pub(super) fn comment_view(world: &World, comment: &Comment) -> CommentView {
    CommentView {
        id: comment.id,
        author: world.login(comment.user).to_owned(),
        body: comment.body.clone(),
        created_at: comment.created_at,
        updated_at: comment.updated_at,
        reactions: comment.reactions.iter().map(|r| r.content.clone()).collect(),
    }
}

impl Sandbox {
    /// An issue as it stands; none where it was never opened, or was deleted or moved.
    #[must_use]
    pub fn issue(&self, repo: &str, number: u64) -> Option<IssueView> {
        let world = lock(&self.inner.world);
        let repo = world.repo_named(repo)?.id;
        view(&world, repo, number)
    }

    /// All issues of a repository, by number.
    #[must_use]
    pub fn issues(&self, repo: &str) -> Vec<IssueView> {
        let world = lock(&self.inner.world);
        let Some(at) = world.repo_named(repo) else { return Vec::new() };
        at.issues.keys().filter_map(|number| view(&world, at.id, *number)).collect()
    }

    /// The labels that a repository has, in the order they were made.
    #[must_use]
    pub fn labels(&self, repo: &str) -> Vec<LabelView> {
        let world = lock(&self.inner.world);
        let labels = world.repo_named(repo).map(|r| r.labels.as_slice()).unwrap_or_default();
        labels.iter().map(|l| LabelView { name: l.name.clone(), color: l.color.clone(), description: l.description.clone() }).collect()
    }

    /// The id of an account, if there is one by that login.
    #[must_use]
    pub fn user_id(&self, login: &str) -> Option<UserId> {
        lock(&self.inner.world).account(login).map(|a| a.id)
    }

    /// The App's own account.
    #[must_use]
    pub fn bot(&self) -> (UserId, String) {
        let world = lock(&self.inner.world);
        (world.bot, world.login(world.bot).to_owned())
    }

    /// The installation on an account, made with the account if there is none (any more).
    #[must_use]
    pub fn installation(&self, login: &str) -> InstallationId {
        let mut world = lock(&self.inner.world);
        let account = world.account_or_new(login, AccountKind::Organization);
        world.install(account)
    }
}
