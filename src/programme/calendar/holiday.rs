//! Days on which nobody works: dates, spans of dates, and those that come every year.

use crate::programme::problem::Unfit;
use jiff::Span;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a holiday looks like, for messages.
pub const HOLIDAY_FORM: &str =
    "a date like \"2026-12-24\", or \"12-25\" for every year, or two of a kind as in \"12-24..12-26\"; then its name, if it has one";
/// A longer name of a holiday is cut off.
const LONGEST_NAME: usize = 80;
const LEAP_DAY: MonthDay = MonthDay { month: 2, day: 29 };
/// A leap year, which has every day that there is.
const EVERY_DAY: i16 = 2000;

/// A day of every year that has it: `12-25`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MonthDay {
    month: i8,
    day: i8,
}

impl MonthDay {
    /// The day of a date.
    #[must_use]
    pub fn of(date: Date) -> Self {
        Self { month: date.month(), day: date.day() }
    }

    /// The day in a year; `None` for `02-29` in most.
    #[must_use]
    pub fn in_year(self, year: i16) -> Option<Date> {
        Date::new(year, self.month, self.day).ok()
    }

    /// Whether only leap years have it.
    #[must_use]
    pub fn is_leap_day(self) -> bool {
        self == LEAP_DAY
    }
}

impl fmt::Display for MonthDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}-{:02}", self.month, self.day)
    }
}

impl TryFrom<String> for MonthDay {
    type Error = Unfit;

    fn try_from(text: String) -> Result<Self, Unfit> {
        match Day::read(&text)? {
            Day::Yearly(day) => Ok(day),
            Day::Date(_) => Err(Unfit::new(HOLIDAY_FORM)),
        }
    }
}

impl From<MonthDay> for String {
    fn from(day: MonthDay) -> Self {
        day.to_string()
    }
}

/// One holiday as it falls in the calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holiday {
    /// The local date.
    pub date: Date,
    /// What it is called, where it has a name.
    pub name: Option<String>,
}

/// Holidays as they are defined. What comes every year is kept as that, never as a list of dates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum HolidayRule {
    /// A date, or several in a row.
    Dates {
        /// The first.
        on: Date,
        /// The last, if there is more than one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Date>,
        /// What it is called.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// A day of every year, or several in a row, over the year's end too.
    Yearly {
        /// The first.
        yearly: MonthDay,
        /// The last, if there is more than one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<MonthDay>,
        /// The first year, if it did not always begin.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<i16>,
        /// The last year in which it begins, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<i16>,
        /// What it is called.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
}

impl HolidayRule {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Dates { name, .. } | Self::Yearly { name, .. } => name.as_deref(),
        }
    }

    /// Whether a date is one of its days.
    #[must_use]
    pub fn covers(&self, date: Date) -> bool {
        match *self {
            Self::Dates { on, to, .. } => (on..=to.unwrap_or(on)).contains(&date),
            Self::Yearly { yearly, to, since, until, .. } => {
                let (day, last) = (MonthDay::of(date), to.unwrap_or(yearly));
                let over_new_year = last < yearly;
                let inside = if over_new_year { day >= yearly || day <= last } else { (yearly..=last).contains(&day) };
                let began = if over_new_year && day < yearly { date.year() - 1 } else { date.year() };
                inside && since.is_none_or(|since| began >= since) && until.is_none_or(|until| began <= until)
            }
        }
    }

    /// The first of its days that is not before `date`.
    #[must_use]
    pub fn next(&self, date: Date) -> Option<Date> {
        if self.covers(date) {
            return Some(date);
        }
        match *self {
            Self::Dates { on, .. } => Some(on).filter(|on| *on > date),
            Self::Yearly { yearly, since, until, .. } => {
                let from = since.map_or(date.year(), |since| since.max(date.year()));
                // 1900 is no leap year: 1896 and 1904 are the farthest that two of them lie apart.
                let to = until.map_or(from.saturating_add(8), |until| until.min(from.saturating_add(8)));
                (from..=to).filter_map(|year| yearly.in_year(year)).find(|found| *found > date)
            }
        }
    }

    /// Whether none of its days is left on `date` and after it.
    #[must_use]
    pub fn is_over(&self, date: Date) -> bool {
        self.next(date).is_none()
    }

    /// A name in the form that is kept: without breaks, and not too long.
    #[must_use]
    pub fn tidy_name(name: &str) -> Option<String> {
        let words = name.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(words.chars().take(LONGEST_NAME).collect()).filter(|name: &String| !name.is_empty())
    }
}

