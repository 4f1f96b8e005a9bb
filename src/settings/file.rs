//! `partner-desk.toml`: from its text to the operator's choices.

use super::keys::under;
use super::{ChatChannel, SecretAddress, Sources, hours, labels, ladders};
use crate::programme::document::{Document, Field, Section};
use crate::programme::problem::{Problem, Unfit};
use crate::programme::{Policy, Programme, Zone, parse_duration};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use std::fmt;
use std::path::Path;

/// Who answers tickets, as an operator writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentEntry {
    /// One account, by login.
    Login(String),
    /// Everybody in a team.
    Team {
        /// The organisation's login.
        org: String,
        /// The team's name in its address.
        slug: String,
    },
}

impl fmt::Display for AgentEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Login(login) => f.write_str(login),
            Self::Team { org, slug } => write!(f, "@{org}/{slug}"),
        }
    }
}

/// What the file says, or what holds without one.
#[derive(Debug)]
pub(super) struct FileSettings {
    pub(super) policy: Policy,
    pub(super) programme: Programme,
    pub(super) agents: Vec<AgentEntry>,
    pub(super) repositories: Vec<String>,
    pub(super) chat: Vec<ChatChannel>,
    pub(super) heartbeat_url: Option<SecretAddress>,
}

impl FileSettings {
    pub(super) fn without_a_file() -> Self {
        Self {
            policy: Policy::default(),
            programme: Programme::builtin(),
            agents: Vec::new(),
            repositories: Vec::new(),
            chat: Vec::new(),
            heartbeat_url: None,
        }
    }
}

impl Sources<'_> {
    /// Reads the file's text, and the files that it names. `None` with at least one problem more.
    pub(super) fn file(&self, path: &Path, text: &str, problems: &mut Vec<Problem>) -> Option<FileSettings> {
        let document = Document::new(&path.display().to_string(), text);
        let folder = path.parent().unwrap_or(Path::new(""));
        let (mut of_the_programme, mut of_the_calendar) = (Vec::new(), Vec::new());
        let settings = document.parse().and_then(|table| {
            let root = document.root(&table);
            root.only(&under(""));
            let programme = self.programme(&root, folder, &mut of_the_programme);
            let (chat, names) = self.channels(&root, folder);
            let heartbeat_url = root.get("heartbeat_url").and_then(|field| self.secret_address(&field, folder));
            let mut policy = policy(&root);
            // Whoever names a channel that is merely wrong has named one.
            policy.channels = names;
            policy.new_tickets = chat.iter().filter(|channel| channel.new_tickets).map(|channel| channel.name.clone()).collect();
            policy.on_call = self.on_call(&root, &policy, folder, &mut of_the_calendar);
            // Against another programme than the operator's, the checks would only mislead.
            if let Some(programme) = &programme {
                policy.labels = labels::read(&root, programme);
                ladders::read(&root, &mut policy, programme);
                hours::read(&root, &mut policy, programme);
            }
            let agents = entries(&root, "agents", agent);
            let repositories = entries(&root, "repositories", repository);
            Some(FileSettings { policy, programme: programme?, agents, repositories, chat, heartbeat_url })
        });
        problems.extend(document.into_problems());
        problems.extend(of_the_programme);
        problems.extend(of_the_calendar);
        settings
    }

    fn programme(&self, root: &Section<'_>, folder: &Path, problems: &mut Vec<Problem>) -> Option<Programme> {
        let Some(field) = root.get("programme") else {
            return Some(Programme::builtin());
        };
        let path = folder.join(field.filled()?);
        match (self.read)(&path) {
            Ok(text) => Programme::parse_with(&path, &text, self.read).map_err(|found| problems.extend(found)).ok(),
            Err(error) => {
                field.refuse(Unfit::because("a programme file that can be read", format!("{}: {error}", path.display())));
                None
            }
        }
    }
}

fn policy(root: &Section<'_>) -> Policy {
    let mut policy = Policy::default();
    if let Some((zone, name)) = root.get("time_zone").and_then(|field| time_zone(&field)) {
        policy.time_zone = zone;
        policy.time_zone_name = name;
    }
    policy.mode = root.get("mode").and_then(|field| field.parsed()).unwrap_or_default();
    policy.over_quota = root.get("over_quota").and_then(|field| field.parsed()).unwrap_or_default();
    policy.unknown_author = root.get("unknown_author").and_then(|field| field.parsed()).unwrap_or_default();
    policy.response = root.get("response").and_then(|field| field.parsed()).unwrap_or_default();
    policy.privacy = root.get("privacy").and_then(|field| field.flag()).unwrap_or_default();
    policy.retention = root.get("retention").and_then(|field| retention(&field)).unwrap_or(policy.retention);
    policy
}

/// `O2`: GitHub sends a delivery again for three days, and one that was forgotten would be taken for a new one.
fn retention(field: &Field<'_>) -> Option<SignedDuration> {
    const FORM: &str = "whole days, from \"4d\" to \"3650d\"";
    const DAY: SignedDuration = SignedDuration::from_hours(24);
    let length = field.checked(parse_duration(field.filled()?).map_err(|unfit| Unfit { expected: FORM.to_owned(), ..unfit }))?;
    let hint = if length < DAY * 4 {
        "GitHub sends a delivery again for three days, and the desk has to know it until then"
    } else if length.as_millis() % DAY.as_millis() != 0 {
        "a day is 24 hours"
    } else {
        return Some(length);
    };
    field.refuse(Unfit::because(FORM, hint));
    None
}

/// `Q2`: only a zone with a name has rules for summer time.
fn time_zone(field: &Field<'_>) -> Option<(TimeZone, String)> {
    let zone = field.checked(Zone::named(field.filled()?))?;
    Some((zone.rules().clone(), zone.name().to_owned()))
}

fn entries<T>(root: &Section<'_>, key: &str, read: impl Fn(&Field<'_>) -> Option<T>) -> Vec<T> {
    let elements = root.get(key).and_then(|field| field.list("a list of texts in brackets, for example [\"a\", \"b\"]"));
    elements.unwrap_or_default().iter().filter_map(read).collect()
}

fn agent(field: &Field<'_>) -> Option<AgentEntry> {
    let text = field.filled()?;
    let bare = text.strip_prefix('@').unwrap_or(text);
    let entry = match bare.split_once('/') {
        Some((org, slug)) if is_login(org) && is_name(slug) => Some(AgentEntry::Team { org: org.to_owned(), slug: slug.to_owned() }),
        None if is_login(bare) => Some(AgentEntry::Login(bare.to_owned())),
        _ => None,
    };
    if entry.is_none() {
        field.refuse(Unfit::new("a login like \"ann\" or a team like \"@acme/support\""));
    }
    entry
}

fn repository(field: &Field<'_>) -> Option<String> {
    let text = field.filled()?;
    if text.split_once('/').is_some_and(|(owner, name)| is_login(owner) && is_name(name)) {
        return Some(text.to_owned());
    }
    field.refuse(Unfit::new("a repository as \"owner/name\""));
    None
}

pub(super) fn is_login(text: &str) -> bool {
    (1..=100).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

fn is_name(text: &str) -> bool {
    (1..=100).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}
