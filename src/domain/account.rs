//! The account of one ticket: each charge, start, pause and stop, with the rule, who, and why. `/why` and `explain` print it (`C`).

use super::beats::Doing;
use super::command::Command;
use super::event::Person;
use super::quota::{Entry, EntryKind};
use super::response::{Begun, Cycle, Outcome, Said, State, Verdict};
use super::ticket::{Amends, Departure, FreezeReason, Role, Standing, Ticket};
use jiff::Timestamp;
use serde::Serialize;

/// One line of an account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Line {
    /// The instant that it is about.
    pub at: Timestamp,
    /// The rule's number.
    pub rule: String,
    /// Whose doing it was; empty where it was nobody's.
    pub who: String,
    /// What, and why.
    pub text: String,
}

/// Rules of the log that the account does not tell itself: what was said in chat, and what was found out about people and labels.
const FROM_THE_LOG: [&str; 10] = ["E1", "E2", "E3", "E4", "E5", "E7", "G2", "G5", "O2", "W6"];

pub(super) fn login(person: Option<&Person>) -> String {
    person.map_or_else(|| "ghost".to_owned(), |person| person.login.clone())
}

impl Ticket {
    /// The account, oldest line first. `entries` are the ledger's lines of its partners, `log` is the ticket's log.
    #[must_use]
    pub fn account(&self, entries: &[Entry], log: &[(Timestamp, String, String)]) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut line = |at: Timestamp, rule: &str, who: String, text: String| lines.push(Line { at, rule: rule.to_owned(), who, text });
        line(self.created_at, "W2", login(self.author.as_ref()), self.opening());
        self.people(&mut line);
        for entry in entries.iter().filter(|entry| entry.issue == self.issue) {
            let rule = match entry.kind {
                EntryKind::Charge => "Q1",
                EntryKind::Refund | EntryKind::Withdrawal => "Q6",
                EntryKind::Waiver | EntryKind::Grant => "Q7",
            };
            let at = if matches!(entry.kind, EntryKind::Charge | EntryKind::Grant) { entry.at } else { entry.recorded_at };
            line(at, rule, entry.actor.clone(), format!("{} for {}: {}", entry.kind.as_str(), entry.partner, entry.reason));
        }
        for charge in self.lives().into_iter().filter_map(|life| life.charge.as_ref()) {
            if let Some(back) = charge.back.as_ref().filter(|back| back.kind.is_none()) {
                line(back.at, "Q6", String::new(), "not given back: an early close was given back in this window already".to_owned());
            }
        }
        match &self.standing {
            Standing::Waiting(waiting) => {
                let text = format!("waits for a slot: {} of {} used, {} ahead", waiting.used, waiting.limit, waiting.ahead);
                line(waiting.since, "Q5", String::new(), text);
            }
            Standing::TurnedAway(waiting) => {
                line(waiting.since, "Q5", String::new(), format!("not accepted: {} of {} used", waiting.used, waiting.limit));
            }
            Standing::Left { why, at, .. } => {
                let how = match why {
                    Departure::Answered => "answered",
                    Departure::Closed => "closed",
                    Departure::Gone => "deleted",
                };
                line(*at, "Q10", String::new(), format!("{how} while it waited: left the queue uncharged"));
            }
            Standing::NotIncluded { tier, .. } => line(self.created_at, "Q3", String::new(), format!("the tier {tier} has no tickets")),
            Standing::NoSubscription { .. } => line(self.created_at, "Q9", String::new(), "no subscription was in force".to_owned()),
            Standing::Nobody => line(self.created_at, "W6", String::new(), "counts for no partner".to_owned()),
            Standing::Checking { .. } => line(self.created_at, "W6", String::new(), "a look-up failed and is tried again".to_owned()),
            Standing::Older | Standing::Admitted(_) => {}
        }
        let cycles = self.cycles();
        for cycle in &cycles {
            clock(cycle, &mut line);
        }
        for amendment in cycles.iter().flat_map(|cycle| &cycle.amended) {
            let (rule, why) = match amendment.why {
                Amends::Raised => ("S11", "the tier rose"),
                Amends::Retargeted => ("S5", "retarget by the operator"),
            };
            let promise = &amendment.promise;
            line(amendment.at, rule, String::new(), format!("{why}: {} within {}", promise.tier, promise.target));
        }
        for freeze in &self.frozen {
            let why = match freeze.why {
                FreezeReason::Archived => "the repository is archived",
                FreezeReason::Suspended => "the App is suspended",
                FreezeReason::Uninstalled => "the App is not installed",
            };
            let until = freeze.until.map_or_else(|| "now".to_owned(), |until| until.to_string());
            line(freeze.from, "S12", String::new(), format!("unmanaged until {until}: {why}"));
        }
        if let Some(at) = self.left_coverage {
            line(at, "S12", String::new(), "transferred to where the desk does not reach: left coverage".to_owned());
        }
        for verdict in self.walk().verdicts {
            if let Some(Line { at, rule, who, text }) = verdict.line() {
                line(at, &rule, who, text);
            }
        }
        for (at, rule, text) in log.iter().filter(|(_, rule, _)| FROM_THE_LOG.contains(&rule.as_str())) {
            line(*at, rule, String::new(), text.clone());
        }
        // Told as it happened; lines of one instant keep the order in which they are written above.
        lines.sort_by_key(|line| line.at);
        lines.dedup();
        lines
    }

    fn opening(&self) -> String {
        match (self.partner(), self.author_sides.agent) {
            (Some(partner), _) if self.author_sides.partners.contains(partner) => format!("opened, as a member of {partner} then"),
            (Some(partner), true) => format!("opened, as a support engineer, for {partner}"),
            (Some(partner), false) => format!("opened, as nobody of {partner}"),
            (None, _) => "opened".to_owned(),
        }
    }

    /// Who counted as what, at their first word.
    fn people(&self, line: &mut impl FnMut(Timestamp, &str, String, String)) {
        let mut told = Vec::new();
        for beat in self.beats(self.partner()) {
            let Some(person) = &beat.fact.by else { continue };
            if told.contains(&(person.id, beat.role)) || self.is_author(person.id) {
                continue;
            }
            told.push((person.id, beat.role));
            let (rule, text) = match beat.role {
                Role::Agent => ("W3", "counts as a support engineer: was one when this was written"),
                Role::Partner => ("W4", "counts as the partner's: was a member when this was written"),
                Role::Bot => ("S2", "is a bot, and answers nothing"),
                Role::Unknown => ("W3", "may be a support engineer: GitHub is asked"),
                Role::Passerby => ("S2", "is neither a support engineer nor the partner's"),
            };
            if matches!(beat.what, Doing::NoCommand(..)) && beat.role == Role::Passerby {
                continue;
            }
            line(beat.fact.at, rule, person.login.clone(), text.to_owned());
        }
    }
}

