//! Response clocks, read from a ticket's facts (`S1` to `S12`).

use super::beats::{Beat, Doing};
use super::clock::{Clock, Gap};
use super::command::{Command, Verb};
use super::event::{CloseReason, Person};
use super::ids::{CommentId, PartnerId};
use super::quota::EntryKind;
use super::ticket::{Admission, Amendment, Amends, Charge, Departure, Fact, Promise, Role, Standing, Ticket, Told};
use crate::programme::{Calendar, Target, TierId};
use jiff::{SignedDuration, Timestamp};

/// A reopening later than this after the close is charged again (`S9`).
const FREE_REOPENING: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Closed by the partner this soon, an unanswered ticket is given back (`Q6`).
const EARLY_CLOSE: SignedDuration = SignedDuration::from_mins(15);

/// One run of a response clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Cycle {
    /// 1 is the first.
    pub number: u32,
    /// What started it.
    pub begun: Begun,
    /// When it began to run.
    pub start: Timestamp,
    /// When the promise is up; the earliest that it can be while the clock stands still.
    pub due: Timestamp,
    /// Where the clock has stood still up to its end or until now, and its budget.
    pub clock: Clock,
    /// The promise that it runs by (`S5`).
    pub promise: Promise,
    /// The promise that labels and texts name: a rise of the tier moves due, and stays unnamed (`S11`, `G2`).
    pub named: (TierId, Target),
    /// Since when the clock stands still, and why.
    pub paused: Option<(Timestamp, Pause)>,
    /// What changed its promise while it ran (`S5`, `S11`).
    pub amended: Vec<Amendment>,
    /// `/extend`: when, by how much, why (`C`).
    pub extended: Option<(Timestamp, SignedDuration, String)>,
    /// Acknowledged: when, and until when that holds; `None`: for good (`E5`).
    pub acknowledged: Vec<(Timestamp, Option<Timestamp>)>,
    /// `/escalate`: when.
    pub hurried: Vec<Timestamp>,
    /// The partner's comments that it waits to see answered; none: the issue itself.
    pub asks: Vec<CommentId>,
    /// Which of the ticket's admissions it belongs to.
    pub(super) life: usize,
    /// How it ended, or that it runs.
    pub state: State,
}

/// What started a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// The ticket's admission (`S1`).
    Admission,
    /// A reopening (`S9`).
    Reopening,
    /// The partner's comment after an answer (`S4`).
    Comment,
}

/// Why a clock stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// `/wait`, or its label (`S7`).
    Waits,
    /// The issue is locked (`S7`).
    Locked,
    /// The repository is out of the desk's hands (`S12`).
    Unmanaged,
}

/// Where a cycle stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// No answer yet.
    Running,
    /// It ended.
    Ended {
        /// When.
        at: Timestamp,
        /// Who ended it.
        by: Option<Person>,
        /// What that counts as.
        outcome: Outcome,
    },
}

/// What an ended cycle counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answered at or before the due second (`S3`).
    Met,
    /// Answered after it.
    Late,
    /// Closed by an agent, or by somebody who is not of the partner, without an answer and in time (`S9`).
    ClosedUnanswered,
    /// Closed by the partner in time (`S9`).
    Cancelled,
    /// Deleted or converted in time (`S12`).
    Gone,
    /// Transferred to where the desk does not reach, in time (`S12`).
    LeftCoverage,
    /// An agent settled a comment that needed no answer, in time (`S4`).
    Settled,
    /// Ended in another way than by an answer after the promise was up: a breach stays a breach (`S9`).
    ClosedLate,
}

impl Outcome {
    /// Every one.
    pub const ALL: [Self; 8] =
        [Self::Met, Self::Late, Self::ClosedUnanswered, Self::Cancelled, Self::Settled, Self::ClosedLate, Self::Gone, Self::LeftCoverage];

    /// A word for it, as metrics have it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Late => "late",
            Self::ClosedUnanswered => "closed_unanswered",
            Self::Cancelled => "cancelled",
            Self::Gone => "gone",
            Self::LeftCoverage => "left_coverage",
            Self::Settled => "settled",
            Self::ClosedLate => "closed_late",
        }
    }

    /// Whether the promise was broken.
    #[must_use]
    pub const fn is_breach(self) -> bool {
        matches!(self, Self::Late | Self::ClosedLate)
    }
}

/// One stay in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stay {
    /// From when: its opening, or when it was opened again.
    pub since: Timestamp,
    /// When and how it left without a slot (`Q10`).
    pub left: Option<(Timestamp, Departure)>,
}

impl Stay {
    /// Whether it stood in line at `at`: who leaves at the instant at which a slot comes free leaves without it (`S8`), but who comes and
    /// leaves at once has had the slot that was there.
    #[must_use]
    pub fn covers(&self, at: Timestamp) -> bool {
        self.since <= at && self.left.is_none_or(|(left, _)| at < left || at == self.since)
    }
}

