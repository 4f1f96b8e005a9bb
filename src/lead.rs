//! Which of several instances over one database ticks: watches the clocks, catches up and tidies. It holds a lease, renews it while its
//! ticks are alive, and lets it go at its end; one that dies, hangs or stands still is followed by another within fifteen seconds.
//!
//! Two that tick at once, as after a stop between two looks, do nothing wrong: what may happen once has a unique key (`E2`).

use crate::clock::Clock;
use crate::desk::Desk;
use crate::store::{Result, Store};
use jiff::{SignedDuration, Timestamp};
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use tokio::sync::Mutex;

/// The lease that whoever ticks holds.
const TICK: &str = "tick";
/// It ends this long after it was last renewed,
const LEASE: SignedDuration = SignedDuration::from_secs(12);
/// which is done this often.
const RENEWED: SignedDuration = SignedDuration::from_secs(4);
/// Who has not ticked for this long does not renew it: so it ends within fifteen seconds of the last tick.
const SILENT_MS: i64 = 3_000;
/// And who has not ticked for this long has others look first when it has ended.
const HANGS_MS: i64 = 10_000;

/// Who ticks, as of a look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Led {
    /// This instance, as before.
    ByUs,
    /// This instance from now on.
    ByUsNow,
    /// Another one.
    ByOthers,
    /// It was this one, whose ticks hang: whoever else looks within the second.
    ByNobody,
}

/// An instance's view of the lease.
#[derive(Debug)]
pub struct Lead {
    store: Store,
    clock: Clock,
    holder: String,
    /// From when until when, in milliseconds, this instance may tick without another look: both 0 where it may not.
    from_ms: AtomicI64,
    until_ms: AtomicI64,
    /// Whether it is at its end; one look at a time.
    ended: Mutex<bool>,
}

impl Lead {
    /// Of an instance that has not looked yet.
    #[must_use]
    pub fn new(desk: &Desk) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Nobody else has it: not on another machine, not a process of this one that is gone, not in the same one.
        let started = desk.clock.now().as_nanosecond();
        let holder = format!("{}-{}-{started}-{:016x}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed), random());
        Self {
            store: desk.store.clone(),
            clock: desk.clock.clone(),
            holder,
            from_ms: AtomicI64::new(0),
            until_ms: AtomicI64::new(0),
            ended: Mutex::new(false),
        }
    }

    /// Whether this instance ticks, by what it knows: after it stood still for longer than its lease, it does not.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        let now = self.clock.now().as_millisecond();
        !matches!(self.store, Store::Postgres(_)) || self.has_until(now).is_some()
    }

    /// Renews the lease if it is time, takes it if nobody holds it, else looks on. `silent_ms`: how long ago it last ticked.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn look(&self, silent_ms: i64) -> Result<Led> {
        let ended = self.ended.lock().await;
        let now = self.clock.now();
        let mine = self.has_until(now.as_millisecond());
        if *ended {
            return Ok(Led::ByOthers);
        }
        if !matches!(self.store, Store::Postgres(_)) {
            return Ok(Led::ByUs);
        }
        let fresh = mine.is_some_and(|until| until - now.as_millisecond() > i64::try_from((LEASE - RENEWED).as_millis()).unwrap_or(0));
        if fresh || mine.is_some() && silent_ms > SILENT_MS {
            return Ok(Led::ByUs);
        }
        // The next look takes it, where there are no others.
        if mine.is_none() && silent_ms > HANGS_MS && self.until_ms.load(Ordering::Acquire) > 0 {
            self.set(None);
            return Ok(Led::ByNobody);
        }
        let until = now.saturating_add(LEASE).unwrap_or(now);
        // It may have ended while this instance stood still.
        let had = self.until_ms.load(Ordering::Acquire) > 0;
        if !self.store.hold(TICK, &self.holder, now, until).await? {
            self.set(None);
            if had {
                tracing::warn!("another instance watches the clocks now");
            }
            return Ok(Led::ByOthers);
        }
        self.set(Some((now, until)));
        if mine.is_some() {
            return Ok(Led::ByUs);
        }
        tracing::info!("this instance watches the clocks");
        Ok(Led::ByUsNow)
    }

    /// Lets go, for good.
    ///
    /// # Errors
    /// The database cannot be reached; then the lease ends by itself.
    pub async fn let_go(&self) -> Result<()> {
        let mut ended = self.ended.lock().await;
        *ended = true;
        self.set(None);
        self.store.let_go(TICK, &self.holder).await
    }

    /// The end of the lease, while it lasts. A clock that was set back has it end as well.
    fn has_until(&self, now: i64) -> Option<i64> {
        let (from, until) = (self.from_ms.load(Ordering::Acquire), self.until_ms.load(Ordering::Acquire));
        (from <= now && now < until).then_some(until)
    }

    fn set(&self, span: Option<(Timestamp, Timestamp)>) {
        let (from, until) = span.map_or((0, 0), |(from, until)| (from.as_millisecond(), until.as_millisecond()));
        self.from_ms.store(from, Ordering::Release);
        self.until_ms.store(until, Ordering::Release);
    }
}

/// Sixty-four bits that are not the next one's.
fn random() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    RandomState::new().build_hasher().finish()
}
