//! One thread a ticket in each channel that a bot speaks in (`E8`): later messages about a ticket hang on the first, and that is written
//! anew when something has come of the ticket.
//!
//! Level, not edge: what the first message shows is kept beside the thread, and wherever a ticket changes, or something was said of it, the
//! two are compared. Where they differ, a row in the outbox has it written anew; what it then says is made from the ticket as it is by then.

use super::Desk;
use super::publish::place_name;
use super::speak::{Claim, Tried, void};
use crate::chat::{Posted, Renewed, Root, RootState};
use crate::domain::IssueId;
use crate::domain::book::Book;
use crate::domain::escalation::has_repeats_ahead;
use crate::domain::response::{Cycle, Outcome, State};
use crate::domain::ticket::Ticket;
use crate::store::{Fate, PendingPing, Result, Thread, Tx};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// What sending or writing anew told of a thread, to be recorded with what became of the message.
pub(super) enum News {
    /// This is what the ticket's thread hangs on from now on.
    Begun(Thread),
    /// The message that it hangs on shows this.
    Shows(Thread),
    /// The message that it hung on is gone.
    Gone(Thread),
}

impl Desk {
    /// Has the first messages about these tickets written anew where they show something else than is so.
    pub(super) async fn renew_roots_of(&self, tx: &mut Tx, book: &Book, now: Timestamp) -> Result<()> {
        if !self.chat.has_bots() {
            return Ok(());
        }
        // Of a ticket that time has not asked for yet nothing was said.
        let spoken_of = |ticket: &&Ticket| ticket.stepped.is_some() || !ticket.past.is_empty();
        let tickets: Vec<_> = book.changes.tickets.iter().filter_map(|id| book.tickets.get(id)).filter(spoken_of).collect();
        self.renew_roots(tx, &tickets, now).await
    }

    async fn renew_roots(&self, tx: &mut Tx, tickets: &[&Ticket], now: Timestamp) -> Result<()> {
        let ids: Vec<_> = tickets.iter().map(|ticket| ticket.issue).collect();
        let mut stale = tx.threads(&ids).await?;
        stale.retain(|thread| {
            let ticket = tickets.iter().find(|ticket| ticket.issue.0 == thread.issue_id);
            self.is_here(thread) && ticket.is_some_and(|ticket| standing(ticket, now).1 != thread.shown)
        });
        if self.observes() {
            return Ok(());
        }
        tx.renew_roots(&stale, now).await
    }

    /// Whether a thread is where the desk speaks now: another channel may have been configured since.
    fn is_here(&self, thread: &Thread) -> bool {
        self.chat.place(&thread.channel) == Some(&thread.place)
    }

    /// The thread of a ticket in a channel, if a bot speaks there and has spoken of it.
    pub(super) async fn thread_of(&self, issue: IssueId, channel: &str) -> Result<Option<Thread>> {
        if self.chat.place(channel).is_none() {
            return Ok(None);
        }
        let mut tx = self.store.read().await?;
        let thread = tx.thread(issue, channel).await?;
        tx.rollback().await?;
        Ok(thread.filter(|thread| self.is_here(thread)))
    }

    /// What a message that was sent tells of its ticket's thread.
    pub(super) fn news_of(&self, posted: Posted, thread: Option<Thread>, ticket: Option<&Ticket>, channel: &str) -> Option<News> {
        let now = self.clock.now();
        match (posted, ticket, self.chat.place(channel)) {
            (Posted::Root(root), Some(ticket), Some(place)) => Some(News::Begun(Thread {
                issue_id: ticket.issue.0,
                channel: channel.to_owned(),
                place: place.to_owned(),
                root,
                shown: as_a_ping_shows(ticket, now),
                said_ms: now.as_millisecond(),
            })),
            (Posted::RootGone, ..) => thread.map(News::Gone),
            _ => thread.map(|thread| News::Shows(Thread { said_ms: now.as_millisecond(), ..thread })),
        }
    }

    /// Records what was learnt of threads, and has roots written anew that show something else by now than is so.
    pub(super) async fn record_news(&self, tx: &mut Tx, news: &[News], now: Timestamp) -> Result<()> {
        let mut issues = BTreeSet::new();
        for one in news {
            let (News::Begun(thread) | News::Shows(thread) | News::Gone(thread)) = one;
            issues.insert(IssueId(thread.issue_id));
            match one {
                News::Begun(thread) => tx.put_thread(thread).await?,
                News::Shows(thread) => {
                    // Another may have begun a new one meanwhile.
                    let known = tx.thread(IssueId(thread.issue_id), &thread.channel).await?;
                    if known.is_some_and(|known| known.root == thread.root) {
                        tx.put_thread(thread).await?;
                    }
                }
                News::Gone(thread) => tx.forget_thread(IssueId(thread.issue_id), &thread.channel, &thread.root).await?,
            }
        }
        if issues.is_empty() {
            return Ok(());
        }
        let tickets = tx.tickets(&issues.into_iter().collect::<Vec<_>>()).await?;
        self.renew_roots(tx, &tickets.iter().collect::<Vec<_>>(), now).await
    }

