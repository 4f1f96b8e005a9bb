//! The small model: what the rules say, second by second and event by event, for stories that arrive in order. It shares nothing with
//! the desk but the words of a command.

use super::story::{At, home, instant};
use super::story::{DAY, Deed, END, HOUR, Kind, LEVELS, MINUTE, MONTHS, ROBOT, Story, WEEK, is_agent, is_member};
use partner_desk::domain::command::{Command, Verb};
use partner_desk::domain::event::CloseReason;
use partner_desk::programme::OverQuota;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Nobody,
    NoSubscription,
    NotIncluded,
    Waiting,
    Left,
    TurnedAway,
    Admitted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Partner,
    Agent,
    Bot,
    Passerby,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Met,
    Late,
    ClosedUnanswered,
    Cancelled,
    Gone,
    Settled,
    ClosedLate,
}

impl Outcome {
    fn breach(self) -> bool {
        matches!(self, Self::Late | Self::ClosedLate)
    }
}

/// A stopwatch: so much is counted, and it runs since then or stands still since then.
#[derive(Debug, Clone)]
pub(crate) struct Cycle {
    pub(crate) start: At,
    /// What labels name (S11, G2).
    named: usize,
    budget: i64,
    counted: i64,
    since: At,
    runs: bool,
    /// Known and passed: nothing moves it any more.
    passed: Option<At>,
    by_comment: bool,
    extended: bool,
    pub(crate) outcome: Option<Outcome>,
}

impl Cycle {
    fn counted(&self, at: At) -> i64 {
        self.counted + if self.runs { at - self.since } else { 0 }
    }

    /// When it is due, or could be at the earliest if it stands still.
    pub(crate) fn due(&self) -> At {
        self.passed.unwrap_or(self.since + self.budget - self.counted)
    }

    fn over(&self, at: At) -> bool {
        (self.runs || self.passed.is_some()) && at > self.due()
    }

    fn stop(&mut self, at: At) {
        if self.runs {
            self.passed = self.passed.or((self.due() <= at).then(|| self.due()));
            (self.counted, self.since, self.runs) = (self.counted(at), at, false);
        }
    }

    fn go_on(&mut self, at: At) {
        if !self.runs {
            (self.since, self.runs) = (at, true);
        }
    }
}

/// A unit that was charged.
#[derive(Debug, Clone)]
struct Unit {
    issue: usize,
    partner: usize,
    at: At,
    kind: Option<Kind>,
    grant: Option<usize>,
    back: Option<Back>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Back {
    Refund,
    Withdrawal,
    Waiver,
}

#[derive(Debug, Clone)]
struct Grant {
    partner: usize,
    from: At,
    until: At,
    units: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) standing: Standing,
    pub(crate) cycles: Vec<Cycle>,
    partner: Option<usize>,
    author: usize,
    created: At,
    tier: Option<usize>,
    /// Of the present admission: since when, its unit, the promise's tier.
    admitted: At,
    /// Waived while nothing was charged: so is what comes.
    waived: bool,
    /// Since when it stands in line.
    since: At,
    /// It stood in line for this, before it was refused.
    queued: bool,
    unit: Option<usize>,
    promise: Option<usize>,
    open: bool,
    closed: At,
    answered: bool,
    answered_now: bool,
    for_good: bool,
    waits: bool,
    locked: bool,
    gone: bool,
}

impl Ticket {
    /// It came back into line when there was nothing to wait for; another return is looked at anew (Q10).
    fn refused_in_line(&self) -> bool {
        self.queued && matches!(self.standing, Standing::NoSubscription | Standing::NotIncluded)
    }
}

pub(crate) struct Desk<'s> {
    story: &'s Story,
    pub(crate) tickets: Vec<Option<Ticket>>,
    units: Vec<Unit>,
    grants: Vec<Grant>,
}

