//! The stage of the stories: the composition root that `serve` uses, with a clock that is moved by hand.

use crate::instance::{Instance, serve};
use crate::key;
use crate::postgres::fresh_postgres;
use jiff::Timestamp;
use partner_desk::app::{App, Workers};
use partner_desk::clock::Clock;
use partner_desk::desk::speak::PATIENCE;
use partner_desk::domain::IssueId;
use partner_desk::sandbox::{ChatSink, Deliver, Happened, Options, Sandbox};
use partner_desk::settings::Settings;
use partner_desk::store::StoreError;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::task::JoinHandle;

/// Where the stories play.
pub const REPO: &str = "7x/support";
/// When they begin: a Wednesday.
pub const START: &str = "2026-11-18T09:00:00Z";

/// Which database a story is told on.
#[derive(Debug, Clone, Copy)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// What differs from the default: configuration and programme.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// `partner-desk.toml` without the `[[chat]]` named `support`, and without `agents` unless they are others than ann and ben;
    /// `{chat}` is the sink's address.
    pub config: &'static str,
    /// `programme.toml`, if not the built-in one.
    pub programme: Option<&'static str>,
}

/// An issue of the story.
#[derive(Debug, Clone)]
pub struct Opened {
    pub number: u64,
    pub id: IssueId,
    /// What the webhook was answered with; `None` while deliveries are held.
    pub answer: Option<u16>,
}

/// The desk with everything around it.
pub struct Desk {
    pub clock: Clock,
    pub sandbox: Sandbox,
    pub chat: ChatSink,
    pub app: App,
    pub url: String,
    settings: Settings,
    database: String,
    workers: Option<Workers>,
    server: JoinHandle<()>,
    folder: PathBuf,
}

/// A story, on SQLite and on PostgreSQL: `story!(name, |desk| { … })`, with a [`Setup`] before the desk if need be, and `mut` where
/// the desk is restarted.
macro_rules! story {
    ($name:ident, |mut $desk:ident| $body:block) => {
        story!(@tell $name, $crate::desk::Setup::default(), $desk, [mut $desk], $body);
    };
    ($name:ident, |$desk:ident| $body:block) => {
        story!(@tell $name, $crate::desk::Setup::default(), $desk, [$desk], $body);
    };
    ($name:ident, $setup:expr, |mut $desk:ident| $body:block) => {
        story!(@tell $name, $setup, $desk, [mut $desk], $body);
    };
    ($name:ident, $setup:expr, |$desk:ident| $body:block) => {
        story!(@tell $name, $setup, $desk, [$desk], $body);
    };
    (@tell $name:ident, $setup:expr, $desk:ident, [$($binding:tt)+], $body:block) => {
        mod $name {
            #[allow(unused_imports, reason = "not every story needs what its file imports")]
            use super::*;

            fn tell(engine: $crate::desk::Engine) {
                $crate::desk::run(async {
                    let $($binding)+ = $crate::desk::Desk::start(engine, $setup).await;
                    $body
                    $desk.end().await;
                });
            }

            #[test]
            fn sqlite() {
                tell($crate::desk::Engine::Sqlite);
            }

            #[test]
            #[ignore = "needs PostgreSQL: tests/run"]
            fn postgres() {
                tell($crate::desk::Engine::Postgres);
            }
        }
    };
}

pub fn run(story: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // Each snapshot is compared twice, once a database.
    insta::allow_duplicates! { runtime.block_on(story) }
}

