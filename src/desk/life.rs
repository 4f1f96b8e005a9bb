//! That the desk lives, when it did not, and what it tells of that: one message after it was down, or after something that it had said
//! turned out wrong (`R5`).

use super::Desk;
use super::skew::WARNS;
use crate::chat::{ChatMessage, Correction, Named, Ping, Recovery};
use crate::domain::IssueId;
use crate::domain::book::Book;
use crate::domain::escalation::firings;
use crate::domain::response::{Outcome, State};
use crate::domain::ticket::Ticket;
use crate::messages;
use crate::store::{EndedCycle, Life, Result, Tx, WrongPing};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{PoisonError, RwLock};

/// How often a living desk says so in the database.
const BEAT: SignedDuration = SignedDuration::from_secs(20);
/// Without a sign of life for longer than this, it was down.
const DOWN: SignedDuration = SignedDuration::from_mins(2);
/// After catching up, clocks have this long to say what is due.
const SETTLE: SignedDuration = SignedDuration::from_secs(2);
/// If GitHub does not let it catch up, it tells of its absence all the same after this.
const WITHOUT_GITHUB: SignedDuration = SignedDuration::from_secs(60);
/// What turned out wrong is collected for this long.
const COLLECT: SignedDuration = SignedDuration::from_secs(30);
/// What was said this long after the end of its clock, with GitHub silent, should have known better; within it, both were seen together.
const SEEN: SignedDuration = SignedDuration::from_secs(60);

/// Nothing that was refused or not answered is put off for longer than this.
const LONGEST: SignedDuration = SignedDuration::from_hours(2);

/// What one instance knows of the desk's life.
#[derive(Debug, Default)]
pub struct Pulse {
    /// When it last said that it lives.
    beat: AtomicI64,
    /// The clock was ahead, and not everything that was done by it was looked at yet.
    owes_a_look: AtomicBool,
    /// The time in which no instance did, until everybody was told.
    down: RwLock<Option<(Timestamp, Timestamp)>>,
}

fn plus(at: Timestamp, length: SignedDuration) -> Timestamp {
    at.saturating_add(length).unwrap_or(at)
}

impl Desk {
    /// Says that this instance lives. Whoever finds that none did for a while has it told after catching up. `true`: that is so.
    ///
    /// # Errors
    /// The database fails.
    pub async fn come_back(&self) -> Result<bool> {
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let mut life = tx.life().await?;
        // A sign of life that is still to come is of a clock that was ahead, and says nothing of when there was one.
        if life.alive.is_some_and(|alive| alive > plus(now, DOWN)) {
            life = Life { alive: None, ..as_of(&life, now) };
            look_at_clocks(&mut tx, now).await?;
        }
        let gap = life.alive.filter(|alive| now.duration_since(*alive) > DOWN);
        if let Some(alive) = gap {
            // If it went down again before it had told, it is one story.
            let from = life.down.map_or(alive, |(from, _)| from);
            tracing::warn!(%from, until = %now, "no instance was alive in between");
            life = Life { down: Some((from, now)), caught_up: false, tell: Some(plus(now, WITHOUT_GITHUB)), ..life };
        }
        life.alive = life.alive.max(Some(now));
        tx.put_life(&life).await?;
        tx.commit().await?;
        self.life.beat.store(now.as_millisecond(), Ordering::Relaxed);
        self.remember(life.down);
        Ok(gap.is_some())
    }

    /// Looks at everything again after the desk's own clock was set back by more than 30 s: steps that were dealt with ahead of their time
    /// are dealt with in time, labels show how it is, and what was put off is tried (`E2`, `R7`). Where the database fails, the next
    /// look tries it again.
    ///
    /// # Errors
    /// The database fails.
    pub async fn clock_was_ahead(&self, by: SignedDuration) -> Result<()> {
        if by > WARNS {
            self.life.owes_a_look.store(true, Ordering::Release);
        }
        self.look_if_owed().await
    }