fn window(kind: Kind, at: At) -> At {
    match kind {
        Kind::Week => at.div_euclid(WEEK) * WEEK,
        Kind::Month => MONTHS.into_iter().rev().find(|month| *month <= at).unwrap_or(i64::MIN),
    }
}

fn window_end(kind: Kind, at: At) -> At {
    match kind {
        Kind::Week => window(kind, at) + WEEK,
        Kind::Month => MONTHS.into_iter().find(|month| *month > at).unwrap_or(i64::MAX),
    }
}

/// One meaning of one event.
#[derive(Debug, Clone)]
enum Beat {
    Opened,
    Text,
    Command(Command),
    /// The other side of the text: it starts things.
    Word,
    Github(Deed),
}

/// What happens, in the order in which it counts (S8): when, rank, comment, by whom, really when.
fn beats(story: &Story) -> Vec<(At, u8, i64, usize, usize, At, Beat)> {
    let mut beats = Vec::new();
    for event in &story.events {
        let mut add = |when, rank, id, beat| beats.push((when, rank, id, event.issue, event.by, event.at, beat));
        let others = || story.events.iter().filter(|other| other.issue == event.issue);
        match &event.deed {
            Deed::Opens => add(event.at, 0, 0, Beat::Opened),
            Deed::Says { id, substance, commands } => {
                // S9: up to five seconds after a close by the same person counts as before it.
                let closes = others().filter(|other| matches!(other.deed, Deed::Closes(_)) && other.by == event.by);
                let close = closes.map(|close| close.at).filter(|close| (0..=5).contains(&(event.at - close))).max();
                let reopened = |close| others().any(|other| other.deed == Deed::Reopens && other.at > close && other.at <= event.at);
                let when = close.filter(|close| !reopened(*close)).unwrap_or(event.at);
                // S10: deleted within ten minutes, it was never said.
                let void = others().any(|other| other.deed == Deed::Deletes(*id) && other.at - event.at <= 10 * MINUTE);
                if *substance && !void {
                    add(when, 1, *id, Beat::Text);
                    add(when, 5, *id, Beat::Word);
                }
                for command in commands {
                    let rank = match command.verb() {
                        Some(Verb::Withdraw | Verb::Duplicate | Verb::None | Verb::Waive | Verb::Refund) => 2,
                        Some(Verb::Resume) => 4,
                        Some(Verb::Reopen) => 6,
                        _ => 3,
                    };
                    add(when, rank, *id, Beat::Command(command.clone()));
                }
            }
            Deed::Deletes(_) => {}
            deed => {
                let rank = match deed {
                    Deed::Closes(_) => 2,
                    Deed::Locks | Deed::Labels => 3,
                    Deed::Unlocks | Deed::Unlabels => 4,
                    Deed::Reopens => 6,
                    _ => 7,
                };
                // What the desk itself closes or opens follows from a command, perhaps within the same second.
                // What comes with a close comes before it (S9); what the desk itself does follows from a command.
                let last = matches!(deed, Deed::Closes(_)) || event.by == ROBOT && matches!(deed, Deed::Reopens);
                add(event.at, rank, if last { i64::MAX } else { 0 }, Beat::Github(deed.clone()));
            }
        }
    }
    beats.sort_by_key(|(when, rank, id, issue, ..)| (*when, *rank, *id, *issue));
    beats
}

fn role(by: usize, ticket: &Ticket) -> Role {
    match (by, ticket.partner) {
        (ROBOT, _) => Role::Bot,
        (_, Some(partner)) if is_member(by, partner) => Role::Partner,
        _ if is_agent(by) => Role::Agent,
        _ if by == ticket.author => Role::Partner,
        _ => Role::Passerby,
    }
}

