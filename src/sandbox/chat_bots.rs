//! A stand-in for the APIs that a bot speaks to: Slack's Web API and Mattermost's REST API, as far as the desk uses them. It takes what they
//! take, refuses with their own words, and keeps what was posted, as the people in the channel see it.
//!
//! Sources, beside those of [`super::chat_hosts`]: Slack's methods `auth.test`, `conversations.info`, `chat.postMessage` and
//! `chat.update`, with the errors that each page lists (<https://docs.slack.dev/reference/methods>); that a reply to a deleted message
//! stands by itself (<https://github.com/slack-go/slack/issues/1571>); that what is written anew has 4000 bytes of text
//! (<https://gitlab.com/gitlab-org/gitlab/-/merge_requests/258898>). Mattermost's `CreatePost` and `PatchPost`
//! (<https://developers.mattermost.com/api-documentation/>), and the names of its errors, from `app/post.go`.

use super::chat_hosts;
use http::{HeaderMap, Method, header};
use jiff::Timestamp;
use serde_json::{Value, json};

/// A service that bots speak to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BotHost {
    /// Slack's Web API.
    Slack,
    /// Mattermost's REST API.
    Mattermost,
}

/// A message that a bot has posted, as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct BotPost {
    /// What the service calls it.
    pub id: String,
    /// The message that it hangs on.
    pub root: Option<String>,
    /// What it says at present.
    pub body: Value,
    /// How often it was written anew.
    pub edits: u32,
    /// A reply that is shown in the channel as well.
    pub broadcast: bool,
    /// Somebody has deleted it.
    pub deleted: bool,
    /// When it was posted.
    pub at: Timestamp,
}

/// How a service is disposed to its bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotMood {
    /// The bot is in the channel.
    pub member: bool,
    /// The channel is archived.
    pub archived: bool,
    /// What the token may do (Slack).
    pub scopes: &'static str,
    /// The service answers with this error to whatever is posted (Slack).
    pub error: Option<&'static str>,
    /// What was posted cannot be changed (any more), for which Slack has this name.
    pub fixed: Option<&'static str>,
}

impl Default for BotMood {
    fn default() -> Self {
        Self { member: true, archived: false, scopes: "chat:write,channels:read,groups:read", error: None, fixed: None }
    }
}

/// One service, with one channel and one bot.
#[derive(Debug)]
pub(super) struct BotApi {
    /// Where it is: `/slack-api`.
    pub(super) path: String,
    host: BotHost,
    token: String,
    channel: String,
    pub(super) mood: BotMood,
    pub(super) posts: Vec<BotPost>,
}

type Answer = (u16, Value);

impl BotApi {
    pub(super) fn new(path: String, host: BotHost, token: &str, channel: &str) -> Self {
        Self { path, host, token: token.to_owned(), channel: channel.to_owned(), mood: BotMood::default(), posts: Vec::new() }
    }

    /// What it answers to a request, and the headers that say something.
    pub(super) fn answer(
        &mut self,
        (method, path, query): (&Method, &str, &str),
        headers: &HeaderMap,
        body: &Value,
        at: Timestamp,
    ) -> (Answer, Vec<(&'static str, String)>) {
        let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let known = sent == Some(&format!("Bearer {}", self.token));
        match self.host {
            BotHost::Slack => {
                let answer = if known { self.slack(method, path, query, headers, body, at) } else { error("invalid_auth") };
                ((200, answer), vec![("x-oauth-scopes", self.mood.scopes.to_owned())])
            }
            BotHost::Mattermost => {
                let unknown = || fault(401, "api.context.session_expired.app_error");
                (if known { self.mattermost(method, path, body, at) } else { unknown() }, Vec::new())
            }
        }
    }

    /// What it says when it is told to answer with a status.
    pub(super) fn refusal(&self, status: u16) -> Value {
        match self.host {
            BotHost::Slack => error("ratelimited"),
            BotHost::Mattermost => fault(status, "api.context.rate_limit.app_error").1,
        }
    }

    fn slack(&mut self, method: &Method, path: &str, query: &str, headers: &HeaderMap, body: &Value, at: Timestamp) -> Value {
        let text = |key: &str| body.get(key).and_then(Value::as_str);
        if path == "auth.test" {
            return json!({ "ok": true, "url": "https://acme.slack.example/", "team": "Acme", "user": "partner-desk", "team_id": "T1",
                "user_id": "U0BOT", "bot_id": "B1" });
        }
        if path == "conversations.info" {
            if !self.mood.scopes.contains("channels:read") {
                return json!({ "ok": false, "error": "missing_scope", "needed": "channels:read", "provided": self.mood.scopes });
            }
            let asked = query.split('&').any(|pair| pair == format!("channel={}", self.channel));
            return if asked && method == Method::GET {
                let (member, archived) = (self.mood.member, self.mood.archived);
                json!({ "ok": true, "channel": { "id": self.channel, "name": "support", "is_member": member, "is_archived": archived,
                    "is_private": false } })
            } else {
                error("channel_not_found")
            };
        }
        let json = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|kind| kind.starts_with("application/json"));
        if method != Method::POST || !json {
            return error("invalid_post_type");
        }
        if text("channel") != Some(&self.channel) {
            return error("channel_not_found");
        }
        if let Some(code) = self.mood.error {
            return error(code);
        }
        if let Err(why) = chat_hosts::slack(body) {
            let code = if why.starts_with("msg_blocks_too_long") { "msg_blocks_too_long" } else { "invalid_blocks" };
            return json!({ "ok": false, "error": code, "response_metadata": { "messages": [why] } });
        }
        match path {
            "chat.postMessage" if !self.mood.member => error("not_in_channel"),
            "chat.postMessage" if self.mood.archived => error("is_archived"),
            "chat.postMessage" if body.get("ts").is_some() => error("invalid_arguments"),
            "chat.postMessage" => {
                // Nobody says that the root is gone: the reply stands by itself then.
                let root = text("thread_ts").filter(|root| self.posts.iter().any(|post| post.id == *root && !post.deleted));
                let root = root.map(str::to_owned);
                let id = format!("{}.{:06}", at.as_second(), self.posts.len() + 1);
                let mut message = json!({ "type": "message", "user": "U0BOT", "bot_id": "B1", "ts": id, "text": text("text") });
                if let (Some(root), Some(map)) = (&root, message.as_object_mut()) {
                    map.insert("thread_ts".to_owned(), root.as_str().into());
                }
                self.keep(id.clone(), root, body, at);
                json!({ "ok": true, "channel": self.channel, "ts": id, "message": message })
            }
            "chat.update" => {
                if text("text").is_some_and(|text| text.len() > 4000) {
                    return error("msg_too_long");
                }
                if let Some(code) = self.mood.fixed {
                    return error(code);
                }
                match self.posts.iter_mut().find(|post| Some(post.id.as_str()) == text("ts") && !post.deleted) {
                    None => error("message_not_found"),
                    Some(post) => {
                        post.body = body.clone();
                        post.edits += 1;
                        json!({ "ok": true, "channel": self.channel, "ts": post.id, "text": text("text") })
                    }
                }
            }
            _ => error("unknown_method"),
        }
    }

