//! Plays a story on the desk's own rules: in order, or as it arrives; what holds at every step is checked at every step.

use super::desk::{self, Desk};
use super::story::{Deed, END, Event, LEVELS, PARTNERS, PEOPLE, Story, instant, is_agent, is_member};
use crate::book::minutes;
use jiff::Timestamp;
use partner_desk::domain::book::{Agents, Book};
use partner_desk::domain::decide::Rules;
use partner_desk::domain::event::{self, Comment, Issue, Person, Repo, What};
use partner_desk::domain::partner::{Membership, Partner};
use partner_desk::domain::quota::{self, Entry, EntryKind};
use partner_desk::domain::response::State;
use partner_desk::domain::ticket::{Standing, Ticket};
use partner_desk::domain::window::Window;
use partner_desk::domain::{CommentId, InstallationId, IssueId, PartnerId, RepoId, UserId};
use partner_desk::programme::{Allowance, Policy, Programme, ResponseMode, TierId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

fn id(place: usize) -> i64 {
    i64::try_from(place).unwrap() + 1
}

pub(crate) fn issue_id(issue: usize) -> IssueId {
    IssueId(id(issue))
}

fn person(place: usize) -> Person {
    Person { id: UserId(id(place)), login: PEOPLE[place].to_owned(), bot: PEOPLE[place].ends_with("[bot]") }
}

pub(crate) fn partner_id(place: usize) -> PartnerId {
    PartnerId::new(PARTNERS[place]).unwrap()
}

pub(crate) fn programme() -> Programme {
    use super::story::Kind;
    let tiers = LEVELS.iter().map(|level| {
        let tickets = match level.tickets {
            None => String::new(),
            Some(None) => "tickets = \"unlimited\"\n".to_owned(),
            Some(Some((limit, Kind::Week))) => format!("tickets = \"{limit}/week\"\n"),
            Some(Some((limit, Kind::Month))) => format!("tickets = \"{limit}/month\"\n"),
        };
        format!("[[tier]]\nid = \"{0}\"\nname = \"{0}\"\n{tickets}response = \"{1}h\"\n", level.id, level.target / 3600)
    });
    Programme::parse("programme.toml", &tiers.collect::<String>()).unwrap()
}

pub(crate) fn policy(story: &Story) -> Policy {
    let response = if story.every { ResponseMode::Every } else { ResponseMode::First };
    Policy { over_quota: story.over_quota, response, ..Policy::default() }
}

fn book(story: &Story) -> Book {
    let mut book = Book { first_seen: [(RepoId(7), instant(-300 * 86400))].into(), ..Book::default() };
    for (place, name) in PARTNERS.into_iter().enumerate() {
        let mut partner = Partner { id: partner_id(place), name: name.to_owned(), time_zone: None, tiers: Vec::new() };
        for (number, (from, tier)) in story.tiers[place].iter().enumerate() {
            let until = story.tiers[place].get(number + 1).map(|(until, _)| instant(*until));
            if let Some(tier) = tier {
                partner.put_tier(TierId(LEVELS[*tier].id.to_owned()), Some(instant(*from)), until);
            }
        }
        book.partners.insert(partner.id.clone(), partner);
        for somebody in (0..PEOPLE.len()).filter(|somebody| is_member(*somebody, place)) {
            let Person { id, login, .. } = person(somebody);
            let (partner, primary) = (partner_id(place), somebody == 3 && place == 1);
            book.members.push(Membership { partner, user: Some(id), login, from: None, until: None, primary, lookup_failed: false });
        }
    }
    book.agents =
        Agents { ids: (0..PEOPLE.len()).filter(|place| is_agent(*place)).map(|place| UserId(id(place))).collect(), ..Agents::default() };
    book
}

fn told(story: &Story, event: &Event) -> event::Event {
    let (created, at) = (instant(story.created(event.issue).unwrap()), instant(event.at));
    let label = || Policy::default().labels.waiting_partner.name;
    let what = match &event.deed {
        Deed::Opens => What::Opened,
        Deed::Says { id, substance, commands } => {
            What::Commented(Comment { id: CommentId(*id), substance: *substance, commands: commands.clone() })
        }
        Deed::Deletes(id) => What::Uncommented(CommentId(*id)),
        Deed::Closes(reason) => What::Closed(*reason),
        Deed::Reopens => What::Reopened,
        Deed::Locks => What::Locked,
        Deed::Unlocks => What::Unlocked,
        Deed::Labels => What::Labeled(label()),
        Deed::Unlabels => What::Unlabeled(label()),
        Deed::Destroys => What::Gone,
    };
    event::Event {
        installation: InstallationId(1),
        repo: Repo { id: RepoId(7), full_name: "acme/support".to_owned(), private: false },
        issue: Issue {
            id: issue_id(event.issue),
            number: id(event.issue),
            title: "It does not work".to_owned(),
            url: String::new(),
            author: Some(person(story.authors[event.issue])),
            created_at: created,
            updated_at: at,
            open: None,
            pull_request: false,
            claim: None,
        },
        at,
        actor: Some(person(event.by)),
        what,
    }
}

/// A desk that is watched at every step.
struct Watched<'a> {
    rules: Rules<'a>,
    book: Book,
    /// Steps that were said: ticket, start of the clock, rung, occurrence, instant. They are looked at again when something comes to
    /// light from before, or moves them; the database's key keeps them from being said again (E2).
    said: BTreeSet<(IssueId, Timestamp, usize, u32, Timestamp)>,
    /// When each ticket asks to be woken, as the database knows it.
    asked: BTreeMap<IssueId, Timestamp>,
    now: Timestamp,
}

