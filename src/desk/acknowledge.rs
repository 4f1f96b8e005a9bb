//! Acknowledging by the link in a ping (`E5`).
//!
//! The link holds what it is about, until when it is good, and a signature over both with a key of its own. It is a capability: whoever
//! reads the chat may follow it, and nobody else can make one. Looking at it changes nothing, so a chat's preview of it does nothing.

use super::Desk;
use crate::domain::IssueId;
use crate::domain::escalation::{firings, has_repeats_ahead};
use crate::domain::response::{Cycle, State};
use crate::domain::ticket::{Fact, Sides, Ticket, Told};
use crate::messages;
use crate::store::{AuditLine, Needs, Result, Store, StoreError};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;
use std::fmt;

/// A link is good for this long; a later ping has a later one.
pub const GOOD_FOR: SignedDuration = SignedDuration::from_hours(24);
/// An acknowledgement that would move the end by less than this is the same as the one before: the button was pressed twice.
const SAME: SignedDuration = SignedDuration::from_mins(1);
/// The bytes of a signature.
const MAC: usize = 32;
/// What is signed begins with this, so that no other signature of the desk's is ever one of a link.
const PURPOSE: &[u8] = b"partner-desk acknowledge 1\n";

/// Makes links, and reads them.
pub struct Links {
    base: String,
    mac: Hmac<Sha256>,
}

/// The key is a secret.
impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("base", &self.base).finish_non_exhaustive()
    }
}

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// The ticket.
    pub issue: IssueId,
    /// The number of its clock.
    pub cycle: u32,
    /// Until when it is good.
    pub until: Timestamp,
    /// The chat that it was sent to.
    pub channel: String,
}

impl Links {
    /// With the key that is kept in the database, made now if there is none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn open(store: &Store, public_url: &str) -> Result<Self> {
        let mut fresh = [0; MAC];
        rand::fill(&mut fresh).map_err(|_| StoreError::Away("the host gives no random numbers".to_owned()))?;
        let mut tx = store.write().await?;
        let secret = tx.key("acknowledge", &hex::encode(fresh)).await?;
        tx.commit().await?;
        let unfit = || StoreError::Unreadable { what: "keys.secret", why: "it is no key".to_owned() };
        Self::new(public_url, secret.as_bytes()).ok_or_else(unfit)
    }

    fn new(public_url: &str, secret: &[u8]) -> Option<Self> {
        let mac = Hmac::new_from_slice(secret).ok().filter(|_| !secret.is_empty())?;
        Some(Self { base: public_url.trim_end_matches('/').to_owned(), mac })
    }

    fn sign(&self, said: &str) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(PURPOSE);
        mac.update(said.as_bytes());
        mac
    }

    /// The link in a message about this clock that is sent to this chat now.
    #[must_use]
    pub fn to(&self, issue: IssueId, cycle: u32, channel: &str, now: Timestamp) -> String {
        let until = now.saturating_add(GOOD_FOR).unwrap_or(now).as_second();
        let said = format!("{issue}.{cycle}.{until}.{channel}");
        let mut bytes = said.clone().into_bytes();
        bytes.extend_from_slice(&self.sign(&said).finalize().into_bytes());
        format!("{}/ack/{}", self.base, URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What a link says, if the desk has made it. The signature is compared in constant time, before anything is read.
    #[must_use]
    pub fn read(&self, token: &str) -> Option<Linked> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (said, signature) = bytes.split_at_checked(bytes.len().checked_sub(MAC)?)?;
        let said = str::from_utf8(said).ok()?;
        self.sign(said).verify_slice(signature).ok()?;
        let mut parts = said.splitn(4, '.');
        let issue = IssueId(parts.next()?.parse().ok()?);
        let cycle = parts.next()?.parse().ok()?;
        let until = Timestamp::from_second(parts.next()?.parse().ok()?).ok()?;
        Some(Linked { issue, cycle, until, channel: parts.next()?.to_owned() })
    }
}

/// What there is behind a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behind {
    /// A clock that runs.
    Runs(Waits),
    /// Nothing that could be acknowledged any more.
    Over {
        /// `acme/support#12`; empty where there is no such ticket.
        ticket: String,
        /// The issue's page.
        url: String,
        /// Why.
        why: String,
    },
    /// The link was good until then.
    Expired(Timestamp),
}

/// A ticket that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waits {
    /// `acme/support#12`.
    pub ticket: String,
    /// The issue's title, as its author wrote it.
    pub title: String,
    /// The issue's page.
    pub url: String,
    /// When the answer is due.
    pub due: Timestamp,
    /// That has passed.
    pub late: bool,
    /// Until when its reminders are silenced; `None` within: until it is answered.
    pub silenced: Option<Option<Timestamp>>,
    /// When the next reminder comes, if one does.
    pub next: Option<Timestamp>,
    /// It was acknowledged just now, and not before.
    pub just_now: bool,
}

impl Desk {
    /// What a link is about. Changes nothing.
    ///
    /// # Errors
    /// The database fails.
    pub async fn behind(&self, link: &Linked) -> Result<Behind> {
        let now = self.clock.now();
        if link.until <= now {
            return Ok(Behind::Expired(link.until));
        }
        let mut tx = self.store.read().await?;
        let ticket = tx.ticket(link.issue).await?;
        tx.rollback().await?;
        Ok(behind(ticket.as_ref(), link, now).1)
    }

