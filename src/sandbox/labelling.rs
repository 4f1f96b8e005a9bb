//! Labels, of repositories and on issues.

use super::news::What;
use super::state::{Done, SandboxError, World};
use super::things::{Label, Repo};
use crate::domain::ids::{RepoId, UserId};
use serde_json::{Value, json};

/// What to change of a label.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LabelChange<'a> {
    pub name: Option<&'a str>,
    pub color: Option<&'a str>,
    pub description: Option<&'a str>,
}

fn no_label(name: &str) -> SandboxError {
    SandboxError::NotThere(format!("label `{name}`"))
}

impl World {
    pub(super) fn create_label(&mut self, repo: RepoId, actor: UserId, name: &str, color: &str, description: Option<&str>) -> Done<i64> {
        let id = self.next_id(1_362_000_000);
        let label = Label { id, name: name.to_owned(), color: color.to_owned(), description: description.map(str::to_owned) };
        self.writable(repo)?.labels.push(label);
        self.send_label("created", repo, actor, id, json!({}));
        Ok(id)
    }

    /// Changes what is given of a label; its issues keep it under the new name.
    pub(super) fn edit_label(&mut self, repo: RepoId, actor: UserId, name: &str, new: LabelChange<'_>) -> Done<i64> {
        let wanted = name.to_lowercase();
        let at = self.writable(repo)?;
        let label = at.labels.iter_mut().find(|l| l.name.to_lowercase() == wanted);
        let label = label.ok_or_else(|| no_label(name))?;
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
        self.send_label("edited", repo, actor, id, json!({ "changes": changes }));
        Ok(id)
    }

    /// Deletes a label from the repository and from its issues. For each of them GitHub sends `unlabeled` too, with no `label`:
    /// there is none any more.
    pub(super) fn delete_label(&mut self, repo: RepoId, actor: UserId, name: &str) -> Done {
        let now = self.now();
        let label = self.writable(repo)?.label(name).cloned().ok_or_else(|| no_label(name))?;
        self.send_label("deleted", repo, actor, label.id, json!({}));
        let at = self.repo_mut(repo)?;
        at.labels.retain(|l| l.id != label.id);
        let mut bared = Vec::new();
        for issue in at.issues.values_mut().filter(|i| i.labels.contains(&label.id)) {
            issue.labels.retain(|l| *l != label.id);
            issue.remember("unlabeled", actor, now, remembered(&label));
            bared.push(issue.number);
        }
        for number in bared {
            self.tell(repo, number, actor, What::Unlabelled { label: label.name.clone() });
            self.send("issues", "unlabeled", repo, number, actor, json!({}));
        }
        Ok(())
    }

    fn send_label(&mut self, action: &'static str, repo: RepoId, actor: UserId, label: i64, mut extra: Value) {
        let Some((at, label)) = self.label_of(repo, label) else { return };
        let what = What::Other(format!("label.{action} {}", label.name));
        extra["label"] = self.label_json(at, label);
        self.publish_on("label", action, repo, actor, extra);
        self.tell(repo, 0, actor, what);
    }

    /// Puts labels on; those that the repository lacks are made, in grey, as GitHub makes them. One webhook a label.
    pub(super) fn add_labels(&mut self, repo: RepoId, number: u64, actor: UserId, names: &[String]) -> Done {
        self.admit(repo, number, actor)?;
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
            self.send_labelled("labeled", repo, number, actor, id)?;
        }
        Ok(())
    }

    /// Takes a label off; false where it was not on.
    pub(super) fn remove_label(&mut self, repo: RepoId, number: u64, actor: UserId, name: &str) -> Done<bool> {
        self.admit(repo, number, actor)?;
        let issue = self.issue(repo, number).and_then(|(at, issue)| Some((at.label(name)?.id, issue)));
        let Some(id) = issue.filter(|(id, issue)| issue.labels.contains(id)).map(|(id, _)| id) else { return Ok(false) };
        self.change(repo, number)?.labels.retain(|l| *l != id);
        self.send_labelled("unlabeled", repo, number, actor, id)?;
        Ok(true)
    }

    fn send_labelled(&mut self, action: &'static str, repo: RepoId, number: u64, actor: UserId, label: i64) -> Done {
        let now = self.now();
        let Some((at, label)) = self.label_of(repo, label) else { return Ok(()) };
        let (name, entry) = (label.name.clone(), remembered(label));
        let extra = json!({ "label": self.label_json(at, label) });
        self.change(repo, number)?.remember(action, actor, now, entry);
        self.tell(repo, number, actor, if action == "labeled" { What::Labelled { label: name } } else { What::Unlabelled { label: name } });
        self.send("issues", action, repo, number, actor, extra);
        Ok(())
    }

    fn label_of(&self, repo: RepoId, label: i64) -> Option<(&Repo, &Label)> {
        let at = self.repos.get(&repo)?;
        Some((at, at.label_by_id(label)?))
    }
}

/// A label in an issue's history, which outlives it.
fn remembered(label: &Label) -> Value {
    json!({ "label": { "name": label.name, "color": label.color } })
}
