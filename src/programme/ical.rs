//! iCalendar files (RFC 5545), as far as the holidays of a calendar and the shifts of who is on call both need it: the events with
//! their properties, and what a property's value says. What cannot be read is refused by its line, not passed over.

use super::problem::{Problem, Unfit};
use super::zone::Zone;
use jiff::Span;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

/// A value longer than this is not repeated in a message.
const SHOWN_VALUE: usize = 80;
/// What a [`Moment`] looks like, for messages.
pub(super) const MOMENT_FORM: &str = "a date like 20261224, or a time like 20261224T090000 or 20261224T080000Z";

/// A content line: `DTSTART;VALUE=DATE:20261224`.
pub(super) struct Line {
    /// Where it begins.
    pub(super) number: usize,
    pub(super) name: String,
    /// What stands before the value: the name and the parameters.
    head: String,
    pub(super) value: String,
}

impl Line {
    /// What a parameter says, without its quotes.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let mut quoted = false;
        let parts = self.head.split(move |c: char| {
            quoted ^= c == '"';
            c == ';' && !quoted
        });
        let found = parts.skip(1).filter_map(|part| part.split_once('=')).find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().trim_matches('"'))
    }
}

/// The properties of an event.
#[derive(Default)]
pub(super) struct Event {
    pub(super) line: usize,
    pub(super) properties: Vec<Line>,
}

impl Event {
    pub(super) fn get(&self, name: &str) -> Option<&Line> {
        self.properties.iter().find(|line| line.name == name)
    }

    pub(super) fn all<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Line> {
        self.properties.iter().filter(move |line| line.name == name)
    }

    /// What it is called, on one line.
    pub(super) fn summary(&self) -> Option<String> {
        let text = unescaped(&self.get("SUMMARY")?.value);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        (!text.is_empty()).then_some(text)
    }

    /// It was called off.
    pub(super) fn is_cancelled(&self) -> bool {
        self.get("STATUS").is_some_and(|line| line.value.eq_ignore_ascii_case("CANCELLED"))
    }
}

/// A file that is read, and what is wrong with it.
pub(super) struct Reader<'r> {
    pub(super) file: &'r str,
    pub(super) problems: Vec<Problem>,
}

impl<'r> Reader<'r> {
    pub(super) const fn new(file: &'r str) -> Self {
        Self { file, problems: Vec::new() }
    }

    pub(super) fn refuse(&mut self, line: usize, field: &str, value: Option<&str>, unfit: Unfit) {
        let value = value.filter(|value| !value.is_empty() && value.chars().count() <= SHOWN_VALUE).map(str::to_owned);
        let Unfit { expected, hint } = unfit;
        self.problems.push(Problem { file: self.file.to_owned(), line: Some(line), field: field.to_owned(), value, expected, hint });
    }

    /// What a property's value says, or a problem with it.
    pub(super) fn checked<T>(&mut self, place: &str, line: &Line, read: impl FnOnce(&Line) -> Result<T, Unfit>) -> Option<T> {
        read(line).map_err(|unfit| self.refuse(line.number, &format!("{place}: {}", line.name), Some(&line.value), unfit)).ok()
    }

    /// Refuses the properties that are not read.
    pub(super) fn refuse_all(&mut self, place: &str, event: &Event, names: &[&str], hint: &str) {
        for line in event.properties.iter().filter(|line| names.contains(&line.name.as_str())) {
            let unfit = Unfit::because(format!("no {}", line.name), hint);
            self.refuse(line.number, &format!("{place}: {}", line.name), Some(&line.value), unfit);
        }
    }

    /// When an event begins and ends, as the wall clock shows it that `shown` reads; the end is no part of it. Without either property it
    /// has no end of its own.
    pub(super) fn bounds(
        &mut self,
        place: &str,
        event: &Event,
        shown: impl Fn(&Line, Moment) -> Result<DateTime, Unfit>,
    ) -> Option<(DateTime, Option<DateTime>)> {
        let Some(start_line) = event.get("DTSTART") else {
            self.refuse(event.line, &format!("{place}: DTSTART"), None, Unfit::because(MOMENT_FORM, "the property is missing"));
            return None;
        };
        let start = self.checked(place, start_line, |line| shown(line, moment(&line.value)?))?;
        let end = match (event.get("DTEND"), event.get("DURATION")) {
            (Some(line), _) => Some((line, self.checked(place, line, |line| shown(line, moment(&line.value)?))?)),
            (None, Some(line)) => Some((line, self.checked(place, line, |line| after(start, &line.value))?)),
            (None, None) => None,
        };
        if let Some((line, _)) = end.filter(|(_, end)| *end < start) {
            let unfit = Unfit::because("an end that is not before DTSTART", format!("that is {}", start_line.value));
            self.refuse(line.number, &format!("{place}: {}", line.name), Some(&line.value), unfit);
            return None;
        }
        Some((start, end.map(|(_, end)| end)))
    }

    /// The rule by which an event comes again, if it does; a problem where there are several.
    pub(super) fn rule<'e>(&mut self, place: &str, event: &'e Event) -> Option<&'e Line> {
        let mut rules = event.all("RRULE");
        let first = rules.next();
        if let Some(second) = rules.next() {
            self.refuse(second.number, &format!("{place}: RRULE"), Some(&second.value), Unfit::new("one RRULE at most"));
        }
        first
    }

    /// The events. `None` where the file is no iCalendar file, or not a whole one. `none` is what is missing where there is no event.
    pub(super) fn events(&mut self, text: &str, none: &str) -> Option<Vec<Event>> {
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
            self.refuse(last, "the file", None, Unfit::because("at least one VEVENT", none));
            return None;
        }
        Some(events)
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

/// `NAME;PARAMETER="a:b":VALUE`; what most parameters say, the value shows too.
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
    (!name.is_empty()).then_some(Line { number, name, head: head.to_owned(), value })
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

/// `20261224`, `20261224T090000`, `20261224T080000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) written: DateTime,
    /// It ends in `Z`.
    pub(super) is_utc: bool,
    /// It is a whole day.
    pub(super) is_date: bool,
}

impl Moment {
    /// What the wall clock shows then: a time in UTC is read by the zone, another as it is written.
    pub(super) fn shown(self, zone: &Zone) -> DateTime {
        let at = Offset::UTC.to_timestamp(self.written).ok().filter(|_| self.is_utc);
        at.map_or(self.written, |at| zone.rules().to_datetime(at))
    }
}

/// What a date or a time says.
pub(super) fn moment(value: &str) -> Result<Moment, Unfit> {
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
    let is_utc = time.is_some_and(|time| time.ends_with('Z'));
    if is_utc {
        Offset::UTC.to_timestamp(written).map_err(|_| unfit())?;
    }
    Ok(Moment { written, is_utc, is_date: time.is_none() })
}

/// The end of what lasts `P1D` or `PT8H` from `start` on.
fn after(start: DateTime, length: &str) -> Result<DateTime, Unfit> {
    const FORM: &str = "a length like P1D, P2W or PT8H";
    // The parser knows other forms, too.
    let is_written_so = length.trim_start_matches(['+', '-']).starts_with('P');
    let span: Span = length.parse().ok().filter(|_| is_written_so).ok_or_else(|| Unfit::new(FORM))?;
    start.checked_add(span).map_err(|_| Unfit::new(FORM))
}