    /// Does that where it is still to be done.
    ///
    /// # Errors
    /// The database fails.
    pub async fn look_if_owed(&self) -> Result<()> {
        if !self.life.owes_a_look.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let look = async {
            let now = self.clock.now();
            if let Some(github) = &self.github {
                github.keep_quiet_at_most(plus(now, LONGEST));
            }
            let mut tx = self.store.write().await?;
            look_at_clocks(&mut tx, now).await?;
            let life = as_of(&tx.life().await?, now);
            tx.put_life(&life).await?;
            tx.commit().await?;
            self.remember(life.down);
            self.life.beat.store(now.as_millisecond(), Ordering::Relaxed);
            Result::Ok(())
        };
        let looked = look.await;
        if looked.is_err() {
            self.life.owes_a_look.store(true, Ordering::Release);
        }
        self.wakes.all();
        looked
    }

    /// Says that this instance lives, if it is time for it. `true`: no instance has lived for a while, though this one was not started anew: it was stopped, or
    /// the database was away.
    ///
    /// # Errors
    /// The database fails.
    pub async fn live(&self) -> Result<bool> {
        let since = self.clock.now().as_millisecond() - self.life.beat.load(Ordering::Relaxed);
        if i128::from(since) < BEAT.as_millis() { Ok(false) } else { self.come_back().await }
    }

    /// Says that this instance lives, for a clock that is moved by hand: however far it was moved, the desk was there.
    ///
    /// # Errors
    /// The database fails.
    pub async fn lives_on(&self) -> Result<()> {
        let now = self.clock.now();
        if now.as_millisecond() == self.life.beat.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut tx = self.store.write().await?;
        let mut life = tx.life().await?;
        life.alive = life.alive.max(Some(now));
        tx.put_life(&life).await?;
        tx.commit().await?;
        self.life.beat.store(now.as_millisecond(), Ordering::Relaxed);
        Ok(())
    }

    fn remember(&self, down: Option<(Timestamp, Timestamp)>) {
        *self.life.down.write().unwrap_or_else(PoisonError::into_inner) = down;
    }

    /// The time in which no instance lived, if it was not told of yet.
    pub(super) fn was_down(&self) -> Option<(Timestamp, Timestamp)> {
        *self.life.down.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that what happened while the desk was down was taken in.
    ///
    /// # Errors
    /// The database fails.
    pub async fn caught_up(&self) -> Result<()> {
        if self.was_down().is_none() {
            return Ok(());
        }
        let mut tx = self.store.write().await?;
        let mut life = tx.life().await?;
        if life.down.is_some() && !life.caught_up {
            life.caught_up = true;
            life.tell = Some(plus(self.clock.now(), SETTLE));
            tx.put_life(&life).await?;
        }
        tx.commit().await
    }

    /// Has put right what was said of these tickets: the first messages of their threads show how they stand (`E8`), and it is told that
    /// something turned out wrong, if anything did: their clocks had ended by then (`S3`).
    pub(super) async fn notice_wrong(&self, tx: &mut Tx, book: &Book, now: Timestamp) -> Result<()> {
        self.renew_roots_of(tx, book, now).await?;
        self.notice_wrong_of(tx, book.changes.tickets.iter().filter_map(|id| book.tickets.get(id)), now).await
    }

    /// The same without the threads.
    pub(super) async fn notice_wrong_of<'t>(&self, tx: &mut Tx, tickets: impl Iterator<Item = &'t Ticket>, now: Timestamp) -> Result<()> {
        let ended: Vec<_> = tickets.flat_map(|ticket| ended_unseen(ticket, now)).collect();
        if ended.is_empty() || tx.said_wrongly(&ended, now).await? == 0 {
            return Ok(());
        }
        let mut life = tx.life().await?;
        let at = plus(now, COLLECT);
        life.tell = Some(life.tell.map_or(at, |tell| tell.min(at)));
        tx.put_life(&life).await
    }

