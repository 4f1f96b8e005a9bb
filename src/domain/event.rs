//! What happened at GitHub, in the desk's own words. Wire formats end where these begin.

use super::command::Command;
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
    /// It was opened here by a move from elsewhere: the other half of [`What::Moved`], which may come before or after (`S12`).
    MovedHere {
        /// The issue's id where it was before.
        from: IssueId,
    },
    /// A new comment.
    Commented(Comment),
    /// A comment was deleted (`S10`, `G5`).
    Uncommented(CommentId),
    /// A comment's text was changed. Changes nothing but where the comment is the desk's own (`S2`, `G5`).
    CommentEdited(CommentId),
    /// The issue was closed.
    Closed(CloseReason),
    /// The issue was opened again.
    Reopened,
    /// Nobody but the repository's own people can comment from now on (`S7`).
    Locked,
    /// Everybody can again.
    Unlocked,
    /// A label was put on by hand (`S7`).
    Labeled(String),
    /// A label was taken off by hand (`S7`, `G5`).
    Unlabeled(String),
    /// A thumbs-up on a comment, found when asked for (`S4`).
    Liked(CommentId),
    /// The issue was transferred to another repository, where it has another id and number (`S12`).
    Moved(Box<Moved>),
    /// The issue is no more: deleted or converted to a discussion (`S12`).
    Gone,
    /// Anything else that shows the issue as it is now: an edit, an assignment.
    Seen,
}

/// Where a transferred issue is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The repository it went to.
    pub repo: Repo,
    /// The issue as it is there.
    pub issue: Issue,
}

/// As what an issue was closed (`Q6`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// Done, or no reason was given.
    #[default]
    Completed,
    /// Not planned.
    NotPlanned,
    /// A duplicate of another.
    Duplicate,
}

/// A new comment, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Which.
    pub id: CommentId,
    /// It says more than commands, so it can be an answer (`S2`).
    pub substance: bool,
    /// The commands in it, in their order (`C`).
    pub commands: Vec<Command>,
}

/// What a delivery tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Something on one issue.
    Ticket(Event),
    /// Something about a repository or an installation as a whole (`S12`, `G3`).
    Place(PlaceEvent),
    /// Somebody's rights may have changed: what was asked about them is asked anew (`W3`).
    Rights(RightsEvent),
    /// A label of a repository was renamed or deleted (`G5`).
    Label(LabelEvent),
}

/// A change of a repository or of an installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceEvent {
    /// Which installation.
    pub installation: InstallationId,
    /// When, by GitHub's own time where it gives one, else when it was received.
    pub at: Timestamp,
    /// What.
    pub what: PlaceWhat,
}

/// The kinds of change of a repository or of an installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceWhat {
    /// A repository as it is now: renamed, moved, made public or private.
    Seen(Repo),
    /// Read-only from now on.
    Archived(Repo),
    /// Writable again.
    Unarchived(Repo),
    /// Deleted for good.
    Deleted(Repo),
    /// The installation was suspended.
    Suspended,
    /// It works again.
    Unsuspended,
    /// The App was uninstalled.
    Uninstalled,
    /// The App was installed, on these repositories.
    Installed(Vec<Repo>),
    /// Repositories were added to the installation, and removed from it.
    Repositories {
        /// Added.
        added: Vec<Repo>,
        /// Removed.
        removed: Vec<Repo>,
    },
}

/// A change of somebody's rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RightsEvent {
    /// Which installation.
    pub installation: InstallationId,
    /// Whose, where it is about one person.
    pub person: Option<Person>,
    /// The organisation and the team, `@acme/support`, where it is about one team.
    pub team: Option<(String, String)>,
    /// The repository, where it is about one.
    pub repo: Option<RepoId>,
}

/// A change of a repository's label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelEvent {
    /// Which installation.
    pub installation: InstallationId,
    /// Where.
    pub repo: Repo,
    /// Who did it.
    pub actor: Option<Person>,
    /// What it is, or was, called now.
    pub name: String,
    /// What it was called before; `None`: it was deleted.
    pub renamed_from: Option<String>,
}
