//! What an instance has seen since it started, counted for those who watch it from outside, and logged for those who look for one
//! ticket: what was decided, and what became of it.
//!
//! Counted in memory: it costs nothing where nobody asks, and those who collect it know that counters begin anew with a process and
//! add those of several instances. What comes to light later and corrects an outcome is counted as what it is then, and the former stays.

use super::Desk;
use super::publish::place_name;
use crate::domain::IssueId;
use crate::domain::account::Line;
use crate::domain::book::{Book, LogLine};
use crate::domain::response::Outcome;
use crate::domain::turns::Turn;
use crate::logs;
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;

/// Bounds of what takes as long as partners are promised: 3 h to 36 h by the built-in programme, and a good way below and above.
pub const PROMISES: &[i64] =
    &[15 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR, 6 * HOUR, 8 * HOUR, 12 * HOUR, 18 * HOUR, 24 * HOUR, 36 * HOUR, 48 * HOUR];
/// Bounds of what was left when it was answered; nothing: it was late.
pub const LEFT: &[i64] = &[0, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, 36 * HOUR];
/// Bounds of how late a step was said, which is to be within two seconds (`E2`).
pub const DELAYS: &[i64] = &[1, 2, 5, 10, 30, MINUTE, 5 * MINUTE, 10 * MINUTE, HOUR];

/// How often what was measured lay within each of some bounds.
#[derive(Debug, Clone)]
pub struct Histogram {
    bounds: &'static [i64],
    within: Vec<u64>,
    sum_ms: i64,
}

impl Histogram {
    /// None measured yet, within bounds in seconds.
    #[must_use]
    pub fn new(bounds: &'static [i64]) -> Self {
        Self { bounds, within: vec![0; bounds.len() + 1], sum_ms: 0 }
    }

    fn measure(&mut self, length: SignedDuration) {
        let length = length.max(SignedDuration::ZERO);
        let place = self.bounds.iter().position(|bound| length <= SignedDuration::from_secs(*bound)).unwrap_or(self.bounds.len());
        if let Some(within) = self.within.get_mut(place) {
            *within += 1;
        }
        self.sum_ms = self.sum_ms.saturating_add(i64::try_from(length.as_millis()).unwrap_or(i64::MAX));
    }

    /// Each bound in seconds, and how many were at it or below.
    pub fn up_to(&self) -> impl Iterator<Item = (i64, u64)> {
        self.bounds.iter().zip(&self.within).scan(0, |sum, (bound, within)| {
            *sum += within;
            Some((*bound, *sum))
        })
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.within.iter().sum()
    }

    /// What they come to, in milliseconds.
    #[must_use]
    pub const fn sum_ms(&self) -> i64 {
        self.sum_ms
    }
}

/// What was counted, by tier or by channel.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    /// Tickets that came to stand so, by tier and standing; no tier: of nobody's.
    pub tickets: BTreeMap<(String, &'static str), u64>,
    /// Clocks that ended, by tier and outcome.
    pub ended: BTreeMap<(String, &'static str), u64>,
    /// Promises that were broken, by tier, from the due second on.
    pub breaches: BTreeMap<String, u64>,
    /// From the start of a clock to its answer, by tier.
    pub to_response: BTreeMap<String, Histogram>,
    /// From the answer to the due time, by tier.
    pub to_due: BTreeMap<String, Histogram>,
    /// Messages by channel and what became of one try.
    pub messages: BTreeMap<(String, &'static str), u64>,
    /// From the instant of a step until it was said, by channel.
    pub delays: BTreeMap<String, Histogram>,
    /// Running clocks of which it is known here that they ran out.
    out: BTreeSet<(IssueId, u32)>,
}

/// The same, shared.
#[derive(Debug, Default)]
pub struct Counts(Mutex<Counted>);

impl Counts {
    /// As it stands now.
    #[must_use]
    pub fn now(&self) -> Counted {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts what became of one try to send so many messages.
    pub(super) fn tried(&self, channel: &str, result: &'static str, messages: usize) {
        if messages > 0 {
            let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *counted.messages.entry((channel.to_owned(), result)).or_default() += u64::try_from(messages).unwrap_or_default();
        }
    }

    /// Counts how late a step was said.
    pub(super) fn said(&self, channel: &str, delay: SignedDuration) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.delays.entry(channel.to_owned()).or_insert_with(|| Histogram::new(DELAYS)).measure(delay);
    }

    /// Counts one thing that became of a ticket. `false`: it was known.
    fn turned(&self, issue: IssueId, tier: &str, turn: &Turn) -> bool {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match turn {
            Turn::Stands(standing) => *counted.tickets.entry((tier.to_owned(), standing)).or_default() += 1,
            Turn::Breached { tier, cycle, .. } => {
                if !counted.out.insert((issue, *cycle)) {
                    return false;
                }
                *counted.breaches.entry(tier.0.clone()).or_default() += 1;
            }
            Turn::Ended { tier, outcome, after, left, cycle, .. } => {
                counted.out.remove(&(issue, *cycle));
                *counted.ended.entry((tier.0.clone(), outcome.word())).or_default() += 1;
                if matches!(outcome, Outcome::Met | Outcome::Late) {
                    counted.to_response.entry(tier.0.clone()).or_insert_with(|| Histogram::new(PROMISES)).measure(*after);
                    let left = left.unwrap_or_default();
                    counted.to_due.entry(tier.0.clone()).or_insert_with(|| Histogram::new(LEFT)).measure(left);
                }
            }
            Turn::Told(_) => {}
        }
        true
    }
}

impl Desk {
    /// Logs what was decided, a line a reason, and what became of each ticket: a `grep` of an issue's number tells its story. Counts it
    /// as well.
    pub fn tell(&self, book: &Book) {
        let mut lines = Vec::new();
        for (issue, before) in &book.changes.before {
            let Some(ticket) = book.tickets.get(issue) else { continue };
            let tier = ticket.tier().map_or("", |tier| tier.0.as_str());
            for turn in ticket.turns_since(before.as_ref()) {
                let news = self.counts.turned(*issue, tier, &turn);
                match turn {
                    Turn::Told(line) | Turn::Ended { line, .. } => lines.push((*issue, line)),
                    Turn::Breached { due, cycle, .. } if news => {
                        let text = format!("clock {cycle} has run out without an answer: breached");
                        lines.push((*issue, Line { at: due, rule: "S3".to_owned(), who: String::new(), text }));
                    }
                    Turn::Breached { .. } | Turn::Stands(_) => {}
                }
            }
        }
        let decided = book.changes.log.iter().map(|LogLine { issue, at, rule, text }| {
            (*issue, Line { at: *at, rule: (*rule).to_owned(), who: String::new(), text: text.clone() })
        });
        lines.extend(decided);
        // A ticket's lines in the order of what they are about; what was decided of something after it.
        lines.sort_by_key(|(issue, line)| (*issue, line.at));
        logs::together(|| {
            for (issue, Line { at, rule, who, text }) in lines {
                let ticket = book.tickets.get(&issue).map(place_name).unwrap_or_default();
                // By itself, whatever it came by and with what else: a ticket's story reads the same.
                if who.is_empty() {
                    tracing::info!(parent: None, %ticket, %rule, %at, "{text}");
                } else {
                    tracing::info!(parent: None, %ticket, %rule, %at, by = %who, "{text}");
                }
            }
        });
    }
}
