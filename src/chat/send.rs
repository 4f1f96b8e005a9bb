//! Sends a message to a channel, once.

use super::bot::{Bot, Host, Looked, Posted, Renewed};
use super::email::{self, MailAccess, Mailer};
use super::root::Root;
use super::{ChatMessage, discord, google_chat, mattermost, slack, teams, webhook};
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, Response, StatusCode, Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A channel has this long to take a message and to say so.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// What errors call whoever takes messages.
pub(super) const HOST: &str = "the chat host";
/// A host that asks for more patience than this is asked again anyway.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// A channel as it is configured.
#[derive(Debug, Clone)]
pub struct Channel {
    /// What ladders call it.
    pub name: String,
    /// What listens there.
    pub kind: Kind,
    /// Where: an incoming webhook's address, which is a secret, since whoever has it can post, or that of the API that a bot speaks to.
    pub url: SecretString,
    /// The bot that speaks there, in place of an incoming webhook: for Slack and Mattermost (`E8`).
    pub bot: Option<BotAccess>,
    /// The channel that speaks for it while it does not answer (`E7`).
    pub fallback: Option<String>,
}

/// Who a bot is, and in which channel it speaks.
#[derive(Debug, Clone)]
pub struct BotAccess {
    /// Its token.
    pub token: SecretString,
    /// The channel, as the chat calls it.
    pub channel: String,
}

/// A message on its way.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The same whenever the same message is sent.
    pub key: &'a str,
    /// What it says.
    pub what: &'a ChatMessage,
    /// The channels in whose place it is sent, if not by its own.
    pub instead_of: &'a [String],
    /// The message that it hangs on, where a bot speaks (`E8`).
    pub thread: Option<&'a str>,
}

/// What listens at a channel's address.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A Slack incoming webhook, or something that takes the same.
    Slack,
    /// A Mattermost incoming webhook.
    Mattermost,
    /// A Discord webhook.
    Discord,
    /// A Microsoft Teams workflow.
    Teams,
    /// A Google Chat incoming webhook.
    GoogleChat,
    /// A mail server, by SMTP.
    Email(MailAccess),
    /// A receiver of the operator's own.
    Webhook {
        /// Signs the bodies, if there is one.
        secret: Option<SecretString>,
    },
}

/// Why the channels can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// Two channels share a name.
    #[error("chat `{0}`: there are two channels of this name; expected a name of its own for each")]
    Twice(String),
    /// The address can't be one.
    #[error("chat `{0}`: `url` is no address (not shown, it is a secret); expected `https://…`")]
    Url(String),
    /// The dead man's switch has none.
    #[error("`heartbeat_url` is no address (not shown, it is a secret); expected `https://…`")]
    HeartbeatUrl,
    /// The mail server's address can't be one.
    #[error(
        "chat `{0}`: `url` is no mail server's address (not shown, it may hold a password); expected `smtps://HOST` or `smtp://HOST`, with `USER@` before the host where there is a password, and only there"
    )]
    Mail(String),
    /// The certificates can't be read.
    #[error("chat `{0}`: the certificates of `ca_file` can't be used: {1}")]
    Certificates(String, String),
    /// A token that cannot be one.
    #[error("chat `{0}`: `token` is none (not shown, it is a secret); expected one word, as the chat shows it")]
    Token(String),
    /// No bot speaks to a chat of this kind.
    #[error("chat `{0}`: `token` and `channel` are for the kinds \"slack\" and \"mattermost\"")]
    NoBots(String),
    /// A secret that signs nothing.
    #[error("chat `{0}`: `secret` is empty; expected a text, or no `secret` at all")]
    Secret(String),
    /// The HTTP client could not be set up.
    #[error("chat: no HTTPS client: {0}")]
    Client(String),
}

/// Why a message was not taken. Never holds an address or a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It may be taken later.
    #[error("{why}")]
    Retry {
        /// When the host said to come back.
        after: Option<Duration>,
        /// In words.
        why: String,
    },
    /// It will not be taken: something has to be changed first.
    #[error("{why}")]
    Refused {
        /// The host's answer; none where nobody was asked.
        status: Option<u16>,
        /// In words.
        why: String,
    },
}

/// Every configured channel.
#[derive(Clone)]
pub struct Chat {
    channels: BTreeMap<String, Target>,
}

