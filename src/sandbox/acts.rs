//! What can be done to issues, by people and by the App alike: each act changes the state, tells whoever watches and leaves the
//! webhooks that GitHub would send for it.

use super::news::What;
use super::state::{Done, SandboxError, World, refused};
use super::things::{Fate, Issue};
use crate::domain::ids::{IssueId, RepoId, UserId};
use serde_json::{Value, json};

const LOCK_REASONS: [&str; 4] = ["off-topic", "too heated", "resolved", "spam"];

pub(super) fn no_issue(number: u64) -> SandboxError {
    SandboxError::NotThere(format!("issue #{number}"))
}

impl World {
    /// An issue that is about to change.
    pub(super) fn change(&mut self, repo: RepoId, number: u64) -> Done<&mut Issue> {
        let now = self.now();
        let issues = &mut self.writable(repo)?.issues;
        let issue = issues.get_mut(&number).filter(|i| i.fate == Fate::Here).ok_or_else(|| no_issue(number))?;
        issue.updated_at = issue.updated_at.max(now);
        Ok(issue)
    }

    pub(super) fn open(&mut self, repo: RepoId, author: UserId, title: &str, body: Option<&str>, pull_request: bool) -> Done<u64> {
        let now = self.now();
        let id = IssueId(self.next_id(2_444_000_000));
        let at = self.writable(repo)?;
        let number = at.next_number;
        at.next_number += 1;
        let issue = Issue {
            id,
            number,
            title: title.to_owned(),
            body: body.map(str::to_owned),
            user: author,
            created_at: now,
            updated_at: now,
            closed_at: None,
            closed_by: None,
            state_reason: None,
            labels: Vec::new(),
            assignees: Vec::new(),
            locked: false,
            lock_reason: None,
            comments: Vec::new(),
            reactions: Vec::new(),
            pull_request,
            fate: Fate::Here,
            history: Vec::new(),
        };
        at.issues.insert(number, issue);
        self.tell(repo, number, author, What::Opened { title: title.to_owned(), body: body.map(str::to_owned) });
        self.send("issues", "opened", repo, number, author, json!({}));
        Ok(number)
    }

    pub(super) fn edit(&mut self, repo: RepoId, number: u64, actor: UserId, title: Option<&str>, body: Option<&str>) -> Done {
        let now = self.now();
        let issue = self.change(repo, number)?;
        let mut changes = json!({});
        if let Some(title) = title {
            let from = std::mem::replace(&mut issue.title, title.to_owned());
            changes["title"] = json!({ "from": from });
            issue.remember("renamed", actor, now, json!({ "rename": { "from": from, "to": title } }));
        }
        if let Some(body) = body {
            changes["body"] = json!({ "from": issue.body.replace(body.to_owned()).unwrap_or_default() });
        }
        self.tell(repo, number, actor, What::Edited);
        self.send("issues", "edited", repo, number, actor, json!({ "changes": changes }));
        Ok(())
    }

    /// Closes or reopens. Nothing happens, and nothing is sent, where the issue is in that state already.
    pub(super) fn set_state(&mut self, repo: RepoId, number: u64, actor: UserId, open: bool, reason: Option<&str>) -> Done {
        let now = self.now();
        if self.issue(repo, number).is_some_and(|(_, i)| i.is_open() == open) {
            return Ok(());
        }
        let issue = self.change(repo, number)?;
        let reason = if open { "reopened" } else { reason.unwrap_or("completed") };
        issue.closed_at = (!open).then_some(now);
        issue.closed_by = (!open).then_some(actor);
        issue.state_reason = Some(reason.to_owned());
        let (action, what) = if open { ("reopened", What::Reopened) } else { ("closed", What::Closed { reason: reason.to_owned() }) };
        issue.remember(action, actor, now, if open { Value::Null } else { json!({ "state_reason": reason }) });
        self.tell(repo, number, actor, what);
        self.send("issues", action, repo, number, actor, json!({}));
        Ok(())
    }

    /// Locks or unlocks the conversation; like closing, nothing is sent where nothing changes.
    pub(super) fn set_locked(&mut self, repo: RepoId, number: u64, actor: UserId, locked: bool, reason: Option<&str>) -> Done {
        if let Some(unknown) = reason.filter(|r| !LOCK_REASONS.contains(r)) {
            return refused(format!("`{unknown}` is no reason for a lock"));
        }
        let now = self.now();
        let issue = self.change(repo, number)?;
        if issue.locked == locked {
            return Ok(());
        }
        issue.locked = locked;
        issue.lock_reason = reason.map(str::to_owned);
        let (action, what) = if locked { ("locked", What::Locked) } else { ("unlocked", What::Unlocked) };
        issue.remember(action, actor, now, json!({ "lock_reason": reason }));
        self.tell(repo, number, actor, what);
        self.send("issues", action, repo, number, actor, json!({}));
        Ok(())
    }

    pub(super) fn delete_issue(&mut self, repo: RepoId, number: u64, actor: UserId) -> Done {
        self.change(repo, number)?;
        self.tell(repo, number, actor, What::Deleted);
        self.send("issues", "deleted", repo, number, actor, json!({}));
        if let Some(issue) = self.issue_mut(repo, number) {
            issue.fate = Fate::Deleted;
        }
        Ok(())
    }

    /// Makes a discussion of an issue. GitHub documents that the issue "was closed and converted", as an entry of its history that
    /// the API lists; it stays there, closed and locked. The discussion itself is beyond this sandbox.
    pub(super) fn convert(&mut self, repo: RepoId, number: u64, actor: UserId) -> Done {
        let now = self.now();
        self.set_state(repo, number, actor, false, None)?;
        self.set_locked(repo, number, actor, true, None)?;
        self.change(repo, number)?.remember("converted_to_discussion", actor, now, Value::Null);
        self.tell(repo, number, actor, What::Other("issue.converted_to_discussion".to_owned()));
        Ok(())
    }
}
