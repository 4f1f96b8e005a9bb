//! The decisions: what an event, or the passing of time, does to a [`Book`].

use super::book::Book;
use super::escalation::Due;
use super::event::{Event, Moved, Person, What};
use super::ids::{CommentId, InstallationId, IssueId, PartnerId, RepoId};
use super::partner::Partner;
use super::quota::Allowances;
use super::ticket::{Choice, Fact, Sides, Standing, Ticket, Told};
use crate::programme::{Ladder, Policy, Programme};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// The programme and the policy around it: everything that decisions follow, and nothing that changes by them.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The tiers.
    pub programme: &'a Programme,
    /// What the operator chose.
    pub policy: &'a Policy,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It concerns this ticket.
    Ticket(IssueId),
    /// It is not the desk's business, for this reason.
    Ignored(&'static str),
}

/// For whom a ticket counts, and from when.
pub(super) struct Chosen {
    pub(super) partner: PartnerId,
    pub(super) choice: Choice,
    pub(super) from: Timestamp,
    /// The text that named the partner.
    pub(super) claim: Option<String>,
}

pub(super) enum Who {
    Partner(Chosen),
    Nobody,
    Unknown,
    Older,
}

impl Rules<'_> {
    /// Takes one event into the book.
    pub fn take(&self, book: &mut Book, event: &Event, now: Timestamp) -> Taken {
        if event.issue.pull_request {
            return Taken::Ignored("W8: a pull request is no ticket");
        }
        if let What::MovedHere { from } = &event.what {
            Self::follow(book, *from, event, now);
        }
        let id = book.ticket_of(event.issue.id);
        book.first_seen.entry(event.repo.id).or_insert(event.at);
        book.see(&event.repo, event.installation, event.issue.updated_at);
        let mut ticket = if let Some(known) = book.tickets.get(&id) {
            let mut ticket = known.clone();
            ticket.refresh(event);
            ticket
        } else {
            let sides = self.sides(book, event.issue.author.as_ref(), event.repo.id, event.issue.created_at);
            Ticket::first_seen(event, sides)
        };
        let opened = event.what == What::Opened;
        if opened {
            ticket.found &= book.tickets.contains_key(&id);
            if ticket.claim.is_none() {
                ticket.claim.clone_from(&event.issue.claim);
            }
        }
        if let Some(what) = self.told(&event.what) {
            let sides = self.sides(book, event.actor.as_ref(), event.repo.id, event.at).about(&what);
            let fact = Fact { at: event.at, by: event.actor.clone(), sides, what };
            // An answer that is taken back was none, so the clock has run since then (S10).
            let since = ticket.voids_since(&fact.what, event.at).unwrap_or(event.at);
            if ticket.wants(&fact) && ticket.learn(fact) {
                ticket.step_again_from(since);
            }
        }
        if let What::Moved(moved) = &event.what {
            Self::moved(book, &mut ticket, moved, event.at, now);
        }
        book.relocate(&mut ticket);
        book.put(ticket);
        self.judge(book, id, opened, now);
        Taken::Ticket(id)
    }

    /// What an event adds to a ticket's facts.
    fn told(&self, what: &What) -> Option<Told> {
        let pauses = |name: &str| name.eq_ignore_ascii_case(&self.policy.labels.waiting_partner.name);
        Some(match what {
            What::Commented(comment) => Told::Comment { id: comment.id, substance: comment.substance, commands: comment.commands.clone() },
            What::Uncommented(id) => Told::Uncommented { id: *id },
            What::Liked(id) => Told::Liked { id: *id },
            What::Closed(reason) => Told::Closed { reason: *reason },
            What::Reopened => Told::Reopened,
            What::Locked => Told::Locked,
            What::Unlocked => Told::Unlocked,
            What::Labeled(name) if pauses(name) => Told::Paused,
            What::Unlabeled(name) if pauses(name) => Told::Unpaused,
            What::Gone => Told::Gone,
            What::Opened
            | What::MovedHere { .. }
            | What::Moved(_)
            | What::CommentEdited(_)
            | What::Labeled(_)
            | What::Unlabeled(_)
            | What::Seen => return None,
        })
    }

    /// A transferred issue is the same ticket where the desk reaches it; else it leaves the desk's coverage (`S12`).
    fn moved(book: &mut Book, ticket: &mut Ticket, moved: &Moved, at: Timestamp, now: Timestamp) {
        if book.covered.contains(&moved.repo.id) {
            let seen = Event {
                installation: InstallationId(0),
                repo: moved.repo.clone(),
                issue: moved.issue.clone(),
                at,
                actor: None,
                what: What::Seen,
            };
            Self::arrive(book, ticket, &seen, now);
        } else if ticket.left_coverage.is_none() && ticket.repo != moved.repo.id {
            ticket.left_coverage = Some(at);
            let text = format!(
                "{}#{} was transferred to {}, which the desk does not watch. Its clock has ended as `left coverage`; nobody is reminded of it any more (S12).",
                ticket.repo_name, ticket.number, moved.repo.full_name
            );
            book.changes.notices.push((format!("{}:left:{}", ticket.issue, at.as_millisecond()), text));
            book.note(
                ticket.issue,
                at,
                "S12",
                format!("transferred to {}, which the desk does not watch: left coverage", moved.repo.full_name),
            );
        }
    }

    /// The other half of a transfer: the issue that was `from` elsewhere is here now.
    fn follow(book: &mut Book, from: IssueId, event: &Event, now: Timestamp) {
        let Some(mut ticket) = book.tickets.get(&book.ticket_of(from)).cloned() else { return };
        Self::arrive(book, &mut ticket, event, now);
        book.put(ticket);
    }

    fn arrive(book: &mut Book, ticket: &mut Ticket, event: &Event, now: Timestamp) {
        if ticket.repo == event.repo.id && ticket.present_id() == event.issue.id && ticket.left_coverage.is_none() {
            return;
        }
        // Something else about the issue's new place may have come before, and have made a ticket of it.
        if let Some(other) = book.tickets.get(&event.issue.id).cloned().filter(|other| other.issue != ticket.issue) {
            for fact in other.facts.clone() {
                ticket.learn(fact);
            }
            Self::merged(book, other, now);
        }
        let from = format!("{}#{}", ticket.repo_name, ticket.number);
        if event.installation != InstallationId(0) {
            ticket.installation = event.installation;
        } else if let Some(place) = book.places.get(&event.repo.id) {
            ticket.installation = place.installation;
        }
        ticket.moved_to = Some(event.issue.id);
        ticket.here_since = Some(event.at);
        ticket.repo = event.repo.id;
        ticket.repo_name.clone_from(&event.repo.full_name);
        ticket.private = event.repo.private;
        ticket.number = event.issue.number;
        ticket.url.clone_from(&event.issue.url);
        ticket.left_coverage = None;
        // Where it was, it looked gone.
        ticket.facts.retain(|fact| fact.what != Told::Gone);
        ticket.found = true;
        book.alias(event.issue.id, ticket.issue);
        book.note(
            ticket.issue,
            event.at,
            "S12",
            format!("transferred from {from} to {}#{}: the same ticket", ticket.repo_name, ticket.number),
        );
    }

    /// Does what time alone asks of a ticket: a look-up again, a slot that opened, a step. Says the steps that are to be said.
    pub fn wake(&self, book: &mut Book, id: IssueId, now: Timestamp) -> Vec<Due> {
        let Some(ticket) = book.tickets.get(&id) else { return Vec::new() };
        if !matches!(ticket.standing, Standing::Admitted(_)) {
            // Only open issues are looked at again: nobody is charged for what is long done. One whose look-up failed was never
            // looked at in the first place.
            if ticket.is_open() || matches!(ticket.standing, Standing::Checking { .. }) {
                self.judge(book, id, false, now);
            }
            return Vec::new();
        }
        if ticket.is_frozen() {
            return Vec::new();
        }
        self.judge(book, id, false, now);
        let Some(mut ticket) = book.tickets.get(&id).cloned() else { return Vec::new() };
        let steps = ticket.step(now);
        let still = ticket.running().and_then(|cycle| cycle.stands_still());
        for due in &steps {
            for lower in due.passed.iter().filter(|lower| lower.step != Ladder::START) {
                let step = format!("{}step {} of cycle {}", repeat(lower.occurrence), lower.step + 1, due.cycle);
                match still {
                    None => book.note(id, lower.at, "E4", format!("{step} passed unsaid: a higher one is due")),
                    Some(why) => book.note(id, lower.at, "E3", format!("{step} is not said: the clock stands still, {why}")),
                }
            }
            let step = format!("{}step `{}` ({}) of cycle {}", repeat(due.firing.occurrence), due.step.name(), due.step.at, due.cycle);
            match still {
                None => book.note(id, due.firing.at, "E1", format!("{step} is due")),
                Some(why) => book.note(id, due.firing.at, "E3", format!("{step} is not said: the clock stands still, {why}")),
            }
        }
        book.put(ticket);
        if still.is_some() { Vec::new() } else { steps }
    }

    /// The next instant at which this ticket needs the desk though nothing happens to it.
    #[must_use]
    pub fn next_at(&self, book: &Book, ticket: &Ticket, now: Timestamp) -> Option<Timestamp> {
        match &ticket.standing {
            Standing::Checking { retry_at } => Some(*retry_at),
            Standing::Waiting(waiting) => {
                let partner = book.partners.get(&waiting.partner)?;
                self.allowances(book, partner).next_look(now)
            }
            Standing::Admitted(_) if ticket.is_frozen() => None,
            Standing::Admitted(_) if ticket.was_stepped_ahead(now) => Some(now),
            Standing::Admitted(admission) => {
                // A rise of the tier moves a running promise (S11).
                let running = ticket.running().is_some();
                let change =
                    book.partners.get(&admission.partner).filter(|_| running).and_then(|partner| partner.changes_after(now).next());
                [ticket.clock_wakes(), change].into_iter().flatten().min()
            }
            _ => None,
        }
    }

    pub(super) fn allowances<'b>(&'b self, book: &'b Book, partner: &'b Partner) -> Allowances<'b> {
        Allowances { programme: self.programme, zone: &self.policy.time_zone, partner, entries: book.entries(&partner.id) }
    }

    /// On whose side somebody stands at `at`; binds logins to ids at first sight and follows renames (`W1`, `W2`, `W5`).
    fn sides(&self, book: &mut Book, person: Option<&Person>, repo: RepoId, at: Timestamp) -> Sides {
        let Some(person) = person.filter(|person| !person.bot) else { return Sides::default() };
        let mut partners = Vec::new();
        for place in 0..book.members.len() {
            let Some(member) = book.members.get_mut(place) else { continue };
            let first_sight = member.user.is_none() && member.login.eq_ignore_ascii_case(&person.login);
            if !first_sight && member.user != Some(person.id) {
                continue;
            }
            if first_sight || member.login != person.login {
                member.user = Some(person.id);
                member.lookup_failed = false;
                member.login.clone_from(&person.login);
                book.changes.members.insert(place);
            }
            if member.covers(at) {
                let tier = book.partners.get(&member.partner).and_then(|partner| partner.tier_at(at));
                let rank = tier.and_then(|tier| self.programme.tier(&tier)).map(|tier| tier.rank);
                partners.push((!member.primary, std::cmp::Reverse(rank), member.partner.clone()));
            }
        }
        partners.sort();
        // Two memberships in one partner need not stand beside each other here.
        let mut seen = BTreeSet::new();
        partners.retain(|(_, _, partner)| seen.insert(partner.clone()));
        let agent = Self::is_agent(book, person, repo);
        Sides {
            agent: agent == Some(true),
            unknown: agent.is_none(),
            partners: partners.into_iter().map(|(_, _, partner)| partner).collect(),
        }
    }

    /// Whether somebody is an agent; `None`: GitHub has to be asked (`W3`).
    fn is_agent(book: &mut Book, person: &Person, repo: RepoId) -> Option<bool> {
        let login = person.login.to_ascii_lowercase();
        if book.agents.unbound.remove(&login) {
            book.agents.ids.insert(person.id);
            book.changes.agents.push((login, person.id));
        }
        book.agents.may_answer(repo, person.id)
    }

    /// Decides what can be decided about a ticket, again if need be, and lets its partner's queue move.
    pub(super) fn judge(&self, book: &mut Book, id: IssueId, opened: bool, now: Timestamp) {
        let Some(mut ticket) = book.tickets.get(&id).cloned() else { return };
        book.relocate(&mut ticket);
        // Where somebody stood who was forgotten since, only the ticket still knows (O2).
        let known = !ticket.author.as_ref().is_some_and(Person::is_forgotten);
        if known && matches!(ticket.standing, Standing::Older | Standing::Checking { .. } | Standing::Nobody) {
            let sides = self.sides(book, ticket.author.clone().as_ref(), ticket.repo, ticket.created_at);
            ticket.author_sides = sides.or_as(&ticket.author_sides);
        }
        let undecided = matches!(ticket.standing, Standing::Older);
        match Self::who(book, &ticket, opened || !undecided) {
            Who::Partner(chosen) => {
                ticket.claimed.clone_from(&chosen.claim);
                self.count_for(book, ticket, &chosen, now);
            }
            Who::Unknown => {
                ticket.standing = Self::unsure(book, &ticket, now);
                book.put(ticket);
            }
            Who::Nobody => {
                if ticket.standing != Standing::Nobody {
                    book.note(id, ticket.created_at, "W6", "its author was no member of any partner when it was opened");
                    ticket.standing = Standing::Nobody;
                }
                book.put(ticket);
            }
            Who::Older => {
                if ticket.standing != Standing::Older {
                    ticket.standing = Standing::Older;
                }
                book.put(ticket);
            }
        }
    }

    /// For whom a ticket counts: an explicit choice, then the primary membership, then the highest tier (`W5`, `W7`).
    pub(super) fn who(book: &Book, ticket: &Ticket, known_age: bool) -> Who {
        let first_seen = book.first_seen.get(&ticket.repo);
        let recent = known_age || first_seen.is_none_or(|seen| ticket.created_at >= *seen);
        if let Some(chosen) = Self::named(book, ticket, recent) {
            return Who::Partner(chosen);
        }
        if !recent {
            return Who::Older;
        }
        let Some(first) = ticket.author_sides.partners.first() else {
            let bot = ticket.author.as_ref().is_none_or(|author| author.bot);
            let failed = || book.members.iter().any(|member| member.user.is_none() && member.lookup_failed);
            let unsure = !bot && (ticket.author_sides.unknown || failed());
            return if unsure { Who::Unknown } else { Who::Nobody };
        };
        let author = ticket.author.as_ref().map(|author| author.id);
        let primary = book.members.iter().any(|member| member.primary && member.user == author && member.partner == *first);
        let choice = match ticket.author_sides.partners.len() {
            1 => Choice::Only,
            _ if primary => Choice::Primary,
            _ => Choice::HighestTier,
        };
        Who::Partner(Chosen { partner: first.clone(), choice, from: ticket.created_at, claim: None })
    }

    /// The last explicit choice by somebody who may make it: an agent, or a member for a partner that the author belongs to.
    fn named(book: &Book, ticket: &Ticket, recent: bool) -> Option<Chosen> {
        let opening = ticket.claim.as_deref().map(|claim| (ticket.created_at, CommentId(0), claim, &ticket.author_sides, true));
        let comments = ticket.facts.iter().filter_map(|fact| match &fact.what {
            Told::Comment { id, .. } => Some((fact.at, *id, fact.what.claim()?, &fact.sides, false)),
            _ => None,
        });
        let mut claims: Vec<_> = opening.into_iter().chain(comments).collect();
        claims.sort_by_key(|(at, id, ..)| (*at, *id));
        let mut counts_for = ticket.author_sides.partners.first().filter(|_| recent);
        let mut last = None;
        for (at, _, claim, sides, opening) in claims {
            // What a name was understood as, it stays: the partner may be called otherwise by now (Q9, W5).
            let counted = ticket.partner().filter(|_| ticket.claimed.as_deref() == Some(claim.trim()));
            let counted = counted.and_then(|id| book.partners.get(id));
            let Some(partner) = counted.or_else(|| book.partner_called(claim)).map(|partner| &partner.id) else { continue };
            // Read from the facts: what was answered or closed by then stays where it is, in whatever order that is heard.
            if counts_for.is_some_and(|former| former != partner && ticket.was_settled(former, at)) {
                continue;
            }
            let author_belongs = ticket.author_sides.partners.contains(partner);
            let choice = if author_belongs && (sides.partners.contains(partner) || sides.agent) {
                Choice::Named
            } else if sides.agent {
                Choice::ByAgent
            } else {
                continue;
            };
            // An agent who adopts somebody else's issue makes the promise at that moment; nothing was promised before.
            let adopted = !opening && !author_belongs && !ticket.author_sides.agent;
            let from = if adopted || (!opening && !recent) { at } else { ticket.created_at };
            counts_for = Some(partner);
            // Named once more, it counts from where it did.
            if last.as_ref().is_some_and(|last: &Chosen| last.partner == *partner) {
                continue;
            }
            last = Some(Chosen { partner: partner.clone(), choice, from, claim: Some(claim.trim().to_owned()) });
        }
        last
    }
}

/// Which time a step is due, in front of its name; nothing the first time.
fn repeat(occurrence: u32) -> String {
    if occurrence == 0 { String::new() } else { format!("repeat {occurrence} of ") }
}
