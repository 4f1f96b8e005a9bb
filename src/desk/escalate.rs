//! What time asks for: steps of running clocks, slots that opened, look-ups to try again. The scheduler only wakes this; what
//! is due stands in the database (`E1` to `E4`).

use super::gate::plus;
use super::intake::Incoming;
use super::publish::place_name;
use super::skew::WARNS;
use super::{Desk, rights};
use crate::chat::{ChatMessage, Ping, PingKind};
use crate::domain::IssueId;
use crate::domain::book::Book;
use crate::domain::escalation::Due;
use crate::domain::ticket::{Ticket, Told};
use crate::messages;
use crate::programme::{Ladder, LadderStep, on_call};
use crate::store::{Needs, Outgoing, Result, StoreError, Tx};
use futures_util::stream::{self, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// GitHub has this long to say which of the steps that are due are still true; then those that were not read go out as not confirmed,
/// however many they are (`E2`, `E3`).
const CONFIRM_WITHIN: Duration = Duration::from_secs(1);
/// Issues read at the same time, of all installations; GitHub takes a hundred requests at once.
const CONFIRM_AT_ONCE: usize = 64;
/// Tickets dealt with in one transaction.
const MOST_AT_ONCE: i64 = 500;
/// While one instance looks at tickets, no other does for this long: asking GitHub twice would help nobody.
const LOOK: SignedDuration = SignedDuration::from_secs(10);
/// What does not read back is looked at again after this.
pub(super) const ASIDE: SignedDuration = SignedDuration::from_mins(10);

/// Whether GitHub said that a ticket still stands as the desk knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confirmed {
    /// It was read just now.
    Yes,
    /// It could not be read.
    No,
}

impl Desk {
    /// Does everything that is due. Says how many tickets there were.
    ///
    /// # Errors
    /// The database fails; what is due stays due.
    pub async fn escalate(&self) -> Result<usize> {
        let mut done = 0;
        let mut silent = false;
        loop {
            let now = self.clock.now();
            let due = self.claim_due(now, false).await?;
            let stepping: Vec<_> = due.iter().filter(|ticket| ticket.has_step_due(now)).cloned().collect();
            // A GitHub that has told nothing in its time is not asked again before the next look.
            let unconfirmed = if silent { stepping.iter().map(|ticket| ticket.issue).collect() } else { self.confirm(&stepping).await };
            silent |= stepping.len() > 1 && unconfirmed.len() == stepping.len();
            self.wake_all(&due, &stepping, &unconfirmed, now).await?;
            done += due.len();
            if !is_full(&due) {
                return Ok(done);
            }
        }
    }

    /// Looks again at tickets of which it is not known whose they are, after asking GitHub for the ids that are missing (`W6`). Says how
    /// many tickets there were. No step waits for this.
    ///
    /// # Errors
    /// The database fails; what is due stays due.
    pub async fn check_again(&self) -> Result<usize> {
        let mut done = 0;
        loop {
            let now = self.clock.now();
            let due = self.claim_due(now, true).await?;
            if !due.is_empty() {
                self.look_up_members().await?;
                self.wake_all(&due, &[], &BTreeSet::new(), now).await?;
            }
            done += due.len();
            if !is_full(&due) {
                return Ok(done);
            }
        }
    }

    async fn claim_due(&self, now: Timestamp, checking: bool) -> Result<Vec<Ticket>> {
        let mut tx = self.store.read().await?;
        let any = tx.has_due_tickets(now, checking).await?;
        tx.rollback().await?;
        if !any {
            return Ok(Vec::new());
        }
        let mut tx = self.store.write().await?;
        let (due, unread) = tx.claim_due_tickets(now, now.saturating_add(LOOK).unwrap_or(now), checking, MOST_AT_ONCE).await?;
        for (issue, error) in unread {
            self.set_aside(&mut tx, issue, &error, now).await?;
        }
        tx.commit().await?;
        Ok(due)
    }

    /// Leaves a ticket's clock alone for a while of which something does not read back.
    async fn set_aside(&self, tx: &mut Tx, issue: IssueId, error: &StoreError, now: Timestamp) -> Result<()> {
        tx.look_later(issue, plus(now, ASIDE)).await?;
        self.tell_of_unread(tx, issue, error, now).await
    }

