//! Speaking as a bot, by the API of a chat: Slack's `chat.postMessage` and `chat.update`, Mattermost's posts. Unlike an incoming webhook it
//! says what a message is called, so that others can hang on it, and it can be written anew (`E8`).
//!
//! Slack: <https://docs.slack.dev/reference/methods/chat.postMessage>, <https://docs.slack.dev/reference/methods/chat.update>. It answers
//! 200 to nearly everything, and says in `ok` and `error` what it made of it. A reply to a message that was deleted is taken, and stands by
//! itself then: its answer has no `thread_ts` (<https://github.com/slack-go/slack/issues/1571>).
//! Mattermost: <https://developers.mattermost.com/api-documentation/#/operations/CreatePost> and `PatchPost`.

use super::message::ChatMessage;
use super::root::Root;
use super::send::{HOST, SendError, retry_after, without_address};
use super::{mattermost, slack};
use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, Response, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// More than any answer of these is.
const LONGEST_ANSWER: usize = 1 << 20;

/// Whose bot it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Host {
    Slack,
    Mattermost,
}

/// A bot in one channel.
#[derive(Clone)]
pub(super) struct Bot {
    pub(super) host: Host,
    /// Where its API is.
    pub(super) base: Url,
    /// Who it is: a secret.
    pub(super) token: HeaderValue,
    /// The channel, as the chat calls it.
    pub(super) place: String,
}

/// What became of a message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    /// It was taken.
    Said,
    /// It was taken, stands by itself, and is called this: others can hang on it.
    Root(String),
    /// It was not taken, since what it was to hang on is gone.
    RootGone,
}

/// What became of writing a message anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewed {
    /// It shows the present state.
    Done,
    /// The chat does not let it be changed any more; it stays as it is.
    Fixed(String),
    /// It is gone.
    Gone(String),
}

/// What a bot may do in its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// Who it is, and where it may post.
    pub seen: String,
    /// What could not be made sure of, and what to do for that.
    pub doubt: Option<(String, String)>,
}

/// An answer that is none of success.
struct Failed {
    /// The host's own word for it.
    code: String,
    error: SendError,
}

impl Bot {
    /// The header that says who it is.
    pub(super) fn bearer(token: &SecretString) -> Option<HeaderValue> {
        let token = token.expose_secret().trim();
        let plain = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok().filter(|_| plain)?;
        value.set_sensitive(true);
        Some(value)
    }

    /// How many of a message's lines there is no room for.
    pub(super) fn left_out(&self, what: &ChatMessage, instead_of: &[String], now: Timestamp) -> usize {
        match self.host {
            Host::Slack => slack::written(what, instead_of, now).1,
            Host::Mattermost => mattermost::written(what, instead_of, now).1,
        }
    }

    /// Says something, in a thread if one is named.
    pub(super) async fn post(
        &self,
        http: &Client,
        what: &ChatMessage,
        instead_of: &[String],
        thread: Option<&str>,
        now: Timestamp,
    ) -> Result<Posted, SendError> {
        match self.host {
            Host::Slack => {
                let mut body = object(slack::render(what, instead_of, now));
                body.insert("channel".to_owned(), self.place.as_str().into());
                if let Some(root) = thread {
                    body.insert("thread_ts".to_owned(), root.into());
                    body.insert("reply_broadcast".to_owned(), wakes_the_channel(what).into());
                }
                match self.slack(http, "chat.postMessage", body, now).await {
                    Ok(answer) => {
                        let hangs = answer.pointer("/message/thread_ts").and_then(Value::as_str);
                        let own = answer.get("ts").and_then(Value::as_str).filter(|ts| is_reference(ts));
                        let in_thread = thread.is_some() && hangs.is_some_and(|hangs| Some(hangs) != own);
                        Ok(own.filter(|_| !in_thread).map_or(Posted::Said, |own| Posted::Root(own.to_owned())))
                    }
                    Err(failed) if thread.is_some() && slack_root_is_gone(&failed.code) => Ok(Posted::RootGone),
                    Err(failed) => Err(failed.error),
                }
            }
            Host::Mattermost => {
                let mut body = in_a_post(mattermost::render(what, instead_of, now));
                body.insert("channel_id".to_owned(), self.place.as_str().into());
                if let Some(root) = thread {
                    body.insert("root_id".to_owned(), root.into());
                }
                match self.mattermost(http, Method::POST, "posts", Some(body), now).await {
                    Ok(answer) => {
                        let own = answer.get("id").and_then(Value::as_str).filter(|id| is_reference(id) && thread.is_none());
                        Ok(own.map_or(Posted::Said, |own| Posted::Root(own.to_owned())))
                    }
                    Err(failed) if thread.is_some() && failed.code.contains("root_id") => Ok(Posted::RootGone),
                    Err(failed) => Err(failed.error),
                }
            }
        }
    }

