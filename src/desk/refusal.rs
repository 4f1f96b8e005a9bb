//! What GitHub will not have: where that is said of a ticket, it ends in a state that is known, and nothing is tried for ever (`G7`).

use super::Desk;
use super::gate::plus;
use super::places::Asked;
use super::publish::place_name;
use crate::domain::InstallationId;
use crate::domain::event::Repo;
use crate::domain::ticket::Ticket;
use crate::github::client::ApiError;
use crate::store::{Claim, Result, Tx};
use jiff::{SignedDuration, Timestamp};

/// What GitHub refused for good is tried again after this, or with the ticket's next change.
const A_DAY: SignedDuration = SignedDuration::from_hours(24);
/// A repository that cannot be read is looked at again after this.
const AN_HOUR: SignedDuration = SignedDuration::from_hours(1);
/// A 422 is for good when it comes so often: after two seconds and four it is the same.
const FOR_GOOD: i64 = 3;
/// Whatever GitHub refuses so often is refused for good.
pub(super) const ENOUGH: i64 = 10;

/// What a refusal comes to.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The issue is gone, or somewhere else; its repository can be read.
    Gone(Seen),
    /// The repository cannot be read, so nothing is known of the issue.
    OutOfReach,
    /// It would be refused again.
    ForGood(String),
    /// The App lacks a permission; tried again then.
    NoPermission(String, Timestamp),
    /// The repository was found, as it is now; tried again then.
    Again(Seen, Timestamp),
}

/// A repository as it was read, whether it is archived, and what was known when that was asked.
pub(super) type Seen = (Repo, bool, Asked);

impl Desk {
    /// Finds out what a refusal means. `None`: it may pass, and is tried again.
    pub(super) async fn look_into(&self, error: &ApiError, claim: &Claim, again: Timestamp) -> Option<Refusal> {
        let github = self.github.as_ref()?;
        if !error.is_a_refusal() {
            return None;
        }
        let ticket = &claim.ticket;
        let enough = (claim.applied.refused + 1 >= ENOUGH).then(|| Refusal::ForGood(said(error)));
        if error.is_for_good() {
            // GitHub says it too of an issue or a comment that is so new that not all of it knows of it yet.
            if error.status() == Some(422) && claim.applied.refused + 1 < FOR_GOOD {
                return None;
            }
            return Some(Refusal::ForGood(said(error)));
        }
        if error.is_no_permission() {
            return Some(Refusal::NoPermission(said(error), again));
        }
        if !error.is_elsewhere() && !matches!(error.status(), Some(403 | 404 | 410)) {
            return enough;
        }
        // A 404 alone does not make an issue gone: its repository must still be readable.
        let asked = match self.asks_about_one(ticket.repo).await {
            Ok(asked) => asked,
            Err(error) => {
                tracing::warn!(%error, "what GitHub's refusal means is looked into when the ticket is tried again");
                return None;
            }
        };
        let seen = match github.repository(ticket.installation, ticket.repo).await {
            Ok((repo, archived)) if repo.id == ticket.repo => (repo, archived, asked),
            Err(error) if error.is_a_limit() => return None,
            Err(error) if !matches!(error.status(), Some(403 | 404 | 410 | 451)) => return enough,
            Ok(_) | Err(_) => return Some(Refusal::OutOfReach),
        };
        if error.status() == Some(403) {
            return Some(enough.unwrap_or(Refusal::Again(seen, again)));
        }
        match github.has_issue_of(ticket).await {
            Ok(false) => Some(Refusal::Gone(seen)),
            // Its owner has switched issues off, and may switch them on again.
            Err(error) if error.status() == Some(410) => Some(Refusal::OutOfReach),
            Err(_) => enough,
            Ok(true) => Some(enough.unwrap_or(Refusal::Again(seen, again))),
        }
    }

