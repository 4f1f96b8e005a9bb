//! Calls to GitHub's API, through octocrab as transport and for its tokens.
//!
//! No retries and no redirects below this: a call that failed may have had its effect, and only the caller knows how to find
//! that out. A 401 had none; octocrab sends that call once more with a new token. Repositories are named by id, so that a rename or a move changes nothing (`S12`). While GitHub asks an installation for
//! quiet, nothing is sent through it: whoever calls is told until when (`G7`).

use super::skew::Skew;
use crate::clock::Clock;
use crate::domain::event::CloseReason;
use crate::domain::projection::Label;
use crate::domain::{CommentId, InstallationId, RepoId, UserId};
use crate::settings::AppCredentials;
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use octocrab::Octocrab;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as AsyncMutex, OnceCell};
use tracing::Instrument as _;

/// A segment of a path: everything but unreserved characters is written as `%XX`.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// GitHub asks for this much quiet where it names no other.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);
/// A longer quiet than this is a mistake of whoever asks for it.
const LONGEST_QUIET: Duration = Duration::from_hours(24);

/// GitHub gives each installation at least so many calls an hour.
const FEWEST_CALLS: usize = 5000;

/// Seconds by which GitHub's clock and the host's may differ.
const CLOCKS_DIFFER: i64 = 5;

/// An installation's calls: how many are left of how many an hour, and when there are new ones.
#[derive(Debug, Clone, Copy)]
struct Calls {
    left: i64,
    of: usize,
    anew: Timestamp,
}

/// What an installation's token is asked for with.
const TOKEN: &str = "POST access token";

/// Entries a page of a list.
pub const PER_PAGE: usize = 100;

/// Reads a list page by page, by number: an absolute `next` link would lose its authorisation on any host but github.com.
/// A macro, since an async closure cannot promise to be `Send`.
macro_rules! all_pages {
    (|$page:ident| $fetch:expr) => {{
        let mut all = Vec::new();
        for $page in 1..=1000_usize {
            let found: Vec<_> = $fetch;
            let last = found.len() < $crate::github::client::PER_PAGE;
            all.extend(found);
            if last {
                break;
            }
        }
        all
    }};
}
pub(super) use all_pages;

/// Why a call did not do what it was for.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No answer: it may or may not have had its effect.
    #[error("no answer from GitHub: {0}")]
    NoAnswer(String),
    /// Nothing was sent: GitHub has asked this installation for quiet (`G7`).
    #[error("GitHub asked for quiet until {0}")]
    Quiet(Timestamp),
    /// GitHub said no.
    #[error("GitHub answered {status} to {call}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The method and path.
        call: String,
        /// GitHub's reason.
        message: String,
        /// How long GitHub asks to wait: `Retry-After`, or until the hour's calls are given anew.
        retry_after: Option<Duration>,
        /// Where GitHub says that it is now.
        location: Option<String>,
    },
    /// GitHub's answer does not read as what it should be.
    #[error("GitHub's answer to {call} does not fit: {why}")]
    Unreadable {
        /// The method and path.
        call: String,
        /// The reader's reason.
        why: String,
    },
    /// The client could not be built from the App's credentials.
    #[error("the App's credentials do not work: {0}")]
    Credentials(String),
}

