//! A whole desk in one book: a partner, its member, an engineer and passers-by, and what they do.

use jiff::{SignedDuration, Timestamp};
use partner_desk::domain::book::{Agents, Book};
use partner_desk::domain::decide::Rules;
use partner_desk::domain::event::{Comment, Event, Issue, Person, Repo, What};
use partner_desk::domain::partner::{Membership, Partner};
use partner_desk::domain::quota::{Entry, EntryKind};
use partner_desk::domain::window::Window;
use partner_desk::domain::{CommentId, InstallationId, IssueId, PartnerId, RepoId, UserId};
use partner_desk::programme::{OverQuota, Policy, Programme, TierId, WindowKind};
use std::collections::BTreeMap;

/// A Monday, at which no window begins but the week's.
pub(crate) fn monday() -> Timestamp {
    "2026-11-16T00:00:00Z".parse().unwrap()
}

pub(crate) fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

pub(crate) const MEMBER: i64 = 1;
pub(crate) const COLLEAGUE: i64 = 2;
pub(crate) const AGENT: i64 = 3;
pub(crate) const PASSERBY: i64 = 4;
pub(crate) const ROBOT: i64 = 5;

pub(crate) fn person(id: i64) -> Person {
    let login = ["", "alice", "bob", "ann", "zoe", "robot[bot]"][usize::try_from(id).unwrap()].to_owned();
    Person { id: UserId(id), bot: login.ends_with("[bot]"), login }
}

pub(crate) fn acme() -> PartnerId {
    PartnerId::new("acme").unwrap()
}

/// One tier, `team`, with this allowance.
pub(crate) fn programme(tickets: &str) -> Programme {
    let text = format!("[[tier]]\nid = \"team\"\nname = \"Team\"\ntickets = \"{tickets}\"\nresponse = \"4h\"\n");
    Programme::parse("programme.toml", &text).unwrap()
}

pub(crate) fn policy(zone: &str, over_quota: OverQuota) -> Policy {
    let time_zone = jiff::tz::TimeZone::get(zone).unwrap();
    Policy { time_zone, time_zone_name: zone.to_owned(), over_quota, ..Policy::default() }
}

/// Acme is in the tier `team` since ever; alice and bob are its members, ann is an engineer.
pub(crate) fn book() -> Book {
    let mut partner = Partner { id: acme(), name: "Acme".to_owned(), time_zone: None, tiers: Vec::new() };
    partner.put_tier(TierId("team".to_owned()), None, None);
    let member = |id| {
        let Person { id, login, .. } = person(id);
        Membership { partner: acme(), user: Some(id), login, from: None, until: None, primary: false, lookup_failed: false }
    };
    Book {
        partners: [(acme(), partner)].into(),
        members: vec![member(MEMBER), member(COLLEAGUE)],
        first_seen: [(RepoId(7), monday() - minutes(60 * 24 * 365))].into(),
        agents: Agents { ids: [UserId(AGENT)].into(), ..Agents::default() },
        ..Book::default()
    }
}

/// Something that happens on an issue which alice opened at `created`.
pub(crate) fn event(issue: i64, created: Timestamp, at: Timestamp, by: i64, what: What) -> Event {
    Event {
        installation: InstallationId(1),
        repo: Repo { id: RepoId(7), full_name: "acme/support".to_owned(), private: false },
        issue: Issue {
            id: IssueId(issue),
            number: issue,
            title: "It does not work".to_owned(),
            url: String::new(),
            author: Some(person(MEMBER)),
            created_at: created,
            updated_at: at,
            open: None,
            pull_request: false,
            claim: None,
        },
        at,
        actor: Some(person(by)),
        what,
    }
}

pub(crate) fn comment(id: i64) -> What {
    What::Commented(Comment { id: CommentId(id), substance: true, commands: Vec::new() })
}

/// Time passes to `now`: everything that asked to be woken by then is, in the order in which it asked.
pub(crate) fn wake(rules: &Rules<'_>, book: &mut Book, from: Timestamp, now: Timestamp) {
    let mut clock = from;
    loop {
        let wants = book.tickets.values().filter_map(|ticket| Some((rules.next_at(book, ticket, clock)?, ticket.issue)));
        let Some((at, issue)) = wants.min().filter(|(at, _)| *at <= now) else { return };
        clock = clock.max(at);
        rules.wake(book, issue, clock);
    }
}

/// Units charged to each window, by its start.
pub(crate) fn charged(entries: &[Entry], policy: &Policy, kind: WindowKind) -> BTreeMap<Timestamp, i64> {
    let mut windows = BTreeMap::new();
    for entry in entries {
        let window = Window::at(&policy.time_zone, kind, entry.at);
        *windows.entry(window.start).or_default() += match entry.kind {
            EntryKind::Charge => 1,
            EntryKind::Grant => 0,
            _ => -1,
        };
    }
    windows
}
