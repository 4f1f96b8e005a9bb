//! A ticket: what GitHub told about an issue (facts), and what the desk decided about it (standing).
//!
//! Facts are kept, not folded: the clock is read from them in the order in which they happened, so that late, double and
//! reordered events all lead to the same ticket (`R3`).

use super::beats::VOID_WITHIN;
use super::command::{self, Command};
use super::event::{CloseReason, Event, Person, What};
use super::ids::{CommentId, InstallationId, IssueId, PartnerId, RepoId, UserId};
use super::quota::EntryKind;
use super::window::Window;
use crate::programme::{Calendar, Ladder, Target, TierId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An issue as the desk knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// GitHub's global issue id.
    pub issue: IssueId,
    /// Through which installation it is written to.
    pub installation: InstallationId,
    /// Where it is.
    pub repo: RepoId,
    /// `owner/name`, for people.
    pub repo_name: String,
    /// Whether the repository is private (`G3`).
    pub private: bool,
    /// The issue's number in its repository.
    pub number: i64,
    /// Written by people: data, never markup (`G8`).
    pub title: String,
    /// The issue's page.
    pub url: String,
    /// Who opened it; `None`: the account is gone.
    pub author: Option<Person>,
    /// Partners that the author was a member of, and whether the author was an agent, when it was opened (`W2`).
    pub author_sides: Sides,
    /// When it was opened (`Q1`).
    pub created_at: Timestamp,
    /// The latest view of the issue that the header was taken from.
    pub seen_at: Timestamp,
    /// The partner named in the opening text (`W5`, `W7`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
    /// The text by which the partner was named, where one was (`W5`, `W7`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<String>,
    /// First heard of by something else than its opening, so an earlier life of the desk may have commented on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub found: bool,
    /// The id that the issue has since it was transferred; the ticket keeps the first (`S12`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<IssueId>,
    /// Since when it is where it is, after a transfer (`S12`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub here_since: Option<Timestamp>,
    /// When it was transferred to where the desk does not reach (`S12`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_coverage: Option<Timestamp>,
    /// What the desk decided.
    pub standing: Standing,
    /// Former times as a counted ticket: each ended in a refund or lay long closed, and a reopening began the next (`Q6`, `S9`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<Admission>,
    /// Promises of cycles that began after the first of an admission, by their start (`S5`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub promises: Vec<Dated>,
    /// What changes a promise that runs then: each rise of the tier since the opening, an operator's `retarget` (`S5`, `S11`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amendments: Vec<Amendment>,
    /// Up to when rises of the tier were looked for: one that is dated before that was recorded late, and counts from when it was seen (`S11`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rises_seen: Option<Timestamp>,
    /// Times in which nobody could answer or be told here (`S12`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frozen: Vec<Freeze>,
    /// Comments whose commands on the ledger have been carried out (`C`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried_out: Vec<CommentId>,
    /// What GitHub told, in the order of its arrival.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// Steps at or before this instant have been dealt with (`E2`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stepped: Option<Timestamp>,
    /// The same, whatever was to be looked at again since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dealt: Option<Timestamp>,
    /// How often it has been charged; makes the ledger's keys unique (`Q4`).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub charges: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// On whose side somebody stood at the time: kept with the fact, so that a later departure changes nothing (`S10`, `W4`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sides {
    /// A support engineer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub agent: bool,
    /// Whether a support engineer is not known yet: GitHub has to be asked (`W3`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
    /// Member of these partners, best choice first (`W5`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partners: Vec<PartnerId>,
}

/// Who somebody is on one ticket (`W4`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The author or another member of the ticket's partner.
    Partner,
    /// A support engineer.
    Agent,
    /// A `Bot` account.
    Bot,
    /// Somebody else.
    Passerby,
    /// Not known yet: GitHub is asked whether it is a support engineer (`W3`).
    Unknown,
}

/// One thing that GitHub told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// When it happened.
    pub at: Timestamp,
    /// Who did it; `None`: the account is gone.
    pub by: Option<Person>,
    /// On whose side they stood then.
    #[serde(default)]
    pub sides: Sides,
    /// What.
    pub what: Told,
}

