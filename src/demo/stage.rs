//! The stage: a sandbox GitHub, a chat, and the real desk between them on a database of its own. One clock for all three.

use super::Failure;
use super::folder::Folder;
use super::script::{Act, Story};
use crate::app::{App, StartError, Workers};
use crate::clock::Clock;
use crate::desk::Desk;
use crate::desk::people::LookUp;
use crate::desk::speak::PATIENCE;
use crate::domain::PartnerId;
use crate::domain::partner::{Membership, Partner};
use crate::programme::TierId;
use crate::sandbox::{ChatSink, Deliver, Keys, Options, Sandbox, SandboxEvent, secret};
use crate::settings::Settings;
use crate::store::AuditLine;
use crate::web;
use crate::web::serving::{Limits, serve};
use axum::Router;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const APP_ID: i64 = 7;
/// The desk's database, in the demo's folder.
const DATABASE: &str = "desk.db";
/// The one channel.
pub(super) const CHANNEL: &str = "support";
/// What a database's address may hold as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.');

/// Something that somebody could see.
#[derive(Debug, Clone)]
pub(super) enum Seen {
    /// At GitHub.
    GitHub(SandboxEvent),
    /// In the chat: what was written there.
    Chat(String),
}

/// Everything that a story needs.
pub(super) struct Stage {
    pub(super) clock: Clock,
    pub(super) sandbox: Sandbox,
    pub(super) chat: ChatSink,
    pub(super) settings: Settings,
    pub(super) repository: &'static str,
    /// Numbers of the story's tickets, by its own names for them.
    pub(super) tickets: BTreeMap<&'static str, u64>,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// `None` while it is stopped.
    desk: Option<Running>,
    folder: Folder,
}

/// The desk as it runs.
struct Running {
    app: App,
    server: Server,
    workers: Workers,
    /// Where it listens.
    url: String,
}

/// A door that can be closed.
pub(super) struct Server {
    task: JoinHandle<()>,
    stop: Option<oneshot::Sender<()>>,
}

impl Stage {
    /// Builds it all; nothing has happened yet. `pages` is where people look at issues, if that is not the sandbox's own address.
    pub(super) async fn build(story: &Story, pages: Option<String>) -> Result<Self, Failure> {
        let begins = instant(story.begins)?;
        let folder = Folder::new()?;
        let keys = Keys::generate().map_err(|_| Failure::Stage(StartError::Io(io::Error::other("no RSA key could be made"))))?;
        let secret = secret().map_err(|_| Failure::Stage(StartError::Io(io::Error::other("the machine gives no random numbers"))))?;

        let clock = Clock::manual(begins);
        let options = Options {
            app_id: APP_ID,
            webhook_secret: secret.clone(),
            public_key: Some(keys.public),
            // Clients reckon a token's life by the machine's clock, which knows nothing of the story's leaps.
            token_life: None,
            pages: pages.clone(),
            ..Options::default()
        };
        let sandbox = Sandbox::start(clock.clone(), options).await?;
        let chat = ChatSink::start(clock.clone()).await?;
        sandbox.repository(story.repository);
        for login in story.agents.iter().copied().chain(story.partners.iter().map(|partner| partner.member)) {
            sandbox.person(login);
        }

        let database = folder.path().join(DATABASE);
        let database = database.to_str().ok_or_else(|| io::Error::other("the temporary folder's name is not UTF-8"))?;
        let variables = [
            ("DATABASE_URL", format!("sqlite://{}", utf8_percent_encode(database, PATH))),
            ("APP_ID", APP_ID.to_string()),
            ("PRIVATE_KEY", keys.private),
            ("WEBHOOK_SECRET", secret),
            ("GITHUB_API_URL", sandbox.url().to_owned()),
            ("GITHUB_URL", pages.unwrap_or_else(|| sandbox.url().to_owned())),
        ];
        let settings = settings(&variables, &configuration(story, &chat.url(CHANNEL)))?;
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let (github, said) = (seen.clone(), seen.clone());
        sandbox.on_event(move |event| push(&github, Seen::GitHub(event.clone())));
        chat.on_message(move |message| {
            let text = message.body.get("text").and_then(|text| text.as_str()).unwrap_or_default();
            push(&said, Seen::Chat(text.to_owned()));
        });
        let repository = story.repository;
        let tickets = BTreeMap::new();
        let mut stage = Self { clock, sandbox, chat, settings, repository, tickets, seen, desk: None, folder };
        stage.start_desk().await?;
        stage.enrol(story).await?;
        Ok(stage)
    }

