//! Holidays from an iCalendar file (RFC 5545): all-day events, once or every year. What cannot be a holiday is refused by its line,
//! not passed over: a day that was missed here would be a broken promise.

use super::holiday::{HolidayRule, MonthDay};
use crate::programme::problem::{Problem, Unfit};
use crate::programme::zone::Zone;
use jiff::civil::{Date, DateTime, Time};
use jiff::{Span, tz::Offset};

/// A value longer than this is not repeated in a message.
const SHOWN_VALUE: usize = 80;
const MOMENT_FORM: &str = "a date like 20261224, or a time like 20261224T090000 or 20261224T080000Z";
const RULE_FORM: &str = "FREQ=YEARLY, with COUNT or UNTIL at most";
/// They would change which days an event has.
const NOT_READ: [&str; 4] = ["RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID"];

/// A content line: `DTSTART;VALUE=DATE:20261224`.
struct Line {
    /// Where it begins.
    number: usize,
    name: String,
    value: String,
}

/// The properties of an event that were seen so far.
#[derive(Default)]
struct Event {
    line: usize,
    properties: Vec<Line>,
}

struct Reader<'r> {
    file: &'r str,
    zone: &'r Zone,
    problems: Vec<Problem>,
}

/// The holidays of a file's text. Times in UTC are read by the zone, others as they are written.
pub(super) fn holidays(file: &str, text: &str, zone: &Zone) -> Result<Vec<HolidayRule>, Vec<Problem>> {
    let mut reader = Reader { file, zone, problems: Vec::new() };
    let found = reader.events(text).map(|events| events.iter().filter_map(|event| reader.holiday(event)).collect::<Vec<_>>());
    match found {
        Some(holidays) if reader.problems.is_empty() => Ok(holidays),
        _ => Err(reader.problems),
    }
}

impl Reader<'_> {
    fn refuse(&mut self, line: usize, field: &str, value: Option<&str>, unfit: Unfit) {
        let value = value.filter(|value| !value.is_empty() && value.chars().count() <= SHOWN_VALUE).map(str::to_owned);
        let Unfit { expected, hint } = unfit;
        self.problems.push(Problem { file: self.file.to_owned(), line: Some(line), field: field.to_owned(), value, expected, hint });
    }

    /// The events. `None` where the file is no iCalendar file, or not a whole one.
    fn events(&mut self, text: &str) -> Option<Vec<Event>> {
        const SYNTAX: &str = "iCalendar syntax";
        let mut events = Vec::new();
        let mut inside: Vec<String> = Vec::new();
        let mut last = 1;
        for (number, written) in unfolded(text) {
            last = number;
            let Some(line) = content(number, &written) else {
                self.refuse(number, SYNTAX, Some(&written), Unfit::new("NAME:VALUE"));
                return None;
            };
            if inside.is_empty() && !(line.name == "BEGIN" && line.value == "VCALENDAR") {
                let begin = Unfit::because("BEGIN:VCALENDAR", "an iCalendar file begins so");
                self.refuse(number, SYNTAX, Some(&written), begin);
                return None;
            }
            match line.name.as_str() {
                "BEGIN" => {
                    inside.push(line.value);
                    if inside.len() == 2 && inside.last().is_some_and(|part| part == "VEVENT") {
                        events.push(Event { line: number, properties: Vec::new() });
                    }
                }
                "END" => {
                    let open = inside.pop().unwrap_or_default();
                    if open != line.value {
                        self.refuse(number, SYNTAX, Some(&written), Unfit::new(format!("END:{open}")));
                        return None;
                    }
                }
                // A part of an event, an alarm for one, has properties of its own.
                _ if inside.len() == 2 && inside.last().is_some_and(|part| part == "VEVENT") => {
                    if let Some(event) = events.last_mut() {
                        event.properties.push(line);
                    }
                }
                _ => {}
            }
        }
        if let Some(open) = inside.last() {
            self.refuse(last, SYNTAX, None, Unfit::because(format!("END:{open}"), "the file ends before it"));
            return None;
        }
        if events.is_empty() {
            self.refuse(last, "the file", None, Unfit::because("at least one VEVENT", "there is no holiday in it"));
            return None;
        }
        Some(events)
    }

    /// What an event comes to. `None` for one that was called off, or with a problem more.
    fn holiday(&mut self, event: &Event) -> Option<HolidayRule> {
        let name = event.get("SUMMARY").and_then(|line| HolidayRule::tidy_name(&unescaped(&line.value)));
        let place = name.as_ref().map_or_else(|| "event".to_owned(), |name| format!("event \"{name}\""));
        if event.get("STATUS").is_some_and(|line| line.value.eq_ignore_ascii_case("CANCELLED")) {
            return None;
        }
        let before = self.problems.len();
        for line in event.properties.iter().filter(|line| NOT_READ.contains(&line.name.as_str())) {
            let unfit = Unfit::because(format!("no {}", line.name), "write such a day as an event of its own");
            self.refuse(line.number, &format!("{place}: {}", line.name), Some(&line.value), unfit);
        }
        let Some(start_line) = event.get("DTSTART") else {
            self.refuse(event.line, &format!("{place}: DTSTART"), None, Unfit::because(MOMENT_FORM, "the property is missing"));
            return None;
        };
        let start = self.checked(&place, start_line, |zone, value| moment(value, zone))?;
        let first = start.date();
        let end = match (event.get("DTEND"), event.get("DURATION")) {
            (Some(line), _) => Some((line, self.checked(&place, line, |zone, value| moment(value, zone))?)),
            (None, Some(line)) => Some((line, self.checked(&place, line, |_, value| after(start, value))?)),
            (None, None) => None,
        };
        let last = match end {
            None => first,
            Some((line, end)) if end < start => {
                let unfit = Unfit::because("an end that is not before DTSTART", format!("that is {}", start_line.value));
                self.refuse(line.number, &format!("{place}: {}", line.name), Some(&line.value), unfit);
                return None;
            }
            // The end is no part of it: until midnight is until the day before. Some write a single day with its end on itself.
            Some((_, end)) if end.time() == Time::midnight() => end.date().yesterday().unwrap_or(first).max(first),
            Some((_, end)) => end.date(),
        };
        let rules: Vec<_> = event.properties.iter().filter(|line| line.name == "RRULE").collect();
        let rule = match rules[..] {
            [] => HolidayRule::Dates { on: first, to: Some(last).filter(|last| *last != first), name },
            [line] => {
                let until = self.checked(&place, line, |zone, value| yearly(value, first, last, zone))?;
                let to = Some(MonthDay::of(last)).filter(|_| last != first);
                HolidayRule::Yearly { yearly: MonthDay::of(first), to, since: Some(first.year()), until, name }
            }
            [_, second, ..] => {
                self.refuse(second.number, &format!("{place}: RRULE"), Some(&second.value), Unfit::new("one RRULE at most"));
                return None;
            }
        };
        (self.problems.len() == before).then_some(rule)
    }

    fn checked<T>(&mut self, place: &str, line: &Line, read: impl FnOnce(&Zone, &str) -> Result<T, Unfit>) -> Option<T> {
        let found = read(self.zone, &line.value);
        found.map_err(|unfit| self.refuse(line.number, &format!("{place}: {}", line.name), Some(&line.value), unfit)).ok()
    }
}

