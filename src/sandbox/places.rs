//! What can be done to a repository, its labels and the installation.

use super::state::{Label, Outgoing, Repo, SandboxError, What, World};
use crate::domain::ids::{RepoId, UserId};
use serde_json::{Value, json};

type Done<T = ()> = Result<T, SandboxError>;

impl World {
    pub(super) fn create_label(&mut self, repo: RepoId, actor: UserId, name: &str, color: &str, description: Option<&str>) -> Done<i64> {
        let id = self.next_id(1_362_000_000);
        let label = Label { id, name: name.to_owned(), color: color.to_owned(), description: description.map(str::to_owned) };
        let at = self.repo_mut(repo)?;
        at.labels.push(label);
        self.send_label("created", repo, actor, id, None);
        Ok(id)
    }

    /// Changes what is given of a label; its issues keep it under the new name.
    pub(super) fn edit_label(&mut self, repo: RepoId, actor: UserId, name: &str, new: LabelChange<'_>) -> Done<i64> {
        let wanted = name.to_lowercase();
        let at = self.repo_mut(repo)?;
        let label = at.labels.iter_mut().find(|l| l.name.to_lowercase() == wanted);
        let label = label.ok_or_else(|| SandboxError::NotThere(format!("label `{name}`")))?;
        let id = label.id;
        let mut changes = json!({});
        if let Some(name) = new.name.filter(|n| *n != label.name) {
            changes["name"] = json!({ "from": std::mem::replace(&mut label.name, name.to_owned()) });
        }
        if let Some(color) = new.color.filter(|c| *c != label.color) {
            changes["color"] = json!({ "from": std::mem::replace(&mut label.color, color.to_owned()) });
        }
        if let Some(text) = new.description.filter(|d| Some(*d) != label.description.as_deref()) {
            changes["description"] = json!({ "from": label.description.replace(text.to_owned()).unwrap_or_default() });
        }
        self.send_label("edited", repo, actor, id, Some(changes));
        Ok(id)
    }

    /// Deletes a label from the repository and, without a word, from its issues.
    pub(super) fn delete_label(&mut self, repo: RepoId, actor: UserId, name: &str) -> Done {
        let at = self.repos.get(&repo).and_then(|r| r.label(name)).map(|l| l.id);
        let id = at.ok_or_else(|| SandboxError::NotThere(format!("label `{name}`")))?;
        self.send_label("deleted", repo, actor, id, None);
        let at = self.repo_mut(repo)?;
        at.labels.retain(|l| l.id != id);
        at.issues.values_mut().for_each(|i| i.labels.retain(|l| *l != id));
        Ok(())
    }

    fn repo_mut(&mut self, repo: RepoId) -> Done<&mut Repo> {
        self.repos.get_mut(&repo).ok_or_else(|| SandboxError::NotThere(format!("repository {repo}")))
    }

    fn send_label(&mut self, action: &'static str, repo: RepoId, actor: UserId, label: i64, changes: Option<Value>) {
        let Some(at) = self.repos.get(&repo) else { return };
        let Some(label) = at.label_by_id(label) else { return };
        let name = label.name.clone();
        let mut body = self.envelope(action, at, actor);
        body["label"] = self.label_json(at, label);
        if let Some(changes) = changes {
            body["changes"] = changes;
        }
        self.out.push(Outgoing { event: "label", action, body });
        self.tell(repo, 0, actor, What::Other(format!("label.{action} {name}")));
    }

    /// Gives a repository a new name; the old one is redirected.
    pub(super) fn rename_repo(&mut self, repo: RepoId, actor: UserId, new_name: &str) -> Done {
        let before = self.repos.get(&repo).map(|r| self.full_name(r)).unwrap_or_default();
        let at = self.repo_mut(repo)?;
        at.former_names.push(before.to_lowercase());
        let from = std::mem::replace(&mut at.name, new_name.to_owned());
        self.send_repo("renamed", repo, actor, json!({ "repository": { "name": { "from": from } } }));
        Ok(())
    }

    pub(super) fn archive_repo(&mut self, repo: RepoId, actor: UserId, archived: bool) -> Done {
        self.repo_mut(repo)?.archived = archived;
        self.send_repo(if archived { "archived" } else { "unarchived" }, repo, actor, Value::Null);
        Ok(())
    }

    fn send_repo(&mut self, action: &'static str, repo: RepoId, actor: UserId, changes: Value) {
        let Some(at) = self.repos.get(&repo) else { return };
        let mut body = self.envelope(action, at, actor);
        if !changes.is_null() {
            body["changes"] = changes;
        }
        self.out.push(Outgoing { event: "repository", action, body });
        self.tell(repo, 0, actor, What::Other(format!("repository.{action}")));
    }

    /// Tells the App about its installation on an account: `created`, `deleted`, `suspend` or `unsuspend`.
    pub(super) fn change_installation(&mut self, account: UserId, action: &'static str) -> Done {
        let now = self.now();
        let id = self.install(account);
        let Some(installation) = self.installations.get_mut(&id) else { return Ok(()) };
        match action {
            "suspend" => installation.suspended_at = Some(now),
            "unsuspend" => installation.suspended_at = None,
            "created" | "deleted" => {}
            other => return Err(SandboxError::Refused(format!("`{other}` is nothing that happens to an installation"))),
        }
        let installation = installation.clone();
        let brief = |r: &Repo| {
            let full = self.repo_json(r);
            json!({ "id": full["id"], "node_id": full["node_id"], "name": full["name"], "full_name": full["full_name"], "private": full["private"] })
        };
        let repositories: Value = self.repos.values().filter(|r| r.owner == account).map(brief).collect();
        let body = json!({
            "action": action, "installation": self.installation_json(&installation),
            "repositories": repositories, "requester": null, "sender": self.user_json(account),
        });
        if action == "deleted" {
            self.installations.remove(&id);
        }
        self.out.push(Outgoing { event: "installation", action, body });
        Ok(())
    }
}

/// What to change of a label.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LabelChange<'a> {
    pub name: Option<&'a str>,
    pub color: Option<&'a str>,
    pub description: Option<&'a str>,
}
