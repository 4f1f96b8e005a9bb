//! Who is on call by a calendar: shifts, once or again and again, as calendar programs keep them.

use crate::programme::wall::shown_at;
use crate::programme::zone::Zone;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use std::collections::BTreeSet;

/// A time over which somebody is on call, once or again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Who.
    pub person: String,
    /// By whose clocks it begins, ends and comes again.
    pub zone: Zone,
    /// When clocks show its beginning for the first time.
    pub first: DateTime,
    /// How long it is by the clock; more than nothing.
    pub length: SignedDuration,
    /// How it comes again.
    pub again: Option<Again>,
    /// The beginnings that are left out, as clocks show them.
    pub skipped: BTreeSet<DateTime>,
}

/// How a shift comes again, always at the same time of the day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    /// On which days; none: on every day.
    pub weekdays: Vec<Weekday>,
    /// Every so many days, or weeks where there are [`Again::weekdays`]; at least 1.
    pub every: i32,
    /// With which day a week begins.
    pub week_start: Weekday,
    /// The last beginning, as clocks show it; none: for ever.
    pub last: Option<DateTime>,
}

impl Again {
    /// Whether the rule has a day, of what began on `first`.
    fn has(&self, first: Date, day: Date) -> bool {
        if self.weekdays.is_empty() {
            return days_between(first, day) % self.every == 0;
        }
        let week = |day: Date| day.saturating_sub(i64::from(day.weekday().since(self.week_start)).days());
        self.weekdays.contains(&day.weekday()) && days_between(week(first), week(day)) / 7 % self.every == 0
    }

    /// The days that have to be looked at, one after the other, to meet one that the rule has.
    fn gap(&self) -> i32 {
        let days = if self.weekdays.is_empty() { self.every } else { self.every.saturating_mul(7).saturating_add(6) };
        days.max(1)
    }

    /// The beginning with this number, from 1, of what began at `first`.
    pub(super) fn beginning(&self, first: DateTime, number: u32) -> DateTime {
        let mut left = number;
        let mut day = first.date();
        loop {
            if self.has(first.date(), day) {
                left = left.saturating_sub(1);
            }
            let Some(next) = Some(day).filter(|_| left > 0).and_then(|day| day.tomorrow().ok()) else {
                return day.to_datetime(first.time());
            };
            day = next;
        }
    }
}

fn days_between(from: Date, to: Date) -> i32 {
    from.until(to).map_or(0, |span| span.get_days())
}

impl Shift {
    /// When it begins on a day, as clocks show it, if it does.
    fn on(&self, day: Date) -> Option<DateTime> {
        let begins = day.to_datetime(self.first.time());
        let comes = match &self.again {
            None => day == self.first.date(),
            Some(again) => day >= self.first.date() && again.last.is_none_or(|last| begins <= last) && again.has(self.first.date(), day),
        };
        (comes && !self.skipped.contains(&begins)).then_some(begins)
    }

    /// When what clocks show so long after a beginning is.
    fn shown(&self, begins: DateTime, after: SignedDuration) -> Timestamp {
        shown_at(self.zone.rules(), begins.saturating_add(after))
    }

    /// The days after or before which no beginning is looked for, counted from a day with the right distance to one.
    fn farthest(&self) -> i32 {
        let left_out = i32::try_from(self.skipped.len()).unwrap_or(i32::MAX);
        // Two more on either side, since a zone can leave out a day.
        self.again.as_ref().map_or(1, Again::gap).saturating_mul(left_out.saturating_add(2)).saturating_add(4)
    }

    /// The latest instant at or before `at` that lies so long after a beginning, with that beginning.
    fn before(&self, at: Timestamp, after: SignedDuration) -> Option<(Timestamp, DateTime)> {
        let near = self.zone.rules().to_datetime(at).saturating_sub(after).date();
        let near = near.saturating_add(2.days());
        let last = match &self.again {
            None => Some(self.first.date()),
            Some(again) => again.last.map(DateTime::date),
        };
        let mut day = last.map_or(near, |last| last.min(near));
        for _ in 0..=self.farthest() {
            if day < self.first.date() {
                return None;
            }
            let found = self.on(day).map(|begins| (self.shown(begins, after), begins)).filter(|(found, _)| *found <= at);
            if found.is_some() {
                return found;
            }
            day = day.yesterday().ok()?;
        }
        None
    }

    /// The earliest instant after `at` that lies so long after a beginning.
    fn after(&self, at: Timestamp, after: SignedDuration) -> Option<Timestamp> {
        let near = self.zone.rules().to_datetime(at).saturating_sub(after).date();
        let mut day = near.saturating_sub(2.days()).max(self.first.date());
        for _ in 0..=self.farthest() {
            let found = self.on(day).map(|begins| self.shown(begins, after)).filter(|found| *found > at);
            if found.is_some() {
                return found;
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    /// Since when it lasts at an instant, if it does.
    fn since(&self, at: Timestamp) -> Option<Timestamp> {
        let (since, begins) = self.before(at, SignedDuration::ZERO)?;
        (at < self.shown(begins, self.length)).then_some(since)
    }
}

/// Whose shift it is at an instant: of several, the one that began last, and of those the later in the file.
pub(super) fn at(shifts: &[Shift], at: Timestamp) -> Option<&str> {
    let begun = shifts.iter().filter_map(|shift| Some((shift.since(at)?, shift)));
    begun.max_by_key(|(since, _)| *since).map(|(_, shift)| shift.person.as_str())
}

/// The latest instant at or before `at` at which a shift begins or ends.
pub(super) fn edge_at_or_before(shifts: &[Shift], at: Timestamp) -> Option<Timestamp> {
    shifts
        .iter()
        .flat_map(|shift| [shift.before(at, SignedDuration::ZERO), shift.before(at, shift.length)])
        .flatten()
        .map(|(edge, _)| edge)
        .max()
}

/// The earliest instant after `at` at which a shift begins or ends.
pub(super) fn edge_after(shifts: &[Shift], at: Timestamp) -> Option<Timestamp> {
    shifts.iter().flat_map(|shift| [shift.after(at, SignedDuration::ZERO), shift.after(at, shift.length)]).flatten().min()
}