impl Event {
    fn get(&self, name: &str) -> Option<&Line> {
        self.properties.iter().find(|line| line.name == name)
    }
}

/// The content lines with where each begins. A line that begins with a blank goes on with the one before.
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, before))) => before.push_str(rest),
            _ if line.trim().is_empty() => {}
            _ => lines.push((index + 1, line.to_owned())),
        }
    }
    lines
}

/// `NAME;PARAMETER="a:b":VALUE`; what the parameters say, the value shows too.
fn content(number: usize, line: &str) -> Option<Line> {
    let mut quoted = false;
    let colon = line.find(|c: char| {
        quoted ^= c == '"';
        c == ':' && !quoted
    })?;
    let (head, value) = line.split_at(colon);
    let name = head.split(';').next().unwrap_or_default().trim().to_ascii_uppercase();
    let mut value = value.strip_prefix(':')?.trim().to_owned();
    if name == "BEGIN" || name == "END" {
        value.make_ascii_uppercase();
    }
    (!name.is_empty()).then_some(Line { number, name, value })
}

/// A text without its escapes: `\,`, `\;`, `\\`, and `\n` for a new line.
fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.push(match c {
            '\\' => match chars.next() {
                Some('n' | 'N') | None => ' ',
                Some(other) => other,
            },
            c => c,
        });
    }
    plain
}

/// `20261224`, `20261224T090000`, `20261224T080000Z`: what the wall clock shows then.
fn moment(value: &str, zone: &Zone) -> Result<DateTime, Unfit> {
    let unfit = || Unfit::new(MOMENT_FORM);
    let (date, time) = value.split_once('T').map_or((value, None), |(date, time)| (date, Some(time)));
    let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i16>().ok()).flatten();
    let part = |text: &str, from: usize, to: usize| text.get(from..to).and_then(number);
    let small = |text: &str, from: usize, to: usize| part(text, from, to).and_then(|number| i8::try_from(number).ok());
    if date.len() != 8 || time.is_some_and(|time| time.strip_suffix('Z').unwrap_or(time).len() != 6) {
        return Err(unfit());
    }
    let read = || {
        let date = (part(date, 0, 4)?, small(date, 4, 6)?, small(date, 6, 8)?);
        let time = time.map_or(Some((0, 0, 0)), |time| Some((small(time, 0, 2)?, small(time, 2, 4)?, small(time, 4, 6)?)))?;
        Some((date, time))
    };
    let ((year, month, day), (hour, minute, second)) = read().ok_or_else(unfit)?;
    let date = Date::new(year, month, day).map_err(|_| Unfit::because(MOMENT_FORM, "there is no such day"))?;
    let time_of_day = Time::new(hour, minute, second, 0).map_err(|_| Unfit::because(MOMENT_FORM, "no clock shows this time"))?;
    let written = DateTime::from_parts(date, time_of_day);
    if !time.is_some_and(|time| time.ends_with('Z')) {
        return Ok(written);
    }
    Offset::UTC.to_timestamp(written).map(|at| zone.rules().to_datetime(at)).map_err(|_| unfit())
}

/// The end of what lasts `P1D` or `PT8H` from `start` on.
fn after(start: DateTime, length: &str) -> Result<DateTime, Unfit> {
    const FORM: &str = "a length like P1D, P2W or PT8H";
    let span: Span = length.parse().map_err(|_| Unfit::new(FORM))?;
    start.checked_add(span).map_err(|_| Unfit::new(FORM))
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
                let end = moment(value, zone).map_err(|unfit| refuse(&format!("UNTIL is {}", unfit.expected)))?.date();
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
