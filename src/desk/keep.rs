//! Deliveries that could not be taken in are kept whole, tried again, and shown to whoever runs the desk; they stop nobody else's
//! (`R4`).

use super::Desk;
use super::intake::Incoming;
use crate::domain::DeliveryId;
use crate::domain::event::News;
use crate::github::wire::{self, Read};
use crate::store::{AuditLine, KeptDelivery, Result, Tx};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// The first wait before a kept delivery is tried again; the next ones double.
const FIRST_WAIT: SignedDuration = SignedDuration::from_mins(1);
/// The longest.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(6);
/// Kept deliveries tried by one run.
const MOST_AT_ONCE: i64 = 100;

/// A delivery as it came.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'a> {
    /// GitHub's name for it.
    pub id: &'a DeliveryId,
    /// `X-GitHub-Event`.
    pub event: &'a str,
    /// Its other headers that matter.
    pub headers: &'a BTreeMap<String, String>,
    /// The payload.
    pub body: &'a str,
    /// When GitHub sent it.
    pub received: Timestamp,
}

/// What became of a kept delivery that was tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retried {
    /// It is taken in now, or was before, and no longer kept.
    TakenIn,
    /// It turned out to be none of the desk's business, for this reason, and is no longer kept.
    NotOurs(String),
    /// It stays, for this reason, and is tried again then.
    StillKept(String, Timestamp),
    /// Its payload was taken out of it, so that nothing is left to try.
    Emptied,
    /// It is not kept.
    Unknown,
}

impl Desk {
    /// Keeps a delivery that could not be taken in, on disk when this comes back; tells whoever runs the desk, at most once a day. `false`:
    /// it was done with before, taken in or dropped.
    ///
    /// # Errors
    /// The database fails; then it is not kept, and nobody may be told that it is.
    pub async fn keep(&self, raw: Raw<'_>, why: &str) -> Result<bool> {
        let now = self.clock.now();
        let kept = KeptDelivery {
            id: raw.id.clone(),
            event: raw.event.to_owned(),
            headers: raw.headers.clone(),
            body: raw.body.to_owned(),
            place: wire::place(raw.body.as_bytes()),
            received: raw.received,
            attempts: 1,
            next: wait_after(raw.id, 1, now),
            why: said(why),
        };
        let mut tx = self.store.write().await?;
        tx.not_missed(raw.id).await?;
        let is_new = !tx.is_done_with(raw.id).await?;
        if is_new {
            tx.keep_delivery(&kept).await?;
            self.warn_of(&mut tx, &kept, now).await?;
        }
        tx.commit().await?;
        self.wakes.speak.notify_one();
        Ok(is_new)
    }

    async fn warn_of(&self, tx: &mut Tx, kept: &KeptDelivery, now: Timestamp) -> Result<()> {
        let about = if kept.place.is_empty() { String::new() } else { format!(" about {}", kept.place) };
        let text = format!(
            "A delivery of GitHub's (`{}`{about}) could not be taken in and is kept: {}. It is tried again by itself; \
             `partner-desk deliveries list` shows all that are kept. This is said once a day at most.",
            kept.event, kept.why
        );
        tracing::warn!(delivery = %kept.id, event = %kept.event, place = %kept.place, why = %kept.why, next = %kept.next, "kept a delivery");
        self.warn(tx, &[(format!("kept:{}", now.strftime("%Y-%m-%d")), text)], now).await
    }

    /// Tries kept deliveries again whose time has come, each by itself. Says how many were taken in.
    ///
    /// # Errors
    /// The database fails; what is kept stays.
    pub async fn retry_kept(&self) -> Result<usize> {
        let mut tx = self.store.read().await?;
        let due = tx.deliveries_to_retry(self.clock.now(), MOST_AT_ONCE).await?;
        tx.rollback().await?;
        let mut taken = 0;
        for id in &due {
            taken += usize::from(!matches!(self.retry(id).await?, Retried::StillKept(..)));
        }
        Ok(taken)
    }

    /// Has all of them tried at once: a version that starts may read what the one before could not.
    ///
    /// # Errors
    /// The database fails.
    pub async fn retry_all_kept(&self) -> Result<usize> {
        if self.count_kept().await? == 0 {
            return Ok(0);
        }
        let mut tx = self.store.write().await?;
        tx.retry_all_deliveries(self.clock.now()).await?;
        tx.commit().await?;
        self.retry_kept().await
    }

    /// Tries one kept delivery again.
    ///
    /// # Errors
    /// The database fails; the delivery stays.
    pub async fn retry(&self, id: &DeliveryId) -> Result<Retried> {
        let mut tx = self.store.read().await?;
        let kept = tx.kept_delivery(id).await?;
        tx.rollback().await?;
        let Some(kept) = kept else { return Ok(Retried::Unknown) };
        if kept.body.is_empty() {
            return Ok(Retried::Emptied);
        }
        let why = match self.take_raw(id, &kept.event, kept.body.as_bytes(), kept.received).await? {
            Took::In => {
                self.settled(id, false).await?;
                tracing::info!(delivery = %id, place = %kept.place, attempts = kept.attempts, "a kept delivery is taken in");
                return Ok(Retried::TakenIn);
            }
            Took::NotOurs(why) => {
                self.settled(id, true).await?;
                tracing::info!(delivery = %id, %why, "a kept delivery is none of the desk's business");
                return Ok(Retried::NotOurs(why));
            }
            Took::Not(why) => why,
        };
        let now = self.clock.now();
        let (next, why) = (wait_after(id, kept.attempts + 1, now), said(&why));
        tracing::warn!(delivery = %id, place = %kept.place, %why, %next, "a kept delivery could not be taken in");
        let mut tx = self.store.write().await?;
        tx.tried_in_vain(id, next, &why).await?;
        tx.commit().await?;
        Ok(Retried::StillKept(why, next))
    }