    pub(super) async fn record_refusal(&self, tx: &mut Tx, claim: &Claim, refusal: Refusal) -> Result<()> {
        let (ticket, now) = (&claim.ticket, self.clock.now());
        let (name, issue) = (place_name(ticket), ticket.issue);
        match refusal {
            Refusal::Gone(seen) => {
                tracing::warn!(ticket = %name, "the issue is not there any more; nothing is shown on it");
                tx.published(&claim.ticket, claim.version, &claim.applied).await?;
                self.see(tx, ticket, &seen).await?;
            }
            Refusal::OutOfReach => {
                tracing::warn!(ticket = %name, "its repository cannot be read at GitHub; looked at again in an hour");
                let text = "could not be shown: GitHub does not let the App read the repository, or issues are switched off there; it is looked at again every hour";
                tx.note_once(issue, now, "G7", text).await?;
                tx.park(&claim.ticket, claim.version, &claim.applied, plus(now, AN_HOUR)).await?;
                let text = format!(
                    "{}: GitHub does not let the App read this repository, or its issues are switched off, so its tickets cannot be \
                     shown. Check that, and that the App is installed there and not suspended. It is tried again every hour (G7).",
                    ticket.repo_name
                );
                self.warn(tx, &[(format!("g7:reach:{}", ticket.repo), text)], now).await?;
            }
            Refusal::ForGood(said) => {
                let text =
                    format!("GitHub refuses a part of what should be shown: {said}; not tried again before the ticket changes, or a day");
                tx.note_once(issue, now, "G7", &text).await?;
                tx.park(&claim.ticket, claim.version, &claim.applied, plus(now, A_DAY)).await?;
                let text = format!(
                    "{name}: GitHub refuses a part of what should be shown: {said}. It is tried again when the ticket changes, or in a day (G7)."
                );
                self.warn(tx, &[(format!("g7:refused:{}:{said}", ticket.repo), text)], now).await?;
            }
            Refusal::NoPermission(said, again) => {
                tx.publish_again(&claim.ticket, &claim.applied, again).await?;
                tracing::warn!(ticket = %name, %said, retry_at = %again, "the App lacks a permission");
                let text = format!(
                    "{}: the App may not write there: {said}. Give it the repository permission \"Issues: read and write\", and have an \
                     owner accept it in the installation. Tickets are tried again within the hour (G7).",
                    ticket.repo_name
                );
                self.warn(tx, &[(format!("g7:permission:{}", ticket.repo), text)], now).await?;
            }
            Refusal::Again(seen, again) => {
                tracing::warn!(ticket = %name, retry_at = %again, "GitHub refused, though the repository can be read; tried again");
                tx.publish_again(&claim.ticket, &claim.applied, again).await?;
                self.see(tx, ticket, &seen).await?;
            }
        }
        Ok(())
    }

    /// Tells that GitHub does not take the desk for the App, once an hour: until somebody mends that, nothing is shown or found (`G7`).
    pub(super) async fn warn_of_credentials(&self, tx: &mut Tx, installation: InstallationId, error: &ApiError) -> Result<()> {
        let now = self.clock.now();
        let (whose, of) = if error.is_to_the_app() {
            ("app".to_owned(), "of the App".to_owned())
        } else {
            (installation.to_string(), format!("of installation {installation}"))
        };
        let text = format!(
            "GitHub refuses the credentials {of}: {}. Until it takes them nothing is shown there, and nothing is found that no webhook \
             told. Check `APP_ID`, the private key, whether the App's settings still list it, and the host's clock. It is tried again \
             by itself; this is said once an hour (G7).",
            said(error)
        );
        let hour = now.as_second().div_euclid(3600);
        self.warn(tx, &[(format!("g7:credentials:{whose}:{hour}"), text)], now).await
    }

    /// The repository may be renamed, archived or made public by now (`S12`).
    async fn see(&self, tx: &mut Tx, ticket: &Ticket, (repo, archived, asked): &Seen) -> Result<()> {
        self.find_repo(tx, repo, (ticket.installation, *archived), asked).await
    }
}

/// GitHub's reason in a line: its message, and what it says of fields.
pub(super) fn said(error: &ApiError) -> String {
    let ApiError::Refused { status, message, .. } = error else { return error.to_string() };
    let Ok(body) = serde_json::from_str::<serde_json::Value>(message) else {
        let line: String = message.chars().take(200).collect();
        return format!("{status} {}", line.replace(['\n', '\r'], " "));
    };
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let mut parts: Vec<_> = body.get("message").and_then(text).into_iter().collect();
    let fields = body.get("errors").and_then(serde_json::Value::as_array).into_iter().flatten();
    parts.extend(fields.filter_map(|field| field.get("message").or_else(|| field.get("code")).and_then(text)));
    format!("{status} {}", parts.join(": "))
}
