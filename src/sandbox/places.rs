//! What can happen to a repository.

use super::news::What;
use super::state::{Done, World, refused};
use super::things::AccountKind;
use crate::domain::ids::{RepoId, UserId};
use serde_json::{Value, json};

impl World {
    /// Gives a repository a new name; the old one is redirected.
    pub(super) fn rename_repo(&mut self, repo: RepoId, actor: UserId, new_name: &str) -> Done {
        self.leave_name(repo, None, Some(new_name))?;
        let from = std::mem::replace(&mut self.repo_mut(repo)?.name, new_name.to_owned());
        self.send_repo("renamed", repo, actor, json!({ "changes": { "repository": { "name": { "from": from } } } }));
        Ok(())
    }

    /// Notes the present name as a former one, if the new one is free.
    fn leave_name(&mut self, repo: RepoId, new_owner: Option<UserId>, new_name: Option<&str>) -> Done {
        let at = self.repo(repo)?;
        let before = self.full_name(at).to_lowercase();
        let after = format!("{}/{}", self.login(new_owner.unwrap_or(at.owner)), new_name.unwrap_or(&at.name)).to_lowercase();
        if self.repos.values().any(|other| other.id != repo && self.full_name(other).to_lowercase() == after) {
            return refused(format!("there is a repository `{after}` already"));
        }
        self.repo_mut(repo)?.former_names.push(before);
        Ok(())
    }

    pub(super) fn archive_repo(&mut self, repo: RepoId, actor: UserId, archived: bool) -> Done {
        let now = self.now();
        let at = self.repo_mut(repo)?;
        (at.archived, at.updated_at) = (archived, now);
        self.send_repo(if archived { "archived" } else { "unarchived" }, repo, actor, json!({}));
        Ok(())
    }

    pub(super) fn hide_repo(&mut self, repo: RepoId, actor: UserId, private: bool) -> Done {
        let now = self.now();
        let at = self.repo_mut(repo)?;
        (at.private, at.updated_at) = (private, now);
        self.send_repo(if private { "privatized" } else { "publicized" }, repo, actor, json!({}));
        Ok(())
    }

    /// Gives a repository to another owner. The installation there says that it has it, the one here that it has it no more; only
    /// the new owner's hears `repository.transferred`.
    pub(super) fn hand_over(&mut self, repo: RepoId, actor: UserId, new_owner: UserId) -> Done {
        let at = self.repo(repo)?;
        let (owner, before) = (at.owner, self.installation_on(at).map(|i| i.id));
        if owner == new_owner {
            return refused("the repository is its already");
        }
        self.leave_name(repo, Some(new_owner), None)?;
        if let Some(before) = before {
            self.send_coverage(before, &[repo], false, actor);
            self.deselect(before, repo);
        }
        self.repo_mut(repo)?.owner = new_owner;
        if let Some(after) = self.installation_on(self.repo(repo)?).map(|i| i.id) {
            self.send_coverage(after, &[repo], true, actor);
        }
        let from = match self.accounts.get(&owner) {
            Some(org) if org.kind == AccountKind::Organization => json!({ "organization": self.organization_json(org) }),
            _ => json!({ "user": self.user_json(owner) }),
        };
        self.send_repo("transferred", repo, actor, json!({ "changes": { "owner": { "from": from } } }));
        Ok(())
    }

    /// Deletes a repository with all that is in it.
    pub(super) fn delete_repo(&mut self, repo: RepoId, actor: UserId) -> Done {
        if let Some(installation) = self.installation_on(self.repo(repo)?).map(|i| i.id) {
            self.send_coverage(installation, &[repo], false, actor);
            self.send_repo("deleted", repo, actor, json!({}));
            self.deselect(installation, repo);
        }
        self.repos.remove(&repo);
        Ok(())
    }

    fn send_repo(&mut self, action: &'static str, repo: RepoId, actor: UserId, extra: Value) {
        self.publish_on("repository", action, repo, actor, extra);
        self.tell(repo, 0, actor, What::Other(format!("repository.{action}")));
    }
}
