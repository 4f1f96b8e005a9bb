//! Who may triage, and who is in a team (`W3`).

use super::client::{ApiError, GitHub, PER_PAGE, all_pages, segment};
use crate::domain::{InstallationId, RepoId, UserId};
use serde::Deserialize;
use serde::de::IgnoredAny;

type Result<T> = std::result::Result<T, ApiError>;

#[derive(Deserialize)]
struct Permission {
    #[serde(default, rename = "permission")]
    level: Option<String>,
    #[serde(default)]
    role_name: Option<String>,
    #[serde(default)]
    user: Option<Collaborator>,
}

#[derive(Deserialize)]
struct Collaborator {
    id: i64,
    #[serde(default)]
    permissions: Option<Flags>,
}

#[derive(Deserialize)]
struct Flags {
    #[serde(default)]
    triage: bool,
}

impl Permission {
    fn is_of(&self, user: UserId) -> bool {
        self.user.as_ref().is_none_or(|found| found.id == user.0)
    }

    /// A role of the organisation's own has any name; what it stands on shows in the older field, which calls triage `read`, and in
    /// the flags.
    fn may_triage(&self) -> bool {
        let role = matches!(self.role_name.as_deref(), Some("triage" | "maintain" | "write" | "admin"));
        let older = matches!(self.level.as_deref(), Some("write" | "admin"));
        let flag = self.user.as_ref().and_then(|user| user.permissions.as_ref()).is_some_and(|flags| flags.triage);
        role || older || flag
    }
}

impl GitHub {
    /// Whether somebody may triage in a repository, or more.
    ///
    /// # Errors
    /// GitHub cannot be asked, which says nothing about them.
    pub async fn may_triage(&self, installation: InstallationId, repo: RepoId, user: UserId, login: &str) -> Result<bool> {
        if let Some(found) = self.permission(installation, repo, user, login).await? {
            return Ok(found);
        }
        // Nobody by that login, or somebody else by now: the account has another one, or is gone (W1).
        let present = match self.get::<Account>(installation, &format!("/user/{user}")).await {
            Ok(account) => Some(account.login),
            Err(error) if error.status() == Some(404) => None,
            Err(error) => return Err(error),
        };
        if let Some(present) = present.filter(|present| !present.eq_ignore_ascii_case(login))
            && let Some(found) = self.permission(installation, repo, user, &present).await?
        {
            return Ok(found);
        }
        // A repository that cannot be read gives 404, too, and says nothing about anybody.
        self.get::<IgnoredAny>(installation, &format!("/repositories/{repo}")).await?;
        Ok(false)
    }

    /// `None`: GitHub knows nobody by that login here, or somebody else.
    async fn permission(&self, installation: InstallationId, repo: RepoId, user: UserId, login: &str) -> Result<Option<bool>> {
        let path = format!("/repositories/{repo}/collaborators/{}/permission", segment(login));
        match self.get::<Permission>(installation, &path).await {
            Ok(found) => Ok(found.is_of(user).then(|| found.may_triage())),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The members of a team, those of the teams below it included.
    ///
    /// # Errors
    /// GitHub refuses, or cannot be asked.
    pub async fn team_members(&self, installation: InstallationId, org: &str, slug: &str) -> Result<Vec<UserId>> {
        #[derive(Deserialize)]
        struct Member {
            id: i64,
        }
        let (org, slug) = (segment(org), segment(slug));
        let found: Vec<Member> = all_pages!(|page| {
            let path = format!("/orgs/{org}/teams/{slug}/members?per_page={PER_PAGE}&page={page}");
            self.get(installation, &path).await?
        });
        Ok(found.into_iter().map(|member| UserId(member.id)).collect())
    }
}

#[derive(Deserialize)]
struct Account {
    login: String,
}

#[cfg(test)]
mod tests {
    use super::Permission;
    use serde_json::{Value, json};

    fn may(answer: Value) -> bool {
        serde_json::from_value::<Permission>(answer).unwrap().may_triage()
    }

    #[test]
    fn w3_triage_and_more_count_under_whatever_name_a_role_has() {
        for role in ["triage", "maintain", "write", "admin"] {
            assert!(may(json!({ "permission": "read", "role_name": role })), "{role}");
        }
        for role in ["read", "none"] {
            assert!(!may(json!({ "permission": role, "role_name": role })), "{role}");
        }
        assert!(may(json!({ "permission": "write", "role_name": "release manager" })));
        let flags = |triage: bool| json!({ "permission": "read", "role_name": "support", "user": { "id": 7, "permissions": { "triage": triage } } });
        assert!(may(flags(true)) && !may(flags(false)));
        assert!(!may(json!({})));
    }
}
