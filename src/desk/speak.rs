//! Sending what stands in the outbox: each channel in its own order, nothing that is no longer true, and by its fallback where a
//! channel does not answer (`E2`, `E3`, `E4`, `E7`).
//!
//! Messages are held while they are sent, so that of several instances one sends. How it stands with a channel that fails is kept in
//! the database and counts for all of them.

use super::Desk;
use super::publish::place_name;
use super::threads::News;
use crate::chat::{ChatMessage, Digest, Message, Ping, Posted, SendError, TIMEOUT};
use crate::domain::IssueId;
use crate::domain::escalation::has_repeats_ahead;
use crate::domain::ticket::Ticket;
use crate::messages;
use crate::programme::on_call;
use crate::store::{ChannelState, Fate, PendingPing, Result, Tx};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use tracing::Instrument as _;

/// Nobody else sends a message while its sender holds it for this long: more than sending takes, and little enough that another
/// instance goes on within 15 s when its sender is gone.
const LEASE: SignedDuration = SignedDuration::from_secs(12);
/// What was confirmed this recently is sent without asking again.
const FRESH: SignedDuration = SignedDuration::from_secs(5);
/// What is not sent this long after its instant is late: later steps overtake it, and many such become a digest (`E4`).
const LATE: SignedDuration = SignedDuration::from_secs(60);
/// Late messages about more tickets than this become one.
const A_HANDFUL: usize = 5;
/// More messages than this that wait at once become one, however new they are.
const A_STORM: usize = 20;
/// Messages in one digest.
const MOST_IN_A_DIGEST: i64 = 500;
/// As many are looked through for what overtakes what.
const MOST_LOOKED_AT: i64 = 2000;
/// A channel that has not answered for this long is spoken for by its fallback (`E7`).
pub const PATIENCE: SignedDuration = SignedDuration::from_mins(10);
/// The longest between two tries.
const LONGEST_BACK_OFF: i64 = 300;

/// What this sender holds.
pub(super) struct Claim {
    pub(super) pings: Vec<PendingPing>,
    /// Under which name they are one message.
    digest: Option<String>,
    until: Timestamp,
}

/// What became of it.
#[derive(Default)]
pub(super) struct Tried {
    pub(super) fates: Vec<Fate>,
    /// What was not taken, which ticket it is about if about one alone, and why.
    pub(super) failed: Option<(Vec<PendingPing>, String, SendError)>,
    /// Whether the channel took something.
    pub(super) taken: bool,
    /// What it told of threads (`E8`).
    pub(super) news: Vec<News>,
    /// What had no room in a digest, and the digest that says it next (`E4`).
    later: Option<(Vec<PendingPing>, String)>,
}

/// Tickets that messages are about; `None`: it does not read back.
type Known = BTreeMap<IssueId, Option<Ticket>>;

/// Messages that are sent as one, and those of the same claim that are not.
struct Together {
    what: ChatMessage,
    pings: Vec<PendingPing>,
    later: Vec<PendingPing>,
}

/// How it stands with the channels at an instant.
struct Channels<'a> {
    desk: &'a Desk,
    failing: BTreeMap<String, ChannelState>,
    now: Timestamp,
}

impl Channels<'_> {
    fn is_open(&self, channel: &str) -> bool {
        self.failing.get(channel).is_none_or(|state| state.open <= self.now)
    }

    /// Whether a channel is to be spoken for by another: it refuses, or has not answered for a while.
    fn is_out(&self, channel: &str) -> bool {
        let out = |state: &ChannelState| state.refused || self.now.duration_since(state.since) >= PATIENCE;
        self.failing.get(channel).is_some_and(out)
    }

    /// Who speaks for a channel until it is tried again; `None`: nobody else.
    fn speaker(&self, channel: &str) -> Option<&str> {
        let mut last = None;
        let mut at = channel;
        while self.is_out(at) && !self.is_open(at) {
            let Some(next) = self.desk.chat.fallback(at) else { break };
            (last, at) = (Some(next), next);
        }
        last
    }
}

impl Desk {
    /// Sends what can be sent now, channels beside each other.
    ///
    /// # Errors
    /// The database fails.
    pub async fn speak(&self) -> Result<()> {
        loop {
            let lanes = self.lanes().await?;
            let mut sent = 0;
            for result in join_all(lanes.iter().map(|channel| self.speak_in(channel, || false))).await {
                sent += result?;
            }
            // A channel that failed may be spoken for by another now.
            if sent == 0 {
                return Ok(());
            }
        }
    }

