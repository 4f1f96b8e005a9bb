//! Allowances: the ledger, and where a ticket finds its slot (`Q1` to `Q11`).

use super::ids::{IssueId, PartnerId};
use super::partner::{Partner, Subscription};
use super::ticket::Gap;
use super::window::Window;
use crate::programme::{Allowance, Programme, TierId};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// What an entry of the ledger does to the balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Uses a unit.
    Charge,
    /// Gives back a unit that was charged (`Q6`).
    Refund,
    /// The same, because the partner closed early: once in a window (`Q6`).
    Withdrawal,
    /// The same, because an agent charges nothing for it (`Q7`).
    Waiver,
    /// Adds units that can be used for a time (`Q7`).
    Grant,
}

impl EntryKind {
    /// As the ledger writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::Withdrawal => "withdrawal",
            Self::Waiver => "waiver",
            Self::Grant => "grant",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Charge, Self::Refund, Self::Withdrawal, Self::Waiver, Self::Grant].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One line of the ledger. There is no counter: a balance is always the sum of these (`Q7`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Unique: what makes a second charge of the same ticket impossible (`Q4`).
    pub key: String,
    /// Whose.
    pub partner: PartnerId,
    /// For which ticket; 0 for a grant that an operator gave without one.
    pub issue: IssueId,
    /// Which way.
    pub kind: EntryKind,
    /// The instant that it counts at: it belongs to every window that holds it, of whatever kind (`Q1`, `Q8`).
    pub at: Timestamp,
    /// When it was decided; a refund frees a slot from then on.
    pub recorded_at: Timestamp,
    /// How many; 0 for a waiver of a ticket that was never charged.
    pub units: u32,
    /// First instant at which a grant can be used no more.
    pub until: Option<Timestamp>,
    /// The key of the grant that this charge, or what gives it back, stands on; `None`: on the window itself.
    pub grant: Option<String>,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// What entries add up to, as known at `as_of`. Charges count whenever they were made: nobody is displaced (`Q11`).
fn sum<'e>(entries: impl Iterator<Item = &'e Entry>, as_of: Timestamp) -> u32 {
    let units = entries.map(|entry| match entry.kind {
        EntryKind::Charge => i64::from(entry.units),
        EntryKind::Refund | EntryKind::Withdrawal | EntryKind::Waiver if entry.recorded_at <= as_of => -i64::from(entry.units),
        _ => 0,
    });
    u32::try_from(units.sum::<i64>().max(0)).unwrap_or(u32::MAX)
}

/// Units used in a window, as known at `as_of`. What stands on a grant is not among them.
#[must_use]
pub fn used(entries: &[Entry], window: Window, as_of: Timestamp) -> u32 {
    sum(entries.iter().filter(|entry| entry.grant.is_none() && window.contains(entry.at)), as_of)
}

/// Units of a grant that are left at `as_of`.
#[must_use]
pub fn left_of(entries: &[Entry], grant: &Entry, as_of: Timestamp) -> u32 {
    grant.units.saturating_sub(sum(entries.iter().filter(|entry| entry.grant.as_deref() == Some(&grant.key)), as_of))
}

/// The grants that can be used at `at`, the one that ends first in front.
#[must_use]
pub fn grants_at(entries: &[Entry], at: Timestamp) -> Vec<&Entry> {
    let open = |entry: &&Entry| entry.kind == EntryKind::Grant && entry.at <= at && entry.until.is_none_or(|until| at < until);
    let mut grants: Vec<_> = entries.iter().filter(open).collect();
    grants.sort_by_key(|grant| (grant.until.unwrap_or(Timestamp::MAX), grant.at));
    grants
}

/// Where a ticket finds itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// There is a slot, from `at` on.
    Slot {
        /// In force then.
        tier: TierId,
        /// The opening, or the first instant after it at which a slot was free.
        at: Timestamp,
        /// The window and its allowance; `None`: unlimited.
        window: Option<(Window, u32)>,
        /// Units used before this one.
        used: u32,
        /// The key of the grant that has the slot; `None`: the window has it.
        grant: Option<String>,
    },
    /// Every window up to now is full.
    Full {
        /// In force when last looked at.
        tier: TierId,
        /// The last window looked at.
        window: Window,
        /// Its allowance.
        limit: u32,
        /// Units used in it.
        used: u32,
    },
    /// The tier has no tickets.
    NotIncluded(TierId),
    /// There is no subscription.
    NoSubscription(Gap),
}

/// What placing a ticket needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Allowances<'a> {
    /// The tiers.
    pub programme: &'a Programme,
    /// The zone of the windows (`Q2`).
    pub zone: &'a TimeZone,
    /// Whose allowance.
    pub partner: &'a Partner,
    /// The partner's ledger, from the earliest window in question on.
    pub entries: &'a [Entry],
}

/// A ticket that arrives later than this many changes of window goes straight to the present one.
const MOST_LOOKS: usize = 400;

