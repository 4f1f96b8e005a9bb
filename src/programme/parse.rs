//! The programme file: from TOML to [`Programme`], with every problem that can be found in one reading.

use super::calendar::Calendar;
use super::calendar::read::{Beside, Calendars};
use super::document::{Document, Field, Section};
use super::problem::{Problem, Unfit, nearest};
use super::{Allowance, Benefit, BenefitKind, BenefitValue, Money, Programme, Target, Tier, TierId};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use toml::de::DeValue;

/// The built-in programme's name in messages.
const BUILTIN_FILE: &str = "built-in programme";

const SOME_TIERS: &str = "at least one [[tier]] with id, name and response";
const AMOUNT: &str = "an amount like 25 or 49.50";
/// A target takes at most this many weeks of its calendar, a century: more is a slip.
const MOST_WEEKS: i128 = 5200;
pub(super) const ID: &str = "1 to 64 letters, digits, \"-\", \"_\" or \".\"";

/// Every key of the programme file: its name, its default, what it means.
pub const KEYS: &[(&str, &str, &str)] = &[
    ("name", "Partner programme", "The programme's name."),
    ("currency", "USD", "Code of the currency of every amount."),
    ("downgrade_notice_days", "none", "Days a partner has, after a move to a lower tier, to bring its use of the logo in line."),
    ("notes", "none", "Sentences shown with what a tier includes."),
    ("benefit[].id", "required", "What `[tier.includes]` calls the benefit."),
    ("benefit[].name", "required", "What people read."),
    ("benefit[].kind", "flag", "flag, text, percent, money, count, rank or allowance."),
    ("benefit[].obligation", "false", "Whether it is something that the partner owes."),
    ("calendar[].id", "required", "What a tier's `calendar` names."),
    ("calendar[].name", "its id", "What people read."),
    ("calendar[].zone", "required", "IANA zone whose wall clock counts."),
    ("calendar[].hours", "required", "Periods by day: { mon-fri = [\"09:00-12:30\", \"13:30-18:00\"], sat = [\"10:00-12:00\"] }."),
    ("calendar[].holidays", "none", "Days that are closed, with names: 2026-12-24, 12-25 Christmas Day, 12-27..12-30."),
    ("calendar[].holidays_file", "none", "An iCalendar file with more of them, relative to this file."),
    ("tier[].id", "required", "What the partner list names."),
    ("tier[].name", "required", "What people read."),
    ("tier[].response", "required", "Answer within this long: 4h, 90m, 20s."),
    ("tier[].calendar", "around the clock", "The id of the calendar in whose open time the target is counted."),
    ("tier[].tickets", "none", "Tickets in each window: 10/week, 15/month, 0/week or unlimited. Left out: no tickets."),
    ("tier[].price", "none", "Price a month."),
    ("tier[].includes", "none", "Values by benefit id."),
];

impl Programme {
    /// The programme that is built in: the published table.
    ///
    /// # Panics
    /// Never in a build whose tests pass: the built-in file is part of the program.
    #[must_use]
    #[expect(clippy::unreachable, reason = "a build whose built-in file does not load fails its tests")]
    pub fn builtin() -> Self {
        match Self::parse(BUILTIN_FILE, include_str!("default.toml")) {
            Ok(programme) => programme,
            Err(problems) => unreachable!("the built-in programme does not load: {problems:?}"),
        }
    }

    /// Reads a programme file that names no other file. `file` is its name in messages.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        Self::parse_with(Path::new(file), text, &|_| Err(io::ErrorKind::NotFound.into()))
    }

    /// Reads a programme file. `file` is its name in messages and where the files that it names are looked for; `read` gives their text.
    ///
    /// # Errors
    /// Everything that is wrong with it and with them.
    pub fn parse_with(file: &Path, text: &str, read: &dyn Fn(&Path) -> io::Result<String>) -> Result<Self, Vec<Problem>> {
        let document = Document::new(&file.display().to_string(), text);
        let beside = Beside { folder: file.parent().unwrap_or(Path::new("")), read };
        let mut of_other_files = Vec::new();
        let programme = document.parse().map(|table| whole(&document.root(&table), &beside, &mut of_other_files));
        let mut problems = document.into_problems();
        problems.append(&mut of_other_files);
        match programme {
            Some(programme) if problems.is_empty() => Ok(programme),
            _ => Err(problems),
        }
    }
}

