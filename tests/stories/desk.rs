//! The stage of the stories: the composition root that `serve` uses, with a clock that is moved by hand.

use crate::instance::{Instance, serve};
use crate::key;
use jiff::Timestamp;
use partner_desk::app::{App, Workers};
use partner_desk::clock::Clock;
use partner_desk::domain::partner::{Membership, Partner};
use partner_desk::domain::quota::Entry;
use partner_desk::domain::ticket::Ticket;
use partner_desk::domain::{IssueId, PartnerId};
use partner_desk::programme::TierId;
use partner_desk::sandbox::{ChatMessage, ChatSink, Deliver, Happened, IssueView, Options, Sandbox};
use partner_desk::settings::Settings;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

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
    /// `partner-desk.toml` without `agents` and the `[[chat]]` named `support`; `{chat}` is the sink's address.
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
    workers: Option<Workers>,
    server: tokio::task::JoinHandle<()>,
    folder: PathBuf,
}

/// A story, on SQLite and on PostgreSQL.
macro_rules! story {
    ($(#[$meta:meta])* $name:ident, |$desk:ident| $body:block) => {
        story!($(#[$meta])* $name, $crate::desk::Setup::default(), |$desk| $body);
    };
    ($(#[$meta:meta])* $name:ident, $setup:expr, |$desk:ident| $body:block) => {
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports, reason = "not every story needs what its file imports")]
            use super::*;

            fn tell(engine: $crate::desk::Engine) {
                $crate::desk::run(async {
                    let $desk = $crate::desk::Desk::start(engine, $setup).await;
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
        let chat_url = chat.url("/support");
        let config = format!(
            "agents = [\"ann\", \"ben\"]\n{}\n[[chat]]\nname = \"support\"\nkind = \"slack\"\nurl = \"{chat_url}\"\n",
            setup.config.replace("{chat}", chat.url("").trim_end_matches('/'))
        );
        let settings = load(&database, sandbox.url(), &config, setup.programme);
        let (app, workers) = App::build(&settings, clock.clone()).await.unwrap();
        let (url, server) = serve(&app).await;
        sandbox.connect(&format!("{url}/api/github/webhooks"));
        sandbox.deliveries_go(Deliver::AtOnce);
        app.desk.catch_up().await.unwrap();
        Self { clock, sandbox, chat, app, url, settings, workers: Some(workers), server, folder }
    }

    /// Stops the desk as a crash would, without a word, and starts it again on the same database.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.go_on().await;
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

    /// Another instance over the same database, as users of PostgreSQL run several.
    pub async fn another_instance(&self) -> Instance {
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
            let mut tx = self.app.desk.store.read().await.unwrap();
            let next = [tx.next_at().await.unwrap(), tx.next_publish().await.unwrap(), tx.next_ping().await.unwrap()];
            tx.rollback().await.unwrap();
            let now = self.clock.now();
            match next.into_iter().flatten().filter(|at| *at > now).min() {
                Some(next) if next <= when => self.clock.advance_to(next),
                _ => break,
            }
            self.settle().await;
        }
        self.clock.advance_to(when);
        self.settle().await;
    }

    /// A partner with a tier since ever, and its members.
    pub async fn partner(&self, id: &str, tier: &str, members: &[&str]) {
        self.partner_between(id, tier, members, None, None).await;
    }

    /// A partner with a tier over a time.
    pub async fn partner_between(&self, id: &str, tier: &str, members: &[&str], from: Option<&str>, until: Option<&str>) {
        let id = PartnerId::new(id).unwrap();
        let name = format!("{}{}", id.as_str()[..1].to_uppercase(), &id.as_str()[1..]);
        let mut partner = Partner { id: id.clone(), name, time_zone: None, tiers: Vec::new() };
        partner.put_tier(TierId(tier.to_owned()), from.map(instant), until.map(instant));
        let mut tx = self.app.desk.store.write().await.unwrap();
        tx.put_partner(&partner).await.unwrap();
        for login in members {
            let user = Some(self.sandbox.person(login));
            let member = Membership {
                partner: id.clone(),
                user,
                login: (*login).to_owned(),
                from: None,
                until: None,
                primary: false,
                lookup_failed: false,
            };
            tx.put_member(None, &member).await.unwrap();
        }
        tx.look_again(self.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Another tier from now on.
    pub async fn set_tier(&self, id: &str, tier: &str) {
        let now = self.clock.now();
        let mut tx = self.app.desk.store.write().await.unwrap();
        let mut partner = tx.partner(&PartnerId::new(id).unwrap()).await.unwrap().unwrap();
        partner.put_tier(TierId(tier.to_owned()), Some(now), None);
        tx.put_partner(&partner).await.unwrap();
        tx.look_again(now).await.unwrap();
        tx.commit().await.unwrap();
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

    /// The issue as GitHub shows it.
    pub fn view(&self, issue: &Opened) -> IssueView {
        self.sandbox.issue(REPO, issue.number).unwrap()
    }

    /// Its labels, in one line.
    pub fn labels(&self, issue: &Opened) -> String {
        self.view(issue).labels.iter().map(|label| format!("[{label}]")).collect::<Vec<_>>().join(" ")
    }

    /// The desk's comments on it, as people read them.
    pub fn comments(&self, issue: &Opened) -> Vec<String> {
        let view = self.view(issue);
        view.comments_by("partner-desk[bot]").into_iter().map(|comment| readable(&comment.body)).collect()
    }

    /// The one status comment, as people read it, without its reasons.
    pub fn status(&self, issue: &Opened) -> String {
        self.comments(issue).first().cloned().unwrap_or_default()
    }

    /// Chat messages since the last time, a line each.
    pub fn pings(&self) -> Vec<String> {
        self.chat.take().iter().map(ChatMessage::text).collect()
    }

    /// The desk's own view of the ticket.
    pub async fn ticket(&self, issue: &Opened) -> Option<Ticket> {
        let mut tx = self.app.desk.store.read().await.unwrap();
        let ticket = tx.ticket(issue.id).await.unwrap();
        tx.rollback().await.unwrap();
        ticket
    }

    /// A word for where the ticket stands.
    pub async fn standing(&self, issue: &Opened) -> &'static str {
        self.standing_of(issue.id).await
    }

    /// The same, by the issue's id.
    pub async fn standing_of(&self, issue: IssueId) -> &'static str {
        let mut tx = self.app.desk.store.read().await.unwrap();
        let ticket = tx.ticket(issue).await.unwrap();
        tx.rollback().await.unwrap();
        ticket.map_or("unknown", |ticket| ticket.standing_word())
    }

    /// The partner's ledger.
    pub async fn ledger(&self, partner: &str) -> Vec<Entry> {
        let mut tx = self.app.desk.store.read().await.unwrap();
        let ledger = tx.ledger(&PartnerId::new(partner).unwrap()).await.unwrap();
        tx.rollback().await.unwrap();
        ledger
    }

    /// The ticket's log: `Q3 admitted for …`.
    pub async fn log(&self, issue: &Opened) -> Vec<String> {
        let mut tx = self.app.desk.store.read().await.unwrap();
        let log = tx.log_of(issue.id).await.unwrap();
        tx.rollback().await.unwrap();
        log.into_iter().map(|(_, rule, text)| format!("{rule} {text}")).collect()
    }
}

/// Without the hidden marker and the folded parts.
fn readable(body: &str) -> String {
    let visible = body.split("<details>").next().unwrap_or_default().split("<sub>").next().unwrap_or_default();
    visible.lines().filter(|line| !line.starts_with("<!--")).collect::<Vec<_>>().join("\n").trim().to_owned()
}

fn load(database: &str, github: &str, config: &str, programme: Option<&str>) -> Settings {
    let config = match programme {
        Some(_) => format!("programme = \"programme.toml\"\n{config}"),
        None => config.to_owned(),
    };
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
        _ => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
    };
    Settings::load(&|name| env.get(name).cloned(), &read).unwrap_or_else(|problems| panic!("{problems}"))
}

async fn fresh_postgres(name: &str) -> String {
    let base = std::env::var("PARTNER_DESK_TEST_POSTGRES").expect("PARTNER_DESK_TEST_POSTGRES is not set: run tests/run");
    let pool = sqlx::PgPool::connect(&base).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await.unwrap();
    pool.close().await;
    let (server, _) = base.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}
