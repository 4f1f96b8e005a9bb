//! The host's clock held against GitHub's: deadlines are judged by GitHub's times and looked at by the host's, so a clock that is far
//! off pings at the wrong time (`R7`).

use super::Desk;
use crate::store::{Result, Store};
use jiff::SignedDuration;
use std::sync::atomic::{AtomicU8, Ordering};

/// A clock that is further off is a warning.
pub const WARNS: SignedDuration = SignedDuration::from_secs(30);
/// One that is further off than this holds pings.
pub const HOLDS: SignedDuration = SignedDuration::from_mins(2);

/// How wrong the clock was when it was last spoken of: not, by half a minute, by two minutes.
#[derive(Debug, Default)]
pub struct SaidOfTheClock(AtomicU8);

impl Desk {
    /// Goes by the clock of the database, where that is one for several instances: leases, GitHub's quiet and steps mean the same instant
    /// to each of them, however their hosts' clocks are set (`E7`, `G7`).
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn keep_time(&self) -> Result<()> {
        let asked = self.clock.now();
        let Some(there) = self.store.time().await? else { return Ok(()) };
        if let Some(wrong) = self.clock.put_right(there, asked, self.clock.now()) {
            let (by, side) = (wrong.abs(), if wrong.is_negative() { "behind" } else { "ahead of" });
            tracing::info!("the clock was {by:#} {side} the database's host, by which all instances go");
        }
        Ok(())
    }

    fn skew(&self) -> SignedDuration {
        self.github.as_ref().and_then(|github| github.skew()).unwrap_or_default()
    }

    /// Whether the clock is so wrong that pings wait until it is right.
    #[must_use]
    pub fn clock_is_wrong(&self) -> bool {
        self.skew().abs() > HOLDS
    }

    /// How the clock is, for the health page.
    #[must_use]
    pub fn clock_word(&self) -> String {
        match self.skew() {
            skew if skew.abs() <= WARNS => "ok".to_owned(),
            skew => format!("{}{}", off(skew), if self.clock_is_wrong() { "; pings are held" } else { "" }),
        }
    }

    /// Says that the clock is wrong, once until it is right again; once more when it holds pings.
    ///
    /// # Errors
    /// The database fails.
    pub async fn mind_the_clock(&self) -> Result<()> {
        let skew = self.skew();
        let level = u8::from(skew.abs() > WARNS) + u8::from(self.clock_is_wrong());
        let said = self.said_of_the_clock.0.load(Ordering::Relaxed);
        if level == said {
            return Ok(());
        }
        if level > said {
            let held = if level == 2 { "Pings are held until it is right. " } else { "" };
            let whose =
                if matches!(self.store, Store::Postgres(_)) { "PostgreSQL's host, by which the desk goes," } else { "the desk's host" };
            let text = format!("The clock of {whose} is {}. {held}Have it set by NTP.", off(skew));
            let now = self.clock.now();
            let mut tx = self.store.write().await?;
            self.warn(&mut tx, &[(format!("clock:{level}:{}", now.as_millisecond()), text)], now).await?;
            tx.commit().await?;
        } else if level == 0 {
            tracing::info!("the host's clock is right again");
        } else {
            // Half-way back is no news.
            tracing::info!("the host's clock is {}; pings are no longer held", off(skew));
        }
        self.said_of_the_clock.0.store(level, Ordering::Relaxed);
        self.wakes.speak.notify_one();
        Ok(())
    }

    /// Asks GitHub for its time while the clock is wrong: else the desk, which is silent then, would not learn that it is right again.
    pub async fn ask_the_time(&self) {
        if let Some(github) = self.github.as_ref().filter(|_| self.skew().abs() > WARNS) {
            github.ask_the_time().await;
        }
    }
}

fn off(skew: SignedDuration) -> String {
    let side = if skew.is_negative() { "behind" } else { "ahead of" };
    format!("{} s {side} GitHub's", skew.abs().as_secs())
}
