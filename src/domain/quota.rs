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
    /// Uses one unit.
    Charge,
    /// Gives back a unit that was charged.
    Refund,
}

/// One line of the ledger. There is no counter: a balance is always the sum of these (`Q7`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Unique: what makes a second charge of the same ticket impossible (`Q4`).
    pub key: String,
    /// Whose.
    pub partner: PartnerId,
    /// For which ticket.
    pub issue: IssueId,
    /// Which way.
    pub kind: EntryKind,
    /// The instant that it counts at: it belongs to every window that holds it, of whatever kind (`Q1`, `Q8`).
    pub at: Timestamp,
    /// When it was decided; a refund frees a slot from then on.
    pub recorded_at: Timestamp,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// Units used in a window, as known at `as_of`. Charges count whenever they were made: nobody is displaced (`Q11`).
#[must_use]
pub fn used(entries: &[Entry], window: Window, as_of: Timestamp) -> u32 {
    let inside = entries.iter().filter(|entry| window.contains(entry.at));
    let sum: i64 = inside
        .map(|entry| match entry.kind {
            EntryKind::Charge => 1,
            EntryKind::Refund if entry.recorded_at <= as_of => -1,
            EntryKind::Refund => 0,
        })
        .sum();
    u32::try_from(sum.max(0)).unwrap_or(u32::MAX)
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
                    next = [Some(window.end), next, self.next_refund(window, at)].into_iter().flatten().min();
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
            Some(Allowance::Unlimited) => Placement::Slot { tier, at, window: None, used: 0 },
            Some(Allowance::PerWindow { limit, window }) => {
                let window = Window::at(self.zone, window, at);
                let used = used(self.entries, window, at);
                if used < limit {
                    Placement::Slot { tier, at, window: Some((window, limit)), used }
                } else {
                    Placement::Full { tier, window, limit, used }
                }
            }
        }
    }

    fn next_refund(&self, window: Window, after: Timestamp) -> Option<Timestamp> {
        let refunds = self.entries.iter().filter(|entry| entry.kind == EntryKind::Refund && window.contains(entry.at));
        refunds.map(|entry| entry.recorded_at).filter(|at| *at > after).min()
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
