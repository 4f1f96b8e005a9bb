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

/// One that is less off than this is right again.
const RIGHT: SignedDuration = SignedDuration::from_secs(25);

/// How wrong the clocks were when they were last spoken of: not, by half a minute, by two minutes.
#[derive(Debug, Default)]
pub struct SaidOfTheClock {
    /// The clock that the desk goes by.
    ours: AtomicU8,
    /// The clock of this instance's host, where the desk goes by another.
    hosts: AtomicU8,
}

impl Desk {
    /// Goes by the clock of the database, where that is one for several instances: leases, GitHub's quiet and steps mean the same instant
    /// to each of them, however their hosts' clocks are set (`E7`, `G7`).
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn keep_time(&self) -> Result<Option<SignedDuration>> {
        let asked = self.clock.now();
        let Some(there) = self.store.time().await? else { return Ok(None) };
        let wrong = self.clock.put_right(there, asked, self.clock.now());
        if let Some(wrong) = wrong {
            tracing::info!("the clock was {} PostgreSQL's, by which all instances go", off(wrong));
        }
        Ok(wrong)
    }

    /// The same while the desk runs, with what is to be done when its clock was ahead.
    ///
    /// # Errors
    /// The database fails.
    pub async fn keep_time_on(&self) -> Result<()> {
        match self.keep_time().await? {
            Some(wrong) => self.clock_was_ahead(wrong).await,
            None => self.look_if_owed().await,
        }
    }

    /// The host's clock was set back while the desk ran. On PostgreSQL it is that host's which says how late it is.
    ///
    /// # Errors
    /// The database fails.
    pub async fn host_was_set_back(&self, by: SignedDuration) -> Result<()> {
        match self.store {
            Store::Postgres(_) => self.keep_time_on().await,
            Store::Sqlite(_) => self.clock_was_ahead(by).await,
        }
    }

    /// How far the desk's clock is ahead of GitHub's.
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
        let (skew, hosts) = (self.skew(), self.clock.machine_ahead());
        let mut words = Vec::new();
        if skew.abs() > WARNS {
            words.push(format!("{} GitHub's", off(skew)));
        }
        if self.clock_is_wrong() {
            words.push("pings are held".to_owned());
        }
        if hosts.abs() > WARNS {
            words.push(format!("this host's is {} PostgreSQL's", off(hosts)));
        }
        if words.is_empty() { "ok".to_owned() } else { words.join("; ") }
    }

    /// Says that the clock is wrong, once until it is right again; once more when it holds pings. On PostgreSQL all instances go by one
    /// clock, of which the one speaks that `leads`; each speaks of its own host's, by which tokens are made for GitHub.
    ///
    /// # Errors
    /// The database fails.
    pub async fn mind_the_clock(&self, leads: bool) -> Result<()> {
        let (skew, hosts) = (self.skew(), self.clock.machine_ahead());
        if leads {
            let text = || {
                let whose =
                    if matches!(self.store, Store::Postgres(_)) { "PostgreSQL's host, by which the desk goes," } else { "the desk's host" };
                let held = if self.clock_is_wrong() { "Pings are held until it is right. " } else { "" };
                format!("The clock of {whose} is {} GitHub's. {held}Have it set by NTP.", off(skew))
            };
            self.say_of_a_clock(&self.said_of_the_clock.ours, skew, "clock", text).await?;
        }
        let text = || {
            let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
            format!(
                "The clock of a host of the desk's, {}, is {} PostgreSQL's, by which the desk goes. GitHub may refuse the tokens that are made there. Have it set by NTP.",
                host.trim(),
                off(hosts)
            )
        };
        self.say_of_a_clock(&self.said_of_the_clock.hosts, hosts, "host-clock", text).await
    }

    async fn say_of_a_clock(&self, said: &AtomicU8, skew: SignedDuration, key: &str, text: impl FnOnce() -> String) -> Result<()> {
        let level = u8::from(skew.abs() > WARNS) + u8::from(skew.abs() > HOLDS);
        let before = said.load(Ordering::Relaxed);
        // GitHub tells whole seconds, so a clock at a limit is now over it and now under: that is still the same episode.
        if level == before || level < before && skew.abs() > RIGHT {
            return Ok(());
        }
        if level > before {
            let now = self.clock.now();
            let mut tx = self.store.write().await?;
            self.warn(&mut tx, &[(format!("{key}:{level}:{}", now.as_millisecond()), text())], now).await?;
            tx.commit().await?;
        } else {
            tracing::info!(clock = key, "the clock is right again");
        }
        said.store(level, Ordering::Relaxed);
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
    format!("{} s {side}", skew.abs().as_secs())
}
