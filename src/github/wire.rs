//! Payloads as GitHub sends them, read tolerantly: only the fields that the desk uses, unknown ones passed over, a null where
//! one can be. What is not the desk's business is said to be so, never an error.

use crate::domain::command;
use crate::domain::event::{Comment, Event, Issue, Person, Repo, What};
use crate::domain::{CommentId, InstallationId, IssueId, RepoId, UserId};
use jiff::Timestamp;
use serde::Deserialize;

/// What a delivery turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Read {
    /// Something that can change a ticket.
    Event(Box<Event>),
    /// Not the desk's business, for this reason.
    NotOurs(String),
}

/// Why a delivery could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// It is no JSON, or no object.
    #[error("the body is no JSON object: {0}")]
    NotJson(String),
    /// It is JSON, but an event that the desk handles lacks what it cannot do without.
    #[error("an `{event}` payload does not fit: {why}")]
    DoesNotFit {
        /// The event's name.
        event: String,
        /// What is missing or of another type.
        why: String,
    },
}

/// Events of which the desk reads the payload; `app-manifest.yml` subscribes to these.
pub const EVENTS: &[&str] = &["issue_comment", "issues"];

#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    action: Option<String>,
    issue: WireIssue,
    #[serde(default)]
    comment: Option<WireComment>,
    repository: WireRepo,
    #[serde(default)]
    sender: Option<WireUser>,
    #[serde(default)]
    installation: Option<WireInstallation>,
}

/// Any object, without looking into it.
#[derive(Deserialize)]
struct AnyObject {}

#[derive(Deserialize)]
struct WireInstallation {
    id: i64,
}

#[derive(Deserialize)]
pub(super) struct WireRepo {
    pub(super) id: i64,
    pub(super) full_name: String,
    #[serde(default)]
    pub(super) private: bool,
}

#[derive(Deserialize, Clone)]
pub(super) struct WireUser {
    id: i64,
    login: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

/// An issue, in a webhook and in the API's answers.
#[derive(Deserialize)]
pub(super) struct WireIssue {
    id: i64,
    pub(super) number: i64,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    html_url: Option<String>,
    #[serde(default)]
    user: Option<WireUser>,
    created_at: Timestamp,
    #[serde(default)]
    updated_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) closed_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) closed_by: Option<WireUser>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    pub(super) state_reason: Option<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    pull_request: Option<serde::de::IgnoredAny>,
}

/// A comment, in a webhook and in the API's answers.
#[derive(Deserialize)]
pub(super) struct WireComment {
    pub(super) id: i64,
    #[serde(default)]
    pub(super) user: Option<WireUser>,
    created_at: Timestamp,
    #[serde(default)]
    pub(super) body: Option<String>,
    #[serde(default)]
    pub(super) issue_url: Option<String>,
}

/// One entry of an issue's own history in the API.
#[derive(Deserialize)]
pub(super) struct WireHistory {
    pub(super) event: String,
    #[serde(default)]
    pub(super) actor: Option<WireUser>,
    #[serde(default)]
    pub(super) created_at: Option<Timestamp>,
}

impl WireUser {
    pub(super) fn person(&self) -> Person {
        Person { id: UserId(self.id), login: self.login.clone(), bot: self.kind.as_deref() == Some("Bot") }
    }
}

impl WireRepo {
    pub(super) fn repo(&self) -> Repo {
        Repo { id: RepoId(self.id), full_name: self.full_name.clone(), private: self.private }
    }
}

impl WireComment {
    pub(super) fn commented(&self) -> (Timestamp, Option<Person>, What) {
        let reading = command::read(self.body.as_deref().unwrap_or_default());
        let comment = Comment { id: CommentId(self.id), substance: reading.substance, claim: reading.claim };
        (self.created_at, self.user.as_ref().map(WireUser::person), What::Commented(comment))
    }
}

impl WireIssue {
    pub(super) const fn id(&self) -> IssueId {
        IssueId(self.id)
    }

    /// Whether it is open; `None` where that is not said.
    pub(super) fn open(&self) -> Option<bool> {
        self.state.as_deref().map(|state| state == "open")
    }

    pub(super) fn issue(&self, repo: &Repo) -> Issue {
        let updated_at = self.updated_at.unwrap_or(self.created_at);
        Issue {
            id: IssueId(self.id),
            number: self.number,
            title: self.title.clone().unwrap_or_default().chars().take(300).collect(),
            url: self.html_url.clone().unwrap_or_else(|| format!("https://github.com/{}/issues/{}", repo.full_name, self.number)),
            author: self.user.as_ref().map(WireUser::person),
            created_at: self.created_at,
            updated_at,
            open: self.open(),
            pull_request: self.pull_request.is_some(),
            claim: self.body.as_deref().and_then(command::claim_of_opening),
        }
    }
}

/// Reads a delivery: the name of its event (`X-GitHub-Event`) and its body.
///
/// # Errors
/// A body that is no JSON object, or lacks what the desk cannot do without.
pub fn read(event: &str, body: &[u8]) -> Result<Read, Unread> {
    if !EVENTS.contains(&event) {
        serde_json::from_slice::<AnyObject>(body).map_err(|error| Unread::NotJson(error.to_string()))?;
        return Ok(Read::NotOurs(format!("event `{event}` changes no ticket")));
    }
    let payload: Payload = match serde_json::from_slice(body) {
        Ok(payload) => payload,
        Err(error) if error.is_data() => {
            return Err(Unread::DoesNotFit { event: event.to_owned(), why: error.to_string() });
        }
        Err(error) => return Err(Unread::NotJson(error.to_string())),
    };
    let repo = payload.repository.repo();
    let issue = payload.issue.issue(&repo);
    let sender = payload.sender.as_ref().map(WireUser::person);
    let action = payload.action.as_deref().unwrap_or_default();
    let (at, actor, what) = match (event, action) {
        ("issues", "opened") => (issue.created_at, issue.author.clone(), What::Opened),
        ("issues", "closed") => (payload.issue.closed_at.unwrap_or(issue.updated_at), sender, What::Closed),
        ("issues", "reopened") => (issue.updated_at, sender, What::Reopened),
        ("issues", "deleted" | "transferred") => (issue.updated_at, sender, What::Gone),
        ("issue_comment", "created") => match &payload.comment {
            Some(comment) => comment.commented(),
            None => return Err(Unread::DoesNotFit { event: event.to_owned(), why: "missing field `comment`".to_owned() }),
        },
        _ => (issue.updated_at, sender, What::Seen),
    };
    let installation = InstallationId(payload.installation.map_or(0, |installation| installation.id));
    Ok(Read::Event(Box::new(Event { installation, repo, issue, at, actor, what })))
}
