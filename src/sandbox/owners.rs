//! What people do to repositories, installations, teams and organisations.

#![allow(clippy::missing_errors_doc, reason = "as in `people`, and said there")]

use super::Sandbox;
use super::labelling::LabelChange;
use super::people::{Acted, known};
use super::staff::TeamKey;
use super::state::{Done, SandboxError, World};
use super::things::AccountKind;
use crate::domain::ids::{RepoId, UserId};

impl Sandbox {
    /// Gives a label of a repository another name (`G5`).
    pub async fn rename_label(&self, repo: &str, actor: &str, label: &str, new_name: &str) -> Acted {
        let new = LabelChange { name: Some(new_name), ..LabelChange::default() };
        self.on_repo(repo, actor, |w, at, who| w.edit_label(at, who, label, new).map(|_| ())).await
    }

    /// Deletes a label from a repository.
    pub async fn delete_label(&self, repo: &str, actor: &str, label: &str) -> Acted {
        self.on_repo(repo, actor, |w, at, who| w.delete_label(at, who, label)).await
    }

    /// Gives a repository another name, without the owner; the old one is redirected.
    pub async fn rename_repository(&self, repo: &str, actor: &str, new_name: &str) -> Acted {
        self.on_repo(repo, actor, |w, at, who| w.rename_repo(at, who, new_name)).await
    }

    /// Archives a repository, or takes it back.
    pub async fn archive_repository(&self, repo: &str, actor: &str, archived: bool) -> Acted {
        self.on_repo(repo, actor, |w, at, who| w.archive_repo(at, who, archived)).await
    }

    /// Makes a repository private, or public.
    pub async fn change_visibility(&self, repo: &str, actor: &str, private: bool) -> Acted {
        self.on_repo(repo, actor, |w, at, who| w.hide_repo(at, who, private)).await
    }

    /// Gives a repository to another owner, an organisation if the account is new. Where the App is installed there, it hears
    /// `installation_repositories.added` and `repository.transferred`; the old owner's installation hears
    /// `installation_repositories.removed`.
    pub async fn transfer_repository(&self, repo: &str, actor: &str, new_owner: &str) -> Acted {
        self.on_repo(repo, actor, |w, at, who| {
            let new_owner = w.account_or_new(new_owner, AccountKind::Organization);
            w.hand_over(at, who, new_owner)
        })
        .await
    }

    /// Deletes a repository.
    pub async fn delete_repository(&self, repo: &str, actor: &str) -> Acted {
        self.on_repo(repo, actor, World::delete_repo).await
    }

    /// Selects a repository for the App.
    pub async fn add_to_installation(&self, repo: &str, actor: &str) -> Acted {
        self.on_repo(repo, actor, |w, at, who| w.cover(at, who, true)).await
    }

    /// Takes a repository away from the App.
    pub async fn remove_from_installation(&self, repo: &str, actor: &str) -> Acted {
        self.on_repo(repo, actor, |w, at, who| w.cover(at, who, false)).await
    }

    /// Gives a person a role in a repository, as [`Self::grant`] does, and the desk hears of it: `member.added` or `member.edited`.
    pub async fn change_role(&self, repo: &str, actor: &str, login: &str, role: &str) -> Acted {
        self.on_repo(repo, actor, |w, at, who| {
            let person = w.account_or_new(login, AccountKind::User);
            w.set_role(at, who, person, Some(role))
        })
        .await
    }

    /// Takes a person's role in a repository away.
    pub async fn remove_collaborator(&self, repo: &str, actor: &str, login: &str) -> Acted {
        self.on_repo(repo, actor, |w, at, who| {
            let person = w.account_or_new(login, AccountKind::User);
            w.set_role(at, who, person, None)
        })
        .await
    }

    async fn on_repo(&self, repo: &str, actor: &str, change: impl FnOnce(&mut World, RepoId, UserId) -> Done) -> Acted {
        self.person_acts(|world| {
            let repo = known(world, repo)?;
            let actor = world.account_or_new(actor, AccountKind::User);
            change(world, repo, actor).map(|()| (None, None))
        })
        .await
    }

    /// Puts a person into a team, `acme/support`.
    pub async fn add_to_team(&self, team: &str, actor: &str, login: &str) -> Acted {
        self.joins(team, actor, login, true).await
    }

    /// Takes a person out of a team.
    pub async fn remove_from_team(&self, team: &str, actor: &str, login: &str) -> Acted {
        self.joins(team, actor, login, false).await
    }

    async fn joins(&self, team: &str, actor: &str, login: &str, joins: bool) -> Acted {
        self.on_team(team, actor, |w, key, who| {
            let person = w.account_or_new(login, AccountKind::User);
            w.join(key, who, person, joins);
            Ok(())
        })
        .await
    }

    /// Gives a team another name, and with it another slug.
    pub async fn rename_team(&self, team: &str, actor: &str, new_name: &str) -> Acted {
        self.on_team(team, actor, |w, key, who| w.rename_team(key, who, new_name)).await
    }

    /// Deletes a team.
    pub async fn delete_team(&self, team: &str, actor: &str) -> Acted {
        self.on_team(team, actor, |w, key, who| {
            w.delete_team(key, who);
            Ok(())
        })
        .await
    }

    async fn on_team(&self, team: &str, actor: &str, change: impl FnOnce(&mut World, &TeamKey, UserId) -> Done) -> Acted {
        self.person_acts(|world| {
            let key = world.team_named(team)?;
            let actor = world.account_or_new(actor, AccountKind::User);
            change(world, &key, actor).map(|()| (None, None))
        })
        .await
    }

    /// Removes a person from an organisation, and so from its teams and repositories.
    pub async fn remove_org_member(&self, org: &str, actor: &str, login: &str) -> Acted {
        self.person_acts(|world| {
            let gone = |login: &str| SandboxError::NotThere(format!("account `{login}`"));
            let org = world.account(org).map(|a| a.id).ok_or_else(|| gone(org))?;
            let person = world.account(login).map(|a| a.id).ok_or_else(|| gone(login))?;
            let actor = world.account_or_new(actor, AccountKind::User);
            world.expel(org, actor, person);
            Ok((None, None))
        })
        .await
    }

    /// What happens to the App's installation on an account: `created`, `deleted`, `suspend`, `unsuspend` or
    /// `new_permissions_accepted`. Suspended or deleted, it can do nothing and hears nothing but these.
    pub async fn installation_event(&self, login: &str, action: &'static str) -> Acted {
        self.person_acts(|world| {
            let account = world.account_or_new(login, AccountKind::Organization);
            world.change_installation(account, action).map(|()| (None, None))
        })
        .await
    }
}