    /// Tells what there is to tell: that the desk was down, and what had been said wrongly. Says how many messages there were.
    ///
    /// # Errors
    /// The database fails; then it is told later.
    pub async fn tell_of_life(&self) -> Result<usize> {
        let now = self.clock.now();
        let is_time = |life: &Life| life.tell.is_some_and(|tell| tell <= now);
        let mut tx = self.store.read().await?;
        let life = tx.life().await?;
        tx.rollback().await?;
        if !is_time(&life) {
            return Ok(0);
        }
        let mut tx = self.store.write().await?;
        let mut life = tx.life().await?;
        if !is_time(&life) {
            tx.rollback().await?;
            return Ok(0);
        }
        if let Some((_, until)) = life.down
            && !life.caught_up
            && plus(until, WITHOUT_GITHUB) > now
        {
            // Something turned out wrong meanwhile: that is told with the rest.
            life.tell = Some(plus(until, WITHOUT_GITHUB));
            tx.put_life(&life).await?;
            tx.commit().await?;
            return Ok(0);
        }
        let recovery = match life.down {
            Some((from, until)) => self.missed(&mut tx, from, until, life.caught_up).await?,
            None => Recovery::default(),
        };
        let corrections = self.corrections(&mut tx).await?;
        let key =
            life.down.map_or_else(|| format!("wrong:{}", now.as_millisecond()), |(_, until)| format!("down:{}", until.as_millisecond()));
        let mut told = 0;
        for channel in &self.policy.channels {
            let corrections = corrections.get(channel).cloned().unwrap_or_default();
            if recovery.down.is_some() || !corrections.is_empty() {
                let message = Recovery { corrections, ..recovery.clone() };
                tracing::warn!(%channel, "{}. {}", message.headline(), message.lines().join(" "));
                self.tell_later(&mut tx, channel, &key, &ChatMessage::Recovery(message), now).await?;
                told += 1;
            }
        }
        tx.put_right(now).await?;
        tx.put_life(&Life { alive: life.alive, ..Life::default() }).await?;
        tx.commit().await?;
        self.remember(None);
        self.wakes.speak.notify_one();
        Ok(told)
    }

    /// What happened while the desk was down, as the tickets tell it now.
    async fn missed(&self, tx: &mut Tx, from: Timestamp, until: Timestamp, caught_up: bool) -> Result<Recovery> {
        let log = tx.logged_between(from, until).await?;
        let issues: BTreeSet<_> = log.iter().map(|(issue, _)| *issue).collect();
        let tickets = tx.tickets(&issues.into_iter().collect::<Vec<_>>()).await?;
        let names = self.names_of(tx, &tickets).await?;
        let meanwhile = |at: Timestamp| from < at && at <= until;
        let (mut answered, mut breached) = (BTreeSet::new(), BTreeSet::new());
        // What was left unsaid because a higher step was due, because its clock had ended, or just before it was sent.
        let mut stale = log.iter().filter(|(_, rule)| rule == "E4").count();
        stale += usize::try_from(tx.void_since(until).await?).unwrap_or_default();
        for ticket in &tickets {
            let Some(name) = names.get(&ticket.issue) else { continue };
            for cycle in ticket.cycles() {
                let over = cycle.due_known().filter(|due| meanwhile(*due));
                match &cycle.state {
                    State::Running => {
                        if over.is_some() {
                            breached.insert(name.clone());
                        }
                    }
                    State::Ended { at, outcome, .. } => {
                        if meanwhile(*at) {
                            let unsaid = |at: Timestamp| meanwhile(at);
                            stale += firings(&cycle).iter().filter(|firing| unsaid(firing.at) && firing.at <= *at).count();
                            if matches!(outcome, Outcome::Met | Outcome::Late) {
                                answered.insert(name.clone());
                            }
                        }
                        if over.is_some() && outcome.is_breach() {
                            breached.insert(name.clone());
                        }
                    }
                }
            }
        }
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Ok(Recovery {
            down: Some((from, until)),
            incomplete: !caught_up && self.github.is_some(),
            caught_up: count(log.iter().filter(|(_, rule)| rule == "R5").count()),
            stale: count(stale),
            answered: answered.into_iter().collect(),
            breached: breached.into_iter().collect(),
            corrections: Vec::new(),
        })
    }

