//! Issues that go to another repository.

use super::news::What;
use super::state::{Done, World, refused};
use super::things::{Fate, Issue};
use crate::domain::ids::{IssueId, RepoId, UserId};
use serde_json::{Value, json};

impl World {
    /// Moves an issue to another repository of the same owner (`S12`). It gets a new id and number, its comments new ids; they keep
    /// their text, author and instants. Two webhooks, in no order that GitHub promises.
    pub(super) fn transfer(&mut self, repo: RepoId, number: u64, to: RepoId, actor: UserId) -> Done<u64> {
        let now = self.now();
        let (from, target) = (self.repo(repo)?, self.repo(to)?);
        if from.owner != target.owner || repo == to {
            return refused("an issue goes only to another repository of the same owner");
        }
        if from.private && !target.private {
            return refused("an issue of a private repository does not go to a public one");
        }
        self.writable(to)?;
        let mut moved = self.change(repo, number)?.clone();
        if moved.pull_request {
            return refused("a pull request stays where it is");
        }
        moved.id = IssueId(self.next_id(2_444_000_000));
        for comment in &mut moved.comments {
            comment.id = self.next_comment();
        }
        // Labels belong to a repository; those of the same name stay on.
        let (from, target) = (self.repo(repo)?, self.repo(to)?);
        let names = moved.labels.iter().filter_map(|id| from.label_by_id(*id));
        moved.labels = names.filter_map(|label| target.label(&label.name)).map(|label| label.id).collect();
        moved.remember("transferred", actor, now, Value::Null);
        let to_name = self.full_name(target);
        let target = self.repo_mut(to)?;
        let new_number = target.next_number;
        target.next_number += 1;
        target.issues.insert(new_number, Issue { number: new_number, ..moved });
        self.tell(repo, number, actor, What::Transferred { to: to_name });
        let seen = |world: &Self, repo: RepoId, number: u64| {
            world.issue(repo, number).map(|(r, i)| (world.repo_json(r), world.issue_payload(r, i))).unwrap_or_default()
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
}