    fn mattermost(&mut self, method: &Method, path: &str, body: &Value, at: Timestamp) -> Answer {
        let parts: Vec<_> = path.trim_start_matches("api/v4/").split('/').collect();
        match (method.as_str(), parts.as_slice()) {
            ("GET", ["users", "me"]) => (200, json!({ "id": "b".repeat(26), "username": "partner-desk", "is_bot": true })),
            ("GET", ["channels", id]) if *id == self.channel => {
                let at = if self.mood.archived { at.as_millisecond() } else { 0 };
                (200, json!({ "id": self.channel, "name": "support", "type": "O", "delete_at": at }))
            }
            ("GET", ["channels", id, "members", "me"]) if *id == self.channel && self.mood.member => {
                (200, json!({ "channel_id": self.channel, "user_id": "b".repeat(26) }))
            }
            ("GET", ["channels", ..]) => fault(404, "app.channel.get.existing.app_error"),
            ("POST", ["posts"]) => {
                if let Err(why) = chat_hosts::mattermost(body) {
                    return (400, json!({ "id": "model.post.is_valid.message_length.app_error", "message": why, "status_code": 400 }));
                }
                if body.get("channel_id").and_then(Value::as_str) != Some(&self.channel) || !self.mood.member {
                    return fault(403, "api.context.permissions.app_error");
                }
                if self.mood.archived {
                    return fault(400, "api.post.create_post.can_not_post_to_deleted.error");
                }
                let root = body.get("root_id").and_then(Value::as_str).filter(|root| !root.is_empty()).map(str::to_owned);
                if let Some(root) = &root
                    && !self.posts.iter().any(|post| post.id == *root && !post.deleted && post.root.is_none())
                {
                    return fault(400, "api.post.create_post.root_id.app_error");
                }
                let id = format!("post{:022}", self.posts.len() + 1);
                self.keep(id.clone(), root, body, at);
                (201, json!({ "id": id, "channel_id": self.channel, "message": body.get("message"), "props": body.get("props") }))
            }
            ("PUT", ["posts", id, "patch"]) => {
                if let Err(why) = chat_hosts::mattermost(body) {
                    return (400, json!({ "id": "model.post.is_valid.message_length.app_error", "message": why, "status_code": 400 }));
                }
                if let Some(code) = self.mood.fixed {
                    let closed = code == "edit_window_closed";
                    let id = if closed {
                        "api.post.update_post.permissions_time_limit.app_error"
                    } else {
                        "api.post.update_post.system_message.app_error"
                    };
                    return fault(400, id);
                }
                match self.posts.iter_mut().find(|post| post.id == *id && !post.deleted) {
                    None => fault(403, "api.context.permissions.app_error"),
                    Some(post) => {
                        post.body = body.clone();
                        post.edits += 1;
                        (200, json!({ "id": post.id, "channel_id": self.channel }))
                    }
                }
            }
            _ => fault(404, "api.context.404.app_error"),
        }
    }

    fn keep(&mut self, id: String, root: Option<String>, body: &Value, at: Timestamp) {
        let broadcast = body.get("reply_broadcast").and_then(Value::as_bool).unwrap_or_default();
        self.posts.push(BotPost { id, root, body: body.clone(), edits: 0, broadcast, deleted: false, at });
    }
}

fn error(code: &str) -> Value {
    json!({ "ok": false, "error": code })
}

fn fault(status: u16, id: &str) -> Answer {
    (status, json!({ "id": id, "message": "no", "detailed_error": "", "request_id": "r", "status_code": status }))
}
