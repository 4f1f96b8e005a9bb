//! How many tickets in which window, and how soon they are answered: the two promises that a tier makes.

pub use super::duration::{DURATION_FORM, parse_duration, show_duration};
use super::problem::Unfit;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What an allowance looks like, for messages.
pub const ALLOWANCE_FORM: &str = "\"N/week\", \"N/month\", \"N/quarter\" or \"unlimited\"";

/// The kind of window that an allowance counts in (`Q2`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WindowKind {
    /// From Monday.
    Week,
    /// A calendar month.
    Month,
    /// Three calendar months, from January, April, July and October.
    Quarter,
}

impl WindowKind {
    /// `week`, `month` or `quarter`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
        }
    }
}

impl fmt::Display for WindowKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for WindowKind {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        match text.trim().to_ascii_lowercase().as_str() {
            "week" | "weeks" | "wk" | "w" => Ok(Self::Week),
            "month" | "months" | "mo" => Ok(Self::Month),
            "quarter" | "quarters" | "q" => Ok(Self::Quarter),
            _ => Err(Unfit::because("\"week\", \"month\" or \"quarter\"", format!("\"{}\" is no window", text.trim()))),
        }
    }
}

/// How many in each window (`Q3`): `10/week`, `0/week`, `unlimited`. That a tier has none at all is its absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Allowance {
    /// Every one is admitted.
    Unlimited,
    /// Admitted while fewer than `limit` are used in the window.
    PerWindow {
        /// How many; 0 waits for a grant or a rise.
        limit: u32,
        /// In which window.
        window: WindowKind,
    },
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("unlimited"),
            Self::PerWindow { limit, window } => write!(f, "{limit}/{window}"),
        }
    }
}

impl FromStr for Allowance {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("unlimited") {
            return Ok(Self::Unlimited);
        }
        let Some((number, window)) = text.split_once('/') else {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            return Err(if digits { Unfit::because(ALLOWANCE_FORM, "the window is missing") } else { Unfit::new(ALLOWANCE_FORM) });
        };
        let number = number.trim();
        // `u32::from_str` would take a sign.
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Unfit::new(ALLOWANCE_FORM));
        }
        let limit = number.parse().map_err(|_| Unfit::because(ALLOWANCE_FORM, format!("N is at most {}", u32::MAX)))?;
        let window = window.parse().map_err(|unfit: Unfit| Unfit { expected: ALLOWANCE_FORM.to_owned(), ..unfit })?;
        Ok(Self::PerWindow { limit, window })
    }
}

impl TryFrom<String> for Allowance {
    type Error = Unfit;

    fn try_from(text: String) -> Result<Self, Unfit> {
        text.parse()
    }
}

impl From<Allowance> for String {
    fn from(allowance: Allowance) -> Self {
        allowance.to_string()
    }
}

/// The length of time within which a ticket is answered; always more than none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Target(SignedDuration);

impl Target {
    /// Takes any length above zero, to the millisecond, up to ten years.
    ///
    /// # Errors
    /// Zero, less, or more than ten years.
    pub fn new(length: SignedDuration) -> Result<Self, Unfit> {
        let whole = SignedDuration::from_millis_i128(length.as_millis());
        if whole <= SignedDuration::ZERO {
            return Err(Unfit::because(DURATION_FORM, "a response target is longer than zero"));
        }
        if whole > SignedDuration::from_hours(24 * 3650) {
            return Err(Unfit::because(DURATION_FORM, "at most 3650d"));
        }
        Ok(Self(whole))
    }

    /// The length itself.
    #[must_use]
    pub const fn duration(self) -> SignedDuration {
        self.0
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&show_duration(self.0))
    }
}

impl FromStr for Target {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        Self::new(parse_duration(text)?)
    }
}

impl TryFrom<String> for Target {
    type Error = Unfit;

    fn try_from(text: String) -> Result<Self, Unfit> {
        text.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowances_are_read_and_shown() {
        for text in ["10/week", "15/month", "3/quarter", "0/week", "unlimited"] {
            assert_eq!(text.parse::<Allowance>().unwrap().to_string(), text);
        }
        for (written, shown) in [("15/mo", "15/month"), ("1/Q", "1/quarter"), (" 2 / Week ", "2/week"), ("UNLIMITED", "unlimited")] {
            assert_eq!(written.parse::<Allowance>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_allowance_is_refused() {
        let why = |text: &str| text.parse::<Allowance>().unwrap_err().to_string();
        let plain = "expected \"N/week\", \"N/month\", \"N/quarter\" or \"unlimited\"";
        for text in ["", " ", "-1/week", "+1/week", "/week", "many", "1.5/week"] {
            assert_eq!(why(text), plain, "{text}");
        }
        assert_eq!(why("10"), format!("{plain}; the window is missing"));
        assert_eq!(why("10/fortnight"), format!("{plain}; \"fortnight\" is no window"));
        assert_eq!(why("1/m"), format!("{plain}; \"m\" is no window"));
        assert_eq!(why("99999999999/week"), format!("{plain}; N is at most 4294967295"));
    }

    #[test]
    fn targets_are_longer_than_zero() {
        assert_eq!("1h30m".parse::<Target>().unwrap().to_string(), "90m");
        assert_eq!("2d".parse::<Target>().unwrap().duration(), SignedDuration::from_hours(48));
        for text in ["0h", "-4h"] {
            assert_eq!(text.parse::<Target>().unwrap_err().hint.unwrap(), "a response target is longer than zero");
        }
        assert!(Target::new(SignedDuration::MAX).is_err());
        assert!(Target::new(SignedDuration::from_nanos(1)).is_err());
    }

    #[test]
    fn both_are_texts_in_json() {
        let both = ("7/week".parse::<Allowance>().unwrap(), "36h".parse::<Target>().unwrap());
        let json = serde_json::to_string(&both).unwrap();
        assert_eq!(json, r#"["7/week","36h"]"#);
        assert_eq!(serde_json::from_str::<(Allowance, Target)>(&json).unwrap(), both);
        assert!(serde_json::from_str::<Target>("\"0s\"").is_err());
    }
}
