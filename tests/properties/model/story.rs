//! Conversations: who does what on which issue and when, as GitHub would tell it. Plain data, that reads like a log when it is printed.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use partner_desk::domain::command::{Command, Verb};
use partner_desk::domain::event::CloseReason;
use partner_desk::programme::OverQuota;
use proptest::prelude::*;
use std::fmt;

pub(crate) const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;
pub(crate) const WEEK: i64 = 7 * DAY;

/// Seconds after Monday 2026-11-16 00:00 UTC.
pub(crate) type At = i64;

/// The first instants of December and of the next three months.
pub(crate) const MONTHS: [At; 5] = [-15 * DAY, 15 * DAY, 46 * DAY, 77 * DAY, 105 * DAY];

/// Where every story has come to rest.
pub(crate) const END: At = 104 * DAY;

pub(crate) fn instant(at: At) -> Timestamp {
    let monday: Timestamp = "2026-11-16T00:00:00Z".parse().unwrap();
    monday + SignedDuration::from_secs(at)
}

/// Acme's Alice and Bob, Beta's Carl, Dora of both (Beta's first), the engineers Ann and Ben, Gus who is an engineer and Acme's, a
/// stranger, a bot.
pub(crate) const PEOPLE: [&str; 9] = ["alice", "bob", "carl", "dora", "ann", "ben", "gus", "zoe", "robot[bot]"];
pub(crate) const ROBOT: usize = 8;
pub(crate) const PARTNERS: [&str; 2] = ["acme", "beta"];

pub(crate) fn is_agent(person: usize) -> bool {
    (4..=6).contains(&person)
}

pub(crate) fn is_member(person: usize, partner: usize) -> bool {
    matches!((person, partner), (0 | 1 | 3 | 6, 0) | (2 | 3, 1))
}

/// For which partner an issue of this person counts.
pub(crate) fn home(person: usize) -> Option<usize> {
    [None, Some(0), Some(1)][usize::from(is_member(person, 0)) + usize::from(is_member(person, 1)) * 2 - usize::from(person == 3)]
}

/// A tier of the stories: its allowance, and its target in seconds. The lowest comes first.
pub(crate) struct Level {
    pub(crate) id: &'static str,
    pub(crate) tickets: Option<Option<(u32, Kind)>>,
    pub(crate) target: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Week,
    Month,
}

pub(crate) const LEVELS: [Level; 6] = [
    Level { id: "Bare", tickets: None, target: 48 * HOUR },
    Level { id: "Nil", tickets: Some(Some((0, Kind::Week))), target: 36 * HOUR },
    Level { id: "One", tickets: Some(Some((1, Kind::Week))), target: 8 * HOUR },
    Level { id: "Two", tickets: Some(Some((2, Kind::Month))), target: 4 * HOUR },
    Level { id: "Three", tickets: Some(Some((3, Kind::Week))), target: 2 * HOUR },
    Level { id: "All", tickets: Some(None), target: HOUR },
];

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Deed {
    Opens,
    Says { id: i64, substance: bool, commands: Vec<Command> },
    Deletes(i64),
    Closes(CloseReason),
    Reopens,
    Locks,
    Unlocks,
    Labels,
    Unlabels,
    Destroys,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) at: At,
    pub(crate) issue: usize,
    pub(crate) by: usize,
    pub(crate) deed: Deed,
}

/// How an event arrives: how late, how late once more, whether the desk slept until then, and whether it starts anew before.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) late: i64,
    pub(crate) again: Option<i64>,
    pub(crate) slept: bool,
    pub(crate) restart: bool,
}

#[derive(Clone)]
pub(crate) struct Story {
    /// Of each partner: from when which tier holds; none: no subscription.
    pub(crate) tiers: [Vec<(At, Option<usize>)>; 2],
    pub(crate) over_quota: OverQuota,
    pub(crate) every: bool,
    /// Authors of the issues.
    pub(crate) authors: Vec<usize>,
    /// In the order in which it happened.
    pub(crate) events: Vec<Event>,
    /// One for each event, and one more.
    pub(crate) arrivals: Vec<Arrival>,
}

