//! Payloads as GitHub sends them, read tolerantly: only the fields that the desk uses, unknown ones passed over, a null where
//! one can be. What is not the desk's business is said to be so, never an error.

use crate::domain::command;
use crate::domain::event::{
    CloseReason, Comment, Event, Issue, LabelEvent, Moved, News, Person, PlaceEvent, PlaceWhat, Repo, RightsEvent, What,
};
use crate::domain::{CommentId, InstallationId, IssueId, RepoId, UserId};
use jiff::Timestamp;
use serde::Deserialize;

/// What a delivery turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Read {
    /// Something that the desk has to know.
    News(Box<News>),
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

/// Events of which the desk reads the payload; `app-manifest.yml` subscribes to these, but for [`ALWAYS_SENT`].
pub const EVENTS: &[&str] = &[
    "installation",
    "installation_repositories",
    "issue_comment",
    "issues",
    "label",
    "member",
    "membership",
    "organization",
    "repository",
    "team",
];

/// Of these, the ones that GitHub sends to every App and that nobody can subscribe to.
pub const ALWAYS_SENT: &[&str] = &["installation", "installation_repositories"];

#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    action: Option<String>,
    #[serde(default)]
    issue: Option<WireIssue>,
    #[serde(default)]
    comment: Option<WireComment>,
    #[serde(default)]
    label: Option<WireLabel>,
    #[serde(default)]
    changes: Option<WireChanges>,
    #[serde(default)]
    repository: Option<WireRepo>,
    #[serde(default)]
    sender: Option<WireUser>,
    #[serde(default)]
    installation: Option<WireInstallation>,
    #[serde(default)]
    member: Option<WireUser>,
    #[serde(default)]
    membership: Option<WireMembership>,
    #[serde(default)]
    team: Option<WireTeam>,
    #[serde(default)]
    organization: Option<WireOrganization>,
    #[serde(default)]
    repositories: Option<Vec<WireRepo>>,
    #[serde(default)]
    repositories_added: Option<Vec<WireRepo>>,
    #[serde(default)]
    repositories_removed: Option<Vec<WireRepo>>,
}

#[derive(Deserialize)]
struct WireLabel {
    name: String,
}

#[derive(Deserialize)]
struct WireMembership {
    #[serde(default)]
    user: Option<WireUser>,
}

#[derive(Deserialize)]
struct WireTeam {
    /// A team that was deleted has none.
    #[serde(default)]
    slug: Option<String>,
}

#[derive(Deserialize)]
struct WireOrganization {
    login: String,
}

/// What an event changed; each field only where it is the kind of change that the desk follows.
#[derive(Deserialize)]
struct WireChanges {
    #[serde(default)]
    new_issue: Option<WireIssue>,
    #[serde(default)]
    new_repository: Option<WireRepo>,
    #[serde(default)]
    old_issue: Option<WireIssueId>,
    #[serde(default)]
    name: Option<WireFrom>,
}

#[derive(Deserialize)]
struct WireIssueId {
    id: i64,
}

#[derive(Deserialize)]
struct WireFrom {
    #[serde(default)]
    from: Option<String>,
}

/// Any object, without looking into it.
#[derive(Deserialize)]
struct AnyObject {}

#[derive(Deserialize)]
struct WireInstallation {
    id: i64,
    #[serde(default)]
    suspended_at: Option<Timestamp>,
    #[serde(default)]
    created_at: Option<WireInstant>,
}

/// GitHub writes some instants as text and the same ones elsewhere as seconds.
#[derive(Deserialize)]
#[serde(untagged)]
enum WireInstant {
    Text(Timestamp),
    Seconds(i64),
}

