//! Forgetting a person: in one transaction, everywhere the database keeps name and id, and then in the desk's own comments at
//! GitHub (`O2`).

use super::Desk;
use super::people::LookUp;
use crate::chat::ChatMessage;
use crate::domain::event::Person;
use crate::domain::forget::{Erasure, FORGOTTEN};
use crate::domain::partner::Partner;
use crate::domain::ticket::Ticket;
use crate::domain::{IssueId, PartnerId, UserId};
use crate::messages::{self, View};
use crate::store::{AuditLine, Kept, Line, Mark, Patterns, Result, StoreError, Tx, Writing};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

/// Rows looked at by one statement.
const PAGE: i64 = 500;

/// A person as the desk knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The account; `None`: only a login that was not seen yet.
    pub user: Option<UserId>,
    /// Every login that it was seen with, in lower case.
    pub names: BTreeSet<String>,
}

/// Whom a name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nobody whom the desk knows.
    Nobody,
    /// This one.
    One(Known),
    /// One of these: the login has changed hands (`W1`).
    Several(BTreeSet<UserId>),
}

/// How many rows of each kind named somebody who is forgotten now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgot {
    /// Memberships.
    pub members: u64,
    /// Rows of agents.
    pub agents: u64,
    /// Tickets.
    pub tickets: usize,
    /// Lines of the ledger.
    pub ledger: usize,
    /// Lines of tickets' logs.
    pub log: usize,
    /// Chat messages.
    pub outbox: usize,
    /// Records of operators' acts.
    pub audit: usize,
    /// Deliveries that could not be taken in.
    pub deliveries: usize,
    /// Tickets whose comments at GitHub named them, and are written anew.
    pub comments: usize,
}

impl fmt::Display for Forgot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { members, agents, tickets, ledger, log, outbox, audit, deliveries, .. } = self;
        write!(
            f,
            "members {members}, agents {agents}, tickets {tickets}, ledger {ledger}, ticket log {log}, outbox {outbox}, audit {audit}, deliveries {deliveries}"
        )
    }
}

