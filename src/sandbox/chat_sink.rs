//! A stand-in for chat: takes whatever is posted and answers as it is told to.

use super::chat_bots::{BotApi, BotHost, BotMood, BotPost};
use super::chat_hosts::ChatHost;
use super::line::{CuttableListener, Line};
use super::{Tasks, lock};
use crate::clock::Clock;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use axum::serve::Listener;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One thing that was posted.
#[derive(Debug, Clone)]
pub struct ChatMessage {
    /// The path, which tells channels apart.
    pub path: String,
    /// The headers of the request.
    pub headers: HeaderMap,
    /// The body, or `null` where it is no JSON.
    pub body: Value,
    /// When it came, by the clock that the sink was started with.
    pub at: Timestamp,
    /// What it was answered with; `None` where the connection was closed instead.
    pub status: Option<u16>,
    /// What the answer said.
    pub answered: String,
}

impl ChatMessage {
    /// Whether it was answered with a success.
    #[must_use]
    pub fn accepted(&self) -> bool {
        // Slack says no with a success.
        self.status.is_some_and(|s| (200..300).contains(&s)) && !self.answered.contains("\"ok\":false")
    }

    /// Everything in it that a reader would see: the strings under `text` and `content`, in order of appearance.
    #[must_use]
    pub fn text(&self) -> String {
        fn walk(value: &Value, out: &mut Vec<String>) {
            match value {
                Value::Object(map) => {
                    for (key, value) in map {
                        match value {
                            Value::String(s) if matches!(key.as_str(), "text" | "content" | "title" | "description") => out.push(s.clone()),
                            other => walk(other, out),
                        }
                    }
                }
                Value::Array(items) => items.iter().for_each(|item| walk(item, out)),
                _ => {}
            }
        }
        let mut out = Vec::new();
        walk(&self.body, &mut out);
        out.join("\n")
    }
}

/// How a message is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatAnswer {
    /// With this status and, if given, `Retry-After` in seconds.
    Status(u16, Option<u32>),
    /// The message is taken, then the connection closes without an answer.
    Hangup,
    /// The connection closes before anything is taken.
    Down,
    /// 200, but this much later.
    Slow(Duration),
}

impl ChatAnswer {
    /// What a healthy channel answers.
    pub const OK: Self = Self::Status(200, None);
}

type Observer = Arc<dyn Fn(&ChatMessage) + Send + Sync>;

/// How a post is answered that no order was given for, by its path.
type Mood = Box<dyn FnMut(&str) -> ChatAnswer + Send>;

struct Rule {
    /// Which path it is for; empty for any.
    path: String,
    answer: ChatAnswer,
}

#[derive(Default)]
struct Inbox {
    messages: Vec<ChatMessage>,
    next: VecDeque<Rule>,
    always: Vec<Rule>,
    hosts: Vec<(String, ChatHost)>,
    bots: Vec<BotApi>,
    mood: Option<Mood>,
    observer: Option<Observer>,
}

struct Inner {
    clock: Clock,
    base: String,
    inbox: Mutex<Inbox>,
}

/// The sink. Clones are the same sink; it ends with the last of them.
#[derive(Clone)]
pub struct ChatSink {
    inner: Arc<Inner>,
    _tasks: Arc<Tasks>,
}

impl std::fmt::Debug for ChatSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatSink").finish_non_exhaustive()
    }
}

impl ChatSink {
    /// Listens on a free port of the loopback interface.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(clock: Clock) -> io::Result<Self> {
        let listener = CuttableListener::on_loopback().await?;
        let base = format!("http://{}", listener.local_addr()?);
        let inner = Arc::new(Inner { clock, base, inbox: Mutex::default() });
        let app = Router::new().fallback(receive).with_state(inner.clone()).into_make_service_with_connect_info::<Line>();
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { inner, _tasks: Arc::new(Tasks(vec![server])) })
    }

    /// The address of one channel.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}/{}", self.inner.base, path.trim_start_matches('/'))
    }

    /// Everything that was posted, refused posts included.
    #[must_use]
    pub fn messages(&self) -> Vec<ChatMessage> {
        lock(&self.inner.inbox).messages.clone()
    }

    /// The same, and the sink forgets them.
    #[must_use]
    pub fn take(&self) -> Vec<ChatMessage> {
        std::mem::take(&mut lock(&self.inner.inbox).messages)
    }

    /// From now on `path` takes only what `host` takes, and answers as that does.
    pub fn stands_for(&self, path: &str, host: ChatHost) {
        lock(&self.inner.inbox).hosts.push((rooted(path), host));
    }

    /// From now on what is under `path` is the API of a service, with one channel and one bot.
    pub fn is_an_api(&self, path: &str, host: BotHost, token: &str, channel: &str) {
        lock(&self.inner.inbox).bots.push(BotApi::new(rooted(path), host, token, channel));
    }

    /// What a bot has posted under `path`, as it stands.
    #[must_use]
    pub fn posts(&self, path: &str) -> Vec<BotPost> {
        let inbox = lock(&self.inner.inbox);
        inbox.bots.iter().find(|api| api.path == rooted(path)).map(|api| api.posts.clone()).unwrap_or_default()
    }

    /// Somebody deletes a message that a bot has posted.
    pub fn delete_post(&self, path: &str, id: &str) {
        let mut inbox = lock(&self.inner.inbox);
        let posts = inbox.bots.iter_mut().filter(|api| api.path == rooted(path)).flat_map(|api| &mut api.posts);
        posts.filter(|post| post.id == id).for_each(|post| post.deleted = true);
    }

    /// How the service under `path` is disposed to its bot from now on.
    pub fn mood(&self, path: &str, mood: &BotMood) {
        let mut inbox = lock(&self.inner.inbox);
        inbox.bots.iter_mut().filter(|api| api.path == rooted(path)).for_each(|api| api.mood = mood.clone());
    }

    /// How the next post is answered, whatever its path. Several queue up.
    pub fn answer_next(&self, answer: ChatAnswer) {
        lock(&self.inner.inbox).next.push_back(Rule { path: String::new(), answer });
    }

    /// How the next post to `path` is answered.
    pub fn answer_next_at(&self, path: &str, answer: ChatAnswer) {
        lock(&self.inner.inbox).next.push_back(Rule { path: rooted(path), answer });
    }

    /// How every post to `path` is answered from now on, an empty path being all of them.
    pub fn answer_always(&self, path: &str, answer: ChatAnswer) {
        let path = if path.is_empty() { String::new() } else { rooted(path) };
        let mut inbox = lock(&self.inner.inbox);
        inbox.always.retain(|r| r.path != path);
        inbox.always.push(Rule { path, answer });
    }

    /// From now on `mood` answers each post that none of the above is for: at random, where the caller has the dice.
    pub fn answer_by(&self, mood: impl FnMut(&str) -> ChatAnswer + Send + 'static) {
        lock(&self.inner.inbox).mood = Some(Box::new(mood));
    }

    /// Calls `observer` for each message as it comes.
    pub fn on_message(&self, observer: impl Fn(&ChatMessage) + Send + Sync + 'static) {
        lock(&self.inner.inbox).observer = Some(Arc::new(observer));
    }
}