impl Allowances<'_> {
    /// Finds the first instant in `[from, now]` at which a ticket opened at `from` has a slot.
    ///
    /// It looks at the opening itself, then at each instant at which a slot can come free: a window that opens, a refund, a
    /// change of tier. So a ticket that arrives late lands where it would have landed in time, as far as that is still free
    /// (`Q1`, `Q5`, `Q8`, `Q11`): like linear probing, the slots taken in the end do not depend on the order of arrival.
    #[must_use]
    pub fn place(&self, from: Timestamp, now: Timestamp) -> Placement {
        let mut at = from;
        let mut full = None;
        for _ in 0..MOST_LOOKS {
            let mut next = self.partner.changes_after(at).next();
            match self.look(at) {
                slot @ Placement::Slot { .. } => return slot,
                Placement::Full { tier, window, limit, used } => {
                    next = [Some(window.end), next, self.next_free(window, at)].into_iter().flatten().min();
                    full = Some(Placement::Full { tier, window, limit, used });
                }
                refused if full.is_none() => return refused,
                // It waits already; a subscription that pauses in between does not throw it out of the queue.
                _ => {}
            }
            match next {
                Some(next) if next <= now => at = next,
                _ => break,
            }
        }
        full.unwrap_or_else(|| self.look(now))
    }

    /// The next instant after `now` at which a waiting ticket may find a slot by time alone.
    #[must_use]
    pub fn next_look(&self, now: Timestamp) -> Option<Timestamp> {
        let change = self.partner.changes_after(now).next();
        let opening = match self.look(now) {
            Placement::Slot { window: Some((window, _)), .. } | Placement::Full { window, .. } => Some(window.end),
            _ => None,
        };
        [change, opening].into_iter().flatten().min()
    }

    /// What a ticket would find at exactly `at`.
    fn look(&self, at: Timestamp) -> Placement {
        let tier = match self.partner.subscription(at) {
            Subscription::Active(tier) => tier,
            Subscription::NotBegun(from) => return Placement::NoSubscription(Gap::NotBegun(from)),
            Subscription::Ended(until) => return Placement::NoSubscription(Gap::Ended(until)),
            Subscription::None => return Placement::NoSubscription(Gap::Never),
        };
        match self.programme.tier(&tier).and_then(|tier| tier.tickets) {
            None => Placement::NotIncluded(tier),
            Some(Allowance::Unlimited) => Placement::Slot { tier, at, window: None, used: 0, grant: None },
            Some(Allowance::PerWindow { limit, window }) => {
                let window = Window::at(self.zone, window, at);
                let used = self.used_before(window, at);
                let granted = || grants_at(self.entries, at).into_iter().find(|grant| left_of(self.entries, grant, at) > 0);
                if used < limit {
                    Placement::Slot { tier, at, window: Some((window, limit)), used, grant: None }
                } else if let Some(grant) = granted() {
                    Placement::Slot { tier, at, window: Some((window, limit)), used, grant: Some(grant.key.clone()) }
                } else {
                    Placement::Full { tier, window, limit, used }
                }
            }
        }
    }

    /// Units that a ticket at `at` finds used in its window: what was charged before, and what is charged later and shares a window with
    /// it. After a change of tier that is not so in every case, and then the later one had a slot of its own in any order (`Q8`, `Q11`).
    fn used_before(&self, window: Window, at: Timestamp) -> u32 {
        let shares = |later: Timestamp| match self.partner.tier_at(later).and_then(|tier| self.programme.tier(&tier)?.tickets) {
            Some(Allowance::PerWindow { window, .. }) => Window::at(self.zone, window, later).contains(at),
            Some(Allowance::Unlimited) => false,
            None => true,
        };
        let counts = |entry: &&Entry| entry.grant.is_none() && window.contains(entry.at) && (entry.at <= at || shares(entry.at));
        sum(self.entries.iter().filter(counts), at)
    }

    /// The next instant after `after` at which something came free but by a window's end: a refund, a grant.
    fn next_free(&self, window: Window, after: Timestamp) -> Option<Timestamp> {
        let free = self.entries.iter().filter_map(|entry| match entry.kind {
            EntryKind::Charge => None,
            // As of its own time: a grant that is heard of late admits as it would have in time (R3).
            EntryKind::Grant => Some(entry.at),
            _ => (entry.grant.is_some() || window.contains(entry.at)).then_some(entry.recorded_at),
        });
        free.filter(|at| *at > after).min()
    }
}

/// When the turn of a waiting ticket comes that has `ahead` others before it, if every window stays as it is: the start of
/// the window with the slot. `None` where the allowance is nothing, so that no slot can be promised (`Q3`).
#[must_use]
pub fn expected(zone: &TimeZone, full: Window, limit: u32, ahead: u32) -> Option<Timestamp> {
    let windows = ahead.checked_div(limit)?;
    let mut window = full.next(zone);
    for _ in 0..windows.min(520) {
        window = window.next(zone);
    }
    Some(window.start)
}
