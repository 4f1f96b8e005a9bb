//! The daily digest and the weekly summary (`E6`): what is open, and how it went. Each is said once for its hour, whatever restarts and
//! however many instances: its key in the outbox is its hour.

use super::Desk;
use crate::chat::{ChatMessage, Named, Report, ReportedTicket, TierCount};
use crate::domain::IssueId;
use crate::domain::response::{Outcome, State};
use crate::domain::ticket::{Standing, Ticket};
use crate::programme::TierId;
use crate::store::Result;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};

/// Where the desk was down at the hour, it is said this much later at most; after that the next one comes.
const LATEST: SignedDuration = SignedDuration::from_hours(6);
/// An hour that passed longer ago passed while the desk was down.
const ON_TIME: SignedDuration = SignedDuration::from_mins(2);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Tickets read at a time.
const MOST_AT_ONCE: i64 = 500;

/// The hours of which this instance knows that they were dealt with, in epoch milliseconds.
#[derive(Debug, Default)]
pub struct Summed {
    daily: AtomicI64,
    weekly: AtomicI64,
}

impl Desk {
    /// Sums up what is due to be summed up. Says how many reports there were.
    ///
    /// # Errors
    /// The database fails; it is tried again.
    pub async fn sum_up(&self) -> Result<usize> {
        let now = self.clock.now();
        let mut told = 0;
        if let Some(daily) = &self.policy.daily_digest {
            let at = daily.at.last(daily.zone.rules(), now);
            told += self.report(&self.summed.daily, (at, DAY), false, daily.chat.as_ref()).await?;
        }
        if let Some(weekly) = &self.policy.weekly_summary {
            let at = weekly.at.last(weekly.zone.rules(), now);
            told += self.report(&self.summed.weekly, (at, WEEK), true, weekly.chat.as_ref()).await?;
        }
        Ok(told)
    }

    async fn report(
        &self,
        done: &AtomicI64,
        (at, over): (Timestamp, SignedDuration),
        weekly: bool,
        chat: Option<&Vec<String>>,
    ) -> Result<usize> {
        let now = self.clock.now();
        let channels = chat.unwrap_or(&self.policy.channels);
        if now.duration_since(at) > LATEST || done.load(Ordering::Relaxed) == at.as_millisecond() {
            return Ok(0);
        }
        let key = format!("{}:{}", if weekly { "week" } else { "day" }, at.as_millisecond());
        let mut tx = self.store.read().await?;
        let mut said = true;
        for channel in channels {
            said &= tx.has_message(&format!("{key}:{channel}")).await?;
        }
        tx.rollback().await?;
        if !said {
            let from = at.saturating_sub(over).unwrap_or(at);
            let report = self.survey(from, at, weekly).await?;
            // Nothing to tell is told at its hour, and not when the desk comes up after it, for the first time perhaps.
            said = report == (Report { weekly, from, until: at, ..Report::default() }) && now.duration_since(at) > ON_TIME;
            if !said {
                let message = ChatMessage::Report(report);
                let mut tx = self.store.write().await?;
                for channel in channels {
                    self.tell_later(&mut tx, channel, &key, &message, now).await?;
                }
                tx.commit().await?;
                self.wakes.speak.notify_one();
            }
        }
        done.store(at.as_millisecond(), Ordering::Relaxed);
        Ok(usize::from(!said))
    }

    /// What all tickets tell of the time from `from` to `until`, and of now.
    async fn survey(&self, from: Timestamp, until: Timestamp, weekly: bool) -> Result<Report> {
        let mut report = Report { weekly, from, until, ..Report::default() };
        let mut tiers: BTreeMap<TierId, (u32, u32)> = BTreeMap::new();
        let mut open = Vec::new();
        let mut after = IssueId(i64::MIN);
        loop {
            let mut tx = self.store.read().await?;
            let tickets = tx.tickets_after(after, MOST_AT_ONCE).await?;
            tx.rollback().await?;
            let Some(last) = tickets.last().map(|ticket| ticket.issue) else { break };
            for ticket in &tickets {
                if count(ticket, (from, until), &mut report, &mut tiers) {
                    open.push(ticket.clone());
                }
            }
            after = last;
            // Deliveries that came meanwhile go first.
            tokio::task::yield_now().await;
        }
        let mut tx = self.store.read().await?;
        let names = self.names_of(&mut tx, &open).await?;
        tx.rollback().await?;
        for ticket in &open {
            let (Some(cycle), Some(name)) = (ticket.running(), names.get(&ticket.issue)) else { continue };
            let reported = ReportedTicket { ticket: Named::clone(name), due_at: cycle.due };
            match cycle.due_known() {
                Some(due) if due <= until => report.overdue.push(reported),
                Some(due) if due.duration_since(until) <= DAY => report.due_soon.push(reported),
                _ => report.later += 1,
            }
        }
        report.overdue.sort_by_key(|ticket| ticket.due_at);
        report.due_soon.sort_by_key(|ticket| ticket.due_at);
        // The highest tier first.
        for tier in self.programme.tiers.iter().rev() {
            if let Some((met, breached)) = tiers.remove(&tier.id) {
                report.tiers.push(TierCount { tier: tier.name.clone(), met, breached });
            }
        }
        report.tiers.extend(tiers.into_iter().map(|(tier, (met, breached))| TierCount { tier: tier.0, met, breached }));
        Ok(report)
    }
}

/// Counts a ticket by the due dates of its clocks (`P1`). Says whether one of them runs.
fn count(ticket: &Ticket, (from, until): (Timestamp, Timestamp), report: &mut Report, tiers: &mut BTreeMap<TierId, (u32, u32)>) -> bool {
    let within = |at: Timestamp| from <= at && at < until;
    match &ticket.standing {
        Standing::Waiting(_) => report.waiting += 1,
        Standing::Admitted(_) => {}
        _ => return false,
    }
    report.opened += u32::from(within(ticket.created_at));
    let mut runs = false;
    for cycle in ticket.cycles() {
        let tier = tiers.entry(cycle.named.0.clone()).or_default();
        let is_due = within(cycle.due);
        match &cycle.state {
            State::Running => {
                runs = true;
                // What stands still has no due time.
                tier.1 += u32::from(is_due && cycle.due_known().is_some());
            }
            State::Ended { at, outcome, .. } => {
                let answered = matches!(outcome, Outcome::Met | Outcome::Late);
                report.answered += u32::from(answered && within(*at));
                report.late += u32::from(*outcome == Outcome::Late && within(*at));
                tier.0 += u32::from(is_due && matches!(outcome, Outcome::Met | Outcome::Settled));
                tier.1 += u32::from(is_due && outcome.is_breach());
            }
        }
    }
    tiers.retain(|_, (met, breached)| *met + *breached > 0);
    runs
}
