//! Webhooks as they are made: the fields that every payload has, and whether the App hears of it at all.

use super::news::{SandboxEvent, What};
use super::render::node_id;
use super::state::{Outgoing, World};
use super::things::{Account, AccountKind, Issue, Repo};
use crate::domain::ids::{InstallationId, RepoId, UserId};
use serde_json::{Value, json};

/// What GitHub sends only to an App that may read who the members are.
const ABOUT_MEMBERS: [&str; 4] = ["member", "membership", "organization", "team"];

impl World {
    pub(super) fn tell(&mut self, repo: RepoId, number: u64, actor: UserId, what: What) {
        let repository = self.repos.get(&repo).map(|r| self.full_name(r)).unwrap_or_default();
        self.news.push(SandboxEvent { at: self.now(), repository, number, actor: self.login(actor).to_owned(), what });
    }

    /// Queues a webhook for an installation. There is none where the App is not installed, is suspended, has not subscribed or
    /// lacks the permission.
    pub(super) fn publish(&mut self, event: &'static str, action: &'static str, to: Option<InstallationId>, mut body: Value) {
        let Some(to) = to.and_then(|id| self.installations.get(&id)) else { return };
        let may_know = to.members || !ABOUT_MEMBERS.contains(&event);
        if to.suspended.is_none() && may_know && self.events.iter().any(|known| known == event) {
            body["action"] = action.into();
            body["installation"] = json!({ "id": to.id.0, "node_id": node_id("IntegrationInstallation", to.id.0) });
            self.out.push(Outgoing { event, action, body });
        }
    }

    /// Queues a webhook about a repository. `extra` are the fields that this action has and others have not.
    pub(super) fn publish_on(&mut self, event: &'static str, action: &'static str, repo: RepoId, actor: UserId, extra: Value) {
        let Some(at) = self.repos.get(&repo) else { return };
        let to = self.installation_on(at).map(|i| i.id);
        let mut body = json!({ "repository": self.repo_json(at), "sender": self.user_json(actor) });
        if let Some(owner) = self.organization(at.owner) {
            body["organization"] = self.organization_json(owner);
        }
        if let Value::Object(extra) = extra {
            for (key, value) in extra {
                body[key] = value;
            }
        }
        self.publish(event, action, to, body);
    }

    /// Queues a webhook about an issue.
    pub(super) fn send(&mut self, event: &'static str, action: &'static str, repo: RepoId, number: u64, actor: UserId, mut extra: Value) {
        let Some((at, issue)) = self.issue(repo, number) else { return };
        // Pull requests have events of their own; only their comments come as those of issues (`W8`).
        if event == "issues" && issue.pull_request {
            return;
        }
        extra["issue"] = self.issue_payload(at, issue);
        self.publish_on(event, action, repo, actor, extra);
    }

    /// An issue in a webhook, which does not say who closed it; that is the `sender`.
    pub(super) fn issue_payload(&self, repo: &Repo, issue: &Issue) -> Value {
        let mut json = self.issue_json(repo, issue);
        if let Some(json) = json.as_object_mut() {
            json.remove("closed_by");
        }
        json
    }

    pub(super) fn organization(&self, id: UserId) -> Option<&Account> {
        self.accounts.get(&id).filter(|a| a.kind == AccountKind::Organization)
    }
}