impl Watched<'_> {
    fn take(&mut self, event: &event::Event, now: Timestamp) -> Result<(), String> {
        self.now = self.now.max(now);
        self.said.retain(|(issue, ..)| *issue != event.issue.id);
        self.rules.take(&mut self.book, event, self.now);
        self.save(event.issue.id);
        self.check()
    }

    /// Time passes to `until`: who asked to be woken by then is woken, in the order in which they asked.
    fn wake(&mut self, until: Timestamp) -> Result<(), String> {
        let mut stuck = 0;
        loop {
            let wants = self.asked.iter().map(|(issue, at)| (*at, *issue));
            let Some((at, issue)) = wants.min().filter(|(at, _)| *at <= until) else { break };
            stuck = if at <= self.now { stuck + 1 } else { 0 };
            if stuck > 20 {
                return Err(format!("#{issue} asks again and again to be woken at {at}, at {}", self.now));
            }
            self.now = self.now.max(at);
            self.wake_one(issue)?;
        }
        self.now = self.now.max(until);
        Ok(())
    }

    fn wake_one(&mut self, issue: IssueId) -> Result<(), String> {
        let steps = self.rules.wake(&mut self.book, issue, self.now);
        self.save(issue);
        for due in steps {
            let key = (issue, due.start, due.firing.step, due.firing.occurrence, due.firing.at);
            if !self.said.insert(key) {
                return Err(format!("#{issue}: step {} of the clock from {} is said twice, at {}", due.firing.step, due.start, self.now));
            }
        }
        self.check()
    }

    /// What changed is saved, with the instant at which it asks to be woken.
    fn save(&mut self, issue: IssueId) {
        let mut changed = std::mem::take(&mut self.book.changes).tickets;
        changed.insert(issue);
        for issue in changed {
            match self.rules.next_at(&self.book, &self.book.tickets[&issue], self.now) {
                Some(at) => self.asked.insert(issue, at),
                None => self.asked.remove(&issue),
            };
        }
    }

    fn wake_all(&mut self) -> Result<(), String> {
        let issues: Vec<_> = self.book.tickets.keys().copied().collect();
        issues.into_iter().try_for_each(|issue| self.wake_one(issue))
    }

    /// Everything is read back from what would stand in the database.
    fn restart(&mut self) -> Result<(), String> {
        for ticket in self.book.tickets.values_mut() {
            let text = serde_json::to_string(ticket).map_err(|why| why.to_string())?;
            let back: Ticket = serde_json::from_str(&text).map_err(|why| why.to_string())?;
            if back != *ticket {
                return Err(format!("ticket {} is another after a restart: {text}", ticket.issue));
            }
            *ticket = back;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        for place in 0..PARTNERS.len() {
            let partner = &self.book.partners[&partner_id(place)];
            let entries = self.book.entries(&partner.id);
            let keys: BTreeSet<_> = entries.iter().map(|entry| &entry.key).collect();
            if keys.len() != entries.len() {
                return Err(format!("a key stands twice in the ledger: {entries:#?}"));
            }
            let mut units = BTreeMap::<(IssueId, &str), i64>::new();
            for entry in entries.iter().filter(|entry| entry.kind != EntryKind::Grant) {
                let charge = entry.key.split_once(':').map_or("", |(_, rest)| rest);
                let sign = if entry.kind == EntryKind::Charge { 1 } else { -1 };
                *units.entry((entry.issue, charge)).or_default() += sign * i64::from(entry.units);
            }
            if let Some((key, units)) = units.iter().find(|(_, units)| !(0..=1).contains(*units)) {
                return Err(format!("{units} units stand for {key:?} at {}", self.now));
            }
            for grant in entries.iter().filter(|entry| entry.kind == EntryKind::Grant) {
                let on = entries.iter().filter(|entry| entry.grant.as_ref() == Some(&grant.key) && entry.kind == EntryKind::Charge);
                let on = on.filter(|entry| units.iter().any(|((_, key), units)| *units > 0 && entry.key.ends_with(&format!(":{key}"))));
                if on.count() > usize::try_from(grant.units).unwrap() {
                    return Err(format!("more stands on {} than was granted, at {}", grant.key, self.now));
                }
            }
            if let [period] = &*partner.tiers
                && let Some(Allowance::PerWindow { limit, window }) = self.rules.programme.tier(&period.tier).and_then(|tier| tier.tickets)
            {
                for entry in entries {
                    let window = Window::at(&self.rules.policy.time_zone, window, entry.at);
                    let used = quota::used(entries, window, self.now);
                    if used > limit {
                        return Err(format!("{used} of {limit} in the window from {} at {}", window.start, self.now));
                    }
                }
            }
            for ticket in self.book.tickets.values().filter(|ticket| ticket.partner() == Some(&partner.id)) {
                let stand = units.iter().filter(|((issue, _), units)| *issue == ticket.issue && **units > 0).count();
                let lives = ticket
                    .lives()
                    .into_iter()
                    .filter(|life| life.charge.as_ref().is_some_and(|charge| charge.back.as_ref().is_none_or(|back| back.kind.is_none())));
                let lives = lives.count();
                if stand != lives {
                    return Err(format!("#{} holds {stand} units for {lives} charged admissions at {}", ticket.number, self.now));
                }
            }
        }
        let policy = self.rules.policy;
        for ticket in self.book.tickets.values() {
            let projection = ticket.projection(self.rules.programme, policy);
            let has = |start: &str| projection.labels.iter().filter(|label| label.name.starts_with(start)).count();
            if has("due: ") > 1 || has("sla: met") + has("sla: breached") > 1 {
                return Err(format!("#{} has the labels {:?} at {}", ticket.number, projection.labels, self.now));
            }
            let mut posts = projection.posts.clone();
            posts.sort();
            posts.dedup();
            if posts.len() != projection.posts.len() {
                return Err(format!("#{} has a comment twice: {:?}", ticket.number, projection.posts));
            }
            let tiers = self.book.partners.values().map(|partner| partner.tiers.len()).sum::<usize>();
            if ticket.amendments.len() > tiers {
                return Err(format!("#{} has {} changes of its promise", ticket.number, ticket.amendments.len()));
            }
        }
        Ok(())
    }
}

