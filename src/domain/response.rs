//! Response clocks, read from a ticket's facts (`S1` to `S10`).

use super::event::Person;
use super::ticket::{Admission, Fact, Promise, Role, Standing, Ticket, Told};
use jiff::{SignedDuration, Timestamp};

/// A comment by the closer up to this long after the close counts as before it: GitHub's "close with comment" sends two
/// events in no order (`S9`).
const CLOSING_COMMENT: SignedDuration = SignedDuration::from_secs(5);

/// One run of a response clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Cycle {
    /// 1 is the first.
    pub number: u32,
    /// When it began to run.
    pub start: Timestamp,
    /// When the promise is up.
    pub due: Timestamp,
    /// How it ended, or that it runs.
    pub state: State,
}

/// Where a cycle stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// No answer yet.
    Running,
    /// It ended.
    Ended {
        /// When.
        at: Timestamp,
        /// Who ended it.
        by: Option<Person>,
        /// What that counts as.
        outcome: Outcome,
    },
}

/// What an ended cycle counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answered at or before the due second (`S3`).
    Met,
    /// Answered after it.
    Late,
    /// Closed by an agent, or by somebody who is not of the partner, without an answer and in time (`S9`).
    ClosedUnanswered,
    /// Closed by the partner in time (`S9`).
    Cancelled,
    /// Deleted, converted or transferred in time (`S12`).
    Gone,
    /// Closed without an answer after the promise was up: a breach stays a breach (`S9`).
    ClosedLate,
}

impl Outcome {
    /// Whether the promise was broken.
    #[must_use]
    pub const fn is_breach(self) -> bool {
        matches!(self, Self::Late | Self::ClosedLate)
    }
}

impl Cycle {
    /// Runs at present.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.state == State::Running
    }

    /// The instant at three quarters of the target, from which a ticket counts as due soon (`E1`).
    #[must_use]
    pub fn soon(&self) -> Timestamp {
        let share = self.due.duration_since(self.start) * 3 / 4;
        self.start.saturating_add(share).unwrap_or(self.due)
    }
}

impl Ticket {
    /// Every cycle of this ticket, first to last; none without a promise.
    #[must_use]
    pub fn cycles(&self) -> Vec<Cycle> {
        let Standing::Admitted(Admission { at, promise: Some(promise), .. }) = &self.standing else { return Vec::new() };
        let mut cycles = vec![begin(1, *at, promise)];
        for (when, fact) in self.in_order() {
            let Some(current) = cycles.last_mut() else { break };
            match (&current.state, &fact.what) {
                (State::Running, Told::Comment { substance: true, .. }) if self.role(fact) == Role::Agent => {
                    // Judged by GitHub's own time of the comment, though it may be ordered before a close (S3, S9).
                    let outcome = if fact.at <= current.due { Outcome::Met } else { Outcome::Late };
                    current.state = State::Ended { at: fact.at, by: fact.by.clone(), outcome };
                }
                (State::Running, Told::Closed) => {
                    let outcome = match self.role(fact) {
                        _ if when > current.due => Outcome::ClosedLate,
                        Role::Partner => Outcome::Cancelled,
                        _ => Outcome::ClosedUnanswered,
                    };
                    current.state = State::Ended { at: fact.at, by: fact.by.clone(), outcome };
                }
                (State::Running, Told::Gone) => {
                    let outcome = if when > current.due { Outcome::ClosedLate } else { Outcome::Gone };
                    current.state = State::Ended { at: fact.at, by: fact.by.clone(), outcome };
                }
                (State::Ended { .. }, Told::Reopened) if fact.at >= *at => {
                    let number = current.number + 1;
                    cycles.push(begin(number, fact.at, promise));
                }
                _ => {}
            }
        }
        cycles
    }

    /// The first agent's answer or close after `since`: what takes a waiting ticket out of the queue (`Q10`).
    #[must_use]
    pub fn settled_without_slot(&self, since: Timestamp) -> Option<(Timestamp, super::ticket::Departure)> {
        use super::ticket::Departure;
        self.in_order().into_iter().filter(|(_, fact)| fact.at >= since).find_map(|(_, fact)| match &fact.what {
            Told::Comment { substance: true, .. } if self.role(fact) == Role::Agent => Some((fact.at, Departure::Answered)),
            Told::Closed => Some((fact.at, Departure::Closed)),
            Told::Gone => Some((fact.at, Departure::Gone)),
            _ => None,
        })
    }

    /// The facts in the order in which they count: by their own times; at one instant an answer, then a close, then a
    /// reopening (`S8`); a closer's comment before the close that it came with (`S9`).
    fn in_order(&self) -> Vec<(Timestamp, &Fact)> {
        let mut facts: Vec<_> = self.facts.iter().map(|fact| (self.counts_at(fact), fact)).collect();
        facts.sort_by_key(|(when, fact)| {
            let (rank, id) = match fact.what {
                Told::Comment { id, .. } => (0, id.0),
                Told::Closed => (1, 0),
                Told::Reopened => (2, 0),
                Told::Gone => (3, 0),
            };
            (*when, rank, id)
        });
        facts
    }

    fn counts_at(&self, fact: &Fact) -> Timestamp {
        if !matches!(fact.what, Told::Comment { .. }) {
            return fact.at;
        }
        let same_person = |other: &Fact| matches!((&other.by, &fact.by), (Some(a), Some(b)) if a.id == b.id);
        let close = self.facts.iter().filter(|other| other.what == Told::Closed && same_person(other)).map(|close| close.at);
        close.filter(|close| *close <= fact.at && fact.at.duration_since(*close) <= CLOSING_COMMENT).max().unwrap_or(fact.at)
    }
}

fn begin(number: u32, start: Timestamp, promise: &Promise) -> Cycle {
    let due = start.saturating_add(promise.target.duration()).unwrap_or(Timestamp::MAX);
    Cycle { number, start, due, state: State::Running }
}