    pub(super) async fn names_of(&self, tx: &mut Tx, tickets: &[Ticket]) -> Result<BTreeMap<IssueId, Named>> {
        let partners = tx.partners_called(&tickets.iter().filter_map(Ticket::partner).cloned().collect()).await?;
        let name = |ticket: &Ticket| Named {
            partner: ticket.partner().and_then(|id| partners.get(id)).cloned().unwrap_or_default(),
            repository: ticket.repo_name.clone(),
            number: ticket.number,
            url: ticket.url.clone(),
        };
        Ok(tickets.iter().map(|ticket| (ticket.issue, name(ticket))).collect())
    }

    /// What was said wrongly and how it is, by the channel that was told: the last thing of each clock.
    async fn corrections(&self, tx: &mut Tx) -> Result<BTreeMap<String, Vec<Correction>>> {
        let wrong = tx.wrong_pings().await?;
        let issues: BTreeSet<_> = wrong.iter().map(|ping| ping.issue).collect();
        let tickets = tx.tickets(&issues.into_iter().collect::<Vec<_>>()).await?;
        let names = self.names_of(tx, &tickets).await?;
        let mut last: BTreeMap<(&str, IssueId, i64), &WrongPing> = BTreeMap::new();
        for ping in &wrong {
            last.insert((&ping.channel, ping.issue, ping.cycle), ping);
        }
        let mut corrections: BTreeMap<String, Vec<Correction>> = BTreeMap::new();
        for ((channel, issue, number), ping) in last {
            let ticket = tickets.iter().find(|ticket| ticket.issue == issue);
            let cycle = ticket.and_then(|ticket| ticket.cycles().into_iter().find(|cycle| i64::from(cycle.number) == number));
            // It may have come true again: an answer that was taken back.
            let Some((cycle, name)) = cycle.filter(|cycle| !cycle.is_running()).zip(names.get(&issue)) else { continue };
            let Ok(ChatMessage::Ping(Ping { step, .. })) = serde_json::from_str(&ping.body) else { continue };
            let truth = messages::truth(&cycle);
            let correction = Correction { ticket: name.clone(), step, said_at: ping.said, truth };
            corrections.entry(channel.to_owned()).or_default().push(correction);
        }
        Ok(corrections)
    }
}

/// What is kept of the desk's life, without what a clock has noted that was ahead.
fn as_of(life: &Life, now: Timestamp) -> Life {
    let down = life.down.map(|(from, until)| (from, until.min(now))).filter(|(from, until)| until.duration_since(*from) > DOWN);
    Life { alive: Some(now), down, tell: life.tell.map(|tell| tell.min(plus(now, SETTLE))), ..life.clone() }
}

async fn look_at_clocks(tx: &mut Tx, now: Timestamp) -> Result<()> {
    let tickets = tx.look_at_clocks(now).await?;
    tx.publish_put_off_after(plus(now, LONGEST)).await?;
    tx.open_gates_closed_after(plus(now, LONGEST)).await?;
    tx.forget_failures_after(plus(now, DOWN)).await?;
    tx.let_go_after(plus(now, DOWN)).await?;
    tx.retry_all_deliveries(now).await?;
    tx.forget_asking_after(now).await?;
    tracing::warn!(tickets, rule = "R7", "the clock was ahead, and is not any more: every running clock is looked at again");
    Ok(())
}

/// Clocks of a ticket that ended before the desk knew: something may have been said of them that was not so.
fn ended_unseen(ticket: &Ticket, now: Timestamp) -> Vec<EndedCycle> {
    let Some(stepped) = ticket.stepped else { return Vec::new() };
    let unseen = |end: Timestamp| stepped > end || now.duration_since(end) > SEEN;
    let ended = ticket.cycles().into_iter().filter_map(|cycle| match cycle.state {
        State::Ended { at, .. } if unseen(at) => Some(EndedCycle {
            issue_id: ticket.issue.0,
            cycle: i64::from(cycle.number),
            end_ms: at.as_millisecond(),
            seen_ms: plus(at, SEEN).as_millisecond(),
        }),
        _ => None,
    });
    ended.collect()
}