    /// Writes the message that a thread hangs on anew. Doing it twice is the same as once.
    pub(super) async fn renew(&self, http: &Client, root: &str, what: &Root, now: Timestamp) -> Result<Renewed, SendError> {
        if !is_reference(root) {
            return Ok(Renewed::Gone("its name is none".to_owned()));
        }
        let failed = match self.host {
            Host::Slack => {
                let mut body = object(slack::render_root(what));
                body.insert("channel".to_owned(), self.place.as_str().into());
                body.insert("ts".to_owned(), root.into());
                // These two are of posting only.
                body.remove("unfurl_links");
                body.remove("unfurl_media");
                match self.slack(http, "chat.update", body, now).await {
                    Ok(_) => return Ok(Renewed::Done),
                    Err(failed) => failed,
                }
            }
            Host::Mattermost => {
                let body = in_a_post(mattermost::render_root(what));
                match self.mattermost(http, Method::PUT, &format!("posts/{root}/patch"), Some(body), now).await {
                    Ok(_) => return Ok(Renewed::Done),
                    Err(failed) => failed,
                }
            }
        };
        match failed.code.as_str() {
            "message_not_found" => Ok(Renewed::Gone(failed.error.to_string())),
            // Of a post that is gone some servers say that nobody may change it. Whether the bot may still post, the next post tells.
            // Where no error is named, it is not the server that speaks.
            code if self.host == Host::Mattermost
                && !code.is_empty()
                && matches!(failed.error, SendError::Refused { status: Some(403 | 404), .. }) =>
            {
                Ok(Renewed::Gone(failed.error.to_string()))
            }
            // What would be refused each time must not keep the channel from what people wait for.
            code if matches!(failed.error, SendError::Refused { .. }) && !self.refuses_all(code, &failed.error) => {
                Ok(Renewed::Fixed(failed.error.to_string()))
            }
            _ => Err(failed.error),
        }
    }

    /// Whether a refusal is of the bot or its channel, so that nothing else is taken there either.
    fn refuses_all(&self, code: &str, error: &SendError) -> bool {
        match self.host {
            Host::Slack => code.is_empty() || slack_remedy(code) != SLACK_DOCUMENTATION,
            Host::Mattermost => code.is_empty() || matches!(error, SendError::Refused { status: Some(401), .. }),
        }
    }

    /// Asks whether it may post in its channel, without posting.
    pub(super) async fn look(&self, http: &Client, now: Timestamp) -> Result<Looked, SendError> {
        match self.host {
            Host::Slack => self.look_at_slack(http, now).await,
            Host::Mattermost => self.look_at_mattermost(http, now).await,
        }
    }

    async fn look_at_slack(&self, http: &Client, now: Timestamp) -> Result<Looked, SendError> {
        let refused = |why: String| Err(SendError::Refused { status: None, why });
        let me = self.slack(http, "auth.test", Map::new(), now).await.map_err(|failed| failed.error)?;
        let word = |value: &Value, path: &str| {
            super::neutral::line(value.pointer(path).and_then(Value::as_str).unwrap_or("?"), 80).replace('\u{2060}', "")
        };
        let who = format!("the bot `{}` of the workspace `{}`", word(&me, "/user"), word(&me, "/team"));
        let scopes = me.get(SCOPES).and_then(Value::as_str).map(|scopes| scopes.split(',').map(str::trim).collect::<Vec<_>>());
        let has = |scope: &str| scopes.as_ref().is_some_and(|scopes| scopes.contains(&scope));
        if scopes.is_some() && !has("chat:write") {
            return refused(format!("{who} has no scope `chat:write`: add it to the Slack app, and install that anew"));
        }
        let body = [("channel".to_owned(), Value::from(self.place.as_str()))].into_iter().collect();
        let place = match self.slack(http, "conversations.info", body, now).await {
            Ok(answer) => answer,
            Err(failed) if failed.code == "missing_scope" => {
                let doubt = (
                    "whether it is in the channel cannot be asked".to_owned(),
                    "add the scope `channels:read`, or `groups:read` for a private channel, or see for yourself that the bot was invited"
                        .to_owned(),
                );
                return Ok(Looked { seen: format!("{who}: its token works"), doubt: Some(doubt) });
            }
            Err(failed) => return Err(failed.error),
        };
        let flag = |name: &str| place.pointer(&format!("/channel/{name}")).and_then(Value::as_bool);
        let name = word(&place, "/channel/name");
        if flag("is_archived") == Some(true) {
            return refused(format!("the channel #{name} is archived: {}", slack_remedy("is_archived")));
        }
        if flag("is_member") == Some(false) && !(has("chat:write.public") && flag("is_private") != Some(true)) {
            return refused(format!("{who} is not in #{name}: {}", slack_remedy("not_in_channel")));
        }
        Ok(Looked { seen: format!("{who} may post in #{name}"), doubt: None })
    }

