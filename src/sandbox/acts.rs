//! What can be done to issues and comments, by people and by the App alike: each act changes the state, tells whoever
//! watches and leaves the webhooks that GitHub would send for it.

use super::state::{AccountKind, Comment, Fate, Issue, Outgoing, Reaction, Repo, SandboxError, SandboxEvent, What, World};
use crate::domain::ids::{CommentId, IssueId, RepoId, UserId};
use serde_json::{Value, json};

type Done<T = ()> = Result<T, SandboxError>;

pub(super) fn no_issue(number: u64) -> SandboxError {
    SandboxError::NotThere(format!("issue #{number}"))
}

impl World {
    /// The fields that every payload about a repository has.
    pub(super) fn envelope(&self, action: &str, repo: &Repo, sender: UserId) -> Value {
        let mut body = json!({ "action": action, "repository": self.repo_json(repo), "sender": self.user_json(sender) });
        if let Some(owner) = self.accounts.get(&repo.owner).filter(|a| a.kind == AccountKind::Organization) {
            body["organization"] = self.organization_json(owner);
        }
        if let Some(installation) = self.installation_of(repo.owner) {
            let node = super::render::node_id("IntegrationInstallation", installation.id.0);
            body["installation"] = json!({ "id": installation.id.0, "node_id": node });
        }
        body
    }

    pub(super) fn tell(&mut self, repo: RepoId, number: u64, actor: UserId, what: What) {
        let repository = self.repos.get(&repo).map(|r| self.full_name(r)).unwrap_or_default();
        self.news.push(SandboxEvent { at: self.now(), repository, number, actor: self.login(actor).to_owned(), what });
    }

    /// Queues a webhook about an issue. `extra` are the fields that this action has and others have not.
    fn send(&mut self, event: &'static str, action: &'static str, repo: RepoId, number: u64, actor: UserId, extra: Value) {
        let Some((at, issue)) = self.issue(repo, number) else { return };
        let mut body = self.envelope(action, at, actor);
        body["issue"] = self.issue_json(at, issue);
        if let Value::Object(extra) = extra {
            for (key, value) in extra {
                body[key] = value;
            }
        }
        // Pull requests have events of their own; only their comments come as those of issues (`W8`).
        if event == "issues" && issue.pull_request {
            return;
        }
        self.out.push(Outgoing { event, action, body });
    }

    fn change(&mut self, repo: RepoId, number: u64) -> Done<&mut Issue> {
        let now = self.now();
        let issue = self.issue_mut(repo, number).filter(|i| i.fate == Fate::Here).ok_or_else(|| no_issue(number))?;
        issue.updated_at = issue.updated_at.max(now);
        Ok(issue)
    }