/// A channel, checked.
#[derive(Clone)]
struct Target {
    http: Client,
    door: Door,
    fallback: Option<String>,
}

/// What is behind a channel.
#[derive(Clone)]
enum Door {
    Webhook { url: Url, format: Format },
    Bot(Bot),
    Mail(Box<Mailer>),
}

impl Door {
    /// Where it is on the web; mail is not sent there.
    const fn url(&self) -> Option<&Url> {
        match self {
            Self::Webhook { url, .. } => Some(url),
            Self::Bot(bot) => Some(&bot.base),
            Self::Mail(_) => None,
        }
    }

    /// Whether it is on this machine.
    fn is_here(&self) -> bool {
        self.url().is_some_and(is_here)
    }
}

#[derive(Clone)]
enum Format {
    /// The body, and how many of the message's lines it has no room for.
    Card(fn(&ChatMessage, &[String], Timestamp) -> (Value, usize)),
    Webhook(Option<webhook::Signer>),
}

/// Addresses are secrets, so only names are shown.
impl fmt::Debug for Chat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.channels.keys()).finish()
    }
}

impl Chat {
    /// Checks the channels; talks to nobody yet.
    ///
    /// # Errors
    /// The first channel that can't work, by name, without its address.
    pub fn new(channels: impl IntoIterator<Item = Channel>) -> Result<Self, ChatError> {
        let checked: Vec<_> = channels
            .into_iter()
            .map(|Channel { name, kind, url, bot, fallback }| Ok((door(&name, kind, &url, bot)?, name, fallback)))
            .collect::<Result<_, ChatError>>()?;
        let client = |builder: ClientBuilder| builder.build().map_err(|e| ChatError::Client(without_address(e, HOST)));
        let http = client(builder())?;
        // This machine is never reached by way of another, whatever proxy the environment names for the rest of the world.
        let direct = if checked.iter().any(|(door, ..)| door.is_here()) { client(builder().no_proxy())? } else { http.clone() };
        let mut channels = BTreeMap::new();
        for (door, name, fallback) in checked {
            let http = if door.is_here() { direct.clone() } else { http.clone() };
            if channels.insert(name.clone(), Target { http, door, fallback }).is_some() {
                return Err(ChatError::Twice(name));
            }
        }
        Ok(Self { channels })
    }