impl Story {
    pub(crate) fn tier_at(&self, partner: usize, at: At) -> Option<usize> {
        self.tiers[partner].iter().rev().find(|(from, _)| *from <= at).and_then(|(_, tier)| *tier)
    }

    pub(crate) fn created(&self, issue: usize) -> Option<At> {
        self.events.iter().find(|event| event.issue == issue && event.deed == Deed::Opens).map(|event| event.at)
    }
}

/// When something is done.
#[derive(Debug, Clone)]
enum When {
    /// So long after the last deed on the issue.
    After(i64),
    /// About the time at which an answer is due, counted from the last start.
    Due(i64),
    /// About the beginning of the next week, or month.
    Week(i64),
    Month(i64),
    /// About fifteen minutes after the last start.
    Early(i64),
    /// About five seconds after the last close, and fourteen days.
    Closing(i64),
    Fortnight(i64),
    /// About ten minutes after the last comment.
    Void(i64),
}

#[derive(Debug, Clone)]
enum Act {
    Says { substance: bool, command: Option<Command> },
    Deletes,
    Turns(CloseReason),
    Locks,
    Labels,
    Destroys,
}

#[derive(Debug, Clone)]
struct Line {
    issue: usize,
    by: usize,
    when: When,
    act: Act,
}

/// What a family of stories may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kinds {
    pub(crate) issues: usize,
    pub(crate) lines: usize,
    /// What is only known afterwards: comments that are deleted, or come right after a close.
    pub(crate) hindsight: bool,
    /// `/for`.
    pub(crate) moves: bool,
    /// Tiers may change.
    pub(crate) changes: bool,
}

fn commands(kinds: Kinds) -> BoxedStrategy<Command> {
    let plain = [
        Verb::Quota,
        Verb::Status,
        Verb::Why,
        Verb::Help,
        Verb::Withdraw,
        Verb::Reopen,
        Verb::Wait,
        Verb::Resume,
        Verb::None,
        Verb::Escalate,
    ];
    let mut all: Vec<_> = plain.into_iter().chain([Verb::Wait, Verb::Withdraw, Verb::Reopen, Verb::Wait]).map(Command::Plain).collect();
    all.extend([
        Command::Ack(None),
        Command::Ack(Some(SignedDuration::from_mins(30))),
        Command::Extend { by: SignedDuration::from_hours(4), reason: "a part".to_owned() },
        Command::Extend { by: SignedDuration::from_secs(1), reason: "a second".to_owned() },
        Command::Waive("a gift".to_owned()),
        Command::Waive("a gift".to_owned()),
        Command::Refund("our fault".to_owned()),
        Command::Refund("our fault".to_owned()),
        Command::Grant { count: 1, until: None, reason: "outage".to_owned() },
        Command::Grant { count: 2, until: Some(Date::constant(2026, 12, 31)), reason: "outage".to_owned() },
        Command::Duplicate(7),
        Command::Malformed(Verb::Extend),
        Command::Unknown("frobnicate".to_owned()),
    ]);
    if kinds.moves {
        all.extend(PARTNERS.into_iter().cycle().take(6).map(|partner| Command::For(partner.to_owned())));
    }
    prop::sample::select(all).boxed()
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        3 => (0..20_i64).prop_map(When::After),
        3 => (0..HOUR).prop_map(When::After),
        3 => (0..2 * DAY).prop_map(When::After),
        1 => (0..20 * DAY).prop_map(When::After),
        1 => Just(When::After(0)),
        4 => (-1..=1_i64).prop_map(When::Due),
        1 => (-1..=1_i64).prop_map(When::Week),
        1 => (-1..=1_i64).prop_map(When::Month),
        2 => (-1..=1_i64).prop_map(When::Early),
        2 => (0..=7_i64).prop_map(When::Closing),
        1 => (-1..=1_i64).prop_map(When::Fortnight),
        1 => (-1..=1_i64).prop_map(When::Void),
    ]
}