/// Plays a story in order to its end.
pub(crate) fn play(story: &Story) -> Desk<'_> {
    let mut desk = Desk { story, tickets: vec![None; story.authors.len()], units: Vec::new(), grants: Vec::new() };
    let changes = story.tiers.iter().flatten().map(|(from, _)| *from);
    let mut ticks: Vec<_> =
        (0..=END / WEEK).map(|week| week * WEEK).chain(MONTHS).chain(changes).filter(|at| (0..=END).contains(at)).collect();
    ticks.sort_unstable();
    ticks.dedup();
    let mut ticks = ticks.into_iter().peekable();
    for (when, _, _, issue, by, at, beat) in beats(story) {
        while let Some(tick) = ticks.next_if(|tick| *tick <= when) {
            desk.tick(tick);
        }
        desk.happen(issue, by, when, at, &beat);
        desk.admit(when);
    }
    ticks.for_each(|tick| desk.tick(tick));
    desk
}

impl Desk<'_> {
    /// Time alone: a tier rises (S11), a window opens (Q5).
    fn tick(&mut self, at: At) {
        for partner in 0..2 {
            let (before, now) = (self.story.tier_at(partner, at - 1), self.story.tier_at(partner, at));
            for ticket in self.tickets.iter_mut().flatten().filter(|ticket| ticket.partner == Some(partner)) {
                let Some(cycle) = ticket.cycles.last_mut().filter(|cycle| cycle.outcome.is_none()) else { continue };
                let Some(tier) = now.filter(|_| now > before) else { continue };
                let target = LEVELS[tier].target;
                // The earlier of the old due and now + the new target.
                if cycle.start < at && !cycle.over(at) && cycle.passed.is_none() && target < cycle.budget - cycle.counted(at) {
                    (cycle.budget, cycle.counted, cycle.since) = (target, 0, at);
                }
            }
        }
        self.admit(at);
    }

    fn used(&self, partner: usize, kind: Kind, at: At) -> usize {
        let here = |unit: &&Unit| unit.partner == partner && unit.back.is_none() && unit.grant.is_none();
        self.units.iter().filter(here).filter(|unit| window(kind, unit.at) == window(kind, at)).count()
    }

    /// A slot at this instant: of which kind of window, on which grant.
    fn slot(&self, partner: usize, at: At) -> Option<(Option<Kind>, Option<usize>)> {
        let level = &LEVELS[self.story.tier_at(partner, at)?];
        let Some((limit, kind)) = level.tickets? else { return Some((None, None)) };
        if self.used(partner, kind, at) < usize::try_from(limit).unwrap() {
            return Some((Some(kind), None));
        }
        let mut grants: Vec<_> = self.grants.iter().enumerate().collect();
        grants.retain(|(_, grant)| grant.partner == partner && grant.from <= at && at < grant.until);
        grants.sort_by_key(|(_, grant)| (grant.until, grant.from));
        let left = |place: usize, grant: &Grant| {
            grant.units > self.units.iter().filter(|unit| unit.grant == Some(place) && unit.back.is_none()).count()
        };
        let (place, _) = grants.into_iter().find(|(place, grant)| left(*place, grant))?;
        Some((Some(kind), Some(place)))
    }

    /// Admits who waits, the oldest first (Q5, Q10).
    fn admit(&mut self, at: At) {
        let mut queue: Vec<_> = (0..self.tickets.len()).collect();
        queue.retain(|issue| self.tickets[*issue].as_ref().is_some_and(|ticket| ticket.standing == Standing::Waiting));
        queue.sort_by_key(|issue| (self.tickets[*issue].as_ref().map(|ticket| ticket.created), *issue));
        for issue in queue {
            let Some(mut ticket) = self.tickets[issue].clone() else { continue };
            let partner = ticket.partner.unwrap();
            if !self.leaves(issue, &ticket, at) && self.slot(partner, at).is_some() {
                self.enter(issue, &mut ticket, at);
            } else if let Some(tier) = self.story.tier_at(partner, at).filter(|tier| LEVELS[*tier].tickets.is_some()) {
                ticket.tier = Some(tier);
            }
            self.tickets[issue] = Some(ticket);
        }
    }

    /// Whether it leaves the queue at this very instant: then it leaves without a slot (S8).
    fn leaves(&self, issue: usize, ticket: &Ticket, at: At) -> bool {
        at > ticket.since
            && beats(self.story).into_iter().any(|(_, _, _, of, by, then, beat)| {
                let role = role(by, ticket);
                let leaves = match beat {
                    Beat::Text | Beat::Command(Command::Duplicate(_)) => role == Role::Agent,
                    Beat::Github(Deed::Closes(_) | Deed::Destroys) => true,
                    Beat::Command(Command::Plain(Verb::Withdraw)) => matches!(role, Role::Agent | Role::Partner),
                    _ => false,
                };
                of == issue && then == at && leaves
            })
    }

    /// Counts a ticket at this instant, or has it wait.
    fn enter(&mut self, issue: usize, ticket: &mut Ticket, at: At) {
        let partner = ticket.partner.unwrap();
        let tier = self.story.tier_at(partner, at);
        ticket.unit = None;
        ticket.promise = None;
        (ticket.admitted, ticket.since, ticket.queued) = (at, at, false);
        ticket.tier = tier.or(ticket.tier);
        let Some(tier) = tier else {
            ticket.standing = Standing::NoSubscription;
            return;
        };
        if LEVELS[tier].tickets.is_none() {
            ticket.standing = Standing::NotIncluded;
        } else if let Some((kind, grant)) = self.slot(partner, at) {
            ticket.unit = Some(self.units.len());
            let back = ticket.waived.then_some(Back::Waiver);
            ticket.waived = false;
            self.units.push(Unit { issue, partner, at, kind, grant, back });
            Self::promise(ticket, tier, at);
        } else {
            ticket.standing = match self.story.over_quota {
                OverQuota::Wait => Standing::Waiting,
                OverQuota::Close => Standing::TurnedAway,
                OverQuota::AdmitWithoutSla => Standing::Admitted,
            };
            ticket.queued = ticket.standing == Standing::Waiting;
        }
    }

    fn promise(ticket: &mut Ticket, tier: usize, at: At) {
        ticket.standing = Standing::Admitted;
        ticket.promise = Some(tier);
        ticket.admitted = at;
        begin(ticket, tier, at, false);
        if ticket.answered_now {
            end(ticket, at, at, Outcome::Met, Outcome::Late);
        }
    }

    fn happen(&mut self, issue: usize, by: usize, when: At, at: At, beat: &Beat) {
        if let Beat::Opened = beat {
            let partner = home(by);
            let mut ticket = Ticket {
                standing: Standing::Nobody,
                cycles: Vec::new(),
                partner,
                author: by,
                created: at,
                tier: None,
                admitted: at,
                since: at,
                queued: false,
                waived: false,
                unit: None,
                promise: None,
                open: true,
                closed: at,
                answered: false,
                answered_now: false,
                for_good: false,
                waits: false,
                locked: false,
                gone: false,
            };
            if partner.is_some() {
                self.enter(issue, &mut ticket, at);
            }
            self.tickets[issue] = Some(ticket);
            return;
        }
        let Some(mut ticket) = self.tickets[issue].clone() else { return };
        let role = role(by, &ticket);
        let own = by == ticket.author;
        match beat {
            Beat::Text if role == Role::Agent => {
                end(&mut ticket, at, at, Outcome::Met, Outcome::Late);
                (ticket.answered, ticket.answered_now) = (true, true);
                ticket.for_good |= ticket.standing == Standing::Waiting || ticket.refused_in_line();
                if ticket.standing == Standing::Waiting {
                    ticket.standing = Standing::Left;
                }
            }
            Beat::Word if role == Role::Partner => {
                if ticket.waits {
                    ticket.waits = false;
                    resume(&mut ticket, when);
                }
                let answered =
                    matches!(ticket.cycles.last().and_then(|cycle| cycle.outcome), Some(Outcome::Met | Outcome::Late | Outcome::Settled));
                if self.story.every && answered && ticket.open && ticket.standing == Standing::Admitted {
                    self.again(&mut ticket, at, true);
                }
            }
            Beat::Command(command) => self.command(issue, &mut ticket, role, by, when, at, command),
            Beat::Github(Deed::Closes(reason)) => self.close(&mut ticket, role, own, when, at, *reason),
            Beat::Github(Deed::Reopens) => self.reopen(issue, &mut ticket, when, at, role != Role::Bot),
            Beat::Github(Deed::Locks) => {
                ticket.locked = true;
                pause(&mut ticket, when);
            }
            Beat::Github(Deed::Unlocks) => {
                ticket.locked = false;
                resume(&mut ticket, when);
            }
            Beat::Github(Deed::Labels) if role == Role::Agent => {
                ticket.waits = true;
                pause(&mut ticket, when);
            }
            Beat::Github(Deed::Unlabels) => {
                ticket.waits = false;
                resume(&mut ticket, when);
            }
            Beat::Github(Deed::Destroys) => {
                if !ticket.answered_now {
                    self.give_back(&ticket, Back::Refund);
                }
                end(&mut ticket, when, at, Outcome::Gone, Outcome::ClosedLate);
                ticket.gone = true;
                if ticket.standing == Standing::Waiting {
                    ticket.standing = Standing::Left;
                }
            }
            Beat::Opened | Beat::Text | Beat::Word | Beat::Github(_) => {}
        }
        self.tickets[issue] = Some(ticket);
    }

    fn command(&mut self, issue: usize, ticket: &mut Ticket, role: Role, by: usize, when: At, at: At, command: &Command) {
        let Some(verb) = command.verb().filter(|_| !matches!(command, Command::Malformed(_))) else { return };
        let may = role == Role::Agent || role == Role::Partner && !verb.for_agents();
        let Some(partner) = ticket.partner.filter(|_| may) else { return };
        let (answered, own, refused) = (ticket.answered, by == ticket.author, ticket.refused_in_line());
        let running = ticket.cycles.last_mut().filter(|cycle| cycle.outcome.is_none());
        match (command, running) {
            (Command::Plain(Verb::Withdraw), _) => self.close(ticket, role, true, when, at, CloseReason::NotPlanned),
            (Command::Duplicate(_), _) => self.close(ticket, role, own, when, at, CloseReason::Duplicate),
            (Command::Plain(Verb::Reopen), _) => self.reopen(issue, ticket, when, at, true),
            (Command::Plain(Verb::Wait), Some(_)) if answered => {
                ticket.waits = true;
                pause(ticket, when);
            }
            (Command::Plain(Verb::Resume), Some(_)) => {
                ticket.waits = false;
                resume(ticket, when);
            }
            (Command::Plain(Verb::None), Some(cycle)) if cycle.by_comment => end(ticket, when, at, Outcome::Settled, Outcome::ClosedLate),
            (Command::Extend { by, .. }, Some(cycle)) if !cycle.extended && !cycle.over(when) => {
                cycle.extended = true;
                cycle.budget += by.as_secs();
                cycle.passed = None;
            }
            (Command::Waive(_), _) if ticket.standing == Standing::Waiting => {
                // Nothing is charged for it, so it waits for no slot (Q7).
                let tier = self.story.tier_at(partner, when).filter(|tier| LEVELS[*tier].tickets.is_some()).or(ticket.tier).unwrap();
                ticket.tier = Some(tier);
                ticket.unit = None;
                Self::promise(ticket, tier, when);
            }
            (Command::Waive(_), _) if matches!(ticket.standing, Standing::Left | Standing::TurnedAway) || refused => {
                ticket.waived = true;
            }
            (Command::Waive(_), _) => self.give_back(ticket, Back::Waiver),
            (Command::Refund(_), _) => self.give_back(ticket, Back::Refund),
            (Command::Grant { count, until, .. }, _) => {
                let kind =
                    self.story.tier_at(partner, at).and_then(|tier| LEVELS[tier].tickets.flatten()).map_or(Kind::Month, |(_, kind)| kind);
                let until = if until.is_some() { MONTHS[2] } else { window_end(kind, at) };
                self.grants.push(Grant { partner, from: at, until, units: usize::try_from(*count).unwrap() });
            }
            _ => {}
        }
    }

    /// Q6, Q7: once for an admission, and an early close once in a window.
    fn give_back(&mut self, ticket: &Ticket, back: Back) {
        let Some(unit) = ticket.unit.filter(|_| ticket.standing == Standing::Admitted).map(|unit| self.units[unit].clone()) else { return };
        let same = |other: &Unit, kind| other.partner == unit.partner && window(kind, other.at) == window(kind, unit.at);
        let spent = |kind| self.units.iter().any(|other| other.back == Some(Back::Withdrawal) && same(other, kind));
        if unit.back.is_none() && !(back == Back::Withdrawal && unit.kind.is_some_and(spent)) {
            self.units[ticket.unit.unwrap()].back = Some(back);
        }
    }

    fn close(&mut self, ticket: &mut Ticket, role: Role, own: bool, when: At, at: At, reason: CloseReason) {
        if !ticket.open {
            return;
        }
        (ticket.open, ticket.closed) = (false, when);
        if ticket.standing == Standing::Waiting {
            ticket.standing = Standing::Left;
        }
        let early = when - ticket.admitted <= 15 * MINUTE;
        match role {
            Role::Partner if own && early && !ticket.answered_now => self.give_back(ticket, Back::Withdrawal),
            Role::Partner => {}
            _ if reason != CloseReason::Completed && !ticket.answered_now => self.give_back(ticket, Back::Refund),
            _ => {}
        }
        let outcome = if role == Role::Partner { Outcome::Cancelled } else { Outcome::ClosedUnanswered };
        end(ticket, when, at, outcome, Outcome::ClosedLate);
        ticket.waits = false;
    }

    fn reopen(&mut self, issue: usize, ticket: &mut Ticket, when: At, at: At, by_people: bool) {
        if ticket.standing == Standing::TurnedAway {
            // Q5: /reopen, or by hand, lets it in if a slot is free.
            ticket.answered_now &= ticket.open;
            ticket.open = true;
            if by_people && at > ticket.admitted && self.slot(ticket.partner.unwrap(), at).is_some() {
                self.enter(issue, ticket, at);
            }
            return;
        }
        if ticket.open {
            return;
        }
        ticket.open = true;
        let back = ticket.unit.and_then(|unit| self.units[unit].back);
        match ticket.standing {
            _ if (ticket.standing == Standing::Left || ticket.refused_in_line()) && !ticket.for_good && !ticket.gone => {
                ticket.answered_now = false;
                // In line again, from here (Q10).
                ticket.since = at;
                ticket.standing = match self.story.tier_at(ticket.partner.unwrap(), at) {
                    None => Standing::NoSubscription,
                    Some(tier) if LEVELS[tier].tickets.is_none() => Standing::NotIncluded,
                    Some(_) => Standing::Waiting,
                };
                ticket.tier = self.story.tier_at(ticket.partner.unwrap(), at).or(ticket.tier);
            }
            Standing::Admitted
                if matches!(back, Some(Back::Refund | Back::Withdrawal)) || ticket.promise.is_some() && when - ticket.closed > 14 * DAY =>
            {
                ticket.answered_now = false;
                self.enter(issue, ticket, at);
            }
            Standing::Admitted if ticket.cycles.last().is_some_and(|cycle| cycle.outcome.is_some()) => self.again(ticket, at, false),
            _ => {}
        }
    }

    /// Another cycle of the same admission, by the tier of its own start (S4, S5, S9).
    fn again(&self, ticket: &mut Ticket, at: At, by_comment: bool) {
        let Some(promise) = ticket.promise else { return };
        let tier = self.story.tier_at(ticket.partner.unwrap(), at).unwrap_or(promise);
        begin(ticket, tier, at, by_comment);
        if ticket.answered && (ticket.waits || ticket.locked) {
            ticket.cycles.last_mut().unwrap().stop(at);
        }
    }

    /// The instants of the units that a ticket holds.
    pub(crate) fn units(&self, issue: usize) -> Vec<At> {
        self.units.iter().filter(|unit| unit.issue == issue && unit.back.is_none()).map(|unit| unit.at).collect()
    }

    pub(crate) fn labels(&self, issue: usize, now: At) -> Vec<String> {
        let Some(ticket) = self.tickets[issue].as_ref().filter(|ticket| !ticket.gone) else { return Vec::new() };
        let mut labels = Vec::new();
        if matches!(ticket.standing, Standing::Nobody | Standing::NoSubscription) {
            return labels;
        }
        let last = ticket.cycles.last().filter(|_| ticket.standing == Standing::Admitted);
        let tier = last.map(|cycle| cycle.named).or(ticket.tier).unwrap();
        labels.push(format!("tier: {}", LEVELS[tier].id));
        if ticket.standing == Standing::Waiting {
            labels.insert(0, "quota: waiting".to_owned());
        }
        let Some(cycle) = last.filter(|_| ticket.promise.is_some()) else { return labels };
        labels.push(format!("sla: {}h", LEVELS[cycle.named].target / HOUR));
        let broken = ticket.cycles.iter().any(|cycle| cycle.outcome.is_some_and(Outcome::breach));
        let (known, over) = (cycle.runs || cycle.passed.is_some(), (cycle.runs || cycle.passed.is_some()) && cycle.due() <= now);
        match cycle.outcome {
            None => {
                if known {
                    let due = instant(cycle.due().div_euclid(30 * MINUTE) * 30 * MINUTE);
                    labels.push(format!("due: {}", due.strftime("%Y-%m-%d %H:%M UTC")));
                }
                if known && !over && cycle.counted(now) * 4 >= cycle.budget * 3 {
                    labels.push("sla: due soon".to_owned());
                }
                if !cycle.runs {
                    labels.push("sla: paused".to_owned());
                }
            }
            Some(Outcome::Met | Outcome::Settled) if !broken => labels.push("sla: met".to_owned()),
            Some(_) => {}
        }
        if broken || cycle.outcome.is_none() && over {
            labels.push("sla: breached".to_owned());
        }
        labels.sort();
        labels
    }
}