    /// Starts the desk on the database that is there, and has it catch up before its clocks are looked at (`E4`).
    pub(super) async fn start_desk(&mut self) -> Result<(), Failure> {
        if self.desk.is_some() {
            return Ok(());
        }
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (app, workers) = App::build(&self.settings, self.clock.clone()).await?;
        let server = Server::start(listener, web::router(app.clone()), Limits::default());
        self.sandbox.connect(&format!("{url}/api/github/webhooks"));
        let app = self.desk.insert(Running { app, server, workers, url }).app.clone();
        app.look_first().await;
        // What GitHub was asked to send again is on its way.
        self.sandbox.settle().await;
        Ok(())
    }

    /// Ends the desk after what is in flight. What GitHub has to tell from then on reaches nobody.
    pub(super) async fn stop_desk(&mut self) {
        let Some(Running { app, server, workers, .. }) = self.desk.take() else { return };
        server.end().await;
        let store = app.desk.store.clone();
        drop(app);
        workers.stop().await;
        store.close().await;
    }

    /// Whether it runs.
    pub(super) const fn desk_runs(&self) -> bool {
        self.desk.is_some()
    }

    /// Where it listens.
    pub(super) fn desk_url(&self) -> &str {
        self.desk.as_ref().map_or("stopped", |desk| &desk.url)
    }

    fn desk(&self) -> Result<&Desk, Failure> {
        self.desk.as_ref().map(|running| &running.app.desk).ok_or_else(|| Failure::Script("the desk is stopped".to_owned()))
    }

