//! Days and instants as operators write them: a day is one of the programme's zone, an instant is RFC 3339 (`Q2`).

use crate::domain::partner::TierPeriod;
use crate::domain::window::start_of;
use crate::programme::problem::Unfit;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// What completes "expected …".
const FORM: &str = "a day like 2026-01-31, or an instant like 2026-01-31T09:30:00Z";

/// Years that can be written. Beyond them the calendar of some zone runs out.
const YEARS: std::ops::RangeInclusive<i16> = 1..=9998;

/// What a day means at the place where it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Edge {
    /// The first day inside: the instant at which it begins.
    From,
    /// The last day inside: the instant at which the next one begins.
    Until,
}

/// Reads a day or an instant. An instant is meant as it stands on either edge: the first one inside, or the first one after.
///
/// # Errors
/// Anything else.
pub(in crate::cli) fn read(text: &str, edge: Edge, zone: &TimeZone) -> Result<Timestamp, Unfit> {
    if !is_a_day(text) {
        let instant: Timestamp = text.parse().map_err(|_| Unfit::new(FORM))?;
        if !YEARS.contains(&zone.to_datetime(instant).year()) {
            return Err(out_of_years());
        }
        // The database keeps milliseconds; more would not compare equal with itself once stored.
        return Timestamp::from_millisecond(instant.as_millisecond()).map_err(|_| Unfit::new(FORM));
    }
    let day: Date = text.parse().map_err(|_| Unfit::because(FORM, "there is no such day"))?;
    if !YEARS.contains(&day.year()) {
        return Err(out_of_years());
    }
    let first = match edge {
        Edge::From => day,
        Edge::Until => day.tomorrow().map_err(|_| out_of_years())?,
    };
    Ok(start_of(zone, first))
}

fn out_of_years() -> Unfit {
    Unfit::because(FORM, format!("of a year from {} to {}; leave it out for a side without an end", YEARS.start(), YEARS.end()))
}

/// Strict, because a parser of dates also takes a local time and drops its hours.
fn is_a_day(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(place, byte)| if matches!(place, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() })
}

/// The first instant inside, as [`read`] takes it: its day where it begins one.
pub(super) fn from(at: Timestamp, zone: &TimeZone) -> String {
    day_begun(at, zone).map_or_else(|| at.to_string(), |day| day.to_string())
}

/// The first instant after, as [`read`] takes it: the day before where it begins one.
pub(super) fn until(at: Timestamp, zone: &TimeZone) -> String {
    let last = day_begun(at, zone).and_then(|day| day.yesterday().ok());
    last.map_or_else(|| at.to_string(), |day| day.to_string())
}

/// The local day of an instant.
pub(super) fn day_of(at: Timestamp, zone: &TimeZone) -> Date {
    zone.to_datetime(at).date()
}

fn day_begun(at: Timestamp, zone: &TimeZone) -> Option<Date> {
    let day = day_of(at, zone);
    (YEARS.contains(&day.year()) && start_of(zone, day) == at).then_some(day)
}

/// A span for people: `since always`, `from 2026-01-01 until 2026-12-31`, the last day included.
pub(super) fn span(from_at: Option<Timestamp>, until_at: Option<Timestamp>, zone: &TimeZone) -> String {
    match (from_at, until_at) {
        (None, None) => "since always".to_owned(),
        (Some(at), None) => format!("from {}", from(at, zone)),
        (None, Some(end)) => format!("until {}", until(end, zone)),
        (Some(at), Some(end)) => format!("from {} until {}", from(at, zone), until(end, zone)),
    }
}

/// A partner's tiers over time, in one line.
pub(super) fn tiers(periods: &[TierPeriod], zone: &TimeZone) -> String {
    if periods.is_empty() {
        return "no tier".to_owned();
    }
    let each: Vec<_> = periods.iter().map(|period| format!("{} {}", period.tier, span(period.from, period.until, zone))).collect();
    each.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paris() -> TimeZone {
        TimeZone::get("Europe/Paris").unwrap()
    }

    #[test]
    fn a_last_day_ends_where_the_next_begins_whatever_its_length() {
        let until_at = |day| read(day, Edge::Until, &paris()).unwrap().to_string();
        // 23, 25 and 24 hours long.
        assert_eq!(until_at("2026-03-28"), "2026-03-28T23:00:00Z");
        assert_eq!(until_at("2026-03-29"), "2026-03-29T22:00:00Z");
        assert_eq!(until_at("2026-10-25"), "2026-10-25T23:00:00Z");
        assert_eq!(read("2026-03-29", Edge::From, &paris()).unwrap().to_string(), "2026-03-28T23:00:00Z");
    }

    #[test]
    fn what_is_written_reads_back() {
        let zones = ["UTC", "Europe/Paris", "Asia/Beirut", "Pacific/Apia", "America/Sao_Paulo"];
        // Days around summer time, days that begin after midnight, and one that Samoa never had.
        let days = ["2026-03-29", "2026-10-25", "2021-03-28", "2011-12-29", "2011-12-31", "2018-11-04", "0001-01-01", "9998-12-31"];
        for zone in zones.map(|zone| TimeZone::get(zone).unwrap()) {
            for day in days {
                assert_eq!(from(read(day, Edge::From, &zone).unwrap(), &zone), day, "{zone:?}");
            }
            for at in ["2026-03-28T23:00:00Z", "2026-05-01T10:20:30.123Z", "2011-12-30T10:00:00Z"] {
                let at: Timestamp = at.parse().unwrap();
                assert_eq!(read(&from(at, &zone), Edge::From, &zone).unwrap(), at);
                assert_eq!(read(&until(at, &zone), Edge::Until, &zone).unwrap(), at);
            }
        }
    }

    #[test]
    fn other_forms_are_refused() {
        let why = |text| read(text, Edge::From, &paris()).unwrap_err().to_string();
        let form = format!("expected {FORM}");
        for text in ["", "01/02/2026", "2026-1-2", "20260102", "2026-01-02T10:00:00", "tomorrow"] {
            assert_eq!(why(text), form, "{text}");
        }
        assert_eq!(why("2026-02-30"), format!("{form}; there is no such day"));
        assert_eq!(why("9999-12-31"), format!("{form}; of a year from 1 to 9998; leave it out for a side without an end"));
    }
}
