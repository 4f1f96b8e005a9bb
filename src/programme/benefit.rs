//! What a tier includes, as typed values, so that a page can compare tiers and a message can say what comes and goes.

use super::allowance::Allowance;
use super::percent::{Percent, hundredths};
use super::problem::{Unfit, nearest, one_of};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What kind of value a benefit has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BenefitKind {
    /// Included or not.
    Flag,
    /// Words: `Medium`.
    Text,
    /// A share, maybe with something on top: `20% + K.O.P.`.
    Percent,
    /// An amount in the programme's currency.
    Money,
    /// A number of something.
    Count,
    /// A place in an order, 1 the best.
    Rank,
    /// So many in each window: `3/quarter`.
    Allowance,
}

impl BenefitKind {
    /// What may be written.
    pub const NAMES: [&str; 7] = ["flag", "text", "percent", "money", "count", "rank", "allowance"];

    /// What a value of this kind looks like, for messages.
    #[must_use]
    pub const fn form(self) -> &'static str {
        match self {
            Self::Flag => "true or false",
            Self::Text => "a text that is not empty",
            Self::Percent => "a percentage like \"15%\" or \"20% + something\"",
            Self::Money => "an amount like 1800 or 49.50",
            Self::Count => "a whole number from 0",
            Self::Rank => "a whole number from 1, which is the best",
            Self::Allowance => super::allowance::ALLOWANCE_FORM,
        }
    }
}

impl FromStr for BenefitKind {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        Ok(match text.trim() {
            "flag" => Self::Flag,
            "text" => Self::Text,
            "percent" => Self::Percent,
            "money" => Self::Money,
            "count" => Self::Count,
            "rank" => Self::Rank,
            "allowance" => Self::Allowance,
            other => {
                let near = nearest(other, Self::NAMES).filter(|_| !other.is_empty());
                return Err(Unfit { expected: one_of(Self::NAMES), hint: near.map(|near| format!("the nearest is \"{near}\"")) });
            }
        })
    }
}

/// A row of the benefits table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Benefit {
    /// What `[tier.includes]` calls it.
    pub id: String,
    /// What people read.
    pub name: String,
    /// What kind of value it has.
    pub kind: BenefitKind,
    /// Whether it is something that the partner owes, a revenue for one, rather than gets.
    pub obligation: bool,
}

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// In hundredths.
    pub cents: i64,
    /// `USD`.
    pub currency: String,
}

impl Money {
    /// Reads a plain number with at most two decimals as hundredths.
    #[must_use]
    pub(crate) fn cents(number: &str) -> Option<i64> {
        hundredths(number.trim_start_matches('+'))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = self.cents.unsigned_abs();
        let digits = (cents / 100).to_string();
        let mut whole = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                whole.push(',');
            }
            whole.push(digit);
        }
        if self.cents < 0 {
            f.write_str("-")?;
        }
        match self.currency.as_str() {
            "USD" => f.write_str("$")?,
            "EUR" => f.write_str("€")?,
            "GBP" => f.write_str("£")?,
            other => write!(f, "{other} ")?,
        }
        f.write_str(&whole)?;
        if cents.is_multiple_of(100) { Ok(()) } else { write!(f, ".{:02}", cents % 100) }
    }
}

/// What a tier includes of a benefit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BenefitValue {
    /// Included or not.
    Flag(bool),
    /// Words.
    Text(String),
    /// A share, and what comes on top of it.
    Percent {
        /// The share.
        share: Percent,
        /// `K.O.P.` in `20% + K.O.P.`.
        plus: Option<String>,
    },
    /// An amount.
    Money(Money),
    /// A number of something.
    Count(u32),
    /// A place, 1 the best.
    Rank(u32),
    /// So many in each window.
    Allowance(Allowance),
}

impl BenefitValue {
    /// The kind of the value.
    #[must_use]
    pub const fn kind(&self) -> BenefitKind {
        match self {
            Self::Flag(_) => BenefitKind::Flag,
            Self::Text(_) => BenefitKind::Text,
            Self::Percent { .. } => BenefitKind::Percent,
            Self::Money(_) => BenefitKind::Money,
            Self::Count(_) => BenefitKind::Count,
            Self::Rank(_) => BenefitKind::Rank,
            Self::Allowance(_) => BenefitKind::Allowance,
        }
    }