fn line(kinds: Kinds) -> impl Strategy<Value = Line> {
    let act = prop_oneof![
        8 => any::<()>().prop_map(|()| Act::Says { substance: true, command: None }),
        6 => commands(kinds).prop_map(|command| Act::Says { substance: false, command: Some(command) }),
        3 => commands(kinds).prop_map(|command| Act::Says { substance: true, command: Some(command) }),
        2 => Just(Act::Deletes),
        6 => prop::sample::select(vec![CloseReason::Completed, CloseReason::NotPlanned, CloseReason::Duplicate]).prop_map(Act::Turns),
        1 => Just(Act::Locks),
        2 => Just(Act::Labels),
        1 => prop::bool::weighted(0.3).prop_map(|gone| if gone { Act::Destroys } else { Act::Labels }),
    ];
    let by = prop_oneof![3 => Just(0_usize), 4 => Just(4_usize), 6 => 0..PEOPLE.len()];
    (0..kinds.issues, by, when(), act).prop_map(|(issue, by, when, act)| Line { issue, by, when, act })
}

fn tiers(kinds: Kinds) -> impl Strategy<Value = Vec<(At, Option<usize>)>> {
    let tier = || prop_oneof![1 => Just(None), 20 => (0..LEVELS.len()).prop_map(Some), 8 => Just(Some(2_usize)), 6 => Just(Some(4_usize))];
    let first = prop_oneof![1 => Just(None), 1 => Just(Some(1)), 12 => (2..LEVELS.len()).prop_map(Some), 12 => Just(Some(2_usize))];
    let change = (
        prop_oneof![3 => 0..20 * DAY, 2 => (0..40 * 24_i64).prop_map(|hour| hour * HOUR), 1 => (1..4_i64).prop_map(|week| week * WEEK)],
        tier(),
    );
    let most = if kinds.changes { 4 } else { 1 };
    (first, prop::collection::vec(change, 0..most)).prop_map(|(first, mut changes)| {
        changes.sort_by_key(|(at, _)| *at);
        let mut tiers = vec![(-400 * DAY, first)];
        for (at, tier) in changes {
            if tiers.last().is_some_and(|(last, now)| *last < at && *now != tier) {
                tiers.push((at, tier));
            }
        }
        tiers
    })
}

fn arrival() -> impl Strategy<Value = Arrival> {
    let late = || prop_oneof![4 => Just(0_i64), 3 => 0..HOUR, 3 => 0..2 * DAY, 2 => 0..20 * DAY];
    let again = prop_oneof![3 => Just(None), 1 => late().prop_map(Some)];
    (late(), again, any::<bool>(), prop::bool::weighted(0.2)).prop_map(|(late, again, slept, restart)| Arrival {
        late,
        again,
        slept,
        restart,
    })
}

pub(crate) fn story(kinds: Kinds) -> impl Strategy<Value = Story> {
    let policy = (
        prop::sample::select(vec![OverQuota::Wait, OverQuota::Wait, OverQuota::Wait, OverQuota::Close, OverQuota::AdmitWithoutSla]),
        any::<bool>(),
    );
    let opening = (
        prop::sample::select(vec![0_usize, 0, 0, 0, 1, 2, 3, 6, 4, 7]),
        prop_oneof![4 => 0..3 * DAY, 2 => 0..14 * DAY, 1 => (0..4_i64, -1..=1_i64).prop_map(|(week, off)| (week * WEEK + off).max(0)), 2 => Just(9 * HOUR)],
    );
    let openings = prop::collection::vec(opening, 1..=kinds.issues);
    let lines = prop::collection::vec(line(kinds), 0..kinds.lines);
    ([tiers(kinds), tiers(kinds)], policy, openings, lines, prop::collection::vec(arrival(), 8)).prop_map(
        move |(tiers, (over_quota, every), openings, lines, arrivals)| {
            let events = written(kinds, &tiers, &openings, &lines);
            let authors = openings.iter().map(|(author, _)| *author).collect();
            let arrivals = (0..=events.len()).map(|place| arrivals[(place * 5 + place / 8) % 8].clone()).collect();
            Story { tiers, over_quota, every, authors, events, arrivals }
        },
    )
}

/// Instants that [`When`] counts from, of one issue, and what GitHub would let people do.
struct Issue {
    last: At,
    started: At,
    reopened: At,
    closed: At,
    said: At,
    open: bool,
    locked: bool,
    labelled: bool,
    gone: bool,
    /// Comments that can be deleted.
    said_ids: Vec<i64>,
}