impl Desk {
    /// Whom a login means: who bears it now or was ever seen with it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn person_called(&self, login: &str) -> Result<Found> {
        let mut tx = self.store.read().await?;
        let accounts = tx.accounts_called(login).await?;
        let mut users: BTreeSet<_> = accounts.iter().flatten().copied().collect();
        let seen = people(&mut tx, Patterns::login(login), |person| person.login.eq_ignore_ascii_case(login)).await?;
        users.extend(seen.into_iter().map(|(user, _)| user));
        tx.rollback().await?;
        let mut found = users.iter();
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Ok(Found::Several(users)),
            (Some(user), None) => self.person_with(*user, Some(login)).await,
            _ if !accounts.is_empty() => Ok(Found::One(Known { user: None, names: [login.to_ascii_lowercase()].into() })),
            // Renamed since the desk last saw them.
            _ => match self.look_up(&[login.to_owned()]).await.pop() {
                Some(LookUp::Found(user, _)) => self.person_with(user, None).await,
                _ => Ok(Found::Nobody),
            },
        }
    }

    /// Whom an id means.
    ///
    /// # Errors
    /// The database fails.
    pub async fn person_with_id(&self, user: UserId) -> Result<Found> {
        self.person_with(user, None).await
    }

    async fn person_with(&self, user: UserId, login: Option<&str>) -> Result<Found> {
        let mut tx = self.store.read().await?;
        let mut logins = tx.logins_of(user).await?;
        let seen = people(&mut tx, Patterns::id(user), |person| person.id == user).await?;
        logins.extend(seen.into_iter().map(|(_, login)| login));
        tx.rollback().await?;
        if logins.is_empty() && login.is_none() {
            return Ok(Found::Nobody);
        }
        let names = logins.iter().map(String::as_str).chain(login).filter(|name| !name.is_empty());
        Ok(Found::One(Known { user: Some(user), names: names.map(str::to_ascii_lowercase).collect() }))
    }

    /// Erases a person's name and id. Their tickets, answers and charges count on, as those of nobody in particular.
    ///
    /// # Errors
    /// The database fails; then nothing was erased.
    pub async fn forget(&self, person: &Known) -> Result<Forgot> {
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let partners: BTreeMap<_, _> = tx.all_partners().await?.into_iter().map(|partner| (partner.id.clone(), partner)).collect();
        let who = self.erasure(person, &partners);
        let mut needles: Vec<_> = who.names.iter().cloned().collect();
        needles.extend(who.user.into_iter().flat_map(|user| [Patterns::id(user), format!("({user})"), format!("id {user}")]));
        let patterns = Patterns::of(&needles)?;

        let mut forgot =
            Forgot { members: tx.forget_members(&who, now).await?, agents: tx.forget_agents(&who).await?, ..Forgot::default() };
        let elsewhere = self.forget_in_tickets(&mut tx, &who, &patterns, &partners, &mut forgot).await?;
        for (table, count) in [
            (Writing::Ledger, &mut forgot.ledger),
            (Writing::Log, &mut forgot.log),
            (Writing::Outbox, &mut forgot.outbox),
            (Writing::Audit, &mut forgot.audit),
        ] {
            *count = forget_in_writing(&mut tx, table, &who, &patterns, &elsewhere).await?;
        }
        // A login in a payload may be one that the person was never seen with.
        let any = Patterns::of(&[String::new()])?;
        forgot.deliveries = forget_in_writing(&mut tx, Writing::Delivery, &who, &any, &BTreeSet::new()).await?;
        let line = AuditLine { at: now, act: "partner member forget".to_owned(), detail: format!("{FORGOTTEN}: {forgot}") };
        tx.audit(&line).await?;
        tx.commit().await?;
        self.wakes.all();
        Ok(forgot)
    }

    fn erasure(&self, person: &Known, partners: &BTreeMap<PartnerId, Partner>) -> Erasure {
        let partners = partners.values().flat_map(|partner| [partner.id.as_str(), partner.name.as_str()]);
        let tiers = self.programme.tiers.iter().flat_map(|tier| [tier.id.0.as_str(), tier.name.as_str()]);
        Erasure {
            user: person.user,
            names: person.names.clone(),
            words: partners.chain(tiers).map(str::to_ascii_lowercase).collect(),
            stand_in: stand_in(),
        }
    }

    /// Gives back the tickets on which one of the names is somebody else's: what is written about those does not mean this person.
    async fn forget_in_tickets(
        &self,
        tx: &mut Tx,
        who: &Erasure,
        patterns: &Patterns,
        partners: &BTreeMap<PartnerId, Partner>,
        forgot: &mut Forgot,
    ) -> Result<BTreeSet<IssueId>> {
        let now = self.clock.now();
        let mut elsewhere = BTreeSet::new();
        let mut last = IssueId(i64::MIN);
        loop {
            let (page, looked_at) = tx.tickets_matching(patterns, last, PAGE).await?;
            let Some(end) = looked_at else { return Ok(elsewhere) };
            last = end;
            let mut changed = Vec::new();
            for mut kept in page {
                let people = kept.ticket.everybody();
                if !people.iter().any(|person| who.is(person)) && people.iter().any(|person| who.is_name(&person.login)) {
                    elsewhere.insert(kept.ticket.issue);
                    continue;
                }
                let before = kept.ticket.clone();
                if !kept.ticket.forget(who).map_err(|error| unreadable(&error))? {
                    continue;
                }
                if self.unsay(&before, &mut kept, partners) {
                    forgot.comments += 1;
                    kept.dirty = true;
                }
                changed.push(kept);
            }
            if !changed.is_empty() {
                forgot.tickets += changed.len();
                tx.put_back(&changed, now).await?;
            }
        }
    }

    /// Forgets the digests of comments that named the person, since a digest can be tried out, and so has them written anew. Says
    /// whether there is one that can be.
    fn unsay(&self, before: &Ticket, kept: &mut Kept, partners: &BTreeMap<PartnerId, Partner>) -> bool {
        let Kept { ticket, applied: Some(applied), .. } = kept else { return false };
        let partner = ticket.partner().and_then(|id| partners.get(id));
        // A reply's numbers are no names: only what the ticket says differs.
        let now = self.clock.now();
        let view = |ticket| View { ticket, partner, programme: &self.programme, policy: &self.policy, ledger: &[], log: &[], now };
        let posts = ticket.projection(&self.programme, &self.policy).posts;
        let mut again = false;
        for (marker, comment) in &mut applied.comments {
            let post = posts.iter().find(|post| messages::marker(ticket.issue, **post) == *marker);
            let differs = post.map(|post| messages::comment(&view(before), *post) != messages::comment(&view(ticket), *post));
            if differs != Some(false) {
                comment.digest.clear();
            }
            again |= differs == Some(true);
        }
        again
    }
}

