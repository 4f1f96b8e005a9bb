//! Identities as newtypes, so that no signature takes a bare number for an id.
//!
//! People, issues, comments, repositories and installations are known by GitHub's numeric ids (`W1`, `S12`): a name may
//! change hands, a number does not.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! numeric_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

numeric_id! {
    /// An issue by its global id. It is also the id of the ticket made from it.
    IssueId,
    /// A comment on an issue.
    CommentId,
    /// A repository; survives renames and moves.
    RepoId,
    /// An account, a person's or a bot's; survives renames.
    UserId,
    /// One installation of the App on an account.
    InstallationId,
}

/// A partner's short name: what operators type and `/for` takes. Lower case, made by [`PartnerId::new`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartnerId(String);

/// Why a text is no [`PartnerId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no partner id; expected 1 to 64 letters, digits, `-`, `_` or `.`, for example `acme`")]
pub struct NotAPartnerId(pub String);

impl PartnerId {
    /// Takes 1 to 64 ASCII letters, digits, `-`, `_` and `.`; case is folded.
    ///
    /// # Errors
    /// Anything else, with the text that was given.
    pub fn new(text: &str) -> Result<Self, NotAPartnerId> {
        let text = text.trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if text.is_empty() || text.len() > 64 || !text.chars().all(fits) {
            return Err(NotAPartnerId(text.to_owned()));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// GitHub's name for one webhook delivery (`X-GitHub-Delivery`): opaque, the same when it is sent again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(pub String);

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