impl WireInstant {
    fn instant(&self) -> Option<Timestamp> {
        match self {
            Self::Text(at) => Some(*at),
            Self::Seconds(seconds) => Timestamp::from_second(*seconds).ok(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct WireRepo {
    pub(super) id: i64,
    pub(super) full_name: String,
    #[serde(default)]
    pub(super) private: bool,
    #[serde(default)]
    pub(super) archived: bool,
    #[serde(default)]
    pub(super) has_issues: Option<bool>,
    #[serde(default)]
    updated_at: Option<WireInstant>,
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
    pub(super) created_at: Timestamp,
    #[serde(default)]
    pub(super) updated_at: Option<Timestamp>,
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
    pub(super) locked: bool,
    #[serde(default)]
    pull_request: Option<serde::de::IgnoredAny>,
}

/// A comment, in a webhook and in the API's answers.
#[derive(Deserialize)]
pub(super) struct WireComment {
    pub(super) id: i64,
    #[serde(default)]
    pub(super) user: Option<WireUser>,
    pub(super) created_at: Timestamp,
    #[serde(default)]
    pub(super) updated_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) body: Option<String>,
    #[serde(default)]
    pub(super) issue_url: Option<String>,
}

/// A reaction, in the API's answers.
#[derive(Deserialize)]
pub(super) struct WireReaction {
    #[serde(default)]
    user: Option<WireUser>,
    #[serde(default)]
    content: Option<String>,
    created_at: Timestamp,
}

impl WireReaction {
    /// A thumbs-up on that comment.
    pub(super) fn liked(&self, comment: CommentId) -> Option<(Timestamp, Person, What)> {
        let person = self.user.as_ref().filter(|_| self.content.as_deref() == Some("+1"))?.person();
        Some((self.created_at, person, What::Liked(comment)))
    }
}

/// One entry of an issue's own history in the API.
#[derive(Deserialize)]
pub(super) struct WireHistory {
    pub(super) event: String,
    #[serde(default)]
    pub(super) actor: Option<WireUser>,
    #[serde(default)]
    pub(super) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) state_reason: Option<String>,
    #[serde(default)]
    label: Option<WireLabel>,
}

impl WireHistory {
    /// As an event; `None` for what changes no ticket.
    pub(super) fn what(&self) -> Option<What> {
        Some(match self.event.as_str() {
            "closed" => What::Closed(close_reason(self.state_reason.as_deref())),
            "reopened" => What::Reopened,
            "locked" => What::Locked,
            "unlocked" => What::Unlocked,
            "converted_to_discussion" => What::Gone,
            "labeled" => What::Labeled(self.label.as_ref()?.name.clone()),
            "unlabeled" => What::Unlabeled(self.label.as_ref()?.name.clone()),
            _ => return None,
        })
    }
}

fn close_reason(text: Option<&str>) -> CloseReason {
    match text {
        Some("not_planned") => CloseReason::NotPlanned,
        Some("duplicate") => CloseReason::Duplicate,
        _ => CloseReason::Completed,
    }
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
        let comment = Comment { id: CommentId(self.id), substance: reading.substance, commands: reading.commands };
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

/// Reads a delivery: the name of its event (`X-GitHub-Event`), its body, and when it came, for events that carry no time.
///
/// # Errors
/// A body that is no JSON object, or lacks what the desk cannot do without.
pub fn read(event: &str, body: &[u8], received: Timestamp) -> Result<Read, Unread> {
    if !EVENTS.contains(&event) {
        serde_json::from_slice::<AnyObject>(body).map_err(|error| Unread::NotJson(error.to_string()))?;
        return Ok(Read::NotOurs(format!("event `{event}` changes no ticket")));
    }
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Unread::NotJson("expected `{`".to_owned()));
    }
    let payload: Payload = match serde_json::from_slice(body) {
        Ok(payload) => payload,
        Err(error) if error.is_data() => {
            return Err(Unread::DoesNotFit { event: event.to_owned(), why: error.to_string() });
        }
        Err(error) => return Err(Unread::NotJson(error.to_string())),
    };
    let read = match event {
        "issues" | "issue_comment" => payload.ticket(event),
        "label" => payload.label(),
        "repository" => payload.repository(received),
        "installation" | "installation_repositories" => Ok(payload.installation(event, received)),
        _ => Ok(Read::News(Box::new(News::Rights(payload.rights())))),
    };
    read.map_err(|field| Unread::DoesNotFit { event: event.to_owned(), why: format!("missing field `{field}`") })
}

/// What a payload is about, for people: `owner/name#12`, or as much of it as there is. It reads no more than that, so it reads also
/// what [`read`] cannot.
#[must_use]
pub fn place(body: &[u8]) -> String {
    let payload: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let field = |of: &str, name: &str| payload.get(of).and_then(|inner| inner.get(name));
    let repo = field("repository", "full_name").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    match field("issue", "number").and_then(serde_json::Value::as_i64) {
        Some(number) => format!("{repo}#{number}"),
        None => repo,
    }
}

/// The name of the field that is missing.
type Missing = &'static str;

impl Payload {
    fn action(&self) -> &str {
        self.action.as_deref().unwrap_or_default()
    }

    fn installed(&self) -> InstallationId {
        InstallationId(self.installation.as_ref().map_or(0, |installation| installation.id))
    }

    fn actor(&self) -> Option<Person> {
        self.sender.as_ref().map(WireUser::person)
    }

