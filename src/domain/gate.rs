//! The budget of writes of one installation (`G7`): how many may go now, and when the next may, by the instants of those that went.

use jiff::{SignedDuration, Timestamp};

/// GitHub takes this many content-creating calls of an installation …
pub const A_MINUTE: i64 = 80;
/// … and this many …
pub const AN_HOUR: i64 = 500;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// … in so long.
pub const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// What the budgets of the minute and of the hour allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// So many writes may go at once.
    Free(i64),
    /// None may go before this instant.
    From(Timestamp),
}

/// What the writes of the last hour leave at `now`: instants and how many there were at each, the latest first. What went before any
/// minute and hour that end after `now` does not matter, and a burst after quiet goes at once.
#[must_use]
pub fn budget(now: Timestamp, went: &[(Timestamp, i64)]) -> Budget {
    let mut free = i64::MAX;
    let mut from = now;
    for (most, length) in [(A_MINUTE, MINUTE), (AN_HOUR, HOUR)] {
        let mut counted = 0;
        for (at, writes) in went.iter().filter(|(at, _)| now.duration_since(*at) < length) {
            counted += writes;
            if counted >= most {
                // One more may go when this is out of the window, and all that went before it.
                from = from.max(at.saturating_add(length).unwrap_or(now));
                break;
            }
        }
        free = free.min(most - counted);
    }
    if free > 0 { Budget::Free(free) } else { Budget::From(from) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn g7_a_burst_after_quiet_goes_at_once() {
        assert_eq!(budget(at(0), &[]), Budget::Free(80));
        assert_eq!(budget(at(61), &[(at(0), 80)]), Budget::Free(80));
        assert_eq!(budget(at(60), &[(at(0), 80)]), Budget::Free(80), "a minute is over when it is over");
    }

    #[test]
    fn g7_the_minute_and_the_hour_delay() {
        assert_eq!(budget(at(59), &[(at(0), 80)]), Budget::From(at(60)));
        assert_eq!(budget(at(30), &[(at(20), 30), (at(10), 20), (at(0), 30)]), Budget::From(at(60)));
        assert_eq!(budget(at(30), &[(at(20), 79), (at(10), 1)]), Budget::From(at(70)));
        let hour: Vec<_> = (0..7).rev().map(|minute| (at(60 * minute), if minute == 6 { 20 } else { 80 })).collect();
        assert_eq!(budget(at(600), &hour), Budget::From(at(3600)));
        assert_eq!(budget(at(3599), &hour), Budget::From(at(3600)));
        assert_eq!(budget(at(3600), &hour), Budget::Free(80));
        assert_eq!(budget(at(600), &hour[..6]), Budget::Free(80).min_with(500 - 420));
    }

    #[test]
    fn g7_no_minute_and_no_hour_ever_holds_more() {
        // A desk that always has something to write, and wakes at odd instants.
        let mut went: Vec<(Timestamp, i64)> = Vec::new();
        let mut now = at(0);
        while now < at(4 * 3600) {
            match budget(now, &went) {
                Budget::Free(free) => {
                    went.insert(0, (now, free.min(7)));
                    now = now.saturating_add(SignedDuration::from_millis(313)).unwrap();
                }
                Budget::From(from) => {
                    assert!(from > now);
                    now = from;
                }
            }
        }
        for (length, most) in [(MINUTE, A_MINUTE), (HOUR, AN_HOUR)] {
            for (end, _) in &went {
                let inside = went.iter().filter(|(at, _)| at <= end && end.duration_since(*at) < length);
                let sum: i64 = inside.map(|(_, writes)| writes).sum();
                assert!(sum <= most, "{sum} in {length}");
            }
        }
        assert_eq!(went.iter().map(|(_, writes)| writes).sum::<i64>(), 4 * AN_HOUR, "and none of the budget is left over");
    }

    impl Budget {
        fn min_with(self, most: i64) -> Self {
            match self {
                Self::Free(free) => Self::Free(free.min(most)),
                from @ Self::From(_) => from,
            }
        }
    }
}
