//! Composition root: builds everything from the settings, runs it, and shuts it down. `serve`, the demo and the tests all go
//! through here.

use crate::chat::email::MailAccess;
use crate::chat::heartbeat::Heartbeat;
use crate::chat::{BotAccess, Channel, Chat, Kind};
use crate::clock::Clock;
use crate::desk::acknowledge::Links;
use crate::desk::intake::{Incoming, Outcome, on_disk};
use crate::desk::setup::{Places, SetUp};
use crate::desk::{Agents, Desk, Wakes, next_look};
use crate::domain::book::Book;
use crate::github::client::GitHub;
use crate::lead::{Lead, Led};
use crate::logs;
use crate::settings::{AgentEntry, AppCredentials, ChatChannel, ChatKind, Mail, Settings};
use crate::store::{Store, StoreError, StoredApp};
use secrecy::SecretString;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tracing::Instrument as _;

/// Deliveries that may wait to be taken in; beyond that the answer is 503, and GitHub keeps them as failed.
const MOST_WAITING: usize = 4096;
/// Batches that may wait for PostgreSQL's disk; beyond that intake waits with them.
const MOST_UNFLUSHED: usize = 8;
/// And for SQLite's, where a batch costs more than the wait for it: one, so that the next becomes the larger.
const MOST_UNFLUSHED_ON_SQLITE: usize = 1;
/// GitHub waits for ten seconds; who waits hears before that.
pub(crate) const LONGEST_WAIT: std::time::Duration = std::time::Duration::from_secs(8);
/// Under load other instances wait for their turn to write for so many batches, of a millisecond or two.
const MOST_KEPT: usize = 100;
/// And for so long when nothing comes any more.
const LINGERS: std::time::Duration = std::time::Duration::from_millis(2);
/// Deliveries taken in by one transaction.
const MOST_IN_A_BATCH: usize = 256;

/// The scheduler ticks every second; silent for longer than this, it is taken for dead.
pub const SILENT_MS: i64 = 15_000;
/// Clocks wait this long for what happened while the desk was down.
const FIRST_LOOK: std::time::Duration = std::time::Duration::from_secs(8);

/// What is in flight may take this long to end when the desk is told to stop.
pub(crate) const LONGEST_END: std::time::Duration = std::time::Duration::from_secs(15);

