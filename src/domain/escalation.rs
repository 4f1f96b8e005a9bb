//! Steps of the escalation ladder: when each falls due, and which is said (`E1`, `E2`, `E4`).

use super::response::Cycle;
use super::ticket::{Admission, Promise, Standing, Ticket};
use crate::programme::LadderStep;
use jiff::{SignedDuration, Timestamp};

/// A step that is said more than this long after its instant is marked late (`E4`).
const LATE: SignedDuration = SignedDuration::from_secs(60);

/// One firing of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Firing {
    /// Which rung of the ladder, from 0.
    pub step: usize,
    /// 0 is the first time, then the repeats.
    pub occurrence: u32,
    /// Its instant.
    pub at: Timestamp,
}

/// Steps that passed longer ago than this passed while nobody watched; of those only the highest is said (`E4`). Closer ones are
/// steps that lie close together, and each is said (`E2`).
const MISSED: SignedDuration = SignedDuration::from_secs(5);

/// What the desk has to say now.
#[derive(Debug, Clone, PartialEq)]
pub struct Due {
    /// The cycle's number.
    pub cycle: u32,
    /// When that cycle started.
    pub start: Timestamp,
    /// When its promise is up.
    pub due: Timestamp,
    /// The step to say.
    pub firing: Firing,
    /// The rung itself.
    pub step: LadderStep,
    /// More than a minute after its instant.
    pub late: bool,
    /// Lower steps that passed unsaid because this one says more (`E4`).
    pub passed: Vec<Firing>,
}

/// Every firing of a ladder over one cycle, in order.
#[must_use]
pub fn firings(promise: &Promise, cycle: &Cycle) -> Vec<Firing> {
    let mut firings = Vec::new();
    for (step, rung) in promise.ladder.steps.iter().enumerate() {
        for occurrence in 0..rung.occurrences() {
            let Some(offset) = rung.occurrence(promise.target, occurrence) else { break };
            firings.push(Firing { step, occurrence, at: cycle.start.saturating_add(offset).unwrap_or(Timestamp::MAX) });
        }
    }
    firings.sort_by_key(|firing| (firing.at, firing.step, firing.occurrence));
    firings
}

impl Ticket {
    /// The running cycle and its promise.
    fn running(&self) -> Option<(Cycle, &Promise)> {
        let Standing::Admitted(Admission { promise: Some(promise), .. }) = &self.standing else { return None };
        let cycle = self.cycles().pop().filter(Cycle::is_running)?;
        Some((cycle, promise))
    }

    /// Whether a step is due that has not been dealt with, so that it is worth asking GitHub whether it is still true (`E3`).
    #[must_use]
    pub fn has_step_due(&self, now: Timestamp) -> bool {
        self.clock_wakes().is_some_and(|at| at <= now)
    }

    /// Deals with the steps up to `now`: says each that has just passed, and of those that were missed only the highest, if no
    /// later one is said anyway (`E2`, `E4`).
    pub fn step(&mut self, now: Timestamp) -> Vec<Due> {
        let since = self.stepped;
        self.stepped = Some(now);
        let Some((cycle, promise)) = self.running() else { return Vec::new() };
        let new = |at: Timestamp| at <= now && since.is_none_or(|since| at > since);
        let passed = firings(promise, &cycle).into_iter().filter(|firing| new(firing.at));
        let (mut missed, mut said): (Vec<_>, Vec<_>) = passed.partition(|firing| now.duration_since(firing.at) > MISSED);
        if said.is_empty() {
            said.extend(missed.pop());
        }
        let due = |firing: Firing| {
            let step = promise.ladder.steps.get(firing.step)?.clone();
            let late = now.duration_since(firing.at) > LATE;
            let passed = std::mem::take(&mut missed);
            Some(Due { cycle: cycle.number, start: cycle.start, due: cycle.due, firing, step, late, passed })
        };
        said.into_iter().filter_map(due).collect()
    }

    /// The next instant at which this ticket's clock needs the desk: a step, or a change of what its labels say.
    #[must_use]
    pub fn clock_wakes(&self) -> Option<Timestamp> {
        let (cycle, promise) = self.running()?;
        let steps = firings(promise, &cycle).into_iter().map(|firing| firing.at);
        let ahead = steps.chain([cycle.soon(), cycle.due]);
        ahead.filter(|at| self.stepped.is_none_or(|stepped| *at > stepped)).min()
    }
}
