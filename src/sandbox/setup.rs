//! What is so before a story begins, or becomes so without a word from GitHub.

use super::state::{Hook, SandboxError};
use super::things::{AccountKind, Ghost};
use super::{Sandbox, lock};
use crate::domain::ids::{RepoId, UserId};

impl Sandbox {
    /// The id of a person, who gets an account if there is none by that login.
    #[expect(clippy::must_use_candidate, reason = "called for the account as often as for the id")]
    pub fn person(&self, login: &str) -> UserId {
        lock(&self.inner.world).account_or_new(login, AccountKind::User)
    }

    /// Gives a person a new login. Whoever asks for [`Self::person`] by the old one afterwards is somebody else (`W1`).
    ///
    /// # Errors
    /// Nobody by the old login, or somebody by the new one.
    pub fn rename_person(&self, login: &str, new_login: &str) -> Result<UserId, SandboxError> {
        let mut world = lock(&self.inner.world);
        let id = world.account(login).map(|a| a.id).ok_or_else(|| SandboxError::NotThere(format!("person `{login}`")))?;
        if world.account(new_login).is_some_and(|other| other.id != id) {
            return Err(SandboxError::Refused(format!("`{new_login}` is taken")));
        }
        if let Some(account) = world.accounts.get_mut(&id) {
            new_login.clone_into(&mut account.login);
        }
        Ok(id)
    }

    /// What payloads claim in `author_association` about a person.
    pub fn claim_association(&self, login: &str, association: &str) {
        let mut world = lock(&self.inner.world);
        let id = world.account_or_new(login, AccountKind::User);
        if let Some(account) = world.accounts.get_mut(&id) {
            account.association = Some(association.to_owned());
        }
    }

    /// The id of a public repository, which is made with its owner and installation if there is none by that name.
    #[expect(clippy::must_use_candidate, reason = "called for the repository as often as for the id")]
    pub fn repository(&self, full_name: &str) -> RepoId {
        lock(&self.inner.world).repo_or_new(full_name)
    }

    /// Makes a repository private, or public again.
    pub fn set_private(&self, full_name: &str, private: bool) {
        let mut world = lock(&self.inner.world);
        let id = world.repo_or_new(full_name);
        if let Some(repo) = world.repos.get_mut(&id) {
            repo.private = private;
        }
    }

    /// Gives a person a role in a repository: `admin`, `maintain`, `write`, `triage` or `read`.
    pub fn grant(&self, full_name: &str, login: &str, role: &str) {
        let mut world = lock(&self.inner.world);
        let (id, user) = (world.repo_or_new(full_name), world.account_or_new(login, AccountKind::User));
        if let Some(repo) = world.repos.get_mut(&id) {
            repo.roles.insert(user, role.to_owned());
        }
    }

    /// Makes a team, `acme/support`, of these people.
    pub fn team(&self, full_name: &str, logins: &[&str]) {
        let mut world = lock(&self.inner.world);
        let (org, name) = full_name.split_once('/').unwrap_or(("acme", full_name));
        let org = world.account_or_new(org, AccountKind::Organization);
        let members = logins.iter().map(|login| world.account_or_new(login, AccountKind::User)).collect();
        world.set_team(org, name, members);
    }

    /// Leaves a repository out of its owner's installation, as if it had never been selected; it is made if there is none by that
    /// name. Later repositories of this owner are not selected either.
    ///
    /// # Errors
    /// The App is not installed there.
    pub fn leave_out(&self, full_name: &str) -> Result<(), SandboxError> {
        let mut world = lock(&self.inner.world);
        let id = world.repo_or_new(full_name);
        world.select(id, false).map(|_| ())
    }

    /// Whether the installation on an account may read who is a member of it and of its teams. Granted by default; without it the
    /// API refuses teams, and no event about people comes. `new_permissions_accepted` grants it too.
    pub fn may_read_members(&self, login: &str, may: bool) {
        let mut world = lock(&self.inner.world);
        let account = world.account_or_new(login, AccountKind::Organization);
        let id = world.install(account);
        if let Some(installation) = world.installations.get_mut(&id) {
            installation.members = may;
        }
    }

    /// Gives the App a permission as its registration asks for it, or takes it away; owners accept it at once.
    pub fn set_permission(&self, name: &str, level: Option<&str>) {
        let mut world = lock(&self.inner.world);
        match level {
            Some(level) => drop(world.permissions.insert(name.to_owned(), level.to_owned())),
            None => drop(world.permissions.remove(name)),
        }
    }

    /// The App subscribes to an event no more.
    pub fn unsubscribe(&self, event: &str) {
        lock(&self.inner.world).events.retain(|known| known != event);
    }

    /// What GitHub says of where webhooks go; where they do go is said by [`Self::connect`].
    pub fn says_of_its_hook(&self, hook: Hook) {
        lock(&self.inner.world).hook = hook;
    }

    /// Deletes an account. GitHub sends nothing for it; what the person wrote stays, under nobody's name, and the login is free.
    ///
    /// # Errors
    /// Nobody by that login.
    pub fn delete_account(&self, login: &str, shown: Ghost) -> Result<UserId, SandboxError> {
        let mut world = lock(&self.inner.world);
        let id = world.account(login).map(|a| a.id).ok_or_else(|| SandboxError::NotThere(format!("person `{login}`")))?;
        world.delete_account(id, shown);
        Ok(id)
    }
}