impl ApiError {
    /// The HTTP status, if GitHub answered.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the thing that was asked for is not there, or no longer. What is said to be elsewhere may be there.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        matches!(self.status(), Some(404 | 410))
    }

    /// Whether GitHub says that it is somewhere else. Readers are sent on with 301, writers with 307 or 308.
    #[must_use]
    pub const fn is_elsewhere(&self) -> bool {
        matches!(self.status(), Some(301 | 302 | 307 | 308))
    }

    /// Whether it may have had its effect all the same.
    #[must_use]
    pub const fn is_of_unknown_fate(&self) -> bool {
        matches!(self, Self::NoAnswer(_) | Self::Unreadable { .. }) || matches!(self.status(), Some(500..))
    }

    /// Whether GitHub does not take the desk for the App, or no longer.
    #[must_use]
    pub const fn is_of_credentials(&self) -> bool {
        matches!(self.status(), Some(401))
    }

    /// Whether it was asked with the App's own key, and not with an installation's token.
    #[must_use]
    pub fn is_to_the_app(&self) -> bool {
        matches!(self, Self::Refused { call, .. } if call == TOKEN || call.contains(" /app"))
    }

    /// Whether GitHub has it and will not do it: neither a limit nor a fault, nor for want of credentials.
    #[must_use]
    pub fn is_a_refusal(&self) -> bool {
        matches!(self.status(), Some(300..=499)) && !self.is_a_limit() && !self.is_of_credentials()
    }

    /// Whether GitHub will say the same until something changes there: what is sent does not fit, or the issue is locked.
    #[must_use]
    pub fn is_for_good(&self) -> bool {
        match self {
            Self::Refused { status: 422, .. } => true,
            Self::Refused { status: 403, message, .. } => message.contains("is locked"),
            _ => false,
        }
    }

    /// Whether the App lacks a permission, which the operator has to give it.
    #[must_use]
    pub fn is_no_permission(&self) -> bool {
        matches!(self, Self::Refused { status: 403, message, .. } if message.contains("not accessible by integration"))
    }

    /// Whether an issue has as many labels as it may have.
    #[must_use]
    pub fn is_too_many_labels(&self) -> bool {
        matches!(self, Self::Refused { status: 422, message, .. } if message.contains("more than 100 labels"))
    }
}

type Result<T> = std::result::Result<T, ApiError>;

/// GitHub, as the App.
#[derive(Debug)]
pub struct GitHub {
    app: Octocrab,
    app_id: u64,
    /// The API's base, without a slash at the end.
    base: String,
    clock: Clock,
    skew: Mutex<Skew>,
    /// Until when GitHub asked installations for quiet.
    quiet: Mutex<HashMap<InstallationId, Timestamp>>,
    /// What GitHub last said of the calls of installations.
    calls: Mutex<HashMap<InstallationId, Calls>>,
    slug: OnceCell<String>,
    installations: Mutex<HashMap<InstallationId, Arc<Installation>>>,
    last_word: Mutex<String>,
    /// How requests went since the start.
    pub requests: Requests,
}

/// How requests went, counted: reads and writes apart.
#[derive(Debug, Default)]
pub struct Requests([[AtomicU64; OUTCOMES.len()]; 2]);

/// What becomes of a request, as metrics have it: answered, refused, refused because of a limit, failed at GitHub, without an answer.
const OUTCOMES: [&str; 5] = ["ok", "refused", "limited", "failed", "unanswered"];

impl Requests {
    /// Each count with whether it is of reads or writes, and what became of them.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let kinds = ["read", "write"].into_iter().zip(&self.0);
        kinds.flat_map(|(kind, counts)| {
            OUTCOMES.into_iter().zip(counts).map(move |(outcome, count)| (kind, outcome, count.load(Ordering::Relaxed)))
        })
    }

    fn count(&self, write: bool, answer: &Result<Raw>) {
        let refusal =
            answer.as_ref().map_or_else(|error| error.status().map(|_| error.is_a_limit()), |raw| raw.refusal().map(|no| no.is_a_limit()));
        let outcome = match answer.as_ref().map(|raw| raw.status) {
            Ok(..400) => "ok",
            _ if refusal == Some(true) => "limited",
            Ok(500..) | Err(ApiError::Refused { status: 500.., .. }) => "failed",
            Ok(_) | Err(ApiError::Refused { .. }) => "refused",
            Err(_) => "unanswered",
        };
        let place = OUTCOMES.iter().position(|known| *known == outcome);
        let [reads, writes] = &self.0;
        if let Some(count) = place.and_then(|place| if write { writes } else { reads }.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One installation's own client. octocrab mints a token per clone and per concurrent call, hence one of each and a lock.
#[derive(Debug)]
struct Installation {
    client: Octocrab,
    minting: AsyncMutex<()>,
}

/// A comment as it stands at GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Which.
    pub id: CommentId,
    /// Its text.
    pub body: String,
    /// The account that wrote it.
    pub author: String,
}

/// An installation of the App.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallationInfo {
    /// Which.
    pub id: InstallationId,
    /// Since when its owner has it suspended.
    pub suspended: Option<Timestamp>,
    /// The login of the account that it is on.
    pub account: String,
}

