//! Taking in what happened at GitHub: a batch of events in one transaction, all on disk before any is acknowledged (`R1`).

use super::{Desk, rights};
use crate::chat::{ChatMessage, Notice};
use crate::domain::book::Book;
use crate::domain::command::claim;
use crate::domain::decide::Taken;
use crate::domain::event::{Event, News, What};
use crate::domain::ticket::Ticket;
use crate::domain::{DeliveryId, IssueId};
use crate::store::{Loaded, Needs, Outgoing, Result, StoreError, Tx};
use jiff::Timestamp;

/// One piece of news, and the delivery that it came by; one that was found by asking has none.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// GitHub's name for the delivery.
    pub delivery: Option<DeliveryId>,
    /// What it says.
    pub news: News,
}

impl Incoming {
    /// Something that was found by asking.
    #[must_use]
    pub const fn found(event: Event) -> Self {
        Self { delivery: None, news: News::Ticket(event) }
    }

    const fn is_of_a_ticket(&self) -> bool {
        matches!(self.news, News::Ticket(_))
    }

    /// The event of a ticket that this is.
    #[must_use]
    pub const fn event(&self) -> Option<&Event> {
        match &self.news {
            News::Ticket(event) => Some(event),
            _ => None,
        }
    }

    pub(super) const fn event_mut(&mut self) -> Option<&mut Event> {
        match &mut self.news {
            News::Ticket(event) => Some(event),
            _ => None,
        }
    }
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It concerns this ticket.
    Ticket(IssueId),
    /// It concerns more than one ticket, or none, and was taken note of.
    Noted,
    /// It is not the desk's business, for this reason.
    Ignored(&'static str),
    /// This delivery was taken in before (`R1`).
    Repeated,
}

/// What became of an event, or that it may be lost again.
///
/// # Errors
/// It was not taken in, or not flushed.
pub fn on_disk(outcome: Result<Outcome>, flushed: &Result<()>) -> Result<Outcome> {
    match (outcome, flushed) {
        (Ok(_), Err(error)) => Err(StoreError::Away(error.to_string())),
        (outcome, _) => outcome,
    }
}

/// A decision that was made but not saved: what `receive` shows.
#[derive(Debug)]
pub struct Preview {
    /// What became of the event.
    pub outcome: Outcome,
    /// Partners, tickets and ledger as they would be.
    pub book: Book,
}

impl Desk {
    /// Takes in a batch. A delivery that fails is rolled back alone; its error stands in its place. What was taken in is on the disk.
    pub async fn intake(&self, batch: &[Incoming]) -> Vec<Result<Outcome>> {
        let (outcomes, books) = self.take(batch, false).await;
        for book in &books {
            self.tell(book);
        }
        if !outcomes.iter().any(|outcome| matches!(outcome, Ok(Outcome::Repeated))) {
            return outcomes;
        }
        // It was taken in before, perhaps so shortly before that it is not on the disk; and nothing was written now that would bring it there.
        let flushed = self.store.flush().await;
        outcomes.into_iter().map(|outcome| on_disk(outcome, &flushed)).collect()
    }

    /// The same before it is on the disk: nobody is told of it until [`Store::flush`](crate::store::Store::flush), and then [`on_disk`]
    /// says what to tell. Nor is it logged: that is [`Desk::tell`]'s, with each of the books.
    pub async fn intake_unflushed(&self, batch: &[Incoming]) -> (Vec<Result<Outcome>>, Vec<Book>) {
        self.take(batch, true).await
    }

    async fn take(&self, batch: &[Incoming], unflushed: bool) -> (Vec<Result<Outcome>>, Vec<Book>) {
        let (mut outcomes, mut books) = (Vec::with_capacity(batch.len()), Vec::new());
        // What concerns more than one ticket has a transaction of its own, in its place among the others.
        for part in batch.chunk_by(|a, b| a.is_of_a_ticket() && b.is_of_a_ticket()) {
            match part {
                [Incoming { delivery, news }] if !matches!(news, News::Ticket(_)) => {
                    outcomes.push(self.take_wide(delivery.as_ref(), news).await);
                }
                part => outcomes.extend(self.take_tickets(part, unflushed, &mut books).await),
            }
        }
        (outcomes, books)
    }

