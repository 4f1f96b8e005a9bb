//! The demo: a story that the real desk plays against a sandbox GitHub and a chat, in one process and on one clock.
//!
//! The [`story`] is data: what people do, when, and what has to come of it. The stage holds GitHub, chat and desk; the clock is
//! moved to exactly those instants at which somebody acts or the desk has something to do, so nothing is ever late in the
//! story's time. What could be seen is printed as a transcript, and compared with what the story says.

mod checks;
mod folder;
pub mod live;
mod page;
pub mod script;
mod stage;
pub mod story;
#[cfg(test)]
mod tests;
mod text;
mod transcript;

use crate::app::StartError;
use crate::clock::Clock;
use crate::store::StoreError;
use checks::Checks;
use jiff::{SignedDuration, Timestamp};
use page::{Page, Style};
use script::{Act, Beat, Story};
use stage::{Stage, instant};
use std::io::{self, Write};
use std::time::Duration;
use transcript::Transcript;

/// The clock moves this often while the story waits.
const TICK: Duration = Duration::from_millis(50);
/// A story that jumps through its waiting and takes longer than this does not come to its end.
const LONGEST: Duration = Duration::from_secs(14);

/// How the story's time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// From one event straight to the next; the demo ends with the story.
    Jump,
    /// Steadily, and on after the story has ended.
    Play {
        /// What an hour of the story takes.
        hour: Duration,
    },
}

/// How the story is told.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How its time passes.
    pub pace: Pace,
    /// With colours.
    pub colours: bool,
}

/// Why a story was not played to its end, or not as it is written.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The stage could not be built, or broke down.
    #[error(transparent)]
    Stage(#[from] StartError),
    /// The story asks for what cannot be.
    #[error("the story cannot be played: {0}")]
    Script(String),
    /// That many things came out otherwise.
    #[error("{0} came out otherwise than the story says")]
    Otherwise(usize),
    /// It took too long.
    #[error("the story did not come to its end within {} s", LONGEST.as_secs())]
    TooLong,
    /// Somebody stopped it.
    #[error("stopped before the end of the story")]
    Stopped,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Stage(error.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Stage(error.into())
    }
}

/// Plays a story until its end, or until `stop` comes back. Leaves nothing behind.
///
/// # Errors
/// Something came out otherwise than the story says, or the stage could not be built.
pub async fn play(story: &Story, options: Options, stop: impl Future<Output = ()>, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let mut telling = Telling {
        story,
        pace: options.pace,
        real: Clock::system(),
        transcript: Transcript::new(Page::new(out, options.colours), story.agents),
        checks: Checks::default(),
        stage: None,
        wrong: 0,
    };
    let patience = match options.pace {
        Pace::Jump => LONGEST,
        Pace::Play { .. } => Duration::MAX,
    };
    let ended = tokio::select! {
        ended = telling.tell() => ended,
        () = stop => match options.pace {
            Pace::Jump => Err(Failure::Stopped),
            Pace::Play { .. } => telling.farewell(),
        },
        () = tokio::time::sleep(patience) => Err(Failure::TooLong),
    };
    if let Some(stage) = telling.stage.take() {
        stage.end().await;
    }
    match (ended, telling.wrong) {
        (Ok(()), wrong) if wrong > 0 => Err(Failure::Otherwise(wrong)),
        (ended, _) => ended,
    }
}

/// A story on its way.
struct Telling<'s> {
    story: &'s Story,
    pace: Pace,
    real: Clock,
    transcript: Transcript<'s>,
    checks: Checks,
    stage: Option<Stage>,
    /// How much came out otherwise.
    wrong: usize,
}

