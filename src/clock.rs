//! The only place that asks what time it is.
//!
//! Everything else is told: rules take `now` as a parameter, the desk asks the [`Clock`] that it was built with. A clippy
//! lint forbids reading a clock anywhere else.

use jiff::{SignedDuration, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Two machines' clocks that differ by less are alike.
const MATTERS: SignedDuration = SignedDuration::from_millis(100);

/// Time that passed since somebody first asked, by a clock that nobody sets.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
pub fn passed() -> Duration {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGUN.elapsed()
}

/// The source of "now": the machine's clock, put right by another's where it is told of one, or one that a test or the demo sets by hand.
/// Clones share the same time.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    /// The machine's clock, which is so many milliseconds ahead of what it should show where a test has it so, and what is added to
    /// put it right.
    System {
        wrong: i64,
        more: Arc<AtomicI64>,
    },
    Manual(Arc<Mutex<Timestamp>>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::wrong_by(SignedDuration::ZERO)
    }

    /// The clock of a machine that is set wrong.
    #[must_use]
    pub fn wrong_by(wrong: SignedDuration) -> Self {
        Self(Source::System { wrong: i64::try_from(wrong.as_millis()).unwrap_or_default(), more: Arc::default() })
    }

    /// A clock that stands still until it is moved.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(Mutex::new(start))))
    }

    /// The present instant, to the millisecond, which is what the database keeps.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    pub fn now(&self) -> Timestamp {
        let (now, more) = match &self.0 {
            Source::System { wrong, more } => (Timestamp::now(), wrong.saturating_add(more.load(Ordering::Relaxed))),
            Source::Manual(at) => (*at.lock().unwrap_or_else(PoisonError::into_inner), 0),
        };
        Timestamp::from_millisecond(now.as_millisecond().saturating_add(more)).unwrap_or(now)
    }

    /// How far this one is ahead of another machine's, which showed `there` at some instant between `asked` and `answered` by this one;
    /// `None`: that cannot be told. One that is set by hand is compared with nobody's.
    #[must_use]
    pub fn ahead_of(&self, there: Timestamp, asked: Timestamp, answered: Timestamp) -> Option<SignedDuration> {
        let took = answered.duration_since(asked);
        // A machine that stood still meanwhile tells nothing.
        let told = matches!(self.0, Source::System { .. }) && !took.is_negative() && took <= SignedDuration::from_secs(1);
        told.then(|| asked.saturating_add(took / 2).unwrap_or(asked).duration_since(there))
    }

    /// Goes by that other clock from now on. Says by how much this one was wrong, if by more than can be told and matters.
    #[must_use]
    pub fn put_right(&self, there: Timestamp, asked: Timestamp, answered: Timestamp) -> Option<SignedDuration> {
        let Source::System { more, .. } = &self.0 else { return None };
        let unsure = answered.duration_since(asked) / 2;
        let wrong = self.ahead_of(there, asked, answered).filter(|wrong| wrong.abs() > unsure.max(MATTERS))?;
        more.fetch_sub(i64::try_from(wrong.as_millis()).unwrap_or_default(), Ordering::Relaxed);
        Some(wrong)
    }

    /// By how much the machine's clock is ahead of the one that this goes by.
    #[must_use]
    pub fn machine_ahead(&self) -> SignedDuration {
        match &self.0 {
            Source::System { more, .. } => SignedDuration::from_millis(more.load(Ordering::Relaxed).saturating_neg()),
            Source::Manual(_) => SignedDuration::ZERO,
        }
    }

    /// Moves a manual clock forward to `to`; never backwards. The machine's clock cannot be set.
    pub fn advance_to(&self, to: Timestamp) {
        if let Source::Manual(at) = &self.0 {
            let mut at = at.lock().unwrap_or_else(PoisonError::into_inner);
            *at = (*at).max(to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;
    use jiff::SignedDuration;

    #[test]
    fn another_clock_is_gone_by_as_far_as_it_can_be_told() {
        let clock = Clock::wrong_by(SignedDuration::from_hours(1));
        let ms = SignedDuration::from_millis;
        let asked = clock.now();
        // The answer took 200 ms, so it may be of any instant of these.
        for (there, took, wrong) in [(10, 200, None), (200, 200, None), (100, 1_500, None), (-3_600_000, -1, None), (-400, 200, Some(500))]
        {
            assert_eq!(clock.put_right(asked + ms(there), asked, asked + ms(took)), wrong.map(ms), "{there} {took}");
        }
        let now = clock.now();
        assert_eq!(clock.machine_ahead(), ms(500));
        assert!(now < asked && asked.duration_since(now) <= ms(500), "{now} {asked}");
        let by_hand = Clock::manual(asked);
        assert_eq!((by_hand.put_right(now, asked, asked), by_hand.now()), (None, asked));
    }
}
