//! The working set of the rules: what the desk loaded for an event, and what the rules changed in it.

use super::event::Repo;
use super::ids::{InstallationId, IssueId, PartnerId, RepoId, UserId};
use super::partner::{Membership, Partner};
use super::quota::Entry;
use super::ticket::{Freeze, Standing, Ticket};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Support engineers, as configured and as GitHub was asked (`W3`). Of teams and permissions it holds what matters to those people and
/// repositories that the book was opened for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agents {
    /// Known by id: from the list, or as members of a team.
    pub ids: BTreeSet<UserId>,
    /// Logins given by the operator whose ids are not known yet, in lower case; bound at first sight (`W1`).
    pub unbound: BTreeSet<String>,
    /// A team was never read, or has changed since: whoever is not known as an agent may be one.
    pub any_unsure: bool,
    /// People whose teams have changed since these were read.
    pub unsure: BTreeSet<UserId>,
    /// Neither logins nor teams are configured: who may triage is an agent.
    pub by_permission: bool,
    /// What GitHub said of late about who may triage, by repository and person.
    pub may_triage: BTreeMap<(RepoId, UserId), bool>,
}

/// A repository as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `owner/name`.
    pub full_name: String,
    /// Whether the public cannot read it (`G3`).
    pub private: bool,
    /// Through which installation it is written to.
    pub installation: InstallationId,
    /// When this view of it was true.
    pub seen: Timestamp,
    /// Names that it had before: who configured one of them means it all the same.
    pub former: Vec<String>,
}

/// Tickets, partners, members and ledger that an event can touch; complete for the partners that it names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Book {
    /// By id.
    pub partners: BTreeMap<PartnerId, Partner>,
    /// Memberships of everybody who matters here, and all that wait for their id.
    pub members: Vec<Membership>,
    /// By issue.
    pub tickets: BTreeMap<IssueId, Ticket>,
    /// By partner, from the earliest window in question on.
    pub ledger: BTreeMap<PartnerId, Vec<Entry>>,
    /// When each repository was first seen: what is older is no ticket (`R2`).
    pub first_seen: BTreeMap<RepoId, Timestamp>,
    /// Repositories that the desk watches (`S12`).
    pub covered: BTreeSet<RepoId>,
    /// Ids of transferred issues, with the tickets that they are (`S12`).
    pub aliases: BTreeMap<IssueId, IssueId>,
    /// The repositories as they were last seen.
    pub places: BTreeMap<RepoId, Place>,
    /// When each repository was out of the desk's hands (`S12`).
    pub freezes: BTreeMap<RepoId, Vec<Freeze>>,
    /// Support engineers.
    pub agents: Agents,
    /// What the rules changed since this book was opened.
    pub changes: Changes,
    /// Whose line moves no more.
    pub rests: Rests,
}

/// The partner whose line was looked through at an instant, and who in it did not move. It is no part of what a book says.
#[derive(Debug, Clone, Default)]
pub struct Rests {
    of: Option<(PartnerId, Timestamp)>,
    /// Nobody moved, as long as no ticket and no line of the ledger changes.
    whole: bool,
    /// These did not, with so many ahead of them, as long as they do not change themselves, and no line of the ledger does.
    stay: BTreeMap<IssueId, u32>,
}

impl PartialEq for Rests {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What has to be saved.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// These tickets differ from what was loaded.
    pub tickets: BTreeSet<IssueId>,
    /// New lines of the ledger.
    pub entries: Vec<Entry>,
    /// Memberships that were bound to an id or renamed, by their place in [`Book::members`].
    pub members: BTreeSet<usize>,
    /// Agents bound to their ids: login in lower case, id.
    pub agents: Vec<(String, UserId)>,
    /// New ids of transferred issues, with the tickets that they are.
    pub aliases: BTreeMap<IssueId, IssueId>,
    /// Warnings to those who run the desk: a key that is said once, and the text.
    pub notices: Vec<(String, String)>,
    /// Lines for the tickets' logs.
    pub log: Vec<LogLine>,
    /// The tickets that differ, as they were; `None`: there was none.
    pub before: BTreeMap<IssueId, Option<Ticket>>,
}

/// One line of a ticket's log: what was decided, by which rule, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Which ticket.
    pub issue: IssueId,
    /// The instant that it is about.
    pub at: Timestamp,
    /// The rule's number.
    pub rule: &'static str,
    /// The reason, in words.
    pub text: String,
}

impl Place {
    /// How a repository looks at an instant.
    #[must_use]
    pub fn new(repo: &Repo, installation: InstallationId, at: Timestamp) -> Self {
        Self { full_name: repo.full_name.clone(), private: repo.private, installation, seen: at, former: Vec::new() }
    }

    /// Takes over a view that is not older. GitHub tells instants to the second.
    pub fn become_as(&mut self, seen: Self) {
        if seen.seen.as_second() < self.seen.as_second() {
            return;
        }
        let installation = if seen.installation == InstallationId(0) { self.installation } else { seen.installation };
        let mut former = std::mem::take(&mut self.former);
        if self.full_name != seen.full_name {
            former.retain(|name| *name != seen.full_name && *name != self.full_name);
            former.push(std::mem::take(&mut self.full_name));
        }
        *self = Self { installation, former, ..seen };
    }