    /// The channels' names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.channels.keys().map(String::as_str)
    }

    /// The channel that speaks for another while that does not answer (`E7`).
    #[must_use]
    pub fn fallback(&self, channel: &str) -> Option<&str> {
        self.channels.get(channel)?.fallback.as_deref()
    }

    /// What the chat calls the channel in which a bot of the desk's speaks; `None` where none does, so that there are no threads (`E8`).
    #[must_use]
    pub fn place(&self, channel: &str) -> Option<&str> {
        match &self.channels.get(channel)?.door {
            Door::Bot(bot) => Some(&bot.place),
            Door::Webhook { .. } | Door::Mail(_) => None,
        }
    }

    /// Whether a bot speaks in any channel.
    #[must_use]
    pub fn has_bots(&self) -> bool {
        self.channels.values().any(|target| matches!(target.door, Door::Bot(_)))
    }

    /// Writes the message that a ticket's thread hangs on anew, which may be done twice (`E8`).
    ///
    /// # Errors
    /// As [`Chat::send`].
    pub async fn renew(&self, channel: &str, root: &str, what: &Root, now: Timestamp) -> Result<Renewed, SendError> {
        match self.channels.get(channel) {
            Some(Target { http, door: Door::Bot(bot), .. }) => bot.renew(http, root, what, now).await,
            _ => Ok(Renewed::Gone("no bot speaks in the channel any more".to_owned())),
        }
    }

    /// Asks a chat whether its bot may post, without posting; `None` where no bot speaks.
    ///
    /// # Errors
    /// It may not, or could not be asked.
    pub async fn look(&self, channel: &str, now: Timestamp) -> Option<Result<Looked, SendError>> {
        match self.channels.get(channel)? {
            Target { http, door: Door::Bot(bot), .. } => Some(bot.look(http, now).await),
            _ => None,
        }
    }

    /// How many of a message's lines a channel has no room for.
    #[must_use]
    pub fn left_out(&self, channel: &str, what: &ChatMessage, instead_of: &[String], now: Timestamp) -> usize {
        let Some(target) = self.channels.get(channel) else { return 0 };
        match &target.door {
            Door::Webhook { format: Format::Card(written), .. } => written(what, instead_of, now).1,
            Door::Webhook { format: Format::Webhook(_), .. } => 0,
            Door::Bot(bot) => bot.left_out(what, instead_of, now),
            Door::Mail(_) => email::left_out(what, instead_of, now),
        }
    }

    /// Sends `message` to `channel`, once.
    ///
    /// # Errors
    /// [`SendError::Retry`] where another try may succeed, with the host's own wish for when; [`SendError::Refused`] where none will.
    pub async fn send(&self, channel: &str, message: Message<'_>, now: Timestamp) -> Result<Posted, SendError> {
        let Some(target) = self.channels.get(channel) else {
            return Err(SendError::Refused { status: None, why: format!("no channel is named `{channel}`") });
        };
        let (url, format) = match &target.door {
            Door::Webhook { url, format } => (url, format),
            Door::Bot(bot) => {
                let posted = bot.post(&target.http, message.what, message.instead_of, message.thread, now).await;
                tracing::debug!(channel, key = message.key, ?posted, "chat answered");
                return posted;
            }
            Door::Mail(mailer) => {
                let sent = mailer.send(message, now).await;
                tracing::debug!(channel, key = message.key, ?sent, "mail server answered");
                return sent.map(|()| Posted::Said);
            }
        };
        let (headers, body) = request(format, message, now)?;
        let sent = target.http.post(url.clone()).headers(headers).body(body).send().await;
        let response = sent.map_err(|e| SendError::Retry { after: None, why: without_address(e, HOST) })?;
        let status = response.status();
        tracing::debug!(channel, key = message.key, status = status.as_u16(), "chat answered");
        if status.is_success() {
            return Ok(Posted::Said);
        }
        let after = retry_after(response.headers(), now);
        let start = start(response).await;
        let after = after.or_else(|| (status == StatusCode::TOO_MANY_REQUESTS).then(|| wish(&start)).flatten());
        let said = word(&start, url).map_or_else(String::new, |word| format!(": {word}"));
        let why = format!("the chat host answered {status}{said}");
        if status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT) {
            return Err(SendError::Retry { after, why });
        }
        Err(SendError::Refused { status: Some(status.as_u16()), why })
    }
}

fn request(format: &Format, message: Message<'_>, now: Timestamp) -> Result<(HeaderMap, Vec<u8>), SendError> {
    let Message { key, what, instead_of, .. } = message;
    // Nothing that the desk makes ends here, but if it did, another try would end here too.
    let refused = |why: String| SendError::Refused { status: None, why };
    let body = match format {
        Format::Card(render) => serde_json::to_vec(&render(what, instead_of, now).0),
        Format::Webhook(_) => webhook::render(what, key, instead_of, now),
    };
    let body = body.map_err(|e| refused(format!("the message can't be written as JSON: {e}")))?;
    let mut headers = vec![(CONTENT_TYPE.as_str(), "application/json; charset=utf-8".to_owned())];
    if let Format::Webhook(signer) = format {
        headers.push((webhook::EVENT_HEADER, webhook::event(what).to_owned()));
        headers.push((webhook::DELIVERY_HEADER, key.to_owned()));
        headers.extend(signer.as_ref().map(|signer| (webhook::SIGNATURE_HEADER, signer.sign(&body))));
    }
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = name.parse::<reqwest::header::HeaderName>();
        let value = value.parse::<reqwest::header::HeaderValue>();
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(refused(format!("the message's key `{}` can't stand in a header", key.escape_debug())));
        };
        map.insert(name, value);
    }
    Ok((map, body))
}

pub(super) fn builder() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("partner-desk/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        // An address was configured, no other is meant; and a redirect would carry the message to it.
        .redirect(redirect::Policy::none())
        // `Referer` would tell an address.
        .referer(false)
}

