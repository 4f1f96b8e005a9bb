//! The hours of a week: periods of a day by the wall clock.

use crate::programme::problem::Unfit;
use jiff::SignedDuration;
use jiff::civil::{Time, Weekday};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a period looks like, for messages.
pub const PERIOD_FORM: &str = "a period of a day like \"09:00-12:30\", until \"24:00\" at most";

/// A part of a day by the wall clock, whole minutes, without its end: `09:00-12:30`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period {
    /// In minutes after midnight.
    start: u16,
    end: u16,
}

impl Period {
    /// From midnight to its start, as the wall clock shows it.
    #[must_use]
    pub fn start(self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.start))
    }

    /// From midnight to its end, as the wall clock shows it.
    #[must_use]
    pub fn end(self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.end))
    }

    /// Whether a clock that shows `time` is inside.
    #[must_use]
    pub fn contains(self, time: Time) -> bool {
        let minute = i32::from(time.hour()) * 60 + i32::from(time.minute());
        (i32::from(self.start)..i32::from(self.end)).contains(&minute)
    }

    /// Whether they share an instant.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, end } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", start / 60, start % 60, end / 60, end % 60)
    }
}

impl FromStr for Period {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        let (start, end) = text.split_once('-').ok_or_else(|| Unfit::new(PERIOD_FORM))?;
        let (start, end) = (minutes(start)?, minutes(end)?);
        if start == end {
            return Err(Unfit::because(PERIOD_FORM, "it ends where it starts"));
        }
        if start > end {
            let night = "it ends before it starts; a night is two periods, \"22:00-24:00\" and on the next day \"00:00-06:00\"";
            return Err(Unfit::because(PERIOD_FORM, night));
        }
        Ok(Self { start, end })
    }
}

/// Minutes after midnight: `9:00`, `24:00`.
fn minutes(text: &str) -> Result<u16, Unfit> {
    let text = text.trim();
    let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u16>().ok()).flatten();
    let clock = text.split_once(':').filter(|(hour, minute)| (1..=2).contains(&hour.len()) && minute.len() == 2);
    let Some((hour, minute)) = clock.and_then(|(hour, minute)| Some((number(hour)?, number(minute)?))) else {
        return Err(Unfit::because(PERIOD_FORM, format!("\"{text}\" is no time like \"09:00\"")));
    };
    if minute > 59 || hour > 24 || (hour == 24 && minute > 0) {
        return Err(Unfit::because(PERIOD_FORM, format!("no clock shows {text}")));
    }
    Ok(hour * 60 + minute)
}

impl TryFrom<String> for Period {
    type Error = Unfit;

    fn try_from(text: String) -> Result<Self, Unfit> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

/// The periods of each day from Monday, in order, none over another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "[Vec<Period>; 7]", into = "[Vec<Period>; 7]")]
pub struct Week([Vec<Period>; 7]);

impl Week {
    /// The week with these periods, Monday's first.
    ///
    /// # Errors
    /// Two periods of a day overlap.
    pub fn new(mut days: [Vec<Period>; 7]) -> Result<Self, Unfit> {
        for day in &mut days {
            day.sort_unstable();
            for (first, second) in day.iter().zip(day.iter().skip(1)) {
                if first.overlaps(*second) {
                    return Err(Unfit::because("periods that do not overlap", format!("{first} and {second} do")));
                }
            }
        }
        Ok(Self(days))
    }

    /// A day's periods.
    #[must_use]
    pub fn periods(&self, day: Weekday) -> &[Period] {
        let place = usize::try_from(day.to_monday_zero_offset()).unwrap_or_default();
        self.0.get(place).map_or(&[], Vec::as_slice)
    }

    /// What all periods come to.
    #[must_use]
    pub fn length(&self) -> SignedDuration {
        self.0.iter().flatten().map(|period| period.end() - period.start()).sum()
    }

    /// Whether there is no period at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }
}

impl TryFrom<[Vec<Period>; 7]> for Week {
    type Error = Unfit;

    fn try_from(days: [Vec<Period>; 7]) -> Result<Self, Unfit> {
        Self::new(days)
    }
}

impl From<Week> for [Vec<Period>; 7] {
    fn from(week: Week) -> Self {
        week.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read_and_shown() {
        for (written, shown) in [("09:00-12:30", "09:00-12:30"), (" 9:05 - 24:00 ", "09:05-24:00"), ("0:00-0:01", "00:00-00:01")] {
            assert_eq!(written.parse::<Period>().unwrap().to_string(), shown);
        }
        let period: Period = "09:00-24:00".parse().unwrap();
        let at = |hour, minute| Time::new(hour, minute, 59, 0).unwrap();
        assert!(period.contains(at(9, 0)) && period.contains(at(23, 59)) && !period.contains(at(8, 59)));
        assert_eq!(period.end() - period.start(), SignedDuration::from_hours(15));
    }

    #[test]
    fn what_is_no_period_is_refused_with_a_reason() {
        let why = |text: &str| text.parse::<Period>().unwrap_err().hint.unwrap_or_default();
        assert_eq!(why("09:00"), "");
        assert_eq!(why("09:00-09:00"), "it ends where it starts");
        assert!(why("22:00-06:00").starts_with("it ends before it starts; a night is two periods"));
        assert_eq!(why("09:00-24:01"), "no clock shows 24:01");
        assert_eq!(why("09:60-10:00"), "no clock shows 09:60");
        for text in ["9-12:00", "9:0-12:00", "+9:00-12:00", "09:00-", "09:00-12:00-13:00", "009:00-12:00"] {
            assert!(why(text).ends_with("is no time like \"09:00\""), "{text}: {}", why(text));
        }
    }

    #[test]
    fn a_week_is_kept_in_order_and_without_overlaps() {
        let day = |periods: &[&str]| periods.iter().map(|text| text.parse().unwrap()).collect::<Vec<Period>>();
        let mut days: [Vec<Period>; 7] = Default::default();
        days[0] = day(&["13:30-18:00", "09:00-12:30", "12:30-13:00"]);
        let week = Week::new(days.clone()).unwrap();
        assert_eq!(week.length(), SignedDuration::from_mins(8 * 60 + 30));
        let json = serde_json::to_string(&week).unwrap();
        assert_eq!(json, r#"[["09:00-12:30","12:30-13:00","13:30-18:00"],[],[],[],[],[],[]]"#);
        assert_eq!(serde_json::from_str::<Week>(&json).unwrap(), week);
        assert_eq!(week.periods(Weekday::Monday).len(), 3);
        assert!(week.periods(Weekday::Sunday).is_empty() && Week::default().is_empty() && !week.is_empty());
        days[6] = day(&["09:00-12:00", "11:59-13:00"]);
        assert_eq!(Week::new(days).unwrap_err().to_string(), "expected periods that do not overlap; 09:00-12:00 and 11:59-13:00 do");
    }
}