    fn ticket(self, event: &str) -> Result<Read, Missing> {
        let repo = self.repository.as_ref().ok_or("repository")?.repo();
        let wire = self.issue.as_ref().ok_or("issue")?;
        let issue = wire.issue(&repo);
        let (sender, seen) = (self.actor(), issue.updated_at);
        let comment = || self.comment.as_ref().ok_or("comment");
        let label = || self.label.as_ref().map(|label| label.name.clone());
        let changes = self.changes.as_ref();
        let (at, actor, what) = match (event, self.action()) {
            ("issues", "opened") => {
                let opened = match changes.and_then(|changes| changes.old_issue.as_ref()) {
                    Some(old) => What::MovedHere { from: IssueId(old.id) },
                    None => What::Opened,
                };
                (issue.created_at, issue.author.clone(), opened)
            }
            ("issues", "closed") => (wire.closed_at.unwrap_or(seen), sender, What::Closed(close_reason(wire.state_reason.as_deref()))),
            ("issues", "reopened") => (seen, sender, What::Reopened),
            ("issues", "locked") => (seen, sender, What::Locked),
            ("issues", "unlocked") => (seen, sender, What::Unlocked),
            ("issues", "labeled") => (seen, sender, label().map_or(What::Seen, What::Labeled)),
            ("issues", "unlabeled") => (seen, sender, label().map_or(What::Seen, What::Unlabeled)),
            ("issues", "deleted") => (seen, sender, What::Gone),
            ("issues", "transferred") => {
                let there = changes.and_then(|changes| changes.new_issue.as_ref().zip(changes.new_repository.as_ref()));
                let moved = there.map(|(issue, repo)| {
                    let repo = repo.repo();
                    What::Moved(Box::new(Moved { issue: issue.issue(&repo), repo }))
                });
                (seen, sender, moved.unwrap_or(What::Gone))
            }
            ("issue_comment", "created") => comment()?.commented(),
            ("issue_comment", "deleted") => {
                let comment = comment()?;
                // GitHub gives a deletion no time of its own; the issue's last change is it.
                (seen.max(comment.created_at), sender, What::Uncommented(CommentId(comment.id)))
            }
            ("issue_comment", "edited") => {
                let comment = comment()?;
                (comment.updated_at.unwrap_or(seen), sender, What::CommentEdited(CommentId(comment.id)))
            }
            _ => (seen, sender, What::Seen),
        };
        let installation = self.installed();
        Ok(Read::News(Box::new(News::Ticket(Event { installation, repo, issue, at, actor, what }))))
    }

    fn label(self) -> Result<Read, Missing> {
        let renamed_from = self.changes.as_ref().and_then(|changes| changes.name.as_ref()).and_then(|name| name.from.clone());
        if self.action() != "deleted" && renamed_from.is_none() {
            return Ok(Read::NotOurs(format!("a label that was {} changes no ticket", self.action())));
        }
        let news = LabelEvent {
            installation: self.installed(),
            repo: self.repository.as_ref().ok_or("repository")?.repo(),
            actor: self.actor(),
            name: self.label.as_ref().ok_or("label")?.name.clone(),
            renamed_from: renamed_from.filter(|_| self.action() == "edited"),
        };
        Ok(Read::News(Box::new(News::Label(news))))
    }

    /// GitHub gives these no time of their own: in its published examples a repository's `updated_at` stays as it was when it is renamed
    /// or transferred, and an installation's when it is no longer suspended.
    fn repository(self, received: Timestamp) -> Result<Read, Missing> {
        let wire = self.repository.as_ref().ok_or("repository")?;
        let at = match self.action() {
            // Sent again late, it must not hide that the repository was made public since. If the time is too early, listing puts
            // it right; the other way round would tell the public what is not theirs (G3).
            "privatized" => wire.updated_at.as_ref().and_then(WireInstant::instant).unwrap_or(received).min(received),
            _ => received,
        };
        let repo = wire.repo();
        let what = match self.action() {
            "archived" => PlaceWhat::Archived(repo),
            "unarchived" => PlaceWhat::Unarchived(repo),
            "deleted" => PlaceWhat::Deleted(repo),
            _ => PlaceWhat::Seen(repo),
        };
        Ok(Read::News(Box::new(News::Place(PlaceEvent { installation: self.installed(), at, what }))))
    }

    fn installation(self, event: &str, received: Timestamp) -> Read {
        let repos = |list: &Option<Vec<WireRepo>>| list.iter().flatten().map(WireRepo::repo).collect::<Vec<_>>();
        let Some(wire) = &self.installation else {
            return Read::NotOurs(format!("an `{event}` that names no installation changes no ticket"));
        };
        let (at, what) = match (event, self.action()) {
            ("installation", "created") => {
                let at = wire.created_at.as_ref().and_then(WireInstant::instant).unwrap_or(received);
                (at, PlaceWhat::Installed(repos(&self.repositories)))
            }
            ("installation", "deleted") => (received, PlaceWhat::Uninstalled),
            ("installation", "suspend") => (wire.suspended_at.unwrap_or(received), PlaceWhat::Suspended),
            ("installation", "unsuspend") => (received, PlaceWhat::Unsuspended),
            // What the App was refused before, it may be told now (W3).
            ("installation", "new_permissions_accepted") => return Read::News(Box::new(News::Rights(self.rights()))),
            ("installation_repositories", _) => {
                let what = PlaceWhat::Repositories { added: repos(&self.repositories_added), removed: repos(&self.repositories_removed) };
                (received, what)
            }
            (_, action) => return Read::NotOurs(format!("`{action}` of an installation changes no ticket")),
        };
        Read::News(Box::new(News::Place(PlaceEvent { installation: self.installed(), at, what })))
    }

    fn rights(self) -> RightsEvent {
        let organization = self.organization.as_ref().map(|organization| organization.login.clone());
        let person = self.member.as_ref().or_else(|| self.membership.as_ref()?.user.as_ref()).map(WireUser::person);
        RightsEvent {
            installation: self.installed(),
            person,
            team: organization.zip(self.team.as_ref().and_then(|team| team.slug.clone())),
            repo: self.repository.as_ref().map(|repo| RepoId(repo.id)),
        }
    }
}
