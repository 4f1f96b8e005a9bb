//! Shifts from an iCalendar file (RFC 5545): each event is one, and its summary says whose. What cannot be told for sure is refused by
//! its line, not passed over: a shift that was missed here would be a ping that nobody hears.

use super::shifts::{Again, Shift};
use crate::programme::ical::{Event, Line, Moment, Reader, moment};
use crate::programme::problem::{Problem, Unfit};
use crate::programme::zone::Zone;
use jiff::SignedDuration;
use jiff::civil::{DateTime, Weekday};
use std::collections::BTreeSet;

const RULE_FORM: &str = "FREQ=DAILY or FREQ=WEEKLY, with INTERVAL, BYDAY, COUNT, UNTIL or WKST";
/// They would change when somebody is on call.
const NOT_READ: [&str; 2] = ["RDATE", "EXRULE"];
const WEEKDAYS: [(&str, Weekday); 7] = [
    ("MO", Weekday::Monday),
    ("TU", Weekday::Tuesday),
    ("WE", Weekday::Wednesday),
    ("TH", Weekday::Thursday),
    ("FR", Weekday::Friday),
    ("SA", Weekday::Saturday),
    ("SU", Weekday::Sunday),
];
/// A shift that comes so often is refused by its `COUNT`: it is a mistake.
const MOST_TIMES: u32 = 10_000;

/// An event that was read.
struct Found {
    shift: Shift,
    /// What the events of one series share.
    series: Option<String>,
    /// Which of its series it stands in the place of, as clocks of the series show it.
    instead_of: Option<Moment>,
    zone_of_instead: Option<Zone>,
}

/// The shifts of a file's text, of people by the summaries of the events. Times without a zone are read by `zone`.
pub(crate) fn shifts(file: &str, text: &str, zone: &Zone) -> Result<Vec<Shift>, Vec<Problem>> {
    let mut reader = Reader::new(file);
    let events = reader.events(text, "there is no shift in it").unwrap_or_default();
    let found: Vec<_> = events.iter().filter_map(|event| read(&mut reader, event, zone)).collect();
    let cancelled = events.iter().filter(|event| event.is_cancelled()).filter_map(|event| called_off(&mut reader, event, zone)).collect();
    if reader.problems.is_empty() { Ok(put_together(found, cancelled)) } else { Err(reader.problems) }
}

/// Leaves out of each series what other events stand in the place of, and what was called off.
fn put_together(found: Vec<Found>, cancelled: Vec<(String, Moment, Option<Zone>)>) -> Vec<Shift> {
    let moved = found.iter().filter_map(|one| Some((one.series.clone()?, one.instead_of?, one.zone_of_instead.clone())));
    let gone: Vec<_> = moved.chain(cancelled).collect();
    let leave_out = |one: Found| {
        let Found { mut shift, series, instead_of, .. } = one;
        if instead_of.is_none() {
            let of_it = gone.iter().filter(|(other, ..)| Some(other) == series.as_ref());
            shift.skipped.extend(of_it.map(|(_, moment, zone)| shown(*moment, zone.as_ref(), &shift.zone)));
        }
        shift
    };
    found.into_iter().map(leave_out).collect()
}

fn place_of(event: &Event) -> String {
    event.summary().map_or_else(|| "event".to_owned(), |name| format!("event \"{name}\""))
}

/// Which one of its series is called off by an event. A whole series that is called off is none.
fn called_off(reader: &mut Reader<'_>, event: &Event, zone: &Zone) -> Option<(String, Moment, Option<Zone>)> {
    let series = event.get("UID")?.value.clone();
    let line = event.get("RECURRENCE-ID")?;
    let (moment, own) = reader.checked(&place_of(event), line, |line| Ok((moment(&line.value)?, own_zone(line)?)))?;
    Some((series, moment, own.or_else(|| Some(zone.clone()))))
}

/// What an event comes to. `None` for one that was called off, or with a problem more.
fn read(reader: &mut Reader<'_>, event: &Event, zone: &Zone) -> Option<Found> {
    if event.is_cancelled() {
        return None;
    }
    let place = place_of(event);
    let before = reader.problems.len();
    reader.refuse_all(&place, event, &NOT_READ, "write such a shift as an event of its own");
    let Some(person) = event.summary() else {
        reader.refuse(event.line, "event: SUMMARY", None, Unfit::because("who is on call", "the property is missing or empty"));
        return None;
    };
    let zone = match event.get("DTSTART") {
        None => zone.clone(),
        Some(line) => reader.checked(&place, line, |line| Ok(own_zone(line)?.unwrap_or_else(|| zone.clone())))?,
    };
    let is_date = event.get("DTSTART").is_some_and(|line| moment(&line.value).is_ok_and(|moment| moment.is_date));
    let (first, end) = reader.bounds(&place, event, |line, moment| Ok(shown(moment, own_zone(line)?.as_ref(), &zone)))?;
    let until = end.or_else(|| if is_date { first.date().tomorrow().ok().map(|day| day.to_datetime(first.time())) } else { None });
    let length = until.map_or(SignedDuration::ZERO, |until| until.duration_since(first));
    if length.is_zero() {
        let unfit = Unfit::because("an end after DTSTART", "somebody is on call for a while");
        reader.refuse(event.line, &format!("{place}: DTEND"), None, unfit);
        return None;
    }
    let again = match reader.rule(&place, event) {
        None => None,
        Some(line) => Some(reader.checked(&place, line, |line| again(&line.value, first, &zone))?),
    };
    let mut skipped = BTreeSet::new();
    for line in event.all("EXDATE") {
        for value in line.value.split(',') {
            skipped.extend(reader.checked(&place, line, |line| {
                let left_out = moment(value)?;
                let shown = shown(left_out, own_zone(line)?.as_ref(), &zone);
                // A whole day holds the one that begins on it.
                Ok(if left_out.is_date { shown.date().to_datetime(first.time()) } else { shown })
            }));
        }
    }
    let (mut instead_of, mut zone_of_instead) = (None, None);
    if let Some(line) = event.get("RECURRENCE-ID") {
        if line.parameter("RANGE").is_some() {
            let unfit = Unfit::because("no RANGE", "write a series that changes as two");
            reader.refuse(line.number, &format!("{place}: RECURRENCE-ID"), Some(&line.value), unfit);
        }
        (instead_of, zone_of_instead) = reader.checked(&place, line, |line| Ok((Some(moment(&line.value)?), own_zone(line)?)))?;
        zone_of_instead = zone_of_instead.or_else(|| Some(zone.clone()));
    }
    let series = event.get("UID").map(|line| line.value.clone());
    let shift = Shift { person, zone, first, length, again, skipped };
    (reader.problems.len() == before).then_some(Found { shift, series, instead_of, zone_of_instead })
}

