//! How a partner stands at present, for `partner list` and `partner show`.

use super::days;
use crate::cli::CliError;
use crate::desk::Desk;
use crate::domain::partner::{Partner, Subscription};
use crate::domain::quota::used;
use crate::domain::window::Window;
use crate::domain::{IssueId, PartnerId, book::Book};
use crate::programme::{Allowance, Tier};
use crate::store::{Loaded, Needs, Tx};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A partner at an instant.
#[derive(Debug)]
pub(super) struct Status<'a> {
    /// The subscription (`Q9`).
    pub subscription: Subscription,
    /// The tier in force, if the programme has it.
    pub tier: Option<&'a Tier>,
    /// What is used of which window; none without a tier in force, and where nothing is counted.
    pub balance: Option<Balance>,
    /// Tickets in the queue, the next one first (`Q10`).
    pub waiting: Vec<IssueId>,
}

/// What is used of an allowance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Balance {
    /// In this window.
    pub window: Window,
    /// So many are used.
    pub used: u32,
    /// Of so many.
    pub limit: u32,
}

impl Balance {
    /// So many are left.
    pub(super) const fn left(self) -> u32 {
        self.limit.saturating_sub(self.used)
    }

    /// For machines.
    pub(super) fn json(self) -> Value {
        let Window { kind, start, end } = self.window;
        let window = json!({ "kind": kind, "start": start, "end": end });
        json!({ "used": self.used, "limit": self.limit, "left": self.left(), "window": window })
    }
}

/// Loads what [`Status::of`] reads, for all the partners at once.
pub(super) async fn load(tx: &mut Tx, partners: BTreeSet<PartnerId>, desk: &Desk, now: Timestamp) -> Result<Loaded, CliError> {
    let needs = Needs { partners, instants: [now].into(), ..Needs::default() };
    Ok(tx.load(needs, &|at| desk.ledger_since(at)).await?)
}

impl<'a> Status<'a> {
    /// How a partner stands at `now`.
    pub(super) fn of(partner: &Partner, book: &Book, desk: &'a Desk, now: Timestamp) -> Self {
        let subscription = partner.subscription(now);
        let tier = match &subscription {
            Subscription::Active(tier) => desk.programme.tier(tier),
            _ => None,
        };
        let balance = match tier.and_then(|tier| tier.tickets) {
            Some(Allowance::PerWindow { limit, window }) => {
                let window = Window::at(&desk.policy.time_zone, window, now);
                Some(Balance { window, used: used(book.entries(&partner.id), window, now), limit })
            }
            _ => None,
        };
        Self { subscription, tier, balance, waiting: book.queue(&partner.id) }
    }

    /// The tier, or since or until when there is none.
    pub(super) fn tier_text(&self, desk: &Desk) -> String {
        let zone = &desk.policy.time_zone;
        match &self.subscription {
            Subscription::Active(tier) => tier.to_string(),
            Subscription::NotBegun(from) => format!("begins {}", days::from(*from, zone)),
            Subscription::Ended(at) => format!("ended {}", days::from(*at, zone)),
            Subscription::None => "no tier".to_owned(),
        }
    }

    /// What is used: `3 of 10 this week`.
    pub(super) fn used_text(&self) -> String {
        match (&self.subscription, self.tier, self.balance) {
            (Subscription::Active(_), _, Some(Balance { window, used, limit })) => format!("{used} of {limit} this {}", window.kind),
            (Subscription::Active(_), Some(tier), None) => tier.tickets.map_or("no tickets", |_| "unlimited").to_owned(),
            (Subscription::Active(_), None, None) => "not in the programme".to_owned(),
            _ => "-".to_owned(),
        }
    }

    /// The subscription for machines: its state, and the tier or the instant that goes with it.
    pub(super) fn subscription_json(&self) -> Value {
        match &self.subscription {
            Subscription::Active(tier) => json!({ "state": "active", "tier": tier }),
            Subscription::NotBegun(at) => json!({ "state": "not_begun", "begins": at }),
            Subscription::Ended(at) => json!({ "state": "ended", "ended": at }),
            Subscription::None => json!({ "state": "none" }),
        }
    }
}

/// Lines of cells, one under the other.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let width = |text: &str| text.chars().count();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<_> =
        (0..columns).map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, most) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(most - width(cell) + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// What people wrote, safe for a terminal: it can neither move the cursor nor turn the line around (`G8`).
pub(super) fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || turns(c) { ' ' } else { c }).collect()
}

/// JSON as a text that ends its line.
pub(super) fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