/// The kinds of fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// A comment.
    Comment {
        /// Which.
        id: CommentId,
        /// It says more than commands.
        substance: bool,
        /// The commands in it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        commands: Vec<Command>,
    },
    /// A comment was deleted (`S10`).
    Uncommented {
        /// Which.
        id: CommentId,
    },
    /// An agent's thumbs-up on a comment (`S4`).
    Liked {
        /// On which.
        id: CommentId,
    },
    /// The issue was closed.
    Closed {
        /// As what.
        reason: CloseReason,
    },
    /// The issue was opened again.
    Reopened,
    /// Locked, which pauses (`S7`).
    Locked,
    /// Unlocked.
    Unlocked,
    /// The label that pauses was put on (`S7`).
    Paused,
    /// And taken off.
    Unpaused,
    /// The issue is no more (`S12`).
    Gone,
    /// Somebody acknowledged this clock by the link in a ping (`E5`). GitHub did not tell it; nobody knows for certain who it was.
    Acknowledged {
        /// The clock's number.
        cycle: u32,
        /// For how long; `None`: for good.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        time: Option<SignedDuration>,
    },
}

impl Told {
    /// The partner that a comment names.
    #[must_use]
    pub fn claim(&self) -> Option<&str> {
        match self {
            Self::Comment { commands, .. } => command::claim(commands),
            _ => None,
        }
    }

    /// Whether it is a close, whatever its reason.
    #[must_use]
    pub const fn is_close(&self) -> bool {
        matches!(self, Self::Closed { .. })
    }
}

/// What the desk decided about an issue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Standing {
    /// Opened before its repository was first seen: no ticket until `/for` (`R2`).
    Older,
    /// Who the author is could not be found out yet (`W6`).
    Checking {
        /// When it is tried again.
        retry_at: Timestamp,
    },
    /// The author is no member of any partner (`W6`).
    Nobody,
    /// The tier has no tickets (`Q3`).
    NotIncluded {
        /// Whose.
        partner: PartnerId,
        /// The tier without.
        tier: TierId,
    },
    /// The subscription had ended or not begun (`Q9`).
    NoSubscription {
        /// Whose.
        partner: PartnerId,
        /// Which of the two, and since or from when.
        why: Gap,
    },
    /// Over the allowance; admitted in order when a slot comes free (`Q5`).
    Waiting(Waiting),
    /// Left the queue uncharged (`Q10`).
    Left {
        /// Whose.
        partner: PartnerId,
        /// In force when it was opened.
        tier: TierId,
        /// How.
        why: Departure,
        /// When.
        at: Timestamp,
    },
    /// Over the allowance and `over_quota = close`: the desk closed it, nothing queues (`Q5`).
    TurnedAway(Waiting),
    /// Counted and promised.
    Admitted(Admission),
}

/// Why there is no subscription at an instant (`Q9`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// It begins then.
    NotBegun(Timestamp),
    /// It ended then.
    Ended(Timestamp),
    /// None was ever recorded.
    Never,
}

/// How a waiting ticket left the queue (`Q10`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Departure {
    /// An agent answered it.
    Answered,
    /// Somebody closed it.
    Closed,
    /// The issue is no more where it was.
    Gone,
}

/// A place in the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Whose.
    pub partner: PartnerId,
    /// In force when last looked at.
    pub tier: TierId,
    /// The window that is full.
    pub window: Window,
    /// Tickets charged to it.
    pub used: u32,
    /// Its allowance.
    pub limit: u32,
    /// Tickets of the partner that come first.
    pub ahead: u32,
    /// When its turn comes if nothing else changes; `None`: no slot is promised (`Q3`).
    pub opens: Option<Timestamp>,
    /// Since when it stands in the queue: when it was opened, or opened again.
    pub since: Timestamp,
}

/// A ticket that was counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Admission {
    /// Whose.
    pub partner: PartnerId,
    /// In force at the admission (`W2`, `Q8`).
    pub tier: TierId,
    /// The clock's start: the opening, or the admission of one that waited (`S1`).
    pub at: Timestamp,
    /// It had to wait first (`Q5`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waited: bool,
    /// Since when it stood in line for this: its opening, or the reopening after a refund.
    pub from: Timestamp,
    /// The reopening that began the next admission; `None` for the present one (`Q6`, `S9`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What was charged; `None`: admitted over the allowance without a promise.
    pub charge: Option<Charge>,
    /// The promise as it was given; `None`: without one. Later edits of the programme do not touch it (`S5`).
    pub promise: Option<Promise>,
    /// Why this partner (`W5`).
    pub chosen: Choice,
}

/// The unit that a ticket used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// The ledger's key of it (`Q4`).
    pub key: String,
    /// The window; `None`: the tier is unlimited.
    pub window: Option<Window>,
    /// Which ticket of the window this was.
    pub used: u32,
    /// The window's allowance; `None`: unlimited.
    pub limit: Option<u32>,
    /// The ledger's key of the grant that it used (`Q7`); `None`: the allowance itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// What became of it since (`Q6`, `Q7`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<GivenBack>,
}