impl ApiError {
    /// Whether GitHub asks for patience, which says nothing about what was asked.
    #[must_use]
    pub fn is_a_limit(&self) -> bool {
        match self {
            Self::Quiet(_) | Self::Refused { status: 429, .. } | Self::Refused { status: 403, retry_after: Some(_), .. } => true,
            Self::Refused { status: 403, message, .. } => {
                let message = message.to_ascii_lowercase();
                message.contains("rate limit") || message.contains("abuse detection")
            }
            _ => false,
        }
    }
}

impl GitHub {
    /// Builds the client; makes no call.
    ///
    /// # Errors
    /// A private key or URL that cannot be used.
    pub fn new(credentials: &AppCredentials, api_url: &str, clock: Clock) -> Result<Self> {
        let wrong = |error: octocrab::Error| ApiError::Credentials(describe(&error));
        let app_id = u64::try_from(credentials.app_id).map_err(|_| ApiError::Credentials("APP_ID is negative".to_owned()))?;
        let app = Octocrab::builder()
            .base_uri(api_url)
            .map_err(wrong)?
            .add_header(http::header::ACCEPT, "application/vnd.github+json".to_owned())
            .set_connect_timeout(Some(Duration::from_secs(3)))
            .set_read_timeout(Some(Duration::from_secs(10)))
            .set_write_timeout(Some(Duration::from_secs(10)))
            .app_from_rsa_pem(app_id.into(), credentials.private_key.expose_secret().as_bytes())
            .map_err(wrong)?
            .build()
            .map_err(wrong)?;
        Ok(Self {
            app,
            app_id,
            base: api_url.trim_end_matches('/').to_owned(),
            clock,
            skew: Mutex::default(),
            quiet: Mutex::default(),
            calls: Mutex::default(),
            slug: OnceCell::new(),
            installations: Mutex::default(),
            last_word: Mutex::new("not asked yet".to_owned()),
            requests: Requests::default(),
        })
    }

    /// Until when GitHub asks this installation for quiet, where it does (`G7`).
    #[must_use]
    pub fn quiet_until(&self, installation: InstallationId) -> Option<Timestamp> {
        self.quiet.lock().unwrap_or_else(PoisonError::into_inner).get(&installation).copied().filter(|until| *until > self.clock.now())
    }

    /// Keeps quiet towards an installation until then, or longer where GitHub asked for that.
    pub fn keep_quiet(&self, installation: InstallationId, until: Timestamp) {
        let mut quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        let at = quiet.entry(installation).or_insert(until);
        *at = (*at).max(until);
    }