    /// The channels in which there may be something to say now.
    ///
    /// # Errors
    /// The database fails.
    pub async fn lanes(&self) -> Result<BTreeSet<String>> {
        if self.observes() {
            return Ok(BTreeSet::new());
        }
        let mut tx = self.store.read().await?;
        let channels = self.channels(&mut tx).await?;
        let busy = tx.busy_channels(channels.now, self.clock_is_wrong(), self.policy.held(channels.now)).await?;
        tx.rollback().await?;
        let speakers = busy.iter().map(|channel| channels.speaker(channel).unwrap_or(channel));
        Ok(speakers.filter(|channel| channels.is_open(channel)).map(str::to_owned).collect())
    }

    async fn channels(&self, tx: &mut Tx) -> Result<Channels<'_>> {
        Ok(Channels { desk: self, failing: tx.failing_channels().await?, now: self.clock.now() })
    }

    /// Sends what can be sent in one channel, until nothing is left, the channel fails or `stop` says so. Says how many messages there
    /// were.
    ///
    /// # Errors
    /// The database fails.
    pub async fn speak_in(&self, channel: &str, stop: impl Fn() -> bool) -> Result<usize> {
        let mut count = 0;
        let mut tx = self.store.write().await?;
        loop {
            let claim = if stop() { None } else { self.claim_messages(&mut tx, channel).await? };
            tx.commit().await?;
            let Some(claim) = claim else { return Ok(count) };
            count += claim.pings.len();
            let span = tracing::info_span!(target: "otel", "send", channel, messages = claim.pings.len());
            let tried = self.send(channel, claim).instrument(span).await?;
            tx = self.store.write().await?;
            if self.record_fates(&mut tx, channel, tried).await? {
                tx.commit().await?;
                return Ok(count);
            }
        }
    }

    /// Takes the oldest message of a channel, or of those that it speaks for, if its time has come and nobody else holds it; with it all
    /// that are to be said together.
    async fn claim_messages(&self, tx: &mut Tx, channel: &str) -> Result<Option<Claim>> {
        let channels = self.channels(tx).await?;
        let now = channels.now;
        if !channels.is_open(channel) {
            return Ok(None);
        }
        let quiet = self.policy.held(now);
        let busy = tx.busy_channels(now, self.clock_is_wrong(), quiet).await?;
        let others: Vec<_> = busy.into_iter().filter(|other| other != channel && channels.speaker(other) == Some(channel)).collect();
        let mut all = others.clone();
        all.push(channel.to_owned());
        let Some(mut first) = self.first(tx, channel, &others, now).await? else { return Ok(None) };
        if first.leased_until > now {
            // The channel's next word is being said elsewhere.
            return Ok(None);
        }
        let until = now.saturating_add(LEASE).unwrap_or(now);
        let late = now.saturating_sub(LATE).unwrap_or(now);
        if first.issue.is_some() && first.at <= late && self.let_go(tx, channel, (&all, late), now).await? {
            // What was first may have been overtaken.
            let Some(next) = self.first(tx, channel, &others, now).await?.filter(|next| next.leased_until <= now) else { return Ok(None) };
            first = next;
        }
        let former = first.digest.take();
        let (own, others_digest): (Option<String>, Option<String>) = match former {
            Some(digest) if digest.starts_with(&digest_of(channel)) => (Some(digest), None),
            former => (None, former),
        };
        if let Some(digest) = others_digest {
            tx.leave_digest(&digest, &first.channel).await?;
        }
        let (mut pings, digest) = match own {
            Some(digest) => (tx.digest_pings(&digest, &all, now, quiet).await?, Some(digest)),
            None if first.issue.is_some() => {
                let waiting = tx.waiting_pings(&all, now, quiet, (false, MOST_IN_A_DIGEST)).await?;
                match gathered(waiting, &first, late) {
                    Some(pings) => (pings, Some(format!("{}{}", digest_of(channel), now.as_millisecond()))),
                    None => (vec![first], None),
                }
            }
            None => (vec![first], None),
        };
        tx.hold_pings(&mut pings, digest.as_deref(), until).await?;
        Ok(Some(Claim { pings, digest, until }))
    }

    /// Lets go of what must not be said any more (`E5`, `E7`), and of what was to be said by `late` where a later step of the same clock,
    /// which may be said, waits for the same channel (`E4`). Says whether there was anything.
    async fn let_go(&self, tx: &mut Tx, channel: &str, (all, late): (&[String], Timestamp), now: Timestamp) -> Result<bool> {
        let waiting = tx.waiting_pings(all, now, self.policy.held(now), (true, MOST_LOOKED_AT)).await?;
        let issues: BTreeSet<_> = waiting.iter().filter_map(|ping| ping.issue).collect();
        let known = tx.known_tickets(&issues.into_iter().collect::<Vec<_>>()).await?;
        let (mut fates, mut may, mut last) = (Vec::new(), Vec::new(), BTreeMap::new());
        for ping in &waiting {
            match self.as_it_is_now(ping, &known, channel, now) {
                Ok(_) => {
                    let clock = (ping.issue, ping.cycle, &ping.channel);
                    last.entry(clock).and_modify(|at: &mut Timestamp| *at = ping.at.max(*at)).or_insert(ping.at);
                    may.push((ping, clock));
                }
                Err(why) => fates.push(not_sent(ping, &known, channel, &why)),
            }
        }
        let overtaken = may.into_iter().filter(|(ping, clock)| ping.at <= late && last.get(clock).is_some_and(|last| *last > ping.at));
        fates.extend(overtaken.map(|(ping, _)| void(ping, "superseded by a later step")));
        tx.pings_done(&fates, now).await?;
        Ok(!fates.is_empty())
    }

    async fn first(&self, tx: &mut Tx, channel: &str, others: &[String], now: Timestamp) -> Result<Option<PendingPing>> {
        let held = self.clock_is_wrong();
        let quiet = self.policy.held(now);
        let own = tx.first_ping(channel, now, held, quiet).await?;
        let other = if others.is_empty() { None } else { tx.first_free_ping(others, now, held, quiet).await? };
        Ok(own.into_iter().chain(other).min_by(|one, next| (one.created, &one.key).cmp(&(next.created, &next.key))))
    }

    async fn send(&self, channel: &str, mut claim: Claim) -> Result<Tried> {
        let now = self.clock.now();
        if self.chat.names().all(|name| name != channel) {
            let why = format!("no channel `{channel}` is configured any more");
            return Ok(Tried { fates: claim.pings.iter().map(|ping| void(ping, &why)).collect(), ..Tried::default() });
        }
        if let Some(issue) = claim.pings.first().and_then(|ping| ping.root_of) {
            return self.renew(channel, issue, claim).await;
        }
        let (mut said, mut fates) = self.still_true(&claim.pings, channel, now).await?;
        let mut tried = Tried::default();
        if !said.is_empty() {
            if !self.still_holds(&mut claim).await? {
                // It was stopped for a while, and somebody else has taken over.
                tracing::warn!(%channel, "held messages for too long, and lets another instance send them");
                return Ok(Tried { fates, ..tried });
            }
            let mut instead_of: Vec<String> = Vec::new();
            for (ping, _) in &said {
                if ping.channel != channel && !instead_of.contains(&ping.channel) {
                    instead_of.push(ping.channel.clone());
                }
            }
            // What was held back for the morning is not late (E6).
            let is_step = |message: &ChatMessage| matches!(message, ChatMessage::Ping(said) if !said.held);
            let steps: BTreeSet<_> = said.iter().filter(|(_, message)| is_step(message)).map(|(ping, _)| ping.key.clone()).collect();
            let key = claim.digest.clone().or_else(|| said.first().map(|(ping, _)| ping.key.clone())).unwrap_or_default();
            let Together { what, mut pings, later } = match (&claim.digest, said.pop()) {
                (None, Some((ping, what))) => Together { what, pings: vec![ping], later: Vec::new() },
                (_, last) => self.that_fit(channel, together(said.into_iter().chain(last)), &instead_of),
            };
            let message = Message { key: &key, what: &what, instead_of: &instead_of, thread: None };
            match self.send_in_thread(channel, message, &mut claim, &mut tried).await? {
                Ok(false) => tracing::warn!(%channel, "held a message for too long, and lets another instance send it"),
                Ok(true) => {
                    log_sent(channel, &what);
                    let now = self.clock.now();
                    for ping in pings.iter().filter(|ping| steps.contains(&ping.key)) {
                        self.counts.said(channel, now.duration_since(ping.at));
                    }
                    tried.taken = true;
                    fates.extend(pings.iter().map(|ping| sent(ping, channel, claim.digest.as_deref())));
                    tried.later = Some((later, next_digest(&key))).filter(|(later, _)| !later.is_empty());
                }
                Err(error) => {
                    // The same digest is tried again as a whole.
                    pings.extend(later);
                    tried.failed = Some((pings, about(&what), error));
                }
            }
        }
        Ok(Tried { fates, ..tried })
    }

    /// As many as the channel's format has room to name, the longest overdue first; the others come in a digest of their own.
    fn that_fit(&self, channel: &str, mut said: Vec<(Ping, Vec<PendingPing>)>, instead_of: &[String]) -> Together {
        let digest =
            |said: &[(Ping, Vec<PendingPing>)]| ChatMessage::Digest(Digest { pings: said.iter().map(|(ping, _)| ping.clone()).collect() });
        let whole = digest(&said);
        let room = said.len().saturating_sub(self.chat.left_out(channel, &whole, instead_of, self.clock.now()));
        // Where there is no room for one, what is left out is counted.
        let later = if room == 0 { Vec::new() } else { said.split_off(room) };
        let what = if later.is_empty() { whole } else { digest(&said) };
        let rows = |said: Vec<(Ping, Vec<PendingPing>)>| said.into_iter().flat_map(|(_, rows)| rows).collect();
        Together { what, pings: rows(said), later: rows(later) }
    }

    /// Sends a message; one about a ticket as part of its thread, where there are threads (`E8`). `false`: it is not held any more.
    async fn send_in_thread(
        &self,
        channel: &str,
        message: Message<'_>,
        claim: &mut Claim,
        tried: &mut Tried,
    ) -> Result<std::result::Result<bool, SendError>> {
        let alone = claim.pings.first().filter(|_| claim.digest.is_none() && self.chat.place(channel).is_some());
        let Some(issue) = alone.and_then(|ping| ping.issue) else {
            return Ok(self.chat.send(channel, message, self.clock.now()).await.map(|_| true));
        };
        let mut thread = self.thread_of(issue, channel).await?;
        let ticket = self.tickets(&[issue].into()).await?.remove(&issue).flatten();
        loop {
            if !self.still_holds(claim).await? {
                return Ok(Ok(false));
            }
            let said = Message { thread: thread.as_ref().map(|thread| thread.root.as_str()), ..message };
            let posted = match self.chat.send(channel, said, self.clock.now()).await {
                Ok(posted) => posted,
                Err(error) => return Ok(Err(error)),
            };
            // What it was to hang on is gone, so it begins a new thread.
            let again = posted == Posted::RootGone;
            tried.news.extend(self.news_of(posted, thread.take(), ticket.as_ref(), channel));
            if !again {
                return Ok(Ok(true));
            }
        }
    }

    /// Which of these messages may be said, as they are to be said now, and why not the others. GitHub is asked again where its last
    /// answer is not fresh (`E3`).
    async fn still_true(
        &self,
        pings: &[PendingPing],
        channel: &str,
        now: Timestamp,
    ) -> Result<(Vec<(PendingPing, ChatMessage)>, Vec<Fate>)> {
        let issues: BTreeSet<_> = pings.iter().filter_map(|ping| ping.issue).collect();
        let mut known = self.tickets(&issues).await?;
        let stale: BTreeSet<_> =
            pings.iter().filter(|ping| now.duration_since(ping.confirmed_at).abs() > FRESH).filter_map(|ping| ping.issue).collect();
        let ask: Vec<_> = known.values().flatten().filter(|ticket| stale.contains(&ticket.issue)).cloned().collect();
        let mut unread = BTreeSet::new();
        if !ask.is_empty() {
            unread = self.confirm(&ask).await;
            known = self.tickets(&issues).await?;
        }
        let (mut said, mut fates) = (Vec::new(), Vec::new());
        for ping in pings {
            match self.as_it_is_now(ping, &known, channel, now) {
                Ok(mut message) => {
                    if let (ChatMessage::Ping(said), Some(issue)) = (&mut message, ping.issue)
                        && stale.contains(&issue)
                        && known.get(&issue).is_some_and(Option::is_some)
                    {
                        said.unconfirmed = unread.contains(&issue);
                    }
                    said.push((ping.clone(), message));
                }
                Err(why) => fates.push(not_sent(ping, &known, channel, &why)),
            }
        }
        Ok((said, fates))
    }

    /// A message as it is to be said now in `channel`, or why it must not be: its clock has ended, or somebody has taken it on (`E5`).
    fn as_it_is_now(&self, ping: &PendingPing, known: &Known, channel: &str, now: Timestamp) -> std::result::Result<ChatMessage, String> {
        let mut message = serde_json::from_str(&ping.body).map_err(|error| format!("it does not read back: {error}"))?;
        let Some(issue) = ping.issue else { return Ok(message) };
        let Some(ticket) = known.get(&issue).ok_or("its ticket is gone")? else {
            // Nothing says that it is not true any more.
            if let ChatMessage::Ping(said) = &mut message {
                said.unconfirmed = true;
                said.mentions = self.woken(said, channel);
            }
            return Ok(message);
        };
        let cycle = ticket.running().filter(|cycle| i64::from(cycle.number) == ping.cycle);
        let cycle = cycle.ok_or("answered, closed or gone before it could be sent")?;
        if let Some(why) = cycle.stands_still() {
            return Err(format!("its clock stands still: {why}"));
        }
        if let ChatMessage::Ping(said) = &mut message {
            if said.occurrence > 0 && cycle.silenced(now).is_some() && !cycle.hurried.contains(&ping.at) {
                return Err("acknowledged before it could be sent".to_owned());
            }
            // It may have waited: for its channel, or until its repository was back, and the clock stood still meanwhile (S12).
            said.due_at = cycle.due;
            said.advice = messages::advice(ticket, cycle.due <= now);
            said.mentions = self.woken(said, channel);
            let waited = now.duration_since(ping.at) > LATE;
            said.held = waited && ticket.tier().is_some_and(|tier| self.policy.held(ping.at).contains(tier));
            let links = self.links.as_ref().filter(|_| has_repeats_ahead(&cycle, now));
            said.acknowledge = links.map(|links| links.to(issue, cycle.number, channel, now));
        }
        Ok(message)
    }

    /// Whom a ping wakes in a channel: for `oncall` whoever was on call at its instant, by the name that they have there (`E6`).
    fn woken(&self, said: &Ping, channel: &str) -> Vec<String> {
        let called = |person: &String| match &self.policy.on_call {
            Some(on_call) => on_call.called(person, channel).to_owned(),
            None => person.clone(),
        };
        let name = |name: &String| if name == on_call::WORD { said.on_call.as_ref().map(called) } else { Some(name.clone()) };
        said.mentions.iter().filter_map(name).collect()
    }

    async fn tickets(&self, issues: &BTreeSet<IssueId>) -> Result<Known> {
        if issues.is_empty() {
            return Ok(Known::new());
        }
        let mut tx = self.store.read().await?;
        let tickets = tx.known_tickets(&issues.iter().copied().collect::<Vec<_>>()).await?;
        tx.rollback().await?;
        Ok(tickets)
    }

    /// Whether this sender still holds what it claimed, for as long as sending may take. Who was stopped meanwhile must not send what
    /// another has taken over (`E7`).
    pub(super) async fn still_holds(&self, claim: &mut Claim) -> Result<bool> {
        let needs = |from: Timestamp| from.saturating_add(SignedDuration::try_from(TIMEOUT).unwrap_or(LEASE)).unwrap_or(from);
        // Keeping hold of it takes time as well.
        for _ in 0..3 {
            let now = self.clock.now();
            if needs(now) <= claim.until {
                return Ok(true);
            }
            let until = now.saturating_add(LEASE).unwrap_or(now);
            let mut tx = self.store.write().await?;
            let held = tx.hold_on(&claim.pings, until).await?;
            tx.commit().await?;
            if !held {
                return Ok(false);
            }
            claim.until = until;
        }
        Ok(false)
    }

    /// Records what became of messages. `true`: the channel failed.
    async fn record_fates(&self, tx: &mut Tx, channel: &str, tried: Tried) -> Result<bool> {
        let now = self.clock.now();
        tx.pings_done(&tried.fates, now).await?;
        // While it was on its way, its ticket may have been answered: only what was sent is looked for then (S3).
        let sent: Vec<_> = tried.fates.iter().filter(|fate| fate.state == "sent").map(|fate| fate.key.as_str()).collect();
        if !sent.is_empty() {
            let issues = tx.issues_of_pings(&sent).await?;
            let tickets = tx.known_tickets(&issues).await?;
            self.notice_wrong_of(tx, tickets.values().flatten(), now).await?;
        }
        for state in ["sent", "void"] {
            self.counts.tried(channel, state, tried.fates.iter().filter(|fate| fate.state == state).count());
        }
        self.record_news(tx, &tried.news, now).await?;
        if let Some((later, digest)) = &tried.later {
            tx.leave_for_digest(later, digest).await?;
        }
        if tried.taken {
            tx.channel_works(channel).await?;
        }
        let Some((pings, ticket, error)) = tried.failed else { return Ok(false) };
        let former = tx.failing_channels().await?.remove(channel);
        let failures = former.as_ref().map_or(0, |state| state.failures).saturating_add(1);
        let refused = matches!(error, SendError::Refused { .. });
        self.counts.tried(channel, if refused { "refused" } else { "retried" }, pings.len());
        let since = former.as_ref().map_or(now, |state| state.since);
        let after = |from: Timestamp, length: SignedDuration| from.saturating_add(length).unwrap_or(from);
        let open = match &error {
            SendError::Retry { after: Some(asked), .. } => {
                after(now, SignedDuration::try_from(*asked).unwrap_or_default().max(SignedDuration::from_secs(1)))
            }
            // It is tried once more before another speaks for it.
            _ => [after(now, back_off(channel, failures)), after(since, PATIENCE)].into_iter().filter(|at| *at > now).min().unwrap_or(now),
        };
        let state = ChannelState { failures, since, open, refused, why: error.to_string() };
        tracing::warn!(%ticket, %channel, why = %state.why, failures, waiting = pings.len(), retry_at = %state.open, "the chat did not take a message");
        tx.put_back_pings(&pings, &state.why).await?;
        tx.channel_failed(channel, &state).await?;
        if refused && !former.is_some_and(|state| state.refused) {
            self.warn_of_refusal(tx, channel, &state, now).await?;
        }
        Ok(true)
    }

    /// Something has to be changed before a channel takes anything again: the others are told, once (`E7`).
    async fn warn_of_refusal(&self, tx: &mut Tx, channel: &str, state: &ChannelState, now: Timestamp) -> Result<()> {
        let meanwhile = match self.chat.fallback(channel) {
            Some(fallback) => format!("What is for it goes to `{fallback}` meanwhile"),
            None => "What is for it waits; with a `fallback` it would be said there".to_owned(),
        };
        let check = if self.chat.place(channel).is_some() {
            "`partner-desk doctor --ping` looks again, without posting."
        } else {
            "Check its `[[chat]]` and whether the channel still exists."
        };
        let text = format!("The chat `{channel}` refuses what it is sent: {}. {check} {meanwhile} (E7).", state.why);
        let others: Vec<_> = self.policy.channels.iter().filter(|name| *name != channel).cloned().collect();
        self.warn_in(tx, &others, &[(format!("refused:{channel}:{}", state.since.as_millisecond()), text)], now).await
    }
}

