//! Steps of the escalation ladder: when each falls due, and which is said (`E1`, `E2`, `E4`).

use super::ids::CommentId;
use super::response::{Begun, Cycle, State};
use super::ticket::Ticket;
use crate::programme::{Ladder, LadderStep, Target};
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

/// Steps that were dealt with further ahead than this were by a clock that was wrong (`R7`).
const AHEAD: SignedDuration = SignedDuration::from_secs(60);

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

/// Every firing of a cycle's ladder, in order: on the cycle's own calendar, without what an acknowledgement silenced (`E5`), and
/// with what `/escalate` drew forward. None that the clock, standing still, does not reach.
#[must_use]
pub fn firings(cycle: &Cycle) -> Vec<Firing> {
    let mut firings = Vec::new();
    let Ok(target) = Target::new(cycle.clock.budget) else { return firings };
    for (step, rung) in cycle.promise.ladder.steps.iter().enumerate() {
        for occurrence in 0..rung.occurrences() {
            let Some(offset) = rung.occurrence(target, occurrence) else { break };
            let Some(at) = cycle.clock.reach(cycle.calendar(), offset).known() else { break };
            firings.push(Firing { step, occurrence, at });
        }
    }
    if cycle.begun == Begun::Admission && cycle.number == 1 && !cycle.promise.ladder.announce.is_empty() {
        firings.push(Firing { step: Ladder::START, occurrence: 0, at: cycle.start });
    }
    firings.sort_by_key(|firing| (firing.at, firing.step, firing.occurrence));
    for hurried in &cycle.hurried {
        if let Some(next) = firings.iter_mut().find(|firing| firing.at > *hurried) {
            next.at = *hurried;
        }
    }
    let silenced = |firing: &Firing| {
        let holds = |(at, until): &(Timestamp, Option<Timestamp>)| *at < firing.at && until.is_none_or(|until| firing.at < until);
        firing.occurrence > 0 && !cycle.hurried.contains(&firing.at) && cycle.acknowledged.iter().any(holds)
    };
    firings.retain(|firing| !silenced(firing));
    firings.sort_by_key(|firing| (firing.at, firing.step, firing.occurrence));
    firings
}

/// Whether a clock has reminders ahead that an acknowledgement would stop (`E5`).
#[must_use]
pub fn has_repeats_ahead(cycle: &Cycle, now: Timestamp) -> bool {
    firings(cycle).iter().any(|firing| firing.occurrence > 0 && firing.at > now)
}

impl Ticket {
    /// The running cycle, or the one that stands still.
    #[must_use]
    pub fn running(&self) -> Option<Cycle> {
        self.cycles().pop().filter(Cycle::is_running)
    }

    /// Whether a step is due that has not been dealt with, so that it is worth asking GitHub whether it is still true (`E3`).
    #[must_use]
    pub fn has_step_due(&self, now: Timestamp) -> bool {
        let passed = |cycle: Cycle| firings(&cycle).first().is_some_and(|firing| firing.at <= now);
        self.clock_wakes().is_some_and(|at| at <= now) || (self.was_stepped_ahead(now) && self.running().is_some_and(passed))
    }

    /// Whether a clock that was wrong has dealt with steps that are still to come.
    pub(super) fn was_stepped_ahead(&self, now: Timestamp) -> bool {
        self.stepped.is_some_and(|stepped| stepped.duration_since(now) > AHEAD)
    }

    /// Comments of the partner that an agent's thumbs-up may have settled: asked for once, when the first step falls due (`S4`).
    #[must_use]
    pub fn asks_to_look_at(&self, now: Timestamp) -> Vec<CommentId> {
        let Some(cycle) = self.running().filter(|cycle| cycle.begun == Begun::Comment) else { return Vec::new() };
        let first = firings(&cycle).first().map(|firing| firing.at);
        let falls_due = first.is_some_and(|first| first <= now && self.stepped.is_none_or(|stepped| stepped < first));
        if falls_due { cycle.asks } else { Vec::new() }
    }