    /// Keeps quiet for no longer than until then: longer, it was a clock that was ahead which kept it.
    pub fn keep_quiet_at_most(&self, latest: Timestamp) {
        self.quiet.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, until| *until <= latest);
    }

    /// Every installation that GitHub asks for quiet, and until when.
    #[must_use]
    pub fn quiet_ones(&self) -> Vec<(InstallationId, Timestamp)> {
        let now = self.clock.now();
        let mut quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        quiet.retain(|_, until| *until > now);
        quiet.iter().map(|(installation, until)| (*installation, *until)).collect()
    }

    /// The calls that GitHub last said to be left of this hour's, of each installation that was spoken to in it.
    #[must_use]
    pub fn calls_heard_of(&self) -> Vec<(InstallationId, i64)> {
        let now = self.clock.now();
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.iter().filter(|(_, calls)| calls.anew > now).map(|(installation, calls)| (*installation, calls.left)).collect()
    }

    fn hear_of_calls(&self, installation: InstallationId, raw: &Raw) {
        if let Some(calls) = raw.calls() {
            self.calls.lock().unwrap_or_else(PoisonError::into_inner).insert(installation, calls);
        }
    }

    /// Where a location of GitHub's own is, as a path of its API; `None`: it is somewhere else, and the token is not taken there.
    pub(super) fn own_path<'l>(&self, location: &'l str) -> Option<&'l str> {
        location.strip_prefix(&self.base).filter(|path| path.starts_with('/'))
    }

    /// The account under which the App writes: `<slug>[bot]`.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub async fn bot_login(&self) -> Result<String> {
        #[derive(serde::Deserialize)]
        struct App {
            slug: String,
        }
        let slug = self.slug.get_or_try_init(|| async {
            let app: App = self.ask_as_app("/app").await?;
            Ok::<_, ApiError>(app.slug)
        });
        Ok(format!("{}[bot]", slug.await?))
    }

    /// The same, where it was asked already.
    #[must_use]
    pub fn known_bot_login(&self) -> Option<String> {
        self.slug.get().map(|slug| format!("{slug}[bot]"))
    }

    /// How the last call went, for the health page.
    #[must_use]
    pub fn last_word(&self) -> String {
        self.last_word.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_word(&self, error: Option<&ApiError>) {
        let word = match error {
            // Who can read this need not read what was asked for.
            Some(ApiError::Refused { status: status @ (401 | 403 | 500..), .. }) => format!("GitHub answered {status}"),
            None | Some(ApiError::Refused { .. }) => "ok".to_owned(),
            Some(error) => error.to_string(),
        };
        *self.last_word.lock().unwrap_or_else(PoisonError::into_inner) = word;
    }

    /// How many calls an hour GitHub gives an installation, as far as it has said so.
    #[must_use]
    pub fn calls_an_hour(&self, installation: InstallationId) -> usize {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).get(&installation).map_or(FEWEST_CALLS, |calls| calls.of)
    }

    /// The App's id.
    #[must_use]
    pub const fn app_id(&self) -> u64 {
        self.app_id
    }

    /// Where the App is installed.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub async fn installations(&self) -> Result<Vec<InstallationInfo>> {
        #[derive(serde::Deserialize)]
        struct Found {
            id: i64,
            #[serde(default)]
            suspended_at: Option<Timestamp>,
            #[serde(default)]
            account: Option<Account>,
        }
        #[derive(serde::Deserialize)]
        struct Account {
            #[serde(default)]
            login: String,
        }
        let found: Vec<Found> = all_pages!(|page| {
            let path = format!("/app/installations?per_page={PER_PAGE}&page={page}");
            self.ask_as_app(&path).await?
        });
        let info = |found: Found| InstallationInfo {
            id: InstallationId(found.id),
            suspended: found.suspended_at,
            account: found.account.map(|account| account.login).unwrap_or_default(),
        };
        Ok(found.into_iter().map(info).collect())
    }

    /// Through which installation a repository is reached.
    ///
    /// # Errors
    /// GitHub cannot be asked, or the App is not installed there.
    pub async fn installation_of(&self, full_name: &str) -> Result<InstallationId> {
        #[derive(serde::Deserialize)]
        struct Found {
            id: i64,
        }
        let found: Found = self.ask_as_app(&format!("/repos/{full_name}/installation")).await?;
        Ok(InstallationId(found.id))
    }

    /// The id of an account, by its present login; `None`: there is no such account (`W1`).
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub async fn user_id(&self, installation: InstallationId, login: &str) -> Result<Option<(UserId, String)>> {
        #[derive(serde::Deserialize)]
        struct User {
            id: i64,
            login: String,
        }
        let path = format!("/users/{}", segment(login));
        match self.get::<User>(installation, &path).await {
            Ok(user) => Ok(Some((UserId(user.id), user.login))),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates a label in a repository. `false`: it is there already.
    ///
    /// # Errors
    /// GitHub refuses otherwise, or does not answer.
    pub async fn create_label(&self, installation: InstallationId, repo: RepoId, label: &Label) -> Result<bool> {
        let body = json!({ "name": label.name, "color": label.color, "description": label.description });
        let path = format!("/repositories/{repo}/labels");
        match self.call::<Value>(installation, http::Method::POST, &path, Some(&body)).await {
            Ok(_) => Ok(true),
            Err(ApiError::Refused { status: 422, message, .. }) if message.contains("already_exists") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts labels on an issue, besides those that are on it.
    ///
    /// # Errors
    /// GitHub refuses, or does not answer.
    pub async fn add_labels(&self, installation: InstallationId, repo: RepoId, number: i64, names: &[String]) -> Result<()> {
        let path = format!("/repositories/{repo}/issues/{number}/labels");
        self.call::<Value>(installation, http::Method::POST, &path, Some(&json!({ "labels": names }))).await?;
        Ok(())
    }

    /// Takes a label off an issue; one that is not on it is as good as taken off.
    ///
    /// # Errors
    /// GitHub refuses otherwise, or does not answer.
    pub async fn remove_label(&self, installation: InstallationId, repo: RepoId, number: i64, name: &str) -> Result<()> {
        let path = format!("/repositories/{repo}/issues/{number}/labels/{}", segment(name));
        match self.call::<Value>(installation, http::Method::DELETE, &path, None).await {
            Ok(_) => Ok(()),
            Err(error) if error.status() == Some(404) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Assigns people to an issue, beside those who are. Gives back whom GitHub left out, as it does without a word with who may not
    /// be assigned there, and with who comes on top of what the repository's plan allows.
    ///
    /// # Errors
    /// GitHub refuses, or does not answer.
    pub async fn assign(&self, installation: InstallationId, repo: RepoId, number: i64, logins: &[String]) -> Result<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Assigned {
            assignees: Vec<Assignee>,
        }
        #[derive(serde::Deserialize)]
        struct Assignee {
            login: String,
        }
        let path = format!("/repositories/{repo}/issues/{number}/assignees");
        let issue: Assigned = self.call(installation, http::Method::POST, &path, Some(&json!({ "assignees": logins }))).await?;
        let is = |login: &&String| issue.assignees.iter().any(|assignee| assignee.login.eq_ignore_ascii_case(login));
        Ok(logins.iter().filter(|login| !is(login)).cloned().collect())
    }

    /// Posts a comment.
    ///
    /// # Errors
    /// GitHub refuses; or does not answer, then the comment may stand there all the same.
    pub async fn post_comment(&self, installation: InstallationId, repo: RepoId, number: i64, body: &str) -> Result<CommentId> {
        #[derive(serde::Deserialize)]
        struct Posted {
            id: i64,
        }
        let path = format!("/repositories/{repo}/issues/{number}/comments");
        let posted: Posted = self.call(installation, http::Method::POST, &path, Some(&json!({ "body": body }))).await?;
        Ok(CommentId(posted.id))
    }

    /// Edits a comment.
    ///
    /// # Errors
    /// GitHub refuses, or does not answer.
    pub async fn edit_comment(&self, installation: InstallationId, repo: RepoId, comment: CommentId, body: &str) -> Result<()> {
        let path = format!("/repositories/{repo}/issues/comments/{comment}");
        self.call::<Value>(installation, http::Method::PATCH, &path, Some(&json!({ "body": body }))).await?;
        Ok(())
    }

    /// Closes an issue, or opens it; in which state it is already does not matter.
    ///
    /// # Errors
    /// GitHub refuses, or does not answer.
    pub async fn set_state(&self, installation: InstallationId, repo: RepoId, number: i64, close: Option<CloseReason>) -> Result<()> {
        let body = match close {
            None => json!({ "state": "open" }),
            Some(CloseReason::Completed) => json!({ "state": "closed", "state_reason": "completed" }),
            Some(CloseReason::NotPlanned) => json!({ "state": "closed", "state_reason": "not_planned" }),
            Some(CloseReason::Duplicate) => json!({ "state": "closed", "state_reason": "duplicate" }),
        };
        let path = format!("/repositories/{repo}/issues/{number}");
        self.call::<Value>(installation, http::Method::PATCH, &path, Some(&body)).await?;
        Ok(())
    }

    /// Whether an issue is open, or closed, as it was to be set; or was set so by the App since a second of the epoch, and people have
    /// had the last word.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub async fn was_set(
        &self,
        installation: InstallationId,
        repo: RepoId,
        number: i64,
        close: Option<CloseReason>,
        since: Option<i64>,
    ) -> Result<bool> {
        #[derive(serde::Deserialize)]
        struct Found {
            state: String,
        }
        #[derive(serde::Deserialize)]
        struct Entry {
            event: String,
            #[serde(default)]
            actor: Option<Actor>,
            #[serde(default)]
            created_at: Option<Timestamp>,
        }
        #[derive(serde::Deserialize)]
        struct Actor {
            login: String,
        }
        let path = format!("/repositories/{repo}/issues/{number}");
        let found: Found = self.get(installation, &path).await?;
        if (found.state == "closed") == close.is_some() {
            return Ok(true);
        }
        let Some(since) = since else { return Ok(false) };
        let bot = self.bot_login().await?;
        let entries: Vec<Entry> = all_pages!(|page| {
            let path = format!("{path}/events?per_page={PER_PAGE}&page={page}");
            self.get(installation, &path).await?
        });
        let set = if close.is_some() { "closed" } else { "reopened" };
        // GitHub's clock and the host's may differ a little.
        let after = since.saturating_sub(CLOCKS_DIFFER);
        let by_bot = |entry: &Entry| entry.actor.as_ref().is_some_and(|actor| actor.login == bot);
        Ok(entries.iter().any(|entry| entry.event == set && by_bot(entry) && entry.created_at.is_some_and(|at| at.as_second() >= after)))
    }

    /// A thumbs-up for a comment; the second of one account is the first.
    ///
    /// # Errors
    /// GitHub refuses, or does not answer.
    pub async fn thank(&self, installation: InstallationId, repo: RepoId, comment: CommentId) -> Result<()> {
        let path = format!("/repositories/{repo}/issues/comments/{comment}/reactions");
        self.call::<Value>(installation, http::Method::POST, &path, Some(&json!({ "content": "+1" }))).await?;
        Ok(())
    }

    /// The names of the labels on an issue: at most 100, as GitHub allows no more.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub async fn labels_on(&self, installation: InstallationId, repo: RepoId, number: i64) -> Result<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Found {
            name: String,
        }
        let path = format!("/repositories/{repo}/issues/{number}/labels?per_page={PER_PAGE}");
        let found: Vec<Found> = self.get(installation, &path).await?;
        Ok(found.into_iter().map(|label| label.name).collect())
    }

    /// The names of the labels that a repository has.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub async fn labels_of(&self, installation: InstallationId, repo: RepoId) -> Result<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Found {
            name: String,
        }
        let found: Vec<Found> = all_pages!(|page| {
            let path = format!("/repositories/{repo}/labels?per_page={PER_PAGE}&page={page}");
            self.get(installation, &path).await?
        });
        Ok(found.into_iter().map(|label| label.name).collect())
    }

    /// Whether any issue or pull request carries a label, open or closed.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub async fn is_carried(&self, installation: InstallationId, repo: RepoId, name: &str) -> Result<bool> {
        let path = format!("/repositories/{repo}/issues?state=all&per_page=1&labels={}", segment(name));
        let found: Vec<serde::de::IgnoredAny> = self.get(installation, &path).await?;
        Ok(!found.is_empty())
    }

    /// Deletes a label of a repository; one that is not there is as good as deleted.
    ///
    /// # Errors
    /// GitHub refuses otherwise, or does not answer.
    pub async fn delete_label(&self, installation: InstallationId, repo: RepoId, name: &str) -> Result<()> {
        let path = format!("/repositories/{repo}/labels/{}", segment(name));
        match self.call::<Value>(installation, http::Method::DELETE, &path, None).await {
            Ok(_) => Ok(()),
            Err(error) if error.status() == Some(404) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Every comment of an issue, as it stands.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub async fn comments(&self, installation: InstallationId, repo: RepoId, number: i64) -> Result<Vec<Standing>> {
        #[derive(serde::Deserialize)]
        struct Found {
            id: i64,
            #[serde(default)]
            body: Option<String>,
            #[serde(default)]
            user: Option<Author>,
        }
        #[derive(serde::Deserialize)]
        struct Author {
            login: String,
        }
        let found: Vec<Found> = all_pages!(|page| {
            let path = format!("/repositories/{repo}/issues/{number}/comments?per_page={PER_PAGE}&page={page}");
            self.get(installation, &path).await?
        });
        let standing = |found: Found| Standing {
            id: CommentId(found.id),
            body: found.body.unwrap_or_default(),
            author: found.user.map(|user| user.login).unwrap_or_default(),
        };
        Ok(found.into_iter().map(standing).collect())
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, installation: InstallationId, path: &str) -> Result<T> {
        self.call(installation, http::Method::GET, path, None).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        installation: InstallationId,
        method: http::Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T> {
        let held = self.installation(installation)?;
        if let Some(until) = self.quiet_until(installation) {
            return Err(ApiError::Quiet(until));
        }
        {
            let _one_at_a_time = held.minting.lock().await;
            let asked = self.clock.now();
            held.client.installation_token().await.map_err(|error| {
                // A clock that is far off is refused here already.
                if let octocrab::Error::GitHub { source, .. } = &error {
                    self.measure(asked, source.headers.as_ref());
                }
                let error = failure(&error, TOKEN);
                self.note_word(Some(&error));
                error
            })?;
        }
        let raw = self.exchange(&held.client, method, path, body).await;
        if let Ok(raw) = &raw {
            self.hear_of_calls(installation, raw);
        }
        if let Some(wait) = raw.as_ref().ok().and_then(Raw::quiet_asked) {
            let now = self.clock.now();
            self.keep_quiet(installation, now.saturating_add(SignedDuration::try_from(wait).unwrap_or(PATIENCE)).unwrap_or(now));
        }
        raw.and_then(Raw::read)
    }

    pub(super) async fn ask_as_app<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.exchange(&self.app, http::Method::GET, path, None).await?.read()
    }

    /// A call as the App itself; the answer as it came, if it is none that refuses.
    pub(super) async fn call_as_app(&self, method: http::Method, path: &str) -> Result<Raw> {
        let raw = self.exchange(&self.app, method, path, None).await?;
        raw.refusal().map_or(Ok(raw), Err)
    }

    /// By how much the host's clock is ahead of GitHub's; below zero: behind. `None` before enough was heard (`R7`).
    #[must_use]
    pub fn skew(&self) -> Option<SignedDuration> {
        self.skew.lock().unwrap_or_else(PoisonError::into_inner).measured()
    }

    /// Asks GitHub something small, for its time.
    pub async fn ask_the_time(&self) {
        // Refused or not, the answer has a date.
        let _ = self.exchange(&self.app, http::Method::GET, "/app", None).await;
    }

    async fn exchange(&self, client: &Octocrab, method: http::Method, path: &str, body: Option<&Value>) -> Result<Raw> {
        let asked = self.clock.now();
        let write = method != http::Method::GET;
        let span = tracing::info_span!(target: "otel", "github", %method, path, status = tracing::field::Empty);
        let answer = exchange(client, method, path, body).instrument(span.clone()).await;
        if let Ok(raw) = &answer {
            span.record("status", raw.status);
        }
        self.requests.count(write, &answer);
        match &answer {
            Ok(raw) => self.note_word(raw.refusal().as_ref()),
            Err(error) => self.note_word(Some(error)),
        }
        self.measure(asked, answer.as_ref().ok().map(|raw| &raw.headers));
        answer
    }

    fn measure(&self, asked: Timestamp, headers: Option<&http::HeaderMap>) {
        let date = headers.and_then(|headers| headers.get(http::header::DATE)).and_then(|date| date.to_str().ok());
        if let Some(date) = date {
            self.skew.lock().unwrap_or_else(PoisonError::into_inner).hear(asked, self.clock.now(), date);
        }
    }

    fn installation(&self, id: InstallationId) -> Result<Arc<Installation>> {
        let mut held = self.installations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = held.get(&id) {
            return Ok(known.clone());
        }
        let number = u64::try_from(id.0).map_err(|_| ApiError::Credentials(format!("{id} is no installation id")))?;
        let client = self.app.installation(number.into()).map_err(|error| ApiError::Credentials(describe(&error)))?;
        let new = Arc::new(Installation { client, minting: AsyncMutex::new(()) });
        held.insert(id, new.clone());
        Ok(new)
    }
}

/// An answer as it came.
pub(super) struct Raw {
    call: String,
    status: u16,
    headers: http::HeaderMap,
    body: Vec<u8>,
}

pub(super) async fn exchange(client: &Octocrab, method: http::Method, path: &str, body: Option<&Value>) -> Result<Raw> {
    let call = format!("{method} {path}");
    let request = client.build_request(http::Request::builder().method(method).uri(path), body);
    let request = request.map_err(|error| failure(&error, &call))?;
    let response = client.execute(request).await.map_err(|error| failure(&error, &call))?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| ApiError::NoAnswer(describe(&error)))?.to_bytes().to_vec();
    Ok(Raw { call, status: head.status.as_u16(), headers: head.headers, body })
}

