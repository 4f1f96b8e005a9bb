//! Holidays from an iCalendar file (RFC 5545): all-day events, once or every year. What cannot be a holiday is refused by its line,
//! not passed over: a day that was missed here would be a broken promise.

use super::holiday::{HolidayRule, MonthDay};
use crate::programme::ical::{Event, Reader, moment};
use crate::programme::problem::{Problem, Unfit};
use crate::programme::zone::Zone;
use jiff::civil::{Date, Time};

const RULE_FORM: &str = "FREQ=YEARLY, with COUNT or UNTIL at most";
/// They would change which days an event has.
const NOT_READ: [&str; 4] = ["RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID"];

/// The holidays of a file's text. Times in UTC are read by the zone, others as they are written.
pub(super) fn holidays(file: &str, text: &str, zone: &Zone) -> Result<Vec<HolidayRule>, Vec<Problem>> {
    let mut reader = Reader::new(file);
    let events = reader.events(text, "there is no holiday in it");
    let found = events.map(|events| events.iter().filter_map(|event| holiday(&mut reader, event, zone)).collect::<Vec<_>>());
    match found {
        Some(holidays) if reader.problems.is_empty() => Ok(holidays),
        _ => Err(reader.problems),
    }
}

/// What an event comes to. `None` for one that was called off, or with a problem more.
fn holiday(reader: &mut Reader<'_>, event: &Event, zone: &Zone) -> Option<HolidayRule> {
    let name = event.summary().and_then(|name| HolidayRule::tidy_name(&name));
    let place = name.as_ref().map_or_else(|| "event".to_owned(), |name| format!("event \"{name}\""));
    if event.is_cancelled() {
        return None;
    }
    let before = reader.problems.len();
    reader.refuse_all(&place, event, &NOT_READ, "write such a day as an event of its own");
    let (start, end) = reader.bounds(&place, event, |_, moment| Ok(moment.shown(zone)))?;
    let first = start.date();
    let last = match end {
        None => first,
        // The end is no part of it: until midnight is until the day before. Some write a single day with its end on itself.
        Some(end) if end.time() == Time::midnight() => end.date().yesterday().unwrap_or(first).max(first),
        Some(end) => end.date(),
    };
    let rule = match reader.rule(&place, event) {
        None => HolidayRule::Dates { on: first, to: Some(last).filter(|last| *last != first), name },
        Some(line) => {
            let until = reader.checked(&place, line, |line| yearly(&line.value, first, last, zone))?;
            let to = Some(MonthDay::of(last)).filter(|_| last != first);
            HolidayRule::Yearly { yearly: MonthDay::of(first), to, since: Some(first.year()), until, name }
        }
    };
    (reader.problems.len() == before).then_some(rule)
}

/// Until which year an event from `first` to `last` comes again; `None` for ever.
fn yearly(rule: &str, first: Date, last: Date, zone: &Zone) -> Result<Option<i16>, Unfit> {
    let refuse = |hint: &str| Unfit::because(RULE_FORM, hint);
    let day = MonthDay::of(first);
    let mut frequency = None;
    let mut until = None;
    for part in rule.split(';').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let same = |number: i8| value.parse() == Ok(number);
        let bound = match key.to_ascii_uppercase().as_str() {
            "FREQ" => {
                frequency = Some(value.to_ascii_uppercase());
                continue;
            }
            // These say nothing new.
            "WKST" => continue,
            "INTERVAL" if same(1) => continue,
            "BYMONTH" if same(first.month()) => continue,
            "BYMONTHDAY" if same(first.day()) => continue,
            "COUNT" => {
                let count =
                    value.parse::<usize>().ok().filter(|count| *count > 0).ok_or_else(|| refuse("COUNT is a whole number above 0"))?;
                // Years that do not have the day do not count.
                (first.year()..=Date::MAX.year()).filter(|year| day.in_year(*year).is_some()).nth(count - 1).unwrap_or(Date::MAX.year())
            }
            "UNTIL" => {
                let end = moment(value).map_err(|unfit| refuse(&format!("UNTIL is {}", unfit.expected)))?.shown(zone).date();
                if end < first {
                    return Err(refuse("UNTIL is before DTSTART"));
                }
                if MonthDay::of(end) < day { end.year() - 1 } else { end.year() }
            }
            _ => return Err(refuse(&format!("\"{part}\" is not read; write its days as events of their own"))),
        };
        if until.replace(bound).is_some() {
            return Err(refuse("COUNT or UNTIL, not both"));
        }
    }
    if frequency.as_deref() != Some("YEARLY") {
        return Err(refuse("write other days as events of their own"));
    }
    // Over the end of February the same number of days does not end on the same day every year.
    let march = [first.year(), last.year()].iter().any(|year| {
        let february = Date::new(*year, 2, 28).unwrap_or(first);
        first <= february && february < last
    });
    if last != first && (march || day.is_leap_day()) {
        return Err(refuse("over the end of February no two years are alike; write each year's days as an event of their own"));
    }
    Ok(until)
}

#[cfg(test)]
#[path = "ical_tests.rs"]
mod tests;
