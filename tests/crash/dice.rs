//! All chance comes from one seed (splitmix64).

use crate::desk::now;
use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Dice of their own for another task.
    pub fn split(&mut self) -> Self {
        Self(self.roll())
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end.max(1)
    }

    /// So many times in a hundred.
    pub fn percent(&mut self, of: u64) -> bool {
        self.below(100) < of
    }

    /// A time between two, in milliseconds.
    pub fn ms(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to.saturating_sub(from)))
    }
}

/// The seed of this run: a given one, or a new one.
pub fn seed() -> u64 {
    let given = std::env::var("PARTNER_DESK_CRASH_SEED").ok();
    given.map_or_else(|| Dice::new(now().as_millisecond().unsigned_abs()).below(1_000_000_000), |seed| seed.parse().unwrap())
}
