//! The demo to touch: pages that look and feel like an issue tracker and a chat window, over the same sandbox and the same desk as the
//! story's, on a clock that runs faster by a stated factor.
//!
//! One task has the stage to itself (`Live`): it moves the clock, stopping wherever the desk has something to do, and carries out what
//! people ask for on the pages, one thing after the other. Pages read GitHub and chat as they stand.

mod deed;
mod guard;
mod html;
mod issues;
mod markdown;
mod pages;
mod scene;
mod slack;

use super::Failure;
use super::page::{Page, Style};
use super::stage::{Seen, Server, Stage, instant};
use super::text;
use super::transcript::Transcript;
use crate::app::StartError;
use crate::clock::Clock;
use crate::sandbox::What;
use crate::web::serving::Limits;
use deed::Deed;
use jiff::{SignedDuration, Timestamp};
use pages::Shared;
use std::io::{self, Write};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};

/// A page that is looked at while nothing happens asks for nothing either; its line stays.
const LONGEST_LOOK: Duration = Duration::from_hours(24);
/// The clock moves this often,
const TICK: Duration = Duration::from_millis(100);
/// and no further than what this brings: a machine that slept does not wake up days later.
const LONGEST_TICK: SignedDuration = SignedDuration::from_secs(1);

/// How the demo is offered.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// What an hour takes when it begins.
    pub hour: Duration,
    /// Where the pages are; 0 takes a port that is free.
    pub port: u16,
    /// The terminal's transcript with colours.
    pub colours: bool,
    /// The desk's database stays.
    pub keep: bool,
}

/// What every page shows of it.
#[derive(Debug, Clone)]
struct State {
    /// Goes up with everything that could be seen.
    version: u64,
    /// The demo's own time.
    now: Timestamp,
    /// When the desk has something to do next.
    next: Option<Timestamp>,
    /// Seconds of the demo in one second; 0 stands still.
    factor: u32,
    /// The factor that it began with.
    usual: u32,
    desk_runs: bool,
    /// Webhooks that reached nobody since it was stopped.
    lost: usize,
    /// What was seen last, in words.
    said: String,
}

/// What a page asks for.
#[derive(Debug)]
enum Ask {
    /// Somebody does something at GitHub.
    Do(Deed),
    /// Another pace.
    Pace(u32),
    /// On to what the desk does next.
    Skip,
    /// The desk starts, or stops.
    Desk(bool),
}

/// The number of the issue that it was about, 0 where it was about none; or why it could not be done.
type Answer = Result<u64, String>;
type Asked = (Ask, oneshot::Sender<Answer>);

/// Serves the pages until `stop` comes back. `ready` is told their address. Leaves nothing behind that was not asked for.
///
/// # Errors
/// The stage could not be built, the port is taken, or the desk's database broke down.
pub async fn serve(
    options: Options,
    ready: impl FnOnce(&str),
    stop: impl Future<Output = ()>,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let mut stop = pin!(stop);
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await.map_err(|error| {
        StartError::Io(io::Error::new(error.kind(), format!("cannot listen on 127.0.0.1:{}: {error}; --port takes another", options.port)))
    })?;
    let address = format!("http://{}", listener.local_addr()?);
    let story = scene::story();
    let mut transcript = Transcript::new(Page::new(out, options.colours), story.agents);
    transcript
        .line("Partner Desk: a demo to touch. GitHub and the chat are a sandbox; the desk between them is the real one.", Style::Bold)?;
    let stage = tokio::select! {
        built = build(&story, &address) => built?,
        () = &mut stop => return Ok(()),
    };
    let people = scene::people(&story, &stage.settings.programme);
    for person in &people {
        transcript.introduce(&person.login, person.in_words());
    }
    transcript.named("open", &address)?;
    let factor = factor_of(options.hour);
    transcript.line(&format!("Time runs {factor} times as fast as yours. Ctrl-C ends it."), Style::Dim)?;
    transcript.gap()?;

    let (asks, asked) = mpsc::channel(16);
    let now = stage.clock.now();
    let state = State { version: 1, now, next: None, factor, usual: factor, desk_runs: true, lost: 0, said: String::new() };
    let (state, shown) = watch::channel(state);
    let shared = Shared::new(&stage, people, address.clone(), shown, asks);
    let pages = Server::start(listener, pages::router(Arc::new(shared)), Limits { idle: LONGEST_LOOK, ..Limits::default() });
    let real = Clock::system();
    let moved = real.now();
    let mut live = Live { stage, real, moved, transcript, told: false, state };
    ready(&address);
    let ended = live.run(asked, stop).await;
    let Live { mut stage, mut transcript, told, state, .. } = live;
    // Pages that watch it end with it.
    drop(state);
    pages.end().await;
    let kept = options.keep.then(|| stage.keep());
    stage.end().await;
    ended?;
    if told {
        transcript.gap()?;
    }
    let (left, style) = match kept {
        Some(database) => (format!("The desk's database stays: {}", database.display()), Style::Plain),
        None => ("Nothing is left behind.".to_owned(), Style::Dim),
    };
    Ok(transcript.line(&format!("Good bye. {left}"), style)?)
}

/// The stage, with what happened on it before anybody looked.
async fn build(story: &super::script::Story, address: &str) -> Result<Stage, Failure> {
    let stage = Stage::build(story, Some(address.to_owned())).await?;
    for (at, deed) in scene::before() {
        let at = instant(at)?;
        while let Some(due) = stage.next_due(stage.clock.now()).await?.filter(|due| *due < at) {
            stage.clock.advance_to(due);
            stage.settle().await?;
        }
        stage.clock.advance_to(at);
        deed.perform(&stage.sandbox, stage.repository).await.map_err(|error| Failure::Script(error.to_string()))?;
        stage.settle().await?;
    }
    stage.clock.advance_to(instant(scene::NOW)?);
    stage.settle().await?;
    stage.news();
    Ok(stage)
}

