//! PURE. The programme: tiers with their benefits, allowances, response targets, calendars, escalation ladders, and the policy that an
//! operator chooses around them. Parsed and validated here, looked up everywhere.

pub mod allowance;
pub mod benefit;
pub mod calendar;
pub(crate) mod document;
pub mod duration;
mod ical;
pub mod labels;
pub mod ladder;
pub mod on_call;
mod parse;
pub mod percent;
pub mod policy;
pub mod problem;
pub mod quiet;
pub mod wall;
pub mod zone;

pub use allowance::{Allowance, Target, WindowKind};
pub use benefit::{Benefit, BenefitKind, BenefitValue, Change, Difference, Money};
pub use calendar::Calendar;
pub use duration::{parse_duration, show_duration};
pub use labels::{LabelStyle, LabelText};
pub use ladder::{Ladder, LadderStep, StepAt};
pub use parse::KEYS;
pub use percent::Percent;
pub use policy::{Mode, OverQuota, Policy, ResponseMode, UnknownAuthor};
pub use problem::{Problem, Problems};
pub use zone::Zone;

use serde::{Deserialize, Serialize};
use std::fmt;

/// A tier's id, as `programme.toml` and the partner list write it: `gold`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TierId(pub String);

impl fmt::Display for TierId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The tiers, lowest first, with what each includes.
#[derive(Debug, Clone, PartialEq)]
pub struct Programme {
    /// The programme's name, for pages and messages.
    pub name: String,
    /// Lowest to highest: the file's order.
    pub tiers: Vec<Tier>,
    /// What a row of the benefits table is called and what kind of value it holds, in the table's order.
    pub benefits: Vec<Benefit>,
    /// Currency code of every amount, `USD`.
    pub currency: String,
    /// Days a partner has, after a move to a lower tier, to bring its use of the logo in line.
    pub downgrade_notice_days: Option<u32>,
    /// Lead-referral commission and packages, as sentences to show with what a tier includes.
    pub notes: Vec<String>,
}

/// One tier of the programme.
#[derive(Debug, Clone, PartialEq)]
pub struct Tier {
    /// What the partner list names.
    pub id: TierId,
    /// What people read: `Gold`.
    pub name: String,
    /// 0 is the lowest.
    pub rank: usize,
    /// Tickets per window; `None`: the tier has none (`Q3`).
    pub tickets: Option<Allowance>,
    /// Answer within this long.
    pub response: Target,
    /// In whose open time the target is counted; `None`: around the clock (`S6`).
    pub calendar: Option<Calendar>,
    /// Price a month, in hundredths of the programme's currency.
    pub price_cents: Option<i64>,
    /// What else the tier includes, by benefit id; an absent one is not included.
    pub includes: std::collections::BTreeMap<String, BenefitValue>,
}

impl Programme {
    /// The tier of an id. Upper and lower case are the same, because ids come from lists that people type.
    #[must_use]
    pub fn tier(&self, id: &TierId) -> Option<&Tier> {
        self.tiers.iter().find(|tier| tier.id.0.eq_ignore_ascii_case(id.0.trim()))
    }

    /// The tiers that have tickets: what a refusal can point to (`Q3`).
    pub fn tiers_with_tickets(&self) -> impl Iterator<Item = &Tier> {
        self.tiers.iter().filter(|tier| tier.tickets.is_some())
    }

    /// The benefit of an id.
    #[must_use]
    pub fn benefit(&self, id: &str) -> Option<&Benefit> {
        self.benefits.iter().find(|benefit| benefit.id == id)
    }

    /// What a tier includes, in the table's order; what amounts to nothing is left out.
    pub fn included<'p>(&'p self, tier: &'p Tier) -> impl Iterator<Item = (&'p Benefit, &'p BenefitValue)> {
        self.benefits.iter().filter_map(|benefit| Some((benefit, tier.included(&benefit.id)?)))
    }

    /// The benefits that come, go or change on the way from one tier to another, in the table's order.
    #[must_use]
    pub fn differences<'p>(&'p self, from: &'p Tier, to: &'p Tier) -> Vec<Difference<'p>> {
        let both = |benefit: &'p Benefit| Difference { benefit, from: from.included(&benefit.id), to: to.included(&benefit.id) };
        self.benefits.iter().map(both).filter(|difference| difference.from != difference.to).collect()
    }
}

impl Tier {
    /// The price a month.
    #[must_use]
    pub fn price(&self, currency: &str) -> Option<Money> {
        self.price_cents.map(|cents| Money { cents, currency: currency.to_owned() })
    }

    /// What the tier includes of a benefit, unless that amounts to nothing.
    #[must_use]
    pub fn included(&self, benefit: &str) -> Option<&BenefitValue> {
        self.includes.get(benefit).filter(|value| !value.is_nothing())
    }
}