/// Whether from some year on every day is a holiday, for good.
pub(super) fn leave_no_day(rules: &[HolidayRule]) -> bool {
    let for_good = |rule: &HolidayRule| match *rule {
        HolidayRule::Yearly { yearly, to, until: None, .. } => {
            Some(HolidayRule::Yearly { yearly, to, since: None, until: None, name: None })
        }
        _ => None,
    };
    let rules: Vec<_> = rules.iter().filter_map(for_good).collect();
    let mut days = Date::constant(EVERY_DAY, 1, 1).series(Span::new().days(1)).take_while(|date| date.year() == EVERY_DAY);
    !rules.is_empty() && days.all(|date| rules.iter().any(|rule| rule.covers(date)))
}

impl FromStr for HolidayRule {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        let text = text.trim();
        let (days, name) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let name = Self::tidy_name(name);
        let (first, last) = match days.split_once("..") {
            Some((first, last)) => (Day::read(first)?, Some(Day::read(last)?)),
            None => (Day::read(days)?, None),
        };
        match (first, last) {
            (Day::Date(on), None) => Ok(Self::Dates { on, to: None, name }),
            (Day::Date(on), Some(Day::Date(to))) if on <= to => Ok(Self::Dates { on, to: Some(to).filter(|to| *to != on), name }),
            (Day::Date(_), Some(Day::Date(_))) => Err(Unfit::because(HOLIDAY_FORM, "the last day is before the first")),
            (Day::Yearly(yearly), None) => Ok(Self::Yearly { yearly, to: None, since: None, until: None, name }),
            (Day::Yearly(yearly), Some(Day::Yearly(_))) if yearly.is_leap_day() => {
                Err(Unfit::because(HOLIDAY_FORM, "most years have no 02-29 to begin with"))
            }
            (Day::Yearly(yearly), Some(Day::Yearly(to))) => {
                Ok(Self::Yearly { yearly, to: Some(to).filter(|to| *to != yearly), since: None, until: None, name })
            }
            _ => Err(Unfit::because(HOLIDAY_FORM, "the first and the last day both have a year, or neither has")),
        }
    }
}

enum Day {
    Date(Date),
    Yearly(MonthDay),
}

