//! A small GitHub for the demo and the story tests: the few REST endpoints that the desk uses, people who act, signed
//! webhooks, and things that go wrong on order.
//!
//! People act through methods of [`Sandbox`] (in `people` and `owners`), the desk through HTTP (in `api`). Both change the same
//! state, and both leave the webhooks that GitHub would send. Time is the [`Clock`] that the sandbox is started with and
//! is shown as GitHub shows it, cut to the second. What GitHub would refuse is refused in its own words; what this sandbox
//! cannot do is listed by [`Sandbox::violations`], so that a test never passes on an answer that was made up.

#![expect(clippy::indexing_slicing, reason = "JSON that is built or read here: a part that is missing reads as null, and writing makes it")]

mod acts;
mod answer;
mod api;
mod api_app;
mod api_issues;
mod api_labels;
#[cfg(test)]
mod api_tests;
mod auth;
pub mod chat_bots;
pub mod chat_hosts;
pub mod chat_sink;
mod faults;
mod held;
mod installing;
mod key;
mod labelling;
mod limits;
mod line;
mod moving;
mod news;
mod outgoing;
mod owners;
#[cfg(test)]
mod owners_tests;
mod people;
mod places;
mod record;
mod registering;
mod render;
mod render_owners;
mod setup;
mod staff;
mod state;
mod talking;
#[cfg(test)]
mod tests;
mod things;
mod timeline;
mod views;
mod webhooks;

pub use chat_bots::{BotHost, BotMood, BotPost};
pub use chat_hosts::ChatHost;
pub use chat_sink::{ChatAnswer, ChatMessage, ChatSink};
pub use faults::{Fault, Faults};
pub use key::{Keys, secret};
pub use news::{SandboxEvent, What};
pub use people::{CloseOrder, Happened, IssueRef};
pub use record::RecordedRequest;
pub use state::{Hook, SandboxError};
pub use things::{AccountKind, Ghost};
pub use timeline::{Entry, Told};
pub use views::{CommentView, IssueView, LabelView};
pub use webhooks::{Deliver, DeliveryRecord, DeliveryState, signature};

use crate::clock::Clock;
use axum::serve::Listener;
use jiff::SignedDuration;
use state::World;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinHandle;

/// Looks at each request before it is worked on; what it finds wrong is collected.
pub type Check = Arc<dyn Fn(&RecordedRequest) -> Result<(), String> + Send + Sync>;

type Observer = Arc<dyn Fn(&SandboxEvent) + Send + Sync>;

/// What a sandbox is started with.
#[derive(Clone)]
pub struct Options {
    /// The App's id.
    pub app_id: i64,
    /// The App's short name; its bot is `<slug>[bot]`.
    pub slug: String,
    /// What webhooks are signed with.
    pub webhook_secret: String,
    /// The App's public key in PEM. Without it, any well-formed RS256 token of this App is taken.
    pub public_key: Option<String>,
    /// The events that the App subscribes to; those of installations come in any case.
    pub events: &'static [&'static str],
    /// How long installation tokens work; `None` for ever, for tests whose clock leaps.
    pub token_life: Option<SignedDuration>,
    /// How many content-creating requests an installation has a minute before GitHub refuses; `None` does not count.
    pub content_per_minute: Option<usize>,
    /// The same for an hour.
    pub content_per_hour: Option<usize>,
    /// Looks at each request, for example against GitHub's own description of its API.
    pub check: Option<Check>,
    /// Where people look at issues: what `html_url` begins with, without a slash at the end. The API's own address, if nothing is said.
    pub pages: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            app_id: 1234,
            slug: "partner-desk".to_owned(),
            webhook_secret: "sandbox-webhook-secret".to_owned(),
            public_key: None,
            events: &["issue_comment", "issues", "label", "member", "membership", "organization", "repository", "team"],
            token_life: Some(SignedDuration::from_hours(1)),
            content_per_minute: Some(80),
            content_per_hour: Some(500),
            check: None,
            pages: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("app_id", &self.app_id).field("slug", &self.slug).finish_non_exhaustive()
    }
}

/// What was asked and what was wrong with it.
#[derive(Default)]
struct Ledger {
    requests: Vec<RecordedRequest>,
    violations: Vec<String>,
}

/// What all handles share.
struct Inner {
    options: Options,
    clock: Clock,
    base: String,
    world: Mutex<World>,
    tokens: Mutex<auth::Tokens>,
    ledger: Mutex<Ledger>,
    skew: Mutex<SignedDuration>,
    faults: Faults,
    post: webhooks::Post,
    observer: Mutex<Option<Observer>>,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("url", &self.inner.base).finish_non_exhaustive()
    }
}

