//! People at GitHub: what they do becomes webhooks, as at the real one.
//!
//! Every act fails with [`SandboxError`] where there is no such repository, issue, comment or label, or where GitHub would
//! refuse it. People need no introduction: whoever acts gets an account.

#![allow(clippy::missing_errors_doc, reason = "the same for all of them, and said above")]

use super::state::{SandboxError, World};
use super::things::AccountKind;
use super::webhooks::{DeliveryRecord, send};
use super::{Sandbox, lock};
use crate::domain::ids::{CommentId, IssueId, RepoId, UserId};

pub(super) type Acted = Result<Happened, SandboxError>;

/// Which of the two events of "close with comment" GitHub sends first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseOrder {
    /// The comment, then the close.
    CommentFirst,
    /// The close, then the comment.
    CloseFirst,
}

/// An issue, by all its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueRef {
    /// The repository's id.
    pub repo_id: RepoId,
    /// The issue's global id.
    pub id: IssueId,
    /// Its number in the repository.
    pub number: u64,
    /// Where a person would read it.
    pub html_url: String,
}

/// What came of an act.
#[derive(Debug, Clone)]
pub struct Happened {
    /// The issue that it was about; none where it was about a repository or an account.
    pub issue: Option<IssueRef>,
    /// The comment that was written, edited or deleted.
    pub comment: Option<CommentId>,
    /// The webhooks that it made, as far as they have got by now.
    pub deliveries: Vec<DeliveryRecord>,
}

impl Happened {
    /// The number of the issue; 0 where there is none.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.issue.as_ref().map_or(0, |i| i.number)
    }

    /// What the desk answered to the last of the webhooks.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.deliveries.last().and_then(DeliveryRecord::status)
    }
}

/// What a change of the world found out about itself.
type Subject = (Option<(RepoId, u64)>, Option<CommentId>);

impl Sandbox {
    pub(super) async fn person_acts(&self, change: impl FnOnce(&mut World) -> Result<Subject, SandboxError>) -> Acted {
        let (subject, ids, send_now) = self.inner.act(true, change);
        if send_now {
            for id in &ids {
                send(&self.inner, *id).await;
            }
        }
        let (issue, comment) = subject?;
        let issue = issue.and_then(|(repo_id, number)| {
            let world = lock(&self.inner.world);
            let (at, issue) = world.issue(repo_id, number)?;
            Some(IssueRef { repo_id, id: issue.id, number, html_url: world.issue_html_url(at, number) })
        });
        let deliveries = ids.iter().filter_map(|id| self.inner.post.record(*id)).collect();
        Ok(Happened { issue, comment, deliveries })
    }

    /// An act on an issue of a known repository by a known or new person.
    async fn on_issue(
        &self,
        repo: &str,
        number: u64,
        actor: &str,
        change: impl FnOnce(&mut World, RepoId, UserId) -> Result<Option<CommentId>, SandboxError>,
    ) -> Acted {
        self.person_acts(|world| {
            let repo = known(world, repo)?;
            let actor = world.account_or_new(actor, AccountKind::User);
            let comment = change(world, repo, actor)?;
            Ok((Some((repo, number)), comment))
        })
        .await
    }

    /// Opens an issue; the repository is made if there is none by that name.
    pub async fn open_issue(&self, repo: &str, author: &str, title: &str, body: &str) -> Acted {
        self.open(repo, author, title, body, false).await
    }

    /// Opens a pull request, which has a number among the issues but no `issues` event (`W8`).
    pub async fn open_pull_request(&self, repo: &str, author: &str, title: &str, body: &str) -> Acted {
        self.open(repo, author, title, body, true).await
    }

    async fn open(&self, repo: &str, author: &str, title: &str, body: &str, pull_request: bool) -> Acted {
        self.person_acts(|world| {
            let repo = world.repo_or_new(repo);
            let author = world.account_or_new(author, AccountKind::User);
            // GitHub shows an opening text that was left empty as null.
            let number = world.open(repo, author, title, Some(body).filter(|b| !b.is_empty()), pull_request)?;
            Ok((Some((repo, number)), None))
        })
        .await
    }

    /// Changes the opening text.
    pub async fn edit_issue(&self, repo: &str, number: u64, actor: &str, body: &str) -> Acted {
        self.on_issue(repo, number, actor, |w, at, who| w.edit(at, number, who, None, Some(body)).map(|()| None)).await
    }

    /// Changes the title.
    pub async fn retitle_issue(&self, repo: &str, number: u64, actor: &str, title: &str) -> Acted {
        self.on_issue(repo, number, actor, |w, at, who| w.edit(at, number, who, Some(title), None).map(|()| None)).await
    }

    /// Writes a comment.
    pub async fn comment(&self, repo: &str, number: u64, author: &str, body: &str) -> Acted {
        self.on_issue(repo, number, author, |w, at, who| w.comment(at, number, who, body).map(Some)).await
    }

    /// Edits a comment, anyone's.
    pub async fn edit_comment(&self, repo: &str, comment: CommentId, actor: &str, body: &str) -> Acted {
        self.on_comment(repo, comment, actor, |w, at, who| w.edit_comment(at, comment, who, body)).await
    }

    /// Deletes a comment, anyone's.
    pub async fn delete_comment(&self, repo: &str, comment: CommentId, actor: &str) -> Acted {
        self.on_comment(repo, comment, actor, |w, at, who| w.delete_comment(at, comment, who)).await
    }

