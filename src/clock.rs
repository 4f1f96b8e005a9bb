//! The only place that asks what time it is.
//!
//! Everything else is told: rules take `now` as a parameter, the desk asks the [`Clock`] that it was built with. A clippy
//! lint forbids reading a clock anywhere else.

use jiff::Timestamp;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time that passed since somebody first asked, by a clock that nobody sets.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
pub fn passed() -> Duration {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGUN.elapsed()
}

/// The source of "now": the machine's clock, or one that a test or the demo sets by hand.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Manual(Arc<Mutex<Timestamp>>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is moved. Clones share the same time.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(Mutex::new(start))))
    }

    /// The present instant, to the millisecond, which is what the database keeps.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    pub fn now(&self) -> Timestamp {
        let now = match &self.0 {
            Source::System => Timestamp::now(),
            Source::Manual(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        };
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// Moves a manual clock forward to `to`; never backwards. The machine's clock cannot be set.
    pub fn advance_to(&self, to: Timestamp) {
        if let Source::Manual(at) = &self.0 {
            let mut at = at.lock().unwrap_or_else(PoisonError::into_inner);
            *at = (*at).max(to);
        }
    }
}