/// Why the desk could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The App's credentials.
    #[error("{0}")]
    GitHub(#[from] crate::github::client::ApiError),
    /// A chat channel.
    #[error("{0}")]
    Chat(#[from] crate::chat::ChatError),
    /// The machine.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// The running desk, as its doors see it. Clones are the same desk.
#[derive(Debug, Clone)]
pub struct App {
    /// What the desk does.
    pub desk: Desk,
    /// What webhooks are signed with; `None`: there is no App, and no webhook is taken.
    pub webhook_secret: Option<Arc<SecretString>>,
    queue: mpsc::Sender<Waiting>,
    /// Deliveries that are not answered yet.
    unanswered: Arc<AtomicUsize>,
    heartbeat: Arc<AtomicI64>,
    switch: Option<Arc<Heartbeat>>,
    /// Whether the database failed to keep something, and has not been seen to keep anything since.
    pub fails_to_keep: Arc<AtomicBool>,
    /// Whether this instance is the one that ticks.
    pub lead: Arc<Lead>,
    /// How webhooks were answered since the start.
    pub answers: Arc<Answers>,
    /// The first run, as long as there is no App, and what is shown of it afterwards.
    pub setup: Arc<SetUp>,
}

/// How webhooks were answered, counted.
#[derive(Debug, Default)]
pub struct Answers {
    /// Its effect was saved.
    pub taken_in: AtomicU64,
    /// It had been taken in before.
    pub repeated: AtomicU64,
    /// Not the desk's business.
    pub passed_over: AtomicU64,
    /// It could not be read or taken in, and is kept.
    pub kept: AtomicU64,
    /// It could not be saved, or there was no room for it, and GitHub was told so.
    pub refused: AtomicU64,
    /// Connections that were too many at once: whatever they were to bring.
    pub turned_away: AtomicU64,
    /// No good signature.
    pub unsigned: AtomicU64,
    /// No webhook.
    pub malformed: AtomicU64,
}

impl Answers {
    /// Each with its name.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, &AtomicU64)> {
        [
            ("taken_in", &self.taken_in),
            ("repeated", &self.repeated),
            ("passed_over", &self.passed_over),
            ("kept", &self.kept),
            ("refused", &self.refused),
            ("turned_away", &self.turned_away),
            ("unsigned", &self.unsigned),
            ("malformed", &self.malformed),
        ]
        .into_iter()
    }
}

/// A delivery that waits to be taken in, and where its sender waits for the answer.
type Waiting = (Incoming, oneshot::Sender<Result<Outcome, StoreError>>, Origin);

/// Deliveries that were taken in and are not on the disk yet, and what is to be logged of them.
struct Taken {
    outcomes: Vec<Result<Outcome, StoreError>>,
    answers: Vec<oneshot::Sender<Result<Outcome, StoreError>>>,
    books: Vec<Book>,
}

/// The span in which a delivery came, so that the trace of its batch can name it; nothing where nobody traces.
#[cfg(feature = "otel")]
type Origin = tracing::Span;
#[cfg(not(feature = "otel"))]
type Origin = ();

fn origin() -> Origin {
    #[cfg(feature = "otel")]
    return tracing::Span::current();
}

/// What deliveries are taken in together in, for traces alone.
fn batch_of(origins: &[&Origin]) -> tracing::Span {
    let span = tracing::info_span!(target: "otel", "batch", deliveries = origins.len());
    #[cfg(feature = "otel")]
    for origin in origins {
        span.follows_from(*origin);
    }
    span
}

/// Why a delivery was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// Too many wait already.
    #[error("too many deliveries are waiting")]
    Overloaded,
    /// It is not on disk yet.
    #[error("the database takes too long")]
    TooSlow,
    /// The desk is shutting down.
    #[error("the desk is shutting down")]
    ShuttingDown,
    /// It could not be saved.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What runs in the background; ends when told, after what is in flight.
#[derive(Debug)]
pub struct Workers {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

/// The channels of the settings.
///
/// # Errors
/// One that cannot work.
pub fn chat(settings: &Settings) -> Result<Chat, crate::chat::ChatError> {
    // The one TLS backend; a second call finds it installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // Commands that speak to nobody get here without some of them.
    Chat::new(settings.chat.iter().filter(|channel| !channel.unset).filter_map(channel))
}

fn channel(channel: &ChatChannel) -> Option<Channel> {
    let kind = match channel.kind {
        ChatKind::Slack => Kind::Slack,
        ChatKind::Mattermost => Kind::Mattermost,
        ChatKind::Discord => Kind::Discord,
        ChatKind::Teams => Kind::Teams,
        ChatKind::GoogleChat => Kind::GoogleChat,
        ChatKind::Webhook => Kind::Webhook { secret: channel.secret.as_ref().map(|signing| signing.secret.clone()) },
        ChatKind::Email => {
            let Mail { password, from, to, roots, unencrypted } = channel.mail.clone()?;
            Kind::Email(MailAccess { password, from, to, roots, unencrypted })
        }
    };
    Some(Channel {
        name: channel.name.clone(),
        kind,
        url: channel.url.clone(),
        bot: channel.bot.clone().map(|(token, channel)| BotAccess { token, channel }),
        fallback: channel.fallback.clone(),
    })
}

/// Builds the desk without doors and workers: what every command needs.
///
/// # Errors
/// The database, the App's key or a channel's address does not work.
pub async fn open_desk(settings: &Settings, clock: Clock) -> Result<Desk, StartError> {
    Ok(open(settings, clock).await?.0)
}

/// The App of the environment, else the one that the set-up page stored.
///
/// # Errors
/// The database cannot be read.
pub async fn credentials(settings: &Settings, store: &Store) -> Result<Option<AppCredentials>, StoreError> {
    if settings.app.is_some() {
        return Ok(settings.app.clone());
    }
    let mut tx = store.read().await?;
    let stored = tx.stored_app().await?;
    tx.rollback().await?;
    Ok(stored.map(of_stored))
}

/// What the desk works with of a stored App.
#[must_use]
pub fn of_stored(app: StoredApp) -> AppCredentials {
    AppCredentials { app_id: app.app_id, private_key: app.private_key, webhook_secret: app.webhook_secret }
}

async fn open(settings: &Settings, clock: Clock) -> Result<(Desk, Option<AppCredentials>), StartError> {
    // The one TLS backend; a second call finds it installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let store = Store::open(&settings.database_url).await?;
    let app = credentials(settings, &store).await?;
    let github = app.as_ref().map(|app| GitHub::new(app, &settings.api_url, clock.clone())).transpose()?.map(Arc::new);
    let mut agents = Agents::default();
    for agent in &settings.agents {
        match agent {
            AgentEntry::Login(login) => agents.logins.insert(login.to_ascii_lowercase()),
            AgentEntry::Team { org, slug } => agents.teams.insert(format!("{org}/{slug}").to_ascii_lowercase()),
        };
    }
    let desk = Desk {
        store,
        github,
        chat: Arc::new(chat(settings)?),
        programme: settings.programme.clone(),
        policy: Arc::new(settings.policy.clone()),
        repositories: Arc::new(settings.repositories.iter().map(|name| name.to_ascii_lowercase()).collect()),
        agents: Arc::new(agents),
        clock,
        wakes: Arc::new(Wakes::default()),
        behind: Arc::default(),
        sweep_from: Arc::default(),
        said_of_the_clock: Arc::default(),
        life: Arc::default(),
        links: None,
        summed: Arc::default(),
        counts: Arc::default(),
    };
    desk.keep_time().await?;
    Ok((desk, app))
}

impl App {
    /// Builds the desk with its intake running; nothing else runs until [`App::start`].
    ///
    /// # Errors
    /// See [`open_desk`].
    pub async fn build(settings: &Settings, clock: Clock) -> Result<(Self, Workers), StartError> {
        let (mut desk, credentials) = open(settings, clock).await?;
        if settings.public_url_is_set {
            desk.links = Some(Arc::new(Links::open(&desk.store, &settings.public_url).await?));
        }
        desk.settle_agents().await?;
        if matches!(desk.store, Store::Sqlite(_)) {
            let mut tx = desk.store.write().await?;
            tx.release_claims().await?;
            tx.commit().await?;
        }
        desk.note_mode().await?;
        desk.come_back().await?;
        let (queue, waiting) = mpsc::channel(MOST_WAITING);
        let webhook_secret = credentials.map(|app| Arc::new(app.webhook_secret));
        let places = Places {
            public_url: settings.public_url.clone(),
            web_url: settings.web_url.clone(),
            api_url: settings.api_url.clone(),
            relay: settings.relay.clone(),
        };
        let setup = Arc::new(SetUp::new(&desk, places));
        let heartbeat = Arc::new(AtomicI64::new(desk.clock.now().as_millisecond()));
        let switch = settings.heartbeat_url.as_ref().filter(|address| !address.unset);
        let switch = switch.map(|address| Heartbeat::new(&address.url)).transpose()?.map(Arc::new);
        let lead = Arc::new(Lead::new(&desk));
        let mut tasks = JoinSet::new();
        let (stop, stopped) = watch::channel(false);
        let (keeping, taken) = mpsc::channel(match desk.store {
            Store::Sqlite(_) => MOST_UNFLUSHED_ON_SQLITE,
            Store::Postgres(_) => MOST_UNFLUSHED,
        });
        let taking = take_in(desk.clone(), waiting, keeping, stopped);
        let flushing = flush(desk.clone(), taken);
        // SQLite is called on the thread that asks: this one waits for the disk, and nothing else with it. And where the database is asked over
        // a connection, its answers do not stand in line behind the requests that come in meanwhile.
        let here = Handle::current();
        // And another waits for the disk, while the next transaction is written.
        tasks.spawn_blocking({
            let here = here.clone();
            move || here.block_on(flushing)
        });
        tasks.spawn_blocking(move || here.block_on(taking));
        Ok((
            Self {
                desk,
                webhook_secret,
                queue,
                unanswered: Arc::default(),
                heartbeat,
                switch,
                fails_to_keep: Arc::default(),
                lead,
                answers: Arc::default(),
                setup,
            },
            Workers { tasks, stop },
        ))
    }

    /// Takes in one delivery, together with others that wait. Comes back when it is on disk.
    ///
    /// # Errors
    /// It was not taken in, and nobody may be told that it was.
    pub async fn deliver(&self, incoming: Incoming) -> Result<Outcome, NotTaken> {
        // A database that hangs: what becomes of the delivery is not known, so it is not acknowledged; taken in after all, it counts once.
        let outcome = tokio::time::timeout(LONGEST_WAIT, self.take_in(incoming)).await.map_err(|_| NotTaken::TooSlow)??;
        if let Err(error) = &outcome
            && error.is_everyones()
        {
            self.fails_to_keep.store(true, Ordering::Relaxed);
        }
        Ok(outcome?)
    }

    /// Something that may have been a delivery was answered 503 before it was read: it is counted, and asked for again soon (`R2`).
    pub fn turns_away(&self, counted: &AtomicU64) {
        counted.fetch_add(1, Ordering::Relaxed);
        self.desk.is_behind();
    }

    /// Who comes while nobody else is there is taken in on the spot: the way to another thread and back would take a fifth of the time. Not
    /// on PostgreSQL, whose answers would stand in line behind the requests that come in meanwhile.
    async fn take_in(&self, incoming: Incoming) -> Result<Result<Outcome, StoreError>, NotTaken> {
        let (place, _counted) = Counted::one_more(&self.unanswered);
        if place == 0 && matches!(self.desk.store, Store::Sqlite(_)) && !self.queue.is_closed() {
            let span = batch_of(&[&origin()]);
            return self.desk.intake(&[incoming]).instrument(span).await.pop().ok_or(NotTaken::ShuttingDown);
        }
        let (answer, answered) = oneshot::channel();
        self.queue.try_send((incoming, answer, origin())).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NotTaken::Overloaded,
            mpsc::error::TrySendError::Closed(_) => NotTaken::ShuttingDown,
        })?;
        answered.await.map_err(|_| NotTaken::ShuttingDown)
    }

    /// Starts the scheduler and the senders.
    ///
    /// # Errors
    /// The scheduler does not start.
    pub async fn start(&self, workers: &mut Workers) -> Result<(), StartError> {
        let scheduler = crate::jobs::start(self).await.map_err(|error| StartError::Io(std::io::Error::other(error)))?;
        let stop = workers.stop.subscribe();
        workers.tasks.spawn(keep_publishing(self.desk.clone(), stop.clone()));
        workers.tasks.spawn(keep_speaking(self.desk.clone(), stop.clone()));
        workers.tasks.spawn(keep_asking(self.desk.clone(), stop.clone()));
        let (jobs, lead) = (crate::jobs::keep(self.clone(), scheduler, stop), self.lead.clone());
        workers.tasks.spawn(async move {
            jobs.await;
            if let Err(error) = lead.let_go().await {
                tracing::warn!(%error, "another instance takes over when this one's lease has ended");
            }
        });
        Ok(())
    }

    /// Catches up before clocks are looked at (`E4`), though it does not wait for a GitHub that is slow: that goes on in the background.
    pub async fn look_first(&self) {
        let look = tokio::spawn(first_look(self.clone()));
        if tokio::time::timeout(FIRST_LOOK, look).await.is_err() {
            tracing::warn!("catching up takes longer than {} s; clocks are watched meanwhile", FIRST_LOOK.as_secs());
        }
    }

    /// What is due each second. Whoever was stopped for a while catches up first (`E4`).
    ///
    /// # Errors
    /// The database fails; what is due stays due.
    pub async fn tick(&self) -> Result<(), StoreError> {
        if self.desk.live().await? {
            self.look_first().await;
        }
        self.desk.escalate().await?;
        self.desk.tell_of_life().await?;
        Ok(())
    }

    /// Notes that the scheduler is alive.
    pub fn beat(&self) {
        self.heartbeat.store(self.desk.clock.now().as_millisecond(), Ordering::Relaxed);
    }

    /// Tells the dead man's switch that the clocks are watched, if they are: an instance whose ticks fail or hang keeps quiet, and the
    /// one that leads speaks for all.
    pub async fn say_that_it_lives(&self) {
        let Some(switch) = self.switch.as_ref().filter(|_| self.lead.is_ours() && self.since_beat() <= SILENT_MS) else { return };
        if let Err(why) = switch.beat().await {
            tracing::warn!(%why, "the address of `heartbeat_url` did not take the sign of life; the next one is sent in a minute");
        }
    }

    /// Milliseconds since the scheduler was last alive.
    #[must_use]
    pub fn since_beat(&self) -> i64 {
        // One that is still to come is of a clock that was ahead.
        (self.desk.clock.now().as_millisecond() - self.heartbeat.load(Ordering::Relaxed)).abs()
    }

    /// Does all that can be done at this instant and comes back when nothing is left: for a clock that is moved by hand.
    ///
    /// # Errors
    /// The database fails.
    pub async fn settle(&self) -> Result<(), StoreError> {
        loop {
            self.desk.lives_on().await?;
            let asked = self.desk.ask_rights().await? + self.desk.check_again().await?;
            let due = self.desk.escalate().await?;
            let told = self.desk.tell_of_life().await? + self.desk.sum_up().await?;
            let shown = self.desk.publish().await?;
            self.desk.mind_the_clock(true).await?;
            self.desk.speak().await?;
            let retried = self.desk.retry_kept().await?;
            if asked + due + told + shown + retried == 0 {
                return Ok(());
            }
        }
    }
}