    /// The rungs of the running clock that were reached, as of the last time the desk looked at it: the clock's number, the place and
    /// when (`E1`).
    #[must_use]
    pub fn rungs_reached(&self) -> Vec<(u32, usize, Timestamp, LadderStep)> {
        let Some((cycle, stepped)) = self.running().zip(self.stepped) else { return Vec::new() };
        let reached = firings(&cycle).into_iter().filter(|firing| firing.occurrence == 0 && firing.at <= stepped);
        let rung = |firing: Firing| Some((cycle.number, firing.step, firing.at, cycle.promise.ladder.rung(firing.step)?));
        reached.filter_map(rung).collect()
    }

    /// Steps of clocks that ended since it was as `before`, which fell due while they ran and which nobody looked at until they had ended:
    /// each with its clock's number (`E3`).
    #[must_use]
    pub fn overtaken_since(&self, before: Option<&Self>) -> Vec<(u32, Firing)> {
        let ended = |cycle: &Cycle| if let State::Ended { at, .. } = cycle.state { Some(at) } else { None };
        let cycles: Vec<_> = self.cycles().into_iter().filter_map(|cycle| Some((ended(&cycle)?, cycle))).collect();
        if cycles.is_empty() {
            return Vec::new();
        }
        let former = before.map(Self::cycles).unwrap_or_default();
        let looked = before.and_then(|before| before.dealt.max(before.stepped));
        let was_over = |cycle: &Cycle| former.iter().any(|former| former.number == cycle.number && !former.is_running());
        let unsaid = |(end, cycle): (Timestamp, Cycle)| {
            let fell_due = move |firing: &Firing| firing.at <= end && looked.is_none_or(|looked| firing.at > looked);
            let steps = firings(&cycle).into_iter().filter(fell_due).filter(|firing| firing.step != Ladder::START);
            steps.map(move |firing| (cycle.number, firing)).collect::<Vec<_>>()
        };
        cycles.into_iter().filter(|(_, cycle)| !was_over(cycle)).flat_map(unsaid).collect()
    }

    /// Deals with the steps up to `now`: says each that has just passed, and of those that were missed only the highest, if no
    /// later one is said anyway (`E2`, `E4`).
    pub fn step(&mut self, now: Timestamp) -> Vec<Due> {
        if self.was_stepped_ahead(now) {
            // They are dealt with when it comes to them. What was said is not said twice (E2).
            (self.stepped, self.dealt) = (None, None);
        }
        let since = self.stepped;
        self.stepped = Some(now);
        self.dealt = self.dealt.max(self.stepped);
        let Some(cycle) = self.running() else { return Vec::new() };
        let new = |at: Timestamp| at <= now && since.is_none_or(|since| at > since);
        let passed = firings(&cycle).into_iter().filter(|firing| new(firing.at));
        let (mut missed, mut said): (Vec<_>, Vec<_>) = passed.partition(|firing| now.duration_since(firing.at) > MISSED);
        if said.is_empty() {
            said.extend(missed.pop());
        }
        let due = |firing: Firing| {
            let step = cycle.promise.ladder.rung(firing.step)?;
            let late = now.duration_since(firing.at) > LATE;
            let passed = std::mem::take(&mut missed);
            Some(Due { cycle: cycle.number, start: cycle.start, due: cycle.due, firing, step, late, passed })
        };
        said.into_iter().filter_map(due).collect()
    }

    /// The next instant at which this ticket's clock needs the desk: a step, or a change of what its labels say.
    #[must_use]
    pub fn clock_wakes(&self) -> Option<Timestamp> {
        let cycle = self.running()?;
        let steps = firings(&cycle).into_iter().map(|firing| firing.at);
        let ahead = steps.chain(cycle.soon()).chain(cycle.due_known());
        ahead.filter(|at| self.stepped.is_none_or(|stepped| *at > stepped)).min()
    }

    /// Has the steps from `at` on looked at again: something came to light that moves them. What was said is not said twice (`E2`).
    pub fn step_again_from(&mut self, at: Timestamp) {
        if let Some(stepped) = self.stepped.filter(|stepped| *stepped >= at) {
            self.stepped = Some(at.saturating_sub(SignedDuration::from_millis(1)).unwrap_or(stepped));
        }
    }
}