    /// Tells the operator of a ticket of which something does not read back, the first one of a day in every channel, all in the log.
    pub(super) async fn tell_of_unread(&self, tx: &mut Tx, issue: IssueId, error: &StoreError, now: Timestamp) -> Result<()> {
        let place = tx.place_of(issue).await?;
        let text = format!(
            "`{place}`: {error}. It stands still, all others go on, and it is looked at again every {} min. Run the release that wrote it, or take what is broken from a backup; the log names every such ticket.",
            ASIDE.as_mins()
        );
        self.warn(tx, &[(format!("unreadable:{}", now.strftime("%F")), text)], now).await
    }

    /// All of these together; where that fails, each by itself, so that one keeps nobody from being woken.
    async fn wake_all(&self, due: &[Ticket], stepping: &[Ticket], unconfirmed: &BTreeSet<IssueId>, now: Timestamp) -> Result<()> {
        match self.wake(due, stepping, unconfirmed, now).await {
            Err(error) if !error.is_everyones() => {
                tracing::warn!(%error, tickets = due.len(), "tickets that are due could not be dealt with together, and are one by one");
            }
            woken => return woken,
        }
        let mut failed = None;
        for ticket in due {
            let step: Vec<_> = stepping.iter().filter(|step| step.issue == ticket.issue).cloned().collect();
            match self.wake(std::slice::from_ref(ticket), &step, unconfirmed, now).await {
                Err(error) if error.is_of_one_record() => {
                    let mut tx = self.store.write().await?;
                    self.set_aside(&mut tx, ticket.issue, &error, now).await?;
                    tx.commit().await?;
                }
                Err(error) if error.is_everyones() => return Err(error),
                Err(error) => failed = failed.or(Some(error)),
                Ok(()) => {}
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn wake(&self, due: &[Ticket], stepping: &[Ticket], unconfirmed: &BTreeSet<IssueId>, now: Timestamp) -> Result<()> {
        if due.is_empty() {
            return Ok(());
        }
        let mut tx = self.store.write().await?;
        // GitHub was asked meanwhile, and the clock set back: what was due by it may not be.
        if now.duration_since(self.clock.now()) > WARNS {
            return tx.rollback().await;
        }
        let ids: BTreeSet<_> = due.iter().map(|ticket| ticket.issue).collect();
        let rights_since = rights::fresh_since(now);
        let needs = Needs { issues: ids.clone(), instants: [now].into(), rights_since, ..Needs::default() };
        let mut loaded = tx.load(needs, &|at| self.ledger_since(at)).await?;
        let rules = self.rules();
        let mut pings = Vec::new();
        let mut uncovered = BTreeMap::new();
        for id in &ids {
            for step in rules.wake(&mut loaded.book, *id, now) {
                uncovered.extend(self.uncovered(&step));
                let confirmed = if unconfirmed.contains(id) { Confirmed::No } else { Confirmed::Yes };
                pings.extend(self.pings(&loaded.book, *id, &step, confirmed, now));
            }
            // Its next instant has to be written even where nothing else changed.
            loaded.book.changes.tickets.insert(*id);
        }
        for ticket in stepping {
            note_if_untrue(&mut loaded.book, ticket, now);
        }
        let wakes = |ticket: &Ticket| rules.next_at(&loaded.book, ticket, now).map(|at| at.max(after(now)));
        tx.save(&loaded, &wakes, &|ticket| self.shows(ticket)).await?;
        self.renew_roots_of(&mut tx, &loaded.book, now).await?;
        if self.observes() {
            // Nothing piles up for the day on which the desk is told to act (O1).
            for ping in &pings {
                let ticket = ping.issue_id.and_then(|id| loaded.book.tickets.get(&IssueId(id))).map(place_name).unwrap_or_default();
                tracing::info!(%ticket, channel = %ping.channel, key = %ping.key, "observes: would ping");
            }
        } else {
            tx.send_later(&pings).await?;
        }
        let uncovered: Vec<_> = uncovered.into_iter().collect();
        self.warn(&mut tx, &uncovered, now).await?;
        tx.commit().await?;
        self.tell(&loaded.book);
        self.wakes.all();
        Ok(())
    }

    /// Reads tickets again from GitHub, takes in what the desk had not heard of, and asks who it was where that is not known (`E3`,
    /// `W3`), all of it within a second. Gives back those that could not be read, or told apart.
    pub(super) async fn confirm(&self, tickets: &[Ticket]) -> BTreeSet<IssueId> {
        let Some(github) = &self.github else { return BTreeSet::new() };
        let now = self.clock.now();
        let limit = tokio::time::sleep(CONFIRM_WITHIN);
        let mut limit = std::pin::pin!(limit);
        let mut by_installation: BTreeMap<_, Vec<Ticket>> = BTreeMap::new();
        for ticket in tickets {
            by_installation.entry(ticket.installation).or_default().push(ticket.clone());
        }
        // Each installation has its share, so that one that does not answer takes no time from the others.
        let share = (CONFIRM_AT_ONCE / by_installation.len().max(1)).max(1);
        let lanes = by_installation.into_values().map(|tickets| {
            let reads = stream::iter(tickets).map(move |ticket| {
                let github = github.clone();
                async move {
                    let asks = ticket.asks_to_look_at(now);
                    let read = github.news_of(&ticket, last_heard_of(&ticket), &asks).await;
                    (ticket, read)
                }
            });
            reads.buffer_unordered(share).boxed()
        });
        let mut reads = stream::select_all(lanes);
        let mut unread: BTreeSet<_> = tickets.iter().map(|ticket| ticket.issue).collect();
        let mut news = Vec::new();
        let untold = |ticket: &Ticket, why: &str| {
            tracing::warn!(ticket = %place_name(ticket), %why, "could not be read before its step");
        };
        loop {
            let (ticket, read) = tokio::select! {
                read = reads.next() => match read {
                    Some(read) => read,
                    None => break,
                },
                () = &mut limit => {
                    tracing::warn!(of = tickets.len(), unread = unread.len(), "GitHub did not say in time whether steps are still true");
                    break;
                }
            };
            match read {
                Ok(events) => {
                    news.extend(events.into_iter().map(Incoming::found));
                    unread.remove(&ticket.issue);
                }
                Err(error) => untold(&ticket, &error.to_string()),
            }
        }
        drop(reads);
        news.sort_by_key(|one: &Incoming| one.event().map(|event| event.at));
        if !news.is_empty() {
            for (one, outcome) in news.iter().zip(self.intake(&news).await) {
                if let Err(error) = outcome {
                    tracing::error!(%error, "what GitHub told before a step could not be saved");
                    unread.extend(one.event().map(|event| event.issue.id));
                }
            }
        }
        let read: BTreeSet<_> = tickets.iter().map(|ticket| ticket.issue).filter(|issue| !unread.contains(issue)).collect();
        match self.ask_before(&read, limit).await {
            Ok(unsure) => unread.extend(unsure),
            Err(error) => {
                tracing::error!(%error, "whose words stand on tickets before their steps could not be looked up");
                unread.extend(read);
            }
        }
        unread
    }

    /// One message a channel for a step (`E1`). The key is what makes it one (`E2`).
    fn pings(&self, book: &Book, id: IssueId, due: &Due, confirmed: Confirmed, now: Timestamp) -> Vec<Outgoing> {
        let Some(ticket) = book.tickets.get(&id) else { return Vec::new() };
        let message = ChatMessage::Ping(self.ping(book, ticket, due, confirmed, now));
        let Ok(body) = serde_json::to_string(&message) else { return Vec::new() };
        let channels = due.step.chat.clone().unwrap_or_else(|| self.policy.channels.clone());
        let outgoing = channels.into_iter().map(|channel| Outgoing {
            body: body.clone(),
            key: match due.firing.step {
                Ladder::START => format!("{id}:{}:new:{channel}", due.cycle),
                step => format!("{id}:{}:{step}:{}:{channel}", due.cycle, due.firing.occurrence),
            },
            channel,
            issue_id: Some(id.0),
            cycle: i64::from(due.cycle),
            at_ms: due.firing.at.as_millisecond(),
            created_ms: now.as_millisecond(),
            // Asked just now, with or without an answer: to ask again at once would only make it late.
            confirmed_ms: now.as_millisecond(),
        });
        outgoing.collect()
    }

    /// What the operator is told where a step asks for whoever is on call, and nobody is: once for each time without anybody (`E6`).
    fn uncovered(&self, due: &Due) -> Option<(String, String)> {
        let on_call = self.policy.on_call.as_ref().filter(|_| due.step.mention.iter().any(|name| name == on_call::WORD))?;
        let shift = on_call.shift(due.firing.at);
        if shift.person.is_some() {
            return None;
        }
        let until = shift.until.map_or_else(String::new, |until| format!(" until {}", messages::utc(until)));
        let instead = on_call.fallback.as_ref().map_or_else(
            || "and there is no `fallback`, so steps wake nobody".to_owned(),
            |fallback| format!("so steps wake `{fallback}` instead"),
        );
        let key = format!("nobody on call:{}", shift.from.map_or(0, Timestamp::as_millisecond));
        Some((key, format!("Nobody is on call{until}, {instead}. Change `[on_call]` (E6).")))
    }

    fn ping(&self, book: &Book, ticket: &Ticket, due: &Due, confirmed: Confirmed, now: Timestamp) -> Ping {
        let LadderStep { at, mention, repeat, times, .. } = &due.step;
        let new = due.firing.step == Ladder::START;
        let partner = ticket.partner().and_then(|id| book.partners.get(id)).map_or_else(String::new, |partner| partner.name.clone());
        let tier = ticket.tier().map(|id| self.programme.tier(id).map_or_else(|| id.to_string(), |tier| tier.name.clone()));
        Ping {
            kind: if new { PingKind::New } else { PingKind::Step },
            step: due.step.name().to_owned(),
            at: if new { String::new() } else { at.to_string() },
            occurrence: due.firing.occurrence,
            times: if repeat.is_some() { *times } else { 0 },
            late: due.late,
            unconfirmed: confirmed == Confirmed::No,
            partner,
            tier: tier.unwrap_or_default(),
            repository: ticket.repo_name.clone(),
            number: ticket.number,
            title: ticket.title.clone(),
            url: ticket.url.clone(),
            author: ticket.author.as_ref().map_or_else(|| "ghost".to_owned(), |author| author.login.clone()),
            started_at: due.start,
            due_at: due.due,
            now,
            mentions: mention.clone(),
            on_call: self.policy.on_call.as_ref().and_then(|on_call| on_call.asked(due.firing.at)).map(str::to_owned),
            advice: messages::advice(ticket, due.due <= now),
            held: false,
            acknowledge: None,
        }
    }
}

/// Whether there may be more that is due.
fn is_full(batch: &[Ticket]) -> bool {
    i64::try_from(batch.len()).unwrap_or(i64::MAX) >= MOST_AT_ONCE
}

/// A step that was due until GitHub was asked: why it is not said (`E3`).
fn note_if_untrue(book: &mut Book, before: &Ticket, now: Timestamp) {
    let ran = |ticket: &Ticket| ticket.cycles().last().filter(|cycle| cycle.is_running()).map(|cycle| cycle.number);
    let Some(after) = book.tickets.get(&before.issue) else { return };
    if ran(before) != ran(after) {
        book.note(before.issue, now, "E3", "a step fell due and is not said: GitHub, read just before, shows that it is no longer true");
    }
}

/// The last thing that the desk knows of a ticket's conversation.
fn last_heard_of(ticket: &Ticket) -> Timestamp {
    let comments = ticket.facts.iter().filter(|fact| matches!(fact.what, Told::Comment { .. })).map(|fact| fact.at);
    comments.max().unwrap_or(ticket.created_at)
}

/// A look that found nothing to do must not be repeated within the same instant.
fn after(now: Timestamp) -> Timestamp {
    now.saturating_add(SignedDuration::from_millis(1)).unwrap_or(now)
}
