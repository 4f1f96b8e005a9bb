//! `[on_call]`: who is on call (`E6`).

use super::Sources;
use super::keys::under;
use super::ladders::no_such_chat;
use crate::programme::document::{Field, Section};
use crate::programme::on_call::read::shifts;
use crate::programme::on_call::shifts::Shift;
use crate::programme::on_call::{Called, OnCall, Override, Rotation, Turns};
use crate::programme::problem::{Problem, Unfit, nearest};
use crate::programme::wall::{WallTime, WeekTime, shown_at};
use crate::programme::{Policy, Zone};
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::path::Path;
use toml::de::DeValue;

const PEOPLE: &str = "a list of people in brackets, in the order in which they take over, for example [\"ann\", \"ben\"]";
const SINCE: &str = "the day on which the first of `people` took over, like \"2026-01-05\"";

impl Sources<'_> {
    /// Who is on call by the file, if it says so. The policy has the zone and the channels already; `problems` are those of a calendar.
    pub(super) fn on_call(&self, root: &Section<'_>, policy: &Policy, folder: &Path, problems: &mut Vec<Problem>) -> Option<OnCall> {
        let section = root.get("on_call")?.section("an [on_call] table")?;
        section.only(&under("on_call"));
        let zone = zone(&section, policy);
        let (people, turns) = if let Some(field) = section.get("calendar") {
            for field in ["people", "since", "hand_over"].into_iter().filter_map(|key| section.get(key)) {
                field.refuse(Unfit::because("no such key beside `calendar`", "the calendar says who takes over and when"));
            }
            let shifts = zone.as_ref().and_then(|zone| self.shifts(&field, zone, folder, problems));
            let turns = named(&section, shifts).map(Turns::Calendar);
            (turns.as_ref().map(Turns::people), turns)
        } else {
            if let Some(field) = section.get("names") {
                field.refuse(Unfit::because("no `names` without `calendar`", "`people` are named as they are meant"));
            }
            rotation(&section)
        };
        let fallback = section.get("fallback").and_then(|field| field.filled().map(str::to_owned));
        let mut overrides = Vec::new();
        if let (Some(field), Some(zone)) = (section.get("overrides"), &zone) {
            for (index, section) in field.sections("a list of times in braces").into_iter().enumerate() {
                overrides.extend(agreed(&section.named(format!("on_call: override {}", index + 1)), zone));
            }
        }
        let agreed = overrides.iter().filter_map(|agreed| agreed.person.as_ref());
        let known: Vec<_> = people?.iter().chain(&fallback).chain(agreed).cloned().collect();
        let mentions = section.get("mention").map(|field| mentions(&field, &known, &policy.channels)).unwrap_or_default();
        let (zone, turns) = (zone?, turns?);
        Some(OnCall { zone, turns, overrides, fallback, mentions })
    }

    fn shifts(&self, field: &Field<'_>, zone: &Zone, folder: &Path, problems: &mut Vec<Problem>) -> Option<Vec<Shift>> {
        let path = folder.join(field.filled()?);
        match (self.read)(&path) {
            Ok(text) => shifts(&path.display().to_string(), &text, zone).map_err(|found| problems.extend(found)).ok(),
            Err(error) => {
                field.refuse(Unfit::because("an iCalendar file that can be read", format!("{}: {error}", path.display())));
                None
            }
        }
    }
}

/// The rotation, and its people where something else is wrong with it.
fn rotation(section: &Section<'_>) -> (Option<Vec<String>>, Option<Turns>) {
    let people = section.require("people", PEOPLE).and_then(|field| people(&field));
    let hand_over = match section.get("hand_over") {
        Some(field) => field.parsed::<WeekTime>(),
        None => "Monday 09:00".parse().ok(),
    };
    let since = section.require("since", SINCE).and_then(|field| since(&field, hand_over?));
    let turns = || Some(Rotation { people: people.clone()?, hand_over: hand_over?, since: since? });
    let turns = turns().map(Turns::Rotation);
    (people, turns)
}