    /// Whether it amounts to not having the benefit: `false`, `0%`, no pieces.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        match self {
            Self::Flag(included) => !*included,
            Self::Percent { share, plus } => share.0 == 0 && plus.is_none(),
            Self::Money(money) => money.cents == 0,
            Self::Count(count) => *count == 0,
            Self::Allowance(Allowance::PerWindow { limit, .. }) => *limit == 0,
            Self::Text(_) | Self::Rank(_) | Self::Allowance(Allowance::Unlimited) => false,
        }
    }

    /// Reads the text form of a share: `15%`, `20% + K.O.P.`.
    pub(crate) fn percent(text: &str) -> Option<Self> {
        let (share, plus) = match text.split_once('+') {
            Some((share, plus)) => (share, Some(plus.trim().to_owned())),
            None => (text, None),
        };
        let share = share.parse().ok()?;
        plus.as_ref().is_none_or(|plus| !plus.is_empty()).then_some(Self::Percent { share, plus })
    }
}

impl fmt::Display for BenefitValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(included) => f.write_str(if *included { "yes" } else { "no" }),
            Self::Text(text) => f.write_str(text),
            Self::Percent { share, plus: None } => share.fmt(f),
            Self::Percent { share, plus: Some(plus) } => write!(f, "{share} + {plus}"),
            Self::Money(money) => money.fmt(f),
            Self::Count(number) | Self::Rank(number) => number.fmt(f),
            Self::Allowance(allowance) => allowance.fmt(f),
        }
    }
}

/// How a benefit differs between two tiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Only the second tier has it.
    Comes,
    /// Only the first tier has it.
    Goes,
    /// Both have it, with other values.
    Changes,
}

/// A benefit that differs between two tiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference<'p> {
    /// Which benefit.
    pub benefit: &'p Benefit,
    /// What the first tier includes of it; `None` if nothing.
    pub from: Option<&'p BenefitValue>,
    /// What the second tier includes of it; `None` if nothing.
    pub to: Option<&'p BenefitValue>,
}

impl Difference<'_> {
    /// Whether it comes, goes or changes.
    #[must_use]
    pub const fn change(&self) -> Change {
        match (self.from, self.to) {
            (None, _) => Change::Comes,
            (Some(_), None) => Change::Goes,
            (Some(_), Some(_)) => Change::Changes,
        }
    }
}

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = |value: Option<&BenefitValue>| value.map_or_else(|| "none".to_owned(), ToString::to_string);
        write!(f, "{}: {} → {}", self.benefit.name, said(self.from), said(self.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown() {
        let money = |cents, currency: &str| Money { cents, currency: currency.to_owned() }.to_string();
        assert_eq!(money(180_000, "USD"), "$1,800");
        assert_eq!(money(4_950, "EUR"), "€49.50");
        assert_eq!(money(123_456_789, "CHF"), "CHF 1,234,567.89");
        assert_eq!(money(-100_005, "USD"), "-$1,000.05");
        assert_eq!(BenefitValue::Flag(true).to_string(), "yes");
        assert_eq!(BenefitValue::percent("20%+ K.O.P.").unwrap().to_string(), "20% + K.O.P.");
        assert_eq!(BenefitValue::percent("15%").unwrap().to_string(), "15%");
        for text in ["15", "% + a", "20% +", "20% + "] {
            assert_eq!(BenefitValue::percent(text), None, "{text}");
        }
    }

    #[test]
    fn values_survive_json() {
        let values = vec![BenefitValue::percent("20%+ K.O.P.").unwrap(), BenefitValue::Flag(true), BenefitValue::Rank(1)];
        let json = serde_json::to_string(&values).unwrap();
        assert_eq!(json, r#"[{"percent":{"share":"20%","plus":"K.O.P."}},{"flag":true},{"rank":1}]"#);
        assert_eq!(serde_json::from_str::<Vec<BenefitValue>>(&json).unwrap(), values);
    }
}
