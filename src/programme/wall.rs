//! What operators read off a clock on the wall: a time of day, a time of the week, a day with a time.

use super::problem::Unfit;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use std::fmt;
use std::str::FromStr;

/// What a [`DayTime`] looks like, for messages.
pub const DAY_TIME_FORM: &str = "a time of day like \"08:00\"";
/// What a [`WeekTime`] looks like, for messages.
pub const WEEK_TIME_FORM: &str = "a day of the week and a time like \"Monday 09:00\"";
/// What a [`WallTime`] looks like, for messages.
pub const WALL_TIME_FORM: &str = "a day like \"2026-12-24\", or with a time \"2026-12-24 09:00\"";

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("Monday", Weekday::Monday),
    ("Tuesday", Weekday::Tuesday),
    ("Wednesday", Weekday::Wednesday),
    ("Thursday", Weekday::Thursday),
    ("Friday", Weekday::Friday),
    ("Saturday", Weekday::Saturday),
    ("Sunday", Weekday::Sunday),
];

/// A time of every day: `08:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayTime(pub Time);

/// A time of every week: `Monday 09:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeekTime {
    /// The day.
    pub weekday: Weekday,
    /// The time of that day.
    pub time: Time,
}

/// A time of one day, at its beginning if none is given: `2026-12-24 09:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WallTime(pub DateTime);

/// When clocks in a zone show a time of a day: where they skip it, as much later; where they show it twice, the first time.
#[must_use]
pub fn shown_at(zone: &TimeZone, at: DateTime) -> Timestamp {
    zone.to_timestamp(at).unwrap_or(Timestamp::MAX)
}

impl DayTime {
    /// The last time at or before an instant that clocks in a zone showed it.
    #[must_use]
    pub fn last(self, zone: &TimeZone, at: Timestamp) -> Timestamp {
        last(zone, at, self.0, 1, zone.to_datetime(at).date())
    }

    /// The first time after an instant that they do.
    #[must_use]
    pub fn next(self, zone: &TimeZone, at: Timestamp) -> Timestamp {
        next(zone, at, self.0, 1, zone.to_datetime(at).date())
    }
}

impl WeekTime {
    /// The last time at or before an instant that clocks in a zone showed it.
    #[must_use]
    pub fn last(self, zone: &TimeZone, at: Timestamp) -> Timestamp {
        last(zone, at, self.time, 7, self.day_near(zone, at))
    }

    /// The first time after an instant that they do.
    #[must_use]
    pub fn next(self, zone: &TimeZone, at: Timestamp) -> Timestamp {
        next(zone, at, self.time, 7, self.day_near(zone, at))
    }

    fn day_near(self, zone: &TimeZone, at: Timestamp) -> Date {
        let date = zone.to_datetime(at).date();
        date.saturating_sub(i64::from(date.weekday().since(self.weekday)).days())
    }
}

fn last(zone: &TimeZone, at: Timestamp, time: Time, step: i64, near: Date) -> Timestamp {
    let days = [near, near.saturating_sub(step.days()), near.saturating_sub((2 * step).days())];
    let shown = days.into_iter().map(|day| shown_at(zone, day.to_datetime(time)));
    shown.filter(|shown| *shown <= at).max().unwrap_or(Timestamp::MIN)
}

fn next(zone: &TimeZone, at: Timestamp, time: Time, step: i64, near: Date) -> Timestamp {
    let days = [near, near.saturating_add(step.days()), near.saturating_add((2 * step).days())];
    let shown = days.into_iter().map(|day| shown_at(zone, day.to_datetime(time)));
    shown.filter(|shown| *shown > at).min().unwrap_or(Timestamp::MAX)
}

fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |digits: &str| (digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse::<i8>().ok())?;
    Time::new(number(hour)?, number(minute)?, 0, 0).ok()
}

impl FromStr for DayTime {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        time(text.trim()).map(Self).ok_or_else(|| Unfit::new(DAY_TIME_FORM))
    }
}