    async fn look_at_mattermost(&self, http: &Client, now: Timestamp) -> Result<Looked, SendError> {
        let word = |value: &Value, key: &str| {
            super::neutral::line(value.get(key).and_then(Value::as_str).unwrap_or("?"), 80).replace('\u{2060}', "")
        };
        let me = self.mattermost(http, Method::GET, "users/me", None, now).await.map_err(|failed| failed.error)?;
        let who = format!("the bot `{}`", word(&me, "username"));
        let place = self.mattermost(http, Method::GET, &format!("channels/{}", self.place), None, now).await;
        let place = place.map_err(|failed| failed.error)?;
        let name = word(&place, "name");
        let archived = place.get("delete_at").and_then(Value::as_i64).is_some_and(|at| at > 0);
        let refused = |why: String| Err(SendError::Refused { status: None, why });
        if archived {
            return refused(format!("the channel ~{name} is archived: restore it, or name another as `channel`"));
        }
        let member = self.mattermost(http, Method::GET, &format!("channels/{}/members/me", self.place), None, now).await;
        match member {
            Ok(_) => Ok(Looked { seen: format!("{who} may post in ~{name}"), doubt: None }),
            Err(Failed { error: SendError::Refused { status: Some(403 | 404), .. }, .. }) => {
                refused(format!("{who} is not in ~{name}: add it to the team and to the channel"))
            }
            Err(failed) => Err(failed.error),
        }
    }

    /// Calls a method of Slack's.
    async fn slack(&self, http: &Client, method: &str, body: Map<String, Value>, now: Timestamp) -> Result<Value, Failed> {
        let reads = method == "conversations.info";
        let mut url = self.at(method);
        let request = if reads {
            // Methods that only read take no JSON.
            url.query_pairs_mut().extend_pairs(body.iter().filter_map(|(key, value)| Some((key, value.as_str()?))));
            http.get(url)
        } else {
            http.post(url).header(CONTENT_TYPE, "application/json; charset=utf-8").json(&body)
        };
        let response = self.call(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let answer = whole(response).await?;
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            let after = retry_after(&headers, now);
            return Err(Failed { code: String::new(), error: SendError::Retry { after, why: format!("Slack answered {status}") } });
        }
        let Some(mut answer) = serde_json::from_slice::<Value>(&answer).ok().filter(Value::is_object) else {
            // Whatever this is, it is not Slack's API.
            let why = format!("what is there answered {status}, and not as Slack's API does: check `url`");
            return Err(Failed { code: String::new(), error: SendError::Refused { status: Some(status.as_u16()), why } });
        };
        if answer.get("ok").and_then(Value::as_bool) == Some(true) {
            if let (Some(scopes), Some(map)) = (headers.get(SCOPES).and_then(|scopes| scopes.to_str().ok()), answer.as_object_mut()) {
                map.insert(SCOPES.to_owned(), scopes.into());
            }
            return Ok(answer);
        }
        let code = answer.get("error").and_then(Value::as_str).filter(|code| is_word(code)).unwrap_or("an error without a name");
        let passes = matches!(
            code,
            "ratelimited"
                | "rate_limited"
                | "message_limit_exceeded"
                | "internal_error"
                | "fatal_error"
                | "service_unavailable"
                | "request_timeout"
                | "team_added_to_org"
        );
        let error = if passes {
            SendError::Retry { after: retry_after(&headers, now), why: format!("Slack answered {code}") }
        } else {
            SendError::Refused { status: Some(status.as_u16()), why: format!("Slack answered {code}: {}", slack_remedy(code)) }
        };
        Err(Failed { code: code.to_owned(), error })
    }

