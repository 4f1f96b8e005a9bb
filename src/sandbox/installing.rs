//! The App's installations: what they reach, and what becomes of them. GitHub sends these events to every App.

use super::state::{Done, Outgoing, World, refused};
use crate::domain::ids::{InstallationId, RepoId, UserId};
use serde_json::{Value, json};
use std::collections::BTreeSet;

impl World {
    /// Puts a repository into its owner's installation or takes it out; false where it was so already.
    pub(super) fn select(&mut self, repo: RepoId, covered: bool) -> Done<bool> {
        let at = self.repo(repo)?;
        let Some(installation) = self.installation_of(at.owner) else { return refused("the App is not installed there") };
        if installation.covers(at) == covered {
            return Ok(false);
        }
        let (id, owner) = (installation.id, at.owner);
        let all: BTreeSet<RepoId> = self.repos.values().filter(|r| r.owner == owner).map(|r| r.id).collect();
        if let Some(installation) = self.installations.get_mut(&id) {
            let selected = installation.selected.get_or_insert(all);
            let _ = if covered { selected.insert(repo) } else { selected.remove(&repo) };
        }
        Ok(true)
    }

    /// Forgets a repository that went away.
    pub(super) fn deselect(&mut self, installation: InstallationId, repo: RepoId) {
        if let Some(selected) = self.installations.get_mut(&installation).and_then(|i| i.selected.as_mut()) {
            selected.remove(&repo);
        }
    }

    /// The same as [`Self::select`], and the App is told.
    pub(super) fn cover(&mut self, repo: RepoId, actor: UserId, covered: bool) -> Done {
        let owner = self.repo(repo)?.owner;
        if self.select(repo, covered)?
            && let Some(id) = self.installation_of(owner).map(|i| i.id)
        {
            self.send_coverage(id, &[repo], covered, actor);
        }
        Ok(())
    }

    pub(super) fn send_coverage(&mut self, installation: InstallationId, repos: &[RepoId], added: bool, actor: UserId) {
        let Some(at) = self.installations.get(&installation) else { return };
        let list: Value = repos.iter().filter_map(|id| self.repos.get(id)).map(|r| self.repo_brief(r)).collect();
        let (come, gone) = if added { (list, json!([])) } else { (json!([]), list) };
        let action = if added { "added" } else { "removed" };
        let body = json!({
            "action": action, "installation": self.installation_json(at), "repository_selection": at.selection(),
            "repositories_added": come, "repositories_removed": gone, "requester": null, "sender": self.user_json(actor),
        });
        self.out.push(Outgoing { event: "installation_repositories", action, body });
    }

    /// Tells the App about its installation on an account: `created`, `deleted`, `suspend`, `unsuspend` or
    /// `new_permissions_accepted`.
    pub(super) fn change_installation(&mut self, account: UserId, action: &'static str) -> Done {
        let now = self.now();
        let id = self.install(account);
        let Some(installation) = self.installations.get_mut(&id) else { return Ok(()) };
        match action {
            "suspend" => installation.suspended = Some((now, account)),
            "unsuspend" => installation.suspended = None,
            "new_permissions_accepted" => installation.members = true,
            "created" | "deleted" => {}
            other => return refused(format!("`{other}` is nothing that happens to an installation")),
        }
        installation.updated_at = now;
        let installation = installation.clone();
        let mut body = json!({
            "action": action, "installation": self.installation_json(&installation), "requester": null, "sender": self.user_json(account),
        });
        if !action.ends_with("suspend") {
            body["repositories"] = self.repos.values().filter(|r| installation.covers(r)).map(|r| self.repo_brief(r)).collect();
        }
        if action == "deleted" {
            self.installations.remove(&id);
        }
        self.out.push(Outgoing { event: "installation", action, body });
        Ok(())
    }
}