    async fn take_wide(&self, delivery: Option<&DeliveryId>, news: &News) -> Result<Outcome> {
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        if let Some(id) = delivery
            && !tx.note_delivery(id, now).await?
        {
            tx.rollback().await?;
            return Ok(Outcome::Repeated);
        }
        let outcome = match news {
            News::Ticket(_) => Outcome::Ignored("an event of a ticket"),
            News::Place(event) => {
                self.forget_rights_at(&mut tx, event).await?;
                self.take_place(&mut tx, event, now).await?
            }
            News::Rights(event) => self.take_rights(&mut tx, event).await?,
            News::Label(event) => self.take_label(&mut tx, event, now).await?,
        };
        tx.commit().await?;
        self.wakes.all();
        Ok(outcome)
    }

    async fn take_tickets(&self, batch: &[Incoming], unflushed: bool, books: &mut Vec<Book>) -> Vec<Result<Outcome>> {
        let now = self.clock.now();
        match self.take_together(batch, now, unflushed).await {
            Ok((outcomes, book)) => {
                books.push(book);
                outcomes.into_iter().map(Ok).collect()
            }
            Err(error) if batch.len() == 1 => vec![Err(error)],
            // Each would only wait as long for the same answer.
            Err(error) if error.is_everyones() => batch.iter().map(|_| Err(StoreError::Away(error.to_string()))).collect(),
            Err(error) => {
                tracing::warn!(%error, deliveries = batch.len(), "a batch failed and is taken in one by one");
                let mut outcomes = Vec::with_capacity(batch.len());
                for one in batch {
                    let outcome = self.take_together(std::slice::from_ref(one), now, unflushed).await;
                    outcomes.push(outcome.map(|(mut outcomes, book)| {
                        books.push(book);
                        outcomes.pop().unwrap_or(Outcome::Repeated)
                    }));
                }
                outcomes
            }
        }
    }

    /// Decides about one event at its own time, and forgets it again.
    ///
    /// # Errors
    /// The database fails.
    pub async fn preview(&self, event: &Event) -> Result<Preview> {
        let now = event.at;
        let mut tx = self.store.write().await?;
        // The agents are those of this configuration, as `serve` would make them; the transaction forgets it again.
        if !self.agents.is_empty() {
            self.set_agents(&mut tx).await?;
        }
        let found = [Incoming::found(event.clone())];
        let batch = self.in_our_words(&mut tx, &found).await?;
        let (mut outcomes, loaded) = self.decide(&mut tx, &batch, now).await?;
        tx.rollback().await?;
        Ok(Preview { outcome: outcomes.pop().unwrap_or(Outcome::Repeated), book: loaded.book })
    }

    /// Takes in one event as of its own time: a saved payload, replayed.
    ///
    /// # Errors
    /// The database fails.
    pub async fn replay(&self, event: &Event) -> Result<()> {
        if !self.agents.is_empty() {
            self.settle_agents().await?;
        }
        self.tell(&self.take_together(&[Incoming::found(event.clone())], event.at, false).await?.1);
        Ok(())
    }

    async fn take_together(&self, batch: &[Incoming], now: Timestamp, unflushed: bool) -> Result<(Vec<Outcome>, Book)> {
        let mut tx = if unflushed { self.store.write_unflushed().await? } else { self.store.write().await? };
        let batch = self.in_our_words(&mut tx, batch).await?;
        let (outcomes, mut loaded) = self.decide(&mut tx, &batch, now).await?;
        let undone = self.take_hands(&mut tx, &mut loaded.book, &batch, &outcomes, now).await?;
        let changed = undone || !loaded.book.changes.tickets.is_empty();
        let rules = self.rules();
        let wakes = |ticket: &Ticket| rules.next_at(&loaded.book, ticket, now);
        tx.save(&loaded, &wakes, &|ticket| self.shows(ticket)).await?;
        let moved = tx.save_places(&loaded).await?;
        self.keep_up_with(&mut tx, &moved, now).await?;
        self.warn(&mut tx, &loaded.book.changes.notices, now).await?;
        self.notice_wrong(&mut tx, &loaded.book, now).await?;
        tx.commit().await?;
        if changed || !moved.repos.is_empty() {
            self.wakes.all();
        }
        Ok((outcomes, loaded.book))
    }