impl FromStr for WeekTime {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        let unfit = || Unfit::new(WEEK_TIME_FORM);
        let (day, rest) = text.trim().split_once(char::is_whitespace).ok_or_else(unfit)?;
        let is = |name: &str| name.eq_ignore_ascii_case(day) || name.get(..3).is_some_and(|short| short.eq_ignore_ascii_case(day));
        let weekday = WEEKDAYS.iter().find(|(name, _)| is(name)).map(|(_, weekday)| *weekday).ok_or_else(unfit)?;
        Ok(Self { weekday, time: time(rest.trim()).ok_or_else(unfit)? })
    }
}

impl FromStr for WallTime {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        let unfit = || Unfit::new(WALL_TIME_FORM);
        let (day, rest) = text.trim().split_once([' ', 'T']).map_or((text.trim(), None), |(day, rest)| (day, Some(rest)));
        let date: Date = (day.len() == 10).then(|| day.parse().ok()).flatten().ok_or_else(unfit)?;
        let time = rest.map_or(Some(Time::midnight()), |rest| time(rest.trim())).ok_or_else(unfit)?;
        Ok(Self(date.to_datetime(time)))
    }
}

impl fmt::Display for WeekTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = WEEKDAYS.iter().find(|(_, weekday)| *weekday == self.weekday).map_or("", |(name, _)| name);
        write!(f, "{name} {:02}:{:02}", self.time.hour(), self.time.minute())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_read_off_a_clock() {
        assert_eq!("mon 09:05".parse::<WeekTime>().unwrap().to_string(), "Monday 09:05");
        assert_eq!("08:00".parse::<DayTime>().unwrap().0, Time::constant(8, 0, 0, 0));
        assert_eq!("2026-12-24".parse::<WallTime>().unwrap().0.to_string(), "2026-12-24T00:00:00");
        assert_eq!("2026-12-24 09:30".parse::<WallTime>().unwrap().0.to_string(), "2026-12-24T09:30:00");
        for no in ["", "Monday", "Moonday 09:00", "Monday 9:00", "Monday 24:00", "09:00"] {
            assert_eq!(no.parse::<WeekTime>().unwrap_err().to_string(), format!("expected {WEEK_TIME_FORM}"), "{no}");
        }
        for no in ["2026-2-1", "2026-02-30", "2026-12-24 9", "tomorrow"] {
            assert_eq!(no.parse::<WallTime>().unwrap_err().to_string(), format!("expected {WALL_TIME_FORM}"), "{no}");
        }
    }

    #[test]
    fn times_come_again_through_both_changes_of_the_clock() {
        let paris = jiff::tz::db().get("Europe/Paris").unwrap();
        let monday: WeekTime = "Monday 09:00".parse().unwrap();
        // The last Sunday of March is 23 h long, that of October 25 h.
        assert_eq!(monday.next(&paris, at("2026-03-23T08:00:00Z")), at("2026-03-30T07:00:00Z"));
        assert_eq!(monday.last(&paris, at("2026-03-30T06:59:59Z")), at("2026-03-23T08:00:00Z"));
        assert_eq!(monday.last(&paris, at("2026-10-26T08:00:00Z")), at("2026-10-26T08:00:00Z"));
        assert_eq!(monday.last(&paris, at("2026-10-26T07:59:59Z")), at("2026-10-19T07:00:00Z"));
        let night: DayTime = "02:30".parse().unwrap();
        assert_eq!(night.next(&paris, at("2026-03-28T12:00:00Z")), at("2026-03-29T01:30:00Z"), "skipped: an hour later");
        assert_eq!(night.next(&paris, at("2026-10-24T12:00:00Z")), at("2026-10-25T00:30:00Z"), "shown twice: the first time");
        assert_eq!(night.last(&paris, at("2026-10-25T02:00:00Z")), at("2026-10-25T00:30:00Z"));
    }
}