/// A unit that was given back, or that was asked back in vain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenBack {
    /// When what led to it happened.
    pub at: Timestamp,
    /// As what it stands in the ledger; `None`: refused, since a window refunds one early close only (`Q6`).
    pub kind: Option<EntryKind>,
    /// Why.
    pub reason: String,
    /// An early close was refused a refund before; another cause may still give the unit back (`Q6`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub denied: bool,
}

/// A response promise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Promise {
    /// The tier that promises.
    pub tier: TierId,
    /// Answer within this long.
    pub target: Target,
    /// In the hours of this calendar; `None`: around the clock (`S6`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Calendar>,
    /// Every unanswered comment of the partner starts a clock, not only the issue (`S4`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub every: bool,
    /// The ladder in force when the cycle started (`E2`).
    pub ladder: Arc<Ladder>,
}

/// The promise of a cycle that began at `start` (`S5`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dated {
    /// The cycle's start.
    pub start: Timestamp,
    /// The promise in force then.
    pub promise: Promise,
}

/// A change of a running promise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Amendment {
    /// From when.
    pub at: Timestamp,
    /// Why.
    pub why: Amends,
    /// The new promise.
    pub promise: Promise,
}

/// Why a running promise changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amends {
    /// The tier rose: due is the earlier of the old due and the new target from then on (`S11`).
    Raised,
    /// An operator's `retarget`: the new target from the cycle's start (`S5`).
    Retargeted,
}

/// A time in which a repository was not the desk's to work in (`S12`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// Since when.
    pub from: Timestamp,
    /// Until when; `None`: still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Why.
    pub why: FreezeReason,
}

/// Why a repository is out of the desk's hands (`S12`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FreezeReason {
    /// The repository is archived.
    Archived,
    /// The installation is suspended.
    Suspended,
    /// The App is not installed there any more.
    Uninstalled,
}

/// Why a ticket counts for this partner and not for another (`W5`, `W7`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// The author's only one.
    Only,
    /// Named in the issue.
    Named,
    /// Marked primary.
    Primary,
    /// Of the highest tier.
    HighestTier,
    /// An agent named it.
    ByAgent,
}

impl Ticket {
    /// A ticket as an event first shows it, undecided.
    #[must_use]
    pub fn first_seen(event: &Event, sides: Sides) -> Self {
        let issue = &event.issue;
        Self {
            issue: issue.id,
            installation: event.installation,
            repo: event.repo.id,
            repo_name: event.repo.full_name.clone(),
            private: event.repo.private,
            number: issue.number,
            title: issue.title.clone(),
            url: issue.url.clone(),
            author: issue.author.clone(),
            author_sides: sides,
            created_at: issue.created_at,
            seen_at: issue.updated_at,
            claim: issue.claim.clone(),
            claimed: None,
            found: !matches!(event.what, What::Opened | What::MovedHere { .. }),
            moved_to: None,
            here_since: None,
            left_coverage: None,
            standing: Standing::Older,
            past: Vec::new(),
            promises: Vec::new(),
            amendments: Vec::new(),
            rises_seen: None,
            frozen: Vec::new(),
            carried_out: Vec::new(),
            facts: Vec::new(),
            stepped: None,
            dealt: None,
            charges: 0,
        }
    }

    /// Takes over names that may have changed, from a view that is not older than the last (`R3`).
    pub fn refresh(&mut self, event: &Event) {
        if event.issue.updated_at < self.seen_at {
            return;
        }
        self.seen_at = event.issue.updated_at;
        if event.installation != InstallationId(0) && event.repo.id == self.repo {
            self.installation = event.installation;
        }
        self.title.clone_from(&event.issue.title);
        // The place that it was transferred from still tells of it (S12).
        if event.repo.id == self.repo {
            self.repo_name.clone_from(&event.repo.full_name);
            self.private = event.repo.private;
            self.url.clone_from(&event.issue.url);
        }
    }

    /// When the comment was made of which this tells that it was deleted, if it may have been an answer and is void by that (`S10`).
    pub(super) fn voids_since(&self, what: &Told, at: Timestamp) -> Option<Timestamp> {
        let Told::Uncommented { id: gone } = what else { return None };
        let answered = |fact: &&Fact| {
            let said = matches!(&fact.what, Told::Comment { id, substance: true, .. } if id == gone);
            said && (fact.sides.agent || fact.sides.unknown) && at.duration_since(fact.at) <= VOID_WITHIN
        };
        self.facts.iter().find(answered).map(|fact| fact.at.min(at))
    }