fn begin(ticket: &mut Ticket, tier: usize, start: At, by_comment: bool) {
    ticket.cycles.push(Cycle {
        start,
        named: tier,
        budget: LEVELS[tier].target,
        counted: 0,
        since: start,
        runs: true,
        passed: None,
        by_comment,
        extended: false,
        outcome: None,
    });
}

/// Ends the running cycle, judged by this instant.
fn end(ticket: &mut Ticket, judged: At, _at: At, in_time: Outcome, late: Outcome) {
    if let Some(cycle) = ticket.cycles.last_mut().filter(|cycle| cycle.outcome.is_none()) {
        cycle.outcome = Some(if cycle.over(judged) { late } else { in_time });
    }
}

/// S7: on any cycle after the ticket's first answer.
fn pause(ticket: &mut Ticket, at: At) {
    let answered = ticket.answered;
    if let Some(cycle) = ticket.cycles.last_mut().filter(|cycle| answered && cycle.outcome.is_none()) {
        cycle.stop(at);
    }
}

fn resume(ticket: &mut Ticket, at: At) {
    let holds = ticket.waits || ticket.locked;
    if let Some(cycle) = ticket.cycles.last_mut().filter(|cycle| !holds && cycle.outcome.is_none()) {
        cycle.go_on(at);
    }
}