    async fn on_comment(
        &self,
        repo: &str,
        comment: CommentId,
        actor: &str,
        change: impl FnOnce(&mut World, RepoId, UserId) -> Result<u64, SandboxError>,
    ) -> Acted {
        self.person_acts(|world| {
            let repo = known(world, repo)?;
            let actor = world.account_or_new(actor, AccountKind::User);
            let number = change(world, repo, actor)?;
            Ok((Some((repo, number)), Some(comment)))
        })
        .await
    }

    /// Closes an issue. `reason` is `completed`, `not_planned` or `duplicate`.
    pub async fn close(&self, repo: &str, number: u64, actor: &str, reason: &str) -> Acted {
        self.on_issue(repo, number, actor, |w, at, who| w.set_state(at, number, who, false, Some(reason)).map(|()| None)).await
    }

    /// Closes an issue with a comment: two events in the same second, in either order (`S9`).
    pub async fn close_with_comment(&self, repo: &str, number: u64, actor: &str, reason: &str, body: &str, order: CloseOrder) -> Acted {
        self.on_issue(repo, number, actor, |w, at, who| {
            if order == CloseOrder::CloseFirst {
                w.set_state(at, number, who, false, Some(reason))?;
            }
            let comment = w.comment(at, number, who, body)?;
            w.set_state(at, number, who, false, Some(reason))?;
            Ok(Some(comment))
        })
        .await
    }

    /// Reopens an issue.
    pub async fn reopen(&self, repo: &str, number: u64, actor: &str) -> Acted {
        self.on_issue(repo, number, actor, |w, at, who| w.set_state(at, number, who, true, None).map(|()| None)).await
    }

    /// Puts a label on, which the repository gets if it lacks it.
    pub async fn add_label(&self, repo: &str, number: u64, actor: &str, label: &str) -> Acted {
        self.on_issue(repo, number, actor, |w, at, who| w.add_labels(at, number, who, &[label.to_owned()]).map(|()| None)).await
    }

    /// Takes a label off.
    pub async fn remove_label(&self, repo: &str, number: u64, actor: &str, label: &str) -> Acted {
        self.on_issue(repo, number, actor, |w, at, who| {
            let was_on = w.remove_label(at, number, who, label)?;
            if was_on { Ok(None) } else { Err(SandboxError::NotThere(format!("label `{label}` on issue #{number}"))) }
        })
        .await
    }

    /// Locks the conversation.
    pub async fn lock(&self, repo: &str, number: u64, actor: &str) -> Acted {
        self.on_issue(repo, number, actor, |w, at, who| w.set_locked(at, number, who, true, None).map(|()| None)).await
    }

    /// The same with a reason: `off-topic`, `too heated`, `resolved` or `spam`.
    pub async fn lock_for(&self, repo: &str, number: u64, actor: &str, reason: &str) -> Acted {
        self.on_issue(repo, number, actor, |w, at, who| w.set_locked(at, number, who, true, Some(reason)).map(|()| None)).await
    }

    /// Unlocks the conversation.
    pub async fn unlock(&self, repo: &str, number: u64, actor: &str) -> Acted {
        self.on_issue(repo, number, actor, |w, at, who| w.set_locked(at, number, who, false, None).map(|()| None)).await
    }

    /// Deletes an issue; the API answers 410 from then on.
    pub async fn delete_issue(&self, repo: &str, number: u64, actor: &str) -> Acted {
        self.on_issue(repo, number, actor, |w, at, who| w.delete_issue(at, number, who).map(|()| None)).await
    }

    /// Makes a discussion of an issue, which stays in the API: closed, locked, and with `converted_to_discussion` in its history.
    pub async fn convert_to_discussion(&self, repo: &str, number: u64, actor: &str) -> Acted {
        self.on_issue(repo, number, actor, |w, at, who| w.convert(at, number, who).map(|()| None)).await
    }

    /// Moves an issue to another repository of the same owner, which is made if there is none by that name. What is returned is the
    /// issue there; `transferred` comes before `opened`, if both can be heard. Held, they can be delivered in either order.
    pub async fn transfer_issue(&self, repo: &str, number: u64, to: &str, actor: &str) -> Acted {
        self.person_acts(|world| {
            let from = known(world, repo)?;
            let owner = world.login(world.repo(from)?.owner);
            let same_owner = to.split_once('/').is_some_and(|(name, _)| name.eq_ignore_ascii_case(owner));
            let to = if same_owner { world.repo_or_new(to) } else { known(world, to)? };
            let actor = world.account_or_new(actor, AccountKind::User);
            let number = world.transfer(from, number, to, actor)?;
            Ok((Some((to, number)), None))
        })
        .await
    }

    /// Reacts to a comment, or to the opening text; GitHub sends nothing for it.
    pub async fn react(&self, repo: &str, number: u64, comment: Option<CommentId>, actor: &str, content: &str) -> Acted {
        self.on_issue(repo, number, actor, |w, at, who| w.react(at, number, comment, who, content).map(|_| comment)).await
    }
}

pub(super) fn known(world: &World, repo: &str) -> Result<RepoId, SandboxError> {
    world.repo_named(repo).map(|r| r.id).ok_or_else(|| SandboxError::NotThere(format!("repository `{repo}`")))
}