pub fn instant(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

impl Desk {
    pub async fn start(engine: Engine, setup: Setup) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let unique = format!("pd_story_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(&unique);
        std::fs::create_dir_all(&folder).unwrap();
        let database = match engine {
            Engine::Sqlite => format!("sqlite://{}/desk.db", folder.display()),
            Engine::Postgres => fresh_postgres(&unique).await,
        };
        let clock = Clock::manual(instant(START));
        let options = Options { token_life: None, check: crate::openapi::check(), ..Options::default() };
        let sandbox = Sandbox::start(clock.clone(), options).await.unwrap();
        let chat = ChatSink::start(clock.clone()).await.unwrap();
        for agent in ["ann", "ben"] {
            sandbox.person(agent);
        }
        sandbox.repository(REPO);
        let settings = load(&database, sandbox.url(), &chat, &setup);
        let (app, workers) = App::build(&settings, clock.clone()).await.unwrap();
        let (url, server) = serve(&app).await;
        sandbox.connect(&format!("{url}/api/github/webhooks"));
        sandbox.deliveries_go(Deliver::AtOnce);
        app.desk.catch_up().await.unwrap();
        Self { clock, sandbox, chat, app, url, settings, database, workers: Some(workers), server, folder }
    }

    /// Stops the desk as a crash would, without a word, and starts it again on the same database.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.go_on().await;
    }

    /// The same with another configuration or programme.
    pub async fn restart_with(&mut self, setup: Setup) {
        self.stop().await;
        self.settings = load(&self.database, self.sandbox.url(), &self.chat, &setup);
        self.go_on().await;
    }

    /// The same with another webhook secret, while GitHub goes on signing with its own.
    pub async fn restart_with_secret(&mut self, secret: &str) {
        self.stop().await;
        if let Some(app) = &mut self.settings.app {
            app.webhook_secret = secret.into();
        }
        self.go_on().await;
    }

    /// The same where an operator has said at which address it is reached.
    pub async fn restart_at(&mut self, public_url: &str) {
        self.stop().await;
        (self.settings.public_url, self.settings.public_url_is_set) = (public_url.to_owned(), true);
        self.go_on().await;
    }

    /// The desk, which was stopped, comes back on another database.
    pub async fn go_on_at(&mut self, database: &str, setup: Setup) {
        self.database = database.to_owned();
        self.settings = load(database, self.sandbox.url(), &self.chat, &setup);
        self.go_on().await;
    }

    /// Where its data is.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// As it was started last.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A folder of its own.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The desk goes away; GitHub's deliveries fail from now on.
    pub async fn stop(&mut self) {
        self.server.abort();
        let _ = (&mut self.server).await;
        if let Some(workers) = self.workers.take() {
            drop(workers);
        }
    }

    /// The desk comes back, and looks at what it missed.
    pub async fn go_on(&mut self) {
        let (app, workers) = App::build(&self.settings, self.clock.clone()).await.unwrap();
        let (url, server) = serve(&app).await;
        self.sandbox.connect(&format!("{url}/api/github/webhooks"));
        (self.app, self.workers, self.server, self.url) = (app, Some(workers), server, url);
        self.app.desk.catch_up().await.unwrap();
        self.settle().await;
    }

    /// Shows at GitHub what is to be shown, beside the story that goes on.
    pub fn publishes(&self) -> JoinHandle<Result<usize, StoreError>> {
        let app = self.app.clone();
        tokio::spawn(async move { app.desk.publish().await })
    }

    /// Another instance over the same database, as users of PostgreSQL run several.
    pub async fn another_instance(&self) -> Instance {
        self.app.desk.lives_on().await.unwrap();
        Instance::build(&self.settings, self.clock.clone()).await
    }

    /// The same where no instance has lived for a while.
    pub async fn another_instance_alone(&self) -> Instance {
        Instance::build(&self.settings, self.clock.clone()).await
    }

    /// Ends the story: nothing that was sent to GitHub may be against its description.
    pub async fn end(mut self) {
        self.settle().await;
        assert_eq!(self.sandbox.violations(), Vec::<String>::new(), "requests against GitHub's description");
        self.stop().await;
        self.app.desk.store.close().await;
        let _ = std::fs::remove_dir_all(&self.folder);
    }

    /// Does all that can be done at this instant, on both sides.
    pub async fn settle(&self) {
        for _ in 0..20 {
            let before = self.sandbox.mark();
            self.app.settle().await.unwrap();
            self.sandbox.settle().await;
            if self.sandbox.mark() == before {
                return;
            }
        }
        panic!("the desk and GitHub do not come to rest");
    }

    /// Moves time to an instant, stopping at each at which the desk has something to do.
    pub async fn at(&self, when: &str) {
        let when = instant(when);
        for _ in 0..100_000 {
            let now = self.clock.now();
            let mut tx = self.app.desk.store.read().await.unwrap();
            let next = [
                tx.next_at().await.unwrap(),
                tx.next_rights().await.unwrap(),
                tx.next_publish().await.unwrap(),
                tx.next_ping(now, PATIENCE).await.unwrap(),
                tx.next_retry().await.unwrap(),
                tx.life().await.unwrap().tell,
            ];
            tx.rollback().await.unwrap();
            match next.into_iter().flatten().filter(|at| *at > now).min() {
                Some(next) if next <= when => self.clock.advance_to(next),
                _ => break,
            }
            self.settle().await;
        }
        self.clock.advance_to(when);
        self.settle().await;
    }

    /// Somebody opens an issue.
    pub async fn opens(&self, author: &str, title: &str) -> Opened {
        self.opens_with(author, title, "It does not work.").await
    }

    /// Somebody opens an issue with this text.
    pub async fn opens_with(&self, author: &str, title: &str, body: &str) -> Opened {
        let happened = self.sandbox.open_issue(REPO, author, title, body).await.unwrap();
        self.settle().await;
        let issue = happened.issue.as_ref().unwrap();
        Opened { number: issue.number, id: issue.id, answer: happened.status() }
    }

    /// Somebody comments.
    pub async fn says(&self, author: &str, issue: &Opened, text: &str) -> Happened {
        let happened = self.sandbox.comment(REPO, issue.number, author, text).await.unwrap();
        self.settle().await;
        happened
    }

    /// Somebody closes the issue.
    pub async fn closes(&self, actor: &str, issue: &Opened) {
        self.sandbox.close(REPO, issue.number, actor, "completed").await.unwrap();
        self.settle().await;
    }

    /// Somebody opens it again.
    pub async fn reopens(&self, actor: &str, issue: &Opened) {
        self.sandbox.reopen(REPO, issue.number, actor).await.unwrap();
        self.settle().await;
    }

    /// A Student's ticket that was given back within its quarter of an hour; two others have used up the week since.
    pub async fn given_back_and_out_of_tickets(&self) -> Opened {
        self.partner("uni", "student", &["stu"]).await;
        let first = self.opens("stu", "One").await;
        self.at("2026-11-18T09:10:00Z").await;
        self.closes("stu", &first).await;
        self.opens("stu", "Two").await;
        self.opens("stu", "Three").await;
        first
    }

    /// GitHub keeps its webhooks from now on.
    pub fn holds_webhooks(&self) {
        self.sandbox.deliveries_go(Deliver::Held);
    }

    /// GitHub delivers what it kept at these places, in this order, and goes on keeping.
    pub async fn delivers(&self, places: &[usize]) {
        self.sandbox.deliver_in_order(places).await;
        self.settle().await;
    }

    /// GitHub delivers what it still keeps, in the order of the events, and keeps no more.
    pub async fn delivers_the_rest(&self) {
        self.sandbox.deliver_all().await;
        self.sandbox.deliveries_go(Deliver::AtOnce);
        self.settle().await;
    }
}