/// What became of one command (`C`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The comment that it stands in.
    pub comment: CommentId,
    /// When it was given.
    pub at: Timestamp,
    /// By whom.
    pub by: Option<Person>,
    /// The command.
    pub command: Command,
    /// What became of it.
    pub said: Said,
}

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// Carried out.
    Done,
    /// A question, answered in a reply.
    Asked(Verb),
    /// Not carried out, for this reason.
    Refused(Refusal),
    /// Nobody's business here: no answer.
    Passed,
}

/// Why a command was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The desk has no such command.
    Unknown,
    /// It is not in its form.
    Malformed(Verb),
    /// Only support engineers may.
    ForAgents,
    /// Only the partner's people and support engineers may.
    ForPeople,
    /// The issue counts for nobody.
    NoTicket,
    /// No clock runs.
    NoClock,
    /// The first answer is owed; nothing pauses or settles it (`S7`, `S4`).
    FirstAnswer,
    /// The clock runs already, or stands still by something else.
    NotPaused,
    /// The clock stands still already.
    Paused,
    /// Moved once already.
    ExtendedBefore,
    /// The due time has passed.
    PastDue,
    /// No step is left.
    NoStep,
    /// The issue is closed.
    Closed,
    /// The issue is open.
    Open,
    /// No unit is used.
    NotCharged,
    /// No slot is free.
    NoSlot,
    /// No partner of that name that they may name, or it is too late for it.
    NotFor,
}

/// Everything that the walk through a ticket's beats finds.
#[derive(Debug, Clone)]
pub struct Walk {
    /// Its cycles, first to last.
    pub cycles: Vec<Cycle>,
    /// Its commands with what became of them, in order.
    pub verdicts: Vec<Verdict>,
    /// The issue is open.
    pub open: bool,
    /// The last command that opened or closed the issue, if nobody did otherwise since: the comment, and as what it is closed.
    pub wish: Option<(CommentId, Option<CloseReason>)>,
    /// The last comment that ended a pause by `/wait` or its label.
    pub resumed_by: Option<CommentId>,
    /// What gives back the unit of each admission.
    pub(super) triggers: Vec<Option<Trigger>>,
    /// The reopening that ends each admission.
    pub(super) ends: Vec<Option<Timestamp>>,
}

/// What gives a unit back (`Q6`, `Q7`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trigger {
    pub(super) at: Timestamp,
    pub(super) kind: EntryKind,
    pub(super) by: Option<Person>,
    pub(super) reason: String,
}

impl Cycle {
    /// Runs at present, or stands still.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.state == State::Running
    }

    /// Why it stands still by what happened on its issue, if it does; while its repository is out of the desk's hands, what is to be said
    /// waits (`S12`).
    #[must_use]
    pub fn stands_still(&self) -> Option<&'static str> {
        match self.paused?.1 {
            Pause::Waits => Some("it waits for the partner"),
            Pause::Locked => Some("its issue is locked"),
            Pause::Unmanaged => None,
        }
    }

    /// The calendar that it counts on.
    #[must_use]
    pub fn calendar(&self) -> Option<&Calendar> {
        self.promise.calendar.as_ref()
    }

    /// When the promise is up; `None` while the clock stands still before that.
    #[must_use]
    pub fn due_known(&self) -> Option<Timestamp> {
        self.clock.due(self.calendar()).known()
    }

    /// The instant at three quarters of the target, from which a ticket counts as due soon (`E1`), if it is known.
    #[must_use]
    pub fn soon(&self) -> Option<Timestamp> {
        let share = SignedDuration::from_millis_i128(self.clock.budget.as_millis() * 3 / 4);
        self.clock.reach(self.calendar(), share).known()
    }

    /// Whether the promise was up before `at`.
    pub(super) fn is_over(&self, at: Timestamp) -> bool {
        self.due_known().is_some_and(|due| at > due)
    }

    /// Silences its reminders from `at` on (`E5`).
    fn acknowledge(&mut self, at: Timestamp, time: Option<SignedDuration>) {
        self.acknowledged.push((at, time.map(|time| at.saturating_add(time).unwrap_or(Timestamp::MAX))));
    }

    /// Until when its reminders are silenced at `now`: `None` within, for good (`E5`).
    #[must_use]
    pub fn silenced(&self, now: Timestamp) -> Option<Option<Timestamp>> {
        let holds = self.acknowledged.iter().filter(|(at, until)| *at <= now && until.is_none_or(|until| now < until));
        holds.map(|(_, until)| *until).max_by_key(|until| until.unwrap_or(Timestamp::MAX))
    }

    fn answered(&self) -> bool {
        matches!(&self.state, State::Ended { outcome: Outcome::Met | Outcome::Late | Outcome::Settled, .. })
    }
}