impl Day {
    fn read(text: &str) -> Result<Self, Unfit> {
        let parts: Vec<_> = text.split('-').collect();
        let number = |digits: &str, length: usize| {
            let sound = digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_digit());
            sound.then(|| digits.parse::<i16>().ok()).flatten()
        };
        let numbers = match parts[..] {
            [year, month, day] => number(year, 4).zip(number(month, 2)).zip(number(day, 2)),
            [month, day] => Some(EVERY_DAY).zip(number(month, 2)).zip(number(day, 2)),
            _ => None,
        };
        let Some(((year, month), day)) = numbers else { return Err(Unfit::new(HOLIDAY_FORM)) };
        let date = i8::try_from(month).ok().zip(i8::try_from(day).ok()).and_then(|(month, day)| Date::new(year, month, day).ok());
        let date = date.ok_or_else(|| Unfit::because(HOLIDAY_FORM, format!("there is no {text}")))?;
        Ok(if parts.len() == 3 { Self::Date(date) } else { Self::Yearly(MonthDay::of(date)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn rule(text: &str) -> HolidayRule {
        text.parse().unwrap()
    }

    #[test]
    fn a_date_and_a_span_of_dates() {
        let eve = rule("2026-12-24 Christmas  Eve ");
        assert_eq!(eve.name(), Some("Christmas Eve"));
        assert!(eve.covers(date(2026, 12, 24)) && !eve.covers(date(2027, 12, 24)));
        assert_eq!((eve.next(date(2026, 1, 1)), eve.next(date(2026, 12, 25))), (Some(date(2026, 12, 24)), None));
        let closed = rule("2026-12-28..2027-01-02");
        assert!(closed.covers(date(2026, 12, 28)) && closed.covers(date(2027, 1, 2)) && !closed.covers(date(2027, 1, 3)));
        assert_eq!(closed.next(date(2026, 12, 30)), Some(date(2026, 12, 30)));
        assert!(closed.is_over(date(2027, 1, 3)) && !closed.is_over(date(2027, 1, 2)));
        assert_eq!(rule("2026-12-24..2026-12-24"), rule("2026-12-24"));
    }

    #[test]
    fn every_year_and_over_its_end() {
        let christmas = rule("12-25");
        assert!(christmas.covers(date(1990, 12, 25)) && christmas.covers(date(2026, 12, 25)) && !christmas.covers(date(2026, 12, 26)));
        assert_eq!(christmas.next(date(2026, 12, 26)), Some(date(2027, 12, 25)));
        let turn = rule("12-30..01-02 Turn of the year");
        for (year, month, day) in [(2026, 12, 30), (2026, 12, 31), (2027, 1, 1), (2027, 1, 2)] {
            assert!(turn.covers(date(year, month, day)), "{year}-{month}-{day}");
        }
        assert!(!turn.covers(date(2027, 1, 3)) && !turn.covers(date(2026, 12, 29)));
        let bounded = HolidayRule::Yearly {
            yearly: MonthDay { month: 12, day: 31 },
            to: Some(MonthDay { month: 1, day: 1 }),
            since: Some(2026),
            until: Some(2027),
            name: None,
        };
        let days: Vec<_> = date(2025, 1, 1).series(Span::new().days(1)).take(2000).filter(|day| bounded.covers(*day)).collect();
        assert_eq!(days, [date(2026, 12, 31), date(2027, 1, 1), date(2027, 12, 31), date(2028, 1, 1)]);
        let mut day = date(2025, 1, 1);
        let mut found = Vec::new();
        while let Some(next) = bounded.next(day) {
            found.push(next);
            day = next.tomorrow().unwrap();
        }
        assert_eq!(found, days);
    }

    #[test]
    fn the_leap_day() {
        let leap = rule("02-29");
        assert_eq!(leap.next(date(2026, 1, 1)), Some(date(2028, 2, 29)));
        assert_eq!(leap.next(date(2096, 3, 1)), Some(date(2104, 2, 29)));
        assert!(rule("02-20..02-29").covers(date(2028, 2, 29)) && !rule("02-20..02-29").covers(date(2027, 3, 1)));
    }

    #[test]
    fn what_is_no_holiday_is_refused_with_a_reason() {
        let why = |text: &str| text.parse::<HolidayRule>().unwrap_err().hint.unwrap_or_default();
        for text in ["", "Christmas", "24.12.2026", "2026-12", "2026-1-1", "26-12-24", "12-25..", "2026-12-24-1", "12-25..12-26..12-27"] {
            let unfit = text.parse::<HolidayRule>().unwrap_err();
            assert_eq!((unfit.expected.as_str(), text), (HOLIDAY_FORM, text));
        }
        assert_eq!(why("02-30"), "there is no 02-30");
        assert_eq!(why("2026-02-29"), "there is no 2026-02-29");
        assert_eq!(why("13-01"), "there is no 13-01");
        assert_eq!(why("2026-12-26..2026-12-24"), "the last day is before the first");
        assert_eq!(why("2026-12-26..12-28"), "the first and the last day both have a year, or neither has");
        assert_eq!(why("02-29..03-02"), "most years have no 02-29 to begin with");
    }

    #[test]
    fn a_rule_is_kept_as_a_rule() {
        let rules = ["2026-12-24", "2026-12-28..2027-01-02 closed", "12-25 Christmas", "12-31..01-01"].map(rule);
        let json = serde_json::to_string(&rules).unwrap();
        assert_eq!(
            json,
            r#"[{"on":"2026-12-24"},{"on":"2026-12-28","to":"2027-01-02","name":"closed"},{"yearly":"12-25","name":"Christmas"},{"yearly":"12-31","to":"01-01"}]"#
        );
        assert_eq!(serde_json::from_str::<[HolidayRule; 4]>(&json).unwrap(), rules);
        assert!(serde_json::from_str::<HolidayRule>(r#"{"yearly":"02-30"}"#).is_err());
    }

    #[test]
    fn a_year_without_a_day_is_seen() {
        assert!(leave_no_day(&[rule("01-01..12-31")]) && leave_no_day(&[rule("03-01..02-29")]));
        assert!(leave_no_day(&[rule("01-01..06-30"), rule("07-01..12-31")]));
        assert!(!leave_no_day(&[rule("03-01..02-28")]) && !leave_no_day(&[rule("01-01..12-30")]) && !leave_no_day(&[]));
        assert!(!leave_no_day(&[rule("2026-01-01..2999-12-31")]));
    }
}