fn clock(cycle: &Cycle, line: &mut impl FnMut(Timestamp, &str, String, String)) {
    let number = cycle.number;
    let (rule, why) = match cycle.begun {
        Begun::Admission => ("S1", "admitted"),
        Begun::Reopening => ("S9", "reopened"),
        Begun::Comment => ("S4", "the partner wrote again"),
    };
    // What moved due since has a line of its own, so that each line is true at its own time.
    let moved = cycle.clock.start != cycle.start || cycle.extended.is_some() || !cycle.clock.gaps().is_empty();
    let due = cycle.due_known().filter(|_| !moved).map(|due| format!(", due {due}")).unwrap_or_default();
    line(cycle.start, rule, String::new(), format!("clock {number} starts: {why}; answer within {}{due}", cycle.named.1));
    for gap in cycle.clock.gaps().iter().filter(|gap| gap.until.is_none_or(|until| until > cycle.start)) {
        line(gap.from.max(cycle.start), "S7", String::new(), format!("clock {number} stands still"));
        if let Some(until) = gap.until {
            line(until, "S7", String::new(), format!("clock {number} goes on"));
        }
    }
    if let Some((at, by, reason)) = &cycle.extended {
        line(*at, "C", String::new(), format!("clock {number} is extended by {}: {reason}", crate::programme::show_duration(*by)));
    }
    for (at, until) in &cycle.acknowledged {
        let until = until.map_or_else(|| "for good".to_owned(), |until| format!("until {until}"));
        line(*at, "E5", String::new(), format!("reminders of clock {number} are silenced {until}"));
    }
    if let Some(Line { at, rule, who, text }) = cycle.stops() {
        line(at, &rule, who, text);
    }
}

impl Verdict {
    /// What became of it, if it was for anybody here.
    #[must_use]
    pub fn line(&self) -> Option<Line> {
        let said = match self.said {
            Said::Done => "carried out",
            Said::Asked(_) => "answered",
            Said::Refused(_) => "refused",
            Said::Passed => return None,
        };
        let name = match &self.command {
            Command::Unknown(name) => name.as_str(),
            other => other.verb().map_or("", super::command::Verb::name),
        };
        Some(Line { at: self.at, rule: "C".to_owned(), who: login(self.by.as_ref()), text: format!("/{name}: {said}") })
    }
}

impl Cycle {
    /// How it ended, if it did.
    #[must_use]
    pub fn stops(&self) -> Option<Line> {
        let State::Ended { at, by, outcome } = &self.state else { return None };
        let (rule, how) = match outcome {
            Outcome::Met => ("S3", "answered in time: met"),
            Outcome::Late => ("S3", "answered late: breached"),
            Outcome::ClosedUnanswered => ("S9", "closed unanswered: neither met nor breached"),
            Outcome::Cancelled => ("S9", "closed by the partner: cancelled"),
            Outcome::Gone => ("S12", "the issue is no more: ended"),
            Outcome::LeftCoverage => ("S12", "left coverage"),
            Outcome::Settled => ("S4", "settled: no answer was needed"),
            Outcome::ClosedLate => ("S9", "ended after the promise was up: breached"),
        };
        let text = format!("clock {} stops: {how}", self.number);
        Some(Line { at: *at, rule: rule.to_owned(), who: login(by.as_ref()), text })
    }
}
