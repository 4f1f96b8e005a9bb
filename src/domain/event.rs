//! What happened at GitHub, in the desk's own words. Wire formats end where these begin.

use super::ids::{CommentId, InstallationId, IssueId, RepoId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A GitHub account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Who it is.
    pub id: UserId,
    /// What it is called at present.
    pub login: String,
    /// A `Bot` account, never a person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bot: bool,
}

/// A repository as an event names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repo {
    /// Who it is, through renames and moves (`S12`).
    pub id: RepoId,
    /// `owner/name` at present.
    pub full_name: String,
    /// Whether the public can read it (`G3`).
    pub private: bool,
}

/// An issue as an event shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Global id.
    pub id: IssueId,
    /// Number in its repository.
    pub number: i64,
    /// Written by people: data, never markup (`G8`).
    pub title: String,
    /// Its page.
    pub url: String,
    /// `None`: the account is gone.
    pub author: Option<Person>,
    /// When it was opened (`Q1`).
    pub created_at: Timestamp,
    /// When this view of it was true.
    pub updated_at: Timestamp,
    /// Whether it was open then; `None` where the payload does not say.
    pub open: Option<bool>,
    /// A pull request is no ticket (`W8`).
    pub pull_request: bool,
    /// The partner named in the opening text, by the form field or `/for` (`W5`, `W7`).
    pub claim: Option<String>,
}

/// One event on one issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Through which installation the desk may act on it.
    pub installation: InstallationId,
    /// Where.
    pub repo: Repo,
    /// On which issue.
    pub issue: Issue,
    /// When it happened, by GitHub's own time.
    pub at: Timestamp,
    /// Who did it; `None`: the account is gone.
    pub actor: Option<Person>,
    /// What.
    pub what: What,
}

/// The kinds of event that can change a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The issue was opened.
    Opened,
    /// A new comment.
    Commented(Comment),
    /// The issue was closed.
    Closed,
    /// The issue was opened again.
    Reopened,
    /// The issue is no more, or no longer where it was: deleted, converted or transferred (`S12`).
    Gone,
    /// Anything else that shows the issue as it is now: an edit, a label, an assignment.
    Seen,
}

/// A new comment, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Which.
    pub id: CommentId,
    /// It says more than commands, so it can be an answer (`S2`).
    pub substance: bool,
    /// `/for partner` (`W5`, `W7`).
    pub claim: Option<String>,
}
