//! Who is a support engineer where GitHub has to be asked (`W3`). What is not known yet is kept as not known: it makes nobody an
//! agent and nobody a passer-by, and the ticket is judged again when it is.

use super::book::{Agents, Book};
use super::decide::Rules;
use super::event::Person;
use super::ids::{IssueId, RepoId, UserId};
use super::ticket::{Sides, Standing, Ticket, Told};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// How long until a member's look-up that failed is tried again (`W6`).
const RETRY_LOOKUP: SignedDuration = SignedDuration::from_secs(60);
/// What waits for an agent's rights is judged when they are known; this is only the net below that.
const RETRY_RIGHTS: SignedDuration = SignedDuration::from_hours(1);

impl Agents {
    /// Whether somebody is a support engineer in a repository; `None`: GitHub has to be asked.
    #[must_use]
    pub fn may_answer(&self, repo: RepoId, user: UserId) -> Option<bool> {
        if self.ids.contains(&user) {
            return Some(true);
        }
        if self.by_permission {
            return self.may_triage.get(&(repo, user)).copied();
        }
        (!self.any_unsure && !self.unsure.contains(&user)).then_some(false)
    }
}

impl Sides {
    /// The same for one fact: who did what cannot answer, command or close need not be asked about.
    #[must_use]
    pub(super) fn about(mut self, what: &Told) -> Self {
        self.unknown &= match what {
            Told::Comment { substance, commands, .. } => *substance || !commands.is_empty(),
            Told::Uncommented { .. } | Told::Gone => false,
            _ => true,
        };
        self
    }

    /// The same, where an earlier look knew what this one does not: what was asked closest to the event stays (`S10`).
    #[must_use]
    pub(super) fn or_as(mut self, before: &Self) -> Self {
        if self.unknown && !before.unknown {
            (self.agent, self.unknown) = (before.agent, false);
        }
        self
    }

    fn become_known(&mut self, agent: bool) {
        (self.agent, self.unknown) = (agent, false);
    }
}

impl Ticket {
    /// The people of whom this ticket has to know whether they are support engineers, and does not. A member of its own partner is a
    /// member there, whatever else (`W4`).
    #[must_use]
    pub fn unasked(&self) -> BTreeMap<UserId, Person> {
        // Where the desk does not reach there is nobody to ask; a ticket that comes back asks then (S12).
        if self.left_coverage.is_some() || self.is_frozen() {
            return BTreeMap::new();
        }
        let partner = self.partner();
        let matters = |sides: &Sides| sides.unknown && !partner.is_some_and(|partner| sides.partners.contains(partner));
        // Whom an author is a member of says for whom the ticket counts, unless the opening text names another.
        let author = &self.author_sides;
        let author = self.author.as_ref().filter(|_| matters(author) && (author.partners.is_empty() || self.claim.is_some()));
        let told = self.facts.iter().filter(|fact| matters(&fact.sides)).filter_map(|fact| fact.by.as_ref());
        // The last one shows the present login.
        let people = author.into_iter().chain(told).filter(|person| !person.is_forgotten());
        people.map(|person| (person.id, person.clone())).collect()
    }
}

impl Rules<'_> {
    /// Puts what is known by now of people's rights to those facts that waited for it, and judges the ticket again. An answer counts
    /// by its own time, however late it is known to be one (`S3`).
    pub fn rights_known(&self, book: &mut Book, id: IssueId, now: Timestamp) {
        let Some(mut ticket) = book.tickets.get(&id).cloned() else { return };
        let repo = ticket.repo;
        let mut known: BTreeMap<UserId, bool> = BTreeMap::new();
        let mut since = None;
        for (user, person) in ticket.unasked() {
            let Some(agent) = book.agents.may_answer(repo, user) else { continue };
            known.insert(user, agent);
            if agent {
                book.note(id, now, "W3", format!("{} is a support engineer here, as GitHub says", person.login));
            }
        }
        if known.is_empty() {
            return;
        }
        for fact in ticket.facts.iter_mut().filter(|fact| fact.sides.unknown) {
            let Some(agent) = fact.by.as_ref().and_then(|person| known.get(&person.id)) else { continue };
            fact.sides.become_known(*agent);
            if *agent {
                since = since.into_iter().chain([fact.at]).min();
            }
        }
        if let Some(agent) = ticket.author.as_ref().and_then(|author| known.get(&author.id)).filter(|_| ticket.author_sides.unknown) {
            ticket.author_sides.become_known(*agent);
        }
        if let Some(since) = since {
            ticket.step_again_from(since);
        }
        book.put(ticket);
        self.judge(book, id, false, now);
        let others = known.into_iter().filter(|(_, agent)| !agent).map(|(user, _)| user).collect();
        Self::pass_over(book, id, &others);
    }

    /// What passers-by say under an issue that counts for nobody is not kept.
    fn pass_over(book: &mut Book, id: IssueId, people: &BTreeSet<UserId>) {
        let Some(mut ticket) = book.tickets.get(&id).cloned() else { return };
        let facts = std::mem::take(&mut ticket.facts);
        let (theirs, mut kept): (Vec<_>, Vec<_>) =
            facts.into_iter().partition(|fact| fact.by.as_ref().is_some_and(|person| people.contains(&person.id)));
        kept.extend(theirs.into_iter().filter(|fact| ticket.wants(fact)));
        if Some(kept.len()) != book.tickets.get(&id).map(|ticket| ticket.facts.len()) {
            ticket.facts = kept;
            book.put(ticket);
        }
    }

    /// Why an author cannot be told from a stranger yet, and when it is looked at again (`W6`).
    pub(super) fn unsure(book: &mut Book, ticket: &Ticket, now: Timestamp) -> Standing {
        let failed = book.members.iter().any(|member| member.user.is_none() && member.lookup_failed);
        let (wait, rule, why) = if failed {
            (RETRY_LOOKUP, "W6", "the look-up of a member's id failed, so the author cannot be told from a stranger yet")
        } else {
            (RETRY_RIGHTS, "W3", "GitHub is asked whether its author is a support engineer")
        };
        if !matches!(ticket.standing, Standing::Checking { .. }) {
            book.note(ticket.issue, now, rule, why);
        }
        Standing::Checking { retry_at: now.saturating_add(wait).unwrap_or(now) }
    }
}
