//! The only reader of the environment and of `partner-desk.toml`. Everything is checked here, at once and before anything
//! starts; the rest of the desk gets values that are sound.

mod chat;
mod environment;
mod file;
mod hours;
mod keys;
mod labels;
mod ladders;
mod mail;
mod on_call;

pub use chat::{ChatChannel, ChatKind, SecretAddress, Signing};
pub use file::AgentEntry;
pub use keys::{ENVIRONMENT, KEYS};
pub use mail::Mail;

use crate::programme::problem::{Problem, Problems};
use crate::programme::{Policy, Programme};
use file::FileSettings;
use secrecy::SecretString;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::env::VarError;
use std::fmt;
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Read if it is there and no other file is named.
const DEFAULT_FILE: &str = "partner-desk.toml";

/// Everything that an operator can set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the data is.
    pub database_url: DatabaseUrl,
    /// The address to listen on: an IP address, without brackets, or a name.
    pub host: String,
    /// The port to listen on; 0 takes any that is free.
    pub port: u16,
    /// The address under which people and GitHub reach the desk, without a slash at its end.
    pub public_url: String,
    /// Whether it was said, and not only guessed from where the desk listens: else no message links there.
    pub public_url_is_set: bool,
    /// The App; without it there is only the setup page.
    pub app: Option<AppCredentials>,
    /// For signing in to the pages.
    pub oauth: Option<OAuthCredentials>,
    /// GitHub's API, without a slash at its end.
    pub api_url: String,
    /// GitHub's pages, without a slash at its end.
    pub web_url: String,
    /// Where webhooks are fetched from, if GitHub cannot reach the desk; set by `serve --relay`.
    pub relay: Option<String>,
    /// The configuration file, if there is one.
    pub config_path: Option<PathBuf>,
    /// The operator's choices.
    pub policy: Policy,
    /// The tiers.
    pub programme: Arc<Programme>,
    /// Who answers tickets (`W3`). Empty: whoever may triage.
    pub agents: Vec<AgentEntry>,
    /// The watched repositories as `owner/name`. Empty: all of the installation.
    pub repositories: Vec<String>,
    /// The channels that pings go to, in the order of the file.
    pub chat: Vec<ChatChannel>,
    /// A dead man's switch that is asked as long as the desk watches its clocks.
    pub heartbeat_url: Option<SecretAddress>,
    /// What is logged, in the form of `RUST_LOG`.
    pub log_filter: String,
    /// How it is logged.
    pub log_format: LogFormat,
}

/// Who the desk is on GitHub.
#[derive(Debug, Clone)]
pub struct AppCredentials {
    /// The App's id.
    pub app_id: i64,
    /// The App's private key as a PEM file.
    pub private_key: SecretString,
    /// What GitHub signs webhooks with.
    pub webhook_secret: SecretString,
}

/// For signing in with GitHub.
#[derive(Debug, Clone)]
pub struct OAuthCredentials {
    /// The App's client id.
    pub client_id: String,
    /// The App's client secret.
    pub client_secret: SecretString,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one object a line.
    Json,
}

/// A database's address. It may hold a password, so debug output shows only what kind of database it is.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl Deref for DatabaseUrl {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.split(':').next().unwrap_or_default();
        write!(f, "DatabaseUrl({scheme}:…)")
    }
}

/// Where settings come from; the process in earnest, anything in tests.
#[derive(Clone, Copy)]
struct Sources<'s> {
    env: &'s dyn Fn(&str) -> Option<String>,
    read: &'s dyn Fn(&Path) -> io::Result<String>,
    offline: bool,
}

