//! What became of a ticket between two looks at it: what is logged of it, and counted for those who watch the desk.

use super::account::{Line, login};
use super::event::Person;
use super::response::{Cycle, Outcome, State};
use super::ticket::{Standing, Ticket, Told};
use crate::programme::TierId;
use jiff::{SignedDuration, Timestamp};

/// One thing that became of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It stands otherwise with the programme: the name of its standing.
    Stands(&'static str),
    /// A clock ended.
    Ended {
        /// By whose promise it ran.
        tier: TierId,
        /// Which it is.
        cycle: u32,
        /// As what it counts.
        outcome: Outcome,
        /// From its start to its end.
        after: SignedDuration,
        /// From its end until it was due; below zero: it was late. `None`: it stood still.
        left: Option<SignedDuration>,
        /// The line of the account about it.
        line: Line,
    },
    /// A clock ran out, whether it still runs or ended after it.
    Breached {
        /// By whose promise it ran.
        tier: TierId,
        /// When it was due.
        due: Timestamp,
        /// Which it is.
        cycle: u32,
    },
    /// Somebody did something: a line as the account has them.
    Told(Line),
}

impl Ticket {
    /// What became of it since it was as `before`; `None`: since it was not there. A breach is found once: when time or an end that
    /// came too late first showed it.
    #[must_use]
    pub fn turns_since(&self, before: Option<&Self>) -> Vec<Turn> {
        let mut turns = Vec::new();
        let stood = before.map(Self::standing_word);
        if stood != Some(self.standing_word()) && !matches!(self.standing, Standing::Older) {
            turns.push(Turn::Stands(self.standing_word()));
        }
        let did = |at: Timestamp, rule: &str, by: Option<&Person>, text: &str| {
            Turn::Told(Line { at, rule: rule.to_owned(), who: login(by), text: text.to_owned() })
        };
        if before.is_none() {
            turns.push(did(self.created_at, "W2", self.author.as_ref(), "opened"));
        }
        let (former, looked) = (before.map(Self::walk), before.and_then(|before| before.stepped));
        let (ran, judged) = former.map(|walk| (walk.cycles, walk.verdicts)).unwrap_or_default();
        let walk = self.walk();
        let new = walk.verdicts.iter().filter(|verdict| !judged.contains(verdict));
        turns.extend(new.filter_map(|verdict| verdict.line().map(Turn::Told)));
        for cycle in walk.cycles {
            let former = ran.iter().find(|former| former.number == cycle.number);
            let ended = cycle.stops().filter(|_| former.is_none_or(Cycle::is_running));
            let overdue = cycle.due_known().filter(|due| match &cycle.state {
                State::Running => self.stepped.is_some_and(|stepped| *due <= stepped),
                State::Ended { outcome, .. } => ended.is_some() && outcome.is_breach(),
            });
            if let Some(due) = overdue.filter(|due| looked.is_none_or(|looked| looked < *due)) {
                turns.push(Turn::Breached { tier: cycle.promise.tier.clone(), due, cycle: cycle.number });
            }
            if let (Some(line), State::Ended { at, outcome, .. }) = (ended, &cycle.state) {
                let left = cycle.due_known().map(|due| due.duration_since(*at));
                let after = at.duration_since(cycle.start);
                turns.push(Turn::Ended { tier: cycle.promise.tier.clone(), cycle: cycle.number, outcome: *outcome, after, left, line });
            }
        }
        for fact in self.facts.iter().skip(before.map_or(0, |before| before.facts.len())) {
            let what = match fact.what {
                Told::Closed { .. } => "closed",
                Told::Reopened => "opened again",
                Told::Gone => "deleted, or converted to a discussion",
                _ => continue,
            };
            turns.push(did(fact.at, "S9", fact.by.as_ref(), what));
        }
        turns
    }
}