impl Telling<'_> {
    async fn tell(&mut self) -> Result<(), Failure> {
        let story = self.story;
        let started = self.real.now();
        let stage = self.stage.insert(Stage::build(story, None).await?);
        for role in &story.partners {
            self.transcript.introduce(role.member, format!("{} of {} ({})", role.member, role.name, stage.tier_name(role.tier)));
        }
        self.transcript
            .line("Partner Desk: a story. GitHub and the chat are a sandbox; the desk between them is the real one.", Style::Bold)?;
        if let Pace::Play { hour } = self.pace {
            self.addresses()?;
            let pace = format!(
                "An hour takes {} s here; Ctrl-C ends it, --exit-after-story jumps through the waiting, --open lets you act yourself.",
                hour.as_secs_f64()
            );
            self.transcript.line(&pace, Style::Dim)?;
        }
        let mut walk = Walk { story: instant(story.begins)?, real: started };
        for beat in &story.beats {
            let at = instant(beat.at)?;
            self.walk_to(Some(at), &mut walk).await?;
            self.beat(beat).await?;
        }
        self.end_of_story(started)?;
        if self.pace == Pace::Jump {
            return Ok(());
        }
        self.transcript.gap()?;
        self.transcript.line("The story is over; the desk stays up, and its clock runs on. Ctrl-C ends it.", Style::Bold)?;
        self.addresses()?;
        self.walk_to(None, &mut walk).await
    }

    /// Lets time pass until an instant, or for ever, stopping wherever the desk has something to do.
    async fn walk_to(&mut self, end: Option<Timestamp>, walk: &mut Walk) -> Result<(), Failure> {
        loop {
            let stage = self.stage.as_ref().ok_or(Failure::Stopped)?;
            let now = stage.clock.now();
            if end.is_some_and(|end| end <= now) {
                return Ok(());
            }
            let next = [stage.next_due(now).await?, end].into_iter().flatten().min();
            let to = match (self.pace, next) {
                (Pace::Jump, Some(next)) => next,
                (Pace::Jump, None) => return Ok(()),
                (Pace::Play { hour }, next) => {
                    tokio::time::sleep(TICK).await;
                    let come_to = walk.at(self.real.now(), hour);
                    next.map_or(come_to, |next| next.min(come_to))
                }
            };
            stage.clock.advance_to(to);
            if next == Some(to) {
                *walk = Walk { story: to, real: self.real.now() };
            }
            if end == Some(to) {
                // The beat of this instant comes first; whatever else is due then is part of it.
                return Ok(());
            }
            self.meanwhile().await?;
        }
    }

    /// What happens between beats: nothing in a story's own tickets, anything in those of visitors.
    async fn meanwhile(&mut self) -> Result<(), Failure> {
        let Some(stage) = &self.stage else { return Ok(()) };
        stage.settle().await?;
        let news = stage.news();
        if news.is_empty() {
            return Ok(());
        }
        self.transcript.entry(stage, None, &news, "Nothing changes.")?;
        let wrong = self.checks.compare(stage, &[], &news)?;
        self.complain(wrong)
    }

    async fn beat(&mut self, beat: &Beat) -> Result<(), Failure> {
        let story = self.story;
        let stage = self.stage.as_mut().ok_or(Failure::Stopped)?;
        if let Some(scene) = beat.scene {
            self.transcript.scene(scene)?;
        }
        stage.perform(&beat.act).await?;
        stage.settle().await?;
        let lead = match beat.act {
            Act::Moves { partner, tier } => {
                let role = story.partners.iter().find(|role| role.id == partner);
                let name = role.map_or(partner, |role| role.name);
                if let Some(role) = role {
                    self.transcript.introduce(role.member, format!("{} of {name} ({})", role.member, stage.tier_name(tier)));
                }
                Some(format!("The partner team moves {name} to {}.", stage.tier_name(tier)))
            }
            Act::StuckArrives => Some("The webhook that was stuck arrives at last.".to_owned()),
            Act::Passes { ticket, words } => Some(words.replace("{}", &format!("#{}", stage.number(ticket)?))),
            Act::Opens { .. } | Act::Says { .. } | Act::SaysUnheard { .. } => None,
        };
        let news = stage.news();
        self.transcript.entry(stage, lead.as_deref(), &news, beat.quiet)?;
        let wrong = self.checks.compare(stage, &beat.expect, &news)?;
        self.complain(wrong)
    }

    fn complain(&mut self, wrong: Vec<String>) -> Result<(), Failure> {
        self.wrong += wrong.len();
        for what in wrong {
            self.transcript.wrong(&what)?;
        }
        Ok(())
    }

    fn end_of_story(&mut self, started: Timestamp) -> Result<(), Failure> {
        let Some(stage) = &self.stage else { return Ok(()) };
        let (begun, ended) = (instant(self.story.begins)?, stage.clock.now());
        let took = self.real.now().duration_since(started);
        self.transcript.summary(stage, self.checks.tally(), ended.duration_since(begun), took)?;
        let wrong = self.checks.at_the_end(stage, self.story.comes_to);
        self.complain(wrong)
    }

    fn addresses(&mut self) -> Result<(), Failure> {
        let Some(stage) = &self.stage else { return Ok(()) };
        for (what, address) in [("desk", stage.desk_url()), ("GitHub", stage.sandbox.url()), ("chat", &stage.chat_url())] {
            self.transcript.named(what, address)?;
        }
        Ok(())
    }

    fn farewell(&mut self) -> Result<(), Failure> {
        self.transcript.gap()?;
        Ok(self.transcript.line("Good bye. Nothing is left behind.", Style::Dim)?)
    }
}

/// From where the story's time is reckoned: it falls behind where the desk takes a moment, and never runs ahead.
#[derive(Debug, Clone, Copy)]
struct Walk {
    story: Timestamp,
    real: Timestamp,
}

impl Walk {
    fn at(self, real: Timestamp, hour: Duration) -> Timestamp {
        let passed = real.duration_since(self.real).as_secs_f64().max(0.0) / hour.as_secs_f64();
        let passed = SignedDuration::try_from_secs_f64(passed * 3600.0).unwrap_or_default();
        self.story.saturating_add(passed).unwrap_or(self.story)
    }
}