/// Of the messages that wait with `first` those that are said together with it, if any are: all of them where they are many at once,
/// else those that are late, where they are about more than a handful of tickets (`E4`).
fn gathered(mut waiting: Vec<PendingPing>, first: &PendingPing, late: Timestamp) -> Option<Vec<PendingPing>> {
    if waiting.len() > A_STORM {
        return Some(waiting);
    }
    waiting.retain(|ping| ping.at <= late);
    let tickets: BTreeSet<_> = waiting.iter().map(|ping| ping.issue).collect();
    (first.at <= late && tickets.len() > A_HANDFUL).then_some(waiting)
}

/// Many pings as the lines of one message, the longest overdue first, a ticket's step once though it was meant for several channels.
fn together(messages: impl Iterator<Item = (PendingPing, ChatMessage)>) -> Vec<(Ping, Vec<PendingPing>)> {
    let pinged = |(row, message)| if let ChatMessage::Ping(ping) = message { Some((ping, vec![row])) } else { None };
    let mut said: Vec<_> = messages.filter_map(pinged).collect();
    said.sort_by(|(one, _), (next, _)| {
        let place = |ping: &Ping| (ping.due_at, ping.repository.clone(), ping.number, ping.step.clone(), ping.occurrence);
        place(one).cmp(&place(next))
    });
    said.dedup_by(|(next, next_rows), (one, rows)| {
        let same = (&one.repository, one.number, &one.step, one.occurrence) == (&next.repository, next.number, &next.step, next.occurrence);
        if same {
            one.mentions.append(&mut next.mentions);
            rows.append(next_rows);
        }
        same
    });
    said
}