fn whole(root: &Section<'_>, beside: &Beside<'_>, of_other_files: &mut Vec<Problem>) -> Programme {
    root.only(&["name", "currency", "downgrade_notice_days", "notes", "benefit", "calendar", "tier"]);
    let name = root.get("name").map_or(Some("Partner programme"), |field| field.filled()).unwrap_or_default();
    let currency = root.get("currency").map_or(Some("USD".to_owned()), |field| currency(&field)).unwrap_or_default();
    let downgrade_notice_days = root.get("downgrade_notice_days").and_then(|field| field.whole(0..=3650));
    let notes = root.get("notes").and_then(|field| field.texts()).unwrap_or_default();
    let benefits = benefits(root);
    let calendars = Calendars::read(root, beside, of_other_files);
    let mut tiers: Vec<Tier> = Vec::new();
    let mut first_lines: BTreeMap<String, usize> = BTreeMap::new();
    if let Some(field) = root.get("tier") {
        let sections = field.sections("[[tier]] tables");
        if sections.is_empty() && field.list_is_empty() {
            field.refuse(Unfit::new(SOME_TIERS));
        }
        for (index, section) in sections.into_iter().enumerate() {
            let section = named(section, "tier", index);
            if let Some(id) = section.get("id") {
                unique(&id, "an id that no other tier has", &mut first_lines);
            }
            tiers.extend(tier(&section, index, &benefits, &calendars, &currency));
        }
    } else {
        root.refuse("tier", Unfit::because(SOME_TIERS, "without a tier nobody has tickets"));
    }
    Programme { name: name.to_owned(), tiers, benefits, currency, downgrade_notice_days, notes }
}

/// The section under the name that messages give it: by its id, else by its number.
pub(super) fn named<'a>(section: Section<'a>, what: &str, index: usize) -> Section<'a> {
    let place = match section.get("id").as_ref().map(Field::value) {
        Some(DeValue::String(id)) if !id.trim().is_empty() => format!("{what} \"{}\"", id.trim()),
        _ => format!("{what} {}", index + 1),
    };
    section.named(place)
}

/// Refuses an id that was seen before, whatever its case.
pub(super) fn unique(id: &Field<'_>, expected: &str, first_lines: &mut BTreeMap<String, usize>) {
    let DeValue::String(text) = id.value() else { return };
    let key = text.trim().to_ascii_lowercase();
    match first_lines.get(&key) {
        Some(line) => id.refuse(Unfit::because(expected, format!("line {line} has it already"))),
        None => drop(first_lines.insert(key, id.line())),
    }
}

pub(super) fn id(field: &Field<'_>) -> Option<String> {
    let text = field.text()?.trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.len() > 64 || !text.chars().all(fits) {
        field.refuse(Unfit::new(ID));
        return None;
    }
    Some(text.to_owned())
}

fn currency(field: &Field<'_>) -> Option<String> {
    let text = field.text()?.trim();
    if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Some(text.to_owned());
    }
    field.refuse(Unfit::new("a currency code of three capitals like \"USD\""));
    None
}

fn benefits(root: &Section<'_>) -> Vec<Benefit> {
    let mut first_lines = BTreeMap::new();
    let sections = root.get("benefit").map(|field| field.sections("[[benefit]] tables")).unwrap_or_default();
    let read = |(index, section): (usize, Section<'_>)| {
        let section = named(section, "benefit", index);
        section.only(&["id", "name", "kind", "obligation"]);
        let id_field = section.require("id", ID);
        if let Some(field) = &id_field {
            unique(field, "an id that no other benefit has", &mut first_lines);
        }
        let name = section.require("name", "a name that people read").and_then(|field| field.filled());
        let kind = section.get("kind").map_or(Some(BenefitKind::Flag), |field| field.parsed());
        let obligation = section.get("obligation").and_then(|field| field.flag()).unwrap_or_default();
        Some(Benefit { id: id(&id_field?)?, name: name?.to_owned(), kind: kind?, obligation })
    };
    sections.into_iter().enumerate().filter_map(read).collect()
}

