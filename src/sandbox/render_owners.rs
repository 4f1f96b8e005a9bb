//! The JSON of accounts, teams, the App and its installations.

use super::render::{links, node_id, segment, stamp, with};
use super::state::World;
use super::things::{Account, AccountKind, Ghost, Installation, Team};
use crate::domain::ids::UserId;
use serde_json::{Value, json};

/// The account that GitHub keeps for what deleted accounts wrote.
const GHOST: UserId = UserId(10_137);

const USER_LINKS: [(&str, &str); 9] = [
    ("followers_url", "/followers"),
    ("following_url", "/following{/other_user}"),
    ("gists_url", "/gists{/gist_id}"),
    ("starred_url", "/starred{/owner}{/repo}"),
    ("subscriptions_url", "/subscriptions"),
    ("organizations_url", "/orgs"),
    ("repos_url", "/repos"),
    ("events_url", "/events{/privacy}"),
    ("received_events_url", "/received_events"),
];

impl World {
    /// What the App may do, as GitHub lists it; without `members` where an owner has not accepted that.
    pub(super) fn permissions(&self, members: bool) -> Value {
        self.permissions
            .iter()
            .filter(|(name, _)| members || *name != "members")
            .map(|(name, level)| (name.clone(), Value::from(level.as_str())))
            .collect()
    }

    pub(super) fn user_json(&self, id: UserId) -> Value {
        let Some(account) = self.accounts.get(&id) else { return Value::Null };
        match account.gone {
            None => self.shown(&account.login, id, account.kind),
            Some(Ghost::Account) => self.shown("ghost", GHOST, AccountKind::User),
            Some(Ghost::Nobody) => Value::Null,
        }
    }

    fn shown(&self, name: &str, id: UserId, kind: AccountKind) -> Value {
        let login = segment(name);
        // Organisations and bots share the shape; only the page of a bot stands elsewhere.
        let page = if kind == AccountKind::Bot { format!("apps/{}", self.slug) } else { login.clone() };
        let url = format!("{}/users/{login}", self.base);
        with(
            links(&url, &USER_LINKS),
            json!({
                "login": name, "id": id.0, "node_id": node_id(kind.name(), id.0),
                "avatar_url": format!("{}/avatars/{id}", self.base), "gravatar_id": "",
                "url": url, "html_url": format!("{}/{page}", self.base),
                "type": kind.name(), "user_view_type": "public", "site_admin": false,
            }),
        )
    }

    /// An account as `GET /users/{login}` shows it.
    pub(super) fn profile_json(&self, account: &Account) -> Value {
        let created = stamp(account.created_at);
        let mut user = self.user_json(account.id);
        for key in ["name", "company", "location", "email", "hireable", "bio"] {
            user[key] = Value::Null;
        }
        user["blog"] = "".into();
        for key in ["public_repos", "public_gists", "followers", "following"] {
            user[key] = 0.into();
        }
        user["created_at"] = created.clone().into();
        user["updated_at"] = created.into();
        user
    }

    pub(super) fn organization_json(&self, account: &Account) -> Value {
        let url = format!("{}/orgs/{}", self.base, segment(&account.login));
        let suffixes = [
            ("url", ""),
            ("repos_url", "/repos"),
            ("events_url", "/events"),
            ("hooks_url", "/hooks"),
            ("issues_url", "/issues"),
            ("members_url", "/members{/member}"),
            ("public_members_url", "/public_members{/member}"),
        ];
        with(
            links(&url, &suffixes),
            json!({
                "login": account.login, "id": account.id.0, "node_id": node_id("Organization", account.id.0),
                "avatar_url": format!("{}/avatars/{}", self.base, account.id), "description": "",
            }),
        )
    }

    pub(super) fn app_json(&self) -> Value {
        json!({
            "id": self.app_id, "slug": self.slug, "client_id": format!("Iv1.{:016x}", self.app_id), "node_id": node_id("App", self.app_id),
            "owner": self.user_json(self.app_owner.unwrap_or(self.bot)), "name": self.app_name, "description": null, "external_url": "https://example.com",
            "html_url": format!("{}/apps/{}", self.base, self.slug),
            "created_at": stamp(self.started), "updated_at": stamp(self.started),
            "permissions": self.permissions(true), "events": self.events,
        })
    }

    pub(super) fn installation_json(&self, installation: &Installation) -> Value {
        let Installation { id, account, created_at, updated_at, suspended, members, .. } = installation;
        let kind = self.accounts.get(account).map_or("User", |a| a.kind.name());
        json!({
            "id": id.0, "account": self.user_json(*account), "repository_selection": installation.selection(),
            "access_tokens_url": format!("{}/app/installations/{id}/access_tokens", self.base),
            "repositories_url": format!("{}/installation/repositories", self.base),
            "html_url": format!("{}/settings/installations/{id}", self.base),
            "app_id": self.app_id, "client_id": format!("Iv1.{:016x}", self.app_id), "app_slug": self.slug,
            "target_id": account.0, "target_type": kind, "permissions": self.permissions(*members), "events": self.events,
            "created_at": stamp(*created_at), "updated_at": stamp(*updated_at), "single_file_name": null,
            "has_multiple_single_files": false, "single_file_paths": [],
            "suspended_by": suspended.map(|(_, by)| self.user_json(by)), "suspended_at": suspended.map(|(at, _)| stamp(at)),
        })
    }

    pub(super) fn team_json(&self, org: UserId, team: &Team) -> Value {
        let url = format!("{}/organizations/{org}/team/{}", self.base, team.id);
        json!({
            "id": team.id, "node_id": node_id("Team", team.id), "name": team.name, "slug": team.slug, "description": null,
            "privacy": "closed", "notification_setting": "notifications_enabled", "permission": "pull", "parent": null,
            "url": url, "html_url": format!("{}/orgs/{}/teams/{}", self.base, segment(self.login(org)), team.slug),
            "members_url": format!("{url}/members{{/member}}"), "repositories_url": format!("{url}/repos"),
        })
    }
}