fn rooted(path: &str) -> String {
    format!("/{}", path.trim_start_matches('/'))
}

impl Inbox {
    fn answer_to(&mut self, path: &str) -> ChatAnswer {
        let fits = |r: &Rule| r.path.is_empty() || r.path == path;
        if let Some(i) = self.next.iter().position(fits) {
            return self.next.remove(i).map_or(ChatAnswer::OK, |r| r.answer);
        }
        // A rule for the very path is stronger than one for all of them.
        let best = self.always.iter().filter(|r| fits(r)).max_by_key(|r| r.path.len());
        match (best, &mut self.mood) {
            (Some(rule), _) => rule.answer.clone(),
            (None, Some(mood)) => mood(path),
            (None, None) => ChatAnswer::OK,
        }
    }
}

async fn receive(State(inner): State<Arc<Inner>>, ConnectInfo(line): ConnectInfo<Line>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, 4 << 20).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = parts.uri.path().to_owned();
    let (message, answer, said, said_so, observer) = {
        let mut inbox = lock(&inner.inbox);
        let answer = inbox.answer_to(&path);
        if answer == ChatAnswer::Down {
            line.cut();
            return StatusCode::NO_CONTENT.into_response();
        }
        let parsed = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let now = inner.clock.now();
        let api = inbox.bots.iter_mut().find_map(|api| {
            let rest = path.strip_prefix(&api.path)?.strip_prefix('/')?.to_owned();
            Some((api, rest))
        });
        let mut said_so = Vec::new();
        let by_api = api.and_then(|(api, rest)| match &answer {
            ChatAnswer::Status(200, None) | ChatAnswer::Hangup | ChatAnswer::Slow(_) => {
                let asked = (&parts.method, rest.as_str(), parts.uri.query().unwrap_or_default());
                let ((status, value), headers) = api.answer(asked, &parts.headers, &parsed, now);
                said_so = headers;
                Some((status, value))
            }
            ChatAnswer::Status(status, _) => Some((*status, api.refusal(*status))),
            ChatAnswer::Down => None,
        });
        let host = inbox.hosts.iter().find(|(of, _)| *of == path).map(|(_, host)| *host);
        let (answer, said) = match (host, answer) {
            (_, ChatAnswer::Status(_, after)) if let Some((status, value)) = &by_api => {
                (ChatAnswer::Status(*status, after), value.to_string())
            }
            (Some(host), ChatAnswer::Status(200, None)) => {
                let (status, said) = host.judge_with(&bytes, Some(&parts.headers));
                (ChatAnswer::Status(status, None), said)
            }
            (Some(host), ChatAnswer::Status(status, after)) => (ChatAnswer::Status(status, after), host.refusal(status, after)),
            (_, answer @ ChatAnswer::Status(..300, _)) => (answer, "ok".to_owned()),
            (_, answer) => (answer, "no".to_owned()),
        };
        let status = match answer {
            ChatAnswer::Status(status, _) => Some(status),
            ChatAnswer::Hangup | ChatAnswer::Down => None,
            ChatAnswer::Slow(_) => Some(200),
        };
        let message = ChatMessage { path, headers: parts.headers, body: parsed, at: now, status, answered: said.clone() };
        inbox.messages.push(message.clone());
        (message, answer, said, said_so, inbox.observer.clone())
    };
    // Outside the lock, so that an observer may ask the sink.
    if let Some(observer) = observer {
        observer(&message);
    }
    match answer {
        ChatAnswer::Status(status, retry_after) => {
            let mut response = Response::new(Body::from(said));
            for (name, value) in said_so {
                response.headers_mut().extend(value.parse().ok().map(|value| (http::HeaderName::from_static(name), value)));
            }
            *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            response
        }
        ChatAnswer::Hangup | ChatAnswer::Down => {
            line.cut();
            StatusCode::NO_CONTENT.into_response()
        }
        ChatAnswer::Slow(by) => {
            tokio::time::sleep(by).await;
            "ok".into_response()
        }
    }
}
