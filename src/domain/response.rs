//! Response clocks, read from a ticket's facts (`S1` to `S10`).

use super::event::Person;
use super::ids::PartnerId;
use super::ticket::{Admission, Departure, Fact, Promise, Role, Standing, Ticket, Told};
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

/// One stay in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stay {
    /// From when: its opening, or when it was opened again.
    pub since: Timestamp,
    /// When and how it left without a slot (`Q10`).
    pub left: Option<(Timestamp, Departure)>,
}

impl Stay {
    /// Whether it stood in line at `at`, or left just then.
    #[must_use]
    pub fn covers(&self, at: Timestamp) -> bool {
        self.since <= at && self.left.is_none_or(|(left, _)| at <= left)
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
                // The reopening that brought it back in line, and so to its promise, is the start itself.
                (State::Ended { .. }, Told::Reopened) if fact.at > *at => {
                    let number = current.number + 1;
                    cycles.push(begin(number, fact.at, promise));
                }
                // Closed and opened again before there was a promise: it stood in line again, and the clock starts as promised.
                (State::Ended { outcome: Outcome::Cancelled | Outcome::ClosedUnanswered, .. }, Told::Reopened) => {
                    current.state = State::Running;
                }
                _ => {}
            }
        }
        cycles
    }

    /// Its stays in the queue of a partner, if it stood in line from `from` on and no slot came free. An answer ends its wait for
    /// good; a close until it is reopened (`Q10`). Read from the facts, so that the order of their arrival does not matter (`R3`).
    #[must_use]
    pub fn stays(&self, partner: &PartnerId, from: Timestamp) -> Vec<Stay> {
        let mut stays = vec![Stay { since: from, left: None }];
        for (_, fact) in self.in_order().into_iter().filter(|(_, fact)| fact.at >= from) {
            let Some(stay) = stays.last_mut() else { break };
            match (stay.left, &fact.what) {
                (None, Told::Comment { substance: true, .. }) if self.role_for(Some(partner), fact) == Role::Agent => {
                    stay.left = Some((fact.at, Departure::Answered));
                }
                (None, Told::Closed) => stay.left = Some((fact.at, Departure::Closed)),
                (None, Told::Gone) => stay.left = Some((fact.at, Departure::Gone)),
                (Some((_, Departure::Closed)), Told::Reopened) => stays.push(Stay { since: fact.at, left: None }),
                _ => {}
            }
        }
        stays
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