/// Counted as long as it is there.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    /// Counts one more; says how many there were.
    fn one_more(count: &'a AtomicUsize) -> (usize, Self) {
        (count.fetch_add(1, Ordering::AcqRel), Self(count))
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Workers {
    /// Ends the background after what is in flight (`R6`). What comes from now on is refused, and GitHub keeps it as failed.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(LONGEST_END, all).await.is_err() {
            tracing::warn!("some work did not end in time and is taken up at the next start");
        }
    }
}

async fn take_in(desk: Desk, mut waiting: mpsc::Receiver<Waiting>, keeping: mpsc::Sender<Taken>, mut stop: watch::Receiver<bool>) {
    let mut batch = Vec::with_capacity(MOST_IN_A_BATCH);
    // For how many batches no other instance could write.
    let mut kept = 0_usize;
    loop {
        let room = keeping.reserve().await.ok();
        // Whatever waits is taken together, but nothing ever waits for company.
        let taken = tokio::select! {
            biased;
            // The scheduler's jobs hold the app until they are gone, so the queue does not close by itself.
            _ = stop.wait_for(|stop| *stop), if !waiting.is_closed() => {
                waiting.close();
                continue;
            }
            taken = waiting.recv_many(&mut batch, MOST_IN_A_BATCH) => Some(taken),
            () = tokio::time::sleep(LINGERS), if kept > 0 => None,
        };
        let Some(taken) = taken else {
            kept = let_others_write(&desk).await;
            continue;
        };
        if taken == 0 {
            let_others_write(&desk).await;
            return;
        }
        let span = batch_of(&batch.iter().map(|(.., origin)| origin).collect::<Vec<_>>());
        let (incoming, answers): (Vec<_>, Vec<_>) = batch.drain(..).map(|(incoming, answer, ..)| (incoming, answer)).unzip();
        // One that came alone comes to the disk with its own commit; of many, the next are written while these wait for the disk.
        let alone = taken == 1;
        let take = async { if alone { (desk.intake(&incoming).await, Vec::new()) } else { desk.intake_unflushed(&incoming).await } };
        let (outcomes, books) = take.instrument(span).await;
        let taken = Taken { outcomes, answers, books };
        if alone {
            tell(&desk, taken, &Ok(()));
        } else {
            match room {
                Some(room) => room.send(taken),
                None => tell(&desk, taken, &desk.store.flush().await),
            }
        }
        // Those that come alone meanwhile count as well: one that sends without a pause must not keep others waiting for ever.
        if kept > 0 || !alone && matches!(desk.store, Store::Postgres(_)) {
            kept += 1;
        }
        if kept >= MOST_KEPT {
            kept = let_others_write(&desk).await;
        }
    }
}

