//! Binding logins to ids (`W1`): what an operator or the configuration names is a login, what counts is the id behind it.

use super::Desk;
use crate::domain::{InstallationId, UserId};
use crate::github::client::ApiError;
use crate::store::{Result, Tx};

/// What asking for a login gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUp {
    /// This is who it is, and how the login is written.
    Found(UserId, String),
    /// There is no such account.
    NoSuchAccount,
    /// It could not be asked; the id is bound at first sight.
    Failed(String),
    /// There is no App to ask with; the id is bound at first sight.
    NoApp,
}

impl Desk {
    /// Asks GitHub for the ids behind logins, in their order.
    pub async fn look_up(&self, logins: &[String]) -> Vec<LookUp> {
        let Some(github) = &self.github else { return vec![LookUp::NoApp; logins.len()] };
        let installation = match self.any_installation().await {
            Ok(Some(installation)) => installation,
            Ok(None) => return vec![LookUp::Failed("the App is not installed anywhere yet".to_owned()); logins.len()],
            Err(error) => return vec![LookUp::Failed(error.to_string()); logins.len()],
        };
        let mut found = Vec::with_capacity(logins.len());
        for login in logins {
            found.push(match github.user_id(installation, login).await {
                Ok(Some((user, login))) => LookUp::Found(user, login),
                Ok(None) => LookUp::NoSuchAccount,
                Err(error) => LookUp::Failed(error.to_string()),
            });
        }
        found
    }

    async fn any_installation(&self) -> std::result::Result<Option<InstallationId>, ApiError> {
        let Some(github) = &self.github else { return Ok(None) };
        let installations = github.installations().await?;
        Ok(installations.into_iter().find(|installation| installation.suspended.is_none()).map(|installation| installation.id))
    }

    /// Makes the database's agents those of the configuration, and has its teams read again (`W3`).
    ///
    /// # Errors
    /// The database fails.
    pub async fn settle_agents(&self) -> Result<()> {
        let mut tx = self.store.write().await?;
        self.set_agents(&mut tx).await?;
        tx.read_teams_at_once().await?;
        tx.commit().await
    }

    /// Makes the database's agents those of the configuration.
    pub(super) async fn set_agents(&self, tx: &mut Tx) -> Result<()> {
        tx.set_agents(&self.agents.logins).await?;
        tx.set_teams(&self.agents.teams, !self.agents.is_empty()).await
    }

    /// Asks for the ids of agents that are not bound yet.
    ///
    /// # Errors
    /// The database fails.
    pub async fn look_up_agents(&self) -> Result<()> {
        let mut tx = self.store.read().await?;
        let unbound = tx.unbound_agents().await?;
        tx.rollback().await?;
        if unbound.is_empty() || self.github.is_none() {
            return Ok(());
        }
        let found = self.look_up(&unbound).await;
        let mut tx = self.store.write().await?;
        for (login, found) in unbound.iter().zip(found) {
            match found {
                LookUp::Found(user, _) => tx.bind_agent(login, user).await?,
                LookUp::NoSuchAccount => tracing::warn!(%login, "`agents` names an account that GitHub does not know; check its spelling"),
                LookUp::Failed(why) => tracing::warn!(%login, %why, "an agent's id could not be asked; it is bound at first sight"),
                LookUp::NoApp => {}
            }
        }
        tx.commit().await
    }

    /// Asks for the ids of members that have none yet (`W1`), and tries again what failed (`W6`); 404 is an answer.
    ///
    /// # Errors
    /// The database fails.
    pub async fn look_up_members(&self) -> Result<()> {
        let mut tx = self.store.read().await?;
        let failed = tx.unbound_members().await?;
        tx.rollback().await?;
        if failed.is_empty() || self.github.is_none() {
            return Ok(());
        }
        let logins: Vec<_> = failed.iter().map(|row| row.member.login.clone()).collect();
        let found = self.look_up(&logins).await;
        let mut tx = self.store.write().await?;
        // Who was bound, renamed or forgotten while GitHub was asked stays so.
        let still = tx.unbound_members().await?;
        for (row, found) in failed.into_iter().zip(found).filter(|(row, _)| still.contains(row)) {
            let mut member = row.member;
            match found {
                LookUp::Found(user, login) => {
                    member.user = Some(user);
                    member.login = login;
                }
                LookUp::NoSuchAccount => {
                    tracing::warn!(partner = %member.partner, login = %member.login, "a member's account does not exist at GitHub");
                }
                LookUp::Failed(_) | LookUp::NoApp => continue,
            }
            member.lookup_failed = false;
            tx.put_member(Some(row.id), &member).await?;
        }
        tx.commit().await
    }
}