impl Raw {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// What it says of the hour's calls. Searches and the like are counted by themselves.
    fn calls(&self) -> Option<Calls> {
        let number = |name| self.header(name)?.trim().parse::<i64>().ok();
        let of = usize::try_from(number("x-ratelimit-limit")?).ok()?;
        let (left, anew) = (number("x-ratelimit-remaining")?, Timestamp::from_second(number("x-ratelimit-reset")?).ok()?);
        self.header("x-ratelimit-resource").is_none_or(|resource| resource == "core").then_some(Calls { left, of, anew })
    }

    /// How long GitHub asks to wait: `Retry-After`, else until the hour's calls are given anew, where none is left. By GitHub's own
    /// clock: the host's may be another. `None`: it names no time, or one that has come already.
    fn retry_after(&self) -> Option<Duration> {
        let now = || self.header("date").and_then(|date| jiff::fmt::rfc2822::parse(date).ok()).map(|date| date.timestamp().as_second());
        let until = |second: i64| Some(Duration::from_secs(u64::try_from(second.saturating_sub(now()?)).unwrap_or(0)));
        let asked = self.header("retry-after").and_then(|text| match text.trim().parse() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => until(jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_second()),
        });
        let used_up = || self.header("x-ratelimit-remaining").is_some_and(|left| left.trim() == "0");
        let anew = || self.header("x-ratelimit-reset").and_then(|reset| until(reset.trim().parse().ok()?));
        // None at all is no time that could be kept.
        let asked = asked.or_else(|| if used_up() { anew() } else { None }).filter(|wait| !wait.is_zero());
        asked.map(|wait| wait.min(LONGEST_QUIET))
    }

    /// How long nothing is to be sent: GitHub refused because of a limit, or what was answered was the last of the hour.
    fn quiet_asked(&self) -> Option<Duration> {
        match self.refusal() {
            None => self.retry_after().filter(|_| self.status < 400),
            Some(refusal) => refusal.is_a_limit().then(|| self.retry_after().unwrap_or(PATIENCE.unsigned_abs())),
        }
    }

    fn refusal(&self) -> Option<ApiError> {
        if (200..300).contains(&self.status) {
            return None;
        }
        // The whole body, cut: GitHub names the field and the code of a refusal in `errors`.
        let mut message: String = String::from_utf8_lossy(&self.body).chars().take(500).collect();
        if let (403, Some(wanted)) = (self.status, self.header("x-accepted-github-permissions")) {
            message = format!("{message} (permission wanted: {wanted})");
        }
        let location = self.header("location").map(str::to_owned);
        Some(ApiError::Refused { status: self.status, call: self.call.clone(), message, retry_after: self.retry_after(), location })
    }

    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        let text: &[u8] = if self.body.is_empty() { b"null" } else { &self.body };
        serde_json::from_slice(text).map_err(|error| ApiError::Unreadable { call: self.call, why: error.to_string() })
    }
}

fn failure(error: &octocrab::Error, call: &str) -> ApiError {
    match error {
        octocrab::Error::GitHub { source, .. } => ApiError::Refused {
            status: source.status_code.as_u16(),
            call: call.to_owned(),
            message: source.message.clone(),
            retry_after: None,
            location: None,
        },
        other => ApiError::NoAnswer(describe(other)),
    }
}

/// An error with its causes on one line. Requests carry their token in a header, which no error shows.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string().lines().next().unwrap_or_default().to_owned();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let line = inner.to_string().lines().next().unwrap_or_default().to_owned();
        if !text.contains(&line) {
            text.push_str(": ");
            text.push_str(&line);
        }
        cause = inner.source();
    }
    text
}

pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}