    /// Acknowledges the clock of a link for a time, or until it is answered. Twice is once. `by` is what somebody says of themselves.
    ///
    /// # Errors
    /// The database fails; then nothing is acknowledged.
    pub async fn acknowledge(&self, link: &Linked, time: Option<SignedDuration>, by: Option<&str>) -> Result<Behind> {
        let now = self.clock.now();
        if link.until <= now {
            return Ok(Behind::Expired(link.until));
        }
        let mut tx = self.store.write().await?;
        let needs = Needs { issues: [link.issue].into(), instants: [now].into(), ..Needs::default() };
        let mut loaded = tx.load(needs, &|at| self.ledger_since(at)).await?;
        let rules = self.rules();
        let id = loaded.book.ticket_of(link.issue);
        let before = behind(loaded.book.tickets.get(&id), link, now);
        let (Some(mut ticket), (Some(_), Behind::Runs(waits))) = (loaded.book.tickets.get(&id).cloned(), &before) else {
            tx.rollback().await?;
            return Ok(before.1);
        };
        let end = |until: Option<Timestamp>| until.unwrap_or(Timestamp::MAX);
        let asked = time.map(|time| now.saturating_add(time).unwrap_or(Timestamp::MAX));
        if waits.silenced.is_some_and(|until| end(until).saturating_add(SAME).unwrap_or(Timestamp::MAX) >= end(asked)) {
            tx.rollback().await?;
            return Ok(before.1);
        }
        ticket.learn(Fact { at: now, by: None, sides: Sides::default(), what: Told::Acknowledged { cycle: link.cycle, time } });
        let who = by.map_or_else(|| "somebody".to_owned(), |name| format!("“{name}”, as they say,"));
        let until = asked.map_or_else(|| "until it is answered".to_owned(), |until| format!("until {}", messages::utc(until)));
        let text = format!("{who} acknowledged clock {} by the link in the chat `{}`: no reminders {until}", link.cycle, link.channel);
        let place = format!("{}#{}", ticket.repo_name, ticket.number);
        loaded.book.note(id, now, "E5", text.clone());
        loaded.book.put(ticket);
        let wakes = |ticket: &Ticket| rules.next_at(&loaded.book, ticket, now);
        tx.save(&loaded, &wakes, &|ticket| self.shows(ticket)).await?;
        self.renew_roots_of(&mut tx, &loaded.book, now).await?;
        tx.audit(&AuditLine { at: now, act: "acknowledge".to_owned(), detail: format!("{place}: {text}") }).await?;
        tx.commit().await?;
        self.tell(&loaded.book);
        self.wakes.all();
        let (_, after) = behind(loaded.book.tickets.get(&id), link, now);
        Ok(match after {
            Behind::Runs(waits) => Behind::Runs(Waits { just_now: true, ..waits }),
            other => other,
        })
    }
}

/// The clock of a link if it runs, and what is to be said of it.
fn behind(ticket: Option<&Ticket>, link: &Linked, now: Timestamp) -> (Option<Cycle>, Behind) {
    let Some(ticket) = ticket else {
        return (None, Behind::Over { ticket: String::new(), url: String::new(), why: "its issue is not known any more".to_owned() });
    };
    let place = format!("{}#{}", ticket.repo_name, ticket.number);
    let cycle = ticket.cycles().into_iter().find(|cycle| cycle.number == link.cycle);
    let Some(cycle) = cycle.filter(|cycle| cycle.state == State::Running) else {
        let why = ticket
            .cycles()
            .iter()
            .find(|cycle| cycle.number == link.cycle)
            .map_or_else(|| "it has no promise any more".to_owned(), messages::truth);
        return (None, Behind::Over { ticket: place, url: ticket.url.clone(), why });
    };
    let next = firings(&cycle).into_iter().map(|firing| firing.at).find(|at| *at > now).filter(|_| has_repeats_ahead(&cycle, now));
    let waits = Waits {
        ticket: place,
        title: ticket.title.clone(),
        url: ticket.url.clone(),
        due: cycle.due,
        late: cycle.due < now,
        silenced: cycle.silenced(now),
        next,
        just_now: false,
    };
    (Some(cycle), Behind::Runs(waits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-18T12:00:00Z".parse().unwrap()
    }

    fn token(links: &Links) -> String {
        links.to(IssueId(3_012_345_678), 2, "ops. night", now()).rsplit('/').next().unwrap().to_owned()
    }

    #[test]
    fn e5_a_link_says_what_was_put_into_it() {
        let links = Links::new("https://desk.example/", b"key").unwrap();
        assert!(links.to(IssueId(1), 1, "a", now()).starts_with("https://desk.example/ack/"));
        let read = links.read(&token(&links)).unwrap();
        let until = now() + GOOD_FOR;
        assert_eq!(read, Linked { issue: IssueId(3_012_345_678), cycle: 2, until, channel: "ops. night".into() });
    }

    #[test]
    fn e5_nothing_else_is_a_link() {
        let links = Links::new("https://desk.example", b"key").unwrap();
        let good = token(&links);
        let other = token(&Links::new("https://desk.example", b"another key").unwrap());
        assert!(links.read(&other).is_none(), "signed with another key");
        for place in 0..good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(bytes).unwrap();
            // The last character has bits that say nothing; they must be zero.
            assert!(links.read(&forged).is_none(), "{place}: {forged}");
        }
        for text in ["", "x", "....", &good[1..], &good[..good.len() - 4], &format!("{good}AAAA"), "ÿ"] {
            assert!(links.read(text).is_none(), "{text}");
        }
    }
}