async fn let_others_write(desk: &Desk) -> usize {
    if let Err(error) = desk.store.let_others_write().await {
        tracing::warn!(%error, "other instances may write when the server has noticed that this one is away");
    }
    0
}

/// Brings to the disk what was taken in, all of it that waits at once, and only then lets it be known.
async fn flush(desk: Desk, mut taken: mpsc::Receiver<Taken>) {
    let mut batches = Vec::with_capacity(MOST_UNFLUSHED);
    while taken.recv_many(&mut batches, MOST_UNFLUSHED).await > 0 {
        let flushed = desk.store.flush().await;
        for batch in batches.drain(..) {
            tell(&desk, batch, &flushed);
        }
    }
}

fn tell(desk: &Desk, taken: Taken, flushed: &Result<(), StoreError>) {
    for (outcome, answer) in taken.outcomes.into_iter().zip(taken.answers) {
        // A sender that has gone away asks again by itself; what it sent is on disk.
        let _ = answer.send(on_disk(outcome, flushed));
    }
    logs::together(|| {
        for book in &taken.books {
            desk.tell(book);
        }
    });
}

async fn keep_publishing(desk: Desk, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = desk.publish().await {
            tracing::error!(%error, "showing tickets at GitHub will be tried again");
        }
        tokio::select! {
            () = next_look(&desk.wakes.publish) => {}
            _ = stop.changed() => {}
        }
    }
}

