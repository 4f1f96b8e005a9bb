//! How GitHub has the App: what it may do, where it is installed, where its webhooks go, how many calls it has left.

use super::client::{ApiError, GitHub, PER_PAGE, all_pages};
use crate::domain::InstallationId;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

type Result<T> = std::result::Result<T, ApiError>;

/// The App as GitHub has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct AppInfo {
    /// Its short name.
    pub slug: String,
    /// What it asks for: level by name.
    #[serde(default)]
    pub permissions: BTreeMap<String, String>,
    /// What it subscribes to.
    #[serde(default)]
    pub events: Vec<String>,
}

/// An installation, with what its owner has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Which.
    pub id: InstallationId,
    /// The login of the account that it is on.
    pub account: String,
    /// Since when its owner has it suspended.
    pub suspended: Option<Timestamp>,
    /// Level by name.
    pub permissions: BTreeMap<String, String>,
    /// Its page, where its owner accepts permissions.
    pub page: String,
}

/// Where webhooks go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Hook {
    /// The address.
    #[serde(default)]
    pub url: Option<String>,
    /// `json` or `form`.
    #[serde(default)]
    pub content_type: Option<String>,
    /// Whether certificates are not looked at: 1 or "1".
    #[serde(default)]
    insecure_ssl: serde_json::Value,
    /// GitHub shows stars, where there is a secret.
    #[serde(default)]
    secret: Option<String>,
}

impl Hook {
    /// Whether GitHub signs what it sends.
    #[must_use]
    pub fn has_secret(&self) -> bool {
        self.secret.as_ref().is_some_and(|secret| !secret.is_empty())
    }

    /// Whether GitHub takes any certificate.
    #[must_use]
    pub fn is_insecure(&self) -> bool {
        self.insecure_ssl == 1 || self.insecure_ssl == "1"
    }
}

/// The hour's calls of an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct CallsLeft {
    /// So many an hour.
    pub limit: i64,
    /// So many are left.
    pub remaining: i64,
    /// When they are given anew, in seconds of the epoch.
    pub reset: i64,
}

impl GitHub {
    /// The App.
    ///
    /// # Errors
    /// GitHub does not know it by these credentials, or cannot be asked.
    pub async fn about_app(&self) -> Result<AppInfo> {
        self.ask_as_app("/app").await
    }

    /// Where its webhooks go; `None`: it has none.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub async fn hook(&self) -> Result<Option<Hook>> {
        match self.ask_as_app("/app/hook/config").await {
            Ok(hook) => Ok(Some(hook)),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where the App is installed, and with what permissions.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub async fn installed(&self) -> Result<Vec<Installed>> {
        #[derive(Deserialize)]
        struct Found {
            id: i64,
            #[serde(default)]
            account: Option<Account>,
            #[serde(default)]
            suspended_at: Option<Timestamp>,
            #[serde(default)]
            permissions: BTreeMap<String, String>,
            #[serde(default)]
            html_url: String,
        }
        #[derive(Default, Deserialize)]
        struct Account {
            #[serde(default)]
            login: String,
        }
        let found: Vec<Found> = all_pages!(|page| {
            let path = format!("/app/installations?per_page={PER_PAGE}&page={page}");
            self.ask_as_app(&path).await?
        });
        let installed = |found: Found| Installed {
            id: InstallationId(found.id),
            account: found.account.unwrap_or_default().login,
            suspended: found.suspended_at,
            permissions: found.permissions,
            page: found.html_url,
        };
        Ok(found.into_iter().map(installed).collect())
    }

    /// How many calls an installation has left this hour; `None`: this GitHub does not count. Asking does not count.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub async fn calls_left(&self, installation: InstallationId) -> Result<Option<CallsLeft>> {
        #[derive(Deserialize)]
        struct Limits {
            resources: Resources,
        }
        #[derive(Deserialize)]
        struct Resources {
            core: CallsLeft,
        }
        match self.get::<Limits>(installation, "/rate_limit").await {
            Ok(limits) => Ok(Some(limits.resources.core)),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