    /// Writes the message that a ticket's thread hangs on anew. It may be done twice, so a try whose fate is unknown is simply repeated.
    pub(super) async fn renew(&self, channel: &str, issue: IssueId, mut claim: Claim) -> Result<Tried> {
        let mut tried = Tried::default();
        let Some(row) = claim.pings.first().cloned() else { return Ok(tried) };
        let Some(thread) = self.thread_of(issue, channel).await? else {
            tried.fates.push(void(&row, "there is no thread in this channel"));
            return Ok(tried);
        };
        let now = self.clock.now();
        let mut tx = self.store.read().await?;
        // One that does not read back leaves the message as it is, and holds up no other.
        let ticket = tx.tickets(&[issue]).await?.pop();
        let names = self.names_of(&mut tx, ticket.as_slice()).await?;
        tx.rollback().await?;
        let Some(ticket) = ticket else {
            tried.fates.push(void(&row, "its ticket is gone, or does not read back"));
            return Ok(tried);
        };
        let shown = standing(&ticket, now).1;
        if shown == thread.shown {
            tried.fates.push(void(&row, "it shows that already"));
            return Ok(tried);
        }
        if !self.still_holds(&mut claim).await? {
            return Ok(tried);
        }
        let partner = names.get(&issue).map(|name| name.partner.clone()).unwrap_or_default();
        let root = self.root(&ticket, partner, channel, now);
        let shows = Thread { shown, said_ms: now.as_millisecond(), ..thread.clone() };
        let place = place_name(&ticket);
        match self.chat.renew(channel, &thread.root, &root, now).await {
            Ok(Renewed::Done) => {
                tracing::info!(ticket = %place, %channel, shows = %root.headline(), "wrote the thread's first message anew");
                tried.taken = true;
                tried.fates.push(done(&row, channel));
                tried.news.push(News::Shows(shows));
            }
            Ok(Renewed::Fixed(why)) => {
                tracing::info!(ticket = %place, %channel, %why, "the thread's first message stays as it is");
                tried.fates.push(void(&row, &why));
                tried.news.push(News::Shows(shows));
            }
            Ok(Renewed::Gone(why)) => {
                tracing::info!(ticket = %place, %channel, %why, "the thread's first message is gone: the next one begins another");
                tried.fates.push(void(&row, &why));
                tried.news.push(News::Gone(thread));
            }
            Err(error) => tried.failed = Some((vec![row], place, error)),
        }
        Ok(tried)
    }

    fn root(&self, ticket: &Ticket, partner: String, channel: &str, now: Timestamp) -> Root {
        let cycle = ticket.cycles().pop();
        let tier = ticket.tier().map(|id| self.programme.tier(id).map_or_else(|| id.to_string(), |tier| tier.name.clone()));
        let running = cycle.as_ref().filter(|cycle| cycle.is_running() && has_repeats_ahead(cycle, now));
        let links = self.links.as_ref().zip(running);
        Root {
            state: standing(ticket, now).0,
            overdue: cycle.as_ref().and_then(Cycle::due_known).is_some_and(|due| due <= now),
            ended: cycle.as_ref().and_then(|cycle| match &cycle.state {
                State::Ended { at, by, .. } => Some((by.as_ref().map(|by| by.login.clone()), *at)),
                State::Running => None,
            }),
            partner,
            tier: tier.unwrap_or_default(),
            repository: ticket.repo_name.clone(),
            number: ticket.number,
            title: ticket.title.clone(),
            url: ticket.url.clone(),
            author: ticket.author.as_ref().map_or_else(|| "ghost".to_owned(), |author| author.login.clone()),
            due_at: cycle.as_ref().map(|cycle| cycle.due_known().unwrap_or(cycle.due)),
            acknowledge: links.map(|(links, cycle)| links.to(ticket.issue, cycle.number, channel, now)),
        }
    }
}

fn done(row: &PendingPing, channel: &str) -> Fate {
    Fate { key: row.key.clone(), state: "sent", sent_in: Some(channel.to_owned()), note: String::new() }
}

/// How it stands with a ticket, and what tells this standing from every other that would be written otherwise. No name is in it.
fn standing(ticket: &Ticket, now: Timestamp) -> (RootState, String) {
    let Some(cycle) = ticket.cycles().pop() else { return (RootState::Over, "over".to_owned()) };
    let number = cycle.number;
    if let State::Ended { at, outcome, .. } = &cycle.state {
        let (state, word) = match outcome {
            Outcome::Met => (RootState::Met, "met"),
            Outcome::Late => (RootState::Late, "late"),
            Outcome::Settled => (RootState::Settled, "settled"),
            Outcome::ClosedUnanswered | Outcome::Cancelled => (RootState::Closed, "closed"),
            Outcome::ClosedLate => (RootState::ClosedLate, "closed late"),
            Outcome::Gone => (RootState::Gone, "gone"),
            Outcome::LeftCoverage => (RootState::Left, "left"),
        };
        return (state, format!("{number} {word} {}", at.as_millisecond()));
    }
    if cycle.paused.is_some() {
        return (RootState::Paused, format!("{number} paused"));
    }
    match cycle.silenced(now) {
        None => (RootState::Waits, as_a_ping_shows(ticket, now)),
        Some(until) => {
            let shown = as_a_ping_shows(ticket, now);
            let until_ms = until.map_or_else(|| "for good".to_owned(), |until| until.as_millisecond().to_string());
            (RootState::Acknowledged(until), format!("{shown} acknowledged {until_ms}"))
        }
    }
}

/// What a ping shows of a running clock: that it waits, since when it is overdue, and when it is due.
fn as_a_ping_shows(ticket: &Ticket, now: Timestamp) -> String {
    let Some(cycle) = ticket.cycles().pop() else { return String::new() };
    let due = cycle.due_known().unwrap_or(cycle.due);
    format!("{} {} {}", cycle.number, if due <= now { "overdue" } else { "waits" }, due.as_millisecond())
}
