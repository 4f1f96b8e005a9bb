//! Comments and reactions.

use super::acts::no_issue;
use super::news::What;
use super::state::{Done, SandboxError, World, refused};
use super::things::{Comment, Fate, Reaction};
use crate::domain::ids::{CommentId, RepoId, UserId};
use serde_json::json;

fn no_comment(id: CommentId) -> SandboxError {
    SandboxError::NotThere(format!("comment {id}"))
}

impl World {
    /// Keeps everybody but collaborators and the App out of a locked conversation.
    pub(super) fn admit(&self, repo: RepoId, number: u64, actor: UserId) -> Done {
        let locked = self.issue(repo, number).filter(|(_, issue)| issue.locked);
        match locked.map(|(at, _)| Self::role(at, actor)) {
            Some("read" | "none") if actor != self.bot => refused("Unable to create comment because issue is locked."),
            _ => Ok(()),
        }
    }

    pub(super) fn comment(&mut self, repo: RepoId, number: u64, author: UserId, body: &str) -> Done<CommentId> {
        self.admit(repo, number, author)?;
        let now = self.now();
        let id = self.next_comment();
        let comment = Comment { id, user: author, body: body.to_owned(), created_at: now, updated_at: now, reactions: Vec::new() };
        self.change(repo, number)?.comments.push(comment);
        self.tell(repo, number, author, What::Commented { id, body: body.to_owned() });
        self.send_comment("created", repo, number, id, author, None);
        Ok(id)
    }

    pub(super) fn next_comment(&mut self) -> CommentId {
        CommentId(self.next_id(3_492_000_000))
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
        let extra = json!({ "comment": self.comment_json(self.repo(repo)?, number, &gone) });
        self.send("issue_comment", "deleted", repo, number, actor, extra);
        Ok(number)
    }

    fn comment_mut(&mut self, repo: RepoId, id: CommentId) -> Done<(u64, &mut Comment)> {
        let now = self.now();
        let number = self.issue_of_comment(repo, id).ok_or_else(|| no_comment(id))?;
        let issue = self.change(repo, number)?;
        let comment = issue.comments.iter_mut().find(|c| c.id == id).ok_or_else(|| no_comment(id))?;
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
        self.admit(repo, number, actor)?;
        let now = self.now();
        let id = self.next_id(81_000_000);
        let issues = &mut self.writable(repo)?.issues;
        let issue = issues.get_mut(&number).filter(|i| i.fate == Fate::Here).ok_or_else(|| no_issue(number))?;
        let list = match comment {
            None => &mut issue.reactions,
            Some(id) => match issue.comments.iter_mut().find(|c| c.id == id) {
                Some(comment) => &mut comment.reactions,
                None => return Err(no_comment(id)),
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
}