/// Turns a script into events that can have happened: nobody closes what is closed.
fn written(kinds: Kinds, tiers: &[Vec<(At, Option<usize>)>; 2], openings: &[(usize, At)], lines: &[Line]) -> Vec<Event> {
    let mut events = Vec::new();
    let mut issues: Vec<_> = Vec::new();
    for (issue, (author, at)) in openings.iter().enumerate() {
        events.push(Event { at: *at, issue, by: *author, deed: Deed::Opens });
        let (last, started, closed, said) = (*at, *at, *at, *at);
        issues.push(Issue {
            last,
            started,
            reopened: -1,
            closed,
            said,
            open: true,
            locked: false,
            labelled: false,
            gone: false,
            said_ids: Vec::new(),
        });
    }
    for (place, line) in lines.iter().enumerate() {
        let number = line.issue % issues.len();
        let issue = &mut issues[number];
        if issue.gone {
            continue;
        }
        let home = home(openings[number].0).unwrap_or(0);
        let tier = tiers[home].iter().rev().find(|(from, _)| *from <= issue.started).and_then(|(_, tier)| *tier);
        let target = tier.map_or(HOUR, |tier| LEVELS[tier].target);
        let at = match line.when {
            When::After(seconds) => issue.last + seconds,
            When::Due(off) => issue.started + target + off,
            When::Week(off) => (issue.last / WEEK + 1) * WEEK + off,
            When::Month(off) => MONTHS.into_iter().find(|month| *month > issue.last).unwrap_or(issue.last) + off,
            When::Early(off) => issue.started + 15 * MINUTE + off,
            When::Closing(off) => issue.closed + off,
            When::Fortnight(off) => issue.closed + 14 * DAY + off,
            When::Void(off) => issue.said + 10 * MINUTE + off,
        };
        let mut at = at.max(issue.last).max(issue.reopened + 1).min(END - 30 * DAY).max(issue.last);
        // What opens a door has a second of its own: who comes first within one second is nobody's business.
        let reopens = match (&line.act, issue.open) {
            (Act::Turns(_), open) => !open,
            (Act::Says { command: Some(command), .. }, _) => {
                matches!(command, Command::Plain(Verb::Reopen) | Command::Grant { .. } | Command::Waive(_))
            }
            _ => false,
        };
        if reopens {
            at = at.max(issue.last + 1);
            issue.reopened = at;
        }
        let id = i64::try_from(place + 1).unwrap() * 10;
        let mut echo = None;
        let deed = match &line.act {
            Act::Says { substance, command } => {
                if !kinds.hindsight && !issue.open {
                    at = at.max(issue.closed + 6);
                }
                let staff = is_agent(line.by) || is_member(line.by, 0) || is_member(line.by, 1);
                match command {
                    Some(Command::Plain(Verb::Withdraw) | Command::Duplicate(_)) if staff && issue.open => {
                        echo = Some(Deed::Closes(CloseReason::NotPlanned));
                    }
                    Some(Command::Plain(Verb::Reopen)) if staff && !issue.open => echo = Some(Deed::Reopens),
                    _ => {}
                }
                issue.said = at;
                issue.said_ids.push(id);
                Deed::Says { id, substance: *substance, commands: command.iter().cloned().collect() }
            }
            Act::Deletes => match issue.said_ids.pop().filter(|_| kinds.hindsight) {
                Some(id) => Deed::Deletes(id),
                None => continue,
            },
            Act::Turns(reason) if issue.open => {
                issue.closed = at;
                issue.open = false;
                Deed::Closes(*reason)
            }
            Act::Turns(_) => {
                issue.open = true;
                issue.started = at;
                Deed::Reopens
            }
            Act::Locks => {
                issue.locked ^= true;
                if issue.locked { Deed::Locks } else { Deed::Unlocks }
            }
            Act::Labels => {
                issue.labelled ^= true;
                if issue.labelled { Deed::Labels } else { Deed::Unlabels }
            }
            Act::Destroys => {
                issue.gone = true;
                Deed::Destroys
            }
        };
        // GitHub's own events of one kind have different instants.
        let same = |event: &Event| event.issue == number && std::mem::discriminant(&event.deed) == std::mem::discriminant(&deed);
        while !matches!(deed, Deed::Says { .. }) && events.iter().any(|event| same(event) && event.at == at) {
            at += 1;
        }
        issue.last = at;
        events.push(Event { at, issue: number, by: line.by, deed });
        if let Some(deed) = echo {
            issue.last = at + 2;
            issue.open = deed == Deed::Reopens;
            if issue.open {
                issue.started = at;
            } else {
                issue.closed = at;
            }
            events.push(Event { at: at + 2, issue: number, by: ROBOT, deed });
        }
    }
    events.sort_by_key(|event| (event.at, rank(&event.deed), event.issue));
    events
}

