//! `[[calendar]]` in a programme file, with the iCalendar files that it names.

use super::holiday::{HOLIDAY_FORM, HolidayRule};
use super::week::{PERIOD_FORM, Period, Week};
use super::{Calendar, ical};
use crate::programme::document::{Field, Section};
use crate::programme::parse::{ID, id, named, unique};
use crate::programme::problem::{Problem, Unfit, nearest};
use crate::programme::zone::{ZONE_FORM, Zone};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAYS_FORM: &str = "\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\" or \"sun\", or a range of them like \"mon-fri\"";
const HOURS_FORM: &str = "periods by day, for example { mon-fri = [\"09:00-12:30\", \"13:30-18:00\"] }";
const PERIODS_FORM: &str = "a list of periods in brackets, for example [\"09:00-12:30\", \"13:30-18:00\"]";

/// Where the other files that a programme file names are read.
pub(in crate::programme) struct Beside<'b> {
    /// The folder of the programme file.
    pub(in crate::programme) folder: &'b Path,
    pub(in crate::programme) read: &'b dyn Fn(&Path) -> io::Result<String>,
}

/// The calendars that a file defines, by id; one with a problem is known, and `None`.
#[derive(Default)]
pub(in crate::programme) struct Calendars(Vec<(String, Option<Calendar>)>);

impl Calendars {
    /// The calendars of the file. What is wrong with the files that they name goes to `problems`.
    pub(in crate::programme) fn read(root: &Section<'_>, beside: &Beside<'_>, problems: &mut Vec<Problem>) -> Self {
        let mut first_lines = BTreeMap::new();
        let sections = root.get("calendar").map(|field| field.sections("[[calendar]] tables")).unwrap_or_default();
        let mut found = Vec::new();
        for (index, section) in sections.into_iter().enumerate() {
            let section = named(section, "calendar", index);
            section.only(&["id", "name", "zone", "hours", "holidays", "holidays_file"]);
            let id_field = section.require("id", ID);
            if let Some(field) = &id_field {
                unique(field, "an id that no other calendar has", &mut first_lines);
            }
            let id = id_field.and_then(|field| id(&field));
            let calendar = calendar(&section, id.as_deref().unwrap_or_default(), beside, problems);
            found.extend(id.map(|id| (id, calendar)));
        }
        Self(found)
    }

    /// The calendar that a tier names. `None` with a problem more, there or here.
    pub(in crate::programme) fn named(&self, field: &Field<'_>) -> Option<Calendar> {
        let id = field.filled()?;
        if let Some((_, calendar)) = self.0.iter().find(|(known, _)| known == id) {
            return calendar.clone();
        }
        let near = nearest(id, self.0.iter().map(|(known, _)| known.as_str()));
        let hint = near.map_or_else(|| "the file has no [[calendar]]".to_owned(), |near| format!("the nearest is \"{near}\""));
        field.refuse(Unfit::because("the id of a [[calendar]]", hint));
        None
    }
}

fn calendar(section: &Section<'_>, id: &str, beside: &Beside<'_>, problems: &mut Vec<Problem>) -> Option<Calendar> {
    let name = section.get("name").and_then(|field| field.filled());
    let zone = section.require("zone", ZONE_FORM).and_then(|field| field.checked(Zone::named(field.filled()?)));
    let hours = section.require("hours", HOURS_FORM);
    let week = hours.as_ref().and_then(week);
    let holidays_field = section.get("holidays");
    let mut holidays = holidays_field.as_ref().and_then(holidays).unwrap_or_default();
    let file_field = section.get("holidays_file");
    // Without a zone, times in UTC would fall on the wrong days; its own problem stands already.
    if let (Some(field), Some(zone)) = (&file_field, &zone) {
        holidays.extend(from_file(field, zone, beside, problems)?);
    }
    let week = week?;
    let key = match &file_field {
        _ if week.is_empty() => "hours",
        Some(_) => "holidays_file",
        None => "holidays",
    };
    let calendar = Calendar::new(id, name, zone?, week, holidays);
    match section.get(key) {
        Some(field) => field.checked(calendar),
        // Without holidays nothing can be wrong with them.
        None => calendar.ok(),
    }
}

fn from_file(field: &Field<'_>, zone: &Zone, beside: &Beside<'_>, problems: &mut Vec<Problem>) -> Option<Vec<HolidayRule>> {
    let path = beside.folder.join(field.filled()?);
    match (beside.read)(&path) {
        Ok(text) => ical::holidays(&path.display().to_string(), &text, zone).map_err(|found| problems.extend(found)).ok(),
        Err(error) => {
            field.refuse(Unfit::because("an iCalendar file that can be read", format!("{}: {error}", path.display())));
            None
        }
    }
}

fn holidays(field: &Field<'_>) -> Option<Vec<HolidayRule>> {
    let form = format!("a list in brackets of what is each {HOLIDAY_FORM}");
    Some(field.list(&form)?.iter().filter_map(Field::parsed).collect())
}

fn week(field: &Field<'_>) -> Option<Week> {
    let table = field.section(HOURS_FORM)?;
    let mut days: [Vec<Period>; 7] = Default::default();
    // Which key has a day already.
    let mut taken: [Option<&str>; 7] = [None; 7];
    for (key, field) in table.fields() {
        let Some(places) = places(key) else {
            let near = nearest(key, DAYS);
            field.refuse(Unfit { expected: DAYS_FORM.to_owned(), hint: near.map(|near| format!("the nearest is \"{near}\"")) });
            continue;
        };
        let periods = periods(&field);
        for (place, ((day, taken), name)) in days.iter_mut().zip(&mut taken).zip(DAYS).enumerate() {
            if !places.contains(&place) {
                continue;
            }
            if let Some(other) = taken.replace(key) {
                field.refuse(Unfit::because("each day once", format!("\"{other}\" says when {name} is open")));
                break;
            }
            day.clone_from(&periods);
        }
    }
    // The periods of a day were checked one by one, so that a problem has its line.
    Week::new(days).ok()
}

/// The days of a key, from Monday as 0: `mon`, `mon-fri`, `sat-mon`.
fn places(key: &str) -> Option<Vec<usize>> {
    let place = |name: &str| DAYS.iter().position(|day| *day == name);
    let (first, last) = key.split_once('-').unwrap_or((key, key));
    let (first, last) = (place(first)?, place(last)?);
    let length = (last + DAYS.len() - first) % DAYS.len();
    Some((0..=length).map(|on| (first + on) % DAYS.len()).collect())
}

fn periods(field: &Field<'_>) -> Vec<Period> {
    let mut found: Vec<Period> = Vec::new();
    for element in field.list(PERIODS_FORM).unwrap_or_default() {
        let Some(period) = element.parsed::<Period>() else { continue };
        match found.iter().find(|other| other.overlaps(period)) {
            Some(other) => element.refuse(Unfit::because(PERIOD_FORM, format!("it overlaps {other}"))),
            None => found.push(period),
        }
    }
    found
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