    /// Adds a fact unless it is known already; says whether it was new.
    pub fn learn(&mut self, fact: Fact) -> bool {
        let known = self.facts.iter().any(|other| match (&other.what, &fact.what) {
            (Told::Comment { id: a, .. }, Told::Comment { id: b, .. })
            | (Told::Uncommented { id: a }, Told::Uncommented { id: b })
            | (Told::Liked { id: a }, Told::Liked { id: b }) => a == b,
            (Told::Gone, Told::Gone) => true,
            (Told::Closed { .. }, Told::Closed { .. }) => other.at == fact.at,
            (a, b) => a == b && other.at == fact.at,
        });
        if !known {
            self.facts.push(fact);
        }
        !known
    }

    /// The partner this counts for, if any.
    #[must_use]
    pub const fn partner(&self) -> Option<&PartnerId> {
        match &self.standing {
            Standing::Older | Standing::Checking { .. } | Standing::Nobody => None,
            Standing::NotIncluded { partner, .. } | Standing::NoSubscription { partner, .. } | Standing::Left { partner, .. } => {
                Some(partner)
            }
            Standing::Waiting(waiting) | Standing::TurnedAway(waiting) => Some(&waiting.partner),
            Standing::Admitted(admission) => Some(&admission.partner),
        }
    }

    /// The tier this counts under, if any.
    #[must_use]
    pub const fn tier(&self) -> Option<&TierId> {
        match &self.standing {
            Standing::Older | Standing::Checking { .. } | Standing::Nobody | Standing::NoSubscription { .. } => None,
            Standing::NotIncluded { tier, .. } | Standing::Left { tier, .. } => Some(tier),
            Standing::Waiting(waiting) | Standing::TurnedAway(waiting) => Some(&waiting.tier),
            Standing::Admitted(admission) => Some(&admission.tier),
        }
    }

    /// Who somebody is on this ticket (`W4`).
    #[must_use]
    pub fn role(&self, fact: &Fact) -> Role {
        self.role_for(self.partner(), fact)
    }

    /// Who somebody would be on this ticket if it counted for `partner`.
    pub(super) fn role_for(&self, partner: Option<&PartnerId>, fact: &Fact) -> Role {
        let Some(person) = &fact.by else { return Role::Passerby };
        if person.bot {
            return Role::Bot;
        }
        if partner.is_some_and(|partner| fact.sides.partners.contains(partner)) {
            return Role::Partner;
        }
        if fact.sides.agent {
            return Role::Agent;
        }
        if fact.sides.unknown {
            return Role::Unknown;
        }
        if self.is_author(person.id) { Role::Partner } else { Role::Passerby }
    }

    /// Whether `user` opened it.
    #[must_use]
    pub fn is_author(&self, user: UserId) -> bool {
        self.author.as_ref().is_some_and(|author| author.id == user)
    }

    /// Whether a comment can matter to a ticket that counts for nobody, or not yet: an agent's may, a member's, the author's, one with
    /// a command, which may name a partner, and one by somebody of whom it is not known yet whether they are an agent. What comes before the opening of a
    /// member's issue may as well (`R3`). Without this, a busy public issue would fill the database with what strangers say.
    #[must_use]
    pub fn wants(&self, fact: &Fact) -> bool {
        let counts = !matches!(self.standing, Standing::Older | Standing::Nobody) || !self.author_sides.partners.is_empty();
        let by_author = fact.by.as_ref().is_some_and(|by| self.is_author(by.id));
        let known = fact.sides.agent || fact.sides.unknown || !fact.sides.partners.is_empty() || by_author;
        counts || known || !matches!(&fact.what, Told::Comment { commands, .. } if commands.is_empty())
    }

    /// The id that GitHub knows the issue by at present (`S12`).
    #[must_use]
    pub fn present_id(&self) -> IssueId {
        self.moved_to.unwrap_or(self.issue)
    }

    /// Whether the issue is no more where it was (`S12`).
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.facts.iter().any(|fact| fact.what == Told::Gone)
    }

    /// A word for the standing, as the database indexes it.
    #[must_use]
    pub const fn standing_word(&self) -> &'static str {
        match self.standing {
            Standing::Older => "older",
            Standing::Checking { .. } => "checking",
            Standing::Nobody => "nobody",
            Standing::NotIncluded { .. } => "not_included",
            Standing::NoSubscription { .. } => "no_subscription",
            Standing::Waiting(_) => "waiting",
            Standing::Left { .. } => "left",
            Standing::TurnedAway(_) => "turned_away",
            Standing::Admitted(_) => "admitted",
        }
    }
}