/// At one instant: the opening; a stop, a pause, a start (S8).
pub(crate) fn rank(deed: &Deed) -> u8 {
    match deed {
        Deed::Opens => 0,
        Deed::Says { substance: true, .. } => 1,
        Deed::Closes(_) | Deed::Deletes(_) => 2,
        Deed::Says { .. } | Deed::Locks | Deed::Labels => 3,
        Deed::Unlocks | Deed::Unlabels => 4,
        Deed::Reopens => 5,
        Deed::Destroys => 6,
    }
}

pub(crate) fn clock(at: At) -> String {
    instant(at).strftime("%a %m-%d %H:%M:%S").to_string()
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.issue + 1;
        write!(f, "{}  {} ", clock(self.at), PEOPLE[self.by])?;
        match &self.deed {
            Deed::Opens => write!(f, "opens #{number}"),
            Deed::Says { id, substance, commands } => {
                let words = commands.iter().map(|command| match command {
                    Command::Unknown(name) => format!("/{name}"),
                    Command::Malformed(verb) => format!("/{} (malformed)", verb.name()),
                    Command::For(partner) => format!("/for {partner}"),
                    Command::Ack(Some(time)) => format!("/ack {time:#}"),
                    Command::Extend { by, .. } => format!("/extend {by:#}"),
                    Command::Grant { count, until, .. } => format!("/grant {count} until {until:?}"),
                    other => format!("/{}", other.verb().map_or("", Verb::name)),
                });
                let words: Vec<_> = words.chain(substance.then(|| "text".to_owned())).collect();
                write!(f, "comments #{number} ({id}): {}", words.join(" + "))
            }
            Deed::Deletes(id) => write!(f, "deletes comment {id} of #{number}"),
            Deed::Closes(reason) => write!(f, "closes #{number} as {reason:?}"),
            Deed::Reopens => write!(f, "reopens #{number}"),
            Deed::Locks => write!(f, "locks #{number}"),
            Deed::Unlocks => write!(f, "unlocks #{number}"),
            Deed::Labels => write!(f, "labels #{number} waiting: partner"),
            Deed::Unlabels => write!(f, "takes waiting: partner off #{number}"),
            Deed::Destroys => write!(f, "deletes #{number}"),
        }
    }
}

impl fmt::Debug for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let response = if self.every { "every" } else { "first" };
        writeln!(f, "over_quota = {:?}, response = {response}", self.over_quota)?;
        for (partner, tiers) in PARTNERS.iter().zip(&self.tiers) {
            let words = tiers.iter().map(|(from, tier)| {
                let name = tier.map_or("no subscription", |tier| LEVELS[tier].id);
                if *from < 0 { name.to_owned() } else { format!("{name} from {}", clock(*from)) }
            });
            writeln!(f, "{partner}: {}", words.collect::<Vec<_>>().join(", "))?;
        }
        for (event, arrival) in self.events.iter().zip(&self.arrivals) {
            write!(f, "  {event}")?;
            let Arrival { late, again, slept, restart } = arrival;
            if *late > 0 {
                write!(f, "   [arrives {}]", clock(event.at + late))?;
            }
            if let Some(again) = again {
                write!(f, "   [again {}]", clock(event.at + again))?;
            }
            let words = [(*slept, "   [slept]"), (*restart, "   [restart]")];
            writeln!(f, "{}", words.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect::<String>())?;
        }
        Ok(())
    }
}