/// The accounts of these people in all tickets, with each login that they were seen with.
async fn people(tx: &mut Tx, needle: String, wanted: impl Fn(&Person) -> bool) -> Result<BTreeSet<(UserId, String)>> {
    let patterns = Patterns::of(&[needle])?;
    let mut found = BTreeSet::new();
    let mut last = IssueId(i64::MIN);
    loop {
        let (page, looked_at) = tx.tickets_matching(&patterns, last, PAGE).await?;
        let Some(end) = looked_at else { return Ok(found) };
        last = end;
        let people = page.iter().flat_map(|kept| kept.ticket.everybody());
        found.extend(people.filter(|person| wanted(person)).map(|person| (person.id, person.login)));
    }
}

async fn forget_in_writing(
    tx: &mut Tx,
    table: Writing,
    who: &Erasure,
    patterns: &Patterns,
    elsewhere: &BTreeSet<IssueId>,
) -> Result<usize> {
    let mut count = 0;
    let mut last = Mark::default();
    loop {
        let (page, looked_at) = tx.lines_matching(table, patterns, last, PAGE).await?;
        let Some(end) = looked_at else { return Ok(count) };
        last = end;
        let mine = page.into_iter().filter(|line| line.issue.is_none_or(|issue| !elsewhere.contains(&issue)));
        let changed: Vec<_> = mine.filter_map(|line| without(line, table, who)).collect();
        if !changed.is_empty() {
            tx.rewrite(table, &changed).await?;
            count += changed.len();
        }
    }
}

/// The row without the person; `None`: it does not name them.
fn without(mut line: Line, table: Writing, who: &Erasure) -> Option<Line> {
    let one = match table {
        Writing::Ledger if who.is_name(&line.one) => Some(FORGOTTEN.to_owned()),
        Writing::Outbox => message(&line.one, who),
        Writing::Delivery => payload(&line.one, who),
        _ => who.text(&line.one),
    };
    let other = who.text(&line.other);
    if one.is_none() && other.is_none() {
        return None;
    }
    line.one = one.unwrap_or(line.one);
    line.other = other.unwrap_or(line.other);
    Some(line)
}

/// A chat message, as JSON, without the person. What the issue is called stays.
fn message(body: &str, who: &Erasure) -> Option<String> {
    /// Not texts about people, or not the desk's.
    const OTHER: [&str; 10] = ["type", "kind", "step", "at", "partner", "tier", "repository", "title", "url", "key"];
    let Ok(original) = serde_json::from_str::<serde_json::Value>(body) else { return who.text(body) };
    let mut value = original.clone();
    if !who.json(&mut value, &|key| !OTHER.contains(&key)) {
        return None;
    }
    if serde_json::from_value::<ChatMessage>(value.clone()).is_err() {
        // Somebody may be called like a word that the desk goes by.
        value = original;
        who.json(&mut value, &|key| matches!(key, "author" | "text" | "advice"));
    }
    Some(value.to_string())
}

/// A payload without the person, so that what it says of others can still be taken in. Nothing is left of one that cannot be read: it
/// may hold anything.
fn payload(body: &str, who: &Erasure) -> Option<String> {
    let Ok(mut value) = serde_json::from_str::<serde_json::Value>(body) else { return (!body.is_empty()).then(String::new) };
    if !who.json(&mut value, &|key| key != "title") {
        return None;
    }
    strip(&mut value, who.stand_in);
    Some(value.to_string())
}

/// Leaves id and login of whoever is forgotten: GitHub tells the same once more in addresses. Their id goes also where only their login
/// was known.
fn strip(value: &mut serde_json::Value, stand_in: UserId) {
    match value {
        serde_json::Value::Object(fields) => {
            if fields.get("login").is_some_and(|login| login == FORGOTTEN) {
                fields.retain(|key, _| matches!(key.as_str(), "login" | "type"));
                fields.insert("id".to_owned(), stand_in.0.into());
            }
            fields.values_mut().for_each(|value| strip(value, stand_in));
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(|value| strip(value, stand_in)),
        _ => {}
    }
}

/// An id that nobody has and nothing was derived from: the keys of a hasher are the system's random numbers. 52 bits, which every
/// reader of JSON keeps.
fn stand_in() -> UserId {
    let random = RandomState::new().hash_one(0) >> 12;
    UserId(-i64::try_from(random).unwrap_or(0) - 1)
}

fn unreadable(error: &serde_json::Error) -> StoreError {
    StoreError::Unreadable { what: "tickets.doc", why: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o2_stand_ins_differ_and_are_nobodys_ids() {
        let ids: BTreeSet<_> = (0..100).map(|_| stand_in()).collect();
        assert_eq!(ids.len(), 100);
        assert!(ids.iter().all(|id| id.is_stand_in() && id.0 >= -(1 << 52)));
    }
}
