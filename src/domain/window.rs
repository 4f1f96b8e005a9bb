//! Windows of an allowance: calendar weeks, months and quarters in the programme's zone (`Q2`).

use crate::programme::WindowKind;
use jiff::civil::{Date, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// A half-open span of time `[start, end)` in which an allowance counts. Known by its start instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Week, month or quarter.
    pub kind: WindowKind,
    /// First instant inside.
    pub start: Timestamp,
    /// First instant after.
    pub end: Timestamp,
}

impl Window {
    /// The window of `kind` that holds `at` (`Q2`).
    #[must_use]
    pub fn at(zone: &TimeZone, kind: WindowKind, at: Timestamp) -> Self {
        let mut first = first_day(kind, zone.to_datetime(at).date());
        // A local day may begin before or after the clock was turned across midnight, so the date alone can be one off.
        while start_of(zone, first) > at {
            let earlier = step(kind, first, -1);
            if earlier == first {
                break;
            }
            first = earlier;
        }
        loop {
            let next = step(kind, first, 1);
            if next == first || start_of(zone, next) > at {
                return Self { kind, start: start_of(zone, first), end: start_of(zone, next) };
            }
            first = next;
        }
    }

    /// Whether `at` lies inside.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// The window that begins where this one ends.
    #[must_use]
    pub fn next(&self, zone: &TimeZone) -> Self {
        Self::at(zone, self.kind, self.end)
    }
}

/// The first instant of a local day: midnight, or where that does not exist the first instant that does (`Q2`).
#[must_use]
pub fn start_of(zone: &TimeZone, date: Date) -> Timestamp {
    let midnight = date.at(0, 0, 0, 0);
    let found = zone.to_ambiguous_timestamp(midnight);
    let instant = match found.offset() {
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => found.compatible(),
        // Read with the offset after the gap, midnight falls before the jump; the jump itself is the first instant that exists.
        AmbiguousOffset::Gap { after, .. } => {
            after.to_timestamp(midnight).map(|before| zone.following(before).next().map_or(before, |jump| jump.timestamp()))
        }
    };
    instant.unwrap_or(if date.year() < 1970 { Timestamp::MIN } else { Timestamp::MAX })
}

fn first_day(kind: WindowKind, date: Date) -> Date {
    match kind {
        WindowKind::Week => {
            let back = date.weekday().since(Weekday::Monday);
            date.checked_sub(Span::new().days(i64::from(back))).unwrap_or(date)
        }
        WindowKind::Month => date.first_of_month(),
        WindowKind::Quarter => {
            let month = (date.month() - 1) / 3 * 3 + 1;
            Date::new(date.year(), month, 1).unwrap_or(date)
        }
    }
}

/// `count` windows on from the one that begins on `first`; `first` itself at the end of the calendar.
fn step(kind: WindowKind, first: Date, count: i64) -> Date {
    let span = match kind {
        WindowKind::Week => Span::new().weeks(count),
        WindowKind::Month => Span::new().months(count),
        WindowKind::Quarter => Span::new().months(3 * count),
    };
    first.checked_add(span).unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(zone: &str, kind: WindowKind, at: &str) -> (String, String) {
        let zone = TimeZone::get(zone).unwrap();
        let window = Window::at(&zone, kind, at.parse().unwrap());
        (window.start.to_string(), window.end.to_string())
    }

    #[test]
    fn a_week_runs_from_monday_to_monday() {
        let (start, end) = window("UTC", WindowKind::Week, "2026-11-22T23:59:59Z");
        assert_eq!((start.as_str(), end.as_str()), ("2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"));
        let (start, _) = window("UTC", WindowKind::Week, "2026-11-23T00:00:00Z");
        assert_eq!(start, "2026-11-23T00:00:00Z");
    }

    #[test]
    fn weeks_of_167_and_169_hours() {
        let hours = |at: &str| {
            let zone = TimeZone::get("Europe/Paris").unwrap();
            let window = Window::at(&zone, WindowKind::Week, at.parse().unwrap());
            window.end.duration_since(window.start).as_hours()
        };
        assert_eq!(hours("2026-03-25T12:00:00Z"), 167);
        assert_eq!(hours("2026-10-21T12:00:00Z"), 169);
    }

    #[test]
    fn a_midnight_that_does_not_exist_begins_at_the_jump() {
        // Beirut turned its clocks on at midnight of Sunday 2021-03-28; Toronto in 1919 from 23:30 to 00:30.
        let beirut = TimeZone::get("Asia/Beirut").unwrap();
        assert_eq!(start_of(&beirut, Date::new(2021, 3, 28).unwrap()).to_string(), "2021-03-27T22:00:00Z");
        let toronto = TimeZone::get("America/Toronto").unwrap();
        assert_eq!(start_of(&toronto, Date::new(1919, 3, 31).unwrap()).to_string(), "1919-03-31T04:30:00Z");
    }

    #[test]
    fn quarters_begin_in_january_april_july_october() {
        let (start, end) = window("America/New_York", WindowKind::Quarter, "2026-11-22T00:00:00Z");
        assert_eq!((start.as_str(), end.as_str()), ("2026-10-01T04:00:00Z", "2027-01-01T05:00:00Z"));
    }
}