/// Shifts of those who have the calendar's names, by the names that the desk knows.
fn named(section: &Section<'_>, shifts: Option<Vec<Shift>>) -> Option<Vec<Shift>> {
    let mut names = BTreeMap::new();
    let table = section.get("names").and_then(|field| field.section("a table of names by the summaries of the calendar"));
    for (summary, field) in table.iter().flat_map(Section::fields) {
        let known = || shifts.iter().flatten().map(|shift| shift.person.as_str());
        if shifts.is_some() && known().all(|person| person != summary) {
            let hint = nearest(summary, known()).map(|near| format!("the nearest is \"{near}\""));
            field.refuse(Unfit { expected: "the summary of a shift in the calendar".to_owned(), hint });
        }
        names.extend(field.filled().map(|name| (summary, name.to_owned())));
    }
    let called = |shift: Shift| Shift { person: names.get(shift.person.as_str()).cloned().unwrap_or(shift.person), ..shift };
    Some(shifts?.into_iter().map(called).collect())
}

/// The zone of a table that may name its own.
pub(super) fn zone(section: &Section<'_>, policy: &Policy) -> Option<Zone> {
    match section.get("time_zone") {
        Some(field) => field.checked(Zone::named(field.filled()?)),
        None => Zone::named(&policy.time_zone_name).ok(),
    }
}

fn people(field: &Field<'_>) -> Option<Vec<String>> {
    let elements = field.list(PEOPLE)?;
    if elements.is_empty() {
        field.refuse(Unfit::new("at least one person"));
        return None;
    }
    // Somebody may take two turns of a round.
    elements.iter().map(|element| element.filled().map(str::to_owned)).collect()
}

fn since(field: &Field<'_>, hand_over: WeekTime) -> Option<Date> {
    let unfit = |hint: &str| Unfit { expected: SINCE.to_owned(), hint: (!hint.is_empty()).then(|| hint.to_owned()) };
    let text = field.filled()?;
    let Some(day) = (text.len() == 10).then(|| text.parse::<Date>().ok()).flatten() else {
        field.refuse(unfit(""));
        return None;
    };
    if day.weekday() != hand_over.weekday {
        field.refuse(unfit(&format!("the hand-over is on {hand_over}, and this is another day of the week")));
        return None;
    }
    Some(day)
}

fn agreed(section: &Section<'_>, zone: &Zone) -> Option<Override> {
    section.only(&under("on_call.overrides[]"));
    let form = crate::programme::wall::WALL_TIME_FORM;
    let from = section.require("from", form).and_then(|field| field.parsed::<WallTime>());
    let until_field = section.require("until", form);
    let until = until_field.as_ref().and_then(Field::parsed::<WallTime>);
    let person = section.get("person").map(|field| field.filled().map(str::to_owned));
    let (from, until) = (shown_at(zone.rules(), from?.0), shown_at(zone.rules(), until?.0));
    if until <= from {
        until_field?.refuse(Unfit::because("an end after `from`", "a day without a time ends where it begins; write the day after it"));
        return None;
    }
    Some(Override { from, until, person: person.map_or(Some(None), |person| person.map(Some))? })
}

fn mentions(field: &Field<'_>, people: &[String], channels: &[String]) -> BTreeMap<String, Called> {
    const CALLED: &str = "a name as chats know it, or a table of such names by channel";
    let mut found = BTreeMap::new();
    let Some(section) = field.section("an [on_call.mention] table") else { return found };
    for (person, field) in section.fields() {
        if !people.iter().any(|known| known == person) {
            let near = nearest(person, people.iter().map(String::as_str)).map(|near| format!("the nearest is \"{near}\""));
            field.refuse(Unfit { expected: "somebody who is on call, or the fallback".to_owned(), hint: near });
            continue;
        }
        let mut called = Called::default();
        if matches!(field.value(), DeValue::Table(_)) {
            for (channel, field) in field.section(CALLED).into_iter().flat_map(|section| section.fields()) {
                if !channels.iter().any(|known| known == channel) {
                    field.refuse(no_such_chat(channel, channels));
                    continue;
                }
                called.in_channel.extend(field.filled().map(|name| (channel.to_owned(), name.to_owned())));
            }
        } else {
            called.everywhere = field.filled().map(str::to_owned);
        }
        found.insert(person.to_owned(), called);
    }
    found
}
