//! Quiet hours, in which pings of some tiers wait for the morning (`E6`), and the hours at which the desk sums up.

use super::TierId;
use super::wall::{DayTime, WeekTime};
use super::zone::Zone;
use jiff::Timestamp;

/// Hours of every day in which the pings of some tiers wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietHours {
    /// In which they are read.
    pub zone: Zone,
    /// When they begin.
    pub from: DayTime,
    /// When they end: the same day, or the next one where that is earlier.
    pub until: DayTime,
    /// Whose pings wait. All others always come through.
    pub tiers: Vec<TierId>,
}

impl QuietHours {
    /// Whether an instant lies in them.
    #[must_use]
    pub fn cover(&self, at: Timestamp) -> bool {
        // They go on after a change of the clock as before it: what counts is which of the two the clock showed last.
        self.from.last(self.zone.rules(), at) > self.until.last(self.zone.rules(), at)
    }

    /// The tiers whose pings wait at an instant.
    #[must_use]
    pub fn held(&self, at: Timestamp) -> &[TierId] {
        if self.cover(at) { &self.tiers } else { &[] }
    }
}

/// When something is said, over and over, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said<T> {
    /// When.
    pub at: T,
    /// In which zone that is read.
    pub zone: Zone,
    /// In which channels; `None`: in every one.
    pub chat: Option<Vec<String>>,
}

/// The daily digest.
pub type Daily = Said<DayTime>;
/// The weekly summary.
pub type Weekly = Said<WeekTime>;

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(from: &str, until: &str, zone: &str) -> QuietHours {
        let zone = Zone::named(zone).unwrap();
        QuietHours { zone, from: from.parse().unwrap(), until: until.parse().unwrap(), tiers: vec![TierId("now".into())] }
    }

    #[test]
    fn e6_quiet_hours_hold_their_beginning_and_not_their_end_over_midnight_too() {
        for (from, until, when, quiet) in [
            ("22:00", "07:00", "2026-11-18T20:59:59Z", false),
            ("22:00", "07:00", "2026-11-18T21:00:00Z", true),
            ("22:00", "07:00", "2026-11-19T05:59:59Z", true),
            ("22:00", "07:00", "2026-11-19T06:00:00Z", false),
            ("12:00", "14:00", "2026-11-18T11:30:00Z", true),
            ("12:00", "14:00", "2026-11-18T13:30:00Z", false),
            // The night of the change to winter time has two hours from 2 to 3: quiet through both of them.
            ("02:30", "02:45", "2026-10-25T00:40:00Z", true),
            ("22:00", "07:00", "2026-10-25T01:30:00Z", true),
        ] {
            let hours = hours(from, until, "Europe/Paris");
            assert_eq!(hours.cover(when.parse().unwrap()), quiet, "{from} to {until} at {when}");
            assert_eq!(hours.held(when.parse().unwrap()).len(), usize::from(quiet));
        }
    }
}