    /// Puts warnings to those who run the desk into every channel's outbox, each key once (`E1`).
    pub(super) async fn warn(&self, tx: &mut Tx, notices: &[(String, String)], now: Timestamp) -> Result<()> {
        self.warn_in(tx, &self.policy.channels, notices, now).await
    }

    /// The same in these channels.
    pub(super) async fn warn_in(&self, tx: &mut Tx, channels: &[String], notices: &[(String, String)], now: Timestamp) -> Result<()> {
        for (key, text) in notices {
            tracing::warn!(%key, "{text}");
            for channel in channels {
                self.tell_later(tx, channel, key, &ChatMessage::Notice(Notice { text: text.clone() }), now).await?;
            }
        }
        Ok(())
    }

    /// Puts a message that is about no single ticket into a channel's outbox, once.
    pub(super) async fn tell_later(&self, tx: &mut Tx, channel: &str, key: &str, message: &ChatMessage, now: Timestamp) -> Result<()> {
        let Ok(body) = serde_json::to_string(message) else { return Ok(()) };
        if self.observes() {
            return Ok(());
        }
        let outgoing = Outgoing {
            key: format!("{key}:{channel}"),
            channel: channel.to_owned(),
            issue_id: None,
            cycle: 0,
            body,
            at_ms: now.as_millisecond(),
            created_ms: now.as_millisecond(),
            confirmed_ms: now.as_millisecond(),
        };
        tx.send_later(&[outgoing]).await
    }

    async fn decide(&self, tx: &mut Tx, batch: &[Incoming], now: Timestamp) -> Result<(Vec<Outcome>, Loaded)> {
        let deliveries = batch.iter().filter_map(|one| one.delivery.clone()).collect();
        let mut needs = Needs { rights_since: rights::fresh_since(now), deliveries, received_at: now, ..Needs::default() };
        for event in batch.iter().filter_map(Incoming::event) {
            needs.of(event);
        }
        let mut loaded = tx.load(needs, &|at| self.ledger_since(at)).await?;
        let mut fresh = loaded.fresh.clone();
        for event in batch.iter().filter_map(Incoming::event) {
            if let What::Moved(moved) = &event.what
                && loaded.book.first_seen.contains_key(&moved.repo.id)
                && self.watches(&moved.repo.full_name, loaded.book.places.get(&moved.repo.id))
            {
                loaded.book.covered.insert(moved.repo.id);
            }
        }
        let rules = self.rules();
        let down = self.was_down();
        let mut outcomes = Vec::with_capacity(batch.len());
        for one in batch {
            let Some(event) = one.event() else { continue };
            let known = loaded.book.ticket_of(event.issue.id);
            let before = loaded.book.tickets.get(&known).map(|ticket| ticket.facts.len());
            if one.delivery.as_ref().is_some_and(|id| !fresh.remove(id)) {
                outcomes.push(Outcome::Repeated);
            } else if !self.watches(&event.repo.full_name, loaded.book.places.get(&event.repo.id)) {
                outcomes.push(Outcome::Ignored("the repository is not among `repositories`"));
            } else {
                outcomes.push(match rules.take(&mut loaded.book, event, now) {
                    Taken::Ticket(issue) => {
                        let after = loaded.book.tickets.get(&issue).map(|ticket| ticket.facts.len());
                        if after > before && down.is_some_and(|(from, until)| from <= event.at && event.at < until) {
                            loaded.book.note(issue, event.at, "R5", "heard of when the desk was back");
                        }
                        Outcome::Ticket(issue)
                    }
                    Taken::Ignored(why) => Outcome::Ignored(why),
                });
            }
        }
        Ok((outcomes, loaded))
    }
}

impl Needs {
    fn of(&mut self, event: &Event) {
        self.issues.insert(event.issue.id);
        self.repos.insert(event.repo.id);
        for person in event.actor.iter().chain(&event.issue.author) {
            self.people.insert(person.id, person.login.clone());
        }
        self.claims.extend(event.issue.claim.clone());
        if let What::Commented(comment) = &event.what {
            self.claims.extend(claim(&comment.commands).map(str::to_owned));
        }
        match &event.what {
            What::Moved(moved) => {
                self.issues.insert(moved.issue.id);
                self.repos.insert(moved.repo.id);
            }
            What::MovedHere { from } => {
                self.issues.insert(*from);
            }
            _ => {}
        }
        self.instants.insert(event.issue.created_at.min(event.at));
    }
}