/// The name of the digest that says what had no room in this one: `digest:ops:1`, `digest:ops:1-2`, `digest:ops:1-3`.
fn next_digest(digest: &str) -> String {
    let part = digest.rsplit_once('-').and_then(|(first, part)| Some((first, part.parse::<u32>().ok()?)));
    let (first, part) = part.unwrap_or((digest, 1));
    format!("{first}-{}", part.saturating_add(1))
}

/// What the names of digests that a channel sends begin with.
fn digest_of(channel: &str) -> String {
    format!("digest:{channel}:")
}

/// The ticket that a message is about, if it is about one.
fn about(what: &ChatMessage) -> String {
    match what {
        ChatMessage::Ping(said) => format!("{}#{}", said.repository, said.number),
        _ => String::new(),
    }
}

fn log_sent(channel: &str, what: &ChatMessage) {
    let pinged = |said: &Ping, digest: bool| {
        let ticket = format!("{}#{}", said.repository, said.number);
        tracing::info!(%ticket, %channel, step = %said.step, rung = %said.at, digest, "pinged");
    };
    match what {
        ChatMessage::Ping(said) => pinged(said, false),
        ChatMessage::Digest(digest) => digest.pings.iter().for_each(|said| pinged(said, true)),
        ChatMessage::Notice(_) | ChatMessage::Recovery(_) | ChatMessage::Report(_) => {}
    }
}