fn watched<R>(story: &Story, play: impl FnOnce(&mut Watched<'_>) -> Result<R, String>) -> Result<Book, String> {
    let (programme, policy) = (programme(), policy(story));
    let rules = Rules { programme: &programme, policy: &policy };
    let mut watched = Watched { rules, book: book(story), said: BTreeSet::new(), asked: BTreeMap::new(), now: instant(0) };
    play(&mut watched)?;
    watched.wake(instant(END))?;
    Ok(watched.book)
}

/// Everything arrives when it happens, and the desk never sleeps.
pub(crate) fn in_order(story: &Story) -> Result<Book, String> {
    watched(story, |desk| {
        for event in &story.events {
            desk.wake(instant(event.at))?;
            desk.take(&told(story, event), instant(event.at))?;
        }
        Ok(())
    })
}

/// In order, but everybody is woken at every odd moment.
pub(crate) fn in_order_woken(story: &Story) -> Result<Book, String> {
    watched(story, |desk| {
        for (event, arrival) in story.events.iter().zip(&story.arrivals) {
            for moment in [event.at - arrival.late, event.at - 1, event.at] {
                desk.wake(instant(moment))?;
                desk.wake_all()?;
            }
            desk.take(&told(story, event), instant(event.at))?;
            desk.wake_all()?;
        }
        Ok(())
    })
}

/// What stands in a partner's window, or in the whole story where a change of tier brings windows of another kind: there a late
/// ticket may count in either.
#[derive(Debug, Clone)]
pub(crate) struct Filled {
    pub(crate) partner: PartnerId,
    pub(crate) start: Option<Timestamp>,
    pub(crate) units: i64,
}

impl fmt::Display for Filled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let window = self.start.map_or_else(|| "whole story".to_owned(), |start| format!("window from {start}"));
        write!(f, "{}: {} in the {window}", self.partner, self.units)
    }
}