impl Ticket {
    /// Every cycle of this ticket, first to last; none without a promise.
    #[must_use]
    pub fn cycles(&self) -> Vec<Cycle> {
        self.walk().cycles
    }

    /// Its admissions, the present one last.
    #[must_use]
    pub fn lives(&self) -> Vec<&Admission> {
        let present = match &self.standing {
            Standing::Admitted(admission) => Some(admission),
            _ => None,
        };
        self.past.iter().chain(present).collect()
    }

    /// Reads clocks, commands, refunds and open or closed from the facts.
    #[must_use]
    pub fn walk(&self) -> Walk {
        let lives = self.lives();
        let partner = self.partner();
        let mut walker = Walker {
            ticket: self,
            walk: Walk {
                cycles: Vec::new(),
                verdicts: Vec::new(),
                open: true,
                wish: None,
                resumed_by: None,
                triggers: vec![None; lives.len()],
                ends: vec![None; lives.len()],
            },
            lives,
            life: 0,
            answered: false,
            answered_in_life: false,
            closed_at: None,
            closed_by: None,
            waits: None,
            locked: None,
            over: false,
            awaited: true,
            early: None,
        };
        let mut amendments = self.amendments.iter().peekable();
        let beats = self.beats(partner);
        for (place, beat) in beats.iter().enumerate() {
            walker.admit(Some(beat.when), beats.get(place..).unwrap_or_default());
            while let Some(amendment) = amendments.next_if(|amendment| amendment.at <= beat.when) {
                walker.amend(amendment);
            }
            if let Some(left) = self.left_coverage.filter(|left| *left < beat.when) {
                walker.leave(left);
            }
            walker.take(beat);
        }
        walker.admit(None, &[]);
        amendments.for_each(|amendment| walker.amend(amendment));
        if let Some(left) = self.left_coverage {
            walker.leave(left);
        }
        walker.walk
    }

    /// Its stays in the queue of a partner, if it stood in line from `from` on and no slot came free. An answer or a close ends its
    /// wait until it is reopened (`Q10`). Read from the facts, so that the order of their arrival does not matter (`R3`).
    #[must_use]
    pub fn stays(&self, partner: &PartnerId, from: Timestamp) -> Vec<Stay> {
        let mut stays = vec![Stay { since: from, left: None }];
        let mut open = true;
        let beats = self.beats(Some(partner));
        // What comes with the reopening that it begins with comes before it.
        let begins = |beat: &Beat<'_>| beat.fact.at == from && reopens(&beat.what);
        let first = beats.iter().rposition(begins).map_or(0, |place| place + 1);
        for beat in beats.into_iter().skip(first).filter(|beat| beat.fact.at >= from) {
            let Some(stay) = stays.last_mut() else { break };
            let mut leave = |why| {
                stay.left.get_or_insert((beat.fact.at, why));
            };
            match beat.what {
                Doing::Answer(_) => leave(Departure::Answered),
                Doing::Closed(_) => {
                    open = false;
                    leave(Departure::Closed);
                }
                Doing::Command(_, command) if closes(command).is_some() => {
                    open = false;
                    leave(Departure::Closed);
                }
                Doing::Gone => leave(Departure::Gone),
                Doing::Reopened | Doing::Command(_, Command::Plain(Verb::Reopen)) if !open => {
                    open = true;
                    // After an answer it has left for good.
                    if matches!(stay.left, Some((_, Departure::Closed))) {
                        stays.push(Stay { since: beat.fact.at, left: None });
                    }
                }
                _ => {}
            }
        }
        stays
    }