/// What happened while nobody listened, and who the agents are. GitHub being away delays this and nothing else.
async fn first_look(app: App) {
    let desk = &app.desk;
    // One of several instances catches up; the one that takes over later does it then.
    let catch_up = async {
        match app.lead.look(0).await? {
            Led::ByOthers | Led::ByNobody => Ok(()),
            Led::ByUs | Led::ByUsNow => desk.catch_up().await,
        }
    };
    let results = [
        // Needs no GitHub.
        desk.retry_all_kept().await.map(drop),
        desk.look_up_agents().await,
        desk.ask_rights().await.map(drop),
        desk.look_up_members().await,
        catch_up.await,
        desk.mind_the_clock(app.lead.is_ours()).await,
    ];
    for result in results {
        if let Err(error) = result {
            tracing::error!(%error, "the first look did not come to its end");
        }
    }
}

async fn keep_asking(desk: Desk, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = desk.ask_rights().await {
            tracing::error!(%error, "asking GitHub who is an agent will be tried again");
        }
        if let Err(error) = desk.check_again().await {
            tracing::error!(%error, "asking GitHub who is a member will be tried again");
        }
        tokio::select! {
            () = next_look(&desk.wakes.rights) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Each channel is spoken in by a task of its own, so that none waits for another (`E7`). One that is told to stop ends the message that
/// it is sending.
async fn keep_speaking(desk: Desk, mut stop: watch::Receiver<bool>) {
    let mut lanes: JoinSet<(String, usize)> = JoinSet::new();
    let mut speaking = BTreeSet::new();
    // Channels that got something to say while their last word was on its way.
    let mut again = BTreeSet::new();
    let mut look = true;
    while !*stop.borrow() {
        if std::mem::take(&mut look) {
            let channels = desk.lanes().await.unwrap_or_else(|error| {
                tracing::error!(%error, "sending to chat will be tried again");
                BTreeSet::new()
            });
            for channel in channels {
                if speaking.insert(channel.clone()) {
                    lanes.spawn(speak_in(desk.clone(), channel, stop.clone()));
                } else {
                    again.insert(channel);
                }
            }
        }
        tokio::select! {
            () = next_look(&desk.wakes.speak) => look = true,
            Some(done) = lanes.join_next() => match done {
                Ok((channel, sent)) => {
                    speaking.remove(&channel);
                    // Where another instance holds the next message there is nothing to do before the next wake.
                    look = again.remove(&channel) || sent > 0;
                }
                // Whichever it was: what it held is sent when its time is up.
                Err(error) => {
                    tracing::error!(%error, "a channel's sender ended");
                    lanes.abort_all();
                    while lanes.join_next().await.is_some() {}
                    speaking.clear();
                }
            },
            _ = stop.changed() => {}
        }
    }
    while lanes.join_next().await.is_some() {}
}

async fn speak_in(desk: Desk, channel: String, stop: watch::Receiver<bool>) -> (String, usize) {
    match desk.speak_in(&channel, || *stop.borrow()).await {
        Ok(sent) => (channel, sent),
        Err(error) => {
            tracing::error!(%error, %channel, "sending to this chat will be tried again");
            (channel, 0)
        }
    }
}