/// How many units stand in each window, in order.
pub(crate) fn windows(story: &Story, book: &Book) -> Vec<Filled> {
    let (zone, programme) = (policy(story).time_zone, programme());
    let mut windows = BTreeMap::<_, i64>::new();
    for entry in book.ledger.values().flatten() {
        let tickets = |tier: &TierId| programme.tier(tier).and_then(|tier| tier.tickets);
        let kinds = book.partners[&entry.partner].tiers.iter().filter_map(|period| match tickets(&period.tier)? {
            Allowance::PerWindow { window, .. } => Some(Some(window)),
            Allowance::Unlimited => Some(None),
        });
        let mut kinds: Vec<_> = kinds.collect();
        kinds.dedup();
        let start = match &*kinds {
            [Some(kind)] => Some(Window::at(&zone, *kind, entry.at).start),
            _ => None,
        };
        *windows.entry((entry.partner.clone(), start)).or_default() += match entry.kind {
            EntryKind::Charge => i64::from(entry.units),
            EntryKind::Grant => 0,
            EntryKind::Refund | EntryKind::Withdrawal | EntryKind::Waiver => -i64::from(entry.units),
        };
    }
    windows.into_iter().map(|((partner, start), units)| Filled { partner, start, units }).filter(|filled| filled.units != 0).collect()
}

/// Whether a ticket of the partner was charged under a tier that ended before another was charged, of which the desk had heard earlier,
/// and which shares its own window with it.
pub(crate) fn came_before_a_change(story: &Story, book: &Book, partner: &PartnerId) -> bool {
    let (zone, programme) = (policy(story).time_zone, programme());
    let partner = &book.partners[partner];
    let shares = |late, other| match partner.tier_at(other).and_then(|tier| programme.tier(&tier)?.tickets) {
        Some(Allowance::PerWindow { window, .. }) => Window::at(&zone, window, other).contains(late),
        _ => false,
    };
    let changes = |from, to| partner.changes_after(from).any(|change| change <= to);
    let charges: Vec<_> = book.entries(&partner.id).iter().filter(|entry| entry.kind == EntryKind::Charge).collect();
    charges.iter().any(|late| {
        let overtaken = |other: &&&Entry| other.recorded_at < late.recorded_at && late.at < other.at;
        charges.iter().filter(overtaken).any(|other| changes(late.at, other.at) && shares(late.at, other.at))
    })
}

/// Late, twice, in another order; the desk sleeps now and then, and starts anew.
pub(crate) fn mixed_up(story: &Story) -> Result<Book, String> {
    let mut arrivals = Vec::new();
    for (event, arrival) in story.events.iter().zip(&story.arrivals) {
        arrivals.push((event.at + arrival.late, event, arrival));
        arrivals.extend(arrival.again.map(|again| (event.at + again, event, arrival)));
    }
    arrivals.sort_by_key(|(at, ..)| *at);
    watched(story, |desk| {
        for (at, event, arrival) in arrivals {
            if !arrival.slept {
                desk.wake(instant(at))?;
            }
            if arrival.restart {
                desk.restart()?;
            }
            desk.take(&told(story, event), instant(at))?;
        }
        // Its queue and its refunds have come to rest long before the last of its tickets is looked at.
        desk.wake(instant(END) - minutes(1))
    })
}