    /// The partners, with the ids behind their members' logins as GitHub tells them (`W1`).
    async fn enrol(&self, story: &Story) -> Result<(), Failure> {
        let desk = self.desk()?;
        let logins: Vec<_> = story.partners.iter().map(|partner| partner.member.to_owned()).collect();
        let found = desk.look_up(&logins).await;
        let mut tx = desk.store.write().await?;
        for (role, found) in story.partners.iter().zip(found) {
            let LookUp::Found(user, login) = found else {
                return Err(Failure::Script(format!("GitHub does not know `{}`: {found:?}", role.member)));
            };
            let id = PartnerId::new(role.id).map_err(|error| Failure::Script(error.to_string()))?;
            let mut partner = Partner { id: id.clone(), name: role.name.to_owned(), time_zone: None, tiers: Vec::new() };
            partner.put_tier(self.tier(role.tier)?, None, None);
            tx.put_partner(&partner).await?;
            let member = Membership { partner: id, user: Some(user), login, from: None, until: None, primary: false, lookup_failed: false };
            tx.put_member(None, &member).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    fn tier(&self, id: &str) -> Result<TierId, Failure> {
        let id = TierId(id.to_owned());
        self.settings.programme.tier(&id).map(|tier| tier.id.clone()).ok_or_else(|| Failure::Script(format!("there is no tier `{id}`")))
    }

    /// The name of a tier, for people.
    pub(super) fn tier_name(&self, id: &str) -> String {
        self.settings.programme.tier(&TierId(id.to_owned())).map_or_else(|| id.to_owned(), |tier| tier.name.clone())
    }

    /// The number of one of the story's tickets.
    pub(super) fn number(&self, ticket: &str) -> Result<u64, Failure> {
        self.tickets.get(ticket).copied().ok_or_else(|| Failure::Script(format!("the ticket `{ticket}` was not opened yet")))
    }

    /// Lets something happen.
    pub(super) async fn perform(&mut self, act: &Act) -> Result<(), Failure> {
        let wrong = |error: crate::sandbox::SandboxError| Failure::Script(error.to_string());
        match *act {
            Act::Opens { who, ticket, title, text } => {
                let opened = self.sandbox.open_issue(self.repository, who, title, text).await.map_err(wrong)?;
                self.tickets.insert(ticket, opened.number());
            }
            Act::Says { who, ticket, text } => {
                self.sandbox.comment(self.repository, self.number(ticket)?, who, text).await.map_err(wrong)?;
            }
            Act::SaysUnheard { who, ticket, text } => {
                self.sandbox.deliveries_go(Deliver::Held);
                let said = self.sandbox.comment(self.repository, self.number(ticket)?, who, text).await;
                self.sandbox.deliveries_go(Deliver::AtOnce);
                said.map_err(wrong)?;
            }
            Act::StuckArrives => drop(self.sandbox.deliver_all().await),
            Act::Moves { partner, tier } => self.move_to(partner, tier).await?,
            Act::Passes { .. } => {}
        }
        Ok(())
    }

    async fn move_to(&self, partner: &str, tier: &str) -> Result<(), Failure> {
        let now = self.clock.now();
        let id = PartnerId::new(partner).map_err(|error| Failure::Script(error.to_string()))?;
        let mut tx = self.desk()?.store.write().await?;
        let mut partner = tx.partner(&id).await?.ok_or_else(|| Failure::Script(format!("there is no partner `{id}`")))?;
        partner.put_tier(self.tier(tier)?, Some(now), None);
        tx.put_partner(&partner).await?;
        tx.audit(&AuditLine { at: now, act: "partner set-tier".to_owned(), detail: format!("{id} {tier}") }).await?;
        tx.look_again(now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The next instant after `now` at which the desk has something to do; none while it is stopped.
    pub(super) async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
        let Some(Running { app, .. }) = &self.desk else { return Ok(None) };
        let mut tx = app.desk.store.read().await?;
        let due = [
            tx.next_at().await?,
            tx.next_rights().await?,
            tx.next_publish().await?,
            tx.next_ping(now, PATIENCE).await?,
            tx.life().await?.tell,
        ];
        tx.rollback().await?;
        Ok(due.into_iter().flatten().filter(|at| *at > now).min())
    }

    /// Does all that can be done at this instant, on both sides: what the desk writes comes back to it as webhooks.
    pub(super) async fn settle(&self) -> Result<(), Failure> {
        let Some(Running { app, .. }) = &self.desk else {
            self.sandbox.settle().await;
            return Ok(());
        };
        for _ in 0..20 {
            let before = self.sandbox.mark();
            app.settle().await?;
            self.sandbox.settle().await;
            if self.sandbox.mark() == before {
                app.beat();
                return Ok(());
            }
        }
        Err(Failure::Script("the desk and GitHub do not come to rest".to_owned()))
    }

    /// What could be seen since this was last asked.
    pub(super) fn news(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The desk's database stays where it is, which is said.
    pub(super) fn keep(&mut self) -> PathBuf {
        self.folder.keep();
        self.folder.path().join(DATABASE)
    }

    /// Where the chat takes messages.
    pub(super) fn chat_url(&self) -> String {
        self.chat.url(CHANNEL)
    }

    /// Closes the doors, then the database, then removes it.
    pub(super) async fn end(mut self) {
        self.stop_desk().await;
    }
}

impl Server {
    pub(super) fn start(listener: TcpListener, router: Router, limits: Limits) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve(listener, router, limits, || {}, async {
            let _ = stopped.await;
        }));
        Self { task, stop: Some(stop) }
    }

    pub(super) async fn end(mut self) {
        drop(self.stop.take());
        // Somebody may hold a connection open; nothing that matters is in flight any more.
        if tokio::time::timeout(Duration::from_millis(500), &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

/// The real loader reads them, from an environment and a file that exist nowhere else.
fn settings(variables: &[(&str, String)], file: &str) -> Result<Settings, Failure> {
    let env = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    let read = |path: &std::path::Path| {
        if path.as_os_str() == "partner-desk.toml" { Ok(file.to_owned()) } else { Err(io::ErrorKind::NotFound.into()) }
    };
    Settings::load(&env, &read).map_err(|problems| Failure::Script(problems.to_string()))
}

/// What an operator would write into `partner-desk.toml`.
fn configuration(story: &Story, chat: &str) -> String {
    format!(
        "agents = {:?}\nrepositories = [{:?}]\n\n[[chat]]\nname = {CHANNEL:?}\nkind = \"slack\"\nurl = {chat:?}\n",
        story.agents, story.repository
    )
}

fn push(seen: &Mutex<Vec<Seen>>, new: Seen) {
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(new);
}

/// An instant as a story writes it.
pub(super) fn instant(text: &str) -> Result<Timestamp, Failure> {
    text.parse().map_err(|error| Failure::Script(format!("`{text}` is no instant: {error}")))
}