    /// Whether it was answered or closed before `at`, as a ticket of this partner: then nothing moves it to another (`W5`).
    pub(super) fn was_settled(&self, partner: &PartnerId, at: Timestamp) -> bool {
        let settles = |beat: &Beat<'_>| match beat.what {
            Doing::Answer(_) | Doing::Closed(_) | Doing::Gone => true,
            Doing::Command(_, command) => closes(command).is_some(),
            _ => false,
        };
        self.beats(Some(partner)).iter().any(|beat| beat.fact.at < at && settles(beat))
    }

    /// When somebody opened the issue again by hand, or asked for it by `/reopen`.
    pub(super) fn reopenings(&self, partner: &PartnerId) -> Vec<Timestamp> {
        let beats = self.beats(Some(partner));
        let again = |beat: &&Beat<'_>| match beat.what {
            Doing::Reopened => beat.role != Role::Bot,
            Doing::Command(_, command) => *command == Command::Plain(Verb::Reopen),
            _ => false,
        };
        beats.iter().filter(again).map(|beat| beat.fact.at).collect()
    }

    /// `/grant`s that were not carried out yet: the comment, when, by whom, what.
    pub(super) fn grants_asked(&self) -> Vec<(CommentId, Timestamp, String, Command)> {
        let beats = self.beats(self.partner()).into_iter();
        let asked = beats.filter_map(|beat| match beat.what {
            Doing::Command(id, command @ Command::Grant { .. }) if !self.carried_out.contains(&id) => {
                let by = beat.fact.by.as_ref().map_or_else(|| "ghost".to_owned(), |person| person.login.clone());
                Some((id, beat.fact.at, by, command.clone()))
            }
            _ => None,
        });
        let mut asked: Vec<_> = asked.collect();
        asked.dedup_by_key(|(id, ..)| *id);
        asked
    }

    /// The first `/waive` from `from` on: such a ticket waits for no slot (`Q7`).
    pub(super) fn waiver(&self, partner: &PartnerId, from: Timestamp) -> Option<Trigger> {
        let beats = self.beats(Some(partner));
        beats.iter().filter(|beat| beat.fact.at >= from).find_map(|beat| match beat.what {
            Doing::Command(_, Command::Waive(reason)) => {
                Some(Trigger { at: beat.fact.at, kind: EntryKind::Waiver, by: beat.fact.by.clone(), reason: reason.clone() })
            }
            _ => None,
        })
    }
}

const fn reopens(what: &Doing<'_>) -> bool {
    matches!(what, Doing::Reopened | Doing::Command(_, Command::Plain(Verb::Reopen)))
}

/// The commands that close an issue, and as what.
fn closes(command: &Command) -> Option<CloseReason> {
    match command {
        Command::Plain(Verb::Withdraw) => Some(CloseReason::NotPlanned),
        Command::Duplicate(_) => Some(CloseReason::Duplicate),
        _ => None,
    }
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about where the walk stands")]
struct Walker<'t> {
    ticket: &'t Ticket,
    walk: Walk,
    lives: Vec<&'t Admission>,
    life: usize,
    /// An agent has answered this ticket at some time.
    answered: bool,
    answered_in_life: bool,
    closed_at: Option<Timestamp>,
    /// Who closed it last.
    closed_by: Option<Role>,
    /// Since when `/wait` or its label holds.
    waits: Option<Timestamp>,
    /// Since when the issue is locked.
    locked: Option<Timestamp>,
    /// A reopening ended the last admission that is known; what comes after belongs to the next.
    over: bool,
    /// The present admission is yet to come: what happens meanwhile happens in the queue, or before the desk counted the issue.
    awaited: bool,
    /// The answer that came before the admission: when, and whose.
    early: Option<(Timestamp, Option<Person>)>,
}