fn load(database: &str, github: &str, chat: &ChatSink, setup: &Setup) -> Settings {
    let programme = setup.programme;
    let config = format!(
        "{}{}{}\n[[chat]]\nname = \"support\"\nkind = \"slack\"\nurl = \"{}\"\n",
        if programme.is_some() { "programme = \"programme.toml\"\n" } else { "" },
        if setup.config.starts_with("agents") { "" } else { "agents = [\"ann\", \"ben\"]\n" },
        setup.config.replace("{chat}", chat.url("").trim_end_matches('/')),
        chat.url("/support"),
    );
    let env: HashMap<&str, String> = [
        ("DATABASE_URL", database.to_owned()),
        ("APP_ID", "1234".to_owned()),
        ("PRIVATE_KEY", key::PRIVATE.clone()),
        ("WEBHOOK_SECRET", "sandbox-webhook-secret".to_owned()),
        ("GITHUB_API_URL", github.to_owned()),
        ("GITHUB_URL", github.to_owned()),
        ("PARTNER_DESK_CONFIG", "partner-desk.toml".to_owned()),
    ]
    .into();
    let read = |path: &Path| match (path.file_name().and_then(|name| name.to_str()), programme) {
        (Some("partner-desk.toml"), _) => Ok(config.clone()),
        (Some("programme.toml"), Some(programme)) => Ok(programme.to_owned()),
        // What a story names by its whole path.
        _ => std::fs::read_to_string(path),
    };
    Settings::load(&|name| env.get(name).cloned(), &read).unwrap_or_else(|problems| panic!("{problems}"))
}
