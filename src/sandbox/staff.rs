//! People's standing: teams, collaborators, members of organisations, accounts that are deleted.

use super::state::{Done, SandboxError, World, refused};
use super::things::{AccountKind, Ghost, Team};
use crate::domain::ids::{InstallationId, RepoId, UserId};
use serde_json::{Value, json};

const ROLES: [&str; 5] = ["admin", "maintain", "write", "triage", "read"];

/// What the older fields call a role; they know four words only.
pub(super) fn legacy(role: &str) -> &str {
    match role {
        "maintain" => "write",
        "triage" => "read",
        other => other,
    }
}

fn slug_of(name: &str) -> String {
    name.trim().to_lowercase().replace(' ', "-")
}

pub(super) type TeamKey = (UserId, String);

impl World {
    /// Makes a team of these people, or gives it these.
    pub(super) fn set_team(&mut self, org: UserId, name: &str, members: Vec<UserId>) {
        let slug = slug_of(name);
        if let Some(team) = self.teams.get_mut(&(org, slug.clone())) {
            team.members = members;
            return;
        }
        let id = self.next_id(3_253_000);
        self.teams.insert((org, slug.clone()), Team { id, name: name.to_owned(), slug, members });
    }

    pub(super) fn team(&self, org: UserId, slug: &str) -> Option<&Team> {
        self.teams.get(&(org, slug.to_lowercase()))
    }

    /// A team by `org/slug`, which has to be there.
    pub(super) fn team_named(&self, full_name: &str) -> Done<TeamKey> {
        let found = full_name.split_once('/').and_then(|(org, slug)| {
            let org = self.account(org)?.id;
            self.team(org, slug).map(|team| (org, team.slug.clone()))
        });
        found.ok_or_else(|| SandboxError::NotThere(format!("team `{full_name}`")))
    }

    /// Puts somebody into a team or takes them out. Nothing is sent where nothing changes.
    pub(super) fn join(&mut self, key: &TeamKey, actor: UserId, member: UserId, joins: bool) {
        let Some(team) = self.teams.get_mut(key) else { return };
        if team.members.contains(&member) == joins {
            return;
        }
        team.members.retain(|m| *m != member);
        if joins {
            team.members.push(member);
        }
        let team = self.teams.get(key).map(|team| self.team_json(key.0, team)).unwrap_or_default();
        self.send_membership(key.0, if joins { "added" } else { "removed" }, actor, member, &team);
    }

    fn send_membership(&mut self, org: UserId, action: &'static str, actor: UserId, member: UserId, team: &Value) {
        let extra = json!({ "scope": "team", "member": self.user_json(member), "team": team });
        self.publish_in("membership", action, org, actor, extra);
    }

    /// A team's new name makes a new slug.
    pub(super) fn rename_team(&mut self, key: &TeamKey, actor: UserId, new_name: &str) -> Done {
        let slug = slug_of(new_name);
        if slug != key.1 && self.teams.contains_key(&(key.0, slug.clone())) {
            return refused(format!("there is a team `{slug}` already"));
        }
        let Some(team) = self.teams.remove(key) else { return Ok(()) };
        let changes = json!({ "name": { "from": team.name } });
        let team = Team { name: new_name.to_owned(), slug: slug.clone(), ..team };
        let extra = json!({ "team": self.team_json(key.0, &team), "changes": changes });
        self.teams.insert((key.0, slug), team);
        self.publish_in("team", "edited", key.0, actor, extra);
        Ok(())
    }

    /// Deletes a team; its members leave it one by one, and all that is left of it to show is its name.
    pub(super) fn delete_team(&mut self, key: &TeamKey, actor: UserId) {
        let Some(team) = self.teams.remove(key) else { return };
        let extra = json!({ "team": self.team_json(key.0, &team) });
        self.publish_in("team", "deleted", key.0, actor, extra);
        let left = json!({ "id": team.id, "name": team.name, "deleted": true });
        for member in team.members {
            self.send_membership(key.0, "removed", actor, member, &left);
        }
    }

    /// Gives a person a role in a repository, or takes it away.
    pub(super) fn set_role(&mut self, repo: RepoId, actor: UserId, person: UserId, role: Option<&str>) -> Done {
        if let Some(unknown) = role.filter(|r| !ROLES.contains(r)) {
            return refused(format!("`{unknown}` is no role"));
        }
        let roles = &mut self.repo_mut(repo)?.roles;
        let before = match role {
            Some(role) => roles.insert(person, role.to_owned()),
            None => roles.remove(&person),
        };
        let (action, changes) = match (before, role) {
            (None, None) => return Ok(()),
            (Some(before), Some(role)) if before == role => return Ok(()),
            (None, Some(role)) => ("added", json!({ "permission": { "to": legacy(role) }, "role_name": { "to": role } })),
            (Some(_), None) => ("removed", Value::Null),
            (Some(before), Some(role)) => {
                let (from, to) = (legacy(&before), legacy(role));
                ("edited", json!({ "old_permission": { "from": from }, "permission": { "from": from, "to": to } }))
            }
        };
        let mut extra = json!({ "member": self.user_json(person) });
        if !changes.is_null() {
            extra["changes"] = changes;
        }
        self.publish_on("member", action, repo, actor, extra);
        Ok(())
    }

    /// Takes somebody out of an organisation, its teams and its repositories.
    pub(super) fn expel(&mut self, org: UserId, actor: UserId, member: UserId) {
        let teams: Vec<TeamKey> = self.teams.keys().filter(|key| key.0 == org).cloned().collect();
        for key in teams {
            self.join(&key, actor, member, false);
        }
        for repo in self.repos.values_mut().filter(|r| r.owner == org) {
            repo.roles.remove(&member);
        }
        let url = format!("{}/orgs/{}", self.base, self.login(org));
        let extra = json!({ "membership": {
            "url": format!("{url}/memberships/{}", self.login(member)), "organization_url": url,
            "state": "active", "role": "member", "user": self.user_json(member),
        }});
        self.publish_in("organization", "member_removed", org, actor, extra);
    }

    /// Deletes an account. What it wrote stays, under nobody's name; GitHub tells nobody.
    pub(super) fn delete_account(&mut self, person: UserId, shown: Ghost) {
        self.teams.values_mut().for_each(|team| team.members.retain(|m| *m != person));
        for repo in self.repos.values_mut() {
            repo.roles.remove(&person);
        }
        if let Some(account) = self.accounts.get_mut(&person) {
            account.gone = Some(shown);
        }
    }

    /// Queues a webhook about an organisation.
    fn publish_in(&mut self, event: &'static str, action: &'static str, org: UserId, actor: UserId, mut extra: Value) {
        let to: Option<InstallationId> = self.installation_of(org).map(|i| i.id);
        if let Some(account) = self.accounts.get(&org).filter(|a| a.kind == AccountKind::Organization) {
            extra["organization"] = self.organization_json(account);
        }
        extra["sender"] = self.user_json(actor);
        self.publish(event, action, to, extra);
    }
}