/// The zone that a line names; a time in UTC has that.
fn own_zone(line: &Line) -> Result<Option<Zone>, Unfit> {
    if line.value.ends_with('Z') {
        return Zone::named("UTC").map(Some);
    }
    let Some(name) = line.parameter("TZID") else { return Ok(None) };
    // What begins with a slash says first who defines the zone, and ends with its name.
    let mut rest = name.strip_prefix('/').unwrap_or(name);
    let mut known = Zone::named(rest);
    while let (Err(_), Some((_, shorter))) = (&known, rest.split_once('/').filter(|_| name.starts_with('/'))) {
        rest = shorter;
        known = Zone::named(rest);
    }
    known
        .map(Some)
        .map_err(|unfit| Unfit { hint: Some(format!("TZID is \"{name}\"; export the calendar with IANA zones, or in UTC")), ..unfit })
}

/// What clocks of `zone` show at a moment that was written by those of `own`.
fn shown(moment: Moment, own: Option<&Zone>, zone: &Zone) -> DateTime {
    match own {
        Some(own) if own != zone && !moment.is_date => {
            zone.rules().to_datetime(crate::programme::wall::shown_at(own.rules(), moment.written))
        }
        _ => moment.written,
    }
}

/// How a shift comes again that began at `first` by the clocks of `zone`.
fn again(rule: &str, first: DateTime, zone: &Zone) -> Result<Again, Unfit> {
    let refuse = |hint: &str| Unfit::because(RULE_FORM, hint);
    let (mut frequency, mut weekdays, mut every, mut week_start) = (None, Vec::new(), 1, Weekday::Monday);
    let (mut count, mut until) = (None, None);
    for part in rule.split(';').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.to_ascii_uppercase();
        let number = || value.parse::<i32>().ok().filter(|number| *number > 0);
        let day = |name: &str| WEEKDAYS.iter().find(|(known, _)| *known == name).map(|(_, day)| *day);
        match key.to_ascii_uppercase().as_str() {
            "FREQ" => frequency = Some(value),
            "INTERVAL" => {
                let few = number().filter(|every| *every <= 520);
                every = few.ok_or_else(|| refuse("INTERVAL is a whole number from 1 to 520"))?;
            }
            "WKST" => week_start = day(&value).ok_or_else(|| refuse("WKST is a day like MO"))?,
            "BYDAY" => {
                let days = value.split(',').map(day).collect::<Option<Vec<_>>>();
                weekdays = days.ok_or_else(|| refuse("BYDAY is a list of days like MO,TU"))?;
            }
            "COUNT" => {
                let most = number().and_then(|count| u32::try_from(count).ok()).filter(|count| *count <= MOST_TIMES);
                count = Some(most.ok_or_else(|| refuse("COUNT is a whole number from 1 to 10000"))?);
            }
            "UNTIL" => {
                let last = moment(&value).map_err(|unfit| refuse(&format!("UNTIL is {}", unfit.expected)))?;
                let utc = if last.is_utc { Some(Zone::named("UTC")?) } else { None };
                let last_shown = shown(last, utc.as_ref(), zone);
                // A day holds all that begins on it.
                let last_shown = if last.is_date { last_shown.date().to_datetime(first.time()) } else { last_shown };
                if last_shown < first {
                    return Err(refuse("UNTIL is before DTSTART"));
                }
                until = Some(last_shown);
            }
            _ => return Err(refuse(&format!("\"{part}\" is not read; write its shifts as events of their own"))),
        }
    }
    let is_weekly = match frequency.as_deref() {
        Some("WEEKLY") => true,
        Some("DAILY") => false,
        _ => return Err(refuse("write other shifts as events of their own")),
    };
    if !is_weekly && !weekdays.is_empty() {
        if every != 1 {
            return Err(refuse("BYDAY with FREQ=DAILY needs INTERVAL=1"));
        }
    } else if is_weekly && weekdays.is_empty() {
        weekdays.push(first.weekday());
    }
    if !weekdays.is_empty() && !weekdays.contains(&first.weekday()) {
        return Err(refuse("BYDAY has not the day of DTSTART"));
    }
    if count.is_some() && until.is_some() {
        return Err(refuse("COUNT or UNTIL, not both"));
    }
    let again = Again { weekdays, every, week_start, last: until };
    let counted = count.map(|count| again.beginning(first, count));
    Ok(Again { last: until.or(counted), ..again })
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