/// What can be seen of a ticket, line by line.
pub(crate) struct Seen {
    number: usize,
    standing: String,
    cycles: Vec<String>,
    units: Vec<Timestamp>,
    labels: Vec<String>,
    verdicts: Vec<String>,
}

impl Seen {
    pub(crate) fn of(story: &Story, book: &Book, issue: usize) -> Self {
        let ticket = &book.tickets[&issue_id(issue)];
        let (programme, policy) = (programme(), policy(story));
        let standing = match &ticket.standing {
            Standing::Nobody => "Nobody",
            Standing::NoSubscription { .. } => "NoSubscription",
            Standing::NotIncluded { .. } => "NotIncluded",
            Standing::Waiting(_) => "Waiting",
            Standing::Left { .. } => "Left",
            Standing::TurnedAway(_) => "TurnedAway",
            Standing::Admitted(_) => "Admitted",
            Standing::Older | Standing::Checking { .. } => "?",
        };
        let cycles = ticket.cycles().into_iter().map(|cycle| {
            let outcome = match &cycle.state {
                State::Running => "running".to_owned(),
                State::Ended { outcome, .. } => format!("{outcome:?}"),
            };
            format!("from {} due {} {outcome}", cycle.start, cycle.due)
        });
        let gone: BTreeSet<_> = book
            .ledger
            .values()
            .flatten()
            .filter(|entry| !matches!(entry.kind, EntryKind::Charge | EntryKind::Grant))
            .collect::<Vec<_>>()
            .into_iter()
            .filter_map(|entry| entry.key.split_once(':').map(|(_, rest)| rest))
            .collect();
        let stands = |key: &str| key.split_once(':').is_some_and(|(_, rest)| !gone.contains(rest));
        let charges = book.ledger.values().flatten().filter(|entry| entry.issue == ticket.issue && entry.kind == EntryKind::Charge);
        let mut units: Vec<_> = charges.filter(|entry| stands(&entry.key)).map(|entry| entry.at).collect();
        units.sort();
        let mut labels: Vec<_> = ticket.projection(&programme, &policy).labels.into_iter().map(|label| label.name).collect();
        labels.sort();
        let verdicts = ticket.walk().verdicts.into_iter().map(|verdict| {
            format!("{} of {}: {:?}", verdict.command.verb().map_or("?", |verb| verb.name()), verdict.comment, verdict.said)
        });
        Self { number: issue + 1, standing: standing.to_owned(), cycles: cycles.collect(), units, labels, verdicts: verdicts.collect() }
    }

    pub(crate) fn model_lines(&self) -> Vec<String> {
        let number = self.number;
        let mut lines = vec![format!("#{number} stands {}", self.standing)];
        lines.extend(self.cycles.iter().enumerate().map(|(place, cycle)| format!("#{number} clock {} {cycle}", place + 1)));
        lines.push(format!("#{number} has the labels {:?}", self.labels));
        lines.push(format!("#{number} holds units of {:?}", self.units));
        lines
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = self.model_lines();
        lines.extend(self.verdicts.iter().map(|verdict| format!("#{} {verdict}", self.number)));
        lines
    }
}

pub(crate) fn model_lines(model: &Desk<'_>, issue: usize) -> Vec<String> {
    let ticket = model.tickets[issue].as_ref().unwrap();
    let cycle = |cycle: &desk::Cycle| {
        let outcome = cycle.outcome.map_or_else(|| "running".to_owned(), |outcome| format!("{outcome:?}"));
        format!("from {} due {} {outcome}", instant(cycle.start), instant(cycle.due()))
    };
    let mut units: Vec<_> = model.units(issue).into_iter().map(instant).collect();
    units.sort();
    let seen = Seen {
        number: issue + 1,
        standing: format!("{:?}", ticket.standing),
        cycles: ticket.cycles.iter().map(cycle).collect(),
        units,
        labels: model.labels(issue, END),
        verdicts: Vec::new(),
    };
    seen.model_lines()
}