impl Walker<'_> {
    /// Begins the clock of the present admission when its time has come: after the reopening that led to it, if one did.
    fn admit(&mut self, by: Option<Timestamp>, ahead: &[Beat<'_>]) {
        let reopened = |at: Timestamp| ahead.iter().any(|beat| beat.when == at && reopens(&beat.what));
        let comes = |life: &&Admission| by.is_none_or(|by| life.at < by || life.at == by && !reopened(by));
        if !self.awaited || !self.lives.get(self.life).is_some_and(comes) {
            return;
        }
        self.awaited = false;
        self.begin(Begun::Admission, None);
        // Answered before an agent named the partner: met at once (W7, S2).
        if let (Some((at, by)), Some(cycle)) = (self.early.take(), self.running()) {
            end_cycle(cycle, at, by, Outcome::Met);
        }
    }

    fn running(&mut self) -> Option<&mut Cycle> {
        self.walk.cycles.last_mut().filter(|cycle| cycle.is_running())
    }

    /// Begins the cycle of the present admission, or one more of it at `at`.
    fn begin(&mut self, begun: Begun, at: Option<Timestamp>) {
        let Some(life) = self.lives.get(self.life) else { return };
        let start = at.unwrap_or(life.at);
        let dated = self.ticket.promises.iter().find(|dated| at.is_some() && dated.start == start).map(|dated| &dated.promise);
        let Some(promise) = dated.or(life.promise.as_ref()).cloned() else { return };
        let number = self.walk.cycles.last().map_or(1, |last| last.number + 1);
        let frozen = self.ticket.frozen.iter().map(|freeze| Gap { from: freeze.from, until: freeze.until });
        let clock = Clock::new(start, promise.target.duration(), frozen);
        let mut cycle = Cycle {
            number,
            begun,
            start,
            due: start,
            clock,
            named: (promise.tier.clone(), promise.target),
            promise,
            paused: None,
            amended: Vec::new(),
            extended: None,
            acknowledged: Vec::new(),
            hurried: Vec::new(),
            asks: Vec::new(),
            life: self.life,
            state: State::Running,
        };
        if self.answered && begun != Begun::Admission && (self.waits.is_some() || self.locked.is_some()) {
            cycle.clock.stop(start);
            cycle.paused = Some((start, if self.locked.is_some() { Pause::Locked } else { Pause::Waits }));
        }
        let frozen = self.ticket.frozen.iter().find(|freeze| freeze.until.is_none());
        if let (Some(freeze), None) = (frozen, &cycle.paused) {
            cycle.paused = Some((freeze.from.max(start), Pause::Unmanaged));
        }
        settle_due(&mut cycle);
        self.walk.cycles.push(cycle);
    }

    fn end(&mut self, beat: &Beat<'_>, in_time: Outcome, late: Outcome, judged_at: Timestamp) {
        let (at, by) = (beat.fact.at, beat.fact.by.clone());
        if let Some(cycle) = self.running() {
            let outcome = if cycle.is_over(judged_at) { late } else { in_time };
            end_cycle(cycle, at, by, outcome);
        }
    }

    fn leave(&mut self, at: Timestamp) {
        if let Some(cycle) = self.running() {
            let outcome = if cycle.is_over(at) { Outcome::ClosedLate } else { Outcome::LeftCoverage };
            end_cycle(cycle, at, None, outcome);
        }
    }

    fn amend(&mut self, amendment: &Amendment) {
        let Some(cycle) = self.running() else { return };
        // A breach stays a breach, and what a clock began with does not change it.
        let before = amendment.at < cycle.start || amendment.at == cycle.start && amendment.why == Amends::Raised;
        if before || cycle.is_over(amendment.at) {
            return;
        }
        cycle.amended.push(amendment.clone());
        let budget = amendment.promise.target.duration();
        let new = match amendment.why {
            Amends::Retargeted => cycle.clock.restarted(cycle.start, budget),
            Amends::Raised => cycle.clock.restarted(amendment.at, budget),
        };
        // While both stand still the one with less left is the sooner.
        let (then, now) = (cycle.clock.going_on(amendment.at), new.going_on(amendment.at));
        let sooner = now.due(amendment.promise.calendar.as_ref()).earliest() < then.due(cycle.calendar()).earliest();
        if amendment.why == Amends::Retargeted {
            cycle.named = (amendment.promise.tier.clone(), amendment.promise.target);
        }
        if amendment.why == Amends::Retargeted || sooner {
            cycle.clock = new;
            cycle.promise = amendment.promise.clone();
        } else {
            // The old promise was the better one; only the tier is another (S11).
            cycle.promise.tier.clone_from(&amendment.promise.tier);
        }
        settle_due(cycle);
    }

    fn take(&mut self, beat: &Beat<'_>) {
        match beat.what {
            Doing::Answer(_) => self.answer(beat),
            Doing::Word(id) => self.word(beat, id),
            Doing::Command(id, command) => {
                let said = self.command(beat, id, command);
                self.verdict(beat, id, command, said);
            }
            Doing::NoCommand(id, command) => {
                let said = self.refused(beat, command);
                self.verdict(beat, id, command, said);
            }
            Doing::Liked(id) => {
                if let Some(cycle) = self.running().filter(|cycle| cycle.begun == Begun::Comment) {
                    cycle.asks.retain(|ask| *ask != id);
                    if cycle.asks.is_empty() {
                        self.end(beat, Outcome::Settled, Outcome::ClosedLate, beat.when);
                    }
                }
            }
            Doing::Closed(reason) => {
                self.unwish(beat);
                self.close(beat, reason);
            }
            Doing::Reopened => {
                self.unwish(beat);
                self.reopen(beat);
            }
            Doing::Locked => {
                self.locked.get_or_insert(beat.when);
                self.pause(beat.when, Pause::Locked);
            }
            Doing::Unlocked => {
                self.locked = None;
                self.go_on(beat.when);
            }
            Doing::Paused => {
                self.waits.get_or_insert(beat.when);
                self.pause(beat.when, Pause::Waits);
            }
            Doing::Unpaused => {
                self.waits = None;
                self.go_on(beat.when);
            }
            Doing::Acknowledged(number, time) => {
                if let Some(cycle) = self.running().filter(|cycle| cycle.number == number) {
                    cycle.acknowledge(beat.when, time);
                }
            }
            Doing::Gone => {
                self.trigger(beat, !self.answered_in_life, EntryKind::Refund, "deleted or converted before an answer");
                self.end(beat, Outcome::Gone, Outcome::ClosedLate, beat.when);
            }
        }
    }

    /// Somebody opened or closed the issue by hand: a command's wish is no longer the last word.
    fn unwish(&mut self, beat: &Beat<'_>) {
        if beat.role != Role::Bot {
            self.walk.wish = None;
        }
    }

    fn verdict(&mut self, beat: &Beat<'_>, comment: CommentId, command: &Command, said: Said) {
        let verdict = Verdict { comment, at: beat.fact.at, by: beat.fact.by.clone(), command: command.clone(), said };
        self.walk.verdicts.push(verdict);
    }

    fn answer(&mut self, beat: &Beat<'_>) {
        // Judged by GitHub's own time of the comment, though it may be ordered before a close (S3, S9).
        self.end(beat, Outcome::Met, Outcome::Late, beat.fact.at);
        if self.awaited {
            self.early.get_or_insert_with(|| (beat.fact.at, beat.fact.by.clone()));
        }
        self.answered = true;
        self.answered_in_life = true;
    }

    fn word(&mut self, beat: &Beat<'_>, id: CommentId) {
        if self.waits.take().is_some() {
            self.walk.resumed_by = Some(id);
            self.go_on(beat.when);
        }
        if let Some(cycle) = self.running() {
            if cycle.begun == Begun::Comment {
                cycle.asks.push(id);
            }
            return;
        }
        let next = self.walk.cycles.last().is_some_and(|last| last.promise.every && last.answered());
        if next && self.walk.open && !self.over {
            self.begin(Begun::Comment, Some(beat.fact.at));
            if let Some(cycle) = self.running() {
                cycle.asks.push(id);
            }
        }
    }

    fn close(&mut self, beat: &Beat<'_>, reason: CloseReason) {
        if !self.walk.open {
            return;
        }
        self.walk.open = false;
        self.closed_at = Some(beat.when);
        self.closed_by = Some(beat.role);
        let unanswered = !self.answered_in_life;
        let early = self.lives.get(self.life).is_some_and(|life| beat.when.duration_since(life.at) <= EARLY_CLOSE);
        match (beat.role, reason) {
            // The author's own close; a colleague's is one by `/withdraw`.
            (Role::Partner, _) => {
                let author = beat.fact.by.as_ref().is_some_and(|by| self.ticket.is_author(by.id));
                let withdrawn = !matches!(beat.what, Doing::Closed(_));
                self.trigger(
                    beat,
                    unanswered && early && (author || withdrawn),
                    EntryKind::Withdrawal,
                    "closed by the partner within 15 minutes, unanswered",
                );
            }
            (_, CloseReason::Duplicate) => self.trigger(beat, unanswered, EntryKind::Refund, "closed as a duplicate before an answer"),
            (_, CloseReason::NotPlanned) => self.trigger(beat, unanswered, EntryKind::Refund, "closed as not planned before an answer"),
            (_, CloseReason::Completed) => {}
        }
        let outcome = if beat.role == Role::Partner { Outcome::Cancelled } else { Outcome::ClosedUnanswered };
        self.end(beat, outcome, Outcome::ClosedLate, beat.when);
        self.waits = None;
    }

    fn reopen(&mut self, beat: &Beat<'_>) {
        if self.walk.open {
            return;
        }
        self.walk.open = true;
        let closed = self.closed_at.take();
        if self.over {
            return;
        }
        if self.awaited {
            // It stands in line again, and what was said before is not about it.
            (self.answered_in_life, self.early) = (false, None);
            return;
        }
        let Some(life) = self.lives.get(self.life) else { return };
        let back = life.charge.as_ref().and_then(|charge| charge.back.as_ref());
        let given_back =
            back.is_some_and(|back| matches!(back.kind, Some(EntryKind::Refund | EntryKind::Withdrawal)) && back.at <= beat.fact.at);
        let lapsed = life.charge.is_some() && closed.is_some_and(|closed| beat.when.duration_since(closed) > FREE_REOPENING);
        if given_back || lapsed {
            if let Some(end) = self.walk.ends.get_mut(self.life) {
                *end = Some(beat.fact.at);
            }
            self.answered_in_life = false;
            if life.until == Some(beat.fact.at) && self.life + 1 < self.lives.len() {
                self.life += 1;
                self.awaited = true;
            } else {
                self.over = true;
            }
            return;
        }
        if self.walk.cycles.last().is_some_and(|cycle| !cycle.is_running()) {
            self.begin(Begun::Reopening, Some(beat.fact.at));
        }
    }

    fn pause(&mut self, at: Timestamp, why: Pause) {
        if !self.answered {
            return;
        }
        if let Some(cycle) = self.running()
            && cycle.paused.is_none_or(|(_, pause)| pause == Pause::Unmanaged)
        {
            cycle.clock.stop(at);
            cycle.paused = Some((at, why));
            settle_due(cycle);
        }
    }

    /// Ends the pause, unless something else holds it.
    fn go_on(&mut self, at: Timestamp) {
        let holds = self.waits.is_some() || self.locked.is_some();
        let why = if self.locked.is_some() { Pause::Locked } else { Pause::Waits };
        let frozen = self.ticket.frozen.iter().find(|freeze| freeze.until.is_none()).map(|freeze| (freeze.from, Pause::Unmanaged));
        let Some(cycle) = self.running() else { return };
        let Some((since, _)) = cycle.paused.filter(|(_, pause)| *pause != Pause::Unmanaged) else { return };
        if holds {
            cycle.paused = Some((since, why));
            return;
        }
        cycle.clock.go_on(since, at);
        cycle.paused = frozen;
        settle_due(cycle);
    }

    fn trigger(&mut self, beat: &Beat<'_>, fits: bool, kind: EntryKind, reason: &str) {
        let counted = |life: &&Admission| {
            // A window that has refunded an early close already refunds no other; another cause still may.
            let refused = |charge: &Charge| kind == EntryKind::Withdrawal && charge.back.as_ref().is_some_and(|back| back.denied);
            life.charge.as_ref().is_some_and(|charge| !refused(charge)) && (kind == EntryKind::Waiver || beat.fact.at >= life.at)
        };
        let charged = self.lives.get(self.life).is_some_and(counted) && !self.over;
        if let Some(trigger @ None) = self.walk.triggers.get_mut(self.life).filter(|_| fits && charged) {
            *trigger = Some(Trigger { at: beat.fact.at, kind, by: beat.fact.by.clone(), reason: reason.to_owned() });
        }
    }

    /// A command by somebody who may not give it, or that is none.
    fn refused(&self, beat: &Beat<'_>, command: &Command) -> Said {
        let counts = self.ticket.partner().is_some();
        match (command, beat.role) {
            // Other bots have commands, too; only on a ticket can one be meant for the desk.
            (Command::Unknown(_), _) if !counts => Said::Passed,
            (Command::Unknown(_), Role::Passerby) | (_, Role::Bot) => Said::Passed,
            (_, Role::Passerby | Role::Partner) if !counts => Said::Passed,
            (Command::Unknown(_), _) => Said::Refused(Refusal::Unknown),
            (_, Role::Passerby) => Said::Refused(Refusal::ForPeople),
            (Command::Malformed(verb), Role::Agent) => Said::Refused(Refusal::Malformed(*verb)),
            (Command::Malformed(verb), _) if !verb.for_agents() => Said::Refused(Refusal::Malformed(*verb)),
            _ => Said::Refused(Refusal::ForAgents),
        }
    }

    fn command(&mut self, beat: &Beat<'_>, id: CommentId, command: &Command) -> Said {
        if let Command::For(name) = command {
            return self.claimed(beat, id, name);
        }
        if self.ticket.partner().is_none() && beat.role != Role::Agent {
            return Said::Passed;
        }
        if command.verb() == Some(Verb::Help) {
            return Said::Asked(Verb::Help);
        }
        if self.ticket.partner().is_none() {
            return Said::Refused(Refusal::NoTicket);
        }
        match self.carry_out(beat, id, command) {
            Ok(said) => said,
            Err(refusal) => Said::Refused(refusal),
        }
    }

    fn claimed(&self, beat: &Beat<'_>, id: CommentId, name: &str) -> Said {
        let fits = self.ticket.claimed.as_ref().is_some_and(|claimed| claimed.eq_ignore_ascii_case(name.trim()));
        // Another choice that came later took its place: whether this one was carried out before is not told again.
        let replaced = |fact: &Fact| match &fact.what {
            Told::Comment { id: other, .. } => {
                let claim = fact.what.claim().map(str::trim);
                (fact.at, *other) > (beat.fact.at, id) && claim.is_some() && claim == self.ticket.claimed.as_deref()
            }
            _ => false,
        };
        let is = |partner: &PartnerId| partner.as_str().eq_ignore_ascii_case(name.trim());
        match self.ticket.partner() {
            Some(partner) if fits || is(partner) => Said::Done,
            Some(_) if self.ticket.facts.iter().any(replaced) => Said::Passed,
            None if beat.role != Role::Agent => Said::Passed,
            _ => Said::Refused(Refusal::NotFor),
        }
    }

    fn carry_out(&mut self, beat: &Beat<'_>, id: CommentId, command: &Command) -> Result<Said, Refusal> {
        let at = beat.when;
        match command {
            Command::Plain(verb @ (Verb::Quota | Verb::Status | Verb::Why)) => return Ok(Said::Asked(*verb)),
            Command::Plain(Verb::Withdraw) | Command::Duplicate(_) => {
                if !self.walk.open {
                    return Err(Refusal::Closed);
                }
                let reason = closes(command).unwrap_or_default();
                self.close(beat, reason);
                self.walk.wish = Some((id, Some(reason)));
            }
            Command::Plain(Verb::Reopen) => {
                let life = self.lives.get(self.life);
                let admits = life.is_some_and(|life| life.from == beat.fact.at && life.from > self.ticket.created_at);
                if self.walk.open && !admits {
                    return Err(Refusal::Open);
                }
                // The desk had closed it over the allowance, and before the one that found a slot there was none (Q5).
                let before = self.closed_by == Some(Role::Bot) && life.is_some_and(|life| beat.fact.at < life.from);
                if before || matches!(self.ticket.standing, Standing::TurnedAway(_)) {
                    // What it had been charged for has ended by this all the same (Q6, S9).
                    if life.is_some_and(|life| life.until == Some(beat.fact.at)) {
                        self.reopen(beat);
                        (self.walk.open, self.closed_by) = (false, Some(Role::Bot));
                    }
                    return Err(Refusal::NoSlot);
                }
                self.reopen(beat);
                self.walk.wish = Some((id, None));
            }
            Command::Plain(Verb::Wait) => {
                let answered = self.answered;
                let cycle = self.running().ok_or(Refusal::NoClock)?;
                if !answered {
                    return Err(Refusal::FirstAnswer);
                }
                if cycle.paused.is_some_and(|(_, pause)| pause == Pause::Waits) {
                    return Err(Refusal::Paused);
                }
                self.waits.get_or_insert(at);
                self.pause(at, Pause::Waits);
            }
            Command::Plain(Verb::Resume) => {
                self.running().ok_or(Refusal::NoClock)?;
                self.waits.take().ok_or(Refusal::NotPaused)?;
                self.walk.resumed_by = Some(id);
                self.go_on(at);
            }
            Command::Plain(Verb::None) => {
                let cycle = self.running().ok_or(Refusal::NoClock)?;
                if cycle.begun != Begun::Comment {
                    return Err(Refusal::FirstAnswer);
                }
                self.end(beat, Outcome::Settled, Outcome::ClosedLate, at);
            }
            Command::Plain(Verb::Escalate) => {
                let cycle = self.running().ok_or(Refusal::NoClock)?;
                if cycle.paused.is_some() {
                    return Err(Refusal::Paused);
                }
                if !super::escalation::firings(cycle).iter().any(|firing| firing.at > at) {
                    return Err(Refusal::NoStep);
                }
                cycle.hurried.push(at);
            }
            Command::Ack(time) => {
                let cycle = self.running().ok_or(Refusal::NoClock)?;
                cycle.acknowledge(at, *time);
            }
            Command::Extend { by, reason } => {
                let cycle = self.running().ok_or(Refusal::NoClock)?;
                if cycle.extended.is_some() {
                    return Err(Refusal::ExtendedBefore);
                }
                if cycle.is_over(at) {
                    return Err(Refusal::PastDue);
                }
                cycle.clock.budget = cycle.clock.budget.saturating_add(*by);
                cycle.extended = Some((at, *by, reason.clone()));
                settle_due(cycle);
            }
            Command::Waive(reason) => return self.asked_back(beat, EntryKind::Waiver, reason),
            Command::Refund(reason) => return self.asked_back(beat, EntryKind::Refund, reason),
            Command::Grant { .. } => {
                return if self.ticket.carried_out.contains(&id) { Ok(Said::Done) } else { Err(Refusal::NoTicket) };
            }
            Command::Plain(_) | Command::For(_) | Command::Malformed(_) | Command::Unknown(_) => return Ok(Said::Passed),
        }
        Ok(Said::Done)
    }

    /// `/waive` and `/refund`: done where the unit was given back for it, or will be at once.
    fn asked_back(&mut self, beat: &Beat<'_>, kind: EntryKind, reason: &str) -> Result<Said, Refusal> {
        let waits = matches!(self.ticket.standing, Standing::Waiting(_)) && kind == EntryKind::Waiver;
        let charge = self.lives.get(self.life).filter(|_| !self.over).and_then(|life| life.charge.as_ref());
        let first = self.walk.triggers.get(self.life).is_some_and(Option::is_none);
        self.trigger(beat, true, kind, reason);
        if waits || (charge.is_some() && first) { Ok(Said::Done) } else { Err(Refusal::NotCharged) }
    }
}

fn end_cycle(cycle: &mut Cycle, at: Timestamp, by: Option<Person>, outcome: Outcome) {
    if let Some((since, _)) = cycle.paused.take() {
        cycle.clock.go_on(since, at.max(since));
    }
    cycle.state = State::Ended { at, by, outcome };
}

fn settle_due(cycle: &mut Cycle) {
    cycle.due = cycle.clock.due(cycle.calendar()).earliest();
}
