//! The first message about a ticket in a channel that a bot speaks in, as it is written anew when something has come of the ticket (`E8`).
//!
//! It begins as an ordinary ping, and later steps hang on it as a thread. Unlike a ping it is a state, not an event: it is made from the
//! ticket whenever it is written, and nothing of it is kept.

use super::message::{minute, time_left};
use super::neutral;
use jiff::Timestamp;

/// How it stands with a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootState {
    /// It waits for an answer.
    Waits,
    /// Somebody has taken it on, until then; `None`: until it is answered (`E5`).
    Acknowledged(Option<Timestamp>),
    /// Its clock stands still (`S7`, `S12`).
    Paused,
    /// Answered in time.
    Met,
    /// Answered late.
    Late,
    /// No answer was needed.
    Settled,
    /// Closed in time.
    Closed,
    /// Closed after the promised time.
    ClosedLate,
    /// Deleted, or made a discussion.
    Gone,
    /// Transferred to where the desk does not watch.
    Left,
    /// No answer is owed any more.
    Over,
}

/// The first message about a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// How it stands with the ticket.
    pub state: RootState,
    /// The promise was up and nobody had answered.
    pub overdue: bool,
    /// Who ended its clock, and when.
    pub ended: Option<(Option<String>, Timestamp)>,
    /// The partner's name.
    pub partner: String,
    /// The tier's name.
    pub tier: String,
    /// `owner/name`.
    pub repository: String,
    /// The number in the repository.
    pub number: i64,
    /// The title, as its author wrote it.
    pub title: String,
    /// The page.
    pub url: String,
    /// Login of whoever opened the issue.
    pub author: String,
    /// When the answer is or was due; none without a promise.
    pub due_at: Option<Timestamp>,
    /// The page on which its reminders can be stopped (`E5`).
    pub acknowledge: Option<String>,
}

impl Root {
    /// How it stands, in words: `Answered in time`.
    #[must_use]
    pub fn headline(&self) -> String {
        match self.state {
            RootState::Waits if self.overdue => "Overdue".to_owned(),
            RootState::Waits => "Waits for an answer".to_owned(),
            RootState::Acknowledged(until) => {
                let until = until.map_or_else(|| "it is answered".to_owned(), minute);
                if self.overdue {
                    return format!("Overdue, acknowledged until {until}");
                }
                format!("Acknowledged until {until}")
            }
            RootState::Paused => "The clock stands still".to_owned(),
            RootState::Met => "Answered in time".to_owned(),
            RootState::Late => "Answered late".to_owned(),
            RootState::Settled => "Settled, no answer was needed".to_owned(),
            RootState::Closed => "Closed".to_owned(),
            RootState::ClosedLate => "Closed after the promised time".to_owned(),
            RootState::Gone => "Deleted".to_owned(),
            RootState::Left => "Transferred to where the desk does not watch".to_owned(),
            RootState::Over => "No answer is owed any more".to_owned(),
        }
    }

    /// The issue as people write it: `acme/support#12`.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{}#{}", neutral::line(&self.repository, 150), self.number)
    }

    /// What each host shows beside the headline: names and harmless values.
    #[must_use]
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let or_none = |text: String| if text.is_empty() { "–".to_owned() } else { text };
        let mut facts = vec![
            ("Partner", or_none(neutral::line(&self.partner, 100))),
            ("Tier", or_none(neutral::line(&self.tier, 60))),
            ("Due", self.due_at.map_or_else(|| "–".to_owned(), minute)),
            ("Opened by", or_none(neutral::line(&self.author, 60))),
        ];
        if let Some((by, at)) = &self.ended {
            let answered = matches!(self.state, RootState::Met | RootState::Late);
            let by = by.as_ref().map_or_else(|| "–".to_owned(), |by| or_none(neutral::line(by, 60)));
            facts.push((if answered { "Answered by" } else { "Ended by" }, by));
            let late = self.due_at.filter(|due| matches!(self.state, RootState::Late | RootState::ClosedLate) && *due < *at);
            let late = late.map_or_else(String::new, |due| format!(", {}", time_left(due, *at).replace("overdue by", "late by")));
            facts.push((if answered { "Answered" } else { "Ended" }, format!("{}{late}", minute(*at))));
        }
        facts
    }

    /// The whole of it on one line, harmless to show.
    #[must_use]
    pub fn in_one_line(&self) -> String {
        let facts: Vec<_> = self.facts().into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
        format!("{}: {} “{}”. {}.", self.headline(), self.reference(), neutral::line(&self.title, 200), facts.join(", "))
    }
}
