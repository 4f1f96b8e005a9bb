//! Calendars of working time (`S6`): when somebody is there to answer.
//!
//! An instant is open if the clock on the wall of the calendar's zone then shows a time inside a period of its day of the week,
//! on a date that is no holiday. Nothing else is meant, and everything follows: where the clock is turned back, the hour that it shows
//! twice counts twice; an hour that is skipped does not count, nor does a date that a zone leaves out.

mod holiday;
mod ical;
pub(super) mod read;
mod week;

pub use holiday::{HOLIDAY_FORM, Holiday, HolidayRule, MonthDay};
pub use week::{PERIOD_FORM, Period, Week};

use super::problem::Unfit;
use super::zone::Zone;
use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::sync::Arc;

/// More holidays than this are not kept: a copy of the calendar goes with every ticket.
pub const MOST_HOLIDAYS: usize = 1000;
/// Five centuries: no deadline is looked for beyond them.
const FARTHEST: SignedDuration = SignedDuration::from_hours(24 * 365 * 500);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A calendar: a zone, the hours of a week, holidays. Cheap to clone; kept as a whole in what was promised by it (`S5`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar(Arc<Parts>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Parts {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    zone: Zone,
    week: Week,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    holidays: Vec<HolidayRule>,
}

/// Time with one offset from UTC.
struct Stretch {
    offset: Offset,
    end: Timestamp,
}

impl Calendar {
    /// A calendar that is open at some time.
    ///
    /// # Errors
    /// It never is: no period, or every day of the year a holiday; or more than [`MOST_HOLIDAYS`].
    pub fn new(id: &str, name: Option<&str>, zone: Zone, week: Week, holidays: Vec<HolidayRule>) -> Result<Self, Unfit> {
        Self::checked(Parts { id: id.to_owned(), name: name.map(str::to_owned), zone, week, holidays })
    }

    fn checked(parts: Parts) -> Result<Self, Unfit> {
        if parts.week.is_empty() {
            return Err(Unfit::because("at least one period in the week", "this calendar is never open"));
        }
        if parts.holidays.len() > MOST_HOLIDAYS {
            let found = parts.holidays.len();
            return Err(Unfit::because(format!("at most {MOST_HOLIDAYS} holidays"), format!("there are {found}; leave past ones out")));
        }
        if holiday::leave_no_day(&parts.holidays) {
            return Err(Unfit::because("a day of the year that is no holiday", "this calendar is never open"));
        }
        Ok(Self(Arc::new(parts)))
    }

    /// What a tier names.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// What people read: its name, else its id.
    #[must_use]
    pub fn title(&self) -> &str {
        self.0.name.as_deref().unwrap_or(&self.0.id)
    }

    /// Whose wall clock counts.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.0.zone
    }

    /// The periods.
    #[must_use]
    pub fn week(&self) -> &Week {
        &self.0.week
    }

    /// The holidays as they are defined.
    #[must_use]
    pub fn holidays(&self) -> &[HolidayRule] {
        &self.0.holidays
    }

    /// Whether it is open at an instant.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> bool {
        let shown = self.0.zone.rules().to_datetime(at);
        let inside = self.0.week.periods(shown.date().weekday()).iter().any(|period| period.contains(shown.time()));
        inside && !self.0.holidays.iter().any(|rule| rule.covers(shown.date()))
    }

    /// The first instant by which so much open time has passed since `start`, exactly; `start` itself for none or less. The end of time
    /// where that is not within five centuries.
    #[must_use]
    pub fn add(&self, start: Timestamp, worked: SignedDuration) -> Timestamp {
        if worked <= SignedDuration::ZERO {
            return start;
        }
        let (done, at) = self.walk(start, instant(start.as_duration() + FARTHEST), worked);
        if done < worked { Timestamp::MAX } else { at }
    }

    /// The open time in `[from, to)`.
    #[must_use]
    pub fn worked(&self, from: Timestamp, to: Timestamp) -> SignedDuration {
        self.walk(from, to, SignedDuration::MAX).0
    }

    /// The holidays without which there would be more open time in `[from, to)`: those that moved a deadline. In order, each date once.
    #[must_use]
    pub fn holidays_between(&self, from: Timestamp, to: Timestamp) -> Vec<Holiday> {
        let mut found: Vec<Holiday> = Vec::new();
        let mut at = from;
        while at < to {
            let Stretch { offset, end } = self.stretch(at, to);
            let mut next = self.next_holiday(offset.to_datetime(at).date());
            while let Some(date) = next.filter(|date| midnight(*date, offset) < end.as_duration()) {
                let closed = self.0.week.periods(date.weekday()).iter().any(|period| {
                    let (open, close) = (midnight(date, offset) + period.start(), midnight(date, offset) + period.end());
                    open.max(at.as_duration()) < close.min(end.as_duration())
                });
                // A date can come twice, where the clock is turned back over midnight.
                if closed && !found.iter().any(|holiday| holiday.date == date) {
                    let mut rules = self.0.holidays.iter().filter(|rule| rule.covers(date));
                    found.push(Holiday { date, name: rules.find_map(HolidayRule::name).map(str::to_owned) });
                }
                next = date.tomorrow().ok().and_then(|date| self.next_holiday(date));
            }
            at = end;
        }
        // From the first minutes of a day the clock can go back to the day before.
        found.sort_by_key(|holiday| holiday.date);
        found
    }

    /// The same calendar without the holidays that are over at an instant: for what is counted from then on it is the same.
    #[must_use]
    pub fn from_then_on(&self, at: Timestamp) -> Self {
        // A day more, since a date can come again where the clock is turned back over midnight.
        let shown = self.0.zone.rules().to_datetime(at).date();
        let date = shown.yesterday().unwrap_or(shown);
        let mut parts = Parts::clone(&self.0);
        parts.holidays.retain(|rule| !rule.is_over(date));
        Self(Arc::new(parts))
    }

    /// Goes from `from` towards `to` until `limit` has been open, day by day, over whole weeks at once where no holiday and no change
    /// of the clock lies in them. How much was open, and where it came to an end.
    fn walk(&self, from: Timestamp, to: Timestamp, limit: SignedDuration) -> (SignedDuration, Timestamp) {
        let a_week = self.0.week.length();
        let mut done = SignedDuration::ZERO;
        let mut at = from;
        while at < to {
            let Stretch { offset, end } = self.stretch(at, to);
            let last = offset.to_datetime(end).date();
            let mut date = offset.to_datetime(at).date();
            let mut holiday = self.next_holiday(date);
            while midnight(date, offset) < end.as_duration() {
                let midnight = midnight(date, offset);
                let free = holiday.map_or(last, |holiday| holiday.min(last));
                let whole = date.duration_until(free).as_hours() / (24 * 7);
                if whole > 0 && midnight >= at.as_duration() {
                    // Never all that is left: where in the last week it ends is for its days to say.
                    let left = (limit - done).as_nanos() - 1;
                    let weeks = i128::from(whole).min(left / a_week.as_nanos().max(1));
                    let weeks = i32::try_from(weeks).unwrap_or_default();
                    if weeks > 0 {
                        done += a_week * weeks;
                        date = date.saturating_add(DAY * 7 * weeks);
                        continue;
                    }
                }
                if holiday != Some(date) {
                    for period in self.0.week.periods(date.weekday()) {
                        let open = (midnight + period.start()).max(at.as_duration());
                        let close = (midnight + period.end()).min(end.as_duration());
                        let left = limit - done;
                        if close > open && close - open >= left {
                            return (limit, instant(open + left));
                        }
                        done += (close - open).max(SignedDuration::ZERO);
                    }
                }
                let Ok(tomorrow) = date.tomorrow() else { break };
                if holiday == Some(date) {
                    holiday = self.next_holiday(tomorrow);
                }
                date = tomorrow;
            }
            at = end;
        }
        (done, to)
    }

    /// How the zone's clock goes at an instant, and until when it goes so, at most until `to`.
    fn stretch(&self, at: Timestamp, to: Timestamp) -> Stretch {
        let rules = self.0.zone.rules();
        let change = rules.following(at).next().map(|change| change.timestamp());
        Stretch { offset: rules.to_offset(at), end: change.map_or(to, |change| change.min(to)) }
    }

    /// The first holiday that is not before a date.
    fn next_holiday(&self, date: Date) -> Option<Date> {
        self.0.holidays.iter().filter_map(|rule| rule.next(date)).min()
    }
}

/// When a clock with this offset shows midnight, counted from 1970 in UTC. In a stretch of one offset the rest of the day follows evenly.
fn midnight(date: Date, offset: Offset) -> SignedDuration {
    date.duration_since(Date::constant(1970, 1, 1)) - SignedDuration::from_secs(i64::from(offset.seconds()))
}

fn instant(since_1970: SignedDuration) -> Timestamp {
    Timestamp::from_duration(since_1970).unwrap_or(Timestamp::MAX)
}

impl Serialize for Calendar {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Calendar {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::checked(Parts::deserialize(from)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