/// Whether the address is of the loopback interface.
pub(super) fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn door(name: &str, kind: Kind, url: &SecretString, bot: Option<BotAccess>) -> Result<Door, ChatError> {
    if let Kind::Email(access) = &kind {
        if bot.is_some() {
            return Err(ChatError::NoBots(name.to_owned()));
        }
        let url = url.expose_secret().trim().parse().map_err(|_| ChatError::Mail(name.to_owned()))?;
        let mailer = Mailer::new(&url, access).map_err(|why| match why {
            None => ChatError::Mail(name.to_owned()),
            Some(why) => ChatError::Certificates(name.to_owned(), why),
        })?;
        return Ok(Door::Mail(Box::new(mailer)));
    }
    let url = address(name, url)?;
    let Some(BotAccess { token, channel }) = bot else { return Ok(Door::Webhook { url, format: format(name, kind)? }) };
    let host = match kind {
        Kind::Slack => Host::Slack,
        Kind::Mattermost => Host::Mattermost,
        _ => return Err(ChatError::NoBots(name.to_owned())),
    };
    let token = Bot::bearer(&token).ok_or_else(|| ChatError::Token(name.to_owned()))?;
    Ok(Door::Bot(Bot { host, base: url, token, place: channel }))
}

fn address(name: &str, url: &SecretString) -> Result<Url, ChatError> {
    let url = url.expose_secret().trim().parse::<Url>().ok();
    url.filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host()).ok_or_else(|| ChatError::Url(name.to_owned()))
}

fn format(name: &str, kind: Kind) -> Result<Format, ChatError> {
    let secret = match kind {
        Kind::Slack => return Ok(Format::Card(slack::written)),
        Kind::Mattermost => return Ok(Format::Card(mattermost::written)),
        Kind::Discord => return Ok(Format::Card(discord::written)),
        Kind::Teams => return Ok(Format::Card(teams::written)),
        Kind::GoogleChat => return Ok(Format::Card(google_chat::written)),
        // Mail has a door of its own.
        Kind::Email(_) => return Err(ChatError::Mail(name.to_owned())),
        Kind::Webhook { secret } => secret,
    };
    let signer = match secret {
        None => None,
        Some(secret) => {
            let signer = webhook::Signer::new(secret.expose_secret().as_bytes());
            Some(signer.ok_or_else(|| ChatError::Secret(name.to_owned()))?)
        }
    };
    Ok(Format::Webhook(signer))
}

/// The whole chain of causes, since the first one only says that sending failed; without the address.
pub(super) fn without_address(error: reqwest::Error, host: &str) -> String {
    let kind = match () {
        () if error.is_timeout() && error.is_connect() => format!("no connection to {host} in time"),
        () if error.is_timeout() => format!("{host} did not answer in time"),
        () if error.is_connect() => format!("no connection to {host}"),
        () => format!("{host} could not be reached"),
    };
    let error = error.without_url();
    let mut why = kind.clone();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        cause = inner.source();
        // Only the innermost tells something new: the others name the layers in between.
        if cause.is_none() {
            why = format!("{kind}: {inner}");
        }
    }
    why
}

/// `Retry-After`, in seconds or as a date.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = value.parse() {
        Duration::from_secs(seconds)
    } else {
        let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
        Duration::try_from(at.duration_since(now)).unwrap_or_default()
    };
    Some(wait.min(LONGEST_WAIT))
}

/// The beginning of what the host said; more of it tells nothing.
async fn start(mut response: Response) -> Vec<u8> {
    let start = response.chunk().await.ok().flatten().unwrap_or_default();
    start.get(..start.len().min(4096)).map(<[u8]>::to_vec).unwrap_or_default()
}

/// Discord's `retry_after`, seconds with a fraction, where a proxy took the header away.
fn wish(start: &[u8]) -> Option<Duration> {
    let answer: Value = serde_json::from_slice(start).ok()?;
    let wait = Duration::try_from_secs_f64(answer.get("retry_after")?.as_f64()?).ok()?;
    Some(wait.min(LONGEST_WAIT))
}

/// What the host said, if it is one of the words that Slack answers with (`channel_is_archived`). Anything longer might repeat the address.
fn word(start: &[u8], url: &Url) -> Option<String> {
    let word = std::str::from_utf8(start.get(..start.len().min(65))?).ok()?.trim();
    let plain = !word.is_empty() && word.len() <= 64 && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    (plain && !url.as_str().contains(word)).then(|| word.to_owned())
}

#[cfg(test)]
mod tests;