/// Ends background tasks with the last handle.
struct Tasks(Vec<JoinHandle<()>>);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// A poisoned lock means that a test failed while holding it; the state is still worth looking at.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sandbox. Clones are the same sandbox; it ends with the last of them.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
    _tasks: Arc<Tasks>,
}

impl Sandbox {
    /// Listens on a free port of the loopback interface.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(clock: Clock, options: Options) -> io::Result<Self> {
        let listener = line::CuttableListener::on_loopback().await?;
        let base = format!("http://{}", listener.local_addr()?);
        let (post, waiting) = webhooks::Post::new()?;
        let world = World::new(clock.clone(), base.clone(), &options);
        let inner = Arc::new(Inner {
            options,
            clock,
            base,
            world: Mutex::new(world),
            tokens: Mutex::default(),
            ledger: Mutex::default(),
            skew: Mutex::default(),
            faults: Faults::default(),
            post,
            observer: Mutex::default(),
        });
        let server = tokio::spawn(api::serve(listener, inner.clone()));
        let carrier = tokio::spawn(webhooks::carry(inner.clone(), waiting));
        Ok(Self { inner, _tasks: Arc::new(Tasks(vec![server, carrier])) })
    }

    /// The base URL of the API, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.inner.base
    }

    /// Where webhooks go from now on.
    pub fn connect(&self, webhook_url: &str) {
        self.inner.post.connect(&[webhook_url]);
    }

    /// The same with several instances behind a balancer: by turns, and past one where nobody listens.
    pub fn connect_by_turns(&self, webhook_urls: &[&str]) {
        self.inner.post.connect(webhook_urls);
    }

    /// Calls `observer` for everything that happens from now on, in order.
    pub fn on_event(&self, observer: impl Fn(&SandboxEvent) + Send + Sync + 'static) {
        *lock(&self.inner.observer) = Some(Arc::new(observer));
    }

    /// What goes wrong, on order.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.inner.faults
    }

    /// How far GitHub's `Date` header is from the shared clock.
    pub fn skew(&self, by: SignedDuration) {
        *lock(&self.inner.skew) = by;
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.inner.ledger).requests.clone()
    }

    /// A point in the list of requests, to count from.
    #[must_use]
    pub fn mark(&self) -> usize {
        lock(&self.inner.ledger).requests.len()
    }

    /// Every request that changes something, refused ones included.
    #[must_use]
    pub fn writes(&self) -> Vec<RecordedRequest> {
        self.writes_since(0)
    }

    /// The same, from a mark on.
    #[must_use]
    pub fn writes_since(&self, mark: usize) -> Vec<RecordedRequest> {
        lock(&self.inner.ledger).requests.iter().skip(mark).filter(|r| r.is_write()).cloned().collect()
    }

    /// How many installation tokens were minted.
    #[must_use]
    pub fn tokens_minted(&self) -> usize {
        lock(&self.inner.tokens).minted()
    }

    /// Makes every token invalid at once.
    pub fn revoke_tokens(&self) {
        lock(&self.inner.tokens).revoke_all();
    }

    /// From now on an installation has so many calls an hour, instead of 5000.
    pub fn calls_an_hour(&self, calls: usize) {
        lock(&self.inner.world).calls_an_hour = calls;
    }

    /// How many writes of one installation there were at the same time, at most.
    #[must_use]
    pub fn most_writes_at_once(&self) -> usize {
        lock(&self.inner.world).most_writing()
    }

    /// What the check found, what was sent beyond GitHub's limits, and what was asked that the sandbox cannot do.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        lock(&self.inner.ledger).violations.clone()
    }
}

impl Inner {
    /// Runs a change of the world; what came of it goes to the log and to whoever watches. Returns the deliveries' numbers
    /// and whether the caller has to send them.
    fn act<T>(&self, by_person: bool, change: impl FnOnce(&mut World) -> T) -> (T, Vec<i64>, bool) {
        let (result, news, ids, send_now) = {
            let mut world = lock(&self.world);
            let result = change(&mut world);
            let at = world.now();
            let (out, news) = (std::mem::take(&mut world.out), std::mem::take(&mut world.news));
            // Still under the lock, so that the log has the order in which things happened.
            let (ids, send_now) = self.post.take(out, at, by_person);
            (result, news, ids, send_now)
        };
        let observer = lock(&self.observer).clone();
        if let Some(observer) = observer {
            for event in &news {
                observer(event);
            }
        }
        (result, ids, send_now)
    }
}