    pub(super) fn open(&mut self, repo: RepoId, author: UserId, title: &str, body: Option<&str>, pull_request: bool) -> Done<u64> {
        let now = self.now();
        let id = IssueId(self.next_id(2_444_000_000));
        let at = self.repos.get_mut(&repo).ok_or_else(|| SandboxError::NotThere(format!("repository {repo}")))?;
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
            locked: false,
            comments: Vec::new(),
            reactions: Vec::new(),
            pull_request,
            fate: Fate::Here,
            history: Vec::new(),
        };
        at.issues.insert(number, issue);
        self.tell(repo, number, author, What::Opened { title: title.to_owned(), body: body.map(str::to_owned) });
        self.send("issues", "opened", repo, number, author, Value::Null);
        Ok(number)
    }

    pub(super) fn edit(&mut self, repo: RepoId, number: u64, actor: UserId, title: Option<&str>, body: Option<&str>) -> Done {
        let issue = self.change(repo, number)?;
        let mut changes = json!({});
        if let Some(title) = title {
            changes["title"] = json!({ "from": std::mem::replace(&mut issue.title, title.to_owned()) });
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
        issue.history.push((if open { "reopened" } else { "closed" }, actor, now));
        let (action, what) = if open { ("reopened", What::Reopened) } else { ("closed", What::Closed { reason: reason.to_owned() }) };
        self.tell(repo, number, actor, what);
        self.send("issues", action, repo, number, actor, Value::Null);
        Ok(())
    }

    pub(super) fn set_locked(&mut self, repo: RepoId, number: u64, actor: UserId, locked: bool) -> Done {
        let issue = self.change(repo, number)?;
        if issue.locked == locked {
            return Ok(());
        }
        issue.locked = locked;
        let (action, what) = if locked { ("locked", What::Locked) } else { ("unlocked", What::Unlocked) };
        self.tell(repo, number, actor, what);
        self.send("issues", action, repo, number, actor, Value::Null);
        Ok(())
    }

    pub(super) fn delete_issue(&mut self, repo: RepoId, number: u64, actor: UserId) -> Done {
        self.change(repo, number)?;
        self.tell(repo, number, actor, What::Deleted);
        self.send("issues", "deleted", repo, number, actor, Value::Null);
        if let Some(issue) = self.issue_mut(repo, number) {
            issue.fate = Fate::Deleted;
        }
        Ok(())
    }

    /// Moves an issue: it gets a new id and number, its comments go with it (`S12`).
    pub(super) fn transfer(&mut self, repo: RepoId, number: u64, to: RepoId, actor: UserId) -> Done<u64> {
        let moved = self.change(repo, number)?.clone();
        let id = IssueId(self.next_id(2_444_000_000));
        let target = self.repos.get_mut(&to).ok_or_else(|| SandboxError::NotThere(format!("repository {to}")))?;
        let new_number = target.next_number;
        target.next_number += 1;
        // Labels belong to a repository; those of the same name stay on.
        let labels = moved.labels.clone();
        target.issues.insert(new_number, Issue { id, number: new_number, labels: Vec::new(), ..moved });
        let names: Vec<String> = self
            .repos
            .get(&repo)
            .map_or_else(Vec::new, |from| labels.iter().filter_map(|l| from.label_by_id(*l)).map(|l| l.name.clone()).collect());
        if let Some(target) = self.repos.get_mut(&to) {
            let kept = names.iter().filter_map(|n| target.label(n)).map(|l| l.id).collect();
            if let Some(issue) = target.issues.get_mut(&new_number) {
                issue.labels = kept;
            }
        }
        let to_name = self.repos.get(&to).map(|r| self.full_name(r)).unwrap_or_default();
        self.tell(repo, number, actor, What::Transferred { to: to_name });
        let seen = |world: &Self, repo: RepoId, number: u64| {
            world.issue(repo, number).map(|(r, i)| (world.repo_json(r), world.issue_json(r, i))).unwrap_or_default()
        };
        let (new_repository, new_issue) = seen(self, to, new_number);
        let (old_repository, old_issue) = seen(self, repo, number);
        let changes = json!({ "changes": { "new_issue": new_issue, "new_repository": new_repository } });
        self.send("issues", "transferred", repo, number, actor, changes);
        let changes = json!({ "changes": { "old_issue": old_issue, "old_repository": old_repository } });
        self.send("issues", "opened", to, new_number, actor, changes);
        if let Some(old) = self.issue_mut(repo, number) {
            old.fate = Fate::Moved { repo: to, number: new_number };
            old.comments.clear();
        }
        Ok(new_number)
    }

    pub(super) fn comment(&mut self, repo: RepoId, number: u64, author: UserId, body: &str) -> Done<CommentId> {
        let now = self.now();
        let id = CommentId(self.next_id(3_492_000_000));
        let comment = Comment { id, user: author, body: body.to_owned(), created_at: now, updated_at: now, reactions: Vec::new() };
        self.change(repo, number)?.comments.push(comment);
        self.tell(repo, number, author, What::Commented { id, body: body.to_owned() });
        self.send_comment("created", repo, number, id, author, None);
        Ok(id)
    }

    pub(super) fn edit_comment(&mut self, repo: RepoId, id: CommentId, actor: UserId, body: &str) -> Done<u64> {
        let (number, comment) = self.comment_mut(repo, id)?;
        let from = std::mem::replace(&mut comment.body, body.to_owned());
        self.tell(repo, number, actor, What::CommentEdited { id, body: body.to_owned() });
        self.send_comment("edited", repo, number, id, actor, Some(&from));
        Ok(number)
    }

    pub(super) fn delete_comment(&mut self, repo: RepoId, id: CommentId, actor: UserId) -> Done<u64> {
        let (number, comment) = self.comment_mut(repo, id)?;
        let gone = comment.clone();
        if let Some(issue) = self.issue_mut(repo, number) {
            issue.comments.retain(|c| c.id != id);
        }
        self.tell(repo, number, actor, What::CommentDeleted { id });
        if let Some((at, _)) = self.issue(repo, number) {
            let extra = json!({ "comment": self.comment_json(at, number, &gone) });
            self.send("issue_comment", "deleted", repo, number, actor, extra);
        }
        Ok(number)
    }

    fn comment_mut(&mut self, repo: RepoId, id: CommentId) -> Done<(u64, &mut Comment)> {
        let none = || SandboxError::NotThere(format!("comment {id}"));
        let now = self.now();
        let number = self.issue_of_comment(repo, id).ok_or_else(none)?;
        let issue = self.change(repo, number)?;
        let comment = issue.comments.iter_mut().find(|c| c.id == id).ok_or_else(none)?;
        comment.updated_at = comment.updated_at.max(now);
        Ok((number, comment))
    }

    fn send_comment(&mut self, action: &'static str, repo: RepoId, number: u64, id: CommentId, actor: UserId, from: Option<&str>) {
        let Some((at, issue)) = self.issue(repo, number) else { return };
        let Some(comment) = issue.comments.iter().find(|c| c.id == id) else { return };
        let mut extra = json!({ "comment": self.comment_json(at, number, comment) });
        if let Some(from) = from {
            extra["changes"] = json!({ "body": { "from": from } });
        }
        self.send("issue_comment", action, repo, number, actor, extra);
    }

    /// A reaction on a comment, or on the opening text; GitHub sends no webhook for it. The same one twice is one.
    pub(super) fn react(
        &mut self,
        repo: RepoId,
        number: u64,
        comment: Option<CommentId>,
        actor: UserId,
        content: &str,
    ) -> Done<(Reaction, bool)> {
        let now = self.now();
        let id = self.next_id(81_000_000);
        let issue = self.issue_mut(repo, number).filter(|i| i.fate == Fate::Here).ok_or_else(|| no_issue(number))?;
        let list = match comment {
            None => &mut issue.reactions,
            Some(id) => match issue.comments.iter_mut().find(|c| c.id == id) {
                Some(comment) => &mut comment.reactions,
                None => return Err(SandboxError::NotThere(format!("comment {id}"))),
            },
        };
        if let Some(old) = list.iter().find(|r| r.user == actor && r.content == content) {
            return Ok((old.clone(), false));
        }
        let reaction = Reaction { id, user: actor, content: content.to_owned(), created_at: now };
        list.push(reaction.clone());
        self.tell(repo, number, actor, What::Reacted { content: content.to_owned() });
        Ok((reaction, true))
    }

    /// Puts labels on; those that the repository lacks are made, in grey, as GitHub makes them. One webhook a label.
    pub(super) fn add_labels(&mut self, repo: RepoId, number: u64, actor: UserId, names: &[String]) -> Done {
        self.change(repo, number)?;
        for name in names {
            let known = self.repos.get(&repo).and_then(|r| r.label(name)).map(|l| l.id);
            let id = match known {
                Some(id) => id,
                None => self.create_label(repo, actor, name, "ededed", None)?,
            };
            let issue = self.change(repo, number)?;
            if issue.labels.contains(&id) {
                continue;
            }
            issue.labels.push(id);
            self.send_labelled("labeled", repo, number, actor, id);
        }
        Ok(())
    }

    /// Takes a label off; false where it was not on.
    pub(super) fn remove_label(&mut self, repo: RepoId, number: u64, actor: UserId, name: &str) -> Done<bool> {
        let Some(id) = self.repos.get(&repo).and_then(|r| r.label(name)).map(|l| l.id) else { return Ok(false) };
        if self.issue(repo, number).is_none_or(|(_, i)| !i.labels.contains(&id)) {
            return Ok(false);
        }
        self.change(repo, number)?.labels.retain(|l| *l != id);
        self.send_labelled("unlabeled", repo, number, actor, id);
        Ok(true)
    }

    fn send_labelled(&mut self, action: &'static str, repo: RepoId, number: u64, actor: UserId, label: i64) {
        let Some(at) = self.repos.get(&repo) else { return };
        let Some(label) = at.label_by_id(label) else { return };
        let name = label.name.clone();
        let extra = json!({ "label": self.label_json(at, label) });
        self.tell(repo, number, actor, if action == "labeled" { What::Labelled { label: name } } else { What::Unlabelled { label: name } });
        self.send("issues", action, repo, number, actor, extra);
    }
}