    /// Whether another view shows the same.
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        (&self.full_name, self.private, self.installation) == (&other.full_name, other.private, other.installation)
    }
}

impl Book {
    /// Notes a reason for the ticket's log.
    pub fn note(&mut self, issue: IssueId, at: Timestamp, rule: &'static str, text: impl Into<String>) {
        self.changes.log.push(LogLine { issue, at, rule, text: text.into() });
    }

    /// Puts a ticket back, and remembers whether that changed anything. Steps that nobody will say any more are noted.
    pub fn put(&mut self, ticket: Ticket) {
        let issue = ticket.issue;
        let known = self.tickets.get(&issue);
        if known != Some(&ticket) {
            for (cycle, firing) in ticket.overtaken_since(known) {
                let (step, repeat) = (firing.step + 1, firing.occurrence);
                let which = if repeat == 0 { format!("step {step}") } else { format!("repeat {repeat} of step {step}") };
                self.note(
                    issue,
                    firing.at,
                    "E3",
                    format!("{which} of cycle {cycle} is not said: its clock had ended before it was looked at"),
                );
            }
            self.rests.whole = false;
            self.rests.stay.remove(&issue);
            self.changes.tickets.insert(issue);
            let before = self.tickets.insert(issue, ticket);
            self.changes.before.entry(issue).or_insert(before);
        }
    }

    /// The ticket that an issue is, whatever its id is now (`S12`).
    #[must_use]
    pub fn ticket_of(&self, issue: IssueId) -> IssueId {
        self.aliases.get(&issue).copied().unwrap_or(issue)
    }

    /// Remembers the new id of a transferred issue.
    pub fn alias(&mut self, issue: IssueId, ticket: IssueId) {
        if issue != ticket && self.aliases.insert(issue, ticket) != Some(ticket) {
            self.changes.aliases.insert(issue, ticket);
        }
    }

    /// Takes over how a repository looked at an instant, unless it was seen later than that (`R3`).
    pub fn see(&mut self, repo: &Repo, installation: InstallationId, at: Timestamp) {
        let seen = Place::new(repo, installation, at);
        match self.places.get_mut(&repo.id) {
            Some(known) => known.become_as(seen),
            None => drop(self.places.insert(repo.id, seen)),
        }
    }

    /// Adds a line to the ledger.
    pub fn enter(&mut self, entry: Entry) {
        self.rests = Rests::default();
        self.ledger.entry(entry.partner.clone()).or_default().push(entry.clone());
        self.changes.entries.push(entry);
    }

    /// A new event: members, agents and places may have changed since the last one.
    pub(super) const fn begins(&mut self) {
        self.rests.whole = false;
    }

    /// A partner's line is looked through at this instant. Whoever changes in it takes that back.
    pub(super) fn rests(&mut self, partner: &PartnerId, now: Timestamp) {
        if !self.is_of(partner, now) {
            self.rests = Rests { of: Some((partner.clone(), now)), ..Rests::default() };
        }
        self.rests.whole = true;
    }

    /// Somebody in that line did not move.
    pub(super) fn stays(&mut self, issue: IssueId, ahead: u32) {
        self.rests.stay.insert(issue, ahead);
    }

    /// Whether the line was found so, and nothing has changed since.
    pub(super) fn is_at_rest(&self, partner: &PartnerId, now: Timestamp) -> bool {
        self.rests.whole && self.is_of(partner, now)
    }

    /// Whether somebody in the line that is looked through was found so, and would be again: it depends on nobody else in it but how
    /// many are ahead.
    pub(super) fn is_staying(&self, issue: IssueId, ahead: u32) -> bool {
        self.rests.stay.get(&issue) == Some(&ahead)
    }

    fn is_of(&self, partner: &PartnerId, now: Timestamp) -> bool {
        self.rests.of.as_ref().is_some_and(|(known, at)| known == partner && *at == now)
    }

    /// The ledger of a partner.
    #[must_use]
    pub fn entries(&self, partner: &PartnerId) -> &[Entry] {
        self.ledger.get(partner).map_or(&[], Vec::as_slice)
    }

    /// The partner's waiting tickets, the one created first in front (`Q10`).
    #[must_use]
    pub fn queue(&self, partner: &PartnerId) -> Vec<IssueId> {
        let waits = |ticket: &&Ticket| matches!(&ticket.standing, Standing::Waiting(waiting) if waiting.partner == *partner);
        let mut queue: Vec<_> =
            self.tickets.values().filter(waits).map(|ticket| (ticket.created_at, ticket.number, ticket.issue)).collect();
        queue.sort_unstable();
        queue.into_iter().map(|(_, _, issue)| issue).collect()
    }

    /// A partner by its id, or by its name as people write it.
    #[must_use]
    pub fn partner_called(&self, text: &str) -> Option<&Partner> {
        let text = text.trim();
        let by_id = PartnerId::new(text).ok().and_then(|id| self.partners.get(&id));
        by_id.or_else(|| self.partners.values().find(|partner| partner.name.to_lowercase() == text.to_lowercase()))
    }
}