impl Settings {
    /// The settings of this process.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn from_process() -> Result<Self, Problems> {
        of_process(|env| Self::load(env, &|path| std::fs::read_to_string(path)))
    }

    /// The settings of this process for a command that speaks to no chat: the secrets that `env:` names may be missing.
    ///
    /// # Errors
    /// Everything else that is wrong with them.
    pub fn from_process_offline() -> Result<Self, Problems> {
        of_process(|env| Self::load_from(Sources { env, read: &|path| std::fs::read_to_string(path), offline: true }))
    }

    /// Where `serve` listens with the environment of this process: its host and port.
    ///
    /// # Errors
    /// `HOST` or `PORT` is none.
    pub fn door_of_process() -> Result<(String, u16), Problems> {
        of_process(|env| {
            let sources = Sources { env, read: &|path| std::fs::read_to_string(path), offline: true };
            let mut problems = Vec::new();
            let door = (sources.host(&mut problems), sources.port(&mut problems));
            if problems.is_empty() { Ok(door) } else { Err(Problems(problems)) }
        })
    }

    /// One variable of this process, for what is asked before there are settings, or without any. An empty one is none.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn process_variable(name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    /// The settings of an environment and of files. An empty variable is none.
    ///
    /// # Errors
    /// Everything that is wrong with them, never with a secret in it.
    pub fn load(env: &dyn Fn(&str) -> Option<String>, read: &dyn Fn(&Path) -> io::Result<String>) -> Result<Self, Problems> {
        Self::load_from(Sources { env, read, offline: false })
    }

    fn load_from(sources: Sources<'_>) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let host = sources.host(&mut problems);
        let port = sources.port(&mut problems);
        let database_url = sources.database_url(&mut problems);
        let public_url = sources.public_url(|| local_address(&host, port), &mut problems);
        let public_url_is_set = sources.variable("PUBLIC_URL").is_some();
        let app = sources.app(&mut problems);
        let oauth = sources.oauth(&mut problems);
        let web_url = sources.address("GITHUB_URL", || "https://github.com".to_owned(), &mut problems);
        let api_url = sources.api_url(&web_url, &mut problems);
        let log_filter = sources.variable("RUST_LOG").unwrap_or_else(|| "info".to_owned());
        let log_format = sources.log_format(&mut problems);
        let (config_path, file) = match sources.config(&mut problems) {
            Some((path, text)) => {
                let file = sources.file(&path, &text, &mut problems);
                (Some(path), file)
            }
            None => (None, Some(FileSettings::without_a_file())),
        };
        match file {
            Some(FileSettings { policy, programme, agents, repositories, chat, heartbeat_url }) if problems.is_empty() => Ok(Self {
                database_url,
                host,
                port,
                public_url,
                public_url_is_set,
                app,
                oauth,
                api_url,
                web_url,
                relay: None,
                config_path,
                policy,
                programme: Arc::new(programme),
                agents,
                repositories,
                chat,
                heartbeat_url,
                log_filter,
                log_format,
            }),
            _ => Err(Problems(problems)),
        }
    }
}

impl Sources<'_> {
    /// The configuration file: one that is named must be there, the default one may be.
    fn config(&self, problems: &mut Vec<Problem>) -> Option<(PathBuf, String)> {
        let named = self.variable("PARTNER_DESK_CONFIG");
        let path = PathBuf::from(named.as_deref().unwrap_or(DEFAULT_FILE));
        match (self.read)(&path) {
            Ok(text) => Some((path, text)),
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                let problem = match &named {
                    Some(named) => Problem::environment("PARTNER_DESK_CONFIG", Some(named), "a configuration file that can be read"),
                    None => Problem {
                        file: DEFAULT_FILE.to_owned(),
                        line: None,
                        field: "the file".to_owned(),
                        value: None,
                        expected: "a configuration file that can be read".to_owned(),
                        hint: None,
                    },
                };
                problems.push(problem.with_hint(error.to_string()));
                None
            }
        }
    }
}

/// What is made of the environment of this process; a variable that is no text is not one that is not set.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
fn of_process<T>(make: impl FnOnce(&dyn Fn(&str) -> Option<String>) -> Result<T, Problems>) -> Result<T, Problems> {
    let strange = RefCell::new(BTreeSet::new());
    let made = make(&|name| match std::env::var(name) {
        Ok(value) => Some(value),
        Err(VarError::NotPresent) => None,
        Err(VarError::NotUnicode(_)) => {
            strange.borrow_mut().insert(name.to_owned());
            None
        }
    });
    let strange: Vec<_> =
        strange.into_inner().iter().map(|name| Problem::environment(name, Some("something else"), "text in UTF-8")).collect();
    match made {
        made if strange.is_empty() => made,
        Ok(_) => Err(Problems(strange)),
        Err(Problems(problems)) => {
            let named = |problem: &Problem| strange.iter().any(|one| one.field == problem.field);
            let others: Vec<_> = problems.into_iter().filter(|problem| !named(problem)).collect();
            Err(Problems(strange.into_iter().chain(others).collect()))
        }
    }
}

/// The address that reaches a server which listens here, from the same machine.
fn local_address(host: &str, port: u16) -> String {
    match host {
        // Every interface is where to listen, not where to go.
        "0.0.0.0" | "::" => format!("http://localhost:{port}"),
        host if host.contains(':') => format!("http://[{host}]:{port}"),
        host => format!("http://{host}:{port}"),
    }
}

#[cfg(test)]
mod tests;
