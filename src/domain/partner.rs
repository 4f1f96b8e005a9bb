//! Partners, their dated tiers and their dated members (`W1`, `W2`, `W5`, `Q8`, `Q9`).

use super::ids::{PartnerId, UserId};
use crate::programme::TierId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One tier over a half-open time; an open end means "always" on that side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierPeriod {
    /// The tier in force.
    pub tier: TierId,
    /// First instant, `None`: since ever.
    pub from: Option<Timestamp>,
    /// First instant after, `None`: for good.
    pub until: Option<Timestamp>,
}

impl TierPeriod {
    fn covers(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}

/// An organisation with a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partner {
    /// What operators type.
    pub id: PartnerId,
    /// What people read.
    pub name: String,
    /// IANA zone in which instants are shown to this partner, next to UTC.
    pub time_zone: Option<String>,
    /// Tiers in order of time, not overlapping.
    pub tiers: Vec<TierPeriod>,
}

/// A partner's subscription at an instant (`Q9`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscription {
    /// A tier is in force.
    Active(TierId),
    /// Nothing yet; the first tier begins later.
    NotBegun(Timestamp),
    /// The last tier has ended.
    Ended(Timestamp),
    /// No tier was ever recorded.
    None,
}

impl Partner {
    /// The subscription as of `at` (`W2`).
    #[must_use]
    pub fn subscription(&self, at: Timestamp) -> Subscription {
        if let Some(period) = self.tiers.iter().find(|period| period.covers(at)) {
            return Subscription::Active(period.tier.clone());
        }
        let ended = self.tiers.iter().filter_map(|period| period.until).filter(|until| *until <= at).max();
        let begins = self.tiers.iter().filter_map(|period| period.from).filter(|from| *from > at).min();
        match (ended, begins) {
            (_, Some(from)) => Subscription::NotBegun(from),
            (Some(until), None) => Subscription::Ended(until),
            (None, None) => Subscription::None,
        }
    }

    /// The tier in force as of `at`.
    #[must_use]
    pub fn tier_at(&self, at: Timestamp) -> Option<TierId> {
        match self.subscription(at) {
            Subscription::Active(tier) => Some(tier),
            _ => None,
        }
    }

    /// Puts `tier` in force over `[from, until)`; what was there before is cut back around it.
    pub fn put_tier(&mut self, tier: TierId, from: Option<Timestamp>, until: Option<Timestamp>) {
        let mut periods = Vec::with_capacity(self.tiers.len() + 2);
        for period in self.tiers.drain(..) {
            if let Some(from) = from
                && period.from.is_none_or(|start| start < from)
            {
                let until = Some(period.until.map_or(from, |end| end.min(from)));
                periods.push(TierPeriod { until, ..period.clone() });
            }
            if let Some(until) = until
                && period.until.is_none_or(|end| end > until)
            {
                let from = Some(period.from.map_or(until, |start| start.max(until)));
                periods.push(TierPeriod { from, ..period });
            }
        }
        periods.push(TierPeriod { tier, from, until });
        self.replace_tiers(periods);
    }

    /// Ends the subscription at `at`; later periods go.
    pub fn end(&mut self, at: Timestamp) {
        self.tiers.retain(|period| period.from.is_none_or(|from| from < at));
        for period in &mut self.tiers {
            if period.until.is_none_or(|until| until > at) {
                period.until = Some(at);
            }
        }
    }

    /// Instants after `after` at which the tier changes, in order.
    pub fn changes_after(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
        let mut changes: Vec<_> =
            self.tiers.iter().flat_map(|period| [period.from, period.until]).flatten().filter(|at| *at > after).collect();
        changes.sort_unstable();
        changes.dedup();
        changes.into_iter()
    }

    /// Sorts, and joins neighbours of one tier, so that the same history always reads the same.
    fn replace_tiers(&mut self, mut periods: Vec<TierPeriod>) {
        periods.retain(|period| !matches!((period.from, period.until), (Some(from), Some(until)) if until <= from));
        periods.sort_by_key(|period| period.from);
        let mut joined: Vec<TierPeriod> = Vec::with_capacity(periods.len());
        for period in periods {
            match joined.last_mut() {
                Some(last) if last.tier == period.tier && last.until.is_some() && last.until == period.from => last.until = period.until,
                _ => joined.push(period),
            }
        }
        self.tiers = joined;
    }
}

/// A GitHub account of a partner, over a half-open time (`W1`, `W2`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The partner.
    pub partner: PartnerId,
    /// The account; `None` until a login given by an operator has been bound to its id.
    pub user: Option<UserId>,
    /// The account's name for people; follows renames.
    pub login: String,
    /// First instant; `None`: since ever.
    pub from: Option<Timestamp>,
    /// First instant after; `None`: for good.
    pub until: Option<Timestamp>,
    /// Wins where a person belongs to several partners (`W5`).
    pub primary: bool,
    /// The look-up of the id failed and will be tried again; until then nobody can be called a stranger (`W6`).
    pub lookup_failed: bool,
}

impl Membership {
    /// In force at `at` (`W2`).
    #[must_use]
    pub fn covers(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn partner(tiers: &[(&str, Option<&str>, Option<&str>)]) -> Partner {
        let tiers =
            tiers.iter().map(|(tier, from, until)| TierPeriod { tier: TierId((*tier).into()), from: from.map(at), until: until.map(at) });
        Partner { id: PartnerId::new("acme").unwrap(), name: "Acme".into(), time_zone: None, tiers: tiers.collect() }
    }

    #[test]
    fn a_tier_put_in_the_middle_cuts_what_was_there() {
        let mut acme = partner(&[("gold", None, None)]);
        acme.put_tier(TierId("silver".into()), Some(at("2026-02-01T00:00:00Z")), Some(at("2026-03-01T00:00:00Z")));
        assert_eq!(
            acme,
            partner(&[
                ("gold", None, Some("2026-02-01T00:00:00Z")),
                ("silver", Some("2026-02-01T00:00:00Z"), Some("2026-03-01T00:00:00Z")),
                ("gold", Some("2026-03-01T00:00:00Z"), None),
            ])
        );
    }

    #[test]
    fn putting_the_same_tier_again_changes_nothing() {
        let mut acme = partner(&[("gold", None, Some("2026-02-01T00:00:00Z")), ("silver", Some("2026-02-01T00:00:00Z"), None)]);
        let before = acme.clone();
        acme.put_tier(TierId("silver".into()), Some(at("2026-02-01T00:00:00Z")), None);
        assert_eq!(acme, before);
        acme.put_tier(TierId("silver".into()), Some(at("2026-02-05T00:00:00Z")), None);
        assert_eq!(acme, before);
    }

    #[test]
    fn the_subscription_says_which_side_it_is_missing_on() {
        let acme = partner(&[("gold", Some("2026-02-01T00:00:00Z"), Some("2026-03-01T00:00:00Z"))]);
        assert_eq!(acme.subscription(at("2026-01-31T23:59:59Z")), Subscription::NotBegun(at("2026-02-01T00:00:00Z")));
        assert_eq!(acme.subscription(at("2026-02-01T00:00:00Z")), Subscription::Active(TierId("gold".into())));
        assert_eq!(acme.subscription(at("2026-03-01T00:00:00Z")), Subscription::Ended(at("2026-03-01T00:00:00Z")));
    }
}