fn factor_of(hour: Duration) -> u32 {
    let millis = u32::try_from(hour.as_millis()).unwrap_or(u32::MAX).max(1);
    (3_600_000 / millis).max(1)
}

/// The stage while people play on it.
struct Live<'o> {
    stage: Stage,
    real: Clock,
    /// When the clock was moved last, by the machine's own.
    moved: Timestamp,
    transcript: Transcript<'o>,
    /// Whether the transcript tells anything yet.
    told: bool,
    state: watch::Sender<State>,
}

impl Live<'_> {
    /// Until `stop` comes back; what is just going on comes to its end.
    async fn run(&mut self, mut asked: mpsc::Receiver<Asked>, mut stop: Pin<&mut impl Future<Output = ()>>) -> Result<(), Failure> {
        self.show().await?;
        loop {
            let runs = self.state.borrow().factor > 0;
            tokio::select! {
                () = &mut stop => return Ok(()),
                asked = asked.recv() => {
                    let Some((ask, answer)) = asked else { return Ok(()) };
                    self.hear(ask, answer).await?;
                }
                () = tokio::time::sleep(TICK), if runs => self.pass().await?,
            }
            self.show().await?;
        }
    }

    async fn hear(&mut self, ask: Ask, answer: oneshot::Sender<Answer>) -> Result<(), Failure> {
        let mut said = Ok(0);
        match ask {
            Ask::Do(deed) => {
                let done = deed.perform(&self.stage.sandbox, self.stage.repository).await;
                let lost = done.as_ref().map_or(0, |done| done.deliveries.iter().filter(|sent| sent.is_failure()).count());
                self.state.send_modify(|state| state.lost += lost);
                // Who did it sees it done; what the desk makes of it comes live.
                let _ = answer.send(done.map(|done| done.number()).map_err(|error| error.to_string()));
                return self.settle().await;
            }
            Ask::Pace(factor) => {
                self.pass().await?;
                self.state.send_modify(|state| {
                    state.factor = factor;
                    state.version += 1;
                });
            }
            Ask::Skip => match self.stage.next_due(self.stage.clock.now()).await? {
                Some(next) => {
                    self.stage.clock.advance_to(next);
                    self.settle().await?;
                }
                None => said = Err("There is nothing that the desk waits for.".to_owned()),
            },
            Ask::Desk(true) => {
                self.stage.start_desk().await?;
                self.settle().await?;
                self.state.send_modify(|state| state.lost = 0);
            }
            Ask::Desk(false) => self.stage.stop_desk().await,
        }
        self.show().await?;
        let _ = answer.send(said);
        Ok(())
    }

    /// Lets time pass up to where it should be by now, or to where the desk has something to do: it falls behind where that takes a moment,
    /// and never runs ahead.
    async fn pass(&mut self) -> Result<(), Failure> {
        let real = self.real.now();
        let passed = real.duration_since(std::mem::replace(&mut self.moved, real)).clamp(SignedDuration::ZERO, LONGEST_TICK);
        let passed = passed.saturating_mul(self.state.borrow().factor.try_into().unwrap_or(i32::MAX));
        let now = self.stage.clock.now();
        let to = now.saturating_add(passed).unwrap_or(now);
        let next = self.stage.next_due(now).await?.filter(|next| *next <= to);
        self.stage.clock.advance_to(next.unwrap_or(to));
        self.settle().await
    }

    /// All that can be done at this instant. Two who undo each other's work do not come to rest; here they may.
    async fn settle(&mut self) -> Result<(), Failure> {
        match self.stage.settle().await {
            Err(Failure::Script(why)) => {
                tracing::warn!("{why}");
                Ok(())
            }
            settled => settled,
        }
    }

    /// Tells what is new, in the terminal and to every page.
    async fn show(&mut self) -> Result<(), Failure> {
        let news = self.stage.news();
        let now = self.stage.clock.now();
        let next = self.stage.next_due(now).await?;
        let desk_runs = self.stage.desk_runs();
        let said = news.iter().rev().find_map(in_words);
        self.state.send_if_modified(|state| {
            let changed = !news.is_empty() || state.desk_runs != desk_runs || state.next != next;
            // Pages reckon by themselves what time it is, and are put right every minute.
            let minute = state.now.as_second() / 60 != now.as_second() / 60;
            state.version += u64::from(changed);
            (state.now, state.next, state.desk_runs) = (now, next, desk_runs);
            state.said = said.unwrap_or_else(|| std::mem::take(&mut state.said));
            changed || minute
        });
        if news.is_empty() {
            return Ok(());
        }
        self.told = true;
        Ok(self.transcript.entry(&self.stage, None, &news, if desk_runs { "Nothing changes." } else { "The desk is stopped." })?)
    }
}

/// For those who hear a page instead of seeing it.
fn in_words(seen: &Seen) -> Option<String> {
    match seen {
        Seen::Chat(said) => Some(format!("Chat: {}", text::said(said))),
        Seen::GitHub(event) => {
            let what = match &event.what {
                What::Opened { title, .. } => format!("opened “{title}”"),
                What::Commented { .. } => "commented".to_owned(),
                What::CommentEdited { .. } => "edited a comment".to_owned(),
                What::Labelled { label } => format!("added the label {label}"),
                What::Unlabelled { label } => format!("removed the label {label}"),
                What::Closed { .. } => "closed it".to_owned(),
                What::Reopened => "reopened it".to_owned(),
                _ => return None,
            };
            Some(format!("#{}: {} {what}", event.number, event.actor))
        }
    }
}