    /// How many deliveries are kept.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count_kept(&self) -> Result<i64> {
        let mut tx = self.store.read().await?;
        let kept = tx.count_kept_deliveries().await?;
        tx.rollback().await?;
        Ok(kept)
    }

    /// Lets a kept delivery go for good: it is not taken in if GitHub sends it again. Says whether it was kept.
    ///
    /// # Errors
    /// The database fails.
    pub async fn drop_kept(&self, id: &DeliveryId, reason: &str) -> Result<bool> {
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let Some(kept) = tx.kept_delivery(id).await? else {
            tx.rollback().await?;
            return Ok(false);
        };
        tx.let_go_of(id).await?;
        tx.note_delivery(id, now).await?;
        let about = if kept.place.is_empty() { kept.event } else { format!("{} about {}", kept.event, kept.place) };
        let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        tx.audit(&AuditLine { at: now, act: "deliveries drop".to_owned(), detail: format!("{id}, {about}{reason}") }).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Records an act of an operator that has transactions of its own, before it is done.
    ///
    /// # Errors
    /// The database fails.
    pub async fn record_act(&self, act: &str, detail: String) -> Result<()> {
        let mut tx = self.store.write().await?;
        tx.audit(&AuditLine { at: self.clock.now(), act: act.to_owned(), detail }).await?;
        tx.commit().await
    }

    /// Reads a delivery and takes it in, in a transaction of its own.
    ///
    /// # Errors
    /// The database fails; what is the delivery's own fault is no error.
    pub(super) async fn take_raw(&self, id: &DeliveryId, event: &str, body: &[u8], received: Timestamp) -> Result<Took> {
        let news = match wire::read(event, body, received) {
            Ok(Read::News(news)) => *news,
            Ok(Read::NotOurs(why)) => return Ok(Took::NotOurs(why)),
            Err(error) => return Ok(Took::Not(error.to_string())),
        };
        match self.intake(&[Incoming { delivery: Some(id.clone()), news }]).await.pop() {
            Some(Ok(_)) => Ok(Took::In),
            Some(Err(error)) if !error.is_of_its_own() => Err(error),
            Some(Err(error)) => Ok(Took::Not(error.to_string())),
            None => Ok(Took::Not("it was not taken up".to_owned())),
        }
    }

    /// A delivery is done with. `note`: nothing has noted its id yet.
    pub(super) async fn settled(&self, id: &DeliveryId, note: bool) -> Result<()> {
        let mut tx = self.store.write().await?;
        tx.let_go_of(id).await?;
        tx.not_missed(id).await?;
        if note {
            tx.note_delivery(id, self.clock.now()).await?;
        }
        tx.commit().await
    }
}

/// What became of a delivery that was read.
pub(super) enum Took {
    In,
    NotOurs(String),
    /// By its own fault.
    Not(String),
}

/// When news of a delivery are to be in their turn among others.
pub(super) fn order(event: &str, body: &[u8], received: Timestamp) -> Timestamp {
    match wire::read(event, body, received) {
        Ok(Read::News(news)) => match *news {
            News::Ticket(event) => event.at,
            News::Place(event) => event.at,
            News::Rights(_) | News::Label(_) => received,
        },
        _ => received,
    }
}

/// A minute after the first try, then two, four … to six hours, and a little more, so that not all that failed together are tried
/// together.
fn wait_after(id: &DeliveryId, attempts: i64, now: Timestamp) -> Timestamp {
    let doublings = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or(0);
    let wait = FIRST_WAIT.as_millis().saturating_mul(2_i128.saturating_pow(doublings)).min(LONGEST_WAIT.as_millis());
    let mark = id.0.bytes().fold(attempts.unsigned_abs(), |mark, byte| mark.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let wait = wait + wait * i128::from(mark % 64) / 512;
    now.saturating_add(SignedDuration::from_millis(i64::try_from(wait).unwrap_or(i64::MAX))).unwrap_or(now)
}

/// A reason as it is kept: of bounded length, and without what PostgreSQL takes in no text.
fn said(why: &str) -> String {
    why.chars().filter(|c| *c != '\0').take(1000).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r4_the_waits_double_to_six_hours_and_differ_a_little() {
        let now: Timestamp = "2026-11-18T09:00:00Z".parse().unwrap();
        let wait = |id: &str, attempts| wait_after(&DeliveryId(id.to_owned()), attempts, now).duration_since(now).as_secs();
        for (attempts, least) in [(1, 60), (2, 120), (3, 240), (4, 480), (9, 15_360), (10, 21_600), (1_000_000, 21_600)] {
            let is = wait("a-1", attempts);
            assert!((least..=least + least / 8).contains(&is), "{attempts}: {is}");
        }
        assert_ne!(wait("a-1", 10), wait("a-2", 10));
    }
}