fn not_sent(ping: &PendingPing, known: &Known, channel: &str, why: &str) -> Fate {
    let ticket = ping.issue.and_then(|issue| known.get(&issue)?.as_ref()).map(place_name).unwrap_or_default();
    tracing::info!(%ticket, %channel, key = %ping.key, %why, "ping not sent");
    void(ping, why)
}

pub(super) fn void(ping: &PendingPing, why: &str) -> Fate {
    Fate { key: ping.key.clone(), state: "void", sent_in: None, note: why.to_owned() }
}

fn sent(ping: &PendingPing, channel: &str, digest: Option<&str>) -> Fate {
    let mut note = Vec::new();
    if ping.channel != channel {
        note.push(format!("by the fallback `{channel}`"));
    }
    note.extend(digest.map(|digest| format!("in {digest}")));
    Fate { key: ping.key.clone(), state: "sent", sent_in: Some(channel.to_owned()), note: note.join(", ") }
}

/// 2 s, 4 s, 8 s … at most five minutes, less up to a quarter that depends on the channel and the try, so that not all that failed
/// together is tried again together.
fn back_off(channel: &str, failures: i64) -> SignedDuration {
    let whole = 2_i64.saturating_pow(u32::try_from(failures.clamp(1, 9)).unwrap_or(9)).min(LONGEST_BACK_OFF) * 1000;
    // FNV-1a: nothing secret hangs on it, and every instance comes to the same.
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = channel.bytes().chain(failures.to_le_bytes()).fold(0xcbf2_9ce4_8422_2325, mix);
    let share = i64::try_from((hash >> 32) % 1000).unwrap_or_default();
    SignedDuration::from_millis(whole - whole / 4 * share / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e4_digests_that_follow_each_other_have_names_of_their_own() {
        for (digest, next) in [
            ("digest:ops:17", "digest:ops:17-2"),
            ("digest:ops:17-2", "digest:ops:17-3"),
            ("digest:on-call:17", "digest:on-call:17-2"),
            ("digest:ops-2:17-9", "digest:ops-2:17-10"),
        ] {
            assert_eq!(next_digest(digest), next);
            assert!(next.starts_with(digest.split_inclusive(':').take(2).collect::<String>().as_str()));
        }
    }

    #[test]
    fn e7_tries_grow_rarer_up_to_five_minutes_and_apart() {
        for (failures, most) in [(1, 2), (2, 4), (3, 8), (8, 256), (9, 300), (10, 300), (i64::MAX, 300)] {
            for channel in ["support", "night", ""] {
                let wait = back_off(channel, failures);
                assert!(wait <= SignedDuration::from_secs(most) && wait > SignedDuration::from_millis(most * 749), "{failures}: {wait}");
                assert_eq!(wait, back_off(channel, failures));
            }
        }
        let differ: BTreeSet<_> = (0..20).map(|n| back_off(&format!("channel {n}"), 9)).collect();
        assert!(differ.len() > 15);
    }
}