fn tier(section: &Section<'_>, rank: usize, benefits: &[Benefit], calendars: &Calendars, currency: &str) -> Option<Tier> {
    section.only(&["id", "name", "tickets", "response", "calendar", "price", "includes"]);
    let id = section.require("id", ID).and_then(|field| id(&field));
    let name = section.require("name", "a name that people read").and_then(|field| field.filled());
    let response_field = section.require("response", super::duration::DURATION_FORM);
    let response = response_field.as_ref().and_then(Field::parsed);
    let calendar = section.get("calendar").and_then(|field| calendars.named(&field));
    if let (Some(field), Some(response), Some(calendar)) = (&response_field, response, &calendar) {
        refuse_centuries(field, response, calendar);
    }
    let tickets = section.get("tickets").and_then(|field| tickets(&field));
    let price_cents = section.get("price").and_then(|field| amount(&field, AMOUNT));
    let includes = section.get("includes").and_then(|field| field.section("a table of benefits"));
    let includes = includes.map(|table| included(&table, benefits, currency)).unwrap_or_default();
    Some(Tier { id: TierId(id?), name: name?.to_owned(), rank, tickets, response: response?, calendar, price_cents, includes })
}

/// `S6`: a target that its calendar does not come to is as good as none.
fn refuse_centuries(field: &Field<'_>, response: Target, calendar: &Calendar) {
    let weeks = response.duration().as_nanos() / calendar.week().length().as_nanos().max(1);
    if weeks > MOST_WEEKS {
        let expected = format!("a target that is over within {MOST_WEEKS} weeks of the calendar \"{}\"", calendar.id());
        field.refuse(Unfit::because(expected, format!("this one takes {weeks}")));
    }
}

/// `Q3`: an empty text is an error, for having no tickets is written by leaving the key out.
fn tickets(field: &Field<'_>) -> Option<Allowance> {
    const NONE: &str = "leave the key out for a tier without tickets";
    match field.value() {
        DeValue::String(text) => {
            let clear = |unfit: Unfit| Unfit { hint: unfit.hint.or_else(|| Some(NONE.to_owned())), ..unfit };
            field.checked(text.parse().map_err(clear))
        }
        _ => field.parsed(),
    }
}

fn amount(field: &Field<'_>, expected: &str) -> Option<i64> {
    let cents = match field.value() {
        DeValue::Integer(number) if number.radix() == 10 => Money::cents(number.as_str()),
        DeValue::Float(number) => Money::cents(number.as_str()),
        _ => None,
    };
    if cents.is_none() {
        field.refuse(Unfit::new(expected));
    }
    cents
}

fn included(table: &Section<'_>, benefits: &[Benefit], currency: &str) -> BTreeMap<String, BenefitValue> {
    let ids: Vec<&str> = benefits.iter().map(|benefit| benefit.id.as_str()).collect();
    let mut values = BTreeMap::new();
    for (key, field) in table.fields() {
        let Some(benefit) = benefits.iter().find(|benefit| benefit.id == key) else {
            let near = nearest(key, ids.iter().copied());
            let hint = near.map_or_else(|| "the file has no [[benefit]]".to_owned(), |near| format!("the nearest is \"{near}\""));
            field.refuse(Unfit::because("the id of a [[benefit]]", hint));
            continue;
        };
        values.extend(value(&field, benefit.kind, currency).map(|value| (benefit.id.clone(), value)));
    }
    values
}

fn value(field: &Field<'_>, kind: BenefitKind, currency: &str) -> Option<BenefitValue> {
    let number = |least| match field.value() {
        DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok().filter(|number| *number >= least),
        _ => None,
    };
    let text = match field.value() {
        DeValue::String(text) => Some(text.trim()).filter(|text| !text.is_empty()),
        _ => None,
    };
    let value = match (kind, field.value()) {
        (BenefitKind::Flag, DeValue::Boolean(included)) => Some(BenefitValue::Flag(*included)),
        (BenefitKind::Flag, _) => None,
        (BenefitKind::Text, _) => text.map(|text| BenefitValue::Text(text.to_owned())),
        (BenefitKind::Percent, _) => text.and_then(BenefitValue::percent),
        (BenefitKind::Money, _) => {
            let cents = amount(field, kind.form())?;
            Some(BenefitValue::Money(Money { cents, currency: currency.to_owned() }))
        }
        (BenefitKind::Count, _) => number(0).map(BenefitValue::Count),
        (BenefitKind::Rank, _) => number(1).map(BenefitValue::Rank),
        (BenefitKind::Allowance, _) => return field.parsed().map(BenefitValue::Allowance),
    };
    if value.is_none() {
        field.refuse(Unfit::new(kind.form()));
    }
    value
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
