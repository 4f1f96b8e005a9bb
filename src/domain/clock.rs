//! How a response clock counts: on its calendar, without the times in which it stands still (`S6`, `S7`, `S12`).

use crate::programme::Calendar;
use jiff::{SignedDuration, Timestamp};

/// A clock that counts from `start`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// From when it counts.
    pub start: Timestamp,
    /// The counted time after which the promise is up.
    pub budget: SignedDuration,
    /// Times in which it stands still, in order; overlapping ones count once.
    gaps: Vec<Gap>,
}

/// A half-open time in which a clock stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// First instant.
    pub from: Timestamp,
    /// First instant after; `None`: it still stands still.
    pub until: Option<Timestamp>,
}

/// When a clock has counted so much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Then.
    At(Timestamp),
    /// It stands still before that; not before then, even if it went on at once.
    Stopped(Timestamp),
}

impl Reach {
    /// The instant, if it is known.
    #[must_use]
    pub const fn known(self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            Self::Stopped(_) => None,
        }
    }

    /// The instant, or the earliest that it can be.
    #[must_use]
    pub const fn earliest(self) -> Timestamp {
        match self {
            Self::At(at) | Self::Stopped(at) => at,
        }
    }
}

impl Clock {
    /// A clock that stands still in `gaps`.
    #[must_use]
    pub fn new(start: Timestamp, budget: SignedDuration, gaps: impl IntoIterator<Item = Gap>) -> Self {
        let mut clock = Self { start, budget, gaps: gaps.into_iter().collect() };
        clock.gaps.sort_unstable();
        clock
    }

    /// When the promise is up.
    #[must_use]
    pub fn due(&self, calendar: Option<&Calendar>) -> Reach {
        self.reach(calendar, self.budget)
    }

    /// When it has counted `counted`: the first such instant.
    #[must_use]
    pub fn reach(&self, calendar: Option<&Calendar>, counted: SignedDuration) -> Reach {
        let (mut at, mut left) = (self.start, counted.max(SignedDuration::ZERO));
        for gap in &self.gaps {
            if gap.until.is_some_and(|until| until <= at) {
                continue;
            }
            let from = gap.from.max(at);
            let run = worked(calendar, at, from);
            if left <= run {
                break;
            }
            left -= run;
            match gap.until {
                Some(until) => at = until,
                None => return Reach::Stopped(add(calendar, from, left)),
            }
        }
        Reach::At(add(calendar, at, left))
    }

    /// Stands still from `at` on.
    pub fn stop(&mut self, at: Timestamp) {
        self.gaps.push(Gap { from: at, until: None });
        self.gaps.sort_unstable();
    }

    /// Goes on at `at`, after [`Clock::stop`] at `since`.
    pub fn go_on(&mut self, since: Timestamp, at: Timestamp) {
        if let Some(gap) = self.gaps.iter_mut().find(|gap| gap.from == since && gap.until.is_none()) {
            gap.until = Some(at);
        }
    }

    /// This clock if it went on at `at`.
    #[must_use]
    pub fn going_on(&self, at: Timestamp) -> Self {
        let ended = |gap: &Gap| Gap { until: Some(gap.until.unwrap_or_else(|| at.max(gap.from))), ..*gap };
        Self { gaps: self.gaps.iter().map(ended).collect(), ..self.clone() }
    }

    /// What counts between two instants: without the times of standing still and what the calendar leaves out.
    #[must_use]
    pub fn counted(&self, calendar: Option<&Calendar>, from: Timestamp, to: Timestamp) -> SignedDuration {
        let (mut at, mut counted) = (from, SignedDuration::ZERO);
        for gap in &self.gaps {
            let stops = gap.from.clamp(at, to.max(at));
            counted = counted.saturating_add(worked(calendar, at, stops));
            at = gap.until.unwrap_or(to).max(stops).min(to.max(stops));
        }
        counted.saturating_add(worked(calendar, at, to.max(at)))
    }

    /// The times in which it stands still.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// Counts a new budget from `at` on, with the same times of standing still.
    #[must_use]
    pub fn restarted(&self, at: Timestamp, budget: SignedDuration) -> Self {
        Self { start: at, budget, gaps: self.gaps.clone() }
    }
}

fn add(calendar: Option<&Calendar>, at: Timestamp, time: SignedDuration) -> Timestamp {
    match calendar {
        Some(calendar) => calendar.add(at, time),
        None => at.saturating_add(time).unwrap_or(Timestamp::MAX),
    }
}

fn worked(calendar: Option<&Calendar>, from: Timestamp, to: Timestamp) -> SignedDuration {
    match calendar {
        Some(calendar) => calendar.worked(from, to),
        None => to.duration_since(from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(minutes * 60).unwrap()
    }

    fn clock(gaps: &[(i64, Option<i64>)]) -> Clock {
        let gaps = gaps.iter().map(|(from, until)| Gap { from: at(*from), until: until.map(at) });
        Clock::new(at(0), SignedDuration::from_mins(60), gaps)
    }

    #[test]
    fn overlapping_gaps_count_once() {
        assert_eq!(clock(&[]).due(None), Reach::At(at(60)));
        assert_eq!(clock(&[(10, Some(20))]).due(None), Reach::At(at(70)));
        assert_eq!(clock(&[(10, Some(20)), (15, Some(25))]).due(None), Reach::At(at(75)));
        assert_eq!(clock(&[(10, Some(40)), (15, Some(25))]).due(None), Reach::At(at(90)));
        assert_eq!(clock(&[(-5, Some(5))]).due(None), Reach::At(at(65)));
        assert_eq!(clock(&[(60, Some(90))]).due(None), Reach::At(at(60)), "a gap that begins at due comes too late");
    }

    #[test]
    fn what_counts_leaves_out_the_gaps() {
        let counted = |gaps: &[(i64, Option<i64>)], to| clock(gaps).counted(None, at(0), at(to)).as_mins();
        assert_eq!(counted(&[], 50), 50);
        assert_eq!(counted(&[(10, Some(20)), (15, Some(25))], 50), 35);
        assert_eq!(counted(&[(10, Some(40)), (15, Some(25)), (60, None)], 50), 20);
        assert_eq!(counted(&[(-5, Some(5)), (45, None)], 50), 40);
    }

    #[test]
    fn a_clock_that_stands_still_has_an_earliest_due() {
        assert_eq!(clock(&[(10, None)]).due(None), Reach::Stopped(at(60)));
        assert_eq!(clock(&[(10, Some(20)), (30, None)]).due(None), Reach::Stopped(at(70)));
        assert_eq!(clock(&[(61, None)]).due(None), Reach::At(at(60)), "a breach stays a breach");
    }
}