    /// Calls Mattermost's API.
    async fn mattermost(
        &self,
        http: &Client,
        method: Method,
        path: &str,
        body: Option<Map<String, Value>>,
        now: Timestamp,
    ) -> Result<Value, Failed> {
        let request = http.request(method, self.at(&format!("api/v4/{path}")));
        let request = match &body {
            Some(body) => request.json(body),
            None => request,
        };
        let response = self.call(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let answer = whole(response).await?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        if status.is_success() && answer.is_object() {
            return Ok(answer);
        }
        let code = answer.get("id").and_then(Value::as_str).filter(|code| is_word(code)).unwrap_or_default();
        let said = if code.is_empty() { String::new() } else { format!(" ({code})") };
        let why = format!("Mattermost answered {status}{said}");
        let code = code.to_owned();
        // A reply to what is in another channel is a fault of the server's own to some of them.
        let about_the_root = code.contains("root_id");
        if !about_the_root && (status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)) {
            let after = retry_after(&headers, now).or_else(|| {
                let seconds = headers.get("x-ratelimit-reset")?.to_str().ok()?.trim().parse().ok()?;
                Some(Duration::from_secs(seconds).min(Duration::from_mins(10)))
            });
            return Err(Failed { code, error: SendError::Retry { after, why } });
        }
        let why = format!("{why}: {}", mattermost_remedy(status));
        Err(Failed { code, error: SendError::Refused { status: Some(status.as_u16()), why } })
    }

    async fn call(&self, request: reqwest::RequestBuilder) -> Result<Response, Failed> {
        let sent = request.header(AUTHORIZATION, self.token.clone()).send().await;
        sent.map_err(|error| Failed { code: String::new(), error: SendError::Retry { after: None, why: without_address(error, HOST) } })
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{path}"));
        url
    }
}

/// What a bot's token may do, as Slack says it in a header of every answer.
const SCOPES: &str = "x-oauth-scopes";

const SLACK_DOCUMENTATION: &str = "see the errors of chat.postMessage in Slack's documentation";

/// What to do about an error of Slack's.
fn slack_remedy(code: &str) -> &'static str {
    match code {
        "invalid_auth" | "not_authed" | "account_inactive" | "token_revoked" | "token_expired" | "no_permission" => {
            "the bot's token does not work (any more): install the Slack app anew, and give the desk its new `token`"
        }
        "channel_not_found" => "check `channel`, which is an id like C012AB3CD; a private channel is found only by a bot that is in it",
        "not_in_channel" => "invite the bot there, by `/invite @its-name` in the channel",
        "is_archived" => "bring the channel back, or name another as `channel`",
        "missing_scope" => "add the scope `chat:write` to the Slack app, and install that anew",
        "restricted_action"
        | "restricted_action_read_only_channel"
        | "restricted_action_non_threadable_channel"
        | "restricted_action_thread_only_channel"
        | "restricted_action_thread_locked" => "the workspace does not let the bot post there: have an administrator allow it",
        _ => SLACK_DOCUMENTATION,
    }
}

/// What to do about an answer of Mattermost's.
fn mattermost_remedy(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "the bot's token does not work (any more): make another, and give the desk its new `token`",
        StatusCode::FORBIDDEN => "the bot may not post there: add it to the team and to the channel",
        StatusCode::NOT_FOUND => "check `channel`, which is the channel's id, and that `url` is the server's own address",
        _ => "see the server's log",
    }
}

fn slack_root_is_gone(code: &str) -> bool {
    matches!(code, "thread_not_found" | "message_not_found" | "cannot_reply_to_message")
}

/// In a thread Slack wakes those who are in it. Whom a step calls in the whole channel must hear of it there, too.
fn wakes_the_channel(what: &ChatMessage) -> bool {
    let ChatMessage::Ping(ping) = what else { return false };
    ping.mentions.iter().any(|who| matches!(who.trim(), "@here" | "@channel" | "@everyone"))
}

/// A message for a webhook as a post has it.
fn in_a_post(rendered: Value) -> Map<String, Value> {
    let mut map = object(rendered);
    let message = map.remove("text").unwrap_or_else(|| "".into());
    let attachments = map.remove("attachments").unwrap_or_else(|| json!([]));
    [("message".to_owned(), message), ("props".to_owned(), json!({ "attachments": attachments }))].into_iter().collect()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// `1712345678.000200`, or Mattermost's 26 letters and digits. It goes into addresses.
fn is_reference(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
}

/// An error's name; anything else might repeat the token.
fn is_word(text: &str) -> bool {
    (1..=120).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.".contains(&b))
}

/// The whole answer. One that breaks off says nothing of what became of the message.
async fn whole(mut response: Response) -> Result<Vec<u8>, Failed> {
    let mut answer = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(part)) if answer.len() + part.len() <= LONGEST_ANSWER => answer.extend_from_slice(&part),
            Ok(Some(_)) => return Ok(Vec::new()),
            Ok(None) => return Ok(answer),
            Err(error) => {
                return Err(Failed { code: String::new(), error: SendError::Retry { after: None, why: without_address(error, HOST) } });
            }
        }
    }
}
