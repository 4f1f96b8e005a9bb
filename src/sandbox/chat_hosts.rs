//! What each chat service takes, held against its published schema and limits, and how it answers. Each part names its sources. Where a
//! service does not say in which unit it counts, the stand-in counts in the one in which texts are longest: what passes here passes there.

mod discord;
mod google;
mod mattermost;
mod slack;
mod teams;
mod webhook;

pub(super) use self::mattermost::post as mattermost;
pub(super) use self::slack::message as slack;

use http::HeaderMap;
use serde_json::{Map, Value, json};

/// A service that a path of the sink stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatHost {
    /// Slack's incoming webhooks.
    Slack,
    /// Mattermost's.
    Mattermost,
    /// Discord's.
    Discord,
    /// A Microsoft Teams workflow.
    Teams,
    /// Google Chat's.
    GoogleChat,
    /// A receiver of the operator's own.
    Webhook,
}

/// Why something is not taken.
pub(super) type Verdict = Result<(), String>;

impl ChatHost {
    /// The service's answer to a post: status and body.
    #[must_use]
    pub fn judge(self, body: &[u8]) -> (u16, String) {
        self.judge_with(body, None)
    }

    /// The same of a post that came with these headers.
    pub(super) fn judge_with(self, body: &[u8], headers: Option<&HeaderMap>) -> (u16, String) {
        let parsed = serde_json::from_slice::<Value>(body).map_err(|error| error.to_string());
        let verdict = parsed.and_then(|value| match self {
            Self::Slack => slack::message(&value),
            Self::Mattermost => mattermost::webhook(&value),
            Self::Discord => discord::webhook(&value),
            Self::Teams => teams::workflow(&value, body.len()),
            Self::GoogleChat => google::webhook(&value, body.len()),
            Self::Webhook => webhook::receiver(&value, headers),
        });
        match (self, verdict) {
            (Self::Slack | Self::Mattermost, Ok(())) => (200, "ok".to_owned()),
            (Self::Discord | Self::Webhook, Ok(())) => (204, String::new()),
            (Self::Teams, Ok(())) => (202, String::new()),
            (Self::GoogleChat, Ok(())) => (200, json!({ "name": "spaces/AAA/messages/BBB.BBB" }).to_string()),
            (Self::Slack, Err(why)) => (400, format!("invalid_blocks: {why}")),
            (Self::Discord, Err(why)) => (400, json!({ "message": "Invalid Form Body", "code": 50_035, "errors": why }).to_string()),
            (Self::GoogleChat, Err(why)) => {
                (400, json!({ "error": { "code": 400, "message": why, "status": "INVALID_ARGUMENT" } }).to_string())
            }
            (Self::Mattermost | Self::Teams | Self::Webhook, Err(why)) => (400, json!({ "message": why, "status_code": 400 }).to_string()),
        }
    }

    /// What it says when it does not take anything.
    #[must_use]
    pub fn refusal(self, status: u16, retry_after: Option<u32>) -> String {
        match (self, status) {
            (Self::Discord, 429) => {
                json!({ "message": "You are being rate limited.", "retry_after": retry_after.unwrap_or(1), "global": false }).to_string()
            }
            (Self::Discord, 404) => json!({ "message": "Unknown Webhook", "code": 10_015 }).to_string(),
            (Self::Slack, 404) => "no_service".to_owned(),
            _ => "no".to_owned(),
        }
    }
}

fn object(value: &Value) -> Result<&Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("expected an object, not {value}"))
}

fn list<'a>(value: &'a Value, key: &str, most: usize) -> Result<&'a [Value], String> {
    let items = match value.get(key) {
        None => return Ok(&[]),
        Some(items) => items.as_array().ok_or_else(|| format!("`{key}` is no list"))?,
    };
    if items.len() > most { Err(format!("`{key}` has {} items, at most {most}", items.len())) } else { Ok(items) }
}

/// The length of a text in UTF-16 units: an emoji counts twice.
fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// A text of 1 to `most` units.
fn text(value: &Value, key: &str, most: usize) -> Result<usize, String> {
    let text = value.get(key).and_then(Value::as_str).ok_or_else(|| format!("`{key}` is no text in {value}"))?;
    let length = units(text);
    if length == 0 || length > most { Err(format!("`{key}` has {length} characters, expected 1 to {most}")) } else { Ok(length) }
}

fn web(value: &Value, key: &str) -> Verdict {
    match value.get(key).map(Value::as_str) {
        None => Ok(()),
        Some(Some(url)) if url.starts_with("https://") || url.starts_with("http://") => Ok(()),
        Some(_) => Err(format!("`{key}` is no address")),
    }
}

fn only(value: &Value, known: &[&str]) -> Verdict {
    match object(value)?.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("Unknown name \"{key}\": Cannot find field.")),
        None => Ok(()),
    }
}

/// Every `[` begins a link that ends.
fn links(text: Option<&Value>) -> Verdict {
    let mut rest = text.and_then(Value::as_str).unwrap_or_default();
    while let Some((_, at)) = rest.split_once('[') {
        let whole = at.split_once("](").and_then(|(label, behind)| Some((label, behind.split_once(')')?)));
        let Some((_, (_, after))) = whole.filter(|(label, (url, _))| !label.contains(['[', '\n']) && url.starts_with("http")) else {
            return Err(format!("broken mark-up: [{}", at.chars().take(40).collect::<String>()));
        };
        rest = after;
    }
    Ok(())
}
