//! What a ticket's facts mean, in the order in which they count. Clocks, stays in the queue and refunds are all read from these beats,
//! so that late, double and reordered events lead to the same ticket (`R3`).

use super::command::{Command, Verb};
use super::event::CloseReason;
use super::ids::{CommentId, PartnerId};
use super::ticket::{Fact, Role, Ticket, Told};
use jiff::{SignedDuration, Timestamp};

/// A comment by the closer up to this long after the close counts as before it: GitHub's "close with comment" sends two
/// events in no order (`S9`).
const CLOSING_COMMENT: SignedDuration = SignedDuration::from_secs(5);

/// A comment that is deleted within this time is void (`S10`).
pub(super) const VOID_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// One meaning of one fact.
#[derive(Debug, Clone)]
pub(super) struct Beat<'t> {
    /// When it counts.
    pub(super) when: Timestamp,
    /// What it is read from.
    pub(super) fact: &'t Fact,
    /// Who did it, as far as this partner's ticket is concerned.
    pub(super) role: Role,
    /// What it means.
    pub(super) what: Doing<'t>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing<'t> {
    /// An agent's public words (`S2`).
    Answer(CommentId),
    /// The partner's words.
    Word(CommentId),
    /// A command by somebody who may give it.
    Command(CommentId, &'t Command),
    /// A command by somebody who may not, or none at all.
    NoCommand(CommentId, &'t Command),
    /// An agent's thumbs-up.
    Liked(CommentId),
    Closed(CloseReason),
    Reopened,
    Locked,
    Unlocked,
    /// The label that pauses, put on by an agent.
    Paused,
    Unpaused,
    Gone,
    /// The link in a ping was followed: which clock, and for how long (`E5`).
    Acknowledged(u32, Option<SignedDuration>),
}

impl Doing<'_> {
    /// At one instant: stop, then pause, then start (`S8`).
    const fn rank(&self) -> u8 {
        match self {
            Self::Answer(_) => 0,
            Self::Command(_, command) | Self::NoCommand(_, command) => match command.verb() {
                Some(Verb::Withdraw | Verb::Duplicate | Verb::None | Verb::Waive | Verb::Refund) => 1,
                Some(Verb::Resume) => 3,
                Some(Verb::Reopen) => 5,
                _ => 2,
            },
            Self::Closed(_) => 1,
            Self::Locked | Self::Paused | Self::Acknowledged(..) => 2,
            Self::Unlocked | Self::Unpaused => 3,
            Self::Word(_) => 4,
            Self::Reopened => 5,
            // It comes after the comment that it is about.
            Self::Liked(_) => 6,
            Self::Gone => 7,
        }
    }
}

impl Ticket {
    /// The beats of this ticket as `partner`'s.
    pub(super) fn beats(&self, partner: Option<&PartnerId>) -> Vec<Beat<'_>> {
        let mut beats = Vec::with_capacity(self.facts.len());
        for fact in &self.facts {
            let role = self.role_for(partner, fact);
            let when = self.counts_at(fact);
            let mut add = |what| beats.push(Beat { when, fact, role, what });
            match &fact.what {
                Told::Comment { id, substance, commands } => {
                    if *substance && !self.is_void(*id, fact.at) {
                        match role {
                            Role::Agent => add(Doing::Answer(*id)),
                            Role::Partner => add(Doing::Word(*id)),
                            Role::Bot | Role::Passerby | Role::Unknown => {}
                        }
                    }
                    for command in commands.iter().filter(|_| !matches!(role, Role::Bot | Role::Unknown)) {
                        let may = match (command.verb(), role) {
                            (None, _) | (_, Role::Bot | Role::Passerby | Role::Unknown) => false,
                            (Some(verb), Role::Partner) => !verb.for_agents(),
                            (Some(_), Role::Agent) => true,
                        };
                        let may = may && !matches!(command, Command::Malformed(_));
                        add(if may { Doing::Command(*id, command) } else { Doing::NoCommand(*id, command) });
                    }
                }
                Told::Liked { id } if role == Role::Agent => add(Doing::Liked(*id)),
                Told::Closed { reason } => add(Doing::Closed(*reason)),
                Told::Reopened => add(Doing::Reopened),
                Told::Locked => add(Doing::Locked),
                Told::Unlocked => add(Doing::Unlocked),
                Told::Paused if role == Role::Agent => add(Doing::Paused),
                Told::Unpaused => add(Doing::Unpaused),
                Told::Gone => add(Doing::Gone),
                Told::Acknowledged { cycle, time } => add(Doing::Acknowledged(*cycle, *time)),
                Told::Uncommented { .. } | Told::Liked { .. } | Told::Paused => {}
            }
        }
        beats.sort_by_key(|beat| {
            let id = match beat.what {
                Doing::Answer(id) | Doing::Word(id) | Doing::Command(id, _) | Doing::NoCommand(id, _) | Doing::Liked(id) => id.0,
                // What the desk itself closes or opens follows from a command, perhaps within the same second.
                Doing::Reopened if beat.role == Role::Bot => i64::MAX,
                // What is said together with a close is about the issue as it was: a command comes first (S9).
                Doing::Closed(_) => i64::MAX,
                _ => 0,
            };
            (beat.when, beat.what.rank(), id)
        });
        beats
    }

    fn is_void(&self, comment: CommentId, said: Timestamp) -> bool {
        let taken_back = |fact: &Fact| fact.what == Told::Uncommented { id: comment } && fact.at.duration_since(said) <= VOID_WITHIN;
        self.facts.iter().any(taken_back)
    }

    fn counts_at(&self, fact: &Fact) -> Timestamp {
        if !matches!(fact.what, Told::Comment { .. }) {
            return fact.at;
        }
        let same_person = |other: &Fact| matches!((&other.by, &fact.by), (Some(a), Some(b)) if a.id == b.id);
        let close = self.facts.iter().filter(|other| other.what.is_close() && same_person(other)).map(|close| close.at);
        let close = close.filter(|close| *close <= fact.at && fact.at.duration_since(*close) <= CLOSING_COMMENT).max();
        // What is said after a reopening did not come with the close.
        let reopened = |close: Timestamp| {
            let since = |other: &Fact| other.what == Told::Reopened && other.at > close && other.at <= fact.at;
            self.facts.iter().any(since)
        };
        close.filter(|close| !reopened(*close)).unwrap_or(fact.at)
    }

    /// Whether the issue is open, as far as the facts tell, the desk's commands included.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.walk().open
    }
}
