//! Hundredths, to two decimals and without floating point: `75%`, `12.5%`.

use super::problem::Unfit;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A percentage in basis points: 12.5 % is 1250.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Percent(pub u32);

impl Percent {
    const FORM: &str = "a percentage like \"75%\" or \"12.5%\"";
    const MOST: u32 = 1_000_000;
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        match rest {
            0 => write!(f, "{whole}%"),
            tenths if tenths % 10 == 0 => write!(f, "{whole}.{}%", tenths / 10),
            hundredths => write!(f, "{whole}.{hundredths:02}%"),
        }
    }
}

impl FromStr for Percent {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        let number = text.trim().strip_suffix('%').map(str::trim_end).ok_or_else(|| Unfit::new(Self::FORM))?;
        let points = hundredths(number).ok_or_else(|| Unfit::new(Self::FORM))?;
        match u32::try_from(points) {
            Ok(points) if points <= Self::MOST => Ok(Self(points)),
            _ => Err(Unfit::because(Self::FORM, "at most 10000%")),
        }
    }
}

impl TryFrom<String> for Percent {
    type Error = Unfit;

    fn try_from(text: String) -> Result<Self, Unfit> {
        text.parse()
    }
}

impl From<Percent> for String {
    fn from(percent: Percent) -> Self {
        percent.to_string()
    }
}

/// A decimal number without a sign and with at most two decimals, times a hundred.
pub(crate) fn hundredths(number: &str) -> Option<i64> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > 2 {
        return None;
    }
    let decimals = format!("{decimals:0<2}").parse::<i64>().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_exact() {
        for (text, points) in [("75%", 7500), ("12.5%", 1250), ("0%", 0), ("0.05%", 5), ("150%", 15000), ("33.33%", 3333)] {
            assert_eq!(text.parse::<Percent>().unwrap(), Percent(points));
            assert_eq!(Percent(points).to_string(), text);
        }
        for text in ["", "%", "75", "-5%", "1.234%", "a%", "1.%", ".5%"] {
            assert_eq!(text.parse::<Percent>().unwrap_err().to_string(), "expected a percentage like \"75%\" or \"12.5%\"", "{text}");
        }
        assert!("99999%".parse::<Percent>().is_err());
        assert!("99999999999999999999%".parse::<Percent>().is_err());
    }
}
